//! What a node and its cluster have to offer to forms of devices, as choices and facts. Only what a form has fields for is
//! asked; whoever hosts the form hands the answers back.

use crate::{
    api::{
        ApiError, Request,
        cluster::Node,
        hardware,
        ids::NodeName,
        mapping::{self, Mapping},
        network::Interface,
        storage,
    },
    shell::Cx,
    store::Store,
    ui::{Choice, Choices, Values, Wizard, text},
};

use super::{choices, cpu, machine, pci, usb};

/// An answer about hardware.
pub enum Came {
    /// What is plugged in.
    Usb(Result<Vec<hardware::Usb>, ApiError>),
    /// The node's PCI devices.
    Pci(Result<Vec<hardware::Pci>, ApiError>),
    /// The types of mediated devices of a device or mapping.
    Mediated(String, Result<Vec<hardware::Mediated>, ApiError>),
    /// Mappings: the field that they are for.
    Mappings(&'static str, NodeName, Result<Vec<Mapping>, ApiError>),
    /// Versions of machines.
    Machines(Result<Vec<hardware::Machine>, ApiError>),
    /// Processor models.
    Models(Result<Vec<hardware::CpuModel>, ApiError>),
    /// Flags of processors.
    Flags(Result<Vec<hardware::CpuFlag>, ApiError>),
}

type Maps = fn() -> Request<Vec<Mapping>>;

/// Asks for what the fields of these forms offer of the node's hardware; `wrap` makes the host's message of an answer,
/// which belongs to [`came`] then. Says who asks, too: some fields are only for root@pam.
pub fn ask<M, N>(wizard: &mut Wizard, node: &NodeName, cx: &mut Cx<'_, M>, wrap: fn(Came) -> N)
where
    M: Send + 'static,
    N: Into<M> + 'static,
{
    for (fact, value) in server_facts(cx.store()) {
        wizard.set_fact(fact, value);
    }
    wizard.set_fact("node", node.as_str());
    let has = |wizard: &Wizard, field: &str| wizard.step_of(field).is_some();
    let arch = wizard.values().get("arch").to_owned();
    let arch = Some(arch.as_str()).filter(|arch| !arch.is_empty());
    if has(wizard, "usb.device") {
        cx.send(hardware::usb(node), move |answer| wrap(Came::Usb(answer)));
    }
    if has(wizard, "pci.device") {
        cx.send(hardware::pci(node), move |answer| wrap(Came::Pci(answer)));
    }
    let maps: [(&'static str, Maps); 3] =
        [("usb.mapping", mapping::usb), ("pci.mapping", mapping::pci), ("fs.dir", mapping::dir)];
    for (field, request) in maps.into_iter().filter(|(field, _)| has(wizard, field)) {
        let node = node.clone();
        cx.send(request(), move |answer| wrap(Came::Mappings(field, node, answer)));
    }
    if has(wizard, "machine.type") {
        cx.send(hardware::machines(node, arch), move |answer| wrap(Came::Machines(answer)));
    }
    if has(wizard, "cpu.type") {
        cx.send(hardware::cpu_models(node, arch), move |answer| wrap(Came::Models(answer)));
        cx.send(hardware::cpu_flags(node, arch), move |answer| wrap(Came::Flags(answer)));
    }
    if let Some(device) = pci::asks_types_of(&wizard.values()).filter(|_| has(wizard, "pci.mdev")) {
        types(device, node, cx, wrap);
    }
}

/// Another value: what depends on it is asked anew.
pub fn changed<M, N>(key: &str, wizard: &mut Wizard, node: &NodeName, cx: &mut Cx<'_, M>, wrap: fn(Came) -> N)
where
    M: Send + 'static,
    N: Into<M> + 'static,
{
    match key {
        "pci.kind" | "pci.mapping" | "pci.device" => match pci::asks_types_of(&wizard.values()) {
            Some(device) => types(device, node, cx, wrap),
            None => wizard.set_choices("pci.mdev", pci::offer_types(&[])),
        },
        "arch" => ask(wizard, node, cx, wrap),
        _ => {}
    }
}

fn types<M, N>(device: String, node: &NodeName, cx: &mut Cx<'_, M>, wrap: fn(Came) -> N)
where
    M: Send + 'static,
    N: Into<M> + 'static,
{
    let request = hardware::mediated(node, &device);
    cx.send(request, move |answer| wrap(Came::Mediated(device, answer)));
}

/// An answer came: its choices go to their fields. What can't be listed can be typed.
pub fn came(came: Came, wizard: &mut Wizard) {
    fn offer<T>(answer: Result<T, ApiError>, list: impl FnOnce(T) -> Choices) -> Choices {
        match answer {
            Ok(answer) => list(answer),
            Err(error) => Choices::Failed(format!("can't be listed: {error}")),
        }
    }
    match came {
        Came::Usb(answer) => {
            wizard.set_choices("usb.port", offer(answer.clone(), |list| usb::offer(&list, true)));
            wizard.set_choices("usb.device", offer(answer, |list| usb::offer(&list, false)));
        }
        Came::Pci(answer) => wizard.set_choices("pci.device", offer(answer, |list| pci::offer(&list))),
        // Most devices can't be sliced, and say so by an error.
        Came::Mediated(device, answer) if pci::asks_types_of(&wizard.values()).as_ref() == Some(&device) => {
            wizard.set_choices("pci.mdev", pci::offer_types(&answer.unwrap_or_default()));
        }
        Came::Mediated(..) => {}
        Came::Mappings(field, node, answer) => wizard.set_choices(field, offer(answer, |list| mappings(&list, &node))),
        // The usual ones are there without any answer.
        Came::Machines(Ok(list)) => wizard.set_choices("machine.type", machine::offer(&list)),
        Came::Models(Ok(list)) => wizard.set_choices("cpu.type", cpu::offer(&list)),
        Came::Flags(Ok(list)) if !list.is_empty() => {
            let node = wizard.known().get("node").to_owned();
            for field in ["cpu.on", "cpu.off"] {
                wizard.set_choices(field, cpu::offer_flags(&list, &node));
            }
        }
        Came::Machines(_) | Came::Models(_) | Came::Flags(_) => {}
    }
}

/// Mappings, those with something on this node first.
fn mappings(list: &[Mapping], node: &NodeName) -> Choices {
    let mut list: Vec<(bool, Choice)> = list
        .iter()
        .map(|mapping| {
            let here: Vec<String> = mapping.on(node.as_str()).map(usb::mapped).collect();
            let place = match here.is_empty() {
                true => format!("nothing on {node}"),
                false => here.join(", "),
            };
            let words = [place.as_str(), mapping.description.trim()];
            let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
            (here.is_empty(), Choice::new(mapping.id.as_str()).detail(words.join(", ")))
        })
        .collect();
    list.sort_by(|a, b| (a.0, &a.1.value).cmp(&(b.0, &b.1.value)));
    Choices::Ready(list.into_iter().map(|(_, choice)| choice).collect())
}

/// What disks on a storage are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nature {
    /// Volumes take space only as they are filled; `None` where that isn't known.
    pub thin: Option<bool>,
    /// Whether snapshots are possible.
    pub snapshots: Snapshots,
    /// What it is to read and write there, in two words.
    pub speed: &'static str,
}

/// Whether guests on a storage can have snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snapshots {
    /// Always.
    Yes,
    /// With the format qcow2.
    Qcow2,
    /// Never.
    No,
}

impl Snapshots {
    /// As the fact `snap.STORAGE` has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Qcow2 => "qcow2",
            Self::No => "no",
        }
    }
}

/// The nature of a storage by its type and, where the user may read them, its options.
pub fn nature(kind: &str, config: Option<&storage::Config>) -> Nature {
    let on = |option: &str| config.and_then(|c| c.get(option)).is_some_and(|value| value == "1");
    let sparse = config.map(|_| on("sparse"));
    let full = config.and_then(|c| c.get("preallocation")).is_some_and(|how| matches!(how, "full" | "falloc"));
    let (thin, snapshots, speed) = match kind {
        "lvmthin" => (Some(true), Snapshots::Yes, "local blocks"),
        "zfspool" => (sparse, Snapshots::Yes, "local blocks"),
        "zfs" => (sparse, Snapshots::Yes, "network blocks"),
        "rbd" => (Some(true), Snapshots::Yes, "network blocks"),
        "btrfs" => (Some(true), Snapshots::Yes, "local files"),
        "lvm" if on("snapshot-as-volume-chain") => (Some(false), Snapshots::Qcow2, "blocks"),
        "lvm" => (Some(false), Snapshots::No, "blocks"),
        "iscsi" | "iscsidirect" => (Some(false), Snapshots::No, "network blocks"),
        "dir" => (Some(!full), Snapshots::Qcow2, "local files"),
        "nfs" | "cifs" | "cephfs" => (Some(!full), Snapshots::Qcow2, "network files"),
        _ => (None, Snapshots::Yes, ""),
    };
    Nature { thin, snapshots, speed }
}

/// What a node has, for the checks of device forms. Who may not audit it is told nothing, which is not the same as zero.
pub fn node_facts(node: &Node) -> Vec<(&'static str, String)> {
    let mut facts = vec![];
    if node.maxcpu > 0 {
        facts.push(("node.cpus", node.maxcpu.to_string()));
    }
    if node.maxmem > 0 {
        facts.push(("node.memory", node.maxmem.to_string()));
        facts.push(("node.free", node.maxmem.saturating_sub(node.mem).to_string()));
    }
    facts
}

/// How much memory is free on a node, for lists to choose from; `None` when nobody tells.
pub fn free_memory(node: &Node) -> Option<String> {
    (node.maxmem > 0).then(|| format!("{} memory free", text::bytes(node.maxmem.saturating_sub(node.mem))))
}

/// What the user and the server can do, for the checks of device forms.
pub fn server_facts(store: &Store) -> [(&'static str, String); 2] {
    // Older ones refuse the word for the state of a TPM.
    let formats = store.version.as_ref().is_some_and(|version| version.is_at_least(9, 1));
    [("user", store.user.clone()), ("tpm.formats", u8::from(formats).to_string())]
}

/// A storage as a choice: how much is free, and what is good and bad about it.
pub fn storage_choice(status: &storage::Status, config: Option<&storage::Config>) -> Choice {
    let nature = nature(&status.kind, config);
    let mut words = vec![format!("{} free", text::bytes(status.avail)), status.kind.to_string()];
    if status.shared {
        words.push("shared".into());
    }
    words.push(
        match nature.snapshots {
            Snapshots::Yes => "snapshots",
            Snapshots::Qcow2 => "snapshots with qcow2",
            Snapshots::No => "no snapshots",
        }
        .into(),
    );
    if let Some(thin) = nature.thin {
        words.push(if thin { "thin" } else { "thick" }.into());
    }
    if !nature.speed.is_empty() {
        words.push(nature.speed.into());
    }
    Choice::new(status.storage.as_str()).detail(words.join(", "))
}

/// Bridges to choose from, with what is known about them.
pub fn bridge_choices(interfaces: &[Interface]) -> Vec<Choice> {
    let choice = |b: &Interface| {
        let vlans = if b.bridge_vlan_aware { "VLAN aware" } else { "" };
        let words = [b.cidr.as_deref().unwrap_or(""), vlans, b.comments.as_deref().unwrap_or("").trim()];
        let words: Vec<&str> = words.into_iter().filter(|w| !w.is_empty()).collect();
        Choice::new(b.iface.as_str()).detail(words.join(", "))
    };
    interfaces.iter().filter(|i| i.is_bridge()).map(choice).collect()
}

/// The facts about a storage that checks and warnings look at: `kind.`, `free.`, `thin.`, `snap.`, `shared.STORAGE`.
pub fn storage_facts(status: &storage::Status, config: Option<&storage::Config>) -> Values {
    let nature = nature(&status.kind, config);
    let (name, flag) = (&status.storage, |on: bool| if on { "1" } else { "0" }.to_owned());
    let mut facts = Values::default();
    facts.set(format!("kind.{name}"), status.kind.as_str());
    facts.set(format!("free.{name}"), status.avail.to_string());
    facts.set(format!("thin.{name}"), nature.thin.map(flag).unwrap_or_default());
    facts.set(format!("snap.{name}"), nature.snapshots.word());
    facts.set(format!("shared.{name}"), flag(status.shared));
    facts
}

/// Choices that the server's list is added to: what is there already stays first.
pub fn extended(first: &[(&str, &str)], more: Vec<Choice>) -> Choices {
    let Choices::Ready(mut list) = choices(first) else { return Choices::Ready(more) };
    let more: Vec<Choice> = more.into_iter().filter(|new| list.iter().all(|old| old.value != new.value)).collect();
    list.extend(more);
    Choices::Ready(list)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn config(text: &str) -> storage::Config {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn natures_of_storages() {
        assert_eq!(nature("lvm", None).snapshots, Snapshots::No);
        let chain = config(r#"{"storage":"s","type":"lvm","snapshot-as-volume-chain":1}"#);
        assert_eq!((nature("lvm", Some(&chain)).snapshots, nature("lvm", None).thin), (Snapshots::Qcow2, Some(false)));
        assert_eq!(nature("zfspool", None).thin, None);
        assert_eq!(nature("zfspool", Some(&config(r#"{"type":"zfspool","sparse":1}"#))).thin, Some(true));
        assert_eq!(nature("dir", Some(&config(r#"{"type":"dir","preallocation":"full"}"#))).thin, Some(false));
        let status: storage::Status =
            serde_json::from_str(r#"{"storage":"nas","type":"nfs","avail":1073741824,"shared":1}"#).unwrap();
        assert_eq!(
            storage_choice(&status, None).detail,
            "1.00 GiB free, nfs, shared, snapshots with qcow2, thin, network files"
        );
        assert_eq!(storage_facts(&status, None).get("snap.nas"), "qcow2");
    }

    #[test]
    fn mappings_of_this_node_come_first() {
        let list: Vec<Mapping> = serde_json::from_str(
            r#"[{"id":"a","map":["node=pve2,id=1:2"]},{"id":"b","map":["node=pve1,id=1a86:55d4,path=1-2"],"description":"stick"}]"#,
        )
        .unwrap();
        let Choices::Ready(list) = mappings(&list, &"pve1".into()) else { panic!() };
        assert_eq!((list[0].value.as_str(), list[0].detail.as_str()), ("b", "1a86:55d4 at 1-2, stick"));
        assert_eq!(list[1].detail, "nothing on pve1");
    }
}
