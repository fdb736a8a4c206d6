//! The last calls of this console: what was asked, and how it went.

use std::time::Duration;

use jiff::tz::TimeZone;
use ratatui::{Frame, layout::Rect};

use crate::{
    api::{Method, Wire, trace::Traced},
    shell::{Command, Cx, Effect, Level, Scene, View, always, copy, needs},
    store::Store,
    ui::{Cell, Column, Ctx, Pane, Role, Table, Width, text},
};

/// The list of calls, newest first.
pub struct Requests {
    table: Table<Traced, u64>,
    calls: Vec<Traced>,
    generation: u64,
    zone: TimeZone,
}

/// What it hears back.
pub enum Msg {
    /// The calls so far.
    Calls(Vec<Traced>),
    /// The changes that were made.
    Made(Vec<Wire>),
}

impl Default for Requests {
    fn default() -> Self {
        let table = Table::new(columns(), |c: &Traced| c.n, searched)
            .with_property(property)
            .with_sort("time", true)
            .with_empty("nothing has been asked yet")
            .without_footer();
        Self { table, calls: vec![], generation: 0, zone: TimeZone::system() }
    }
}

fn columns() -> Vec<Column<Traced>> {
    let column = Column::<Traced>::sorted;
    vec![
        column(
            "time",
            "Time",
            Width::Fixed(19),
            2,
            |c: &Traced, ctx: &Ctx| Cell::role(text::time(c.at, ctx.zone), Role::Muted),
            |a: &Traced, b: &Traced| a.n.cmp(&b.n),
        ),
        column(
            "server",
            "Server",
            Width::Fixed(24),
            3,
            |c: &Traced, _: &Ctx| Cell::role(c.server.as_str(), Role::Muted),
            |a: &Traced, b: &Traced| a.server.cmp(&b.server),
        ),
        column(
            "method",
            "Method",
            Width::Fixed(7),
            0,
            |c: &Traced, _: &Ctx| {
                Cell::role(c.method.as_str(), if c.method == Method::Get { Role::Text } else { Role::Warning })
            },
            |a: &Traced, b: &Traced| a.method.as_str().cmp(b.method.as_str()),
        ),
        column(
            "path",
            "Path",
            Width::Flex { min: 30, max: 90 },
            0,
            |c: &Traced, _: &Ctx| c.path.as_str().into(),
            |a: &Traced, b: &Traced| a.path.cmp(&b.path),
        ),
        column(
            "status",
            "Status",
            Width::Flex { min: 6, max: 40 },
            1,
            |c: &Traced, _: &Ctx| match c.status {
                Some(status) if c.note.is_empty() => Cell::role(status.to_string(), Role::Ok),
                Some(status) => Cell::role(format!("{status} {}", c.note), Role::Danger),
                None => Cell::role(c.note.as_str(), Role::Danger),
            },
            |a: &Traced, b: &Traced| a.status.cmp(&b.status),
        ),
        column(
            "ms",
            "ms",
            Width::Fixed(6),
            1,
            |c: &Traced, _: &Ctx| c.ms.to_string().into(),
            |a: &Traced, b: &Traced| a.ms.cmp(&b.ms),
        )
        .right(),
    ]
}

fn searched(c: &Traced, out: &mut String) {
    use std::fmt::Write as _;
    let _ = write!(out, "{} {} {} {}", c.server, c.method, c.path, c.note);
}

/// `method:post`, `status:403`.
fn property(c: &Traced, key: &str, value: &str) -> Option<bool> {
    Some(match key {
        "method" => c.method.as_str().eq_ignore_ascii_case(value),
        "server" => c.server.contains(value),
        "status" => c.status.map_or(value == "none", |s| s.to_string().starts_with(value)),
        _ => return None,
    })
}

impl Requests {
    fn script(&mut self, cx: &mut Cx<'_, Msg>) {
        let session = cx.session();
        cx.job(move |world| Box::pin(async move { Msg::Made(world.made(session)) }));
    }

    fn copy(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(call) = self.table.selected(&self.calls) {
            cx.emit(Effect::Copy(format!("{} {}", call.method, call.path)));
            cx.toast(Level::Info, "Method and path copied");
        }
    }

    fn sync(&mut self) {
        self.table.sync(&self.calls, self.generation);
    }
}

impl View for Requests {
    type Msg = Msg;
    const NAME: &'static str = "Requests";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "requests.script",
            keys: "e",
            title: "Copy this session's changes as a script",
            footer: true,
            ready: always,
            run: Self::script,
        },
        Command {
            id: "requests.copy",
            keys: "y",
            title: "Copy path",
            footer: true,
            ready: |v, _| needs(!v.table.is_empty(), "no request is selected"),
            run: Self::copy,
        },
    ];

    fn ask(&mut self, cx: &mut Cx<'_, Msg>) {
        cx.job(|world| Box::pin(async move { Msg::Calls(world.trace().calls()) }));
    }

    fn pace(&self) -> Option<Duration> {
        Some(Duration::from_secs(1))
    }

    fn update(&mut self, msg: Msg, cx: &mut Cx<'_, Msg>) {
        match msg {
            Msg::Calls(calls) if calls != self.calls => {
                self.calls = calls;
                self.generation += 1;
                self.sync();
            }
            Msg::Calls(_) => {}
            Msg::Made(wires) if wires.is_empty() => cx.toast(Level::Info, "Nothing has been changed in this session"),
            Msg::Made(wires) => copy::menu(wires, cx),
        }
    }

    fn pane(&mut self, _: &Scene) -> Option<&mut dyn Pane> {
        self.sync();
        Some(&mut self.table)
    }

    fn crumb(&self, _: &Store) -> String {
        "Requests of this session".into()
    }

    fn status(&self, _: &Store) -> String {
        self.table.status()
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.sync();
        let ctx = scene.ctx(&self.zone);
        self.table.draw(frame, area, &self.calls, &ctx);
    }
}
