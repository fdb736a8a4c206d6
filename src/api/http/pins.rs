//! Certificates that the user has accepted, by `host:port`, in a small TOML file.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{target::Target, tls::Fingerprint};

const HEAD: &str = "# Certificates that were accepted, by host:port (SHA-256). Remove a line to be asked again.\n";

/// A file of pins that can't be used. It is never overwritten in that case.
#[derive(Debug, Error)]
#[error("the file of pinned certificates {}: {why}", path.display())]
pub struct PinsError {
    path: PathBuf,
    why: String,
}

/// The pinned certificates, and the file that they are kept in.
#[derive(Clone, Debug)]
pub struct Pins {
    path: PathBuf,
    hosts: BTreeMap<String, Fingerprint>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    #[serde(default)]
    hosts: BTreeMap<String, String>,
}

impl Pins {
    /// Reads a file, by convention named `known_hosts.toml`. One that does not exist counts as empty.
    ///
    /// # Errors
    /// When the file can't be read or holds something else.
    pub fn load(path: impl Into<PathBuf>) -> Result<Self, PinsError> {
        let path = path.into();
        let hosts = read(&path).map_err(|why| PinsError { path: path.clone(), why })?;
        Ok(Self { path, hosts })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The certificate pinned for a server.
    pub fn get(&self, target: &Target) -> Option<Fingerprint> {
        self.hosts.get(&target.to_string()).copied()
    }

    /// All pins: `host:port` and fingerprint, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Fingerprint)> {
        self.hosts.iter().map(|(host, f)| (host.as_str(), *f))
    }

    /// Pins a certificate and writes the file.
    ///
    /// # Errors
    /// When the file can't be read again or written; then nothing is pinned.
    pub fn pin(&mut self, target: &Target, fingerprint: Fingerprint) -> Result<(), PinsError> {
        self.change(|hosts| {
            hosts.insert(target.to_string(), fingerprint);
        })
    }

    /// Forgets a server's certificate and writes the file.
    ///
    /// # Errors
    /// When the file can't be read again or written; then nothing is forgotten.
    pub fn forget(&mut self, target: &Target) -> Result<(), PinsError> {
        self.change(|hosts| {
            hosts.remove(&target.to_string());
        })
    }

    /// Reads the file anew first, so that pins made by another process meanwhile survive.
    fn change(&mut self, edit: impl FnOnce(&mut BTreeMap<String, Fingerprint>)) -> Result<(), PinsError> {
        let fail = |why| PinsError { path: self.path.clone(), why };
        let mut hosts = read(&self.path).map_err(fail)?;
        edit(&mut hosts);
        let stored = Stored { hosts: hosts.iter().map(|(host, f)| (host.clone(), f.to_string())).collect() };
        let text = toml::to_string(&stored).map_err(|e| fail(e.to_string()))?;
        write_private(&self.path, format!("{HEAD}{text}").as_bytes())
            .map_err(|e| fail(format!("can't be written: {e}")))?;
        self.hosts = hosts;
        Ok(())
    }
}

fn read(path: &Path) -> Result<BTreeMap<String, Fingerprint>, String> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(e) => return Err(format!("can't be read: {e}")),
    };
    let stored: Stored = toml::from_str(&text).map_err(|e| format!("is not valid: {}", e.to_string().trim_end()))?;
    let parse = |(host, text): (String, String)| match text.parse() {
        Ok(fingerprint) => Ok((host, fingerprint)),
        Err(e) => Err(format!("the entry of {host} is not valid: {e}")),
    };
    stored.hosts.into_iter().map(parse).collect()
}

/// Replaces a file in one step by one that only its owner can read, so that nobody ever sees half of it.
///
/// # Errors
/// When the folder or the file can't be written; then the old file is still there.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    use io::Write;
    let dir = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}-{:08x}.new", std::process::id(), rand::random::<u32>()));
    let temporary = dir.join(name);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&temporary).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    let done = written.and_then(|()| fs::rename(&temporary, path));
    if done.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    done
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn pins_survive_and_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/known_hosts.toml");
        let (one, two): (Target, Target) = ("pve1".parse().unwrap(), "[::1]:8007".parse().unwrap());
        let mut pins = Pins::load(&path).unwrap();
        let mut other = pins.clone();
        assert_eq!(pins.get(&one), None);
        pins.pin(&one, Fingerprint([1; 32])).unwrap();
        other.pin(&two, Fingerprint([2; 32])).unwrap();
        let read = Pins::load(&path).unwrap();
        assert_eq!((read.get(&one), read.get(&two)), (Some(Fingerprint([1; 32])), Some(Fingerprint([2; 32]))));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        pins.forget(&one).unwrap();
        assert_eq!(Pins::load(&path).unwrap().iter().map(|(h, _)| h).collect::<Vec<_>>(), ["[::1]:8007"]);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn broken_files_are_named_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("known_hosts.toml");
        for text in ["hosts = 3", "[hosts]\n\"pve1:8006\" = \"AB\"", "[host]\n", "\u{0}{"] {
            fs::write(&path, text).unwrap();
            let e = Pins::load(&path).unwrap_err().to_string();
            assert!(e.contains("known_hosts.toml"), "{e}");
        }
        let mut pins = Pins { path: path.clone(), hosts: BTreeMap::new() };
        assert!(pins.pin(&"pve1".parse().unwrap(), Fingerprint([0; 32])).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"\0{");
    }
}
