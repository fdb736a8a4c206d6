//! The backups grouped by guest: how fresh the last good one is, who is in no job, and what failed lately.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;

use super::row::{self, Row};
use crate::{
    api::{
        ids::{GuestKind, NodeName, VmId},
        task::Task,
        vzdump::{Run, State},
    },
    store::Store,
    ui::{Cell, Column, Role, Table, Width, text},
};

/// A guest with what there is of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fresh {
    /// The guest.
    pub vmid: Option<VmId>,
    /// Virtual machine or container.
    pub kind: Option<GuestKind>,
    /// Its name.
    pub name: CompactString,
    /// Where it is; empty when it has been destroyed.
    pub node: NodeName,
    /// False when only its backups are left.
    pub exists: bool,
    /// A template changes seldom.
    pub template: bool,
    /// Backups.
    pub count: usize,
    /// Protected ones among them.
    pub protected: usize,
    /// Their size in all.
    pub bytes: u64,
    /// The newest good one, in Unix seconds.
    pub last: Option<u64>,
    /// Storages that hold backups of it.
    pub storages: BTreeSet<CompactString>,
    /// Whether a job takes it; `None` while that is not known.
    pub covered: Option<bool>,
    /// The newest run that failed for it, in Unix seconds, unless there is a good backup since.
    pub failed: Option<(u64, String)>,
}

/// The guests and the runs that failed.
pub struct Board {
    /// By guest.
    pub table: Table<Fresh, Option<VmId>>,
    /// What the table shows.
    pub rows: Vec<Fresh>,
    generation: u64,
    /// Guests that no job takes; `None` while that is not known.
    pub uncovered: Option<BTreeSet<VmId>>,
    /// Runs that failed lately, newest first.
    pub failed: Vec<Task>,
    /// Which guests they failed for, where the log tells.
    reasons: BTreeMap<VmId, (u64, String)>,
    built: Option<(u64, u64, u64)>,
    news: u64,
}

impl Default for Board {
    fn default() -> Self {
        let table = Table::new(columns(), |f: &Fresh| f.vmid, searched)
            .with_property(property)
            .with_sort("last", true)
            .with_empty("no guests, or none that you may see")
            .without_footer();
        Self {
            table,
            rows: vec![],
            generation: 0,
            uncovered: None,
            failed: vec![],
            reasons: BTreeMap::new(),
            built: None,
            news: 0,
        }
    }
}

impl Board {
    /// How many days back failed runs count.
    pub const DAYS: u64 = 7;

    /// Groups the backups again when anything has changed.
    pub fn sync(&mut self, store: &Store, rows: &[Row], generation: u64) {
        let now = (generation, store.generation, self.news);
        if self.built != Some(now) {
            self.built = Some(now);
            let built = self.build(store, rows);
            if built != self.rows {
                self.rows = built;
                self.generation += 1;
            }
        }
        self.table.sync(&self.rows, self.generation);
    }

    fn build(&self, store: &Store, rows: &[Row]) -> Vec<Fresh> {
        let mut all: BTreeMap<Option<VmId>, Fresh> = BTreeMap::new();
        for g in &store.resources.guests {
            let covered = self.uncovered.as_ref().map(|none| !none.contains(&g.vmid));
            let fresh = Fresh {
                vmid: Some(g.vmid),
                kind: Some(g.kind),
                name: g.name.clone(),
                node: g.node.clone(),
                exists: true,
                template: g.template,
                covered,
                ..Fresh::default()
            };
            all.insert(Some(g.vmid), fresh);
        }
        for r in rows {
            let fresh = all.entry(r.vmid).or_insert_with(|| Fresh { vmid: r.vmid, kind: r.kind, ..Fresh::default() });
            fresh.count += 1;
            fresh.protected += usize::from(r.protected);
            fresh.bytes += r.size;
            if r.is_good() {
                fresh.last = fresh.last.max(Some(r.ctime));
            }
            fresh.storages.insert(r.storage().as_str().into());
        }
        for (vmid, (at, why)) in &self.reasons {
            if let Some(fresh) = all.get_mut(&Some(*vmid))
                && fresh.last.is_none_or(|last| last < *at)
            {
                fresh.failed = Some((*at, why.clone()));
            }
        }
        all.into_values().collect()
    }

    /// Which guests no job takes.
    pub fn set_uncovered(&mut self, vmids: impl IntoIterator<Item = VmId>) {
        self.uncovered = Some(vmids.into_iter().collect());
        self.news += 1;
    }

    /// Some node's failed runs.
    pub fn add_failed(&mut self, tasks: Vec<Task>) {
        for task in tasks.into_iter().filter(|t| t.kind == "vzdump" && !t.status.is_success() && !t.status.is_running())
        {
            if let Some(vmid) = task.upid.vmid() {
                self.blame(vmid, task.starttime, &task.status.to_string());
            }
            if !self.failed.iter().any(|t| t.upid == task.upid) {
                self.failed.push(task);
            }
        }
        self.failed.sort_by(|a, b| b.starttime.cmp(&a.starttime).then_with(|| b.upid.cmp(&a.upid)));
        self.news += 1;
    }

    /// What the log of a failed run tells about its guests.
    pub fn add_log(&mut self, started: u64, run: &Run) {
        for guest in &run.guests {
            if let (Some(vmid), State::Failed(why)) = (guest.vmid, &guest.state) {
                self.blame(vmid, started, why);
            }
        }
        self.news += 1;
    }

    fn blame(&mut self, vmid: VmId, at: u64, why: &str) {
        let known = self.reasons.entry(vmid).or_default();
        if known.0 <= at {
            *known = (at, why.to_owned());
        }
    }

    /// `3 without a backup, 5 older than 7 days, 4 in no job, 2 failed runs in 7 days`, in fewer words when there is room for
    /// fewer cells only.
    pub fn summary(&self, now: i64, room: usize) -> (String, Role) {
        let now = u64::try_from(now).unwrap_or(0);
        let here: Vec<&Fresh> = self.rows.iter().filter(|f| f.exists && !f.template).collect();
        let without = here.iter().filter(|f| f.last.is_none()).count();
        let old = here.iter().filter(|f| f.last.is_some_and(|at| at + Self::DAYS * 86_400 < now)).count();
        let alone = here.iter().filter(|f| f.covered == Some(false)).count();
        let failed = self.failed.len();
        let (days, runs) = (Self::DAYS, text::counted(failed, "failed run"));
        let parts = [
            (without, format!("{without} without a backup"), format!("{without} never")),
            (old, format!("{old} older than {days} days"), format!("{old} old")),
            (alone, format!("{alone} in no job"), format!("{alone} in no job")),
            (failed, format!("{runs} in {days} days"), runs),
        ];
        let parts: Vec<_> = parts.into_iter().filter(|(n, ..)| *n > 0).collect();
        let join = |words: Vec<&str>| words.join(", ");
        let mut words = join(parts.iter().map(|(_, long, _)| long.as_str()).collect());
        if text::width(&words) > room {
            words = join(parts.iter().map(|(.., short)| short.as_str()).collect());
        }
        if parts.is_empty() {
            words = format!("{}, all fresh", text::counted(here.len(), "guest"));
        }
        let role = match (without + old + failed, alone) {
            (0, 0) => Role::Ok,
            _ => Role::Warning,
        };
        (words, role)
    }
}

fn columns() -> Vec<Column<Fresh>> {
    let left = Column::<Fresh>::sorted;
    let right = Column::<Fresh>::right;
    vec![
        right(left(
            "id",
            "ID",
            Width::Fit { max: 9 },
            0,
            |f, _| f.vmid.map_or_else(|| "?".into(), |id| id.to_string()).into(),
            |a, b| a.vmid.cmp(&b.vmid),
        )),
        left(
            "name",
            "Guest",
            Width::Flex { min: 12, max: 32 },
            0,
            |f, _| match (f.exists, f.template) {
                (false, _) => Cell::role("(destroyed)", Role::Muted),
                (_, true) => Cell::role(format!("{} (template)", f.name), Role::Muted),
                _ => f.name.as_str().into(),
            },
            |a, b| a.name.cmp(&b.name),
        ),
        left(
            "last",
            "Last good",
            Width::Fixed(10),
            0,
            |f, c| match f.last {
                None if !f.exists || f.template => Cell::role("never", Role::Muted),
                last => row::age(last, c.now),
            },
            // The oldest on top when sorted downwards; what has none before all.
            |a, b| b.last.cmp(&a.last).then(b.vmid.cmp(&a.vmid)),
        ),
        left(
            "job",
            "Job",
            Width::Fixed(6),
            1,
            |f, c| match f.covered {
                Some(true) => Cell::role(format!("{} yes", c.look.glyphs.ok), Role::Ok),
                Some(false) if f.template => Cell::role("no", Role::Muted),
                Some(false) => Cell::role(format!("{} no", c.look.glyphs.warning), Role::Warning),
                None => Cell::default(),
            },
            |a, b| a.covered.cmp(&b.covered),
        ),
        right(left(
            "count",
            "Backups",
            Width::Fixed(7),
            1,
            |f, _| f.count.to_string().into(),
            |a, b| a.count.cmp(&b.count),
        )),
        right(left(
            "size",
            "Size",
            Width::Fixed(9),
            2,
            |f, _| if f.count > 0 { text::bytes(f.bytes).into() } else { Cell::default() },
            |a, b| a.bytes.cmp(&b.bytes),
        )),
        left(
            "failed",
            "Failed since",
            Width::Flex { min: 10, max: 50 },
            2,
            |f, c| match &f.failed {
                Some((at, why)) => {
                    let now = u64::try_from(c.now).unwrap_or(0);
                    let ago = text::age(now.saturating_sub(*at));
                    Cell::role(format!("{} {ago}: {why}", c.look.glyphs.failed), Role::Danger)
                }
                None => Cell::default(),
            },
            |a, b| a.failed.cmp(&b.failed),
        ),
        left(
            "storages",
            "Storages",
            Width::Fit { max: 20 },
            4,
            |f, _| Cell::role(f.storages.iter().map(CompactString::as_str).collect::<Vec<_>>().join(" "), Role::Muted),
            |a, b| a.storages.cmp(&b.storages),
        ),
        left(
            "node",
            "Node",
            Width::Fit { max: 14 },
            5,
            |f, _| Cell::role(f.node.as_str(), Role::Muted),
            |a, b| a.node.cmp(&b.node),
        ),
    ]
}

fn searched(f: &Fresh, out: &mut String) {
    use std::fmt::Write as _;
    let id = f.vmid.map(|id| id.to_string()).unwrap_or_default();
    let why = f.failed.as_ref().map(|(_, why)| why.as_str()).unwrap_or_default();
    let _ = write!(out, "{id} {} {} {why}", f.name, f.node);
}

/// `id:`, `name:`, `node:`, `storage:`, `is:uncovered|never|failed|orphan|template`.
fn property(f: &Fresh, key: &str, value: &str) -> Option<bool> {
    Some(match key {
        "id" | "vmid" => f.vmid.is_some_and(|id| id.to_string().starts_with(value)),
        "name" | "guest" => f.name.to_lowercase().contains(value),
        "node" => f.node.as_str().to_lowercase() == value,
        "storage" => f.storages.iter().any(|s| s.to_lowercase() == value),
        "is" => match value {
            "uncovered" => f.covered == Some(false),
            "never" => f.last.is_none(),
            "failed" => f.failed.is_some(),
            "orphan" | "destroyed" => !f.exists,
            "template" => f.template,
            _ => return None,
        },
        _ => return None,
    })
}
