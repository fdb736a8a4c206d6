//! proxmux: a full-screen terminal console for Proxmox VE.

pub mod api;
pub mod app;
pub mod cli;
pub mod shell;
pub mod store;
pub mod ui;
pub mod views;
pub mod sim;
