//! Layers: views with their type forgotten, so that the app can stack them.

use std::time::Duration;

use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::{Frame, layout::Rect};

use super::{
    command::{Command, CommandInfo},
    context::{Cx, Scene},
    effect::{Effect, LayerId, Level, Reply},
    view::View,
};
use crate::store::Store;

/// A view with its type forgotten, so that the app can stack them. See [`View`] for what the methods mean.
pub trait Layer: Send {
    /// Its id.
    fn id(&self) -> LayerId;
    /// Its view's name.
    fn name(&self) -> &'static str;
    /// Whether it is a dialog.
    fn is_dialog(&self) -> bool;
    /// See [`View::opened`].
    fn opened(&mut self, scene: Scene, out: &mut Vec<Effect>);
    /// See [`View::update`].
    fn reply(&mut self, reply: Reply, scene: Scene, out: &mut Vec<Effect>);
    /// See [`View::refreshed`].
    fn refreshed(&mut self, scene: Scene, out: &mut Vec<Effect>);
    /// See [`View::tick`].
    fn tick(&mut self, scene: Scene, out: &mut Vec<Effect>);
    /// See [`View::pace`].
    fn pace(&self) -> Option<Duration>;
    /// First the view's own keys, then its commands. True when used.
    fn key(&mut self, key: KeyEvent, scene: Scene, out: &mut Vec<Effect>) -> bool;
    /// See [`View::mouse`].
    fn mouse(&mut self, event: MouseEvent, scene: Scene, out: &mut Vec<Effect>);
    /// See [`View::paste`].
    fn paste(&mut self, text: &str, scene: Scene, out: &mut Vec<Effect>);
    /// Runs a command, or says why it can't be done now. False when there is none of that name.
    fn run(&mut self, id: &str, scene: Scene, out: &mut Vec<Effect>) -> bool;
    /// All commands.
    fn commands(&self, store: &Store) -> Vec<CommandInfo>;
    /// See [`View::crumb`].
    fn crumb(&self, store: &Store) -> String;
    /// See [`View::status`].
    fn status(&self, store: &Store) -> String;
    /// See [`View::place`].
    fn place(&self, area: Rect) -> Rect;
    /// See [`View::draw`].
    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene);
}

/// The one implementation of [`Layer`]: a view and its id.
pub struct Hosted<V> {
    id: LayerId,
    view: V,
}

impl<V: View> Hosted<V> {
    /// Gives a view its id and forgets its type.
    pub fn boxed(id: LayerId, view: V) -> Box<dyn Layer> {
        Box::new(Self { id, view })
    }

    /// The effect that opens a view.
    pub fn open(view: V) -> Effect {
        Effect::Open(Box::new(move |id| Self::boxed(id, view)))
    }

    /// The view's commands without a view, for key maps and documentation.
    pub fn command_table() -> impl Iterator<Item = CommandInfo> {
        V::COMMANDS.iter().map(|c| CommandInfo {
            id: c.id,
            keys: c.keys,
            title: c.title,
            footer: c.footer,
            ready: Ok(()),
        })
    }

    /// Does it, or says why it can't be done.
    fn carry_out(&mut self, command: &Command<V>, scene: Scene, out: &mut Vec<Effect>) {
        let mut cx = Self::cx(self.id, scene, out);
        match (command.ready)(&self.view, scene.store) {
            Ok(()) => (command.run)(&mut self.view, &mut cx),
            Err(why) => cx.toast(Level::Warning, format!("{}: {why}", command.title)),
        }
    }

    fn cx<'a>(id: LayerId, scene: Scene<'a>, out: &'a mut Vec<Effect>) -> Cx<'a, V::Msg> {
        Cx::new(id, scene, out)
    }
}

impl<V: View> Layer for Hosted<V> {
    fn id(&self) -> LayerId {
        self.id
    }
    fn name(&self) -> &'static str {
        V::NAME
    }
    fn is_dialog(&self) -> bool {
        V::DIALOG
    }
    fn opened(&mut self, scene: Scene, out: &mut Vec<Effect>) {
        self.view.opened(&mut Self::cx(self.id, scene, out));
    }
    fn reply(&mut self, reply: Reply, scene: Scene, out: &mut Vec<Effect>) {
        match reply.downcast::<V::Msg>() {
            Ok(msg) => self.view.update(*msg, &mut Self::cx(self.id, scene, out)),
            Err(_) => tracing::error!(view = V::NAME, "a reply of a foreign type was dropped"),
        }
    }
    fn refreshed(&mut self, scene: Scene, out: &mut Vec<Effect>) {
        self.view.refreshed(&mut Self::cx(self.id, scene, out));
    }
    fn tick(&mut self, scene: Scene, out: &mut Vec<Effect>) {
        self.view.tick(&mut Self::cx(self.id, scene, out));
    }
    fn pace(&self) -> Option<Duration> {
        self.view.pace()
    }
    fn key(&mut self, key: KeyEvent, scene: Scene, out: &mut Vec<Effect>) -> bool {
        if self.view.key(key, &mut Self::cx(self.id, scene, out)) {
            return true;
        }
        let Some(command) = V::COMMANDS.iter().find(|c| scene.keys.matches(c.id, &key)) else { return false };
        self.carry_out(command, scene, out);
        true
    }
    fn mouse(&mut self, event: MouseEvent, scene: Scene, out: &mut Vec<Effect>) {
        self.view.mouse(event, &mut Self::cx(self.id, scene, out));
    }
    fn paste(&mut self, text: &str, scene: Scene, out: &mut Vec<Effect>) {
        self.view.paste(text, &mut Self::cx(self.id, scene, out));
    }
    fn run(&mut self, id: &str, scene: Scene, out: &mut Vec<Effect>) -> bool {
        let Some(command) = V::COMMANDS.iter().find(|c| c.id == id) else { return false };
        self.carry_out(command, scene, out);
        true
    }
    fn commands(&self, store: &Store) -> Vec<CommandInfo> {
        let with = |c: &Command<V>| (c.ready)(&self.view, store);
        Self::command_table().zip(V::COMMANDS).map(|(i, c)| CommandInfo { ready: with(c), ..i }).collect()
    }
    fn crumb(&self, store: &Store) -> String {
        self.view.crumb(store)
    }
    fn status(&self, store: &Store) -> String {
        self.view.status(store)
    }
    fn place(&self, area: Rect) -> Rect {
        self.view.place(area)
    }
    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.view.draw(frame, area, scene);
    }
}
