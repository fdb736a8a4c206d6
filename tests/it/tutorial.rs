//! The guided tour: each step ends when the console is where it leads to.

use crate::harness::{Harness, Setup};

async fn tour(width: u16, height: u16) -> Harness {
    let mut h = Setup { tutorial: true, tab: '1', ..Setup::default() }.sized(width, height).go().await;
    h.wait(0.5).await;
    h
}

/// Walks the whole way as the texts say, and looks at each of them.
async fn walk(h: &mut Harness) {
    for (step, words, keys) in [
        (1, "Press 2", "2"),
        (2, "mark two or more", "space space"),
        (3, "Esc takes the marks away", "esc"),
        (4, "type kali", "/ 'kali' enter"),
        (5, "Press s to start kali", "s y"),
    ] {
        h.sees(&format!("Tour {step}/14"));
        h.sees(words);
        h.press(keys).await;
        h.wait(0.1).await;
    }
    h.until("Tour 6/14", 20.0).await;
    h.press("L").await;
    h.sees("Tour 7/14");
    h.press("esc enter").await;
    h.sees("Tour 8/14");
    h.press("n").await;
    h.sees("Tour 9/14");
    h.wait(1.0).await;
    h.press("n").await;
    h.wait(1.0).await;
    h.press("'first' ctrl-s").await;
    h.sees("POST /nodes/pve3/qemu/111/snapshot");
    h.sees("y takes the snapshot");
    h.press("y").await;
    h.until("Tour 10/14", 60.0).await;
    h.press(": 'gitea' enter").await;
    h.sees("Tour 11/14");
    h.press("esc esc esc c").await;
    h.wait(1.0).await;
    h.sees("Tour 12/14");
    h.press("esc").await;
    h.wait(0.1).await;
    h.sees("Tour 13/14");
    h.press("?").await;
    h.sees("Tour 14/14");
    h.sees("q leaves the demo");
}

#[tokio::test(start_paused = true)]
async fn the_whole_way_in_a_small_terminal() {
    let mut h = tour(80, 24).await;
    walk(&mut h).await;
    insta::assert_snapshot!(h.screen());
    h.press("esc").await;
    h.press("f9").await;
    h.sees_not("Tour");
}

#[tokio::test(start_paused = true)]
async fn the_whole_way_in_a_large_terminal() {
    let mut h = tour(120, 40).await;
    insta::assert_snapshot!(h.screen());
    walk(&mut h).await;
    h.press("esc q").await;
    assert!(h.quits());
}

#[tokio::test(start_paused = true)]
async fn a_step_may_be_reached_otherwise_skipped_and_left() {
    let mut h = tour(80, 24).await;
    h.sees("Tour 1/14");
    // By the palette in place of the digit.
    h.press(": 'View: VMs' enter").await;
    h.sees("Tour 2/14");
    // Also while something is typed.
    h.press("/ 'xy' f8").await;
    h.sees("Tour 4/14");
    h.press("f9").await;
    h.sees_not("Tour");
    h.press("f8").await;
    h.sees_not("Tour");
}

#[tokio::test(start_paused = true)]
async fn without_a_tour_nothing_speaks_of_it() {
    let mut h = Harness::new().await;
    h.sees_not("Tour");
    h.press(": 'tour'").await;
    h.sees_not("skip this step");
}
