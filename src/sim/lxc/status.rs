//! What a container looks like now.

use serde_json::{Map, Value, json};

use crate::sim::call::{Args, Outcome};
use crate::sim::guest;
use crate::sim::load;
use crate::sim::router::Route;
use crate::sim::state::{Cluster, Guest, Kind};

/// The calls of this file.
pub const ROUTES: &[Route] = &[
    Route("GET", "/nodes/{node}/lxc/{vmid}/status", index),
    Route("GET", "/nodes/{node}/lxc/{vmid}/status/current", current),
];

/// `GET /nodes/{node}/lxc/{vmid}/status`
fn index(_: &mut Cluster, _: &Args) -> Outcome {
    const PARTS: &[&str] = &["current", "start", "stop", "shutdown", "migrate"];
    Ok(PARTS.iter().map(|part| json!({"subdir": part})).collect::<Vec<Value>>().into())
}

/// A row of the list.
pub fn row(cluster: &Cluster, guest: &Guest) -> Map<String, Value> {
    let figures = guest::figures(cluster, guest);
    let here = cluster.nodes.get(&guest.node).map_or(1, |node| node.cpus);
    let cpus = match guest.cpus() {
        0 => here,
        cores => cores,
    };
    let swap = guest.get("swap").and_then(|v| v.parse::<u64>().ok()).unwrap_or(512) << 20;
    let mut row = Map::new();
    let mut put = |key: &str, value: Value| row.insert(key.to_owned(), value);
    put("vmid", json!(guest.vmid));
    put("type", json!("lxc"));
    put("name", json!(guest.name()));
    put("status", json!(guest.status()));
    put("cpus", json!(cpus));
    put("cpu", json!(figures.cpu));
    put("mem", json!(figures.mem));
    put("maxmem", json!(guest.maxmem()));
    put("swap", json!(0));
    put("maxswap", json!(swap));
    put("disk", json!(figures.disk));
    put("maxdisk", json!(guest.maxdisk()));
    put("netin", json!(figures.netin));
    put("netout", json!(figures.netout));
    put("diskread", json!(figures.diskread));
    put("diskwrite", json!(figures.diskwrite));
    put("uptime", json!(guest.uptime(cluster.now)));
    for key in ["tags", "lock"] {
        if let Some(value) = guest.get(key) {
            put(key, json!(value));
        }
    }
    if guest.is_template() {
        put("template", json!(1));
    }
    if guest.running {
        put("pid", json!(guest.pid));
        for key in load::PRESSURE {
            put(key, Value::Null);
        }
    }
    row
}

/// `GET /nodes/{node}/lxc/{vmid}/status/current`
fn current(cluster: &mut Cluster, args: &Args) -> Outcome {
    let guest = cluster.guest_at(Kind::Lxc, args.node(), args.vmid())?;
    let mut answer = row(cluster, guest);
    answer.insert("ha".into(), guest::ha_json(cluster, Kind::Lxc, guest.vmid));
    Ok(Value::Object(answer).into())
}
