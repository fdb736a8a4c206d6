//! Tests of the whole: wire, simulator, console.
#![allow(clippy::unwrap_used, missing_docs)]

mod contract;
mod docs;
mod guest;
mod harness;
mod https;
mod pattern;
mod pty;
mod recording;
mod schema;
mod server;
mod sim;
mod sim_guest;
mod tty;
