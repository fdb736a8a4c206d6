//! Why a guest can't be snapshot, told before anybody tries.

use crate::{
    api::{
        cluster::{Guest, Storage},
        guest::Config,
        ids::GuestKind,
    },
    store::Store,
};

/// What is in the way by the guest's state alone.
pub fn by_state(guest: &Guest) -> Option<String> {
    guest.template.then(|| "a template has no snapshots: clone it, and snapshot the clone".into())
}

/// What the disks have that snapshots do not work with: a reason for each. Empty when nothing is in the way as far as can
/// be told from here; the server's own word counts more.
pub fn by_disks(kind: GuestKind, config: &Config, store: &Store, running: bool) -> Vec<String> {
    let type_of = |name: &str| -> Option<&str> {
        store.resources.storages.iter().find(|s: &&Storage| s.storage.as_str() == name).map(|s| s.plugintype.as_str())
    };
    let disks = config.values.iter().filter(|(key, _)| is_disk(kind, key));
    disks.filter_map(|(key, value)| reason(kind, key, value, type_of, running)).collect()
}

fn is_disk(kind: GuestKind, key: &str) -> bool {
    let bus = key.trim_end_matches(|c: char| c.is_ascii_digit());
    match kind {
        GuestKind::Vm => matches!(bus, "scsi" | "virtio" | "sata" | "ide" | "efidisk" | "tpmstate"),
        GuestKind::Ct => matches!(bus, "rootfs" | "mp"),
    }
}

fn reason<'t>(
    kind: GuestKind,
    key: &str,
    value: &str,
    type_of: impl Fn(&str) -> Option<&'t str>,
    running: bool,
) -> Option<String> {
    let mut parts = value.split(',');
    let volume = parts.next().unwrap_or_default();
    let volume = volume.strip_prefix("file=").or_else(|| volume.strip_prefix("volume=")).unwrap_or(volume);
    if parts.any(|part| part == "media=cdrom") || matches!(volume, "none" | "cdrom") {
        return None;
    }
    if volume.starts_with('/') {
        return Some(match kind {
            GuestKind::Ct => format!("{key} is a bind mount of the node's {volume}, which the server can't snapshot"),
            GuestKind::Vm => format!("{key} is the node's own {volume}, which the server can't snapshot"),
        });
    }
    let (storage, name) = volume.split_once(':')?;
    let kind_of = type_of(storage)?;
    let qcow2 = name.ends_with(".qcow2");
    match kind_of {
        "dir" | "nfs" | "cifs" | "cephfs" if kind == GuestKind::Ct => Some(format!(
            "{key} is a file on {storage} ({kind_of}): containers need ZFS, LVM-thin, Ceph or Btrfs for that"
        )),
        "dir" | "nfs" | "cifs" | "cephfs" if !qcow2 => {
            Some(format!("{key} is no qcow2 file on {storage} ({kind_of}): move the disk there with the format qcow2"))
        }
        "lvm" if !qcow2 => Some(format!(
            "{key} is a plain volume on {storage} (lvm): move it to LVM-thin, ZFS or Ceph, or to a storage with snapshots as volume chain"
        )),
        "iscsi" | "iscsidirect" => Some(format!("{key} is on {storage} ({kind_of}), which has no snapshots")),
        "dir" | "nfs" | "cifs" if key == "tpmstate0" && running => {
            Some(format!("the TPM state is a file on {storage} ({kind_of}): shut the VM down first"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons() {
        let types = |name: &str| match name {
            "local" => Some("dir"),
            "vg" => Some("lvm"),
            "ceph" => Some("rbd"),
            "san" => Some("iscsidirect"),
            _ => None,
        };
        let vm = |key: &str, value: &str| reason(GuestKind::Vm, key, value, types, true);
        let ct = |key: &str, value: &str| reason(GuestKind::Ct, key, value, types, true);
        for (key, value) in [
            ("scsi0", "ceph:vm-100-disk-0,size=8G"),
            ("scsi0", "local:100/vm-100-disk-0.qcow2,size=8G"),
            ("ide2", "local:iso/x.iso,media=cdrom"),
            ("ide2", "none,media=cdrom"),
            ("scsi0", "elsewhere:x"),
            ("scsi0", "vg:vm-100-disk-0.qcow2"),
        ] {
            assert_eq!(vm(key, value), None, "{key} {value}");
        }
        for (told, word) in [
            (vm("scsi0", "local:100/vm-100-disk-0.raw"), "no qcow2"),
            (vm("scsi0", "vg:vm-100-disk-0"), "LVM-thin"),
            (vm("scsi1", "/dev/disk/by-id/x"), "node's own"),
            (vm("scsi1", "san:0.0.1.x"), "has no snapshots"),
            (vm("tpmstate0", "local:100/vm-100-disk-1.qcow2,size=4M"), "TPM"),
            (ct("rootfs", "local:200/vm-200-disk-0.raw,size=4G"), "containers need"),
            (ct("mp0", "/srv/media,mp=/media"), "bind mount"),
        ] {
            assert!(told.as_ref().is_some_and(|t| t.contains(word)), "{word}: {told:?}");
        }
    }
}
