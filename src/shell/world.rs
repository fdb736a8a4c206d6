//! What the runner and jobs work with: connections, sessions, and the rules for writes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::effect::SessionId;
use crate::api::{
    ApiError, Transport,
    client::Client,
    http::{target::Target, tls::Trust},
};

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
    fn pinned(&self, target: &Target) -> Result<Option<[u8; 32]>, ApiError>;

    /// Pins a server's certificate.
    ///
    /// # Errors
    /// When the file of pinned certificates can't be written.
    fn pin(&self, target: &Target, fingerprint: [u8; 32]) -> Result<(), ApiError>;
}

/// What may be written at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Nothing is changed; writes are refused before they are sent.
    pub read_only: bool,
}

/// Shared by all effects. Cheap to clone.
#[derive(Clone)]
pub struct World {
    connector: Arc<dyn Connector>,
    clients: Arc<Mutex<HashMap<SessionId, Client>>>,
    /// The rules for writes.
    pub policy: Policy,
}

impl World {
    /// A world without any session.
    pub fn new(connector: Arc<dyn Connector>, policy: Policy) -> Self {
        Self { connector, clients: Arc::default(), policy }
    }

    /// Where transports come from.
    pub fn connector(&self) -> &dyn Connector {
        &*self.connector
    }

    /// The client of a session.
    ///
    /// # Errors
    /// [`ApiError::LoginNeeded`] before the first login.
    pub fn client(&self, session: SessionId) -> Result<Client, ApiError> {
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.get(&session).cloned().ok_or_else(|| ApiError::LoginNeeded("nobody has logged in yet".into()))
    }

    /// Gives a session its client, replacing an older one.
    pub fn set_client(&self, session: SessionId, client: Client) {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).insert(session, client);
    }
}
