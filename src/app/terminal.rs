//! The terminal: taken over at the start, given back at the end, and not written to without need.

use std::{
    io::{self, IsTerminal, Stdout, Write},
    sync::{Arc, Mutex, PoisonError},
};

use crossterm::{
    cursor,
    event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture},
    execute,
    terminal::{self, EnterAlternateScreen, LeaveAlternateScreen},
};
use ratatui::{
    Terminal,
    backend::{Backend, ClearType, CrosstermBackend, WindowSize},
    buffer::Cell,
    layout::{Position, Size},
};

/// What a frame has written so far; the backend keeps the other handle, because crossterm's does not give its writer back.
struct Pending(Arc<Mutex<Vec<u8>>>);

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Collects what a frame writes and sends it in one piece, as a synchronized update; a frame without
/// changes sends nothing at all, not even the cursor's state, which ratatui repeats with every frame.
pub struct QuietBackend<W: Write> {
    frame: CrosstermBackend<Pending>,
    bytes: Arc<Mutex<Vec<u8>>>,
    out: W,
    /// `None` when somebody else may have changed it.
    cursor_shown: Option<bool>,
    cursor_at: Option<Position>,
}

impl<W: Write> QuietBackend<W> {
    /// A backend that writes to `out`.
    pub fn new(out: W) -> Self {
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let frame = CrosstermBackend::new(Pending(bytes.clone()));
        Self { frame, bytes, out, cursor_shown: Some(true), cursor_at: None }
    }
}

impl<W: Write> Backend for QuietBackend<W> {
    type Error = io::Error;

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, content: I) -> io::Result<()> {
        let mut content = content.peekable();
        if content.peek().is_none() {
            return Ok(());
        }
        self.cursor_at = None;
        self.frame.draw(content)
    }
    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.cursor_shown.replace(false) == Some(false) { Ok(()) } else { self.frame.hide_cursor() }
    }
    fn show_cursor(&mut self) -> io::Result<()> {
        if self.cursor_shown.replace(true) == Some(true) { Ok(()) } else { self.frame.show_cursor() }
    }
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.cursor_at.unwrap_or_default())
    }
    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let position = position.into();
        if self.cursor_at.replace(position) == Some(position) {
            return Ok(());
        }
        self.frame.set_cursor_position(position)
    }
    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }
    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        (self.cursor_shown, self.cursor_at) = (None, None);
        self.frame.clear_region(clear_type)
    }
    fn size(&self) -> io::Result<Size> {
        self.frame.size()
    }
    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.frame.window_size()
    }
    fn flush(&mut self) -> io::Result<()> {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes.is_empty() {
            return Ok(());
        }
        // One piece for the system as well: three would wake the terminal three times.
        let whole = [b"\x1b[?2026h", bytes.as_slice(), b"\x1b[?2026l"].concat();
        bytes.clear();
        self.out.write_all(&whole)?;
        self.out.flush()
    }
}

/// The program's terminal.
pub type Screen = Terminal<QuietBackend<Stdout>>;

/// Takes the terminal over.
///
/// # Errors
/// When standard input or output is no terminal.
pub fn take(mouse: bool) -> io::Result<Screen> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(io::Error::other(
            "standard input and output must be a terminal; for one picture use `proxmux print`",
        ));
    }
    enter(mouse)?;
    Terminal::new(QuietBackend::new(io::stdout()))
}

/// Raw mode, alternate screen, pasting, and the mouse if wanted.
///
/// # Errors
/// When the terminal can't be set up.
pub fn enter(mouse: bool) -> io::Result<()> {
    terminal::enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
    set_mouse(mouse)
}

/// True while this program may use the terminal: whoever does so in the background of a shell is stopped for it.
pub fn is_ours() -> bool {
    let front = rustix::termios::tcgetpgrp(io::stdin());
    // Where there is no such thing as a foreground nobody else has it.
    front.map_or(true, |front| front == rustix::process::getpgrp())
}

/// Takes the terminal again after somebody else has had it, and perhaps changed its modes.
///
/// # Errors
/// When the terminal can't be set up.
pub fn retake(mouse: bool) -> io::Result<()> {
    // It only believes to be in raw mode still.
    terminal::disable_raw_mode()?;
    enter(mouse)
}

/// Switches mouse reports on or off.
///
/// # Errors
/// When the terminal can't be written to.
pub fn set_mouse(on: bool) -> io::Result<()> {
    if on { execute!(io::stdout(), EnableMouseCapture) } else { execute!(io::stdout(), DisableMouseCapture) }
}

/// Gives the terminal back as it was. Called at the end, before a suspend, and by the panic hook.
pub fn restore() {
    let _ = execute!(io::stdout(), DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
    let _ = terminal::disable_raw_mode();
}

/// Makes a panic give the terminal back before it prints its message.
pub fn restore_on_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        restore();
        before(info);
    }));
}

/// Puts text into the clipboard of the terminal in front of the user, also over SSH (OSC 52).
///
/// # Errors
/// When the terminal can't be written to.
pub fn copy(text: &str) -> io::Result<()> {
    execute!(io::stdout(), crossterm::clipboard::CopyToClipboard::to_clipboard_from(text))
}

/// Writes a sequence that moves nothing on the screen.
///
/// # Errors
/// When the terminal is gone.
pub fn write(sequence: &str) -> io::Result<()> {
    use io::Write;
    let mut out = io::stdout();
    out.write_all(sequence.as_bytes())?;
    out.flush()
}
