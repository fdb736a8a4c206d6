//! The program's connector: HTTPS, and certificates pinned in a file.

use std::{path::PathBuf, sync::Arc, time::Duration};

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
    silence: Option<Duration>,
}

impl HttpsConnector {
    /// A connector that keeps pins in this file and waits `silence` for a server that says nothing.
    pub fn new(pins: PathBuf, silence: Option<Duration>) -> Self {
        Self { pins, silence }
    }

    fn pins(&self) -> Result<Pins, ApiError> {
        Pins::load(&self.pins).map_err(|error| ApiError::NotSent(error.to_string()))
    }
}

impl Connector for HttpsConnector {
    fn transport(&self, target: &Target, trust: &Trust) -> Result<Arc<dyn Transport>, ApiError> {
        let mut options = Options { proxy: Proxy::from_env(target, |name| std::env::var(name).ok()), ..Options::default() };
        if let Some(silence) = self.silence {
            options.silence = silence;
            options.connect = options.connect.min(silence);
        }
        Ok(Arc::new(HttpTransport::new(target.clone(), trust, options)?))
    }

    fn pinned(&self, target: &Target) -> Result<Option<Fingerprint>, ApiError> {
        Ok(self.pins()?.get(target))
    }

    fn pin(&self, target: &Target, fingerprint: Fingerprint) -> Result<(), ApiError> {
        self.pins()?.pin(target, fingerprint).map_err(|error| ApiError::NotSent(error.to_string()))
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
