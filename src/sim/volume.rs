//! Storages as a node sees them: status, content, upload, removal, pruning.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::call::{Args, Fault, Outcome, die, split_list};
use super::disk::{self, Purpose};
use super::load;
use super::router::Route;
use super::state::{Cluster, Storage, Volume, parse_size};
use super::task::Script;

/// Storages of a node and their content.
pub const ROUTES: &[Route] = &[
    Route("GET", "/nodes/{node}/storage", list),
    Route("GET", "/nodes/{node}/storage/{storage}", index),
    Route("GET", "/nodes/{node}/storage/{storage}/status", status),
    Route("GET", "/nodes/{node}/storage/{storage}/identity", identity),
    Route("GET", "/nodes/{node}/storage/{storage}/rrddata", rrddata),
    Route("GET", "/nodes/{node}/storage/{storage}/content", content),
    Route("POST", "/nodes/{node}/storage/{storage}/content", alloc),
    Route("GET", "/nodes/{node}/storage/{storage}/content/{volume}", info),
    Route("PUT", "/nodes/{node}/storage/{storage}/content/{volume}", update),
    Route("DELETE", "/nodes/{node}/storage/{storage}/content/{volume}", free),
    Route("POST", "/nodes/{node}/storage/{storage}/upload", upload),
    Route("GET", "/nodes/{node}/storage/{storage}/prunebackups", prune_preview),
    Route("DELETE", "/nodes/{node}/storage/{storage}/prunebackups", prune),
];

/// `total`, `used`, `avail`, ... of a storage as a node sees it.
fn status_entry(cluster: &Cluster, node: &str, storage: &Storage) -> Map<String, Value> {
    let online = cluster.nodes.get(node).is_some_and(|n| n.online);
    let active = storage.enabled() && online;
    let (total, used) = if active { cluster.room(node, storage) } else { (0, 0) };
    let mut out = Map::new();
    out.insert("type".into(), json!(storage.kind()));
    out.insert("content".into(), json!(storage.config.get("content")));
    out.insert("enabled".into(), json!(u8::from(storage.enabled())));
    out.insert("active".into(), json!(u8::from(active)));
    out.insert("shared".into(), json!(u8::from(storage.shared())));
    out.insert("total".into(), json!(total));
    out.insert("used".into(), json!(used));
    out.insert("avail".into(), json!(total - used));
    out
}

fn list(cluster: &mut Cluster, args: &Args) -> Outcome {
    let node = args.node();
    let wanted = args.list("content");
    let mut out = Vec::new();
    for (id, storage) in &cluster.storages {
        let path = format!("/storage/{id}");
        if !cluster.may_any(args.user(), &path, &["Datastore.Audit", "Datastore.AllocateSpace"])
            || args.opt("storage").is_some_and(|s| s != id)
            || args.flag("enabled") && !storage.enabled()
            || !storage.on_node(node)
            || !wanted.is_empty() && !wanted.iter().any(|c| storage.allows(c))
            || args.opt("target").is_some_and(|t| !storage.on_node(t))
        {
            continue;
        }
        let mut entry = status_entry(cluster, node, storage);
        let (total, used) = (entry["total"].as_f64().unwrap_or(0.0), entry["used"].as_f64().unwrap_or(0.0));
        if total > 0.0 {
            entry.insert("used_fraction".into(), json!(used / total));
        }
        if args.flag("format") {
            let select = if storage.is_file() { "qcow2" } else { "raw" };
            let formats: &[&str] = if storage.is_file() { &["raw", "qcow2", "vmdk", "subvol"] } else { &["raw"] };
            entry.insert("formats".into(), json!({"default": select, "supported": formats}));
            entry.insert("select_existing".into(), json!(0));
        }
        entry.insert("storage".into(), json!(id));
        out.push(Value::Object(entry));
    }
    Ok(out.into())
}

fn index(cluster: &mut Cluster, args: &Args) -> Outcome {
    cluster.storage(args.str("storage"))?;
    let names = [
        "content",
        "download-url",
        "file-restore",
        "identity",
        "import-metadata",
        "oci-registry-pull",
        "prunebackups",
        "rrd",
        "rrddata",
        "status",
        "upload",
    ];
    Ok(names.iter().map(|n| json!({"subdir": n})).collect::<Vec<_>>().into())
}

fn status(cluster: &mut Cluster, args: &Args) -> Outcome {
    let storage = cluster.storage(args.str("storage"))?;
    if !storage.on_node(args.node()) {
        return Err(die(format!("storage '{}' is not available on node '{}'", storage.id, args.node())));
    }
    Ok(Value::Object(status_entry(cluster, args.node(), storage)).into())
}

fn identity(_: &mut Cluster, _: &Args) -> Outcome {
    Err(die("get_identity not implemented for this plugin at /usr/share/perl5/PVE/Storage/Plugin.pm line 2681."))
}

fn rrddata(cluster: &mut Cluster, args: &Args) -> Outcome {
    let storage = cluster.storage(args.str("storage"))?;
    let (total, used) = cluster.room(args.node(), storage);
    let who = storage.id.bytes().fold(7u64, |a, b| a.wrapping_mul(31).wrapping_add(b.into()));
    let point = |time: u64| {
        let age = (cluster.now - time as f64).max(0.0) / 31_536_000.0;
        let wobble = 0.99 + 0.01 * load::wander(cluster.seed, who, time / 10);
        json!({"time": time, "total": total, "used": used as f64 * wobble / (1.0 + age)})
    };
    Ok(load::moments(args.str("timeframe"), cluster.now).map(point).collect::<Vec<_>>().into())
}

/// An entry of a content list.
fn entry(storage: &Storage, volume: &Volume) -> Value {
    let mut out = Map::new();
    out.insert("volid".into(), json!(volume.volid));
    out.insert("content".into(), json!(volume.content));
    out.insert("format".into(), json!(volume.format));
    out.insert("size".into(), json!(volume.size));
    let image = matches!(volume.content.as_str(), "images" | "rootdir");
    if let Some(vmid) = volume.vmid {
        let text = storage.kind() == "zfspool" || storage.kind() == "lvm" || storage.kind() == "lvmthin";
        out.insert("vmid".into(), if text { json!(vmid.to_string()) } else { json!(vmid) });
    }
    if image && storage.is_file() {
        out.insert("parent".into(), json!(volume.parent));
        out.insert("used".into(), json!(volume.used.unwrap_or(volume.size)));
    } else if let Some(parent) = volume.parent.as_ref() {
        out.insert("parent".into(), json!(parent));
    }
    if let Some(time) = volume.ctime {
        out.insert("ctime".into(), json!(time));
    }
    if let Some(notes) = &volume.notes {
        out.insert("notes".into(), json!(notes));
    }
    if volume.protected {
        out.insert("protected".into(), json!(1));
    }
    if let Some(kind) = &volume.subtype {
        out.insert("subtype".into(), json!(kind));
    }
    for (key, value) in &volume.extra {
        out.insert(key.clone(), value.clone());
    }
    Value::Object(out)
}

/// May the caller see or use a volume?
pub(super) fn check_volume(cluster: &Cluster, args: &Args, volume: &Volume) -> bool {
    if cluster.may(args.user(), &format!("/storage/{}", args.str("storage")), "Datastore.Allocate") {
        return true;
    }
    match (volume.content.as_str(), volume.vmid) {
        ("iso" | "vztmpl" | "import", _) => true,
        ("backup", Some(vmid)) => cluster.may(args.user(), &format!("/vms/{vmid}"), "VM.Backup"),
        (_, Some(vmid)) => {
            cluster.may(args.user(), &format!("/vms/{vmid}"), "VM.Config.Disk")
                || cluster.may(args.user(), &format!("/storage/{}", args.str("storage")), "Datastore.Audit")
        }
        _ => cluster.may(args.user(), &format!("/storage/{}", args.str("storage")), "Datastore.Audit"),
    }
}

fn content(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, id) = (args.node(), args.str("storage"));
    let storage = cluster.storage_on(node, id)?;
    let vmid = args.has("vmid").then(|| args.vmid());
    let wanted = args.opt("content");
    let mut out = Vec::new();
    for volume in cluster.volumes_of(node, id) {
        let hit = match wanted {
            None => true,
            Some(w) => w == volume.content,
        };
        if hit && vmid.is_none_or(|v| volume.vmid == Some(v)) && check_volume(cluster, args, volume) {
            out.push(entry(storage, volume));
        }
    }
    Ok(out.into())
}

fn alloc(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, id, vmid) = (args.node().to_owned(), args.str("storage").to_owned(), args.vmid());
    let bad_size = || Fault::param("size", format!("unable to parse size '{}'", args.str("size")));
    let size = parse_size(args.str("size")).ok_or_else(bad_size)?;
    // a plain number counts in KiB here
    let size = if args.str("size").ends_with(|c: char| c.is_ascii_digit()) { size * 1024 } else { size };
    let (file, wanted) = (args.str("filename"), args.opt("format"));
    let ending = file.rsplit_once('.').map(|(_, end)| end).filter(|end| matches!(*end, "raw" | "qcow2" | "vmdk"));
    if let (Some(wanted), Some(ending)) = (wanted, ending)
        && wanted != ending
    {
        return Err(Fault::param("format", format!("different storage formats ({wanted} != {ending})")));
    }
    let is_file = cluster.storage_on(&node, &id)?.is_file();
    if is_file && ending.is_none() {
        return Err(die(format!("unable to parse volume filename '{file}'")));
    }
    if !is_file && !["vm", "base", "subvol"].iter().any(|kind| file.starts_with(&format!("{kind}-{vmid}-"))) {
        return Err(die(format!("illegal name '{file}' - should be 'vm-{vmid}-*'")));
    }
    let made = disk::allocate(cluster, &node, &id, vmid, Purpose::Named(file), ending.or(wanted), size);
    Ok(made.map_err(die)?.volid.into())
}

/// The full volume id of a path's `{volume}`, which may leave the storage out.
fn volid_of(args: &Args) -> Result<String, Fault> {
    let (storage, volume) = (args.str("storage"), args.str("volume"));
    match volume.split_once(':') {
        Some((named, _)) if named == storage => Ok(volume.to_owned()),
        Some((named, _)) => Err(Fault::param("storage", format!("storage ID missmatch ({storage} != {named})"))),
        None => Ok(format!("{storage}:{volume}")),
    }
}

fn info(cluster: &mut Cluster, args: &Args) -> Outcome {
    let volid = volid_of(args)?;
    let storage = cluster.storage_on(args.node(), args.str("storage"))?;
    let volume = cluster.volume(args.node(), &volid).ok_or_else(|| die(format!("volume '{volid}' does not exist")))?;
    if !check_volume(cluster, args, volume) {
        return Err(Fault::forbidden(&format!("/storage/{}", storage.id), &["Datastore.Audit"]));
    }
    let mut out = json!({
        "path": cluster.volume_path(&volid),
        "size": volume.size,
        "used": volume.used.unwrap_or(volume.size),
        "format": volume.format
    });
    if let Some(notes) = &volume.notes {
        out["notes"] = json!(notes);
    }
    if volume.content == "backup" {
        out["protected"] = json!(u8::from(volume.protected));
    }
    Ok(out.into())
}

fn update(cluster: &mut Cluster, args: &Args) -> Outcome {
    let volid = volid_of(args)?;
    let known = cluster.volume(args.node(), &volid).is_some();
    if !known {
        return Err(die(format!("volume '{volid}' does not exist")));
    }
    let Some(volume) = cluster.volume_mut(args.node(), &volid) else { return Ok(().into()) };
    if volume.content != "backup" {
        let what = if args.has("notes") { "notes" } else { "protected" };
        return Err(die(format!(
            "can't update attribute '{what}' - not supported for content type '{}'",
            volume.content
        )));
    }
    if let Some(notes) = args.opt("notes") {
        volume.notes = (!notes.is_empty()).then(|| notes.to_owned());
    }
    if let Some(on) = args.opt_flag("protected") {
        volume.protected = on;
    }
    Ok(().into())
}

fn free(cluster: &mut Cluster, args: &Args) -> Outcome {
    let volid = volid_of(args)?;
    let node = args.node().to_owned();
    let storage = cluster.storage_on(&node, args.str("storage"))?;
    let vmid = match cluster.volume(&node, &volid) {
        Some(volume) => {
            let path = format!("/storage/{}", storage.id);
            let own = match (volume.content.as_str(), volume.vmid) {
                ("backup", Some(vmid)) => {
                    cluster.may(args.user(), &path, "Datastore.AllocateSpace")
                        && cluster.may(args.user(), &format!("/vms/{vmid}"), "VM.Backup")
                }
                ("iso" | "vztmpl" | "import", _) => cluster.may(args.user(), &path, "Datastore.AllocateTemplate"),
                _ => false,
            };
            if !own {
                cluster.need(args, &path, &["Datastore.Allocate"])?;
            }
            volume.vmid
        }
        None => {
            cluster.need_any(
                args,
                &format!("/storage/{}", storage.id),
                &["Datastore.Allocate", "Datastore.AllocateTemplate"],
            )?;
            None
        }
    };
    let id = vmid.map_or_else(|| storage.id.clone(), |v| format!("{v}@{}", storage.id));
    let is_template = !volid.contains(":backup/") && vmid.is_none();
    let place = node.clone();
    let script = Script::new().wait(if vmid.is_some() { 0.6 } else { 0.2 }).then(move |cluster, task| {
        match cluster.volume(&place, &volid) {
            Some(v) if v.protected => {
                let (storage, name) = volid.split_once(':').unwrap_or(("", &volid));
                return Err(format!("cannot remove protected volume '{name}' on '{storage}'"));
            }
            Some(_) => {
                let clones = cluster.volumes.values().filter(|v| v.parent.as_deref() == Some(volid.as_str()));
                if clones.count() > 0 {
                    return Err(format!("base volume '{volid}' is still in use by linked cloned"));
                }
                cluster.remove_volume(&place, &volid);
            }
            None if is_template => task.log(format!("disk image '{}' does not exist", cluster.volume_path(&volid))),
            None => {}
        }
        task.log(format!("Removed volume '{volid}'"));
        Ok(())
    });
    let upid = cluster.start_task(args.user(), &node, "imgdel", &id, script);
    Ok(upid.into())
}

/// Does a file name have an ending that a kind of content allows?
pub fn good_ending(content: &str, name: &str) -> bool {
    let endings: &[&str] = match content {
        "iso" => &[".iso", ".img"],
        "vztmpl" => &[".tar", ".tar.gz", ".tar.xz", ".tar.zst", ".tar.bz2"],
        "import" => &[".ova", ".qcow2", ".raw", ".vmdk"],
        _ => &[],
    };
    endings.iter().any(|e| name.to_ascii_lowercase().ends_with(e))
}

/// The format of a template, image or import file.
pub fn file_format(content: &str, name: &str) -> &'static str {
    match (content, name.rsplit('.').next().unwrap_or("")) {
        ("vztmpl", "gz") => "tgz",
        ("vztmpl", "xz") => "txz",
        ("vztmpl", "zst") => "tzst",
        ("vztmpl", "bz2") => "tbz2",
        ("vztmpl", _) => "tar",
        ("import", "qcow2") => "qcow2",
        ("import", "raw") => "raw",
        ("import", "vmdk") => "vmdk",
        ("import", _) => "ova",
        _ => "iso",
    }
}

/// A file name as the server keeps it: the last part, odd characters replaced byte by byte.
pub fn clean_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or("");
    last.bytes().map(|b| if b.is_ascii_alphanumeric() || b"_.-".contains(&b) { char::from(b) } else { '_' }).collect()
}

fn upload(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, id) = (args.node().to_owned(), args.str("storage").to_owned());
    let Some(upload) = args.upload.clone() else { return Err(die("no file was uploaded")) };
    let content = args.str("content").to_owned();
    let storage = cluster.storage_on(&node, &id)?;
    let name = clean_name(&upload.filename);
    if !good_ending(&content, &name) {
        return Err(Fault::param("filename", "wrong file extension"));
    }
    if !storage.allows(&content) {
        return Err(die(format!("storage '{id}' does not support '{content}' content")));
    }
    let volid = format!("{id}:{content}/{name}");
    let path = cluster.volume_path(&volid);
    let temp = format!("/var/tmp/pveupload-{}", cluster.rng.hex(32));
    let mut script = Script::new().log(format!("starting file import from: {temp}"));
    if let (Some(algorithm), Some(expected)) = (args.opt("checksum-algorithm"), args.opt("checksum")) {
        let got = upload.sums.get(algorithm).cloned().unwrap_or_default();
        if got.eq_ignore_ascii_case(expected) {
            script = script.log("calculating checksum...OK, checksum verified");
        } else {
            script = script
                .log("calculating checksum...")
                .fail(format!("checksum mismatch: got '{got}' != expect '{expected}'"));
            return Ok(cluster.start_task(args.user(), &node, "imgcopy", "", script).into());
        }
    }
    let size = upload.size;
    if content == "import" && name.ends_with(".qcow2") && !upload.head.starts_with(b"QFI\xfb") {
        script = script.fail("file is not in qcow2 format: Image is not in qcow2 format").on_interrupt("");
    }
    let (copied, full) = (path.clone(), format!("command '/usr/bin/cp -- {temp} {path}' failed: exit code 1"));
    let script = script
        .log(format!("target node: {node}"))
        .log(format!("target file: {path}"))
        .log(format!("file size is: {size}"))
        .log(format!("command: cp -- {temp} {path}"))
        .wait((size as f64 / 8e8).min(20.0))
        .then({
            let node = node.clone();
            move |cluster, task| {
                // What was there before is gone by now; what doesn't fit is cut off, and stays.
                cluster.remove_volume(&node, &volid);
                // A size of 0 says that nobody knows it.
                let free = match cluster.storage(&id).map(|storage| cluster.room(&node, storage)) {
                    Ok((total @ 1.., used)) => total.saturating_sub(used),
                    _ => u64::MAX,
                };
                let (wanted, size) = (size, size.min(free));
                let volume = Volume {
                    volid,
                    format: file_format(&content, &name).into(),
                    content,
                    size,
                    ctime: Some(cluster.now as u64),
                    ..Volume::default()
                };
                cluster.add_volume(&node, volume);
                if size < wanted {
                    task.log(format!("cp: error writing '{copied}': No space left on device"));
                    return Err(format!("import failed: {full}"));
                }
                Ok(())
            }
        })
        .log("finished file import successfully");
    Ok(cluster.start_task(args.user(), &node, "imgcopy", "", script).into())
}

/// What a prune run would do with the backups of a storage: each with its `mark`.
pub fn prune_marks(
    cluster: &Cluster,
    node: &str,
    storage: &str,
    keep: &str,
    vmid: Option<u32>,
    kind: Option<&str>,
) -> Vec<Value> {
    let mut groups: BTreeMap<(String, u32), Vec<&Volume>> = BTreeMap::new();
    let mut out = Vec::new();
    for volume in cluster.volumes_of(node, storage).filter(|v| v.content == "backup") {
        let name = volume.volid.split('/').next_back().unwrap_or("");
        let subtype = volume.subtype.clone().unwrap_or_else(|| "qemu".into());
        let Some(owner) = volume.vmid else { continue };
        if vmid.is_some_and(|v| v != owner) || kind.is_some_and(|k| k != subtype) {
            continue;
        }
        let standard =
            name.starts_with("vzdump-") || volume.volid.contains("backup/vm/") || volume.volid.contains("backup/ct/");
        if standard {
            groups.entry((subtype, owner)).or_default().push(volume);
        } else {
            out.push(mark(volume, "renamed"));
        }
    }
    let keep: Vec<(&str, u64)> = keep
        .split(',')
        .filter_map(|part| part.split_once('='))
        .filter_map(|(key, n)| Some((key.trim_start_matches("keep-"), n.parse().ok()?)))
        .collect();
    for list in groups.values_mut() {
        list.sort_by_key(|v| std::cmp::Reverse(v.ctime));
        let mut marks = vec!["remove"; list.len()];
        for (i, volume) in list.iter().enumerate() {
            if volume.protected {
                marks[i] = "protected";
            }
        }
        let all =
            keep.is_empty() || keep.iter().any(|(k, n)| *k == "all" && *n > 0) || keep.iter().all(|(_, n)| *n == 0);
        for order in ["last", "hourly", "daily", "weekly", "monthly", "yearly"] {
            let Some((_, count)) = keep.iter().find(|(k, _)| *k == order) else { continue };
            let (mut seen, mut left): (Vec<i64>, u64) = (Vec::new(), *count);
            for (i, volume) in list.iter().enumerate() {
                let time = volume.ctime.unwrap_or(0) as i64;
                let days = time.div_euclid(86400);
                let date = jiff::Timestamp::from_second(time).map(|t| t.to_zoned(jiff::tz::TimeZone::UTC));
                let (year, month) = date.map_or((0, 0), |d| (i64::from(d.year()), i64::from(d.month())));
                let period = match order {
                    "last" => time,
                    "hourly" => time.div_euclid(3600),
                    "daily" => days,
                    "weekly" => (days + 3).div_euclid(7),
                    "monthly" => year * 12 + month,
                    _ => year,
                };
                if marks[i] == "keep" {
                    seen.push(period);
                } else if marks[i] == "remove" && left > 0 && !seen.contains(&period) {
                    marks[i] = "keep";
                    seen.push(period);
                    left -= 1;
                }
            }
        }
        for (i, volume) in list.iter().enumerate() {
            let word = if all && marks[i] == "remove" { "keep" } else { marks[i] };
            out.push(mark(volume, word));
        }
    }
    out
}

fn mark(volume: &Volume, word: &str) -> Value {
    json!({
        "volid": volume.volid, "ctime": volume.ctime, "mark": word, "vmid": volume.vmid,
        "type": volume.subtype.clone().unwrap_or_else(|| "qemu".into())
    })
}

fn prune_list(cluster: &mut Cluster, args: &Args) -> Result<Vec<Value>, Fault> {
    let (node, id) = (args.node(), args.str("storage"));
    let storage = cluster.storage_on(node, id)?;
    let own = storage.config.get("prune-backups").cloned();
    let keep = args.opt("prune-backups").map(str::to_owned).or(own).unwrap_or_default();
    if keep.is_empty() {
        return Err(die("no prune-backups options configured!"));
    }
    let vmid = args.has("vmid").then(|| args.vmid());
    Ok(prune_marks(cluster, node, id, &keep, vmid, args.opt("type")))
}

fn prune_preview(cluster: &mut Cluster, args: &Args) -> Outcome {
    Ok(prune_list(cluster, args)?.into())
}

fn prune(cluster: &mut Cluster, args: &Args) -> Outcome {
    let list = prune_list(cluster, args)?;
    let (node, id) = (args.node().to_owned(), args.str("storage").to_owned());
    if args.has("vmid") {
        let vm = format!("/vms/{}", args.vmid());
        let both = cluster.may(args.user(), &format!("/storage/{id}"), "Datastore.AllocateSpace")
            && cluster.may(args.user(), &vm, "VM.Backup");
        if !both {
            cluster.need(args, &format!("/storage/{id}"), &["Datastore.Allocate"])?;
        }
    } else {
        cluster.need(args, &format!("/storage/{id}"), &["Datastore.Allocate"])?;
    }
    let gone: Vec<String> =
        list.iter().filter(|e| e["mark"] == "remove").filter_map(|e| e["volid"].as_str()).map(str::to_owned).collect();
    let place = node.clone();
    let script = Script::new().wait(0.5).then(move |cluster, task| {
        for volid in gone {
            if let Some(volume) = cluster.remove_volume(&place, &volid) {
                task.log(format!("removed backup '{}'", volume.volid));
            }
        }
        Ok(())
    });
    let upid = cluster.start_task(args.user(), &node, "prunebackups", &prune_id(args, &id), script);
    Ok(upid.into())
}

fn prune_id(args: &Args, storage: &str) -> String {
    if args.has("vmid") { format!("{}@{storage}", args.vmid()) } else { storage.to_owned() }
}

/// Content types of a storage as a list.
pub fn contents(storage: &Storage) -> Vec<String> {
    split_list(storage.config.get("content").map_or("", String::as_str))
}
