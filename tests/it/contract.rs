//! Every request that the code can make agrees with the official description of the API.

use std::collections::BTreeSet;

use proxmux::api::ids::{ContentKind, GuestKind, GuestRef, NodeName, StorageId, Upid, VmId};
use proxmux::api::{
    Request, Wire, access, cloudinit, cluster, disk, guest, guest::param, hardware, lxc, mapping, network, node, rrd,
    snapshot, storage, task, version, vm,
};

use proxmux::ui::Choice;
use proxmux::views::vm::create::{form, request};

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
        ("disk0.import", &["", "", "nas:import/x.qcow2"]),
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
        request::request(&wizard.known()).expect("a call").wire
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
                tries.extend(["0", "1"].map(|value| (field.key.clone(), value.to_owned())));
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
    ]);
    for kind in ContentKind::ALL {
        all.push(wire(storage::content(&node, &store, Some(kind), None)));
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
