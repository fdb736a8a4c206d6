//! The values of a form.

use compact_str::CompactString;

/// Values of a form in the order of its fields. Toggles are `"1"` and `"0"`; secrets are not in here; the fields of
/// a group's item have keys like `"disk0.storage"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values(pub(super) Vec<(CompactString, CompactString)>);

impl Values {
    /// The value of a key; `""` when there is none.
    pub fn get(&self, key: &str) -> &str {
        self.0.iter().find(|(k, _)| k == key).map_or("", |(_, v)| v)
    }

    /// True when a toggle is on.
    pub fn is_on(&self, key: &str) -> bool {
        self.get(key) == "1"
    }

    /// True when there is such a key.
    pub fn contains(&self, key: &str) -> bool {
        self.0.iter().any(|(k, _)| k == key)
    }

    /// All keys with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// Those that aren't empty.
    pub fn filled(&self) -> Self {
        Self(self.0.iter().filter(|(_, v)| !v.is_empty()).cloned().collect())
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends a value, or replaces the one with this key.
    pub fn set(&mut self, key: impl Into<CompactString>, value: impl Into<CompactString>) {
        let (key, value) = (key.into(), value.into());
        match self.0.iter_mut().find(|(k, _)| *k == key) {
            Some(entry) => entry.1 = value,
            None => self.0.push((key, value)),
        }
    }

    /// Appends all of the others.
    pub fn extend(&mut self, other: Values) {
        self.0.extend(other.0);
    }

    /// The pairs.
    pub fn into_pairs(self) -> Vec<(String, String)> {
        self.0.into_iter().map(|(key, value)| (key.into(), value.into())).collect()
    }
}

impl<K: Into<CompactString>, V: Into<CompactString>> FromIterator<(K, V)> for Values {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect())
    }
}
