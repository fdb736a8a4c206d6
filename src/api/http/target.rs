//! Which server to talk to.

use std::{fmt, net::Ipv6Addr, str::FromStr};

use thiserror::Error;

/// The port of the API unless told otherwise.
pub const DEFAULT_PORT: u16 = 8006;

/// Host and port of an API server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    host: String,
    port: u16,
}

/// Why a text names no server.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "\"{text}\" is not a server address: {why} (write it like pve1, pve1:8006, https://pve1:8006 or [fd00::1]:8006)"
)]
pub struct TargetError {
    text: String,
    why: &'static str,
}

impl Target {
    /// Host name or address, in lower case, IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Reads an address; `port` is that of one without a port of its own.
    ///
    /// # Errors
    /// When the text names no server.
    pub fn with_port(text: &str, port: u16) -> Result<Self, TargetError> {
        parse(text, port)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// True for this machine's own loopback, which no proxy can reach on our behalf.
    pub fn is_loopback(&self) -> bool {
        let ip = self.host.parse::<std::net::IpAddr>();
        self.host == "localhost" || self.host.ends_with(".localhost") || ip.is_ok_and(|ip| ip.is_loopback())
    }
}

/// `host:port`, IPv6 in brackets.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        parse(text, DEFAULT_PORT)
    }
}

fn parse(text: &str, default_port: u16) -> Result<Target, TargetError> {
    // What stands before an @ may be a password: it must not come back in a message.
    let shown = match text.rsplit_once('@') {
        Some((_, host)) => format!("...@{host}"),
        None => text.to_owned(),
    };
    let fail = |why| Err(TargetError { text: shown.trim().to_owned(), why });
    let text = text.trim();
    let rest = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => rest,
        Some(_) => return fail("only https is spoken"),
        None => text,
    };
    if rest.contains('@') {
        return fail("a user does not belong here");
    }
    // Anything after the host (a page of the web interface that was pasted) is of no interest.
    let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if rest.is_empty() {
        return fail("it is empty");
    }
    let (host, port) = if let Some(inner) = rest.strip_prefix('[') {
        let Some((host, after)) = inner.split_once(']') else { return fail("the closing bracket is missing") };
        if host.parse::<Ipv6Addr>().is_err() {
            return fail("there is no IPv6 address between the brackets");
        }
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return fail("only a port may follow the bracket"),
        }
    } else if rest.matches(':').count() > 1 {
        if rest.parse::<Ipv6Addr>().is_err() {
            return fail("it has too many colons");
        }
        (rest, None)
    } else {
        match rest.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        }
    };
    let port = match port.map(str::parse::<u16>) {
        None => default_port,
        Some(Ok(port)) if port > 0 => port,
        Some(_) => return fail("the port is not a number from 1 to 65535"),
    };
    if host.is_empty() {
        return fail("the host is missing");
    }
    if !host.contains(':') && !host.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_')) {
        return fail("the host holds characters that no host name has");
    }
    Ok(Target { host: host.to_lowercase(), port })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn good_ones() {
        for (text, want) in [
            ("pve1", "pve1:8006"),
            (" PVE1:443 ", "pve1:443"),
            ("https://pve1:8006/", "pve1:8006"),
            ("HTTPS://pve1.example.org/#v1:0:18", "pve1.example.org:8006"),
            ("10.0.0.1", "10.0.0.1:8006"),
            ("[::1]:8007", "[::1]:8007"),
            ("[fd00::1]", "[fd00::1]:8006"),
            ("fd00::1", "[fd00::1]:8006"),
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), want);
        }
        assert!(
            "[::1]".parse::<Target>().unwrap().is_loopback() && "127.0.0.2:1".parse::<Target>().unwrap().is_loopback()
        );
        assert!(!"pve1".parse::<Target>().unwrap().is_loopback());
    }

    #[test]
    fn bad_ones() {
        for (text, want) in [
            ("", "it is empty"),
            ("http://pve1", "only https"),
            ("pve1:http", "the port is not"),
            ("pve1:0", "the port is not"),
            (":8006", "the host is missing"),
            ("a:b:c", "too many colons"),
            ("[::1", "closing bracket"),
            ("[pve1]:8006", "no IPv6"),
            ("[::1]8006", "only a port"),
            ("pve 1", "characters"),
        ] {
            let e = text.parse::<Target>().unwrap_err().to_string();
            assert!(e.contains(want), "{text}: {e}");
        }
        assert_eq!(Target::with_port("a", 443).unwrap().to_string(), "a:443");
        assert_eq!(Target::with_port("a:8006", 443).unwrap().to_string(), "a:8006");
        let e = "https://root:hunter2@pve1".parse::<Target>().unwrap_err().to_string();
        assert!(e.contains("a user does not belong") && !e.contains("hunter2"), "{e}");
    }
}
