//! `proxmux simulate`: a simulated cluster behind HTTPS, for demos, tests and other people's clients.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::sim::fault;
use crate::sim::scenario::Scenario;
use crate::sim::server::{Options, Server, wall_clock};
use crate::sim::table::Table;
use crate::sim::{Cluster, Simulator};

/// Which cluster to simulate.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Name {
    /// Three nodes and about 25 guests.
    Homelab,
    /// The stand-alone node that recordings of a real server start from; tasks run fast.
    Conformance,
    /// As many nodes and guests as asked for.
    Generated,
}

/// Options of `proxmux simulate`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  proxmux simulate
  proxmux simulate --listen 127.0.0.1:0 --json       a free port, told as JSON
  proxmux simulate --scenario generated --guests 10000 --latency 50ms")]
pub struct Simulate {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8006", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,
    /// Listen on an address that other machines can reach: anybody there can use the pretend cluster
    #[arg(long)]
    pub allow_remote: bool,
    /// The cluster to start from
    #[arg(long, value_enum, default_value = "homelab")]
    pub scenario: Name,
    /// Guests of a generated cluster
    #[arg(long, default_value_t = 1000)]
    pub guests: u32,
    /// Nodes of a generated cluster
    #[arg(long, default_value_t = 10)]
    pub nodes: u32,
    /// Time that every answer takes longer, such as 50ms or 1s
    #[arg(long, default_value = "0ms", value_parser = duration)]
    pub latency: Duration,
    /// Seed of everything random
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// How many times faster than real tasks run
    #[arg(long, default_value_t = 1.0)]
    pub speed: f64,
    /// How long a refused login is held back; the real server takes 3 s
    #[arg(long, default_value = "3s", value_parser = duration)]
    pub login_delay: Duration,
    /// A fault from the start, like "595 /nodes/pve2" or "lost POST /status/start x1"; more can be typed while it runs
    /// ("help" lists them)
    #[arg(long, value_name = "FAULT")]
    pub fault: Vec<String>,
    /// Print one line of JSON when ready
    #[arg(long)]
    pub json: bool,
    /// Append a line per request to this file
    #[arg(long, value_name = "FILE")]
    pub access_log: Option<PathBuf>,
    /// Let time stand still: load, uptimes and tasks stay as they are
    #[arg(long)]
    pub frozen: bool,
    /// Official API schema (JSON) to hold requests against, in place of the built-in table
    #[arg(long, value_name = "FILE")]
    pub schema: Option<PathBuf>,
}

/// Reads `50ms`, `1.5s` or a plain number of milliseconds.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, factor) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(n), _) => (n, 0.001),
        (None, Some(n)) => (n, 1.0),
        (None, None) => (text, 0.001),
    };
    let value: f64 = number.trim().parse().map_err(|_| format!("'{text}' is no time; write 50ms or 1s"))?;
    if (0.0..=3600.0).contains(&value) {
        Ok(Duration::from_secs_f64(value * factor))
    } else {
        Err(format!("'{text}' is out of range"))
    }
}

/// Runs until SIGINT or SIGTERM.
pub async fn run(options: Simulate) -> Result<()> {
    if !options.listen.ip().is_loopback() && !options.allow_remote {
        bail!(
            "{} can be reached by other machines; use 127.0.0.1, or add --allow-remote if you mean it",
            options.listen.ip()
        );
    }
    let table = match &options.schema {
        None => Table::built_in(),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| super::unreadable(path.display(), &e))?;
            Table::from_schema(&text).map_err(|why| {
                format!("{} is no description of the API ({why}): save the JSON of apidoc.js of a server, or leave --schema away", path.display())
            })
        }
    };
    let table = Arc::new(table.map_err(anyhow::Error::msg)?);
    let scenario = match options.scenario {
        Name::Homelab => Scenario::Homelab,
        Name::Conformance => Scenario::Conformance,
        Name::Generated => Scenario::Generated { nodes: options.nodes, guests: options.guests },
    };
    let (mut cluster, login): (Cluster, _) =
        scenario.build(table, wall_clock(), options.seed).map_err(anyhow::Error::msg)?;
    cluster.speed = options.speed;
    let counts = (cluster.nodes.len(), cluster.guests.len());
    let settings = Options {
        listen: options.listen,
        latency: options.latency,
        delay_401: options.login_delay,
        access_log: options.access_log,
        frozen: options.frozen,
    };
    let mut simulator = Simulator::new(cluster);
    for text in &options.fault {
        fault::order(&mut simulator, text).map_err(|why| anyhow::anyhow!("--fault: {why}\n{}", fault::ORDERS))?;
    }
    let server = Server::start(simulator, settings).await.map_err(anyhow::Error::msg)?;
    if options.json {
        let line = json!({
            "url": server.url(), "user": login.user, "password": login.password, "token": login.token,
            "secret": login.secret, "fingerprint": server.fingerprint, "nodes": counts.0, "guests": counts.1
        });
        println!("{line}");
    } else {
        println!("A simulated Proxmox VE cluster: {} nodes, {} guests. Nothing in it is real.", counts.0, counts.1);
        println!("  {}", server.url());
        println!("  user         {}   password {}", login.user, login.password);
        if !login.token.is_empty() {
            println!("  token        {}={}", login.token, login.secret);
        }
        println!("  fingerprint  {}", server.fingerprint);
        println!("Type \"help\" for faults; press Ctrl+C to end it.");
    }
    tokio::select! {
        ended = wait_for_end() => ended,
        () = take_orders(&server) => wait_for_end().await,
    }
}

/// Faults that are typed while the simulator runs, until the input ends.
async fn take_orders(server: &Server) {
    let (sender, mut lines) = tokio::sync::mpsc::unbounded_channel();
    // A thread of its own, which nobody waits for: reading a terminal can't be taken back.
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    while let Some(line) = lines.recv().await {
        match line.trim() {
            "help" => eprintln!("{}", fault::ORDERS),
            text => match server.with(|simulator| fault::order(simulator, text)) {
                Ok(()) => {}
                Err(why) => eprintln!("{why} (\"help\" lists what there is)"),
            },
        }
    }
}

#[cfg(unix)]
async fn wait_for_end() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut end = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = end.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn wait_for_end() -> Result<()> {
    tokio::signal::ctrl_c().await.context("cannot listen for Ctrl+C")
}
