//! What a firewall has logged: live, or of the last hour, day and week.

use std::time::Duration;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
};

use crate::{
    api::{
        ApiError, Paged,
        firewall::{self as api, Scope},
        task::LogLine,
    },
    shell::{Command, Cx, Scene, View, always},
    store::Store,
    ui::{Pane, Role, Viewer, text},
    views::log,
};

/// What the view hears back: for which reading of the log, and the lines.
pub struct Lines(u64, Result<Paged<LogLine>, ApiError>);

/// Which part of the log is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it, and what comes.
    Live,
    /// What was logged in so many seconds before now.
    Last(u64, &'static str),
}

const SPANS: [Part; 4] =
    [Part::Live, Part::Last(3600, "last hour"), Part::Last(86_400, "last day"), Part::Last(604_800, "last week")];

/// The log of a node's or guest's firewall.
pub struct Log {
    scope: Scope,
    label: String,
    span: usize,
    /// Another span is another reading: what was asked for before doesn't count any more, also when it comes round again.
    reading: u64,
    viewer: Viewer,
    seen: u64,
    asking: bool,
    error: Option<ApiError>,
}

impl Log {
    /// Lines that one request asks for.
    const PAGE: u64 = 1000;
    /// How often new lines are asked for.
    const PACE: Duration = Duration::from_secs(2);

    /// The log of a firewall that is called `label`.
    pub fn new(scope: Scope, label: String) -> Self {
        let viewer = Self::empty();
        Self { scope, label, span: 0, reading: 0, viewer, seen: 0, asking: false, error: None }
    }

    fn empty() -> Viewer {
        Viewer::new().following(true).with_empty("nothing was logged (a rule or an option must ask for it)")
    }

    fn next_span(&mut self, cx: &mut Cx<'_, Lines>) {
        self.span = (self.span + 1) % SPANS.len();
        self.reading += 1;
        (self.viewer, self.seen, self.asking) = (Self::empty(), 0, false);
        self.ask(cx);
    }
}

impl log::Log for Log {
    fn viewer(&self) -> &Viewer {
        &self.viewer
    }

    fn viewer_mut(&mut self) -> &mut Viewer {
        &mut self.viewer
    }

    fn file(&self) -> String {
        format!("firewall-{}.log", log::file_part(&self.label))
    }
}

impl View for Log {
    type Msg = Lines;
    const NAME: &'static str = "Firewall log";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "firewalllog.span",
            keys: "t",
            title: "Live, hour, day, week",
            footer: true,
            ready: always,
            run: Self::next_span,
        },
        log::error(),
        log::save(),
        log::copy(),
    ];

    fn ask(&mut self, cx: &mut Cx<'_, Lines>) {
        if self.asking {
            return;
        }
        self.asking = true;
        let now = u64::try_from(cx.scene.now.unix).unwrap_or(0);
        let since = match SPANS[self.span] {
            Part::Live => None,
            Part::Last(seconds, _) => Some(now.saturating_sub(seconds)),
        };
        let request = api::log(&self.scope, self.seen, Self::PAGE, since, since.map(|_| now));
        let reading = self.reading;
        cx.send(request, move |answer| Lines(reading, answer));
    }

    fn pace(&self) -> Option<Duration> {
        let refused = self.error.as_ref().is_some_and(|e| matches!(e.status(), Some(400 | 401 | 403 | 501)));
        (SPANS[self.span] == Part::Live && !refused).then_some(Self::PACE)
    }

    fn update(&mut self, Lines(reading, answer): Lines, cx: &mut Cx<'_, Lines>) {
        if reading != self.reading {
            return;
        }
        self.asking = false;
        match answer {
            Ok(page) => {
                self.error = None;
                let full = page.data.len() as u64 >= Self::PAGE;
                // Without a log the server sends one line that says so; it is not part of any.
                let real = page.data.into_iter().filter(|l| {
                    !(self.seen == 0 && l.n <= 1 && (l.t == "no content" || l.t.starts_with("unable to open file")))
                });
                let lines: Vec<String> = real.map(|l| l.t).collect();
                self.seen += lines.len() as u64;
                lines.iter().for_each(|line| self.viewer.push(line));
                if full {
                    self.ask(cx);
                }
            }
            Err(error) => self.error = Some(error),
        }
    }

    fn pane(&mut self, _: &Scene) -> Option<&mut dyn Pane> {
        Some(&mut self.viewer)
    }

    fn crumb(&self, _: &Store) -> String {
        format!("{} > Log", self.label)
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let [head, body] = Layout::vertical([Constraint::Length(1), Constraint::Min(1)]).areas(area);
        let span = match SPANS[self.span] {
            Part::Live => "live",
            Part::Last(_, words) => words,
        };
        let mut spans = vec![
            Span::styled(format!(" {}  ", text::clean(&self.label)), look.style(Role::Title)),
            Span::styled(span, look.style(Role::Accent)),
        ];
        if let Some(error) = &self.error {
            let words = format!("  {} {}", look.glyphs.warning, error.explained());
            spans.push(Span::styled(text::clean(&words).into_owned(), look.style(Role::Warning)));
        }
        frame.render_widget(Line::from(spans), head);
        self.viewer.draw(frame, body, look);
    }
}
