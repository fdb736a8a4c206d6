//! The pages of the create-VM wizard: what they look like, what they know of the cluster, what they fill in by themselves.

use proxmux::sim::state::Volume;

use crate::harness::{Harness, Setup};

/// Every page with its advanced settings, from the frame's inside.
async fn pages(h: &mut Harness) -> String {
    let mut all = String::new();
    h.press("c down down 'web-02'").await;
    for page in 1..=9 {
        h.press(&format!("alt-{page}")).await;
        if page < 9 {
            h.press("f2").await;
        }
        h.wait(1.0).await;
        let screen = h.screen();
        let lines: Vec<&str> = screen.lines().skip(3).map(str::trim_end).collect();
        all.push_str(&lines[..lines.len() - 2].join("\n"));
        all.push('\n');
    }
    all
}

#[tokio::test(start_paused = true)]
async fn pages_at_80_by_24() {
    let mut h = Setup::default().sized(80, 24).go().await;
    insta::assert_snapshot!(pages(&mut h).await);
}

#[tokio::test(start_paused = true)]
async fn pages_at_120_by_40() {
    let mut h = Setup::default().sized(120, 40).go().await;
    insta::assert_snapshot!(pages(&mut h).await);
}

#[tokio::test(start_paused = true)]
async fn a_cloud_image_is_told_user_and_addresses() {
    let mut h = Setup::default().sized(120, 40).go().await;
    h.press("c down down 'web-02' alt-8 down space").await;
    h.sees("Drive's storage*");
    // User, domain, name servers; the password and the key are left empty.
    h.press("down down 'ops' down down down 'example.org' down 'dns'").await;
    h.sees("\"dns\" is no IP address");
    h.sim(|s| drop(s.cluster.guests.get_mut(&111).unwrap().config.insert("ipconfig0".into(), "ip=10.0.0.7/24".into())));
    h.press("ctrl-u '10.0.0.1 10.0.0.2' down down enter 'static' enter down '10.0.0.7/24'").await;
    h.until("VM 111 (kali) has this address in its configuration", 5.0).await;
    h.press("ctrl-u '10.0.0.5/24' down '10.0.1.1'").await;
    h.sees("is not in 10.0.0.0/24: its first address is 10.0.0.1");
    h.press("ctrl-u '10.0.0.1' alt-9").await;
    let call = "POST /nodes/pve1/qemu vmid=114 name=web-02 ostype=l26 scsihw=virtio-scsi-single cpu=x86-64-v2-AES memory=2048 \
        sockets=1 cores=1 ide2=none,media=cdrom scsi0=ceph:32,iothread=1 net0=virtio,bridge=vmbr0,firewall=1 \
        ide0=ceph:cloudinit ciuser=ops searchdomain=example.org nameserver=10.0.0.1 10.0.0.2 \
        ipconfig0=ip=10.0.0.5/24,gw=10.0.0.1 boot=order=scsi0;ide2;net0";
    h.press("enter").await;
    assert_eq!(h.writes(), [call]);
    h.until("Create VM 114 (web-02): done", 10.0).await;
    let config = h.sim(|s| s.cluster.guests[&114].config.clone());
    assert!(config["ide0"].contains("cloudinit") && config["ide0"].contains("media=cdrom"), "{config:?}");
}

/// A file on the storage `nas`.
fn put(h: &Harness, volid: &str, format: &str) {
    let volume = Volume {
        volid: volid.into(),
        content: "import".into(),
        format: format.into(),
        size: 1 << 30,
        ..Volume::default()
    };
    h.sim(|s| s.cluster.add_volume("pve1", volume));
}

#[tokio::test(start_paused = true)]
async fn an_appliance_fills_the_wizard_in() {
    let mut h = Harness::new().await;
    put(&h, "nas:import/shop.ova", "ova");
    h.press("c alt-2 down down down enter 'shop' enter").await;
    assert_eq!(h.calls("GET /nodes/pve1/storage/nas/import-metadata").len(), 1);
    h.sees("look through all pages");
    h.sees("ova-needs-extracting");
    h.press("alt-4").await;
    h.sees("nas:import/shop.ova/shop-disk1.vmdk");
    h.press("alt-9 enter").await;
    let call = h.writes().pop().unwrap();
    for part in [
        " name=shop ",
        " memory=1024 ",
        " scsi0=ceph:0,import-from=nas:import/shop.ova/shop-disk1.vmdk,",
        " net0=e1000,",
    ] {
        assert!(call.contains(part), "{part} in {call}");
    }
    h.until("Create VM 114 (shop): done", 30.0).await;
}

#[tokio::test(start_paused = true)]
async fn an_appliance_that_cannot_be_read_says_why_at_its_field() {
    let mut h = Harness::new().await;
    put(&h, "nas:import/shop.ova", "ova");
    h.press("c alt-2").await;
    h.sim(|s| drop(s.cluster.remove_volume("pve1", "nas:import/shop.ova")));
    h.press("down down down enter 'shop' enter").await;
    h.sees("can't be read");
    h.sees("does not");
}

#[tokio::test(start_paused = true)]
async fn the_last_values_can_be_had_again() {
    let mut h = Harness::new().await;
    h.press("c").await;
    h.press("f6").await;
    h.sees_not("Load the values of the last one");
    h.press("esc down down 'web-02' alt-5 down ctrl-u '3' pgdn ctrl-u '4096' alt-4 f3 alt-9 enter").await;
    h.until("Create VM 114 (web-02): done", 10.0).await;
    h.press("c").await;
    h.press("f6").await;
    h.sees("Load the values of the last one");
    h.press("enter alt-9").await;
    for part in ["vmid=115", "cores=3", "memory=4096", "scsi1=ceph:32,iothread=1"] {
        h.sees(part);
    }
    h.sees_not("name=web-02");
}

#[tokio::test(start_paused = true)]
async fn the_wizard_knows_the_cluster() {
    let mut h = Setup::default().sized(120, 40).go().await;
    h.press("c down down 'gitea'").await;
    h.sees("VM 104 has this name, too; gitea-2 is free");
    // Versions of machines and models of processors come from the node.
    h.press("alt-3 down down enter '9.2+pve1'").await;
    h.sees("q35 9.2+pve1");
    h.press("esc alt-5 down down enter 'Milan-v2'").await;
    h.sees("EPYC-Milan-v2");
    h.press("esc up ctrl-u '12'").await;
    h.sees("processors are promised, pve1 has 16");
    h.press("alt-4 down").await;
    h.sees("shared, snapshots, thin, network blocks");
    // What is thick and full is refused, what can't be snapshot is said.
    h.press("enter 'local' enter").await;
    h.press("down ctrl-u '99999'").await;
    h.sees("than there is");
}

#[tokio::test(start_paused = true)]
async fn a_file_of_the_node_is_for_root_only() {
    let mut h = Setup::as_user("operator@pve", "operator1").sized(120, 40).go().await;
    h.press("c alt-4 down down down enter '/root/x.qcow2' enter").await;
    h.sees("only root@pam may set this, not operator@pve");
    assert_eq!(h.writes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_missing_privilege_is_named_before_the_server_refuses() {
    let mut h = Setup::as_user("auditor@pve", "auditor1").sized(120, 40).go().await;
    h.press("c alt-9").await;
    h.sees("You lack VM.Allocate on /vms/1");
}

#[tokio::test(start_paused = true)]
async fn nothing_typed_is_lost_on_the_way() {
    let mut h = Setup::default().sized(80, 24).go().await;
    h.press("c down down 'web-02' alt-4 f3 down down ctrl-u '7' alt-7 f3 down down 'BC:24:11:00:00:09'").await;
    // Forth and back, to another node and back again.
    h.press("alt-1 pgdn pgdn pgup alt-9 pgup alt-1").await;
    h.press("up up enter 'pve3' enter enter 'pve1' enter alt-9").await;
    for part in ["name=web-02", "scsi1=ceph:7,iothread=1", "net1=virtio=BC:24:11:00:00:09"] {
        h.press("j j j j").await;
        assert!(
            h.screen().contains(part) || {
                h.press("k k k k k k k k").await;
                h.screen().contains(part)
            },
            "{part}: {}",
            h.screen()
        );
    }
}
