//! One line of the trail.

use serde::{Deserialize, Serialize};

use super::Entry;
use crate::api::{ApiError, Method, Param, Wire, schema::is_secret};

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// A change that is about to be sent.
    Write,
    /// What the server said to it.
    Answer,
    /// How its task ended.
    Task,
}

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The server did it, or started a task.
    Accepted,
    /// The server said no.
    Refused,
    /// It certainly did not reach the server.
    NotSent,
    /// It may have been done.
    Unsure,
}

/// A parameter: its name, and its value unless that is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// The name.
    pub name: String,
    /// The value; absent for secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// A line. Which fields it has depends on the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its number, from 1 and over all files.
    pub n: u64,
    /// When it was written, as ISO 8601 in UTC.
    pub time: String,
    /// What it is about.
    pub event: Event,
    /// The number of the line of the change that this one belongs to (answers).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write: Option<u64>,
    /// Who made the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The profile of the configuration, if one was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The call's method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The call's path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The call's parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<Given>,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// How the task ended: `OK`, `WARNINGS: 1` or an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Why it went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upid: Option<String>,
    /// How long the server took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// SHA-256 of the line before, without its line break.
    pub prev: String,
}

impl Line {
    fn empty(event: Event) -> Self {
        Self {
            n: 0,
            time: String::new(),
            event,
            write: None,
            user: None,
            server: None,
            profile: None,
            label: None,
            method: None,
            path: None,
            params: vec![],
            outcome: None,
            status: None,
            error: None,
            upid: None,
            ms: None,
            prev: String::new(),
        }
    }

    pub(super) fn write(entry: &Entry) -> Self {
        let wire = entry.wire;
        let given = |p: &Param| {
            // A secret that nobody has marked as one is known by its name.
            let secret = p.secret || is_secret(&wire.path, &p.name);
            Given { name: p.name.clone(), value: (!secret).then(|| p.value.clone()) }
        };
        Self {
            user: Some(entry.user.clone()),
            server: Some(entry.server.clone()),
            profile: entry.profile.clone(),
            label: Some(entry.label.to_owned()),
            method: Some(wire.method.to_string()),
            path: Some(wire.path.clone()),
            params: wire.params.iter().map(given).collect(),
            ..Self::empty(Event::Write)
        }
    }

    pub(super) fn answer(write: u64, result: Result<Option<&str>, &ApiError>, ms: u64) -> Self {
        let outcome = match result {
            Ok(_) => Outcome::Accepted,
            Err(ApiError::Refused(_)) => Outcome::Refused,
            Err(error) if error.is_certainly_undone() => Outcome::NotSent,
            Err(_) => Outcome::Unsure,
        };
        Self {
            write: Some(write),
            outcome: Some(outcome),
            error: result.err().map(ToString::to_string),
            upid: result.ok().flatten().map(str::to_owned),
            ms: Some(ms),
            ..Self::empty(Event::Answer)
        }
    }

    pub(super) fn task(upid: &str, status: &str) -> Self {
        Self { upid: Some(upid.to_owned()), status: Some(status.to_owned()), ..Self::empty(Event::Task) }
    }

    /// The call, with secrets as such; `None` for lines that hold none.
    pub fn wire(&self) -> Option<Wire> {
        let method = match self.method.as_deref()? {
            "GET" => Method::Get,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            _ => return None,
        };
        let params = self.params.iter().map(|p| Param {
            name: p.name.clone(),
            value: p.value.clone().unwrap_or_default(),
            secret: p.value.is_none(),
        });
        Some(Wire { method, path: self.path.clone()?, params: params.collect(), file: None })
    }
}
