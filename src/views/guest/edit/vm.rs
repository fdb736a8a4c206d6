//! The settings of VMs, in the order in which the pages show them.

use super::{
    form,
    setting::{Drive, Key, Live, Setting, Tab, setting},
};
use crate::views::device::{
    agent::AGENT,
    audio::AUDIO,
    boot::BOOT,
    cd::CD,
    cloudinit::CLOUD_DRIVE,
    cpu,
    disk::DISK,
    display::DISPLAY,
    efi::EFI,
    hotplug::HOTPLUG,
    ipconfig::IPCONFIG,
    machine::MACHINE,
    memory::MEMORY,
    nic::NIC,
    pci::PCI,
    rng::RNG,
    security,
    serial::{PARALLEL, SERIAL},
    smbios::SMBIOS,
    startup::STARTUP,
    tpm::TPM,
    usb::USB,
    virtiofs::VIRTIOFS,
    watchdog::WATCHDOG,
};

const fn hardware(key: &'static str, title: &'static str) -> Setting {
    setting(Tab::Hardware, Key::One(key), title)
}

const fn devices(prefix: &'static str, room: usize, title: &'static str) -> Setting {
    Setting { add: true, ..setting(Tab::Hardware, Key::Numbered(prefix, room), title) }
}

const fn ci(key: &'static str, title: &'static str) -> Setting {
    let row = setting(Tab::CloudInit, Key::One(key), title);
    Setting { always: true, live: Live::Hotplug("cloudinit"), ..row }
}

const fn option(key: &'static str, title: &'static str) -> Setting {
    Setting { always: true, ..setting(Tab::Options, Key::One(key), title) }
}

/// A setting that is seldom there and has no form of its own.
const fn other(key: &'static str, title: &'static str) -> Setting {
    setting(Tab::Options, Key::One(key), title)
}

/// All rows.
pub static SETTINGS: &[Setting] = &[
    Setting {
        always: true,
        default: "512 MiB",
        live: Live::Hotplug("memory"),
        device: Some(&MEMORY),
        also: &["balloon", "shares", "allow-ksm"],
        read: Some(form::read_memory),
        write: Some(form::write_memory),
        show: Some(|get| {
            let mut text = get("memory").map(|mib| format!("{mib} MiB")).unwrap_or_default();
            match get("balloon").as_deref() {
                Some("0") => text += ", no ballooning",
                Some(least) => text += &format!(", at least {least} MiB"),
                None => {}
            }
            if let Some(shares) = get("shares") {
                text += &format!(", {shares} shares");
            }
            if get("allow-ksm").as_deref() == Some("0") {
                text += ", no KSM";
            }
            text.trim_start_matches(", ").to_owned()
        }),
        ..hardware("memory", "Memory")
    },
    Setting {
        always: true,
        default: "1 core",
        device: Some(&cpu::CPU),
        plain: &["sockets", "cores", "vcpus", "cpulimit", "affinity", "cpuunits", "numa"],
        show: Some(|get| {
            let count = |key| get(key).unwrap_or_else(|| "1".into());
            let mut text = format!("{} x {} cores", count("sockets"), count("cores"));
            text += &get("cpu").map_or_else(|| ", default type".into(), |cpu| format!(", {cpu}"));
            for (key, word) in [("vcpus", "vCPUs"), ("cpulimit", "limit"), ("cpuunits", "units"), ("affinity", "on")] {
                if let Some(value) = get(key) {
                    text += &format!(", {word} {value}");
                }
            }
            if get("numa").as_deref() == Some("1") {
                text += ", NUMA";
            }
            text
        }),
        ..hardware("cpu", "Processors")
    },
    Setting {
        always: true,
        default: "SeaBIOS",
        fields: Some(form::bios),
        plain: &["bios"],
        ..hardware("bios", "BIOS")
    },
    Setting { always: true, default: "standard VGA", device: Some(&DISPLAY), ..hardware("vga", "Display") },
    Setting { always: true, default: "i440fx", device: Some(&MACHINE), ..hardware("machine", "Machine") },
    Setting {
        always: true,
        default: "LSI 53C895A",
        fields: Some(form::scsihw),
        plain: &["scsihw"],
        ..hardware("scsihw", "SCSI controller")
    },
    Setting {
        add: true,
        live: Live::Hotplug("disk"),
        device: Some(&CD),
        fields: Some(form::cd),
        ..setting(Tab::Hardware, Key::Drive(Drive::Cd), "CD/DVD drive")
    },
    Setting {
        add: true,
        live: Live::Hotplug("disk"),
        device: Some(&CLOUD_DRIVE),
        fields: Some(form::cloud_drive),
        ..setting(Tab::Hardware, Key::Drive(Drive::CloudInit), "Cloud-init drive")
    },
    Setting {
        add: true,
        live: Live::Hotplug("disk"),
        device: Some(&DISK),
        ..setting(Tab::Hardware, Key::Drive(Drive::Disk), "Hard disk")
    },
    Setting { live: Live::Hotplug("network"), device: Some(&NIC), ..devices("net", 32, "Network device") },
    Setting { add: true, device: Some(&EFI), ..hardware("efidisk0", "EFI disk") },
    Setting { add: true, device: Some(&TPM), ..hardware("tpmstate0", "TPM state") },
    Setting { live: Live::Hotplug("usb"), device: Some(&USB), ..devices("usb", 14, "USB device") },
    Setting { device: Some(&PCI), ..devices("hostpci", 16, "PCI device") },
    Setting { device: Some(&SERIAL), ..devices("serial", 4, "Serial port") },
    Setting { root: true, device: Some(&PARALLEL), ..devices("parallel", 3, "Parallel port") },
    Setting { add: true, device: Some(&AUDIO), ..hardware("audio0", "Audio device") },
    Setting { add: true, device: Some(&RNG), ..hardware("rng0", "VirtIO RNG") },
    Setting { device: Some(&VIRTIOFS), ..devices("virtiofs", 10, "Virtiofs") },
    Setting { add: true, device: Some(&WATCHDOG), ..hardware("watchdog", "Watchdog") },
    hardware("ivshmem", "Shared memory"),
    Setting { root: true, ..hardware("hugepages", "Huge pages") },
    hardware("keephugepages", "Keep huge pages"),
    Setting { add: false, ..devices("numa", 8, "NUMA node") },
    Setting { add: false, live: Live::Now, fixed: true, ..devices("unused", 256, "Unused disk") },
    Setting { default: "the image's own", fields: Some(form::ci_user), plain: &["ciuser"], ..ci("ciuser", "User") },
    Setting { default: "none", fields: Some(form::ci_password), ..ci("cipassword", "Password") },
    Setting {
        default: "the node's",
        fields: Some(form::searchdomain),
        plain: &["searchdomain"],
        ..ci("searchdomain", "DNS domain")
    },
    Setting {
        default: "the node's",
        fields: Some(form::nameserver),
        plain: &["nameserver"],
        ..ci("nameserver", "DNS servers")
    },
    Setting {
        default: "none",
        fields: Some(form::ssh_keys),
        read: Some(form::read_keys),
        write: Some(form::write_keys),
        ..ci("sshkeys", "SSH public keys")
    },
    Setting {
        default: "yes",
        fields: Some(form::ci_upgrade),
        plain: &["ciupgrade"],
        ..ci("ciupgrade", "Upgrade packages")
    },
    Setting {
        default: "DHCP",
        live: Live::Hotplug("cloudinit"),
        device: Some(&IPCONFIG),
        ..setting(Tab::CloudInit, Key::Numbered("ipconfig", 32), "IP config")
    },
    Setting {
        default: "by the guest system",
        fields: Some(form::ci_type),
        plain: &["citype"],
        ..ci("citype", "Format")
    },
    Setting { always: false, ..ci("cicustom", "Own files") },
    Setting { live: Live::Now, default: "none", fields: Some(form::name), plain: &["name"], ..option("name", "Name") },
    Setting { live: Live::Now, default: "none", fields: Some(form::tags), plain: &["tags"], ..option("tags", "Tags") },
    Setting { live: Live::Now, default: "none", ..option("description", "Notes") },
    Setting {
        live: Live::Now,
        default: "no",
        fields: Some(form::onboot),
        plain: &["onboot"],
        ..option("onboot", "Start at boot")
    },
    Setting {
        live: Live::Now,
        default: "any order",
        device: Some(&STARTUP),
        ..option("startup", "Start/shutdown order")
    },
    Setting { default: "other", fields: Some(form::ostype), plain: &["ostype"], ..option("ostype", "OS type") },
    Setting { default: "first disk, CD, network", device: Some(&BOOT), ..option("boot", "Boot order") },
    Setting {
        live: Live::Hotplug("usb"),
        default: "yes",
        fields: Some(form::tablet),
        plain: &["tablet"],
        ..option("tablet", "Tablet pointer")
    },
    Setting { live: Live::Now, default: "network,disk,usb", device: Some(&HOTPLUG), ..option("hotplug", "Hotplug") },
    Setting { default: "yes", fields: Some(form::acpi), plain: &["acpi"], ..option("acpi", "ACPI") },
    Setting { default: "yes", fields: Some(form::kvm), plain: &["kvm"], ..option("kvm", "KVM") },
    Setting { default: "no", fields: Some(form::freeze), plain: &["freeze"], ..option("freeze", "Freeze at start") },
    Setting {
        default: "by the OS type",
        fields: Some(form::localtime),
        plain: &["localtime"],
        ..option("localtime", "Local time")
    },
    Setting {
        default: "now",
        fields: Some(form::startdate),
        plain: &["startdate"],
        ..option("startdate", "Clock at start")
    },
    Setting { default: "made by the server", device: Some(&SMBIOS), ..option("smbios1", "SMBIOS") },
    Setting { default: "no", device: Some(&AGENT), ..option("agent", "Guest agent") },
    Setting {
        live: Live::Now,
        default: "no",
        fields: Some(form::protection),
        plain: &["protection"],
        ..option("protection", "Protection")
    },
    Setting { default: "none", device: Some(&security::SPICE), ..option("spice_enhancements", "SPICE enhancements") },
    Setting {
        live: Live::Now,
        default: "automatic",
        fields: Some(form::statestorage),
        plain: &["vmstatestorage"],
        ..option("vmstatestorage", "State storage")
    },
    Setting { default: "off", device: Some(&security::SEV), ..option("amd-sev", "AMD SEV") },
    Setting { default: "off", device: Some(&security::TDX), ..option("intel-tdx", "Intel TDX") },
    Setting {
        live: Live::Now,
        root: true,
        default: "none",
        fields: Some(form::hookscript),
        plain: &["hookscript"],
        ..option("hookscript", "Hook script")
    },
    Setting {
        default: "default",
        fields: Some(form::keyboard),
        plain: &["keyboard"],
        ..option("keyboard", "VNC keyboard")
    },
    Setting { root: true, ..other("args", "QEMU arguments") },
    other("arch", "Architecture"),
    other("autostart", "Start after a crash"),
    other("reboot", "Reboot allowed"),
    other("tdf", "Time drift fix"),
    other("bootdisk", "Boot disk (old)"),
    Setting { live: Live::Now, ..other("migrate_downtime", "Migration downtime") },
    Setting { live: Live::Now, ..other("migrate_speed", "Migration speed") },
    other("vmgenid", "VM generation id"),
    Setting { fixed: true, ..other("template", "Template") },
    Setting { fixed: true, ..other("lock", "Lock") },
    Setting { fixed: true, ..other("meta", "Made by") },
];
