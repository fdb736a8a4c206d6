//! A viewer for logs and other long texts. Lines are appended as they come; only what is in view is laid out, so that
//! 100,000 lines cost no more than 100.

#[cfg(test)]
mod tests;

use std::ops::Range;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEvent, MouseEventKind};
use ratatui::{
    Frame,
    buffer::Buffer,
    layout::{Position, Rect},
};

use super::table::draw_scrollbar;
use super::{Input, InputEvent, Key, Look, Role, text};

/// What is being typed in the bottom line.
enum Prompt {
    Search(Input),
    Goto(Input),
}

/// The text and what is seen of it.
pub struct Viewer {
    lines: Vec<String>,
    /// The last line has no line break yet: what comes next continues it.
    open: bool,
    limit: usize,
    dropped: usize,
    wrap: bool,
    follow: bool,
    /// More may come: going to the end means following.
    live: bool,
    /// First visible line, and how many of its wrapped parts are above the top.
    top: (usize, usize),
    left: usize,
    pattern: String,
    /// Lines that contain the pattern, ascending.
    matches: Vec<usize>,
    /// Line that a search, jump or "next error" went to.
    target: Option<usize>,
    prompt: Option<Prompt>,
    empty: String,
    body: Rect,
}

impl Default for Viewer {
    fn default() -> Self {
        Self {
            lines: Vec::new(),
            open: false,
            limit: usize::MAX,
            dropped: 0,
            wrap: false,
            follow: false,
            live: false,
            top: (0, 0),
            left: 0,
            pattern: String::new(),
            matches: Vec::new(),
            target: None,
            prompt: None,
            empty: "nothing here yet".into(),
            body: Rect::default(),
        }
    }
}

impl Viewer {
    /// An empty viewer, from the top.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stays at the end while lines come (or not), for logs.
    pub fn following(mut self, follow: bool) -> Self {
        self.set_follow(follow);
        self
    }

    /// A viewer of a finished text.
    pub fn of(text: &str) -> Self {
        let mut viewer = Self::new();
        viewer.append(text);
        viewer
    }

    /// Keeps at most so many lines (at least 2); the oldest go.
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit.max(2);
        self
    }

    /// Sets the text that stands in an empty viewer.
    pub fn with_empty(mut self, text: impl Into<String>) -> Self {
        self.empty = text.into();
        self
    }

    /// Wraps long lines from the start.
    pub fn wrapped(mut self) -> Self {
        self.wrap = true;
        self
    }

    /// Appends one line (without its line break).
    pub fn push(&mut self, line: &str) {
        self.open = false;
        self.push_part(line);
    }

    /// Appends lines (without their line breaks).
    pub fn extend<S: AsRef<str>>(&mut self, lines: impl IntoIterator<Item = S>) {
        lines.into_iter().for_each(|line| self.push(line.as_ref()));
    }

    /// Appends text as it comes: a last line without line break is continued by the next call.
    pub fn append(&mut self, text: &str) {
        for part in text.split_inclusive('\n') {
            let line = part.strip_suffix('\n').unwrap_or(part);
            let line = line.strip_suffix('\r').unwrap_or(line);
            if self.open
                && let Some(last) = self.lines.last_mut()
            {
                last.push_str(&text::clean(line));
                self.note_match();
            } else {
                self.push_part(line);
            }
            self.open = !part.ends_with('\n');
        }
    }

    fn push_part(&mut self, line: &str) {
        self.lines.push(text::clean(line).into_owned());
        self.note_match();
        // A tenth at once: dropping single lines from the front would move all others each time.
        if self.lines.len() > self.limit {
            let drop = (self.limit / 10).max(1);
            self.lines.drain(..drop);
            self.dropped += drop;
            self.top = if self.top.0 < drop { (0, 0) } else { (self.top.0 - drop, self.top.1) };
            self.target = self.target.and_then(|t| t.checked_sub(drop));
            self.matches.retain_mut(|m| {
                let kept = *m >= drop;
                *m = m.saturating_sub(drop);
                kept
            });
        }
    }

    fn note_match(&mut self) {
        let last = self.lines.len().saturating_sub(1);
        if !self.pattern.is_empty()
            && self.matches.last() != Some(&last)
            && self.lines.last().is_some_and(|l| !find(l, &self.pattern).is_empty())
        {
            self.matches.push(last);
        }
    }

    /// Replaces everything; stays at the same place as far as possible.
    pub fn set_text(&mut self, text: &str) {
        self.lines.clear();
        self.matches.clear();
        self.open = false;
        self.append(text);
        self.top.0 = self.top.0.min(self.lines.len().saturating_sub(1));
    }

    /// The lines, cleaned.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The whole text, for copying and saving.
    pub fn text(&self) -> String {
        let mut text = self.lines.join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        text
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// True without any line.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// True while it stays at the end.
    pub fn is_following(&self) -> bool {
        self.follow
    }

    /// Stays at the end from now on, or not any more.
    pub fn set_follow(&mut self, follow: bool) {
        self.follow = follow;
        self.live |= follow;
    }

    /// True while a search or a line number is being typed: all keys go to it.
    pub fn is_typing(&self) -> bool {
        self.prompt.is_some()
    }

    /// Searches for a text (small letters find capitals, too) from the current place on; false when it isn't found.
    pub fn search(&mut self, pattern: &str) -> bool {
        self.pattern = pattern.to_owned();
        self.matches.clear();
        if !pattern.is_empty() {
            let found = |(_, line): &(usize, &String)| !find(line, pattern).is_empty();
            self.matches = self.lines.iter().enumerate().filter(found).map(|(i, _)| i).collect();
        }
        let from = self.first_visible();
        let next = self.matches.iter().find(|m| **m >= from).or(self.matches.first()).copied();
        self.jump(next)
    }

    /// Goes to the next or previous match, around the ends.
    pub fn next_match(&mut self, forward: bool) -> bool {
        let here = self.target.unwrap_or(self.first_visible());
        let next = if forward {
            self.matches.iter().find(|m| **m > here).or(self.matches.first())
        } else {
            self.matches.iter().rev().find(|m| **m < here).or(self.matches.last())
        };
        self.jump(next.copied())
    }

    /// Goes to the next line that reports an error, around the end.
    pub fn next_error(&mut self) -> bool {
        let from = self.target.map_or(self.first_visible(), |t| t + 1);
        let is_error = |i: &usize| words(&self.lines[*i]).iter().any(|(_, role)| *role == Role::Danger);
        let next = (from..self.lines.len()).find(is_error).or_else(|| (0..from.min(self.lines.len())).find(is_error));
        self.jump(next)
    }

    /// Goes to a line, counted from 1.
    pub fn goto(&mut self, line: usize) {
        let line = line.saturating_sub(1 + self.dropped).min(self.lines.len().saturating_sub(1));
        self.jump(Some(line));
    }

    fn first_visible(&self) -> usize {
        self.top.0
    }

    fn jump(&mut self, line: Option<usize>) -> bool {
        let Some(line) = line.filter(|l| *l < self.lines.len()) else { return false };
        self.follow = false;
        self.target = Some(line);
        // Some lines above it tell how it came to that.
        self.top = (line.saturating_sub(usize::from(self.body.height) / 3), 0);
        if self.wrap {
            // Wrapped lines above could push the target out of view.
            let mut above: usize = (self.top.0..line).map(|i| self.height_of(i)).sum();
            while above + 1 > usize::from(self.body.height).max(1) && self.top.0 < line {
                above -= self.height_of(self.top.0);
                self.top.0 += 1;
            }
        }
        true
    }

    /// Lines on the screen that a line takes.
    fn height_of(&self, line: usize) -> usize {
        if !self.wrap {
            return 1;
        }
        self.lines.get(line).map_or(1, |l| parts(l, usize::from(self.body.width.saturating_sub(1))).len())
    }

    /// Where the top is when the last line is at the bottom.
    fn last_top(&self) -> (usize, usize) {
        let height = usize::from(self.body.height);
        let (mut line, mut room) = (self.lines.len(), height);
        while line > 0 {
            let needs = self.height_of(line - 1);
            if needs >= room {
                return (line - 1, needs - room);
            }
            room -= needs;
            line -= 1;
        }
        (0, 0)
    }

    fn scroll(&mut self, by: isize) {
        let mut top = self.top;
        for _ in 0..by.unsigned_abs() {
            if by > 0 {
                top = if top.1 + 1 < self.height_of(top.0) { (top.0, top.1 + 1) } else { (top.0 + 1, 0) };
                if top.0 >= self.lines.len() {
                    break;
                }
            } else if top.1 > 0 {
                top.1 -= 1;
            } else if top.0 > 0 {
                top = (top.0 - 1, self.height_of(top.0 - 1).saturating_sub(1));
            }
        }
        self.top = top.min(self.last_top());
        self.follow = false;
        self.target = None;
    }

    /// Handles a key. True when used.
    pub fn key(&mut self, event: KeyEvent) -> bool {
        if event.kind == KeyEventKind::Release {
            return false;
        }
        if self.prompt.is_some() {
            return self.prompt_key(event);
        }
        let key = Key::from(event);
        let ctrl = key.mods() == KeyModifiers::CONTROL;
        if !key.mods().is_empty() && !ctrl {
            return false;
        }
        let page = isize::from(self.body.height.max(2) as i16 - 1);
        match key.code() {
            KeyCode::Char('d') if ctrl => self.scroll(page / 2),
            KeyCode::Char('u') if ctrl => self.scroll(-page / 2),
            KeyCode::Char('g') if ctrl => self.prompt = Some(Prompt::Goto(Input::new(""))),
            _ if ctrl => return false,
            KeyCode::Char('j') | KeyCode::Down => self.scroll(1),
            KeyCode::Char('k') | KeyCode::Up => self.scroll(-1),
            KeyCode::PageDown | KeyCode::Char(' ') => self.scroll(page),
            KeyCode::PageUp => self.scroll(-page),
            KeyCode::Char('g') | KeyCode::Home => {
                self.top = (0, 0);
                self.follow = false;
                self.target = None;
            }
            KeyCode::Char('G') | KeyCode::End => {
                self.top = self.last_top();
                self.follow = self.live;
                self.target = None;
            }
            KeyCode::Left if !self.wrap && self.left > 0 => self.left = self.left.saturating_sub(8),
            KeyCode::Right if !self.wrap => self.left += 8,
            KeyCode::Char('F') => self.set_follow(!self.follow),
            KeyCode::Char('w') => {
                self.wrap = !self.wrap;
                (self.left, self.top.1) = (0, 0);
            }
            KeyCode::Char('/') => self.prompt = Some(Prompt::Search(Input::new(""))),
            KeyCode::Char('n') if !self.pattern.is_empty() => {
                self.next_match(true);
            }
            KeyCode::Char('N') if !self.pattern.is_empty() => {
                self.next_match(false);
            }
            KeyCode::Char('e') => {
                self.next_error();
            }
            KeyCode::Esc if !self.pattern.is_empty() => {
                self.search("");
            }
            _ => return false,
        }
        true
    }

    fn prompt_key(&mut self, event: KeyEvent) -> bool {
        match (event.code, &mut self.prompt) {
            (KeyCode::Esc, _) => self.prompt = None,
            (KeyCode::Enter, _) => match self.prompt.take() {
                Some(Prompt::Search(input)) => {
                    self.search(input.text());
                }
                Some(Prompt::Goto(input)) => {
                    if let Ok(line) = input.text().trim().parse() {
                        self.goto(line);
                    }
                }
                None => {}
            },
            (_, Some(Prompt::Search(input) | Prompt::Goto(input))) => {
                if input.key(event) == InputEvent::Ignored && event.modifiers.contains(KeyModifiers::CONTROL) {
                    return false;
                }
            }
            (_, None) => {}
        }
        true
    }

    /// Pasted text goes into the search line while that is open. True when used.
    pub fn paste(&mut self, pasted: &str) -> bool {
        match &mut self.prompt {
            Some(Prompt::Search(input) | Prompt::Goto(input)) => {
                input.paste(pasted);
                true
            }
            None => false,
        }
    }

    /// Handles the wheel. True when used.
    pub fn mouse(&mut self, event: MouseEvent) -> bool {
        if !self.body.contains(Position::new(event.column, event.row)) {
            return false;
        }
        match event.kind {
            MouseEventKind::ScrollDown => self.scroll(3),
            MouseEventKind::ScrollUp => self.scroll(-3),
            _ => return false,
        }
        true
    }

    /// Where it stands, e.g. `"120-142/4567  follow  wrap  /error 3 lines"`.
    pub fn status(&self) -> String {
        let mut parts = Vec::new();
        if !self.lines.is_empty() {
            let (first, all) = (self.top.0 + self.dropped + 1, self.lines.len() + self.dropped);
            let mut last = self.top.0;
            let mut used = self.height_of(last).saturating_sub(self.top.1);
            while last + 1 < self.lines.len() && used < usize::from(self.body.height) {
                last += 1;
                used += self.height_of(last);
            }
            parts.push(format!("{first}-{}/{all}", last + self.dropped + 1));
        }
        if self.follow {
            parts.push("follow".into());
        }
        if self.wrap {
            parts.push("wrap".into());
        }
        if !self.pattern.is_empty() {
            let lines = if self.matches.len() == 1 { "line" } else { "lines" };
            parts.push(format!("/{} {} {lines}", text::clean(&self.pattern), self.matches.len()));
        }
        parts.join("  ")
    }

    /// Draws the text; the last line of `area` shows where it stands, or what is being typed.
    pub fn draw(&mut self, frame: &mut Frame, area: Rect, look: &Look) {
        if area.width < 2 || area.height == 0 {
            return;
        }
        let footer = u16::from(area.height > 2 || self.prompt.is_some());
        self.body = Rect { height: area.height - footer, ..area };
        let end = self.last_top();
        self.top = if self.follow { end } else { self.top.min(end) };
        let buffer = frame.buffer_mut();
        if self.lines.is_empty() {
            let text = text::cut(&self.empty, usize::from(area.width), look.glyphs.ellipsis);
            buffer.set_stringn(area.x, area.y, text, usize::from(area.width), look.style(Role::Muted));
        }
        let width = usize::from(self.body.width - 1);
        let (mut y, mut skipped) = (self.body.y, self.top.1);
        for (i, line) in self.lines.iter().enumerate().skip(self.top.0) {
            if y >= self.body.bottom() {
                break;
            }
            let styles = self.styles(line);
            let ranges = if self.wrap { parts(line, width) } else { vec![self.cut_sideways(line, width)] };
            for range in ranges.into_iter().skip(std::mem::take(&mut skipped)) {
                if y >= self.body.bottom() {
                    break;
                }
                draw_part(buffer, Rect { y, height: 1, width: width as u16, ..self.body }, line, range, &styles, look);
                if self.target == Some(i) {
                    buffer.set_stringn(self.body.right() - 1, y, look.glyphs.more_left, 1, look.style(Role::Accent));
                }
                y += 1;
            }
        }
        // Scrolled lines count as one each: exact enough, and it costs nothing.
        if end != (0, 0) {
            draw_scrollbar(buffer, self.body, self.top.0, end.0 + usize::from(self.body.height), look);
        }
        if footer == 1 {
            self.draw_footer(frame, Rect { y: area.bottom() - 1, height: 1, ..area }, look);
        }
    }

    fn draw_footer(&mut self, frame: &mut Frame, area: Rect, look: &Look) {
        let status = self.status();
        if let Some(prompt) = &mut self.prompt {
            let (label, input) = match prompt {
                Prompt::Search(input) => ("/", input),
                Prompt::Goto(input) => ("line ", input),
            };
            let (x, _) =
                frame.buffer_mut().set_stringn(area.x, area.y, label, usize::from(area.width), look.style(Role::Key));
            input.draw(frame, Rect { x, width: area.right() - x, ..area }, look, true);
            return;
        }
        let status = text::cut(&status, usize::from(area.width), look.glyphs.ellipsis);
        let x = area.right() - text::width(&status) as u16;
        frame.buffer_mut().set_stringn(x, area.y, status, usize::from(area.width), look.style(Role::Muted));
    }

    /// The part of an unwrapped line that is in view.
    fn cut_sideways(&self, line: &str, width: usize) -> Range<usize> {
        let visible = text::skip(line, self.left);
        let start = line.len() - visible.len();
        start..start + text::take(visible, width).len()
    }

    fn styles(&self, line: &str) -> Vec<(Range<usize>, Role)> {
        let mut styles = words(line);
        styles.extend(find(line, &self.pattern).into_iter().map(|range| (range, Role::Match)));
        styles
    }
}

fn draw_part(
    buffer: &mut Buffer,
    area: Rect,
    line: &str,
    part: Range<usize>,
    styles: &[(Range<usize>, Role)],
    look: &Look,
) {
    let text = &line[part.clone()];
    buffer.set_stringn(area.x, area.y, text, usize::from(area.width), look.style(Role::Text));
    for (range, role) in styles {
        let (start, end) = (range.start.max(part.start), range.end.min(part.end));
        if start >= end {
            continue;
        }
        let x = text::width(&line[part.start..start]) as u16;
        let width = (text::width(&line[start..end]) as u16).min(area.width.saturating_sub(x));
        buffer.set_style(Rect { x: area.x + x, width, ..area }, look.style(*role));
    }
}

/// The byte ranges of a line's parts that are at most `width` cells wide; at least one.
fn parts(line: &str, width: usize) -> Vec<Range<usize>> {
    if line.len() <= width {
        // No text has more cells than bytes.
        return std::iter::once(0..line.len()).collect();
    }
    let mut parts = Vec::new();
    let mut start = 0;
    while start < line.len() {
        let len = text::take(&line[start..], width.max(1)).len();
        // A wide glyph in a one-cell column: nothing fits, the rest is left out.
        if len == 0 {
            break;
        }
        parts.push(start..start + len);
        start += len;
    }
    if parts.is_empty() {
        parts.push(0..0);
    }
    parts
}

/// Where the pattern is: small letters in it match capitals, too; a pattern with capitals is taken exactly.
fn find(line: &str, pattern: &str) -> Vec<Range<usize>> {
    if pattern.is_empty() {
        return Vec::new();
    }
    if pattern.chars().any(char::is_uppercase) {
        return line.match_indices(pattern).map(|(i, m)| i..i + m.len()).collect();
    }
    // ASCII lowering keeps byte positions; other scripts are compared as they are.
    line.to_ascii_lowercase().match_indices(&pattern.to_ascii_lowercase()).map(|(i, m)| i..i + m.len()).collect()
}

/// The words that get a colour.
fn words(line: &str) -> Vec<(Range<usize>, Role)> {
    let mut found = Vec::new();
    let mut start = None;
    for (i, c) in line.char_indices().chain([(line.len(), ' ')]) {
        match (c.is_ascii_alphabetic(), start) {
            (true, None) => start = Some(i),
            (false, Some(from)) => {
                let word = &line[from..i];
                let is = |known: &[&str]| known.iter().any(|k| word.eq_ignore_ascii_case(k));
                if is(&["error", "errors", "err", "failed", "failure", "fatal", "critical"]) {
                    found.push((from..i, Role::Danger));
                } else if is(&["warning", "warnings", "warn"]) {
                    found.push((from..i, Role::Warning));
                } else if word == "OK" {
                    found.push((from..i, Role::Ok));
                }
                start = None;
            }
            _ => {}
        }
    }
    found
}
