//! The state of the simulated cluster: plain data, shared by all handlers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::access::Access;
use super::call::{Fault, die};
use super::crypto::{Rng, digest};
use super::load;
use super::table::Table;
use super::task::Tasks;

/// Keys and values of a configuration file.
pub type Config = BTreeMap<String, String>;

/// Sections of a configuration file: id to keys and values.
pub type Sections = BTreeMap<String, Config>;

/// VM or container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A virtual machine.
    Qemu,
    /// A container.
    Lxc,
}

impl Kind {
    /// `qemu` or `lxc`: the word in paths and lists.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Qemu => "qemu",
            Kind::Lxc => "lxc",
        }
    }

    /// `VM` or `CT`: the word in texts.
    pub fn short(self) -> &'static str {
        match self {
            Kind::Qemu => "VM",
            Kind::Lxc => "CT",
        }
    }

    /// `qemu-server` or `lxc`: the folder of the configuration files.
    pub fn folder(self) -> &'static str {
        match self {
            Kind::Qemu => "qemu-server",
            Kind::Lxc => "lxc",
        }
    }
}

/// A guest of either kind.
#[derive(Clone, Debug)]
pub struct Guest {
    /// Its number, unique in the cluster.
    pub vmid: u32,
    /// VM or container.
    pub kind: Kind,
    /// The node that its configuration lies on.
    pub node: String,
    /// The configuration as it is in force, including `lock`, `template`, `parent`, `name`/`hostname`, disks.
    pub config: Config,
    /// Pending changes: `Some` a new value, `None` removal.
    pub pending: BTreeMap<String, Option<String>>,
    /// Keys of `pending` removals that are forced (`delete: 2`).
    pub forced: BTreeSet<String>,
    /// Snapshots by name: their configuration with `snaptime`, `parent`, `description`, `vmstate`.
    pub snapshots: Sections,
    /// Does it run (a paused VM does)?
    pub running: bool,
    /// What QEMU calls the state: `running`, `paused`, `prelaunch`, `stopped`.
    pub qmp: String,
    /// Start of the running process in seconds since the epoch.
    pub started: f64,
    /// Process id while it runs.
    pub pid: u32,
    /// The configuration that the running process was started with, for `config?current=1`.
    pub active: Config,
    /// Is there a system in it that obeys a shutdown?
    pub obeys: bool,
    /// Does a guest agent answer?
    pub agent: bool,
    /// How busy it is.
    pub load: Load,
    /// Whatever single features keep about a guest (agent processes, firewall, HA state), by feature.
    pub extra: BTreeMap<String, Value>,
}

/// How busy a guest or a node is. The figures of a moment come from [`super::load`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Mean of the processors' use, 0..1 of all of them.
    pub cpu: f64,
    /// Mean share of memory in use, 0..1.
    pub mem: f64,
    /// Mean share of the root disk in use (containers), 0..1.
    pub disk: f64,
    /// Bytes per second received and sent.
    pub net: (f64, f64),
    /// Bytes per second read and written.
    pub io: (f64, f64),
}

impl Guest {
    /// A stopped, empty guest.
    pub fn new(vmid: u32, kind: Kind, node: &str) -> Self {
        Self {
            vmid,
            kind,
            node: node.into(),
            config: Config::new(),
            pending: BTreeMap::new(),
            forced: BTreeSet::new(),
            snapshots: Sections::new(),
            running: false,
            qmp: "stopped".into(),
            started: 0.0,
            pid: 0,
            active: Config::new(),
            obeys: false,
            agent: false,
            load: Load::default(),
            extra: BTreeMap::new(),
        }
    }

    /// A value of the configuration in force.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.config.get(key).map(String::as_str)
    }

    /// Its name, or `VM 102` / `CT200` as PVE calls nameless ones.
    pub fn name(&self) -> String {
        match self.kind {
            Kind::Qemu => self.get("name").map_or_else(|| format!("VM {}", self.vmid), str::to_owned),
            Kind::Lxc => self.get("hostname").map_or_else(|| format!("CT{}", self.vmid), str::to_owned),
        }
    }

    /// Is it a template?
    pub fn is_template(&self) -> bool {
        self.get("template") == Some("1")
    }

    /// The lock, if it has one.
    pub fn lock(&self) -> Option<&str> {
        self.get("lock")
    }

    /// `running` or `stopped`.
    pub fn status(&self) -> &'static str {
        if self.running { "running" } else { "stopped" }
    }

    /// Whole seconds that it has been running.
    pub fn uptime(&self, now: f64) -> u64 {
        if self.running { (now - self.started).max(0.0) as u64 } else { 0 }
    }

    /// Number of processors.
    pub fn cpus(&self) -> u64 {
        let number = |key| self.get(key).and_then(|v| v.parse::<u64>().ok());
        match self.kind {
            Kind::Qemu => {
                let all = number("sockets").unwrap_or(1) * number("cores").unwrap_or(1);
                number("vcpus").map_or(all, |v| v.min(all))
            }
            Kind::Lxc => number("cores").unwrap_or(0),
        }
    }

    /// Bytes of memory that it may use.
    pub fn maxmem(&self) -> u64 {
        let memory = self.get("memory").unwrap_or("512");
        let memory = memory.split(',').next().unwrap_or("512");
        let memory = memory.trim_start_matches("current=");
        memory.parse::<u64>().unwrap_or(512) << 20
    }

    /// Bytes of its first disk (VM boot disk, container root).
    pub fn maxdisk(&self) -> u64 {
        let key = match self.kind {
            Kind::Lxc => "rootfs".to_owned(),
            Kind::Qemu => {
                let order = self.get("boot").and_then(|b| b.strip_prefix("order="));
                let boot = order.unwrap_or("").split(';').find(|d| self.is_disk(d));
                let any = || {
                    let disks = self.config.keys().find(|k| self.is_disk(k));
                    disks.map(String::as_str)
                };
                boot.or_else(any).unwrap_or("").to_owned()
            }
        };
        let size = self.get(&key).and_then(|value| prop(value, "size"));
        size.and_then(parse_size).unwrap_or(0)
    }

    /// Is `key` a disk of a VM (not a CD drive, not cloud-init)?
    pub fn is_disk(&self, key: &str) -> bool {
        let bus = key.trim_end_matches(|c: char| c.is_ascii_digit());
        if bus == key || !matches!(bus, "ide" | "sata" | "scsi" | "virtio") {
            return false;
        }
        let value = self.get(key).unwrap_or("media=cdrom");
        prop(value, "media") != Some("cdrom")
    }

    /// The SHA-1 of its configuration file.
    pub fn digest(&self) -> String {
        let text = format!("{:?}{:?}{:?}", self.config, self.pending, self.snapshots);
        digest(&text)
    }
}

/// A value of a property string; the part without a key is found under `""`.
pub fn prop<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.split(',').find_map(|part| match part.split_once('=') {
        Some((name, value)) => (name == key).then_some(value),
        None => key.is_empty().then_some(part),
    })
}

/// Bytes of `32G`, `528K`, `1.5T` or a plain number.
pub fn parse_size(text: &str) -> Option<u64> {
    let unit = text.trim_end_matches(['K', 'M', 'G', 'T']);
    let factor = match &text[unit.len()..] {
        "K" => 1024.0,
        "M" => 1_048_576.0,
        "G" => 1_073_741_824.0,
        "T" => 1_099_511_627_776.0,
        _ => 1.0,
    };
    unit.parse::<f64>().ok().map(|n| (n * factor) as u64)
}

/// A node.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its address.
    pub ip: String,
    /// Its number in the cluster, from 1.
    pub id: u32,
    /// Does it answer?
    pub online: bool,
    /// Boot in seconds since the epoch.
    pub booted: f64,
    /// Logical processors.
    pub cpus: u64,
    /// Processor sockets.
    pub sockets: u64,
    /// Processor model.
    pub cpu_model: String,
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes of swap.
    pub swap: u64,
    /// Bytes of the root file system, all and used.
    pub rootfs: (u64, u64),
    /// Kernel line as in `uname`.
    pub kernel: String,
    /// `pve-manager/9.2.11/14a22df35955d97d`.
    pub pveversion: String,
    /// Certificate fingerprint, 32 upper case hex pairs.
    pub fingerprint: String,
    /// Subscription level (`""`, `c`, `b`, ...).
    pub level: String,
    /// How busy the node itself is, without its guests.
    pub load: Load,
    /// Interfaces in force, by name.
    pub network: BTreeMap<String, Value>,
    /// Interfaces as staged in `interfaces.new`; `None` when nothing is pending.
    pub staged: Option<BTreeMap<String, Value>>,
    /// Services by name.
    pub services: BTreeMap<String, Value>,
    /// `dns`, `timezone`, `config`, `hosts`, `subscription`, `disks`, ...: whatever single calls keep.
    pub extra: BTreeMap<String, Value>,
}

/// Where a volume lies: storage, node (empty for shared storages), name after the colon.
pub type VolumeKey = (String, String, String);

/// A volume on a storage.
#[derive(Clone, Debug, Default)]
pub struct Volume {
    /// `storage:name`.
    pub volid: String,
    /// `images`, `rootdir`, `iso`, `vztmpl`, `backup`, `snippets`, `import`.
    pub content: String,
    /// `raw`, `qcow2`, `iso`, `tzst`, `vma.zst`, `subvol`, ...
    pub format: String,
    /// Bytes.
    pub size: u64,
    /// Bytes really used, where the storage knows.
    pub used: Option<u64>,
    /// The guest that owns it.
    pub vmid: Option<u32>,
    /// The base volume of a linked clone.
    pub parent: Option<String>,
    /// Creation in seconds since the epoch.
    pub ctime: Option<u64>,
    /// Notes of a backup.
    pub notes: Option<String>,
    /// Protected from removal.
    pub protected: bool,
    /// `qemu` or `lxc` of backups.
    pub subtype: Option<String>,
    /// Further members that lists show (`encrypted`, `verification`).
    pub extra: BTreeMap<String, Value>,
    /// What a backup holds: the guest with its configuration.
    pub backup: Option<Box<Guest>>,
}

/// A storage: its section of `storage.cfg` and the room behind it.
#[derive(Clone, Debug, Default)]
pub struct Storage {
    /// Its name.
    pub id: String,
    /// The configuration, including `type`.
    pub config: Config,
    /// Bytes of the medium.
    pub total: u64,
    /// Bytes in use beside the volumes.
    pub used: u64,
}

impl Storage {
    /// The type: `dir`, `nfs`, `lvmthin`, ...
    pub fn kind(&self) -> &str {
        self.config.get("type").map_or("dir", String::as_str)
    }

    /// Do all nodes see the same volumes?
    pub fn shared(&self) -> bool {
        matches!(self.kind(), "nfs" | "cifs" | "cephfs" | "rbd" | "pbs" | "iscsi" | "iscsidirect" | "esxi")
            || self.config.get("shared").is_some_and(|v| v == "1")
    }

    /// Is it switched on?
    pub fn enabled(&self) -> bool {
        self.config.get("disable").is_none_or(|v| v != "1")
    }

    /// Is it offered on `node`?
    pub fn on_node(&self, node: &str) -> bool {
        match self.config.get("nodes") {
            Some(nodes) if !nodes.is_empty() => nodes.split(',').any(|n| n == node),
            _ => true,
        }
    }

    /// May it hold this kind of content?
    pub fn allows(&self, content: &str) -> bool {
        let all = self.config.get("content").map_or("", String::as_str);
        all.split(',').any(|c| c == content)
    }

    /// Are volumes files below a directory?
    pub fn is_file(&self) -> bool {
        matches!(self.kind(), "dir" | "nfs" | "cifs" | "cephfs" | "btrfs")
    }

    /// The directory of file storages.
    pub fn path(&self) -> String {
        match self.config.get("path") {
            Some(path) => path.clone(),
            None => format!("/mnt/pve/{}", self.id),
        }
    }
}

/// A resource pool.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    /// Comment.
    pub comment: Option<String>,
    /// Guests.
    pub vms: BTreeSet<u32>,
    /// Storages.
    pub storages: BTreeSet<String>,
}

/// The whole cluster.
pub struct Cluster {
    /// The parameter table that calls are held against.
    pub table: Arc<Table>,
    /// Seconds since the epoch, the moment of the call being handled.
    pub now: f64,
    /// How fast tasks run: 1 as real, 10 ten times as fast.
    pub speed: f64,
    /// Source of ids and of the load's course.
    pub rng: Rng,
    /// The seed of the load.
    pub seed: u64,
    /// Counts changes, so that caches know when they are stale.
    pub epoch: u64,
    /// The cluster's name; `None` for a stand-alone node.
    pub name: Option<String>,
    /// The node that the API call reached.
    pub local: String,
    /// `version`, `release`, `repoid`.
    pub version: Config,
    /// Nodes by name.
    pub nodes: BTreeMap<String, Node>,
    /// Guests by number.
    pub guests: BTreeMap<u32, Guest>,
    /// Storages by name.
    pub storages: BTreeMap<String, Storage>,
    /// Volumes.
    pub volumes: BTreeMap<VolumeKey, Volume>,
    /// Pools by name (`a/b` for nested ones).
    pub pools: BTreeMap<String, Pool>,
    /// Users, groups, roles, realms, tokens, ACL, second factors.
    pub access: Access,
    /// Tasks.
    pub tasks: Tasks,
    /// `datacenter.cfg`.
    pub options: Config,
    /// Files of sections, by name: `ha/resources`, `ha/rules`, `jobs`, `replication`, `mapping/pci`, ...
    pub sections: BTreeMap<String, Sections>,
    /// Whatever single features keep (firewall, notifications), by feature.
    pub extra: BTreeMap<String, Value>,
    /// Cached text of big lists, with the epoch and tick they were made at.
    pub cache: BTreeMap<String, (u64, u64, Arc<str>)>,
    /// What the guests of each node use together, with the epoch and tick it was added up at.
    pub sums: Option<(u64, u64, Arc<load::Sums>)>,
}

impl Cluster {
    /// An empty cluster without nodes.
    pub fn empty(table: Arc<Table>, now: f64, seed: u64) -> Self {
        Self {
            table,
            now,
            speed: 1.0,
            rng: Rng::new(seed),
            seed,
            epoch: 0,
            name: None,
            local: String::new(),
            version: Config::new(),
            nodes: BTreeMap::new(),
            guests: BTreeMap::new(),
            storages: BTreeMap::new(),
            volumes: BTreeMap::new(),
            pools: BTreeMap::new(),
            access: Access::default(),
            tasks: Tasks::default(),
            options: Config::new(),
            sections: BTreeMap::new(),
            extra: BTreeMap::new(),
            cache: BTreeMap::new(),
            sums: None,
        }
    }

    /// Tells caches that something changed. The router calls it after every call that isn't a GET, tasks when they end.
    pub fn touch(&mut self) {
        self.epoch += 1;
    }

    /// A guest.
    pub fn guest(&self, vmid: u32) -> Option<&Guest> {
        self.guests.get(&vmid)
    }

    /// A guest, to be changed.
    pub fn guest_mut(&mut self, vmid: u32) -> Option<&mut Guest> {
        self.guests.get_mut(&vmid)
    }

    /// The guest of a call's path, or the server's complaint that its configuration file is missing.
    pub fn guest_at(&self, kind: Kind, node: &str, vmid: u32) -> Result<&Guest, Fault> {
        let found = self.guests.get(&vmid).filter(|g| g.kind == kind && g.node == node);
        found.ok_or_else(|| die(missing_guest(kind, node, vmid)))
    }

    /// As [`Cluster::guest_at`], to be changed.
    pub fn guest_at_mut(&mut self, kind: Kind, node: &str, vmid: u32) -> Result<&mut Guest, Fault> {
        let found = self.guests.get_mut(&vmid).filter(|g| g.kind == kind && g.node == node);
        found.ok_or_else(|| die(missing_guest(kind, node, vmid)))
    }

    /// Takes the lock `lock` off a guest, if it is that one.
    pub fn unlock(&mut self, vmid: u32, lock: &str) {
        if let Some(guest) = self.guests.get_mut(&vmid)
            && guest.lock() == Some(lock)
        {
            guest.config.remove("lock");
        }
    }

    /// The pool that a guest is in.
    pub fn pool_of(&self, vmid: u32) -> Option<&str> {
        let found = self.pools.iter().find(|(_, pool)| pool.vms.contains(&vmid));
        found.map(|(id, _)| id.as_str())
    }

    /// The lowest free guest number.
    pub fn next_vmid(&self) -> u32 {
        let range = self.options.get("next-id").map_or("", String::as_str);
        let low = prop(range, "lower").and_then(|v| v.parse().ok());
        let mut id = low.unwrap_or(100);
        while self.guests.contains_key(&id) {
            id += 1;
        }
        id
    }

    /// A file of sections, made when it isn't there.
    pub fn section(&mut self, file: &str) -> &mut Sections {
        self.sections.entry(file.into()).or_default()
    }

    /// A file of sections, if it is there.
    pub fn sections_of(&self, file: &str) -> Option<&Sections> {
        self.sections.get(file)
    }

    /// A storage, or `storage 'x' does not exist`.
    pub fn storage(&self, id: &str) -> Result<&Storage, Fault> {
        self.storages.get(id).ok_or_else(|| die(format!("storage '{id}' does not exist")))
    }

    /// A storage that can be used on `node` now: exists, is enabled, is offered there.
    pub fn storage_on(&self, node: &str, id: &str) -> Result<&Storage, Fault> {
        let storage = self.storage(id)?;
        if !storage.enabled() {
            return Err(die(format!("storage '{id}' is disabled")));
        }
        if !storage.on_node(node) {
            return Err(die(format!("storage '{id}' is not available on node '{node}'")));
        }
        Ok(storage)
    }

    /// The key of a volume id as seen from `node`.
    pub fn volume_key(&self, node: &str, volid: &str) -> VolumeKey {
        let (storage, name) = volid.split_once(':').unwrap_or(("", volid));
        let shared = self.storages.get(storage).is_some_and(Storage::shared);
        let node = if shared { "" } else { node };
        (storage.into(), node.into(), name.into())
    }

    /// A volume as seen from `node`.
    pub fn volume(&self, node: &str, volid: &str) -> Option<&Volume> {
        self.volumes.get(&self.volume_key(node, volid))
    }

    /// A volume as seen from `node`, to be changed.
    pub fn volume_mut(&mut self, node: &str, volid: &str) -> Option<&mut Volume> {
        let key = self.volume_key(node, volid);
        self.volumes.get_mut(&key)
    }

    /// Puts a volume on its storage (by its `volid`), as seen from `node`.
    pub fn add_volume(&mut self, node: &str, volume: Volume) {
        let key = self.volume_key(node, &volume.volid);
        self.volumes.insert(key, volume);
    }

    /// Removes a volume as seen from `node`.
    pub fn remove_volume(&mut self, node: &str, volid: &str) -> Option<Volume> {
        let key = self.volume_key(node, volid);
        self.volumes.remove(&key)
    }

    /// The volumes of a storage as seen from `node`.
    pub fn volumes_of<'a>(&'a self, node: &'a str, storage: &'a str) -> impl Iterator<Item = &'a Volume> {
        let shared = self.storages.get(storage).is_some_and(Storage::shared);
        let node = if shared { "" } else { node };
        let from = (storage.to_owned(), node.to_owned(), String::new());
        self.volumes.range(from..).take_while(move |((s, n, _), _)| s == storage && n == node).map(|(_, volume)| volume)
    }
}

/// `Configuration file 'nodes/pve1/qemu-server/999.conf' does not exist`.
pub fn missing_guest(kind: Kind, node: &str, vmid: u32) -> String {
    let folder = kind.folder();
    format!("Configuration file 'nodes/{node}/{folder}/{vmid}.conf' does not exist")
}
