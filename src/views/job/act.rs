//! What can be done with one backup job, from the list and from its own page.

use super::{column, edit, run};
use crate::{
    api::{
        ApiError,
        guest::param,
        ids::Upid,
        job::{self as api, Job},
    },
    shell::{Command, Cx, Degree, Effect, Level, Proposal, View, needs},
};

/// A view with a job to act on: the list, and the job's own page.
pub trait Acts: View {
    /// The job.
    fn job(&self) -> Option<&Job>;
    /// Its last run, if that is known.
    fn last_run(&self) -> Option<&Upid>;
    /// The view's message when the job was read again.
    fn fresh(next: Next, answer: Result<Job, ApiError>) -> Self::Msg;
    /// The view's message when the job was removed, or could not be.
    fn removed(answer: Result<(), ApiError>) -> Self::Msg;
}

/// What is known may be old, and somebody else may have edited the job: it is read again first.
fn again<V: Acts>(view: &V, next: Next, cx: &mut Cx<'_, V::Msg>) {
    if let Some(job) = view.job()
        && !cx.refuses_changes()
    {
        cx.send(api::one(&job.id), move |answer| V::fresh(next, answer));
    }
}

/// Edits the job.
pub const fn edit_command<V: Acts>() -> Command<V> {
    Command::edit("job.edit", |v, _| needs(v.job().is_some(), "no job is selected"), |v, cx| again(v, Next::Edit, cx))
}

/// Runs it now.
pub const fn run_command<V: Acts>() -> Command<V> {
    Command::run_now("job.run", |v, _| needs(v.job().is_some(), "no job is selected"), |v, cx| again(v, Next::Run, cx))
}

/// Switches it on or off.
pub const fn switch_command<V: Acts>() -> Command<V> {
    Command::switch(
        "job.switch",
        |v, _| needs(v.job().is_some(), "no job is selected"),
        |v, cx| again(v, Next::Switch, cx),
    )
}

/// Shows the log of its last run.
pub const fn log_command<V: Acts>() -> Command<V> {
    Command {
        id: "job.log",
        keys: "l",
        title: "Last run",
        footer: true,
        ready: |v, _| needs(v.last_run().is_some(), "no run of it is known"),
        run: |v, cx| {
            if let Some(upid) = v.last_run() {
                cx.emit(Effect::OpenTask(upid.clone()));
            }
        },
    }
}

/// Asks whether it may go.
pub const fn remove_command<V: Acts>() -> Command<V> {
    let run = |v: &mut V, cx: &mut Cx<'_, V::Msg>| {
        if let Some(job) = v.job() {
            remove(job, cx, V::removed);
        }
    };
    Command::remove("job.remove", |v, _| needs(v.job().is_some(), "no job is selected"), run).unlisted()
}

/// Why a job is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// To edit it.
    Edit,
    /// To run it.
    Run,
    /// To switch it on or off.
    Switch,
}

/// What reading it again has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is there.
    There,
    /// Somebody else has removed it.
    Gone,
    /// It could not be read.
    Unknown,
}

/// Goes on with a job that was read again: the list may be old, and somebody else may have edited it.
pub fn fresh<M: Send + 'static>(
    next: Next,
    answer: Result<Job, ApiError>,
    jobs: &[Job],
    cx: &mut Cx<'_, M>,
    changed: fn(Result<(), ApiError>) -> M,
) -> Found {
    let job = match answer {
        Ok(job) => job,
        Err(error) if error.status() == Some(400) => {
            cx.toast(Level::Warning, "Somebody else has removed this job meanwhile");
            return Found::Gone;
        }
        Err(error) => {
            cx.toast(Level::Error, error.explained());
            return Found::Unknown;
        }
    };
    match next {
        Next::Edit => cx.open(edit::dialog(cx.store(), Some(job), jobs)),
        Next::Run => {
            let proposal = run::now(&job, cx.store());
            if proposal.writes.is_empty() {
                let why = proposal.notes.first().cloned().unwrap_or_else(|| "it takes no guest at the moment".into());
                cx.toast(Level::Warning, format!("Nothing to run: {why}"));
            }
            cx.propose(proposal);
        }
        Next::Switch => {
            let label = run::switch(&job).label;
            let on = !job.is_enabled();
            let request = api::update(&job.id, &[param("enabled", u8::from(on))], &[]);
            let write = cx.hear(label.clone(), request, changed);
            let mut proposal = Proposal::new(format!("{label}?"), vec![write]);
            if !on {
                proposal = proposal
                    .degree(Degree::Careful)
                    .note("Its guests are not backed up by it until it is switched on again.");
            }
            cx.propose(proposal);
        }
    }
    Found::There
}

fn remove<M: Send + 'static>(job: &Job, cx: &mut Cx<'_, M>, changed: fn(Result<(), ApiError>) -> M) {
    let write = cx.hear(format!("Remove the backup job {}", job.id), api::remove(&job.id), changed);
    let proposal = Proposal::new(format!("Remove the backup job {}?", job.id), vec![write])
        .degree(Degree::Careful)
        .note(format!("Its guests ({}) are not backed up by it any more.", column::selection(job)))
        .note("The backups that it has made stay.");
    cx.propose(proposal);
}
