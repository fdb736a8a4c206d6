//! Backup jobs: listed, made, edited, run, switched, removed, also while somebody else is at it.

use crate::harness::{Harness, Setup};

async fn jobs() -> Harness {
    let mut h = Setup { tab: '7', ..Setup::default() }.go().await;
    h.wait(2.0).await;
    h
}

fn setting(h: &Harness, job: &str, key: &str) -> Option<String> {
    h.sim(|sim| sim.cluster.sections_of("jobs").and_then(|jobs| jobs.get(job)?.get(key).cloned()))
}

#[tokio::test(start_paused = true)]
async fn jobs_show_their_next_run_and_their_last_result() {
    let mut h = jobs().await;
    h.sees("every day at 02:30");
    h.sees("Sundays at 04:00");
    let line = h.line("backup-nightly");
    assert!(line.contains("OK") && line.contains("all but"), "{line}");
    assert!(h.line("backup-old").contains("never"), "{}", h.screen());
    h.press("/ 'nightly' enter l").await;
    h.until("Backup run", 2.0).await;
    h.sees("job backup-nightly");
    h.press("esc enter").await;
    h.until("Takes ", 2.0).await;
    h.sees("Next runs (every day at 02:30)");
    h.press("G").await;
    h.sees("+ ");
    // All that the list can do with it.
    h.press("p").await;
    h.until("Switch the backup job backup-nightly off?", 2.0).await;
    h.press("y").await;
    h.press("g").await;
    h.until("It is switched off: none of these happens.", 3.0).await;
    assert_eq!(setting(&h, "backup-nightly", "enabled").as_deref(), Some("0"));
    h.press("e").await;
    h.until("Edit the backup job backup-nightly", 2.0).await;
    h.press("esc R").await;
    h.until("POST /nodes/", 3.0).await;
    h.press("esc delete").await;
    h.sees("Remove the backup job backup-nightly?");
    h.press("esc").await;
    h.resize(80, 24).await;
    h.press("esc").await;
    // Whatever the width: when it runs next, and how it went.
    let line = h.line("backup-nightly");
    assert!(line.contains("every day at 02:30") && line.contains(" 02:30 ") && line.contains("OK, "), "{line}");
}

#[tokio::test(start_paused = true)]
async fn a_job_is_made_with_a_schedule_that_the_server_has_checked() {
    let mut h = jobs().await;
    h.press("c").await;
    h.until("Create a backup job", 1.0).await;
    h.until("next run ", 2.0).await;
    h.sees("every day at 21:00");
    h.press("'nonsense' enter").await;
    h.wait(1.0).await;
    h.press("ctrl-s").await;
    h.sees("unable to parse calendar event");
    h.press("'sun 01:00' enter").await;
    h.until("next run Sun ", 2.0).await;
    h.sees("Sundays at 01:00");
    h.press("tab right").await;
    h.sees("containers,");
    h.press("ctrl-s").await;
    // All but none: those to leave out are missing.
    h.sees("is required");
    h.press("enter '111' space enter ctrl-s").await;
    h.until("Create this backup job?", 2.0).await;
    h.sees("The next runs: Sun ");
    h.sees("It takes ");
    h.sees("POST /cluster/backup schedule=sun 01:00 all=1 exclude=111");
    h.press("y").await;
    h.until("Create a backup job: done", 3.0).await;
    h.until("all but 111", 3.0).await;
    assert_eq!(h.writes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_edit_sends_only_what_was_changed() {
    let mut h = jobs().await;
    h.press("/ 'weekly' enter e").await;
    h.until("Edit the backup job backup-weekly-nas", 2.0).await;
    h.press("'mon..fri 02:30' enter").await;
    h.until("Monday to Friday at 02:30", 2.0).await;
    h.press("ctrl-s").await;
    h.until("schedule: sun 04:00 becomes mon..fri 02:30", 2.0).await;
    h.press("y").await;
    h.wait(1.0).await;
    assert_eq!(h.writes(), ["PUT /cluster/backup/backup-weekly-nas schedule=mon..fri 02:30"]);
    h.until("Monday to Friday at 02:30", 3.0).await;
    // Keys of others stay.
    assert_eq!(setting(&h, "backup-weekly-nas", "prune-backups").as_deref(), Some("keep-last=2"));
}

#[tokio::test(start_paused = true)]
async fn another_selection_takes_the_old_one_away() {
    let mut h = jobs().await;
    h.press("/ 'weekly' enter e").await;
    h.until("Edit the backup job", 2.0).await;
    h.press("tab left").await;
    h.press("ctrl-s").await;
    h.until("vmid: 101,113 becomes not set", 2.0).await;
    h.press("y").await;
    h.wait(1.0).await;
    assert_eq!(h.writes(), ["PUT /cluster/backup/backup-weekly-nas all=1 delete=vmid"]);
}

#[tokio::test(start_paused = true)]
async fn retention_shows_what_it_would_remove_today() {
    let mut h = jobs().await;
    h.press("/ 'weekly' enter e").await;
    h.until("Edit the backup job", 2.0).await;
    h.until("today removes ", 2.0).await;
    h.press("ctrl-s").await;
    h.sees("Nothing would change");
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_edit_is_noticed() {
    let mut h = jobs().await;
    h.press("/ 'weekly' enter e").await;
    h.until("Edit the backup job", 2.0).await;
    h.sim(|sim| {
        let job = sim.cluster.section("jobs").get_mut("backup-weekly-nas").unwrap();
        job.insert("mode".into(), "suspend".into());
    });
    h.until("Somebody else has changed this job meanwhile: mode is suspend now", 8.0).await;
    // What was left alone follows, so that the edit does not undo the other one.
    h.press("'daily' enter").await;
    h.wait(1.0).await;
    h.press("ctrl-s").await;
    h.until("schedule: sun 04:00 becomes daily", 2.0).await;
    h.press("y").await;
    h.wait(1.0).await;
    assert_eq!(h.writes(), ["PUT /cluster/backup/backup-weekly-nas schedule=daily"]);
    assert_eq!(setting(&h, "backup-weekly-nas", "mode").as_deref(), Some("suspend"));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_somebody_else_has_removed_is_said_to_be_gone() {
    let mut h = jobs().await;
    h.sim(|sim| sim.cluster.section("jobs").remove("backup-weekly-nas"));
    h.press("/ 'weekly' enter e").await;
    h.until("Somebody else has removed this job meanwhile", 3.0).await;
    h.wait(2.0).await;
    h.sees_not("Sundays at 04:00");
    assert!(h.writes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_job_runs_now_on_the_nodes_that_have_its_guests() {
    let mut h = jobs().await;
    h.press("/ 'weekly' enter R").await;
    h.until("Run the backup job backup-weekly-nas now?", 2.0).await;
    h.sees("pve1: 2 guests.");
    h.sees("Running guests are shut down for their backup and started again.");
    h.press("y").await;
    h.until("started", 3.0).await;
    let calls = h.writes();
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert!(calls[0].starts_with("POST /nodes/pve1/vzdump vmid=101,113 compress=zstd mode=stop"), "{calls:?}");
    assert!(calls[0].ends_with("job-id=backup-weekly-nas"), "{calls:?}");
    h.wait(900.0).await;
    let line = h.line("backup-weekly-nas");
    assert!(line.contains("OK"), "{line}");
}

#[tokio::test(start_paused = true)]
async fn a_job_is_switched_off_and_on_and_removed() {
    let mut h = jobs().await;
    h.press("/ 'weekly' enter p").await;
    h.until("Switch the backup job backup-weekly-nas off?", 2.0).await;
    h.press("y").await;
    h.wait(2.0).await;
    assert_eq!(setting(&h, "backup-weekly-nas", "enabled").as_deref(), Some("0"));
    assert!(h.line("backup-weekly-nas").contains("never"));
    h.press("p").await;
    h.until("Switch the backup job backup-weekly-nas on?", 2.0).await;
    h.press("y").await;
    h.wait(2.0).await;
    assert_eq!(setting(&h, "backup-weekly-nas", "enabled").as_deref(), Some("1"));
    h.press("delete").await;
    h.sees("The backups that it has made stay.");
    h.press("y").await;
    h.wait(2.0).await;
    assert_eq!(setting(&h, "backup-weekly-nas", "enabled"), None);
    h.sees("none of 2 matches");
}
