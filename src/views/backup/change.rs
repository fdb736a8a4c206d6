//! Small changes to backups: notes, protection, removal.

use super::row::Row;
use crate::{
    api::{ApiError, backup, ids::VolId},
    shell::dialog,
    shell::{Ask, Cx, Degree, Dialog, Proposal, Write},
    store::Store,
    ui::{Form, Wizard},
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
        .initial(&one_line(&row.notes))
        .help("Shown in the list of backups. \\n begins a new line. They are kept with the backup.");
    Dialog::new(Notes { row: row.clone(), old: None }, Wizard::single(form))
}

/// Fields hold one line: breaks are written as `\n`.
fn one_line(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}

/// The opposite of [`one_line`].
fn lines(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => out.push('\n'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            (c, _) => out.push(c),
        }
    }
    out
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
                let text = one_line(&info.notes);
                self.old = Some(info.notes);
                if !wizard.is_dirty() {
                    wizard.set_initial("notes", &text);
                }
            }
            Err(error) => wizard.set_trouble(Some(format!("The notes can't be read: {error}"))),
        }
    }

    fn proposal(&self, wizard: &Wizard, _: &Store) -> Option<Proposal> {
        let old = self.old.as_deref().unwrap_or(&self.row.notes);
        let notes = lines(wizard.values().get("notes"));
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

/// Protects backups; when all of them are protected already, takes the protection away.
pub fn protect<M: Send + 'static>(rows: &[&Row], cx: &Cx<'_, M>, then: fn(Result<(), ApiError>) -> M) -> Proposal {
    let on = rows.iter().any(|r| !r.protected);
    let affected: Vec<&&Row> = rows.iter().filter(|r| r.protected != on).collect();
    let verb = if on { "Protect" } else { "Take the protection from" };
    let write =
        |r: &&&Row| cx.hear(format!("{verb} {}", r.words()), backup::set(&r.node, &r.volid, None, Some(on)), then);
    let writes: Vec<Write> = affected.iter().map(write).collect();
    let title = match affected.as_slice() {
        [one] => format!("{verb} {}?", one.words()),
        many => format!("{verb} {} backups?", many.len()),
    };
    let proposal = Proposal::new(title, writes);
    if on {
        proposal.note("A protected backup can't be removed or pruned until the protection is taken away.")
    } else {
        proposal.degree(Degree::Careful).note("It can be removed then, and pruning may remove it.")
    }
}

/// Removes backups; protected ones are left out.
///
/// # Errors
/// Says why when all of them are protected, and the way out.
pub fn remove(rows: &[&Row], all: &[Row]) -> Result<Proposal, String> {
    let (kept, going): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|r| r.protected);
    let Some(first) = going.first() else {
        return Err(match kept.as_slice() {
            [] => "nothing is selected".into(),
            [one] => {
                format!("{} is protected: p takes the protection away, then it can be removed", capital(&one.words()))
            }
            many => format!("All {} are protected: p takes the protection away, then they can be removed", many.len()),
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
    proposal.notes.push(format!("They are gone for ever; {} become free.", crate::ui::text::bytes(bytes)));
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
    let left_out = kept.iter().map(|r| format!("Left out: {} is protected (p takes that away).", r.words()));
    proposal.notes.extend(left_out);
    Ok(proposal)
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_go_through_a_field_of_one_line() {
        for text in ["", "a", "a\nb", "c:\\new", "\\n\n\\"] {
            assert_eq!(lines(&one_line(text)), text);
            assert!(!one_line(text).contains('\n'));
        }
    }

    #[test]
    fn protected_backups_stay() {
        let row =
            |protected| Row { volid: "nas:backup/x".parse().unwrap_or_default(), protected, size: 5, ..Row::default() };
        let (kept, gone) = (row(true), row(false));
        assert!(remove(&[&kept], &[]).is_err_and(|why| why.contains("p takes the protection away")));
        let proposal = remove(&[&kept, &gone], &[]);
        assert!(proposal.is_ok_and(|p| p.writes.len() == 1 && p.notes.iter().any(|n| n.starts_with("Left out"))));
    }
}
