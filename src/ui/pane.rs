//! What a view hands keys, the mouse and pasted text to: a list, a log, a tree, a page.

use std::hash::Hash;

use crossterm::event::{KeyEvent, MouseEvent};

use super::{Millis, Scroll, Table, TableEvent, Tree, Viewer};

/// A widget that moves by itself. Only a list has more to tell than whether an event was its own.
pub trait Pane {
    /// Handles a key.
    fn key(&mut self, event: KeyEvent) -> TableEvent;
    /// Handles the mouse, in screen coordinates.
    fn mouse(&mut self, event: MouseEvent, now: Millis) -> TableEvent;
    /// Takes pasted text in while something is being typed.
    fn paste(&mut self, _pasted: &str) -> TableEvent {
        TableEvent::Ignored
    }
}

/// Whether it was used.
impl From<bool> for TableEvent {
    fn from(used: bool) -> Self {
        if used { Self::Used } else { Self::Ignored }
    }
}

impl<R, K: Ord + Hash + Clone> Pane for Table<R, K> {
    fn key(&mut self, event: KeyEvent) -> TableEvent {
        Table::key(self, event)
    }

    fn mouse(&mut self, event: MouseEvent, now: Millis) -> TableEvent {
        Table::mouse(self, event, now)
    }

    fn paste(&mut self, pasted: &str) -> TableEvent {
        Table::paste(self, pasted)
    }
}

impl Pane for Viewer {
    fn key(&mut self, event: KeyEvent) -> TableEvent {
        Viewer::key(self, event).into()
    }

    fn mouse(&mut self, event: MouseEvent, _: Millis) -> TableEvent {
        Viewer::mouse(self, event).into()
    }

    fn paste(&mut self, pasted: &str) -> TableEvent {
        Viewer::paste(self, pasted).into()
    }
}

impl Pane for Tree {
    fn key(&mut self, event: KeyEvent) -> TableEvent {
        Tree::key(self, event).into()
    }

    fn mouse(&mut self, event: MouseEvent, _: Millis) -> TableEvent {
        Tree::mouse(self, event).into()
    }

    fn paste(&mut self, pasted: &str) -> TableEvent {
        Tree::paste(self, pasted).into()
    }
}

impl Pane for Scroll {
    fn key(&mut self, event: KeyEvent) -> TableEvent {
        Scroll::key(self, event).into()
    }

    fn mouse(&mut self, event: MouseEvent, _: Millis) -> TableEvent {
        Scroll::mouse(self, event).into()
    }
}
