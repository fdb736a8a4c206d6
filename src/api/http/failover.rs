//! Several nodes of one cluster behind one transport: when one can't be reached, the next is asked.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::Target;
use crate::api::{
    error::ApiError,
    transport::{BoxFuture, Call, Raw, Transport},
};

/// Tries its nodes in turn, beginning with the one that answered last.
pub struct FailOver {
    inner: Arc<Inner>,
}

struct Inner {
    nodes: Vec<(Target, Arc<dyn Transport>)>,
    current: AtomicUsize,
}

impl FailOver {
    /// The nodes of one cluster, the first to be tried first.
    pub fn new(nodes: Vec<(Target, Arc<dyn Transport>)>) -> Self {
        Self { inner: Arc::new(Inner { nodes, current: AtomicUsize::new(0) }) }
    }
}

/// A call may go to another node when this one certainly never saw it. A read may also be asked again when nobody knows;
/// a change never.
fn may_go_on(error: &ApiError, is_write: bool) -> bool {
    match error {
        ApiError::NotSent(_) | ApiError::Untrusted { .. } => true,
        ApiError::Unsure(_) => !is_write,
        _ => false,
    }
}

impl Transport for FailOver {
    fn send(&self, call: Call) -> BoxFuture<Result<Raw, ApiError>> {
        let inner = self.inner.clone();
        Box::pin(async move {
            let first = inner.current.load(Ordering::Relaxed);
            let is_write = call.wire.is_write();
            let mut errors: Vec<ApiError> = vec![];
            for step in 0..inner.nodes.len() {
                let index = (first + step) % inner.nodes.len();
                let (target, transport) = &inner.nodes[index];
                match transport.send(call.clone()).await {
                    Err(error) if may_go_on(&error, is_write) => {
                        tracing::warn!(%target, %error, "trying the next address");
                        errors.push(error);
                    }
                    outcome => {
                        if outcome.is_ok() {
                            inner.current.store(index, Ordering::Relaxed);
                        }
                        return outcome;
                    }
                }
            }
            Err(all(errors))
        })
    }
}

/// What to tell when no node answers: a certificate to decide about first, else whether anything can have been done.
fn all(mut errors: Vec<ApiError>) -> ApiError {
    if errors.len() == 1 {
        return errors.remove(0);
    }
    if let Some(i) = errors.iter().position(|e| matches!(e, ApiError::Untrusted { .. })) {
        return errors.remove(i);
    }
    let text: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let text = format!("none of the {} addresses answers: {}", text.len(), text.join("; "));
    if errors.iter().any(|e| matches!(e, ApiError::Unsure(_))) {
        ApiError::Unsure(text)
    } else {
        ApiError::NotSent(text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Mutex;

    use super::*;
    use crate::api::request::Request;

    type Script = Arc<Mutex<Result<(), ApiError>>>;

    struct Node(u16, Script, Arc<Mutex<Vec<u16>>>);

    impl Transport for Node {
        fn send(&self, _: Call) -> BoxFuture<Result<Raw, ApiError>> {
            self.2.lock().unwrap().push(self.0);
            let answer = self.1.lock().unwrap().clone();
            let status = self.0;
            Box::pin(async move { answer.map(|()| Raw { status, reason: String::new(), body: bytes::Bytes::new() }) })
        }
    }

    struct Lab {
        scripts: Vec<Script>,
        asked: Arc<Mutex<Vec<u16>>>,
        all: FailOver,
    }

    fn lab() -> Lab {
        let asked: Arc<Mutex<Vec<u16>>> = Arc::default();
        let scripts: Vec<Script> = (0..3).map(|_| Arc::new(Mutex::new(Ok(())))).collect();
        let node = |(i, script): (usize, &Script)| {
            let target: Target = format!("n{i}").parse().unwrap();
            (target, Arc::new(Node(i as u16, script.clone(), asked.clone())) as Arc<dyn Transport>)
        };
        let nodes = scripts.iter().enumerate().map(node).collect();
        Lab { scripts, asked: asked.clone(), all: FailOver::new(nodes) }
    }

    impl Lab {
        async fn send(&self, request: Request<()>) -> (Result<u16, ApiError>, Vec<u16>) {
            self.asked.lock().unwrap().clear();
            let answer = self.all.send(Call { wire: request.wire, headers: vec![], into: None }).await;
            (answer.map(|raw| raw.status), self.asked.lock().unwrap().clone())
        }

        fn set(&self, node: usize, answer: Result<(), ApiError>) {
            *self.scripts[node].lock().unwrap() = answer;
        }
    }

    #[tokio::test]
    async fn the_next_one_is_asked_and_remembered() {
        let lab = lab();
        assert_eq!(lab.send(Request::get("/x")).await, (Ok(0), vec![0]));
        lab.set(0, Err(ApiError::NotSent("refused".into())));
        assert_eq!(lab.send(Request::get("/x")).await, (Ok(1), vec![0, 1]));
        assert_eq!(lab.send(Request::post("/x")).await, (Ok(1), vec![1]));
        lab.set(1, Err(ApiError::NotSent("gone".into())));
        assert_eq!(
            lab.send(Request::post("/x")).await,
            (Ok(2), vec![1, 2]),
            "certainly not sent, so it may go elsewhere"
        );
        lab.set(2, Err(ApiError::NotSent("off".into())));
        let (answer, asked) = lab.send(Request::get("/x")).await;
        assert_eq!(asked, [2, 0, 1]);
        assert_eq!(answer, Err(ApiError::NotSent("none of the 3 addresses answers: off; refused; gone".into())));
        lab.set(0, Ok(()));
        assert_eq!(lab.send(Request::get("/x")).await.0, Ok(0));
    }

    #[tokio::test]
    async fn a_write_that_may_have_arrived_stays_where_it_is() {
        let lab = lab();
        lab.set(0, Err(ApiError::Unsure("silence".into())));
        assert_eq!(lab.send(Request::post("/x")).await, (Err(ApiError::Unsure("silence".into())), vec![0]));
        assert_eq!(lab.send(Request::delete("/x")).await.1, [0]);
        assert_eq!(lab.send(Request::get("/x")).await, (Ok(1), vec![0, 1]), "a read may be repeated");
    }

    #[tokio::test]
    async fn certificates_are_the_users_to_decide() {
        let lab = lab();
        let untrusted = ApiError::Untrusted { fingerprint: "AB".into(), detail: "self-signed".into(), pinned: None };
        for node in 0..3 {
            lab.set(node, Err(ApiError::NotSent("refused".into())));
        }
        lab.set(1, Err(untrusted.clone()));
        assert_eq!(lab.send(Request::get("/x")).await, (Err(untrusted), vec![0, 1, 2]));
    }
}
