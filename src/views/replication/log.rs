//! What the last run of a replication job has said.

use std::time::Duration;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::Line,
};

use crate::{
    api::{ApiError, Paged, ids::NodeName, replication as api, task::LogLine},
    shell::{Command, Cx, Scene, View},
    store::Store,
    ui::{Pane, Role, Viewer, text},
    views::log,
};

/// What the view hears back: the lines.
pub struct Lines(Result<Paged<LogLine>, ApiError>);

/// The log of a job.
pub struct Log {
    node: NodeName,
    id: String,
    viewer: Viewer,
    asking: bool,
    error: Option<ApiError>,
}

impl Log {
    /// Every run begins a new log: all of it is read again.
    const PACE: Duration = Duration::from_secs(3);
    /// Lines that are read at most.
    const MOST: u64 = 5000;

    /// The log of a job, which its guest's node has.
    pub fn new(node: NodeName, id: String) -> Self {
        let viewer = Viewer::new().following(true).with_empty("no run has said anything yet");
        Self { node, id, viewer, asking: false, error: None }
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
        format!("replication-{}.log", self.id)
    }
}

impl View for Log {
    type Msg = Lines;
    const NAME: &'static str = "Replication log";
    const COMMANDS: &'static [Command<Self>] = &[log::error(), log::save(), log::copy()];

    fn ask(&mut self, cx: &mut Cx<'_, Lines>) {
        if !self.asking {
            self.asking = true;
            cx.send(api::log(&self.node, &self.id, 0, Self::MOST), Lines);
        }
    }

    fn pace(&self) -> Option<Duration> {
        Some(Self::PACE)
    }

    fn update(&mut self, Lines(answer): Lines, _: &mut Cx<'_, Lines>) {
        self.asking = false;
        match answer {
            Ok(page) => {
                self.error = None;
                let none = |l: &LogLine| l.t == "no content" || l.t.starts_with("unable to open file");
                let lines: Vec<String> = page.data.into_iter().filter(|l| !none(l)).map(|l| l.t).collect();
                if lines != self.viewer.lines() {
                    self.viewer.set_text(&lines.join("\n"));
                }
            }
            Err(error) => self.error = Some(error),
        }
    }

    fn pane(&mut self, _: &Scene) -> Option<&mut dyn Pane> {
        Some(&mut self.viewer)
    }

    fn crumb(&self, _: &Store) -> String {
        format!("Replication > {} > Log", self.id)
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let [head, body] = Layout::vertical([Constraint::Length(1), Constraint::Min(1)]).areas(area);
        let (words, role) = match &self.error {
            Some(error) => (format!(" {} {}", look.glyphs.warning, error.explained()), Role::Warning),
            None => (format!(" The last run of {} on {}", self.id, self.node), Role::Title),
        };
        let words = text::cut(&text::clean(&words), usize::from(area.width), look.glyphs.ellipsis).into_owned();
        frame.render_widget(Line::styled(words, look.style(role)), head);
        self.viewer.draw(frame, body, look);
    }
}
