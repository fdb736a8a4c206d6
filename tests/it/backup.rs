//! Backups: looked at, made, restored, changed, pruned, and what goes wrong with them.

use proxmux::sim::fault::Effect as Trouble;

use crate::harness::{Harness, Setup};

/// The tab with all backups.
async fn backups() -> Harness {
    let mut h = Setup { tab: '6', ..Setup::default() }.go().await;
    h.wait(2.0).await;
    h
}

fn volumes(h: &Harness, of: u32) -> usize {
    h.sim(|sim| {
        let all = sim.cluster.volumes_of("pve1", "nas").chain(sim.cluster.volumes_of("pve1", "pbs"));
        all.filter(|v| v.content == "backup" && v.vmid == Some(of)).count()
    })
}

#[tokio::test(start_paused = true)]
async fn backups_of_all_storages_stand_in_one_list_and_shared_storages_are_asked_once() {
    let mut h = backups().await;
    h.sees("homeassistant");
    h.sees("opnsense");
    let asked = |h: &Harness, storage: &str| h.calls("GET /nodes/").iter().filter(|c| c.contains(storage)).count();
    assert_eq!(asked(&h, "/storage/nas/content"), 1, "{:?}", h.calls("GET /nodes/"));
    assert_eq!(asked(&h, "/storage/pbs/content"), 1);
    assert_eq!(asked(&h, "/storage/local/content"), 3, "local storages are asked on each node");
    h.press("/ 'storage:nas' enter").await;
    h.sees("homeassistant");
    h.sees("wiki-old");
    h.sees_not("opnsense");
    h.press("/").await;
    h.press("ctrl-u 'is:protected id:100' enter").await;
    h.sees("protected");
    h.sees("✓ ok");
    assert_eq!(h.screen().matches("pbs-vm").count(), 1, "{}", h.screen());
    h.resize(80, 24).await;
    h.sees("opnsense");
}

#[tokio::test(start_paused = true)]
async fn by_guest_it_shows_who_has_no_fresh_backup_and_who_is_in_no_job() {
    let mut h = backups().await;
    h.sees("13 without a backup, 1 older than 7 days, 2 in no job, 1 failed run in 7 days");
    h.resize(80, 24).await;
    h.sees("13 never, 1 old, 2 in no job, 1 failed run");
    h.resize(120, 40).await;
    h.press("tab").await;
    h.press("/ 'is:uncovered' enter").await;
    h.sees("truenas-test");
    h.sees("never");
    h.sees_not("opnsense");
    h.press("/").await;
    h.press("ctrl-u 'name:homeassistant' enter enter").await;
    h.until("Backups of VM 101 homeassistant", 2.0).await;
    h.until("vma.zst", 2.0).await;
    assert!(h.calls("GET /nodes/").iter().any(|c| c.contains("/storage/nas/content content=backup vmid=101")));
}

#[tokio::test(start_paused = true)]
async fn failed_runs_name_the_guests_they_failed_for() {
    let mut h = backups().await;
    h.press("tab tab").await;
    h.sees("job errors");
    h.press("enter").await;
    h.until("failed: ", 3.0).await;
    h.sees("Backup run");
    h.sees("done in");
    // The log tells numbers, the cluster the names.
    h.sees("103 mailcow");
    h.press("esc shift-tab").await;
    h.sees("Failed since");
}

#[tokio::test(start_paused = true)]
async fn a_guest_is_backed_up_now_and_its_run_is_followed() {
    let mut h = Harness::new().await;
    h.press("/ 'kali' enter enter").await;
    h.until("Configuration", 2.0).await;
    h.press("b").await;
    h.until("no backups (b makes one)", 3.0).await;
    h.press("b").await;
    h.until("Back up VM 111 (kali) now", 1.0).await;
    h.sees("free");
    // There is no earlier backup to go by.
    h.sees("at most 40 GiB");
    h.press("ctrl-s").await;
    h.sees("Notes of the backup: \"kali\".");
    h.sees("Back up VM 111 (kali)?");
    h.sees("POST /nodes/pve3/vzdump vmid=111 storage=pbs mode=snapshot");
    h.sees("remove=0");
    h.press("y").await;
    h.until("started", 2.0).await;
    h.press("L").await;
    h.until(" left", 10.0).await;
    h.sees("of 40.0 GiB");
    h.sees("VM    111 kali");
    h.until("1 done", 600.0).await;
    h.sees("done in");
    h.press("esc").await;
    h.until("pbs-vm", 20.0).await;
    assert_eq!(volumes(&h, 111), 1);
    assert_eq!(h.writes().len(), 1, "{:?}", h.writes());
}

#[tokio::test(start_paused = true)]
async fn marked_guests_of_several_nodes_are_backed_up_with_one_call_for_each_node() {
    let mut h = Setup { tab: '3', ..Setup::default() }.go().await;
    h.press("/ 'pihole' enter * b").await;
    h.until("Back up 2 guests now", 2.0).await;
    // Storage, mode: by suspending.
    h.press("tab right").await;
    h.sees("they are paused meanwhile");
    h.press("ctrl-s").await;
    h.sees("CT 200 (pihole) runs: it is suspended for a while.");
    h.sees("Notes of a backup, for example: \"pihole\".");
    h.sees("POST /nodes/pve1/vzdump vmid=200");
    h.sees("POST /nodes/pve3/vzdump vmid=201");
    h.press("y").await;
    h.wait(2.0).await;
    assert_eq!(h.writes().len(), 2);
    h.wait(600.0).await;
    assert_eq!((volumes(&h, 200), volumes(&h, 201)), (5, 1));
}

#[tokio::test(start_paused = true)]
async fn a_run_over_several_guests_shows_each_result() {
    let mut h = Harness::new().await;
    // One of them is locked: its backup fails, the other's does not.
    h.press("/ 'node:pve2' enter").await;
    h.press("/").await;
    h.press("ctrl-u 'nextcloud' enter space").await;
    h.press("/").await;
    h.press("ctrl-u 'backup-restore' enter space").await;
    h.press("/ ctrl-u enter b").await;
    h.until("Back up 2 guests now", 2.0).await;
    h.press("ctrl-s").await;
    h.sees("its backup will fail");
    h.press("y").await;
    h.until("started", 2.0).await;
    h.press("L").await;
    h.wait(900.0).await;
    h.sees("1 done, 1 failed");
    h.sees("failed: VM is locked (backup)");
    h.sees("done in");
    h.until("job errors", 10.0).await;
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_fills_up_fails_the_run_and_leaves_the_guest_usable() {
    let mut h = backups().await;
    h.press("/ 'storage:nas id:101' enter b").await;
    h.until("Back up VM 101 (homeassistant) now", 2.0).await;
    h.press("'nas' enter").await;
    h.wait(1.0).await;
    // Somebody else fills it meanwhile.
    h.sim(|sim| {
        let nas = sim.cluster.storages.get_mut("nas").unwrap();
        nas.used = nas.total;
    });
    h.press("ctrl-s").await;
    h.until("POST /nodes/pve1/vzdump", 2.0).await;
    h.press("y").await;
    h.until("failed", 900.0).await;
    h.press("L").await;
    h.until("No space left on device", 3.0).await;
    h.until("0 done, 1 failed", 3.0).await;
    assert!(h.runs(101));
    assert_eq!(h.sim(|sim| sim.cluster.guests[&101].lock().map(str::to_owned)), None);
    assert_eq!(h.writes().len(), 1, "nothing is repeated: {:?}", h.writes());
}

#[tokio::test(start_paused = true)]
async fn a_backup_shows_its_configuration_and_how_the_guest_differs_now() {
    let mut h = backups().await;
    h.sim(|sim| {
        let config = &mut sim.cluster.guests.get_mut(&101).unwrap().config;
        config.insert("cores".into(), "6".into());
    });
    h.press("/ 'storage:nas id:101' enter c").await;
    h.until("machine: q35", 2.0).await;
    h.sees("cores: 2");
    h.press("tab").await;
    h.until("- cores: 6", 2.0).await;
    h.sees("+ cores: 2");
}

#[tokio::test(start_paused = true)]
async fn a_backup_becomes_a_new_guest() {
    let mut h = backups().await;
    h.press("/ 'storage:nas id:113' enter R").await;
    h.until("Restore the backup of VM 113 (legacy-erp)", 2.0).await;
    h.wait(1.0).await;
    h.sees("114");
    h.press("pgdn").await;
    h.sees("Unique");
    h.press("space pgdn").await;
    h.sees("was legacy-erp");
    h.press("'erp-copy' tab '4096' pgdn").await;
    h.sees("In the backup: name legacy-erp");
    h.sees("POST /nodes/pve1/qemu");
    h.sees("unique=1");
    h.sees("name=erp-copy");
    h.sees("memory=4096");
    h.press("s").await;
    h.sees("start=1");
    h.press("enter").await;
    h.until("started", 2.0).await;
    h.until("Restore VM 114 from", 5.0).await;
    h.until(": done", 900.0).await;
    h.wait(10.0).await;
    let (name, running) = h.sim(|sim| {
        let guest = &sim.cluster.guests[&114];
        (guest.name(), guest.running)
    });
    assert_eq!((name.as_str(), running), ("erp-copy", true));
    assert_eq!(h.writes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_running_guest_is_replaced_only_after_its_id_was_typed_and_it_was_stopped() {
    let mut h = backups().await;
    h.press("/ 'storage:nas id:101' enter R").await;
    h.wait(2.0).await;
    h.press("right").await;
    h.sees("its disks are deleted first");
    h.sees("It is running");
    // Without the id there is no way to the end.
    h.press("ctrl-s").await;
    h.sees("is required");
    h.press("'100'").await;
    h.press("ctrl-s").await;
    h.sees("type 101 to say that this guest may be replaced");
    h.press("backspace backspace backspace '101' tab").await;
    // Nor while nobody has said how it is stopped.
    h.press("ctrl-s").await;
    h.sees("is required");
    h.press("right ctrl-s").await;
    h.sees("its disks are deleted first, and everything since the backup (5 d ago) is lost");
    h.sees("It is running: it is shut down first");
    h.sees("POST /nodes/pve1/qemu/101/status/shutdown");
    h.sees("force=1");
    h.press("enter").await;
    h.wait(1.0).await;
    assert_eq!(h.writes().len(), 1, "the restore waits: {:?}", h.writes());
    h.until("Restore VM 101 from", 60.0).await;
    assert!(!h.runs(101), "{}", h.screen());
    h.wait(900.0).await;
    let calls = h.writes();
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert!(calls[0].starts_with("POST /nodes/pve1/qemu/101/status/shutdown"), "{calls:?}");
    assert!(calls[1].starts_with("POST /nodes/pve1/qemu vmid=101 archive=nas:backup/"), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_does_not_go_down_is_not_replaced() {
    let mut h = backups().await;
    h.press("/ 'storage:nas id:101' enter R").await;
    h.wait(2.0).await;
    h.press("right tab '101' tab right ctrl-s").await;
    h.sees("it is shut down first");
    h.trouble("/nodes/pve1/qemu/101/status/shutdown", None, Trouble::Status(500, "VM is locked (backup)".into()));
    h.press("enter").await;
    h.until("therefore: Restore VM 101 from", 5.0).await;
    h.wait(60.0).await;
    assert_eq!(h.writes().len(), 1, "{:?}", h.writes());
    assert!(h.runs(101));
}

#[tokio::test(start_paused = true)]
async fn a_container_is_restored_with_its_volumes_on_other_storages() {
    let mut h = backups().await;
    h.press("/ 'storage:nas id:209' enter R").await;
    h.until("Restore the backup of CT 209", 2.0).await;
    h.wait(1.0).await;
    h.press("pgdn").await;
    // Unique, start, limit, HA, privilege level, other storages.
    h.press("down down down down down space down").await;
    h.sees("8 GiB at /, was on ceph");
    h.press("'local-lvm' enter").await;
    h.press("pgdn pgdn").await;
    h.sees("POST /nodes/pve2/lxc");
    h.sees("restore=1");
    h.sees("rootfs=local-lvm:8");
    h.press("enter").await;
    h.until(": done", 900.0).await;
    let rootfs = h.sim(|sim| sim.cluster.guests[&114].get("rootfs").unwrap_or_default().to_owned());
    assert!(rootfs.starts_with("local-lvm:"), "{rootfs}");
}

#[tokio::test(start_paused = true)]
async fn a_restore_whose_node_goes_away_stays_unknown_and_is_found_again() {
    let mut h = backups().await;
    h.press("/ 'storage:nas id:113' enter R").await;
    h.wait(2.0).await;
    h.press("pgdn pgdn pgdn enter").await;
    h.until("started", 2.0).await;
    h.trouble("/nodes/pve1/tasks", None, Trouble::Status(595, "No route to host".into()));
    h.trouble("/cluster/tasks", None, Trouble::Status(595, "No route to host".into()));
    h.wait(30.0).await;
    assert!(h.store().followed.iter().any(|f| f.unknown), "{:?}", h.store().followed);
    h.sees_not(" failed:");
    h.no_trouble();
    h.until(": done", 900.0).await;
    assert_eq!(h.writes().len(), 1, "a restore is never sent twice");
}

#[tokio::test(start_paused = true)]
async fn drives_that_the_backup_does_not_hold_are_named_and_stay() {
    let mut h = backups().await;
    h.press("/ 'storage:pbs id:102' enter R").await;
    h.wait(2.0).await;
    h.press("enter down enter down '102' down enter down enter pgdn pgdn pgdn").await;
    h.sees("scsi0 64G.");
    h.sees("Not in the backup, and not restored: scsi1 (backup=0).");
    h.sees("unused disk");
    h.press("enter").await;
    h.until(": done", 900.0).await;
    h.wait(10.0).await;
    h.press("c").await;
    h.wait(2.0).await;
    h.press("tab").await;
    h.sees("unused0: nas:102/vm-102-disk-0.qcow2");
}

#[tokio::test(start_paused = true)]
async fn protected_backups_are_not_removed_and_the_way_out_is_told() {
    let mut h = backups().await;
    h.press("/ 'is:protected id:100' enter delete").await;
    assert!(h.footer().contains("p takes the protection away"), "{}", h.footer());
    assert!(h.writes().is_empty());
    h.press("p").await;
    h.sees("Take the protection from the backup of VM 100 (opnsense)");
    h.press("y").await;
    h.wait(1.0).await;
    assert!(h.writes()[0].ends_with(" protected=0"), "{:?}", h.writes());
    h.press("/").await;
    h.press("ctrl-u 'id:100' enter").await;
    h.wait(1.0).await;
    assert_eq!(h.screen().matches("  protected").count(), 0, "{}", h.screen());
}

#[tokio::test(start_paused = true)]
async fn removed_backups_leave_the_list_and_one_that_is_gone_already_is_said_to_be() {
    let mut h = backups().await;
    h.press("/ 'storage:nas id:101' enter delete").await;
    h.sees("become free");
    h.press("y").await;
    h.wait(12.0).await;
    assert_eq!(volumes(&h, 101), 1);
    assert_eq!(h.screen().matches("vma.zst").count(), 1, "{}", h.screen());
    // Somebody else is faster.
    h.sim(|sim| {
        let volid = sim.cluster.volumes_of("pve1", "nas").find(|v| v.content == "backup" && v.vmid == Some(101));
        let volid = volid.unwrap().volid.clone();
        sim.cluster.remove_volume("pve1", &volid);
    });
    h.press("delete").await;
    assert!(h.footer().contains("look at what is selected now"), "{}", h.footer());
    h.press("delete").await;
    h.sees("No good backup of guest 101 is left then.");
    h.press("y").await;
    // The server says so with success, too.
    h.until(": done", 10.0).await;
    h.sees("none of 31 matches");
}

#[tokio::test(start_paused = true)]
async fn notes_are_read_in_full_and_changed() {
    let mut h = backups().await;
    h.press("/ 'storage:nas id:113' enter e").await;
    h.wait(1.0).await;
    h.press("end ' before\\nthe upgrade' ctrl-s").await;
    h.sees("Change the notes?");
    h.press("y").await;
    h.wait(2.0).await;
    let notes = h.sim(|sim| {
        let found = sim.cluster.volumes_of("pve1", "nas").find(|v| v.content == "backup" && v.vmid == Some(113));
        found.unwrap().notes.clone()
    });
    assert!(notes.as_deref().is_some_and(|n| n.ends_with(" before\nthe upgrade")), "{notes:?}");
    h.until(" before", 3.0).await;
}

#[tokio::test(start_paused = true)]
async fn pruning_shows_what_goes_before_anything_goes() {
    let mut h = backups().await;
    h.press("/ 'storage:nas id:101' enter P").await;
    h.until("removes 0, keeps 2", 2.0).await;
    h.sees("The other backups of this guest on this storage are removed; protected ones stay.");
    h.resize(80, 24).await;
    h.sees("protected ones stay.");
    h.resize(120, 40).await;
    // Nothing to do: nothing is sent.
    h.press("ctrl-s").await;
    h.sees("Nothing would change");
    h.press("tab backspace '1'").await;
    h.until("removes 1, keeps 1", 2.0).await;
    h.press("ctrl-s").await;
    h.sees("Goes: ");
    h.press("'1 backup' enter").await;
    h.until(": done", 10.0).await;
    assert_eq!(volumes(&h, 101), 1);
    let calls = h.writes();
    assert!(calls[0].contains("/storage/nas/prunebackups prune-backups=keep-last=1 vmid=101 type=qemu"), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn files_in_a_backup_of_a_backup_server_are_browsed_and_fetched() {
    let mut h = backups().await;
    h.press("/ 'storage:nas id:101' enter f").await;
    assert!(h.footer().contains("nas is no Backup Server"), "{}", h.footer());
    h.press("/").await;
    h.press("ctrl-u 'storage:pbs id:204' enter f").await;
    h.until("root.pxar.didx/", 2.0).await;
    h.press("enter").await;
    h.until("etc/", 2.0).await;
    h.press("/ 'home' enter enter").await;
    h.until("admin/", 2.0).await;
    h.press("enter").await;
    h.until("notes.txt", 2.0).await;
    h.press("d").await;
    h.until("Saved ", 5.0).await;
    let line = h.line("Saved ");
    let path = line.split("Saved ").nth(1).and_then(|l| l.split(" (").next()).unwrap().trim().to_owned();
    let text = std::fs::read_to_string(&path);
    std::fs::remove_file(&path).ok();
    assert_eq!(text.unwrap(), "the notes of grafana\n");
    h.press("backspace").await;
    h.until("admin/", 2.0).await;
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_does_not_answer_does_not_hide_the_others() {
    let setup = Setup { tab: '6', ..Setup::default() };
    let mut h = setup
        .go_after(|sim| sim.faults.add("/storage/pbs/content", None, Trouble::Status(500, "connection refused".into())))
        .await;
    h.wait(2.0).await;
    h.sees("pbs: ");
    h.sees("connection refused");
    h.sees("homeassistant");
}

#[tokio::test(start_paused = true)]
async fn read_only_mode_changes_nothing() {
    let mut h = Setup { tab: '6', read_only: true, ..Setup::default() }.go().await;
    h.wait(2.0).await;
    for key in ["b", "R", "e", "p", "P", "delete"] {
        h.press(key).await;
        h.sees("Read-only mode");
        h.press("esc").await;
    }
    assert!(h.writes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_backup_that_is_removed_while_the_wizard_is_open_restores_nothing() {
    let mut h = backups().await;
    h.press("/ 'storage:nas id:113' enter R").await;
    h.until("Restore the backup of VM 113", 2.0).await;
    h.wait(1.0).await;
    h.press("pgdn pgdn pgdn").await;
    h.sees("In the backup: name legacy-erp");
    h.sim(|sim| {
        let found = sim.cluster.volumes_of("pve1", "nas").find(|v| v.content == "backup" && v.vmid == Some(113));
        let volid = found.unwrap().volid.clone();
        sim.cluster.remove_volume("pve1", &volid);
    });
    h.press("enter").await;
    h.wait(20.0).await;
    assert_eq!(h.writes().len(), 1, "sent once: {:?}", h.writes());
    assert!(!h.sim(|sim| sim.cluster.guests.contains_key(&114)), "{}", h.screen());
    assert!(h.screen().contains("113"), "{}", h.screen());
}

#[tokio::test(start_paused = true)]
async fn the_log_of_a_run_has_the_keys_of_every_log() {
    let mut h = backups().await;
    h.press("tab tab enter").await;
    h.until("1 failed", 3.0).await;
    // The next error, a search, and saving.
    h.press("e").await;
    h.sees("ERROR: Backup of VM 103 failed");
    h.press("/ 'finished' enter").await;
    h.sees("/finished");
    h.press("W").await;
    h.sees("Save to a file on this machine");
    h.sees("task-vzdump-node-");
}
