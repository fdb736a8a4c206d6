//! The machine type: `machine=q35,viommu=intel`.

use super::{Device, Prop, choices};
use crate::ui::{Form, Values};

/// The setting `machine`.
pub const MACHINE: Device = Device {
    fields,
    head: None,
    props: &[Prop::bare("machine.type", "type"), Prop::text("machine.viommu", "viommu").when(has_viommu)],
};

/// Intel's needs q35; VirtIO's goes with both.
fn has_viommu(values: &Values) -> bool {
    !values.get("machine.type").starts_with("virt")
}

fn check_viommu(text: &str, values: &Values) -> Result<(), String> {
    if text == "intel" && !values.get("machine.type").contains("q35") {
        return Err("the Intel vIOMMU needs the machine q35".into());
    }
    Ok(())
}

fn check_type(text: &str, values: &Values) -> Result<(), String> {
    if values.get("arch") == "aarch64" && !text.starts_with("virt") {
        return Err("an ARM guest needs the machine virt".into());
    }
    Ok(())
}

fn fields(form: Form) -> Form {
    form.select(
        "machine.type",
        "Machine",
        choices(&[("", "i440fx (default)"), ("pc", "i440fx"), ("q35", "q35"), ("virt", "virt (ARM)")]),
    )
    .free()
    .help("q35 has PCIe. A version can be typed, for example pc-q35-9.2+pve1.")
    .check(super::check::part)
    .check(check_type)
    .select("machine.viommu", "vIOMMU", choices(&[("", "none"), ("intel", "Intel"), ("virtio", "VirtIO")]))
    .help("For devices that are passed on to guests inside the guest.")
    .check(check_viommu)
    .when(has_viommu)
    .advanced()
}
