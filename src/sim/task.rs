//! Tasks: scripts that take time, print lines and change the cluster, and the book that is kept about them.
//!
//! A handler describes what its task will do as a [`Script`] and hands it to [`Cluster::start_task`]:
//!
//! ```ignore
//! let script = Script::new()
//!     .log("starting file import")
//!     .wait(2.0)
//!     .then(|cluster, task| {
//!         cluster.guest_mut(100).ok_or("VM 100 is gone")?.config.insert("lock".into(), "backup".into());
//!         task.log("done");
//!         Ok(())
//!     })
//!     .finally(|cluster| { cluster.unlock(100, "backup"); });
//! Ok(cluster.start_task(args.user(), "pve1", "vzdump", "100", script).into())
//! ```
//!
//! An `Err(text)` from a step ends the task with `TASK ERROR: text`. `finally` steps run however the task ends.

use std::collections::VecDeque;

use super::state::Cluster;

type StepFn = Box<dyn FnOnce(&mut Cluster, &mut Running) -> Result<(), String> + Send>;
type EndFn = Box<dyn FnOnce(&mut Cluster) + Send>;
type LastWords = Box<dyn FnOnce(&Cluster) -> Vec<String> + Send>;

enum Step {
    Log(String),
    Wait(f64),
    Then(StepFn),
    Finally(EndFn),
    Interrupted(String),
    LastWords(LastWords),
    Quiet,
}

/// What a task will do, in order.
#[derive(Default)]
pub struct Script {
    steps: VecDeque<Step>,
}

impl Script {
    /// A script that does nothing and ends well at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// Prints a line.
    pub fn log(mut self, line: impl Into<String>) -> Self {
        self.steps.push_back(Step::Log(line.into()));
        self
    }

    /// Prints several lines.
    pub fn lines<T: Into<String>>(mut self, lines: impl IntoIterator<Item = T>) -> Self {
        for line in lines {
            self = self.log(line);
        }
        self
    }

    /// Takes `seconds` of the cluster's time (divided by its speed).
    pub fn wait(mut self, seconds: f64) -> Self {
        self.steps.push_back(Step::Wait(seconds));
        self
    }

    /// Does something; an error ends the task.
    pub fn then<F>(mut self, step: F) -> Self
    where
        F: FnOnce(&mut Cluster, &mut Running) -> Result<(), String> + Send + 'static,
    {
        self.steps.push_back(Step::Then(Box::new(step)));
        self
    }

    /// Ends the task with an error.
    pub fn fail(self, text: impl Into<String>) -> Self {
        let text = text.into();
        self.then(move |_, _| Err(text))
    }

    /// Registers a clean-up that runs when the task ends, in whatever way. It counts from this step on.
    pub fn finally<F: FnOnce(&mut Cluster) + Send + 'static>(mut self, step: F) -> Self {
        self.steps.push_back(Step::Finally(Box::new(step)));
        self
    }

    /// The exit status when the task is stopped from now on (`interrupted by signal` otherwise).
    pub fn on_interrupt(mut self, text: &str) -> Self {
        self.steps.push_back(Step::Interrupted(text.into()));
        self
    }

    /// What the task prints when it is stopped from now on.
    pub fn last_words<F: FnOnce(&Cluster) -> Vec<String> + Send + 'static>(mut self, words: F) -> Self {
        self.steps.push_back(Step::LastWords(Box::new(words)));
        self
    }

    /// No closing `TASK ...` line is missing: the log stays as it is (console tasks).
    pub fn quiet(mut self) -> Self {
        self.steps.push_back(Step::Quiet);
        self
    }

    /// This script, then another one.
    pub fn and(mut self, other: Script) -> Self {
        self.steps.extend(other.steps);
        self
    }
}

/// A task while one of its steps runs: collects what the step prints and what it wants to happen next.
#[derive(Default)]
pub struct Running {
    /// The task's id.
    pub upid: String,
    /// The node that it runs on.
    pub node: String,
    lines: Vec<String>,
    warnings: usize,
    next: Vec<Script>,
}

impl Running {
    /// Prints a line.
    pub fn log(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    /// Prints a warning, `WARN: text`; the task will end with `WARNINGS: n`.
    pub fn warn(&mut self, text: &str) {
        self.lines.push(format!("WARN: {text}"));
        self.warnings += 1;
    }

    /// Goes on with `script` before the steps that are left.
    pub fn next(&mut self, script: Script) {
        self.next.push(script);
    }
}

/// A task in the book: running while `end` is `None`.
pub struct Task {
    /// `UPID:node:pid:pstart:starttime:type:id:user:`.
    pub upid: String,
    /// Where it runs.
    pub node: String,
    /// Process id.
    pub pid: u32,
    /// Start of the process in clock ticks since boot.
    pub pstart: u64,
    /// Start in seconds since the epoch.
    pub start: u64,
    /// `qmstart`, `vzdump`, ...
    pub kind: String,
    /// What it is about: a VMID, a storage, a service, or empty.
    pub id: String,
    /// `user@realm` or `user@realm!token`.
    pub user: String,
    /// Printed lines.
    pub log: Vec<String>,
    /// End in seconds since the epoch, and the exit status.
    pub end: Option<(u64, String)>,
    warnings: usize,
    due: f64,
    script: VecDeque<Step>,
    ends: Vec<EndFn>,
    interrupted: String,
    last_words: Option<LastWords>,
    quiet: bool,
}

impl Task {
    /// The name before `!`.
    pub fn owner(&self) -> &str {
        self.user.split('!').next().unwrap_or("")
    }

    /// `OK`, `WARNINGS: n` or the error text; `None` while it runs.
    pub fn exit(&self) -> Option<&str> {
        self.end.as_ref().map(|(_, status)| status.as_str())
    }
}

/// All tasks of the cluster, oldest first.
#[derive(Default)]
pub struct Tasks {
    /// The book.
    pub list: Vec<Task>,
    running: Vec<usize>,
    next_pid: u32,
}

impl Tasks {
    /// A task by its UPID.
    pub fn find(&self, upid: &str) -> Option<&Task> {
        self.list.iter().rev().find(|task| task.upid == upid)
    }

    /// The running tasks.
    pub fn running(&self) -> impl Iterator<Item = &Task> {
        self.running.iter().map(|at| &self.list[*at])
    }
}

/// A well-formed UPID.
pub fn upid(node: &str, pid: u32, pstart: u64, start: u64, kind: &str, id: &str, user: &str) -> String {
    let id = id.replace(':', "\\x3a").replace('/', "-");
    format!("UPID:{node}:{pid:08X}:{pstart:08X}:{start:08X}:{kind}:{id}:{user}:")
}

impl Cluster {
    /// A new process id.
    pub fn new_pid(&mut self) -> u32 {
        let step = 7 + self.rng.below(40) as u32;
        self.tasks.next_pid = if self.tasks.next_pid < 1000 { 31_000 } else { self.tasks.next_pid + step };
        self.tasks.next_pid
    }

    /// Starts a task and returns its UPID. Its first steps run when the cluster's clock moves on.
    pub fn start_task(&mut self, user: &str, node: &str, kind: &str, id: &str, script: Script) -> String {
        let pid = self.new_pid();
        let boot = self.nodes.get(node).map_or(self.now, |n| n.booted);
        let pstart = ((self.now - boot).max(0.0) * 100.0) as u64;
        let upid = upid(node, pid, pstart, self.now as u64, kind, id, user);
        let at = self.tasks.list.len();
        self.tasks.list.push(Task {
            upid: upid.clone(),
            node: node.into(),
            pid,
            pstart,
            start: self.now as u64,
            kind: kind.into(),
            id: id.into(),
            user: user.into(),
            log: Vec::new(),
            end: None,
            warnings: 0,
            due: self.now,
            script: script.steps,
            ends: Vec::new(),
            interrupted: "interrupted by signal".into(),
            last_words: None,
            quiet: false,
        });
        self.tasks.running.push(at);
        upid
    }

    /// Puts a finished task into the book, for scenarios.
    #[allow(clippy::too_many_arguments)]
    pub fn past_task(
        &mut self,
        user: &str,
        node: &str,
        kind: &str,
        id: &str,
        start: f64,
        seconds: f64,
        status: &str,
        log: Vec<String>,
    ) {
        let now = std::mem::replace(&mut self.now, start);
        self.start_task(user, node, kind, id, Script::new());
        let at = self.tasks.running.pop().unwrap_or(0);
        self.now = start + seconds;
        self.tasks.list[at].log = log;
        self.close(at, status.to_owned());
        self.now = now;
    }

    /// Lets time pass up to `now`: every step of every task that is due runs, in the order of their moments.
    pub fn advance(&mut self, now: f64) {
        let now = now.max(self.now);
        while let Some((due, at)) = self.next_step(now) {
            self.now = due.max(self.now);
            self.step(at);
        }
        self.now = now;
    }

    fn next_step(&self, now: f64) -> Option<(f64, usize)> {
        let due = self.tasks.running.iter().map(|at| (self.tasks.list[*at].due, *at));
        let first = due.min_by(|a, b| a.0.total_cmp(&b.0))?;
        (first.0 <= now).then_some(first)
    }

    /// The moment at which the next step of a task is due.
    pub fn next_due(&self) -> Option<f64> {
        self.next_step(f64::INFINITY).map(|(due, _)| due)
    }

    fn step(&mut self, at: usize) {
        let speed = self.speed.max(0.001);
        let task = &mut self.tasks.list[at];
        match task.script.pop_front() {
            None => {
                let status = match task.warnings {
                    0 => "OK".to_owned(),
                    n => format!("WARNINGS: {n}"),
                };
                self.finish(at, status);
            }
            Some(Step::Log(line)) => task.log.push(line),
            Some(Step::Wait(seconds)) => task.due += seconds / speed,
            Some(Step::Finally(end)) => task.ends.push(end),
            Some(Step::Interrupted(text)) => task.interrupted = text,
            Some(Step::LastWords(words)) => task.last_words = Some(words),
            Some(Step::Quiet) => task.quiet = true,
            Some(Step::Then(step)) => {
                let mut running = Running { upid: task.upid.clone(), node: task.node.clone(), ..Running::default() };
                let result = step(self, &mut running);
                let task = &mut self.tasks.list[at];
                task.log.append(&mut running.lines);
                task.warnings += running.warnings;
                for script in running.next.into_iter().rev() {
                    for step in script.steps.into_iter().rev() {
                        task.script.push_front(step);
                    }
                }
                if let Err(text) = result {
                    self.finish(at, text);
                }
            }
        }
    }

    fn finish(&mut self, at: usize, status: String) {
        self.tasks.running.retain(|running| *running != at);
        self.close(at, status);
        let ends = std::mem::take(&mut self.tasks.list[at].ends);
        for end in ends.into_iter().rev() {
            end(self);
        }
        self.touch();
    }

    fn close(&mut self, at: usize, status: String) {
        let end = self.now as u64;
        let task = &mut self.tasks.list[at];
        task.script.clear();
        if !task.quiet {
            let line = if status == "OK" || status.starts_with("WARNINGS: ") {
                format!("TASK {status}")
            } else {
                format!("TASK ERROR: {status}")
            };
            task.log.extend(line.split('\n').map(str::to_owned));
        }
        task.end = Some((end, status));
    }

    /// Ends a running task as a signal would; returns whether there was one.
    pub fn stop_task(&mut self, upid: &str) -> bool {
        let found = self.tasks.running.iter().copied().find(|at| self.tasks.list[*at].upid == upid);
        let Some(at) = found else { return false };
        let status = self.tasks.list[at].interrupted.clone();
        if let Some(words) = self.tasks.list[at].last_words.take() {
            let lines = words(self);
            self.tasks.list[at].log.extend(lines);
        }
        self.finish(at, status);
        true
    }
}
