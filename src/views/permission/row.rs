//! The entries that hold for an object, and what the list shows of each.

use super::Known;
use crate::{
    api::acl::{self, Entry},
    ui::{Cell, Column, Ctx, Role, Width, table::RowState},
};

/// Where an entry comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// It stands on the very path.
    Here,
    /// It stands on a path above.
    Above,
    /// The pool that the object is in has it, or one above that.
    Pool,
}

/// An entry that holds for the object, or would if no other took its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The entry.
    pub entry: Entry,
    /// Where it comes from.
    pub origin: Origin,
    /// The path of the entry that takes its place.
    pub replaced: Option<String>,
}

/// The rows for a path: only its own entries, or with them those that reach it.
pub fn arrange(known: &Known, path: &str, inherited: bool) -> Vec<Row> {
    let mut rows = reach(&known.entries, path, Origin::Above);
    if let Some(pool) = &known.pool {
        let mut through = reach(&known.entries, pool, Origin::Pool);
        // What holds for everything is there already.
        through.retain(|row| row.entry.path != "/");
        rows.extend(through);
    }
    rows.retain(|row| inherited || row.origin == Origin::Here);
    rows.sort_by(|a, b| {
        let depth = |row: &Row| std::cmp::Reverse(acl::chain(&row.entry.path).len());
        (a.origin, depth(a), &a.entry).cmp(&(b.origin, depth(b), &b.entry))
    });
    rows
}

fn reach(entries: &[Entry], path: &str, from: Origin) -> Vec<Row> {
    let chain = acl::chain(path);
    let holds = |e: &&Entry| e.path == path || e.propagate && chain.iter().any(|step| *step == e.path);
    let depth = |e: &Entry| chain.iter().position(|step| *step == e.path);
    let rows = entries.iter().filter(holds).map(|e| {
        let deeper = entries.iter().filter(holds).filter(|o| (o.kind, &o.who) == (e.kind, &e.who));
        let replaced = deeper.filter(|o| depth(o) > depth(e)).max_by_key(|o| depth(o)).map(|o| o.path.to_string());
        let origin = if e.path == path && from != Origin::Pool { Origin::Here } else { from };
        Row { entry: e.clone(), origin, replaced }
    });
    rows.collect()
}

/// The columns of the list.
pub fn columns() -> Vec<Column<Row>> {
    vec![
        Column::sorted(
            "kind",
            "Kind",
            Width::Fixed(5),
            1,
            |r: &Row, _: &Ctx| Cell::role(r.entry.kind.as_str(), Role::Muted),
            |a: &Row, b: &Row| a.entry.kind.cmp(&b.entry.kind),
        ),
        Column::sorted(
            "who",
            "Who",
            Width::Flex { min: 16, max: 48 },
            0,
            |r, _| r.entry.who.as_str().into(),
            |a, b| a.entry.who.cmp(&b.entry.who),
        ),
        Column::sorted(
            "role",
            "Role",
            Width::Fit { max: 28 },
            0,
            |r, _| match (r.entry.role.as_str(), &r.replaced) {
                (role, Some(_)) => Cell::role(role, Role::Muted),
                ("NoAccess", None) => Cell::role("NoAccess", Role::Warning),
                (role, None) => Cell::role(role, Role::Accent),
            },
            |a, b| a.entry.role.cmp(&b.entry.role),
        ),
        Column::sorted(
            "propagate",
            "Propagate",
            Width::Fixed(9),
            1,
            |r, _| if r.entry.propagate { "yes".into() } else { Cell::role("no", Role::Muted) },
            |a, b| a.entry.propagate.cmp(&b.entry.propagate),
        ),
        Column::sorted(
            "from",
            "From",
            Width::Flex { min: 12, max: 60 },
            2,
            |r, _| match (&r.replaced, r.origin) {
                (Some(by), _) => Cell::role(format!("{}, replaced by {by}", r.entry.path), Role::Warning),
                (None, Origin::Here) => "here".into(),
                (None, Origin::Above) => r.entry.path.as_str().into(),
                (None, Origin::Pool) => format!("{} (its pool)", r.entry.path).into(),
            },
            |a, b| a.entry.path.cmp(&b.entry.path),
        ),
    ]
}

/// What a filter's words are looked for in.
pub fn searched(r: &Row, out: &mut String) {
    for word in [r.entry.kind.as_str(), &r.entry.who, &r.entry.role, &r.entry.path] {
        out.push_str(word);
        out.push(' ');
    }
}

/// What does not count is shown like old data.
pub fn state(r: &Row, _: &Ctx) -> RowState {
    RowState { stale: r.replaced.is_some(), busy: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::acl::Kind;

    fn entry(path: &str, who: &str, propagate: bool) -> Entry {
        let (kind, role) = (Kind::User, "PVEAuditor".into());
        Entry { path: path.into(), kind, who: who.into(), role, propagate }
    }

    #[test]
    fn own_entries_alone_or_with_those_that_reach() {
        let entries = vec![
            entry("/", "a@pve", true),
            entry("/vms", "b@pve", false),
            entry("/vms/100", "a@pve", true),
            entry("/vms/101", "c@pve", true),
            entry("/pool/dev", "d@pve", true),
        ];
        let known = Known { entries, pool: Some("/pool/dev".into()), ..Known::default() };
        let brief = |inherited| {
            let rows = arrange(&known, "/vms/100", inherited);
            rows.iter().map(|r| format!("{} {:?} {:?}", r.entry.path, r.origin, r.replaced)).collect::<Vec<_>>()
        };
        assert_eq!(brief(false), ["/vms/100 Here None"]);
        assert_eq!(
            brief(true),
            ["/vms/100 Here None", "/ Above Some(\"/vms/100\")", "/pool/dev Pool None"],
            "what does not propagate does not reach it"
        );
    }
}
