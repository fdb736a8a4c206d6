//! Reading the log of one task to its end, while it runs and after.

use std::time::Duration;

use ratatui::text::Span;

use super::{mark, stop_proposal};
use crate::{
    api::{
        ApiError, Paged,
        ids::Upid,
        task::{self as api, LogLine, Task, TaskState},
    },
    shell::{Cx, Proposal},
    ui::{Look, Role, Viewer, text},
    views::log::file_part,
};

/// What a view that follows a task hears back.
pub enum Heard {
    /// How the task is.
    Status(Result<Task, ApiError>),
    /// More lines.
    Lines(Result<Paged<LogLine>, ApiError>),
}

/// One task with its log as far as it has been read.
pub struct Follow {
    /// The task.
    pub upid: Upid,
    /// Its log.
    pub viewer: Viewer,
    /// How it was when it was last asked.
    pub task: Option<Task>,
    /// Why nobody knows more.
    pub error: Option<ApiError>,
    seen: u64,
    asking: bool,
    /// The end has been read after the task was known to have ended, or nothing more can be had.
    complete: bool,
}

/// The server will say the same again: the task is gone, or not for this user's eyes.
pub fn is_final(error: &ApiError) -> bool {
    matches!(error.status(), Some(400 | 401 | 403 | 404 | 501))
}

impl Follow {
    /// Lines that one request asks for.
    const PAGE: u64 = 2000;

    /// Nothing has been read yet.
    pub fn new(upid: Upid) -> Self {
        let viewer = Viewer::new().following(true);
        Self { upid, viewer, task: None, error: None, seen: 0, asking: false, complete: false }
    }

    /// `VM 100 - Start`
    pub fn what(&self) -> String {
        api::describe(self.upid.kind(), self.upid.id())
    }

    /// True until it is known to have ended.
    pub fn is_running(&self) -> bool {
        self.task.as_ref().is_none_or(|t| t.status.is_running())
    }

    /// How often to ask again; `None`: there is nothing more to come.
    pub fn pace(&self) -> Option<Duration> {
        // A node that does not answer is asked less often.
        let pace = if self.error.is_some() { 5000 } else { 1000 };
        (!self.complete).then_some(Duration::from_millis(pace))
    }

    /// Asks for what is new.
    pub fn ask(&mut self, cx: &mut Cx<'_, Heard>) {
        if !self.asking && !self.complete {
            self.asking = true;
            // Status first: lines that are read after "stopped" was seen are all there will ever be.
            cx.send(api::status(&self.upid), Heard::Status);
        }
    }

    /// Takes an answer in, and returns the lines that are new.
    pub fn hear(&mut self, heard: Heard, cx: &mut Cx<'_, Heard>) -> Vec<String> {
        match heard {
            Heard::Status(answer) => {
                match answer {
                    Ok(task) => (self.task, self.error) = (Some(task), None),
                    // What is refused is refused again: asking on would only fill the server's logs.
                    Err(error) if is_final(&error) => {
                        (self.asking, self.complete, self.error) = (false, true, Some(error));
                        return vec![];
                    }
                    Err(error) => self.error = Some(error),
                }
                cx.send(api::log(&self.upid, self.seen, Self::PAGE), Heard::Lines);
                vec![]
            }
            Heard::Lines(Ok(page)) => {
                self.asking = false;
                let full = page.data.len() as u64 >= Self::PAGE;
                // A task without output answers with one line that says so; it is replaced by the first real one.
                let lines = page.data.into_iter().filter(|l| !(self.seen == 0 && l.n <= 1 && l.t == "no content"));
                let lines: Vec<String> = lines.map(|l| l.t).collect();
                self.seen += lines.len() as u64;
                lines.iter().for_each(|line| self.viewer.push(line));
                if full {
                    self.ask(cx);
                } else if !self.is_running() {
                    self.complete = true;
                }
                lines
            }
            Heard::Lines(Err(error)) => {
                (self.asking, self.complete, self.error) = (false, is_final(&error), Some(error));
                vec![]
            }
        }
    }

    /// How the task is: in its own words, or why that is unknown.
    pub fn state(&self, look: &Look, tick: u64) -> Span<'static> {
        let words = |error: &ApiError| {
            let words = match error {
                // It is asked again all the time: there is nothing to do about it.
                ApiError::Unanswered(why) => format!("{} unknown: {why}", look.glyphs.unknown),
                error => format!("{} unknown: {}", look.glyphs.unknown, error.explained()),
            };
            Span::styled(text::clean(&words).into_owned(), look.style(Role::Warning))
        };
        match (&self.error, &self.task) {
            (Some(error), None) => words(error),
            // What has ended stays ended, whatever is wrong with reading its log.
            (Some(error), Some(task)) if task.status.is_running() => words(error),
            (error, task) => {
                let state = task.as_ref().map_or(TaskState::Running, |t| t.status.clone());
                let (glyph, role) = mark(&state, &look.glyphs, tick);
                let more = error.as_ref().map_or_else(String::new, |e| format!("  (its log can't be read: {e})"));
                Span::styled(text::clean(&format!("{glyph} {state}{more}")).into_owned(), look.style(role))
            }
        }
    }

    /// The proposal to stop it.
    pub fn stop(&self) -> Proposal {
        stop_proposal(&self.upid, &self.what())
    }

    /// The name that is proposed for a file with its log.
    pub fn file(&self) -> String {
        let id = if self.upid.id().is_empty() { "node" } else { self.upid.id() };
        format!("task-{}-{}-{}.log", file_part(self.upid.kind()), file_part(id), self.upid.started())
    }
}
