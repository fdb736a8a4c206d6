//! Drawing: header, visible rows, scroll bar, footer.

use std::hash::Hash;

use ratatui::{Frame, buffer::Buffer, layout::Rect, style::Style};

use super::{Align, Cell, Column, Ctx, RowState, Table, Width, layout};
use crate::ui::{Look, Role, chart, text};

/// Cells before a row's text: mark or spinner, and a blank.
const PREFIX: u16 = 2;

impl<R, K: Ord + Hash + Clone> Table<R, K> {
    /// Draws the table. Only the rows in view are formatted.
    pub fn draw(&mut self, frame: &mut Frame, area: Rect, rows: &[R], ctx: &Ctx) {
        if area.width < PREFIX + 1 || area.height < 2 {
            return;
        }
        self.sync(rows, self.generation.unwrap_or(0));
        let footer = u16::from((self.footer || self.typing.is_some()) && area.height > 3);
        let header = Rect { height: 1, ..area };
        let body = Rect { y: area.y + 1, height: area.height - 1 - footer, ..area };
        let height = usize::from(body.height);
        self.scroll_into_view(height);
        let visible = self.offset..(self.offset + height).min(self.index.len());

        let scrollbar = self.index.len() > height;
        let room = area.width - PREFIX - u16::from(scrollbar);
        let cells = self.format(rows, visible.clone(), ctx);
        let (columns, hidden) = self.place(room);
        self.seen = super::Seen { body, header, columns, hidden };

        let buffer = frame.buffer_mut();
        self.draw_header(buffer, header, ctx.look);
        let range = self.range_positions();
        for (line, position) in visible.enumerate() {
            let row = Rect { y: body.y + line as u16, height: 1, ..body };
            let (Some(cells), Some(&i)) = (cells.get(line), self.index.get(position)) else { break };
            let key = &self.keys[i as usize];
            let mut state = self.row_state.map_or(RowState::default(), |state| state(&rows[i as usize], ctx));
            state.stale |= self.stale;
            state.busy |= self.busy.contains(key);
            let marked = self.marks.contains(key) || range.as_ref().is_some_and(|r| r.contains(&position));
            self.draw_row(buffer, row, cells, ctx, state, marked);
            if position == self.cursor {
                let width = row.width - u16::from(scrollbar);
                buffer.set_style(Rect { width, ..row }, ctx.look.style(Role::Selected));
            }
        }
        if self.index.is_empty() {
            self.draw_empty(buffer, body, ctx.look);
        }
        if scrollbar {
            draw_scrollbar(buffer, body, self.offset, self.index.len(), ctx.look);
        }
        if footer == 1 {
            let line = Rect { y: area.y + area.height - 1, height: 1, ..area };
            self.draw_footer(frame, line, ctx.look);
        }
    }

    fn scroll_into_view(&mut self, height: usize) {
        if self.follow {
            if self.cursor < self.offset {
                self.offset = self.cursor;
            } else if self.cursor >= self.offset + height {
                self.offset = self.cursor + 1 - height;
            }
        }
        self.offset = self.offset.min(self.index.len().saturating_sub(height));
    }

    /// Formats the visible rows and lets the fitting columns grow (they don't shrink, so that nothing jumps about).
    fn format(&mut self, rows: &[R], visible: std::ops::Range<usize>, ctx: &Ctx) -> Vec<Vec<Cell>> {
        let mut lines = Vec::with_capacity(visible.len());
        for &i in &self.index[visible] {
            let Some(row) = rows.get(i as usize) else { break };
            let cells: Vec<Cell> = self
                .columns
                .iter()
                .map(|column| {
                    let mut cell = (column.cell)(row, ctx);
                    if let std::borrow::Cow::Owned(cleaned) = text::clean(&cell.text) {
                        cell.text = cleaned;
                    }
                    cell
                })
                .collect();
            for ((column, cell), fit) in self.columns.iter().zip(&cells).zip(&mut self.fit) {
                if matches!(column.width, Width::Fit { .. }) {
                    *fit = (*fit).max(text::width(&cell.text).min(usize::from(u16::MAX)) as u16);
                }
            }
            lines.push(cells);
        }
        lines
    }

    /// Places the columns, scrolled sideways no further than needed to see the last one.
    fn place(&mut self, room: u16) -> (Vec<layout::Placed>, bool) {
        let movable = self.columns.iter().filter(|c| c.priority > 0).count();
        self.sideways = self.sideways.min(movable.saturating_sub(1));
        while self.sideways > 1 {
            // Would one step less already show the last column?
            let (placed, _) = layout::place(&self.columns, &self.fit, room, self.sideways - 1);
            let last = self.columns.iter().rposition(|c| c.priority > 0);
            if placed.iter().any(|p| Some(p.column) == last) {
                self.sideways -= 1;
            } else {
                break;
            }
        }
        layout::place(&self.columns, &self.fit, room, self.sideways)
    }

    fn draw_header(&self, buffer: &mut Buffer, area: Rect, look: &Look) {
        let style = look.style(Role::Header);
        for placed in &self.seen.columns {
            let column: &Column<R> = &self.columns[placed.column];
            let arrow = match self.sort {
                Some((i, descending)) if i == placed.column => {
                    if descending {
                        look.glyphs.sort_down
                    } else {
                        look.glyphs.sort_up
                    }
                }
                _ => "",
            };
            let width = usize::from(placed.width);
            let room = width.saturating_sub(text::width(arrow));
            let title = format!("{}{arrow}", text::cut(column.title, room, look.glyphs.ellipsis));
            let title =
                if column.align == Align::Right { text::pad_left(&title, width) } else { text::pad(&title, width) };
            text::put(buffer, (area.x + PREFIX + placed.x, area.y), &title, width, style);
        }
        if self.sideways > 0 {
            text::put_glyph(buffer, (area.x, area.y), look.glyphs.more_left, look.style(Role::Key));
        }
        if self.seen.hidden {
            text::put_glyph(buffer, (area.x + 1, area.y), look.glyphs.more_right, look.style(Role::Key));
        }
    }

    fn draw_row(&self, buffer: &mut Buffer, area: Rect, cells: &[Cell], ctx: &Ctx, state: RowState, marked: bool) {
        let look = ctx.look;
        if state.busy {
            text::put_glyph(buffer, (area.x, area.y), look.glyphs.spin(ctx.tick), look.style(Role::Accent));
        } else if marked {
            text::put_glyph(buffer, (area.x, area.y), look.glyphs.mark, look.style(Role::Marked));
        }
        // A marked row shows its glyph beside the spinner, too.
        if state.busy && marked {
            text::put_glyph(buffer, (area.x + 1, area.y), look.glyphs.mark, look.style(Role::Marked));
        }
        for placed in &self.seen.columns {
            let column: &Column<R> = &self.columns[placed.column];
            let cell = &cells[placed.column];
            let mut style = look.style(cell.role);
            if marked && column.priority == 0 {
                style = style.patch(look.style(Role::Marked));
            }
            if state.stale {
                style = style.patch(look.style(Role::Stale));
            }
            let x = area.x + PREFIX + placed.x;
            let place = Rect { x, width: placed.width, ..area };
            draw_cell(buffer, place, cell, column, style, look);
            if !state.stale {
                colour_chips(buffer, place, cell, look);
            }
        }
    }

    fn draw_empty(&self, buffer: &mut Buffer, area: Rect, look: &Look) {
        let text = if self.total == 0 {
            self.empty.clone()
        } else {
            format!("none of {} matches /{}", self.total, text::clean(self.filter.text()))
        };
        let lines = text::wrap(&text, usize::from(area.width.saturating_sub(2)));
        let top = area.y + (area.height / 3).min(area.height.saturating_sub(lines.len() as u16));
        for (y, line) in (top..area.bottom()).zip(lines) {
            let x = area.x + (area.width - text::width(&line) as u16) / 2;
            buffer.set_stringn(x, y, line, usize::from(area.width), look.style(Role::Muted));
        }
    }

    fn draw_footer(&mut self, frame: &mut Frame, area: Rect, look: &Look) {
        let status = self.status();
        let status_width = (text::width(&status) as u16).min(area.width);
        let left = Rect { width: area.width.saturating_sub(status_width + 1), ..area };
        let buffer = frame.buffer_mut();
        buffer.set_stringn(
            area.right() - status_width,
            area.y,
            status,
            usize::from(status_width),
            look.style(Role::Muted),
        );
        if left.width < 3 {
            return;
        }
        if let Some(typing) = &mut self.typing {
            buffer.set_stringn(left.x, left.y, "/", 1, look.style(Role::Key));
            let field = Rect { x: left.x + 1, width: left.width - 1, ..left };
            typing.draw(frame, field, look, true);
        } else if !self.filter.is_empty() {
            let text = format!("/{}", text::clean(self.filter.text()));
            let text = text::cut(&text, usize::from(left.width), look.glyphs.ellipsis);
            buffer.set_stringn(left.x, left.y, text, usize::from(left.width), look.style(Role::Key));
        }
    }
}

fn draw_cell<R>(buffer: &mut Buffer, area: Rect, cell: &Cell, column: &Column<R>, style: Style, look: &Look) {
    let width = usize::from(area.width);
    if let Some(share) = cell.bar
        && area.width >= 10
    {
        // "███░░░░  23%": the number keeps five cells, the bar the rest.
        let bar = Rect { width: area.width - 5, ..area };
        chart::draw_bar(buffer, bar, share, style, look);
        let number = text::pad_left(text::take(&cell.text, 5), 5);
        text::put(buffer, (bar.right(), area.y), &number, 5, style);
        return;
    }
    let ellipsis = look.glyphs.ellipsis;
    let shown = match column.width {
        Width::Flex { .. } => text::cut_middle(&cell.text, width, ellipsis),
        _ => text::cut(&cell.text, width, ellipsis),
    };
    let shift = match column.align {
        Align::Left => 0,
        Align::Right => area.width - (text::width(&shown) as u16).min(area.width),
    };
    text::put(buffer, (area.x + shift, area.y), &shown, width, style);
}

/// Gives the words that were drawn their colours, as far as they are in the picture.
fn colour_chips(buffer: &mut Buffer, area: Rect, cell: &Cell, look: &Look) {
    // What was cut has one cell less, for the ellipsis.
    let room =
        if text::width(&cell.text) > usize::from(area.width) { area.width.saturating_sub(1) } else { area.width };
    let mut x = 0;
    for chip in &cell.chips {
        let width = (text::width(&text::clean(&chip.text)) as u16).min(room.saturating_sub(x));
        if width == 0 {
            break;
        }
        buffer.set_style(Rect { x: area.x + x, width, ..area }, look.chip(chip));
        x += width + 1;
    }
}

/// Draws a scroll bar into the last column of `area`: `offset` lines of `total` are above.
pub(crate) fn draw_scrollbar(buffer: &mut Buffer, area: Rect, offset: usize, total: usize, look: &Look) {
    let height = usize::from(area.height);
    if height == 0 || area.width == 0 || total <= height {
        return;
    }
    let thumb = (height * height / total).max(1);
    let top = (offset * (height - thumb)).div_ceil(total - height).min(height - thumb);
    for line in 0..height {
        let (glyph, role) = if (top..top + thumb).contains(&line) {
            (look.glyphs.thumb, Role::BorderFocused)
        } else {
            (look.glyphs.track, Role::Border)
        };
        text::put_glyph(buffer, (area.right() - 1, area.y + line as u16), glyph, look.style(role));
    }
}
