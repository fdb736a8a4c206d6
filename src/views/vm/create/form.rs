//! The fields of the create-VM wizard as data, and the request that they make.

use crate::{
    api::{
        Param, Request,
        guest::param,
        ids::{NodeName, Upid, VmId},
        vm,
    },
    ui::{Choice, Choices, Form, Values, Wizard},
};

/// Guest systems as the API names them.
const OS_TYPES: [(&str, &str); 13] = [
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

/// Bus names and the highest number of a device on them.
const BUSES: [&str; 4] = ["scsi", "virtio", "sata", "ide"];

fn choices(list: &[(&str, &str)]) -> Choices {
    Choices::Ready(list.iter().map(|(value, label)| Choice::labelled(*value, *label)).collect())
}

fn plain(list: &[&str]) -> Choices {
    Choices::Ready(list.iter().map(|value| Choice::new(*value)).collect())
}

/// A DNS name, as the API demands for VM names.
pub fn check_name(text: &str, _: &Values) -> Result<(), String> {
    let label = |part: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !part.is_empty()
            && part.len() <= 63
            && part.chars().all(inner)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    if text.split('.').all(label) {
        return Ok(());
    }
    let mended: String = text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let mended = mended.trim_matches(['-', '.']).to_owned();
    let hint = if mended.is_empty() { String::new() } else { format!(", for example {mended}") };
    Err(format!("must be a DNS name: letters, digits, - and .{hint}"))
}

fn check_memory(text: &str, values: &Values) -> Result<(), String> {
    let number = |text: &str| text.parse::<u64>().unwrap_or(0);
    if number(values.get("balloon")) > number(text) {
        return Err("is less than the minimum memory".into());
    }
    Ok(())
}

fn check_vlan(text: &str, values: &Values) -> Result<(), String> {
    if values.get("net.bridge").is_empty() && !text.is_empty() {
        return Err("needs a bridge".into());
    }
    Ok(())
}

fn has_disk(values: &Values) -> bool {
    values.get("disk.bus") != "none"
}

fn takes_io_thread(values: &Values) -> bool {
    let bus = values.get("disk.bus");
    bus == "virtio" || (bus == "scsi" && values.get("scsihw") == "virtio-scsi-single")
}

fn has_network(values: &Values) -> bool {
    values.get("net.bridge") != "none"
}

fn uses_uefi(values: &Values) -> bool {
    values.get("bios") == "ovmf"
}

/// The steps of the wizard.
pub fn wizard(nodes: Vec<Choice>, pools: Vec<Choice>, node: &str) -> Wizard {
    let general = Form::new()
        .select("node", "Node", Choices::Ready(nodes))
        .initial(node)
        .required()
        .number("vmid", "VM ID", 100..=999_999_999)
        .required()
        .help("Unique in the whole cluster; the next free one is proposed.")
        .text("name", "Name")
        .placeholder("web-01")
        .check(check_name)
        .select("pool", "Pool", Choices::Ready(pools))
        .toggle("onboot", "Start at boot")
        .toggle("start", "Start after creation")
        .text("tags", "Tags")
        .help("Separated by ;")
        .advanced();
    let system = Form::new()
        .select("ostype", "Guest OS", choices(&OS_TYPES))
        .initial("l26")
        .select("iso", "ISO image", Choices::Loading)
        .help("Put into a CD drive (ide2); none: the drive stays empty.")
        .select("bios", "Firmware", choices(&[("seabios", "SeaBIOS"), ("ovmf", "OVMF (UEFI)")]))
        .initial("seabios")
        .select("efi.storage", "EFI storage", Choices::Loading)
        .when(uses_uefi)
        .select("machine", "Machine", choices(&[("", "i440fx (default)"), ("q35", "q35")]))
        .toggle("agent", "QEMU guest agent")
        .help("The agent must be installed in the guest, too.")
        .select(
            "scsihw",
            "SCSI controller",
            plain(&["virtio-scsi-single", "virtio-scsi-pci", "lsi", "lsi53c810", "megasas", "pvscsi"]),
        )
        .initial("virtio-scsi-single")
        .advanced();
    let disk = Form::new()
        .select("disk.bus", "Bus", plain(&["scsi", "virtio", "sata", "ide", "none"]))
        .initial("scsi")
        .select("disk.storage", "Storage", Choices::Loading)
        .required()
        .when(has_disk)
        .number("disk.size", "Size", 1..=131_072)
        .initial("32")
        .unit("GiB")
        .required()
        .when(has_disk)
        .toggle("disk.discard", "Discard (TRIM)")
        .when(has_disk)
        .select("disk.format", "Format", choices(&[("", "default of the storage"), ("raw", "raw"), ("qcow2", "qcow2")]))
        .when(has_disk)
        .advanced()
        .toggle("disk.iothread", "IO thread")
        .initial("1")
        .when(takes_io_thread)
        .advanced()
        .toggle("disk.ssd", "SSD emulation")
        .when(|v| has_disk(v) && v.get("disk.bus") != "virtio")
        .advanced();
    let processor = Form::new()
        .number("sockets", "Sockets", 1..=4)
        .initial("1")
        .number("cores", "Cores", 1..=256)
        .initial("1")
        .select("cpu", "Type", plain(&["x86-64-v2-AES", "x86-64-v2", "x86-64-v3", "x86-64-v4", "host", "kvm64", "max"]))
        .initial("x86-64-v2-AES")
        .help("host is fastest, but such a VM can only move to equal processors.")
        .toggle("numa", "NUMA")
        .advanced();
    let memory = Form::new()
        .number("memory", "Memory", 16..=4_194_304)
        .initial("2048")
        .unit("MiB")
        .required()
        .check(check_memory)
        .number("balloon", "Minimum memory", 0..=4_194_304)
        .unit("MiB")
        .help("Below the memory: ballooning may take the difference. 0: no balloon device.")
        .advanced();
    let network = Form::new()
        .select("net.bridge", "Bridge", Choices::Loading)
        .select("net.model", "Model", plain(&["virtio", "e1000", "e1000e", "rtl8139", "vmxnet3"]))
        .initial("virtio")
        .when(has_network)
        .number("net.tag", "VLAN tag", 1..=4094)
        .when(has_network)
        .check(check_vlan)
        .toggle("net.firewall", "Firewall")
        .initial("1")
        .when(has_network)
        .select(
            "boot",
            "Boot order",
            choices(&[
                ("disk cd net", "disk, CD, network"),
                ("cd disk net", "CD, disk, network"),
                ("net disk cd", "network, disk, CD"),
            ]),
        )
        .initial("disk cd net");
    Wizard::new()
        .step("General", general)
        .step("System", system)
        .step("Disk", disk)
        .step("CPU", processor)
        .step("Memory", memory)
        .step("Network", network)
        .last("Confirm")
}

/// The device that the disk becomes.
fn disk_device(values: &Values) -> Option<String> {
    BUSES.contains(&values.get("disk.bus")).then(|| format!("{}0", values.get("disk.bus")))
}

fn disk(values: &Values) -> String {
    let mut text = format!("{}:{}", values.get("disk.storage"), values.get("disk.size"));
    let mut add = |key: &str, value: &str| text.push_str(&format!(",{key}={value}"));
    if !values.get("disk.format").is_empty() {
        add("format", values.get("disk.format"));
    }
    if values.is_on("disk.discard") {
        add("discard", "on");
    }
    if values.is_on("disk.iothread") && takes_io_thread(values) {
        add("iothread", "1");
    }
    if values.is_on("disk.ssd") && values.get("disk.bus") != "virtio" {
        add("ssd", "1");
    }
    text
}

fn network(values: &Values) -> Option<String> {
    let bridge = values.get("net.bridge");
    if bridge.is_empty() || bridge == "none" {
        return None;
    }
    let mut text = format!("{},bridge={bridge}", values.get("net.model"));
    if values.is_on("net.firewall") {
        text.push_str(",firewall=1");
    }
    if !values.get("net.tag").is_empty() {
        text.push_str(&format!(",tag={}", values.get("net.tag")));
    }
    Some(text)
}

/// The call that creates the VM. `None` while node or id are missing.
pub fn request(values: &Values) -> Option<Request<Upid>> {
    let node = NodeName::from(values.get("node"));
    let vmid = VmId::new(values.get("vmid").parse().ok()?)?;
    if node.is_empty() {
        return None;
    }
    let mut params: Vec<Param> = vec![];
    let mut add = |name: &str, value: &str| params.push(param(name, value));
    for key in ["name", "pool", "tags", "ostype", "machine", "scsihw", "cpu", "balloon"] {
        if !values.get(key).is_empty() {
            add(key, values.get(key));
        }
    }
    for key in ["memory", "sockets", "cores"] {
        if !values.get(key).is_empty() {
            add(key, values.get(key));
        }
    }
    for key in ["numa", "onboot", "start"] {
        if values.is_on(key) {
            add(key, "1");
        }
    }
    if values.is_on("agent") {
        add("agent", "1");
    }
    if uses_uefi(values) {
        add("bios", "ovmf");
        if !values.get("efi.storage").is_empty() {
            add("efidisk0", &format!("{}:1,efitype=4m,pre-enrolled-keys=1", values.get("efi.storage")));
        }
    }
    let iso = values.get("iso");
    add("ide2", &format!("{},media=cdrom", if iso.is_empty() { "none" } else { iso }));
    let device = disk_device(values);
    if let Some(device) = &device {
        add(device, &disk(values));
    }
    let net = network(values);
    if let Some(net) = &net {
        add("net0", net);
    }
    let order = values.get("boot").split(' ').filter_map(|what| match what {
        "disk" => device.as_deref(),
        "cd" => Some("ide2"),
        _ => net.as_ref().map(|_| "net0"),
    });
    let order: Vec<&str> = order.collect();
    if !order.is_empty() {
        add("boot", &format!("order={}", order.join(";")));
    }
    Some(vm::create(&node, vmid, &params))
}

/// The field that answers for a parameter of the call.
pub fn field_of(parameter: &str) -> &str {
    match parameter.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "scsi" | "virtio" | "sata" => "disk.storage",
        "ide" if parameter == "ide2" => "iso",
        "ide" => "disk.storage",
        "net" => "net.bridge",
        "efidisk" => "efi.storage",
        _ => parameter,
    }
}

/// Where an error belongs that names no parameter: the server refuses ids in use and absent storages that way.
pub fn field_of_text(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase();
    if text.contains("already exists") {
        Some("vmid")
    } else if text.contains("storage") {
        Some("disk.storage")
    } else if text.contains("pool") {
        Some("pool")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Values {
        let mut wizard = wizard(vec![Choice::new("pve1")], vec![], "pve1");
        for (key, list) in [("disk.storage", "local-lvm"), ("net.bridge", "vmbr0"), ("iso", "local:iso/x.iso")] {
            wizard.set_choices(key, Choices::Ready(vec![Choice::new(""), Choice::new(list), Choice::new("none")]));
        }
        for (key, value) in pairs {
            assert!(wizard.set(key, value), "{key}");
        }
        wizard.values()
    }

    #[test]
    fn the_call_of_the_usual_vm() {
        let v = values(&[
            ("vmid", "150"),
            ("name", "web"),
            ("disk.storage", "local-lvm"),
            ("net.bridge", "vmbr0"),
            ("iso", "local:iso/x.iso"),
        ]);
        assert_eq!(
            request(&v).unwrap().to_string(),
            "POST /nodes/pve1/qemu vmid=150 name=web ostype=l26 scsihw=virtio-scsi-single cpu=x86-64-v2-AES memory=2048 \
             sockets=1 cores=1 ide2=local:iso/x.iso,media=cdrom scsi0=local-lvm:32,iothread=1 \
             net0=virtio,bridge=vmbr0,firewall=1 boot=order=scsi0;ide2;net0"
        );
    }

    #[test]
    fn names_are_checked_and_mended() {
        let none = Values::default();
        assert!(check_name("web-01.example.com", &none).is_ok());
        assert_eq!(
            check_name("my_vm 1", &none).unwrap_err(),
            "must be a DNS name: letters, digits, - and ., for example my-vm-1"
        );
        assert!(check_name("-x", &none).is_err());
    }

    #[test]
    fn server_errors_find_their_field() {
        assert_eq!(field_of("scsi0"), "disk.storage");
        assert_eq!(field_of("net0"), "net.bridge");
        assert_eq!(field_of("memory"), "memory");
        assert_eq!(field_of_text("unable to create VM 100: VM 100 already exists on node 'pve1'"), Some("vmid"));
    }
}
