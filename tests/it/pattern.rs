//! Regular expressions as the official description of the API uses them, matched against the whole text.

/// An expression ready to be matched.
pub struct Pattern(Alternatives);

type Alternatives = Vec<Vec<Piece>>;

struct Piece {
    atom: Atom,
    min: usize,
    max: usize,
}

enum Atom {
    Char(char),
    Any,
    Set { ranges: Vec<(char, char)>, negated: bool },
    Group(Alternatives),
    Start,
    End,
}

struct Parser<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
}

impl Pattern {
    /// Reads an expression.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { rest: text.chars().peekable() };
        let all = parser.alternatives()?;
        match parser.rest.next() {
            None => Ok(Self(all)),
            Some(c) => Err(format!("unexpected '{c}' in {text}")),
        }
    }

    /// Whether the whole text fits.
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        group(&self.0, &text, 0, &mut |at| at == text.len())
    }
}

impl Parser<'_> {
    fn eat(&mut self, c: char) -> bool {
        self.rest.next_if_eq(&c).is_some()
    }

    fn alternatives(&mut self) -> Result<Alternatives, String> {
        let mut all = vec![vec![]];
        while let Some(&c) = self.rest.peek() {
            match c {
                ')' => break,
                '|' => {
                    self.rest.next();
                    all.push(vec![]);
                }
                _ => {
                    let piece = self.piece()?;
                    all.last_mut().expect("never empty").push(piece);
                }
            }
        }
        Ok(all)
    }

    fn piece(&mut self) -> Result<Piece, String> {
        let atom = match self.rest.next().ok_or("it ends too early")? {
            '.' => Atom::Any,
            '^' => Atom::Start,
            '$' => Atom::End,
            '(' => {
                if self.eat('?') {
                    // `(?:`, `(?^:` and `(?^u:`: flags that change nothing here.
                    while self.rest.next().ok_or("a group does not end")? != ':' {}
                }
                let inner = self.alternatives()?;
                if !self.eat(')') {
                    return Err("a group does not end".into());
                }
                Atom::Group(inner)
            }
            '[' => self.set()?,
            '\\' => match class(self.rest.next().ok_or("it ends with a backslash")?) {
                Ok(ranges) => Atom::Set { ranges, negated: false },
                Err(c) => Atom::Char(c),
            },
            c => Atom::Char(c),
        };
        let (min, max) = match self.rest.peek() {
            Some('*') => (0, usize::MAX),
            Some('+') => (1, usize::MAX),
            Some('?') => (0, 1),
            Some('{') => {
                self.rest.next();
                let mut text = String::new();
                while !matches!(self.rest.peek(), Some('}') | None) {
                    text.extend(self.rest.next());
                }
                let bound = |text: &str, or: usize| if text.is_empty() { Ok(or) } else { text.parse() };
                let (min, max) = text.split_once(',').unwrap_or((&text, &text));
                match (bound(min, 0), bound(max, usize::MAX)) {
                    (Ok(min), Ok(max)) => (min, max),
                    _ => return Err(format!("{{{text}}} is no number of times")),
                }
            }
            _ => return Ok(Piece { atom, min: 1, max: 1 }),
        };
        self.rest.next();
        Ok(Piece { atom, min, max })
    }

    fn set(&mut self) -> Result<Atom, String> {
        let negated = self.eat('^');
        let mut ranges = vec![];
        loop {
            let mut from = match self.rest.next().ok_or("a set does not end")? {
                ']' => return Ok(Atom::Set { ranges, negated }),
                c => c,
            };
            if from == '\\' {
                let escaped = self.rest.next().ok_or("a set does not end")?;
                if escaped == 'x' {
                    let hex: String = self.rest.by_ref().take(2).collect();
                    from = u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32).ok_or("bad \\x")?;
                } else {
                    match class(escaped) {
                        Ok(class) => {
                            ranges.extend(class);
                            continue;
                        }
                        Err(c) => from = c,
                    }
                }
            }
            let mut ahead = self.rest.clone();
            if ahead.next() == Some('-') && !matches!(ahead.peek(), Some(']') | None) {
                self.rest.next();
                let mut to = self.rest.next().ok_or("a set does not end")?;
                if to == '\\' {
                    to = self.rest.next().ok_or("a set does not end")?;
                    if to == 'x' {
                        let hex: String = self.rest.by_ref().take(2).collect();
                        to = u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32).ok_or("bad \\x")?;
                    }
                }
                ranges.push((from, to));
            } else {
                ranges.push((from, from));
            }
        }
    }
}

/// The characters of `\d`, `\w` and `\s`, or the escaped character itself.
fn class(c: char) -> Result<Vec<(char, char)>, char> {
    match c {
        'd' => Ok(vec![('0', '9')]),
        'w' => Ok(vec![('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')]),
        's' => Ok(vec![(' ', ' '), ('\t', '\r')]),
        'n' => Err('\n'),
        't' => Err('\t'),
        '0' => Err('\0'),
        c => Err(c),
    }
}

fn group(all: &Alternatives, text: &[char], at: usize, then: &mut dyn FnMut(usize) -> bool) -> bool {
    all.iter().any(|pieces| sequence(pieces, text, at, then))
}

fn sequence(pieces: &[Piece], text: &[char], at: usize, then: &mut dyn FnMut(usize) -> bool) -> bool {
    match pieces.split_first() {
        None => then(at),
        Some((piece, rest)) => repeat(piece, 0, rest, text, at, then),
    }
}

fn repeat(
    piece: &Piece,
    done: usize,
    rest: &[Piece],
    text: &[char],
    at: usize,
    then: &mut dyn FnMut(usize) -> bool,
) -> bool {
    if done < piece.max
        && once(&piece.atom, text, at, &mut |next| {
            // A group that matched nothing would be repeated for ever.
            (next > at || done < piece.min) && repeat(piece, done + 1, rest, text, next, then)
        })
    {
        return true;
    }
    done >= piece.min && sequence(rest, text, at, then)
}

fn once(atom: &Atom, text: &[char], at: usize, then: &mut dyn FnMut(usize) -> bool) -> bool {
    let fits = match (atom, text.get(at)) {
        (Atom::Group(all), _) => return group(all, text, at, then),
        (Atom::Start, _) => return at == 0 && then(at),
        (Atom::End, _) => return at == text.len() && then(at),
        (_, None) => false,
        (Atom::Any, Some(_)) => true,
        (Atom::Char(wanted), Some(c)) => wanted == c,
        (Atom::Set { ranges, negated }, Some(c)) => ranges.iter().any(|(a, b)| (a..=b).contains(&c)) != *negated,
    };
    fits && then(at + 1)
}

#[test]
fn patterns() {
    for (pattern, good, bad) in [
        (r"\d+[MG]?", vec!["5", "12G"], vec!["", "G", "5K", "5GG"]),
        (r"(ide|sata|scsi|virtio)\d+", vec!["ide0", "virtio15"], vec!["ide", "xide0", "net0"]),
        (r"(?^:\d+(?:-\d+)?(?:;\d+(?:-\d+)?)*)", vec!["1", "10;20-30"], vec!["10;", "a"]),
        (r"(?:[a-fA-F0-9]{8}(?:-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}|[01])", vec!["1"], vec!["2", "10"]),
        (r"[A-Za-z0-9\-_\s]{,16}", vec!["", "a b-c_"], vec!["a.b", "01234567890123456"]),
        (r"(/dev/[^,]+|socket)", vec!["socket", "/dev/x"], vec!["/dev/", "/dev/a,b"]),
        (r"(?^:^(0x)[0-9a-fA-F]{16})", vec!["0x0123456789abcdef"], vec!["0x01"]),
        (r"[^\x00-\x08\x0a-\x1F\x7F]+", vec!["a\tb"], vec!["a\nb"]),
    ] {
        let parsed = Pattern::parse(pattern).expect(pattern);
        good.iter().for_each(|text| assert!(parsed.matches(text), "{pattern} should fit {text:?}"));
        bad.iter().for_each(|text| assert!(!parsed.matches(text), "{pattern} should not fit {text:?}"));
    }
}
