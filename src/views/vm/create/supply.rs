//! What the cluster has to offer, as choices, proposals and facts of the create-VM wizard.

use std::collections::BTreeMap;

use super::form;
use crate::{
    api::{
        ApiError, Paged,
        cluster::GuestStatus,
        ids::{ContentKind, NodeName},
        network::{self, Interface},
        storage::{self, Volume},
    },
    shell::Cx,
    store::Store,
    ui::{Choice, Choices, Wizard, text},
    views::device,
};

/// Fields whose choices come from the node's storages.
pub const FROM_STORAGES: [&str; 9] = [
    "storage",
    "efi.storage",
    "tpm.storage",
    "ci.storage",
    "cd.image",
    "drivers",
    "import",
    "appliance",
    "import-working-storage",
];

/// Fields for a storage that keeps disks.
const FOR_DISKS: [&str; 3] = ["efi.storage", "tpm.storage", "ci.storage"];

/// Another node: what it has is on its way.
pub fn node(wizard: &mut Wizard, store: &Store, name: &NodeName) {
    for key in FROM_STORAGES.iter().chain(&["bridge"]) {
        wizard.set_choices(key, Choices::Loading);
    }
    for fact in ["storages", "bridges"] {
        wizard.set_fact(fact, "");
    }
    capacity(wizard, store, name);
    form::follow(wizard);
}

/// Asks for the storages and the bridges of a node.
pub fn ask<M, N>(
    node: &NodeName,
    cx: &mut Cx<'_, M>,
    storages: fn(NodeName, Result<Vec<storage::Status>, ApiError>) -> N,
    networks: fn(NodeName, Result<Paged<Interface>, ApiError>) -> N,
) where
    M: Send + 'static,
    N: Into<M> + 'static,
{
    let of = node.clone();
    cx.send(storage::of_node(node, None, true), move |answer| storages(of, answer));
    let of = node.clone();
    cx.send(network::list(node, Some("any_bridge")), move |answer| networks(of, answer));
}

/// The nodes that a guest can be made on.
pub fn nodes(store: &Store) -> Vec<Choice> {
    let online = store.resources.nodes.iter().filter(|n| n.is_online());
    let choice = |n: &crate::api::cluster::Node| {
        if !n.has_figures() {
            return Choice::new(n.node.as_str()).detail("no access to its figures");
        }
        let (free, cpu) = (text::bytes(n.maxmem.saturating_sub(n.mem)), text::percent(f64::from(n.cpu)));
        Choice::new(n.node.as_str()).detail(format!("{} free, CPU {}", free.trim(), cpu.trim()))
    };
    online.map(choice).collect()
}

/// The node that is wanted if it is online, or the one with the most free memory.
pub fn node_for(store: &Store, wanted: Option<NodeName>) -> NodeName {
    let online = || store.resources.nodes.iter().filter(|n| n.is_online());
    let wanted = wanted.filter(|name| online().any(|n| n.node == *name));
    let best = || online().max_by_key(|n| n.maxmem.saturating_sub(n.mem)).map(|n| n.node.clone());
    wanted.or_else(best).unwrap_or_default()
}

/// The pools that a guest can be put into.
pub fn pools(store: &Store) -> Vec<Choice> {
    let pools = store.resources.pools.iter().map(|p| Choice::new(p.as_str()));
    std::iter::once(Choice::labelled("", "none")).chain(pools).collect()
}

/// What the node can give, as facts.
pub fn capacity(wizard: &mut Wizard, store: &Store, name: &NodeName) {
    if let Some(node) = store.resources.nodes.iter().find(|node| node.node == *name) {
        for (fact, value) in device::supply::node_facts(node) {
            wizard.set_fact(fact, value);
        }
        let there = || {
            store
                .resources
                .guests
                .iter()
                .filter(|g| g.node == *name && matches!(g.status, GuestStatus::Running | GuestStatus::Paused))
        };
        wizard.set_fact("node.vcpus", there().map(|g| f64::from(g.maxcpu)).sum::<f64>().ceil().to_string());
        wizard.set_fact("node.promised", there().map(|g| g.maxmem).sum::<u64>().to_string());
    }
}

/// Block storage before files before the network, then the one with the most room.
pub fn rank(storage: &storage::Status) -> u8 {
    match storage.kind.as_str() {
        "lvmthin" | "zfspool" | "rbd" | "lvm" | "btrfs" => 2,
        "dir" => 1,
        _ => 0,
    }
}

/// The node's storages came, and their options where the user may read them.
pub fn storages(wizard: &mut Wizard, storages: &[storage::Status], configs: &[storage::Config], node: &NodeName) {
    let disks = || storages.iter().filter(|s| s.active && s.keeps(ContentKind::Images));
    let config = |status: &storage::Status| configs.iter().find(|c| c.storage == status.storage);
    for storage in disks() {
        for (fact, value) in device::supply::storage_facts(storage, config(storage)).iter() {
            wizard.set_fact(fact, value);
        }
    }
    let names: Vec<&str> = disks().map(|s| s.storage.as_str()).collect();
    wizard.set_fact("storages", names.join(" "));
    let best = disks().max_by_key(|s| (rank(s), s.avail)).map(|s| s.storage.to_string());
    let list: Vec<Choice> = disks().map(|s| device::supply::storage_choice(s, config(s))).collect();
    let list = match best {
        Some(best) => {
            for key in FOR_DISKS {
                wizard.set_default(key, &best);
            }
            wizard.set_fact("storage.best", best);
            Choices::Ready(list)
        }
        None => Choices::Failed(format!("no active storage on {node} keeps disk images")),
    };
    for key in FOR_DISKS.iter().chain(&["storage"]) {
        wizard.set_choices(key, list.clone());
    }
    // Unpacking needs files.
    let files = disks().filter(|s| matches!(&*s.kind, "dir" | "nfs" | "cifs" | "btrfs" | "cephfs"));
    let mut work = vec![Choice::labelled("", "that of the appliance")];
    work.extend(files.map(|s| device::supply::storage_choice(s, config(s))));
    wizard.set_choices("import-working-storage", work);
    form::follow(wizard);
}

/// Which bridges there are, for checks and defaults.
pub fn bridge_facts(wizard: &mut Wizard, bridges: &[Choice]) {
    let names: Vec<&str> = bridges.iter().map(|b| b.value.as_str()).collect();
    wizard.set_fact("bridges", names.join(" "));
    wizard.set_fact("bridge.first", names.first().copied().unwrap_or_default());
}

/// The node's bridges came.
pub fn networks(wizard: &mut Wizard, interfaces: &[Interface]) {
    let mut list = device::supply::bridge_choices(interfaces);
    bridge_facts(wizard, &list);
    list.push(Choice::labelled("", "none (NAT)"));
    wizard.set_choices("bridge", Choices::Ready(list));
    form::follow(wizard);
}

/// The images that have come so far; they are listed storage by storage.
#[derive(Default)]
pub struct Images {
    lists: BTreeMap<ContentKind, Vec<Volume>>,
    waiting: BTreeMap<ContentKind, usize>,
}

impl Images {
    /// This many lists of a kind are on their way.
    pub fn expect(&mut self, kind: ContentKind, lists: usize) {
        self.waiting.insert(kind, lists);
    }

    /// Those of a kind that have come so far.
    pub fn all(&self, kind: ContentKind) -> &[Volume] {
        self.lists.get(&kind).map(Vec::as_slice).unwrap_or_default()
    }

    /// A list came.
    pub fn came(&mut self, kind: ContentKind, volumes: Vec<Volume>) {
        let list = self.lists.entry(kind).or_default();
        list.extend(volumes);
        list.sort_by(|a, b| a.volid.cmp(&b.volid));
        list.dedup_by(|a, b| a.volid == b.volid);
        if let Some(left) = self.waiting.get_mut(&kind) {
            *left = left.saturating_sub(1);
        }
    }

    /// Those of a kind that fit, after a line for none of them if it has words.
    pub fn choices(&self, kind: ContentKind, none: &str, fits: impl Fn(&Volume) -> bool) -> Choices {
        let volumes = self.all(kind);
        if volumes.is_empty() && self.waiting.get(&kind).is_some_and(|left| *left > 0) {
            return Choices::Loading;
        }
        let mut list: Vec<Choice> = (!none.is_empty()).then(|| Choice::labelled("", none)).into_iter().collect();
        list.extend(volumes.iter().filter(|v| fits(v)).map(|v| {
            let size = v.size.map(text::bytes).unwrap_or_default();
            Choice::new(v.volid.as_str()).detail(size)
        }));
        Choices::Ready(list)
    }

    /// Offers what there is.
    pub fn show(&self, wizard: &mut Wizard) {
        let all = |_: &Volume| true;
        wizard.set_choices("cd.image", self.choices(ContentKind::Iso, "none (the drive stays empty)", all));
        wizard.set_choices("drivers", self.choices(ContentKind::Iso, "none", all));
        // An appliance holds a whole machine: it is no disk.
        let is_machine = |v: &Volume| [".ova", ".ovf", ".vmx"].iter().any(|end| v.volid.as_str().ends_with(end));
        let disk = |v: &Volume| !is_machine(v);
        wizard.set_choices("import", self.choices(ContentKind::Import, "nothing (empty disk)", disk));
        wizard.set_choices("appliance", self.choices(ContentKind::Import, "none", is_machine));
    }
}
