//! What views are told and what they can ask for.

use std::{marker::PhantomData, time::Duration};

use jiff::tz::TimeZone;

use super::{
    confirm::{Confirm, Proposal},
    effect::{Effect, LayerId, Level, Reply, TextEdit, Toast},
    layer::Hosted,
    view::View,
    world::World,
};
use crate::{
    api::{ApiError, BoxFuture, Request, tag},
    store::{SessionId, Store},
    ui::{Chip, Chips, Ctx, Keymap, Look},
};

/// The time, told to everybody instead of asked: tests need no clock.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Now {
    /// Since the program started.
    pub mono: Duration,
    /// Unix seconds.
    pub unix: i64,
}

impl Now {
    /// Milliseconds since the program started.
    pub fn millis(&self) -> u64 {
        u64::try_from(self.mono.as_millis()).unwrap_or(u64::MAX)
    }
}

/// What a view may look at, besides itself.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The last known state of this view's cluster.
    pub store: &'a Store,
    /// Colours and glyphs.
    pub look: &'a Look,
    /// Which keys mean what.
    pub keys: &'a Keymap,
    /// The time.
    pub now: Now,
    /// All open clusters.
    pub neighbours: &'a dyn Neighbours,
}

/// Tags have the colours that their cluster gives them.
impl Chips for tag::Style {
    fn chips(&self, list: &str) -> Vec<Chip> {
        let chip = |tag: &str| Chip { text: tag.into(), paint: Some(self.paint(tag)) };
        self.ordered(list).into_iter().map(chip).collect()
    }
}

/// An open cluster as another one's view sees it.
pub struct Neighbour<'a> {
    /// What it is called.
    pub title: String,
    /// Its last known state.
    pub store: &'a Store,
}

/// All open clusters, the one in front included.
pub trait Neighbours {
    /// In the order in which they were opened.
    fn all(&self) -> Vec<Neighbour<'_>>;
}

/// Without a screen there are none.
impl Neighbours for () {
    fn all(&self) -> Vec<Neighbour<'_>> {
        vec![]
    }
}

impl<'a> Scene<'a> {
    /// What tables need for drawing.
    pub fn ctx<'c>(&self, zone: &'c TimeZone) -> Ctx<'c>
    where
        'a: 'c,
    {
        Ctx { look: self.look, now: self.now.unix, tick: self.now.millis(), zone, chips: &self.store.tags.style }
    }
}

/// What a view can do: ask, propose changes, open, close, tell.
pub struct Cx<'a, M> {
    /// This view.
    pub id: LayerId,
    /// What it may look at.
    pub scene: Scene<'a>,
    out: &'a mut Vec<Effect>,
    msg: PhantomData<fn(M)>,
}

impl<'a, M: Send + 'static> Cx<'a, M> {
    pub(super) fn new(id: LayerId, scene: Scene<'a>, out: &'a mut Vec<Effect>) -> Self {
        Self { id, scene, out, msg: PhantomData }
    }

    /// The state of this view's cluster.
    pub fn store(&self) -> &'a Store {
        self.scene.store
    }

    /// The session of this view.
    pub fn session(&self) -> SessionId {
        self.scene.store.session
    }

    /// False without a screen: the command line fills the same dialogs in, and none of them lasts.
    pub fn is_on_screen(&self) -> bool {
        self.id != LayerId::NONE
    }

    /// The same view, looking at another cluster: for what it puts in front of it.
    pub fn on<'b>(&'b mut self, store: &'b Store) -> Cx<'b, M> {
        Cx { id: self.id, scene: Scene { store, ..self.scene }, out: &mut *self.out, msg: PhantomData }
    }

    /// Asks the API something; the answer comes back to this view.
    pub fn send<T: Send + 'static, N: Into<M>>(
        &mut self,
        request: Request<T>,
        then: impl FnOnce(Result<T, ApiError>) -> N + Send + 'static,
    ) {
        let (wire, read) = request.into_parts();
        debug_assert!(!wire.is_write(), "writes go through propose: {wire}");
        let decode = Box::new(move |answer: Result<bytes::Bytes, ApiError>| {
            Box::new(then(answer.and_then(|body| read(&body))).into()) as Reply
        });
        self.out.push(Effect::Send { session: self.session(), to: self.id, wire, decode });
    }

    /// In read-only mode: says so, and answers true. For what leads up to a change.
    pub fn refuses_changes(&mut self) -> bool {
        let read_only = self.scene.store.read_only;
        if read_only {
            self.toast(Level::Warning, "Read-only mode: nothing can be changed. Start without --read-only for that.");
        }
        read_only
    }

    /// Shows changes to the user, and sends them once they are confirmed.
    pub fn propose(&mut self, proposal: Proposal) {
        if !self.refuses_changes() && !proposal.writes.is_empty() {
            let mut proposal = proposal;
            let lacks = proposal.lacks(self.store());
            proposal.notes.extend(lacks);
            self.open(Confirm::new(proposal));
        }
    }

    /// Sends changes whose calls the user has just seen and confirmed on this view's own last page.
    pub fn send_confirmed(&mut self, proposal: Proposal) {
        let session = self.session();
        self.out.extend(proposal.writes.into_iter().map(|write| Effect::Write { session, write }));
    }

    /// Wants to hear the outcome of a write.
    pub fn hear<T: Send + 'static>(
        &self,
        label: impl Into<String>,
        request: Request<T>,
        then: impl FnOnce(Result<T, ApiError>) -> M + Send + 'static,
    ) -> super::Write {
        let (wire, read) = request.into_parts();
        let decode = Box::new(move |answer: Result<bytes::Bytes, ApiError>| {
            Box::new(then(answer.and_then(|body| read(&body)))) as Reply
        });
        super::Write {
            label: label.into(),
            wire,
            guest: None,
            then: Some((self.id, decode)),
            place: None,
            in_turn: false,
            needs_last: false,
        }
    }

    /// Work of more than one call; the outcome comes back to this view.
    pub fn job<N: Into<M> + 'static>(&mut self, run: impl FnOnce(World) -> BoxFuture<N> + Send + 'static) {
        let run = Box::new(move |world| {
            let future = run(world);
            Box::pin(async move { Box::new(future.await.into()) as Reply }) as BoxFuture<Reply>
        });
        self.out.push(Effect::Job { to: self.id, run });
    }

    /// Puts a view on top of this one.
    pub fn open(&mut self, view: impl View) {
        self.out.push(Hosted::open(view));
    }

    /// Takes this view away.
    pub fn close(&mut self) {
        self.out.push(Effect::Close(self.id));
    }

    /// Shows a short message.
    pub fn toast(&mut self, level: Level, text: impl Into<String>) {
        self.out.push(Effect::Toast(Toast::new(level, text)));
    }

    /// Lets the user change a text in an editor of his own; `name` ends the file's name. Nothing secret may be in it.
    pub fn edit_text(
        &mut self,
        name: impl Into<String>,
        text: String,
        then: impl FnOnce(Result<String, String>) -> M + Send + 'static,
    ) {
        let then = Box::new(move |edited| Box::new(then(edited)) as Reply);
        self.out.push(Effect::EditText(TextEdit { name: name.into(), text, to: self.id, then }));
    }

    /// A message to this view as an effect, for dialogs.
    pub fn reply_effect(&self, msg: M) -> Effect {
        Effect::Reply { to: self.id, reply: Box::new(msg) }
    }

    /// Anything else.
    pub fn emit(&mut self, effect: Effect) {
        self.out.push(effect);
    }
}
