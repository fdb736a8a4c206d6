//! Subcommands, one file each.

pub mod simulate;
