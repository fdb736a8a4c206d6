//! Starting and stopping VMs: start, stop, reset, shutdown, reboot, suspend, resume.

use serde_json::Value;

use super::drive::{Drive, is_numbered};
use super::status;
use crate::sim::call::{Args, Outcome, die};
use crate::sim::disk::{self, Purpose};
use crate::sim::guest::{self, in_task};
use crate::sim::progress;
use crate::sim::property::Property;
use crate::sim::router::Route;
use crate::sim::state::{Cluster, Config, Guest, Kind};
use crate::sim::task::{Running, Script};

/// The calls of this file.
pub const ROUTES: &[Route] = &[
    Route("POST", "/nodes/{node}/qemu/{vmid}/status/start", start),
    Route("POST", "/nodes/{node}/qemu/{vmid}/status/stop", stop),
    Route("POST", "/nodes/{node}/qemu/{vmid}/status/reset", reset),
    Route("POST", "/nodes/{node}/qemu/{vmid}/status/shutdown", shutdown),
    Route("POST", "/nodes/{node}/qemu/{vmid}/status/reboot", reboot),
    Route("POST", "/nodes/{node}/qemu/{vmid}/status/suspend", suspend),
    Route("POST", "/nodes/{node}/qemu/{vmid}/status/resume", resume),
];

const EFI_WARNING: &str = "\
EFI disk without 'ms-cert=2023k' option, suggesting that not all UEFI 2023
certificates from Microsoft are enrolled yet.
The UEFI 2011 certificates expire in June 2026! The new certificates are required
for secure boot update for Windows and common Linux distributions.
Use 'Disk Action > Enroll Updated Certificates' in the UI or, while the VM is
shut down, run 'qm enroll-efi-keys VMID' to enroll the new certificates.

For Windows with BitLocker, run the following command inside Powershell:
  manage-bde -protectors -disable <drive>
for each drive with BitLocker (for example, <drive> could be 'C:').
This is required for each drive with BitLocker before proceeding with enrollment.
Otherwise, you will be prompted for the BitLocker recovery key on the next boot.";

/// Seconds that a VM's process needs to come up.
const START_SECONDS: f64 = 1.2;

/// `POST /nodes/{node}/qemu/{vmid}/status/start`
fn start(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    let skiplock = guest::skiplock(args)?;
    // That the VM exists is only checked inside the task.
    if guest::ha_managed(cluster, Kind::Qemu, vmid) {
        let upid = guest::ha_request(cluster, args, Kind::Qemu, "started");
        return Ok(upid.into());
    }
    let script = start_script(&node, vmid, skiplock, None);
    Ok(cluster.start_task(args.user(), &node, "qmstart", &vmid.to_string(), script).into())
}

/// The task of starting a VM. `from` names the RAM state that it goes on from (of a snapshot).
pub fn start_script(node: &str, vmid: u32, skiplock: bool, from: Option<String>) -> Script {
    let node = node.to_owned();
    Script::new().then(move |cluster, task| {
        let guest = in_task(cluster, Kind::Qemu, &node, vmid)?;
        if guest.is_template() {
            return Err("you can't start a vm if it's a template".into());
        }
        let hibernated = guest.lock() == Some("suspended");
        if !skiplock && !hibernated {
            guest::check_lock(guest)?;
        }
        if guest.running {
            return Err(format!("VM {vmid} already running"));
        }
        if hibernated {
            task.log("Resuming suspended VM");
        }
        let guest = in_task(cluster, Kind::Qemu, &node, vmid)?;
        guest::apply_pending(guest);
        before_start(cluster, task, &node, vmid)?;
        let state = in_task(cluster, Kind::Qemu, &node, vmid)?.get("vmstate").map(str::to_owned).filter(|_| hibernated);
        if state.is_some() || from.is_some() {
            compat_lines(cluster, task, &node, vmid)?;
        }
        if let Some(state) = &state {
            task.log(format!("activating and using '{state}' as vmstate"));
        }
        task.next(Script::new().wait(START_SECONDS).then(move |cluster, task| {
            in_task(cluster, Kind::Qemu, &node, vmid)?;
            guest::set_running(cluster, vmid);
            if let Some(state) = state {
                cluster.remove_volume(&node, &state);
                let guest = in_task(cluster, Kind::Qemu, &node, vmid)?;
                for key in ["lock", "vmstate", "runningmachine", "runningcpu", "running-nets-host-mtu"] {
                    guest.config.remove(key);
                }
                task.log("Resumed VM, removing state");
            }
            Ok(())
        }));
        Ok(())
    })
}

/// Lines about the network devices of a VM that goes on from saved RAM.
fn compat_lines(cluster: &mut Cluster, task: &mut Running, node: &str, vmid: u32) -> Result<(), String> {
    let guest = in_task(cluster, Kind::Qemu, node, vmid)?;
    for (key, value) in guest.config.iter().filter(|(key, _)| is_numbered(key, "net")) {
        if value.starts_with("virtio") {
            task.log(format!("netdev {key}: using 'host_mtu=1500' for migration compat"));
        }
    }
    Ok(())
}

/// What can go wrong before the process runs: too many processors, missing media, bridges and KVM.
pub fn before_start(cluster: &mut Cluster, task: &mut Running, node: &str, vmid: u32) -> Result<(), String> {
    let guest = in_task(cluster, Kind::Qemu, node, vmid)?.clone();
    if let Some(efi) = guest.get("efidisk0").map(|value| Property::parse(value, "file"))
        && efi.flag("pre-enrolled-keys", false)
        && efi.get("ms-cert") != Some("2023k")
    {
        let mut lines = EFI_WARNING.lines();
        task.warn(lines.next().unwrap_or_default());
        for line in lines {
            task.log(line.replace("VMID", &vmid.to_string()));
        }
    }
    let sockets: u64 = guest.get("sockets").and_then(|v| v.parse().ok()).unwrap_or(1);
    let cores: u64 = guest.get("cores").and_then(|v| v.parse().ok()).unwrap_or(1);
    let (here, kvm) = match cluster.nodes.get(node) {
        Some(place) => (place.cpus, place.extra.get("kvm") != Some(&Value::Bool(false))),
        None => (u64::MAX, true),
    };
    if sockets * cores > here {
        return Err(format!("MAX {here} vcpus allowed per VM on this node"));
    }
    if !kvm && guest.get("kvm") != Some("0") {
        return Err(
            "KVM virtualisation configured, but not available. Either disable in VM configuration or enable in BIOS."
                .into(),
        );
    }
    for (_, value) in guest.config.iter().filter(|(key, _)| super::drive::is_slot(key)) {
        let drive = Drive::parse(value);
        if let Some(volid) = drive.volume() {
            let store = volid.split(':').next().unwrap_or_default();
            cluster.storage_on(node, store).map_err(|fault| fault.message)?;
            if cluster.volume(node, volid).is_none() {
                return Err(format!("volume '{volid}' does not exist"));
            }
        }
        if drive.is_cloudinit() {
            task.log("generating cloud-init ISO");
        }
    }
    for (key, value) in guest.config.iter().filter(|(key, _)| is_numbered(key, "net")) {
        let net = Property::parse(value, "model");
        let Some(bridge) = net.get("bridge") else { continue };
        if let Some(text) = bridge_problem(cluster, node, bridge, net.get("tag").is_some()) {
            let index = &key[3..];
            task.log(text);
            task.log(format!(
                "kvm: -netdev type=tap,id={key},ifname=tap{vmid}i{index},script=/usr/libexec/qemu-server/pve-bridge,downscript=/usr/libexec/qemu-server/pve-bridgedown: network script /usr/libexec/qemu-server/pve-bridge failed with status 65280"
            ));
            return Err("start failed: QEMU exited with code 1".into());
        }
    }
    Ok(())
}

/// Why a device can't join a bridge: it isn't there, or a VLAN has no physical port to go out.
pub fn bridge_problem(cluster: &Cluster, node: &str, bridge: &str, tagged: bool) -> Option<String> {
    let network = &cluster.nodes.get(node)?.network;
    if network.is_empty() {
        return None;
    }
    let is_vnet = cluster.sections_of("sdn/vnets").is_some_and(|vnets| vnets.contains_key(bridge));
    if is_vnet {
        return None;
    }
    let Some(found) = network.get(bridge) else { return Some(format!("bridge '{bridge}' does not exist")) };
    let aware = found.get("bridge_vlan_aware").is_some_and(|v| v.as_i64() == Some(1) || v.as_str() == Some("1"));
    if tagged && !aware {
        let ports = found.get("bridge_ports").and_then(Value::as_str).unwrap_or_default();
        let physical = ports.split_whitespace().any(|port| {
            network
                .get(port)
                .is_some_and(|port| port.get("exists").is_some_and(|v| v.as_i64() == Some(1)) || port["type"] == "bond")
        });
        if !physical {
            return Some(format!("no physical interface on bridge '{bridge}'"));
        }
    }
    None
}

/// `POST /nodes/{node}/qemu/{vmid}/status/stop`
fn stop(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    let skiplock = guest::skiplock(args)?;
    cluster.guest_at(Kind::Qemu, &node, vmid)?;
    if guest::ha_managed(cluster, Kind::Qemu, vmid) {
        return Ok(guest::ha_request(cluster, args, Kind::Qemu, "stopped").into());
    }
    if args.flag("overrule-shutdown") {
        guest::abort_shutdowns(cluster, "qmshutdown", vmid);
    }
    let script = stop_script(&node, vmid, skiplock);
    Ok(cluster.start_task(args.user(), &node, "qmstop", &vmid.to_string(), script).into())
}

/// The task of stopping a VM hard.
pub fn stop_script(node: &str, vmid: u32, skiplock: bool) -> Script {
    let node = node.to_owned();
    Script::new().then(move |cluster, task| {
        let guest = in_task(cluster, Kind::Qemu, &node, vmid)?;
        if !guest.running {
            return Ok(());
        }
        if !skiplock {
            guest::check_lock(guest)?;
        }
        task.next(Script::new().wait(0.4).then(move |cluster, _| {
            end(cluster, vmid);
            Ok(())
        }));
        Ok(())
    })
}

/// The process ended: pending changes come into force, as at the next start.
fn end(cluster: &mut Cluster, vmid: u32) {
    guest::set_stopped(cluster, vmid);
    if let Some(guest) = cluster.guest_mut(vmid) {
        guest::apply_pending(guest);
    }
}

/// `POST /nodes/{node}/qemu/{vmid}/status/reset`
fn reset(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    let skiplock = guest::skiplock(args)?;
    let guest = cluster.guest_at(Kind::Qemu, &node, vmid)?;
    if !guest.running {
        return Err(die(format!("VM {vmid} not running")));
    }
    let task_node = node.clone();
    let script = Script::new().then(move |cluster, _| {
        let now = cluster.now;
        let guest = in_task(cluster, Kind::Qemu, &node, vmid)?;
        if !skiplock {
            guest::check_lock(guest)?;
        }
        if !guest.running {
            return Err(format!("VM {vmid} not running"));
        }
        // The process stays; the system in it starts anew.
        guest.extra.insert("reset".into(), now.into());
        Ok(())
    });
    Ok(cluster.start_task(args.user(), &task_node, "qmreset", &vmid.to_string(), script).into())
}

/// `POST /nodes/{node}/qemu/{vmid}/status/shutdown`
fn shutdown(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    let skiplock = guest::skiplock(args)?;
    let guest = cluster.guest_at(Kind::Qemu, &node, vmid)?;
    let (paused, down) = (guest.qmp == "paused", !guest.running);
    if guest::ha_managed(cluster, Kind::Qemu, vmid) && args.num("timeout").is_none_or(|seconds| seconds > 0.0) {
        return Ok(guest::ha_request(cluster, args, Kind::Qemu, "stopped").into());
    }
    let force = args.flag("forceStop");
    if paused && !down && !force {
        return Err(die("VM is paused - cannot shutdown".to_string()));
    }
    let timeout = args.num("timeout").unwrap_or(60.0);
    let script = shutdown_script(&node, vmid, skiplock, timeout, force);
    Ok(cluster.start_task(args.user(), &node, "qmshutdown", &vmid.to_string(), script).into())
}

/// The task of shutting a VM down through its system.
pub fn shutdown_script(node: &str, vmid: u32, skiplock: bool, timeout: f64, force: bool) -> Script {
    let node = node.to_owned();
    Script::new().then(move |cluster, task| {
        let guest = in_task(cluster, Kind::Qemu, &node, vmid)?;
        if !guest.running {
            return Ok(());
        }
        if !skiplock {
            guest::check_lock(guest)?;
        }
        let (deaf_agent, needs) = powerdown(guest);
        if let Some(line) = deaf_agent {
            task.log(line);
        }
        if needs.is_some_and(|seconds| seconds <= timeout) {
            let seconds = needs.unwrap_or_default();
            task.next(Script::new().wait(seconds).then(move |cluster, _| {
                end(cluster, vmid);
                Ok(())
            }));
            return Ok(());
        }
        task.next(Script::new().wait(timeout).then(move |cluster, task| {
            if !cluster.guest(vmid).is_some_and(|guest| guest.running) {
                return Ok(());
            }
            if !force {
                return Err("VM quit/powerdown failed - got timeout".into());
            }
            task.log("VM still running - terminating now with SIGTERM");
            task.next(Script::new().wait(0.5).then(move |cluster, _| {
                end(cluster, vmid);
                Ok(())
            }));
            Ok(())
        }));
        Ok(())
    })
}

/// What asking a VM to power down prints, and the seconds until it is off; `None` when it never will be.
fn powerdown(guest: &Guest) -> (Option<String>, Option<f64>) {
    let line = (status::agent_enabled(guest) && !guest.agent).then(|| {
        format!("QEMU Guest Agent is not running - VM {} qga command 'guest-ping' failed - got timeout", guest.vmid)
    });
    let needs = (guest.obeys && guest.qmp != "paused").then(|| guest::seconds_of_shutdown(guest));
    (line, needs)
}

/// `POST /nodes/{node}/qemu/{vmid}/status/reboot`
fn reboot(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    let guest = cluster.guest_at(Kind::Qemu, &node, vmid)?;
    if guest.qmp == "paused" {
        return Err(die("VM is paused - cannot shutdown"));
    }
    if !guest.running {
        return Err(die(format!("VM {vmid} not running")));
    }
    let timeout = args.num("timeout").unwrap_or(60.0);
    let task_node = node.clone();
    let script = Script::new().then(move |cluster, task| {
        let guest = in_task(cluster, Kind::Qemu, &node, vmid)?;
        guest::check_lock(guest)?;
        let (deaf_agent, needs) = powerdown(guest);
        if let Some(line) = deaf_agent {
            task.log(line);
        }
        match needs.filter(|seconds| *seconds <= timeout) {
            None => task.next(Script::new().wait(timeout).fail("VM quit/powerdown failed - got timeout")),
            // The clean-up service starts the VM again.
            Some(seconds) => task.next(Script::new().wait(seconds).then(move |cluster, task| {
                end(cluster, vmid);
                before_start(cluster, task, &node, vmid)?;
                guest::set_running(cluster, vmid);
                Ok(())
            })),
        }
        Ok(())
    });
    Ok(cluster.start_task(args.user(), &task_node, "qmreboot", &vmid.to_string(), script).into())
}

/// `POST /nodes/{node}/qemu/{vmid}/status/suspend`
fn suspend(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    let skiplock = guest::skiplock(args)?;
    let todisk = args.flag("todisk");
    let guest = cluster.guest_at(Kind::Qemu, &node, vmid)?;
    if !guest.running {
        return Err(die(format!("VM {vmid} not running")));
    }
    let storage = args.opt("statestorage").map(str::to_owned).unwrap_or_else(|| state_storage(cluster, guest));
    if todisk {
        cluster.storage_on(&node, &storage)?;
    }
    let task_node = node.clone();
    let script = Script::new().then(move |cluster, task| {
        let guest = in_task(cluster, Kind::Qemu, &node, vmid)?;
        if !skiplock {
            guest::check_lock(guest)?;
        }
        if !todisk {
            guest.qmp = "paused".into();
            return Ok(());
        }
        guest.config.insert("lock".into(), "suspending".into());
        let ram = state_size(guest);
        let used = saved_ram(cluster, vmid);
        let day = crate::sim::stamp::date(cluster.now);
        let made =
            disk::allocate(cluster, &node, &storage, vmid, Purpose::State(&format!("suspend-{day}")), Some("raw"), ram);
        let made = made.inspect_err(|_| cluster.unlock(vmid, "suspending"))?;
        let seconds = used as f64 / progress::DISK_RATE;
        let volid = made.volid.clone();
        task.next(
            Script::new()
                .finally(move |cluster| cluster.unlock(vmid, "suspending"))
                .lines(made.lines)
                .wait(seconds)
                .then(move |cluster, task| {
                    if let Some(volume) = cluster.volume_mut(&node, &volid) {
                        volume.used = Some(used);
                    }
                    let guest = in_task(cluster, Kind::Qemu, &node, vmid)?;
                    let machine = status::running_machine(guest);
                    running_keys(&mut guest.config, &machine);
                    guest.config.insert("vmstate".into(), volid);
                    guest.config.insert("lock".into(), "suspended".into());
                    task.log("State saved, quitting");
                    guest::set_stopped(cluster, vmid);
                    Ok(())
                }),
        );
        Ok(())
    });
    Ok(cluster.start_task(args.user(), &task_node, "qmsuspend", &vmid.to_string(), script).into())
}

/// Notes in a configuration with which machine and processor RAM was saved.
pub fn running_keys(config: &mut Config, machine: &str) {
    let nets: Vec<String> = config
        .iter()
        .filter(|(key, value)| is_numbered(key, "net") && value.starts_with("virtio"))
        .map(|(key, _)| format!("{key}=1500"))
        .collect();
    if !nets.is_empty() {
        config.insert("running-nets-host-mtu".into(), nets.join(","));
    }
    let cpu = config.get("cpu").map_or_else(
        || {
            if config.get("kvm").map(String::as_str) == Some("0") {
                "qemu64".to_owned()
            } else {
                "kvm64,enforce,+kvm_pv_eoi,+kvm_pv_unhalt,+lahf_lm,+sep".to_owned()
            }
        },
        |cpu| cpu.split(',').next().unwrap_or_default().trim_start_matches("cputype=").to_owned(),
    );
    config.insert("runningcpu".into(), cpu);
    config.insert("runningmachine".into(), machine.to_owned());
}

/// Where the RAM of a VM is saved: as configured, or where its first disk is.
pub fn state_storage(cluster: &Cluster, guest: &Guest) -> String {
    if let Some(storage) = guest.get("vmstatestorage") {
        return storage.to_owned();
    }
    let disks = guest::volumes(Kind::Qemu, &guest.config);
    let first = disks.iter().find(|(key, _)| super::drive::bus(key).is_some());
    let storage = first.and_then(|(_, volid)| volid.split_once(':')).map(|(store, _)| store.to_owned());
    storage.filter(|id| cluster.storages.contains_key(id)).unwrap_or_else(|| "local".into())
}

/// Bytes of a volume that holds a VM's RAM: twice the memory and 500 MiB of device state.
pub fn state_size(guest: &Guest) -> u64 {
    guest.maxmem() * 2 + (500 << 20)
}

/// Bytes of RAM that are really saved.
pub fn saved_ram(cluster: &Cluster, vmid: u32) -> u64 {
    cluster.guest(vmid).map_or(0, |guest| (guest.maxmem() as f64 * guest.load.mem) as u64).max(3_837_789)
}

/// `POST /nodes/{node}/qemu/{vmid}/status/resume`
fn resume(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    let skiplock = guest::skiplock(args)?;
    let guest = cluster.guest_at(Kind::Qemu, &node, vmid)?;
    let hibernated = guest.lock() == Some("suspended");
    if !guest.running && !hibernated {
        return Err(die(format!("VM {vmid} not running")));
    }
    let script = if hibernated {
        start_script(&node, vmid, skiplock, None)
    } else {
        let node = node.clone();
        Script::new().then(move |cluster, _| {
            let guest = in_task(cluster, Kind::Qemu, &node, vmid)?;
            if !skiplock {
                guest::check_lock(guest)?;
            }
            guest.qmp = "running".into();
            Ok(())
        })
    };
    Ok(cluster.start_task(args.user(), &node, "qmresume", &vmid.to_string(), script).into())
}
