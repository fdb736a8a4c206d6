//! One guest: what it is, how it is doing right now, and its configuration.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, MouseEvent, MouseEventKind};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::Paragraph,
};

use super::action::{self, Targets};
use crate::views::{snapshot::Snapshots, task::history::History, template};
use crate::{
    api::{
        ApiError,
        cluster::{Guest, GuestStatus},
        guest::{self as api, Config, Status},
        ids::{GuestRef, VmId},
        rrd::{Consolidation, Point, Timeframe},
    },
    shell::{Command, Cx, Effect, Level, Scene, View},
    store::Store,
    ui::{GlyphSet, Graph, Look, Role, chart::Resolution, text},
    views::backup::Backups,
};

/// What the view hears back.
pub enum Msg {
    /// The live status.
    Status(VmId, Box<Result<Status, ApiError>>),
    /// The configuration.
    Config(VmId, Result<Config, ApiError>),
    /// The last hour.
    History(VmId, Result<Vec<Point>, ApiError>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tab {
    Summary,
    Config,
}

/// One guest.
pub struct Detail {
    guest: GuestRef,
    tab: Tab,
    status: Option<Status>,
    config: Option<Config>,
    /// The last hour, minute by minute, oldest first.
    history: Vec<Point>,
    error: Option<ApiError>,
    asked: Option<Duration>,
    config_asked: Option<Duration>,
    history_asked: Option<Duration>,
    asking: u8,
    scroll: u16,
}

impl Detail {
    /// How often the live status is asked for while the view is in front.
    const PACE: Duration = Duration::from_secs(3);
    /// How often its configuration is.
    const CONFIG: Duration = Duration::from_secs(15);
    /// How often its history is, which has a point for each minute.
    const HISTORY: Duration = Duration::from_secs(60);

    /// A guest by where it is.
    pub fn new(guest: GuestRef) -> Self {
        Self {
            guest,
            tab: Tab::Summary,
            status: None,
            config: None,
            history: vec![],
            error: None,
            asked: None,
            config_asked: None,
            history_asked: None,
            asking: 0,
            scroll: 0,
        }
    }

    /// Asks how the guest is; its configuration and its history seldom, as both change slowly.
    fn ask(&mut self, cx: &mut Cx<'_, Msg>) {
        if self.asking > 0 {
            return;
        }
        let now = cx.scene.now.mono;
        let since = |at: Option<Duration>| at.map_or(Duration::MAX, |at| now.saturating_sub(at));
        // After a while behind other views anything may have changed.
        let back = since(self.asked) > Self::PACE * 2;
        let (config, history) =
            (back || since(self.config_asked) >= Self::CONFIG, back || since(self.history_asked) >= Self::HISTORY);
        // The guest may have moved to another node.
        if let Some(known) = cx.store().guest(self.guest.vmid) {
            self.guest = known.reference();
        }
        self.asked = Some(cx.scene.now.mono);
        self.asking = 1;
        let vmid = self.guest.vmid;
        cx.send(api::status(&self.guest), move |answer| Msg::Status(vmid, Box::new(answer)));
        if config {
            self.asking += 1;
            self.config_asked = Some(now);
            cx.send(api::config(&self.guest, &api::Which::Pending), move |a| Msg::Config(vmid, a));
        }
        if history {
            self.asking += 1;
            self.history_asked = Some(now);
            cx.send(api::rrddata(&self.guest, Timeframe::Hour, Consolidation::Average), move |a| Msg::History(vmid, a));
        }
    }

    fn known<'s>(&self, store: &'s Store) -> Option<&'s Guest> {
        store.guest(self.guest.vmid)
    }

    fn name(&self, store: &Store) -> String {
        let name = self.known(store).map_or("", |g| g.name.as_str());
        format!("{} {} {}", self.guest.kind.label(), self.guest.vmid, text::clean(name))
    }

    fn menu(&mut self, cx: &mut Cx<'_, Msg>) {
        action::menu(self, cx);
    }

    fn backups(&mut self, cx: &mut Cx<'_, Msg>) {
        cx.open(Backups::of_guest(self.guest.vmid));
    }

    fn snapshots(&mut self, cx: &mut Cx<'_, Msg>) {
        cx.open(Snapshots::new(self.guest.clone()));
    }

    /// What was done with this guest, as far back as its node remembers.
    fn tasks(&mut self, cx: &mut Cx<'_, Msg>) {
        cx.open(History::of_guest(cx.store(), self.guest.vmid));
    }

    fn next_tab(&mut self, _: &mut Cx<'_, Msg>) {
        self.tab = if self.tab == Tab::Summary { Tab::Config } else { Tab::Summary };
        self.scroll = 0;
    }

    fn copy(&mut self, cx: &mut Cx<'_, Msg>) {
        cx.emit(Effect::Copy(self.guest.vmid.to_string()));
        cx.toast(Level::Info, "Guest id copied");
    }

    /// Goes to the neighbour in the list of the same kind.
    fn neighbour(&mut self, by: isize, cx: &mut Cx<'_, Msg>) {
        let same: Vec<&Guest> = cx.store().resources.guests.iter().filter(|g| g.kind == self.guest.kind).collect();
        let Some(at) = same.iter().position(|g| g.vmid == self.guest.vmid) else { return };
        if let Some(next) = at.checked_add_signed(by).and_then(|i| same.get(i)) {
            let tab = self.tab;
            *self = Self { tab, ..Self::new(next.reference()) };
            self.ask(cx);
        }
    }

    fn summary(&self, scene: &Scene, width: u16) -> Vec<Line<'static>> {
        let look = scene.look;
        let Some(g) = self.known(scene.store) else {
            return vec![Line::styled(
                " The guest is not in the cluster's list (any more).",
                look.style(Role::Warning),
            )];
        };
        let live = self.status.as_ref();
        let mut facts: Vec<(&str, String, Role)> = vec![];
        let mut add = |label, value: String, role| facts.push((label, value, role));
        let (word, role) = word(g, live, look);
        add("Status", word, role);
        let lock = live.map_or(&g.lock, |s| &s.lock);
        if let Some(lock) = lock {
            add("Lock", lock.to_string(), Role::Warning);
        }
        if let Some(ha) = &g.hastate {
            add("HA", ha.to_string(), Role::Accent);
        }
        add("Node", g.node.to_string(), Role::Text);
        if !g.tags.is_empty() {
            add("Tags", g.tags.replace(';', " "), Role::Text);
        }
        if let Some(pool) = &g.pool {
            add("Pool", pool.to_string(), Role::Text);
        }
        let uptime = live.map_or(g.uptime, |s| s.uptime);
        if uptime > 0 {
            add("Uptime", text::duration(uptime), Role::Text);
        }
        if let Some(qemu) = live.and_then(|s| s.running_qemu.as_ref()) {
            add("QEMU", qemu.to_string(), Role::Text);
        }
        if let Some(machine) = live.and_then(|s| s.running_machine.as_ref()) {
            add("Machine", machine.to_string(), Role::Text);
        }
        if let Some(ostype) = self.config.as_ref().and_then(|c| c.get("ostype")) {
            add("OS type", ostype.to_owned(), Role::Text);
        }

        let mut lines = vec![Line::raw("")];
        let columns = if width >= 100 {
            3
        } else if width >= 60 {
            2
        } else {
            1
        };
        let cell = usize::from(width) / columns;
        for row in facts.chunks(columns) {
            let mut spans = vec![];
            for (label, value, role) in row {
                spans.push(Span::styled(format!(" {:<9}", label), look.style(Role::Muted)));
                let value = text::fit(&text::clean(value), cell.saturating_sub(11), look.glyphs.ellipsis);
                spans.push(Span::styled(value + " ", look.style(*role)));
            }
            lines.push(Line::from(spans));
        }

        lines.push(Line::raw(""));
        let cpu = live.map_or(f64::from(g.cpu), |s| s.cpu);
        let (mem, maxmem) = live.map_or((g.mem, g.maxmem), |s| (s.mem, s.maxmem));
        let cpus = live.map_or(f64::from(g.maxcpu), |s| s.cpus);
        lines.push(gauge(look, "CPU", cpu, &format!("of {} processors", trim(cpus)), width));
        lines.push(gauge(look, "Memory", ratio(mem, maxmem), &of(mem, maxmem), width));
        if let Some((swap, maxswap)) = live.map(|s| (s.swap, s.maxswap)).filter(|s| s.1 > 0) {
            lines.push(gauge(look, "Swap", ratio(swap, maxswap), &of(swap, maxswap), width));
        }
        let (disk, maxdisk) = live.map_or((g.disk, g.maxdisk), |s| (s.disk, s.maxdisk));
        if disk > 0 {
            lines.push(gauge(look, "Disk", ratio(disk, maxdisk), &of(disk, maxdisk), width));
        } else if maxdisk > 0 {
            lines.push(plain(look, "Disk", text::bytes(maxdisk).trim()));
        }
        let (netin, netout) = live.map_or((g.netin, g.netout), |s| (s.netin, s.netout));
        let bytes = |n: u64| text::bytes(n).trim().to_owned();
        lines.push(plain(look, "Network", &format!("{} in, {} out since the start", bytes(netin), bytes(netout))));
        let (read, write) = live.map_or((g.diskread, g.diskwrite), |s| (s.diskread, s.diskwrite));
        lines.push(plain(look, "Disk I/O", &format!("{} read, {} written since the start", bytes(read), bytes(write))));

        if let Some(notes) = self.config.as_ref().and_then(|c| c.get("description")) {
            lines.push(Line::raw(""));
            lines.push(Line::styled(" Notes", look.style(Role::Title)));
            for line in notes.lines() {
                // Wrapping an empty line gives none, but paragraphs stay apart.
                if line.trim().is_empty() {
                    lines.push(Line::raw(""));
                }
                let wrapped = text::wrap(&text::clean(line), usize::from(width).saturating_sub(2).max(10));
                lines.extend(wrapped.into_iter().map(|l| Line::styled(format!(" {l}"), look.style(Role::Text))));
            }
        }
        lines
    }

    /// Processor and memory of the last hour, side by side.
    fn draw_history(&self, frame: &mut Frame, area: Rect, look: &Look) {
        let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(area);
        let share = |part: &str, whole: &str| -> Vec<Option<f64>> {
            let of = |p: &Point| Some(p.get(part)? / p.get(whole).filter(|w| *w > 0.0)?);
            self.history.iter().map(of).collect()
        };
        let cpu: Vec<Option<f64>> = self.history.iter().map(|p| p.get("cpu")).collect();
        // Blocks are in every font; braille is not.
        let resolution = (look.glyphs.set == GlyphSet::Unicode).then_some(Resolution::Block);
        for (area, title, series) in [(left, "CPU", cpu), (right, "Memory", share("mem", "maxmem"))] {
            let block = look.block(format!("{title}, last hour"), false);
            let inner = block.inner(area);
            frame.render_widget(block, area);
            let graph =
                Graph { max: Some(1.0), ends: ("-1h", "now"), resolution, ..Graph::new(&series, text::percent) };
            graph.draw(frame, inner, look);
        }
    }

    fn config_lines(&self, look: &Look, width: u16) -> Vec<Line<'static>> {
        let Some(config) = &self.config else {
            return vec![Line::styled(" loading", look.style(Role::Muted))];
        };
        let mut lines = vec![Line::raw("")];
        let label = config.values.keys().map(|k| k.len()).max().unwrap_or(0).min(20);
        for (key, value) in &config.values {
            let room = usize::from(width).saturating_sub(label + 4).max(10);
            let one_line = value.replace('\n', " ");
            for (i, part) in text::wrap(&text::clean(&one_line), room).into_iter().enumerate() {
                let key = if i == 0 { key.as_str() } else { "" };
                lines.push(Line::from(vec![
                    Span::styled(format!(" {key:<label$}  "), look.style(Role::Accent)),
                    Span::styled(part, look.style(Role::Text)),
                ]));
            }
        }
        lines
    }
}

fn word(g: &Guest, live: Option<&Status>, look: &Look) -> (String, Role) {
    let glyphs = &look.glyphs;
    if g.template {
        return (format!("{} template", glyphs.stopped), Role::Muted);
    }
    // A paused VM is "running" in the cluster's list; only its own status tells.
    match live.map_or_else(|| g.status.clone(), Status::state) {
        GuestStatus::Running => (format!("{} running", glyphs.running), Role::Running),
        GuestStatus::Paused => (format!("{} paused", glyphs.paused), Role::Paused),
        GuestStatus::Stopped => (format!("{} stopped", glyphs.stopped), Role::Stopped),
        other => (format!("{} {}", glyphs.unknown, other.as_str()), Role::Warning),
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn of(part: u64, whole: u64) -> String {
    format!("{} of {}", text::bytes(part).trim(), text::bytes(whole).trim())
}

fn trim(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn plain(look: &Look, label: &str, value: &str) -> Line<'static> {
    Line::from(vec![
        Span::styled(format!(" {label:<9}"), look.style(Role::Muted)),
        Span::styled(value.to_owned(), look.style(Role::Text)),
    ])
}

/// One line: label, bar, percent, and what it is part of.
pub fn gauge(look: &Look, label: &str, share: f64, words: &str, width: u16) -> Line<'static> {
    // Label, percent and words come first; the bar takes what is left.
    let cells = usize::from(width).saturating_sub(18 + text::width(words)).clamp(4, 40);
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    let full = (share * cells as f64).round() as usize;
    Line::from(vec![
        Span::styled(format!(" {label:<9}"), look.style(Role::Muted)),
        Span::styled(look.glyphs.bar_full.repeat(full), look.gauge(share)),
        Span::styled(look.glyphs.bar_empty.repeat(cells - full), look.style(Role::GaugeRest)),
        Span::styled(format!(" {:>5} ", text::percent1(share).trim()), look.gauge(share)),
        Span::styled(words.to_owned(), look.style(Role::Text)),
    ])
}

impl Targets for Detail {
    fn targets<'s>(&self, store: &'s Store) -> Vec<&'s Guest> {
        self.known(store).into_iter().collect()
    }
}

impl View for Detail {
    type Msg = Msg;
    const NAME: &'static str = "Guest";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "detail.menu",
            keys: "m x",
            title: "Actions",
            footer: true,
            ready: |v, s| v.known(s).is_some(),
            run: Self::menu,
        },
        action::command::<Self, 0>(),
        action::command::<Self, 1>(),
        action::command::<Self, 2>(),
        action::command::<Self, 3>(),
        action::command::<Self, 4>(),
        action::command::<Self, 5>(),
        action::command::<Self, 6>(),
        action::command::<Self, 7>(),
        action::command::<Self, 8>(),
        super::like::command::<Self>(),
        template::clone_command(),
        template::convert_command(),
        template::describe_command(),
        Command {
            id: "guest.edit",
            keys: "e",
            title: "Edit",
            footer: true,
            ready: |v, s| v.known(s).is_some(),
            run: |v, cx| cx.open(super::edit::Editor::new(v.guest.clone())),
        },
        Command {
            id: "detail.backups",
            keys: "b",
            title: "Backups",
            footer: true,
            ready: |_, _| true,
            run: Self::backups,
        },
        Command {
            id: "detail.snapshots",
            keys: "n",
            title: "Snapshots",
            footer: true,
            ready: |v, s| v.known(s).is_some(),
            run: Self::snapshots,
        },
        Command {
            id: "detail.tasks",
            keys: "H",
            title: "Task history",
            footer: false,
            ready: |_, _| true,
            run: Self::tasks,
        },
        Command {
            id: "detail.tab",
            keys: "tab ] [ l h",
            title: "Summary/configuration",
            footer: true,
            ready: |_, _| true,
            run: Self::next_tab,
        },
        Command {
            id: "detail.next",
            keys: "J",
            title: "Next guest",
            footer: false,
            ready: |_, _| true,
            run: |v, cx| v.neighbour(1, cx),
        },
        Command {
            id: "detail.previous",
            keys: "K",
            title: "Previous guest",
            footer: false,
            ready: |_, _| true,
            run: |v, cx| v.neighbour(-1, cx),
        },
        Command { id: "detail.copy", keys: "y", title: "Copy id", footer: false, ready: |_, _| true, run: Self::copy },
    ];

    fn opened(&mut self, cx: &mut Cx<'_, Msg>) {
        self.ask(cx);
    }

    fn refreshed(&mut self, cx: &mut Cx<'_, Msg>) {
        let long_ago = self.asked.is_none_or(|at| cx.scene.now.mono.saturating_sub(at) > Duration::from_secs(1));
        if long_ago {
            self.ask(cx);
        }
    }

    fn pace(&self) -> Option<Duration> {
        Some(Self::PACE)
    }

    fn tick(&mut self, cx: &mut Cx<'_, Msg>) {
        self.ask(cx);
    }

    fn update(&mut self, msg: Msg, _: &mut Cx<'_, Msg>) {
        let (Msg::Status(vmid, _) | Msg::Config(vmid, _) | Msg::History(vmid, _)) = &msg;
        // An answer about the guest that was shown before.
        if *vmid != self.guest.vmid {
            return;
        }
        self.asking = self.asking.saturating_sub(1);
        match msg {
            Msg::Status(_, answer) => match *answer {
                Ok(status) => {
                    self.status = Some(status);
                    self.error = None;
                }
                Err(error) => self.error = Some(error),
            },
            Msg::Config(_, Ok(config)) => self.config = Some(config),
            Msg::Config(_, Err(error)) => self.error = Some(error),
            Msg::History(_, Ok(points)) => self.history = points,
            // Graphs are an extra: the live figures stand above them.
            Msg::History(_, Err(error)) => tracing::debug!(%error, "no history"),
        }
    }

    fn key(&mut self, key: KeyEvent, _: &mut Cx<'_, Msg>) -> bool {
        if !key.modifiers.is_empty() {
            return false;
        }
        match key.code {
            KeyCode::Down | KeyCode::Char('j') => self.scroll = self.scroll.saturating_add(1),
            KeyCode::Up | KeyCode::Char('k') => self.scroll = self.scroll.saturating_sub(1),
            KeyCode::PageDown => self.scroll = self.scroll.saturating_add(10),
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(10),
            KeyCode::Home | KeyCode::Char('g') => self.scroll = 0,
            KeyCode::End | KeyCode::Char('G') => self.scroll = u16::MAX,
            _ => return false,
        }
        true
    }

    fn mouse(&mut self, event: MouseEvent, cx: &mut Cx<'_, Msg>) {
        match event.kind {
            MouseEventKind::ScrollDown => self.scroll = self.scroll.saturating_add(3),
            MouseEventKind::ScrollUp => self.scroll = self.scroll.saturating_sub(3),
            MouseEventKind::Down(crossterm::event::MouseButton::Right) => self.menu(cx),
            _ => {}
        }
    }

    fn crumb(&self, store: &Store) -> String {
        let list = if self.guest.kind == crate::api::ids::GuestKind::Vm { "Virtual machines" } else { "Containers" };
        format!("{list} > {} > {}", self.guest.node, self.name(store))
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let error = self.error.as_ref().map(|error| {
            let words = format!("{} {}", look.glyphs.warning, error.explained());
            text::wrap(&text::clean(&words), usize::from(area.width).saturating_sub(2).max(10))
        });
        let error = error.unwrap_or_default();
        let height = u16::try_from(error.len()).unwrap_or(u16::MAX).min(area.height / 3);
        let [head, trouble, body] =
            Layout::vertical([Constraint::Length(1), Constraint::Length(height), Constraint::Min(1)]).areas(area);
        let mut title = vec![Span::styled(format!(" {} ", self.name(scene.store)), look.style(Role::Title))];
        for (tab, label) in [(Tab::Summary, "Summary"), (Tab::Config, "Configuration")] {
            let role = if tab == self.tab { Role::TabActive } else { Role::Tab };
            title.push(Span::styled(format!(" {label} "), look.style(role)));
            title.push(Span::raw(" "));
        }
        frame.render_widget(Line::from(title), head);
        let error: Vec<Line> =
            error.into_iter().map(|line| Line::styled(format!(" {line}"), look.style(Role::Warning))).collect();
        frame.render_widget(Paragraph::new(error), trouble);
        let lines = match self.tab {
            Tab::Summary => self.summary(scene, body.width),
            Tab::Config => self.config_lines(look, body.width),
        };
        // The graphs have what the text leaves free.
        let free = body.height.saturating_sub(u16::try_from(lines.len()).unwrap_or(u16::MAX)).saturating_sub(1);
        let graphs = if self.tab == Tab::Summary && free >= 5 && self.history.len() > 1 { free.min(14) } else { 0 };
        let [body, graphs] = Layout::vertical([Constraint::Min(1), Constraint::Length(graphs)]).areas(body);
        let most = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_sub(body.height);
        self.scroll = self.scroll.min(most);
        frame.render_widget(Paragraph::new(lines).scroll((self.scroll, 0)), body);
        if graphs.height > 0 {
            self.draw_history(frame, graphs, look);
        }
    }
}
