//! A file of this machine that lies ready for one node: read-only, on a path that nobody can guess, until it was fetched
//! once. A node that loses the connection goes on where it was (`Range`).

use std::{
    convert::Infallible,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body_util::StreamBody;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Frame, Incoming},
    header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, RANGE},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::mpsc::{self, Receiver},
    task::JoinSet,
    time::{Instant, interval, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::api::{
    attachment::{Attachment, Offer},
    error::ApiError,
};

/// The file is read in pieces of this size; a few of them are all that is in memory.
const PIECE: usize = 256 << 10;
/// Pieces that are read ahead.
const AHEAD: usize = 4;
/// How often the offer is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How long a visitor may take to say what it wants.
const GREETING: Duration = Duration::from_secs(15);

/// Lays the file ready and returns; how it ends is said by its meter.
///
/// # Errors
/// [`ApiError::NotSent`] when the address can't be listened on, or there is no certificate.
pub async fn serve(file: &Attachment) -> Result<(), ApiError> {
    let Some(offer) = file.offer.clone() else { return Ok(()) };
    let address = offer.address();
    let not = |why: String| ApiError::NotSent(format!("{} can't be offered at {address}: {why}", file.name));
    let tls = if offer.tls { Some(acceptor(offer.host).map_err(not)?) } else { None };
    let listener = TcpListener::bind(address).await.map_err(|e| not(format!("{e}; choose another address or port")))?;
    let desk = Arc::new(Desk {
        file: file.clone(),
        offer: *offer,
        visitor: Mutex::new(None),
        latest: Arc::default(),
        given: Arc::default(),
        have: AtomicU64::new(0),
    });
    tokio::spawn(async move {
        let end = attend(listener, tls, &desk).await;
        desk.file.meter.finish(end);
    });
    Ok(())
}

/// A certificate that nobody knows: it keeps others from reading along, the checksum keeps them from writing.
fn acceptor(host: IpAddr) -> Result<TlsAcceptor, String> {
    let made = rcgen::generate_simple_self_signed(vec![host.to_string()]).map_err(|e| e.to_string())?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .map_err(|e| e.to_string())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What all visits share.
struct Desk {
    file: Attachment,
    offer: Offer,
    /// The first one who knew the path: from then on nobody else is served.
    visitor: Mutex<Option<IpAddr>>,
    /// The newest visit; an older one that hangs is given up.
    latest: Arc<AtomicU64>,
    /// Bytes that were handed out in all, for noticing that nothing moves.
    given: Arc<AtomicU64>,
    /// So many bytes from the first one on were handed out without a gap.
    have: AtomicU64,
}

/// Receives visits until the file was fetched, somebody stops it, or nothing moves any more.
async fn attend(listener: TcpListener, tls: Option<TlsAcceptor>, desk: &Arc<Desk>) -> Result<(), String> {
    let meter = &desk.file.meter;
    let (mut last, mut since) = (0, Instant::now());
    let mut look = interval(LOOK);
    let mut visits = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            end = meter.over() => return end,
            () = meter.cancelled() => return Err("stopped by you: it is not offered any more".into()),
            came = listener.accept() => if let Ok((stream, peer)) = came {
                let (desk, tls) = (desk.clone(), tls.clone());
                visits.spawn(visit(stream, peer.ip(), tls, desk));
            },
            Some(_) = visits.join_next(), if !visits.is_empty() => {}
            _ = look.tick() => {
                let given = desk.given.load(Ordering::Relaxed);
                if given != last {
                    (last, since) = (given, Instant::now());
                }
                if since.elapsed() > desk.offer.patience {
                    let minutes = desk.offer.patience.as_secs() / 60;
                    return Err(match given {
                        0 => format!("nobody came to {} for {minutes} min: can the node reach it?", desk.offer.address()),
                        _ => format!("nothing moved for {minutes} min"),
                    });
                }
            }
        }
    }
}

async fn visit(stream: TcpStream, peer: IpAddr, tls: Option<TlsAcceptor>, desk: Arc<Desk>) {
    let _ = stream.set_nodelay(true);
    match tls {
        None => talk(stream, peer, &desk).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = timeout(GREETING, tls.accept(stream)).await {
                talk(stream, peer, &desk).await;
            }
        }
    }
}

/// One request and its answer.
async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin, peer: IpAddr, desk: &Arc<Desk>) {
    let part: Arc<Mutex<Option<Arc<Part>>>> = Arc::default();
    let service = service_fn(|request: Request<Incoming>| {
        let (answer, begun) = desk.answer(&request, peer);
        *part.lock().unwrap_or_else(PoisonError::into_inner) = begun;
        async move { Ok::<_, Infallible>(answer) }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(GREETING).keep_alive(false).max_headers(64);
    let ended = http.serve_connection(TokioIo::new(stream), service).await;
    let part = part.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(part) = part {
        desk.closed(&part, ended.is_ok());
    }
}

/// What one visit fetches.
struct Part {
    start: u64,
    given: AtomicU64,
    number: u64,
}

type Pieces = StreamBody<std::pin::Pin<Box<dyn Stream<Item = io::Result<Frame<Bytes>>> + Send>>>;

impl Desk {
    fn answer(&self, request: &Request<Incoming>, peer: IpAddr) -> (Response<Pieces>, Option<Arc<Part>>) {
        if request.uri().path() != self.offer.path(&self.file.name) {
            return (plain(StatusCode::NOT_FOUND), None);
        }
        let first = *self.visitor.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(peer);
        if first != peer {
            return (plain(StatusCode::FORBIDDEN), None);
        }
        let size = self.file.size;
        let range = request.headers().get(RANGE).map(|range| range.to_str().ok().and_then(|r| parse_range(r, size)));
        let (start, end) = match range {
            None => (0, size),
            Some(Some(range)) => range,
            Some(None) => {
                let mut answer = plain(StatusCode::RANGE_NOT_SATISFIABLE);
                put(&mut answer, CONTENT_RANGE, &format!("bytes */{size}"));
                return (answer, None);
            }
        };
        let mut answer = match *request.method() {
            Method::HEAD => plain(StatusCode::OK),
            Method::GET if range.is_some() => plain(StatusCode::PARTIAL_CONTENT),
            Method::GET => plain(StatusCode::OK),
            _ => return (plain(StatusCode::METHOD_NOT_ALLOWED), None),
        };
        put(&mut answer, ACCEPT_RANGES, "bytes");
        put(&mut answer, CONTENT_TYPE, "application/octet-stream");
        put(&mut answer, CONTENT_LENGTH, &(end - start).to_string());
        if *request.method() == Method::HEAD {
            return (answer, None);
        }
        if range.is_some() {
            put(&mut answer, CONTENT_RANGE, &format!("bytes {start}-{}/{size}", end - 1));
        }
        let number = self.latest.fetch_add(1, Ordering::Relaxed) + 1;
        let part = Arc::new(Part { start, given: AtomicU64::new(0), number });
        *answer.body_mut() = StreamBody::new(Box::pin(self.pieces(&part, end)));
        (answer, Some(part))
    }

    /// The file from the part's start to `end`, read while it is sent.
    fn pieces(&self, part: &Arc<Part>, end: u64) -> impl Stream<Item = io::Result<Frame<Bytes>>> + Send + use<> {
        let (give, pieces) = mpsc::channel(AHEAD);
        let (file, start) = (self.file.clone(), part.start);
        tokio::task::spawn_blocking(move || {
            let read = read(&file, start, end, |piece| give.blocking_send(Ok(piece)).is_ok());
            if let Err(error) = read {
                file.meter.finish(Err(format!("{} can't be read any more: {error}", file.path.display())));
                let _ = give.blocking_send(Err(error));
            }
        });
        let (meter, part) = (self.file.meter.clone(), part.clone());
        let (latest, all) = (self.latest.clone(), self.given.clone());
        let counted = move |piece: Bytes| {
            if latest.load(Ordering::Relaxed) != part.number {
                return Err(io::Error::other("the node has come back with another connection"));
            }
            let length = piece.len() as u64;
            all.fetch_add(length, Ordering::Relaxed);
            meter.set(part.start + part.given.fetch_add(length, Ordering::Relaxed) + length);
            Ok(Frame::data(piece))
        };
        stream::unfold((pieces, counted), |(mut pieces, counted): (Receiver<io::Result<Bytes>>, _)| async move {
            let piece = pieces.recv().await?;
            Some((piece.and_then(&counted), (pieces, counted)))
        })
    }

    /// A visit is over: the whole file was fetched when nothing is missing before or after what it got.
    fn closed(&self, part: &Part, well: bool) {
        let given = part.given.load(Ordering::Relaxed);
        let have = self.have.load(Ordering::Relaxed);
        if part.start > have {
            return;
        }
        let upto = part.start + given;
        self.have.fetch_max(upto, Ordering::Relaxed);
        if well && upto == self.file.size && part.number == self.latest.load(Ordering::Relaxed) {
            self.file.meter.finish(Ok(()));
        }
    }
}

/// Reads a part of the file until nobody takes it any more.
fn read(file: &Attachment, start: u64, end: u64, give: impl Fn(Bytes) -> bool) -> io::Result<()> {
    let mut source = File::open(&file.path)?;
    if source.metadata()?.len() != file.size {
        return Err(io::Error::other("it is not as large as it was"));
    }
    source.seek(SeekFrom::Start(start))?;
    let mut left = end - start;
    while left > 0 {
        let want = left.min(PIECE as u64);
        let mut piece = Vec::with_capacity(usize::try_from(want).unwrap_or(PIECE));
        let got = (&mut source).take(want).read_to_end(&mut piece)? as u64;
        if got == 0 {
            return Err(io::Error::other("it became shorter"));
        }
        left -= got;
        if !give(piece.into()) {
            return Ok(());
        }
    }
    Ok(())
}

/// Begin and end (not included) of `bytes=10-` or `bytes=10-19`.
fn parse_range(text: &str, size: u64) -> Option<(u64, u64)> {
    let (start, end) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
    let start: u64 = start.parse().ok()?;
    let end = if end.is_empty() { size } else { end.parse::<u64>().ok()?.checked_add(1)?.min(size) };
    (start < end).then_some((start, end))
}

fn plain(status: StatusCode) -> Response<Pieces> {
    let mut answer = Response::new(StreamBody::new(Box::pin(stream::empty()) as _));
    *answer.status_mut() = status;
    put(&mut answer, CONTENT_LENGTH, "0");
    answer
}

fn put(answer: &mut Response<Pieces>, name: hyper::header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write as _;

    use super::*;
    use crate::api::attachment::Meter;

    fn file(data: &[u8], tls: bool, patience: Duration) -> (tempfile::NamedTempFile, Attachment) {
        let mut there = tempfile::NamedTempFile::new().unwrap();
        there.write_all(data).unwrap();
        // A port that was free a moment ago.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let offer = Offer { host: [127, 0, 0, 1].into(), port, secret: Offer::new_secret(), tls, patience };
        let file = Attachment {
            path: there.path().into(),
            name: "x.iso".into(),
            size: data.len() as u64,
            meter: Meter::default(),
            offer: Some(Box::new(offer)),
        };
        (there, file)
    }

    fn client() -> reqwest::Client {
        let trust = super::super::tls::config(&super::super::Trust::Insecure).unwrap();
        reqwest::Client::builder().tls_backend_preconfigured(trust).no_proxy().build().unwrap()
    }

    fn url(file: &Attachment) -> String {
        file.offer.as_ref().unwrap().url(&file.name)
    }

    #[tokio::test]
    async fn one_whole_fetch_ends_it() {
        let data: Vec<u8> = (0..3_000_000u32).map(|n| n as u8).collect();
        let (_there, file) = file(&data, true, Duration::from_secs(60));
        serve(&file).await.unwrap();
        let taken = serve(&file).await.unwrap_err();
        assert!(taken.to_string().contains("choose another address or port"), "{taken}");
        let base = url(&file);
        let wrong = base.replace(&file.offer.as_ref().unwrap().secret, "guess");
        assert_eq!(client().get(&wrong).send().await.unwrap().status(), 404);
        assert_eq!(client().post(&base).send().await.unwrap().status(), 405);
        let head = client().head(&base).send().await.unwrap();
        assert_eq!(head.headers()["content-length"], "3000000");
        assert_eq!(file.meter.ended(), None);
        let answer = client().get(&base).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.bytes().await.unwrap(), data);
        assert_eq!(file.meter.over().await, Ok(()));
        assert_eq!(file.meter.sent(), 3_000_000);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(client().get(&base).send().await.unwrap_err().is_connect(), "nobody listens any more");
    }

    #[tokio::test]
    async fn a_broken_fetch_goes_on_where_it_was() {
        let data: Vec<u8> = (0..8_000_000u32).map(|n| (n / 7) as u8).collect();
        let (_there, file) = file(&data, false, Duration::from_secs(60));
        serve(&file).await.unwrap();
        let mut answer = client().get(url(&file)).send().await.unwrap();
        let mut got = answer.chunk().await.unwrap().unwrap().to_vec();
        drop(answer);
        let past = client().get(url(&file)).header("Range", "bytes=8000000-").send().await.unwrap();
        assert_eq!(past.status(), 416);
        assert_eq!(past.headers()["content-range"], "bytes */8000000");
        let rest = client().get(url(&file)).header("Range", format!("bytes={}-", got.len())).send().await.unwrap();
        assert_eq!(rest.status(), 206);
        assert_eq!(rest.headers()["content-range"], format!("bytes {}-7999999/8000000", got.len()));
        got.extend_from_slice(&rest.bytes().await.unwrap());
        assert_eq!(got, data);
        assert_eq!(file.meter.over().await, Ok(()));
    }

    #[tokio::test]
    async fn the_end_alone_is_not_the_file() {
        let (_there, file) = file(b"hello world", false, Duration::from_millis(600));
        serve(&file).await.unwrap();
        let end = client().get(url(&file)).header("Range", "bytes=6-").send().await.unwrap();
        assert_eq!(end.text().await.unwrap(), "world");
        let over = file.meter.over().await.unwrap_err();
        assert!(over.contains("nothing moved"), "{over}");
    }

    #[tokio::test]
    async fn it_ends_when_stopped_or_when_nobody_comes() {
        let (_there, stopped) = file(b"hello", false, Duration::from_secs(60));
        serve(&stopped).await.unwrap();
        stopped.meter.cancel();
        assert!(stopped.meter.over().await.unwrap_err().contains("stopped by you"));
        let (_there, alone) = file(b"hello", false, Duration::from_millis(10));
        serve(&alone).await.unwrap();
        assert!(alone.meter.over().await.unwrap_err().contains("nobody came to 127.0.0.1:"));
    }

    #[test]
    fn ranges() {
        assert_eq!(parse_range("bytes=0-", 10), Some((0, 10)));
        assert_eq!(parse_range("bytes=3-5", 10), Some((3, 6)));
        assert_eq!(parse_range("bytes=3-50", 10), Some((3, 10)));
        for bad in ["bytes=10-", "bytes=-5", "lines=1-", "bytes=5-3", "bytes=a-"] {
            assert_eq!(parse_range(bad, 10), None, "{bad}");
        }
    }
}
