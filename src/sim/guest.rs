//! What VMs and containers of the simulated cluster share: configuration as JSON and as text, locks, digests,
//! permissions inside calls, pending changes.

use serde_json::{Map, Value, json};

use super::call::{Args, Fault, die};
use super::load::{self, Figures};
use super::property::Property;
use super::qemu::drive::is_numbered;
use super::state::{Cluster, Config, Guest, Kind};
use super::task::Script;

/// Keys whose values are numbers in answers. Everything else is text, also `memory` of a VM.
const QEMU_NUMBERS: &[&str] = &[
    "acpi",
    "allow-ksm",
    "autostart",
    "balloon",
    "ciupgrade",
    "cores",
    "cpulimit",
    "cpuunits",
    "freeze",
    "keephugepages",
    "kvm",
    "localtime",
    "migrate_downtime",
    "migrate_speed",
    "numa",
    "onboot",
    "protection",
    "reboot",
    "shares",
    "snaptime",
    "sockets",
    "tablet",
    "tdf",
    "template",
    "vcpus",
];

const LXC_NUMBERS: &[&str] = &[
    "console",
    "cores",
    "cpulimit",
    "cpuunits",
    "debug",
    "memory",
    "onboot",
    "protection",
    "snaptime",
    "swap",
    "template",
    "tty",
    "unprivileged",
];

/// A value of a configuration with the type that the server gives it.
pub fn typed(kind: Kind, key: &str, value: &str) -> Value {
    let numbers = if kind == Kind::Qemu { QEMU_NUMBERS } else { LXC_NUMBERS };
    if key == "cipassword" {
        return json!("**********");
    }
    if !numbers.contains(&key) {
        return json!(value);
    }
    match (value.parse::<i64>(), value.parse::<f64>()) {
        (Ok(whole), _) => json!(whole),
        (_, Ok(number)) => json!(number),
        _ => json!(value),
    }
}

/// A configuration as the `config` calls answer it, without digest.
pub fn config_json(kind: Kind, config: &Config) -> Map<String, Value> {
    config.iter().map(|(key, value)| (key.clone(), typed(kind, key, value))).collect()
}

/// A configuration as the text of its file, as backups hold it.
pub fn config_text(config: &Config) -> String {
    let mut out = String::new();
    for line in config.get("description").map(String::as_str).unwrap_or_default().lines() {
        out += &format!("#{}\n", line.replace('%', "%25").replace(':', "%3A"));
    }
    for (key, value) in config {
        if !matches!(key.as_str(), "description" | "lock" | "parent" | "snaptime" | "vmstate") {
            out += &format!("{key}: {value}\n");
        }
    }
    out
}

/// The configuration with pending changes folded in.
pub fn folded(guest: &Guest) -> Config {
    let mut config = guest.config.clone();
    for (key, value) in &guest.pending {
        match value {
            Some(value) => config.insert(key.clone(), value.clone()),
            None => config.remove(key),
        };
    }
    config
}

/// `VM is locked (backup)` or `CT is locked (backup)` unless the guest is free.
pub fn check_lock(guest: &Guest) -> Result<(), String> {
    match guest.lock() {
        Some(lock) => Err(format!("{} is locked ({lock})", guest.kind.short())),
        None => Ok(()),
    }
}

/// The guest inside a task; its configuration may be gone by then.
pub fn in_task<'a>(cluster: &'a mut Cluster, kind: Kind, node: &str, vmid: u32) -> Result<&'a mut Guest, String> {
    cluster.guest_at_mut(kind, node, vmid).map_err(|fault| fault.message)
}

/// Takes a lock inside a task, refused while there is one.
pub fn take_lock(cluster: &mut Cluster, kind: Kind, node: &str, vmid: u32, lock: &str) -> Result<(), String> {
    let guest = in_task(cluster, kind, node, vmid)?;
    check_lock(guest)?;
    guest.config.insert("lock".into(), lock.into());
    Ok(())
}

/// The `digest` parameter against the configuration.
pub fn check_digest(guest: &Guest, args: &Args) -> Result<(), Fault> {
    match args.opt("digest") {
        Some(digest) if !digest.is_empty() && digest != guest.digest() => Err(die(match guest.kind {
            Kind::Qemu => "checksum mismatch (file change by other user?)",
            Kind::Lxc => "detected modified configuration - file changed by other user? Try again.",
        })),
        _ => Ok(()),
    }
}

/// `skiplock`, which only root@pam itself may use.
pub fn skiplock(args: &Args) -> Result<bool, Fault> {
    let skip = args.flag("skiplock");
    if skip && !args.is_root() {
        return Err(Fault::param("skiplock", "Only root may use this option."));
    }
    Ok(skip)
}

/// Is a guest managed by the HA stack?
pub fn ha_managed(cluster: &Cluster, kind: Kind, vmid: u32) -> bool {
    ha_section(cluster, kind, vmid).is_some_and(|section| section.get("state").map(String::as_str) != Some("ignored"))
}

/// The guest's section among the HA resources.
pub fn ha_section(cluster: &Cluster, kind: Kind, vmid: u32) -> Option<&Config> {
    cluster.sections_of("ha/resources")?.get(&ha_sid(kind, vmid))
}

/// `vm:100` or `ct:200`.
pub fn ha_sid(kind: Kind, vmid: u32) -> String {
    format!("{}:{vmid}", kind.short().to_lowercase())
}

/// The `ha` member of a guest's status.
pub fn ha_json(cluster: &Cluster, kind: Kind, vmid: u32) -> Value {
    match ha_section(cluster, kind, vmid) {
        Some(section) if section.get("state").map(String::as_str) != Some("ignored") => {
            json!({"managed": 1, "state": section.get("state").map_or("started", String::as_str)})
        }
        _ => json!({"managed": 0}),
    }
}

/// Answer of `.../pending`: every key with its value, new value or removal.
pub fn pending_json(guest: &Guest) -> Vec<Value> {
    let mut rows: Vec<Value> = Vec::new();
    for (key, value) in &guest.config {
        let mut row = Map::new();
        row.insert("key".into(), json!(key));
        row.insert("value".into(), typed(guest.kind, key, value));
        match guest.pending.get(key) {
            Some(Some(new)) => {
                row.insert("pending".into(), typed(guest.kind, key, new));
            }
            Some(None) => {
                row.insert("delete".into(), json!(if guest.forced.contains(key) { 2 } else { 1 }));
            }
            None => {}
        }
        rows.push(Value::Object(row));
    }
    for (key, value) in &guest.pending {
        if let (false, Some(value)) = (guest.config.contains_key(key), value) {
            rows.push(json!({"key": key, "pending": typed(guest.kind, key, value)}));
        }
    }
    rows.push(json!({"key": "digest", "value": guest.digest()}));
    rows
}

/// Adds `volid` to the configuration as the first free `unusedN`.
pub fn add_unused(config: &mut Config, volid: &str) {
    if config.iter().any(|(key, value)| is_numbered(key, "unused") && value == volid) {
        return;
    }
    for index in 0..256 {
        let key = format!("unused{index}");
        if let std::collections::btree_map::Entry::Vacant(free) = config.entry(key) {
            free.insert(volid.to_owned());
            return;
        }
    }
}

/// Volumes of a configuration: key and volume id; disks in the server's order, then unused ones and the RAM state.
pub fn volumes(kind: Kind, config: &Config) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    match kind {
        Kind::Qemu => {
            let mut slots: Vec<&String> = config.keys().filter(|key| super::qemu::drive::is_slot(key)).collect();
            slots.sort_by_key(|key| super::qemu::drive::slot_order(key));
            for slot in slots {
                let drive = super::qemu::drive::Drive::parse(&config[slot]);
                if let Some(volid) = drive.volume().filter(|_| !drive.is_cdrom() || drive.is_cloudinit()) {
                    found.push((slot.clone(), volid.to_owned()));
                }
            }
        }
        Kind::Lxc => {
            let points = config.iter().filter(|(key, _)| *key == "rootfs" || is_numbered(key, "mp"));
            for (key, value) in points {
                let volid = mount_volume(value);
                if !volid.starts_with('/') {
                    found.push((key.clone(), volid));
                }
            }
            found.sort_by_key(|(key, _)| (key != "rootfs", key.clone()));
        }
    }
    for (key, value) in config.iter().filter(|(key, _)| is_numbered(key, "unused") || *key == "vmstate") {
        found.push((key.clone(), value.split(',').next().unwrap_or_default().to_owned()));
    }
    found
}

/// The volume (or host path) of a mount point.
pub fn mount_volume(value: &str) -> String {
    Property::parse(value, "volume").get("volume").unwrap_or_default().to_owned()
}

/// Does any guest's configuration or snapshot but `except` use the volume?
pub fn used_by(cluster: &Cluster, volid: &str, except: Option<u32>) -> Option<u32> {
    let users = cluster.guests.values().filter(|guest| Some(guest.vmid) != except);
    let mut users = users.filter(|guest| {
        let configs = std::iter::once(&guest.config).chain(guest.snapshots.values());
        configs.into_iter().any(|config| volumes(guest.kind, config).iter().any(|(_, used)| used == volid))
    });
    users.next().map(|guest| guest.vmid)
}

/// Is the volume part of one of the guest's snapshots?
pub fn in_snapshot(guest: &Guest, volid: &str) -> bool {
    guest.snapshots.values().any(|config| volumes(guest.kind, config).iter().any(|(_, used)| used == volid))
}

/// Asks for privileges (any of them) on `path`: `Permission check failed (/vms/100, VM.Audit)`.
pub fn need(cluster: &Cluster, args: &Args, path: &str, privs: &[&str]) -> Result<(), Fault> {
    if may(cluster, args, path, privs) { Ok(()) } else { Err(Fault::forbidden(path, privs)) }
}

/// Has the caller any of the privileges on `path`?
pub fn may(cluster: &Cluster, args: &Args, path: &str, privs: &[&str]) -> bool {
    cluster.may_any(args.user(), path, privs)
}

/// Asks for the right to take space on a storage.
pub fn need_space(cluster: &Cluster, args: &Args, storage: &str) -> Result<(), Fault> {
    need(cluster, args, &format!("/storage/{storage}"), &["Datastore.AllocateSpace"])
}

/// Makes MAC addresses, `BC:24:11:..` by default.
pub fn new_mac(cluster: &mut Cluster) -> String {
    let prefix = cluster.options.get("mac_prefix").cloned().unwrap_or_else(|| "BC:24:11".into());
    cluster.rng.mac(&prefix)
}

/// Refuses a number that a guest of the cluster already has: `VM 101 already exists on node 'pve1'`.
pub fn taken(cluster: &Cluster, vmid: u32) -> Option<String> {
    let guest = cluster.guest(vmid)?;
    Some(format!("{} {vmid} already exists on node '{}'", guest.kind.short(), guest.node))
}

/// Removes a guest and everything that names it: pool membership and the ACL of its path.
pub fn forget(cluster: &mut Cluster, vmid: u32) {
    cluster.guests.remove(&vmid);
    for pool in cluster.pools.values_mut() {
        pool.vms.remove(&vmid);
    }
    let path = format!("/vms/{vmid}");
    cluster.access.acl.retain(|grant| grant.path != path);
}

/// Puts a guest into a pool.
pub fn join_pool(cluster: &mut Cluster, vmid: u32, pool: Option<&str>) {
    if let Some(pool) = pool.and_then(|id| cluster.pools.get_mut(id)) {
        pool.vms.insert(vmid);
    }
}

/// The RAM of a guest as the status tells it in bytes, 0 when it is stopped.
pub fn seconds_of_shutdown(guest: &Guest) -> f64 {
    // A bigger guest has more to close.
    3.0 + (guest.maxmem() >> 30) as f64 * 0.5
}

/// Starts the process of a guest: state, pid and the configuration that is in force from now on.
pub fn set_running(cluster: &mut Cluster, vmid: u32) {
    let (pid, now) = (cluster.new_pid(), cluster.now);
    if let Some(guest) = cluster.guest_mut(vmid) {
        guest.running = true;
        guest.qmp = "running".into();
        guest.started = now;
        guest.pid = pid;
        guest.active = guest.config.clone();
    }
    cluster.touch();
}

/// Ends the process of a guest; pending changes come into force.
pub fn set_stopped(cluster: &mut Cluster, vmid: u32) {
    if let Some(guest) = cluster.guest_mut(vmid) {
        guest.running = false;
        guest.qmp = "stopped".into();
        guest.pid = 0;
        guest.active = Config::new();
        guest.extra.remove("agent");
    }
    cluster.touch();
}

/// Ends the process of a VM that is in this state of QEMU.
pub fn set_stopped_if(cluster: &mut Cluster, vmid: u32, qmp: &str) {
    if cluster.guest(vmid).is_some_and(|guest| guest.qmp == qmp) {
        set_stopped(cluster, vmid);
    }
}

/// Applies all pending changes of a stopped guest.
pub fn apply_pending(guest: &mut Guest) {
    for (key, value) in std::mem::take(&mut guest.pending) {
        match value {
            Some(value) => {
                guest.config.insert(key, value);
            }
            None => {
                if let Some(old) = guest.config.remove(&key) {
                    detach(guest, &key, &old);
                }
            }
        }
    }
    guest.forced.clear();
}

/// After a disk left its slot: its volume becomes `unusedN`.
pub fn detach(guest: &mut Guest, key: &str, value: &str) {
    let mut config = Config::new();
    config.insert(key.to_owned(), value.to_owned());
    for (_, volid) in volumes(guest.kind, &config) {
        let name = volid.rsplit(['/', ':']).next().unwrap_or_default().to_owned();
        let mine = name.contains(&format!("-{}-", guest.vmid));
        if mine && !super::qemu::drive::is_cloudinit_volume(&volid) && !is_numbered(key, "unused") {
            add_unused(&mut guest.config, &volid);
        }
    }
}

/// Removes a destroyed guest from backup jobs, replication and HA.
pub fn purge(cluster: &mut Cluster, kind: Kind, vmid: u32) {
    cluster.section("ha/resources").remove(&ha_sid(kind, vmid));
    let name = vmid.to_string();
    for job in cluster.section("jobs").values_mut() {
        if let Some(list) = job.get_mut("vmid") {
            *list = list.split(',').filter(|id| *id != name).collect::<Vec<_>>().join(",");
        }
    }
    cluster.section("replication").retain(|_, job| job.get("guest") != Some(&name));
}

/// Asks the HA stack for another state of a guest: a `hastart` or `hastop` task that only queues the request; the
/// guest follows some seconds later with a task of its own.
pub fn ha_request(cluster: &mut Cluster, args: &Args, kind: Kind, state: &'static str) -> String {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    let start = state == "started";
    let (task, word) = if start { ("hastart", "start") } else { ("hastop", "stop") };
    let title = format!("Requesting HA {word} for {} {vmid}", kind.short());
    let script = Script::new().log(title).then(move |cluster, _| {
        if let Some(section) = cluster.section("ha/resources").get_mut(&ha_sid(kind, vmid)) {
            section.insert("state".into(), state.into());
        }
        ha_follow(cluster, kind, vmid);
        Ok(())
    });
    cluster.start_task(args.user(), &node, task, &vmid.to_string(), script)
}

/// What the HA stack does once it looks at a guest's wanted state.
fn ha_follow(cluster: &mut Cluster, kind: Kind, vmid: u32) {
    let Some(guest) = cluster.guest(vmid) else { return };
    let wanted =
        ha_section(cluster, kind, vmid).and_then(|section| section.get("state")).map_or("started", String::as_str);
    let (node, start) = (guest.node.clone(), wanted == "started");
    if start == guest.running || cluster.extra.get("ha-standby") == Some(&Value::Bool(true)) {
        return;
    }
    let prefix = if kind == Kind::Qemu { "qm" } else { "vz" };
    let (task, script) = match (kind, start) {
        (Kind::Qemu, true) => ("start", super::qemu::power::start_script(&node, vmid, false, None)),
        (Kind::Qemu, false) => ("shutdown", super::qemu::power::shutdown_script(&node, vmid, false, 60.0, true)),
        (Kind::Lxc, true) => ("start", super::lxc::power::start_script(&node, vmid, false)),
        (Kind::Lxc, false) => ("shutdown", super::lxc::power::shutdown_script(&node, vmid, 60.0, true)),
    };
    let script = Script::new().wait(4.0).and(script);
    cluster.start_task("root@pam", &node, &format!("{prefix}{task}"), &vmid.to_string(), script);
}

/// Stops running shutdown tasks of a guest, for a stop that overrules them.
pub fn abort_shutdowns(cluster: &mut Cluster, kind: &str, vmid: u32) {
    let id = vmid.to_string();
    let found: Vec<String> = cluster
        .tasks
        .running()
        .filter(|task| task.kind == kind && task.id == id)
        .map(|task| task.upid.clone())
        .collect();
    for upid in found {
        cluster.stop_task(&upid);
    }
}

/// The figures of a guest at this moment, all zero when it is stopped.
pub fn figures(cluster: &Cluster, guest: &Guest) -> Figures {
    load::guest(cluster, guest, cluster.now)
}

/// Bytes of memory that a running VM takes on the host: its own and that of its process.
pub fn memhost(guest: &Guest, figures: &Figures) -> u64 {
    if guest.running { figures.mem + (48 << 20) } else { 0 }
}
