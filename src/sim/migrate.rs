//! Migration of guests between nodes: what speaks against it, and the task.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::call::{Args, Fault, Outcome, die};
use super::guest::{self, in_task};
use super::progress;
use super::property::{Property, human};
use super::qemu::drive::{self, Drive, is_numbered};
use super::router::Route;
use super::stamp::date_time as stamp;
use super::state::{Cluster, Guest, Kind};
use super::task::Script;

/// The calls of this file.
pub const ROUTES: &[Route] = &[
    Route("GET", "/nodes/{node}/qemu/{vmid}/migrate", |c, a| conditions(c, a, Kind::Qemu)),
    Route("GET", "/nodes/{node}/lxc/{vmid}/migrate", |c, a| conditions(c, a, Kind::Lxc)),
    Route("POST", "/nodes/{node}/qemu/{vmid}/migrate", |c, a| migrate(c, a, Kind::Qemu)),
    Route("POST", "/nodes/{node}/lxc/{vmid}/migrate", |c, a| migrate(c, a, Kind::Lxc)),
];

/// Devices of the host that a VM uses.
fn local_resources(guest: &Guest) -> Vec<String> {
    let mut found = Vec::new();
    for (key, value) in &guest.config {
        let device = is_numbered(key, "hostpci")
            || is_numbered(key, "usb")
            || is_numbered(key, "serial")
            || is_numbered(key, "parallel");
        let harmless = value == "socket" || value.contains("spice") || value.contains("mapping=");
        if (device && !harmless) || (is_numbered(key, "virtiofs") && guest.running) {
            found.push(key.clone());
        }
    }
    found
}

fn mapped_resources(guest: &Guest) -> Vec<(String, String)> {
    let with_mapping = |(key, value): (&String, &String)| {
        let name = Property::parse(value, "host").get("mapping")?.to_owned();
        Some((key.clone(), name))
    };
    guest
        .config
        .iter()
        .filter(|(key, _)| is_numbered(key, "hostpci") || is_numbered(key, "usb"))
        .filter_map(with_mapping)
        .collect()
}

/// Volumes on storages that are not shared.
fn local_volumes(cluster: &Cluster, guest: &Guest) -> Vec<(String, String)> {
    let mut all = guest::volumes(guest.kind, &guest.config);
    if guest.kind == Kind::Qemu {
        all.extend(super::qemu::status::cdrom_volumes(guest));
    }
    let shared = |volid: &str| {
        cluster.storages.get(volid.split(':').next().unwrap_or_default()).is_some_and(|storage| storage.shared())
    };
    all.retain(|(_, volid)| !volid.is_empty() && !shared(volid));
    all.dedup();
    all
}

/// Storages of a guest that a node does not offer.
fn unavailable(cluster: &Cluster, node: &str, only: &[String]) -> Vec<String> {
    let mut missing: Vec<String> = only
        .iter()
        .filter(|id| !cluster.storages.get(*id).is_some_and(|storage| storage.on_node(node) && storage.enabled()))
        .cloned()
        .collect();
    missing.sort();
    missing.dedup();
    missing
}

fn storages(guest: &Guest) -> Vec<String> {
    let mut all = guest::volumes(guest.kind, &guest.config);
    all.extend(super::qemu::status::cdrom_volumes(guest));
    all.into_iter().filter_map(|(_, volid)| volid.split_once(':').map(|(store, _)| store.to_owned())).collect()
}

/// `GET .../migrate`
fn conditions(cluster: &mut Cluster, args: &Args, kind: Kind) -> Outcome {
    let cluster: &Cluster = cluster;
    let guest = cluster.guest_at(kind, args.node(), args.vmid())?;
    let mut disks = Vec::new();
    for (key, volid) in local_volumes(cluster, guest) {
        let volume = cluster.volume(&guest.node, &volid);
        let snapshots: Map<String, Value> = guest
            .snapshots
            .iter()
            .filter(|(_, config)| config.values().any(|value| value.split(',').next() == Some(volid.as_str())))
            .map(|(name, _)| (name.clone(), json!(1)))
            .collect();
        let drive = guest.get(&key).map(Drive::parse);
        let flag = |on: bool| u8::from(on);
        let mut row = json!({
            "volid": volid, "size": volume.map_or(0, |volume| volume.size), "shared": 0, "is_vmstate": flag(key == "vmstate"),
            "is_unused": flag(is_numbered(&key, "unused")), "is_tpmstate": flag(key == "tpmstate0"), "is_attached": flag(drive::is_slot(&key)),
            "is_cloudinit": flag(drive::is_cloudinit_volume(&volid)), "replicate": 1,
            "cdrom": flag(drive.as_ref().is_some_and(Drive::is_cdrom)),
        });
        if drive::is_slot(&key) || kind == Kind::Lxc {
            row["drivename"] = json!(key);
        }
        if !snapshots.is_empty() {
            row["referenced_in_snapshot"] = Value::Object(snapshots);
        }
        disks.push(row);
    }
    let mapped = mapped_resources(guest);
    let used = storages(guest);
    let (mut allowed, mut refused) = (Vec::new(), Map::new());
    for node in cluster.nodes.values().filter(|node| node.name != guest.node) {
        let missing = unavailable(cluster, &node.name, &used);
        if missing.is_empty() && node.online {
            allowed.push(json!(node.name));
        } else if !missing.is_empty() {
            refused.insert(node.name.clone(), json!({"unavailable_storages": missing}));
        }
    }
    if kind == Kind::Lxc {
        return Ok(
            json!({"running": u8::from(guest.running), "allowed-nodes": allowed, "not-allowed-nodes": refused}).into()
        );
    }
    let names: Vec<&String> = mapped.iter().map(|(key, _)| key).collect();
    let info: BTreeMap<&String, Value> = mapped.iter().map(|(key, name)| (key, json!({"name": name}))).collect();
    Ok(json!({
        "running": u8::from(guest.running), "local_disks": disks, "local_resources": local_resources(guest), "mapped-resources": names,
        "mapped-resource-info": info, "allowed_nodes": allowed, "not_allowed_nodes": refused, "has-dbus-vmstate": 1,
    })
    .into())
}

/// `POST .../migrate`
fn migrate(cluster: &mut Cluster, args: &Args, kind: Kind) -> Outcome {
    let (node, vmid, target) = (args.node().to_owned(), args.vmid(), args.str("target").to_owned());
    if target == node {
        return Err(Fault::param("target", "target is local node."));
    }
    if !cluster.nodes.contains_key(&target) {
        return Err(die(format!("no such cluster node '{target}'")));
    }
    let guest = cluster.guest_at(kind, &node, vmid)?.clone();
    guest::check_lock(&guest).map_err(die)?;
    if guest.running {
        match kind {
            Kind::Qemu if !args.flag("online") => return Err(die("can't migrate running VM without --online")),
            Kind::Lxc if args.flag("online") && !args.flag("restart") => {
                return Err(die("lxc live migration is currently not implemented"));
            }
            Kind::Lxc if !args.flag("restart") => {
                return Err(die("can't migrate running container without --online or --restart"));
            }
            _ => {}
        }
    }
    if args.flag("force") && !args.is_root() {
        return Err(Fault::param("force", "Only root may use this option."));
    }
    if guest::ha_managed(cluster, kind, vmid) {
        return Ok(ha_migrate(cluster, args, kind, &target).into());
    }
    let wanted = args.opt(if kind == Kind::Qemu { "targetstorage" } else { "target-storage" }).map(str::to_owned);
    let job = Job {
        kind,
        node: node.clone(),
        vmid,
        target,
        map: wanted,
        with_disks: args.flag("with-local-disks") || kind == Kind::Lxc,
        limit: args.num("bwlimit").map(|limit| limit as u64),
    };
    let script = job.start();
    let word = if kind == Kind::Qemu { "qmigrate" } else { "vzmigrate" };
    Ok(cluster.start_task(args.user(), &node, word, &vmid.to_string(), script).into())
}

/// Hands a migration to the HA stack.
fn ha_migrate(cluster: &mut Cluster, args: &Args, kind: Kind, target: &str) -> String {
    let (node, vmid, to) = (args.node().to_owned(), args.vmid(), target.to_owned());
    let title = format!("Requesting HA migration for {} {vmid} to node {target}", kind.short());
    let script = Script::new().log(title).then({
        let node = node.clone();
        move |cluster, _| {
            let job = Job { kind, node: node.clone(), vmid, target: to, map: None, with_disks: true, limit: None };
            let word = if kind == Kind::Qemu { "qmigrate" } else { "vzmigrate" };
            let script = Script::new().wait(5.0).and(job.start());
            cluster.start_task("root@pam", &node, word, &vmid.to_string(), script);
            Ok(())
        }
    });
    cluster.start_task(args.user(), &node, "hamigrate", &vmid.to_string(), script)
}

/// The task of migrating a guest, without checks before it, for bulk migrations.
pub fn script(kind: Kind, node: &str, vmid: u32, target: &str, with_disks: bool) -> Script {
    Job { kind, node: node.into(), vmid, target: target.into(), map: None, with_disks, limit: None }.start()
}

struct Job {
    kind: Kind,
    node: String,
    vmid: u32,
    target: String,
    map: Option<String>,
    with_disks: bool,
    limit: Option<u64>,
}

impl Job {
    /// The storage on the target for one on the source: `1` keeps names, `a` is for all, `a:b` maps one.
    fn mapped(&self, storage: &str) -> String {
        let Some(map) = self.map.as_deref().filter(|map| *map != "1") else { return storage.to_owned() };
        let pairs = map.split([',', ';']).filter_map(|part| part.split_once(':'));
        if let Some((_, to)) = pairs.clone().find(|(from, _)| *from == storage) {
            return to.to_owned();
        }
        map.split([',', ';']).find(|part| !part.contains(':') && !part.is_empty()).unwrap_or(storage).to_owned()
    }

    fn problem(&self, cluster: &Cluster, guest: &Guest, disks: &[(String, String)]) -> Option<String> {
        let there = cluster.nodes.get(&self.target)?;
        if !there.online {
            return Some("Can't connect to destination address using public key".to_string());
        }
        if let Some(resource) = local_resources(guest).first() {
            return Some(format!("can't migrate VM which uses local devices: {resource}"));
        }
        for (key, volid) in disks {
            let drive = guest.get(key).map(Drive::parse);
            if drive.as_ref().is_some_and(|drive| drive.is_cdrom() && !drive.is_cloudinit()) {
                return Some(format!("can't migrate local cdrom '{volid}'"));
            }
            if self.kind == Kind::Qemu
                && guest.running
                && !self.with_disks
                && drive::is_slot(key)
                && !drive::is_cloudinit_volume(volid)
            {
                return Some("can't live migrate attached local disks without with-local-disks option".into());
            }
            if cluster.volume(&guest.node, volid).is_some_and(|volume| volume.parent.is_some()) {
                return Some(format!(
                    "can't migrate '{volid}' as it's a clone of '{}'",
                    cluster.volume(&guest.node, volid)?.parent.clone()?
                ));
            }
        }
        let used: Vec<String> = storages(guest).iter().map(|storage| self.mapped(storage)).collect();
        unavailable(cluster, &self.target, &used)
            .first()
            .map(|id| format!("storage '{id}' is not available on node '{}'", self.target))
    }

    fn start(self) -> Script {
        Script::new().then(move |cluster, task| {
            let guest = in_task(cluster, self.kind, &self.node, self.vmid)?;
            guest::check_lock(guest)?;
            let guest = guest.clone();
            let disks = local_volumes(cluster, &guest);
            let ip = cluster.nodes.get(&self.target).map(|node| node.ip.clone()).unwrap_or_default();
            let (vmid, begun) = (self.vmid, cluster.now);
            let say = |cluster: &Cluster, text: &str| format!("{} {text}", stamp(cluster.now));
            let word = self.kind.short();
            task.log(say(cluster, &format!("starting migration of {word} {vmid} to node '{}' ({ip})", self.target)));
            if let Some(text) = self.problem(cluster, &guest, &disks) {
                task.log(say(cluster, &format!("ERROR: Problem found while scanning volumes - {text}")));
                task.log(say(cluster, "aborting phase 1 - cleanup resources"));
                task.log(say(
                    cluster,
                    &format!(
                        "ERROR: migration aborted (duration 00:00:00): Problem found while scanning volumes - {text}"
                    ),
                ));
                return Err("migration aborted".into());
            }
            guest::take_lock(cluster, self.kind, &self.node, vmid, "migrate")?;
            let mut script = Script::new().finally(move |cluster| cluster.unlock(vmid, "migrate"));
            if guest.running && self.kind == Kind::Lxc {
                script = script
                    .log(say(cluster, &format!("shutdown CT {vmid}")))
                    .wait(guest::seconds_of_shutdown(&guest))
                    .then(move |cluster, _| {
                        guest::set_stopped(cluster, vmid);
                        Ok(())
                    });
            }
            let live = guest.running && self.kind == Kind::Qemu;
            for (key, volid) in &disks {
                let from = if drive::is_slot(key) { "attached" } else { "in current VM config" };
                let kind = if self.kind == Kind::Qemu { "disk" } else { "volume" };
                script = script.log(say(cluster, &format!("found local {kind} '{volid}' ({from})")));
            }
            let mut moves = Vec::new();
            if !disks.is_empty() {
                script = script.log(say(cluster, "copying local disk images"));
            }
            for (key, volid) in &disks {
                let Some(volume) = cluster.volume(&self.node, volid).cloned() else { continue };
                let (store, name) = volid.split_once(':').unwrap_or(("", volid));
                let new = format!("{}:{name}", self.mapped(store));
                let used = volume.used.unwrap_or(volume.size);
                let seconds = progress::copy_seconds(volume.size, used, self.limit) * 2.0;
                if live {
                    script = script
                        .log(say(cluster, &format!("{key}: start migration to nbd:{ip}:60001:exportname=drive-{key}")))
                        .log(format!("drive mirror is starting for drive-{key}"));
                    script = script.and(progress::script(progress::mirror(key, volume.size, seconds.max(1.0))));
                } else {
                    script = script.and(progress::script(copied(volume.size, seconds)));
                    script = script.stamped(format!("volume '{volid}' is '{new}' on the target"));
                }
                moves.push((volid.clone(), new));
            }
            if live {
                let ram = super::qemu::power::saved_ram(cluster, vmid).max(64 << 20);
                let seconds = (ram as f64 / (1.1e9)).max(2.0);
                script = script
                    .stamped(format!("starting VM {vmid} on remote node '{}'", self.target))
                    .wait(1.5)
                    .stamped("start remote tunnel")
                    .stamped("ssh tunnel ver 1")
                    .stamped(format!("starting online/live migration on unix:/run/qemu-server/{vmid}.migrate"))
                    .stamped("set migration capabilities")
                    .stamped("migration downtime limit: 100 ms")
                    .stamped(format!("migration cachesize: {}", human((ram / 8).next_power_of_two() as f64, 1)))
                    .stamped("set migration parameters")
                    .stamped(format!("start migrate command to unix:/run/qemu-server/{vmid}.migrate"));
                let mut last = 0.0;
                for (at, line) in progress::migrate(ram, seconds) {
                    script = script.wait(at - last).stamped(line);
                    last = at;
                }
                script = script
                    .stamped(format!("average migration speed: {}/s - downtime 41 ms", human(ram as f64 / seconds, 1)))
                    .stamped(format!("migration completed, transferred {} VM-state", human(ram as f64, 1)))
                    .stamped("migration status: completed");
            } else {
                script = script.wait(1.0);
            }
            if self.kind == Kind::Lxc {
                script = script.stamped("start final cleanup");
            }
            let restart = guest.running && self.kind == Kind::Lxc;
            task.next(script.then(move |cluster, task| {
                for (old, new) in &moves {
                    if let Some(mut volume) = cluster.remove_volume(&self.node, old) {
                        volume.volid = new.clone();
                        cluster.add_volume(&self.target, volume);
                    }
                }
                let guest = in_task(cluster, self.kind, &self.node, vmid)?;
                guest.node = self.target.clone();
                for config in std::iter::once(&mut guest.config).chain(guest.snapshots.values_mut()) {
                    for value in config.values_mut() {
                        for (old, new) in &moves {
                            if value.split(',').next() == Some(old.as_str()) {
                                *value = value.replacen(old, new, 1);
                            }
                        }
                    }
                }
                cluster.unlock(vmid, "migrate");
                let took = (cluster.now - begun) as u64;
                if restart {
                    task.log(format!("{} start container on target node", stamp(cluster.now)));
                    guest::set_running(cluster, vmid);
                }
                task.log(format!(
                    "{} migration finished successfully (duration {:02}:{:02}:{:02})",
                    stamp(cluster.now),
                    took / 3600,
                    took / 60 % 60,
                    took % 60
                ));
                cluster.touch();
                Ok(())
            }));
            Ok(())
        })
    }
}

impl Script {
    /// Prints a line with the date and time before it, as migration tasks do.
    pub fn stamped(self, text: impl Into<String>) -> Self {
        let text = text.into();
        self.then(move |cluster, task| {
            task.log(format!("{} {text}", stamp(cluster.now)));
            Ok(())
        })
    }
}

/// What copying an image to another node prints.
fn copied(size: u64, seconds: f64) -> Vec<progress::Line> {
    let steps = seconds.ceil().max(1.0) as u64;
    let mut lines: Vec<progress::Line> = (1..=steps)
        .map(|step| {
            let bytes = size * step / steps;
            let line = format!(
                "{bytes} bytes ({}, {}) copied, {step} s, {}/s",
                human(bytes as f64, 1),
                human(bytes as f64, 1),
                human(bytes as f64 / step as f64, 0)
            );
            (seconds * step as f64 / steps as f64, line)
        })
        .collect();
    lines.push((seconds, format!("successfully imported image of {size} bytes")));
    lines
}
