//! integration tests
mod sim;
mod sim_guest;
