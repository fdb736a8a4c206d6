//! A small window with facts about something.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::{
    Frame,
    layout::{Constraint, Rect},
    text::{Line, Span},
    widgets::Paragraph,
};

use crate::{
    shell::{Command, Cx, Effect, Level, Scene, View, always},
    store::Store,
    ui::{Role, text},
};

/// Labels and what they say.
pub struct Facts {
    title: String,
    facts: Vec<(&'static str, String)>,
    scroll: u16,
}

impl Facts {
    /// An empty window.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), facts: vec![], scroll: 0 }
    }

    /// Adds a fact, unless it is empty.
    pub fn fact(mut self, label: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.facts.push((label, value));
        }
        self
    }

    fn copy(&mut self, cx: &mut Cx<'_, ()>) {
        let lines: Vec<String> = self.facts.iter().map(|(label, value)| format!("{label}: {value}")).collect();
        cx.emit(Effect::Copy(lines.join("\n")));
        cx.toast(Level::Info, "Facts copied");
    }

    fn lines(&self, width: usize, scene: Option<&Scene>) -> Vec<Line<'static>> {
        let style = |role| scene.map_or_else(Default::default, |s| s.look.style(role));
        let column = self.facts.iter().map(|(label, _)| text::width(label)).max().unwrap_or(0) + 2;
        let mut lines = vec![];
        for (label, value) in &self.facts {
            let mut label = *label;
            for paragraph in value.lines() {
                for part in text::wrap(&text::clean(paragraph), width.saturating_sub(column + 2).max(10)) {
                    lines.push(Line::from(vec![
                        Span::styled(format!(" {}", text::pad(label, column)), style(Role::Muted)),
                        Span::styled(part, style(Role::Text)),
                    ]));
                    label = "";
                }
            }
        }
        lines
    }
}

impl View for Facts {
    type Msg = ();
    const NAME: &'static str = "Facts";
    const DIALOG: bool = true;
    const COMMANDS: &'static [Command<Self>] =
        &[Command { id: "fact.copy", keys: "y", title: "Copy", footer: true, ready: always, run: Self::copy }];

    fn update(&mut self, (): (), _: &mut Cx<'_, ()>) {}

    fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, ()>) -> bool {
        match key.code {
            KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q') => cx.close(),
            KeyCode::Down | KeyCode::Char('j') => self.scroll = self.scroll.saturating_add(1),
            KeyCode::Up | KeyCode::Char('k') => self.scroll = self.scroll.saturating_sub(1),
            _ => return false,
        }
        true
    }

    fn crumb(&self, _: &Store) -> String {
        "Details".into()
    }

    fn place(&self, area: Rect) -> Rect {
        let width = 84.min(area.width);
        let height = u16::try_from(self.lines(usize::from(width), None).len()).unwrap_or(u16::MAX).saturating_add(2);
        area.centered(Constraint::Length(width), Constraint::Length(height.min(area.height)))
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let title = text::clean(&self.title).into_owned();
        let block = scene.look.block(text::cut(&title, usize::from(area.width.saturating_sub(6)), "…"), true);
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let lines = self.lines(usize::from(inner.width), Some(scene));
        let most = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_sub(inner.height);
        self.scroll = self.scroll.min(most);
        frame.render_widget(Paragraph::new(lines).scroll((self.scroll, 0)), inner);
    }
}
