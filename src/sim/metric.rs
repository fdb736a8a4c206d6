//! `GET /cluster/metrics/export`: the figures of everything as a flat list, for collectors that pull.

use serde_json::{Value, json};

use super::call::{Args, Outcome};
use super::load;
use super::router::Route;
use super::state::Cluster;

/// Metrics.
pub const ROUTES: &[Route] = &[Route("GET", "/cluster/metrics/export", export)];

/// Seconds for which the status daemons keep old figures.
const KEPT: f64 = 1800.0;

fn export(cluster: &mut Cluster, args: &Args) -> Outcome {
    let since = args.num("start-time").unwrap_or(0.0);
    let first = match args.flag("history") {
        true => load::tick(cluster.now - KEPT),
        false => load::tick(cluster.now),
    };
    let nodes: Vec<String> = match args.list("node-list") {
        _ if args.flag("local-only") => vec![cluster.local.clone()],
        list if list.is_empty() => cluster.nodes.keys().cloned().collect(),
        list => list,
    };
    let mut out = Vec::new();
    for tick in first..=load::tick(cluster.now) {
        let time = tick as f64 * load::TICK;
        if time > since {
            add(cluster, &nodes, time, &mut out);
        }
    }
    Ok(json!({"data": out}).into())
}

/// The metrics of all nodes, guests and storages of a moment.
fn add(cluster: &Cluster, wanted: &[String], time: f64, out: &mut Vec<Value>) {
    let mut push = |id: &str, kind: &str, metric: &str, value: Value| {
        out.push(json!({"id": id, "timestamp": time as u64, "type": kind, "metric": metric, "value": value}));
    };
    let sums = load::by_node(cluster, time);
    let online = |name: &str| wanted.iter().any(|n| n == name) && cluster.nodes.get(name).is_some_and(|n| n.online);
    for node in cluster.nodes.values().filter(|n| online(&n.name) && n.booted <= time) {
        let id = format!("node/{}", node.name);
        let f = load::node(cluster, node, sums.get(&node.name).copied().unwrap_or_default(), time);
        let busy = f.cpu * node.cpus as f64;
        push(&id, "gauge", "uptime", json!((time - node.booted) as u64));
        push(&id, "derive", "net_in", json!(f.netin));
        push(&id, "derive", "net_out", json!(f.netout));
        for (metric, value) in [("cpu_avg1", busy), ("cpu_avg5", busy * 0.9), ("cpu_avg15", busy * 0.8)] {
            push(&id, "gauge", metric, json!((value * 100.0).round() / 100.0));
        }
        push(&id, "gauge", "cpu_max", json!(node.cpus));
        push(&id, "gauge", "cpu_current", json!(f.cpu));
        push(&id, "gauge", "cpu_iowait", json!(f.cpu * 0.02));
        push(&id, "gauge", "mem_total", json!(node.memory));
        push(&id, "gauge", "mem_used", json!(f.mem));
        push(&id, "gauge", "swap_total", json!(node.swap));
        push(&id, "gauge", "swap_used", json!(node.swap / 50));
        push(&id, "gauge", "disk_total", json!(node.rootfs.0));
        push(&id, "gauge", "disk_used", json!(f.disk));
    }
    for guest in cluster.guests.values().filter(|g| online(&g.node) && !g.is_template()) {
        let id = format!("{}/{}", guest.kind.word(), guest.vmid);
        let running = guest.running && guest.started <= time;
        if running {
            let f = load::guest(cluster, guest, time);
            push(&id, "gauge", "cpu_current", json!(f.cpu));
            push(&id, "gauge", "mem_used", json!(f.mem));
            push(&id, "derive", "disk_read", json!(f.diskread));
            push(&id, "derive", "disk_write", json!(f.diskwrite));
            push(&id, "derive", "net_in", json!(f.netin));
            push(&id, "derive", "net_out", json!(f.netout));
        }
        push(&id, "gauge", "uptime", json!(if running { guest.uptime(time) } else { 0 }));
        push(&id, "gauge", "cpu_max", json!(guest.cpus()));
        push(&id, "gauge", "mem_total", json!(guest.maxmem()));
        push(&id, "gauge", "disk_total", json!(guest.maxdisk()));
    }
    let shared = cluster.storages.values().filter(|s| s.shared());
    let rooms: std::collections::BTreeMap<&str, (u64, u64)> =
        shared.map(|s| (s.id.as_str(), cluster.room("", s))).collect();
    for node in cluster.nodes.values().filter(|n| online(&n.name)) {
        for storage in cluster.storages.values().filter(|s| s.enabled() && s.on_node(&node.name)) {
            let id = format!("storage/{}/{}", node.name, storage.id);
            let known = rooms.get(storage.id.as_str()).copied();
            let (total, used) = known.unwrap_or_else(|| cluster.room(&node.name, storage));
            push(&id, "gauge", "disk_total", json!(total));
            push(&id, "gauge", "disk_used", json!(used));
        }
    }
}
