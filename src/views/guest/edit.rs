//! The editor of a guest's settings: hardware, options, cloud-init; what holds and what waits for the next start.

pub mod action;
pub mod ask;
pub mod change;
pub mod conflict;
pub mod ct;
pub mod dump;
pub mod form;
pub mod row;
pub mod setting;
pub mod sheet;
pub mod supply;
pub mod text;
pub mod vm;
pub mod volume;

use std::sync::Arc;

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use jiff::tz::TimeZone;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Position, Rect},
    text::{Line, Span},
    widgets::Paragraph,
};

use self::{
    ask::EditSetting,
    change::{Mine, Subject},
    conflict::Conflict,
    row::Row,
    setting::{Drive, Tab},
    sheet::Sheet,
};
use crate::{
    api::{
        ApiError,
        cluster::GuestStatus,
        guest::{self as api, Change, Config, Pending, Which},
        ids::{GuestKind, GuestRef, VmId},
    },
    shell::{Command, Cx, LayerId, Level, Proposal, Scene, View},
    store::Store,
    ui::{Look, Pane, Role, Table, text as words},
};

/// What the editor hears back.
pub enum Msg {
    /// The settings, with what waits.
    Loaded(VmId, Result<Vec<Pending>, ApiError>),
    /// The raw lines of a container.
    Raw(VmId, Result<Config, ApiError>),
    /// The server's answer to a change that was made without a form.
    Done(Mine, Arc<Sheet>, Result<(), ApiError>),
    /// The server refused because somebody else has changed the settings since this state of them.
    Conflict(Mine, Arc<Sheet>),
    /// Make the change again, on top of theirs.
    Again(Mine),
    /// The settings come back from the user's editor.
    Edited(Arc<Sheet>, Result<String, String>),
    /// One long setting comes back from the user's editor.
    EditedOne(Arc<Sheet>, String, Result<String, String>),
}

/// What dialogs need to know of the editor.
pub struct Editing {
    /// Who hears of conflicts.
    pub editor: LayerId,
    /// The guest.
    pub subject: Subject,
    /// Its settings.
    pub sheet: Arc<Sheet>,
}

/// The editor.
pub struct Editor {
    guest: GuestRef,
    tab: Tab,
    sheet: Option<Arc<Sheet>>,
    raw: Vec<(String, String)>,
    rows: Vec<Row>,
    generation: u64,
    table: Table<Row, String>,
    zone: TimeZone,
    error: Option<ApiError>,
    asking: bool,
    /// What is being asked may be old when it comes.
    stale: bool,
    /// A change that met somebody else's, and what was known before.
    refused: Option<(Mine, Arc<Sheet>)>,
    tabs: Vec<(Rect, Tab)>,
}

impl Editor {
    /// The settings of a guest.
    pub fn new(guest: GuestRef) -> Self {
        let table = Table::new(
            row::columns(),
            |row: &Row| row.key.clone(),
            |row, out| {
                use std::fmt::Write as _;
                let _ = write!(out, "{} {} {}", row.title, row.key, row.value);
            },
        );
        Self {
            tab: Tab::of(guest.kind)[0],
            guest,
            sheet: None,
            raw: vec![],
            rows: vec![],
            generation: 0,
            table: table.with_empty("loading").without_footer(),
            zone: TimeZone::UTC,
            error: None,
            asking: false,
            stale: false,
            refused: None,
            tabs: vec![],
        }
    }

    fn load(&mut self, cx: &mut Cx<'_, Msg>) {
        if self.asking {
            self.stale = true;
            return;
        }
        // The guest may have moved to another node.
        if let Some(known) = cx.store().guest(self.guest.vmid) {
            self.guest = known.reference();
        }
        self.asking = true;
        let vmid = self.guest.vmid;
        if self.guest.kind == GuestKind::Ct {
            // Raw lines are not among what may wait.
            cx.send(api::config(&self.guest, &Which::Current), move |answer| Msg::Raw(vmid, answer));
        } else {
            cx.send(api::pending(&self.guest), move |answer| Msg::Loaded(vmid, answer));
        }
    }

    fn loaded(&mut self, sheet: Sheet, cx: &mut Cx<'_, Msg>) {
        let sheet = Arc::new(sheet);
        let news = self.sheet.as_deref() != Some(&*sheet);
        self.sheet = Some(sheet.clone());
        self.error = None;
        if news {
            self.renew(cx.store());
        }
        if let Some((mine, before)) = self.refused.take() {
            cx.open(Conflict::new(cx.id, &before, &sheet, mine));
        }
    }

    /// Makes the rows anew.
    fn renew(&mut self, store: &Store) {
        let Some(sheet) = &self.sheet else { return };
        self.rows = row::rows(self.guest.kind, self.tab, sheet, self.is_running(store));
        self.generation += 1;
        self.table.set_empty(match self.tab {
            Tab::Network => "no network card: a adds one",
            _ => "nothing here",
        });
    }

    fn is_running(&self, store: &Store) -> bool {
        let status = store.guest(self.guest.vmid).map(|g| &g.status);
        matches!(status, Some(GuestStatus::Running | GuestStatus::Paused))
    }

    fn subject(&self, store: &Store) -> Subject {
        Subject {
            guest: self.guest.clone(),
            name: store.guest(self.guest.vmid).map_or_else(String::new, |g| g.name.to_string()),
            running: self.is_running(store),
            user: store.user.clone(),
        }
    }

    /// What dialogs need to know; `None` before anything was heard.
    pub fn editing(&self, editor: LayerId, store: &Store) -> Option<Editing> {
        Some(Editing { editor, subject: self.subject(store), sheet: self.sheet.clone()? })
    }

    /// The VM has a drive that cloud-init reads.
    fn has_cloud_init(&self) -> bool {
        let Some(sheet) = self.sheet.as_ref().filter(|_| self.guest.kind == GuestKind::Vm) else { return false };
        sheet.keys().any(|key| {
            setting::bus(key).is_some() && setting::drive(sheet.wanted(key).unwrap_or_default()) == Drive::CloudInit
        })
    }

    /// The selected row.
    pub fn row(&self) -> Option<&Row> {
        self.table.selected(&self.rows)
    }

    fn go(&mut self, by: isize, cx: &mut Cx<'_, Msg>) {
        let tabs = Tab::of(self.guest.kind);
        let at = tabs.iter().position(|tab| *tab == self.tab).unwrap_or(0).cast_signed();
        let next = (at + by).rem_euclid(tabs.len().cast_signed()).cast_unsigned();
        self.show(tabs[next], cx.store());
    }

    fn show(&mut self, tab: Tab, store: &Store) {
        self.tab = tab;
        self.table.set_filter("");
        self.renew(store);
    }

    /// Proposes a change that needs no form, and listens to what comes of it.
    pub fn propose(&mut self, mine: Mine, proposal: Option<Proposal>, cx: &mut Cx<'_, Msg>) {
        let Some(mut proposal) = proposal else {
            cx.toast(Level::Info, "Nothing would change");
            return;
        };
        let Some(sheet) = self.sheet.clone() else { return };
        for write in &mut proposal.writes {
            let (mine, sheet) = (mine.clone(), sheet.clone());
            let decode = move |answer: Result<bytes::Bytes, ApiError>| {
                Box::new(Msg::Done(mine, sheet, answer.map(drop))) as crate::shell::Reply
            };
            write.then = Some((cx.id, Box::new(decode)));
        }
        cx.propose(proposal);
    }

    /// Does something that the user wanted, with the settings as they are known now.
    pub fn again(&mut self, mine: Mine, cx: &mut Cx<'_, Msg>) {
        let Some(editing) = self.editing(cx.id, cx.store()) else { return };
        let (subject, sheet) = (&editing.subject, &editing.sheet);
        match &mine {
            Mine::Form { .. } => {
                if let Some(dialog) = EditSetting::dialog(&editing, cx.store(), mine) {
                    cx.open(dialog);
                }
            }
            Mine::Texts(texts) => {
                let change = sheet.change(texts.clone());
                let title = match change.set.len() + change.delete.len() {
                    1 => "Change a setting".to_owned(),
                    n => format!("Change {n} settings"),
                };
                self.propose(mine, change::propose(subject, sheet, &title, &change), cx);
            }
            Mine::Revert(keys) => {
                let change: Change = sheet.revert(keys.iter().filter(|key| sheet.waits(key)).cloned().collect());
                let proposal = change::propose(subject, sheet, "Revert what waits", &change);
                self.propose(mine, proposal, cx);
            }
            Mine::Remove(keys, force) => {
                let key = keys.first().cloned().unwrap_or_default();
                let rows = Tab::of(self.guest.kind).iter();
                let row =
                    rows.flat_map(|tab| row::rows(self.guest.kind, *tab, sheet, false)).find(|row| row.key == key);
                let Some(row) = row else {
                    cx.toast(Level::Info, format!("{key} is no longer there"));
                    return;
                };
                match change::removal(self.guest.kind, &row, sheet) {
                    Ok(removal) => {
                        let proposal = change::propose_removal(subject, sheet, &row, &removal, *force);
                        self.propose(mine, proposal, cx);
                    }
                    Err(why) => cx.toast(Level::Warning, why),
                }
            }
        }
    }

    /// A change met somebody else's: what is there now is loaded first, then both are shown.
    fn conflict(&mut self, mine: Mine, before: Arc<Sheet>, cx: &mut Cx<'_, Msg>) {
        self.refused = Some((mine, before));
        self.load(cx);
    }

    fn edited(&mut self, sheet: &Sheet, text: Result<String, String>, cx: &mut Cx<'_, Msg>) {
        match text.and_then(|text| text::read(self.guest.kind, sheet, &text)) {
            Err(why) => cx.toast(Level::Error, format!("Nothing was changed: {why}")),
            Ok(texts) => self.propose_texts(sheet, texts, cx),
        }
    }

    /// What the user edited was this state: the server compares with its digest.
    fn propose_texts(&mut self, sheet: &Sheet, texts: Vec<(String, String)>, cx: &mut Cx<'_, Msg>) {
        let change = sheet.change(texts.clone());
        let title = match change.set.len() + change.delete.len() {
            1 => "Change a setting".to_owned(),
            n => format!("Change {n} settings"),
        };
        let subject = self.subject(cx.store());
        let mut proposal = change::propose(&subject, sheet, &title, &change);
        let destroys = change.delete.iter().any(|key| setting::number(key, "unused").is_some());
        if let Some(proposal) = proposal.as_mut().filter(|_| destroys) {
            proposal.degree = crate::shell::Degree::Typed(self.guest.vmid.to_string());
            proposal.notes.push("Removing an unused disk deletes its data. There is no way back.".into());
        }
        self.propose(Mine::Texts(texts), proposal, cx);
    }

    fn title(&self, store: &Store) -> String {
        self.subject(store).label()
    }

    /// The whole text of the selected row, which the table may have cut.
    fn footer(&self, look: &Look, width: usize) -> Vec<Line<'static>> {
        let (Some(row), Some(sheet)) = (self.row(), &self.sheet) else { return vec![] };
        let keys = row.setting.map_or_else(|| vec![row.key.clone()], |setting| setting.keys(&row.key));
        let mut parts: Vec<String> = vec![];
        for key in keys {
            let (now, will) = (sheet.in_effect(&key), sheet.wanted(&key));
            let text =
                |text: Option<&str>| text.map_or_else(|| "(not set)".to_owned(), |text| sheet::shown(&key, text));
            match (now, will) {
                (None, None) => {}
                (now, will) if now == will => parts.push(format!("{key}: {}", text(now))),
                (now, will) => parts.push(format!("{key}: {} -> {}", text(now), text(will))),
            }
        }
        if parts.is_empty() {
            parts.push(if row.setting.is_some() {
                format!("{}: not set", row.key)
            } else {
                format!("{}: {}", row.key, row.value)
            });
        }
        if self.tab == Tab::CloudInit && !self.has_cloud_init() {
            parts.push("There is no cloud-init drive yet: Hardware, a adds one.".into());
        }
        if row.setting.is_none() {
            parts.push("belongs to another tool: kept as it is".into());
        }
        let wrapped = words::wrap(&words::clean(&parts.join("  ")), width.saturating_sub(2).max(10));
        wrapped.into_iter().take(2).map(|line| Line::styled(format!(" {line}"), look.style(Role::Muted))).collect()
    }
}

impl View for Editor {
    type Msg = Msg;
    const NAME: &'static str = "Guest settings";
    const COMMANDS: &'static [Command<Self>] = action::COMMANDS;

    fn opened(&mut self, cx: &mut Cx<'_, Msg>) {
        self.load(cx);
    }

    fn refreshed(&mut self, cx: &mut Cx<'_, Msg>) {
        self.renew(cx.store());
        self.load(cx);
    }

    fn update(&mut self, msg: Msg, cx: &mut Cx<'_, Msg>) {
        match msg {
            Msg::Loaded(vmid, _) | Msg::Raw(vmid, _) if vmid != self.guest.vmid => {}
            Msg::Raw(vmid, Ok(config)) => {
                self.raw = config.raw;
                cx.send(api::pending(&self.guest), move |answer| Msg::Loaded(vmid, answer));
            }
            Msg::Loaded(_, Ok(pending)) => {
                self.asking = false;
                if std::mem::take(&mut self.stale) {
                    self.load(cx);
                    return;
                }
                let raw = self.raw.clone();
                self.loaded(Sheet::new(pending, raw), cx);
            }
            Msg::Loaded(_, Err(error)) | Msg::Raw(_, Err(error)) => {
                (self.asking, self.stale) = (false, false);
                self.table.set_empty(error.to_string());
                self.error = Some(error);
            }
            Msg::Done(_, _, Ok(())) => self.load(cx),
            Msg::Done(mine, before, Err(error)) if sheet::is_conflict(&error) => self.conflict(mine, before, cx),
            // The app says what went wrong.
            Msg::Done(_, _, Err(_)) => {}
            Msg::Conflict(mine, before) => self.conflict(mine, before, cx),
            Msg::Again(mine) => self.again(mine, cx),
            Msg::Edited(sheet, text) => self.edited(&sheet, text, cx),
            Msg::EditedOne(sheet, key, Ok(text)) => {
                self.propose_texts(&sheet, vec![(key, text.trim_end_matches('\n').to_owned())], cx);
            }
            Msg::EditedOne(_, _, Err(why)) => cx.toast(Level::Error, format!("Nothing was changed: {why}")),
        }
    }

    fn pane(&mut self, _: &Scene) -> Option<&mut dyn Pane> {
        self.table.sync(&self.rows, self.generation);
        Some(&mut self.table)
    }

    fn enter(&mut self, cx: &mut Cx<'_, Msg>) {
        action::edit(self, cx);
    }

    fn menu(&mut self, cx: &mut Cx<'_, Msg>) {
        action::menu(self, cx);
    }

    fn mouse(&mut self, event: MouseEvent, cx: &mut Cx<'_, Msg>) {
        let at = Position::new(event.column, event.row);
        if event.kind == MouseEventKind::Down(MouseButton::Left)
            && let Some((_, tab)) = self.tabs.iter().find(|(area, _)| area.contains(at))
        {
            self.show(*tab, cx.store());
            return;
        }
        let event = self.table.mouse(event, cx.scene.now.millis());
        self.listed(event, cx);
    }

    fn crumb(&self, store: &Store) -> String {
        format!("{} > {} > {}", self.guest.node, self.title(store), self.tab.title(self.guest.kind))
    }

    fn status(&self, _: &Store) -> String {
        let waiting = self.sheet.as_ref().map_or(0, |sheet| sheet.waiting().len());
        let waiting = if waiting == 0 { String::new() } else { format!("{waiting} waiting for the next start   ") };
        format!("{waiting}{}", self.table.status())
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let error = self.error.as_ref().map(|error| {
            let text = format!("{} {}", look.glyphs.warning, error.explained());
            words::wrap(&words::clean(&text), usize::from(area.width).saturating_sub(2).max(10))
        });
        let error = error.unwrap_or_default();
        self.table.sync(&self.rows, self.generation);
        let footer = self.footer(look, usize::from(area.width));
        let height = |lines: usize| u16::try_from(lines).unwrap_or(u16::MAX).min(area.height / 3);
        let [head, trouble, body, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(height(error.len())),
            Constraint::Min(1),
            Constraint::Length(height(footer.len())),
        ])
        .areas(area);
        let mut x = head.x;
        let title = format!(" {} ", self.title(scene.store));
        let title = words::cut(&title, usize::from(head.width / 2), look.glyphs.ellipsis).into_owned();
        self.tabs.clear();
        let mut spans = vec![Span::styled(title.clone(), look.style(Role::Title))];
        x += u16::try_from(words::width(&title)).unwrap_or(0);
        for tab in Tab::of(self.guest.kind) {
            let label = format!(" {} ", tab.title(self.guest.kind));
            let width = u16::try_from(words::width(&label)).unwrap_or(0);
            self.tabs.push((Rect { x, y: head.y, width, height: 1 }, *tab));
            x += width + 1;
            let role = if *tab == self.tab { Role::TabActive } else { Role::Tab };
            spans.push(Span::styled(label, look.style(role)));
            spans.push(Span::raw(" "));
        }
        frame.render_widget(Line::from(spans), head);
        let error: Vec<Line> =
            error.into_iter().map(|line| Line::styled(format!(" {line}"), look.style(Role::Warning))).collect();
        frame.render_widget(Paragraph::new(error), trouble);
        let ctx = scene.ctx(&self.zone);
        self.table.draw(frame, body, &self.rows, &ctx);
        frame.render_widget(Paragraph::new(footer), foot);
    }
}
