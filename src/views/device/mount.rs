//! Volumes of containers: `rootfs=local-lvm:8` and `mp0=local-lvm:20,mp=/data,backup=1` to make one,
//! `local:200/vm-200-disk-0.raw,size=1G` as they are read back, `/mnt/share,mp=/share` for a directory of the node.

use super::{Device, Head, Prop, Properties, check, choices, disk, put, put_default};
use crate::ui::{Choices, Form, Values};

/// The setting `rootfs`. Around it the fields look at `kind.STORAGE` (its type) and `free.STORAGE` (bytes).
pub const ROOTFS: Device = Device {
    fields: root_fields,
    head: Some(Head { read, write }),
    props: &[
        Prop::text("acl", "acl"),
        Prop::flag("quota", "quota", false).when(takes_quota),
        Prop::flag("replicate", "replicate", true),
        Prop::flag("ro", "ro", false),
        Prop::flag("shared", "shared", false),
        Prop::text("idmap", "idmap"),
    ],
};

/// A setting `mpN`. Around it the same as for [`ROOTFS`], and `user`, because only root@pam may give a directory of the
/// node to a container.
pub const MOUNT: Device = Device {
    fields: mount_fields,
    head: Some(Head { read, write }),
    props: &[
        Prop::text("mp", "mp"),
        Prop::text("acl", "acl"),
        Prop::flag("backup", "backup", false).when(is_volume),
        Prop::flag("quota", "quota", false).when(takes_quota),
        Prop::flag("replicate", "replicate", true),
        Prop::flag("ro", "ro", false),
        Prop::flag("shared", "shared", false),
        Prop::text("idmap", "idmap"),
        Prop::flag("keepattrs", "keepattrs", false),
    ],
};

const OPTIONS: [&str; 6] = ["discard", "lazytime", "noatime", "nodev", "noexec", "nosuid"];

/// A volume of a storage, not a directory or device of the node.
fn is_volume(values: &Values) -> bool {
    values.get("source") != "bind"
}

fn is_new(values: &Values) -> bool {
    values.get("volume").is_empty()
}

fn is_new_volume(values: &Values) -> bool {
    is_new(values) && is_volume(values)
}

fn is_bind(values: &Values) -> bool {
    !is_volume(values)
}

/// ZFS has quotas of its own.
fn takes_quota(values: &Values) -> bool {
    let storage = values.get("volume").split(':').next().unwrap_or_default();
    let storage = if storage.is_empty() { values.get("storage") } else { storage };
    values.get(&format!("kind.{storage}")) != "zfspool"
}

fn warn_quota(text: &str, values: &Values) -> Option<String> {
    (text == "1" && values.is_on("unprivileged")).then(|| "has no effect in an unprivileged container".into())
}

fn check_path(text: &str, values: &Values) -> Result<(), String> {
    check::part(text, values)?;
    if !text.starts_with('/') || text.split('/').any(|part| part == ".." || part == ".") {
        return Err("must be a path from the root, for example /data".into());
    }
    if text.chars().all(|c| c == '/') {
        return Err("is the root disk".into());
    }
    let plain = |path: &str| path.trim_end_matches('/').to_owned();
    let same = super::items(values, "mp").iter().filter(|item| plain(item.get("mp")) == plain(text)).count();
    if same > 1 { Err("is the path of another mount point, too".into()) } else { Ok(()) }
}

fn check_source(text: &str, values: &Values) -> Result<(), String> {
    check::part(text, values)?;
    if text.starts_with('/') && text.len() > 1 { Ok(()) } else { Err("must be a path on the node".into()) }
}

fn check_idmap(text: &str, _: &Values) -> Result<(), String> {
    let part = |part: &str| {
        let fields: Vec<&str> = part.split(':').collect();
        let number = |text: &&str| text.parse::<u32>().is_ok();
        matches!(fields.as_slice(), [kind, rest @ ..]
            if matches!(*kind, "u" | "g") && rest.len() == 3 && rest.iter().all(number) && rest[2] != "0")
    };
    if text == "passthrough" || text.split(';').all(part) {
        return Ok(());
    }
    Err("must be passthrough or maps like u:0:100000:65536;g:0:100000:65536".into())
}

fn volume(form: Form) -> Form {
    form.select("storage", "Storage", Choices::Loading)
        .required()
        .check(check::part)
        .check(check::root_storage)
        .when(is_new_volume)
        .text("size", "Size")
        .initial("8")
        .unit("GiB")
        .required()
        .check(check::size)
        .check(disk::check_size)
        .warn(disk::warn_size)
        .when(is_new_volume)
}

fn options(form: Form) -> Form {
    form.multi("mountoptions", "Mount options", super::plain(&OPTIONS))
        .placeholder("none")
        .advanced()
        .select("acl", "ACLs", choices(&[("", "of the storage (default)"), ("1", "yes"), ("0", "no")]))
        .advanced()
        .toggle("quota", "Quotas")
        .help("User quotas inside the container.")
        .warn(warn_quota)
        .when(takes_quota)
        .advanced()
        .toggle("ro", "Read-only")
        .advanced()
        .toggle("replicate", "Replicate")
        .initial("1")
        .help("Off: replication jobs skip this volume.")
        .advanced()
        .toggle("shared", "Shared")
        .help("It is there on all nodes, though its storage isn't a shared one. Nothing is shared by this.")
        .advanced()
        .text("idmap", "ID mapping")
        .placeholder("of the container")
        .help("Users and groups of the container on the volume: u:INSIDE:ON DISK:COUNT, several between ;.")
        .check(check_idmap)
        .advanced()
}

fn root_fields(form: Form) -> Form {
    options(volume(form))
}

fn mount_fields(form: Form) -> Form {
    let form = volume(form)
        .text("mp", "Path")
        .placeholder("/data")
        .required()
        .help("Where the container sees it.")
        .check(check_path)
        .toggle("backup", "Backup")
        .initial("1")
        .when(is_volume);
    let form = form
        .select("source", "Kind", choices(&[("", "volume"), ("bind", "directory of the node")]))
        .help("A directory of the node is given to the container as it is; only root@pam may do that.")
        .warn(check::root_only)
        .when(is_new)
        .advanced()
        .text("bind", "Directory")
        .placeholder("/mnt/share")
        .required()
        .check(check_source)
        .when(is_bind)
        .advanced();
    options(form)
        .toggle("keepattrs", "Keep attributes")
        .help("A new volume gets owner and rights of the directory on which it is mounted.")
        .advanced()
}

/// What stands for the volume.
fn wanted(values: &Values) -> String {
    let (volume, storage) = (values.get("volume"), values.get("storage"));
    match values.get("source") {
        "bind" => values.get("bind").to_owned(),
        _ if !volume.is_empty() => volume.to_owned(),
        _ if storage.is_empty() => String::new(),
        _ => format!("{storage}:{}", values.get("size")),
    }
}

fn listed(values: &Values) -> Vec<&str> {
    values.get("mountoptions").split([',', ';']).filter(|option| !option.is_empty()).collect()
}

fn read(text: &Properties, values: &mut Values) {
    disk::read_volume(text, values, "volume", "storage");
    let whole = values.get("volume").to_owned();
    let bind = whole.starts_with('/');
    let new = text.default_key("volume").and_then(|volume| volume.split_once(':'));
    let size = new.filter(|_| whole.is_empty()).map_or("", |(_, size)| size);
    values.set("size", size);
    values.set("source", if bind { "bind" } else { "" });
    values.set("bind", if bind { &whole } else { "" });
    if bind {
        values.set("volume", "");
    }
    values.set("mountoptions", text.get("mountoptions").unwrap_or_default().replace(';', ","));
}

fn write(text: &mut Properties, new: &Values, before: &Values) {
    let volume = wanted(new);
    if !volume.is_empty() && (text.is_empty() || volume != wanted(before)) {
        put_default(text, "volume", &volume);
    }
    if text.is_empty() || listed(new) != listed(before) {
        match listed(new).join(";") {
            none if none.is_empty() => drop(text.remove("mountoptions")),
            some => put(text, "mountoptions", &some),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn volumes_are_made_and_kept() {
        let new = Values::from_iter([("storage", "local-lvm"), ("size", "20"), ("mp", "/data"), ("backup", "1")]);
        assert_eq!(MOUNT.to_text(&new, None), "local-lvm:20,mp=/data,backup=1");
        let old = "store2:200/vm-200-disk-0.raw,mp=/data,backup=1,size=1G,future=1";
        let mut values = MOUNT.from_text(old);
        assert_eq!((values.get("volume"), values.get("mp")), ("store2:200/vm-200-disk-0.raw", "/data"));
        values.set("mountoptions", "noatime,discard");
        values.set("backup", "0");
        values.set("ro", "1");
        assert_eq!(
            MOUNT.to_text(&values, Some(old)),
            "store2:200/vm-200-disk-0.raw,mp=/data,size=1G,future=1,mountoptions=noatime;discard,ro=1"
        );
        let root = "volume=local:8,acl=1";
        let mut values = ROOTFS.from_text(root);
        assert_eq!((values.get("storage"), values.get("size"), values.get("acl")), ("local", "8", "1"));
        values.set("size", "9");
        assert_eq!(ROOTFS.to_text(&values, Some(root)), "volume=local:9,acl=1");
    }

    #[test]
    fn directories_of_the_node_are_bound() {
        let old = "/mnt/a=b,mp=/share,ro=1";
        let values = MOUNT.from_text(old);
        assert_eq!(MOUNT.to_text(&values, Some(old)), old);
        let old = "/mnt/share,mp=/share,backup=1";
        let mut values = MOUNT.from_text(old);
        assert_eq!((values.get("source"), values.get("bind")), ("bind", "/mnt/share"));
        values.set("bind", "/mnt/other");
        assert_eq!(MOUNT.to_text(&values, Some(old)), "/mnt/other,mp=/share,backup=1");
        let mut form = MOUNT.edit("/mnt/share,mp=/share", Values::default());
        assert_eq!(form.values().get("bind"), "/mnt/share");
        assert!(!form.values().contains("storage"));
        form.set("bind", "mnt");
        assert!(!form.validate());
    }

    #[test]
    fn paths_and_maps_are_checked() {
        let values = Values::from_iter([("mp0.mp", "/data"), ("mp1.mp", "/data/")]);
        for bad in ["data", "/", "/a/../b", "/a,b", "/data"] {
            assert!(check_path(bad, &values).is_err(), "{bad}");
        }
        assert!(check_path("/srv/www", &values).is_ok());
        assert!(check_idmap("passthrough", &values).is_ok() && check_idmap("u:0:1:0", &values).is_err());
        assert!(check_idmap("u:0:100000:65536;g:0:100000:65536", &values).is_ok());
        let zfs = Values::from_iter([("kind.tank", "zfspool"), ("storage", "tank")]);
        assert!(!takes_quota(&zfs) && takes_quota(&Values::default()));
    }
}
