//! Pruning the backups of one guest on one storage, with a look at what would go.

use super::{field, row::Row, setting};
use crate::{
    api::{
        ApiError,
        backup::{self, Prune, Verdict},
    },
    shell::{Ask, Cx, Degree, Dialog, Proposal, Write, dialog},
    store::Store,
    ui::{Choice, Form, Values, Wizard, text},
};

/// Asks by which rules to prune.
pub struct Pruning {
    row: Row,
    /// What the server says about which rules.
    verdicts: Option<(String, Vec<Verdict>)>,
}

/// What the dialog hears back: the rules asked about, and the verdicts.
pub struct Msg(String, Result<Vec<Verdict>, ApiError>);

/// Opens the dialog for the guest and the storage of a backup.
pub fn open<M: Send + 'static>(row: &Row, cx: &mut Cx<'_, M>) {
    if !cx.refuses_changes() {
        cx.open(dialog(row));
    }
}

/// The dialog for the guest and the storage of a backup.
pub fn dialog(row: &Row) -> Dialog<Pruning> {
    let form = Form::new()
        .select(
            "retention",
            "Keep",
            [("rules", "by rules"), ("storage", "as the storage says")].map(Choice::from).to_vec(),
        )
        .initial("rules")
        .check(field::keeps_something)
        .hint(field::preview)
        .help("The other backups of this guest on this storage are removed; protected ones stay.");
    let mut form = field::numbers(form);
    form.set_initial("keep-last", "3");
    Dialog::new(Pruning { row: row.clone(), verdicts: None }, Wizard::single(form))
}

/// `removes 3, keeps 12, 1 protected stay`.
pub fn words(verdicts: &[Verdict]) -> String {
    let count = |mark: &str| verdicts.iter().filter(|v| v.mark == mark).count();
    let mut parts = vec![format!("removes {}", count("remove")), format!("keeps {}", count("keep"))];
    for (mark, word) in [("protected", "protected"), ("renamed", "with other names")] {
        if count(mark) > 0 {
            parts.push(format!("{} {word} stay", count(mark)));
        }
    }
    parts.join(", ")
}

impl Pruning {
    fn what(&self, rules: &str) -> Prune {
        Prune { rules: rules.to_owned(), vmid: self.row.vmid, kind: self.row.kind }
    }

    fn ask(&self, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        let values = wizard.values();
        let rules = rules(&values);
        if values.get("retention") == "rules" && rules.is_empty() {
            wizard.set_fact("prune.preview", "");
            return;
        }
        wizard.set_fact("prune.preview", "asking the server");
        let request = backup::prune_preview(&self.row.node, &self.row.storage(), &self.what(&rules));
        cx.send(request, move |answer| Msg(rules, answer));
    }
}

/// The rules that the fields ask for; empty: those of the storage.
fn rules(values: &Values) -> String {
    if values.get("retention") == "rules" { setting::rules(values) } else { String::new() }
}

impl Ask for Pruning {
    type Msg = Msg;
    const NAME: &'static str = "Prune";

    fn title(&self) -> String {
        format!("Prune the backups of {} on {}", self.row.guest(), self.row.storage())
    }

    fn opened(&mut self, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        self.ask(wizard, cx);
    }

    fn changed(&mut self, _: &str, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        self.ask(wizard, cx);
    }

    fn update(&mut self, Msg(of, answer): Msg, wizard: &mut Wizard, _: &mut Cx<'_, dialog::Msg<Msg>>) {
        // Answers about rules that have changed since don't count.
        if of != rules(&wizard.values()) {
            return;
        }
        match answer {
            Ok(verdicts) => {
                wizard.set_fact("prune.preview", words(&verdicts));
                self.verdicts = Some((of, verdicts));
            }
            Err(error) => {
                wizard.set_fact("prune.preview", "");
                wizard.set_trouble(Some(error.explained()));
            }
        }
    }

    fn proposal(&self, wizard: &Wizard, _: &Store) -> Option<Proposal> {
        let rules = rules(&wizard.values());
        // Nothing is removed that was not shown before.
        let (_, verdicts) = self.verdicts.as_ref().filter(|(of, _)| *of == rules)?;
        let going: Vec<&Verdict> = verdicts.iter().filter(|v| v.goes()).collect();
        if going.is_empty() {
            return None;
        }
        let label = format!("Prune the backups of {} on {}", self.row.guest(), self.row.storage());
        let request = backup::prune(&self.row.node, &self.row.storage(), &self.what(&rules));
        let mut proposal = Proposal::new(format!("{label}?"), vec![Write::new(label, request)])
            .degree(Degree::Typed(text::counted(going.len(), "backup")))
            .note(format!("{}.", words(verdicts)));
        let gone = going.iter().map(|v| {
            format!("Goes: {} ({})", text::local_time(i64::try_from(v.ctime).unwrap_or(0)), v.volid.file_name())
        });
        proposal.notes.extend(gone);
        Some(proposal)
    }

    fn field_of(&self, parameter: &str, _: &Values) -> String {
        setting::field_of(parameter)
    }
}
