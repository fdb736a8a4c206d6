//! Replication of a guest: why it can't be, and jobs with how they are doing.

use proxmux::sim::fault::Effect as Trouble;

use crate::harness::{Harness, Setup};

/// Gitea (VM 104) with its disk on ZFS.
async fn gitea(size: (u16, u16)) -> Harness {
    let mut h = Setup::default()
        .sized(size.0, size.1)
        .go_after(|sim| {
            let mut zfs = sim.cluster.storages["local-lvm"].clone();
            zfs.config.insert("type".into(), "zfspool".into());
            zfs.config.insert("pool".into(), "tank".into());
            sim.cluster.storages.insert("tank".into(), zfs);
            let guest = sim.cluster.guests.get_mut(&104).unwrap();
            let disks: Vec<String> = guest.config.keys().filter(|key| guest.is_disk(key)).cloned().collect();
            for key in disks {
                guest.config.insert(key.clone(), format!("tank:vm-104-{key},size=8G"));
            }
        })
        .await;
    h.press("/ 'gitea' enter enter O").await;
    h.until("Replication of VM 104 (gitea)", 3.0).await;
    h
}

#[tokio::test(start_paused = true)]
async fn what_is_not_on_zfs_is_named_before_anybody_tries() {
    let mut h = Harness::new().await;
    h.press("/ 'nextcloud' enter enter O").await;
    h.until("Only volumes on ZFS can be replicated", 3.0).await;
    h.press("a").await;
    assert!(h.footer().contains("Only volumes on ZFS"), "{}", h.footer());
    assert!(h.writes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_job_is_made_run_edited_switched_and_removed() {
    for size in [(80, 24), (120, 40)] {
        let mut h = gitea(size).await;
        h.until("no replication jobs", 2.0).await;
        h.press("a").await;
        h.until("Create replication job 104-0", 2.0).await;
        h.until("next ", 2.0).await;
        h.press("tab 'nonsense' enter").await;
        h.wait(1.0).await;
        h.press("ctrl-s").await;
        h.sees("unable to parse calendar event");
        h.press("'hourly' enter tab '50' ctrl-s").await;
        h.until("Create replication job 104-0 to ", 2.0).await;
        h.sees("POST /cluster/replication id=104-0 type=local target=");
        h.press("y").await;
        h.until("not yet run", 3.0).await;
        h.sees("every hour");

        h.wait(5.0).await;
        h.press("R").await;
        h.until("/replication/104-0/schedule_now", 2.0).await;
        h.press("y").await;
        h.until("running", 12.0).await;
        h.until(" ok ", 15.0).await;
        h.press("l").await;
        h.until("end replication job", 3.0).await;
        h.press("esc e").await;
        h.until("Edit replication job 104-0", 2.0).await;
        h.press("tab ctrl-u ctrl-s").await;
        h.sees("PUT /cluster/replication/104-0 delete=rate digest=");
        h.press("y").await;
        h.until("Change replication job 104-0: done", 3.0).await;
        h.wait(5.0).await;
        h.press("p").await;
        h.until("grows old meanwhile", 2.0).await;
        h.press("y").await;
        h.until(" off ", 3.0).await;
        h.wait(5.0).await;
        h.press("delete right ctrl-s").await;
        h.until("DELETE /cluster/replication/104-0 keep=1", 2.0).await;
        h.press("y").await;
        h.until("no replication jobs", 3.0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_else_is_faster() {
    let mut h = gitea((120, 40)).await;
    h.press("a").await;
    h.until("next ", 2.0).await;
    h.press("ctrl-s y").await;
    h.until("not yet run", 3.0).await;
    h.wait(5.0).await;
    h.press("e").await;
    h.until("Edit replication job 104-0", 2.0).await;
    h.press("tab tab 'mine'").await;
    h.sim(|sim| sim.cluster.section("replication").get_mut("104-0").unwrap().insert("rate".into(), "10".into()));
    h.press("ctrl-s y").await;
    h.wait(1.0).await;
    h.sees("Somebody else has changed the replication jobs meanwhile");
    // What the other one has set stands in the form, and is not undone.
    h.press("ctrl-s").await;
    h.sees("PUT /cluster/replication/104-0 comment=mine digest=");
    h.press("esc").await;
    h.sees("mine");
    h.press("esc y").await;
    // And it is gone before it is edited again.
    h.sim(|sim| drop(sim.cluster.section("replication").remove("104-0")));
    h.press("e").await;
    h.until("removed this job meanwhile", 3.0).await;
    h.until("no replication jobs", 6.0).await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_fails_says_why_and_a_node_that_is_away_makes_no_job_fail() {
    let mut h = gitea((120, 40)).await;
    h.press("a").await;
    h.until("next ", 2.0).await;
    h.press("ctrl-s y").await;
    h.until("not yet run", 3.0).await;
    h.sim(|sim| {
        let state =
            serde_json::json!({"last_sync": 1, "last_try": 2, "fail_count": 3, "error": "no tunnel IP received"});
        sim.cluster.extra.insert("replication-state/104-0".into(), state);
    });
    h.until("failed 3 times", 7.0).await;
    h.sees("Job 104-0 failed: no tunnel IP received");
    h.trouble("/replication", None, Trouble::Status(595, "No route to host".into()));
    h.wait(7.0).await;
    h.sees("No route to host");
    h.sees("failed 3 times");
}
