//! Starting and stopping containers.

use crate::sim::call::{Args, Outcome, die};
use crate::sim::guest::{self, in_task};
use crate::sim::property::Property;
use crate::sim::qemu::drive::is_numbered;
use crate::sim::qemu::power::bridge_problem;
use crate::sim::router::Route;
use crate::sim::state::{Cluster, Kind};
use crate::sim::task::Script;

/// The calls of this file.
pub const ROUTES: &[Route] = &[
    Route("POST", "/nodes/{node}/lxc/{vmid}/status/start", start),
    Route("POST", "/nodes/{node}/lxc/{vmid}/status/stop", stop),
    Route("POST", "/nodes/{node}/lxc/{vmid}/status/shutdown", shutdown),
    Route("POST", "/nodes/{node}/lxc/{vmid}/status/reboot", reboot),
    Route("POST", "/nodes/{node}/lxc/{vmid}/status/suspend", suspend),
    Route("POST", "/nodes/{node}/lxc/{vmid}/status/resume", resume),
];

/// `POST /nodes/{node}/lxc/{vmid}/status/start`
fn start(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    let skiplock = guest::skiplock(args)?;
    if cluster.guest_at(Kind::Lxc, &node, vmid)?.running {
        return Err(die(format!("CT {vmid} already running")));
    }
    if guest::ha_managed(cluster, Kind::Lxc, vmid) {
        return Ok(guest::ha_request(cluster, args, Kind::Lxc, "started").into());
    }
    let script = start_script(&node, vmid, skiplock);
    Ok(cluster.start_task(args.user(), &node, "vzstart", &vmid.to_string(), script).into())
}

/// The task of starting a container.
pub fn start_script(node: &str, vmid: u32, skiplock: bool) -> Script {
    let node = node.to_owned();
    Script::new().then(move |cluster, task| {
        let guest = in_task(cluster, Kind::Lxc, &node, vmid)?;
        if guest.is_template() {
            return Err("you can't start a CT if it's a template".into());
        }
        if !skiplock {
            guest::check_lock(guest)?;
        }
        if guest.running {
            return Err(format!("CT {vmid} already running"));
        }
        guest::apply_pending(guest);
        let guest = guest.clone();
        for (_, volid) in
            guest::volumes(Kind::Lxc, &guest.config).into_iter().filter(|(key, _)| !is_numbered(key, "unused"))
        {
            let store = volid.split(':').next().unwrap_or_default();
            cluster.storage_on(&node, store).map_err(|fault| fault.message)?;
            if cluster.volume(&node, &volid).is_none() {
                return Err(format!("volume '{volid}' does not exist"));
            }
        }
        for (_, value) in guest.config.iter().filter(|(key, _)| is_numbered(key, "net")) {
            let net = Property::parse(value, "name");
            if let Some(text) =
                net.get("bridge").and_then(|bridge| bridge_problem(cluster, &node, bridge, net.get("tag").is_some()))
            {
                task.log(text);
                return Err(format!("startup for container '{vmid}' failed"));
            }
        }
        task.next(Script::new().wait(1.0).then(move |cluster, _| {
            in_task(cluster, Kind::Lxc, &node, vmid)?;
            guest::set_running(cluster, vmid);
            Ok(())
        }));
        Ok(())
    })
}

fn end(cluster: &mut Cluster, vmid: u32) {
    guest::set_stopped(cluster, vmid);
    if let Some(guest) = cluster.guest_mut(vmid) {
        guest::apply_pending(guest);
    }
}

/// `POST /nodes/{node}/lxc/{vmid}/status/stop`
fn stop(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    let skiplock = guest::skiplock(args)?;
    if !cluster.guest_at(Kind::Lxc, &node, vmid)?.running {
        return Err(die(format!("CT {vmid} not running")));
    }
    if guest::ha_managed(cluster, Kind::Lxc, vmid) {
        return Ok(guest::ha_request(cluster, args, Kind::Lxc, "stopped").into());
    }
    if args.flag("overrule-shutdown") {
        guest::abort_shutdowns(cluster, "vzshutdown", vmid);
    }
    let task_node = node.clone();
    let script = Script::new().then(move |cluster, task| {
        let guest = in_task(cluster, Kind::Lxc, &node, vmid)?;
        if !skiplock {
            guest::check_lock(guest)?;
        }
        task.next(Script::new().wait(0.5).then(move |cluster, _| {
            end(cluster, vmid);
            Ok(())
        }));
        Ok(())
    });
    Ok(cluster.start_task(args.user(), &task_node, "vzstop", &vmid.to_string(), script).into())
}

/// `POST /nodes/{node}/lxc/{vmid}/status/shutdown`
fn shutdown(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    if !cluster.guest_at(Kind::Lxc, &node, vmid)?.running {
        return Err(die(format!("CT {vmid} not running")));
    }
    let timeout = args.num("timeout").unwrap_or(60.0);
    if guest::ha_managed(cluster, Kind::Lxc, vmid) && timeout > 0.0 {
        return Ok(guest::ha_request(cluster, args, Kind::Lxc, "stopped").into());
    }
    let script = shutdown_script(&node, vmid, timeout, args.flag("forceStop"));
    Ok(cluster.start_task(args.user(), &node, "vzshutdown", &vmid.to_string(), script).into())
}

/// The task of shutting a container down through its system.
pub fn shutdown_script(node: &str, vmid: u32, timeout: f64, force: bool) -> Script {
    let node = node.to_owned();
    Script::new().then(move |cluster, task| {
        let guest = in_task(cluster, Kind::Lxc, &node, vmid)?;
        guest::check_lock(guest)?;
        if !guest.running {
            return Ok(());
        }
        let needs = guest.obeys.then(|| guest::seconds_of_shutdown(guest));
        let seconds = needs.filter(|seconds| *seconds <= timeout);
        task.next(Script::new().wait(seconds.unwrap_or(timeout)).then(move |cluster, _| {
            if seconds.is_none() && !force {
                return Err("container did not stop".into());
            }
            end(cluster, vmid);
            Ok(())
        }));
        Ok(())
    })
}

/// `POST /nodes/{node}/lxc/{vmid}/status/reboot`
fn reboot(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    if !cluster.guest_at(Kind::Lxc, &node, vmid)?.running {
        return Err(die(format!("CT {vmid} not running")));
    }
    let timeout = args.num("timeout").unwrap_or(60.0);
    // A reboot ends a container that does not react.
    let script = shutdown_script(&node, vmid, timeout, true).then({
        let node = node.clone();
        move |_, task| {
            task.next(start_script(&node, vmid, false));
            Ok(())
        }
    });
    Ok(cluster.start_task(args.user(), &node, "vzreboot", &vmid.to_string(), script).into())
}

/// `POST /nodes/{node}/lxc/{vmid}/status/suspend`
fn suspend(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    if !cluster.guest_at(Kind::Lxc, &node, vmid)?.running {
        return Err(die(format!("CT {vmid} not running")));
    }
    // Checkpointing is an experimental feature of the server that doesn't work with its default kernel.
    let script = Script::new().then({
        let node = node.clone();
        move |cluster, _| {
            guest::check_lock(in_task(cluster, Kind::Lxc, &node, vmid)?)?;
            Err(format!("command 'lxc-checkpoint -n {vmid} -s -D /var/lib/vz/dump' failed: exit code 1"))
        }
    });
    Ok(cluster.start_task(args.user(), &node, "vzsuspend", &vmid.to_string(), script).into())
}

/// `POST /nodes/{node}/lxc/{vmid}/status/resume`
fn resume(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    if cluster.guest_at(Kind::Lxc, &node, vmid)?.running {
        return Err(die(format!("CT {vmid} already running")));
    }
    let script = Script::new()
        .fail(format!("command 'lxc-checkpoint -n {vmid} -r --foreground -D /var/lib/vz/dump' failed: exit code 1"));
    Ok(cluster.start_task(args.user(), &node, "vzresume", &vmid.to_string(), script).into())
}
