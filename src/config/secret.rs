//! Where a password or a token's secret comes from. The file names the place, never the secret.

use std::{path::PathBuf, time::Duration};

use super::{Section, setting::Value};

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// Typed by the user.
    Prompt,
    /// In an environment variable.
    Env(String),
    /// In a file that only its owner can read; `~/` is the home folder.
    File(PathBuf),
    /// Printed by a program, given as an argument vector: no shell reads it.
    Command {
        /// Program and arguments.
        argv: Vec<String>,
        /// How long it may take.
        timeout: Duration,
    },
    /// In this program's own folder, encrypted with a passphrase.
    Stored,
    /// In the operating system's keyring.
    Keyring,
}

impl SecretSource {
    /// How long a command may take unless told otherwise; a person may have to unlock something.
    pub const TIMEOUT: Duration = Duration::from_secs(30);
}

/// Shown to the user; holds no secret.
impl std::fmt::Display for SecretSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Prompt => f.write_str("asked for"),
            Self::Env(name) => write!(f, "in the variable {name}"),
            Self::File(path) => write!(f, "in the file {}", path.display()),
            // Arguments may hold more than is good to show.
            Self::Command { argv, .. } => write!(f, "from the command {}", argv.first().map_or("", String::as_str)),
            Self::Stored => f.write_str("stored, encrypted with a passphrase"),
            Self::Keyring => f.write_str("in the system's keyring"),
        }
    }
}

/// `user@realm` of a profile: a user without realm gets the profile's, or `pam`.
pub fn user_id(section: &Section) -> Option<String> {
    let text = |name: &str| section.get(name).and_then(|given| given.value.text());
    let user = text("user")?.split('!').next()?;
    Some(if user.contains('@') { user.to_owned() } else { format!("{user}@{}", text("realm").unwrap_or("pam")) })
}

/// `user@realm!name` of a profile that logs in with a token.
pub fn token_id(section: &Section) -> Option<String> {
    let text = |name: &str| section.get(name).and_then(|given| given.value.text());
    if text("auth") == Some("password") {
        return None;
    }
    let token = text("token").or_else(|| text("user").filter(|user| user.contains('!')))?;
    if token.contains('!') && token.contains('@') {
        return Some(token.to_owned());
    }
    let name = token.rsplit('!').next()?;
    Some(format!("{}!{name}", user_id(section)?))
}

/// Where a profile's secret is kept.
pub fn source(section: &Section) -> Option<&SecretSource> {
    match section.get("secret").map(|given| &given.value) {
        Some(Value::Secret(source)) => Some(source),
        _ => None,
    }
}
