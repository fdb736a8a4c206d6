//! Network interfaces of a node: what is in force, what is staged, apply and revert.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::{Args, Fault, Outcome, Reply};
use super::router::Route;
use super::state::{Cluster, Node};
use super::task::Script;

/// Network interfaces.
pub const ROUTES: &[Route] = &[
    Route("GET", "/nodes/{node}/network", list),
    Route("POST", "/nodes/{node}/network", create),
    Route("PUT", "/nodes/{node}/network", apply),
    Route("DELETE", "/nodes/{node}/network", revert),
    Route("GET", "/nodes/{node}/network/{iface}", one),
    Route("PUT", "/nodes/{node}/network/{iface}", update),
    Route("DELETE", "/nodes/{node}/network/{iface}", delete),
];

type Interfaces = BTreeMap<String, Value>;

/// The interfaces as they will be: staged ones if there are any.
fn current(node: &Node) -> &Interfaces {
    node.staged.as_ref().unwrap_or(&node.network)
}

/// `/etc/network/interfaces` as text, for the difference.
fn text(interfaces: &Interfaces) -> Vec<String> {
    let mut out = Vec::new();
    for (name, iface) in interfaces {
        if iface["autostart"] == 1 {
            out.push(format!("auto {name}"));
        }
        out.push(format!("iface {name} inet {}", iface["method"].as_str().unwrap_or("manual")));
        for (key, option) in [
            ("cidr", "address"),
            ("gateway", "gateway"),
            ("bridge_ports", "bridge-ports"),
            ("bridge_stp", "bridge-stp"),
            ("bridge_fd", "bridge-fd"),
            ("bridge_vids", "bridge-vids"),
            ("slaves", "bond-slaves"),
            ("bond_mode", "bond-mode"),
            ("mtu", "mtu"),
        ] {
            if let Some(value) = iface[key].as_str() {
                let value = if key == "bridge_ports" && value.is_empty() { "none" } else { value };
                out.push(format!("\t{option} {value}"));
            }
        }
        if iface["bridge_vlan_aware"] == 1 {
            out.push("\tbridge-vlan-aware yes".into());
        }
        for line in iface["comments"].as_str().unwrap_or("").lines() {
            out.push(format!("#{line}"));
        }
        out.push(String::new());
    }
    out
}

/// A unified difference of the whole file, by its common beginning and end.
fn changes(node: &Node, now: f64) -> Option<String> {
    let (old, new) = (text(&node.network), text(node.staged.as_ref()?));
    if old == new {
        return None;
    }
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (from, to) = (head.saturating_sub(3), 3.min(tail));
    let stamp = super::download::stamp(now);
    let mut out = format!(
        "--- /etc/network/interfaces\t{stamp}.000000000 +0000\n+++ /etc/network/interfaces.new\t{stamp}.000000000 +0000\n@@ -{},{} +{},{} @@\n",
        from + 1,
        old.len() - tail + to - from,
        from + 1,
        new.len() - tail + to - from
    );
    let mut push = |mark: char, lines: &[String]| lines.iter().for_each(|l| out.push_str(&format!("{mark}{l}\n")));
    push(' ', &old[from..head]);
    push('-', &old[head..old.len() - tail]);
    push('+', &new[head..new.len() - tail]);
    push(' ', &old[old.len() - tail..old.len() - tail + to]);
    Some(out)
}

fn list(cluster: &mut Cluster, args: &Args) -> Outcome {
    let node = &cluster.nodes[args.node()];
    let kind = args.opt("type");
    let hit = |iface: &Value| {
        let own = iface["type"].as_str().unwrap_or("");
        match kind {
            None => true,
            Some("any_bridge" | "any_local_bridge" | "include_sdn") => own == "bridge" || own == "OVSBridge",
            Some(kind) => own == kind,
        }
    };
    let rows: Vec<Value> = current(node)
        .iter()
        .filter(|(_, iface)| hit(iface))
        .map(|(name, iface)| {
            let mut row = iface.clone();
            row["iface"] = json!(name);
            row
        })
        .collect();
    let mut reply = Reply::from(rows);
    if let Some(text) = changes(node, cluster.now) {
        reply = reply.with("changes", text);
    }
    Ok(reply)
}

fn one(cluster: &mut Cluster, args: &Args) -> Outcome {
    let node = &cluster.nodes[args.node()];
    let found = current(node).get(args.str("iface"));
    Ok(found.cloned().ok_or_else(|| Fault::param("iface", "interface does not exist"))?.into())
}

/// An interface from the parameters of a call.
fn build(args: &Args, priority: usize) -> Value {
    let mut out = json!({"families": ["inet"], "method6": "manual", "priority": priority});
    for (key, value) in args.settings(&["node", "iface", "delete"]) {
        out[&key] = match key.as_str() {
            "autostart" | "bridge_vlan_aware" | "vlan-id" => super::table::number(&value),
            "comments" => json!(format!("{value}\n")),
            _ => json!(value),
        };
    }
    if let Some(cidr) = args.opt("cidr").filter(|c| !c.is_empty()) {
        let (ip, mask) = cidr.split_once('/').unwrap_or((cidr, "32"));
        out["address"] = json!(ip);
        out["netmask"] = json!(mask);
    } else if let Some(ip) = args.opt("address") {
        out["cidr"] = json!(format!("{ip}/{}", args.opt("netmask").unwrap_or("24")));
    }
    out["method"] = json!(if out["address"].is_string() { "static" } else { "manual" });
    if let Some(cidr) = args.opt("cidr6").filter(|c| !c.is_empty()) {
        let (ip, mask) = cidr.split_once('/').unwrap_or((cidr, "128"));
        out["address6"] = json!(ip);
        out["netmask6"] = json!(mask);
        out["method6"] = json!("static");
        out["families"] = json!(["inet", "inet6"]);
    }
    if out["type"] == "bridge" {
        for (key, value) in [("bridge_ports", ""), ("bridge_stp", "off"), ("bridge_fd", "0")] {
            if out[key].is_null() {
                out[key] = json!(value);
            }
        }
    }
    out
}

fn stage<'a>(cluster: &'a mut Cluster, args: &Args) -> Result<&'a mut Interfaces, Fault> {
    let node = cluster.nodes.get_mut(args.node()).ok_or_else(|| Fault::new(500, "no such node"))?;
    let now = node.network.clone();
    Ok(node.staged.get_or_insert(now))
}

/// A second gateway for the same family is refused.
fn check_gateway(cluster: &Cluster, args: &Args) -> Result<(), Fault> {
    for key in ["gateway", "gateway6"] {
        if args.opt(key).is_none_or(str::is_empty) {
            continue;
        }
        let others = current(&cluster.nodes[args.node()]).iter();
        let other = others.filter(|(name, _)| *name != args.str("iface")).find(|(_, i)| i[key].is_string());
        if let Some((name, _)) = other {
            return Err(Fault::param(key, format!("Default gateway already exists on interface '{name}'.")));
        }
    }
    Ok(())
}

fn create(cluster: &mut Cluster, args: &Args) -> Outcome {
    check_gateway(cluster, args)?;
    let name = args.str("iface").to_owned();
    let staged = stage(cluster, args)?;
    if staged.contains_key(&name) {
        return Err(Fault::param("iface", "interface already exists"));
    }
    let iface = build(args, staged.len() + 3);
    staged.insert(name, iface);
    Ok(().into())
}

fn update(cluster: &mut Cluster, args: &Args) -> Outcome {
    check_gateway(cluster, args)?;
    let (name, delete) = (args.str("iface").to_owned(), args.list("delete"));
    let staged = stage(cluster, args)?;
    let old = staged.get(&name).cloned().ok_or_else(|| Fault::param("iface", "interface does not exist"))?;
    let mut iface = build(args, old["priority"].as_u64().unwrap_or(9) as usize);
    for key in ["active", "exists"] {
        if !old[key].is_null() {
            iface[key] = old[key].clone();
        }
    }
    if let Some(map) = iface.as_object_mut() {
        for key in delete {
            map.remove(&key);
        }
    }
    staged.insert(name, iface);
    Ok(().into())
}

fn delete(cluster: &mut Cluster, args: &Args) -> Outcome {
    let name = args.str("iface").to_owned();
    match stage(cluster, args)?.remove(&name) {
        Some(_) => Ok(().into()),
        None => Err(Fault::param("iface", "interface does not exist")),
    }
}

fn apply(cluster: &mut Cluster, args: &Args) -> Outcome {
    let node = args.node().to_owned();
    let place = node.clone();
    let script = Script::new().wait(2.0).then(move |cluster, _| {
        if let Some(node) = cluster.nodes.get_mut(&place)
            && let Some(mut staged) = node.staged.take()
        {
            staged.values_mut().for_each(|i| i["active"] = json!(1));
            node.network = staged;
        }
        Ok(())
    });
    Ok(cluster.start_task(args.user(), &node, "srvreload", "networking", script).into())
}

fn revert(cluster: &mut Cluster, args: &Args) -> Outcome {
    if let Some(node) = cluster.nodes.get_mut(args.node()) {
        node.staged = None;
    }
    Ok(().into())
}
