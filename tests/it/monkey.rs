//! A monkey at the keyboard: nothing that is pressed, clicked or pasted makes the console panic, and no change reaches
//! the cluster that was not on the screen and confirmed.

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use proxmux::{
    app::Msg,
    sim::{crypto::Rng, fault::Effect as Trouble},
    ui::Key,
};

use crate::harness::{Harness, Setup};

const KEYS: &str = "a b c d e f g h i j k l m n o p r s t u v x y z 0 1 2 3 4 5 6 7 8 9 / : ? * . - _ @ [ ] D G J K L M R S \
    space enter enter enter esc esc esc tab tab shift-tab up down down left right home end pgup pgdn pgdn pgdn delete insert \
    backspace f1 f2 f3 f4 f12 ctrl-a ctrl-b ctrl-d ctrl-l ctrl-n ctrl-p ctrl-r ctrl-s ctrl-u ctrl-w ctrl-y ctrl-z alt-1 \
    alt-7 alt-enter y y";

/// What was pressed last says yes to what the screen showed before.
fn confirmed(screen: &str, calls: &[String]) -> bool {
    let asked = screen.contains("(y)") || screen.contains("(⏎)") || screen.contains("Enter: create");
    let squeezed = |text: &str| text.chars().filter(|c| !c.is_whitespace() && *c != '│').collect::<String>();
    // A path that is wrapped goes on in the next line of the dialog, not in what stands beside it.
    let inside = |line: &str| line.split('│').nth(1).map(squeezed);
    let whole = squeezed(screen) + " " + &screen.lines().filter_map(inside).collect::<String>();
    let shown = |call: &String| {
        let path = call.split(' ').nth(1).unwrap_or_default();
        whole.contains(path)
    };
    // Of many calls only the first are visible without scrolling.
    asked && (calls.len() > 1 && calls.iter().any(shown) || calls.iter().all(shown))
}

async fn play(seed: u64, setup: Setup, steps: usize, weather: bool) {
    let mut rng = Rng::new(seed);
    let keys: Vec<Key> = KEYS.split_whitespace().map(|k| k.parse().unwrap()).collect();
    let mut h: Harness = setup.go().await;
    let mut trail: Vec<String> = vec![];
    for step in 0..steps {
        let before = h.screen();
        let sent = h.writes().len();
        let mut is_input = true;
        match rng.below(40) {
            0 => {
                let kinds = [
                    MouseEventKind::Down(MouseButton::Left),
                    MouseEventKind::Down(MouseButton::Right),
                    MouseEventKind::ScrollDown,
                    MouseEventKind::ScrollUp,
                    MouseEventKind::Moved,
                ];
                let kind = kinds[rng.below(kinds.len() as u64) as usize];
                let area = h.buffer().area;
                let (column, row) = (rng.below(area.width.into()) as u16, rng.below(area.height.into()) as u16);
                trail.push(format!("{kind:?} {column},{row}"));
                h.feed(Msg::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })).await;
            }
            1 => {
                let text = ["111", "kali", "a\nb\u{1b}[31m", "日本"][rng.below(4) as usize];
                trail.push(format!("paste {text:?}"));
                h.feed(Msg::Paste(text.into())).await;
            }
            2 => {
                let size = (40 + rng.below(120) as u16, 10 + rng.below(40) as u16);
                trail.push(format!("size {size:?}"));
                h.resize(size.0, size.1).await;
                is_input = false;
            }
            3 => {
                let seconds = rng.unit() * 7.0;
                trail.push(format!("wait {seconds}"));
                if weather {
                    h.no_trouble();
                    match rng.below(8) {
                        0 => h.trouble("", None, Trouble::Away),
                        1 => h.trouble("", Some(5), Trouble::Garble),
                        2 => h.trouble("/nodes/", Some(3), Trouble::Status(595, "No route to host".into())),
                        3 => h.trouble("", Some(4), Trouble::Slow(9.0)),
                        4 => h.trouble("", Some(2), Trouble::Lost),
                        _ => {}
                    }
                }
                h.wait(seconds).await;
                is_input = false;
            }
            _ => {
                let key = keys[rng.below(keys.len() as u64) as usize];
                trail.push(key.to_string());
                h.console.press(key.event()).await;
            }
        }
        let writes = h.writes();
        let new = &writes[sent..];
        if !new.is_empty() {
            let last = &trail[trail.len().saturating_sub(20)..];
            assert!(
                is_input && confirmed(&before, new),
                "seed {seed}, step {step}: {new:?} after {last:?}, which the screen did not show:\n{before}"
            );
        }
    }
    let seen = h.writes().len();
    println!("seed {seed}: {seen} changes");
}

#[tokio::test(start_paused = true)]
async fn in_fair_weather() {
    for seed in 0..2 {
        let tab = ['2', '9'][seed as usize % 2];
        play(seed, Setup { tab, ..Setup::default() }, 800, false).await;
    }
}

#[tokio::test(start_paused = true)]
async fn in_bad_weather() {
    for seed in 100..102 {
        play(seed, Setup::default(), 500, true).await;
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_login() {
    play(7, Setup::login_of("anna@pve"), 600, false).await;
}

#[tokio::test(start_paused = true)]
async fn in_read_only_mode_nothing_is_ever_sent() {
    let setup = Setup { read_only: true, ..Setup::default() };
    let mut rng = Rng::new(3);
    let keys: Vec<Key> = KEYS.split_whitespace().map(|k| k.parse().unwrap()).collect();
    let mut h = setup.go().await;
    for _ in 0..500 {
        h.console.press(keys[rng.below(keys.len() as u64) as usize].event()).await;
    }
    assert_eq!(h.writes(), [""; 0]);
}
