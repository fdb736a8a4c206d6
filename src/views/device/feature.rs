//! What a container may do besides the usual: `features=nesting=1,keyctl=1,mount=nfs;cifs`.

use super::{Device, Prop, check};
use crate::ui::{Form, Values};

/// The setting `features`. Around it the fields look at `unprivileged` and `user`: only root@pam may set them, all but
/// nesting of an unprivileged container.
pub const FEATURES: Device = Device {
    fields,
    head: None,
    props: &[
        Prop::flag("features.nesting", "nesting", false),
        Prop::flag("features.keyctl", "keyctl", false),
        Prop::flag("features.fuse", "fuse", false),
        Prop::flag("features.mknod", "mknod", false),
        Prop::flag("features.force_rw_sys", "force_rw_sys", false),
        Prop::text("features.mount", "mount"),
    ],
};

fn warn_nesting(text: &str, values: &Values) -> Option<String> {
    if values.is_on("unprivileged") { None } else { check::root_only(text, values) }
}

fn warn_unprivileged(text: &str, values: &Values) -> Option<String> {
    if text == "1" && values.contains("unprivileged") && !values.is_on("unprivileged") {
        return Some("has an effect only in unprivileged containers".into());
    }
    check::root_only(text, values)
}

fn check_types(text: &str, _: &Values) -> Result<(), String> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ';' | ' ');
    if text.chars().all(good) {
        Ok(())
    } else {
        Err("must be file system types between ;, for example nfs;cifs".into())
    }
}

fn fields(form: Form) -> Form {
    form.toggle("features.nesting", "Nesting")
        .help("Containers in the container, and what newer systemd needs. Shows it procfs and sysfs of the node.")
        .warn(warn_nesting)
        .toggle("features.keyctl", "keyctl")
        .help("The system call keyctl(), which Docker in an unprivileged container needs. Only root@pam.")
        .warn(warn_unprivileged)
        .advanced()
        .toggle("features.fuse", "FUSE")
        .help("File systems in user space. They may block when the container is frozen, as for backups. Only root@pam.")
        .warn(check::root_only)
        .advanced()
        .toggle("features.mknod", "mknod")
        .help("Lets an unprivileged container make certain device nodes; experimental. Only root@pam.")
        .warn(warn_unprivileged)
        .advanced()
        .toggle("features.force_rw_sys", "Writable /sys")
        .help("Mounts /sys of an unprivileged container writable; newer systemd-networkd may fail then. Only root@pam.")
        .warn(warn_unprivileged)
        .advanced()
        .text("features.mount", "Mount types")
        .placeholder("none")
        .help("File systems that the container may mount itself, for example nfs;cifs. Only root@pam.")
        .check(check_types)
        .warn(check::root_only)
        .advanced()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_only_root_may_is_said_beforehand() {
        let values = Values::from_iter([("user", "ops@pve"), ("unprivileged", "1")]);
        assert_eq!(warn_nesting("1", &values), None);
        assert_eq!(warn_unprivileged("1", &values).unwrap(), "only root@pam may set this: ops@pve will be refused");
        assert_eq!(warn_unprivileged("0", &values), None);
        let values = Values::from_iter([("user", "root@pam"), ("unprivileged", "0")]);
        assert_eq!(warn_nesting("1", &values), None);
        assert!(warn_unprivileged("1", &values).unwrap().contains("unprivileged"));
        assert!(check_types("nfs; cifs", &values).is_ok() && check_types("nfs,cifs", &values).is_err());
    }
}
