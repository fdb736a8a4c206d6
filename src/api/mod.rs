//! The Proxmox VE client. It knows nothing of terminals.
//!
//! An endpoint is a function that returns a plain [`Request`] value; a client adds the
//! credentials and sends it through a [`Transport`]; one file per noun holds its
//! types and endpoints.

pub mod access;
pub mod acl;
pub mod agent;
pub mod attachment;
pub mod backoff;
pub mod backup;
pub mod client;
pub mod cloudinit;
pub mod cluster;
pub mod disk;
pub mod error;
pub mod firewall;
pub mod guest;
pub mod hardware;
pub mod http;
pub mod ids;
pub mod image;
pub mod job;
pub mod json;
pub mod login;
pub mod lxc;
pub mod mapping;
pub mod network;
pub mod node;
pub mod preview;
pub mod privilege;
pub mod progress;
pub mod property;
pub mod replication;
pub mod request;
pub mod rrd;
pub mod schema;
pub mod sink;
pub mod snapshot;
pub mod storage;
pub mod tag;
pub mod task;
pub mod template;
pub mod trace;
pub mod transport;
pub mod version;
pub mod vm;
pub mod volume;
pub mod vzdump;

pub use client::Client;
pub use error::{ApiError, Refusal, Result};
pub use login::{Challenge, Credentials, Factor, FactorKind, Login};
pub use request::{Method, Paged, Param, Request, Wire};
pub use transport::{BoxFuture, Call, Raw, Transport};
