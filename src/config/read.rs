//! Reads a file: everything that is wrong is found at once, each with its line and column.

use std::{collections::HashMap, ops::Range, time::Duration};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Binding, Config, Given, Profile, Section, VERSION, is_profile_name,
    mistake::{Mistake, hint, place},
    secret::{SecretSource, token_id, user_id},
    setting::{Kind, Place, SETTINGS, Value},
};

/// What the console knows and a file may name.
pub struct Known {
    /// Views by name.
    pub views: Vec<String>,
    /// Commands by id.
    pub commands: Vec<String>,
    /// Roles of the theme.
    pub roles: Vec<String>,
    /// Says what is wrong with the name of a key.
    pub key: fn(&str) -> Result<(), String>,
    /// Says what is wrong with one role of the theme, given as TOML.
    pub style: fn(&str) -> Result<(), String>,
}

type Pair<'a, 'i> = (&'a Spanned<std::borrow::Cow<'i, str>>, &'a Spanned<DeValue<'i>>);

const TABLES: [&str; 6] = ["version", "default_profile", "defaults", "profiles", "keys", "theme"];

/// Names that people write for others of ours, with what to write instead.
const HINTS: &[(&str, &str)] = &[
    ("hosts", "write host = [\"pve1\", \"pve2\"]"),
    (
        "password",
        "a password does not belong into this file: write secret = \"prompt\", { file = ... } or { command = [...] }",
    ),
    (
        "token_secret",
        "a secret does not belong into this file: write secret = \"stored\", { file = ... } or { command = [...] }",
    ),
    (
        "insecure",
        "the check of certificates can only be switched off by the option --insecure; pin the certificate with fingerprint = ...",
    ),
    (
        "verify_ssl",
        "certificates are verified always; pin one with fingerprint = ..., or name an authority with ca_file = ...",
    ),
    ("token_id", "write token = \"user@realm!name\""),
    ("interval", "write refresh = SECONDS"),
    ("ca", "write ca_file = PATH"),
    ("colour", "write frame = COLOUR for the first line, or color = \"256\" for the terminal"),
];

struct Reader<'a> {
    text: &'a str,
    known: &'a Known,
    mistakes: Vec<Mistake>,
}

/// Reads a file's text. What is wrong is left out of the result.
pub fn read(text: &str, known: &Known) -> (Config, Vec<Mistake>) {
    let mut reader = Reader { text, known, mistakes: vec![] };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        reader.wrong(&span, format!("this is not valid TOML: {}", error.message().trim_end().replace('\n', ", ")));
    }
    // After an error of syntax, what follows may be misread: one message is worth more than ten wrong ones.
    let config = if errors.is_empty() { reader.config(table.get_ref()) } else { Config::default() };
    let mut mistakes = reader.mistakes;
    mistakes.sort_by_key(|m| (m.line, m.column));
    (config, mistakes)
}

impl Reader<'_> {
    fn wrong(&mut self, span: &Range<usize>, words: impl Into<String>) {
        self.mistakes.push(Mistake::at(self.text, span, words));
    }

    fn line(&self, span: &Range<usize>) -> usize {
        place(self.text, span.start).0
    }

    /// The pairs of a table; anything else is a mistake.
    fn table<'t, 'i>(&mut self, name: &str, value: &'t Spanned<DeValue<'i>>) -> Vec<Pair<'t, 'i>> {
        match value.get_ref() {
            DeValue::Table(table) => table.iter().collect(),
            _ => {
                self.wrong(&value.span(), format!("{name} must be a table: write it like [{name}]"));
                vec![]
            }
        }
    }

    fn config(&mut self, root: &DeTable) -> Config {
        let mut config = Config::default();
        let mut default = None;
        for (key, value) in root.iter() {
            match key.get_ref().as_ref() {
                "version" => config.version = self.version(value),
                "default_profile" => match value.get_ref().as_str() {
                    Some(name) => default = Some((name.to_owned(), value.span())),
                    None => self.wrong(&value.span(), "default_profile must be the name of a profile"),
                },
                "defaults" => config.defaults = self.section("defaults", value, Place::Defaults),
                "profiles" => {
                    for (name, value) in self.table("profiles", value) {
                        if !is_profile_name(name.get_ref()) {
                            self.wrong(
                                &name.span(),
                                "a profile's name has at most 40 letters, digits, '-', '_' and '.'",
                            );
                            continue;
                        }
                        let line = self.line(&name.span());
                        let full = format!("profiles.{}", name.get_ref());
                        let settings = self.section(&full, value, Place::Profile);
                        self.complete(name, &settings);
                        config.profiles.insert(name.get_ref().to_string(), Profile { line, settings });
                    }
                }
                "keys" => config.keys = self.keys(value),
                "theme" => config.theme = self.theme(value),
                other => {
                    let near = match SETTINGS.iter().find(|s| s.name == other) {
                        Some(s) if s.place == Place::Profile => "; it belongs into a profile: [profiles.NAME]".into(),
                        Some(_) => "; it belongs into [defaults] or a profile".into(),
                        None => hint(other, TABLES),
                    };
                    self.wrong(&key.span(), format!("there is no \"{other}\" at the top of the file{near}"));
                }
            }
        }
        if let Some((name, span)) = default {
            if config.profiles.contains_key(&name) {
                config.default_profile = Some((name, self.line(&span)));
            } else {
                let near = hint(&name, config.profiles.keys().map(String::as_str));
                self.wrong(&span, format!("there is no profile \"{name}\"{near}"));
            }
        }
        config
    }

    fn version(&mut self, value: &Spanned<DeValue>) -> u64 {
        let number = value.get_ref().as_integer().and_then(|n| u64::from_str_radix(n.as_str(), n.radix()).ok());
        match number {
            Some(n) if n <= VERSION => n,
            Some(n) => {
                let words = format!(
                    "the file has version {n}, this program knows up to {VERSION}: it was written by a newer proxmux; use that one, or another file with --config"
                );
                self.wrong(&value.span(), words);
                n
            }
            None => {
                self.wrong(&value.span(), format!("version must be a number; the present one is {VERSION}"));
                0
            }
        }
    }

    fn section(&mut self, name: &str, value: &Spanned<DeValue>, place: Place) -> Section {
        let mut section = Section::new();
        for (key, value) in self.table(name, value) {
            let word = key.get_ref().as_ref();
            let allowed = |p: Place| p == Place::Both || p == place;
            let Some(setting) = SETTINGS.iter().find(|s| s.name == word) else {
                let near = match HINTS.iter().find(|(wrong, _)| *wrong == word) {
                    Some((_, instead)) => format!(": {instead}"),
                    None => hint(word, SETTINGS.iter().filter(|s| allowed(s.place)).map(|s| s.name)),
                };
                self.wrong(&key.span(), format!("[{name}] has no setting \"{word}\"{near}"));
                continue;
            };
            if !allowed(setting.place) {
                let other = if place == Place::Profile { "[defaults]" } else { "a profile" };
                self.wrong(&key.span(), format!("\"{word}\" belongs into {other}"));
                continue;
            }
            match self.value(setting.kind, value) {
                Ok(value) => {
                    let line = self.line(&key.span());
                    section.insert(setting.name, Given { value, line });
                }
                Err((span, why)) => self.wrong(&span, format!("{word}: {why}")),
            }
        }
        section
    }

    fn value(&mut self, kind: Kind, value: &Spanned<DeValue>) -> Result<Value, (Range<usize>, String)> {
        let span = value.span();
        let fail = |why: String| Err((span.clone(), why));
        let read = match value.get_ref() {
            _ if kind == Kind::Secret => return self.secret(value),
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Boolean(yes) => Value::Truth(*yes),
            DeValue::Integer(n) => match u64::from_str_radix(n.as_str(), n.radix()) {
                Ok(n) => Value::Whole(n),
                Err(_) => return fail(format!("it must be {}", kind.wanted())),
            },
            DeValue::Array(items) => {
                let texts = items.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
                match texts.collect() {
                    Some(list) => Value::List(list),
                    None => return fail(format!("it must be {}", kind.wanted())),
                }
            }
            _ => return fail(format!("it must be {}", kind.wanted())),
        };
        if let (Kind::View, Value::Text(view)) = (kind, &read) {
            let wanted = view.to_lowercase();
            if !self.known.views.contains(&wanted) {
                let near = hint(&wanted, self.known.views.iter().map(String::as_str));
                return fail(format!("there is no view \"{view}\"{near}"));
            }
        }
        kind.check(read).or_else(fail)
    }

    fn secret(&mut self, value: &Spanned<DeValue>) -> Result<Value, (Range<usize>, String)> {
        let span = value.span();
        let wanted = || {
            Err((span.clone(), format!("it must be {}; the secret itself does not belong here", Kind::Secret.wanted())))
        };
        let source = match value.get_ref() {
            DeValue::String(word) => match word.as_ref() {
                "prompt" => SecretSource::Prompt,
                "stored" => SecretSource::Stored,
                "keyring" => SecretSource::Keyring,
                _ => return wanted(),
            },
            DeValue::Table(table) => {
                let mut parts: HashMap<&str, &Spanned<DeValue>> = HashMap::new();
                for (key, value) in table.iter() {
                    if !["env", "file", "command", "timeout"].contains(&key.get_ref().as_ref()) {
                        let near = hint(key.get_ref(), ["env", "file", "command", "timeout"]);
                        return Err((key.span(), format!("there is no \"{}\"{near}", key.get_ref())));
                    }
                    parts.insert(key.get_ref().as_ref(), value);
                }
                let timeout = match parts.remove("timeout") {
                    None => SecretSource::TIMEOUT,
                    Some(given) => match self.value(Kind::Whole(1, 600), given) {
                        Ok(Value::Whole(n)) => Duration::from_secs(n),
                        _ => return Err((given.span(), "timeout must be a number of seconds from 1 to 600".into())),
                    },
                };
                if parts.len() != 1 {
                    return Err((span, "exactly one of env, file and command says where the secret is".into()));
                }
                let text = |v: &Spanned<DeValue>| v.get_ref().as_str().filter(|t| !t.is_empty()).map(str::to_owned);
                match (parts.get("env"), parts.get("file"), parts.get("command")) {
                    (Some(name), ..) => match text(name) {
                        Some(name) if !name.contains(['=', ' ']) => SecretSource::Env(name),
                        _ => return Err((name.span(), "env must be the name of a variable".into())),
                    },
                    (_, Some(path), _) => match text(path) {
                        Some(path) => SecretSource::File(path.into()),
                        None => return Err((path.span(), "file must be the path of a file".into())),
                    },
                    (_, _, Some(command)) => {
                        let argv = command.get_ref().as_array();
                        let argv =
                            argv.and_then(|a| a.iter().map(|i| i.get_ref().as_str().map(str::to_owned)).collect());
                        match argv {
                            Some(argv) if !Vec::<String>::is_empty(&argv) => SecretSource::Command { argv, timeout },
                            _ => {
                                let why = "command must be a list of program and arguments, like [\"pass\", \"show\", \"pve\"]: no shell reads it";
                                return Err((command.span(), why.into()));
                            }
                        }
                    }
                    _ => return wanted(),
                }
            }
            _ => return wanted(),
        };
        Ok(Value::Secret(source))
    }

    /// What only shows when all settings of a profile are known.
    fn complete(&mut self, name: &Spanned<std::borrow::Cow<'_, str>>, settings: &Section) {
        let span = name.span();
        let text = |name: &str| settings.get(name).and_then(|g| g.value.text());
        if text("auth") == Some("token") && text("token").is_none() && !text("user").is_some_and(|u| u.contains('!')) {
            self.wrong(&span, "auth = \"token\" needs a token: write token = \"user@realm!name\"");
        }
        if let (Some(token), None) = (text("token"), text("user"))
            && !token.contains('!')
        {
            self.wrong(&span, "the token has no user: write token = \"user@realm!name\", or add user = ...");
        }
        if let (Some(token), Some(user)) = (token_id(settings), user_id(settings))
            && token.split('!').next() != Some(&user)
        {
            self.wrong(&span, format!("the user is {user}, but the token is another's: leave out one of them"));
        }
        if settings.contains_key("fingerprint") && settings.contains_key("ca_file") {
            self.wrong(&span, "fingerprint and ca_file exclude each other: keep one");
        }
    }

    fn keys(&mut self, value: &Spanned<DeValue>) -> Vec<Binding> {
        let mut bindings = vec![];
        for (command, value) in self.table("keys", value) {
            let id = command.get_ref().as_ref();
            if !self.known.commands.iter().any(|known| known == id) {
                let near = match value.get_ref() {
                    // TOML takes keys.guest.start = "s" as nested tables.
                    DeValue::Table(_) => "; put the command into quotes: \"guest.start\" = \"s\"".into(),
                    _ => hint(id, self.known.commands.iter().map(String::as_str)),
                };
                self.wrong(&command.span(), format!("there is no command \"{id}\"{near}"));
                continue;
            }
            let items = match value.get_ref() {
                DeValue::String(text) if text.trim().is_empty() => vec![],
                DeValue::String(text) => vec![(text.to_string(), value.span())],
                DeValue::Array(items) if items.iter().all(|i| i.get_ref().is_str()) => {
                    let text = |i: &Spanned<DeValue>| i.get_ref().as_str().unwrap_or_default().to_owned();
                    items.iter().map(|i| (text(i), i.span())).collect()
                }
                _ => {
                    self.wrong(&value.span(), "keys are texts: \"f5\", or [\"f5\", \"ctrl-r\"], or \"\" for none");
                    continue;
                }
            };
            for (key, span) in &items {
                if let Err(why) = (self.known.key)(key) {
                    self.wrong(span, why);
                }
            }
            let line = self.line(&command.span());
            bindings.push(Binding { command: id.into(), keys: items.into_iter().map(|(k, _)| k).collect(), line });
        }
        bindings
    }

    fn theme(&mut self, value: &Spanned<DeValue>) -> String {
        let mut theme = String::new();
        for (role, value) in self.table("theme", value) {
            let name = role.get_ref().as_ref();
            if !self.known.roles.iter().any(|known| known == name) {
                let near = hint(name, self.known.roles.iter().map(String::as_str));
                self.wrong(&role.span(), format!("the theme has no role \"{name}\"{near}"));
                continue;
            }
            let Some(written) = self.text.get(value.span()) else { continue };
            // A table with a head of its own has no text in one piece.
            let entry = match value.get_ref() {
                DeValue::Table(table) if !written.trim_start().starts_with('{') => {
                    let parts = table
                        .iter()
                        .filter_map(|(k, v)| Some(format!("{} = {}", k.get_ref(), self.text.get(v.span())?)));
                    format!("{name} = {{ {} }}\n", parts.collect::<Vec<_>>().join(", "))
                }
                _ => format!("{name} = {written}\n"),
            };
            match (self.known.style)(&entry) {
                Ok(()) => theme.push_str(&entry),
                Err(why) => self.wrong(&value.span(), why),
            }
        }
        theme
    }
}

#[cfg(test)]
mod tests;
