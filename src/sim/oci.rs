//! Images from OCI registries as container templates. Nothing is really fetched; how long it takes follows from the name.

use super::call::{Args, Outcome, die};
use super::crypto::number_of;
use super::router::Route;
use super::state::{Cluster, Volume};
use super::task::Script;
use super::volume::clean_name;

/// The calls of this file.
pub const ROUTES: &[Route] = &[Route("POST", "/nodes/{node}/storage/{storage}/oci-registry-pull", pull)];

/// Bytes per second of a registry.
const RATE: f64 = 25_000_000.0;

/// `POST /nodes/{node}/storage/{storage}/oci-registry-pull`
fn pull(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, id, reference) = (args.node().to_owned(), args.str("storage").to_owned(), args.str("reference"));
    let storage = cluster.storage_on(&node, &id)?;
    if !storage.allows("vztmpl") {
        return Err(die(format!("storage '{id}' does not support vztmpl content")));
    }
    let image = reference.rsplit('/').next().unwrap_or(reference).replace(':', "_");
    let name = clean_name(&format!("{}.tar", args.opt("filename").unwrap_or(&image).trim_end_matches(".tar")));
    let volid = format!("{id}:vztmpl/{name}");
    let path = cluster.volume_path(&volid);
    let size = (20 << 20) + number_of(reference) % (200 << 20);
    let script = Script::new()
        .log(format!("pulling {reference} to {path}"))
        .on_interrupt("received interrupt")
        .log("Getting image source signatures")
        .wait(size as f64 / RATE)
        .log("Writing manifest to image destination");
    let place = node.clone();
    let script = script.then(move |cluster, _| {
        if cluster.volume(&place, &volid).is_some() {
            return Err(format!("refusing to override existing file '{path}'"));
        }
        let (content, ctime) = ("vztmpl".to_owned(), Some(cluster.now as u64));
        let volume = Volume { format: "tar".into(), content, size, ctime, volid, ..Volume::default() };
        cluster.add_volume(&place, volume);
        Ok(())
    });
    Ok(cluster.start_task(args.user(), &node, "ocipull", &name, script).into())
}
