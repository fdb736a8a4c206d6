//! Tasks of the whole cluster: the list.

pub mod log;

use crossterm::event::{KeyEvent, MouseEvent};
use jiff::tz::TimeZone;
use ratatui::{Frame, layout::Rect};

use self::log::TaskLog;
use crate::{
    api::{
        ids::Upid,
        task::{self as api, Task, TaskState},
    },
    shell::{Command, Cx, Degree, Effect, Proposal, Scene, View, Write},
    store::Store,
    ui::{Align, Cell, Column, Ctx, Role, Table, TableEvent, Width, text},
};

/// The list of recent and running tasks.
pub struct Tasks {
    table: Table<Task, Upid>,
    zone: TimeZone,
}

impl Default for Tasks {
    fn default() -> Self {
        let table = Table::new(columns(), |t: &Task| t.upid.clone(), searched)
            .with_property(property)
            .with_sort("start", true)
            .with_empty("no tasks")
            .without_footer();
        Self { table, zone: TimeZone::system() }
    }
}

/// The glyph and the role of a task's state.
pub fn sign(state: &TaskState, ctx: &Ctx) -> (&'static str, Role) {
    let glyphs = &ctx.look.glyphs;
    match state {
        TaskState::Running => (glyphs.spin(ctx.tick), Role::Accent),
        TaskState::Ok => (glyphs.ok, Role::Ok),
        TaskState::Warnings(_) => (glyphs.warning, Role::Warning),
        TaskState::Failed(_) => (glyphs.failed, Role::Danger),
        TaskState::Unknown => (glyphs.unknown, Role::Muted),
    }
}

fn columns() -> Vec<Column<Task>> {
    let left =
        |id, title, width, priority, cell, sort| Column { id, title, width, priority, align: Align::Left, cell, sort };
    vec![
        left(
            "start",
            "Start",
            Width::Fixed(14),
            1,
            |t: &Task, c: &Ctx| text::time_short(i64::try_from(t.starttime).unwrap_or(0), c.zone).into(),
            Some(|a: &Task, b: &Task| a.starttime.cmp(&b.starttime)),
        ),
        left(
            "task",
            "Task",
            Width::Flex { min: 16, max: 44 },
            0,
            |t: &Task, _: &Ctx| t.description().into(),
            Some(|a: &Task, b: &Task| a.description().cmp(&b.description())),
        ),
        left(
            "status",
            "Status",
            Width::Flex { min: 10, max: 60 },
            1,
            |t: &Task, c: &Ctx| {
                let (glyph, role) = sign(&t.status, c);
                Cell::role(format!("{glyph} {}", t.status), role)
            },
            Some(|a: &Task, b: &Task| a.status.to_string().cmp(&b.status.to_string())),
        ),
        Column {
            align: Align::Right,
            ..left(
                "duration",
                "Duration",
                Width::Fixed(9),
                3,
                |t: &Task, c: &Ctx| {
                    let now = u64::try_from(c.now).unwrap_or(0);
                    let end = t.endtime.or(t.status.is_running().then_some(now));
                    end.map_or_else(String::new, |end| text::duration(end.saturating_sub(t.starttime))).into()
                },
                None,
            )
        },
        left(
            "node",
            "Node",
            Width::Fit { max: 14 },
            2,
            |t: &Task, _: &Ctx| t.node.as_str().into(),
            Some(|a: &Task, b: &Task| a.node.cmp(&b.node)),
        ),
        left(
            "user",
            "User",
            Width::Fit { max: 24 },
            4,
            |t: &Task, _: &Ctx| Cell::role(t.user.as_str(), Role::Muted),
            Some(|a: &Task, b: &Task| a.user.cmp(&b.user)),
        ),
    ]
}

fn searched(t: &Task, out: &mut String) {
    use std::fmt::Write as _;
    let _ = write!(out, "{} {} {} {} {}", t.description(), t.kind, t.node, t.user, t.status);
}

/// `type:`, `user:`, `node:`, `id:`, `status:ok|warning|error|running|unknown`.
fn property(t: &Task, key: &str, value: &str) -> Option<bool> {
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
    fn sync(&mut self, store: &Store) {
        self.table.sync(&store.tasks, store.tasks_generation);
        self.table.set_stale(store.is_stale());
        let empty = match &store.tasks_error {
            Some(error) => error.explained(),
            None if store.updated.is_none() => "waiting for the first answer".into(),
            None => "no tasks".into(),
        };
        self.table.set_empty(empty);
    }

    fn selected<'s>(&self, store: &'s Store) -> Option<&'s Task> {
        self.table.selected(&store.tasks)
    }

    fn open(&mut self, cx: &mut Cx<'_, ()>) {
        if let Some(task) = self.selected(cx.store()) {
            cx.open(TaskLog::new(task.upid.clone()));
        }
    }

    fn stop(&mut self, cx: &mut Cx<'_, ()>) {
        if let Some(task) = self.selected(cx.store()) {
            cx.propose(stop_proposal(&task.upid, &task.description()));
        }
    }

    fn copy(&mut self, cx: &mut Cx<'_, ()>) {
        if let Some(task) = self.selected(cx.store()) {
            cx.emit(Effect::Copy(task.upid.to_string()));
            cx.toast(crate::shell::Level::Info, "UPID copied");
        }
    }

    fn handle(&mut self, event: TableEvent, cx: &mut Cx<'_, ()>) -> bool {
        self.sync(cx.store());
        match event {
            TableEvent::Ignored => return false,
            TableEvent::Open | TableEvent::Menu(..) => self.open(cx),
            _ => {}
        }
        true
    }
}

impl View for Tasks {
    type Msg = ();
    const NAME: &'static str = "Tasks";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "task.open",
            keys: "l",
            title: "Log",
            footer: true,
            ready: |v, s| v.selected(s).is_some(),
            run: Self::open,
        },
        Command {
            id: "task.stop",
            keys: "x",
            title: "Stop",
            footer: true,
            ready: |v, s| v.selected(s).is_some_and(|t| t.status.is_running()),
            run: Self::stop,
        },
        Command {
            id: "task.copy",
            keys: "y",
            title: "Copy UPID",
            footer: false,
            ready: |v, s| v.selected(s).is_some(),
            run: Self::copy,
        },
    ];

    fn update(&mut self, (): (), _: &mut Cx<'_, ()>) {}

    fn refreshed(&mut self, cx: &mut Cx<'_, ()>) {
        self.sync(cx.store());
    }

    fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, ()>) -> bool {
        let event = self.table.key(key);
        self.handle(event, cx)
    }

    fn mouse(&mut self, event: MouseEvent, cx: &mut Cx<'_, ()>) {
        let event = self.table.mouse(event, cx.scene.now.millis());
        self.handle(event, cx);
    }

    fn paste(&mut self, text: &str, cx: &mut Cx<'_, ()>) {
        let event = self.table.paste(text);
        self.handle(event, cx);
    }

    fn crumb(&self, _: &Store) -> String {
        "Tasks of the cluster".into()
    }

    fn status(&self, _: &Store) -> String {
        self.table.status()
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.sync(scene.store);
        let ctx = scene.ctx(&self.zone);
        self.table.draw(frame, area, &scene.store.tasks, &ctx);
    }
}
