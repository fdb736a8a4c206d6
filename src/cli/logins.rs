//! Who has logged in to which server last time: names only, so that they need not be typed again.

use std::{collections::BTreeMap, fs, io, path::PathBuf};

use crate::api::http::{Target, write_private};

/// So many servers are remembered; who has more has profiles.
const MOST: usize = 200;

/// A file of `"host:port" = "user@realm"`.
pub struct Logins {
    file: PathBuf,
}

impl Logins {
    /// Keeps the names in this file.
    pub fn new(file: PathBuf) -> Self {
        Self { file }
    }

    /// What can't be read is nothing worth a message: the name is typed again.
    fn all(&self) -> BTreeMap<String, String> {
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        toml::from_str(&text).unwrap_or_default()
    }

    /// Who has logged in to a server last time.
    pub fn get(&self, target: &Target) -> Option<String> {
        let user = self.all().remove(&target.to_string())?;
        (user.contains('@') && !user.contains(char::is_control)).then_some(user)
    }

    /// Remembers a user's name.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn set(&self, target: &Target, user: &str) -> io::Result<()> {
        let mut all = self.all();
        if all.get(&target.to_string()).is_some_and(|known| known == user) {
            return Ok(());
        }
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(target.to_string(), user.to_owned());
        let text = toml::to_string(&all).map_err(io::Error::other)?;
        write_private(&self.file, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_by_server() {
        let dir = tempfile::tempdir().unwrap();
        let logins = Logins::new(dir.path().join("state/logins.toml"));
        let (one, two): (Target, Target) = ("pve1".parse().unwrap(), "pve2:443".parse().unwrap());
        assert_eq!(logins.get(&one), None);
        logins.set(&one, "root@pam").unwrap();
        logins.set(&two, "bob@pve").unwrap();
        logins.set(&one, "anna@pve").unwrap();
        assert_eq!((logins.get(&one).as_deref(), logins.get(&two).as_deref()), (Some("anna@pve"), Some("bob@pve")));
        // A file that somebody has broken is no hindrance.
        fs::write(dir.path().join("state/logins.toml"), "= broken").unwrap();
        assert_eq!(logins.get(&one), None);
        logins.set(&one, "root@pam").unwrap();
        assert_eq!(logins.get(&one).as_deref(), Some("root@pam"));
    }
}
