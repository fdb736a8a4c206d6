//! integration tests
mod contract;
mod pattern;
mod recording;
mod schema;

mod https;
mod server;
mod sim_guest;
