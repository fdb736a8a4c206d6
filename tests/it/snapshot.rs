//! Snapshots: the tree, what is made, undone and removed, and what stands in the way.

use proxmux::sim::{fault::Effect as Trouble, scenario::Scenario};

use crate::harness::{Harness, Setup};

/// The snapshots of nextcloud (VM 102), which has a chain of two.
async fn nextcloud(size: (u16, u16)) -> Harness {
    let mut h = Setup::default().sized(size.0, size.1).go().await;
    h.press("/ 'nextcloud' enter n").await;
    h.until("pre-31-1", 2.0).await;
    h
}

#[tokio::test(start_paused = true)]
async fn the_tree_shows_age_and_the_present_state() {
    for size in [(80, 24), (120, 40)] {
        let h = nextcloud(size).await;
        h.sees("Snapshots");
        let lines: Vec<String> = ["pre-31 ", "pre-31-1", "NOW, running"].map(|t| h.line(t)).to_vec();
        assert!(lines[0].contains("12d 00h"), "{lines:?}");
        assert!(lines[1].contains("3d 04h"), "{lines:?}");
        let at = |text: &str| h.screen().lines().position(|l| l.contains(text)).unwrap();
        assert!(at("pre-31 ") < at("pre-31-1") && at("pre-31-1") < at("NOW"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_snapshot_holds_and_what_differs_now() {
    let mut h = nextcloud((80, 24)).await;
    h.press("enter").await;
    h.sees("Snapshot pre-31");
    h.sees("before Nextcloud 31");
    // Two changes wait for the next start.
    h.sees("2 settings differ from now:");
    h.sees("then 8192");
    h.sees("now  12288");
    h.sees_not("scsi0");
    h.press("tab").await;
    h.sees("scsi0");
    h.press("esc").await;
    h.sees("NOW, running");
}

#[tokio::test(start_paused = true)]
async fn one_is_deleted_and_then_gone() {
    let mut h = nextcloud((120, 40)).await;
    h.press("delete").await;
    h.sees("Delete snapshot pre-31 of VM 102 (nextcloud)?");
    h.sees("DELETE /nodes/pve2/qemu/102/snapshot/pre-31");
    h.press("enter").await;
    assert_eq!(h.writes(), [""; 0], "Enter means no");
    h.press("delete y").await;
    h.until("Delete snapshot pre-31 of VM 102 (nextcloud): done", 20.0).await;
    h.wait(6.0).await;
    assert_eq!(h.sim(|s| s.cluster.guests[&102].snapshots.keys().cloned().collect::<Vec<_>>()), ["pre-31-1"]);
    h.sees_not("before Nextcloud 31");
}

/// The server locks a guest while it deletes, so the next one is sent when the first has ended.
#[tokio::test(start_paused = true)]
async fn several_are_deleted_one_after_the_other() {
    let mut h = nextcloud((120, 40)).await;
    h.press("space space delete").await;
    h.sees("Delete 2 snapshots of VM 102 (nextcloud)?");
    h.press("y").await;
    assert_eq!(h.writes(), ["DELETE /nodes/pve2/qemu/102/snapshot/pre-31"]);
    h.wait(15.0).await;
    assert_eq!(h.writes().len(), 2);
    assert!(h.sim(|s| s.cluster.guests[&102].snapshots.is_empty()));
    assert!(
        h.sim(|s| s.cluster.tasks.list.iter().filter(|t| t.kind == "qmdelsnapshot").all(|t| t.exit() == Some("OK")))
    );
}

#[tokio::test(start_paused = true)]
async fn leaving_while_changes_wait_asks_first() {
    let mut h = nextcloud((80, 24)).await;
    h.press("space space delete y esc esc ctrl-c").await;
    h.sees("Leave? 1 change is not sent yet.");
    assert!(!h.quits());
    h.press("n").await;
    h.sees("Virtual machines");
    h.press("ctrl-c w").await;
    assert!(!h.quits());
    h.wait(15.0).await;
    assert!(h.quits(), "{}", h.screen());
    assert_eq!(h.writes().len(), 2, "all was sent");

    let mut h = nextcloud((80, 24)).await;
    h.press("space space delete y esc esc ctrl-c l").await;
    assert!(h.quits());
    assert_eq!(h.writes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn somebody_else_deletes_it_first() {
    let mut h = nextcloud((120, 40)).await;
    h.sim(|s| drop(s.cluster.guests.get_mut(&102).unwrap().snapshots.remove("pre-31-1")));
    h.press("down delete y").await;
    h.until("snapshot 'pre-31-1' does not exist", 10.0).await;
    h.wait(6.0).await;
    h.press("down up").await;
    h.sees_not("before the app updates");
    assert_eq!(h.writes().len(), 1, "{:?}", h.writes());
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_told_before() {
    let mut h = nextcloud((120, 40)).await;
    h.sim(|s| drop(s.cluster.guests.get_mut(&102).unwrap().config.insert("lock".into(), "backup".into())));
    h.until("The guest is locked (backup): the server refuses until that has ended.", 20.0).await;
    h.press("delete").await;
    h.sees("- The guest is locked (backup)");
    h.press("y").await;
    h.until("VM is locked (backup)", 10.0).await;
    assert_eq!(h.sim(|s| s.cluster.guests[&102].snapshots.len()), 2);
}

#[tokio::test(start_paused = true)]
async fn the_node_goes_away_and_comes_back() {
    let mut h = nextcloud((120, 40)).await;
    h.trouble("/nodes/pve2/", None, Trouble::Status(595, "No route to host".into()));
    h.wait(6.0).await;
    h.sees("No route to host");
    h.sees("pre-31-1");
    h.no_trouble();
    h.wait(6.0).await;
    h.sees_not("No route to host");
}

#[tokio::test(start_paused = true)]
async fn why_there_can_be_none() {
    let setup = Setup { scenario: Scenario::Homelab, ..Setup::default() };
    let mut h = setup
        .go_after(|sim| {
            let guest = sim.cluster.guests.get_mut(&102).unwrap();
            guest.config.insert("scsi2".into(), "/dev/disk/by-id/usb-stick,size=8G".into());
            guest.config.insert("scsi1".into(), "nas:102/vm-102-disk-0.raw,backup=0,size=500G".into());
        })
        .await;
    h.press("/ 'nextcloud' enter n").await;
    h.until("No snapshots can be made:", 2.0).await;
    h.sees("scsi1 is no qcow2 file on nas (nfs)");
    h.sees("scsi2 is the node's own /dev/disk/by-id/usb-stick");
    h.press("m").await;
    h.sees("scsi1 is no qcow2");
}

#[tokio::test(start_paused = true)]
async fn one_is_taken_with_ram() {
    for size in [(80, 24), (120, 40)] {
        let mut h = nextcloud(size).await;
        h.press("n").await;
        h.sees("Take a snapshot of VM 102 (nextcloud)");
        h.press("'1st' tab").await;
        h.sees("must begin with a letter");
        h.press("up ctrl-u 'pre-31' tab").await;
        h.sees("is the name of a snapshot of 102 already");
        h.press("up ctrl-u 'with-ram' tab space tab 'for the\\nfair' enter").await;
        h.sees("Take snapshot with-ram of VM 102 (nextcloud)?");
        h.sees("snapname=with-ram");
        h.press("y").await;
        h.until(" GiB", 90.0).await;
        assert_eq!(
            h.writes(),
            ["POST /nodes/pve2/qemu/102/snapshot snapname=with-ram description=for the\nfair vmstate=1"]
        );
        let line = h.line("with-ram");
        assert!(line.contains("GiB"), "the size of the memory: {line}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_typed_while_a_change_is_on_its_way_changes_nothing() {
    let mut h = nextcloud((80, 24)).await;
    h.press("n").await;
    h.press("'before'").await;
    h.trouble("/snapshot", Some(1), proxmux::sim::fault::Effect::Slow(8.0));
    h.press("ctrl-s y").await;
    h.wait(1.0).await;
    h.sees("Sending");
    h.press("'xyz' ctrl-s enter").await;
    h.sees("before");
    h.sees_not("beforex");
    h.press("esc").await;
    h.sees("The call is on its way all the same");
    h.press("n").await;
    h.wait(10.0).await;
    h.sees_not("Take a snapshot of");
    assert_eq!(h.writes().len(), 1);
    h.until("before", 10.0).await;
}

#[tokio::test(start_paused = true)]
async fn an_existing_name_of_a_second_client_is_told_by_the_task() {
    let mut h = nextcloud((120, 40)).await;
    h.press("n 'mine'").await;
    h.sim(|s| {
        let guest = s.cluster.guests.get_mut(&102).unwrap();
        let copy = guest.snapshots["pre-31"].clone();
        guest.snapshots.insert("mine".into(), copy);
    });
    h.press("ctrl-s y").await;
    h.until("snapshot name 'mine' already used", 10.0).await;
    assert_eq!(h.writes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_says_what_is_lost_and_wants_the_id() {
    let mut h = nextcloud((120, 40)).await;
    h.press("b").await;
    h.sees_not("The snapshot holds the memory");
    h.press("space enter").await;
    h.sees("Roll VM 102 (nextcloud) back to pre-31?");
    h.sees("Everything of the last 12d 00h is lost");
    h.sees("It is running: it is stopped at once, without shutting down, and is started afterwards.");
    h.sees("Newer snapshots stay, beside it: pre-31-1.");
    h.press("y enter").await;
    assert_eq!(h.writes(), [""; 0], "y is no id");
    h.press("backspace '102' enter").await;
    h.until("Roll VM 102 (nextcloud) back to pre-31: done", 60.0).await;
    assert_eq!(h.writes(), ["POST /nodes/pve2/qemu/102/snapshot/pre-31/rollback start=1"]);
    h.wait(6.0).await;
    assert!(h.runs(102));
    // What comes next branches off here.
    let screen = h.screen();
    let at = |text: &str| screen.lines().position(|l| l.contains(text)).unwrap();
    assert!(at("├─pre-31-1") < at("└─NOW, running"), "{screen}");
}

#[tokio::test(start_paused = true)]
async fn a_description_is_edited() {
    let mut h = nextcloud((120, 40)).await;
    h.press("e").await;
    h.sees("before Nextcloud 31");
    h.press("ctrl-s").await;
    h.sees("Nothing would change.");
    h.press("' (kept)' enter").await;
    h.sees("before Nextcloud 31 -> before Nextcloud 31 (kept)");
    h.press("y").await;
    h.until("before Nextcloud 31 (kept)", 8.0).await;
    assert_eq!(h.writes(), ["PUT /nodes/pve2/qemu/102/snapshot/pre-31/config description=before Nextcloud 31 (kept)"]);
}

#[tokio::test(start_paused = true)]
async fn old_ones_of_many_guests_go_with_one_confirmation() {
    let mut h = Harness::new().await;
    h.press("* N").await;
    h.sees("Delete old snapshots of");
    h.until("snapshots", 2.0).await;
    h.sees("days");
    h.press("ctrl-u '2' enter enter").await;
    h.sees("VM 102 (nextcloud): pre-31 (12d 00h), pre-31-1 (3d 04h)");
    h.sees("VM 100 (opnsense): before-25-7 (41d 00h)");
    let title = h.line("Delete ");
    assert!(title.contains("snapshots?"), "{title}");
    h.press("'3 snapshots' enter").await;
    h.wait(20.0).await;
    assert_eq!(h.writes().iter().filter(|w| w.starts_with("DELETE ")).count(), 3, "{:?}", h.writes());
    assert!(h.sim(|s| s.cluster.guests[&102].snapshots.is_empty() && s.cluster.guests[&100].snapshots.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn marked_guests_are_snapshot_with_one_proposal() {
    let mut h = Setup::default()
        .go_after(|sim| {
            let guest = sim.cluster.guests.get_mut(&101).unwrap();
            guest.config.insert("scsi2".into(), "nas:101/vm-101-disk-7.raw,size=8G".into());
        })
        .await;
    h.press("space space space n").await;
    h.sees("Take a snapshot of 3 guests");
    h.press("'before-move' ctrl-s").await;
    h.sees("Take snapshot before-move of 2 guests?");
    h.sees("Left out: VM 101 (homeassistant)");
    h.press("y").await;
    h.wait(20.0).await;
    let writes = h.writes();
    assert_eq!(writes.len(), 2, "{writes:?}");
    assert!(h.sim(|s| [100, 102].iter().all(|id| s.cluster.guests[id].snapshots.contains_key("before-move"))));
}

#[tokio::test(start_paused = true)]
async fn containers_have_the_same_without_ram() {
    let mut h = Setup { tab: '3', ..Setup::default() }.go().await;
    h.press("/ '204' enter n").await;
    h.until("fresh", 2.0).await;
    h.press("n").await;
    h.sees_not("With RAM");
    h.press("'later' enter enter y").await;
    h.until("of CT 204 (", 2.0).await;
    h.wait(12.0).await;
    assert_eq!(h.writes(), ["POST /nodes/pve1/lxc/204/snapshot snapname=later"]);
    h.press("b enter").await;
    h.sees("Shut it down first.");
}

#[tokio::test(start_paused = true)]
async fn read_only_lets_nothing_begin() {
    let mut h = Setup { read_only: true, ..Setup::default() }.go().await;
    h.press("/ 'nextcloud' enter n").await;
    h.until("pre-31-1", 2.0).await;
    for key in ["n", "b", "e", "N", "delete"] {
        h.press(key).await;
        assert!(h.footer().contains("Read-only"), "{key}: {}", h.footer());
    }
}
