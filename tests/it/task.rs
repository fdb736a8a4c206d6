//! Tasks: the list, the log that is followed to its end, the status bar.

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
    assert!(h.footer().contains("Stop: not possible here"), "{}", h.footer());
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
