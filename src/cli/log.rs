//! The log: a file that only the user can read, put aside when it grows large.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use tracing_appender::non_blocking::WorkerGuard;

/// A log that is larger is put aside.
pub const LARGEST: u64 = 5 << 20;

/// Starts the log; it ends when the guard is dropped.
///
/// # Errors
/// When the file can't be opened, or the level is none.
pub fn start(file: &Path, level: &str, keep: u64) -> Result<WorkerGuard> {
    use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};
    let level: tracing::Level =
        level.parse().map_err(|_| anyhow::anyhow!("{level} is no log level: use error, warn, info, debug or trace"))?;
    let out = Rotating::open(file.to_owned(), LARGEST, keep);
    let out = out.with_context(|| format!("can't open the log file {}", file.display()))?;
    let (writer, guard) = tracing_appender::non_blocking(out);
    // Only our own crate: what libraries log about connections could hold headers.
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    tracing_subscriber::registry().with(Targets::new().with_target("proxmux", level)).with(layer).init();
    Ok(guard)
}

/// Writes to `log`; a full one becomes `log.1`, that one `log.2` and so on, as many as are kept.
struct Rotating {
    path: PathBuf,
    file: File,
    size: u64,
    limit: u64,
    keep: u64,
}

impl Rotating {
    fn open(path: PathBuf, limit: u64, keep: u64) -> io::Result<Self> {
        let file = append(&path)?;
        let size = file.metadata()?.len();
        Ok(Self { path, file, size, limit, keep })
    }

    fn numbered(&self, n: u64) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{n}"));
        name.into()
    }

    fn rotate(&mut self) -> io::Result<()> {
        if self.keep == 0 {
            self.file.set_len(0)?;
        } else {
            for n in (1..self.keep).rev() {
                if self.numbered(n).exists() {
                    fs::rename(self.numbered(n), self.numbered(n + 1))?;
                }
            }
            fs::rename(&self.path, self.numbered(1))?;
            self.file = append(&self.path)?;
        }
        self.size = 0;
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    let mut open = OpenOptions::new();
    open.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    open.open(path)
}

impl Write for Rotating {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.size > 0 && self.size + line.len() as u64 > self.limit {
            // A log that can't be put aside goes on growing: better than none.
            let _ = self.rotate();
        }
        self.file.write_all(line)?;
        self.size += line.len() as u64;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn full_logs_are_put_aside_and_old_ones_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = Rotating::open(path.clone(), 10, 2).unwrap();
        for line in ["first 1\n", "second\n", "third\n", "4\n", "5\n", "sixth\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        let found = [read("log"), read("log.1"), read("log.2")];
        assert_eq!(found, ["sixth\n", "third\n4\n5\n", "second\n"]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        // What is there already counts.
        let mut log = Rotating::open(path, 10, 2).unwrap();
        log.write_all(b"seventh\n").unwrap();
        assert_eq!((read("log"), read("log.1")), ("seventh\n".into(), "sixth\n".into()));
    }
}
