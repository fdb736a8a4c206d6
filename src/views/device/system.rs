//! Guest systems, and what the web interface proposes for each.

use crate::ui::Values;

/// Guest systems as the API names them.
pub const OS_TYPES: [(&str, &str); 13] = [
    ("l26", "Linux 2.6 or newer"),
    ("win11", "Windows 11, 2022, 2025"),
    ("win10", "Windows 10, 2016, 2019"),
    ("win8", "Windows 8, 2012"),
    ("win7", "Windows 7, 2008 R2"),
    ("wvista", "Windows Vista"),
    ("w2k8", "Windows 2008"),
    ("w2k3", "Windows 2003"),
    ("w2k", "Windows 2000"),
    ("wxp", "Windows XP"),
    ("l24", "Linux 2.4"),
    ("solaris", "Solaris, OpenSolaris"),
    ("other", "Other"),
];

/// SCSI controllers.
pub const CONTROLLERS: [(&str, &str); 7] = [
    ("virtio-scsi-single", "VirtIO SCSI single"),
    ("virtio-scsi-pci", "VirtIO SCSI"),
    ("lsi", "LSI 53C895A"),
    ("lsi53c810", "LSI 53C810"),
    ("megasas", "MegaRAID SAS 8708EM2"),
    ("pvscsi", "VMware PVSCSI"),
    ("", "default (LSI 53C895A)"),
];

/// The system is a Windows.
pub fn is_windows(values: &Values) -> bool {
    values.get("ostype").starts_with('w')
}

/// What suits the guest system: fields of the wizard with their values, `disk.` and `net.` for all items of those groups.
pub fn defaults(values: &Values) -> Vec<(&'static str, &'static str)> {
    let os = values.get("ostype");
    let drivers = is_windows(values) && !values.get("drivers").is_empty();
    let arm = values.get("arch") == "aarch64";
    let paravirtual = os == "l26" || drivers || arm;
    let old = matches!(os, "w2k" | "wxp");
    let card = match () {
        () if paravirtual => "virtio",
        () if old => "rtl8139",
        () => "e1000",
    };
    let modern = os == "win11" || arm;
    vec![
        ("disk.bus", if paravirtual { "scsi" } else { "ide" }),
        ("net.model", card),
        ("scsihw", if old { "" } else { "virtio-scsi-single" }),
        ("bios", if modern { "ovmf" } else { "seabios" }),
        ("efi.keys", if arm { "0" } else { "1" }),
        ("tpm.add", if os == "win11" { "1" } else { "0" }),
        (
            "machine.type",
            if arm {
                "virt"
            } else if os == "win11" {
                "q35"
            } else {
                ""
            },
        ),
        ("vga.type", if arm { "virtio" } else { "" }),
        ("cpu.type", if arm { "" } else { "x86-64-v2-AES" }),
    ]
}
