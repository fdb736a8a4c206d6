//! The replication jobs of a guest (or of all guests): where to, how often, and how they are doing.

pub mod column;
pub mod edit;
pub mod log;

use std::{collections::BTreeMap, time::Duration};

use compact_str::CompactString;
use jiff::tz::TimeZone;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::Line,
    widgets::Paragraph,
};

use self::{
    column::Row,
    edit::{EditJob, RemoveJob},
};
use crate::{
    api::{
        ApiError,
        guest::{self, Config, param},
        ids::{GuestRef, NodeName, VmId},
        property::Properties,
        replication::{self as api, Job, State},
    },
    shell::{Command, Cx, Degree, Level, Picker, Proposal, Scene, View, always, needs},
    store::Store,
    ui::{Pane, Role, Table, text},
};

/// What the view hears back.
pub enum Msg {
    /// The jobs.
    Jobs(Result<Vec<Job>, ApiError>),
    /// How those of a node are doing.
    States(Result<Vec<State>, ApiError>),
    /// The guest's settings: where its volumes are.
    Config(Result<Config, ApiError>),
    /// A job, read again before it is edited.
    Fresh(Result<Job, ApiError>),
    /// Something was changed.
    Changed(Result<(), ApiError>),
}

/// Replication jobs.
pub struct Replication {
    /// Only those of this guest.
    guest: Option<GuestRef>,
    jobs: Vec<Job>,
    states: BTreeMap<CompactString, State>,
    rows: Vec<Row>,
    generation: u64,
    table: Table<Row, CompactString>,
    config: Option<Config>,
    known: bool,
    asking: u8,
    error: Option<ApiError>,
    /// What went wrong since everything was last asked for.
    trouble: Option<ApiError>,
    zone: TimeZone,
}

/// Volumes of a guest that can't be replicated, with the storages on which they are.
pub fn obstacles(config: &Config, store: &Store) -> Vec<String> {
    let type_of =
        |name: &str| store.resources.storages.iter().find(|s| s.storage.as_str() == name).map(|s| &s.plugintype);
    let is_volume = |key: &str| {
        let numbered = ["scsi", "virtio", "sata", "ide", "efidisk", "tpmstate", "mp"];
        let is_number = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
        key == "rootfs" || numbered.iter().any(|p| key.strip_prefix(p).is_some_and(is_number))
    };
    let mut found = vec![];
    for (key, text) in config.values.iter().filter(|(key, _)| is_volume(key)) {
        let parts = Properties::parse(text);
        let volume = parts.default_key("file").or_else(|| parts.default_key("volume")).unwrap_or_default();
        let left_out = parts.get("replicate") == Some("0") || parts.get("media") == Some("cdrom");
        let Some((storage, _)) = volume.split_once(':').filter(|_| !left_out) else { continue };
        match type_of(storage) {
            Some(kind) if api::is_replicable(kind) => {}
            Some(kind) => found.push(format!("{key} is on {storage} ({kind})")),
            None => {}
        }
    }
    found
}

impl Replication {
    /// How often everything is asked for.
    const PACE: Duration = Duration::from_secs(5);

    /// The jobs of one guest, or all of them.
    pub fn new(guest: Option<GuestRef>) -> Self {
        let whole = guest.is_none();
        let search = |r: &Row, out: &mut String| {
            out.push_str(&format!("{} {} {}", r.job.id, r.job.target, r.job.comment));
        };
        let table = Table::new(column::columns(whole), |r: &Row| r.job.id.clone(), search).with_sort("id", false);
        Self {
            guest,
            jobs: vec![],
            states: BTreeMap::new(),
            rows: vec![],
            generation: 0,
            table: table.without_footer(),
            config: None,
            known: false,
            asking: 0,
            error: None,
            trouble: None,
            zone: TimeZone::system(),
        }
    }

    fn rebuild(&mut self, store: &Store) {
        let mine = |job: &&Job| {
            self.guest.as_ref().is_none_or(|g| job.guest == Some(g.vmid) || job.id.starts_with(&format!("{}-", g.vmid)))
        };
        let rows: Vec<Row> = self
            .jobs
            .iter()
            .filter(mine)
            .map(|job| {
                let known = job.guest.and_then(|id| store.guest(id));
                let name = known.map(|g| g.label()).unwrap_or_default();
                Row { job: job.clone(), state: self.states.get(&job.id).cloned(), name }
            })
            .collect();
        if rows != self.rows {
            self.rows = rows;
            self.generation += 1;
        }
        self.sync();
    }

    fn sync(&mut self) {
        let empty = match (&self.error, self.known) {
            (Some(error), _) => error.explained(),
            (None, false) => "asking the cluster".into(),
            (None, true) => "no replication jobs (a adds one)".into(),
        };
        self.table.set_empty(empty);
        self.table.sync(&self.rows, self.generation);
    }

    fn selected(&self) -> Option<&Row> {
        self.table.selected(&self.rows)
    }

    /// The node on which a job runs: that of its guest.
    fn home(&self, job: &Job, store: &Store) -> Option<NodeName> {
        job.guest
            .and_then(|id| store.guest(id))
            .map(|g| g.node.clone())
            .or_else(|| Some(self.guest.as_ref()?.node.clone()))
    }

    fn add(&mut self, cx: &mut Cx<'_, Msg>) {
        let Some(guest) = self.guest.clone().filter(|_| !cx.refuses_changes()) else { return };
        if cx.store().resources.nodes.len() < 2 {
            return cx.toast(Level::Warning, "Replication needs a second node: this cluster has one");
        }
        let obstacles = self.config.as_ref().map(|c| obstacles(c, cx.store())).unwrap_or_default();
        if !obstacles.is_empty() {
            let why = obstacles.join(", ");
            return cx.toast(Level::Warning, format!("Only volumes on ZFS can be replicated: {why}"));
        }
        cx.open(EditJob::create(&guest, &self.jobs, cx.store()));
    }

    /// Somebody else may have edited it: it is read again first.
    fn edit(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(id) = self.selected().map(|r| r.job.id.clone())
            && !cx.refuses_changes()
        {
            cx.send(api::job(&id), Msg::Fresh);
        }
    }

    fn switch(&mut self, cx: &mut Cx<'_, Msg>) {
        let Some(row) = self.selected() else { return };
        let job = &row.job;
        let (verb, set, gone) = match job.disable {
            true => ("Enable", vec![], vec!["disable".to_owned()]),
            false => ("Disable", vec![param("disable", 1)], vec![]),
        };
        let label = format!("{verb} replication job {}", job.id);
        let write = cx.hear(label.clone(), api::update(&job.id, &set, &gone, &job.digest), Msg::Changed);
        let mut proposal = Proposal::new(format!("{label}?"), vec![write]);
        if !job.disable {
            proposal =
                proposal.degree(Degree::Careful).note(format!("The copy on {} grows old meanwhile.", job.target));
        }
        cx.propose(proposal);
    }

    fn run(&mut self, cx: &mut Cx<'_, Msg>) {
        let Some(row) = self.selected() else { return };
        let Some(node) = self.home(&row.job, cx.store()) else {
            return cx.toast(Level::Warning, "Nobody knows on which node this guest is");
        };
        let label = format!("Run replication job {} now", row.job.id);
        let write = cx.hear(label.clone(), api::run_now(&node, &row.job.id), Msg::Changed);
        let note = "It begins with the next look of the node's scheduler, within a minute.";
        cx.propose(Proposal::new(format!("{label}?"), vec![write]).note(note));
    }

    fn remove(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(row) = self.selected()
            && !cx.refuses_changes()
        {
            cx.open(RemoveJob::dialog(&row.job));
        }
    }

    fn log(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(row) = self.selected()
            && let Some(node) = self.home(&row.job, cx.store())
        {
            cx.open(log::Log::new(node, row.job.id.to_string()));
        }
    }

    fn name(&self, store: &Store) -> String {
        let vmid: Option<VmId> = self.guest.as_ref().map(|g| g.vmid);
        vmid.and_then(|id| store.guest(id)).map_or_else(|| "all guests".into(), |g| g.label())
    }

    /// Lines above the list: what went wrong, and why a job failed.
    fn banner(&self, store: &Store) -> Vec<String> {
        let mut lines: Vec<String> = self.error.iter().filter(|_| self.known).map(ApiError::explained).collect();
        let obstacles = self.config.as_ref().map(|c| obstacles(c, store)).unwrap_or_default();
        if !obstacles.is_empty() {
            lines.push(format!("Only volumes on ZFS can be replicated: {}.", obstacles.join(", ")));
        }
        if let Some(row) = self.selected()
            && let Some(state) = row.state.as_ref().filter(|s| !s.error.is_empty())
        {
            lines.push(format!("Job {} failed: {}", row.job.id, state.error.trim()));
        }
        lines
    }
}

impl View for Replication {
    type Msg = Msg;
    const NAME: &'static str = "Replication";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::menu("replication.menu", always, Self::menu),
        Command::add("replication.add", |v, _| needs(v.guest.is_some(), "open it from a guest"), Self::add),
        Command::edit("replication.edit", |v, _| needs(v.selected().is_some(), "no job is selected"), Self::edit),
        Command::run_now(
            "replication.run",
            |v, _| needs(v.selected().is_some_and(|r| !r.job.disable), "no job that is on is selected"),
            Self::run,
        ),
        Command::switch("replication.switch", |v, _| needs(v.selected().is_some(), "no job is selected"), Self::switch),
        Command {
            id: "replication.log",
            keys: "l",
            title: "Log",
            footer: true,
            ready: |v, _| needs(v.selected().is_some(), "no job is selected"),
            run: Self::log,
        },
        Command::remove("replication.remove", |v, _| needs(v.selected().is_some(), "no job is selected"), Self::remove)
            .unlisted(),
    ];

    fn ask(&mut self, cx: &mut Cx<'_, Msg>) {
        if self.asking > 0 {
            return;
        }
        if let Some(guest) = &mut self.guest {
            if let Some(known) = cx.store().guest(guest.vmid) {
                *guest = known.reference();
            }
            cx.send(guest::config(guest, &guest::Which::Pending), Msg::Config);
        }
        self.asking = 1;
        cx.send(api::jobs(), Msg::Jobs);
        let nodes: Vec<NodeName> = match &self.guest {
            Some(guest) => vec![guest.node.clone()],
            None => cx.store().resources.nodes.iter().filter(|n| n.is_online()).map(|n| n.node.clone()).collect(),
        };
        for node in nodes {
            self.asking += 1;
            cx.send(api::states(&node, self.guest.as_ref().map(|g| g.vmid)), Msg::States);
        }
    }

    fn refreshed(&mut self, cx: &mut Cx<'_, Msg>) {
        self.ask(cx);
    }

    fn pace(&self) -> Option<Duration> {
        Some(Self::PACE)
    }

    fn update(&mut self, msg: Msg, cx: &mut Cx<'_, Msg>) {
        let answered = matches!(msg, Msg::Jobs(_) | Msg::States(_));
        match msg {
            Msg::Jobs(answer) => {
                self.asking = self.asking.saturating_sub(1);
                match answer {
                    Ok(jobs) => (self.jobs, self.known) = (jobs, true),
                    Err(error) => self.trouble = Some(error),
                }
            }
            Msg::States(answer) => {
                self.asking = self.asking.saturating_sub(1);
                match answer {
                    Ok(states) => self.states.extend(states.into_iter().map(|s| (s.id.clone(), s))),
                    Err(error) => self.trouble = Some(error),
                }
            }
            Msg::Config(Ok(config)) => self.config = Some(config),
            Msg::Config(Err(error)) => tracing::debug!(%error, "settings of a replicated guest"),
            Msg::Fresh(Ok(job)) => cx.open(EditJob::change(job)),
            Msg::Fresh(Err(error)) => {
                let gone = error.to_string().contains("does not exist") || error.to_string().contains("no such");
                if gone {
                    cx.toast(Level::Warning, "Somebody else has removed this job meanwhile");
                } else {
                    cx.toast(Level::Error, error.explained());
                }
                self.asking = 0;
                self.ask(cx);
            }
            Msg::Changed(_) => {
                self.asking = 0;
                self.ask(cx);
            }
        }
        if self.asking == 0 {
            self.error = self.trouble.take().or_else(|| self.error.take().filter(|_| !answered));
        }
        self.rebuild(cx.store());
    }

    fn pane(&mut self, _: &Scene) -> Option<&mut dyn Pane> {
        self.sync();
        Some(&mut self.table)
    }

    fn enter(&mut self, cx: &mut Cx<'_, Msg>) {
        self.log(cx);
    }

    fn menu(&mut self, cx: &mut Cx<'_, Msg>) {
        const LETTERS: [(&str, char); 6] = [
            ("replication.add", 'a'),
            ("replication.edit", 'e'),
            ("replication.run", 'r'),
            ("replication.switch", 'p'),
            ("replication.log", 'l'),
            ("replication.remove", 'D'),
        ];
        let title = self.selected().map_or_else(|| "Replication".into(), |r| format!("Replication job {}", r.job.id));
        let menu = Picker::of_commands(self, title, &LETTERS, cx);
        cx.open(menu);
    }

    fn crumb(&self, store: &Store) -> String {
        format!("Replication > {}", self.name(store))
    }

    fn status(&self, _: &Store) -> String {
        self.table.status()
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.sync();
        let look = scene.look;
        let width = usize::from(area.width).saturating_sub(2).max(10);
        let mut lines = vec![Line::styled(
            format!(" Replication of {}", text::clean(&self.name(scene.store))),
            look.style(Role::Title),
        )];
        for words in self.banner(scene.store) {
            let words = format!("{} {words}", look.glyphs.warning);
            for part in text::wrap(&text::clean(&words.replace('\n', " ")), width) {
                lines.push(Line::styled(format!(" {part}"), look.style(Role::Warning)));
            }
        }
        let height = u16::try_from(lines.len()).unwrap_or(1).min(area.height / 2).max(1);
        let [head, body] = Layout::vertical([Constraint::Length(height), Constraint::Min(1)]).areas(area);
        frame.render_widget(Paragraph::new(lines), head);
        let ctx = scene.ctx(&self.zone);
        self.table.draw(frame, body, &self.rows, &ctx);
    }
}
