//! Bad weather: outages, dead nodes, slow and spoiled answers, hostile texts, tiny terminals.

use proxmux::{
    api::ids::VmId,
    app::Msg,
    shell::Effect,
    sim::{crypto::Rng, fault::Effect as Trouble, task::Script},
};
use unicode_width::UnicodeWidthStr;

use crate::harness::{Harness, Setup};

const LIST: &str = "/cluster/resources";

#[tokio::test(start_paused = true)]
async fn an_outage_of_twenty_seconds() {
    for (refused, narrow) in [(true, false), (false, false), (true, true)] {
        let mut h = if narrow { Setup::default().sized(80, 24).go().await } else { Harness::new().await };
        h.wait(6.0).await;
        if refused {
            h.set_away(true)
        } else {
            h.trouble("", None, Trouble::Away)
        }
        h.wait(20.0).await;
        h.sees("opnsense");
        h.sees("data is 2");
        match (refused, narrow) {
            (_, true) => h.sees("pve1.home"),
            (true, _) => h.sees("refuses connections"),
            (false, _) => h.sees("closed the connection"),
        }
        h.sees("next try in");
        // Keys stay alive.
        h.press("down down o / 'git' enter").await;
        h.sees("gitea");
        h.press("enter").await;
        h.sees("VM 104 gitea");
        h.press("esc esc").await;
        h.sees_not("Log in");
        h.set_away(false);
        h.no_trouble();
        h.wait(2.0).await;
        h.sees_not("data is");
        assert!(h.store().trouble.is_none());
        assert_eq!(h.calls("POST /access/ticket").len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_age_of_the_data_grows_on_the_screen() {
    let mut h = Harness::new().await;
    h.set_away(true);
    h.until("data is 5s old", 7.0).await;
    h.until("data is 9s old", 7.0).await;
    h.until("data is 1m 0", 70.0).await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_not_met_with_a_flood() {
    let mut h = Harness::new().await;
    h.trouble("", None, Trouble::Status(503, "Service Unavailable".into()));
    let before = h.lab.log.lock().unwrap().len();
    h.wait(300.0).await;
    let asked = h.lab.log.lock().unwrap().len() - before;
    assert!((15..=80).contains(&asked), "{asked} questions in five minutes");
}

#[tokio::test(start_paused = true)]
async fn a_dead_node_takes_no_guest_away() {
    let mut h = Harness::new().await;
    h.sim(|sim| {
        sim.cluster.nodes.get_mut("pve2").unwrap().online = false;
        sim.cluster.touch();
    });
    h.trouble("/nodes/pve2/", None, Trouble::Status(595, "No route to host".into()));
    h.wait(12.0).await;
    for name in ["opnsense", "nextcloud", "mailcow", "k8s-worker2", "win11-template"] {
        h.sees(name);
    }
    h.sees("16");
    h.sees("2/3 nodes");
    h.press("/ 'nextcloud' enter enter").await;
    h.sees("No route to host");
    h.sees("check that it is powered on");
    h.sees("102");
    h.press("esc").await;
    h.sees_not("data is");
}

#[tokio::test(start_paused = true)]
async fn spoiled_answers_keep_the_list_and_pass() {
    for (trouble, want) in [
        (Trouble::Garble, "it is not JSON"),
        (Trouble::Cut, "was cut off"),
        (Trouble::Status(500, "got timeout".into()), "got timeout"),
        (Trouble::Status(596, "Connection timed out".into()), "Connection timed out"),
        (Trouble::Status(599, "Too many redirections".into()), "Too many"),
        (Trouble::Status(403, "Permission check failed".into()), "Permission check failed"),
    ] {
        let mut h = Harness::new().await;
        h.trouble(LIST, Some(1), trouble);
        h.wait(5.2).await;
        h.sees(want);
        h.sees("opnsense");
        h.wait(31.0).await;
        h.sees_not(want);
        h.sees("opnsense");
    }
}

#[tokio::test(start_paused = true)]
async fn when_only_the_tasks_fail_the_guests_go_on() {
    let mut h = Harness::new().await;
    h.trouble("/cluster/tasks", None, Trouble::Status(500, "tasks are broken".into()));
    h.wait(6.0).await;
    h.sees("tasks: tasks are broken");
    h.sees("opnsense");
    let updated = h.store().updated.unwrap();
    h.wait(6.0).await;
    assert!(h.store().updated.unwrap() > updated);
    h.no_trouble();
    h.wait(6.0).await;
    h.sees_not("broken");
}

#[tokio::test(start_paused = true)]
async fn the_first_answer_is_garbage() {
    for trouble in [Trouble::Garble, Trouble::Cut, Trouble::Away, Trouble::Status(500, "oops".into())] {
        let mut h = Setup::default().go_after(|sim| sim.faults.add(LIST, Some(1), trouble.clone())).await;
        h.sees_not("opnsense");
        h.press("down enter s 1 9 2").await;
        h.wait(4.0).await;
        h.sees("opnsense");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_after_twenty_seconds() {
    let mut h = Harness::new().await;
    h.trouble(LIST, Some(1), Trouble::Slow(20.0));
    h.wait(6.0).await;
    let asked = h.calls("GET /cluster/resources").len();
    h.wait(14.0).await;
    assert_eq!(h.calls("GET /cluster/resources").len(), asked, "the same is not asked twice at a time");
    h.press("down down enter").await;
    h.until("of 4 processors", 1.0).await;
    h.press("esc r").await;
    h.wait(12.0).await;
    h.sees_not("data is");
    h.sees("opnsense");
}

#[tokio::test(start_paused = true)]
async fn a_write_with_an_unsure_outcome_is_never_sent_again() {
    for trouble in [Trouble::Lost, Trouble::Cut, Trouble::Slow(60.0)] {
        let mut h = Harness::new().await;
        h.trouble("/status/start", Some(1), trouble);
        h.press("/ 'kali' enter s y").await;
        h.wait(40.0).await;
        h.sees("Start VM 111 (kali):");
        h.sees("look into the task list");
        h.wait(60.0).await;
        assert_eq!(h.writes().len(), 1);
        assert!(h.runs(111), "it had been done");
        h.sees("● running");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_not_sent_says_so() {
    let mut h = Harness::new().await;
    h.press("/ 'kali' enter s").await;
    h.set_away(true);
    h.press("y").await;
    h.sees("nothing was sent");
    h.set_away(false);
    h.wait(30.0).await;
    assert_eq!(h.writes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn read_only_mode_sends_nothing() {
    let mut h = Setup { read_only: true, ..Setup::default() }.go().await;
    h.sees("READ-ONLY");
    h.press("/ 'kali' enter s y").await;
    h.sees("Read-only mode");
    h.press("delete '111' enter").await;
    h.wait(10.0).await;
    assert_eq!(h.writes(), [""; 0]);
    assert!(!h.runs(111));
}

#[tokio::test(start_paused = true)]
async fn leaving_does_not_wait_for_answers() {
    let mut h = Harness::new().await;
    h.trouble("", None, Trouble::Slow(25.0));
    h.wait(6.0).await;
    h.press("q").await;
    assert!(h.quits());
}

const HOSTILE: &[&str] = &[
    "\u{1b}[31mred\u{1b}[0m",
    "\u{1b}]0;title\u{7}bell",
    "\u{1b}[2J\u{1b}[Hcleared",
    "line\nbreak\r\n\tand tab",
    "nul\0byte\u{8}\u{8}\u{8}back",
    "\u{9b}31mc1 csi",
    "日本語のとても長い名前の仮想マシンです",
    "שלום עולם",
    "\u{202e}gnp.exe\u{202c}",
    "👩‍👩‍👧‍👦 family 🏳️‍🌈",
    "z\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}algo",
    "\u{200b}\u{feff}\u{2060}invisible",
    "ﷺﷺﷺﷺﷺﷺﷺﷺ",
    "ｗｉｄｅ－ｗｉｄｅ－ｗｉｄｅ",
    "",
];

/// Asserts that nothing on the screen can steer a terminal or move what stands beside it.
fn tame(h: &Harness, what: &str) {
    let buffer = h.buffer();
    for y in 0..buffer.area.height {
        for x in 0..buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            let bad = |c: char| {
                c.is_control()
                    || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            };
            assert!(!symbol.chars().any(bad), "{what}: {symbol:?} at {x},{y}\n{}", h.screen());
            assert!(x + (symbol.width() as u16) <= buffer.area.width, "{what}: {symbol:?} at {x},{y} is too wide");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn hostile_texts_do_not_break_the_screen() {
    for size in [(120, 40), (63, 17)] {
        let mut h = Setup::default()
            .sized(size.0, size.1)
            .go_after(|sim| {
                let names = HOSTILE.iter().cycle();
                for (guest, name) in sim.cluster.guests.values_mut().zip(names) {
                    for key in ["name", "hostname", "tags", "description", "lock"] {
                        guest.config.insert(key.into(), (*name).to_owned());
                    }
                }
                let script = Script::new().lines(HOSTILE.iter().copied()).fail(HOSTILE[0]);
                sim.cluster.start_task("root@pam", "pve1", "vzdump", HOSTILE[0], script);
                let script = Script::new().lines(HOSTILE.iter().copied()).wait(1e6);
                sim.cluster.start_task("root@pam", "pve1", HOSTILE[1], HOSTILE[2], script);
            })
            .await;
        tame(&h, "list");
        for key in ["m", "esc", "s", "esc", "S", "esc", "enter", "tab", "m", "esc"] {
            for _ in 0..3 {
                h.press(key).await;
                tame(&h, key);
            }
            h.press("J").await;
            tame(&h, "next guest");
        }
        h.press("esc esc 3").await;
        tame(&h, "containers");
        for _ in 0..8 {
            h.press("down enter").await;
            tame(&h, "a container");
            h.press("tab").await;
            tame(&h, "its configuration");
            h.press("esc * S").await;
            tame(&h, "bulk");
            h.press("esc esc").await;
        }
        h.press("1").await;
        tame(&h, "dashboard");
        for _ in 0..3 {
            h.press("tab G").await;
            tame(&h, "dashboard");
        }
        h.press("9").await;
        tame(&h, "tasks");
        h.press("enter").await;
        h.wait(2.0).await;
        tame(&h, "log");
        h.press("x").await;
        tame(&h, "stop");
        h.press("esc esc down enter").await;
        h.wait(2.0).await;
        tame(&h, "another log");
        h.press("esc :").await;
        tame(&h, "palette");
        h.press("esc 2").await;
        // What servers say.
        h.trouble("", None, Trouble::Status(500, HOSTILE.concat()));
        h.wait(6.0).await;
        tame(&h, "an error of the refresh");
        h.press("enter").await;
        tame(&h, "an error in the detail");
        h.press("esc 9 enter").await;
        h.wait(2.0).await;
        tame(&h, "an error in the log");
        h.press("esc 2 m").await;
        for key in ["s", "y", "n"] {
            h.press(key).await;
            tame(&h, "an error of a change");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn hostile_texts_at_the_login() {
    let h = Setup::login_of("root@pam")
        .go_after(|sim| {
            for realm in sim.cluster.access.realms.values_mut() {
                realm.insert("comment".into(), HOSTILE.concat());
            }
        })
        .await;
    tame(&h, "realms");
    let mut h = Setup::login_of("root@pam").go().await;
    h.trouble("", None, Trouble::Status(401, HOSTILE.concat()));
    h.press("'x' enter").await;
    h.wait(3.5).await;
    tame(&h, "refusal");
}

#[tokio::test(start_paused = true)]
async fn a_terminal_that_is_too_small_says_so() {
    for (size, small) in [((39, 10), true), ((40, 9), true), ((40, 10), false), ((1, 1), true)] {
        let mut h = Setup::default().sized(size.0, size.1).go().await;
        assert_eq!(h.screen().contains("small") || size == (1, 1), small, "{size:?}\n{}", h.screen());
        if size.0 == 39 {
            h.sees("39x10");
            h.sees("40x10");
        }
        h.press("1 9 2 down enter").await;
        h.resize(100, 30).await;
        if small {
            // Nobody has seen what the keys would have done.
            h.sees_not("Summary");
            h.press("enter").await;
        }
        h.sees("Summary");
    }
}

/// Ways to every view and dialog.
const PLACES: &[&str] = &[
    "1",
    "1 tab",
    "2",
    "3",
    "9",
    "2 enter",
    "2 enter tab",
    "2 m",
    "2 S",
    "2 * S",
    "2 / 'kali' enter delete",
    "2 c",
    "2 c pgdn enter",
    "2 c pgdn pgdn pgdn pgdn pgdn pgdn",
    "2 c down down 'x_y' pgdn",
    "9 enter",
    "?",
    ":",
    ": 'next'",
    "2 / 'x",
    "2 c down down 'x' esc",
];

#[tokio::test(start_paused = true)]
async fn resizing_at_any_moment_never_panics() {
    let mut rng = Rng::new(42);
    for place in PLACES {
        let mut h = Harness::new().await;
        h.press(place).await;
        h.wait(0.5).await;
        for _ in 0..12 {
            h.resize(1 + rng.below(200) as u16, 1 + rng.below(60) as u16).await;
            tame(&h, place);
        }
        for (width, height) in [(1, 1), (40, 10), (200, 10), (40, 60)] {
            h.resize(width, height).await;
        }
    }
    for setup in [Setup::login_of("root@pam"), Setup::login_of("anna@pve")] {
        let mut h = setup.go().await;
        for step in ["", "'annapass1' enter", "'x' enter"] {
            h.press(step).await;
            h.wait(4.0).await;
            for _ in 0..12 {
                h.resize(1 + rng.below(200) as u16, 1 + rng.below(60) as u16).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_without_an_answer_is_shown_and_not_sent_again() {
    for size in [(120, 40), (80, 24)] {
        let mut h = Setup::default().sized(size.0, size.1).go().await;
        h.trouble("/status/start", Some(1), Trouble::Slow(20.0));
        h.press("/ 'kali' enter s y").await;
        assert!(h.footer().contains("Start VM 111 (kali): sending…"), "{}", h.screen());
        assert!(h.store().is_busy(VmId::new(111).unwrap()));
        h.press("s y").await;
        h.sees("Start VM 111 (kali) is still being sent: wait for its answer");
        h.wait(10.0).await;
        assert!(h.footer().contains("sending… 10 s"), "{}", h.screen());
        h.wait(12.0).await;
        assert_eq!(h.writes().len(), 1, "{:?}", h.writes());
        h.sees_not("sending");
        h.until("VM 111 (kali): done", 10.0).await;
        assert!(h.store().sending.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn keys_do_nothing_behind_the_notice_of_a_tiny_terminal() {
    use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
    let mut h = Harness::new().await;
    h.press("/ 'opnsense' enter S").await;
    h.sees("Shutdown");
    h.resize(39, 9).await;
    h.sees("Too small: 39x9, need 40x10");
    h.sees("A dialog waits");
    h.press("y enter esc q 2 ?").await;
    let kind = MouseEventKind::Down(MouseButton::Left);
    h.feed(Msg::Mouse(MouseEvent { kind, column: 5, row: 5, modifiers: KeyModifiers::NONE })).await;
    h.feed(Msg::Paste("y".into())).await;
    h.wait(2.0).await;
    assert!(h.writes().is_empty() && !h.quits(), "{:?}", h.writes());
    h.resize(80, 24).await;
    h.sees("Shutdown VM");
    h.resize(39, 9).await;
    h.press("ctrl-z").await;
    assert!(h.console.for_terminal.iter().any(|e| matches!(e, Effect::Suspend)));
    h.press("ctrl-c").await;
    assert!(h.quits());
}

#[tokio::test(start_paused = true)]
async fn a_long_error_leaves_the_age_of_the_data_in_sight() {
    let mut h = Setup::default().sized(80, 24).go().await;
    h.press("/ 'kali' enter").await;
    h.trouble("/status/start", Some(1), Trouble::Slow(60.0));
    h.press("s y").await;
    h.wait(10.0).await;
    h.set_away(true);
    h.wait(26.0).await;
    h.sees("look into the task list before trying again");
    assert!(h.line("data is").contains(" old, "), "{}", h.screen());
    h.sees("111 kali");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_can_do_nothing_says_why() {
    let mut h = Harness::new().await;
    h.press("/ 'kali' enter S").await;
    h.sees("Shutdown: it is not running");
    h.press("enter S").await;
    h.sees("Shutdown: it is not running");
}

#[tokio::test(start_paused = true)]
async fn leaving_a_dialog_whose_call_is_under_way_says_so() {
    let mut h = Setup::default().sized(80, 24).go().await;
    h.press("c down down 'web-02' esc").await;
    h.sees("Leave? What was typed is lost.");
    h.press("n").await;
    h.trouble("/nodes/pve1/qemu", Some(1), Trouble::Slow(20.0));
    h.press("alt-9 enter").await;
    h.sees("Sending");
    h.press("esc").await;
    h.sees("Leave? The call is on its way all the same.");
    h.press("y").await;
    h.sees_not("Sending…");
    h.until("Create VM 114 (web-02): sending", 5.0).await;
    h.until("Create VM 114 (web-02): done", 40.0).await;
    assert_eq!(h.writes().len(), 1);
}
