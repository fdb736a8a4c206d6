//! Many guests at once: start, stop, suspend and migrate all guests of a node or of the cluster.

use serde_json::{Value, json};

use super::call::{Args, Fault, Outcome, die};
use super::guest;
use super::lxc;
use super::migrate;
use super::property::Property;
use super::qemu;
use super::router::Route;
use super::state::{Cluster, Guest, Kind};
use super::task::Script;

/// The calls of this file.
pub const ROUTES: &[Route] = &[
    Route("POST", "/nodes/{node}/startall", start_all),
    Route("POST", "/nodes/{node}/stopall", stop_all),
    Route("POST", "/nodes/{node}/suspendall", suspend_all),
    Route("POST", "/nodes/{node}/migrateall", migrate_all),
    Route("GET", "/cluster/bulk-action", |_, _| Ok(vec![json!({"name": "guest"})].into())),
    Route("GET", "/cluster/bulk-action/guest", bulk_index),
    Route("POST", "/cluster/bulk-action/guest/start", |c, a| bulk(c, a, &START, "bulk-start")),
    Route("POST", "/cluster/bulk-action/guest/shutdown", |c, a| bulk(c, a, &SHUTDOWN, "bulk-shutdown")),
    Route("POST", "/cluster/bulk-action/guest/suspend", |c, a| bulk(c, a, &SUSPEND, "bulk-suspend")),
    Route("POST", "/cluster/bulk-action/guest/migrate", bulk_migrate),
];

/// A guest with its kind and node.
type Chosen = (u32, Kind, String);

/// The guests of a call in the order of their `startup`; all that `wanted` picks when none are named.
fn choose(cluster: &Cluster, node: Option<&str>, named: &[String], wanted: impl Fn(&Guest) -> bool) -> Vec<Chosen> {
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

/// What is done to many guests.
struct Verb {
    /// The privilege that it takes.
    privilege: &'static str,
    /// As the logs say it, such as `Starting`.
    word: &'static str,
    /// Types of the tasks of VMs and of containers.
    tasks: [&'static str; 2],
    /// Which guests it has something to do for.
    wanted: fn(&Guest) -> bool,
    /// The task of one guest.
    each: fn(Kind, &str, u32) -> Script,
    /// Seconds from one guest to the next.
    pause: f64,
}

const START: Verb = Verb {
    privilege: "VM.PowerMgmt",
    word: "Starting",
    tasks: ["qmstart", "vzstart"],
    wanted: |guest| !guest.running,
    each: start_script,
    pause: 1.0,
};

const SHUTDOWN: Verb = Verb {
    privilege: "VM.PowerMgmt",
    word: "Shutting down",
    tasks: ["qmshutdown", "vzshutdown"],
    wanted: |guest| guest.running,
    each: shutdown_script,
    pause: 0.5,
};

const SUSPEND: Verb = Verb {
    privilege: "VM.PowerMgmt",
    word: "Suspending",
    tasks: ["qmsuspend", "vzsuspend"],
    wanted: |guest| guest.kind == Kind::Qemu && guest.running,
    each: suspend_script,
    pause: 0.5,
};

impl Verb {
    /// Starts one task after the other for the guests that need it, each after its line in the log.
    fn script(
        &'static self,
        cluster: &Cluster,
        user: &str,
        guests: Vec<Chosen>,
        line: impl Fn(Kind, u32) -> String,
    ) -> Script {
        let mut script = Script::new();
        for (vmid, kind, node) in guests {
            if !cluster.guest(vmid).is_some_and(self.wanted) {
                continue;
            }
            let user = user.to_owned();
            script = script.log(line(kind, vmid)).then(move |cluster, _| {
                let word = if kind == Kind::Qemu { self.tasks[0] } else { self.tasks[1] };
                cluster.start_task(&user, &node, word, &vmid.to_string(), (self.each)(kind, &node, vmid));
                Ok(())
            });
            script = script.wait(self.pause);
        }
        script
    }

    /// `Starting VM 100`
    fn line(&self, kind: Kind, vmid: u32) -> String {
        format!("{} {} {vmid}", self.word, kind.short())
    }
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
    may_act(cluster, args, START.privilege, &named)?;
    let guests = choose(cluster, Some(args.node()), &named, |guest| force || guest.get("onboot") == Some("1"));
    Ok(start_guests(cluster, args.user(), args.node(), guests).into())
}

fn start_guests(cluster: &mut Cluster, user: &str, node: &str, guests: Vec<Chosen>) -> String {
    let script = START.script(cluster, user, guests, |kind, vmid| START.line(kind, vmid));
    cluster.start_task(user, node, "startall", "", script)
}

/// What a node does after booting: the task that starts the guests with `onboot`.
pub fn start_on_boot(cluster: &mut Cluster, node: &str) -> String {
    let guests = choose(cluster, Some(node), &[], |guest| guest.get("onboot") == Some("1"));
    start_guests(cluster, "root@pam", node, guests)
}

/// `POST /nodes/{node}/stopall`
fn stop_all(cluster: &mut Cluster, args: &Args) -> Outcome {
    let named = args.list("vms");
    may_act(cluster, args, SHUTDOWN.privilege, &named)?;
    Ok(stop_guests(cluster, args.user(), args.node(), &named).into())
}

/// Shuts the guests of a node down in the reverse of their order, all of them when none are named.
pub fn stop_guests(cluster: &mut Cluster, user: &str, node: &str, named: &[String]) -> String {
    let mut guests = choose(cluster, Some(node), named, |_| true);
    guests.reverse();
    let script = SHUTDOWN.script(cluster, user, guests, |kind, vmid| {
        let timeout = if kind == Kind::Qemu { 180 } else { 60 };
        format!("Stopping {} {vmid} (timeout = {timeout} seconds)", kind.short())
    });
    cluster.start_task(user, node, "stopall", "", script)
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
    may_act(cluster, args, SUSPEND.privilege, &named)?;
    let guests = choose(cluster, Some(args.node()), &named, |_| true);
    let script = SUSPEND.script(cluster, args.user(), guests, |kind, vmid| SUSPEND.line(kind, vmid));
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

fn migrations(user: &str, guests: Vec<Chosen>, target: &str, with_disks: bool) -> Script {
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

fn title(word: &str, named: &[String], guests: &[Chosen]) -> String {
    let all: Vec<String> =
        if named.is_empty() { guests.iter().map(|(vmid, ..)| vmid.to_string()).collect() } else { named.to_vec() };
    format!("{word} guests: {}", all.join(", "))
}

/// `POST /cluster/bulk-action/guest/start`, `shutdown`, `suspend`
fn bulk(cluster: &mut Cluster, args: &Args, verb: &'static Verb, task: &str) -> Outcome {
    let named = named_of(cluster, args, verb.privilege)?;
    let guests = choose(cluster, None, &named, |_| true);
    let first = title(verb.word, &named, &guests);
    let each = verb.script(cluster, args.user(), guests, |kind, vmid| verb.line(kind, vmid));
    let node = cluster.local.clone();
    Ok(cluster.start_task(args.user(), &node, task, "", Script::new().log(first).and(each)).into())
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
