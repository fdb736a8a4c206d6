//! A text field of one line. Editing is `tui_textarea`'s; drawing is ours (scrolling by cells, masking, placeholder).

use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::{Frame, layout::Rect};
use secrecy::{
    SecretString,
    zeroize::{Zeroize, Zeroizing},
};
use tui_textarea::{CursorMove, TextArea};

use super::{Look, Role, keymap::Key, text};

/// What a key did to the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputEvent {
    /// Not a key of a text field (Enter, Tab, Esc, Up, Down, function keys …).
    Ignored,
    /// The cursor moved or nothing happened.
    Used,
    /// The text is another one now.
    Changed,
}

/// A text field of one line.
pub struct Input {
    area: TextArea<'static>,
    secret: bool,
    /// Pasted line breaks become `\n`, as its text writes them, instead of blanks.
    lines: bool,
    placeholder: String,
    /// First visible cell of the text.
    scroll: usize,
}

/// No secret that is typed is longer, in bytes; a longer one is only less carefully overwritten.
const ROOM: usize = 1024;

impl Drop for Input {
    fn drop(&mut self) {
        self.forget();
    }
}

impl Default for Input {
    fn default() -> Self {
        Self::new("")
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if self.secret { "(secret)" } else { self.raw() };
        f.debug_struct("Input").field("text", &text).finish()
    }
}

impl Input {
    /// A field holding a text, the cursor at its end.
    pub fn new(text: &str) -> Self {
        let mut input =
            Self { area: TextArea::default(), secret: false, lines: false, placeholder: String::new(), scroll: 0 };
        input.set(text);
        input
    }

    /// An empty field for a secret: drawn masked, never in [`Input::text`] or Debug output, without undo history.
    pub fn secret() -> Self {
        let mut input =
            Self { area: TextArea::default(), secret: true, lines: false, placeholder: String::new(), scroll: 0 };
        input.set("");
        input
    }

    /// Sets what is shown while the field is empty.
    pub fn with_placeholder(mut self, placeholder: impl Into<String>) -> Self {
        self.placeholder = placeholder.into();
        self
    }

    fn raw(&self) -> &str {
        self.area.lines().first().map_or("", String::as_str)
    }

    /// The text; always `""` for a secret field.
    pub fn text(&self) -> &str {
        if self.secret { "" } else { self.raw() }
    }

    /// The text of a secret field (of any field, in fact).
    pub fn to_secret(&self) -> SecretString {
        SecretString::from(self.raw())
    }

    /// True for a field made by [`Input::secret`].
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// True when nothing is typed.
    pub fn is_empty(&self) -> bool {
        self.raw().is_empty()
    }

    /// Replaces the text; the cursor goes to its end.
    pub fn set(&mut self, text: &str) {
        self.forget();
        let text = text::clean(text);
        // A secret grows in its place, so that no copy of it is left behind.
        let mut line = String::with_capacity(if self.secret { ROOM.max(text.len()) } else { text.len() });
        line.push_str(&text);
        let mut area = TextArea::new(vec![line]);
        area.set_max_histories(if self.secret { 0 } else { 50 });
        area.move_cursor(CursorMove::End);
        self.area = area;
        self.scroll = 0;
    }

    /// Overwrites a secret before its memory is given back.
    fn forget(&mut self) {
        if self.secret {
            std::mem::take(&mut self.area).into_lines().zeroize();
        }
    }

    /// The text area keeps what its own shortcuts delete, to insert it again: not with a secret.
    fn secret_key(&mut self, c: char) {
        match c {
            'u' => while self.area.cursor().1 > 0 && self.area.delete_char() {},
            'k' => while self.area.delete_next_char() {},
            'w' => {
                let before =
                    |area: &TextArea| area.cursor().1.checked_sub(1).and_then(|i| area.lines()[0].chars().nth(i));
                while before(&self.area).is_some_and(char::is_whitespace) && self.area.delete_char() {}
                while before(&self.area).is_some_and(|c| !c.is_whitespace()) && self.area.delete_char() {}
            }
            _ => {}
        }
    }

    /// Empties the field.
    pub fn clear(&mut self) {
        self.set("");
    }

    /// The cursor's position in characters.
    pub fn cursor(&self) -> usize {
        self.area.cursor().1
    }

    /// Handles a key.
    pub fn key(&mut self, event: KeyEvent) -> InputEvent {
        if event.kind == KeyEventKind::Release {
            return InputEvent::Ignored;
        }
        let key = Key::from(event);
        let (ctrl, alt) = (key.mods().contains(KeyModifiers::CONTROL), key.mods().contains(KeyModifiers::ALT));
        let before = self.raw().len();
        match key.code() {
            KeyCode::Char(c) if !ctrl && !alt => {
                if text::clean(c.encode_utf8(&mut [0; 4])).is_empty() && !is_mark(c) {
                    return InputEvent::Used;
                }
                self.area.insert_char(c);
                return InputEvent::Changed;
            }
            KeyCode::Char(c @ ('u' | 'k' | 'w')) if ctrl && self.secret => self.secret_key(c),
            KeyCode::Char('d') if alt && self.secret => {}
            // The textarea's own ctrl-u is undo; everywhere else it deletes to the line's start.
            KeyCode::Char('u') if ctrl => {
                self.area.delete_line_by_head();
            }
            KeyCode::Char('a' | 'e' | 'k' | 'w' | 'h' | 'd' | 'f') if ctrl => {
                self.area.input(event);
            }
            KeyCode::Char('b' | 'f' | 'd') if alt => {
                self.area.input(event);
            }
            KeyCode::Backspace | KeyCode::Delete | KeyCode::Left | KeyCode::Right | KeyCode::Home | KeyCode::End => {
                self.area.input(event);
            }
            _ => return InputEvent::Ignored,
        }
        if self.raw().len() == before { InputEvent::Used } else { InputEvent::Changed }
    }

    /// Its text has lines, written with `\n` between them.
    pub fn hold_lines(&mut self) {
        self.lines = true;
    }

    /// Inserts pasted text; line breaks become blanks or `\n`, control characters go.
    pub fn paste(&mut self, pasted: &str) -> InputEvent {
        let mut pasted = Zeroizing::new(pasted.trim_end_matches(['\r', '\n']).to_owned());
        if self.lines {
            *pasted = pasted.replace("\r\n", "\n").replace(['\r', '\n'], "\\n");
        }
        let cleaned = Zeroizing::new(text::clean(&pasted).into_owned());
        if cleaned.is_empty() {
            return InputEvent::Used;
        }
        if self.secret {
            cleaned.chars().for_each(|c| self.area.insert_char(c));
        } else {
            self.area.insert_str(cleaned.as_str());
        }
        InputEvent::Changed
    }

    /// Moves the cursor to the cell that was clicked, `column` cells from the field's left edge.
    pub fn click(&mut self, column: u16) {
        let shown = self.shown('*');
        let before = text::take(&shown, self.scroll + usize::from(column));
        let chars = u16::try_from(before.chars().count()).unwrap_or(u16::MAX);
        self.area.move_cursor(CursorMove::Jump(0, chars));
    }

    fn shown(&self, mask: char) -> String {
        if self.secret { self.raw().chars().map(|_| mask).collect() } else { self.raw().to_owned() }
    }

    /// Draws into the first line of `area`; sets the terminal's cursor when focused.
    pub fn draw(&mut self, frame: &mut Frame, area: Rect, look: &Look, focused: bool) {
        if area.is_empty() {
            return;
        }
        let area = Rect { height: 1, ..area };
        let room = usize::from(area.width);
        let shown = self.shown(look.glyphs.mask);
        let cursor_byte = shown.char_indices().nth(self.cursor()).map_or(shown.len(), |(i, _)| i);
        let cursor = text::width(&shown[..cursor_byte]);
        // The cursor needs a cell of its own behind the last letter.
        if cursor < self.scroll {
            self.scroll = cursor;
        } else if cursor + 1 > self.scroll + room {
            self.scroll = cursor + 1 - room;
        }
        let longest = text::width(&shown) + 1;
        self.scroll = self.scroll.min(longest.saturating_sub(room));
        let style = look.style(if focused { Role::InputFocused } else { Role::Input });
        let buffer = frame.buffer_mut();
        buffer.set_style(area, style);
        if shown.is_empty() && !self.placeholder.is_empty() {
            let text = text::fit(&self.placeholder, room, look.glyphs.ellipsis);
            buffer.set_stringn(area.x, area.y, text, room, style.patch(look.style(Role::Placeholder)));
        } else {
            let visible = text::skip(&shown, self.scroll);
            // Skipping may have dropped half of a wide glyph: start one cell later then.
            let lost = text::width(&shown) - text::width(visible);
            let indent = lost.saturating_sub(self.scroll);
            let fitting = text::take(visible, room.saturating_sub(indent));
            buffer.set_stringn(area.x + indent as u16, area.y, fitting, room, style);
        }
        if focused {
            frame.set_cursor_position((area.x + (cursor - self.scroll) as u16, area.y));
        }
    }
}

fn is_mark(c: char) -> bool {
    unicode_width::UnicodeWidthChar::width(c) == Some(0) && text::clean(&format!("a{c}")).chars().count() == 2
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ui::{Depth, GlyphSet};
    use ratatui::{Terminal, backend::TestBackend};
    use secrecy::ExposeSecret;

    fn press(input: &mut Input, keys: &str) -> Vec<InputEvent> {
        keys.split(' ').map(|k| input.key(k.parse::<Key>().unwrap().event())).collect()
    }

    fn screen(input: &mut Input, width: u16) -> (String, u16) {
        let mut terminal = Terminal::new(TestBackend::new(width, 1)).unwrap();
        let look = Look::new(Depth::Mono, GlyphSet::Ascii);
        terminal.draw(|f| input.draw(f, f.area(), &look, true)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let text = (0..width).map(|x| buffer[(x, 0)].symbol().to_owned()).collect();
        (text, terminal.get_cursor_position().unwrap().x)
    }

    #[test]
    fn typing_and_editing() {
        let mut input = Input::new("");
        assert_eq!(press(&mut input, "a b C - Space"), [InputEvent::Changed; 5]);
        assert_eq!(input.text(), "abC- ");
        assert_eq!(press(&mut input, "Left Backspace Home"), [InputEvent::Used, InputEvent::Changed, InputEvent::Used]);
        assert_eq!(input.text(), "abC ");
        assert_eq!(
            press(&mut input, "Enter Tab Esc Up Down F2 ctrl-s ctrl-n PgDn ctrl-m ctrl-j"),
            [InputEvent::Ignored; 11]
        );
        assert_eq!(press(&mut input, "End ctrl-u"), [InputEvent::Used, InputEvent::Changed]);
        assert!(input.is_empty());
    }

    #[test]
    fn pasting_keeps_one_clean_line() {
        let mut input = Input::new("x");
        input.paste("one\r\ntwo\x1b[31m\n");
        assert_eq!(input.text(), "xone  two[31m");
    }

    #[test]
    fn pasted_lines_stay_lines_where_there_are_any() {
        let mut input = Input::new("");
        input.hold_lines();
        input.paste("# Title\r\none\rtwo\n");
        assert_eq!(input.text(), "# Title\\none\\ntwo");
    }

    #[test]
    fn secrets_stay_hidden() {
        let mut input = Input::secret();
        input.paste("hunter2");
        assert_eq!(input.text(), "");
        assert!(!format!("{input:?}").contains("hunter2"));
        assert_eq!(input.to_secret().expose_secret(), "hunter2");
        assert_eq!(screen(&mut input, 10).0, "*******   ");
    }

    #[test]
    fn what_is_deleted_of_a_secret_is_kept_nowhere() {
        let mut input = Input::secret();
        let is = |input: &Input| input.to_secret().expose_secret().to_owned();
        input.paste("correct horse battery");
        press(&mut input, "ctrl-w");
        assert_eq!(is(&input), "correct horse ");
        press(&mut input, "ctrl-w Home");
        assert_eq!(is(&input), "correct ");
        press(&mut input, "Right Right ctrl-u");
        assert_eq!(is(&input), "rrect ");
        press(&mut input, "Right ctrl-k");
        assert_eq!(is(&input), "r");
        assert_eq!(input.area.yank_text(), "");
        input.clear();
        assert!(input.is_empty() && input.is_secret());
    }

    #[test]
    fn scrolls_so_that_the_cursor_is_visible() {
        let mut input = Input::new("abcdefghij");
        assert_eq!(screen(&mut input, 6), ("fghij ".into(), 5));
        press(&mut input, "Home");
        assert_eq!(screen(&mut input, 6), ("abcdef".into(), 0));
        let mut wide = Input::new("日本語日本語");
        let (_, cursor) = screen(&mut wide, 6);
        assert_eq!(cursor, 5);
        input.click(3);
        assert_eq!(input.cursor(), 3);
    }

    #[test]
    fn placeholder_until_something_is_typed() {
        let mut input = Input::new("").with_placeholder("name");
        assert_eq!(screen(&mut input, 6).0, "name  ");
        press(&mut input, "x");
        assert_eq!(screen(&mut input, 6).0, "x     ");
    }
}
