//! What a restore does to the guest that it replaces, and what must come before it.

use super::{
    super::shown::{self, Change},
    Restore, is_over,
};
use crate::{
    api::{cluster::GuestStatus, guest, property::Properties},
    shell::Write,
    store::Store,
    ui::{Values, text},
};

impl Restore {
    /// What the backup holds, in a line or two.
    fn summary(&self) -> Option<String> {
        let archived = self.archived.as_ref()?;
        let get = |key: &str| archived.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
        let mut parts: Vec<String> = vec![];
        for (key, words) in
            [("name", "name"), ("hostname", "name"), ("cores", "cores"), ("memory", "memory"), ("ostype", "OS")]
        {
            parts.extend(get(key).map(|value| format!("{words} {value}")));
        }
        for (key, value) in archived {
            let disk = ["scsi", "virtio", "sata", "ide", "efidisk", "tpmstate", "mp"]
                .iter()
                .any(|p| key.strip_prefix(p).is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())));
            if (disk || key == "rootfs") && !self.left_out.contains(key) && !value.contains("media=cdrom") {
                let size = Properties::parse(value).get("size").unwrap_or("?").to_owned();
                parts.push(format!("{key} {size}"));
            }
        }
        Some(format!("In the backup: {}.", parts.join(", ")))
    }

    pub(super) fn consequences(&self, values: &Values, store: &Store) -> Vec<String> {
        let mut notes: Vec<String> = self.summary().into_iter().collect();
        if !self.left_out.is_empty() {
            let drives = self.left_out.join(", ");
            let after = if is_over(values) { " What the guest has there now stays, as an unused disk." } else { "" };
            notes.push(format!("Not in the backup, and not restored: {drives} (backup=0).{after}"));
        }
        let (Some(old), true) = (&self.old, is_over(values)) else {
            if !values.is_on("unique") && self.old.is_some() {
                notes.push(
                    "The copy has the same MAC addresses as the guest it comes from: choose new ones (unique) before both run.".into(),
                );
            }
            return notes;
        };
        let known = store.guest(old.vmid);
        let name = known.map_or("", |g| g.name.as_str());
        notes.push(format!(
            "{} {} ({name}) is replaced: its disks are deleted first, and everything since the backup ({}) is lost.",
            old.kind.label(),
            old.vmid,
            text::age(self.now.saturating_sub(self.row.ctime))
        ));
        if self.snapshots > 0 {
            let those = if self.snapshots == 1 { "snapshot is" } else { "snapshots are" };
            notes.push(format!("Its {} {those} deleted.", self.snapshots));
        }
        if let Some(guest) = known {
            if guest.status != GuestStatus::Stopped {
                notes.push(
                    match values.get("power") {
                        "shutdown" => "It is running: it is shut down first, within 3 minutes. If it does not go down, nothing is restored.",
                        "stop" => "It is running: its plug is pulled first, and what it has not written is lost.",
                        _ => "It is running: choose how it is stopped first.",
                    }
                    .into(),
                );
            }
            if let Some(lock) = &guest.lock {
                notes.push(format!("It is locked ({lock}): the server may refuse."));
            }
            if let Some(ha) = &guest.hastate {
                notes.push(format!(
                    "HA looks after it (state {ha}): set it to be ignored first, or HA starts it meanwhile."
                ));
            }
        }
        if self.present.as_ref().and_then(|c| c.get("protection")) == Some("1") {
            notes.push(
                "It is protected against removal: the server refuses to replace it until that is switched off.".into(),
            );
        }
        notes.extend(self.changes().into_iter().map(|change| {
            let or = |value: Option<String>| value.unwrap_or_else(|| "not set".into());
            format!("{}: {} becomes {}", change.key, or(change.now), or(change.then))
        }));
        notes
    }

    /// The change that has to come before the restore: the guest that is replaced must not run.
    pub(super) fn stop_first(&self, values: &Values, store: &Store) -> Option<Write> {
        let old = self.old.as_ref().filter(|_| is_over(values))?;
        store.guest(old.vmid).filter(|g| g.status != GuestStatus::Stopped)?;
        let (word, request) = match values.get("power") {
            "shutdown" => ("Shutdown", guest::shutdown(old, Some(180), false)),
            "stop" => ("Stop", guest::stop(old, false)),
            _ => return None,
        };
        Some(Write::new(format!("{word} {old}"), request).on_guest(old.vmid).in_turn())
    }

    fn changes(&self) -> Vec<Change> {
        match (&self.archived, &self.present) {
            (Some(archived), Some(present)) => shown::differences(archived, present),
            _ => vec![],
        }
    }
}
