//! How far a running task is, and how long it will still take.

use super::follow::is_final;
use crate::{
    api::{
        ApiError,
        progress::Progress,
        task::{LogLine, Task},
    },
    ui::text,
};

/// Reads the lines of one task's log as they come.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    /// What the newest line with progress told.
    pub progress: Option<Progress>,
    /// Where the present part began: percent, and when that was read (Unix seconds). Several disks count from 0 again each.
    began: Option<(f32, i64)>,
}

impl Meter {
    /// Takes new lines in.
    pub fn feed<'t>(&mut self, lines: impl Iterator<Item = &'t str>, now: i64) {
        for line in lines {
            let Some(progress) = Progress::parse(line) else { continue };
            if let Some(percent) = progress.percent {
                let before = self.progress.and_then(|p| p.percent);
                if self.began.is_none() || before.is_some_and(|before| percent < before) {
                    self.began = Some((percent, now));
                }
            }
            self.progress = Some(progress);
        }
    }

    /// 0 to 100.
    pub fn percent(&self) -> Option<f32> {
        self.progress?.percent
    }

    /// Seconds that the present part will still take: by the rate that the task tells, else by how fast the percents grew.
    pub fn eta(&self, now: i64) -> Option<u64> {
        let progress = self.progress?;
        if let (Some(done), Some(total), Some(rate)) =
            (progress.done, progress.total, progress.rate.filter(|r| *r > 1.0))
        {
            return Some((total.saturating_sub(done) as f64 / rate).ceil() as u64);
        }
        let (percent, (from, since)) = (progress.percent?, self.began?);
        let (grown, took) = (f64::from(percent - from), (now - since) as f64);
        (grown > 0.0 && took > 0.0).then(|| (f64::from(100.0 - percent) * took / grown).ceil() as u64)
    }

    /// `42%  1.2 GiB of 3.0 GiB  110 MiB/s  about 15s left`, with what is known of it.
    pub fn words(&self, now: i64) -> Option<String> {
        let progress = self.progress?;
        let mut words = vec![];
        words.extend(progress.percent.map(|p| format!("{p:.0}%")));
        words.extend(progress.done.map(|done| match progress.total {
            Some(total) => format!("{} of {}", text::bytes(done), text::bytes(total)),
            None => text::bytes(done),
        }));
        words.extend(progress.rate.map(text::rate));
        words.extend(self.eta(now).map(|eta| format!("about {} left", text::duration(eta))));
        (!words.is_empty()).then(|| words.join("  "))
    }

    /// `42% 15s`: for a cell of a list.
    pub fn short(&self, now: i64) -> Option<String> {
        let percent = self.percent()?;
        let eta = self.eta(now).map_or_else(String::new, |eta| format!(", {} left", text::duration(eta)));
        Some(format!("{percent:.0}%{eta}"))
    }
}

/// Follows the log of one task by its end: what stood before it is not read.
#[derive(Debug, Default)]
pub struct Tail {
    /// The progress so far.
    pub meter: Meter,
    /// The line from which on to read next (from 0); `None`: not known yet how long the log is.
    pub from: Option<u64>,
    /// A question is on its way.
    pub asking: bool,
    /// The server lets this user not read it.
    pub refused: bool,
    /// The progress as a cell shows it.
    pub shown: Option<String>,
}

impl Tail {
    /// Where to read, and how much.
    pub fn range(&self) -> (u64, u64) {
        // The first question is for the length only.
        self.from.map_or((0, 1), |from| (from, 500))
    }

    /// Takes an answer in.
    pub fn read(&mut self, lines: &[LogLine], total: Option<u64>, now: i64) {
        self.asking = false;
        match self.from {
            None => self.from = Some(total.unwrap_or(0).saturating_sub(30)),
            Some(from) => {
                self.meter.feed(lines.iter().map(|l| l.t.as_str()), now);
                self.from = lines.iter().map(|l| l.n).max().map_or(Some(from), Some);
                self.shown = self.meter.short(now);
            }
        }
    }

    /// It could not be read.
    pub fn failed(&mut self, error: &ApiError) {
        self.asking = false;
        self.refused = is_final(error);
    }
}

/// How long a task ran or has been running, in seconds. A task's own status does not tell when it ended, a list does.
pub fn duration(task: &Task, now: i64) -> Option<u64> {
    let end = task.endtime.or(task.status.is_running().then_some(u64::try_from(now).unwrap_or(0)))?;
    Some(end.saturating_sub(task.starttime))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_tells_how_long_it_takes() {
        let mut meter = Meter::default();
        meter.feed(["INFO:   8% (64.0 MiB of 1.0 GiB) in 3s, read: 32.0 MiB/s, write: 21.0 MiB/s"].into_iter(), 100);
        assert_eq!(meter.eta(100), Some(30));
        assert_eq!(meter.words(100).as_deref(), Some("8%  64.0 MiB of 1.00 GiB  32.0 MiB/s  about 30s left"));
    }

    #[test]
    fn without_a_rate_the_percents_do() {
        let mut meter = Meter::default();
        meter.feed(["transferred 1.0 GiB of 10.0 GiB (10.00%)"].into_iter(), 100);
        assert_eq!(meter.eta(100), None);
        meter.feed(["transferred 3.0 GiB of 10.0 GiB (30.00%)"].into_iter(), 120);
        assert_eq!(meter.eta(120), Some(70));
        // The second disk counts from 0 again.
        meter.feed(
            ["transferred 0.0 B of 1.0 GiB (0.00%)", "transferred 512.0 MiB of 1.0 GiB (50.00%)"].into_iter(),
            130,
        );
        assert_eq!(meter.eta(140), Some(10));
        assert_eq!(meter.short(140).as_deref(), Some("50%, 10s left"));
    }

    #[test]
    fn only_the_end_of_a_log_is_read() {
        let mut tail = Tail::default();
        assert_eq!(tail.range(), (0, 1));
        tail.read(&[], Some(1000), 0);
        assert_eq!(tail.range(), (970, 500));
        let line = LogLine { n: 1000, t: "progress 5% (read 53687091 bytes, duration 2 sec)".into() };
        tail.read(&[line], Some(1000), 0);
        assert_eq!((tail.range().0, tail.meter.percent()), (1000, Some(5.0)));
        tail.read(&[], Some(1000), 0);
        assert_eq!(tail.range().0, 1000);
    }
}
