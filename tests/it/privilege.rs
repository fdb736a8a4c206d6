//! What a user may not do is said before the server has to; figures that the server hides are not shown as zero.

use proxmux::sim::access::User;

use crate::harness::{Harness, Setup};

#[tokio::test(start_paused = true)]
async fn privilege_that_is_missing_greys_the_action_and_is_named() {
    for (width, height) in [(120, 40), (80, 24)] {
        let mut h = Setup::as_user("auditor@pve", "auditor1").sized(width, height).go().await;
        h.wait(1.0).await;
        assert_eq!(h.calls("GET /access/permissions").len(), 1);
        h.press("/ 'kali' enter m").await;
        h.sees("you lack VM.PowerMgmt on /vms/111");
        h.press("s").await;
        h.press("esc s").await;
        h.sees("Start: you lack VM.PowerMgmt on /vms/111");
        assert!(h.writes().is_empty());
        h.wait(120.0).await;
        assert_eq!(h.calls("GET /access/permissions").len(), 1, "once per login");
    }
}

#[tokio::test(start_paused = true)]
async fn privilege_of_the_administrator_hides_nothing() {
    let mut h = Harness::new().await;
    h.wait(1.0).await;
    h.press("/ 'kali' enter m").await;
    h.sees_not("you lack");
    h.press("s").await;
    h.sees("Start VM 111 (kali)?");
    h.sees_not("You lack");
}

#[tokio::test(start_paused = true)]
async fn privilege_that_the_server_misses_is_named_after_the_call() {
    let mut h = Setup::as_user("auditor@pve", "auditor1").go().await;
    h.wait(1.0).await;
    h.press("A").await;
    h.until("API of Proxmox VE 9", 5.0).await;
    h.press("/ 'method:post qemu/{vmid}/status/start' enter enter tab '111' enter ctrl-s").await;
    h.sees("You lack VM.PowerMgmt on /vms/111: the server will refuse.");
    h.press("y").await;
    h.until("Ask an administrator for VM.PowerMgmt on /vms/111", 10.0).await;
}

#[tokio::test(start_paused = true)]
async fn privilege_figures_that_the_server_hides_are_not_zero() {
    let nobody = User { enable: true, password: Some("nothing12".into()), ..User::default() };
    let mut h = Setup { tab: '1', ..Setup::as_user("nobody@pve", "nothing12") }
        .go_after(|sim| drop(sim.cluster.access.users.insert("nobody@pve".into(), nobody)))
        .await;
    h.wait(2.0).await;
    let shown = h.store().resources.nodes.iter().any(|n| n.is_online() && !n.has_figures());
    assert!(shown, "{:?}", h.store().resources.nodes);
    h.sees("CPU      no access");
    h.sees("no access to its figures (Sys.Audit on /nodes/pve1)");
    h.sees_not("0.0%");
}
