//! Nodes: the machines of the cluster.

use compact_str::CompactString;
use serde::{Deserialize, Deserializer};

use super::{
    ids::NodeName,
    json::{self, loose},
    request::Request,
    rrd::{self, Consolidation, Point, Timeframe},
};

/// `GET /nodes`: every node; without rights on it only name and state.
pub fn list() -> Request<Vec<Entry>> {
    Request::get("/nodes")
}

/// `GET /nodes/{node}/status`
pub fn status(node: &NodeName) -> Request<Status> {
    Request::get(node.path("status"))
}

/// `GET /nodes/{node}/rrddata`
pub fn rrddata(node: &NodeName, timeframe: Timeframe, of: Consolidation) -> Request<Vec<Point>> {
    rrd::data(node.path("rrddata"), timeframe, of)
}

/// A node in the list of nodes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// Its name.
    #[serde(deserialize_with = "loose")]
    pub node: NodeName,
    /// `online`, `offline` or `unknown`.
    #[serde(deserialize_with = "loose")]
    pub status: CompactString,
    /// Processor use as a fraction of the whole node.
    #[serde(deserialize_with = "loose")]
    pub cpu: f64,
    /// How many processors it has.
    #[serde(deserialize_with = "loose")]
    pub maxcpu: u32,
    /// Memory in use, in bytes.
    #[serde(deserialize_with = "loose")]
    pub mem: u64,
    /// Memory that it has, in bytes.
    #[serde(deserialize_with = "loose")]
    pub maxmem: u64,
    /// Root file system in use, in bytes.
    #[serde(deserialize_with = "loose")]
    pub disk: u64,
    /// Size of the root file system, in bytes.
    #[serde(deserialize_with = "loose")]
    pub maxdisk: u64,
    /// Seconds since it was started.
    #[serde(deserialize_with = "loose")]
    pub uptime: u64,
    /// SHA-256 of its certificate, `AB:CD:..`.
    #[serde(deserialize_with = "loose")]
    pub ssl_fingerprint: CompactString,
    /// Level of support: `c`, `b`, `s`, `p`, or empty for none.
    #[serde(deserialize_with = "loose")]
    pub level: CompactString,
}

/// How a node is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Processor use as a fraction of the whole node.
    #[serde(deserialize_with = "loose")]
    pub cpu: f64,
    /// Time spent waiting for disks, as a fraction.
    #[serde(deserialize_with = "loose")]
    pub wait: f64,
    /// Memory in bytes.
    #[serde(deserialize_with = "json::object")]
    pub memory: Usage,
    /// Swap in bytes.
    #[serde(deserialize_with = "json::object")]
    pub swap: Usage,
    /// Root file system in bytes.
    #[serde(deserialize_with = "json::object")]
    pub rootfs: Usage,
    /// What memory deduplication saves, in bytes.
    #[serde(deserialize_with = "json::object")]
    pub ksm: Ksm,
    /// Seconds since it was started.
    #[serde(deserialize_with = "loose")]
    pub uptime: u64,
    /// Mean numbers of waiting processes over 1, 5 and 15 minutes.
    #[serde(deserialize_with = "loads")]
    pub loadavg: [f64; 3],
    /// The kernel in words.
    #[serde(deserialize_with = "loose")]
    pub kversion: String,
    /// The kernel in parts.
    #[serde(rename = "current-kernel", deserialize_with = "json::object")]
    pub kernel: Kernel,
    /// The version of Proxmox VE, for example `pve-manager/9.2.11/14a22df35955d97d`.
    #[serde(deserialize_with = "loose")]
    pub pveversion: CompactString,
    /// The processors.
    #[serde(deserialize_with = "json::object")]
    pub cpuinfo: CpuInfo,
    /// How it was started.
    #[serde(rename = "boot-info", deserialize_with = "json::object")]
    pub boot: Boot,
}

/// How much of something is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// In all.
    #[serde(deserialize_with = "loose")]
    pub total: u64,
    /// In use.
    #[serde(deserialize_with = "loose")]
    pub used: u64,
    /// Not in use.
    #[serde(deserialize_with = "loose")]
    pub free: u64,
    /// What programs can still get: memory counts as `available`, file systems as `avail`.
    #[serde(alias = "available", deserialize_with = "loose")]
    pub avail: Option<u64>,
}

/// What memory deduplication saves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Ksm {
    /// Bytes.
    #[serde(deserialize_with = "loose")]
    pub shared: u64,
}

/// A kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Kernel {
    /// `Linux`.
    #[serde(deserialize_with = "loose")]
    pub sysname: CompactString,
    /// For example `6.17.2-1-pve`.
    #[serde(deserialize_with = "loose")]
    pub release: CompactString,
    /// How and when it was built.
    #[serde(deserialize_with = "loose")]
    pub version: CompactString,
    /// For example `x86_64`.
    #[serde(deserialize_with = "loose")]
    pub machine: CompactString,
}

/// The processors of a node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct CpuInfo {
    /// The name of the model.
    #[serde(deserialize_with = "loose")]
    pub model: CompactString,
    /// How many sockets.
    #[serde(deserialize_with = "loose")]
    pub sockets: u32,
    /// How many cores in all.
    #[serde(deserialize_with = "loose")]
    pub cores: u32,
    /// How many threads in all.
    #[serde(deserialize_with = "loose")]
    pub cpus: u32,
    /// Clock in MHz.
    #[serde(deserialize_with = "loose")]
    pub mhz: f64,
}

/// How a node was started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Boot {
    /// `efi` or `legacy-bios`.
    #[serde(deserialize_with = "loose")]
    pub mode: CompactString,
    /// True with secure boot.
    #[serde(deserialize_with = "loose")]
    pub secureboot: bool,
}

/// The load comes as texts in a list.
fn loads<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[f64; 3], D::Error> {
    let mut loads = [0.0; 3];
    for (load, text) in loads.iter_mut().zip(json::list(deserializer)?) {
        *load = text.parse().unwrap_or_default();
    }
    Ok(loads)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn endpoints_as_text() {
        let node = NodeName::from("n");
        assert_eq!(list().to_string(), "GET /nodes");
        assert_eq!(status(&node).to_string(), "GET /nodes/n/status");
        assert_eq!(
            rrddata(&node, Timeframe::Decade, Consolidation::Average).to_string(),
            "GET /nodes/n/rrddata timeframe=decade cf=AVERAGE"
        );
    }

    #[test]
    fn a_status() {
        let status: Status = serde_json::from_str(
            r#"{"loadavg":["1.45",0.97,"0.82"],"memory":{"total":"100","used":40,"available":60},"swap":null,
            "rootfs":{"avail":7},"cpuinfo":{"mhz":"2000.000","cpus":2},"cpu":0.5,"current-kernel":{"release":"6"}}"#,
        )
        .unwrap();
        assert_eq!((status.loadavg, status.memory.avail, status.rootfs.avail), ([1.45, 0.97, 0.82], Some(60), Some(7)));
        assert_eq!((status.memory.total, status.swap.total, status.cpuinfo.mhz), (100, 0, 2000.0));
        assert_eq!(&*status.kernel.release, "6");
    }
}
