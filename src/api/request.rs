//! Requests as plain values: print them, compare them, preview them, hand them to a transport.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::zeroize::Zeroize;
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    attachment::Attachment,
    error::{ApiError, Result},
};

/// The four methods that the API knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Reads; never changes anything.
    Get,
    /// Creates, or starts a task.
    Post,
    /// Changes.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// The name on the wire, for example `GET`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    /// The verb that `pvesh` uses for it, for example `create` for POST.
    pub fn pvesh(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "create",
            Self::Put => "set",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One parameter of a request. A secret one is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Param {
    /// The API's name of the parameter.
    pub name: String,
    /// Its value as sent in a form.
    pub value: String,
    /// True for passwords and the like: shown as `********` everywhere but on the wire.
    pub secret: bool,
}

impl Drop for Param {
    fn drop(&mut self) {
        if self.secret {
            self.value.zeroize();
        }
    }
}

impl Param {
    /// The value as it may be shown to a person.
    pub fn shown(&self) -> &str {
        if self.secret { "********" } else { &self.value }
    }
}

impl fmt::Debug for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.shown())
    }
}

/// What goes over the wire: method, path below `/api2/json`, and the parameters in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire {
    /// The HTTP method.
    pub method: Method,
    /// The path below `/api2/json`, percent-encoded, beginning with `/`.
    pub path: String,
    /// Query (GET, DELETE) or form (POST, PUT) parameters. A key may stand more than once (arrays).
    pub params: Vec<Param>,
    /// A file that goes with a POST, streamed from disk after the parameters, or that lies ready to be fetched. With a GET:
    /// what the answer is saved as, with its folder for a path and 0 for an unknown size.
    pub file: Option<Attachment>,
}

impl Wire {
    /// The file that is sent along; one that only lies ready is not.
    pub fn body_file(&self) -> Option<&Attachment> {
        self.file.as_ref().filter(|file| file.offer.is_none() && self.is_write())
    }

    /// What the answer is saved as, if it is a file.
    pub fn saved_file(&self) -> Option<&Attachment> {
        self.file.as_ref().filter(|_| !self.is_write())
    }

    /// True when the request may change something on the server.
    pub fn is_write(&self) -> bool {
        self.method != Method::Get
    }

    /// The first value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|p| p.name == name).map(|p| p.value.as_str())
    }

    /// The parameters as `application/x-www-form-urlencoded` text, secrets included: for transports only.
    pub fn encoded(&self) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for p in &self.params {
            form.append_pair(&p.name, &p.value);
        }
        form.finish()
    }
}

/// `POST /nodes/pve1/qemu/100/status/start timeout=30`; secrets are masked.
impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        self.params.iter().try_for_each(|p| write!(f, " {}={}", p.name, p.shown()))?;
        self.body_file().iter().try_for_each(|file| write!(f, " filename={}", file.name))
    }
}

/// Reads the bytes of a successful answer.
pub type Decode<T> = fn(&[u8]) -> Result<T>;

/// A [`Wire`] that knows what its answer decodes to.
pub struct Request<T> {
    /// The request itself.
    pub wire: Wire,
    decode: Decode<T>,
}

impl<T> Clone for Request<T> {
    fn clone(&self) -> Self {
        Self { wire: self.wire.clone(), decode: self.decode }
    }
}

impl<T> fmt::Debug for Request<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.wire, f)
    }
}

impl<T> fmt::Display for Request<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.wire, f)
    }
}

impl<T: DeserializeOwned> Request<T> {
    fn new(method: Method, path: impl Into<String>) -> Self {
        Self { wire: Wire { method, path: path.into(), params: vec![], file: None }, decode: decode_data }
    }

    /// A read.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::Get, path)
    }

    /// A creation or an action.
    pub fn post(path: impl Into<String>) -> Self {
        Self::new(Method::Post, path)
    }

    /// A change.
    pub fn put(path: impl Into<String>) -> Self {
        Self::new(Method::Put, path)
    }

    /// A removal.
    pub fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::Delete, path)
    }
}

impl<T> Request<T> {
    /// Adds a parameter. Booleans go as `flag(..)`.
    pub fn param(mut self, name: &str, value: impl ToString) -> Self {
        self.wire.params.push(Param { name: name.into(), value: value.to_string(), secret: false });
        self
    }

    /// Adds a parameter when there is a value.
    pub fn maybe(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.param(name, value),
            None => self,
        }
    }

    /// Adds a boolean as the API wants it: `1` or `0`.
    pub fn flag(self, name: &str, value: bool) -> Self {
        self.param(name, u8::from(value))
    }

    /// Adds a parameter that is never shown.
    pub fn secret(mut self, name: &str, value: impl Into<String>) -> Self {
        self.wire.params.push(Param { name: name.into(), value: value.into(), secret: true });
        self
    }

    /// Sends a file along, or has it lie ready when it is an offer.
    pub fn file(mut self, file: Attachment) -> Self {
        self.wire.file = Some(file);
        self
    }

    /// The same request with another reading of the answer's bytes (the whole envelope).
    pub fn read_by<U>(self, decode: Decode<U>) -> Request<U> {
        Request { wire: self.wire, decode }
    }

    /// Reads the bytes of a successful answer.
    ///
    /// # Errors
    /// [`ApiError::Garbled`] when the answer is not what the request expects.
    pub fn decode(&self, body: &[u8]) -> Result<T> {
        (self.decode)(body)
    }

    /// Splits the request from the function that reads its answer.
    pub fn into_parts(self) -> (Wire, Decode<T>) {
        (self.wire, self.decode)
    }
}

impl<T: DeserializeOwned> Request<Vec<T>> {
    /// The same list with the envelope's `total` and `changes` beside it.
    pub fn paged(self) -> Request<Paged<T>> {
        self.read_by(decode_paged)
    }
}

/// A list with what stands beside `data` in the envelope.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub struct Paged<T> {
    /// The items of this page.
    #[serde(default = "Vec::new")]
    pub data: Vec<T>,
    /// How many items there are in all.
    #[serde(default)]
    pub total: Option<u64>,
    /// Pending changes as a unified diff (node network only).
    #[serde(default)]
    pub changes: Option<String>,
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

/// Reads `{"data": T}`.
pub(super) fn decode_data<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice::<Envelope<T>>(body).map(|e| e.data).map_err(|e| ApiError::garbled(body, &e))
}

/// Reads `{"data": {"result": T}}`, as guest agents are passed on.
pub(super) fn decode_result<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    #[derive(Deserialize)]
    struct Passed<T> {
        result: T,
    }
    decode_data::<Passed<T>>(body).map(|passed| passed.result)
}

fn decode_paged<T: DeserializeOwned>(body: &[u8]) -> Result<Paged<T>> {
    serde_json::from_slice(body).map_err(|e| ApiError::garbled(body, &e))
}

/// Everything but unreserved characters, as the server wants it in a path part.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// One part of a path, percent-encoded: volume ids and UPIDs hold `/`, `:`, `@` and `!`.
pub fn part(text: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(text, PART)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_parts_encoded() {
        let request: Request<()> = Request::put(format!("/storage/{}", part("a/b:c")))
            .param("x", 1)
            .secret("password", "hunter2")
            .flag("on", true);
        assert_eq!(request.to_string(), "PUT /storage/a%2Fb%3Ac x=1 password=******** on=1");
        assert!(!format!("{:?}", request.wire).contains("hunter2"));
        assert_eq!(request.wire.encoded(), "x=1&password=hunter2&on=1");
    }

    #[test]
    fn envelopes() {
        let list: Request<Vec<u32>> = Request::get("/x");
        assert_eq!(list.decode(br#"{"data":[1,2]}"#), Ok(vec![1, 2]));
        assert_eq!(list.clone().paged().decode(br#"{"data":[1],"total":7}"#).map(|p| p.total), Ok(Some(7)));
        assert!(matches!(list.decode(b"<html>"), Err(ApiError::Garbled(_))));
    }
}
