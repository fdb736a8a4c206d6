//! A table over rows that stay with the caller. It keeps an index of what is shown, rebuilt only when data, filter or
//! sorting change; selection and marks follow the identity of rows, never their position.

mod draw;
mod events;
mod layout;
#[cfg(test)]
mod tests;

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::Hash;

use jiff::tz::TimeZone;
use ratatui::layout::Rect;

use super::{
    Filter, Input, Look, Millis, Role,
    chip::{Chip, Chips},
};
pub(crate) use draw::draw_scrollbar;

/// What drawing needs besides the rows.
#[derive(Clone, Copy)]
pub struct Ctx<'a> {
    /// Styles and glyphs.
    pub look: &'a Look,
    /// Now in unix seconds, for ages.
    pub now: i64,
    /// Now for spinners.
    pub tick: Millis,
    /// The zone in which times are shown.
    pub zone: &'a TimeZone,
    /// The colours of words such as tags.
    pub chips: &'a dyn Chips,
}

/// The text of one cell and what it means.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// The text; cleaned and cut when drawn.
    pub text: String,
    /// Its role.
    pub role: Role,
    /// Draws a small bar (0.0 to 1.0) before the text, where there is room.
    pub bar: Option<f64>,
    /// Words with colours of their own, in place of the text.
    pub chips: Vec<Chip>,
}

impl Cell {
    /// Ordinary text.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Text with a role.
    pub fn role(text: impl Into<String>, role: Role) -> Self {
        Self { text: text.into(), role, ..Self::default() }
    }

    /// Words with colours of their own.
    pub fn chips(chips: Vec<Chip>) -> Self {
        let text = chips.iter().map(|chip| chip.text.as_str()).collect::<Vec<_>>().join(" ");
        Self { text, role: Role::Muted, chips, bar: None }
    }

    /// A share from 0.0 to 1.0 as percents, with a small bar where there is room (10 cells).
    pub fn gauge(share: f64) -> Self {
        let role = match share {
            s if s < 0.70 => Role::GaugeLow,
            s if s < 0.90 => Role::GaugeMid,
            _ => Role::GaugeHigh,
        };
        Self { text: super::text::percent(share), role, bar: Some(share), ..Self::default() }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// How wide a column is, in cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Always this wide.
    Fixed(u16),
    /// Shares what is left, within bounds; its text is cut in the middle.
    Flex {
        /// At least.
        min: u16,
        /// At most.
        max: u16,
    },
    /// As wide as the widest text seen, at most `max`.
    Fit {
        /// At most.
        max: u16,
    },
}

/// Where the text stands in its cell. Numbers belong to the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub enum Align {
    #[default]
    Left,
    Right,
}

/// A column, declared as data.
pub struct Column<R> {
    /// Name in configuration and for [`Table::sort_by`].
    pub id: &'static str,
    /// The heading.
    pub title: &'static str,
    /// How wide.
    pub width: Width,
    /// 0: always shown and kept in place when scrolling sideways; the highest number is dropped first when narrow.
    pub priority: u8,
    /// Left or right.
    pub align: Align,
    /// Makes the text of a row.
    pub cell: fn(&R, &Ctx) -> Cell,
    /// Orders two rows; `None`: can't be sorted by this column.
    pub sort: Option<fn(&R, &R) -> Ordering>,
}

impl<R> Column<R> {
    /// A column at the left edge of its width that can't be sorted by.
    pub fn left(id: &'static str, title: &'static str, width: Width, priority: u8, cell: fn(&R, &Ctx) -> Cell) -> Self {
        Self { id, title, width, priority, align: Align::Left, cell, sort: None }
    }

    /// The same, and the list can be sorted by it.
    pub fn sorted(
        id: &'static str,
        title: &'static str,
        width: Width,
        priority: u8,
        cell: fn(&R, &Ctx) -> Cell,
        sort: fn(&R, &R) -> Ordering,
    ) -> Self {
        Self { sort: Some(sort), ..Self::left(id, title, width, priority, cell) }
    }

    /// At the right edge: for figures.
    pub fn right(self) -> Self {
        Self { align: Align::Right, ..self }
    }
}

// Written out because deriving would ask for `R: Clone`.
impl<R> Clone for Column<R> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

/// What a key or a click did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableEvent {
    /// Not for the table.
    Ignored,
    /// Something of the table's own changed; draw again.
    Used,
    /// Another row is selected.
    Moved,
    /// Marks changed.
    Marked,
    /// Sorting changed (worth remembering).
    Sorted,
    /// The filter changed.
    Filtered,
    /// Enter or double click on the selected row.
    Open,
    /// Right click on a row, which is selected now: show its actions here (column, line).
    Menu(u16, u16),
}

/// What a row shows besides its cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowState {
    /// Drawn dimmed: the data is old or the row can't be used.
    pub stale: bool,
    /// Drawn with a spinner: something is being done with it.
    pub busy: bool,
}

/// Answers a `key:value` term of a filter for a row; `None`: this key isn't known. Both come in small letters.
pub type Property<R> = fn(&R, &str, &str) -> Option<bool>;

/// The table's state. `R`: a row; `K`: what identifies a row (id or the like, cheap to clone).
pub struct Table<R, K> {
    columns: Vec<Column<R>>,
    key_of: fn(&R) -> K,
    search: fn(&R, &mut String),
    property: Option<Property<R>>,
    row_state: Option<fn(&R, &Ctx) -> RowState>,
    base: Option<fn(&R) -> bool>,
    /// Rows that pass `base`.
    total: usize,
    filter: Filter,
    typing: Option<Input>,
    sort: Option<(usize, bool)>,
    generation: Option<u64>,
    dirty: bool,
    keys: Vec<K>,
    index: Vec<u32>,
    cursor: usize,
    selected: Option<K>,
    lost: bool,
    marks: HashSet<K>,
    range: Option<K>,
    /// Where the marked rows stand in `keys`, once somebody has asked: every command of a view asks with every frame.
    marked: OnceCell<Vec<u32>>,
    busy: HashSet<K>,
    stale: bool,
    empty: String,
    footer: bool,
    // What the last drawing looked like, for the mouse and for paging.
    offset: usize,
    follow: bool,
    sideways: usize,
    fit: Vec<u16>,
    seen: Seen,
    clicked: Option<(Millis, K)>,
}

#[derive(Default)]
struct Seen {
    body: Rect,
    header: Rect,
    columns: Vec<layout::Placed>,
    hidden: bool,
}

impl<R, K: Ord + Hash + Clone> Table<R, K> {
    /// A table of these columns. `key_of` identifies a row; `search` appends the text that a filter looks at.
    pub fn new(columns: Vec<Column<R>>, key_of: fn(&R) -> K, search: fn(&R, &mut String)) -> Self {
        let fit = vec![0; columns.len()];
        Self {
            columns,
            key_of,
            search,
            property: None,
            row_state: None,
            base: None,
            total: 0,
            filter: Filter::default(),
            typing: None,
            sort: None,
            generation: None,
            dirty: true,
            keys: Vec::new(),
            index: Vec::new(),
            cursor: 0,
            selected: None,
            lost: false,
            marks: HashSet::new(),
            range: None,
            marked: OnceCell::new(),
            busy: HashSet::new(),
            stale: false,
            empty: "nothing here".into(),
            footer: true,
            offset: 0,
            follow: true,
            sideways: 0,
            fit,
            seen: Seen::default(),
            clicked: None,
        }
    }

    /// Sets what answers `key:value` terms of the filter; `None` for unknown keys. Key and value come in small letters.
    pub fn with_property(mut self, property: Property<R>) -> Self {
        self.property = Some(property);
        self
    }

    /// Sets what says whether a row is stale or busy.
    pub fn with_row_state(mut self, row_state: fn(&R, &Ctx) -> RowState) -> Self {
        self.row_state = Some(row_state);
        self
    }

    /// Only rows that pass are in this table at all (a view of a kind of rows); the filter comes on top of it.
    pub fn with_base(mut self, base: fn(&R) -> bool) -> Self {
        self.set_base(base);
        self
    }

    /// Sets the text that stands in an empty table.
    pub fn with_empty(mut self, text: impl Into<String>) -> Self {
        self.empty = text.into();
        self
    }

    /// Sorts by a column from the start.
    pub fn with_sort(mut self, column: &str, descending: bool) -> Self {
        self.sort_by(column, descending);
        self
    }

    /// Draws no line below the rows (filter and counter); the caller shows [`Table::status`] then.
    pub fn without_footer(mut self) -> Self {
        self.footer = false;
        self
    }

    /// Changes which rows are in the table at all; see [`Table::with_base`].
    pub fn set_base(&mut self, base: fn(&R) -> bool) {
        self.base = Some(base);
        self.dirty = true;
    }

    /// Changes the text that stands in an empty table ("loading …", "no permission …").
    pub fn set_empty(&mut self, text: impl Into<String>) {
        self.empty = text.into();
    }

    /// All rows are drawn dimmed: the data is old.
    pub fn set_stale(&mut self, stale: bool) {
        self.stale = stale;
    }

    /// The rows that are being worked on get a spinner.
    pub fn set_busy(&mut self, busy: HashSet<K>) {
        self.busy = busy;
    }

    /// Brings the index up to date with the rows. `generation` must change whenever the rows do; with the same
    /// generation this costs nothing.
    pub fn sync(&mut self, rows: &[R], generation: u64) {
        let data_changed = self.generation != Some(generation) || self.keys.len() != rows.len();
        if !data_changed && !self.dirty {
            return;
        }
        let had_data = self.generation.is_some();
        if data_changed {
            self.keys.clear();
            self.keys.extend(rows.iter().map(self.key_of));
            if !self.marks.is_empty() {
                let here: HashSet<&K> = self.keys.iter().collect();
                self.marks.retain(|key| here.contains(key));
            }
        }
        self.generation = Some(generation);
        self.dirty = false;
        self.marked.take();
        self.rebuild(rows);
        self.reselect(data_changed && had_data);
    }

    fn rebuild(&mut self, rows: &[R]) {
        let mut index = std::mem::take(&mut self.index);
        index.clear();
        let all = 0..u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let base = self.base.unwrap_or(|_| true);
        let mut total = 0;
        let all = all.filter(|&i| base(&rows[i as usize])).inspect(|_| total += 1);
        if self.filter.is_empty() {
            index.extend(all);
        } else {
            let mut matcher = self.filter.matcher();
            let mut hay = String::new();
            index.extend(all.filter(|&i| {
                let row = &rows[i as usize];
                hay.clear();
                (self.search)(row, &mut hay);
                if hay.is_ascii() {
                    hay.make_ascii_lowercase();
                } else {
                    hay = hay.to_lowercase();
                }
                matcher.matches(&hay, |key, value| self.property.and_then(|property| property(row, key, value)))
            }));
        }
        self.total = total;
        if let Some((column, descending)) = self.sort
            && let Some(compare) = self.columns[column].sort
        {
            let keys = &self.keys;
            index.sort_by(|&a, &b| {
                let (a, b) = (a as usize, b as usize);
                let order = compare(&rows[a], &rows[b]);
                let order = if descending { order.reverse() } else { order };
                order.then_with(|| keys[a].cmp(&keys[b]))
            });
        }
        self.index = index;
    }

    /// Puts the cursor back onto the selected row; when that is gone, stays at the same position.
    fn reselect(&mut self, by_refresh: bool) {
        let found = self.selected.as_ref().and_then(|key| self.position(key));
        match found {
            Some(position) => self.cursor = position,
            None => {
                self.lost |= by_refresh && self.selected.is_some();
                self.cursor = self.cursor.min(self.index.len().saturating_sub(1));
                self.selected = self.key_at(self.cursor);
            }
        }
    }

    fn position(&self, key: &K) -> Option<usize> {
        self.index.iter().position(|&i| self.keys[i as usize] == *key)
    }

    fn key_at(&self, position: usize) -> Option<K> {
        self.index.get(position).map(|&i| self.keys[i as usize].clone())
    }

    /// The selected row.
    pub fn selected<'r>(&self, rows: &'r [R]) -> Option<&'r R> {
        let key = self.selected.as_ref()?;
        self.find(rows, key)
    }

    /// The row with this identity: by the index when that is up to date, else by looking through.
    fn find<'r>(&self, rows: &'r [R], key: &K) -> Option<&'r R> {
        let by_index = self.index.get(self.cursor).and_then(|&i| rows.get(i as usize));
        by_index.filter(|row| (self.key_of)(row) == *key).or_else(|| rows.iter().find(|row| (self.key_of)(row) == *key))
    }

    /// The identity of the selected row.
    pub fn selected_key(&self) -> Option<&K> {
        self.selected.as_ref()
    }

    /// Selects a row by identity; true when it is shown.
    pub fn select(&mut self, key: &K) -> bool {
        match self.position(key) {
            Some(position) => {
                self.move_to(position);
                true
            }
            // Not there yet: the next sync finds it, if it has come.
            None => {
                self.selected = Some(key.clone());
                self.dirty = true;
                false
            }
        }
    }

    /// True when the selected row vanished by a refresh and the cursor now stands on another one that the user hasn't
    /// chosen. Ends with the next movement or [`Table::accept_selection`].
    pub fn selection_lost(&self) -> bool {
        self.lost
    }

    /// The user has seen that another row is selected now.
    pub fn accept_selection(&mut self) {
        self.lost = false;
    }

    /// The position of the cursor among the shown rows.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// How many rows are shown.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// True when no row is shown.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The shown rows in their order.
    pub fn shown<'r>(&self, rows: &'r [R]) -> impl Iterator<Item = &'r R> {
        self.index.iter().filter_map(|&i| rows.get(i as usize))
    }

    /// The marked rows, hidden ones too, in the order of `rows`.
    pub fn marked<'r>(&self, rows: &'r [R]) -> Vec<&'r R> {
        if self.marks.is_empty() && self.range.is_none() {
            return vec![];
        }
        let places = self.marked_places();
        let found = |&i: &u32| rows.get(i as usize).filter(|row| (self.key_of)(row) == self.keys[i as usize]);
        if let Some(marked) = places.iter().map(found).collect() {
            return marked;
        }
        // The rows are newer than the index.
        let marks = self.all_marks();
        rows.iter().filter(|row| marks.contains(&(self.key_of)(row))).collect()
    }

    /// The marked rows, or the selected one when none is marked: what an action works on.
    pub fn marked_or_selected<'r>(&self, rows: &'r [R]) -> Vec<&'r R> {
        let marked = self.marked(rows);
        if marked.is_empty() { self.selected(rows).into_iter().collect() } else { marked }
    }

    /// How many rows are marked.
    pub fn mark_count(&self) -> usize {
        if self.marks.is_empty() && self.range.is_none() { 0 } else { self.all_marks().len() }
    }

    /// Forgets all marks.
    pub fn clear_marks(&mut self) {
        self.marks.clear();
        self.range = None;
        self.marked.take();
    }

    /// Marks or unmarks a row.
    pub fn mark(&mut self, key: K, marked: bool) {
        self.marked.take();
        if marked {
            self.marks.insert(key);
        } else {
            self.marks.remove(&key);
        }
    }

    /// Positions of the range that is being marked with `v`.
    fn range_positions(&self) -> Option<std::ops::RangeInclusive<usize>> {
        let anchor = self.position(self.range.as_ref()?)?;
        Some(anchor.min(self.cursor)..=anchor.max(self.cursor))
    }

    fn marked_places(&self) -> &[u32] {
        self.marked.get_or_init(|| {
            let marks = self.all_marks();
            let places = self.keys.iter().enumerate().filter(|(_, key)| marks.contains(key));
            places.map(|(i, _)| u32::try_from(i).unwrap_or(u32::MAX)).collect()
        })
    }

    fn all_marks(&self) -> HashSet<K> {
        let mut marks = self.marks.clone();
        marks.extend(self.range_positions().into_iter().flatten().filter_map(|p| self.key_at(p)));
        marks
    }

    /// The filter in use.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Sets the filter's text; see [`Filter`] for what it understands.
    pub fn set_filter(&mut self, text: &str) {
        self.filter = Filter::parse(text);
        self.dirty = true;
    }

    /// True while the filter is being typed: all keys go to it.
    pub fn is_typing(&self) -> bool {
        self.typing.is_some()
    }

    /// Opens the filter line, as `/` does.
    pub fn start_filter(&mut self) {
        self.typing = Some(Input::new(self.filter.text()));
    }

    /// Sorts by a column; unknown or unsortable columns change nothing.
    pub fn sort_by(&mut self, column: &str, descending: bool) {
        if let Some(i) = self.columns.iter().position(|c| c.id == column && c.sort.is_some()) {
            self.sort = Some((i, descending));
            self.dirty = true;
        }
    }

    /// Shows the rows in the order they come.
    pub fn unsort(&mut self) {
        self.sort = None;
        self.dirty = true;
    }

    /// Column id and "descending?" of the sorting in use.
    pub fn sorted_by(&self) -> Option<(&'static str, bool)> {
        self.sort.map(|(i, descending)| (self.columns[i].id, descending))
    }

    /// Id and title of the columns that can be sorted, for a menu.
    pub fn sortable(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.columns.iter().filter(|c| c.sort.is_some()).map(|c| (c.id, c.title))
    }

    /// The columns that are shown at most.
    pub fn columns(&self) -> &[Column<R>] {
        &self.columns
    }

    /// Replaces the columns (the user chose others); sorting stays when its column does.
    pub fn set_columns(&mut self, columns: Vec<Column<R>>) {
        let sorted = self.sorted_by();
        self.fit = vec![0; columns.len()];
        self.columns = columns;
        self.sort = None;
        self.sideways = 0;
        self.dirty = true;
        if let Some((id, descending)) = sorted {
            self.sort_by(id, descending);
        }
    }

    /// Filter, counter and marks: `"/web  24/310  3 marked"`.
    pub fn status(&self) -> String {
        let (shown, all) = (self.index.len(), self.total);
        let mut status = if shown == all { all.to_string() } else { format!("{shown}/{all}") };
        let marks = if self.mark_count() == 0 { HashSet::new() } else { self.all_marks() };
        if !marks.is_empty() {
            let visible = self.index.iter().filter(|&&i| marks.contains(&self.keys[i as usize])).count();
            status.push_str(&format!("  {} marked", marks.len()));
            if visible < marks.len() {
                status.push_str(&format!(" ({} hidden)", marks.len() - visible));
            }
        }
        // While it is typed it has a line of its own.
        let filter = if self.is_typing() { "" } else { self.filter.text().trim() };
        if filter.is_empty() { status } else { format!("/{filter}  {status}") }
    }
}
