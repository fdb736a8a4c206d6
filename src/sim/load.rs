//! The course of load: processor, memory and counters of a moment, as functions of the seed.
//!
//! Values change every ten seconds, as the status daemon writes them, and not with every request.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::crypto::noise;
use super::state::{Cluster, Guest, Node};

/// Seconds between two values.
pub const TICK: f64 = 10.0;

/// The figures of a guest or a node at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Use of all processors, 0..1.
    pub cpu: f64,
    /// Bytes of memory in use.
    pub mem: u64,
    /// Bytes of the root disk in use (containers and nodes).
    pub disk: u64,
    /// Bytes received and sent since the start.
    pub netin: u64,
    /// Bytes sent since the start.
    pub netout: u64,
    /// Bytes read since the start.
    pub diskread: u64,
    /// Bytes written since the start.
    pub diskwrite: u64,
}

/// The number of a moment's tick.
pub fn tick(now: f64) -> u64 {
    (now / TICK) as u64
}

/// The number of a node in its own course of load, apart from those of guests.
pub fn who(node: &Node) -> u64 {
    u64::from(node.id) << 40
}

/// A value in 0..1 that wanders: two slow waves with some noise on them.
pub fn wander(seed: u64, who: u64, tick: u64) -> f64 {
    let phase = noise(seed, who, 0) * std::f64::consts::TAU;
    let t = tick as f64 * TICK;
    let slow = (t / 2700.0 + phase).sin() * 0.5 + 0.5;
    let fast = (t / 190.0 + phase * 3.0).sin() * 0.5 + 0.5;
    0.5 * slow + 0.2 * fast + 0.3 * noise(seed, who, tick)
}

fn counter(seed: u64, who: u64, rate: f64, since: f64, tick: u64) -> u64 {
    // the noise of a tick adds at most one tick's worth, so a counter never falls
    let whole = (tick as f64 * TICK - since).max(0.0);
    (rate * (whole + TICK * noise(seed, who, tick))) as u64
}

/// The figures of a guest at a moment; all zero when it doesn't run.
pub fn guest(cluster: &Cluster, guest: &Guest, now: f64) -> Figures {
    let seed = cluster.seed;
    // a guest has several courses, so the numbers of guests keep their distance
    let who = u64::from(guest.vmid) << 3;
    let (tick, load) = (tick(now), &guest.load);
    let maxdisk = guest.maxdisk() as f64;
    let disk = match guest.kind {
        super::state::Kind::Lxc if guest.running => (maxdisk * load.disk) as u64,
        _ => 0,
    };
    if !guest.running || guest.qmp == "paused" && load.cpu == 0.0 {
        return Figures { disk, ..Figures::default() };
    }
    let busy = if guest.qmp == "paused" { 0.0 } else { load.cpu * (0.4 + 1.2 * wander(seed, who, tick)) };
    let mem = guest.maxmem() as f64 * (load.mem * (0.94 + 0.12 * wander(seed, who + 7, tick / 6)));
    Figures {
        cpu: busy.clamp(0.0, 1.0),
        mem: (mem as u64).min(guest.maxmem()),
        disk,
        netin: counter(seed, who + 1, load.net.0, guest.started, tick),
        netout: counter(seed, who + 2, load.net.1, guest.started, tick),
        diskread: counter(seed, who + 3, load.io.0, guest.started, tick),
        diskwrite: counter(seed, who + 4, load.io.1, guest.started, tick),
    }
}

/// What the guests of each node use: processors (as a number of them) and bytes of memory.
pub type Sums = BTreeMap<String, (f64, u64)>;

/// The sums of now, which are added up once for every value of the load.
pub fn sums(cluster: &mut Cluster) -> Arc<Sums> {
    let (epoch, tick) = (cluster.epoch, tick(cluster.now));
    if let Some((at, made, sums)) = &cluster.sums
        && (*at, *made) == (epoch, tick)
    {
        return sums.clone();
    }
    let sums = Arc::new(by_node(cluster, cluster.now));
    cluster.sums = Some((epoch, tick, sums.clone()));
    sums
}

/// The sums of a moment.
pub fn by_node(cluster: &Cluster, now: f64) -> Sums {
    let mut out = Sums::new();
    for g in cluster.guests.values().filter(|g| g.running) {
        let figures = guest(cluster, g, now);
        if !out.contains_key(&g.node) {
            out.insert(g.node.clone(), (0.0, 0));
        }
        if let Some(entry) = out.get_mut(&g.node) {
            entry.0 += figures.cpu * g.cpus().max(1) as f64;
            entry.1 += figures.mem;
        }
    }
    out
}

/// The figures of a node at a moment, its guests' use (from [`by_node`]) included.
pub fn node(cluster: &Cluster, node: &Node, guests: (f64, u64), now: f64) -> Figures {
    let who = who(node);
    let own = node.load.cpu * (0.5 + wander(cluster.seed, who, tick(now)));
    let cpu = own + guests.0 / node.cpus.max(1) as f64;
    let mem = node.memory as f64 * node.load.mem + guests.1 as f64;
    Figures {
        cpu: cpu.clamp(0.0, 0.99),
        mem: (mem as u64).min(node.memory * 97 / 100),
        disk: node.rootfs.1,
        netin: (node.load.net.0 * (now - node.booted).max(0.0)) as u64,
        netout: (node.load.net.1 * (now - node.booted).max(0.0)) as u64,
        ..Figures::default()
    }
}

/// Names of the pressure figures, which are zero here.
pub const PRESSURE: [&str; 6] = [
    "pressurecpufull",
    "pressurecpusome",
    "pressureiofull",
    "pressureiosome",
    "pressurememoryfull",
    "pressurememorysome",
];

/// Seconds between points and their number, of an rrddata time frame.
pub fn frame(name: &str) -> (u64, u64) {
    match name {
        "hour" => (60, 70),
        "day" => (1800, 70),
        "week" => (10800, 70),
        "month" => (43200, 70),
        "year" => (604_800, 70),
        _ => (604_800, 570),
    }
}

/// The moments of an rrddata time frame that ends now.
pub fn moments(name: &str, now: f64) -> impl Iterator<Item = u64> {
    let (step, count) = frame(name);
    let last = now as u64 / step * step;
    (0..count).rev().map(move |i| last.saturating_sub(i * step))
}
