//! Ceph, which isn't installed on the simulated nodes: every call about it says so, as on a real node without it.

use super::call::{Args, Outcome, die};
use super::router::Route;
use super::state::Cluster;

/// Ceph. Installing and setting it up are not modelled.
pub const ROUTES: &[Route] = &[
    Route("GET", "/cluster/ceph/metadata", missing),
    Route("GET", "/cluster/ceph/status", missing),
    Route("GET", "/cluster/ceph/flags", missing),
    Route("PUT", "/cluster/ceph/flags", missing),
    Route("GET", "/cluster/ceph/flags/{flag}", missing),
    Route("PUT", "/cluster/ceph/flags/{flag}", missing),
    Route("GET", "/nodes/{node}/ceph/status", missing),
    Route("GET", "/nodes/{node}/ceph/cfg/raw", missing),
    Route("GET", "/nodes/{node}/ceph/cfg/db", missing),
    Route("GET", "/nodes/{node}/ceph/cfg/value", missing),
    Route("GET", "/nodes/{node}/ceph/osd", missing),
    Route("POST", "/nodes/{node}/ceph/osd", missing),
    Route("DELETE", "/nodes/{node}/ceph/osd/{osdid}", missing),
    Route("GET", "/nodes/{node}/ceph/osd/{osdid}/metadata", missing),
    Route("GET", "/nodes/{node}/ceph/osd/{osdid}/lv-info", missing),
    Route("POST", "/nodes/{node}/ceph/osd/{osdid}/in", missing),
    Route("POST", "/nodes/{node}/ceph/osd/{osdid}/out", missing),
    Route("POST", "/nodes/{node}/ceph/osd/{osdid}/scrub", missing),
    Route("GET", "/nodes/{node}/ceph/mds", missing),
    Route("GET", "/nodes/{node}/ceph/mgr", missing),
    Route("GET", "/nodes/{node}/ceph/mon", missing),
    Route("GET", "/nodes/{node}/ceph/fs", missing),
    Route("POST", "/nodes/{node}/ceph/fs/{name}", missing),
    Route("DELETE", "/nodes/{node}/ceph/fs/{name}", missing),
    Route("GET", "/nodes/{node}/ceph/pool", missing),
    Route("POST", "/nodes/{node}/ceph/pool", missing),
    Route("GET", "/nodes/{node}/ceph/pool/{name}", missing),
    Route("PUT", "/nodes/{node}/ceph/pool/{name}", missing),
    Route("DELETE", "/nodes/{node}/ceph/pool/{name}", missing),
    Route("GET", "/nodes/{node}/ceph/pool/{name}/status", missing),
    Route("GET", "/nodes/{node}/ceph/crush", missing),
    Route("GET", "/nodes/{node}/ceph/log", missing),
    Route("GET", "/nodes/{node}/ceph/rules", missing),
    Route("GET", "/nodes/{node}/ceph/cmd-safety", missing),
];

fn missing(_: &mut Cluster, _: &Args) -> Outcome {
    Err(die("binary not installed: /usr/bin/ceph-mon"))
}
