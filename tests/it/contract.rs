//! Every request that the code can make agrees with the official description of the API.

use std::collections::BTreeSet;

use proxmux::api::attachment::{Attachment, Meter};
use proxmux::api::ids::{ContentKind, GuestKind, GuestRef, NodeName, StorageId, Upid, VmId};
use proxmux::api::{
    Request, Wire, access, acl, agent, backup, cloudinit, cluster, disk, guest, guest::param, hardware, image, job,
    lxc, mapping, network, node, rrd, snapshot, storage, task, template, version, vm, volume,
};

use crate::schema::Schema;

mod dialog;
mod net;

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
    let may = |who: &str| acl::Entry { who: who.into(), propagate: true, ..acl::Entry::default() };
    let mut all = vec![
        wire(access::domains()),
        wire(access::change_password("bob@pve", &"new-secret".into(), &"secret".into())),
        wire(access::ticket("root@pam", &"secret".into())),
        wire(access::ticket_with_factor("root@pam", &"PVE:!tfa!{}".into(), &"totp:123456".into())),
        wire(access::permissions()),
        wire(acl::list()),
        wire(acl::users()),
        wire(acl::groups()),
        wire(acl::roles()),
        wire(acl::grant(&acl::Entry { path: "/vms/101".into(), role: "PVEVMUser".into(), ..may("alice@pve") })),
        wire(acl::revoke(&acl::Entry { path: "/storage/nas".into(), role: "NoAccess".into(), ..may("alice@pve") })),
        wire(acl::grant(&acl::Entry {
            path: "/pool/dev".into(),
            role: "PVEPoolUser".into(),
            kind: acl::Kind::Group,
            ..may("ops")
        })),
        wire(acl::grant(&acl::Entry {
            path: "/".into(),
            role: "PVEAuditor".into(),
            kind: acl::Kind::Token,
            ..may("root@pam!ci")
        })),
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
        wire(agent::interfaces(&ct)),
        wire(agent::interfaces(&vm)),
        wire(agent::os(&vm)),
        wire(agent::host_name(&vm)),
        wire(agent::zone(&vm)),
        wire(agent::users(&vm)),
        wire(agent::file_systems(&vm)),
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
    all.extend(net::calls());
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
    all.extend(dialog::wizard_calls());
    all.extend(dialog::device_calls(&vm));
    all.extend(dialog::container_calls());
    all.extend(dialog::editor_calls());
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
    let file = || Attachment { path: "x".into(), name: "x.iso".into(), size: 1, meter: Meter::default(), offer: None };
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
