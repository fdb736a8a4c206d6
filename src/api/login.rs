//! Who logs in: credentials, and the second factor that the server may ask for.

use std::fmt;

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// What proves who the user is.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A password, exchanged for a ticket that lasts two hours.
    Password {
        /// `user@realm`.
        user: String,
        /// The password; kept in memory for one silent login when the ticket was lost.
        password: SecretString,
    },
    /// An API token, sent along with every call.
    Token {
        /// `user@realm!name`.
        id: String,
        /// The token's secret, a UUID.
        secret: SecretString,
    },
}

impl Credentials {
    /// `user@realm` or `user@realm!name`.
    pub fn user(&self) -> &str {
        match self {
            Self::Password { user, .. } => user,
            Self::Token { id, .. } => id,
        }
    }
}

/// How a login went.
#[derive(Debug)]
pub enum Login {
    /// The client is logged in.
    Done,
    /// The password was right; the second factor is missing.
    NeedsSecondFactor(Challenge),
}

/// The kinds of second factor that can be typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FactorKind {
    /// A six-digit code of an authenticator app.
    Totp,
    /// One of the recovery keys; each works once.
    Recovery,
    /// A one-time password that a Yubikey types.
    Yubico,
}

impl FactorKind {
    /// All kinds, the usual one first.
    pub const ALL: [Self; 3] = [Self::Totp, Self::Recovery, Self::Yubico];

    /// The API's name of the kind.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Recovery => "recovery",
            Self::Yubico => "yubico",
        }
    }
}

impl fmt::Display for FactorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Totp => "authenticator code",
            Self::Recovery => "recovery key",
            Self::Yubico => "Yubikey",
        })
    }
}

/// A second factor as the user typed it.
#[derive(Clone, Debug)]
pub struct Factor {
    /// Its kind.
    pub kind: FactorKind,
    /// The code or key.
    pub code: SecretString,
}

impl Factor {
    /// What goes into the form: `totp:123456`. Blanks, which many apps show between digits, are left out.
    pub(super) fn answer(&self) -> SecretString {
        let code: String = self.code.expose_secret().split_whitespace().collect();
        format!("{}:{code}", self.kind.as_str()).into()
    }
}

/// The server's demand for a second factor, valid for some minutes.
#[derive(Clone, Debug)]
pub struct Challenge {
    user: String,
    ticket: SecretString,
    kinds: Vec<FactorKind>,
    unsupported: Vec<String>,
}

impl Challenge {
    /// Reads the kinds out of a ticket such as `PVE:!tfa!{"totp"%3Atrue,"recovery"%3A[0,1]}:65F0..::SIG`.
    pub(super) fn new(user: String, ticket: SecretString) -> Self {
        let offered = offered(ticket.expose_secret());
        let (mut kinds, mut unsupported) = (vec![], vec![]);
        match offered {
            Some(names) => {
                kinds.extend(FactorKind::ALL.into_iter().filter(|k| names.iter().any(|n| n == k.as_str())));
                unsupported.extend(names.into_iter().filter(|n| FactorKind::ALL.iter().all(|k| k.as_str() != n)));
            }
            // A ticket of unknown form: the server will judge whatever the user tries.
            None => kinds.extend(FactorKind::ALL),
        }
        Self { user, ticket, kinds, unsupported }
    }

    /// `user@realm` who is about to log in.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The kinds that the user has set up and that can be typed here. May be empty.
    pub fn kinds(&self) -> &[FactorKind] {
        &self.kinds
    }

    /// Kinds that only a browser can answer: `webauthn`, `u2f`.
    pub fn unsupported(&self) -> &[String] {
        &self.unsupported
    }

    pub(super) fn ticket(&self) -> &SecretString {
        &self.ticket
    }
}

/// The names of the kinds that are set up, or `None` when the ticket can't be read.
fn offered(ticket: &str) -> Option<Vec<String>> {
    let rest = ticket.split_once("!tfa!")?.1;
    // Colons inside the JSON are written as %3A, so the first bare one ends it.
    let json = percent_decode_str(rest.split(':').next()?).decode_utf8().ok()?;
    let map: serde_json::Map<String, Value> = serde_json::from_str(&json).ok()?;
    let usable = |v: &Value| match v {
        Value::Null => false,
        Value::Bool(b) => *b,
        Value::Number(n) => n.as_f64() != Some(0.0),
        Value::String(s) => !matches!(s.as_str(), "" | "0" | "unavailable"),
        Value::Array(a) => !a.is_empty(),
        Value::Object(_) => true,
    };
    Some(map.into_iter().filter(|(_, v)| usable(v)).map(|(k, _)| k).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(ticket: &str) -> Challenge {
        Challenge::new("tina@pve".into(), ticket.into())
    }

    #[test]
    fn kinds_from_the_ticket() {
        let c = challenge("PVE:!tfa!{\"totp\"%3Atrue,\"recovery\"%3A[0,1,2]}:65F01234::SIG==");
        assert_eq!(c.kinds(), [FactorKind::Totp, FactorKind::Recovery]);
        let c = challenge("PVE:!tfa!{\"recovery\"%3A[],\"yubico\"%3Atrue,\"webauthn\"%3A{\"a\"%3A1}}:65F01234::S");
        assert_eq!((c.kinds(), c.unsupported()), (&[FactorKind::Yubico][..], &["webauthn".to_owned()][..]));
        assert_eq!(challenge("PVE:odd").kinds(), FactorKind::ALL);
        assert!(!format!("{c:?}").contains("65F0"));
    }

    #[test]
    fn answers_without_blanks() {
        let f = Factor { kind: FactorKind::Totp, code: " 123 456\n".into() };
        assert_eq!(f.answer().expose_secret(), "totp:123456");
    }
}
