//! Tests of the whole: wire, simulator, console.
#![allow(clippy::unwrap_used, missing_docs)]

mod api;
mod architecture;
mod contract;
mod ct;
mod dashboard;
mod docs;
mod guest;
mod harness;
mod https;
mod key;
mod login;
mod login_https;
mod monkey;
mod pattern;
mod pty;
mod recording;
mod schema;
mod server;
mod sim;
mod sim_guest;
mod snapshot;
mod task;
mod tty;
mod vm;
mod weather;
