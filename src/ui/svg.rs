//! A drawn screen as SVG picture, as text with ANSI colours, and as plain text: no terminal, no browser.

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use super::{text, theme};

/// One cell in pixels; fits DejaVu Sans Mono at 15 pixels.
const CELL: (usize, usize) = (9, 17);
/// From a cell's top to the letters' base line.
const BASELINE: usize = 13;
const FOREGROUND: &str = "#d7dae0";
const BACKGROUND: &str = "#16181d";

fn css(color: Color, fallback: &str) -> String {
    let (r, g, b) = match color {
        Color::Reset => return fallback.into(),
        Color::Rgb(r, g, b) => (r, g, b),
        Color::Indexed(n) => theme::indexed_rgb(n),
        named => theme::indexed_rgb(theme::ANSI.iter().position(|c| *c == named).unwrap_or(7) as u8),
    };
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// A run of cells on one line with the same style.
struct Run<'a> {
    x: u16,
    width: u16,
    text: String,
    cell: &'a Cell,
}

/// The runs of a line, wide glyphs counted once.
fn runs(buffer: &Buffer, y: u16) -> Vec<Run<'_>> {
    let mut runs: Vec<Run> = Vec::new();
    let mut x = buffer.area.left();
    while x < buffer.area.right() {
        let cell = &buffer[(x, y)];
        let width = (text::width(cell.symbol()) as u16).max(1);
        match runs.last_mut() {
            Some(run) if same_style(run.cell, cell) => {
                run.text.push_str(cell.symbol());
                run.width += width;
            }
            _ => runs.push(Run { x, width, text: cell.symbol().to_owned(), cell }),
        }
        x = x.saturating_add(width);
    }
    runs
}

fn same_style(a: &Cell, b: &Cell) -> bool {
    (a.fg, a.bg, a.modifier) == (b.fg, b.bg, b.modifier)
}

/// The screen as an SVG picture.
pub fn svg(buffer: &Buffer) -> String {
    let (w, h) = (usize::from(buffer.area.width) * CELL.0, usize::from(buffer.area.height) * CELL.1);
    let mut out = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="15"><rect width="{w}" height="{h}" fill="{BACKGROUND}"/>"##
    );
    for y in buffer.area.top()..buffer.area.bottom() {
        let top = usize::from(y - buffer.area.top()) * CELL.1;
        out.push('\n');
        for run in runs(buffer, y) {
            let (left, width) = (usize::from(run.x - buffer.area.left()) * CELL.0, usize::from(run.width) * CELL.0);
            let modifier = run.cell.modifier;
            let (mut fg, mut bg) = (css(run.cell.fg, FOREGROUND), css(run.cell.bg, BACKGROUND));
            if modifier.contains(Modifier::REVERSED) {
                std::mem::swap(&mut fg, &mut bg);
            }
            // Writing to a String can't fail.
            if bg != BACKGROUND {
                let _ = write!(out, r#"<rect x="{left}" y="{top}" width="{width}" height="{}" fill="{bg}"/>"#, CELL.1);
            }
            if run.text.trim().is_empty() {
                continue;
            }
            let mut style = String::new();
            for (m, attribute) in [
                (Modifier::BOLD, r#" font-weight="bold""#),
                (Modifier::ITALIC, r#" font-style="italic""#),
                (Modifier::UNDERLINED, r#" text-decoration="underline""#),
                (Modifier::DIM, r#" opacity="0.6""#),
            ] {
                if modifier.contains(m) {
                    style.push_str(attribute);
                }
            }
            let _ = write!(
                out,
                r#"<text x="{left}" y="{}" textLength="{width}" lengthAdjust="spacingAndGlyphs" xml:space="preserve" fill="{fg}"{style}>{}</text>"#,
                top + BASELINE,
                escape(&run.text)
            );
        }
    }
    out.push_str("\n</svg>\n");
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The screen as lines without styles and without blanks at their ends.
pub fn plain(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in buffer.area.top()..buffer.area.bottom() {
        let line: String = runs(buffer, y).into_iter().map(|run| run.text).collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// The screen as lines with ANSI escape sequences for `cat` and `less -R`; styles are reset at each line's end.
pub fn ansi(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in buffer.area.top()..buffer.area.bottom() {
        for run in runs(buffer, y) {
            let mut codes = vec!["0".to_owned()];
            for (m, code) in [
                (Modifier::BOLD, "1"),
                (Modifier::DIM, "2"),
                (Modifier::ITALIC, "3"),
                (Modifier::UNDERLINED, "4"),
                (Modifier::REVERSED, "7"),
            ] {
                if run.cell.modifier.contains(m) {
                    codes.push(code.into());
                }
            }
            codes.extend(ansi_colour(run.cell.fg, 30));
            codes.extend(ansi_colour(run.cell.bg, 40));
            let _ = write!(out, "\x1b[{}m{}", codes.join(";"), run.text);
        }
        out.push_str("\x1b[0m\n");
    }
    out
}

fn ansi_colour(color: Color, base: u8) -> Option<String> {
    match color {
        Color::Reset => None,
        Color::Rgb(r, g, b) => Some(format!("{};2;{r};{g};{b}", base + 8)),
        Color::Indexed(n) => Some(format!("{};5;{n}", base + 8)),
        named => {
            let n = theme::ANSI.iter().position(|c| *c == named)? as u8;
            Some(if n < 8 { base + n } else { base + 52 + n }.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    fn buffer() -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 2));
        buffer.set_string(0, 0, "a<日", Style::new().fg(Color::LightRed).add_modifier(Modifier::BOLD));
        buffer.set_string(0, 1, "x", Style::new().bg(Color::Rgb(1, 2, 3)).add_modifier(Modifier::REVERSED));
        buffer
    }

    #[test]
    fn plain_text() {
        assert_eq!(plain(&buffer()), "a<日\nx\n");
    }

    #[test]
    fn ansi_text() {
        assert_eq!(ansi(&buffer()), "\x1b[0;1;91ma<日\x1b[0m    \x1b[0m\n\x1b[0;7;48;2;1;2;3mx\x1b[0m       \x1b[0m\n");
    }

    #[test]
    fn pictures() {
        let picture = svg(&buffer());
        // Wide glyphs take two cells of 9 pixels: 1 + 1 + 2.
        assert!(picture.contains(r##"textLength="36" lengthAdjust="spacingAndGlyphs" xml:space="preserve" fill="#e06c75" font-weight="bold">a&lt;日</text>"##), "{picture}");
        // Reversed: the foreground becomes the background.
        assert!(picture.contains(&format!(r#"<rect x="0" y="17" width="9" height="17" fill="{FOREGROUND}"/>"#)));
        assert!(picture.contains(r##"fill="#010203">x</text>"##));
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    }
}
