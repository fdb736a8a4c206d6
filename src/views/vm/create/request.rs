//! The call that the create-VM wizard makes, and where the server's complaints about it belong.

use crate::{
    api::{
        Param, Request,
        guest::param,
        ids::{NodeName, Upid, VmId},
        vm,
    },
    ui::Values,
    views::device::{
        agent::AGENT, boot::BOOT, cd, cd::CD, cloudinit, cpu, disk::DISK, display::DISPLAY, efi, efi::EFI,
        ipconfig::IPCONFIG, items, machine::MACHINE, memory, nic::NIC, slot, startup::STARTUP, tpm, tpm::TPM,
    },
};

/// The parameters of the VM: settings first, then its drives, then the rest.
fn params(values: &Values) -> Vec<Param> {
    let mut params: Vec<Param> = vec![];
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            params.push(param(name, value));
        }
    };
    add("name", values.get("name"));
    add("pool", values.get("pool"));
    let tags: Vec<&str> = values.get("tags").split([';', ',', ' ']).filter(|tag| !tag.is_empty()).collect();
    add("tags", &tags.join(";"));
    for key in ["arch", "ostype"] {
        add(key, values.get(key));
    }
    add("machine", &MACHINE.to_text(values, None));
    add("scsihw", values.get("scsihw"));
    add("vga", &DISPLAY.to_text(values, None));
    add("cpu", &cpu::CPU.to_text(values, None));
    for (key, value) in memory::settings(values) {
        add(key, &value);
    }
    for key in cpu::PLAIN {
        add(key, values.get(key));
    }
    for (key, name) in [("numa", "numa"), ("onboot", "onboot"), ("ha", "ha-managed"), ("start", "start")] {
        if values.is_on(key) {
            add(name, "1");
        }
    }
    add("startup", &STARTUP.to_text(values, None));
    if values.is_on("agent.enabled") {
        add("agent", &AGENT.to_text(values, None));
    }
    if efi::uses_uefi(values) {
        add("bios", "ovmf");
    }
    if efi::has_efi_disk(values) {
        add("efidisk0", &EFI.to_text(values, None));
    }
    if tpm::has_tpm(values) {
        add("tpmstate0", &TPM.to_text(values, None));
    }
    add(slot::cd(values), &CD.to_text(values, None));
    if slot::has_drivers(values) {
        add(slot::DRIVERS, &cd::with_image(values.get("drivers")));
    }
    for (device, disk) in slot::of_disks(values).iter().zip(items(values, "disk")) {
        if let Some(device) = device {
            add(device, &DISK.to_text(&around(disk, values), None));
        }
    }
    for (device, nic) in slot::of_nics(values).iter().zip(items(values, "net")) {
        add(device, &NIC.to_text(&nic, None));
    }
    if values.is_on("ci.add") {
        add(slot::cloud(values), &cloudinit::CLOUD_DRIVE.to_text(values, None));
        for (key, value) in cloudinit::settings(values) {
            add(key, &value);
        }
        for (n, (addresses, _)) in items(values, "ipconfig").iter().zip(items(values, "net")).enumerate() {
            add(&format!("ipconfig{n}"), &IPCONFIG.to_text(addresses, None));
        }
    }
    if disks_of_appliances(values) {
        add("import-working-storage", values.get("import-working-storage"));
    }
    add("boot", &BOOT.to_text(&boot_order(values), None));
    params
}

/// A disk comes out of an appliance, which has to be unpacked.
fn disks_of_appliances(values: &Values) -> bool {
    items(values, "disk").iter().any(|disk| disk.get("import").contains(".ova/"))
}

/// An item's values, and behind them what its conditions look at.
fn around(mut item: Values, values: &Values) -> Values {
    item.extend(values.clone());
    item
}

/// The boot order without devices that have gone since they were chosen.
fn boot_order(values: &Values) -> Values {
    let there = slot::all(values);
    let order = values.get("boot").split(',').filter(|device| there.iter().any(|d| d == device));
    Values::from_iter([("boot", order.collect::<Vec<_>>().join(","))])
}

/// The call that creates the VM. `None` while node or id are missing. The values are those of the wizard with its facts
/// ([`crate::ui::Wizard::known`]).
pub fn request(values: &Values) -> Option<Request<Upid>> {
    let node = NodeName::from(values.get("node"));
    let vmid = VmId::new(values.get("vmid").parse().ok()?)?;
    (!node.is_empty()).then(|| vm::create(&node, vmid, &params(values)))
}

/// The same with the password of cloud-init, which is not among the values.
pub fn with_password(values: &Values, password: Option<&str>) -> Option<Request<Upid>> {
    let mut request = request(values)?;
    if let Some(password) = password.filter(|_| values.is_on("ci.add")) {
        request.wire.params.push(param("cipassword", password));
    }
    Some(request)
}

/// What a device of the form is, in a few words.
pub fn what_is(device: &str, values: &Values) -> String {
    if device == slot::cd(values) {
        return match values.get("cd.source") {
            "iso" if !values.get("cd.image").is_empty() => format!("CD {}", values.get("cd.image")),
            "physical" => "CD, the node's drive".into(),
            _ => "CD, empty".into(),
        };
    }
    if device == slot::DRIVERS && slot::has_drivers(values) {
        return format!("CD {}", values.get("drivers"));
    }
    if let Some(at) = slot::of_nics(values).iter().position(|name| name == device) {
        return format!("network, {}", items(values, "net")[at].get("bridge"));
    }
    let at = slot::of_disks(values).iter().position(|name| name.as_deref() == Some(device));
    at.and_then(|at| items(values, "disk").into_iter().nth(at)).map_or_else(String::new, |disk| {
        match disk.get("size") {
            "" => format!("disk on {}, imported", disk.get("storage")),
            size => format!("disk, {size} GiB on {}", disk.get("storage")),
        }
    })
}

/// The field that answers for a parameter of the call.
pub fn field_of(parameter: &str, values: &Values) -> String {
    if let Some(at) = slot::of_disks(values).iter().position(|name| name.as_deref() == Some(parameter)) {
        return format!("disk{at}.storage");
    }
    if parameter == slot::cd(values) {
        return if values.get("cd.source") == "iso" { "cd.image" } else { "cd.source" }.into();
    }
    if parameter == slot::DRIVERS && slot::has_drivers(values) {
        return "drivers".into();
    }
    if slot::of_nics(values).iter().any(|name| name == parameter) {
        return format!("{parameter}.bridge");
    }
    if values.is_on("ci.add") && parameter == slot::cloud(values) {
        return "ci.storage".into();
    }
    if parameter.starts_with("ipconfig") {
        return format!("{parameter}.ip");
    }
    match parameter {
        "efidisk0" => "efi.storage",
        "tpmstate0" => "tpm.storage",
        "machine" => "machine.type",
        "vga" => "vga.type",
        "cpu" => "cpu.type",
        "agent" => "agent.enabled",
        "startup" => "startup.order",
        "ha-managed" => "ha",
        "allow-ksm" => "ksm",
        "balloon" if !values.is_on("ballooning") => "ballooning",
        other => other,
    }
    .into()
}

/// Where an error belongs that names no parameter: the server refuses ids in use and absent storages that way.
pub fn field_of_text(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase();
    if text.contains("already exists") {
        Some("vmid")
    } else if text.contains("storage") {
        Some("disk0.storage")
    } else if text.contains("pool") {
        Some("pool")
    } else {
        None
    }
}
