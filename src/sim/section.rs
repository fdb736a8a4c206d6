//! Simple lists of named settings: replication, mappings, metric servers, SDN zones and VNets.
//! They are kept and given back; nothing happens because of them.

use serde_json::{Map, Value, json};

use super::call::{Args, Fault, Outcome, die};
use super::crypto::digest;
use super::router::Route;
use super::state::{Cluster, Config};

/// Lists of settings.
pub const ROUTES: &[Route] = &[
    Route("GET", "/cluster/replication", list),
    Route("POST", "/cluster/replication", create),
    Route("GET", "/cluster/replication/{id}", one),
    Route("PUT", "/cluster/replication/{id}", update),
    Route("DELETE", "/cluster/replication/{id}", remove),
    Route("GET", "/cluster/mapping/dir", list),
    Route("POST", "/cluster/mapping/dir", create),
    Route("GET", "/cluster/mapping/dir/{id}", one),
    Route("PUT", "/cluster/mapping/dir/{id}", update),
    Route("DELETE", "/cluster/mapping/dir/{id}", remove),
    Route("GET", "/cluster/mapping/pci", list),
    Route("POST", "/cluster/mapping/pci", create),
    Route("GET", "/cluster/mapping/pci/{id}", one),
    Route("PUT", "/cluster/mapping/pci/{id}", update),
    Route("DELETE", "/cluster/mapping/pci/{id}", remove),
    Route("GET", "/cluster/mapping/usb", list),
    Route("POST", "/cluster/mapping/usb", create),
    Route("GET", "/cluster/mapping/usb/{id}", one),
    Route("PUT", "/cluster/mapping/usb/{id}", update),
    Route("DELETE", "/cluster/mapping/usb/{id}", remove),
    Route("GET", "/cluster/metrics/server", list),
    Route("POST", "/cluster/metrics/server/{id}", create),
    Route("GET", "/cluster/metrics/server/{id}", one),
    Route("PUT", "/cluster/metrics/server/{id}", update),
    Route("DELETE", "/cluster/metrics/server/{id}", remove),
    Route("GET", "/cluster/jobs/realm-sync", list),
    Route("GET", "/cluster/sdn", |_, _| {
        let names = ["vnets", "zones", "controllers", "ipams", "dns", "fabrics"];
        Ok(names.iter().map(|n| json!({"id": n})).collect::<Vec<_>>().into())
    }),
    Route("GET", "/cluster/sdn/zones", list),
    Route("POST", "/cluster/sdn/zones", create),
    Route("GET", "/cluster/sdn/zones/{zone}", one),
    Route("PUT", "/cluster/sdn/zones/{zone}", update),
    Route("DELETE", "/cluster/sdn/zones/{zone}", remove),
    Route("GET", "/cluster/sdn/vnets", list),
    Route("POST", "/cluster/sdn/vnets", create),
    Route("GET", "/cluster/sdn/vnets/{vnet}", one),
    Route("PUT", "/cluster/sdn/vnets/{vnet}", update),
    Route("DELETE", "/cluster/sdn/vnets/{vnet}", remove),
    Route("GET", "/cluster/acme/plugins", list),
];

/// The file that a call is about, and the name of its key.
fn file(args: &Args) -> (String, &'static str) {
    let path = args.template.split("/{").next().unwrap_or("").trim_start_matches("/cluster/");
    let key = match path {
        "sdn/zones" => "zone",
        "sdn/vnets" => "vnet",
        "acme/plugins" => "plugin",
        _ => "id",
    };
    (path.to_owned(), key)
}

fn row(cluster: &Cluster, file: &str, key: &str, id: &str, config: &Config, pending: bool) -> Value {
    let sdn = file.starts_with("sdn/");
    let mut out = Map::new();
    for (name, value) in config {
        let value = match name.as_str() {
            "map" => json!(value.split('\n').collect::<Vec<_>>()),
            "schedule" | "comment" | "description" | "guest" => json!(value),
            _ => super::table::number(value),
        };
        out.insert(name.clone(), value);
    }
    out.insert(key.to_owned(), json!(id));
    if sdn && pending {
        out.insert("state".into(), json!("new"));
        out.insert("pending".into(), json!({}));
        out.insert("digest".into(), Value::Null);
    } else if sdn || file == "replication" {
        out.insert("digest".into(), json!(digest(&format!("{:?}", cluster.sections_of(file)))));
    }
    Value::Object(out)
}

fn list(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (file, key) = file(args);
    // SDN objects wait until they are applied, which is not modelled: the running configuration has none of them
    let hidden = file.starts_with("sdn/") && args.flag("running");
    let rows = cluster.sections_of(&file).into_iter().flatten().filter(|_| !hidden);
    let rows = rows.map(|(id, c)| row(cluster, &file, key, id, c, args.flag("pending")));
    Ok(rows.collect::<Vec<_>>().into())
}

fn missing(file: &str, id: &str) -> Fault {
    let what = match file {
        "replication" => "replication job",
        "sdn/zones" | "sdn/vnets" => "sdn object",
        _ => "entry",
    };
    die(format!("{what} '{id}' does not exist"))
}

fn settings(args: &Args, key: &str) -> Config {
    let mut out = args.settings(&[key, "digest", "delete"]);
    if args.has("map") {
        out.insert("map".into(), args.array("map").join("\n"));
    }
    out
}

fn create(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (file, key) = file(args);
    let id = args.str(key).to_owned();
    let mut config = settings(args, key);
    if file == "replication" {
        let guest = id.split('-').next().unwrap_or("").to_owned();
        let vmid = guest.parse().unwrap_or(0);
        let Some(found) = cluster.guest(vmid) else { return Err(die(format!("no such guest '{guest}'"))) };
        if found.node == args.str("target") {
            return Err(die("cannot replicate to local node"));
        }
        if let Some(volume) = super::replication::obstacle(cluster, found) {
            return Err(die(format!("missing replicate feature on volume '{volume}'")));
        }
        config.insert("guest".into(), guest);
    }
    if cluster.section(&file).contains_key(&id) {
        return Err(die(format!("'{id}' already exists")));
    }
    cluster.section(&file).insert(id, config);
    Ok(().into())
}

/// A row of a file, if it is there.
pub fn one_of(cluster: &Cluster, file: &str, id: &str) -> Option<Value> {
    let config = cluster.sections_of(file)?.get(id)?;
    Some(row(cluster, file, "id", id, config, false))
}

fn one(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (file, key) = file(args);
    let id = args.str(key);
    let config = cluster.sections_of(&file).and_then(|s| s.get(id)).ok_or_else(|| missing(&file, id))?;
    Ok(row(cluster, &file, key, id, config, false).into())
}

fn update(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (file, key) = file(args);
    let id = args.str(key).to_owned();
    let new = settings(args, key);
    if file == "replication"
        && let Some(sent) = args.opt("digest")
        && sent != digest(&format!("{:?}", cluster.sections_of(&file)))
    {
        return Err(die("detected modified configuration - file changed by other user? Try again."));
    }
    let config = cluster.section(&file).get_mut(&id).ok_or_else(|| missing(&file, &id))?;
    config.extend(new);
    for key in args.list("delete") {
        config.remove(&key);
    }
    Ok(().into())
}

fn remove(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (file, key) = file(args);
    let id = args.str(key).to_owned();
    cluster.section(&file).remove(&id).map(|_| ().into()).ok_or_else(|| missing(&file, &id))
}
