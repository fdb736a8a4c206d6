//! The pop-up list of a select: type to filter, Enter takes, Space marks (where several may be chosen).

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::widgets::Clear;
use ratatui::{Frame, layout::Rect};

use super::field::{Choice, Choices, Field, Kind};
use crate::ui::table::draw_scrollbar;
use crate::ui::{Filter, Input, Key, Look, Millis, Role, text};

/// What a key did to the list.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PopupEvent {
    /// Not for the list: it stays open.
    Ignored,
    Used,
    Changed,
    /// Done; true: the value is another one now.
    Close(bool),
}

#[derive(Default)]
pub(super) struct Popup {
    filter: Input,
    cursor: usize,
    offset: usize,
    /// Where it was drawn.
    pub outer: Rect,
    /// Where the lines were drawn.
    pub list: Rect,
}

/// The least height of a frame with less than the whole list in it: what is typed, and three lines.
const FRAMED: u16 = 6;

impl Popup {
    /// Opens with the cursor on what is chosen.
    pub fn open(field: &Field) -> Self {
        let cursor = match &field.kind {
            Kind::Select { choices, chosen, .. } => choices.ready().iter().position(|c| c.value == *chosen),
            _ => None,
        };
        Self { cursor: cursor.unwrap_or(0), ..Self::default() }
    }

    /// The choices are others now.
    pub fn rewind(&mut self) {
        self.cursor = 0;
        self.offset = 0;
    }

    /// Numbers of the choices that the filter lets through. Where new words are typed, only words are looked at.
    fn matching(&self, choices: &[Choice], words: bool) -> Vec<usize> {
        let filter = Filter::parse(self.filter.text());
        let mut matcher = filter.matcher();
        let passes = |c: &Choice| match words {
            true => c.value.to_lowercase(),
            false => format!("{} {} {}", c.label, c.value, c.detail).to_lowercase(),
        };
        choices.iter().enumerate().filter(|(_, c)| matcher.matches(&passes(c), |_, _| None)).map(|(i, _)| i).collect()
    }

    pub fn key(&mut self, event: KeyEvent, field: &mut Field) -> PopupEvent {
        let (choices, is_multi, free) = match &field.kind {
            Kind::Select { choices, .. } => (choices, false, false),
            Kind::Multi { choices, free, .. } => (choices, true, *free),
            _ => return PopupEvent::Close(false),
        };
        let matching = self.matching(choices.ready(), free);
        let last = (matching.len() + usize::from(self.new_word(field).is_some())).saturating_sub(1);
        let page = usize::from(self.list.height).max(2) - 1;
        let key = Key::from(event);
        match key.code() {
            KeyCode::Esc => return PopupEvent::Close(false),
            KeyCode::Down | KeyCode::Tab if key.mods().is_empty() => self.cursor = (self.cursor + 1).min(last),
            KeyCode::Up | KeyCode::Tab => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::PageDown => self.cursor = (self.cursor + page).min(last),
            KeyCode::PageUp => self.cursor = self.cursor.saturating_sub(page),
            // Where further values may be typed, Enter takes what is typed or marked by it, and the list stays.
            KeyCode::Enter | KeyCode::Char(' ') if free && !self.filter.text().trim().is_empty() => {
                return self.mark(field, matching.get(self.cursor).copied());
            }
            KeyCode::Enter if is_multi => return PopupEvent::Close(false),
            KeyCode::Enter => return self.take(field, matching.get(self.cursor).copied()),
            KeyCode::Char(' ') if is_multi => return toggle(field, matching.get(self.cursor).copied()),
            _ => match self.filter.key(event) {
                crate::ui::InputEvent::Changed => {
                    self.rewind();
                    if free {
                        self.nearest(choices.ready());
                    }
                }
                crate::ui::InputEvent::Ignored => return PopupEvent::Ignored,
                crate::ui::InputEvent::Used => {}
            },
        }
        PopupEvent::Used
    }

    pub fn paste(&mut self, pasted: &str) {
        self.filter.paste(pasted);
        self.rewind();
    }

    /// Puts the cursor on the word that is typed, or on one that begins so.
    fn nearest(&mut self, choices: &[Choice]) {
        let (matching, typed) = (self.matching(choices, true), self.filter.text().trim().to_lowercase());
        let word = |i: &usize| choices[*i].value.to_lowercase();
        let exact = matching.iter().position(|i| word(i) == typed);
        self.cursor = exact.or_else(|| matching.iter().position(|i| word(i).starts_with(&typed))).unwrap_or(0);
    }

    /// What is typed, if the field takes it and it is not among the choices: a line of its own below them.
    fn new_word(&self, field: &Field) -> Option<String> {
        let choices = match &field.kind {
            Kind::Select { choices, free, .. } | Kind::Multi { choices, free, .. } if *free => choices,
            // What could not be listed may be typed.
            Kind::Select { choices: choices @ Choices::Failed(_), .. } => choices,
            _ => return None,
        };
        let typed = self.filter.text().trim();
        (!typed.is_empty() && !choices.ready().iter().any(|c| c.value == typed)).then(|| typed.to_owned())
    }

    /// Marks the choice under the cursor, or adds what is typed; what is typed is done with then.
    fn mark(&mut self, field: &mut Field, choice: Option<usize>) -> PopupEvent {
        let mut choice = choice;
        let new = self.new_word(field);
        if let Kind::Multi { choices, chosen, .. } = &mut field.kind
            && choice.is_none()
        {
            let Some(word) = new else { return PopupEvent::Used };
            match choices {
                Choices::Ready(list) => {
                    list.push(Choice::new(word));
                    choice = Some(list.len() - 1);
                }
                _ => chosen.push(word),
            }
        }
        self.filter.clear();
        self.rewind();
        toggle(field, choice);
        PopupEvent::Changed
    }

    fn take(&self, field: &mut Field, choice: Option<usize>) -> PopupEvent {
        let typed = self.new_word(field);
        let Kind::Select { choices, chosen, .. } = &mut field.kind else { return PopupEvent::Close(false) };
        let value = match (choice.and_then(|i| choices.ready().get(i)), typed) {
            (Some(choice), _) => choice.value.clone(),
            (None, Some(typed)) => typed,
            (None, None) if choices.ready().is_empty() => return PopupEvent::Close(false),
            (None, None) => return PopupEvent::Used,
        };
        let changed = *chosen != value;
        *chosen = value;
        PopupEvent::Close(changed)
    }

    /// A click on a line of the list.
    pub fn click(&mut self, y: u16, field: &mut Field) -> PopupEvent {
        let line = self.offset + usize::from(y.saturating_sub(self.list.y));
        let matching = match &field.kind {
            Kind::Select { choices, .. } => self.matching(choices.ready(), false),
            Kind::Multi { choices, free, .. } => self.matching(choices.ready(), *free),
            _ => Vec::new(),
        };
        let (choice, is_new) = (matching.get(line).copied(), line == matching.len() && self.new_word(field).is_some());
        if choice.is_none() && !is_new {
            return PopupEvent::Used;
        }
        self.cursor = line;
        match field.kind {
            Kind::Multi { .. } if is_new => self.mark(field, None),
            Kind::Multi { .. } => toggle(field, choice),
            _ => self.take(field, choice),
        }
    }

    /// Draws over whatever is there: below the field (`anchor`) where there is more room, else above.
    pub fn draw(&mut self, frame: &mut Frame, area: Rect, anchor: Rect, field: &Field, look: &Look, now: Millis) {
        (self.outer, self.list) = Default::default();
        let (choices, marked): (&Choices, &[String]) = match &field.kind {
            Kind::Select { choices, chosen, .. } => (choices, std::slice::from_ref(chosen)),
            Kind::Multi { choices, chosen, .. } => (choices, chosen),
            _ => return,
        };
        let matching = self.matching(choices.ready(), matches!(field.kind, Kind::Multi { free: true, .. }));
        let label_width = choices.ready().iter().map(|c| text::width(&text::clean(&c.label))).max().unwrap_or(0);
        let detail_width = choices.ready().iter().map(|c| text::width(&text::clean(&c.detail))).max().unwrap_or(0);
        let new = self.new_word(field).map(|word| match (&field.kind, matching.is_empty()) {
            (Kind::Multi { .. }, _) => format!("[+] {} (new)", text::clean(&word)),
            (_, true) => format!("  Enter takes \"{}\"", text::clean(&word)),
            (_, false) => format!("  as typed: \"{}\"", text::clean(&word)),
        });
        let new_width = new.as_deref().map_or(0, |words| text::width(words) + 4);
        let wanted = (label_width + detail_width + 9).max(new_width).clamp(24, usize::from(u16::MAX)) as u16;
        let width = wanted.max(anchor.width.min(40)).min(area.width);
        let lines = (matching.len() + usize::from(new.is_some())).clamp(1, 10) as u16 + 3;
        let most = choices.ready().len().clamp(1, 10) as u16 + 3;
        let x = anchor.x.min(area.right().saturating_sub(width)).max(area.x);
        let (rows, framed) = beside(area, anchor, lines, most.max(lines));
        let outer = Rect { x, width, ..rows };
        if outer.width < 5 || outer.height < 2 {
            return;
        }
        self.outer = outer;
        frame.render_widget(Clear, outer);
        let mut inner = outer;
        if framed {
            let block = look.block(&field.label, true);
            inner = block.inner(outer);
            frame.render_widget(block, outer);
        }
        let search = Rect { height: 1, ..inner };
        frame.buffer_mut().set_stringn(search.x, search.y, "/", 1, look.style(Role::Key));
        let typing = Rect { x: search.x + 1, width: search.width.saturating_sub(1), ..search };
        self.filter.draw(frame, typing, look, true);
        let list = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
        self.list = list;
        let buffer = frame.buffer_mut();
        let room = usize::from(list.width);
        let hint = match choices {
            _ if new.is_some() => None,
            Choices::Loading => Some((format!("{} loading", look.glyphs.spin(now)), Role::Muted)),
            Choices::Failed(why) => {
                Some((format!("{}; type a value and press Enter", text::clean(why)), Role::ErrorText))
            }
            Choices::Ready(list) if list.is_empty() && matches!(field.kind, Kind::Multi { free: true, .. }) => {
                Some(("type a word and press Enter".into(), Role::Muted))
            }
            Choices::Ready(list) if list.is_empty() => Some(("there is nothing to choose from".into(), Role::Muted)),
            Choices::Ready(_) if matching.is_empty() => Some(("no match".into(), Role::Muted)),
            Choices::Ready(_) => None,
        };
        if let Some((hint, role)) = hint {
            for (y, line) in (list.y..list.bottom()).zip(text::wrap(&hint, room)) {
                buffer.set_stringn(list.x, y, line, room, look.style(role));
            }
            return;
        }
        let height = usize::from(list.height);
        let count = matching.len() + usize::from(new.is_some());
        self.cursor = self.cursor.min(count.saturating_sub(1));
        self.offset = self.offset.min(self.cursor).max((self.cursor + 1).saturating_sub(height));
        for (line, choice) in matching.iter().skip(self.offset).take(height).enumerate() {
            let choice = &choices.ready()[*choice];
            let y = list.y + line as u16;
            let mark = match (&field.kind, marked.contains(&choice.value)) {
                (Kind::Multi { .. }, true) => "[x]",
                (Kind::Multi { .. }, false) => "[ ]",
                (_, true) => look.glyphs.ok,
                (_, false) => " ",
            };
            let label_room = label_width.min(room.saturating_sub(5));
            let label = text::fit(&text::clean(&choice.label), label_room, look.glyphs.ellipsis);
            let (x, _) = buffer.set_stringn(list.x, y, format!("{mark} {label}  "), room, look.style(Role::Text));
            let detail = text::clean(&choice.detail);
            let left = usize::from(list.right().saturating_sub(x + 1));
            buffer.set_stringn(x, y, text::cut(&detail, left, look.glyphs.ellipsis), left, look.style(Role::Muted));
            if self.offset + line == self.cursor {
                buffer.set_style(Rect { y, height: 1, ..list }, look.style(Role::Selected));
            }
        }
        if let Some(words) = new {
            let line = matching.len() - self.offset.min(matching.len());
            if line < height {
                let y = list.y + line as u16;
                let words = text::cut(&words, room, look.glyphs.ellipsis);
                buffer.set_stringn(list.x, y, words, room, look.style(Role::Accent));
                if matching.len() == self.cursor {
                    buffer.set_style(Rect { y, height: 1, ..list }, look.style(Role::Selected));
                }
            }
        }
        draw_scrollbar(buffer, list, self.offset, count, look);
    }
}

/// Rows for so many lines, their frame included, beside the anchor and never over it: below where they fit or where
/// there is more room, else above. The side is chosen for `most` lines, so that typing into the filter does not change
/// it. False: without the frame, which goes first where there is little room.
fn beside(area: Rect, anchor: Rect, lines: u16, most: u16) -> (Rect, bool) {
    let below = area.bottom().saturating_sub(anchor.bottom());
    let above = anchor.y.saturating_sub(area.y);
    let (room, is_below) = if below >= most || below >= above { (below, true) } else { (above, false) };
    let framed = lines <= room || room >= FRAMED;
    let height = if framed { lines } else { lines - 2 }.min(room);
    let rows = match (is_below, height) {
        // Neither what is typed nor a line of the list would be seen.
        (_, 0..2) => Rect { height: (lines - 2).min(area.height), ..area },
        (true, _) => Rect { y: anchor.bottom(), height, ..area },
        (false, _) => Rect { y: anchor.y - height, height, ..area },
    };
    (rows, framed)
}

fn toggle(field: &mut Field, choice: Option<usize>) -> PopupEvent {
    let is_ordered = field.ordered;
    let Kind::Multi { choices, chosen, .. } = &mut field.kind else { return PopupEvent::Used };
    let Some(choice) = choice.and_then(|i| choices.ready().get(i)) else { return PopupEvent::Used };
    match chosen.iter().position(|v| *v == choice.value) {
        Some(i) => {
            chosen.remove(i);
        }
        None => {
            chosen.push(choice.value.clone());
            // The order of the choices, not of the clicks, so that equal sets are equal values.
            let position = |v: &String| choices.ready().iter().position(|c| c.value == *v).unwrap_or(usize::MAX);
            if !is_ordered {
                chosen.sort_by_key(position);
            }
        }
    }
    PopupEvent::Changed
}
