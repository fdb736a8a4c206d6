//! Which columns are shown, where, and how wide.

use super::{Column, Width};
use crate::ui::text;

/// A column's place: cells from the left edge of the row's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub column: usize,
    pub x: u16,
    pub width: u16,
}

/// A flexible column isn't squeezed below this; then columns are cut off at the right.
const NARROWEST: u16 = 4;

/// Places the columns in `room` cells; true when some column is not shown. `sideways` skips that many of the columns
/// that may move (priority above 0).
pub(super) fn place<R>(columns: &[Column<R>], fit: &[u16], room: u16, sideways: usize) -> (Vec<Placed>, bool) {
    let gap = if room >= 100 { 2 } else { 1 };
    let mut chosen: Vec<(usize, u16)> =
        columns.iter().enumerate().map(|(i, c)| (i, narrowest(c, fit.get(i).copied().unwrap_or(0)))).collect();
    let needed = |chosen: &[(usize, u16)]| -> u32 {
        chosen.iter().map(|(_, w)| u32::from(*w) + u32::from(gap)).sum::<u32>().saturating_sub(u32::from(gap))
    };
    if sideways > 0 {
        let mut skipped = 0;
        chosen.retain(|(i, _)| {
            let movable = columns[*i].priority > 0;
            skipped += usize::from(movable);
            !movable || skipped > sideways
        });
        // What doesn't fit at the right comes into view by scrolling on.
        while needed(&chosen) > u32::from(room) && chosen.len() > 1 {
            let Some(last) = chosen.iter().rposition(|(i, _)| columns[*i].priority > 0) else { break };
            chosen.remove(last);
        }
    } else {
        while needed(&chosen) > u32::from(room) {
            let Some(first_to_go) = (0..chosen.len())
                .filter(|p| columns[chosen[*p].0].priority > 0)
                .max_by_key(|p| (columns[chosen[*p].0].priority, *p))
            else {
                break;
            };
            chosen.remove(first_to_go);
        }
    }
    let hidden = chosen.len() < columns.len();
    spread(columns, &mut chosen, room, gap);
    let mut x = 0;
    let mut placed = Vec::with_capacity(chosen.len());
    for (column, width) in chosen {
        let width = width.min(room.saturating_sub(x));
        if width == 0 {
            break;
        }
        placed.push(Placed { column, x, width });
        x = x.saturating_add(width + gap);
    }
    (placed, hidden)
}

/// The width below which a column is dropped rather than squeezed.
fn narrowest<R>(column: &Column<R>, fit: u16) -> u16 {
    let title = text::width(column.title) as u16 + u16::from(column.sort.is_some());
    match column.width {
        Width::Fixed(width) => width,
        Width::Flex { min, .. } => min,
        Width::Fit { max } => fit.max(title).min(max),
    }
}

/// Gives what is left to the flexible columns, or takes from them what is missing.
fn spread<R>(columns: &[Column<R>], chosen: &mut [(usize, u16)], room: u16, gap: u16) {
    let used: u16 = chosen.iter().map(|(_, w)| w + gap).fold(0u16, u16::saturating_add).saturating_sub(gap);
    let flexible = |i: usize| match columns[i].width {
        Width::Flex { max, .. } => Some(max),
        _ => None,
    };
    let mut left = room.saturating_sub(used);
    while left > 0 {
        let mut given = false;
        for (i, width) in chosen.iter_mut() {
            if left > 0 && flexible(*i).is_some_and(|max| *width < max) {
                *width += 1;
                left -= 1;
                given = true;
            }
        }
        if !given {
            break;
        }
    }
    let mut missing = used.saturating_sub(room);
    while missing > 0 {
        let widest =
            chosen.iter_mut().filter(|(i, w)| flexible(*i).is_some() && *w > NARROWEST).max_by_key(|(_, w)| *w);
        let Some((_, width)) = widest else { break };
        *width -= 1;
        missing -= 1;
    }
}
