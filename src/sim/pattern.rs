//! The patterns of the schema: Perl's regular expressions, said in the words of `regex-lite`.

use std::collections::HashMap;
use std::sync::{LazyLock, RwLock};

use regex_lite::Regex;

/// Patterns read so far; `None` for one that can't be read.
static KNOWN: LazyLock<RwLock<HashMap<String, Option<Regex>>>> = LazyLock::new(RwLock::default);

/// Does the whole `text` match `pattern`? A pattern that can't be read matches everything.
pub fn matches(pattern: &str, text: &str) -> bool {
    if let Ok(known) = KNOWN.read()
        && let Some(regex) = known.get(pattern)
    {
        return regex.as_ref().is_none_or(|r| r.is_match(text));
    }
    let regex = compile(pattern);
    let hit = regex.as_ref().is_none_or(|r| r.is_match(text));
    if let Ok(mut known) = KNOWN.write() {
        known.insert(pattern.to_owned(), regex);
    }
    hit
}

/// Reads a Perl pattern for whole texts. `None` when it uses what isn't understood here, such as look-around.
pub fn compile(pattern: &str) -> Option<Regex> {
    Regex::new(&format!("^(?:{})$", translate(pattern))).ok()
}

/// Perl's forms that the crate doesn't know: `(?^i:` (default flags, then these), `(?>` (atomic: the same language where
/// nothing follows that it could give back to), `{,n}` and `\0`.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let forms =
            [("(?^:", "(?-i:"), ("(?^u:", "(?-i:"), ("(?^i:", "(?i:"), ("(?>", "(?:"), ("{,", "{0,"), ("\\0", "\\x00")];
        if let Some((perl, ours)) = forms.iter().find(|(perl, _)| rest.starts_with(perl)) {
            out.push_str(ours);
            rest = &rest[perl.len()..];
            continue;
        }
        // an escaped character goes over with its backslash, so that `\\0` isn't taken for `\0`
        let mut length = c.len_utf8();
        if c == '\\' {
            length += rest[1..].chars().next().map_or(0, char::len_utf8);
        }
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out
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
        assert!(matches(r"(?^:(?:\w+=[^\0]*)(?:\0\w+=[^\0]*)*)", "a=1\0b=2"));
        assert!(!matches(r"\d+\\0", "1\0"));
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
        let bad: Vec<_> = all.iter().filter(|p| compile(p).is_none()).collect();
        assert!(all.len() > 30 && bad.is_empty(), "{bad:?}");
    }
}
