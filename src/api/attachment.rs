//! A file of this machine that goes with a request, and the count of what has left.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tokio::sync::Notify;

/// A file to send. It is opened when it is sent and only read.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Where it is.
    pub path: PathBuf,
    /// What it shall be called on the server.
    pub name: String,
    /// Its size in bytes, as promised to the server.
    pub size: u64,
    /// How much of it has been sent.
    pub meter: Meter,
}

impl Attachment {
    /// The file at `path`, to be called `name` there.
    ///
    /// # Errors
    /// When it can't be looked at, or is no ordinary file.
    pub fn new(path: &Path, name: &str) -> io::Result<Self> {
        let meta = std::fs::metadata(path)?;
        if !meta.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
        }
        Ok(Self { path: path.into(), name: name.into(), size: meta.len(), meter: Meter::default() })
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.path.display(), self.size)
    }
}

/// Counts the bytes of a file on their way out, and stops it. Clones share the count; two meters are always equal, so that
/// requests stay comparable.
#[derive(Clone, Default)]
pub struct Meter {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    sent: AtomicU64,
    cancelled: AtomicBool,
    wake: Notify,
}

impl Meter {
    /// Bytes of the file that have been handed to the network.
    pub fn sent(&self) -> u64 {
        self.inner.sent.load(Ordering::Relaxed)
    }

    /// Counts more bytes.
    pub fn add(&self, bytes: u64) {
        self.inner.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// True when both count the same transfer.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Begins anew.
    pub fn reset(&self) {
        self.inner.sent.store(0, Ordering::Relaxed);
    }

    /// Stops the transfer; what the server has received so far it throws away.
    pub fn cancel(&self) {
        self.inner.cancelled.store(true, Ordering::Relaxed);
        self.inner.wake.notify_waiters();
    }

    /// True once somebody has stopped it.
    pub fn is_cancelled(&self) -> bool {
        self.inner.cancelled.load(Ordering::Relaxed)
    }

    /// Returns once somebody has stopped it.
    pub async fn cancelled(&self) {
        loop {
            let woken = self.inner.wake.notified();
            if self.is_cancelled() {
                return;
            }
            woken.await;
        }
    }
}

impl PartialEq for Meter {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Meter {}
