//! All backups of the cluster, gathered storage by storage: shared storages are asked once, the others on each node.

use std::{collections::BTreeSet, time::Duration};

use compact_str::CompactString;

use super::row::Row;
use crate::{
    api::{
        ApiError,
        ids::{ContentKind, NodeName, StorageId, VmId},
        storage::{self, Volume},
    },
    shell::Cx,
    store::Store,
};

/// A storage that may hold backups, and how asking it went.
#[derive(Clone, Debug)]
struct Source {
    node: NodeName,
    storage: StorageId,
    kind: CompactString,
    shared: bool,
    waiting: bool,
    error: Option<ApiError>,
}

/// A storage's answer.
pub struct Answer {
    round: u64,
    node: NodeName,
    storage: StorageId,
    result: Result<Vec<Volume>, ApiError>,
}

/// The backups known so far.
#[derive(Default)]
pub struct Stock {
    /// The backups.
    pub rows: Vec<Row>,
    /// Grows with every change of `rows`.
    pub generation: u64,
    sources: Vec<Source>,
    only: Option<VmId>,
    round: u64,
    asked: Option<Duration>,
}

/// The storages that may hold backups with a node to ask: each shared one once.
pub fn places(store: &Store) -> Vec<(NodeName, StorageId, CompactString, bool)> {
    let mut seen = BTreeSet::new();
    let all = store.resources.storages.iter();
    let fit = all.filter(|s| s.status != "unknown" && s.content.split(',').any(|word| word == "backup"));
    fit.filter(|s| !s.shared || seen.insert(s.storage.clone()))
        .map(|s| (s.node.clone(), s.storage.clone(), s.plugintype.clone(), s.shared))
        .collect()
}

impl Stock {
    /// Of all guests, or of one.
    pub fn new(only: Option<VmId>) -> Self {
        Self { only, ..Self::default() }
    }

    /// Asks all storages again; what is known stays until they answer.
    pub fn load<M: Send + 'static>(&mut self, cx: &mut Cx<'_, M>, then: fn(Answer) -> M) {
        self.round += 1;
        self.asked = Some(cx.scene.now.mono);
        let source = |(node, storage, kind, shared)| Source { node, storage, kind, shared, waiting: true, error: None };
        self.sources = places(cx.store()).into_iter().map(source).collect();
        let before = self.rows.len();
        let sources = &self.sources;
        self.rows.retain(|r| sources.iter().any(|s| s.holds(r)));
        self.generation += u64::from(before != self.rows.len());
        for source in &self.sources {
            let (round, node, storage) = (self.round, source.node.clone(), source.storage.clone());
            let request = storage::content(&node, &storage, Some(ContentKind::Backup), self.only);
            cx.send(request, move |result| then(Answer { round, node, storage, result }));
        }
    }

    /// A storage has answered.
    pub fn came(&mut self, answer: Answer, store: &Store) {
        if answer.round != self.round {
            return;
        }
        let found = self.sources.iter_mut().find(|s| s.node == answer.node && s.storage == answer.storage);
        let Some(source) = found else { return };
        source.waiting = false;
        match answer.result {
            Ok(volumes) => {
                source.error = None;
                let source = source.clone();
                self.rows.retain(|r| !source.holds(r));
                let backups = volumes.into_iter().filter(|v| v.kind() == ContentKind::Backup);
                let rows = backups.map(|v| Row::new(v, &source.node, source.shared, &source.kind, store));
                let only = self.only;
                self.rows.extend(rows.filter(|r| only.is_none() || r.vmid == only));
                self.generation += 1;
            }
            Err(error) => source.error = Some(error),
        }
    }

    /// True while nothing has been asked yet.
    pub fn is_new(&self) -> bool {
        self.asked.is_none()
    }

    /// How long ago the storages were asked.
    pub fn age(&self, now: Duration) -> Duration {
        self.asked.map_or(Duration::MAX, |at| now.saturating_sub(at))
    }

    /// How many storages have not answered yet.
    pub fn waiting(&self) -> usize {
        self.sources.iter().filter(|s| s.waiting).count()
    }

    /// How many storages there are.
    pub fn places(&self) -> usize {
        self.sources.len()
    }

    /// What went wrong, storage by storage.
    pub fn troubles(&self) -> impl Iterator<Item = String> {
        self.sources.iter().filter_map(|s| {
            let error = s.error.as_ref()?;
            let place = if s.shared { s.storage.to_string() } else { format!("{} on {}", s.storage, s.node) };
            Some(format!("{place}: {error}"))
        })
    }
}

impl Source {
    fn holds(&self, row: &Row) -> bool {
        row.storage() == self.storage && (self.shared || row.node == self.node)
    }
}
