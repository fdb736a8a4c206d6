//! Deleting old snapshots of one guest or of many.

use std::collections::BTreeMap;

use crate::{
    api::{
        ApiError,
        cluster::Guest,
        ids::{GuestRef, VmId},
        snapshot::{self as api, Snapshot},
    },
    shell::{Ask, Cx, Degree, Proposal, Write, dialog},
    store::Store,
    ui::{Form, Values, Wizard, text},
};

/// The proposal to delete snapshots of one guest, one after the other: the server locks a guest meanwhile.
pub fn deletion(guest: &GuestRef, what: &str, names: &[&str], force: bool) -> Proposal {
    let writes = names.iter().map(|name| {
        let label = format!("Delete snapshot {name} of {what}");
        Write::new(label, api::delete(guest, name, force)).on_guest(guest.vmid).in_turn()
    });
    let title = match names {
        [one] => format!("Delete snapshot {one} of {what}?"),
        many => format!("Delete {} snapshots of {what}?", many.len()),
    };
    let proposal = Proposal::new(title, writes.collect())
        .degree(Degree::Careful)
        .note("The guest stays as it is now; it can't be rolled back to that state any more.");
    if names.len() > 1 { proposal.note("They are deleted one after the other.") } else { proposal }
}

/// What the dialog hears back.
pub enum Msg {
    /// The snapshots of a guest.
    Listed(VmId, Result<Vec<Snapshot>, ApiError>),
}

/// Asks how old is too old.
pub struct Prune {
    guests: Vec<(GuestRef, String)>,
    lists: BTreeMap<VmId, Result<Vec<Snapshot>, ApiError>>,
    now: i64,
}

const DAY: u64 = 86_400;

impl Prune {
    /// The dialog for these guests; `now` is in Unix seconds.
    pub fn of(guests: &[&Guest], now: i64) -> dialog::Dialog<Self> {
        let form = Form::new()
            .number("days", "Older than", 0..=36_500)
            .required()
            .initial("30")
            .unit("days")
            .hint(|v| Some(v.get("found").to_owned()).filter(|text| !text.is_empty()))
            .text("prefix", "Name begins with")
            .help("Only snapshots whose names begin so, for example \"auto\". Empty: all.");
        let guests = guests.iter().map(|g| (g.reference(), g.label())).collect();
        dialog::Dialog::new(Self { guests, lists: BTreeMap::new(), now }, Wizard::single(form))
    }

    /// The snapshots of a guest that are old enough, oldest first.
    fn old(&self, vmid: VmId, values: &Values) -> Vec<&Snapshot> {
        let Some(Ok(list)) = self.lists.get(&vmid) else { return vec![] };
        let Ok(days) = values.get("days").parse::<u64>() else { return vec![] };
        let prefix = values.get("prefix");
        let is_old = |s: &&Snapshot| s.age(self.now).is_some_and(|age| age >= days * DAY) && s.name.starts_with(prefix);
        let mut old: Vec<&Snapshot> = list.iter().filter(is_old).collect();
        old.sort_by_key(|s| s.snaptime);
        old
    }

    fn tell(&self, wizard: &mut Wizard) {
        let waiting = self.guests.len() - self.lists.len();
        let values = wizard.values();
        let found: usize = self.guests.iter().map(|(g, _)| self.old(g.vmid, &values).len()).sum();
        let all: usize =
            self.lists.values().flatten().map(|list| list.iter().filter(|s| !s.is_current()).count()).sum();
        let words = match waiting {
            0 => format!("{found} of {all} snapshots"),
            n => format!("{n} guests have not answered yet"),
        };
        wizard.set_fact("found", words);
    }
}

impl Ask for Prune {
    type Msg = Msg;
    const NAME: &'static str = "Delete old snapshots";

    fn title(&self) -> String {
        match self.guests.as_slice() {
            [(_, one)] => format!("Delete old snapshots of {one}"),
            many => format!("Delete old snapshots of {} guests", many.len()),
        }
    }

    fn opened(&mut self, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        for (guest, _) in &self.guests {
            let vmid = guest.vmid;
            cx.send(api::list(guest), move |answer| Msg::Listed(vmid, answer));
        }
        self.tell(wizard);
    }

    fn update(&mut self, Msg::Listed(vmid, answer): Msg, wizard: &mut Wizard, _: &mut Cx<'_, dialog::Msg<Msg>>) {
        self.lists.insert(vmid, answer);
        self.tell(wizard);
    }

    fn changed(&mut self, _: &str, wizard: &mut Wizard, _: &mut Cx<'_, dialog::Msg<Msg>>) {
        self.tell(wizard);
    }

    fn proposal(&self, wizard: &Wizard, _: &Store) -> Option<Proposal> {
        // Half a list would look like the whole.
        if self.lists.len() < self.guests.len() {
            return None;
        }
        let values = wizard.values();
        let mut writes = vec![];
        let mut notes = vec![];
        for (guest, label) in &self.guests {
            let old = self.old(guest.vmid, &values);
            if !old.is_empty() {
                let age = |s: &Snapshot| text::duration(s.age(self.now).unwrap_or(0));
                let names: Vec<String> = old.iter().map(|s| format!("{} ({})", s.name, age(s))).collect();
                notes.push(format!("{label}: {}", names.join(", ")));
            }
            writes.extend(old.iter().map(|s| {
                let what = format!("Delete snapshot {} of {label}", s.name);
                Write::new(what, api::delete(guest, &s.name, false)).on_guest(guest.vmid).in_turn()
            }));
        }
        for (guest, label) in &self.guests {
            if let Some(Err(error)) = self.lists.get(&guest.vmid) {
                notes.push(format!("Left out: {label}: {error}"));
            }
        }
        if writes.is_empty() {
            return None;
        }
        let count = writes.len();
        let title = format!("Delete {}?", text::counted(count, "snapshot"));
        let mut proposal = Proposal::new(title, writes).degree(match count {
            1 => Degree::Careful,
            n => Degree::Typed(format!("{n} snapshots")),
        });
        proposal.notes = notes;
        Some(proposal.note("The guests stay as they are now. Those of one guest are deleted one after the other."))
    }
}
