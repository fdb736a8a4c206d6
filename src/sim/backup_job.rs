//! Backup jobs and what no job covers. Jobs don't run by themselves.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::calendar::Event;
use super::call::{Args, Fault, Outcome, split_list};
use super::router::Route;
use super::state::{Cluster, Config, Guest, Kind};

/// Backup jobs.
pub const ROUTES: &[Route] = &[
    Route("GET", "/cluster/backup", list),
    Route("POST", "/cluster/backup", create),
    Route("GET", "/cluster/backup/{id}", one),
    Route("PUT", "/cluster/backup/{id}", update),
    Route("DELETE", "/cluster/backup/{id}", remove),
    Route("GET", "/cluster/backup/{id}/included_volumes", included),
    Route("GET", "/cluster/backup-info/not-backed-up", uncovered),
];

const NESTED: [&str; 3] = ["prune-backups", "fleecing", "performance"];

fn row(cluster: &Cluster, id: &str, config: &Config, next: bool) -> Value {
    let mut out = Map::new();
    let method = cluster.table.method("POST", "/cluster/backup");
    for (key, value) in config {
        let value = if NESTED.contains(&key.as_str()) {
            let parts = value.split(',').filter_map(|p| p.split_once('='));
            let number = |v: &str| if key == "prune-backups" { json!(v) } else { super::table::number(v) };
            Value::Object(parts.map(|(k, v)| (k.to_owned(), number(v))).collect())
        } else {
            method.map_or_else(|| json!(value), |m| cluster.table.typed(m, key, value))
        };
        out.insert(key.clone(), value);
    }
    out.insert("id".into(), json!(id));
    out.insert("type".into(), json!("vzdump"));
    let on = config.get("enabled").is_none_or(|v| v == "1");
    if next
        && on
        && let Some(event) = config.get("schedule").and_then(|s| Event::parse(s).ok())
    {
        out.insert("next-run".into(), json!(event.next(cluster.now as i64)));
    }
    Value::Object(out)
}

fn jobs(cluster: &Cluster) -> impl Iterator<Item = (&String, &Config)> {
    let all = cluster.sections_of("jobs").into_iter().flatten();
    all.filter(|(_, c)| c.get("type").is_none_or(|t| t == "vzdump"))
}

fn list(cluster: &mut Cluster, _: &Args) -> Outcome {
    Ok(jobs(cluster).map(|(id, c)| row(cluster, id, c, true)).collect::<Vec<_>>().into())
}

fn create(cluster: &mut Cluster, args: &Args) -> Outcome {
    let selected = ["vmid", "all", "pool"].iter().any(|k| args.has(k));
    if !selected {
        // the real server wraps its own refusal into a 500 here
        return Err(super::call::die(
            "400 Parameter verification failed.\nvmid: property is missing and it is not optional",
        ));
    }
    let id = match args.opt("id") {
        Some(id) => id.to_owned(),
        None => cluster.rng.uuid(),
    };
    if cluster.section("jobs").contains_key(&id) {
        return Err(super::call::die(format!("Job '{id}' already exists")));
    }
    let mut config = args.settings(&["id"]);
    config.entry("enabled".into()).or_insert_with(|| "1".into());
    config.insert("type".into(), "vzdump".into());
    cluster.section("jobs").insert(id, config);
    Ok(().into())
}

fn find(cluster: &Cluster, args: &Args) -> Result<(String, Config), Fault> {
    let id = args.str("id");
    let found = jobs(cluster).find(|(own, _)| *own == id);
    found.map(|(id, c)| (id.clone(), c.clone())).ok_or_else(|| Fault::param("id", format!("No such job '{id}'")))
}

fn one(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (id, config) = find(cluster, args)?;
    Ok(row(cluster, &id, &config, false).into())
}

fn update(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (id, mut config) = find(cluster, args)?;
    config.extend(args.settings(&["id", "delete"]));
    for key in args.list("delete") {
        config.remove(&key);
    }
    cluster.section("jobs").insert(id, config);
    Ok(().into())
}

fn remove(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (id, _) = find(cluster, args)?;
    cluster.section("jobs").remove(&id);
    Ok(().into())
}

/// The guests that a job takes.
fn guests_of<'a>(cluster: &'a Cluster, config: &Config) -> Vec<&'a Guest> {
    let wanted = |key: &str| -> BTreeSet<u32> {
        split_list(config.get(key).map_or("", String::as_str)).iter().filter_map(|v| v.parse().ok()).collect()
    };
    let (vmids, exclude) = (wanted("vmid"), wanted("exclude"));
    let pool = config.get("pool").and_then(|p| cluster.pools.get(p));
    let all = config.get("all").is_some_and(|v| v == "1");
    let hit = |g: &&Guest| {
        (all || vmids.contains(&g.vmid) || pool.is_some_and(|p| p.vms.contains(&g.vmid))) && !exclude.contains(&g.vmid)
    };
    cluster.guests.values().filter(hit).collect()
}

fn included(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (_, config) = find(cluster, args)?;
    let mut children = Vec::new();
    for guest in guests_of(cluster, &config) {
        let mut volumes = Vec::new();
        for (key, value) in &guest.config {
            let disk = match guest.kind {
                Kind::Qemu => guest.is_disk(key) || key.starts_with("efidisk") || key.starts_with("tpmstate"),
                Kind::Lxc => key == "rootfs" || key.starts_with("mp"),
            };
            if !disk {
                continue;
            }
            let off = super::state::prop(value, "backup") == Some("0");
            let (on, reason) = match (off, guest.kind, key.as_str()) {
                (true, ..) => (0, "disabled"),
                (_, Kind::Lxc, k) if k != "rootfs" && super::state::prop(value, "backup").is_none() => (0, "disabled"),
                (_, Kind::Lxc, "rootfs") => (1, "enabled"),
                _ => (1, "enabled"),
            };
            let volid = value.split(',').next().unwrap_or("");
            volumes.push(json!({"id": key, "name": volid, "included": on, "reason": reason, "leaf": 1}));
        }
        children.push(json!({
            "id": guest.vmid, "name": guest.name(), "type": guest.kind.word(), "leaf": 0, "children": volumes
        }));
    }
    Ok(json!({"children": children, "leaf": 0}).into())
}

fn uncovered(cluster: &mut Cluster, args: &Args) -> Outcome {
    let covered: BTreeSet<u32> =
        jobs(cluster).flat_map(|(_, c)| guests_of(cluster, c)).map(|guest| guest.vmid).collect();
    let rest = cluster.guests.values().filter(|g| !covered.contains(&g.vmid));
    let rest = rest.filter(|g| cluster.may(args.user(), &format!("/vms/{}", g.vmid), "VM.Audit"));
    let rows = rest.map(|g| {
        let mut row = json!({"vmid": g.vmid, "type": g.kind.word()});
        if let Some(name) = g.get("name").or(g.get("hostname")) {
            row["name"] = json!(name);
        }
        row
    });
    Ok(rows.collect::<Vec<_>>().into())
}
