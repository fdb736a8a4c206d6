//! proxmux: a full-screen terminal console for Proxmox VE.
//!
//! From the bottom up: [`api`] is the client, without terminal; [`store`] keeps what it last heard; [`ui`] is a widget
//! kit that knows nothing of Proxmox; [`shell`] is the framework of views, commands and effects; [`views`] are the
//! features; [`app`] runs them; [`config`] reads the configuration file; [`cli`] is the command line. [`sim`] is a
//! simulated cluster that shares no types with the client, [`ssh_key`] finds and makes the user's keys, [`audit`]
//! writes down every change, and [`preset`] keeps values of wizards.

pub mod api;
pub mod app;
pub mod audit;
pub mod cli;
pub mod config;
pub mod preset;
pub mod shell;
pub mod sim;
pub mod ssh_key;
pub mod store;
pub mod ui;
pub mod views;
