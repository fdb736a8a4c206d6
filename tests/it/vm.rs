//! The create-VM wizard.

use proxmux::{
    shell::Effect,
    sim::state::{Guest, Kind},
};

use crate::harness::{Harness, Setup};

const DEFAULT: &str = "POST /nodes/pve1/qemu vmid=114 name=web-02 ostype=l26 scsihw=virtio-scsi-single cpu=x86-64-v2-AES memory=2048 \
    sockets=1 cores=1 ide2=none,media=cdrom scsi0=ceph:32,iothread=1 net0=virtio,bridge=vmbr0,firewall=1 \
    boot=order=scsi0;ide2;net0";

/// Asserts that the last page shows every part of the call.
fn shows(h: &Harness, call: &str) {
    h.sees("This will be sent:");
    for part in call.split(" name=").flat_map(|p| p.split(' ')).skip(2) {
        h.sees(part);
    }
    h.sees("POST /nodes/pve1/qemu");
    h.sees("pvesh create /nodes/pve1/qemu");
}

#[tokio::test(start_paused = true)]
async fn defaults_and_a_name() {
    let mut h = Harness::new().await;
    h.press("c down down 'web-02' pgdn pgdn pgdn pgdn pgdn pgdn pgdn pgdn").await;
    shows(&h, DEFAULT);
    insta::assert_snapshot!(h.screen().lines().skip(2).collect::<Vec<_>>().join("\n"));
    assert_eq!(h.writes(), [""; 0], "nothing is sent before the last page");
    h.press("ctrl-y p").await;
    let copied = h.console.for_terminal.iter().find_map(|e| match e {
        Effect::Copy(text) => Some(text.clone()),
        _ => None,
    });
    assert!(copied.unwrap().starts_with("pvesh create /nodes/pve1/qemu --vmid 114 --name web-02"), "{}", h.screen());
    h.press("enter").await;
    assert_eq!(h.writes(), [DEFAULT]);
    h.sees_not("This will be sent:");
    h.until("Create VM 114 (web-02): done", 10.0).await;
    h.until("114  web-02", 1.0).await;
    let config = h.sim(|s| s.cluster.guests[&114].config.clone());
    assert_eq!((config["memory"].as_str(), config["boot"].as_str()), ("2048", "order=scsi0;ide2;net0"));
    h.wait(60.0).await;
    assert_eq!(h.writes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn changed_fields() {
    let mut h = Harness::new().await;
    h.press("c").await;
    // General: id, name, start after creation.
    h.press("down ctrl-u '500' down 'db' down down down down space").await;
    // An image; UEFI, the agent.
    h.press("pgdn down down enter 'debian' enter").await;
    h.press("pgdn enter 'ovmf' enter down down down down down down down space").await;
    // Disk: 64 GiB with discard on the Ceph pool.
    h.press("pgdn down enter 'ceph' enter down ctrl-u '64' down down down right").await;
    // CPU, memory, network, boot.
    h.press("pgdn down ctrl-u '4' pgdn ctrl-u '8192' pgdn down down down '42' pgdn pgdn").await;
    let call = "POST /nodes/pve1/qemu vmid=500 name=db ostype=l26 scsihw=virtio-scsi-single cpu=x86-64-v2-AES memory=8192 \
        sockets=1 cores=4 start=1 agent=1 bios=ovmf efidisk0=ceph:1,efitype=4m,pre-enrolled-keys=1 \
        ide2=nas:iso/debian-13.1.0-amd64-netinst.iso,media=cdrom scsi0=ceph:64,discard=on,iothread=1 \
        net0=virtio,bridge=vmbr0,firewall=1,tag=42 boot=order=scsi0;ide2;net0";
    shows(&h, call);
    h.press("enter").await;
    assert_eq!(h.writes(), [call]);
    h.until("Create VM 500 (db): done", 20.0).await;
    h.wait(6.0).await;
    assert!(h.runs(500), "start=1 starts it");
}

fn occupy(h: &Harness, vmid: u32) {
    h.sim(|sim| {
        let mut guest = Guest::new(vmid, Kind::Qemu, "pve2");
        guest.config.insert("name".into(), "faster".into());
        sim.cluster.guests.insert(vmid, guest);
        sim.cluster.touch();
    });
}

#[tokio::test(start_paused = true)]
async fn an_id_that_somebody_else_took_meanwhile() {
    let mut h = Harness::new().await;
    h.press("c down down 'web-02' pgdn pgdn pgdn pgdn down ctrl-u '3' pgdn pgdn pgdn pgdn").await;
    h.sees("cores=3");
    occupy(&h, 114);
    h.press("enter").await;
    assert_eq!(h.writes().len(), 1);
    // The error lands at the field, on its page, and everything typed is still there.
    h.sees("already exists");
    assert!(h.line("VM ID*").contains('▌'), "the field has the focus: {}", h.screen());
    h.sees("web-02");
    h.press("ctrl-u '115' pgdn pgdn pgdn pgdn pgdn pgdn pgdn pgdn").await;
    h.sees("vmid=115");
    h.sees("cores=3");
    h.press("enter").await;
    assert_eq!(h.writes()[1], DEFAULT.replace("114", "115").replace("cores=1", "cores=3"));
    h.until("Create VM 115 (web-02): done", 10.0).await;
}

#[tokio::test(start_paused = true)]
async fn an_id_that_is_taken_is_refused_while_it_is_typed() {
    let mut h = Harness::new().await;
    h.press("c down ctrl-u '104'").await;
    h.sees("is taken by VM gitea");
    occupy(&h, 600);
    h.press("ctrl-u '600'").await;
    h.sees("is already taken");
    h.press("ctrl-u '601'").await;
    h.sees_not("taken");
    assert_eq!(h.writes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_bad_name_is_refused_with_a_proposal() {
    let mut h = Harness::new().await;
    h.press("c down down 'my_vm' pgdn").await;
    assert!(h.line("1 General").contains('!'), "{}", h.screen());
    h.press("pgup").await;
    h.sees("must be a DNS name");
    h.sees("for example my-vm");
    h.press("ctrl-s").await;
    h.sees_not("This will be sent");
    h.press("enter pgdn alt-9 enter").await;
    assert_eq!(h.writes(), [""; 0]);
    h.press("alt-1").await;
    h.sees("for example my-vm");
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_server_land_at_their_fields() {
    let mut h = Harness::new().await;
    h.press("c pgdn pgdn pgdn pgdn pgdn pgdn pgdn pgdn").await;
    h.sees("scsi0=ceph:32");
    h.sim(|sim| drop(sim.cluster.storages.remove("ceph")));
    h.press("enter").await;
    assert_eq!(h.writes().len(), 1);
    h.sees("storage 'ceph' does not exist");
    assert!(h.line("Storage*").contains('▌'), "{}", h.screen());
}

#[tokio::test(start_paused = true)]
async fn leaving_asks_only_when_something_was_typed() {
    let mut h = Harness::new().await;
    h.press("c esc").await;
    h.sees("opnsense");
    h.press("c down down 'x' esc").await;
    h.sees("What was typed is lost");
    h.press("n").await;
    h.sees("General");
    h.press("esc y").await;
    h.sees("opnsense");
    h.sees_not("General");
}

#[tokio::test(start_paused = true)]
async fn another_node_has_other_storages() {
    let mut h = Harness::new().await;
    h.press("c").await;
    assert_eq!(h.calls("GET /nodes/pve1/storage enabled=1").len(), 1);
    h.press("enter 'pve3' enter pgdn pgdn").await;
    assert_eq!(h.calls("GET /nodes/pve3/storage enabled=1").len(), 1);
    h.press("pgdn pgdn pgdn pgdn pgdn pgdn").await;
    h.sees("POST /nodes/pve3/qemu");
    assert_eq!(h.writes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_unsure_creation_is_not_sent_again_by_itself() {
    let mut h = Harness::new().await;
    h.press("c down down 'web-02' pgdn pgdn pgdn pgdn pgdn pgdn pgdn pgdn").await;
    h.trouble("/nodes/pve1/qemu", Some(1), proxmux::sim::fault::Effect::Lost);
    h.press("enter").await;
    h.wait(30.0).await;
    assert_eq!(h.writes(), [DEFAULT]);
    h.sees("look into the task list before trying again");
    h.sees("name=web-02");
    assert!(h.sim(|s| s.cluster.guests.contains_key(&114)));
}

#[tokio::test(start_paused = true)]
async fn read_only_refuses_before_anything_is_filled_in() {
    let mut h = Setup { read_only: true, ..Setup::default() }.go().await;
    h.press("c").await;
    h.sees("Read-only mode");
    h.wait(10.0).await;
    assert_eq!(h.writes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_shows_the_call_and_keeps_it() {
    let mut h = Setup { dry_run: true, ..Setup::default() }.go().await;
    h.sees("DRY RUN");
    h.press("c down down 'web-02' alt-9 enter").await;
    h.wait(10.0).await;
    assert_eq!(h.writes(), [""; 0]);
    h.sees("dry run: the call was only shown");
    h.sees("name=web-02");
}

#[tokio::test(start_paused = true)]
async fn the_wizard_in_a_small_terminal() {
    let mut h = Setup::default().sized(40, 10).go().await;
    h.press("c down down 'web-02'").await;
    h.sees("web-02");
    h.press("pgdn pgdn pgdn pgdn pgdn pgdn pgdn pgdn").await;
    h.sees("This will be sent");
    for _ in 0..40 {
        h.press("j").await;
    }
    h.sees("Enter: send");
    h.press("enter").await;
    assert_eq!(h.writes(), [DEFAULT]);
}

#[tokio::test(start_paused = true)]
async fn two_disks_two_networks_uefi_and_a_tpm() {
    let mut h = Setup::default().sized(80, 24).go().await;
    h.press("c down down 'db-01' pgdn").await;
    // System: UEFI with its disk, a TPM.
    h.press("pgdn right").await;
    h.sees("EFI storage*");
    h.press("down down down down space").await;
    h.sees("TPM version");
    // Disks: the first with a limit among the advanced settings, the second on VirtIO.
    h.press("pgdn down down ctrl-u '16' f2 f3 f2").await;
    h.sees("Disk 2");
    h.press("enter 'virtio' enter down down ctrl-u '8'").await;
    // Network: the second in VLAN 20 with an address of its own; first a bad one.
    h.press("pgdn pgdn pgdn f3 down down '0x' ").await;
    h.sees("six pairs of hex digits");
    h.press("ctrl-u 'BC:24:11:00:00:77' down '20'").await;
    // Boot: the second disk, too.
    h.press("pgdn").await;
    h.sees("scsi0, ide2, net0");
    h.press("enter down space enter").await;
    h.sees("scsi0, ide2, net0, virtio0");
    h.press("pgdn s").await;
    h.sees("[x] start after creation");
    let call = "POST /nodes/pve1/qemu vmid=114 name=db-01 ostype=l26 scsihw=virtio-scsi-single cpu=x86-64-v2-AES \
        memory=2048 sockets=1 cores=1 start=1 bios=ovmf efidisk0=ceph:1,efitype=4m,pre-enrolled-keys=1 \
        tpmstate0=ceph:1,version=v2.0 ide2=none,media=cdrom scsi0=ceph:16,iothread=1 virtio0=ceph:8,iothread=1 \
        net0=virtio,bridge=vmbr0,firewall=1 net1=virtio=BC:24:11:00:00:77,bridge=vmbr0,firewall=1,tag=20 \
        boot=order=scsi0;ide2;net0;virtio0";
    h.press("enter").await;
    assert_eq!(h.writes(), [call]);
    h.until("Create VM 114 (db-01): done", 20.0).await;
    let config = h.sim(|s| s.cluster.guests[&114].config.clone());
    let begins = |key: &str, text: &str| assert!(config[key].starts_with(text), "{key}: {}", config[key]);
    begins("scsi0", "ceph:vm-114-disk-");
    begins("virtio0", "ceph:vm-114-disk-");
    begins("efidisk0", "ceph:vm-114-disk-");
    begins("tpmstate0", "ceph:vm-114-disk-");
    assert!(config["scsi0"].ends_with("size=16G") && config["virtio0"].ends_with("size=8G"), "{config:?}");
    begins("net0", "virtio=BC:24:11:");
    assert_eq!(config["net1"], "virtio=BC:24:11:00:00:77,bridge=vmbr0,firewall=1,tag=20");
    assert_eq!((config["bios"].as_str(), config["boot"].as_str()), ("ovmf", "order=scsi0;ide2;net0;virtio0"));
    h.wait(6.0).await;
    assert!(h.runs(114));
}
