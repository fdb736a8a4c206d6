//! Devices of the node in a container: `dev0=/dev/dri/renderD128,gid=104,mode=0660`.

use super::{Device, Prop, check};
use crate::ui::{Form, Values};

/// A setting `devN`; only root@pam may make one.
pub const PASSTHROUGH: Device = Device {
    fields,
    head: None,
    props: &[
        Prop::bare("dev.path", "path"),
        Prop::text("dev.uid", "uid"),
        Prop::text("dev.gid", "gid"),
        Prop::text("dev.mode", "mode"),
        Prop::flag("dev.deny", "deny-write", false),
    ],
};

fn check_path(text: &str, _: &Values) -> Result<(), String> {
    let good = text.strip_prefix("/dev/").is_some_and(|rest| !rest.is_empty() && !rest.contains(".."));
    if good { Ok(()) } else { Err("must be a path below /dev, for example /dev/dri/renderD128".into()) }
}

fn check_mode(text: &str, _: &Values) -> Result<(), String> {
    let octal = text.len() == 4 && text.starts_with('0') && text.chars().all(|c| ('0'..='7').contains(&c));
    if octal { Ok(()) } else { Err("must be four octal digits, for example 0660".into()) }
}

fn fields(form: Form) -> Form {
    form.text("dev.path", "Device path")
        .placeholder("/dev/dri/renderD128")
        .required()
        .help("A device node of the server. Only root@pam may pass one on.")
        .check(check::part)
        .check(check_path)
        .number("dev.uid", "User id in the container", 0..=i64::from(u32::MAX))
        .placeholder("0")
        .number("dev.gid", "Group id in the container", 0..=i64::from(u32::MAX))
        .placeholder("0")
        .text("dev.mode", "Access mode")
        .placeholder("0660")
        .check(check_mode)
        .toggle("dev.deny", "Deny writing")
        .advanced()
}
