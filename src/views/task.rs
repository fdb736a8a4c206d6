//! Tasks of the whole cluster: the list.

pub mod follow;
pub mod history;
pub mod log;
pub mod meter;
pub mod save;
pub mod transfer;

use std::{collections::HashMap, time::Duration};

use jiff::tz::TimeZone;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
};

use self::{history::History, meter::Tail};
use crate::{
    api::{
        ApiError, Paged,
        ids::Upid,
        task::{self as api, LogLine, Task, TaskState},
    },
    shell::{Command, Cx, Degree, Effect, Proposal, Scene, View, Write, needs},
    store::Store,
    ui::{Cell, Column, Ctx, Glyphs, Pane, Role, Table, Width, text},
};

/// A line of a list of tasks.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The task. One that runs on a node which can't be asked is unknown.
    pub task: Task,
    /// How far it is, when its log tells.
    pub progress: Option<String>,
}

impl From<Task> for Row {
    fn from(task: Task) -> Self {
        Self { task, progress: None }
    }
}

/// What the list hears back.
pub enum Msg {
    /// The end of a running task's log.
    Read(Upid, Result<Paged<LogLine>, ApiError>),
}

/// The list of recent and running tasks.
pub struct Tasks {
    table: Table<Row, Upid>,
    rows: Vec<Row>,
    generation: u64,
    /// What the rows were made of: the store's tasks and resources, and what was read of logs.
    made_of: Option<(u64, u64, u64)>,
    /// Logs of running tasks, for their progress.
    tails: HashMap<Upid, Tail>,
    reads: u64,
    zone: TimeZone,
}

impl Default for Tasks {
    fn default() -> Self {
        let table = Table::new(columns(), |r: &Row| r.task.upid.clone(), searched)
            .with_property(property)
            .with_sort("start", true)
            .with_empty("no tasks")
            .without_footer();
        Self {
            table,
            rows: vec![],
            generation: 0,
            made_of: None,
            tails: HashMap::new(),
            reads: 0,
            zone: TimeZone::system(),
        }
    }
}

/// The glyph and the role of a task's state.
pub fn sign(state: &TaskState, ctx: &Ctx) -> (&'static str, Role) {
    mark(state, &ctx.look.glyphs, ctx.tick)
}

/// The same without a table's context.
fn mark(state: &TaskState, glyphs: &Glyphs, tick: u64) -> (&'static str, Role) {
    match state {
        TaskState::Running => (glyphs.spin(tick), Role::Accent),
        TaskState::Ok => (glyphs.ok, Role::Ok),
        TaskState::Warnings(_) => (glyphs.warning, Role::Warning),
        TaskState::Failed(_) => (glyphs.failed, Role::Danger),
        TaskState::Unknown => (glyphs.unknown, Role::Muted),
    }
}

/// The columns of every list of tasks.
fn columns() -> Vec<Column<Row>> {
    let column = Column::<Row>::sorted;
    vec![
        column(
            "start",
            "Start",
            Width::Fixed(14),
            1,
            |Row { task: t, .. }: &Row, c: &Ctx| {
                text::time_short(i64::try_from(t.starttime).unwrap_or(0), c.zone).into()
            },
            |Row { task: a, .. }: &Row, Row { task: b, .. }: &Row| a.starttime.cmp(&b.starttime),
        ),
        column(
            "task",
            "Task",
            Width::Flex { min: 16, max: 44 },
            0,
            |Row { task: t, .. }: &Row, _: &Ctx| t.description().into(),
            |Row { task: a, .. }: &Row, Row { task: b, .. }: &Row| a.description().cmp(&b.description()),
        ),
        column(
            "status",
            "Status",
            Width::Flex { min: 10, max: 60 },
            1,
            |Row { task: t, progress }: &Row, c: &Ctx| {
                let (glyph, role) = sign(&t.status, c);
                match progress {
                    Some(progress) => Cell::role(format!("{glyph} {progress}"), role),
                    None => Cell::role(format!("{glyph} {}", t.status), role),
                }
            },
            |Row { task: a, .. }: &Row, Row { task: b, .. }: &Row| a.status.to_string().cmp(&b.status.to_string()),
        ),
        Column::left("duration", "Duration", Width::Fixed(9), 3, |Row { task: t, .. }: &Row, c: &Ctx| {
            meter::duration(t, c.now).map_or_else(String::new, text::duration).into()
        })
        .right(),
        column(
            "node",
            "Node",
            Width::Fit { max: 14 },
            2,
            |Row { task: t, .. }: &Row, _: &Ctx| t.node.as_str().into(),
            |Row { task: a, .. }: &Row, Row { task: b, .. }: &Row| a.node.cmp(&b.node),
        ),
        column(
            "user",
            "User",
            Width::Fit { max: 24 },
            4,
            |Row { task: t, .. }: &Row, _: &Ctx| Cell::role(t.user.as_str(), Role::Muted),
            |Row { task: a, .. }: &Row, Row { task: b, .. }: &Row| a.user.cmp(&b.user),
        ),
    ]
}

fn searched(Row { task: t, .. }: &Row, out: &mut String) {
    use std::fmt::Write as _;
    let _ = write!(out, "{} {} {} {} {}", t.description(), t.kind, t.node, t.user, t.status);
}

/// `type:`, `user:`, `node:`, `id:`, `status:ok|warning|error|running|unknown`.
fn property(Row { task: t, .. }: &Row, key: &str, value: &str) -> Option<bool> {
    Some(match key {
        "type" => t.kind.contains(value),
        "user" => t.user.to_lowercase().contains(value),
        "node" => t.node.as_str().to_lowercase() == value,
        "id" | "vmid" | "guest" => t.id == value,
        "status" => match &t.status {
            TaskState::Running => value == "running",
            TaskState::Ok => value == "ok",
            TaskState::Warnings(_) => value.starts_with("warning"),
            TaskState::Failed(text) => value == "error" || text.to_lowercase().contains(value),
            TaskState::Unknown => value == "unknown",
        },
        _ => return None,
    })
}

/// The proposal to stop a task.
pub fn stop_proposal(upid: &Upid, what: &str) -> Proposal {
    let write = Write::new(format!("Stop task {what}"), api::stop(upid));
    Proposal::new(format!("Stop the task \"{what}\"?"), vec![write])
        .degree(Degree::Careful)
        .note("What it has done so far is cleaned up by the server where it can.")
}

impl Tasks {
    /// Logs that are read at the same time for their progress.
    const TAILS: usize = 4;
    const PACE: Duration = Duration::from_secs(2);

    fn sync(&mut self, store: &Store) {
        let made_of = Some((store.tasks_generation, store.generation, self.reads));
        if self.made_of != made_of {
            self.made_of = made_of;
            let rows: Vec<Row> = store.tasks.iter().map(|task| self.row(task, store)).collect();
            if rows != self.rows {
                self.rows = rows;
                self.generation += 1;
            }
        }
        self.table.sync(&self.rows, self.generation);
        self.table.set_stale(store.is_stale());
        let empty = match &store.tasks_error {
            Some(error) => error.explained(),
            None if store.updated.is_none() => "waiting for the first answer".into(),
            None => "no tasks".into(),
        };
        self.table.set_empty(empty);
    }

    fn row(&self, task: &Task, store: &Store) -> Row {
        let mut row = Row::from(task.clone());
        if task.status.is_running() {
            // The cluster's list keeps what a node said last; nobody knows what became of it since.
            if store.node(task.node.as_str()).is_some_and(|n| !n.is_online()) {
                row.task.status = TaskState::Unknown;
            } else {
                row.progress = self.tails.get(&task.upid).and_then(|t| t.shown.clone());
            }
        }
        row
    }

    /// Reads on in the logs of the running tasks that are on the screen.
    fn read(&mut self, cx: &mut Cx<'_, Msg>) {
        let running = |r: &&Row| r.task.status.is_running();
        let running: Vec<Upid> =
            self.table.shown(&self.rows).filter(running).take(Self::TAILS).map(|r| r.task.upid.clone()).collect();
        self.tails.retain(|upid, _| running.contains(upid));
        for upid in running {
            let tail = self.tails.entry(upid.clone()).or_default();
            if tail.asking || tail.refused {
                continue;
            }
            tail.asking = true;
            let (start, limit) = tail.range();
            cx.send(api::log(&upid, start, limit), move |answer| Msg::Read(upid, answer));
        }
    }

    fn selected(&self) -> Option<&Task> {
        self.table.selected(&self.rows).map(|r| &r.task)
    }

    fn stop(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(task) = self.selected() {
            cx.propose(stop_proposal(&task.upid, &task.description()));
        }
    }

    fn copy(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(task) = self.selected() {
            cx.emit(Effect::Copy(task.upid.to_string()));
        }
    }

    fn history(&mut self, cx: &mut Cx<'_, Msg>) {
        cx.open(History::new(cx.store()));
    }
}

impl View for Tasks {
    type Msg = Msg;
    const NAME: &'static str = "Tasks";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "task.open",
            keys: "l",
            title: "Log",
            footer: true,
            ready: |v, _| needs(v.selected().is_some(), "no task is selected"),
            run: Self::enter,
        },
        Command {
            id: "task.stop",
            keys: "x",
            title: "Stop",
            footer: true,
            ready: |v, _| needs(v.selected().is_some_and(|t| t.status.is_running()), "no task that runs is selected"),
            run: Self::stop,
        },
        Command {
            id: "task.history",
            keys: "f",
            title: "Search in the past",
            footer: true,
            ready: |_, s| needs(!s.resources.nodes.is_empty(), "the nodes are not known yet"),
            run: Self::history,
        },
        Command {
            id: "task.transfers",
            keys: "u",
            title: "Transfers",
            footer: true,
            ready: |_, s| needs(!s.transfers.is_empty(), "there are none"),
            run: |_, cx| cx.open(transfer::Transfers::default()),
        },
        Command {
            id: "task.copy",
            keys: "y",
            title: "Copy UPID",
            footer: false,
            ready: |v, _| needs(v.selected().is_some(), "no task is selected"),
            run: Self::copy,
        },
    ];

    fn update(&mut self, Msg::Read(upid, answer): Msg, cx: &mut Cx<'_, Msg>) {
        let now = cx.scene.now.unix;
        if let Some(tail) = self.tails.get_mut(&upid) {
            match answer {
                Ok(page) => tail.read(&page.data, page.total, now),
                Err(error) => tail.failed(&error),
            }
            self.reads += 1;
        }
        self.sync(cx.store());
    }

    fn pace(&self) -> Option<Duration> {
        self.rows.iter().any(|r| r.task.status.is_running()).then_some(Self::PACE)
    }

    fn tick(&mut self, cx: &mut Cx<'_, Msg>) {
        self.sync(cx.store());
        self.read(cx);
    }

    fn refreshed(&mut self, cx: &mut Cx<'_, Msg>) {
        self.sync(cx.store());
    }

    fn pane(&mut self, scene: &Scene) -> Option<&mut dyn Pane> {
        self.sync(scene.store);
        Some(&mut self.table)
    }

    fn enter(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(task) = self.selected() {
            cx.emit(Effect::OpenTask(task.upid.clone()));
        }
    }

    fn crumb(&self, _: &Store) -> String {
        "Tasks of the cluster".into()
    }

    fn status(&self, _: &Store) -> String {
        self.table.status()
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.sync(scene.store);
        let height = transfer::strip_height(scene.store).min(area.height / 2);
        let [strip, list] = Layout::vertical([Constraint::Length(height), Constraint::Min(1)]).areas(area);
        transfer::draw_strip(frame, strip, scene);
        let ctx = scene.ctx(&self.zone);
        self.table.draw(frame, list, &self.rows, &ctx);
    }
}
