//! One field: kind, value, checks.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use secrecy::ExposeSecret;

use super::{Check, Form, Hint, Values, Warn, When};
use crate::ui::Input;

/// One thing to choose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is shown.
    pub label: String,
    /// More about it (free space, description); shown muted and searched, too.
    pub detail: String,
}

impl Choice {
    /// A choice that is shown as what is sent.
    pub fn new(value: impl Into<String>) -> Self {
        let value = value.into();
        Self { label: value.clone(), value, detail: String::new() }
    }

    /// A choice with its own label.
    pub fn labelled(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into(), detail: String::new() }
    }

    /// Adds the detail text.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

impl From<&str> for Choice {
    fn from(value: &str) -> Self {
        Self::new(value)
    }
}

impl From<(&str, &str)> for Choice {
    fn from((value, label): (&str, &str)) -> Self {
        Self::labelled(value, label)
    }
}

/// The choices of a select; they may come later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choices {
    /// On the way: a spinner is shown.
    Loading,
    /// Here.
    Ready(Vec<Choice>),
    /// They couldn't be had, and why. A value may be typed then.
    Failed(String),
}

impl From<Vec<Choice>> for Choices {
    fn from(choices: Vec<Choice>) -> Self {
        Self::Ready(choices)
    }
}

impl<C: Into<Choice> + Copy> From<&[C]> for Choices {
    fn from(choices: &[C]) -> Self {
        Self::Ready(choices.iter().map(|c| (*c).into()).collect())
    }
}

impl<C: Into<Choice>, const N: usize> From<[C; N]> for Choices {
    fn from(choices: [C; N]) -> Self {
        Self::Ready(choices.into_iter().map(Into::into).collect())
    }
}

impl Choices {
    /// The choices that are here.
    pub fn ready(&self) -> &[Choice] {
        match self {
            Self::Ready(choices) => choices,
            _ => &[],
        }
    }
}

pub(super) struct Group {
    pub count: RangeInclusive<usize>,
    pub make: Box<dyn Fn(usize) -> Form + Send>,
    pub items: Vec<Form>,
    /// Choices that came for fields of the items; for items added later.
    pub choices: BTreeMap<String, Choices>,
    /// Number handed to `make` next; numbers aren't used twice, so that defaults like "scsi1" stay unique.
    pub next: usize,
}

impl Group {
    pub fn push(&mut self) {
        let mut item = (self.make)(self.next);
        self.next += 1;
        for (key, choices) in &self.choices {
            item.set_choices(key, choices.clone());
        }
        self.items.push(item);
    }
}

pub(super) enum Kind {
    Text(Input),
    Number(Input, RangeInclusive<i64>),
    Secret(Input),
    Toggle(bool),
    Select { choices: Choices, chosen: String, free: bool },
    Multi { choices: Choices, chosen: Vec<String>, free: bool },
    Note,
    Group(Group),
}

pub(super) struct Field {
    pub key: String,
    pub label: String,
    pub kind: Kind,
    pub required: bool,
    pub initial: String,
    pub placeholder: String,
    pub unit: String,
    pub help: String,
    pub checks: Vec<Check>,
    pub warn: Option<Warn>,
    pub hint: Option<Hint>,
    /// What is chosen stays in the order in which it was marked.
    pub ordered: bool,
    /// A secret must have so many characters.
    pub least: usize,
    /// A secret must be typed like the one in this field.
    pub repeats: Option<String>,
    pub when: Option<When>,
    pub advanced: bool,
    pub error: Option<String>,
    /// A group's number of items at the start.
    started_with: usize,
}

impl Field {
    pub fn new(key: &str, label: &str, kind: Kind) -> Self {
        let started_with = if let Kind::Group(group) = &kind { group.items.len() } else { 0 };
        Self {
            key: key.into(),
            label: label.into(),
            kind,
            required: false,
            initial: String::new(),
            placeholder: String::new(),
            unit: String::new(),
            help: String::new(),
            checks: Vec::new(),
            warn: None,
            hint: None,
            ordered: false,
            least: 0,
            repeats: None,
            when: None,
            advanced: false,
            error: None,
            started_with,
        }
    }

    pub fn is_there(&self, values: &Values) -> bool {
        self.when.is_none_or(|when| when(values))
    }

    /// Something stands in it, be it secret or not.
    pub fn is_filled(&self) -> bool {
        matches!(&self.kind, Kind::Secret(input) if !input.is_empty()) || !self.value().is_empty()
    }

    /// Secrets, notes and groups have no value of their own in [`Values`].
    pub fn has_value(&self) -> bool {
        !matches!(self.kind, Kind::Secret(_) | Kind::Note | Kind::Group(_))
    }

    pub fn value(&self) -> String {
        match &self.kind {
            Kind::Text(input) => input.text().to_owned(),
            Kind::Number(input, _) => input.text().trim().to_owned(),
            Kind::Toggle(on) => if *on { "1" } else { "0" }.into(),
            Kind::Select { chosen, .. } => chosen.clone(),
            Kind::Multi { chosen, .. } => chosen.join(","),
            Kind::Secret(_) | Kind::Note | Kind::Group(_) => String::new(),
        }
    }

    pub fn set(&mut self, value: &str) {
        match &mut self.kind {
            Kind::Text(input) | Kind::Number(input, _) | Kind::Secret(input) => input.set(value),
            Kind::Toggle(on) => *on = matches!(value, "1" | "true" | "yes" | "on"),
            Kind::Select { chosen, .. } => *chosen = value.to_owned(),
            Kind::Multi { chosen, .. } => {
                *chosen = value.split([',', ';', ' ']).filter(|v| !v.is_empty()).map(str::to_owned).collect();
            }
            Kind::Note | Kind::Group(_) => {}
        }
    }

    pub fn set_initial(&mut self, value: &str) {
        self.set(value);
        self.initial = self.value();
    }

    pub fn begin_with(&mut self, count: usize) {
        if let Kind::Group(group) = &mut self.kind {
            while group.items.len() < count.min(*group.count.end()) {
                group.push();
            }
            self.started_with = group.items.len();
        }
    }

    /// What is worth knowing about a value that is right.
    pub fn warning(&self, values: &Values) -> Option<String> {
        let value = self.value();
        let warn = self.warn.filter(|_| !value.is_empty() && self.error.is_none())?;
        warn(&value, values).filter(|_| self.problem(values).is_none())
    }

    pub fn set_placeholder(&mut self, text: &str) {
        self.placeholder = text.into();
        if let Kind::Text(input) | Kind::Number(input, _) | Kind::Secret(input) = &mut self.kind {
            *input = std::mem::take(input).with_placeholder(text);
        }
    }

    /// True when these are the choices that it has.
    pub fn offers(&self, list: &Choices) -> bool {
        matches!(&self.kind, Kind::Select { choices, .. } | Kind::Multi { choices, .. } if choices == list)
    }

    pub fn set_choices(&mut self, new: Choices) {
        if let Kind::Select { choices, .. } | Kind::Multi { choices, .. } = &mut self.kind {
            *choices = new;
        }
        self.choose_only();
    }

    /// Where there is nothing to choose, it is chosen; the user sees it and it counts as the default.
    pub fn choose_only(&mut self) {
        if let Kind::Select { choices: Choices::Ready(choices), chosen, .. } = &mut self.kind
            && let [only] = choices.as_slice()
            && chosen.is_empty()
            && self.required
        {
            *chosen = only.value.clone();
            self.initial = chosen.clone();
        }
    }

    pub fn is_dirty(&self) -> bool {
        match &self.kind {
            Kind::Secret(input) => !input.is_empty(),
            Kind::Note => false,
            Kind::Group(group) => group.items.len() != self.started_with || group.items.iter().any(Form::is_dirty),
            _ => self.value() != self.initial,
        }
    }

    /// Why the value can't be used.
    pub fn problem(&self, values: &Values) -> Option<String> {
        if let Kind::Secret(input) = &self.kind {
            return match input.to_secret().expose_secret().chars().count() {
                0 => self.required.then(|| "is required".into()),
                n if n < self.least => Some(format!("must have at least {} characters", self.least)),
                _ => None,
            };
        }
        if !self.has_value() {
            return None;
        }
        let value = self.value();
        if value.is_empty() {
            return self.required.then(|| "is required".into());
        }
        if let Kind::Number(_, range) = &self.kind {
            match value.parse::<i64>() {
                Ok(n) if range.contains(&n) => {}
                Ok(_) => return Some(format!("must be from {} to {}", range.start(), range.end())),
                Err(_) => return Some("must be a whole number".into()),
            }
        }
        self.checks.iter().find_map(|check| check(&value, values).err())
    }

    /// Steps to the next or previous choice; true when that changed something.
    pub fn step(&mut self, forward: bool) -> bool {
        match &mut self.kind {
            Kind::Select { choices, chosen, .. } => {
                let choices = choices.ready();
                if choices.is_empty() {
                    return false;
                }
                let last = choices.len() - 1;
                let next = match choices.iter().position(|c| c.value == *chosen) {
                    None if forward => 0,
                    None => last,
                    Some(i) if forward => {
                        if i == last {
                            0
                        } else {
                            i + 1
                        }
                    }
                    Some(i) => i.checked_sub(1).unwrap_or(last),
                };
                let changed = choices[next].value != *chosen;
                *chosen = choices[next].value.clone();
                changed
            }
            Kind::Toggle(on) => {
                *on = !*on;
                true
            }
            _ => false,
        }
    }
}
