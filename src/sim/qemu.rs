//! VMs.
pub mod cloudinit;
pub mod drive;
