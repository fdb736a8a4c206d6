//! Backups: making them, what is in them, keeping and removing them. Listed they are with [`super::storage::content`];
//! restoring is creating a guest ([`super::vm::create`], [`super::lxc::create`]) from one.

use bytes::Bytes;
use compact_str::CompactString;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;

use super::{
    error::Result,
    ids::{GuestKind, NodeName, StorageId, Upid, VmId, VolId},
    json::loose,
    request::{Param, Request},
    storage,
};

/// `POST /nodes/{node}/vzdump`: backs up guests of one node, one after the other. No task is started (`None`) when none of
/// them is on this node.
pub fn start(node: &NodeName, params: &[Param]) -> Request<Option<Upid>> {
    let mut request = Request::<Value>::post(node.path("vzdump"));
    request.wire.params.extend(params.iter().cloned());
    request.read_by(upid_or_word)
}

/// `GET /nodes/{node}/vzdump/defaults`: what a backup takes that is not told otherwise.
pub fn defaults(node: &NodeName, storage: Option<&StorageId>) -> Request<Defaults> {
    Request::get(node.path("vzdump/defaults")).maybe("storage", storage)
}

/// `GET /nodes/{node}/vzdump/extractconfig`: the guest's configuration as it is in a backup.
pub fn extract_config(node: &NodeName, volume: &VolId) -> Request<String> {
    Request::get(node.path("vzdump/extractconfig")).param("volume", volume)
}

/// `GET /nodes/{node}/storage/{storage}/content/{volume}`: what is known about one backup, its notes in full.
pub fn info(node: &NodeName, volume: &VolId) -> Request<Info> {
    Request::get(volume.path(node))
}

/// `PUT /nodes/{node}/storage/{storage}/content/{volume}`: other notes, other protection.
pub fn set(node: &NodeName, volume: &VolId, notes: Option<&str>, protected: Option<bool>) -> Request<()> {
    Request::put(volume.path(node)).maybe("notes", notes).maybe("protected", protected.map(u8::from))
}

/// `DELETE /nodes/{node}/storage/{storage}/content/{volume}`: removes a backup (or any other volume) for ever. There is no
/// task when the server was done at once.
pub fn remove(node: &NodeName, volume: &VolId) -> Request<Option<Upid>> {
    Request::delete(volume.path(node))
}

/// `GET /nodes/{node}/storage/{storage}/prunebackups`: which backups these rules would keep and which they would remove;
/// without rules those of the storage count.
pub fn prune_preview(node: &NodeName, storage: &StorageId, what: &Prune) -> Request<Vec<Verdict>> {
    what.add_to(Request::get(storage::path(node, storage, "prunebackups")))
}

/// `DELETE /nodes/{node}/storage/{storage}/prunebackups`: removes what the rules don't keep.
pub fn prune(node: &NodeName, storage: &StorageId, what: &Prune) -> Request<Upid> {
    what.add_to(Request::delete(storage::path(node, storage, "prunebackups")))
}

/// `GET /nodes/{node}/storage/{storage}/file-restore/list`: what lies in a folder of a backup. `path` is `/` for the top, or
/// the [`Entry::filepath`] of an entry.
pub fn files(node: &NodeName, volume: &VolId, path: &str) -> Request<Vec<Entry>> {
    Request::get(storage::path(node, &volume.storage(), "file-restore/list"))
        .param("volume", volume)
        .param("filepath", path)
}

/// `GET /nodes/{node}/storage/{storage}/file-restore/download`: the bytes of a file in a backup, or of a folder as an
/// archive: zip, or `tar.zst` with `tar`.
pub fn file(node: &NodeName, volume: &VolId, path: &str, tar: bool) -> Request<Bytes> {
    Request::<Value>::get(storage::path(node, &volume.storage(), "file-restore/download"))
        .param("volume", volume)
        .param("filepath", path)
        .maybe("tar", tar.then_some(1))
        .read_by(|body| Ok(Bytes::copy_from_slice(body)))
}

/// The server says "OK" instead of naming a task when there is nothing to do.
fn upid_or_word(body: &[u8]) -> Result<Option<Upid>> {
    let word: String = Request::<String>::get("").decode(body)?;
    Ok(Upid::parse(&word).ok())
}

/// Which backups to prune, and by which rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prune {
    /// `keep-last=3,keep-weekly=2`; empty: the storage's own rules.
    pub rules: String,
    /// Only backups of this guest.
    pub vmid: Option<VmId>,
    /// Only backups of guests of this kind.
    pub kind: Option<GuestKind>,
}

impl Prune {
    fn add_to<T>(&self, request: Request<T>) -> Request<T> {
        let rules = Some(self.rules.as_str()).filter(|rules| !rules.is_empty());
        request.maybe("prune-backups", rules).maybe("vmid", self.vmid).maybe("type", self.kind.map(GuestKind::as_str))
    }
}

/// What pruning would do with a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Verdict {
    /// The backup.
    pub volid: VolId,
    /// When it was made, in Unix seconds.
    #[serde(deserialize_with = "loose")]
    pub ctime: u64,
    /// `keep`, `remove`, `protected`, or `renamed` (its name is not one that the server gives, so it stays).
    #[serde(deserialize_with = "loose")]
    pub mark: CompactString,
    /// The guest.
    #[serde(deserialize_with = "loose")]
    pub vmid: Option<VmId>,
    /// `qemu` or `lxc`, or something else for odd ones.
    #[serde(rename = "type", deserialize_with = "loose")]
    pub kind: CompactString,
}

impl Verdict {
    /// True when it would be removed.
    pub fn goes(&self) -> bool {
        self.mark == "remove"
    }
}

/// What is known about one backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Info {
    /// Its format, for example `vma.zst`.
    #[serde(deserialize_with = "loose")]
    pub format: CompactString,
    /// Its size in bytes.
    #[serde(deserialize_with = "loose")]
    pub size: u64,
    /// Where it lies.
    #[serde(deserialize_with = "loose")]
    pub path: String,
    /// All of its notes.
    #[serde(deserialize_with = "loose")]
    pub notes: String,
    /// True when it must not be removed.
    #[serde(deserialize_with = "loose")]
    pub protected: bool,
}

/// A file or folder in a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// The path to send back, in base64.
    #[serde(deserialize_with = "loose")]
    pub filepath: String,
    /// Its name.
    #[serde(deserialize_with = "loose")]
    pub text: String,
    /// `v` an archive of the backup, `d` a folder, `f` a file, `l` a link, and so on.
    #[serde(rename = "type", deserialize_with = "loose")]
    pub kind: CompactString,
    /// True when nothing can lie in it.
    #[serde(deserialize_with = "loose")]
    pub leaf: bool,
    /// Its size in bytes.
    #[serde(deserialize_with = "loose")]
    pub size: Option<u64>,
    /// When it was last changed, in Unix seconds.
    #[serde(deserialize_with = "loose")]
    pub mtime: Option<i64>,
}

/// What a backup takes that is not told otherwise; from the node's `vzdump.conf` and the storage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Defaults {
    /// The storage.
    #[serde(deserialize_with = "loose")]
    pub storage: CompactString,
    /// `snapshot`, `suspend` or `stop`.
    #[serde(deserialize_with = "loose")]
    pub mode: CompactString,
    /// `0`, `1`, `gzip`, `lzo` or `zstd`.
    #[serde(deserialize_with = "loose")]
    pub compress: CompactString,
    /// How many backups to keep, for example `keep-all=1`.
    #[serde(rename = "prune-backups", deserialize_with = "rules")]
    pub prune: String,
    /// KiB per second; 0: no limit.
    #[serde(deserialize_with = "loose")]
    pub bwlimit: u64,
    /// True when older backups are pruned after the backup.
    #[serde(deserialize_with = "loose")]
    pub remove: bool,
}

/// Settings of settings come as text in one answer and as an object in the next; this reads both as text.
pub(crate) fn rules<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<String, D::Error> {
    Ok(text_of(&Value::deserialize(deserializer)?))
}

/// `keep-last=3,keep-weekly=2` of text or of an object.
pub(crate) fn text_of(value: &Value) -> String {
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Bool(on) => u8::from(*on).to_string(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    match value {
        Value::Object(map) => {
            let parts: Vec<String> = map.iter().map(|(key, value)| format!("{key}={}", plain(value))).collect();
            parts.join(",")
        }
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(","),
        other => plain(other),
    }
}

/// The configuration in a backup as it is read by people: the server writes the guest's notes as comments, with colons, percent
/// signs and control characters as `%3A`.
pub fn readable(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        match line.strip_prefix('#').filter(|rest| !rest.starts_with("qmdump#")) {
            Some(notes) => {
                let notes = percent_decode_str(notes).decode_utf8_lossy().into_owned();
                notes.split('\n').for_each(|line| out += &format!("#{line}\n"));
            }
            None => out += &format!("{line}\n"),
        }
    }
    out
}

/// Drives that a VM's configuration names, but whose data is not in the backup (`backup=0`). Backups tell which drives they hold
/// in lines of their own; without those nothing can be said.
pub fn left_out(text: &str) -> Vec<String> {
    let held: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix("#qmdump#map:")?.split(':').next()).collect();
    if held.is_empty() {
        return vec![];
    }
    let drives = settings(text).into_iter().filter(|(key, value)| {
        let bus = key.trim_end_matches(|c: char| c.is_ascii_digit());
        bus.len() < key.len()
            && matches!(bus, "scsi" | "virtio" | "sata" | "ide" | "efidisk" | "tpmstate")
            && !value.contains("media=cdrom")
    });
    drives.map(|(key, _)| key).filter(|key| !held.contains(&key.as_str())).collect()
}

/// The configuration in a backup (or any guest's as text) as keys with values; comments come under the key `#`, and what the
/// server notes about the disks is left out.
pub fn settings(text: &str) -> Vec<(String, String)> {
    let mut found = vec![];
    for line in text.lines() {
        if line.starts_with('[') {
            // What follows are snapshots and pending changes.
            break;
        }
        if line.starts_with("#qmdump#") || line.trim().is_empty() {
            continue;
        }
        match line.split_once(':') {
            _ if line.starts_with('#') => found.push(("#".into(), line[1..].to_owned())),
            Some((key, value)) => found.push((key.trim().to_owned(), value.trim().to_owned())),
            None => {}
        }
    }
    found
}

/// True for storages that can show the files in their backups.
pub fn offers_files(storage_type: &str) -> bool {
    storage_type == "pbs"
}

/// True for encrypted backups. `json` readers keep a fingerprint or `1` there.
pub fn is_encrypted(volume: &storage::Volume) -> bool {
    volume.encrypted.as_deref().is_some_and(|word| !matches!(word, "" | "0"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::api::guest::param;

    #[test]
    fn endpoints_as_text() {
        let (node, store) = (NodeName::from("n"), StorageId::from("nas"));
        let volume = VolId::parse("nas:backup/x.vma").unwrap();
        let what = Prune { rules: "keep-last=2".into(), vmid: Some(VmId::MIN), kind: Some(GuestKind::Ct) };
        for (request, text) in [
            (start(&node, &[param("vmid", 100)]).to_string(), "POST /nodes/n/vzdump vmid=100"),
            (defaults(&node, Some(&store)).to_string(), "GET /nodes/n/vzdump/defaults storage=nas"),
            (extract_config(&node, &volume).to_string(), "GET /nodes/n/vzdump/extractconfig volume=nas:backup/x.vma"),
            (info(&node, &volume).to_string(), "GET /nodes/n/storage/nas/content/nas%3Abackup%2Fx.vma"),
            (
                set(&node, &volume, Some("a"), Some(true)).to_string(),
                "PUT /nodes/n/storage/nas/content/nas%3Abackup%2Fx.vma notes=a protected=1",
            ),
            (remove(&node, &volume).to_string(), "DELETE /nodes/n/storage/nas/content/nas%3Abackup%2Fx.vma"),
            (prune_preview(&node, &store, &Prune::default()).to_string(), "GET /nodes/n/storage/nas/prunebackups"),
            (
                prune(&node, &store, &what).to_string(),
                "DELETE /nodes/n/storage/nas/prunebackups prune-backups=keep-last=2 vmid=100 type=lxc",
            ),
            (
                files(&node, &volume, "/").to_string(),
                "GET /nodes/n/storage/nas/file-restore/list volume=nas:backup/x.vma filepath=/",
            ),
            (
                file(&node, &volume, "L2E=", true).to_string(),
                "GET /nodes/n/storage/nas/file-restore/download volume=nas:backup/x.vma filepath=L2E= tar=1",
            ),
        ] {
            assert_eq!(request, text);
        }
    }

    #[test]
    fn a_backup_of_no_guest_starts_no_task() {
        let request = start(&NodeName::from("n"), &[]);
        assert_eq!(request.decode(br#"{"data":"OK"}"#).unwrap(), None);
        let upid = "UPID:pve1:00000379:0009C021:6B01608E:vzdump:130:root@pam:";
        assert_eq!(request.decode(format!(r#"{{"data":"{upid}"}}"#).as_bytes()).unwrap().unwrap().as_str(), upid);
    }

    #[test]
    fn notes_are_read_as_they_were_written() {
        let text = "#Web%3A 100%25%0Anginx\nname: bk%3A\n#qmdump#map:scsi0:drive-scsi0:a%3A:raw:\n";
        assert_eq!(readable(text), "#Web: 100%\n#nginx\nname: bk%3A\n#qmdump#map:scsi0:drive-scsi0:a%3A:raw:\n");
    }

    #[test]
    fn drives_that_are_not_in_a_backup() {
        let text =
            "boot: order=scsi0\nide2: none,media=cdrom\nscsi0: a:1,size=4G\nscsi1: a:2,backup=0,size=8G\nscsihw: x\n";
        assert_eq!(left_out(&format!("{text}#qmdump#map:scsi0:drive-scsi0:a:raw:\n")), ["scsi1"]);
        assert!(left_out(text).is_empty());
    }

    #[test]
    fn a_configuration_ends_where_snapshots_begin() {
        let text =
            "#web%0Aserver\nname: bk\nnet0: virtio=AA:BB,bridge=vmbr0\n#qmdump#map:scsi0:x\n\n[snap]\nname: old\n";
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        assert_eq!(
            settings(text),
            [pair("#", "web%0Aserver"), pair("name", "bk"), pair("net0", "virtio=AA:BB,bridge=vmbr0")]
        );
    }
}
