//! The TPM state: `tpmstate0=local-lvm:1,version=v2.0`.

use super::{Device, Head, Prop, Properties, check, choices, disk, put_default};
use crate::ui::{Choices, Form, Values};

/// The setting `tpmstate0`.
pub const TPM: Device = Device {
    fields,
    head: Some(Head { read, write }),
    props: &[Prop::text("tpm.format", "format").when(takes_format), Prop::text("tpm.version", "version")],
};

/// There will be a TPM.
pub fn has_tpm(values: &Values) -> bool {
    values.is_on("tpm.add")
}

fn is_new(values: &Values) -> bool {
    has_tpm(values) && values.get("tpm.volume").is_empty()
}

fn takes_format(values: &Values) -> bool {
    is_new(values) && values.is_on("tpm.formats") && disk::keeps_files(values, values.get("tpm.storage"))
}

/// A raw state stands in the way of snapshots where only qcow2 can have them.
fn warn_format(format: &str, values: &Values) -> Option<String> {
    disk::warn_raw(format, values, values.get("tpm.storage"))
}

fn fields(form: Form) -> Form {
    form.toggle("tpm.add", "TPM")
        .help("A trusted platform module; Windows 11 asks for one.")
        .select("tpm.storage", "TPM storage", Choices::Loading)
        .required()
        .check(check::part)
        .check(check::storage)
        .when(is_new)
        .select(
            "tpm.format",
            "TPM format",
            choices(&[("qcow2", "qcow2 (snapshots)"), ("raw", "raw"), ("", "default of the storage")]),
        )
        .initial("qcow2")
        .warn(warn_format)
        .when(takes_format)
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
