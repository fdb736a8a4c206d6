//! A backup run, guest by guest: what is done, how far the present one is, what failed and why; below it the log.

use std::time::Duration;

use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::Paragraph,
};

use crate::{
    api::{
        ApiError, Paged,
        ids::{GuestKind, Upid},
        task::{self as api, LogLine, Task, TaskState},
        vzdump::{GuestRun, Run as Told, State},
    },
    shell::{Command, Cx, Effect, Level, Scene, View},
    store::Store,
    ui::{Look, Role, Viewer, ViewerEvent, text},
    views::task,
};

/// What the view hears back.
pub enum Msg {
    /// How the task is.
    Status(Result<Task, ApiError>),
    /// More lines.
    Lines(Result<Paged<LogLine>, ApiError>),
}

/// A backup run.
pub struct Run {
    upid: Upid,
    told: Told,
    viewer: Viewer,
    task: Option<Task>,
    error: Option<ApiError>,
    seen: u64,
    asking: bool,
    complete: bool,
}

impl Run {
    /// Lines that one request asks for.
    const PAGE: u64 = 2000;

    /// A run by its task.
    pub fn new(upid: Upid) -> Self {
        Self {
            upid,
            told: Told::default(),
            viewer: Viewer::new().following(true),
            task: None,
            error: None,
            seen: 0,
            asking: false,
            complete: false,
        }
    }

    fn is_running(&self) -> bool {
        self.task.as_ref().is_none_or(|t| t.status.is_running())
    }

    fn ask(&mut self, cx: &mut Cx<'_, Msg>) {
        if !self.asking && !self.complete {
            self.asking = true;
            // Status first: lines that are read after "stopped" was seen are all there will ever be.
            cx.send(api::status(&self.upid), Msg::Status);
        }
    }

    fn stop(&mut self, cx: &mut Cx<'_, Msg>) {
        let what = api::describe(self.upid.kind(), self.upid.id());
        cx.propose(
            task::stop_proposal(&self.upid, &what)
                .note("Backups of this run that are finished stay; the guest that is being backed up is unlocked."),
        );
    }

    fn copy(&mut self, cx: &mut Cx<'_, Msg>) {
        cx.emit(Effect::Copy(self.viewer.text()));
        cx.toast(Level::Info, "Log copied");
    }

    fn guest_line(g: &GuestRun, store: &Store, look: &Look, tick: u64, width: usize) -> Line<'static> {
        let glyphs = &look.glyphs;
        let kind = g.kind.map_or("", GuestKind::label);
        let id = g.vmid.map(|id| id.to_string()).unwrap_or_default();
        let known = || g.vmid.and_then(|id| store.guest(id)).map(|g| g.name.to_string());
        let name = if g.name.is_empty() { known().unwrap_or_default() } else { g.name.clone() };
        let name = text::fit(&text::clean(&name), 20, glyphs.ellipsis);
        let (glyph, words, role) = match &g.state {
            State::Waiting => (glyphs.stopped, g.outcome(), Role::Muted),
            State::Running => {
                let mut words = String::new();
                if let Some(p) = g.progress {
                    if let Some(percent) = p.percent {
                        words += &format!("{percent:.0} %");
                    }
                    if let (Some(done), Some(total)) = (p.done, p.total) {
                        words += &format!("  {} of {}", text::bytes(done), text::bytes(total));
                    }
                    if let Some(rate) = p.rate {
                        words += &format!("  {}", text::rate(rate));
                    }
                    if let Some(left) = p.left() {
                        words += &format!("  {} left", text::duration(left));
                    }
                }
                (glyphs.spin(tick), if words.is_empty() { g.outcome() } else { words }, Role::Accent)
            }
            State::Done(_) => (glyphs.ok, g.outcome(), Role::Ok),
            State::Failed(_) => (glyphs.failed, g.outcome(), Role::Danger),
        };
        let words = text::cut(&text::clean(&words), width.saturating_sub(36).max(10), glyphs.ellipsis).into_owned();
        Line::from(vec![
            Span::styled(format!(" {glyph} "), look.style(role)),
            Span::styled(format!("{kind:<2} {id:>6} {name} "), look.style(Role::Text)),
            Span::styled(words, look.style(role)),
        ])
    }
}

impl View for Run {
    type Msg = Msg;
    const NAME: &'static str = "Backup run";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "run.stop",
            keys: "x",
            title: "Stop the run",
            footer: true,
            ready: |v, _| v.is_running(),
            run: Self::stop,
        },
        Command { id: "run.copy", keys: "y", title: "Copy the log", footer: true, ready: |_, _| true, run: Self::copy },
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
                    Ok(task) => (self.task, self.error) = (Some(task), None),
                    Err(error) => self.error = Some(error),
                }
                cx.send(api::log(&self.upid, self.seen, Self::PAGE), Msg::Lines);
            }
            Msg::Lines(Ok(page)) => {
                self.asking = false;
                let full = page.data.len() as u64 >= Self::PAGE;
                let lines = page.data.into_iter().filter(|l| !(self.seen == 0 && l.n <= 1 && l.t == "no content"));
                let lines: Vec<String> = lines.map(|l| l.t).collect();
                self.seen += lines.len() as u64;
                for line in &lines {
                    self.told.push(line);
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
        format!("Tasks > {}", api::describe(self.upid.kind(), self.upid.id()))
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let zone = jiff::tz::TimeZone::system();
        let state = self.task.as_ref().map_or(TaskState::Running, |t| t.status.clone());
        let (glyph, role) = task::sign(&state, &scene.ctx(&zone));
        let (good, bad) = self.told.counts();
        let mut first = vec![Span::styled(" Backup run  ", look.style(Role::Title))];
        match &self.error {
            // The node may be gone: what is known stays, and it is asked again.
            Some(error) => {
                let words = format!("{} {error}. {}", look.glyphs.unknown, error.advice());
                first.push(Span::styled(text::clean(&words).into_owned(), look.style(Role::Warning)));
            }
            None => first.push(Span::styled(format!("{glyph} {state}"), look.style(role))),
        }
        let all = self.told.guests.len();
        let words =
            format!("  {good} of {all} done{}", if bad > 0 { format!(", {bad} failed") } else { String::new() });
        first.push(Span::styled(words, look.style(if bad > 0 { Role::Danger } else { Role::Muted })));
        let facts = format!(
            " {} on {} by {}{}",
            text::local_time(i64::try_from(self.upid.started()).unwrap_or(0)),
            self.upid.node(),
            text::clean(self.upid.user()),
            self.told.job.as_ref().map(|job| format!(", job {}", text::clean(job))).unwrap_or_default(),
        );
        let mut lines = vec![Line::from(first), Line::styled(facts, look.style(Role::Muted))];
        let room = usize::from(area.height / 2).saturating_sub(3).max(1);
        // The ones that matter first, when not all have room: failed, running, then the rest.
        let mut shown: Vec<&GuestRun> = self.told.guests.iter().collect();
        if shown.len() > room {
            shown.sort_by_key(|g| match g.state {
                State::Failed(_) => 0,
                State::Running => 1,
                State::Waiting => 2,
                State::Done(_) => 3,
            });
        }
        let hidden = shown.len().saturating_sub(room);
        let tick = scene.now.millis();
        let width = usize::from(area.width);
        lines.extend(shown.into_iter().take(room).map(|g| Self::guest_line(g, scene.store, look, tick, width)));
        if hidden > 0 {
            lines.push(Line::styled(format!("   and {hidden} more"), look.style(Role::Muted)));
        }
        let height = u16::try_from(lines.len()).unwrap_or(3) + 1;
        let [head, body] = Layout::vertical([Constraint::Length(height), Constraint::Min(1)]).areas(area);
        frame.render_widget(Paragraph::new(lines), head);
        self.viewer.draw(frame, body, look);
    }
}
