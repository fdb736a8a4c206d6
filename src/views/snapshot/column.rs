//! What the list of snapshots shows of each.

use super::tree::Row;
use crate::ui::{Cell, Column, Ctx, Role, Width, text};

/// The columns of the list.
pub fn columns() -> Vec<Column<Row>> {
    let left = Column::<Row>::left;
    vec![
        left("name", "Snapshot", Width::Flex { min: 16, max: 44 }, 0, |r: &Row, c: &Ctx| {
            let lines = r.lines(c.look.glyphs.set);
            match (&r.snapshot, r.snapshot.is_current()) {
                (s, true) if s.running => Cell::role(format!("{lines}NOW, running"), Role::Running),
                (_, true) => Cell::role(format!("{lines}NOW"), Role::Accent),
                (s, false) => format!("{lines}{}", s.name).into(),
            }
        }),
        left("date", "Made", Width::Fixed(11), 2, |r: &Row, c: &Ctx| {
            let made = r.snapshot.snaptime.filter(|_| !r.snapshot.is_current());
            made.map_or_else(String::new, |at| text::time_short(i64::try_from(at).unwrap_or(0), c.zone)).into()
        }),
        left("age", "Age", Width::Fixed(8), 1, |r: &Row, c: &Ctx| {
            r.snapshot.age(c.now).map_or_else(String::new, text::duration).into()
        })
        .right(),
        left("ram", "RAM", Width::Fixed(8), 1, |r: &Row, _: &Ctx| match (r.snapshot.vmstate, r.ram) {
            (true, Some(size)) => text::bytes(size).into(),
            (true, None) => "yes".into(),
            (false, _) => "".into(),
        })
        .right(),
        left("description", "Description", Width::Flex { min: 22, max: 90 }, 3, |r: &Row, _: &Ctx| {
            match (&r.snapshot.snapstate, r.snapshot.is_current()) {
                (Some(state), _) => Cell::role(format!("unfinished ({state})"), Role::Warning),
                (None, true) => Cell::role("you are here", Role::Muted),
                (None, false) => r.snapshot.description.trim().replace('\n', " ").into(),
            }
        }),
    ]
}

/// What a filter's words are looked for in.
pub fn searched(r: &Row, out: &mut String) {
    out.push_str(&r.snapshot.name);
    out.push(' ');
    out.push_str(&r.snapshot.description);
}
