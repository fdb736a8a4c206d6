//! A simulated Proxmox VE cluster.
//!
//! [`Simulator`] is a pure state machine: a [`Call`] and a moment in, an [`Answer`] out. It shares no types with the
//! client, so that the two check each other. [`server`] puts it behind HTTPS on loopback.
//!
//! - [`table`]: every method of the API with its parameters (from the official schema); [`verify`] and [`mod@format`]
//!   hold arguments against it; [`permission`] evaluates its permission checks; [`router`] brings it together.
//! - [`state`]: nodes, guests, storages, volumes, pools; [`task`]: scripts that take time; [`fault`]: trouble on demand.
//! - One file per noun, each with `ROUTES`. A method of the table without a handler answers 501 and says so in the
//!   simulator's own words.
//!
//! Not modelled: what happens by itself (backup and replication jobs don't run, HA doesn't fail over, the firewall
//! filters nothing), the far end of consoles, real downloads (sizes and sums come from the scenario), quorum as a
//! reason to refuse, Ceph, ACME, notifications, applying SDN, WebAuthn and other second factors than TOTP and recovery
//! keys, logins at LDAP, AD or OpenID realms. [`Simulator::modelled`] lists the methods that are.

pub mod access;
pub mod backup;
pub mod backup_job;
pub mod bulk;
pub mod calendar;
pub mod call;
pub mod ceph;
pub mod clone;
pub mod cluster;
pub mod console;
pub mod crypto;
pub mod disk;
pub mod download;
pub mod fault;
pub mod fetch;
pub mod file_restore;
pub mod firewall;
pub mod format;
pub mod generate;
pub mod guest;
pub mod guest_disk;
pub mod ha;
pub mod import;
pub mod load;
pub mod login;
pub mod lxc;
pub mod metric;
pub mod migrate;
pub mod multipart;
pub mod network;
pub mod node;
pub mod oci;
pub mod page;
pub mod pattern;
pub mod permission;
pub mod pool;
pub mod progress;
pub mod property;
pub mod qemu;
pub mod realm;
pub mod replication;
pub mod resource;
pub mod restore;
pub mod role;
pub mod router;
pub mod rrd;
pub mod scenario;
pub mod section;
pub mod server;
pub mod snapshot;
pub mod stamp;
pub mod state;
pub mod storage;
pub mod table;
pub mod task;
pub mod task_list;
pub mod ticket;
pub mod verify;
pub mod volume;

pub use call::{Answer, Args, Call, Fault, Outcome, Reply, die};
pub use router::{Route, Simulator};
pub use state::Cluster;
