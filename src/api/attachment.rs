//! A file of this machine that goes with a request, and the count of what has left.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
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
    /// It is not sent along: it lies ready here until the node fetches it.
    pub offer: Option<Box<Offer>>,
}

/// Where a file lies ready for a node, and for how long.
#[derive(Clone, PartialEq, Eq)]
pub struct Offer {
    /// The address of this machine that the node can reach.
    pub host: IpAddr,
    /// The port.
    pub port: u16,
    /// What the path begins with. Nobody can guess it, and it is good for one fetch.
    pub secret: String,
    /// Encrypted, with a certificate that is made for this fetch.
    pub tls: bool,
    /// It ends when nothing has moved for so long.
    pub patience: Duration,
}

impl Offer {
    /// A secret that nobody has used before.
    pub fn new_secret() -> String {
        format!("{:032x}", rand::random::<u128>())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }

    /// The path of a file of this name.
    pub fn path(&self, name: &str) -> String {
        format!("/{}/{name}", self.secret)
    }

    /// The address of a file of this name, for the node.
    pub fn url(&self, name: &str) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}{}", self.address(), self.path(name))
    }
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
        Ok(Self { path: path.into(), name: name.into(), size: meta.len(), meter: Meter::default(), offer: None })
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
    end: Mutex<Option<Result<(), String>>>,
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

    /// So much has left in all.
    pub fn set(&self, bytes: u64) {
        self.inner.sent.store(bytes, Ordering::Relaxed);
    }

    /// Begins anew.
    pub fn reset(&self) {
        self.set(0);
    }

    /// An offer is over: the node has the file, or why it has not. Only the first word counts.
    pub fn finish(&self, end: Result<(), String>) {
        self.inner.end.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(end);
        self.inner.wake.notify_waiters();
    }

    /// How an offer ended, once it has.
    pub fn ended(&self) -> Option<Result<(), String>> {
        self.inner.end.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns once an offer has ended.
    pub async fn over(&self) -> Result<(), String> {
        loop {
            let woken = self.inner.wake.notified();
            if let Some(end) = self.ended() {
                return end;
            }
            woken.await;
        }
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
