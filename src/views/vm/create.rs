//! The create-VM wizard.

pub mod form;
pub mod request;
pub mod supply;
#[cfg(test)]
mod tests;

use crate::{
    api::{
        ApiError, Paged,
        ids::{ContentKind, GuestRef, NodeName, StorageId},
        network::Interface,
        storage::{self, Foreign, Volume},
    },
    shell::{Ask, Cx, Dialog, Proposal, Write, dialog::Msg as Heard},
    ssh_key,
    store::Store,
    ui::{Choices, Values, Wizard},
    views::{
        device::{
            self, cloudinit,
            used::{Addresses, Came},
        },
        guest::{like, new},
    },
};
use secrecy::ExposeSecret;
use supply::Images;

/// What the wizard hears back.
pub enum Msg {
    /// About ids.
    Id(new::Came),
    /// The storages of a node.
    Storages(NodeName, Result<Vec<storage::Status>, ApiError>),
    /// How the storages are configured; not everybody may know.
    Configs(Result<Vec<storage::Config>, ApiError>),
    /// What the node's hardware has to offer.
    Hardware(device::supply::Came),
    /// The addresses of another guest.
    Used(Came),
    /// What a machine of another system would become.
    Appliance(String, Result<Foreign, ApiError>),
    /// The user's own SSH keys.
    Keys(Vec<ssh_key::Found>),
    /// The images on a storage: ISO images, or disk images to import.
    Images(NodeName, StorageId, ContentKind, Result<Vec<Volume>, ApiError>),
    /// The networks of a node.
    Networks(NodeName, Result<Paged<Interface>, ApiError>),
}

/// What the wizard asks for.
pub struct CreateVm {
    /// The node whose storages and bridges are shown.
    node: NodeName,
    /// The guest that it is to be like.
    like: Option<GuestRef>,
    images: Images,
    storages: Vec<storage::Status>,
    configs: Vec<storage::Config>,
    addresses: Addresses,
}

type Context<'a> = Cx<'a, Heard<Msg>>;

impl CreateVm {
    /// A wizard for a VM on this node, or on the one with the most free memory; perhaps like another guest, and where
    /// that one is.
    pub fn new(store: &Store, node: Option<NodeName>, like: Option<GuestRef>) -> Dialog<Self> {
        let node = supply::node_for(store, like.as_ref().map(|guest| guest.node.clone()).or(node));
        let wizard = form::wizard(supply::nodes(store), supply::pools(store), node.as_str());
        let ask = Self {
            node,
            like,
            images: Images::default(),
            storages: vec![],
            configs: vec![],
            addresses: Addresses::default(),
        };
        Dialog::new(ask, wizard)
    }

    fn load_node(&mut self, wizard: &mut Wizard, cx: &mut Context) {
        self.images = Images::default();
        supply::node(wizard, cx.store(), &self.node);
        supply::ask(&self.node, cx, Msg::Storages, Msg::Networks);
        device::supply::ask(wizard, &self.node, cx, Msg::Hardware);
    }

    fn storages(&mut self, storages: &[storage::Status], wizard: &mut Wizard, cx: &mut Context) {
        supply::storages(wizard, storages, &self.configs, &self.node);
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

/// Fills in what a machine of another system has.
fn import(foreign: &Foreign, wizard: &mut Wizard) {
    const SETTINGS: [(&str, &str); 9] = [
        ("name", "name"),
        ("sockets", "sockets"),
        ("cores", "cores"),
        ("memory", "memory"),
        ("ostype", "ostype"),
        ("bios", "bios"),
        ("scsihw", "scsihw"),
        ("machine", "machine.type"),
        ("cpu", "cpu.type"),
    ];
    for (setting, field) in SETTINGS {
        if let Some(value) = foreign.setting(setting) {
            wizard.set(field, &value);
        }
    }
    for (n, (name, volume)) in foreign.volumes().enumerate() {
        wizard.fill(&format!("disk{n}.import"), &volume);
        wizard.set(&format!("disk{n}.bus"), name.trim_end_matches(|c: char| c.is_ascii_digit()));
    }
    for (n, (model, mac)) in foreign.cards().enumerate() {
        for (field, value) in [("model", model), ("macaddr", mac)] {
            if let Some(value) = value {
                wizard.fill(&format!("net{n}.{field}"), &value);
            }
        }
    }
    let words: Vec<String> = foreign.warned().collect();
    let words = if words.is_empty() { String::new() } else { format!(" The server warns: {}.", words.join(", ")) };
    wizard.set_trouble(Some(format!("Filled in from the machine to import: look through all pages.{words}")));
}

impl Ask for CreateVm {
    type Msg = Msg;
    const NAME: &'static str = "Create VM";
    const SWITCHES: &'static [(char, &'static str, &'static str)] = &[('s', "start", "start after creation")];

    fn title(&self) -> String {
        "Create a virtual machine".into()
    }

    fn opened(&mut self, wizard: &mut Wizard, cx: &mut Context) {
        new::propose(cx, Msg::Id);
        if let Some(guest) = &self.like {
            like::ask(guest, like::of_vm, cx);
        }
        cx.send(storage::list(None), Msg::Configs);
        cx.job(|world| {
            Box::pin(async move {
                let found = world.ssh_folder().and_then(|folder| ssh_key::find(folder).ok());
                Msg::Keys(found.unwrap_or_default())
            })
        });
        self.load_node(wizard, cx);
    }

    fn update(&mut self, msg: Msg, wizard: &mut Wizard, cx: &mut Context) {
        match msg {
            Msg::Id(came) => new::came(came, wizard),
            // Answers about a node that is no longer chosen don't count.
            Msg::Storages(node, _) | Msg::Images(node, ..) | Msg::Networks(node, _) if node != self.node => {}
            Msg::Storages(_, Ok(list)) => {
                self.storages(&list, wizard, cx);
                self.storages = list;
            }
            Msg::Configs(Ok(list)) => {
                self.configs = list;
                if !self.storages.is_empty() {
                    supply::storages(wizard, &self.storages, &self.configs, &self.node);
                }
            }
            // What the types of the storages tell must do.
            Msg::Configs(Err(_)) => {}
            Msg::Hardware(came) => device::supply::came(came, wizard),
            Msg::Used(came) => self.addresses.came(came, wizard, cx, Msg::Used),
            Msg::Keys(found) => wizard.set_choices("sshkeys", cloudinit::offer_keys(&found)),
            Msg::Appliance(volume, _) if wizard.values().get("appliance") != volume => {}
            Msg::Appliance(_, Ok(foreign)) => {
                import(&foreign, wizard);
                form::follow(wizard);
            }
            Msg::Appliance(volume, Err(error)) => {
                wizard.set_errors([("appliance".to_owned(), format!("{volume} can't be read: {error}"))].into());
            }
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
            "vmid" => new::changed(wizard, cx, Msg::Id),
            "name" => new::named(wizard, cx.store(), values.get("name")),
            "appliance" => {
                if let Some((storage, name)) = values.get("appliance").split_once(':') {
                    let volume = values.get("appliance").to_owned();
                    let request = storage::import_metadata(&self.node, &storage.into(), name);
                    cx.send(request, move |answer| Msg::Appliance(volume, answer));
                }
            }
            _ => device::supply::changed(key, wizard, &self.node, cx, Msg::Hardware),
        }
        self.addresses.look(&wizard.values(), cx, Msg::Used);
        form::follow(wizard);
    }

    fn proposal(&self, wizard: &Wizard, _: &Store) -> Option<Proposal> {
        let values = wizard.known();
        let password = wizard.secret_of("cipassword");
        let request = request::with_password(&values, password.as_ref().map(|secret| secret.expose_secret()))?;
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
