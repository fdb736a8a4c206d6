//! A guest's settings as they were loaded: what holds, what waits, and what an edit of them sends. Nothing that an edit
//! does not name is ever sent, so that settings which the console does not know survive byte for byte.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;

use crate::api::{
    ApiError,
    guest::{Change, Config, Pending, param},
};

/// Everything that was heard of a guest's settings at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    /// What the server compares before it changes anything.
    pub digest: String,
    entries: BTreeMap<String, Pending>,
    /// A container's raw lines (`lxc.*`), in order. The API can't change them.
    pub raw: Vec<(String, String)>,
}

/// A setting that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The setting.
    pub key: String,
    /// What it was.
    pub old: Option<String>,
    /// What it is.
    pub new: Option<String>,
}

impl Sheet {
    /// From the two answers: settings with what waits, and the raw lines.
    pub fn new(pending: Vec<Pending>, raw: Vec<(String, String)>) -> Self {
        let mut sheet = Self { raw, ..Self::default() };
        for entry in pending {
            if entry.key == "digest" {
                sheet.digest = entry.value.unwrap_or_default();
            } else {
                sheet.entries.insert(entry.key.to_string(), entry);
            }
        }
        sheet
    }

    /// From settings alone, where nothing needs to be known of what waits.
    pub fn of(config: &Config) -> Self {
        let entry = |(key, value): (&compact_str::CompactString, &String)| {
            (key.to_string(), Pending { key: key.clone(), value: Some(value.clone()), ..Pending::default() })
        };
        Self {
            digest: config.digest.clone(),
            entries: config.values.iter().map(entry).collect(),
            raw: config.raw.clone(),
        }
    }

    /// What holds now.
    pub fn in_effect(&self, key: &str) -> Option<&str> {
        self.entries.get(key)?.value.as_deref()
    }

    /// What will hold after the next start.
    pub fn wanted(&self, key: &str) -> Option<&str> {
        let entry = self.entries.get(key)?;
        match entry.delete {
            0 => entry.pending.as_deref().or(entry.value.as_deref()),
            _ => None,
        }
    }

    /// Something waits for the next start.
    pub fn waits(&self, key: &str) -> bool {
        self.entries.get(key).is_some_and(Pending::is_changed)
    }

    /// The same with another text for a setting; an empty one removes it.
    pub fn with(&self, key: &str, text: &str) -> Self {
        let mut sheet = self.clone();
        if text.is_empty() {
            sheet.entries.remove(key);
        } else {
            let entry = Pending { key: key.into(), value: Some(text.to_owned()), ..Pending::default() };
            sheet.entries.insert(key.to_owned(), entry);
        }
        sheet
    }

    /// All settings that there are.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The settings for which something waits.
    pub fn waiting(&self) -> Vec<String> {
        self.keys().filter(|key| self.waits(key)).map(str::to_owned).collect()
    }

    /// The lowest number below `room` that no setting `prefixN` has; one that is only removed with the next start still
    /// has its.
    pub fn free(&self, prefix: &str, room: usize) -> Option<String> {
        (0..room).map(|n| format!("{prefix}{n}")).find(|key| !self.entries.contains_key(key))
    }

    /// The smallest change that makes these settings what they should be; an empty text removes one.
    pub fn change(&self, wanted: impl IntoIterator<Item = (String, String)>) -> Change {
        let mut change = Change { digest: self.digest(), ..Change::default() };
        for (key, text) in wanted {
            match self.wanted(&key) {
                Some(old) if same(&key, old, &text) => {}
                Some(_) if text.is_empty() => change.delete.push(key),
                None if text.is_empty() => {}
                _ => change.set.push(param(&key, text)),
            }
        }
        change
    }

    /// The change that drops what waits for these settings.
    pub fn revert(&self, keys: Vec<String>) -> Change {
        Change { revert: keys, digest: self.digest(), ..Change::default() }
    }

    /// The change that removes settings; with `force` the volumes of VM disks go, too.
    pub fn remove(&self, keys: Vec<String>, force: bool) -> Change {
        Change { delete: keys, force, digest: self.digest(), ..Change::default() }
    }

    /// The digest, to be sent with every change.
    pub fn digest(&self) -> Option<String> {
        (!self.digest.is_empty()).then(|| self.digest.clone())
    }

    /// A change as lines "old -> new", for people.
    pub fn describe(&self, change: &Change) -> Vec<String> {
        let old = |key: &str| self.wanted(key).map_or_else(|| "(not set)".to_owned(), |text| shown(key, text));
        let mut lines = vec![];
        for p in &change.set {
            let new = if p.secret { p.shown().to_owned() } else { shown(&p.name, &p.value) };
            lines.push(format!("{}: {} -> {new}", p.name, old(&p.name)));
        }
        lines.extend(change.delete.iter().map(|key| format!("{key}: {} -> (removed)", old(key))));
        for key in &change.revert {
            let now = self.in_effect(key).map_or_else(|| "(not set)".to_owned(), |text| shown(key, text));
            lines.push(format!(
                "{key}: {} -> {now} (as it is now)",
                self.wanted(key).map_or_else(|| "(removed)".to_owned(), |text| shown(key, text))
            ));
        }
        lines
    }

    /// What somebody else has changed until `now`.
    pub fn differences(&self, now: &Sheet) -> Vec<Difference> {
        let keys: BTreeSet<&str> = self.keys().chain(now.keys()).collect();
        let differ = keys.into_iter().filter(|key| self.wanted(key) != now.wanted(key));
        differ
            .map(|key| Difference {
                key: key.to_owned(),
                old: self.wanted(key).map(|text| shown(key, text)),
                new: now.wanted(key).map(|text| shown(key, text)),
            })
            .collect()
    }
}

/// Whether two texts of a setting mean the same: the server ends notes with a line break of its own.
fn same(key: &str, old: &str, new: &str) -> bool {
    old == new || (key == "description" && old.trim_end_matches('\n') == new.trim_end_matches('\n'))
}

/// A setting's text in one line for people: keys decoded, line breaks visible.
pub fn shown(key: &str, text: &str) -> String {
    let text = match key {
        "sshkeys" => percent_decode_str(text).decode_utf8_lossy().into_owned(),
        "env" => text.replace('\0', " "),
        "bios" if text == "ovmf" => "OVMF (UEFI)".to_owned(),
        "agent" if text == "1" => "enabled".to_owned(),
        "agent" if text == "0" => "disabled".to_owned(),
        _ => text.to_owned(),
    };
    text.trim_end_matches('\n').replace('\n', " / ")
}

/// The server refused because somebody else has changed the settings since they were loaded.
pub fn is_conflict(error: &ApiError) -> bool {
    let ApiError::Refused(refusal) = error else { return false };
    let text = refusal.message.to_lowercase();
    text.contains("checksum mis") || text.contains("detected modified configuration")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn entry(key: &str, value: Option<&str>, pending: Option<&str>, delete: u32) -> Pending {
        Pending { key: key.into(), value: value.map(str::to_owned), pending: pending.map(str::to_owned), delete }
    }

    fn sheet() -> Sheet {
        Sheet::new(
            vec![
                entry("digest", Some("ab"), None, 0),
                entry("cores", Some("2"), Some("4"), 0),
                entry("net0", Some("virtio=BC:24:11:00:00:01,bridge=vmbr0,odd=1"), None, 0),
                entry("net2", Some("virtio"), None, 1),
                entry("description", Some("a\nb\n"), None, 0),
                entry("cipassword", Some("**********"), None, 0),
            ],
            vec![],
        )
    }

    #[test]
    fn what_holds_and_what_waits() {
        let s = sheet();
        assert_eq!((s.in_effect("cores"), s.wanted("cores"), s.digest.as_str()), (Some("2"), Some("4"), "ab"));
        assert_eq!((s.in_effect("net2"), s.wanted("net2")), (Some("virtio"), None));
        assert_eq!(s.waiting(), ["cores", "net2"]);
        assert_eq!((s.free("net", 4).as_deref(), s.free("net", 1)), (Some("net1"), None));
        assert!(s.keys().all(|key| key != "digest"));
    }

    #[test]
    fn only_what_differs_is_sent() {
        let s = sheet();
        let to = |list: &[(&str, &str)]| s.change(list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        let change = to(&[("cores", "4"), ("description", "a\nb"), ("name", ""), ("net0", ""), ("memory", "512")]);
        assert_eq!(change.set, [param("memory", "512")]);
        assert_eq!((change.delete.as_slice(), change.digest.as_deref()), (["net0".to_owned()].as_slice(), Some("ab")));
        assert_eq!(to(&[("cores", "2")]).set, [param("cores", "2")], "back to what holds drops what waits");
        assert_eq!(
            s.describe(&change),
            ["memory: (not set) -> 512", "net0: virtio=BC:24:11:00:00:01,bridge=vmbr0,odd=1 -> (removed)"]
        );
        let secret = to(&[("cipassword", "hunter2")]);
        assert!(!format!("{:?} {secret:?}", s.describe(&secret)).contains("hunter2"));
        assert_eq!(s.describe(&s.revert(vec!["cores".into()])), ["cores: 4 -> 2 (as it is now)"]);
    }

    #[test]
    fn a_foreign_edit_is_seen() {
        let (old, mut now) = (sheet(), sheet());
        now.entries.insert("cores".into(), entry("cores", Some("8"), None, 0));
        now.entries.remove("net0");
        let keys: Vec<_> = old.differences(&now).into_iter().map(|d| (d.key, d.old, d.new)).collect();
        assert_eq!(keys[0], ("cores".into(), Some("4".into()), Some("8".into())));
        assert_eq!((keys[1].0.as_str(), &keys[1].2, keys.len()), ("net0", &None, 2));
        assert!(old.differences(&sheet()).is_empty());
    }
}
