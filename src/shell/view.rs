//! Views, their commands and their context, and layers: views with their type forgotten.

use std::{marker::PhantomData, time::Duration};

use crossterm::event::{KeyEvent, MouseEvent};
use jiff::tz::TimeZone;
use ratatui::{Frame, layout::Rect};

use super::{
    confirm::{Confirm, Proposal},
    effect::{Effect, LayerId, Level, Reply, TextEdit, Toast},
    world::World,
};
use crate::{
    api::{ApiError, BoxFuture, Request, tag},
    store::{SessionId, Store},
    ui::{Chip, Chips, Ctx, Keymap, Look, Pane, TableEvent},
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

/// A key, a title and a method: feeds dispatch, footer, help, menus, palette and the documentation.
pub struct Command<V: View> {
    /// Its name in the configuration: `guest.start`.
    pub id: &'static str,
    /// Default keys, separated by blanks; empty for commands that are only in menus.
    pub keys: &'static str,
    /// What it does, in a word or three.
    pub title: &'static str,
    /// Whether the footer has it.
    pub footer: bool,
    /// Whether it can be done now.
    pub ready: fn(&V, &Store) -> bool,
    /// Does it.
    pub run: fn(&mut V, &mut Cx<'_, V::Msg>),
}

/// What many views can do has the same key and the same title in all of them.
impl<V: View> Command<V> {
    const fn verb(
        id: &'static str,
        (keys, title): (&'static str, &'static str),
        ready: fn(&V, &Store) -> bool,
        run: fn(&mut V, &mut Cx<'_, V::Msg>),
    ) -> Self {
        Self { id, keys, title, footer: true, ready, run }
    }

    /// Opens the menu of all that can be done.
    pub const fn menu(id: &'static str, ready: fn(&V, &Store) -> bool, run: fn(&mut V, &mut Cx<'_, V::Msg>)) -> Self {
        Self::verb(id, ("m x", "Actions"), ready, run)
    }

    /// Adds something to the list.
    pub const fn add(id: &'static str, ready: fn(&V, &Store) -> bool, run: fn(&mut V, &mut Cx<'_, V::Msg>)) -> Self {
        Self::verb(id, ("a", "Add"), ready, run)
    }

    /// Edits what is selected.
    pub const fn edit(id: &'static str, ready: fn(&V, &Store) -> bool, run: fn(&mut V, &mut Cx<'_, V::Msg>)) -> Self {
        Self::verb(id, ("e", "Edit"), ready, run)
    }

    /// Switches what is selected on or off.
    pub const fn switch(id: &'static str, ready: fn(&V, &Store) -> bool, run: fn(&mut V, &mut Cx<'_, V::Msg>)) -> Self {
        Self::verb(id, ("p", "On or off"), ready, run)
    }

    /// Runs what is selected, whatever its schedule says.
    pub const fn run_now(
        id: &'static str,
        ready: fn(&V, &Store) -> bool,
        run: fn(&mut V, &mut Cx<'_, V::Msg>),
    ) -> Self {
        Self::verb(id, ("R", "Run now"), ready, run)
    }

    /// Removes what is selected.
    pub const fn remove(id: &'static str, ready: fn(&V, &Store) -> bool, run: fn(&mut V, &mut Cx<'_, V::Msg>)) -> Self {
        Self::verb(id, ("delete", "Remove"), ready, run)
    }

    /// The footer has other things to tell.
    pub const fn unlisted(self) -> Self {
        Self { footer: false, ..self }
    }
}

/// A command as menus, help and documentation see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandInfo {
    /// Its name in the configuration.
    pub id: &'static str,
    /// Default keys.
    pub keys: &'static str,
    /// What it does.
    pub title: &'static str,
    /// Whether the footer has it.
    pub footer: bool,
    /// Whether it can be done now.
    pub ready: bool,
}

/// A small program with own state, own messages and own commands.
pub trait View: Sized + Send + 'static {
    /// What it hears back: API answers and dialog results.
    type Msg: Send + 'static;
    /// What the user can do here.
    const COMMANDS: &'static [Command<Self>] = &[];
    /// Its name, for help and documentation.
    const NAME: &'static str;
    /// True for dialogs: drawn over what is below, and the app's own keys don't reach past them.
    const DIALOG: bool = false;

    /// Asks for what it shows: when it is opened, and then as often as [`View::pace`] says.
    fn ask(&mut self, _cx: &mut Cx<'_, Self::Msg>) {}
    /// The view has just been put on the screen.
    fn opened(&mut self, cx: &mut Cx<'_, Self::Msg>) {
        self.ask(cx);
    }
    /// An answer or a result.
    fn update(&mut self, msg: Self::Msg, cx: &mut Cx<'_, Self::Msg>);
    /// The store has news, or this view has come back on top.
    fn refreshed(&mut self, _cx: &mut Cx<'_, Self::Msg>) {}
    /// Some time has passed while [`View::pace`] asks for it.
    fn tick(&mut self, cx: &mut Cx<'_, Self::Msg>) {
        self.ask(cx);
    }
    /// How often this view wants to be ticked while it is on top; `None`: not at all.
    fn pace(&self) -> Option<Duration> {
        None
    }
    /// The list, log or page in front, for views that are one: keys, mouse and pasted text go to it. A list is brought
    /// up to date first.
    fn pane(&mut self, _scene: &Scene) -> Option<&mut dyn Pane> {
        None
    }
    /// What came of them, for lists. True when used.
    fn listed(&mut self, event: TableEvent, cx: &mut Cx<'_, Self::Msg>) -> bool {
        match event {
            TableEvent::Ignored => return false,
            TableEvent::Open => self.enter(cx),
            TableEvent::Menu(..) => self.menu(cx),
            _ => {}
        }
        true
    }
    /// Opens the selected row of the list: Enter, or a second click.
    fn enter(&mut self, _cx: &mut Cx<'_, Self::Msg>) {}
    /// Shows what can be done with it: the right button.
    fn menu(&mut self, cx: &mut Cx<'_, Self::Msg>) {
        self.enter(cx);
    }
    /// Raw keys, for text fields and movement. True when used; commands get the others.
    fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, Self::Msg>) -> bool {
        let event = self.pane(&cx.scene).map(|pane| pane.key(key));
        event.is_some_and(|event| self.listed(event, cx))
    }
    /// The mouse, in screen coordinates.
    fn mouse(&mut self, event: MouseEvent, cx: &mut Cx<'_, Self::Msg>) {
        let now = cx.scene.now.millis();
        if let Some(event) = self.pane(&cx.scene).map(|pane| pane.mouse(event, now)) {
            self.listed(event, cx);
        }
    }
    /// Pasted text.
    fn paste(&mut self, text: &str, cx: &mut Cx<'_, Self::Msg>) {
        if let Some(event) = self.pane(&cx.scene).map(|pane| pane.paste(text)) {
            self.listed(event, cx);
        }
    }
    /// Why a command that is not ready can't be done now, where there is more to say than that.
    fn why_not(&self, _id: &str, _store: &Store) -> Option<String> {
        None
    }
    /// The breadcrumb.
    fn crumb(&self, store: &Store) -> String;
    /// A short state for the right end of the breadcrumb line: counts, filter.
    fn status(&self, _store: &Store) -> String {
        String::new()
    }
    /// Where a dialog stands; `area` is the space of the whole content.
    fn place(&self, area: Rect) -> Rect {
        area
    }
    /// Draws into `area` (already cleared for dialogs).
    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene);
}

/// A view with its type forgotten, so that the app can stack them. See [`View`] for what the methods mean.
pub trait Layer: Send {
    /// Its id.
    fn id(&self) -> LayerId;
    /// Its view's name.
    fn name(&self) -> &'static str;
    /// Whether it is a dialog.
    fn is_dialog(&self) -> bool;
    /// See [`View::opened`].
    fn opened(&mut self, scene: Scene, out: &mut Vec<Effect>);
    /// See [`View::update`].
    fn reply(&mut self, reply: Reply, scene: Scene, out: &mut Vec<Effect>);
    /// See [`View::refreshed`].
    fn refreshed(&mut self, scene: Scene, out: &mut Vec<Effect>);
    /// See [`View::tick`].
    fn tick(&mut self, scene: Scene, out: &mut Vec<Effect>);
    /// See [`View::pace`].
    fn pace(&self) -> Option<Duration>;
    /// First the view's own keys, then its commands. True when used.
    fn key(&mut self, key: KeyEvent, scene: Scene, out: &mut Vec<Effect>) -> bool;
    /// See [`View::mouse`].
    fn mouse(&mut self, event: MouseEvent, scene: Scene, out: &mut Vec<Effect>);
    /// See [`View::paste`].
    fn paste(&mut self, text: &str, scene: Scene, out: &mut Vec<Effect>);
    /// Runs a command if it is there and ready. True when it was there.
    fn run(&mut self, id: &str, scene: Scene, out: &mut Vec<Effect>) -> bool;
    /// All commands.
    fn commands(&self, store: &Store) -> Vec<CommandInfo>;
    /// See [`View::crumb`].
    fn crumb(&self, store: &Store) -> String;
    /// See [`View::status`].
    fn status(&self, store: &Store) -> String;
    /// See [`View::place`].
    fn place(&self, area: Rect) -> Rect;
    /// See [`View::draw`].
    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene);
}

/// The one implementation of [`Layer`]: a view and its id.
pub struct Hosted<V> {
    id: LayerId,
    view: V,
}

impl<V: View> Hosted<V> {
    /// Gives a view its id and forgets its type.
    pub fn boxed(id: LayerId, view: V) -> Box<dyn Layer> {
        Box::new(Self { id, view })
    }

    /// The effect that opens a view.
    pub fn open(view: V) -> Effect {
        Effect::Open(Box::new(move |id| Self::boxed(id, view)))
    }

    /// The view's commands without a view, for key maps and documentation.
    pub fn command_table() -> impl Iterator<Item = CommandInfo> {
        V::COMMANDS.iter().map(|c| CommandInfo {
            id: c.id,
            keys: c.keys,
            title: c.title,
            footer: c.footer,
            ready: true,
        })
    }

    fn cx<'a>(id: LayerId, scene: Scene<'a>, out: &'a mut Vec<Effect>) -> Cx<'a, V::Msg> {
        Cx::new(id, scene, out)
    }
}

impl<V: View> Layer for Hosted<V> {
    fn id(&self) -> LayerId {
        self.id
    }
    fn name(&self) -> &'static str {
        V::NAME
    }
    fn is_dialog(&self) -> bool {
        V::DIALOG
    }
    fn opened(&mut self, scene: Scene, out: &mut Vec<Effect>) {
        self.view.opened(&mut Self::cx(self.id, scene, out));
    }
    fn reply(&mut self, reply: Reply, scene: Scene, out: &mut Vec<Effect>) {
        match reply.downcast::<V::Msg>() {
            Ok(msg) => self.view.update(*msg, &mut Self::cx(self.id, scene, out)),
            Err(_) => tracing::error!(view = V::NAME, "a reply of a foreign type was dropped"),
        }
    }
    fn refreshed(&mut self, scene: Scene, out: &mut Vec<Effect>) {
        self.view.refreshed(&mut Self::cx(self.id, scene, out));
    }
    fn tick(&mut self, scene: Scene, out: &mut Vec<Effect>) {
        self.view.tick(&mut Self::cx(self.id, scene, out));
    }
    fn pace(&self) -> Option<Duration> {
        self.view.pace()
    }
    fn key(&mut self, key: KeyEvent, scene: Scene, out: &mut Vec<Effect>) -> bool {
        let mut cx = Self::cx(self.id, scene, out);
        if self.view.key(key, &mut cx) {
            return true;
        }
        let Some(command) = V::COMMANDS.iter().find(|c| scene.keys.matches(c.id, &key)) else { return false };
        if (command.ready)(&self.view, scene.store) {
            (command.run)(&mut self.view, &mut cx);
        } else {
            match self.view.why_not(command.id, scene.store) {
                Some(why) => cx.toast(Level::Warning, format!("{}: {why}", command.title)),
                None => cx.toast(Level::Info, format!("{}: not possible here", command.title)),
            }
        }
        true
    }
    fn mouse(&mut self, event: MouseEvent, scene: Scene, out: &mut Vec<Effect>) {
        self.view.mouse(event, &mut Self::cx(self.id, scene, out));
    }
    fn paste(&mut self, text: &str, scene: Scene, out: &mut Vec<Effect>) {
        self.view.paste(text, &mut Self::cx(self.id, scene, out));
    }
    fn run(&mut self, id: &str, scene: Scene, out: &mut Vec<Effect>) -> bool {
        let Some(command) = V::COMMANDS.iter().find(|c| c.id == id) else { return false };
        if (command.ready)(&self.view, scene.store) {
            (command.run)(&mut self.view, &mut Self::cx(self.id, scene, out));
        }
        true
    }
    fn commands(&self, store: &Store) -> Vec<CommandInfo> {
        let with = |c: &Command<V>| (c.ready)(&self.view, store);
        Self::command_table().zip(V::COMMANDS).map(|(i, c)| CommandInfo { ready: with(c), ..i }).collect()
    }
    fn crumb(&self, store: &Store) -> String {
        self.view.crumb(store)
    }
    fn status(&self, store: &Store) -> String {
        self.view.status(store)
    }
    fn place(&self, area: Rect) -> Rect {
        self.view.place(area)
    }
    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.view.draw(frame, area, scene);
    }
}
