//! Volumes: of one kind over all storages (ISO images, container templates), or everything on one storage.

pub mod column;
pub mod place;
pub mod remove;
pub mod shelf;
pub mod usage;

use jiff::tz::TimeZone;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::Paragraph,
};

use self::{
    place::Place,
    shelf::{Came, Item, Key, Shelf},
    usage::Usage,
};
use super::{
    backup::{change, prune, row::Row},
    fact::Facts,
    image::{download::Download, target, upload::Upload},
    permission::Permissions,
};
use crate::{
    api::{
        ApiError,
        ids::{ContentKind, GuestKind, GuestRef, StorageId},
        image,
        rrd::{Consolidation, Point, Timeframe},
        storage::{self, Config},
        volume,
    },
    shell::{Command, Cx, Degree, Effect, Level, Proposal, Ready, Scene, View, always, needs},
    store::Store,
    ui::{Gauge, Graph, Pane, Role, Table, text},
};

/// More guests than this are not asked without being told to.
pub const GUESTS_UNASKED: usize = 200;

/// What the view hears back.
pub enum Msg {
    /// What a storage keeps.
    Came(Came),
    /// Who uses what; with volumes that shall be removed.
    Used(Usage, Vec<Key>),
    /// A volume's notes or protection were changed.
    Changed(Result<(), ApiError>),
    /// How full the storage was.
    History(Result<Vec<Point>, ApiError>),
    /// How the storage is configured.
    Config(Result<Config, ApiError>),
}

/// Whose volumes are shown.
enum Scope {
    /// All of one kind, wherever they are.
    Kind(ContentKind),
    /// Everything on one storage.
    Storage(StorageId, crate::api::ids::NodeName),
}

/// A list of volumes.
pub struct Volumes {
    scope: Scope,
    /// The only kind that is shown.
    kind: Option<ContentKind>,
    shelf: Shelf,
    usage: Option<Usage>,
    scanning: bool,
    table: Table<Item, Key>,
    zone: TimeZone,
    /// What the list was read for: changes in the cluster's tasks and storages.
    seen: Option<((u64, usize), usize)>,
    history: Vec<Point>,
    frame: Timeframe,
    config: Option<Config>,
}

impl Volumes {
    /// All volumes of a kind.
    pub fn of_kind(kind: ContentKind) -> Self {
        Self::new(Scope::Kind(kind), Some(kind))
    }

    /// Everything on one storage.
    pub fn of_storage(place: &Place) -> Self {
        let (storage, node) = place.key();
        Self::new(Scope::Storage(storage, node), None)
    }

    fn new(scope: Scope, kind: Option<ContentKind>) -> Self {
        Self {
            scope,
            kind,
            shelf: Shelf::default(),
            usage: None,
            scanning: false,
            table: column::table(kind),
            zone: TimeZone::system(),
            seen: None,
            history: vec![],
            frame: Timeframe::Day,
            config: None,
        }
    }

    /// The storages that are listed.
    fn places(&self, store: &Store) -> Vec<Place> {
        let mut places = place::all(store);
        match &self.scope {
            Scope::Kind(kind) => places.retain(|p| p.keeps(*kind)),
            Scope::Storage(storage, node) => places.retain(|p| p.key() == (storage.clone(), node.clone())),
        }
        places
    }

    /// Reads the list when there is reason to believe that it has changed.
    fn ask_if_changed(&mut self, cx: &mut Cx<'_, Msg>) {
        let places = self.places(cx.store());
        let reachable = places.iter().filter(|p| p.ask.is_some()).count();
        let now = (place::changes(cx.store()), reachable);
        if self.seen != Some(now) {
            self.seen = Some(now);
            self.ask(cx);
        }
    }

    fn ask(&mut self, cx: &mut Cx<'_, Msg>) {
        let places = self.places(cx.store());
        let kind = if let Scope::Kind(kind) = self.scope { Some(kind) } else { None };
        self.shelf.ask(&places, kind, cx, Msg::Came);
        if let (Scope::Storage(..), Some(Place { ask: Some(node), storage, .. })) = (&self.scope, places.first()) {
            cx.send(storage::rrddata(node, storage, self.frame, Consolidation::Average), Msg::History);
            cx.send(storage::config(storage), Msg::Config);
        }
        if self.wants_users() && self.guests(cx.store()).len() <= GUESTS_UNASKED {
            self.scan(vec![], cx);
        }
    }

    fn wants_users(&self) -> bool {
        self.table.columns().iter().any(|c| c.id == "users")
    }

    /// Guests that can use such volumes.
    fn guests(&self, store: &Store) -> Vec<GuestRef> {
        let only_vms = self.kind == Some(ContentKind::Iso);
        let guests = store.resources.guests.iter().filter(|g| !only_vms || g.kind == GuestKind::Vm);
        guests.map(crate::api::cluster::Guest::reference).collect()
    }

    fn scan(&mut self, then_remove: Vec<Key>, cx: &mut Cx<'_, Msg>) {
        let (session, guests) = (cx.session(), self.guests(cx.store()));
        self.scanning = true;
        cx.job(move |world| Box::pin(async move { Msg::Used(usage::scan(world, session, guests).await, then_remove) }));
    }

    fn find_users(&mut self, cx: &mut Cx<'_, Msg>) {
        self.scan(vec![], cx);
    }

    fn selected(&self) -> Option<&Item> {
        self.table.selected(&self.shelf.items)
    }

    fn remove(&mut self, cx: &mut Cx<'_, Msg>) {
        if cx.refuses_changes() {
            return;
        }
        let items = self.table.marked_or_selected(&self.shelf.items);
        let reasons: Vec<_> = items.iter().filter_map(|i| remove::refuse(i, cx.store())).collect();
        if let (Some(why), true) = (reasons.first(), reasons.len() == items.len()) {
            cx.toast(Level::Warning, why);
            return;
        }
        let keys = items.iter().map(|i| i.key()).collect();
        cx.toast(Level::Info, "Looking which guests use it");
        self.scan(keys, cx);
    }

    fn propose_removal(&mut self, keys: &[Key], cx: &mut Cx<'_, Msg>) {
        let items: Vec<&Item> = self.shelf.items.iter().filter(|i| keys.contains(&i.key())).collect();
        let unread = self.usage.as_ref().map_or(&[][..], |u| &u.unread);
        if let Some(proposal) = remove::proposal(&items, unread, cx.store()) {
            cx.propose(proposal);
        }
    }

    fn protect(&mut self, cx: &mut Cx<'_, Msg>) {
        let Some(item) = self.selected() else { return };
        let on = !item.volume.protected;
        let label = format!("{} {}", if on { "Protect" } else { "Unprotect" }, item.volume.volid.file_name());
        let write = cx.hear(label.clone(), volume::set(&item.node, &item.volume.volid, None, Some(on)), Msg::Changed);
        let proposal = Proposal::new(format!("{label}?"), vec![write]);
        cx.propose(if on { proposal } else { proposal.degree(Degree::Careful) });
    }

    /// The selected volume as a backup.
    fn backup(&self, store: &Store) -> Option<Row> {
        let item = self.selected().filter(|i| i.volume.kind() == ContentKind::Backup)?;
        let storage = item.volume.volid.storage();
        let kind = place::all(store).into_iter().find(|p| p.storage == storage).map(|p| p.kind).unwrap_or_default();
        Some(Row::new(item.volume.clone(), &item.node, item.shared, &kind, store))
    }

    fn notes(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(row) = self.backup(cx.store()) {
            // The list is read again when the dialog has gone.
            self.seen = None;
            change::notes(&row, cx);
        }
    }

    fn prune(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(row) = self.backup(cx.store()) {
            prune::open(&row, cx);
        }
    }

    fn copy(&mut self, cx: &mut Cx<'_, Msg>) {
        let ids: Vec<_> =
            self.table.marked_or_selected(&self.shelf.items).iter().map(|i| i.volume.volid.to_string()).collect();
        cx.emit(Effect::Copy(ids.join("\n")));
        cx.toast(Level::Info, if ids.len() > 1 { "Volume ids copied" } else { "Volume id copied" });
    }

    fn other_kind(&mut self, by: isize, cx: &mut Cx<'_, Msg>) {
        let places = self.places(cx.store());
        let kinds = ContentKind::ALL.into_iter().filter(|k| places.iter().any(|p| p.keeps(*k)));
        let all: Vec<Option<ContentKind>> = std::iter::once(None).chain(kinds.map(Some)).collect();
        let at = all.iter().position(|k| *k == self.kind).unwrap_or(0) as isize + by;
        self.kind = all[at.rem_euclid(all.len() as isize) as usize];
        let base: fn(&Item) -> bool = match self.kind {
            None => |_| true,
            Some(ContentKind::Images) => |i| i.volume.kind() == ContentKind::Images,
            Some(ContentKind::Rootdir) => |i| i.volume.kind() == ContentKind::Rootdir,
            Some(ContentKind::Iso) => |i| i.volume.kind() == ContentKind::Iso,
            Some(ContentKind::Vztmpl) => |i| i.volume.kind() == ContentKind::Vztmpl,
            Some(ContentKind::Backup) => |i| i.volume.kind() == ContentKind::Backup,
            Some(ContentKind::Snippets) => |i| i.volume.kind() == ContentKind::Snippets,
            Some(ContentKind::Import) => |i| i.volume.kind() == ContentKind::Import,
        };
        self.table.set_base(base);
        self.table.clear_marks();
    }

    fn next_kind(&mut self, cx: &mut Cx<'_, Msg>) {
        self.other_kind(1, cx);
    }

    fn previous_kind(&mut self, cx: &mut Cx<'_, Msg>) {
        self.other_kind(-1, cx);
    }

    fn next_frame(&mut self, cx: &mut Cx<'_, Msg>) {
        self.frame = self.frame.next();
        if let Some(Place { ask: Some(node), storage, .. }) = self.places(cx.store()).first() {
            cx.send(storage::rrddata(node, storage, self.frame, Consolidation::Average), Msg::History);
        }
    }

    /// Why no file can come to what is shown; `None` when one can.
    fn takes_files(&self, store: &Store) -> Ready {
        let comes = |kind: ContentKind| !image::endings(kind).is_empty();
        if self.kind.is_some_and(|kind| !comes(kind)) {
            return Err(format!("{} are no files to send", self.what()).into());
        }
        let places = self.places(store);
        let wanted = |p: &Place| ContentKind::ALL.into_iter().any(|kind| comes(kind) && p.keeps(kind));
        let why = match (&self.scope, places.first()) {
            _ if places.iter().any(wanted) => return Ok(()),
            (Scope::Storage(..), Some(place)) => {
                format!("{} keeps {}, and takes no uploads", place.storage, place.content.replace(',', ", "))
            }
            (Scope::Storage(storage, _), None) => format!("{storage} is not in the cluster's list"),
            (Scope::Kind(_), _) => format!("no storage keeps {}", self.what()),
        };
        Err(why.into())
    }

    /// The kind and the storage that a new file is likely meant for.
    fn aim(&self, store: &Store) -> (ContentKind, Option<String>) {
        let places = self.places(store);
        let storage = places.first().filter(|_| self.is_storage());
        let fits = |kind: &ContentKind| storage.is_none_or(|p| p.keeps(*kind));
        let kinds = [ContentKind::Iso, ContentKind::Vztmpl, ContentKind::Import];
        let kind = self.kind.or_else(|| kinds.into_iter().find(fits)).unwrap_or(ContentKind::Iso);
        (kind, storage.map(target::value))
    }

    fn upload(&mut self, cx: &mut Cx<'_, Msg>) {
        if !cx.refuses_changes() {
            let (kind, storage) = self.aim(cx.store());
            cx.open(Upload::open(cx.store(), kind, storage.as_deref()));
        }
    }

    fn download(&mut self, cx: &mut Cx<'_, Msg>) {
        if !cx.refuses_changes() {
            let (kind, storage) = self.aim(cx.store());
            cx.open(Download::open(cx.store(), kind, storage.as_deref()));
        }
    }

    fn permissions(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Scope::Storage(storage, _) = &self.scope {
            cx.open(Permissions::of_storage(storage));
        }
    }

    fn is_storage(&self) -> bool {
        matches!(self.scope, Scope::Storage(..))
    }

    fn what(&self) -> &'static str {
        match self.kind {
            Some(ContentKind::Iso) => "ISO images",
            Some(ContentKind::Vztmpl) => "container templates",
            Some(ContentKind::Backup) => "backups",
            Some(ContentKind::Import) => "images to import",
            Some(ContentKind::Snippets) => "snippets",
            Some(ContentKind::Images) => "VM disks",
            Some(ContentKind::Rootdir) => "container volumes",
            None => "volumes",
        }
    }

    fn sync(&mut self, store: &Store) {
        self.table.sync(&self.shelf.items, self.shelf.generation);
        self.table.set_stale(store.is_stale());
        let empty = if self.table.filter().is_empty() {
            self.shelf.empty_text(self.what())
        } else {
            "nothing matches the filter".into()
        };
        self.table.set_empty(empty);
    }

    /// Above the list of a storage: what it is, how full it is and was.
    fn draw_head(&self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let places = self.places(scene.store);
        let Some(place) = places.first() else {
            let words = " The storage is not in the cluster's list (any more).";
            frame.render_widget(Line::styled(words, look.style(Role::Warning)), area);
            return;
        };
        let state = match &place.ask {
            Some(_) => Span::styled(format!("{} available", look.glyphs.ok), look.style(Role::Ok)),
            None => Span::styled(format!("{} can't be reached", look.glyphs.failed), look.style(Role::Danger)),
        };
        let nodes = place.nodes.iter().map(|n| n.as_str()).collect::<Vec<_>>().join(", ");
        let shared = if place.shared { "shared by" } else { "on" };
        let mut first = vec![
            Span::styled(format!(" {}  ", place.storage), look.style(Role::Title)),
            state,
            Span::styled(format!("  {}  {shared} {nodes}  ", place.kind), look.style(Role::Muted)),
        ];
        for option in ["path", "server", "export", "pool", "vgname", "thinpool", "datastore", "prune-backups"] {
            if let Some(value) = self.config.as_ref().and_then(|c| c.get(option)) {
                first.push(Span::styled(format!("{option}={}  ", text::clean(value)), look.style(Role::Muted)));
            }
        }
        let shown = self.kind.map_or("everything", |_| self.what());
        let second = vec![
            Span::styled(format!(" keeps {}", place.content.replace(',', ", ")), look.style(Role::Muted)),
            Span::styled("   shown: ", look.style(Role::Muted)),
            Span::styled(shown, look.style(Role::Accent)),
        ];
        let [lines, gauge, graph] =
            Layout::vertical([Constraint::Length(2), Constraint::Length(1), Constraint::Min(0)]).areas(area);
        frame.render_widget(Paragraph::new(vec![Line::from(first), Line::from(second)]), lines);
        let share = (place.total > 0).then(|| place.used as f64 / place.total as f64);
        let detail = format!(
            "{} of {}, {} free",
            text::bytes_short(place.used),
            text::bytes_short(place.total),
            text::bytes_short(place.free())
        );
        Gauge::new(" Used", share, detail).draw(frame, gauge, look);
        if graph.height >= 3 {
            let series: Vec<Option<f64>> = self
                .history
                .iter()
                .map(|p| Some(p.get("used")? / p.get("total").filter(|t| *t > 0.0)? * 100.0))
                .collect();
            let begin = format!("a {} ago", self.frame.as_str());
            let mut graph_of = Graph::new(&series, |v| format!("{v:.0} %"));
            graph_of.max = Some(100.0);
            graph_of.ends = (&begin, "now");
            graph_of.draw(frame, graph, look);
        }
    }
}

impl View for Volumes {
    type Msg = Msg;
    const NAME: &'static str = "Volumes";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "volume.details",
            keys: "i",
            title: "Details",
            footer: true,
            ready: |v, _| needs(v.selected().is_some(), "no volume is selected"),
            run: Self::enter,
        },
        Command {
            id: "volume.copy",
            keys: "y",
            title: "Copy volume id",
            footer: true,
            ready: |v, _| needs(v.selected().is_some(), "no volume is selected"),
            run: Self::copy,
        },
        Command::remove("volume.remove", |v, _| needs(v.selected().is_some(), "no volume is selected"), Self::remove),
        Command {
            id: "volume.protect",
            keys: "p",
            title: "Protect or not",
            footer: false,
            ready: |v, _| {
                needs(v.selected().is_some_and(|i| i.volume.kind() == ContentKind::Backup), "no backup is selected")
            },
            run: Self::protect,
        },
        Command {
            id: "volume.notes",
            keys: "e",
            title: "Notes",
            footer: false,
            ready: |v, s| needs(v.backup(s).is_some(), "no backup is selected"),
            run: Self::notes,
        },
        Command {
            id: "volume.prune",
            keys: "P",
            title: "Prune the guest's backups",
            footer: false,
            ready: |v, s| needs(v.backup(s).is_some(), "no backup is selected"),
            run: Self::prune,
        },
        Command {
            id: "volume.users",
            keys: "U",
            title: "Find users",
            footer: false,
            ready: |v, _| {
                needs(!v.shelf.items.is_empty() && !v.scanning, "there are no volumes, or they are being looked for")
            },
            run: Self::find_users,
        },
        Command {
            id: "volume.upload",
            keys: "u",
            title: "Upload",
            footer: true,
            ready: Self::takes_files,
            run: Self::upload,
        },
        Command {
            id: "volume.download",
            keys: "w",
            title: "Download",
            footer: true,
            ready: Self::takes_files,
            run: Self::download,
        },
        Command { id: "volume.reload", keys: "R", title: "Read again", footer: false, ready: always, run: Self::ask },
        Command {
            id: "volume.next-kind",
            keys: "] tab",
            title: "Next content",
            footer: false,
            ready: |v, _| needs(v.is_storage(), "only on the page of one storage"),
            run: Self::next_kind,
        },
        Command {
            id: "volume.previous-kind",
            keys: "[ shift-tab",
            title: "Previous content",
            footer: false,
            ready: |v, _| needs(v.is_storage(), "only on the page of one storage"),
            run: Self::previous_kind,
        },
        Command {
            id: "volume.permissions",
            keys: "a",
            title: "Permissions of the storage",
            footer: false,
            ready: |v, _| needs(v.is_storage(), "only on the page of one storage"),
            run: Self::permissions,
        },
        Command {
            id: "volume.timeframe",
            keys: "t",
            title: "Timeframe",
            footer: false,
            ready: |v, _| needs(v.is_storage(), "only on the page of one storage"),
            run: Self::next_frame,
        },
    ];

    fn opened(&mut self, cx: &mut Cx<'_, Msg>) {
        if cx.store().updated.is_some() {
            self.ask_if_changed(cx);
        }
    }

    fn refreshed(&mut self, cx: &mut Cx<'_, Msg>) {
        self.ask_if_changed(cx);
        self.sync(cx.store());
    }

    fn update(&mut self, msg: Msg, cx: &mut Cx<'_, Msg>) {
        match msg {
            Msg::Came(came) => self.shelf.came(came, self.usage.as_ref()),
            Msg::Used(usage, remove) => {
                self.scanning = false;
                self.shelf.set_usage(&usage);
                self.usage = Some(usage);
                if !remove.is_empty() {
                    self.propose_removal(&remove, cx);
                }
            }
            Msg::Changed(_) => self.ask(cx),
            Msg::History(Ok(points)) => self.history = points,
            Msg::Config(Ok(config)) => self.config = Some(config),
            // Both are extras that need their own rights.
            Msg::History(Err(_)) | Msg::Config(Err(_)) => {}
        }
        self.sync(cx.store());
    }

    fn pane(&mut self, scene: &Scene) -> Option<&mut dyn Pane> {
        self.sync(scene.store);
        Some(&mut self.table)
    }

    fn enter(&mut self, cx: &mut Cx<'_, Msg>) {
        let Some(item) = self.selected() else { return };
        let v = &item.volume;
        let exact = |n: u64| format!("{} ({n} bytes)", text::bytes(n));
        let users = match &item.users {
            None => format!("not read ({} reads the guests' configurations)", cx.scene.keys.label("volume.users")),
            Some(users) if users.is_empty() => "no guest".to_owned(),
            Some(users) => remove::named(users, cx.store()),
        };
        let verified = v.verification.state.to_string();
        let facts = Facts::new(v.volid.file_name())
            .fact("Volume id", v.volid.as_str())
            .fact("Content", v.kind().as_str())
            .fact("Format", v.format.as_str())
            .fact("Size", v.size.map(exact).unwrap_or_default())
            .fact("Really taken", v.used.map(exact).unwrap_or_default())
            .fact("Date", v.ctime.and_then(|t| i64::try_from(t).ok()).map(text::local_time).unwrap_or_default())
            .fact("Storage", v.volid.storage().as_str())
            .fact("On", format!("{} (asked: {})", item.place, item.node))
            .fact("Guest", v.owner().map(|id| remove::named(&[id], cx.store())).unwrap_or_default())
            .fact("Stands on", v.parent.as_deref().unwrap_or_default())
            .fact("Used by", users)
            .fact("Protected", if v.protected { "yes" } else { "" })
            .fact("Verified", verified)
            .fact("Notes", v.notes.as_deref().unwrap_or_default());
        cx.open(facts);
    }

    fn crumb(&self, _: &Store) -> String {
        match &self.scope {
            Scope::Storage(storage, node) if node.is_empty() => format!("Storage > {storage}"),
            Scope::Storage(storage, node) => format!("Storage > {storage} on {node}"),
            Scope::Kind(ContentKind::Iso) => "ISO images".into(),
            Scope::Kind(ContentKind::Vztmpl) => "Container templates".into(),
            Scope::Kind(kind) => format!("All {kind}"),
        }
    }

    fn status(&self, _: &Store) -> String {
        let mut text = self.table.status();
        if self.shelf.is_waiting() {
            text.push_str("  reading");
        }
        if self.scanning {
            text.push_str("  looking for users");
        }
        if let (Some((storage, _)), false) = (self.shelf.errors.first(), self.shelf.items.is_empty()) {
            text.push_str(&format!("  {storage} can't be listed"));
        }
        text
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.sync(scene.store);
        let mut body = area;
        if self.is_storage() {
            let height = if area.height >= 24 { 9 } else { 3 };
            let [head, rest] = Layout::vertical([Constraint::Length(height), Constraint::Min(1)]).areas(area);
            self.draw_head(frame, head, scene);
            body = rest;
        }
        let ctx = scene.ctx(&self.zone);
        self.table.draw(frame, body, &self.shelf.items, &ctx);
    }
}
