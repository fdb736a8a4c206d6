//! What is wrong with a configuration file, and where.

use std::{fmt, ops::Range};

/// A mistake in the file. It never repeats a value, which may be a secret at the wrong place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub text: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.text)
    }
}

impl Mistake {
    /// A mistake at a place in the text, given in bytes.
    pub fn at(text: &str, span: &Range<usize>, words: impl Into<String>) -> Self {
        let (line, column) = place(text, span.start);
        Self { line, column, text: words.into() }
    }
}

/// Line and column of an offset in bytes, both counted from 1, columns in characters.
pub fn place(text: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let start = before.rfind('\n').map_or(0, |i| i + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

/// The name that was probably meant: one that is near enough.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase().replace('-', "_");
    let far = (wrong.chars().count() / 3).max(1) + 1;
    let scored = known.into_iter().map(|name| {
        let plain = name.to_lowercase().replace('-', "_");
        (strsim::damerau_levenshtein(&wrong, &plain), name)
    });
    scored.filter(|(distance, _)| *distance <= far).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// `; did you mean "x"?`, or which names there are.
pub fn hint<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(wrong, known.iter().copied()) {
        Some(name) => format!("; did you mean \"{name}\"?"),
        None if known.is_empty() || known.len() > 30 => String::new(),
        None => format!("; there are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters() {
        let text = "a = 1\nä = \"öx\"\r\nend";
        assert_eq!(place(text, 0), (1, 1));
        assert_eq!(place(text, text.find('x').unwrap_or(0)), (2, 7));
        assert_eq!(place(text, text.find("end").unwrap_or(0)), (3, 1));
        assert_eq!(place(text, 10_000), (3, 4));
        assert_eq!(place("ä", 1), (1, 1));
    }

    #[test]
    fn nearest_names() {
        let known = ["host", "user", "read_only", "fingerprint", "refresh"];
        assert_eq!(nearest("hots", known), Some("host"));
        assert_eq!(nearest("Read-Only", known), Some("read_only"));
        assert_eq!(nearest("finger_print", known), Some("fingerprint"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(hint("zzz", ["a", "b"]), "; there are a, b");
    }
}
