//! What the runner and jobs work with: connections, sessions, and the rules for writes.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use secrecy::SecretString;
use tokio::{sync::Semaphore, task::spawn_blocking, time::Instant};

use super::{leftover, manual::Manual};
use crate::{
    api::{
        ApiError, BoxFuture, Transport, Wire, access,
        client::Client,
        http::{Fingerprint, Target, Trust, offer},
        ids::Upid,
        login::Credentials,
        task::TaskState,
        trace::Trace,
    },
    audit::{Audit, AuditError, Entry},
    preset::Presets,
    store::SessionId,
};

/// Changes that are on their way at the same time.
const WRITES: usize = 4;
/// Files that are sent at the same time; others wait.
const UPLOADS: usize = 2;

/// Makes transports and remembers certificates. The program's speaks HTTPS; tests put a simulated cluster behind it.
pub trait Connector: Send + Sync + 'static {
    /// A transport to a server. Does no I/O yet.
    ///
    /// # Errors
    /// When the trust settings can't be used (unreadable CA file ...).
    fn transport(&self, target: &Target, trust: &Trust) -> Result<Arc<dyn Transport>, ApiError>;

    /// The fingerprint pinned for a server, if any.
    ///
    /// # Errors
    /// When the file of pinned certificates can't be read.
    fn pinned(&self, target: &Target) -> Result<Option<Fingerprint>, ApiError>;

    /// Where a profile of the configuration leads to, with its secret if it can be had without asking, or with this
    /// passphrase.
    fn enter(&self, profile: &str, _passphrase: Option<SecretString>) -> BoxFuture<Result<Entrance, ApiError>> {
        let text = format!("there is no profile {profile}");
        Box::pin(async move { Err(ApiError::NotSent(text)) })
    }

    /// Pins a server's certificate.
    ///
    /// # Errors
    /// When the file of pinned certificates can't be written.
    fn pin(&self, target: &Target, fingerprint: Fingerprint) -> Result<(), ApiError>;

    /// Who has logged in to a server last time, as `user@realm`.
    fn last_user(&self, _target: &Target) -> Option<String> {
        None
    }

    /// Remembers who has logged in to a server; no secret.
    fn remember_user(&self, _target: &Target, _user: &str) {}

    /// The folder for what can be had again, such as descriptions of the API; `None`: nothing is kept.
    fn cache_dir(&self) -> Option<PathBuf> {
        None
    }
}

/// Where a session is, and what is needed to log in to it again.
#[derive(Clone, Debug)]
pub struct Place {
    /// The server.
    pub target: Target,
    /// How it proves itself; `None`: by a pinned certificate if there is one, else by a known authority.
    pub trust: Option<Trust>,
    /// `user@realm`, when the user is known.
    pub user: Option<String>,
    /// What was given from outside (environment): a token, or a password.
    pub credentials: Option<Credentials>,
    /// Nothing may be changed there.
    pub read_only: bool,
    /// The profile of the configuration that led there.
    pub profile: Option<String>,
}

/// What opening a profile has come to.
#[derive(Clone, Debug)]
pub enum Entrance {
    /// The way is known.
    Open(Box<Place>),
    /// Its secret is stored encrypted; the text says why it is still closed, if a passphrase was tried.
    Sealed(Option<String>),
}

/// What may be written at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Nothing is changed; writes are refused before they are sent.
    pub read_only: bool,
    /// Writes are shown and logged as if they were sent.
    pub dry_run: bool,
}

/// So many accepted changes of a session are kept for its script.
const SCRIPT: usize = 10_000;

/// The connector with its calls written down.
struct Tracing {
    inner: Arc<dyn Connector>,
    trace: Trace,
}

impl Connector for Tracing {
    fn transport(&self, target: &Target, trust: &Trust) -> Result<Arc<dyn Transport>, ApiError> {
        Ok(self.trace.over(self.inner.transport(target, trust)?, target.to_string()))
    }
    fn pinned(&self, target: &Target) -> Result<Option<Fingerprint>, ApiError> {
        self.inner.pinned(target)
    }
    fn pin(&self, target: &Target, fingerprint: Fingerprint) -> Result<(), ApiError> {
        self.inner.pin(target, fingerprint)
    }
    fn enter(&self, profile: &str, passphrase: Option<SecretString>) -> BoxFuture<Result<Entrance, ApiError>> {
        self.inner.enter(profile, passphrase)
    }
    fn last_user(&self, target: &Target) -> Option<String> {
        self.inner.last_user(target)
    }
    fn remember_user(&self, target: &Target, user: &str) {
        self.inner.remember_user(target, user);
    }
    fn cache_dir(&self) -> Option<PathBuf> {
        self.inner.cache_dir()
    }
}

/// How much may be on its way to one cluster at the same time: one that hangs holds no other up.
#[derive(Clone)]
struct Slots {
    writes: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
}

impl Default for Slots {
    fn default() -> Self {
        Self { writes: Arc::new(Semaphore::new(WRITES)), uploads: Arc::new(Semaphore::new(UPLOADS)) }
    }
}

/// Shared by all effects. Cheap to clone.
#[derive(Clone)]
pub struct World {
    connector: Arc<dyn Connector>,
    sessions: Arc<Mutex<HashMap<SessionId, (Client, Place)>>>,
    slots: Arc<Mutex<HashMap<SessionId, Slots>>>,
    manuals: Arc<Mutex<HashMap<SessionId, Manual>>>,
    ssh: Option<PathBuf>,
    trace: Trace,
    audit: Option<Arc<Audit>>,
    presets: Option<Presets>,
    made: Arc<Mutex<Vec<(SessionId, Wire)>>>,
    /// Tasks that bring files of this machine to a storage.
    arriving: Arc<Mutex<HashMap<String, (SessionId, Wire)>>>,
    /// The rules for writes.
    pub policy: Policy,
}

impl World {
    /// A world without any session.
    pub fn new(connector: Arc<dyn Connector>, policy: Policy) -> Self {
        let trace = Trace::default();
        let connector = Arc::new(Tracing { inner: connector, trace: trace.clone() });
        Self {
            connector,
            trace,
            audit: None,
            presets: None,
            made: Arc::default(),
            arriving: Arc::default(),
            sessions: Arc::default(),
            slots: Arc::default(),
            manuals: Arc::default(),
            ssh: None,
            policy,
        }
    }

    /// Writes every change down before it is sent.
    pub fn with_audit(self, audit: Audit) -> Self {
        Self { audit: Some(Arc::new(audit)), ..self }
    }

    /// Says where presets are kept.
    pub fn with_presets(self, presets: Presets) -> Self {
        Self { presets: Some(presets), ..self }
    }

    /// Where presets are kept, if anywhere.
    pub fn presets(&self) -> Option<&Presets> {
        self.presets.as_ref()
    }

    /// The last calls.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// The changes that were made in a session since the start, oldest first.
    pub fn made(&self, session: SessionId) -> Vec<Wire> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.iter().filter(|(of, _)| *of == session).map(|(_, wire)| wire.clone()).collect()
    }

    /// Says where the user's SSH keys are.
    pub fn with_ssh_folder(self, ssh: Option<PathBuf>) -> Self {
        Self { ssh, ..self }
    }

    /// Where the user's SSH keys are, if that is known.
    pub fn ssh_folder(&self) -> Option<&Path> {
        self.ssh.as_deref()
    }

    /// Where transports come from.
    pub fn connector(&self) -> &dyn Connector {
        &*self.connector
    }

    fn slots_of(&self, session: SessionId) -> Slots {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).entry(session).or_default().clone()
    }

    /// The places for files that are on their way at the same time.
    pub(super) fn uploads(&self, session: SessionId) -> Arc<Semaphore> {
        self.slots_of(session).uploads
    }

    /// The client of a session.
    ///
    /// # Errors
    /// [`ApiError::LoginNeeded`] before the first login.
    pub(crate) fn client(&self, session: SessionId) -> Result<Client, ApiError> {
        let found = self.sessions().get(&session).map(|(client, _)| client.clone());
        found.ok_or_else(|| ApiError::LoginNeeded("nobody has logged in yet".into()))
    }

    /// Where a session is, once somebody has logged in.
    pub fn place(&self, session: SessionId) -> Option<Place> {
        self.sessions().get(&session).map(|(_, place)| place.clone())
    }

    /// Gives a session its client, replacing an older one.
    pub fn set_client(&self, session: SessionId, client: Client, place: Place) {
        self.sessions().insert(session, (client, place));
    }

    /// Forgets the login of a session that was closed, and what was kept for it.
    pub fn forget(&self, session: SessionId) {
        if let Some((client, _)) = self.sessions().remove(&session) {
            client.logout();
        }
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(&session);
        self.manuals.lock().unwrap_or_else(PoisonError::into_inner).remove(&session);
        self.made.lock().unwrap_or_else(PoisonError::into_inner).retain(|(of, _)| *of != session);
    }

    /// The one way out for changes, for the console and for the command line: checked against the rules, written to the
    /// log, sent once. The bytes are the server's answer, which is certain to be one.
    ///
    /// # Errors
    /// [`ApiError::Withheld`] when the rules forbid it, else what came of sending it.
    pub async fn write(&self, session: SessionId, label: &str, wire: &Wire) -> Result<Bytes, ApiError> {
        if self.policy.read_only || self.place(session).is_some_and(|place| place.read_only) {
            return Err(ApiError::Withheld("read-only mode lets no change out".into()));
        }
        if self.policy.dry_run {
            tracing::info!(target: "proxmux::audit", call = %wire, label, "dry run");
            return Err(ApiError::Withheld("dry run: the call was only shown".into()));
        }
        // Bulk work must not flood the server.
        let slots = self.slots_of(session);
        let _slot = match wire.body_file() {
            None => slots.writes.acquire().await,
            Some(file) => tokio::select! {
                slot = slots.uploads.acquire() => slot,
                () = file.meter.cancelled() => return Err(ApiError::NotSent("stopped by you before it began".into())),
            },
        };
        let client = self.client(session)?;
        let noted = self.note(session, &client, label, wire).await?;
        tracing::info!(target: "proxmux::audit", call = %wire, label, "sent");
        let begun = Instant::now();
        let result = match &wire.file {
            Some(file) if file.offer.is_some() => match offer::serve(file).await {
                Ok(()) => client.send(wire.clone()).await.and_then(readable),
                Err(error) => Err(error),
            },
            _ => client.send(wire.clone()).await.and_then(readable),
        };
        let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.note_arrival(session, wire, &result);
        match &result {
            Ok(_) => {
                tracing::info!(target: "proxmux::audit", call = %wire, "accepted");
                // Silent logins use the new one from now on.
                if let (Some(user), Some(password)) = access::new_password(wire)
                    && client.user().as_deref() == Some(user)
                {
                    client.set_password(password.into());
                }
                let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
                if made.len() < SCRIPT {
                    made.push((session, wire.clone()));
                }
            }
            Err(error) => tracing::warn!(target: "proxmux::audit", call = %wire, %error, "not done or unsure"),
        }
        if let Some(n) = noted {
            let said = result.as_ref().map(upid).map_err(Clone::clone);
            self.keep(move |audit| audit.answer(n, said.as_ref().map(Option::as_deref), ms)).await;
        }
        result
    }

    /// Remembers the task that a file comes with, until it ends. A file that nobody will fetch is not offered any more.
    fn note_arrival(&self, session: SessionId, wire: &Wire, result: &Result<Bytes, ApiError>) {
        let Some(file) = &wire.file else { return };
        match result {
            Ok(body) => {
                if let Some(upid) = upid(body) {
                    let mut arriving = self.arriving.lock().unwrap_or_else(PoisonError::into_inner);
                    arriving.insert(upid, (session, wire.clone()));
                }
            }
            Err(error) if error.is_certainly_undone() => file.meter.finish(Err(error.to_string())),
            // The node may come nevertheless.
            Err(_) => {}
        }
    }

    /// Writes down a change that is about to be sent. When that fails the change stays here.
    async fn note(
        &self,
        session: SessionId,
        client: &Client,
        label: &str,
        wire: &Wire,
    ) -> Result<Option<u64>, ApiError> {
        let Some(audit) = self.audit.clone() else { return Ok(None) };
        let user = client.user().unwrap_or_default();
        let place = self.place(session);
        let server = place.as_ref().map(|place| place.target.to_string()).unwrap_or_default();
        let profile = place.and_then(|place| place.profile);
        let (label, wire) = (label.to_owned(), wire.clone());
        let noted = spawn_blocking(move || {
            let entry = Entry { user, server, profile, label: &label, wire: &wire };
            audit.begin(&entry)
        });
        let noted = noted.await;
        match noted {
            Ok(Ok(n)) => Ok(Some(n)),
            Ok(Err(error)) => Err(ApiError::Withheld(format!("not sent, because {error}"))),
            Err(_) => Err(ApiError::Withheld("not sent, because the audit trail broke down".into())),
        }
    }

    /// Writes down what came of a change, which can't be helped any more.
    async fn keep(&self, write: impl FnOnce(&Audit) -> Result<u64, AuditError> + Send + 'static) {
        let Some(audit) = self.audit.clone() else { return };
        if let Ok(Err(error)) = spawn_blocking(move || write(&audit)).await {
            tracing::error!(%error, "the outcome of a change could not be written down");
        }
    }

    /// Writes down how the task of a change ended. The answer names what a file that did not arrive has left behind.
    pub async fn task_ended(&self, upid: &Upid, state: &TaskState) -> Option<String> {
        let arriving = self.arriving.lock().unwrap_or_else(PoisonError::into_inner).remove(upid.as_str());
        let (upid, text) = (upid.as_str().to_owned(), state.to_string());
        let said = text.clone();
        self.keep(move |audit| audit.task(&upid, &said)).await;
        let (session, wire) = arriving?;
        let file = wire.file.as_ref()?;
        if state.is_success() {
            file.meter.finish(Ok(()));
            return None;
        }
        file.meter.finish(Err(format!("the node's task failed: {text}")));
        leftover::find(&self.client(session).ok()?, &wire, &text).await
    }

    /// The description of the API that was last read for a session.
    pub(super) fn manual(&self, session: SessionId) -> Option<Manual> {
        self.manuals.lock().unwrap_or_else(PoisonError::into_inner).get(&session).cloned()
    }

    pub(super) fn set_manual(&self, session: SessionId, manual: Manual) {
        self.manuals.lock().unwrap_or_else(PoisonError::into_inner).insert(session, manual);
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<SessionId, (Client, Place)>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that an answer names.
fn upid(body: &Bytes) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Envelope {
        data: String,
    }
    serde_json::from_slice::<Envelope>(body).ok().map(|e| e.data).filter(|t| t.starts_with("UPID:"))
}

/// A change is only done for certain when the server's answer says so.
fn readable(body: Bytes) -> Result<Bytes, ApiError> {
    #[derive(serde::Deserialize)]
    struct Envelope {
        #[serde(rename = "data")]
        _data: serde::de::IgnoredAny,
    }
    match serde_json::from_slice::<Envelope>(&body) {
        Ok(_) => Ok(body),
        Err(error) => Err(ApiError::Unsure(ApiError::garbled(&body, &error).to_string())),
    }
}
