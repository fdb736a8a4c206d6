//! Settings of guests as data: which there are, what they are called, what holds when they are not set, whether a running
//! guest takes a change over, and the form that edits them. The tables are [`super::vm`] and [`super::ct`].

use super::sheet::{self, Sheet};
use crate::{
    api::{ids::GuestKind, property::Properties},
    ui::{Form, Values, Wizard},
    views::device::{Device, slot},
};

/// A page of the editor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    /// Devices of a VM; resources of a container.
    Hardware,
    /// What cloud-init gives a VM.
    CloudInit,
    /// Network cards of a container.
    Network,
    /// Name and name servers of a container.
    Dns,
    /// The rest.
    Options,
}

impl Tab {
    /// The pages of a kind of guest, in order.
    pub fn of(kind: GuestKind) -> &'static [Self] {
        match kind {
            GuestKind::Vm => &[Self::Hardware, Self::CloudInit, Self::Options],
            GuestKind::Ct => &[Self::Hardware, Self::Network, Self::Dns, Self::Options],
        }
    }

    /// Its name.
    pub fn title(self, kind: GuestKind) -> &'static str {
        match self {
            Self::Hardware if kind == GuestKind::Ct => "Resources",
            Self::Hardware => "Hardware",
            Self::CloudInit => "Cloud-Init",
            Self::Network => "Network",
            Self::Dns => "DNS",
            Self::Options => "Options",
        }
    }
}

/// Which settings of the file a row stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// One by its name.
    One(&'static str),
    /// `net0` to `net31`: the name, and how many there can be.
    Numbered(&'static str, usize),
    /// A place on a disk bus (`scsi0`, `ide2` ...) with this in it.
    Drive(Drive),
}

/// What can be in a place on a disk bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// A hard disk.
    Disk,
    /// A CD drive, empty or not.
    Cd,
    /// The generated drive of cloud-init.
    CloudInit,
}

/// What a running guest does with a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {
    /// It holds at once.
    Now,
    /// It waits for the next start.
    Restart,
    /// It holds at once when this feature is in the VM's `hotplug`.
    Hotplug(&'static str),
}

/// Sees to values that are no plain settings: before the form is shown.
pub type Read = fn(&Sheet, &mut Values);
/// The same on the way back: the values that were changed, all that is known, and the settings to write.
pub type Write = fn(&Values, &Values, &mut Vec<(String, String)>);

/// Makes the text of a row from its settings.
pub type Show = fn(&dyn Fn(&str) -> Option<String>) -> String;

/// Stands for the place of a device that has none yet.
pub const NEW: &str = "+";

/// One kind of row.
#[derive(Clone, Copy)]
pub struct Setting {
    /// Which settings.
    pub key: Key,
    /// What it is called.
    pub title: &'static str,
    /// The page.
    pub tab: Tab,
    /// What holds when it is not set, in words.
    pub default: &'static str,
    /// It has a row also when it is not set.
    pub always: bool,
    /// The add menu has it.
    pub add: bool,
    /// What a running guest does with a change.
    pub live: Live,
    /// Only root@pam may change it.
    pub root: bool,
    /// Nobody changes it here: the server does, or another dialog.
    pub fixed: bool,
    /// Settings beside the first that have a field of their own name in the form.
    pub plain: &'static [&'static str],
    /// Settings beside the first that the form changes by other fields.
    pub also: &'static [&'static str],
    /// The first setting as a property string.
    pub device: Option<&'static Device>,
    /// The form, where it is not a device's.
    pub fields: Option<fn(Form, &Sheet) -> Form>,
    /// See [`Read`].
    pub read: Option<Read>,
    /// See [`Write`].
    pub write: Option<Write>,
    /// The row's text, where it is not the first setting's own.
    pub show: Option<Show>,
}

/// A row of a page, to be completed.
pub const fn setting(tab: Tab, key: Key, title: &'static str) -> Setting {
    Setting {
        key,
        title,
        tab,
        default: "",
        always: false,
        add: false,
        live: Live::Restart,
        root: false,
        fixed: false,
        plain: &[],
        also: &[],
        device: None,
        fields: None,
        read: None,
        write: None,
        show: None,
    }
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Setting").field(&self.key).finish()
    }
}

impl Setting {
    /// Whether a setting of the file with this text belongs to this row.
    pub fn fits(&self, key: &str, text: &str) -> bool {
        match self.key {
            Key::One(own) => own == key,
            Key::Numbered(prefix, _) => number(key, prefix).is_some(),
            Key::Drive(what) => bus(key).is_some() && what == drive(text),
        }
    }

    /// A form can change it.
    pub fn has_form(&self) -> bool {
        self.device.is_some() || self.fields.is_some()
    }

    /// Many lines of text: edited in the user's editor.
    pub fn is_long(&self) -> bool {
        self.key == Key::One("description")
    }

    /// The settings that the row of `key` stands for.
    pub fn keys(&self, key: &str) -> Vec<String> {
        let mut keys = vec![key.to_owned()];
        let beside = self.plain.iter().chain(self.also);
        keys.extend(beside.filter(|other| **other != key).map(|other| (*other).to_owned()));
        keys
    }

    /// What a change of it means for a running guest.
    pub fn is_live(&self, key: &str, sheet: &Sheet) -> bool {
        match self.live {
            Live::Now => true,
            Live::Restart => false,
            Live::Hotplug("disk") if matches!(self.key, Key::Drive(Drive::Cd)) && sheet.in_effect(key).is_some() => {
                true
            }
            Live::Hotplug("disk") if !matches!(bus(key), Some("scsi" | "virtio")) => false,
            Live::Hotplug(feature) => match sheet.in_effect("hotplug") {
                None | Some("1") => matches!(feature, "network" | "disk" | "usb"),
                Some(list) => list.split(',').any(|f| f == feature),
            },
        }
    }

    /// What the form begins with, by the keys of its fields, and what its conditions look at. `key` is the setting; one
    /// that isn't there makes a new device; under [`NEW`] may stand the volume of a
    /// disk to be attached.
    fn initial(&self, key: &str, sheet: &Sheet, around: &Values) -> Values {
        let text = sheet.wanted(key);
        let mut values = match self.device {
            // A new device begins with what its form proposes.
            Some(device) if text.is_some() || !self.add => device.from_text(text.unwrap_or_default()),
            _ => Values::default(),
        };
        for plain in self.plain_keys(key) {
            if let Some(text) = sheet.wanted(plain) {
                values.set(plain, text);
            }
        }
        if let Some(read) = self.read {
            read(sheet, &mut values);
        }
        values.extend(around.clone());
        values
    }

    /// The settings with a field of their own name.
    fn plain_keys<'k>(&'k self, key: &'k str) -> Vec<&'k str> {
        if self.has_form() { self.plain.to_vec() } else { vec![key] }
    }

    /// The form with what is set now.
    pub fn wizard(&self, key: &str, sheet: &Sheet, around: &Values) -> Wizard {
        let mut form = match (self.device, self.fields) {
            (_, Some(fields)) => fields(Form::new(), sheet),
            (Some(device), None) => (device.fields)(Form::new()),
            (None, None) => Form::new().text(key, self.title).placeholder("not set"),
        };
        // The row says that there is one; and a device that has its place stays there.
        for switch in ["efi.add", "tpm.add"] {
            form.hide(switch);
        }
        if key != NEW && sheet.wanted(key).is_some() {
            form.hide("bus");
            form.hide("number");
        }
        let mut wizard = Wizard::single(form);
        for (name, value) in self.initial(key, sheet, around).iter() {
            wizard.set_initial(name, value);
            wizard.set_fact(name, value);
        }
        wizard.share();
        wizard
    }

    /// The settings that these fields make, with their texts; an empty text is to be removed. What the form did not
    /// change is not in it.
    pub fn texts(&self, key: &str, sheet: &Sheet, around: &Values, wizard: &Wizard) -> Vec<(String, String)> {
        let (changed, known) = (wizard.changed(), wizard.known());
        let mut texts = vec![];
        match (self.device, sheet.wanted(key)) {
            (Some(device), None) if self.add => texts.push((key.to_owned(), device.to_text(&known, None))),
            (Some(device), old) if !changed.is_empty() || key == NEW => {
                // What was not touched is taken from the text, not from the form.
                let mut values = changed.clone();
                values.extend(self.initial(key, sheet, around));
                texts.push((key.to_owned(), device.to_text(&values, Some(old.unwrap_or_default()))));
            }
            _ => {}
        }
        for plain in self.plain_keys(key) {
            if let Some((_, value)) = changed.iter().find(|(name, _)| *name == plain) {
                let value = if default_of(plain) == Some(value) { "" } else { value };
                texts.push((plain.to_owned(), value.to_owned()));
            }
        }
        if let Some(write) = self.write {
            write(&changed, &known, &mut texts);
        }
        texts
    }

    /// The place of a new device of this kind, from the form's values.
    pub fn place(&self, sheet: &Sheet, values: &Values) -> Option<String> {
        match self.key {
            Key::One(key) => Some(key.to_owned()),
            Key::Numbered(prefix, room) => sheet.free(prefix, room),
            Key::Drive(_) => {
                let bus = values.get("bus");
                match values.get("number").parse::<usize>() {
                    Ok(number) => Some(format!("{bus}{number}")).filter(|key| sheet.keys().all(|there| there != key)),
                    Err(_) => sheet.free(bus, slot::room(bus)),
                }
            }
        }
    }

    /// The text of its row: what holds, or what will.
    pub fn text(&self, key: &str, get: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        match self.show {
            Some(show) => Some(show(get)).filter(|text| !text.is_empty()),
            None => get(key).map(|text| match (default_of(key), text.as_str()) {
                (Some(_), "1") => "yes".into(),
                (Some(_), "0") => "no".into(),
                _ => sheet::shown(key, &text),
            }),
        }
    }
}

/// The bus of a disk's place: `scsi` of `scsi0`.
pub fn bus(key: &str) -> Option<&'static str> {
    slot::BUSES.into_iter().find(|bus| number(key, bus).is_some())
}

/// The number of a numbered setting: 2 of `net2`.
pub fn number(key: &str, prefix: &str) -> Option<u32> {
    let rest = key.strip_prefix(prefix)?;
    rest.parse().ok().filter(|_| rest.chars().all(|c| c.is_ascii_digit()))
}

/// What the text of a place on a disk bus says is in it.
pub fn drive(text: &str) -> Drive {
    let text = Properties::parse(text);
    let file = text.default_key("file").or_else(|| text.get("volume")).unwrap_or_default();
    let name = file.rsplit([':', '/']).next().unwrap_or_default();
    match text.get("media") {
        _ if file == "cdrom" => Drive::Cd,
        _ if name == "cloudinit" || name.contains("-cloudinit") => Drive::CloudInit,
        Some("cdrom") => Drive::Cd,
        _ => Drive::Disk,
    }
}

/// The volume of a disk or mount point, if it has one: neither a folder of the node nor an empty drive.
pub fn volume(text: &str) -> Option<&str> {
    let first = text.split(',').next().unwrap_or_default();
    let file = ["file=", "volume="].iter().find_map(|name| text.split(',').find_map(|part| part.strip_prefix(name)));
    Some(file.unwrap_or(first)).filter(|file| file.contains(':') && !file.starts_with('/'))
}

/// What the server takes for a switch that is not set: such a value is removed instead of written.
fn default_of(key: &str) -> Option<&'static str> {
    Some(match key {
        "acpi" | "kvm" | "tablet" | "reboot" | "console" | "ciupgrade" => "1",
        "unprivileged" | "template" => "0",
        "onboot" | "protection" | "freeze" | "numa" | "autostart" | "tdf" | "debug" | "keephugepages" => "0",
        _ => return None,
    })
}
