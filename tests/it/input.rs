//! Typing: keys that always work, numbers that are replaced, and what a bulk action tells of each guest.

use proxmux::shell::Effect;

use crate::harness::Harness;

fn count(h: &Harness, what: fn(&Effect) -> bool) -> usize {
    h.console.for_terminal.iter().filter(|e| what(e)).count()
}

/// Suspending, drawing anew and leaving are not text, wherever it is typed.
#[tokio::test(start_paused = true)]
async fn leaving_and_suspending_work_while_something_is_typed() {
    // The filter line, a choice in a form, a search in a log, the palette, a typed confirmation.
    for (way, typed) in [
        ("/ 'op'", "/op"),
        ("c enter 'pve'", "Node"),
        ("9 enter / 'x'", "/x"),
        (": 'sta'", "sta"),
        ("/ 'truenas' enter delete", "Destroy VM 109"),
    ] {
        let mut h = Harness::new().await;
        h.press(way).await;
        h.wait(0.5).await;
        h.sees(typed);
        h.press("ctrl-z ctrl-l").await;
        assert_eq!(count(&h, |e| matches!(e, Effect::Suspend)), 1, "{way}");
        assert_eq!(count(&h, |e| matches!(e, Effect::Redraw)), 1, "{way}");
        h.sees(typed);
        h.press("ctrl-c").await;
        let gone = h.quits() || !h.screen().contains(typed);
        assert!(gone, "{way}: {}", h.screen());
        assert_eq!(h.writes(), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_digit_replaces_a_number() {
    let mut h = Harness::new().await;
    h.press("N").await;
    assert!(h.line("Older than").contains("30"));
    h.press("'75'").await;
    assert!(h.line("Older than").contains(" 75 "), "{}", h.line("Older than"));
    // A cursor key says that the number is edited.
    h.press("tab shift-tab end '0'").await;
    assert!(h.line("Older than").contains(" 750 "), "{}", h.line("Older than"));
    h.press("tab shift-tab backspace '1'").await;
    assert!(h.line("Older than").contains(" 751 "), "{}", h.line("Older than"));
    h.press("tab shift-tab '9'").await;
    assert!(h.line("Older than").contains(" 9 "), "{}", h.line("Older than"));
}

#[tokio::test(start_paused = true)]
async fn a_bulk_action_tells_what_concerns_whom() {
    let mut h = Harness::new().await;
    h.press("* S").await;
    h.sees("100 opnsense, 103 mailcow");
    h.sees("Managed by HA (state started)");
}
