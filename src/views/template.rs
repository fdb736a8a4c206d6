//! Templates of VMs and containers: clone, rename, describe, remove; and the way to container templates as files.

pub mod able;
pub mod clone;
pub mod convert;
pub mod describe;

use jiff::tz::TimeZone;
use ratatui::{Frame, layout::Rect};

use self::{clone::CloneGuest, convert::Convert, describe::Describe};
use super::{
    guest::{action::Targets, detail::Detail, remove::Remove, tag::Tags},
    image::catalogue::Catalogue,
    permission,
    volume::{
        Volumes,
        usage::{self, Usage},
    },
};
use crate::{
    api::{
        cluster::Guest,
        ids::{ContentKind, VmId},
    },
    shell::{Command, Cx, Scene, View, always, needs},
    store::Store,
    ui::{
        Cell, Ctx, Pane, Role, Table,
        table::{Column, RowState, Width},
        text,
    },
};

/// What the view hears back.
pub enum Msg {
    /// Who stands on whose disks.
    Used(Usage),
}

/// A template and its linked clones, if they are known.
struct Row {
    guest: Guest,
    clones: Option<Vec<VmId>>,
}

/// The list.
pub struct Templates {
    rows: Vec<Row>,
    generation: u64,
    seen: Option<u64>,
    usage: Option<Usage>,
    scanning: bool,
    table: Table<Row, VmId>,
    zone: TimeZone,
}

impl Default for Templates {
    fn default() -> Self {
        let table = Table::new(columns(), |r: &Row| r.guest.vmid, searched)
            .with_property(property)
            .with_row_state(|r, _| RowState { stale: false, busy: r.guest.lock.is_some() })
            .with_empty("no templates: convert a stopped guest (T in the lists of guests)");
        Self { rows: vec![], generation: 0, seen: None, usage: None, scanning: false, table, zone: TimeZone::system() }
    }
}

fn columns() -> Vec<Column<Row>> {
    let column = Column::<Row>::sorted;
    vec![
        column(
            "id",
            "Id",
            Width::Fit { max: 9 },
            0,
            |r: &Row, _: &Ctx| r.guest.vmid.to_string().into(),
            |a: &Row, b: &Row| a.guest.vmid.cmp(&b.guest.vmid),
        )
        .right(),
        column(
            "name",
            "Name",
            Width::Flex { min: 12, max: 40 },
            0,
            |r, _| r.guest.name.as_str().into(),
            |a, b| a.guest.name.cmp(&b.guest.name),
        ),
        column(
            "kind",
            "Kind",
            Width::Fixed(4),
            1,
            |r, _| r.guest.kind.label().into(),
            |a, b| a.guest.kind.cmp(&b.guest.kind),
        ),
        column(
            "node",
            "Node",
            Width::Fit { max: 14 },
            1,
            |r, _| r.guest.node.as_str().into(),
            |a, b| a.guest.node.cmp(&b.guest.node),
        ),
        column(
            "clones",
            "Linked clones",
            Width::Fit { max: 30 },
            2,
            |r, _| match &r.clones {
                None => Cell::role("?", Role::Muted),
                Some(ids) => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ").into(),
            },
            |a, b| a.clones.as_ref().map(Vec::len).cmp(&b.clones.as_ref().map(Vec::len)),
        ),
        column(
            "disk",
            "Disk",
            Width::Fixed(9),
            3,
            |r, _| text::bytes(r.guest.maxdisk).into(),
            |a, b| a.guest.maxdisk.cmp(&b.guest.maxdisk),
        ),
        column(
            "memory",
            "Memory",
            Width::Fixed(9),
            4,
            |r, _| text::bytes(r.guest.maxmem).into(),
            |a, b| a.guest.maxmem.cmp(&b.guest.maxmem),
        ),
        column(
            "tags",
            "Tags",
            Width::Fit { max: 30 },
            5,
            |r, c| Cell::chips(c.chips.chips(&r.guest.tags)),
            |a, b| a.guest.tags.cmp(&b.guest.tags),
        ),
        column(
            "pool",
            "Pool",
            Width::Fit { max: 16 },
            6,
            |r, _| Cell::role(r.guest.pool.as_deref().unwrap_or_default(), Role::Muted),
            |a, b| a.guest.pool.cmp(&b.guest.pool),
        ),
    ]
}

fn searched(r: &Row, out: &mut String) {
    use std::fmt::Write as _;
    let g = &r.guest;
    let _ = write!(out, "{} {} {} {} {}", g.vmid, g.name, g.node, g.kind.label(), g.tags);
}

/// `tag:debian`, `node:pve1`, `kind:vm`, `is:unused`.
fn property(r: &Row, key: &str, value: &str) -> Option<bool> {
    Some(match key {
        "tag" | "tags" => r.guest.tags().any(|t| t.to_lowercase() == value),
        "node" => r.guest.node.as_str().to_lowercase() == value,
        "kind" | "type" => r.guest.kind.label().to_lowercase() == value,
        "is" if value == "unused" => r.clones.as_ref().is_some_and(Vec::is_empty),
        _ => return None,
    })
}

impl Templates {
    fn sync(&mut self, store: &Store) {
        if self.seen != Some(store.generation) {
            self.seen = Some(store.generation);
            self.generation += 1;
            let templates = store.resources.guests.iter().filter(|g| g.template);
            let clones = |g: &Guest| self.usage.as_ref().map(|u| u.clones_of(g.vmid));
            self.rows = templates.map(|g| Row { clones: clones(g), guest: g.clone() }).collect();
        }
        self.table.sync(&self.rows, self.generation);
        self.table.set_stale(store.is_stale());
    }

    fn scan(&mut self, cx: &mut Cx<'_, Msg>) {
        let guests = cx.store().resources.guests.iter().map(Guest::reference).collect();
        let session = cx.session();
        self.scanning = true;
        cx.job(move |world| Box::pin(async move { Msg::Used(usage::scan(world, session, guests).await) }));
    }

    fn selected<'s>(&self, store: &'s Store) -> Option<&'s Guest> {
        store.guest(*self.table.selected_key()?)
    }

    fn remove(&mut self, cx: &mut Cx<'_, Msg>) {
        if let (Some(guest), false) = (self.selected(cx.store()), cx.refuses_changes()) {
            cx.open(Remove::open(&[guest]));
        }
    }

    fn files(&mut self, cx: &mut Cx<'_, Msg>) {
        cx.open(Volumes::of_kind(ContentKind::Vztmpl));
    }

    fn catalogue(&mut self, cx: &mut Cx<'_, Msg>) {
        cx.open(Catalogue::new(cx.store()));
    }
}

impl Targets for Templates {
    fn targets<'s>(&self, store: &'s Store) -> Vec<&'s Guest> {
        self.selected(store).into_iter().collect()
    }
}

/// The command that clones a guest, for any view with guests.
pub const fn clone_command<V: Targets>() -> Command<V> {
    Command {
        id: "guest.clone",
        keys: "C",
        title: "Clone",
        footer: false,
        ready: |v, s| needs(v.targets(s).len() == 1, "choose one guest"),
        run: |v, cx| {
            if let ([guest], false) = (v.targets(cx.store()).as_slice(), cx.refuses_changes()) {
                cx.open(CloneGuest::open(cx.store(), guest));
            }
        },
    }
}

/// The command that makes a template of a guest, for any view with guests.
pub const fn convert_command<V: Targets>() -> Command<V> {
    Command {
        id: "guest.template",
        keys: "T",
        title: "Convert to template",
        footer: false,
        ready: |v, s| {
            let targets = v.targets(s);
            needs(targets.len() == 1, "choose one guest")?;
            needs(!targets.iter().any(|guest| guest.template), "it is a template already")
        },
        run: |v, cx| {
            if let ([guest], false) = (v.targets(cx.store()).as_slice(), cx.refuses_changes()) {
                cx.open(Convert::open(guest));
            }
        },
    }
}

/// The command that changes name, tags and notes of a guest, for any view with guests.
pub const fn describe_command<V: Targets>() -> Command<V> {
    Command {
        id: "guest.describe",
        keys: "t",
        title: "Name, tags, notes",
        footer: false,
        ready: |v, s| needs(!v.targets(s).is_empty(), "no guest is selected"),
        run: |v, cx| match (v.targets(cx.store()).as_slice(), cx.refuses_changes()) {
            (_, true) | ([], _) => {}
            ([guest], false) => cx.open(Describe::open(cx.store(), guest)),
            // Many have no name in common, but tags.
            (guests, false) => cx.open(Tags::open(cx.store(), guests)),
        },
    }
}

impl View for Templates {
    type Msg = Msg;
    const NAME: &'static str = "Templates";
    const COMMANDS: &'static [Command<Self>] = &[
        Command { footer: true, ..clone_command() },
        Command { footer: true, ..describe_command() },
        permission::command(),
        Command {
            id: "template.remove",
            keys: "delete",
            title: "Remove",
            footer: true,
            ready: |v, s| needs(v.selected(s).is_some(), "no template is selected"),
            run: Self::remove,
        },
        Command {
            id: "template.files",
            keys: "f",
            title: "Container templates",
            footer: true,
            ready: always,
            run: Self::files,
        },
        Command {
            id: "template.catalogue",
            keys: "a",
            title: "Catalogue",
            footer: true,
            ready: |_, s| needs(!s.resources.nodes.is_empty(), "the nodes are not known yet"),
            run: Self::catalogue,
        },
    ];

    fn update(&mut self, Msg::Used(usage): Msg, cx: &mut Cx<'_, Msg>) {
        self.scanning = false;
        self.usage = Some(usage);
        self.seen = None;
        self.sync(cx.store());
    }

    fn refreshed(&mut self, cx: &mut Cx<'_, Msg>) {
        let before = self.rows.len();
        self.sync(cx.store());
        let few = cx.store().resources.guests.len() <= super::volume::GUESTS_UNASKED;
        if few && !self.scanning && !self.rows.is_empty() && (self.usage.is_none() || self.rows.len() != before) {
            self.scan(cx);
        }
    }

    fn pane(&mut self, scene: &Scene) -> Option<&mut dyn Pane> {
        self.sync(scene.store);
        Some(&mut self.table)
    }

    fn enter(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(guest) = self.selected(cx.store()) {
            cx.open(Detail::new(guest.reference()));
        }
    }

    fn crumb(&self, _: &Store) -> String {
        "Templates of guests".into()
    }

    fn status(&self, _: &Store) -> String {
        self.table.status()
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.sync(scene.store);
        let ctx = scene.ctx(&self.zone);
        self.table.draw(frame, area, &self.rows, &ctx);
    }
}
