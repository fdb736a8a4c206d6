//! Who may do what with one object: the entries of the access control list for its path, and those that reach it from
//! above or from its pool.

pub mod grant;
pub mod row;

use std::time::Duration;

use compact_str::CompactString;
use jiff::tz::TimeZone;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::Paragraph,
};

use self::{
    grant::Grant,
    row::{Origin, Row},
};
use super::{fact::Facts, guest::action::Targets};
use crate::{
    api::{
        ApiError,
        acl::{self, Entry, Group, Kind, Role as Given},
        cluster::Guest,
        ids::{StorageId, VmId},
        privilege,
    },
    shell::{Command, Cx, Degree, Effect, Level, Proposal, Scene, View, needs},
    store::Store,
    ui::{Pane, Role, Table, text},
};

/// What the view hears back.
pub enum Msg {
    /// The list.
    Listed(Result<Vec<Entry>, ApiError>),
    /// All roles.
    Roles(Result<Vec<Given>, ApiError>),
    /// The groups that may be seen.
    Groups(Result<Vec<Group>, ApiError>),
    /// An entry was removed, or not.
    Removed(Result<(), ApiError>),
}

/// What is known of the access control; shared with the dialog that adds an entry.
#[derive(Clone, Default)]
pub struct Known {
    /// The list, as far as the server shows it.
    pub entries: Vec<Entry>,
    /// All roles.
    pub roles: Vec<Given>,
    /// The groups that may be seen.
    pub groups: Vec<Group>,
    /// The pool of the object, as a path.
    pub pool: Option<String>,
}

impl Known {
    /// What a user or token would lose on a path if the list were another one.
    pub fn losses(&self, changed: &[Entry], who: &str, path: &str) -> Vec<String> {
        let of =
            |entries: &[Entry]| acl::privileges(entries, &self.roles, &self.groups, who, path, self.pool.as_deref());
        of(&self.entries).difference(&of(changed)).cloned().collect()
    }

    /// The privileges of a role, in one line.
    pub fn of_role(&self, role: &str) -> Option<String> {
        let role = self.roles.iter().find(|r| r.roleid == role)?;
        let all: Vec<&str> = role.privileges().collect();
        Some(if all.is_empty() { "nothing at all, whatever is granted elsewhere".into() } else { all.join(", ") })
    }
}

/// The permissions of one object.
pub struct Permissions {
    path: String,
    what: String,
    guest: Option<VmId>,
    inherited: bool,
    known: Known,
    table: Table<Row, (Entry, bool)>,
    rows: Vec<Row>,
    generation: u64,
    listed: bool,
    asked: Option<Duration>,
    error: Option<ApiError>,
    zone: TimeZone,
}

impl Permissions {
    /// How often the list is asked for: others change it, too.
    const PACE: Duration = Duration::from_secs(10);

    /// Those of the object with this path (`/vms/100`, `/storage/local`), which the user knows as `what`.
    pub fn on(path: impl Into<String>, what: impl Into<String>) -> Self {
        let table = Table::new(row::columns(), |r: &Row| (r.entry.clone(), r.origin == Origin::Here), row::searched)
            .with_empty("waiting for the first answer")
            .with_row_state(row::state)
            .without_footer();
        Self {
            path: path.into(),
            what: what.into(),
            guest: None,
            inherited: false,
            known: Known::default(),
            table,
            rows: vec![],
            generation: 0,
            listed: false,
            asked: None,
            error: None,
            zone: TimeZone::system(),
        }
    }

    /// Those of a guest.
    pub fn of_guest(guest: &Guest) -> Self {
        let what = format!("{} {} ({})", guest.kind.label(), guest.vmid, text::clean(&guest.name));
        Self { guest: Some(guest.vmid), ..Self::on(format!("/vms/{}", guest.vmid), what) }
    }

    /// Those of a storage.
    pub fn of_storage(storage: &StorageId) -> Self {
        Self::on(format!("/storage/{storage}"), format!("storage {storage}"))
    }

    fn arrange(&mut self) {
        self.rows = row::arrange(&self.known, &self.path, self.inherited);
        self.generation += 1;
    }

    fn selected(&self) -> Option<&Row> {
        self.table.selected(&self.rows)
    }

    /// What the user lacks to change anything here.
    fn lacks(&self, store: &Store) -> Option<String> {
        let probe = Entry { path: CompactString::new(&self.path), ..Entry::default() };
        store.lacks(&acl::grant(&probe).wire).map(|need| need.to_string())
    }

    fn refuses(&self, cx: &mut Cx<'_, Msg>) -> bool {
        if let Some(need) = self.lacks(cx.store()) {
            cx.toast(Level::Warning, format!("Permissions: you lack {need}"));
            return true;
        }
        cx.refuses_changes()
    }

    fn add(&mut self, cx: &mut Cx<'_, Msg>) {
        if !self.refuses(cx) {
            cx.open(Grant::open(&self.path, &self.what, self.known.clone()));
        }
    }

    fn remove(&mut self, cx: &mut Cx<'_, Msg>) {
        if cx.refuses_changes() {
            return;
        }
        let chosen: Vec<Entry> =
            self.table.marked_or_selected(&self.rows).into_iter().map(|row| row.entry.clone()).collect();
        let Some(first) = chosen.first() else { return };
        let label = |e: &Entry| format!("Take {} from {} {} on {}", e.role, e.kind.as_str(), e.who, e.path);
        let title = match chosen.len() {
            1 => format!("{}?", label(first)),
            n => format!("Remove {n} permissions?"),
        };
        let writes = chosen.iter().map(|e| cx.hear(label(e), acl::revoke(e), Msg::Removed)).collect();
        let mut proposal = Proposal::new(title, writes).degree(Degree::Careful);
        for e in chosen.iter().filter(|e| e.path != self.path) {
            proposal = proposal.note(format!("It stands on {}: it is gone for everything below that.", e.path));
        }
        let left: Vec<Entry> = self.known.entries.iter().filter(|e| !chosen.contains(e)).cloned().collect();
        proposal.notes.extend(warnings(&self.known, &left, &self.path, cx.store(), &chosen));
        cx.propose(proposal);
    }

    fn switch(&mut self, _: &mut Cx<'_, Msg>) {
        self.inherited = !self.inherited;
        self.arrange();
        self.sync();
    }

    /// What the selected role allows.
    fn role(&mut self, cx: &mut Cx<'_, Msg>) {
        let Some(row) = self.selected() else { return };
        let Some(role) = self.known.roles.iter().find(|r| r.roleid == row.entry.role) else { return };
        cx.open(explained(role));
    }

    fn copy(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(row) = self.selected() {
            cx.emit(Effect::Copy(row.entry.who.to_string()));
            cx.toast(Level::Info, format!("{} copied", row.entry.who));
        }
    }

    fn sync(&mut self) {
        self.table.sync(&self.rows, self.generation);
        self.table.set_stale(self.error.is_some());
        let empty = match (&self.error, self.listed, self.inherited) {
            (Some(_), false, _) => "",
            (None, false, _) => "waiting for the first answer",
            _ if !self.table.filter().is_empty() => "nothing matches the filter",
            (_, true, false) => "nobody has a permission on this very path; i shows what is inherited, a adds one",
            (_, true, true) => "nobody has a permission here but root@pam",
        };
        self.table.set_empty(empty);
    }

    /// Above the list: where it holds, and what is in the way.
    fn head(&self, scene: &Scene, width: usize) -> Vec<Line<'static>> {
        let look = scene.look;
        let shown = if self.inherited { "here and inherited" } else { "only on this path" };
        let mut lines = vec![Line::from(vec![
            Span::styled(format!(" {} ", self.path), look.style(Role::Title)),
            Span::styled(format!(" {}   shown: ", text::clean(&self.what)), look.style(Role::Muted)),
            Span::styled(shown, look.style(Role::Accent)),
        ])];
        let mut warn = |words: String| {
            let words = format!("{} {words}", look.glyphs.warning);
            let parts = text::wrap(&text::clean(&words), width.saturating_sub(2).max(10));
            lines.extend(parts.into_iter().map(|l| Line::styled(format!(" {l}"), look.style(Role::Warning))));
        };
        if let Some(error) = &self.error {
            warn(error.explained());
        }
        if let Some(need) = self.lacks(scene.store) {
            warn(format!("You lack {need}: the server may hide entries, and lets you change none."));
        }
        lines
    }

    /// Below the list: what the selected role allows.
    fn foot(&self, scene: &Scene, width: usize) -> Vec<Line<'static>> {
        let Some(row) = self.selected() else { return vec![] };
        let gives = self.known.of_role(&row.entry.role).unwrap_or_else(|| "not known (the roles can't be read)".into());
        let words = format!("{}: {gives}", row.entry.role);
        let lines = text::wrap(&text::clean(&words), width.saturating_sub(2).max(10));
        lines.into_iter().map(|l| Line::styled(format!(" {l}"), scene.look.style(Role::Muted))).collect()
    }
}

/// What others, and the user above all, lose when the list becomes another one.
fn warnings(known: &Known, changed: &[Entry], path: &str, store: &Store, about: &[Entry]) -> Vec<String> {
    let owner = store.user.split('!').next().unwrap_or_default();
    let mut own: Vec<&str> = vec![owner];
    own.extend(Some(store.user.as_str()).filter(|me| *me != owner));
    let mut notes = vec![];
    // The administrator has everything anyway.
    for me in own.iter().filter(|me| **me != "root@pam") {
        let lost = known.losses(changed, me, path);
        if !lost.is_empty() {
            notes.push(format!("This is about you ({me}): you lose {} on {path}.", lost.join(", ")));
        }
    }
    let others =
        about.iter().filter(|e| e.kind != Kind::Group && e.who != "root@pam" && !own.contains(&e.who.as_str()));
    let mut named: Vec<&str> = others.map(|e| e.who.as_str()).collect();
    named.dedup();
    for who in named {
        let lost = known.losses(changed, who, path);
        if !lost.is_empty() {
            notes.push(format!("{who} loses {} on {path}.", lost.join(", ")));
        }
    }
    notes
}

/// A window that says what a role allows.
pub fn explained(role: &Given) -> Facts {
    let mut facts = Facts::new(format!("Role {}", role.roleid));
    let mut unknown = vec![];
    for name in role.privileges() {
        match privilege::meaning(name) {
            Some((name, meaning)) => facts = facts.fact(name, meaning),
            None => unknown.push(name),
        }
    }
    facts = facts.fact("Further", unknown.join(", "));
    if role.privs.is_empty() {
        facts = facts.fact("Nothing", "whoever has it may do nothing here, whatever is granted elsewhere");
    }
    facts
}

/// The command for a view with guests.
pub const fn command<V: Targets>() -> Command<V> {
    Command {
        id: "guest.permissions",
        keys: "P",
        title: "Permissions",
        footer: false,
        ready: |v, s| needs(v.targets(s).len() == 1, "choose one guest"),
        run: |v, cx| {
            if let [guest] = v.targets(cx.store()).as_slice() {
                cx.open(Permissions::of_guest(guest));
            }
        },
    }
}

impl View for Permissions {
    type Msg = Msg;
    const NAME: &'static str = "Permissions";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "permission.add",
            keys: "a n",
            title: "Add",
            footer: true,
            ready: |v, _| needs(v.listed, "the list has not come yet"),
            run: Self::add,
        },
        Command::remove(
            "permission.remove",
            |v, _| needs(v.selected().is_some(), "no entry is selected"),
            Self::remove,
        ),
        Command {
            id: "permission.inherited",
            keys: "i",
            title: "Inherited or not",
            footer: true,
            ready: |v, _| needs(v.listed, "the list has not come yet"),
            run: Self::switch,
        },
        Command {
            id: "permission.role",
            keys: "d",
            title: "What the role allows",
            footer: true,
            ready: |v, _| needs(v.selected().is_some(), "no entry is selected"),
            run: Self::role,
        },
        Command {
            id: "permission.copy",
            keys: "y",
            title: "Copy who",
            footer: false,
            ready: |v, _| needs(v.selected().is_some(), "no entry is selected"),
            run: Self::copy,
        },
    ];

    fn ask(&mut self, cx: &mut Cx<'_, Msg>) {
        let pool = self.guest.and_then(|id| cx.store().guest(id)?.pool.clone());
        self.known.pool = pool.map(|pool| format!("/pool/{pool}"));
        self.asked = Some(cx.scene.now.mono);
        cx.send(acl::list(), Msg::Listed);
    }

    fn opened(&mut self, cx: &mut Cx<'_, Msg>) {
        cx.send(acl::roles(), Msg::Roles);
        cx.send(acl::groups(), Msg::Groups);
        self.ask(cx);
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
            Msg::Listed(Ok(entries)) => {
                self.error = None;
                if !self.listed || self.known.entries != entries {
                    self.listed = true;
                    self.known.entries = entries;
                    self.arrange();
                }
            }
            Msg::Listed(Err(error)) => self.error = Some(error),
            Msg::Roles(Ok(roles)) => self.known.roles = roles,
            Msg::Groups(Ok(groups)) => self.known.groups = groups,
            // The toast has said what went wrong; the list tells what holds.
            Msg::Removed(_) => self.ask(cx),
            // Explanations are extras: the list stands without them.
            Msg::Roles(Err(error)) | Msg::Groups(Err(error)) => {
                tracing::debug!(%error, "less is known about permissions");
            }
        }
        self.sync();
    }

    fn pane(&mut self, _: &Scene) -> Option<&mut dyn Pane> {
        self.sync();
        Some(&mut self.table)
    }

    fn enter(&mut self, cx: &mut Cx<'_, Msg>) {
        self.role(cx);
    }

    fn crumb(&self, _: &Store) -> String {
        format!("Permissions > {}", text::clean(&self.what))
    }

    fn status(&self, _: &Store) -> String {
        self.table.status()
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.sync();
        let width = usize::from(area.width);
        let (head, foot) = (self.head(scene, width), self.foot(scene, width));
        let high = |lines: &[Line], most: u16| u16::try_from(lines.len()).unwrap_or(u16::MAX).min(most);
        let (top, bottom) = (high(&head, area.height / 3), high(&foot, area.height / 3));
        let [above, body, below] =
            Layout::vertical([Constraint::Length(top), Constraint::Min(3), Constraint::Length(bottom)]).areas(area);
        frame.render_widget(Paragraph::new(head), above);
        self.table.draw(frame, body, &self.rows, &scene.ctx(&self.zone));
        frame.render_widget(Paragraph::new(foot), below);
    }
}
