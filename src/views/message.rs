//! What the console has said so far: time, how serious, the full text.

use ratatui::{Frame, layout::Rect};

use crate::{
    shell::{Command, Cx, Scene, View},
    store::Store,
    ui::{Pane, Viewer},
    views::log::{self, Log},
};

/// The messages, newest first.
pub struct Messages {
    viewer: Viewer,
}

impl Messages {
    /// Shows these lines.
    pub fn new(lines: Vec<String>) -> Self {
        let mut viewer = Viewer::new().wrapped().with_empty("nothing was said yet");
        viewer.extend(lines);
        Self { viewer }
    }
}

impl Log for Messages {
    fn viewer(&self) -> &Viewer {
        &self.viewer
    }

    fn viewer_mut(&mut self) -> &mut Viewer {
        &mut self.viewer
    }

    fn file(&self) -> String {
        "messages.log".into()
    }
}

impl View for Messages {
    type Msg = ();
    const NAME: &'static str = "Messages";
    const COMMANDS: &'static [Command<Self>] = &[log::error(), log::save(), log::copy()];

    fn update(&mut self, (): (), _: &mut Cx<'_, ()>) {}

    fn pane(&mut self, _: &Scene) -> Option<&mut dyn Pane> {
        Some(&mut self.viewer)
    }

    fn crumb(&self, _: &Store) -> String {
        "Messages, newest first".into()
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.viewer.draw(frame, area, scene.look);
    }
}
