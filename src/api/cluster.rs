//! The cluster as a whole: everything in it at a glance, its members, recent tasks, options.

use std::fmt;

use compact_str::CompactString;
use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};

use super::{
    ids::{GuestKind, GuestRef, NodeName, StorageId, VmId},
    json::{self, loose},
    request::Request,
    task::Task,
};

/// `GET /cluster/resources`: every guest, node, storage and pool that the user may see.
pub fn resources() -> Request<Resources> {
    Request::get("/cluster/resources")
}

/// `GET /cluster/status`: the members, and in a real cluster its name and quorum.
pub fn status() -> Request<ClusterStatus> {
    Request::get("/cluster/status")
}

/// `GET /cluster/tasks`: recent and running tasks of all nodes.
pub fn tasks() -> Request<Vec<Task>> {
    Request::get("/cluster/tasks")
}

/// `GET /cluster/nextid`: the lowest free number, or, with `vmid`, that number if it is free (else a 400 names `vmid`).
pub fn next_id(vmid: Option<VmId>) -> Request<VmId> {
    Request::get("/cluster/nextid").maybe("vmid", vmid)
}

/// `GET /cluster/options`: the datacenter's settings.
pub fn options() -> Request<Options> {
    Request::get("/cluster/options")
}

/// `GET /cluster/log`: the newest entries of the cluster's log, at most `max`.
pub fn log(max: u32) -> Request<Vec<LogEntry>> {
    Request::get("/cluster/log").param("max", max.max(1))
}

/// What there is in the cluster, each list in a stable order so that unchanged data compares equal.
///
/// The values come from a daemon with a cycle of about ten seconds; a guest that was just created may lack some.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resources {
    /// By number.
    pub guests: Vec<Guest>,
    /// By name.
    pub nodes: Vec<Node>,
    /// By name, then node: a shared storage stands once per node.
    pub storages: Vec<Storage>,
    /// By name.
    pub pools: Vec<CompactString>,
}

/// A guest as `GET /cluster/resources` shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Guest {
    /// Virtual machine or container.
    pub kind: GuestKind,
    /// Its number.
    pub vmid: VmId,
    /// Its name; empty for a guest that was just created.
    pub name: CompactString,
    /// The node that it is on.
    pub node: NodeName,
    /// Whether it runs. A paused VM is reported as running here; only its own status tells.
    pub status: GuestStatus,
    /// True for a template, which can't be started.
    pub template: bool,
    /// Processor use as a fraction of all the guest's processors, 0 to about 1.
    pub cpu: f32,
    /// How many processors it has; a container's limit may have a fraction.
    pub maxcpu: f32,
    /// Memory in use, in bytes.
    pub mem: u64,
    /// Memory that it has, in bytes.
    pub maxmem: u64,
    /// What it costs the host, in bytes; 0 where the server does not tell.
    pub memhost: u64,
    /// Root disk in use, in bytes; always 0 for VMs.
    pub disk: u64,
    /// Size of the root or boot disk, in bytes.
    pub maxdisk: u64,
    /// Bytes received since the start.
    pub netin: u64,
    /// Bytes sent since the start.
    pub netout: u64,
    /// Bytes read from disks since the start.
    pub diskread: u64,
    /// Bytes written to disks since the start.
    pub diskwrite: u64,
    /// Seconds since the start; 0 when it does not run.
    pub uptime: u64,
    /// Its tags, joined by `;`.
    pub tags: CompactString,
    /// The pool that it is in.
    pub pool: Option<CompactString>,
    /// What holds it, for example `backup` or `migrate`.
    pub lock: Option<CompactString>,
    /// State that high availability wants or sees, for example `started`.
    pub hastate: Option<CompactString>,
}

impl Guest {
    /// `VM 100 (web)`.
    pub fn label(&self) -> String {
        format!("{} {} ({})", self.kind.label(), self.vmid, self.name)
    }

    /// Where it is, for its endpoints.
    pub fn reference(&self) -> GuestRef {
        GuestRef { node: self.node.clone(), kind: self.kind, vmid: self.vmid }
    }

    /// Its tags one by one.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        json::split(&self.tags)
    }
}

/// Whether a guest runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GuestStatus {
    /// It runs.
    Running,
    /// It does not run.
    Stopped,
    /// It runs, but its processors stand still.
    Paused,
    /// The cluster does not know, mostly because its node is off.
    #[default]
    Unknown,
    /// Another word of the server.
    Other(CompactString),
}

impl GuestStatus {
    /// The status that the server means by a word.
    pub fn from_api(word: &str) -> Self {
        match word {
            "running" => Self::Running,
            "stopped" => Self::Stopped,
            "paused" => Self::Paused,
            "" | "unknown" => Self::Unknown,
            other => Self::Other(other.into()),
        }
    }

    /// The server's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Paused => "paused",
            Self::Unknown => "unknown",
            Self::Other(word) => word,
        }
    }
}

impl fmt::Display for GuestStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A node as `GET /cluster/resources` shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Its name.
    pub node: NodeName,
    /// `online`, `offline` or `unknown`.
    pub status: CompactString,
    /// Processor use as a fraction of the WHOLE node, 0 to 1: never divide it by `maxcpu`.
    pub cpu: f32,
    /// How many processors it has.
    pub maxcpu: u32,
    /// Memory in use, in bytes.
    pub mem: u64,
    /// Memory that it has, in bytes.
    pub maxmem: u64,
    /// Root file system in use, in bytes.
    pub disk: u64,
    /// Size of the root file system, in bytes.
    pub maxdisk: u64,
    /// Seconds since it was started.
    pub uptime: u64,
    /// Level of support: `c`, `b`, `s`, `p`, or empty for none.
    pub level: CompactString,
}

impl Node {
    /// Whether the server gave its figures, which it leaves out for users without `Sys.Audit`: then they are zero here, and
    /// must not be shown.
    pub fn has_figures(&self) -> bool {
        self.maxcpu > 0
    }

    /// True when the node takes part in the cluster.
    pub fn is_online(&self) -> bool {
        self.status == "online"
    }
}

/// A storage on one node as `GET /cluster/resources` shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Storage {
    /// Its name.
    pub storage: StorageId,
    /// The node that sees it.
    pub node: NodeName,
    /// `available` or `unknown`.
    pub status: CompactString,
    /// True when it is the same on all its nodes.
    pub shared: bool,
    /// What it may keep, comma separated in no special order.
    pub content: CompactString,
    /// Its type, for example `dir`.
    pub plugintype: CompactString,
    /// Bytes in use.
    pub disk: u64,
    /// Its size in bytes.
    pub maxdisk: u64,
}

/// Every field that any kind of row has: `type` may come after the others, so they are collected first.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Row {
    #[serde(rename = "type", deserialize_with = "loose")]
    kind: CompactString,
    #[serde(deserialize_with = "loose")]
    vmid: Option<VmId>,
    #[serde(deserialize_with = "loose")]
    name: CompactString,
    #[serde(deserialize_with = "loose")]
    node: NodeName,
    #[serde(deserialize_with = "loose")]
    status: CompactString,
    #[serde(deserialize_with = "loose")]
    template: bool,
    #[serde(deserialize_with = "loose")]
    cpu: f32,
    #[serde(deserialize_with = "loose")]
    maxcpu: f32,
    #[serde(deserialize_with = "loose")]
    mem: u64,
    #[serde(deserialize_with = "loose")]
    maxmem: u64,
    #[serde(deserialize_with = "loose")]
    memhost: u64,
    #[serde(deserialize_with = "loose")]
    disk: u64,
    #[serde(deserialize_with = "loose")]
    maxdisk: u64,
    #[serde(deserialize_with = "loose")]
    netin: u64,
    #[serde(deserialize_with = "loose")]
    netout: u64,
    #[serde(deserialize_with = "loose")]
    diskread: u64,
    #[serde(deserialize_with = "loose")]
    diskwrite: u64,
    #[serde(deserialize_with = "loose")]
    uptime: u64,
    #[serde(deserialize_with = "loose")]
    tags: CompactString,
    #[serde(deserialize_with = "loose")]
    pool: Option<CompactString>,
    #[serde(deserialize_with = "loose")]
    lock: Option<CompactString>,
    #[serde(deserialize_with = "loose")]
    hastate: Option<CompactString>,
    #[serde(deserialize_with = "loose")]
    level: CompactString,
    #[serde(deserialize_with = "loose")]
    storage: StorageId,
    #[serde(deserialize_with = "loose")]
    shared: bool,
    #[serde(deserialize_with = "loose")]
    content: CompactString,
    #[serde(deserialize_with = "loose")]
    plugintype: CompactString,
}

impl Row {
    fn guest(self, kind: GuestKind) -> Option<Guest> {
        let given = |text: Option<CompactString>| text.filter(|text| !text.is_empty());
        Some(Guest {
            kind,
            vmid: self.vmid?,
            name: self.name,
            node: self.node,
            status: GuestStatus::from_api(&self.status),
            template: self.template,
            cpu: self.cpu,
            maxcpu: self.maxcpu,
            mem: self.mem,
            maxmem: self.maxmem,
            memhost: self.memhost,
            disk: self.disk,
            maxdisk: self.maxdisk,
            netin: self.netin,
            netout: self.netout,
            diskread: self.diskread,
            diskwrite: self.diskwrite,
            uptime: self.uptime,
            tags: self.tags,
            pool: given(self.pool),
            lock: given(self.lock),
            hastate: given(self.hastate),
        })
    }

    fn node(self) -> Node {
        Node {
            node: self.node,
            status: self.status,
            cpu: self.cpu,
            maxcpu: self.maxcpu as u32,
            mem: self.mem,
            maxmem: self.maxmem,
            disk: self.disk,
            maxdisk: self.maxdisk,
            uptime: self.uptime,
            level: self.level,
        }
    }

    fn storage(self) -> Storage {
        Storage {
            storage: self.storage,
            node: self.node,
            status: self.status,
            shared: self.shared,
            content: self.content,
            plugintype: self.plugintype,
            disk: self.disk,
            maxdisk: self.maxdisk,
        }
    }
}

impl Resources {
    /// Files a row; one of an unknown type, or a guest without a number, is left out.
    fn add(&mut self, row: Row) {
        match &*row.kind {
            "qemu" => self.guests.extend(row.guest(GuestKind::Vm)),
            "lxc" => self.guests.extend(row.guest(GuestKind::Ct)),
            "node" => self.nodes.push(row.node()),
            "storage" => self.storages.push(row.storage()),
            "pool" => self.pools.extend(row.pool),
            _ => {}
        }
    }

    /// The server's order is random.
    fn finish(mut self) -> Self {
        self.guests.sort_unstable_by_key(|guest| guest.vmid);
        self.nodes.sort_unstable_by(|a, b| a.node.cmp(&b.node));
        self.storages.sort_unstable_by(|a, b| (&a.storage, &a.node).cmp(&(&b.storage, &b.node)));
        self.pools.sort_unstable();
        self.guests.shrink_to_fit();
        self
    }

    /// The guest with this number.
    pub fn guest(&self, vmid: VmId) -> Option<&Guest> {
        self.guests.binary_search_by_key(&vmid, |guest| guest.vmid).ok().map(|i| &self.guests[i])
    }

    /// The same, to bring it up to date.
    pub fn guest_mut(&mut self, vmid: VmId) -> Option<&mut Guest> {
        let index = self.guests.binary_search_by_key(&vmid, |guest| guest.vmid).ok()?;
        self.guests.get_mut(index)
    }
}

impl<'de> Deserialize<'de> for Resources {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rows;
        impl<'de> Visitor<'de> for Rows {
            type Value = Resources;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of resources")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Resources, A::Error> {
                let mut resources = Resources::default();
                while let Some(row) = seq.next_element()? {
                    resources.add(row);
                }
                Ok(resources.finish())
            }

            fn visit_unit<E>(self) -> Result<Resources, E> {
                Ok(Resources::default())
            }
        }
        deserializer.deserialize_any(Rows)
    }
}

/// The members of the cluster. A single node has no name and is always quorate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterStatus {
    /// The cluster's name; `None` for a single node.
    pub name: Option<CompactString>,
    /// True when enough members are up to change something.
    pub quorate: bool,
    /// Its members by name.
    pub nodes: Vec<Member>,
}

/// A member of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Member {
    /// Its name.
    #[serde(deserialize_with = "loose")]
    pub name: NodeName,
    /// Its address in the cluster network.
    #[serde(deserialize_with = "loose")]
    pub ip: CompactString,
    /// True when it is up.
    #[serde(deserialize_with = "loose")]
    pub online: bool,
    /// True for the node that answers.
    #[serde(deserialize_with = "loose")]
    pub local: bool,
    /// Its number in the cluster, 0 for a single node.
    #[serde(deserialize_with = "loose")]
    pub nodeid: u32,
    /// Level of support, as in [`Node::level`].
    #[serde(deserialize_with = "loose")]
    pub level: CompactString,
}

impl<'de> Deserialize<'de> for ClusterStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Entry {
            #[serde(rename = "type", deserialize_with = "loose")]
            kind: CompactString,
            #[serde(deserialize_with = "loose")]
            quorate: bool,
            #[serde(flatten)]
            member: Member,
        }
        let mut status = Self { quorate: true, ..Self::default() };
        for entry in Vec::<Entry>::deserialize(deserializer)? {
            match &*entry.kind {
                "cluster" => {
                    status.name = Some(entry.member.name.as_str().into());
                    status.quorate = entry.quorate;
                }
                "node" => status.nodes.push(entry.member),
                _ => {}
            }
        }
        status.nodes.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(status)
    }
}

/// The datacenter's settings that a client needs; the others are kept as text where they are scalars.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Every scalar setting, in the server's order: key and text.
    pub settings: Vec<(CompactString, String)>,
}

impl Options {
    /// The text of a setting, for example `keyboard`, `mac_prefix` or `console`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.settings.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

impl<'de> Deserialize<'de> for Options {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        json::texts(deserializer).map(|settings| Self { settings })
    }
}

/// An entry of the cluster's log.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct LogEntry {
    /// The node that it comes from.
    #[serde(deserialize_with = "loose")]
    pub node: NodeName,
    /// When, in Unix seconds.
    #[serde(deserialize_with = "loose")]
    pub time: u64,
    /// Who did it.
    #[serde(deserialize_with = "loose")]
    pub user: CompactString,
    /// The service, for example `pvedaemon`.
    #[serde(deserialize_with = "loose")]
    pub tag: CompactString,
    /// Syslog's level: 3 is an error, 4 a warning, 6 information.
    #[serde(rename = "pri", deserialize_with = "loose")]
    pub priority: u32,
    /// What happened.
    #[serde(deserialize_with = "loose")]
    pub msg: String,
}

/// Sorts tasks of [`tasks`], newest first. The list can hold a task twice, as running and as ended: the end counts.
pub fn newest(mut tasks: Vec<Task>) -> Vec<Task> {
    tasks.sort_by(|a, b| (b.starttime, &b.upid, b.endtime).cmp(&(a.starttime, &a.upid, a.endtime)));
    tasks.dedup_by(|later, earlier| later.upid == earlier.upid);
    tasks
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn endpoints_as_text() {
        assert_eq!(resources().to_string(), "GET /cluster/resources");
        assert_eq!(status().to_string(), "GET /cluster/status");
        assert_eq!(tasks().to_string(), "GET /cluster/tasks");
        assert_eq!(next_id(None).to_string(), "GET /cluster/nextid");
        assert_eq!(next_id(VmId::new(104)).to_string(), "GET /cluster/nextid vmid=104");
        assert_eq!(options().to_string(), "GET /cluster/options");
        assert_eq!(log(0).to_string(), "GET /cluster/log max=1");
    }

    #[test]
    fn rows_in_any_order_of_rows_and_keys() {
        let all = resources()
            .decode(
                br#"{"data":[
                {"vmid":"200","tags":"ct;prod","lock":"backup","node":"b","status":"running","maxcpu":0.5,"type":"lxc","mem":"5"},
                {"type":"sdn","sdn":"localnetwork","status":{"odd":1}},
                {"id":"storage/b/nas","storage":"nas","node":"b","shared":1,"type":"storage","disk":1},
                {"storage":"nas","node":"a","shared":"1","type":"storage","maxdisk":2},
                {"type":"qemu","vmid":100,"name":"web","node":"a","status":"prelaunch","template":0,"pool":"","cpu":"0.25"},
                {"type":"qemu","name":"no number"},
                {"type":"pool","pool":"dev"},
                {"type":"node","node":"b","status":"offline"},
                {"status":"online","cpu":0.07,"maxcpu":8,"node":"a","type":"node"}]}"#,
            )
            .unwrap();
        let ids: Vec<_> = all.guests.iter().map(|g| (g.vmid.get(), g.kind, g.status.as_str())).collect();
        assert_eq!(ids, [(100, GuestKind::Vm, "prelaunch"), (200, GuestKind::Ct, "running")]);
        let ct = all.guest(VmId::new(200).unwrap()).unwrap();
        assert_eq!((ct.maxcpu, ct.mem, ct.lock.as_deref(), ct.pool.as_deref()), (0.5, 5, Some("backup"), None));
        assert_eq!(ct.tags().collect::<Vec<_>>(), ["ct", "prod"]);
        assert_eq!((all.guests[0].pool.as_deref(), all.guests[0].cpu), (None, 0.25));
        assert_eq!(all.guests[0].reference().path(""), "/nodes/a/qemu/100");
        assert_eq!(
            all.nodes.iter().map(|n| (n.node.as_str(), n.is_online())).collect::<Vec<_>>(),
            [("a", true), ("b", false)]
        );
        assert_eq!((all.nodes[0].cpu, all.nodes[0].maxcpu), (0.07, 8));
        assert_eq!(
            all.storages.iter().map(|s| (s.node.as_str(), s.shared)).collect::<Vec<_>>(),
            [("a", true), ("b", true)]
        );
        assert_eq!(all.pools, ["dev"]);
        assert_eq!(resources().decode(br#"{"data":null}"#).unwrap(), Resources::default());
    }

    #[test]
    fn members() {
        let one =
            status().decode(br#"{"data":[{"type":"node","name":"pve1","online":1,"local":1,"nodeid":0}]}"#).unwrap();
        assert_eq!((one.name, one.quorate, one.nodes.len()), (None, true, 1));
        let three = status()
            .decode(
                br#"{"data":[{"type":"node","name":"b","online":0},{"name":"prod","nodes":2,"quorate":"0","type":"cluster"},
                {"type":"node","name":"a","online":"1","ip":"10.0.0.1"}]}"#,
            )
            .unwrap();
        assert_eq!((three.name.as_deref(), three.quorate), (Some("prod"), false));
        assert_eq!(
            three.nodes.iter().map(|n| (n.name.as_str(), n.online)).collect::<Vec<_>>(),
            [("a", true), ("b", false)]
        );
    }

    #[test]
    fn a_task_that_has_ended_does_not_run() {
        let upid = |start: &str, kind: &str| format!("UPID:n:00000001:00000002:{start}:{kind}:100:root@pam:");
        let (old, new) = (upid("00000003", "qmstart"), upid("00000004", "qmstop"));
        let text = format!(
            r#"{{"data":[{{"upid":"{old}"}},{{"upid":"{new}"}},{{"upid":"{old}","endtime":9,"status":"OK"}}]}}"#
        );
        let tasks = newest(tasks().decode(text.as_bytes()).unwrap());
        let states: Vec<_> = tasks.iter().map(|task| (&*task.kind, &task.status)).collect();
        assert_eq!(
            states,
            [("qmstop", &crate::api::task::TaskState::Running), ("qmstart", &crate::api::task::TaskState::Ok)]
        );
    }

    #[test]
    fn a_guest_is_small() {
        assert!(size_of::<Guest>() <= 272, "{} bytes", size_of::<Guest>());
    }
}
