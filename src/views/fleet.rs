//! The guests of all open clusters in one list. What is done with them goes to their own cluster, which comes to the
//! front for it, so that the question before every change stands under the right name and colour.

use jiff::tz::TimeZone;
use ratatui::{Frame, layout::Rect};

use super::guest::{
    self,
    action::{self, Action},
    detail::Detail,
};
use crate::{
    api::{
        cluster::Guest,
        ids::{GuestKind, VmId},
    },
    shell::{
        Command, Cx, Degree, Effect, Level, Neighbour, Pick, Picker, Proposal, Scene, View, Write, confirm::Confirm,
        needs,
    },
    store::{SessionId, Store},
    ui::{Cell, Column, Pane, Role, Table, Width, text},
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
    let column = Column::<Member>::sorted;
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
        column(
            "id",
            "ID",
            Width::Fit { max: 9 },
            0,
            |m, _| m.guest.vmid.to_string().into(),
            |a, b| a.guest.vmid.cmp(&b.guest.vmid),
        )
        .right(),
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
        column(
            "cpu",
            "CPU",
            Width::Fixed(11),
            4,
            |m, _| if m.guest.uptime > 0 { Cell::gauge(cpu(m)) } else { "".into() },
            |a, b| cpu(a).total_cmp(&cpu(b)),
        )
        .right(),
        column(
            "mem",
            "Memory",
            Width::Fixed(11),
            5,
            |m, _| if m.guest.uptime > 0 { Cell::gauge(memory(m)) } else { "".into() },
            |a, b| memory(a).total_cmp(&memory(b)),
        )
        .right(),
        column(
            "uptime",
            "Uptime",
            Width::Fixed(8),
            6,
            |m, _| if m.guest.uptime > 0 { text::duration(m.guest.uptime).into() } else { "".into() },
            |a, b| a.guest.uptime.cmp(&b.guest.uptime),
        )
        .right(),
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

    /// Several guests, perhaps of several clusters: each cluster with its own.
    fn by_cluster<'a>(targets: &[&'a Member], all: &'a [Neighbour<'a>]) -> Vec<(&'a Neighbour<'a>, Vec<&'a Guest>)> {
        let of = |n: &Neighbour| -> Vec<&'a Guest> {
            targets.iter().filter(|m| m.session == n.store.session).map(|m| &m.guest).collect()
        };
        all.iter().map(|n| (n, of(n))).filter(|(_, guests)| !guests.is_empty()).collect()
    }

    /// Asks in the guests' own cluster whether to do it; for several clusters in one question over all of them.
    fn act<const N: usize>(&mut self, cx: &mut Cx<'_, ()>) {
        let lost = self.table.selection_lost() && self.table.mark_count() == 0;
        self.table.accept_selection();
        if lost {
            let why = "The selected guest has gone: look at what is selected now, then press again";
            return cx.toast(Level::Warning, why);
        }
        let targets = self.table.marked_or_selected(&self.members);
        let all = cx.scene.neighbours.all();
        let groups = Self::by_cluster(&targets, &all);
        let action = &action::ACTIONS[N];
        let (neighbour, guests) = match groups.as_slice() {
            [] => return,
            [one] => one,
            several => return Self::act_on(action, several, cx),
        };
        let mut there = cx.on(neighbour.store);
        if there.refuses_changes() {
            return;
        }
        let able = guests.iter().any(|g| action::refusal(action, g, neighbour.store).is_none());
        if let (Some(ask), true) = (action.ask, able) {
            there.emit(Self::visit(neighbour.store.session));
            there.emit(ask(guests));
            return;
        }
        match action::propose(action, guests, neighbour.store) {
            Some(proposal) => {
                there.emit(Self::visit(neighbour.store.session));
                there.propose(proposal);
            }
            None => {
                let why = guests.iter().find_map(|g| action::refusal(action, g, neighbour.store));
                there.toast(Level::Warning, format!("{}: {}", action.title, why.unwrap_or_default()));
            }
        }
    }

    /// One question about guests of several clusters, with every call and where it goes.
    fn act_on(action: &'static Action, groups: &[(&Neighbour<'_>, Vec<&Guest>)], cx: &mut Cx<'_, ()>) {
        let (mut writes, mut notes, mut typed, mut degree) = (vec![], vec![], false, Degree::Harmless);
        let mut clusters = 0;
        for (neighbour, guests) in groups {
            let (store, name) = (neighbour.store, &neighbour.title);
            let leave_out = |why: &str| format!("{name}: {} guests are left out: {why}", guests.len());
            if store.read_only {
                notes.push(leave_out("read-only"));
                continue;
            }
            let Some(proposal) = action::propose(action, guests, store) else {
                let why = guests.iter().find_map(|g| action::refusal(action, g, store));
                notes.push(leave_out(&why.map_or_else(String::new, |why| why.to_string())));
                continue;
            };
            clusters += 1;
            notes.extend(proposal.notes.iter().map(|note| format!("{name}: {note}")));
            notes.extend(proposal.lacks(store).iter().map(|lack| format!("{name}: {lack}")));
            typed |= matches!(proposal.degree, Degree::Typed(_));
            if proposal.degree != Degree::Harmless {
                degree = Degree::Careful;
            }
            writes.extend(proposal.writes.into_iter().map(|write| {
                let place = Some((store.session, text::clean(name).into_owned()));
                Write { place, ..write }
            }));
        }
        let verb = action.title.split(" (").next().unwrap_or(action.title);
        if writes.is_empty() {
            let why = notes.join("; ");
            return cx.toast(Level::Warning, format!("{verb}: {why}"));
        }
        let count = format!("{} guests", writes.len());
        if typed {
            degree = Degree::Typed(count.clone());
        }
        let title = format!("{verb} {count} in {clusters} clusters?");
        cx.open(Confirm::new(Proposal { notes, ..Proposal::new(title, writes).degree(degree) }));
    }

    const fn command<const N: usize>() -> Command<Self> {
        let action = &action::ACTIONS[N];
        Command {
            id: action.id,
            keys: action.keys,
            title: action.title,
            footer: action.footer,
            ready: |v, _| {
                let meant = v.table.marked_or_selected(&v.members);
                action::possible(&action::ACTIONS[N], meant.into_iter().map(|m| &m.guest), "no guest is selected")
            },
            run: Self::act::<N>,
        }
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
            ready: |v, _| needs(!v.table.is_empty(), "no guest is selected"),
            run: Self::enter,
        },
        Command::menu("guest.menu", |v, _| needs(!v.table.is_empty(), "no guest is selected"), Self::menu),
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

    fn pane(&mut self, scene: &Scene) -> Option<&mut dyn Pane> {
        self.sync(scene);
        Some(&mut self.table)
    }

    fn enter(&mut self, cx: &mut Cx<'_, ()>) {
        if let Some(member) = self.table.selected(&self.members) {
            cx.emit(Self::visit(member.session));
            cx.open(Detail::new(member.guest.reference()));
        }
    }

    /// Of one guest the menu in its own cluster; of marked ones what can be done with all of them.
    fn menu(&mut self, cx: &mut Cx<'_, ()>) {
        if self.table.mark_count() == 0 {
            self.enter(cx);
            return cx.emit(Effect::Run { layer: None, command: "detail.menu".into() });
        }
        let all = cx.scene.neighbours.all();
        let targets = self.table.marked_or_selected(&self.members);
        let groups = Self::by_cluster(&targets, &all);
        let layer = cx.id;
        let picks = action::ACTIONS.iter().map(|action| {
            let effect = move || Effect::Run { layer: Some(layer), command: action.id.into() };
            let mut pick = Pick::new(action.title, effect).detail(cx.scene.keys.label(action.id)).letter(action.letter);
            let mut reasons = groups.iter().flat_map(|(n, guests)| {
                guests.iter().map(|g| action::refusal(action, g, n.store).map(|why| why.to_string()))
            });
            let first = reasons.next().flatten();
            if reasons.all(|why| why.is_some()) {
                pick.disabled = first;
            }
            pick
        });
        let picks = picks.collect();
        let clusters = if groups.len() > 1 { format!(" of {} clusters", groups.len()) } else { String::new() };
        cx.open(Picker::menu(format!("{} guests{clusters}", targets.len()), picks));
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
