//! Files on their way out: a `multipart/form-data` body that is read from disk while it is sent.

use std::{fs::File, io::Read, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use sha2::Digest;
use tokio::{
    sync::mpsc::{self, Receiver},
    time::{Instant, interval},
};

use crate::api::{attachment::Attachment, error::ApiError, request::Wire};

/// The file is read in pieces of this size; a few of them are all that is in memory.
const PIECE: usize = 256 << 10;
/// Pieces that are read ahead.
const AHEAD: usize = 4;
/// How often a transfer is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How long the server may take to answer once it has everything.
const DIGEST: Duration = Duration::from_secs(300);

/// A body ready to be sent.
pub(super) struct Form {
    pub content_type: String,
    pub length: u64,
    pub body: reqwest::Body,
}

/// Opens the file and builds the body: the parameters in their order, then the file.
pub(super) async fn form(wire: &Wire, file: &Attachment) -> Result<Form, ApiError> {
    let not = |why: String| ApiError::NotSent(format!("{} can't be sent: {why}", file.path.display()));
    file.meter.reset();
    let path = file.path.clone();
    let opened = tokio::task::spawn_blocking(move || {
        let source = File::open(path)?;
        let size = source.metadata()?.len();
        Ok::<_, std::io::Error>((source, size))
    });
    let (source, size) = opened.await.map_err(|e| not(e.to_string()))?.map_err(|e| not(e.to_string()))?;
    if size != file.size {
        return Err(not(format!("it had {} bytes a moment ago and has {size} now", file.size)));
    }
    // The server finds the parts only when it is spelt exactly like this.
    let boundary = format!("proxmux{:032x}", rand::random::<u128>());
    let mut head = String::new();
    for p in &wire.params {
        head.push_str(&format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n",
            p.name, p.value
        ));
    }
    let name: String = file.name.chars().filter(|c| !matches!(c, '"' | '\r' | '\n')).collect();
    head.push_str(&format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"{name}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    ));
    let tail = format!("\r\n--{boundary}--\r\n");
    let length = head.len() as u64 + size + tail.len() as u64;
    let (give, pieces) = mpsc::channel(AHEAD);
    let meter = file.meter.clone();
    let wanted = wire.get("checksum-algorithm").zip(wire.get("checksum"));
    let sum = wanted.and_then(|(algorithm, sum)| Some((Sum::new(algorithm)?, sum.to_owned())));
    let body = Body { source, size, head, tail, sum };
    tokio::task::spawn_blocking(move || body.read(|piece| give.blocking_send(piece).is_ok()));
    let body = stream::unfold((pieces, meter), |(mut pieces, meter): (Receiver<Piece>, _)| async move {
        let (piece, counted) = pieces.recv().await?;
        meter.add(counted);
        Some((piece, (pieces, meter)))
    });
    Ok(Form {
        content_type: format!("multipart/form-data; boundary={boundary}"),
        length,
        body: reqwest::Body::wrap_stream(body),
    })
}

/// Bytes to send, and how many of them are the file's.
type Piece = (Result<Bytes, std::io::Error>, u64);

/// What is to be sent.
struct Body {
    source: File,
    size: u64,
    head: String,
    tail: String,
    /// What the file must add up to.
    sum: Option<(Sum, String)>,
}

impl Body {
    /// Reads the whole body piece by piece until nobody takes it any more. The end is held back when the file is not what
    /// it should be: without it the server throws everything away.
    fn read(mut self, give: impl Fn(Piece) -> bool) {
        if !give((Ok(std::mem::take(&mut self.head).into()), 0)) {
            return;
        }
        let wrong = |why: String| (Err(std::io::Error::other(why)), 0);
        let mut source = self.source.take(self.size);
        let mut left = self.size;
        while left > 0 {
            let mut piece = Vec::with_capacity(PIECE.min(usize::try_from(left).unwrap_or(PIECE)));
            match (&mut source).take(PIECE as u64).read_to_end(&mut piece) {
                Ok(0) => {
                    let _ = give(wrong("the file became shorter while it was sent".into()));
                    return;
                }
                Ok(n) => {
                    left -= n as u64;
                    if let Some((sum, _)) = &mut self.sum {
                        sum.add(&piece);
                    }
                    if !give((Ok(piece.into()), n as u64)) {
                        return;
                    }
                }
                Err(error) => {
                    let _ = give((Err(error), 0));
                    return;
                }
            }
        }
        if let Some((sum, wanted)) = self.sum {
            let got = sum.finish();
            if !got.eq_ignore_ascii_case(&wanted) {
                let _ = give(wrong(format!("the file does not add up: its sum is {got}, not {wanted}")));
                return;
            }
        }
        let _ = give((Ok(self.tail.into()), 0));
    }
}

/// A running checksum.
enum Sum {
    Md5(md5::Md5),
    Sha1(sha1::Sha1),
    Sha224(sha2::Sha224),
    Sha256(sha2::Sha256),
    Sha384(sha2::Sha384),
    Sha512(sha2::Sha512),
}

impl Sum {
    fn new(algorithm: &str) -> Option<Self> {
        Some(match algorithm {
            "md5" => Self::Md5(Digest::new()),
            "sha1" => Self::Sha1(Digest::new()),
            "sha224" => Self::Sha224(Digest::new()),
            "sha256" => Self::Sha256(Digest::new()),
            "sha384" => Self::Sha384(Digest::new()),
            "sha512" => Self::Sha512(Digest::new()),
            _ => return None,
        })
    }

    fn add(&mut self, data: &[u8]) {
        match self {
            Self::Md5(sum) => sum.update(data),
            Self::Sha1(sum) => sum.update(data),
            Self::Sha224(sum) => sum.update(data),
            Self::Sha256(sum) => sum.update(data),
            Self::Sha384(sum) => sum.update(data),
            Self::Sha512(sum) => sum.update(data),
        }
    }

    fn finish(self) -> String {
        fn hex(bytes: &[u8]) -> String {
            bytes.iter().map(|b| format!("{b:02x}")).collect()
        }
        match self {
            Self::Md5(sum) => hex(&sum.finalize()),
            Self::Sha1(sum) => hex(&sum.finalize()),
            Self::Sha224(sum) => hex(&sum.finalize()),
            Self::Sha256(sum) => hex(&sum.finalize()),
            Self::Sha384(sum) => hex(&sum.finalize()),
            Self::Sha512(sum) => hex(&sum.finalize()),
        }
    }
}

/// What went wrong with a transfer, in words that say how far it came.
pub(super) fn broken(file: &Attachment, why: &str) -> ApiError {
    let (sent, size) = (file.meter.sent(), file.size);
    if let Some(why) = why.find("the file ").map(|at| &why[at..]) {
        return ApiError::Unfit(format!("{}: {why}; the server throws away what it has", file.name));
    }
    if sent < size {
        let share = sent as f64 / size as f64 * 100.0;
        ApiError::Broken(format!(
            "{why} after {share:.0} % of {} ({sent} of {size} bytes): the server throws the part away",
            file.name
        ))
    } else {
        ApiError::Unsure(format!("{why} when all of {} had been sent", file.name))
    }
}

/// Waits for the answer to a transfer: it may take any time as long as bytes leave, and may be stopped.
pub(super) async fn watch<T>(
    file: &Attachment,
    silence: Duration,
    sending: impl Future<Output = T>,
) -> Result<T, ApiError> {
    let (mut last, mut since) = (file.meter.sent(), Instant::now());
    let mut look = interval(LOOK);
    tokio::pin!(sending);
    loop {
        tokio::select! {
            biased;
            done = &mut sending => return Ok(done),
            () = file.meter.cancelled() => return Err(broken(file, "stopped by you")),
            _ = look.tick() => {
                let sent = file.meter.sent();
                if sent != last {
                    (last, since) = (sent, Instant::now());
                }
                let limit = if sent < file.size { silence } else { silence.max(DIGEST) };
                if since.elapsed() > limit {
                    return Err(broken(file, &format!("nothing moved for {} s", limit.as_secs())));
                }
            }
        }
    }
}
