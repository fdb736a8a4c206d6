//! Templates: clone, convert, describe, remove; the catalogue of container templates.

use crate::harness::{Harness, Setup};

async fn templates() -> Harness {
    let mut h = Setup { tab: '5', ..Setup::default() }.go().await;
    h.wait(1.5).await;
    h
}

#[tokio::test(start_paused = true)]
async fn a_linked_clone_is_made_and_then_protects_its_template() {
    let mut h = templates().await;
    h.sees("9000");
    h.sees("win11-template");
    h.sees("9100");
    h.press("/ 'debian-13-cloud' enter C").await;
    h.wait(1.0).await;
    h.sees("Clone template 9000");
    h.sees("linked clone");
    h.press("tab 'web-07' ctrl-s").await;
    h.wait(0.2).await;
    h.sees("clone newid=");
    h.sees("name=web-07");
    h.sees("be removed as long as linked");
    assert!(h.writes().is_empty());
    h.press("y").await;
    h.until("(web-07): done", 30.0).await;
    h.wait(6.0).await;
    h.press("delete").await;
    h.until("linked clones stand on its disks", 5.0).await;
    h.sees("(web-07)");
    assert_eq!(h.writes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn many_clones_start_one_after_the_other() {
    let mut h = templates().await;
    h.press("/ 'debian-13-cloud' enter C").await;
    h.wait(1.0).await;
    // Name, how many.
    h.press("tab 'node-##' tab ctrl-u '3'").await;
    h.press("ctrl-s").await;
    h.sees("Make 3 clones of VM 9000");
    h.sees("name=node-03");
    h.press("y").await;
    h.wait(60.0).await;
    let writes = h.writes();
    assert_eq!(writes.len(), 3, "{writes:#?}");
    assert!(writes[2].contains("name=node-03"));
    let names = h.sim(|sim| sim.cluster.guests.values().filter(|g| g.name().starts_with("node-0")).count());
    assert_eq!(names, 3);
}

/// Somebody else has made it a moment ago, or it is one that the user may not see.
#[tokio::test(start_paused = true)]
async fn clones_take_no_id_of_a_guest_that_is_not_in_the_list() {
    let mut h = templates().await;
    let free = h.sim(|sim| (100..).filter(|id| !sim.cluster.guests.contains_key(id)).take(4).collect::<Vec<u32>>());
    h.sim(|sim| {
        let mut hidden = sim.cluster.guests[&9000].clone();
        hidden.vmid = free[1];
        sim.cluster.guests.insert(free[1], hidden);
    });
    h.press("/ 'debian-13-cloud' enter C").await;
    h.wait(0.5).await;
    h.press("tab 'node-##' tab ctrl-u '3'").await;
    h.wait(0.5).await;
    h.press("ctrl-s").await;
    for id in [free[0], free[2], free[3]] {
        h.sees(&format!("newid={id}"));
    }
    h.sees_not(&format!("newid={}", free[1]));
}

/// Whoever has the id then is not the clone.
#[tokio::test(start_paused = true)]
async fn without_a_clone_nothing_is_started() {
    let mut h = templates().await;
    h.press("/ 'debian-13-cloud' enter C").await;
    h.wait(1.0).await;
    // Name, how many, kind, node, pool, start.
    h.press("tab 'web-07' tab tab tab tab tab space").await;
    h.trouble("/clone", Some(1), proxmux::sim::fault::Effect::Status(500, "disk full".into()));
    h.press("ctrl-s").await;
    h.sees("Start VM");
    h.press("y").await;
    h.wait(30.0).await;
    assert_eq!(h.writes().len(), 1, "{:#?}", h.writes());
}

#[tokio::test(start_paused = true)]
async fn a_full_copy_of_an_ordinary_guest_only() {
    let mut h = Setup::default().go().await;
    h.press("/ 'kali' enter C").await;
    h.wait(1.0).await;
    h.sees("Clone VM 111 (kali)");
    h.press("tab tab tab").await;
    h.press("right").await;
    h.wait(0.2).await;
    h.press("ctrl-s").await;
    h.sees("linked clones can only be made of templates");
    assert!(h.writes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn converting_names_what_stands_against_it() {
    let mut h = Setup::default().go().await;
    h.press("/ 'kali' enter T").await;
    h.wait(1.0).await;
    h.press("ctrl-s").await;
    h.sees("Convert VM 111 (kali) to a template?");
    h.sees("POST /nodes/pve3/qemu/111/template");
    h.press("y").await;
    h.until("to a template: done", 20.0).await;
    h.wait(6.0).await;
    h.press("5").await;
    h.wait(1.0).await;
    h.sees("kali");
    // A running guest is refused before anything is sent.
    h.press("2 esc / 'status:running' enter T").await;
    h.wait(1.0).await;
    h.press("ctrl-s").await;
    h.sees("it is running: shut it down first");
    assert_eq!(h.writes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn name_tags_and_notes() {
    let mut h = Setup::default().go().await;
    h.press("/ 'kali' enter t").await;
    h.wait(1.0).await;
    // A new one, one of the cluster; the one that it has goes.
    h.press("tab 'red'").await;
    h.sees("[+] red (new)");
    h.press("enter 'prod' enter 'test'").await;
    h.sees("[x] test");
    h.press("space enter ctrl-s").await;
    h.sees("tags=red;prod");
    h.press("y").await;
    h.until("Change VM 111 (kali): done", 5.0).await;
    let tags = h.sim(|sim| sim.cluster.guests[&111].config.get("tags").cloned()).unwrap_or_default();
    assert!(tags.contains("red") && tags.contains("prod") && !tags.contains("test"), "{tags}");
}

#[tokio::test(start_paused = true)]
async fn the_catalogue_and_an_oci_image() {
    let mut h = templates().await;
    h.press("a").await;
    h.wait(1.0).await;
    h.sees("Catalogue of pve1");
    h.press("/ 'os:fedora' enter i").await;
    h.sees("Fetched from");
    h.press("esc d").await;
    h.sees("Download Fedora");
    h.press("ctrl-s").await;
    h.sees("POST /nodes/");
    h.sees("template=fedora-42");
    h.press("y").await;
    h.until("done", 60.0).await;
    h.wait(6.0).await;
    assert!(h.line("fedora").contains('✓'), "{}", h.screen());
    h.press("c").await;
    h.wait(0.2).await;
    h.press("'docker.io/library/debian' tab space").await;
    h.wait(1.0).await;
    assert_eq!(h.calls("GET /nodes/").iter().filter(|c| c.contains("query-oci-repo-tags")).count(), 1);
    h.press("tab").await;
    // The list of a small dialog reaches beyond it; neither its own field nor the lines around the content are covered.
    for (width, height) in [(80, 24), (120, 40)] {
        h.resize(width, height).await;
        let around = |h: &Harness| {
            let screen = h.screen();
            let lines: Vec<&str> = screen.lines().collect();
            [&lines[..2], &lines[lines.len() - 2..]].concat().join("\n")
        };
        let (before, field) = (around(&h), h.line("▌Tag"));
        h.press("enter").await;
        for tag in ["13-slim", "12-slim", "latest"] {
            h.sees(tag);
        }
        assert_eq!(h.line("▌Tag"), field);
        assert_eq!(around(&h), before);
        // A click beside it closes it, wherever; one on a line below the dialog takes that.
        h.click("Templates").await;
        h.sees_not("12-slim");
        h.press("enter").await;
        h.click("12-slim").await;
        h.sees_not("13-slim");
        assert!(h.line("▌Tag").contains("12-slim"), "{}", h.screen());
        h.press("'latest' enter").await;
    }
    h.press("ctrl-s").await;
    h.sees("reference=docker.io/library/debian:latest");
    h.press("y").await;
    h.until("Pull docker.io/library/debian:latest", 5.0).await;
    h.until("done", 60.0).await;
    h.press("esc esc f").await;
    h.wait(6.0).await;
    h.sees("debian_latest.tar");
}
