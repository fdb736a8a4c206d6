//! The machine type: `machine=q35,viommu=intel`.

use super::{Device, Prop, choices};
use crate::{
    api::hardware,
    ui::{Choice, Choices, Form, Values},
};

/// The setting `machine`.
pub const MACHINE: Device = Device {
    fields,
    head: None,
    props: &[Prop::bare("machine.type", "type"), Prop::text("machine.viommu", "viommu").when(has_viommu)],
};

const TYPES: &[(&str, &str)] =
    &[("", "i440fx (default)"), ("pc", "i440fx, newest"), ("q35", "q35, newest"), ("virt", "virt (ARM)")];

/// The types with the versions that a node can run.
pub fn offer(machines: &[hardware::Machine]) -> Choices {
    let more = machines.iter().map(|machine| {
        let changes = machine.changes.as_deref().unwrap_or_default().lines().next().unwrap_or_default();
        Choice::labelled(machine.id.as_str(), format!("{} {}", machine.kind, machine.version)).detail(changes)
    });
    super::supply::extended(TYPES, more.collect())
}

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
    form.select("machine.type", "Machine", choices(TYPES))
        .free()
        .help("q35 has PCIe. Without a version the guest gets the newest at each start; Windows likes one that stays.")
        .check(super::check::part)
        .check(check_type)
        .select("machine.viommu", "vIOMMU", choices(&[("", "none"), ("intel", "Intel"), ("virtio", "VirtIO")]))
        .help("For devices that are passed on to guests inside the guest.")
        .check(check_viommu)
        .when(has_viommu)
        .advanced()
}
