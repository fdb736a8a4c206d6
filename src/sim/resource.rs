//! Lists of everything: `/cluster/resources`, written straight as JSON text because it may hold 10,000 guests.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use serde_json::{Value, json};

use super::call::{Args, Outcome, Reply};
use super::load::{self, Sums};
use super::router::Route;
use super::state::{Cluster, Guest, Node, Storage};

/// Resources.
pub const ROUTES: &[Route] = &[Route("GET", "/cluster/resources", resources)];

fn resources(cluster: &mut Cluster, args: &Args) -> Outcome {
    let kind = args.str("type").to_owned();
    let key = format!("resources:{kind}:{}", args.user());
    let tick = load::tick(cluster.now);
    let text = match cluster.cache.get(&key) {
        Some((epoch, made, text)) if *epoch == cluster.epoch && *made == tick => text.clone(),
        _ => {
            let sums = load::sums(cluster);
            let text: Arc<str> = write(cluster, args, &kind, &sums).into();
            cluster.cache.insert(key, (cluster.epoch, tick, text.clone()));
            text
        }
    };
    Ok(Reply { text: Some(text), ..Reply::default() })
}

fn write(cluster: &Cluster, args: &Args, kind: &str, sums: &Sums) -> String {
    let mut out = String::from("[");
    let mut push = |entry: &str| {
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(entry);
    };
    let user = args.user();
    let root = args.is_root();
    let may = |path: &str, privilege: &str| root || cluster.may(user, path, privilege);
    let pools = pool_index(cluster);
    if matches!(kind, "" | "pool") {
        for id in cluster.pools.keys() {
            if may(&format!("/pool/{id}"), "Pool.Audit") {
                push(&pool_entry(cluster, id).to_string());
            }
        }
    }
    if matches!(kind, "" | "vm") {
        for guest in cluster.guests.values() {
            if may(&format!("/vms/{}", guest.vmid), "VM.Audit") {
                push(&guest_text(cluster, guest, pools.get(&guest.vmid).copied()));
            }
        }
    }
    if matches!(kind, "" | "node") {
        for node in cluster.nodes.values() {
            let audit = may(&format!("/nodes/{}", node.name), "Sys.Audit");
            push(
                &node_entry(cluster, node, sums.get(&node.name).copied().unwrap_or_default(), audit, false).to_string(),
            );
        }
    }
    if matches!(kind, "" | "storage") {
        // adding up the volumes of a storage that all nodes share is work for once
        let shared = cluster.storages.values().filter(|s| s.shared());
        let rooms: BTreeMap<&str, (u64, u64)> = shared.map(|s| (s.id.as_str(), cluster.room("", s))).collect();
        for node in cluster.nodes.values() {
            for storage in cluster.storages.values().filter(|s| s.on_node(&node.name)) {
                if root
                    || cluster.may_any(
                        user,
                        &format!("/storage/{}", storage.id),
                        &["Datastore.Audit", "Datastore.AllocateSpace"],
                    )
                {
                    let there = node.online && storage.enabled();
                    let known = rooms.get(storage.id.as_str()).copied();
                    let room = there.then(|| known.unwrap_or_else(|| cluster.room(&node.name, storage)));
                    push(&storage_entry(node, storage, room).to_string());
                }
            }
        }
    }
    if matches!(kind, "" | "sdn") {
        for (id, zone) in cluster.sections_of("sdn/zones").into_iter().flatten() {
            if !may(&format!("/sdn/zones/{id}"), "SDN.Audit") {
                continue;
            }
            for node in cluster.nodes.values() {
                let status = if node.online { "available" } else { "unknown" };
                push(&json!({
                    "id": format!("network/{}/zone/{id}", node.name), "network": id, "network-type": "zone", "node": node.name,
                    "protocol": id, "zone-type": zone.get("type"), "status": status, "type": "network"
                }).to_string());
            }
        }
    }
    if kind.is_empty() {
        for node in cluster.nodes.values().filter(|_| may("/sdn/zones/localnetwork", "SDN.Audit")) {
            let status = if node.online { "ok" } else { "unknown" };
            push(
                &json!({
                    "id": format!("network/{}/zone/localnetwork", node.name), "node": node.name,
                    "network": "localnetwork", "network-type": "zone", "status": status, "type": "network"
                })
                .to_string(),
            );
        }
    }
    out.push(']');
    out
}

/// An entry of a pool: what its running guests use together, if any run.
fn pool_entry(cluster: &Cluster, id: &str) -> Value {
    let mut out = json!({"id": format!("/pool/{id}"), "pool": id, "type": "pool"});
    let vms = cluster.pools.get(id).map(|p| &p.vms).into_iter().flatten();
    let running: Vec<&Guest> = vms.filter_map(|vmid| cluster.guest(*vmid)).filter(|g| g.running).collect();
    if running.is_empty() {
        return out;
    }
    let (mut busy, mut cpus, mut mem, mut maxmem, mut uptime) = (0.0, 0, 0, 0, 0);
    for guest in running {
        let f = load::guest(cluster, guest, cluster.now);
        let own = guest.cpus().max(1);
        busy += f.cpu * own as f64;
        cpus += own;
        mem += f.mem;
        maxmem += guest.maxmem();
        uptime = uptime.max(guest.uptime(cluster.now));
    }
    out["cpu"] = json!(busy / cpus as f64);
    out["maxcpu"] = json!(cpus);
    out["mem"] = json!(mem);
    out["maxmem"] = json!(maxmem);
    out["uptime"] = json!(uptime);
    out
}

/// The pool of every guest that is in one.
fn pool_index(cluster: &Cluster) -> BTreeMap<u32, &str> {
    let pools = cluster.pools.iter();
    pools.flat_map(|(id, pool)| pool.vms.iter().map(move |vmid| (*vmid, id.as_str()))).collect()
}

/// The HA state of a guest, if it is managed.
pub fn ha_state<'a>(cluster: &'a Cluster, guest: &Guest) -> Option<&'a str> {
    let kind = if guest.kind == super::state::Kind::Qemu { "vm" } else { "ct" };
    let resource = cluster.sections_of("ha/resources")?.get(&format!("{kind}:{}", guest.vmid))?;
    Some(resource.get("state").map_or("started", String::as_str))
}

/// An entry of a guest in the resource list, as JSON text.
pub fn guest_text(cluster: &Cluster, guest: &Guest, pool: Option<&str>) -> String {
    let node = cluster.nodes.get(&guest.node);
    let online = node.is_some_and(|n| n.online);
    let f = if online { load::guest(cluster, guest, cluster.now) } else { load::Figures::default() };
    let cpus = match guest.cpus() {
        0 => node.map_or(1, |n| n.cpus),
        n => n,
    };
    let status = if online { guest.status() } else { "unknown" };
    let uptime = if online { guest.uptime(cluster.now) } else { 0 };
    let word = guest.kind.word();
    let vmid = guest.vmid;
    let mut out = String::with_capacity(420);
    let _ = write!(
        out,
        "{{\"id\":\"{word}/{vmid}\",\"type\":\"{word}\",\"vmid\":{vmid},\"node\":\"{}\",\"name\":{},\"status\":\"{status}\",\
         \"template\":{},\"uptime\":{uptime},\"cpu\":{:.6},\"maxcpu\":{cpus},\"mem\":{},\"maxmem\":{},\"memhost\":{},\
         \"disk\":{},\"maxdisk\":{},\"netin\":{},\"netout\":{},\"diskread\":{},\"diskwrite\":{}",
        guest.node,
        json!(guest.name()),
        u8::from(guest.is_template()),
        f.cpu,
        f.mem,
        guest.maxmem(),
        f.mem + f.mem / 50,
        f.disk,
        guest.maxdisk(),
        f.netin,
        f.netout,
        f.diskread,
        f.diskwrite,
    );
    let mut text = |key: &str, value: Option<&str>| {
        if let Some(value) = value {
            let _ = write!(out, ",\"{key}\":{}", json!(value));
        }
    };
    text("pool", pool);
    text("tags", guest.get("tags"));
    text("lock", guest.lock());
    text("hastate", ha_state(cluster, guest));
    out.push('}');
    out
}

/// An entry of a node: in the resource list, or with `list` in `/nodes`.
pub fn node_entry(cluster: &Cluster, node: &Node, guests: (f64, u64), audit: bool, list: bool) -> Value {
    let status = if node.online { "online" } else { "offline" };
    let mut out = json!({
        "id": format!("node/{}", node.name), "type": "node", "node": node.name, "status": status, "level": node.level
    });
    if list {
        out["ssl_fingerprint"] = json!(node.fingerprint);
    }
    if !audit {
        return out;
    }
    if !list {
        out["cgroup-mode"] = node.extra.get("cgroup-mode").cloned().unwrap_or(json!(2));
    }
    if node.online {
        let f = load::node(cluster, node, guests, cluster.now);
        out["cpu"] = json!(f.cpu);
        out["maxcpu"] = json!(node.cpus);
        out["mem"] = json!(f.mem);
        out["maxmem"] = json!(node.memory);
        out["disk"] = json!(f.disk);
        out["maxdisk"] = json!(node.rootfs.0);
        out["uptime"] = json!((cluster.now - node.booted).max(0.0) as u64);
    } else {
        out["maxcpu"] = json!(node.cpus);
        out["maxmem"] = json!(node.memory);
    }
    out
}

/// An entry of a storage on a node in the resource list.
/// `room` is what it holds and what is used of it, in bytes, while it can be reached.
pub fn storage_entry(node: &Node, storage: &Storage, room: Option<(u64, u64)>) -> Value {
    let mut out = json!({
        "id": format!("storage/{}/{}", node.name, storage.id), "type": "storage", "storage": storage.id,
        "node": node.name, "plugintype": storage.kind(), "content": storage.config.get("content"),
        "shared": u8::from(storage.shared()), "status": if room.is_some() { "available" } else { "unknown" }
    });
    if let Some((total, used)) = room {
        out["maxdisk"] = json!(total);
        out["disk"] = json!(used);
    }
    out
}
