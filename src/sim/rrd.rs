//! Statistics of guests over time, and pictures of them, which the simulator does not draw.

use serde_json::{Map, Value, json};

use super::call::{Args, Outcome};
use super::guest::memhost;
use super::load;
use super::router::Route;
use super::state::{Cluster, Kind};

/// The calls of this file.
pub const ROUTES: &[Route] = &[
    Route("GET", "/nodes/{node}/qemu/{vmid}/rrddata", |c, a| data(c, a, Kind::Qemu)),
    Route("GET", "/nodes/{node}/lxc/{vmid}/rrddata", |c, a| data(c, a, Kind::Lxc)),
];

/// `GET .../rrddata`: points of a time frame; before the guest ran they have nothing but their time.
fn data(cluster: &mut Cluster, args: &Args, kind: Kind) -> Outcome {
    let cluster: &Cluster = cluster;
    let guest = cluster.guest_at(kind, args.node(), args.vmid())?;
    let (step, _) = load::frame(args.str("timeframe"));
    let mut rows = Vec::new();
    for time in load::moments(args.str("timeframe"), cluster.now) {
        let mut row = Map::new();
        row.insert("time".into(), json!(time));
        if guest.running && time as f64 >= guest.started {
            let now = load::guest(cluster, guest, time as f64);
            let before = load::guest(cluster, guest, (time.saturating_sub(step) as f64).max(guest.started));
            let rate = |now: u64, before: u64| json!(now.saturating_sub(before) as f64 / step as f64);
            let mut put = |key: &str, value: Value| row.insert(key.to_owned(), value);
            put("cpu", json!(now.cpu));
            put("maxcpu", json!(guest.cpus().max(1)));
            put("mem", json!(now.mem));
            put("maxmem", json!(guest.maxmem()));
            put("disk", json!(now.disk));
            put("maxdisk", json!(guest.maxdisk()));
            put("netin", rate(now.netin, before.netin));
            put("netout", rate(now.netout, before.netout));
            put("diskread", rate(now.diskread, before.diskread));
            put("diskwrite", rate(now.diskwrite, before.diskwrite));
            if kind == Kind::Qemu {
                put("memhost", json!(memhost(guest, &now)));
            }
            for key in load::PRESSURE {
                put(key, json!(0));
            }
        }
        rows.push(Value::Object(row));
    }
    Ok(rows.into())
}
