//! Tags: their colours, the cluster's rules, and many guests at once; notes drawn as Markdown.

use proxmux::{
    sim::access::Grant,
    ui::{Depth, GlyphSet, Look},
};
use ratatui::style::{Color, Modifier};

use crate::harness::{Harness, Setup};

/// The cell at which a text begins, below the tabs.
fn at(h: &Harness, line: &str, text: &str) -> ratatui::buffer::Cell {
    let screen = h.screen();
    let (y, row) = screen.lines().enumerate().find(|(y, l)| *y > 1 && l.contains(line)).unwrap();
    let x = row[..row.find(text).unwrap()].chars().count();
    h.buffer()[(x as u16, y as u16)].clone()
}

#[tokio::test(start_paused = true)]
async fn tags_have_the_colours_of_the_cluster_or_of_their_letters() {
    let mut h = Setup::default()
        .go_after(|sim| {
            let style = "color-map=infra:aa0000:ffff00,ordering=config";
            sim.cluster.options.insert("tag-style".into(), style.into());
        })
        .await;
    h.wait(1.0).await;
    h.wait(1.0).await;
    assert_eq!(h.calls("GET /cluster/options").len(), 1);
    assert!(!h.store().tags.style.colours.is_empty(), "{:?}", h.store().tags);
    // The selected row has the colours of the selection.
    h.press("down").await;
    let infra = at(&h, "opnsense", "infra");
    assert_eq!((infra.bg, infra.fg), (Color::Rgb(0xaa, 0, 0), Color::Rgb(0xff, 0xff, 0)));
    let prod = at(&h, "opnsense", "prod");
    assert!(matches!(prod.bg, Color::Rgb(..)) && prod.bg != infra.bg);
    // In detail, too.
    h.press("up enter").await;
    h.wait(1.0).await;
    assert_eq!(at(&h, "Tags", "infra").bg, Color::Rgb(0xaa, 0, 0));
}

#[test]
fn tags_are_readable_with_few_colours() {
    use proxmux::{api::tag::Style, ui::Chips};
    let chips = Style::default().chips("web;prod;a_long-one;x1;db");
    for chip in &chips {
        let ansi = Look::new(Depth::Ansi, GlyphSet::Unicode).chip(chip);
        assert!(ansi.bg.is_none() && !matches!(ansi.fg, Some(Color::Black | Color::White | Color::Gray)), "{ansi:?}");
        let mono = Look::new(Depth::Mono, GlyphSet::Ascii).chip(chip);
        assert!(mono.bg.is_none() && mono.fg.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn tags_of_many_guests_at_once() {
    for (width, height) in [(120, 40), (80, 24)] {
        let mut h = Setup::default().sized(width, height).go().await;
        h.press("/ 'k8s' enter * t").await;
        h.wait(0.5).await;
        h.sees("Tags of 3 guests");
        h.press("'blue' enter enter tab enter").await;
        h.sees("[ ] k8s");
        h.press("'k8s' enter enter ctrl-s").await;
        h.sees("Change the tags of 3 guests?");
        h.press("y").await;
        h.wait(2.0).await;
        let writes = h.writes();
        assert_eq!(writes.len(), 3, "{writes:#?}");
        for vmid in [106, 107, 108] {
            let tags = h.sim(|s| s.cluster.guests[&vmid].config.get("tags").cloned()).unwrap_or_default();
            assert!(tags.contains("blue") && !tags.contains("k8s"), "{tags}");
        }
        assert!(writes.iter().all(|w| w.contains("digest=")), "{writes:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn tags_that_the_rules_forbid_are_said_before() {
    let mut h = Setup::as_user("operator@pve", "operator1")
        .go_after(|sim| {
            let path = "/vms/111".to_owned();
            let (kind, who, role) = ("user".into(), "operator@pve".into(), "PVEVMAdmin".into());
            sim.cluster.access.acl.push(Grant { path, kind, who, role, propagate: true });
            sim.cluster.options.insert("registered-tags".into(), "golden".into());
            sim.cluster.options.insert("user-tag-access".into(), "user-allow=existing".into());
        })
        .await;
    h.wait(1.0).await;
    h.press("/ 'kali' enter t").await;
    h.wait(1.0).await;
    h.press("tab 'golden' enter 'nobodys' enter enter ctrl-s").await;
    h.sees("\"golden\" is registered: only who has Sys.Modify on / may set and remove it");
    h.sees("\"nobodys\": only existing tags may be used here");
}

#[tokio::test(start_paused = true)]
async fn notes_are_drawn_as_markdown() {
    let mut h = Setup::default()
        .go_after(|sim| {
            let notes = "# Pentests\n\nOnly **on request**, see [wiki](https://wiki.example/kali).\n\n- lab\n- `nmap`\n\n\
                         | Port | What |\n|---|---|\n| 22 | ssh |\n\n\u{1b}[31mred";
            sim.cluster.guests.get_mut(&111).unwrap().config.insert("description".into(), notes.into());
        })
        .await;
    h.press("/ 'kali' enter enter").await;
    h.wait(1.0).await;
    h.sees("Only on request, see wiki (https://wiki.example/kali).");
    h.sees("• nmap");
    h.sees_not("**");
    assert!(at(&h, "Only on request", "on request").modifier.contains(Modifier::BOLD));
    assert!(at(&h, "Pentests", "Pentests").modifier.contains(Modifier::UNDERLINED));
    h.sees("Port  What");
    assert!(!h.screen().contains('\u{1b}'));
}
