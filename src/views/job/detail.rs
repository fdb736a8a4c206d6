//! One backup job: its settings, its next runs, and the guests and disks that it takes.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
};

use super::{
    act::{self, Acts, Found, Next},
    column::selection,
    edit, schedule,
};
use crate::{
    api::{
        ApiError,
        ids::Upid,
        job::{self as api, Included, Job},
    },
    shell::{Command, Cx, Scene, View},
    store::Store,
    ui::{Look, Pane, Role, Scroll, text},
};

/// What the view hears back.
pub enum Msg {
    /// The guests and disks.
    Included(Result<Included, ApiError>),
    /// When it runs next.
    Runs(Result<Vec<api::Run>, ApiError>),
    /// The job, read again before it is edited or run.
    Fresh(Next, Result<Job, ApiError>),
    /// The job as it is after a change.
    Again(Result<Job, ApiError>),
    /// It was switched on or off.
    Changed(Result<(), ApiError>),
    /// It was removed.
    Removed(Result<(), ApiError>),
}

/// A backup job.
pub struct Detail {
    job: Job,
    /// All jobs: their names are taken.
    jobs: Vec<Job>,
    /// True when something in front of this view may have changed it.
    stale: bool,
    last: Option<Upid>,
    included: Option<Result<Included, ApiError>>,
    runs: Option<Result<Vec<api::Run>, ApiError>>,
    scroll: Scroll,
}

impl Detail {
    /// A job, and its last run if that is known.
    pub fn new(job: Job, last: Option<Upid>, jobs: &[Job]) -> Self {
        Self { job, jobs: jobs.to_vec(), stale: false, last, included: None, runs: None, scroll: Scroll::default() }
    }

    fn load(&mut self, cx: &mut Cx<'_, Msg>) {
        cx.send(api::included(&self.job.id), Msg::Included);
        if let Some(event) = self.job.get("schedule") {
            cx.send(api::next_runs(event, 10), Msg::Runs);
        }
    }

    fn lines(&self, look: &Look, width: usize) -> Vec<Line<'static>> {
        let muted = look.style(Role::Muted);
        let title = |words: &str| Line::styled(format!(" {words}"), look.style(Role::Title));
        let mut lines = vec![title("Settings")];
        for (key, value) in &self.job.settings {
            let room = width.saturating_sub(22).max(10);
            for (i, part) in text::wrap(&text::clean(value), room).into_iter().enumerate() {
                let key = if i == 0 { key.as_str() } else { "" };
                lines.push(Line::from(vec![
                    Span::styled(format!(" {key:<20} "), look.style(Role::Accent)),
                    Span::styled(part, look.style(Role::Text)),
                ]));
            }
        }
        lines.push(Line::raw(""));
        let event = self.job.get("schedule").unwrap_or_default();
        lines.push(title(&format!("Next runs ({})", schedule::words(event).unwrap_or_else(|| event.to_owned()))));
        if !self.job.is_enabled() {
            lines.push(Line::styled(" It is switched off: none of these happens.", look.style(Role::Warning)));
        }
        match &self.runs {
            None => lines.push(Line::styled(" loading", muted)),
            Some(Err(error)) => lines.push(Line::styled(format!(" {error}"), look.style(Role::ErrorText))),
            Some(Ok(runs)) => {
                for pair in runs.chunks(2) {
                    let cells = pair.iter().map(|run| format!(" {:<18} ", edit::short(run.timestamp)));
                    lines.push(Line::styled(cells.collect::<String>(), look.style(Role::Text)));
                }
            }
        }
        lines.push(Line::raw(""));
        match &self.included {
            None => lines.push(Line::styled(" loading the guests", muted)),
            Some(Err(error)) => lines.push(Line::styled(format!(" {error}"), look.style(Role::ErrorText))),
            Some(Ok(all)) => {
                lines.push(title(&format!("Takes {} guests ({})", all.children.len(), selection(&self.job))));
                for guest in &all.children {
                    let id = guest.id.map(|id| id.to_string()).unwrap_or_default();
                    let (kind, role) = match guest.kind.as_str() {
                        "qemu" => ("VM", Role::Text),
                        "lxc" => ("CT", Role::Text),
                        _ => ("destroyed guest", Role::Warning),
                    };
                    let words = format!(" {kind} {id} {}", text::clean(&guest.name));
                    lines.push(Line::styled(words, look.style(role)));
                    for volume in &guest.children {
                        let (sign, role) = if volume.included { ("+", Role::Ok) } else { ("-", Role::Warning) };
                        let words = format!("     {sign} {:<10} {}  ", volume.id, text::clean(&volume.name));
                        let words = text::cut(&words, width.saturating_sub(12), look.glyphs.ellipsis).into_owned();
                        lines.push(Line::from(vec![
                            Span::styled(words, look.style(role)),
                            Span::styled(text::clean(&volume.reason).into_owned(), muted),
                        ]));
                    }
                }
            }
        }
        lines
    }
}

impl Acts for Detail {
    fn job(&self) -> Option<&Job> {
        Some(&self.job)
    }

    fn last_run(&self) -> Option<&Upid> {
        self.last.as_ref()
    }

    fn fresh(next: Next, answer: Result<Job, ApiError>) -> Msg {
        Msg::Fresh(next, answer)
    }

    fn removed(answer: Result<(), ApiError>) -> Msg {
        Msg::Removed(answer)
    }
}

impl View for Detail {
    type Msg = Msg;
    const NAME: &'static str = "Job";
    const COMMANDS: &'static [Command<Self>] =
        &[act::edit_command(), act::run_command(), act::switch_command(), act::log_command(), act::remove_command()];

    fn opened(&mut self, cx: &mut Cx<'_, Msg>) {
        self.load(cx);
    }

    fn refreshed(&mut self, cx: &mut Cx<'_, Msg>) {
        if std::mem::take(&mut self.stale) {
            cx.send(api::one(&self.job.id), Msg::Again);
        }
    }

    fn update(&mut self, msg: Msg, cx: &mut Cx<'_, Msg>) {
        match msg {
            Msg::Fresh(next, answer) => {
                self.stale = next == Next::Edit;
                if act::fresh(next, answer, &self.jobs, cx, Msg::Changed) == Found::Gone {
                    cx.close();
                }
            }
            Msg::Again(Ok(job)) => {
                if job != self.job {
                    self.job = job;
                    self.load(cx);
                }
            }
            Msg::Again(Err(error)) => tracing::debug!(%error, "a backup job"),
            Msg::Changed(_) => cx.send(api::one(&self.job.id), Msg::Again),
            Msg::Removed(Ok(())) => cx.close(),
            Msg::Removed(Err(_)) => {}
            Msg::Included(answer) => self.included = Some(answer),
            Msg::Runs(answer) => self.runs = Some(answer),
        }
    }

    fn pane(&mut self, _: &Scene) -> Option<&mut dyn Pane> {
        Some(&mut self.scroll)
    }

    fn crumb(&self, _: &Store) -> String {
        format!("Backup jobs > {}", self.job.id)
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let [head, body] = Layout::vertical([Constraint::Length(1), Constraint::Min(1)]).areas(area);
        let state = if self.job.is_enabled() { ("on", Role::Ok) } else { ("off", Role::Warning) };
        let title = Line::from(vec![
            Span::styled(format!(" Backup job {}  ", text::clean(&self.job.id)), look.style(Role::Title)),
            Span::styled(state.0, look.style(state.1)),
        ]);
        frame.render_widget(title, head);
        let lines = self.lines(look, usize::from(body.width));
        self.scroll.draw(frame, body, lines);
    }
}
