//! The simulated cluster.
pub mod progress;
pub mod property;
pub mod qemu;
