//! What virtual machines and containers have in common.

use std::{collections::BTreeMap, fmt};

use compact_str::CompactString;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor},
};

use super::{
    cluster::GuestStatus,
    ids::{GuestKind, GuestRef, NodeName, Upid, VmId},
    json::{self, Lenient, loose},
    request::{Param, Request},
    rrd::{self, Consolidation, Point, Timeframe},
};

/// `GET /nodes/{node}/{qemu|lxc}/{vmid}/status/current`
pub fn status(guest: &GuestRef) -> Request<Status> {
    Request::get(guest.path("status/current"))
}

/// `GET /nodes/{node}/{qemu|lxc}/{vmid}/config`
pub fn config(guest: &GuestRef, which: &Which) -> Request<Config> {
    let request = Request::get(guest.path("config"));
    match which {
        Which::Pending => request,
        Which::Current => request.flag("current", true),
        Which::Snapshot(name) => request.param("snapshot", name),
    }
}

/// `PUT /nodes/{node}/{qemu|lxc}/{vmid}/config`: changes settings at once, or leaves them pending when the guest runs.
pub fn set_config(guest: &GuestRef, change: &Change) -> Request<()> {
    change.add_to(Request::put(guest.path("config")))
}

/// `GET /nodes/{node}/{qemu|lxc}/{vmid}/pending`
pub fn pending(guest: &GuestRef) -> Request<Vec<Pending>> {
    Request::get(guest.path("pending"))
}

/// `POST /nodes/{node}/{qemu|lxc}/{vmid}/status/start`
pub fn start(guest: &GuestRef) -> Request<Upid> {
    Request::post(guest.path("status/start"))
}

/// `POST /nodes/{node}/{qemu|lxc}/{vmid}/status/stop`: pulls the plug; `overrule` ends a running shutdown task first.
pub fn stop(guest: &GuestRef, overrule: bool) -> Request<Upid> {
    Request::post(guest.path("status/stop")).maybe("overrule-shutdown", overrule.then_some(1))
}

/// `POST /nodes/{node}/{qemu|lxc}/{vmid}/status/shutdown`: asks the guest to shut down and waits for `timeout` seconds (the
/// server's default without one); with `force` it is stopped then.
pub fn shutdown(guest: &GuestRef, timeout: Option<u32>, force: bool) -> Request<Upid> {
    Request::post(guest.path("status/shutdown")).maybe("timeout", timeout).maybe("forceStop", force.then_some(1))
}

/// `POST /nodes/{node}/{qemu|lxc}/{vmid}/status/reboot`: shuts down and starts again, which applies pending changes.
pub fn reboot(guest: &GuestRef, timeout: Option<u32>) -> Request<Upid> {
    Request::post(guest.path("status/reboot")).maybe("timeout", timeout)
}

/// `POST /nodes/{node}/{qemu|lxc}/{vmid}/status/suspend`: halts a VM's processors, or freezes a container (experimental).
pub fn suspend(guest: &GuestRef) -> Request<Upid> {
    Request::post(guest.path("status/suspend"))
}

/// `POST /nodes/{node}/{qemu|lxc}/{vmid}/status/resume`
pub fn resume(guest: &GuestRef) -> Request<Upid> {
    Request::post(guest.path("status/resume"))
}

/// `DELETE /nodes/{node}/{qemu|lxc}/{vmid}`: removes the guest with its disks. `purge` also takes it out of backup jobs,
/// replication and high availability; `unreferenced` also removes volumes of its number that its settings do not name.
pub fn destroy(guest: &GuestRef, purge: bool, unreferenced: bool) -> Request<Upid> {
    Request::delete(guest.path(""))
        .maybe("purge", purge.then_some(1))
        .maybe("destroy-unreferenced-disks", unreferenced.then_some(1))
}

/// `GET /nodes/{node}/{qemu|lxc}/{vmid}/rrddata`. Guests know no decade: it is asked as a year.
pub fn rrddata(guest: &GuestRef, timeframe: Timeframe, of: Consolidation) -> Request<Vec<Point>> {
    let timeframe = if timeframe == Timeframe::Decade { Timeframe::Year } else { timeframe };
    rrd::data(guest.path("rrddata"), timeframe, of)
}

/// `GET /nodes/{node}/{qemu|lxc}/{vmid}/feature`: whether snapshots, clones or copies are possible, and on which nodes.
pub fn feature(guest: &GuestRef, what: Feature, snapshot: Option<&str>) -> Request<Possible> {
    Request::get(guest.path("feature")).param("feature", what.as_str()).maybe("snapname", snapshot)
}

/// Which state of the settings to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// As they will be after the next start.
    #[default]
    Pending,
    /// As the guest runs now.
    Current,
    /// As they were when this snapshot was made.
    Snapshot(String),
}

/// A feature that depends on the storage of the disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Snapshots.
    Snapshot,
    /// Linked clones.
    Clone,
    /// Full clones.
    Copy,
}

impl Feature {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Clone => "clone",
            Self::Copy => "copy",
        }
    }
}

/// The answer to [`feature`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Possible {
    /// True when every disk can do it.
    #[serde(rename = "hasFeature", deserialize_with = "loose")]
    pub has_feature: bool,
    /// The nodes that can reach the disks (VMs only).
    #[serde(deserialize_with = "json::list")]
    pub nodes: Vec<CompactString>,
}

/// What to change in a guest's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// New values; make them with [`param`] so that passwords stay hidden.
    pub set: Vec<Param>,
    /// Keys to remove.
    pub delete: Vec<String>,
    /// Keys whose pending change is dropped.
    pub revert: Vec<String>,
    /// The volumes of removed disks are deleted at once instead of staying as `unusedN` (VMs only).
    pub force: bool,
    /// The digest of the settings that were edited: the server refuses when they have changed since.
    pub digest: Option<String>,
}

impl Change {
    pub(crate) fn add_to<T>(&self, mut request: Request<T>) -> Request<T> {
        request.wire.params.extend(self.set.iter().cloned());
        let keys = |keys: &[String]| (!keys.is_empty()).then(|| keys.join(","));
        request
            .maybe("delete", keys(&self.delete))
            .maybe("revert", keys(&self.revert))
            .maybe("force", self.force.then_some(1))
            .maybe("digest", self.digest.as_deref())
    }
}

/// A setting as a parameter; passwords are marked as secret.
pub fn param(name: &str, value: impl fmt::Display) -> Param {
    Param { name: name.into(), value: value.to_string(), secret: matches!(name, "password" | "cipassword") }
}

/// Creates a guest: `POST /nodes/{node}/{qemu|lxc}`.
pub(crate) fn create(node: &NodeName, kind: GuestKind, vmid: VmId, params: &[Param]) -> Request<Upid> {
    let mut request = list_request::<Upid>(Request::post, node, kind).param("vmid", vmid);
    request.wire.params.extend(params.iter().filter(|param| param.name != "vmid").cloned());
    request
}

/// The request for all guests of a kind on a node.
pub(crate) fn list_request<T: DeserializeOwned>(
    method: fn(String) -> Request<T>,
    node: &NodeName,
    kind: GuestKind,
) -> Request<T> {
    method(node.path(kind.as_str()))
}

/// A guest's state, from its own status or from the list of its node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Its number. A container's own status and lists have it; `None` only for odd rows.
    #[serde(deserialize_with = "loose")]
    pub vmid: Option<VmId>,
    /// Its name.
    #[serde(deserialize_with = "loose")]
    pub name: CompactString,
    /// The server's word: `running` or `stopped`. See [`Status::state`] for paused VMs.
    #[serde(deserialize_with = "loose")]
    pub status: CompactString,
    /// What QEMU says, for example `running`, `paused`, `prelaunch`; only in a VM's own status.
    #[serde(deserialize_with = "loose")]
    pub qmpstatus: Option<CompactString>,
    /// What holds it, for example `backup`.
    #[serde(deserialize_with = "loose")]
    pub lock: Option<CompactString>,
    /// True for a template.
    #[serde(deserialize_with = "loose")]
    pub template: bool,
    /// Its tags, joined by `;`.
    #[serde(deserialize_with = "loose")]
    pub tags: CompactString,
    /// Seconds since the start.
    #[serde(deserialize_with = "loose")]
    pub uptime: u64,
    /// Process id on the node.
    #[serde(deserialize_with = "loose")]
    pub pid: Option<u64>,
    /// Processor use as a fraction of all its processors.
    #[serde(deserialize_with = "loose")]
    pub cpu: f64,
    /// How many processors it has.
    #[serde(deserialize_with = "loose")]
    pub cpus: f64,
    /// Memory in use, in bytes.
    #[serde(deserialize_with = "loose")]
    pub mem: u64,
    /// Memory that it has, in bytes.
    #[serde(deserialize_with = "loose")]
    pub maxmem: u64,
    /// What it costs the host, in bytes.
    #[serde(deserialize_with = "loose")]
    pub memhost: Option<u64>,
    /// Current size of the balloon, in bytes.
    #[serde(deserialize_with = "loose")]
    pub balloon: Option<u64>,
    /// Swap in use, in bytes (containers).
    #[serde(deserialize_with = "loose")]
    pub swap: u64,
    /// Swap that it has, in bytes (containers).
    #[serde(deserialize_with = "loose")]
    pub maxswap: u64,
    /// Root disk in use, in bytes (containers).
    #[serde(deserialize_with = "loose")]
    pub disk: u64,
    /// Size of the root or boot disk, in bytes.
    #[serde(deserialize_with = "loose")]
    pub maxdisk: u64,
    /// Bytes received since the start.
    #[serde(deserialize_with = "loose")]
    pub netin: u64,
    /// Bytes sent since the start.
    #[serde(deserialize_with = "loose")]
    pub netout: u64,
    /// Bytes read since the start.
    #[serde(deserialize_with = "loose")]
    pub diskread: u64,
    /// Bytes written since the start.
    #[serde(deserialize_with = "loose")]
    pub diskwrite: u64,
    /// True when the guest agent is enabled.
    #[serde(deserialize_with = "loose")]
    pub agent: bool,
    /// True when it has a serial port that a text console can use.
    #[serde(deserialize_with = "loose")]
    pub serial: bool,
    /// True when it has a SPICE display.
    #[serde(deserialize_with = "loose")]
    pub spice: bool,
    /// The machine type that it runs with, for example `pc-i440fx-10.0+pve1`.
    #[serde(rename = "running-machine", deserialize_with = "loose")]
    pub running_machine: Option<CompactString>,
    /// The QEMU version that it runs with.
    #[serde(rename = "running-qemu", deserialize_with = "loose")]
    pub running_qemu: Option<CompactString>,
    /// What high availability has to do with it.
    #[serde(deserialize_with = "json::object")]
    pub ha: Ha,
}

impl Status {
    /// Whether it runs; tells paused VMs apart, which the plain status does not.
    pub fn state(&self) -> GuestStatus {
        match self.qmpstatus.as_deref() {
            Some("paused" | "suspended") => GuestStatus::Paused,
            _ => GuestStatus::from_api(&self.status),
        }
    }
}

/// What high availability has to do with a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Ha {
    /// True when it is looked after.
    #[serde(deserialize_with = "loose")]
    pub managed: bool,
    /// The state that is wanted, for example `started`.
    #[serde(deserialize_with = "loose")]
    pub state: Option<CompactString>,
}

/// A guest's settings as they stand in its file: key to text. Settings at their default are not listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Changes with every edit; send it back in [`Change::digest`].
    pub digest: String,
    /// Key to text, for example `cores` to `2`.
    pub values: BTreeMap<CompactString, String>,
    /// A container's raw lines (`lxc.*`), in order.
    pub raw: Vec<(String, String)>,
}

impl Config {
    /// The text of a setting.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// Numbered settings in order of their number: `numbered("net")` gives `(0, "virtio=..")`, `(1, ..)`.
    pub fn numbered(&self, prefix: &str) -> Vec<(u32, &str)> {
        let mut found: Vec<_> = self
            .values
            .range(CompactString::from(prefix)..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .filter_map(|(key, value)| Some((key[prefix.len()..].parse().ok()?, value.as_str())))
            .collect();
        found.sort_unstable();
        found
    }
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Settings;
        impl<'de> Visitor<'de> for Settings {
            type Value = Config;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a guest's settings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Config, A::Error> {
                let mut config = Config::default();
                while let Some(key) = map.next_key::<CompactString>()? {
                    if key == "lxc" {
                        config.raw = map.next_value()?;
                        continue;
                    }
                    let Lenient(value) = map.next_value::<Lenient<Option<String>>>()?;
                    match value {
                        Some(value) if key == "digest" => config.digest = value,
                        Some(value) => drop(config.values.insert(key, value)),
                        None => {}
                    }
                }
                Ok(config)
            }
        }
        deserializer.deserialize_map(Settings)
    }
}

/// A setting with the change that waits for the next start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Pending {
    /// Its name.
    #[serde(deserialize_with = "loose")]
    pub key: CompactString,
    /// What holds now; `None` when it is not set.
    #[serde(deserialize_with = "loose")]
    pub value: Option<String>,
    /// What will hold.
    #[serde(deserialize_with = "loose")]
    pub pending: Option<String>,
    /// 1 when it will be removed, 2 when with its volume.
    #[serde(deserialize_with = "loose")]
    pub delete: u32,
}

impl Pending {
    /// True when something waits.
    pub fn is_changed(&self) -> bool {
        self.pending.is_some() || self.delete > 0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn endpoints_as_text() {
        let vm = GuestRef::new("n", GuestKind::Vm, VmId::MIN);
        for (request, text) in [
            (start(&vm).to_string(), "POST /nodes/n/qemu/100/status/start"),
            (stop(&vm, false).to_string(), "POST /nodes/n/qemu/100/status/stop"),
            (stop(&vm, true).to_string(), "POST /nodes/n/qemu/100/status/stop overrule-shutdown=1"),
            (
                shutdown(&vm, Some(30), true).to_string(),
                "POST /nodes/n/qemu/100/status/shutdown timeout=30 forceStop=1",
            ),
            (reboot(&vm, None).to_string(), "POST /nodes/n/qemu/100/status/reboot"),
            (suspend(&vm).to_string(), "POST /nodes/n/qemu/100/status/suspend"),
            (resume(&vm).to_string(), "POST /nodes/n/qemu/100/status/resume"),
            (destroy(&vm, true, true).to_string(), "DELETE /nodes/n/qemu/100 purge=1 destroy-unreferenced-disks=1"),
            (status(&vm).to_string(), "GET /nodes/n/qemu/100/status/current"),
            (config(&vm, &Which::Current).to_string(), "GET /nodes/n/qemu/100/config current=1"),
            (pending(&vm).to_string(), "GET /nodes/n/qemu/100/pending"),
            (feature(&vm, Feature::Clone, None).to_string(), "GET /nodes/n/qemu/100/feature feature=clone"),
            (
                rrddata(&vm, Timeframe::Decade, Consolidation::Max).to_string(),
                "GET /nodes/n/qemu/100/rrddata timeframe=year cf=MAX",
            ),
        ] {
            assert_eq!(request, text);
        }
        let change = Change {
            set: vec![param("cores", 2), param("cipassword", "hunter2")],
            delete: vec!["net1".into(), "tags".into()],
            revert: vec![],
            force: true,
            digest: Some("ab".into()),
        };
        assert_eq!(
            set_config(&vm, &change).to_string(),
            "PUT /nodes/n/qemu/100/config cores=2 cipassword=******** delete=net1,tags force=1 digest=ab"
        );
    }

    #[test]
    fn settings_are_text() {
        let config: Config = serde_json::from_str(
            r#"{"cores":2,"memory":"512","digest":"d","net10":"c","net1":"b","net0":"a","netx":"-","numa":true,
            "lxc":[["lxc.cap.drop","sys_time"]],"odd":{"a":1}}"#,
        )
        .unwrap();
        assert_eq!((config.get("cores"), config.get("memory"), config.digest.as_str()), (Some("2"), Some("512"), "d"));
        assert_eq!((config.get("numa"), config.get("odd")), (Some("1"), None));
        assert_eq!(config.numbered("net"), [(0, "a"), (1, "b"), (10, "c")]);
        assert_eq!(config.raw, [("lxc.cap.drop".to_owned(), "sys_time".to_owned())]);
    }

    #[test]
    fn a_paused_vm_only_says_so_to_qemu() {
        let status: Status = serde_json::from_str(
            r#"{"vmid":"100","status":"running","qmpstatus":"paused","ha":{"managed":1,"state":"started"},"memhost":null}"#,
        )
        .unwrap();
        assert_eq!((status.state(), status.vmid, status.memhost), (GuestStatus::Paused, Some(VmId::MIN), None));
        assert_eq!((status.ha.managed, status.ha.state.as_deref()), (true, Some("started")));
        let pending: Pending = serde_json::from_str(r#"{"key":"cores","value":1,"pending":"2"}"#).unwrap();
        assert!(pending.is_changed() && pending.value.as_deref() == Some("1"));
    }
}
