//! The configuration of a VM: reading it, changing it at once or as pending changes, cloud-init.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cloudinit;
use super::drive::{self, Drive, Source, is_numbered};
use super::permission;
use crate::sim::call::{Args, Fault, Outcome, die};
use crate::sim::disk::{self, Purpose};
use crate::sim::guest;
use crate::sim::progress::{self, Line};
use crate::sim::property::{Property, parse_size, print_size};
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

/// Parameters of config calls that are not stored.
const NOT_STORED: &[&str] = &[
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

/// Makes what the settings ask for (volumes, MAC addresses) and returns them as they are stored, with the lines and
/// the seconds that it took. Frees what it made when something fails.
pub fn prepare(
    cluster: &mut Cluster,
    node: &str,
    vmid: u32,
    settings: &BTreeMap<String, String>,
    default_storage: Option<&str>,
) -> Result<(Config, Vec<Line>), String> {
    let mut values = Config::new();
    let mut lines: Vec<Line> = Vec::new();
    let mut made: Vec<String> = Vec::new();
    let before = lines.len();
    debug_assert_eq!(before, 0);
    for (key, value) in settings {
        let result = if drive::is_slot(key) {
            prepare_drive(cluster, node, vmid, key, value, default_storage, &mut lines, &mut made)
        } else if is_numbered(key, "net") {
            Ok(prepare_net(cluster, value))
        } else {
            Ok(prepare_plain(key, value))
        };
        match result {
            Ok(value) => {
                values.insert(key.clone(), value);
            }
            Err(text) => {
                for volid in made {
                    cluster.remove_volume(node, &volid);
                }
                return Err(text);
            }
        }
    }
    Ok((values, lines))
}

#[allow(clippy::too_many_arguments)]
fn prepare_drive(
    cluster: &mut Cluster,
    node: &str,
    vmid: u32,
    key: &str,
    value: &str,
    default_storage: Option<&str>,
    lines: &mut Vec<Line>,
    made: &mut Vec<String>,
) -> Result<String, String> {
    let mut drive = Drive::parse(value);
    let start = lines.last().map_or(0.0, |(at, _)| *at);
    let result = match drive.source() {
        Source::NoVolume | Source::Path(_) => drive,
        Source::CloudInit(storage) => {
            let place = cluster.storage(&storage).map_err(|fault| fault.message)?;
            // Cloud-init drives are qcow2 files where files are possible.
            let format = if place.is_file() { "qcow2" } else { "raw" };
            let volume = disk::allocate(cluster, node, &storage, vmid, Purpose::CloudInit, Some(format), 4 << 20)?;
            made.push(volume.volid.clone());
            lines.extend(volume.lines.into_iter().map(|line| (start, line)));
            let shown = volume.volid.clone();
            drive.options.set("file", volume.volid);
            drive.options.set("media", "cdrom");
            drive.options.remove("format");
            lines.push((start, format!("{key}: successfully created disk '{shown},media=cdrom'")));
            drive
        }
        Source::New(storage, gib) => {
            let storage = if storage.is_empty() { default_storage.unwrap_or_default().to_owned() } else { storage };
            let import = drive.options.remove("import-from");
            let size = match (key, &import) {
                ("efidisk0", None) => 540_672,
                ("tpmstate0", None) => 4 << 20,
                (_, Some(source)) => {
                    let volume =
                        cluster.volume(node, source).ok_or_else(|| format!("volume '{source}' does not exist"))?;
                    volume.size
                }
                _ => (gib * 1_073_741_824.0) as u64,
            };
            if size == 0 {
                return Err(format!("{key}: invalid size '{gib}'"));
            }
            let format = drive.options.remove("format");
            let format = if key == "tpmstate0" { format.or(Some("raw".into())) } else { format };
            let volume =
                disk::allocate(cluster, node, &storage, vmid, Purpose::Disk(Kind::Qemu), format.as_deref(), size)?;
            made.push(volume.volid.clone());
            lines.extend(volume.lines.into_iter().map(|line| (start, line)));
            let mut end = start;
            if key == "efidisk0" && import.is_none() {
                let whole = "transferred 528.0 KiB of 528.0 KiB (100.00%)";
                let keys = if drive.options.flag("pre-enrolled-keys", false) { ".ms" } else { "" };
                lines.push((start, "transferred 0.0 B of 528.0 KiB (0.00%)".into()));
                lines.push((start, whole.into()));
                lines.push((start, whole.into()));
                if !keys.is_empty() {
                    lines.push((
                        start,
                        "INFO: reading raw edk2 varstore from /usr/share/pve-edk2-firmware//OVMF_VARS_4M.ms.fd".into(),
                    ));
                    lines.push((start, "INFO: var store range: 0x64 -> 0x40000".into()));
                }
            }
            if let Some(source) = import {
                let used = cluster.volume(node, &source).and_then(|v| v.used).unwrap_or(size);
                if let Some(volume) = cluster.volume_mut(node, &volume.volid) {
                    volume.used = Some(used);
                }
                let seconds = progress::copy_seconds(size, used, None);
                lines.extend(progress::copy(size, seconds).into_iter().map(|(at, line)| (start + at, line)));
                end = start + seconds;
            }
            drive.options.set("file", volume.volid);
            drive.options.set("size", print_size(size));
            lines.push((end, format!("{key}: successfully created disk '{}'", drive.print())));
            drive
        }
        Source::Volume(volid) => {
            let volume = cluster.volume(node, &volid).ok_or_else(|| format!("volume '{volid}' does not exist"))?;
            let size = print_size(volume.size);
            if drive.options.get("media") != Some("cdrom") || volume.content == "iso" {
                drive.options.set("size", size);
            }
            drive
        }
    };
    Ok(result.print())
}

/// A network device with its model first and a MAC address of its own.
pub fn prepare_net(cluster: &mut Cluster, value: &str) -> String {
    const MODELS: &[&str] = &[
        "e1000",
        "e1000-82540em",
        "e1000-82544gc",
        "e1000-82545em",
        "e1000e",
        "i82551",
        "i82557b",
        "i82559er",
        "ne2k_isa",
        "ne2k_pci",
        "pcnet",
        "rtl8139",
        "virtio",
        "vmxnet3",
    ];
    let mut net = Property::parse(value, "model");
    let short = net.pairs().find(|(key, _)| MODELS.contains(key)).map(|(k, v)| (k.to_owned(), v.to_owned()));
    let (model, mac) = match short {
        Some((model, mac)) => {
            net.remove(&model);
            (model, Some(mac))
        }
        None => (net.remove("model").unwrap_or_else(|| "virtio".into()), net.remove("macaddr")),
    };
    let mac = mac.map(|mac| mac.to_uppercase()).unwrap_or_else(|| guest::new_mac(cluster));
    net.normalise_booleans(&["firewall", "link_down"]);
    let rest = net.print("", &[]);
    if rest.is_empty() { format!("{model}={mac}") } else { format!("{model}={mac},{rest}") }
}

fn prepare_plain(key: &str, value: &str) -> String {
    match key {
        "tags" => crate::sim::call::split_list(value).join(";"),
        "description" => value.trim_end_matches('\n').to_owned(),
        _ => value.to_owned(),
    }
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
