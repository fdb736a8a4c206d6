//! The API browser: every method that the connected server has, by its own description.

mod answer;
mod form;
mod method;

use jiff::tz::TimeZone;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::Line,
    widgets::Paragraph,
};

pub use answer::AnswerView;
pub use form::{form, values};
pub use method::{MethodView, manual as manual_text};

use crate::{
    api::{ApiError, Method, schema::MethodDoc},
    shell::{
        Command, Cx, Scene, View, always,
        manual::{self, Manual},
        needs,
    },
    store::Store,
    ui::{Cell, Column, Ctx, Pane, Role, Table, Width, text},
};

/// The list of all methods.
pub struct Browser {
    table: Table<MethodDoc, (String, &'static str)>,
    manual: Option<Manual>,
    error: Option<ApiError>,
    generation: u64,
}

/// What the list hears back.
pub enum Msg {
    /// The description has been read, or not.
    Loaded(Result<Manual, ApiError>),
}

impl Default for Browser {
    fn default() -> Self {
        let key = |m: &MethodDoc| (m.path.clone(), m.method.as_str());
        let table = Table::new(columns(), key, searched)
            .with_property(property)
            .with_sort("path", false)
            .with_empty("asking the server for the description of its API")
            .without_footer();
        Self { table, manual: None, error: None, generation: 0 }
    }
}

/// The role in which a method is shown: reads are harmless.
fn role(method: Method) -> Role {
    match method {
        Method::Get => Role::Ok,
        Method::Post | Method::Put => Role::Warning,
        Method::Delete => Role::Danger,
    }
}

fn columns() -> Vec<Column<MethodDoc>> {
    let column = Column::<MethodDoc>::sorted;
    vec![
        column(
            "method",
            "Method",
            Width::Fixed(7),
            0,
            |m, _| Cell::role(m.method.as_str(), role(m.method)),
            |a, b| a.method.as_str().cmp(b.method.as_str()).then_with(|| a.path.cmp(&b.path)),
        ),
        column(
            "path",
            "Path",
            Width::Flex { min: 30, max: 80 },
            0,
            |m, _| m.path.as_str().into(),
            |a, b| a.path.cmp(&b.path).then_with(|| a.method.as_str().cmp(b.method.as_str())),
        ),
        Column::left("about", "What it does", Width::Flex { min: 20, max: 120 }, 1, |m: &MethodDoc, _: &Ctx| {
            let first = m.description.lines().next().filter(|l| !l.is_empty());
            Cell::role(first.unwrap_or(&m.name), Role::Muted)
        }),
    ]
}

fn searched(m: &MethodDoc, out: &mut String) {
    use std::fmt::Write as _;
    let _ = write!(out, "{} {} {} {}", m.method, m.path, m.name, m.description);
    for p in &m.parameters {
        let _ = write!(out, " {}", p.name);
    }
}

/// `method:post`, `param:vmid`, `token:no`, `right:vm.audit`.
fn property(m: &MethodDoc, key: &str, value: &str) -> Option<bool> {
    Some(match key {
        "method" => m.method.as_str().eq_ignore_ascii_case(value) || m.method.pvesh() == value,
        "param" | "parameter" => m.parameters.iter().any(|p| p.name.to_lowercase().contains(value)),
        "token" => m.token == matches!(value, "yes" | "1" | "true"),
        "right" | "privilege" => m.permission.to_lowercase().contains(value),
        _ => return None,
    })
}

impl Browser {
    fn rows(&self) -> &[MethodDoc] {
        self.manual.as_ref().map_or(&[], |m| &m.schema.methods)
    }

    fn sync(&mut self) {
        let rows = self.manual.as_ref().map_or(&[][..], |m| &m.schema.methods);
        self.table.sync(rows, self.generation);
    }

    fn load(&mut self, fresh: bool, cx: &mut Cx<'_, Msg>) {
        self.error = None;
        self.table.set_empty("asking the server for the description of its API");
        let session = cx.session();
        cx.job(move |world| Box::pin(async move { Msg::Loaded(manual::load(&world, session, fresh).await) }));
    }

    fn reload(&mut self, cx: &mut Cx<'_, Msg>) {
        self.load(true, cx);
    }
}

impl View for Browser {
    type Msg = Msg;
    const NAME: &'static str = "API browser";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "api.open",
            keys: "enter",
            title: "Open",
            footer: true,
            ready: |v, _| needs(!v.table.is_empty(), "no method is selected"),
            run: Self::enter,
        },
        Command {
            id: "api.reload",
            keys: "R",
            title: "Read the description again",
            footer: false,
            ready: always,
            run: Self::reload,
        },
    ];

    fn opened(&mut self, cx: &mut Cx<'_, Msg>) {
        self.load(false, cx);
    }

    fn update(&mut self, msg: Msg, _: &mut Cx<'_, Msg>) {
        let Msg::Loaded(answer) = msg;
        self.generation += 1;
        match answer {
            Ok(manual) => self.manual = Some(manual),
            Err(error) => {
                self.table.set_empty(format!("{} (R: again)", error.explained()));
                self.error = Some(error);
            }
        }
        self.sync();
    }

    fn pane(&mut self, _: &Scene) -> Option<&mut dyn Pane> {
        self.sync();
        Some(&mut self.table)
    }

    fn enter(&mut self, cx: &mut Cx<'_, Msg>) {
        self.sync();
        if let Some(method) = self.table.selected(self.rows()) {
            cx.open(MethodView::new(method.clone(), cx.store()));
        }
    }

    fn crumb(&self, _: &Store) -> String {
        match &self.manual {
            Some(manual) => format!("API of Proxmox VE {}", manual.version),
            None => "API".into(),
        }
    }

    fn status(&self, _: &Store) -> String {
        self.table.status()
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.sync();
        let zone = TimeZone::UTC;
        let ctx: Ctx = scene.ctx(&zone);
        let note = self.manual.as_ref().and_then(|m| m.note.as_deref());
        let trouble = self.error.as_ref().filter(|_| self.manual.is_some()).map(ToString::to_string);
        let note = trouble.as_deref().or(note);
        let lines = note.map(|note| text::wrap(&text::clean(note), usize::from(area.width).max(12) - 2));
        let lines: Vec<Line> = lines
            .into_iter()
            .flatten()
            .take(3)
            .map(|line| Line::styled(format!(" {line}"), scene.look.style(Role::Warning)))
            .collect();
        let height = u16::try_from(lines.len()).unwrap_or(0);
        let [head, body] = Layout::vertical([Constraint::Length(height), Constraint::Min(1)]).areas(area);
        frame.render_widget(Paragraph::new(lines), head);
        let rows = self.manual.as_ref().map_or(&[][..], |m| &m.schema.methods);
        self.table.draw(frame, body, rows, &ctx);
    }
}
