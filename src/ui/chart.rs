//! Bars and graphs.

use std::borrow::Cow;

use ratatui::{Frame, buffer::Buffer, layout::Rect, style::Style};

use super::{GlyphSet, Look, Role, text};

/// Draws a horizontal bar (0.0 to 1.0) over the width of `area`. Anything above 0 shows at least a trace, and only a
/// really full one looks full.
pub fn draw_bar(buffer: &mut Buffer, area: Rect, share: f64, style: Style, look: &Look) {
    let width = usize::from(area.width);
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    let parts = look.glyphs.bar_parts;
    let steps = parts.len() + 1;
    let mut filled = (share * (width * steps) as f64).round() as usize;
    if share > 0.0 {
        filled = filled.max(1);
    }
    if share < 1.0 {
        filled = filled.min((width * steps).saturating_sub(1));
    }
    for i in 0..width {
        let in_cell = filled.saturating_sub(i * steps).min(steps);
        let (glyph, style) = match in_cell {
            0 => (look.glyphs.bar_empty, look.style(Role::GaugeRest)),
            n if n == steps => (look.glyphs.bar_full, style),
            n => (parts[n - 1], style),
        };
        text::put_glyph(buffer, (area.x + i as u16, area.y), glyph, style);
    }
}

/// A labelled bar on one line: `CPU ████░░░░ 23% of 8 cores`.
#[derive(Clone, Debug)]
pub struct Gauge<'a> {
    /// Stands before the bar.
    pub label: Cow<'a, str>,
    /// Cells for the label; labels of several gauges below each other want the same.
    pub label_width: u16,
    /// From 0.0 to 1.0; `None`: not known.
    pub share: Option<f64>,
    /// Stands behind the percents.
    pub detail: Cow<'a, str>,
    /// From these shares on the bar is drawn as "mid" and "high".
    pub thresholds: (f64, f64),
}

impl<'a> Gauge<'a> {
    /// A gauge with thresholds at 70 % and 90 %.
    pub fn new(label: impl Into<Cow<'a, str>>, share: Option<f64>, detail: impl Into<Cow<'a, str>>) -> Self {
        let label = label.into();
        let label_width = text::width(&label) as u16;
        Self { label, label_width, share, detail: detail.into(), thresholds: (0.70, 0.90) }
    }

    /// Draws into the first line of `area`. The bar gives way to the detail text down to 8 cells, then the detail goes.
    pub fn draw(&self, frame: &mut Frame, area: Rect, look: &Look) {
        if area.is_empty() {
            return;
        }
        let buffer = frame.buffer_mut();
        let share = self.share.filter(|s| s.is_finite());
        let role = match share {
            None => Role::Muted,
            Some(s) if s < self.thresholds.0 => Role::GaugeLow,
            Some(s) if s < self.thresholds.1 => Role::GaugeMid,
            Some(_) => Role::GaugeHigh,
        };
        let label_width = self.label_width.min(area.width);
        let label = text::fit(&text::clean(&self.label), usize::from(label_width), look.glyphs.ellipsis);
        buffer.set_stringn(area.x, area.y, label, usize::from(label_width), look.style(Role::Muted));
        let x = area.x + label_width + 1;
        let Some(room) = area.right().checked_sub(x).filter(|r| *r > 0) else { return };
        // A word beside the colour says that it is high.
        let number = match share {
            None => "   ?".into(),
            Some(s) => text::pad_left(&text::percent(s), 4),
        };
        let alarm = if role == Role::GaugeHigh { look.glyphs.warning } else { " " };
        let detail = text::clean(&self.detail);
        let wanted = if detail.is_empty() { 0 } else { text::width(&detail) as u16 + 1 };
        let detail_width = if room >= wanted + 6 + 8 { wanted } else { 0 };
        let bar = Rect { x, y: area.y, width: room.saturating_sub(6 + detail_width), height: 1 };
        if let Some(share) = share {
            draw_bar(buffer, bar, share, look.style(role), look);
        }
        let mut x = bar.right();
        for (part, role, width) in
            [(alarm, role, 1), (&number, role, 4), (" ", role, 1), (&detail, Role::Muted, detail_width)]
        {
            let width = width.min(area.right().saturating_sub(x));
            if width > 0 {
                buffer.set_stringn(x, area.y, part, usize::from(width), look.style(role));
            }
            x += width;
        }
    }
}

/// How fine a graph is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// 2 × 4 dots per cell.
    Braille,
    /// 1 × 8 steps per cell.
    Block,
    /// Whole cells of `#`.
    Ascii,
}

/// An area graph of a series with gaps, with labels at the axes.
#[derive(Clone)]
pub struct Graph<'a> {
    /// Values at equal distances in time, oldest first; `None`: no value. Broken numbers count as gaps.
    pub series: &'a [Option<f64>],
    /// The value at the top; `None`: the largest value.
    pub max: Option<f64>,
    /// Prints a value at the left axis.
    pub format: fn(f64) -> String,
    /// Texts under the left and the right end (e.g. `-1h`, `now`); no axis line when both are empty.
    pub ends: (&'a str, &'a str),
    /// The style's role.
    pub role: Role,
    /// `None`: braille with Unicode glyphs, else ASCII.
    pub resolution: Option<Resolution>,
}

impl<'a> Graph<'a> {
    /// A graph scaled to its largest value.
    pub fn new(series: &'a [Option<f64>], format: fn(f64) -> String) -> Self {
        Self { series, max: None, format, ends: ("", ""), role: Role::Accent, resolution: None }
    }

    fn top(&self) -> f64 {
        let largest = self.series.iter().flatten().copied().filter(|v| v.is_finite()).fold(0.0, f64::max);
        let top = self.max.filter(|m| m.is_finite() && *m > 0.0).unwrap_or(largest);
        if top > 0.0 { top } else { 1.0 }
    }

    /// Draws the graph: value labels at the left, ends below.
    pub fn draw(&self, frame: &mut Frame, area: Rect, look: &Look) {
        if area.is_empty() {
            return;
        }
        let buffer = frame.buffer_mut();
        let top = self.top();
        let muted = look.style(Role::Muted);
        let has_ends = !(self.ends.0.is_empty() && self.ends.1.is_empty()) && area.height > 2;
        let labels = [(self.format)(top), (self.format)(0.0)];
        let widest = labels.iter().map(|l| text::width(l)).max().unwrap_or(0) as u16;
        let axis = if area.width > widest + 12 && area.height > 1 { widest + 1 } else { 0 };
        let plot =
            Rect { x: area.x + axis, y: area.y, width: area.width - axis, height: area.height - u16::from(has_ends) };
        if axis > 0 {
            for (label, y) in labels.iter().zip([plot.y, plot.bottom() - 1]) {
                let label = text::pad_left(label, usize::from(widest));
                buffer.set_stringn(area.x, y, label, usize::from(widest), muted);
            }
        }
        self.plot(buffer, plot, top, look);
        if has_ends {
            let y = plot.bottom();
            buffer.set_stringn(plot.x, y, self.ends.0, usize::from(plot.width), muted);
            let right = text::take(self.ends.1, usize::from(plot.width));
            let x = plot.right() - text::width(right) as u16;
            if x > plot.x + text::width(self.ends.0) as u16 {
                buffer.set_stringn(x, y, right, usize::from(plot.width), muted);
            }
        }
    }

    fn plot(&self, buffer: &mut Buffer, area: Rect, top: f64, look: &Look) {
        let resolution = self.resolution.unwrap_or(match look.glyphs.set {
            GlyphSet::Unicode => Resolution::Braille,
            GlyphSet::Ascii => Resolution::Ascii,
        });
        let (across, steps) = match resolution {
            Resolution::Braille => (2, 4),
            Resolution::Block => (1, 8),
            Resolution::Ascii => (1, 1),
        };
        let values = resample(self.series, usize::from(area.width) * across);
        let full = f64::from(area.height) * steps as f64;
        let heights: Vec<Option<usize>> = values
            .iter()
            .map(|value| {
                // A value of zero still shows one step, so that it differs from a gap.
                value.map(|v| ((v / top).clamp(0.0, 1.0) * full).round().max(1.0) as usize)
            })
            .collect();
        let style = look.style(self.role);
        for line in 0..area.height {
            let below = usize::from(area.height - 1 - line) * steps;
            let dots = |column: usize| heights[column].unwrap_or(0).saturating_sub(below).min(steps);
            for column in 0..area.width {
                let first = usize::from(column) * across;
                let glyph: Cow<str> = match resolution {
                    Resolution::Braille => match (dots(first), dots(first + 1)) {
                        (0, 0) => continue,
                        (left, right) => braille(left, right).to_string().into(),
                    },
                    Resolution::Block => match dots(first) {
                        0 => continue,
                        n => BLOCKS[n - 1].into(),
                    },
                    Resolution::Ascii => match dots(first) {
                        0 => continue,
                        _ => "#".into(),
                    },
                };
                text::put_glyph(buffer, (area.x + column, area.y + line), &glyph, style);
            }
        }
    }
}

const BLOCKS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// The braille sign with columns of this many dots (0 to 4), from below.
fn braille(left: usize, right: usize) -> char {
    const LEFT: [u32; 5] = [0, 0x40, 0x44, 0x46, 0x47];
    const RIGHT: [u32; 5] = [0, 0x80, 0xa0, 0xb0, 0xb8];
    char::from_u32(0x2800 + LEFT[left.min(4)] + RIGHT[right.min(4)]).unwrap_or(' ')
}

/// Averages (or repeats) a series to `columns` values; a column without any value stays a gap.
fn resample(series: &[Option<f64>], columns: usize) -> Vec<Option<f64>> {
    let n = series.len();
    if n == 0 {
        return vec![None; columns];
    }
    (0..columns)
        .map(|column| {
            let from = column * n / columns;
            let to = ((column + 1) * n / columns).max(from + 1);
            let values = || series[from..to.min(n)].iter().flatten().filter(|v| v.is_finite());
            match values().count() {
                0 => None,
                count => Some(values().sum::<f64>() / count as f64),
            }
        })
        .collect()
}

/// A graph of one line as text, `width` cells wide; gaps are blanks. `max`: the value of the highest sign.
pub fn sparkline(series: &[Option<f64>], width: usize, max: Option<f64>, look: &Look) -> String {
    let graph = Graph { max, ..Graph::new(series, text::percent) };
    let (top, levels) = (graph.top(), look.glyphs.levels);
    resample(series, width)
        .into_iter()
        .map(|value| match value {
            None => " ",
            Some(v) => levels[((v / top).clamp(0.0, 1.0) * (levels.len() - 1) as f64).round() as usize],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ui::{Depth, svg};
    use ratatui::{Terminal, backend::TestBackend};

    fn look(set: GlyphSet) -> Look {
        Look::new(Depth::Mono, set)
    }

    fn drawn(width: u16, height: u16, draw: impl FnOnce(&mut Frame)) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(draw).unwrap();
        svg::plain(terminal.backend().buffer())
    }

    #[test]
    fn bars_show_traces_and_never_lie_about_being_full() {
        let bar = |share: f64, set| {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 10, 1));
            draw_bar(&mut buffer, Rect::new(0, 0, 10, 1), share, Style::new(), &look(set));
            svg::plain(&buffer).trim_end().to_owned()
        };
        assert_eq!(bar(0.0, GlyphSet::Ascii), "..........");
        assert_eq!(bar(0.001, GlyphSet::Ascii), "#.........");
        assert_eq!(bar(0.999, GlyphSet::Ascii), "#########.");
        assert_eq!(bar(1.0, GlyphSet::Ascii), "##########");
        assert_eq!(bar(0.45, GlyphSet::Unicode), "████▌░░░░░");
        assert_eq!(bar(f64::NAN, GlyphSet::Ascii), "..........");
        assert_eq!(bar(7.0, GlyphSet::Ascii), "##########");
    }

    #[test]
    fn gauges() {
        let screen = drawn(40, 4, |f| {
            for (y, gauge) in [
                Gauge { label_width: 4, ..Gauge::new("CPU", Some(0.25), "of 8 cores") },
                Gauge { label_width: 4, ..Gauge::new("MEM", Some(0.95), "61 GiB") },
                Gauge { label_width: 4, ..Gauge::new("SWAP", None, "") },
                Gauge { label_width: 4, ..Gauge::new("STO", Some(0.5), "a detail that is far too long for it") },
            ]
            .into_iter()
            .enumerate()
            {
                gauge.draw(f, Rect::new(0, y as u16, 40, 1), &look(GlyphSet::Ascii));
            }
        });
        insta::assert_snapshot!(screen, @"
        CPU  #####.............  25% of 8 cores
        MEM  #####################.! 95% 61 GiB
        SWAP                                  ?
        STO  ###############..............  50%
        ");
    }

    #[test]
    fn graphs_with_gaps() {
        let series: Vec<Option<f64>> =
            (0..24).map(|i| (!(8..12).contains(&i)).then_some(f64::from(i) / 24.0)).collect();
        let graph = |resolution| Graph {
            ends: ("-1h", "now"),
            max: Some(1.0),
            resolution: Some(resolution),
            ..Graph::new(&series, text::percent)
        };
        let ascii = drawn(30, 5, |f| graph(Resolution::Ascii).draw(f, f.area(), &look(GlyphSet::Ascii)));
        insta::assert_snapshot!(ascii, @"
        100%                       ###
                             #########
                          ############
          0% #########    ############
             -1h                   now
        ");
        let braille = drawn(30, 3, |f| graph(Resolution::Braille).draw(f, f.area(), &look(GlyphSet::Unicode)));
        insta::assert_snapshot!(braille, @"
        100%                ⣀⣀⣀⣤⣤⣤⣶⣶⣶⣿
          0% ⣀⣀⣀⣀⣀⣠⣤⣤⡄   ⢸⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿
             -1h                   now
        ");
        let block = drawn(30, 3, |f| graph(Resolution::Block).draw(f, f.area(), &look(GlyphSet::Unicode)));
        insta::assert_snapshot!(block, @"
        100%               ▁▁▂▃▃▄▅▅▆▇▇
          0% ▁▁▁▁▂▃▃▄▅    ████████████
             -1h                   now
        ");
    }

    #[test]
    fn odd_series_and_sizes_do_not_panic() {
        for series in [vec![], vec![None], vec![Some(f64::NAN), Some(-3.0), Some(f64::INFINITY)], vec![Some(0.0); 3]] {
            for (width, height) in [(1, 1), (2, 5), (13, 2), (40, 3)] {
                drawn(width, height, |f| {
                    Graph { ends: ("from", "to"), ..Graph::new(&series, text::percent) }.draw(
                        f,
                        f.area(),
                        &look(GlyphSet::Unicode),
                    );
                });
                drawn(width, height, |f| {
                    Gauge::new("label", Some(0.3), "detail").draw(f, f.area(), &look(GlyphSet::Unicode))
                });
            }
            assert_eq!(text::width(&sparkline(&series, 7, None, &look(GlyphSet::Unicode))), 7);
        }
    }

    #[test]
    fn sparklines() {
        let series = [Some(0.0), Some(0.5), None, Some(1.0)];
        assert_eq!(sparkline(&series, 4, Some(1.0), &look(GlyphSet::Unicode)), "▁▅ █");
        assert_eq!(sparkline(&series, 4, Some(1.0), &look(GlyphSet::Ascii)), ".+ @");
    }
}
