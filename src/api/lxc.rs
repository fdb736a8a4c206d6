//! Containers: what only they can do. See [`super::guest`] for the rest.

use compact_str::CompactString;
use serde::Deserialize;

use super::{
    guest::{self, Status},
    ids::{GuestKind, GuestRef, NodeName, Upid, VmId},
    json::{self, loose},
    request::{Param, Request},
};

/// `GET /nodes/{node}/lxc`: the node's containers.
pub fn list(node: &NodeName) -> Request<Vec<Status>> {
    guest::list_request(Request::get, node, GuestKind::Ct)
}

/// `POST /nodes/{node}/lxc`: creates (or, with `restore=1`, restores) a container; `ostemplate` is required. Make the
/// parameters with [`guest::param`].
pub fn create(node: &NodeName, vmid: VmId, params: &[Param]) -> Request<Upid> {
    guest::create(node, GuestKind::Ct, vmid, params)
}

/// `GET /nodes/{node}/lxc/{vmid}/interfaces`: the network interfaces of a running container.
pub fn interfaces(ct: &GuestRef) -> Request<Vec<Interface>> {
    Request::get(ct.path("interfaces"))
}

/// A network interface as the container sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Interface {
    /// Its name, for example `eth0`.
    #[serde(deserialize_with = "loose")]
    pub name: CompactString,
    /// Its MAC address.
    #[serde(deserialize_with = "loose")]
    pub hwaddr: CompactString,
    /// Its IPv4 addresses with prefix, comma or blank separated on the wire.
    #[serde(deserialize_with = "json::list")]
    pub inet: Vec<CompactString>,
    /// Its IPv6 addresses with prefix.
    #[serde(deserialize_with = "json::list")]
    pub inet6: Vec<CompactString>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::guest::param;

    #[test]
    fn endpoints_as_text() {
        let (node, ct) = (NodeName::from("n"), GuestRef::new("n", GuestKind::Ct, VmId::MIN));
        assert_eq!(list(&node).to_string(), "GET /nodes/n/lxc");
        assert_eq!(
            create(&node, VmId::MIN, &[param("ostemplate", "local:vztmpl/a.tar.zst"), param("password", "x")])
                .to_string(),
            "POST /nodes/n/lxc vmid=100 ostemplate=local:vztmpl/a.tar.zst password=********"
        );
        assert_eq!(interfaces(&ct).to_string(), "GET /nodes/n/lxc/100/interfaces");
    }
}
