//! The steps of the create-VM wizard: the forms of the devices, and what belongs to the VM as a whole.

use super::request::what_is;
use crate::{
    ui::{Choice, Choices, Form, Values, Wizard},
    views::{
        device::{
            agent, boot, cd, check, choices, cloudinit, cpu, disk, display, efi, ipconfig, items, machine, memory, nic,
            slot, startup, system, tpm,
        },
        guest::new,
    },
};

/// Most disks and network devices of one VM that the wizard makes.
const MOST_DISKS: usize = 30;
const MOST_NICS: usize = 32;

/// Disks that only one node can reach hold the VM there.
fn warn_ha(on: &str, values: &Values) -> Option<String> {
    let local = |disk: &Values| values.get(&format!("shared.{}", disk.get("storage"))) == "0";
    let disk = items(values, "disk").into_iter().find(local).filter(|_| on == "1")?;
    Some(format!(
        "its disk on {} stays with the node: only replication or shared storage lets it move",
        disk.get("storage")
    ))
}

fn check_firmware(text: &str, values: &Values) -> Result<(), String> {
    if values.get("arch") == "aarch64" && text != "ovmf" {
        return Err("an ARM guest needs UEFI".into());
    }
    Ok(())
}

fn general(nodes: Vec<Choice>, pools: Vec<Choice>, node: &str) -> Form {
    let form = Form::new()
        .select("node", "Node", Choices::Ready(nodes))
        .initial(node)
        .required()
        .number("vmid", "VM ID", 100..=999_999_999)
        .required()
        .help("Unique in the whole cluster; the next free one is proposed.")
        .check(new::check_id)
        .text("name", "Name")
        .placeholder("web-01")
        .check(check::name)
        .warn(new::warn_name)
        .select("pool", "Pool", Choices::Ready(pools))
        .text("tags", "Tags")
        .placeholder("none")
        .help("Separated by ; or blanks.")
        .check(check::tags)
        .toggle("onboot", "Start at boot")
        .toggle("start", "Start after creation")
        .toggle("ha", "High availability")
        .help("Makes the VM a resource of the HA manager as soon as it exists. It needs shared storage to be moved.")
        .warn(warn_ha)
        .advanced();
    let form = (startup::STARTUP.fields)(form);
    form.select(
        "arch",
        "Architecture",
        choices(&[("", "the node's (default)"), ("x86_64", "x86-64"), ("aarch64", "ARM (aarch64)")]),
    )
    .help("Another one than the node's is emulated, which is slow.")
    .advanced()
}

fn guest_system() -> Form {
    let form = Form::new()
        .select("ostype", "Guest OS", choices(&system::OS_TYPES))
        .initial("l26")
        .required()
        .help("Disk bus, network card, firmware and TPM follow it, as long as you have not chosen them yourself.");
    (cd::CD.fields)(form)
        .select("drivers", "VirtIO drivers", Choices::Loading)
        .help("A second drive with the image of drivers for Windows; disks and network become VirtIO then.")
        .check(check::part)
        .when(system::is_windows)
        .select("appliance", "Import machine", Choices::Loading)
        .placeholder("none")
        .help(
            "An appliance (OVA) or a machine of an ESXi server: it fills in name, processors, memory, disks and cards.",
        )
        .select("import-working-storage", "Unpack on", Choices::Loading)
        .placeholder("that of the appliance")
        .help("Appliances are unpacked before they are imported: on a storage with files that keeps disk images.")
        .when(has_appliance)
        .advanced()
}

fn has_appliance(values: &Values) -> bool {
    !values.get("appliance").is_empty()
}

/// What the guest boots from, and what it is told then, if its image has cloud-init.
fn first_boot() -> Form {
    let form = (boot::BOOT.fields)(Form::new())
        .toggle("ci.add", "Cloud-init")
        .help("For images that are made for clouds: a drive tells the guest its user, keys and addresses.")
        .each_when(|_| true);
    cloudinit::settings_form((cloudinit::CLOUD_DRIVE.fields)(form))
        .group("ipconfig", "Addresses of network device", 0..=MOST_NICS, |_| (ipconfig::IPCONFIG.fields)(Form::new()))
        .items(1)
        .each_when(has_cloud)
}

fn has_cloud(values: &Values) -> bool {
    values.is_on("ci.add")
}

fn system_form() -> Form {
    let form = Form::new()
        .select("bios", "Firmware", choices(&[("seabios", "SeaBIOS"), ("ovmf", "OVMF (UEFI)")]))
        .initial("seabios")
        .check(check_firmware);
    let form = (tpm::TPM.fields)((efi::EFI.fields)(form));
    let form = (machine::MACHINE.fields)(form);
    let form = form.select("scsihw", "SCSI controller", choices(&system::CONTROLLERS)).initial("virtio-scsi-single");
    (display::DISPLAY.fields)((agent::AGENT.fields)(form))
}

/// The steps of the wizard.
pub fn wizard(nodes: Vec<Choice>, pools: Vec<Choice>, node: &str) -> Wizard {
    let mut wizard = Wizard::new()
        .step("General", general(nodes, pools, node))
        .step("OS", guest_system())
        .step("System", system_form())
        .step("Disks", Form::new().group("disk", "Disk", 0..=MOST_DISKS, |_| (disk::DISK.fields)(Form::new())).items(1))
        .step("CPU", (cpu::CPU.fields)(Form::new()))
        .step("Memory", (memory::MEMORY.fields)(Form::new()))
        .step(
            "Network",
            Form::new().group("net", "Network device", 0..=MOST_NICS, |_| (nic::NIC.fields)(Form::new())).items(1),
        )
        .step("Boot", first_boot())
        .last("Confirm");
    follow(&mut wizard);
    wizard
}

/// Lets everything that the user has left alone follow what he has chosen: devices suit the guest system, and the boot
/// order names the devices that there are. Call it after every change.
pub fn follow(wizard: &mut Wizard) {
    wizard.share();
    let values = wizard.known();
    for (key, value) in system::defaults(&values) {
        match key.split_once('.').filter(|(group, _)| matches!(*group, "disk" | "net")) {
            Some((group, sub)) => wizard.set_default_of_items(group, sub, value),
            None => wizard.set_default(key, value),
        };
    }
    for (group, sub, fact) in [("disk", "storage", "storage.best"), ("net", "bridge", "bridge.first")] {
        if !values.get(fact).is_empty() {
            wizard.set_default_of_items(group, sub, values.get(fact));
        }
    }
    wizard.share();
    let values = wizard.known();
    let all = slot::all(&values).into_iter();
    let devices = all.map(|device| {
        let what = what_is(&device, &values);
        Choice::new(device).detail(what)
    });
    let devices: Vec<Choice> = devices.collect();
    if let Some(form) = wizard.step_of("boot").and_then(|step| wizard.form_mut(step)) {
        form.set_choices("boot", devices);
        form.set_default("boot", &slot::bootable(&values).join(","));
    }
}
