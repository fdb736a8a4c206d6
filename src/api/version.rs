//! Which Proxmox VE answers.

use compact_str::CompactString;
use serde::Deserialize;

use super::{ids::NodeName, json::loose, request::Request};

/// `GET /version`: of the node that answers. Needs a login, but no rights.
pub fn get() -> Request<Version> {
    Request::get("/version")
}

/// `GET /nodes/{node}/version`
pub fn of_node(node: &NodeName) -> Request<Version> {
    Request::get(node.path("version"))
}

/// A version of Proxmox VE.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Version {
    /// The whole version, for example `9.2.11`.
    #[serde(deserialize_with = "loose")]
    pub version: CompactString,
    /// Its beginning, for example `9.2`.
    #[serde(deserialize_with = "loose")]
    pub release: CompactString,
    /// The build.
    #[serde(deserialize_with = "loose")]
    pub repoid: CompactString,
    /// The console that the datacenter prefers.
    #[serde(deserialize_with = "loose")]
    pub console: Option<CompactString>,
}

impl Version {
    /// True for this version and all after it.
    pub fn is_at_least(&self, major: u32, minor: u32) -> bool {
        let mut numbers = self.version.split('.').map(|part| part.parse().unwrap_or(0_u32));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (major, minor)
    }

    /// The number before the first dot, for example 9.
    pub fn major(&self) -> Option<u32> {
        self.version.split('.').next()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_version() {
        assert_eq!(of_node(&"n".into()).to_string(), "GET /nodes/n/version");
        let version = get().decode(br#"{"data":{"release":"9.2","version":"9.2.11","repoid":"14a2"}}"#).unwrap();
        assert_eq!((version.major(), &*version.release), (Some(9), "9.2"));
        assert!(version.is_at_least(9, 1) && version.is_at_least(8, 4) && !version.is_at_least(9, 3));
    }
}
