//! The configuration of a VM: reading it, changing it at once or as pending changes, cloud-init.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cloudinit;
use super::drive::{self, Drive, is_numbered};
use super::permission;
use super::prepare::prepare;
use crate::sim::call::{Args, Fault, Outcome, die};
use crate::sim::disk;
use crate::sim::guest;
use crate::sim::progress::{self, Line};
use crate::sim::property::{Property, parse_size};
use crate::sim::router::Route;
use crate::sim::state::{Cluster, Config, Guest, Kind};
use crate::sim::task::Script;

/// The calls of this file.
pub const ROUTES: &[Route] = &[
    Route("GET", "/nodes/{node}/qemu/{vmid}/config", read),
    Route("PUT", "/nodes/{node}/qemu/{vmid}/config", change),
    Route("POST", "/nodes/{node}/qemu/{vmid}/config", change_in_task),
    Route("GET", "/nodes/{node}/qemu/{vmid}/pending", pending),
    Route("PUT", "/nodes/{node}/qemu/{vmid}/unlink", unlink),
    Route("GET", "/nodes/{node}/qemu/{vmid}/cloudinit", cloudinit_pending),
    Route("PUT", "/nodes/{node}/qemu/{vmid}/cloudinit", cloudinit_regenerate),
    Route("GET", "/nodes/{node}/qemu/{vmid}/cloudinit/dump", cloudinit_dump),
];

/// Parameters of create, restore and config calls that are not stored.
pub const NOT_STORED: &[&str] = &[
    "archive",
    "background_delay",
    "bwlimit",
    "delete",
    "digest",
    "force",
    "ha-managed",
    "import-working-storage",
    "live-restore",
    "node",
    "pool",
    "revert",
    "skiplock",
    "start",
    "storage",
    "unique",
    "vmid",
];

/// Settings that a running VM takes over at once.
const LIVE: &[&str] = &[
    "balloon",
    "cpulimit",
    "cpuunits",
    "description",
    "hookscript",
    "hotplug",
    "lock",
    "migrate_downtime",
    "migrate_speed",
    "name",
    "onboot",
    "protection",
    "shares",
    "startup",
    "tags",
    "vmstatestorage",
];

/// Names that are no settings although the schema of the call has them, and settings by number.
fn is_option(key: &str) -> bool {
    const NUMBERED: &[&str] =
        &["hostpci", "ipconfig", "net", "numa", "parallel", "serial", "unused", "usb", "virtiofs"];
    const PLAIN: &[&str] = &[
        "acpi",
        "affinity",
        "agent",
        "allow-ksm",
        "amd-sev",
        "arch",
        "args",
        "audio0",
        "autostart",
        "balloon",
        "bios",
        "boot",
        "bootdisk",
        "cdrom",
        "cicustom",
        "cipassword",
        "citype",
        "ciupgrade",
        "ciuser",
        "cores",
        "cpu",
        "cpulimit",
        "cpuunits",
        "description",
        "freeze",
        "hookscript",
        "hotplug",
        "hugepages",
        "intel-tdx",
        "ivshmem",
        "keephugepages",
        "keyboard",
        "kvm",
        "localtime",
        "lock",
        "machine",
        "memory",
        "migrate_downtime",
        "migrate_speed",
        "name",
        "nameserver",
        "numa",
        "onboot",
        "ostype",
        "protection",
        "reboot",
        "rng0",
        "scsihw",
        "searchdomain",
        "shares",
        "smbios1",
        "smp",
        "sockets",
        "spice_enhancements",
        "sshkeys",
        "startdate",
        "startup",
        "tablet",
        "tags",
        "tdf",
        "template",
        "vcpus",
        "vga",
        "vmgenid",
        "vmstatestorage",
        "watchdog",
        "vmstate",
        "running-nets-host-mtu",
        "runningcpu",
        "runningmachine",
        "parent",
    ];
    PLAIN.contains(&key) || drive::is_slot(key) || NUMBERED.iter().any(|prefix| is_numbered(key, prefix))
}

/// `GET /nodes/{node}/qemu/{vmid}/config`
fn read(cluster: &mut Cluster, args: &Args) -> Outcome {
    let guest = cluster.guest_at(Kind::Qemu, args.node(), args.vmid())?;
    let config = match args.opt("snapshot") {
        Some(name) => {
            let found = guest.snapshots.get(name);
            found.cloned().ok_or_else(|| die(format!("snapshot '{name}' does not exist")))?
        }
        None if args.flag("current") => guest.config.clone(),
        None => guest::folded(guest),
    };
    let mut answer = guest::config_json(Kind::Qemu, &config);
    answer.remove("parent").filter(|_| args.has("snapshot")).map(|parent| answer.insert("parent".into(), parent));
    answer.insert("digest".into(), json!(guest.digest()));
    Ok(Value::Object(answer).into())
}

/// `GET /nodes/{node}/qemu/{vmid}/pending`
fn pending(cluster: &mut Cluster, args: &Args) -> Outcome {
    let guest = cluster.guest_at(Kind::Qemu, args.node(), args.vmid())?;
    let mut rows = guest::pending_json(guest);
    rows.retain(|row| row["key"] != "parent");
    Ok(rows.into())
}

/// `PUT /nodes/{node}/qemu/{vmid}/config`
fn change(cluster: &mut Cluster, args: &Args) -> Outcome {
    let update = Update::check(cluster, args)?;
    update.apply(cluster).map_err(die)?;
    Ok(Value::Null.into())
}

/// `POST /nodes/{node}/qemu/{vmid}/config`
fn change_in_task(cluster: &mut Cluster, args: &Args) -> Outcome {
    let update = Update::check(cluster, args)?;
    let vmid = args.vmid();
    let delay = args.num("background_delay");
    let title = update.title();
    let script = Script::new().then(move |cluster, task| {
        if let Some(title) = title {
            task.log(title);
        }
        let lines = update.apply(cluster)?;
        task.next(progress::script(lines));
        Ok(())
    });
    let upid = cluster.start_task(args.user(), args.node(), "qmconfig", &vmid.to_string(), script);
    if let Some(delay) = delay {
        let horizon = cluster.now + delay;
        // What ends within the delay is told at once; only tasks without waiting can be looked at ahead of time.
        cluster.advance(cluster.now);
        if cluster.now < horizon
            && let Some(status) = cluster.tasks.find(&upid).and_then(|task| task.exit())
        {
            if status == "OK" || status.starts_with("WARNINGS") {
                return Ok(Value::Null.into());
            }
            return Err(die(format!("failed to update VM {vmid}: {status}")));
        }
    }
    Ok(upid.into())
}

/// A checked change of a configuration.
struct Update {
    node: String,
    vmid: u32,
    settings: BTreeMap<String, String>,
    deletes: Vec<String>,
    reverts: Vec<String>,
    force: bool,
    skiplock: bool,
    digest: Option<String>,
}

impl Update {
    fn check(cluster: &Cluster, args: &Args) -> Result<Self, Fault> {
        let skiplock = guest::skiplock(args)?;
        let mut settings = args.settings(NOT_STORED);
        if let Some(cdrom) = settings.remove("cdrom") {
            settings.insert("ide2".into(), cdrom);
        }
        let deletes = args.list("delete");
        let reverts = args.list("revert");
        if settings.is_empty() && deletes.is_empty() && reverts.is_empty() {
            return Err(die("no options specified"));
        }
        for key in &deletes {
            if !is_option(key) {
                return Err(Fault::param("delete", format!("unknown option '{key}'")));
            }
            if settings.contains_key(key) {
                return Err(Fault::param(
                    "delete",
                    format!("you can't use '-{key}' and -delete {key}' at the same time"),
                ));
            }
        }
        for key in &reverts {
            if !is_option(key) {
                return Err(Fault::param("revert", format!("unknown option '{key}'")));
            }
        }
        let guest = cluster.guest_at(Kind::Qemu, args.node(), args.vmid())?;
        let touched: Vec<&str> = settings.keys().chain(&deletes).chain(&reverts).map(String::as_str).collect();
        permission::check_keys(cluster, args, guest.vmid, None, &touched, &settings, Some(guest))?;
        permission::check_drives(cluster, args, args.node(), &settings)?;
        permission::check_networks(cluster, args, &settings)?;
        if !skiplock {
            guest::check_lock(guest).map_err(die)?;
        }
        guest::check_digest(guest, args)?;
        for key in deletes.iter().filter(|key| drive::is_slot(key) || is_numbered(key, "unused")) {
            if guest.get("protection") == Some("1") && guest.config.contains_key(key) {
                let word = if is_numbered(key, "unused") { "unused disk" } else { "drive" };
                let volid = Drive::parse(&guest.config[key]).file().to_owned();
                return Err(die(format!("can't remove {word} '{volid}' - protection mode enabled")));
            }
        }
        Ok(Self {
            node: args.node().into(),
            vmid: args.vmid(),
            settings,
            deletes,
            reverts,
            force: args.flag("force"),
            skiplock,
            digest: args.opt("digest").map(str::to_owned),
        })
    }

    /// The first line of the task's log.
    fn title(&self) -> Option<String> {
        let mut parts = Vec::new();
        if !self.deletes.is_empty() {
            parts.push(format!("-delete {}", self.deletes.join(",")));
        }
        for (key, value) in &self.settings {
            let value = if key == "cipassword" { "<hidden>" } else { value };
            parts.push(format!("-{key} {value}"));
        }
        // A change that only renames prints nothing else, but the line is always there.
        Some(format!("update VM {}: {}", self.vmid, parts.join(" ")))
    }

    fn apply(self, cluster: &mut Cluster) -> Result<Vec<Line>, String> {
        let guest = guest::in_task(cluster, Kind::Qemu, &self.node, self.vmid)?;
        if !self.skiplock {
            guest::check_lock(guest)?;
        }
        if self.digest.as_ref().is_some_and(|digest| !digest.is_empty() && *digest != guest.digest()) {
            return Err("checksum mismatch (file change by other user?)".into());
        }
        for key in &self.reverts {
            guest.pending.remove(key);
            guest.forced.remove(key);
        }
        let mut lines = Vec::new();
        for key in &self.deletes {
            delete(cluster, &self.node, self.vmid, key, self.force)?;
        }
        if !self.settings.is_empty() {
            let (values, made) = prepare(cluster, &self.node, self.vmid, &self.settings, None)?;
            lines = made;
            let cloudinit = |key: &String| self.settings.get(key).is_some_and(|value| value.contains(":cloudinit"));
            if values.keys().any(cloudinit) {
                lines.push((lines.last().map_or(0.0, |(at, _)| *at), "generating cloud-init ISO".into()));
            }
            let guest = guest::in_task(cluster, Kind::Qemu, &self.node, self.vmid)?;
            for (key, value) in values {
                store(guest, key, value);
            }
        }
        cluster.touch();
        Ok(lines)
    }
}

/// Is the change of `key` taken over by a running VM?
fn is_live(guest: &Guest, key: &str, new: Option<&str>) -> bool {
    let hotplug = match guest.get("hotplug") {
        None | Some("1") => "network,disk,usb",
        Some(list) => list,
    };
    let can = |feature: &str| hotplug.split(',').any(|f| f == feature);
    if LIVE.contains(&key) || is_numbered(key, "unused") {
        return true;
    }
    if is_numbered(key, "net") {
        return can("network");
    }
    if is_numbered(key, "usb") {
        return can("usb");
    }
    if let Some((bus, _)) = drive::bus(key) {
        let old = guest.get(key).map(Drive::parse);
        // Media of a CD-ROM drive change live; otherwise only scsi and virtio disks come and go.
        if let (Some(old), Some(new)) = (&old, new)
            && old.is_cdrom()
        {
            return Drive::parse(new).is_cdrom();
        }
        return can("disk") && matches!(bus, "scsi" | "virtio");
    }
    match key {
        "cores" | "vcpus" | "sockets" => key == "vcpus" && can("cpu"),
        "memory" => can("memory"),
        _ => (cloudinit::is_key(key)) && can("cloudinit"),
    }
}

/// Stores a value, at once or as a pending change.
fn store(guest: &mut Guest, key: String, value: String) {
    if guest.running && !is_live(guest, &key, Some(&value)) {
        if guest.get(&key) == Some(value.as_str()) {
            guest.pending.remove(&key);
        } else {
            guest.pending.insert(key, Some(value));
        }
        return;
    }
    guest.pending.remove(&key);
    if let Some(old) = guest.config.insert(key.clone(), value.clone())
        && drive::is_slot(&key)
        && Drive::parse(&old).file() != Drive::parse(&value).file()
    {
        guest::detach(guest, &key, &old);
    }
    drop_used(guest, &value);
}

/// A disk that is attached again is no longer an unused one.
fn drop_used(guest: &mut Guest, value: &str) {
    let file = Drive::parse(value).file().to_owned();
    guest.config.retain(|key, value| !is_numbered(key, "unused") || *value != file);
}

/// Deletes a key, at once or as a pending change.
fn delete(cluster: &mut Cluster, node: &str, vmid: u32, key: &str, force: bool) -> Result<(), String> {
    let guest = guest::in_task(cluster, Kind::Qemu, node, vmid)?;
    guest.pending.remove(key);
    let Some(value) = guest.config.get(key).cloned() else { return Ok(()) };
    if guest.running && !is_live(guest, key, None) {
        guest.pending.insert(key.to_owned(), None);
        if force {
            guest.forced.insert(key.to_owned());
        }
        return Ok(());
    }
    if is_numbered(key, "unused") {
        if guest::in_snapshot(guest, &value) {
            return Err(format!("unable to remove unused disk '{value}' - it is still in use by a snapshot"));
        }
        if guest::used_by(cluster, &value, Some(vmid)).is_none() {
            disk::free(cluster, node, &value)?;
        }
        guest::in_task(cluster, Kind::Qemu, node, vmid)?.config.remove(key);
        return Ok(());
    }
    guest.config.remove(key);
    if drive::is_slot(key) {
        let disk = Drive::parse(&value);
        let volid = disk.file().to_owned();
        let in_snapshot = guest::in_snapshot(guest, &volid);
        if (force || disk.is_cloudinit())
            && !in_snapshot
            && cluster.volume(node, &volid).is_some_and(|v| v.vmid == Some(vmid))
        {
            disk::free(cluster, node, &volid)?;
        } else {
            guest::detach(guest::in_task(cluster, Kind::Qemu, node, vmid)?, key, &value);
        }
    }
    Ok(())
}

/// `PUT /nodes/{node}/qemu/{vmid}/unlink`
fn unlink(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    let guest = cluster.guest_at(Kind::Qemu, &node, vmid)?;
    guest::check_lock(guest).map_err(die)?;
    for key in args.list("idlist") {
        delete(cluster, &node, vmid, &key, args.flag("force")).map_err(die)?;
    }
    Ok(Value::Null.into())
}

/// `GET /nodes/{node}/qemu/{vmid}/cloudinit`
fn cloudinit_pending(cluster: &mut Cluster, args: &Args) -> Outcome {
    let guest = cluster.guest_at(Kind::Qemu, args.node(), args.vmid())?;
    let mut rows = guest::pending_json(guest);
    rows.retain(|row| {
        row["key"].as_str().is_some_and(|key| {
            cloudinit::is_key(key) && !is_numbered(key, "ipconfig") && !matches!(key, "citype" | "ciupgrade")
        })
    });
    Ok(rows.into())
}

/// `PUT /nodes/{node}/qemu/{vmid}/cloudinit`
fn cloudinit_regenerate(cluster: &mut Cluster, args: &Args) -> Outcome {
    let guest = cluster.guest_at_mut(Kind::Qemu, args.node(), args.vmid())?;
    guest::check_lock(guest).map_err(die)?;
    let keys: Vec<String> = guest.pending.keys().filter(|key| cloudinit::is_key(key)).cloned().collect();
    for key in keys {
        match guest.pending.remove(&key).flatten() {
            Some(value) => guest.config.insert(key, value),
            None => guest.config.remove(&key),
        };
    }
    Ok(Value::Null.into())
}

/// `GET /nodes/{node}/qemu/{vmid}/cloudinit/dump`
fn cloudinit_dump(cluster: &mut Cluster, args: &Args) -> Outcome {
    let guest = cluster.guest_at(Kind::Qemu, args.node(), args.vmid())?;
    let config = guest::folded(guest).into_iter().map(|(key, value)| (key, json!(value))).collect();
    let text = match args.str("type") {
        "network" => cloudinit::network(&config),
        "meta" => cloudinit::meta(&guest.digest()),
        _ => cloudinit::user(&config, &format!("VM{}", guest.vmid)),
    };
    Ok(text.into())
}

/// The boot order of a new VM: first disk, first CD-ROM drive, first network device.
pub fn default_boot(config: &Config) -> Option<String> {
    let mut slots: Vec<&String> = config.keys().filter(|key| drive::bus(key).is_some()).collect();
    slots.sort_by_key(|key| drive::slot_order(key));
    let first = |cdrom: bool| {
        slots.iter().find(|key| Drive::parse(&config[**key]).is_cdrom() == cdrom).map(|key| key.to_string())
    };
    let net = config
        .keys()
        .filter(|key| is_numbered(key, "net"))
        .min_by_key(|key| key[3..].parse::<u32>().unwrap_or(0))
        .cloned();
    let devices: Vec<String> = [first(false), first(true), net].into_iter().flatten().collect();
    (!devices.is_empty()).then(|| format!("order={}", devices.join(";")))
}

/// The size in bytes that a drive's configuration tells.
pub fn drive_size(value: &str) -> u64 {
    Property::parse(value, "file").get("size").and_then(parse_size).unwrap_or(0)
}
