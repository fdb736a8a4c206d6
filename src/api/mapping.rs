//! Resource mappings: names for devices and directories that stand for something on each node.

use compact_str::CompactString;
use serde::Deserialize;

use super::{json::loose, request::Request};

/// `GET /cluster/mapping/pci`: the mappings of PCI devices that the user may see.
pub fn pci() -> Request<Vec<Mapping>> {
    Request::get("/cluster/mapping/pci")
}

/// `GET /cluster/mapping/usb`: the mappings of USB devices that the user may see.
pub fn usb() -> Request<Vec<Mapping>> {
    Request::get("/cluster/mapping/usb")
}

/// `GET /cluster/mapping/dir`: the mappings of directories that the user may see.
pub fn dir() -> Request<Vec<Mapping>> {
    Request::get("/cluster/mapping/dir")
}

/// A mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Mapping {
    /// Its name.
    #[serde(deserialize_with = "loose")]
    pub id: CompactString,
    /// What the user wrote about it.
    #[serde(deserialize_with = "loose")]
    pub description: String,
    /// For each node a property string, for example `node=pve1,path=0000:01:00.0,id=8086:125c`.
    pub map: Vec<String>,
    /// Mediated devices can be made of it.
    #[serde(deserialize_with = "loose")]
    pub mdev: bool,
}

impl Mapping {
    /// Its entries on one node.
    pub fn on<'m>(&'m self, node: &'m str) -> impl Iterator<Item = &'m str> {
        let names = move |entry: &&str| entry.split(',').any(|part| part.strip_prefix("node=") == Some(node));
        self.map.iter().map(String::as_str).filter(names)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn endpoints_as_text() {
        assert_eq!(pci().to_string(), "GET /cluster/mapping/pci");
        assert_eq!(usb().to_string(), "GET /cluster/mapping/usb");
        assert_eq!(dir().to_string(), "GET /cluster/mapping/dir");
    }

    #[test]
    fn entries_belong_to_nodes() {
        let mapping: Mapping = serde_json::from_str(
            r#"{"id":"gpu","map":["node=a,path=0000:01:00.0","path=0000:02:00.0,node=b"],"mdev":1}"#,
        )
        .unwrap();
        assert_eq!((mapping.on("a").count(), mapping.on("c").count(), mapping.mdev), (1, 0, true));
    }
}
