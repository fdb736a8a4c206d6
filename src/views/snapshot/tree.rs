//! The order of snapshots: parents before children, branches side by side.

use compact_str::CompactString;

use crate::{api::snapshot::Snapshot, ui::GlyphSet};

/// What stands left of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rail {
    /// Nothing: a branch further left has ended.
    Gap,
    /// Another branch goes on below.
    Pass,
    /// A branch begins, and others follow.
    Fork,
    /// The last branch begins.
    Last,
}

/// One line of the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The snapshot, or the present state.
    pub snapshot: Snapshot,
    /// Where it stands.
    pub rails: Vec<Rail>,
    /// The size of its memory in bytes, where the storage tells.
    pub ram: Option<u64>,
}

impl Row {
    /// The rails as text. A chain without branches stays in one column, so that long ones are not pushed off the screen.
    pub fn lines(&self, set: GlyphSet) -> String {
        let unicode = set == GlyphSet::Unicode;
        let rail = |rail: &Rail| match (rail, unicode) {
            (Rail::Gap, _) => "  ",
            (Rail::Pass, true) => "│ ",
            (Rail::Pass, false) => "| ",
            (Rail::Fork, true) => "├─",
            (Rail::Fork, false) => "|-",
            (Rail::Last, true) => "└─",
            (Rail::Last, false) => "`-",
        };
        self.rails.iter().map(rail).collect()
    }
}

/// Arranges a list of snapshots. Those whose parent is not in the list stand at the left edge; none is ever lost, not even
/// where parents go round in a circle.
pub fn arrange(list: &[Snapshot]) -> Vec<Row> {
    let mut left: Vec<&Snapshot> = list.iter().collect();
    // The present state is the newest of all.
    left.sort_by(|a, b| {
        let time = |s: &Snapshot| if s.is_current() { u64::MAX } else { s.snaptime.unwrap_or(0) };
        time(a).cmp(&time(b)).then_with(|| a.name.cmp(&b.name))
    });
    let known = |parent: &Option<CompactString>| {
        parent.as_ref().is_some_and(|parent| list.iter().any(|s| s.name == *parent && !s.is_current()))
    };
    let mut rows = vec![];
    let roots: Vec<&Snapshot> = left.iter().copied().filter(|s| !known(&s.parent)).collect();
    for root in roots {
        branch(root, vec![], &mut left, &mut rows);
    }
    while let Some(lost) = left.first().copied() {
        branch(lost, vec![], &mut left, &mut rows);
    }
    rows
}

/// Adds a snapshot and all that follow it. Each is taken out of `left`, so a circle ends.
fn branch<'s>(from: &'s Snapshot, rails: Vec<Rail>, left: &mut Vec<&'s Snapshot>, rows: &mut Vec<Row>) {
    let (mut at, mut rails) = (from, rails);
    loop {
        left.retain(|s| s.name != at.name);
        rows.push(Row { snapshot: at.clone(), rails: rails.clone(), ram: None });
        let children: Vec<&Snapshot> = left.iter().copied().filter(|s| s.parent.as_ref() == Some(&at.name)).collect();
        // What follows a branching-off stands under the end of its line.
        if let Some(end) = rails.last_mut() {
            *end = match *end {
                Rail::Fork => Rail::Pass,
                Rail::Last => Rail::Gap,
                other => other,
            };
        }
        match children.as_slice() {
            [] => return,
            [only] => at = only,
            [first @ .., last] => {
                for child in first {
                    branch(child, [rails.as_slice(), &[Rail::Fork]].concat(), left, rows);
                }
                branch(last, [rails.as_slice(), &[Rail::Last]].concat(), left, rows);
                return;
            }
        }
    }
}

/// The snapshots that follow one, directly or not: rolling back to it leaves their state.
pub fn after<'s>(list: &'s [Snapshot], name: &str) -> Vec<&'s Snapshot> {
    let mut found: Vec<&Snapshot> = vec![];
    let mut names = vec![name];
    while let Some(parent) = names.pop() {
        for child in list.iter().filter(|s| s.parent.as_deref() == Some(parent) && !s.is_current()) {
            if child.name != name && !found.iter().any(|f| f.name == child.name) {
                names.push(&child.name);
                found.push(child);
            }
        }
    }
    found.sort_by_key(|s| s.snaptime);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, parent: Option<&str>, time: u64) -> Snapshot {
        Snapshot { name: name.into(), parent: parent.map(Into::into), snaptime: Some(time), ..Snapshot::default() }
    }

    fn drawn(list: &[Snapshot]) -> Vec<String> {
        arrange(list).iter().map(|r| format!("{}{}", r.lines(GlyphSet::Unicode), r.snapshot.name)).collect()
    }

    #[test]
    fn a_chain_stays_in_one_column() {
        let list = [of("current", Some("c"), 0), of("c", Some("b"), 3), of("a", None, 1), of("b", Some("a"), 2)];
        assert_eq!(drawn(&list), ["a", "b", "c", "current"]);
    }

    #[test]
    fn branches_stand_side_by_side() {
        let list = [
            of("a", None, 1),
            of("b", Some("a"), 2),
            of("c", Some("b"), 3),
            of("d", Some("a"), 4),
            of("e", Some("d"), 5),
            of("f", Some("d"), 6),
            of("current", Some("e"), 0),
            of("g", None, 7),
        ];
        assert_eq!(drawn(&list), ["a", "├─b", "│ c", "└─d", "  ├─e", "  │ current", "  └─f", "g"]);
        assert_eq!(after(&list, "a").iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["b", "c", "d", "e", "f"]);
        assert!(after(&list, "f").is_empty());
    }

    #[test]
    fn nothing_is_lost() {
        let list = [of("a", Some("b"), 1), of("b", Some("a"), 2), of("x", Some("gone"), 3), of("current", None, 0)];
        assert_eq!(drawn(&list), ["x", "current", "a", "b"]);
        assert_eq!(after(&list, "a").len(), 1);
    }
}
