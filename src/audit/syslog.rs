//! Lines of the trail for a syslog: over the local socket or UDP, as RFC 5424 says. Best effort: the file is what counts.

use std::net::UdpSocket;
#[cfg(unix)]
use std::os::unix::net::UnixDatagram;

use jiff::Timestamp;

/// Where lines go besides the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Syslog {
    /// A local socket, usually `/dev/log`.
    Unix(String),
    /// A server, `host:port`.
    Udp(String),
}

impl Syslog {
    /// Reads `unix:/dev/log` or `udp:host:514`.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            Some(("udp", host)) if host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) => {
                Ok(Self::Udp(host.into()))
            }
            _ => Err(format!("\"{text}\" is no syslog: write unix:/dev/log or udp:HOST:514")),
        }
    }

    /// Sends a line. What goes wrong is only logged.
    pub(super) fn send(&self, line: &str) {
        // Facility "log audit" (13), severity "notice" (5).
        let message = format!("<109>1 {} - proxmux {} - - {line}", Timestamp::now(), std::process::id());
        let sent = match self {
            #[cfg(unix)]
            Self::Unix(path) => UnixDatagram::unbound().and_then(|s| {
                s.set_nonblocking(true)?;
                s.send_to(message.as_bytes(), path)
            }),
            #[cfg(not(unix))]
            Self::Unix(_) => Err(std::io::ErrorKind::Unsupported.into()),
            Self::Udp(host) => {
                let local = if host.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
                UdpSocket::bind(local).and_then(|s| s.send_to(message.as_bytes(), host))
            }
        };
        if let Err(error) = sent {
            tracing::warn!(%error, "a line of the audit trail did not reach the syslog");
        }
    }
}
