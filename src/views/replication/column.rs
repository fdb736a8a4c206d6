//! What the list of replication jobs shows of each.

use crate::{
    api::replication::{Job, State},
    ui::{Cell, Column, Ctx, Role, Width, text},
    views::job::schedule,
};

/// A job with how it is doing.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What it is set to.
    pub job: Job,
    /// How it is doing, once its node has said.
    pub state: Option<State>,
    /// The guest.
    pub name: String,
}

/// How it is doing, in a word or two.
fn condition(r: &Row) -> (String, Role) {
    let job = &r.job;
    match &r.state {
        _ if !job.remove_job.is_empty() => ("is being removed".into(), Role::Warning),
        Some(state) if state.pid.is_some() => ("running".into(), Role::Accent),
        _ if job.disable => ("off".into(), Role::Muted),
        Some(state) if state.fail_count > 0 => (format!("failed {} times", state.fail_count), Role::Danger),
        Some(state) if state.fail_count == 0 && !state.error.is_empty() => ("failed".into(), Role::Danger),
        Some(state) if state.last_sync == 0 => ("not yet run".into(), Role::Muted),
        Some(_) => ("ok".into(), Role::Ok),
        None => ("unknown".into(), Role::Muted),
    }
}

fn moment(unix: u64, c: &Ctx) -> String {
    if unix == 0 { "never".into() } else { text::time_short(i64::try_from(unix).unwrap_or(0), c.zone) }
}

/// The columns; with the guest's name where there are several.
pub fn columns(whole: bool) -> Vec<Column<Row>> {
    let left = Column::<Row>::left;
    let sorted = Column::<Row>::sorted;
    let mut all = vec![
        sorted(
            "id",
            "Job",
            Width::Fit { max: 14 },
            0,
            |r: &Row, _: &Ctx| r.job.id.as_str().into(),
            |a, b| a.job.id.cmp(&b.job.id),
        ),
        sorted(
            "target",
            "Target",
            Width::Fit { max: 16 },
            0,
            |r: &Row, _: &Ctx| r.job.target.as_str().into(),
            |a, b| a.job.target.cmp(&b.job.target),
        ),
        left("state", "State", Width::Fit { max: 18 }, 0, |r: &Row, _: &Ctx| {
            let (words, role) = condition(r);
            Cell::role(words, role)
        }),
        left("last", "Last sync", Width::Fixed(11), 0, |r: &Row, c: &Ctx| {
            r.state.as_ref().map_or_else(String::new, |s| moment(s.last_sync, c)).into()
        }),
        left("took", "Took", Width::Fixed(7), 1, |r: &Row, _: &Ctx| {
            let took = r.state.as_ref().filter(|s| s.last_try > 0).and_then(|s| s.duration);
            took.map_or_else(String::new, |s| text::duration(s.ceil() as u64)).into()
        })
        .right(),
        left("next", "Next sync", Width::Fixed(11), 1, |r: &Row, c: &Ctx| match &r.state {
            Some(state) if !r.job.disable && state.next_sync > 0 => {
                let due = i64::try_from(state.next_sync).unwrap_or(0) <= c.now;
                if due { "now".into() } else { moment(state.next_sync, c).into() }
            }
            _ => "".into(),
        }),
        left("schedule", "Schedule", Width::Fit { max: 34 }, 2, |r: &Row, _: &Ctx| {
            let event = r.job.event();
            schedule::words(event).unwrap_or_else(|| event.to_owned()).into()
        }),
        left("rate", "Rate", Width::Fixed(9), 3, |r: &Row, _: &Ctx| {
            r.job.rate.map_or_else(String::new, |rate| format!("{rate} MB/s")).into()
        })
        .right(),
        left("fails", "Failed", Width::Fixed(6), 3, |r: &Row, _: &Ctx| {
            let count = r.state.as_ref().map_or(0, |s| s.fail_count);
            if count == 0 { "".into() } else { Cell::role(count.to_string(), Role::Danger) }
        })
        .right(),
        left("comment", "Comment", Width::Flex { min: 10, max: 60 }, 2, |r: &Row, _: &Ctx| {
            Cell::role(r.job.comment.replace('\n', " "), Role::Muted)
        }),
    ];
    if whole {
        all.insert(
            1,
            sorted(
                "guest",
                "Guest",
                Width::Fit { max: 30 },
                0,
                |r: &Row, _: &Ctx| r.name.as_str().into(),
                |a, b| a.job.guest.cmp(&b.job.guest),
            ),
        );
    }
    all
}
