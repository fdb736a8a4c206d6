//! Shutting guests down within a time of one's own choice, and stopping those that don't.

use super::action;
use crate::{
    api::{cluster::Guest, guest as api},
    shell::{Ask, Cx, Degree, Dialog, Proposal, Write, dialog},
    store::Store,
    ui::{Form, Wizard},
};

/// Shuts guests down.
pub struct Shutdown {
    guests: Vec<Guest>,
}

impl Shutdown {
    /// A dialog for these guests.
    pub fn open(guests: &[&Guest]) -> Dialog<Self> {
        let form = Form::new()
            .number("timeout", "Within", 0..=86_400)
            .initial("180")
            .required()
            .unit("s")
            .help("So long a guest has for a clean shutdown.")
            .toggle("forceStop", "Then stop it")
            .initial("1")
            .help("A guest that still runs then is stopped, as if its plug were pulled. Without this the task fails.");
        Dialog::new(Self { guests: guests.iter().map(|g| (*g).clone()).collect() }, Wizard::single(form))
    }
}

impl Ask for Shutdown {
    type Msg = ();
    const NAME: &'static str = "Shutdown within";

    fn title(&self) -> String {
        match self.guests.as_slice() {
            [one] => format!("Shut down {} {} ({})", one.kind.label(), one.vmid, one.name),
            many => format!("Shut down {} guests", many.len()),
        }
    }

    fn update(&mut self, (): (), _: &mut Wizard, _: &mut Cx<'_, dialog::Msg<()>>) {}

    fn proposal(&self, wizard: &Wizard, store: &Store) -> Option<Proposal> {
        let values = wizard.values();
        let (timeout, force) = (values.get("timeout").parse().ok()?, values.is_on("forceStop"));
        let action = action::ACTIONS.iter().find(|a| a.id == "guest.shutdown")?;
        let guests: Vec<&Guest> = self.guests.iter().collect();
        let mut proposal = action::propose(action, &guests, store)?.degree(Degree::Careful);
        let able = guests.iter().filter(|g| action::refusal(action, g, store).is_none());
        proposal.writes = able
            .map(|g| {
                let label = format!("Shutdown {} {} ({})", g.kind.label(), g.vmid, g.name);
                Write::new(label, api::shutdown(&g.reference(), Some(timeout), force)).on_guest(g.vmid)
            })
            .collect();
        if force {
            proposal =
                proposal.note(format!("What still runs after {timeout} s is stopped: its unsaved data is lost."));
        }
        Some(proposal)
    }
}
