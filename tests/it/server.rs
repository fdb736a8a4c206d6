//! A tiny HTTPS server that answers byte for byte what a test wants, however wrong, and counts what it is sent.
#![allow(clippy::unwrap_used)]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    sign::{CertifiedKey, SingleCertAndKey},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// `GET /api2/json/version HTTP/1.1`.
    pub line: String,
    /// The header lines in lower case.
    pub headers: Vec<String>,
    /// The body.
    pub body: String,
    /// Which connection it came over, counted from 1.
    pub connection: usize,
}

/// What to do with a request: bytes to write, with pauses between, and whether to hang up after that.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// Pieces; each is written after its pause.
    pub pieces: Vec<(Duration, String)>,
    /// Hang up (without a TLS goodbye) instead of waiting for the next request.
    pub hang_up: bool,
}

/// An answer with a length, and nothing wrong with it.
pub fn reply(status: &str, body: &str) -> Reply {
    raw(&format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

/// Exactly these bytes.
pub fn raw(bytes: &str) -> Reply {
    Reply { pieces: vec![(Duration::ZERO, bytes.into())], hang_up: false }
}

impl Reply {
    pub fn then_hang_up(self) -> Self {
        Self { hang_up: true, ..self }
    }
}

/// The running server. It ends with the test's runtime.
pub struct Server {
    pub address: SocketAddr,
    /// The certificate that it shows, in DER.
    pub leaf: Vec<u8>,
    /// The authority that signed it, in PEM.
    pub authority: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<Mutex<usize>>,
}

impl Server {
    /// Starts on a free port of 127.0.0.1 with a certificate for that address, signed by a new authority.
    pub async fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_as("127.0.0.1", answer).await
    }

    /// The same with a certificate for another name.
    pub async fn start_as(name: &str, answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        Self::start_with(leaf.der().to_vec(), &key, authority.pem(), answer).await
    }

    /// Shows any certificate with any key, even one that does not belong to it.
    pub async fn start_with(
        leaf: Vec<u8>,
        key: &KeyPair,
        authority: String,
        answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
        let shown = CertifiedKey::new(vec![leaf.clone().into()], key);
        let tls = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            leaf,
            authority,
            seen: Arc::default(),
            connections: Arc::default(),
        };
        let (seen, connections, answer) = (server.seen.clone(), server.connections.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, seen, answer) = (acceptor.clone(), seen.clone(), answer.clone());
                let number = {
                    let mut count = connections.lock().unwrap();
                    *count += 1;
                    *count
                };
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, number, &seen, &*answer).await;
                    }
                });
            }
        });
        server
    }

    /// All requests so far, in order of arrival.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// How many connections were opened.
    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    connection: usize,
    log: &Mutex<Vec<Seen>>,
    answer: &(impl Fn(&Seen) -> Reply + Sync),
) {
    while let Some(mut seen) = receive(&mut stream).await {
        seen.connection = connection;
        log.lock().unwrap().push(seen.clone());
        let reply = answer(&seen);
        for (pause, bytes) in reply.pieces {
            tokio::time::sleep(pause).await;
            if stream.write_all(bytes.as_bytes()).await.is_err() || stream.flush().await.is_err() {
                return;
            }
        }
        if reply.hang_up {
            return;
        }
    }
}

/// Reads one request, or nothing when the client hung up.
async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> Option<Seen> {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n").map(str::to_owned);
    let line = lines.next()?;
    let headers: Vec<String> = lines.map(|l| l.to_lowercase()).collect();
    let length = headers.iter().find_map(|h| h.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen { line, headers, body: String::from_utf8(body).unwrap(), connection: 0 })
}
