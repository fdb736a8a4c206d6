//! What the API says about tasks: lists, status, log, stop.

use serde_json::{Value, json};

use super::call::{Args, Fault, Outcome, Reply, split_list};
use super::router::Route;
use super::state::Cluster;
use super::task::Task;

/// Tasks.
pub const ROUTES: &[Route] = &[
    Route("GET", "/cluster/tasks", recent),
    Route("GET", "/nodes/{node}/tasks", list),
    Route("GET", "/nodes/{node}/tasks/{upid}", |_, _| Ok(json!([{"name": "log"}, {"name": "status"}]).into())),
    Route("DELETE", "/nodes/{node}/tasks/{upid}", stop),
    Route("GET", "/nodes/{node}/tasks/{upid}/status", status),
    Route("GET", "/nodes/{node}/tasks/{upid}/log", log),
];

fn entry(task: &Task) -> Value {
    let mut out = json!({
        "upid": task.upid, "node": task.node, "pid": task.pid, "pstart": task.pstart, "starttime": task.start,
        "type": task.kind, "id": task.id, "user": task.owner()
    });
    if let Some((_, token)) = task.user.split_once('!') {
        out["tokenid"] = json!(token);
    }
    if let Some((end, status)) = &task.end {
        out["endtime"] = json!(end);
        out["status"] = json!(status);
    }
    out
}

/// `GET /cluster/tasks`: running ones and the most recent finished ones of all nodes.
fn recent(cluster: &mut Cluster, args: &Args) -> Outcome {
    let audit = cluster.may(args.user(), "/", "Sys.Audit");
    let seen =
        |t: &&Task| audit || is_own(args, t) || cluster.may(args.user(), &format!("/nodes/{}", t.node), "Sys.Audit");
    let alive = |t: &&Task| cluster.nodes.get(&t.node).is_some_and(|n| n.online);
    let short = |task: &Task| {
        let mut entry = entry(task);
        if let Some(map) = entry.as_object_mut() {
            map.remove("pid");
            map.remove("pstart");
        }
        entry
    };
    let running = cluster.tasks.running().filter(seen).filter(alive).map(short);
    let ended = cluster.tasks.list.iter().rev().filter(|t| t.end.is_some()).filter(seen).filter(alive);
    let mut out: Vec<Value> = running.collect();
    out.extend(ended.take(25 * cluster.nodes.len().max(1)).map(|task| {
        let mut entry = short(task);
        entry["saved"] = json!("1");
        entry
    }));
    Ok(out.into())
}

fn is_own(args: &Args, task: &Task) -> bool {
    task.user == args.user() || task.owner() == args.user()
}

fn list(cluster: &mut Cluster, args: &Args) -> Outcome {
    let node = args.node();
    let audit = cluster.may(args.user(), &format!("/nodes/{node}"), "Sys.Audit");
    let source = args.opt("source").unwrap_or("archive");
    let states = split_list(args.str("statusfilter"));
    let hit = |task: &&Task| {
        let exit = task.exit();
        let class = match exit {
            None => "running",
            Some("OK") => "ok",
            Some(text) if text.starts_with("WARNINGS") => "warning",
            Some("unexpected status") => "unknown",
            Some(_) => "error",
        };
        task.node == node
            && (audit || is_own(args, task))
            && match source {
                "active" => exit.is_none(),
                "archive" => exit.is_some(),
                _ => true,
            }
            && args.opt("vmid").is_none_or(|v| task.id == v)
            && args.opt("typefilter").is_none_or(|t| task.kind == t)
            && args.opt("userfilter").is_none_or(|u| task.user.to_lowercase().contains(&u.to_lowercase()))
            && !(args.flag("errors") && matches!(class, "ok" | "running"))
            && (states.is_empty() || states.iter().any(|s| s == class))
            && args.int("since").is_none_or(|t| task.start as i64 >= t)
            && args.int("until").is_none_or(|t| task.start as i64 <= t)
    };
    let all: Vec<&Task> = cluster.tasks.list.iter().rev().filter(hit).collect();
    let (start, limit) = page(args, 50);
    let rows = all.iter().skip(start).take(limit).map(|task| {
        let mut entry = entry(task);
        if task.end.is_none() {
            entry["status"] = json!("RUNNING");
        }
        entry
    });
    let rows: Vec<Value> = rows.collect();
    if all.is_empty() {
        // an empty list comes without its length
        return Ok(Reply::from(rows));
    }
    Ok(Reply::from(rows).with("total", all.len()))
}

/// `start` and `limit` of a call; a limit of 0 means all.
pub fn page(args: &Args, limit: usize) -> (usize, usize) {
    let start = args.int("start").unwrap_or(0).max(0) as usize;
    match args.int("limit") {
        Some(0) => (start, usize::MAX),
        Some(n) => (start, n.max(0) as usize),
        None => (start, limit),
    }
}

/// A part of a log file, as texts; one that is empty is not there yet.
pub fn log_page(lines: Option<&Value>, args: &Args) -> Outcome {
    let none = [json!("unable to open file - No such file or directory")];
    let lines = lines.and_then(Value::as_array).map(Vec::as_slice).filter(|lines| !lines.is_empty()).unwrap_or(&none);
    let (start, limit) = page(args, 50);
    let rows = lines.iter().enumerate().skip(start).take(limit).map(|(n, t)| json!({"n": n + 1, "t": t}));
    Ok(Reply::from(rows.collect::<Vec<_>>()).with("total", lines.len()))
}

/// The task of a call's path.
fn find<'a>(cluster: &'a Cluster, args: &Args) -> Result<&'a Task, Fault> {
    let upid = args.str("upid");
    let parts: Vec<&str> = upid.split(':').collect();
    let hex = |i: usize| parts.get(i).is_some_and(|p| p.len() >= 8 && u64::from_str_radix(p, 16).is_ok());
    if parts.len() != 9 || parts[0] != "UPID" || !(hex(2) && hex(3) && hex(4)) {
        return Err(Fault::param("upid", "unable to parse worker upid"));
    }
    cluster.tasks.find(upid).ok_or_else(|| Fault::param("upid", "no such task"))
}

fn may_see(cluster: &Cluster, args: &Args, task: &Task) -> Result<(), Fault> {
    if is_own(args, task) {
        return Ok(());
    }
    cluster.need(args, &format!("/nodes/{}", task.node), &["Sys.Audit"])
}

fn status(cluster: &mut Cluster, args: &Args) -> Outcome {
    let task = find(cluster, args)?;
    may_see(cluster, args, task)?;
    let mut out = entry(task);
    if let Some(map) = out.as_object_mut() {
        map.remove("endtime");
        match task.exit() {
            Some(exit) => {
                map.insert("exitstatus".into(), json!(exit));
                map.insert("status".into(), json!("stopped"));
            }
            None => {
                map.insert("status".into(), json!("running"));
            }
        }
    }
    Ok(out.into())
}

fn log(cluster: &mut Cluster, args: &Args) -> Outcome {
    let task = find(cluster, args)?;
    may_see(cluster, args, task)?;
    if args.flag("download") {
        let text = task.log.iter().map(|line| format!("{line}\n")).collect::<String>();
        return Ok(Reply { raw: Some(("text/plain".into(), text.into_bytes())), ..Reply::default() });
    }
    let (start, limit) = page(args, 50);
    if task.log.is_empty() {
        return Ok(Reply::from(json!([{"n": 1, "t": "no content"}])).with("total", 1));
    }
    let lines = task.log.iter().enumerate().skip(start).take(limit);
    let rows: Vec<Value> = lines.map(|(i, line)| json!({"n": i + 1, "t": line})).collect();
    Ok(Reply::from(rows).with("total", task.log.len()))
}

fn stop(cluster: &mut Cluster, args: &Args) -> Outcome {
    let task = find(cluster, args)?;
    if !is_own(args, task) {
        let path = format!("/nodes/{}", task.node);
        cluster.need(args, &path, &["Sys.Modify"])?;
    }
    let upid = task.upid.clone();
    cluster.stop_task(&upid);
    Ok(().into())
}
