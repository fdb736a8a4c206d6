//! The `proxmux` binary.
fn main() {}
