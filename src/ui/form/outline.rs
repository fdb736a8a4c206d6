//! A form without a screen: what it asks for, and filling it in by keys.

use super::{Form, field::Kind};

/// One field of a form as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Its key, `disk0.size` for a field of a group's item.
    pub key: String,
    /// What it is called on the screen.
    pub label: String,
    /// Its help.
    pub help: String,
    /// It must not be empty.
    pub required: bool,
    /// It must not stand on a command line.
    pub secret: bool,
    /// It asks for something with the present values of the others.
    pub there: bool,
    /// Its present value; empty for secrets.
    pub value: String,
    /// What can be chosen, as far as it is known.
    pub choices: Vec<String>,
    /// Something else may stand there, too.
    pub free: bool,
}

impl Outline {
    /// What stands there although it is not to be chosen; `None` also while nobody knows what is.
    pub fn stranger(&self) -> Option<&str> {
        if self.free || self.choices.is_empty() {
            return None;
        }
        self.value.split(',').find(|part| !part.is_empty() && !self.choices.iter().any(|c| c == part))
    }
}

impl Form {
    /// All fields in their order.
    pub fn outline(&self) -> Vec<Outline> {
        let raw = self.raw();
        let fields = self.all_spots().into_iter().filter_map(|spot| {
            let field = self.field(spot)?;
            if field.key.is_empty() || matches!(field.kind, Kind::Note | Kind::Group(_)) {
                return None;
            }
            let secret = matches!(field.kind, Kind::Secret(_));
            let choices = match &field.kind {
                Kind::Select { choices, .. } | Kind::Multi { choices, .. } => {
                    choices.ready().iter().map(|c| c.value.clone()).filter(|value| !value.is_empty()).collect()
                }
                Kind::Toggle(_) => vec!["0".into(), "1".into()],
                _ => vec![],
            };
            Some(Outline {
                key: self.key_of(spot),
                label: field.label.clone(),
                help: field.help.clone(),
                required: field.required,
                secret,
                there: self.is_there(spot, &raw),
                value: if secret { String::new() } else { field.value() },
                choices,
                free: !matches!(field.kind, Kind::Select { free: false, .. } | Kind::Multi { free: false, .. }),
            })
        });
        fields.collect()
    }

    /// Sets a field by its key; a group gets the items that the key (`disk1.size`) needs. False when there is no such
    /// field.
    pub fn fill(&mut self, key: &str, value: &str) -> bool {
        let item = key.split_once('.').and_then(|(head, _)| {
            let group = head.trim_end_matches(|c: char| c.is_ascii_digit());
            Some((group.to_owned(), head.get(group.len()..)?.parse::<usize>().ok()?))
        });
        if let Some((group, wanted)) = item {
            while !self.set(key, value) {
                match self.add_item(&group) {
                    Some(n) if n <= wanted => {}
                    _ => return false,
                }
            }
            return true;
        }
        self.set(key, value)
    }
}
