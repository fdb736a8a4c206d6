//! Virtual machines: what only they can do. See [`super::guest`] for the rest.

use super::{
    guest::{self, Change, Status},
    ids::{GuestKind, GuestRef, NodeName, StorageId, Upid, VmId},
    request::{Param, Request},
};

/// `GET /nodes/{node}/qemu`: the node's VMs. `full` also asks the running ones themselves, which takes longer.
pub fn list(node: &NodeName, full: bool) -> Request<Vec<Status>> {
    guest::list_request(Request::get, node, GuestKind::Vm).maybe("full", full.then_some(1))
}

/// `POST /nodes/{node}/qemu`: creates (or, with `archive`, restores) a VM. Make the parameters with [`guest::param`].
pub fn create(node: &NodeName, vmid: VmId, params: &[Param]) -> Request<Upid> {
    guest::create(node, GuestKind::Vm, vmid, params)
}

/// `POST /nodes/{node}/qemu/{vmid}/config`: changes settings in a task, as allocating disks may take long. There is no task
/// when the server was done at once.
pub fn set_config(vm: &GuestRef, change: &Change) -> Request<Option<Upid>> {
    change.add_to(Request::post(vm.path("config")))
}

/// `POST /nodes/{node}/qemu/{vmid}/status/reset`: presses the reset button.
pub fn reset(vm: &GuestRef) -> Request<Upid> {
    Request::post(vm.path("status/reset"))
}

/// `POST /nodes/{node}/qemu/{vmid}/status/suspend`: halts the processors; the memory stays in use.
pub fn pause(vm: &GuestRef) -> Request<Upid> {
    guest::suspend(vm)
}

/// `POST /nodes/{node}/qemu/{vmid}/status/suspend` with `todisk=1`: saves the memory to disk (on `storage`, or where the
/// server thinks fit) and stops; the next start goes on from there.
pub fn hibernate(vm: &GuestRef, storage: Option<&StorageId>) -> Request<Upid> {
    guest::suspend(vm).flag("todisk", true).maybe("statestorage", storage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::guest::param;

    #[test]
    fn endpoints_as_text() {
        let (node, vm) = (NodeName::from("n"), GuestRef::new("n", GuestKind::Vm, VmId::MIN));
        assert_eq!(list(&node, false).to_string(), "GET /nodes/n/qemu");
        assert_eq!(list(&node, true).to_string(), "GET /nodes/n/qemu full=1");
        assert_eq!(
            create(&node, VmId::MIN, &[param("name", "web"), param("vmid", 7), param("cipassword", "x")]).to_string(),
            "POST /nodes/n/qemu vmid=100 name=web cipassword=********"
        );
        assert_eq!(set_config(&vm, &Change::default()).to_string(), "POST /nodes/n/qemu/100/config");
        assert_eq!(reset(&vm).to_string(), "POST /nodes/n/qemu/100/status/reset");
        assert_eq!(pause(&vm).to_string(), "POST /nodes/n/qemu/100/status/suspend");
        assert_eq!(
            hibernate(&vm, Some(&"local".into())).to_string(),
            "POST /nodes/n/qemu/100/status/suspend todisk=1 statestorage=local"
        );
    }
}
