//! The dialog that stands before every write: what will happen, the exact calls, and a question.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Position, Rect},
    text::{Line, Span},
    widgets::Paragraph,
};

use super::{
    command::{Command, always},
    context::{Cx, Scene},
    copy,
    effect::{Effect, Level, Write},
    view::View,
};
use crate::{
    api::preview,
    store::Store,
    ui::{
        GlyphSet, Role,
        text::{self, wrap},
    },
};

/// How hard it is to say yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Degree {
    /// Enter or `y`: harmless and wanted.
    Harmless,
    /// `y`; Enter means no.
    Careful,
    /// The text (an id) must be typed.
    Typed(String),
}

/// Changes that wait for the user's yes.
pub struct Proposal {
    /// Verb, object and cluster: "Destroy VM 104 (web-01)".
    pub title: String,
    /// What will be lost or should be known, a line each.
    pub notes: Vec<String>,
    /// How hard it is to say yes.
    pub degree: Degree,
    /// The changes.
    pub writes: Vec<Write>,
    /// What else happens with the yes.
    pub yes: Option<Effect>,
}

impl Proposal {
    /// A harmless proposal.
    pub fn new(title: impl Into<String>, writes: Vec<Write>) -> Self {
        Self { title: title.into(), notes: vec![], degree: Degree::Harmless, writes, yes: None }
    }

    /// Makes it harder to say yes.
    pub fn degree(mut self, degree: Degree) -> Self {
        self.degree = degree;
        self
    }

    /// Adds a line to know before saying yes.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// What the user lacks for it, as far as that is known: one sentence for each of the first three privileges.
    pub fn lacks(&self, store: &Store) -> Vec<String> {
        let mut lacks: Vec<String> =
            self.writes.iter().filter_map(|write| Some(store.lacks(&write.wire)?.to_string())).collect();
        lacks.dedup();
        lacks.into_iter().take(3).map(|need| format!("You lack {need}: the server will refuse.")).collect()
    }
}

/// The dialog.
pub struct Confirm {
    proposal: Proposal,
    typed: String,
    yes_focused: bool,
    scroll: u16,
    buttons: [Rect; 2],
    lines: Vec<(Kind, String)>,
    width: u16,
}

#[derive(Clone, Copy)]
enum Kind {
    Note,
    Call,
    Pvesh,
    Blank,
}

impl Confirm {
    /// Asks about a proposal.
    pub fn new(proposal: Proposal) -> Self {
        let yes_focused = proposal.degree == Degree::Harmless;
        Self {
            proposal,
            typed: String::new(),
            yes_focused,
            scroll: 0,
            buttons: [Rect::ZERO; 2],
            lines: vec![],
            width: 0,
        }
    }

    fn may_say_yes(&self) -> bool {
        match &self.proposal.degree {
            Degree::Typed(word) => self.typed == *word,
            _ => true,
        }
    }

    fn yes(&mut self, cx: &mut Cx<'_, ()>) {
        if !self.may_say_yes() {
            if let Degree::Typed(word) = &self.proposal.degree {
                cx.toast(Level::Info, format!("Type {word} to confirm"));
            }
            return;
        }
        let session = cx.session();
        for write in self.proposal.writes.drain(..) {
            let session = write.place.as_ref().map_or(session, |(session, _)| *session);
            cx.emit(Effect::Write { session, write });
        }
        if let Some(effect) = self.proposal.yes.take() {
            cx.emit(effect);
        }
        cx.close();
    }

    fn copy(&mut self, cx: &mut Cx<'_, ()>) {
        copy::menu(self.proposal.writes.iter().map(|w| w.wire.clone()).collect(), cx);
    }

    /// Wraps the text once per width, not per frame: a bulk action may have hundreds of calls.
    fn layout(&mut self, width: u16) {
        if self.width != width {
            self.width = width;
            self.lines = self.wrapped(width);
        }
    }

    fn wrapped(&self, width: u16) -> Vec<(Kind, String)> {
        let mut lines = vec![];
        let mut add = |kind: Kind, first: &str, rest: &str, content: &str| {
            let room = usize::from(width).saturating_sub(first.len().max(rest.len())).max(10);
            for (i, line) in wrap(&text::clean(content), room).into_iter().enumerate() {
                lines.push((kind, format!("{}{line}", if i == 0 { first } else { rest })));
            }
        };
        for note in &self.proposal.notes {
            add(Kind::Note, "- ", "  ", note);
        }
        if !self.proposal.notes.is_empty() {
            add(Kind::Blank, "", "", " ");
        }
        let many = self.proposal.writes.len() > 1;
        for write in &self.proposal.writes {
            if let Some((_, cluster)) = &write.place {
                add(Kind::Note, "", "", &format!("{cluster}: {}", write.label));
            } else if many {
                add(Kind::Note, "", "", &write.label);
            }
            add(Kind::Call, "  ", "    ", &write.wire.to_string());
            if !many {
                add(Kind::Pvesh, "  ", "    ", &preview::pvesh(&write.wire));
            }
        }
        lines
    }
}

impl View for Confirm {
    type Msg = ();
    const NAME: &'static str = "Confirmation";
    const DIALOG: bool = true;
    const COMMANDS: &'static [Command<Self>] = &[Command {
        id: "confirm.copy",
        keys: "ctrl-y",
        title: "Copy the calls",
        footer: true,
        ready: always,
        run: Self::copy,
    }];

    fn update(&mut self, (): (), _: &mut Cx<'_, ()>) {}

    fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, ()>) -> bool {
        let typing = matches!(self.proposal.degree, Degree::Typed(_));
        if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
            return false;
        }
        match key.code {
            KeyCode::Esc => cx.close(),
            KeyCode::Enter if typing => self.yes(cx),
            KeyCode::Enter if self.yes_focused => self.yes(cx),
            KeyCode::Enter => cx.close(),
            KeyCode::Backspace if typing => drop(self.typed.pop()),
            KeyCode::Char(c) if typing => self.typed.push(c),
            KeyCode::Char('y') => self.yes(cx),
            KeyCode::Char('n' | 'q') => cx.close(),
            KeyCode::Tab | KeyCode::BackTab | KeyCode::Left | KeyCode::Right => self.yes_focused = !self.yes_focused,
            KeyCode::Down | KeyCode::Char('j') => self.scroll = self.scroll.saturating_add(1),
            KeyCode::Up | KeyCode::Char('k') => self.scroll = self.scroll.saturating_sub(1),
            KeyCode::PageDown => self.scroll = self.scroll.saturating_add(8),
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(8),
            _ => {}
        }
        true
    }

    fn paste(&mut self, text: &str, _: &mut Cx<'_, ()>) {
        self.typed.push_str(text.trim());
    }

    fn mouse(&mut self, event: MouseEvent, cx: &mut Cx<'_, ()>) {
        let at = Position::new(event.column, event.row);
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) if self.buttons[0].contains(at) => self.yes(cx),
            MouseEventKind::Down(MouseButton::Left) if self.buttons[1].contains(at) => cx.close(),
            MouseEventKind::ScrollDown => self.scroll = self.scroll.saturating_add(2),
            MouseEventKind::ScrollUp => self.scroll = self.scroll.saturating_sub(2),
            _ => {}
        }
    }

    fn crumb(&self, _: &Store) -> String {
        "Confirm".into()
    }

    fn place(&self, area: Rect) -> Rect {
        let width = 84.min(area.width);
        // Many calls fill the largest dialog anyhow, and wrapping them with every frame would cost.
        let few = self.proposal.writes.len() + self.proposal.notes.len() <= 12;
        let wanted = if few { self.wrapped(width.saturating_sub(2)).len() + 5 } else { 24 };
        let height = u16::try_from(wanted).unwrap_or(u16::MAX).clamp(8, 24).min(area.height);
        area.centered(Constraint::Length(width), Constraint::Length(height))
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let destructive = self.proposal.degree != Degree::Harmless;
        let title = text::clean(&self.proposal.title);
        let title = text::cut(&title, usize::from(area.width.saturating_sub(6)), look.glyphs.ellipsis);
        let mut block = look.block(title, true);
        let mut clusters: Vec<&str> =
            self.proposal.writes.iter().filter_map(|w| w.place.as_ref()).map(|(_, name)| name.as_str()).collect();
        clusters.dedup();
        let cluster = match clusters.len() {
            0 => text::clean(scene.store.name()).into_owned(),
            n => format!("{n} clusters"),
        };
        if !cluster.is_empty()
            && usize::from(area.width) > text::width(&cluster) + text::width(&self.proposal.title) + 8
        {
            block = block.title_top(Line::styled(format!(" {cluster} "), look.style(Role::Muted)).right_aligned());
        }
        if destructive {
            block = block.border_style(look.style(Role::Danger));
        }
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let [body, ask, buttons] =
            Layout::vertical([Constraint::Min(1), Constraint::Length(1), Constraint::Length(1)]).areas(inner);

        self.layout(body.width);
        let most = u16::try_from(self.lines.len()).unwrap_or(u16::MAX).saturating_sub(body.height);
        self.scroll = self.scroll.min(most);
        let shown = self.lines.iter().skip(usize::from(self.scroll)).take(usize::from(body.height));
        let lines: Vec<Line> = shown
            .map(|(kind, line)| match kind {
                Kind::Note | Kind::Blank => Line::styled(line.as_str(), look.style(Role::Text)),
                Kind::Call => Line::styled(line.as_str(), look.style(Role::Accent)),
                Kind::Pvesh => Line::styled(line.as_str(), look.style(Role::Muted)),
            })
            .collect();
        frame.render_widget(Paragraph::new(lines), body);

        let keys = if matches!(self.proposal.degree, Degree::Typed(_)) { "PgDn" } else { "j/k" };
        let more =
            if most > self.scroll { format!("  (+{} lines: {keys})", most - self.scroll) } else { String::new() };
        let question = match &self.proposal.degree {
            Degree::Typed(word) => Line::from(vec![
                Span::styled(format!("Type {word} to confirm: "), look.style(Role::Danger)),
                Span::styled(self.typed.clone(), look.style(Role::Input)),
                Span::styled(more, look.style(Role::Muted)),
            ]),
            _ => Line::styled(more, look.style(Role::Muted)),
        };
        if matches!(self.proposal.degree, Degree::Typed(_)) {
            let x = ask.x + u16::try_from(question.spans[0].width() + text::width(&self.typed)).unwrap_or(0);
            frame.set_cursor_position(Position::new(x.min(ask.right().saturating_sub(1)), ask.y));
        }
        frame.render_widget(Paragraph::new(question), ask);

        let (yes, no) = (" Yes (y) ", " No (Esc) ");
        let width = u16::try_from(yes.len() + no.len() + 3).unwrap_or(22);
        let [_, middle, _] =
            Layout::horizontal([Constraint::Fill(1), Constraint::Length(width), Constraint::Fill(1)]).areas(buttons);
        let [left, _, right] = Layout::horizontal([
            Constraint::Length(yes.len() as u16),
            Constraint::Length(3),
            Constraint::Length(no.len() as u16),
        ])
        .areas(middle);
        self.buttons = [left, right];
        let typed = matches!(self.proposal.degree, Degree::Typed(_));
        let yes_text = if typed { " Yes (⏎) " } else { yes };
        let yes_text = if look.glyphs.set == GlyphSet::Ascii && typed { " Yes     " } else { yes_text };
        let focus = if typed { self.may_say_yes() } else { self.yes_focused };
        let style = |on: bool| if on { look.style(Role::Selected) } else { look.style(Role::Muted) };
        frame.render_widget(Span::styled(yes_text, style(focus)), left);
        frame.render_widget(Span::styled(no, style(!focus)), right);
    }
}
