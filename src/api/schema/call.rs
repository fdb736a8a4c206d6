//! Calls of any method: values checked against the description, and answers of any shape.

use bytes::Bytes;
use serde_json::Value;

use super::{Kind, Parameter};
use crate::api::{
    error::{ApiError, Result},
    request::{Method, Request},
};

/// An answer of any shape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// What the envelope holds; a text where the server sent no JSON.
    pub data: Value,
    /// How many entries there are in all, for lists in pages.
    pub total: Option<u64>,
    /// Pending changes, for the network of a node.
    pub changes: Option<String>,
}

/// A request without any type. `path` is encoded already.
pub fn any(method: Method, path: impl Into<String>) -> Request<Answer> {
    let request = match method {
        Method::Get => Request::<Value>::get(path),
        Method::Post => Request::post(path),
        Method::Put => Request::put(path),
        Method::Delete => Request::delete(path),
    };
    request.read_by(read)
}

/// Files (a log, an archive) come as they are, everything else in the API's envelope.
fn read(body: &[u8]) -> Result<Answer> {
    let Ok(mut whole) = serde_json::from_slice::<Value>(body) else {
        return match std::str::from_utf8(body) {
            Ok(text) if !text.trim().is_empty() && !text.trim_start().starts_with('<') => {
                Ok(Answer { data: Value::from(text), ..Answer::default() })
            }
            Ok(_) => Err(ApiError::Garbled("it is no JSON but a web page, or empty".into())),
            Err(_) => Ok(Answer {
                data: Value::from(format!("({} bytes that are no text)", body.len())),
                ..Answer::default()
            }),
        };
    };
    let Some(envelope) = whole.as_object_mut() else { return Ok(Answer { data: whole, ..Answer::default() }) };
    let total = envelope.get("total").and_then(Value::as_u64);
    let changes = envelope.get("changes").and_then(Value::as_str).map(str::to_owned);
    match envelope.remove("data") {
        Some(data) => Ok(Answer { data, total, changes }),
        None => Err(ApiError::Garbled("there is no \"data\" in it".into())),
    }
}

impl Answer {
    /// Reads the answer to a change, whose bytes have been looked at already.
    pub fn of(body: &Bytes) -> Result<Self> {
        read(body)
    }

    /// The task that was started, if any.
    pub fn upid(&self) -> Option<&str> {
        self.data.as_str().or_else(|| self.data["upid"].as_str()).filter(|t| t.starts_with("UPID:"))
    }
}

/// The items of a list as a person writes them: `ls -l`, `"two words" three`, or a JSON array.
pub fn split_list(text: &str) -> Vec<String> {
    if let Ok(Value::Array(items)) = serde_json::from_str(text) {
        return items.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect();
    }
    let (mut items, mut item, mut quote, mut begun) = (vec![], String::new(), None, false);
    for c in text.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => item.push(c),
            None if matches!(c, '"' | '\'') => {
                quote = Some(c);
                begun = true;
            }
            None if c.is_whitespace() => {
                if begun || !item.is_empty() {
                    items.push(std::mem::take(&mut item));
                }
                begun = false;
            }
            None => item.push(c),
        }
    }
    if begun || !item.is_empty() {
        items.push(item);
    }
    items
}

impl Parameter {
    /// Why the server would refuse this value; it knows more rules than these.
    pub fn problem(&self, value: &str) -> Option<String> {
        if !self.choices.is_empty() && self.kind != Kind::List && !self.choices.iter().any(|c| c == value) {
            return Some(format!("must be one of {}", self.choices.join(", ")));
        }
        let within = |n: f64| match (self.minimum, self.maximum) {
            (Some(least), _) if n < least => Some(format!("must be at least {least}")),
            (_, Some(most)) if n > most => Some(format!("must be at most {most}")),
            _ => None,
        };
        match self.kind {
            Kind::Boolean if !matches!(value, "0" | "1") => return Some("must be 1 or 0".into()),
            Kind::Integer => match value.parse::<i64>() {
                Ok(n) => return within(n as f64),
                Err(_) => return Some("must be a whole number".into()),
            },
            Kind::Number => match value.parse::<f64>() {
                Ok(n) => return within(n),
                Err(_) => return Some("must be a number".into()),
            },
            _ => {}
        }
        let length = value.chars().count() as u64;
        if let Some(least) = self.min_length.filter(|least| length < *least) {
            return Some(format!("must have at least {least} characters"));
        }
        if let Some(most) = self.max_length.filter(|most| length > *most) {
            return Some(format!("must have at most {most} characters"));
        }
        let pattern = self.pattern.as_deref().filter(|_| self.kind == Kind::Text)?;
        // A pattern of Perl that can't be read here is left to the server.
        let rule = regex_lite::Regex::new(&format!("^(?:{pattern})$")).ok()?;
        (!rule.is_match(value)).then(|| format!("does not match {pattern}"))
    }

    /// Type, range, default and format in a line.
    pub fn rule(&self) -> String {
        let mut said = vec![match (self.kind, self.choices.is_empty()) {
            (Kind::Boolean, _) => "boolean (1 or 0)".into(),
            (_, false) => format!("one of {}", self.choices.join(", ")),
            (Kind::Integer, _) => "whole number".into(),
            (Kind::Number, _) => "number".into(),
            (Kind::Text, _) => "text".into(),
            (Kind::List, _) => "list".into(),
        }];
        match (self.minimum, self.maximum) {
            (Some(least), Some(most)) => said.push(format!("{least} to {most}")),
            (Some(least), None) => said.push(format!("at least {least}")),
            (None, Some(most)) => said.push(format!("at most {most}")),
            (None, None) => {}
        }
        match (self.min_length, self.max_length) {
            (Some(least), Some(most)) => said.push(format!("{least} to {most} characters")),
            (Some(least), None) => said.push(format!("at least {least} characters")),
            (None, Some(most)) => said.push(format!("at most {most} characters")),
            (None, None) => {}
        }
        said.extend(self.format.iter().map(|f| format!("format {f}")));
        said.extend(self.pattern.iter().map(|p| format!("pattern {p}")));
        said.extend(self.default.iter().map(|d| format!("default {d}")));
        said.extend(self.requires.iter().map(|r| format!("needs {r}")));
        said.join(", ")
    }
}
