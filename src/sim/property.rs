//! Property strings (`virtio=BC:24:11:00:00:01,bridge=vmbr0`) and amounts, as the simulated server
//! reads and writes them. Independent of the client's own parser on purpose: the two check each other.

/// A parsed property string: keys and values in the order in which they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Property {
    pairs: Vec<(String, String)>,
}

impl Property {
    /// Reads `text`; a part without `=` gets the key `bare` (the format's default key).
    pub fn parse(text: &str, bare: &str) -> Self {
        let pairs = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| match part.split_once('=') {
                Some((key, value)) => (key.trim().to_owned(), value.trim().to_owned()),
                None => (bare.to_owned(), part.to_owned()),
            })
            .collect();
        Self { pairs }
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// The value of a boolean key, `default` when it is missing.
    pub fn flag(&self, key: &str, default: bool) -> bool {
        self.get(key).map_or(default, |v| boolean(v).unwrap_or(default))
    }

    /// Sets `key`, in its place when it exists.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        let value = value.into();
        match self.pairs.iter_mut().find(|(k, _)| k == key) {
            Some(pair) => pair.1 = value,
            None => self.pairs.push((key.to_owned(), value)),
        }
    }

    /// Removes `key` and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        let at = self.pairs.iter().position(|(k, _)| k == key)?;
        Some(self.pairs.remove(at).1)
    }

    /// All pairs in their order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// Writes booleans as 0 and 1, as the server stores them.
    pub fn normalise_booleans(&mut self, keys: &[&str]) {
        for (key, value) in &mut self.pairs {
            if keys.contains(&key.as_str())
                && let Some(on) = boolean(value)
            {
                *value = u8::from(on).to_string();
            }
        }
    }

    /// The server's order: the bare key's value first, then the `required` keys, then the others
    /// by name.
    pub fn print(&self, bare: &str, required: &[&str]) -> String {
        let mut rest: Vec<&(String, String)> = self.pairs.iter().collect();
        rest.sort_by_key(|(key, _)| {
            let rank = if key == bare {
                0
            } else if required.contains(&key.as_str()) {
                1
            } else {
                2
            };
            (rank, key.clone())
        });
        let parts: Vec<String> = rest
            .iter()
            .map(|(key, value)| if key == bare { value.clone() } else { format!("{key}={value}") })
            .collect();
        parts.join(",")
    }
}

/// A boolean in a property string: `1`, `on`, `yes`, `true` and their opposites.
pub fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "on" | "yes" | "true" => Some(true),
        "0" | "off" | "no" | "false" => Some(false),
        _ => None,
    }
}

/// Bytes of a disk size such as `32G`, `1536M`, `528K` or a bare number of bytes.
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, factor) = match text.as_bytes().last()? {
        b'K' => (&text[..text.len() - 1], 1u64 << 10),
        b'M' => (&text[..text.len() - 1], 1 << 20),
        b'G' => (&text[..text.len() - 1], 1 << 30),
        b'T' => (&text[..text.len() - 1], 1 << 40),
        _ => (text, 1),
    };
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let number: f64 = number.parse().ok()?;
    Some((number * factor as f64) as u64)
}

/// The shortest exact disk size: `1G`, `1536M`, `528K`; bytes when not whole KiB.
pub fn print_size(bytes: u64) -> String {
    if bytes == 0 {
        return "0".to_owned();
    }
    let mut amount = bytes;
    let mut unit = "";
    for next in ["K", "M", "G", "T"] {
        if !amount.is_multiple_of(1024) {
            break;
        }
        amount /= 1024;
        unit = next;
    }
    format!("{amount}{unit}")
}

/// An amount for people with binary units: `3.0 GiB`.
pub fn human(bytes: f64, decimals: usize) -> String {
    let mut amount = bytes;
    let mut unit = "B";
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if amount < 1024.0 {
            break;
        }
        amount /= 1024.0;
        unit = next;
    }
    format!("{amount:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn prints_in_the_servers_order() {
        let mut disk = Property::parse("local:2,ssd=on,discard=on,iothread=1", "file");
        disk.set("file", "local:101/vm-101-disk-1.qcow2");
        disk.set("size", "2G");
        disk.normalise_booleans(&["ssd", "iothread"]);
        assert_eq!(disk.print("file", &[]), "local:101/vm-101-disk-1.qcow2,discard=on,iothread=1,size=2G,ssd=1");
        let mount = Property::parse("store2:200/x.raw,backup=1,size=1G,mp=/data", "volume");
        assert_eq!(mount.print("volume", &["mp"]), "store2:200/x.raw,mp=/data,backup=1,size=1G");
    }

    #[test]
    fn sizes_are_the_shortest_exact_ones() {
        for (bytes, text) in [(540_672, "528K"), (1_610_612_736, "1536M"), (3 << 30, "3G"), (1000, "1000")] {
            assert_eq!(print_size(bytes), text);
            assert_eq!(parse_size(text), Some(bytes));
        }
        assert_eq!(parse_size("abc"), None);
        assert_eq!(human(540_672.0, 1), "528.0 KiB");
    }
}
