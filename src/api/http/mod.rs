//! HTTPS: the transport that talks to real servers, and whom it trusts.

mod client;
pub mod failover;
pub mod offer;
pub mod page;
pub mod pins;
pub mod target;
pub mod tls;
mod upload;

pub use client::{HttpTransport, Options, Proxy};
pub use failover::FailOver;
pub use pins::{Pins, write_private};
pub use target::Target;
pub use tls::{Fingerprint, Trust};
