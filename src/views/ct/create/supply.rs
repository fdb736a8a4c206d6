//! What the cluster has to offer, as choices, proposals and facts of the create-container wizard.

use super::form;
use crate::{
    api::{
        ids::{ContentKind, NodeName},
        network::Interface,
        storage,
    },
    store::Store,
    ui::{Choices, Wizard},
    views::vm::create::supply as of_node,
};

/// Fields whose choices come from the node's storages.
pub const FROM_STORAGES: [&str; 3] = ["storage", "ostemplate", "fetch.storage"];

/// Another node: what it has is on its way.
pub fn node(wizard: &mut Wizard, store: &Store, name: &NodeName) {
    for key in FROM_STORAGES.iter().chain(&["bridge", "appliance"]) {
        wizard.set_choices(key, Choices::Loading);
    }
    for fact in ["storages", "bridges"] {
        wizard.set_fact(fact, "");
    }
    of_node::capacity(wizard, store, name);
    form::follow(wizard);
}

/// The node's storages came.
pub fn storages(wizard: &mut Wizard, storages: &[storage::Status], node: &NodeName) {
    let fit = || storages.iter().filter(|s| s.active && s.keeps(ContentKind::Rootdir));
    for storage in fit() {
        wizard.set_fact(format!("kind.{}", storage.storage), storage.kind.as_str());
        wizard.set_fact(format!("free.{}", storage.storage), storage.avail.to_string());
    }
    let names: Vec<&str> = fit().map(|s| s.storage.as_str()).collect();
    wizard.set_fact("storages", names.join(" "));
    let best = fit().max_by_key(|s| (of_node::rank(s), s.avail)).map(|s| s.storage.to_string());
    let list = match &best {
        Some(_) => Choices::Ready(fit().map(|s| crate::views::device::supply::storage_choice(s, None)).collect()),
        None => Choices::Failed(format!("no active storage on {node} keeps containers")),
    };
    wizard.set_fact("storage.best", best.unwrap_or_default());
    wizard.set_choices("storage", list);
    form::follow(wizard);
}

/// The node's bridges came.
pub fn networks(wizard: &mut Wizard, interfaces: &[Interface]) {
    let list = crate::views::device::supply::bridge_choices(interfaces);
    of_node::bridge_facts(wizard, &list);
    wizard.set_choices("bridge", Choices::Ready(list));
    form::follow(wizard);
}

/// An id is somebody's.
pub fn taken(wizard: &mut Wizard, vmid: crate::api::ids::VmId, why: &str) {
    wizard.set_fact("vmid.taken", vmid.to_string());
    wizard.set_fact("vmid.why", why);
    wizard.share();
}

/// Another guest may have this name: then the next one that is free is proposed.
pub fn name(wizard: &mut Wizard, store: &Store, name: &str) {
    let guests = &store.resources.guests;
    let Some(other) = guests.iter().find(|guest| !name.is_empty() && guest.name == name) else { return };
    let free = next_name(name, |name| guests.iter().any(|guest| guest.name == name));
    wizard.set_fact("name.taken", name);
    let why = format!("{} {} has this name, too; {free} is free", other.kind.label(), other.vmid);
    wizard.set_fact("name.why", why);
}

/// `web-01` leads to `web-02`, `db` to `db-2`.
fn next_name(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let (digits, number) = (name.len() - stem.len(), name[stem.len()..].parse::<u32>());
    let (stem, from) = match number {
        Ok(number) => (stem.to_owned(), number.saturating_add(1)),
        Err(_) => (format!("{name}-"), 2),
    };
    let numbered = (from..).map(|n| format!("{stem}{n:0digits$}"));
    numbered.into_iter().find(|name| !is_taken(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_names_are_proposed() {
        let taken = |name: &str| ["web-02", "db", "db-2", "x9"].contains(&name);
        assert_eq!(next_name("web-01", taken), "web-03");
        assert_eq!(next_name("db", taken), "db-3");
        assert_eq!(next_name("x9", taken), "x10");
    }
}
