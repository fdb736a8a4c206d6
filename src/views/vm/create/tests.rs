//! The calls of typical VMs.
#![allow(clippy::unwrap_used)]
use super::{form, request};
use crate::ui::{Choice, Values, Wizard};

/// The wizard of a cluster with thin and file storage.
fn wizard() -> Wizard {
    let mut wizard = form::wizard(vec![Choice::new("pve1")], vec![Choice::new("prod")], "pve1");
    for (fact, value) in [
        ("storages", "local-lvm nas"),
        ("storage.best", "local-lvm"),
        ("kind.local-lvm", "lvmthin"),
        ("kind.nas", "nfs"),
        ("free.nas", "107374182400"),
        ("bridges", "vmbr0 vmbr1"),
        ("bridge.first", "vmbr0"),
        ("node.cpus", "8"),
        ("node.memory", "34359738368"),
        ("node.free", "8589934592"),
    ] {
        wizard.set_fact(fact, value);
    }
    for key in ["efi.storage", "tpm.storage"] {
        wizard.set_initial(key, "local-lvm");
    }
    form::follow(&mut wizard);
    wizard
}

/// Types values in their order; `+disk` and `+net` add an item.
fn typed(pairs: &[(&str, &str)]) -> Wizard {
    let mut wizard = wizard();
    for (key, value) in pairs {
        match key.strip_prefix('+') {
            Some(group) => {
                let step = wizard.step_of(&format!("{group}0")).unwrap();
                wizard.form_mut(step).unwrap().add_item(group).unwrap();
            }
            None => assert!(wizard.set(key, value), "{key}"),
        }
        form::follow(&mut wizard);
    }
    wizard
}

fn call(pairs: &[(&str, &str)]) -> String {
    let wizard = typed(pairs);
    assert!(wizard.is_valid(), "{:?}", (0..wizard.len()).map(|n| wizard.form(n).unwrap().errors()).collect::<Vec<_>>());
    request::request(&wizard.known()).unwrap().to_string()
}

#[test]
fn the_usual_linux() {
    assert_eq!(
        call(&[("vmid", "150"), ("name", "web"), ("cd.image", "nas:iso/x.iso")]),
        "POST /nodes/pve1/qemu vmid=150 name=web ostype=l26 scsihw=virtio-scsi-single cpu=x86-64-v2-AES memory=2048 \
         sockets=1 cores=1 ide2=nas:iso/x.iso,media=cdrom scsi0=local-lvm:32,iothread=1 \
         net0=virtio,bridge=vmbr0,firewall=1 boot=order=scsi0;ide2;net0"
    );
}

#[test]
fn windows_11_with_drivers() {
    assert_eq!(
        call(&[
            ("vmid", "150"),
            ("name", "win"),
            ("ostype", "win11"),
            ("cd.image", "nas:iso/w.iso"),
            ("drivers", "nas:iso/virtio.iso"),
            ("disk0.size", "64"),
            ("agent.enabled", "1"),
            ("cores", "4"),
            ("memory", "8192"),
        ]),
        "POST /nodes/pve1/qemu vmid=150 name=win ostype=win11 machine=q35 scsihw=virtio-scsi-single cpu=x86-64-v2-AES \
         memory=8192 sockets=1 cores=4 agent=1 bios=ovmf efidisk0=local-lvm:1,efitype=4m,pre-enrolled-keys=1 \
         tpmstate0=local-lvm:1,version=v2.0 ide2=nas:iso/w.iso,media=cdrom ide0=nas:iso/virtio.iso,media=cdrom \
         scsi0=local-lvm:64,iothread=1 net0=virtio,bridge=vmbr0,firewall=1 boot=order=scsi0;ide2;net0"
    );
}

#[test]
fn windows_without_drivers_gets_what_it_knows() {
    let text = call(&[("vmid", "150"), ("ostype", "win10")]);
    assert!(text.contains(" ide0=local-lvm:32 net0=e1000,bridge=vmbr0,firewall=1 boot=order=ide0;ide2;net0"), "{text}");
    let text = call(&[("vmid", "150"), ("ostype", "wxp")]);
    assert!(text.contains(" net0=rtl8139,") && !text.contains("scsihw="), "{text}");
}

#[test]
fn what_was_chosen_does_not_follow_the_system() {
    let text = call(&[("vmid", "150"), ("disk0.bus", "sata"), ("net0.model", "vmxnet3"), ("ostype", "win11")]);
    assert!(text.contains(" sata0=local-lvm:32 net0=vmxnet3,"), "{text}");
    // And back: nothing of Windows is left.
    let text = call(&[("vmid", "150"), ("ostype", "win11"), ("ostype", "l26")]);
    assert!(!text.contains("tpm") && !text.contains("efi") && text.contains("scsi0="), "{text}");
}

#[test]
fn two_disks_and_two_networks() {
    assert_eq!(
        call(&[
            ("vmid", "150"),
            ("pool", "prod"),
            ("tags", "web, prod"),
            ("cd.source", "none"),
            ("disk0.discard", "on"),
            ("disk0.ssd", "1"),
            ("+disk", ""),
            ("disk1.bus", "virtio"),
            ("disk1.storage", "nas"),
            ("disk1.size", "100.5"),
            ("disk1.number", "3"),
            ("disk1.cache", "writeback"),
            ("disk1.backup", "0"),
            ("disk1.mbps_wr", "12.5"),
            ("disk1.iops_rd_max", "900"),
            ("+net", ""),
            ("net1.bridge", "vmbr1"),
            ("net1.macaddr", "BC:24:11:00:00:01"),
            ("net1.tag", "7"),
            ("net1.firewall", "0"),
            ("net1.mtu", "1"),
            ("net1.rate", "2.5"),
            ("net1.queues", "4"),
            ("sockets", "2"),
            ("cores", "2"),
            ("vcpus", "3"),
            ("cpulimit", "1.5"),
            ("affinity", "0,4-7"),
            ("cpuunits", "200"),
            ("numa", "1"),
            ("cpu.on", "aes"),
            ("cpu.off", "pcid,ssbd"),
            ("balloon", "1024"),
            ("shares", "500"),
            ("ksm", "0"),
            ("startup.order", "2"),
            ("startup.down", "60"),
            ("ha", "1"),
            ("start", "1"),
            ("boot", "virtio3,net1"),
        ]),
        "POST /nodes/pve1/qemu vmid=150 pool=prod tags=web;prod ostype=l26 scsihw=virtio-scsi-single \
         cpu=x86-64-v2-AES,flags=+aes;-pcid;-ssbd memory=2048 balloon=1024 shares=500 allow-ksm=0 sockets=2 cores=2 \
         vcpus=3 cpulimit=1.5 affinity=0,4-7 cpuunits=200 numa=1 ha-managed=1 start=1 startup=order=2,down=60 \
         ide2=none,media=cdrom scsi0=local-lvm:32,discard=on,iothread=1,ssd=1 \
         virtio3=nas:100.5,format=qcow2,cache=writeback,iothread=1,backup=0,mbps_wr=12.5,iops_rd_max=900 \
         net0=virtio,bridge=vmbr0,firewall=1 net1=virtio=BC:24:11:00:00:01,bridge=vmbr1,tag=7,mtu=1,rate=2.5,queues=4 \
         boot=order=virtio3;net1"
    );
}

#[test]
fn a_disk_from_an_image() {
    let text = call(&[("vmid", "150"), ("disk0.import", "nas:import/debian.qcow2"), ("disk0.storage", "nas")]);
    assert!(text.contains(" scsi0=nas:0,import-from=nas:import/debian.qcow2,format=qcow2,iothread=1 "), "{text}");
}

#[test]
fn an_arm_guest_has_no_ide() {
    let text = call(&[("vmid", "150"), ("arch", "aarch64")]);
    for part in [" arch=aarch64 ", " machine=virt ", " vga=virtio ", " bios=ovmf ", " scsi2=none,media=cdrom "] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    assert!(!text.contains(" cpu=") && text.contains("boot=order=scsi0;scsi2;net0"), "{text}");
}

#[test]
fn bad_values_have_reasons() {
    let problem = |pairs: &[(&str, &str)]| {
        let mut wizard = typed(pairs);
        wizard.set("vmid", "150");
        wizard.share();
        wizard.finish();
        let errors: Vec<_> = (0..wizard.len()).flat_map(|n| wizard.form(n).unwrap().errors()).collect();
        errors.first().map(|(key, why)| format!("{key} {why}")).unwrap_or_default()
    };
    assert_eq!(problem(&[]), "");
    assert_eq!(problem(&[("disk0.storage", "gone")]), "disk0.storage pve1 has no such active storage for disk images");
    assert_eq!(problem(&[("disk0.size", "0")]), "disk0.size must be a number above 0, for example 12.5");
    assert_eq!(
        problem(&[("net0.macaddr", "xy")]),
        "net0.macaddr must be six pairs of hex digits, for example BC:24:11:00:00:01"
    );
    assert_eq!(problem(&[("net0.bridge", ""), ("net0.tag", "5")]), "net0.tag needs a bridge");
    assert_eq!(problem(&[("net0.tag", "5000")]), "net0.tag must be from 1 to 4094");
    assert_eq!(problem(&[("affinity", "0-9")]), "affinity the node's processors are 0 to 7");
    // The server takes it; the node just won't start it.
    assert_eq!(problem(&[("cores", "9")]), "");
    assert_eq!(problem(&[("vcpus", "2")]), "vcpus must not be more than 1: sockets times cores");
    assert_eq!(problem(&[("balloon", "4096")]), "balloon is more than the memory");
    assert_eq!(problem(&[("arch", "aarch64"), ("bios", "seabios")]), "bios an ARM guest needs UEFI");
    assert_eq!(problem(&[("disk0.bus", "ide"), ("disk0.number", "2")]), "disk0.number ide2 is taken");
    assert_eq!(problem(&[("machine.viommu", "intel")]), "machine.viommu the Intel vIOMMU needs the machine q35");
    assert_eq!(problem(&[("cpu.on", "aes"), ("cpu.off", "aes")]), "cpu.off aes can't be both on and off");
}

#[test]
fn server_errors_find_their_field() {
    let values = typed(&[("disk0.bus", "ide"), ("ostype", "win11"), ("drivers", "a:iso/b"), ("+disk", "")]).known();
    for (parameter, field) in [
        ("ide1", "disk0.storage"),
        ("scsi0", "disk1.storage"),
        ("ide0", "drivers"),
        ("ide2", "cd.image"),
        ("net0", "net0.bridge"),
        ("tpmstate0", "tpm.storage"),
        ("memory", "memory"),
        ("allow-ksm", "ksm"),
    ] {
        assert_eq!(request::field_of(parameter, &values), field);
    }
    assert_eq!(request::field_of_text("unable to create VM 100: VM 100 already exists on node 'pve1'"), Some("vmid"));
    assert!(request::request(&Values::default()).is_none());
}
