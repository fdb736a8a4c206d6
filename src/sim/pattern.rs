//! The patterns of the schema (a plain subset of Perl's regular expressions), matched by backtracking.

/// One thing to match.
#[derive(Debug)]
enum Node {
    Class { not: bool, ranges: Vec<(char, char)> },
    Start,
    End,
    Group(Vec<Vec<Node>>),
    Repeat { node: Box<Node>, min: u32, max: u32 },
}

/// A compiled pattern.
#[derive(Debug)]
pub struct Pattern {
    branches: Vec<Vec<Node>>,
    fold: bool,
}

/// Does the whole `text` match `pattern`? A pattern that can't be read matches everything.
pub fn matches(pattern: &str, text: &str) -> bool {
    Pattern::new(pattern).is_none_or(|p| p.matches(text))
}

impl Pattern {
    /// Reads a pattern; `None` when it uses what isn't understood here.
    pub fn new(pattern: &str) -> Option<Self> {
        let chars: Vec<char> = pattern.chars().collect();
        let mut reader = Reader { chars: &chars, at: 0, fold: false };
        let branches = reader.alternatives()?;
        (reader.at == chars.len()).then_some(Self { branches, fold: reader.fold })
    }

    /// Does the whole text match?
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let end = text.len();
        let matcher = Matcher { text: &text, fold: self.fold };
        self.branches.iter().any(|b| matcher.sequence(b, 0, &mut |at| at == end))
    }
}

struct Reader<'a> {
    chars: &'a [char],
    at: usize,
    fold: bool,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn eat(&mut self, c: char) -> bool {
        let hit = self.peek() == Some(c);
        self.at += usize::from(hit);
        hit
    }

    fn alternatives(&mut self) -> Option<Vec<Vec<Node>>> {
        let mut branches = vec![Vec::new()];
        while let Some(c) = self.peek() {
            match c {
                ')' => break,
                '|' => {
                    self.at += 1;
                    branches.push(Vec::new());
                }
                _ => {
                    let node = self.atom()?;
                    let node = self.repeat(node)?;
                    branches.last_mut()?.push(node);
                }
            }
        }
        Some(branches)
    }

    fn atom(&mut self) -> Option<Node> {
        Some(match self.take()? {
            '(' => {
                if self.eat('?') {
                    // (?:..), (?^:..), (?^i:..); look-around isn't understood
                    loop {
                        match self.take()? {
                            ':' => break,
                            'i' => self.fold = true,
                            '^' | 'u' | 'x' => {}
                            _ => return None,
                        }
                    }
                }
                let branches = self.alternatives()?;
                if !self.eat(')') {
                    return None;
                }
                Node::Group(branches)
            }
            '[' => self.class()?,
            '.' => Node::Class { not: true, ranges: vec![('\n', '\n')] },
            '^' => Node::Start,
            '$' => Node::End,
            '\\' => {
                let (not, ranges) = self.escape()?;
                Node::Class { not, ranges }
            }
            c => Node::Class { not: false, ranges: vec![(c, c)] },
        })
    }

    fn escape(&mut self) -> Option<(bool, Vec<(char, char)>)> {
        let word = vec![('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')];
        let blank = vec![(' ', ' '), ('\t', '\r')];
        Some(match self.take()? {
            'd' => (false, vec![('0', '9')]),
            'D' => (true, vec![('0', '9')]),
            'w' => (false, word),
            'W' => (true, word),
            's' => (false, blank),
            'S' => (true, blank),
            'n' => (false, vec![('\n', '\n')]),
            't' => (false, vec![('\t', '\t')]),
            '0' => (false, vec![('\0', '\0')]),
            'x' => {
                let digits: String = [self.take()?, self.take()?].iter().collect();
                let c = char::from(u8::from_str_radix(&digits, 16).ok()?);
                (false, vec![(c, c)])
            }
            c if c.is_ascii_alphanumeric() => return None,
            c => (false, vec![(c, c)]),
        })
    }

    fn class(&mut self) -> Option<Node> {
        let not = self.eat('^');
        let mut ranges = Vec::new();
        let mut first = true;
        loop {
            let c = self.take()?;
            if c == ']' && !first {
                break;
            }
            first = false;
            let low = if c == '\\' {
                let (negated, mut set) = self.escape()?;
                if negated || set.len() != 1 || set[0].0 != set[0].1 {
                    if negated {
                        return None;
                    }
                    ranges.append(&mut set);
                    continue;
                }
                set[0].0
            } else {
                c
            };
            let more = self.chars.get(self.at + 1).is_some_and(|c| *c != ']');
            if self.peek() == Some('-') && more {
                self.at += 1;
                let high = match self.take()? {
                    '\\' => self.escape()?.1.first()?.0,
                    c => c,
                };
                ranges.push((low, high));
            } else {
                ranges.push((low, low));
            }
        }
        Some(Node::Class { not, ranges })
    }

    fn repeat(&mut self, node: Node) -> Option<Node> {
        let (min, max) = match self.peek() {
            Some('*') => (0, u32::MAX),
            Some('+') => (1, u32::MAX),
            Some('?') => (0, 1),
            Some('{') => {
                let close = self.chars[self.at..].iter().position(|c| *c == '}')? + self.at;
                let inner: String = self.chars[self.at + 1..close].iter().collect();
                self.at = close;
                match inner.split_once(',') {
                    None => (inner.parse().ok()?, inner.parse().ok()?),
                    Some((low, "")) => (low.parse().ok()?, u32::MAX),
                    Some((low, high)) => (low.parse().unwrap_or(0), high.parse().ok()?),
                }
            }
            _ => return Some(node),
        };
        self.at += 1;
        self.eat('?'); // lazy: the same language when the whole text must match
        Some(Node::Repeat { node: Box::new(node), min, max })
    }
}

struct Matcher<'a> {
    text: &'a [char],
    fold: bool,
}

impl Matcher<'_> {
    fn sequence(&self, nodes: &[Node], at: usize, then: &mut dyn FnMut(usize) -> bool) -> bool {
        let Some((first, rest)) = nodes.split_first() else {
            return then(at);
        };
        self.one(first, at, &mut |next| self.sequence(rest, next, then))
    }

    fn one(&self, node: &Node, at: usize, then: &mut dyn FnMut(usize) -> bool) -> bool {
        match node {
            Node::Start => at == 0 && then(at),
            Node::End => at == self.text.len() && then(at),
            Node::Class { not, ranges } => {
                let Some(c) = self.text.get(at).copied() else { return false };
                let inside = |c: char| ranges.iter().any(|(low, high)| (*low..=*high).contains(&c));
                let hit = inside(c) || self.fold && (inside(c.to_ascii_lowercase()) || inside(c.to_ascii_uppercase()));
                hit != *not && then(at + 1)
            }
            Node::Group(branches) => branches.iter().any(|b| self.sequence(b, at, then)),
            Node::Repeat { node, min, max } => self.many(node, *min, *max, at, then),
        }
    }

    fn many(&self, node: &Node, min: u32, max: u32, at: usize, then: &mut dyn FnMut(usize) -> bool) -> bool {
        if max > 0 {
            let more = self.one(node, at, &mut |next| {
                next > at
                    && self.many(
                        node,
                        min.saturating_sub(1),
                        max.saturating_sub(u32::from(max != u32::MAX)),
                        next,
                        then,
                    )
            });
            if more {
                return true;
            }
        }
        min == 0 && then(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_the_schema() {
        assert!(matches(r"(?^:^(0x)[0-9a-fA-F]{16})", "0x0123456789abcdef"));
        assert!(!matches(r"(?^:^(0x)[0-9a-fA-F]{16})", "0x0123"));
        assert!(matches(r"(?^i:[a-z0-9_][a-z0-9_\-\+\.]*)(?:;(?^i:[a-z0-9_]+))*", "Web;db"));
        assert!(!matches(r"\+?\d+(\.\d+)?[KMGT]?", "1X"));
        assert!(matches(r"\+?\d+(\.\d+)?[KMGT]?", "+1.5G"));
        assert!(matches(r"[A-Za-z0-9\-_\s]{,8}", "ab cd"));
        assert!(!matches(r"[A-Za-z0-9\-_\s]{,8}", "abcdefghi"));
        assert!(matches(r"(now|\d{4}-\d{1,2}-\d{1,2}(T\d{1,2}:\d{1,2}:\d{1,2})?)", "2026-01-02T10:00:00"));
    }

    #[test]
    fn all_patterns_of_the_table_are_understood() {
        let raw = include_str!("../../assets/sim/methods.json");
        let table: serde_json::Value = serde_json::from_str(raw).unwrap_or_default();
        let mut all = Vec::new();
        fn walk(value: &serde_json::Value, out: &mut Vec<String>) {
            match value {
                serde_json::Value::Object(map) => {
                    for (key, value) in map {
                        match value.as_str() {
                            Some(text) if key == "pattern" => out.push(text.into()),
                            _ => walk(value, out),
                        }
                    }
                }
                serde_json::Value::Array(list) => list.iter().for_each(|v| walk(v, out)),
                _ => {}
            }
        }
        walk(&table["specs"], &mut all);
        let bad: Vec<_> = all.iter().filter(|p| Pattern::new(p).is_none()).collect();
        assert!(all.len() > 30 && bad.is_empty(), "{bad:?}");
    }
}
