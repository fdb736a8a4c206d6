//! All storages: state and usage; Enter shows what a storage keeps.

use jiff::tz::TimeZone;
use ratatui::{Frame, layout::Rect};

use super::{
    permission::Permissions,
    volume::{
        Volumes,
        place::{self, Place},
    },
};
use crate::{
    api::ids::{NodeName, StorageId},
    shell::{Command, Cx, Effect, Level, Scene, View, needs},
    store::Store,
    ui::{
        Cell, Ctx, Pane, Role, Table,
        table::{Column, RowState, Width},
        text,
    },
};

/// The storages of the cluster.
pub struct Storages {
    places: Vec<Place>,
    generation: Option<u64>,
    table: Table<Place, (StorageId, NodeName)>,
    zone: TimeZone,
}

impl Default for Storages {
    fn default() -> Self {
        let table = Table::new(columns(), Place::key, searched)
            .with_property(property)
            .with_row_state(|p, _| RowState { stale: p.ask.is_none(), busy: false });
        Self { places: vec![], generation: None, table, zone: TimeZone::system() }
    }
}

fn share(p: &Place) -> f64 {
    if p.total == 0 { 0.0 } else { p.used as f64 / p.total as f64 }
}

fn columns() -> Vec<Column<Place>> {
    let column = Column::<Place>::sorted;
    vec![
        column(
            "storage",
            "Storage",
            Width::Fit { max: 24 },
            0,
            |p: &Place, _: &Ctx| p.storage.as_str().into(),
            |a: &Place, b: &Place| a.storage.cmp(&b.storage),
        ),
        column(
            "place",
            "Nodes",
            Width::Fit { max: 14 },
            1,
            |p, _| p.where_is().as_str().into(),
            |a, b| a.nodes.cmp(&b.nodes),
        ),
        column(
            "status",
            "Status",
            Width::Fixed(13),
            1,
            |p, c| match p.ask {
                Some(_) => Cell::role(format!("{} available", c.look.glyphs.ok), Role::Ok),
                None => Cell::role(format!("{} unreachable", c.look.glyphs.failed), Role::Danger),
            },
            |a, b| a.ask.is_some().cmp(&b.ask.is_some()),
        ),
        column("type", "Type", Width::Fit { max: 12 }, 3, |p, _| p.kind.as_str().into(), |a, b| a.kind.cmp(&b.kind)),
        column(
            "usage",
            "Usage",
            Width::Fixed(15),
            1,
            |p, _| if p.total == 0 { Cell::default() } else { Cell::gauge(share(p)) },
            |a, b| share(a).total_cmp(&share(b)),
        ),
        column("used", "Used", Width::Fixed(9), 4, |p, _| text::bytes(p.used).into(), |a, b| a.used.cmp(&b.used))
            .right(),
        column("free", "Free", Width::Fixed(9), 2, |p, _| text::bytes(p.free()).into(), |a, b| a.free().cmp(&b.free()))
            .right(),
        column("total", "Size", Width::Fixed(9), 4, |p, _| text::bytes(p.total).into(), |a, b| a.total.cmp(&b.total))
            .right(),
        column(
            "content",
            "Content",
            Width::Flex { min: 8, max: 60 },
            5,
            |p, _| {
                let mut words: Vec<&str> = p.content.split(',').collect();
                words.sort_unstable();
                Cell::role(words.join(" "), Role::Muted)
            },
            |a, b| a.content.cmp(&b.content),
        ),
    ]
}

fn searched(p: &Place, out: &mut String) {
    use std::fmt::Write as _;
    let _ = write!(out, "{} {} {}", p.storage, p.kind, p.content);
    for node in &p.nodes {
        let _ = write!(out, " {node}");
    }
}

/// `type:dir`, `node:pve1`, `content:iso`, `is:shared`, `is:full` (over 85 %).
fn property(p: &Place, key: &str, value: &str) -> Option<bool> {
    Some(match key {
        "type" => p.kind == value,
        "node" => p.nodes.iter().any(|n| n.as_str().to_lowercase() == value),
        "content" => p.content.split(',').any(|word| word.trim() == value),
        "is" => match value {
            "shared" => p.shared,
            "full" => share(p) > 0.85,
            "unreachable" => p.ask.is_none(),
            _ => return None,
        },
        _ => return None,
    })
}

impl Storages {
    fn sync(&mut self, store: &Store) {
        if self.generation != Some(store.generation) {
            self.generation = Some(store.generation);
            self.places = place::all(store);
        }
        self.table.sync(&self.places, store.generation);
        self.table.set_stale(store.is_stale());
        let filtered = !self.table.filter().is_empty();
        self.table.set_empty(if filtered {
            "nothing matches the filter"
        } else if store.updated.is_none() {
            "waiting for the first answer"
        } else {
            "no storages, or none that you may see"
        });
    }

    fn permissions(&mut self, cx: &mut Cx<'_, ()>) {
        if let Some(place) = self.table.selected(&self.places) {
            cx.open(Permissions::of_storage(&place.storage));
        }
    }

    fn copy(&mut self, cx: &mut Cx<'_, ()>) {
        if let Some(place) = self.table.selected(&self.places) {
            cx.emit(Effect::Copy(place.storage.to_string()));
            cx.toast(Level::Info, "Storage name copied");
        }
    }
}

impl View for Storages {
    type Msg = ();
    const NAME: &'static str = "Storages";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "storage.open",
            keys: "",
            title: "Content",
            footer: false,
            ready: |v, _| needs(v.table.selected(&v.places).is_some(), "no storage is selected"),
            run: Self::enter,
        },
        Command {
            id: "storage.permissions",
            keys: "P",
            title: "Permissions",
            footer: true,
            ready: |v, _| needs(v.table.selected(&v.places).is_some(), "no storage is selected"),
            run: Self::permissions,
        },
        Command {
            id: "storage.copy",
            keys: "y",
            title: "Copy name",
            footer: true,
            ready: |v, _| needs(v.table.selected(&v.places).is_some(), "no storage is selected"),
            run: Self::copy,
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
        if let Some(place) = self.table.selected(&self.places) {
            cx.open(Volumes::of_storage(place));
        }
    }

    fn crumb(&self, _: &Store) -> String {
        "Storages".into()
    }

    fn status(&self, _: &Store) -> String {
        self.table.status()
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.sync(scene.store);
        let ctx = scene.ctx(&self.zone);
        self.table.draw(frame, area, &self.places, &ctx);
    }
}
