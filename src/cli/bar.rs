//! Progress on standard error: a bar that is redrawn on a terminal, a plain line for every tenth without one.

use std::io::{IsTerminal as _, Write as _};

use crate::ui::text;

/// Cells of the bar itself.
const CELLS: usize = 20;

/// One thing that takes a while.
pub struct Bar {
    label: String,
    columns: Option<usize>,
    /// The tenth that was told last.
    told: Option<u64>,
    /// A line without its end is on the terminal.
    open: bool,
}

impl Bar {
    /// For standard error as it is.
    pub fn new(label: &str) -> Self {
        let columns = std::io::stderr()
            .is_terminal()
            .then(|| crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns.max(40))));
        Self { label: text::clean(label).into_owned(), columns, told: None, open: false }
    }

    /// So much of 1 is done, in words.
    pub fn show(&mut self, share: f64, words: &str) {
        if let Some(line) = self.line(share, words) {
            let mut out = std::io::stderr();
            // Nobody sees it when standard error is gone; the work goes on.
            let _ = match self.columns {
                Some(_) => write!(out, "\r\x1b[K{line}").and_then(|()| out.flush()),
                None => writeln!(out, "{line}"),
            };
            self.open = self.columns.is_some();
        }
    }

    /// The line to print, if it is time for one.
    fn line(&mut self, share: f64, words: &str) -> Option<String> {
        let share = share.clamp(0.0, 1.0);
        if let Some(columns) = self.columns {
            let full = (share * CELLS as f64).round() as usize;
            let bar = format!("[{}{}]", "#".repeat(full), "-".repeat(CELLS - full));
            let line = format!("{} {bar} {words}", self.label);
            return Some(text::cut(&line, columns - 1, "~").into_owned());
        }
        let tenth = (share * 10.0).floor() as u64;
        // Several disks count from 0 again each.
        let news = match self.told {
            None => tenth > 0,
            Some(told) => tenth != told,
        };
        self.told = Some(tenth);
        news.then(|| format!("{}: {words}", self.label))
    }

    /// Lets other lines come: the bar goes, or stays as it is when `keep` is set.
    pub fn end(&mut self, keep: bool) {
        if std::mem::take(&mut self.open) {
            let _ = std::io::stderr().write_all(if keep { b"\n" } else { b"\r\x1b[K" });
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.end(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_on_a_terminal_and_tenths_without() {
        let bar = |columns| Bar { label: "Upload".into(), columns, told: None, open: false };
        let mut plain = bar(None);
        let mut bar = bar(Some(60));
        assert_eq!(bar.line(0.5, "50 %").as_deref(), Some("Upload [##########----------] 50 %"));
        assert!(bar.line(0.5, &"x".repeat(200)).is_some_and(|line| text::width(&line) < 60));
        assert_eq!(plain.line(0.02, "2 %"), None);
        assert_eq!(plain.line(0.31, "31 %").as_deref(), Some("Upload: 31 %"));
        assert_eq!(plain.line(0.35, "35 %"), None);
        assert_eq!(plain.line(0.1, "10 %").as_deref(), Some("Upload: 10 %"));
        assert_eq!(plain.line(1.0, "100 %").as_deref(), Some("Upload: 100 %"));
    }
}
