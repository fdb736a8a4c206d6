//! The pure heart: tabs of stacked layers over the sessions' stores. `update` takes a message and the time and returns
//! effects; it knows no runtime, no terminal and no clock.

mod answer;
pub mod desk;
pub mod editor;
pub mod event_loop;
pub mod frame;
pub mod headless;
mod input;
mod menu;
mod message;
pub mod outbox;
pub mod runner;
pub mod session;
pub mod terminal;
pub mod tracker;
pub mod transfer;
mod tty;
mod tutorial;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::Frame;

use self::{
    desk::{Desk, Profile},
    frame::Hit,
    outbox::Outbox,
    session::Session,
    tutorial::Tutorial,
};
pub use self::{
    menu::{GLOBALS, Global, TOUR},
    message::Notify,
};
use crate::{
    api::{
        ApiError, Wire,
        access::Permissions,
        cluster::{ClusterStatus, Resources},
        guest::Status,
        ids::{Upid, VmId},
        tag,
        task::{LogLine, Task},
        version::Version,
    },
    shell::{Effect, Hosted, Layer, LayerId, Level, Now, Policy, Reply, Scene, SessionId, Toast, View},
    store::{Phase, Sending, Store},
    ui::{Keymap, Look},
    views::{self, fleet::Fleet, login::Login},
};

/// Everything that can happen.
pub enum Msg {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse did something.
    Mouse(MouseEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has another size.
    Resized,
    /// Time has passed.
    Tick,
    /// An answer for a view.
    Reply {
        /// The view.
        to: LayerId,
        /// Its message.
        reply: Reply,
    },
    /// The cluster's state.
    Fetched {
        /// Of which cluster.
        session: SessionId,
        /// The state, or what went wrong.
        answer: Box<Fetched>,
    },
    /// Whether the server answers at all.
    Probed {
        /// Which server.
        session: SessionId,
        /// It answers.
        alive: bool,
    },
    /// A change was answered.
    Written {
        /// Of which cluster.
        session: SessionId,
        /// What it does.
        label: String,
        /// The guest that it is about.
        guest: Option<VmId>,
        /// The answer.
        result: Result<Bytes, ApiError>,
        /// Who else wants to hear it.
        reply: Option<(LayerId, Reply)>,
        /// The call, with the file that went with it.
        wire: Wire,
    },
    /// A file has come, or not.
    Downloaded(transfer::Downloaded),
    /// What the user may do.
    Rights {
        /// In which cluster.
        session: SessionId,
        /// Privileges by path.
        permissions: Option<Permissions>,
        /// What the cluster says about tags.
        tags: Option<tag::Settings>,
    },
    /// A guest was asked how it is, after a task of it ended.
    Peeked {
        /// Of which cluster.
        session: SessionId,
        /// The guest.
        vmid: VmId,
        /// Its own status.
        status: Result<Status, ApiError>,
    },
    /// What a file that did not arrive has left on a storage.
    Leftover(String),
    /// A followed task was asked about.
    Polled {
        /// Of which cluster.
        session: SessionId,
        /// The task.
        upid: Upid,
        /// How it is doing.
        status: Result<Task, ApiError>,
        /// New log lines.
        log: Vec<LogLine>,
    },
}

/// What one refresh brings.
pub struct Fetched {
    /// Guests, nodes, storages.
    pub resources: Result<Arc<Resources>, ApiError>,
    /// Recent tasks.
    pub tasks: Result<Vec<Task>, ApiError>,
    /// Quorum and nodes; seldom asked.
    pub status: Option<Result<ClusterStatus, ApiError>>,
    /// The server's version; seldom asked.
    pub version: Option<Version>,
}

/// A tab: a key, a name, and which root view serves it.
struct Root {
    stack: Vec<Box<dyn Layer>>,
}

/// How the console is set up.
pub struct Options {
    /// Colours and glyphs.
    pub look: Look,
    /// Key bindings.
    pub keys: Keymap,
    /// Time between refreshes.
    pub interval: Duration,
    /// The tab to begin with.
    pub tab: char,
    /// Whether the mouse is captured at the start.
    pub mouse: bool,
    /// How the terminal is told that a task has ended.
    pub notify: Notify,
    /// Clusters that have a name.
    pub profiles: Vec<Profile>,
    /// The one to begin with.
    pub profile: Option<Profile>,
}

/// What views may look at; kept apart from the layers, which are borrowed mutably at the same time.
struct Shared {
    sessions: Vec<Session>,
    front: usize,
    look: Look,
    keys: Keymap,
    now: Now,
}

impl Shared {
    fn scene(&self) -> Scene<'_> {
        let store = &self.sessions[self.front].store;
        Scene { store, look: &self.look, keys: &self.keys, now: self.now, neighbours: &self.sessions }
    }
}

/// The whole console, without the world.
pub struct App {
    /// True when the user wants to leave.
    pub quit: bool,
    shared: Shared,
    current: usize,
    roots: Vec<Root>,
    tab: char,
    next_id: u64,
    dirty: bool,
    mouse: bool,
    toasts: VecDeque<message::Shown>,
    /// What was said so far, oldest first, with the time in Unix seconds.
    said: VecDeque<(i64, Toast)>,
    notify: Notify,
    /// The last task that was spoken of, and its session.
    last_task: Option<(SessionId, Upid)>,
    /// The task of the message that was on the screen when the last key was pressed.
    shown_task: Option<(SessionId, Upid)>,
    hits: Vec<(ratatui::layout::Rect, Hit)>,
    /// The last frame was too small to show anything.
    cramped: bool,
    next_tick: Option<Duration>,
    next_age: Option<Duration>,
    login: Option<Login>,
    outbox: Outbox,
    desks: Vec<Desk>,
    profiles: Vec<Profile>,
    interval: Duration,
    policy: Policy,
    /// What is taken in is for a session that is not in front.
    behind: bool,
    /// The user wants to leave once everything is sent.
    leaving: bool,
    tutorial: Option<Tutorial>,
}

impl App {
    /// A console with one session that is about to log in.
    pub fn new(options: Options, address: String, login: Login) -> Self {
        let mut session = Session::new(SessionId(0), address, options.interval);
        session.store.insecure = login.is_insecure();
        session.profile = options.profile;
        Self {
            quit: false,
            shared: Shared {
                sessions: vec![session],
                front: 0,
                look: options.look,
                keys: options.keys,
                now: Now::default(),
            },
            current: 0,
            roots: vec![],
            tab: options.tab,
            next_id: 0,
            dirty: true,
            mouse: options.mouse,
            toasts: VecDeque::new(),
            said: VecDeque::new(),
            notify: options.notify,
            last_task: None,
            shown_task: None,
            hits: vec![],
            cramped: false,
            next_tick: None,
            next_age: None,
            login: Some(login),
            outbox: Outbox::default(),
            desks: vec![Desk::default()],
            profiles: options.profiles,
            interval: options.interval,
            policy: Policy::default(),
            behind: false,
            leaving: false,
            tutorial: None,
        }
    }

    /// Says what may be changed at all.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
        let store = &mut self.session_mut().store;
        (store.read_only, store.dry_run) = (policy.read_only, policy.dry_run);
    }

    /// The first effects.
    pub fn start(&mut self, now: Now) -> Vec<Effect> {
        self.shared.now = now;
        let mut todo = vec![];
        self.furnish(&mut todo);
        if let Some(login) = self.login.take() {
            todo.push(Hosted::open(login));
        }
        self.settle(todo)
    }

    /// Takes a message in and tells what to do about it.
    pub fn update(&mut self, msg: Msg, now: Now) -> Vec<Effect> {
        self.shared.now = now;
        let home = self.shared.front;
        let mut outside = vec![];
        let to = self.addressee(&msg);
        // Whoever was closed hears nothing any more.
        if to.is_some_and(|session| self.shared.sessions[session].closed) {
            return outside;
        }
        if let Some(session) = to.filter(|session| *session != home) {
            // As if that session were in front for a moment.
            let tick = self.next_tick;
            self.bring(session);
            self.behind = true;
            let mut todo = vec![];
            self.take(msg, &mut todo);
            outside = self.settle(todo);
            self.bring(home);
            self.behind = false;
            self.next_tick = tick;
        } else {
            let mut todo = vec![];
            self.take(msg, &mut todo);
            outside.extend(self.settle(todo));
        }
        let mut todo = vec![];
        self.pass_time(&mut todo);
        outside.extend(self.settle(todo));
        self.learn();
        outside
    }

    fn take(&mut self, msg: Msg, todo: &mut Vec<Effect>) {
        let now = self.shared.now;
        match msg {
            Msg::Key(key) => self.key(key, todo),
            Msg::Mouse(event) => self.mouse(event, todo),
            Msg::Paste(text) => self.paste(&text, todo),
            Msg::Resized => self.dirty = true,
            Msg::Tick => {}
            Msg::Reply { to, reply } => self.reply(to, reply, todo),
            Msg::Fetched { session, answer } => self.fetched(session, *answer, todo),
            Msg::Probed { session, alive } => {
                if let Some(session) = self.shared.sessions.get_mut(session.0 as usize) {
                    session.probed(alive, now.mono);
                }
            }
            Msg::Written { session, label, guest, result, reply, wire } => {
                if let Some(file) = &wire.file {
                    self.uploads(session, |transfers, _| transfers.ended(file, result.as_ref().err()));
                }
                self.written(session, label, guest, &wire, result);
                if let Some((to, reply)) = reply {
                    self.reply(to, reply, todo);
                }
            }
            Msg::Downloaded(come) => self.downloaded(come),
            Msg::Leftover(what) => self.toast(Toast::new(Level::Warning, what)),
            Msg::Rights { session, permissions, tags } => self.rights(session, permissions, tags),
            Msg::Peeked { session, vmid, status } => self.peeked(session, vmid, status),
            Msg::Polled { session, upid, status, log } => self.polled(session, &upid, status, &log, todo),
        }
    }

    /// When [`Msg::Tick`] is wanted, as time since the start.
    pub fn next_wake(&self) -> Option<Duration> {
        let due = self.shared.sessions.iter().filter_map(Session::next_due);
        let toast = self.toasts.iter().filter_map(|shown| shown.until);
        let slow = self.store().asking.map(|since| since + Store::SLOW).filter(|at| *at > self.shared.now.mono);
        let transfers = self.shared.sessions.iter().filter_map(|s| s.transfers.next_due());
        due.chain(transfers).chain(toast).chain(slow).chain(self.next_tick).chain(self.next_age).min()
    }

    /// True once after something visible may have changed.
    pub fn take_dirty(&mut self) -> bool {
        std::mem::take(&mut self.dirty)
    }

    /// The store of the session in front.
    pub fn store(&self) -> &Store {
        &self.shared.sessions[self.shared.front].store
    }

    fn session_mut(&mut self) -> &mut Session {
        &mut self.shared.sessions[self.shared.front]
    }

    fn new_id(&mut self) -> LayerId {
        self.next_id += 1;
        LayerId(self.next_id)
    }

    /// Everything that is due by the clock.
    fn pass_time(&mut self, todo: &mut Vec<Effect>) {
        let now = self.shared.now.mono;
        for session in &mut self.shared.sessions {
            todo.extend(session.due(now));
        }
        let before = self.toasts.len();
        self.toasts.retain(|shown| shown.until.is_none_or(|until| until > now));
        self.dirty |= self.toasts.len() != before;

        let due = |s: &&Session| s.transfers.is_due(now);
        let sending: Vec<SessionId> = self.shared.sessions.iter().filter(due).map(|s| s.store.session).collect();
        for session in sending {
            self.uploads(session, |_, _| {});
        }
        // An age on the screen counts up.
        let (store, since) = (self.store(), |s: &Sending| s.since.is_some());
        let aging = store.trouble.is_some() || store.slow_for(now).is_some() || store.sending.iter().any(since);
        if self.next_age.is_some_and(|at| at <= now) {
            self.dirty = true;
            self.next_age = None;
        }
        self.next_age = aging.then(|| self.next_age.unwrap_or(now + Duration::from_secs(1)));

        let pace = top(&mut self.roots, self.current).and_then(|top| top.pace());
        if self.next_tick.is_some_and(|at| at <= now) {
            self.next_tick = None;
            self.dirty = true;
            let scene = self.shared.scene();
            if let Some(top) = top(&mut self.roots, self.current) {
                top.tick(scene, todo);
            }
        }
        self.next_tick = pace.map(|pace| self.next_tick.unwrap_or(now + pace));
    }

    /// Layer changes happen here; only effects for the outside world leave the app.
    fn settle(&mut self, todo: Vec<Effect>) -> Vec<Effect> {
        let mut todo = VecDeque::from(todo);
        let mut outside = vec![];
        while let Some(effect) = todo.pop_front() {
            let mut more = vec![];
            match effect {
                Effect::Open(make) => {
                    let id = self.new_id();
                    let mut layer = make(id);
                    layer.opened(self.shared.scene(), &mut more);
                    self.roots[self.current].stack.push(layer);
                    self.next_tick = None;
                    self.dirty = true;
                }
                Effect::Close(id) => {
                    self.close(id, &mut more);
                    outside.push(Effect::Close(id));
                }
                Effect::Reply { to, reply } => self.reply(to, reply, &mut more),
                Effect::Run { layer: Some(id), command } => {
                    let scene = self.shared.scene();
                    if let Some(layer) = find(&mut self.roots, id) {
                        layer.run(&command, scene, &mut more);
                    }
                    self.dirty = true;
                }
                Effect::Run { layer: None, command } => self.run_global(&command, &mut more),
                Effect::Toast(toast) => self.toast(toast),
                Effect::OpenTask(upid) => more.push(views::open_task(upid)),
                Effect::Refresh(session) => {
                    let now = self.shared.now.mono;
                    if let Some(session) = self.shared.sessions.get_mut(session.0 as usize) {
                        session.refresh(now);
                        more.extend(session.due(now));
                    }
                }
                Effect::Remember { session, what, values } => {
                    if let Some(session) = self.shared.sessions.get_mut(session.0 as usize) {
                        session.store.remembered.insert(what, values);
                    }
                }
                Effect::SignedIn { session, user, client } => {
                    let now = self.shared.now.mono;
                    let address = client.1.target.to_string();
                    let read_only = client.1.read_only;
                    let other = self.store().user != user || self.store().address != address;
                    if other && self.outbox.drop_of(session) > 0 {
                        self.toast(Toast::new(
                            Level::Warning,
                            "Changes that waited were dropped: this is another login",
                        ));
                    }
                    outside.push(Effect::SignedIn { session, user: user.clone(), client });
                    if let Some(session) = self.shared.sessions.get_mut(session.0 as usize) {
                        session.store.read_only |= read_only;
                        session.signed_in(user, address, now);
                        more.extend(session.due(now));
                    }
                    self.dirty = true;
                }
                Effect::Dismiss { session, file } => self.uploads(session, |transfers, _| transfers.dismiss(&file)),
                Effect::Download { session, label, wire } => {
                    self.uploads(session, |transfers, now| transfers.add(&label, &wire, now));
                    outside.push(Effect::Download { session, label, wire });
                }
                Effect::Copy(text) => {
                    self.toast(Toast::new(Level::Info, "Copied to the clipboard"));
                    outside.push(Effect::Copy(text));
                }
                Effect::Quit => self.leave(&mut more),
                // Files have slots of their own: they take long, and hold nothing up.
                Effect::Write { session, write } if write.wire.file.is_some() => {
                    self.uploads(session, |transfers, now| transfers.add(&write.label, &write.wire, now));
                    outside.push(Effect::Write { session, write });
                }
                Effect::Write { session, write } => self.post(session, write, &mut more),
                Effect::Mouse(on) => {
                    self.mouse = on;
                    outside.push(Effect::Mouse(on));
                }
                other => outside.push(other),
            }
            for effect in more.into_iter().rev() {
                todo.push_front(effect);
            }
        }
        let due = self.outbox.due(self.shared.now.mono).into_iter();
        outside.extend(due.map(|(session, write)| Effect::Write { session, write }));
        self.show_sending();
        self.quit |= self.leaving && self.outbox.is_empty();
        outside
    }

    fn close(&mut self, id: LayerId, todo: &mut Vec<Effect>) {
        self.dirty = true;
        self.next_tick = None;
        for root in &mut self.roots {
            // The root view itself stays.
            if let Some(i) = root.stack.iter().position(|l| l.id() == id).filter(|&i| i > 0) {
                root.stack.remove(i);
            }
        }
        let scene = self.shared.scene();
        if let Some(top) = top(&mut self.roots, self.current) {
            top.refreshed(scene, todo);
        }
    }

    fn reply(&mut self, to: LayerId, reply: Reply, todo: &mut Vec<Effect>) {
        self.dirty = true;
        let scene = self.shared.scene();
        if let Some(layer) = find(&mut self.roots, to) {
            layer.reply(reply, scene, todo);
        }
    }

    fn tab_chosen(&mut self, key: char, todo: &mut Vec<Effect>) {
        let Some(at) = views::TABS.iter().position(|t| t.key == key) else { return };
        self.dirty = true;
        self.current = at;
        self.tab = key;
        self.next_tick = None;
        let scene = self.shared.scene();
        if let Some(top) = top(&mut self.roots, self.current) {
            top.refreshed(scene, todo);
        }
    }

    fn run_global(&mut self, id: &str, todo: &mut Vec<Effect>) {
        let session = self.store().session;
        match id {
            "app.help" => todo.push(self.help()),
            "app.palette" => todo.push(self.palette()),
            "app.back" => {
                let stack = &self.roots[self.current].stack;
                if stack.len() > 1 {
                    todo.extend(stack.last().map(|l| Effect::Close(l.id())));
                }
            }
            "app.fleet" if self.roots[self.current].stack.last().is_some_and(|top| top.name() == Fleet::NAME) => {}
            "app.fleet" => todo.push(views::open_fleet()),
            "app.user" => todo.push(self.user_menu()),
            "app.password" => match views::open_password(self.store()) {
                Ok(effect) => todo.push(effect),
                Err(why) => self.toast(Toast::new(Level::Warning, why)),
            },
            "app.api" => todo.push(views::open_api()),
            "app.requests" => todo.push(views::open_requests()),
            "app.refresh" => {
                // After a login that has ended and a dialog that was closed, this is the way back in.
                let ended = self.store().trouble.as_ref().filter(|_| self.store().phase == Phase::SignedOut);
                todo.extend(ended.map(|trouble| views::login_again(trouble.error.clone())));
                todo.push(Effect::Refresh(session));
                let scene = self.shared.scene();
                if let Some(top) = top(&mut self.roots, self.current) {
                    top.refreshed(scene, todo);
                }
            }
            "app.tasklog" => match self.shown_task.take().or(self.last_task.clone()) {
                Some((session, upid)) => {
                    self.visit(session.0 as usize, todo);
                    todo.push(Effect::OpenTask(upid));
                }
                None => self.toast(Toast::new(Level::Info, "No task has been started yet")),
            },
            "app.messages" => todo.push(self.messages()),
            "app.mouse" => {
                let on = !self.mouse;
                todo.push(Effect::Mouse(on));
                let text = if on { "Mouse on" } else { "Mouse off: select text as usual" };
                self.toast(Toast::new(Level::Info, text));
            }
            "app.redraw" => todo.push(Effect::Redraw),
            "app.suspend" => todo.push(Effect::Suspend),
            "app.quit" => match self.way_back() {
                Some(layer) => todo.push(Effect::Close(layer)),
                None => self.ask_to_leave(todo),
            },
            "app.leave" => self.ask_to_leave(todo),
            "leave.sent" => {
                self.leaving = true;
                self.toast(Toast::new(Level::Info, "Leaving as soon as all changes are sent"));
            }
            "leave.now" => {
                let dropped = self.outbox.clear();
                tracing::warn!(target: "proxmux::audit", dropped, "left before confirmed changes were sent");
                self.quit = true;
            }
            _ if self.run_session(id, todo) || self.run_tutorial(id) => {}
            _ => {
                if let Some(key) = id.strip_prefix("tab.").and_then(|k| k.chars().next()) {
                    self.tab_chosen(key, todo);
                } else if let Some(top) = top(&mut self.roots, self.current) {
                    // A command of whatever view is in front now.
                    top.run(id, self.shared.scene(), todo);
                }
            }
        }
        self.dirty = true;
    }

    /// Draws everything.
    pub fn draw(&mut self, frame: &mut Frame, now: Now) {
        self.shared.now = now;
        frame::draw(self, frame);
    }
}

/// The layer in front.
fn top(roots: &mut [Root], current: usize) -> Option<&mut Box<dyn Layer>> {
    roots.get_mut(current)?.stack.last_mut()
}

/// The layer with an id, in any tab.
fn find(roots: &mut [Root], id: LayerId) -> Option<&mut Box<dyn Layer>> {
    roots.iter_mut().flat_map(|r| r.stack.iter_mut()).find(|l| l.id() == id)
}
