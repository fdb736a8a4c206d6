//! A backup run, guest by guest: what is done, how far the present one is, what failed and why; below it the log.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::Paragraph,
};

use crate::{
    api::{
        ids::GuestKind,
        vzdump::{self, GuestRun, State},
    },
    shell::Scene,
    store::Store,
    ui::{Look, Role, text},
    views::task::{
        follow::Follow,
        log::{Digest, Following},
    },
};

/// A backup run.
pub type Run = Following<vzdump::Run>;

impl Digest for vzdump::Run {
    const NAME: &'static str = "Backup run";
    const STOPPED: Option<&'static str> =
        Some("Backups of this run that are finished stay; the guest that is being backed up is unlocked.");

    fn feed(&mut self, lines: &[String], _: i64) {
        lines.iter().for_each(|line| self.push(line));
    }

    fn draw(&self, follow: &Follow, frame: &mut Frame, area: Rect, scene: &Scene) -> Rect {
        let look = scene.look;
        let (good, bad) = self.counts();
        let mut first =
            vec![Span::styled(" Backup run  ", look.style(Role::Title)), follow.state(look, scene.now.millis())];
        let mut words = format!("  {good} done");
        if bad > 0 {
            words += &format!(", {bad} failed");
        }
        // The log names a guest when its turn has come: how many are yet to come it does not say.
        let stopped = follow.task.as_ref().is_some_and(|task| task.status.to_string().contains("interrupted"));
        if stopped {
            words += "; guests whose turn had not come were not backed up";
        }
        first.push(Span::styled(words, look.style(if bad > 0 { Role::Danger } else { Role::Muted })));
        let facts = format!(
            " {} on {} by {}{}",
            text::local_time(i64::try_from(follow.upid.started()).unwrap_or(0)),
            follow.upid.node(),
            text::clean(follow.upid.user()),
            self.job.as_ref().map(|job| format!(", job {}", text::clean(job))).unwrap_or_default(),
        );
        let mut lines = vec![Line::from(first), Line::styled(facts, look.style(Role::Muted))];
        let room = usize::from(area.height / 2).saturating_sub(3).max(1);
        // The ones that matter first, when not all have room: failed, running, then the rest.
        let mut shown: Vec<&GuestRun> = self.guests.iter().collect();
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
        lines.extend(shown.into_iter().take(room).map(|g| guest_line(g, scene.store, look, tick, width)));
        if hidden > 0 {
            lines.push(Line::styled(format!("   and {hidden} more"), look.style(Role::Muted)));
        }
        let height = u16::try_from(lines.len()).unwrap_or(3) + 1;
        let [head, body] = Layout::vertical([Constraint::Length(height), Constraint::Min(1)]).areas(area);
        frame.render_widget(Paragraph::new(lines), head);
        body
    }
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
