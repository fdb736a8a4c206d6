//! The API browser: the server's own description, forms, calls, answers.

use proxmux::sim::fault::Effect as Trouble;

use crate::harness::{Harness, Setup};

#[tokio::test(start_paused = true)]
async fn api_a_read_is_sent_at_once_and_its_answer_can_be_searched() {
    let mut h = Harness::new().await;
    h.press("A").await;
    h.until("API of Proxmox VE 9", 5.0).await;
    h.press("/ 'qemu/{vmid}/status/current' enter").await;
    h.sees("GET /nodes/{node}/qemu/{vmid}/status/current");
    h.press("enter tab '100' enter").await;
    h.sees("GET /nodes/pve1/qemu/100/status/current");
    h.press("ctrl-s").await;
    h.until("ballooninfo", 5.0).await;
    assert_eq!(h.calls("GET /nodes/pve1/qemu/100/status/current").len(), 1);
    assert!(h.writes().is_empty());
    h.press("/ 'qmp' enter").await;
    h.sees("/qmp  1 found");
    h.sees("qmpstatus: running");
    h.press("y").await;
    h.sees("Copied qmpstatus");
    h.press("R").await;
    h.wait(1.0).await;
    assert_eq!(h.calls("GET /nodes/pve1/qemu/100/status/current").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn api_a_change_is_shown_confirmed_and_its_task_followed() {
    for (width, height) in [(120, 40), (80, 24)] {
        let mut h = Setup::default().sized(width, height).go().await;
        h.press("A").await;
        h.until("API of Proxmox VE 9", 5.0).await;
        h.press("/ 'method:post qemu/{vmid}/snapshot' enter enter").await;
        h.sees("POST /nodes/{node}/qemu/{vmid}/snapshot");
        h.press("tab '100' enter tab 'before'").await;
        h.sees("POST /nodes/pve1/qemu/100/snapshot snapname=before");
        h.press("ctrl-s").await;
        h.sees("Send POST /nodes/pve1/qemu/100/snapshot?");
        h.sees("pvesh create /nodes/pve1/qemu/100/snapshot --snapname before");
        assert!(h.writes().is_empty());
        h.press("enter").await;
        assert!(h.writes().is_empty(), "Enter alone sends nothing");
        h.press("ctrl-s y").await;
        h.until("POST .../100/snapshot: done", 60.0).await;
        assert_eq!(h.writes(), ["POST /nodes/pve1/qemu/100/snapshot snapname=before"]);
    }
}

#[tokio::test(start_paused = true)]
async fn api_rules_are_checked_here_and_the_servers_complaints_find_their_field() {
    let mut h = Harness::new().await;
    h.press("A").await;
    h.until("API of Proxmox VE 9", 5.0).await;
    h.press("/ 'method:post path-of-nothing' enter").await;
    h.press("/").await;
    for _ in 0..40 {
        h.press("backspace").await;
    }
    h.press("'method:post access/users' enter").await;
    h.press("g enter").await;
    h.sees("POST /access/users");
    h.press("ctrl-s").await;
    h.sees("is required");
    h.press("'nobody'").await;
    h.press("ctrl-s").await;
    let said = h.screen();
    if said.contains("Send POST") {
        h.press("y").await;
        h.wait(2.0).await;
    }
    h.sees("userid");
    assert!(h.screen().contains("nobody"), "what was typed stays:\n{}", h.screen());
    h.press("esc").await;
    h.sees("Esc again to leave");
    h.press("esc").await;
    h.sees("API of Proxmox VE 9");
}

#[tokio::test(start_paused = true)]
async fn api_secrets_are_masked_on_the_way_out() {
    let mut h = Harness::new().await;
    h.press("A").await;
    h.until("API of Proxmox VE 9", 5.0).await;
    h.press("/ 'method:put access/password' enter enter").await;
    h.press("'hunter2-marked' tab 'alice@pve'").await;
    h.sees("password=********");
    h.press("ctrl-s").await;
    h.sees_not("hunter2");
    h.press("ctrl-y c").await;
    assert!(!h.console.for_terminal.is_empty());
    for effect in &h.console.for_terminal {
        if let proxmux::shell::Effect::Copy(text) = effect {
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn api_every_method_of_the_table_is_there_with_its_path() {
    let mut h = Harness::new().await;
    let methods = h.sim(|sim| sim.cluster.table.methods().len());
    h.press("A").await;
    h.until("API of Proxmox VE 9", 5.0).await;
    assert!(methods > 600);
    h.sees(&methods.to_string());
}

#[tokio::test(start_paused = true)]
async fn api_a_server_without_description_gets_the_kept_one() {
    let cache = tempfile::tempdir().unwrap();
    {
        let mut h = Setup { cache: Some(cache.path().to_owned()), ..Setup::default() }.go().await;
        h.press("A").await;
        h.until("API of Proxmox VE 9", 5.0).await;
    }
    let kept: Vec<_> = std::fs::read_dir(cache.path()).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&kept[0]).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let mut h = Setup { cache: Some(cache.path().to_owned()), ..Setup::default() }.go().await;
    h.trouble("apidoc.js", None, Trouble::Status(500, "the manual is not installed".into()));
    h.press("A").await;
    h.until("this one was kept of 9", 5.0).await;
    h.sees("GET /access");

    // A kept one that is broken is told, and left as it is.
    std::fs::write(&kept[0], "[{\"path\":").unwrap();
    let mut h = Setup { cache: Some(cache.path().to_owned()), ..Setup::default() }.go().await;
    h.trouble("apidoc.js", None, Trouble::Status(500, "the manual is not installed".into()));
    h.press("A").await;
    h.until("remove the file", 5.0).await;
    assert_eq!(std::fs::read_to_string(&kept[0]).unwrap(), "[{\"path\":");
    h.no_trouble();
    h.press("R").await;
    h.until("GET      /access", 5.0).await;
}

#[tokio::test(start_paused = true)]
async fn api_in_read_only_mode_reads_work_and_changes_do_not() {
    let mut h = Setup { read_only: true, ..Setup::default() }.go().await;
    h.press("A").await;
    h.until("API of Proxmox VE 9", 5.0).await;
    h.press("/ 'method:delete access/users' enter g enter").await;
    h.press("'x@pve' ctrl-s").await;
    h.sees("Read-only mode");
    assert!(h.writes().is_empty());
}
