//! One guest: what it is, how it is doing right now and was before, what it says from inside, and its configuration.

pub mod graphs;
pub mod inside;
pub mod summary;

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, MouseEvent, MouseEventKind};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::Paragraph,
};

use super::action::{self, Targets};
use crate::views::{
    firewall::Firewall, permission, replication::Replication, snapshot::Snapshots, task::history::History, template,
};
use crate::{
    api::{
        ApiError, agent,
        cluster::{Guest, GuestStatus},
        firewall::Scope,
        guest::{self as api, Config, Status},
        ids::{GuestKind, GuestRef, VmId},
        rrd::{Consolidation, Point, Timeframe},
    },
    shell::{Command, Cx, Effect, Level, Scene, View, always, needs},
    store::Store,
    ui::{Look, Role, text},
    views::backup::Backups,
};
use graphs::Graphs;
use inside::{Inside, Said};

/// What the view hears back.
pub enum Msg {
    /// The live status.
    Status(VmId, Box<Result<Status, ApiError>>),
    /// The configuration.
    Config(VmId, Result<Config, ApiError>),
    /// The past, of this span and kind.
    History(VmId, Timeframe, Consolidation, Result<Vec<Point>, ApiError>),
    /// Something from inside.
    Inside(VmId, Said),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tab {
    Summary,
    Graphs,
    Inside,
    Config,
}

impl Tab {
    /// All pages with their titles, in their order.
    const ALL: [(Self, &'static str); 4] = [
        (Self::Summary, "Summary"),
        (Self::Graphs, "Graphs"),
        (Self::Inside, "Inside"),
        (Self::Config, "Configuration"),
    ];
}

/// One guest.
pub struct Detail {
    guest: GuestRef,
    tab: Tab,
    status: Option<Status>,
    config: Option<Config>,
    /// The last hour, for the summary.
    hour: Graphs,
    /// What was chosen on the page of graphs.
    graphs: Graphs,
    inside: Inside,
    error: Option<ApiError>,
    asked: Option<Duration>,
    config_asked: Option<Duration>,
    history_asked: Option<Duration>,
    inside_asked: Option<Duration>,
    inside_asking: u8,
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
    /// How often the guest is asked from inside, which may cost it and its node something.
    const INSIDE: Duration = Duration::from_secs(20);

    /// A guest by where it is.
    pub fn new(guest: GuestRef) -> Self {
        Self {
            guest,
            tab: Tab::Summary,
            status: None,
            config: None,
            hour: Graphs::default(),
            graphs: Graphs::default(),
            inside: Inside::default(),
            error: None,
            asked: None,
            config_asked: None,
            history_asked: None,
            inside_asked: None,
            inside_asking: 0,
            asking: 0,
            scroll: 0,
        }
    }

    fn runs(&self, store: &Store) -> bool {
        let live = self.status.as_ref().map(Status::state);
        live.or_else(|| self.known(store).map(|g| g.status.clone())) == Some(GuestStatus::Running)
    }

    /// Asks the guest itself: its addresses always, the rest only where it is shown. A VM without an agent is not asked.
    fn ask_inside(&mut self, cx: &mut Cx<'_, Msg>) {
        let vm = self.guest.kind == GuestKind::Vm;
        let has_agent = |c: &Config| c.get("agent").is_some_and(|a| a.starts_with('1') || a.contains("enabled=1"));
        let may_answer = !vm || self.config.as_ref().is_some_and(has_agent);
        if !self.runs(cx.store()) || !may_answer && self.tab != Tab::Inside {
            return;
        }
        self.inside_asked = Some(cx.scene.now.mono);
        self.inside_asking = 1;
        let (guest, id) = (self.guest.clone(), self.guest.vmid);
        cx.send(agent::interfaces(&guest), move |a| Msg::Inside(id, Said::Interfaces(a)));
        if vm && self.tab == Tab::Inside {
            self.inside_asking += 5;
            cx.send(agent::os(&guest), move |a| Msg::Inside(id, Said::Os(a)));
            cx.send(agent::host_name(&guest), move |a| Msg::Inside(id, Said::Name(a)));
            cx.send(agent::zone(&guest), move |a| Msg::Inside(id, Said::Zone(a)));
            cx.send(agent::users(&guest), move |a| Msg::Inside(id, Said::Users(a)));
            cx.send(agent::file_systems(&guest), move |a| Msg::Inside(id, Said::Files(a)));
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

    fn firewall(&mut self, cx: &mut Cx<'_, Msg>) {
        let label = self.known(cx.store()).map_or_else(|| self.guest.to_string(), Guest::label);
        cx.open(Firewall::new(Scope::Guest(self.guest.clone()), label));
    }

    /// What was done with this guest, as far back as its node remembers.
    fn tasks(&mut self, cx: &mut Cx<'_, Msg>) {
        cx.open(History::of_guest(cx.store(), self.guest.vmid));
    }

    fn turn(&mut self, by: isize, cx: &mut Cx<'_, Msg>) {
        let count = Tab::ALL.len() as isize;
        let at = Tab::ALL.iter().position(|(tab, _)| *tab == self.tab).unwrap_or(0) as isize;
        self.tab = Tab::ALL[(at + by).rem_euclid(count) as usize].0;
        self.scroll = 0;
        self.ask_page(cx);
    }

    /// What the page in front needs is asked for now, not at the next round.
    fn ask_page(&mut self, cx: &mut Cx<'_, Msg>) {
        match self.tab {
            Tab::Graphs => self.history_asked = None,
            Tab::Inside => self.inside_asked = None,
            Tab::Summary | Tab::Config => return,
        }
        self.asking = 0;
        self.inside_asking = 0;
        self.ask(cx);
    }

    fn next_span(&mut self, cx: &mut Cx<'_, Msg>) {
        self.graphs.next_span();
        self.ask_page(cx);
    }

    fn other_kind(&mut self, cx: &mut Cx<'_, Msg>) {
        self.graphs.other_kind();
        self.ask_page(cx);
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
        match self.known(scene.store) {
            Some(guest) => {
                let addresses = if self.runs(scene.store) { self.inside.addresses() } else { vec![] };
                let (live, config) = (self.status.as_ref(), self.config.as_ref());
                let tags = &scene.store.tags.style;
                summary::lines(guest, live, config, &addresses, tags, scene.look, width)
            }
            None => vec![Line::styled(
                " The guest is not in the cluster's list (any more).",
                scene.look.style(Role::Warning),
            )],
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

impl Targets for Detail {
    const NONE: &'static str = "the guest is gone";
    const MORE: &'static [&'static str] = &[
        "guest.edit",
        "guest.describe",
        "detail.backups",
        "detail.snapshots",
        "guest.clone",
        "guest.like",
        "guest.template",
        "detail.firewall",
        "detail.replication",
        "guest.permissions",
        "detail.tasks",
    ];

    fn targets<'s>(&self, store: &'s Store) -> Vec<&'s Guest> {
        self.known(store).into_iter().collect()
    }
}

impl View for Detail {
    type Msg = Msg;
    const NAME: &'static str = "Guest";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::menu("detail.menu", |v, s| needs(v.known(s).is_some(), "the guest is gone"), Self::menu),
        action::command::<Self, 0>(),
        action::command::<Self, 1>(),
        action::command::<Self, 2>(),
        action::command::<Self, 3>(),
        action::command::<Self, 4>(),
        action::command::<Self, 5>(),
        action::command::<Self, 6>(),
        action::command::<Self, 7>(),
        action::command::<Self, 8>(),
        action::command::<Self, 9>(),
        super::like::command::<Self>(),
        template::clone_command(),
        template::convert_command(),
        template::describe_command(),
        permission::command(),
        Command::edit(
            "guest.edit",
            |v, s| needs(v.known(s).is_some(), "the guest is gone"),
            |v, cx| cx.open(super::edit::Editor::new(v.guest.clone())),
        ),
        Command { id: "detail.backups", keys: "b", title: "Backups", footer: true, ready: always, run: Self::backups },
        Command {
            id: "detail.snapshots",
            keys: "n",
            title: "Snapshots",
            footer: true,
            ready: |v, s| needs(v.known(s).is_some(), "the guest is gone"),
            run: Self::snapshots,
        },
        Command {
            id: "detail.firewall",
            keys: "F",
            title: "Firewall",
            footer: false,
            ready: |v, s| needs(v.known(s).is_some(), "the guest is gone"),
            run: Self::firewall,
        },
        Command {
            id: "detail.replication",
            keys: "O",
            title: "Replication",
            footer: false,
            ready: |v, s| needs(v.known(s).is_some(), "the guest is gone"),
            run: |v, cx| cx.open(Replication::new(Some(v.guest.clone()))),
        },
        Command {
            id: "detail.tasks",
            keys: "H",
            title: "Task history",
            footer: false,
            ready: always,
            run: Self::tasks,
        },
        Command {
            id: "detail.tab",
            keys: "tab ] l",
            title: "Next page",
            footer: true,
            ready: always,
            run: |v, cx| v.turn(1, cx),
        },
        Command {
            id: "detail.back",
            keys: "shift-tab [ h",
            title: "Previous page",
            footer: false,
            ready: always,
            run: |v, cx| v.turn(-1, cx),
        },
        Command {
            id: "detail.span",
            keys: "w",
            title: "Hour to year",
            footer: true,
            ready: |v, _| needs(v.tab == Tab::Graphs, "only on the page with graphs"),
            run: Self::next_span,
        },
        Command {
            id: "detail.peaks",
            keys: "p",
            title: "Averages or peaks",
            footer: true,
            ready: |v, _| needs(v.tab == Tab::Graphs, "only on the page with graphs"),
            run: Self::other_kind,
        },
        Command {
            id: "detail.next",
            keys: "J",
            title: "Next guest",
            footer: false,
            ready: always,
            run: |v, cx| v.neighbour(1, cx),
        },
        Command {
            id: "detail.previous",
            keys: "K",
            title: "Previous guest",
            footer: false,
            ready: always,
            run: |v, cx| v.neighbour(-1, cx),
        },
        Command { id: "detail.copy", keys: "y", title: "Copy id", footer: false, ready: always, run: Self::copy },
    ];

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
            self.history_asked = Some(now);
            let graphs = if self.tab == Tab::Graphs { &self.graphs } else { &self.hour };
            let (span, of) = (graphs.span, graphs.of);
            cx.send(api::rrddata(&self.guest, span, of), move |a| Msg::History(vmid, span, of, a));
        }
        if self.inside_asking == 0 && since(self.inside_asked) >= Self::INSIDE {
            self.ask_inside(cx);
        }
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

    fn update(&mut self, msg: Msg, cx: &mut Cx<'_, Msg>) {
        let (Msg::Status(vmid, _) | Msg::Config(vmid, _) | Msg::History(vmid, ..) | Msg::Inside(vmid, _)) = &msg;
        // An answer about the guest that was shown before.
        if *vmid != self.guest.vmid {
            return;
        }
        match &msg {
            Msg::Status(..) | Msg::Config(..) => self.asking = self.asking.saturating_sub(1),
            Msg::Inside(..) => self.inside_asking = self.inside_asking.saturating_sub(1),
            Msg::History(..) => {}
        }
        match msg {
            Msg::Status(_, answer) => match *answer {
                Ok(status) => {
                    self.status = Some(status);
                    self.error = None;
                }
                Err(error) => self.error = Some(error),
            },
            Msg::Config(_, Ok(config)) => {
                self.config = Some(config);
                // Only now it is known whether there is an agent.
                if self.inside_asked.is_none() {
                    self.ask_inside(cx);
                }
            }
            Msg::Config(_, Err(error)) => self.error = Some(error),
            Msg::History(_, span, of, Ok(points)) => {
                for graphs in [&mut self.hour, &mut self.graphs] {
                    if (graphs.span, graphs.of) == (span, of) {
                        graphs.points.clone_from(&points);
                    }
                }
            }
            // On the first page graphs are an extra: the live figures stand above them.
            Msg::History(.., Err(error)) if self.tab == Tab::Graphs => self.error = Some(error),
            Msg::History(.., Err(error)) => tracing::debug!(%error, "no history"),
            Msg::Inside(_, said) => self.inside.hear(said),
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
        for (tab, label) in Tab::ALL {
            let role = if tab == self.tab { Role::TabActive } else { Role::Tab };
            title.push(Span::styled(format!(" {label} "), look.style(role)));
            title.push(Span::raw(" "));
        }
        frame.render_widget(Line::from(title), head);
        let error: Vec<Line> =
            error.into_iter().map(|line| Line::styled(format!(" {line}"), look.style(Role::Warning))).collect();
        frame.render_widget(Paragraph::new(error), trouble);
        let lines = match self.tab {
            Tab::Graphs => return self.graphs.draw(frame, body, look, self.guest.kind, &mut self.scroll),
            Tab::Summary => self.summary(scene, body.width),
            Tab::Inside => self.inside.lines(&self.guest, self.runs(scene.store), look, body.width),
            Tab::Config => self.config_lines(look, body.width),
        };
        // The graphs have what the text leaves free.
        let free = body.height.saturating_sub(u16::try_from(lines.len()).unwrap_or(u16::MAX)).saturating_sub(1);
        let graphs = if self.tab == Tab::Summary && free >= 5 && self.hour.points.len() > 1 { free.min(14) } else { 0 };
        let [body, graphs] = Layout::vertical([Constraint::Min(1), Constraint::Length(graphs)]).areas(body);
        let most = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_sub(body.height);
        self.scroll = self.scroll.min(most);
        frame.render_widget(Paragraph::new(lines).scroll((self.scroll, 0)), body);
        if graphs.height > 0 {
            self.hour.draw_two(frame, graphs, look);
        }
    }
}
