//! The guests of all open clusters in one list. What is done with them goes to their own cluster, which comes to the
//! front for it, so that the question before every change stands under the right name and colour.

use std::cmp::Ordering;

use crossterm::event::{KeyEvent, MouseEvent};
use jiff::tz::TimeZone;
use ratatui::{Frame, layout::Rect};

use super::guest::{self, action, detail::Detail};
use crate::{
    api::{
        cluster::Guest,
        ids::{GuestKind, VmId},
    },
    shell::{Command, Cx, Effect, Level, Neighbour, Scene, View},
    store::{SessionId, Store},
    ui::{Align, Cell, Column, Ctx, Role, Table, TableEvent, Width, text},
};

/// A guest and where it is.
pub struct Member {
    session: SessionId,
    cluster: String,
    /// The cluster does not answer: what is shown is old.
    offline: bool,
    guest: Guest,
}

/// The list.
pub struct Fleet {
    table: Table<Member, (SessionId, VmId)>,
    members: Vec<Member>,
    /// What the list was made from: session, generation, name, whether it is offline.
    made_from: Vec<(SessionId, u64, String, bool)>,
    generation: u64,
    zone: TimeZone,
}

impl Default for Fleet {
    fn default() -> Self {
        let table = Table::new(columns(), |m: &Member| (m.session, m.guest.vmid), searched)
            .with_property(property)
            .with_sort("cluster", false)
            .with_empty("no guests, or none that you may see")
            .without_footer();
        Self { table, members: vec![], made_from: vec![], generation: 0, zone: TimeZone::system() }
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn columns() -> Vec<Column<Member>> {
    fn column(
        id: &'static str,
        title: &'static str,
        width: Width,
        priority: u8,
        cell: fn(&Member, &Ctx) -> Cell,
        sort: fn(&Member, &Member) -> Ordering,
    ) -> Column<Member> {
        Column { id, title, width, priority, align: Align::Left, cell, sort: Some(sort) }
    }
    fn number(column: Column<Member>) -> Column<Member> {
        Column { align: Align::Right, ..column }
    }
    fn cpu(m: &Member) -> f64 {
        f64::from(m.guest.cpu)
    }
    fn memory(m: &Member) -> f64 {
        share(m.guest.mem, m.guest.maxmem)
    }
    vec![
        column(
            "cluster",
            "Cluster",
            Width::Fit { max: 18 },
            0,
            |m, _| Cell::role(m.cluster.as_str(), if m.offline { Role::Danger } else { Role::Accent }),
            |a, b| a.cluster.cmp(&b.cluster).then(a.guest.vmid.cmp(&b.guest.vmid)),
        ),
        number(column(
            "id",
            "ID",
            Width::Fit { max: 9 },
            0,
            |m, _| m.guest.vmid.to_string().into(),
            |a, b| a.guest.vmid.cmp(&b.guest.vmid),
        )),
        column(
            "kind",
            "Kind",
            Width::Fixed(4),
            2,
            |m, _| m.guest.kind.label().into(),
            |a, b| a.guest.kind.label().cmp(b.guest.kind.label()),
        ),
        column(
            "name",
            "Name",
            Width::Flex { min: 12, max: 40 },
            0,
            |m, _| m.guest.name.as_str().into(),
            |a, b| a.guest.name.cmp(&b.guest.name),
        ),
        column(
            "status",
            "Status",
            Width::Fixed(10),
            1,
            |m, ctx| if m.offline { Cell::role("offline", Role::Danger) } else { guest::state(&m.guest, ctx) },
            |a, b| a.guest.status.as_str().cmp(b.guest.status.as_str()),
        ),
        column(
            "node",
            "Node",
            Width::Fit { max: 16 },
            3,
            |m, _| m.guest.node.as_str().into(),
            |a, b| a.guest.node.cmp(&b.guest.node),
        ),
        number(column(
            "cpu",
            "CPU",
            Width::Fixed(11),
            4,
            |m, _| if m.guest.uptime > 0 { Cell::gauge(cpu(m)) } else { "".into() },
            |a, b| cpu(a).total_cmp(&cpu(b)),
        )),
        number(column(
            "mem",
            "Memory",
            Width::Fixed(11),
            5,
            |m, _| if m.guest.uptime > 0 { Cell::gauge(memory(m)) } else { "".into() },
            |a, b| memory(a).total_cmp(&memory(b)),
        )),
        number(column(
            "uptime",
            "Uptime",
            Width::Fixed(8),
            6,
            |m, _| if m.guest.uptime > 0 { text::duration(m.guest.uptime).into() } else { "".into() },
            |a, b| a.guest.uptime.cmp(&b.guest.uptime),
        )),
        column(
            "tags",
            "Tags",
            Width::Fit { max: 24 },
            7,
            |m, c| Cell::chips(c.chips.chips(&m.guest.tags)),
            |a, b| a.guest.tags.cmp(&b.guest.tags),
        ),
    ]
}

fn searched(m: &Member, out: &mut String) {
    out.push_str(&m.cluster);
    out.push(' ');
    guest::searched(&m.guest, out);
}

/// `cluster:home`, `kind:ct`, and what the list of guests has.
fn property(m: &Member, key: &str, value: &str) -> Option<bool> {
    match key {
        "cluster" => Some(m.cluster.to_lowercase().contains(value)),
        "kind" => Some(m.guest.kind.label().eq_ignore_ascii_case(value)),
        _ => guest::property(&m.guest, key, value),
    }
}

impl Fleet {
    fn sync(&mut self, scene: &Scene) {
        let all = scene.neighbours.all();
        let offline = |n: &Neighbour| n.store.trouble.is_some();
        let from: Vec<_> =
            all.iter().map(|n| (n.store.session, n.store.generation, n.title.clone(), offline(n))).collect();
        if from != self.made_from {
            self.made_from = from;
            self.generation += 1;
            self.members.clear();
            for neighbour in &all {
                self.members.extend(neighbour.store.resources.guests.iter().map(|guest| Member {
                    session: neighbour.store.session,
                    cluster: text::clean(&neighbour.title).into_owned(),
                    offline: offline(neighbour),
                    guest: guest.clone(),
                }));
            }
        }
        self.table.sync(&self.members, self.generation);
    }

    fn visit(session: SessionId) -> Effect {
        Effect::Run { layer: None, command: format!("session.{}", session.0) }
    }

    fn open(&mut self, cx: &mut Cx<'_, ()>) {
        if let Some(member) = self.table.selected(&self.members) {
            cx.emit(Self::visit(member.session));
            cx.open(Detail::new(member.guest.reference()));
        }
    }

    fn menu(&mut self, cx: &mut Cx<'_, ()>) {
        self.open(cx);
        cx.emit(Effect::Run { layer: None, command: "detail.menu".into() });
    }

    /// Asks in the guests' own cluster whether to do it.
    fn act<const N: usize>(&mut self, cx: &mut Cx<'_, ()>) {
        let lost = self.table.selection_lost() && self.table.mark_count() == 0;
        self.table.accept_selection();
        if lost {
            let why = "The selected guest has gone: look at what is selected now, then press again";
            return cx.toast(Level::Warning, why);
        }
        let targets = self.table.marked_or_selected(&self.members);
        let Some(session) = targets.first().map(|m| m.session) else { return };
        if targets.iter().any(|m| m.session != session) {
            return cx.toast(Level::Warning, "The marked guests are in several clusters: mark those of one");
        }
        let all = cx.scene.neighbours.all();
        let Some(neighbour) = all.into_iter().find(|n| n.store.session == session) else { return };
        let guests: Vec<&Guest> = targets.iter().map(|m| &m.guest).collect();
        let mut there = cx.on(neighbour.store);
        if there.refuses_changes() {
            return;
        }
        let action = &action::ACTIONS[N];
        let able = guests.iter().any(|g| action::refusal(action, g, neighbour.store).is_none());
        if let (Some(ask), true) = (action.ask, able) {
            there.emit(Self::visit(session));
            there.emit(ask(&guests));
            return;
        }
        match action::propose(action, &guests, neighbour.store) {
            Some(proposal) => {
                there.emit(Self::visit(session));
                there.propose(proposal);
            }
            None => {
                let why = guests.iter().find_map(|g| action::refusal(action, g, neighbour.store));
                there.toast(Level::Warning, format!("{}: {}", action.title, why.unwrap_or_default()));
            }
        }
    }

    const fn command<const N: usize>() -> Command<Self> {
        let action = &action::ACTIONS[N];
        Command {
            id: action.id,
            keys: action.keys,
            title: action.title,
            footer: action.footer,
            ready: |v, _| !v.table.is_empty(),
            run: Self::act::<N>,
        }
    }

    fn handle(&mut self, event: TableEvent, cx: &mut Cx<'_, ()>) -> bool {
        self.sync(&cx.scene);
        match event {
            TableEvent::Ignored => return false,
            TableEvent::Open => self.open(cx),
            TableEvent::Menu(..) => self.menu(cx),
            _ => {}
        }
        true
    }
}

impl View for Fleet {
    type Msg = ();
    const NAME: &'static str = "All clusters";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "guest.open",
            keys: "",
            title: "Open in its cluster",
            footer: false,
            ready: |v, _| !v.table.is_empty(),
            run: Self::open,
        },
        Command {
            id: "guest.menu",
            keys: "m x",
            title: "Actions",
            footer: true,
            ready: |v, _| !v.table.is_empty(),
            run: Self::menu,
        },
        Self::command::<0>(),
        Self::command::<1>(),
        Self::command::<2>(),
        Self::command::<3>(),
        Self::command::<4>(),
        Self::command::<5>(),
        Self::command::<6>(),
        Self::command::<7>(),
        Self::command::<8>(),
        Self::command::<9>(),
    ];

    fn opened(&mut self, cx: &mut Cx<'_, ()>) {
        self.sync(&cx.scene);
    }

    fn update(&mut self, (): (), _: &mut Cx<'_, ()>) {}

    fn refreshed(&mut self, cx: &mut Cx<'_, ()>) {
        self.sync(&cx.scene);
    }

    fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, ()>) -> bool {
        let event = self.table.key(key);
        self.handle(event, cx)
    }

    fn mouse(&mut self, event: MouseEvent, cx: &mut Cx<'_, ()>) {
        let event = self.table.mouse(event, cx.scene.now.millis());
        self.handle(event, cx);
    }

    fn paste(&mut self, text: &str, cx: &mut Cx<'_, ()>) {
        let event = self.table.paste(text);
        self.handle(event, cx);
    }

    fn crumb(&self, _: &Store) -> String {
        let vms = self.members.iter().filter(|m| m.guest.kind == GuestKind::Vm).count();
        let (all, clusters) = (self.members.len(), self.made_from.len());
        let offline = self.made_from.iter().filter(|(.., offline)| *offline).count();
        let offline = if offline > 0 { format!(", {offline} offline") } else { String::new() };
        format!("All clusters ({clusters}{offline}): {vms} VMs, {} containers", all - vms)
    }

    fn status(&self, _: &Store) -> String {
        self.table.status()
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.sync(scene);
        let ctx = scene.ctx(&self.zone);
        self.table.draw(frame, area, &self.members, &ctx);
    }
}
