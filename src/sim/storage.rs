//! Storage configuration (`/storage`) and allocation of volumes.

use serde_json::{Map, Value, json};

use super::call::{Args, Fault, Outcome, die};
use super::crypto::digest;
use super::router::Route;
use super::state::{Cluster, Config, Storage, Volume};

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

    /// The format of new disks on a storage: `raw` for block storages and for directories unless `qcow2` is asked for.
    pub fn disk_format(&self, storage: &Storage, wanted: Option<&str>, container: bool) -> String {
        match (storage.is_file(), container, storage.kind()) {
            (_, true, "zfspool" | "btrfs") => "subvol".into(),
            (true, false, _) => wanted.unwrap_or("raw").to_owned(),
            _ => "raw".into(),
        }
    }

    /// The name of the next free disk of a guest, such as `vm-100-disk-2`.
    pub fn next_disk(&self, node: &str, storage: &str, vmid: u32) -> String {
        let taken: Vec<u32> = self
            .volumes_of(node, storage)
            .filter(|v| v.vmid == Some(vmid))
            .filter_map(|v| v.volid.rsplit(['/', ':']).next()?.split_once("-disk-"))
            .filter_map(|(_, rest)| rest.split('.').next()?.parse().ok())
            .collect();
        let free = (0..).find(|n| !taken.contains(n)).unwrap_or(0);
        format!("vm-{vmid}-disk-{free}")
    }

    /// The volume id of an image named `name` of a guest on a storage.
    pub fn image_id(&self, storage: &Storage, vmid: u32, name: &str, format: &str) -> String {
        if storage.is_file() && format != "subvol" {
            format!("{}:{vmid}/{name}.{format}", storage.id)
        } else if format == "subvol" {
            format!("{}:{}", storage.id, name.replace("vm-", "subvol-"))
        } else {
            format!("{}:{name}", storage.id)
        }
    }

    /// The path of a volume on a node.
    pub fn volume_path(&self, volid: &str) -> String {
        let (storage, name) = volid.split_once(':').unwrap_or(("", volid));
        let Some(storage) = self.storages.get(storage) else { return name.to_owned() };
        match storage.kind() {
            "lvm" | "lvmthin" => {
                format!("/dev/{}/{name}", storage.config.get("vgname").map_or("pve", String::as_str))
            }
            "zfspool" => {
                let pool = storage.config.get("pool").map_or("rpool", String::as_str);
                let dev = if name.starts_with("subvol") { "" } else { "/dev/zvol" };
                format!("{dev}/{pool}/{name}")
            }
            "rbd" => format!("/dev/rbd-pve/{}/{name}", storage.config.get("pool").map_or("rbd", String::as_str)),
            "pbs" => name.to_owned(),
            _ => {
                let base = storage.path();
                match name.split_once('/') {
                    Some(("iso", file)) => format!("{base}/template/iso/{file}"),
                    Some(("vztmpl", file)) => format!("{base}/template/cache/{file}"),
                    Some(("backup", file)) => format!("{base}/dump/{file}"),
                    Some(("snippets", file)) => format!("{base}/snippets/{file}"),
                    Some(("import", file)) => format!("{base}/import/{file}"),
                    Some(_) => {
                        let mut parts = name.rsplit('/');
                        let file = parts.next().unwrap_or("");
                        let owner = parts.next().unwrap_or("");
                        format!("{base}/images/{owner}/{file}")
                    }
                    None => format!("{base}/images/{name}"),
                }
            }
        }
    }

    /// Allocates an image for a guest: checks storage, content type and room, and returns the volume id.
    /// `size` is in bytes; `container` chooses `rootdir` over `images`.
    pub fn alloc_disk(
        &mut self,
        node: &str,
        storage: &str,
        vmid: u32,
        size: u64,
        format: Option<&str>,
        container: bool,
    ) -> Result<String, String> {
        let name = self.next_disk(node, storage, vmid);
        self.alloc_named(node, storage, vmid, &name, size, format, container)
    }

    /// As [`Cluster::alloc_disk`], under a given name without extension (`vm-100-cloudinit`).
    #[allow(clippy::too_many_arguments)]
    pub fn alloc_named(
        &mut self,
        node: &str,
        storage: &str,
        vmid: u32,
        name: &str,
        size: u64,
        format: Option<&str>,
        container: bool,
    ) -> Result<String, String> {
        let place = self.storage_on(node, storage).map_err(|fault| fault.message)?;
        let content = if container { "rootdir" } else { "images" };
        if !place.allows(content) {
            return Err(format!("storage '{storage}' does not support content-type '{content}'"));
        }
        let format = self.disk_format(place, format, container);
        let volid = self.image_id(place, vmid, name, &format);
        let (total, used) = self.room(node, place);
        let thin = format == "qcow2" || matches!(place.kind(), "lvmthin" | "zfspool" | "rbd") || place.is_file();
        if !thin && used + size > total || size > total.saturating_mul(4).max(1 << 40) {
            return Err(format!("unable to create image: not enough space on storage '{storage}'"));
        }
        let used = match format.as_str() {
            "qcow2" => Some(327_680 + size / 262_144),
            _ if thin => Some(if size < 1 << 26 { size } else { 0 }),
            _ => None,
        };
        let ctime = place.is_file().then_some(self.now as u64);
        let volume = Volume {
            volid: volid.clone(),
            content: content.into(),
            format,
            size,
            used,
            vmid: Some(vmid),
            ctime,
            ..Volume::default()
        };
        self.add_volume(node, volume);
        Ok(volid)
    }
}
