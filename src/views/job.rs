//! Backup jobs: the list with what each takes, when it runs next and how it went last time.

mod act;
pub mod column;
pub mod detail;
pub mod edit;
pub mod form;
pub mod run;
pub mod schedule;

use std::{collections::BTreeMap, time::Duration};

use compact_str::CompactString;
use jiff::tz::TimeZone;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
};

use self::{
    act::{Acts, Found, Next},
    column::Row,
};

use crate::{
    api::{
        ApiError, Paged,
        ids::Upid,
        job::{self as api, Job},
        task::{self, LogLine, Task, TaskState},
        vzdump,
    },
    shell::{Command, Cx, Picker, Scene, View, always},
    store::Store,
    ui::{Pane, Role, Table, text},
};

/// What the view hears back.
pub enum Msg {
    /// All jobs.
    Came(Result<Vec<Job>, ApiError>),
    /// One job, read again before it is edited or run.
    Fresh(Next, Result<Job, ApiError>),
    /// The backup runs of a node.
    Runs(Result<Paged<Task>, ApiError>),
    /// The first lines of a run's log: they name the job.
    Head(Upid, Result<Paged<LogLine>, ApiError>),
    /// A job was changed.
    Changed(Result<(), ApiError>),
}

/// The list of backup jobs.
pub struct Jobs {
    jobs: Vec<Job>,
    rows: Vec<Row>,
    generation: u64,
    table: Table<Row, CompactString>,
    /// The newest run of each job.
    last: BTreeMap<String, (Upid, u64, TaskState)>,
    /// Runs whose logs have been looked at.
    seen: Vec<Upid>,
    runs: Vec<Task>,
    error: Option<ApiError>,
    loading: bool,
    asked: Option<Duration>,
    pulse: Option<u64>,
    zone: TimeZone,
}

impl Default for Jobs {
    fn default() -> Self {
        let table = Table::new(column::columns(), |r: &Row| r.job.id.clone(), column::searched)
            .with_sort("next", false)
            .without_footer();
        Self {
            jobs: vec![],
            rows: vec![],
            generation: 0,
            table,
            last: BTreeMap::new(),
            seen: vec![],
            runs: vec![],
            error: None,
            loading: false,
            asked: None,
            pulse: None,
            zone: TimeZone::system(),
        }
    }
}

impl Jobs {
    /// How old the list may get while it is in front.
    const STALE: Duration = Duration::from_secs(30);
    /// Runs whose logs are looked at for the job's name, in all.
    const HEADS: usize = 24;
    /// Days back that runs are looked for.
    const DAYS: u64 = 8;

    fn load(&mut self, cx: &mut Cx<'_, Msg>) {
        self.loading = true;
        self.asked = Some(cx.scene.now.mono);
        self.pulse = pulse(cx.store());
        cx.send(api::list(), Msg::Came);
        let since = u64::try_from(cx.scene.now.unix).unwrap_or(0).saturating_sub(Self::DAYS * 86_400);
        let filter = task::Filter {
            kind: Some("vzdump".into()),
            since: Some(since),
            limit: Some(50),
            source: Some(task::Source::All),
            ..task::Filter::default()
        };
        for node in cx.store().resources.nodes.iter().filter(|n| n.is_online()) {
            cx.send(task::list(&node.node, &filter), Msg::Runs);
        }
    }

    fn rebuild(&mut self) {
        let row = |job: &Job| {
            let last = self.last.get(job.id.as_str()).map(|(_, at, state)| (*at, state.clone()));
            Row { job: job.clone(), last }
        };
        let rows: Vec<Row> = self.jobs.iter().map(row).collect();
        if rows != self.rows {
            self.rows = rows;
            self.generation += 1;
        }
        self.sync();
    }

    fn sync(&mut self) {
        let empty = match &self.error {
            Some(error) => error.explained(),
            None if self.loading => "asking the cluster".into(),
            None if !self.rows.is_empty() => "nothing matches the filter".into(),
            None => "no backup jobs (c creates one)".into(),
        };
        self.table.set_empty(empty);
        self.table.sync(&self.rows, self.generation);
    }

    /// Which job a run was of stands in its log only.
    fn look_at(&mut self, tasks: Vec<Task>, cx: &mut Cx<'_, Msg>) {
        for task in tasks.into_iter().filter(|t| t.kind == "vzdump") {
            match self.runs.iter_mut().find(|t| t.upid == task.upid) {
                Some(known) => *known = task,
                None => self.runs.push(task),
            }
        }
        self.runs.sort_by_key(|run| std::cmp::Reverse(run.starttime));
        let runs: BTreeMap<&Upid, &TaskState> = self.runs.iter().map(|t| (&t.upid, &t.status)).collect();
        for (upid, _, state) in self.last.values_mut() {
            if let Some(now) = runs.get(upid) {
                *state = (*now).clone();
            }
        }
        let new: Vec<Upid> = self.runs.iter().map(|t| t.upid.clone()).filter(|u| !self.seen.contains(u)).collect();
        for upid in new.into_iter().take(Self::HEADS.saturating_sub(self.seen.len())) {
            self.seen.push(upid.clone());
            let of = upid.clone();
            cx.send(task::log(&upid, 0, 3), move |answer| Msg::Head(of, answer));
        }
    }

    fn selected(&self) -> Option<&Row> {
        self.table.selected(&self.rows)
    }

    fn create(&mut self, cx: &mut Cx<'_, Msg>) {
        if !cx.refuses_changes() {
            // What comes of it is read when this view is in front again.
            self.asked = None;
            cx.open(edit::dialog(cx.store(), None, &self.jobs));
        }
    }
}

impl Acts for Jobs {
    fn job(&self) -> Option<&Job> {
        self.selected().map(|row| &row.job)
    }

    fn last_run(&self) -> Option<&Upid> {
        self.last.get(self.job()?.id.as_str()).map(|(upid, ..)| upid)
    }

    fn fresh(next: Next, answer: Result<Job, ApiError>) -> Msg {
        Msg::Fresh(next, answer)
    }

    fn removed(answer: Result<(), ApiError>) -> Msg {
        Msg::Changed(answer)
    }
}

/// When the last backup run ended.
fn pulse(store: &Store) -> Option<u64> {
    store.tasks.iter().filter(|t| t.kind == "vzdump").filter_map(|t| t.endtime).max()
}

impl View for Jobs {
    type Msg = Msg;
    const NAME: &'static str = "Backup jobs";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::menu("job.menu", always, Self::menu),
        Command { id: "job.create", keys: "c", title: "Create", footer: true, ready: always, run: Self::create },
        act::edit_command(),
        act::run_command(),
        act::switch_command(),
        act::log_command(),
        act::remove_command(),
    ];

    fn opened(&mut self, cx: &mut Cx<'_, Msg>) {
        if cx.store().updated.is_some() {
            self.load(cx);
        }
    }

    fn refreshed(&mut self, cx: &mut Cx<'_, Msg>) {
        let old = self.asked.is_none_or(|at| cx.scene.now.mono.saturating_sub(at) > Self::STALE);
        if cx.store().updated.is_some() && !self.loading && (old || pulse(cx.store()) != self.pulse) {
            self.load(cx);
        }
    }

    fn update(&mut self, msg: Msg, cx: &mut Cx<'_, Msg>) {
        match msg {
            Msg::Came(answer) => {
                self.loading = false;
                match answer {
                    Ok(jobs) => (self.jobs, self.error) = (jobs, None),
                    Err(error) => self.error = Some(error),
                }
            }
            Msg::Fresh(next, answer) => {
                // What comes of an edit is read when this view is in front again.
                self.asked = self.asked.filter(|_| next != Next::Edit);
                if act::fresh(next, answer, &self.jobs, cx, Msg::Changed) == Found::Gone {
                    self.load(cx);
                }
            }
            Msg::Runs(Ok(page)) => self.look_at(page.data, cx),
            Msg::Runs(Err(error)) => tracing::debug!(%error, "backup runs of a node"),
            Msg::Head(upid, Ok(page)) => {
                let run = vzdump::Run::of(page.data.iter().map(|l| l.t.as_str()));
                let state = self.runs.iter().find(|t| t.upid == upid).map(|t| t.status.clone());
                if let (Some(id), Some(state)) = (run.job, state) {
                    let at = upid.started();
                    let known = self.last.get(&id);
                    // A job runs on several nodes at once: the worst of them is its result.
                    let same_time = known.is_some_and(|(_, other, _)| other.abs_diff(at) < 120);
                    let worse = known.is_none_or(|(.., known)| known.is_success() && !state.is_success());
                    if known.is_none_or(|(_, other, _)| *other < at && !same_time) || (same_time && worse) {
                        self.last.insert(id, (upid, at, state));
                    }
                }
            }
            Msg::Head(_, Err(error)) => tracing::debug!(%error, "log of a backup run"),
            Msg::Changed(_) => self.load(cx),
        }
        self.rebuild();
    }

    fn pane(&mut self, _: &Scene) -> Option<&mut dyn Pane> {
        self.sync();
        Some(&mut self.table)
    }

    fn enter(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(row) = self.selected() {
            cx.open(detail::Detail::new(row.job.clone(), self.last_run().cloned(), &self.jobs));
        }
    }

    fn menu(&mut self, cx: &mut Cx<'_, Msg>) {
        const LETTERS: [(&str, char); 6] = [
            ("job.edit", 'e'),
            ("job.run", 'r'),
            ("job.switch", 'p'),
            ("job.log", 'l'),
            ("job.create", 'c'),
            ("job.remove", 'D'),
        ];
        let title = self.selected().map_or_else(|| "Backup jobs".into(), |r| r.job.id.to_string());
        let menu = Picker::of_commands(self, title, &LETTERS, cx);
        cx.open(menu);
    }

    fn crumb(&self, _: &Store) -> String {
        "Backup jobs".into()
    }

    fn status(&self, _: &Store) -> String {
        self.table.status()
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.sync();
        let look = scene.look;
        let trouble = self.error.as_ref().filter(|_| !self.rows.is_empty());
        let [head, body] =
            Layout::vertical([Constraint::Length(u16::from(trouble.is_some())), Constraint::Min(1)]).areas(area);
        if let Some(error) = trouble {
            let words = format!(" {} {}", look.glyphs.warning, error.explained());
            let words = text::cut(&text::clean(&words), usize::from(area.width), look.glyphs.ellipsis).into_owned();
            frame.render_widget(Line::from(Span::styled(words, look.style(Role::Warning))), head);
        }
        let ctx = scene.ctx(&self.zone);
        self.table.draw(frame, body, &self.rows, &ctx);
    }
}
