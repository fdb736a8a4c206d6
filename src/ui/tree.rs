//! JSON as a tree to fold, search and copy from. What is folded is never walked, so a long answer costs what is shown.

use std::{borrow::Cow, collections::HashSet};

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::{
    Frame,
    layout::{Position, Rect},
};
use serde_json::Value;

use super::table::draw_scrollbar;
use super::{Input, Key, Look, Role, text};

/// Answers with more values than this begin folded.
const OPEN: usize = 300;

/// A line on the screen.
struct Row {
    /// Where the value is, as a JSON pointer: `/0/name`.
    at: String,
    depth: usize,
    key: String,
    value: String,
    /// Open or closed, for what can be folded.
    fold: Option<bool>,
}

/// The value, what is folded, and where the cursor stands.
pub struct Tree {
    root: Value,
    open: HashSet<String>,
    rows: Vec<Row>,
    cursor: usize,
    top: usize,
    pattern: String,
    hits: Vec<String>,
    prompt: Option<Input>,
    body: Rect,
}

impl Tree {
    /// A tree of a value.
    pub fn new(root: Value) -> Self {
        let mut tree = Self {
            open: HashSet::new(),
            rows: vec![],
            cursor: 0,
            top: 0,
            pattern: String::new(),
            hits: vec![],
            prompt: None,
            body: Rect::ZERO,
            root,
        };
        if count(&tree.root) <= OPEN {
            tree.open_all();
        } else {
            tree.open.insert(String::new());
            tree.rebuild();
        }
        tree
    }

    /// The whole value.
    pub fn root(&self) -> &Value {
        &self.root
    }

    /// The value under the cursor: a text as it is, everything else as JSON.
    pub fn selected_text(&self) -> String {
        let at = self.rows.get(self.cursor).map_or("", |r| r.at.as_str());
        match self.root.pointer(at).or_else(|| self.root.pointer(parent(at))) {
            Some(Value::String(s)) => s.clone(),
            Some(value) => format!("{value:#}"),
            None => String::new(),
        }
    }

    /// Where the cursor stands: `/0/name`; empty for the whole.
    pub fn selected_path(&self) -> &str {
        self.rows.get(self.cursor).map_or("", |r| r.at.as_str())
    }

    /// True while a search is typed: all keys go to it.
    pub fn is_typing(&self) -> bool {
        self.prompt.is_some()
    }

    /// Lines, and what was searched for.
    pub fn status(&self) -> String {
        let place = format!("{}/{}", (self.cursor + 1).min(self.rows.len()), self.rows.len());
        if self.pattern.is_empty() {
            return place;
        }
        format!("/{}  {} found  {place}", text::clean(&self.pattern), self.hits.len())
    }

    fn open_all(&mut self) {
        fn walk(value: &Value, at: &str, open: &mut HashSet<String>) {
            let mut into = |key: &str, child: &Value| {
                if is_fold(child) {
                    walk(child, &format!("{at}/{}", escape(key)), open);
                }
            };
            match value {
                Value::Array(list) => list.iter().enumerate().for_each(|(i, v)| into(&i.to_string(), v)),
                Value::Object(map) => map.iter().for_each(|(k, v)| into(k, v)),
                _ => {}
            }
            open.insert(at.to_owned());
        }
        walk(&self.root, "", &mut self.open);
        self.rebuild();
    }

    fn close_all(&mut self) {
        self.open = HashSet::from([String::new()]);
        self.rebuild();
    }

    /// The lines anew, with the cursor on the same value or the one that holds it.
    fn rebuild(&mut self) {
        let mut at = self.rows.get(self.cursor).map(|r| r.at.clone()).unwrap_or_default();
        let mut rows = vec![];
        match &self.root {
            Value::Array(_) | Value::Object(_) => children(&self.root, "", 0, &self.open, &mut rows),
            Value::String(s) if s.contains('\n') => lines(s, "", 0, &mut rows),
            other => {
                rows.push(Row { at: String::new(), depth: 0, key: String::new(), value: plain(other), fold: None })
            }
        }
        self.rows = rows;
        self.cursor = loop {
            match self.rows.iter().position(|r| r.at == at) {
                Some(found) => break found,
                None if at.is_empty() => break self.cursor.min(self.rows.len().saturating_sub(1)),
                None => at = parent(&at).to_owned(),
            }
        };
    }

    /// Opens or closes the value under the cursor.
    fn fold(&mut self, open: Option<bool>) -> bool {
        let Some(Row { at, fold: Some(now), .. }) = self.rows.get(self.cursor) else { return false };
        let wanted = open.unwrap_or(!now);
        if wanted == *now {
            return false;
        }
        if wanted {
            self.open.insert(at.clone());
        } else {
            self.open.remove(at.as_str());
        }
        self.rebuild();
        true
    }

    /// Searches keys and values, folded ones too; an empty text ends the search.
    pub fn search(&mut self, pattern: &str) {
        fn walk(value: &Value, at: &str, wanted: &str, hits: &mut Vec<String>) {
            let mut into = |key: &str, child: &Value| {
                let at = format!("{at}/{}", escape(key));
                let scalar = if matches!(child, Value::Array(_) | Value::Object(_)) {
                    Cow::Borrowed("")
                } else {
                    plain(child).into()
                };
                if contains(key, wanted) || contains(&scalar, wanted) {
                    hits.push(at.clone());
                }
                walk(child, &at, wanted, hits);
            };
            match value {
                Value::Array(list) => list.iter().enumerate().for_each(|(i, v)| into(&i.to_string(), v)),
                Value::Object(map) => map.iter().for_each(|(k, v)| into(k, v)),
                _ => {}
            }
        }
        self.pattern = pattern.to_owned();
        self.hits.clear();
        if !pattern.is_empty() {
            walk(&self.root, "", pattern, &mut self.hits);
            if let Value::String(s) = &self.root {
                let found = s.lines().enumerate().filter(|(_, line)| contains(line, pattern));
                self.hits.extend(found.map(|(i, _)| format!("/{i}")));
            }
            self.next(true, true);
        }
    }

    /// Goes to the next or previous hit.
    fn next(&mut self, forward: bool, here_counts: bool) {
        // Hits come in the order of the lines once everything on the way to them is open.
        let Some(now) = self.rows.get(self.cursor).map(|r| r.at.clone()) else { return };
        if self.hits.is_empty() {
            return;
        }
        let passed = self.hits.iter().position(|h| *h == now);
        let next = match passed {
            Some(i) if here_counts => i,
            Some(i) if forward => (i + 1) % self.hits.len(),
            Some(i) => i.checked_sub(1).unwrap_or(self.hits.len() - 1),
            None => self.after(&now, forward),
        };
        let at = self.hits[next].clone();
        let mut above = parent(&at);
        while !above.is_empty() {
            self.open.insert(above.to_owned());
            above = parent(above);
        }
        self.rebuild();
        if let Some(found) = self.rows.iter().position(|r| r.at == at) {
            self.cursor = found;
        }
    }

    /// The first hit behind the cursor (or the last before it), by the positions of what is on the screen.
    fn after(&self, now: &str, forward: bool) -> usize {
        let place = |hit: &str| {
            let mut at = hit;
            loop {
                match self.rows.iter().position(|r| r.at == at) {
                    Some(found) => return found,
                    None if at.is_empty() => return 0,
                    None => at = parent(at),
                }
            }
        };
        let here = place(now);
        let found = if forward {
            self.hits.iter().position(|h| place(h) >= here)
        } else {
            self.hits.iter().rposition(|h| place(h) < here)
        };
        found.unwrap_or(if forward { 0 } else { self.hits.len() - 1 })
    }

    /// Handles a key. True when used.
    pub fn key(&mut self, event: KeyEvent) -> bool {
        if event.kind == KeyEventKind::Release {
            return false;
        }
        if let Some(input) = &mut self.prompt {
            match event.code {
                KeyCode::Esc => self.prompt = None,
                KeyCode::Enter => {
                    let text = input.text().to_owned();
                    self.prompt = None;
                    self.search(&text);
                }
                _ => drop(input.key(event)),
            }
            return true;
        }
        let key = Key::from(event);
        let ctrl = key.mods() == KeyModifiers::CONTROL;
        if !key.mods().is_empty() && !ctrl {
            return false;
        }
        let page = usize::from(self.body.height.max(2)) - 1;
        match key.code() {
            KeyCode::Char('d') if ctrl => self.step(page / 2, true),
            KeyCode::Char('u') if ctrl => self.step(page / 2, false),
            _ if ctrl => return false,
            KeyCode::Char('j') | KeyCode::Down => self.step(1, true),
            KeyCode::Char('k') | KeyCode::Up => self.step(1, false),
            KeyCode::PageDown => self.step(page, true),
            KeyCode::PageUp => self.step(page, false),
            KeyCode::Char('g') | KeyCode::Home => self.cursor = 0,
            KeyCode::Char('G') | KeyCode::End => self.cursor = self.rows.len().saturating_sub(1),
            KeyCode::Enter | KeyCode::Char(' ') => drop(self.fold(None)),
            KeyCode::Right | KeyCode::Char('l') => drop(self.fold(Some(true))),
            KeyCode::Left | KeyCode::Char('h') => {
                if !self.fold(Some(false)) {
                    let above = self.rows.get(self.cursor).map(|r| parent(&r.at).to_owned()).unwrap_or_default();
                    self.cursor = self.rows.iter().position(|r| r.at == above).unwrap_or(self.cursor);
                }
            }
            KeyCode::Char('+') => self.open_all(),
            KeyCode::Char('-') => self.close_all(),
            KeyCode::Char('/') => self.prompt = Some(Input::new("")),
            KeyCode::Char('n') if !self.pattern.is_empty() => self.next(true, false),
            KeyCode::Char('N') if !self.pattern.is_empty() => self.next(false, false),
            KeyCode::Esc if !self.pattern.is_empty() => self.search(""),
            _ => return false,
        }
        true
    }

    fn step(&mut self, by: usize, down: bool) {
        let last = self.rows.len().saturating_sub(1);
        self.cursor = if down { (self.cursor + by).min(last) } else { self.cursor.saturating_sub(by) };
    }

    /// Pasted text goes into the search line while that is open. True when used.
    pub fn paste(&mut self, pasted: &str) -> bool {
        if let Some(input) = &mut self.prompt {
            input.paste(pasted);
        }
        self.prompt.is_some()
    }

    /// A click selects a line, and folds the one that is selected; the wheel moves.
    pub fn mouse(&mut self, event: MouseEvent) -> bool {
        if !self.body.contains(Position::new(event.column, event.row)) {
            return false;
        }
        match event.kind {
            MouseEventKind::ScrollDown => self.step(3, true),
            MouseEventKind::ScrollUp => self.step(3, false),
            MouseEventKind::Down(MouseButton::Left) => {
                let row = self.top + usize::from(event.row - self.body.y);
                if row == self.cursor {
                    self.fold(None);
                } else if row < self.rows.len() {
                    self.cursor = row;
                }
            }
            _ => return false,
        }
        true
    }

    /// Draws the lines; the last one of `area` shows where the cursor stands, or what is being typed.
    pub fn draw(&mut self, frame: &mut Frame, area: Rect, look: &Look) {
        if area.width < 4 || area.height < 2 {
            return;
        }
        self.body = Rect { height: area.height - 1, ..area };
        let height = usize::from(self.body.height);
        self.top = self.top.min(self.cursor).max((self.cursor + 1).saturating_sub(height));
        self.top = self.top.min(self.rows.len().saturating_sub(height));
        let buffer = frame.buffer_mut();
        let width = self.body.width - 1;
        for (i, row) in self.rows.iter().enumerate().skip(self.top).take(height) {
            let y = self.body.y + (i - self.top) as u16;
            let indent = u16::try_from(row.depth * 2).unwrap_or(0).min(width / 2);
            let sign = match row.fold {
                Some(true) => look.glyphs.fold_open,
                Some(false) => look.glyphs.fold_closed,
                None => " ",
            };
            let end = self.body.x + width;
            let mut x = self.body.x + indent;
            let mut put = |text: &str, role: Role| {
                if x < end {
                    x = buffer.set_stringn(x, y, text, usize::from(end - x), look.style(role)).0;
                }
            };
            put(sign, Role::Key);
            put(" ", Role::Text);
            if !row.key.is_empty() {
                put(&text::clean(&row.key), Role::Accent);
                put(if row.fold.is_some() { "  " } else { ": " }, Role::Muted);
            }
            let role = if row.fold.is_some() { Role::Muted } else { Role::Text };
            put(&text::clean(&row.value), role);
            let line = Rect { y, height: 1, width, ..self.body };
            if !self.pattern.is_empty() && self.hits.contains(&row.at) {
                buffer.set_style(line, look.style(Role::Match));
            }
            if i == self.cursor {
                buffer.set_style(line, look.style(Role::Selected));
            }
        }
        draw_scrollbar(buffer, self.body, self.top, self.rows.len(), look);
        let foot = Rect { y: area.bottom() - 1, height: 1, ..area };
        let status = self.status();
        match &mut self.prompt {
            Some(input) => {
                let (x, _) = frame.buffer_mut().set_stringn(foot.x, foot.y, "/", 1, look.style(Role::Key));
                input.draw(frame, Rect { x, width: foot.right() - x, ..foot }, look, true);
            }
            None => {
                let status = text::cut(&status, usize::from(foot.width), look.glyphs.ellipsis);
                let x = foot.right() - text::width(&status) as u16;
                frame.buffer_mut().set_stringn(x, foot.y, &status, usize::from(foot.width), look.style(Role::Muted));
            }
        }
    }
}

fn children(value: &Value, at: &str, depth: usize, open: &HashSet<String>, rows: &mut Vec<Row>) {
    let mut add = |key: &str, child: &Value| {
        let at = format!("{at}/{}", escape(key));
        let fold = is_fold(child).then(|| open.contains(&at));
        let value = match fold {
            Some(_) => summary(child),
            None => plain(child),
        };
        rows.push(Row { at: at.clone(), depth, key: key.to_owned(), value, fold });
        if fold == Some(true) {
            match child {
                Value::String(s) => lines(s, &at, depth + 1, rows),
                other => children(other, &at, depth + 1, open, rows),
            }
        }
    };
    match value {
        Value::Array(list) => list.iter().enumerate().for_each(|(i, v)| add(&i.to_string(), v)),
        Value::Object(map) => map.iter().for_each(|(k, v)| add(k, v)),
        _ => {}
    }
}

fn lines(text: &str, at: &str, depth: usize, rows: &mut Vec<Row>) {
    let line = |(i, line): (usize, &str)| Row {
        at: format!("{at}/{i}"),
        depth,
        key: String::new(),
        value: line.to_owned(),
        fold: None,
    };
    rows.extend(text.lines().enumerate().map(line));
}

fn is_fold(value: &Value) -> bool {
    match value {
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::String(s) => s.trim_end().contains('\n'),
        _ => false,
    }
}

/// What a folded value is: its name where it has one, and how much there is of it.
fn summary(value: &Value) -> String {
    const NAMES: [&str; 14] =
        ["id", "vmid", "upid", "volid", "storage", "node", "userid", "name", "iface", "pos", "sid", "key", "path", "t"];
    match value {
        Value::Array(list) => format!("{} items", list.len()),
        Value::Object(map) => {
            let named = NAMES.iter().find_map(|key| Some((key, map.get(*key)?))).filter(|(_, v)| !is_fold(v));
            let named = named.map(|(_, v)| format!("{}  ", plain(v))).unwrap_or_default();
            format!("{named}{} values", map.len())
        }
        Value::String(s) => format!("{} lines", s.lines().count()),
        _ => String::new(),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(s) => s.trim_end().to_owned(),
        other => other.to_string(),
    }
}

fn contains(text: &str, wanted: &str) -> bool {
    text.to_lowercase().contains(&wanted.to_lowercase())
}

fn escape(key: &str) -> Cow<'_, str> {
    if key.contains(['~', '/']) { key.replace('~', "~0").replace('/', "~1").into() } else { key.into() }
}

fn parent(at: &str) -> &str {
    at.rfind('/').map_or("", |i| &at[..i])
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(count).sum::<usize>() + 1,
        Value::Object(map) => map.values().map(count).sum::<usize>() + 1,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn press(tree: &mut Tree, keys: &str) {
        for key in keys.split_whitespace() {
            tree.key(key.parse::<Key>().unwrap().event());
        }
    }

    fn shown(tree: &Tree) -> Vec<String> {
        tree.rows.iter().map(|r| format!("{}{} {}", " ".repeat(r.depth), r.key, r.value)).collect()
    }

    #[test]
    fn folds_and_moves() {
        let mut tree = Tree::new(json!({"a": {"x": 1, "y": "z\nw"}, "b": [true, null], "c": []}));
        let all = ["a 2 values", " x 1", " y 2 lines", "   z", "   w", "b 2 items", " 0 true", " 1 null", "c []"];
        assert_eq!(shown(&tree), all);
        press(&mut tree, "j j enter");
        assert_eq!(shown(&tree)[..3], ["a 2 values", " x 1", " y 2 lines"]);
        assert_eq!(tree.selected_text(), "z\nw");
        press(&mut tree, "h h");
        assert_eq!((shown(&tree)[0].as_str(), tree.selected_path()), ("a 2 values", "/a"));
        assert_eq!(shown(&tree)[1], "b 2 items");
        assert_eq!(tree.selected_text(), "{\n  \"x\": 1,\n  \"y\": \"z\\nw\"\n}");
        press(&mut tree, "- G");
        assert_eq!((shown(&tree).len(), tree.selected_path()), (3, "/c"));
        press(&mut tree, "+");
        assert_eq!(shown(&tree), all);
    }

    #[test]
    fn searches_what_is_folded() {
        let list: Vec<Value> = (0..200).map(|i| json!({"vmid": i, "name": format!("web-{i}")})).collect();
        let mut tree = Tree::new(Value::from(list));
        assert_eq!(tree.rows.len(), 200, "long answers begin folded");
        assert_eq!(shown(&tree)[7], "7 7  2 values");
        press(&mut tree, "/ w e b - 1 5 enter");
        assert_eq!((tree.selected_text().as_str(), tree.hits.len()), ("web-15", 11));
        press(&mut tree, "n");
        assert_eq!(tree.selected_text(), "web-150");
        press(&mut tree, "N N");
        assert_eq!(tree.selected_text(), "web-159");
        press(&mut tree, "esc");
        assert!(tree.pattern.is_empty());
    }

    #[test]
    fn values_alone_and_odd_keys() {
        assert_eq!(shown(&Tree::new(json!("a\nb"))), [" a", " b"]);
        assert_eq!(shown(&Tree::new(json!(null))), [" null"]);
        let mut tree = Tree::new(json!({"/vms/1": {"a~b": 5}}));
        press(&mut tree, "j");
        assert_eq!((tree.selected_path(), tree.selected_text().as_str()), ("/~1vms~11/a~0b", "5"));
        press(&mut tree, "j j j k enter");
        assert_eq!(Tree::new(json!([])).rows.len(), 0);
        press(&mut Tree::new(json!([])), "j enter h / x enter n");
    }
}
