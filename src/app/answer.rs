//! What the app does with the cluster's answers.

use bytes::Bytes;

use super::{App, Fetched, top, tracker::Ended};
use crate::{
    api::{
        ApiError, Wire,
        access::Permissions,
        guest::Status,
        ids::{Upid, VmId},
        tag,
        task::{LogLine, Task, TaskState},
    },
    shell::{Effect, Level, SessionId, Toast, View},
    store::Phase,
    views::{self, login::Login},
};

impl App {
    /// What the user may do, and how tags look; what could not be read stays as it was.
    pub(super) fn rights(&mut self, id: SessionId, permissions: Option<Permissions>, tags: Option<tag::Settings>) {
        let Some(session) = self.shared.sessions.get_mut(id.0 as usize) else { return };
        let store = &mut session.store;
        store.permissions = permissions.or(store.permissions.take());
        store.tags = tags.unwrap_or_else(|| std::mem::take(&mut store.tags));
        self.dirty = true;
    }

    /// The cluster's state, or why there is none.
    pub(super) fn fetched(&mut self, id: SessionId, answer: Fetched, todo: &mut Vec<Effect>) {
        let now = self.shared.now.mono;
        let Some(session) = self.shared.sessions.get_mut(id.0 as usize) else { return };
        let was_stale = session.store.trouble.is_some();
        let mut changed = session.store.updated.is_none();
        match answer.resources {
            Ok(resources) => {
                let old = session.store.set_resources(resources, now);
                changed |= old.is_some() | was_stale;
                todo.extend(old.map(Effect::Discard));
                session.fetch_succeeded(now);
                if session.wants_rights(now) {
                    todo.push(Effect::Rights(id));
                }
            }
            Err(error) => {
                session.fetch_failed(error, now);
                changed = true;
            }
        }
        let mut ended = vec![];
        match answer.tasks {
            Ok(tasks) => {
                ended = session.tracker.listed(&tasks);
                changed |= session.store.set_tasks(tasks);
                changed |= session.store.tasks_error.take().is_some();
            }
            Err(error) => {
                changed |= session.store.tasks_error.as_ref() != Some(&error);
                session.store.tasks_error = Some(error);
            }
        }
        if let Some(Ok(status)) = answer.status {
            changed |= session.store.cluster.as_ref() != Some(&status);
            session.store.cluster = Some(status);
        }
        if answer.version.is_some() && session.store.version != answer.version {
            session.store.version = answer.version;
            changed = true;
        }
        session.store.followed = session.tracker.followed();
        let signed_out = session.store.phase == Phase::SignedOut;
        for ended in ended {
            self.ended(id, ended, todo);
        }
        if signed_out && let Some(trouble) = &self.store().trouble {
            let error = trouble.error.clone();
            if !self.roots.iter().any(|r| r.stack.iter().any(|l| l.name() == Login::NAME)) {
                todo.push(views::login_again(error));
            }
        }
        if changed {
            self.dirty = true;
            let scene = self.shared.scene();
            if let Some(top) = top(&mut self.roots, self.current) {
                top.refreshed(scene, todo);
            }
        }
    }

    /// A change was answered: follow its task, or say how it went.
    pub(super) fn written(
        &mut self,
        id: SessionId,
        label: String,
        guest: Option<VmId>,
        wire: &Wire,
        result: Result<Bytes, ApiError>,
    ) {
        #[derive(serde::Deserialize)]
        struct Answer {
            data: serde_json::Value,
        }
        let upload = wire.file.is_some();
        match result {
            Ok(body) => {
                let data = serde_json::from_slice::<Answer>(&body).map(|a| a.data).unwrap_or_default();
                // Tasks answer with their UPID; creations may answer with other text.
                let upid: Option<Result<Upid, _>> = data.as_str().filter(|t| t.starts_with("UPID:")).map(Upid::parse);
                let now = self.shared.now.mono;
                if !upload {
                    self.outbox.answered(id, wire, upid.as_ref().and_then(|u| u.as_ref().ok()));
                }
                let Some(session) = self.shared.sessions.get_mut(id.0 as usize) else { return };
                if wire.path == "/access/acl" {
                    session.rights_changed(now);
                }
                match upid {
                    Some(Ok(upid)) => {
                        session.tracker.add(upid.clone(), label.clone(), guest, now);
                        session.store.followed = session.tracker.followed();
                        self.toast(Toast { level: Level::Info, text: format!("{label}: started"), task: Some(upid) });
                    }
                    Some(Err(error)) => {
                        let text = format!(
                            "{label}: accepted, but its task can't be followed ({error}). Look into the task list."
                        );
                        self.toast(Toast::new(Level::Warning, text));
                    }
                    None => {
                        session.refresh(now);
                        self.toast(Toast::new(Level::Ok, format!("{label}: done")));
                    }
                }
            }
            Err(error) => {
                let dropped = if upload { vec![] } else { self.outbox.refused(id, wire) };
                if let (Some(403), Some(session)) = (error.status(), self.shared.sessions.get_mut(id.0 as usize)) {
                    session.rights_changed(self.shared.now.mono);
                }
                let withheld = matches!(error, ApiError::Withheld(_));
                let level = if withheld { Level::Warning } else { Level::Error };
                let told = withheld || matches!(error, ApiError::Broken(_) | ApiError::Unfit(_));
                let way = if upload && !told { " Start it again with 9 u." } else { "" };
                let text = format!("{label}: {}{way}{}", error.explained(), unsent(&dropped));
                self.toast(Toast::new(level, text));
            }
        }
    }

    /// A followed task was asked about.
    pub(super) fn polled(
        &mut self,
        id: SessionId,
        upid: &Upid,
        status: Result<Task, ApiError>,
        log: &[LogLine],
        todo: &mut Vec<Effect>,
    ) {
        let now = self.shared.now.mono;
        let Some(session) = self.shared.sessions.get_mut(id.0 as usize) else { return };
        let ended = session.tracker.heard(upid, status, log, now);
        session.store.followed = session.tracker.followed();
        self.dirty = true;
        if let Some(ended) = ended {
            self.ended(id, ended, todo);
        }
    }

    fn ended(&mut self, id: SessionId, ended: Ended, todo: &mut Vec<Effect>) {
        let Ended { upid, label, guest, state } = ended;
        let dropped = self.outbox.ended(id, &upid, state.is_success());
        todo.push(Effect::TaskEnded { upid: upid.clone(), state: state.clone() });
        let (level, text) = match state {
            TaskState::Ok => (Level::Ok, format!("{label}: done")),
            TaskState::Warnings(n) => (Level::Warning, format!("{label}: done with {n} warnings (L: log)")),
            TaskState::Failed(text) => (Level::Error, format!("{label} failed: {text} (L: log)")),
            TaskState::Running | TaskState::Unknown => {
                (Level::Warning, format!("{label}: ended, result unknown (L: log)"))
            }
        };
        let text = if dropped.is_empty() { text } else { format!("{text}.{}", unsent(&dropped)) };
        self.notify(&text, todo);
        self.toast(Toast { level, text, task: Some(upid) });
        let now = self.shared.now.mono;
        if let Some(session) = self.shared.sessions.get_mut(id.0 as usize) {
            // The cluster's own list lags by up to ten seconds: the guest itself knows at once.
            let known = guest.and_then(|vmid| session.store.guest(vmid));
            todo.extend(known.map(|g| Effect::Peek { session: id, guest: g.reference() }));
            session.refresh_soon(now);
        }
    }

    /// A guest's own status after something was done with it. A guest that is gone simply leaves the list.
    pub(super) fn peeked(&mut self, id: SessionId, vmid: VmId, status: Result<Status, ApiError>) {
        let now = self.shared.now.mono;
        if let (Some(session), Ok(status)) = (self.shared.sessions.get_mut(id.0 as usize), status) {
            session.store.set_live(vmid, &status, now);
            self.dirty = true;
        }
    }
}

/// What was given up because the change before it went wrong.
fn unsent(labels: &[String]) -> String {
    if labels.is_empty() { String::new() } else { format!(" Not sent therefore: {}.", labels.join(", ")) }
}
