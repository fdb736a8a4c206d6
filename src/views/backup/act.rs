//! What can be done in the list of backups.

use super::{Backups, Msg, Page, change, files, now, prune, restore, shown};
use crate::{
    api::backup as api,
    shell::{Cx, Effect, Level, Picker},
    ui::text,
};

impl Backups {
    pub(super) fn open(&mut self, cx: &mut Cx<'_, Msg>) {
        match self.page {
            Page::List => self.show(cx),
            Page::Guests => {
                if let Some(vmid) = self.board.table.selected(&self.board.rows).and_then(|f| f.vmid) {
                    cx.open(Self::of_guest(vmid));
                }
            }
            Page::Runs => {
                if let Some(task) = self.runs.selected(&self.board.failed) {
                    cx.emit(Effect::OpenTask(task.upid.clone()));
                }
            }
        }
    }

    pub(super) fn show(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(row) = self.selected() {
            cx.open(shown::Shown::new(row.clone()));
        }
    }

    pub(super) fn back_up(&mut self, cx: &mut Cx<'_, Msg>) {
        let guests = self.guests(cx.store());
        now::open(&guests, cx);
    }

    pub(super) fn restore(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(row) = self.selected() {
            restore::open(row, cx);
        }
    }

    pub(super) fn notes(&mut self, cx: &mut Cx<'_, Msg>) {
        let Some(row) = self.selected().cloned() else { return };
        // What comes of it is read when this view is in front again.
        self.pulse = (usize::MAX, None);
        change::notes(&row, cx);
    }

    pub(super) fn protect(&mut self, cx: &mut Cx<'_, Msg>) {
        let chosen = self.chosen();
        // One press protects; only when all are protected, it takes that away.
        let on = chosen.iter().any(|r| !r.protected);
        let proposal = change::protection(&chosen, on, |label, request| cx.hear(label, request, Msg::Changed));
        cx.propose(proposal);
    }

    pub(super) fn remove(&mut self, cx: &mut Cx<'_, Msg>) {
        if self.list.selection_lost() && self.list.mark_count() == 0 {
            self.list.accept_selection();
            cx.toast(Level::Warning, "The selected backup has gone: look at what is selected now, then press again");
            return;
        }
        match change::remove(&self.chosen(), &self.stock.rows, &cx.scene.keys.label("backup.protect")) {
            Ok(proposal) => cx.propose(proposal),
            Err(why) => cx.toast(Level::Warning, why),
        }
    }

    pub(super) fn prune(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(row) = self.selected() {
            prune::open(row, cx);
        }
    }

    pub(super) fn files(&mut self, cx: &mut Cx<'_, Msg>) {
        match self.selected() {
            Some(row) if api::offers_files(&row.storage_type) => cx.open(files::Files::new(row)),
            Some(row) => {
                cx.toast(Level::Info, format!("{} is no Backup Server: only those show files", row.storage()));
            }
            None => {}
        }
    }

    pub(super) fn copy(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(row) = self.selected() {
            cx.emit(Effect::Copy(row.volid.to_string()));
            cx.toast(Level::Info, "Volume id copied");
        }
    }

    /// The actions of the page, from the table of commands.
    pub(super) fn open_menu(&mut self, cx: &mut Cx<'_, Msg>) {
        const LETTERS: [(&str, char); 8] = [
            ("backup.now", 'b'),
            ("backup.restore", 'r'),
            ("backup.show", 'c'),
            ("backup.notes", 'e'),
            ("backup.protect", 'p'),
            ("backup.files", 'f'),
            ("backup.prune", 'u'),
            ("backup.remove", 'D'),
        ];
        let title = match self.chosen().as_slice() {
            [] => "Backups".into(),
            [one] => text::clean(&format!("{}, {}", one.guest(), text::local_time(one.unix()))).into_owned(),
            many => format!("{} backups", many.len()),
        };
        let menu = Picker::of_commands(self, title, &LETTERS, cx);
        cx.open(menu);
    }
}
