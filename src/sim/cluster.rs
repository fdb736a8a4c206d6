//! The cluster as a whole: version, status, options, next free id, log, configuration, schedules.

use serde_json::{Map, Value, json};

use super::calendar::Event;
use super::call::{Args, Fault, Outcome};
use super::router::Route;
use super::state::Cluster;

/// The cluster.
pub const ROUTES: &[Route] = &[
    Route("GET", "/version", version),
    Route("GET", "/nodes/{node}/version", version),
    Route("GET", "/cluster", index),
    Route("GET", "/cluster/status", status),
    Route("GET", "/cluster/nextid", next_id),
    Route("GET", "/cluster/options", options),
    Route("PUT", "/cluster/options", set_options),
    Route("GET", "/cluster/log", log),
    Route("GET", "/cluster/config/nodes", config_nodes),
    Route("GET", "/cluster/config/join", join),
    Route("GET", "/cluster/config/totem", totem),
    Route("GET", "/cluster/jobs/schedule-analyze", analyze),
];

fn version(cluster: &mut Cluster, _: &Args) -> Outcome {
    Ok(json!(cluster.version).into())
}

fn index(_: &mut Cluster, _: &Args) -> Outcome {
    let names = [
        "acme",
        "backup",
        "backup-info",
        "bulk-action",
        "ceph",
        "config",
        "firewall",
        "ha",
        "jobs",
        "log",
        "mapping",
        "metrics",
        "notifications",
        "nextid",
        "options",
        "qemu",
        "replication",
        "resources",
        "status",
        "tasks",
        "sdn",
    ];
    Ok(names.iter().map(|n| json!({"name": n})).collect::<Vec<_>>().into())
}

fn status(cluster: &mut Cluster, _: &Args) -> Outcome {
    let mut out = Vec::new();
    if let Some(name) = &cluster.name {
        let online = cluster.nodes.values().filter(|n| n.online).count();
        let quorate = u8::from(online * 2 > cluster.nodes.len());
        out.push(json!({
            "type": "cluster", "id": "cluster", "name": name, "nodes": cluster.nodes.len(), "quorate": quorate, "version": 4
        }));
    }
    for node in cluster.nodes.values() {
        let local = u8::from(node.name == cluster.local);
        out.push(json!({
            "type": "node", "id": format!("node/{}", node.name), "name": node.name, "ip": node.ip, "level": node.level,
            "nodeid": node.id, "online": u8::from(node.online), "local": local
        }));
    }
    Ok(out.into())
}

fn next_id(cluster: &mut Cluster, args: &Args) -> Outcome {
    match args.int("vmid") {
        Some(id) if cluster.guests.contains_key(&(id as u32)) => {
            Err(Fault::param("vmid", format!("VM {id} already exists")))
        }
        Some(id) => Ok(id.to_string().into()),
        None => Ok(cluster.next_vmid().to_string().into()),
    }
}

/// Options that read back as objects.
const NESTED: [&str; 11] = [
    "migration",
    "ha",
    "crs",
    "bwlimit",
    "next-id",
    "notify",
    "tag-style",
    "user-tag-access",
    "u2f",
    "webauthn",
    "replication",
];

fn options(cluster: &mut Cluster, _: &Args) -> Outcome {
    let mut out = Map::new();
    out.insert("mac_prefix".into(), json!("BC:24:11"));
    let known: std::collections::BTreeSet<&str> =
        cluster.guests.values().filter_map(|g| g.get("tags")).flat_map(|t| t.split(';')).collect();
    out.insert("allowed-tags".into(), json!(known));
    if cluster.extra.contains_key("options-touched") {
        // once the file was written, it has a description, be it an empty one
        out.insert("description".into(), json!(""));
    }
    let method = cluster.table.method("PUT", "/cluster/options").cloned();
    for (key, value) in &cluster.options {
        let value = match (key.as_str(), &method) {
            ("description", _) => json!(format!("{}\n", value.trim_end_matches('\n'))),
            ("registered-tags", _) => json!(value.split([';', ',']).collect::<Vec<_>>()),
            (key, Some(method)) if NESTED.contains(&key) => {
                let keys = cluster.table.spec(method, key).and_then(|s| s.get("format")?.as_object());
                let parts = keys.and_then(|k| super::verify::split_properties(k, value).ok()).unwrap_or_default();
                Value::Object(parts.into_iter().map(|(k, v)| (k, super::table::number(&v))).collect())
            }
            (key, Some(method)) => cluster.table.typed(method, key, value),
            _ => json!(value),
        };
        out.insert(key.clone(), value);
    }
    if let Some(tags) = cluster.options.get("registered-tags") {
        let all: std::collections::BTreeSet<&str> = known.iter().copied().chain(tags.split([';', ','])).collect();
        out.insert("allowed-tags".into(), json!(all));
    }
    Ok(Value::Object(out).into())
}

fn set_options(cluster: &mut Cluster, args: &Args) -> Outcome {
    cluster.extra.insert("options-touched".into(), json!(true));
    cluster.options.extend(args.settings(&["delete"]));
    for key in args.list("delete") {
        cluster.options.remove(&key);
    }
    Ok(().into())
}

fn log(cluster: &mut Cluster, args: &Args) -> Outcome {
    let max = args.int("max").unwrap_or(50).max(1) as usize;
    let ended = cluster.tasks.list.iter().rev().filter(|t| t.end.is_some()).take(max);
    let rows = ended.enumerate().map(|(i, task)| {
        let (time, status) = task.end.clone().unwrap_or_default();
        json!({
            "uid": i + 1, "time": time, "node": task.node, "pid": task.pid, "tag": "pvedaemon", "pri": 6,
            "user": task.user, "msg": format!("end task {} {status}", task.upid)
        })
    });
    Ok(rows.collect::<Vec<_>>().into())
}

fn config_nodes(cluster: &mut Cluster, _: &Args) -> Outcome {
    if cluster.name.is_none() {
        return Ok(json!([]).into());
    }
    let nodes = cluster.nodes.values();
    let rows = nodes.map(|n| {
        json!({
            "name": n.name, "node": n.name, "nodeid": n.id.to_string(), "quorum_votes": "1", "ring0_addr": n.ip
        })
    });
    Ok(rows.collect::<Vec<_>>().into())
}

fn join(cluster: &mut Cluster, _: &Args) -> Outcome {
    let Some(name) = cluster.name.clone() else {
        return Err(Fault::new(424, "node is not in a cluster, no join info available!"));
    };
    let nodes = cluster.nodes.values();
    let list: Vec<Value> = nodes
        .map(|n| {
            json!({
                "name": n.name, "nodeid": n.id.to_string(), "pve_addr": n.ip, "pve_fp": n.fingerprint, "quorum_votes": "1",
                "ring0_addr": n.ip
            })
        })
        .collect();
    Ok(json!({
        "config_digest": super::crypto::digest(&name), "nodelist": list, "preferred_node": cluster.local,
        "totem": {"cluster_name": name, "config_version": "4", "interface": {"0": {"linknumber": "0"}},
                  "ip_version": "ipv4-6", "link_mode": "passive", "secauth": "on", "version": "2"}
    })
    .into())
}

fn totem(cluster: &mut Cluster, _: &Args) -> Outcome {
    Ok(match &cluster.name {
        None => json!({}),
        Some(name) => json!({"cluster_name": name, "config_version": "4", "ip_version": "ipv4-6", "version": "2"}),
    }
    .into())
}

fn analyze(cluster: &mut Cluster, args: &Args) -> Outcome {
    let event = Event::parse(args.str("schedule")).map_err(|e| Fault::param("schedule", e))?;
    let mut time = args.int("starttime").unwrap_or(cluster.now as i64);
    let mut out = Vec::new();
    for _ in 0..args.int("iterations").unwrap_or(10) {
        let Some(next) = event.next(time) else { break };
        let utc = jiff::Timestamp::from_second(next).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
        out.push(json!({"timestamp": next, "utc": utc.strftime("%a %b %e %H:%M:%S %Y").to_string()}));
        time = next;
    }
    Ok(out.into())
}
