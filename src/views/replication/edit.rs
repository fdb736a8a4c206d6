//! The dialogs that make, change and remove a replication job.

use crate::{
    api::{
        ApiError, Param,
        guest::param,
        ids::{GuestRef, NodeName},
        job as calendar,
        replication::{self as api, Job},
    },
    shell::{Ask, Cx, Degree, Dialog, Proposal, Write, dialog},
    store::Store,
    ui::{Choice, Form, Values, Wizard},
    views::job::{edit::short, schedule},
};

/// What the dialog hears back.
pub enum Msg {
    /// When a schedule comes due.
    Runs(String, Result<Vec<calendar::Run>, ApiError>),
    /// The job as somebody else has left it.
    Fresh(Result<Job, ApiError>),
}

/// Schedules that suit replication, besides those of backups.
const OFTEN: [(&str, &str); 4] = [
    ("*/15", "every quarter of an hour"),
    ("*/5", "every five minutes"),
    ("hourly", "every hour"),
    ("mon..fri 8..18:00/15", "on workdays, every quarter"),
];

/// Asks for a replication job.
pub struct EditJob {
    id: String,
    /// As it was; `None` for a new one.
    before: Option<Job>,
}

/// The server's verdict about a schedule is a fact.
fn check_schedule(text: &str, values: &Values) -> Result<(), String> {
    if values.get("schedule.bad") == text { Err(values.get("schedule.why").to_owned()) } else { Ok(()) }
}

fn next_words(values: &Values) -> Option<String> {
    let event = values.get("schedule").trim();
    let known = values.get("schedule.good") == event && !event.is_empty();
    let proposed = OFTEN.iter().any(|(e, _)| *e == event);
    let words = schedule::words(event).filter(|_| !proposed);
    match (words, known) {
        (Some(words), true) => Some(format!("{words}, next {}", values.get("schedule.next"))),
        (None, true) => Some(format!("next {}", values.get("schedule.next"))),
        (words, false) => words,
    }
}

fn settings(form: Form, job: &Job) -> Form {
    let all = OFTEN.iter().chain(schedule::PROPOSALS.iter());
    let schedules: Vec<Choice> = all.map(|(event, words)| Choice::new(*event).detail(*words)).collect();
    form.select("schedule", "Schedule", schedules)
        .free()
        .initial(job.event())
        .required()
        .check(check_schedule)
        .hint(next_words)
        .help("A calendar event. The server checks it.")
        .number("rate", "Rate limit", 1..=1_000_000)
        .unit("MB/s")
        .initial(&job.rate.map_or_else(String::new, |rate| rate.to_string()))
        .help("Empty: as fast as it goes.")
        .text("comment", "Comment")
        .initial(&job.comment)
        .toggle("enabled", "Enabled")
        .initial(if job.disable { "0" } else { "1" })
}

/// A job's fields as they stand in the form.
fn fields(job: &Job) -> [(&'static str, String); 4] {
    [
        ("schedule", job.event().to_owned()),
        ("rate", job.rate.map_or_else(String::new, |rate| rate.to_string())),
        ("comment", job.comment.to_string()),
        ("enabled", u8::from(!job.disable).to_string()),
    ]
}

impl EditJob {
    /// The dialog for a new job of a guest.
    pub fn create(guest: &GuestRef, jobs: &[Job], store: &Store) -> Dialog<Self> {
        let taken = |n: u32| jobs.iter().any(|j| j.id == format!("{}-{n}", guest.vmid));
        let number = (0..).find(|n| !taken(*n)).unwrap_or_default();
        let used: Vec<&str> = jobs.iter().filter(|j| j.guest == Some(guest.vmid)).map(|j| j.target.as_str()).collect();
        let nodes = store.resources.nodes.iter().filter(|n| n.node != guest.node);
        let mut targets: Vec<(bool, Choice)> = nodes
            .map(|n| {
                let had = used.contains(&n.node.as_str());
                let words = match (n.is_online(), had) {
                    (_, true) => "has a job already",
                    (false, _) => "is offline",
                    _ => "",
                };
                (had || !n.is_online(), Choice::new(n.node.as_str()).detail(words))
            })
            .collect();
        targets.sort_by_key(|(last, _)| *last);
        let targets: Vec<Choice> = targets.into_iter().map(|(_, choice)| choice).collect();
        let first = targets.first().map(|c| c.value.clone()).unwrap_or_default();
        let form = Form::new()
            .select("target", "Target", targets)
            .initial(&first)
            .required()
            .help("The node that gets the copies. It needs a ZFS storage of the same name.");
        let ask = Self { id: format!("{}-{number}", guest.vmid), before: None };
        Dialog::new(ask, Wizard::single(settings(form, &Job::default())))
    }

    /// The dialog for a job that is there.
    pub fn change(job: Job) -> Dialog<Self> {
        let form = Form::new().note(&format!("Target {}: another target is another job.", job.target));
        let form = settings(form, &job);
        Dialog::new(Self { id: job.id.to_string(), before: Some(job) }, Wizard::single(form))
    }

    fn ask_runs(&self, wizard: &Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        let event = wizard.values().get("schedule").trim().to_owned();
        if !event.is_empty() {
            let of = event.clone();
            cx.send(calendar::next_runs(&event, 2), move |answer| Msg::Runs(of, answer));
        }
    }

    fn changed(&self, values: &Values) -> (Vec<Param>, Vec<String>) {
        let old = self.before.clone().unwrap_or_default();
        let rate = old.rate.map_or_else(String::new, |rate| rate.to_string());
        let schedule = if self.before.is_some() { old.event().to_owned() } else { String::new() };
        let (mut set, mut gone) = (vec![], vec![]);
        for (key, before) in [("schedule", schedule), ("rate", rate), ("comment", old.comment.to_string())] {
            let now = values.get(key).trim();
            if now == before {
                continue;
            }
            if now.is_empty() {
                gone.push(key.to_owned());
            } else {
                set.push(param(key, now));
            }
        }
        match (values.is_on("enabled"), old.disable) {
            (true, true) => gone.push("disable".into()),
            (false, false) => set.push(param("disable", 1)),
            _ => {}
        }
        (set, gone)
    }
}

impl Ask for EditJob {
    type Msg = Msg;
    const NAME: &'static str = "Replication job";

    fn title(&self) -> String {
        match self.before {
            None => format!("Create replication job {}", self.id),
            Some(_) => format!("Edit replication job {}", self.id),
        }
    }

    fn opened(&mut self, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        self.ask_runs(wizard, cx);
    }

    fn changed(&mut self, key: &str, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        if key == "schedule" {
            self.ask_runs(wizard, cx);
        }
    }

    fn update(&mut self, msg: Msg, wizard: &mut Wizard, _: &mut Cx<'_, dialog::Msg<Msg>>) {
        match msg {
            Msg::Runs(event, _) if event != wizard.values().get("schedule").trim() => {}
            Msg::Runs(event, Ok(runs)) => {
                wizard.set_fact("schedule.good", event);
                wizard.set_fact("schedule.bad", "");
                wizard.set_fact("schedule.next", runs.first().map(|r| short(r.timestamp)).unwrap_or_default());
            }
            Msg::Runs(event, Err(ApiError::Refused(refusal))) => {
                let why = refusal.errors.get("schedule").unwrap_or(&refusal.message);
                wizard.set_fact("schedule.bad", event);
                wizard.set_fact("schedule.why", why);
            }
            Msg::Runs(_, Err(error)) => tracing::debug!(%error, "next runs of a replication job"),
            Msg::Fresh(Ok(job)) => {
                // Fields that were left alone follow.
                let old = self.before.take().unwrap_or_default();
                let values = wizard.values();
                for ((key, before), (_, now)) in fields(&old).into_iter().zip(fields(&job)) {
                    if values.get(key) == before {
                        wizard.set_initial(key, &now);
                    }
                }
                self.before = Some(job);
                let words = "Somebody else has changed the replication jobs meanwhile. Nothing was sent: send it again if it still fits.";
                wizard.set_trouble(Some(words.into()));
            }
            Msg::Fresh(Err(error)) => wizard.set_trouble(Some(error.explained())),
        }
    }

    fn proposal(&self, wizard: &Wizard, _: &Store) -> Option<Proposal> {
        let values = wizard.values();
        let (set, gone) = self.changed(&values);
        let (label, request) = match &self.before {
            None => {
                let target = NodeName::from(values.get("target"));
                if target.is_empty() {
                    return None;
                }
                (format!("Create replication job {} to {target}", self.id), api::create(&self.id, &target, &set))
            }
            Some(_) if set.is_empty() && gone.is_empty() => return None,
            Some(job) => {
                (format!("Change replication job {}", self.id), api::update(&self.id, &set, &gone, &job.digest))
            }
        };
        let mut proposal = Proposal::new(format!("{label}?"), vec![Write::new(label, request)]);
        if self.before.is_none() {
            proposal = proposal.note("The first run copies all volumes, later ones what has changed.");
        }
        Some(proposal)
    }

    fn refused(&mut self, error: &ApiError, _: &Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) -> bool {
        let conflict = self.before.is_some() && error.to_string().contains("detected modified configuration");
        if conflict {
            cx.send(api::job(&self.id), Msg::Fresh);
        }
        conflict
    }

    fn field_of(&self, parameter: &str, _: &Values) -> String {
        if parameter == "disable" { "enabled".into() } else { parameter.into() }
    }

    fn field_of_text(&self, text: &str, _: &Values) -> Option<String> {
        text.contains("local node").then(|| "target".into())
    }
}

/// Asks how a job is removed.
pub struct RemoveJob {
    id: String,
    target: String,
}

impl RemoveJob {
    /// The dialog.
    pub fn dialog(job: &Job) -> Dialog<Self> {
        let ways = [
            ("", "with the copies on the target"),
            ("keep", "and keep the copies on the target"),
            ("force", "at once, and clean nothing up"),
        ];
        let form = Form::new()
            .select("way", "Remove it", ways.map(Choice::from).to_vec())
            .help("It goes with its next run, which cleans up. At once is for a target that is gone for good.");
        let ask = Self { id: job.id.to_string(), target: job.target.to_string() };
        Dialog::new(ask, Wizard::single(form))
    }
}

impl Ask for RemoveJob {
    type Msg = ();
    const NAME: &'static str = "Remove replication job";

    fn title(&self) -> String {
        format!("Remove replication job {}", self.id)
    }

    fn update(&mut self, (): (), _: &mut Wizard, _: &mut Cx<'_, dialog::Msg<()>>) {}

    fn proposal(&self, wizard: &Wizard, _: &Store) -> Option<Proposal> {
        let values = wizard.values();
        let way = values.get("way");
        let label = format!("Remove replication job {}", self.id);
        let request = api::remove(&self.id, way == "keep", way == "force");
        let note = match way {
            "keep" => format!("The copies on {} stay; nobody keeps them fresh.", self.target),
            "force" => format!("Snapshots here and copies on {} stay behind.", self.target),
            _ => format!("The copies on {} are removed with its next run.", self.target),
        };
        let write = Write::new(label.clone(), request);
        Some(Proposal::new(format!("{label}?"), vec![write]).degree(Degree::Careful).note(note))
    }
}
