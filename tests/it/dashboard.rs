//! The dashboard, and the frame around every view.

use proxmux::sim::scenario::Scenario;

use crate::harness::{Harness, Setup};

async fn dashboard(width: u16, height: u16) -> Harness {
    Setup { tab: '1', ..Setup::default() }.sized(width, height).go().await
}

/// Replaces what changes from second to second.
fn steady(screen: &str) -> String {
    let mut out = String::new();
    for line in screen.lines() {
        let line: String = line.chars().filter(|c| !"█▉▊▋▌▍▎▏░".contains(*c)).collect();
        let line: String = line.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        out.push_str(line.split_whitespace().collect::<Vec<_>>().join(" ").trim_end());
        out.push('\n');
    }
    out
}

#[tokio::test(start_paused = true)]
async fn pictures() {
    let h = dashboard(80, 24).await;
    for text in ["Guests", "11 VM", "Cluster - PVE 9", "3 of 3 online", "Needs attention (2)", "Busiest guests (20)"] {
        h.sees(text);
    }
    let h = Setup::default().sized(80, 24).go().await;
    insta::assert_snapshot!("vms_80x24", steady(&h.screen()));
}

/// PVE's figure is already the share of the whole node.
#[tokio::test(start_paused = true)]
async fn the_cpu_of_a_node_is_shown_as_pve_reports_it() {
    let h = dashboard(120, 40).await;
    for name in ["pve1", "pve2", "pve3"] {
        let node = h.store().node(name).unwrap();
        assert!(node.maxcpu >= 8.0 as _);
        let wanted = format!("{:.0}%", f64::from(node.cpu) * 100.0);
        let line = h.line(&format!("● {name}"));
        assert!(line.contains(&wanted), "{wanted}: {line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_dies_needs_attention() {
    let mut h = dashboard(120, 40).await;
    h.sees("3/3 nodes");
    h.sim(|sim| {
        sim.cluster.nodes.get_mut("pve2").unwrap().online = false;
        sim.cluster.touch();
    });
    h.wait(6.0).await;
    h.sees("2/3 nodes");
    h.sees("Node pve2 is offline");
    h.sees("✗ pve2");
    h.sim(|sim| {
        sim.cluster.nodes.get_mut("pve3").unwrap().online = false;
        sim.cluster.touch();
    });
    h.wait(31.0).await;
    h.sees("NO QUORUM");
}

#[tokio::test(start_paused = true)]
async fn enter_opens_what_is_selected() {
    let mut h = dashboard(120, 40).await;
    h.press("enter").await;
    h.sees("VM 112 backup-restore-test");
    h.press("esc tab tab enter").await;
    h.until("TASK OK", 3.0).await;
    h.press("q shift-tab down enter").await;
    h.sees("Summary");
    h.press("esc j j k enter").await;
    h.sees("Summary");
}

#[tokio::test(start_paused = true)]
async fn help_palette_and_quit() {
    let mut h = dashboard(80, 24).await;
    h.press("?").await;
    h.sees("Keys: Dashboard");
    h.sees("Refresh now");
    h.press("esc : 'nextcl' enter").await;
    h.sees("VM 102 nextcloud");
    h.press("q").await;
    assert!(!h.quits(), "q closes a view first");
    h.press("q").await;
    assert!(h.quits());
    let mut h = dashboard(80, 24).await;
    h.press("? ctrl-c").await;
    assert!(h.quits(), "Ctrl-C leaves from everywhere");
}

/// In a narrow terminal one list has all the room, and Tab brings the others.
#[tokio::test(start_paused = true)]
async fn every_list_is_there_in_a_small_terminal() {
    let mut h = dashboard(80, 24).await;
    h.sees("Needs attention (2)");
    h.sees("Tab: Busiest guests (20), Tasks (");
    h.sees("Nodes (3)");
    h.press("tab tab").await;
    h.sees("Tab: Nodes (3), Needs attention (2)");
    h.press("enter").await;
    h.until("TASK OK", 3.0).await;
    h.press("q tab").await;
    h.sees("● pve3");
    h.sees_not("Enter Open");
}

#[tokio::test(start_paused = true)]
async fn many_nodes_can_be_scrolled() {
    let mut h = Setup { tab: '1', scenario: Scenario::Generated { nodes: 40, guests: 50 }, ..Setup::default() }
        .sized(80, 24)
        .go()
        .await;
    h.press("tab tab tab G").await;
    h.sees("Nodes (40)");
    let last = h.store().resources.nodes.last().unwrap().node.to_string();
    h.sees(&last);
}

/// The load of guests changes their order; Enter must open the one that was chosen.
#[tokio::test(start_paused = true)]
async fn the_cursor_stays_on_its_guest_when_the_order_changes() {
    let mut h = dashboard(120, 40).await;
    h.press("tab j j").await;
    let name = |h: &Harness| {
        let guests = &h.store().resources.guests;
        let mut running: Vec<_> = guests.iter().filter(|g| g.uptime > 0).collect();
        let load = |g: &proxmux::api::cluster::Guest| f64::from(g.cpu) * f64::from(g.maxcpu);
        running.sort_by(|a, b| load(b).total_cmp(&load(a)).then(a.vmid.cmp(&b.vmid)));
        running.iter().map(|g| g.name.to_string()).collect::<Vec<_>>()
    };
    let chosen = name(&h)[2].clone();
    let mut moved = false;
    for _ in 0..30 {
        h.wait(5.0).await;
        moved = name(&h).get(2) != Some(&chosen);
        if moved {
            break;
        }
    }
    assert!(moved, "the order never changed");
    h.press("enter").await;
    h.sees(&format!("{chosen}  "));
    h.sees("Summary");
}

#[tokio::test(start_paused = true)]
async fn who_may_see_nothing_is_told_so() {
    let start = Setup::as_user("operator@pve", "operator1");
    let mut h = Setup { tab: '1', ..start }.sized(80, 24).go_after(|sim| sim.cluster.access.acl.clear()).await;
    h.sees("VM.Audit on /vms");
    h.press("2").await;
    h.sees("no VMs, or none that you may see");
}

#[tokio::test(start_paused = true)]
async fn a_guest_without_an_answer_has_no_figures() {
    let mut h = Setup { tab: '2', ..Setup::default() }.sized(80, 24).go().await;
    h.sim(|sim| {
        sim.cluster.nodes.get_mut("pve2").unwrap().online = false;
        sim.cluster.touch();
    });
    h.wait(31.0).await;
    h.press("g j j enter").await;
    h.sees("unknown");
    h.sees("does not answer");
    h.sees_not("0 B of");
}
