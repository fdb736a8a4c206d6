//! Devices of guests as data: for each kind the fields of its form, and how they stand in its property string. The
//! wizards, the guest editors and whatever else speaks of devices use these and nothing else.
//!
//! Reading a string into values and writing them back unchanged gives the same bytes, and keys that a form does not know
//! survive an edit: only what differs from the text is written into it.

pub mod address;
pub mod agent;
pub mod audio;
pub mod boot;
pub mod cd;
pub mod check;
pub mod cloudinit;
pub mod cpu;
pub mod ct_console;
pub mod ct_nic;
pub mod ct_resource;
pub mod disk;
pub mod display;
pub mod dns;
pub mod efi;
pub mod feature;
pub mod hotplug;
pub mod ipconfig;
pub mod kind;
pub mod machine;
pub mod memory;
pub mod mount;
pub mod nic;
pub mod passthrough;
pub mod pci;
pub mod rng;
pub mod security;
pub mod serial;
pub mod slot;
pub mod smbios;
pub mod startup;
pub mod supply;
pub mod system;
#[cfg(test)]
mod tests;
pub mod tpm;
pub mod usb;
pub mod used;
pub mod virtiofs;
pub mod watchdog;

use crate::{
    api::property::Properties,
    ui::{Choice, Choices, Form, Values, When},
};

/// A kind of device.
pub struct Device {
    /// Adds its fields to a form.
    pub fields: fn(Form) -> Form,
    /// The part that isn't simply a key per field, e.g. volume, or model with MAC address.
    pub head: Option<Head>,
    /// The other fields.
    pub props: &'static [Prop],
}

/// Several fields that share one part of the string.
pub struct Head {
    /// Reads the fields out of a text.
    pub read: fn(&Properties, &mut Values),
    /// Writes what differs: new values, and those that the text has.
    pub write: fn(&mut Properties, &Values, &Values),
}

/// A field and its key.
pub struct Prop {
    field: &'static str,
    how: How,
    when: Option<When>,
}

/// How a field stands in the string.
enum How {
    Text(&'static str),
    Bare(&'static str),
    Named(&'static str),
    Flag(&'static str, bool),
}

impl Prop {
    /// `key=value`; an empty value is no part at all.
    pub const fn text(field: &'static str, key: &'static str) -> Self {
        Self { field, how: How::Text(key), when: None }
    }

    /// The format's default key, which may stand without its name.
    pub const fn bare(field: &'static str, key: &'static str) -> Self {
        Self { field, how: How::Bare(key), when: None }
    }

    /// The format's default key, written with its name.
    pub const fn named(field: &'static str, key: &'static str) -> Self {
        Self { field, how: How::Named(key), when: None }
    }

    /// `key=1` or `key=0`; left out at the server's default.
    pub const fn flag(field: &'static str, key: &'static str, default: bool) -> Self {
        Self { field, how: How::Flag(key, default), when: None }
    }

    /// Where the device takes this key at all; the same condition as the field's.
    pub const fn when(self, when: When) -> Self {
        Self { when: Some(when), ..self }
    }

    fn applies(&self, values: &Values) -> bool {
        self.when.is_none_or(|when| when(values))
    }

    fn read(&self, text: &Properties) -> String {
        match self.how {
            How::Text(key) => text.get(key).unwrap_or_default().to_owned(),
            How::Bare(key) | How::Named(key) => text.default_key(key).unwrap_or_default().to_owned(),
            How::Flag(key, default) => u8::from(text.flag(key).unwrap_or(default)).to_string(),
        }
    }

    fn write(&self, text: &mut Properties, value: &str) {
        match self.how {
            How::Flag(key, default) if value == u8::from(default).to_string() => drop(text.remove(key)),
            How::Text(key) if value.is_empty() => drop(text.remove(key)),
            How::Bare(key) | How::Named(key) if value.is_empty() => {
                if text.remove(key).is_none() {
                    *text = without_bare(text);
                }
            }
            How::Text(key) | How::Flag(key, _) => put(text, key, value),
            How::Named(key) if text.bare().is_none() => put(text, key, value),
            How::Bare(key) | How::Named(key) => put_default(text, key, value),
        }
    }
}

impl Device {
    /// The property string of these values. With the `existing` one only what differs is changed in it. Empty when there
    /// is nothing to say.
    pub fn to_text(&self, values: &Values, existing: Option<&str>) -> String {
        let mut text = Properties::parse(existing.unwrap_or_default());
        let (mut before, mut values) = (self.read(&text), values.clone());
        // What isn't in the text (the bus, the controller) is not edited, so it was the same before; what isn't in the
        // form stays as it is.
        let of_text = before.clone();
        before.extend(values.clone());
        if existing.is_some() {
            values.extend(of_text);
        }
        let values = &values;
        if let Some(head) = &self.head {
            (head.write)(&mut text, values, &before);
        }
        for prop in self.props {
            let wanted = match (&prop.how, prop.applies(values)) {
                // A key that had no field before and has none now isn't ours.
                (_, false) if existing.is_some() && !prop.applies(&before) => continue,
                (How::Flag(_, default), false) => u8::from(*default).to_string(),
                (How::Flag(_, default), true) if values.get(prop.field).is_empty() => u8::from(*default).to_string(),
                (_, false) => String::new(),
                (_, true) => values.get(prop.field).to_owned(),
            };
            if wanted != before.get(prop.field) {
                prop.write(&mut text, &wanted);
            }
        }
        text.to_string()
    }

    /// The values of a property string, by the keys of the form's fields.
    pub fn from_text(&self, text: &str) -> Values {
        self.read(&Properties::parse(text))
    }

    fn read(&self, text: &Properties) -> Values {
        let mut values = Values::default();
        if let Some(head) = &self.head {
            (head.read)(text, &mut values);
        }
        for prop in self.props {
            values.set(prop.field, prop.read(text));
        }
        values
    }

    /// A form that holds what a property string says, for editing it. `around`: what the fields' conditions look at
    /// besides (`bus`, `scsihw`, facts about storages).
    pub fn edit(&self, text: &str, around: Values) -> Form {
        let values = self.from_text(text);
        let mut form = (self.fields)(Form::new());
        let mut context = values.clone();
        for (key, value) in values.iter() {
            form.set_initial(key, value);
        }
        context.extend(around);
        form.set_context(context);
        form
    }
}

/// The items of a group out of a form's values, with bare keys: `disk0.bus` becomes `bus` of the first.
pub fn items(values: &Values, group: &str) -> Vec<Values> {
    let mut items: Vec<Values> = Vec::new();
    for (key, value) in values.iter() {
        let Some((n, sub)) = key.strip_prefix(group).and_then(|rest| rest.split_once('.')) else { continue };
        let Ok(n) = n.parse::<usize>() else { continue };
        if items.len() <= n {
            items.resize(n + 1, Values::default());
        }
        items[n].set(sub, value);
    }
    items
}

/// Choices with words for people.
pub fn choices(list: &[(&str, &str)]) -> Choices {
    Choices::Ready(list.iter().map(|(value, label)| Choice::labelled(*value, *label)).collect())
}

/// Choices that are shown as they are sent.
pub fn plain(list: &[&str]) -> Choices {
    Choices::Ready(list.iter().map(|value| Choice::new(*value)).collect())
}

/// Sets a key. What would fall apart when read back never gets here: the fields' checks refuse it.
fn put(text: &mut Properties, key: &str, value: &str) {
    let _ = text.set(key, value);
}

/// Sets the default key, with its name where the value alone would be taken for something else.
fn put_default(text: &mut Properties, key: &str, value: &str) {
    if text.set_default_key(key, value).is_err() {
        put(text, key, value);
    }
}

/// The text without the part that has no key.
fn without_bare(text: &Properties) -> Properties {
    let parts = text.iter().filter(|(key, _)| key.is_some());
    let parts = parts.map(|(key, value)| key.map_or_else(|| value.to_owned(), |key| format!("{key}={value}")));
    Properties::parse(&parts.collect::<Vec<_>>().join(","))
}
