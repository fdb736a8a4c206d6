//! What is read is written back, whatever stands in it.
#![allow(clippy::unwrap_used)]
use proptest::{prelude::*, sample::subsequence};
use serde_json::Value;

use super::{
    Device,
    agent::AGENT,
    audio,
    boot::BOOT,
    cd::CD,
    cloudinit,
    cpu::CPU,
    ct_nic::CT_NIC,
    disk::DISK,
    display::DISPLAY,
    efi::EFI,
    feature::FEATURES,
    hotplug, ipconfig, items, kind,
    machine::MACHINE,
    memory::MEMORY,
    mount::{MOUNT, ROOTFS},
    nic::NIC,
    passthrough::PASSTHROUGH,
    pci, rng, security, serial, smbios,
    startup::STARTUP,
    tpm::TPM,
    usb, virtiofs, watchdog,
};
use crate::ui::Values;

/// A disk on the bus and controller that allow all its options.
fn around(bus: &str) -> Values {
    Values::from_iter([("bus", bus), ("scsihw", "virtio-scsi-single")])
}

/// Reads a text, plainly and into a form, and writes it back unchanged.
fn round(device: &Device, text: &str, around: &Values) -> (String, String) {
    let with = |mut values: Values| {
        values.extend(around.clone());
        values
    };
    let plain = device.to_text(&with(device.from_text(text)), Some(text));
    let form = device.edit(text, around.clone());
    (plain, device.to_text(&with(form.values()), Some(text)))
}

/// The device that a setting describes.
fn device_of(key: &str, text: &str) -> Option<(&'static Device, Values)> {
    let bus = key.trim_end_matches(|c: char| c.is_ascii_digit());
    let device: &Device = match bus {
        "net" if key != bus && text.contains("name=") => &CT_NIC,
        "mp" if key != bus => &MOUNT,
        "rootfs" => &ROOTFS,
        "dev" if key != bus => &PASSTHROUGH,
        "features" => &FEATURES,
        "cpu" if text.parse::<f64>().is_ok() => return None,
        _ => kind::of_vm(key, text)?,
    };
    Some((device, around(bus)))
}

fn walk(value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) => found.push((key.clone(), text.clone())),
                    // Texts with references to other recordings in them.
                    Value::Array(parts) if parts.iter().any(Value::is_string) => {
                        found.push((key.clone(), parts.iter().map(|p| p.as_str().unwrap_or("ref")).collect()));
                    }
                    _ => {}
                }
                walk(value, found);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| walk(value, found)),
        _ => {}
    }
}

#[test]
fn recorded_settings_are_written_back() {
    let Some(folder) = std::env::var_os("PROXMUX_PVE_DATA") else {
        println!("skipped: recorded settings (PROXMUX_PVE_DATA is not set)");
        return;
    };
    let mut settings = Vec::new();
    for file in std::fs::read_dir(std::path::Path::new(&folder).join("recordings")).unwrap().flatten() {
        let whole: Value = serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap();
        walk(&whole, &mut settings);
    }
    let mut read = 0;
    for (key, text) in settings {
        let Some((device, around)) = device_of(&key, &text) else { continue };
        let (plain, form) = round(device, &text, &around);
        assert_eq!((&plain, &form), (&text, &text), "{key}");
        read += 1;
    }
    println!("{read} recorded settings read and written");
    assert!(read > 50, "only {read} settings found");
}

/// Texts of a device: some of these parts, in any order, after a part that must come first.
fn texts(first: &'static [&'static str], parts: &'static [&'static str]) -> impl Strategy<Value = String> {
    let some = subsequence(parts, 0..=parts.len()).prop_shuffle();
    (proptest::sample::select(first), some, "[a-z]{9,12}=[a-zA-Z0-9:/;. -]{1,9}").prop_map(
        |(first, mut some, other)| {
            some.insert(some.len() / 2, &other);
            let all: Vec<&str> = std::iter::once(first).chain(some).filter(|part| !part.is_empty()).collect();
            all.join(",")
        },
    )
}

const DISK_FIRST: &[&str] =
    &["local:100/vm-100-disk-0.qcow2", "file=nas:1/x.raw", "volume=a:b", "local-lvm:32", "local:0,import-from=/a/b"];
const DISK_PARTS: &[&str] = &[
    "format=raw",
    "cache=none",
    "cache=writeback",
    "discard=on",
    "iothread=1",
    "iothread=0",
    "ssd=on",
    "ro=1",
    "backup=no",
    "backup=1",
    "replicate=0",
    "aio=native",
    "mbps_rd=1.50",
    "iops_wr_max=07",
    "serial=A%20B",
    "size=4G",
    "wwn=0x0123456789abcdef",
];
const NIC_FIRST: &[&str] =
    &["virtio", "virtio=BC:24:11:00:00:01", "model=e1000,macaddr=BC:24:11:00:00:01", "vmxnet3=bc:24:11:00:00:01"];
const NIC_PARTS: &[&str] =
    &["bridge=vmbr0", "firewall=yes", "tag=10", "link_down=0", "mtu=1", "rate=1.5", "queues=0", "trunks=1;2-5"];

const CT_NIC_PARTS: &[&str] = &[
    "bridge=vmbr0",
    "firewall=yes",
    "gw=10.0.0.1",
    "gw6=fe80::1",
    "hwaddr=bc:24:11:00:00:01",
    "ip=10.0.0.5/24",
    "ip6=auto",
    "tag=10",
    "link_down=0",
    "mtu=1400",
    "rate=1.50",
    "trunks=1;2",
    "host-managed=on",
    "type=veth",
];
const VOLUME_FIRST: &[&str] =
    &["local:200/vm-200-disk-0.raw", "volume=a:b", "local-lvm:32", "local-lvm:1.5", "/mnt/a=b/c", "/dev/sdb"];
const VOLUME_PARTS: &[&str] = &[
    "mp=/data/",
    "size=4G",
    "backup=yes",
    "backup=0",
    "ro=1",
    "acl=on",
    "quota=1",
    "replicate=0",
    "shared=1",
    "mountoptions=noatime;discard",
    "idmap=u:0:100000:65536;g:0:100000:65536",
    "keepattrs=0",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn disks(text in texts(DISK_FIRST, DISK_PARTS), bus in "scsi|virtio|sata|ide") {
        let (plain, form) = round(&DISK, &text, &around(&bus));
        prop_assert_eq!((&plain, &form), (&text, &text));
    }

    #[test]
    fn nics(text in texts(NIC_FIRST, NIC_PARTS)) {
        let (plain, form) = round(&NIC, &text, &Values::default());
        prop_assert_eq!((&plain, &form), (&text, &text));
    }

    #[test]
    fn of_containers(
        nic in texts(&["name=eth0", ""], CT_NIC_PARTS), root in texts(VOLUME_FIRST, VOLUME_PARTS),
        mount in texts(VOLUME_FIRST, VOLUME_PARTS),
        features in texts(&["", "nesting=1"], &["keyctl=on", "fuse=0", "mknod=yes", "force_rw_sys=1", "mount=nfs;cifs"]),
        dev in texts(&["/dev/kvm", "path=/dev/a"], &["uid=0", "gid=104", "mode=0660", "deny-write=true"]),
    ) {
        for (device, text) in
            [(&CT_NIC, nic), (&ROOTFS, root), (&MOUNT, mount), (&FEATURES, features), (&PASSTHROUGH, dev)]
        {
            let (plain, form) = round(device, &text, &Values::default());
            prop_assert_eq!((&plain, &form), (&text, &text));
        }
    }

    #[test]
    fn the_rest(
        cd in texts(&["none", "cdrom", "file=local:iso/a.iso", "local:iso/a.iso"], &["media=cdrom", "size=1K"]),
        efi in texts(&["a:100/x.raw", "file=a:1", "a:1"], &["efitype=2m", "pre-enrolled-keys=1", "format=raw", "size=528K"]),
        tpm in texts(&["a:100/x.raw", "a:1"], &["version=v1.2", "size=4M", "format=raw"]),
        cpu in texts(&["host", "cputype=kvm64", ""], &["flags=+aes;-pcid", "flags=odd;+x", "hidden=1", "phys-bits=host"]),
        vga in texts(&["std", "type=qxl", "", "serial0"], &["memory=32", "clipboard=vnc"]),
        agent in texts(&["1", "enabled=0", "0"], &["fstrim_cloned_disks=1", "type=isa", "freeze-fs=0", "guest-fsfreeze=1"]),
        machine in texts(&["q35", "type=pc-q35-9.2+pve1", ""], &["viommu=intel", "aw-bits=48"]),
        startup in texts(&["order=2", "2", ""], &["up=30", "down=60"]),
        boot in texts(&["order=scsi0;ide2", "cdn", "legacy=cd", ""], &[]),
        memory in texts(&["2048", "current=512"], &[]),
    ) {
        for (device, text) in [
            (&CD, cd), (&EFI, efi), (&TPM, tpm), (&CPU, cpu), (&DISPLAY, vga), (&AGENT, agent), (&MACHINE, machine),
            (&STARTUP, startup), (&BOOT, boot), (&MEMORY, memory),
        ] {
            let (plain, form) = round(device, &text, &Values::default());
            prop_assert_eq!((&plain, &form), (&text, &text));
        }
    }

    #[test]
    fn passed_on_and_virtual(
        usb in texts(&["host=1a86:55d4", "spice", "1-2.4", "mapping=a", "host=SPICE", "mapping=a,host=spice", ""], &["usb3=1", "usb3=no"]),
        pci in texts(
            &["0000:01:00.0", "01:00", "host=0000:01:00.0;0000:02:00.0", "mapping=gpu", ""],
            &["pcie=on", "rombar=0", "x-vga=1", "mdev=nvidia-63", "legacy-igd=0", "romfile=a.bin", "vendor-id=0x10DE", "driver=keep"],
        ),
        serial in texts(&["socket", "/dev/ttyS0", ""], &[]),
        parallel in texts(&["/dev/parport0", ""], &[]),
        audio in texts(&["device=AC97", ""], &["driver=none"]),
        rng in texts(&["source=/dev/random", "/dev/urandom", ""], &["max_bytes=0", "period=007"]),
        fs in texts(&["share", "dirid=share", ""], &["cache=never", "direct-io=1", "expose-acl=0", "expose-xattr=yes"]),
        watchdog in texts(&["i6300esb", "model=ib700", ""], &["action=none"]),
        ip in texts(&["ip=dhcp", "ip=10.0.0.5/24", "", "ip="], &["gw=10.0.0.1", "ip6=auto", "gw6=fe80::1"]),
        cloud in texts(&["nas:cloudinit", "file=nas:cloudinit", "nas:103/vm-103-cloudinit.qcow2"], &["media=cdrom", "size=4M"]),
        hotplug in texts(&["0", "1", "disk,usb", "usb;disk", ""], &[]),
        smbios in texts(&["uuid=0d2a39a2-5be0-4a04-a4f6-3fd3cdd1bcd5", ""], &["base64=1", "serial=QQ==", "sku=?", "family=a b"]),
        sev in texts(&["std", "type=snp", ""], &["no-debug=1", "allow-smt=0", "no-key-sharing=1", "kernel-hashes=0"]),
        tdx in texts(&["tdx", "type=tdx"], &["attestation=0", "vsock-cid=3", "vsock-port=1"]),
        spice in texts(&["foldersharing=1", ""], &["videostreaming=all"]),
    ) {
        for (device, text) in [
            (&usb::USB, usb), (&pci::PCI, pci), (&serial::SERIAL, serial), (&serial::PARALLEL, parallel), (&audio::AUDIO, audio),
            (&rng::RNG, rng), (&virtiofs::VIRTIOFS, fs), (&watchdog::WATCHDOG, watchdog), (&ipconfig::IPCONFIG, ip),
            (&cloudinit::CLOUD_DRIVE, cloud), (&hotplug::HOTPLUG, hotplug), (&smbios::SMBIOS, smbios),
            (&security::SEV, sev), (&security::TDX, tdx), (&security::SPICE, spice),
        ] {
            let (plain, form) = round(device, &text, &Values::default());
            prop_assert_eq!((&plain, &form), (&text, &text));
        }
    }

    /// What a form makes reads back as what was typed, and an edit touches only its own key.
    #[test]
    fn typed_values_read_back(
        size in "[1-9][0-9]{0,2}(\\.[1-9])?", cache in "(none|writeback)?", discard in "(on)?", io in "0|1", ssd in "0|1",
        backup in "0|1", limit in "([1-9][0-9]?(\\.[1-9])?)?", tag in "([1-9][0-9]{0,2})?", fire in "0|1",
        mac in "(02:24:11:00:00:0[0-9a-f])?", model in "virtio|e1000", on in "(aes(,pcid)?)?", off in "(ssbd)?",
        other in "[a-z]{9,12}=[a-z;]{1,5}",
    ) {
        let mut disk = around("scsi");
        for (key, value) in [("storage", "local-lvm"), ("size", &size), ("cache", &cache), ("discard", &discard),
            ("iothread", &io), ("ssd", &ssd), ("backup", &backup), ("mbps_rd", &limit)] {
            disk.set(key, value);
        }
        let nic = Values::from_iter([("model", &*model), ("macaddr", &mac), ("bridge", "vmbr0"), ("tag", &tag), ("firewall", &fire)]);
        let cpu = Values::from_iter([("cpu.type", "host"), ("cpu.on", &on), ("cpu.off", &off)]);
        for (device, typed) in [(&DISK, disk), (&NIC, nic), (&CPU, cpu)] {
            let text = device.to_text(&typed, None);
            let read = device.from_text(&text);
            for (key, value) in typed.iter().filter(|(key, _)| !matches!(*key, "bus" | "scsihw")) {
                prop_assert_eq!(read.get(key), value, "{} in {}", key, text);
            }
            // The same into a text that has something else in it.
            let with = format!("{text},{other}");
            prop_assert_eq!(device.to_text(&typed, Some(&with)), with.clone());
            let mut edited = typed.clone();
            let (key, value) = if typed.contains("tag") { ("tag", "77") } else { ("cache", "unsafe") };
            edited.set(key, value);
            let (after, kept) = (device.to_text(&edited, Some(&with)), format!(",{other}"));
            prop_assert!(after.contains(&kept), "{}", after);
        }
    }
}

#[test]
fn items_have_bare_keys() {
    let values = Values::from_iter([("disk0.bus", "scsi"), ("disk1.bus", "ide"), ("disk1.size", "4"), ("disk", "x")]);
    let disks = items(&values, "disk");
    assert_eq!((disks.len(), disks[0].get("bus"), disks[1].get("size")), (2, "scsi", "4"));
}
