//! The console without a terminal: effects are carried out one after the other, time passes when it is told to. For
//! `proxmux print` and for tests.

use std::time::Duration;

use crossterm::event::KeyEvent;
use ratatui::{Terminal, backend::TestBackend, buffer::Buffer};

use super::{App, Msg, runner::perform};
use crate::shell::{Effect, Now, World};

/// A console that draws into memory.
pub struct Headless {
    /// The app.
    pub app: App,
    /// Effects that only a terminal can carry out (clipboard, suspend ...), in order.
    pub for_terminal: Vec<Effect>,
    world: World,
    now: Now,
    screen: Terminal<TestBackend>,
}

impl Headless {
    /// Starts an app on a screen of this size and carries out what it wants first.
    pub async fn start(app: App, world: World, width: u16, height: u16, unix: i64) -> Self {
        let screen = match Terminal::new(TestBackend::new(width, height)) {
            Ok(screen) => screen,
            Err(never) => match never {},
        };
        let now = Now { mono: Duration::ZERO, unix };
        let mut this = Self { app, for_terminal: vec![], world, now, screen };
        let effects = this.app.start(now);
        this.settle(effects).await;
        this
    }

    /// Carries out effects, and what they lead to, until nothing is left.
    async fn settle(&mut self, effects: Vec<Effect>) {
        let mut todo = std::collections::VecDeque::from(effects);
        while let Some(effect) = todo.pop_front() {
            match effect {
                Effect::Copy(_) | Effect::Mouse(_) | Effect::Redraw | Effect::Suspend => self.for_terminal.push(effect),
                effect => {
                    if let Some(msg) = perform(self.world.clone(), effect).await {
                        todo.extend(self.app.update(msg, self.now));
                    }
                }
            }
        }
    }

    /// Gives the app a message.
    pub async fn feed(&mut self, msg: Msg) {
        let effects = self.app.update(msg, self.now);
        self.settle(effects).await;
    }

    /// Presses a key.
    pub async fn press(&mut self, key: KeyEvent) {
        self.feed(Msg::Key(key)).await;
    }

    /// Lets time pass for the app, waking it as often as it wants. `meanwhile` is told each step of the clock.
    pub async fn pass(&mut self, time: Duration, mut meanwhile: impl FnMut(Now)) {
        let end = self.now.mono + time;
        loop {
            let wake = self.app.next_wake().unwrap_or(end).clamp(self.now.mono + Duration::from_millis(1), end);
            self.set_time(wake);
            meanwhile(self.now);
            self.feed(Msg::Tick).await;
            if wake >= end {
                return;
            }
        }
    }

    fn set_time(&mut self, mono: Duration) {
        let before = self.now.mono.as_secs();
        self.now.mono = mono;
        self.now.unix += i64::try_from(mono.as_secs() - before).unwrap_or(0);
    }

    /// The time.
    pub fn now(&self) -> Now {
        self.now
    }

    /// Another size of the screen.
    pub fn resize(&mut self, width: u16, height: u16) {
        self.screen.backend_mut().resize(width, height);
    }

    /// What the screen shows.
    pub fn screen(&mut self) -> Buffer {
        let (app, now) = (&mut self.app, self.now);
        match self.screen.draw(|frame| app.draw(frame, now)) {
            Ok(done) => done.buffer.clone(),
            Err(never) => match never {},
        }
    }

    /// Sessions and connections.
    pub fn world(&self) -> &World {
        &self.world
    }
}
