//! How far a page of text is scrolled: the same keys everywhere.

use crossterm::event::{KeyCode, KeyEvent, MouseEvent, MouseEventKind};
use ratatui::{Frame, layout::Rect, text::Line, widgets::Paragraph};

/// The place in a page of text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scroll {
    top: u16,
}

impl Scroll {
    /// Arrows, `j` and `k`, page keys, `g` and `G`. True when the key was one of them.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        if !key.modifiers.is_empty() {
            // Capital letters come with Shift on some terminals.
            let end = key.modifiers == crossterm::event::KeyModifiers::SHIFT && key.code == KeyCode::Char('G');
            self.top = if end { u16::MAX } else { self.top };
            return end;
        }
        self.top = match key.code {
            KeyCode::Down | KeyCode::Char('j') => self.top.saturating_add(1),
            KeyCode::Up | KeyCode::Char('k') => self.top.saturating_sub(1),
            KeyCode::PageDown => self.top.saturating_add(10),
            KeyCode::PageUp => self.top.saturating_sub(10),
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => u16::MAX,
            _ => return false,
        };
        true
    }

    /// The wheel. True when it was turned.
    pub fn mouse(&mut self, event: MouseEvent) -> bool {
        self.top = match event.kind {
            MouseEventKind::ScrollDown => self.top.saturating_add(3),
            MouseEventKind::ScrollUp => self.top.saturating_sub(3),
            _ => return false,
        };
        true
    }

    /// Another page begins at its top.
    pub fn reset(&mut self) {
        self.top = 0;
    }

    /// Draws the lines that are in view; the last one never leaves the bottom.
    pub fn draw(&mut self, frame: &mut Frame, area: Rect, lines: Vec<Line>) {
        let most = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_sub(area.height);
        self.top = self.top.min(most);
        frame.render_widget(Paragraph::new(lines).scroll((self.top, 0)), area);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_move_and_others_are_left() {
        let mut scroll = Scroll::default();
        let press = |scroll: &mut Scroll, code| scroll.key(KeyEvent::from(code));
        assert!(press(&mut scroll, KeyCode::Char('j')) && press(&mut scroll, KeyCode::PageDown));
        assert_eq!(scroll.top, 11);
        assert!(press(&mut scroll, KeyCode::Up) && !press(&mut scroll, KeyCode::Enter));
        assert_eq!(scroll.top, 10);
        assert!(press(&mut scroll, KeyCode::Char('G')) && press(&mut scroll, KeyCode::Char('j')));
        assert_eq!(scroll.top, u16::MAX);
        assert!(press(&mut scroll, KeyCode::Home) && press(&mut scroll, KeyCode::Char('k')));
        assert_eq!(scroll.top, 0);
    }
}
