//! The command line: one file per subcommand.

pub mod api;
pub mod audit;
pub mod backup;
pub mod bar;
pub mod change;
pub mod check;
pub mod config;
pub mod connect;
pub mod connector;
pub mod console;
pub mod ct;
pub mod demo;
pub mod destroy;
pub mod fill;
pub mod guest;
pub mod iso;
pub mod log;
pub mod logins;
pub mod permission;
pub mod preset;
pub mod print;
pub mod profile;
pub mod prompt;
pub mod set;
pub mod setup;
pub mod shell;
pub mod simulate;
pub mod snapshot;
pub mod task;
pub mod template;
pub mod update;
pub mod vm;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use tokio::runtime::{Builder, Handle};

use self::{
    connect::ConnectArgs,
    connector::HttpsConnector,
    console::ConsoleArgs,
    setup::{FileArgs, Setup},
};
use crate::{
    api::{ApiError, cluster, http::Options},
    audit::{Audit, Syslog},
    config::{Effective, FileError, Source, vault::VaultError},
    shell::{Policy, World},
    store::{SessionId, Store},
    views::login::{self, Connected, Start},
};

/// Exit code when the user can mend it: wrong arguments, missing settings.
pub const USER_ERROR: u8 = 1;
/// Exit code when this machine is in the way: files, terminal.
pub const SYSTEM_ERROR: u8 = 2;
/// Exit code when the cluster is in the way: not reached, refused.
pub const API_ERROR: u8 = 3;

/// A full-screen terminal console for Proxmox VE
#[derive(Parser, Debug)]
#[command(
    version,
    about,
    max_term_width = 100,
    after_help = "\
Examples:
  proxmux demo                                     try it on a simulated cluster
  proxmux --host pve1.example.com --user root@pam  log in with a password
  PVE_HOST=pve1 PVE_TOKEN_ID=root@pam!ci PVE_TOKEN_SECRET=... proxmux
  proxmux profile add lab --host pve1,pve2 --user root@pam
  proxmux --profile lab                            a cluster by its name
  proxmux print vms --format ansi                  one picture of the live cluster

Exit codes: 0 done, 1 something to mend in the arguments or settings, 2 this machine is in the way (files, terminal),
3 the cluster is in the way (not reached, refused)."
)]
pub struct Cli {
    /// What to do; without it the console starts.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to reach the server.
    #[command(flatten)]
    pub connect: ConnectArgs,
    /// How the console looks and behaves.
    #[command(flatten)]
    pub console: ConsoleArgs,
    /// Which configuration counts.
    #[command(flatten)]
    pub file: FileArgs,
    /// Append a log to this file (it holds no secrets); PROXMUX_LOG chooses the level: error, warn, info, debug
    #[arg(long, value_name = "FILE", global = true)]
    pub log_file: Option<PathBuf>,
    /// Log more: once debug, twice trace; without --log-file into proxmux.log in the folder for state
    #[arg(long, short, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
}

/// The subcommands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Start a simulated cluster and the console on it
    Demo(demo::DemoArgs),
    /// Show, check, edit and import the configuration
    Config(config::ConfigArgs),
    /// Add, list, test and remove profiles: named clusters
    Profile(profile::ProfileArgs),
    /// Look at everything that should be in order: way, TLS, login, clock, privileges, storages, quorum
    Check(check::CheckArgs),
    /// Draw one view of the cluster once and exit
    Print(print::PrintArgs),
    /// What works on a cluster without the screen.
    #[command(flatten)]
    Cluster(ClusterCommand),
    /// Serve a simulated cluster over HTTPS to any client
    Simulate(simulate::Simulate),
    /// Print the script that completes commands in a shell
    Completions(shell::CompletionArgs),
    /// Print the manual page
    Man(shell::ManArgs),
    /// Check, show and export the trail of changes
    Audit(audit::AuditArgs),
    /// Named values of the wizards: list, show, export, import, compare, remove
    #[command(subcommand)]
    Preset(preset::PresetCommand),
}

/// The subcommands that log in, read what the cluster has, and do their work.
#[derive(Subcommand, Debug)]
pub enum ClusterCommand {
    /// Create VMs and change their settings
    #[command(subcommand)]
    Vm(vm::VmCommand),
    /// Create containers and change their settings
    #[command(subcommand)]
    Ct(ct::CtCommand),
    /// Snapshots: list, create, roll back, delete
    #[command(subcommand)]
    Snapshot(snapshot::SnapshotCommand),
    /// Backups and backup jobs
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    /// List, upload, download and remove ISO images
    #[command(subcommand)]
    Iso(iso::IsoCommand),
    /// List, download, convert and clone templates
    #[command(subcommand)]
    Template(template::TemplateCommand),
    /// Who may do what with an object: list, add, remove
    #[command(subcommand)]
    Permission(permission::PermissionCommand),
    /// Tasks: list, log, wait, stop
    #[command(subcommand)]
    Task(task::TaskCommand),
    /// Call any method of the API, or search for one
    Api(api::ApiArgs),
}

/// Runs the command.
///
/// # Errors
/// Whatever went wrong, with a text for the user; [`exit_code`] tells whose turn it is.
pub fn run(cli: Cli) -> Result<()> {
    // This thread takes keys and draws, whatever the network's threads are busy with.
    let own = Builder::new_current_thread().enable_all().build().context("can't start the runtime")?;
    let threads = if matches!(cli.command, Some(Command::Simulate(_) | Command::Demo(_))) { 2 } else { 1 };
    let mut network = Builder::new_multi_thread();
    if !matches!(cli.command, Some(Command::Simulate(_))) {
        network.on_thread_start(|| {
            // Decoding gives way to keys; where it can't, both are equal as usual.
            let _ = rustix::process::nice(5);
        });
    }
    let network = network.worker_threads(threads).enable_all().build();
    let network = network.context("can't start the network's runtime")?;
    let outcome = own.block_on(dispatch(cli, network.handle().clone()));
    // Unanswered reads must not delay leaving.
    network.shutdown_background();
    outcome
}

async fn dispatch(mut cli: Cli, network: Handle) -> Result<()> {
    // These have to work when the configuration does not.
    let command = match cli.command.take() {
        Some(Command::Config(args)) => return config::run(args, &cli),
        Some(Command::Completions(args)) => return shell::completions(&args),
        Some(Command::Man(args)) => return shell::man(&args),
        Some(Command::Audit(args)) => return audit::run(args),
        Some(Command::Preset(command)) => return preset::run(command),
        Some(Command::Simulate(args)) => {
            let level = setup::env("PROXMUX_LOG").unwrap_or_else(|| "info".into());
            let _log = cli.log_file.as_deref().map(|file| log::start(file, &level, 7)).transpose()?;
            return network.spawn(simulate::run(args)).await?;
        }
        command => command,
    };
    let setup =
        if matches!(command, Some(Command::Demo(_))) { Setup::without_profile(&cli)? } else { Setup::new(&cli)? };
    if cli.file.config.is_some() && setup.file.text.is_none() && !matches!(command, Some(Command::Profile(_))) {
        bail!("there is no configuration {}", setup.file.path.display());
    }
    cli.console.fill(&setup.settings, &setup.file.config);
    cli.connect.counts = setup.settings.clone();
    let _log = setup.start_log(cli.verbose > 0)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), profile = setup.settings.profile, "started");
    match command {
        Some(Command::Demo(args)) => demo::run(args, &cli.console, network).await,
        Some(Command::Profile(args)) => profile::run(args, &cli, setup).await,
        Some(Command::Print(args)) => {
            let (start, options) = resolve(&cli.connect).await?;
            print::run(
                args,
                &cli.console,
                start,
                world(options, Policy { read_only: true, ..Policy::default() }, &cli.connect.counts)?,
            )
            .await
        }
        Some(Command::Cluster(command)) => {
            let (world, store) = sign_in(&cli.connect, console::policy(&cli.console)).await?;
            let (world, store) = (&world, &store);
            match command {
                ClusterCommand::Vm(command) => vm::run(command, world, store).await,
                ClusterCommand::Ct(command) => ct::run(command, world, store).await,
                ClusterCommand::Snapshot(command) => snapshot::run(command, world, store).await,
                ClusterCommand::Backup(command) => backup::run(command, world, store).await,
                ClusterCommand::Iso(command) => iso::run(command, world, store).await,
                ClusterCommand::Template(command) => template::run(command, world, store).await,
                ClusterCommand::Permission(command) => permission::run(command, world, store).await,
                ClusterCommand::Task(command) => task::run(command, world, store).await,
                ClusterCommand::Api(args) => api::run(args, world, store).await,
            }
        }
        None => {
            let (mut start, options) = resolve(&cli.connect).await?;
            cli.console.profiles = setup.profiles();
            // What the profile forbids holds for its own cluster; what an option forbids holds for all.
            if matches!(setup.settings.source("read_only"), Some(Source::Profile { .. })) {
                start.read_only = std::mem::take(&mut cli.console.read_only);
            }
            let mut connector = connector(options).with_profiles(setup.file.config);
            if setup.settings.truth("remember_user") {
                connector = connector.with_logins(logins::Logins::new(connector::state_dir().join("logins.toml")));
            }
            let world = over(connector, console::policy(&cli.console), &setup.settings)?;
            console::run(&cli.console, start, world, network).await
        }
        Some(Command::Check(args)) => check::run(args, &cli.connect).await,
        Some(
            Command::Config(_)
            | Command::Simulate(_)
            | Command::Completions(_)
            | Command::Man(_)
            | Command::Audit(_)
            | Command::Preset(_),
        ) => Ok(()),
    }
}

fn connector(options: Options) -> HttpsConnector {
    HttpsConnector::new(connector::config_dir().join("known_hosts.toml"), options)
}

fn world(options: Options, policy: Policy, settings: &Effective) -> Result<World> {
    over(connector(options), policy, settings)
}

fn over(connector: HttpsConnector, policy: Policy, settings: &Effective) -> Result<World> {
    let mut trail = Audit::new(connector::state_dir());
    if let Some(syslog) = settings.text("audit_syslog") {
        trail = trail.with_syslog(Syslog::parse(syslog).map_err(anyhow::Error::msg)?);
    }
    let world = World::new(Arc::new(connector), policy);
    Ok(world.with_ssh_folder(crate::ssh_key::folder()).with_audit(trail).with_presets(preset::presets()))
}

/// Logs in with what the command line and the environment say, and reads what the cluster has: what every command needs
/// that works without a screen.
async fn sign_in(args: &ConnectArgs, policy: Policy) -> Result<(World, Store)> {
    let (start, options) = resolve(args).await?;
    let world = world(options, policy, &args.counts)?;
    let connected = login_at_once(&world, &start).await?;
    let mut store = Store::new(SessionId::default(), connected.target().to_string());
    let (user, client) = connected.into_session();
    store.user = user;
    store.set_resources(client.0.ask(cluster::resources()).await?.into(), Duration::ZERO);
    world.set_client(store.session, client.0, client.1);
    Ok((world, store))
}

/// Logs in without asking anybody.
async fn login_at_once(world: &World, start: &Start) -> Result<Connected> {
    if start.target.is_none() {
        bail!("no server: give --host or --profile, or set PVE_HOST");
    }
    if start.credentials.is_none() {
        bail!(
            "no login: set PVE_TOKEN_ID and PVE_TOKEN_SECRET, or PVE_USER and PVE_PASSWORD, or say in a profile where the secret is kept"
        );
    }
    let connected = login::connect_at_once(world, start).await?;
    if let Some(challenge) = connected.challenge() {
        let user = challenge.user();
        bail!("{user} needs a second factor, for which nobody can be asked here: use an API token");
    }
    Ok(connected)
}

/// What is known about the connection. Without a server the login asks for one.
async fn resolve(args: &ConnectArgs) -> Result<(Start, Options)> {
    let (start, connection) = setup::connection(args).await?;
    Ok((start, connection.options))
}

/// Now, in Unix seconds.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Writes a line to standard output. When nobody reads it any more (`| head`), there is nothing left to do.
pub fn say(line: impl std::fmt::Display) {
    use std::io::Write;
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}

/// A file that somebody named and that can't be read: theirs to mend, not this machine's fault.
pub fn unreadable(what: impl std::fmt::Display, error: &std::io::Error) -> anyhow::Error {
    let why = match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => {
            format!("{error}: you need the right to read it (ls -l shows whose it is)")
        }
        _ => error.to_string(),
    };
    anyhow::anyhow!("{what} can't be read: {why}")
}

/// What happened, why, and what to do next.
pub fn explain(error: &anyhow::Error) -> String {
    match error.chain().find_map(|e| e.downcast_ref::<ApiError>()) {
        Some(api) => api.explained_as(&format!("{error:#}")),
        None => format!("{error:#}"),
    }
}

/// The exit code for an error.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    let config = error.chain().find_map(|e| e.downcast_ref::<FileError>());
    let secret = error.chain().find_map(|e| e.downcast_ref::<VaultError>());
    if error.chain().any(|e| e.is::<ApiError>() || e.is::<change::TaskFailed>()) {
        API_ERROR
    } else if matches!(config, Some(FileError::Unwritable { .. }))
        || matches!(secret, Some(VaultError::Unwritable { .. }))
    {
        SYSTEM_ERROR
    } else if config.is_some() || secret.is_some() {
        // A file that can't be read is the user's to mend, also when the system found it.
        USER_ERROR
    } else if error.chain().any(|e| e.is::<std::io::Error>()) {
        SYSTEM_ERROR
    } else {
        USER_ERROR
    }
}
