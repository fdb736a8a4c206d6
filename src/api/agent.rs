//! What a guest says from inside: the agent of a VM, and the network interfaces of a container.
//!
//! An agent that is not configured, not running or too old is told by a 500 whose reason says which.

use compact_str::CompactString;
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    error::Result,
    ids::{GuestKind, GuestRef},
    json::loose,
    request::{Request, decode_data, decode_result},
};

fn ask<T: DeserializeOwned>(vm: &GuestRef, command: &str) -> Request<T> {
    Request::<T>::get(vm.path(&format!("agent/{command}"))).read_by(decode_result)
}

/// `GET /nodes/{node}/qemu/{vmid}/agent/network-get-interfaces`
///
/// `GET /nodes/{node}/lxc/{vmid}/interfaces`
///
/// The interfaces inside a guest with their addresses.
pub fn interfaces(guest: &GuestRef) -> Request<Vec<Interface>> {
    match guest.kind {
        GuestKind::Vm => ask(guest, "network-get-interfaces"),
        GuestKind::Ct => Request::<()>::get(guest.path("interfaces")).read_by(of_container),
    }
}

/// Before 9.0 containers told one address of each kind, with its prefix, and called the MAC address otherwise; newer ones
/// tell both.
fn of_container(body: &[u8]) -> Result<Vec<Interface>> {
    #[derive(Deserialize)]
    struct Told {
        #[serde(flatten)]
        now: Interface,
        #[serde(default)]
        hwaddr: CompactString,
        inet: Option<String>,
        inet6: Option<String>,
    }
    let address = |text: String| {
        let (ip, prefix) = text.split_once('/')?;
        Some(Address { ip_address: ip.into(), prefix: prefix.parse().ok()? })
    };
    let one = |Told { mut now, hwaddr, inet, inet6 }: Told| {
        if now.hardware_address.is_empty() {
            now.hardware_address = hwaddr;
        }
        if now.ip_addresses.is_empty() {
            now.ip_addresses = inet.into_iter().chain(inet6).filter_map(address).collect();
        }
        now
    };
    Ok(decode_data::<Vec<Told>>(body)?.into_iter().map(one).collect())
}

/// `GET /nodes/{node}/qemu/{vmid}/agent/get-osinfo`
pub fn os(vm: &GuestRef) -> Request<Os> {
    ask(vm, "get-osinfo")
}

/// `GET /nodes/{node}/qemu/{vmid}/agent/get-host-name`
pub fn host_name(vm: &GuestRef) -> Request<HostName> {
    ask(vm, "get-host-name")
}

/// `GET /nodes/{node}/qemu/{vmid}/agent/get-timezone`
pub fn zone(vm: &GuestRef) -> Request<Zone> {
    ask(vm, "get-timezone")
}

/// `GET /nodes/{node}/qemu/{vmid}/agent/get-users`: who is logged in.
pub fn users(vm: &GuestRef) -> Request<Vec<User>> {
    ask(vm, "get-users")
}

/// `GET /nodes/{node}/qemu/{vmid}/agent/get-fsinfo`: the mounted file systems.
pub fn file_systems(vm: &GuestRef) -> Request<Vec<FileSystem>> {
    ask(vm, "get-fsinfo")
}

/// A network interface inside a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Interface {
    /// What it is called inside.
    #[serde(deserialize_with = "loose")]
    pub name: CompactString,
    /// The MAC address in small letters.
    #[serde(deserialize_with = "loose")]
    pub hardware_address: CompactString,
    /// All its addresses; none when it has no network.
    pub ip_addresses: Vec<Address>,
}

impl Interface {
    /// The loopback interface says nothing.
    pub fn is_loopback(&self) -> bool {
        self.name == "lo" || self.ip_addresses.iter().any(|a| a.ip_address == "127.0.0.1")
    }
}

/// An address with the length of its network's prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Address {
    /// IPv4 or IPv6.
    #[serde(deserialize_with = "loose")]
    pub ip_address: CompactString,
    /// In bits.
    #[serde(deserialize_with = "loose")]
    pub prefix: u64,
}

impl Address {
    /// An address that only counts on its own cable.
    pub fn is_link_local(&self) -> bool {
        let text = self.ip_address.as_str();
        text.starts_with("fe80:") || text.starts_with("169.254.")
    }
}

/// The system inside a VM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Os {
    /// For people, for example `Debian GNU/Linux 12 (bookworm)`.
    #[serde(deserialize_with = "loose")]
    pub pretty_name: String,
    /// For example `6.1.0-56-amd64`.
    #[serde(deserialize_with = "loose")]
    pub kernel_release: CompactString,
    /// For example `x86_64`.
    #[serde(deserialize_with = "loose")]
    pub machine: CompactString,
}

/// What a VM calls itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct HostName {
    /// The name.
    #[serde(deserialize_with = "loose")]
    pub host_name: String,
}

/// The time zone inside a VM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Zone {
    /// Its name, where it has one.
    #[serde(deserialize_with = "loose")]
    pub zone: String,
    /// Seconds from UTC.
    #[serde(deserialize_with = "loose")]
    pub offset: i64,
}

/// Somebody who is logged in.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct User {
    /// The account.
    #[serde(deserialize_with = "loose")]
    pub user: String,
    /// The domain, on Windows.
    #[serde(deserialize_with = "loose")]
    pub domain: Option<String>,
    /// Since when, in Unix seconds.
    #[serde(deserialize_with = "loose")]
    pub login_time: f64,
}

/// A mounted file system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct FileSystem {
    /// The device, for example `sda1`.
    #[serde(deserialize_with = "loose")]
    pub name: CompactString,
    /// Where it is mounted.
    #[serde(deserialize_with = "loose")]
    pub mountpoint: String,
    /// For example `ext4`.
    #[serde(rename = "type", deserialize_with = "loose")]
    pub kind: CompactString,
    /// In bytes, as far as users may fill it; not told for what has no size.
    #[serde(deserialize_with = "loose")]
    pub total_bytes: Option<u64>,
    /// In bytes.
    #[serde(deserialize_with = "loose")]
    pub used_bytes: Option<u64>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::api::ids::VmId;

    #[test]
    fn agents_and_containers_answer_differently() {
        let vm = GuestRef::new("n", GuestKind::Vm, VmId::MIN);
        let ct = GuestRef::new("n", GuestKind::Ct, VmId::MIN);
        assert_eq!(interfaces(&vm).to_string(), "GET /nodes/n/qemu/100/agent/network-get-interfaces");
        assert_eq!(interfaces(&ct).to_string(), "GET /nodes/n/lxc/100/interfaces");
        let row =
            r#"{"name":"eth0","hardware-address":"bc:24","ip-addresses":[{"ip-address":"10.0.0.5","prefix":"24"}]}"#;
        let of_vm = interfaces(&vm).decode(format!(r#"{{"data":{{"result":[{row}]}}}}"#).as_bytes()).unwrap();
        let of_ct = interfaces(&ct).decode(format!(r#"{{"data":[{row}]}}"#).as_bytes()).unwrap();
        assert_eq!(of_vm, of_ct);
        let old = r#"{"data":[{"name":"eth0","hwaddr":"bc:24","inet":"10.0.0.5/24"}]}"#;
        assert_eq!(interfaces(&ct).decode(old.as_bytes()).unwrap(), of_ct);
        assert_eq!((of_vm[0].ip_addresses[0].prefix, of_vm[0].is_loopback()), (24, false));
        assert!(os(&vm).decode(br#"{"data":null}"#).is_err());
    }
}
