//! What the console says: messages in the last line, all of them for later, a word to the terminal, and the question before
//! leaving.

use std::time::Duration;

use super::App;
use crate::{
    api::{ApiError, ids::Upid},
    shell::{Effect, Hosted, Level, Pick, Picker, SessionId, Toast, Write},
    ui::text,
    views,
};

/// How the terminal is told that a task has ended, so that it can tell the desktop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notify {
    /// Not at all.
    #[default]
    Off,
    /// The sequence of iTerm2, ConEmu, Windows Terminal, kitty, foot, WezTerm (OSC 9).
    Osc9,
    /// The sequence of urxvt, foot, Ghostty, WezTerm (OSC 777).
    Osc777,
    /// The bell.
    Bell,
}

impl Notify {
    /// The bytes that say a text; control characters in it are gone.
    pub fn sequence(self, words: &str) -> String {
        let words = text::clean(words);
        match self {
            Self::Off => String::new(),
            Self::Osc9 => format!("\x1b]9;{words}\x07"),
            // Semicolons part the fields.
            Self::Osc777 => format!("\x1b]777;notify;proxmux;{}\x07", words.replace(';', ",")),
            Self::Bell => "\x07".into(),
        }
    }
}

/// A message on the screen.
pub(super) struct Shown {
    /// What it says.
    pub toast: Toast,
    /// When it goes; `None`: with the next key.
    pub until: Option<Duration>,
    /// Whose it is.
    pub session: SessionId,
}

impl Shown {
    /// The task that it is about.
    pub fn task(&self) -> Option<(SessionId, Upid)> {
        self.toast.task.clone().map(|upid| (self.session, upid))
    }
}

impl App {
    /// How long a toast stays that nobody needs to act on.
    const TOAST: Duration = Duration::from_secs(4);
    /// So many messages are kept.
    const KEPT: usize = 500;

    /// Shows a message, and keeps it for later.
    pub(super) fn toast(&mut self, mut toast: Toast) {
        let session = self.store().session;
        if self.behind {
            toast.text = format!("{}: {}", self.session_mut().title(), toast.text);
        }
        let until = (toast.level != Level::Error).then_some(self.shared.now.mono + Self::TOAST);
        let shown = Shown { toast: toast.clone(), until, session };
        self.last_task = shown.task().or(self.last_task.take());
        if toast.level == Level::Error {
            tracing::warn!("{}", toast.text);
        }
        if self.said.len() >= Self::KEPT {
            self.said.pop_front();
        }
        self.toasts.retain(|old| old.until.is_none() && old.toast != toast);
        self.said.push_back((self.shared.now.unix, toast));
        self.toasts.push_back(shown);
        self.dirty = true;
    }

    /// Takes a confirmed change, unless the very same one still waits for its answer: it would be made twice.
    pub(super) fn post(&mut self, session: SessionId, write: Write, todo: &mut Vec<Effect>) {
        let Some(Write { label, then, .. }) = self.outbox.push(session, write) else { return };
        let text = format!("{label} is still being sent: wait for its answer");
        if let Some((to, decode)) = then {
            todo.push(Effect::Reply { to, reply: decode(Err(ApiError::Withheld(text.clone()))) });
        }
        self.toast(Toast::new(Level::Warning, text));
    }

    /// What was sent and has no answer yet, in words.
    pub fn unanswered(&self) -> Vec<String> {
        self.outbox.unanswered()
    }

    /// Shows every cluster's views what waits for an answer there.
    pub(super) fn show_sending(&mut self) {
        for session in &mut self.shared.sessions {
            let sending = self.outbox.sending(session.store.session);
            if session.store.sending != sending {
                session.store.sending = sending;
                self.dirty = true;
            }
        }
    }

    /// The end of a task is told to the terminal, too, if that is wanted.
    pub(super) fn notify(&self, words: &str, todo: &mut Vec<Effect>) {
        if self.notify != Notify::Off {
            let several = self.open_sessions().0 > 1;
            let title = self.shared.sessions[self.shared.front].title();
            let words = if several { format!("{title}: {words}") } else { words.to_owned() };
            todo.push(Effect::Notify(self.notify.sequence(&words)));
        }
    }

    /// Everything that was said, newest first.
    pub(super) fn messages(&self) -> Effect {
        let lines = self.said.iter().rev().map(|(at, toast)| {
            let word = match toast.level {
                Level::Ok => "OK",
                Level::Info => "info",
                Level::Warning => "WARNING",
                Level::Error => "ERROR",
            };
            let task = toast.task.as_ref().map_or_else(String::new, |upid: &Upid| format!("  [{upid}]"));
            format!("{}  {word:<7}  {}{task}", text::local_time(*at), toast.text)
        });
        views::messages(lines.collect())
    }

    /// Leaves, unless confirmed changes would be lost with it: then the user is asked.
    pub(super) fn leave(&mut self, todo: &mut Vec<Effect>) {
        let waiting = self.outbox.waiting();
        if waiting == 0 {
            self.quit = true;
            return;
        }
        let what = if waiting == 1 {
            "1 change is not sent yet".into()
        } else {
            format!("{waiting} changes are not sent yet")
        };
        let run = |command: &'static str| move || Effect::Run { layer: None, command: command.into() };
        todo.push(Hosted::open(Picker::menu(
            format!("Leave? {what}."),
            vec![
                Pick::closing("Stay").letter('n'),
                Pick::new("Leave as soon as they are sent", run("leave.sent")).letter('w'),
                Pick::new("Leave now: they are dropped", run("leave.now")).letter('l'),
            ],
        )));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_hold_no_control_characters_of_the_text() {
        assert_eq!(Notify::Osc9.sequence("a\x1b]0;b\x07"), "\x1b]9;a]0;b\x07");
        assert_eq!(Notify::Osc777.sequence("VM 1; done"), "\x1b]777;notify;proxmux;VM 1, done\x07");
        assert_eq!(Notify::Off.sequence("x"), "");
        assert_eq!(Notify::Bell.sequence("x"), "\x07");
    }
}
