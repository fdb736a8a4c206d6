//! integration tests
mod sim_guest;
