//! The program's connector: HTTPS, and certificates pinned in a file.

use std::{path::PathBuf, sync::Arc};

use crate::{
    api::{
        ApiError, Transport,
        http::{Fingerprint, HttpTransport, Options, Pins, Proxy, Target, Trust},
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

    fn pins(&self) -> Result<Pins, ApiError> {
        Pins::load(&self.pins).map_err(|error| ApiError::NotSent(error.to_string()))
    }
}

impl Connector for HttpsConnector {
    fn transport(&self, target: &Target, trust: &Trust) -> Result<Arc<dyn Transport>, ApiError> {
        // Whether a proxy is used depends on the server, which the user may have typed just now.
        let options =
            Options { proxy: Proxy::from_env(target, |name| std::env::var(name).ok()), ..self.options.clone() };
        Ok(Arc::new(HttpTransport::new(target.clone(), trust, options)?))
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
        if let Some(dir) = std::env::var_os("PROXMUX_CACHE_DIR") {
            return Some(dir.into());
        }
        directories::ProjectDirs::from("", "", "proxmux").map(|dirs| dirs.cache_dir().to_owned())
    }
}

/// Where the program keeps its files: `PROXMUX_CONFIG_DIR`, else the platform's place for configuration.
pub fn config_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("PROXMUX_CONFIG_DIR") {
        return dir.into();
    }
    directories::ProjectDirs::from("", "", "proxmux")
        .map_or_else(|| PathBuf::from(".proxmux"), |dirs| dirs.config_dir().to_owned())
}
