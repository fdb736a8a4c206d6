//! One backup as a row: what the lists show of it, and how it is found and sorted.

use compact_str::CompactString;

use crate::{
    api::{
        backup,
        ids::{GuestKind, NodeName, StorageId, VmId, VolId},
        storage::Volume,
    },
    store::Store,
    ui::{Cell, Column, Role, Width, text},
};

/// What identifies a backup: its volume, and the node for storages that are not shared.
pub type Key = (NodeName, VolId);

/// A backup.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Its name.
    pub volid: VolId,
    /// A node that sees it.
    pub node: NodeName,
    /// True when all nodes of the storage see it.
    pub shared: bool,
    /// The storage's type, for example `pbs`.
    pub storage_type: CompactString,
    /// The guest.
    pub vmid: Option<VmId>,
    /// Virtual machine or container.
    pub kind: Option<GuestKind>,
    /// The guest's name, while the guest exists.
    pub name: CompactString,
    /// True while the guest exists.
    pub exists: bool,
    /// When it was made, in Unix seconds.
    pub ctime: u64,
    /// Bytes.
    pub size: u64,
    /// For example `vma.zst`.
    pub format: CompactString,
    /// The first line of its notes.
    pub notes: String,
    /// It must not be removed.
    pub protected: bool,
    /// A Backup Server keeps it encrypted.
    pub encrypted: bool,
    /// `ok`, `failed`, or empty when nobody has checked it.
    pub verified: CompactString,
}

impl Row {
    /// The row of a volume that a node told about.
    pub fn new(volume: Volume, node: &NodeName, shared: bool, storage_type: &str, store: &Store) -> Self {
        let vmid = volume.owner();
        let kind = volume.subtype.as_deref().and_then(GuestKind::from_api).or_else(|| kind_of(&volume.volid));
        let guest = vmid.and_then(|id| store.guest(id)).filter(|g| kind.is_none_or(|kind| kind == g.kind));
        Self {
            node: node.clone(),
            shared,
            storage_type: storage_type.into(),
            vmid,
            kind: kind.or(guest.map(|g| g.kind)),
            name: guest.map(|g| g.name.clone()).unwrap_or_default(),
            exists: guest.is_some(),
            ctime: volume.ctime.unwrap_or(0),
            size: volume.size.unwrap_or(0),
            encrypted: backup::is_encrypted(&volume),
            format: volume.format,
            notes: volume.notes.unwrap_or_default(),
            protected: volume.protected,
            verified: volume.verification.state,
            volid: volume.volid,
        }
    }

    /// See [`Key`].
    pub fn key(&self) -> Key {
        (if self.shared { NodeName::default() } else { self.node.clone() }, self.volid.clone())
    }

    /// The storage that holds it.
    pub fn storage(&self) -> StorageId {
        self.volid.storage()
    }

    /// `VM 101 (web)`.
    pub fn guest(&self) -> String {
        let kind = self.kind.map_or("guest", GuestKind::label);
        match (self.vmid, self.name.as_str()) {
            (Some(id), "") => format!("{kind} {id}"),
            (Some(id), name) => format!("{kind} {id} ({name})"),
            (None, _) => "an unknown guest".into(),
        }
    }

    /// `the backup of VM 101 (web) from 2026-05-04 10:12:33`.
    pub fn words(&self) -> String {
        format!("the backup of {} from {}", self.guest(), text::local_time(self.unix()))
    }

    /// When it was made.
    pub fn unix(&self) -> i64 {
        i64::try_from(self.ctime).unwrap_or(0)
    }

    /// True unless a check found it broken or it holds nothing.
    pub fn is_good(&self) -> bool {
        self.verified != "failed" && self.size > 0
    }
}

/// `vzdump-lxc-..`, or the Backup Server's `ct/..`.
fn kind_of(volid: &VolId) -> Option<GuestKind> {
    let name = volid.name();
    if name.contains("/vzdump-qemu-") || name.starts_with("backup/vm/") {
        Some(GuestKind::Vm)
    } else if name.contains("/vzdump-lxc-") || name.starts_with("backup/ct/") {
        Some(GuestKind::Ct)
    } else {
        None
    }
}

/// How long ago something was, coloured by how worrying that is.
pub fn age(at: Option<u64>, now: i64) -> Cell {
    const DAY: u64 = 86_400;
    let Some(at) = at else { return Cell::role("never", Role::Danger) };
    let seconds = u64::try_from(now).unwrap_or(0).saturating_sub(at);
    let role = match seconds {
        s if s < 2 * DAY => Role::Ok,
        s if s < 8 * DAY => Role::Text,
        s if s < 32 * DAY => Role::Warning,
        _ => Role::Danger,
    };
    Cell::role(text::age(seconds), role)
}

/// The columns of the list.
pub fn columns() -> Vec<Column<Row>> {
    let left = Column::<Row>::sorted;
    let right = Column::<Row>::right;
    vec![
        right(left(
            "id",
            "ID",
            Width::Fit { max: 9 },
            0,
            |r, _| r.vmid.map_or_else(|| "?".into(), |id| id.to_string()).into(),
            |a, b| a.vmid.cmp(&b.vmid).then(b.ctime.cmp(&a.ctime)),
        )),
        left(
            "guest",
            "Guest",
            Width::Flex { min: 12, max: 24 },
            1,
            |r, _| if r.exists { r.name.as_str().into() } else { Cell::role("(destroyed)", Role::Muted) },
            |a, b| a.name.cmp(&b.name).then(b.ctime.cmp(&a.ctime)),
        ),
        left(
            "time",
            "Time",
            Width::Fixed(16),
            0,
            |r, c| text::time(r.unix(), c.zone).chars().take(16).collect::<String>().into(),
            |a, b| a.ctime.cmp(&b.ctime),
        ),
        left("age", "Age", Width::Fixed(10), 5, |r, c| age(Some(r.ctime), c.now), |a, b| b.ctime.cmp(&a.ctime)),
        right(left("size", "Size", Width::Fixed(9), 1, |r, _| text::bytes(r.size).into(), |a, b| a.size.cmp(&b.size))),
        left(
            "format",
            "Format",
            Width::Fit { max: 10 },
            6,
            |r, _| Cell::role(r.format.as_str(), Role::Muted),
            |a, b| a.format.cmp(&b.format),
        ),
        left(
            "storage",
            "Storage",
            Width::Fit { max: 22 },
            2,
            |r, _| if r.shared { r.storage().to_string() } else { format!("{} {}", r.storage(), r.node) }.into(),
            |a, b| (a.storage(), &a.node).cmp(&(b.storage(), &b.node)),
        ),
        left(
            "protected",
            "Protected",
            Width::Fixed(9),
            3,
            |r, _| if r.protected { Cell::role("protected", Role::Accent) } else { Cell::default() },
            |a, b| a.protected.cmp(&b.protected),
        ),
        left(
            "verified",
            "Verified",
            Width::Fixed(8),
            4,
            |r, c| match r.verified.as_str() {
                "ok" => Cell::role(format!("{} ok", c.look.glyphs.ok), Role::Ok),
                "" => Cell::default(),
                other => Cell::role(format!("{} {other}", c.look.glyphs.failed), Role::Danger),
            },
            |a, b| a.verified.cmp(&b.verified),
        ),
        left(
            "encrypted",
            "Encrypted",
            Width::Fixed(9),
            7,
            |r, _| if r.encrypted { "encrypted".into() } else { Cell::default() },
            |a, b| a.encrypted.cmp(&b.encrypted),
        ),
        left(
            "notes",
            "Notes",
            Width::Flex { min: 16, max: 60 },
            2,
            |r, _| Cell::role(r.notes.lines().next().unwrap_or_default(), Role::Muted),
            |a, b| a.notes.cmp(&b.notes),
        ),
    ]
}

/// What a filter's words are looked for in.
pub fn searched(r: &Row, out: &mut String) {
    use std::fmt::Write as _;
    let id = r.vmid.map(|id| id.to_string()).unwrap_or_default();
    let _ = write!(out, "{id} {} {} {} {} {}", r.name, r.volid, r.node, r.format, r.notes);
}

/// `id:101`, `guest:web`, `storage:nas`, `node:pve1`, `type:vm`, `is:protected|encrypted|verified|orphan`.
pub fn property(r: &Row, key: &str, value: &str) -> Option<bool> {
    Some(match key {
        "id" | "vmid" => r.vmid.is_some_and(|id| id.to_string().starts_with(value)),
        "guest" | "name" => r.name.to_lowercase().contains(value),
        "storage" => r.storage().as_str().to_lowercase() == value,
        "node" => r.node.as_str().to_lowercase() == value,
        "notes" => r.notes.to_lowercase().contains(value),
        "format" => r.format.to_lowercase().contains(value),
        "type" => r.kind.is_some_and(|k| k.label().to_lowercase() == value || k.as_str() == value),
        "is" => match value {
            "protected" => r.protected,
            "encrypted" => r.encrypted,
            "verified" => r.verified == "ok",
            "broken" => !r.is_good(),
            "orphan" | "destroyed" => !r.exists,
            _ => return None,
        },
        _ => return None,
    })
}
