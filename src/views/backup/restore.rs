//! Restoring a guest from a backup: to a new id, or over the guest that the backup was made of.

mod form;

use super::{
    row::Row,
    shown::{self, Change},
};
use crate::{
    api::{
        ApiError, Param, Request, backup,
        cluster::{self, GuestStatus},
        guest::{self, Config, param},
        ids::{ContentKind, GuestKind, GuestRef, NodeName, Upid, VmId},
        lxc,
        property::Properties,
        snapshot::{self, Snapshot},
        storage, vm,
    },
    shell::{Ask, Cx, Degree, Dialog, Proposal, Write, dialog},
    store::Store,
    ui::{Choice, Choices, Values, Wizard, text},
};

/// What the wizard hears back.
pub enum Msg {
    /// The next free id.
    NextId(Result<VmId, ApiError>),
    /// Whether an id is free.
    IdChecked(VmId, Result<VmId, ApiError>),
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

fn is_over(values: &Values) -> bool {
    values.get("target") == "over"
}

/// Volumes of a container's configuration that can be put onto another storage: the setting, its size in GiB, the rest.
fn volumes(archived: &[(String, String)]) -> Vec<(String, String, Properties)> {
    let all = archived.iter().filter(|(key, _)| key == "rootfs" || key.starts_with("mp"));
    all.filter_map(|(key, text)| {
        let parts = Properties::parse(text);
        // What lies on the node itself is no volume of a storage.
        let volume = parts.default_key("volume")?;
        if volume.starts_with('/') {
            return None;
        }
        let size = gib(parts.get("size")?)?;
        Some((key.clone(), size, parts))
    })
    .collect()
}

/// `8G`, `512M`, `1T` in GiB as the API wants it.
fn gib(size: &str) -> Option<String> {
    let (number, factor) = match size.strip_suffix(['K', 'M', 'G', 'T']) {
        Some(number) => {
            let power = "KMGT".find(&size[number.len()..])? as i32;
            (number, 1024f64.powi(power - 2))
        }
        None => (size, 1.0 / (1024.0 * 1024.0 * 1024.0)),
    };
    let value = number.parse::<f64>().ok()? * factor;
    let text = format!("{value:.3}");
    Some(text.trim_end_matches('0').trim_end_matches('.').to_owned())
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

    fn request(&self, values: &Values) -> Option<Request<Upid>> {
        let over = is_over(values);
        let vmid = match (&self.old, over) {
            (Some(old), true) => old.vmid,
            _ => VmId::new(values.get("vmid").parse().ok()?)?,
        };
        let node = self.node(values);
        if node.is_empty() {
            return None;
        }
        let mut params: Vec<Param> = vec![];
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                params.push(param(name, value));
            }
        };
        let on = |key: &str| if values.is_on(key) { "1" } else { "" };
        let volume = self.row.volid.as_str();
        match self.kind {
            GuestKind::Vm => add("archive", volume),
            GuestKind::Ct => {
                add("ostemplate", volume);
                add("restore", "1");
            }
        }
        add("force", if over { "1" } else { "" });
        add("storage", values.get("storage"));
        add("pool", values.get("pool"));
        add("unique", on("unique"));
        add("bwlimit", values.get("bwlimit"));
        add("start", on("start"));
        add("ha-managed", on("ha"));
        match self.kind {
            GuestKind::Vm => {
                add("live-restore", on("live-restore"));
                for key in ["name", "memory", "cores", "sockets"] {
                    add(key, values.get(key));
                }
            }
            GuestKind::Ct => {
                add("unprivileged", values.get("unprivileged"));
                add("ignore-unpack-errors", on("ignore-unpack-errors"));
                for (key, value) in self.remapped(values) {
                    add(&key, &value);
                }
                add("hostname", values.get("name"));
                for key in ["memory", "swap", "cores"] {
                    add(key, values.get(key));
                }
            }
        }
        Some(match self.kind {
            GuestKind::Vm => vm::create(&node, vmid, &params),
            GuestKind::Ct => lxc::create(&node, vmid, &params),
        })
    }

    /// A container's volumes on other storages. The server wants all of them named when one is.
    fn remapped(&self, values: &Values) -> Vec<(String, String)> {
        let volumes = volumes(self.archived.as_deref().unwrap_or_default());
        let chosen = |key: &str| Some(values.get(&format!("on.{key}"))).filter(|storage| !storage.is_empty());
        if !values.is_on("remap") || !volumes.iter().any(|(key, ..)| chosen(key).is_some()) {
            return vec![];
        }
        let made = volumes.into_iter().map(|(key, size, parts)| {
            let old = parts.default_key("volume").unwrap_or_default().split(':').next().unwrap_or_default();
            let given = Some(values.get("storage")).filter(|s| !s.is_empty()).unwrap_or(old);
            let storage = chosen(&key).unwrap_or(given);
            let rest = parts.iter().filter_map(|(name, value)| {
                let name = name.filter(|n| !["volume", "size"].contains(n))?;
                Some(format!(",{name}={value}"))
            });
            let text = format!("{storage}:{size}{}", rest.collect::<String>());
            (key, text)
        });
        made.collect()
    }

    /// What the backup holds, in a line or two.
    fn summary(&self) -> Option<String> {
        let archived = self.archived.as_ref()?;
        let get = |key: &str| archived.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
        let mut parts: Vec<String> = vec![];
        for (key, words) in
            [("name", "name"), ("hostname", "name"), ("cores", "cores"), ("memory", "memory"), ("ostype", "OS")]
        {
            parts.extend(get(key).map(|value| format!("{words} {value}")));
        }
        for (key, value) in archived {
            let disk = ["scsi", "virtio", "sata", "ide", "efidisk", "tpmstate", "mp"]
                .iter()
                .any(|p| key.strip_prefix(p).is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())));
            if (disk || key == "rootfs") && !self.left_out.contains(key) && !value.contains("media=cdrom") {
                let size = Properties::parse(value).get("size").unwrap_or("?").to_owned();
                parts.push(format!("{key} {size}"));
            }
        }
        Some(format!("In the backup: {}.", parts.join(", ")))
    }

    fn consequences(&self, values: &Values, store: &Store) -> Vec<String> {
        let mut notes: Vec<String> = self.summary().into_iter().collect();
        if !self.left_out.is_empty() {
            let drives = self.left_out.join(", ");
            let after = if is_over(values) { " What the guest has there now stays, as an unused disk." } else { "" };
            notes.push(format!("Not in the backup, and not restored: {drives} (backup=0).{after}"));
        }
        let (Some(old), true) = (&self.old, is_over(values)) else {
            if !values.is_on("unique") && self.old.is_some() {
                notes.push(
                    "The copy has the same MAC addresses as the guest it comes from: choose new ones (unique) before both run.".into(),
                );
            }
            return notes;
        };
        let known = store.guest(old.vmid);
        let name = known.map_or("", |g| g.name.as_str());
        notes.push(format!(
            "{} {} ({name}) is replaced: its disks are deleted first, and everything since the backup ({}) is lost.",
            old.kind.label(),
            old.vmid,
            text::age(self.now.saturating_sub(self.row.ctime))
        ));
        if self.snapshots > 0 {
            let those = if self.snapshots == 1 { "snapshot is" } else { "snapshots are" };
            notes.push(format!("Its {} {those} deleted.", self.snapshots));
        }
        if let Some(guest) = known {
            if guest.status != GuestStatus::Stopped {
                notes.push(
                    match values.get("power") {
                        "shutdown" => "It is running: it is shut down first, within 3 minutes. If it does not go down, nothing is restored.",
                        "stop" => "It is running: its plug is pulled first, and what it has not written is lost.",
                        _ => "It is running: choose how it is stopped first.",
                    }
                    .into(),
                );
            }
            if let Some(lock) = &guest.lock {
                notes.push(format!("It is locked ({lock}): the server may refuse."));
            }
            if let Some(ha) = &guest.hastate {
                notes.push(format!(
                    "HA looks after it (state {ha}): set it to be ignored first, or HA starts it meanwhile."
                ));
            }
        }
        if self.present.as_ref().and_then(|c| c.get("protection")) == Some("1") {
            notes.push(
                "It is protected against removal: the server refuses to replace it until that is switched off.".into(),
            );
        }
        notes.extend(self.changes().into_iter().map(|change| {
            let or = |value: Option<String>| value.unwrap_or_else(|| "not set".into());
            format!("{}: {} becomes {}", change.key, or(change.now), or(change.then))
        }));
        notes
    }

    /// The change that has to come before the restore: the guest that is replaced must not run.
    fn stop_first(&self, values: &Values, store: &Store) -> Option<Write> {
        let old = self.old.as_ref().filter(|_| is_over(values))?;
        store.guest(old.vmid).filter(|g| g.status != GuestStatus::Stopped)?;
        let (word, request) = match values.get("power") {
            "shutdown" => ("Shutdown", guest::shutdown(old, Some(180), false)),
            "stop" => ("Stop", guest::stop(old, false)),
            _ => return None,
        };
        Some(Write::new(format!("{word} {old}"), request).on_guest(old.vmid).in_turn())
    }

    fn changes(&self) -> Vec<Change> {
        match (&self.archived, &self.present) {
            (Some(archived), Some(present)) => shown::differences(archived, present),
            _ => vec![],
        }
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
        cx.send(cluster::next_id(None), Msg::NextId);
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
            Msg::NextId(Ok(vmid)) => {
                wizard.set_default("vmid", &vmid.to_string());
            }
            Msg::NextId(Err(error)) => tracing::debug!(%error, "no free id was proposed"),
            Msg::IdChecked(vmid, Err(error)) if error.status() == Some(400) => {
                form::taken(wizard, vmid, "is already taken");
            }
            Msg::IdChecked(..) => {}
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
            "vmid" => {
                if let Some(vmid) = values.get("vmid").parse().ok().and_then(VmId::new) {
                    match cx.store().guest(vmid) {
                        Some(g) => form::taken(wizard, vmid, &format!("is taken by {} {}", g.kind.label(), g.name)),
                        None => cx.send(cluster::next_id(Some(vmid)), move |answer| Msg::IdChecked(vmid, answer)),
                    }
                }
            }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn sizes_in_gib() {
        let all: BTreeMap<_, _> =
            ["8G", "512M", "1T", "2147483648"].into_iter().map(|s| (s, gib(s).unwrap())).collect();
        assert_eq!(all["8G"], "8");
        assert_eq!(all["512M"], "0.5");
        assert_eq!(all["1T"], "1024");
        assert_eq!(all["2147483648"], "2");
        assert_eq!(gib("x"), None);
    }

    #[test]
    fn mount_points_that_can_move() {
        let settings = backup::settings(
            "rootfs: local:200/vm-200-disk-0.raw,size=4G\nmp0: local:200/d.raw,mp=/data,backup=1,size=1G\nmp1: /srv,mp=/srv\n",
        );
        let keys: Vec<_> = volumes(&settings).into_iter().map(|(key, size, _)| format!("{key} {size}")).collect();
        assert_eq!(keys, ["rootfs 4", "mp0 1"]);
    }
}
