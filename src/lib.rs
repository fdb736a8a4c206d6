//! proxmux: a full-screen terminal console for Proxmox VE.

pub mod api;
pub mod cli;
