//! What can be done with the snapshots of a guest.

use super::{
    Msg, Snapshots,
    prune::{self, Prune},
    rollback::{self, Rollback},
    settings::Settings,
    take::{Describe, Take},
};
use crate::shell::{Cx, Effect, Level, Pick, Picker};

const MENU: &[(char, &str, &str)] = &[
    ('n', "snapshot.take", "Take a snapshot"),
    ('b', "snapshot.rollback", "Roll back"),
    ('e', "snapshot.edit", "Edit description"),
    ('s', "snapshot.show", "Settings, difference to now"),
    ('d', "snapshot.delete", "Delete"),
    ('f', "snapshot.force", "Delete by force"),
    ('o', "snapshot.prune", "Delete old ones"),
    ('y', "snapshot.copy", "Copy name"),
];

impl Snapshots {
    pub(super) fn take(&mut self, cx: &mut Cx<'_, Msg>) {
        if cx.refuses_changes() {
            return;
        }
        let refusals = self.refusals(cx.store());
        match cx.store().guest(self.guest.vmid) {
            _ if !refusals.is_empty() => {
                cx.toast(Level::Warning, format!("No snapshots can be made: {}", refusals.join("; ")));
            }
            Some(guest) => cx.open(Take::of(&[guest])),
            None => cx.toast(Level::Warning, "The guest is not in the cluster's list any more"),
        }
    }

    pub(super) fn rollback(&mut self, cx: &mut Cx<'_, Msg>) {
        if cx.refuses_changes() {
            return;
        }
        let (Some(name), Some(list)) = (self.chosen().map(|s| s.name.clone()), &self.list) else { return };
        let zfs = self.config.as_ref().is_some_and(|config| rollback::is_on_zfs(config, cx.store()));
        let label = self.name(cx.store());
        if let Some(ask) = Rollback::new(self.guest.clone(), label, list, &name, cx.scene.now.unix, zfs) {
            cx.open(ask.dialog());
        }
    }

    pub(super) fn edit(&mut self, cx: &mut Cx<'_, Msg>) {
        if cx.refuses_changes() {
            return;
        }
        if let Some(s) = self.chosen() {
            cx.open(Describe::of(self.guest.clone(), self.name(cx.store()), s));
        }
    }

    pub(super) fn prune(&mut self, cx: &mut Cx<'_, Msg>) {
        if cx.refuses_changes() {
            return;
        }
        if let Some(guest) = cx.store().guest(self.guest.vmid) {
            cx.open(Prune::of(&[guest], cx.scene.now.unix));
        }
    }

    pub(super) fn delete(&mut self, cx: &mut Cx<'_, Msg>) {
        let all = self.targets();
        let names: Vec<&str> = all.iter().map(|s| s.name.as_str()).collect();
        if names.is_empty() {
            return;
        }
        let unfinished = all.iter().any(|s| s.snapstate.is_some());
        let mut proposal = prune::deletion(&self.guest, &self.name(cx.store()), &names, false);
        proposal.notes.extend(self.warnings(cx.store()));
        if unfinished {
            proposal = proposal.note("An unfinished snapshot may need to be removed by force (menu: m).");
        }
        cx.propose(proposal);
    }

    pub(super) fn force(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(s) = self.chosen() {
            let note =
                "Also forgets it where its disks can't be cleaned up; what is left of them stays on the storage.";
            cx.propose(prune::deletion(&self.guest, &self.name(cx.store()), &[&s.name], true).note(note));
        }
    }

    pub(super) fn show(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(s) = self.chosen() {
            cx.open(Settings::new(self.guest.clone(), s.clone()));
        }
    }

    pub(super) fn copy(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(s) = self.chosen() {
            cx.emit(Effect::Copy(s.name.to_string()));
        }
    }

    pub(super) fn open_menu(&mut self, cx: &mut Cx<'_, Msg>) {
        let layer = cx.id;
        let title = self.chosen().map_or_else(|| "Snapshots".to_owned(), |s| format!("Snapshot {}", s.name));
        let here = |ready: bool| (!ready).then(|| "choose a snapshot".to_owned());
        let one = here(self.chosen().is_some());
        let refused = self.refusals(cx.store()).into_iter().next();
        let many = here(!self.targets().is_empty());
        let picks = MENU.iter().map(|(letter, id, title)| {
            let mut pick = Pick::new(*title, move || Effect::Run { layer: Some(layer), command: (*id).into() })
                .letter(*letter)
                .detail(cx.scene.keys.label(id));
            pick.disabled = match *id {
                "snapshot.take" => refused.clone(),
                "snapshot.delete" => many.clone(),
                "snapshot.prune" => None,
                _ => one.clone(),
            };
            pick
        });
        let picks = picks.collect();
        cx.open(Picker::menu(title, picks));
    }
}
