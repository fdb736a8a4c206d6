//! Creating and editing a backup job.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    form::{changes, form, settings, takes_these, values_of},
    schedule,
};
use crate::{
    api::{
        ApiError, Param,
        backup::{self, Prune, Verdict},
        cluster::Guest,
        guest::param,
        ids::{GuestKind, NodeName, StorageId, VmId},
        job::{self, Job},
    },
    shell::{Ask, Cx, Dialog, Level, Proposal, Write, dialog},
    store::Store,
    ui::{Values, Wizard, text},
    views::backup::{field, prune, setting, stock},
};

/// How often somebody else's edits are looked for.
const WATCH: Duration = Duration::from_secs(4);

/// What the dialog hears back.
pub enum Msg {
    /// When a schedule comes due.
    Runs(String, Result<Vec<job::Run>, ApiError>),
    /// The job as it is now.
    Now(Result<Job, ApiError>),
    /// What the rules would do on a storage today.
    Preview(String, Result<Vec<Verdict>, ApiError>),
}

/// Asks for a job.
pub struct EditJob {
    /// The job that is edited, as it was last read; `None` for a new one.
    old: Option<Job>,
    runs: Vec<job::Run>,
    verdicts: Vec<Verdict>,
}

/// The dialog for a new job, or for one that exists.
pub fn dialog(store: &Store, old: Option<Job>, jobs: &[Job]) -> Dialog<EditJob> {
    let mut wizard = Wizard::single(form(store, old.as_ref()));
    let ids: Vec<&str> = jobs.iter().map(|j| j.id.as_str()).collect();
    wizard.set_fact("jobs", ids.join(" "));
    // The template is expanded for a guest that there is.
    if let Some(guest) = store.resources.guests.first() {
        field::set_example(&mut wizard, guest, store);
    }
    if let Some(job) = &old {
        for (key, value) in values_of(job) {
            wizard.set_initial(&key, &value);
        }
    }
    let ask = EditJob { old, runs: vec![], verdicts: vec![] };
    ask.follow(&mut wizard, store);
    Dialog::new(ask, wizard)
}

/// The guests that a job with these values takes now.
fn taken<'s>(values: &Values, store: &'s Store) -> Vec<&'s Guest> {
    let ids = |key: &str| -> BTreeSet<VmId> { values.get(key).split(',').filter_map(|id| id.parse().ok()).collect() };
    let (these, but) = (ids("vmid"), ids("exclude"));
    let fits = |g: &&Guest| match values.get("selection") {
        "these" => these.contains(&g.vmid),
        "but" => !but.contains(&g.vmid),
        "pool" => g.pool.as_deref() == Some(values.get("pool")),
        _ => true,
    };
    let node = values.get("node");
    store.resources.guests.iter().filter(fits).filter(|g| node.is_empty() || g.node.as_str() == node).collect()
}

impl EditJob {
    /// What the values mean: the guests, the storages of the nodes.
    fn follow(&self, wizard: &mut Wizard, store: &Store) {
        wizard.share();
        let values = wizard.values();
        let guests = taken(&values, store);
        let bytes: u64 = guests.iter().map(|g| g.maxdisk).sum();
        let vms = guests.iter().filter(|g| g.kind == GuestKind::Vm).count();
        let words = format!("{vms} VMs, {} containers, {} of disks", guests.len() - vms, text::bytes_short(bytes));
        wizard.set_fact("selection.result", words);
        let node = values.get("node");
        let nodes: BTreeSet<NodeName> = if node.is_empty() { BTreeSet::new() } else { [NodeName::from(node)].into() };
        let chosen = values.get("storage").to_owned();
        field::offer_storages(wizard, store, &nodes);
        if !chosen.is_empty() {
            wizard.set("storage", &chosen);
        }
        wizard.share();
    }

    fn ask_runs(&self, wizard: &Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        let event = wizard.values().get("schedule").trim().to_owned();
        if !event.is_empty() {
            cx.send(job::next_runs(&event, 10), move |answer| Msg::Runs(event, answer));
        }
    }

    /// What the rules would do today with all backups on the storage.
    fn ask_preview(&self, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        let values = wizard.values();
        let rules = if values.get("retention") == "rules" { setting::rules(&values) } else { String::new() };
        let storage = StorageId::from(values.get("storage"));
        wizard.set_fact("prune.preview", "");
        let place = stock::places(cx.store()).into_iter().find(|(_, name, ..)| *name == storage);
        let (Some((node, ..)), "rules") = (place, values.get("retention")) else { return };
        if rules.is_empty() {
            return;
        }
        let request = backup::prune_preview(&node, &storage, &Prune { rules: rules.clone(), ..Prune::default() });
        cx.send(request, move |answer| Msg::Preview(rules, answer));
    }

    /// Looks again in a moment whether somebody else has edited the job.
    fn watch(&self, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        let Some(job) = &self.old else { return };
        // Without a screen nothing lasts long enough.
        if !cx.is_on_screen() {
            return;
        }
        let (session, id) = (cx.session(), job.id.clone());
        cx.job(move |world| {
            Box::pin(async move {
                tokio::time::sleep(WATCH).await;
                Msg::Now(match world.client(session) {
                    Ok(client) => client.ask(job::one(&id)).await,
                    Err(error) => Err(error),
                })
            })
        });
    }

    /// The job as somebody else has left it: fields that were left alone follow, the others are named.
    fn changed_elsewhere(&mut self, now: Job, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        let Some(old) = self.old.take() else { return };
        let before: BTreeMap<_, _> = old.settings.iter().cloned().collect();
        let after: BTreeMap<_, _> = now.settings.iter().cloned().collect();
        let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        let differ: Vec<String> = keys
            .into_iter()
            .filter(|key| before.get(*key) != after.get(*key))
            .map(|key| match after.get(key) {
                Some(value) => format!("{key} is {value} now"),
                None => format!("{key} is not set any more"),
            })
            .collect();
        if !differ.is_empty() {
            let words = format!("Somebody else has changed this job meanwhile: {}. Look again.", differ.join(", "));
            cx.toast(Level::Warning, words.clone());
            wizard.set_trouble(Some(words));
            for (key, value) in values_of(&now) {
                wizard.set_default(&key, &value);
            }
        }
        self.old = Some(now);
        self.follow(wizard, cx.store());
    }

    fn notes(&self, values: &Values, store: &Store) -> Vec<String> {
        let mut notes = vec![];
        if let Some(words) = schedule::words(values.get("schedule")) {
            notes.push(format!("Runs {words}."));
        }
        if !self.runs.is_empty() {
            let runs: Vec<String> = self.runs.iter().map(|run| short(run.timestamp)).collect();
            notes.push(format!("The next runs: {}.", runs.join(", ")));
        }
        let guests = taken(values, store);
        if !values.get("notes-template").is_empty() {
            let example = field::expand(values.get("notes-template"), values);
            notes.push(format!("Notes of a backup, for example: \"{example}\"."));
        }
        let names: Vec<String> = guests.iter().take(20).map(|g| format!("{} {}", g.vmid, g.name)).collect();
        let more = guests.len().saturating_sub(20);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        notes.push(match guests.len() {
            0 => "It takes no guest at the moment.".into(),
            n => format!("It takes {n} guests: {}{more}.", names.join(", ")),
        });
        if values.get("mode") == "stop" {
            notes.push("Running guests are shut down for their backup and started again.".into());
        }
        let going = self.verdicts.iter().filter(|v| v.goes()).count();
        if values.get("retention") == "rules" && !self.verdicts.is_empty() {
            notes.push(format!(
                "By these rules the storage would today lose {going} backups ({}).",
                prune::words(&self.verdicts)
            ));
        }
        notes
    }
}

/// `Sat 11-28 01:00`.
pub fn short(unix: i64) -> String {
    let zone = jiff::tz::TimeZone::system();
    match jiff::Timestamp::from_second(unix) {
        Ok(at) => at.to_zoned(zone).strftime("%a %m-%d %H:%M").to_string(),
        Err(_) => "-".into(),
    }
}

impl Ask for EditJob {
    type Msg = Msg;
    const NAME: &'static str = "Backup job";
    const PRESETS: bool = true;

    fn title(&self) -> String {
        match &self.old {
            Some(job) => format!("Edit the backup job {}", job.id),
            None => "Create a backup job".into(),
        }
    }

    fn opened(&mut self, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        self.ask_runs(wizard, cx);
        self.ask_preview(wizard, cx);
        if let Some(job) = &self.old {
            // The list may be old: what is edited is the job as it is now.
            cx.send(job::one(&job.id), Msg::Now);
        }
    }

    fn changed(&mut self, key: &str, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        match key {
            "schedule" => self.ask_runs(wizard, cx),
            "storage" | "retention" => self.ask_preview(wizard, cx),
            key if key.starts_with("keep-") => self.ask_preview(wizard, cx),
            _ => {}
        }
        self.follow(wizard, cx.store());
    }

    fn update(&mut self, msg: Msg, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        match msg {
            Msg::Runs(event, _) if event != wizard.values().get("schedule").trim() => {}
            Msg::Runs(event, Ok(runs)) => {
                let next: Vec<String> = runs.iter().take(1).map(|run| short(run.timestamp)).collect();
                wizard.set_fact("schedule.good", event);
                wizard.set_fact("schedule.bad", "");
                wizard.set_fact("schedule.next", next.join(", "));
                self.runs = runs;
            }
            Msg::Runs(event, Err(ApiError::Refused(refusal))) => {
                let why = refusal.errors.get("schedule").unwrap_or(&refusal.message);
                let why = why.lines().next().unwrap_or_default().trim_start_matches("invalid format - ");
                wizard.set_fact("schedule.bad", event);
                wizard.set_fact("schedule.why", why);
                self.runs.clear();
            }
            Msg::Runs(_, Err(error)) => tracing::debug!(%error, "next runs"),
            Msg::Preview(rules, Ok(verdicts)) if rules == setting::rules(&wizard.values()) => {
                wizard.set_fact("prune.preview", format!("today {}", prune::words(&verdicts)));
                self.verdicts = verdicts;
            }
            Msg::Preview(_, Ok(_)) => {}
            Msg::Preview(_, Err(error)) => tracing::debug!(%error, "preview of the retention"),
            Msg::Now(Ok(job)) => {
                self.changed_elsewhere(job, wizard, cx);
                self.watch(cx);
            }
            Msg::Now(Err(error)) if error.status() == Some(400) => {
                wizard.set_trouble(Some("Somebody else has removed this job meanwhile.".into()));
            }
            Msg::Now(Err(error)) => {
                tracing::debug!(%error, "the job as it is now");
                self.watch(cx);
            }
        }
        wizard.share();
    }

    fn proposal(&self, wizard: &Wizard, store: &Store) -> Option<Proposal> {
        let values = wizard.known();
        let wanted = settings(&values);
        let proposal = match &self.old {
            None => {
                let mut params: Vec<Param> = vec![];
                params.extend(Some(values.get("id")).filter(|id| !id.is_empty()).map(|id| param("id", id)));
                params.extend(setting::params(&wanted));
                let write = Write::new("Create a backup job", job::create(&params));
                Proposal::new("Create this backup job?", vec![write])
            }
            Some(old) => {
                let (set, delete) = changes(old, &wanted);
                if set.is_empty() && delete.is_empty() {
                    return None;
                }
                let write = Write::new(
                    format!("Edit the backup job {}", old.id),
                    job::update(&old.id, &setting::params(&set), &delete),
                );
                let mut proposal = Proposal::new(format!("Change the backup job {}?", old.id), vec![write]);
                for (key, value) in &set {
                    proposal.notes.push(format!("{key}: {} becomes {value}", old.get(key).unwrap_or("not set")));
                }
                for key in &delete {
                    proposal.notes.push(format!("{key}: {} becomes not set", old.get(key).unwrap_or_default()));
                }
                proposal
            }
        };
        let mut proposal = proposal;
        proposal.notes.extend(self.notes(&values, store));
        Some(proposal)
    }

    fn field_of(&self, parameter: &str, values: &Values) -> String {
        match parameter {
            "all" => "selection".into(),
            "vmid" if !takes_these(values) => "selection".into(),
            other => setting::field_of(other),
        }
    }

    fn field_of_text(&self, text: &str, _: &Values) -> Option<String> {
        text.contains("already exists").then(|| "id".into())
    }
}
