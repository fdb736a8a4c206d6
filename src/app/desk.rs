//! Several clusters at once: each session has its own tabs and views; one session is in front.
//!
//! The desk in front lives in the app's own fields. What comes for another session is taken in as if that one were in
//! front for a moment, so that nothing else has to know about more than one.

use std::{mem, time::Duration};

use ratatui::style::Color;

use super::{App, Msg, Root, find, session::Session};
use crate::{
    shell::{Effect, Hosted, Level, Pick, Picker, SessionId, Toast},
    store::Phase,
    views::{self, login::Login},
};

/// A named cluster that can be opened.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Its name in the configuration.
    pub name: String,
    /// Its addresses, for people.
    pub address: String,
    /// Colour of the first line.
    pub frame: Option<Color>,
    /// Time between refreshes.
    pub interval: Option<Duration>,
    /// Nothing may be changed there.
    pub read_only: bool,
}

/// The tabs of a session that is not in front.
#[derive(Default)]
pub(super) struct Desk {
    roots: Vec<Root>,
    current: usize,
    tab: char,
}

impl App {
    /// Which session a message is for; `None`: the one in front.
    pub(super) fn addressee(&mut self, msg: &Msg) -> Option<usize> {
        let session = match msg {
            Msg::Reply { to, .. } => {
                if find(&mut self.roots, *to).is_some() {
                    return None;
                }
                return self.desks.iter_mut().position(|desk| find(&mut desk.roots, *to).is_some());
            }
            Msg::Fetched { session, .. }
            | Msg::Probed { session, .. }
            | Msg::Written { session, .. }
            | Msg::Peeked { session, .. }
            | Msg::Polled { session, .. } => session.0 as usize,
            _ => return None,
        };
        (session < self.desks.len()).then_some(session)
    }

    /// How many sessions are open, and which of them is in front, counted from 0.
    pub(super) fn open_sessions(&self) -> (usize, usize) {
        let open = |sessions: &[Session]| sessions.iter().filter(|s| !s.closed).count();
        (open(&self.shared.sessions), open(&self.shared.sessions[..self.shared.front]))
    }

    /// Puts a session in front.
    pub(super) fn bring(&mut self, session: usize) {
        let front = self.shared.front;
        if session == front || session >= self.desks.len() || self.shared.sessions[session].closed {
            return;
        }
        let new = mem::take(&mut self.desks[session]);
        self.desks[front] = Desk {
            roots: mem::replace(&mut self.roots, new.roots),
            current: mem::replace(&mut self.current, new.current),
            tab: mem::replace(&mut self.tab, new.tab),
        };
        self.shared.front = session;
        self.next_tick = None;
    }

    /// Makes the root views of the session in front.
    pub(super) fn furnish(&mut self, todo: &mut Vec<Effect>) {
        for tab in views::TABS {
            let id = self.new_id();
            self.roots.push(Root { stack: vec![(tab.root)(id)] });
        }
        self.tab_chosen(self.tab, todo);
        for root in 0..self.roots.len() {
            let scene = self.shared.scene();
            self.roots[root].stack[0].opened(scene, todo);
        }
    }

    /// Runs the commands of the switcher. True when it was one.
    pub(super) fn run_session(&mut self, id: &str, todo: &mut Vec<Effect>) -> bool {
        if id == "app.sessions" {
            todo.push(Hosted::open(Picker::search("Clusters", self.session_picks())));
        } else if id == "session.new" {
            self.open_session(None, todo);
        } else if id == "session.back" {
            if !self.abandon(todo) {
                todo.push(Effect::Quit);
            }
        } else if let Some(index) = id.strip_prefix("session.close.").and_then(|n| n.parse::<usize>().ok()) {
            self.ask_to_close(index, todo);
        } else if let Some(index) = id.strip_prefix("session.drop.").and_then(|n| n.parse::<usize>().ok()) {
            self.close_session(index, todo);
        } else if let Some(index) = id.strip_prefix("session.").and_then(|n| n.parse::<usize>().ok()) {
            self.visit(index, todo);
        } else if let Some(name) = id.strip_prefix("profile.") {
            let open = self.shared.sessions.iter().position(|s| s.profile.as_ref().is_some_and(|p| p.name == name));
            match (open, self.profiles.iter().find(|p| p.name == name).cloned()) {
                (Some(index), _) => return self.run_session(&format!("session.{index}"), todo),
                (None, Some(profile)) => self.open_session(Some(profile), todo),
                (None, None) => self.toast(Toast::new(Level::Warning, format!("There is no profile {name}"))),
            }
        } else {
            return false;
        }
        true
    }

    /// Puts a session in front and shows it what came meanwhile.
    pub(super) fn visit(&mut self, session: usize, todo: &mut Vec<Effect>) {
        if session == self.shared.front {
            return;
        }
        self.bring(session);
        let scene = self.shared.scene();
        if let Some(top) = super::top(&mut self.roots, self.current) {
            top.refreshed(scene, todo);
        }
    }

    fn open_session(&mut self, profile: Option<Profile>, todo: &mut Vec<Effect>) {
        let index = self.shared.sessions.len();
        let id = SessionId(u32::try_from(index).unwrap_or(u32::MAX));
        let interval = profile.as_ref().and_then(|p| p.interval).unwrap_or(self.interval);
        let address = profile.as_ref().map(|p| p.address.clone()).unwrap_or_default();
        let mut session = Session::new(id, address, interval);
        session.store.read_only = self.policy.read_only || profile.as_ref().is_some_and(|p| p.read_only);
        session.store.dry_run = self.policy.dry_run;
        let login = match &profile {
            Some(profile) => Login::to_profile(profile.name.clone()),
            None => Login::new(Default::default()),
        };
        session.profile = profile;
        self.shared.sessions.push(session);
        self.desks.push(Desk { tab: self.tab, ..Desk::default() });
        self.bring(index);
        self.furnish(todo);
        todo.push(Hosted::open(login));
    }

    /// Goes back to another session when nobody has logged in to the one in front. True when that was so.
    pub(super) fn abandon(&mut self, todo: &mut Vec<Effect>) -> bool {
        let unused = self.store().updated.is_none() && self.store().phase == Phase::SignedOut;
        if self.open_sessions().0 < 2 || !unused {
            return false;
        }
        self.close_session(self.shared.front, todo);
        true
    }

    /// Closes a session, after a question when something is on its way to its cluster.
    fn ask_to_close(&mut self, index: usize, todo: &mut Vec<Effect>) {
        let Some(session) = self.shared.sessions.get(index).filter(|s| !s.closed) else { return };
        if self.open_sessions().0 < 2 {
            let text = "This is the only open cluster: open another one first, or leave with q";
            return self.toast(Toast::new(Level::Info, text));
        }
        let files = session.store.transfers.iter().filter(|t| t.is_running()).count();
        let changes = self.outbox.waiting_of(session.store.session);
        let tasks = session.store.followed.len();
        let mut going = vec![];
        for (count, what, fate) in [
            (files, "files", "stop being sent"),
            (changes, "confirmed changes", "will not be sent"),
            (tasks, "tasks", "go on there, unwatched"),
        ] {
            if count > 0 {
                going.push(format!("{count} {what} {fate}"));
            }
        }
        if going.is_empty() {
            return self.close_session(index, todo);
        }
        let title = format!("Close {}? {}", session.title(), going.join(", "));
        let stay = Pick::closing("No, keep it open").letter('n');
        let command = format!("session.drop.{index}");
        let close = Pick::new("Yes, close it", move || Effect::Run { layer: None, command }).letter('y');
        todo.push(Hosted::open(Picker::menu(title, vec![stay, close])));
    }

    /// Closes a session: its views, its data and its login are forgotten.
    fn close_session(&mut self, index: usize, todo: &mut Vec<Effect>) {
        let open = |s: &Session| !s.closed;
        if self.open_sessions().0 < 2 || !self.shared.sessions.get(index).is_some_and(open) {
            return;
        }
        if index == self.shared.front {
            let others = || self.shared.sessions.iter().enumerate().filter(|(i, s)| *i != index && open(s));
            // The one before it, as with tabs of a browser.
            let next = others().take_while(|(i, _)| *i < index).last().or_else(|| others().next()).map(|(i, _)| i);
            if let Some(next) = next {
                self.visit(next, todo);
            }
        }
        let id = SessionId(u32::try_from(index).unwrap_or(u32::MAX));
        self.uploads(id, |transfers, _| transfers.stop());
        let title = self.shared.sessions[index].title();
        self.outbox.forget(id);
        self.desks[index] = Desk::default();
        let interval = self.interval;
        let mut empty = Session::new(id, String::new(), interval);
        empty.closed = true;
        self.shared.sessions[index] = empty;
        self.last_task.take_if(|(session, _)| *session == id);
        self.shown_task.take_if(|(session, _)| *session == id);
        todo.push(Effect::SignedOut(id));
        self.toast(Toast::new(Level::Info, format!("{title} is closed")));
        self.dirty = true;
    }

    /// Open sessions first, then the profiles that are not open.
    pub(super) fn session_picks(&self) -> Vec<Pick> {
        let run = |command: String| move || Effect::Run { layer: None, command: command.clone() };
        let mut picks = vec![];
        for (index, session) in self.shared.sessions.iter().enumerate().filter(|(_, s)| !s.closed) {
            let store = &session.store;
            let state = match (index == self.shared.front, &store.phase, &store.trouble) {
                (true, ..) => "in front".to_owned(),
                (_, Phase::SignedOut, _) => "not logged in".into(),
                (_, _, Some(_)) => "offline".into(),
                _ => format!("{} guests", store.resources.guests.len()),
            };
            let user = if store.user.is_empty() { String::new() } else { format!("{}, ", store.user) };
            let pick = Pick::new(format!("Cluster: {}", session.title()), run(format!("session.{index}")));
            picks.push(pick.detail(format!("{user}{state}")));
        }
        let open = |name: &str| self.shared.sessions.iter().any(|s| s.profile.as_ref().is_some_and(|p| p.name == name));
        for profile in self.profiles.iter().filter(|p| !open(&p.name)) {
            let pick = Pick::new(format!("Open: {}", profile.name), run(format!("profile.{}", profile.name)));
            picks.push(pick.detail(profile.address.clone()));
        }
        picks.push(Pick::new("Open: another server", run("session.new".into())));
        if self.open_sessions().0 > 1 {
            let keys = self.shared.keys.label("app.fleet");
            picks.push(Pick::new("Guests of all open clusters", run("app.fleet".into())).detail(keys));
            for (index, session) in self.shared.sessions.iter().enumerate().filter(|(_, s)| !s.closed) {
                let title = format!("Close: {}", session.title());
                picks.push(Pick::new(title, run(format!("session.close.{index}"))).detail(session.store.user.clone()));
            }
        }
        picks
    }
}
