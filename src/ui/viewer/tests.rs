#![allow(clippy::unwrap_used)]
use super::*;
use crate::ui::{Depth, GlyphSet, svg};
use proptest::prelude::*;
use ratatui::style::Modifier;
use ratatui::{Terminal, backend::TestBackend};

fn screen(viewer: &mut Viewer, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let look = Look::new(Depth::Mono, GlyphSet::Ascii);
    terminal.draw(|f| viewer.draw(f, f.area(), &look)).unwrap();
    terminal.backend().buffer().clone()
}

fn draw(viewer: &mut Viewer, width: u16, height: u16) -> String {
    svg::plain(&screen(viewer, width, height))
}

fn press(viewer: &mut Viewer, keys: &str) -> bool {
    keys.split(' ').map(|k| viewer.key(k.parse::<Key>().unwrap().event())).last().unwrap()
}

fn numbered(n: usize) -> Viewer {
    let mut viewer = Viewer::new();
    (1..=n).for_each(|i| viewer.push(&format!("line {i}")));
    viewer
}

#[test]
fn appended_pieces_become_lines_and_are_cleaned() {
    let mut viewer = Viewer::new();
    viewer.append("one\r\ntw");
    viewer.append("o\nthr\x1b[31mee");
    viewer.push("four\tx");
    assert_eq!(viewer.lines(), ["one", "two", "thr[31mee", "four x"]);
    assert_eq!(viewer.text(), "one\ntwo\nthr[31mee\nfour x\n");
}

#[test]
fn follows_until_scrolled_up() {
    let mut viewer = numbered(20);
    viewer.set_follow(true);
    insta::assert_snapshot!(draw(&mut viewer, 30, 5), @"
    line 17                      |
    line 18                      |
    line 19                      |
    line 20                      #
                  17-20/20  follow
    ");
    viewer.push("line 21");
    assert!(draw(&mut viewer, 30, 5).contains("line 21"));
    press(&mut viewer, "k");
    viewer.push("line 22");
    assert!(!viewer.is_following() && !draw(&mut viewer, 30, 5).contains("line 22"));
    press(&mut viewer, "F");
    assert!(draw(&mut viewer, 30, 5).contains("line 22"));
    press(&mut viewer, "g");
    insta::assert_snapshot!(draw(&mut viewer, 30, 4), @"
    line 1                       #
    line 2                       |
    line 3                       |
                            1-3/22
    ");
    press(&mut viewer, "PgDn ctrl-d");
    assert!(draw(&mut viewer, 30, 4).starts_with("line 4"));
    press(&mut viewer, "G");
    assert!(draw(&mut viewer, 30, 4).contains("line 22"));
}

#[test]
fn long_lines_wrap_or_scroll_sideways() {
    let mut viewer = Viewer::of("0123456789abcdef\nshort\n日本語日本語");
    insta::assert_snapshot!(draw(&mut viewer, 8, 6), @"
    0123456
    short
    日本語


       1-3/3
    ");
    press(&mut viewer, "Right");
    insta::assert_snapshot!(draw(&mut viewer, 8, 6), @"
    89abcde

    本語


       1-3/3
    ");
    press(&mut viewer, "w");
    insta::assert_snapshot!(draw(&mut viewer, 8, 8), @"
    0123456
    789abcd
    ef
    short
    日本語
    日本語

    1-3/3  ~
    ");
    draw(&mut viewer, 8, 4);
    press(&mut viewer, "j");
    assert!(draw(&mut viewer, 8, 4).starts_with("789abcd"));
}

#[test]
fn searching() {
    let mut viewer = numbered(50);
    draw(&mut viewer, 30, 8);
    press(&mut viewer, "/ L I N E Space 4");
    assert!(viewer.is_typing());
    insta::assert_snapshot!(draw(&mut viewer, 30, 4), @"
    line 1                       #
    line 2                       |
    line 3                       |
    /LINE 4
    ");
    press(&mut viewer, "Enter");
    assert_eq!(viewer.matches.len(), 0);
    assert!(viewer.search("line 4"));
    assert_eq!((viewer.target, viewer.matches.len()), (Some(3), 11));
    press(&mut viewer, "n");
    assert_eq!(viewer.target, Some(39));
    press(&mut viewer, "N N");
    assert_eq!(viewer.target, Some(48));
    viewer.push("line 45 again");
    assert_eq!(viewer.matches.len(), 12);
    assert!(viewer.status().ends_with("/line 4 12 lines"));
    press(&mut viewer, "ctrl-g 2 5 Enter");
    assert_eq!(viewer.target, Some(24));
    assert!(draw(&mut viewer, 30, 8).contains("line 25"));
    press(&mut viewer, "Esc");
    assert!(viewer.matches.is_empty());
    assert!(!press(&mut viewer, "Esc"));
}

#[test]
fn errors_are_found_and_only_words_get_a_style() {
    let mut viewer = Viewer::of("terror\nTASK OK\nTASK ERROR: out of space\nfine\nWARN: old\nerror again");
    let buffer = screen(&mut viewer, 40, 8);
    assert!(!buffer[(1, 0)].modifier.contains(Modifier::REVERSED));
    assert!(buffer[(5, 2)].modifier.contains(Modifier::REVERSED));
    assert!(!buffer[(0, 2)].modifier.contains(Modifier::REVERSED));
    press(&mut viewer, "e");
    assert_eq!(viewer.target, Some(2));
    press(&mut viewer, "e");
    assert_eq!(viewer.target, Some(5));
    press(&mut viewer, "e");
    assert_eq!(viewer.target, Some(2));
}

#[test]
fn old_lines_go_beyond_the_limit() {
    let mut viewer = Viewer::new().with_limit(100);
    (1..=1000).for_each(|i| viewer.push(&format!("line {i}")));
    assert!(viewer.len() <= 100 && viewer.lines().last().unwrap() == "line 1000");
    viewer.goto(990);
    assert!(draw(&mut viewer, 30, 8).contains("line 990"));
    assert!(viewer.status().ends_with("/1000"), "{}", viewer.status());
}

#[test]
fn a_big_log_is_cheap_to_draw() {
    let mut viewer = Viewer::new().following(true).wrapped();
    (0..100_000).for_each(|i| viewer.push(&format!("{i} {}", "word ".repeat(i % 40))));
    let start = std::time::Instant::now();
    for _ in 0..100 {
        draw(&mut viewer, 80, 24);
        press(&mut viewer, "PgUp");
    }
    // Unoptimized; laying out all lines would take minutes.
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn nothing_panics(
        text in "(\\PC{0,30}\n?){0,12}", keys in prop::collection::vec(0usize..14, 0..25),
        width in 1u16..40, height in 1u16..12,
    ) {
        let mut viewer = Viewer::of(&text);
        for key in keys {
            draw(&mut viewer, width, height);
            press(&mut viewer, ["j", "k", "PgDn", "PgUp", "G", "g", "w", "Right", "Left", "e", "F", "/", "a", "Enter"][key]);
            viewer.append("x error 日");
        }
        draw(&mut viewer, width, height);
    }
}
