//! Storages and the volumes that they keep.

use std::collections::BTreeMap;

use compact_str::CompactString;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{
    ids::{ContentKind, NodeName, StorageId, VmId, VolId},
    json::{self, loose},
    request::{Request, part},
    rrd::{self, Consolidation, Point, Timeframe},
};

/// `GET /storage`: how the storages are configured; with `kind`, for example `dir`, only those of one type.
pub fn list(kind: Option<&str>) -> Request<Vec<Config>> {
    Request::get("/storage").maybe("type", kind)
}

/// `GET /storage/{storage}`: how one storage is configured.
pub fn config(storage: &StorageId) -> Request<Config> {
    Request::get(format!("/storage/{}", part(storage.as_str())))
}

/// `GET /nodes/{node}/storage`: the storages that a node sees, and how full they are; with `content` only those that may
/// keep it, with `enabled` only those that are not switched off.
pub fn of_node(node: &NodeName, content: Option<ContentKind>, enabled: bool) -> Request<Vec<Status>> {
    Request::get(node.path("storage")).maybe("content", content).maybe("enabled", enabled.then_some(1))
}

/// `GET /nodes/{node}/storage/{storage}/status`: how full one storage is. The answer does not repeat its name.
pub fn status(node: &NodeName, storage: &StorageId) -> Request<Status> {
    Request::get(path(node, storage, "status"))
}

/// `GET /nodes/{node}/storage/{storage}/content`: the volumes, of one kind or of one guest if wanted.
pub fn content(
    node: &NodeName,
    storage: &StorageId,
    kind: Option<ContentKind>,
    vmid: Option<VmId>,
) -> Request<Vec<Volume>> {
    Request::get(path(node, storage, "content")).maybe("content", kind).maybe("vmid", vmid)
}

/// `GET /nodes/{node}/storage/{storage}/import-metadata`: what a machine of another system (an appliance file, a machine of
/// an ESXi server) would become as a VM. `volume` is its name on the storage, without the storage's.
pub fn import_metadata(node: &NodeName, storage: &StorageId, volume: &str) -> Request<Foreign> {
    Request::get(path(node, storage, "import-metadata")).param("volume", volume)
}

/// `GET /nodes/{node}/storage/{storage}/rrddata`: how full it was. Storages know no decade: it is asked as a year.
pub fn rrddata(node: &NodeName, storage: &StorageId, timeframe: Timeframe, of: Consolidation) -> Request<Vec<Point>> {
    let timeframe = if timeframe == Timeframe::Decade { Timeframe::Year } else { timeframe };
    rrd::data(path(node, storage, "rrddata"), timeframe, of)
}

/// The path of something below a storage on a node.
pub(crate) fn path(node: &NodeName, storage: &StorageId, rest: &str) -> String {
    node.path(&format!("storage/{}/{rest}", part(storage.as_str())))
}

/// How a storage is configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Its name.
    pub storage: StorageId,
    /// Its type, for example `dir`.
    pub kind: CompactString,
    /// Changes with every edit of any storage.
    pub digest: String,
    /// The other options, in the server's order: name and text.
    pub options: Vec<(CompactString, String)>,
}

impl Config {
    /// The text of an option, for example `path` or `prune-backups`.
    pub fn get(&self, option: &str) -> Option<&str> {
        self.options.iter().find(|(name, _)| name == option).map(|(_, value)| value.as_str())
    }

    /// What it may keep.
    pub fn content(&self) -> impl Iterator<Item = &str> {
        json::split(self.get("content").unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut config = Self::default();
        for (key, value) in json::texts(deserializer)? {
            match &*key {
                "storage" => config.storage = value.into(),
                "type" => config.kind = value.into(),
                "digest" => config.digest = value,
                _ => config.options.push((key, value)),
            }
        }
        Ok(config)
    }
}

/// How full a storage is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Its name; empty in the answer of [`status`].
    #[serde(deserialize_with = "loose")]
    pub storage: StorageId,
    /// Its type, for example `dir`.
    #[serde(rename = "type", deserialize_with = "loose")]
    pub kind: CompactString,
    /// What it may keep.
    #[serde(deserialize_with = "json::list")]
    pub content: Vec<CompactString>,
    /// True when it is reachable.
    #[serde(deserialize_with = "loose")]
    pub active: bool,
    /// True when it is not switched off.
    #[serde(deserialize_with = "loose")]
    pub enabled: bool,
    /// True when it is the same on all its nodes.
    #[serde(deserialize_with = "loose")]
    pub shared: bool,
    /// Its size in bytes.
    #[serde(deserialize_with = "loose")]
    pub total: u64,
    /// Bytes in use.
    #[serde(deserialize_with = "loose")]
    pub used: u64,
    /// Bytes that are left; with reserved space less than the difference.
    #[serde(deserialize_with = "loose")]
    pub avail: u64,
}

impl Status {
    /// True when it may keep this kind of content.
    pub fn keeps(&self, kind: ContentKind) -> bool {
        self.content.iter().any(|word| word == kind.as_str())
    }
}

/// A volume: a disk, an ISO, a template, a backup.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Volume {
    /// Its name.
    pub volid: VolId,
    /// What it holds, for example `iso`; see [`Volume::kind`].
    #[serde(deserialize_with = "loose")]
    pub content: CompactString,
    /// Its format, for example `qcow2`, `raw`, `iso`, `tar.zst`.
    #[serde(deserialize_with = "loose")]
    pub format: CompactString,
    /// Its size in bytes.
    #[serde(deserialize_with = "loose")]
    pub size: Option<u64>,
    /// Bytes that it really takes, where the storage tells.
    #[serde(deserialize_with = "loose")]
    pub used: Option<u64>,
    /// The guest that it belongs to.
    #[serde(deserialize_with = "loose")]
    pub vmid: Option<VmId>,
    /// The volume that a linked clone stands on.
    #[serde(deserialize_with = "loose")]
    pub parent: Option<CompactString>,
    /// What the user wrote about a backup (its first line).
    #[serde(deserialize_with = "loose")]
    pub notes: Option<String>,
    /// True when a backup must not be removed.
    #[serde(deserialize_with = "loose")]
    pub protected: bool,
    /// When it was made, in Unix seconds.
    #[serde(deserialize_with = "loose")]
    pub ctime: Option<u64>,
    /// `qemu` or `lxc` for backups.
    #[serde(deserialize_with = "loose")]
    pub subtype: Option<CompactString>,
    /// `1` or a fingerprint when a Backup Server keeps it encrypted.
    #[serde(deserialize_with = "loose")]
    pub encrypted: Option<CompactString>,
    /// What a Backup Server found when it last read it.
    #[serde(deserialize_with = "json::object")]
    pub verification: Verification,
}

impl Volume {
    /// What it holds.
    pub fn kind(&self) -> ContentKind {
        ContentKind::from_api(&self.content).unwrap_or_else(|| self.volid.kind())
    }

    /// The guest that it belongs to, told by the server or by its name.
    pub fn owner(&self) -> Option<VmId> {
        self.vmid.or_else(|| self.volid.owner())
    }
}

/// A machine of another system.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Foreign {
    /// Settings for the VM.
    #[serde(rename = "create-args")]
    pub settings: BTreeMap<String, Value>,
    /// Its disks by bus and number, for example `scsi0`: a volume to import, or an object with `volid` and `size`.
    pub disks: BTreeMap<String, Value>,
    /// Its network cards: `net0` with `model` and perhaps `macaddr`.
    pub net: BTreeMap<String, Value>,
    /// What will not be as it was: objects with `type`, `key` and `value`.
    pub warnings: Vec<Value>,
}

impl Foreign {
    /// The settings as text.
    pub fn setting(&self, key: &str) -> Option<String> {
        self.settings.get(key).and_then(as_text)
    }

    /// The disks' names and the volumes to import.
    pub fn volumes(&self) -> impl Iterator<Item = (&str, String)> {
        self.disks.iter().filter_map(|(name, disk)| {
            let volume = disk.get("volid").unwrap_or(disk);
            Some((name.as_str(), as_text(volume)?))
        })
    }

    /// The cards' models and addresses, as far as they are told.
    pub fn cards(&self) -> impl Iterator<Item = (Option<String>, Option<String>)> {
        self.net.values().map(|card| (card.get("model").and_then(as_text), card.get("macaddr").and_then(as_text)))
    }

    /// The warnings in the server's words.
    pub fn warned(&self) -> impl Iterator<Item = String> {
        self.warnings.iter().filter_map(|warning| {
            let of = |key: &str| warning.get(key).and_then(as_text);
            let words = [of("type"), of("key"), of("value")].into_iter().flatten().collect::<Vec<_>>();
            (!words.is_empty()).then(|| words.join(" "))
        })
    }
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(on) => Some(u8::from(*on).to_string()),
        _ => None,
    }
}

/// The result of the last check by a Backup Server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Verification {
    /// `ok`, `failed`, or empty when it was never checked.
    #[serde(deserialize_with = "loose")]
    pub state: CompactString,
    /// The task that checked it.
    #[serde(deserialize_with = "loose")]
    pub upid: CompactString,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn endpoints_as_text() {
        let (node, store) = (NodeName::from("n"), StorageId::from("local"));
        assert_eq!(list(None).to_string(), "GET /storage");
        assert_eq!(list(Some("dir")).to_string(), "GET /storage type=dir");
        assert_eq!(config(&store).to_string(), "GET /storage/local");
        assert_eq!(of_node(&node, None, false).to_string(), "GET /nodes/n/storage");
        assert_eq!(
            of_node(&node, Some(ContentKind::Backup), true).to_string(),
            "GET /nodes/n/storage content=backup enabled=1"
        );
        assert_eq!(
            import_metadata(&node, &store, "import/x.ova").to_string(),
            "GET /nodes/n/storage/local/import-metadata volume=import/x.ova"
        );
        assert_eq!(status(&node, &store).to_string(), "GET /nodes/n/storage/local/status");
        assert_eq!(
            content(&node, &store, Some(ContentKind::Iso), Some(VmId::MIN)).to_string(),
            "GET /nodes/n/storage/local/content content=iso vmid=100"
        );
    }

    #[test]
    fn foreign_machines() {
        let foreign: Foreign = serde_json::from_str(
            r#"{"create-args":{"name":"x","cores":2},"disks":{"scsi0":"a:import/x.ova/d.vmdk","scsi1":{"volid":"e:y","size":1}},
            "net":{"net0":{"model":"e1000"}},"warnings":[{"type":"guest-is-running"}],"source":"esxi"}"#,
        )
        .unwrap();
        assert_eq!(foreign.setting("cores").as_deref(), Some("2"));
        let volumes: Vec<_> = foreign.volumes().map(|(_, volume)| volume).collect();
        assert_eq!(volumes, ["a:import/x.ova/d.vmdk", "e:y"]);
        assert_eq!(foreign.cards().next().unwrap().0.as_deref(), Some("e1000"));
        assert_eq!(foreign.warned().collect::<Vec<_>>(), ["guest-is-running"]);
    }

    #[test]
    fn volumes_and_storages() {
        let volume: Volume = serde_json::from_str(
            r#"{"volid":"pbs:backup/ct/200/2026-11-21T08:23:48Z","size":"12","protected":"1","content":"backup",
            "verification":{"state":"ok"},"parent":null,"vmid":null}"#,
        )
        .unwrap();
        assert_eq!((volume.size, volume.protected, volume.kind()), (Some(12), true, ContentKind::Backup));
        assert_eq!((volume.owner().map(VmId::get), &*volume.verification.state), (Some(200), "ok"));
        let status: Status = serde_json::from_str(r#"{"content":"iso,images","active":1}"#).unwrap();
        assert!(status.keeps(ContentKind::Iso) && !status.keeps(ContentKind::Backup) && status.active);
        let config: Config =
            serde_json::from_str(r#"{"storage":"s","type":"dir","digest":"d","content":"iso,none","shared":1}"#)
                .unwrap();
        assert_eq!((config.storage.as_str(), &*config.kind, config.get("shared")), ("s", "dir", Some("1")));
        assert_eq!(config.content().collect::<Vec<_>>(), ["iso", "none"]);
    }
}
