//! Guests from backups: the create calls with `archive` or `restore`.

use std::collections::BTreeMap;

use super::call::{Args, Fault, Outcome, die};
use super::disk::{self, Purpose};
use super::guest::{self, in_task};
use super::lxc;
use super::progress;
use super::property::{Property, print_size};
use super::qemu::drive::{self, Drive, is_numbered};
use super::qemu::{config, power, prepare};
use super::stamp;
use super::state::{Cluster, Config, Guest, Kind};
use super::task::Script;

/// The guest that a backup holds and its size, or the complaint that the volume is missing.
fn archive_of(cluster: &Cluster, node: &str, volid: &str) -> Result<(Option<Guest>, u64), Fault> {
    let store = volid.split(':').next().unwrap_or_default();
    cluster.storage_on(node, store)?;
    let volume = cluster.volume(node, volid).ok_or_else(|| die(format!("volume '{volid}' does not exist")))?;
    Ok((volume.backup.as_deref().cloned(), volume.size))
}

/// Restores a VM (`POST /nodes/{node}/qemu` with `archive`).
pub fn qemu(cluster: &mut Cluster, args: &Args, archive: &str) -> Outcome {
    let (node, vmid, force) = (args.node().to_owned(), args.vmid(), args.flag("force"));
    if args.str("archive") == "-" {
        return Err(Fault::param("archive", "pipe requires cli environment"));
    }
    let (held, size) = archive_of(cluster, &node, archive)?;
    let overrides = args.settings(super::qemu::config::NOT_STORED);
    if let Some(storage) = args.opt("storage") {
        cluster.storage_on(&node, storage)?;
        guest::need_space(cluster, args, storage)?;
    }
    let exists = cluster.guest(vmid).cloned();
    if let Some(old) = &exists {
        if !force || old.kind == Kind::Lxc {
            return Err(die(format!(
                "unable to restore VM {vmid} - {}",
                guest::taken(cluster, vmid).unwrap_or_default()
            )));
        }
        if old.get("protection") == Some("1") {
            return Err(die(format!("unable to restore VM {vmid} - protection mode enabled")));
        }
    } else {
        let mut new = Guest::new(vmid, Kind::Qemu, &node);
        new.config.insert("lock".into(), "create".into());
        cluster.guests.insert(vmid, new);
    }
    let fresh = exists.is_none();
    let job = Job {
        node: node.clone(),
        vmid,
        archive: archive.to_owned(),
        storage: args.opt("storage").map(str::to_owned),
        unique: args.flag("unique"),
        limit: args.num("bwlimit").map(|limit| limit as u64).filter(|limit| *limit > 0),
        pool: args.opt("pool").map(str::to_owned),
        overrides,
    };
    let (live, start, user) =
        (args.flag("live-restore"), args.flag("start") || args.flag("live-restore"), args.user().to_owned());
    let store = archive.split(':').next().unwrap_or_default();
    let from_pbs = cluster.storage_on(&node, store).is_ok_and(|storage| storage.kind() == "pbs");
    let task_node = node.clone();
    let script = Script::new().then(move |cluster, task| {
        let broken = format!("error before or during data restore, some or all disks were not completely restored. VM {vmid} state is NOT cleaned up.");
        let running = cluster.guest(vmid).is_some_and(|guest| guest.running);
        if running {
            task.log(broken);
            return Err(format!("unable to restore VM {vmid} - vm is running"));
        }
        if live && !from_pbs {
            task.log(broken);
            // Without the lock the unfinished VM can be removed.
            cluster.unlock(vmid, "create");
            return Err("live-restore is only compatible with backup images from a Proxmox Backup Server".into());
        }
        if !fresh {
            guest::check_lock(in_task(cluster, Kind::Qemu, &node, vmid)?)?;
        }
        let Some(held) = held.filter(|held| held.kind == Kind::Qemu) else {
            task.log(broken);
            return Err("unable to restore backup: not a VM backup archive".into());
        };
        let script = job.vm(cluster, &held, size)?;
        task.next(script.then(move |cluster, _| {
            if start {
                let script = power::start_script(&node, vmid, false, None);
                cluster.start_task(&user, &node, "qmstart", &vmid.to_string(), script);
            }
            Ok(())
        }));
        Ok(())
    });
    Ok(cluster.start_task(args.user(), &task_node, "qmrestore", &vmid.to_string(), script).into())
}

struct Job {
    node: String,
    vmid: u32,
    archive: String,
    storage: Option<String>,
    unique: bool,
    limit: Option<u64>,
    pool: Option<String>,
    overrides: BTreeMap<String, String>,
}

impl Job {
    fn vm(self, cluster: &mut Cluster, held: &Guest, _size: u64) -> Result<Script, String> {
        let vmid = self.vmid;
        let path = cluster.volume_path(&self.archive);
        let unpack = match path.rsplit('.').next() {
            Some("zst") => Some("zstd -q -d -c"),
            Some("gz") => Some("zcat"),
            Some("lzo") => Some("lzop -d -c"),
            _ => None,
        };
        let pid = cluster.new_pid();
        let reader = match (self.limit, unpack) {
            (Some(kib), Some(tool)) => format!(
                "cstream -t {} -- {path} | {tool} - | vma extract -v -r /var/tmp/vzdumptmp{pid}.fifo - /var/tmp/vzdumptmp{pid}",
                kib * 1024
            ),
            (_, Some(tool)) => {
                format!("{tool} {path} | vma extract -v -r /var/tmp/vzdumptmp{pid}.fifo - /var/tmp/vzdumptmp{pid}")
            }
            _ => format!("vma extract -v -r /var/tmp/vzdumptmp{pid}.fifo {path} /var/tmp/vzdumptmp{pid}"),
        };
        let mut script = Script::new();
        if let Some(kib) = self.limit {
            script = script.log(format!("applying read rate limit: {kib}"));
        }
        script = script.log(format!("restore vma archive: {reader}"));
        script = script.log(format!("CFG: size: {} name: qemu-server.conf", super::backup::held_text(held).len()));
        let disks: Vec<(String, String)> = guest::volumes(Kind::Qemu, &held.config)
            .into_iter()
            .filter(|(slot, _)| drive::is_slot(slot) && Drive::parse(&held.config[slot]).options.flag("backup", true))
            .collect();
        let mut sizes = Vec::new();
        for (at, (slot, _)) in disks.iter().enumerate() {
            let size = config::drive_size(&held.config[slot]).max(4 << 20);
            script = script.log(format!("DEV: dev_id={} size: {size} devname: drive-{slot}", at + 1));
            sizes.push(size);
        }
        script = script.log(format!(
            "CTIME: {}",
            stamp::c_time(cluster.volume(&self.node, &self.archive).and_then(|v| v.ctime).unwrap_or(0) as f64)
        ));
        let mut kept: Vec<String> = Vec::new();
        // An old guest of this number goes first.
        if let Some(old) = cluster.guest(vmid).filter(|guest| guest.lock() != Some("create")).cloned() {
            // Drives that the backup does not hold stay, as unused ones.
            kept = old
                .config
                .iter()
                .filter(|(key, value)| {
                    is_numbered(key, "unused")
                        || drive::is_slot(key)
                            && !disks.iter().any(|(slot, _)| slot == *key)
                            && !Drive::parse(value).is_cdrom()
                })
                .filter_map(|(_, value)| Drive::parse(value).volume().map(str::to_owned))
                .collect();
            let mut volids = super::qemu::all_volumes(&old);
            volids.retain(|volid| !kept.contains(volid));
            disk::free_all(cluster, &self.node, vmid, &volids)?;
            let guest = in_task(cluster, Kind::Qemu, &self.node, vmid)?;
            guest.snapshots.clear();
            guest.pending.clear();
            guest.config = Config::new();
        }
        in_task(cluster, Kind::Qemu, &self.node, vmid)?.config.insert("lock".into(), "create".into());
        let mut values = held.config.clone();
        values.retain(|key, _| {
            !is_numbered(key, "unused")
                && !matches!(key.as_str(), "lock" | "parent" | "template" | "vmstate" | "protection")
        });
        // What was left out becomes a comment, and so a line of the notes.
        let absent = |(key, value): &(&String, &String)| {
            drive::is_slot(key) && !Drive::parse(value).options.flag("backup", true)
        };
        let comments: Vec<(String, String)> =
            values.iter().filter(absent).map(|(key, value)| (key.clone(), format!("{key}: {value}\n"))).collect();
        for (slot, line) in comments {
            values.remove(&slot);
            let notes = values.entry("description".into()).or_default();
            if !notes.is_empty() && !notes.ends_with('\n') {
                notes.push('\n');
            }
            notes.push_str(&line);
        }
        for (at, volid) in kept.into_iter().enumerate() {
            values.insert(format!("unused{at}"), volid);
        }
        let (mut total, mut data) = (0, 0);
        for ((slot, old), size) in disks.iter().zip(sizes) {
            let store = self.storage.clone().unwrap_or_else(|| old.split(':').next().unwrap_or_default().to_owned());
            let format =
                old.rsplit(['/', ':']).next().and_then(|name| name.split_once('.')).map(|(_, end)| end.to_owned());
            let place = cluster.storage(&store).map_err(|fault| fault.message)?.clone();
            let format = format.filter(|format| disk::check_format(&place, format).is_ok());
            let used = held_used(held, slot, size);
            super::clone::check_room(cluster, &self.node, &place, used, old)?;
            let purpose = if drive::is_cloudinit_volume(old) { Purpose::CloudInit } else { Purpose::Disk(Kind::Qemu) };
            let made = disk::allocate(cluster, &self.node, &store, vmid, purpose, format.as_deref(), size)?;
            if let Some(kib) = self.limit {
                script = script.log(format!("rate limit for storage {store}: {kib} KiB/s"));
            }
            let at = cluster.volume_path(&made.volid);
            script = script
                .lines(made.lines)
                .log(format!("new volume ID is '{}'", made.volid))
                .log(format!("map 'drive-{slot}' to '{at}' (write zeros = 0)"));
            if let Some(volume) = cluster.volume_mut(&self.node, &made.volid) {
                volume.used = Some(used);
            }
            let mut drive = Drive::parse(&held.config[slot]);
            drive.options.set("file", made.volid);
            if !drive.is_cdrom() {
                drive.options.set("size", print_size(size));
            }
            values.insert(slot.clone(), drive.print());
            in_task(cluster, Kind::Qemu, &self.node, vmid)?.config.insert(slot.clone(), values[slot].clone());
            total += size;
            data += used;
        }
        let seconds = match self.limit {
            Some(kib) => total as f64 / (kib as f64 * 1024.0),
            None => progress::copy_seconds(total, data, None),
        };
        if total > 0 {
            script = script.and(progress::script(progress::restore(total, data, seconds)));
        }
        if self.unique {
            let nets: Vec<String> = values.keys().filter(|key| is_numbered(key, "net")).cloned().collect();
            for key in nets {
                let (model, rest) = values[&key]
                    .split_once('=')
                    .map(|(model, rest)| (model.to_owned(), rest.to_owned()))
                    .unwrap_or_default();
                let mac = guest::new_mac(cluster);
                let rest = rest.split_once(',').map(|(_, rest)| format!(",{rest}")).unwrap_or_default();
                values.insert(key, format!("{model}={mac}{rest}"));
            }
            values.insert("vmgenid".into(), cluster.rng.uuid());
            let mut smbios = Property::parse(values.get("smbios1").map_or("", String::as_str), "uuid");
            smbios.set("uuid", cluster.rng.uuid());
            values.insert(
                "smbios1".into(),
                smbios.pairs().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(","),
            );
        }
        let (held, node) = (held.clone(), self.node.clone());
        let clean = Script::new().finally(move |cluster| cluster.unlock(vmid, "create"));
        Ok(clean.and(script).log("rescan volumes...").then(move |cluster, _| {
            let (overrides, _) = prepare::prepare(cluster, &node, vmid, &self.overrides, self.storage.as_deref())?;
            values.extend(overrides);
            let guest = in_task(cluster, Kind::Qemu, &node, vmid)?;
            guest.config = values;
            guest.load = held.load;
            guest.obeys = held.obeys;
            guest.agent = held.agent;
            guest::join_pool(cluster, vmid, self.pool.as_deref());
            cluster.touch();
            Ok(())
        }))
    }
}

/// Bytes of data of a disk in a backup: a part of its size, as the guest's load tells how full it is.
fn held_used(held: &Guest, slot: &str, size: u64) -> u64 {
    if matches!(slot, "efidisk0" | "tpmstate0") { size } else { (size as f64 * held.load.disk) as u64 }
}

/// Restores a container (`POST /nodes/{node}/lxc` with `restore`).
pub fn lxc(cluster: &mut Cluster, args: &Args, settings: &BTreeMap<String, String>, storage: &str) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    let archive = args.str("ostemplate").to_owned();
    let (held, _) = archive_of(cluster, &node, &archive)?;
    if cluster.guest(vmid).is_some_and(|guest| guest.running) {
        return Err(die("cannot overwrite running container".to_string()));
    }
    if let Some(guest) = cluster.guest(vmid) {
        if guest.get("protection") == Some("1") {
            return Err(die(format!("cannot overwrite CT {vmid} - protection mode enabled")));
        }
        guest::check_lock(guest).map_err(die)?;
    } else {
        let mut new = Guest::new(vmid, Kind::Lxc, &node);
        new.config.insert("lock".into(), "create".into());
        cluster.guests.insert(vmid, new);
    }
    let (settings, given) = (settings.clone(), args.has("storage").then(|| storage.to_owned()));
    let (unique, pool, start, user) =
        (args.flag("unique"), args.opt("pool").map(str::to_owned), args.flag("start"), args.user().to_owned());
    let task_node = node.clone();
    let script = Script::new().finally(move |cluster| {
        if cluster.guest(vmid).is_some_and(|guest| guest.lock() == Some("create") && guest.config.len() == 1) {
            cluster.guests.remove(&vmid);
        }
        cluster.unlock(vmid, "create");
    });
    let script = script.then(move |cluster, task| {
        let fail = |text: String| format!("unable to restore CT {vmid} - {text}");
        task.log(format!("recovering backed-up configuration from '{archive}'"));
        let Some(held) = held.filter(|held| held.kind == Kind::Lxc) else {
            return Err(fail("archive does not contain a container".into()));
        };
        let old_volumes = cluster.guest(vmid).map(super::qemu::all_volumes).unwrap_or_default();
        let mut values = held.config.clone();
        values.retain(|key, _| !is_numbered(key, "unused") && !matches!(key.as_str(), "lock" | "parent" | "template"));
        let points: Vec<String> =
            values.keys().filter(|key| *key == "rootfs" || is_numbered(key, "mp")).cloned().collect();
        let mut bytes = 0u64;
        for key in points {
            let mut mount = Property::parse(&values[&key], "volume");
            let volume = mount.get("volume").unwrap_or_default().to_owned();
            if volume.starts_with('/') || settings.contains_key(&key) {
                continue;
            }
            let size = mount.get("size").and_then(super::property::parse_size).unwrap_or(4 << 30);
            let store = given.clone().unwrap_or_else(|| volume.split(':').next().unwrap_or_default().to_owned());
            let made =
                disk::allocate(cluster, &node, &store, vmid, Purpose::Disk(Kind::Lxc), None, size).map_err(fail)?;
            made.lines.into_iter().for_each(|line| task.log(line));
            let used = ((size as f64 * held.load.disk) as u64).max(2_078_720);
            bytes += used;
            if let Some(volume) = cluster.volume_mut(&node, &made.volid) {
                volume.used = Some(used);
            }
            mount.set("volume", made.volid);
            let text = mount.print("volume", if key == "rootfs" { &[] } else { &["mp"] });
            values.insert(key, text);
        }
        if unique {
            let nets: Vec<String> = values.keys().filter(|key| is_numbered(key, "net")).cloned().collect();
            for key in nets {
                let mut net = Property::parse(&values[&key], "name");
                net.remove("hwaddr");
                let text = lxc::prepare_net(cluster, &net.print("", &["name"]));
                values.insert(key, text);
            }
        }
        let path = cluster.volume_path(&archive);
        task.log(format!("restoring '{archive}' now.."));
        let script = lxc::unpack(&path, bytes).log("merging backed-up and given configuration..");
        task.next(script.then(move |cluster, _| {
            let (overrides, _) = lxc::config::prepare(cluster, &node, vmid, &settings)
                .map_err(|text| format!("unable to restore CT {vmid} - {text}"))?;
            values.extend(overrides);
            disk::free_all(cluster, &node, vmid, &old_volumes)?;
            let guest = in_task(cluster, Kind::Lxc, &node, vmid)?;
            guest.config = values;
            guest.snapshots.clear();
            guest.pending.clear();
            guest.load = held.load;
            guest.obeys = held.obeys;
            guest::join_pool(cluster, vmid, pool.as_deref());
            if start {
                let script = lxc::power::start_script(&node, vmid, false);
                cluster.start_task(&user, &node, "vzstart", &vmid.to_string(), script);
            }
            cluster.touch();
            Ok(())
        }));
        Ok(())
    });
    Ok(cluster.start_task(args.user(), &task_node, "vzrestore", &vmid.to_string(), script).into())
}
