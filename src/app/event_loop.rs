//! Waits for the next thing to happen, lets the app think, draws once.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crossterm::event::{Event, KeyEventKind};
use ratatui::{Terminal, backend::Backend};
use signal_hook::consts::{SIGCONT, SIGQUIT, SIGTSTP};
use tokio::{
    runtime::Handle,
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{Instant, sleep, sleep_until},
};

use super::{
    App, Msg, editor,
    runner::Runner,
    terminal::{self, Screen},
    tty::Tty,
};
use crate::{
    shell::{Effect, Level, Now, TextEdit, World},
    ui::text,
};

/// The time since `start`, and the wall clock.
fn now(start: Instant) -> Now {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(0));
    Now { mono: start.elapsed(), unix }
}

fn event_msg(event: Event) -> Option<Msg> {
    Some(match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => Msg::Key(key),
        Event::Key(_) => return None,
        Event::Mouse(mouse) => Msg::Mouse(mouse),
        Event::Paste(text) => Msg::Paste(text),
        // A signal tells about the size.
        Event::Resize(..) | Event::FocusGained | Event::FocusLost => return None,
    })
}

/// What is left to do after an effect.
enum Then {
    Nothing,
    Draw,
    /// Give the terminal away: to the shell, or to the user's editor.
    Leave(Option<TextEdit>),
}

/// Effects that only the terminal's owner can carry out; the others go to the runner.
fn carry_out(effect: Effect, runner: &mut Runner, screen: &mut Screen, mouse: &mut bool) -> io::Result<Then> {
    Ok(match effect {
        Effect::Copy(text) => {
            terminal::copy(&text)?;
            Then::Nothing
        }
        Effect::Notify(sequence) => {
            terminal::write(&sequence)?;
            Then::Nothing
        }
        Effect::Mouse(on) => {
            *mouse = on;
            terminal::set_mouse(on)?;
            Then::Nothing
        }
        Effect::Redraw => {
            screen.clear()?;
            Then::Draw
        }
        Effect::Suspend => Then::Leave(None),
        Effect::EditText(edit) => Then::Leave(Some(edit)),
        other => {
            runner.start(other);
            Then::Nothing
        }
    })
}

/// What is left to do once the terminal has been given back.
pub struct Leaving {
    app: App,
    runner: Runner,
    inbox: UnboundedReceiver<Msg>,
    start: Instant,
}

impl Leaving {
    /// Waits a moment for the answers to changes that are on their way, or until Ctrl-C. What the user has to know of
    /// them then: what went wrong, and what has no answer.
    pub async fn finish(mut self, at_most: Duration) -> Vec<String> {
        // These were on the screen.
        self.app.toasts.clear();
        tokio::select! {
            () = self.runner.finish(at_most) => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        while let Ok(msg) = self.inbox.try_recv() {
            // Whatever it wants to be done comes too late.
            drop(self.app.update(msg, now(self.start)));
        }
        let wrong = self.app.toasts.iter().filter(|shown| shown.toast.level == Level::Error);
        let wrong: Vec<_> = wrong.map(|shown| text::clean(&shown.toast.text).into_owned()).collect();
        let silent = self.app.unanswered().into_iter();
        let silent =
            silent.map(|change| format!("{change} was sent, but not answered yet: see the cluster's task list."));
        wrong.into_iter().chain(silent).collect()
    }
}

/// The signals that a program in a terminal has to know.
struct Signals {
    terminate: Signal,
    hang_up: Signal,
    interrupt: Signal,
    quit: Signal,
    stop: Signal,
    go_on: Signal,
    resized: Signal,
    /// Somebody else has the terminal: its stop stops this program, too, as if there were no console.
    lent: Arc<AtomicBool>,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let lent = Arc::<AtomicBool>::default();
        signal_hook::flag::register_conditional_default(SIGTSTP, lent.clone())?;
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            stop: signal(SignalKind::from_raw(SIGTSTP))?,
            go_on: signal(SignalKind::from_raw(SIGCONT))?,
            resized: signal(SignalKind::window_change())?,
            lent,
        })
    }

    /// Forgets what was meant for whoever had the terminal.
    async fn forget(&mut self) -> io::Result<()> {
        // What has come meanwhile is only told while this waits.
        sleep(Duration::from_millis(10)).await;
        self.interrupt = signal(SignalKind::interrupt())?;
        self.stop = signal(SignalKind::from_raw(SIGTSTP))?;
        self.go_on = signal(SignalKind::from_raw(SIGCONT))?;
        Ok(())
    }

    /// Waits until this program has the terminal; false when it was told to end meanwhile.
    async fn wait_for_terminal(&mut self) -> bool {
        while !terminal::is_ours() {
            tokio::select! {
                _ = self.terminate.recv() => return false,
                _ = self.hang_up.recv() => return false,
                () = sleep(Duration::from_millis(200)) => {}
            }
        }
        true
    }
}

/// Runs the console until the user leaves or the system tells it to. Everything that talks to clusters and decodes
/// their answers runs on the runtime `network`; only keys and drawing stay on the calling thread, which therefore
/// should be a runtime of its own.
///
/// # Errors
/// When the terminal fails.
pub async fn run(
    mut app: App,
    world: World,
    screen: &mut Screen,
    mut mouse: bool,
    network: Handle,
) -> io::Result<Leaving> {
    let start = Instant::now();
    let (sender, mut inbox): (UnboundedSender<Msg>, UnboundedReceiver<Msg>) = unbounded_channel();
    let mut runner = Runner::new(world, sender, network);
    let mut tty = Tty::open()?;
    let mut signals = Signals::new()?;

    let mut effects = app.start(now(start));
    draw(screen, &mut app, now(start))?;
    'console: loop {
        let mut redraw = false;
        let mut more = vec![];
        for effect in effects.drain(..) {
            match carry_out(effect, &mut runner, screen, &mut mouse)? {
                Then::Nothing => {}
                Then::Draw => redraw = true,
                Then::Leave(edit) => {
                    terminal::restore();
                    match edit {
                        None => suspend_self(),
                        Some(TextEdit { name, text, to, then }) => {
                            signals.lent.store(true, Ordering::Relaxed);
                            let reply = then(editor::edit(&name, &text));
                            signals.lent.store(false, Ordering::Relaxed);
                            more.extend(app.update(Msg::Reply { to, reply }, now(start)));
                        }
                    }
                    // Ctrl-C meant the editor, not the console.
                    signals.forget().await?;
                    if !signals.wait_for_terminal().await {
                        break 'console;
                    }
                    terminal::enter(mouse)?;
                    screen.clear()?;
                    redraw = true;
                }
            }
        }
        effects = more;
        if redraw {
            draw(screen, &mut app, now(start))?;
        }
        if !effects.is_empty() {
            continue;
        }
        if app.quit {
            break;
        }
        let wake = app.next_wake().map(|at| start + at);
        // Keys go first, and are shown before what the network brought: taking in long lists would make them wait.
        let (msgs, typed) = tokio::select! {
            biased;
            events = tty.read() => match events {
                Some(events) => (events.into_iter().filter_map(event_msg).collect(), true),
                None => break,
            },
            Some(msg) = inbox.recv() => (vec![msg], false),
            _ = signals.resized.recv() => (vec![Msg::Resized], false),
            _ = signals.terminate.recv() => break,
            _ = signals.hang_up.recv() => break,
            _ = signals.interrupt.recv() => break,
            _ = signals.quit.recv() => {
                terminal::restore();
                // This ends the program, as it does everywhere.
                let _ = signal_hook::low_level::emulate_default_handler(SIGQUIT);
                break;
            }
            _ = signals.stop.recv() => {
                effects.push(Effect::Suspend);
                continue;
            }
            // It was stopped without a chance to give the terminal back, and the shell has used it meanwhile.
            _ = signals.go_on.recv() => {
                if !signals.wait_for_terminal().await {
                    break;
                }
                terminal::retake(mouse)?;
                screen.clear()?;
                draw(screen, &mut app, now(start))?;
                continue;
            }
            () = sleep_until(wake.unwrap_or_else(far)), if wake.is_some() => (vec![Msg::Tick], false),
        };
        // What has come meanwhile is settled before one draw.
        for msg in msgs {
            effects.extend(app.update(msg, now(start)));
        }
        if !typed {
            while let Ok(msg) = inbox.try_recv() {
                effects.extend(app.update(msg, now(start)));
            }
        }
        if app.take_dirty() {
            draw(screen, &mut app, now(start))?;
        }
    }
    Ok(Leaving { app, runner, inbox, start })
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

fn draw<B: Backend<Error = io::Error>>(screen: &mut Terminal<B>, app: &mut App, now: Now) -> io::Result<()> {
    screen.draw(|frame| app.draw(frame, now)).map(drop)
}

/// Stops the process like Ctrl-Z does in a shell; returns when it is continued.
fn suspend_self() {
    // Stopping can't fail in a way that matters: then the console just goes on.
    let _ = signal_hook::low_level::emulate_default_handler(SIGTSTP);
}
