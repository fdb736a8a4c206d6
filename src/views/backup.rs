//! Backups: all of the cluster's, grouped by guest or not, and the runs that failed lately.

mod act;
pub mod board;
pub mod change;
pub mod field;
pub mod files;
pub mod now;
pub mod prune;
pub mod restore;
pub mod row;
pub mod run;
pub mod setting;
pub mod shown;
pub mod stock;

use std::time::Duration;

use jiff::tz::TimeZone;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::Paragraph,
};

use self::{
    board::Board,
    row::{Key, Row},
    stock::Stock,
};
use crate::{
    api::{
        ApiError, Paged,
        cluster::Guest,
        ids::{Upid, VmId},
        job,
        task::{self, LogLine, Task},
        vzdump,
    },
    shell::{Command, Cx, Ready, Scene, View, always, needs},
    store::Store,
    ui::{Cell, Column, Pane, Role, Table, Width, text},
};

/// What the view hears back.
pub enum Msg {
    /// The backups on a storage.
    Came(stock::Answer),
    /// The guests that no job takes.
    Uncovered(Result<Vec<job::Uncovered>, ApiError>),
    /// The runs of a node that failed.
    Failed(Result<Paged<Task>, ApiError>),
    /// The log of a failed run.
    Log(Upid, Result<Paged<LogLine>, ApiError>),
    /// A backup was changed without a task.
    Changed(Result<(), ApiError>),
}

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    /// Backup by backup.
    List,
    /// Guest by guest.
    Guests,
    /// Runs that failed.
    Runs,
}

/// The backups of the cluster, or of one guest.
pub struct Backups {
    only: Option<VmId>,
    page: Page,
    stock: Stock,
    list: Table<Row, Key>,
    board: Board,
    runs: Table<Task, Upid>,
    /// Ended tasks that change what there is: how many, and when the last one ended.
    pulse: (usize, Option<u64>),
    zone: TimeZone,
}

impl Default for Backups {
    fn default() -> Self {
        Self::new(None)
    }
}

/// What ended tasks of the cluster have to do with backups.
fn pulse(store: &Store) -> (usize, Option<u64>) {
    let kinds = ["vzdump", "imgdel", "prunebackups"];
    let ended = store.tasks.iter().filter(|t| kinds.contains(&t.kind.as_str())).filter_map(|t| t.endtime);
    (ended.clone().count(), ended.max())
}

fn run_columns() -> Vec<Column<Task>> {
    let left = Column::<Task>::left;
    vec![
        Column::sorted(
            "start",
            "Start",
            Width::Fixed(14),
            0,
            |t: &Task, c| text::time_short(i64::try_from(t.starttime).unwrap_or(0), c.zone).into(),
            |a: &Task, b| a.starttime.cmp(&b.starttime),
        ),
        left("run", "Run", Width::Flex { min: 14, max: 30 }, 0, |t, _| t.description().into()),
        left("status", "Result", Width::Flex { min: 14, max: 70 }, 0, |t, c| {
            let (glyph, role) = super::task::sign(&t.status, c);
            Cell::role(format!("{glyph} {}", t.status), role)
        }),
        left("node", "Node", Width::Fit { max: 14 }, 2, |t, _| t.node.as_str().into()),
        left("user", "User", Width::Fit { max: 24 }, 3, |t, _| Cell::role(t.user.as_str(), Role::Muted)),
    ]
}

impl Backups {
    /// How old the list may get while it is in front.
    const STALE: Duration = Duration::from_secs(120);
    /// Logs of failed runs that are read for the guests they failed for.
    const LOGS: usize = 8;

    fn new(only: Option<VmId>) -> Self {
        let list = Table::new(row::columns(), Row::key, row::searched)
            .with_property(row::property)
            .with_sort(if only.is_some() { "time" } else { "id" }, only.is_some())
            .without_footer();
        let run_text = |t: &Task, out: &mut String| {
            use std::fmt::Write as _;
            let _ = write!(out, "{} {} {} {}", t.description(), t.node, t.user, t.status);
        };
        let runs = Table::new(run_columns(), |t: &Task| t.upid.clone(), run_text)
            .with_sort("start", true)
            .with_empty("no backup run has failed lately")
            .without_footer();
        Self {
            only,
            page: Page::List,
            stock: Stock::new(only),
            list,
            board: Board::default(),
            runs,
            pulse: (0, None),
            zone: TimeZone::system(),
        }
    }

    /// The backups of one guest.
    pub fn of_guest(vmid: VmId) -> Self {
        Self::new(Some(vmid))
    }

    fn load(&mut self, cx: &mut Cx<'_, Msg>) {
        self.pulse = pulse(cx.store());
        self.stock.load(cx, Msg::Came);
        if self.only.is_some() {
            return;
        }
        cx.send(job::uncovered(), Msg::Uncovered);
        let since = u64::try_from(cx.scene.now.unix).unwrap_or(0).saturating_sub(Board::DAYS * 86_400);
        let filter = task::Filter {
            kind: Some("vzdump".into()),
            errors: true,
            since: Some(since),
            limit: Some(100),
            ..task::Filter::default()
        };
        for node in cx.store().resources.nodes.iter().filter(|n| n.is_online()) {
            cx.send(task::list(&node.node, &filter), Msg::Failed);
        }
    }

    fn sync(&mut self, store: &Store) {
        self.list.sync(&self.stock.rows, self.stock.generation);
        let waiting = self.stock.waiting();
        let empty = match (self.stock.is_new(), waiting, self.list.filter().is_empty()) {
            (true, ..) => "waiting for the list of storages",
            (_, 1.., _) => "asking the storages",
            (_, _, false) if !self.stock.rows.is_empty() => "nothing matches the filter",
            _ if self.stock.places() == 0 => "no storage that you may see keeps backups",
            _ => "no backups (b makes one)",
        };
        self.list.set_empty(empty);
        self.board.sync(store, &self.stock.rows, self.stock.generation);
        self.runs.sync(&self.board.failed, self.board.failed.len() as u64);
    }

    /// The marked backups, or the selected one.
    fn chosen(&self) -> Vec<&Row> {
        if self.page == Page::List { self.list.marked_or_selected(&self.stock.rows) } else { vec![] }
    }

    fn selected(&self) -> Option<&Row> {
        if self.page == Page::List { self.list.selected(&self.stock.rows) } else { None }
    }

    /// A backup is selected, and of that kind.
    fn one(&self, fits: fn(&Row) -> bool) -> Ready {
        needs(self.page == Page::List, "choose one on the page Backups")?;
        let row = self.selected();
        needs(row.is_some(), "no backup is selected")?;
        needs(row.is_some_and(fits), "it is no guest's backup")
    }

    /// The guests that are meant, as far as they exist.
    fn guests<'s>(&self, store: &'s Store) -> Vec<&'s Guest> {
        let mut ids: Vec<VmId> = match (self.only, self.page) {
            (Some(vmid), _) => vec![vmid],
            (_, Page::List) => self.chosen().iter().filter_map(|r| r.vmid).collect(),
            (_, Page::Guests) => {
                self.board.table.marked_or_selected(&self.board.rows).iter().filter_map(|f| f.vmid).collect()
            }
            _ => vec![],
        };
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().filter_map(|id| store.guest(id)).collect()
    }

    fn switch(&mut self, forward: bool) {
        self.page = match (self.page, forward) {
            _ if self.only.is_some() => Page::List,
            (Page::List, true) | (Page::Runs, false) => Page::Guests,
            (Page::Guests, true) | (Page::List, false) => Page::Runs,
            (Page::Runs, true) | (Page::Guests, false) => Page::List,
        };
    }

    /// Pages, what they sum up to, and what went wrong.
    fn head(&self, width: u16, scene: &Scene) -> Vec<Line<'static>> {
        let look = scene.look;
        let mut line = vec![Span::raw(" ")];
        if self.only.is_none() {
            for (page, label) in [(Page::List, "Backups"), (Page::Guests, "By guest"), (Page::Runs, "Failed runs")] {
                let role = if page == self.page { Role::TabActive } else { Role::Tab };
                line.push(Span::styled(format!(" {label} "), look.style(role)));
                line.push(Span::raw(" "));
            }
        }
        let waiting = self.stock.waiting();
        let room = usize::from(width).saturating_sub(line.iter().map(Span::width).sum::<usize>() + 1);
        let (words, role) = match self.only {
            _ if waiting > 0 => {
                let spin = look.glyphs.spin(scene.now.millis());
                (format!("{spin} {waiting} of {} storages asked", self.stock.places()), Role::Muted)
            }
            None => self.board.summary(scene.now.unix, room),
            Some(_) => {
                let bytes: u64 = self.stock.rows.iter().map(|r| r.size).sum();
                (format!("{}, {}", text::counted(self.stock.rows.len(), "backup"), text::bytes(bytes)), Role::Muted)
            }
        };
        line.push(Span::styled(text::cut(&words, room, look.glyphs.ellipsis).into_owned(), look.style(role)));
        let mut lines = vec![Line::from(line)];
        for trouble in self.stock.troubles().take(3) {
            let words = format!(" {} {}", look.glyphs.warning, text::clean(&trouble));
            let words = text::cut(&words, usize::from(width), look.glyphs.ellipsis).into_owned();
            lines.push(Line::styled(words, look.style(Role::Warning)));
        }
        lines
    }
}

impl View for Backups {
    type Msg = Msg;
    const NAME: &'static str = "Backups";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::menu("backup.menu", always, Self::menu),
        Command {
            id: "backup.now",
            keys: "b",
            title: "Back up now",
            footer: true,
            ready: |v, s| needs(!v.guests(s).is_empty(), "there is no guest to back up"),
            run: Self::back_up,
        },
        Command {
            id: "backup.restore",
            keys: "R",
            title: "Restore",
            footer: true,
            ready: |v, _| v.one(|r| r.kind.is_some()),
            run: Self::restore,
        },
        Command {
            id: "backup.show",
            keys: "c",
            title: "Configuration",
            footer: true,
            ready: |v, _| v.one(|_| true),
            run: Self::show,
        },
        Command {
            id: "backup.notes",
            keys: "e",
            title: "Edit notes",
            footer: false,
            ready: |v, _| v.one(|_| true),
            run: Self::notes,
        },
        Command {
            id: "backup.protect",
            keys: "p",
            title: "Protect or not",
            footer: true,
            ready: |v, _| needs(!v.chosen().is_empty(), "no backup is selected"),
            run: Self::protect,
        },
        Command {
            id: "backup.files",
            keys: "f",
            title: "Files in it",
            footer: false,
            ready: |v, _| v.one(|_| true),
            run: Self::files,
        },
        Command {
            id: "backup.prune",
            keys: "P",
            title: "Prune the guest's backups",
            footer: false,
            ready: |v, _| v.one(|r| r.vmid.is_some()),
            run: Self::prune,
        },
        Command::remove("backup.remove", |v, _| needs(!v.chosen().is_empty(), "no backup is selected"), Self::remove)
            .unlisted(),
        Command {
            id: "backup.page",
            keys: "tab ] right l",
            title: "Backups/by guest/failed runs",
            footer: true,
            ready: |v, _| needs(v.only.is_none(), "there is no other page"),
            run: |v, _| v.switch(true),
        },
        Command {
            id: "backup.back",
            keys: "shift-tab [ left h",
            title: "The page before",
            footer: false,
            ready: |v, _| needs(v.only.is_none(), "there is no other page"),
            run: |v, _| v.switch(false),
        },
        Command {
            id: "backup.copy",
            keys: "y",
            title: "Copy the volume's id",
            footer: false,
            ready: |v, _| v.one(|_| true),
            run: Self::copy,
        },
    ];

    fn opened(&mut self, cx: &mut Cx<'_, Msg>) {
        if cx.store().updated.is_some() {
            self.load(cx);
        }
    }

    fn refreshed(&mut self, cx: &mut Cx<'_, Msg>) {
        let store = cx.store();
        let news = pulse(store) != self.pulse || self.stock.age(cx.scene.now.mono) > Self::STALE;
        if store.updated.is_some() && self.stock.waiting() == 0 && news {
            self.load(cx);
        }
        self.sync(store);
    }

    fn update(&mut self, msg: Msg, cx: &mut Cx<'_, Msg>) {
        match msg {
            Msg::Came(answer) => self.stock.came(answer, cx.store()),
            Msg::Uncovered(Ok(list)) => self.board.set_uncovered(list.into_iter().filter_map(|u| u.vmid)),
            // Needs a right that not everybody has: the column stays empty.
            Msg::Uncovered(Err(error)) => tracing::debug!(%error, "guests without a job"),
            Msg::Failed(Ok(page)) => {
                let known: Vec<Upid> = self.board.failed.iter().map(|t| t.upid.clone()).collect();
                self.board.add_failed(page.data);
                // Runs of one guest are named after it; only runs of several need their log.
                let new = self.board.failed.iter().filter(|t| t.upid.vmid().is_none() && !known.contains(&t.upid));
                for upid in new.map(|t| t.upid.clone()).take(Self::LOGS).collect::<Vec<_>>() {
                    let of = upid.clone();
                    cx.send(task::log(&upid, 0, 5000), move |answer| Msg::Log(of, answer));
                }
            }
            Msg::Failed(Err(error)) => tracing::debug!(%error, "failed runs of a node"),
            Msg::Log(upid, Ok(page)) => {
                let run = vzdump::Run::of(page.data.iter().map(|l| l.t.as_str()));
                self.board.add_log(upid.started(), &run);
            }
            Msg::Log(_, Err(error)) => tracing::debug!(%error, "log of a failed run"),
            Msg::Changed(_) => self.load(cx),
        }
        self.sync(cx.store());
    }

    fn pane(&mut self, scene: &Scene) -> Option<&mut dyn Pane> {
        self.sync(scene.store);
        Some(match self.page {
            Page::List => &mut self.list,
            Page::Guests => &mut self.board.table,
            Page::Runs => &mut self.runs,
        })
    }

    fn enter(&mut self, cx: &mut Cx<'_, Msg>) {
        self.open(cx);
    }

    fn menu(&mut self, cx: &mut Cx<'_, Msg>) {
        self.open_menu(cx);
    }

    fn crumb(&self, store: &Store) -> String {
        match self.only {
            None => "Backups".into(),
            Some(vmid) => match store.guest(vmid) {
                Some(g) => format!("Backups of {} {} {}", g.kind.label(), g.vmid, text::clean(&g.name)),
                None => format!("Backups of {vmid}"),
            },
        }
    }

    fn status(&self, _: &Store) -> String {
        match self.page {
            Page::List => self.list.status(),
            Page::Guests => self.board.table.status(),
            Page::Runs => self.runs.status(),
        }
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.sync(scene.store);
        let ctx = scene.ctx(&self.zone);
        let head = self.head(area.width, scene);
        let height = u16::try_from(head.len()).unwrap_or(1).min(area.height / 2);
        let [top, body] = Layout::vertical([Constraint::Length(height), Constraint::Min(1)]).areas(area);
        frame.render_widget(Paragraph::new(head), top);
        match self.page {
            Page::List => self.list.draw(frame, body, &self.stock.rows, &ctx),
            Page::Guests => self.board.table.draw(frame, body, &self.board.rows, &ctx),
            Page::Runs => self.runs.draw(frame, body, &self.board.failed, &ctx),
        }
    }
}
