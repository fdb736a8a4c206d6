//! The files in backups on a Backup Server: a small tree that every guest has.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::call::{Args, Fault, Outcome, Reply, die};
use super::router::Route;
use super::state::{Cluster, Guest, Kind};
use super::volume::check_volume;

/// The calls of this file.
pub const ROUTES: &[Route] = &[
    Route("GET", "/nodes/{node}/storage/{storage}/file-restore/list", list),
    Route("GET", "/nodes/{node}/storage/{storage}/file-restore/download", download),
];

/// Folders and files below the root of a guest's file system; a file has content.
const TREE: &[(&str, &str)] = &[
    ("etc/hostname", "{name}\n"),
    ("etc/fstab", "/dev/sda1 / ext4 errors=remount-ro 0 1\n"),
    ("etc/network/interfaces", "auto lo\niface lo inet loopback\n"),
    ("home/admin/notes.txt", "the notes of {name}\n"),
    ("var/log/syslog", "started\n"),
];

/// The guest in the backup, once it is clear that the caller may look into it.
fn held(cluster: &Cluster, args: &Args) -> Result<(Guest, u64), Fault> {
    let storage = cluster.storage_on(args.node(), args.str("storage"))?;
    if storage.kind() != "pbs" {
        return Err(Fault::param("storage", "Only PBS storages supported for file-restore."));
    }
    let asked = args.str("volume");
    let volid = if asked.contains(':') { asked.to_owned() } else { format!("{}:{asked}", storage.id) };
    let missing = || die(format!("volume '{volid}' does not exist"));
    let volume = cluster.volume(args.node(), &volid).ok_or_else(missing)?;
    if !check_volume(cluster, args, volume) {
        return Err(Fault::forbidden(&format!("/storage/{}", storage.id), &["Datastore.Audit"]));
    }
    let guest = volume.backup.as_deref().cloned().ok_or_else(missing)?;
    Ok((guest, volume.ctime.unwrap_or(0)))
}

/// The path of an argument, without the slash at its beginning.
fn path_of(args: &Args) -> Result<String, Fault> {
    let text = args.str("filepath");
    if text == "/" {
        return Ok(String::new());
    }
    let bad = || die("base64 decode of path failed");
    let bytes = STANDARD.decode(text).map_err(|_| bad())?;
    let path = String::from_utf8(bytes).map_err(|_| bad())?;
    Ok(path.trim_matches('/').to_owned())
}

/// The archives of a backup with the folder in which their file system begins.
fn archives(guest: &Guest) -> Vec<(String, &'static str)> {
    match guest.kind {
        Kind::Lxc => vec![("root.pxar.didx".into(), "")],
        Kind::Qemu => {
            let disks = guest.config.keys().filter(|key| guest.is_disk(key));
            disks.map(|key| (format!("drive-{key}.img.fidx"), "part/1/")).collect()
        }
    }
}

/// All paths of files in a backup with their contents.
fn files(guest: &Guest) -> Vec<(String, String)> {
    let name = guest.name();
    let all = archives(guest).into_iter().flat_map(|(archive, begin)| {
        TREE.iter().map(move |(path, text)| (format!("{archive}/{begin}{path}"), (*text).to_owned()))
    });
    all.map(|(path, text)| (path, text.replace("{name}", &name))).collect()
}

fn list(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (guest, time) = held(cluster, args)?;
    let path = path_of(args)?;
    let below = if path.is_empty() { String::new() } else { format!("{path}/") };
    let mut rows: Vec<Value> = vec![];
    for (file, text) in files(&guest) {
        let Some(rest) = file.strip_prefix(&below) else { continue };
        let (name, leaf) = rest.split_once('/').map_or((rest, true), |(folder, _)| (folder, false));
        let whole = STANDARD.encode(format!("/{below}{name}"));
        if rows.iter().any(|row| row["filepath"] == whole.as_str()) {
            continue;
        }
        let kind = if path.is_empty() {
            "v"
        } else if leaf {
            "f"
        } else {
            "d"
        };
        let mut row = json!({"filepath": whole, "text": name, "type": kind, "leaf": leaf, "mtime": time});
        if leaf {
            row["size"] = json!(text.len());
        }
        rows.push(row);
    }
    if rows.is_empty() && !path.is_empty() {
        return Err(die(format!("no such file or directory: /{path}")));
    }
    Ok(rows.into())
}

/// A file's bytes; a folder as an archive, which holds only what tells it from another one.
fn download(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (guest, _) = held(cluster, args)?;
    let path = path_of(args)?;
    let all = files(&guest);
    let raw = match all.iter().find(|(file, _)| *file == path) {
        Some((_, text)) => ("application/octet-stream".to_owned(), text.clone().into_bytes()),
        None if args.flag("tar") => ("application/zstd".to_owned(), b"\x28\xb5\x2f\xfd".to_vec()),
        None => ("application/zip".to_owned(), b"PK\x05\x06".to_vec()),
    };
    Ok(Reply { raw: Some(raw), ..Reply::default() })
}
