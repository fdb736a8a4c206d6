//! The only place where effects meet the world.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    runtime::Handle,
    sync::mpsc::UnboundedSender,
    task::{AbortHandle, JoinSet},
};

use super::{Fetched, Msg, transfer::Downloaded};
use crate::{
    api::{
        ApiError, Wire, access,
        cluster::{self, Resources},
        guest,
        ids::Upid,
        tag,
        task::{self, LogLine, Task},
        version,
    },
    shell::{Effect, LayerId, SessionId, World, Write},
};

/// Carries out one effect and tells what came of it. Effects that concern the terminal are not for here.
pub async fn perform(world: World, effect: Effect) -> Option<Msg> {
    Some(match effect {
        Effect::Send { session, to, wire, decode } => {
            let answer = read(&world, session, wire).await;
            Msg::Reply { to, reply: decode(answer) }
        }
        Effect::Write { session, write } => write_once(&world, session, write).await,
        Effect::Download { session, label, wire } => {
            let result = world.download(session, &wire).await;
            Msg::Downloaded(Downloaded { session, label, file: wire.file?, result })
        }
        Effect::Job { to, run } => Msg::Reply { to, reply: run(world).await },
        Effect::Fetch { session, full, known } => {
            Msg::Fetched { session, answer: Box::new(fetch(&world, session, full, known).await) }
        }
        // It ends here, on a thread that no key waits for.
        Effect::Discard(_) => return None,
        Effect::Probe(session) => Msg::Probed { session, alive: probe(&world, session).await },
        Effect::Peek { session, guest } => {
            let vmid = guest.vmid;
            let status = match world.client(session) {
                Ok(client) => client.ask(guest::status(&guest)).await,
                Err(error) => Err(error),
            };
            Msg::Peeked { session, vmid, status }
        }
        Effect::Poll { session, upid, log_from } => {
            let (status, log) = poll(&world, session, &upid, log_from).await;
            Msg::Polled { session, upid, status, log }
        }
        Effect::Rights(session) => {
            let client = world.client(session).ok()?;
            // Without an answer everything is offered, and the server has the last word.
            // The administrator may do everything.
            let permissions = match client.user().as_deref() {
                Some("root@pam") => None,
                _ => client.ask(access::permissions()).await.ok(),
            };
            // Without an answer tags have the colours of their letters.
            let tags = client.ask(tag::settings()).await.ok();
            Msg::Rights { session, permissions, tags }
        }
        Effect::TaskEnded { upid, state } => Msg::Leftover(world.task_ended(&upid, &state).await?),
        _ => return None,
    })
}

async fn send(world: &World, session: SessionId, wire: Wire) -> Result<Bytes, ApiError> {
    world.client(session)?.send(wire).await
}

/// What views ask for. A change that comes this way has been shown to nobody: it stays here.
async fn read(world: &World, session: SessionId, wire: Wire) -> Result<Bytes, ApiError> {
    if wire.is_write() {
        return Err(ApiError::Withheld("a change that nobody has confirmed was not sent".into()));
    }
    send(world, session, wire).await
}

/// Sends a change, and tells everybody who wants to know.
async fn write_once(world: &World, session: SessionId, write: Write) -> Msg {
    let Write { label, wire, guest, then, .. } = write;
    let result = world.write(session, &label, &wire).await;
    let reply = then.map(|(to, decode)| (to, decode(result.clone())));
    Msg::Written { session, label, guest, result, reply, wire }
}

async fn fetch(world: &World, session: SessionId, full: bool, known: Arc<Resources>) -> Fetched {
    let client = match world.client(session) {
        Ok(client) => client,
        Err(error) => return Fetched { resources: Err(error.clone()), tasks: Err(error), status: None, version: None },
    };
    let status = async { if full { Some(client.ask(cluster::status()).await) } else { None } };
    let version = async { if full { client.ask(version::get()).await.ok() } else { None } };
    let (resources, tasks, status, version) =
        tokio::join!(client.ask(cluster::resources()), client.ask(cluster::tasks()), status, version);
    let resources = resources.map(|new| if new == *known { known } else { Arc::new(new) });
    Fetched { resources, tasks, status, version }
}

/// Whether anybody answers, with or without success. The realm list needs no login and is short.
async fn probe(world: &World, session: SessionId) -> bool {
    let Ok(client) = world.client(session) else { return false };
    !matches!(
        client.ask(access::domains()).await,
        Err(ApiError::NotSent(_) | ApiError::Unsure(_) | ApiError::Unanswered(_))
    )
}

async fn poll(
    world: &World,
    session: SessionId,
    upid: &Upid,
    log_from: Option<u64>,
) -> (Result<Task, ApiError>, Vec<LogLine>) {
    let client = match world.client(session) {
        Ok(client) => client,
        Err(error) => return (Err(error), vec![]),
    };
    let log = async {
        match log_from {
            Some(start) => client.ask(task::log(upid, start, 500)).await.map(|page| page.data).unwrap_or_default(),
            None => vec![],
        }
    };
    tokio::join!(client.ask(task::status(upid)), log)
}

/// Spawns effects, drops the reads of closed views, and remembers which writes are on their way.
pub struct Runner {
    world: World,
    inbox: UnboundedSender<Msg>,
    reads: HashMap<LayerId, Vec<AbortHandle>>,
    writes: JoinSet<()>,
    /// Every effect under way holds a clone.
    under_way: Arc<()>,
    network: Handle,
}

impl Runner {
    /// A runner that works on the runtime `network` and answers into `inbox`.
    pub fn new(world: World, inbox: UnboundedSender<Msg>, network: Handle) -> Self {
        Self { world, inbox, reads: HashMap::new(), writes: JoinSet::new(), under_way: Arc::default(), network }
    }

    /// Starts an effect in the background.
    pub fn start(&mut self, effect: Effect) {
        let reader = match &effect {
            Effect::Send { to, .. } | Effect::Job { to, .. } => Some(*to),
            Effect::Close(layer) => {
                for read in self.reads.remove(layer).into_iter().flatten() {
                    read.abort();
                }
                return;
            }
            _ => None,
        };
        if let Effect::SignedIn { session, client, .. } = effect {
            self.world.set_client(session, client.0, client.1);
            return;
        }
        if let Effect::SignedOut(session) = effect {
            self.world.forget(session);
            return;
        }
        let is_write = matches!(effect, Effect::Write { .. });
        let (world, inbox) = (self.world.clone(), self.inbox.clone());
        let under_way = self.under_way.clone();
        let work = async move {
            let _under_way = under_way;
            if let Some(msg) = perform(world, effect).await {
                // Fails only when the console is already leaving.
                let _ = inbox.send(msg);
            }
        };
        if is_write {
            while self.writes.try_join_next().is_some() {}
            self.writes.spawn_on(work, &self.network);
            return;
        }
        let handle = self.network.spawn(work).abort_handle();
        if let Some(layer) = reader {
            let reads = self.reads.entry(layer).or_default();
            reads.retain(|r| !r.is_finished());
            reads.push(handle);
        }
    }

    /// True when nothing is on its way.
    pub fn is_idle(&self) -> bool {
        Arc::strong_count(&self.under_way) == 1
    }

    /// Sessions and connections.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Waits a moment for changes that are just being sent, so that leaving does not cut them off. Reads are not waited for.
    pub async fn finish(&mut self, at_most: Duration) {
        let all = async { while self.writes.join_next().await.is_some() {} };
        if tokio::time::timeout(at_most, all).await.is_err() {
            tracing::warn!("left while a change was still unanswered: see the cluster's task list");
            self.writes.detach_all();
        }
    }
}
