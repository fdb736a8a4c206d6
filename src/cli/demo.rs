//! `proxmux demo`: a simulated cluster on loopback HTTPS and the console on it, through the same client, TLS and login
//! code that a real cluster gets.

use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use tokio::runtime::Handle;

use super::{
    connector::HttpsConnector,
    console::{self, ConsoleArgs},
};
use crate::{
    api::{
        http::{Fingerprint, Options, Target, Trust},
        login::Credentials,
    },
    shell::World,
    sim::{
        Simulator,
        scenario::Scenario,
        server::{self, Server},
        table::Table,
    },
    views::login::Start,
};

/// Arguments of `proxmux demo`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  proxmux demo
  proxmux demo --tutorial                    with a guided tour
  proxmux demo --guests 5000 --nodes 32      a large cluster
  proxmux demo --login                       with the login screen")]
pub struct DemoArgs {
    /// A generated cluster with so many guests in place of the homelab
    #[arg(long, value_name = "N")]
    pub guests: Option<u32>,
    /// Nodes of the generated cluster
    #[arg(long, value_name = "N", default_value_t = 16, requires = "guests", value_parser = clap::value_parser!(u32).range(1..=200))]
    pub nodes: u32,
    /// Seed of everything random
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Log in by hand; the login screen says as whom
    #[arg(long)]
    pub login: bool,
    /// With a guided tour: one thing to try after the other
    #[arg(long, conflicts_with = "guests")]
    pub tutorial: bool,
}

/// Starts the cluster and the console. The cluster ends with it.
///
/// # Errors
/// When the loopback address or the terminal can't be used.
pub async fn run(args: DemoArgs, console: &ConsoleArgs, network: Handle) -> Result<()> {
    let scenario = match args.guests {
        Some(guests) => Scenario::Generated { nodes: args.nodes, guests },
        None => Scenario::Homelab,
    };
    let table = Arc::new(Table::built_in().map_err(anyhow::Error::msg)?);
    let (cluster, login) = scenario.build(table, server::wall_clock(), args.seed).map_err(anyhow::Error::msg)?;
    let server = network.spawn(Server::start(Simulator::new(cluster), server::Options::default()));
    let server = server.await?.map_err(anyhow::Error::msg)?;

    let target: Target = server.address.to_string().parse().context("the demo's own address")?;
    let fingerprint: Fingerprint = server.fingerprint.parse().context("the demo's own certificate")?;
    let credentials = Credentials::Password { user: login.user.clone(), password: login.password.clone().into() };
    if args.login {
        println!("Log in as {} with the password {}", login.user, login.password);
    }
    let start = Start {
        target: Some(target),
        trust: Some(Trust::Pinned(fingerprint)),
        user: Some(login.user),
        credentials: (!args.login).then_some(credentials),
        read_only: false,
        profile: None,
    };
    // The demo never touches the user's own file of pinned certificates: its certificate is given.
    let pins = super::connector::config_dir().join("known_hosts.toml");
    let connector = HttpsConnector::new(pins, Options::default()).without_cache();
    let world = World::new(Arc::new(connector), console::policy(console)).with_ssh_folder(crate::ssh_key::folder());
    let world = world.with_presets(super::preset::presets());
    let console = ConsoleArgs { tutorial: args.tutorial, ..console.clone() };
    console::run(&console, start, world, network).await
}
