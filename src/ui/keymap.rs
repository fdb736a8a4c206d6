//! Keys as text (`"ctrl-s"`, `"shift-tab"`, `"f2"`, `"Delete"`, `"x"`) and the map from commands to keys.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// A key press in one canonical form, because terminals differ in how they report the same press.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    code: KeyCode,
    mods: KeyModifiers,
}

/// Names of the keys that aren't characters; the first name of a code is the one that is printed.
const NAMES: [(&str, KeyCode); 22] = [
    ("Enter", KeyCode::Enter),
    ("Return", KeyCode::Enter),
    ("Esc", KeyCode::Esc),
    ("Escape", KeyCode::Esc),
    ("Tab", KeyCode::Tab),
    ("Space", KeyCode::Char(' ')),
    ("Backspace", KeyCode::Backspace),
    ("Delete", KeyCode::Delete),
    ("Del", KeyCode::Delete),
    ("Insert", KeyCode::Insert),
    ("Ins", KeyCode::Insert),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
    ("PgUp", KeyCode::PageUp),
    ("PageUp", KeyCode::PageUp),
    ("PgDn", KeyCode::PageDown),
    ("PageDown", KeyCode::PageDown),
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
    ("Minus", KeyCode::Char('-')),
];

impl Key {
    /// The canonical form of a code with modifiers.
    pub fn new(code: KeyCode, mods: KeyModifiers) -> Self {
        let mut mods = mods & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT);
        let code = match code {
            // Shift-Tab comes as BackTab, with or without the modifier.
            KeyCode::BackTab => {
                mods |= KeyModifiers::SHIFT;
                KeyCode::Tab
            }
            KeyCode::Char(c) if mods.contains(KeyModifiers::CONTROL) => {
                // Control codes 0x1c to 0x1f are ctrl-\ ctrl-] ctrl-^ ctrl-_, but are reported as digits.
                KeyCode::Char(match c {
                    '4' => '\\',
                    '5' => ']',
                    '6' => '^',
                    '7' => '_',
                    c => c.to_ascii_lowercase(),
                })
            }
            // A capital is shifted anyhow; some terminals say so, some don't, some send the small letter with shift.
            KeyCode::Char(c) => {
                let shifted = mods.contains(KeyModifiers::SHIFT);
                if c != ' ' {
                    mods -= KeyModifiers::SHIFT;
                }
                KeyCode::Char(if shifted && c.is_lowercase() { c.to_uppercase().next().unwrap_or(c) } else { c })
            }
            code => code,
        };
        Self { code, mods }
    }

    /// A plain character.
    pub fn char(c: char) -> Self {
        Self::new(KeyCode::Char(c), KeyModifiers::NONE)
    }

    /// The code in canonical form (Shift-Tab is `Tab` with [`KeyModifiers::SHIFT`]).
    pub fn code(self) -> KeyCode {
        self.code
    }

    /// The modifiers in canonical form (no SHIFT with characters).
    pub fn mods(self) -> KeyModifiers {
        self.mods
    }

    /// True when the event is a press (or repeat) of this key.
    pub fn matches(self, event: &KeyEvent) -> bool {
        event.kind != KeyEventKind::Release && Self::from(*event) == self
    }

    /// An event that this key matches; for tests and for replaying.
    pub fn event(self) -> KeyEvent {
        KeyEvent::new(self.code, self.mods)
    }
}

impl From<KeyEvent> for Key {
    fn from(event: KeyEvent) -> Self {
        Self::new(event.code, event.modifiers)
    }
}

/// A key name that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a key; write e.g. \"x\", \"X\", \"ctrl-s\", \"alt-Enter\", \"shift-tab\", \"f2\", \"Delete\", \"PgDn\""
)]
pub struct KeyError(String);

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let error = || KeyError(text.to_owned());
        let mut mods = KeyModifiers::NONE;
        let mut rest = text;
        // "-" and "+" may be the key itself, so a modifier needs something behind it.
        while let Some((name, after)) =
            rest.split_once(['-', '+']).filter(|(n, after)| !n.is_empty() && !after.is_empty())
        {
            mods |= match name.to_ascii_lowercase().as_str() {
                "ctrl" | "control" | "c" => KeyModifiers::CONTROL,
                "alt" | "meta" | "a" | "m" => KeyModifiers::ALT,
                "shift" | "s" => KeyModifiers::SHIFT,
                _ => return Err(error()),
            };
            rest = after;
        }
        let mut chars = rest.chars();
        let code = match (chars.next(), chars.next()) {
            (Some(c), None) => KeyCode::Char(c),
            (Some('f' | 'F'), Some('0'..='9')) => {
                KeyCode::F(rest[1..].parse().ok().filter(|n| (1..=24).contains(n)).ok_or_else(error)?)
            }
            _ => NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(rest)).ok_or_else(error)?.1,
        };
        Ok(Self::new(code, mods))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (modifier, name) in
            [(KeyModifiers::CONTROL, "Ctrl-"), (KeyModifiers::ALT, "Alt-"), (KeyModifiers::SHIFT, "Shift-")]
        {
            if self.mods.contains(modifier) {
                f.write_str(name)?;
            }
        }
        match self.code {
            KeyCode::Char('-') if !self.mods.is_empty() => f.write_str("Minus"),
            KeyCode::Char(c) if c != ' ' => write!(f, "{c}"),
            KeyCode::F(n) => write!(f, "F{n}"),
            code => match NAMES.iter().find(|(_, known)| *known == code) {
                Some((name, _)) => f.write_str(name),
                None => write!(f, "{code:?}"),
            },
        }
    }
}

/// Which keys run which command: the defaults with the user's changes. Command ids look like `"vm.start"`; the part
/// before the dot is the screen they belong to.
#[derive(Clone, Debug, Default)]
pub struct Keymap {
    keys: BTreeMap<String, Vec<Key>>,
}

/// Two commands of one screen on one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The key.
    pub key: Key,
    /// The commands that want it, in the order of their ids.
    pub commands: Vec<String>,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {} is used by {}", self.key, self.commands.join(" and "))
    }
}

/// A mistake in the user's `[keys]`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeymapError {
    /// There is no such command.
    #[error("there is no command {id:?}{}", .similar.as_ref().map(|s| format!("; did you mean {s:?}?")).unwrap_or_default())]
    UnknownCommand {
        /// What was written.
        id: String,
        /// The nearest command, when one is near.
        similar: Option<String>,
    },
    /// The key can't be read.
    #[error("command {id:?}: {source}")]
    Key {
        /// The command.
        id: String,
        /// What is wrong.
        source: KeyError,
    },
}

impl Keymap {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the default keys of a command, e.g. `bind("vm.start", &["s"])`.
    pub fn bind(&mut self, id: &str, keys: &[&str]) -> Result<(), KeymapError> {
        let keys = keys
            .iter()
            .map(|k| k.parse().map_err(|source| KeymapError::Key { id: id.to_owned(), source }))
            .collect::<Result<_, _>>()?;
        self.keys.insert(id.to_owned(), keys);
        Ok(())
    }

    /// Replaces the keys of a known command by the user's; no keys at all unbinds it.
    pub fn rebind(&mut self, id: &str, keys: &[&str]) -> Result<(), KeymapError> {
        if !self.keys.contains_key(id) {
            return Err(KeymapError::UnknownCommand { id: id.to_owned(), similar: self.similar(id) });
        }
        self.bind(id, keys)
    }

    fn similar(&self, id: &str) -> Option<String> {
        let common = |known: &str| known.bytes().zip(id.bytes()).take_while(|(a, b)| a == b).count();
        let verb = id.rsplit('.').next().unwrap_or(id);
        self.keys
            .keys()
            .map(|known| {
                let same_verb = known.rsplit('.').next() == Some(verb);
                (common(known) + if same_verb { 4 } else { 0 }, known)
            })
            .filter(|(score, _)| *score >= 3)
            .max_by_key(|(score, _)| *score)
            .map(|(_, known)| known.clone())
    }

    /// The keys of a command; empty when it is unbound or unknown.
    pub fn keys(&self, id: &str) -> &[Key] {
        self.keys.get(id).map_or(&[], Vec::as_slice)
    }

    /// The first key of a command as text, `""` when it has none; for hints.
    pub fn label(&self, id: &str) -> String {
        self.keys(id).first().map(Key::to_string).unwrap_or_default()
    }

    /// True when the event runs the command.
    pub fn matches(&self, id: &str, event: &KeyEvent) -> bool {
        self.keys(id).iter().any(|key| key.matches(event))
    }

    /// The first of these commands that the event runs.
    pub fn lookup<'a>(&self, event: &KeyEvent, ids: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        ids.into_iter().find(|id| self.matches(id, event))
    }

    /// All commands with their keys, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Key])> {
        self.keys.iter().map(|(id, keys)| (id.as_str(), keys.as_slice()))
    }

    /// Keys that two of these commands share.
    pub fn conflicts_among<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Vec<Conflict> {
        let mut users: HashMap<Key, Vec<String>> = HashMap::new();
        for id in ids {
            for key in self.keys(id) {
                let users = users.entry(*key).or_default();
                if users.iter().all(|known| known != id) {
                    users.push(id.to_owned());
                }
            }
        }
        let mut conflicts: Vec<Conflict> = users
            .into_iter()
            .filter(|(_, commands)| commands.len() > 1)
            .map(|(key, mut commands)| {
                commands.sort();
                Conflict { key, commands }
            })
            .collect();
        conflicts.sort_by(|a, b| a.commands.cmp(&b.commands).then_with(|| a.key.to_string().cmp(&b.key.to_string())));
        conflicts
    }

    /// Keys that two commands of the same screen (the same text before the dot) share.
    pub fn conflicts(&self) -> Vec<Conflict> {
        let mut screens: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for id in self.keys.keys() {
            screens.entry(id.split('.').next().unwrap_or(id)).or_default().push(id);
        }
        screens.into_values().flat_map(|ids| self.conflicts_among(ids)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn key(text: &str) -> Key {
        text.parse().unwrap()
    }

    #[test]
    fn names_are_read_and_printed() {
        for (text, printed) in [
            ("ctrl-s", "Ctrl-s"),
            ("Ctrl-S", "Ctrl-s"),
            ("shift-tab", "Shift-Tab"),
            ("backspace", "Backspace"),
            ("f2", "F2"),
            ("F12", "F12"),
            ("delete", "Delete"),
            ("x", "x"),
            ("X", "X"),
            ("shift-x", "X"),
            ("-", "-"),
            ("+", "+"),
            ("ctrl--", "Ctrl-Minus"),
            ("ctrl-minus", "Ctrl-Minus"),
            ("ctrl-alt-delete", "Ctrl-Alt-Delete"),
            ("ctrl-]", "Ctrl-]"),
            ("space", "Space"),
            ("ctrl-space", "Ctrl-Space"),
            ("f", "f"),
            ("?", "?"),
        ] {
            assert_eq!(key(text).to_string(), printed, "{text}");
            assert_eq!(key(printed), key(text), "{text}");
        }
        for wrong in ["", "hyper-x", "f0", "f25", "ctrl-", "Entr", "fx9"] {
            assert!(wrong.parse::<Key>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn terminals_report_the_same_press_differently() {
        let event = KeyEvent::new;
        for (name, code, mods) in [
            ("G", KeyCode::Char('G'), KeyModifiers::NONE),
            ("G", KeyCode::Char('G'), KeyModifiers::SHIFT),
            ("G", KeyCode::Char('g'), KeyModifiers::SHIFT),
            ("?", KeyCode::Char('?'), KeyModifiers::SHIFT),
            ("shift-tab", KeyCode::BackTab, KeyModifiers::NONE),
            ("shift-tab", KeyCode::BackTab, KeyModifiers::SHIFT),
            ("shift-tab", KeyCode::Tab, KeyModifiers::SHIFT),
            ("ctrl-]", KeyCode::Char('5'), KeyModifiers::CONTROL),
            ("ctrl-\\", KeyCode::Char('4'), KeyModifiers::CONTROL),
            ("ctrl-a", KeyCode::Char('A'), KeyModifiers::CONTROL),
        ] {
            assert!(key(name).matches(&event(code, mods)), "{name} {code:?} {mods:?}");
        }
        assert!(!key("g").matches(&event(KeyCode::Char('G'), KeyModifiers::SHIFT)));
        assert!(!key("s").matches(&event(KeyCode::Char('s'), KeyModifiers::CONTROL)));
        let release = KeyEvent::new_with_kind(KeyCode::Char('s'), KeyModifiers::NONE, KeyEventKind::Release);
        assert!(!key("s").matches(&release));
    }

    #[test]
    fn users_change_and_remove_keys() {
        let mut map = Keymap::new();
        map.bind("vm.start", &["s"]).unwrap();
        map.bind("vm.shutdown", &["S"]).unwrap();
        map.bind("node.shutdown", &["S"]).unwrap();
        assert!(map.conflicts().is_empty());
        map.rebind("vm.start", &["f5", "S"]).unwrap();
        assert_eq!(map.label("vm.start"), "F5");
        let conflicts: Vec<String> = map.conflicts().iter().map(Conflict::to_string).collect();
        assert_eq!(conflicts, ["key S is used by vm.shutdown and vm.start"]);
        map.rebind("vm.start", &[]).unwrap();
        assert!(map.conflicts().is_empty() && map.label("vm.start").is_empty());
        assert_eq!(map.conflicts_among(["vm.shutdown", "node.shutdown"]).len(), 1);
        assert_eq!(
            map.rebind("vm.strt", &["s"]).unwrap_err().to_string(),
            "there is no command \"vm.strt\"; did you mean \"vm.start\"?"
        );
        assert!(
            map.rebind("vm.start", &["hyper-x"])
                .unwrap_err()
                .to_string()
                .starts_with("command \"vm.start\": \"hyper-x\" is not a key")
        );
        let event = key("S").event();
        assert_eq!(map.lookup(&event, ["vm.start", "vm.shutdown"]), Some("vm.shutdown"));
    }

    proptest! {
        #[test]
        fn every_printed_key_reads_back(c in any::<char>(), ctrl: bool, alt: bool, shift: bool) {
            let mut mods = KeyModifiers::NONE;
            for (on, modifier) in [(ctrl, KeyModifiers::CONTROL), (alt, KeyModifiers::ALT), (shift, KeyModifiers::SHIFT)] {
                if on { mods |= modifier }
            }
            let key = Key::new(KeyCode::Char(c), mods);
            prop_assert_eq!(key.to_string().parse::<Key>(), Ok(key));
        }
    }
}
