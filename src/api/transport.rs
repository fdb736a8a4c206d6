//! The seam between requests and the world: HTTPS in the program, a simulated cluster in tests.

use std::{fmt, future::Future, pin::Pin};

use bytes::Bytes;
use secrecy::SecretString;

use super::{error::ApiError, request::Wire, sink::Sink};

/// A boxed future that may go to another thread.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A request with the headers that prove who sends it.
#[derive(Clone)]
pub struct Call {
    /// The request.
    pub wire: Wire,
    /// `Cookie`, `CSRFPreventionToken`, `Authorization`: names and secret values.
    pub headers: Vec<(&'static str, SecretString)>,
    /// Where the body of a successful answer is streamed to, instead of being kept. A transport may also leave that to
    /// the caller.
    pub into: Option<Sink>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.wire)
    }
}

/// An HTTP answer before anyone has judged it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    /// The HTTP status; 595 to 599 are the proxy's own codes for an unreachable node.
    pub status: u16,
    /// The reason phrase, in which the server repeats the error text; of a redirect, where it leads to.
    pub reason: String,
    /// The whole body; empty when it was streamed into a file.
    pub body: Bytes,
}

/// Sends one call once. It never retries, never logs in, never judges the status.
pub trait Transport: Send + Sync + 'static {
    /// Sends the call.
    ///
    /// # Errors
    /// [`ApiError::NotSent`] and [`ApiError::Untrusted`] when nothing left this machine, [`ApiError::Unsure`] when the
    /// answer did not come or was cut off.
    fn send(&self, call: Call) -> BoxFuture<Result<Raw, ApiError>>;

    /// Fetches a page outside of the API (the server's manual). Nobody is told who asks.
    ///
    /// # Errors
    /// As [`Transport::send`].
    fn page(&self, path: &str) -> BoxFuture<Result<Raw, ApiError>> {
        let why = format!("{path} can't be asked for: this connection leads to the API only");
        Box::pin(async move { Err(ApiError::NotSent(why)) })
    }
}
