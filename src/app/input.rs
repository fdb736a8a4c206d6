//! Keys, the mouse and pasted text: who hears them.

use crossterm::event::{KeyCode, KeyEvent, MouseEvent};

use super::{App, GLOBALS, Hit, TOUR, frame, message, top};
use crate::{
    shell::{Effect, Level},
    views,
};

impl App {
    /// A key goes to the tour, to the layer in front, and then to the app's own commands.
    pub(super) fn key(&mut self, key: KeyEvent, todo: &mut Vec<Effect>) {
        self.dirty = true;
        // Nobody sees what a key would do: only leaving, the shell and a new picture need no view.
        if self.cramped {
            let blind = |id: &&str| matches!(*id, "app.leave" | "app.suspend" | "app.redraw");
            let id = GLOBALS.iter().filter(|g| self.shared.keys.matches(g.id, &key)).map(|g| g.id).find(blind);
            if let Some(id) = id {
                self.run_global(id, todo);
            }
            return;
        }
        // Errors stay until somebody is there to see them; this key still does what it means, and may be the one that
        // opens the log of what is shown.
        self.shown_task = frame::shown_toast(self).and_then(message::Shown::task);
        self.toasts.retain(|shown| shown.toast.level != Level::Error);
        // Over everything, also while something is typed.
        if self.tutorial.is_some()
            && let Some(tour) = TOUR.iter().find(|g| self.shared.keys.matches(g.id, &key))
        {
            self.run_tutorial(tour.id);
            return;
        }
        let scene = self.shared.scene();
        let Some(top) = top(&mut self.roots, self.current) else { return };
        if top.key(key, scene, todo) {
            return;
        }
        let dialog = top.is_dialog();
        let global = GLOBALS.iter().find(|g| self.shared.keys.matches(g.id, &key)).map(|g| g.id);
        if let Some(id) = global {
            let harmless = matches!(id, "app.redraw" | "app.suspend" | "app.help");
            if !dialog || harmless || id == "app.leave" {
                self.run_global(id, todo);
            }
        } else if !dialog
            && key.modifiers.is_empty()
            && let KeyCode::Char(c) = key.code
            && views::TABS.iter().any(|t| t.key == c)
        {
            self.tab_chosen(c, todo);
        }
    }

    /// Pasted text reaches the layer in front.
    pub(super) fn paste(&mut self, text: &str, todo: &mut Vec<Effect>) {
        if self.cramped {
            return;
        }
        let scene = self.shared.scene();
        if let Some(top) = top(&mut self.roots, self.current) {
            top.paste(text, scene, todo);
        }
        self.dirty = true;
    }

    /// The mouse reaches what is drawn.
    pub(super) fn mouse(&mut self, event: MouseEvent, todo: &mut Vec<Effect>) {
        use crossterm::event::{MouseButton, MouseEventKind};
        if event.kind == MouseEventKind::Moved || self.cramped {
            return;
        }
        self.dirty = true;
        let at = ratatui::layout::Position::new(event.column, event.row);
        let dialog = top(&mut self.roots, self.current).is_some_and(|t| t.is_dialog());
        if event.kind == MouseEventKind::Down(MouseButton::Left)
            && let Some((_, hit)) = self.hits.iter().find(|(area, _)| area.contains(at))
        {
            match hit.clone() {
                Hit::Tab(key) if !dialog => return self.tab_chosen(key, todo),
                Hit::Command(layer, command) => return todo.push(Effect::Run { layer, command }),
                // Beside the dialog: what is open in it closes.
                Hit::Tab(_) => {}
            }
        }
        let scene = self.shared.scene();
        if let Some(top) = top(&mut self.roots, self.current) {
            top.mouse(event, scene, todo);
        }
    }
}
