//! What a node has for its VMs: devices to pass on, processor models, machine types.

use compact_str::CompactString;
use serde::Deserialize;

use super::{
    ids::NodeName,
    json::{self, loose},
    request::{Request, part},
};

/// `GET /nodes/{node}/hardware/pci`: the node's PCI devices, without memory controllers, bridges and processors.
pub fn pci(node: &NodeName) -> Request<Vec<Pci>> {
    Request::get(node.path("hardware/pci"))
}

/// `GET /nodes/{node}/hardware/pci/{pci-id-or-mapping}/mdev`: the types of mediated devices that a PCI device (or all
/// devices of a mapping) can make.
pub fn mediated(node: &NodeName, device: &str) -> Request<Vec<Mediated>> {
    Request::get(node.path(&format!("hardware/pci/{}/mdev", part(device))))
}

/// `GET /nodes/{node}/hardware/usb`: what is plugged into the node.
pub fn usb(node: &NodeName) -> Request<Vec<Usb>> {
    Request::get(node.path("hardware/usb"))
}

/// `GET /nodes/{node}/capabilities/qemu/cpu`: the processor models that its VMs can have, the cluster's own among them;
/// `arch` other than the node's if wanted.
pub fn cpu_models(node: &NodeName, arch: Option<&str>) -> Request<Vec<CpuModel>> {
    Request::get(node.path("capabilities/qemu/cpu")).maybe("arch", arch)
}

/// `GET /nodes/{node}/capabilities/qemu/cpu-flags`: the flags of processors that a VM may switch.
pub fn cpu_flags(node: &NodeName, arch: Option<&str>) -> Request<Vec<CpuFlag>> {
    Request::get(node.path("capabilities/qemu/cpu-flags")).maybe("arch", arch)
}

/// `GET /nodes/{node}/capabilities/qemu/machines`: the versions of machines that the node can run.
pub fn machines(node: &NodeName, arch: Option<&str>) -> Request<Vec<Machine>> {
    Request::get(node.path("capabilities/qemu/machines")).maybe("arch", arch)
}

/// A PCI device of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Pci {
    /// Its address, for example `0000:01:00.0`.
    #[serde(deserialize_with = "loose")]
    pub id: CompactString,
    /// Its class, for example `0x020000`.
    #[serde(deserialize_with = "loose")]
    pub class: CompactString,
    /// The vendor's number, for example `0x8086`.
    #[serde(deserialize_with = "loose")]
    pub vendor: CompactString,
    /// The vendor's name, where it is known.
    #[serde(deserialize_with = "loose")]
    pub vendor_name: Option<CompactString>,
    /// The device's number.
    #[serde(deserialize_with = "loose")]
    pub device: CompactString,
    /// The device's name, where it is known.
    #[serde(deserialize_with = "loose")]
    pub device_name: Option<CompactString>,
    /// Its IOMMU group; `-1` when the node has none.
    #[serde(deserialize_with = "loose")]
    pub iommugroup: i64,
    /// True when it can make mediated devices.
    #[serde(deserialize_with = "loose")]
    pub mdev: bool,
}

/// A type of mediated devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Mediated {
    /// What is written into the settings, for example `nvidia-63`.
    #[serde(rename = "type", deserialize_with = "loose")]
    pub kind: CompactString,
    /// Its name for people.
    #[serde(deserialize_with = "loose")]
    pub name: Option<CompactString>,
    /// How many more can be made.
    #[serde(deserialize_with = "loose")]
    pub available: u32,
    /// More about it, on several lines.
    #[serde(deserialize_with = "loose")]
    pub description: String,
}

/// A USB device of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Usb {
    /// The bus.
    #[serde(deserialize_with = "loose")]
    pub busnum: u32,
    /// The port path on the bus, for example `2` or `1.4`; hubs at the root have none.
    #[serde(deserialize_with = "loose")]
    pub usbpath: Option<CompactString>,
    /// The device class; 9 is a hub.
    #[serde(deserialize_with = "loose")]
    pub class: u32,
    /// The vendor's number, for example `0x1a86`.
    #[serde(deserialize_with = "loose")]
    pub vendid: CompactString,
    /// The product's number.
    #[serde(deserialize_with = "loose")]
    pub prodid: CompactString,
    /// The maker's name.
    #[serde(deserialize_with = "loose")]
    pub manufacturer: Option<CompactString>,
    /// The product's name.
    #[serde(deserialize_with = "loose")]
    pub product: Option<CompactString>,
    /// Its serial number.
    #[serde(deserialize_with = "loose")]
    pub serial: Option<CompactString>,
    /// Megabits per second.
    #[serde(deserialize_with = "loose")]
    pub speed: CompactString,
}

/// A processor model for VMs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CpuModel {
    /// Its name; models of the cluster's own begin with `custom-`.
    #[serde(deserialize_with = "loose")]
    pub name: CompactString,
    /// Whose processor the guest sees: `GenuineIntel`, `AuthenticAMD`, `default` ...
    #[serde(deserialize_with = "loose")]
    pub vendor: CompactString,
    /// Made by the users of this cluster.
    #[serde(deserialize_with = "loose")]
    pub custom: bool,
    /// A level such as `x86-64-v3`, not a processor.
    #[serde(rename = "abstract", deserialize_with = "loose")]
    pub is_abstract: bool,
}

/// A flag of processors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CpuFlag {
    /// Its name.
    #[serde(deserialize_with = "loose")]
    pub name: CompactString,
    /// What it is good for.
    #[serde(deserialize_with = "loose")]
    pub description: String,
    /// The nodes that have it; `None` where the server doesn't tell.
    #[serde(rename = "supported-on", deserialize_with = "some_list")]
    pub supported_on: Option<Vec<CompactString>>,
}

fn some_list<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<CompactString>>, D::Error> {
    json::list(deserializer).map(Some)
}

/// A version of a machine type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// What is written into the settings, for example `pc-q35-9.2+pve1`.
    #[serde(deserialize_with = "loose")]
    pub id: CompactString,
    /// `q35`, `i440fx` or `virt`.
    #[serde(rename = "type", deserialize_with = "loose")]
    pub kind: CompactString,
    /// Its version.
    #[serde(deserialize_with = "loose")]
    pub version: CompactString,
    /// What is new in it.
    #[serde(deserialize_with = "loose")]
    pub changes: Option<String>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn endpoints_as_text() {
        let node = NodeName::from("n");
        assert_eq!(pci(&node).to_string(), "GET /nodes/n/hardware/pci");
        assert_eq!(mediated(&node, "0000:01:00.0").to_string(), "GET /nodes/n/hardware/pci/0000%3A01%3A00.0/mdev");
        assert_eq!(usb(&node).to_string(), "GET /nodes/n/hardware/usb");
        assert_eq!(cpu_models(&node, None).to_string(), "GET /nodes/n/capabilities/qemu/cpu");
        assert_eq!(
            cpu_flags(&node, Some("x86_64")).to_string(),
            "GET /nodes/n/capabilities/qemu/cpu-flags arch=x86_64"
        );
        assert_eq!(machines(&node, None).to_string(), "GET /nodes/n/capabilities/qemu/machines");
    }

    #[test]
    fn what_the_server_writes() {
        let pci: Pci = serde_json::from_str(r#"{"id":"0000:01:00.0","iommugroup":-1,"mdev":"1"}"#).unwrap();
        assert!(pci.mdev && pci.iommugroup == -1 && pci.vendor_name.is_none());
        let usb: Usb = serde_json::from_str(r#"{"busnum":"1","usbpath":"1.4","speed":480,"class":9}"#).unwrap();
        assert_eq!((usb.busnum, usb.usbpath.as_deref(), &*usb.speed, usb.class), (1, Some("1.4"), "480", 9));
        let flag: CpuFlag = serde_json::from_str(r#"{"name":"aes","supported-on":["a","b"]}"#).unwrap();
        assert_eq!(flag.supported_on.map(|nodes| nodes.len()), Some(2));
        let old: CpuFlag = serde_json::from_str(r#"{"name":"aes"}"#).unwrap();
        assert_eq!(old.supported_on, None);
    }
}
