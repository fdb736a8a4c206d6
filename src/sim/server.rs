//! The simulator behind HTTPS on loopback, with the manners of the real server.

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::ext::ReasonPhrase;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::call::{Answer, Call, Spoil};
use super::fetch;
use super::multipart;
use super::router::Simulator;

/// The largest body of a call that isn't an upload.
const BODY_LIMIT: usize = 512 * 1024;

/// How the server behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens; port 0 for any.
    pub listen: SocketAddr,
    /// How long every 401 is held back; 3 s on a real server.
    pub delay_401: Duration,
    /// Extra time of every answer.
    pub latency: Duration,
    /// Where a line per request goes.
    pub access_log: Option<PathBuf>,
    /// Time stands still: load, uptimes and tasks stay as they are.
    pub frozen: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            delay_401: Duration::from_secs(3),
            latency: Duration::ZERO,
            access_log: None,
            frozen: false,
        }
    }
}

/// A running server. It stops when it is dropped.
pub struct Server {
    /// The address that it listens on.
    pub address: SocketAddr,
    /// SHA-256 of its certificate, 32 upper case hex pairs with colons.
    pub fingerprint: String,
    /// Its certificate.
    pub certificate_pem: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    simulator: Mutex<Simulator>,
    options: Options,
    log: Option<File>,
    started: f64,
}

impl Shared {
    fn now(&self) -> f64 {
        if self.options.frozen { self.started } else { wall_clock() }
    }

    /// One line per answer: time, peer (a new port is a new connection), method, path, status, bytes.
    fn note(&self, peer: SocketAddr, what: &str, answer: &Answer) {
        if let Some(mut log) = self.log.as_ref() {
            let line = format!("{:.3} {peer} {what} {} {}\n", wall_clock(), answer.status, answer.body.len());
            // A full disk must not end the server.
            let _ = log.write_all(line.as_bytes());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Simulator> {
        self.simulator.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Seconds since the epoch.
pub fn wall_clock() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

impl Server {
    /// Makes a certificate and starts to listen.
    pub async fn start(mut simulator: Simulator, options: Options) -> Result<Server, String> {
        let ip = options.listen.ip().to_string();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned(), ip];
        let made = rcgen::generate_simple_self_signed(names).map_err(|e| format!("cannot make a certificate: {e}"))?;
        let der = made.cert.der().clone();
        let fingerprint: Vec<String> = Sha256::digest(&der).iter().map(|b| format!("{b:02X}")).collect();
        let fingerprint = fingerprint.join(":");
        let local = simulator.cluster.local.clone();
        if let Some(node) = simulator.cluster.nodes.get_mut(&local) {
            node.fingerprint = fingerprint.clone();
        }
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let mut tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| format!("cannot set TLS up: {e}"))?
            .with_no_client_auth()
            .with_single_cert(vec![der], key)
            .map_err(|e| format!("cannot use the certificate: {e}"))?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let listener = TcpListener::bind(options.listen)
            .await
            .map_err(|e| format!("cannot listen on {}: {e}; choose another address with --listen", options.listen))?;
        let address = listener.local_addr().map_err(|e| format!("cannot find the own address: {e}"))?;
        let open = |path: &PathBuf| File::options().create(true).append(true).open(path);
        let log = options.access_log.as_ref().map(open).transpose().map_err(|e| format!("cannot write a log: {e}"))?;
        let shared = Arc::new(Shared { simulator: Mutex::new(simulator), options, log, started: wall_clock() });
        let task = tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(tls)), shared.clone()));
        Ok(Server { address, fingerprint, certificate_pem: made.cert.pem(), shared, task })
    }

    /// `https://127.0.0.1:8006`.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Looks into the simulator or changes it.
    pub fn with<T>(&self, look: impl FnOnce(&mut Simulator) -> T) -> T {
        look(&mut self.shared.lock())
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let (acceptor, shared) = (acceptor.clone(), shared.clone());
        tokio::spawn(async move {
            let Ok(Ok(tls)) = tokio::time::timeout(Duration::from_secs(15), acceptor.accept(stream)).await else {
                return;
            };
            let service = service_fn(move |request| serve(shared.clone(), peer, request));
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).keep_alive(true).max_buf_size(64 * 1024).max_headers(64);
            // an error here is a client that went away, or a fault that wants the connection broken
            let _ = http.serve_connection(TokioIo::new(tls), service).with_upgrades().await;
        });
    }
}

/// The connection is to be broken.
#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection was broken on purpose")
    }
}

impl std::error::Error for Broken {}

async fn serve(shared: Arc<Shared>, peer: SocketAddr, request: Request<Incoming>) -> Result<Response<Pieces>, Broken> {
    let what = shared.log.as_ref().map(|_| format!("{} {}", request.method(), request.uri().path()));
    let mut answer = match take(&shared, request).await {
        Ok(answer) => answer,
        Err(Some(answer)) => answer,
        Err(None) => return Err(Broken),
    };
    if let Some(what) = what {
        shared.note(peer, &what, &answer);
    }
    let mut wait = shared.options.latency + Duration::from_secs_f64(answer.delay.max(0.0));
    if answer.status == 401 {
        wait += shared.options.delay_401;
    }
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    if answer.spoil == Spoil::Hang {
        return Err(Broken);
    }
    let body = std::mem::take(&mut answer.body);
    let cut = answer.spoil == Spoil::Cut;
    let mut out = Response::new(Pieces::new(body, cut));
    *out.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reason: Vec<u8> = answer.reason.bytes().filter(|b| matches!(b, b'\t' | 0x20..=0x7e | 0x80..)).collect();
    if let Ok(reason) = ReasonPhrase::try_from(reason) {
        out.extensions_mut().insert(reason);
    }
    let headers = out.headers_mut();
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) =
            (hyper::header::HeaderName::try_from(name.as_str()), hyper::header::HeaderValue::try_from(value.as_str()))
        {
            headers.insert(name, value);
        }
    }
    let pveproxy = hyper::header::HeaderValue::from_static("pve-api-daemon/3.0");
    headers.insert(hyper::header::SERVER, pveproxy);
    headers.insert(hyper::header::CACHE_CONTROL, hyper::header::HeaderValue::from_static("max-age=0"));
    // the real server ends a connection whose request it didn't understand
    if matches!(answer.status, 401 | 501 | 506) || answer.status >= 595 {
        headers.insert(hyper::header::CONNECTION, hyper::header::HeaderValue::from_static("close"));
    }
    Ok(out)
}

/// Reads a request and has it answered. An error is an early answer, or none at all.
async fn take(shared: &Shared, request: Request<Incoming>) -> Result<Answer, Option<Answer>> {
    let (head, mut body) = request.into_parts();
    let mut call = Call {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or("").to_owned(),
        ..Call::default()
    };
    for (name, value) in &head.headers {
        call.headers.push((name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    }
    if call.get_header("transfer-encoding").is_some() {
        return Err(Some(super::router::bare(501, "chunked transfer encoding not supported")));
    }
    if call.method == "POST" && call.path.ends_with("/upload") && call.path.starts_with("/api2/") {
        return upload(shared, call, body).await;
    }
    let length: usize = call.get_header("content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
    if length > BODY_LIMIT {
        return Err(Some(super::router::bare(501, "for data too large")));
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| None)?;
        if let Some(data) = frame.data_ref() {
            call.body.extend_from_slice(data);
        }
        if call.body.len() > BODY_LIMIT {
            return Err(Some(super::router::bare(501, "for data too large")));
        }
    }
    if let Some(wanted) = fetch::wanted(&call)
        && let Some(source) = fetch::fetch(&wanted).await
    {
        shared.lock().cluster.add_source(&wanted.url, source);
    }
    Ok(shared.lock().handle(call, shared.now()))
}

async fn upload(shared: &Shared, mut call: Call, mut body: Incoming) -> Result<Answer, Option<Answer>> {
    let mut reader = match multipart::Reader::new(call.get_header("content-type").unwrap_or("")) {
        Ok(reader) => reader,
        Err(_) => return Err(None),
    };
    // recognised as an upload before its fields are read: no CSRF token is asked for
    call.upload = Some(super::call::Upload::default());
    let refused = shared.lock().admit_upload(&call, shared.now());
    let bad = |bad| match bad {
        multipart::Bad::Request => Some(super::router::bare(400, "Bad Request")),
        multipart::Bad::Close => None,
    };
    let mut broken = refused;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| None)?;
        if let (Some(data), None) = (frame.data_ref(), &broken)
            && let Err(error) = reader.push(data)
        {
            broken = bad(error);
        }
    }
    if let Some(answer) = broken {
        return Err(Some(answer));
    }
    call.upload = Some(reader.finish().map_err(bad)?);
    Ok(shared.lock().handle(call, shared.now()))
}

/// The body of an answer: in one piece, or broken off in the middle.
struct Pieces {
    data: Bytes,
    whole: u64,
    cut: bool,
    broken: bool,
    /// The first half must be on the wire before the connection breaks.
    pause: Pin<Box<tokio::time::Sleep>>,
}

impl Pieces {
    fn new(body: Vec<u8>, cut: bool) -> Self {
        let whole = body.len() as u64;
        let mut data = Bytes::from(body);
        if cut {
            data.truncate(data.len() / 2);
        }
        let pause = Box::pin(tokio::time::sleep(Duration::ZERO));
        Self { data, whole, cut, broken: false, pause }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if !self.data.is_empty() {
            let data = std::mem::take(&mut self.data);
            if self.cut {
                self.pause.as_mut().reset(tokio::time::Instant::now() + Duration::from_millis(20));
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if self.cut && !self.broken {
            std::task::ready!(self.pause.as_mut().poll(cx));
            self.broken = true;
            return Poll::Ready(Some(Err(Broken)));
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_empty() && !self.cut
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.whole)
    }
}
