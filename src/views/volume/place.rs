//! Where volumes are: every storage, a shared one once.

use compact_str::CompactString;

use crate::{
    api::ids::{ContentKind, NodeName, StorageId},
    store::Store,
};

/// A storage: a shared one with all its nodes, any other one on its own node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// Its name.
    pub storage: StorageId,
    /// The nodes that see it.
    pub nodes: Vec<NodeName>,
    /// The node that can be asked about it; `None` while it can't be reached anywhere.
    pub ask: Option<NodeName>,
    /// True when it is the same on all its nodes.
    pub shared: bool,
    /// Its type, for example `dir`.
    pub kind: CompactString,
    /// What it may keep, comma separated.
    pub content: CompactString,
    /// Bytes in use.
    pub used: u64,
    /// Its size in bytes; 0 when unknown.
    pub total: u64,
}

impl Place {
    /// True when it may keep this kind of content.
    pub fn keeps(&self, kind: ContentKind) -> bool {
        self.content.split(',').any(|word| word.trim() == kind.as_str())
    }

    /// Bytes that are left, as far as the cluster's list tells.
    pub fn free(&self) -> u64 {
        self.total.saturating_sub(self.used)
    }

    /// `pve1`, or how many nodes share it.
    pub fn where_is(&self) -> CompactString {
        match (self.shared, self.nodes.as_slice()) {
            (_, [one]) => one.as_str().into(),
            (_, many) => compact_str::format_compact!("{} nodes", many.len()),
        }
    }

    /// What identifies it: its name, and its node unless it is shared.
    pub fn key(&self) -> (StorageId, NodeName) {
        let node = if self.shared { NodeName::default() } else { self.nodes.first().cloned().unwrap_or_default() };
        (self.storage.clone(), node)
    }
}

/// All storages of the cluster.
pub fn all(store: &Store) -> Vec<Place> {
    let mut places: Vec<Place> = vec![];
    for s in &store.resources.storages {
        let online = store.node(s.node.as_str()).is_none_or(|n| n.is_online());
        let ask = (online && s.status == "available").then(|| s.node.clone());
        match places.iter_mut().find(|p| p.shared && s.shared && p.storage == s.storage) {
            Some(place) => {
                place.nodes.push(s.node.clone());
                if place.ask.is_none() {
                    (place.ask, place.used, place.total) = (ask, s.disk, s.maxdisk);
                }
            }
            None => places.push(Place {
                storage: s.storage.clone(),
                nodes: vec![s.node.clone()],
                ask,
                shared: s.shared,
                kind: s.plugintype.clone(),
                content: s.content.clone(),
                used: s.disk,
                total: s.maxdisk,
            }),
        }
    }
    places
}

/// Tasks that make or remove volumes.
const MAKERS: &[&str] = &[
    "download",
    "imgcopy",
    "imgdel",
    "move_volume",
    "ocipull",
    "prunebackups",
    "qmclone",
    "qmcreate",
    "qmdestroy",
    "qmmove",
    "qmrestore",
    "qmtemplate",
    "unknownimgdel",
    "vzclone",
    "vzcreate",
    "vzdestroy",
    "vzdump",
    "vzrestore",
    "vztemplate",
];

/// What changes whenever a task has ended that makes or removes volumes: the newest end, and how many there are.
pub fn changes(store: &Store) -> (u64, usize) {
    let ended = store.tasks.iter().filter(|t| !t.status.is_running() && MAKERS.contains(&t.kind.as_str()));
    ended.fold((0, 0), |(newest, count), t| (newest.max(t.endtime.unwrap_or(0)), count + 1))
}
