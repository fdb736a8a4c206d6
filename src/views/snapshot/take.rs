//! Taking a snapshot of one guest or of many, and editing what is written about one.

use std::collections::BTreeMap;

use super::refusal;
use crate::{
    api::{
        ApiError,
        cluster::{Guest, GuestStatus},
        guest::{self, Feature, Possible},
        ids::{GuestKind, GuestRef, VmId},
        snapshot::{self as api, Snapshot},
    },
    shell::{Ask, Cx, Proposal, Write, dialog},
    store::Store,
    ui::{Form, Values, Wizard, text},
};

/// What the dialog hears back.
pub enum Msg {
    /// Whether a guest's disks allow it.
    Possible(VmId, Result<Possible, ApiError>),
    /// Which names a guest has in use.
    Listed(VmId, Result<Vec<Snapshot>, ApiError>),
}

/// A guest of which a snapshot is wanted.
struct Wanted {
    guest: GuestRef,
    label: String,
    running: bool,
}

/// Asks for the name of a snapshot and makes it.
pub struct Take {
    wanted: Vec<Wanted>,
    refused: BTreeMap<VmId, String>,
    /// Names in use, with the guest.
    taken: Vec<(String, VmId)>,
}

fn runs(g: &Guest) -> bool {
    matches!(g.status, GuestStatus::Running | GuestStatus::Paused)
}

fn check_name(name: &str, values: &Values) -> Result<(), String> {
    api::check_name(name)?;
    let taken = values.get("taken").split(' ').find_map(|pair| pair.split_once('=').filter(|(used, _)| *used == name));
    match taken {
        Some((_, guest)) => Err(format!("is the name of a snapshot of {guest} already")),
        None => Ok(()),
    }
}

fn description(form: Form) -> Form {
    form.text("description", "Description").help("Why it is made. \\n begins a new line.")
}

impl Take {
    /// The dialog for these guests.
    pub fn of(guests: &[&Guest]) -> dialog::Dialog<Self> {
        let wanted = guests.iter().map(|g| Wanted { guest: g.reference(), label: g.label(), running: runs(g) });
        let refused = guests.iter().filter_map(|g| Some((g.vmid, refusal::by_state(g)?)));
        let ask = Self { wanted: wanted.collect(), refused: refused.collect(), taken: vec![] };
        let form = Form::new()
            .text("snapname", "Name")
            .required()
            .check(check_name)
            .help(
                "2 to 40 characters: a letter, then letters, digits, - and _. Unique for the guest, and never changed.",
            )
            .toggle("vmstate", "With RAM")
            .when(|v| v.is_on("ram"))
            .help("Running VMs go on from here after a rollback. Takes the time and space of the memory in use.");
        let mut wizard = Wizard::single(description(form));
        if ask.wanted.iter().any(|w| w.running && w.guest.kind == GuestKind::Vm) {
            wizard.set_fact("ram", "1");
        }
        wizard.share();
        dialog::Dialog::new(ask, wizard)
    }

    fn tell(&self, wizard: &mut Wizard) {
        let taken = self.taken.iter().map(|(name, vmid)| format!("{name}={vmid}")).collect::<Vec<_>>();
        wizard.set_fact("taken", taken.join(" "));
        let reasons: Vec<String> = self
            .wanted
            .iter()
            .filter_map(|w| Some(format!("{}: {}", w.label, self.refused.get(&w.guest.vmid)?)))
            .collect();
        let all = reasons.len() == self.wanted.len();
        wizard.set_trouble(
            (all && !reasons.is_empty()).then(|| format!("No snapshot can be made. {}", reasons.join("; "))),
        );
    }
}

impl Ask for Take {
    type Msg = Msg;
    const NAME: &'static str = "Take snapshot";

    fn title(&self) -> String {
        match self.wanted.as_slice() {
            [one] => format!("Take a snapshot of {}", one.label),
            many => format!("Take a snapshot of {} guests", many.len()),
        }
    }

    fn opened(&mut self, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        for w in &self.wanted {
            let vmid = w.guest.vmid;
            cx.send(guest::feature(&w.guest, Feature::Snapshot, None), move |answer| Msg::Possible(vmid, answer));
            cx.send(api::list(&w.guest), move |answer| Msg::Listed(vmid, answer));
        }
        self.tell(wizard);
    }

    fn update(&mut self, msg: Msg, wizard: &mut Wizard, _: &mut Cx<'_, dialog::Msg<Msg>>) {
        match msg {
            Msg::Possible(vmid, Ok(possible)) if !possible.has_feature => {
                let why = "its storage has no snapshots, or a disk is a bind mount or raw file (n in its list tells)";
                self.refused.entry(vmid).or_insert_with(|| why.into());
            }
            Msg::Listed(vmid, Ok(list)) => {
                self.taken.extend(list.iter().filter(|s| !s.is_current()).map(|s| (s.name.to_string(), vmid)));
            }
            // Unknown is not refused: the server has the last word.
            Msg::Possible(..) | Msg::Listed(..) => {}
        }
        self.tell(wizard);
    }

    // What is in the way stays, whatever is typed.
    fn changed(&mut self, _: &str, wizard: &mut Wizard, _: &mut Cx<'_, dialog::Msg<Msg>>) {
        self.tell(wizard);
    }

    fn proposal(&self, wizard: &Wizard, store: &Store) -> Option<Proposal> {
        let values = wizard.values();
        let (name, ram) = (values.get("snapname"), values.is_on("vmstate"));
        let words = text::lines_of(values.get("description"));
        let able: Vec<&Wanted> = self.wanted.iter().filter(|w| !self.refused.contains_key(&w.guest.vmid)).collect();
        if name.is_empty() || able.is_empty() {
            return None;
        }
        let writes = able.iter().map(|w| {
            let with_ram = ram && w.running && w.guest.kind == GuestKind::Vm;
            let request = api::create(&w.guest, name, Some(&words), with_ram);
            Write::new(format!("Take snapshot {name} of {}", w.label), request).on_guest(w.guest.vmid)
        });
        let title = match able.as_slice() {
            [one] => format!("Take snapshot {name} of {}?", one.label),
            many => format!("Take snapshot {name} of {} guests?", many.len()),
        };
        let mut proposal = Proposal::new(title, writes.collect());
        let running = able.iter().any(|w| w.running);
        if running && !ram {
            proposal = proposal
                .note("Without RAM: after a rollback a running guest is stopped, and starts as after a power failure.");
        }
        if ram {
            proposal = proposal.note("The VM stands still for moments while its memory is saved.");
        }
        for w in &able {
            if let Some(lock) = store.guest(w.guest.vmid).and_then(|g| g.lock.as_ref()) {
                proposal = proposal.note(format!("{} is locked ({lock}): the server may refuse.", w.label));
            }
        }
        for w in &self.wanted {
            if let Some(why) = self.refused.get(&w.guest.vmid) {
                proposal = proposal.note(format!("Left out: {}: {why}", w.label));
            }
        }
        Some(proposal)
    }

    fn field_of_text(&self, text: &str, _: &Values) -> Option<String> {
        text.contains("snapshot name").then(|| "snapname".to_owned())
    }
}

/// Asks for another description of a snapshot.
pub struct Describe {
    guest: GuestRef,
    label: String,
    name: String,
    old: String,
}

impl Describe {
    /// The dialog for a snapshot of a guest that is called `label`.
    pub fn of(guest: GuestRef, label: String, snapshot: &Snapshot) -> dialog::Dialog<Self> {
        let old = text::one_line(&snapshot.description);
        let form = description(Form::new()).initial(&old);
        dialog::Dialog::new(Self { guest, label, name: snapshot.name.to_string(), old }, Wizard::single(form))
    }
}

impl Ask for Describe {
    type Msg = ();
    const NAME: &'static str = "Describe snapshot";

    fn title(&self) -> String {
        format!("Snapshot {} of {}", self.name, self.label)
    }

    fn update(&mut self, (): (), _: &mut Wizard, _: &mut Cx<'_, dialog::Msg<()>>) {}

    fn proposal(&self, wizard: &Wizard, _: &Store) -> Option<Proposal> {
        let new = wizard.values().get("description").to_owned();
        if new == self.old {
            return None;
        }
        let label = format!("Describe snapshot {} of {}", self.name, self.label);
        let write = Write::new(label.clone(), api::describe(&self.guest, &self.name, &text::lines_of(&new)));
        let shown = |text: &str| if text.is_empty() { "(nothing)".to_owned() } else { text.to_owned() };
        Some(Proposal::new(format!("{label}?"), vec![write]).note(format!("{} -> {}", shown(&self.old), shown(&new))))
    }
}
