//! The configuration file: what may stand in it, how it is read, which value counts, and how it is changed.
//!
//! [`mod@read`] and [`edit`] work on text, [`Effective`] decides between command line, environment, file and defaults and
//! remembers where each value came from; only [`mod@file`] and [`vault`] touch the disk. What the console knows (views,
//! commands, roles of the theme) comes in as [`Known`], so that this layer needs none of it.

pub mod edit;
pub mod effective;
pub mod file;
pub mod import;
pub mod mistake;
pub mod read;
pub mod seal;
pub mod secret;
pub mod setting;
pub mod vault;

use std::collections::BTreeMap;

pub use effective::{Effective, Source};
pub use file::{ConfigFile, FileError};
pub use mistake::Mistake;
pub use read::{Known, read};
pub use secret::SecretSource;
pub use setting::{SETTINGS, Setting, Value};

/// The version of the file that this program writes. Older files are migrated, newer ones refused.
pub const VERSION: u64 = 1;

/// A value and the line that it stands in, counted from 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// The value, checked.
    pub value: Value,
    /// Its line.
    pub line: usize,
}

/// Settings by name. Only names of [`SETTINGS`] occur.
pub type Section = BTreeMap<&'static str, Given>;

/// A named cluster, and how to get into it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// Where it begins, counted from 1.
    pub line: usize,
    /// What is set.
    pub settings: Section,
}

impl Profile {
    /// A text among the settings.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.settings.get(name).and_then(|given| given.value.text())
    }

    /// The addresses, each with its port if it has one.
    pub fn hosts(&self) -> Vec<String> {
        self.settings.get("host").map(|given| given.value.list()).unwrap_or_default()
    }

    /// Who logs in: a token's id, else `user@realm`, as far as known.
    pub fn login(&self) -> Option<String> {
        secret::token_id(&self.settings).or_else(|| secret::user_id(&self.settings))
    }
}

/// Another key for a command.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// The command, like `guest.start`.
    pub command: String,
    /// Its keys; none at all unbinds it.
    pub keys: Vec<String>,
    /// Where it stands, counted from 1.
    pub line: usize,
}

/// A whole file, read and checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// The version that the file names; 0 when it names none.
    pub version: u64,
    /// The profile that counts when none is named, and its line.
    pub default_profile: Option<(String, usize)>,
    /// What holds for all profiles.
    pub defaults: Section,
    /// The profiles by name.
    pub profiles: BTreeMap<String, Profile>,
    /// Changed keys.
    pub keys: Vec<Binding>,
    /// The roles of the theme that are changed, as TOML.
    pub theme: String,
}

impl Config {
    /// The profile that counts: the named one, else the default one, else the only one.
    ///
    /// # Errors
    /// When there is no profile of that name; the text names the nearest.
    pub fn choose(&self, name: Option<&str>) -> Result<Option<&str>, String> {
        let default = self.default_profile.as_ref().map(|(name, _)| name.as_str());
        let only = || if self.profiles.len() == 1 { self.profiles.keys().next().map(String::as_str) } else { None };
        let Some(name) = name.or(default).or_else(only) else { return Ok(None) };
        match self.profiles.get_key_value(name) {
            Some((name, _)) => Ok(Some(name)),
            None if self.profiles.is_empty() => Err(format!(
                "there is no profile \"{name}\": none has been written yet. Add one with `proxmux profile add {name} --host ... --user ...`"
            )),
            None => {
                let names: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
                let hint = mistake::nearest(name, names.iter().copied()).map(|n| format!("did you mean \"{n}\"? "));
                let hint = hint.unwrap_or_default();
                Err(format!("there is no profile \"{name}\"; {hint}there are: {}", names.join(", ")))
            }
        }
    }
}

/// What a profile may be called: it becomes a key of the file, the name of a file and an argument.
pub fn is_profile_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 40 && name.chars().all(good) && name.starts_with(|c: char| c.is_alphanumeric())
}
