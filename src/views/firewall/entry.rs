//! The addresses in one IP set.

use std::time::Duration;

use jiff::tz::TimeZone;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::Line,
};

use super::{
    address::{EditAddress, What},
    column,
};
use crate::{
    api::{
        ApiError,
        firewall::{self as api, Entry, Scope},
    },
    shell::{Command, Cx, Degree, Proposal, Scene, View, always, needs},
    store::Store,
    ui::{Pane, Role, Table, text},
};

/// What the view hears back.
pub enum Msg {
    /// What is in it.
    Listed(Result<Vec<Entry>, ApiError>),
    /// Something was changed.
    Changed(Result<(), ApiError>),
}

/// The addresses in an IP set.
pub struct Entries {
    scope: Scope,
    label: String,
    set: String,
    entries: Vec<Entry>,
    generation: u64,
    table: Table<Entry, String>,
    known: bool,
    asking: bool,
    error: Option<ApiError>,
    zone: TimeZone,
}

impl Entries {
    /// How often it is asked for: others change it, too.
    const PACE: Duration = Duration::from_secs(5);

    /// The addresses in the set of this name.
    pub fn new(scope: Scope, label: String, set: String) -> Self {
        let search = |e: &Entry, out: &mut String| {
            out.push_str(&e.cidr);
            out.push(' ');
            out.push_str(&e.comment);
        };
        let table = Table::new(column::entries(), |e: &Entry| e.cidr.to_string(), search)
            .with_sort("cidr", false)
            .without_footer();
        Self {
            scope,
            label,
            set,
            entries: vec![],
            generation: 0,
            table,
            known: false,
            asking: false,
            error: None,
            zone: TimeZone::system(),
        }
    }

    fn add(&mut self, cx: &mut Cx<'_, Msg>) {
        if !cx.refuses_changes() {
            cx.open(EditAddress::dialog(&self.scope, &self.label, What::Entry(self.set.clone(), None)));
        }
    }

    fn edit(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(entry) = self.table.selected(&self.entries).cloned()
            && !cx.refuses_changes()
        {
            cx.open(EditAddress::dialog(&self.scope, &self.label, What::Entry(self.set.clone(), Some(entry))));
        }
    }

    fn remove(&mut self, cx: &mut Cx<'_, Msg>) {
        let Some(entry) = self.table.selected(&self.entries) else { return };
        let label = format!("Remove {} from the IP set {}: {}", entry.cidr, self.set, self.label);
        let write = cx.hear(label.clone(), api::remove_entry(&self.scope, &self.set, entry), Msg::Changed);
        cx.propose(Proposal::new(format!("{label}?"), vec![write]).degree(Degree::Careful));
    }
}

impl View for Entries {
    type Msg = Msg;
    const NAME: &'static str = "IP set";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::add("ipset.add", always, Self::add),
        Command::edit("ipset.edit", |v, _| needs(!v.table.is_empty(), "no entry is selected"), Self::edit),
        Command::remove("ipset.remove", |v, _| needs(!v.table.is_empty(), "no entry is selected"), Self::remove),
    ];

    fn ask(&mut self, cx: &mut Cx<'_, Msg>) {
        if !self.asking {
            self.asking = true;
            cx.send(api::entries(&self.scope, &self.set), Msg::Listed);
        }
    }

    fn refreshed(&mut self, cx: &mut Cx<'_, Msg>) {
        self.ask(cx);
    }

    fn pace(&self) -> Option<Duration> {
        Some(Self::PACE)
    }

    fn update(&mut self, msg: Msg, cx: &mut Cx<'_, Msg>) {
        match msg {
            Msg::Listed(Ok(entries)) => {
                (self.asking, self.known, self.error) = (false, true, None);
                if entries != self.entries {
                    self.entries = entries;
                    self.generation += 1;
                    self.table.sync(&self.entries, self.generation);
                }
            }
            Msg::Listed(Err(error)) => (self.asking, self.error) = (false, Some(error)),
            Msg::Changed(_) => self.ask(cx),
        }
    }

    fn pane(&mut self, _: &Scene) -> Option<&mut dyn Pane> {
        Some(&mut self.table)
    }

    fn enter(&mut self, cx: &mut Cx<'_, Msg>) {
        self.edit(cx);
    }

    fn crumb(&self, _: &Store) -> String {
        format!("{} > IP set {}", self.label, self.set)
    }

    fn status(&self, _: &Store) -> String {
        self.table.status()
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let [head, body] =
            Layout::vertical([Constraint::Length(u16::from(self.error.is_some())), Constraint::Min(1)]).areas(area);
        if let Some(error) = &self.error {
            let words = format!(" {} {}", look.glyphs.warning, error.explained());
            let words = text::cut(&text::clean(&words), usize::from(area.width), look.glyphs.ellipsis).into_owned();
            frame.render_widget(Line::styled(words, look.style(Role::Warning)), head);
        }
        self.table.set_empty(if self.known { "no addresses in it (a adds one)" } else { "asking the cluster" });
        self.table.sync(&self.entries, self.generation);
        let ctx = scene.ctx(&self.zone);
        self.table.draw(frame, body, &self.entries, &ctx);
    }
}
