//! The console without a terminal: the same app and the same runner, drawing into memory. For `proxmux print` and for
//! tests, which let it run on a paused clock.

use std::time::Duration;

use crossterm::event::KeyEvent;
use ratatui::{Terminal, backend::TestBackend, buffer::Buffer};
use tokio::{
    runtime::Handle,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::{Instant, sleep_until},
};

use super::{App, Msg, runner::Runner};
use crate::shell::{Effect, Now, World};

/// A console that draws into memory.
pub struct Headless {
    /// The app.
    pub app: App,
    /// Effects that only a terminal can carry out (clipboard, suspend ...), in order.
    pub for_terminal: Vec<Effect>,
    runner: Runner,
    inbox: UnboundedReceiver<Msg>,
    start: Instant,
    unix: i64,
    screen: Terminal<TestBackend>,
}

impl Headless {
    /// After an event, what is answered within this time is taken in, too.
    const MOMENT: Duration = Duration::from_millis(1);

    /// Starts an app on a screen of this size, at this time in Unix seconds.
    pub async fn start(app: App, world: World, width: u16, height: u16, unix: i64) -> Self {
        let screen = match Terminal::new(TestBackend::new(width, height)) {
            Ok(screen) => screen,
            Err(never) => match never {},
        };
        let (sender, inbox) = unbounded_channel();
        let runner = Runner::new(world, sender, Handle::current());
        let mut this = Self { app, for_terminal: vec![], runner, inbox, start: Instant::now(), unix, screen };
        let effects = this.app.start(this.now());
        this.carry_out(effects);
        this.draw();
        this.pass(Self::MOMENT).await;
        this
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Copy(_)
                | Effect::Notify(_)
                | Effect::Mouse(_)
                | Effect::Redraw
                | Effect::Suspend
                | Effect::EditText(_) => {
                    self.for_terminal.push(effect);
                }
                effect => self.runner.start(effect),
            }
        }
    }

    /// Draws when something visible may have changed, as the terminal does.
    fn take(&mut self, msg: Msg) {
        let effects = self.app.update(msg, self.now());
        self.carry_out(effects);
        if self.app.take_dirty() {
            self.draw();
        }
    }

    /// Gives the app a message, and a moment for answers to what it asks.
    pub async fn feed(&mut self, msg: Msg) {
        self.take(msg);
        self.pass(Self::MOMENT).await;
    }

    /// Presses a key.
    pub async fn press(&mut self, key: KeyEvent) {
        self.feed(Msg::Key(key)).await;
    }

    /// Lets time pass: answers come in, and the app is woken as often as it wants.
    pub async fn pass(&mut self, time: Duration) {
        let end = Instant::now() + time;
        let mut idle = 0;
        loop {
            let due = self.app.next_wake().map(|at| self.start + at).filter(|at| *at <= end);
            let msg = tokio::select! {
                biased;
                Some(msg) = self.inbox.recv() => msg,
                () = sleep_until(due.unwrap_or(end)) => if due.is_some() { Msg::Tick } else { return },
            };
            idle = if matches!(msg, Msg::Tick) { idle + 1 } else { 0 };
            debug_assert!(idle < 10_000, "the app wants to be woken all the time");
            self.take(msg);
        }
    }

    /// Lets time pass until nothing is on its way any more, or this much time has passed.
    pub async fn settle(&mut self, at_most: Duration) {
        let end = Instant::now() + at_most;
        while !(self.runner.is_idle() && self.inbox.is_empty()) && Instant::now() < end {
            self.pass(Self::MOMENT).await;
        }
    }

    /// The time.
    pub fn now(&self) -> Now {
        let mono = self.start.elapsed();
        Now { mono, unix: self.unix + i64::try_from(mono.as_secs()).unwrap_or(0) }
    }

    /// Another size of the screen.
    pub async fn resize(&mut self, width: u16, height: u16) {
        self.screen.backend_mut().resize(width, height);
        self.feed(Msg::Resized).await;
    }

    fn draw(&mut self) {
        let now = self.now();
        let app = &mut self.app;
        match self.screen.draw(|frame| app.draw(frame, now)) {
            Ok(_) => {}
            Err(never) => match never {},
        }
    }

    /// What the screen shows.
    pub fn screen(&self) -> &Buffer {
        self.screen.backend().buffer()
    }

    /// Sessions and connections.
    pub fn world(&self) -> &World {
        self.runner.world()
    }
}
