//! The output of one task, followed while it runs.

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
    shell::{Command, Cx, Scene, View},
    store::Store,
    ui::{Look, Pane, Role, Viewer, text},
    views::log::{self, Log},
};

/// The log of one task.
pub struct TaskLog {
    follow: Follow,
    meter: Meter,
}

impl TaskLog {
    /// The log of a task.
    pub fn new(upid: Upid) -> Self {
        Self { follow: Follow::new(upid), meter: Meter::default() }
    }

    fn bar(&self, look: &Look, now: i64, width: u16) -> Option<Line<'static>> {
        let words = self.meter.words(now).filter(|_| self.follow.is_running())?;
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

impl Log for TaskLog {
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

impl View for TaskLog {
    type Msg = Heard;
    const NAME: &'static str = "Task log";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "tasklog.stop",
            keys: "x",
            title: "Stop task",
            footer: true,
            ready: |v, _| v.follow.is_running(),
            run: |v, cx| cx.propose(v.follow.stop()),
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
        self.meter.feed(lines.iter().map(String::as_str), cx.scene.now.unix);
    }

    fn pane(&mut self, _: &Scene) -> Option<&mut dyn Pane> {
        Some(&mut self.follow.viewer)
    }

    fn crumb(&self, _: &Store) -> String {
        format!("Tasks > {}", self.follow.what())
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let now = scene.now.unix;
        let upid = &self.follow.upid;
        let bar = self.bar(look, now, area.width);
        let [head, meter, body] =
            Layout::vertical([Constraint::Length(2), Constraint::Length(u16::from(bar.is_some())), Constraint::Min(1)])
                .areas(area);
        let first = vec![
            Span::styled(format!(" {}  ", self.follow.what()), look.style(Role::Title)),
            self.follow.state(look, scene.now.millis()),
        ];
        let start = i64::try_from(upid.started()).unwrap_or(0);
        // The cluster's list tells when a task ended, its own status does not.
        let listed = scene.store.tasks.iter().find(|t| t.upid == *upid && t.endtime.is_some());
        let took = listed.or(self.follow.task.as_ref()).and_then(|t| meter::duration(t, now));
        let took = took.map_or_else(String::new, |s| {
            format!(" {} {}", if self.follow.is_running() { "for" } else { "took" }, text::duration(s))
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
        self.follow.viewer.draw(frame, body, look);
    }
}
