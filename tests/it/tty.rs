//! A program in a pseudo-terminal of its own, and the screen that its user would see.
//!
//! Also used by `benches/console.rs`, hence every piece of output carries the moment at which it came.
#![allow(dead_code)]

use std::{
    io::{Read, Write},
    process::Command,
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

/// A running program, killed when this is dropped.
pub struct Tty {
    /// Just before the program was started.
    pub started: Instant,
    /// Everything it has written so far.
    pub raw: Vec<u8>,
    parser: vt100::Parser,
    output: Receiver<(Instant, Vec<u8>)>,
    input: Box<dyn Write + Send>,
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
}

fn size(columns: u16, lines: u16) -> PtySize {
    PtySize { rows: lines, cols: columns, pixel_width: 0, pixel_height: 0 }
}

impl Tty {
    /// Starts a program with these arguments and only these environment variables, besides `PATH` and `TERM`.
    pub fn start(program: &str, args: &[&str], env: &[(&str, &str)], columns: u16, lines: u16) -> Self {
        let pair = native_pty_system().openpty(size(columns, lines)).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env_clear();
        command.env("PATH", std::env::var("PATH").unwrap_or_default());
        for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8")].iter().chain(env) {
            command.env(name, value);
        }
        let mut reader = pair.master.try_clone_reader().unwrap();
        let input = pair.master.take_writer().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            // An error is the end: the program has closed its side.
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                if sender.send((Instant::now(), buffer[..n].to_vec())).is_err() {
                    break;
                }
            }
        });
        let started = Instant::now();
        let child = pair.slave.spawn_command(command).unwrap();
        let parser = vt100::Parser::new(lines, columns, 0);
        Self { started, raw: vec![], parser, output, input, master: pair.master, child }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Types something; returns the moment just before.
    pub fn send(&mut self, keys: impl AsRef<[u8]>) -> Instant {
        let now = Instant::now();
        self.input.write_all(keys.as_ref()).unwrap();
        now
    }

    /// Sends a signal by name, like `TERM`.
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Makes the terminal another size.
    pub fn resize(&mut self, columns: u16, lines: u16) {
        self.parser.screen_mut().set_size(lines, columns);
        self.master.resize(size(columns, lines)).unwrap();
    }

    /// Something else than the program writes to the terminal, like the shell in front of which it was suspended.
    pub fn write_over(&mut self, text: &str) {
        self.parser.process(text.as_bytes());
    }

    /// Gives the terminal the modes that a shell works in.
    pub fn make_sane(&self) {
        let name = self.master.tty_name().unwrap();
        assert!(Command::new("stty").arg("-F").arg(name).arg("sane").status().unwrap().success());
    }

    /// True when what is typed is not echoed, as in raw mode.
    pub fn is_raw(&self) -> bool {
        const ECHO: u64 = 0o10;
        self.master.get_termios().is_some_and(|t| u64::from(t.local_flags.bits()) & ECHO == 0)
    }

    /// The screen as it is now.
    pub fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    /// Its text.
    pub fn text(&self) -> String {
        self.screen().contents()
    }

    /// Takes in one piece of output; the moment it came, or `None` when there was none in time.
    fn take(&mut self, limit: Duration) -> Result<Option<Instant>, Ended> {
        match self.output.recv_timeout(limit) {
            Ok((at, bytes)) => {
                self.parser.process(&bytes);
                self.raw.extend_from_slice(&bytes);
                Ok(Some(at))
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Ended),
        }
    }

    /// The moment at which the next piece of output comes; `None` when there is none in time.
    pub fn next(&mut self, limit: Duration) -> Option<Instant> {
        self.take(limit).ok()?
    }

    /// Waits until the screen is as wanted; the moment of the output that made it so, `None` when the time is over.
    pub fn wait(&mut self, limit: Duration, wanted: impl Fn(&vt100::Screen) -> bool) -> Option<Instant> {
        let end = Instant::now() + limit;
        let mut at = Instant::now();
        while !wanted(self.parser.screen()) {
            let left = end.checked_duration_since(Instant::now())?;
            at = self.take(left).ok()??;
        }
        Some(at)
    }

    /// Waits until a text is on the screen and panics with the screen when it does not come.
    pub fn expect(&mut self, text: &str) {
        if self.wait(Duration::from_secs(20), |s| s.contents().contains(text)).is_none() {
            panic!("\"{text}\" did not come:\n{}", self.text());
        }
    }

    /// Takes in everything that comes within this time; how many bytes that was.
    pub fn listen(&mut self, time: Duration) -> usize {
        let (end, before) = (Instant::now() + time, self.raw.len());
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            if self.take(left).is_err() {
                break;
            }
        }
        self.raw.len() - before
    }

    /// Takes in output until there is none for this time.
    pub fn settle(&mut self, quiet: Duration) {
        while let Ok(Some(_)) = self.take(quiet) {}
    }

    /// Waits for the program's end and takes in its last output.
    pub fn wait_end(&mut self, limit: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + limit;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                self.listen(Duration::from_millis(50));
                return Some(status);
            }
            end.checked_duration_since(Instant::now())?;
            if self.take(Duration::from_millis(5)).is_err() {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// The program has closed its terminal.
struct Ended;

impl Drop for Tty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal by name, like `TERM`, to one process.
pub fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap();
    assert!(status.success(), "kill -{name} {pid}");
}
