//! The clone dialog: linked or full, where, from which state, one or many.

use std::collections::BTreeSet;

use super::able;
use crate::{
    api::{
        ApiError, cluster,
        cluster::{Guest, GuestStatus},
        guest::{self, Config, Feature, Possible, Which},
        ids::{ContentKind, GuestKind, GuestRef, NodeName, VmId},
        snapshot::{self, Snapshot},
        storage,
        template::{self, CloneSpec},
    },
    shell::{Ask, Cx, Dialog, Proposal, Write, dialog},
    store::Store,
    ui::{Choice, Choices, Form, Values, Wizard, text},
    views::device::supply::free_memory,
};

/// Clones that one dialog makes at most.
const MOST: i64 = 50;

/// What the dialog hears back.
pub enum Msg {
    /// The next free id.
    NextId(Result<VmId, ApiError>),
    /// Snapshots to clone from.
    Snapshots(Result<Vec<Snapshot>, ApiError>),
    /// Whether linked clones are possible.
    Linked(Result<Possible, ApiError>),
    /// Where full copies are possible.
    Copy(Result<Possible, ApiError>),
    /// Whether a snapshot can be copied.
    OfSnapshot(String, Result<Possible, ApiError>),
    /// The source's settings.
    Config(Result<Config, ApiError>),
    /// Whether an id is free.
    Free(VmId, Result<VmId, ApiError>),
    /// Storages of a node.
    Storages(NodeName, Result<Vec<storage::Status>, ApiError>),
}

type MsgOf = dialog::Msg<Msg>;

/// Makes copies of a guest.
pub struct CloneGuest {
    source: GuestRef,
    name: String,
    template: bool,
    node: NodeName,
    /// The ids that the server was asked about: the user may not see every guest.
    asked: BTreeSet<VmId>,
    /// Those of them that are taken.
    taken: BTreeSet<VmId>,
}

impl CloneGuest {
    /// A dialog for this guest.
    pub fn open(store: &Store, source: &Guest) -> Dialog<Self> {
        let node = source.node.clone();
        let online = store.resources.nodes.iter().filter(|n| n.is_online());
        let nodes: Vec<Choice> = online
            .map(|n| {
                let here = (n.node == node).then(|| "where it is".to_owned());
                let words: Vec<String> = free_memory(n).into_iter().chain(here).collect();
                Choice::new(n.node.as_str()).detail(words.join(", "))
            })
            .collect();
        let mut pools = vec![Choice::labelled("", "none")];
        pools.extend(store.resources.pools.iter().map(|p| Choice::new(p.as_str())));
        let vm = source.kind == GuestKind::Vm;
        let mut form = Form::new()
            .number("newid", "Id", 100..=999_999_999)
            .required()
            .check(|_, v| {
                Some(v.get("newid.taken")).filter(|why| !why.is_empty()).map_or(Ok(()), |why| Err(why.into()))
            })
            .text("name", if vm { "Name" } else { "Host name" })
            .placeholder("the server makes one")
            .check(check_name)
            .warn(|_, v| Some(v.get("name.taken").to_owned()).filter(|why| !why.is_empty()))
            .help("For many: # is the number, ## the number in two digits, {id} the id.")
            .number("count", "How many", 1..=MOST)
            .initial("1")
            .required()
            .select("full", "Kind", [("1", "full copy"), ("0", "linked clone")])
            .initial(if source.template { "0" } else { "1" })
            .required()
            .check(|kind, v| {
                let present = v.get("snapname").is_empty();
                let why = v.get(if kind == "0" { "linked.why" } else { "present.why" });
                if why.is_empty() || (kind == "1" && !present) { Ok(()) } else { Err(why.into()) }
            })
            .help("A linked clone is made in a moment and stands on the template's disks; a full copy needs nobody.")
            .select("snapname", "From", Choices::Loading)
            .when(|v| v.get("snapshots") != "none")
            .check(|_, v| Some(v.get("snap.why")).filter(|why| !why.is_empty()).map_or(Ok(()), |why| Err(why.into())))
            .select("target", "Node", nodes)
            .initial(node.as_str())
            .required()
            .check(|_, v| Some(v.get("target.why")).filter(|why| !why.is_empty()).map_or(Ok(()), |why| Err(why.into())))
            .select("storage", "Storage", Choices::Loading)
            .when(|v| v.get("full") == "1");
        if vm {
            form = form
                .select("format", "Format", [("", "as it is"), ("qcow2", "qcow2"), ("raw", "raw"), ("vmdk", "vmdk")])
                .when(|v| v.get("full") == "1");
        }
        let form = form
            .select("pool", "Pool", pools)
            .toggle("start", "Start afterwards")
            .text("description", "Notes")
            .advanced()
            .number("bwlimit", "Speed limit", 0..=1_000_000_000)
            .unit("KiB/s")
            .placeholder("as configured")
            .advanced();
        let mut wizard = Wizard::single(form);
        wizard.set_fact("snapshots", "none");
        if !source.template {
            let why = "linked clones can only be made of templates: convert it first, or make a full copy";
            wizard.set_fact("linked.why", why);
        }
        let ask = Self {
            source: source.reference(),
            name: source.name.to_string(),
            template: source.template,
            node,
            asked: BTreeSet::new(),
            taken: BTreeSet::new(),
        };
        Dialog::new(ask, wizard)
    }

    /// The source's storages decide what is possible with another node.
    fn follow(&self, wizard: &mut Wizard, store: &Store) {
        let values = wizard.known();
        let nodes = if values.get("full") == "1" { values.get("copy.nodes") } else { values.get("clone.nodes") };
        let target = values.get("target");
        let elsewhere = target != self.source.node.as_str();
        let possible = nodes.is_empty() || nodes.split(',').any(|n| n == target);
        let shared = values.get("shared").split(',').any(|s| s == values.get("storage") && !s.is_empty());
        // With VMs only the place of the source counts, also with that of a medium in its drive.
        let reached = shared && self.source.kind == GuestKind::Ct;
        let why = if elsewhere && !possible && !reached {
            format!("its volumes are only on {}: choose that node, and migrate the clone afterwards", self.source.node)
        } else {
            String::new()
        };
        wizard.set_fact("target.why", why);
        let taken = self.ids(&values, store).err().unwrap_or_default();
        wizard.set_fact("newid.taken", taken);
        let running = store.guest(self.source.vmid).is_some_and(|g| g.status == GuestStatus::Running);
        let present = if self.source.kind == GuestKind::Ct && running && values.get("full") == "1" {
            "the server copies a running container only as it was in a snapshot: choose one, or shut it down"
        } else {
            values.get("copy.why")
        };
        let present = present.to_owned();
        wizard.set_fact("present.why", present);
        let name = values.get("name");
        let other = store.resources.guests.iter().find(|g| !name.is_empty() && g.name == name);
        let why = other.map(|g| format!("{} {} has this name, too", g.kind.label(), g.vmid)).unwrap_or_default();
        wizard.set_fact("name.taken", why);
    }

    /// The ids of the clones: the first one as chosen, the others the next free ones. The error says who has the first.
    fn ids(&self, values: &Values, store: &Store) -> Result<Vec<VmId>, String> {
        let first: u32 = values.get("newid").parse().unwrap_or(0);
        let count: usize = values.get("count").parse().unwrap_or(1);
        if let Some(other) = VmId::new(first).and_then(|id| store.guest(id)) {
            return Err(format!("is taken by {} {}", other.kind.label(), other.name));
        }
        if VmId::new(first).is_some_and(|id| self.taken.contains(&id)) {
            return Err("is taken by a guest that you may not see".into());
        }
        let is_free = |id: &VmId| store.guest(*id).is_none() && !self.taken.contains(id);
        let free = (first..=VmId::MAX.get()).filter_map(VmId::new).filter(is_free);
        Ok(free.take(count.min(MOST as usize)).collect())
    }

    fn ask_ids(&mut self, wizard: &Wizard, cx: &mut Cx<'_, MsgOf>) {
        let ids = self.ids(&wizard.known(), cx.store()).unwrap_or_default();
        for id in ids {
            if self.asked.insert(id) {
                cx.send(cluster::next_id(Some(id)), move |answer| Msg::Free(id, answer));
            }
        }
    }

    fn ask_storages(&self, cx: &mut Cx<'_, MsgOf>) {
        let node = self.node.clone();
        let kind = if self.source.kind == GuestKind::Vm { ContentKind::Images } else { ContentKind::Rootdir };
        cx.send(storage::of_node(&node.clone(), Some(kind), true), move |answer| Msg::Storages(node, answer));
    }
}

fn check_name(name: &str, values: &Values) -> Result<(), String> {
    let example = template::name_of(name, 0, VmId::MIN);
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    if !example.split('.').all(label) {
        return Err("letters, digits and hyphens only, with dots between parts".into());
    }
    let many = values.get("count") != "1";
    if !many && (name.contains('#') || name.contains("{id}")) {
        return Err("# and {id} are for many clones: say how many".into());
    }
    Ok(())
}

impl Ask for CloneGuest {
    type Msg = Msg;
    const NAME: &'static str = "Clone";
    const PRESETS: bool = true;

    fn title(&self) -> String {
        let what = if self.template { "template" } else { self.source.kind.label() };
        format!("Clone {what} {} ({})", self.source.vmid, self.name)
    }

    fn opened(&mut self, wizard: &mut Wizard, cx: &mut Cx<'_, MsgOf>) {
        cx.send(cluster::next_id(None), Msg::NextId);
        cx.send(snapshot::list(&self.source), Msg::Snapshots);
        if self.template {
            cx.send(guest::config(&self.source, &Which::Current), Msg::Config);
            cx.send(guest::feature(&self.source, Feature::Clone, None), Msg::Linked);
        }
        cx.send(guest::feature(&self.source, Feature::Copy, None), Msg::Copy);
        self.ask_storages(cx);
        self.follow(wizard, cx.store());
    }

    fn update(&mut self, msg: Msg, wizard: &mut Wizard, cx: &mut Cx<'_, MsgOf>) {
        match msg {
            Msg::NextId(Ok(vmid)) => {
                if wizard.values().get("newid").is_empty() {
                    wizard.set_initial("newid", &vmid.to_string());
                }
                self.asked.insert(vmid);
                self.ask_ids(wizard, cx);
            }
            Msg::Free(id, Err(error)) if error.status() == Some(400) => {
                self.taken.insert(id);
                self.ask_ids(wizard, cx);
            }
            Msg::Snapshots(Ok(list)) => {
                let mut choices = vec![Choice::labelled("", "its present state")];
                let real = list.iter().filter(|s| !s.is_current());
                choices.extend(
                    real.map(|s| Choice::new(s.name.as_str()).detail(s.description.lines().next().unwrap_or_default())),
                );
                wizard.set_fact("snapshots", if choices.len() > 1 { "some" } else { "none" });
                wizard.set_choices("snapname", Choices::Ready(choices));
            }
            Msg::Linked(answer) => {
                let (why, nodes) = match answer {
                    Ok(possible) if possible.has_feature => (String::new(), possible.nodes.join(",")),
                    Ok(_) => {
                        let values = wizard.known();
                        let disks = Some(values.get("linked.disks")).filter(|d| !d.is_empty());
                        let which = disks.unwrap_or("the storage of its disks");
                        (format!("{which}, which can't do that: make a full copy"), String::new())
                    }
                    // The server will say it when asked to clone.
                    Err(_) => (String::new(), String::new()),
                };
                if !why.is_empty() {
                    wizard.set_default("full", "1");
                }
                wizard.set_fact("linked.why", why);
                wizard.set_fact("clone.nodes", nodes);
            }
            Msg::Config(Ok(config)) => {
                let disks = able::against_linked(self.source.kind, &config, cx.store()).join(", ");
                wizard.set_fact("linked.disks", &disks);
                if !disks.is_empty() && !wizard.known().get("linked.why").is_empty() {
                    wizard.set_fact("linked.why", format!("{disks}, which can't do that: make a full copy"));
                }
            }
            Msg::OfSnapshot(name, answer) => {
                if wizard.values().get("snapname") == name {
                    let impossible = answer.is_ok_and(|possible| !possible.has_feature);
                    let why = "its disks can't be copied as they were then: clone the present state";
                    wizard.set_fact("snap.why", if impossible { why } else { "" });
                }
            }
            Msg::Copy(Ok(possible)) => {
                let why = "its volumes can't be copied as they are now (a bind mount, for example)";
                wizard.set_fact("copy.why", if possible.has_feature { "" } else { why });
                wizard.set_fact("copy.nodes", possible.nodes.join(","));
            }
            Msg::Storages(node, Ok(list)) if node == self.node => {
                let mut choices = vec![Choice::labelled("", "where its disks are")];
                let active = || list.iter().filter(|s| s.active);
                choices.extend(active().map(|s| {
                    Choice::new(s.storage.as_str()).detail(format!("{} free, {}", text::bytes_short(s.avail), s.kind))
                }));
                let shared: Vec<&str> = active().filter(|s| s.shared).map(|s| s.storage.as_str()).collect();
                wizard.set_fact("shared", shared.join(","));
                wizard.set_choices("storage", Choices::Ready(choices));
            }
            Msg::Storages(node, Err(error)) if node == self.node => {
                wizard.set_choices("storage", Choices::Failed(error.to_string()));
            }
            // What could not be learnt the server decides.
            Msg::NextId(_) | Msg::Snapshots(_) | Msg::Copy(_) | Msg::Config(_) | Msg::Free(..) | Msg::Storages(..) => {}
        }
        self.follow(wizard, cx.store());
    }

    fn changed(&mut self, key: &str, wizard: &mut Wizard, cx: &mut Cx<'_, MsgOf>) {
        if key == "target" {
            self.node = NodeName::from(wizard.values().get("target"));
            wizard.set_choices("storage", Choices::Loading);
            wizard.set("storage", "");
            self.ask_storages(cx);
        }
        if matches!(key, "newid" | "count") {
            self.ask_ids(wizard, cx);
        }
        if key == "snapname" {
            wizard.set_fact("snap.why", "");
            let name = wizard.values().get("snapname").to_owned();
            if !name.is_empty() {
                let request = guest::feature(&self.source, Feature::Copy, Some(&name));
                cx.send(request, move |answer| Msg::OfSnapshot(name, answer));
            }
        }
        self.follow(wizard, cx.store());
    }

    fn proposal(&self, wizard: &Wizard, store: &Store) -> Option<Proposal> {
        let values = wizard.known();
        let source = store.guest(self.source.vmid)?;
        let ids = self.ids(&values, store).ok()?;
        let given = |key: &str| Some(values.get(key).to_owned()).filter(|v| !v.is_empty());
        let full = values.get("full") == "1";
        let mut how = CloneSpec {
            name: None,
            description: given("description"),
            // What the server does anyway needs no word.
            full: (full == self.template).then_some(full),
            snapshot: given("snapname"),
            storage: given("storage").filter(|_| full).map(|s| s.as_str().into()),
            format: given("format").filter(|_| full),
            target: given("target").filter(|t| *t != self.source.node.as_str()).map(|t| t.as_str().into()),
            pool: given("pool"),
            bwlimit: values.get("bwlimit").parse().ok(),
        };
        let many = ids.len() > 1;
        let title = if many {
            format!("Make {} clones of {} ({})?", ids.len(), self.source, self.name)
        } else {
            format!("Clone {} ({})?", self.source, self.name)
        };
        let mut writes = vec![];
        for (i, id) in ids.iter().enumerate() {
            let name = values.get("name");
            let name = if many { template::name_of(name, i as u32, *id) } else { name.to_owned() };
            let shown = if name.is_empty() { id.to_string() } else { format!("{id} ({name})") };
            how.name = Some(name).filter(|n| !n.is_empty());
            let label = format!("Clone {} {} to {shown}", self.source.kind.label(), self.source.vmid);
            let one = Write::new(label, template::clone(&self.source, *id, &how)).on_guest(self.source.vmid);
            let turns = many || values.is_on("start");
            writes.push(if turns { one.in_turn() } else { one });
            if values.is_on("start") {
                let node = how.target.clone().unwrap_or_else(|| self.source.node.clone());
                let made = GuestRef::new(node, self.source.kind, *id);
                let label = format!("Start {} {shown}", self.source.kind.label());
                // It waits for the clone's task, which is about the source. Without that clone the id may be a stranger's.
                writes.push(Write::new(label, guest::start(&made)).on_guest(self.source.vmid).after_success());
            }
        }
        let mut proposal = Proposal::new(title, writes);
        if source.status == GuestStatus::Running && how.snapshot.is_none() && full {
            proposal = proposal.note("It is running: the copy is like one after a power failure.");
        }
        if many || values.is_on("start") {
            proposal = proposal.note("One after the other, while this console runs.");
        }
        if !full {
            proposal =
                proposal.note("On most storages the template can't be removed as long as linked clones of it exist.");
        }
        Some(proposal)
    }

    fn field_of(&self, parameter: &str, _: &Values) -> String {
        if parameter == "hostname" { "name".into() } else { parameter.to_owned() }
    }

    fn field_of_text(&self, text: &str, _: &Values) -> Option<String> {
        let taken = text.contains("already exists") || text.contains("config file already");
        let linked = text.contains("Linked clone") || text.contains("linked clone");
        if taken {
            Some("newid".into())
        } else if linked {
            Some("full".into())
        } else if text.contains("local storage") {
            Some("target".into())
        } else {
            None
        }
    }
}
