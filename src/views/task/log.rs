//! The output of one task, followed while it runs.

use std::time::Duration;

use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::Paragraph,
};

use super::{
    meter::{self, Meter},
    save::Save,
    stop_proposal,
};
use crate::{
    api::{
        ApiError, Paged,
        ids::Upid,
        task::{self as api, LogLine, Task, TaskState},
    },
    shell::{Command, Cx, Effect, Scene, View},
    store::Store,
    ui::{Look, Role, Viewer, ViewerEvent, text},
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
    meter: Meter,
}

/// The server will say the same again: the task is gone, or not for this user's eyes.
pub(super) fn is_final(error: &ApiError) -> bool {
    matches!(error.status(), Some(400 | 401 | 403 | 404 | 501))
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
            meter: Meter::default(),
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
    }

    fn save(&mut self, cx: &mut Cx<'_, Msg>) {
        let id = if self.upid.id().is_empty() { "node" } else { self.upid.id() };
        let safe =
            |text: &str| text.replace(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'), "-");
        let name = format!("task-{}-{}-{}.log", safe(self.upid.kind()), safe(id), self.upid.started());
        cx.open(Save::new(&name, self.viewer.text()));
    }

    fn next_error(&mut self, _: &mut Cx<'_, Msg>) {
        self.viewer.next_error();
    }

    /// How the task is: in its own words, or why that is unknown.
    fn state(&self, look: &Look, tick: u64) -> Span<'static> {
        let words = |error: &ApiError| {
            let words = format!("{} unknown: {error}. {}", look.glyphs.unknown, error.advice());
            Span::styled(text::clean(&words).into_owned(), look.style(Role::Warning))
        };
        match (&self.error, &self.task) {
            (Some(error), None) => words(error),
            // What has ended stays ended, whatever is wrong with reading its log.
            (Some(error), Some(task)) if task.status.is_running() => words(error),
            (error, task) => {
                let state = task.as_ref().map_or(TaskState::Running, |t| t.status.clone());
                let (glyph, role) = super::mark(&state, &look.glyphs, tick);
                let more = error.as_ref().map_or_else(String::new, |e| format!("  (its log can't be read: {e})"));
                Span::styled(text::clean(&format!("{glyph} {state}{more}")).into_owned(), look.style(role))
            }
        }
    }

    fn bar(&self, look: &Look, now: i64, width: u16) -> Option<Line<'static>> {
        let words = self.meter.words(now).filter(|_| self.is_running())?;
        let mut spans = vec![Span::raw(" ")];
        if let Some(percent) = self.meter.percent() {
            let cells = usize::from(width).saturating_sub(text::width(&words) + 4).min(40);
            let full = (f64::from(percent) / 100.0 * cells as f64).round() as usize;
            spans.push(Span::styled(look.glyphs.bar_full.repeat(full.min(cells)), look.style(Role::Accent)));
            spans.push(Span::styled(
                look.glyphs.bar_empty.repeat(cells.saturating_sub(full)),
                look.style(Role::GaugeRest),
            ));
            spans.push(Span::raw(" "));
        }
        spans.push(Span::styled(words, look.style(Role::Accent)));
        Some(Line::from(spans))
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
        Command {
            id: "tasklog.error",
            keys: "e",
            title: "Next error",
            footer: true,
            ready: |v, _| !v.viewer.is_empty(),
            run: Self::next_error,
        },
        Command {
            id: "tasklog.save",
            keys: "W",
            title: "Save to a file",
            footer: true,
            ready: |v, _| !v.viewer.is_empty(),
            run: Self::save,
        },
        Command { id: "tasklog.copy", keys: "y", title: "Copy", footer: true, ready: |_, _| true, run: Self::copy },
    ];

    fn opened(&mut self, cx: &mut Cx<'_, Msg>) {
        self.ask(cx);
    }

    fn pace(&self) -> Option<Duration> {
        // A node that does not answer is asked less often.
        let pace = if self.error.is_some() { 5000 } else { 1000 };
        (!self.complete).then_some(Duration::from_millis(pace))
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
                    // What is refused is refused again: asking on would only fill the server's logs.
                    Err(error) if is_final(&error) => {
                        self.asking = false;
                        self.complete = true;
                        self.error = Some(error);
                        return;
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
                self.meter.feed(lines.iter().map(String::as_str), cx.scene.now.unix);
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
                self.complete = is_final(&error);
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

    fn paste(&mut self, text: &str, _: &mut Cx<'_, Msg>) {
        self.viewer.paste(text);
    }

    fn crumb(&self, _: &Store) -> String {
        format!("Tasks > {}", self.what())
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let now = scene.now.unix;
        let bar = self.bar(look, now, area.width);
        let [head, meter, body] =
            Layout::vertical([Constraint::Length(2), Constraint::Length(u16::from(bar.is_some())), Constraint::Min(1)])
                .areas(area);
        let first = vec![
            Span::styled(format!(" {}  ", self.what()), look.style(Role::Title)),
            self.state(look, scene.now.millis()),
        ];
        let start = i64::try_from(self.upid.started()).unwrap_or(0);
        // The cluster's list tells when a task ended, its own status does not.
        let listed = scene.store.tasks.iter().find(|t| t.upid == self.upid && t.endtime.is_some());
        let took = listed.or(self.task.as_ref()).and_then(|t| meter::duration(t, now));
        let took = took.map_or_else(String::new, |s| {
            format!(" {} {}", if self.is_running() { "for" } else { "took" }, text::duration(s))
        });
        let facts = format!(
            " {}{took} on {} by {}  pid {}  {}",
            text::local_time(start),
            self.upid.node(),
            text::clean(self.upid.user()),
            self.upid.pid(),
            text::clean(self.upid.as_str()),
        );
        let lines = vec![Line::from(first), Line::styled(facts, look.style(Role::Muted))];
        frame.render_widget(Paragraph::new(lines), head);
        if let Some(bar) = bar {
            frame.render_widget(bar, meter);
        }
        self.viewer.draw(frame, body, look);
    }
}
