//! `GET .../import-metadata`: what an appliance file (OVA) on a storage would become as a VM.

use serde_json::json;

use super::call::{Args, Fault, Outcome, die};
use super::pattern::matches;
use super::router::Route;
use super::state::Cluster;
use super::volume::check_volume;

/// Import of foreign guests.
pub const ROUTES: &[Route] = &[Route("GET", "/nodes/{node}/storage/{storage}/import-metadata", metadata)];

/// Names of volumes that a directory storage knows.
const DIRECTORY: &str =
    r"(iso|vztmpl|backup|snippets|import)/[^/:]+(/[^/:]+)?|([0-9]+/[^/:]+/)?[0-9]+/[^/:]+|rootdir/[0-9]+";

/// The `volume` is a name on the storage, not a whole volume id.
fn metadata(cluster: &mut Cluster, args: &Args) -> Outcome {
    let storage = cluster.storage_on(args.node(), args.str("storage"))?;
    let name = args.str("volume");
    if storage.is_file() && !matches(DIRECTORY, name) {
        return Err(die(format!("unable to parse directory volume name '{name}'")));
    }
    let volid = format!("{}:{name}", storage.id);
    let volume = cluster.volume(args.node(), &volid).ok_or_else(|| die(format!("volume '{volid}' does not exist")))?;
    if !check_volume(cluster, args, volume) {
        return Err(Fault::forbidden(&format!("/storage/{}", storage.id), &["Datastore.Audit"]));
    }
    if volume.content != "import" {
        return Err(die(format!("invalid content type '{}'", volume.content)));
    }
    if volume.format != "ova" {
        return Err(die("invalid format"));
    }
    // the file's content isn't kept, so that a machine of common size stands for it
    let file = name.rsplit('/').next().unwrap_or_default();
    let machine = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    Ok(json!({
        "type": "vm", "source": "manual", "create-args": {"name": machine, "cores": 1, "memory": 1024},
        "disks": {"scsi0": format!("{volid}/{machine}-disk1.vmdk")}, "net": {"net0": {"model": "e1000"}},
        "warnings": [{"type": "ova-needs-extracting"}]
    })
    .into())
}
