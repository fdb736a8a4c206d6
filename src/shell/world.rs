//! What the runner and jobs work with: connections, sessions, and the rules for writes.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::manual::Manual;
use crate::{
    api::{
        ApiError, BoxFuture, Transport, Wire,
        client::Client,
        http::{Fingerprint, Target, Trust},
        login::Credentials,
    },
    store::SessionId,
};

/// Changes that are on their way at the same time.
const WRITES: usize = 4;

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

    /// Where a profile of the configuration leads to, with its secret if it can be had without asking.
    fn enter(&self, profile: &str) -> BoxFuture<Result<Place, ApiError>> {
        let text = format!("there is no profile {profile}");
        Box::pin(async move { Err(ApiError::NotSent(text)) })
    }

    /// Pins a server's certificate.
    ///
    /// # Errors
    /// When the file of pinned certificates can't be written.
    fn pin(&self, target: &Target, fingerprint: Fingerprint) -> Result<(), ApiError>;

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
}

/// What may be written at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Nothing is changed; writes are refused before they are sent.
    pub read_only: bool,
    /// Writes are shown and logged as if they were sent.
    pub dry_run: bool,
}

/// Shared by all effects. Cheap to clone.
#[derive(Clone)]
pub struct World {
    connector: Arc<dyn Connector>,
    sessions: Arc<Mutex<HashMap<SessionId, (Client, Place)>>>,
    write_slots: Arc<Semaphore>,
    manuals: Arc<Mutex<HashMap<SessionId, Manual>>>,
    ssh: Option<PathBuf>,
    /// The rules for writes.
    pub policy: Policy,
}

impl World {
    /// A world without any session.
    pub fn new(connector: Arc<dyn Connector>, policy: Policy) -> Self {
        Self {
            connector,
            sessions: Arc::default(),
            write_slots: Arc::new(Semaphore::new(WRITES)),
            manuals: Arc::default(),
            ssh: None,
            policy,
        }
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
        let _slot = self.write_slots.acquire().await;
        tracing::info!(target: "proxmux::audit", call = %wire, label, "sent");
        let result = self.client(session)?.send(wire.clone()).await.and_then(readable);
        match &result {
            Ok(_) => tracing::info!(target: "proxmux::audit", call = %wire, "accepted"),
            Err(error) => tracing::warn!(target: "proxmux::audit", call = %wire, %error, "not done or unsure"),
        }
        result
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
