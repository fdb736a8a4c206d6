//! The network interfaces of a node.

use compact_str::CompactString;
use serde::Deserialize;

use super::{
    ids::NodeName,
    json::{self, loose},
    request::{Paged, Request},
};

/// `GET /nodes/{node}/network`: the interfaces, with changes that wait to be applied in `changes`. `kind` limits them to a
/// type, for example `bridge` or `any_bridge`.
pub fn list(node: &NodeName, kind: Option<&str>) -> Request<Paged<Interface>> {
    Request::<Vec<Interface>>::get(node.path("network")).maybe("type", kind).paged()
}

/// A network interface of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Interface {
    /// Its name, for example `vmbr0`.
    #[serde(deserialize_with = "loose")]
    pub iface: CompactString,
    /// Its type: `bridge`, `bond`, `eth`, `vlan`, `OVSBridge` ...
    #[serde(rename = "type", deserialize_with = "loose")]
    pub kind: CompactString,
    /// True when it is up.
    #[serde(deserialize_with = "loose")]
    pub active: bool,
    /// True when it is started at boot.
    #[serde(deserialize_with = "loose")]
    pub autostart: bool,
    /// IPv4: `static`, `dhcp` or `manual`.
    #[serde(deserialize_with = "loose")]
    pub method: CompactString,
    /// IPv6: `static`, `auto`, `dhcp` or `manual`.
    #[serde(deserialize_with = "loose")]
    pub method6: CompactString,
    /// IPv4 address with prefix.
    #[serde(deserialize_with = "loose")]
    pub cidr: Option<CompactString>,
    /// IPv6 address with prefix.
    #[serde(deserialize_with = "loose")]
    pub cidr6: Option<CompactString>,
    /// IPv4 gateway.
    #[serde(deserialize_with = "loose")]
    pub gateway: Option<CompactString>,
    /// IPv6 gateway.
    #[serde(deserialize_with = "loose")]
    pub gateway6: Option<CompactString>,
    /// The ports of a bridge.
    #[serde(deserialize_with = "json::list")]
    pub bridge_ports: Vec<CompactString>,
    /// True when a bridge knows VLANs.
    #[serde(deserialize_with = "loose")]
    pub bridge_vlan_aware: bool,
    /// The interfaces that make up a bond.
    #[serde(deserialize_with = "json::list")]
    pub slaves: Vec<CompactString>,
    /// How a bond works, for example `802.3ad`.
    #[serde(deserialize_with = "loose")]
    pub bond_mode: Option<CompactString>,
    /// The interface below a VLAN.
    #[serde(rename = "vlan-raw-device", deserialize_with = "loose")]
    pub vlan_raw_device: Option<CompactString>,
    /// A VLAN's number.
    #[serde(rename = "vlan-id", deserialize_with = "loose")]
    pub vlan_id: Option<u32>,
    /// Largest packet.
    #[serde(deserialize_with = "loose")]
    pub mtu: Option<u32>,
    /// What the user wrote about it.
    #[serde(deserialize_with = "loose")]
    pub comments: Option<String>,
}

impl Interface {
    /// True when guests can be attached to it.
    pub fn is_bridge(&self) -> bool {
        matches!(&*self.kind, "bridge" | "OVSBridge" | "vnet")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn interfaces_and_waiting_changes() {
        let request = list(&"n".into(), Some("any_bridge"));
        assert_eq!(request.to_string(), "GET /nodes/n/network type=any_bridge");
        let all = request
            .decode(
                br#"{"data":[{"iface":"vmbr0","type":"bridge","bridge_ports":"eno1 eno2","active":1,"mtu":"1500",
                "families":["inet"],"priority":5}],"changes":"--- a\n"}"#,
            )
            .unwrap();
        assert_eq!((all.data[0].bridge_ports.len(), all.data[0].mtu, all.data[0].is_bridge()), (2, Some(1500), true));
        assert_eq!(all.changes.as_deref(), Some("--- a\n"));
    }
}
