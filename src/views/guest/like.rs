//! Create a guest like another one: its settings as values of the wizards. What only one guest can have is not among
//! them: id, name, MAC and fixed addresses, volumes. Disks are new ones of the same size on the same storage.

use super::action::Targets;
use crate::{
    api::{
        ApiError,
        guest::{self, Config, Which},
        ids::{GuestKind, GuestRef},
        property::Properties,
    },
    shell::{Command, Cx, dialog, needs},
    ui::Values,
    views::ct::create::CreateCt,
    views::device::{
        Device, agent::AGENT, cloudinit, cpu, ct_nic::CT_NIC, ct_resource, disk::DISK, display::DISPLAY, efi::EFI,
        feature::FEATURES, ipconfig::IPCONFIG, kind, machine::MACHINE, mount, nic::NIC, slot, startup::STARTUP,
        tpm::TPM,
    },
    views::vm::create::CreateVm,
};

/// Fields of a wizard with their values, in the order in which they are to be filled in.
type Fields = Vec<(String, String)>;

/// Asks for the guest's settings and fills the wizard in.
pub fn ask<M: Send + 'static>(guest: &GuestRef, fields: fn(&Config) -> Fields, cx: &mut Cx<'_, dialog::Msg<M>>) {
    let label = guest.vmid;
    cx.send(guest::config(guest, &Which::Current), move |answer| {
        let filled = answer.map(|config| fields(&config));
        let why = |error: ApiError| format!("{label} can't be read: {}", error.explained());
        dialog::Msg::<M>::Fill(filled.map_err(why))
    });
}

/// The command for a view with guests.
pub const fn command<V: Targets>() -> Command<V> {
    Command {
        id: "guest.like",
        keys: "=",
        title: "Create one like it",
        footer: false,
        ready: |view, store| needs(view.targets(store).len() == 1, "choose one guest"),
        run: |view, cx| {
            if cx.refuses_changes() {
                return;
            }
            let store = cx.store();
            let Some(guest) = view.targets(store).first().map(|guest| guest.reference()) else { return };
            match guest.kind {
                GuestKind::Vm => cx.open(CreateVm::new(store, None, Some(guest))),
                GuestKind::Ct => cx.open(CreateCt::new(store, None, Some(guest))),
            }
        },
    }
}

/// `32G` in GiB, as the forms have it.
fn gib(size: &str) -> String {
    let digits = size.trim_end_matches(|c: char| !c.is_ascii_digit());
    let Ok(number) = digits.parse::<f64>() else { return String::new() };
    let gib = match &size[digits.len()..] {
        "T" => number * 1024.0,
        "M" => number / 1024.0,
        "K" => number / f64::from(1 << 20),
        "" => number / f64::from(1 << 30),
        _ => number,
    };
    let rounded = (gib * 1000.0).round() / 1000.0;
    rounded.to_string()
}

/// The storage of a volume.
fn storage(text: &str) -> String {
    let file = Properties::parse(text);
    let file = file.default_key("file").or_else(|| file.get("volume")).unwrap_or_default().to_owned();
    file.split_once(':').map_or_else(String::new, |(storage, _)| storage.to_owned())
}

fn put(fields: &mut Fields, prefix: &str, values: &Values, leave: &[&str]) {
    let wanted = values.iter().filter(|(key, value)| !value.is_empty() && !leave.contains(key));
    fields.extend(wanted.map(|(key, value)| (format!("{prefix}{key}"), value.to_owned())));
}

fn device(fields: &mut Fields, config: &Config, key: &str, device: &Device, leave: &[&str]) {
    if let Some(text) = config.get(key) {
        put(fields, "", &device.from_text(text), leave);
    }
}

fn plain(fields: &mut Fields, config: &Config, keys: &[&str]) {
    fields.extend(keys.iter().filter_map(|key| Some(((*key).to_owned(), config.get(key)?.to_owned()))));
}

fn add(fields: &mut Fields, key: &str, value: impl Into<String>) {
    fields.push((key.to_owned(), value.into()));
}

/// The bus and the number of a drive: `scsi1`.
fn place(key: &str) -> Option<(&'static str, u32)> {
    let bus = slot::BUSES.into_iter().find(|bus| key.starts_with(bus))?;
    Some((bus, key[bus.len()..].parse().ok()?))
}

/// What a setting of a VM that is not there means to the server, where the wizard proposes something else: the setting,
/// the field, its value.
const OF_VM: [(&str, &str, &str); 7] = [
    ("ostype", "ostype", "other"),
    ("bios", "bios", "seabios"),
    ("scsihw", "scsihw", ""),
    ("machine", "machine.type", ""),
    ("agent", "agent.enabled", "0"),
    ("cpu", "cpu.type", ""),
    ("memory", "memory", "512"),
];

/// The same for containers.
const OF_CT: [(&str, &str, &str); 2] = [("memory", "memory", "512"), ("swap", "swap", "512")];

fn absent(fields: &mut Fields, config: &Config, meanings: &[(&str, &str, &str)]) {
    let missing = meanings.iter().filter(|(setting, ..)| config.get(setting).is_none());
    missing.for_each(|(_, field, value)| add(fields, field, *value));
}

/// The values of the wizard for VMs.
pub fn of_vm(config: &Config) -> Fields {
    let mut fields = vec![];
    absent(&mut fields, config, &OF_VM);
    plain(&mut fields, config, &["arch", "ostype", "bios", "scsihw", "tags", "onboot", "numa"]);
    device(&mut fields, config, "machine", &MACHINE, &[]);
    device(&mut fields, config, "vga", &DISPLAY, &[]);
    device(&mut fields, config, "agent", &AGENT, &[]);
    device(&mut fields, config, "cpu", &cpu::CPU, &[]);
    device(&mut fields, config, "startup", &STARTUP, &[]);
    plain(&mut fields, config, &cpu::PLAIN);
    plain(&mut fields, config, &["memory", "shares"]);
    match config.get("balloon") {
        Some("0") => add(&mut fields, "ballooning", "0"),
        Some(least) => add(&mut fields, "balloon", least),
        None => {}
    }
    if config.get("allow-ksm") == Some("0") {
        add(&mut fields, "ksm", "0");
    }
    let small = [("efidisk0", "efi.add", "efi.storage", &EFI), ("tpmstate0", "tpm.add", "tpm.storage", &TPM)];
    for (key, there, place, kind) in small {
        let text = config.get(key);
        add(&mut fields, there, if text.is_some() { "1" } else { "0" });
        if let Some(text) = text {
            add(&mut fields, place, storage(text));
            put(&mut fields, "", &kind.from_text(text), &[there, place, "efi.volume", "tpm.volume"]);
        }
    }
    let mut drives: Vec<_> =
        config.values.iter().filter_map(|(key, text)| Some((place(key)?, key.as_str(), text.as_str()))).collect();
    drives.sort_unstable();
    let mut disks = 0;
    for ((bus, _), key, text) in drives {
        if cloudinit::is_drive(text) {
            add(&mut fields, "ci.add", "1");
            add(&mut fields, "ci.storage", storage(text));
        } else if Properties::parse(text).get("media") == Some("cdrom") {
            if key == "ide2" {
                put(&mut fields, "", &kind::of_vm(key, text).map_or_else(Values::default, |d| d.from_text(text)), &[]);
            }
        } else {
            let prefix = format!("disk{disks}.");
            add(&mut fields, &format!("{prefix}bus"), bus);
            add(&mut fields, &format!("{prefix}storage"), storage(text));
            add(&mut fields, &format!("{prefix}size"), gib(Properties::parse(text).get("size").unwrap_or("")));
            let leave = ["volume", "storage", "size", "import"];
            put(&mut fields, &prefix, &DISK.from_text(text), &leave);
            disks += 1;
        }
    }
    for (n, (_, text)) in config.numbered("net").into_iter().enumerate() {
        put(&mut fields, &format!("net{n}."), &NIC.from_text(text), &["macaddr"]);
    }
    if fields.iter().any(|(key, _)| key == "ci.add") {
        plain(&mut fields, config, &["ciuser", "searchdomain", "nameserver", "ciupgrade", "citype", "cicustom"]);
        if let Some(keys) = config.get("sshkeys") {
            add(&mut fields, "sshkeys", cloudinit::decoded(keys).trim());
        }
        for (n, (_, text)) in config.numbered("ipconfig").into_iter().enumerate() {
            addresses(&mut fields, &format!("ipconfig{n}."), &IPCONFIG.from_text(text));
        }
    }
    fields
}

/// Fixed addresses belong to one guest; that they are given out by a server does not.
fn addresses(fields: &mut Fields, prefix: &str, values: &Values) {
    for key in ["ipv4", "ipv6"] {
        let how = values.get(key);
        if !how.is_empty() && how != "static" {
            add(fields, &format!("{prefix}{key}"), how);
        }
    }
}

/// The values of the wizard for containers. The template that it was made of is not known any more.
pub fn of_ct(config: &Config) -> Fields {
    let mut fields = vec![];
    absent(&mut fields, config, &OF_CT);
    add(&mut fields, "unprivileged", config.get("unprivileged").unwrap_or("0"));
    put(&mut fields, "", &FEATURES.from_text(config.get("features").unwrap_or_default()), &[]);
    plain(&mut fields, config, &["tags", "onboot", "arch", "protection", "timezone", "description"]);
    plain(&mut fields, config, &ct_resource::CPU);
    plain(&mut fields, config, &ct_resource::MEMORY);
    plain(&mut fields, config, &["searchdomain", "nameserver"]);
    device(&mut fields, config, "startup", &STARTUP, &[]);
    let volume = |fields: &mut Fields, prefix: &str, text: &str, device: &Device| {
        let values = device.from_text(text);
        if values.get("source") != "bind" {
            add(fields, &format!("{prefix}storage"), storage(text));
            add(fields, &format!("{prefix}size"), gib(Properties::parse(text).get("size").unwrap_or("")));
        }
        put(fields, prefix, &values, &["volume", "storage", "size"]);
    };
    if let Some(text) = config.get("rootfs") {
        volume(&mut fields, "rootfs0.", text, &mount::ROOTFS);
    }
    for (n, (_, text)) in config.numbered("mp").into_iter().enumerate() {
        volume(&mut fields, &format!("mp{n}."), text, &mount::MOUNT);
    }
    for (n, (_, text)) in config.numbered("net").into_iter().enumerate() {
        let (prefix, values) = (format!("net{n}."), CT_NIC.from_text(text));
        let leave = ["hwaddr", "name", "ip", "ip6", "gw", "gw6", "ipv4", "ipv6"];
        put(&mut fields, &prefix, &values, &leave);
        addresses(&mut fields, &prefix, &values);
    }
    fields
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn get<'f>(fields: &'f Fields, key: &str) -> Option<&'f str> {
        fields.iter().rev().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    #[test]
    fn a_vm_becomes_fields() {
        let config: Config = serde_json::from_value(serde_json::json!({
            "digest": "d", "name": "web", "cores": 4, "memory": "8192", "balloon": 0, "bios": "ovmf", "ostype": "l26",
            "efidisk0": "local-lvm:vm-100-disk-0,efitype=4m,size=4M", "scsihw": "virtio-scsi-single",
            "scsi0": "local-lvm:vm-100-disk-1,discard=on,size=32G", "virtio3": "nas:100/x.qcow2,size=512M",
            "ide2": "none,media=cdrom", "ide0": "local-lvm:vm-100-cloudinit,media=cdrom",
            "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr1,tag=20", "ipconfig0": "ip=10.0.0.5/24,gw=10.0.0.1,ip6=auto"
        }))
        .unwrap();
        let fields = of_vm(&config);
        for (key, value) in [
            ("cores", "4"),
            ("cpu.type", ""),
            ("machine.type", ""),
            ("ballooning", "0"),
            ("efi.add", "1"),
            ("efi.storage", "local-lvm"),
            ("tpm.add", "0"),
            ("disk0.bus", "scsi"),
            ("disk0.storage", "local-lvm"),
            ("disk0.size", "32"),
            ("disk0.discard", "on"),
            ("disk1.bus", "virtio"),
            ("disk1.size", "0.5"),
            ("net0.bridge", "vmbr1"),
            ("net0.tag", "20"),
            ("ci.add", "1"),
            ("ci.storage", "local-lvm"),
            ("ipconfig0.ipv6", "auto"),
        ] {
            assert_eq!(get(&fields, key), Some(value), "{key}");
        }
        for key in ["name", "net0.macaddr", "ipconfig0.ip", "ipconfig0.ipv4", "disk0.volume", "digest"] {
            assert_eq!(get(&fields, key), None, "{key}");
        }
    }

    #[test]
    fn sizes_in_gib() {
        let all = ["32G", "1T", "512M", "4194304K", "1073741824", "x"].map(gib);
        assert_eq!(all, ["32", "1024", "0.5", "4", "1", ""]);
    }
}
