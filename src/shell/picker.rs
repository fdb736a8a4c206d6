//! A list to choose from by typing: action menus, the command palette, help, jumps.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{CaseMatching, Normalization, Pattern},
};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Position, Rect},
    text::{Line, Span},
    widgets::Paragraph,
};

use super::{
    context::{Cx, Scene},
    effect::{Effect, Level},
    view::View,
};
use crate::{
    store::Store,
    ui::{Role, text},
};

/// One choice.
pub struct Pick {
    /// What it is called; this is what typing searches.
    pub title: String,
    /// Shown at the right: a key, a state.
    pub detail: String,
    /// A letter that chooses it at once, in menus.
    pub letter: Option<char>,
    /// Why it can't be chosen now.
    pub disabled: Option<String>,
    /// What choosing it does; `None`: it only closes the list.
    pub effect: Option<Box<dyn FnOnce() -> Effect + Send>>,
}

impl Pick {
    /// A choice with a title and what it does.
    pub fn new(title: impl Into<String>, effect: impl FnOnce() -> Effect + Send + 'static) -> Self {
        Self { effect: Some(Box::new(effect)), ..Self::closing(title) }
    }

    /// A choice that only closes the list.
    pub fn closing(title: impl Into<String>) -> Self {
        Self { title: title.into(), detail: String::new(), letter: None, disabled: None, effect: None }
    }

    /// Adds the letter that chooses it at once.
    pub fn letter(mut self, letter: char) -> Self {
        self.letter = Some(letter);
        self
    }

    /// Adds the text at the right.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// What stands beside the title. Whoever looks for a key wants to find it, too, while it can't be used.
    fn aside(&self) -> String {
        match &self.disabled {
            Some(why) if self.detail.is_empty() => why.clone(),
            Some(why) => format!("{why}  {}", self.detail),
            None => self.detail.clone(),
        }
    }
}

/// How typed characters are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Letters choose; `/` starts to search.
    Menu,
    /// Everything typed searches.
    Search,
}

/// The list.
pub struct Picker {
    title: String,
    picks: Vec<Pick>,
    mode: Mode,
    query: String,
    shown: Vec<usize>,
    cursor: usize,
    top: usize,
    rows: Rect,
    empty: &'static str,
}

impl Picker {
    /// A menu whose letters choose at once.
    pub fn menu(title: impl Into<String>, picks: Vec<Pick>) -> Self {
        Self::new(title, picks, Mode::Menu)
    }

    /// A menu of a view's commands, with a letter for each.
    pub fn of_commands<V: View>(
        view: &V,
        title: impl Into<String>,
        letters: &[(&'static str, char)],
        cx: &Cx<'_, V::Msg>,
    ) -> Self {
        let picks = letters.iter().filter_map(|(id, letter)| Self::command(view, id, Some(*letter), cx));
        Self::menu(title, picks.collect())
    }

    /// Choices that run commands of a view, with the letters that are their keys.
    pub fn commands<V: View>(view: &V, ids: &[&'static str], cx: &Cx<'_, V::Msg>) -> Vec<Pick> {
        let letter = |id: &str| {
            let keys = cx.scene.keys.label(id);
            let mut letters = keys.chars();
            letters.next().filter(|_| letters.next().is_none())
        };
        ids.iter().filter_map(|id| Self::command(view, id, letter(id), cx)).collect()
    }

    fn command<V: View>(view: &V, id: &str, letter: Option<char>, cx: &Cx<'_, V::Msg>) -> Option<Pick> {
        let command = V::COMMANDS.iter().find(|c| c.id == id)?;
        let layer = cx.id;
        let effect = move || Effect::Run { layer: Some(layer), command: command.id.into() };
        let mut pick = Pick::new(command.title, effect).detail(cx.scene.keys.label(id));
        pick.letter = letter;
        pick.disabled = (command.ready)(view, cx.scene.store).err().map(Into::into);
        Some(pick)
    }

    /// A list that is searched by typing.
    pub fn search(title: impl Into<String>, picks: Vec<Pick>) -> Self {
        Self::new(title, picks, Mode::Search)
    }

    fn new(title: impl Into<String>, picks: Vec<Pick>, mode: Mode) -> Self {
        let shown = (0..picks.len()).collect();
        Self {
            title: title.into(),
            picks,
            mode,
            query: String::new(),
            shown,
            cursor: 0,
            top: 0,
            rows: Rect::ZERO,
            empty: "nothing matches",
        }
    }

    fn search_again(&mut self) {
        self.cursor = 0;
        self.top = 0;
        if self.query.is_empty() {
            self.shown = (0..self.picks.len()).collect();
            return;
        }
        let mut matcher = Matcher::new(Config::DEFAULT);
        let pattern = Pattern::parse(&self.query, CaseMatching::Ignore, Normalization::Smart);
        let mut buffer = vec![];
        let mut found: Vec<(u32, usize)> = (self.picks.iter().enumerate())
            .filter_map(|(i, p)| Some((pattern.score(Utf32Str::new(&p.title, &mut buffer), &mut matcher)?, i)))
            .collect();
        found.sort_by_key(|&(score, i)| (std::cmp::Reverse(score), i));
        self.shown = found.into_iter().map(|(_, i)| i).collect();
    }

    fn choose(&mut self, index: usize, cx: &mut Cx<'_, ()>) {
        let Some(pick) = self.picks.get(index) else { return };
        if let Some(why) = &pick.disabled {
            cx.toast(Level::Info, format!("{}: {why}", pick.title));
            return;
        }
        cx.close();
        let pick = self.picks.swap_remove(index);
        if let Some(effect) = pick.effect {
            cx.emit(effect());
        }
    }

    fn move_by(&mut self, by: isize) {
        let last = self.shown.len().saturating_sub(1);
        self.cursor = self.cursor.saturating_add_signed(by).min(last);
    }
}

impl View for Picker {
    type Msg = ();
    const NAME: &'static str = "List";
    const DIALOG: bool = true;

    fn update(&mut self, (): (), _: &mut Cx<'_, ()>) {}

    fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, ()>) -> bool {
        let menu = self.mode == Mode::Menu;
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            match key.code {
                KeyCode::Char('n') => self.move_by(1),
                KeyCode::Char('p') => self.move_by(-1),
                KeyCode::Char('u') => {
                    self.query.clear();
                    self.search_again();
                }
                _ => return false,
            }
            return true;
        }
        match key.code {
            KeyCode::Esc => cx.close(),
            KeyCode::Enter => {
                if let Some(&index) = self.shown.get(self.cursor) {
                    self.choose(index, cx);
                }
            }
            KeyCode::Down => self.move_by(1),
            KeyCode::Up => self.move_by(-1),
            KeyCode::PageDown => self.move_by(isize::from(self.rows.height as i16)),
            KeyCode::PageUp => self.move_by(-isize::from(self.rows.height as i16)),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.move_by(isize::MAX),
            KeyCode::Backspace => {
                self.query.pop();
                self.search_again();
            }
            KeyCode::Char('/') if menu => self.mode = Mode::Search,
            KeyCode::Char(c) if menu => match self.picks.iter().position(|p| p.letter == Some(c)) {
                Some(index) => self.choose(index, cx),
                None if c == 'j' => self.move_by(1),
                None if c == 'k' => self.move_by(-1),
                None if c == 'q' => cx.close(),
                None => {}
            },
            KeyCode::Char(c) => {
                self.query.push(c);
                self.search_again();
            }
            _ => {}
        }
        true
    }

    fn paste(&mut self, text: &str, _: &mut Cx<'_, ()>) {
        self.query.push_str(text.trim());
        self.search_again();
    }

    fn mouse(&mut self, event: MouseEvent, cx: &mut Cx<'_, ()>) {
        match event.kind {
            MouseEventKind::ScrollDown => self.move_by(1),
            MouseEventKind::ScrollUp => self.move_by(-1),
            MouseEventKind::Down(MouseButton::Left) if self.rows.contains(Position::new(event.column, event.row)) => {
                let row = self.top + usize::from(event.row - self.rows.y);
                if let Some(&index) = self.shown.get(row) {
                    self.choose(index, cx);
                }
            }
            _ => {}
        }
    }

    fn crumb(&self, _: &Store) -> String {
        self.title.clone()
    }

    fn place(&self, area: Rect) -> Rect {
        let longest =
            self.picks.iter().map(|p| text::width(&p.title) + text::width(&p.aside()) + 8).max().unwrap_or(20);
        let width = u16::try_from(longest.max(text::width(&self.title) + 6)).unwrap_or(u16::MAX).clamp(30, 90);
        let extra = if self.mode == Mode::Search { 3 } else { 2 };
        let height = u16::try_from(self.picks.len() + extra).unwrap_or(u16::MAX).min(area.height);
        area.centered(Constraint::Length(width.min(area.width)), Constraint::Length(height))
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let title = text::clean(&self.title);
        let title = text::cut(&title, usize::from(area.width.saturating_sub(6)), look.glyphs.ellipsis);
        let mut block = look.block(title, true);
        let mut inner = block.inner(area);
        if self.shown.len() > usize::from(inner.height).saturating_sub(usize::from(self.mode == Mode::Search)) {
            let place = format!(" {} of {} ", self.cursor + 1, self.shown.len());
            block = block.title_bottom(Line::styled(place, look.style(Role::Muted)).right_aligned());
        }
        frame.render_widget(block, area);
        if self.mode == Mode::Search {
            let [line, rest] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(inner);
            frame.render_widget(
                Line::from(vec![
                    Span::styled("> ", look.style(Role::Accent)),
                    Span::styled(self.query.as_str(), look.style(Role::Input)),
                ]),
                line,
            );
            let x = line.x + 2 + u16::try_from(text::width(&self.query)).unwrap_or(0);
            frame.set_cursor_position(Position::new(x.min(line.right().saturating_sub(1)), line.y));
            inner = rest;
        }
        self.rows = inner;
        let height = usize::from(inner.height);
        self.top = self.top.min(self.cursor).max((self.cursor + 1).saturating_sub(height));
        if self.shown.is_empty() {
            frame.render_widget(Paragraph::new(Span::styled(self.empty, look.style(Role::Muted))), inner);
        }
        for (i, &index) in self.shown.iter().enumerate().skip(self.top).take(height) {
            let pick = &self.picks[index];
            let y = inner.y + (i - self.top) as u16;
            let row = Rect { y, height: 1, ..inner };
            let style = match (i == self.cursor, pick.disabled.is_some()) {
                (true, _) => look.style(Role::Selected),
                (false, true) => look.style(Role::Muted),
                (false, false) => look.style(Role::Text),
            };
            frame.buffer_mut().set_style(row, style);
            let letter = if self.mode == Mode::Menu {
                pick.letter.map_or_else(|| "  ".into(), |c| format!("{c} "))
            } else {
                String::new()
            };
            // What is chosen matters more than what is said about it.
            let all = usize::from(inner.width).saturating_sub(letter.len() + 3);
            let room = all.saturating_sub(text::width(&pick.title)).max(all / 4);
            let aside = pick.aside();
            let aside = text::clean(&aside);
            let detail = text::cut(&aside, room, look.glyphs.ellipsis);
            let room = all.saturating_sub(text::width(&detail));
            let clean = text::clean(&pick.title);
            let title = text::cut(&clean, room, look.glyphs.ellipsis);
            let gap =
                usize::from(inner.width).saturating_sub(letter.len() + text::width(&title) + text::width(&detail) + 2);
            let (key, muted) =
                if i == self.cursor { (style, style) } else { (look.style(Role::Key), look.style(Role::Muted)) };
            let line = Line::from(vec![
                Span::styled(format!(" {letter}"), key),
                Span::styled(title.into_owned(), style),
                Span::styled(" ".repeat(gap), style),
                Span::styled(detail.into_owned(), muted),
            ]);
            frame.render_widget(line, row);
        }
    }
}
