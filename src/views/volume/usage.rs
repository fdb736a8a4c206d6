//! Which guests use which volumes, read from their configurations.

use std::collections::HashMap;

use futures_util::{StreamExt as _, stream};

use crate::{
    api::{
        guest::{self, Config, Which},
        ids::{GuestRef, NodeName, VmId, VolId},
    },
    shell::{SessionId, World},
};

/// Configurations that are read at the same time.
const AT_ONCE: usize = 8;

/// Who uses what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    uses: HashMap<String, Vec<(VmId, NodeName)>>,
    /// Guests whose configuration could not be read.
    pub unread: Vec<VmId>,
}

impl Usage {
    /// Adds what a configuration names: volumes, and the bases of linked clones.
    pub fn add(&mut self, guest: &GuestRef, config: &Config) {
        for value in config.values.values() {
            for part in value.split(',') {
                let part = part.split_once('=').map_or(part, |(key, rest)| match key {
                    "file" | "volume" => rest,
                    _ => "",
                });
                let Ok(volume) = VolId::parse(part) else { continue };
                let mut note = |name: String| {
                    let users = self.uses.entry(name).or_default();
                    if !users.iter().any(|(vmid, _)| *vmid == guest.vmid) {
                        users.push((guest.vmid, guest.node.clone()));
                    }
                };
                note(volume.as_str().to_owned());
                if let Some(base) = base_of(&volume) {
                    note(base);
                }
            }
        }
    }

    /// The guests that use a volume; of a storage that isn't shared only those on its node.
    pub fn of(&self, volume: &VolId, node: &NodeName, shared: bool) -> Vec<VmId> {
        let users = self.uses.get(volume.as_str()).into_iter().flatten();
        let mut users: Vec<VmId> = users.filter(|(_, n)| shared || n == node).map(|(vmid, _)| *vmid).collect();
        users.sort_unstable();
        users
    }

    /// The guests other than `own` that stand on a disk of `own`: its linked clones.
    pub fn clones_of(&self, own: VmId) -> Vec<VmId> {
        let base = |name: &str| {
            let file = VolId::parse(name).map(|v| v.file_name().to_owned()).unwrap_or_default();
            let mut parts = file.split('-');
            matches!(parts.next(), Some("base" | "basevol")) && parts.next() == Some(&own.to_string())
        };
        let users = self.uses.iter().filter(|(name, _)| base(name)).flat_map(|(_, users)| users);
        let mut users: Vec<VmId> = users.map(|(vmid, _)| *vmid).filter(|vmid| *vmid != own).collect();
        users.sort_unstable();
        users.dedup();
        users
    }
}

/// `nas:8000/base-8000-disk-0.qcow2` of `nas:8000/base-8000-disk-0.qcow2/100/vm-100-disk-0.qcow2`, and
/// `zfs:base-8000-disk-0` of `zfs:base-8000-disk-0/vm-100-disk-0`.
pub fn base_of(volume: &VolId) -> Option<String> {
    let (storage, name) = volume.as_str().split_once(':')?;
    let parts: Vec<&str> = name.split('/').collect();
    let at = parts.iter().position(|p| p.starts_with("base-") || p.starts_with("basevol-"))?;
    (at + 1 < parts.len()).then(|| format!("{storage}:{}", parts[..=at].join("/")))
}

/// Reads the configurations of these guests.
pub async fn scan(world: World, session: SessionId, guests: Vec<GuestRef>) -> Usage {
    let mut usage = Usage::default();
    let Ok(client) = world.client(session) else {
        usage.unread = guests.iter().map(|g| g.vmid).collect();
        return usage;
    };
    let client = &client;
    let mut answers = stream::iter(guests)
        .map(|guest| async move {
            let config = client.ask(guest::config(&guest, &Which::Current)).await;
            (guest, config)
        })
        .buffer_unordered(AT_ONCE);
    while let Some((guest, config)) = answers.next().await {
        match config {
            Ok(config) => usage.add(&guest, &config),
            Err(_) => usage.unread.push(guest.vmid),
        }
    }
    usage
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::api::ids::GuestKind;

    fn config(pairs: &str) -> Config {
        serde_json::from_str(pairs).unwrap()
    }

    #[test]
    fn who_uses_what() {
        let mut usage = Usage::default();
        let vm = |n: u32| GuestRef::new("a", GuestKind::Vm, VmId::new(n).unwrap());
        usage.add(&vm(100), &config(r#"{"ide2":"local:iso/x.iso,media=cdrom,size=1G","ide0":"none,media=cdrom"}"#));
        usage.add(
            &vm(101),
            &config(
                r#"{"scsi0":"nas:140/base-140-disk-0.qcow2/101/vm-101-disk-0.qcow2","net0":"virtio=AA:BB,bridge=b"}"#,
            ),
        );
        usage.add(&vm(102), &config(r#"{"scsi0":"zfs:base-140-disk-1/vm-102-disk-0","description":"see: that"}"#));
        usage.add(&vm(103), &config(r#"{"scsi0":"zfs:base-1400-disk-0/vm-103-disk-0"}"#));
        usage.add(&vm(140), &config(r#"{"scsi0":"nas:140/base-140-disk-0.qcow2"}"#));
        let ids = |list: Vec<VmId>| list.iter().map(|v| v.get()).collect::<Vec<_>>();
        let iso = VolId::parse("local:iso/x.iso").unwrap();
        assert_eq!(ids(usage.of(&iso, &"a".into(), false)), [100]);
        assert_eq!(ids(usage.of(&iso, &"b".into(), false)), [] as [u32; 0]);
        assert_eq!(ids(usage.of(&iso, &"b".into(), true)), [100]);
        assert_eq!(ids(usage.clones_of(VmId::new(140).unwrap())), [101, 102]);
        assert_eq!(ids(usage.clones_of(VmId::new(1400).unwrap())), [103]);
    }
}
