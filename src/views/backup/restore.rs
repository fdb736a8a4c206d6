//! Restoring a guest from a backup: to a new id, or over the guest that the backup was made of.

mod consequence;
mod form;
mod request;

use self::{form::is_over, request::volumes};
use super::row::Row;
use crate::{
    api::{
        ApiError, backup,
        guest::{self, Config},
        ids::{ContentKind, GuestKind, GuestRef, NodeName, VmId},
        snapshot::{self, Snapshot},
        storage,
    },
    shell::{Ask, Cx, Degree, Dialog, Proposal, Write, dialog},
    store::Store,
    ui::{Choice, Choices, Values, Wizard, text},
    views::guest::new,
};

/// What the wizard hears back.
pub enum Msg {
    /// About ids.
    Id(new::Came),
    /// The configuration in the backup.
    Archived(Result<String, ApiError>),
    /// The configuration of the guest that may be replaced.
    Present(Result<Config, ApiError>),
    /// Its snapshots.
    Snapshots(Result<Vec<Snapshot>, ApiError>),
    /// The storages of a node.
    Storages(NodeName, Result<Vec<storage::Status>, ApiError>),
}

/// Asks how to restore.
pub struct Restore {
    row: Row,
    kind: GuestKind,
    /// The guest that the backup was made of, while it exists.
    old: Option<GuestRef>,
    archived: Option<Vec<(String, String)>>,
    /// Drives in the configuration that the backup does not hold.
    left_out: Vec<String>,
    present: Option<Config>,
    snapshots: usize,
    /// When the wizard was opened, in Unix seconds.
    now: u64,
}

/// Opens the wizard for a backup.
pub fn open<M: Send + 'static>(row: &Row, cx: &mut Cx<'_, M>) {
    if cx.refuses_changes() {
        return;
    }
    match dialog(row, cx.store()) {
        Some(dialog) => cx.open(dialog),
        None => cx.toast(crate::shell::Level::Warning, "It can't be told whether this is a VM or a container"),
    }
}

/// The wizard for a backup; `None` when nobody can tell what kind of guest is in it.
pub fn dialog(row: &Row, store: &Store) -> Option<Dialog<Restore>> {
    let kind = row.kind?;
    let old = row.vmid.and_then(|id| store.guest(id)).filter(|g| g.kind == kind);
    let mut wizard = form::wizard(row, kind, old, store);
    form::follow(&mut wizard, store, old);
    let ask = Restore {
        row: row.clone(),
        kind,
        old: old.map(|g| g.reference()),
        archived: None,
        left_out: vec![],
        present: None,
        snapshots: 0,
        now: 0,
    };
    Some(Dialog::new(ask, wizard))
}

impl Restore {
    fn node(&self, values: &Values) -> NodeName {
        match (&self.old, is_over(values)) {
            (Some(old), true) => old.node.clone(),
            _ => NodeName::from(values.get("node")),
        }
    }

    fn load_node(&self, node: &NodeName, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        let content = if self.kind == GuestKind::Vm { ContentKind::Images } else { ContentKind::Rootdir };
        wizard.set_choices("storage", Choices::Loading);
        let of = node.clone();
        cx.send(storage::of_node(node, Some(content), true), move |answer| Msg::Storages(of, answer));
    }
}

impl Ask for Restore {
    type Msg = Msg;
    const NAME: &'static str = "Restore";
    const SWITCHES: &'static [(char, &'static str, &'static str)] = &[('s', "start", "start afterwards")];

    fn title(&self) -> String {
        format!("Restore {}", self.row.words())
    }

    fn opened(&mut self, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        self.now = u64::try_from(cx.scene.now.unix).unwrap_or(0);
        new::propose(cx, Msg::Id);
        cx.send(backup::extract_config(&self.row.node, &self.row.volid), Msg::Archived);
        if let Some(old) = &self.old {
            cx.send(guest::config(old, &guest::Which::Pending), Msg::Present);
            cx.send(snapshot::list(old), Msg::Snapshots);
        }
        let node = self.node(&wizard.values());
        self.load_node(&node, wizard, cx);
    }

    fn update(&mut self, msg: Msg, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        match msg {
            Msg::Id(came) => new::came(came, wizard),
            Msg::Archived(Ok(config)) => {
                let settings = backup::settings(&config);
                for (key, size, parts) in volumes(&settings) {
                    let old = parts.default_key("volume").unwrap_or_default().split(':').next().unwrap_or_default();
                    let at = parts.get("mp").unwrap_or("/");
                    wizard.set_fact(format!("has.{key}"), format!("{size} GiB at {at}, was on {old}"));
                }
                let get = |key: &str| settings.iter().find(|(k, _)| k == key).map_or("", |(_, v)| v.as_str());
                let name = if self.kind == GuestKind::Vm { "name" } else { "hostname" };
                for (fact, key) in [
                    ("was.name", name),
                    ("was.memory", "memory"),
                    ("was.cores", "cores"),
                    ("was.sockets", "sockets"),
                    ("was.swap", "swap"),
                ] {
                    wizard.set_fact(fact, get(key));
                }
                self.archived = Some(settings);
                self.left_out = backup::left_out(&config);
            }
            Msg::Archived(Err(error)) => {
                wizard
                    .set_trouble(Some(format!("The configuration in the backup can't be read: {}", error.explained())));
            }
            Msg::Present(Ok(config)) => self.present = Some(config),
            Msg::Present(Err(error)) => tracing::debug!(%error, "configuration of the guest to replace"),
            Msg::Snapshots(Ok(list)) => self.snapshots = list.iter().filter(|s| !s.is_current()).count(),
            Msg::Snapshots(Err(error)) => tracing::debug!(%error, "snapshots of the guest to replace"),
            Msg::Storages(node, _) if node != self.node(&wizard.values()) => {}
            Msg::Storages(_, Ok(list)) => {
                let mut choices = vec![Choice::labelled("", "as in the backup")];
                choices.extend(list.iter().filter(|s| s.active).map(|s| {
                    Choice::new(s.storage.as_str()).detail(format!("{}, {} free", s.kind, text::bytes(s.avail)))
                }));
                for key in std::iter::once("storage".to_owned()).chain(form::mounts()) {
                    wizard.set_choices(&key, choices.clone());
                }
            }
            Msg::Storages(_, Err(error)) => {
                wizard.set_choices("storage", Choices::Failed(error.to_string()));
            }
        }
        let old = self.old.as_ref().and_then(|g| cx.store().guest(g.vmid));
        form::follow(wizard, cx.store(), old);
    }

    fn changed(&mut self, key: &str, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        let values = wizard.values();
        match key {
            "node" | "target" => {
                let node = self.node(&values);
                self.load_node(&node, wizard, cx);
            }
            "vmid" => new::changed(wizard, cx, Msg::Id),
            _ => {}
        }
        let old = self.old.as_ref().and_then(|g| cx.store().guest(g.vmid));
        form::follow(wizard, cx.store(), old);
    }

    fn proposal(&self, wizard: &Wizard, store: &Store) -> Option<Proposal> {
        let values = wizard.known();
        let request = self.request(&values)?;
        let over = is_over(&values);
        let vmid = if over { self.old.as_ref().map(|g| g.vmid.to_string())? } else { values.get("vmid").to_owned() };
        let label = format!("Restore {} {vmid} from {}", self.kind.label(), text::local_time(self.row.unix()));
        let mut write = Write::new(label.clone(), request);
        if let Some(id) = vmid.parse().ok().and_then(VmId::new) {
            write = write.on_guest(id);
        }
        // A running guest is stopped first; it is only replaced when that went well.
        let writes = match self.stop_first(&values, store) {
            Some(stop) => vec![stop, write.after_success()],
            None => vec![write],
        };
        let mut proposal = Proposal::new(format!("{label}?"), writes);
        if over {
            proposal = proposal.degree(Degree::Typed(vmid));
        }
        proposal.notes = self.consequences(&values, store);
        Some(proposal)
    }

    /// The whole configuration in the backup.
    fn appendix(&self) -> Vec<String> {
        let Some(archived) = &self.archived else { return vec![] };
        let lines = archived.iter().filter(|(key, _)| key != "#").map(|(key, value)| format!("  {key}: {value}"));
        std::iter::once("The configuration in the backup:".to_owned()).chain(lines).collect()
    }

    fn refreshed(&mut self, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        let old = self.old.as_ref().and_then(|g| cx.store().guest(g.vmid));
        form::follow(wizard, cx.store(), old);
    }

    fn field_of(&self, parameter: &str, _: &Values) -> String {
        match parameter {
            "hostname" => "name".into(),
            "archive" | "ostemplate" | "force" => "target".into(),
            "ha-managed" => "ha".into(),
            mount if mount == "rootfs" || mount.starts_with("mp") => format!("on.{mount}"),
            other => other.into(),
        }
    }

    fn field_of_text(&self, text: &str, values: &Values) -> Option<String> {
        let text = text.to_lowercase();
        if text.contains("already exists") {
            Some(if is_over(values) { "target" } else { "vmid" }.into())
        } else if text.contains("storage '") {
            Some("storage".into())
        } else {
            None
        }
    }
}
