//! The file itself: where it is, loading, saving in one step, backups.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::{Config, Known, Mistake, VERSION, edit, read};
use crate::api::http::write_private;

/// Why a file can't be used. Nothing is overwritten in that case.
#[derive(Debug, Error)]
pub enum FileError {
    /// It can't be read.
    #[error("the configuration {} can't be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It can't be written.
    #[error("the configuration {} can't be written: {error}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Somebody else could change it, and it names programs to run.
    #[error("others may write to the configuration {0}, which can name programs to run: chmod go-w '{0}'", path.display())]
    Loose {
        /// The file.
        path: PathBuf,
    },
    /// It holds mistakes.
    #[error("{}", list(path, mistakes))]
    Mistakes {
        /// The file.
        path: PathBuf,
        /// All of them, in the order of the file.
        mistakes: Vec<Mistake>,
    },
    /// It has no text.
    #[error("the configuration {} is no text in UTF-8", path.display())]
    NoText {
        /// The file.
        path: PathBuf,
    },
    /// It can't be changed as wished.
    #[error("the configuration {} can't be changed: {why}", path.display())]
    Unchanged {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

fn list(path: &Path, mistakes: &[Mistake]) -> String {
    let each = mistakes.iter().map(|m| format!("\n  {}:{}:{}: {}", path.display(), m.line, m.column, m.text));
    let count = if mistakes.len() == 1 { "a mistake".into() } else { format!("{} mistakes", mistakes.len()) };
    format!("the configuration has {count}:{}", each.collect::<String>())
}

/// A file that was read and is free of mistakes.
#[derive(Clone, Debug, Default)]
pub struct ConfigFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its text; `None` when there is no such file.
    pub text: Option<String>,
    /// What it says.
    pub config: Config,
    /// The copy of the older version that it replaced just now.
    pub backup: Option<PathBuf>,
}

impl ConfigFile {
    /// Reads a file. One that does not exist counts as empty. An older version is migrated, and its old text kept beside
    /// it.
    ///
    /// # Errors
    /// When it can't be read, or holds mistakes.
    pub fn load(path: &Path, known: &Known) -> Result<Self, FileError> {
        let this = Self { path: path.to_owned(), ..Self::default() };
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(this),
            Err(error) => return Err(FileError::Unreadable { path: path.to_owned(), error }),
        };
        #[cfg(unix)]
        if fs::metadata(path).is_ok_and(|m| std::os::unix::fs::PermissionsExt::mode(&m.permissions()) & 0o022 != 0) {
            return Err(FileError::Loose { path: path.to_owned() });
        }
        let text = String::from_utf8(bytes).map_err(|_| FileError::NoText { path: path.to_owned() })?;
        let (config, mistakes) = read(&text, known);
        let explicit = text.parse::<toml::Table>().is_ok_and(|t| t.contains_key("version"));
        // A file without a number is version 0 only when it reads better that way.
        let old = config.version;
        if old < VERSION
            && (explicit || !mistakes.is_empty())
            && let Ok(new) = edit::migrate(&text, old)
            && let (config, none) = read(&new, known)
            && none.is_empty()
        {
            let backup = (0..).map(|n| {
                path.with_extension(format!("toml.v{old}{}.bak", if n > 0 { format!("-{n}") } else { String::new() }))
            });
            let backup = backup.into_iter().find(|p| !p.exists()).unwrap_or_default();
            this.save_as(&backup, &text)?;
            this.save_as(path, &new)?;
            return Ok(Self { text: Some(new), config, backup: Some(backup), ..this });
        }
        if mistakes.is_empty() {
            Ok(Self { text: Some(text), config, ..this })
        } else {
            Err(FileError::Mistakes { path: path.to_owned(), mistakes })
        }
    }

    fn save_as(&self, path: &Path, text: &str) -> Result<(), FileError> {
        // A link, as managers of dot files make them, stays one.
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        write_private(&real, text.as_bytes()).map_err(|error| FileError::Unwritable { path: path.to_owned(), error })
    }

    /// Changes the text, checks the result and writes it. Nothing is written when the result holds mistakes.
    ///
    /// # Errors
    /// When the change fails or its result would be wrong.
    pub fn change(
        &mut self,
        known: &Known,
        edit: impl FnOnce(&str) -> Result<String, String>,
    ) -> Result<(), FileError> {
        let new = edit(self.text.as_deref().unwrap_or_default())
            .map_err(|why| FileError::Unchanged { path: self.path.clone(), why })?;
        let (config, mistakes) = read(&new, known);
        if !mistakes.is_empty() {
            let why = mistakes.iter().map(|m| m.text.as_str()).collect::<Vec<_>>().join("; ");
            return Err(FileError::Unchanged { path: self.path.clone(), why });
        }
        self.save_as(&self.path.clone(), &new)?;
        self.text = Some(new);
        self.config = config;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::Value;

    fn known() -> Known {
        Known { views: vec!["vms".into()], commands: vec![], roles: vec![], key: |_| Ok(()), style: |_| Ok(()) }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn changes_are_private_and_checked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/config.toml");
        let mut file = ConfigFile::load(&path, &known()).unwrap();
        assert!(file.text.is_none());
        let host = [("host", Value::Text("pve1".into()))];
        file.change(&known(), |t| edit::put_profile(t, "a", &host, true)).unwrap();
        assert_eq!(mode(&path), 0o600);
        let before = fs::read_to_string(&path).unwrap();
        let bad = [("host", Value::Text("http://x".into()))];
        let why = file.change(&known(), |t| edit::put_profile(t, "b", &bad, false)).unwrap_err().to_string();
        assert!(why.contains("only https"), "{why}");
        assert_eq!(fs::read_to_string(&path).unwrap(), before);
        assert_eq!(ConfigFile::load(&path, &known()).unwrap().config, file.config);
    }

    #[test]
    fn links_stay_links() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real.toml"), dir.path().join("config.toml"));
        fs::write(&real, "").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mut file = ConfigFile::load(&link, &known()).unwrap();
        file.change(&known(), |t| edit::put_profile(t, "a", &[], false)).unwrap();
        assert!(
            fs::symlink_metadata(&link).unwrap().is_symlink()
                && fs::read_to_string(&real).unwrap().contains("[profiles.a]")
        );
    }

    #[test]
    fn files_that_cant_be_used_are_named_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        for (content, want) in [
            (&b"[profiles.a]\nhots = 1\n[defaults]\nrefresh = 0\n"[..], "has 2 mistakes:"),
            (b"\xff\xfe", "no text in UTF-8"),
            (b"version = 7\n", "newer proxmux"),
            (b"= = =", "not valid TOML"),
        ] {
            fs::write(&path, content).unwrap();
            let why = ConfigFile::load(&path, &known()).unwrap_err().to_string();
            assert!(why.contains(want) && why.contains("config.toml"), "{why}");
            assert_eq!(fs::read(&path).unwrap(), content);
        }
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let why = ConfigFile::load(&path, &known()).unwrap_err().to_string();
        assert!(why.contains("chmod go-w"), "{why}");
        let why = ConfigFile::load(dir.path(), &known()).unwrap_err().to_string();
        assert!(why.contains("can't be read"), "{why}");
    }

    #[test]
    fn older_files_are_migrated_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        let old = "# mine\n[profile.a]\nserver = \"pve1\"\n";
        fs::write(&path, old).unwrap();
        let file = ConfigFile::load(&path, &known()).unwrap();
        let backup = file.backup.unwrap();
        assert_eq!((fs::read_to_string(&backup).unwrap().as_str(), mode(&backup)), (old, 0o600));
        assert_eq!(file.config.profiles["a"].hosts(), ["pve1"]);
        let file = ConfigFile::load(&path, &known()).unwrap();
        assert!(file.backup.is_none() && file.config.version == VERSION);
        // One without a number that reads well is left as it is.
        fs::write(&path, "[profiles.a]\n").unwrap();
        assert!(ConfigFile::load(&path, &known()).unwrap().backup.is_none());
        assert_eq!(fs::read_to_string(&path).unwrap(), "[profiles.a]\n");
    }
}
