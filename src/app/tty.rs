//! Keys, clicks and pasted text, read by the thread that draws: a key has to wake no other thread on its way.

use std::io;

use crossterm::event::Event;
use tokio::{
    io::AsyncReadExt as _,
    net::unix::pipe::{self, Receiver},
};

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 0x07;
const STRING_END: [u8; 2] = [ESCAPE, b'\\'];

/// The terminal to read from. It is opened once more: a read that must not wait is then nobody else's concern, neither
/// the shell's nor that of an editor, which share standard input with this program.
pub struct Tty {
    input: Receiver,
    buffer: Vec<u8>,
    parser: Parser,
}

impl Tty {
    /// Opens the terminal of this program.
    ///
    /// # Errors
    /// When there is none that can be opened.
    pub fn open() -> io::Result<Self> {
        // Some systems can't wait for `/dev/tty`, and in a container the other name may mean nothing.
        let input = open("/dev/tty").or_else(|error| {
            let name = rustix::termios::ttyname(io::stdin(), vec![])?;
            open(&name.to_string_lossy()).map_err(|_| error)
        });
        let input =
            input.map_err(|why| io::Error::new(why.kind(), format!("it can't be opened for reading: {why}")))?;
        Ok(Self { input, buffer: vec![0; 1 << 14], parser: Parser::default() })
    }

    /// Waits until something is typed and returns all of it, which may be no event yet, or none that is known. `None`
    /// once the terminal is gone. Nothing is lost when the wait is given up.
    pub async fn read(&mut self) -> Option<Vec<Event>> {
        match self.input.read(&mut self.buffer).await {
            // An error is how a terminal says that its other side is closed.
            Ok(0) | Err(_) => None,
            Ok(n) => Some(self.parser.push(&self.buffer[..n])),
        }
    }
}

/// The runtime knows no terminals, but reads from whatever is like a pipe.
fn open(path: &str) -> io::Result<Receiver> {
    pipe::OpenOptions::new().unchecked(true).open_receiver(path)
}

/// Tells events in what comes, in whatever pieces it comes.
#[derive(Default)]
struct Parser {
    /// The beginning of an event.
    begun: Vec<u8>,
}

impl Parser {
    fn push(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = vec![];
        let ends =
            bytes.contains(&BELL) || bytes.windows(2).any(|pair| pair == STRING_END) || bytes.first() == Some(&b'\\');
        if self.is_in_string() && !ends {
            // It was none, or its end is lost: nothing that is typed may be lost with it.
            self.begun.clear();
        }
        for (at, byte) in bytes.iter().enumerate() {
            if self.is_in_string() {
                self.begun.push(*byte);
                if *byte == BELL || self.begun.ends_with(&STRING_END) {
                    self.begun.clear();
                }
                continue;
            }
            // Escape twice is that key twice, or the key and a sequence after it.
            if self.begun == [ESCAPE] && *byte == ESCAPE {
                self.end(&mut events);
            }
            self.begun.push(*byte);
            // Both are keys only when nothing follows.
            let is_beginning = self.begun == [ESCAPE] || self.is_in_string();
            if !is_beginning || at + 1 == bytes.len() {
                self.end(&mut events);
            }
        }
        events
    }

    /// An answer of the terminal that nobody has asked for, or that comes too late: `ESC ]` to BEL or `ESC \`, and its like.
    fn is_in_string(&self) -> bool {
        matches!(self.begun.as_slice(), [ESCAPE, b']' | b'P' | b'X' | b'^' | b'_', ..])
    }

    /// Takes the event that is complete, and forgets what can't become one.
    fn end(&mut self, events: &mut Vec<Event>) {
        match terminput::Event::parse_from(&self.begun) {
            Ok(None) => return,
            Ok(Some(event)) => events.extend(terminput_crossterm::to_crossterm(event)),
            Err(_) => {}
        }
        self.begun.clear();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crossterm::event::{
        KeyCode::{self, Char, Down, Enter, Esc, F, PageDown, Up},
        KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
    };
    use proptest::prelude::*;

    use super::*;

    fn key(code: KeyCode) -> Event {
        Event::Key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn with(code: KeyCode, modifiers: KeyModifiers) -> Event {
        Event::Key(KeyEvent::new(code, modifiers))
    }

    /// What terminals send, and what was meant.
    fn known() -> Vec<(&'static str, Event)> {
        let click = MouseEvent {
            kind: MouseEventKind::Down(MouseButton::Left),
            column: 9,
            row: 4,
            modifiers: KeyModifiers::NONE,
        };
        vec![
            ("j", key(Char('j'))),
            ("G", with(Char('G'), KeyModifiers::SHIFT)),
            ("ä", key(Char('ä'))),
            ("漢", key(Char('漢'))),
            ("\r", key(Enter)),
            ("\t", key(KeyCode::Tab)),
            ("\x1b[Z", with(KeyCode::BackTab, KeyModifiers::SHIFT)),
            ("\x7f", key(KeyCode::Backspace)),
            ("\x03", with(Char('c'), KeyModifiers::CONTROL)),
            ("\0", with(Char(' '), KeyModifiers::CONTROL)),
            ("\x1b[A", key(Up)),
            ("\x1bOB", key(Down)),
            ("\x1b[6~", key(PageDown)),
            ("\x1b[3~", key(KeyCode::Delete)),
            ("\x1b[1~", key(KeyCode::Home)),
            ("\x1bOF", key(KeyCode::End)),
            ("\x1bOP", key(F(1))),
            ("\x1b[15~", key(F(5))),
            ("\x1b[24~", key(F(12))),
            ("\x1b[1;5C", with(KeyCode::Right, KeyModifiers::CONTROL)),
            ("\x1bx", with(Char('x'), KeyModifiers::ALT)),
            ("\x1b[<0;10;5M", Event::Mouse(click)),
            ("\x1b[200~two\nlines\x1b[201~", Event::Paste("two\nlines".into())),
        ]
    }

    #[test]
    fn knows_what_terminals_send() {
        for (bytes, event) in known() {
            assert_eq!(Parser::default().push(bytes.as_bytes()), [event], "{bytes:?}");
        }
    }

    #[test]
    fn escape_alone_is_a_key() {
        let mut parser = Parser::default();
        assert_eq!(parser.push(b"\x1b"), [key(Esc)]);
        assert_eq!(parser.push(b"j\x1b"), [key(Char('j')), key(Esc)]);
        assert_eq!(parser.push(b"\x1b\x1b"), [key(Esc), key(Esc)]);
        assert_eq!(parser.push(b"\x1b\x1b[A"), [key(Esc), key(Up)]);
    }

    #[test]
    fn what_is_unknown_hides_nothing_after_it() {
        assert_eq!(Parser::default().push(b"\x1b[>1;2xj\x1b[?62cj").last(), Some(&key(Char('j'))));
        assert_eq!(Parser::default().push(b"\xff\xfej").last(), Some(&key(Char('j'))));
    }

    #[test]
    fn late_answers_of_the_terminal_are_no_keys() {
        let mut parser = Parser::default();
        let colour = b"\x1b]11;rgb:0000/0000/0000\x1b\\";
        assert_eq!(parser.push(colour), []);
        assert_eq!(
            parser.push(b"k\x1b]52;c;\x07j\x1bP>|tmux 3.5\x1b\\g"),
            [key(Char('k')), key(Char('j')), key(Char('g'))]
        );
        assert_eq!((parser.push(&colour[..9]), parser.push(&colour[9..])), (vec![], vec![]));
        // With nothing after it, it is a key; what looked like an answer and has no end hides no more than itself.
        assert_eq!(parser.push(b"\x1b]"), [with(Char(']'), KeyModifiers::ALT)]);
        assert_eq!((parser.push(b"\x1b]1"), parser.push(b"jk")), (vec![], vec![key(Char('j')), key(Char('k'))]));
    }

    proptest! {
        /// A slow line cuts where it likes; only an escape at the end of a piece is a key of its own.
        #[test]
        fn pieces_change_nothing(picks in prop::collection::vec(0..23_usize, 1..30), cut in 1..7_usize) {
            let known = known();
            let bytes: Vec<u8> = picks.iter().flat_map(|i| known[*i].0.bytes()).collect();
            let wanted: Vec<_> = picks.iter().map(|i| known[*i].1.clone()).collect();
            let mut parser = Parser::default();
            let mut events = vec![];
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let mut n = cut.min(rest.len());
                while n < rest.len() && rest[n - 1] == ESCAPE {
                    n += 1;
                }
                events.extend(parser.push(&rest[..n]));
                rest = &rest[n..];
            }
            prop_assert_eq!(events, wanted);
        }

        #[test]
        fn no_bytes_are_too_strange(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..20)) {
            let mut parser = Parser::default();
            pieces.iter().for_each(|piece| drop(parser.push(piece)));
        }
    }
}
