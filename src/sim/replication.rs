//! How replication jobs are doing. None runs by itself: only one that was told to does, for a few seconds.

use serde_json::{Value, json};

use super::{
    calendar::Event,
    call::{Args, Fault, Outcome, die},
    router::Route,
    section,
    state::{Cluster, Guest, Kind},
    task_list::log_page,
};

/// Replication on a node.
pub const ROUTES: &[Route] = &[
    Route("GET", "/nodes/{node}/replication", list),
    Route("GET", "/nodes/{node}/replication/{id}", |_, _| {
        Ok(["schedule_now", "log", "status"].iter().map(|n| json!({"name": n})).collect::<Vec<_>>().into())
    }),
    Route("GET", "/nodes/{node}/replication/{id}/status", status),
    Route("GET", "/nodes/{node}/replication/{id}/log", log),
    Route("POST", "/nodes/{node}/replication/{id}/schedule_now", schedule_now),
];

/// How long a run waits for the scheduler, and how long it takes.
const WAIT: f64 = 4.0;
const RUN: f64 = 6.0;

fn key(id: &str) -> String {
    format!("replication-state/{id}")
}

/// The jobs of the guests on a node.
fn of_node(cluster: &Cluster, node: &str) -> Vec<String> {
    let here = |id: &&String| {
        let vmid = id.split('-').next().and_then(|vmid| vmid.parse().ok()).unwrap_or(0);
        cluster.guests.get(&vmid).is_some_and(|guest| guest.node == node)
    };
    cluster.sections_of("replication").into_iter().flatten().map(|(id, _)| id).filter(here).cloned().collect()
}

/// Volumes that can't be replicated, by the rule that only ZFS can.
pub fn obstacle(cluster: &Cluster, guest: &Guest) -> Option<String> {
    let disks = guest.config.iter().filter(|(key, _)| guest.is_disk(key));
    disks
        .filter_map(|(_, text)| {
            let volume = text.split(',').next()?;
            let left_out = text.split(',').any(|part| part == "replicate=0" || part == "media=cdrom");
            let (storage, _) = volume.split_once(':').filter(|_| !left_out)?;
            let kind = cluster.storages.get(storage)?.kind();
            (kind != "zfspool").then(|| volume.to_owned())
        })
        .next()
}

/// The state as it is at this moment: a run that was due is over after a while.
fn state(cluster: &mut Cluster, id: &str) -> Value {
    let now = cluster.now;
    let target = cluster.sections_of("replication").and_then(|jobs| jobs.get(id)).cloned().unwrap_or_default();
    let entry = cluster.extra.entry(key(id)).or_insert_with(|| json!({"last_sync": 0, "last_try": 0, "fail_count": 0}));
    let due = entry["due"].as_f64();
    if let Some(due) = due.filter(|due| now >= due + WAIT + RUN) {
        let at = (due + WAIT) as i64;
        let stamp = |second: i64, text: &str| format!("{} {id}: {text}", at + second);
        let to = target.get("target").map_or("", String::as_str);
        entry["log"] = json!([
            stamp(0, "start replication job"),
            stamp(0, "guest => replicated, running => 0"),
            stamp(1, &format!("create snapshot '__replicate_{id}_{at}__'")),
            stamp(2, &format!("using insecure transmission to {to}, rate limit: none")),
            stamp(5, "delete previous replication snapshot"),
            stamp(6, "end replication job"),
        ]);
        entry["last_sync"] = json!(at);
        entry["last_try"] = json!(at);
        entry["duration"] = json!(RUN);
        entry["fail_count"] = json!(0);
        if let Some(map) = entry.as_object_mut() {
            map.remove("due");
            map.remove("error");
        }
    }
    let mut out = entry.clone();
    if due.is_some_and(|due| now >= due + WAIT && now < due + WAIT + RUN) {
        out["pid"] = json!(4711);
    }
    if let Some(map) = out.as_object_mut() {
        map.remove("log");
        map.remove("due");
    }
    let event = target.get("schedule").map_or("*/15", String::as_str);
    let next = if due.is_some() { Some(now as i64) } else { Event::parse(event).ok().and_then(|c| c.next(now as i64)) };
    out["next_sync"] = json!(next.unwrap_or(0));
    out
}

fn row(cluster: &mut Cluster, id: &str) -> Value {
    let job = section::one_of(cluster, "replication", id).unwrap_or_else(|| json!({}));
    let mut out = state(cluster, id);
    for (name, value) in job.as_object().into_iter().flatten().filter(|(name, _)| *name != "digest") {
        out[name] = value.clone();
    }
    let vmid = id.split('-').next().and_then(|vmid| vmid.parse().ok()).unwrap_or(0);
    if let Some(guest) = cluster.guests.get(&vmid) {
        out["source"] = json!(guest.node);
        out["vmtype"] = json!(if guest.kind == Kind::Qemu { "qemu" } else { "lxc" });
    }
    out["jobnum"] = json!(id.rsplit('-').next());
    out
}

fn list(cluster: &mut Cluster, args: &Args) -> Outcome {
    let wanted = args.opt("guest").map(|guest| format!("{guest}-"));
    let mut ids = of_node(cluster, args.node());
    ids.retain(|id| wanted.as_ref().is_none_or(|start| id.starts_with(start)));
    Ok(ids.iter().map(|id| row(cluster, id)).collect::<Vec<_>>().into())
}

fn known(cluster: &Cluster, args: &Args) -> Result<String, Fault> {
    let id = args.str("id").to_owned();
    let here = of_node(cluster, args.node()).contains(&id);
    if here { Ok(id) } else { Err(die(format!("no such replication job '{id}'"))) }
}

fn status(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = known(cluster, args)?;
    Ok(row(cluster, &id).into())
}

fn log(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = known(cluster, args)?;
    state(cluster, &id);
    log_page(cluster.extra.get(&key(&id)).and_then(|s| s.get("log")), args)
}

fn schedule_now(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = known(cluster, args)?;
    state(cluster, &id);
    let now = cluster.now;
    if let Some(entry) = cluster.extra.get_mut(&key(&id)) {
        entry["due"] = json!(now);
    }
    Ok(String::new().into())
}
