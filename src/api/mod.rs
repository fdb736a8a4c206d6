//! The Proxmox VE client. It knows nothing of terminals.
//!
//! An endpoint is a function that returns a plain [`Request`] value; a client adds the
//! credentials and sends it through a [`Transport`]; one file per noun holds its
//! types and endpoints.

pub mod cluster;
pub mod error;
pub mod ids;
pub mod json;
pub mod request;
pub mod task;
pub mod transport;

pub use error::{ApiError, Refusal, Result};
pub use request::{Method, Paged, Param, Request, Wire};
pub use transport::{BoxFuture, Call, Raw, Transport};
