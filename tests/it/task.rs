//! Tasks: the list, the log that is followed to its end, the status bar.

use proxmux::{app::Notify, shell::Effect, sim::fault::Effect as Trouble};

use crate::harness::{Harness, Setup};

#[tokio::test(start_paused = true)]
async fn the_log_is_followed_to_its_end_and_then_left_alone() {
    let mut h = Harness::new().await;
    h.press("/ 'gitea' enter m r y L").await;
    h.sees("Tasks > VM 104 - Reboot");
    h.until("TASK OK", 60.0).await;
    h.sees("✓ OK");
    h.wait(6.0).await;
    let asked = h.calls("GET /nodes/pve1/tasks/").len();
    h.wait(30.0).await;
    assert_eq!(h.calls("GET /nodes/pve1/tasks/").len(), asked, "a task that has ended is not asked about");
    assert_eq!(h.screen().matches("TASK OK").count(), 1);
    h.press("esc").await;
    h.sees("gitea");
}

#[tokio::test(start_paused = true)]
async fn a_long_log_comes_in_full_and_in_order() {
    let mut h = Harness::new().await;
    let upid = h.sim(|sim| {
        let script = proxmux::sim::task::Script::new().lines((1..=4500).map(|n| format!("line {n}")));
        sim.cluster.start_task("root@pam", "pve2", "vzdump", "", script)
    });
    h.wait(6.0).await;
    h.press("9 enter").await;
    h.until("TASK OK", 5.0).await;
    h.sees("line 4500");
    h.press("g").await;
    h.sees("line 1");
    h.sees("line 2");
    assert_eq!(h.calls("GET /nodes/pve2/tasks/").iter().filter(|c| c.contains("/log")).count(), 3, "{upid}");
}

#[tokio::test(start_paused = true)]
async fn the_list_filters_opens_and_stops() {
    let mut h = Setup { tab: '9', ..Setup::default() }.go().await;
    h.sees("Backup Job");
    h.press("/ 'status:error' enter").await;
    h.sees("✗");
    h.sees_not("✓");
    h.press("enter").await;
    h.until("Tasks > ", 1.0).await;
    h.until("✗", 3.0).await;
    h.press("esc x").await;
    assert!(h.footer().contains("Stop: no task that runs is selected"), "{}", h.footer());
    // A guest without a system in it does not obey: its shutdown runs for three minutes.
    h.press("2 / 'legacy-erp' enter S y 9 esc").await;
    h.until("VM 113 - Shutdown", 6.0).await;
    h.press("/ 'status:running' enter x").await;
    h.sees("Stop the task \"VM 113 - Shutdown\"?");
    h.press("y").await;
    let writes = h.writes();
    assert!(writes[1].starts_with("DELETE /nodes/pve1/tasks/UPID%3Apve1%3A"), "{writes:?}");
    h.wait(10.0).await;
    assert_eq!(h.sim(|s| s.cluster.tasks.running().count()), 0);
    assert!(h.runs(113));
}

#[tokio::test(start_paused = true)]
async fn the_status_bar_shows_running_tasks_until_they_end() {
    let mut h = Harness::new().await;
    h.press("/ 'legacy-erp' enter S y").await;
    h.wait(5.0).await;
    assert!(h.footer().contains("Shutdown VM 113 (legacy-erp)"), "{}", h.footer());
    h.sees("tasks 1");
    h.press("1").await;
    assert!(h.footer().contains("Shutdown VM 113 (legacy-erp)"), "on every tab: {}", h.footer());
    h.wait(185.0).await;
    assert!(h.footer().contains("failed"), "{}", h.footer());
    h.sees_not("tasks 1");
}

#[tokio::test(start_paused = true)]
async fn a_task_of_a_node_that_dies_stays_unknown_and_is_found_again() {
    let mut h = Harness::new().await;
    h.press("/ 'legacy-erp' enter S y").await;
    h.wait(2.0).await;
    h.trouble("/nodes/pve1/tasks", None, proxmux::sim::fault::Effect::Status(595, "No route to host".into()));
    h.wait(20.0).await;
    assert!(h.footer().contains("Shutdown VM 113 (legacy-erp) ?"), "{}", h.footer());
    h.no_trouble();
    h.wait(6.0).await;
    assert!(h.footer().contains("Shutdown VM 113 (legacy-erp) …"), "{}", h.footer());
}

/// Fifty starts are followed by the cluster's list, not by a hundred questions per second, and slow answers do not make
/// the console spin.
#[tokio::test(start_paused = true)]
async fn many_tasks_cost_few_questions() {
    let scenario = proxmux::sim::scenario::Scenario::Generated { nodes: 4, guests: 50 };
    let mut h = Setup { scenario, ..Setup::default() }.go().await;
    h.press("*").await;
    h.press("S").await;
    h.sim(|sim| sim.faults.latency = 0.4);
    h.press("y").await;
    h.wait(60.0).await;
    let polls = h.calls("GET /nodes/").len();
    assert!(h.writes().len() > 10, "{:?}", h.writes());
    assert!(polls < 60 * 2 * 4 * 3, "{polls} questions in a minute");
    h.wait(300.0).await;
    assert_eq!(h.store().followed.len(), 0, "{:?}", h.store().followed);
}

/// Who may not read a log is told so once, and the server is left alone.
#[tokio::test(start_paused = true)]
async fn a_refused_log_is_not_asked_for_again_and_again() {
    for (status, reason) in [(403, "Permission check failed (/nodes/pve1, Sys.Audit)"), (404, "no such task")] {
        let mut h = Setup { tab: '9', ..Setup::default() }.go().await;
        h.trouble("/tasks/UPID", None, Trouble::Status(status, reason.into()));
        h.press("enter").await;
        h.wait(1.0).await;
        h.sees(&format!("unknown: {}", reason.split(' ').next().unwrap()));
        let asked = h.calls("GET /nodes/").len();
        h.wait(60.0).await;
        assert_eq!(h.calls("GET /nodes/").len(), asked, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_of_a_node_that_is_away_is_unknown_until_it_is_back() {
    let mut h = Harness::new().await;
    h.press("/ 'legacy-erp' enter S y L").await;
    h.until("Tasks > VM 113 - Shutdown", 3.0).await;
    h.trouble("/nodes/pve1/tasks", None, Trouble::Status(595, "No route to host".into()));
    h.wait(6.0).await;
    h.sees("? unknown: No route to host");
    h.no_trouble();
    h.wait(8.0).await;
    h.sees("running");
    h.sees_not("No route to host");
}

#[tokio::test(start_paused = true)]
async fn a_running_task_of_a_dead_node_is_unknown_in_the_list() {
    let mut h = Harness::new().await;
    h.press("/ 'legacy-erp' enter S y 9").await;
    h.until("VM 113 - Shutdown", 6.0).await;
    assert!(h.line("VM 113 - Shutdown").contains("running"));
    // The node's last word stays in the cluster's list: the simulated one leaves it out, so only the node's state changes.
    h.trouble("/cluster/tasks", None, Trouble::Status(500, "broken".into()));
    h.sim(|s| s.cluster.nodes.get_mut("pve1").unwrap().online = false);
    h.wait(12.0).await;
    assert!(h.line("VM 113 - Shutdown").contains("? unknown"), "{}", h.line("VM 113 - Shutdown"));
}

#[tokio::test(start_paused = true)]
async fn progress_and_the_time_that_is_left_stand_in_list_and_log() {
    let mut h = Setup { tab: '9', ..Setup::default() }.go().await;
    h.sim(|sim| {
        let mut script = proxmux::sim::task::Script::new().log("create full clone of drive scsi0 (ceph:vm-104-disk-0)");
        for n in 0..=20 {
            script = script.log(format!("transferred {}.0 GiB of 20.0 GiB ({}.00%)", n, n * 5)).wait(4.0);
        }
        sim.cluster.start_task("root@pam", "pve2", "qmclone", "104", script);
    });
    h.wait(26.0).await;
    let line = h.line("VM 104 - Clone");
    assert!(line.contains('%') && line.contains(" left"), "{line}");
    h.press("g enter").await;
    h.wait(10.0).await;
    h.sees("of 20.0 GiB");
    h.sees("left");
    h.sees("█");
    h.until("TASK OK", 90.0).await;
    h.wait(2.0).await;
    h.sees_not(" left");
    h.until("took 1m", 6.0).await;
}

#[tokio::test(start_paused = true)]
async fn the_past_is_searched_on_the_nodes() {
    for size in [(80, 24), (120, 40)] {
        let mut h = Setup { tab: '9', ..Setup::default() }.sized(size.0, size.1).go().await;
        h.press("f").await;
        h.sees("Which tasks?");
        h.press("down 'fail' enter").await;
        h.press("down down down down 'yesterday' tab").await;
        h.sees("write it like 24h, 7d");
        h.press("up ctrl-u '60d' ctrl-s").await;
        h.until("job errors", 2.0).await;
        h.sees_not("✓");
        let calls = h.calls("GET /nodes/pve2/tasks ");
        assert!(calls[0].contains("source=archive since=") && calls[0].contains("statusfilter=error"), "{calls:?}");
        assert_eq!(h.calls("GET /nodes/pve1/tasks ").len(), 1);
        // A node that is away is named; what the others know stays.
        h.trouble("/nodes/pve3/tasks", None, Trouble::Status(595, "No route to host".into()));
        h.press("f ctrl-s").await;
        h.until("pve3: No route to host", 3.0).await;
        h.sees("job errors");
        h.press("/ 'job' enter enter").await;
        h.until("Backup job finished with errors", 3.0).await;
        h.press("esc esc esc").await;
        h.sees("Tasks of the cluster");
    }
}

#[tokio::test(start_paused = true)]
async fn a_guest_shows_its_own_past() {
    let mut h = Harness::new().await;
    h.press("/ 'gitea' enter m r y").await;
    h.wait(3.0).await;
    h.press("enter H").await;
    h.until("VM 104 - Reboot", 3.0).await;
    h.sees("Tasks > History > guest 104");
    h.sees_not("VM 100");
}

#[tokio::test(start_paused = true)]
async fn a_log_is_saved_and_nothing_overwritten_by_accident() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.log");
    let name = file.display().to_string();
    let mut h = Setup { tab: '9', ..Setup::default() }.go().await;
    h.press("/ 'status:error' enter enter").await;
    h.until("Backup job finished with errors", 3.0).await;
    h.press("W").await;
    h.sees("task-vzdump-");
    h.press(&format!("ctrl-u '{name}' enter")).await;
    saved(&mut h, "Saved").await;
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.ends_with("TASK ERROR: job errors\n"), "{text}");
    std::fs::write(&file, "mine").unwrap();
    h.press(&format!("W ctrl-u '{name}' enter")).await;
    saved(&mut h, "is there already").await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    h.press("ctrl-o").await;
    saved(&mut h, "Saved").await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    h.press(&format!("W ctrl-u '{}/none/x' enter", folder.path().display())).await;
    saved(&mut h, "can't be written").await;
}

/// Files are written by threads that know nothing of a paused clock.
async fn saved(h: &mut Harness, words: &str) {
    for _ in 0..200 {
        if h.screen().contains(words) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
        h.wait(0.001).await;
    }
    h.sees(words);
}

#[tokio::test(start_paused = true)]
async fn the_terminal_is_told_when_that_is_wanted() {
    for (notify, sequence) in [
        (Notify::Osc9, Some("\x1b]9;Start VM 109 (truenas-test): done\x07")),
        (Notify::Osc777, Some("\x1b]777;notify;proxmux;Start VM 109 (truenas-test): done\x07")),
        (Notify::Off, None),
    ] {
        let mut h = Setup { notify, ..Setup::default() }.go().await;
        h.press("/ 'truenas' enter s y").await;
        h.until("done", 20.0).await;
        let told: Vec<&str> = h
            .console
            .for_terminal
            .iter()
            .filter_map(|e| if let Effect::Notify(text) = e { Some(text.as_str()) } else { None })
            .collect();
        assert_eq!(told, Vec::from_iter(sequence));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_said_can_be_read_again() {
    let mut h = Harness::new().await;
    h.trouble("/status/start", Some(1), Trouble::Status(500, "got no worker upid - start worker failed".into()));
    h.press("/ 'truenas' enter s y").await;
    h.wait(1.0).await;
    h.press("down").await;
    h.sees_not("start worker failed");
    h.press("!").await;
    h.sees("Messages, newest first");
    let line = h.line("ERROR");
    assert!(line.contains("2026-05-28 ") && line.contains("Start VM 109 (truenas-test): got no worker upid"), "{line}");
    h.press("/ 'worker' enter esc esc").await;
    h.sees("truenas-test");
}
