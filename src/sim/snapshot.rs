//! Snapshots of VMs and containers.

use serde_json::{Map, Value, json};

use super::call::{Args, Fault, Outcome, die};
use super::disk::{self, Purpose};
use super::guest::{self, in_task};
use super::lxc;
use super::progress;
use super::qemu::drive::{self, is_numbered};
use super::qemu::{power, status};
use super::router::Route;
use super::state::{Cluster, Config, Guest, Kind};
use super::task::Script;

/// The calls of this file.
pub const ROUTES: &[Route] = &[
    Route("GET", "/nodes/{node}/qemu/{vmid}/snapshot", |c, a| list(c, a, Kind::Qemu)),
    Route("GET", "/nodes/{node}/lxc/{vmid}/snapshot", |c, a| list(c, a, Kind::Lxc)),
    Route("POST", "/nodes/{node}/qemu/{vmid}/snapshot", |c, a| create(c, a, Kind::Qemu)),
    Route("POST", "/nodes/{node}/lxc/{vmid}/snapshot", |c, a| create(c, a, Kind::Lxc)),
    Route("GET", "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}", index),
    Route("GET", "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}", index),
    Route("DELETE", "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}", |c, a| delete(c, a, Kind::Qemu)),
    Route("DELETE", "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}", |c, a| delete(c, a, Kind::Lxc)),
    Route("GET", "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config", |c, a| read(c, a, Kind::Qemu)),
    Route("GET", "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config", |c, a| read(c, a, Kind::Lxc)),
    Route("PUT", "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config", |c, a| describe(c, a, Kind::Qemu)),
    Route("PUT", "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config", |c, a| describe(c, a, Kind::Lxc)),
    Route("POST", "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/rollback", |c, a| rollback(c, a, Kind::Qemu)),
    Route("POST", "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/rollback", |c, a| rollback(c, a, Kind::Lxc)),
];

/// Keys that belong to a snapshot itself, not to the configuration that it holds.
const OWN: &[&str] =
    &["description", "parent", "running-nets-host-mtu", "runningcpu", "runningmachine", "snaptime", "vmstate"];

/// `GET .../snapshot`: the snapshots and `current`, the state after the last of them.
fn list(cluster: &mut Cluster, args: &Args, kind: Kind) -> Outcome {
    let guest = cluster.guest_at(kind, args.node(), args.vmid())?;
    let mut rows = Vec::new();
    for (name, config) in &guest.snapshots {
        let mut row = Map::new();
        row.insert("name".into(), json!(name));
        row.insert("description".into(), json!(config.get("description").map_or("", String::as_str)));
        row.insert("snaptime".into(), json!(config.get("snaptime").and_then(|v| v.parse::<u64>().ok()).unwrap_or(0)));
        if kind == Kind::Qemu {
            row.insert("vmstate".into(), json!(u8::from(config.contains_key("vmstate"))));
        }
        if let Some(parent) = config.get("parent") {
            row.insert("parent".into(), json!(parent));
        }
        if let Some(state) = config.get("snapstate") {
            row.insert("snapstate".into(), json!(state));
        }
        rows.push(Value::Object(row));
    }
    let running = u8::from(guest.running);
    let mut current =
        json!({"name": "current", "description": "You are here!", "digest": guest.digest(), "running": running});
    if let Some(parent) = guest.get("parent") {
        current["parent"] = json!(parent);
    }
    rows.push(current);
    Ok(rows.into())
}

/// `GET .../snapshot/{snapname}`
fn index(_: &mut Cluster, _: &Args) -> Outcome {
    Ok(vec![json!({"cmd": "rollback"}), json!({"cmd": "config"})].into())
}

/// Can all disks of a configuration be snapshot?
pub fn possible(cluster: &Cluster, guest: &Guest, config: &Config) -> bool {
    let disks = guest::volumes(guest.kind, config);
    let disks = disks.iter().filter(|(key, _)| !is_numbered(key, "unused") && key != "vmstate");
    disks.into_iter().all(|(key, volid)| {
        // Mount points that backups leave out can still not be left out here.
        let format = cluster.volume(&guest.node, volid).map_or("raw", |volume| volume.format.as_str());
        let storage = cluster.storages.get(volid.split(':').next().unwrap_or_default());
        let raw_tpm = key == "tpmstate0" && guest.running && format == "qcow2";
        storage.is_some_and(|storage| disk::can_snapshot(storage, format)) && !raw_tpm
    })
}

/// `POST .../snapshot`
fn create(cluster: &mut Cluster, args: &Args, kind: Kind) -> Outcome {
    let (node, vmid, name) = (args.node().to_owned(), args.vmid(), args.str("snapname").to_owned());
    cluster.guest_at(kind, &node, vmid)?;
    if matches!(name.as_str(), "current" | "pending" | "cloudinit" | "special") {
        return Err(die(format!("unable to use snapshot name '{name}' (reserved name)")));
    }
    let ram = args.flag("vmstate") && kind == Kind::Qemu;
    let description = args.opt("description").unwrap_or_default().to_owned();
    let task_node = node.clone();
    let script = Script::new().then(move |cluster, task| {
        let guest = in_task(cluster, kind, &node, vmid)?;
        if guest.is_template() {
            return Err("you can't take a snapshot if it's a template".into());
        }
        guest::check_lock(guest)?;
        if guest.snapshots.contains_key(&name) {
            return Err(format!("snapshot name '{name}' already used"));
        }
        let guest = guest.clone();
        if !possible(cluster, &guest, &guest.config) {
            return Err("snapshot feature is not available".into());
        }
        guest::take_lock(cluster, kind, &node, vmid, "snapshot")?;
        let mut script = Script::new().finally(move |cluster| cluster.unlock(vmid, "snapshot"));
        let mut state = None;
        if ram && guest.running {
            let storage = power::state_storage(cluster, &guest);
            let size = power::state_size(&guest);
            let saved = power::saved_ram(cluster, vmid);
            let made = disk::allocate(cluster, &node, &storage, vmid, Purpose::State(&name), Some("raw"), size);
            let made = made.inspect_err(|_| cluster.unlock(vmid, "snapshot"))?;
            if let Some(volume) = cluster.volume_mut(&node, &made.volid) {
                volume.used = Some(saved);
            }
            script = script.lines(made.lines).log(format!("saving VM state and RAM using storage '{storage}'"));
            script = script.and(progress::script(progress::save_state(saved, saved as f64 / progress::DISK_RATE)));
            state = Some(made.volid);
        }
        if kind == Kind::Qemu {
            for (slot, volid) in
                guest::volumes(kind, &guest.config).into_iter().filter(|(slot, _)| drive::is_slot(slot))
            {
                script = script.log(format!("snapshotting 'drive-{slot}' ({volid})"));
                if guest.running && volid.ends_with(".qcow2") {
                    script = script.log("internal qemu snapshot");
                }
            }
        }
        task.next(script.wait(0.8).then(move |cluster, _| {
            let now = cluster.now as u64;
            let guest = in_task(cluster, kind, &node, vmid)?;
            let mut config: Config = guest.config.clone();
            config.retain(|key, _| {
                !is_numbered(key, "unused") && key != "lock" && key != "description" && key != "vmstate"
            });
            config.insert("snaptime".into(), now.to_string());
            if !description.is_empty() {
                config.insert("description".into(), description);
            }
            if let Some(state) = state {
                power::running_keys(&mut config, &status::running_machine(guest));
                config.insert("vmstate".into(), state);
            }
            guest.snapshots.insert(name.clone(), config);
            guest.config.insert("parent".into(), name);
            Ok(())
        }));
        Ok(())
    });
    let word = if kind == Kind::Qemu { "qmsnapshot" } else { "vzsnapshot" };
    Ok(cluster.start_task(args.user(), &task_node, word, &vmid.to_string(), script).into())
}

/// `DELETE .../snapshot/{snapname}`
fn delete(cluster: &mut Cluster, args: &Args, kind: Kind) -> Outcome {
    let (node, vmid, name) = (args.node().to_owned(), args.vmid(), args.str("snapname").to_owned());
    cluster.guest_at(kind, &node, vmid)?;
    let force = args.flag("force");
    let task_node = node.clone();
    let script = Script::new().then(move |cluster, task| {
        let guest = in_task(cluster, kind, &node, vmid)?;
        guest::check_lock(guest)?;
        if !guest.snapshots.contains_key(&name) && !force {
            return Err(format!("snapshot '{name}' does not exist"));
        }
        guest::take_lock(cluster, kind, &node, vmid, "snapshot-delete")?;
        let script = Script::new().finally(move |cluster| cluster.unlock(vmid, "snapshot-delete")).wait(0.8);
        task.next(script.then(move |cluster, _| {
            let guest = in_task(cluster, kind, &node, vmid)?;
            let Some(gone) = guest.snapshots.remove(&name) else { return Ok(()) };
            // Children go on from the parent of what is gone.
            let parent = gone.get("parent").cloned();
            for config in guest.snapshots.values_mut().chain(std::iter::once(&mut guest.config)) {
                if config.get("parent") == Some(&name) {
                    match &parent {
                        Some(parent) => config.insert("parent".into(), parent.clone()),
                        None => config.remove("parent"),
                    };
                }
            }
            if let Some(state) = gone.get("vmstate") {
                cluster.remove_volume(&node, state);
            }
            Ok(())
        }));
        Ok(())
    });
    let word = if kind == Kind::Qemu { "qmdelsnapshot" } else { "vzdelsnapshot" };
    Ok(cluster.start_task(args.user(), &task_node, word, &vmid.to_string(), script).into())
}

/// `GET .../snapshot/{snapname}/config`
fn read(cluster: &mut Cluster, args: &Args, kind: Kind) -> Outcome {
    let guest = cluster.guest_at(kind, args.node(), args.vmid())?;
    let config = guest.snapshots.get(args.str("snapname")).ok_or_else(|| missing(args))?;
    Ok(Value::Object(guest::config_json(kind, config)).into())
}

fn missing(args: &Args) -> Fault {
    die(format!("snapshot '{}' does not exist", args.str("snapname")))
}

/// `PUT .../snapshot/{snapname}/config`
fn describe(cluster: &mut Cluster, args: &Args, kind: Kind) -> Outcome {
    let guest = cluster.guest_at_mut(kind, args.node(), args.vmid())?;
    guest::check_lock(guest).map_err(die)?;
    let config = guest.snapshots.get_mut(args.str("snapname")).ok_or_else(|| missing(args))?;
    if let Some(text) = args.opt("description") {
        config.insert("description".into(), text.to_owned());
    }
    Ok(Value::Null.into())
}

/// `POST .../snapshot/{snapname}/rollback`
fn rollback(cluster: &mut Cluster, args: &Args, kind: Kind) -> Outcome {
    let (node, vmid, name) = (args.node().to_owned(), args.vmid(), args.str("snapname").to_owned());
    cluster.guest_at(kind, &node, vmid)?;
    let start = args.flag("start");
    let task_node = node.clone();
    let script = Script::new().then(move |cluster, task| {
        let guest = in_task(cluster, kind, &node, vmid)?;
        if guest.is_template() {
            return Err("you can't rollback if it's a template".into());
        }
        guest::check_lock(guest)?;
        let Some(snapshot) = guest.snapshots.get(&name).cloned() else {
            return Err(format!("snapshot '{name}' does not exist"));
        };
        if guest.running && kind == Kind::Lxc {
            return Err(format!("unable to rollback: CT {vmid} is running"));
        }
        guest::take_lock(cluster, kind, &node, vmid, "rollback")?;
        guest::set_stopped(cluster, vmid);
        let state = snapshot.get("vmstate").cloned();
        let script = Script::new().finally(move |cluster| cluster.unlock(vmid, "rollback")).wait(0.8);
        task.next(script.then(move |cluster, task| {
            let guest = in_task(cluster, kind, &node, vmid)?;
            let old = guest.config.clone();
            let mut config: Config = snapshot;
            config.retain(|key, _| !OWN.contains(&key.as_str()));
            for (key, value) in
                old.iter().filter(|(key, _)| is_numbered(key, "unused") || key.as_str() == "description")
            {
                config.insert(key.clone(), value.clone());
            }
            config.insert("parent".into(), name);
            guest.config = config;
            guest.pending.clear();
            guest.forced.clear();
            // Disks that came after the snapshot stay as unused ones.
            for (key, volid) in guest::volumes(kind, &old) {
                let kept = guest::volumes(kind, &guest.config).iter().any(|(_, used)| *used == volid);
                if !kept && !is_numbered(&key, "unused") && key != "vmstate" {
                    guest::add_unused(&mut guest.config, &volid);
                }
            }
            if state.is_some() || start {
                task.next(match kind {
                    Kind::Qemu => power::start_script(&node, vmid, true, state),
                    Kind::Lxc => lxc::power::start_script(&node, vmid, true),
                });
            }
            Ok(())
        }));
        Ok(())
    });
    let word = if kind == Kind::Qemu { "qmrollback" } else { "vzrollback" };
    Ok(cluster.start_task(args.user(), &task_node, word, &vmid.to_string(), script).into())
}
