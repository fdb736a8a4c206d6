//! The audit trail: every change that leaves this program, before it leaves, in a file that only grows. Each line holds
//! the SHA-256 of the line before, so that no line can be altered or taken away unnoticed.
//!
//! A change makes up to three lines: `write` before it is sent (a change that can't be written down is not sent),
//! `answer` with what the server said, and `task` with how the task ended. Beside the file lies a small one with the
//! number and the hash of the last line, by which a cut end is noticed.

mod line;
mod syslog;
mod verify;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use thiserror::Error;

pub use line::{Event, Line, Outcome};
pub use syslog::Syslog;
pub use verify::{Problem, Report, read_all, verify};

use crate::api::{ApiError, Wire, http::write_private};
use verify::{ZERO, hash, tail};

/// A file that has grown beyond this is put aside and a new one begun.
pub const ROTATE: u64 = 16 << 20;

/// Why a change can't be written down.
#[derive(Debug, Error)]
pub enum AuditError {
    /// The file can't be written.
    #[error("the audit trail {} can't be written: {why}; make room, or mend the rights of the folder", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// The file is not as it was left.
    #[error(
        "the audit trail was cut or altered: {0}. It is left as it is: look into it with `proxmux audit verify`, then \
         `proxmux audit restart` puts it aside and begins a new one"
    )]
    Broken(Problem),
}

/// Who changes what.
pub struct Entry<'a> {
    /// `user@realm` or the token's id.
    pub user: String,
    /// The server, `host:port`.
    pub server: String,
    /// The profile of the configuration, if one was used.
    pub profile: Option<String>,
    /// What it does: "Start VM 101 (web)".
    pub label: &'a str,
    /// The call; secrets in it are left out.
    pub wire: &'a Wire,
}

/// The trail. Several processes may write to the same one.
pub struct Audit {
    dir: PathBuf,
    limit: u64,
    syslog: Option<Syslog>,
    /// Length of the file and the last line as this process left them: saves reading it again.
    last: Mutex<Option<Last>>,
}

#[derive(Clone)]
struct Last {
    length: u64,
    n: u64,
    hash: String,
    /// The first line of the file.
    begin: u64,
}

/// The file that grows.
pub fn current(dir: &Path) -> PathBuf {
    dir.join("audit.jsonl")
}

/// The number and the hash of the last line, and the number of the first one in the same file.
fn head(dir: &Path) -> PathBuf {
    dir.join("audit.head")
}

impl Audit {
    /// A trail in this folder, which is made when the first line is written.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), limit: ROTATE, syslog: None, last: Mutex::new(None) }
    }

    /// Sends every line to a syslog, too.
    pub fn with_syslog(self, syslog: Syslog) -> Self {
        Self { syslog: Some(syslog), ..self }
    }

    /// Begins a new file after this many bytes.
    pub fn with_limit(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes down a change that is about to be sent; the number of its line is returned.
    ///
    /// # Errors
    /// When it can't be written; then the change must not be sent.
    pub fn begin(&self, entry: &Entry) -> Result<u64, AuditError> {
        self.append(Line::write(entry))
    }

    /// Writes down what came of it.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn answer(&self, write: u64, result: Result<Option<&str>, &ApiError>, ms: u64) -> Result<u64, AuditError> {
        self.append(Line::answer(write, result, ms))
    }

    /// Writes down how the task of a change ended.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn task(&self, upid: &str, outcome: &str) -> Result<u64, AuditError> {
        self.append(Line::task(upid, outcome))
    }

    fn append(&self, mut line: Line) -> Result<u64, AuditError> {
        let path = current(&self.dir);
        let fail = |why| AuditError::File { path: path.clone(), why };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = open(&self.dir, &path).map_err(fail)?;
        // Held until the file is closed: another process waits here, and then sees this line.
        file.lock().map_err(fail)?;
        let mut length = file.metadata().map_err(fail)?.len();
        let known = last.as_ref().filter(|l| l.length == length).cloned();
        let mut end = match known {
            Some(end) => end,
            None => {
                let (n, hash, begin) = tail(&self.dir).map_err(AuditError::Broken)?;
                Last { length, n, hash, begin }
            }
        };
        if length >= self.limit {
            file = self.rotate(&path, (end.begin, end.n), file).map_err(fail)?;
            length = 0;
        }
        if length == 0 {
            end.begin = end.n + 1;
        }
        line.n = end.n + 1;
        line.time = Timestamp::now().to_string();
        line.prev = std::mem::take(&mut end.hash);
        let mut text = serde_json::to_string(&line).map_err(|e| fail(e.into()))?;
        let hash = hash(text.as_bytes());
        text.push('\n');
        file.write_all(text.as_bytes()).and_then(|()| file.sync_data()).map_err(fail)?;
        let note = format!("{} {hash} {}\n", line.n, end.begin);
        write_private(&head(&self.dir), note.as_bytes()).map_err(fail)?;
        *last = Some(Last { length: length + text.len() as u64, n: line.n, hash, begin: end.begin });
        drop(file);
        if let Some(syslog) = &self.syslog {
            syslog.send(text.trim_end());
        }
        Ok(line.n)
    }

    /// Puts the full file aside under the number of its last line; the chain goes on in the new one.
    fn rotate(&self, path: &Path, (first, last): (u64, u64), full: File) -> io::Result<File> {
        fs::rename(path, self.dir.join(verify::name(first, last)))?;
        let file = open(&self.dir, path)?;
        file.lock()?;
        drop(full);
        Ok(file)
    }
}

/// For adding lines only, readable by its owner only.
fn open(dir: &Path, path: &Path) -> io::Result<File> {
    fs::create_dir_all(dir)?;
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Puts a trail aside, broken or not, so that a new one begins. Nothing is removed.
///
/// # Errors
/// When the folder can't be read or written.
pub fn restart(dir: &Path) -> io::Result<PathBuf> {
    let stamp = Timestamp::now().strftime("%Y%m%dT%H%M%S%3fZ").to_string();
    let aside = dir.join(format!("aside-{stamp}"));
    fs::create_dir_all(&aside)?;
    let mut names: Vec<_> = verify::files(dir)?;
    names.push(head(dir));
    for path in names.iter().filter(|p| p.exists()) {
        fs::rename(path, aside.join(path.file_name().unwrap_or_default()))?;
    }
    Ok(aside)
}

/// The hash that stands before the first line.
pub fn zero() -> &'static str {
    ZERO
}

#[cfg(test)]
mod tests;
