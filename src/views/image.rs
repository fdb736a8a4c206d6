//! How images and templates come to a storage: upload, download by the node, the catalogue, OCI registries.

pub mod catalogue;
pub mod download;
pub mod local;
pub mod oci;
pub mod offer;
pub mod sums;
pub mod target;
pub mod upload;
