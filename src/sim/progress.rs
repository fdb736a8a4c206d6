//! Progress of long tasks: log lines with the seconds after which the server prints them.
//! The texts are those of the real tools, because clients read percentages out of them.

use super::property::human;
use super::task::Script;

/// A log line and the seconds since the beginning of its step.
pub type Line = (f64, String);

/// Bytes per second that simulated disks read and write.
pub const DISK_RATE: f64 = 250.0 * 1048576.0;

/// Seconds that copying a volume takes: only what is `used` costs time, unless a bandwidth
/// `limit` (KiB/s) applies to the whole `size`.
pub fn copy_seconds(size: u64, used: u64, limit: Option<u64>) -> f64 {
    match limit.filter(|kib| *kib > 0) {
        Some(kib) => size as f64 / (kib as f64 * 1024.0),
        None => used as f64 / DISK_RATE,
    }
}

/// Offline copy (clone, move, import): one line per percent at most, and at both ends.
pub fn copy(size: u64, seconds: f64) -> Vec<Line> {
    let total = human(size as f64, 1);
    // A copy that takes no time shows its ends only, as with an empty sparse image.
    let steps = (seconds * 4.0).ceil().clamp(1.0, 100.0) as u64;
    (0..=steps)
        .map(|step| {
            let part = step as f64 / steps as f64;
            let line = format!("transferred {} of {total} ({:.2}%)", human(size as f64 * part, 1), part * 100.0);
            (seconds * part, line)
        })
        .collect()
}

/// Online copy by mirroring (move or clone of a running VM's disk): a line a second.
pub fn mirror(slot: &str, size: u64, seconds: f64) -> Vec<Line> {
    let total = human(size as f64, 1);
    let steps = seconds.ceil().max(1.0) as u64;
    (0..=steps)
        .map(|step| {
            let part = step as f64 / steps as f64;
            let ready = if step == steps { ", ready" } else { "" };
            let line = format!(
                "mirror-{slot}: transferred {} of {total} ({:.2}%) in {step}s{ready}",
                human(size as f64 * part, 1),
                part * 100.0,
            );
            (seconds * part, line)
        })
        .collect()
}

/// Backup of a VM: a line every three seconds with rates, and the summary. `used` bytes of the
/// `size` are data, the rest zeros; data lies at the front.
pub fn backup(size: u64, used: u64, seconds: f64) -> Vec<Line> {
    let seconds = seconds.max(1.0);
    let mut lines = Vec::new();
    let (mut read, mut written, mut last) = (0.0, 0.0, 0.0);
    let mut at: f64 = 0.0;
    while at < seconds {
        at = (at + 3.0).min(seconds);
        let now_read = size as f64 * at / seconds;
        let now_written = now_read.min(used as f64);
        let span = at - last;
        lines.push((
            at,
            format!(
                "INFO: {:>3}% ({} of {}) in {}s, read: {}/s, write: {}/s",
                (now_read / size.max(1) as f64 * 100.0).floor(),
                human(now_read, 1),
                human(size as f64, 1),
                at.round(),
                human((now_read - read) / span, 1),
                rate(now_written - written, span),
            ),
        ));
        (read, written, last) = (now_read, now_written, at);
    }
    let zeros = size.saturating_sub(used);
    if zeros * 20 > size {
        lines.push((
            seconds,
            format!(
                "INFO: backup is sparse: {} ({}%) total zero data",
                human(zeros as f64, 2),
                (zeros as f64 / size as f64 * 100.0).floor()
            ),
        ));
    }
    lines.push((
        seconds,
        format!(
            "INFO: transferred {} in {} seconds ({}/s)",
            human(size as f64, 2),
            seconds.round(),
            human(size as f64 / seconds, 1)
        ),
    ));
    lines
}

fn rate(bytes: f64, seconds: f64) -> String {
    if bytes <= 0.0 { "0 B".to_owned() } else { human(bytes / seconds, 1) }
}

/// Restore of a VM: a line per percent and the totals.
pub fn restore(size: u64, used: u64, seconds: f64) -> Vec<Line> {
    let mut lines: Vec<Line> = (1..=100u64)
        .map(|percent| {
            let at = seconds * percent as f64 / 100.0;
            let line = format!(
                "progress {percent}% (read {} bytes, duration {} sec)",
                // vma works in clusters of 64 KiB
                (size * percent / 100).next_multiple_of(65536).min(size),
                at.floor()
            );
            (at, line)
        })
        .collect();
    let sparse = size.saturating_sub(used);
    lines.push((
        seconds,
        format!("total bytes read {size}, sparse bytes {sparse} ({:.3}%)", sparse as f64 / size.max(1) as f64 * 100.0),
    ));
    lines.push((seconds, "space reduction due to 4K zero blocks 0%".to_owned()));
    lines
}

/// Saving the RAM of a running VM for a snapshot.
pub fn save_state(ram: u64, seconds: f64) -> Vec<Line> {
    let whole = seconds.floor() as u64;
    let mut lines: Vec<Line> = (0..=whole)
        .map(|second| {
            let part = if whole == 0 { 0.001 } else { second as f64 / whole as f64 };
            let line = format!("{} in {second}s", human(ram as f64 * part, 2));
            (second as f64, line)
        })
        .collect();
    lines.push((seconds, format!("completed saving the VM state in {whole}s, saved {}", human(ram as f64, 2))));
    lines
}

/// Live migration: RAM going over, once a second.
pub fn migrate(ram: u64, seconds: f64) -> Vec<Line> {
    let steps = seconds.floor().max(1.0) as u64;
    (1..=steps)
        .map(|step| {
            let part = step as f64 / (steps + 1) as f64;
            let line = format!(
                "migration active, transferred {} of {} VM-state, {}/s",
                human(ram as f64 * part, 1),
                human(ram as f64, 1),
                human(ram as f64 / (steps + 1) as f64, 1)
            );
            (step as f64 * seconds / steps as f64, line)
        })
        .collect()
}

/// A script that prints the lines at their moments.
pub fn script(lines: Vec<Line>) -> Script {
    let mut script = Script::new();
    let mut now = 0.0;
    for (at, line) in lines {
        if at > now {
            script = script.wait(at - now);
            now = at;
        }
        script = script.log(line);
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_image_shows_both_ends_only() {
        let lines: Vec<String> = copy(3 << 30, 0.0).into_iter().map(|(_, l)| l).collect();
        assert_eq!(lines, ["transferred 0.0 B of 3.0 GiB (0.00%)", "transferred 3.0 GiB of 3.0 GiB (100.00%)"]);
    }

    #[test]
    fn a_backup_tells_percent_rates_and_zeros() {
        let lines = backup(1 << 30, 400 << 20, 18.0);
        assert_eq!(lines[0].0, 3.0);
        assert_eq!(lines[0].1, "INFO:  16% (170.7 MiB of 1.0 GiB) in 3s, read: 56.9 MiB/s, write: 56.9 MiB/s");
        assert!(lines[5].1.starts_with("INFO: 100% (1.0 GiB of 1.0 GiB) in 18s"));
        assert_eq!(lines[6].1, "INFO: backup is sparse: 624.00 MiB (60%) total zero data");
        assert_eq!(lines[7].1, "INFO: transferred 1.00 GiB in 18 seconds (56.9 MiB/s)");
    }

    #[test]
    fn times_never_go_back() {
        for lines in [
            copy(10 << 30, 12.5),
            mirror("scsi0", 5 << 30, 7.2),
            backup(5 << 30, 1 << 30, 10.0),
            restore(5 << 30, 1 << 30, 10.0),
            save_state(4 << 30, 6.5),
            migrate(4 << 30, 6.5),
        ] {
            assert!(lines.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        }
    }
}
