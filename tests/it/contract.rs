//! Every request that the code can make agrees with the official description of the API.

use std::collections::BTreeSet;

use proxmux::api::attachment::{Attachment, Meter};
use proxmux::api::ids::{ContentKind, GuestKind, GuestRef, NodeName, StorageId, Upid, VmId};
use proxmux::api::{
    Request, Wire, access, backup, cloudinit, cluster, disk, guest, guest::param, hardware, image, job, lxc, mapping,
    network, node, rrd, snapshot, storage, task, template, version, vm, volume,
};

use proxmux::ui::{Choice, Form};
use proxmux::views::{
    ct::create as ct_create,
    device::kind,
    vm::create::{form, request},
};

use crate::schema::Schema;

/// The create wizard's calls with many combinations of options, made by its own form.
fn wizard_calls() -> Vec<Wire> {
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
        let password = (n % 3 == 0).then_some("secret");
        request::with_password(&wizard.known(), password).expect("a call").wire
    };
    (0..200).map(&mut call).collect()
}

/// Changes of a VM with the devices that the wizard has no page for, made by their forms.
fn device_calls(vm: &GuestRef) -> Vec<Wire> {
    const DEVICES: &[(&str, &[&[(&str, &str)]])] = &[
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

/// Backups and backup jobs, with every field that their dialogs have.
fn backup_calls(node: &NodeName, store: &StorageId, vmid: VmId) -> Vec<Wire> {
    let volume = "local:backup/vzdump-qemu-101-2026_11_21-08_23_48.vma.zst".parse().expect("a volume");
    let settings = [
        param("storage", "local"),
        param("mode", "snapshot"),
        param("compress", "zstd"),
        param("notes-template", "{{guestname}}"),
        param("protected", 1),
        param("prune-backups", "keep-last=3,keep-weekly=2"),
        param("remove", 1),
        param("bwlimit", 1000),
        param("zstd", 4),
        param("pigz", 2),
        param("ionice", 8),
        param("lockwait", 10),
        param("stopwait", 5),
        param("fleecing", "enabled=1,storage=local-lvm"),
        param("performance", "max-workers=4,pbs-entries-max=1000"),
        param("pbs-change-detection-mode", "metadata"),
        param("notification-mode", "legacy-sendmail"),
        param("mailto", "root@example.invalid"),
        param("mailnotification", "failure"),
        param("exclude-path", "/tmp/?*"),
        param("stdexcludes", 0),
    ];
    let with = |more: &[proxmux::api::Param]| [more, &settings].concat();
    let selection = [param("schedule", "mon..fri 02:30"), param("vmid", "100,101"), param("node", "pve1")];
    let more = [param("comment", "x"), param("enabled", 1), param("repeat-missed", 1), param("id", "job-1")];
    let what = backup::Prune { rules: "keep-last=3".into(), vmid: Some(vmid), kind: Some(GuestKind::Vm) };
    vec![
        backup::start(node, &with(&[param("vmid", "101,102")])).wire,
        backup::start(node, &with(&[param("all", 1), param("exclude", "101"), param("job-id", "job-1")])).wire,
        backup::start(node, &[param("pool", "dev")]).wire,
        backup::defaults(node, None).wire,
        backup::defaults(node, Some(store)).wire,
        backup::extract_config(node, &volume).wire,
        backup::info(node, &volume).wire,
        backup::set(node, &volume, Some("notes"), None).wire,
        backup::set(node, &volume, None, Some(true)).wire,
        backup::remove(node, &volume).wire,
        backup::prune_preview(node, store, &what).wire,
        backup::prune_preview(node, store, &backup::Prune::default()).wire,
        backup::prune(node, store, &what).wire,
        backup::files(node, &volume, "/").wire,
        backup::file(node, &volume, "L2E=", true).wire,
        job::list().wire,
        job::one("job-1").wire,
        job::create(&with(&[&selection[..], &more].concat())).wire,
        job::update("job-1", &with(&[param("all", 1), param("exclude", "101")]), &["vmid".into(), "pool".into()]).wire,
        job::remove("job-1").wire,
        job::included("job-1").wire,
        job::uncovered().wire,
        job::next_runs("daily", 10).wire,
    ]
}

/// The create-container wizard's calls with many combinations of options, made by its own form.
fn container_calls() -> Vec<Wire> {
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
fn editor_calls() -> Vec<Wire> {
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

/// One request of each kind with few and with many parameters. New endpoints are added here.
fn requests() -> Vec<Wire> {
    fn wire<T>(request: Request<T>) -> Wire {
        request.wire
    }
    let node = NodeName::from("pve1");
    let store = StorageId::from("local");
    let upid: Upid = "UPID:pve1:00007D61:00097EA9:6B015FE7:qmsnapshot:101:root@pam!ci:".parse().expect("a task id");
    let vmid = VmId::new(101).expect("a guest id");
    let vm = GuestRef::new("pve1", GuestKind::Vm, vmid);
    let ct = GuestRef::new("pve1", GuestKind::Ct, vmid);
    let mut all = vec![
        wire(access::domains()),
        wire(access::ticket("root@pam", &"secret".into())),
        wire(access::ticket_with_factor("root@pam", &"PVE:!tfa!{}".into(), &"totp:123456".into())),
        wire(access::permissions()),
        wire(version::get()),
        wire(version::of_node(&node)),
        wire(cluster::resources()),
        wire(cluster::status()),
        wire(cluster::tasks()),
        wire(cluster::next_id(None)),
        wire(cluster::next_id(Some(vmid))),
        wire(cluster::options()),
        wire(cluster::log(50)),
        wire(node::list()),
        wire(node::status(&node)),
        wire(network::list(&node, None)),
        wire(network::list(&node, Some("any_bridge"))),
        wire(task::status(&upid)),
        wire(task::log(&upid, 0, 0)),
        wire(task::stop(&upid)),
        wire(task::list(&node, &task::Filter::default())),
        wire(task::list(
            &node,
            &task::Filter {
                start: Some(0),
                limit: Some(500),
                vmid: Some(vmid),
                kind: Some("qmstart".into()),
                user: Some("root@pam".into()),
                source: Some(task::Source::All),
                errors: true,
                since: Some(1),
                until: Some(2),
                status: Some("ok,error".into()),
            },
        )),
        wire(vm::list(&node, false)),
        wire(vm::list(&node, true)),
        wire(vm::create(&node, vmid, &[])),
        wire(vm::create(
            &node,
            vmid,
            &[
                param("name", "web01"),
                param("memory", 2048),
                param("cores", 2),
                param("cpu", "x86-64-v2-AES,flags=+aes"),
                param("net0", "virtio,bridge=vmbr0,firewall=1,tag=10"),
                param("scsi0", "local:32,format=qcow2,discard=on,iothread=1,ssd=1"),
                param("ide2", "local:iso/debian.iso,media=cdrom"),
                param("scsihw", "virtio-scsi-single"),
                param("agent", "enabled=1,fstrim_cloned_disks=1"),
                param("cipassword", "secret"),
                param("boot", "order=scsi0;ide2;net0"),
                param("start", 1),
            ],
        )),
        wire(vm::set_config(&vm, &guest::Change { set: vec![param("scsi1", "local:8")], ..guest::Change::default() })),
        wire(vm::reset(&vm)),
        wire(vm::pause(&vm)),
        wire(vm::hibernate(&vm, None)),
        wire(vm::hibernate(&vm, Some(&store))),
        wire(lxc::list(&node)),
        wire(lxc::create(&node, vmid, &[param("ostemplate", "local:vztmpl/debian.tar.zst")])),
        wire(lxc::create(
            &node,
            vmid,
            &[
                param("ostemplate", "local:vztmpl/debian.tar.zst"),
                param("hostname", "ct01"),
                param("password", "secret"),
                param("rootfs", "local:8"),
                param("net0", "name=eth0,bridge=vmbr0,ip=dhcp,firewall=1"),
                param("features", "nesting=1"),
                param("unprivileged", 1),
            ],
        )),
        wire(lxc::interfaces(&ct)),
        wire(storage::list(None)),
        wire(storage::list(Some("dir"))),
        wire(storage::config(&store)),
        wire(storage::of_node(&node, None, false)),
        wire(storage::of_node(&node, Some(ContentKind::Backup), true)),
        wire(storage::status(&node, &store)),
        wire(storage::content(&node, &store, None, None)),
        wire(storage::content(&node, &store, Some(ContentKind::Iso), Some(vmid))),
    ];
    for part in cloudinit::Part::ALL {
        all.push(wire(cloudinit::dump(&vm, part)));
    }
    all.push(wire(cloudinit::regenerate(&vm)));
    for (guest, disk) in [(&vm, "scsi0"), (&ct, "mp0")] {
        let digest = Some("7a3ff2436c43ae27b521f18b935b0fb4666e873f");
        let how = disk::Move {
            storage: store.clone(),
            format: Some("qcow2".into()),
            delete: true,
            bwlimit: Some(10_240),
            digest: digest.map(str::to_owned),
        };
        all.extend([
            wire(disk::resize(guest, disk, "+8G", None)),
            wire(disk::resize(guest, disk, "32G", digest)),
            wire(disk::move_to(guest, disk, &disk::Move { storage: store.clone(), ..disk::Move::default() })),
            wire(disk::move_to(guest, disk, &how)),
            wire(disk::give(guest, disk, VmId::MIN, disk, None)),
            wire(disk::give(guest, "unused0", VmId::MIN, disk, digest)),
        ]);
    }
    all.extend(image_calls(&node, &store, &vm, &ct));
    all.extend(backup_calls(&node, &store, vmid));
    for guest in [&vm, &ct] {
        let change = guest::Change {
            set: vec![param("cores", 4), param("description", "notes")],
            delete: vec!["tags".into(), "net1".into()],
            revert: vec!["memory".into()],
            force: guest.kind == GuestKind::Vm,
            digest: Some("7a3ff2436c43ae27b521f18b935b0fb4666e873f".into()),
        };
        all.extend([
            wire(guest::status(guest)),
            wire(guest::config(guest, &guest::Which::Pending)),
            wire(guest::config(guest, &guest::Which::Current)),
            wire(guest::config(guest, &guest::Which::Snapshot("snap1".into()))),
            wire(guest::set_config(guest, &guest::Change::default())),
            wire(guest::set_config(guest, &change)),
            wire(guest::pending(guest)),
            wire(guest::start(guest)),
            wire(guest::stop(guest, false)),
            wire(guest::stop(guest, true)),
            wire(guest::shutdown(guest, None, false)),
            wire(guest::shutdown(guest, Some(90), true)),
            wire(guest::reboot(guest, None)),
            wire(guest::reboot(guest, Some(90))),
            wire(guest::suspend(guest)),
            wire(guest::resume(guest)),
            wire(guest::destroy(guest, false, false)),
            wire(guest::destroy(guest, true, true)),
            wire(snapshot::list(guest)),
            wire(snapshot::create(guest, "snap1", None, false)),
            wire(snapshot::create(guest, "snap1", Some("a text"), guest.kind == GuestKind::Vm)),
            wire(snapshot::delete(guest, "snap1", false)),
            wire(snapshot::delete(guest, "snap1", true)),
            wire(snapshot::rollback(guest, "snap1", false)),
            wire(snapshot::rollback(guest, "snap1", true)),
            wire(snapshot::config(guest, "snap1")),
            wire(snapshot::describe(guest, "snap1", "a text")),
        ]);
        for feature in [guest::Feature::Snapshot, guest::Feature::Clone, guest::Feature::Copy] {
            all.push(wire(guest::feature(guest, feature, None)));
            all.push(wire(guest::feature(guest, feature, Some("snap1"))));
        }
    }
    for timeframe in [
        rrd::Timeframe::Hour,
        rrd::Timeframe::Day,
        rrd::Timeframe::Week,
        rrd::Timeframe::Month,
        rrd::Timeframe::Year,
        rrd::Timeframe::Decade,
    ] {
        for of in [rrd::Consolidation::Average, rrd::Consolidation::Max] {
            all.push(wire(node::rrddata(&node, timeframe, of)));
            all.push(wire(guest::rrddata(&vm, timeframe, of)));
            all.push(wire(guest::rrddata(&ct, timeframe, of)));
            all.push(wire(storage::rrddata(&node, &store, timeframe, of)));
        }
    }
    all.extend(wizard_calls());
    all.extend(device_calls(&vm));
    all.extend(container_calls());
    all.extend(editor_calls());
    all.extend([
        wire(hardware::pci(&node)),
        wire(hardware::mediated(&node, "0000:01:00.0")),
        wire(hardware::mediated(&node, "gpu")),
        wire(hardware::usb(&node)),
        wire(hardware::cpu_models(&node, None)),
        wire(hardware::cpu_models(&node, Some("aarch64"))),
        wire(hardware::cpu_flags(&node, Some("x86_64"))),
        wire(hardware::machines(&node, None)),
        wire(mapping::pci()),
        wire(mapping::usb()),
        wire(mapping::dir()),
        wire(storage::import_metadata(&node, &store, "import/x.ova")),
    ]);
    for kind in ContentKind::ALL {
        all.push(wire(storage::content(&node, &store, Some(kind), None)));
    }
    all
}

/// Volumes, images, templates and clones.
fn image_calls(node: &NodeName, store: &StorageId, vm: &GuestRef, ct: &GuestRef) -> Vec<Wire> {
    fn wire<T>(request: Request<T>) -> Wire {
        request.wire
    }
    let iso = "local:iso/x.iso".parse().expect("a volume id");
    let file = || Attachment { path: "x".into(), name: "x.iso".into(), size: 1, meter: Meter::default() };
    let sum = image::Checksum::parse(&"0".repeat(64)).expect("a sum");
    let mut what = image::Download {
        url: "https://example.org/x.iso".into(),
        content: ContentKind::Iso,
        filename: "x.iso".into(),
        checksum: None,
        compression: None,
        verify: true,
    };
    let mut all = vec![
        wire(volume::set(node, &iso, Some("notes"), Some(true))),
        wire(volume::remove(node, &iso)),
        wire(image::upload(node, store, ContentKind::Iso, None, file())),
        wire(image::upload(node, store, ContentKind::Iso, Some(&sum), file())),
        wire(image::download(node, store, &what)),
        wire(image::metadata(node, "http://example.org/x.iso", true)),
        wire(image::metadata(node, "https://example.org/x.iso", false)),
        wire(image::catalogue(node)),
        wire(image::download_appliance(node, store, "debian-13-standard_13.1-2_amd64.tar.zst")),
        wire(image::oci_tags(node, "docker.io/library/debian")),
        wire(image::oci_pull(node, store, "docker.io/library/debian:13", None)),
        wire(image::oci_pull(node, store, "docker.io/library/debian:13", Some("debian.tar"))),
        wire(template::convert(vm, None)),
        wire(template::convert(vm, Some("scsi0"))),
        wire(template::convert(ct, None)),
    ];
    for content in [ContentKind::Iso, ContentKind::Vztmpl, ContentKind::Import] {
        what = image::Download {
            content,
            checksum: Some(sum.clone()),
            compression: (content == ContentKind::Iso).then(|| "zst".into()),
            verify: false,
            ..what
        };
        all.push(wire(image::download(node, store, &what)));
    }
    let how = template::CloneSpec {
        name: Some("web-01".into()),
        description: Some("a copy".into()),
        full: Some(true),
        snapshot: Some("before".into()),
        storage: Some(store.clone()),
        format: Some("qcow2".into()),
        target: Some("pve2".into()),
        pool: Some("prod".into()),
        bwlimit: Some(1024),
    };
    for guest in [vm, ct] {
        all.push(wire(template::clone(guest, VmId::MAX, &template::CloneSpec::default())));
        all.push(wire(template::clone(guest, VmId::MAX, &how)));
    }
    for wire in &mut all {
        // On the wire the file's name is a parameter like any other.
        let file = wire.file.take();
        wire.params.extend(file.map(|file| param("filename", file.name)));
    }
    all
}

#[test]
fn requests_agree_with_the_official_schema() {
    let Some(schema) = Schema::load("contract of the requests") else { return };
    let all = requests();
    let wrong: Vec<String> = all.iter().filter_map(|wire| schema.check(wire).err()).collect();
    println!("{} requests checked", all.len());
    assert!(wrong.is_empty(), "{} of {} requests disagree:\n{}", wrong.len(), all.len(), wrong.join("\n"));
}

/// A request that nobody checks is one that nobody knows to be right.
#[test]
fn every_documented_endpoint_is_checked() {
    let Some(schema) = Schema::load("documented endpoints") else { return };
    let checked: BTreeSet<String> = requests()
        .iter()
        .map(|wire| format!("{} {}", wire.method, schema.template(wire).unwrap_or("(unknown)")))
        .collect();
    let mut documented = BTreeSet::new();
    read_endpoints(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api"), &mut documented);
    assert!(documented.len() > 30, "only {} documented endpoints found", documented.len());
    let missing: Vec<_> = documented.difference(&checked).collect();
    assert!(missing.is_empty(), "documented in src/api, but not built in contract.rs: {missing:#?}");
}

/// The endpoints that stand at the beginning of docstrings, `{qemu|lxc}` as two.
fn read_endpoints(folder: &std::path::Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            read_endpoints(&path, found);
        } else {
            for line in std::fs::read_to_string(&path).expect("a source file").lines() {
                let endpoint = line.trim().strip_prefix("/// `").and_then(|text| text.split('`').next());
                let Some(endpoint) = endpoint.filter(|text| {
                    ["GET /", "POST /", "PUT /", "DELETE /"].iter().any(|start| text.starts_with(start))
                        && text.matches(' ').count() == 1
                }) else {
                    continue;
                };
                if endpoint.contains("{qemu|lxc}") {
                    found.insert(endpoint.replace("{qemu|lxc}", "qemu"));
                    found.insert(endpoint.replace("{qemu|lxc}", "lxc"));
                } else {
                    found.insert(endpoint.to_owned());
                }
            }
        }
    }
}

/// The checker itself must be able to say no.
#[test]
fn the_checker_says_no() {
    let Some(schema) = Schema::load("the checker") else { return };
    let vm = "/nodes/pve1/qemu";
    for (request, complaint) in [
        (Request::<()>::get("/nodes/pve1/foo"), "no such method and path"),
        (Request::put("/version"), "no such method and path"),
        (Request::get("/version").param("x", 1), "x: no such parameter"),
        (Request::post(vm), "vmid: is missing"),
        (Request::post(vm).param("vmid", 99), "is less than 100"),
        (Request::post(vm).param("vmid", 100).param("acpi", "true"), "is not 0 or 1"),
        (Request::post(vm).param("vmid", 100).param("cores", "two"), "is not of type integer"),
        (Request::post(vm).param("vmid", 100).param("bios", "uefi"), "none of the allowed words"),
        (Request::post(vm).param("vmid", 100).param("bootdisk", "net0"), "does not match"),
        (Request::post(vm).param("vmid", 100).param("net0", "virtio,brigde=vmbr0"), "net0.brigde: no such property"),
        (Request::post(vm).param("vmid", 100).param("net0", "bridge=vmbr0"), "net0.model: is missing"),
        (Request::post(vm).param("vmid", 100).param("net0", "virtio,tag=5000"), "is more than 4094"),
        (Request::post(vm).param("vmid", 100).param("vmid", 100), "stands twice"),
        (Request::post("/nodes/pve1/qemu/100/status/suspend").param("statestorage", "local"), "requires todisk"),
        (Request::get("/nodes/pve1/qemu/7/config"), "is less than 100"),
    ] {
        let answer = schema.check(&request.wire);
        assert!(answer.as_ref().is_err_and(|text| text.contains(complaint)), "{request}: {answer:?}, not {complaint}");
    }
}
