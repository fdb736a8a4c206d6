//! Property strings: `virtio=BC:24:11:00:00:01,bridge=vmbr0`, `local:100/vm-100-disk-0.qcow2,size=4G`, `order=scsi0;net0`.
//!
//! A property string is a comma separated list of `key=value` parts; one part may stand without a key and is the value of
//! the format's default key. What was not edited is written back byte for byte, and unknown keys are kept.

use std::{convert::Infallible, fmt, str::FromStr};

use compact_str::CompactString;
use thiserror::Error;

use super::json::Scalar;

/// A property string taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    parts: Vec<Part>,
}

/// `key=value`, or a value alone.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    key: Option<CompactString>,
    value: CompactString,
}

/// Why a property can't be set: it would read back as something else.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "\"{0}\" can't be part of a setting: it must not be empty nor hold a comma, an equals sign or a line break there"
)]
pub struct BadProperty(pub String);

impl Properties {
    /// Takes a text apart. Every text is one: odd parts are kept as they are.
    pub fn parse(text: &str) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        let part = |part: &str| match part.split_once('=') {
            Some((key, value)) => Part { key: Some(key.into()), value: value.into() },
            None => Part { key: None, value: part.into() },
        };
        Self { parts: text.split(',').map(part).collect() }
    }

    /// The value without a key, as in `virtio` of `virtio,bridge=vmbr0`.
    pub fn bare(&self) -> Option<&str> {
        self.parts.iter().find(|part| part.key.is_none() && !part.value.trim().is_empty()).map(|part| &*part.value)
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.parts.iter().find(|part| part.key.as_deref() == Some(key)).map(|part| &*part.value)
    }

    /// The value of the format's default key, spelled out or not: `default("enabled")` of `1` and of `enabled=1`.
    pub fn default_key(&self, key: &str) -> Option<&str> {
        self.get(key).or_else(|| self.bare())
    }

    /// The truth of a key: `1`, `on`, `yes`, `true` or their opposites.
    pub fn flag(&self, key: &str) -> Option<bool> {
        self.get(key).filter(|value| !value.is_empty()).and_then(bool::from_text)
    }

    /// Every part in order: its key, or `None` for a bare value, and its value.
    pub fn iter(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        self.parts.iter().map(|part| (part.key.as_deref(), &*part.value))
    }

    /// True when nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Gives a key a value: in its old place, or at the end.
    ///
    /// # Errors
    /// [`BadProperty`] for a key or value that would fall apart when read back; nothing is changed then.
    pub fn set(&mut self, key: &str, value: impl fmt::Display) -> Result<&mut Self, BadProperty> {
        let value = compact_str::format_compact!("{value}");
        if key.is_empty() || key.contains([',', '=', '\n']) {
            return Err(BadProperty(key.into()));
        }
        if value.is_empty() || value.contains([',', '\n']) {
            return Err(BadProperty(value.into()));
        }
        match self.parts.iter_mut().find(|part| part.key.as_deref() == Some(key)) {
            Some(part) => part.value = value,
            None => self.parts.push(Part { key: Some(key.into()), value }),
        }
        Ok(self)
    }

    /// Sets a boolean as `1` or `0`.
    ///
    /// # Errors
    /// As [`Properties::set`].
    pub fn set_flag(&mut self, key: &str, value: bool) -> Result<&mut Self, BadProperty> {
        self.set(key, u8::from(value))
    }

    /// Sets the value without a key: in its old place, or at the beginning.
    ///
    /// # Errors
    /// [`BadProperty`] for a value that would read back as something else; nothing is changed then.
    pub fn set_bare(&mut self, value: impl fmt::Display) -> Result<&mut Self, BadProperty> {
        let value = compact_str::format_compact!("{value}");
        if value.trim().is_empty() || value.contains([',', '=', '\n']) {
            return Err(BadProperty(value.into()));
        }
        match self.parts.iter_mut().find(|part| part.key.is_none() && !part.value.trim().is_empty()) {
            Some(part) => part.value = value,
            None => self.parts.insert(0, Part { key: None, value }),
        }
        Ok(self)
    }

    /// Sets the format's default key in the spelling that is there already: with its name, or else bare.
    ///
    /// # Errors
    /// As [`Properties::set_bare`].
    pub fn set_default_key(&mut self, key: &str, value: impl fmt::Display) -> Result<&mut Self, BadProperty> {
        match self.get(key) {
            Some(_) => self.set(key, value),
            None => self.set_bare(value),
        }
    }

    /// Removes a key; gives its value when it was there.
    pub fn remove(&mut self, key: &str) -> Option<CompactString> {
        let at = self.parts.iter().position(|part| part.key.as_deref() == Some(key))?;
        Some(self.parts.remove(at).value)
    }
}

impl FromStr for Properties {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::parse(text))
    }
}

impl fmt::Display for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, part) in self.parts.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            if let Some(key) = &part.key {
                write!(f, "{key}=")?;
            }
            f.write_str(&part.value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_and_edits() {
        let mut net = Properties::parse("virtio=BC:24:11:2A:76:1D,bridge=vmbr0,firewall=1,future=x;y");
        assert_eq!((net.get("bridge"), net.flag("firewall"), net.bare()), (Some("vmbr0"), Some(true), None));
        net.set("bridge", "vmbr1").unwrap().set("tag", 10).unwrap().set_flag("link_down", false).unwrap();
        assert_eq!(net.remove("firewall").as_deref(), Some("1"));
        assert_eq!(net.to_string(), "virtio=BC:24:11:2A:76:1D,bridge=vmbr1,future=x;y,tag=10,link_down=0");

        let mut disk = Properties::parse("local:101/vm-101-disk-1.qcow2,discard=on,size=2G");
        assert_eq!(disk.default_key("file"), Some("local:101/vm-101-disk-1.qcow2"));
        disk.set_default_key("file", "none").unwrap();
        assert_eq!(disk.to_string(), "none,discard=on,size=2G");

        let mut agent = Properties::parse("enabled=1,type=virtio");
        assert_eq!(agent.default_key("enabled"), Some("1"));
        agent.set_default_key("enabled", 0).unwrap();
        assert_eq!(agent.to_string(), "enabled=0,type=virtio");

        let mut empty = Properties::parse("");
        assert!(empty.is_empty() && empty.bare().is_none());
        empty.set("order", "scsi0;net0").unwrap();
        assert_eq!(empty.to_string(), "order=scsi0;net0");
    }

    #[test]
    fn refuses_what_would_fall_apart() {
        let mut p = Properties::parse("virtio,bridge=vmbr0");
        assert!(p.set("bridge", "a,b=c").is_err() && p.set("a=b", 1).is_err() && p.set("", 1).is_err());
        assert!(p.set("bridge", "").is_err() && p.set_bare("a=b").is_err() && p.set_bare(" ").is_err());
        assert_eq!(p.to_string(), "virtio,bridge=vmbr0");
        assert!(p.set("bridge", "a,b").unwrap_err().to_string().contains("\"a,b\""));
    }

    proptest! {
        #[test]
        fn any_text_is_written_back(text in "\\PC{0,60}|([a-z]{0,3}[=,; ]){0,12}") {
            prop_assert_eq!(Properties::parse(&text).to_string(), text);
        }

        #[test]
        fn an_edit_touches_nothing_else(
            text in "([a-z]{1,4}=[A-Za-z0-9:/;]{1,6}(,[a-z]{1,4}=[A-Za-z0-9:/;]{1,6}){0,5})?",
            key in "[A-Z]{1,4}", value in "[a-zA-Z0-9;:=]{1,6}",
        ) {
            let old = Properties::parse(&text);
            let mut new = old.clone();
            new.set(&key, &value).unwrap();
            let read = Properties::parse(&new.to_string());
            prop_assert_eq!(&read, &new);
            prop_assert_eq!(read.get(&key), Some(&*value));
            prop_assert_eq!(read.iter().filter(|(k, _)| *k != Some(&*key)).collect::<Vec<_>>(), old.iter().collect::<Vec<_>>());
            new.remove(&key);
            prop_assert_eq!(new.to_string(), text);
        }
    }
}
