//! A backup run, guest by guest: what is done, how far the present one is, what failed and why; below it the log.

use std::time::Duration;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::Paragraph,
};

use crate::{
    api::{
        ids::{GuestKind, Upid},
        vzdump::{GuestRun, Run as Told, State},
    },
    shell::{Command, Cx, Scene, View},
    store::Store,
    ui::{Look, Pane, Role, Viewer, text},
    views::{
        log::{self, Log},
        task::follow::{Follow, Heard},
    },
};

/// A backup run.
pub struct Run {
    follow: Follow,
    told: Told,
}

impl Run {
    /// A run by its task.
    pub fn new(upid: Upid) -> Self {
        Self { follow: Follow::new(upid), told: Told::default() }
    }

    fn stop(&mut self, cx: &mut Cx<'_, Heard>) {
        cx.propose(
            self.follow
                .stop()
                .note("Backups of this run that are finished stay; the guest that is being backed up is unlocked."),
        );
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

impl Log for Run {
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

impl View for Run {
    type Msg = Heard;
    const NAME: &'static str = "Backup run";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "run.stop",
            keys: "x",
            title: "Stop the run",
            footer: true,
            ready: |v, _| v.follow.is_running(),
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
        self.follow.hear(msg, cx).iter().for_each(|line| self.told.push(line));
    }

    fn pane(&mut self, _: &Scene) -> Option<&mut dyn Pane> {
        Some(&mut self.follow.viewer)
    }

    fn crumb(&self, _: &Store) -> String {
        format!("Tasks > {}", self.follow.what())
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let (good, bad) = self.told.counts();
        let mut first =
            vec![Span::styled(" Backup run  ", look.style(Role::Title)), self.follow.state(look, scene.now.millis())];
        let all = self.told.guests.len();
        let words =
            format!("  {good} of {all} done{}", if bad > 0 { format!(", {bad} failed") } else { String::new() });
        first.push(Span::styled(words, look.style(if bad > 0 { Role::Danger } else { Role::Muted })));
        let facts = format!(
            " {} on {} by {}{}",
            text::local_time(i64::try_from(self.follow.upid.started()).unwrap_or(0)),
            self.follow.upid.node(),
            text::clean(self.follow.upid.user()),
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
        self.follow.viewer.draw(frame, body, look);
    }
}
