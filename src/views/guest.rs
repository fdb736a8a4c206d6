//! Virtual machines and containers: the list.

pub mod action;
pub mod detail;
pub mod edit;
pub mod like;
pub mod new;
pub mod power;
pub mod remove;
pub mod tag;

use std::cmp::Ordering;

use jiff::tz::TimeZone;
use ratatui::{Frame, layout::Rect};

use self::action::Targets;
use super::{
    ct::create::CreateCt,
    permission,
    snapshot::{Snapshots, prune::Prune, take::Take},
    template,
    vm::create::CreateVm,
};
use crate::{
    api::{
        cluster::{Guest, GuestStatus},
        ids::{GuestKind, VmId},
    },
    shell::{Command, Cx, Level, Scene, View, needs},
    store::Store,
    ui::{Cell, Column, Ctx, Pane, Role, Table, Width, text},
};

/// The list of VMs, or of containers.
pub struct Guests {
    table: Table<Guest, VmId>,
    kind: GuestKind,
    zone: TimeZone,
}

/// The glyph, the word and the role of a guest's state.
pub fn state(g: &Guest, ctx: &Ctx) -> Cell {
    let glyphs = &ctx.look.glyphs;
    let (glyph, word, role) = match &g.status {
        _ if g.template => (glyphs.stopped, "template", Role::Muted),
        GuestStatus::Running => (glyphs.running, "running", Role::Running),
        GuestStatus::Paused => (glyphs.paused, "paused", Role::Paused),
        GuestStatus::Stopped => (glyphs.stopped, "stopped", Role::Stopped),
        other => (glyphs.unknown, other.as_str(), Role::Warning),
    };
    Cell::role(format!("{glyph} {word}"), role)
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn by_f64(a: f64, b: f64) -> Ordering {
    a.total_cmp(&b)
}

fn columns() -> Vec<Column<Guest>> {
    let column = Column::<Guest>::sorted;
    vec![
        column("id", "ID", Width::Fit { max: 9 }, 0, |g, _| g.vmid.to_string().into(), |a, b| a.vmid.cmp(&b.vmid))
            .right(),
        column(
            "name",
            "Name",
            Width::Flex { min: 12, max: 40 },
            0,
            |g, _| g.name.as_str().into(),
            |a, b| a.name.cmp(&b.name),
        ),
        column("status", "Status", Width::Fixed(10), 1, state, |a, b| a.status.as_str().cmp(b.status.as_str())),
        column(
            "lock",
            "Lock",
            Width::Fit { max: 10 },
            3,
            |g, _| Cell::role(g.lock.as_deref().unwrap_or(""), Role::Warning),
            |a, b| a.lock.cmp(&b.lock),
        ),
        column(
            "node",
            "Node",
            Width::Fit { max: 16 },
            2,
            |g, _| g.node.as_str().into(),
            |a, b| a.node.cmp(&b.node).then(a.vmid.cmp(&b.vmid)),
        ),
        column(
            "cpu",
            "CPU",
            Width::Fixed(11),
            3,
            |g, _| if g.uptime > 0 { Cell::gauge(f64::from(g.cpu)) } else { "".into() },
            |a, b| by_f64(f64::from(a.cpu), f64::from(b.cpu)),
        )
        .right(),
        column(
            "mem",
            "Memory",
            Width::Fixed(11),
            4,
            |g, _| if g.uptime > 0 { Cell::gauge(share(g.mem, g.maxmem)) } else { "".into() },
            |a, b| by_f64(share(a.mem, a.maxmem), share(b.mem, b.maxmem)),
        )
        .right(),
        column(
            "maxmem",
            "RAM",
            Width::Fixed(9),
            7,
            |g, _| text::bytes(g.maxmem).into(),
            |a, b| a.maxmem.cmp(&b.maxmem),
        )
        .right(),
        column(
            "maxdisk",
            "Disk",
            Width::Fixed(9),
            8,
            |g, _| text::bytes(g.maxdisk).into(),
            |a, b| a.maxdisk.cmp(&b.maxdisk),
        )
        .right(),
        column(
            "uptime",
            "Uptime",
            Width::Fixed(8),
            5,
            |g, _| if g.uptime > 0 { text::duration(g.uptime).into() } else { "".into() },
            |a, b| a.uptime.cmp(&b.uptime),
        )
        .right(),
        column(
            "ha",
            "HA",
            Width::Fit { max: 9 },
            6,
            |g, _| {
                let role = if g.hastate.as_deref() == Some("error") { Role::Danger } else { Role::Accent };
                Cell::role(g.hastate.as_deref().unwrap_or(""), role)
            },
            |a, b| a.hastate.cmp(&b.hastate),
        ),
        column(
            "tags",
            "Tags",
            Width::Fit { max: 24 },
            6,
            |g, c| Cell::chips(c.chips.chips(&g.tags)),
            |a, b| a.tags.cmp(&b.tags),
        ),
        column(
            "pool",
            "Pool",
            Width::Fit { max: 14 },
            9,
            |g, _| Cell::role(g.pool.as_deref().unwrap_or(""), Role::Muted),
            |a, b| a.pool.cmp(&b.pool),
        ),
    ]
}

pub(super) fn searched(g: &Guest, out: &mut String) {
    use std::fmt::Write as _;
    let _ = write!(out, "{} {} {} {} {}", g.vmid, g.name, g.node, g.status.as_str(), g.tags);
    for extra in [&g.pool, &g.lock, &g.hastate].into_iter().flatten() {
        let _ = write!(out, " {extra}");
    }
}

/// `tag:prod`, `node:pve1`, `status:running`, `pool:`, `lock:`, `id:`, `ha:`, `is:template`.
pub(super) fn property(g: &Guest, key: &str, value: &str) -> Option<bool> {
    let has = |text: &str| text.to_lowercase().contains(value);
    let has_maybe = |text: &Option<compact_str::CompactString>| text.as_ref().is_some_and(|t| has(t));
    Some(match key {
        "tag" | "tags" => g.tags().any(|t| t.to_lowercase() == value),
        "node" => g.node.as_str().to_lowercase() == value,
        "status" => has(g.status.as_str()),
        "name" => has(&g.name),
        "pool" => has_maybe(&g.pool),
        "lock" => has_maybe(&g.lock),
        "ha" => has_maybe(&g.hastate),
        "id" | "vmid" => g.vmid.to_string().starts_with(value),
        "is" => match value {
            "template" => g.template,
            "locked" => g.lock.is_some(),
            "running" => g.uptime > 0,
            "stopped" => g.status == GuestStatus::Stopped,
            _ => return None,
        },
        _ => return None,
    })
}

impl Guests {
    /// The list of this kind.
    pub fn of(kind: GuestKind) -> Self {
        let base: fn(&Guest) -> bool = match kind {
            GuestKind::Vm => |g| g.kind == GuestKind::Vm,
            GuestKind::Ct => |g| g.kind == GuestKind::Ct,
        };
        let table = Table::new(columns(), |g: &Guest| g.vmid, searched)
            .with_property(property)
            .with_base(base)
            .with_sort("id", false)
            .with_empty("waiting for the first answer")
            .without_footer();
        Self { table, kind, zone: TimeZone::system() }
    }

    fn sync(&mut self, store: &Store) {
        self.table.sync(&store.resources.guests, store.generation);
        self.table.set_stale(store.is_stale());
        self.table.set_busy(store.busy().collect());
        if store.updated.is_some() {
            let what = if self.kind == GuestKind::Vm { "VMs" } else { "containers" };
            let text = if self.table.filter().is_empty() {
                format!("no {what}, or none that you may see")
            } else {
                "nothing matches the filter".into()
            };
            self.table.set_empty(text);
        }
    }

    fn edit(&mut self, cx: &mut Cx<'_, ()>) {
        if let [guest] = self.targets(cx.store()).as_slice() {
            cx.open(edit::Editor::new(guest.reference()));
        }
    }

    fn back_up(&mut self, cx: &mut Cx<'_, ()>) {
        if let Some(why) = self.unsure() {
            cx.toast(Level::Warning, why);
            return;
        }
        let guests = self.targets(cx.store());
        super::backup::now::open(&guests, cx);
    }

    fn snapshots(&mut self, cx: &mut Cx<'_, ()>) {
        let guests = self.targets(cx.store());
        if self.table.mark_count() > 0 {
            if !cx.refuses_changes() {
                cx.open(Take::of(&guests));
            }
        } else if let Some(guest) = guests.first() {
            cx.open(Snapshots::new(guest.reference()));
        }
    }

    /// Old snapshots of the marked guests.
    fn prune(&mut self, cx: &mut Cx<'_, ()>) {
        if !cx.refuses_changes() {
            let guests = self.targets(cx.store());
            cx.open(Prune::of(&guests, cx.scene.now.unix));
        }
    }

    fn create(&mut self, cx: &mut Cx<'_, ()>) {
        if cx.refuses_changes() {
            return;
        }
        let node = self.table.selected(&cx.store().resources.guests).map(|g| g.node.clone());
        match self.kind {
            GuestKind::Vm => cx.open(CreateVm::new(cx.store(), node, None)),
            GuestKind::Ct => cx.open(CreateCt::new(cx.store(), node, None)),
        }
    }
}

impl Targets for Guests {
    const MORE: &'static [&'static str] = &[
        "guest.edit",
        "guest.describe",
        "guest.backup",
        "guest.snapshots",
        "guest.prune",
        "guest.clone",
        "guest.like",
        "guest.template",
        "guest.permissions",
    ];

    fn targets<'s>(&self, store: &'s Store) -> Vec<&'s Guest> {
        self.table.marked_or_selected(&store.resources.guests)
    }

    fn unsure(&mut self) -> Option<&'static str> {
        let lost = self.table.selection_lost() && self.table.mark_count() == 0;
        self.table.accept_selection();
        lost.then_some("The selected guest has gone: look at what is selected now, then press again")
    }
}

impl View for Guests {
    type Msg = ();
    const NAME: &'static str = "Guests";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "guest.open",
            keys: "",
            title: "Open",
            footer: false,
            ready: |v, s| needs(!v.targets(s).is_empty(), "no guest is selected"),
            run: Self::enter,
        },
        Command::menu("guest.menu", |v, s| needs(!v.targets(s).is_empty(), "no guest is selected"), Self::menu),
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
        like::command::<Self>(),
        template::clone_command(),
        template::convert_command(),
        template::describe_command(),
        permission::command(),
        Command::edit("guest.edit", |v, s| needs(v.targets(s).len() == 1, "choose one guest"), Self::edit),
        Command {
            id: "guest.backup",
            keys: "b",
            title: "Back up now",
            footer: true,
            ready: |v, s| needs(!v.targets(s).is_empty(), "no guest is selected"),
            run: Self::back_up,
        },
        Command {
            id: "guest.snapshots",
            keys: "n",
            title: "Snapshots",
            footer: true,
            ready: |v, s| needs(!v.targets(s).is_empty(), "no guest is selected"),
            run: Self::snapshots,
        },
        Command {
            id: "guest.prune",
            keys: "N",
            title: "Delete old snapshots",
            footer: false,
            ready: |v, s| needs(!v.targets(s).is_empty(), "no guest is selected"),
            run: Self::prune,
        },
        Command {
            id: "vm.create",
            keys: "c",
            title: "Create",
            footer: true,
            ready: |_, s| needs(!s.resources.nodes.is_empty(), "the nodes are not known yet"),
            run: Self::create,
        },
    ];

    fn update(&mut self, (): (), _: &mut Cx<'_, ()>) {}

    fn refreshed(&mut self, cx: &mut Cx<'_, ()>) {
        self.sync(cx.store());
    }

    fn pane(&mut self, scene: &Scene) -> Option<&mut dyn Pane> {
        self.sync(scene.store);
        Some(&mut self.table)
    }

    fn enter(&mut self, cx: &mut Cx<'_, ()>) {
        if let Some(guest) = self.table.selected(&cx.store().resources.guests) {
            cx.open(detail::Detail::new(guest.reference()));
        }
    }

    fn menu(&mut self, cx: &mut Cx<'_, ()>) {
        action::menu(self, cx);
    }

    fn crumb(&self, _: &Store) -> String {
        if self.kind == GuestKind::Vm { "Virtual machines".into() } else { "Containers".into() }
    }

    fn status(&self, _: &Store) -> String {
        self.table.status()
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.sync(scene.store);
        let ctx = scene.ctx(&self.zone);
        self.table.draw(frame, area, &scene.store.resources.guests, &ctx);
    }
}
