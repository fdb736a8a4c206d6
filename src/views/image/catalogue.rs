//! The catalogue of container templates: what can be had, what is there already; download, or pull an OCI image.

use std::collections::HashSet;

use jiff::tz::TimeZone;
use ratatui::{Frame, layout::Rect};

use super::{oci::OciPull, target};
use crate::{
    api::{
        ApiError,
        ids::{ContentKind, NodeName},
        image::{self, Appliance},
        storage,
    },
    shell::{Ask, Command, Cx, Dialog, Proposal, Scene, View, Write, always, dialog, needs},
    store::Store,
    ui::{
        Cell, Ctx, Form, Pane, Role, Table, Wizard,
        table::{Column, Width},
    },
    views::{fact::Facts, volume::place},
};

/// What the view hears back.
pub enum Msg {
    /// The catalogue.
    Listed(Result<Vec<Appliance>, ApiError>),
    /// Templates that a storage has.
    Installed(Result<Vec<storage::Volume>, ApiError>),
}

/// A template of the catalogue.
struct Row {
    appliance: Appliance,
    installed: bool,
}

/// The catalogue.
pub struct Catalogue {
    node: NodeName,
    rows: Vec<Row>,
    generation: u64,
    installed: HashSet<String>,
    error: Option<ApiError>,
    heard: bool,
    seen: Option<(u64, usize)>,
    table: Table<Row, String>,
    zone: TimeZone,
}

fn columns() -> Vec<Column<Row>> {
    let column = Column::<Row>::sorted;
    vec![
        column(
            "section",
            "Section",
            Width::Fit { max: 14 },
            2,
            |r: &Row, _: &Ctx| Cell::role(r.appliance.section.as_str(), Role::Accent),
            |a: &Row, b: &Row| a.appliance.section.cmp(&b.appliance.section),
        ),
        column(
            "package",
            "Package",
            Width::Flex { min: 16, max: 40 },
            0,
            |r, _| r.appliance.package.as_str().into(),
            |a, b| a.appliance.package.cmp(&b.appliance.package),
        ),
        column(
            "version",
            "Version",
            Width::Fit { max: 16 },
            1,
            |r, _| r.appliance.version.as_str().into(),
            |a, b| a.appliance.version.cmp(&b.appliance.version),
        ),
        column(
            "installed",
            "Installed",
            Width::Fixed(9),
            1,
            |r, c| Cell::role(if r.installed { c.look.glyphs.ok } else { "" }, Role::Ok),
            |a, b| a.installed.cmp(&b.installed),
        ),
        column(
            "headline",
            "Description",
            Width::Flex { min: 16, max: 80 },
            1,
            |r, _| Cell::role(r.appliance.headline.as_str(), Role::Muted),
            |a, b| a.appliance.headline.cmp(&b.appliance.headline),
        ),
    ]
}

fn searched(r: &Row, out: &mut String) {
    use std::fmt::Write as _;
    let a = &r.appliance;
    let _ = write!(out, "{} {} {} {} {}", a.package, a.version, a.os, a.headline, a.description);
}

/// `section:system`, `os:debian`, `is:installed`.
fn property(r: &Row, key: &str, value: &str) -> Option<bool> {
    Some(match key {
        "section" => r.appliance.section == value,
        "os" => r.appliance.os.to_lowercase().starts_with(value),
        "is" if value == "installed" => r.installed,
        _ => return None,
    })
}

impl Catalogue {
    /// The catalogue of a node that is online.
    pub fn new(store: &Store) -> Self {
        let online = store.resources.nodes.iter().find(|n| n.is_online());
        let table = Table::new(columns(), |r: &Row| r.appliance.template.to_string(), searched)
            .with_property(property)
            .with_sort("section", false);
        Self {
            node: online.map(|n| n.node.clone()).unwrap_or_default(),
            rows: vec![],
            generation: 0,
            installed: HashSet::new(),
            error: None,
            heard: false,
            seen: None,
            table,
            zone: TimeZone::system(),
        }
    }

    fn ask_installed(&mut self, cx: &mut Cx<'_, Msg>) {
        let now = place::changes(cx.store());
        if self.seen == Some(now) {
            return;
        }
        self.seen = Some(now);
        for place in place::all(cx.store()).iter().filter(|p| p.keeps(ContentKind::Vztmpl) && p.ask.is_some()) {
            let (node, storage) = target::node(place);
            cx.send(storage::content(&node, &storage, Some(ContentKind::Vztmpl), None), Msg::Installed);
        }
    }

    fn mark(&mut self) {
        for row in &mut self.rows {
            row.installed = self.installed.contains(row.appliance.template.as_str());
        }
        self.generation += 1;
    }

    fn selected(&self) -> Option<&Row> {
        self.table.selected(&self.rows)
    }

    fn download(&mut self, cx: &mut Cx<'_, Msg>) {
        if cx.refuses_changes() {
            return;
        }
        if let Some(row) = self.selected() {
            cx.open(Fetch::open(cx.store(), &row.appliance));
        }
    }

    fn pull(&mut self, cx: &mut Cx<'_, Msg>) {
        if !cx.refuses_changes() {
            cx.open(OciPull::open(cx.store()));
        }
    }

    fn sync(&mut self) {
        self.table.sync(&self.rows, self.generation);
        let empty = match &self.error {
            _ if !self.table.filter().is_empty() => "nothing matches the filter".into(),
            Some(error) => error.explained(),
            None if !self.heard => format!("asking {}", self.node),
            None => "the catalogue is empty: the node fetches it once a day".to_owned(),
        };
        self.table.set_empty(empty);
    }
}

impl View for Catalogue {
    type Msg = Msg;
    const NAME: &'static str = "Catalogue";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "catalogue.download",
            keys: "d",
            title: "Download",
            footer: true,
            ready: |v, _| needs(v.selected().is_some(), "no entry is selected"),
            run: Self::download,
        },
        Command {
            id: "catalogue.details",
            keys: "i",
            title: "Details",
            footer: true,
            ready: |v, _| needs(v.selected().is_some(), "no entry is selected"),
            run: Self::enter,
        },
        Command {
            id: "catalogue.oci",
            keys: "c",
            title: "Pull OCI image",
            footer: true,
            ready: always,
            run: Self::pull,
        },
    ];

    fn opened(&mut self, cx: &mut Cx<'_, Msg>) {
        cx.send(image::catalogue(&self.node), Msg::Listed);
        self.ask_installed(cx);
    }

    fn refreshed(&mut self, cx: &mut Cx<'_, Msg>) {
        self.ask_installed(cx);
    }

    fn update(&mut self, msg: Msg, _: &mut Cx<'_, Msg>) {
        match msg {
            Msg::Listed(Ok(list)) => {
                self.heard = true;
                self.rows = list.into_iter().map(|appliance| Row { appliance, installed: false }).collect();
            }
            Msg::Listed(Err(error)) => self.error = Some(error),
            Msg::Installed(Ok(list)) => {
                self.installed.extend(list.iter().map(|v| v.volid.file_name().to_owned()));
            }
            Msg::Installed(Err(_)) => {}
        }
        self.mark();
        self.sync();
    }

    fn pane(&mut self, _: &Scene) -> Option<&mut dyn Pane> {
        self.sync();
        Some(&mut self.table)
    }

    fn enter(&mut self, cx: &mut Cx<'_, Msg>) {
        let Some(Row { appliance: a, .. }) = self.selected() else { return };
        let facts = Facts::new(a.headline.as_str())
            .fact("Template", a.template.as_str())
            .fact("Version", a.version.as_str())
            .fact("System", a.os.as_str())
            .fact("Section", a.section.as_str())
            .fact("Description", a.description.trim())
            .fact("More at", a.infopage.as_str())
            .fact("Fetched from", a.location.as_str())
            .fact("SHA-512", a.sha512sum.as_str());
        cx.open(facts);
    }

    fn crumb(&self, _: &Store) -> String {
        format!("Templates > Catalogue of {}", self.node)
    }

    fn status(&self, _: &Store) -> String {
        self.table.status()
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.sync();
        let ctx = scene.ctx(&self.zone);
        self.table.draw(frame, area, &self.rows, &ctx);
    }
}

/// Asks where a template of the catalogue shall go.
pub struct Fetch {
    template: String,
    headline: String,
}

impl Fetch {
    /// A dialog for this template.
    pub fn open(store: &Store, appliance: &Appliance) -> Dialog<Self> {
        let choices = target::choices(store, Some(ContentKind::Vztmpl));
        let best = choices.first().map_or(String::new(), |c| c.value.clone());
        let form = Form::new().select("storage", "Storage", choices).initial(&best).required();
        let ask = Self { template: appliance.template.to_string(), headline: appliance.headline.clone() };
        Dialog::new(ask, Wizard::single(form))
    }
}

impl Ask for Fetch {
    type Msg = ();
    const NAME: &'static str = "Download a template";

    fn title(&self) -> String {
        format!("Download {}", self.headline)
    }

    fn update(&mut self, (): (), _: &mut Wizard, _: &mut Cx<'_, dialog::Msg<()>>) {}

    fn proposal(&self, wizard: &Wizard, store: &Store) -> Option<Proposal> {
        let (node, storage) = target::node(&target::place(store, wizard.values().get("storage"))?);
        let label = format!("Download {} to {storage}", self.template);
        let call = image::download_appliance(&node, &storage, &self.template);
        Some(Proposal::new(format!("{label}?"), vec![Write::new(label, call)]))
    }
}
