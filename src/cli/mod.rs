//! The command line: one file per subcommand.

pub mod connect;
pub mod connector;
pub mod console;
pub mod print;
//! The command line.

//! Subcommands, one file each.

pub mod simulate;
