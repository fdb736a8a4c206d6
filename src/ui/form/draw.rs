//! Drawing of a form: one line per field, its error below it, help at the bottom, scrolled to the focus.

use ratatui::{Frame, buffer::Buffer, layout::Rect};

use super::field::{Choices, Field, Kind};
use super::{Form, Spot};
use crate::ui::table::draw_scrollbar;
use crate::ui::{Look, Millis, Role, text};

/// What a line of the screen stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hit {
    Spot(Spot),
    Fold,
    Nothing,
}

enum Line {
    Field(Spot),
    Text(String, Role),
    Fold(usize),
}

impl Form {
    /// Draws the form. `focused`: the form has the focus (else no cursor is shown).
    pub fn draw(&mut self, frame: &mut Frame, area: Rect, look: &Look, now: Millis, focused: bool) {
        self.draw_fields(frame, area, look, now, focused);
        self.draw_choices(frame, area, look, now);
    }

    /// Draws the form without the list that may be open: [`Form::draw_choices`] follows when all else is drawn.
    pub fn draw_fields(&mut self, frame: &mut Frame, area: Rect, look: &Look, now: Millis, focused: bool) {
        self.seen.clear();
        if area.width < 8 || area.height == 0 {
            return;
        }
        // While something wrong is typed, why stands in the place of the help: the lines above don't jump.
        let raw = self.raw();
        let typed = self.field(self.focus).is_some_and(|f| f.error.is_none() && f.is_filled());
        let why = if typed { self.problem_at(self.focus, &raw) } else { None };
        let (help, help_role) = match why {
            Some(why) => (format!("{} {}", look.glyphs.failed, text::clean(&why)), Role::ErrorText),
            None => (self.field(self.focus).map(|f| f.help.clone()).unwrap_or_default(), Role::Muted),
        };
        let help = text::wrap(&help, usize::from(area.width));
        let any_help = self
            .all_spots()
            .into_iter()
            .any(|s| self.field(s).is_some_and(|f| !f.help.is_empty() || !f.checks.is_empty()));
        let label_width = self.label_width(area.width);
        let lines = self.lines(look, usize::from(area.width.saturating_sub(label_width + 1)), usize::from(area.width));
        let help_height = match (any_help, area.height) {
            (false, _) | (_, ..4) => 0,
            // In a small area fields come first.
            (true, 4..12) if lines.len() + 2 > usize::from(area.height) => 1,
            (true, _) => 2,
        };
        let body = Rect { height: area.height - help_height, ..area };
        let height = usize::from(body.height);
        self.scroll_to_focus(&lines, height);
        let scrollbar = u16::from(lines.len() > height);
        let x = area.x + label_width + 1;
        self.value_area = Rect { x, width: area.right().saturating_sub(x + scrollbar), ..body };
        for (i, line) in lines.iter().enumerate().skip(self.scroll).take(height) {
            let y = body.y + (i - self.scroll) as u16;
            let hit = match line {
                Line::Field(spot) => {
                    self.draw_field(frame, Rect { y, height: 1, ..body }, *spot, label_width, look, now, focused);
                    Hit::Spot(*spot)
                }
                Line::Text(text, role) => {
                    frame.buffer_mut().set_stringn(
                        body.x,
                        y,
                        text,
                        usize::from(body.width - scrollbar),
                        look.style(*role),
                    );
                    Hit::Nothing
                }
                Line::Fold(hidden) => {
                    let (glyph, text) = match self.advanced {
                        true => (look.glyphs.fold_open, "Advanced  F2 hides".to_owned()),
                        false => (look.glyphs.fold_closed, format!("Advanced  F2 shows {hidden} more")),
                    };
                    let text = format!("{glyph} {text}");
                    frame.buffer_mut().set_stringn(
                        body.x,
                        y,
                        text,
                        usize::from(body.width - scrollbar),
                        look.style(Role::Muted),
                    );
                    Hit::Fold
                }
            };
            self.seen.push((y, hit));
        }
        draw_scrollbar(frame.buffer_mut(), body, self.scroll, lines.len(), look);
        for (y, line) in (body.bottom()..area.bottom()).zip(help) {
            frame.buffer_mut().set_stringn(area.x, y, line, usize::from(area.width), look.style(help_role));
        }
    }

    /// Draws the open list of choices above or below its field, wherever in `room` there is enough room for it.
    pub fn draw_choices(&mut self, frame: &mut Frame, room: Rect, look: &Look, now: Millis) {
        let Some(mut popup) = self.popup.take() else { return };
        let y = self.seen.iter().find(|(_, hit)| matches!(hit, Hit::Spot(s) if *s == self.focus)).map(|(y, _)| *y);
        let anchor = Rect { y: y.unwrap_or(room.y), height: 1, ..self.value_area };
        if let Some(field) = self.field(self.focus) {
            popup.draw(frame, room, anchor, field, look, now);
        }
        self.popup = Some(popup);
    }

    /// How many lines the form would like to have (for dialogs that fit their form).
    pub fn height(&self, width: u16) -> u16 {
        let look = Look::new(crate::ui::Depth::Mono, crate::ui::GlyphSet::Ascii);
        let help =
            if self.all_spots().into_iter().any(|s| self.field(s).is_some_and(|f| !f.help.is_empty())) { 2 } else { 0 };
        let room = usize::from(width.saturating_sub(self.label_width(width) + 1));
        u16::try_from(self.lines(&look, room, usize::from(width)).len()).unwrap_or(u16::MAX).saturating_add(help)
    }

    fn label_width(&self, width: u16) -> u16 {
        let labels = self.all_spots().into_iter().filter_map(|s| self.field(s));
        let labelled = labels.filter(|f| !matches!(f.kind, Kind::Note | Kind::Group(_)));
        let widest = labelled.map(|f| text::width(&f.label) + 2).max().unwrap_or(0) as u16;
        widest.min(width * 2 / 5)
    }

    fn lines(&self, look: &Look, value_width: usize, width: usize) -> Vec<Line> {
        let shown = self.shown();
        let mut lines = Vec::new();
        let mut item = None;
        let is_advanced = |s: &Spot| s.item.is_none() && self.fields[s.field].advanced;
        // The line stands above the advanced fields where they are at the end, else below all.
        let first_advanced = shown.iter().position(is_advanced).filter(|i| shown[*i..].iter().all(is_advanced));
        let raw = self.raw();
        let hidden = self
            .all_spots()
            .into_iter()
            .filter(|s| {
                self.is_there(*s, &raw) && !shown.contains(s) && self.field(*s).is_some_and(|f| !f.key.is_empty())
            })
            .count();
        for (i, spot) in shown.iter().enumerate() {
            if self.advanced && first_advanced == Some(i) {
                lines.push(Line::Fold(0));
            }
            let (Some(field), top) = (self.field(*spot), &self.fields[spot.field]) else { continue };
            if let Some((n, _)) = spot.item
                && item != Some((spot.field, n))
            {
                item = Some((spot.field, n));
                lines.push(Line::Text(self.item_title(top, n, look, width), Role::Title));
            }
            match &field.kind {
                Kind::Note => {
                    lines.extend(
                        text::wrap(&text::clean(&field.label), width).into_iter().map(|l| Line::Text(l, Role::Muted)),
                    );
                }
                Kind::Group(group) if group.items.len() >= *group.count.end() => {}
                _ => lines.push(Line::Field(*spot)),
            }
            if let Some(error) = &field.error {
                let indent = width.saturating_sub(value_width);
                let wrapped = text::wrap(&text::clean(&error.replace('\n', " ")), value_width.saturating_sub(2).max(8));
                for (n, line) in wrapped.into_iter().enumerate() {
                    let mark = if n == 0 { look.glyphs.failed } else { " " };
                    lines.push(Line::Text(format!("{}{mark} {line}", " ".repeat(indent)), Role::ErrorText));
                }
            } else if field.warn.is_some()
                && let Some(warning) = field.warning(&self.raw_around(*spot, &raw))
            {
                let indent = width.saturating_sub(value_width);
                for (n, line) in text::wrap(&warning, value_width.saturating_sub(2).max(8)).into_iter().enumerate() {
                    let mark = if n == 0 { look.glyphs.warning } else { " " };
                    lines.push(Line::Text(format!("{}{mark} {line}", " ".repeat(indent)), Role::Warning));
                }
            }
        }
        if hidden > 0 && !self.advanced {
            lines.push(Line::Fold(hidden));
        } else if self.advanced && first_advanced.is_none() && self.has_advanced() {
            lines.push(Line::Fold(0));
        }
        lines
    }

    fn item_title(&self, group: &Field, n: usize, look: &Look, width: usize) -> String {
        let removable = matches!(&group.kind, Kind::Group(g) if g.items.len() > *g.count.start());
        let only = matches!(&group.kind, Kind::Group(g) if *g.count.end() == 1);
        let number = if only { String::new() } else { format!("{} ", n + 1) };
        let mut title = format!("{0}{0} {1} {number}", look.glyphs.horizontal, group.label);
        if removable && self.focus.field < self.fields.len() && self.focus.item.is_some_and(|(m, _)| m == n) {
            title.push_str("(F4 removes) ");
        }
        let rest = width.saturating_sub(text::width(&title) + 1).min(40);
        title + &look.glyphs.horizontal.repeat(rest)
    }

    fn scroll_to_focus(&mut self, lines: &[Line], height: usize) {
        let Some(line) = lines.iter().position(|l| matches!(l, Line::Field(s) if *s == self.focus)) else {
            self.scroll = self.scroll.min(lines.len().saturating_sub(height));
            return;
        };
        // The error below it and the title above it belong to it.
        let mut last = line;
        while matches!(lines.get(last + 1), Some(Line::Text(_, Role::ErrorText | Role::Warning))) {
            last += 1;
        }
        let first = if line > 0 && matches!(lines[line - 1], Line::Text(_, Role::Title | Role::Muted)) {
            line - 1
        } else {
            line
        };
        if last >= self.scroll + height {
            self.scroll = last + 1 - height;
        }
        if first < self.scroll {
            self.scroll = first;
        }
        if line >= self.scroll + height {
            self.scroll = line + 1 - height;
        }
        self.scroll = self.scroll.min(lines.len().saturating_sub(height));
    }

    #[allow(clippy::too_many_arguments)] // all of it is needed to draw one line
    fn draw_field(
        &mut self,
        frame: &mut Frame,
        area: Rect,
        spot: Spot,
        label_width: u16,
        look: &Look,
        now: Millis,
        focused: bool,
    ) {
        let is_focus = spot == self.focus;
        let has_cursor = is_focus && focused && self.popup.is_none();
        let value = Rect { y: area.y, height: 1, ..self.value_area };
        let hint = self.field(spot).and_then(|f| f.hint).map(|hint| hint(&self.raw_around(spot, &self.raw())));
        let hint = hint.flatten();
        let Some(field) = self.field_mut(spot) else { return };
        let label_role = if field.error.is_some() {
            Role::ErrorText
        } else if is_focus {
            Role::Title
        } else {
            Role::Text
        };
        let value_style = look.style(if is_focus && focused { Role::InputFocused } else { Role::Input });
        let buffer = frame.buffer_mut();
        if let Kind::Group(_) = field.kind {
            let style = if is_focus && focused { look.style(Role::Selected) } else { look.style(Role::Key) };
            let text = format!("[ + Add {} ]  F3", field.label.to_lowercase());
            buffer.set_stringn(area.x, area.y, text, usize::from(area.width), style);
            return;
        }
        let star = if field.required { "*" } else { "" };
        let room = usize::from(label_width).saturating_sub(1 + star.len());
        let pointer = if is_focus { look.glyphs.cursor } else { " " };
        let label = format!("{pointer}{}{star}", text::cut(&field.label, room, look.glyphs.ellipsis));
        buffer.set_stringn(area.x, area.y, label, usize::from(label_width), look.style(label_role));
        if value.width == 0 {
            return;
        }
        let unit_width = if field.unit.is_empty() { 0 } else { text::width(&field.unit) as u16 + 1 };
        let ellipsis = look.glyphs.ellipsis;
        let (end, after) = match &mut field.kind {
            Kind::Text(input) | Kind::Secret(input) => {
                // A hint behind it is read as a whole, as far as there is room.
                let beside = hint.as_deref().map_or(0, |hint| text::width(hint) as u16 + 2);
                let most = if field.unit.is_empty() { value.width.saturating_sub(beside).clamp(20, 60) } else { 12 };
                let width = value.width.saturating_sub(unit_width).clamp(1, most);
                input.draw(frame, Rect { width, ..value }, look, has_cursor);
                (value.x + width, field.unit.clone())
            }
            Kind::Number(input, range) => {
                let width = value.width.saturating_sub(unit_width).clamp(1, 12);
                input.draw(frame, Rect { width, ..value }, look, has_cursor);
                let bounds = match (is_focus, *range.end()) {
                    (true, end) if end < i64::from(u32::MAX) => format!("{} ({} to {end})", field.unit, range.start()),
                    _ => field.unit.clone(),
                };
                (value.x + width, bounds.trim().to_owned())
            }
            Kind::Toggle(on) => {
                let text = if *on { "[x] yes" } else { "[ ] no " };
                buffer.set_stringn(value.x, value.y, text, usize::from(value.width), value_style);
                (value.x + 7, field.unit.clone())
            }
            Kind::Select { choices, chosen, .. } => {
                let known = choices.ready().iter().find(|c| c.value == *chosen);
                let (shown, detail) = match known {
                    Some(choice) => (choice.label.clone(), choice.detail.clone()),
                    None if chosen.is_empty() => (field.placeholder.clone(), String::new()),
                    None => (chosen.clone(), String::new()),
                };
                draw_choice(buffer, value, &shown, &detail, choices, value_style, look, now)
            }
            Kind::Multi { choices, chosen, .. } => {
                let label =
                    |v: &String| choices.ready().iter().find(|c| c.value == *v).map_or(v.clone(), |c| c.label.clone());
                let shown = match chosen.is_empty() {
                    true => field.placeholder.clone(),
                    false => chosen.iter().map(label).collect::<Vec<_>>().join(", "),
                };
                draw_choice(buffer, value, &shown, "", choices, value_style, look, now)
            }
            Kind::Note | Kind::Group(_) => return,
        };
        let left = usize::from(value.right().saturating_sub(end + 1));
        if left > 0 {
            let after = match hint {
                Some(hint) if after.is_empty() => hint,
                Some(hint) => format!("{after}  {hint}"),
                None => after,
            };
            let after = text::clean(&after);
            frame.buffer_mut().set_stringn(
                end + 1,
                value.y,
                text::cut(&after, left, ellipsis),
                left,
                look.style(Role::Muted),
            );
        }
    }
}

/// A select's value with its arrow; returns where it ends and what stands behind it.
#[allow(clippy::too_many_arguments)]
fn draw_choice(
    buffer: &mut Buffer,
    area: Rect,
    shown: &str,
    detail: &str,
    choices: &Choices,
    style: ratatui::style::Style,
    look: &Look,
    now: Millis,
) -> (u16, String) {
    let widest = choices.ready().iter().map(|c| text::width(&text::clean(&c.label))).max().unwrap_or(0);
    let shown = text::clean(shown);
    let width = widest.max(text::width(&shown)).clamp(8, 40).min(usize::from(area.width.saturating_sub(2)).max(1));
    let field = format!("{} {}", text::fit(&shown, width, look.glyphs.ellipsis), look.glyphs.fold_open);
    buffer.set_stringn(area.x, area.y, field, usize::from(area.width), style);
    let after = match choices {
        Choices::Loading => format!("{} loading", look.glyphs.spin(now)),
        Choices::Failed(why) => format!("{} {why}", look.glyphs.failed),
        Choices::Ready(_) => detail.to_owned(),
    };
    (area.x + (width as u16 + 2).min(area.width), after)
}
