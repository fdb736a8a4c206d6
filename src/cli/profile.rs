//! `proxmux profile`: named clusters of the configuration.

use std::{path::PathBuf, time::Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    Cli,
    connect::ConnectArgs,
    console::ConsoleArgs,
    prompt, say,
    setup::{self, Setup, known},
};
use crate::{
    api::{ApiError, access, version},
    config::{SecretSource, Value, edit, is_profile_name, secret::source, setting::Kind, vault},
    shell::{Policy, World},
    views::login,
};

/// Arguments of `proxmux profile`.
#[derive(Args, Debug)]
pub struct ProfileArgs {
    /// What to do.
    #[command(subcommand)]
    pub what: What,
}

/// What can be done with profiles.
#[derive(Subcommand, Debug)]
pub enum What {
    /// Add a profile, or change the given settings of one
    #[command(after_help = "\
Examples:
  proxmux profile add lab --host pve1,pve2 --user root@pam
  proxmux profile add ci --host pve1 --token 'root@pam!ci' --store
  proxmux profile add work --host pve.work --user me@pve --secret-command pass show work/pve
  proxmux profile add prod --host pve.prod --user me@pve --read-only --frame 'light red' --default")]
    Add(AddArgs),
    /// List the profiles
    #[command(after_help = "Examples:\n  proxmux profile list\n  proxmux profile list --json | jq -r '.[].name'")]
    List {
        /// Print JSON: [ { name, default, host, login, secret, read_only } ]
        #[arg(long)]
        json: bool,
    },
    /// Remove a profile, and its secret if proxmux keeps it
    #[command(after_help = "Examples:\n  proxmux profile rm lab\n  proxmux profile rm lab --yes")]
    Rm {
        /// The profile
        name: String,
        /// Don't ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Connect and log in, and say what came of it
    #[command(
        after_help = "Examples:\n  proxmux profile test\n  proxmux profile test lab --json\n\nproxmux check looks at more: clock, privileges, storages, quorum."
    )]
    Test {
        /// The profile; otherwise the one that counts
        name: Option<String>,
        /// Print JSON: { profile, ok, server, user, version, milliseconds, error }
        #[arg(long)]
        json: bool,
    },
    /// Store a profile's password or token secret, encrypted with a passphrase or in the system's keyring
    #[command(after_help = "\
Examples:
  proxmux profile secret lab
  printf '%s\\n' \"$TOKEN\" | PROXMUX_PASSPHRASE=... proxmux profile secret lab
  proxmux profile secret lab --keyring

The passphrase is asked for at each start, or taken from PROXMUX_PASSPHRASE.")]
    Secret {
        /// The profile
        name: String,
        /// Into the operating system's keyring, in a proxmux built with it
        #[arg(long)]
        keyring: bool,
    },
}

/// Arguments of `proxmux profile add`; the server, the user and the certificate are options of every command.
#[derive(Args, Debug)]
pub struct AddArgs {
    /// Its name
    pub name: String,
    /// The API token to log in with, like root@pam!ci
    #[arg(long, value_name = "ID")]
    pub token: Option<String>,
    /// The secret is in this variable
    #[arg(long, value_name = "NAME", group = "kept")]
    pub secret_env: Option<String>,
    /// The secret is in this file, which only you may read
    #[arg(long, value_name = "FILE", group = "kept")]
    pub secret_file: Option<PathBuf>,
    /// This program prints the secret; no shell reads it. Must be the last option
    #[arg(long, value_name = "PROGRAM", num_args = 1.., allow_hyphen_values = true, group = "kept")]
    pub secret_command: Option<Vec<String>>,
    /// Ask for the secret now, and store it encrypted with a passphrase
    #[arg(long, group = "kept")]
    pub store: bool,
    /// The secret is in the operating system's keyring, under proxmux and the profile's name
    #[arg(long, group = "kept")]
    pub keyring: bool,
    /// Colour of the first line, like "light red" or #ff8800
    #[arg(long, value_name = "COLOUR")]
    pub frame: Option<String>,
    /// Use it when no profile is named
    #[arg(long)]
    pub default: bool,
}

/// Runs the command.
///
/// # Errors
/// When the profile or the file can't be used, or the server says no.
pub async fn run(args: ProfileArgs, cli: &Cli, setup: Setup) -> Result<()> {
    match args.what {
        What::Add(args) => add(args, cli, setup),
        What::List { json } => {
            list(&setup, json);
            Ok(())
        }
        What::Rm { name, yes } => remove(&name, yes, setup).await,
        What::Test { name, json } => test(name, json, cli).await,
        What::Secret { name, keyring } => store(&name, keyring, setup).await,
    }
}

fn add(args: AddArgs, cli: &Cli, mut setup: Setup) -> Result<()> {
    let AddArgs { name, token, secret_env, secret_file, secret_command, store: stored, keyring, frame, default } = args;
    if !is_profile_name(&name) {
        bail!("a profile's name has at most 40 letters, digits, '-', '_' and '.', and begins with a letter or digit");
    }
    let mut settings: Vec<(&str, Value)> = vec![];
    for (setting, value) in cli.connect.settings().into_iter().chain(given_console(&setup)) {
        let value = match (setting, value) {
            ("host", Value::Text(text)) => Kind::Hosts.parse(&text).map_err(|why| anyhow::anyhow!("--host: {why}"))?,
            (_, value) => value,
        };
        settings.push((setting, value));
    }
    settings.extend(token.map(|t| ("token", Value::Text(t))));
    settings.extend(frame.map(|f| ("frame", Value::Text(f))));
    let kept = match (secret_env, secret_file, secret_command) {
        (Some(name), ..) => Some(SecretSource::Env(name)),
        (_, Some(file), _) => Some(SecretSource::File(file)),
        (_, _, Some(argv)) => Some(SecretSource::Command { argv, timeout: SecretSource::TIMEOUT }),
        _ if stored => Some(SecretSource::Stored),
        _ if keyring => Some(SecretSource::Keyring),
        _ => None,
    };
    let known_profile = setup.file.config.profiles.contains_key(&name);
    if !known_profile && !settings.iter().any(|(name, _)| *name == "host") {
        bail!("which server? Add --host, for example --host pve1.example.com");
    }
    settings.extend(kept.map(|kept| ("secret", Value::Secret(kept))));
    let default = default || setup.file.config.profiles.is_empty();
    // Everything is checked before anything is asked or written.
    let text = setup.file.text.clone().unwrap_or_default();
    edit::put_profile(&text, &name, &settings, default).map_err(anyhow::Error::msg)?;
    if stored {
        let secret = prompt::new_secret(&format!("Password or token secret of profile {name}"))?;
        keep(&name, &secret)?;
    }
    setup.file.change(&known(), |text| edit::put_profile(text, &name, &settings, default))?;
    if stored {
        remove_plain(&name, &setup)?;
    }
    let verb = if known_profile { "changed" } else { "added" };
    say(format!("profile \"{name}\" was {verb} in {}", setup.file.path.display()));
    say(format!("try it: proxmux profile test {name}"));
    Ok(())
}

/// What the command line itself says about the console, not what counts after asking environment and file.
fn given_console(setup: &Setup) -> Vec<(&'static str, Value)> {
    let flags = setup.settings.iter().filter(|(s, c)| {
        matches!(c.source, crate::config::Source::Flag(_)) && matches!(s.name, "read_only" | "refresh" | "view")
    });
    flags.filter_map(|(s, c)| Some((s.name, c.value.clone()?))).collect()
}

fn list(setup: &Setup, as_json: bool) {
    let config = &setup.file.config;
    let default = config.choose(None).ok().flatten();
    let truth =
        |p: &crate::config::Profile, name| matches!(p.settings.get(name).map(|g| &g.value), Some(Value::Truth(true)));
    if as_json {
        let each = config.profiles.iter().map(|(name, p)| {
            json!({
                "name": name, "default": default == Some(name), "host": p.hosts(), "login": p.login(),
                "secret": source(&p.settings).map(ToString::to_string), "read_only": truth(p, "read_only")
            })
        });
        say(format!("{:#}", serde_json::Value::Array(each.collect())));
        return;
    }
    if config.profiles.is_empty() {
        say("there is no profile yet: proxmux profile add NAME --host ... --user ...");
        return;
    }
    let rows: Vec<[String; 5]> = config
        .profiles
        .iter()
        .map(|(name, p)| {
            let secret = source(&p.settings).map_or_else(|| "asked for".into(), ToString::to_string);
            let read_only = if truth(p, "read_only") { "read-only" } else { "" };
            let mark = if default == Some(name) { "* " } else { "  " };
            [format!("{mark}{name}"), p.hosts().join(", "), p.login().unwrap_or_default(), secret, read_only.into()]
        })
        .collect();
    print_table(&rows);
}

/// Columns of even width.
pub fn print_table<const N: usize>(rows: &[[String; N]]) {
    let width = |i: usize| rows.iter().map(|row| crate::ui::text::width(&row[i])).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| {
            let gap = width.saturating_sub(crate::ui::text::width(cell));
            format!("{cell}{}", " ".repeat(gap))
        });
        say(cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

fn named<'a>(setup: &'a Setup, name: &str) -> Result<&'a str> {
    setup.file.config.choose(Some(name)).map_err(anyhow::Error::msg)?.context("there is no such profile")
}

async fn remove(name: &str, yes: bool, mut setup: Setup) -> Result<()> {
    named(&setup, name)?;
    let secret = setup.file.config.profiles.get(name).and_then(|p| source(&p.settings));
    let in_keyring = matches!(secret, Some(SecretSource::Keyring));
    if !yes && !prompt::yes(&format!("Remove the profile \"{name}\"?"))? {
        bail!("nothing was removed: add --yes to say so without being asked");
    }
    setup.file.change(&known(), |text| edit::remove_profile(text, name))?;
    let vault = setup::vault();
    for file in [vault.sealed_file(name), vault.plain_file(name)].into_iter().filter(|f| f.exists()) {
        std::fs::remove_file(&file).with_context(|| format!("can't remove {}", file.display()))?;
        say(format!("removed {}", file.display()));
    }
    if in_keyring {
        let profile = name.to_owned();
        // The keyring may ask the user to unlock it.
        match tokio::task::spawn_blocking(move || vault::out_of_keyring(&profile)).await? {
            Ok(true) => say(format!("removed the secret from the system's keyring: service proxmux, user {name}")),
            Ok(false) => {}
            Err(why) => eprintln!(
                "proxmux: {why}: the secret stays in the system's keyring. Remove it there: service proxmux, user {name}; \
                 with libsecret: secret-tool clear service proxmux username {name}"
            ),
        }
    }
    say(format!("profile \"{name}\" was removed from {}", setup.file.path.display()));
    Ok(())
}

async fn store(name: &str, keyring: bool, mut setup: Setup) -> Result<()> {
    named(&setup, name)?;
    let secret = prompt::new_secret(&format!("Password or token secret of profile {name}"))?;
    let source = if keyring {
        let profile = name.to_owned();
        // The keyring may ask the user to unlock it.
        tokio::task::spawn_blocking(move || vault::into_keyring(&profile, &secret)).await??;
        say(format!("the secret is in the system's keyring: service proxmux, user {name}"));
        SecretSource::Keyring
    } else {
        keep(name, &secret)?;
        SecretSource::Stored
    };
    let settings = [("secret", Value::Secret(source))];
    setup.file.change(&known(), |text| edit::put_profile(text, name, &settings, false))?;
    remove_plain(name, &setup)
}

/// A secret that is stored encrypted must not lie beside it in plain text, unless another profile uses that file.
fn remove_plain(name: &str, setup: &Setup) -> Result<()> {
    let file = setup::vault().plain_file(name);
    let uses = |p: &crate::config::Profile| match source(&p.settings) {
        Some(SecretSource::File(path)) => {
            crate::config::setting::path(&path.to_string_lossy(), std::env::home_dir()) == file
        }
        _ => false,
    };
    if file.exists() && !setup.file.config.profiles.iter().any(|(other, p)| other != name && uses(p)) {
        std::fs::remove_file(&file).with_context(|| format!("can't remove {}", file.display()))?;
        say(format!("removed {}, which held it in plain text", file.display()));
    }
    Ok(())
}

fn keep(name: &str, secret: &secrecy::SecretString) -> Result<()> {
    let vault = setup::vault();
    let passphrase = match &vault.passphrase {
        Some(passphrase) => passphrase.clone(),
        None => prompt::new_secret("Passphrase to encrypt it with")?,
    };
    let file = vault.store(name, secret, &passphrase)?;
    say(format!("the secret is in {}, encrypted", file.display()));
    Ok(())
}

async fn test(name: Option<String>, as_json: bool, cli: &Cli) -> Result<()> {
    let file = setup::FileArgs { profile: name.or_else(|| cli.file.profile.clone()), ..cli.file.clone() };
    let (connect, console) = (cli.connect.clone(), ConsoleArgs::default());
    let mut cli = Cli { command: None, connect, console, file, log_file: None, verbose: 0 };
    cli.connect.counts = Setup::new(&cli)?.settings;
    let profile = cli.connect.counts.profile.clone();
    let begin = Instant::now();
    let outcome = reach(&cli.connect).await;
    let milliseconds = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    if as_json {
        let (ok, error) = (outcome.is_ok(), outcome.as_ref().err().map(super::explain));
        let part = |pick: fn(&(String, String, String)) -> &String| outcome.as_ref().ok().map(pick);
        let answer = json!({
            "profile": profile, "ok": ok, "server": part(|o| &o.0), "user": part(|o| &o.1), "version": part(|o| &o.2),
            "milliseconds": milliseconds, "error": error
        });
        say(format!("{answer:#}"));
    }
    let (server, user, version) = outcome?;
    if !as_json {
        say(format!("{server}: logged in as {user}, Proxmox VE {version}, {milliseconds} ms"));
    }
    Ok(())
}

/// Server, user and version.
async fn reach(args: &ConnectArgs) -> Result<(String, String, String)> {
    let (mut start, connection) = setup::connection(args).await?;
    let Some(target) = start.target.clone() else { bail!("no server: give --host or --profile, or set PVE_HOST") };
    let world: World = super::world(connection.options, Policy { read_only: true, ..Policy::default() }, &args.counts)?;
    if start.credentials.is_none() {
        let Some(user) = start.user.clone() else {
            bail!("no user: give --user, or write user = ... into the profile")
        };
        let password = prompt::secret(&format!("Password of {user}"))?;
        start.credentials = Some(crate::api::Credentials::Password { user, password });
    }
    let connected = login::connect_at_once(&world, &start).await?;
    if let Some(challenge) = connected.challenge() {
        return Ok((target.to_string(), challenge.user().to_owned(), "(second factor needed)".into()));
    }
    let client = connected.client();
    let version = client.ask(version::get()).await?;
    let user = client.user().unwrap_or_default();
    match client.ask(access::permissions()).await {
        Ok(rights) if rights.is_empty() => eprintln!("proxmux: {user} has no privileges at all: see `proxmux check`"),
        Err(error @ ApiError::Refused(_)) => eprintln!("proxmux: {error}"),
        _ => {}
    }
    Ok((target.to_string(), user, version.version.to_string()))
}
