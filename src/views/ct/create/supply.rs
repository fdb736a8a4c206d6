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
