//! The program's connector: HTTPS, and certificates pinned in a file.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use secrecy::SecretString;

use super::{connect::ConnectArgs, logins::Logins};
use crate::{
    api::{
        ApiError, BoxFuture, Transport,
        http::{FailOver, Fingerprint, HttpTransport, Options, Pins, Proxy, Target, Trust},
    },
    config::{
        Config, Effective,
        seal::SealError,
        vault::{Vault, VaultError},
    },
    shell::{Connector, Entrance, Place},
    views::login::Start,
};

/// Makes HTTPS transports; pins live in `known_hosts.toml`.
pub struct HttpsConnector {
    pins: PathBuf,
    options: Options,
    cached: bool,
    /// The profiles that can be opened besides.
    config: Arc<Config>,
    /// Time-outs and nodes of the profiles that were opened.
    opened: Arc<Mutex<Vec<Options>>>,
    /// Who has logged in where.
    remembers: Option<Logins>,
}

impl HttpsConnector {
    /// A connector that keeps pins in this file and has these time-outs.
    pub fn new(pins: PathBuf, options: Options) -> Self {
        Self { pins, options, cached: true, config: Arc::default(), opened: Arc::default(), remembers: None }
    }

    /// Remembers who has logged in where.
    pub fn with_logins(self, logins: Logins) -> Self {
        Self { remembers: Some(logins), ..self }
    }

    /// Also opens these profiles.
    pub fn with_profiles(self, config: Config) -> Self {
        Self { config: Arc::new(config), ..self }
    }

    /// The settings that go with a server.
    fn options_of(&self, target: &Target) -> Options {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let found = opened.iter().rev().find(|options| options.nodes.contains(target));
        found.filter(|_| !self.options.nodes.contains(target)).unwrap_or(&self.options).clone()
    }

    /// The same without anything kept in the user's cache.
    pub fn without_cache(self) -> Self {
        Self { cached: false, ..self }
    }

    /// How another node of the cluster proves itself: by its own pinned certificate if it has one.
    ///
    /// # Errors
    /// When the file of pinned certificates can't be read.
    pub fn trust_of(&self, node: &Target, given: &Trust) -> Result<Trust, ApiError> {
        Ok(match given {
            Trust::Insecure | Trust::CaFile(_) => given.clone(),
            Trust::Pinned(_) | Trust::System => self.pins()?.get(node).map_or_else(|| given.clone(), Trust::Pinned),
        })
    }

    fn one(&self, target: &Target, trust: &Trust) -> Result<Arc<dyn Transport>, ApiError> {
        // Whether a proxy is used depends on the server, which the user may have typed just now.
        let options =
            Options { proxy: Proxy::from_env(target, |name| std::env::var(name).ok()), ..self.options_of(target) };
        Ok(Arc::new(HttpTransport::new(target.clone(), trust, options)?))
    }

    fn pins(&self) -> Result<Pins, ApiError> {
        Pins::load(&self.pins).map_err(|error| ApiError::NotSent(error.to_string()))
    }
}

impl Connector for HttpsConnector {
    fn transport(&self, target: &Target, trust: &Trust) -> Result<Arc<dyn Transport>, ApiError> {
        let nodes = self.options_of(target).nodes;
        if nodes.len() < 2 || !nodes.contains(target) {
            return self.one(target, trust);
        }
        let mut all = vec![(target.clone(), self.one(target, trust)?)];
        for node in nodes.iter().filter(|node| *node != target) {
            all.push((node.clone(), self.one(node, &self.trust_of(node, trust)?)?));
        }
        Ok(Arc::new(FailOver::new(all)))
    }

    fn enter(&self, profile: &str, passphrase: Option<SecretString>) -> BoxFuture<Result<Entrance, ApiError>> {
        let (config, opened, profile) = (self.config.clone(), self.opened.clone(), profile.to_owned());
        Box::pin(async move {
            let fail = |error: anyhow::Error| ApiError::NotSent(format!("profile {profile}: {error:#}"));
            // The variables for a connection are meant for the one that the program was started with.
            let env = |name: &str| super::setup::env(name).filter(|_| !name.starts_with("PVE_"));
            let settings =
                Effective::new(&config, Some(&profile), &[], env).map_err(|e| fail(anyhow::Error::msg(e)))?;
            let args = ConnectArgs { counts: settings, ..ConnectArgs::default() };
            let tried = passphrase.is_some();
            let vault = match passphrase {
                Some(passphrase) => Vault { passphrase: Some(passphrase), ..super::setup::vault() },
                None => super::setup::vault(),
            };
            let (start, connection) = match super::setup::connection_with(&args, env, vault, false).await {
                Ok(found) => found,
                Err(error) => match error.chain().find_map(|e| e.downcast_ref::<VaultError>()) {
                    Some(VaultError::NoPassphrase(_)) => return Ok(Entrance::Sealed(None)),
                    // One of the environment may be that of another profile.
                    Some(VaultError::Sealed(SealError::Passphrase)) if !tried => return Ok(Entrance::Sealed(None)),
                    Some(why @ VaultError::Sealed(SealError::Passphrase)) => {
                        return Ok(Entrance::Sealed(Some(why.to_string())));
                    }
                    _ => return Err(fail(error)),
                },
            };
            let target = start.target.ok_or_else(|| fail(anyhow::Error::msg("it names no server")))?;
            let read_only = args.counts.truth("read_only");
            opened.lock().unwrap_or_else(PoisonError::into_inner).push(connection.options);
            let Start { trust, user, credentials, profile, .. } = start;
            Ok(Entrance::Open(Box::new(Place { target, trust, user, credentials, read_only, profile })))
        })
    }

    fn last_user(&self, target: &Target) -> Option<String> {
        self.remembers.as_ref()?.get(target)
    }

    fn remember_user(&self, target: &Target, user: &str) {
        if let Some(Err(error)) = self.remembers.as_ref().map(|logins| logins.set(target, user)) {
            tracing::warn!(%error, "the user's name can't be remembered");
        }
    }

    fn pinned(&self, target: &Target) -> Result<Option<Fingerprint>, ApiError> {
        Ok(self.pins()?.get(target))
    }

    fn pin(&self, target: &Target, fingerprint: Fingerprint) -> Result<(), ApiError> {
        self.pins()?.pin(target, fingerprint).map_err(|error| ApiError::NotSent(error.to_string()))
    }

    fn cache_dir(&self) -> Option<PathBuf> {
        if !self.cached {
            return None;
        }
        if let Some(dir) = chosen("PROXMUX_CACHE_DIR", "cache") {
            return Some(dir);
        }
        directories::ProjectDirs::from("", "", "proxmux").map(|dirs| dirs.cache_dir().to_owned())
    }
}

/// The folder that a variable names, else one below `PROXMUX_CONFIG_DIR` when that is set: whoever moves the
/// configuration moves everything.
fn chosen(variable: &str, below: &str) -> Option<PathBuf> {
    let config = || std::env::var_os("PROXMUX_CONFIG_DIR").map(|dir| PathBuf::from(dir).join(below));
    std::env::var_os(variable).map(PathBuf::from).or_else(config)
}

/// Where the program keeps what it writes itself, such as the audit trail: `PROXMUX_STATE_DIR`, else the platform's place.
pub fn state_dir() -> PathBuf {
    if let Some(dir) = chosen("PROXMUX_STATE_DIR", "state") {
        return dir;
    }
    let dirs = directories::ProjectDirs::from("", "", "proxmux");
    let dir = dirs.map(|dirs| dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_owned());
    dir.unwrap_or_else(|| PathBuf::from(".proxmux"))
}

/// Where the program keeps its files: `PROXMUX_CONFIG_DIR`, else the platform's place for configuration.
pub fn config_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("PROXMUX_CONFIG_DIR") {
        return dir.into();
    }
    directories::ProjectDirs::from("", "", "proxmux")
        .map_or_else(|| PathBuf::from(".proxmux"), |dirs| dirs.config_dir().to_owned())
}
