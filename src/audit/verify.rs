//! Is the trail as it was written? Reads all of it, and says which line is wrong.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{Line, current, head};

/// Stands for the line before the first one.
pub(super) const ZERO: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What is wrong with a trail, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// The line in it, from 1; 0 when it is about the file as a whole.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file.display(), self.why),
            line => write!(f, "{}, line {line}: {}", self.file.display(), self.why),
        }
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How many files there are.
    pub files: usize,
    /// How many lines are right, up to the first wrong one.
    pub lines: u64,
    /// The number of the first line; above 1 when older files are gone.
    pub first: u64,
    /// The first thing that is wrong.
    pub problem: Option<Problem>,
}

/// SHA-256 in hexadecimal.
pub(super) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// The files of a trail, oldest first.
pub(super) fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut old = vec![];
    match fs::read_dir(dir) {
        Ok(entries) => {
            for entry in entries {
                let name = entry?.file_name().to_string_lossy().into_owned();
                let path = dir.join(name);
                if range(&path).is_some() {
                    old.push(path);
                }
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    old.sort();
    let now = current(dir);
    if now.exists() {
        old.push(now);
    }
    Ok(old)
}

/// The name of a full file: the numbers of its first and last line.
pub(super) fn name(first: u64, last: u64) -> String {
    format!("audit-{first:012}-{last:012}.jsonl")
}

fn range(path: &Path) -> Option<(u64, u64)> {
    let stem = path.file_name()?.to_str()?.strip_prefix("audit-")?.strip_suffix(".jsonl")?;
    let (first, last) = stem.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

/// Where a walk over lines stands.
struct Walk {
    /// The hash that the next line must name; `None` before the first.
    prev: Option<String>,
    n: u64,
    first: u64,
    lines: u64,
    /// The first line of the file that is being read.
    begin: u64,
}

impl Walk {
    /// Takes one line without its line break.
    fn step(&mut self, bytes: &[u8]) -> Result<Line, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it was altered: it is no text".to_owned())?;
        let line: Line = serde_json::from_str(text).map_err(|e| format!("it was altered or cut: {e}"))?;
        // What reads the same must also be written the same.
        let again = serde_json::to_string(&line).unwrap_or_default();
        if again != text {
            return Err("it was altered: it is not written as this program writes".into());
        }
        match &self.prev {
            Some(prev) if *prev != line.prev => {
                return Err(
                    "it does not follow the line before: one of them was altered, or lines between are gone".into()
                );
            }
            None if line.n == 1 && line.prev != ZERO => return Err("the first line names a line before it".into()),
            _ => {}
        }
        if self.prev.is_some() && line.n != self.n + 1 {
            return Err(format!("its number is {}, but {} is next", line.n, self.n + 1));
        }
        if self.prev.is_none() {
            self.first = line.n;
        }
        self.prev = Some(hash(bytes));
        self.n = line.n;
        self.lines += 1;
        Ok(line)
    }
}

/// Reads the newest files of a trail; lines up to the first wrong one go to `take`.
fn walk(dir: &Path, newest: usize, mut take: impl FnMut(Line)) -> Result<(Report, Walk), io::Error> {
    let mut files = files(dir)?;
    files.drain(..files.len().saturating_sub(newest));
    let mut walk = Walk { prev: None, n: 0, first: 0, lines: 0, begin: 0 };
    let mut problem = None;
    'files: for file in &files {
        let content = fs::read(file)?;
        let mut rest = content.as_slice();
        let mut number = 0;
        while !rest.is_empty() {
            number += 1;
            let at = |why: String| Some(Problem { file: file.clone(), line: number, why });
            let Some(end) = rest.iter().position(|b| *b == b'\n') else {
                problem = at("it is cut: its end is missing".into());
                break 'files;
            };
            match walk.step(&rest[..end]) {
                Ok(line) => {
                    if number == 1 {
                        walk.begin = line.n;
                    }
                    take(line);
                }
                Err(why) => {
                    problem = at(why);
                    break 'files;
                }
            }
            rest = &rest[end + 1..];
            if number == 1 && range(file).is_some_and(|(first, _)| first != walk.n) {
                problem = at("the lines before it are missing".into());
                break 'files;
            }
        }
        if let Some((_, last)) = range(file).filter(|(_, last)| *last != walk.n) {
            let why = format!("the lines after it are missing, up to number {last}");
            problem = Some(Problem { file: file.clone(), line: number, why });
            break;
        }
    }
    if problem.is_none() {
        problem = against_head(dir, &walk)?;
    }
    let report = Report { files: files.len(), lines: walk.lines, first: walk.first, problem };
    Ok((report, walk))
}

/// Holds the last line against what was noted of it. Lines beyond are right when they follow: a program may have ended
/// between writing the two files, or the machine before the note was safe.
fn against_head(dir: &Path, walk: &Walk) -> io::Result<Option<Problem>> {
    let note = match fs::read_to_string(head(dir)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && walk.lines <= 1 => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let why = "is missing, so nobody can tell whether lines were cut off at the end".into();
            return Ok(Some(Problem { file: head(dir), line: 0, why }));
        }
        Err(error) => return Err(error),
    };
    let words: Vec<&str> = note.split_whitespace().collect();
    let noted = match words.as_slice() {
        [n, hash, begin] => n.parse::<u64>().ok().zip(begin.parse::<u64>().ok()).map(|(n, begin)| (n, *hash, begin)),
        _ => None,
    };
    let Some((n, noted, begin)) = noted else {
        return Ok(Some(Problem {
            file: head(dir),
            line: 0,
            why: "was altered: it is not two numbers and a hash".into(),
        }));
    };
    let file = current(dir);
    let last = lines_of(&file)?;
    Ok(match n {
        n if n > walk.n => {
            let why = format!("{} lines are missing after this one: the trail was cut", n - walk.n);
            Some(Problem { file, line: last, why })
        }
        n if n == walk.n && walk.prev.as_deref() != Some(noted) => {
            Some(Problem { file, line: last, why: "it was altered".into() })
        }
        // The note is of this file, not of one that was full.
        n if n >= walk.begin && begin != walk.begin => {
            Some(Problem { file, line: 1, why: format!("the lines before it are missing, from number {begin} on") })
        }
        _ => None,
    })
}

fn lines_of(file: &Path) -> io::Result<usize> {
    match fs::read(file) {
        Ok(content) => Ok(content.iter().filter(|b| **b == b'\n').count()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// Checks a trail from its first line to its last.
///
/// # Errors
/// When a file can't be read.
pub fn verify(dir: &Path) -> io::Result<Report> {
    walk(dir, usize::MAX, drop).map(|(report, _)| report)
}

/// All lines up to the first wrong one, and what the check found.
///
/// # Errors
/// When a file can't be read.
pub fn read_all(dir: &Path) -> io::Result<(Vec<Line>, Report)> {
    let mut lines = vec![];
    let (report, _) = walk(dir, usize::MAX, |line| lines.push(line))?;
    Ok((lines, report))
}

/// Number and hash of the last line, to go on from, and the number of the first line of the last file. The file before the last one counts, too: the last may just have been
/// begun.
pub(super) fn tail(dir: &Path) -> Result<(u64, String, u64), Problem> {
    let unreadable = |error: io::Error| Problem { file: current(dir), line: 0, why: format!("can't be read: {error}") };
    let (report, walk) = walk(dir, 2, drop).map_err(unreadable)?;
    match report.problem {
        Some(problem) => Err(problem),
        None => Ok((walk.n, walk.prev.unwrap_or_else(|| ZERO.to_owned()), walk.begin)),
    }
}
