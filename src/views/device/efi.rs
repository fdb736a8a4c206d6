//! The EFI disk: `efidisk0=local-lvm:1,efitype=4m,pre-enrolled-keys=1`.

use super::{Device, Head, Prop, Properties, check, choices, disk, put_default};
use crate::ui::{Choices, Form, Values};

/// The setting `efidisk0`.
pub const EFI: Device = Device {
    fields,
    head: Some(Head { read, write }),
    props: &[
        Prop::text("efi.format", "format").when(takes_format),
        Prop::text("efi.type", "efitype"),
        Prop::flag("efi.keys", "pre-enrolled-keys", false),
        Prop::text("efi.certs", "ms-cert").when(can_enroll),
    ],
};

/// The firmware is UEFI.
pub fn uses_uefi(values: &Values) -> bool {
    values.get("bios") == "ovmf"
}

/// There will be an EFI disk.
pub fn has_efi_disk(values: &Values) -> bool {
    uses_uefi(values) && values.is_on("efi.add")
}

/// Microsoft's certificates are among the keys.
fn has_keys(values: &Values) -> bool {
    values.is_on("efi.keys")
}

fn is_new(values: &Values) -> bool {
    has_efi_disk(values) && values.get("efi.volume").is_empty()
}

/// What the server has enrolled into a new disk it notes itself; only for one that exists it can be told to enroll more.
fn can_enroll(values: &Values) -> bool {
    has_efi_disk(values) && has_keys(values) && !is_new(values)
}

fn takes_format(values: &Values) -> bool {
    is_new(values) && disk::keeps_files(values, values.get("efi.storage"))
}

fn fields(form: Form) -> Form {
    form.toggle("efi.add", "EFI disk")
        .help("Keeps the firmware's settings; without it they are lost at every stop.")
        .initial("1")
        .when(uses_uefi)
        .select("efi.storage", "EFI storage", Choices::Loading)
        .required()
        .check(check::part)
        .check(check::storage)
        .when(is_new)
        .select("efi.format", "EFI format", choices(disk::FORMATS))
        .initial("qcow2")
        .when(takes_format)
        .toggle("efi.keys", "Pre-enroll keys")
        .help("Enrolls the keys of Microsoft and of distributions: Secure Boot is on.")
        .initial("1")
        .when(has_efi_disk)
        .select(
            "efi.certs",
            "Certificates",
            choices(&[
                ("", "Microsoft 2011 (default)"),
                ("2011", "Microsoft 2011"),
                ("2023", "some of Microsoft 2023 (old)"),
                ("2023w", "some of Microsoft 2023 (old, Windows)"),
                ("2023k", "Microsoft 2023, all of them"),
            ]),
        )
        .help("A note of what is enrolled. Those of 2011 end in 2026: with all of 2023 the server enrolls them, too.")
        .when(can_enroll)
        .select("efi.type", "EFI type", choices(&[("4m", "4 MB"), ("2m", "2 MB (old)"), ("", "2 MB (default)")]))
        .initial("4m")
        .when(has_efi_disk)
        .advanced()
}

fn read(text: &Properties, values: &mut Values) {
    values.set("bios", "ovmf");
    values.set("efi.add", "1");
    disk::read_volume(text, values, "efi.volume", "efi.storage");
}

fn write(text: &mut Properties, new: &Values, before: &Values) {
    let storage = new.get("efi.storage");
    let is_other = text.is_empty() || storage != before.get("efi.storage");
    if before.get("efi.volume").is_empty() && !storage.is_empty() && is_other {
        put_default(text, "file", &format!("{storage}:1"));
    }
}
