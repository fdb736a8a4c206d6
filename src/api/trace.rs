//! What was asked and how it went: the last calls, in memory only. Parameters, which may be secret, are not kept.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::time::Instant;

use super::{
    error::ApiError,
    request::Method,
    transport::{BoxFuture, Call, Raw, Transport},
};

/// So many calls are kept.
const KEPT: usize = 500;

/// A call that was answered, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// Its number since the start.
    pub n: u64,
    /// When it was sent, in Unix seconds.
    pub at: i64,
    /// The server, `host:port`.
    pub server: String,
    /// The method.
    pub method: Method,
    /// The path, without parameters.
    pub path: String,
    /// The HTTP status; `None` when no answer came.
    pub status: Option<u16>,
    /// The reason that came with a status that is no success, or why there was no answer.
    pub note: String,
    /// How long it took, in milliseconds.
    pub ms: u64,
}

/// The last calls. Clones share them.
#[derive(Clone, Default)]
pub struct Trace {
    kept: Arc<Mutex<(u64, VecDeque<Traced>)>>,
}

impl Trace {
    /// The calls, oldest first.
    pub fn calls(&self) -> Vec<Traced> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).1.iter().cloned().collect()
    }

    fn add(&self, mut call: Traced) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.0 += 1;
        call.n = kept.0;
        if kept.1.len() >= KEPT {
            kept.1.pop_front();
        }
        kept.1.push_back(call);
    }

    /// The same transport, with its calls written down here.
    pub fn over(&self, transport: Arc<dyn Transport>, server: String) -> Arc<dyn Transport> {
        Arc::new(Tracing { inner: transport, server, trace: self.clone() })
    }
}

struct Tracing {
    inner: Arc<dyn Transport>,
    server: String,
    trace: Trace,
}

impl Tracing {
    fn watch(
        &self,
        method: Method,
        path: String,
        answer: BoxFuture<Result<Raw, ApiError>>,
    ) -> BoxFuture<Result<Raw, ApiError>> {
        let (trace, server) = (self.trace.clone(), self.server.clone());
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(0));
        let begun = Instant::now();
        Box::pin(async move {
            let answer = answer.await;
            let (status, note) = match &answer {
                Ok(raw) if (200..300).contains(&raw.status) => (Some(raw.status), String::new()),
                Ok(raw) => (Some(raw.status), raw.reason.clone()),
                Err(error) => (None, error.to_string()),
            };
            let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            trace.add(Traced { n: 0, at, server, method, path, status, note, ms });
            answer
        })
    }
}

impl Transport for Tracing {
    fn send(&self, call: Call) -> BoxFuture<Result<Raw, ApiError>> {
        let (method, path) = (call.wire.method, call.wire.path.clone());
        self.watch(method, path, self.inner.send(call))
    }

    fn page(&self, path: &str) -> BoxFuture<Result<Raw, ApiError>> {
        self.watch(Method::Get, path.to_owned(), self.inner.page(path))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::api::Request;

    struct Says(u16);

    impl Transport for Says {
        fn send(&self, _: Call) -> BoxFuture<Result<Raw, ApiError>> {
            let raw = Raw { status: self.0, reason: "so so".into(), body: bytes::Bytes::new() };
            Box::pin(async move { Ok(raw) })
        }
    }

    #[tokio::test]
    async fn the_last_calls_without_parameters() {
        let trace = Trace::default();
        let wire = Request::<()>::post("/access/ticket").param("username", "a").secret("password", "hunter2").wire;
        for (i, status) in [200, 403].into_iter().cycle().take(KEPT + 4).enumerate() {
            let wire = super::super::request::Wire { path: format!("/x/{i}"), ..wire.clone() };
            let call = Call { wire, headers: vec![("Cookie", "hunter2".into())], into: None };
            trace.over(Arc::new(Says(status)), "a".into()).send(call).await.unwrap();
        }
        let calls = trace.calls();
        assert_eq!((calls.len(), calls[0].n, calls[0].path.as_str()), (KEPT, 5, "/x/4"));
        assert_eq!((calls[0].status, calls[0].note.as_str()), (Some(200), ""));
        assert_eq!((calls[1].status, calls[1].note.as_str()), (Some(403), "so so"));
        assert_eq!(calls[0].server, "a");
        assert!(!format!("{calls:?}").contains("hunter2"));
        let _ = trace.over(Arc::new(Says(200)), "b".into()).page("/doc").await;
        assert_eq!(trace.calls().last().unwrap().status, None, "this transport has no pages");
    }
}
