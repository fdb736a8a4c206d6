//! What can go wrong with a call, and what to do about it.

use std::collections::BTreeMap;

use bytes::Bytes;
use thiserror::Error;

use super::{privilege, transport::Raw};

/// The result of a call.
pub type Result<T, E = ApiError> = std::result::Result<T, E>;

/// Why a call has no result. The variants tell whether the server can have acted on it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ApiError {
    /// Nothing was sent (no route, refused connection, time-out while connecting): safe to repeat.
    #[error("{0}")]
    NotSent(String),
    /// Nothing was sent, because nobody vouches for the server's certificate.
    #[error("the server's certificate is not trusted: {detail} (SHA-256 {fingerprint})")]
    Untrusted {
        /// SHA-256 of the leaf certificate, `AB:CD:..`.
        fingerprint: String,
        /// What is wrong with it.
        detail: String,
        /// The pinned fingerprint that it was compared with, when there is one.
        pinned: Option<String>,
    },
    /// Sent, but no complete answer came: the server may have acted on it.
    #[error("{0}")]
    Unsure(String),
    /// A read or a login without a complete answer: nothing was changed by it.
    #[error("{0}")]
    Unanswered(String),
    /// A file was not sent to its end: the server keeps nothing of it.
    #[error("{0}")]
    Broken(String),
    /// A file is not what it should be, or can't be read or written here: another way of sending it does not help.
    #[error("{0}")]
    Unfit(String),
    /// The server said no.
    #[error("{0}")]
    Refused(Refusal),
    /// A successful answer that can't be understood.
    #[error("the server's answer can't be read: {0}")]
    Garbled(String),
    /// Not sent on purpose (read-only mode, dry run).
    #[error("{0}")]
    Withheld(String),
    /// The login is over and can't be renewed without the user.
    #[error("the login has ended: {0}")]
    LoginNeeded(String),
}

/// An error answer: HTTP status, text, and what is wrong with each parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status; 595 to 599 mean that the asked node could not reach the target node.
    pub status: u16,
    /// The server's text without its trailing newline.
    pub message: String,
    /// Parameter name to text (only with 400).
    pub errors: BTreeMap<String, String>,
}

/// What a node is told to say that refuses a ticket which the rest of its cluster takes.
pub const NOT_THAT_NODE: &str = "this node does not take the cluster's tickets";

impl Refusal {
    /// True when the text does not say what is wrong: none, the usual phrase of its status, or only that something failed.
    fn is_vague(&self) -> bool {
        const PHRASES: [&str; 6] = [
            "internal server error",
            "bad gateway",
            "service unavailable",
            "gateway timeout",
            "gateway time-out",
            "too many requests",
        ];
        const SIGNS: [&str; 5] = ["exit code", "exit status", "got timeout", "unexpected", "unknown error"];
        let text = self.message.to_lowercase();
        text.is_empty() || PHRASES.contains(&text.as_str()) || SIGNS.iter().any(|sign| text.contains(sign))
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.message.is_empty() {
            write!(f, "the server answered with status {}", self.status)?;
        } else {
            write!(f, "{}", self.message)?;
        }
        for (i, (name, text)) in self.errors.iter().enumerate() {
            write!(f, "{}{name}: {}", if i == 0 { " " } else { "; " }, text.trim_end())?;
        }
        Ok(())
    }
}

impl ApiError {
    /// A 2xx answer whose body is not what was expected; keeps a short, printable piece of it.
    pub fn garbled(body: &[u8], error: &serde_json::Error) -> Self {
        if body.is_empty() {
            return Self::Garbled("it is empty".into());
        }
        let start: String =
            String::from_utf8_lossy(&body[..body.len().min(60)]).chars().filter(|c| !c.is_control()).collect();
        if body.first() != Some(&b'{') {
            return Self::Garbled(format!("it is not JSON but starts with \"{start}\""));
        }
        Self::Garbled(error.to_string())
    }

    /// The HTTP status of a refusal.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(r) => Some(r.status),
            _ => None,
        }
    }

    /// True when the server certainly did not act on the request.
    pub fn is_certainly_undone(&self) -> bool {
        match self {
            Self::NotSent(_)
            | Self::Untrusted { .. }
            | Self::Unanswered(_)
            | Self::Broken(_)
            | Self::Unfit(_)
            | Self::Withheld(_)
            | Self::LoginNeeded(_) => true,
            Self::Refused(r) => matches!(r.status, 400 | 401 | 403 | 404 | 501 | 595),
            Self::Unsure(_) | Self::Garbled(_) => false,
        }
    }

    /// True when a read may succeed if it is simply asked again later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::NotSent(_) | Self::Unsure(_) | Self::Unanswered(_) | Self::Garbled(_) => true,
            Self::Refused(r) => matches!(r.status, 429 | 500 | 502 | 503 | 504 | 595..=599),
            Self::Untrusted { .. } | Self::Broken(_) | Self::Unfit(_) | Self::Withheld(_) | Self::LoginNeeded(_) => {
                false
            }
        }
    }

    /// What happened, why, and what to do next: two sentences for the user.
    pub fn explained(&self) -> String {
        self.explained_as(&self.to_string())
    }

    /// What to do next after other words for what happened.
    pub fn explained_as(&self, what: &str) -> String {
        let missing = match self {
            Self::Refused(r) if r.status == 403 => privilege::named(&r.message),
            _ => None,
        };
        let advice = match missing {
            Some(need) => format!("Ask an administrator for {} on {}.", need.privileges, need.path),
            None => self.advice().to_owned(),
        };
        let what = what.trim_end_matches(['.', '!']);
        if advice.is_empty() { format!("{what}.") } else { format!("{what}. {advice}") }
    }

    /// What the user can do next, in one sentence; empty where the server's own words say enough.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::NotSent(_) => "Check host name, port and network; nothing was sent.",
            Self::Broken(_) => {
                "Start it again, or let the node fetch the file from here (9 u in the console, --by-node on the command line)."
            }
            Self::Unfit(_) => "Put that right, then start it again.",
            Self::Untrusted { pinned: Some(_), .. } => {
                "The certificate is not the one that was pinned or whose fingerprint was given: make sure that it was renewed on purpose before trusting it."
            }
            Self::Untrusted { .. } => {
                "Compare the fingerprint with `pvenode cert info` on the server, then accept it once."
            }
            Self::Unsure(_) => "The server may have acted on it: look into the task list before trying again.",
            Self::Unanswered(_) => {
                "Nothing was changed by it: try again; if it stays so, check host and port, or give a slow server more time (--timeout)."
            }
            Self::Garbled(_) => {
                "Something between here and the server changes the answers, or this is not a Proxmox VE API: check host and port."
            }
            Self::Withheld(_) => "Nothing was changed.",
            Self::LoginNeeded(_) => "Log in again.",
            Self::Refused(r) => match r.status {
                300..=399 => "This is not a Proxmox VE API: check host and port.",
                400 => "Correct the named parameter.",
                401 if r.message == NOT_THAT_NODE => "Check its clock, and `pvecm status` there.",
                401 => "Check user, realm and password, or the token.",
                403 => "Ask an administrator for the named privilege on the named path.",
                424 | 501 => "This server does not offer the call.",
                595 => "The node can't be reached from the cluster: check that it is powered on and connected.",
                596..=599 => {
                    "The node did not answer in time: it may be overloaded or just have gone down. Look into the task list before repeating a change."
                }
                _ if r.is_vague() => "The server's log (`journalctl -u pvedaemon`) may tell more.",
                _ => "",
            },
        }
    }
}

/// Judges an answer: the bytes of a success, or the error that the server means.
///
/// The text is in the body's `message` where there is one, else in the reason phrase; bodies may be empty (401, 501), HTML
/// (a proxy's page) or cut.
///
/// # Errors
/// [`ApiError::Refused`] for every status but 2xx.
pub fn interpret(raw: Raw) -> Result<Bytes> {
    if (200..300).contains(&raw.status) {
        return Ok(raw.body);
    }
    #[derive(serde::Deserialize)]
    struct Body {
        #[serde(default)]
        message: Option<String>,
        #[serde(default)]
        errors: Option<BTreeMap<String, serde_json::Value>>,
    }
    let body: Option<Body> = serde_json::from_slice(&raw.body).ok();
    let (message, errors) = body.map(|b| (b.message, b.errors)).unwrap_or_default();
    let message = message.filter(|m| !m.trim().is_empty()).unwrap_or(raw.reason);
    let errors = errors.unwrap_or_default().into_iter().map(|(k, v)| match v {
        serde_json::Value::String(s) => (k, s.trim_end().to_owned()),
        other => (k, other.to_string()),
    });
    Err(ApiError::Refused(Refusal { status: raw.status, message: message.trim().to_owned(), errors: errors.collect() }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn raw(status: u16, reason: &str, body: &'static str) -> Raw {
        Raw { status, reason: reason.into(), body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn errors_of_the_real_server() {
        let e = interpret(raw(
            400,
            "Parameter verification failed.",
            r#"{"data":null,"message":"Parameter verification failed.\n","errors":{"vmid":"invalid format\n"}}"#,
        ));
        assert_eq!(e.unwrap_err().to_string(), "Parameter verification failed. vmid: invalid format");
        let e = interpret(raw(401, "authentication failure", "")).unwrap_err();
        assert_eq!(e.to_string(), "authentication failure");
        assert!(e.is_certainly_undone() && !e.is_temporary());
        let e = interpret(raw(502, "Bad Gateway", "<html>")).unwrap_err();
        assert_eq!((e.to_string().as_str(), e.is_temporary(), e.is_certainly_undone()), ("Bad Gateway", true, false));
    }

    #[test]
    fn the_log_is_named_only_where_it_may_help() {
        let said = |status, text: &str| interpret(raw(status, text, "")).unwrap_err().explained();
        assert_eq!(said(500, "VM 160 already exists"), "VM 160 already exists.");
        assert!(said(500, "command 'lvcreate' failed: exit code 5").contains("journalctl"));
        assert!(said(503, "Service Unavailable").contains("journalctl"));
        assert_eq!(
            said(302, "pve1 redirects to https://x.example/"),
            "pve1 redirects to https://x.example/. This is not a Proxmox VE API: check host and port."
        );
    }

    #[test]
    fn what_changes_nothing_is_not_said_to_have_been_done() {
        let error = ApiError::Unanswered("no answer".into());
        assert!(error.is_certainly_undone() && error.is_temporary());
        assert!(error.explained().starts_with("no answer. Nothing was changed by it: try again"));
        assert!(ApiError::Unsure("no answer".into()).explained().contains("look into the task list"));
    }
}
