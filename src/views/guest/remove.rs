//! Removing guests: what is lost with them is looked up first, and what stands against it is said with the way out.

use std::collections::HashMap;

use futures_util::{StreamExt as _, stream};

use crate::{
    api::{
        cluster::{Guest, GuestStatus},
        guest::{self, Config, Which},
        ids::{GuestRef, VmId},
        job::{self, Job},
        snapshot::{self, Snapshot},
    },
    shell::{Ask, Cx, Degree, Dialog, Proposal, SessionId, World, Write, dialog},
    store::Store,
    ui::{Choice, Form, Wizard, text},
    views::{
        template::able,
        volume::{remove::named, usage},
    },
};

/// Guests that are looked at at the same time.
const AT_ONCE: usize = 8;
/// So many names stand in a sentence; the rest is counted.
const NAMED: usize = 6;

/// What is known of one guest.
#[derive(Clone, Debug, Default)]
struct Fate {
    config: Option<Config>,
    snapshots: Vec<Snapshot>,
    /// Linked clones that stand on its disks.
    clones: Vec<VmId>,
}

/// What was found out.
#[derive(Clone, Debug, Default)]
pub struct Found {
    fates: HashMap<VmId, Fate>,
    jobs: Vec<Job>,
    /// Guests that may stand on a template and could not be asked.
    unread: Vec<VmId>,
}

/// What the dialog hears back.
pub struct Msg(Found);

/// Removes guests.
pub struct Remove {
    guests: Vec<Guest>,
    found: Option<Found>,
}

impl Remove {
    /// A dialog for these guests.
    pub fn open(guests: &[&Guest]) -> Dialog<Self> {
        let what = match guests {
            [one] => format!("{} with all its disks", label(one)),
            many => format!("{} guests with all their disks", many.len()),
        };
        let form = Form::new()
            .select("what", "Destroy", vec![Choice::labelled("all", what)])
            .initial("all")
            .required()
            .check(|_, v| Some(v.get("blocked")).filter(|why| !why.is_empty()).map_or(Ok(()), |why| Err(why.into())))
            .hint(|v| Some(v.get("lost").to_owned()).filter(|t| !t.is_empty()))
            .toggle("purge", "Purge from jobs and HA")
            .initial("1")
            .check(|on, v| match v.get("stays") {
                why if on == "0" && !why.is_empty() => Err(why.into()),
                _ => Ok(()),
            })
            .hint(|v| Some(v.get("named").to_owned()).filter(|t| !t.is_empty()))
            .help("Also takes it out of backup jobs, replication and HA. Its permissions and firewall rules go anyway.")
            .toggle("destroy-unreferenced-disks", "Unreferenced disks too")
            .help("Also deletes volumes with its number on all storages that its settings do not name.");
        let mut wizard = Wizard::single(form);
        wizard.set_fact("blocked", "looking what would be lost with it: a moment");
        let ask = Self { guests: guests.iter().map(|g| (*g).clone()).collect(), found: None };
        Dialog::new(ask, wizard)
    }

    /// Why a guest can't be removed, if it can't, and the way out.
    fn refuse(&self, g: &Guest, purge: bool, store: &Store) -> Option<String> {
        if let Some(why) = refuse(g) {
            return Some(why.into());
        }
        if let Some(need) = store.lacks(&guest::destroy(&g.reference(), purge, false).wire) {
            return Some(format!("you lack {need}"));
        }
        let fate = self.found.as_ref()?.fates.get(&g.vmid)?;
        if fate.config.as_ref().and_then(|c| c.get("protection")) == Some("1") {
            return Some("it is protected from removal: take that off first".into());
        }
        if !fate.clones.is_empty() {
            let who = named(&fate.clones, store);
            return Some(format!("linked clones stand on its disks: {who}. Remove them first"));
        }
        (g.hastate.is_some() && !purge).then(|| "it is managed by HA: the server refuses without this".into())
    }

    /// The jobs that name a guest.
    fn jobs(&self, vmid: VmId) -> impl Iterator<Item = String> {
        let jobs = self.found.iter().flat_map(|f| &f.jobs);
        jobs.filter(move |j| j.vmids().any(|id| id == vmid)).map(|j| match j.get("comment").filter(|c| !c.is_empty()) {
            Some(comment) => format!("{} ({})", j.id, text::one_line(comment)),
            None => j.id.to_string(),
        })
    }

    fn tell(&self, wizard: &mut Wizard, store: &Store) {
        let refused =
            |purge| -> Vec<Option<String>> { self.guests.iter().map(|g| self.refuse(g, purge, store)).collect() };
        // With nobody left to remove, the first reason stands for all.
        let first = |refused: Vec<Option<String>>| match refused.iter().all(Option::is_some) {
            true => refused.into_iter().flatten().next().unwrap_or_default(),
            false => String::new(),
        };
        let blocked = first(refused(true));
        wizard.set_fact("stays", if blocked.is_empty() { first(refused(false)) } else { String::new() });
        wizard.set_trouble(Some(blocked.clone()).filter(|why| !why.is_empty()));
        wizard.set_fact("blocked", blocked);
        let fates = || self.found.iter().flat_map(|f| f.fates.values());
        let disks: usize = self.guests.iter().map(|g| self.disks(g).len()).sum();
        let snapshots: usize = fates().map(|f| f.snapshots.len()).sum();
        let mut lost = vec![text::counted(disks, "disk")];
        if snapshots > 0 {
            lost.push(text::counted(snapshots, "snapshot"));
        }
        wizard.set_fact("lost", lost.join(", "));
        let mut names: Vec<String> = self.guests.iter().flat_map(|g| self.jobs(g.vmid)).collect();
        names.sort_unstable();
        names.dedup();
        let mut places = vec![];
        if !names.is_empty() {
            places.push(format!("named in {}", text::counted(names.len(), "backup job")));
        }
        if self.guests.iter().any(|g| g.hastate.is_some()) {
            places.push("managed by HA".into());
        }
        wizard.set_fact("named", places.join(", "));
        wizard.share();
    }

    /// The guest's own disks: `scsi0: nas:111/vm-111-disk-0.qcow2 (32G)`.
    fn disks(&self, g: &Guest) -> Vec<String> {
        let config = self.found.as_ref().and_then(|f| f.fates.get(&g.vmid)?.config.as_ref());
        let own = |(key, value): (&str, &str)| {
            let mut parts = value.split(',');
            let volume = parts.next()?;
            let volume = volume.split_once('=').map_or(volume, |(_, v)| v);
            // Devices and folders of the node stay.
            let (_, name) = volume.split_once(':').filter(|_| !volume.starts_with('/'))?;
            let number = format!("-{}-", g.vmid);
            let size = parts.find_map(|p| p.strip_prefix("size=")).map(|s| format!(" ({s})")).unwrap_or_default();
            name.contains(&number).then(|| format!("{key}: {}{size}", text::clean(volume)))
        };
        config.map(|c| able::disks(g.kind, c).chain(unused(c)).filter_map(own).collect()).unwrap_or_default()
    }

    /// What is lost with a guest, and what is left of it.
    fn notes(&self, g: &Guest, purge: bool, alone: bool) -> Vec<String> {
        let mut notes = vec![];
        let who = if alone { String::new() } else { format!("{} {}: ", g.vmid, g.name) };
        let disks = self.disks(g);
        let fate = self.found.as_ref().and_then(|f| f.fates.get(&g.vmid));
        if disks.is_empty() {
            notes.push(format!("{who}no disk of its own is deleted."));
        } else {
            notes.push(format!("{who}deleted for ever: {}.", some(disks.into_iter())));
        }
        let snapshots = fate.map(|f| f.snapshots.as_slice()).unwrap_or_default();
        if !snapshots.is_empty() {
            let names = some(snapshots.iter().map(|s| s.name.to_string()));
            notes.push(format!("{who}{} with it: {names}.", text::counted(snapshots.len(), "snapshot")));
        }
        let mut places: Vec<String> = self.jobs(g.vmid).map(|job| format!("backup job {job}")).collect();
        if let Some(state) = &g.hastate {
            places.push(format!("HA ({state})"));
        }
        if !places.is_empty() {
            let words = if purge { "taken out of" } else { "stays named, also for a new guest with its id, in" };
            notes.push(format!("{who}{words} {}.", places.join(", ")));
        }
        if let Some(lock) = &g.lock {
            notes.push(format!("{who}locked ({lock}): the server may refuse."));
        }
        if fate.is_none_or(|f| f.config.is_none()) {
            notes.push(format!("{who}its settings could not be read: what is lost with it is not known."));
        }
        // Alone, the sentences have no name before them.
        if alone {
            for note in &mut notes {
                note.get_mut(..1).into_iter().for_each(str::make_ascii_uppercase);
            }
        }
        notes
    }
}

fn label(g: &Guest) -> String {
    format!("{} {} ({})", g.kind.label(), g.vmid, g.name)
}

/// The first names, and how many more there are.
fn some(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    let more = names.len().saturating_sub(NAMED);
    let mut words = names[..names.len() - more].join(", ");
    if more > 0 {
        words.push_str(&format!(" and {more} more"));
    }
    words
}

/// Volumes that the settings name without using them.
fn unused(config: &Config) -> impl Iterator<Item = (&str, &str)> {
    let values = config.values.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    values.filter(|(key, _)| key.starts_with("unused"))
}

/// Why a guest can't be removed, as far as the list of guests tells, and the way out.
pub fn refuse(g: &Guest) -> Option<&'static str> {
    match g.status {
        GuestStatus::Running | GuestStatus::Paused => Some("it is running: shut it down or stop it first"),
        GuestStatus::Unknown => Some("its node can't be reached"),
        _ => None,
    }
}

/// Reads what is lost with guests. Who may stand on their disks is read only when there are templates among them.
async fn find(world: World, session: SessionId, guests: Vec<GuestRef>, others: Vec<GuestRef>) -> Found {
    let mut found = Found::default();
    let Ok(client) = world.client(session) else { return found };
    let client = &client;
    let mut answers = stream::iter(guests.clone())
        .map(|guest| async move {
            let config = client.ask(guest::config(&guest, &Which::Current)).await.ok();
            let mut snapshots = client.ask(snapshot::list(&guest)).await.unwrap_or_default();
            snapshots.retain(|s| !s.is_current());
            (guest.vmid, Fate { config, snapshots, clones: vec![] })
        })
        .buffer_unordered(AT_ONCE);
    while let Some((vmid, fate)) = answers.next().await {
        found.fates.insert(vmid, fate);
    }
    // Who may not see the jobs is not told which name the guest.
    found.jobs = client.ask(job::list()).await.unwrap_or_default();
    if !others.is_empty() {
        let usage = usage::scan(world, session, others).await;
        for (vmid, fate) in &mut found.fates {
            fate.clones = usage.clones_of(*vmid);
        }
        found.unread = usage.unread;
    }
    found
}

impl Ask for Remove {
    type Msg = Msg;
    const NAME: &'static str = "Destroy";

    fn title(&self) -> String {
        match self.guests.as_slice() {
            [one] => format!("Destroy {}", label(one)),
            many => format!("Destroy {} guests", many.len()),
        }
    }

    fn opened(&mut self, _: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        let guests: Vec<GuestRef> = self.guests.iter().map(Guest::reference).collect();
        let template = self.guests.iter().any(|g| g.template);
        let others = cx.store().resources.guests.iter().filter(|g| template && !g.template).map(Guest::reference);
        let (session, others) = (cx.session(), others.collect());
        cx.job(move |world| Box::pin(async move { Msg(find(world, session, guests, others).await) }));
    }

    fn update(&mut self, Msg(found): Msg, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        self.found = Some(found);
        self.tell(wizard, cx.store());
    }

    fn changed(&mut self, _: &str, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        if self.found.is_some() {
            self.tell(wizard, cx.store());
        }
    }

    fn proposal(&self, wizard: &Wizard, store: &Store) -> Option<Proposal> {
        let values = wizard.values();
        let (purge, unreferenced) = (values.is_on("purge"), values.is_on("destroy-unreferenced-disks"));
        let why_not = |g: &Guest| self.refuse(g, purge, store);
        let (able, unable): (Vec<&Guest>, Vec<&Guest>) = self.guests.iter().partition(|g| why_not(g).is_none());
        let (first, rest) = able.split_first()?;
        let alone = rest.is_empty();
        let title = if alone { label(first) } else { format!("{} guests", able.len()) };
        let degree = if alone { first.vmid.to_string() } else { format!("{} guests", able.len()) };
        let write = |g: &&Guest| {
            let request = guest::destroy(&g.reference(), purge, unreferenced);
            Write::new(format!("Destroy {}", label(g)), request).on_guest(g.vmid)
        };
        let mut proposal = Proposal::new(format!("Destroy {title}?"), able.iter().map(write).collect());
        proposal = proposal.degree(Degree::Typed(degree));
        let left_out =
            unable.iter().map(|g| format!("Left out: {} {}: {}", g.vmid, g.name, why_not(g).unwrap_or_default()));
        proposal.notes.extend(left_out);
        proposal.notes.extend(able.iter().flat_map(|g| self.notes(g, purge, alone)));
        if unreferenced {
            proposal = proposal.note("Also all other volumes with these numbers, on all storages, are deleted.");
        }
        let unread = self.found.as_ref().map(|f| f.unread.as_slice()).unwrap_or_default();
        if !unread.is_empty() {
            let who = named(unread, store);
            proposal = proposal.note(format!("Could not be asked whether they stand on its disks: {who}."));
        }
        Some(proposal.note("Backups stay. Permissions and firewall rules of the guest go."))
    }

    fn field_of_text(&self, text: &str, _: &crate::ui::Values) -> Option<String> {
        text.contains("purge parameter not set").then(|| "purge".to_owned())
    }
}
