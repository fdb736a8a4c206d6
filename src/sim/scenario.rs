//! Scenarios: the states that a simulated cluster starts from. Two are data files under `assets/sim/`
//! (`homelab.toml`, `conformance.json`), one is generated in any size.
//!
//! Members of a data file: `cluster` (name), `version`, `options`, `defaults` (of nodes), `node`, `storage`, `volume`,
//! `guest`, `pool`, `user`, `group`, `grant`, `role`, `sections`, `extra`, `task`. Guests' disks are put onto their
//! storages from the configuration. Times are in days before now (`up`, `age`) or seconds.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::access::{Factor, FactorKind, Grant, Token, User};
use super::call::as_text;
use super::crypto::hex;
use super::role::built_in_roles;
use super::state::{Cluster, Config, Guest, Kind, Load, Node, Pool, Storage, Volume, parse_size, prop};
use super::table::Table;

const HOMELAB: &str = include_str!("../../assets/sim/homelab.toml");
const CONFORMANCE: &str = include_str!("../../assets/sim/conformance.json");
const DAY: f64 = 86_400.0;

/// How to log in to a scenario as its administrator.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// `root@pam`.
    pub user: String,
    /// Its password.
    pub password: String,
    /// `root@pam!ci`, a token with all rights.
    pub token: String,
    /// Its secret.
    pub secret: String,
}

/// A scenario by name: `homelab`, `conformance` or `generated`.
#[derive(Clone, Debug)]
pub enum Scenario {
    /// Three nodes and about 25 guests, as somebody may have at home or in a small office.
    Homelab,
    /// The stand-alone node that recordings of a real server start from.
    Conformance,
    /// A cluster of any size.
    Generated {
        /// Number of nodes.
        nodes: u32,
        /// Number of guests.
        guests: u32,
    },
}

impl Scenario {
    /// The cluster of a scenario at the moment `now`, and how to log in. The same seed gives the same cluster.
    pub fn build(&self, table: Arc<Table>, now: f64, seed: u64) -> Result<(Cluster, Login), String> {
        let data: Value = match self {
            Scenario::Homelab => toml::from_str(HOMELAB).map_err(|e| format!("scenario homelab: {e}"))?,
            Scenario::Conformance => {
                serde_json::from_str(CONFORMANCE).map_err(|e| format!("scenario conformance: {e}"))?
            }
            Scenario::Generated { nodes, guests } => super::generate::generate(*nodes, *guests, seed),
        };
        let mut cluster = Cluster::empty(table, now, seed);
        load(&mut cluster, &data)?;
        let login = login(&cluster);
        Ok((cluster, login))
    }
}

fn login(cluster: &Cluster) -> Login {
    let root = cluster.access.users.get("root@pam");
    let token = root.and_then(|u| u.tokens.iter().find(|(_, t)| !t.privsep));
    Login {
        user: "root@pam".into(),
        password: root.and_then(|u| u.password.clone()).unwrap_or_default(),
        token: token.map(|(id, _)| format!("root@pam!{id}")).unwrap_or_default(),
        secret: token.map(|(_, t)| t.secret.clone()).unwrap_or_default(),
    }
}

fn rows<'a>(data: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    data[key].as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    as_text(value)
}

/// An object as a configuration: every value a text.
fn config(value: &Value) -> Config {
    let all = value.as_object().into_iter().flatten();
    all.map(|(key, value)| (key.clone(), as_text(value))).collect()
}

/// Bytes from a number or a text such as `32G`.
fn bytes(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str().and_then(parse_size)).unwrap_or(0)
}

fn pair(value: &Value) -> (f64, f64) {
    (value[0].as_f64().unwrap_or(0.0), value[1].as_f64().unwrap_or(0.0))
}

fn load_of(value: &Value) -> Load {
    let number = |key: &str| value[key].as_f64().unwrap_or(0.0);
    Load {
        cpu: number("cpu"),
        mem: number("mem"),
        disk: number("fill"),
        net: pair(&value["net"]),
        io: pair(&value["io"]),
    }
}

/// Fills a cluster from a scenario's data.
pub fn load(cluster: &mut Cluster, data: &Value) -> Result<(), String> {
    cluster.name = data["cluster"].as_str().map(str::to_owned);
    cluster.version = config(&data["version"]);
    cluster.options = config(&data["options"]);
    cluster.access.key = hex(&cluster.rng.bits().to_be_bytes()).repeat(2).into_bytes();
    for node in rows(data, "node") {
        add_node(cluster, &data["defaults"], node);
    }
    cluster.local = cluster.nodes.keys().next().cloned().ok_or("the scenario has no node")?;
    for row in rows(data, "storage") {
        let mut config = config(row);
        let id = config.remove("storage").unwrap_or_default();
        config.retain(|key, _| !matches!(key.as_str(), "total" | "used"));
        let storage = Storage { id: id.clone(), config, total: bytes(&row["total"]), used: bytes(&row["used"]) };
        cluster.storages.insert(id, storage);
    }
    for row in rows(data, "guest") {
        add_guest(cluster, row)?;
    }
    for row in rows(data, "volume") {
        add_volume(cluster, row);
    }
    for row in rows(data, "pool") {
        let pool = Pool {
            comment: row["comment"].as_str().map(str::to_owned),
            vms: rows(row, "vms").filter_map(|v| u32::try_from(v.as_u64()?).ok()).collect(),
            storages: rows(row, "storages").map(text).collect(),
        };
        cluster.pools.insert(text(&row["poolid"]), pool);
    }
    add_access(cluster, data);
    for (file, sections) in data["sections"].as_object().into_iter().flatten() {
        let place = cluster.section(file);
        for (id, row) in sections.as_object().into_iter().flatten() {
            place.insert(id.clone(), config(row));
        }
    }
    for (key, value) in data["extra"].as_object().into_iter().flatten() {
        cluster.extra.insert(key.clone(), value.clone());
    }
    let now = cluster.now;
    let mut tasks: Vec<&Value> = rows(data, "task").collect();
    tasks.sort_by(|a, b| b["age"].as_f64().unwrap_or(0.0).total_cmp(&a["age"].as_f64().unwrap_or(0.0)));
    for row in tasks {
        let status = row["status"].as_str().unwrap_or("OK");
        let log = rows(row, "log").map(text).collect();
        let start = now - row["age"].as_f64().unwrap_or(1.0) * DAY;
        let seconds = row["took"].as_f64().unwrap_or(2.0);
        let (user, node) = (row["user"].as_str().unwrap_or("root@pam"), text(&row["node"]));
        cluster.past_task(user, &node, &text(&row["type"]), &text(&row["id"]), start, seconds, status, log);
    }
    Ok(())
}

fn add_node(cluster: &mut Cluster, defaults: &Value, row: &Value) {
    let get = |key: &str| if row[key].is_null() { defaults[key].clone() } else { row[key].clone() };
    let name = text(&row["name"]);
    let objects = |key: &str, id: &str| -> BTreeMap<String, Value> {
        let list = get(key);
        let all = list.as_array().into_iter().flatten();
        all.map(|entry| (text(&entry[id]), entry.clone())).collect()
    };
    let mut network = objects("network", "iface");
    if let (Some(bridge), Some(ip)) = (network.get_mut("vmbr0"), row["ip"].as_str())
        && bridge["address"].is_null()
    {
        bridge["address"] = json!(ip);
        bridge["netmask"] = json!("24");
        bridge["cidr"] = json!(format!("{ip}/24"));
    }
    let pairs: Vec<String> = (0..32).map(|_| cluster.rng.hex(2).to_uppercase()).collect();
    let id = cluster.nodes.len() as u32 + 1;
    let mut extra: BTreeMap<String, Value> =
        get("extra").as_object().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
    if let Some(own) = row["extra"].as_object() {
        extra.extend(own.iter().map(|(k, v)| (k.clone(), v.clone())));
    }
    let node = Node {
        name: name.clone(),
        ip: text(&row["ip"]),
        id: get("nodeid").as_u64().map_or(id, |n| n as u32),
        online: row["online"].as_bool().unwrap_or(true),
        booted: cluster.now - get("up").as_f64().unwrap_or(30.0) * DAY,
        cpus: get("cpus").as_u64().unwrap_or(8),
        sockets: get("sockets").as_u64().unwrap_or(1),
        cpu_model: text(&get("cpu_model")),
        memory: bytes(&get("memory")),
        swap: bytes(&get("swap")),
        rootfs: (bytes(&get("rootfs")), bytes(&get("rootused"))),
        kernel: text(&get("kernel")),
        pveversion: text(&get("pveversion")),
        fingerprint: pairs.join(":"),
        level: text(&get("level")),
        load: load_of(&get("load")),
        network,
        staged: None,
        services: objects("services", "service"),
        extra,
    };
    cluster.nodes.insert(name, node);
}

fn add_guest(cluster: &mut Cluster, row: &Value) -> Result<(), String> {
    let vmid = row["vmid"].as_u64().and_then(|v| u32::try_from(v).ok()).ok_or("a guest without vmid")?;
    let kind = if row["kind"] == "lxc" { Kind::Lxc } else { Kind::Qemu };
    let node = text(&row["node"]);
    let mut guest = Guest::new(vmid, kind, &node);
    guest.config = config(&row["config"]);
    if let Some(name) = row["name"].as_str() {
        let key = if kind == Kind::Lxc { "hostname" } else { "name" };
        guest.config.insert(key.into(), name.into());
    }
    guest.load = load_of(row);
    guest.agent = row["agent"].as_bool().unwrap_or(false);
    guest.obeys = row["obeys"].as_bool().unwrap_or(true);
    if let Some(days) = row["up"].as_f64() {
        guest.running = true;
        guest.qmp = row["qmp"].as_str().unwrap_or("running").into();
        guest.started = cluster.now - days * DAY;
        guest.pid = cluster.new_pid();
        guest.active = guest.config.clone();
    }
    for (key, value) in row["pending"].as_object().into_iter().flatten() {
        guest.pending.insert(key.clone(), Some(as_text(value)));
    }
    for row in rows(row, "snapshot") {
        let mut snapshot = guest.config.clone();
        snapshot.retain(|key, _| !matches!(key.as_str(), "lock" | "parent" | "snaptime"));
        snapshot.extend(config(&row["config"]));
        let age = row["age"].as_f64().unwrap_or(1.0);
        snapshot.insert("snaptime".into(), ((cluster.now - age * DAY) as u64).to_string());
        for key in ["description", "parent", "vmstate"] {
            if !row[key].is_null() {
                snapshot.insert(key.into(), as_text(&row[key]));
            }
        }
        let name = text(&row["name"]);
        guest.config.insert("parent".into(), name.clone());
        guest.snapshots.insert(name, snapshot);
    }
    let made = cluster.now as u64 - 200 * 86_400;
    let mut disks: Vec<(String, String)> = Vec::new();
    let sources = std::iter::once(&guest.config).chain(guest.snapshots.values());
    for (key, value) in sources.flatten() {
        let bus = key.trim_end_matches(|c: char| c.is_ascii_digit());
        let disk = matches!(
            bus,
            "scsi" | "virtio" | "sata" | "ide" | "efidisk" | "tpmstate" | "unused" | "mp" | "rootfs" | "vmstate"
        );
        let volid = value.split(',').next().unwrap_or("");
        if disk && volid.contains(':') && !volid.contains(":iso/") && !disks.iter().any(|(v, _)| v == volid) {
            disks.push((volid.to_owned(), value.clone()));
        }
    }
    for (volid, value) in disks {
        let storage = volid.split(':').next().unwrap_or("");
        let size = prop(&value, "size").and_then(parse_size).unwrap_or(4 << 20);
        let file = volid.rsplit(['/', ':']).next().unwrap_or("");
        let ending = file.rsplit_once('.').map(|(_, e)| e);
        let format = ending.unwrap_or(if file.starts_with("subvol") { "subvol" } else { "raw" });
        let on_file = cluster.storages.get(storage).is_some_and(Storage::is_file);
        let parent = volid.split_once(':').and_then(|(_, rest)| {
            let (base, _) = rest.rsplit_once("/vm-")?;
            base.contains("base-").then(|| base.to_owned())
        });
        let volume = Volume {
            content: if kind == Kind::Lxc { "rootdir" } else { "images" }.into(),
            format: format.into(),
            size,
            used: Some((size as f64 * if format == "raw" && on_file { 1.0 } else { 0.45 }) as u64),
            vmid: Some(vmid),
            parent: parent.map(|base| base.rsplit('/').next().unwrap_or("").to_owned()),
            ctime: on_file.then_some(made),
            volid,
            ..Volume::default()
        };
        cluster.add_volume(&node, volume);
    }
    cluster.guests.insert(vmid, guest);
    Ok(())
}

fn add_volume(cluster: &mut Cluster, row: &Value) {
    let volid = text(&row["volid"]);
    let content = match row["content"].as_str() {
        Some(content) => content.to_owned(),
        None => volid.split([':', '/']).nth(1).unwrap_or("").to_owned(),
    };
    let file = volid.rsplit('/').next().unwrap_or("").to_owned();
    let time = row["age"].as_f64().map_or(cluster.now, |age| cluster.now - age * DAY);
    let vmid = row["vmid"].as_u64().and_then(|v| u32::try_from(v).ok());
    let format = match row["format"].as_str() {
        Some(format) => format.to_owned(),
        None => match content.as_str() {
            "snippets" => "snippet".to_owned(),
            content => super::volume::file_format(content, &file).to_owned(),
        },
    };
    // backups carry their moment in the name
    let at = jiff::Timestamp::from_second(time as i64).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
    let volid = volid
        .replace("{stamp}", &at.strftime("%Y_%m_%d-%H_%M_%S").to_string())
        .replace("{iso}", &at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let volume = Volume {
        volid,
        format,
        size: bytes(&row["size"]),
        vmid,
        ctime: Some(time as u64),
        notes: row["notes"].as_str().map(str::to_owned),
        protected: row["protected"].as_bool().unwrap_or(false),
        subtype: row["subtype"].as_str().map(str::to_owned),
        extra: row["extra"].as_object().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect(),
        backup: vmid.filter(|_| content == "backup").and_then(|v| cluster.guests.get(&v).cloned()).map(Box::new),
        content,
        ..Volume::default()
    };
    let nodes: Vec<String> = match row["node"].as_str() {
        Some(node) => vec![node.to_owned()],
        None => cluster.nodes.keys().cloned().collect(),
    };
    for node in nodes {
        cluster.add_volume(&node, volume.clone());
    }
}

fn add_access(cluster: &mut Cluster, data: &Value) {
    cluster.access.roles = built_in_roles();
    cluster.access.special = cluster.access.roles.keys().cloned().collect();
    for (role, privs) in data["role"].as_object().into_iter().flatten() {
        cluster.access.roles.insert(role.clone(), super::call::split_list(&text(privs)).into_iter().collect());
    }
    for (realm, row) in data["realm"].as_object().into_iter().flatten() {
        cluster.access.realms.insert(realm.clone(), config(row));
    }
    for (realm, kind, comment) in
        [("pam", "pam", "Linux PAM standard authentication"), ("pve", "pve", "Proxmox VE authentication server")]
    {
        let own: Config = [("type", kind), ("comment", comment)].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        cluster.access.realms.entry(realm.into()).or_insert(own);
    }
    for (group, comment) in data["group"].as_object().into_iter().flatten() {
        cluster.access.groups.insert(group.clone(), comment.as_str().map(str::to_owned));
    }
    let now = cluster.now as u64;
    for row in rows(data, "user") {
        let mut user = User {
            enable: row["enable"].as_bool().unwrap_or(true),
            expire: row["expire"].as_i64().unwrap_or(0),
            password: row["password"].as_str().map(str::to_owned),
            groups: rows(row, "groups").map(text).collect(),
            ..User::default()
        };
        for key in ["email", "firstname", "lastname", "comment"] {
            if let Some(value) = row[key].as_str() {
                user.info.insert(key.into(), value.into());
            }
        }
        for token in rows(row, "token") {
            let made = Token {
                secret: text(&token["secret"]),
                privsep: token["privsep"].as_i64() == Some(1),
                expire: 0,
                comment: token["comment"].as_str().map(str::to_owned),
            };
            user.tokens.insert(text(&token["tokenid"]), made);
        }
        if let Some(keys) = row["recovery"].as_array() {
            let kind = FactorKind::Recovery(keys.iter().map(|k| Some(text(k))).collect());
            let (id, description) = ("recovery".into(), String::new());
            user.factors.push(Factor { id, description, created: now - 40 * 86_400, disabled: false, kind });
        }
        if let Some(secret) = row["totp"].as_str() {
            let kind = FactorKind::Totp { secret: secret.into(), digits: 6, period: 30, used: 0 };
            let (id, description) = (cluster.rng.uuid(), "phone".into());
            user.factors.push(Factor { id, description, created: now - 40 * 86_400, disabled: false, kind });
        }
        cluster.access.users.insert(text(&row["userid"]), user);
    }
    for row in rows(data, "grant") {
        cluster.access.acl.push(Grant {
            path: text(&row["path"]),
            kind: row["type"].as_str().unwrap_or("user").into(),
            who: text(&row["who"]),
            role: text(&row["role"]),
            propagate: row["propagate"].as_i64() != Some(0),
        });
    }
}
