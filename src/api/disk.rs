//! Disks of guests after they were made: growing them, moving them to another storage, giving them to another guest.

use super::{
    ids::{GuestKind, GuestRef, StorageId, Upid, VmId},
    request::Request,
};

/// `PUT /nodes/{node}/{qemu|lxc}/{vmid}/resize`: grows a disk. `size` is absolute (`32G`) or what is added (`+8G`);
/// nothing can be shrunk.
pub fn resize(guest: &GuestRef, disk: &str, size: &str, digest: Option<&str>) -> Request<Upid> {
    Request::put(guest.path("resize")).param("disk", disk).param("size", size).maybe("digest", digest)
}

/// How a disk moves to another storage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Move {
    /// Where to.
    pub storage: StorageId,
    /// The format there (`qcow2`, `raw`, `vmdk`; VMs only); `None`: the storage's own.
    pub format: Option<String>,
    /// The old volume is deleted afterwards; otherwise it stays as `unusedN`.
    pub delete: bool,
    /// Limit in KiB/s.
    pub bwlimit: Option<u64>,
    /// The digest of the settings that were looked at.
    pub digest: Option<String>,
}

/// `POST /nodes/{node}/qemu/{vmid}/move_disk` for VMs,
/// `POST /nodes/{node}/lxc/{vmid}/move_volume` for containers: copies a disk to another storage.
pub fn move_to(guest: &GuestRef, disk: &str, how: &Move) -> Request<Upid> {
    begin(guest, disk)
        .param("storage", &how.storage)
        .maybe("format", how.format.as_deref().filter(|_| guest.kind == GuestKind::Vm))
        .maybe("delete", how.delete.then_some(1))
        .maybe("bwlimit", how.bwlimit)
        .maybe("digest", how.digest.as_deref())
}

/// `POST /nodes/{node}/qemu/{vmid}/move_disk` for VMs,
/// `POST /nodes/{node}/lxc/{vmid}/move_volume` for containers: gives a disk to another guest of the same kind on the same
/// node, as its disk `slot`.
pub fn give(guest: &GuestRef, disk: &str, to: VmId, slot: &str, digest: Option<&str>) -> Request<Upid> {
    let target = if guest.kind == GuestKind::Vm { "target-disk" } else { "target-volume" };
    begin(guest, disk).param("target-vmid", to).param(target, slot).maybe("digest", digest)
}

fn begin(guest: &GuestRef, disk: &str) -> Request<Upid> {
    match guest.kind {
        GuestKind::Vm => Request::post(guest.path("move_disk")).param("disk", disk),
        GuestKind::Ct => Request::post(guest.path("move_volume")).param("volume", disk),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_as_text() {
        let vm = GuestRef::new("n", GuestKind::Vm, VmId::MIN);
        let ct = GuestRef::new("n", GuestKind::Ct, VmId::MIN);
        let how = Move {
            storage: "ceph".into(),
            format: Some("raw".into()),
            delete: true,
            bwlimit: Some(1024),
            digest: Some("ab".into()),
        };
        for (request, text) in [
            (resize(&vm, "scsi0", "+8G", None), "PUT /nodes/n/qemu/100/resize disk=scsi0 size=+8G"),
            (resize(&ct, "rootfs", "16G", Some("ab")), "PUT /nodes/n/lxc/100/resize disk=rootfs size=16G digest=ab"),
            (
                move_to(&vm, "scsi0", &how),
                "POST /nodes/n/qemu/100/move_disk disk=scsi0 storage=ceph format=raw delete=1 bwlimit=1024 digest=ab",
            ),
            (
                move_to(&ct, "mp0", &how),
                "POST /nodes/n/lxc/100/move_volume volume=mp0 storage=ceph delete=1 bwlimit=1024 digest=ab",
            ),
            (
                give(&vm, "unused0", VmId::MIN, "scsi1", None),
                "POST /nodes/n/qemu/100/move_disk disk=unused0 target-vmid=100 target-disk=scsi1",
            ),
            (
                give(&ct, "mp0", VmId::MIN, "mp1", Some("ab")),
                "POST /nodes/n/lxc/100/move_volume volume=mp0 target-vmid=100 target-volume=mp1 digest=ab",
            ),
        ] {
            assert_eq!(request.to_string(), text);
        }
    }
}
