//! What forms offer: storages, volumes on them, bridges, devices to boot from. Asked for only by forms that have such a
//! field.

use std::collections::BTreeMap;

use super::{
    change::Subject,
    setting::{Drive, bus, drive, number},
    sheet::{Sheet, shown},
};
use crate::{
    api::{
        ApiError, Paged, Request,
        ids::{ContentKind, GuestKind, StorageId},
        network::{self, Interface},
        storage::{self, Volume},
    },
    store::Store,
    ui::{Choice, Choices, Values, Wizard, text},
    views::device::{self, supply::Came, used},
};

/// What was heard.
pub enum Heard {
    /// The node's storages.
    Storages(Result<Vec<storage::Status>, ApiError>),
    /// Volumes on one of them.
    Volumes(ContentKind, StorageId, Result<Vec<Volume>, ApiError>),
    /// The node's networks.
    Networks(Result<Paged<Interface>, ApiError>),
    /// Something about the node's hardware.
    Hardware(Came),
    /// The addresses of another guest; for the dialog itself.
    Used(used::Came),
}

/// A question and what its answer is.
pub enum Question {
    /// See [`Heard::Storages`].
    Storages(Request<Vec<storage::Status>>),
    /// See [`Heard::Volumes`].
    Volumes(ContentKind, StorageId, Request<Vec<Volume>>),
    /// See [`Heard::Networks`].
    Networks(Request<Paged<Interface>>),
}

/// Fields for a storage.
const STORAGES: [&str; 5] = ["storage", "efi.storage", "tpm.storage", "ci.storage", "vmstatestorage"];

/// Fields for a volume: the field, what it holds, what stands for none, and whether one must be chosen.
const VOLUMES: [(&str, ContentKind, &str); 3] = [
    ("cd.image", ContentKind::Iso, "none (the drive stays empty)"),
    ("import", ContentKind::Import, "nothing (empty disk)"),
    ("hookscript", ContentKind::Snippets, "none"),
];

/// Volumes that have come, and how many storages still owe an answer.
#[derive(Default)]
pub struct Supply {
    volumes: BTreeMap<ContentKind, (usize, Vec<Choice>)>,
}

fn has(wizard: &Wizard, field: &str) -> bool {
    wizard.step_of(field).is_some()
}

/// What the conditions and checks of device forms look at.
pub fn around(sheet: &Sheet, key: &str, subject: &Subject, store: &Store) -> Values {
    let mut values = Values::default();
    let mut set = |key: &str, value: &str| values.set(key, value);
    if let Some(bus) = bus(key) {
        set("bus", bus);
    }
    for key in ["scsihw", "machine", "ostype", "arch", "unprivileged"] {
        set(if key == "machine" { "machine.type" } else { key }, sheet.wanted(key).unwrap_or_default());
    }
    let taken: Vec<&str> = sheet.keys().filter(|key| bus(key).is_some()).collect();
    set("taken", &taken.join(" "));
    device::supply::server_facts(store).iter().for_each(|(fact, value)| set(fact, value));
    set("user", &subject.user);
    set("node", subject.guest.node.as_str());
    if let Some(node) = store.node(subject.guest.node.as_str()) {
        device::supply::node_facts(node).iter().for_each(|(fact, value)| set(fact, value));
    }
    values
}

/// What has to be asked for a form.
pub fn questions(wizard: &mut Wizard, subject: &Subject) -> Vec<Question> {
    let node = &subject.guest.node;
    let mut questions = vec![];
    let from_storages = STORAGES.iter().copied().chain(VOLUMES.iter().map(|(field, ..)| *field));
    if from_storages.clone().any(|field| has(wizard, field)) {
        from_storages.for_each(|field| wizard.set_choices(field, Choices::Loading));
        questions.push(Question::Storages(storage::of_node(node, None, true)));
    }
    if has(wizard, "bridge") {
        wizard.set_choices("bridge", Choices::Loading);
        questions.push(Question::Networks(network::list(node, Some("any_bridge"))));
    }
    questions
}

/// The devices that a VM can boot from, as choices.
pub fn bootable(sheet: &Sheet) -> Choices {
    let device = |key: &&str| bus(key).is_some() || ["net", "usb", "hostpci"].iter().any(|p| number(key, p).is_some());
    let choice = |key: &str| {
        let text = sheet.wanted(key).unwrap_or_default();
        Choice::new(key).detail(shown(key, text))
    };
    let bootable = |key: &&str| drive(sheet.wanted(key).unwrap_or_default()) != Drive::CloudInit;
    Choices::Ready(sheet.keys().filter(device).filter(bootable).map(choice).collect())
}

impl Supply {
    /// Puts an answer into the form; what it leads to has to be asked, too.
    pub fn heard(&mut self, heard: Heard, wizard: &mut Wizard, subject: &Subject) -> Vec<Question> {
        match heard {
            Heard::Storages(Ok(list)) => return self.storages(&list, wizard, subject),
            Heard::Storages(Err(error)) => {
                let fields = STORAGES.iter().copied().chain(VOLUMES.iter().map(|(field, ..)| *field));
                fields.for_each(|field| wizard.set_choices(field, Choices::Failed(error.to_string())));
            }
            Heard::Volumes(kind, storage, answer) => {
                let entry = self.volumes.entry(kind).or_default();
                entry.0 = entry.0.saturating_sub(1);
                match answer {
                    Ok(list) => entry.1.extend(list.into_iter().map(|v| {
                        let size = v.size.map(text::bytes).unwrap_or_default();
                        Choice::new(v.volid.as_str()).detail(size)
                    })),
                    Err(error) => wizard.set_trouble(Some(format!("{storage} can't be listed: {error}"))),
                }
                self.show(wizard);
            }
            Heard::Networks(Ok(page)) => {
                let names: Vec<&str> = page.data.iter().map(|i| i.iface.as_str()).collect();
                wizard.set_fact("bridges", names.join(" "));
                let mut list = device::supply::bridge_choices(&page.data);
                if subject.guest.kind == GuestKind::Vm {
                    list.push(Choice::labelled("", "none (network address translation)"));
                }
                let first = names.first().copied().unwrap_or_default().to_owned();
                wizard.set_choices("bridge", list);
                if wizard.values().get("bridge").is_empty() && wizard.known().get("macaddr").is_empty() {
                    wizard.set_default("bridge", &first);
                }
            }
            Heard::Networks(Err(error)) => wizard.set_choices("bridge", Choices::Failed(error.to_string())),
            Heard::Hardware(came) => device::supply::came(came, wizard),
            Heard::Used(_) => {}
        }
        wizard.share();
        vec![]
    }

    fn storages(&mut self, list: &[storage::Status], wizard: &mut Wizard, subject: &Subject) -> Vec<Question> {
        let wanted = if subject.guest.kind == GuestKind::Vm { ContentKind::Images } else { ContentKind::Rootdir };
        let usable: Vec<&storage::Status> = list.iter().filter(|s| s.active && s.keeps(wanted)).collect();
        for storage in &usable {
            for (name, value) in device::supply::storage_facts(storage, None).iter() {
                wizard.set_fact(name, value);
            }
        }
        let names: Vec<&str> = usable.iter().map(|s| s.storage.as_str()).collect();
        wizard.set_fact("storages", names.join(" "));
        let choices = |none: Option<&str>| {
            let mut list: Vec<Choice> = none.iter().map(|label| Choice::labelled("", *label)).collect();
            list.extend(usable.iter().map(|s| device::supply::storage_choice(s, None)));
            Choices::Ready(list)
        };
        for field in STORAGES {
            wizard.set_choices(field, choices((field == "vmstatestorage").then_some("automatic")));
        }
        let mut questions = vec![];
        for (_, kind, _) in VOLUMES.iter().filter(|(field, ..)| has(wizard, field)) {
            let holders: Vec<_> = list.iter().filter(|s| s.active && s.keeps(*kind)).collect();
            self.volumes.entry(*kind).or_default().0 = holders.len();
            for storage in holders {
                let request = storage::content(&subject.guest.node, &storage.storage, Some(*kind), None);
                questions.push(Question::Volumes(*kind, storage.storage.clone(), request));
            }
        }
        self.show(wizard);
        questions
    }

    fn show(&self, wizard: &mut Wizard) {
        for (field, kind, none) in &VOLUMES {
            let Some((waiting, found)) = self.volumes.get(kind) else { continue };
            if *waiting > 0 && found.is_empty() {
                continue;
            }
            let mut list = vec![Choice::labelled("", *none)];
            list.extend(found.iter().cloned());
            wizard.set_choices(field, list);
        }
        wizard.share();
    }
}
