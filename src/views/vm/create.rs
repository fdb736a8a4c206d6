//! The create-VM wizard.

pub mod form;
pub mod request;
pub mod supply;
#[cfg(test)]
mod tests;

use crate::{
    api::{
        ApiError, Paged, cluster,
        ids::{ContentKind, NodeName, StorageId, VmId},
        network::{self, Interface},
        storage::{self, Volume},
    },
    shell::{Ask, Cx, Dialog, Proposal, Write, dialog::Msg as Heard},
    store::Store,
    ui::{Choices, Values, Wizard},
};
use supply::Images;

/// What the wizard hears back.
pub enum Msg {
    /// The next free id.
    NextId(Result<VmId, ApiError>),
    /// Whether an id is free.
    IdChecked(VmId, Result<VmId, ApiError>),
    /// The storages of a node.
    Storages(NodeName, Result<Vec<storage::Status>, ApiError>),
    /// The images on a storage: ISO images, or disk images to import.
    Images(NodeName, StorageId, ContentKind, Result<Vec<Volume>, ApiError>),
    /// The networks of a node.
    Networks(NodeName, Result<Paged<Interface>, ApiError>),
}

/// What the wizard asks for.
pub struct CreateVm {
    /// The node whose storages and bridges are shown.
    node: NodeName,
    images: Images,
}

type Context<'a> = Cx<'a, Heard<Msg>>;

impl CreateVm {
    /// A wizard for a VM on this node, or on the one with the most free memory.
    pub fn new(store: &Store, node: Option<NodeName>) -> Dialog<Self> {
        let node = supply::node_for(store, node);
        let wizard = form::wizard(supply::nodes(store), supply::pools(store), node.as_str());
        Dialog::new(Self { node, images: Images::default() }, wizard)
    }

    fn load_node(&mut self, wizard: &mut Wizard, cx: &mut Context) {
        self.images = Images::default();
        supply::node(wizard, cx.store(), &self.node);
        let node = self.node.clone();
        cx.send(storage::of_node(&node, None, true), {
            let node = node.clone();
            move |answer| Msg::Storages(node, answer)
        });
        cx.send(network::list(&self.node, Some("any_bridge")), move |answer| Msg::Networks(node, answer));
    }

    fn storages(&mut self, storages: &[storage::Status], wizard: &mut Wizard, cx: &mut Context) {
        supply::storages(wizard, storages, &self.node);
        for kind in [ContentKind::Iso, ContentKind::Import] {
            let wanted: Vec<_> = storages.iter().filter(|s| s.active && s.keeps(kind)).collect();
            self.images.expect(kind, wanted.len());
            for storage in wanted {
                let (node, storage) = (self.node.clone(), storage.storage.clone());
                let request = storage::content(&node, &storage, Some(kind), None);
                cx.send(request, move |answer| Msg::Images(node, storage, kind, answer));
            }
        }
        self.images.show(wizard);
    }
}

fn taken(wizard: &mut Wizard, vmid: VmId, why: &str) {
    wizard.set_fact("vmid.taken", vmid.to_string());
    wizard.set_fact("vmid.why", why);
    wizard.share();
}

impl Ask for CreateVm {
    type Msg = Msg;
    const NAME: &'static str = "Create VM";
    const SWITCHES: &'static [(char, &'static str, &'static str)] = &[('s', "start", "start after creation")];

    fn title(&self) -> String {
        "Create a virtual machine".into()
    }

    fn opened(&mut self, wizard: &mut Wizard, cx: &mut Context) {
        cx.send(cluster::next_id(None), Msg::NextId);
        self.load_node(wizard, cx);
    }

    fn update(&mut self, msg: Msg, wizard: &mut Wizard, cx: &mut Context) {
        match msg {
            Msg::NextId(Ok(vmid)) => {
                if wizard.values().get("vmid").is_empty() {
                    wizard.set_initial("vmid", &vmid.to_string());
                }
            }
            Msg::NextId(Err(error)) => wizard.set_trouble(Some(format!("No free id was proposed: {error}"))),
            Msg::IdChecked(vmid, Err(error)) if wizard.values().get("vmid") == vmid.to_string() => {
                if let Some(400) = error.status() {
                    taken(wizard, vmid, "is already taken");
                }
            }
            Msg::IdChecked(..) => {}
            // Answers about a node that is no longer chosen don't count.
            Msg::Storages(node, _) | Msg::Images(node, ..) | Msg::Networks(node, _) if node != self.node => {}
            Msg::Storages(_, Ok(list)) => self.storages(&list, wizard, cx),
            Msg::Storages(_, Err(error)) => {
                for key in supply::FROM_STORAGES {
                    wizard.set_choices(key, Choices::Failed(error.to_string()));
                }
            }
            Msg::Images(_, storage, kind, answer) => {
                if let Err(error) = &answer {
                    wizard.set_trouble(Some(format!("The images on {storage} can't be listed: {error}")));
                }
                self.images.came(kind, answer.unwrap_or_default());
                self.images.show(wizard);
            }
            Msg::Networks(_, Ok(page)) => supply::networks(wizard, &page.data),
            Msg::Networks(_, Err(error)) => wizard.set_choices("bridge", Choices::Failed(error.to_string())),
        }
    }

    fn changed(&mut self, key: &str, wizard: &mut Wizard, cx: &mut Context) {
        let values = wizard.values();
        match key {
            "node" if values.get("node") != self.node.as_str() => {
                self.node = NodeName::from(values.get("node"));
                self.load_node(wizard, cx);
            }
            "vmid" => {
                if let Some(vmid) = values.get("vmid").parse().ok().and_then(VmId::new) {
                    match cx.store().guest(vmid) {
                        Some(other) => {
                            taken(wizard, vmid, &format!("is taken by {} {}", other.kind.label(), other.name))
                        }
                        None => cx.send(cluster::next_id(Some(vmid)), move |answer| Msg::IdChecked(vmid, answer)),
                    }
                }
            }
            "name" => {
                let name = values.get("name");
                let other = cx.store().resources.guests.iter().find(|guest| !name.is_empty() && guest.name == name);
                if let Some(other) = other {
                    wizard.set_fact("name.taken", name);
                    wizard.set_fact("name.why", format!("{} {} has this name, too", other.kind.label(), other.vmid));
                }
            }
            _ => {}
        }
        form::follow(wizard);
    }

    fn proposal(&self, wizard: &Wizard, _: &Store) -> Option<Proposal> {
        let values = wizard.known();
        let request = request::request(&values)?;
        let name = values.get("name");
        let name = if name.is_empty() { String::new() } else { format!(" ({name})") };
        let label = format!("Create VM {}{name}", values.get("vmid"));
        Some(Proposal::new(label.clone(), vec![Write::new(label, request)]))
    }

    fn field_of(&self, parameter: &str, values: &Values) -> String {
        request::field_of(parameter, values)
    }

    fn field_of_text(&self, text: &str, _: &Values) -> Option<String> {
        request::field_of_text(text).map(str::to_owned)
    }
}
