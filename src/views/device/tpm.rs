//! The TPM state: `tpmstate0=local-lvm:1,version=v2.0`.

use super::{Device, Head, Prop, Properties, check, choices, disk, put_default};
use crate::ui::{Choices, Form, Values};

/// The setting `tpmstate0`.
pub const TPM: Device =
    Device { fields, head: Some(Head { read, write }), props: &[Prop::text("tpm.version", "version")] };

/// There will be a TPM.
pub fn has_tpm(values: &Values) -> bool {
    values.is_on("tpm.add")
}

fn is_new(values: &Values) -> bool {
    has_tpm(values) && values.get("tpm.volume").is_empty()
}

fn fields(form: Form) -> Form {
    form.toggle("tpm.add", "TPM")
        .help("A trusted platform module; Windows 11 asks for one.")
        .select("tpm.storage", "TPM storage", Choices::Loading)
        .required()
        .check(check::part)
        .check(check::storage)
        .when(is_new)
        .select("tpm.version", "TPM version", choices(&[("v2.0", "2.0"), ("v1.2", "1.2"), ("", "1.2 (default)")]))
        .initial("v2.0")
        .when(has_tpm)
}

fn read(text: &Properties, values: &mut Values) {
    values.set("tpm.add", "1");
    disk::read_volume(text, values, "tpm.volume", "tpm.storage");
}

fn write(text: &mut Properties, new: &Values, before: &Values) {
    let storage = new.get("tpm.storage");
    let is_other = text.is_empty() || storage != before.get("tpm.storage");
    if before.get("tpm.volume").is_empty() && !storage.is_empty() && is_other {
        put_default(text, "file", &format!("{storage}:1"));
    }
}
