//! What the simulated node really fetches: addresses on this machine's loopback, and nothing else. The file is not kept;
//! its size and its sums become one of the scenario's sources, which the task of the download then plays.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme, crypto};

use super::call::Call;
use super::multipart::Sum;

/// How long a file may take.
const LIMIT: Duration = Duration::from_secs(25);

/// What a node shall fetch from loopback.
pub struct Wanted {
    /// The address.
    pub url: String,
    /// Certificates are not checked.
    unchecked: bool,
    /// The sum that will be asked for.
    algorithm: String,
}

/// What a call of `download-url` names, when it is on loopback.
pub fn wanted(call: &Call) -> Option<Wanted> {
    if call.method != "POST" || !call.path.ends_with("/download-url") {
        return None;
    }
    let form: Vec<(String, String)> = form_urlencoded::parse(&call.body).into_owned().collect();
    let get = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let url = get("url")?;
    let rest = url.split_once("://")?.1;
    (rest.starts_with("127.0.0.1:") || rest.starts_with("[::1]:") || rest.starts_with("localhost:")).then(|| Wanted {
        url: url.to_owned(),
        unchecked: get("verify-certificates") == Some("0"),
        algorithm: get("checksum-algorithm").unwrap_or_default().to_owned(),
    })
}

/// Fetches a file as `wget` would. `None`: it can't be had.
pub async fn fetch(wanted: &Wanted) -> Option<Value> {
    let Wanted { url, unchecked, algorithm } = wanted;
    let (scheme, rest) = url.split_once("://")?;
    let (host, path) = rest.split_once('/')?;
    let begun = Instant::now();
    let whole = async {
        let stream = TcpStream::connect(host).await.ok()?;
        let ask =
            format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Wget/1.25.0\r\nConnection: close\r\n\r\n");
        match scheme {
            "http" => read(stream, &ask, algorithm).await,
            // Nobody signs certificates for loopback: checking always fails.
            "https" if *unchecked => {
                let name = ServerName::try_from("localhost").ok()?;
                let stream = TlsConnector::from(Arc::new(trusting()?)).connect(name, stream).await.ok()?;
                read(stream, &ask, algorithm).await
            }
            _ => None,
        }
    };
    let (size, sum) = tokio::time::timeout(LIMIT, whole).await.ok()??;
    let rate = size as f64 / begun.elapsed().as_secs_f64().max(0.001);
    let kind = "application/octet-stream";
    Some(json!({"size": size, "type": kind, "sums": {algorithm.as_str(): sum}, "rate": rate.max(1.0)}))
}

/// Sends the request and reads the body to its end: its length and its sum.
async fn read(mut stream: impl AsyncRead + AsyncWrite + Unpin, ask: &str, algorithm: &str) -> Option<(u64, String)> {
    stream.write_all(ask.as_bytes()).await.ok()?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
        if head.len() > 16 << 10 {
            return None;
        }
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    if head.split(' ').nth(1) != Some("200") {
        return None;
    }
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length:")).and_then(|l| l.trim().parse().ok())?;
    let (mut left, mut sum, mut piece): (u64, _, _) = (length, Sum::new(algorithm), vec![0; 64 << 10]);
    while left > 0 {
        let most = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let got = stream.read(&mut piece[..most]).await.ok().filter(|n| *n > 0)?;
        sum.update(&piece[..got]);
        left -= got as u64;
    }
    // The farewell of the other side: it may look for that before it believes that everything has arrived.
    let _ = stream.shutdown().await;
    Some((length, sum.finish()))
}

fn trusting() -> Option<ClientConfig> {
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    Some(builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody)).with_no_client_auth())
}

/// `wget --no-check-certificate`.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
