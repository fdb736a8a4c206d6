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
        ApiError, Paged, Request, hardware,
        ids::{ContentKind, GuestKind, StorageId},
        mapping::{self, Mapping},
        network::{self, Interface},
        storage::{self, Volume},
    },
    store::Store,
    ui::{Choice, Choices, Values, Wizard, text},
    views::device::{pci, usb},
};

/// What was heard.
pub enum Heard {
    /// The node's storages.
    Storages(Result<Vec<storage::Status>, ApiError>),
    /// Volumes on one of them.
    Volumes(ContentKind, StorageId, Result<Vec<Volume>, ApiError>),
    /// The node's networks.
    Networks(Result<Paged<Interface>, ApiError>),
    /// Mappings of the cluster, for a field.
    Mappings(&'static str, Result<Vec<Mapping>, ApiError>),
    /// The node's USB devices.
    Usb(Result<Vec<hardware::Usb>, ApiError>),
    /// The node's PCI devices.
    Pci(Result<Vec<hardware::Pci>, ApiError>),
}

/// A question and what its answer is.
pub enum Question {
    /// See [`Heard::Storages`].
    Storages(Request<Vec<storage::Status>>),
    /// See [`Heard::Volumes`].
    Volumes(ContentKind, StorageId, Request<Vec<Volume>>),
    /// See [`Heard::Networks`].
    Networks(Request<Paged<Interface>>),
    /// See [`Heard::Mappings`].
    Mappings(&'static str, Request<Vec<Mapping>>),
    /// See [`Heard::Usb`].
    Usb(Request<Vec<hardware::Usb>>),
    /// See [`Heard::Pci`].
    Pci(Request<Vec<hardware::Pci>>),
}

/// Fields for a storage.
const STORAGES: [&str; 5] = ["storage", "efi.storage", "tpm.storage", "ci.storage", "vmstatestorage"];

/// Fields for mappings of the cluster.
const MAPPINGS: [(&str, What); 3] = [("usb.mapping", What::Usb), ("pci.mapping", What::Pci), ("fs.dir", What::Dir)];

/// What can be mapped.
#[derive(Clone, Copy)]
pub enum What {
    /// USB devices.
    Usb,
    /// PCI devices.
    Pci,
    /// Directories.
    Dir,
}

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
    set("user", &subject.user);
    set("node", subject.guest.node.as_str());
    if let Some(node) = store.node(subject.guest.node.as_str()) {
        set("node.cpus", &node.maxcpu.to_string());
        set("node.memory", &node.maxmem.to_string());
        set("node.free", &node.maxmem.saturating_sub(node.mem).to_string());
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
    for (field, what) in MAPPINGS.iter().filter(|(field, _)| has(wizard, field)) {
        let request = match what {
            What::Usb => mapping::usb(),
            What::Pci => mapping::pci(),
            What::Dir => mapping::dir(),
        };
        questions.push(Question::Mappings(field, request));
    }
    if has(wizard, "usb.device") {
        questions.push(Question::Usb(hardware::usb(node)));
    }
    if has(wizard, "pci.device") {
        questions.push(Question::Pci(hardware::pci(node)));
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
                        let size = v.size.map(|bytes| text::bytes(bytes).trim().to_owned()).unwrap_or_default();
                        Choice::new(v.volid.as_str()).detail(size)
                    })),
                    Err(error) => wizard.set_trouble(Some(format!("{storage} can't be listed: {error}"))),
                }
                self.show(wizard);
            }
            Heard::Networks(Ok(page)) => {
                let names: Vec<&str> = page.data.iter().map(|i| i.iface.as_str()).collect();
                wizard.set_fact("bridges", names.join(" "));
                let mut list: Vec<Choice> = page.data.iter().map(bridge).collect();
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
            Heard::Mappings(field, answer) => {
                let list = answer.map(|list| mapped(&list, subject.guest.node.as_str()));
                wizard.set_choices(field, list.unwrap_or_else(|error| Choices::Failed(error.to_string())));
            }
            Heard::Usb(Ok(list)) => {
                wizard.set_choices("usb.device", usb::offer(&list, false));
                wizard.set_choices("usb.port", usb::offer(&list, true));
            }
            Heard::Usb(Err(error)) => {
                for field in ["usb.device", "usb.port"] {
                    wizard.set_choices(field, Choices::Failed(error.to_string()));
                }
            }
            Heard::Pci(answer) => {
                let list = answer.map(|list| pci::offer(&list));
                wizard.set_choices("pci.device", list.unwrap_or_else(|error| Choices::Failed(error.to_string())));
            }
        }
        wizard.share();
        vec![]
    }

    fn storages(&mut self, list: &[storage::Status], wizard: &mut Wizard, subject: &Subject) -> Vec<Question> {
        let wanted = if subject.guest.kind == GuestKind::Vm { ContentKind::Images } else { ContentKind::Rootdir };
        let usable: Vec<&storage::Status> = list.iter().filter(|s| s.active && s.keeps(wanted)).collect();
        for storage in &usable {
            wizard.set_fact(format!("kind.{}", storage.storage), storage.kind.as_str());
            wizard.set_fact(format!("free.{}", storage.storage), storage.avail.to_string());
        }
        let names: Vec<&str> = usable.iter().map(|s| s.storage.as_str()).collect();
        wizard.set_fact("storages", names.join(" "));
        let choices = |none: Option<&str>| {
            let mut list: Vec<Choice> = none.iter().map(|label| Choice::labelled("", *label)).collect();
            list.extend(usable.iter().map(|s| {
                let shared = if s.shared { ", shared" } else { "" };
                Choice::new(s.storage.as_str()).detail(format!(
                    "{}, {} free{shared}",
                    s.kind,
                    text::bytes(s.avail).trim()
                ))
            }));
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

/// Mappings with what they stand for on this node; those that have nothing here come last.
fn mapped(list: &[Mapping], node: &str) -> Choices {
    let mut list: Vec<(bool, Choice)> = list
        .iter()
        .map(|mapping| {
            let here: Vec<&str> = mapping.on(node).collect();
            let detail = if here.is_empty() { format!("nothing on {node}") } else { here.join("; ") };
            (here.is_empty(), Choice::new(mapping.id.as_str()).detail(detail))
        })
        .collect();
    list.sort_by(|a, b| (a.0, &a.1.value).cmp(&(b.0, &b.1.value)));
    Choices::Ready(list.into_iter().map(|(_, choice)| choice).collect())
}

fn bridge(interface: &Interface) -> Choice {
    let address = interface.cidr.as_deref().unwrap_or_default();
    let comment = interface.comments.as_deref().unwrap_or_default().trim();
    let detail: Vec<&str> = [address, comment].into_iter().filter(|text| !text.is_empty()).collect();
    Choice::new(interface.iface.as_str()).detail(detail.join(", "))
}
