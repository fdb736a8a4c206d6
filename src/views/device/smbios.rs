//! What the guest reads about its hardware: `smbios1=uuid=...,manufacturer=QWNtZQ==,base64=1`.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Device, Head, Prop, Properties, put};
use crate::ui::{Form, Values};

/// The setting `smbios1`. Its texts are base64 there and plain in the form.
pub const SMBIOS: Device =
    Device { fields, head: Some(Head { read, write }), props: &[Prop::text("smbios.uuid", "uuid")] };

const TEXTS: [(&str, &str, &str); 6] = [
    ("smbios.manufacturer", "manufacturer", "Manufacturer"),
    ("smbios.product", "product", "Product"),
    ("smbios.version", "version", "Version"),
    ("smbios.serial", "serial", "Serial number"),
    ("smbios.sku", "sku", "SKU"),
    ("smbios.family", "family", "Family"),
];

fn check_uuid(text: &str, _: &Values) -> Result<(), String> {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let hex = parts.iter().all(|part| part.chars().all(|c| c.is_ascii_hexdigit()));
    if lengths == [8, 4, 4, 4, 12] && hex {
        return Ok(());
    }
    Err("must be a UUID, for example 7782e903-ad32-4ad2-bd70-4cb98bb6c61c".into())
}

/// The whole setting may have 512 characters.
fn check_length(text: &str, _: &Values) -> Result<(), String> {
    if text.len() > 60 { Err("must not be longer than 60 characters".into()) } else { Ok(()) }
}

fn fields(form: Form) -> Form {
    let form = form
        .text("smbios.uuid", "UUID")
        .placeholder("made by the server")
        .help("Some systems take another UUID for another machine: licences may ask again.")
        .check(check_uuid);
    TEXTS
        .iter()
        .fold(form, |form, (field, _, label)| form.text(field, label).placeholder("default").check(check_length))
}

fn decoded(text: &Properties, key: &str) -> String {
    let value = text.get(key).unwrap_or_default();
    match text.flag("base64") {
        Some(true) => STANDARD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok()),
        _ => None,
    }
    .unwrap_or_else(|| value.to_owned())
}

fn read(text: &Properties, values: &mut Values) {
    for (field, key, _) in TEXTS {
        values.set(field, decoded(text, key));
    }
}

fn write(text: &mut Properties, new: &Values, before: &Values) {
    if TEXTS.iter().all(|(field, ..)| new.get(field) == before.get(field)) {
        return;
    }
    for (field, key, _) in TEXTS {
        let value = new.get(field);
        if value.is_empty() {
            text.remove(key);
        } else {
            put(text, key, &STANDARD.encode(value));
        }
    }
    put(text, "base64", "1");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_plain_in_the_form() {
        let old = "uuid=7782e903-ad32-4ad2-bd70-4cb98bb6c61c";
        let mut values = SMBIOS.from_text(old);
        assert_eq!(SMBIOS.to_text(&values, Some(old)), old);
        values.set("smbios.product", "a, b = c");
        let new = SMBIOS.to_text(&values, Some(old));
        assert_eq!(new, format!("{old},product=YSwgYiA9IGM=,base64=1"));
        assert_eq!(SMBIOS.from_text(&new).get("smbios.product"), "a, b = c");
        // Written by another tool, without base64: untouched, and encoded once something changes.
        let plain = "manufacturer=Acme,uuid=7782e903-ad32-4ad2-bd70-4cb98bb6c61c";
        let mut values = SMBIOS.from_text(plain);
        assert_eq!(SMBIOS.to_text(&values, Some(plain)), plain);
        values.set("smbios.serial", "1");
        let new = SMBIOS.to_text(&values, Some(plain));
        assert_eq!(SMBIOS.from_text(&new).get("smbios.manufacturer"), "Acme");
    }

    #[test]
    fn uuids_are_checked() {
        let none = Values::default();
        assert!(check_uuid("7782e903-ad32-4ad2-bd70-4cb98bb6c61c", &none).is_ok());
        assert!(check_uuid("7782e903", &none).is_err() && check_uuid("", &none).is_err());
    }
}
