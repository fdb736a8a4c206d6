//! Where a file goes: the storages that keep its kind, as choices of a form.

use crate::{
    api::ids::{ContentKind, NodeName, StorageId},
    store::Store,
    ui::{Choice, text},
    views::volume::place::{self, Place},
};

/// The storages that keep this kind, as `storage@node` where a storage isn't shared.
pub fn choices(store: &Store, kind: Option<ContentKind>) -> Vec<Choice> {
    let mut places = reachable(store, kind);
    // The one with the most room first.
    places.sort_by_key(|p| std::cmp::Reverse(p.free()));
    let choice = |p: &Place| {
        let room = format!("{} free, {}", text::bytes_short(p.free()), p.kind);
        Choice::labelled(value(p), label(p)).detail(room)
    };
    places.iter().map(choice).collect()
}

/// The storage that a choice means.
pub fn place(store: &Store, chosen: &str) -> Option<Place> {
    reachable(store, None).into_iter().find(|p| value(p) == chosen || p.storage.as_str() == chosen)
}

/// The node to talk to about it.
pub fn node(place: &Place) -> (NodeName, StorageId) {
    (place.ask.clone().unwrap_or_default(), place.storage.clone())
}

/// How a place is written in a form.
pub fn value(p: &Place) -> String {
    match (p.shared, p.nodes.first()) {
        (false, Some(node)) => format!("{}@{node}", p.storage),
        _ => p.storage.to_string(),
    }
}

fn label(p: &Place) -> String {
    format!("{} ({})", p.storage, p.where_is())
}

fn reachable(store: &Store, kind: Option<ContentKind>) -> Vec<Place> {
    let mut places = place::all(store);
    places.retain(|p| p.ask.is_some() && kind.is_none_or(|kind| p.keeps(kind)));
    places
}

/// The kinds that files can be, as choices.
pub fn kinds() -> Vec<Choice> {
    vec![
        Choice::labelled("iso", "ISO image"),
        Choice::labelled("vztmpl", "container template"),
        Choice::labelled("import", "disk image or appliance to import"),
    ]
}

/// The algorithms and lengths of sums, for help texts.
pub const SUM_HELP: &str =
    "MD5, SHA-1 or SHA-2 in hex digits, or the address of a list such as SHA256SUMS. The server checks it.";
