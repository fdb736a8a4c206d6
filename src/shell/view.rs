//! Views: small programs that share the screen.

use std::time::Duration;

use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::{Frame, layout::Rect};

use super::{
    command::Command,
    context::{Cx, Scene},
    picker::Picker,
};
use crate::{
    store::Store,
    ui::{Pane, TableEvent},
};

/// A small program with own state, own messages and own commands.
pub trait View: Sized + Send + 'static {
    /// What it hears back: API answers and dialog results.
    type Msg: Send + 'static;
    /// What the user can do here.
    const COMMANDS: &'static [Command<Self>] = &[];
    /// Its name, for help and documentation.
    const NAME: &'static str;
    /// True for dialogs: drawn over what is below, and the app's own keys don't reach past them.
    const DIALOG: bool = false;

    /// Asks for what it shows: when it is opened, and then as often as [`View::pace`] says.
    fn ask(&mut self, _cx: &mut Cx<'_, Self::Msg>) {}
    /// The view has just been put on the screen.
    fn opened(&mut self, cx: &mut Cx<'_, Self::Msg>) {
        self.ask(cx);
    }
    /// An answer or a result.
    fn update(&mut self, msg: Self::Msg, cx: &mut Cx<'_, Self::Msg>);
    /// The store has news, or this view has come back on top.
    fn refreshed(&mut self, _cx: &mut Cx<'_, Self::Msg>) {}
    /// Some time has passed while [`View::pace`] asks for it.
    fn tick(&mut self, cx: &mut Cx<'_, Self::Msg>) {
        self.ask(cx);
    }
    /// How often this view wants to be ticked while it is on top; `None`: not at all.
    fn pace(&self) -> Option<Duration> {
        None
    }
    /// The list, log or page in front, for views that are one: keys, mouse and pasted text go to it. A list is brought
    /// up to date first.
    fn pane(&mut self, _scene: &Scene) -> Option<&mut dyn Pane> {
        None
    }
    /// What came of them, for lists. True when used.
    fn listed(&mut self, event: TableEvent, cx: &mut Cx<'_, Self::Msg>) -> bool {
        match event {
            TableEvent::Ignored => return false,
            TableEvent::Open => self.enter(cx),
            TableEvent::Menu(..) => self.menu(cx),
            _ => {}
        }
        true
    }
    /// Opens the selected row of the list: Enter, or a second click.
    fn enter(&mut self, _cx: &mut Cx<'_, Self::Msg>) {}
    /// Shows what can be done with it: the right button.
    fn menu(&mut self, cx: &mut Cx<'_, Self::Msg>) {
        let ids: Vec<_> = Self::COMMANDS.iter().map(|command| command.id).collect();
        let picks = Picker::commands(self, &ids, cx);
        if !picks.is_empty() {
            cx.open(Picker::menu(Self::NAME, picks));
        }
    }
    /// Raw keys, for text fields and movement. True when used; commands get the others.
    fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, Self::Msg>) -> bool {
        let event = self.pane(&cx.scene).map(|pane| pane.key(key));
        event.is_some_and(|event| self.listed(event, cx))
    }
    /// The mouse, in screen coordinates.
    fn mouse(&mut self, event: MouseEvent, cx: &mut Cx<'_, Self::Msg>) {
        let now = cx.scene.now.millis();
        if let Some(event) = self.pane(&cx.scene).map(|pane| pane.mouse(event, now)) {
            self.listed(event, cx);
        }
    }
    /// Pasted text.
    fn paste(&mut self, text: &str, cx: &mut Cx<'_, Self::Msg>) {
        if let Some(event) = self.pane(&cx.scene).map(|pane| pane.paste(text)) {
            self.listed(event, cx);
        }
    }
    /// The breadcrumb.
    fn crumb(&self, store: &Store) -> String;
    /// A short state for the right end of the breadcrumb line: counts, filter.
    fn status(&self, _store: &Store) -> String {
        String::new()
    }
    /// Where a dialog stands; `area` is the space of the whole content.
    fn place(&self, area: Rect) -> Rect {
        area
    }
    /// Draws into `area` (already cleared for dialogs).
    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene);
}
