//! Devices of the node in a container: `dev0=/dev/dri/renderD128,gid=104,mode=0660`. Only root@pam may set them.

use super::{Device, Prop, check};
use crate::ui::{Form, Values};

/// A setting `devN` of a container.
pub const PASSTHROUGH: Device = Device {
    fields,
    head: None,
    props: &[
        Prop::bare("path", "path"),
        Prop::text("uid", "uid"),
        Prop::text("gid", "gid"),
        Prop::text("mode", "mode"),
        Prop::flag("deny-write", "deny-write", false),
    ],
};

fn check_path(text: &str, values: &Values) -> Result<(), String> {
    check::part(text, values)?;
    let good = text.strip_prefix("/dev/").is_some_and(|rest| !rest.is_empty() && !rest.split('/').any(|p| p == ".."));
    if good { Ok(()) } else { Err("must be a device of the node, for example /dev/dri/renderD128".into()) }
}

fn check_mode(text: &str, _: &Values) -> Result<(), String> {
    let good = text.len() == 4 && text.starts_with('0') && text.chars().all(|c| ('0'..='7').contains(&c));
    if good { Ok(()) } else { Err("must be 0 and three octal digits, for example 0660".into()) }
}

fn fields(form: Form) -> Form {
    form.text("path", "Device")
        .placeholder("/dev/dri/renderD128")
        .required()
        .help("A device node of the node, given to the container. Only root@pam may do that.")
        .check(check_path)
        .warn(check::root_only)
        .number("uid", "User ID", 0..=i64::from(u32::MAX))
        .placeholder("0")
        .help("Who owns it in the container.")
        .number("gid", "Group ID", 0..=i64::from(u32::MAX))
        .placeholder("0")
        .text("mode", "Access mode")
        .placeholder("0660")
        .check(check_mode)
        .toggle("deny-write", "Read-only")
        .help("The container can't write to the device.")
        .advanced()
}
