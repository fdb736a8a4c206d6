//! How far a task is, read from the lines of its log.

/// What one line tells. Several disks count from 0 again each.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// 0 to 100.
    pub percent: Option<f32>,
    /// Bytes done.
    pub done: Option<u64>,
    /// Bytes in all.
    pub total: Option<u64>,
    /// Bytes per second.
    pub rate: Option<f64>,
    /// Seconds since the beginning, where the line tells.
    pub seconds: Option<u64>,
}

/// The shapes of the lines, the first that fits counts. `*` is any text, a blank is one or more, `{percent}` and `{n}` are
/// numbers, `{done}`, `{total}` and `{rate}` are amounts with or without a unit.
const SHAPES: &[&str] = &[
    // Full clones, moved and imported disks; with `mirror-scsi0: ` in front while the VM runs.
    "*transferred {done} of {total} ({percent}%)*",
    // Live migration of the memory.
    "*transferred {done} of {total} VM-state, {rate}/s*",
    // Backup of a VM.
    "INFO: {percent}% ({done} of {total}) in {seconds}s, read: {rate}/s*",
    "INFO: {percent}% ({done} of {total}) in *, read: {rate}/s*",
    // Restore of a VM.
    "progress {percent}% (read {done} bytes, duration {seconds} sec*",
    "progress {percent}% (read {done} bytes*",
    // Downloads: wget's dots.
    "{n}K*{percent}% {rate}=*",
    "{n}K*{percent}% {rate} *",
    "{n}K*{percent}%*",
    // A snapshot's memory.
    "{done} in {n}s*",
];

impl Progress {
    /// The progress that a line of a log tells, if any.
    pub fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        let mut progress = SHAPES.iter().find_map(|shape| {
            let mut progress = Self::default();
            fits(shape, line, &mut progress).then_some(progress)
        })?;
        if let (None, Some(done), Some(total @ 1..)) = (progress.percent, progress.done, progress.total) {
            progress.percent = Some((done as f64 / total as f64 * 100.0) as f32);
        }
        progress.percent = progress.percent.map(|percent| percent.clamp(0.0, 100.0));
        Some(progress)
    }

    /// Seconds that are left at the average pace so far; `None` while nobody can tell.
    pub fn left(&self) -> Option<u64> {
        let percent = f64::from(self.percent?);
        if let Some(seconds @ 1..) = self.seconds
            && percent >= 1.0
        {
            return Some((seconds as f64 * (100.0 - percent) / percent).round() as u64);
        }
        let (done, total, rate) = (self.done?, self.total?, self.rate.filter(|rate| *rate > 0.0)?);
        Some((total.saturating_sub(done) as f64 / rate).round() as u64)
    }

    /// The newest progress in a piece of a log.
    pub fn latest<'a>(lines: impl DoubleEndedIterator<Item = &'a str>) -> Option<Self> {
        lines.rev().find_map(Self::parse)
    }
}

/// Whether the text has the shape; puts what it holds into `found`.
fn fits(shape: &str, text: &str, found: &mut Progress) -> bool {
    if let Some(rest) = shape.strip_prefix('*') {
        if rest.is_empty() {
            return true;
        }
        return text
            .char_indices()
            .map(|(at, _)| at)
            .any(|at| !inside_number(text, at) && fits(rest, &text[at..], found));
    }
    if let Some((name, rest)) = shape.strip_prefix('{').and_then(|shape| shape.split_once('}')) {
        let Some((number, after)) = number(text) else { return false };
        let (amount, after) = match name {
            "done" | "total" | "rate" => amount(number, after),
            _ => (number, after),
        };
        if !fits(rest, after, found) {
            return false;
        }
        match name {
            "percent" => found.percent = Some(number as f32),
            "seconds" => found.seconds = Some(number as u64),
            "done" => found.done = Some(amount as u64),
            "total" => found.total = Some(amount as u64),
            "rate" => found.rate = Some(amount),
            _ => {}
        }
        return true;
    }
    match (shape.chars().next(), text.chars().next()) {
        (None, None) => true,
        (Some(' '), Some(' ')) => fits(&shape[1..], text.trim_start(), found),
        (Some(a), Some(b)) if a == b => fits(&shape[a.len_utf8()..], &text[b.len_utf8()..], found),
        _ => false,
    }
}

/// True between the digits of a number, where no other number begins.
fn inside_number(text: &str, at: usize) -> bool {
    let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    at > 0 && digit(text.as_bytes().get(at)) && digit(text.as_bytes().get(at - 1))
}

fn number(text: &str) -> Option<(f64, &str)> {
    text.starts_with(|c: char| c.is_ascii_digit()).then_some(())?;
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// Multiplies with the unit that follows, with or without a blank between; no unit means bytes.
fn amount(number: f64, after: &str) -> (f64, &str) {
    const UNITS: [char; 5] = ['K', 'M', 'G', 'T', 'P'];
    let unit = after.strip_prefix(' ').unwrap_or(after);
    if let Some(power) = UNITS.iter().position(|&letter| unit.starts_with(letter)) {
        let rest = &unit[1..];
        let rest = rest.strip_prefix("iB").or_else(|| rest.strip_prefix('B')).unwrap_or(rest);
        return (number * 1024f64.powi(power as i32 + 1), rest);
    }
    match unit.strip_prefix('B') {
        Some(rest) => (number, rest),
        // wget leaves a blank where a unit would stand.
        None => (number, if after.starts_with(" =") { unit } else { after }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: f64 = 1024.0;
    const MIB: f64 = 1024.0 * KIB;
    const GIB: f64 = 1024.0 * MIB;

    #[test]
    fn lines_with_progress() {
        type Told = (Option<f32>, Option<f64>, Option<f64>, Option<f64>);
        let seconds = |line: &str| match line {
            _ if line.contains("in 3s, read") => Some(3),
            _ if line.contains("in 1s, read") => Some(1),
            _ if line.contains("duration 2 sec") => Some(2),
            _ => None,
        };
        let table: &[(&str, Told)] = &[
            ("transferred 528.0 KiB of 1.5 GiB (35.20%)", (Some(35.2), Some(528.0 * KIB), Some(1.5 * GIB), None)),
            ("transferred 0.0 B of 3.0 GiB (0.00%)", (Some(0.0), Some(0.0), Some(3.0 * GIB), None)),
            (
                "mirror-scsi0: transferred 208.0 MiB of 600.0 MiB (34.67%) in 2s",
                (Some(34.67), Some(208.0 * MIB), Some(600.0 * MIB), None),
            ),
            (
                "drive-scsi0: transferred 600.0 MiB of 600.0 MiB (100.00%) in 5s, ready",
                (Some(100.0), Some(600.0 * MIB), Some(600.0 * MIB), None),
            ),
            (
                "migration active, transferred 512.0 MiB of 4.0 GiB VM-state, 110.0 MiB/s",
                (Some(12.5), Some(512.0 * MIB), Some(4.0 * GIB), Some(110.0 * MIB)),
            ),
            (
                "INFO:   8% (65.0 MiB of 1.0 GiB) in 3s, read: 21.5 MiB/s, write: 21.0 MiB/s",
                (Some(8.0), Some(65.0 * MIB), Some(GIB), Some(21.5 * MIB)),
            ),
            (
                "INFO: 100% (1.0 GiB of 1.0 GiB) in 1s, read: 1.0 GiB/s, write: 0 B/s",
                (Some(100.0), Some(GIB), Some(GIB), Some(GIB)),
            ),
            ("progress 5% (read 53687091 bytes, duration 2 sec)", (Some(5.0), Some(53_687_091.0), None, None)),
            (" 98304K ........ ........ ........ ........ 80% 24.5M 1s", (Some(80.0), None, None, Some(24.5 * MIB))),
            ("131072K ........ ........ ........ ........100% 24.5M 0s", (Some(100.0), None, None, Some(24.5 * MIB))),
            ("     0K ........ ...                       100% 8.50M=1.3s", (Some(100.0), None, None, Some(8.5 * MIB))),
            (
                "     0K                                    100%  245M=0.001s",
                (Some(100.0), None, None, Some(245.0 * MIB)),
            ),
            ("163840K                                    100% 0.00 =6.6s", (Some(100.0), None, None, Some(0.0))),
            ("3.5 MiB in 0s", (None, Some(3.5 * MIB), None, None)),
        ];
        for (line, (percent, done, total, rate)) in table {
            let wanted = Progress {
                percent: *percent,
                done: done.map(|n| n as u64),
                total: total.map(|n| n as u64),
                rate: *rate,
                seconds: seconds(line),
            };
            assert_eq!(Progress::parse(line), Some(wanted), "{line}");
        }
    }

    #[test]
    fn lines_without() {
        for line in [
            "",
            "TASK OK",
            "INFO: transferred 3.00 GiB in 2 seconds (1.5 GiB/s)",
            "INFO: backup is sparse: 624.00 MiB (60%) total zero data",
            "Total bytes read: 2078720 (2.0MiB, 85MiB/s)",
            "total bytes read 1073741824, sparse bytes 654311424 (60.9%)",
            "space reduction due to 4K zero blocks 0%",
            "applying read rate limit: 80000",
            "completed saving the VM state in 0s, saved 3.66 MiB",
            "größe 50 % ...",
        ] {
            assert_eq!(Progress::parse(line), None, "{line}");
        }
    }

    #[test]
    fn what_is_left_follows_the_pace() {
        let left = |line: &str| Progress::parse(line).and_then(|p| p.left());
        assert_eq!(left("INFO:  25% (256.0 MiB of 1.0 GiB) in 30s, read: 1.0 MiB/s, write: 0 B/s"), Some(90));
        assert_eq!(left("INFO: 100% (1.0 GiB of 1.0 GiB) in 18s, read: 49.3 MiB/s, write: 0 B/s"), Some(0));
        assert_eq!(left("progress 20% (read 10 bytes, duration 4 sec)"), Some(16));
        assert_eq!(left("progress 20% (read 10 bytes, duration 0 sec)"), None);
        assert_eq!(left("migration active, transferred 512.0 MiB of 1.0 GiB VM-state, 128.0 MiB/s"), Some(4));
    }

    #[test]
    fn the_newest_counts() {
        let log =
            ["progress 1% (read 10 bytes, duration 0 sec)", "progress 2% (read 20 bytes, duration 0 sec)", "rescan"];
        assert_eq!(Progress::latest(log.into_iter()).and_then(|p| p.percent), Some(2.0));
    }
}
