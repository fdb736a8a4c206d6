//! [`HttpTransport`]: sends calls over HTTPS, once, and says exactly how far a failed one got.

use std::{
    error::Error,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::BytesMut;
use hyper::ext::ReasonPhrase;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION};
use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout};

use super::{
    target::Target,
    tls::{self, Trust},
    upload,
};
use crate::api::{
    attachment::Attachment,
    error::ApiError,
    request::{Method, Wire},
    sink::Sink,
    transport::{BoxFuture, Call, Raw, Transport},
};

/// Limits and the way to the server.
#[derive(Clone, Debug)]
pub struct Options {
    /// The longest time to connect: name, TCP and TLS together.
    pub connect: Duration,
    /// The longest silence of a server that has work to do or is in the middle of an answer.
    pub silence: Duration,
    /// The longest time for a read as a whole. Writes have no such limit: giving up on them early helps nobody.
    pub read: Duration,
    /// The largest answer in bytes.
    pub body: usize,
    /// The proxy to go through.
    pub proxy: Option<Proxy>,
    /// The nodes of the cluster, when several are known: the next one is asked when one can't be reached.
    pub nodes: Vec<Target>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            silence: Duration::from_secs(30),
            read: Duration::from_secs(120),
            body: 64 << 20,
            proxy: None,
            nodes: vec![],
        }
    }
}

/// An HTTP proxy, which passes TLS on unread.
#[derive(Clone)]
pub struct Proxy {
    url: String,
    exceptions: String,
}

/// Shows nothing of the address, which may hold a password.
impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Proxy(..)")
    }
}

impl Proxy {
    /// The proxy that `HTTPS_PROXY` or `ALL_PROXY` name (in upper or lower case), less what `NO_PROXY` excepts. Never
    /// for this machine itself.
    pub fn from_env(target: &Target, env: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let read = |name: &str| {
            let value = env(&name.to_lowercase()).filter(|v| !v.is_empty());
            value.or_else(|| env(name).filter(|v| !v.is_empty()))
        };
        if target.is_loopback() {
            return None;
        }
        let url = read("HTTPS_PROXY").or_else(|| read("ALL_PROXY"))?;
        Some(Self { url, exceptions: read("NO_PROXY").unwrap_or_default() })
    }
}

/// Talks to one server over HTTP/1.1 and TLS. Clones share the connections.
#[derive(Clone)]
pub struct HttpTransport {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    target: Target,
    options: Options,
    /// True once an answer came, so that a connection may be waiting to be used again.
    answered: AtomicBool,
}

impl std::fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HttpTransport({})", self.inner.target)
    }
}

impl HttpTransport {
    /// Prepares connections to a server; nothing is sent yet.
    ///
    /// # Errors
    /// [`ApiError::NotSent`] when a file of authorities or the proxy's address can't be used.
    pub fn new(target: Target, trust: &Trust, options: Options) -> Result<Self, ApiError> {
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::config(trust)?)
            .http1_only()
            .https_only(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .tcp_nodelay(true)
            .tcp_keepalive(Duration::from_secs(30))
            // The server closes silent connections after 5 s; a request must not cross its farewell.
            .pool_idle_timeout(Duration::from_secs(4))
            .connect_timeout(options.connect)
            .user_agent(concat!("proxmux/", env!("CARGO_PKG_VERSION")));
        if let Some(proxy) = &options.proxy {
            let set = reqwest::Proxy::https(&proxy.url)
                .map_err(|_| ApiError::NotSent("the proxy's address in the environment is not valid".into()))?;
            builder = builder.proxy(set.no_proxy(reqwest::NoProxy::from_string(&proxy.exceptions)));
        }
        let http = builder.build().map_err(|e| ApiError::NotSent(format!("HTTPS can't be set up: {}", last(&e))))?;
        Ok(Self { inner: Arc::new(Inner { http, target, options, answered: AtomicBool::new(false) }) })
    }

    /// The server.
    pub fn target(&self) -> &Target {
        &self.inner.target
    }

    /// Asks something that needs no login, and returns the server's time (Unix seconds) if it tells.
    ///
    /// # Errors
    /// When there is no way to the server, its certificate is not trusted, or it does not answer.
    pub async fn clock(&self) -> Result<Option<i64>, ApiError> {
        let wire = crate::api::access::domains().wire;
        let request = self.inner.request(&Call { wire, headers: vec![], into: None })?;
        let inner = &self.inner;
        let limit = inner.options.connect + inner.options.silence;
        let sent = timeout(limit, inner.http.execute(request)).await;
        let answer = sent
            .map_err(|_| ApiError::Unsure(format!("no answer from {} within {}", inner.target, secs(limit))))?
            .map_err(|e| inner.explain(&e))?;
        let date = answer.headers().get(reqwest::header::DATE).and_then(|date| date.to_str().ok());
        let parsed = date.and_then(|date| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok());
        Ok(parsed.map(jiff::Timestamp::as_second))
    }
}

impl Transport for HttpTransport {
    fn send(&self, call: Call) -> BoxFuture<Result<Raw, ApiError>> {
        let inner = self.inner.clone();
        Box::pin(async move {
            // Giving up on them early helps nobody: files end when nothing comes any more.
            if call.wire.is_write() || call.into.is_some() {
                return inner.once(&call).await.map_err(|f| f.error);
            }
            let read = async {
                match inner.once(&call).await {
                    // Servers close idle connections whenever they like, and a request may cross that on the way. A read
                    // changes nothing, so it may simply go again over a new connection.
                    Err(failure) if failure.stale => inner.once(&call).await.map_err(|f| f.error),
                    other => other.map_err(|f| f.error),
                }
            };
            let limit = inner.options.read;
            timeout(limit, read).await.unwrap_or_else(|_| {
                Err(ApiError::Unsure(format!("the answer of {} was not complete within {}", inner.target, secs(limit))))
            })
        })
    }

    fn page(&self, path: &str) -> BoxFuture<Result<Raw, ApiError>> {
        let (inner, path) = (self.inner.clone(), path.to_owned());
        Box::pin(async move {
            let request = reqwest::Request::new(reqwest::Method::GET, inner.url(&path)?);
            inner.execute(request, None, None).await.map_err(|f| f.error)
        })
    }
}

struct Failure {
    error: ApiError,
    /// The connection was closed before anything came, and it may have been an old one.
    stale: bool,
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self { error, stale: false }
    }
}

impl Inner {
    async fn once(&self, call: &Call) -> Result<Raw, Failure> {
        let mut request = self.request(call)?;
        if let Some(file) = call.wire.body_file() {
            let form = upload::form(&call.wire, file).await?;
            let headers = request.headers_mut();
            headers.insert(CONTENT_LENGTH, HeaderValue::from(form.length));
            let kind = HeaderValue::from_str(&form.content_type);
            headers.insert(CONTENT_TYPE, kind.map_err(|_| ApiError::NotSent("the upload has no usable form".into()))?);
            *request.body_mut() = Some(form.body);
        }
        self.execute(request, call.wire.body_file(), call.into.as_ref()).await
    }

    async fn execute(
        &self,
        request: reqwest::Request,
        file: Option<&Attachment>,
        into: Option<&Sink>,
    ) -> Result<Raw, Failure> {
        let reusable = self.answered.load(Ordering::Relaxed);
        // A Backup Server may have to start a machine that reads the disks of a backup.
        let limit = if into.is_some() { self.options.silence * 10 } else { self.options.silence };
        let silent = || ApiError::Unsure(format!("no answer from {} within {}", self.target, secs(limit)));
        // Connecting has its own limit, which must not be mistaken for a silent server.
        let sending = self.http.execute(request);
        let sent = match file {
            None => timeout(self.options.connect + limit, sending).await.map_err(|_| silent())?,
            Some(file) => upload::watch(file, self.options.connect + limit, sending).await?,
        };
        let mut answer = sent.map_err(|e| {
            let error = match (self.explain(&e), file) {
                (ApiError::Unsure(why), Some(file)) => upload::broken(file, &why),
                (error, _) => error,
            };
            Failure { stale: reusable && is_closed(&e), error }
        })?;
        self.answered.store(true, Ordering::Relaxed);
        let status = answer.status();
        // hyper keeps the phrase only when it differs from the usual one.
        let reason = match answer.extensions().get::<ReasonPhrase>() {
            Some(phrase) => String::from_utf8_lossy(phrase.as_bytes()).into_owned(),
            None => status.canonical_reason().unwrap_or_default().to_owned(),
        };
        let reason = match answer.headers().get(LOCATION).filter(|_| status.is_redirection()) {
            Some(to) => format!("{} redirects to {}", self.target, shown(&String::from_utf8_lossy(to.as_bytes()))),
            None => reason,
        };
        if let Some(sink) = into.filter(|_| status.is_success()) {
            sink.begin().await?;
            loop {
                let so_far = || sink.meter.sent();
                let cut = |why: &str| {
                    ApiError::Unsure(format!("the answer of {} {why} after {} bytes", self.target, so_far()))
                };
                let chunk = timeout(limit, answer.chunk()).await.map_err(|_| cut("stopped"))?;
                match chunk.map_err(|_| cut("was cut off"))? {
                    Some(chunk) => sink.write(&chunk).await?,
                    None => break,
                }
            }
            return Ok(Raw { status: status.as_u16(), reason, body: bytes::Bytes::new() });
        }
        // In one piece when the server says how long it is: growing would copy a large answer several times over.
        let length = answer.content_length().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        // A server that sends a byte now and then is never silent, but will not come to an end either.
        let end = Instant::now() + limit * 10;
        let mut body = BytesMut::with_capacity(length.min(self.options.body).min(16 << 20));
        loop {
            let cut = |why: &str| {
                let so_far = body.len();
                ApiError::Unsure(format!("the answer of {} {why} after {so_far} bytes", self.target))
            };
            let left = end.saturating_duration_since(Instant::now());
            let late = if left < limit { "came too slowly and was given up" } else { "stopped" };
            let chunk = timeout(limit.min(left), answer.chunk()).await.map_err(|_| cut(late))?;
            match chunk.map_err(|_| cut("was cut off"))? {
                Some(chunk) if body.len() + chunk.len() > self.options.body => {
                    return Err(ApiError::Garbled(format!("it is larger than {} bytes", self.options.body)).into());
                }
                Some(chunk) => body.extend_from_slice(&chunk),
                None => break,
            }
        }
        Ok(Raw { status: status.as_u16(), reason, body: body.freeze() })
    }

    /// The address of a path, which has to be encoded already.
    fn url(&self, path: &str) -> Result<reqwest::Url, ApiError> {
        let bad = |what: &str| ApiError::NotSent(format!("{path} can't be asked for: {what}"));
        let mut url =
            reqwest::Url::parse(&format!("https://{}", self.target)).map_err(|_| bad("the host is not valid"))?;
        url.set_path(path);
        if url.path() != path {
            // The URL would be tidied up (`..`, blanks) and then name something else.
            return Err(bad("the path holds characters that need encoding, or a `.` or `..`"));
        }
        Ok(url)
    }

    /// Parameters go into the query of GET and DELETE (a body would be refused) and into the form of POST and PUT.
    fn request(&self, call: &Call) -> Result<reqwest::Request, ApiError> {
        let Wire { method, path, .. } = &call.wire;
        let bad = |what: &str| ApiError::NotSent(format!("{method} {path} can't be sent: {what}"));
        let mut url = self.url(&format!("/api2/json{path}"))?;
        let encoded = call.wire.encoded();
        let in_body = matches!(method, Method::Post | Method::Put);
        if !in_body && !encoded.is_empty() {
            url.set_query(Some(&encoded));
        }
        let verb = match method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut request = reqwest::Request::new(verb, url);
        let headers = request.headers_mut();
        for (name, value) in &call.headers {
            let mut value = HeaderValue::from_str(value.expose_secret())
                .map_err(|_| bad(&format!("the header {name} holds characters that are not allowed")))?;
            value.set_sensitive(true);
            headers.insert(*name, value);
        }
        if in_body && call.wire.body_file().is_none() {
            // Written out even for an empty form: the server refuses bodies without a length.
            headers.insert(CONTENT_LENGTH, HeaderValue::from(encoded.len()));
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
            *request.body_mut() = Some(encoded.into());
        }
        Ok(request)
    }

    /// Says what happened in the user's words, without the URL, whose parameters may be secret.
    fn explain(&self, error: &reqwest::Error) -> ApiError {
        if let Some(untrusted) = tls::find_rejection(error) {
            return untrusted;
        }
        let target = &self.target;
        let connecting = error.is_connect();
        let through = if self.options.proxy.is_some() { " (through the proxy of the environment)" } else { "" };
        let kind = tls::chain(error).filter_map(|e| e.downcast_ref::<io::Error>()).map(io::Error::kind).last();
        let tls = tls::chain(error).find_map(|e| e.downcast_ref::<rustls::Error>());
        if !connecting {
            return ApiError::Unsure(match (error.is_timeout(), tls) {
                (true, _) => format!("no answer from {target} in time"),
                (_, Some(tls)) => format!("the encrypted connection to {target} broke: {tls}"),
                _ if is_closed(error) => format!("{target} closed the connection before answering"),
                _ => format!("the call to {target} failed before the answer was complete: {}", last(error)),
            });
        }
        let dns = tls::chain(error).any(|e| e.to_string() == "dns error");
        ApiError::NotSent(match kind {
            _ if dns => format!("the name {} can't be resolved{through}: {}", target.host(), last(error)),
            _ if tls.is_some() => {
                let why = last(error);
                format!("TLS with {target} can't be set up, perhaps it is another service{through}: {why}")
            }
            _ if error.is_timeout() => {
                format!("no connection to {target}{through} within {}", secs(self.options.connect))
            }
            Some(io::ErrorKind::ConnectionRefused) => format!("{target} refuses connections{through}"),
            Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
                format!("there is no way to {target}{through}: {}", last(error))
            }
            Some(io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe) => {
                format!("{target} closed the connection during the TLS handshake{through}")
            }
            _ => format!("no connection to {target}{through}: {}", last(error)),
        })
    }
}

/// True when the peer hung up before the first byte of an answer.
fn is_closed(error: &reqwest::Error) -> bool {
    !error.is_connect()
        && !error.is_timeout()
        && tls::chain(error).any(|e| {
            let io = e.downcast_ref::<io::Error>().map(io::Error::kind);
            e.downcast_ref::<hyper::Error>().is_some_and(|h| h.is_incomplete_message() || h.is_canceled())
                || matches!(
                    io,
                    Some(
                        io::ErrorKind::ConnectionReset
                            | io::ErrorKind::ConnectionAborted
                            | io::ErrorKind::BrokenPipe
                            | io::ErrorKind::UnexpectedEof
                    )
                )
        })
}

/// The innermost error: the layers above only repeat that something failed, the top one with the URL.
fn last(error: &(dyn Error + 'static)) -> String {
    tls::chain(error).last().map(ToString::to_string).unwrap_or_default()
}

/// A server's text for the user: nothing that moves the cursor, and not too long.
fn shown(text: &str) -> String {
    const MOST: usize = 100;
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    if clean.chars().count() <= MOST { clean } else { clean.chars().take(MOST).chain("...".chars()).collect() }
}

fn secs(d: Duration) -> String {
    if d.subsec_millis() == 0 { format!("{} s", d.as_secs()) } else { format!("{:.1} s", d.as_secs_f64()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::api::request::Request;

    fn transport(host: &str) -> HttpTransport {
        HttpTransport::new(host.parse().unwrap(), &Trust::Insecure, Options::default()).unwrap()
    }

    fn built(request: Request<()>) -> Result<reqwest::Request, ApiError> {
        transport("[::1]").inner.request(&Call { wire: request.wire, headers: vec![], into: None })
    }

    #[test]
    fn parameters_in_query_or_form() {
        let r = built(Request::delete("/nodes/a/qemu/100").param("purge", 1).param("x", "ä b&c")).unwrap();
        assert_eq!(r.url().as_str(), "https://[::1]:8006/api2/json/nodes/a/qemu/100?purge=1&x=%C3%A4+b%26c");
        assert!(r.body().is_none() && r.headers().is_empty());
        let r = built(Request::put("/storage/x").param("a", 1).param("a", 2)).unwrap();
        assert_eq!((r.url().query(), r.body().unwrap().as_bytes()), (None, Some(&b"a=1&a=2"[..])));
        let r = built(Request::post("/nodes/a/status")).unwrap();
        assert_eq!(r.headers()["content-length"], "0");
    }

    #[test]
    fn paths_go_as_they_are_or_not_at_all() {
        let r = built(Request::get("/nodes/a/storage/local/content/local%3Aiso%2Fx.iso")).unwrap();
        assert_eq!(r.url().path(), "/api2/json/nodes/a/storage/local/content/local%3Aiso%2Fx.iso");
        for path in ["/pools/..", "/pools/%2e%2E/x", "/pools/a b", "/pools/ä", "/pools/x?y"] {
            let e = built(Request::get(path)).unwrap_err();
            assert!(matches!(e, ApiError::NotSent(_)), "{path}: {e}");
        }
    }

    #[test]
    fn headers_with_line_breaks_are_not_sent() {
        let wire = Request::<()>::get("/version").wire;
        let call =
            Call { wire, headers: vec![("Authorization", "PVEAPIToken=a@b!c=hunter2\r\nX: y".into())], into: None };
        let e = transport("pve1").inner.request(&call).unwrap_err().to_string();
        assert!(e.contains("Authorization") && !e.contains("hunter2"), "{e}");
    }

    #[test]
    fn proxies_of_the_environment() {
        let (far, near): (Target, Target) = ("pve1".parse().unwrap(), "localhost".parse().unwrap());
        let env = |name: &'static str, value: &'static str| move |n: &str| (n == name).then(|| value.to_owned());
        let url = |p: Option<Proxy>| p.map(|p| p.url);
        assert_eq!(url(Proxy::from_env(&far, env("https_proxy", "http://p:3128"))).as_deref(), Some("http://p:3128"));
        assert_eq!(url(Proxy::from_env(&far, env("ALL_PROXY", "http://p"))).as_deref(), Some("http://p"));
        assert_eq!(url(Proxy::from_env(&near, env("HTTPS_PROXY", "http://p"))), None);
        assert_eq!(url(Proxy::from_env(&far, env("HTTP_PROXY", "http://p"))), None);
        assert_eq!(url(Proxy::from_env(&far, env("HTTPS_PROXY", ""))), None);
        let shown = format!("{:?}", Proxy::from_env(&far, env("HTTPS_PROXY", "http://u:hunter2@p")));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
