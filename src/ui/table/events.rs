//! Keys and mouse.

use std::hash::Hash;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::{Table, TableEvent};
use crate::ui::{InputEvent, Key, Millis};

/// Two clicks within this time are a double click.
const DOUBLE_CLICK: Millis = 400;
/// Lines per step of the wheel.
const WHEEL: usize = 3;

impl<R, K: Ord + Hash + Clone> Table<R, K> {
    /// Handles a key. While the filter is being typed, all keys are the table's.
    pub fn key(&mut self, event: KeyEvent) -> TableEvent {
        if event.kind == KeyEventKind::Release {
            return TableEvent::Ignored;
        }
        self.marked.take();
        if self.typing.is_some() {
            return self.typing_key(event);
        }
        let key = Key::from(event);
        let page = usize::from(self.seen.body.height).max(2) - 1;
        let last = self.index.len().saturating_sub(1);
        let (here, ctrl) = (self.cursor, key.mods() == KeyModifiers::CONTROL);
        if !key.mods().is_empty() && !ctrl {
            return TableEvent::Ignored;
        }
        match key.code() {
            KeyCode::Char('d') if ctrl => self.move_to((here + page / 2).min(last)),
            KeyCode::Char('u') if ctrl => self.move_to(here.saturating_sub(page / 2)),
            KeyCode::Char('a') if ctrl => self.mark_all(),
            _ if ctrl => TableEvent::Ignored,
            KeyCode::Char('j') | KeyCode::Down => self.move_to((here + 1).min(last)),
            KeyCode::Char('k') | KeyCode::Up => self.move_to(here.saturating_sub(1)),
            KeyCode::Char('g') | KeyCode::Home => self.move_to(0),
            KeyCode::Char('G') | KeyCode::End => self.move_to(last),
            KeyCode::PageDown => self.move_to((here + page).min(last)),
            KeyCode::PageUp => self.move_to(here.saturating_sub(page)),
            KeyCode::Char(' ') => {
                if self.range.is_some() {
                    return self.end_range();
                }
                self.toggle_mark(self.selected.clone());
                self.move_to((here + 1).min(last));
                TableEvent::Marked
            }
            KeyCode::Char('v') if self.range.is_some() => self.end_range(),
            KeyCode::Char('v') if !self.index.is_empty() => {
                self.range = self.selected.clone();
                TableEvent::Marked
            }
            KeyCode::Char('*') => self.mark_all(),
            KeyCode::Char('o') => self.next_sort(),
            KeyCode::Char('/') => {
                self.start_filter();
                TableEvent::Used
            }
            KeyCode::Right if self.seen.hidden => {
                self.sideways += 1;
                TableEvent::Used
            }
            KeyCode::Left if self.sideways > 0 => {
                self.sideways -= 1;
                TableEvent::Used
            }
            KeyCode::Enter if self.selected.is_some() => TableEvent::Open,
            // Esc takes back one thing at a time: the range, the marks, the filter.
            KeyCode::Esc if self.range.take().is_some() => TableEvent::Marked,
            KeyCode::Esc if !self.marks.is_empty() => {
                self.clear_marks();
                TableEvent::Marked
            }
            KeyCode::Esc if !self.filter.is_empty() => {
                self.set_filter("");
                TableEvent::Filtered
            }
            _ => TableEvent::Ignored,
        }
    }

    fn typing_key(&mut self, event: KeyEvent) -> TableEvent {
        let Some(input) = &mut self.typing else { return TableEvent::Ignored };
        match event.code {
            KeyCode::Enter => {
                self.typing = None;
                TableEvent::Used
            }
            KeyCode::Esc => {
                self.typing = None;
                self.set_filter("");
                TableEvent::Filtered
            }
            KeyCode::Down | KeyCode::Up | KeyCode::PageDown | KeyCode::PageUp => {
                let typing = self.typing.take();
                let outcome = self.key(event);
                self.typing = typing;
                outcome
            }
            _ => match input.key(event) {
                InputEvent::Changed => {
                    let text = input.text().to_owned();
                    self.set_filter(&text);
                    TableEvent::Filtered
                }
                // Leaving, suspending and drawing anew work while something is typed, too.
                InputEvent::Ignored if event.modifiers.contains(KeyModifiers::CONTROL) => TableEvent::Ignored,
                InputEvent::Used | InputEvent::Ignored => TableEvent::Used,
            },
        }
    }

    /// Pasted text goes into the filter line while that is open.
    pub fn paste(&mut self, pasted: &str) -> TableEvent {
        let Some(input) = &mut self.typing else { return TableEvent::Ignored };
        input.paste(pasted);
        let text = input.text().to_owned();
        self.set_filter(&text);
        TableEvent::Filtered
    }

    /// Handles the mouse, by what was drawn last. `now` tells double clicks.
    pub fn mouse(&mut self, event: MouseEvent, now: Millis) -> TableEvent {
        let at = Position::new(event.column, event.row);
        self.marked.take();
        let (body, header) = (self.seen.body, self.seen.header);
        match event.kind {
            MouseEventKind::ScrollDown if body.contains(at) => self.wheel(WHEEL as isize),
            MouseEventKind::ScrollUp if body.contains(at) => self.wheel(-(WHEEL as isize)),
            MouseEventKind::Down(MouseButton::Left) if header.contains(at) => self.click_header(at.x),
            MouseEventKind::Down(button @ (MouseButton::Left | MouseButton::Right)) if body.contains(at) => {
                let position = self.offset + usize::from(at.y - body.y);
                let Some(key) = self.key_at(position) else { return TableEvent::Ignored };
                let follow = self.follow;
                let moved = self.move_to(position);
                // A click must not scroll the list under the pointer.
                self.follow = follow;
                if button == MouseButton::Right {
                    return TableEvent::Menu(at.x, at.y);
                }
                if event.modifiers.contains(KeyModifiers::CONTROL) {
                    self.toggle_mark(Some(key));
                    return TableEvent::Marked;
                }
                let double =
                    self.clicked.take().is_some_and(|(then, k)| k == key && now.saturating_sub(then) <= DOUBLE_CLICK);
                if double {
                    return TableEvent::Open;
                }
                self.clicked = Some((now, key));
                moved
            }
            _ => TableEvent::Ignored,
        }
    }

    fn wheel(&mut self, lines: isize) -> TableEvent {
        let most = self.index.len().saturating_sub(usize::from(self.seen.body.height));
        let offset = self.offset.saturating_add_signed(lines).min(most);
        if offset == self.offset {
            return TableEvent::Ignored;
        }
        self.offset = offset;
        self.follow = false;
        TableEvent::Used
    }

    fn click_header(&mut self, x: u16) -> TableEvent {
        let Some(x) = x.checked_sub(self.seen.header.x + 2) else { return TableEvent::Ignored };
        let Some(placed) = self.seen.columns.iter().find(|p| (p.x..p.x + p.width).contains(&x)) else {
            return TableEvent::Ignored;
        };
        let column = placed.column;
        if self.columns[column].sort.is_none() {
            return TableEvent::Ignored;
        }
        self.sort = Some((column, matches!(self.sort, Some((i, false)) if i == column)));
        self.dirty = true;
        TableEvent::Sorted
    }

    /// Upwards, downwards, then the next sortable column.
    fn next_sort(&mut self) -> TableEvent {
        let sortable: Vec<usize> = (0..self.columns.len()).filter(|i| self.columns[*i].sort.is_some()).collect();
        let Some(first) = sortable.first() else { return TableEvent::Ignored };
        self.sort = Some(match self.sort {
            None => (*first, false),
            Some((i, false)) => (i, true),
            Some((i, true)) => (sortable.iter().find(|s| **s > i).copied().unwrap_or(*first), false),
        });
        self.dirty = true;
        TableEvent::Sorted
    }

    pub(super) fn move_to(&mut self, position: usize) -> TableEvent {
        self.marked.take();
        self.follow = true;
        self.lost = false;
        let moved = position != self.cursor;
        self.cursor = position;
        self.selected = self.key_at(position);
        if moved { TableEvent::Moved } else { TableEvent::Used }
    }

    fn toggle_mark(&mut self, key: Option<K>) {
        if let Some(key) = key
            && !self.marks.remove(&key)
        {
            self.marks.insert(key);
        }
    }

    fn end_range(&mut self) -> TableEvent {
        self.marks = self.all_marks();
        self.range = None;
        TableEvent::Marked
    }

    /// Marks all shown rows, or unmarks them when they all are marked.
    fn mark_all(&mut self) -> TableEvent {
        let shown: Vec<K> = self.index.iter().map(|&i| self.keys[i as usize].clone()).collect();
        self.range = None;
        if shown.iter().all(|key| self.marks.contains(key)) {
            for key in &shown {
                self.marks.remove(key);
            }
        } else {
            self.marks.extend(shown);
        }
        TableEvent::Marked
    }
}
