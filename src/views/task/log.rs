//! The output of one task, followed while it runs, below what it says in short.

use std::time::Duration;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::Paragraph,
};

use super::{
    follow::{Follow, Heard},
    meter::{self, Meter},
};
use crate::{
    api::ids::Upid,
    shell::{Command, Cx, Scene, View, needs},
    store::Store,
    ui::{Look, Pane, Role, Viewer, text},
    views::log::{self, Log},
};

/// What stands above the log of a task: who it is, how it is, and what its lines come to.
pub trait Digest: Default + Send + 'static {
    /// The view's name.
    const NAME: &'static str;
    /// What becomes of it when it is stopped, where that is not plain.
    const STOPPED: Option<&'static str> = None;

    /// New lines have come; `now` in Unix seconds.
    fn feed(&mut self, lines: &[String], now: i64);
    /// Draws it at the top of an area; the rest is for the log.
    fn draw(&self, follow: &Follow, frame: &mut Frame, area: Rect, scene: &Scene) -> Rect;
}

/// One task: its digest and its log.
pub struct Following<D> {
    follow: Follow,
    digest: D,
}

/// Any task: a bar while it tells how far it is.
pub type TaskLog = Following<Meter>;

impl<D: Digest> Following<D> {
    /// The view of a task.
    pub fn new(upid: Upid) -> Self {
        Self { follow: Follow::new(upid), digest: D::default() }
    }

    fn stop(&mut self, cx: &mut Cx<'_, Heard>) {
        let mut proposal = self.follow.stop();
        proposal.notes.extend(D::STOPPED.map(Into::into));
        cx.propose(proposal);
    }
}

impl<D: Digest> Log for Following<D> {
    fn viewer(&self) -> &Viewer {
        &self.follow.viewer
    }

    fn viewer_mut(&mut self) -> &mut Viewer {
        &mut self.follow.viewer
    }

    fn file(&self) -> String {
        self.follow.file()
    }
}

impl<D: Digest> View for Following<D> {
    type Msg = Heard;
    const NAME: &'static str = D::NAME;
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "tasklog.stop",
            keys: "x",
            title: "Stop task",
            footer: true,
            ready: |v, _| needs(v.follow.is_running(), "the task has ended"),
            run: Self::stop,
        },
        log::error(),
        log::save(),
        log::copy(),
    ];

    fn ask(&mut self, cx: &mut Cx<'_, Heard>) {
        self.follow.ask(cx);
    }

    fn pace(&self) -> Option<Duration> {
        self.follow.pace()
    }

    fn update(&mut self, msg: Heard, cx: &mut Cx<'_, Heard>) {
        let lines = self.follow.hear(msg, cx);
        self.digest.feed(&lines, cx.scene.now.unix);
    }

    fn pane(&mut self, _: &Scene) -> Option<&mut dyn Pane> {
        Some(&mut self.follow.viewer)
    }

    fn crumb(&self, _: &Store) -> String {
        format!("Tasks > {}", self.follow.what())
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let body = self.digest.draw(&self.follow, frame, area, scene);
        self.follow.viewer.draw(frame, body, scene.look);
    }
}

impl Digest for Meter {
    const NAME: &'static str = "Task log";

    fn feed(&mut self, lines: &[String], now: i64) {
        self.feed(lines.iter().map(String::as_str), now);
    }

    fn draw(&self, follow: &Follow, frame: &mut Frame, area: Rect, scene: &Scene) -> Rect {
        let look = scene.look;
        let now = scene.now.unix;
        let upid = &follow.upid;
        let bar = if follow.is_running() { bar(self, look, now, area.width) } else { None };
        let [head, meter, body] =
            Layout::vertical([Constraint::Length(2), Constraint::Length(u16::from(bar.is_some())), Constraint::Min(1)])
                .areas(area);
        let first = vec![
            Span::styled(format!(" {}  ", follow.what()), look.style(Role::Title)),
            follow.state(look, scene.now.millis()),
        ];
        let start = i64::try_from(upid.started()).unwrap_or(0);
        // The cluster's list tells when a task ended, its own status does not.
        let listed = scene.store.tasks.iter().find(|t| t.upid == *upid && t.endtime.is_some());
        let took = listed.or(follow.task.as_ref()).and_then(|t| meter::duration(t, now));
        let took = took.map_or_else(String::new, |s| {
            format!(" {} {}", if follow.is_running() { "for" } else { "took" }, text::duration(s))
        });
        let facts = format!(
            " {}{took} on {} by {}  pid {}  {}",
            text::local_time(start),
            upid.node(),
            text::clean(upid.user()),
            upid.pid(),
            text::clean(upid.as_str()),
        );
        let lines = vec![Line::from(first), Line::styled(facts, look.style(Role::Muted))];
        frame.render_widget(Paragraph::new(lines), head);
        if let Some(bar) = bar {
            frame.render_widget(bar, meter);
        }
        body
    }
}

/// A bar and words for what runs.
fn bar(meter: &Meter, look: &Look, now: i64, width: u16) -> Option<Line<'static>> {
    let words = meter.words(now)?;
    let mut spans = vec![Span::raw(" ")];
    if let Some(percent) = meter.percent() {
        let cells = usize::from(width).saturating_sub(text::width(&words) + 4).min(40);
        let full = (f64::from(percent) / 100.0 * cells as f64).round() as usize;
        spans.push(Span::styled(look.glyphs.bar_full.repeat(full.min(cells)), look.style(Role::Accent)));
        spans.push(Span::styled(look.glyphs.bar_empty.repeat(cells.saturating_sub(full)), look.style(Role::GaugeRest)));
        spans.push(Span::raw(" "));
    }
    spans.push(Span::styled(words, look.style(Role::Accent)));
    Some(Line::from(spans))
}
