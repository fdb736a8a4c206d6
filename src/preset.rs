//! Named values of wizards, one TOML file each: saved, listed, compared, taken along to another machine. They hold no
//! secrets, and nothing that only one guest can have (id, name, MAC and fixed addresses).

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::api::{http::write_private, schema::is_secret};

/// Values under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its name, which is also that of its file.
    pub name: String,
    /// The wizard that it belongs to, by its name: `Create VM`.
    pub wizard: String,
    /// Fields and their values.
    pub values: Vec<(String, String)>,
}

/// How such a file is written.
const VERSION: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    wizard: String,
    #[serde(default)]
    values: BTreeMap<String, String>,
}

impl Preset {
    /// A preset of what was filled in; what does not belong into one is left out.
    pub fn new(name: &str, wizard: &str, values: Vec<(String, String)>) -> Self {
        let values = values.into_iter().filter(|(key, value)| !is_own(key) && !tells_secret(key, value)).collect();
        Self { name: name.into(), wizard: wizard.into(), values }
    }

    /// The file's text.
    pub fn to_toml(&self) -> String {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let mut text = format!("version = {VERSION}\nwizard = {}\n\n[values]\n", quoted(&self.wizard));
        for (key, value) in &self.values {
            text.push_str(&format!("{} = {}\n", quoted(key), quoted(value)));
        }
        text
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// What is wrong and in which line.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let stored: Stored = toml::from_str(text).map_err(|error| {
            let before = error.span().map_or("", |span| text.get(..span.start).unwrap_or(""));
            let (line, column) = (before.matches('\n').count() + 1, before.rsplit('\n').next().map_or(0, str::len) + 1);
            format!("line {line}, column {column}: {}", error.message())
        })?;
        if stored.version != VERSION {
            return Err(format!("it has version {}, this program reads {VERSION}", stored.version));
        }
        Ok(Self::new(name, &stored.wizard, stored.values.into_iter().collect()))
    }
}

/// True for what only one guest, snapshot or job can have.
pub fn is_own(key: &str) -> bool {
    let last = key.rsplit('.').next().unwrap_or(key);
    matches!(
        last,
        "vmid" | "newid" | "id" | "name" | "hostname" | "snapname" | "macaddr" | "hwaddr" | "ip" | "ip6" | "gw" | "gw6"
    ) && !key.starts_with("cpu")
}

/// True for what must not lie in a file: secrets, and addresses that hold a password.
fn tells_secret(key: &str, value: &str) -> bool {
    let last = key.rsplit('.').next().unwrap_or(key);
    let login = value.split_once("://").is_some_and(|(_, rest)| rest.split('/').next().unwrap_or(rest).contains('@'));
    is_secret("", last) || login
}

/// A name can be that of a file everywhere.
pub fn is_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 64 && !name.starts_with('.') && name.chars().all(good)
}

/// What a name may be, for people.
pub const NAMES: &str = "letters, digits, and - _ . inside";

/// A field that differs between two presets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field.
    pub key: String,
    /// Its value in the first.
    pub left: Option<String>,
    /// Its value in the second.
    pub right: Option<String>,
}

/// What differs, by field.
pub fn diff(left: &[(String, String)], right: &[(String, String)]) -> Vec<Difference> {
    let of = |list: &[(String, String)], key: &str| list.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone());
    let mut keys: Vec<&String> = left.iter().chain(right).map(|(key, _)| key).collect();
    keys.sort_unstable();
    keys.dedup();
    let all = keys.into_iter().map(|key| Difference { key: key.clone(), left: of(left, key), right: of(right, key) });
    all.filter(|d| d.left != d.right).collect()
}

/// A name and what lies under it, or what is wrong with that.
pub type Listed = (String, Result<Preset, String>);

/// The folder of presets.
#[derive(Clone, Debug)]
pub struct Presets {
    dir: PathBuf,
}

impl Presets {
    /// The presets of this folder, which is made when the first one is saved.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.toml"))
    }

    /// All presets by name; those that can't be read with what is wrong.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn list(&self) -> Result<Vec<Listed>, String> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            Err(e) => return Err(format!("{} can't be read: {e}", self.dir.display())),
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".toml").map(str::to_owned))
            .filter(|name| is_name(name))
            .collect();
        names.sort_unstable();
        Ok(names.into_iter().map(|name| (name.clone(), self.load(&name))).collect())
    }

    /// A preset by its name.
    ///
    /// # Errors
    /// When there is none, or it can't be read.
    pub fn load(&self, name: &str) -> Result<Preset, String> {
        if !is_name(name) {
            return Err(format!("\"{name}\" is no name of a preset: {NAMES}"));
        }
        let file = self.file(name);
        match fs::read_to_string(&file) {
            Ok(text) => Preset::parse(name, &text).map_err(|why| format!("{}, {why}", file.display())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                Err(format!("there is no preset {name}; `proxmux preset list` names those that there are"))
            }
            Err(e) => Err(format!("{} can't be read: {e}", file.display())),
        }
    }

    /// Saves a preset. `Ok(false)`: there is one of this name, which was left as it is.
    ///
    /// # Errors
    /// When the name is none, or the file can't be written.
    pub fn save(&self, preset: &Preset, replace: bool) -> Result<bool, String> {
        if !is_name(&preset.name) {
            return Err(format!("\"{}\" can't be a name: {NAMES}", preset.name));
        }
        let file = self.file(&preset.name);
        if !replace && file.exists() {
            return Ok(false);
        }
        let written = write_private(&file, preset.to_toml().as_bytes());
        written.map(|()| true).map_err(|e| format!("{} can't be written: {e}", file.display()))
    }

    /// Removes a preset.
    ///
    /// # Errors
    /// When there is none, or the file can't be removed.
    pub fn remove(&self, name: &str) -> Result<(), String> {
        let file = self.file(name);
        if !is_name(name) || !file.exists() {
            return Err(format!("there is no preset {name}"));
        }
        fs::remove_file(&file).map_err(|e| format!("{} can't be removed: {e}", file.display()))
    }

    /// Where they are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn what_is_saved_comes_back_and_nothing_of_one_guest_or_secret() {
        let dir = tempfile::tempdir().unwrap();
        let all = Presets::new(dir.path().join("presets"));
        let values = pairs(&[
            ("vmid", "120"),
            ("name", "web-01"),
            ("cores", "4"),
            ("disk0.size", "8"),
            ("disk10.size", "9 \"x\"\n"),
            ("net0.macaddr", "BC:24:11:00:00:01"),
            ("net0.bridge", "vmbr0"),
            ("ipconfig0.ip", "10.0.0.5/24"),
            ("cipassword", "MARKED"),
            ("url", "https://u:MARKED@mirror.example/x.iso"),
            ("sshkeys", "ssh-ed25519 AAAA me@home"),
        ]);
        let preset = Preset::new("web", "Create VM", values);
        assert_eq!(all.save(&preset, false), Ok(true));
        let text = fs::read_to_string(all.file("web")).unwrap();
        assert!(!text.contains("MARKED") && !text.contains("web-01") && text.contains("vmbr0"), "{text}");
        let mut back = all.load("web").unwrap();
        back.values.sort();
        let mut kept = preset.values.clone();
        kept.sort();
        assert_eq!(back.values, kept);
        assert_eq!(all.save(&preset, false), Ok(false), "not replaced without a word");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(all.file("web")).unwrap().permissions().mode() & 0o777, 0o600);
        }
        all.remove("web").unwrap();
        assert!(all.remove("web").unwrap_err().contains("no preset web") && all.list().unwrap().is_empty());
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let error = Preset::parse("x", "version = 1\nwizard = \"Create VM\"\n[values]\ncores = 4\n").unwrap_err();
        assert!(error.starts_with("line 4, column 9:"), "{error}");
        assert!(Preset::parse("x", "version = 2\nwizard = \"a\"\n").unwrap_err().contains("version 2"));
        assert!(Preset::parse("x", "version = 1\nwizzard = \"a\"\n").unwrap_err().contains("line 2"));
        for bad in ["", ".x", "../x", "a/b", "ä"] {
            assert!(!is_name(bad) && Presets::new("/nowhere").load(bad).is_err(), "{bad}");
        }
        let secret = Preset::parse("x", "version = 1\nwizard = \"a\"\n[values]\npassword = \"MARKED\"\n").unwrap();
        assert!(secret.values.is_empty(), "also not from a file that was given to somebody");
    }

    #[test]
    fn differences_by_field() {
        let found = diff(&pairs(&[("a", "1"), ("b", "2")]), &pairs(&[("b", "3"), ("c", "4")]));
        let shown: Vec<_> = found.iter().map(|d| (d.key.as_str(), d.left.as_deref(), d.right.as_deref())).collect();
        assert_eq!(shown, [("a", Some("1"), None), ("b", Some("2"), Some("3")), ("c", None, Some("4"))]);
    }
}
