//! What goes into the simulated cluster and what comes out: calls, arguments, answers, refusals.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// One HTTP request as it arrived, decoded no further than the wire demands.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// `GET`, `POST`, `PUT`, `DELETE` or anything that a client came up with.
    pub method: String,
    /// The raw path with the `/api2/json` prefix, percent-encoded as it came, without the query.
    pub path: String,
    /// The raw query, without `?`.
    pub query: String,
    /// Header lines in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; empty when there was none. Of a multipart upload only the fields arrive, in [`Call::upload`].
    pub body: Vec<u8>,
    /// A multipart upload, whose file was read and summed up by the server while it came in.
    pub upload: Option<Upload>,
}

impl Call {
    /// A call without headers and body.
    pub fn new(method: &str, path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        Self { method: method.into(), path: path.into(), query: query.into(), ..Self::default() }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// Sets a form body.
    pub fn form(mut self, pairs: &[(&str, &str)]) -> Self {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(pairs);
        self.body = form.finish().into_bytes();
        self.header("content-type", "application/x-www-form-urlencoded")
    }

    /// The value of a header, by its lower case name.
    pub fn get_header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// A file that came with a multipart upload; its content is gone, its size and sums are known.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    /// The form fields before the file, in order.
    pub fields: Vec<(String, String)>,
    /// The file name that the client gave.
    pub filename: String,
    /// Bytes of the file.
    pub size: u64,
    /// Checksums by algorithm (`md5`, `sha1`, `sha256`, ...) in lower case hex, as far as the server computed them.
    pub sums: BTreeMap<String, String>,
    /// The first bytes of the file.
    pub head: Vec<u8>,
}

/// One HTTP answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The reason phrase; PVE puts its error texts here.
    pub reason: String,
    /// Header lines.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// How a fault wants the connection to be spoiled.
    pub spoil: Spoil,
    /// Seconds to wait before sending (latency and slow faults).
    pub delay: f64,
}

impl Answer {
    /// The body as JSON, `Null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The `data` member of the body.
    pub fn data(&self) -> Value {
        self.json().get("data").cloned().unwrap_or(Value::Null)
    }
}

/// What a fault does to the bytes of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spoil {
    /// Nothing.
    #[default]
    None,
    /// Half of the body, then the connection breaks.
    Cut,
    /// The connection breaks before any answer.
    Hang,
}

/// Why a call was refused. Becomes status, reason phrase and body of the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// HTTP status.
    pub status: u16,
    /// The error text without its newline.
    pub message: String,
    /// Per parameter texts (400 only).
    pub errors: BTreeMap<String, String>,
}

impl Fault {
    /// A refusal with a status of its own.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), errors: BTreeMap::new() }
    }

    /// 400 about one parameter.
    pub fn param(name: &str, text: impl Into<String>) -> Self {
        let mut fault = Self::new(400, "Parameter verification failed.");
        fault.errors.insert(name.into(), text.into());
        fault
    }

    /// 403 `Permission check failed (path, privileges)`.
    pub fn forbidden(path: &str, privs: &[&str]) -> Self {
        let privs = privs.join("|");
        Self::new(403, format!("Permission check failed ({path}, {privs})"))
    }
}

/// 500 with a text, which is what nearly every error inside a PVE call becomes.
pub fn die(message: impl Into<String>) -> Fault {
    Fault::new(500, message)
}

/// What a handler answers: `data` and the members beside it.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The `data` member.
    pub data: Value,
    /// Further top-level members: `total`, `changes`.
    pub extra: Map<String, Value>,
    /// The `data` member as finished JSON text, in place of [`Reply::data`]; for big lists.
    pub text: Option<std::sync::Arc<str>>,
    /// A body that isn't JSON at all: content type and bytes.
    pub raw: Option<(String, Vec<u8>)>,
}

impl Reply {
    /// Adds a top-level member.
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(key.into(), value.into());
        self
    }
}

impl From<Value> for Reply {
    fn from(data: Value) -> Self {
        Self { data, ..Self::default() }
    }
}

impl From<()> for Reply {
    fn from((): ()) -> Self {
        Self::default()
    }
}

impl From<String> for Reply {
    fn from(text: String) -> Self {
        json!(text).into()
    }
}

impl From<Vec<Value>> for Reply {
    fn from(list: Vec<Value>) -> Self {
        Value::Array(list).into()
    }
}

/// The result of every handler.
pub type Outcome = Result<Reply, Fault>;

/// The verified arguments of a call: path and query or body parameters in one map, and who asks.
///
/// Values are texts (booleans `0`/`1`, numbers in decimal) or arrays of texts, whatever the client's encoding was.
#[derive(Clone, Debug, Default)]
pub struct Args {
    /// HTTP method.
    pub method: String,
    /// Path without prefix, decoded: `/nodes/pve1/qemu/100/config`.
    pub path: String,
    /// The template of the path in the table: `/nodes/{node}/qemu/{vmid}/config`.
    pub template: String,
    /// `user@realm` or `user@realm!token`; empty for calls that need no login.
    pub auth: String,
    /// All parameters.
    pub params: BTreeMap<String, Value>,
    /// The file of a multipart upload.
    pub upload: Option<Upload>,
    /// The address of the server as the client wrote it, for console answers.
    pub host: String,
}

impl Args {
    /// The value of a parameter, `""` when it was not given.
    pub fn str(&self, name: &str) -> &str {
        self.opt(name).unwrap_or("")
    }

    /// The value of a parameter.
    pub fn opt(&self, name: &str) -> Option<&str> {
        self.params.get(name).and_then(Value::as_str)
    }

    /// A whole number.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.opt(name).and_then(|text| text.trim().parse().ok())
    }

    /// A number.
    pub fn num(&self, name: &str) -> Option<f64> {
        self.opt(name).and_then(|text| text.trim().parse().ok())
    }

    /// A boolean; false when it was not given.
    pub fn flag(&self, name: &str) -> bool {
        self.opt_flag(name).unwrap_or(false)
    }

    /// A boolean, if it was given.
    pub fn opt_flag(&self, name: &str) -> Option<bool> {
        self.opt(name).map(|text| truth(text).unwrap_or(false))
    }

    /// A `-list` parameter: split at commas, semicolons, blanks and NUL, empty parts left out.
    pub fn list(&self, name: &str) -> Vec<String> {
        match self.params.get(name) {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(text)) => split_list(text),
            _ => Vec::new(),
        }
    }

    /// An `array` parameter, unsplit.
    pub fn array(&self, name: &str) -> Vec<String> {
        match self.params.get(name) {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(text)) => vec![text.clone()],
            _ => Vec::new(),
        }
    }

    /// Was the parameter given?
    pub fn has(&self, name: &str) -> bool {
        self.params.contains_key(name)
    }

    /// The `node` of the path.
    pub fn node(&self) -> &str {
        self.str("node")
    }

    /// The `vmid` parameter, 0 when it was not given.
    pub fn vmid(&self) -> u32 {
        self.int("vmid").and_then(|id| u32::try_from(id).ok()).unwrap_or(0)
    }

    /// Who asks: `user@realm` or `user@realm!token`.
    pub fn user(&self) -> &str {
        &self.auth
    }

    /// Is it `root@pam` itself? A token of root is not.
    pub fn is_root(&self) -> bool {
        self.auth == "root@pam"
    }

    /// All text parameters except those named, in order of their names: what a config call stores.
    pub fn settings(&self, except: &[&str]) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        for (key, value) in &self.params {
            if !except.contains(&key.as_str()) {
                out.insert(key.clone(), as_text(value));
            }
        }
        out
    }
}

/// A scalar or list value as one text.
pub fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Bool(b) => u8::from(*b).to_string(),
        Value::Array(items) => items.iter().map(as_text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Splits as PVE splits lists.
pub fn split_list(text: &str) -> Vec<String> {
    text.split([',', ';', ' ', '\t', '\n', '\0']).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// A boolean as property strings and configuration files spell it.
pub fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "on" | "yes" | "true" => Some(true),
        "0" | "off" | "no" | "false" => Some(false),
        _ => None,
    }
}

/// Percent-decodes a text, invalid UTF-8 replaced.
pub fn unescape(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Decodes a form or query: pairs end at `&` or `;`, `+` is a blank, repeated keys become arrays.
pub fn decode_form(text: &str) -> BTreeMap<String, Value> {
    let mut out: BTreeMap<String, Value> = BTreeMap::new();
    for pair in text.split(['&', ';']).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = unescape(&key.replace('+', " "));
        let value = json!(unescape(&value.replace('+', " ")));
        match out.get_mut(&key) {
            None => {
                out.insert(key, value);
            }
            Some(Value::Array(items)) => items.push(value),
            Some(first) => *first = json!([first.take(), value]),
        }
    }
    out
}
