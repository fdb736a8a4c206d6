//! What the console has said so far: time, how serious, the full text.

use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::{Frame, layout::Rect};

use crate::{
    shell::{Command, Cx, Effect, Scene, View},
    store::Store,
    ui::{Viewer, ViewerEvent},
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

    fn copy(&mut self, cx: &mut Cx<'_, ()>) {
        cx.emit(Effect::Copy(self.viewer.text()));
    }
}

impl View for Messages {
    type Msg = ();
    const NAME: &'static str = "Messages";
    const COMMANDS: &'static [Command<Self>] = &[Command {
        id: "messages.copy",
        keys: "y",
        title: "Copy",
        footer: true,
        ready: |v, _| !v.viewer.is_empty(),
        run: Self::copy,
    }];

    fn update(&mut self, (): (), _: &mut Cx<'_, ()>) {}

    fn key(&mut self, key: KeyEvent, _: &mut Cx<'_, ()>) -> bool {
        self.viewer.key(key) != ViewerEvent::Ignored
    }

    fn mouse(&mut self, event: MouseEvent, _: &mut Cx<'_, ()>) {
        self.viewer.mouse(event);
    }

    fn paste(&mut self, text: &str, _: &mut Cx<'_, ()>) {
        self.viewer.paste(text);
    }

    fn crumb(&self, _: &Store) -> String {
        "Messages, newest first".into()
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.viewer.draw(frame, area, scene.look);
    }
}
