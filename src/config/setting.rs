//! Every setting that there is, declared once: feeds reading, checking, precedence, `config show` and the documentation.

use std::{path::PathBuf, time::Duration};

use super::secret::SecretSource;
use crate::{
    api::http::{Fingerprint, Target},
    audit::Syslog,
};

/// A value of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Anything that is written as text.
    Text(String),
    /// Several texts.
    List(Vec<String>),
    /// A whole number.
    Whole(u64),
    /// Yes or no.
    Truth(bool),
    /// Where a secret is kept.
    Secret(SecretSource),
}

impl Value {
    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The texts; a single one counts as a list of one.
    pub fn list(&self) -> Vec<String> {
        match self {
            Self::Text(text) => vec![text.clone()],
            Self::List(list) => list.clone(),
            _ => vec![],
        }
    }

    /// As JSON; a secret is only described.
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::List(list) => list.as_slice().into(),
            Self::Whole(n) => (*n).into(),
            Self::Truth(yes) => (*yes).into(),
            Self::Secret(source) => source.to_string().into(),
        }
    }
}

/// For the user; a secret is only described.
impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::List(list) => f.write_str(&list.join(", ")),
            Self::Whole(n) => write!(f, "{n}"),
            Self::Truth(yes) => write!(f, "{yes}"),
            Self::Secret(source) => write!(f, "{source}"),
        }
    }
}

/// What a setting's value has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One server address or several.
    Hosts,
    /// A user, with or without realm.
    User,
    /// A token's id.
    Token,
    /// Any text.
    Text,
    /// The SHA-256 of a certificate.
    Fingerprint,
    /// The path of a file.
    Path,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// One of the console's views.
    View,
    /// A colour.
    Colour,
    /// A whole number between these.
    Whole(u64, u64),
    /// `true` or `false`.
    Truth,
    /// Where a secret is kept.
    Secret,
    /// A syslog.
    Syslog,
    /// A page of a web server.
    Url,
}

/// Where in the file a setting may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In profiles.
    Profile,
    /// In profiles and in `[defaults]`.
    Both,
    /// In `[defaults]`.
    Defaults,
}

/// A setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name in the file.
    pub name: &'static str,
    /// What its value has to be.
    pub kind: Kind,
    /// Where it may stand.
    pub place: Place,
    /// The option of the command line that goes before it; empty: none.
    pub flag: &'static str,
    /// The environment variables that go before it, the more deliberate one first.
    pub env: &'static [&'static str],
    /// What counts when nobody says anything, as text.
    pub default: Option<&'static str>,
    /// What it means, in a sentence.
    pub about: &'static str,
}

impl Setting {
    /// The setting of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|s| s.name == name)
    }
}

const fn setting(
    name: &'static str,
    kind: Kind,
    place: Place,
    flag: &'static str,
    env: &'static [&'static str],
    default: Option<&'static str>,
    about: &'static str,
) -> Setting {
    Setting { name, kind, place, flag, env, default, about }
}

/// All of them, in the order in which they are shown.
pub const SETTINGS: &[Setting] = &[
    setting(
        "host",
        Kind::Hosts,
        Place::Profile,
        "--host",
        &["PVE_HOST"],
        None,
        "The server, or a list of nodes of one cluster: when one can't be reached, the next is tried",
    ),
    setting(
        "port",
        Kind::Whole(1, 65535),
        Place::Both,
        "",
        &["PVE_PORT"],
        Some("8006"),
        "For addresses without a port",
    ),
    setting("user", Kind::User, Place::Profile, "--user", &["PVE_USER"], None, "user@realm"),
    setting("realm", Kind::Text, Place::Both, "", &["PVE_REALM"], None, "The realm of a user without one (pam)"),
    setting(
        "auth",
        Kind::Choice(&["password", "token"]),
        Place::Profile,
        "",
        &[],
        None,
        "How to log in; a profile with a token uses it unless this says password",
    ),
    setting(
        "token",
        Kind::Token,
        Place::Profile,
        "",
        &["PVE_TOKEN_ID"],
        None,
        "The API token: user@realm!name, or name",
    ),
    setting(
        "secret",
        Kind::Secret,
        Place::Profile,
        "",
        &["PVE_TOKEN_SECRET", "PVE_PASSWORD"],
        None,
        "Where password or token secret are kept: prompt, stored, keyring, { env }, { file } or { command }",
    ),
    setting(
        "fingerprint",
        Kind::Fingerprint,
        Place::Profile,
        "--fingerprint",
        &["PVE_FINGERPRINT"],
        None,
        "Trust exactly the certificate with this SHA-256",
    ),
    setting(
        "ca_file",
        Kind::Path,
        Place::Both,
        "--ca-file",
        &[],
        None,
        "Trust the authorities in this PEM file, like a copy of /etc/pve/pve-root-ca.pem",
    ),
    setting(
        "timeout",
        Kind::Whole(1, 3600),
        Place::Both,
        "--timeout",
        &["PROXMUX_TIMEOUT"],
        Some("30"),
        "How many seconds the server may keep silent",
    ),
    setting(
        "read_only",
        Kind::Truth,
        Place::Both,
        "--read-only",
        &["PROXMUX_READ_ONLY"],
        Some("false"),
        "Refuse every change before it is sent",
    ),
    setting(
        "frame",
        Kind::Colour,
        Place::Both,
        "",
        &[],
        None,
        "Colour of the first line, to tell clusters apart: a name like \"light red\", #rrggbb, or 0 to 255",
    ),
    setting(
        "refresh",
        Kind::Whole(1, 3600),
        Place::Both,
        "--refresh",
        &["PROXMUX_REFRESH"],
        Some("5"),
        "Seconds between two refreshes",
    ),
    setting("view", Kind::View, Place::Both, "--view", &["PROXMUX_VIEW"], Some("dashboard"), "The view to begin with"),
    setting(
        "color",
        Kind::Choice(&["auto", "truecolor", "256", "16", "mono"]),
        Place::Defaults,
        "--color",
        &["PROXMUX_COLOR"],
        Some("auto"),
        "How many colours the terminal shows",
    ),
    setting(
        "notify",
        Kind::Choice(&["off", "osc9", "osc777", "bell"]),
        Place::Defaults,
        "--notify",
        &["PROXMUX_NOTIFY"],
        Some("off"),
        "How the terminal is told that a task has ended",
    ),
    setting(
        "ascii",
        Kind::Truth,
        Place::Defaults,
        "--ascii",
        &["PROXMUX_ASCII"],
        Some("false"),
        "Draw with ASCII characters only",
    ),
    setting(
        "mouse",
        Kind::Truth,
        Place::Defaults,
        "--no-mouse",
        &["PROXMUX_MOUSE"],
        Some("true"),
        "Take the mouse from the terminal",
    ),
    setting(
        "remember_user",
        Kind::Truth,
        Place::Defaults,
        "",
        &["PROXMUX_REMEMBER_USER"],
        Some("true"),
        "Remember for each server who has logged in last (the name, nothing secret)",
    ),
    setting(
        "log_file",
        Kind::Path,
        Place::Defaults,
        "--log-file",
        &["PROXMUX_LOG_FILE"],
        None,
        "Append a log to this file",
    ),
    setting(
        "log_level",
        Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
        Place::Defaults,
        "--verbose",
        &["PROXMUX_LOG"],
        Some("info"),
        "How much goes into the log",
    ),
    setting(
        "log_keep",
        Kind::Whole(0, 1000),
        Place::Defaults,
        "",
        &["PROXMUX_LOG_KEEP"],
        Some("7"),
        "How many older log files are kept; a log is put aside when it is larger than 5 MiB",
    ),
    setting(
        "audit_syslog",
        Kind::Syslog,
        Place::Defaults,
        "",
        &["PROXMUX_AUDIT_SYSLOG"],
        None,
        "Send every line of the audit trail to this syslog, too: unix:/dev/log or udp:HOST:514",
    ),
    setting(
        "update_url",
        Kind::Url,
        Place::Defaults,
        "",
        &["PROXMUX_UPDATE_URL"],
        None,
        "The page that `proxmux check --updates` asks for the newest version; nothing else asks it",
    ),
];

impl Kind {
    /// What the value has to be, for messages and the documentation.
    pub fn wanted(self) -> String {
        match self {
            Self::Hosts => "an address like \"pve1\" or \"pve1:8006\", or a list of them".into(),
            Self::User => "a user like \"root@pam\"".into(),
            Self::Token => "a token like \"root@pam!ci\"".into(),
            Self::Text => "a text".into(),
            Self::Fingerprint => "a SHA-256 in hexadecimal (`pvenode cert info` shows it)".into(),
            Self::Path => "the path of a file".into(),
            Self::Choice(words) => {
                format!("one of {}", words.iter().map(|w| format!("\"{w}\"")).collect::<Vec<_>>().join(", "))
            }
            Self::View => "the name of a view".into(),
            Self::Colour => "a colour like \"light red\", \"#rrggbb\", or 0 to 255".into(),
            Self::Whole(least, most) => format!("a whole number from {least} to {most}"),
            Self::Truth => "true or false".into(),
            Self::Syslog => "unix:/dev/log or udp:HOST:514".into(),
            Self::Url => "an address that begins with https://".into(),
            Self::Secret => "\"prompt\", \"stored\", \"keyring\", { env = NAME }, { file = PATH } or { command = [PROGRAM, ARGUMENT] }".into(),
        }
    }

    /// Reads a value that is text, as from the environment.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(self, text: &str) -> Result<Value, String> {
        let text = text.trim();
        match self {
            Self::Whole(..) => {
                let number = text.parse().map_err(|_| format!("it must be {}", self.wanted()))?;
                self.check(Value::Whole(number))
            }
            Self::Truth => match text.to_ascii_lowercase().as_str() {
                "1" | "true" | "yes" | "on" => Ok(Value::Truth(true)),
                "0" | "false" | "no" | "off" => Ok(Value::Truth(false)),
                _ => Err(format!("it must be {}", self.wanted())),
            },
            Self::Hosts if text.contains(',') => {
                self.check(Value::List(text.split(',').map(|h| h.trim().to_owned()).collect()))
            }
            Self::Secret => Err("a secret has no text".into()),
            _ => self.check(Value::Text(text.to_owned())),
        }
    }

    /// Checks a value of the right type.
    ///
    /// # Errors
    /// What would be right. Repeats nothing of the value.
    pub fn check(self, value: Value) -> Result<Value, String> {
        let bad =
            |why: &str| Err(if why.is_empty() { format!("it must be {}", self.wanted()) } else { why.to_owned() });
        let good = match (self, &value) {
            (Self::Hosts, Value::Text(_) | Value::List(_)) => {
                let list = value.list();
                if list.is_empty() {
                    return bad("the list is empty: name at least one server");
                }
                for host in list {
                    host.parse::<Target>().map_err(|e| e.to_string())?;
                }
                true
            }
            (Self::User, Value::Text(user)) => {
                let (name, realm) = user.split('!').next().unwrap_or_default().rsplit_once('@').unwrap_or((user, "x"));
                if user.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, ':' | '/')) {
                    return bad("it holds characters that no user id has; write it like \"root@pam\"");
                }
                !name.is_empty() && !realm.is_empty()
            }
            (Self::Token, Value::Text(token)) => {
                if token.contains('=') {
                    return bad("only the token's id belongs here; its secret comes from `secret`");
                }
                let (user, name) = token.split_once('!').unwrap_or(("x@y", token));
                !name.is_empty()
                    && user.contains('@')
                    && !token.contains([':', '/', ' '])
                    && !name.contains('@')
                    && !name.contains('!')
            }
            (Self::Text | Self::Path, Value::Text(text)) => !text.trim().is_empty(),
            (Self::View, Value::Text(_)) => true,
            (Self::Syslog, Value::Text(text)) => Syslog::parse(text).is_ok(),
            (Self::Url, Value::Text(text)) => text.starts_with("https://") && !text.contains(char::is_whitespace),
            (Self::Fingerprint, Value::Text(text)) => text.parse::<Fingerprint>().is_ok(),
            (Self::Choice(words), Value::Text(text)) => {
                if !words.contains(&text.as_str()) {
                    return Err(match super::mistake::nearest(text, words.iter().copied()) {
                        Some(word) => format!("it must be {}; did you mean \"{word}\"?", self.wanted()),
                        None => format!("it must be {}", self.wanted()),
                    });
                }
                true
            }
            (Self::Colour, Value::Text(text)) => text.parse::<ratatui::style::Color>().is_ok(),
            (Self::Colour, Value::Whole(n)) => *n <= 255,
            (Self::Whole(least, most), Value::Whole(n)) => (least..=most).contains(n),
            (Self::Truth, Value::Truth(_)) | (Self::Secret, Value::Secret(_)) => true,
            _ => false,
        };
        match (good, self, value) {
            (true, Self::Colour, Value::Whole(n)) => Ok(Value::Text(n.to_string())),
            (true, _, value) => Ok(value),
            (false, ..) => bad(""),
        }
    }
}

/// A time in seconds.
pub fn seconds(value: Option<&Value>) -> Option<Duration> {
    match value {
        Some(Value::Whole(n)) => Some(Duration::from_secs(*n)),
        _ => None,
    }
}

/// A path; `~/` is the home folder.
pub fn path(text: &str, home: Option<PathBuf>) -> PathBuf {
    match (text.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => text.into(),
    }
}
