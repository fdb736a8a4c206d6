//! Tasks of the past, as the nodes themselves remember them: further back than the cluster's list, by type, user, guest,
//! result and time.

use std::collections::BTreeMap;

use crossterm::event::{KeyEvent, MouseEvent};
use jiff::{Timestamp, civil, tz::TimeZone};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::Line,
    widgets::{Clear, Paragraph},
};

use super::{Row, columns, property, searched};
use crate::{
    api::{
        ApiError, Paged,
        ids::{NodeName, Upid, VmId},
        task::{self as api, Filter, Source, Task},
    },
    shell::{Command, Cx, Effect, Level, Scene, View, needs},
    store::Store,
    ui::{Choice, Form, FormEvent, Role, Table, TableEvent, Values, text},
};

/// What the view hears back.
pub enum Msg {
    /// What a node remembers; answers to an older question don't count.
    Listed(u32, NodeName, Result<Paged<Task>, ApiError>),
}

/// The history of tasks.
pub struct History {
    form: Form,
    /// The filter is being changed.
    editing: bool,
    filter: Filter,
    /// Only this node.
    node: Option<NodeName>,
    table: Table<Row, Upid>,
    rows: Vec<Row>,
    generation: u64,
    /// Counts the questions.
    asked: u32,
    waiting: usize,
    /// How many there are on each node, and how many of them are here.
    totals: BTreeMap<NodeName, (u64, u64)>,
    errors: BTreeMap<NodeName, ApiError>,
    zone: TimeZone,
}

/// A time as people write it: `90m`, `24h`, `7d` back from now, `2026-11-21` or `2026-11-21 08:30`. In Unix seconds.
///
/// # Errors
/// What to write.
pub fn parse_time(text: &str, now: i64, zone: &TimeZone) -> Result<u64, String> {
    let text = text.trim();
    let seconds = match text.chars().last() {
        Some('m') => Some(60),
        Some('h') => Some(3600),
        Some('d') => Some(86_400),
        Some('w') => Some(7 * 86_400),
        _ => None,
    };
    if let (Some(seconds), Ok(count)) = (seconds, text[..text.len().saturating_sub(1)].trim().parse::<u32>()) {
        return Ok(u64::try_from(now - i64::from(count) * seconds).unwrap_or(0));
    }
    let time = text.parse::<civil::DateTime>().or_else(|_| text.replacen(' ', "T", 1).parse::<civil::DateTime>());
    let time = time.or_else(|_| text.parse::<civil::Date>().map(|day| day.at(0, 0, 0, 0)));
    let found = time.ok().and_then(|time| zone.to_timestamp(time).ok()).map(Timestamp::as_second);
    found
        .and_then(|second| u64::try_from(second).ok())
        .ok_or_else(|| "write it like 24h, 7d, 2026-11-21 or 2026-11-21 08:30".into())
}

fn check_time(text: &str, _: &Values) -> Result<(), String> {
    parse_time(text, i64::from(i32::MAX), &TimeZone::UTC).map(drop)
}

fn check_guest(text: &str, _: &Values) -> Result<(), String> {
    text.parse::<VmId>().map(drop).map_err(|_| "must be the number of a guest".into())
}

/// The fields of the filter.
fn form(nodes: Vec<Choice>, vmid: Option<VmId>) -> Form {
    let types = api::kinds().map(|(kind, what)| Choice::labelled(kind, kind).detail(what));
    Form::new()
        .select("node", "Node", nodes)
        .select(
            "state",
            "Result",
            [
                ("", "any"),
                ("running", "running"),
                ("ok", "OK"),
                ("warning", "with warnings"),
                ("error", "failed"),
                ("unknown", "unknown"),
            ],
        )
        .select("type", "Type", [Choice::labelled("", "any")].into_iter().chain(types).collect::<Vec<_>>())
        .free()
        .text("user", "User")
        .help("Part of the name, for example root@pam.")
        .text("guest", "Guest")
        .initial(&vmid.map(|id| id.to_string()).unwrap_or_default())
        .check(check_guest)
        .text("since", "Since")
        .check(check_time)
        .help("24h, 7d, 2026-11-21 or 2026-11-21 08:30. Empty: as far back as the node remembers.")
        .text("until", "Until")
        .check(check_time)
        .help("The same; empty: now.")
}

/// The filter that the fields mean.
fn filter(values: &Values, now: i64, zone: &TimeZone) -> Filter {
    let some = |key: &str| Some(values.get(key).trim().to_owned()).filter(|text| !text.is_empty());
    let time = |key: &str| some(key).and_then(|text| parse_time(&text, now, zone).ok());
    let state = some("state");
    let running = state.as_deref() == Some("running");
    Filter {
        limit: Some(History::PAGE),
        vmid: some("guest").and_then(|text| text.parse().ok()),
        kind: some("type"),
        user: some("user"),
        source: Some(match (running, &state) {
            (true, _) => Source::Active,
            (false, Some(_)) => Source::Archive,
            (false, None) => Source::All,
        }),
        since: time("since"),
        until: time("until"),
        status: state.filter(|_| !running),
        ..Filter::default()
    }
}

impl History {
    /// How many tasks one question asks each node for.
    const PAGE: u64 = 500;

    /// Asks what to look for.
    pub fn new(store: &Store) -> Self {
        Self { editing: true, ..Self::of(store, None) }
    }

    /// The tasks of a guest.
    pub fn of_guest(store: &Store, vmid: VmId) -> Self {
        Self::of(store, Some(vmid))
    }

    fn of(store: &Store, vmid: Option<VmId>) -> Self {
        let nodes = store.resources.nodes.iter().map(|n| Choice::new(n.node.as_str()));
        let nodes = [Choice::labelled("", "all")].into_iter().chain(nodes).collect();
        let table = Table::new(columns(), |r: &Row| r.task.upid.clone(), searched)
            .with_property(property)
            .with_sort("start", true)
            .without_footer();
        Self {
            form: form(nodes, vmid),
            editing: false,
            filter: Filter::default(),
            node: None,
            table,
            rows: vec![],
            generation: 0,
            asked: 0,
            waiting: 0,
            totals: BTreeMap::new(),
            errors: BTreeMap::new(),
            zone: TimeZone::system(),
        }
    }

    /// Asks the nodes anew.
    fn search(&mut self, cx: &mut Cx<'_, Msg>) {
        let values = self.form.values();
        self.filter = filter(&values, cx.scene.now.unix, &self.zone);
        self.node = Some(values.get("node")).filter(|name| !name.is_empty()).map(NodeName::from);
        (self.rows, self.totals, self.errors) = (vec![], BTreeMap::new(), BTreeMap::new());
        self.generation += 1;
        self.asked += 1;
        let nodes: Vec<NodeName> = cx.store().resources.nodes.iter().map(|n| n.node.clone()).collect();
        let nodes: Vec<NodeName> =
            nodes.into_iter().filter(|n| self.node.as_ref().is_none_or(|one| one == n)).collect();
        self.waiting = 0;
        for node in nodes {
            self.ask(node, 0, cx);
        }
    }

    fn ask(&mut self, node: NodeName, start: u64, cx: &mut Cx<'_, Msg>) {
        self.waiting += 1;
        let asked = self.asked;
        let filter = Filter { start: (start > 0).then_some(start), ..self.filter.clone() };
        cx.send(api::list(&node, &filter), move |answer| Msg::Listed(asked, node, answer));
    }

    /// The next page of every node that has more.
    fn more(&mut self, cx: &mut Cx<'_, Msg>) {
        let left: Vec<(NodeName, u64)> =
            self.totals.iter().filter(|(_, (all, here))| here < all).map(|(n, (_, here))| (n.clone(), *here)).collect();
        if left.is_empty() {
            cx.toast(Level::Info, "There are no older ones");
        }
        for (node, here) in left {
            self.ask(node, here, cx);
        }
    }

    fn edit(&mut self, _: &mut Cx<'_, Msg>) {
        self.editing = true;
        self.form.focus_first();
    }

    fn open(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(row) = self.table.selected(&self.rows) {
            cx.emit(Effect::OpenTask(row.task.upid.clone()));
        }
    }

    fn copy(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(row) = self.table.selected(&self.rows) {
            cx.emit(Effect::Copy(row.task.upid.to_string()));
        }
    }

    fn sync(&mut self) {
        self.table.sync(&self.rows, self.generation);
        let empty = match self.waiting {
            0 => "no task fits the filter (f changes it)",
            _ => "asking the nodes",
        };
        self.table.set_empty(empty);
    }

    fn form_event(&mut self, event: FormEvent, cx: &mut Cx<'_, Msg>) -> bool {
        match event {
            FormEvent::Ignored => return false,
            FormEvent::Used | FormEvent::Changed(_) => {}
            FormEvent::Submit => {
                if self.form.validate() {
                    self.editing = false;
                    self.search(cx);
                }
            }
        }
        true
    }

    fn handle(&mut self, event: TableEvent, cx: &mut Cx<'_, Msg>) -> bool {
        match event {
            TableEvent::Ignored => return false,
            TableEvent::Open | TableEvent::Menu(..) => self.open(cx),
            _ => {}
        }
        true
    }
}

impl View for History {
    type Msg = Msg;
    const NAME: &'static str = "Task history";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "history.filter",
            keys: "f",
            title: "Search",
            footer: true,
            ready: |v, _| needs(!v.editing, "it is open already"),
            run: Self::edit,
        },
        Command {
            id: "history.more",
            keys: "+",
            title: "Older ones",
            footer: true,
            ready: |v, _| needs(v.totals.values().any(|(all, here)| here < all), "all of them are here"),
            run: Self::more,
        },
        Command {
            id: "history.open",
            keys: "l",
            title: "Log",
            footer: true,
            ready: |v, _| needs(v.table.selected(&v.rows).is_some(), "no task is selected"),
            run: Self::open,
        },
        Command {
            id: "history.copy",
            keys: "y",
            title: "Copy UPID",
            footer: false,
            ready: |v, _| needs(v.table.selected(&v.rows).is_some(), "no task is selected"),
            run: Self::copy,
        },
    ];

    fn opened(&mut self, cx: &mut Cx<'_, Msg>) {
        if !self.editing {
            self.search(cx);
        }
    }

    fn update(&mut self, Msg::Listed(asked, node, answer): Msg, _: &mut Cx<'_, Msg>) {
        if asked != self.asked {
            return;
        }
        self.waiting = self.waiting.saturating_sub(1);
        match answer {
            Ok(page) => {
                let here = self.totals.get(&node).map_or(0, |(_, here)| *here) + page.data.len() as u64;
                // An empty list comes without its length.
                self.totals.insert(node, (page.total.unwrap_or(here), here));
                let known: std::collections::HashSet<&Upid> = self.rows.iter().map(|r| &r.task.upid).collect();
                let new: Vec<Row> = page.data.into_iter().filter(|t| !known.contains(&t.upid)).map(Row::from).collect();
                self.rows.extend(new);
                self.generation += 1;
            }
            Err(error) => drop(self.errors.insert(node, error)),
        }
        self.sync();
    }

    fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, Msg>) -> bool {
        if self.editing {
            if key.code == crossterm::event::KeyCode::Esc && !self.form.is_choosing() {
                self.editing = false;
                // Nothing was ever searched for: there is nothing to go back to.
                if self.asked == 0 {
                    cx.close();
                }
                return true;
            }
            let event = self.form.key(key);
            // Letters must not reach commands while the form is open; leaving and suspending may.
            return self.form_event(event, cx) || key.modifiers.is_empty();
        }
        self.sync();
        let event = self.table.key(key);
        self.handle(event, cx)
    }

    fn mouse(&mut self, event: MouseEvent, cx: &mut Cx<'_, Msg>) {
        if self.editing {
            let event = self.form.mouse(event);
            self.form_event(event, cx);
            return;
        }
        let event = self.table.mouse(event, cx.scene.now.millis());
        self.handle(event, cx);
    }

    fn paste(&mut self, text: &str, cx: &mut Cx<'_, Msg>) {
        if self.editing {
            let event = self.form.paste(text);
            self.form_event(event, cx);
        } else {
            let event = self.table.paste(text);
            self.handle(event, cx);
        }
    }

    fn crumb(&self, _: &Store) -> String {
        let values = self.form.values();
        let set = ["node", "state", "type", "user", "guest", "since", "until"].map(|key| (key, values.get(key)));
        let set: Vec<String> = set.iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| format!("{k} {v}")).collect();
        let words = if set.is_empty() { "all".to_owned() } else { set.join(", ") };
        format!("Tasks > History > {words}")
    }

    fn status(&self, _: &Store) -> String {
        let all: u64 = self.totals.values().map(|(all, _)| all).sum();
        let more = if all > self.rows.len() as u64 { format!(" of {all}") } else { String::new() };
        format!("{}{more}", self.table.status())
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        self.sync();
        let look = scene.look;
        let room = usize::from(area.width).saturating_sub(2).max(10);
        let banner = self
            .errors
            .iter()
            .flat_map(|(node, error)| text::wrap(&text::clean(&format!("{node}: {}", error.explained())), room));
        let banner: Vec<Line> = banner.map(|l| Line::styled(format!(" {l}"), look.style(Role::Warning))).collect();
        let height = u16::try_from(banner.len()).unwrap_or(u16::MAX).min(area.height / 3);
        let [head, body] = Layout::vertical([Constraint::Length(height), Constraint::Min(1)]).areas(area);
        frame.render_widget(Paragraph::new(banner), head);
        self.table.draw(frame, body, &self.rows, &scene.ctx(&self.zone));
        if self.editing {
            let height = self.form.height(60).saturating_add(3).min(area.height);
            let place = area.centered(Constraint::Length(62.min(area.width)), Constraint::Length(height));
            frame.render_widget(Clear, place);
            let block = look.block("Which tasks? (Ctrl-s: search)", true);
            let inner = block.inner(place);
            frame.render_widget(block, place);
            self.form.draw_fields(frame, inner, look, scene.now.millis(), true);
            self.form.draw_choices(frame, area, look, scene.now.millis());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_as_people_write_them() {
        let now = 1_780_000_000;
        for (text, second) in [
            ("90m", now - 5400),
            ("24h", now - 86_400),
            ("7d", now - 7 * 86_400),
            ("2w", now - 14 * 86_400),
            ("2026-05-01", 1_777_593_600),
            ("2026-05-01 08:30", 1_777_624_200),
            ("2026-05-01T08:30:05", 1_777_624_205),
        ] {
            assert_eq!(parse_time(text, now, &TimeZone::UTC), Ok(second as u64), "{text}");
        }
        for text in ["", "yesterday", "d", "-3d", "2026-13-01", "8:30"] {
            assert!(parse_time(text, now, &TimeZone::UTC).is_err(), "{text}");
        }
    }

    #[test]
    fn filters() {
        let of = |pairs: &[(&'static str, &'static str)]| {
            let values: Values = pairs.iter().map(|(k, v)| (*k, v.to_string())).collect();
            api::list(&"n".into(), &filter(&values, 1_780_000_000, &TimeZone::UTC)).to_string()
        };
        assert_eq!(of(&[]), "GET /nodes/n/tasks limit=500 source=all");
        assert_eq!(of(&[("state", "running")]), "GET /nodes/n/tasks limit=500 source=active");
        assert_eq!(
            of(&[("state", "error"), ("type", "vzdump"), ("user", "bob"), ("guest", "100"), ("since", "1d")]),
            "GET /nodes/n/tasks limit=500 vmid=100 typefilter=vzdump userfilter=bob source=archive since=1779913600 statusfilter=error"
        );
    }
}
