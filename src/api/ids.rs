//! The names of things: nodes, guests, storages, volumes, tasks.

use std::{fmt, str::FromStr};

use compact_str::CompactString;
use serde::{Deserialize, Deserializer};
use thiserror::Error;

use super::{
    json::{self, Scalar},
    request::part,
};

/// Why a text is not the name of something.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{text}\" is not {what}: {why}")]
pub struct BadId {
    /// The rejected text.
    pub text: String,
    /// What was expected, for example `a task id (UPID)`.
    pub what: &'static str,
    /// What is wrong with it.
    pub why: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(CompactString);

        impl $type {
            /// Takes the name as it is: the server is the judge of names.
            pub fn new(text: impl Into<CompactString>) -> Self {
                Self(text.into())
            }

            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// True for the name of nothing (a field that the server left out).
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<&str> for $type {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $type {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl PartialEq<str> for $type {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $type {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }

        impl Scalar for $type {
            fn from_text(text: &str) -> Option<Self> {
                Some(Self(text.into()))
            }

            fn from_int(number: i64) -> Option<Self> {
                CompactString::from_int(number).map(Self)
            }

            fn from_float(_: f64) -> Option<Self> {
                None
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                json::loose(deserializer)
            }
        }
    };
}

name!(
    /// The name of a cluster node, for example `pve1`.
    NodeName
);
name!(
    /// The name of a storage, for example `local-lvm`.
    StorageId
);

impl NodeName {
    /// The path of something below the node: `path("tasks")` is `/nodes/{node}/tasks`; `path("")` is the node itself.
    pub fn path(&self, rest: &str) -> String {
        let slash = if rest.is_empty() { "" } else { "/" };
        format!("/nodes/{}{slash}{rest}", part(&self.0))
    }
}

/// The number of a guest, 100 to 999999999, unique in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VmId(u32);

impl VmId {
    /// The smallest number that a guest may have.
    pub const MIN: Self = Self(100);
    /// The largest number that a guest may have.
    pub const MAX: Self = Self(999_999_999);

    /// The number as an id, when it is one.
    pub fn new(number: u32) -> Option<Self> {
        (Self::MIN.0..=Self::MAX.0).contains(&number).then_some(Self(number))
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for VmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for VmId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        Self::from_text(text).ok_or(BadId {
            text: text.into(),
            what: "a guest id",
            why: "it must be a number from 100 to 999999999",
        })
    }
}

impl Scalar for VmId {
    fn from_text(text: &str) -> Option<Self> {
        Self::new(text.parse().ok()?)
    }

    fn from_int(number: i64) -> Option<Self> {
        Self::new(number.try_into().ok()?)
    }

    fn from_float(number: f64) -> Option<Self> {
        Self::new(u32::from_float(number)?)
    }
}

impl<'de> Deserialize<'de> for VmId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        json::loose::<_, Option<Self>>(deserializer)?
            .ok_or_else(|| serde::de::Error::custom("expected a guest id from 100 to 999999999"))
    }
}

/// The two kinds of guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GuestKind {
    /// A virtual machine run by QEMU.
    Vm,
    /// A Linux container.
    Ct,
}

impl GuestKind {
    /// The API's word: `qemu` or `lxc`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vm => "qemu",
            Self::Ct => "lxc",
        }
    }

    /// The short word for people: `VM` or `CT`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Vm => "VM",
            Self::Ct => "CT",
        }
    }

    /// The kind that the API means by `qemu` or `lxc`.
    pub fn from_api(word: &str) -> Option<Self> {
        match word {
            "qemu" => Some(Self::Vm),
            "lxc" => Some(Self::Ct),
            _ => None,
        }
    }
}

/// `VM` or `CT`.
impl fmt::Display for GuestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

/// Where a guest is, which is all that its endpoints need to know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuestRef {
    /// The node that it is on.
    pub node: NodeName,
    /// Virtual machine or container.
    pub kind: GuestKind,
    /// Its number.
    pub vmid: VmId,
}

impl GuestRef {
    /// A reference to the guest with this number on this node.
    pub fn new(node: impl Into<NodeName>, kind: GuestKind, vmid: VmId) -> Self {
        Self { node: node.into(), kind, vmid }
    }

    /// `path("status/start")` is `/nodes/{node}/qemu/{vmid}/status/start`; `path("")` is the guest itself.
    pub fn path(&self, rest: &str) -> String {
        let slash = if rest.is_empty() { "" } else { "/" };
        self.node.path(&format!("{}/{}{slash}{rest}", self.kind.as_str(), self.vmid))
    }
}

/// `VM 100` or `CT 200`.
impl fmt::Display for GuestRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.vmid)
    }
}

/// What a storage keeps; the words of the parameter `content`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContentKind {
    /// Disks of virtual machines.
    Images,
    /// Volumes of containers.
    Rootdir,
    /// CD images.
    Iso,
    /// Container templates.
    Vztmpl,
    /// Backup archives.
    Backup,
    /// Hook scripts and cloud-init files.
    Snippets,
    /// Disk images and appliances to import.
    Import,
}

impl ContentKind {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Images, Self::Rootdir, Self::Iso, Self::Vztmpl, Self::Backup, Self::Snippets, Self::Import];

    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Rootdir => "rootdir",
            Self::Iso => "iso",
            Self::Vztmpl => "vztmpl",
            Self::Backup => "backup",
            Self::Snippets => "snippets",
            Self::Import => "import",
        }
    }

    /// The kind that the API means by a word.
    pub fn from_api(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for ContentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The name of a volume: `local:iso/debian.iso`, `local-lvm:vm-100-disk-0`, `nas:8000/base-8000-disk-0.qcow2/100/vm-100-disk-0.qcow2`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VolId(CompactString);

impl VolId {
    /// Checks the form `storage:name`.
    ///
    /// # Errors
    /// [`BadId`] when storage or name are missing.
    pub fn parse(text: &str) -> Result<Self, BadId> {
        let bad = |why| Err(BadId { text: text.into(), what: "a volume id", why });
        match text.split_once(':') {
            None => bad("it has no colon between storage and name"),
            Some(("", _)) => bad("no storage stands before the colon"),
            Some((_, "")) => bad("no name stands after the colon"),
            Some((storage, _)) if storage.contains('/') => bad("what stands before the colon is not a storage"),
            Some(_) => Ok(Self(text.into())),
        }
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The storage; empty when the text is not `storage:name` (the server's answers are not checked).
    pub fn storage(&self) -> StorageId {
        StorageId::new(self.0.split_once(':').map_or("", |(storage, _)| storage))
    }

    /// What stands after the storage, for example `iso/debian.iso`.
    pub fn name(&self) -> &str {
        self.0.split_once(':').map_or(&*self.0, |(_, name)| name)
    }

    /// The last part of the name, for example `debian.iso`.
    pub fn file_name(&self) -> &str {
        self.name().rsplit('/').next().unwrap_or_default()
    }

    /// What it holds as far as its name tells: a container's volume looks like a disk image.
    pub fn kind(&self) -> ContentKind {
        match self.name().split_once('/') {
            Some(("iso", _)) => ContentKind::Iso,
            Some(("vztmpl", _)) => ContentKind::Vztmpl,
            Some(("backup", _)) => ContentKind::Backup,
            Some(("snippets", _)) => ContentKind::Snippets,
            Some(("import", _)) => ContentKind::Import,
            _ if self.file_name().starts_with("subvol-") || self.file_name().starts_with("basevol-") => {
                ContentKind::Rootdir
            }
            _ => ContentKind::Images,
        }
    }

    /// The guest that it belongs to: of a disk, a container's volume or a backup.
    pub fn owner(&self) -> Option<VmId> {
        let number = match self.kind() {
            ContentKind::Images | ContentKind::Rootdir => self.file_name().split('-').nth(1)?,
            ContentKind::Backup => match self.file_name().strip_prefix("vzdump-") {
                Some(rest) => rest.split('-').nth(1)?,
                // The Backup Server's form: `backup/vm/100/2026-11-21T08:23:48Z`.
                None => self.name().split('/').nth(2)?,
            },
            _ => return None,
        };
        VmId::from_text(number)
    }

    /// The path of the volume below its storage on a node: `/nodes/{node}/storage/{storage}/content/{volume}`.
    pub fn path(&self, node: &NodeName) -> String {
        node.path(&format!("storage/{}/content/{}", part(self.storage().as_str()), part(&self.0)))
    }
}

impl FromStr for VolId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        Self::parse(text)
    }
}

impl fmt::Display for VolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Keeps any text: what the server lists must be shown even when it is odd.
impl<'de> Deserialize<'de> for VolId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        json::loose(deserializer).map(Self)
    }
}

/// A task's id: `UPID:{node}:{pid}:{pstart}:{start time, hexadecimal}:{type}:{id}:{user}:`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Upid(CompactString);

impl Upid {
    /// Checks the form.
    ///
    /// # Errors
    /// [`BadId`] that says which part is wrong.
    pub fn parse(text: &str) -> Result<Self, BadId> {
        let bad = |why| Err(BadId { text: text.into(), what: "a task id (UPID)", why });
        let Some(rest) = text.strip_prefix("UPID:") else { return bad("it does not begin with \"UPID:\"") };
        let parts: Vec<&str> = rest.split(':').collect();
        let [node, pid, pstart, start, kind, id, user, ""] = parts[..] else {
            return bad("it must have seven parts, each followed by a colon");
        };
        let hex = |text: &str, digits: std::ops::RangeInclusive<usize>| {
            digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
        };
        if node.is_empty() || !node.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return bad("its first part is not a node's name");
        }
        if !hex(pid, 8..=8) || !hex(pstart, 8..=9) || !hex(start, 8..=8) {
            return bad("process, process start and start time must be hexadecimal");
        }
        if kind.is_empty() {
            return bad("it has no task type");
        }
        if user.is_empty() {
            return bad("it has no user");
        }
        if [kind, id, user].iter().any(|part| part.contains(|c: char| c.is_whitespace() || c == '/')) {
            return bad("type, id and user hold no white space and no slash");
        }
        Ok(Self(text.into()))
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The n-th part; empty in texts of another form, which only the server itself can give.
    fn field(&self, n: usize) -> &str {
        self.0.split(':').nth(n).unwrap_or_default()
    }

    /// The node that runs it.
    pub fn node(&self) -> NodeName {
        NodeName::new(self.field(1))
    }

    /// The type, for example `qmstart`.
    pub fn kind(&self) -> &str {
        self.field(5)
    }

    /// What it is about: a guest's number, a service, a file name, nothing.
    pub fn id(&self) -> &str {
        self.field(6)
    }

    /// Who started it, for example `root@pam` or `root@pam!token`.
    pub fn user(&self) -> &str {
        self.field(7)
    }

    /// The number of its process on the node.
    pub fn pid(&self) -> u64 {
        u64::from_str_radix(self.field(2), 16).unwrap_or_default()
    }

    /// When it started, in Unix seconds.
    pub fn started(&self) -> u64 {
        u64::from_str_radix(self.field(4), 16).unwrap_or_default()
    }

    /// The guest that it is about, when its id is a guest's number.
    pub fn vmid(&self) -> Option<VmId> {
        VmId::from_text(self.id())
    }

    /// `path("status")` is `/nodes/{node}/tasks/{upid}/status`; `path("")` is the task itself.
    pub fn path(&self, rest: &str) -> String {
        let slash = if rest.is_empty() { "" } else { "/" };
        self.node().path(&format!("tasks/{}{slash}{rest}", part(&self.0)))
    }
}

impl FromStr for Upid {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        Self::parse(text)
    }
}

impl fmt::Display for Upid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Scalar for Upid {
    fn from_text(text: &str) -> Option<Self> {
        Some(Self(text.into()))
    }

    fn from_int(_: i64) -> Option<Self> {
        None
    }

    fn from_float(_: f64) -> Option<Self> {
        None
    }
}

/// Keeps any text: the server knows its own tasks. Only something that is no text at all is refused.
impl<'de> Deserialize<'de> for Upid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        json::loose::<_, Option<Self>>(deserializer)?
            .ok_or_else(|| serde::de::Error::custom("expected a task id (UPID:...)"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const UPID: &str = "UPID:pve1:00007D61:00097EA9:6B015FE7:qmsnapshot:101:root@pam!ci:";

    #[test]
    fn parts_of_a_upid() {
        let upid = Upid::parse(UPID).unwrap();
        assert_eq!((upid.node().as_str(), upid.kind(), upid.id()), ("pve1", "qmsnapshot", "101"));
        assert_eq!((upid.user(), upid.started(), upid.vmid()), ("root@pam!ci", 0x6B01_5FE7, VmId::new(101)));
        assert_eq!(
            upid.path("status"),
            "/nodes/pve1/tasks/UPID%3Apve1%3A00007D61%3A00097EA9%3A6B015FE7%3Aqmsnapshot%3A101%3Aroot%40pam%21ci%3A/status"
        );
    }

    #[test]
    fn other_text_is_no_upid() {
        for text in [
            "",
            "UPID:",
            "upid:pve1:00007D61:00097EA9:6B015FE7:qmstart:101:root@pam:",
            "UPID:pve1:00007D61:00097EA9:6B015FE7:qmstart:101:root@pam",
            "UPID:pve1:00007D61:00097EA9:6B015FE7:qmstart:101:root@pam::",
            "UPID:pve1:0007D61:00097EA9:6B015FE7:qmstart:101:root@pam:",
            "UPID:pve1:00007D61:00097EA9:6B015FEX:qmstart:101:root@pam:",
            "UPID:pve1:00007D61:00097EA9:6B015FE7::101:root@pam:",
            "UPID:pve1:00007D61:00097EA9:6B015FE7:qmstart:101::",
            "UPID:a b:00007D61:00097EA9:6B015FE7:qmstart:101:root@pam:",
            "UPID:pve1:00007D61:00097EA9:6B015FE7:qm start:101:root@pam:",
        ] {
            assert!(Upid::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            Upid::parse("x").unwrap_err().to_string(),
            "\"x\" is not a task id (UPID): it does not begin with \"UPID:\""
        );
        let odd: Upid = serde_json::from_str("\"odd\"").unwrap();
        assert_eq!((odd.as_str(), odd.node().as_str(), odd.started()), ("odd", "", 0));
        assert!(serde_json::from_str::<Upid>("null").is_err());
    }

    proptest! {
        #[test]
        fn made_upids_are_read_back(
            node in "[a-z][a-z0-9-]{0,20}", pid: u32, pstart in 0x1000_0000u64..0xF_FFFF_FFFF, start: u32,
            kind in "[a-z_-]{1,16}", id in "[A-Za-z0-9._%@-]{0,30}", user in "[a-z]{1,8}@[a-z]{1,5}(![a-z]{1,5})?",
        ) {
            let text = format!("UPID:{node}:{pid:08X}:{pstart:08X}:{start:08X}:{kind}:{id}:{user}:");
            let upid = Upid::parse(&text).unwrap();
            prop_assert_eq!(upid.node(), NodeName::from(node));
            prop_assert_eq!((upid.kind(), upid.id(), upid.user()), (&*kind, &*id, &*user));
            prop_assert_eq!(upid.started(), u64::from(start));
            prop_assert_eq!(upid.to_string(), text);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}") {
            if let Ok(upid) = Upid::parse(&text) {
                prop_assert_eq!(upid.as_str(), &text);
            }
            let kept: Upid = serde_json::from_value(text.clone().into()).unwrap();
            let _ = (kept.node(), kept.kind(), kept.id(), kept.user(), kept.started(), kept.vmid(), kept.path("log"));
            let volume: VolId = serde_json::from_value(text.into()).unwrap();
            let _ = (volume.storage(), volume.name(), volume.file_name(), volume.kind(), volume.owner());
        }

        #[test]
        fn a_upid_needs_every_colon(cut in 0..UPID.len()) {
            prop_assert!(Upid::parse(&UPID[..cut]).is_err());
        }
    }

    #[test]
    fn guest_ids() {
        for (text, number) in [("100", Some(100)), ("999999999", Some(999_999_999)), ("99", None), ("1000000000", None)]
        {
            assert_eq!(text.parse::<VmId>().ok().map(VmId::get), number, "{text}");
        }
        assert_eq!(
            "web".parse::<VmId>().unwrap_err().to_string(),
            "\"web\" is not a guest id: it must be a number from 100 to 999999999"
        );
        let ids: Vec<VmId> = serde_json::from_str("[100, \"101\", 102.0]").unwrap();
        assert_eq!(ids.iter().map(|id| id.get()).collect::<Vec<_>>(), [100, 101, 102]);
    }

    #[test]
    fn paths() {
        let guest = GuestRef::new("pve1", GuestKind::Ct, VmId::new(200).unwrap());
        assert_eq!(guest.path("status/start"), "/nodes/pve1/lxc/200/status/start");
        assert_eq!((guest.path("").as_str(), guest.to_string().as_str()), ("/nodes/pve1/lxc/200", "CT 200"));
    }

    #[test]
    fn volumes() {
        use ContentKind::*;
        for (text, storage, kind, file, owner) in [
            ("local:iso/debian 12.iso", "local", Iso, "debian 12.iso", None),
            ("local:vztmpl/t.tar.zst", "local", Vztmpl, "t.tar.zst", None),
            ("local:snippets/u.yaml", "local", Snippets, "u.yaml", None),
            ("local:import/d.qcow2", "local", Import, "d.qcow2", None),
            ("local:100/vm-100-disk-0.qcow2", "local", Images, "vm-100-disk-0.qcow2", Some(100)),
            ("lvm:vm-123-disk-1", "lvm", Images, "vm-123-disk-1", Some(123)),
            ("zfs:subvol-200-disk-0", "zfs", Rootdir, "subvol-200-disk-0", Some(200)),
            ("z:8000/base-8000-disk-0.qcow2/100/vm-100-disk-0.qcow2", "z", Images, "vm-100-disk-0.qcow2", Some(100)),
            (
                "s:backup/vzdump-lxc-200-2026_11_21-08_23_48.tar.gz",
                "s",
                Backup,
                "vzdump-lxc-200-2026_11_21-08_23_48.tar.gz",
                Some(200),
            ),
            ("pbs:backup/vm/100/2026-11-21T08:23:48Z", "pbs", Backup, "2026-11-21T08:23:48Z", Some(100)),
        ] {
            let volume = VolId::parse(text).unwrap();
            assert_eq!((volume.storage().as_str(), volume.kind(), volume.file_name()), (storage, kind, file), "{text}");
            assert_eq!(volume.owner().map(VmId::get), owner, "{text}");
        }
        for text in ["", "none", ":x", "local:", "/dev/disk:x"] {
            assert!(VolId::parse(text).is_err(), "{text}");
        }
        let iso = VolId::parse("local:iso/x.iso").unwrap();
        assert_eq!(iso.path(&"pve1".into()), "/nodes/pve1/storage/local/content/local%3Aiso%2Fx.iso");
    }
}
