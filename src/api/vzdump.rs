//! What the log of a backup run tells, guest by guest. One run may back up many guests one after the other, and its task
//! only says whether all went well.

use super::{
    ids::{GuestKind, VmId},
    json,
    progress::Progress,
};

/// A backup run as its log tells it; lines are added as they come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// The guests in the order of the run, those that are only announced included.
    pub guests: Vec<GuestRun>,
    /// The job that started it, if any.
    pub job: Option<String>,
    /// True once it has told how it ended.
    pub over: bool,
}

/// One guest of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GuestRun {
    /// Its number.
    pub vmid: Option<VmId>,
    /// Virtual machine or container.
    pub kind: Option<GuestKind>,
    /// Its name.
    pub name: String,
    /// How it stands.
    pub state: State,
    /// The newest figures.
    pub progress: Option<Progress>,
    /// The size of the backup, in the server's words.
    pub size: String,
    /// The file or the snapshot.
    pub archive: String,
}

impl GuestRun {
    /// `done in 00:00:04, 36KB`, `failed: no such guest`, `waits for its turn`.
    pub fn outcome(&self) -> String {
        match &self.state {
            State::Waiting => "waits for its turn".into(),
            State::Running => "running".into(),
            State::Done(took) if self.size.is_empty() => format!("done in {took}"),
            State::Done(took) => format!("done in {took}, {}", self.size),
            State::Failed(why) => format!("failed: {why}"),
        }
    }
}

/// How a guest of a run stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Its turn has not come.
    #[default]
    Waiting,
    /// It is being backed up.
    Running,
    /// It was backed up, in so much time (`00:00:04`).
    Done(String),
    /// It was not.
    Failed(String),
}

impl Run {
    /// Reads a whole log.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut run = Self::default();
        lines.into_iter().for_each(|line| run.push(line));
        run
    }

    /// The next line.
    pub fn push(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("TASK ") {
            self.end(rest);
        } else if let Some(rest) = line.strip_prefix("ERROR: Backup of VM ") {
            let (id, why) = rest.split_once(" failed - ").unwrap_or((rest, "unknown"));
            self.guest(id).state = State::Failed(why.trim().into());
        } else if let Some(rest) = line.strip_prefix("INFO: ") {
            self.told(rest.trim_start(), line);
        }
    }

    fn told(&mut self, rest: &str, line: &str) {
        if let Some(command) = rest.strip_prefix("starting new backup job: vzdump") {
            self.announced(command);
        } else if let Some(guest) = rest.strip_prefix("Starting Backup of VM ") {
            let (id, kind) = guest.split_once(" (").unwrap_or((guest, ""));
            let found = self.guest(id);
            found.kind = GuestKind::from_api(kind.trim_end_matches(')'));
            found.state = State::Running;
        } else if let Some(guest) = rest.strip_prefix("Finished Backup of VM ") {
            let (id, took) = guest.split_once(" (").unwrap_or((guest, ""));
            self.guest(id).state = State::Done(took.trim_end_matches(')').into());
        } else if rest.starts_with("Backup job finished") {
            self.over = true;
        } else if let Some(now) = self.guests.iter_mut().rev().find(|g| g.state == State::Running) {
            if let Some(name) = rest.strip_prefix("VM Name: ").or_else(|| rest.strip_prefix("CT Name: ")) {
                now.name = name.into();
            } else if let Some(size) = rest.strip_prefix("archive file size: ") {
                now.size = size.into();
            } else if let Some((_, path)) = rest.split_once(" archive '").filter(|_| rest.starts_with("creating ")) {
                now.archive = path.trim_end_matches('\'').into();
            } else if let Some(progress) = Progress::parse(line) {
                now.progress = Some(progress);
            }
        }
    }

    /// `vzdump 100 101 --mode snapshot --job-id nightly`
    fn announced(&mut self, command: &str) {
        let mut words = command.split_whitespace().peekable();
        while let Some(id) = words.next_if(|word| !word.starts_with("--")) {
            // Several ids may stand in one word.
            json::split(id).for_each(|id| {
                self.guest(id);
            });
        }
        self.job = command.split_once("--job-id ").and_then(|(_, rest)| {
            let id = rest.split_whitespace().next()?;
            Some(id.trim_matches('\'').to_owned())
        });
    }

    fn end(&mut self, words: &str) {
        self.over = true;
        let why = words.strip_prefix("ERROR: ").unwrap_or("the run ended before");
        for guest in &mut self.guests {
            if matches!(guest.state, State::Running) || (guest.state == State::Waiting && words.starts_with("ERROR")) {
                guest.state = State::Failed(why.into());
            }
        }
    }

    fn guest(&mut self, id: &str) -> &mut GuestRun {
        let vmid: Option<VmId> = id.trim().parse().ok();
        let at = match self.guests.iter().position(|g| g.vmid == vmid) {
            Some(at) => at,
            None => {
                self.guests.push(GuestRun { vmid, ..GuestRun::default() });
                self.guests.len() - 1
            }
        };
        &mut self.guests[at]
    }

    /// How many went well, and how many did not.
    pub fn counts(&self) -> (usize, usize) {
        let count = |wanted: fn(&State) -> bool| self.guests.iter().filter(|g| wanted(&g.state)).count();
        (count(|s| matches!(s, State::Done(_))), count(|s| matches!(s, State::Failed(_))))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn guests_of_a_run() {
        let run = Run::of([
            "INFO: starting new backup job: vzdump 100 101 999 102 --mode snapshot --job-id nightly --node pve1",
            "INFO: Starting Backup of VM 100 (qemu)",
            "INFO: VM Name: web",
            "INFO: creating vzdump archive '/mnt/dump/vzdump-qemu-100-2026_11_21-09_13_11.vma.zst'",
            "INFO:  25% (256.0 MiB of 1.0 GiB) in 3s, read: 85.3 MiB/s, write: 15.3 MiB/s",
            "INFO: archive file size: 36KB",
            "INFO: Finished Backup of VM 100 (00:00:04)",
            "ERROR: Backup of VM 999 failed - unable to find VM '999'",
            "INFO: Starting Backup of VM 101 (lxc)",
            "INFO: CT Name: ct01b",
        ]);
        assert_eq!(run.job.as_deref(), Some("nightly"));
        let states: Vec<_> = run.guests.iter().map(|g| (g.vmid.unwrap().get(), g.state.clone())).collect();
        let failed = State::Failed("unable to find VM '999'".into());
        assert_eq!(
            states,
            [(100, State::Done("00:00:04".into())), (101, State::Running), (999, failed), (102, State::Waiting)]
        );
        let first = &run.guests[0];
        assert_eq!((first.name.as_str(), first.size.as_str(), first.kind), ("web", "36KB", Some(GuestKind::Vm)));
        assert_eq!(first.progress.and_then(|p| p.percent), Some(25.0));
        assert!(!run.over && first.archive.ends_with(".vma.zst"));
    }

    #[test]
    fn a_run_that_breaks_off_leaves_nothing_open() {
        let mut run =
            Run::of(["INFO: starting new backup job: vzdump 100 101", "INFO: Starting Backup of VM 100 (qemu)"]);
        run.push("TASK ERROR: interrupted by signal");
        assert!(run.over);
        assert_eq!(run.counts(), (0, 2));
    }
}
