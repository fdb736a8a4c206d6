//! What is typed after `/`: words that must all occur, `!` for the opposite, `key:value` for a property, `"two words"`
//! as one, `-f text` for fuzzy. Case doesn't matter.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// A parsed filter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    text: String,
    terms: Vec<Term>,
    fuzzy: Option<Pattern>,
}

#[derive(Clone, Debug)]
struct Term {
    not: bool,
    /// The whole word in small letters.
    word: String,
    /// The word split at its first colon: property and value, both in small letters and not empty.
    property: Option<(String, String)>,
}

impl Filter {
    /// Reads a filter; every text is valid.
    pub fn parse(text: &str) -> Self {
        let trimmed = text.trim();
        if let Some(pattern) = trimmed.strip_prefix("-f").filter(|rest| rest.is_empty() || rest.starts_with(' ')) {
            let pattern = pattern.trim();
            let fuzzy =
                (!pattern.is_empty()).then(|| Pattern::parse(pattern, CaseMatching::Ignore, Normalization::Smart));
            return Self { text: text.to_owned(), terms: Vec::new(), fuzzy };
        }
        Self { text: text.to_owned(), terms: words(trimmed).into_iter().filter_map(Term::parse).collect(), fuzzy: None }
    }

    /// The text as typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// True when everything passes.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty() && self.fuzzy.is_none()
    }

    /// A matcher to test many rows with; keeps its buffers.
    pub fn matcher(&self) -> FilterMatcher<'_> {
        FilterMatcher {
            filter: self,
            matcher: self.fuzzy.as_ref().map(|_| Matcher::new(Config::DEFAULT)),
            chars: Vec::new(),
        }
    }
}

fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    words
}

impl Term {
    fn parse(word: String) -> Option<Self> {
        let (not, word) = match word.strip_prefix('!') {
            Some(rest) => (true, rest.to_lowercase()),
            None => (false, word.to_lowercase()),
        };
        let property = word
            .split_once(':')
            .filter(|(key, value)| !key.is_empty() && !value.is_empty())
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        (!word.is_empty()).then_some(Self { not, word, property })
    }
}

/// Tests rows against a [`Filter`].
pub struct FilterMatcher<'a> {
    filter: &'a Filter,
    matcher: Option<Matcher>,
    chars: Vec<char>,
}

impl FilterMatcher<'_> {
    /// True when a row passes. `hay` is the row's searchable text **in small letters**; `property` answers
    /// `key:value` terms and returns `None` for keys that it doesn't know (the term is then searched as text).
    pub fn matches(&mut self, hay: &str, property: impl Fn(&str, &str) -> Option<bool>) -> bool {
        if let (Some(pattern), Some(matcher)) = (&self.filter.fuzzy, &mut self.matcher) {
            return pattern.score(Utf32Str::new(hay, &mut self.chars), matcher).is_some();
        }
        self.filter.terms.iter().all(|term| {
            let found = term
                .property
                .as_ref()
                .and_then(|(key, value)| property(key, value))
                .unwrap_or_else(|| hay.contains(&term.word));
            found != term.not
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(filter: &str, hay: &str) -> bool {
        let filter = Filter::parse(filter);
        let property = |key: &str, value: &str| (key == "node").then_some(value == "pve1");
        filter.matcher().matches(hay, property)
    }

    #[test]
    fn words_inverse_properties_and_quotes() {
        let hay = "104 web-01 running prod time 10:20";
        for (filter, expected) in [
            ("", true),
            ("web prod", true),
            ("WEB", true),
            ("web test", false),
            ("!test web", true),
            ("!web", false),
            ("node:pve1", true),
            ("node:pve2", false),
            ("!node:pve2 web", true),
            ("10:20", true),
            ("10:21", false),
            ("\"prod time\"", true),
            ("\"time prod\"", false),
            ("!", true),
            ("node:", false),
        ] {
            assert_eq!(passes(filter, hay), expected, "{filter}");
        }
    }

    #[test]
    fn fuzzy_finds_letters_in_order() {
        assert!(passes("-f wb1", "web-01"));
        assert!(!passes("-f 1bw", "web-01"));
        assert!(passes("-f", "web-01"));
        assert!(Filter::parse("-f ").is_empty());
        assert!(passes("-foo", "a-foo"));
    }
}
