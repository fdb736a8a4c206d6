//! Backup jobs as rows of a list: what the columns show, and how they are found and sorted.

use super::{edit, schedule};
use crate::{
    api::{
        job::{Job, Selection},
        task::TaskState,
    },
    ui::{Cell, Column, Role, Width, text},
    views::task,
};

/// A job with how it went last time.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The job.
    pub job: Job,
    /// Its last run.
    pub last: Option<(u64, TaskState)>,
}

/// `all but 3`, `2 guests: 101 113`, `pool office`.
pub fn selection(job: &Job) -> String {
    let list = |ids: &[crate::api::ids::VmId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    match job.selection() {
        Selection::All => "all".into(),
        Selection::AllBut(ids) => format!("all but {}", list(&ids)),
        Selection::These(ids) => list(&ids),
        Selection::Pool(pool) => format!("pool {pool}"),
    }
}

/// The columns of the list.
pub fn columns() -> Vec<Column<Row>> {
    let left = Column::<Row>::sorted;
    fn text_of<'r>(row: &'r Row, key: &str) -> &'r str {
        row.job.get(key).unwrap_or_default()
    }
    vec![
        left(
            "on",
            "On",
            Width::Fixed(3),
            0,
            |r, c| match r.job.is_enabled() {
                true => Cell::role(c.look.glyphs.ok, Role::Ok),
                false => Cell::role("off", Role::Muted),
            },
            |a, b| a.job.is_enabled().cmp(&b.job.is_enabled()),
        ),
        left(
            "id",
            "Job",
            Width::Flex { min: 17, max: 30 },
            0,
            |r, _| r.job.id.as_str().into(),
            |a, b| a.job.id.cmp(&b.job.id),
        ),
        left(
            "schedule",
            "Schedule",
            Width::Flex { min: 25, max: 34 },
            0,
            |r, _| {
                let event = text_of(r, "schedule");
                schedule::words(event).unwrap_or_else(|| event.to_owned()).into()
            },
            |a, b| text_of(a, "schedule").cmp(text_of(b, "schedule")),
        ),
        left(
            "next",
            "Next run",
            Width::Fixed(15),
            1,
            |r, _| match r.job.next_run {
                Some(at) => edit::short(i64::try_from(at).unwrap_or(0)).into(),
                None => Cell::role("never", Role::Muted),
            },
            |a, b| a.job.next_run.unwrap_or(u64::MAX).cmp(&b.job.next_run.unwrap_or(u64::MAX)),
        ),
        left(
            "last",
            "Last result",
            Width::Flex { min: 13, max: 30 },
            1,
            |r, c| match &r.last {
                Some((at, state)) => {
                    let (glyph, role) = task::sign(state, c);
                    let now = u64::try_from(c.now).unwrap_or(0);
                    Cell::role(format!("{glyph} {state}, {}", text::age(now.saturating_sub(*at))), role)
                }
                None => Cell::default(),
            },
            |a, b| a.last.as_ref().map(|l| l.0).cmp(&b.last.as_ref().map(|l| l.0)),
        ),
        left(
            "guests",
            "Guests",
            Width::Flex { min: 14, max: 40 },
            3,
            |r, _| selection(&r.job).into(),
            |a, b| selection(&a.job).cmp(&selection(&b.job)),
        ),
        left(
            "storage",
            "Storage",
            Width::Fit { max: 16 },
            2,
            |r, _| text_of(r, "storage").into(),
            |a, b| text_of(a, "storage").cmp(text_of(b, "storage")),
        ),
        left(
            "mode",
            "Mode",
            Width::Fit { max: 8 },
            4,
            |r, _| r.job.get("mode").unwrap_or("snapshot").into(),
            |a, b| text_of(a, "mode").cmp(text_of(b, "mode")),
        ),
        left(
            "keep",
            "Retention",
            Width::Flex { min: 16, max: 34 },
            5,
            |r, _| match r.job.get("prune-backups") {
                Some(rules) => rules.replace("keep-", "").into(),
                None if r.job.get("remove") == Some("0") => Cell::role("remove nothing", Role::Muted),
                None => Cell::role("as the storage", Role::Muted),
            },
            |a, b| text_of(a, "prune-backups").cmp(text_of(b, "prune-backups")),
        ),
        left(
            "node",
            "Node",
            Width::Fit { max: 14 },
            6,
            |r, _| r.job.get("node").unwrap_or("all").into(),
            |a, b| text_of(a, "node").cmp(text_of(b, "node")),
        ),
        left(
            "comment",
            "Comment",
            Width::Flex { min: 14, max: 40 },
            7,
            |r, _| Cell::role(text_of(r, "comment"), Role::Muted),
            |a, b| text_of(a, "comment").cmp(text_of(b, "comment")),
        ),
    ]
}

/// What a filter's words are looked for in.
pub fn searched(r: &Row, out: &mut String) {
    use std::fmt::Write as _;
    let _ = write!(out, "{} {}", r.job.id, selection(&r.job));
    for (_, value) in &r.job.settings {
        let _ = write!(out, " {value}");
    }
}
