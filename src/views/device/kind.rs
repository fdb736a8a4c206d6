//! The kinds of devices that a VM can have: what their settings are called, how many there can be, and which form they
//! have. Editors and menus are made from this table.

use super::{
    Device, Properties, agent, audio, boot, cd, cloudinit, cpu, disk, display, efi, hotplug, ipconfig, machine, memory,
    nic, pci, rng, security, serial, slot, smbios, startup, tpm, usb, virtiofs, watchdog,
};

/// A kind of setting with a form.
pub struct Kind {
    /// What the setting is called, without its number.
    pub prefix: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// How many there can be. 0: the setting has no number, there is one or none.
    pub room: usize,
    /// Users add it as a device; others are always there (processors) or belong to something else (cloud-init addresses).
    pub is_added: bool,
    /// Its form and its text.
    pub device: &'static Device,
}

const fn kind(prefix: &'static str, title: &'static str, room: usize, is_added: bool, device: &'static Device) -> Kind {
    Kind { prefix, title, room, is_added, device }
}

/// Kinds of settings of VMs. The four buses of disks stand for hard disks here; [`of_vm`] tells drives apart.
pub const KINDS: &[Kind] = &[
    kind("scsi", "Hard disk", 31, true, &disk::DISK),
    kind("virtio", "Hard disk", 16, true, &disk::DISK),
    kind("sata", "Hard disk", 6, true, &disk::DISK),
    kind("ide", "Hard disk", 4, true, &disk::DISK),
    kind("net", "Network device", 32, true, &nic::NIC),
    kind("efidisk0", "EFI disk", 0, true, &efi::EFI),
    kind("tpmstate0", "TPM state", 0, true, &tpm::TPM),
    kind("usb", "USB device", 14, true, &usb::USB),
    kind("hostpci", "PCI device", 16, true, &pci::PCI),
    kind("serial", "Serial port", 4, true, &serial::SERIAL),
    kind("parallel", "Parallel port", 3, true, &serial::PARALLEL),
    kind("audio0", "Audio device", 0, true, &audio::AUDIO),
    kind("rng0", "VirtIO RNG", 0, true, &rng::RNG),
    kind("virtiofs", "Virtiofs", 10, true, &virtiofs::VIRTIOFS),
    kind("watchdog", "Watchdog", 0, true, &watchdog::WATCHDOG),
    kind("ipconfig", "IP config", 32, false, &ipconfig::IPCONFIG),
    kind("cpu", "Processor type", 0, false, &cpu::CPU),
    kind("memory", "Memory", 0, false, &memory::MEMORY),
    kind("vga", "Display", 0, false, &display::DISPLAY),
    kind("machine", "Machine", 0, false, &machine::MACHINE),
    kind("agent", "QEMU guest agent", 0, false, &agent::AGENT),
    kind("boot", "Boot order", 0, false, &boot::BOOT),
    kind("startup", "Start/shutdown order", 0, false, &startup::STARTUP),
    kind("hotplug", "Hotplug", 0, false, &hotplug::HOTPLUG),
    kind("smbios1", "SMBIOS settings", 0, false, &smbios::SMBIOS),
    kind("spice_enhancements", "SPICE enhancements", 0, false, &security::SPICE),
    kind("amd-sev", "AMD SEV", 0, false, &security::SEV),
    kind("intel-tdx", "Intel TDX", 0, false, &security::TDX),
];

impl Kind {
    /// True when this is the kind of a setting: `usb0` of USB devices, `vga` of displays.
    pub fn has(&self, key: &str) -> bool {
        match key.strip_prefix(self.prefix) {
            Some("") => self.room == 0,
            Some(number) => {
                self.room > 0 && number.parse().is_ok_and(|n: usize| n < self.room && n.to_string() == number)
            }
            None => false,
        }
    }

    /// The setting that the next device of this kind gets, among those that there are.
    pub fn next<'k>(&self, taken: impl Iterator<Item = &'k str> + Clone) -> Option<String> {
        let mut names = match self.room {
            0 => vec![self.prefix.to_owned()],
            room => (0..room).map(|n| format!("{}{n}", self.prefix)).collect(),
        }
        .into_iter();
        names.find(|name| taken.clone().all(|key| key != name))
    }
}

/// The kind of a VM's setting.
pub fn of_key(key: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.has(key))
}

/// The device that a setting of a VM describes, where there is a form for it: drives are told apart by their text.
pub fn of_vm(key: &str, text: &str) -> Option<&'static Device> {
    let kind = of_key(key)?;
    let is_disk = slot::BUSES.contains(&kind.prefix);
    if is_disk && cloudinit::is_drive(text) {
        return Some(&cloudinit::CLOUD_DRIVE);
    }
    if is_disk && Properties::parse(text).get("media") == Some("cdrom") {
        return Some(&cd::CD);
    }
    Some(kind.device)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ui::Form;

    #[test]
    fn settings_have_their_kinds() {
        let title = |key: &str| of_key(key).map_or("", |kind| kind.title);
        assert_eq!((title("usb3"), title("usb14"), title("usb"), title("usb01")), ("USB device", "", "", ""));
        assert_eq!(
            (title("vga"), title("vga0"), title("scsihw"), title("net31")),
            ("Display", "", "", "Network device")
        );
        let field = |key: &str, text: &str, field: &str| (of_vm(key, text).unwrap().fields)(Form::new()).has(field);
        assert!(field("ide2", "local:iso/x.iso,media=cdrom", "cd.source"));
        assert!(field("ide2", "local:103/vm-103-cloudinit.qcow2,media=cdrom", "ci.storage"));
        assert!(field("scsi30", "local:100/x.raw", "cache") && of_vm("scsi31", "").is_none());
        let usb = of_key("usb0").unwrap();
        assert_eq!(usb.next(["usb0", "net0", "usb2"].into_iter()).as_deref(), Some("usb1"));
        assert_eq!(of_key("audio0").unwrap().next(["audio0"].into_iter()), None);
    }
}
