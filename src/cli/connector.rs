//! The program's connector: HTTPS, and certificates pinned in a file.

use std::{path::PathBuf, sync::Arc};

use crate::{
    api::{
        ApiError, Transport,
        http::{FailOver, Fingerprint, HttpTransport, Options, Pins, Proxy, Target, Trust},
    },
    shell::Connector,
};

/// Makes HTTPS transports; pins live in `known_hosts.toml`.
pub struct HttpsConnector {
    pins: PathBuf,
    options: Options,
    cached: bool,
}

impl HttpsConnector {
    /// A connector that keeps pins in this file and has these time-outs.
    pub fn new(pins: PathBuf, options: Options) -> Self {
        Self { pins, options, cached: true }
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
            Options { proxy: Proxy::from_env(target, |name| std::env::var(name).ok()), ..self.options.clone() };
        Ok(Arc::new(HttpTransport::new(target.clone(), trust, options)?))
    }

    fn pins(&self) -> Result<Pins, ApiError> {
        Pins::load(&self.pins).map_err(|error| ApiError::NotSent(error.to_string()))
    }
}

impl Connector for HttpsConnector {
    fn transport(&self, target: &Target, trust: &Trust) -> Result<Arc<dyn Transport>, ApiError> {
        let nodes = &self.options.nodes;
        if nodes.len() < 2 || !nodes.contains(target) {
            return self.one(target, trust);
        }
        let mut all = vec![(target.clone(), self.one(target, trust)?)];
        for node in nodes.iter().filter(|node| *node != target) {
            all.push((node.clone(), self.one(node, &self.trust_of(node, trust)?)?));
        }
        Ok(Arc::new(FailOver::new(all)))
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
