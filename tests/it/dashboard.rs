//! The dashboard, and the frame around every view.

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
