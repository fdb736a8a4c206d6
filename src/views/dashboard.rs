//! The cluster at a glance: health, nodes, what needs attention, what runs.

use crossterm::event::{KeyCode, KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use jiff::tz::TimeZone;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Position, Rect},
    text::{Line, Span},
    widgets::{Block, Paragraph},
};

use super::{
    guest::detail::{Detail, summary::gauge},
    task,
};
use crate::{
    api::{
        cluster::{Guest, GuestStatus},
        ids::{GuestKind, GuestRef, NodeName, Upid},
        task::TaskState,
    },
    shell::{Command, Cx, Effect, Ready, Scene, View, always, needs},
    store::Store,
    ui::{Look, Role, draw_scrollbar, text},
};

/// What Enter opens.
#[derive(Clone, Debug, PartialEq)]
enum Target {
    Guest(GuestRef),
    Task(Upid),
    Tab(char),
    /// Shown with its figures of the moment; there is nothing to open.
    Node(NodeName),
}

/// A line that can be selected.
struct Item {
    spans: Vec<(String, Role)>,
    target: Target,
}

/// The lists below the overview, in the order in which Tab goes through them.
const LISTS: [&str; 4] = ["Needs attention", "Busiest guests", "Tasks", "Nodes"];
/// The place of the nodes among them: they have a box of their own above the others.
const NODES: usize = 3;

/// Storages fuller than this need attention.
const FULL: f64 = 0.85;
/// Failed tasks younger than this need attention.
const RECENT: u64 = 24 * 3600;
/// Lines of a list at most.
const MOST: usize = 50;

/// What the lists were made from: they are made anew when any of it differs.
#[derive(PartialEq)]
struct MadeFor {
    resources: u64,
    tasks: u64,
    progress: Vec<Option<u8>>,
    quorate: Option<bool>,
    /// Ages are shown.
    minute: i64,
}

/// The dashboard. Its lists are made anew when the store changes, not per frame.
pub struct Dashboard {
    lists: [Vec<Item>; 4],
    list: usize,
    cursor: [usize; 4],
    made_for: Option<MadeFor>,
    counts: Counts,
    places: [Rect; 4],
    tops: [usize; 4],
}

/// Guests by state.
#[derive(Default, Clone, Copy)]
struct Counts {
    running: [usize; 2],
    stopped: [usize; 2],
    templates: [usize; 2],
    other: [usize; 2],
    locked: usize,
}

impl Default for Dashboard {
    fn default() -> Self {
        Self {
            lists: Default::default(),
            list: 0,
            cursor: [0; 4],
            made_for: None,
            counts: Counts::default(),
            places: [Rect::ZERO; 4],
            tops: [0; 4],
        }
    }
}

impl Dashboard {
    fn sync(&mut self, store: &Store, look: &Look, now: i64) {
        let progress = store.followed.iter().map(|f| f.percent.map(|p| p as u8)).collect();
        let quorate = store.cluster.as_ref().map(|c| c.quorate);
        let made_for = Some(MadeFor {
            resources: store.generation,
            tasks: store.tasks_generation,
            progress,
            quorate,
            minute: now / 60,
        });
        if self.made_for == made_for {
            return;
        }
        self.made_for = made_for;
        self.counts = count(&store.resources.guests);
        let now = u64::try_from(now).unwrap_or(0);
        let lists = [attention(store, look, now), busiest(store), tasks(store, look), nodes(store)];
        let before = std::mem::replace(&mut self.lists, lists);
        for ((cursor, list), before) in self.cursor.iter_mut().zip(&self.lists).zip(before) {
            // The cursor stays on what it was on: else Enter would open what has just slid under it.
            let same = before.get(*cursor).and_then(|old| list.iter().position(|item| item.target == old.target));
            *cursor = same.unwrap_or(*cursor).min(list.len().saturating_sub(1));
        }
    }

    fn open(&mut self, cx: &mut Cx<'_, ()>) {
        let Some(item) = self.lists[self.list].get(self.cursor[self.list]) else { return };
        match item.target.clone() {
            Target::Guest(guest) => cx.open(Detail::new(guest)),
            Target::Task(upid) => cx.emit(Effect::OpenTask(upid)),
            Target::Tab(key) => cx.emit(Effect::Run { layer: None, command: format!("tab.{key}") }),
            Target::Node(_) => {}
        }
    }

    fn has_item(&self, _: &Store) -> Ready {
        needs(self.list != NODES && !self.lists[self.list].is_empty(), "nothing that opens is selected")
    }

    fn move_by(&mut self, by: isize) {
        let last = self.lists[self.list].len().saturating_sub(1);
        let cursor = &mut self.cursor[self.list];
        *cursor = cursor.saturating_add_signed(by).min(last);
    }

    /// A list's name, and how long it is.
    fn title(&self, n: usize) -> String {
        match self.lists[n].len() {
            0 => LISTS[n].to_owned(),
            len => format!("{} ({len})", LISTS[n]),
        }
    }

    fn draw_list(&mut self, n: usize, frame: &mut Frame, area: Rect, scene: &Scene) {
        let block = scene.look.block(self.title(n), n == self.list);
        self.draw_in(n, block, frame, area, scene);
    }

    fn draw_in(&mut self, n: usize, block: Block, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.places[n] = area;
        let (look, focused) = (scene.look, n == self.list);
        let inner = block.inner(area);
        frame.render_widget(block, area);
        if self.lists[n].is_empty() {
            let words = match (n, scene.store.updated.is_some()) {
                (_, false) => "waiting for the first answer",
                (0, true) => "nothing",
                (NODES, true) => "none that you may see",
                _ => "none",
            };
            frame.render_widget(Line::styled(format!(" {words}"), look.style(Role::Muted)), inner);
            return;
        }
        let height = usize::from(inner.height).max(1);
        let scrolls = self.lists[n].len() > height;
        let width = inner.width.saturating_sub(u16::from(scrolls));
        let cursor = self.cursor[n];
        let most = self.lists[n].len().saturating_sub(height);
        self.tops[n] = self.tops[n].min(cursor).max((cursor + 1).saturating_sub(height)).min(most);
        let top = self.tops[n];
        let shown = self.lists[n].iter().enumerate().skip(top).take(height);
        let lines: Vec<Line> = shown
            .map(|(i, item)| {
                let mut line = match &item.target {
                    Target::Node(name) => node_line(scene, name, width),
                    _ => item_line(item, usize::from(width), look),
                };
                if focused && i == cursor {
                    let style = look.style(Role::Selected);
                    line.spans.iter_mut().for_each(|span| span.style = style);
                    let row = Rect { y: inner.y + (i - top) as u16, height: 1, ..inner };
                    frame.buffer_mut().set_style(row, style);
                }
                line
            })
            .collect();
        frame.render_widget(Paragraph::new(lines), inner);
        if scrolls {
            draw_scrollbar(frame.buffer_mut(), inner, top, self.lists[n].len(), look);
        }
    }

    /// Where there is no room for all lists: the one in front, and which others there are.
    fn draw_front(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let title = self.title(self.list);
        let others: Vec<String> = (1..LISTS.len()).map(|n| self.title((self.list + n) % LISTS.len())).collect();
        let hint = format!(" {}: {} ", scene.keys.label("dashboard.next"), others.join(", "));
        let mut block = look.block(title.clone(), true);
        if text::width(&title) + text::width(&hint) + 6 <= usize::from(area.width) {
            block = block.title_top(Line::styled(hint, look.style(Role::Muted)).right_aligned());
        }
        self.draw_in(self.list, block, frame, area, scene);
    }
}

/// A line whose last words are cut where there is no room for them.
fn item_line(item: &Item, width: usize, look: &Look) -> Line<'static> {
    let mut room = width;
    let spans = item.spans.iter().map(|(words, role)| {
        let words = text::cut(words, room, look.glyphs.ellipsis).into_owned();
        room -= text::width(&words).min(room);
        Span::styled(words, look.style(*role))
    });
    Line::from(spans.collect::<Vec<_>>())
}

fn count(guests: &[Guest]) -> Counts {
    let mut counts = Counts::default();
    for g in guests {
        let kind = usize::from(g.kind == GuestKind::Ct);
        match g.status {
            _ if g.template => counts.templates[kind] += 1,
            GuestStatus::Running | GuestStatus::Paused => counts.running[kind] += 1,
            GuestStatus::Stopped => counts.stopped[kind] += 1,
            _ => counts.other[kind] += 1,
        }
        counts.locked += usize::from(g.lock.is_some());
    }
    counts
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn attention(store: &Store, look: &Look, now: u64) -> Vec<Item> {
    let glyphs = &look.glyphs;
    let mut items = vec![];
    let mut add = |role, glyph: &str, words: String, target| {
        let spans = vec![(format!(" {glyph} "), role), (text::clean(&words).into_owned(), Role::Text)];
        items.push(Item { spans, target });
    };
    if store.cluster.as_ref().is_some_and(|c| !c.quorate) {
        add(Role::Danger, glyphs.failed, "The cluster has no quorum: nothing can be changed".into(), Target::Tab('1'));
    }
    for node in store.resources.nodes.iter().filter(|n| !n.is_online()) {
        add(Role::Danger, glyphs.failed, format!("Node {} is {}", node.node, node.status), Target::Tab('2'));
    }
    let guests = &store.resources.guests;
    for g in guests.iter().filter(|g| g.hastate.as_deref() == Some("error")) {
        add(Role::Danger, glyphs.failed, format!("HA error: {} {}", g.vmid, g.name), Target::Guest(g.reference()));
    }
    let mut seen = std::collections::HashSet::new();
    for s in store.resources.storages.iter().filter(|s| share(s.disk, s.maxdisk) > FULL) {
        if s.shared && !seen.insert(s.storage.clone()) {
            continue;
        }
        let place = if s.shared { String::new() } else { format!(" on {}", s.node) };
        let used = text::percent(share(s.disk, s.maxdisk));
        add(
            Role::Warning,
            glyphs.warning,
            format!("Storage {}{place} is {} full", s.storage, used.trim()),
            Target::Tab('1'),
        );
    }
    for g in guests.iter().filter(|g| g.lock.is_some() && !store.is_busy(g.vmid)) {
        let lock = g.lock.as_deref().unwrap_or("");
        add(
            Role::Warning,
            glyphs.lock,
            format!("{} {} is locked ({lock})", g.vmid, g.name),
            Target::Guest(g.reference()),
        );
    }
    for g in guests.iter().filter(|g| g.uptime > 0 && share(g.mem, g.maxmem) > 0.95).take(10) {
        let used = text::percent(share(g.mem, g.maxmem));
        let words = format!("{} {} uses {} of its memory", g.vmid, g.name, used.trim());
        add(Role::Warning, glyphs.warning, words, Target::Guest(g.reference()));
    }
    let failed = store.tasks.iter().filter(|t| now.saturating_sub(t.starttime) < RECENT);
    for t in failed.filter(|t| matches!(t.status, TaskState::Failed(_))) {
        let age = text::age(now.saturating_sub(t.starttime));
        add(
            Role::Danger,
            glyphs.failed,
            format!("{} failed {age}: {}", t.description(), t.status),
            Target::Task(t.upid.clone()),
        );
    }
    items.truncate(MOST);
    items
}

fn busiest(store: &Store) -> Vec<Item> {
    let mut running: Vec<&Guest> = store.resources.guests.iter().filter(|g| g.uptime > 0).collect();
    let load = |g: &&Guest| f64::from(g.cpu) * f64::from(g.maxcpu);
    let order = |a: &&Guest, b: &&Guest| load(b).total_cmp(&load(a)).then(a.vmid.cmp(&b.vmid));
    if running.len() > MOST {
        running.select_nth_unstable_by(MOST, order);
        running.truncate(MOST);
    }
    running.sort_unstable_by(order);
    let items = running.into_iter().map(|g| Item {
        spans: vec![
            (format!(" {:>6} ", g.vmid), Role::Muted),
            (text::pad(&text::cut_middle(&text::clean(&g.name), 18, "~"), 19), Role::Text),
            (format!("{:>5}", text::percent(f64::from(g.cpu))), Role::GaugeLow),
            (format!(" of {:<2} ", g.maxcpu), Role::Muted),
            (format!("mem {:>4}", text::percent(share(g.mem, g.maxmem))), Role::Text),
            (format!("  {}", g.node), Role::Muted),
        ],
        target: Target::Guest(g.reference()),
    });
    items.collect()
}

fn tasks(store: &Store, look: &Look) -> Vec<Item> {
    let mut items = vec![];
    for f in store.followed.iter().rev().filter(|f| !store.tasks.iter().any(|t| t.upid == f.upid)) {
        let spans =
            vec![(format!(" {} ", look.glyphs.bullet), Role::Accent), (text::clean(&f.label).into_owned(), Role::Text)];
        items.push(Item { spans, target: Target::Task(f.upid.clone()) });
    }
    let running = store.tasks.iter().filter(|t| t.status.is_running());
    let ended = store.tasks.iter().filter(|t| !t.status.is_running());
    let zone = TimeZone::system();
    let ctx = crate::ui::Ctx { look, now: 0, tick: 0, zone: &zone, chips: &() };
    for t in running.chain(ended).take(MOST) {
        let (glyph, role) = match t.status {
            TaskState::Running => (look.glyphs.bullet, Role::Accent),
            ref state => task::sign(state, &ctx),
        };
        let percent = store.followed.iter().find(|f| f.upid == t.upid).and_then(|f| f.percent);
        let percent = percent.map_or_else(String::new, |p| format!(" {p:.0} %"));
        let when = text::time_short(i64::try_from(t.starttime).unwrap_or(0), &zone);
        let spans = vec![
            (format!(" {glyph} "), role),
            (format!("{when} "), Role::Muted),
            (text::clean(&t.description()).into_owned(), Role::Text),
            (format!("  {}", t.node), Role::Muted),
            (percent, Role::Accent),
        ];
        items.push(Item { spans, target: Target::Task(t.upid.clone()) });
    }
    items
}

fn draw_overview(counts: Counts, frame: &mut Frame, area: Rect, scene: &Scene) {
    let (store, look) = (scene.store, scene.look);
    let wide = area.width >= 100;
    let [left, right] = if wide {
        Layout::horizontal([Constraint::Length(36), Constraint::Min(40)]).areas(area)
    } else {
        Layout::horizontal([Constraint::Length(30), Constraint::Min(30)]).areas(area)
    };

    let block = look.block("Guests", false);
    let inner = block.inner(left);
    frame.render_widget(block, left);
    if store.updated.is_none() {
        // No zeros before anything is known.
        frame.render_widget(look.block("Cluster", false), right);
        frame.render_widget(Line::styled(" waiting for the first answer", look.style(Role::Muted)), inner);
        return;
    }
    if store.resources.guests.is_empty() {
        let words = [" none, or none that you", " may see: that takes", " VM.Audit on /vms"];
        let words = words.map(|line| Line::styled(line, look.style(Role::Muted)));
        frame.render_widget(Paragraph::new(words.to_vec()), inner);
    }
    let row = |label: &str, n: [usize; 2], role: Role| {
        Line::from(vec![
            Span::styled(format!(" {label:<10}"), look.style(role)),
            Span::styled(format!("{:>5}", n[0]), look.style(Role::Text)),
            Span::styled(" VM", look.style(Role::Muted)),
            Span::styled(format!("{:>5}", n[1]), look.style(Role::Text)),
            Span::styled(" CT", look.style(Role::Muted)),
        ])
    };
    let mut lines = vec![
        row(&format!("{} running", look.glyphs.running), counts.running, Role::Running),
        row(&format!("{} stopped", look.glyphs.stopped), counts.stopped, Role::Stopped),
        row("  template", counts.templates, Role::Muted),
    ];
    if counts.other != [0, 0] {
        lines.push(row(&format!("{} unknown", look.glyphs.unknown), counts.other, Role::Warning));
    } else if counts.locked > 0 {
        lines.push(Line::styled(format!(" {} {} locked", look.glyphs.lock, counts.locked), look.style(Role::Warning)));
    }
    if !store.resources.guests.is_empty() {
        frame.render_widget(Paragraph::new(lines), inner);
    }

    let version = store.version.as_ref().map_or_else(String::new, |v| format!(" - PVE {}", v.version));
    let block = look.block(format!("Cluster{}", text::clean(&version)), false);
    let inner = block.inner(right);
    frame.render_widget(block, right);
    let online = || store.resources.nodes.iter().filter(|n| n.is_online());
    let cpus: f64 = online().map(|n| f64::from(n.maxcpu)).sum();
    let used: f64 = online().map(|n| f64::from(n.cpu) * f64::from(n.maxcpu)).sum();
    let (mem, maxmem) = online().fold((0, 0), |(u, a), n| (u + n.mem, a + n.maxmem));
    let mut seen = std::collections::HashSet::new();
    let storages = store.resources.storages.iter().filter(|s| !s.shared || seen.insert(&s.storage));
    let (disk, maxdisk) = storages.fold((0, 0), |(u, a), s| (u + s.disk, a + s.maxdisk));
    let of = |a: u64, b: u64| format!("{} of {}", text::bytes(a), text::bytes(b));
    let width = inner.width;
    let quorum = match &store.cluster {
        None => ("".into(), Role::Muted),
        Some(c) if c.name.is_none() => ("single node".to_owned(), Role::Muted),
        Some(c) if c.quorate => ("quorate".to_owned(), Role::Ok),
        Some(_) => ("NO QUORUM".to_owned(), Role::Danger),
    };
    let up = online().count();
    let nodes = format!("{up} of {} online", store.resources.nodes.len());
    let role = if up == store.resources.nodes.len() { Role::Ok } else { Role::Warning };
    let cpu = if cpus > 0.0 { used / cpus } else { 0.0 };
    // Users without Sys.Audit are told nothing of the nodes, which is not the same as nothing being used.
    let hidden = up > 0 && cpus == 0.0;
    let no_access = |name: &str| Line::styled(format!(" {name:<8} no access"), look.style(Role::Muted));
    let lines = vec![
        if hidden { no_access("CPU") } else { gauge(look, "CPU", cpu, &format!("of {cpus:.0} processors"), width) },
        if hidden { no_access("Memory") } else { gauge(look, "Memory", share(mem, maxmem), &of(mem, maxmem), width) },
        if maxdisk == 0 {
            no_access("Storage")
        } else {
            gauge(look, "Storage", share(disk, maxdisk), &of(disk, maxdisk), width)
        },
        Line::from(vec![
            Span::styled(" Nodes    ", look.style(Role::Muted)),
            Span::styled(nodes, look.style(role)),
            Span::raw("  "),
            Span::styled(quorum.0, look.style(quorum.1)),
        ]),
    ];
    frame.render_widget(Paragraph::new(lines), inner);
}

/// Those that are gone come first.
fn nodes(store: &Store) -> Vec<Item> {
    let mut nodes: Vec<_> = store.resources.nodes.iter().collect();
    nodes.sort_by_key(|n| n.is_online());
    nodes.into_iter().map(|n| Item { spans: vec![], target: Target::Node(n.node.clone()) }).collect()
}

/// A node and its load. PVE's figure is already the share of the whole node.
fn node_line(scene: &Scene, name: &NodeName, width: u16) -> Line<'static> {
    let look = scene.look;
    let Some(n) = scene.store.node(name.as_str()) else { return Line::default() };
    let bar = usize::from(width).saturating_sub(58).clamp(4, 20);
    let meter = |share: f64| -> [Span<'static>; 3] {
        let full = (share.clamp(0.0, 1.0) * bar as f64).round() as usize;
        [
            Span::styled(look.glyphs.bar_full.repeat(full), look.gauge(share)),
            Span::styled(look.glyphs.bar_empty.repeat(bar - full), look.style(Role::GaugeRest)),
            Span::styled(format!(" {:>4}  ", text::percent(share)), look.gauge(share)),
        ]
    };
    let name = text::fit(&text::clean(name.as_str()), 12, look.glyphs.ellipsis);
    if !n.is_online() {
        let words = format!(" {} {name} {}", look.glyphs.failed, n.status);
        return Line::styled(text::clean(&words).into_owned(), look.style(Role::Danger));
    }
    let mut spans = vec![Span::styled(format!(" {} ", look.glyphs.running), look.style(Role::Running))];
    spans.push(Span::styled(name, look.style(Role::Text)));
    if !n.has_figures() {
        let words = format!(" no access to its figures (Sys.Audit on /nodes/{})", n.node);
        spans.push(Span::styled(words, look.style(Role::Muted)));
        return Line::from(spans);
    }
    spans.push(Span::styled(" CPU ", look.style(Role::Muted)));
    spans.extend(meter(f64::from(n.cpu)));
    spans.push(Span::styled("MEM ", look.style(Role::Muted)));
    spans.extend(meter(share(n.mem, n.maxmem)));
    spans.push(Span::styled(format!("up {}", text::duration(n.uptime)), look.style(Role::Muted)));
    Line::from(spans)
}

impl View for Dashboard {
    type Msg = ();
    const NAME: &'static str = "Dashboard";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "dashboard.open",
            keys: "enter",
            title: "Open",
            footer: true,
            ready: Self::has_item,
            run: Self::open,
        },
        Command {
            id: "dashboard.next",
            keys: "tab right l",
            title: "Next list",
            footer: true,
            ready: always,
            run: |v, _| v.list = (v.list + 1) % LISTS.len(),
        },
        Command {
            id: "dashboard.previous",
            keys: "shift-tab left h",
            title: "Previous list",
            footer: false,
            ready: always,
            run: |v, _| v.list = (v.list + LISTS.len() - 1) % LISTS.len(),
        },
    ];

    fn update(&mut self, (): (), _: &mut Cx<'_, ()>) {}

    fn key(&mut self, key: KeyEvent, _: &mut Cx<'_, ()>) -> bool {
        if !key.modifiers.is_empty() {
            return false;
        }
        match key.code {
            KeyCode::Down | KeyCode::Char('j') => self.move_by(1),
            KeyCode::Up | KeyCode::Char('k') => self.move_by(-1),
            KeyCode::Home | KeyCode::Char('g') => self.cursor[self.list] = 0,
            KeyCode::End | KeyCode::Char('G') => self.move_by(isize::MAX),
            KeyCode::PageDown => self.move_by(10),
            KeyCode::PageUp => self.move_by(-10),
            _ => return false,
        }
        true
    }

    fn mouse(&mut self, event: MouseEvent, cx: &mut Cx<'_, ()>) {
        let at = Position::new(event.column, event.row);
        let Some(n) = self.places.iter().position(|p| p.contains(at)) else { return };
        match event.kind {
            MouseEventKind::ScrollDown => {
                self.list = n;
                self.move_by(1);
            }
            MouseEventKind::ScrollUp => {
                self.list = n;
                self.move_by(-1);
            }
            MouseEventKind::Down(MouseButton::Left) => {
                let row = usize::from(event.row.saturating_sub(self.places[n].y + 1)) + self.tops[n];
                let again = self.list == n && self.cursor[n] == row;
                self.list = n;
                if row < self.lists[n].len() {
                    self.cursor[n] = row;
                    if again {
                        self.open(cx);
                    }
                }
            }
            _ => {}
        }
    }

    fn crumb(&self, store: &Store) -> String {
        format!("Datacenter > {}", store.name())
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.sync(scene.store, scene.look, scene.now.unix);
        self.places = [Rect::ZERO; 4];
        let wide = area.width >= 100;
        let all = u16::try_from(self.lists[NODES].len().max(1)).unwrap_or(u16::MAX);
        let most = area.height.saturating_sub(12).max(3).min(if area.height >= 30 { 14 } else { 5 });
        // On a low screen the count above must do, and in a narrow one the box in front shows them when they are wanted.
        let boxed = area.height >= 17 && (wide || self.list != NODES);
        let height = if boxed { all.saturating_add(2).min(most) } else { 0 };
        let [top, middle, bottom] =
            Layout::vertical([Constraint::Length(6), Constraint::Length(height), Constraint::Min(3)]).areas(area);
        draw_overview(self.counts, frame, top, scene);
        if boxed {
            self.draw_list(NODES, frame, middle, scene);
        }
        if wide && boxed && bottom.height >= 12 {
            let [a, b] = Layout::vertical([Constraint::Fill(1), Constraint::Fill(1)]).areas(bottom);
            let [a1, a2] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(a);
            self.draw_list(0, frame, a1, scene);
            self.draw_list(1, frame, a2, scene);
            self.draw_list(2, frame, b, scene);
        } else if wide && boxed && self.list == NODES {
            self.draw_list(0, frame, bottom, scene);
        } else {
            self.draw_front(frame, bottom, scene);
        }
    }
}
