//! A progress line: percent or unknown, rate and time left, computed from samples that come with their time.

use std::collections::VecDeque;

use ratatui::{Frame, layout::Rect};

use super::{Look, Millis, Role, chart, text};

/// The rate is the average over this time.
const WINDOW: Millis = 10_000;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes: shows sizes and a rate.
    Bytes,
    /// Anything else (percents, guests): shows the share only.
    Steps,
}

/// The state of something that goes on.
#[derive(Clone, Debug)]
pub struct Progress {
    unit: Unit,
    total: Option<u64>,
    samples: VecDeque<(Millis, u64)>,
}

impl Progress {
    /// Of so many bytes or steps; `None`: unknown.
    pub fn new(unit: Unit, total: Option<u64>) -> Self {
        Self { unit, total, samples: VecDeque::new() }
    }

    /// Notes how much is done now (in all). Going backwards starts anew (a retry).
    pub fn update(&mut self, done: u64, now: Millis) {
        if self.samples.back().is_some_and(|(_, last)| done < *last) {
            self.samples.clear();
        }
        // One sample in 200 ms is enough; the last one is replaced, so that the newest value always counts.
        if self.samples.len() > 1
            && let Some((time, _)) = self.samples.get(self.samples.len() - 2)
            && now.saturating_sub(*time) < 200
        {
            self.samples.pop_back();
        }
        self.samples.push_back((now, done));
        while self.samples.len() > 2 && self.samples.get(1).is_some_and(|(time, _)| now.saturating_sub(*time) >= WINDOW)
        {
            self.samples.pop_front();
        }
    }

    /// Changes the total (it became known).
    pub fn set_total(&mut self, total: Option<u64>) {
        self.total = total;
    }

    /// How much is done.
    pub fn done(&self) -> u64 {
        self.samples.back().map_or(0, |(_, done)| *done)
    }

    /// The done share from 0.0 to 1.0.
    pub fn share(&self) -> Option<f64> {
        let total = self.total?;
        Some(if total == 0 { 1.0 } else { (self.done() as f64 / total as f64).clamp(0.0, 1.0) })
    }

    /// Per second, averaged over the last ten seconds up to now (so it falls when nothing comes any more).
    pub fn rate(&self, now: Millis) -> Option<f64> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        let time = now.max(last.0).saturating_sub(first.0);
        (time >= 500).then(|| (last.1 - first.1) as f64 * 1000.0 / time as f64)
    }

    /// Seconds left at this rate.
    pub fn eta(&self, now: Millis) -> Option<u64> {
        let left = self.total?.saturating_sub(self.done());
        let rate = self.rate(now).filter(|r| *r > 0.0)?;
        Some((left as f64 / rate).ceil() as u64)
    }

    /// What stands behind the bar: `" 42%  1.2 GiB of 3 GiB  12.0 MiB/s  2m 10s left"`.
    pub fn describe(&self, now: Millis) -> String {
        let mut parts = Vec::new();
        if let Some(share) = self.share() {
            // Done is done only when all is done.
            parts.push(text::pad_left(&format!("{}%", (share * 100.0).floor()), 4));
        }
        if self.unit == Unit::Bytes {
            let done = text::bytes(self.done());
            parts.push(match self.total {
                Some(total) => format!("{done} of {}", text::bytes_short(total)),
                None => done,
            });
            if let Some(rate) = self.rate(now) {
                parts.push(text::rate(rate));
            }
        }
        if self.share() != Some(1.0)
            && let Some(eta) = self.eta(now)
        {
            parts.push(format!("{} left", text::duration(eta)));
        }
        parts.join("  ")
    }

    /// Draws into the first line of `area`: bar, then [`Progress::describe`], cut where narrow.
    pub fn draw(&self, frame: &mut Frame, area: Rect, look: &Look, now: Millis) {
        if area.is_empty() {
            return;
        }
        let buffer = frame.buffer_mut();
        let text = self.describe(now);
        let wanted = if text.is_empty() { 0 } else { text::width(&text) as u16 + 1 };
        let bar_width = area.width.saturating_sub(wanted).clamp((area.width / 4).min(8), 40).min(area.width);
        let bar = Rect { width: bar_width, height: 1, ..area };
        let style = look.style(Role::Accent);
        match self.share() {
            Some(share) => chart::draw_bar(buffer, bar, share, style, look),
            None => {
                chart::draw_bar(buffer, bar, 0.0, style, look);
                // A block of three cells that runs to and fro.
                let run = u64::from(bar_width.saturating_sub(3)).max(1);
                let step = now / 100 % (2 * run);
                let x = bar.x + step.min(2 * run - step) as u16;
                let block = look.glyphs.bar_full.repeat(3);
                buffer.set_stringn(x, bar.y, block, usize::from(bar.right().saturating_sub(x)), style);
            }
        }
        let room = usize::from(area.width.saturating_sub(bar_width + 1));
        if room > 0 {
            let text = text::cut(&text, room, look.glyphs.ellipsis);
            buffer.set_stringn(bar.right() + 1, area.y, text, room, look.style(Role::Text));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ui::{Depth, GlyphSet, svg};
    use ratatui::{Terminal, backend::TestBackend};

    const MIB: u64 = 1 << 20;

    fn draw(progress: &Progress, width: u16, now: Millis) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, 1)).unwrap();
        let look = Look::new(Depth::Mono, GlyphSet::Ascii);
        terminal.draw(|f| progress.draw(f, f.area(), &look, now)).unwrap();
        svg::plain(terminal.backend().buffer()).trim_end().to_owned()
    }

    #[test]
    fn rate_and_time_left_follow_the_last_seconds() {
        let mut progress = Progress::new(Unit::Bytes, Some(1000 * MIB));
        assert_eq!((progress.share(), progress.rate(0), progress.eta(0)), (Some(0.0), None, None));
        for second in 0..=10 {
            progress.update(second * 10 * MIB, second * 1000);
        }
        assert_eq!(progress.rate(10_000), Some(10.0 * MIB as f64));
        assert_eq!(progress.eta(10_000), Some(90));
        // Faster now: after ten seconds only the new rate counts.
        for second in 11..=21 {
            progress.update((100 + (second - 10) * 50) * MIB, second * 1000);
        }
        assert_eq!(progress.rate(21_000), Some(50.0 * MIB as f64));
        // A standstill shows.
        assert_eq!(progress.rate(31_000), Some(25.0 * MIB as f64));
        // A retry starts anew.
        progress.update(0, 32_000);
        assert_eq!((progress.done(), progress.rate(32_000)), (0, None));
    }

    #[test]
    fn many_samples_stay_few() {
        let mut progress = Progress::new(Unit::Steps, None);
        for i in 0..100_000 {
            progress.update(i, i);
        }
        assert_eq!(progress.done(), 99_999);
        assert!(progress.samples.len() < 110, "{}", progress.samples.len());
        assert!((progress.rate(99_999).unwrap() - 1000.0).abs() < 1.0);
    }

    #[test]
    fn looks() {
        let mut progress = Progress::new(Unit::Bytes, Some(100 * MIB));
        progress.update(0, 0);
        progress.update(42 * MIB, 2000);
        assert_eq!(draw(&progress, 70, 2000), "##########.............  42%  42.0 MiB of 100 MiB  21.0 MiB/s  3s left");
        assert_eq!(draw(&progress, 24, 2000), "###...  42%  42.0 MiB o~");
        let unknown = Progress::new(Unit::Steps, None);
        assert_eq!(draw(&unknown, 10, 0), "###.......");
        assert_eq!(draw(&unknown, 10, 200), "..###.....");
        let mut done = Progress::new(Unit::Steps, Some(3));
        done.update(3, 0);
        assert_eq!(done.describe(0), "100%");
        for width in 1..20 {
            draw(&progress, width, 5);
            draw(&unknown, width, 700);
        }
    }
}
