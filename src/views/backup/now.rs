//! Backing up guests now: one call for each node that has some of them.

use std::collections::{BTreeMap, BTreeSet};

use super::{field, setting};
use crate::{
    api::{
        ApiError, backup,
        cluster::{Guest, GuestStatus},
        guest::param,
        ids::{ContentKind, NodeName, StorageId, VmId},
        storage::{self, Volume},
    },
    shell::{Ask, Cx, Degree, Dialog, Level, Proposal, Write, dialog},
    store::Store,
    ui::{Form, Values, Wizard, text},
};

/// What the dialog hears back.
pub enum Msg {
    /// The backups on a storage: what the guests took last time.
    Backups(StorageId, Result<Vec<Volume>, ApiError>),
    /// What a node does when it is not told otherwise.
    Defaults(Result<backup::Defaults, ApiError>),
}

/// A guest to back up.
#[derive(Clone, Debug)]
struct Chosen {
    vmid: VmId,
    /// `VM 101 (web)`
    label: String,
    node: NodeName,
}

/// Asks how to back up guests.
pub struct BackUp {
    guests: Vec<Chosen>,
    asked: BTreeSet<String>,
}

/// Opens the dialog for these guests.
pub fn open<M: Send + 'static>(guests: &[&Guest], cx: &mut Cx<'_, M>) {
    if guests.is_empty() {
        cx.toast(Level::Info, "Mark or select guests that exist");
    } else if !cx.refuses_changes() {
        cx.open(dialog(guests, cx.store()));
    }
}

/// The dialog for these guests.
pub fn dialog(guests: &[&Guest], store: &Store) -> Dialog<BackUp> {
    let form = field::advanced(field::retention(field::general(Form::new()), "none"));
    let mut wizard = Wizard::single(form);
    let chosen = |g: &&Guest| Chosen { vmid: g.vmid, label: g.label(), node: g.node.clone() };
    let ask = BackUp { guests: guests.iter().map(chosen).collect(), asked: BTreeSet::new() };
    if let Some(first) = guests.first() {
        field::set_example(&mut wizard, first, store);
    }
    wizard.set_fact("need.most", guests.iter().map(|g| g.maxdisk).sum::<u64>().to_string());
    field::offer_storages(&mut wizard, store, &ask.nodes());
    wizard.share();
    Dialog::new(ask, wizard)
}

impl BackUp {
    fn nodes(&self) -> BTreeSet<NodeName> {
        self.guests.iter().map(|g| g.node.clone()).collect()
    }

    fn by_node(&self) -> BTreeMap<&NodeName, Vec<&Chosen>> {
        let mut all: BTreeMap<&NodeName, Vec<&Chosen>> = BTreeMap::new();
        for guest in &self.guests {
            all.entry(&guest.node).or_default().push(guest);
        }
        all
    }

    /// What the guests took on the chosen storage last time tells what they will take now.
    fn ask_sizes(&mut self, wizard: &Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        let storage = wizard.values().get("storage").to_owned();
        let Some(first) = self.guests.first() else { return };
        if storage.is_empty() || !self.asked.insert(storage.clone()) {
            return;
        }
        let storage = StorageId::from(storage);
        let only = if self.guests.len() == 1 { Some(first.vmid) } else { None };
        let request = storage::content(&first.node, &storage, Some(ContentKind::Backup), only);
        cx.send(request, move |answer| Msg::Backups(storage, answer));
    }

    /// `VM 101 (web)`, or `3 guests`.
    fn what(&self) -> String {
        match self.guests.as_slice() {
            [one] => one.label.clone(),
            many => format!("{} guests", many.len()),
        }
    }
}

/// The newest backup's size of each of these guests, added up; `None` when one of them has none.
fn needed(volumes: &[Volume], guests: &[Chosen]) -> Option<u64> {
    let mut sum = 0u64;
    for guest in guests {
        let own = volumes.iter().filter(|v| v.owner() == Some(guest.vmid));
        sum += own.max_by_key(|v| v.ctime)?.size?;
    }
    Some(sum)
}

impl Ask for BackUp {
    type Msg = Msg;
    const NAME: &'static str = "Back up now";
    const PRESETS: bool = true;

    fn title(&self) -> String {
        format!("Back up {} now", self.what())
    }

    fn opened(&mut self, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        self.ask_sizes(wizard, cx);
        if let Some(first) = self.guests.first() {
            cx.send(backup::defaults(&first.node, None), Msg::Defaults);
        }
    }

    fn update(&mut self, msg: Msg, wizard: &mut Wizard, _: &mut Cx<'_, dialog::Msg<Msg>>) {
        match msg {
            Msg::Backups(storage, Ok(volumes)) => {
                if let Some(bytes) = needed(&volumes, &self.guests) {
                    wizard.set_fact(format!("need.{storage}"), bytes.to_string());
                }
            }
            // No estimate then.
            Msg::Backups(storage, Err(error)) => tracing::debug!(%error, %storage, "sizes of earlier backups"),
            Msg::Defaults(Ok(defaults)) => {
                if ["snapshot", "suspend", "stop"].contains(&defaults.mode.as_str()) {
                    wizard.set_default("mode", &defaults.mode);
                }
                if defaults.bwlimit > 0 {
                    // The server takes it by itself; whoever sends it needs more privileges.
                    wizard.set_fact("bwlimit.default", defaults.bwlimit.to_string());
                }
            }
            Msg::Defaults(Err(error)) => tracing::debug!(%error, "defaults of backups"),
        }
    }

    fn changed(&mut self, key: &str, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        if key == "storage" {
            self.ask_sizes(wizard, cx);
        }
    }

    fn proposal(&self, wizard: &Wizard, store: &Store) -> Option<Proposal> {
        let values = wizard.known();
        if values.get("storage").is_empty() || self.guests.is_empty() {
            return None;
        }
        let settings = setting::settings(&values);
        let mut writes = vec![];
        for (node, guests) in self.by_node() {
            let ids: Vec<String> = guests.iter().map(|g| g.vmid.to_string()).collect();
            let mut params = vec![param("vmid", ids.join(","))];
            params.extend(setting::params(&settings));
            let what = match guests.as_slice() {
                [one] => format!("Back up {}", one.label),
                many => format!("Back up {} guests of {node}", many.len()),
            };
            let write = Write::new(what, backup::start(node, &params));
            writes.push(if let [one] = guests.as_slice() { write.on_guest(one.vmid) } else { write });
        }
        let mut proposal = Proposal::new(format!("Back up {}?", self.what()), writes);
        let runs = |g: &Chosen| store.guest(g.vmid).is_some_and(|g| g.status == GuestStatus::Running);
        if values.get("mode") == "stop" && self.guests.iter().any(runs) {
            proposal = proposal.degree(Degree::Careful);
        }
        proposal.notes = self.consequences(&values, store);
        Some(proposal)
    }

    fn field_of(&self, parameter: &str, _: &Values) -> String {
        setting::field_of(parameter)
    }

    fn field_of_text(&self, text: &str, _: &Values) -> Option<String> {
        text.to_lowercase().contains("storage").then(|| "storage".into())
    }
}

impl BackUp {
    /// What one should know: locked guests, downtime, a storage that may run full, a run that is going on already.
    fn consequences(&self, values: &Values, store: &Store) -> Vec<String> {
        let mut notes = vec![];
        let mode = values.get("mode");
        for chosen in &self.guests {
            let Some(guest) = store.guest(chosen.vmid) else {
                notes.push(format!("Guest {} is not in the cluster's list any more.", chosen.vmid));
                continue;
            };
            let label = guest.label();
            if let Some(lock) = &guest.lock {
                notes.push(format!("{label} is locked ({lock}): its backup will fail while that lasts."));
            }
            let runs = guest.status == GuestStatus::Running;
            match mode {
                "stop" if runs => {
                    notes.push(format!("{label} runs: it is shut down for its backup and started again."))
                }
                "suspend" if runs => notes.push(format!("{label} runs: it is suspended for a while.")),
                _ => {}
            }
            if guest.node != chosen.node {
                notes.push(format!("{label} has moved to {} meanwhile: open the dialog again.", guest.node));
            }
        }
        if !values.get("notes-template").is_empty() {
            let example = field::expand(values.get("notes-template"), values);
            notes.push(match self.guests.len() {
                1 => format!("Notes of the backup: \"{example}\"."),
                _ => format!("Notes of a backup, for example: \"{example}\"."),
            });
        }
        let busy = |node: &NodeName| {
            store.tasks.iter().any(|t| t.kind == "vzdump" && t.status.is_running() && t.node == *node)
        };
        for node in self.nodes().iter().filter(|n| busy(n)) {
            notes.push(format!("A backup run is going on on {node}: this one waits for its end."));
        }
        let storage = values.get("storage");
        let number = |what: &str| values.get(&format!("{what}.{storage}")).parse::<u64>().ok();
        if let (Some(free), Some(need)) = (number("free"), number("need"))
            && need > free
        {
            let (need, free) = (text::bytes_short(need), text::bytes_short(free));
            notes.push(format!("{storage} may run full: the last backups took {need}, and {free} are free."));
        }
        if values.get("retention") == "rules" {
            notes.push(format!(
                "Older backups of each guest that {} does not keep are removed.",
                setting::rules(values)
            ));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_sizes_tell_what_is_needed() {
        let volume = |vmid, ctime, size| Volume {
            vmid: VmId::new(vmid),
            ctime: Some(ctime),
            size: Some(size),
            ..Volume::default()
        };
        let guest = |vmid| Chosen {
            vmid: VmId::new(vmid).unwrap_or(VmId::MIN),
            label: String::new(),
            node: NodeName::default(),
        };
        let volumes = [volume(100, 1, 5), volume(100, 2, 7), volume(101, 1, 20)];
        assert_eq!(needed(&volumes, &[guest(100), guest(101)]), Some(27));
        assert_eq!(needed(&volumes, &[guest(100), guest(102)]), None);
    }
}
