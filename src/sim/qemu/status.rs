//! What a VM looks like now: rows of the list and `status/current`.

use serde_json::{Map, Value, json};

use super::drive::{self, Drive, is_numbered};
use crate::sim::call::{Args, Outcome};
use crate::sim::guest;
use crate::sim::load;
use crate::sim::property::Property;
use crate::sim::router::Route;
use crate::sim::state::{Cluster, Guest, Kind};

/// The calls of this file.
pub const ROUTES: &[Route] = &[
    Route("GET", "/nodes/{node}/qemu/{vmid}/status", index),
    Route("GET", "/nodes/{node}/qemu/{vmid}/status/current", current),
];

/// `GET /nodes/{node}/qemu/{vmid}/status`
fn index(_: &mut Cluster, _: &Args) -> Outcome {
    const PARTS: &[&str] = &["current", "start", "stop", "reset", "shutdown", "suspend", "reboot"];
    Ok(PARTS.iter().map(|part| json!({"subdir": part})).collect::<Vec<Value>>().into())
}

/// A row of the list; `full` adds what only a question to the VM's process tells.
pub fn row(cluster: &Cluster, guest: &Guest, full: bool) -> Value {
    let mut row = common(cluster, guest);
    if full {
        row.insert("qmpstatus".into(), json!(guest.qmp));
        if guest.running {
            live(cluster, guest, &mut row);
        }
    }
    Value::Object(row)
}

fn common(cluster: &Cluster, guest: &Guest) -> Map<String, Value> {
    let figures = guest::figures(cluster, guest);
    let mut row = Map::new();
    let mut put = |key: &str, value: Value| row.insert(key.to_owned(), value);
    put("vmid", json!(guest.vmid));
    put("name", json!(guest.name()));
    put("status", json!(guest.status()));
    let here = cluster.nodes.get(&guest.node).map_or(u64::MAX, |node| node.cpus);
    put("cpus", json!(guest.cpus().min(here)));
    put("cpu", json!(figures.cpu));
    put("mem", json!(figures.mem));
    put("maxmem", json!(guest.maxmem()));
    put("memhost", json!(guest::memhost(guest, &figures)));
    put("disk", json!(0));
    put("maxdisk", json!(guest.maxdisk()));
    put("netin", json!(figures.netin));
    put("netout", json!(figures.netout));
    put("uptime", json!(guest.uptime(cluster.now)));
    for key in ["tags", "lock"] {
        if let Some(value) = guest.get(key) {
            put(key, json!(value));
        }
    }
    if guest.is_template() {
        put("template", json!(1));
    }
    if guest.config.keys().any(|key| is_numbered(key, "serial")) {
        put("serial", json!(1));
    }
    if let Some(minimum) =
        guest.get("balloon").and_then(|v| v.parse::<u64>().ok()).filter(|v| *v > 0 && v << 20 != guest.maxmem())
    {
        put("balloon_min", json!(minimum << 20));
        put("shares", json!(guest.get("shares").and_then(|v| v.parse::<u64>().ok()).unwrap_or(1000)));
    }
    if guest.running {
        put("pid", json!(guest.pid));
        for key in load::PRESSURE {
            put(key, json!(0));
        }
    }
    row
}

/// What the process of a running VM tells.
fn live(cluster: &Cluster, guest: &Guest, row: &mut Map<String, Value>) {
    let figures = guest::figures(cluster, guest);
    let memory = guest.maxmem();
    let mut put = |key: &str, value: Value| row.insert(key.to_owned(), value);
    let age = if guest.qmp == "prelaunch" { 0.0 } else { (cluster.now - guest.started).max(0.0) };
    let (read, written) = (Transfer::of(guest.load.io.0, age), Transfer::of(guest.load.io.1, age));
    put("diskread", json!(read.bytes));
    put("diskwrite", json!(written.bytes));
    put("balloon", json!(memory));
    let mut balloon = json!({"actual": memory, "max_mem": memory});
    if guest.agent {
        let free = memory.saturating_sub(figures.mem);
        put("freemem", json!(free));
        balloon = json!({
            "actual": memory, "max_mem": memory, "total_mem": memory * 95 / 100, "free_mem": free, "mem_swapped_in": 0, "mem_swapped_out": 0,
            "minor_page_faults": 2280, "major_page_faults": 0, "last_update": cluster.now as u64,
        });
    }
    put("ballooninfo", balloon);
    put("running-machine", json!(running_machine(guest)));
    put("running-qemu", json!("10.0.2"));
    put(
        "proxmox-support",
        json!({
            "backup-access-api": true, "backup-fleecing": true, "backup-max-workers": true, "pbs-dirty-bitmap": true, "pbs-dirty-bitmap-migration": true,
            "pbs-dirty-bitmap-savevm": true, "pbs-library-version": "1.6.0", "pbs-masterkey": true, "query-bitmap-info": true,
        }),
    );
    let config = if guest.active.is_empty() { &guest.config } else { &guest.active };
    let nets: Vec<u32> =
        config.keys().filter(|key| is_numbered(key, "net")).filter_map(|key| key[3..].parse().ok()).collect();
    let mut nics = Map::new();
    for (at, net) in nets.iter().enumerate() {
        // The first device carries the traffic.
        let (netin, netout) = if at == 0 { (figures.netin, figures.netout) } else { (0, 0) };
        nics.insert(format!("tap{}i{net}", guest.vmid), json!({"netin": netin, "netout": netout}));
    }
    if !nics.is_empty() {
        put("nics", Value::Object(nics));
    }
    let mut blocks = Map::new();
    for (at, key) in config.keys().filter(|key| drive::is_slot(key) && *key != "tpmstate0").enumerate() {
        let stat = if at == 0 { block(read, written) } else { block(Transfer::default(), Transfer::default()) };
        blocks.insert(key.clone(), stat);
    }
    if !blocks.is_empty() {
        put("blockstat", Value::Object(blocks));
    }
}

/// What a drive has read or written since the start of its process.
#[derive(Clone, Copy, Default)]
struct Transfer {
    bytes: u64,
    operations: u64,
    /// Seconds since the last operation.
    idle: f64,
}

impl Transfer {
    /// Whole sectors at a steady rate (bytes per second) over `age` seconds, in operations of up to 16 KiB.
    fn of(rate: f64, age: f64) -> Self {
        let sectors = (rate * age / 512.0) as u64;
        let bytes = sectors * 512;
        let idle = if rate > 0.0 { age - bytes as f64 / rate } else { age };
        Self { bytes, operations: bytes.div_ceil(16384).max(sectors.min(32)), idle }
    }
}

fn block(read: Transfer, written: Transfer) -> Value {
    let mut stat = Map::new();
    for key in ["flush", "unmap", "wr", "rd", "zone_append"] {
        let done = match key {
            "rd" => read,
            "wr" => written,
            _ => Transfer::default(),
        };
        stat.insert(format!("{key}_operations"), json!(done.operations));
        stat.insert(format!("{key}_total_time_ns"), json!(done.operations * 90_000));
        stat.insert(format!("failed_{key}_operations"), json!(0));
        stat.insert(format!("invalid_{key}_operations"), json!(0));
        if key != "flush" {
            stat.insert(format!("{key}_bytes"), json!(done.bytes));
            stat.insert(format!("{key}_merged"), json!(0));
        }
    }
    stat.insert("wr_highest_offset".into(), json!(written.bytes));
    stat.insert("account_failed".into(), json!(true));
    stat.insert("account_invalid".into(), json!(true));
    stat.insert("timed_stats".into(), json!([]));
    // QEMU leaves the idle time out until there was an operation.
    let last = [read, written].iter().filter(|t| t.operations > 0).map(|t| t.idle).reduce(f64::min);
    if let Some(idle) = last {
        stat.insert("idle_time_ns".into(), json!((idle * 1e9) as u64));
    }
    Value::Object(stat)
}

/// The machine type that a running VM was started with.
pub fn running_machine(guest: &Guest) -> String {
    match guest.get("machine").map(|m| m.trim_start_matches("type=").split(',').next().unwrap_or_default().to_owned()) {
        Some(machine) if machine == "q35" => "pc-q35-10.0+pve1".into(),
        Some(machine) if machine.contains('-') => machine,
        _ => "pc-i440fx-10.0+pve1".into(),
    }
}

/// `GET /nodes/{node}/qemu/{vmid}/status/current`
fn current(cluster: &mut Cluster, args: &Args) -> Outcome {
    let guest = cluster.guest_at(Kind::Qemu, args.node(), args.vmid())?;
    let mut row = common(cluster, guest);
    if guest.running {
        live(cluster, guest, &mut row);
    }
    row.insert("qmpstatus".into(), json!(guest.qmp));
    row.insert("ha".into(), guest::ha_json(cluster, Kind::Qemu, guest.vmid));
    if agent_enabled(guest) {
        row.insert("agent".into(), json!(1));
    }
    if let Some(vga) = guest.get("vga").map(|vga| Property::parse(vga, "type")) {
        row.insert("clipboard".into(), vga.get("clipboard").map_or(Value::Null, |v| json!(v)));
        if vga.get("type").is_some_and(|kind| kind.starts_with("qxl") || kind == "virtio") {
            row.insert("spice".into(), json!(1));
        }
    }
    Ok(Value::Object(row).into())
}

/// Is the guest agent switched on in the configuration?
pub fn agent_enabled(guest: &Guest) -> bool {
    guest.get("agent").is_some_and(|agent| Property::parse(agent, "enabled").flag("enabled", false))
}

/// Has the VM a drive that reads from the host or a CD-ROM image on a local storage?
pub fn cdrom_volumes(guest: &Guest) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (key, value) in guest.config.iter().filter(|(key, _)| drive::bus(key).is_some()) {
        let drive = Drive::parse(value);
        if let (true, Some(volid)) = (drive.is_cdrom() && !drive.is_cloudinit(), drive.volume()) {
            found.push((key.clone(), volid.to_owned()));
        }
    }
    found
}
