//! The create-container wizard.

pub mod fetch;
pub mod form;
pub mod key;
pub mod request;
pub mod supply;
#[cfg(test)]
mod tests;

use secrecy::ExposeSecret;

use crate::{
    api::{
        ApiError, Paged,
        ids::{ContentKind, GuestRef, NodeName, StorageId},
        image::{self, Appliance},
        network::Interface,
        storage::{self, Volume},
        task::Task,
    },
    shell::{Ask, Cx, Dialog, Level, Proposal, Write, dialog::Msg as Heard},
    ssh_key::{Found, Strength},
    store::Store,
    ui::{Choices, Values, Wizard},
    views::{
        device::used::{self, Addresses},
        guest::{like, new},
        vm::create::supply::{self as of_node, Images},
    },
};
use fetch::Fetch;

/// What the wizard hears back.
pub enum Msg {
    /// About ids.
    Id(new::Came),
    /// The storages of a node.
    Storages(NodeName, Result<Vec<storage::Status>, ApiError>),
    /// The templates on a storage.
    Templates(NodeName, StorageId, Result<Vec<Volume>, ApiError>),
    /// The templates that the node can download.
    Catalogue(NodeName, Result<Vec<Appliance>, ApiError>),
    /// The networks of a node.
    Networks(NodeName, Result<Paged<Interface>, ApiError>),
    /// The addresses of another guest.
    Used(used::Came),
    /// The user's own keys.
    Keys(Result<Vec<Found>, String>),
    /// A new key pair is wanted.
    MakeKey(Strength),
    /// It was made.
    KeyMade(Result<Box<Found>, String>),
    /// The node fetches a template.
    Fetching(Box<Result<Fetch, ApiError>>),
    /// How the task of it is.
    Fetched(Box<Result<Task, ApiError>>),
    /// What is on its storage now.
    Arrived(NodeName, StorageId, Result<Vec<Volume>, ApiError>),
}

/// What the wizard asks for.
pub struct CreateCt {
    /// The node whose storages and bridges are shown.
    node: NodeName,
    /// The guest that it is to be like.
    like: Option<GuestRef>,
    templates: Images,
    /// The catalogue was asked for on this node.
    catalogue: bool,
    keys: Vec<Found>,
    fetch: Option<Fetch>,
    addresses: Addresses,
}

pub(crate) type Context<'a> = Cx<'a, Heard<Msg>>;

impl CreateCt {
    /// A wizard for a container on this node, or on the one with the most free memory; perhaps like another guest, and
    /// where that one is.
    pub fn new(store: &Store, node: Option<NodeName>, like: Option<GuestRef>) -> Dialog<Self> {
        let node = of_node::node_for(store, like.as_ref().map(|guest| guest.node.clone()).or(node));
        let mut wizard = form::wizard(of_node::nodes(store), of_node::pools(store), node.as_str());
        wizard.set_fact("user", &store.user);
        let ask = Self {
            node,
            like,
            templates: Images::default(),
            catalogue: false,
            keys: vec![],
            fetch: None,
            addresses: Addresses::default(),
        };
        Dialog::new(ask, wizard)
    }

    fn load_node(&mut self, wizard: &mut Wizard, cx: &mut Context) {
        self.templates = Images::default();
        self.catalogue = false;
        supply::node(wizard, cx.store(), &self.node);
        of_node::ask(&self.node, cx, Msg::Storages, Msg::Networks);
        self.load_catalogue(wizard, cx);
    }

    /// The catalogue is long: it is asked for when somebody wants to see it.
    fn load_catalogue(&mut self, wizard: &Wizard, cx: &mut Context) {
        if !self.catalogue && wizard.values().get("fetch") == "catalogue" {
            self.catalogue = true;
            let node = self.node.clone();
            cx.send(image::catalogue(&node), move |answer| Msg::Catalogue(node, answer));
        }
    }

    fn storages(&mut self, storages: &[storage::Status], wizard: &mut Wizard, cx: &mut Context) {
        supply::storages(wizard, storages, &self.node);
        let wanted: Vec<_> = storages.iter().filter(|s| s.active && s.keeps(ContentKind::Vztmpl)).collect();
        fetch::storages(wizard, &wanted);
        self.templates.expect(ContentKind::Vztmpl, wanted.len());
        for storage in wanted {
            let (node, storage) = (self.node.clone(), storage.storage.clone());
            let request = storage::content(&node, &storage, Some(ContentKind::Vztmpl), None);
            cx.send(request, move |answer| Msg::Templates(node, storage, answer));
        }
        self.show_templates(wizard);
    }

    fn show_templates(&self, wizard: &mut Wizard) {
        let all = self.templates.choices(ContentKind::Vztmpl, "", |_| true);
        wizard.set_choices("ostemplate", all);
        form::follow(wizard);
    }

    fn templates(&mut self, storage: &StorageId, answer: Result<Vec<Volume>, ApiError>, wizard: &mut Wizard) {
        if let Err(error) = &answer {
            wizard.set_trouble(Some(format!("The templates on {storage} can't be listed: {error}")));
        }
        self.templates.came(ContentKind::Vztmpl, answer.unwrap_or_default());
        self.show_templates(wizard);
    }

    fn fetched(&mut self, answer: Result<Task, ApiError>, wizard: &mut Wizard, cx: &mut Context) {
        let Some(fetch) = &mut self.fetch else { return };
        match answer {
            Ok(task) if task.status.is_running() => fetch.goes_on(),
            Ok(task) if task.status.is_success() => fetch.list(cx),
            Ok(task) => {
                wizard.set_fact("fetch.state", "");
                wizard.set_trouble(Some(format!("The template could not be fetched: {}", task.status)));
                self.fetch = None;
            }
            // The task goes on by itself; it is asked again with the next news.
            Err(_) => fetch.goes_on(),
        }
    }

    fn arrived(&mut self, volumes: Vec<Volume>, wizard: &mut Wizard, cx: &mut Context) {
        let Some(fetch) = self.fetch.take() else { return };
        let volume = fetch.found(&volumes).map(|volume| volume.volid.to_string());
        self.templates.came(ContentKind::Vztmpl, volumes);
        self.show_templates(wizard);
        wizard.set_fact("fetch.state", "");
        match volume {
            Some(volume) => {
                fetch::chosen(wizard, &volume);
                cx.toast(Level::Ok, format!("{volume} is there, and was taken"));
            }
            None => wizard.set_trouble(Some("The task has ended: choose the template from the list.".into())),
        }
    }

    fn lines(&self, values: &Values) -> Vec<String> {
        let chosen: Vec<&str> = values.get("ssh.keys").split(',').collect();
        let own = self.keys.iter().filter(|key| chosen.contains(&key.name.as_str())).map(|key| key.line.clone());
        let other = Some(values.get("ssh.other").trim()).filter(|line| !line.is_empty()).map(str::to_owned);
        own.chain(other).collect()
    }
}

impl Ask for CreateCt {
    type Msg = Msg;
    const NAME: &'static str = "Create CT";
    const SWITCHES: &'static [(char, &'static str, &'static str)] = &[('s', "start", "start after creation")];

    fn title(&self) -> String {
        "Create a container".into()
    }

    fn opened(&mut self, wizard: &mut Wizard, cx: &mut Context) {
        new::propose(cx, Msg::Id);
        if let Some(guest) = &self.like {
            like::ask(guest, like::of_ct, cx);
        }
        cx.job(|world| Box::pin(key::find(world)));
        self.load_node(wizard, cx);
    }

    fn refreshed(&mut self, wizard: &mut Wizard, cx: &mut Context) {
        if let Some(fetch) = &mut self.fetch {
            fetch.look(wizard, cx);
        }
    }

    fn update(&mut self, msg: Msg, wizard: &mut Wizard, cx: &mut Context) {
        match msg {
            Msg::Id(came) => new::came(came, wizard),
            Msg::Used(came) => self.addresses.came(came, wizard, cx, Msg::Used),
            Msg::Keys(Ok(keys)) => {
                self.keys = keys;
                key::show(&self.keys, wizard);
            }
            Msg::Keys(Err(why)) => wizard.set_choices("ssh.keys", Choices::Failed(why)),
            Msg::MakeKey(strength) => {
                cx.toast(Level::Info, "Making the key pair");
                cx.job(move |world| Box::pin(key::make(world, strength)));
            }
            Msg::KeyMade(Ok(made)) => key::made(*made, &mut self.keys, wizard, cx),
            Msg::KeyMade(Err(why)) => wizard.set_trouble(Some(why)),
            Msg::Fetching(answer) => match *answer {
                Ok(fetch) => {
                    wizard.set_fact("fetch.state", "on its way");
                    self.fetch = Some(fetch);
                }
                Err(error) => wizard.set_trouble(Some(error.explained())),
            },
            Msg::Fetched(answer) => self.fetched(*answer, wizard, cx),
            // Answers about a node that is no longer chosen don't count.
            Msg::Storages(node, _)
            | Msg::Templates(node, ..)
            | Msg::Networks(node, _)
            | Msg::Catalogue(node, _)
            | Msg::Arrived(node, ..)
                if node != self.node => {}
            Msg::Storages(_, Ok(list)) => self.storages(&list, wizard, cx),
            Msg::Storages(_, Err(error)) => {
                for key in supply::FROM_STORAGES {
                    wizard.set_choices(key, Choices::Failed(error.to_string()));
                }
            }
            Msg::Templates(_, storage, answer) => self.templates(&storage, answer, wizard),
            Msg::Catalogue(_, Ok(list)) => fetch::catalogue(wizard, list),
            Msg::Catalogue(_, Err(error)) => wizard.set_choices("appliance", Choices::Failed(error.to_string())),
            Msg::Networks(_, Ok(page)) => supply::networks(wizard, &page.data),
            Msg::Networks(_, Err(error)) => wizard.set_choices("bridge", Choices::Failed(error.to_string())),
            Msg::Arrived(_, _, Ok(volumes)) => self.arrived(volumes, wizard, cx),
            Msg::Arrived(_, storage, Err(error)) => self.templates(&storage, Err(error), wizard),
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
            "hostname" => new::named(wizard, cx.store(), values.get("hostname")),
            "fetch" => self.load_catalogue(wizard, cx),
            "fetch.go" if values.is_on("fetch.go") => {
                wizard.set("fetch.go", "0");
                if self.fetch.is_some() {
                    wizard.set_trouble(Some("One is on its way already: wait until it has come.".into()));
                } else {
                    fetch::propose(wizard, self.templates.all(ContentKind::Vztmpl), cx);
                }
            }
            "ssh.new" if values.is_on("ssh.new") => {
                wizard.set("ssh.new", "0");
                key::ask(cx);
            }
            _ if key.starts_with("net") => {
                // The command line may give an address without saying that it is a fixed one.
                for (end, mode) in [(".ip", "ipv4"), (".ip6", "ipv6")] {
                    if let Some(nic) = key.strip_suffix(end) {
                        wizard.set(&format!("{nic}.{mode}"), "static");
                    }
                }
                self.addresses.look(&wizard.values(), cx, Msg::Used);
            }
            _ => {}
        }
        form::follow(wizard);
    }

    fn proposal(&self, wizard: &Wizard, _: &Store) -> Option<Proposal> {
        let values = wizard.known();
        let (password, keys) = (wizard.secret_of("password"), self.lines(&values));
        let access = request::Access { password: password.as_ref().map(|secret| secret.expose_secret()), keys: &keys };
        let request = request::request(&values, access)?;
        let name = values.get("hostname");
        let name = if name.is_empty() { String::new() } else { format!(" ({name})") };
        let label = format!("Create CT {}{name}", values.get("vmid"));
        let mut proposal = Proposal::new(label.clone(), vec![Write::new(label, request)]);
        if password.is_none() && keys.is_empty() {
            proposal = proposal.note("Nobody can log in: there is neither a password nor a key (step Access).");
        }
        Some(proposal)
    }

    fn field_of(&self, parameter: &str, values: &Values) -> String {
        request::field_of(parameter, values)
    }

    fn field_of_text(&self, text: &str, _: &Values) -> Option<String> {
        request::field_of_text(text).map(str::to_owned)
    }
}
