//! integration tests

mod https;
mod server;
