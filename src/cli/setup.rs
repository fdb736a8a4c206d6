//! What counts before anything starts: the file, the profile, the values, the secret.

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::Args;
use secrecy::SecretString;

use super::{
    Cli,
    connect::{ConnectArgs, Connection, own_targets},
    connector::{config_dir, state_dir},
    console, prompt,
};
use crate::{
    api::http::{Target, Trust},
    app::desk::Profile,
    config::{ConfigFile, Effective, FileError, Known, Mistake, SecretSource, Value, setting, vault::Vault},
    ui::{Depth, Key, Keymap, Role, Theme},
    views::{self, login::Start},
};

/// Which file, and which part of it.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Configuration")]
pub struct FileArgs {
    /// The configuration file [env: PROXMUX_CONFIG; default: config.toml in the folder for configuration]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// The profile of the configuration to use [env: PROXMUX_PROFILE]
    #[arg(long, value_name = "NAME", global = true)]
    pub profile: Option<String>,
}

impl FileArgs {
    /// The file.
    pub fn path(&self) -> PathBuf {
        let given = self
            .config
            .clone()
            .or_else(|| std::env::var_os("PROXMUX_CONFIG").filter(|v| !v.is_empty()).map(PathBuf::from));
        given.unwrap_or_else(|| config_dir().join("config.toml"))
    }
}

/// What the console knows and a file may name.
pub fn known() -> Known {
    let commands = console::keymap().map(|keys| keys.iter().map(|(id, _)| id.to_owned()).collect());
    Known {
        views: views::TABS
            .iter()
            .map(|tab| tab.title.to_lowercase())
            .chain(views::TABS.iter().map(|t| t.key.to_string()))
            .collect(),
        commands: commands.unwrap_or_default(),
        roles: Role::all().map(|(_, name)| name.to_owned()).collect(),
        key: |text| text.parse::<Key>().map(drop).map_err(|e| e.to_string()),
        style: |toml| Theme::new(Depth::True).patched(toml).map(drop).map_err(|e| e.to_string()),
    }
}

/// Reads a variable of the environment.
pub fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Where secrets are.
pub fn vault() -> Vault {
    let passphrase = env("PROXMUX_PASSPHRASE").filter(|p| !p.is_empty()).map(SecretString::from);
    Vault { dir: config_dir(), home: std::env::home_dir(), passphrase }
}

/// Loads the file, and reports a migration.
///
/// # Errors
/// When it can't be read or holds mistakes, also keys that two commands would share.
pub fn load(path: &Path) -> Result<ConfigFile> {
    let file = ConfigFile::load(path, &known())?;
    if let Some(backup) = &file.backup {
        eprintln!(
            "proxmux: {} was brought to version {}; the old one is in {}",
            path.display(),
            crate::config::VERSION,
            backup.display()
        );
    }
    let mistakes = conflicts(&file)?;
    if mistakes.is_empty() { Ok(file) } else { Err(FileError::Mistakes { path: path.to_owned(), mistakes }.into()) }
}

/// Keys that two commands of one view would share since the file changes them.
fn conflicts(file: &ConfigFile) -> Result<Vec<Mistake>> {
    let before = console::keymap()?.conflicts();
    let mut keys = console::keymap()?;
    rebind(&mut keys, &file.config.keys)?;
    let fresh = keys.conflicts().into_iter().filter(|c| !before.contains(c));
    let place = |commands: &[String]| {
        let bindings = file.config.keys.iter().filter(|b| commands.contains(&b.command));
        bindings.map(|b| b.line).max().unwrap_or(1)
    };
    Ok(fresh.map(|c| Mistake { line: place(&c.commands), column: 1, text: c.to_string() }).collect())
}

/// Changes keys as the file says.
///
/// # Errors
/// When a command or key is unknown.
pub fn rebind(keys: &mut Keymap, bindings: &[crate::config::Binding]) -> Result<()> {
    for binding in bindings {
        let wanted: Vec<&str> = binding.keys.iter().map(String::as_str).collect();
        keys.rebind(&binding.command, &wanted)?;
    }
    Ok(())
}

/// The file and the values that count.
pub struct Setup {
    /// The file.
    pub file: ConfigFile,
    /// The values.
    pub settings: Effective,
}

impl Setup {
    /// Reads the file and decides which values count.
    ///
    /// # Errors
    /// When the file holds mistakes, there is no such profile, or a variable can't be used.
    pub fn new(cli: &Cli) -> Result<Self> {
        Self::read(cli, true)
    }

    /// The same for what brings its own server: only what is said about all profiles counts.
    ///
    /// # Errors
    /// As [`Setup::new`].
    pub fn without_profile(cli: &Cli) -> Result<Self> {
        Self::read(cli, false)
    }

    /// The profiles as the console offers them, and the one in use.
    pub fn profiles(&self) -> (Vec<Profile>, Option<Profile>) {
        let colour = |text: &str| text.parse::<ratatui::style::Color>().ok();
        let config = &self.file.config;
        let each = config.profiles.iter().map(|(name, profile)| {
            let of = |setting: &str| {
                let own = profile.settings.get(setting).or_else(|| config.defaults.get(setting));
                own.map(|given| &given.value)
            };
            // Two servers behind one address are told apart by it.
            let port = match of("port") {
                Some(Value::Whole(port)) => format!(", port {port}"),
                _ => String::new(),
            };
            Profile {
                name: name.clone(),
                address: profile.hosts().join(", ") + &port,
                frame: of("frame").and_then(Value::text).and_then(colour),
                interval: setting::seconds(of("refresh")),
                read_only: of("read_only") == Some(&Value::Truth(true)),
            }
        });
        let all: Vec<Profile> = each.collect();
        let current = all.iter().find(|p| self.settings.profile.as_ref() == Some(&p.name)).cloned();
        (all, current)
    }

    /// Starts the log, if there is to be one. Who wants it verbose, but has not said where, gets it in the folder for
    /// state, and is told.
    ///
    /// # Errors
    /// When its file can't be opened.
    pub fn start_log(&self, verbose: bool) -> Result<Option<tracing_appender::non_blocking::WorkerGuard>> {
        let file = match self.settings.text("log_file") {
            Some(file) => crate::config::setting::path(file, std::env::home_dir()),
            None if verbose => {
                let dir = state_dir();
                std::fs::create_dir_all(&dir).with_context(|| format!("can't make the folder {}", dir.display()))?;
                eprintln!("proxmux: the log goes to {}", dir.join("proxmux.log").display());
                dir.join("proxmux.log")
            }
            None => return Ok(None),
        };
        let keep = self.settings.whole("log_keep").unwrap_or(7);
        super::log::start(&file, self.settings.text("log_level").unwrap_or("info"), keep).map(Some)
    }

    fn read(cli: &Cli, with_profile: bool) -> Result<Self> {
        let path = cli.file.path();
        let file = load(&path)?;
        let named = cli.file.profile.clone().or_else(|| env("PROXMUX_PROFILE").filter(|p| !p.is_empty()));
        let named = named.filter(|_| with_profile);
        let config = &file.config;
        let profile = if with_profile { config.choose(named.as_deref()) } else { Ok(None) };
        let profile = profile.map_err(anyhow::Error::msg)?.map(str::to_owned);
        let mut flags = cli.connect.settings();
        flags.extend(cli.console.settings());
        if let Some(file) = &cli.log_file {
            flags.push(("log_file", Value::Text(file.to_string_lossy().into_owned())));
        }
        if cli.verbose > 0 {
            let level = if cli.verbose == 1 { "debug" } else { "trace" };
            flags.push(("log_level", Value::Text(level.into())));
        }
        let mut settings = Effective::new(&file.config, profile.as_deref(), &flags, env).map_err(anyhow::Error::msg)?;
        // A server that is named otherwise is not that of a profile that nobody has named.
        let elsewhere = || {
            let port = settings.whole("port").and_then(|n| u16::try_from(n).ok()).unwrap_or(8006);
            let wanted = settings.get("host").map(Value::list).unwrap_or_default();
            let own = own_targets(&settings, port);
            !wanted.iter().any(|text| Target::with_port(text, port).is_ok_and(|t| own.contains(&t)))
        };
        if named.is_none() && settings.source("host").is_some_and(|s| s.is_outside()) && elsewhere() {
            settings = Effective::new(&file.config, None, &flags, env).map_err(anyhow::Error::msg)?;
        }
        Ok(Self { file, settings })
    }
}

/// What is known about the connection, with the secret if it can be had without asking for a password. Without a
/// server the login asks for one.
///
/// # Errors
/// When something is missing, or the secret can't be fetched.
pub async fn connection(args: &ConnectArgs) -> Result<(Start, Connection)> {
    connection_with(args, env, vault(), std::io::stdin().is_terminal()).await
}

/// The same with another environment and vault; `may_ask`: the terminal is free for a question.
///
/// # Errors
/// As [`connection`].
pub async fn connection_with(
    args: &ConnectArgs,
    env: impl Fn(&str) -> Option<String> + Copy,
    mut vault: Vault,
    may_ask: bool,
) -> Result<(Start, Connection)> {
    let settings = &args.counts;
    let mut c = args.resolve(settings, env)?;
    if let Trust::CaFile(file) = &c.trust {
        std::fs::File::open(file)
            .map_err(|e| super::unreadable(format!("the file of authorities {}", file.display()), &e))?;
    }
    if let (Some(kept), Some(profile)) = (c.kept.take(), &settings.profile) {
        if kept.source == SecretSource::Stored && vault.passphrase.is_none() && may_ask {
            vault.passphrase = Some(prompt::secret(&format!("Passphrase for the secret of profile {profile}"))?);
        }
        let secret = vault.fetch(profile, &kept.source, self::env).await;
        let secret = secret.with_context(|| format!("profile {profile}"))?;
        c.credentials = secret.map(|secret| kept.with(secret));
    }
    let trust = (!c.trust_is_default).then(|| c.trust.clone());
    let start = Start {
        target: c.targets.first().cloned(),
        trust,
        user: c.user.clone(),
        credentials: c.credentials.clone(),
        read_only: false,
        profile: settings.profile.clone(),
    };
    Ok((start, c))
}
