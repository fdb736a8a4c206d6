//! `proxmux vm destroy`, `ct destroy`, `permission` and what else there is for guests: the real program over HTTPS.

use crate::cli_image::Lab;

#[tokio::test(flavor = "multi_thread")]
async fn guests_are_destroyed_from_the_command_line() {
    let lab = Lab::new().await;
    let there = |vmid: u32| lab.server.with(|sim| sim.cluster.guests.contains_key(&vmid));
    let (code, out, _) = lab.run("--dry-run vm destroy 111 destroy-unreferenced-disks=1").await;
    assert_eq!(code, 0);
    assert_eq!(out.trim(), "pvesh delete /nodes/pve3/qemu/111 --purge 1 --destroy-unreferenced-disks 1");
    // Without a terminal nobody can be asked.
    let (code, _, err) = lab.run("vm destroy 111").await;
    assert!(code == 1 && err.contains("Deleted for ever: scsi0"), "{err}");
    assert!(there(111));
    let (code, out, err) = lab.run("vm destroy 111 purge=0 --yes").await;
    assert!(code == 0 && out.contains("Destroy VM 111 (kali): done"), "{out}{err}");
    assert!(!there(111));
    // One that runs is refused with the way out; of several it is left out, and named.
    let (code, _, err) = lab.run("vm destroy 100 --yes").await;
    assert!(code == 1 && err.contains("it is running: shut it down or stop it first"), "{err}");
    let (code, _, err) = lab.run("ct destroy 111").await;
    assert!(code == 1 && err.contains("111"), "{err}");
    let done = lab.json("vm destroy 100,109 --yes --json").await;
    assert_eq!(done.as_array().unwrap().len(), 1, "{done}");
    assert!(there(100) && !there(109));
    lab.json("template clone 9000 name=web-01 --json").await;
    let (code, _, err) = lab.run("vm destroy 9000 --yes").await;
    assert!(code == 1 && err.contains("linked clones stand on its disks"), "{err}");
    let (code, out, err) = lab.run("ct destroy 209 --yes --no-wait").await;
    assert!(code == 0 && out.contains("UPID:"), "{out}{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_from_the_command_line() {
    let lab = Lab::new().await;
    let (code, out, err) = lab.run("permission add 104 users=anna@pve roles=PVEVMUser propagate=0").await;
    assert!(code == 0 && out.contains("Give anna@pve PVEVMUser on /vms/104: done"), "{out}{err}");
    let list = lab.json("permission list /vms/104 --json").await;
    assert_eq!(list[0]["who"], "anna@pve");
    assert_eq!(list[0]["propagate"], false);
    let (_, out, _) = lab.run("permission list 104 --inherited").await;
    assert!(out.contains("PVEAuditor") && out.contains("not below"), "{out}");
    let (code, _, err) = lab.run("permission add 104 kind=group groups=nobody roles=PVEVMUser").await;
    assert!(code == 3 && err.contains("group 'nobody' does not exist"), "{err}");
    let (code, _, err) = lab.run("permission remove 104 anna@pve NoAccess --yes").await;
    assert!(code == 1 && err.contains("anna@pve has no NoAccess on /vms/104"), "{err}");
    let (code, out, err) = lab.run("permission remove 104 anna@pve PVEVMUser --yes").await;
    assert!(code == 0 && out.contains("done"), "{out}{err}");
    assert_eq!(lab.json("permission list 104 --json").await.as_array().unwrap().len(), 0);
}
