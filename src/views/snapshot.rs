//! Snapshots of one guest: their tree, and what can be done with them.

mod act;
pub mod column;
pub mod prune;
pub mod refusal;
pub mod rollback;
pub mod settings;
pub mod take;
pub mod tree;

use std::time::Duration;

use compact_str::CompactString;
use jiff::tz::TimeZone;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::Line,
    widgets::Paragraph,
};

use self::tree::Row;
use crate::{
    api::{
        ApiError,
        guest::{self, Config, Feature, Possible, Which},
        ids::{ContentKind, GuestKind, GuestRef, StorageId},
        snapshot::{self as api, Snapshot},
        storage::{self, Volume},
    },
    shell::{Command, Cx, Scene, View, needs},
    store::Store,
    ui::{Pane, Role, Table, text},
};

/// What the view hears back.
pub enum Msg {
    /// The snapshots.
    Listed(Result<Vec<Snapshot>, ApiError>),
    /// The guest's settings, which tell where its disks are.
    Config(Result<Config, ApiError>),
    /// Whether snapshots are possible.
    Possible(Result<Possible, ApiError>),
    /// The guest's volumes on a storage: saved memory is among them.
    Volumes(Result<Vec<Volume>, ApiError>),
}

/// The snapshots of one guest.
pub struct Snapshots {
    guest: GuestRef,
    table: Table<Row, CompactString>,
    rows: Vec<Row>,
    generation: u64,
    list: Option<Vec<Snapshot>>,
    config: Option<Config>,
    /// What the server says about snapshots of this guest.
    possible: Option<bool>,
    volumes: Vec<Volume>,
    error: Option<ApiError>,
    asked: Option<Duration>,
    asking: bool,
    zone: TimeZone,
}

impl Snapshots {
    /// How often the list is asked for: others make and remove snapshots, too.
    const PACE: Duration = Duration::from_secs(5);

    /// The snapshots of a guest.
    pub fn new(guest: GuestRef) -> Self {
        let table = Table::new(column::columns(), |r: &Row| r.snapshot.name.clone(), column::searched)
            .with_empty("waiting for the first answer")
            .without_footer();
        Self {
            guest,
            table,
            rows: vec![],
            generation: 0,
            list: None,
            config: None,
            possible: None,
            volumes: vec![],
            error: None,
            asked: None,
            asking: false,
            zone: TimeZone::system(),
        }
    }

    fn listed(&mut self, list: Vec<Snapshot>, cx: &mut Cx<'_, Msg>) {
        self.error = None;
        if self.list.as_ref() == Some(&list) {
            return;
        }
        // What the disks allow changes with them, and seldom.
        cx.send(guest::config(&self.guest, &Which::Pending), Msg::Config);
        cx.send(guest::feature(&self.guest, Feature::Snapshot, None), Msg::Possible);
        self.list = Some(list);
        self.arrange();
    }

    fn arrange(&mut self) {
        self.rows = tree::arrange(self.list.as_deref().unwrap_or_default());
        for row in self.rows.iter_mut().filter(|r| r.snapshot.vmstate) {
            let end = format!("vm-{}-state-{}", self.guest.vmid, row.snapshot.name);
            let is_state = |v: &&Volume| {
                let name = v.volid.as_str().rsplit(['/', ':']).next().unwrap_or_default();
                name == end || name.rsplit_once('.').is_some_and(|(stem, _)| stem == end)
            };
            row.ram = self.volumes.iter().find(is_state).and_then(|v| v.used.filter(|used| *used > 0).or(v.size));
        }
        self.generation += 1;
    }

    /// Saved memory lies on the storage that the settings name, or on one that has a disk of the guest.
    fn ask_for_volumes(&mut self, cx: &mut Cx<'_, Msg>) {
        let with_ram = self.list.iter().flatten().any(|s| s.vmstate);
        let Some(config) = self.config.as_ref().filter(|_| with_ram) else { return };
        let known = |name: &str| cx.store().resources.storages.iter().any(|s| s.storage.as_str() == name);
        let mut storages: Vec<&str> = config.values.values().filter_map(|v| Some(v.split_once(':')?.0)).collect();
        storages.extend(config.get("vmstatestorage"));
        storages.retain(|name| known(name));
        storages.sort_unstable();
        storages.dedup();
        for storage in storages {
            let (storage, vmid) = (StorageId::from(storage), Some(self.guest.vmid));
            let request = storage::content(&self.guest.node, &storage, Some(ContentKind::Images), vmid);
            cx.send(request, Msg::Volumes);
        }
    }

    fn name(&self, store: &Store) -> String {
        let name = store.guest(self.guest.vmid).map_or("", |g| g.name.as_str());
        format!("{} {} ({})", self.guest.kind.label(), self.guest.vmid, text::clean(name))
    }

    fn selected(&self) -> Option<&Snapshot> {
        self.table.selected(&self.rows).map(|r| &r.snapshot)
    }

    /// The selected row if it is a snapshot.
    fn chosen(&self) -> Option<&Snapshot> {
        self.selected().filter(|s| !s.is_current())
    }

    /// The marked snapshots, or the selected one.
    fn targets(&self) -> Vec<&Snapshot> {
        let rows = self.table.marked_or_selected(&self.rows);
        rows.into_iter().map(|r| &r.snapshot).filter(|s| !s.is_current()).collect()
    }

    /// Why no snapshot can be made, if so.
    fn refusals(&self, store: &Store) -> Vec<String> {
        let known = store.guest(self.guest.vmid);
        if let Some(why) = known.and_then(refusal::by_state) {
            return vec![why];
        }
        if self.possible != Some(false) {
            return vec![];
        }
        let running = known.is_some_and(|g| g.uptime > 0);
        let disks = self.config.iter().flat_map(|c| refusal::by_disks(self.guest.kind, c, store, running));
        let mut reasons: Vec<String> = disks.collect();
        if reasons.is_empty() {
            reasons.push("the server says that the storage of at least one disk has none".into());
        }
        reasons
    }

    /// What is worth knowing before any change: a lock makes the server refuse.
    fn warnings(&self, store: &Store) -> Vec<String> {
        let lock = store.guest(self.guest.vmid).and_then(|g| g.lock.as_ref());
        lock.map(|lock| format!("The guest is locked ({lock}): the server refuses until that has ended."))
            .into_iter()
            .collect()
    }

    fn sync(&mut self) {
        self.table.sync(&self.rows, self.generation);
        self.table.set_stale(self.error.is_some());
        if self.list.is_some() {
            let nothing = self.table.filter().is_empty();
            self.table.set_empty(if nothing { "no snapshots" } else { "nothing matches the filter" });
        } else if self.error.is_some() {
            self.table.set_empty("");
        }
    }

    /// Lines above the list: what went wrong, and why there can be no snapshots.
    fn banner(&self, store: &Store) -> Vec<String> {
        let mut lines = vec![];
        if let Some(error) = &self.error {
            lines.push(error.explained());
        }
        let reasons = self.refusals(store);
        if !reasons.is_empty() {
            lines.push(format!("No snapshots can be made: {}.", reasons.join("; ")));
        }
        lines.extend(self.warnings(store));
        lines
    }
}

impl View for Snapshots {
    type Msg = Msg;
    const NAME: &'static str = "Snapshots";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "snapshot.take",
            keys: "n a",
            title: "Take",
            footer: true,
            ready: |v, _| needs(v.list.is_some(), "the list has not come yet"),
            run: Self::take,
        },
        Command {
            id: "snapshot.rollback",
            keys: "b",
            title: "Roll back",
            footer: true,
            ready: |v, _| needs(v.chosen().is_some(), "no snapshot is selected"),
            run: Self::rollback,
        },
        Command {
            id: "snapshot.edit",
            keys: "e",
            title: "Edit description",
            footer: false,
            ready: |v, _| needs(v.chosen().is_some(), "no snapshot is selected"),
            run: Self::edit,
        },
        Command {
            id: "snapshot.prune",
            keys: "N",
            title: "Delete old ones",
            footer: false,
            ready: |v, _| needs(v.list.is_some(), "the list has not come yet"),
            run: Self::prune,
        },
        Command {
            id: "snapshot.show",
            keys: "d",
            title: "Settings, difference",
            footer: true,
            ready: |v, _| needs(v.chosen().is_some(), "no snapshot is selected"),
            run: Self::show,
        },
        Command {
            id: "snapshot.delete",
            keys: "delete",
            title: "Delete",
            footer: true,
            ready: |v, _| needs(!v.targets().is_empty(), "no snapshot is selected"),
            run: Self::delete,
        },
        Command {
            id: "snapshot.force",
            keys: "",
            title: "Delete by force",
            footer: false,
            ready: |v, _| needs(v.chosen().is_some(), "no snapshot is selected"),
            run: Self::force,
        },
        Command::menu("snapshot.menu", |v, _| needs(v.list.is_some(), "the list has not come yet"), Self::menu),
        Command {
            id: "snapshot.copy",
            keys: "y",
            title: "Copy name",
            footer: false,
            ready: |v, _| needs(v.chosen().is_some(), "no snapshot is selected"),
            run: Self::copy,
        },
    ];

    fn ask(&mut self, cx: &mut Cx<'_, Msg>) {
        if self.asking {
            return;
        }
        // The guest may have moved to another node.
        if let Some(known) = cx.store().guest(self.guest.vmid) {
            self.guest = known.reference();
        }
        self.asking = true;
        self.asked = Some(cx.scene.now.mono);
        cx.send(api::list(&self.guest), Msg::Listed);
    }

    fn refreshed(&mut self, cx: &mut Cx<'_, Msg>) {
        if self.asked.is_none_or(|at| cx.scene.now.mono.saturating_sub(at) > Duration::from_secs(1)) {
            self.ask(cx);
        }
    }

    fn pace(&self) -> Option<Duration> {
        Some(Self::PACE)
    }

    fn update(&mut self, msg: Msg, cx: &mut Cx<'_, Msg>) {
        match msg {
            Msg::Listed(answer) => {
                self.asking = false;
                match answer {
                    Ok(list) => self.listed(list, cx),
                    Err(error) => self.error = Some(error),
                }
            }
            Msg::Config(Ok(config)) => {
                self.config = Some(config);
                self.ask_for_volumes(cx);
            }
            Msg::Possible(Ok(possible)) => self.possible = Some(possible.has_feature),
            Msg::Volumes(Ok(volumes)) => {
                self.volumes.retain(|v| !volumes.iter().any(|new| new.volid == v.volid));
                self.volumes.extend(volumes);
                self.arrange();
            }
            // Sizes and reasons are extras: the list stands without them.
            Msg::Config(Err(error)) | Msg::Possible(Err(error)) | Msg::Volumes(Err(error)) => {
                tracing::debug!(%error, "less is known about snapshots");
            }
        }
        self.sync();
    }

    fn pane(&mut self, _: &Scene) -> Option<&mut dyn Pane> {
        self.sync();
        Some(&mut self.table)
    }

    fn enter(&mut self, cx: &mut Cx<'_, Msg>) {
        self.show(cx);
    }

    fn menu(&mut self, cx: &mut Cx<'_, Msg>) {
        self.open_menu(cx);
    }

    fn crumb(&self, store: &Store) -> String {
        let list = if self.guest.kind == GuestKind::Vm { "Virtual machines" } else { "Containers" };
        format!("{list} > {} > {} > Snapshots", self.guest.node, self.name(store))
    }

    fn status(&self, _: &Store) -> String {
        self.table.status()
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.sync();
        let look = scene.look;
        let room = usize::from(area.width).saturating_sub(2).max(10);
        let banner = self.banner(scene.store).into_iter().flat_map(|line| text::wrap(&text::clean(&line), room));
        let banner: Vec<Line> = banner.map(|l| Line::styled(format!(" {l}"), look.style(Role::Warning))).collect();
        let height = u16::try_from(banner.len()).unwrap_or(u16::MAX).min(area.height / 3);
        let [head, body] = Layout::vertical([Constraint::Length(height), Constraint::Min(1)]).areas(area);
        frame.render_widget(Paragraph::new(banner), head);
        self.table.draw(frame, body, &self.rows, &scene.ctx(&self.zone));
    }
}
