//! Every change is written down before it is sent; what was asked can be seen; neither holds secrets.

use std::{fs, path::Path};

use proxmux::{
    audit::{Event, Line, Outcome, read_all, verify},
    shell::Effect,
    sim::fault::Effect as Trouble,
};

use crate::harness::{Harness, Setup};

const SECRET: &str = "hunter2-marked";

async fn with_trail(dir: &Path) -> Harness {
    Setup { audit: Some(dir.to_owned()), ..Setup::default() }.go().await
}

fn lines(dir: &Path) -> Vec<Line> {
    let (lines, report) = read_all(dir).unwrap();
    assert_eq!(report.problem, None);
    lines
}

#[tokio::test(start_paused = true)]
async fn audit_has_the_change_the_answer_and_the_end_of_the_task() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = with_trail(dir.path()).await;
    h.press("/ 'kali' enter s").await;
    assert!(lines(dir.path()).is_empty(), "nothing has been confirmed yet");
    h.press("y").await;
    h.until("Start VM 111 (kali): done", 30.0).await;
    h.wait(1.0).await;
    let lines = lines(dir.path());
    let events: Vec<Event> = lines.iter().map(|l| l.event).collect();
    assert_eq!(events, [Event::Write, Event::Answer, Event::Task]);
    assert_eq!(lines[0].user.as_deref(), Some("root@pam"));
    assert_eq!(lines[0].server.as_deref(), Some("pve1.home.example:8006"));
    assert_eq!(lines[0].label.as_deref(), Some("Start VM 111 (kali)"));
    assert_eq!(lines[0].wire().unwrap().to_string(), "POST /nodes/pve3/qemu/111/status/start");
    assert_eq!((lines[1].write, lines[1].outcome), (Some(1), Some(Outcome::Accepted)));
    assert_eq!((lines[2].upid.as_ref(), lines[2].status.as_deref()), (lines[1].upid.as_ref(), Some("OK")));
    assert!(lines[1].ms.is_some());
}

#[tokio::test(start_paused = true)]
async fn audit_tells_refusals_from_lost_answers() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = with_trail(dir.path()).await;
    h.trouble("status/start", Some(1), Trouble::Status(500, "no".into()));
    h.press("/ 'kali' enter s y").await;
    h.until("no", 10.0).await;
    h.trouble("status/start", Some(1), Trouble::Lost);
    h.press("s y").await;
    h.wait(40.0).await;
    let outcomes: Vec<_> = lines(dir.path()).iter().filter_map(|l| l.outcome).collect();
    assert_eq!(outcomes, [Outcome::Refused, Outcome::Unsure]);
}

#[tokio::test(start_paused = true)]
async fn audit_that_can_not_be_written_keeps_changes_here() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("no-folder");
    fs::write(&file, "").unwrap();
    let mut h = with_trail(&file).await;
    h.press("/ 'kali' enter s y").await;
    h.wait(2.0).await;
    h.sees("not sent, because the audit trail");
    assert!(h.writes().is_empty(), "{:?}", h.writes());
    assert!(!h.runs(111));
}

#[tokio::test(start_paused = true)]
async fn audit_that_was_cut_keeps_changes_here_until_it_is_put_aside() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = with_trail(dir.path()).await;
    h.press("/ 'kali' enter s y").await;
    h.until("done", 30.0).await;
    let trail = dir.path().join("audit.jsonl");
    let cut: String = fs::read_to_string(&trail).unwrap().lines().take(1).map(|l| format!("{l}\n")).collect();
    fs::write(&trail, &cut).unwrap();
    h.press("S y").await;
    h.wait(2.0).await;
    assert_eq!(h.writes().len(), 1, "{:?}", h.writes());
    assert_eq!(fs::read_to_string(&trail).unwrap(), cut);
    assert_eq!(verify(dir.path()).unwrap().problem.map(|p| p.line), Some(1));
    proxmux::audit::restart(dir.path()).unwrap();
    h.press("S y").await;
    h.wait(2.0).await;
    assert_eq!(h.writes().len(), 2, "{:?}", h.writes());
}

#[tokio::test(start_paused = true)]
async fn audit_and_requests_hold_no_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = with_trail(dir.path()).await;
    h.press("A").await;
    h.until("API of Proxmox VE 9", 5.0).await;
    h.press("/ 'method:post nodes/{node}/qemu' enter g").await;
    h.press("enter").await;
    h.press("esc / ").await;
    for _ in 0..60 {
        h.press("backspace").await;
    }
    h.press(&format!("'method:put access/password' enter enter '{SECRET}' tab 'alice@pve' f5 y")).await;
    h.wait(5.0).await;
    assert!(!h.writes().is_empty(), "{}", h.screen());
    h.press("esc esc esc @").await;
    h.until("/access/password", 3.0).await;
    h.sees_not(SECRET);
    h.press("e p").await;
    for effect in &h.console.for_terminal {
        if let Effect::Copy(text) = effect {
            assert!(!text.contains(SECRET), "{text}");
        }
    }
    for entry in fs::read_dir(dir.path()).unwrap().flatten() {
        let text = fs::read_to_string(entry.path()).unwrap();
        assert!(!text.contains(SECRET), "{}: {text}", entry.path().display());
    }
}

#[tokio::test(start_paused = true)]
async fn audit_of_a_session_becomes_a_script() {
    let mut h = Harness::new().await;
    h.press("@").await;
    h.wait(0.5).await;
    h.sees("/cluster/resources");
    h.press("e").await;
    h.sees("Nothing has been changed in this session");
    h.press("esc / 'kali' enter s y").await;
    h.until("done", 30.0).await;
    h.press("@").await;
    h.wait(1.5).await;
    h.press("/ 'method:post' enter").await;
    h.sees("/nodes/pve3/qemu/111/status/start");
    h.press("e p").await;
    let copied: Vec<_> = h
        .console
        .for_terminal
        .iter()
        .filter_map(|e| match e {
            Effect::Copy(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(copied, ["pvesh create /nodes/pve3/qemu/111/status/start"]);
    h.resize(80, 24).await;
    h.sees("1/status/start");
}
