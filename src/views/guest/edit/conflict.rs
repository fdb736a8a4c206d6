//! Somebody else has changed the settings since they were loaded: what they changed, what was wanted, and the question
//! whether to do it again on top of theirs.

use crossterm::event::{KeyCode, KeyEvent, MouseEvent, MouseEventKind};
use ratatui::{
    Frame,
    layout::{Constraint, Rect},
    text::Line,
    widgets::Paragraph,
};

use super::{
    Msg,
    change::Mine,
    sheet::{Difference, Sheet},
};
use crate::{
    shell::{Command, Cx, Effect, LayerId, Scene, View, always},
    store::Store,
    ui::{Role, text},
};

/// The dialog.
pub struct Conflict {
    editor: LayerId,
    mine: Option<Mine>,
    theirs: Vec<Difference>,
    wanted: Vec<String>,
    scroll: u16,
}

impl Conflict {
    /// Compares what was loaded with what is there now.
    pub fn new(editor: LayerId, before: &Sheet, now: &Sheet, mine: Mine) -> Self {
        let wanted = match &mine {
            Mine::Texts(texts) => now.describe(&now.change(texts.clone())),
            Mine::Form { key, setting, fields, .. } => {
                let what = match setting.key {
                    _ if key == super::setting::NEW => format!("{} (new)", setting.title),
                    super::setting::Key::One(_) => setting.title.to_owned(),
                    _ => format!("{} {key}", setting.title),
                };
                let fields = fields.iter().map(|(field, value)| format!("{what}: {field} = {value}"));
                fields.collect()
            }
            Mine::Revert(keys) => vec![format!("Drop what waits for {}", keys.join(", "))],
            Mine::Remove(keys, _) => vec![format!("Remove {}", keys.join(", "))],
        };
        Self { editor, mine: Some(mine), theirs: before.differences(now), wanted, scroll: 0 }
    }

    fn again(&mut self, cx: &mut Cx<'_, ()>) {
        if let Some(mine) = self.mine.take() {
            cx.emit(Effect::Reply { to: self.editor, reply: Box::new(Msg::Again(mine)) });
        }
        cx.close();
    }

    fn lines(&self, width: usize) -> Vec<(Role, String)> {
        let mut lines = vec![];
        let mut add = |role, text: &str, indent: &str| {
            for line in text::wrap(&text::clean(text), width.saturating_sub(indent.len()).max(10)) {
                lines.push((role, format!("{indent}{line}")));
            }
        };
        add(
            Role::Text,
            "Nothing was sent through: the server noticed that the settings are not the ones that were shown here.",
            "",
        );
        add(Role::Text, " ", "");
        add(Role::Title, "Changed by somebody else since then:", "");
        if self.theirs.is_empty() {
            add(Role::Muted, "nothing that can be seen here (a snapshot, for example)", "  ");
        }
        for Difference { key, old, new } in &self.theirs {
            add(Role::Accent, key, "  ");
            add(Role::Danger, &format!("- {}", old.as_deref().unwrap_or("(not set)")), "    ");
            add(Role::Ok, &format!("+ {}", new.as_deref().unwrap_or("(removed)")), "    ");
        }
        add(Role::Text, " ", "");
        add(Role::Title, "Your change:", "");
        if self.wanted.is_empty() {
            add(Role::Muted, "is already there", "  ");
        }
        self.wanted.iter().for_each(|line| add(Role::Text, line, "  "));
        lines
    }
}

impl View for Conflict {
    type Msg = ();
    const NAME: &'static str = "Changed meanwhile";
    const DIALOG: bool = true;
    const COMMANDS: &'static [Command<Self>] = &[Command {
        id: "conflict.again",
        keys: "enter a",
        title: "Make my change again",
        footer: true,
        ready: always,
        run: Self::again,
    }];

    fn update(&mut self, (): (), _: &mut Cx<'_, ()>) {}

    fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, ()>) -> bool {
        match key.code {
            KeyCode::Esc | KeyCode::Char('q') => cx.close(),
            KeyCode::Down | KeyCode::Char('j') => self.scroll = self.scroll.saturating_add(1),
            KeyCode::Up | KeyCode::Char('k') => self.scroll = self.scroll.saturating_sub(1),
            _ => return false,
        }
        true
    }

    fn mouse(&mut self, event: MouseEvent, _: &mut Cx<'_, ()>) {
        match event.kind {
            MouseEventKind::ScrollDown => self.scroll = self.scroll.saturating_add(2),
            MouseEventKind::ScrollUp => self.scroll = self.scroll.saturating_sub(2),
            _ => {}
        }
    }

    fn crumb(&self, _: &Store) -> String {
        "Changed meanwhile".into()
    }

    fn place(&self, area: Rect) -> Rect {
        let width = 84.min(area.width);
        let wanted = self.lines(usize::from(width.saturating_sub(4))).len() + 4;
        let height = u16::try_from(wanted).unwrap_or(u16::MAX).clamp(10, 30).min(area.height);
        area.centered(Constraint::Length(width), Constraint::Length(height))
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let block = look.block("Somebody else was faster", true).border_style(look.style(Role::Warning));
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let lines = self.lines(usize::from(inner.width.saturating_sub(2)));
        let body = Rect {
            x: inner.x + 1,
            width: inner.width.saturating_sub(1),
            height: inner.height.saturating_sub(2),
            ..inner
        };
        let most = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_sub(body.height);
        self.scroll = self.scroll.min(most);
        let lines: Vec<Line> = lines.into_iter().map(|(role, line)| Line::styled(line, look.style(role))).collect();
        frame.render_widget(Paragraph::new(lines).scroll((self.scroll, 0)), body);
        let keys = "Enter: load theirs and make my change again   Esc: look first";
        let place = Rect { y: inner.bottom().saturating_sub(1), height: 1, ..body };
        frame.render_widget(Line::styled(keys, look.style(Role::Key)), place);
    }
}
