//! What lists of volumes show.

use crate::{
    api::ids::ContentKind,
    ui::{
        Cell, Ctx, Role, Table,
        table::{Column, Width},
        text,
    },
};

use super::shelf::{Item, Key};

/// A table of volumes of one kind over all storages, or of everything on one storage.
pub fn table(kind: Option<ContentKind>) -> Table<Item, Key> {
    Table::new(columns(kind), Item::key, searched).with_property(property)
}

/// The columns for one kind, or for everything.
pub fn columns(kind: Option<ContentKind>) -> Vec<Column<Item>> {
    let all = all();
    let hidden: &[&str] = match kind {
        None => &["storage", "place"],
        Some(ContentKind::Iso) => &["content", "format", "guest", "notes", "protected"],
        Some(ContentKind::Backup) => &["content", "users"],
        Some(ContentKind::Vztmpl | ContentKind::Import | ContentKind::Snippets) => {
            &["content", "guest", "notes", "users", "protected"]
        }
        Some(_) => &["content", "notes", "protected"],
    };
    all.into_iter().filter(|c| !hidden.contains(&c.id)).collect()
}

fn all() -> Vec<Column<Item>> {
    let column = Column::<Item>::sorted;
    vec![
        column(
            "name",
            "Name",
            Width::Flex { min: 20, max: 70 },
            0,
            |i: &Item, _: &Ctx| i.volume.volid.name().split_once('/').map_or(i.volume.volid.name(), |(_, n)| n).into(),
            |a: &Item, b: &Item| a.volume.volid.name().cmp(b.volume.volid.name()),
        ),
        column(
            "content",
            "Content",
            Width::Fixed(8),
            2,
            |i, _| Cell::role(i.volume.kind().as_str(), Role::Accent),
            |a, b| a.volume.kind().cmp(&b.volume.kind()),
        ),
        column(
            "format",
            "Format",
            Width::Fit { max: 8 },
            5,
            |i, _| Cell::role(i.volume.format.as_str(), Role::Muted),
            |a, b| a.volume.format.cmp(&b.volume.format),
        ),
        column(
            "size",
            "Size",
            Width::Fixed(10),
            1,
            |i, _| i.volume.size.map_or_else(String::new, text::bytes).into(),
            |a, b| a.volume.size.cmp(&b.volume.size),
        )
        .right(),
        column(
            "date",
            "Date",
            Width::Fixed(16),
            3,
            |i, c| {
                let made = i.volume.ctime.and_then(|t| i64::try_from(t).ok());
                made.map_or_else(String::new, |t| text::time(t, c.zone).chars().take(16).collect()).into()
            },
            |a, b| a.made().cmp(&b.made()),
        ),
        column(
            "guest",
            "Guest",
            Width::Fixed(6),
            3,
            |i, _| i.volume.owner().map_or_else(String::new, |v| v.to_string()).into(),
            |a, b| a.volume.owner().cmp(&b.volume.owner()),
        ),
        column(
            "storage",
            "Storage",
            Width::Fit { max: 16 },
            1,
            |i, _| i.volume.volid.storage().as_str().into(),
            |a, b| a.volume.volid.storage().cmp(&b.volume.volid.storage()),
        ),
        column(
            "place",
            "Nodes",
            Width::Fit { max: 12 },
            3,
            |i, _| Cell::role(i.place.as_str(), Role::Muted),
            |a, b| a.place.cmp(&b.place),
        ),
        column(
            "users",
            "Used by",
            Width::Fit { max: 24 },
            2,
            |i, _| match &i.users {
                None => Cell::role("?", Role::Muted),
                Some(users) => users.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ").into(),
            },
            |a, b| a.users.as_ref().map(Vec::len).cmp(&b.users.as_ref().map(Vec::len)),
        ),
        column(
            "protected",
            "Protected",
            Width::Fixed(9),
            4,
            |i, _| Cell::role(if i.volume.protected { "yes" } else { "" }, Role::Warning),
            |a, b| a.volume.protected.cmp(&b.volume.protected),
        ),
        column(
            "notes",
            "Notes",
            Width::Flex { min: 6, max: 40 },
            4,
            |i, _| {
                let first = i.volume.notes.as_deref().unwrap_or_default().lines().next().unwrap_or_default();
                Cell::role(first, Role::Muted)
            },
            |a, b| a.volume.notes.cmp(&b.volume.notes),
        ),
    ]
}

fn searched(i: &Item, out: &mut String) {
    use std::fmt::Write as _;
    let _ = write!(out, "{} {} {} {}", i.volume.volid, i.volume.format, i.place, i.volume.kind());
    if let Some(notes) = &i.volume.notes {
        let _ = write!(out, " {notes}");
    }
}

/// `content:iso`, `storage:local`, `node:pve1`, `guest:100`, `format:qcow2`, `is:protected`, `is:used`, `is:unused`.
fn property(i: &Item, key: &str, value: &str) -> Option<bool> {
    Some(match key {
        "content" | "type" => i.volume.kind().as_str() == value,
        "storage" => i.volume.volid.storage().as_str().to_lowercase() == value,
        "node" => i.node.as_str().to_lowercase() == value || (i.shared && i.place.contains(value)),
        "guest" | "id" | "vmid" => i.volume.owner().is_some_and(|v| v.to_string() == value),
        "format" => i.volume.format.to_lowercase() == value,
        "is" => match value {
            "protected" => i.volume.protected,
            "used" => i.users.as_ref().is_some_and(|u| !u.is_empty()),
            "unused" => i.users.as_ref().is_some_and(Vec::is_empty),
            _ => return None,
        },
        _ => return None,
    })
}
