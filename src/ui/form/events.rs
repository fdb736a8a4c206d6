//! Keys and mouse of a form.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::draw::Hit;
use super::field::Kind;
use super::popup::{Popup, PopupEvent};
use super::{Form, FormEvent, Spot};
use crate::ui::{InputEvent, Key};

impl Form {
    /// Handles a key.
    pub fn key(&mut self, event: KeyEvent) -> FormEvent {
        if event.kind == KeyEventKind::Release {
            return FormEvent::Ignored;
        }
        if let Some(mut popup) = self.popup.take() {
            let Some(field) = self.field_mut(self.focus) else { return FormEvent::Used };
            let outcome = popup.key(event, field);
            return self.after_popup(popup, outcome);
        }
        let key = Key::from(event);
        let (none, shift) = (key.mods().is_empty(), key.mods() == KeyModifiers::SHIFT);
        match key.code() {
            KeyCode::Tab if shift => self.step_focus(-1),
            KeyCode::Tab | KeyCode::Down if none => self.step_focus(1),
            KeyCode::Up if none => self.step_focus(-1),
            KeyCode::Char('s') if key.mods() == KeyModifiers::CONTROL => FormEvent::Submit,
            KeyCode::F(2) if none && self.has_advanced() => {
                self.set_advanced(!self.advanced);
                FormEvent::Used
            }
            KeyCode::F(3) if none => self.add_here(),
            KeyCode::F(4) if none => self.remove_here(),
            KeyCode::Esc => FormEvent::Ignored,
            _ => self.field_key(key, event),
        }
    }

    fn field_key(&mut self, key: Key, event: KeyEvent) -> FormEvent {
        let spot = self.focus;
        let name = self.key_of(spot);
        let touched = self.touched.replace(spot) == Some(spot);
        let Some(field) = self.field_mut(spot) else { return FormEvent::Ignored };
        let plain = key.mods().is_empty();
        // As in other forms: a number that is there is replaced by the first digit, and edited after a cursor key.
        if let (Kind::Number(input, _), KeyCode::Char(c), false) = (&mut field.kind, key.code(), touched)
            && plain
            && c.is_ascii_digit()
        {
            input.clear();
        }
        match (&mut field.kind, key.code()) {
            (Kind::Group(_), KeyCode::Enter | KeyCode::Char(' ')) if plain => self.add_here(),
            (Kind::Select { .. } | Kind::Multi { .. }, KeyCode::Enter | KeyCode::Char(' ')) if plain => {
                self.popup = Some(Popup::open(field));
                FormEvent::Used
            }
            (Kind::Select { .. }, KeyCode::Left | KeyCode::Right) if plain => {
                let changed = field.step(key.code() == KeyCode::Right);
                field.error = None;
                if changed { FormEvent::Changed(name) } else { FormEvent::Used }
            }
            // A letter on a select begins to search in its list.
            (Kind::Select { .. } | Kind::Multi { .. }, KeyCode::Char(_)) if plain => {
                let mut popup = Popup::open(field);
                let outcome = popup.key(event, field);
                self.after_popup(popup, outcome)
            }
            (Kind::Toggle(_), KeyCode::Char(' ') | KeyCode::Left | KeyCode::Right) if plain => {
                field.step(true);
                field.error = None;
                FormEvent::Changed(name)
            }
            (Kind::Toggle(on), KeyCode::Char(c @ ('y' | 'n'))) if plain => {
                let wanted = c == 'y';
                if *on == wanted {
                    return FormEvent::Used;
                }
                *on = wanted;
                FormEvent::Changed(name)
            }
            (_, KeyCode::Enter) if plain => {
                if self.stops().last() == Some(&spot) {
                    FormEvent::Submit
                } else {
                    self.step_focus(1)
                }
            }
            (Kind::Text(input) | Kind::Number(input, _) | Kind::Secret(input), _) => match input.key(event) {
                InputEvent::Ignored => FormEvent::Ignored,
                InputEvent::Used => FormEvent::Used,
                InputEvent::Changed => {
                    field.error = None;
                    FormEvent::Changed(name)
                }
            },
            _ => FormEvent::Ignored,
        }
    }

    fn after_popup(&mut self, popup: Popup, outcome: PopupEvent) -> FormEvent {
        let changed = match outcome {
            PopupEvent::Ignored => {
                self.popup = Some(popup);
                return FormEvent::Ignored;
            }
            PopupEvent::Used => {
                self.popup = Some(popup);
                false
            }
            PopupEvent::Changed => {
                self.popup = Some(popup);
                true
            }
            PopupEvent::Close(changed) => changed,
        };
        if !changed {
            return FormEvent::Used;
        }
        let name = self.key_of(self.focus);
        if let Some(field) = self.field_mut(self.focus) {
            field.error = None;
        }
        FormEvent::Changed(name)
    }

    /// Inserts pasted text into the field with the focus.
    pub fn paste(&mut self, pasted: &str) -> FormEvent {
        if let Some(popup) = &mut self.popup {
            popup.paste(pasted);
            return FormEvent::Used;
        }
        let name = self.key_of(self.focus);
        match self.field_mut(self.focus) {
            Some(field) => match &mut field.kind {
                Kind::Text(input) | Kind::Number(input, _) | Kind::Secret(input) => {
                    input.paste(pasted);
                    field.error = None;
                    FormEvent::Changed(name)
                }
                _ => FormEvent::Ignored,
            },
            None => FormEvent::Ignored,
        }
    }

    /// Handles the mouse, by what was drawn last.
    pub fn mouse(&mut self, event: MouseEvent) -> FormEvent {
        let at = Position::new(event.column, event.row);
        if let Some(mut popup) = self.popup.take() {
            let Some(field) = self.field_mut(self.focus) else { return FormEvent::Used };
            let step = |popup: &mut Popup, field: &mut _, code| popup.key(KeyEvent::from(code), field);
            let outcome = match event.kind {
                MouseEventKind::ScrollDown => step(&mut popup, field, KeyCode::Down),
                MouseEventKind::ScrollUp => step(&mut popup, field, KeyCode::Up),
                MouseEventKind::Down(MouseButton::Left) if popup.list.contains(at) => popup.click(at.y, field),
                // Its frame, or what is typed.
                MouseEventKind::Down(_) if popup.outer.contains(at) => PopupEvent::Used,
                MouseEventKind::Down(_) => PopupEvent::Close(false),
                _ => PopupEvent::Used,
            };
            return self.after_popup(popup, outcome);
        }
        match event.kind {
            MouseEventKind::ScrollDown => self.step_focus(1),
            MouseEventKind::ScrollUp => self.step_focus(-1),
            MouseEventKind::Down(MouseButton::Left) => {
                match self.seen.iter().find(|(y, _)| *y == at.y).map(|(_, hit)| *hit) {
                    Some(Hit::Fold) => {
                        self.set_advanced(!self.advanced);
                        FormEvent::Used
                    }
                    Some(Hit::Spot(spot)) if self.stops().contains(&spot) => self.click(spot, at),
                    _ => FormEvent::Ignored,
                }
            }
            _ => FormEvent::Ignored,
        }
    }

    fn click(&mut self, spot: Spot, at: Position) -> FormEvent {
        self.focus = spot;
        self.touched = Some(spot);
        let (left, right) = (self.value_area.x, self.value_area.right());
        if !(left..right).contains(&at.x) && !matches!(self.field(spot).map(|f| &f.kind), Some(Kind::Group(_))) {
            return FormEvent::Used;
        }
        let name = self.key_of(spot);
        let Some(field) = self.field_mut(spot) else { return FormEvent::Used };
        match &mut field.kind {
            Kind::Text(input) | Kind::Number(input, _) | Kind::Secret(input) => input.click(at.x - left),
            Kind::Toggle(on) => {
                *on = !*on;
                field.error = None;
                return FormEvent::Changed(name);
            }
            Kind::Select { .. } | Kind::Multi { .. } => self.popup = Some(Popup::open(field)),
            Kind::Group(_) => return self.add_here(),
            Kind::Note => {}
        }
        FormEvent::Used
    }

    /// Goes to the next or previous stop; stays at the ends. What was left is checked.
    fn step_focus(&mut self, by: isize) -> FormEvent {
        self.check_focused();
        let stops = self.stops();
        let here = stops.iter().position(|spot| *spot == self.focus);
        let next = here.map_or(0, |here| here.saturating_add_signed(by).min(stops.len().saturating_sub(1)));
        if let Some(spot) = stops.get(next) {
            self.focus = *spot;
            self.touched = None;
        }
        FormEvent::Used
    }

    /// Checks the field with the focus, unless it is still empty: nobody wants to be blamed for passing by.
    fn check_focused(&mut self) {
        let raw = self.raw();
        let spot = self.focus;
        let around = self.raw_around(spot, &raw);
        if let Some(field) = self.field_mut(spot)
            && field.has_value()
            && !field.value().is_empty()
            && let Some(problem) = field.problem(&around)
        {
            field.error = Some(problem);
        }
    }

    /// Adds an item to the group that has the focus, and goes to it.
    fn add_here(&mut self) -> FormEvent {
        let index = self.focus.field;
        let Some(key) = self.fields.get(index).map(|f| f.key.clone()) else { return FormEvent::Ignored };
        let Some(item) = self.add_item(&key) else { return FormEvent::Ignored };
        let first = self.stops().into_iter().find(|s| s.field == index && s.item.is_some_and(|(n, _)| n == item));
        if let Some(spot) = first {
            self.focus = spot;
        }
        FormEvent::Changed(key)
    }

    /// Removes the group's item that has the focus.
    fn remove_here(&mut self) -> FormEvent {
        let Spot { field: index, item: Some((n, _)) } = self.focus else { return FormEvent::Ignored };
        let Some(field) = self.fields.get_mut(index) else { return FormEvent::Ignored };
        let key = field.key.clone();
        let Kind::Group(group) = &mut field.kind else { return FormEvent::Ignored };
        if group.items.len() <= *group.count.start() {
            return FormEvent::Used;
        }
        group.items.remove(n);
        let stops = self.stops();
        let near = stops.iter().find(|s| s.field == index && s.item.is_some_and(|(m, _)| m >= n));
        let near = near.or_else(|| stops.iter().rev().find(|s| s.field == index));
        self.focus = near.or(stops.first()).copied().unwrap_or_default();
        FormEvent::Changed(key)
    }
}
