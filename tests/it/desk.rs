//! Several clusters at once: switching, one list over all of them, and that each change goes to its own cluster.

use proxmux::sim::scenario::Scenario;

use crate::harness::{Harness, Second, Setup};

const LAB: Scenario = Scenario::Generated { nodes: 2, guests: 30 };

fn with(second: Second) -> Setup {
    Setup { others: vec![second], ..Setup::default() }
}

/// The homelab, and in front of it a small cluster opened by its profile.
async fn two(second: Second) -> Harness {
    let mut h = with(second).go().await;
    h.wait(1.0).await;
    h.press("ctrl-t").await;
    h.sees("Cluster: homelab");
    h.press("'edge' enter").await;
    h.wait(2.0).await;
    h
}

fn stopped(h: &Harness) -> (u32, String) {
    let found = h.store().resources.guests.iter().find(|g| g.status.as_str() == "stopped" && !g.template);
    found.map(|g| (g.vmid.get(), g.name.to_string())).unwrap()
}

fn changes(h: &Harness, other: usize) -> Vec<String> {
    let log = h.others[other].log.lock().unwrap();
    log.iter().filter(|c| !c.starts_with("GET ") && !c.starts_with("POST /access/ticket")).cloned().collect()
}

#[tokio::test(start_paused = true)]
async fn a_profile_is_opened_beside_the_first_cluster_and_both_stay() {
    let mut h = two(Second::new("edge", LAB)).await;
    let header = h.screen().lines().next().unwrap().to_owned();
    assert!(header.contains("edge") && header.contains("2/2"), "{header}");
    assert_eq!(h.store().resources.guests.len(), 30);
    // Back, with the keyboard alone; the first one is as it was left.
    h.press("ctrl-t 'homelab' enter").await;
    assert!(h.screen().lines().next().unwrap().contains("1/2"), "{}", h.screen());
    assert!(h.store().resources.guests.len() < 29);
    h.press("ctrl-t").await;
    h.sees("Cluster: edge");
    h.sees("30 guests");
    h.sees("in front");
    h.sees_not("Open: edge");
}

#[tokio::test(start_paused = true)]
async fn a_change_goes_to_the_cluster_in_front_and_its_end_is_told_in_the_other() {
    let mut h = two(Second::new("edge", LAB)).await;
    let home = h.writes().len();
    let (vmid, name) = stopped(&h);
    let tab =
        if h.store().resources.guests.iter().any(|g| g.vmid.get() == vmid && g.kind.label() == "VM") { 2 } else { 3 };
    h.press(&format!("{tab} / '{vmid}' enter s")).await;
    h.sees(&name);
    h.press("y").await;
    let sent = changes(&h, 0);
    assert!(sent.len() == 1 && sent[0].contains(&format!("/{vmid}/status/start")), "{sent:?}");
    assert_eq!(h.writes().len(), home, "the other cluster hears nothing of it");
    // Somewhere else meanwhile: the message names the cluster, and its log opens there.
    h.press("ctrl-t 'homelab' enter").await;
    h.until(&format!("edge: Start {} {vmid}", if tab == 2 { "VM" } else { "CT" }), 30.0).await;
    h.until(": done", 30.0).await;
    h.press("L").await;
    h.wait(0.5).await;
    assert!(h.screen().lines().next().unwrap().contains("2/2"), "{}", h.screen());
    h.sees(if tab == 2 { "qmstart" } else { "vzstart" });
}

#[tokio::test(start_paused = true)]
async fn one_cluster_offline_disturbs_no_other() {
    let mut h = two(Second::new("edge", LAB)).await;
    *h.others[0].refuses.lock().unwrap() = true;
    h.press("ctrl-t 'homelab' enter").await;
    h.wait(20.0).await;
    h.sees_not("offline");
    h.sees("3/3 nodes");
    h.press("ctrl-g").await;
    h.sees("All clusters (2, 1 offline)");
    // What the living one is asked for still comes.
    let before = h.calls("GET /cluster/resources").len();
    h.wait(11.0).await;
    assert!(h.calls("GET /cluster/resources").len() >= before + 2);
    *h.others[0].refuses.lock().unwrap() = false;
    h.wait(35.0).await;
    h.sees("All clusters (2):");
}

#[tokio::test(start_paused = true)]
async fn a_read_only_profile_holds_for_its_own_cluster_only() {
    let mut h = two(Second { read_only: true, ..Second::new("edge", LAB) }).await;
    h.sees("READ-ONLY");
    let (vmid, _) = stopped(&h);
    h.press(&format!("ctrl-g / '{vmid} cluster:edge' enter s")).await;
    h.sees("Read-only mode");
    assert!(changes(&h, 0).is_empty());
    h.press("ctrl-t 'homelab' enter").await;
    h.sees_not("READ-ONLY");
    h.press("2 / 'kali' enter s y").await;
    h.wait(1.0).await;
    assert_eq!(h.writes(), ["POST /nodes/pve3/qemu/111/status/start"]);
}

#[tokio::test(start_paused = true)]
async fn one_list_over_all_clusters_acts_on_the_right_one() {
    let mut h = two(Second::new("edge", LAB)).await;
    h.press("ctrl-g").await;
    h.sees("All clusters (2)");
    h.sees("homelab");
    h.press("/ 'kali' enter s").await;
    // The question stands in its own cluster.
    h.sees("Start VM 111 (kali)?");
    h.sees("homelab ┐");
    assert!(h.screen().lines().next().unwrap().contains("1/2"), "{}", h.screen());
    h.press("y").await;
    h.wait(1.0).await;
    assert_eq!(h.writes(), ["POST /nodes/pve3/qemu/111/status/start"]);
    assert!(changes(&h, 0).is_empty());
    // Enter opens a guest where it lives.
    let (vmid, name) =
        h.others[0].sim.lock().unwrap().cluster.guests.values().map(|g| (g.vmid, g.name())).next().unwrap();
    h.press(&format!("ctrl-g / 'cluster:edge id:{vmid}' enter enter")).await;
    h.wait(0.5).await;
    assert!(h.screen().lines().next().unwrap().contains("2/2"), "{}", h.screen());
    h.sees(&name);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_not_wanted_after_all_leads_back() {
    let mut h = with(Second { asks: true, ..Second::new("edge", LAB) }).go().await;
    h.wait(1.0).await;
    h.press("ctrl-t 'edge' enter").await;
    h.wait(1.0).await;
    h.sees("edge.example");
    h.sees("Password");
    h.press("esc").await;
    assert!(!h.quits());
    assert!(!h.screen().lines().next().unwrap().contains("/2"), "{}", h.screen());
    h.sees("homelab");
    // And again, with the password.
    h.press("ctrl-t 'edge' enter").await;
    h.wait(1.0).await;
    h.press("'proxmux' enter").await;
    h.wait(2.0).await;
    assert!(h.screen().lines().next().unwrap().contains("2/2"), "{}", h.screen());
}

#[tokio::test(start_paused = true)]
async fn a_cluster_is_closed_from_the_switcher_and_opened_again() {
    let mut h = two(Second::new("edge", LAB)).await;
    h.press("ctrl-t 'Close: edge' enter").await;
    h.wait(0.5).await;
    h.sees("edge is closed");
    let header = h.screen().lines().next().unwrap().to_owned();
    assert!(header.contains("homelab") && !header.contains("/2"), "{header}");
    // It is asked nothing any more, and the list over all clusters has forgotten it.
    let asked = h.others[0].log.lock().unwrap().len();
    h.wait(20.0).await;
    assert_eq!(h.others[0].log.lock().unwrap().len(), asked);
    h.press("ctrl-g").await;
    h.sees("All clusters (1)");
    h.press("esc ctrl-t").await;
    h.sees("Open: edge");
    h.sees_not("Close:");
    h.press("'Open: edge' enter").await;
    h.wait(2.0).await;
    let header = h.screen().lines().next().unwrap().to_owned();
    assert!(header.contains("edge") && header.contains("2/2"), "{header}");
    assert_eq!(h.store().resources.guests.len(), 30);
    // The first one may go as well; the other one stays where it is.
    h.press("ctrl-t 'Close: homelab' enter").await;
    h.wait(0.5).await;
    // The cluster's name, and no count of clusters behind it.
    h.sees("edge (generated)  root@pam");
    assert!(h.store().resources.guests.len() == 30 && !h.quits());
}

#[tokio::test(start_paused = true)]
async fn closing_a_cluster_with_work_under_way_asks_first() {
    let mut h = two(Second::new("edge", LAB)).await;
    let (vmid, _) = stopped(&h);
    h.press(&format!("ctrl-g / 'cluster:edge id:{vmid}' enter s y")).await;
    h.wait(0.6).await;
    h.press("ctrl-t 'Close: edge' enter").await;
    h.sees("Close edge? 1 tasks go on there, unwatched");
    h.press("n").await;
    h.press("ctrl-t").await;
    h.sees("Close: edge");
    h.press("'Close: edge' enter y").await;
    h.wait(30.0).await;
    h.press("ctrl-t").await;
    h.sees_not("Close: edge");
}

#[tokio::test(start_paused = true)]
async fn marks_over_several_clusters_act_with_one_question_that_names_each_call() {
    let mut h = two(Second::new("edge", LAB)).await;
    let (vmid, name) = stopped(&h);
    let kind = h.store().resources.guests.iter().find(|g| g.vmid.get() == vmid).unwrap().kind;
    h.press("ctrl-g").await;
    h.press(&format!("/ 'kali' enter space / ctrl-u 'cluster:edge id:{vmid}' enter space")).await;
    h.sees("2 marked");
    h.press("m").await;
    h.sees("2 guests of 2 clusters");
    h.press("s").await;
    h.sees("Start 2 guests in 2 clusters?");
    h.sees("homelab: Start VM 111 (kali)");
    h.sees("POST /nodes/pve3/qemu/111/status/start");
    h.sees(&format!("edge: Start {} {vmid} ({name})", kind.label()));
    h.press("y").await;
    h.wait(1.0).await;
    assert_eq!(h.writes(), ["POST /nodes/pve3/qemu/111/status/start"]);
    let sent = changes(&h, 0);
    assert!(sent.len() == 1 && sent[0].contains(&format!("/{vmid}/status/start")), "{sent:?}");
    h.wait(20.0).await;
    assert!(h.runs(111) && h.others[0].sim.lock().unwrap().cluster.guests[&vmid].running);
}

#[tokio::test(start_paused = true)]
async fn marks_leave_a_read_only_cluster_out_and_destroying_needs_the_count() {
    let mut h = two(Second { read_only: true, ..Second::new("edge", LAB) }).await;
    let (vmid, _) = stopped(&h);
    h.press(&format!("ctrl-g / 'kali' enter space / ctrl-u 'cluster:edge id:{vmid}' enter space delete")).await;
    h.sees("Destroy 1 guests in 1 clusters?");
    h.sees("edge: 1 guests are left out: read-only");
    h.sees("Type 1 guests to confirm");
    h.press("'1 guests' enter").await;
    h.wait(1.0).await;
    assert_eq!(h.writes().len(), 1);
    assert!(changes(&h, 0).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_profile_whose_secret_is_encrypted_asks_for_its_passphrase() {
    let sealed = Second { passphrase: Some("open sesame"), ..Second::new("edge", LAB) };
    let mut h = with(sealed).go().await;
    h.wait(1.0).await;
    h.press("ctrl-t 'edge' enter").await;
    h.wait(0.5).await;
    h.sees("The secret of profile edge is stored encrypted.");
    h.press("'open sesam' enter").await;
    h.wait(0.5).await;
    h.sees("the passphrase is wrong");
    h.sees_not("open sesam");
    h.press("'open sesame'").await;
    h.sees_not("sesame");
    h.press("enter").await;
    h.wait(2.0).await;
    assert!(h.screen().lines().next().unwrap().contains("2/2"), "{}", h.screen());
    // Who gives up is back where he was.
    let sealed = Second { passphrase: Some("open sesame"), ..Second::new("edge", LAB) };
    let mut h = with(sealed).go().await;
    h.wait(1.0).await;
    h.press("ctrl-t 'edge' enter").await;
    h.wait(0.5).await;
    h.press("esc").await;
    h.sees("homelab");
    h.sees_not("Passphrase");
    assert!(!h.quits());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_behind_asks_when_it_comes_to_the_front() {
    let mut h = two(Second { asks: false, ..Second::new("edge", LAB) }).await;
    h.press("ctrl-t 'homelab' enter").await;
    h.others[0].sim.lock().unwrap().cluster.access.users.get_mut("root@pam").unwrap().password = Some("new".into());
    h.others[0].sim.lock().unwrap().faults.add("/cluster", Some(1), proxmux::sim::fault::Effect::Expired);
    h.wait(30.0).await;
    h.sees_not("Password");
    h.press("ctrl-t 'edge' enter").await;
    h.sees("Password");
}

#[tokio::test(start_paused = true)]
async fn narrow_terminals_show_whose_cluster_it_is() {
    let mut h = Setup { size: (80, 24), ..with(Second::new("edge", LAB)) }.go().await;
    h.wait(1.0).await;
    h.press("ctrl-t 'edge' enter").await;
    h.wait(2.0).await;
    h.press("ctrl-g").await;
    h.sees("All clusters (2)");
    h.sees("Cluster");
    h.sees("Status");
    insta::assert_snapshot!(h.screen());
}
