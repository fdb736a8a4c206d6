//! The `proxmux` binary.

use anyhow::Result;
use clap::{Parser, Subcommand};
use proxmux::cli::simulate;

/// A full-screen terminal console for Proxmox VE
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve a simulated cluster over HTTPS
    Simulate(simulate::Simulate),
}

#[tokio::main]
async fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Simulate(options) => simulate::run(options).await,
    }
}
