//! Small changes to backups: notes, protection, removal.

use super::row::Row;
use crate::{
    api::{ApiError, Request, backup, ids::VolId},
    shell::{Ask, Cx, Degree, Dialog, Proposal, Write, dialog},
    store::Store,
    ui::{Form, Wizard, text},
};

/// Asks for new notes. They are read in full first: lists only hold what the storage tells.
pub struct Notes {
    row: Row,
    old: Option<String>,
}

/// Opens the dialog for a backup's notes.
pub fn notes<M: Send + 'static>(row: &Row, cx: &mut Cx<'_, M>) {
    if !cx.refuses_changes() {
        cx.open(notes_dialog(row));
    }
}

/// The dialog for a backup's notes.
pub fn notes_dialog(row: &Row) -> Dialog<Notes> {
    let form = Form::new()
        .text("notes", "Notes")
        .initial(&text::one_line(&row.notes))
        .help("Shown in the list of backups. \\n begins a new line. They are kept with the backup.");
    Dialog::new(Notes { row: row.clone(), old: None }, Wizard::single(form))
}

impl Ask for Notes {
    type Msg = Result<backup::Info, ApiError>;
    const NAME: &'static str = "Notes of a backup";

    fn title(&self) -> String {
        format!("Notes of {}", self.row.words())
    }

    fn opened(&mut self, _: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Self::Msg>>) {
        cx.send(backup::info(&self.row.node, &self.row.volid), |answer| answer);
    }

    fn update(&mut self, msg: Self::Msg, wizard: &mut Wizard, _: &mut Cx<'_, dialog::Msg<Self::Msg>>) {
        match msg {
            Ok(info) => {
                let shown = text::one_line(&info.notes);
                self.old = Some(info.notes);
                if !wizard.is_dirty() {
                    wizard.set_initial("notes", &shown);
                }
            }
            Err(error) => wizard.set_trouble(Some(format!("The notes can't be read: {error}"))),
        }
    }

    fn proposal(&self, wizard: &Wizard, _: &Store) -> Option<Proposal> {
        let old = self.old.as_deref().unwrap_or(&self.row.notes);
        let notes = text::lines_of(wizard.values().get("notes"));
        if notes == old {
            return None;
        }
        let write = Write::new(
            format!("Notes of {}", self.row.words()),
            backup::set(&self.row.node, &self.row.volid, Some(&notes), None),
        );
        Some(Proposal::new("Change the notes?", vec![write]).note(format!("{:?} becomes {notes:?}.", old)))
    }
}

/// Protects backups, or takes the protection from them; those that are so already are left out. `write` makes a change of
/// a label and a request.
pub fn protection(rows: &[&Row], on: bool, write: impl Fn(String, Request<()>) -> Write) -> Proposal {
    let affected: Vec<&&Row> = rows.iter().filter(|r| r.protected != on).collect();
    let verb = if on { "Protect" } else { "Take the protection from" };
    let change = |r: &&&Row| write(format!("{verb} {}", r.words()), backup::set(&r.node, &r.volid, None, Some(on)));
    let title = match affected.as_slice() {
        [one] => format!("{verb} {}?", one.words()),
        many => format!("{verb} {} backups?", many.len()),
    };
    let proposal = Proposal::new(title, affected.iter().map(change).collect());
    if on {
        proposal.note("A protected backup can't be removed or pruned until the protection is taken away.")
    } else {
        proposal.degree(Degree::Careful).note("It can be removed then, and pruning may remove it.")
    }
}

/// Removes backups; protected ones are left out. `way_out` is what takes a protection away: a key, a command.
///
/// # Errors
/// Says why when all of them are protected, and the way out.
pub fn remove(rows: &[&Row], all: &[Row], way_out: &str) -> Result<Proposal, String> {
    let (kept, going): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|r| r.protected);
    let Some(first) = going.first() else {
        return Err(match kept.as_slice() {
            [] => "nothing is selected".into(),
            [one] => {
                let backup = one.words();
                format!("Protected: {way_out} takes the protection away, then {backup} can be removed")
            }
            many => {
                let n = many.len();
                format!("All {n} are protected: {way_out} takes the protection away, then they can be removed")
            }
        });
    };
    let writes = going.iter().map(|r| Write::new(format!("Remove {}", r.words()), backup::remove(&r.node, &r.volid)));
    let title = match going.len() {
        1 => format!("Remove {}?", first.words()),
        n => format!("Remove {n} backups?"),
    };
    let degree = match going.len() {
        1 => Degree::Careful,
        n => Degree::Typed(format!("{n} backups")),
    };
    let bytes: u64 = going.iter().map(|r| r.size).sum();
    let mut proposal = Proposal::new(title, writes.collect()).degree(degree);
    let they = if going.len() == 1 { "It is" } else { "They are" };
    proposal.notes.push(format!("{they} gone for ever; {} become free.", text::bytes(bytes)));
    let gone = |volid: &VolId| going.iter().any(|r| r.volid == *volid);
    let mut guests: Vec<_> = going.iter().filter_map(|r| r.vmid).collect();
    guests.sort_unstable();
    guests.dedup();
    for vmid in guests {
        let left = all.iter().filter(|r| r.vmid == Some(vmid) && r.is_good() && !gone(&r.volid)).count();
        if left == 0 {
            proposal.notes.push(format!("No good backup of guest {vmid} is left then."));
        }
    }
    let left_out = kept.iter().map(|r| format!("Left out: {} is protected ({way_out} takes that away).", r.words()));
    proposal.notes.extend(left_out);
    Ok(proposal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protected_backups_stay() {
        let row =
            |protected| Row { volid: "nas:backup/x".parse().unwrap_or_default(), protected, size: 5, ..Row::default() };
        let (kept, gone) = (row(true), row(false));
        assert!(remove(&[&kept], &[], "p").is_err_and(|why| why.contains("p takes the protection away")));
        let proposal = remove(&[&kept, &gone], &[], "p");
        assert!(proposal.is_ok_and(|p| p.writes.len() == 1 && p.notes.iter().any(|n| n.starts_with("Left out"))));
    }
}
