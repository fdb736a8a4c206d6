//! Forms as data. Field keys are the API's parameter names, so that the server's complaints find their field.
//!
//! ```
//! use proxmux::ui::Form;
//! let form = Form::new()
//!     .text("name", "Name").required().help("DNS name of the guest")
//!     .number("cores", "Cores", 1..=512).initial("2")
//!     .toggle("onboot", "Start at boot").advanced();
//! assert_eq!(form.values().get("cores"), "2");
//! ```

mod draw;
mod events;
mod field;
mod outline;
mod popup;
#[cfg(test)]
mod tests;
mod values;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use compact_str::format_compact;
use ratatui::layout::Rect;
use secrecy::{ExposeSecret, SecretString};

use super::Input;
pub use field::{Choice, Choices};
use field::{Field, Group, Kind};
pub use outline::Outline;
use popup::Popup;
pub use values::Values;

/// Says why a value is wrong. Gets the value (never empty) and all values of the form.
pub type Check = fn(&str, &Values) -> Result<(), String>;

/// Says what the user should know about a value that is right nevertheless. Gets the value (never empty) and all values.
pub type Warn = fn(&str, &Values) -> Option<String>;

/// Says something about a field that depends on the values, e.g. a total.
pub type Hint = fn(&Values) -> Option<String>;

/// Whether a field is there, given the others' values.
pub type When = fn(&Values) -> bool;

/// What a key or click did to a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormEvent {
    /// Not for the form.
    Ignored,
    /// Focus, cursor or folds changed.
    Used,
    /// The field with this key has another value now.
    Changed(String),
    /// Enter in the last field, or Ctrl-s. Nothing is checked yet: see [`Form::validate`].
    Submit,
}

/// Where the focus can be: a field, a field of a group's item, or (a group without `item`) the group's "add" line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Spot {
    field: usize,
    item: Option<(usize, usize)>,
}

/// A form: fields, values, focus, errors.
#[derive(Default)]
pub struct Form {
    fields: Vec<Field>,
    focus: Spot,
    advanced: bool,
    popup: Option<Popup>,
    /// The field in which something was typed or moved since it has the focus.
    touched: Option<Spot>,
    /// Lines scrolled away at the top.
    scroll: usize,
    seen: Vec<(u16, draw::Hit)>,
    value_area: Rect,
    /// Values from elsewhere that conditions and checks may look at.
    context: Values,
}

fn expose(secret: SecretString) -> String {
    secret.expose_secret().to_owned()
}

impl Form {
    /// A form without fields.
    pub fn new() -> Self {
        Self::default()
    }

    fn add(mut self, key: &str, label: &str, kind: Kind) -> Self {
        self.fields.push(Field::new(key, label, kind));
        if self.fields.len() == 1 {
            self.focus_first();
        }
        self
    }

    fn last(mut self, change: impl FnOnce(&mut Field)) -> Self {
        if let Some(field) = self.fields.last_mut() {
            change(field);
        }
        self
    }

    /// Adds a text field.
    pub fn text(self, key: &str, label: &str) -> Self {
        self.add(key, label, Kind::Text(Input::new("")))
    }

    /// The last field's text (not a secret) has lines, with `\n` between them.
    pub fn with_lines(self) -> Self {
        self.last(|f| {
            if let Kind::Text(input) = &mut f.kind {
                input.hold_lines();
            }
        })
    }

    /// Adds a field for a whole number within bounds.
    pub fn number(self, key: &str, label: &str, range: RangeInclusive<i64>) -> Self {
        self.add(key, label, Kind::Number(Input::new(""), range))
    }

    /// Adds a choice of one. Text keys type into its filter; Left and Right step through.
    pub fn select(self, key: &str, label: &str, choices: impl Into<Choices>) -> Self {
        let form = self.add(key, label, Kind::Select { choices: choices.into(), chosen: String::new(), free: false });
        form.last(Field::choose_only)
    }

    /// Adds a choice of any number; the value is the chosen ones joined by commas.
    pub fn multi(self, key: &str, label: &str, choices: impl Into<Choices>) -> Self {
        self.add(key, label, Kind::Multi { choices: choices.into(), chosen: Vec::new(), free: false })
    }

    /// Adds a yes/no field; off unless its initial value is `"1"`.
    pub fn toggle(self, key: &str, label: &str) -> Self {
        self.add(key, label, Kind::Toggle(false)).initial("0")
    }

    /// Adds a masked field. Its text is not in [`Form::values`] but only in [`Form::secret_of`].
    pub fn secret(self, key: &str, label: &str) -> Self {
        self.add(key, label, Kind::Secret(Input::secret()))
    }

    /// The last field (a secret) must have so many characters when it is filled.
    pub fn at_least(self, characters: usize) -> Self {
        self.last(|f| f.least = characters)
    }

    /// The last field (a secret) must be typed like the one with this key.
    pub fn repeats(self, key: &str) -> Self {
        self.last(|f| f.repeats = Some(key.to_owned()))
    }

    /// Adds a text that stands between the fields.
    pub fn note(self, text: &str) -> Self {
        self.add("", text, Kind::Note)
    }

    /// Adds a list of sub-forms, e.g. disks: `make(n)` builds the form of item `n`. It starts with as many items as the
    /// bounds ask for (at least). F3 adds one, F4 removes the one with the focus.
    pub fn group(
        self,
        key: &str,
        label: &str,
        count: RangeInclusive<usize>,
        make: impl Fn(usize) -> Form + Send + 'static,
    ) -> Self {
        let mut group = Group { count, make: Box::new(make), items: Vec::new(), choices: BTreeMap::new(), next: 0 };
        for _ in 0..*group.count.start() {
            group.push();
        }
        self.add(key, label, Kind::Group(group))
    }

    /// The last field must not be empty.
    pub fn required(self) -> Self {
        self.last(|f| f.required = true)
    }

    /// The last field's value at the start; what differs from it counts as changed.
    pub fn initial(self, value: &str) -> Self {
        self.last(|f| f.set_initial(value))
    }

    /// What the last field shows while it is empty (e.g. what the server takes then).
    pub fn placeholder(self, text: &str) -> Self {
        self.last(|f| f.set_placeholder(text))
    }

    /// Stands behind the last field, e.g. `MiB`.
    pub fn unit(self, unit: &str) -> Self {
        self.last(|f| f.unit = unit.into())
    }

    /// A sentence about the last field, shown while it has the focus.
    pub fn help(self, help: &str) -> Self {
        self.last(|f| f.help = help.into())
    }

    /// Adds a check to the last field.
    pub fn check(self, check: Check) -> Self {
        self.last(|f| f.checks.push(check))
    }

    /// Adds a warning to the last field: shown below it, and nobody is held up.
    pub fn warn(self, warn: Warn) -> Self {
        self.last(|f| f.warn = Some(warn))
    }

    /// Shows a computed text behind the last field.
    pub fn hint(self, hint: Hint) -> Self {
        self.last(|f| f.hint = Some(hint))
    }

    /// The last field (a choice of several) keeps the order in which they were marked.
    pub fn ordered(self) -> Self {
        self.last(|f| f.ordered = true)
    }

    /// The last field (a group) begins with this many items.
    pub fn items(self, count: usize) -> Self {
        let mut form = self.last(|f| f.begin_with(count));
        if form.fields.len() == 1 {
            form.focus_first();
        }
        form
    }

    /// The last field is there only under a condition; otherwise it has no value either.
    pub fn when(self, when: When) -> Self {
        self.last(|f| f.when = Some(when))
    }

    /// Every field so far that has no condition of its own is there only under this one.
    pub fn each_when(mut self, when: When) -> Self {
        for field in &mut self.fields {
            field.when = field.when.or(Some(when));
        }
        self
    }

    /// The last field is hidden until F2 is pressed; its value counts nevertheless.
    pub fn advanced(self) -> Self {
        self.last(|f| f.advanced = true)
    }

    /// The last field (a select) also takes a value that isn't among its choices; one for several takes further ones.
    pub fn free(self) -> Self {
        self.last(|f| {
            if let Kind::Select { free, .. } | Kind::Multi { free, .. } = &mut f.kind {
                *free = true;
            }
        })
    }

    // ---- values ----

    /// What conditions and checks see: all values, whether their fields are there or not.
    fn raw(&self) -> Values {
        let mut values = Values::default();
        for field in &self.fields {
            match &field.kind {
                Kind::Group(group) => {
                    for (n, item) in group.items.iter().enumerate() {
                        for sub in item.fields.iter().filter(|f| f.has_value()) {
                            values.0.push((format_compact!("{}{n}.{}", field.key, sub.key), sub.value().into()));
                        }
                    }
                }
                _ if field.has_value() => values.0.push(((&*field.key).into(), field.value().into())),
                _ => {}
            }
        }
        values.0.extend(self.context.0.iter().cloned());
        values
    }

    /// Values from elsewhere (other steps of a wizard, facts about the cluster) that conditions and checks see besides the
    /// form's own.
    pub fn set_context(&mut self, context: Values) {
        self.context = context;
        if !self.stops().contains(&self.focus) {
            self.focus_first();
        }
    }

    /// What the conditions and checks of an item see: its own values by their bare keys, then all others.
    fn raw_of_item(item: &Form, raw: &Values) -> Values {
        let mut values = item.raw();
        values.0.extend(raw.0.iter().cloned());
        values
    }

    /// The values of all fields that are there, in order. Secrets are left out.
    pub fn values(&self) -> Values {
        let raw = self.raw();
        let mut values = Values::default();
        for field in self.fields.iter().filter(|f| f.is_there(&raw)) {
            match &field.kind {
                Kind::Group(group) => {
                    for (n, item) in group.items.iter().enumerate() {
                        let item_raw = Self::raw_of_item(item, &raw);
                        for sub in item.fields.iter().filter(|f| f.has_value() && f.is_there(&item_raw)) {
                            values.0.push((format_compact!("{}{n}.{}", field.key, sub.key), sub.value().into()));
                        }
                    }
                }
                _ if field.has_value() => values.0.push(((&*field.key).into(), field.value().into())),
                _ => {}
            }
        }
        values
    }

    /// The values that differ from their defaults; emptied ones are in it with `""`. Fields of groups count when filled.
    pub fn changed(&self) -> Values {
        let values = self.values();
        let initial = |key: &str| self.fields.iter().find(|f| f.key == key).map(|f| f.initial.as_str());
        Values(values.0.into_iter().filter(|(key, value)| initial(key).unwrap_or("") != value).collect())
    }

    /// The values of a group's items with their bare keys.
    pub fn group_values(&self, key: &str) -> Vec<Values> {
        let raw = self.raw();
        let group = self.fields.iter().find(|f| f.key == key && f.is_there(&raw));
        let Some(Kind::Group(group)) = group.map(|f| &f.kind) else { return Vec::new() };
        group
            .items
            .iter()
            .map(|item| {
                let item_raw = Self::raw_of_item(item, &raw);
                let there = item.fields.iter().filter(|f| f.has_value() && f.is_there(&item_raw));
                there.map(|f| (&*f.key, f.value())).collect()
            })
            .collect()
    }

    /// What was typed into a secret field; `None` when it is empty or not there.
    pub fn secret_of(&self, key: &str) -> Option<SecretString> {
        let raw = self.raw();
        self.fields.iter().find(|f| f.key == key && f.is_there(&raw)).and_then(|f| match &f.kind {
            Kind::Secret(input) if !input.is_empty() => Some(input.to_secret()),
            _ => None,
        })
    }

    /// The keys of the secret fields that are there and filled.
    pub fn secret_keys(&self) -> Vec<&str> {
        let raw = self.raw();
        let filled = |f: &&Field| matches!(&f.kind, Kind::Secret(input) if !input.is_empty()) && f.is_there(&raw);
        self.fields.iter().filter(filled).map(|f| f.key.as_str()).collect()
    }

    /// Sets a field's value; `"disk0.size"` for the fields of an item. False when there is no such field.
    pub fn set(&mut self, key: &str, value: &str) -> bool {
        match self.spot(key) {
            Some(spot) => {
                if let Some(field) = self.field_mut(spot) {
                    field.set(value);
                    field.error = None;
                }
                true
            }
            None => false,
        }
    }

    /// Sets a field's value and its default (editing something that exists). False when there is no such field.
    pub fn set_initial(&mut self, key: &str, value: &str) -> bool {
        match self.spot(key).and_then(|spot| self.field_mut(spot)) {
            Some(field) => {
                field.set_initial(value);
                true
            }
            None => false,
        }
    }

    /// Takes a field off the screen; conditions and checks still see its value, which is not in [`Form::values`] any more.
    pub fn hide(&mut self, key: &str) {
        if let Some(field) = self.spot(key).and_then(|spot| self.field_mut(spot)) {
            field.when = Some(|_| false);
        }
    }

    /// Sets a default that suits other values better: only where the user has left the field alone.
    pub fn set_default(&mut self, key: &str, value: &str) -> bool {
        match self.spot(key).and_then(|spot| self.field_mut(spot)) {
            Some(field) if field.value() == field.initial && field.value() != value => {
                field.set_initial(value);
                true
            }
            _ => false,
        }
    }

    /// The same for a field of all items of a group.
    pub fn set_default_of_items(&mut self, group: &str, key: &str, value: &str) -> bool {
        let field = self.fields.iter_mut().find(|f| f.key == group);
        let Some(Kind::Group(group)) = field.map(|f| &mut f.kind) else { return false };
        let mut changed = false;
        for item in &mut group.items {
            changed |= item.set_default(key, value);
        }
        changed
    }

    /// Adds an item to a group and returns its number; `None` when it is full or not a group.
    pub fn add_item(&mut self, key: &str) -> Option<usize> {
        let field = self.fields.iter_mut().find(|f| f.key == key)?;
        let Kind::Group(group) = &mut field.kind else { return None };
        (group.items.len() < *group.count.end()).then(|| {
            group.push();
            group.items.len() - 1
        })
    }

    /// True when something was typed or chosen.
    pub fn is_dirty(&self) -> bool {
        self.fields.iter().any(Field::is_dirty)
    }

    // ---- choices and errors ----

    /// Sets the choices of all selects with this key, in the items of groups too (also those added later).
    pub fn set_choices(&mut self, key: &str, choices: impl Into<Choices>) {
        let choices = choices.into();
        let others = self.field(self.focus).is_some_and(|f| f.key == key && !f.offers(&choices));
        for field in &mut self.fields {
            match &mut field.kind {
                Kind::Group(group) => {
                    for item in &mut group.items {
                        item.set_choices(key, choices.clone());
                    }
                    group.choices.insert(key.to_owned(), choices.clone());
                }
                _ if field.key == key => field.set_choices(choices.clone()),
                _ => {}
            }
        }
        if let Some(popup) = self.popup.as_mut().filter(|_| others) {
            popup.rewind();
        }
    }

    /// Checks all fields that are there. False when one is wrong: the errors stand beside the fields and the first
    /// wrong field has the focus.
    pub fn validate(&mut self) -> bool {
        let raw = self.raw();
        let mut first_wrong = None;
        for spot in self.all_spots() {
            let error = if self.is_there(spot, &raw) { self.problem_at(spot, &raw) } else { None };
            if error.is_some() && first_wrong.is_none() {
                first_wrong = Some(spot);
            }
            if let Some(field) = self.field_mut(spot) {
                field.error = error;
            }
        }
        if let Some(spot) = first_wrong {
            self.focus_spot(spot);
        }
        first_wrong.is_none()
    }

    /// True when all fields that are there are right; shows nothing.
    pub fn is_valid(&self) -> bool {
        let raw = self.raw();
        self.all_spots()
            .into_iter()
            .filter(|spot| self.is_there(*spot, &raw))
            .all(|spot| self.problem_at(spot, &raw).is_none())
    }

    /// Puts the server's errors beside their fields and focuses the first. Keys: a field's key, `"disk0.size"`, or
    /// `"disk0"` for an item as a whole. Returns those that have no field here.
    pub fn set_errors(&mut self, errors: BTreeMap<String, String>) -> BTreeMap<String, String> {
        self.clear_errors();
        let mut unknown = BTreeMap::new();
        let mut wrong = Vec::new();
        for (key, text) in errors {
            match self.spot(&key).or_else(|| self.item_spot(&key)) {
                Some(spot) => {
                    if let Some(field) = self.field_mut(spot) {
                        field.error = Some(text);
                    }
                    wrong.push(spot);
                }
                None => {
                    unknown.insert(key, text);
                }
            }
        }
        let first = self.all_spots().into_iter().find(|spot| wrong.contains(spot));
        if let Some(spot) = first {
            self.focus_spot(spot);
        }
        unknown
    }

    /// Takes all errors away.
    pub fn clear_errors(&mut self) {
        for spot in self.all_spots() {
            if let Some(field) = self.field_mut(spot) {
                field.error = None;
            }
        }
    }

    /// The errors that are shown, by key.
    pub fn errors(&self) -> BTreeMap<String, String> {
        self.all_spots()
            .into_iter()
            .filter_map(|spot| Some((self.key_of(spot), self.field(spot)?.error.clone()?)))
            .collect()
    }

    /// True when a field of this form has this key (for [`super::Wizard`]).
    pub fn has(&self, key: &str) -> bool {
        self.spot(key).or_else(|| self.item_spot(key)).is_some()
    }

    // ---- focus ----

    /// Focuses a field; false when there is no such field. Unfolds the advanced ones when it is one of them.
    pub fn focus(&mut self, key: &str) -> bool {
        match self.spot(key).or_else(|| self.item_spot(key)) {
            Some(spot) => {
                self.focus_spot(spot);
                true
            }
            None => false,
        }
    }

    /// The key of the field with the focus.
    pub fn focused(&self) -> String {
        self.key_of(self.focus)
    }

    /// Focuses the first field.
    pub fn focus_first(&mut self) {
        self.popup = None;
        self.focus = self.stops().first().copied().unwrap_or_default();
    }

    /// Shows or hides the advanced fields.
    pub fn set_advanced(&mut self, shown: bool) {
        self.advanced = shown;
        if !self.stops().contains(&self.focus) {
            self.focus_first();
        }
    }

    /// True when the advanced fields are shown.
    pub fn shows_advanced(&self) -> bool {
        self.advanced
    }

    /// True when there are advanced fields.
    pub fn has_advanced(&self) -> bool {
        self.all_spots().into_iter().any(|spot| self.field(spot).is_some_and(|f| f.advanced))
    }

    /// True while a choice pop-up is open: Esc closes it first.
    pub fn is_choosing(&self) -> bool {
        self.popup.is_some()
    }

    fn focus_spot(&mut self, spot: Spot) {
        self.popup = None;
        if self.field(spot).is_some_and(|f| f.advanced) {
            self.advanced = true;
        }
        self.focus = spot;
    }

    fn field(&self, spot: Spot) -> Option<&Field> {
        let field = self.fields.get(spot.field)?;
        match (&field.kind, spot.item) {
            (Kind::Group(group), Some((n, sub))) => group.items.get(n)?.fields.get(sub),
            (_, None) => Some(field),
            _ => None,
        }
    }

    fn field_mut(&mut self, spot: Spot) -> Option<&mut Field> {
        let field = self.fields.get_mut(spot.field)?;
        match spot.item {
            None => Some(field),
            Some((n, sub)) => match &mut field.kind {
                Kind::Group(group) => group.items.get_mut(n)?.fields.get_mut(sub),
                _ => None,
            },
        }
    }

    fn key_of(&self, spot: Spot) -> String {
        let Some(field) = self.fields.get(spot.field) else { return String::new() };
        match (spot.item, self.field(spot)) {
            (Some((n, _)), Some(sub)) => format!("{}{n}.{}", field.key, sub.key),
            _ => field.key.clone(),
        }
    }

    fn spot(&self, key: &str) -> Option<Spot> {
        self.all_spots().into_iter().find(|spot| self.key_of(*spot) == key && !key.is_empty())
    }

    /// `"disk0"`: the first field of that item.
    fn item_spot(&self, key: &str) -> Option<Spot> {
        let is_of_item = |spot: &Spot| {
            spot.item.is_some_and(|(n, _)| {
                self.fields[spot.field].key.len() < key.len() && format!("{}{n}", self.fields[spot.field].key) == key
            })
        };
        self.all_spots().into_iter().find(is_of_item)
    }

    /// Every field in order, groups' items before the group's "add" line.
    fn all_spots(&self) -> Vec<Spot> {
        let mut spots = Vec::new();
        for (i, field) in self.fields.iter().enumerate() {
            if let Kind::Group(group) = &field.kind {
                for (n, item) in group.items.iter().enumerate() {
                    spots.extend((0..item.fields.len()).map(|sub| Spot { field: i, item: Some((n, sub)) }));
                }
            }
            spots.push(Spot { field: i, item: None });
        }
        spots
    }

    fn raw_around<'v>(&self, spot: Spot, raw: &'v Values) -> Cow<'v, Values> {
        match (spot.item, self.fields.get(spot.field).map(|f| &f.kind)) {
            (Some((n, _)), Some(Kind::Group(group))) => {
                group.items.get(n).map_or(Cow::Borrowed(raw), |item| Cow::Owned(Self::raw_of_item(item, raw)))
            }
            _ => Cow::Borrowed(raw),
        }
    }

    /// Why a field's value can't be used. The values around an item are only gathered where a check looks at them.
    fn problem_at(&self, spot: Spot, raw: &Values) -> Option<String> {
        let field = self.field(spot)?;
        if let Some(other) = &field.repeats
            && self.secret_of(other).map(expose) != self.secret_of(&field.key).map(expose)
        {
            return Some("is not the same as above".into());
        }
        if field.checks.is_empty() || field.value().is_empty() {
            return field.problem(raw);
        }
        field.problem(&self.raw_around(spot, raw))
    }

    /// True when the field's conditions (and its group's) hold.
    fn is_there(&self, spot: Spot, raw: &Values) -> bool {
        self.fields.get(spot.field).is_some_and(|f| f.is_there(raw))
            && (spot.item.is_none()
                || self.field(spot).is_some_and(|f| f.when.is_none() || f.is_there(&self.raw_around(spot, raw))))
    }

    /// What is shown: there, and not folded away (wrong fields are never folded away).
    fn shown(&self) -> Vec<Spot> {
        let raw = self.raw();
        let folded = |f: &Field| f.advanced && !self.advanced && f.error.is_none();
        let is_shown = |spot: &Spot| {
            self.is_there(*spot, &raw)
                && !folded(&self.fields[spot.field])
                && self.field(*spot).is_some_and(|f| !folded(f))
        };
        self.all_spots().into_iter().filter(is_shown).collect()
    }

    /// Where Tab stops.
    fn stops(&self) -> Vec<Spot> {
        let can_focus = |spot: &Spot| match self.field(*spot).map(|f| &f.kind) {
            Some(Kind::Note) | None => false,
            Some(Kind::Group(group)) => group.items.len() < *group.count.end(),
            Some(_) => true,
        };
        self.shown().into_iter().filter(can_focus).collect()
    }
}
