//! The graphics card: `vga=virtio,memory=32`.

use super::{Device, Prop, choices};
use crate::ui::{Form, Values};

/// The setting `vga`.
pub const DISPLAY: Device = Device {
    fields,
    head: None,
    props: &[
        Prop::bare("vga.type", "type"),
        Prop::text("vga.memory", "memory").when(has_memory),
        Prop::text("vga.clipboard", "clipboard").when(has_memory),
    ],
};

const TYPES: &[(&str, &str)] = &[
    ("", "standard VGA (default)"),
    ("std", "standard VGA"),
    ("vmware", "VMware compatible"),
    ("qxl", "SPICE"),
    ("qxl2", "SPICE, 2 monitors"),
    ("qxl3", "SPICE, 3 monitors"),
    ("qxl4", "SPICE, 4 monitors"),
    ("serial0", "serial terminal 0"),
    ("serial1", "serial terminal 1"),
    ("serial2", "serial terminal 2"),
    ("serial3", "serial terminal 3"),
    ("virtio", "VirtIO-GPU"),
    ("virtio-gl", "VirtIO-GPU with VirGL"),
    ("cirrus", "Cirrus (old)"),
    ("none", "none"),
];

fn has_memory(values: &Values) -> bool {
    let kind = values.get("vga.type");
    kind != "none" && !kind.starts_with("serial")
}

fn fields(form: Form) -> Form {
    form.select("vga.type", "Graphics card", choices(TYPES))
        .number("vga.memory", "Video memory", 4..=512)
        .unit("MiB")
        .placeholder("default")
        .when(has_memory)
        .advanced()
        .select("vga.clipboard", "Clipboard", choices(&[("", "default"), ("vnc", "VNC")]))
        .help("VNC: shared with the noVNC console, by the SPICE agent in the guest.")
        .when(has_memory)
        .advanced()
}
