//! Calls as the forms of wizards and editors make them, with many combinations of their options.

use proxmux::api::{
    Wire,
    guest::{self, param},
    ids::{GuestKind, GuestRef, VmId},
};
use proxmux::ui::{Choice, Form};
use proxmux::views::{
    ct::create as ct_create,
    device::kind,
    vm::create::{form, request},
};

/// The create wizard's calls with many combinations of options, made by its own form.
pub fn wizard_calls() -> Vec<Wire> {
    const OPTIONS: &[(&str, &[&str])] = &[
        ("ostype", &["l26", "win11", "win10", "wxp", "other", "l24", "solaris", "win7", "w2k8"]),
        ("arch", &["", "", "", "x86_64", "aarch64"]),
        ("cd.source", &["iso", "physical", "none"]),
        ("cd.image", &["", "nas:iso/debian.iso"]),
        ("drivers", &["", "nas:iso/virtio.iso"]),
        ("bios", &["seabios", "ovmf"]),
        ("efi.add", &["1", "0"]),
        ("efi.storage", &["nas", "ceph"]),
        ("efi.format", &["qcow2", "raw", ""]),
        ("efi.keys", &["1", "0"]),
        ("efi.type", &["4m", "2m", ""]),
        ("tpm.add", &["0", "1"]),
        ("tpm.version", &["v2.0", "v1.2"]),
        ("tpm.format", &["qcow2", "raw", ""]),
        ("efi.certs", &["", "2011", "2023", "2023w", "2023k"]),
        ("machine.type", &["", "pc", "q35", "pc-q35-9.2+pve1"]),
        ("machine.viommu", &["", "virtio", "intel"]),
        ("scsihw", &["virtio-scsi-single", "virtio-scsi-pci", "lsi", "lsi53c810", "megasas", "pvscsi", ""]),
        ("agent.enabled", &["0", "1"]),
        ("agent.fstrim", &["0", "1"]),
        ("agent.freeze", &["1", "0"]),
        ("agent.type", &["", "isa"]),
        ("vga.type", &["", "std", "qxl4", "serial0", "virtio-gl", "none", "cirrus", "vmware"]),
        ("vga.memory", &["", "64"]),
        ("vga.clipboard", &["", "vnc"]),
        ("disk0.bus", &["scsi", "virtio", "sata", "ide"]),
        ("disk0.storage", &["nas", "ceph"]),
        ("disk0.size", &["32", "0.5"]),
        ("disk0.import", &["", "", "nas:import/x.qcow2", "nas:import/x.ova/x.vmdk"]),
        ("import-working-storage", &["", "nas"]),
        ("disk0.format", &["qcow2", "raw", "vmdk", ""]),
        ("disk0.cache", &["", "none", "writeback", "writethrough", "directsync", "unsafe"]),
        ("disk0.discard", &["", "on", "ignore"]),
        ("disk0.iothread", &["1", "0"]),
        ("disk0.number", &["", "3"]),
        ("disk0.ssd", &["0", "1"]),
        ("disk0.ro", &["0", "1"]),
        ("disk0.backup", &["1", "0"]),
        ("disk0.replicate", &["1", "0"]),
        ("disk0.aio", &["", "native", "threads", "io_uring"]),
        ("disk0.mbps_rd", &["", "12.5"]),
        ("disk0.mbps_rd_max", &["", "50"]),
        ("disk0.mbps_wr", &["", "1"]),
        ("disk0.mbps_wr_max", &["", "5"]),
        ("disk0.iops_rd", &["", "100"]),
        ("disk0.iops_rd_max", &["", "200"]),
        ("disk0.iops_wr", &["", "300"]),
        ("disk0.iops_wr_max", &["", "400"]),
        ("disk1.bus", &["virtio", "scsi", "sata", "ide"]),
        ("sockets", &["1", "2"]),
        ("cores", &["1", "4"]),
        ("cpu.type", &["x86-64-v2-AES", "host", "", "EPYC-Genoa"]),
        ("cpu.on", &["", "aes", "aes,pcid"]),
        ("cpu.off", &["", "ssbd"]),
        ("vcpus", &["", "1"]),
        ("cpulimit", &["", "1.5"]),
        ("affinity", &["", "0,4-7"]),
        ("cpuunits", &["", "200"]),
        ("numa", &["0", "1"]),
        ("memory", &["2048", "16384"]),
        ("ballooning", &["1", "0"]),
        ("balloon", &["", "1024"]),
        ("shares", &["", "0", "50000"]),
        ("ksm", &["1", "0"]),
        ("net0.bridge", &["vmbr0", ""]),
        ("net0.model", &["virtio", "e1000", "rtl8139", "vmxnet3", "ne2k_pci", "e1000-82545em"]),
        ("net0.macaddr", &["", "BC:24:11:00:00:01"]),
        ("net0.firewall", &["1", "0"]),
        ("net0.link_down", &["0", "1"]),
        ("net0.mtu", &["", "1", "9000"]),
        ("net0.rate", &["", "2.5"]),
        ("net0.queues", &["", "4"]),
        ("net0.trunks", &["", "10;20-30"]),
        ("ci.add", &["0", "1"]),
        ("ci.storage", &["nas", "ceph"]),
        ("ciuser", &["", "ops"]),
        ("sshkeys", &["", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJcoXPGHXw8lm8o6mCKCWKUfaUcVbzvNJdZVqBnXIoMZ a b"]),
        ("searchdomain", &["", "example.org lan"]),
        ("nameserver", &["", "10.0.0.1, fd00::1"]),
        ("ciupgrade", &["1", "0"]),
        ("citype", &["", "nocloud", "configdrive2", "opennebula"]),
        ("cicustom", &["", "user=local:snippets/u.yaml,network=local:snippets/n.yaml"]),
        ("ipconfig0.ipv4", &["", "dhcp", "static"]),
        ("ipconfig0.ip", &["10.0.0.5/24"]),
        ("ipconfig0.gw", &["", "10.0.0.1"]),
        ("ipconfig0.ipv6", &["", "auto", "dhcp", "static"]),
        ("ipconfig0.ip6", &["fd00::5/64"]),
        ("ipconfig0.gw6", &["", "fe80::1"]),
        ("net1.tag", &["", "4094"]),
        ("onboot", &["0", "1"]),
        ("ha", &["0", "1"]),
        ("start", &["0", "1"]),
        ("startup.order", &["", "2"]),
        ("startup.up", &["", "30"]),
        ("startup.down", &["", "60"]),
        ("tags", &["", "web, prod"]),
        ("name", &["", "web-01.example.com"]),
    ];
    // A small generator, so that every pair of options meets in some call.
    let mut state = 7_u32;
    let mut next = move |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as usize % below
    };
    let mut call = |n: usize| {
        let mut wizard = form::wizard(vec![Choice::new("pve1")], vec![], "pve1");
        for (fact, value) in
            [("kind.nas", "nfs"), ("kind.ceph", "rbd"), ("storage.best", "ceph"), ("bridge.first", "vmbr0")]
        {
            wizard.set_fact(fact, value);
        }
        for group in ["disk", "net"] {
            let step = wizard.step_of(&format!("{group}0")).expect("a group");
            wizard.form_mut(step).expect("a form").add_item(group);
        }
        wizard.set("vmid", "150");
        wizard.set("tpm.storage", "ceph");
        for (key, values) in OPTIONS {
            let value = if n < 9 { values[n % values.len()] } else { values[next(values.len())] };
            let step = wizard.step_of(key).expect("a field");
            assert!(wizard.form_mut(step).expect("a form").set(key, value), "{key}");
        }
        form::follow(&mut wizard);
        let password = n.is_multiple_of(3).then_some("secret");
        request::with_password(&wizard.known(), password).expect("a call").wire
    };
    (0..200).map(&mut call).collect()
}

/// Changes of a VM with the devices that the wizard has no page for, made by their forms.
pub fn device_calls(vm: &GuestRef) -> Vec<Wire> {
    /// A key with the fields of each variant.
    type Variants = (&'static str, &'static [&'static [(&'static str, &'static str)]]);
    const DEVICES: &[Variants] = &[
        (
            "usb0",
            &[
                &[("usb.kind", "spice")],
                &[("usb.kind", "device"), ("usb.device", "1a86:55d4"), ("usb.usb3", "1")],
                &[("usb.kind", "port"), ("usb.port", "1-2.4")],
                &[("usb.kind", "mapping"), ("usb.mapping", "dongle")],
            ],
        ),
        (
            "hostpci0",
            &[
                &[("pci.kind", "mapping"), ("pci.mapping", "gpu"), ("pci.mdev", "nvidia-63"), ("pci.rombar", "0")],
                &[("pci.kind", "device"), ("pci.device", "0000:01:00.0"), ("pci.all", "1"), ("pci.pcie", "1")],
                &[
                    ("pci.kind", "device"),
                    ("pci.device", "0000:01:00.0"),
                    ("pci.vga", "1"),
                    ("pci.igd", "1"),
                    ("pci.romfile", "a.bin"),
                    ("pci.vendor", "0x10de"),
                    ("pci.product", "0x1234"),
                    ("pci.subvendor", "0x10de"),
                    ("pci.subproduct", "0x1234"),
                ],
            ],
        ),
        ("serial0", &[&[("serial.kind", "socket")], &[("serial.kind", "device"), ("serial.path", "/dev/ttyS0")]]),
        ("parallel0", &[&[("parallel.path", "/dev/parport0")], &[("parallel.path", "/dev/usb/lp1")]]),
        ("audio0", &[&[("audio.device", "AC97")], &[("audio.device", "intel-hda"), ("audio.driver", "none")]]),
        (
            "rng0",
            &[
                &[("rng.source", "/dev/urandom")],
                &[("rng.source", "/dev/hwrng"), ("rng.bytes", "0"), ("rng.period", "5")],
            ],
        ),
        (
            "virtiofs0",
            &[
                &[("fs.dir", "media")],
                &[("fs.dir", "media"), ("fs.cache", "never"), ("fs.xattr", "1"), ("fs.acl", "1"), ("fs.direct", "1")],
            ],
        ),
        ("watchdog", &[&[("watchdog.model", "ib700"), ("watchdog.action", "poweroff")]]),
        ("hotplug", &[&[("hotplug", "")], &[("hotplug", "disk,cpu")]]),
        ("smbios1", &[&[("smbios.uuid", "0d2a39a2-5be0-4a04-a4f6-3fd3cdd1bcd5"), ("smbios.serial", "A, B=C")]]),
        ("spice_enhancements", &[&[("spice.folders", "1"), ("spice.video", "filter")]]),
        (
            "amd-sev",
            &[
                &[("sev.type", "snp"), ("sev.smt", "0"), ("sev.hashes", "1")],
                &[("sev.type", "std"), ("sev.nodebug", "1"), ("sev.nosharing", "1")],
            ],
        ),
        (
            "intel-tdx",
            &[
                &[("tdx.type", "tdx"), ("tdx.attestation", "1"), ("tdx.cid", "3"), ("tdx.port", "1")],
                &[("tdx.attestation", "0")],
            ],
        ),
        ("ide0", &[&[("ci.storage", "nas")]]),
    ];
    let mut wires = vec![];
    for (key, variants) in DEVICES {
        let text = if *key == "ide0" { "nas:cloudinit" } else { "" };
        let device = kind::of_vm(key, text).expect("a device");
        for pairs in *variants {
            let mut form = (device.fields)(Form::new());
            for (field, value) in *pairs {
                assert!(form.set(field, value), "{key} has no {field}");
            }
            assert!(form.validate(), "{key}: {:?}", form.errors());
            let text = device.to_text(&form.values(), None);
            assert!(!text.is_empty(), "{key}");
            let change = guest::Change { set: vec![param(key, text)], ..guest::Change::default() };
            wires.push(guest::set_config(vm, &change).wire);
        }
    }
    wires
}

/// The create-container wizard's calls with many combinations of options, made by its own form.
pub fn container_calls() -> Vec<Wire> {
    const OPTIONS: &[(&str, &[&str])] = &[
        ("hostname", &["", "web-01.example.com"]),
        ("ostemplate", &["nas:vztmpl/debian-13.tar.zst", "local:backup/vzdump-lxc-1.tar.zst"]),
        ("unprivileged", &["1", "0"]),
        ("features.nesting", &["1", "0"]),
        ("features.keyctl", &["0", "1"]),
        ("features.fuse", &["0", "1"]),
        ("features.mknod", &["0", "1"]),
        ("features.force_rw_sys", &["0", "1"]),
        ("features.mount", &["", "nfs;cifs"]),
        ("pool", &["", "prod"]),
        ("tags", &["", "web, prod"]),
        ("onboot", &["0", "1"]),
        ("start", &["0", "1"]),
        ("ha", &["0", "1"]),
        ("startup.order", &["", "2"]),
        ("startup.up", &["", "30"]),
        ("startup.down", &["", "60"]),
        (
            "ostype",
            &[
                "",
                "debian",
                "devuan",
                "ubuntu",
                "centos",
                "fedora",
                "opensuse",
                "archlinux",
                "alpine",
                "gentoo",
                "nixos",
                "unmanaged",
            ],
        ),
        ("arch", &["", "amd64", "i386", "arm64", "armhf", "riscv64", "riscv32"]),
        ("bwlimit", &["", "0", "1000"]),
        ("ignore-unpack-errors", &["0", "1"]),
        ("rootfs0.storage", &["nas", "ceph"]),
        ("rootfs0.size", &["8", "0.5"]),
        ("rootfs0.mountoptions", &["", "noatime", "discard,lazytime,nodev,noexec,nosuid"]),
        ("rootfs0.acl", &["", "1", "0"]),
        ("rootfs0.quota", &["0", "1"]),
        ("rootfs0.replicate", &["1", "0"]),
        ("rootfs0.ro", &["0", "1"]),
        ("rootfs0.shared", &["0", "1"]),
        ("rootfs0.idmap", &["", "passthrough", "u:0:100000:65536;g:0:100000:65536"]),
        ("mp0.source", &["", "bind"]),
        ("mp0.bind", &["/mnt/share"]),
        ("mp0.mp", &["/data"]),
        ("mp0.backup", &["1", "0"]),
        ("mp0.keepattrs", &["0", "1"]),
        ("mp0.mountoptions", &["", "nosuid"]),
        ("mp0.quota", &["0", "1"]),
        ("mp1.mp", &["/srv/www"]),
        ("cores", &["", "1", "8192"]),
        ("cpulimit", &["", "1.5"]),
        ("cpuunits", &["", "200"]),
        ("memory", &["512", "16384"]),
        ("swap", &["512", "0"]),
        ("net0.bridge", &["vmbr0"]),
        ("net0.ipv4", &["dhcp", "static", "manual", ""]),
        ("net0.ip", &["10.0.0.5/24"]),
        ("net0.gw", &["", "10.0.0.1"]),
        ("net0.ipv6", &["", "auto", "dhcp", "static", "manual"]),
        ("net0.ip6", &["2001:db8::5/64"]),
        ("net0.gw6", &["", "fe80::1"]),
        ("net0.hwaddr", &["", "BC:24:11:00:00:01"]),
        ("net0.tag", &["", "4094"]),
        ("net0.firewall", &["1", "0"]),
        ("net0.link_down", &["0", "1"]),
        ("net0.mtu", &["", "64", "9000"]),
        ("net0.rate", &["", "2.5"]),
        ("net0.trunks", &["", "10;20"]),
        ("net0.host-managed", &["0", "1"]),
        ("searchdomain", &["", "example.org lan"]),
        ("nameserver", &["", "10.0.0.1, 2001:db8::1"]),
        ("description", &["", "Notes"]),
        ("protection", &["0", "1"]),
        ("timezone", &["", "host", "Europe/Vienna"]),
        ("hookscript", &["", "local:snippets/hook.pl"]),
        ("entrypoint", &["", "/usr/bin/app --serve"]),
        ("debug", &["0", "1"]),
        ("console", &["1", "0"]),
        ("tty", &["2", "0"]),
        ("cmode", &["tty", "console", "shell"]),
        ("env0.text", &["A=1"]),
        ("env1.text", &["B=two words"]),
        ("dev0.path", &["/dev/kvm"]),
        ("dev0.uid", &["", "0"]),
        ("dev0.gid", &["", "104"]),
        ("dev0.mode", &["", "0660"]),
        ("dev0.deny-write", &["0", "1"]),
    ];
    let mut state = 7_u32;
    let mut next = move |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as usize % below
    };
    let keys = ["ssh-ed25519 AAAA me".to_owned(), "ssh-rsa BBBB you".to_owned()];
    let mut call = |n: usize| {
        let mut wizard = ct_create::form::wizard(vec![Choice::new("pve1")], vec![], "pve1");
        for (fact, value) in [("kind.nas", "nfs"), ("kind.ceph", "rbd"), ("storage.best", "ceph")] {
            wizard.set_fact(fact, value);
        }
        wizard.fill("vmid", "150");
        for last in ["mp1.mp", "env1.text", "dev0.path"] {
            assert!(wizard.fill(last, ""), "{last}");
        }
        for (key, values) in OPTIONS {
            let value = if n < 12 { values[n % values.len()] } else { values[next(values.len())] };
            let step = wizard.step_of(key).expect("a field");
            assert!(wizard.form_mut(step).expect("a form").set(key, value), "{key}");
        }
        ct_create::form::follow(&mut wizard);
        let access = ct_create::request::Access {
            password: n.is_multiple_of(2).then_some("secret"),
            keys: &keys[..n % (keys.len() + 1)],
        };
        ct_create::request::request(&wizard.known(), access).expect("a call").wire
    };
    (0..100).map(&mut call).collect()
}

/// The editor's changes: every row that has a form, with all of its choices, over an empty guest.
pub fn editor_calls() -> Vec<Wire> {
    use proxmux::views::guest::edit::{
        row,
        setting::{Key, NEW},
        sheet::Sheet,
    };
    const VALUES: &[(&str, &str)] = &[
        ("storage", "local"),
        ("efi.storage", "local"),
        ("tpm.storage", "local"),
        ("ci.storage", "local"),
        ("bridge", "vmbr0"),
        ("mp", "/data"),
        ("path", "/dev/fuse"),
        ("usb.mapping", "dongle"),
        ("pci.mapping", "gpu"),
        ("parallel.path", "/dev/parport0"),
        ("fs.dir", "share"),
        ("ciuser", "debian"),
        ("ssh0.key", "ssh-ed25519 AAAAC3 me@desk"),
        ("env0.line", "A=b c"),
        ("nameserver", "10.0.0.1"),
        ("searchdomain", "example.org"),
        ("hookscript", "local:snippets/hook.sh"),
        ("vmstatestorage", "local"),
        ("smbios.product", "A, B"),
        ("startdate", "2026-06-17"),
        ("name", "web"),
        ("hostname", "web"),
        ("tags", "a;b"),
        ("timezone", "host"),
        ("entrypoint", "/sbin/init"),
        ("startup.order", "1"),
    ];
    let mut calls = vec![];
    for kind in [GuestKind::Vm, GuestKind::Ct] {
        let guest = GuestRef::new("pve1", kind, VmId::MIN);
        let sheet = Sheet::default();
        for setting in row::settings(kind).iter().filter(|s| s.has_form() && !s.fixed) {
            let key = match setting.key {
                Key::One(key) => key.to_owned(),
                Key::Numbered("ipconfig", _) => "ipconfig0".into(),
                _ => NEW.into(),
            };
            let around = [("bios", "ovmf"), ("efi.add", "1"), ("tpm.add", "1"), ("taken", ""), ("machine.type", "q35")];
            let around = around.into_iter().collect();
            let fields = setting.wizard(&key, &sheet, &around).outline();
            let mut tries: Vec<(String, String)> = vec![];
            for field in &fields {
                tries.extend(field.choices.iter().map(|choice| (field.key.clone(), choice.clone())));
                let free = if field.choices.is_empty() && !VALUES.iter().any(|(key, _)| *key == field.key) {
                    &["0", "1"][..]
                } else {
                    &[]
                };
                tries.extend(free.iter().map(|value| (field.key.clone(), (*value).to_owned())));
            }
            for (field, value) in tries {
                let mut wizard = setting.wizard(&key, &sheet, &around);
                for (field, value) in VALUES {
                    wizard.set(field, value);
                }
                wizard.set(&field, &value);
                wizard.share();
                if !wizard.is_valid() {
                    continue;
                }
                let mut texts = setting.texts(&key, &sheet, &around, &wizard);
                let Some(place) = setting.place(&sheet, &wizard.known()) else { continue };
                texts.iter_mut().filter(|(key, _)| key == NEW).for_each(|(key, _)| key.clone_from(&place));
                let change = sheet.change(texts);
                if !change.set.is_empty() {
                    calls.push(guest::set_config(&guest, &change).wire);
                }
            }
        }
    }
    println!("{} changes of the editor", calls.len());
    assert!(calls.len() > 150, "only {} changes", calls.len());
    calls
}
