//! Rolling back to a snapshot, with everything that will be lost.

use super::tree;
use crate::{
    api::{
        cluster::GuestStatus,
        guest::Config,
        ids::{GuestKind, GuestRef},
        snapshot::{self as api, Snapshot},
    },
    shell::{Ask, Cx, Degree, Proposal, Write, dialog},
    store::Store,
    ui::{Form, Wizard, text},
};

/// What is known about a rollback.
pub struct Rollback {
    guest: GuestRef,
    label: String,
    snapshot: Snapshot,
    /// Names of the snapshots that follow it.
    newer: Vec<String>,
    /// A disk lies on ZFS, which only goes back to its newest snapshot.
    zfs: bool,
    age: Option<u64>,
}

/// True when a disk of these settings lies on ZFS.
pub fn is_on_zfs(config: &Config, store: &Store) -> bool {
    let of_zfs: Vec<&str> =
        store.resources.storages.iter().filter(|s| s.plugintype == "zfspool").map(|s| s.storage.as_str()).collect();
    config.values.values().filter_map(|v| v.split_once(':')).any(|(storage, _)| of_zfs.contains(&storage))
}

impl Rollback {
    /// A rollback of a guest that is called `label`. `now` is in Unix seconds.
    pub fn new(guest: GuestRef, label: String, list: &[Snapshot], name: &str, now: i64, zfs: bool) -> Option<Self> {
        let snapshot = list.iter().find(|s| s.name == name && !s.is_current())?.clone();
        let newer = tree::after(list, name).iter().map(|s| s.name.to_string()).collect();
        let age = snapshot.age(now);
        Some(Self { guest, label, snapshot, newer, zfs, age })
    }

    /// The dialog: whether to start the guest afterwards. One with saved memory runs by itself.
    pub fn dialog(self) -> dialog::Dialog<Self> {
        let mut wizard = Wizard::single(
            Form::new()
                .toggle("start", "Start afterwards")
                .when(|v| !v.is_on("ram"))
                .help("Otherwise the guest is stopped after the rollback.")
                .note("The snapshot holds the memory: the VM goes on from there by itself.")
                .when(|v| v.is_on("ram")),
        );
        wizard.set_fact("ram", if self.snapshot.vmstate { "1" } else { "0" });
        wizard.share();
        dialog::Dialog::new(self, wizard)
    }

    /// The change, with what it costs.
    pub fn change(&self, start: bool, store: &Store) -> Proposal {
        let name = &self.snapshot.name;
        let label = format!("Roll {} back to {name}", self.label);
        let request = api::rollback(&self.guest, name, start && !self.snapshot.vmstate);
        let age = self.age.map_or_else(String::new, |age| format!(" of the last {}", text::duration(age)));
        let mut proposal =
            Proposal::new(format!("{label}?"), vec![Write::new(label, request).on_guest(self.guest.vmid)])
                .degree(Degree::Typed(self.guest.vmid.to_string()))
                .note(format!("Everything{age} is lost: what was written to its disks, and its settings."));
        let known = store.guest(self.guest.vmid);
        let running = known.is_some_and(|g| matches!(g.status, GuestStatus::Running | GuestStatus::Paused));
        let after = match (self.snapshot.vmstate, start) {
            (true, _) => "goes on running from the saved memory",
            (false, true) => "is started afterwards",
            (false, false) => "is stopped afterwards",
        };
        proposal = proposal.note(match (running, self.guest.kind) {
            (true, GuestKind::Vm) => {
                format!("It is running: it is stopped at once, without shutting down, and {after}.")
            }
            (true, GuestKind::Ct) => {
                "It is running: the server may refuse that, or stop it at once. Shut it down first.".to_owned()
            }
            (false, _) => format!("It {after}."),
        });
        if !self.newer.is_empty() {
            let names = self.newer.join(", ");
            proposal = proposal.note(match self.zfs {
                true => {
                    format!("ZFS only goes back to the newest snapshot: the server refuses until {names} are deleted.")
                }
                false => {
                    format!("Newer snapshots stay, beside it: {names}. (Some storages refuse while there are any.)")
                }
            });
        }
        if self.snapshot.snapstate.is_some() {
            proposal = proposal.note("The snapshot is unfinished: the server will refuse.");
        }
        if let Some(lock) = known.and_then(|g| g.lock.as_ref()) {
            proposal = proposal.note(format!("The guest is locked ({lock}): the server refuses until that has ended."));
        }
        if known.is_some_and(|g| g.hastate.is_some()) {
            proposal = proposal.note("Managed by HA: it may be started again by itself.");
        }
        proposal
    }
}

impl Ask for Rollback {
    type Msg = ();
    const NAME: &'static str = "Roll back";

    fn title(&self) -> String {
        format!("Roll {} back to {}", self.label, self.snapshot.name)
    }

    fn update(&mut self, (): (), _: &mut Wizard, _: &mut Cx<'_, dialog::Msg<()>>) {}

    fn proposal(&self, wizard: &Wizard, store: &Store) -> Option<Proposal> {
        Some(self.change(wizard.values().is_on("start"), store))
    }
}
