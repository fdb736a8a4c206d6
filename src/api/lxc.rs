//! Containers: what only they can do. See [`super::guest`] for the rest.

use super::{
    guest::{self, Status},
    ids::{GuestKind, NodeName, Upid, VmId},
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::guest::param;

    #[test]
    fn endpoints_as_text() {
        let node = NodeName::from("n");
        assert_eq!(list(&node).to_string(), "GET /nodes/n/lxc");
        assert_eq!(
            create(&node, VmId::MIN, &[param("ostemplate", "local:vztmpl/a.tar.zst"), param("password", "x")])
                .to_string(),
            "POST /nodes/n/lxc vmid=100 ostemplate=local:vztmpl/a.tar.zst password=********"
        );
    }
}
