//! Containers: list, create, destroy, interfaces. What else they do is below `lxc/`.

pub mod config;
pub mod power;
pub mod status;

use serde_json::{Value, json};

use super::call::{Args, Fault, Outcome, die};
use super::disk::{self, Purpose};
use super::guest;
use super::progress::{self, Line};
use super::property::{Property, human, print_size};
use super::qemu::drive::{is_amount, is_numbered};
use super::qemu::{check_pool, may_allocate};
use super::restore;
use super::router::Route;
use super::state::{Cluster, Config, Guest, Kind};
use super::task::Script;

/// The calls of this file.
pub const ROUTES: &[Route] = &[
    Route("GET", "/nodes/{node}/lxc", list),
    Route("POST", "/nodes/{node}/lxc", create),
    Route("GET", "/nodes/{node}/lxc/{vmid}", index),
    Route("DELETE", "/nodes/{node}/lxc/{vmid}", destroy),
    Route("GET", "/nodes/{node}/lxc/{vmid}/interfaces", interfaces),
];

/// Parameters of a create call that are not stored.
const NOT_STORED: &[&str] = &[
    "bwlimit",
    "force",
    "ha-managed",
    "ignore-unpack-errors",
    "node",
    "ostemplate",
    "password",
    "pool",
    "restore",
    "ssh-public-keys",
    "start",
    "storage",
    "unique",
    "vmid",
];

/// `GET /nodes/{node}/lxc`
fn list(cluster: &mut Cluster, args: &Args) -> Outcome {
    let cluster: &Cluster = cluster;
    let mine = cluster.guests.values().filter(|guest| guest.kind == Kind::Lxc && guest.node == args.node());
    let seen = mine.filter(|guest| guest::may(cluster, args, &format!("/vms/{}", guest.vmid), &["VM.Audit"]));
    let rows: Vec<Value> = seen.map(|guest| Value::Object(status::row(cluster, guest))).collect();
    Ok(rows.into())
}

/// `GET /nodes/{node}/lxc/{vmid}`
fn index(_: &mut Cluster, _: &Args) -> Outcome {
    const PARTS: &[&str] = &[
        "config",
        "pending",
        "status",
        "vncproxy",
        "termproxy",
        "vncwebsocket",
        "spiceproxy",
        "migrate",
        "clone",
        "rrd",
        "rrddata",
        "firewall",
        "snapshot",
        "resize",
        "interfaces",
    ];
    Ok(PARTS.iter().map(|part| json!({"subdir": part})).collect::<Vec<Value>>().into())
}

/// Feature flags beyond nesting are root@pam's own.
pub fn check_features(args: &Args, features: Option<&str>, unprivileged: bool) -> Result<(), Fault> {
    let Some(features) = features.filter(|_| !args.is_root()) else { return Ok(()) };
    let only_nesting = Property::parse(features, "").pairs().all(|(key, _)| key == "nesting");
    let refuse = |text: &str| Err(Fault::new(403, format!("Permission check failed ({text})")));
    if !only_nesting {
        return refuse("changing feature flags (except nesting) is only allowed for root@pam");
    }
    if !unprivileged {
        return refuse("changing feature flags for privileged container is only allowed for root@pam");
    }
    Ok(())
}

/// `POST /nodes/{node}/lxc`: a new container, or one from a backup.
fn create(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    let restoring = args.flag("restore");
    check_pool(cluster, args)?;
    may_allocate(cluster, args, vmid, restoring)?;
    check_features(args, args.opt("features"), args.flag("unprivileged"))?;
    let force = args.flag("force") && restoring;
    if let Some(text) =
        guest::taken(cluster, vmid).filter(|_| !(force && cluster.guest(vmid).is_some_and(|g| g.kind == Kind::Lxc)))
    {
        return Err(die(text));
    }
    let storage = args.opt("storage").unwrap_or("local").to_owned();
    let mut settings = args.settings(NOT_STORED);
    config::check_settings(cluster, args, vmid, &settings, None)?;
    config::check_volumes(cluster, args, &node, &settings)?;
    if restoring {
        return restore::lxc(cluster, args, &settings, &storage);
    }
    if !settings.contains_key("rootfs") {
        let place = cluster.storage_on(&node, &storage)?;
        if !place.allows("rootdir") {
            return Err(die(format!("storage '{storage}' does not support container directories")));
        }
        guest::need_space(cluster, args, &storage)?;
        settings.insert("rootfs".into(), format!("{storage}:4"));
    }
    let template = args.str("ostemplate").to_owned();
    if let Some((store, _)) = template.split_once(':') {
        cluster.storage_on(&node, store)?;
    }
    let mut new = Guest::new(vmid, Kind::Lxc, &node);
    new.config.insert("lock".into(), "create".into());
    cluster.guests.insert(vmid, new);
    let (pool, user, start) = (args.opt("pool").map(str::to_owned), args.user().to_owned(), args.flag("start"));
    let managed = args.flag("ha-managed");
    let script = Script::new()
        .then(move |cluster, task| {
            let fail = |text: String| format!("unable to create CT {vmid} - {text}");
            let (mut values, lines) = config::prepare(cluster, &node, vmid, &settings).map_err(fail)?;
            for (_, line) in &lines {
                task.log(line.clone());
            }
            let Some(archive) = cluster.volume(&node, &template).cloned() else {
                let text = format!("volume '{template}' does not exist");
                for (_, volid) in guest::volumes(Kind::Lxc, &values) {
                    cluster.remove_volume(&node, &volid);
                }
                task.log(text.clone());
                return Err(fail(text));
            };
            if let Some(guest) = cluster.guest_mut(vmid) {
                guest.config.extend(values.clone());
            }
            let ostype = values.get("ostype").cloned().unwrap_or_else(|| detect_ostype(&template));
            let unpacked = archive.size.max(1 << 20) * 3;
            values.insert("ostype".into(), ostype.clone());
            values.entry("arch".into()).or_insert_with(|| "amd64".into());
            values.entry("hostname".into()).or_insert_with(|| format!("CT{vmid}"));
            values.entry("memory".into()).or_insert_with(|| "512".into());
            values.entry("swap".into()).or_insert_with(|| "512".into());
            let mut script = unpack(&cluster.volume_path(&template), unpacked);
            script = if ostype == "unmanaged" {
                script.log("Falling back to amd64.").log("Use `pct set VMID --arch ARCH` to change.")
            } else {
                script.log("Detected container architecture: amd64")
            };
            task.next(script.then(move |cluster, _| {
                let root = values.get("rootfs").map(|value| guest::mount_volume(value)).unwrap_or_default();
                if let Some(volume) = cluster.volume_mut(&node, &root) {
                    volume.used = Some(unpacked.min(volume.size));
                }
                if let Some(guest) = cluster.guest_mut(vmid) {
                    guest.config = values;
                    guest.obeys = true;
                    guest.load = crate::sim::state::Load { cpu: 0.02, mem: 0.15, disk: 0.2, ..Default::default() };
                }
                guest::join_pool(cluster, vmid, pool.as_deref());
                if managed {
                    let section =
                        Config::from([("state".to_owned(), if start { "started" } else { "stopped" }.to_owned())]);
                    cluster.section("ha/resources").insert(guest::ha_sid(Kind::Lxc, vmid), section);
                }
                if start {
                    let script = power::start_script(&node, vmid, false);
                    cluster.start_task(&user, &node, "vzstart", &vmid.to_string(), script);
                }
                Ok(())
            }));
            Ok(())
        })
        .and(clean_up(vmid));
    // The clean-up has to be known before the first step can fail.
    let script = clean_up(vmid).and(script);
    Ok(cluster.start_task(args.user(), args.node(), "vzcreate", &vmid.to_string(), script).into())
}

/// Removes a half-made container when its task ends.
fn clean_up(vmid: u32) -> Script {
    Script::new().finally(move |cluster| {
        let Some(guest) = cluster.guest(vmid).filter(|guest| guest.lock() == Some("create")) else { return };
        let (node, volumes) = (guest.node.clone(), guest::volumes(Kind::Lxc, &guest.config));
        for (_, volid) in volumes {
            cluster.remove_volume(&node, &volid);
        }
        cluster.guests.remove(&vmid);
    })
}

/// Unpacking an archive.
pub fn unpack(path: &str, bytes: u64) -> Script {
    let seconds = bytes as f64 / progress::DISK_RATE;
    let amount = human(bytes as f64, 1).replace(' ', "");
    Script::new()
        .log(format!("extracting archive '{path}'"))
        .wait(seconds)
        .log(format!("Total bytes read: {bytes} ({amount}, 250MiB/s)"))
}

/// The operating system that a template's name tells.
fn detect_ostype(template: &str) -> String {
    let file = template.rsplit(['/', ':']).next().unwrap_or_default().to_lowercase();
    const KNOWN: &[&str] =
        &["debian", "devuan", "ubuntu", "centos", "fedora", "opensuse", "archlinux", "alpine", "gentoo", "nixos"];
    let found = KNOWN.iter().find(|name| file.starts_with(**name)).copied();
    let el = ["almalinux", "rockylinux"].iter().any(|name| file.starts_with(name)).then_some("centos");
    found.or(el).unwrap_or("unmanaged").to_owned()
}

/// A new or attached mount point: allocates what `STORE:SIZE` asks for.
pub fn prepare_mount(
    cluster: &mut Cluster,
    node: &str,
    vmid: u32,
    key: &str,
    value: &str,
) -> Result<(String, Vec<Line>), String> {
    let mut mount = Property::parse(value, "volume");
    mount.normalise_booleans(&["acl", "backup", "quota", "replicate", "ro", "shared", "keepattrs"]);
    let volume = mount.get("volume").unwrap_or_default().to_owned();
    let mut lines = Vec::new();
    match volume.split_once(':') {
        Some((storage, size)) if is_amount(size) => {
            let bytes = (size.parse::<f64>().unwrap_or(0.0) * 1_073_741_824.0) as u64;
            // A size of 0 asks for a directory that can grow.
            let bytes = if bytes == 0 { 8 << 30 } else { bytes };
            let made = disk::allocate(cluster, node, storage, vmid, Purpose::Disk(Kind::Lxc), None, bytes)?;
            lines.extend(made.lines.into_iter().map(|line| (0.0, line)));
            mount.set("volume", made.volid);
            mount.set("size", print_size(bytes));
        }
        Some(_) => {
            let found = cluster.volume(node, &volume).ok_or_else(|| format!("volume '{volume}' does not exist"))?;
            let size = print_size(found.size);
            mount.set("size", size);
        }
        None => {}
    }
    let required: &[&str] = if key == "rootfs" { &[] } else { &["mp"] };
    Ok((mount.print("volume", required), lines))
}

/// A network device with a MAC address and its type.
pub fn prepare_net(cluster: &mut Cluster, value: &str) -> String {
    let mut net = Property::parse(value, "name");
    net.normalise_booleans(&["firewall", "link_down"]);
    match net.get("hwaddr").map(str::to_uppercase) {
        Some(mac) => net.set("hwaddr", mac),
        None => {
            let mac = guest::new_mac(cluster);
            net.set("hwaddr", mac);
        }
    }
    net.set("type", "veth");
    // All keys are written out, the name first.
    let name = net.remove("name").unwrap_or_else(|| "eth0".into());
    format!("name={name},{}", net.print("", &[]))
}

/// `DELETE /nodes/{node}/lxc/{vmid}`
fn destroy(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, vmid, purge, force) = (args.node().to_owned(), args.vmid(), args.flag("purge"), args.flag("force"));
    let guest = cluster.guest_at(Kind::Lxc, &node, vmid)?;
    if guest.get("protection") == Some("1") {
        return Err(die(format!("can't remove CT {vmid} - protection mode enabled")));
    }
    if !purge && guest::ha_section(cluster, Kind::Lxc, vmid).is_some() {
        return Err(die(format!("unable to remove CT {vmid} - used in HA resources and purge parameter not set.")));
    }
    if guest.running && !force {
        return Err(die(format!("unable to destroy CT {vmid} - container is running")));
    }
    let unreferenced = args.opt_flag("destroy-unreferenced-disks").unwrap_or(false);
    let task_node = node.clone();
    let script = Script::new().then(move |cluster, task| {
        let guest = guest::in_task(cluster, Kind::Lxc, &node, vmid)?;
        guest::check_lock(guest)?;
        if guest.running {
            if !force {
                return Err(format!("unable to destroy CT {vmid} - container is running"));
            }
            task.log(format!("forced to stop CT {vmid} before destroying!"));
            guest::set_stopped(cluster, vmid);
        }
        let guest = guest::in_task(cluster, Kind::Lxc, &node, vmid)?;
        let volids = super::qemu::all_volumes(guest);
        for volid in &volids {
            disk::check_base(cluster, &node, volid)?;
        }
        disk::free_all(cluster, &node, vmid, &volids)?;
        if unreferenced {
            let left: Vec<String> = cluster
                .volumes
                .values()
                .filter(|v| v.vmid == Some(vmid) && v.content == "rootdir")
                .map(|v| v.volid.clone())
                .collect();
            disk::free_all(cluster, &node, vmid, &left)?;
        }
        guest::forget(cluster, vmid);
        if purge {
            task.log(format!("purging CT {vmid} from related configurations.."));
            guest::purge(cluster, Kind::Lxc, vmid);
        }
        Ok(())
    });
    Ok(cluster.start_task(args.user(), &task_node, "vzdestroy", &vmid.to_string(), script).into())
}

/// `GET /nodes/{node}/lxc/{vmid}/interfaces`
fn interfaces(cluster: &mut Cluster, args: &Args) -> Outcome {
    let guest = cluster.guest_at(Kind::Lxc, args.node(), args.vmid())?;
    if !guest.running {
        return Ok(Value::Null.into());
    }
    let loopback = "00:00:00:00:00:00";
    let mut rows = vec![
        json!({"name": "lo", "hwaddr": loopback, "hardware-address": loopback, "ip-addresses": addresses(guest, &[("127.0.0.1", 8), ("::1", 128)])}),
    ];
    for (key, value) in guest.config.iter().filter(|(key, _)| is_numbered(key, "net")) {
        let net = Property::parse(value, "name");
        let mac = net.get("hwaddr").unwrap_or(loopback).to_lowercase();
        let static_ip = net
            .get("ip")
            .and_then(|ip| ip.split_once('/'))
            .and_then(|(ip, bits)| Some((ip.to_owned(), bits.parse::<u32>().ok()?)));
        let leased = (net.get("ip") == Some("dhcp")).then(|| (format!("10.0.10.{}", 10 + guest.vmid % 240), 24));
        let own: Vec<(String, u32)> = static_ip.or(leased).into_iter().collect();
        let own: Vec<(&str, u32)> = own.iter().map(|(ip, bits)| (ip.as_str(), *bits)).collect();
        let name = net.get("name").unwrap_or(key);
        let mut row =
            json!({"name": name, "hwaddr": mac, "hardware-address": mac, "ip-addresses": addresses(guest, &own)});
        if let (Some((ip, bits)), true) = (own.first(), has_network(guest)) {
            row["inet"] = json!(format!("{ip}/{bits}"));
        }
        rows.push(row);
    }
    Ok(rows.into())
}

/// Containers without a system that sets up the network show no addresses.
fn has_network(guest: &Guest) -> bool {
    guest.load.net.0 > 0.0
}

fn addresses(guest: &Guest, list: &[(&str, u32)]) -> Value {
    if !has_network(guest) {
        return json!([]);
    }
    let kind = |ip: &str| if ip.contains(':') { "inet6" } else { "inet" };
    list.iter().map(|(ip, bits)| json!({"ip-address": ip, "prefix": bits, "ip-address-type": kind(ip)})).collect()
}
