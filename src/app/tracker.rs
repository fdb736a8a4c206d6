//! Follows tasks to their end. A pure state machine: time comes as an argument, so its tests need no sleep.

use std::time::Duration;

use crate::{
    api::{
        ApiError,
        ids::{Upid, VmId},
        progress::Progress,
        task::{LogLine, Task, TaskState},
    },
    store::Followed,
};

/// What the tracker knows of a task.
struct Tracked {
    shown: Followed,
    next: Duration,
    wait: Duration,
    asked: bool,
    failures: u32,
    log_seen: u64,
}

/// A task that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// The task.
    pub upid: Upid,
    /// What it did.
    pub label: String,
    /// The guest that it was about.
    pub guest: Option<VmId>,
    /// How it ended.
    pub state: TaskState,
}

/// All tasks that this console follows in one session.
#[derive(Default)]
pub struct Tracker {
    tasks: Vec<Tracked>,
}

impl Tracker {
    const FIRST: Duration = Duration::from_millis(500);
    const SLOWEST: Duration = Duration::from_secs(5);
    /// Questions at once: many tasks are followed by the cluster's task list instead.
    const AT_ONCE: usize = 4;

    /// Follows a task that has just been started.
    pub fn add(&mut self, upid: Upid, label: String, guest: Option<VmId>, now: Duration) {
        if self.tasks.iter().any(|t| t.shown.upid == upid) {
            return;
        }
        let shown = Followed { upid, label, guest, percent: None, unknown: false };
        let next = now + Self::FIRST;
        self.tasks.push(Tracked { shown, next, wait: Self::FIRST, asked: false, failures: 0, log_seen: 0 });
    }

    /// Which tasks to ask about now, and from which line on to read the log. Only the newest task's log is read: it is
    /// the one whose progress the status bar shows.
    pub fn due(&mut self, now: Duration) -> Vec<(Upid, Option<u64>)> {
        let free = Self::AT_ONCE.saturating_sub(self.tasks.iter().filter(|t| t.asked).count());
        let newest = self.tasks.last().map(|t| t.shown.upid.clone());
        let due = self.tasks.iter_mut().rev().filter(|t| !t.asked && t.next <= now).take(free);
        due.map(|t| {
            t.asked = true;
            let log = (newest.as_ref() == Some(&t.shown.upid)).then_some(t.log_seen);
            (t.shown.upid.clone(), log)
        })
        .collect()
    }

    /// When there is something to ask next: not before an answer comes, while as many as allowed are awaited.
    pub fn next_due(&self) -> Option<Duration> {
        if self.tasks.iter().filter(|t| t.asked).count() >= Self::AT_ONCE {
            return None;
        }
        self.tasks.iter().filter(|t| !t.asked).map(|t| t.next).min()
    }

    /// An answer about one task. `Some` when it is over. An error never ends a task: it becomes unknown and is asked again.
    pub fn heard(
        &mut self,
        upid: &Upid,
        status: Result<Task, ApiError>,
        log: &[LogLine],
        now: Duration,
    ) -> Option<Ended> {
        let i = self.tasks.iter().position(|t| t.shown.upid == *upid)?;
        let t = &mut self.tasks[i];
        t.asked = false;
        t.wait = (t.wait * 3 / 2).min(Self::SLOWEST);
        t.next = now + t.wait;
        // Of a run over several guests the lines tell how far the present guest is, not the run.
        let of_one = t.shown.upid.kind() != "vzdump" || !t.shown.upid.id().is_empty();
        for line in log {
            t.log_seen = t.log_seen.max(line.n);
            if let Some(progress) = Progress::parse(&line.t).filter(|_| of_one) {
                t.shown.percent = progress.percent.or(t.shown.percent);
            }
        }
        match status {
            Ok(status) => {
                t.failures = 0;
                t.shown.unknown = false;
                (!status.status.is_running()).then(|| self.end(i, status.status))
            }
            // The server knows the task no more, or says nothing about it to this user: asking again is no help.
            Err(error) if matches!(error.status(), Some(400 | 403 | 404 | 501)) => {
                Some(self.end(i, TaskState::Unknown))
            }
            Err(_) => {
                t.failures += 1;
                t.shown.unknown = true;
                t.wait = Self::SLOWEST;
                None
            }
        }
    }

    /// The cluster's task list: the way to follow many tasks with one request.
    pub fn listed(&mut self, tasks: &[Task]) -> Vec<Ended> {
        let mut ended = vec![];
        for task in tasks.iter().filter(|t| !t.status.is_running()) {
            if let Some(i) = self.tasks.iter().position(|t| t.shown.upid == task.upid) {
                ended.push(self.end(i, task.status.clone()));
            }
        }
        ended
    }

    fn end(&mut self, i: usize, state: TaskState) -> Ended {
        let shown = self.tasks.remove(i).shown;
        Ended { upid: shown.upid, label: shown.label, guest: shown.guest, state }
    }

    /// The tasks for display, oldest first.
    pub fn followed(&self) -> Vec<Followed> {
        self.tasks.iter().map(|t| t.shown.clone()).collect()
    }

    /// True when nothing is followed.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}
