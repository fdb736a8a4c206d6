//! The configuration in a backup, and how it differs from the guest as it is now.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
};

use super::{restore, row::Row};
use crate::{
    api::{
        ApiError, backup,
        guest::{self, Config},
    },
    shell::{Command, Cx, Effect, Level, Scene, View, always, needs},
    store::Store,
    ui::{Look, Pane, Role, Scroll, text},
};

/// What the view hears back.
pub enum Msg {
    /// The configuration in the backup.
    Archived(Result<String, ApiError>),
    /// The guest's configuration now.
    Present(Result<Config, ApiError>),
    /// All that is known about the backup.
    Info(Result<backup::Info, ApiError>),
}

/// A setting that restoring would change: its name, what it is now, what it would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The setting.
    pub key: String,
    /// In the guest as it is; `None`: not set.
    pub now: Option<String>,
    /// In the backup; `None`: not set.
    pub then: Option<String>,
}

/// Settings that say nothing about the guest itself.
const NOISE: [&str; 8] = ["digest", "lock", "meta", "vmgenid", "parent", "snaptime", "#", "description"];

/// How a backup's settings differ from those of the guest, in alphabetical order.
pub fn differences(archived: &[(String, String)], present: &Config) -> Vec<Change> {
    let mut keys: Vec<&str> = archived.iter().map(|(k, _)| k.as_str()).collect();
    keys.extend(present.values.keys().map(|k| k.as_str()));
    keys.sort_unstable();
    keys.dedup();
    let find = |key: &str| archived.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone());
    let all = keys.into_iter().filter(|key| !NOISE.contains(key)).map(|key| Change {
        key: key.to_owned(),
        now: present.get(key).map(|v| v.trim().to_owned()),
        then: find(key),
    });
    all.filter(|c| c.now != c.then).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tab {
    Config,
    Difference,
}

/// The view.
pub struct Shown {
    row: Row,
    tab: Tab,
    archived: Option<Result<String, ApiError>>,
    present: Option<Result<Config, ApiError>>,
    info: Option<backup::Info>,
    scroll: Scroll,
}

impl Shown {
    /// The configuration in this backup.
    pub fn new(row: Row) -> Self {
        Self { row, tab: Tab::Config, archived: None, present: None, info: None, scroll: Scroll::default() }
    }

    fn switch(&mut self, _: &mut Cx<'_, Msg>) {
        self.tab = if self.tab == Tab::Config { Tab::Difference } else { Tab::Config };
        self.scroll.reset();
    }

    fn copy(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(Ok(text)) = &self.archived {
            cx.emit(Effect::Copy(text.clone()));
            cx.toast(Level::Info, "Configuration copied");
        }
    }

    fn restore(&mut self, cx: &mut Cx<'_, Msg>) {
        restore::open(&self.row, cx);
    }

    fn config_lines(&self, look: &Look, width: usize) -> Vec<Line<'static>> {
        let mut lines = vec![];
        match &self.archived {
            None => lines.push(Line::styled(" loading", look.style(Role::Muted))),
            Some(Err(error)) => {
                for line in text::wrap(&error.explained(), width) {
                    lines.push(Line::styled(format!(" {}", text::clean(&line)), look.style(Role::ErrorText)));
                }
            }
            Some(Ok(config)) => {
                for line in backup::readable(config).lines() {
                    let line = text::clean(line).into_owned();
                    let role = if line.starts_with('#') || line.starts_with('[') { Role::Muted } else { Role::Text };
                    lines.push(match line.split_once(": ").filter(|_| role == Role::Text) {
                        Some((key, value)) => Line::from(vec![
                            Span::styled(format!(" {key}: "), look.style(Role::Accent)),
                            Span::styled(value.to_owned(), look.style(Role::Text)),
                        ]),
                        None => Line::styled(format!(" {line}"), look.style(role)),
                    });
                }
            }
        }
        if let Some(notes) = self.info.as_ref().map(|i| i.notes.as_str()).filter(|n| !n.is_empty()) {
            lines.push(Line::raw(""));
            lines.push(Line::styled(" Notes of the backup", look.style(Role::Title)));
            for line in notes.lines().flat_map(|l| text::wrap(&text::clean(l), width)) {
                lines.push(Line::styled(format!(" {line}"), look.style(Role::Text)));
            }
        }
        lines
    }

    fn difference_lines(&self, look: &Look, width: usize) -> Vec<Line<'static>> {
        let said = |words: &str, role| vec![Line::styled(format!(" {words}"), look.style(role))];
        let (archived, present) = match (&self.archived, &self.present) {
            (Some(Ok(archived)), Some(Ok(present))) => (archived, present),
            (Some(Err(error)), _) | (_, Some(Err(error))) => return said(&error.to_string(), Role::ErrorText),
            _ if !self.row.exists => {
                return said("The guest does not exist any more: nothing to compare.", Role::Muted);
            }
            _ => return said("loading", Role::Muted),
        };
        let changes = differences(&backup::settings(archived), present);
        if changes.is_empty() {
            return said("The guest's settings are the same as in this backup.", Role::Ok);
        }
        let mut lines = said("What restoring this backup over the guest would change:", Role::Muted);
        for change in changes {
            for (sign, value, role) in [("-", &change.now, Role::Danger), ("+", &change.then, Role::Ok)] {
                let Some(value) = value else { continue };
                let shown = format!("{}: {}", change.key, text::clean(value));
                for (i, part) in text::wrap(&shown, width.saturating_sub(4).max(10)).into_iter().enumerate() {
                    let sign = if i == 0 { sign } else { " " };
                    lines.push(Line::styled(format!(" {sign} {part}"), look.style(role)));
                }
            }
        }
        lines
    }
}

impl View for Shown {
    type Msg = Msg;
    const NAME: &'static str = "Backup";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "archive.tab",
            keys: "tab ] [ l h",
            title: "Configuration/difference",
            footer: true,
            ready: always,
            run: Self::switch,
        },
        Command { id: "archive.restore", keys: "R", title: "Restore", footer: true, ready: always, run: Self::restore },
        Command {
            id: "archive.copy",
            keys: "y",
            title: "Copy",
            footer: true,
            ready: |v, _| needs(matches!(v.archived, Some(Ok(_))), "the settings have not come yet"),
            run: Self::copy,
        },
    ];

    fn opened(&mut self, cx: &mut Cx<'_, Msg>) {
        cx.send(backup::extract_config(&self.row.node, &self.row.volid), Msg::Archived);
        cx.send(backup::info(&self.row.node, &self.row.volid), Msg::Info);
        let guest = self.row.vmid.and_then(|id| cx.store().guest(id)).filter(|g| Some(g.kind) == self.row.kind);
        if let Some(guest) = guest {
            cx.send(guest::config(&guest.reference(), &guest::Which::Pending), Msg::Present);
        }
    }

    fn update(&mut self, msg: Msg, _: &mut Cx<'_, Msg>) {
        match msg {
            Msg::Archived(answer) => self.archived = Some(answer),
            Msg::Present(answer) => self.present = Some(answer),
            Msg::Info(Ok(info)) => self.info = Some(info),
            // The list has shown what matters already.
            Msg::Info(Err(error)) => tracing::debug!(%error, "no attributes of the backup"),
        }
    }

    fn pane(&mut self, _: &Scene) -> Option<&mut dyn Pane> {
        Some(&mut self.scroll)
    }

    fn crumb(&self, _: &Store) -> String {
        format!("Backups > {} > {}", self.row.guest(), text::local_time(self.row.unix()))
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let [head, facts, body] =
            Layout::vertical([Constraint::Length(1), Constraint::Length(1), Constraint::Min(1)]).areas(area);
        let mut title = vec![Span::styled(format!(" {} ", text::clean(&self.row.guest())), look.style(Role::Title))];
        for (tab, label) in [(Tab::Config, "Configuration"), (Tab::Difference, "Difference to now")] {
            let role = if tab == self.tab { Role::TabActive } else { Role::Tab };
            title.push(Span::styled(format!(" {label} "), look.style(role)));
            title.push(Span::raw(" "));
        }
        frame.render_widget(Line::from(title), head);
        let words = format!(" {}  {}", self.row.volid, text::bytes(self.row.size));
        frame.render_widget(Line::styled(text::clean(&words).into_owned(), look.style(Role::Muted)), facts);
        let width = usize::from(body.width).saturating_sub(2).max(10);
        let lines = match self.tab {
            Tab::Config => self.config_lines(look, width),
            Tab::Difference => self.difference_lines(look, width),
        };
        self.scroll.draw(frame, body, lines);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_what_matters_differs() {
        let archived = backup::settings("cores: 2\nmemory: 512\nmeta: a\nname: web\nnet0: x\n");
        let present: Config =
            serde_json::from_str(r#"{"cores":4,"memory":"512","meta":"b","name":"web","digest":"d","tags":"t"}"#)
                .unwrap();
        let found = differences(&archived, &present);
        let line = |c: &Change| format!("{} {:?} {:?}", c.key, c.now.as_deref(), c.then.as_deref());
        assert_eq!(
            found.iter().map(line).collect::<Vec<_>>(),
            [r#"cores Some("4") Some("2")"#, r#"net0 None Some("x")"#, r#"tags Some("t") None"#]
        );
    }
}
