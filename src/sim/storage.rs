//! Storage configuration (`/storage`) and allocation of volumes.

use serde_json::{Map, Value, json};

use super::call::{Args, Fault, Outcome, die};
use super::crypto::digest;
use super::router::Route;
use super::state::{Cluster, Config, Storage};

/// Storage configuration.
pub const ROUTES: &[Route] = &[
    Route("GET", "/storage", list),
    Route("POST", "/storage", create),
    Route("GET", "/storage/{storage}", one),
    Route("PUT", "/storage/{storage}", update),
    Route("DELETE", "/storage/{storage}", delete),
];

/// Options that a storage of a type must have, in the order in which the server looks for them.
const REQUIRED: &[(&str, &[&str])] = &[
    ("dir", &["path"]),
    ("btrfs", &["path"]),
    ("nfs", &["server", "export"]),
    ("cifs", &["share", "server"]),
    ("cephfs", &[]),
    ("rbd", &[]),
    ("lvm", &["vgname"]),
    ("lvmthin", &["thinpool", "vgname"]),
    ("zfspool", &["pool"]),
    ("zfs", &["pool", "portal", "target", "iscsiprovider", "blocksize"]),
    ("iscsi", &["portal", "target"]),
    ("iscsidirect", &["portal", "target"]),
    ("pbs", &["server", "datastore", "username"]),
    ("esxi", &["server", "username"]),
];

/// What a storage of a type holds when nothing is said.
pub fn default_content(kind: &str) -> &'static str {
    match kind {
        "pbs" => "backup",
        "cephfs" => "vztmpl,iso,backup",
        "lvm" | "lvmthin" | "zfspool" | "rbd" => "images,rootdir",
        "iscsi" | "iscsidirect" | "zfs" => "images",
        "esxi" => "import",
        _ => "images,rootdir,vztmpl,iso,backup,snippets,import",
    }
}

const SECRET: [&str; 5] = ["password", "encryption-key", "keyring", "master-pubkey", "mkdir"];

fn config_digest(cluster: &Cluster) -> String {
    let all: Vec<&Config> = cluster.storages.values().map(|s| &s.config).collect();
    digest(&format!("{all:?}"))
}

fn entry(cluster: &Cluster, storage: &Storage) -> Value {
    let mut out = Map::new();
    let method = cluster.table.method("POST", "/storage");
    for (key, value) in &storage.config {
        let value = match method {
            Some(method) => cluster.table.typed(method, key, value),
            None => json!(value),
        };
        out.insert(key.clone(), value);
    }
    out.insert("storage".into(), json!(storage.id));
    out.insert("digest".into(), json!(config_digest(cluster)));
    Value::Object(out)
}

fn list(cluster: &mut Cluster, args: &Args) -> Outcome {
    let mut out = Vec::new();
    for (id, storage) in &cluster.storages {
        let path = format!("/storage/{id}");
        let seen = cluster.may_any(args.user(), &path, &["Datastore.Audit", "Datastore.AllocateSpace"]);
        if seen && args.opt("type").is_none_or(|kind| kind == storage.kind()) {
            out.push(entry(cluster, storage));
        }
    }
    Ok(out.into())
}

fn one(cluster: &mut Cluster, args: &Args) -> Outcome {
    let storage = cluster.storage(args.str("storage"))?;
    Ok(entry(cluster, storage).into())
}

fn create(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (id, kind) = (args.str("storage").to_owned(), args.str("type").to_owned());
    if kind != "esxi" && args.has("port") && kind == "dir" {
        return Err(Fault::param("port", "unexpected property"));
    }
    let required = REQUIRED.iter().find(|(k, _)| *k == kind).map_or(&[][..], |(_, r)| r);
    if let Some(missing) = required.iter().find(|key| !args.has(key)) {
        return Err(die(format!("missing value for required option '{missing}'")));
    }
    if cluster.storages.contains_key(&id) {
        return Err(die(format!("create storage failed: storage ID '{id}' already defined")));
    }
    let mut config = args.settings(&["storage"]);
    for key in SECRET {
        config.remove(key);
    }
    if !config.contains_key("content") {
        config.insert("content".into(), default_content(&kind).into());
    }
    let failed = |text: String| Err(die(format!("create storage failed: {text}")));
    // nothing answers on the loopback interface; every other server is taken for reachable
    match kind.as_str() {
        "nfs" | "cifs" | "pbs" if args.str("server").starts_with("127.") => {
            return match kind.as_str() {
                "pbs" => failed(format!(
                    "{id}: error fetching datastores - 500 Can't connect to {}:8007 (Connection refused)",
                    args.str("server")
                )),
                _ => failed(format!("storage '{id}' is not online")),
            };
        }
        "zfspool" => {
            let pool = args.str("pool").split('/').next().unwrap_or("").to_owned();
            let known = cluster.extra.get("zpools").is_some_and(|p| p.to_string().contains(&format!("\"{pool}\"")));
            if !known {
                return failed(format!(
                    "could not activate storage '{id}', zfs error: cannot import '{pool}': no such pool available"
                ));
            }
        }
        _ => {}
    }
    if matches!(kind.as_str(), "nfs" | "cifs" | "cephfs") && !config.contains_key("path") {
        config.insert("path".into(), format!("/mnt/pve/{id}"));
    }
    let (total, used) = cluster.storages.get("local").map_or((1 << 40, 0), |s| (s.total, s.used));
    cluster.storages.insert(id.clone(), Storage { id: id.clone(), config, total, used });
    Ok(json!({"storage": id, "type": kind}).into())
}

fn update(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("storage");
    let sum = config_digest(cluster);
    if args.opt("digest").is_some_and(|d| d != sum) {
        return Err(die(
            "update storage failed: detected modified configuration - file changed by other user? Try again.",
        ));
    }
    let delete = args.list("delete");
    let storage = cluster.storages.get_mut(id).ok_or_else(|| die(format!("storage '{id}' does not exist")))?;
    for key in delete {
        if args.has(&key) {
            return Err(Fault::param("delete", format!("unable to set and delete property '{key}' at the same time!")));
        }
        storage.config.remove(&key);
    }
    let mut settings = args.settings(&["storage", "delete", "digest"]);
    for key in SECRET {
        settings.remove(key);
    }
    storage.config.extend(settings);
    Ok(json!({"storage": id, "type": storage.kind()}).into())
}

fn delete(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("storage");
    if !cluster.storages.contains_key(id) {
        return Err(die(format!("delete storage failed: storage '{id}' does not exist")));
    }
    let base =
        cluster.storages.values().find(|s| s.config.get("base").is_some_and(|b| b.starts_with(&format!("{id}:"))));
    if let Some(user) = base {
        return Err(die(format!("delete storage failed: storage '{id}' is used as base storage of '{}'", user.id)));
    }
    cluster.storages.remove(id);
    for pool in cluster.pools.values_mut() {
        pool.storages.remove(id);
    }
    Ok(().into())
}

impl Cluster {
    /// Bytes of a storage as seen from a node: all, in use.
    pub fn room(&self, node: &str, storage: &Storage) -> (u64, u64) {
        if storage.total == 0 {
            return (0, 0);
        }
        let volumes: u64 = self.volumes_of(node, &storage.id).map(|v| v.used.unwrap_or(v.size)).sum();
        (storage.total, (storage.used + volumes).min(storage.total))
    }

    /// The path of a volume on a node, as the tools print it.
    pub fn volume_path(&self, volid: &str) -> String {
        let (storage, name) = volid.split_once(':').unwrap_or(("", volid));
        let Some(storage) = self.storages.get(storage) else { return name.to_owned() };
        let last = name.rsplit('/').next().unwrap_or(name);
        let option = |key: &str, or: &str| storage.config.get(key).map_or(or, String::as_str).to_owned();
        match storage.kind() {
            "lvm" | "lvmthin" => format!("/dev/{}/{last}", option("vgname", "pve")),
            "zfspool" if last.starts_with("subvol") => format!("/{}/{last}", option("pool", "rpool")),
            "zfspool" | "zfs" => format!("/dev/zvol/{}/{last}", option("pool", "rpool")),
            "rbd" if option("krbd", "0") == "1" => format!("/dev/rbd-pve/{}/{last}", option("pool", "rbd")),
            "rbd" => format!("rbd:{}/{last}", option("pool", "rbd")),
            "pbs" => name.to_owned(),
            _ => {
                let below = match name.split_once('/') {
                    Some(("iso", file)) => format!("template/iso/{file}"),
                    Some(("vztmpl", file)) => format!("template/cache/{file}"),
                    Some(("backup", file)) => format!("dump/{file}"),
                    Some((kind @ ("snippets" | "import"), file)) => format!("{kind}/{file}"),
                    // The last two parts: a linked clone's name starts with that of its base.
                    _ => {
                        let parts: Vec<&str> = name.split('/').collect();
                        format!("images/{}", parts[parts.len().saturating_sub(2)..].join("/"))
                    }
                };
                format!("{}/{below}", storage.path())
            }
        }
    }
}
