//! Many guests at once: start, stop, suspend and migrate all guests of a node or of the cluster.

use serde_json::{Value, json};

use super::call::{Args, Fault, Outcome, die};
use super::guest;
use super::lxc;
use super::migrate;
use super::property::Property;
use super::qemu;
use super::router::Route;
use super::state::{Cluster, Kind};
use super::task::Script;

/// The calls of this file.
pub const ROUTES: &[Route] = &[
    Route("POST", "/nodes/{node}/startall", start_all),
    Route("POST", "/nodes/{node}/stopall", stop_all),
    Route("POST", "/nodes/{node}/suspendall", suspend_all),
    Route("POST", "/nodes/{node}/migrateall", migrate_all),
    Route("GET", "/cluster/bulk-action", |_, _| Ok(vec![json!({"name": "guest"})].into())),
    Route("GET", "/cluster/bulk-action/guest", bulk_index),
    Route("POST", "/cluster/bulk-action/guest/start", bulk_start),
    Route("POST", "/cluster/bulk-action/guest/shutdown", bulk_shutdown),
    Route("POST", "/cluster/bulk-action/guest/suspend", bulk_suspend),
    Route("POST", "/cluster/bulk-action/guest/migrate", bulk_migrate),
];

/// The guests of a call in the order of their `startup`; all that `wanted` picks when none are named.
fn choose(
    cluster: &Cluster,
    node: Option<&str>,
    named: &[String],
    wanted: impl Fn(&super::state::Guest) -> bool,
) -> Vec<(u32, Kind, String)> {
    let mut found: Vec<(u64, u32, Kind, String)> = cluster
        .guests
        .values()
        .filter(|guest| node.is_none_or(|node| guest.node == node) && !guest.is_template())
        .filter(|guest| if named.is_empty() { wanted(guest) } else { named.contains(&guest.vmid.to_string()) })
        .map(|guest| {
            let startup = guest.get("startup").map(|text| Property::parse(text, "order"));
            let order =
                startup.as_ref().and_then(|text| text.get("order")).and_then(|v| v.parse().ok()).unwrap_or(u64::MAX);
            (order, guest.vmid, guest.kind, guest.node.clone())
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, vmid, kind, node)| (vmid, kind, node)).collect()
}

/// Everybody may act on guests on which they have the privilege; on all of a node, those who have it on `/`.
fn may_act(cluster: &Cluster, args: &Args, privilege: &str, named: &[String]) -> Result<(), Fault> {
    if guest::may(cluster, args, "/", &[privilege]) {
        return Ok(());
    }
    if named.is_empty() {
        return Err(Fault::forbidden("/", &[privilege]));
    }
    for vmid in named {
        cluster.need(args, &format!("/vms/{vmid}"), &[privilege])?;
    }
    Ok(())
}

/// Starts one task after the other for the guests and waits for each.
fn one_by_one(
    user: String,
    guests: Vec<(u32, Kind, String)>,
    line: fn(Kind, u32) -> String,
    kinds: [&'static str; 2],
    each: fn(Kind, &str, u32) -> Script,
    pause: f64,
) -> Script {
    let mut script = Script::new();
    for (vmid, kind, node) in guests {
        let user = user.clone();
        script = script.log(line(kind, vmid)).then(move |cluster, _| {
            let word = if kind == Kind::Qemu { kinds[0] } else { kinds[1] };
            cluster.start_task(&user, &node, word, &vmid.to_string(), each(kind, &node, vmid));
            Ok(())
        });
        script = script.wait(pause);
    }
    script
}

fn start_script(kind: Kind, node: &str, vmid: u32) -> Script {
    match kind {
        Kind::Qemu => qemu::power::start_script(node, vmid, false, None),
        Kind::Lxc => lxc::power::start_script(node, vmid, false),
    }
}

fn shutdown_script(kind: Kind, node: &str, vmid: u32) -> Script {
    match kind {
        Kind::Qemu => qemu::power::shutdown_script(node, vmid, false, 180.0, true),
        Kind::Lxc => lxc::power::shutdown_script(node, vmid, 60.0, true),
    }
}

/// `POST /nodes/{node}/startall`
fn start_all(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (named, force) = (args.list("vms"), args.flag("force"));
    may_act(cluster, args, "VM.PowerMgmt", &named)?;
    let guests = choose(cluster, Some(args.node()), &named, |guest| force || guest.get("onboot") == Some("1"));
    let stopped =
        guests.into_iter().filter(|(vmid, ..)| cluster.guest(*vmid).is_some_and(|guest| !guest.running)).collect();
    let script = one_by_one(
        args.user().to_owned(),
        stopped,
        |kind, vmid| format!("Starting {} {vmid}", kind.short()),
        ["qmstart", "vzstart"],
        start_script,
        2.0,
    );
    Ok(cluster.start_task(args.user(), args.node(), "startall", "", script).into())
}

/// `POST /nodes/{node}/stopall`
fn stop_all(cluster: &mut Cluster, args: &Args) -> Outcome {
    let named = args.list("vms");
    may_act(cluster, args, "VM.PowerMgmt", &named)?;
    let mut guests = choose(cluster, Some(args.node()), &named, |_| true);
    guests.reverse();
    let running =
        guests.into_iter().filter(|(vmid, ..)| cluster.guest(*vmid).is_some_and(|guest| guest.running)).collect();
    let script = one_by_one(
        args.user().to_owned(),
        running,
        |kind, vmid| {
            format!(
                "Stopping {} {vmid} (timeout = {} seconds)",
                kind.short(),
                if kind == Kind::Qemu { 180 } else { 60 }
            )
        },
        ["qmshutdown", "vzshutdown"],
        shutdown_script,
        1.0,
    );
    Ok(cluster.start_task(args.user(), args.node(), "stopall", "", script).into())
}

fn suspend_script(kind: Kind, node: &str, vmid: u32) -> Script {
    let node = node.to_owned();
    Script::new().then(move |cluster, _| {
        let guest = guest::in_task(cluster, kind, &node, vmid)?;
        guest::check_lock(guest)?;
        guest.qmp = "paused".into();
        Ok(())
    })
}

/// `POST /nodes/{node}/suspendall`
fn suspend_all(cluster: &mut Cluster, args: &Args) -> Outcome {
    let named = args.list("vms");
    may_act(cluster, args, "VM.PowerMgmt", &named)?;
    let guests = choose(cluster, Some(args.node()), &named, |_| true);
    let running = guests
        .into_iter()
        .filter(|(vmid, kind, _)| *kind == Kind::Qemu && cluster.guest(*vmid).is_some_and(|guest| guest.running))
        .collect();
    let script = one_by_one(
        args.user().to_owned(),
        running,
        |kind, vmid| format!("Suspending {} {vmid}", kind.short()),
        ["qmsuspend", "vzsuspend"],
        suspend_script,
        0.5,
    );
    Ok(cluster.start_task(args.user(), args.node(), "suspendall", "", script).into())
}

/// `POST /nodes/{node}/migrateall`
fn migrate_all(cluster: &mut Cluster, args: &Args) -> Outcome {
    let named = args.list("vms");
    may_act(cluster, args, "VM.Migrate", &named)?;
    let target = args.str("target").to_owned();
    if target == args.node() {
        return Err(Fault::param("target", "target is local node."));
    }
    if !cluster.nodes.contains_key(&target) {
        return Err(die(format!("no such cluster node '{target}'")));
    }
    let guests = choose(cluster, Some(args.node()), &named, |_| true);
    let script = migrations(args.user(), guests, &target, args.flag("with-local-disks"));
    Ok(cluster.start_task(args.user(), args.node(), "migrateall", "", script).into())
}

fn migrations(user: &str, guests: Vec<(u32, Kind, String)>, target: &str, with_disks: bool) -> Script {
    let mut script = Script::new();
    for (vmid, kind, node) in guests.into_iter().filter(|(_, _, node)| node != target) {
        let (user, target) = (user.to_owned(), target.to_owned());
        script = script.log(format!("Migrating {} {vmid}", kind.short())).then(move |cluster, _| {
            let word = if kind == Kind::Qemu { "qmigrate" } else { "vzmigrate" };
            let script = migrate::script(kind, &node, vmid, &target, with_disks);
            cluster.start_task(&user, &node, word, &vmid.to_string(), script);
            Ok(())
        });
        script = script.wait(2.0);
    }
    script
}

/// `GET /cluster/bulk-action/guest`
fn bulk_index(_: &mut Cluster, _: &Args) -> Outcome {
    Ok(["start", "shutdown", "suspend", "migrate"]
        .iter()
        .map(|name| json!({"name": name}))
        .collect::<Vec<Value>>()
        .into())
}

/// The named guests of a cluster-wide call, as one list.
fn named_of(cluster: &Cluster, args: &Args, privilege: &str) -> Result<Vec<String>, Fault> {
    let named = args.array("vms");
    may_act(cluster, args, privilege, &named)?;
    Ok(named)
}

fn title(word: &str, named: &[String], guests: &[(u32, Kind, String)]) -> String {
    let all: Vec<String> =
        if named.is_empty() { guests.iter().map(|(vmid, ..)| vmid.to_string()).collect() } else { named.to_vec() };
    format!("{word} guests: {}", all.join(", "))
}

/// `POST /cluster/bulk-action/guest/start`
fn bulk_start(cluster: &mut Cluster, args: &Args) -> Outcome {
    let named = named_of(cluster, args, "VM.PowerMgmt")?;
    let guests = choose(cluster, None, &named, |_| true);
    let first = title("Starting", &named, &guests);
    let stopped =
        guests.into_iter().filter(|(vmid, ..)| cluster.guest(*vmid).is_some_and(|guest| !guest.running)).collect();
    let each = one_by_one(
        args.user().to_owned(),
        stopped,
        |kind, vmid| format!("Starting {} {vmid}", kind.short()),
        ["qmstart", "vzstart"],
        start_script,
        1.0,
    );
    let node = cluster.local.clone();
    Ok(cluster.start_task(args.user(), &node, "bulk-start", "", Script::new().log(first).and(each)).into())
}

/// `POST /cluster/bulk-action/guest/shutdown`
fn bulk_shutdown(cluster: &mut Cluster, args: &Args) -> Outcome {
    let named = named_of(cluster, args, "VM.PowerMgmt")?;
    let guests = choose(cluster, None, &named, |_| true);
    let first = title("Shutting down", &named, &guests);
    let running =
        guests.into_iter().filter(|(vmid, ..)| cluster.guest(*vmid).is_some_and(|guest| guest.running)).collect();
    let each = one_by_one(
        args.user().to_owned(),
        running,
        |kind, vmid| format!("Shutting down {} {vmid}", kind.short()),
        ["qmshutdown", "vzshutdown"],
        shutdown_script,
        0.5,
    );
    let node = cluster.local.clone();
    Ok(cluster.start_task(args.user(), &node, "bulk-shutdown", "", Script::new().log(first).and(each)).into())
}

/// `POST /cluster/bulk-action/guest/suspend`
fn bulk_suspend(cluster: &mut Cluster, args: &Args) -> Outcome {
    let named = named_of(cluster, args, "VM.PowerMgmt")?;
    let guests = choose(cluster, None, &named, |_| true);
    let first = title("Suspending", &named, &guests);
    let running = guests
        .into_iter()
        .filter(|(vmid, kind, _)| *kind == Kind::Qemu && cluster.guest(*vmid).is_some_and(|guest| guest.running))
        .collect();
    let each = one_by_one(
        args.user().to_owned(),
        running,
        |kind, vmid| format!("Suspending {} {vmid}", kind.short()),
        ["qmsuspend", "vzsuspend"],
        suspend_script,
        0.5,
    );
    let node = cluster.local.clone();
    Ok(cluster.start_task(args.user(), &node, "bulk-suspend", "", Script::new().log(first).and(each)).into())
}

/// `POST /cluster/bulk-action/guest/migrate`
fn bulk_migrate(cluster: &mut Cluster, args: &Args) -> Outcome {
    let named = named_of(cluster, args, "VM.Migrate")?;
    let target = args.str("target").to_owned();
    if !cluster.nodes.contains_key(&target) {
        return Err(die(format!("no such cluster node '{target}'")));
    }
    let guests = choose(cluster, None, &named, |_| true);
    let first = title("Migrating", &named, &guests);
    let each = migrations(args.user(), guests, &target, args.flag("with-local-disks"));
    let node = cluster.local.clone();
    Ok(cluster.start_task(args.user(), &node, "bulk-migrate", "", Script::new().log(first).and(each)).into())
}
