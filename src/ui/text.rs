//! Text for terminals: cleaning what others wrote, widths in cells, cutting, and numbers as people read them.

use std::borrow::Cow;

use jiff::{Timestamp, tz::TimeZone};
use ratatui::{buffer::Buffer, style::Style, text::Span};
use unicode_width::UnicodeWidthStr;

/// How many combining marks may follow one letter; more is decoration meant to disturb.
const MAX_MARKS: usize = 4;

/// Makes untrusted text safe to draw: control and escape characters, bidirectional overrides, zero-width and other
/// invisible characters go; tabs and line breaks become blanks. Letters, wide glyphs and ordinary combining marks stay.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut marks = 0;
    let mut changed = false;
    for c in text.chars() {
        if matches!(c, '\t' | '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}') {
            out.push(' ');
            (changed, marks) = (true, 0);
            continue;
        }
        if c.is_control() || invisible(c) {
            changed = true;
            continue;
        }
        if unicode_width::UnicodeWidthChar::width(c) == Some(0) {
            marks += 1;
            // A mark without a letter before it would be drawn onto the border or the neighbouring column.
            if marks > MAX_MARKS || out.is_empty() {
                changed = true;
                continue;
            }
        } else {
            marks = 0;
        }
        out.push(c);
    }
    if changed { Cow::Owned(out) } else { Cow::Borrowed(text) }
}

fn invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// One thing that is drawn as a whole: a letter with its marks, at `start..end` in the text.
struct Cluster {
    start: usize,
    end: usize,
    width: usize,
}

/// The clusters as ratatui's buffer will lay them out, so that widths here and on screen agree.
fn clusters(text: &str) -> Vec<Cluster> {
    let base = text.as_ptr() as usize;
    let span = Span::raw(text);
    span.styled_graphemes(Style::new())
        .map(|g| {
            let start = g.symbol.as_ptr() as usize - base;
            let halfwidth_marks = g.symbol.chars().filter(|c| matches!(c, '\u{ff9e}' | '\u{ff9f}')).count();
            Cluster { start, end: start + g.symbol.len(), width: g.symbol.width() + halfwidth_marks }
        })
        .collect()
}

fn printable_ascii(text: &str) -> bool {
    text.bytes().all(|b| (0x20..0x7f).contains(&b))
}

/// Width in cells, as drawn.
pub fn width(text: &str) -> usize {
    if printable_ascii(text) { text.len() } else { clusters(text).iter().map(|c| c.width).sum() }
}

/// The longest beginning that fits into `max` cells; never splits a wide glyph.
pub fn take(text: &str, max: usize) -> &str {
    if printable_ascii(text) {
        return &text[..text.len().min(max)];
    }
    let (mut used, mut end) = (0, 0);
    for c in clusters(text) {
        used += c.width;
        if used > max {
            break;
        }
        end = c.end;
    }
    &text[..end]
}

/// The longest end that fits into `max` cells.
pub fn take_end(text: &str, max: usize) -> &str {
    if printable_ascii(text) {
        return &text[text.len() - text.len().min(max)..];
    }
    let (mut used, mut start) = (0, text.len());
    for c in clusters(text).iter().rev() {
        used += c.width;
        if used > max {
            break;
        }
        start = c.start;
    }
    &text[start..]
}

/// The text without its first `cells` cells (for horizontal scrolling); a wide glyph that is half out is dropped.
pub fn skip(text: &str, cells: usize) -> &str {
    if printable_ascii(text) {
        return &text[text.len().min(cells)..];
    }
    let mut used = 0;
    for c in clusters(text) {
        if used >= cells {
            return &text[c.start..];
        }
        used += c.width;
    }
    ""
}

/// Cuts at the end to at most `max` cells: `"very long na…"`.
pub fn cut<'a>(text: &'a str, max: usize, ellipsis: &str) -> Cow<'a, str> {
    if width(text) <= max {
        return Cow::Borrowed(text);
    }
    match max.checked_sub(width(ellipsis)) {
        None | Some(0) => Cow::Borrowed(take(text, max)),
        Some(room) => Cow::Owned(format!("{}{ellipsis}", take(text, room))),
    }
}

/// Cuts in the middle to at most `max` cells, because names often differ at their ends: `"web-fro…nd-07"`.
pub fn cut_middle<'a>(text: &'a str, max: usize, ellipsis: &str) -> Cow<'a, str> {
    if width(text) <= max {
        return Cow::Borrowed(text);
    }
    match max.checked_sub(width(ellipsis)) {
        None | Some(0 | 1) => cut(text, max, ellipsis),
        Some(room) => {
            let end = take_end(text, room / 2);
            let start = take(text, room - room / 2);
            Cow::Owned(format!("{start}{ellipsis}{end}"))
        }
    }
}

/// Fills up with blanks at the right to `cells`; longer text stays as it is.
pub fn pad(text: &str, cells: usize) -> String {
    format!("{text}{}", " ".repeat(cells.saturating_sub(width(text))))
}

/// Fills up with blanks at the left to `cells`; longer text stays as it is.
pub fn pad_left(text: &str, cells: usize) -> String {
    format!("{}{text}", " ".repeat(cells.saturating_sub(width(text))))
}

/// Draws text from `(x, y)` on, at most `max` cells of it. Like `Buffer::set_stringn`, without looking for the clusters
/// of plain text, which most of a screen is.
pub fn put(buffer: &mut Buffer, (x, y): (u16, u16), text: &str, max: usize, style: Style) {
    if !printable_ascii(text) {
        buffer.set_stringn(x, y, text, max, style);
        return;
    }
    for (x, at) in (x..buffer.area.right()).zip(0..text.len().min(max)) {
        buffer[(x, y)].set_symbol(&text[at..=at]).set_style(style);
    }
}

/// Draws one glyph that is one cell wide; outside of the screen nothing.
pub fn put_glyph(buffer: &mut Buffer, at: (u16, u16), glyph: &str, style: Style) {
    if let Some(cell) = buffer.cell_mut(at) {
        cell.set_symbol(glyph).set_style(style);
    }
}

/// Exactly `cells` wide: cut with the ellipsis, or filled up.
pub fn fit(text: &str, cells: usize, ellipsis: &str) -> String {
    pad(&cut(text, cells, ellipsis), cells)
}

/// Breaks into lines of at most `max` cells, at blanks where possible; line breaks in the text are kept.
pub fn wrap(text: &str, max: usize) -> Vec<String> {
    let max = max.max(1);
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        let mut used = 0;
        for word in paragraph.split_inclusive(' ') {
            let bare = word.trim_end_matches(' ');
            if used > 0 && used + width(bare) > max {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
                used = 0;
            }
            let mut rest = word;
            while width(rest.trim_end_matches(' ')) > max {
                let part = match take(rest, max) {
                    // A wide glyph in a one-cell column: nothing fits, so it is dropped.
                    "" => break,
                    part => part,
                };
                lines.push(part.to_owned());
                rest = &rest[part.len()..];
            }
            if width(rest.trim_end_matches(' ')) > max {
                continue;
            }
            line.push_str(rest);
            used += width(rest);
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}

const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// A size as IEC units with three significant digits: `"512 B"`, `"1.50 KiB"`, `"12.3 GiB"`, `"1023 MiB"`; at most
/// 8 cells wide (see [`pad_left`] for columns).
pub fn bytes(n: u64) -> String {
    if n < 1024 {
        return format!("{n} B");
    }
    // Every visible row has several sizes, and whole numbers are several times as fast as fractions.
    let n = u128::from(n);
    let mut unit = 1;
    // 1023.7 would be printed as "1024": go on to the next unit already.
    while n * 2 >= 2047 << (10 * unit) && unit + 1 < UNITS.len() {
        unit += 1;
    }
    let size = 1_u128 << (10 * unit);
    let in_parts = |parts: u128| (n * parts * 2 + size) / (size * 2);
    let (hundredths, tenths, unit) = (in_parts(100), in_parts(10), UNITS[unit]);
    if hundredths < 1000 {
        format!("{}.{:02} {unit}", hundredths / 100, hundredths % 100)
    } else if tenths < 1000 {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    } else {
        format!("{} {unit}", in_parts(1))
    }
}

/// [`bytes()`] without fractions that are zero: `"32 GiB"`, `"1.5 TiB"`. For forms and sentences.
pub fn bytes_short(n: u64) -> String {
    let text = bytes(n);
    match text.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            format!("{} {unit}", number.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

/// A rate in bytes per second: `"1.20 MiB/s"`. Negative and broken numbers count as 0.
pub fn rate(bytes_per_second: f64) -> String {
    format!("{}/s", bytes(bytes_per_second.max(0.0) as u64))
}

/// A share (0.0 to 1.0) as whole percents: `"23%"`. `"-"` for broken numbers.
pub fn percent(share: f64) -> String {
    if share.is_finite() { format!("{}%", (share * 100.0).round() as i64) } else { "-".into() }
}

/// A share (0.0 to 1.0) with one decimal: `"23.4%"`. `"-"` for broken numbers.
pub fn percent1(share: f64) -> String {
    if share.is_finite() { format!("{:.1}%", share * 100.0) } else { "-".into() }
}

/// A duration in seconds by its two largest units: `"3d 04h"`, `"4h 05m"`, `"2m 10s"`, `"7s"`.
pub fn duration(seconds: u64) -> String {
    let (d, h, m, s) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    match (d, h, m) {
        (0, 0, 0) => format!("{s}s"),
        (0, 0, _) => format!("{m}m {s:02}s"),
        (0, _, _) => format!("{h}h {m:02}m"),
        _ => format!("{d}d {h:02}h"),
    }
}

/// How long ago something was, in seconds: `"12 s ago"`, `"5 min ago"`, `"3 h ago"`, `"2 d ago"`; `"now"` for less than a second.
pub fn age(seconds: u64) -> String {
    match seconds {
        0 => "now".into(),
        1..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86_400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// Date and time of unix seconds in a time zone: `"2026-05-04 10:12:33"`; `"-"` when out of range.
pub fn time(unix: i64, zone: &TimeZone) -> String {
    match Timestamp::from_second(unix) {
        Ok(t) => t.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => "-".into(),
    }
}

/// The same without year and seconds: `"05-04 10:12"`.
pub fn time_short(unix: i64, zone: &TimeZone) -> String {
    match Timestamp::from_second(unix) {
        Ok(t) => t.to_zoned(zone.clone()).strftime("%m-%d %H:%M").to_string(),
        Err(_) => "-".into(),
    }
}

/// [`time`] in the zone of this machine.
pub fn local_time(unix: i64) -> String {
    time(unix, &TimeZone::system())
}

/// `1 backup`, `3 backups`.
pub fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// A text in one line, for fields that hold one: line breaks are written as `\n`, a backslash as `\\`. The last line break
/// is left out.
pub fn one_line(text: &str) -> String {
    text.trim_end_matches('\n').replace('\\', "\\\\").replace('\n', "\\n")
}

/// The opposite of [`one_line`].
pub fn lines_of(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, chars.clone().next()) {
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some('\\')) => out.push('\\'),
            _ => {
                out.push(c);
                continue;
            }
        }
        chars.next();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn clean_removes_what_could_fool_the_reader_or_the_terminal() {
        assert!(matches!(clean("web-01"), Cow::Borrowed("web-01")));
        assert_eq!(clean("a\x1b[31mred\x1b[0m"), "a[31mred[0m");
        assert_eq!(clean("a\tb\r\nc"), "a b  c");
        assert_eq!(clean("abc\u{202e}gpj.exe\u{200b}\u{feff}"), "abcgpj.exe");
        assert_eq!(clean("\u{9b}31m\u{7f}"), "31m");
        assert_eq!(clean("Zu\u{308}rich"), "Zu\u{308}rich");
        assert_eq!(clean("日本語 ✓"), "日本語 ✓");
        assert_eq!(clean("\u{301}x"), "x");
        assert_eq!(clean(&format!("a{}", "\u{301}".repeat(50))).chars().count(), 1 + MAX_MARKS);
    }

    #[test]
    fn widths_and_cuts() {
        assert_eq!(width("日本"), 4);
        assert_eq!(width("u\u{308}"), 1);
        assert_eq!(cut("very long name", 8, "…"), "very lo…");
        assert_eq!(cut("short", 8, "…"), "short");
        assert_eq!(cut("日本語", 4, "…"), "日…");
        assert_eq!(cut_middle("web-frontend-07", 11, "…"), "web-f…nd-07");
        assert_eq!(cut_middle("日本語日本語", 6, "…"), "日…語");
        assert_eq!(cut_middle("abc", 1, "…"), "a");
        assert_eq!(cut("abc", 0, "…"), "");
        assert_eq!(pad("日", 4), "日  ");
        assert_eq!(pad_left("7", 3), "  7");
        assert_eq!(fit("abcdef", 4, "~"), "abc~");
        assert_eq!(skip("日本語", 1), "本語");
        assert_eq!(skip("abc", 9), "");
    }

    #[test]
    fn wrapping_prefers_blanks() {
        assert_eq!(wrap("the quick brown fox", 10), ["the quick", "brown fox"]);
        assert_eq!(wrap("abcdefghij xyz", 4), ["abcd", "efgh", "ij", "xyz"]);
        assert_eq!(wrap("a\n\nb", 4), ["a", "", "b"]);
    }

    #[test]
    fn sizes_keep_three_digits() {
        let sizes = [0, 512, 1023, 1024, 1536, 13_207_024_435, 1_073_741_823, 1 << 30, 1023 << 20, u64::MAX];
        let texts: Vec<String> = sizes.iter().map(|n| bytes(*n)).collect();
        assert_eq!(
            texts,
            [
                "0 B", "512 B", "1023 B", "1.00 KiB", "1.50 KiB", "12.3 GiB", "1.00 GiB", "1.00 GiB", "1023 MiB",
                "16.0 EiB"
            ]
        );
        assert_eq!(bytes_short(32 << 30), "32 GiB");
        assert_eq!(bytes_short(1536 << 30), "1.5 TiB");
        assert_eq!(bytes_short(100), "100 B");
        assert_eq!(rate(f64::NAN), "0 B/s");
        assert_eq!(rate(1.5 * 1024.0), "1.50 KiB/s");
    }

    #[test]
    fn times() {
        assert_eq!(
            [duration(7), duration(130), duration(14_700), duration(273_600)],
            ["7s", "2m 10s", "4h 05m", "3d 04h"]
        );
        assert_eq!(
            [age(0), age(12), age(300), age(11_000), age(200_000)],
            ["now", "12 s ago", "5 min ago", "3 h ago", "2 d ago"]
        );
        assert_eq!(time(0, &TimeZone::UTC), "1970-01-01 00:00:00");
        assert_eq!(time_short(86_400 * 31, &TimeZone::UTC), "02-01 00:00");
        assert_eq!(time(i64::MAX, &TimeZone::UTC), "-");
        assert_eq!(time(0, &TimeZone::fixed(jiff::tz::offset(2))), "1970-01-01 02:00:00");
        assert_eq!([percent(0.234), percent1(0.2345), percent(f64::NAN)], ["23%", "23.4%", "-"]);
    }

    proptest! {
        #[test]
        fn cutting_is_never_wider_than_asked(text in "\\PC{0,40}", max in 0usize..50) {
            for text in [text.as_str(), &clean(&text)] {
                prop_assert!(width(take(text, max)) <= max);
                prop_assert!(width(take_end(text, max)) <= max);
                for ellipsis in ["…", "~", "..."] {
                    prop_assert!(width(&cut(text, max, ellipsis)) <= max);
                    prop_assert!(width(&cut_middle(text, max, ellipsis)) <= max);
                    prop_assert!(width(&fit(text, max, ellipsis)) == max);
                }
            }
        }

        #[test]
        fn clean_never_leaves_controls_and_wrap_never_overflows(text in any::<String>(), max in 1usize..30) {
            let cleaned = clean(&text);
            prop_assert!(!cleaned.chars().any(char::is_control));
            prop_assert_eq!(clean(&cleaned), cleaned.clone());
            for line in wrap(&text, max) {
                prop_assert!(width(&line) <= max);
            }
            let _ = skip(&text, max);
        }

        #[test]
        fn sizes_are_at_most_eight_wide(n in any::<u64>()) {
            prop_assert!(bytes(n).len() <= 8, "{}", bytes(n));
        }
    }

    #[test]
    fn texts_go_through_a_field_of_one_line() {
        for text in ["", "one", "one\ntwo", "C:\\new\\\\x", "ends with \\", "\\n\n\\"] {
            assert_eq!(lines_of(&one_line(text)), text);
            assert!(!one_line(text).contains('\n'));
        }
        assert_eq!(one_line("a\nb\n"), "a\\nb");
        assert_eq!((counted(1, "backup"), counted(0, "backup")), ("1 backup".to_owned(), "0 backups".to_owned()));
    }
}
