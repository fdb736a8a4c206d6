//! Resource pools.

use serde_json::{Value, json};

use super::call::{Args, Fault, Outcome, die};
use super::resource::{guest_text, storage_entry};
use super::router::Route;
use super::state::{Cluster, Pool};

/// Pools, by path (the deprecated form) and by parameter.
pub const ROUTES: &[Route] = &[
    Route("GET", "/pools", list),
    Route("POST", "/pools", create),
    Route("PUT", "/pools", update),
    Route("DELETE", "/pools", delete),
    Route("GET", "/pools/{poolid}", one),
    Route("PUT", "/pools/{poolid}", update),
    Route("DELETE", "/pools/{poolid}", delete),
];

fn members(cluster: &Cluster, args: &Args, pool: &Pool) -> Vec<Value> {
    let wanted = args.opt("type");
    let mut out = Vec::new();
    for guest in pool.vms.iter().filter_map(|vmid| cluster.guest(*vmid)) {
        if wanted.is_none_or(|w| w == guest.kind.word()) {
            let text = guest_text(cluster, guest, None);
            let mut row: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
            if let Some(map) = row.as_object_mut() {
                map.remove("tags");
                map.remove("lock");
            }
            out.push(row);
        }
    }
    if wanted.is_none_or(|w| w == "storage") {
        for storage in pool.storages.iter().filter_map(|s| cluster.storages.get(s)) {
            for node in cluster.nodes.values().filter(|n| storage.on_node(&n.name)) {
                let room = (node.online && storage.enabled()).then(|| cluster.room(&node.name, storage));
                out.push(storage_entry(node, storage, room));
                if storage.shared() {
                    break;
                }
            }
        }
    }
    out
}

fn missing(id: &str) -> Fault {
    die(format!("pool '{id}' does not exist"))
}

fn list(cluster: &mut Cluster, args: &Args) -> Outcome {
    let mut out = Vec::new();
    if let Some(id) = args.opt("poolid") {
        let pool = cluster.pools.get(id).ok_or_else(|| missing(id))?;
        cluster.need_any(args, &format!("/pool/{id}"), &["Pool.Audit"])?;
        let mut entry = json!({"poolid": id, "members": members(cluster, args, pool)});
        if let Some(comment) = &pool.comment {
            entry["comment"] = json!(comment);
        }
        out.push(entry);
        return Ok(out.into());
    }
    for (id, pool) in &cluster.pools {
        if cluster.may_any(args.user(), &format!("/pool/{id}"), &["Pool.Audit"]) {
            let mut entry = json!({"poolid": id});
            if let Some(comment) = &pool.comment {
                entry["comment"] = json!(comment);
            }
            out.push(entry);
        }
    }
    Ok(out.into())
}

fn one(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("poolid");
    let pool = cluster.pools.get(id).ok_or_else(|| missing(id))?;
    let mut entry = json!({"poolid": id, "members": members(cluster, args, pool)});
    if let Some(comment) = &pool.comment {
        entry["comment"] = json!(comment);
    }
    Ok(entry.into())
}

fn create(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("poolid");
    if cluster.pools.contains_key(id) {
        return Err(die(format!("create pool failed: pool '{id}' already exists")));
    }
    if let Some((parent, _)) = id.rsplit_once('/')
        && !cluster.pools.contains_key(parent)
    {
        return Err(die(format!("create pool failed: parent pool '{parent}' of '{id}' does not exist")));
    }
    let pool = Pool { comment: args.opt("comment").map(str::to_owned), ..Pool::default() };
    cluster.pools.insert(id.to_owned(), pool);
    Ok(().into())
}

fn update(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("poolid").to_owned();
    let failed = |text: String| die(format!("update pools failed: {text}"));
    let mut pool = cluster.pools.get(&id).cloned().ok_or_else(|| failed(format!("pool '{id}' does not exist")))?;
    if let Some(comment) = args.opt("comment") {
        pool.comment = Some(comment.to_owned());
    }
    let delete = args.flag("delete");
    let mut moved = Vec::new();
    for vmid in args.list("vms") {
        let vmid: u32 = vmid.parse().unwrap_or(0);
        let path = format!("/vms/{vmid}");
        if !cluster.may(args.user(), &path, "VM.Allocate") && !cluster.may(args.user(), &path, "Pool.Allocate") {
            return Err(Fault::forbidden(&path, &["VM.Allocate"]));
        }
        if delete {
            if !pool.vms.remove(&vmid) {
                return Err(failed(format!("VM {vmid} is not a pool member")));
            }
            continue;
        }
        if !cluster.guests.contains_key(&vmid) {
            return Err(failed(format!("VM {vmid} does not exist")));
        }
        if pool.vms.contains(&vmid) {
            return Err(failed(format!("VM {vmid} is already a pool member")));
        }
        if let Some(other) = cluster.pool_of(vmid) {
            if !args.flag("allow-move") {
                return Err(failed(format!("VM {vmid} belongs already to pool '{other}' and 'allow-move' is not set")));
            }
            moved.push((other.to_owned(), vmid));
        }
        pool.vms.insert(vmid);
    }
    for storage in args.list("storage") {
        cluster.need(args, &format!("/storage/{storage}"), &["Datastore.Allocate"])?;
        if delete {
            if !pool.storages.remove(&storage) {
                return Err(failed(format!("Storage '{storage}' is not a pool member")));
            }
        } else if !pool.storages.insert(storage.clone()) {
            return Err(failed(format!("Storage '{storage}' is already a pool member")));
        }
    }
    for (other, vmid) in moved {
        if let Some(other) = cluster.pools.get_mut(&other) {
            other.vms.remove(&vmid);
        }
    }
    cluster.pools.insert(id, pool);
    Ok(().into())
}

fn delete(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("poolid");
    let failed = |text: String| Err(die(format!("delete pool failed: {text}")));
    let Some(pool) = cluster.pools.get(id) else { return failed(format!("pool '{id}' does not exist")) };
    let prefix = format!("{id}/");
    if let Some(sub) = cluster.pools.keys().find(|k| k.starts_with(&prefix)) {
        return failed(format!("pool '{id}' is not empty (contains pool '{sub}')"));
    }
    if let Some(vmid) = pool.vms.first() {
        return failed(format!("pool '{id}' is not empty (contains VM {vmid})"));
    }
    if let Some(storage) = pool.storages.first() {
        return failed(format!("pool '{id}' is not empty (contains storage '{storage}')"));
    }
    cluster.pools.remove(id);
    Ok(().into())
}
