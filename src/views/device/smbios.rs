//! What the firmware tells the guest about its machine: `smbios1=uuid=...,manufacturer=QUNNRQ==,base64=1`.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Device, Head, Prop, Properties, put};
use crate::ui::{Form, Values};

/// The setting `smbios1`.
pub const SMBIOS: Device =
    Device { fields, head: Some(Head { read, write }), props: &[Prop::text("smbios.uuid", "uuid")] };

const WORDS: [(&str, &str, &str); 6] = [
    ("smbios.manufacturer", "manufacturer", "Manufacturer"),
    ("smbios.product", "product", "Product"),
    ("smbios.version", "version", "Version"),
    ("smbios.serial", "serial", "Serial number"),
    ("smbios.sku", "sku", "SKU"),
    ("smbios.family", "family", "Family"),
];

fn check_uuid(text: &str, _: &Values) -> Result<(), String> {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    let hex = text.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
    if hex && lengths == [8, 4, 4, 4, 12] {
        return Ok(());
    }
    Err("must be like 0d2a39a2-5be0-4a04-a4f6-3fd3cdd1bcd5".into())
}

/// The whole setting may have 512 characters, encoded.
fn check_length(_: &str, values: &Values) -> Result<(), String> {
    let all: usize = WORDS.iter().map(|(field, key, _)| values.get(field).len().div_ceil(3) * 4 + key.len() + 2).sum();
    if all > 460 { Err("all texts together are too long".into()) } else { Ok(()) }
}

fn fields(form: Form) -> Form {
    let form = form.text("smbios.uuid", "UUID").placeholder("made by the server").check(check_uuid);
    WORDS.iter().fold(form, |form, (field, _, label)| form.text(field, label).check(check_length))
}

fn plain(text: &Properties, key: &str) -> String {
    let value = text.get(key).unwrap_or_default();
    match STANDARD.decode(value) {
        Ok(bytes) if text.flag("base64") == Some(true) => String::from_utf8_lossy(&bytes).into_owned(),
        _ => value.to_owned(),
    }
}

fn read(text: &Properties, values: &mut Values) {
    for (field, key, _) in WORDS {
        values.set(field, plain(text, key));
    }
}

fn write(text: &mut Properties, new: &Values, before: &Values) {
    if WORDS.iter().all(|(field, ..)| new.get(field) == before.get(field)) {
        return;
    }
    // One key says how all texts are written.
    let encode = text.flag("base64") != Some(true);
    for (field, key, _) in WORDS {
        let value = new.get(field);
        match value.is_empty() {
            _ if value == before.get(field) && !encode => {}
            true => drop(text.remove(key)),
            false => put(text, key, &STANDARD.encode(value)),
        }
    }
    if WORDS.iter().any(|(_, key, _)| text.get(key).is_some()) {
        put(text, "base64", "1");
    } else {
        text.remove("base64");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_encoded() {
        let mut values = SMBIOS.from_text("uuid=0d2a39a2-5be0-4a04-a4f6-3fd3cdd1bcd5,manufacturer=ACME");
        assert_eq!(values.get("smbios.manufacturer"), "ACME");
        values.set("smbios.serial", "A, B=C");
        let text = SMBIOS.to_text(&values, Some("uuid=0d2a39a2-5be0-4a04-a4f6-3fd3cdd1bcd5,manufacturer=ACME,x=y"));
        assert_eq!(
            text,
            "uuid=0d2a39a2-5be0-4a04-a4f6-3fd3cdd1bcd5,manufacturer=QUNNRQ==,x=y,serial=QSwgQj1D,base64=1"
        );
        let back = SMBIOS.from_text(&text);
        assert_eq!((back.get("smbios.serial"), back.get("smbios.manufacturer")), ("A, B=C", "ACME"));
        assert_eq!(SMBIOS.to_text(&back, Some(&text)), text);
    }
}
