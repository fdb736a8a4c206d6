//! Templates of guests, and clones of guests.

use super::{
    ids::{GuestKind, GuestRef, NodeName, StorageId, Upid, VmId},
    request::Request,
};

/// `POST /nodes/{node}/{qemu|lxc}/{vmid}/template`: turns a stopped guest without snapshots into a template; there is no way
/// back. A container is one at once, and the answer is empty. `disk` converts only that disk of a VM.
pub fn convert(guest: &GuestRef, disk: Option<&str>) -> Request<Option<Upid>> {
    Request::post(guest.path("template")).maybe("disk", disk.filter(|_| guest.kind == GuestKind::Vm))
}

/// `POST /nodes/{node}/{qemu|lxc}/{vmid}/clone`: makes a copy.
pub fn clone(guest: &GuestRef, newid: VmId, how: &CloneSpec) -> Request<Upid> {
    let name = if guest.kind == GuestKind::Vm { "name" } else { "hostname" };
    Request::post(guest.path("clone"))
        .param("newid", newid)
        .maybe(name, how.name.as_deref())
        .maybe("description", how.description.as_deref())
        .maybe("full", how.full.map(u8::from))
        .maybe("snapname", how.snapshot.as_deref())
        .maybe("storage", how.storage.as_ref())
        .maybe("format", how.format.as_deref().filter(|_| guest.kind == GuestKind::Vm))
        .maybe("target", how.target.as_ref())
        .maybe("pool", how.pool.as_deref())
        .maybe("bwlimit", how.bwlimit)
}

/// What a clone shall be like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloneSpec {
    /// Its name (a container's host name).
    pub name: Option<String>,
    /// Notes.
    pub description: Option<String>,
    /// A copy of its own (`true`) or one that stands on the template's disks; unset: as the server thinks fit.
    pub full: Option<bool>,
    /// From the state of this snapshot.
    pub snapshot: Option<String>,
    /// Where its disks shall be (full copies only).
    pub storage: Option<StorageId>,
    /// The format of its disks (full copies of VMs only).
    pub format: Option<String>,
    /// Where it shall run; another node needs shared storage.
    pub target: Option<NodeName>,
    /// The pool that it shall be in.
    pub pool: Option<String>,
    /// KiB per second at most.
    pub bwlimit: Option<u64>,
}

/// A name for clone number `index` (from 0) of many: `#` stands for the number, `##` for two digits, `{id}` for the id;
/// without any of them the number is appended.
pub fn name_of(pattern: &str, index: u32, vmid: VmId) -> String {
    let text = pattern.replace("{id}", &vmid.to_string());
    let hashes = text.bytes().filter(|b| *b == b'#').count();
    if hashes > 0 {
        let number = format!("{:0hashes$}", index + 1);
        let at = text.find('#').unwrap_or(0);
        return format!("{}{number}{}", &text[..at], text[at..].replace('#', ""));
    }
    if pattern.contains("{id}") || pattern.is_empty() { text } else { format!("{text}-{}", index + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_as_text() {
        let vm = GuestRef::new("n", GuestKind::Vm, VmId::MIN);
        let ct = GuestRef::new("n", GuestKind::Ct, VmId::MIN);
        assert_eq!(convert(&vm, Some("scsi0")).to_string(), "POST /nodes/n/qemu/100/template disk=scsi0");
        assert_eq!(convert(&ct, None).to_string(), "POST /nodes/n/lxc/100/template");
        let how = CloneSpec {
            name: Some("web".into()),
            full: Some(true),
            storage: Some("fast".into()),
            format: Some("raw".into()),
            target: Some("m".into()),
            ..CloneSpec::default()
        };
        assert_eq!(
            clone(&vm, VmId::MAX, &how).to_string(),
            "POST /nodes/n/qemu/100/clone newid=999999999 name=web full=1 storage=fast format=raw target=m"
        );
        let call = clone(&ct, VmId::MAX, &how).to_string();
        assert_eq!(call, "POST /nodes/n/lxc/100/clone newid=999999999 hostname=web full=1 storage=fast target=m");
    }

    #[test]
    fn names_of_many() {
        let name = |pattern, index| name_of(pattern, index, VmId::MIN);
        assert_eq!(name("web-##", 0), "web-01");
        assert_eq!(name("web-##.lan", 11), "web-12.lan");
        assert_eq!(name("web", 1), "web-2");
        assert_eq!(name("vm{id}", 1), "vm100");
        assert_eq!(name("", 1), "");
    }
}
