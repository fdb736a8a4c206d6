//! The past of a guest, as graphs: processor, memory, network, disks, and how long it had to wait for them.

use ratatui::{Frame, layout::Rect};

use crate::{
    api::{
        ids::GuestKind,
        rrd::{Consolidation, Point, Timeframe},
    },
    ui::{GlyphSet, Graph, Look, chart::Resolution, text},
};

/// One graph: what it shows of a point, and how.
struct Chart {
    title: &'static str,
    value: fn(&Point) -> Option<f64>,
    /// The value at the top; without one the largest decides.
    top: Option<f64>,
    format: fn(f64) -> String,
    /// Only of this kind.
    only: Option<GuestKind>,
}

fn share(p: &Point, part: &str, whole: &str) -> Option<f64> {
    Some(p.get(part)? / p.get(whole).filter(|whole| *whole > 0.0)?)
}

fn bytes(n: f64) -> String {
    text::bytes_short(n as u64)
}

fn stall(percent: f64) -> String {
    format!("{percent:.1}%")
}

const fn chart(title: &'static str, value: fn(&Point) -> Option<f64>, format: fn(f64) -> String) -> Chart {
    Chart { title, value, top: None, format, only: None }
}

/// All graphs, the two of the summary first. Pressure is the share of time in which something had to wait.
const CHARTS: &[Chart] = &[
    Chart { top: Some(1.0), ..chart("CPU", |p| p.get("cpu"), text::percent) },
    Chart { top: Some(1.0), ..chart("Memory", |p| share(p, "mem", "maxmem"), text::percent) },
    chart("Network in", |p| p.get("netin"), text::rate),
    chart("Network out", |p| p.get("netout"), text::rate),
    chart("Disk read", |p| p.get("diskread"), text::rate),
    chart("Disk write", |p| p.get("diskwrite"), text::rate),
    chart("CPU pressure", |p| p.get("pressurecpusome"), stall),
    chart("I/O pressure", |p| p.get("pressureiosome"), stall),
    chart("Memory pressure", |p| p.get("pressurememorysome"), stall),
    Chart { only: Some(GuestKind::Vm), ..chart("Memory on the host", |p| p.get("memhost"), bytes) },
    Chart {
        only: Some(GuestKind::Ct),
        top: Some(1.0),
        ..chart("Root disk", |p| share(p, "disk", "maxdisk"), text::percent)
    },
];

/// A graph needs this much.
const LEAST: (u16, u16) = (36, 6);

/// The history that is shown.
#[derive(Default)]
pub struct Graphs {
    /// Oldest first.
    pub points: Vec<Point>,
    /// How far back.
    pub span: Timeframe,
    /// What the points stand for.
    pub of: Consolidation,
}

impl Graphs {
    /// A longer span, or the hour again.
    pub fn next_span(&mut self) {
        self.span = self.span.next();
        self.points.clear();
    }

    /// Averages or peaks.
    pub fn other_kind(&mut self) {
        self.of = match self.of {
            Consolidation::Average => Consolidation::Max,
            Consolidation::Max => Consolidation::Average,
        };
        self.points.clear();
    }

    /// Processor and memory, side by side.
    pub fn draw_two(&self, frame: &mut Frame, area: Rect, look: &Look) {
        let width = area.width / 2;
        for (n, chart) in CHARTS.iter().take(2).enumerate() {
            let x = area.x + width * n as u16;
            let width = if n == 1 { area.right() - x } else { width };
            self.draw_chart(chart, frame, Rect { x, width, ..area }, look);
        }
    }

    /// All of a kind, as many columns as fit; `scroll` leaves out so many rows of graphs and is kept in bounds.
    pub fn draw(&self, frame: &mut Frame, area: Rect, look: &Look, kind: GuestKind, scroll: &mut u16) {
        let charts: Vec<&Chart> = CHARTS.iter().filter(|c| c.only.is_none_or(|only| only == kind)).collect();
        let columns = (area.width / LEAST.0).clamp(1, 3);
        let rows = (charts.len() as u16).div_ceil(columns);
        let shown = (area.height / LEAST.1).clamp(1, rows);
        *scroll = (*scroll).min(rows - shown);
        let (width, height) = (area.width / columns, area.height / shown);
        let visible = charts.iter().skip(usize::from(*scroll * columns)).take(usize::from(shown * columns));
        for (n, chart) in visible.enumerate() {
            let (column, row) = (n as u16 % columns, n as u16 / columns);
            let place = Rect { x: area.x + column * width, y: area.y + row * height, width, height };
            self.draw_chart(chart, frame, place, look);
        }
    }

    fn draw_chart(&self, chart: &Chart, frame: &mut Frame, area: Rect, look: &Look) {
        let peaks = if self.of == Consolidation::Max { ", peaks" } else { "" };
        let block = look.block(format!("{}, last {}{peaks}", chart.title, self.span.as_str()), false);
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let series: Vec<Option<f64>> = self.points.iter().map(chart.value).collect();
        // Blocks are in every font; braille is not.
        let resolution = (look.glyphs.set == GlyphSet::Unicode).then_some(Resolution::Block);
        let begin = match self.span {
            Timeframe::Hour => "-1h",
            Timeframe::Day => "-1d",
            Timeframe::Week => "-7d",
            Timeframe::Month => "-1mo",
            Timeframe::Year | Timeframe::Decade => "-1y",
        };
        let graph = Graph { max: chart.top, ends: (begin, "now"), resolution, ..Graph::new(&series, chart.format) };
        graph.draw(frame, inner, look);
    }
}
