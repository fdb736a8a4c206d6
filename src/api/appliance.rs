//! Templates of containers that a node can fetch: the catalogue, and images of OCI registries.

use compact_str::CompactString;
use serde::Deserialize;

use super::{
    ids::{NodeName, StorageId, Upid},
    json::loose,
    request::{Request, part},
};

/// `GET /nodes/{node}/aplinfo`: the container templates that can be had.
pub fn catalogue(node: &NodeName) -> Request<Vec<Appliance>> {
    Request::get(node.path("aplinfo"))
}

/// `POST /nodes/{node}/aplinfo`: lets the node fetch a template of the catalogue.
pub fn download(node: &NodeName, storage: &StorageId, template: &str) -> Request<Upid> {
    Request::post(node.path("aplinfo")).param("storage", storage).param("template", template)
}

/// `POST /nodes/{node}/storage/{storage}/oci-registry-pull`: lets the node fetch an OCI image (`repository:tag`) as a
/// template.
pub fn pull(node: &NodeName, storage: &StorageId, reference: &str, filename: Option<&str>) -> Request<Upid> {
    let path = node.path(&format!("storage/{}/oci-registry-pull", part(storage.as_str())));
    Request::post(path).param("reference", reference).maybe("filename", filename)
}

/// A template of the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Appliance {
    /// The file's name; identifies it.
    #[serde(deserialize_with = "loose")]
    pub template: CompactString,
    /// The package, for example `debian-12-standard`.
    #[serde(deserialize_with = "loose")]
    pub package: CompactString,
    /// `system`, `turnkeylinux` or `mail`.
    #[serde(deserialize_with = "loose")]
    pub section: CompactString,
    /// One line about it.
    #[serde(deserialize_with = "loose")]
    pub headline: String,
}
