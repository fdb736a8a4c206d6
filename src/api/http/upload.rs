//! Files on their way out: a `multipart/form-data` body that is read from disk while it is sent.

use std::{fs::File, io::Read, time::Duration};

use bytes::Bytes;
use futures_util::stream;
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
    tokio::task::spawn_blocking(move || read(source, size, head, tail, |piece| give.blocking_send(piece).is_ok()));
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

/// Reads the whole body piece by piece until nobody takes it any more.
fn read(source: File, size: u64, head: String, tail: String, give: impl Fn(Piece) -> bool) {
    if !give((Ok(head.into()), 0)) {
        return;
    }
    let mut source = source.take(size);
    let mut left = size;
    while left > 0 {
        let mut piece = Vec::with_capacity(PIECE.min(usize::try_from(left).unwrap_or(PIECE)));
        let end = match (&mut source).take(PIECE as u64).read_to_end(&mut piece) {
            Ok(0) => Some(std::io::Error::other("the file became shorter while it was sent")),
            Ok(n) => {
                left -= n as u64;
                if !give((Ok(piece.into()), n as u64)) {
                    return;
                }
                None
            }
            Err(error) => Some(error),
        };
        if let Some(error) = end {
            let _ = give((Err(error), 0));
            return;
        }
    }
    let _ = give((Ok(tail.into()), 0));
}

/// What went wrong with a transfer, in words that say how far it came.
pub(super) fn broken(file: &Attachment, why: &str) -> ApiError {
    let (sent, size) = (file.meter.sent(), file.size);
    if sent < size {
        let share = sent as f64 / size as f64 * 100.0;
        ApiError::NotSent(format!(
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
