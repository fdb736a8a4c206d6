//! Drives of a VM: slots (`scsi0`, `efidisk0`), their property strings and the ways to name a new volume.

use crate::sim::property::Property;

/// Keys of a drive that hold booleans; the server stores them as 0 and 1.
const BOOLEANS: &[&str] = &[
    "backup",
    "detect_zeroes",
    "iothread",
    "pre-enrolled-keys",
    "replicate",
    "ro",
    "scsiblock",
    "shared",
    "snapshot",
    "ssd",
];

/// What a drive's first value asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// `none`, an empty CD-ROM drive, or `cdrom`, the drive of the host.
    NoVolume,
    /// `STORE:cloudinit`, a drive for cloud-init data.
    CloudInit(String),
    /// `STORE:SIZE`, a new volume of so many GiB.
    New(String, f64),
    /// An existing volume.
    Volume(String),
    /// A path on the host, for root@pam only.
    Path(String),
}

/// A drive's property string.
#[derive(Clone, Debug, PartialEq)]
pub struct Drive {
    /// Its keys; `file` holds the volume.
    pub options: Property,
}

impl Drive {
    /// Reads a drive; `volume` is an alias of `file`.
    pub fn parse(text: &str) -> Self {
        let mut options = Property::parse(text, "file");
        if let Some(volume) = options.remove("volume") {
            options.set("file", volume);
        }
        options.normalise_booleans(BOOLEANS);
        Self { options }
    }

    /// The volume id (or `none`, `cdrom`, or what to allocate).
    pub fn file(&self) -> &str {
        self.options.get("file").unwrap_or_default()
    }

    /// The volume id when the drive holds a volume of a storage.
    pub fn volume(&self) -> Option<&str> {
        match self.source() {
            Source::Volume(_) => Some(self.file()),
            _ => None,
        }
    }

    /// Is it a CD-ROM drive (also for cloud-init)?
    pub fn is_cdrom(&self) -> bool {
        self.options.get("media") == Some("cdrom") || matches!(self.file(), "none" | "cdrom")
    }

    /// Is it a drive with cloud-init data?
    pub fn is_cloudinit(&self) -> bool {
        is_cloudinit_volume(self.file()) || matches!(self.source(), Source::CloudInit(_))
    }

    /// The size that the config tells, in bytes.
    pub fn size(&self) -> u64 {
        self.options.get("size").and_then(crate::sim::property::parse_size).unwrap_or(0)
    }

    /// What the first value asks for.
    pub fn source(&self) -> Source {
        let file = self.file();
        if matches!(file, "none" | "cdrom" | "") {
            return Source::NoVolume;
        }
        if file.starts_with('/') {
            return Source::Path(file.to_owned());
        }
        match file.split_once(':') {
            Some((store, "cloudinit")) => Source::CloudInit(store.to_owned()),
            Some((store, size)) if is_amount(size) => Source::New(store.to_owned(), size.parse().unwrap_or(0.0)),
            _ => Source::Volume(file.to_owned()),
        }
    }

    /// The property string in the server's order.
    pub fn print(&self) -> String {
        self.options.print("file", &[])
    }
}

/// Digits with an optional fraction: the size of a new volume.
pub fn is_amount(text: &str) -> bool {
    let mut parts = text.splitn(2, '.');
    let digits = |part: Option<&str>| part.is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    digits(parts.next()) && (!text.contains('.') || digits(parts.next()))
}

/// Is this the volume of a cloud-init drive?
pub fn is_cloudinit_volume(volid: &str) -> bool {
    let name = volid.rsplit(['/', ':']).next().unwrap_or_default();
    name.split('.').next().is_some_and(|stem| stem.starts_with("vm-") && stem.ends_with("-cloudinit"))
}

/// Is `key` a drive's slot (without `unusedN`)?
pub fn is_slot(key: &str) -> bool {
    matches!(key, "efidisk0" | "tpmstate0") || bus(key).is_some()
}

/// The bus and number of a slot such as `scsi3`.
pub fn bus(key: &str) -> Option<(&'static str, u32)> {
    [("ide", 4), ("sata", 6), ("scsi", 31), ("virtio", 16)].into_iter().find_map(|(bus, count)| {
        let number: u32 = key.strip_prefix(bus)?.parse().ok()?;
        (number < count).then_some((bus, number))
    })
}

/// Does `key` start with `prefix` and go on with a number?
pub fn is_numbered(key: &str, prefix: &str) -> bool {
    key.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
}

/// The order in which the server walks over drives: by bus, then by number.
pub fn slot_order(key: &str) -> (usize, u32) {
    const ORDER: [&str; 4] = ["ide", "scsi", "virtio", "sata"];
    match bus(key) {
        Some((bus, number)) => (ORDER.iter().position(|b| *b == bus).unwrap_or(9), number),
        None => (10 + usize::from(key == "tpmstate0"), 0),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn tells_what_a_drive_asks_for() {
        assert_eq!(Drive::parse("local:2,ssd=1").source(), Source::New("local".into(), 2.0));
        assert_eq!(Drive::parse("local:0.5").source(), Source::New("local".into(), 0.5));
        assert_eq!(Drive::parse("local:cloudinit").source(), Source::CloudInit("local".into()));
        assert_eq!(Drive::parse("none,media=cdrom").source(), Source::NoVolume);
        assert_eq!(Drive::parse("local:abc").source(), Source::Volume("local:abc".into()));
        assert!(Drive::parse("local:103/vm-103-cloudinit.qcow2,media=cdrom").is_cloudinit());
        assert!(!Drive::parse("local:103/vm-103-disk-0.qcow2").is_cloudinit());
    }

    #[test]
    fn knows_slots() {
        assert!(is_slot("scsi30") && is_slot("ide3") && is_slot("efidisk0"));
        assert!(!is_slot("scsi31") && !is_slot("scsihw") && !is_slot("unused0"));
        let mut keys = vec!["efidisk0", "virtio0", "scsi10", "scsi2", "ide2"];
        keys.sort_by_key(|k| slot_order(k));
        assert_eq!(keys, ["ide2", "scsi2", "scsi10", "virtio0", "efidisk0"]);
    }
}
