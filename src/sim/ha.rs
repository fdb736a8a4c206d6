//! High availability: resources, rules, status. Failover itself is not modelled.

use serde_json::{Map, Value, json};

use super::call::{Args, Fault, Outcome, die};
use super::crypto::digest;
use super::router::Route;
use super::state::{Cluster, Config, Kind};

/// High availability.
pub const ROUTES: &[Route] = &[
    Route("GET", "/cluster/ha/resources", resources),
    Route("POST", "/cluster/ha/resources", add),
    Route("GET", "/cluster/ha/resources/{sid}", resource),
    Route("PUT", "/cluster/ha/resources/{sid}", update),
    Route("DELETE", "/cluster/ha/resources/{sid}", remove),
    Route("POST", "/cluster/ha/resources/{sid}/migrate", migrate),
    Route("POST", "/cluster/ha/resources/{sid}/relocate", migrate),
    Route("GET", "/cluster/ha/rules", rules),
    Route("POST", "/cluster/ha/rules", add_rule),
    Route("GET", "/cluster/ha/rules/{rule}", rule),
    Route("PUT", "/cluster/ha/rules/{rule}", update_rule),
    Route("DELETE", "/cluster/ha/rules/{rule}", remove_rule),
    Route("GET", "/cluster/ha/groups", |_, _| Err(die("cannot index groups: ha groups have been migrated to rules"))),
    Route("GET", "/cluster/ha/status/current", status),
    Route("GET", "/cluster/ha/status/manager_status", manager),
];

/// `100` or `vm:100` as the full id of a resource.
fn sid(cluster: &Cluster, text: &str) -> String {
    if text.contains(':') {
        return text.to_owned();
    }
    let kind = text.parse().ok().and_then(|id| cluster.guest(id)).map(|g| g.kind);
    format!("{}:{text}", if kind == Some(Kind::Lxc) { "ct" } else { "vm" })
}

fn row(cluster: &Cluster, file: &str, id: (&str, &str), config: &Config) -> Value {
    let mut out = Map::new();
    for (key, value) in config {
        let text = matches!(key.as_str(), "comment" | "nodes" | "resources");
        out.insert(key.clone(), if text { json!(value) } else { super::table::number(value) });
    }
    out.insert(id.0.into(), json!(id.1));
    out.insert("digest".into(), json!(digest(&format!("{:?}", cluster.sections_of(file)))));
    Value::Object(out)
}

fn resources(cluster: &mut Cluster, args: &Args) -> Outcome {
    let rows = cluster.sections_of("ha/resources").into_iter().flatten();
    let rows = rows.filter(|(id, _)| args.opt("type").is_none_or(|t| id.starts_with(&format!("{t}:"))));
    Ok(rows.map(|(id, c)| row(cluster, "ha/resources", ("sid", id), c)).collect::<Vec<_>>().into())
}

fn add(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = sid(cluster, args.str("sid"));
    let vmid = id.split(':').nth(1).and_then(|v| v.parse().ok()).unwrap_or(0);
    let kind = if id.starts_with("ct:") { Kind::Lxc } else { Kind::Qemu };
    if cluster.guest(vmid).is_none_or(|g| g.kind != kind) {
        return Err(die(format!("resource '{id}' does not exist in cluster")));
    }
    if cluster.sections_of("ha/resources").is_some_and(|s| s.contains_key(&id)) {
        return Err(die(format!("create resource failed: resource ID '{id}' already defined")));
    }
    let mut config = args.settings(&["sid"]);
    config.insert("type".into(), id[..2].to_owned());
    config.entry("state".into()).or_insert_with(|| "started".into());
    cluster.section("ha/resources").insert(id, config);
    Ok(().into())
}

fn find(cluster: &Cluster, args: &Args) -> Result<(String, Config), Fault> {
    let id = sid(cluster, args.str("sid"));
    match cluster.sections_of("ha/resources").and_then(|s| s.get(&id)) {
        Some(config) => Ok((id, config.clone())),
        None => Err(die(format!("no such resource '{id}'"))),
    }
}

fn resource(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (id, config) = find(cluster, args)?;
    Ok(row(cluster, "ha/resources", ("sid", &id), &config).into())
}

fn update(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (id, mut config) = find(cluster, args)?;
    config.extend(args.settings(&["sid", "delete", "digest"]));
    for key in args.list("delete") {
        config.remove(&key);
    }
    cluster.section("ha/resources").insert(id, config);
    Ok(().into())
}

fn remove(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = sid(cluster, args.str("sid"));
    if cluster.section("ha/resources").remove(&id).is_none() {
        return Err(die(format!("cannot delete service '{id}', not HA managed!")));
    }
    Ok(().into())
}

fn migrate(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = sid(cluster, args.str("sid"));
    let managed = cluster.sections_of("ha/resources").and_then(|s| s.get(&id));
    if managed.is_none_or(|c| c.get("state").is_some_and(|s| s == "ignored")) {
        return Err(die(format!("resource '{id}' is not HA managed")));
    }
    let node = args.node().to_owned();
    let vmid = id.split(':').nth(1).and_then(|v| v.parse().ok()).unwrap_or(0);
    let online = cluster.nodes.get(&node).is_some_and(|n| n.online);
    if !online {
        return Err(die(format!("cannot migrate resource '{id}' to node '{node}': node is not online")));
    }
    // the manager moves it in one of its next rounds
    let script = super::task::Script::new().wait(12.0).then(move |cluster, _| {
        if let Some(guest) = cluster.guest_mut(vmid) {
            guest.node = node;
        }
        Ok(())
    });
    let from = cluster.guest(vmid).map_or_else(|| cluster.local.clone(), |g| g.node.clone());
    cluster.start_task(
        "root@pam",
        &from,
        if id.starts_with("ct") { "vzmigrate" } else { "qmigrate" },
        &vmid.to_string(),
        script,
    );
    Ok(json!({"sid": id, "requested-node": args.node()}).into())
}

fn rules(cluster: &mut Cluster, args: &Args) -> Outcome {
    let rows = cluster.sections_of("ha/rules").into_iter().flatten();
    let rows = rows.filter(|(_, c)| args.opt("type").is_none_or(|t| c.get("type").is_some_and(|own| own == t)));
    Ok(rows.map(|(id, c)| row(cluster, "ha/rules", ("rule", id), c)).collect::<Vec<_>>().into())
}

fn add_rule(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("rule").to_owned();
    if cluster.section("ha/rules").contains_key(&id) {
        return Err(die(format!("HA rule '{id}' already exists")));
    }
    cluster.section("ha/rules").insert(id, args.settings(&["rule"]));
    Ok(().into())
}

fn no_rule(id: &str) -> Fault {
    die(format!("HA rule '{id}' does not exist"))
}

fn rule(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("rule");
    let config = cluster.sections_of("ha/rules").and_then(|s| s.get(id)).ok_or_else(|| no_rule(id))?;
    Ok(row(cluster, "ha/rules", ("rule", id), config).into())
}

fn update_rule(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("rule");
    let config = cluster.section("ha/rules").get_mut(id).ok_or_else(|| no_rule(id))?;
    config.extend(args.settings(&["rule", "delete", "digest"]));
    for key in args.list("delete") {
        config.remove(&key);
    }
    Ok(().into())
}

fn remove_rule(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("rule");
    cluster.section("ha/rules").remove(id).map(|_| ().into()).ok_or_else(|| no_rule(id))
}

fn status(cluster: &mut Cluster, _: &Args) -> Outcome {
    let online = cluster.nodes.values().filter(|n| n.online).count();
    let quorate = online * 2 > cluster.nodes.len();
    let managed = cluster.sections_of("ha/resources").is_some_and(|s| !s.is_empty());
    let local = cluster.local.clone();
    let word = if quorate { "OK" } else { "No quorum on node" };
    let mut out = vec![json!({
        "id": "quorum", "type": "quorum", "node": local, "status": word, "quorate": u8::from(quorate)
    })];
    let stamp = super::download::stamp(cluster.now);
    if managed {
        out.push(json!({
            "id": "master", "type": "master", "node": local, "timestamp": cluster.now as u64,
            "status": format!("{local} (active, {stamp})")
        }));
        for node in cluster.nodes.values() {
            let state = if node.online { "active" } else { "old timestamp - dead?" };
            out.push(json!({
                "id": format!("lrm:{}", node.name), "type": "lrm", "node": node.name, "timestamp": cluster.now as u64,
                "status": format!("{} ({state}, {stamp})", node.name)
            }));
        }
    }
    out.push(json!({
        "id": "fencing", "type": "fencing", "node": local, "armed-state": if managed { "armed" } else { "standby" },
        "status": if managed { "armed" } else { "standby (CRM watchdog standby)" }
    }));
    for (id, config) in cluster.sections_of("ha/resources").into_iter().flatten() {
        let vmid: u32 = id.split(':').nth(1).and_then(|v| v.parse().ok()).unwrap_or(0);
        let Some(guest) = cluster.guest(vmid) else { continue };
        let state = config.get("state").map_or("started", String::as_str);
        out.push(json!({
            "id": format!("service:{id}"), "type": "service", "sid": id, "node": guest.node, "state": state,
            "request_state": state, "crm_state": state, "status": format!("{id} ({}, {state})", guest.node),
            "max_restart": 1, "max_relocate": 1
        }));
    }
    Ok(out.into())
}

fn manager(cluster: &mut Cluster, _: &Args) -> Outcome {
    let nodes: Map<String, Value> =
        cluster.nodes.values().map(|n| (n.name.clone(), json!(if n.online { "online" } else { "unknown" }))).collect();
    Ok(json!({
        "manager_status": {"master_node": cluster.local, "node_status": nodes, "service_status": {}, "timestamp": cluster.now as u64},
        "lrm_status": {}, "quorum": {"node": cluster.local, "quorate": "1"}
    })
    .into())
}
