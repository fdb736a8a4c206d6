//! The volumes that are shown: read storage by storage, kept until newer ones come.

use compact_str::CompactString;

use super::{place::Place, usage::Usage};
use crate::{
    api::{
        ApiError,
        ids::{ContentKind, NodeName, StorageId, VmId, VolId},
        storage::{self, Volume},
    },
    shell::Cx,
};

/// A volume and where it is.
pub struct Item {
    /// What the server says about it.
    pub volume: Volume,
    /// The node to ask about it.
    pub node: NodeName,
    /// Whether all nodes see the same.
    pub shared: bool,
    /// `pve1`, or how many nodes share it.
    pub place: CompactString,
    /// The guests that use it; `None` before their configurations were read.
    pub users: Option<Vec<VmId>>,
}

/// What identifies a volume: a storage that isn't shared may have the same one on each node.
pub type Key = (VolId, NodeName);

impl Item {
    /// What identifies it.
    pub fn key(&self) -> Key {
        (self.volume.volid.clone(), if self.shared { NodeName::default() } else { self.node.clone() })
    }

    /// When it was made, for sorting.
    pub fn made(&self) -> u64 {
        self.volume.ctime.unwrap_or(0)
    }
}

/// The answer of one storage.
pub struct Came {
    round: u64,
    place: Place,
    answer: Result<Vec<Volume>, ApiError>,
}

/// All volumes that were asked for.
#[derive(Default)]
pub struct Shelf {
    /// The volumes.
    pub items: Vec<Item>,
    /// Grows with every change.
    pub generation: u64,
    /// Storages that could not be listed, and why.
    pub errors: Vec<(StorageId, ApiError)>,
    round: u64,
    waiting: usize,
    heard: bool,
}

impl Shelf {
    /// Asks these storages, each on its own: a slow one holds no other one up. What is shown stays until it is answered.
    pub fn ask<M: Send + 'static>(
        &mut self,
        places: &[Place],
        kind: Option<ContentKind>,
        cx: &mut Cx<'_, M>,
        then: fn(Came) -> M,
    ) {
        self.round += 1;
        let round = self.round;
        self.errors.clear();
        self.waiting = 0;
        let here = |item: &Item| {
            places.iter().any(|p| p.storage == item.volume.volid.storage() && p.nodes.contains(&item.node))
        };
        let before = self.items.len();
        self.items.retain(here);
        self.generation += u64::from(self.items.len() != before);
        for place in places {
            let Some(node) = place.ask.clone() else { continue };
            self.waiting += 1;
            let request = storage::content(&node, &place.storage, kind, None);
            let place = place.clone();
            cx.send(request, move |answer| then(Came { round, place, answer }));
        }
    }

    /// Takes an answer over.
    pub fn came(&mut self, came: Came, usage: Option<&Usage>) {
        let Came { round, place, answer } = came;
        if round != self.round {
            return;
        }
        self.waiting = self.waiting.saturating_sub(1);
        let volumes = match answer {
            Ok(volumes) => volumes,
            Err(error) => {
                self.errors.push((place.storage, error));
                return;
            }
        };
        self.heard = true;
        let node = place.ask.clone().unwrap_or_default();
        self.items.retain(|i| i.volume.volid.storage() != place.storage || !(i.shared || i.node == node));
        let text = place.where_is();
        self.items.extend(volumes.into_iter().map(|volume| Item {
            users: usage.map(|u| u.of(&volume.volid, &node, place.shared)),
            volume,
            node: node.clone(),
            shared: place.shared,
            place: text.clone(),
        }));
        self.items.sort_unstable_by(|a, b| (&a.volume.volid, &a.node).cmp(&(&b.volume.volid, &b.node)));
        self.generation += 1;
    }

    /// Notes who uses what.
    pub fn set_usage(&mut self, usage: &Usage) {
        for item in &mut self.items {
            item.users = Some(usage.of(&item.volume.volid, &item.node, item.shared));
        }
        self.generation += 1;
    }

    /// True while storages are still to answer.
    pub fn is_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// What an empty list shall say.
    pub fn empty_text(&self, what: &str) -> String {
        match self.errors.first() {
            _ if self.waiting > 0 => format!("reading {what} of {} storages", self.waiting),
            Some((storage, error)) => format!("{storage} can't be listed: {}", error.explained()),
            None if !self.heard => format!("no storage that can be reached keeps {what}"),
            None => format!("no {what}"),
        }
    }
}
