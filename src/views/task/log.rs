//! The output of one task, followed while it runs.

use std::time::Duration;

use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::Paragraph,
};

use super::stop_proposal;
use crate::{
    api::{
        ApiError, Paged,
        ids::Upid,
        progress::Progress,
        task::{self as api, LogLine, Task, TaskState},
    },
    shell::{Command, Cx, Effect, Level, Scene, View},
    store::Store,
    ui::{Role, Viewer, ViewerEvent, text},
};

/// What the log view hears back.
pub enum Msg {
    /// How the task is.
    Status(Result<Task, ApiError>),
    /// More lines.
    Lines(Result<Paged<LogLine>, ApiError>),
}

/// The log of one task.
pub struct TaskLog {
    upid: Upid,
    viewer: Viewer,
    task: Option<Task>,
    error: Option<ApiError>,
    seen: u64,
    asking: bool,
    /// The end has been read after the task was known to have ended.
    complete: bool,
    percent: Option<f32>,
}

impl TaskLog {
    /// Lines that one request asks for.
    const PAGE: u64 = 2000;

    /// The log of a task.
    pub fn new(upid: Upid) -> Self {
        Self {
            upid,
            viewer: Viewer::new().following(true),
            task: None,
            error: None,
            seen: 0,
            asking: false,
            complete: false,
            percent: None,
        }
    }

    fn what(&self) -> String {
        api::describe(self.upid.kind(), self.upid.id())
    }

    fn is_running(&self) -> bool {
        self.task.as_ref().is_none_or(|t| t.status.is_running())
    }

    fn ask(&mut self, cx: &mut Cx<'_, Msg>) {
        if self.asking || self.complete {
            return;
        }
        self.asking = true;
        // Status first: lines that are read after "stopped" was seen are all there will ever be.
        cx.send(api::status(&self.upid), Msg::Status);
    }

    fn stop(&mut self, cx: &mut Cx<'_, Msg>) {
        cx.propose(stop_proposal(&self.upid, &self.what()));
    }

    fn copy(&mut self, cx: &mut Cx<'_, Msg>) {
        cx.emit(Effect::Copy(self.viewer.text()));
        cx.toast(Level::Info, "Log copied");
    }
}

impl View for TaskLog {
    type Msg = Msg;
    const NAME: &'static str = "Task log";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "tasklog.stop",
            keys: "x",
            title: "Stop task",
            footer: true,
            ready: |v, _| v.is_running(),
            run: Self::stop,
        },
        Command { id: "tasklog.copy", keys: "y", title: "Copy", footer: true, ready: |_, _| true, run: Self::copy },
    ];

    fn opened(&mut self, cx: &mut Cx<'_, Msg>) {
        self.ask(cx);
    }

    fn pace(&self) -> Option<Duration> {
        (!self.complete).then_some(Duration::from_millis(1000))
    }

    fn tick(&mut self, cx: &mut Cx<'_, Msg>) {
        self.ask(cx);
    }

    fn update(&mut self, msg: Msg, cx: &mut Cx<'_, Msg>) {
        match msg {
            Msg::Status(answer) => {
                match answer {
                    Ok(task) => {
                        self.task = Some(task);
                        self.error = None;
                    }
                    Err(error) => self.error = Some(error),
                }
                cx.send(api::log(&self.upid, self.seen, Self::PAGE), Msg::Lines);
            }
            Msg::Lines(Ok(page)) => {
                self.asking = false;
                let full = page.data.len() as u64 >= Self::PAGE;
                // A task without output answers with one line that says so; it is replaced by the first real one.
                let lines = page.data.into_iter().filter(|l| !(self.seen == 0 && l.n <= 1 && l.t == "no content"));
                let lines: Vec<String> = lines.map(|l| l.t).collect();
                self.seen += lines.len() as u64;
                self.percent = lines.iter().rev().find_map(|l| Progress::parse(l)?.percent).or(self.percent);
                for line in &lines {
                    self.viewer.push(line);
                }
                if full {
                    self.ask(cx);
                } else if !self.is_running() {
                    self.complete = true;
                }
            }
            Msg::Lines(Err(error)) => {
                self.asking = false;
                self.error = Some(error);
            }
        }
    }

    fn key(&mut self, key: KeyEvent, _: &mut Cx<'_, Msg>) -> bool {
        self.viewer.key(key) != ViewerEvent::Ignored
    }

    fn mouse(&mut self, event: MouseEvent, _: &mut Cx<'_, Msg>) {
        self.viewer.mouse(event);
    }

    fn crumb(&self, _: &Store) -> String {
        format!("Tasks > {}", self.what())
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let [head, body] = Layout::vertical([Constraint::Length(2), Constraint::Min(1)]).areas(area);
        let zone = jiff::tz::TimeZone::system();
        let state = self.task.as_ref().map_or(TaskState::Running, |t| t.status.clone());
        let (glyph, role) = super::sign(&state, &scene.ctx(&zone));
        let known = self.task.is_some() || self.error.is_none();
        let words = match (&self.error, known) {
            (Some(error), _) => {
                let words = format!("{} {}", look.glyphs.unknown, error.explained());
                Span::styled(text::clean(&words).into_owned(), look.style(Role::Warning))
            }
            _ => Span::styled(format!("{glyph} {state}"), look.style(role)),
        };
        let mut first = vec![Span::styled(format!(" {}  ", self.what()), look.style(Role::Title)), words];
        if let (Some(percent), true) = (self.percent, self.is_running()) {
            first.push(Span::styled(format!("  {percent:.0} %"), look.style(Role::Accent)));
        }
        let start = i64::try_from(self.upid.started()).unwrap_or(0);
        let facts = format!(
            " {} on {} by {}  {}",
            text::local_time(start),
            self.upid.node(),
            text::clean(self.upid.user()),
            text::clean(self.upid.as_str()),
        );
        let lines = vec![Line::from(first), Line::styled(facts, look.style(Role::Muted))];
        frame.render_widget(Paragraph::new(lines), head);
        self.viewer.draw(frame, body, look);
    }
}
