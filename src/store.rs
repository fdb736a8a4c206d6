//! What the console last heard from a cluster. Only the app writes it; views read it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use compact_str::CompactString;

use crate::api::{
    ApiError, Wire,
    access::Permissions,
    cluster::{self, ClusterStatus, Guest, GuestStatus, Node, Resources},
    guest::Status,
    ids::{Upid, VmId},
    privilege::{self, Need},
    tag,
    task::Task,
    version::Version,
};

/// One cluster that the console talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct SessionId(pub u32);

/// How the session is doing.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Phase {
    /// Nobody has logged in yet, or the login has ended.
    #[default]
    SignedOut,
    /// Logged in; the first answer is awaited or has come.
    SignedIn,
}

/// Why the shown data is old.
#[derive(Clone, Debug, PartialEq)]
pub struct Trouble {
    /// The last error.
    pub error: ApiError,
    /// Since when there has been no good answer (time since the program started).
    pub since: Duration,
    /// When it will be tried again.
    pub retry_at: Option<Duration>,
}

/// A task that this console started or follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Followed {
    /// The task.
    pub upid: Upid,
    /// What it does: "Start VM 101 (web)".
    pub label: String,
    /// The guest that it is about.
    pub guest: Option<VmId>,
    /// 0..=100, when the log tells.
    pub percent: Option<f32>,
    /// The node can't be asked at the moment.
    pub unknown: bool,
}

/// A confirmed change that has no answer yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Sending {
    /// What it does: "Start VM 101 (web)".
    pub label: String,
    /// The guest that it is about.
    pub guest: Option<VmId>,
    /// When it was sent (time since the program started); `None` while it waits for others.
    pub since: Option<Duration>,
}

/// A file on its way from this machine to a storage, or one that did not arrive.
#[derive(Clone, Debug, PartialEq)]
pub struct Transfer {
    /// What it does: "Upload x.iso to local".
    pub label: String,
    /// The call, with the file.
    pub wire: Wire,
    /// Bytes that have left.
    pub sent: u64,
    /// Bytes in all.
    pub total: u64,
    /// Bytes per second.
    pub rate: Option<f64>,
    /// Seconds left at this rate.
    pub eta: Option<u64>,
    /// Why it did not arrive; `None` while it is on its way.
    pub error: Option<ApiError>,
}

impl Transfer {
    /// True until it has arrived or failed.
    pub fn is_running(&self) -> bool {
        self.error.is_none()
    }
}

/// The last known state of one cluster.
#[derive(Default)]
pub struct Store {
    /// The session that it belongs to.
    pub session: SessionId,
    /// The address that the user gave.
    pub address: String,
    /// `user@realm` or token id, once logged in.
    pub user: String,
    /// How the session is doing.
    pub phase: Phase,
    /// TLS verification is off: shown all the time.
    pub insecure: bool,
    /// Nothing may be changed.
    pub read_only: bool,
    /// Changes are only shown, not sent.
    pub dry_run: bool,
    /// Guests, nodes, storages, pools. Shared with whoever compares the next answer with them.
    pub resources: Arc<Resources>,
    /// What the user may do, once the server has said it.
    pub permissions: Option<Permissions>,
    /// How tags are shown and who may use which, once the server has said it.
    pub tags: tag::Settings,
    /// Grows with every change of `resources`; tables rebuild their index by it.
    pub generation: u64,
    /// Quorum, cluster name, node addresses.
    pub cluster: Option<ClusterStatus>,
    /// Version of the node that answers.
    pub version: Option<Version>,
    /// Recent tasks of the whole cluster, newest first.
    pub tasks: Vec<Task>,
    /// Grows with every change of `tasks`.
    pub tasks_generation: u64,
    /// Tasks that this console follows.
    pub followed: Vec<Followed>,
    /// Confirmed changes without an answer, what was sent last at the end.
    pub sending: Vec<Sending>,
    /// Files on their way to storages, and those that did not arrive.
    pub transfers: Vec<Transfer>,
    /// When `resources` last came.
    pub updated: Option<Duration>,
    /// Since when an answer is awaited.
    pub asking: Option<Duration>,
    /// Why the data is old, if it is.
    pub trouble: Option<Trouble>,
    /// Why the list of tasks is old, if it is.
    pub tasks_error: Option<ApiError>,
    /// Values of forms that were sent, by the form's name: proposals for the next time.
    pub remembered: HashMap<&'static str, Vec<(String, String)>>,
    live: HashMap<VmId, Live>,
}

/// What a guest said itself, while the cluster's list is still behind.
struct Live {
    status: GuestStatus,
    uptime: u64,
    lock: Option<CompactString>,
    until: Duration,
}

impl Live {
    /// The list is made every ten seconds.
    const LAG: Duration = Duration::from_secs(15);

    /// The list never says that a VM is paused, so that stays until the guest itself says otherwise.
    fn holds(&self, guest: &Guest, now: Duration) -> bool {
        let paused = self.status == GuestStatus::Paused && guest.status == GuestStatus::Running;
        paused || (guest.status != self.status && now < self.until)
    }

    fn apply(&self, guest: &mut Guest) {
        guest.status = self.status.clone();
        guest.uptime = self.uptime;
        guest.lock = self.lock.clone();
    }
}

impl Store {
    /// An answer that takes longer is worth a word.
    pub const SLOW: Duration = Duration::from_secs(3);

    /// An empty store of a session.
    pub fn new(session: SessionId, address: String) -> Self {
        Self { session, address, ..Self::default() }
    }

    /// Forgets what was heard; how the console may be used stays.
    pub fn forget(&mut self) {
        *self = Self {
            session: self.session,
            insecure: self.insecure,
            read_only: self.read_only,
            dry_run: self.dry_run,
            // Tables compare generations, so these go on growing.
            generation: self.generation + 1,
            tasks_generation: self.tasks_generation + 1,
            ..Self::default()
        };
    }

    /// Takes over a new list of resources, and gives back the one whose place it takes; `None` when nothing differs.
    /// Ten thousand guests take a while to compare and to let go of: an answer that is equal to the list that was known
    /// before had better be that very list.
    pub fn set_resources(&mut self, mut resources: Arc<Resources>, now: Duration) -> Option<Arc<Resources>> {
        self.live.retain(|vmid, live| {
            let behind = resources.guest(*vmid).is_some_and(|guest| live.holds(guest, now));
            if behind && let Some(guest) = Arc::make_mut(&mut resources).guest_mut(*vmid) {
                live.apply(guest);
            }
            behind
        });
        if Arc::ptr_eq(&resources, &self.resources) || resources == self.resources {
            return None;
        }
        self.generation += 1;
        Some(std::mem::replace(&mut self.resources, resources))
    }

    /// Takes over a guest's own status, which is newer than the list.
    pub fn set_live(&mut self, vmid: VmId, status: &Status, now: Duration) {
        let live =
            Live { status: status.state(), uptime: status.uptime, lock: status.lock.clone(), until: now + Live::LAG };
        if self.resources.guest(vmid).is_some()
            && let Some(guest) = Arc::make_mut(&mut self.resources).guest_mut(vmid)
        {
            live.apply(guest);
            self.generation += 1;
            self.live.insert(vmid, live);
        }
    }

    /// The guests that are shown as paused on their own word; only they can take it back.
    pub fn paused(&self) -> impl Iterator<Item = &Guest> {
        self.live.iter().filter(|(_, live)| live.status == GuestStatus::Paused).filter_map(|(id, _)| self.guest(*id))
    }

    /// Takes over a new list of tasks. True when anything differs.
    pub fn set_tasks(&mut self, tasks: Vec<Task>) -> bool {
        let mut tasks = cluster::newest(tasks);
        tasks.sort_by(|a, b| b.starttime.cmp(&a.starttime).then_with(|| b.upid.cmp(&a.upid)));
        if tasks == self.tasks {
            return false;
        }
        self.tasks = tasks;
        self.tasks_generation += 1;
        true
    }

    /// What a change needs that the user does not have: `VM.PowerMgmt on /vms/100`. Unknown permissions are taken for
    /// granted: the server has the last word anyway.
    pub fn lacks(&self, wire: &Wire) -> Option<Need> {
        let permissions = self.permissions.as_ref().filter(|_| self.user != "root@pam")?;
        let need = privilege::needed(wire)?;
        let has = |path: &str| need.any.iter().any(|p| privilege::has(permissions, p, path));
        // What a pool gives counts for its members as well.
        let vmid = need.path.strip_prefix("/vms/").and_then(|id| id.parse::<VmId>().ok());
        let pool = vmid.and_then(|id| self.guest(id)?.pool.as_deref()).or_else(|| wire.get("pool"));
        let by_pool = pool.is_some_and(|pool| has(&format!("/pool/{pool}")));
        (!has(&need.path) && !by_pool).then_some(need)
    }

    /// A guest by its id, which is unique over VMs and containers.
    pub fn guest(&self, vmid: VmId) -> Option<&Guest> {
        self.resources.guest(vmid)
    }

    /// A node by its name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.resources.nodes.iter().find(|n| n.node.as_str() == name)
    }

    /// The cluster's name, or the address when it stands alone.
    pub fn name(&self) -> &str {
        self.cluster.as_ref().and_then(|c| c.name.as_deref()).filter(|n| !n.is_empty()).unwrap_or(&self.address)
    }

    /// The guests that something is done to: a change that waits for its answer, or a followed task.
    pub fn busy(&self) -> impl Iterator<Item = VmId> {
        let tasks = self.followed.iter().filter(|f| !f.unknown).filter_map(|f| f.guest);
        tasks.chain(self.sending.iter().filter_map(|s| s.guest))
    }

    /// True while something is done to this guest.
    pub fn is_busy(&self, vmid: VmId) -> bool {
        self.busy().any(|busy| busy == vmid)
    }

    /// How many tasks of the cluster run, as far as this console knows.
    pub fn running_tasks(&self) -> usize {
        let listed = self.tasks.iter().filter(|t| t.status.is_running()).count();
        let unlisted = self.followed.iter().filter(|f| !self.tasks.iter().any(|t| t.upid == f.upid)).count();
        listed + unlisted
    }

    /// How long an answer has been awaited, once that is longer than usual.
    pub fn slow_for(&self, now: Duration) -> Option<Duration> {
        self.asking.map(|since| now.saturating_sub(since)).filter(|waited| *waited >= Self::SLOW)
    }

    /// Data is stale when it has been missing for more than two refreshes.
    pub fn is_stale(&self) -> bool {
        self.trouble.is_some() && self.updated.is_some()
    }
}
