//! What disks can do: which of them stand against a template or a linked clone, and why.

use crate::{
    api::{
        guest::Config,
        ids::{GuestKind, VolId},
    },
    store::Store,
    views::volume::place,
};

/// Keys of a configuration that name disks.
fn is_disk(kind: GuestKind, key: &str) -> bool {
    let numbered = |prefix: &str| key.strip_prefix(prefix).is_some_and(|n| n.parse::<u8>().is_ok());
    match kind {
        GuestKind::Vm => {
            ["scsi", "virtio", "sata", "ide"].iter().any(|bus| numbered(bus)) || matches!(key, "efidisk0" | "tpmstate0")
        }
        GuestKind::Ct => key == "rootfs" || numbered("mp"),
    }
}

/// The disks with what they are on: a key and its volume (without options); CD drives are left out.
pub fn disks(kind: GuestKind, config: &Config) -> impl Iterator<Item = (&str, &str)> {
    let real = move |(key, value): (&'_ str, &'_ str)| is_disk(kind, key) && !value.contains("media=cdrom");
    config.values.iter().map(|(key, value)| (key.as_str(), value.as_str())).filter(move |pair| real(*pair)).map(
        |(key, value)| {
            let volume = value.split(',').next().unwrap_or_default();
            (key, volume.split_once('=').map_or(volume, |(_, volume)| volume))
        },
    )
}

/// Why a guest with these disks can't become a template, if it can't.
pub fn against_template(kind: GuestKind, config: &Config, store: &Store) -> Option<String> {
    if let Some(lock) = config.get("lock") {
        return Some(format!("it is locked ({lock}): wait for the end of what is going on"));
    }
    disks(kind, config).find_map(|(key, volume)| {
        if volume.starts_with('/') {
            return Some(format!("{key} is {volume} of the node, which can't be part of a template: detach it first"));
        }
        let (storage, kind) = storage_of(volume, store)?;
        matches!(kind.as_str(), "iscsi" | "iscsidirect")
            .then(|| format!("{key} is on {storage} ({kind}), which can't hold templates: move it first"))
    })
}

/// Which disks keep linked clones from being made: `scsi0 is on san (lvm)`.
pub fn against_linked(kind: GuestKind, config: &Config, store: &Store) -> Vec<String> {
    let bad = |(key, volume): (&str, &str)| {
        let (storage, kind) = storage_of(volume, store)?;
        let can = !matches!(kind.as_str(), "lvm" | "iscsi" | "iscsidirect");
        (!can).then(|| format!("{key} is on {storage} ({kind})"))
    };
    disks(kind, config).filter_map(bad).collect()
}

/// Name and type of a volume's storage.
fn storage_of(volume: &str, store: &Store) -> Option<(String, String)> {
    let storage = VolId::parse(volume).ok()?.storage();
    let place = place::all(store).into_iter().find(|p| p.storage == storage)?;
    Some((storage.to_string(), place.kind.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::api::cluster::Resources;

    fn store(kind: &str) -> Store {
        let mut store = Store::default();
        let text = format!(
            r#"[{{"type":"storage","id":"storage/a/san","storage":"san","node":"a","status":"available","plugintype":"{kind}","content":"images"}}]"#
        );
        store.resources = serde_json::from_str::<Resources>(&text).unwrap().into();
        store
    }

    fn config(text: &str) -> Config {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn disks_that_can_not() {
        let vm = config(r#"{"scsi0":"san:vm-100-disk-0,size=4G","ide2":"san:iso/x.iso,media=cdrom","name":"x"}"#);
        assert_eq!(against_linked(GuestKind::Vm, &vm, &store("lvm")), ["scsi0 is on san (lvm)"]);
        assert_eq!(against_linked(GuestKind::Vm, &vm, &store("lvmthin")), [] as [&str; 0]);
        assert_eq!(against_template(GuestKind::Vm, &vm, &store("lvm")), None);
        let why = against_template(GuestKind::Vm, &vm, &store("iscsi")).unwrap();
        assert_eq!(why, "scsi0 is on san (iscsi), which can't hold templates: move it first");
        let raw = config(r#"{"virtio1":"file=/dev/sdb,size=1T"}"#);
        assert!(against_template(GuestKind::Vm, &raw, &store("dir")).unwrap().contains("virtio1 is /dev/sdb"));
        let ct = config(r#"{"rootfs":"san:vm-200-disk-0,size=4G","mp0":"/srv,mp=/srv","mp1":"san:x,mp=/y"}"#);
        assert!(against_template(GuestKind::Ct, &ct, &store("dir")).unwrap().contains("mp0 is /srv"));
        let locked = config(r#"{"lock":"backup"}"#);
        assert!(against_template(GuestKind::Vm, &locked, &store("dir")).unwrap().contains("locked (backup)"));
    }
}
