//! Converting a guest to a template: what stands against it is found out first.

use super::able;
use crate::{
    api::{
        ApiError,
        cluster::{Guest, GuestStatus},
        guest::{self, Config, Which},
        ids::{GuestKind, GuestRef},
        snapshot::{self, Snapshot},
        template,
    },
    shell::{Ask, Cx, Degree, Dialog, Proposal, Write, dialog},
    store::Store,
    ui::{Choice, Form, Wizard},
};

/// What the dialog hears back.
pub enum Msg {
    /// Its snapshots.
    Snapshots(Result<Vec<Snapshot>, ApiError>),
    /// Its settings.
    Config(Result<Config, ApiError>),
}

/// Makes a template of a guest.
pub struct Convert {
    guest: GuestRef,
    name: String,
}

impl Convert {
    /// A dialog for this guest.
    pub fn open(guest: &Guest) -> Dialog<Self> {
        let what = if guest.kind == GuestKind::Vm { "the VM with all its disks" } else { "the container" };
        let form = Form::new()
            .note("A template can't be started, only cloned and edited. There is no way back.")
            .select("what", "Convert", vec![Choice::labelled("all", what)])
            .initial("all")
            .required()
            .check(|_, v| Some(v.get("blocked")).filter(|why| !why.is_empty()).map_or(Ok(()), |why| Err(why.into())));
        let mut wizard = Wizard::single(form);
        if let Some(why) = refuse(guest) {
            wizard.set_fact("blocked", why);
        }
        Dialog::new(Self { guest: guest.reference(), name: guest.name.to_string() }, wizard)
    }
}

/// Why a guest can't become a template, as far as the list of guests tells.
pub fn refuse(g: &Guest) -> Option<&'static str> {
    match g.status {
        _ if g.template => Some("it is a template already"),
        GuestStatus::Running | GuestStatus::Paused => Some("it is running: shut it down first"),
        GuestStatus::Unknown => Some("its node can't be reached"),
        _ => None,
    }
}

impl Ask for Convert {
    type Msg = Msg;
    const NAME: &'static str = "Convert to template";

    fn title(&self) -> String {
        format!("Convert {} ({}) to a template", self.guest, self.name)
    }

    fn opened(&mut self, _: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        cx.send(snapshot::list(&self.guest), Msg::Snapshots);
        cx.send(guest::config(&self.guest, &Which::Current), Msg::Config);
    }

    fn update(&mut self, msg: Msg, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        let snapshots = match msg {
            Msg::Snapshots(answer) => answer.unwrap_or_default(),
            Msg::Config(answer) => {
                let config = answer.unwrap_or_default();
                let against = able::against_template(self.guest.kind, &config, cx.store());
                if let (Some(why), true) = (against, wizard.known().get("blocked").is_empty()) {
                    wizard.set_fact("blocked", why);
                }
                let full_only = able::against_linked(self.guest.kind, &config, cx.store());
                wizard.set_fact("full.only", full_only.join(", "));
                return;
            }
        };
        let names: Vec<&str> = snapshots.iter().filter(|s| !s.is_current()).map(|s| s.name.as_str()).collect();
        if !names.is_empty() && wizard.known().get("blocked").is_empty() {
            wizard.set_fact("blocked", format!("it has snapshots, which must be removed first: {}", names.join(", ")));
        }
    }

    fn proposal(&self, wizard: &Wizard, store: &Store) -> Option<Proposal> {
        let guest = store.guest(self.guest.vmid)?;
        let label = format!("Convert {} ({}) to a template", self.guest, self.name);
        let write = Write::new(label.clone(), template::convert(&self.guest, None)).on_guest(self.guest.vmid);
        let mut proposal = Proposal::new(format!("{label}?"), vec![write]).degree(Degree::Careful);
        if let Some(state) = &guest.hastate {
            proposal = proposal.note(format!("It is managed by HA ({state}): remove it there first."));
        }
        let full_only = wizard.known().get("full.only").to_owned();
        if !full_only.is_empty() {
            proposal = proposal.note(format!("Only full copies can be made of it: {full_only}."));
        }
        Some(proposal.note("A template can't be started, and there is no way back."))
    }
}
