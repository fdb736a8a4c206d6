//! VMs: list, create, destroy. What else VMs do is below `qemu/`, what they share with containers beside it.

pub mod agent;
pub mod cloudinit;
pub mod config;
pub mod drive;
pub mod permission;
pub mod power;
pub mod prepare;
pub mod status;

use serde_json::{Value, json};

use super::call::{Args, Fault, Outcome, die};
use super::guest;
use super::progress;
use super::restore;
use super::router::Route;
use super::state::{Cluster, Config, Guest, Kind, Load};
use super::task::Script;

/// The calls of this file.
pub const ROUTES: &[Route] = &[
    Route("GET", "/nodes/{node}/qemu", list),
    Route("POST", "/nodes/{node}/qemu", create),
    Route("GET", "/nodes/{node}/qemu/{vmid}", index),
    Route("DELETE", "/nodes/{node}/qemu/{vmid}", destroy),
];

/// `GET /nodes/{node}/qemu`
fn list(cluster: &mut Cluster, args: &Args) -> Outcome {
    let cluster: &Cluster = cluster;
    let mine = cluster.guests.values().filter(|guest| guest.kind == Kind::Qemu && guest.node == args.node());
    let seen = mine.filter(|guest| guest::may(cluster, args, &format!("/vms/{}", guest.vmid), &["VM.Audit"]));
    let rows: Vec<Value> = seen.map(|guest| status::row(cluster, guest, args.flag("full"))).collect();
    Ok(rows.into())
}

/// `GET /nodes/{node}/qemu/{vmid}`
fn index(_: &mut Cluster, _: &Args) -> Outcome {
    const PARTS: &[&str] = &[
        "config",
        "cloudinit",
        "pending",
        "status",
        "unlink",
        "vncproxy",
        "termproxy",
        "migrate",
        "resize",
        "move",
        "rrd",
        "rrddata",
        "monitor",
        "agent",
        "snapshot",
        "spiceproxy",
        "sendkey",
        "firewall",
        "mtunnel",
        "remote_migrate",
    ];
    Ok(PARTS.iter().map(|part| json!({"subdir": part})).collect::<Vec<Value>>().into())
}

/// Refuses callers who may not create guest `vmid`, not even in its pool.
pub fn may_allocate(cluster: &Cluster, args: &Args, vmid: u32, restore: bool) -> Result<(), Fault> {
    let path = format!("/vms/{vmid}");
    let in_pool = |pool: &str| guest::may(cluster, args, &format!("/pool/{pool}"), &["VM.Allocate"]);
    let over_old = restore
        && args.flag("force")
        && cluster.guests.contains_key(&vmid)
        && guest::may(cluster, args, &path, &["VM.Backup"]);
    if guest::may(cluster, args, &path, &["VM.Allocate"]) || args.opt("pool").is_some_and(in_pool) || over_old {
        return Ok(());
    }
    Err(Fault::new(403, "Permission check failed"))
}

/// Does the pool of a call exist?
pub fn check_pool(cluster: &Cluster, args: &Args) -> Result<(), Fault> {
    match args.opt("pool") {
        Some(pool) if !cluster.pools.contains_key(pool) => {
            Err(Fault::new(403, format!("Permission check failed (pool '{pool}' does not exist)")))
        }
        _ => Ok(()),
    }
}

/// `POST /nodes/{node}/qemu`: a new VM, or one from a backup.
fn create(cluster: &mut Cluster, args: &Args) -> Outcome {
    let vmid = args.vmid();
    let archive = args.opt("archive");
    if args.flag("live-restore") && archive.is_none() {
        return Err(Fault::param("live-restore", "live-restore requires 'archive'"));
    }
    check_pool(cluster, args)?;
    may_allocate(cluster, args, vmid, archive.is_some())?;
    if let Some(archive) = archive {
        return restore::qemu(cluster, args, archive);
    }
    let mut settings = args.settings(config::NOT_STORED);
    if let Some(cdrom) = settings.remove("cdrom") {
        settings.insert("ide2".into(), cdrom);
    }
    let node = args.node().to_owned();
    let keys: Vec<&str> = settings.keys().map(String::as_str).collect();
    permission::check_keys(cluster, args, vmid, args.opt("pool"), &keys, &settings, None)?;
    permission::check_drives(cluster, args, &node, &settings)?;
    permission::check_networks(cluster, args, &settings)?;
    if let Some(text) = guest::taken(cluster, vmid) {
        return Err(die(format!("unable to create VM {vmid} - {text}")));
    }
    // The number is taken from here on, as with the server's own empty configuration.
    let mut new = Guest::new(vmid, Kind::Qemu, &node);
    new.config.insert("lock".into(), "create".into());
    cluster.guests.insert(vmid, new);
    let (storage, pool) = (args.opt("storage").map(str::to_owned), args.opt("pool").map(str::to_owned));
    let (start, user) = (args.flag("start"), args.user().to_owned());
    let managed = args.flag("ha-managed");
    let imported = settings.values().any(|value| value.contains("import-from="));
    let script = Script::new()
        .then(move |cluster, task| {
            let made = prepare::prepare(cluster, &node, vmid, &settings, storage.as_deref());
            let (values, lines) = match made {
                Ok(made) => made,
                Err(text) => {
                    cluster.guests.remove(&vmid);
                    return Err(format!("unable to create VM {vmid} - {text}"));
                }
            };
            task.next(progress::script(lines).then(move |cluster, task| {
                let config = complete(cluster, values);
                if let Some(guest) = cluster.guest_mut(vmid) {
                    // A new disk is empty; only a VM with a kernel of its own has a system that answers.
                    guest.load = Load { cpu: 0.06, mem: 0.2, net: (20.0, 0.0), io: (130.0, 0.0), ..Load::default() };
                    // Imported images may have one, too, but an agent has to be installed first.
                    let kernel = config.get("args").is_some_and(|args| args.contains("-kernel"));
                    guest.agent = kernel;
                    guest.obeys = kernel || imported;
                    guest.config = config;
                }
                guest::join_pool(cluster, vmid, pool.as_deref());
                if managed {
                    let section =
                        Config::from([("state".to_owned(), if start { "started" } else { "stopped" }.to_owned())]);
                    cluster.section("ha/resources").insert(guest::ha_sid(Kind::Qemu, vmid), section);
                }
                if start {
                    let script = power::start_script(&node, vmid, false, None);
                    task.log("start VM..");
                    cluster.start_task(&user, &node, "qmstart", &vmid.to_string(), script);
                }
                Ok(())
            }));
            Ok(())
        })
        // A task that was stopped leaves no half-made VM.
        .finally(move |cluster| {
            if cluster.guest(vmid).is_some_and(|guest| guest.lock() == Some("create")) {
                let volids = cluster.guest(vmid).map(|g| guest::volumes(Kind::Qemu, &g.config)).unwrap_or_default();
                let node = cluster.guest(vmid).map(|g| g.node.clone()).unwrap_or_default();
                for (_, volid) in volids {
                    cluster.remove_volume(&node, &volid);
                }
                cluster.guests.remove(&vmid);
            }
        });
    let upid = cluster.start_task(args.user(), args.node(), "qmcreate", &vmid.to_string(), script);
    Ok(upid.into())
}

/// Adds what the server adds to every new VM: ids, boot order, and a note of how it was made.
pub fn complete(cluster: &mut Cluster, mut config: Config) -> Config {
    if !config.contains_key("boot")
        && let Some(order) = config::default_boot(&config)
    {
        config.insert("boot".into(), order);
    }
    match config.get("vmgenid").map(String::as_str) {
        Some("0") => {
            config.remove("vmgenid");
        }
        None | Some("1") => {
            config.insert("vmgenid".into(), cluster.rng.uuid());
        }
        _ => {}
    }
    let smbios = config.entry("smbios1".into()).or_default();
    if !smbios.contains("uuid=") {
        let uuid = format!("uuid={}", cluster.rng.uuid());
        *smbios = if smbios.is_empty() { uuid } else { format!("{uuid},{smbios}") };
    }
    config.insert("meta".into(), format!("creation-qemu=10.0.2,ctime={}", cluster.now as u64));
    config
}

/// `DELETE /nodes/{node}/qemu/{vmid}`
fn destroy(cluster: &mut Cluster, args: &Args) -> Outcome {
    guest::skiplock(args)?;
    let (node, vmid, purge) = (args.node().to_owned(), args.vmid(), args.flag("purge"));
    let guest = cluster.guest_at(Kind::Qemu, &node, vmid)?;
    if guest.get("protection") == Some("1") {
        return Err(die(format!("can't remove VM {vmid} - protection mode enabled")));
    }
    if !purge && guest::ha_section(cluster, Kind::Qemu, vmid).is_some() {
        return Err(die(format!("unable to remove VM {vmid} - used in HA resources and purge parameter not set.")));
    }
    if guest.running {
        return Err(die(format!("VM {vmid} is running - destroy failed")));
    }
    let skiplock = args.flag("skiplock");
    let unreferenced = args.flag("destroy-unreferenced-disks");
    let script = Script::new().then(move |cluster, task| {
        let guest = guest::in_task(cluster, Kind::Qemu, &node, vmid)?;
        if guest.running {
            return Err(format!("VM {vmid} is running - destroy failed"));
        }
        if !skiplock {
            guest::check_lock(guest)?;
        }
        let volids = all_volumes(guest);
        for volid in &volids {
            super::disk::check_base(cluster, &node, volid)?;
        }
        super::disk::free_all(cluster, &node, vmid, &volids)?;
        if unreferenced {
            let left: Vec<String> = cluster
                .volumes
                .values()
                .filter(|v| v.vmid == Some(vmid) && v.content == "images")
                .map(|v| v.volid.clone())
                .collect();
            super::disk::free_all(cluster, &node, vmid, &left)?;
        }
        guest::forget(cluster, vmid);
        if purge {
            task.log(format!("purging VM {vmid} from related configurations.."));
            guest::purge(cluster, Kind::Qemu, vmid);
        }
        Ok(())
    });
    let upid = cluster.start_task(args.user(), args.node(), "qmdestroy", &vmid.to_string(), script);
    Ok(upid.into())
}

/// All volumes of a guest, those of its snapshots included.
pub fn all_volumes(guest: &Guest) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for config in std::iter::once(&guest.config).chain(guest.snapshots.values()) {
        for (_, volid) in guest::volumes(guest.kind, config) {
            if !found.contains(&volid) {
                found.push(volid);
            }
        }
    }
    found
}
