//! Tags of guests: how the cluster wants them shown, and who may use which.

use std::collections::BTreeMap;

use compact_str::CompactString;
use serde_json::Value;

use super::{json, request::Request};

/// Red, green and blue.
pub type Rgb = (u8, u8, u8);

/// How tags are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Style {
    /// Colours that the cluster gives to tags: background, and text if that is given, too.
    pub colours: BTreeMap<CompactString, (Rgb, Option<Rgb>)>,
    /// Sorted, or as they are written.
    pub sorted: bool,
    /// Tags that differ only in case are different ones.
    pub case_sensitive: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self { colours: BTreeMap::new(), sorted: true, case_sensitive: false }
    }
}

/// Which tags somebody may use who can't change the cluster (`Sys.Modify` on `/`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Allow {
    /// Any.
    #[default]
    Free,
    /// Those that a guest has already, and the listed ones.
    Existing,
    /// The listed ones.
    List,
    /// None.
    Nothing,
}

/// What the cluster says about tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// How they are shown.
    pub style: Style,
    /// What users may set and remove; `None` when one may not read it.
    pub allow: Option<Allow>,
    /// The list for [`Allow::Existing`] and [`Allow::List`].
    pub listed: Vec<CompactString>,
    /// Tags that only they may use who can change the cluster.
    pub registered: Vec<CompactString>,
    /// Those that the user may use, as far as the server knows them.
    pub allowed: Vec<CompactString>,
}

/// `GET /cluster/options`: what it says about tags. Style and allowed tags are for everybody, the rest needs `Sys.Audit`.
pub fn settings() -> Request<Settings> {
    Request::<Value>::get("/cluster/options").read_by(|body| {
        let options = Request::<Value>::get("/cluster/options").decode(body)?;
        Ok(read(&options))
    })
}

fn read(options: &Value) -> Settings {
    let part = |outer: &str, key: &str| {
        let value = options.get(outer)?;
        match value.as_str() {
            // Older servers give the property string.
            Some(text) => {
                text.split(',').find_map(|p| Some(p.split_once('=')?).filter(|(k, _)| *k == key)?.1.to_owned().into())
            }
            None => value.get(key).map(text_of),
        }
    };
    let list = |value: Option<&Value>| match value {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(CompactString::from).collect(),
        Some(Value::String(text)) => json::split(text).map(CompactString::from).collect(),
        _ => vec![],
    };
    let colours = part("tag-style", "color-map").unwrap_or_default();
    let style = Style {
        colours: colours.split(';').filter_map(colour).collect(),
        sorted: part("tag-style", "ordering").is_none_or(|o| o != "config"),
        case_sensitive: part("tag-style", "case-sensitive").is_some_and(|on| matches!(on.as_str(), "1" | "true")),
    };
    let allow = part("user-tag-access", "user-allow").map(|word| match word.as_str() {
        "none" => Allow::Nothing,
        "list" => Allow::List,
        "existing" => Allow::Existing,
        _ => Allow::Free,
    });
    let listed = match options.get("user-tag-access").and_then(|a| a.get("user-allow-list")) {
        Some(value) => list(Some(value)),
        None => vec![],
    };
    let (registered, allowed) = (list(options.get("registered-tags")), list(options.get("allowed-tags")));
    Settings { style, allow, listed, registered, allowed }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `web:ff0000` or `web:ff0000:ffffff`.
fn colour(entry: &str) -> Option<(CompactString, (Rgb, Option<Rgb>))> {
    let mut parts = entry.split(':');
    let (tag, back) = (parts.next()?.trim(), rgb(parts.next()?)?);
    Some((tag.into(), (back, parts.next().and_then(rgb))))
}

fn rgb(hex: &str) -> Option<Rgb> {
    let n = u32::from_str_radix(hex.trim(), 16).ok().filter(|_| hex.trim().len() == 6)?;
    Some(((n >> 16) as u8, (n >> 8) as u8, n as u8))
}

/// The tags of a list, which is separated by `;`, blanks or commas.
pub fn split(list: &str) -> impl Iterator<Item = &str> {
    list.split([';', ',', ' ']).filter(|tag| !tag.is_empty())
}

impl Style {
    /// Background and text of a tag: the cluster's choice, or the one that the web UI makes of its letters.
    pub fn paint(&self, tag: &str) -> (Rgb, Rgb) {
        let (back, text) = self.colours.get(tag).copied().unwrap_or_else(|| (of_letters(tag), None));
        (back, text.unwrap_or_else(|| readable_on(back)))
    }

    /// The tags in the order in which they are to be shown.
    pub fn ordered<'t>(&self, list: &'t str) -> Vec<&'t str> {
        let mut tags: Vec<&str> = split(list).collect();
        if self.sorted {
            tags.sort_by_key(|tag| tag.to_lowercase());
        }
        tags
    }

    /// Whether two are the same tag.
    pub fn same(&self, a: &str, b: &str) -> bool {
        if self.case_sensitive { a == b } else { a.eq_ignore_ascii_case(b) }
    }
}

impl Settings {
    /// Why a tag may not be set or removed by somebody who can't change the cluster, as far as that is known.
    pub fn refuse(&self, tag: &str, existing: impl Fn(&str) -> bool) -> Option<String> {
        let among = |list: &[CompactString]| list.iter().any(|known| self.style.same(known, tag));
        if among(&self.registered) {
            return Some(format!("\"{tag}\" is registered: only who has Sys.Modify on / may set and remove it"));
        }
        let fine = match self.allow? {
            Allow::Free => true,
            Allow::Existing => existing(tag) || among(&self.listed),
            Allow::List => among(&self.listed),
            Allow::Nothing => false,
        };
        let rule = match self.allow? {
            Allow::Existing => "only existing tags may be used here".to_owned(),
            Allow::Nothing => "nobody but administrators may change tags here".to_owned(),
            _ => format!("allowed here are only: {}", self.listed.join(", ")),
        };
        (!fine).then(|| format!("\"{tag}\": {rule}"))
    }
}

/// The colour that the web UI gives to a word, pale as on white.
fn of_letters(word: &str) -> Rgb {
    let mut hash: i32 = 0;
    for unit in format!("{word}prox").encode_utf16() {
        hash = i32::from(unit).wrapping_add(hash.wrapping_shl(5).wrapping_sub(hash));
    }
    let pale = |n: i32| (f64::from(n & 255) * 0.7 + 255.0 * 0.3).round() as u8;
    (pale(hash), pale(hash >> 8), pale(hash >> 16))
}

/// Black or white, whichever is read better on a colour.
fn readable_on(back: Rgb) -> Rgb {
    let light = |n: u8| (f64::from(n) / 255.0).powf(2.4);
    let mut bright = light(back.0) * 0.212_672_9 + light(back.1) * 0.715_152_2 + light(back.2) * 0.072_175;
    if bright <= 0.022 {
        bright += (0.022 - bright).powf(1.414);
    }
    let (with_white, with_black) = (bright.powf(0.65) - 1.0, bright.powf(0.56) - 0.046_134_502);
    if with_white.abs() >= with_black.abs() { (255, 255, 255) } else { (0, 0, 0) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(options: &str) -> Settings {
        settings().decode(format!(r#"{{"data":{options}}}"#).as_bytes()).unwrap()
    }

    #[test]
    fn what_the_cluster_says() {
        let s =
            of(r#"{"tag-style":{"color-map":"prod:ff0000:ffffff;dev:00ff00","ordering":"config","case-sensitive":1},
            "user-tag-access":{"user-allow":"list","user-allow-list":["web","db"]},
            "registered-tags":["prod"],"allowed-tags":["web","db"]}"#);
        assert_eq!(s.style.paint("prod"), ((255, 0, 0), (255, 255, 255)));
        assert_eq!(s.style.paint("dev"), ((0, 255, 0), (0, 0, 0)));
        assert_eq!(s.style.ordered("b;a"), ["b", "a"]);
        assert!(!s.style.same("A", "a"));
        let why = |tag: &str| s.refuse(tag, |_| true);
        assert!(why("prod").unwrap().contains("Sys.Modify on /"));
        assert_eq!(why("web"), None);
        assert!(why("other").unwrap().contains("web, db"));
        let older = of(r#"{"tag-style":"shape=full,color-map=x:010203","user-tag-access":{"user-allow":"existing"}}"#);
        assert_eq!(older.style.paint("x").0, (1, 2, 3));
        assert_eq!(older.refuse("y", |tag| tag == "y"), None);
        assert!(older.refuse("z", |_| false).is_some());
        // Who may not read the rules is not held up.
        assert_eq!(of("{}").refuse("any", |_| false), None);
        assert_eq!(of("{}").style.ordered("b;A c"), ["A", "b", "c"]);
    }

    #[test]
    fn colours_of_letters_are_those_of_the_web_ui() {
        // From the formula of the web UI, for words of one, several and many letters.
        assert_eq!(of_letters("a"), hash_by_hand("a"));
        assert_eq!(of_letters("production"), hash_by_hand("production"));
        assert_eq!(readable_on((255, 255, 255)), (0, 0, 0));
        assert_eq!(readable_on((20, 20, 90)), (255, 255, 255));
    }

    /// The same with numbers that do not overflow, cut to 32 bits after each step.
    fn hash_by_hand(word: &str) -> Rgb {
        let mut hash: i64 = 0;
        for c in format!("{word}prox").chars() {
            let shifted = i64::from((hash as i32).wrapping_shl(5));
            hash = i64::from((i64::from(c as u32) + shifted - hash) as i32);
        }
        let pale = |n: i64| ((n & 255) as f64 * 0.7 + 76.5).round() as u8;
        (pale(hash), pale(hash >> 8), pale(hash >> 16))
    }
}
