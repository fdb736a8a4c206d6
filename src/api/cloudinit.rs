//! Cloud-init of VMs: what is generated from their settings.

use super::{ids::GuestRef, request::Request};

/// A part of the generated data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// User, password, keys, packages.
    User,
    /// Addresses and name servers.
    Network,
    /// The instance's id.
    Meta,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::User, Self::Network, Self::Meta];

    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Network => "network",
            Self::Meta => "meta",
        }
    }
}

/// `GET /nodes/{node}/qemu/{vmid}/cloudinit/dump`: one part of the data as text. Passwords in it are hashed.
pub fn dump(vm: &GuestRef, part: Part) -> Request<String> {
    Request::get(vm.path("cloudinit/dump")).param("type", part.as_str())
}

/// `PUT /nodes/{node}/qemu/{vmid}/cloudinit`: writes the drive anew with the settings as they are now, pending ones too.
pub fn regenerate(vm: &GuestRef) -> Request<()> {
    Request::put(vm.path("cloudinit"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ids::{GuestKind, VmId};

    #[test]
    fn endpoints_as_text() {
        let vm = GuestRef::new("n", GuestKind::Vm, VmId::MIN);
        assert_eq!(dump(&vm, Part::Network).to_string(), "GET /nodes/n/qemu/100/cloudinit/dump type=network");
        assert_eq!(regenerate(&vm).to_string(), "PUT /nodes/n/qemu/100/cloudinit");
    }
}
