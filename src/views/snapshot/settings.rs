//! What a snapshot holds: the settings of that time, and what is different now.

use std::collections::BTreeSet;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
};

use crate::{
    api::{
        ApiError,
        guest::{self, Config, Which},
        ids::GuestRef,
        snapshot::{self as api, Snapshot},
    },
    shell::{Command, Cx, Effect, Scene, View, always, needs},
    store::Store,
    ui::{Look, Pane, Role, Scroll, text},
};

/// What the view hears back.
pub enum Msg {
    /// The settings that the snapshot holds.
    Then(Result<Config, ApiError>),
    /// The present settings.
    Now(Result<Config, ApiError>),
}

/// Keys that belong to the snapshot itself, or change by themselves.
const OWN: &[&str] = &[
    "description",
    "digest",
    "lock",
    "parent",
    "running-nets-host-mtu",
    "runningcpu",
    "runningmachine",
    "snapstate",
    "snaptime",
    "vmstate",
];

/// How one setting compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference<'c> {
    /// The setting.
    pub key: &'c str,
    /// Its value in the snapshot.
    pub then: Option<&'c str>,
    /// Its value now.
    pub now: Option<&'c str>,
}

/// Every setting of either side, in order of its name; with `all` also those that are the same.
pub fn compare<'c>(then: &'c Config, now: &'c Config, all: bool) -> Vec<Difference<'c>> {
    let keys: BTreeSet<&str> = then.values.keys().chain(now.values.keys()).map(|key| key.as_str()).collect();
    let found = keys.into_iter().filter(|key| !OWN.contains(key) && !key.starts_with("unused"));
    let found = found.map(|key| Difference { key, then: then.get(key), now: now.get(key) });
    found.filter(|d| all || d.then != d.now).collect()
}

/// The settings of one snapshot.
pub struct Settings {
    guest: GuestRef,
    snapshot: Snapshot,
    then: Option<Config>,
    now: Option<Config>,
    error: Option<ApiError>,
    /// Everything, not only what differs.
    all: bool,
    scroll: Scroll,
}

impl Settings {
    /// The settings that a snapshot of a guest holds.
    pub fn new(guest: GuestRef, snapshot: Snapshot) -> Self {
        Self { guest, snapshot, then: None, now: None, error: None, all: false, scroll: Scroll::default() }
    }

    fn toggle(&mut self, _: &mut Cx<'_, Msg>) {
        self.all = !self.all;
        self.scroll.reset();
    }

    fn copy(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(then) = &self.then {
            let lines = then.values.iter().map(|(key, value)| format!("{key}: {}\n", value.replace('\n', "\\n")));
            cx.emit(Effect::Copy(lines.collect()));
        }
    }

    fn lines(&self, look: &Look, width: u16) -> Vec<Line<'static>> {
        let s = &self.snapshot;
        let mut lines = vec![Line::styled(format!(" Snapshot {}", s.name), look.style(Role::Title))];
        let made = s.snaptime.map(|at| text::local_time(i64::try_from(at).unwrap_or(0)));
        let parent = s.parent.as_ref().map(|p| format!(", after {p}")).unwrap_or_default();
        let ram = if s.vmstate { ", with RAM" } else { "" };
        let facts = format!(" made {}{parent}{ram}", made.unwrap_or_default());
        lines.push(Line::styled(facts, look.style(Role::Muted)));
        let room = usize::from(width).saturating_sub(2).max(10);
        for line in s.description.lines() {
            let wrapped = text::wrap(&text::clean(line), room);
            lines.extend(wrapped.into_iter().map(|l| Line::styled(format!(" {l}"), look.style(Role::Text))));
        }
        lines.push(Line::raw(""));
        if let Some(error) = &self.error {
            let words = format!("{} {}", look.glyphs.warning, error.explained());
            let wrapped = text::wrap(&text::clean(&words), room);
            lines.extend(wrapped.into_iter().map(|l| Line::styled(format!(" {l}"), look.style(Role::Warning))));
        }
        let (Some(then), Some(now)) = (&self.then, &self.now) else {
            if self.error.is_none() {
                lines.push(Line::styled(" loading", look.style(Role::Muted)));
            }
            return lines;
        };
        let found = compare(then, now, self.all);
        let changed = compare(then, now, false).len();
        let heading = match changed {
            0 => " The settings are the same as now.".to_owned(),
            1 => " One setting differs from now:".to_owned(),
            n => format!(" {n} settings differ from now:"),
        };
        lines.push(Line::styled(heading, look.style(Role::Title)));
        let label = found.iter().map(|d| d.key.len()).max().unwrap_or(0).min(20);
        let room = usize::from(width).saturating_sub(label + 10).max(10);
        let mut add = |key: &str, word: &str, value: &str, role: Role| {
            for (i, part) in text::wrap(&text::clean(&value.replace('\n', " ")), room).into_iter().enumerate() {
                let (key, word) = if i == 0 { (key, word) } else { ("", "") };
                lines.push(Line::from(vec![
                    Span::styled(format!(" {key:<label$}  "), look.style(Role::Accent)),
                    Span::styled(format!("{word:<5}"), look.style(Role::Muted)),
                    Span::styled(part, look.style(role)),
                ]));
            }
        };
        for d in found {
            if d.then == d.now {
                add(d.key, "", d.then.unwrap_or_default(), Role::Muted);
                continue;
            }
            add(d.key, "then", d.then.unwrap_or("(not set)"), Role::Text);
            add("", "now", d.now.unwrap_or("(not set)"), Role::Warning);
        }
        lines
    }
}

impl View for Settings {
    type Msg = Msg;
    const NAME: &'static str = "Snapshot";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "snapshotsettings.all",
            keys: "tab a",
            title: "All/differences",
            footer: true,
            ready: always,
            run: Self::toggle,
        },
        Command {
            id: "snapshotsettings.copy",
            keys: "y",
            title: "Copy",
            footer: true,
            ready: |v, _| needs(v.then.is_some(), "the settings have not come yet"),
            run: Self::copy,
        },
    ];

    fn opened(&mut self, cx: &mut Cx<'_, Msg>) {
        cx.send(api::config(&self.guest, &self.snapshot.name), Msg::Then);
        cx.send(guest::config(&self.guest, &Which::Pending), Msg::Now);
    }

    fn update(&mut self, msg: Msg, _: &mut Cx<'_, Msg>) {
        match msg {
            Msg::Then(Ok(config)) => self.then = Some(config),
            Msg::Now(Ok(config)) => self.now = Some(config),
            Msg::Then(Err(error)) | Msg::Now(Err(error)) => self.error = Some(error),
        }
    }

    fn pane(&mut self, _: &Scene) -> Option<&mut dyn Pane> {
        Some(&mut self.scroll)
    }

    fn crumb(&self, store: &Store) -> String {
        let name = store.guest(self.guest.vmid).map_or("", |g| g.name.as_str());
        let guest = format!("{} {} ({})", self.guest.kind.label(), self.guest.vmid, text::clean(name));
        format!("{guest} > Snapshots > {}", self.snapshot.name)
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let lines = self.lines(scene.look, area.width);
        let [body] = Layout::vertical([Constraint::Min(1)]).areas(area);
        self.scroll.draw(frame, body, lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences() {
        let of = |pairs: &[(&str, &str)]| Config {
            values: pairs.iter().map(|(k, v)| ((*k).into(), (*v).to_owned())).collect(),
            ..Config::default()
        };
        let then = of(&[("cores", "2"), ("memory", "512"), ("snaptime", "1"), ("net0", "x")]);
        let now = of(&[("cores", "4"), ("memory", "512"), ("parent", "a"), ("scsi1", "y"), ("unused0", "z")]);
        let found: Vec<_> = compare(&then, &now, false).into_iter().map(|d| (d.key, d.then, d.now)).collect();
        assert_eq!(found, [("cores", Some("2"), Some("4")), ("net0", Some("x"), None), ("scsi1", None, Some("y"))]);
        assert_eq!(compare(&then, &now, true).len(), 4);
    }
}
