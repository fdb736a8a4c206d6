//! The rows of the editor's pages.

use super::{
    ct,
    setting::{Key, Setting, Tab, number},
    sheet::{Sheet, shown},
    vm,
};
use crate::{
    api::ids::GuestKind,
    ui::{Cell, Column, Ctx, Role, Width},
};

/// A setting or several, in one line.
#[derive(Clone)]
pub struct Row {
    /// The setting of the file that it stands for first.
    pub key: String,
    /// What is known of it; `None` for settings of other tools.
    pub setting: Option<&'static Setting>,
    /// What it is called.
    pub title: String,
    /// What holds now.
    pub value: String,
    /// It is not set: the value is the server's default.
    pub is_default: bool,
    /// What will hold after the next start, if that is something else.
    pub pending: Option<String>,
    /// When a change of it holds: `now`, `live` or `restart`; empty when it can't be changed here.
    pub applies: &'static str,
}

impl Row {
    /// Something can be done about it here.
    pub fn can_change(&self) -> bool {
        self.setting.is_some_and(|setting| !setting.fixed)
    }
}

/// All settings of a kind of guest.
pub fn settings(kind: GuestKind) -> &'static [Setting] {
    match kind {
        GuestKind::Vm => vm::SETTINGS,
        GuestKind::Ct => ct::SETTINGS,
    }
}

/// The setting that a key with this text belongs to.
pub fn find(kind: GuestKind, key: &str, text: &str) -> Option<&'static Setting> {
    let beside = |setting: &&Setting| setting.plain.iter().chain(setting.also).any(|other| *other == key);
    let all = settings(kind);
    all.iter().find(|setting| setting.fits(key, text)).or_else(|| all.iter().find(beside))
}

/// The rows of a page. `running` decides whether changes wait.
pub fn rows(kind: GuestKind, tab: Tab, sheet: &Sheet, running: bool) -> Vec<Row> {
    let mut rows = vec![];
    for setting in settings(kind).iter().filter(|setting| setting.tab == tab) {
        let mut keys = keys_of(kind, setting, sheet);
        keys.sort_by_key(|key| natural(key));
        rows.extend(keys.into_iter().map(|key| row(setting, key, sheet, running)));
    }
    if tab == Tab::Options {
        let unknown = sheet.keys().filter(|key| find(kind, key, text_of(sheet, key)).is_none());
        rows.extend(unknown.map(|key| foreign(key, text_of(sheet, key))));
        rows.extend(sheet.raw.iter().map(|(key, value)| foreign(key, value)));
    }
    rows
}

fn text_of<'s>(sheet: &'s Sheet, key: &str) -> &'s str {
    sheet.in_effect(key).or_else(|| sheet.wanted(key)).unwrap_or_default()
}

/// The settings of the file that are rows of this kind.
fn keys_of(kind: GuestKind, setting: &'static Setting, sheet: &Sheet) -> Vec<String> {
    let there = |key: &str| find(kind, key, text_of(sheet, key)).is_some_and(|found| std::ptr::eq(found, setting));
    match setting.key {
        Key::One(key) => {
            let is_set = setting.keys(key).iter().any(|key| sheet.keys().any(|there| there == key));
            if setting.always || is_set { vec![key.to_owned()] } else { vec![] }
        }
        // Each network card can have an address.
        Key::Numbered("ipconfig", _) => {
            let cards = sheet.keys().filter_map(|key| number(key, "net")).map(|n| format!("ipconfig{n}"));
            let mut keys: Vec<String> = sheet.keys().filter(|key| there(key)).map(str::to_owned).collect();
            keys.extend(cards);
            keys.sort();
            keys.dedup();
            keys
        }
        _ => sheet.keys().filter(|key| there(key)).map(str::to_owned).collect(),
    }
}

/// `scsi2` before `scsi10`.
fn natural(key: &str) -> (String, u32) {
    let name = key.trim_end_matches(|c: char| c.is_ascii_digit());
    (name.to_owned(), key[name.len()..].parse().unwrap_or(0))
}

fn row(setting: &'static Setting, key: String, sheet: &Sheet, running: bool) -> Row {
    let now = setting.text(&key, &|key| sheet.in_effect(key).map(str::to_owned));
    let keys = setting.keys(&key);
    let pending = keys.iter().any(|key| sheet.waits(key)).then(|| {
        let will = setting.text(&key, &|key| sheet.wanted(key).map(str::to_owned));
        will.unwrap_or_else(|| if setting.default.is_empty() { "(removed)".into() } else { setting.default.into() })
    });
    let title = match setting.key {
        Key::One(_) => setting.title.to_owned(),
        Key::Numbered("ipconfig", _) => format!("{} (net{})", setting.title, natural(&key).1),
        _ => format!("{} ({key})", setting.title),
    };
    let applies = match running {
        _ if setting.fixed => "",
        false => "now",
        true if setting.is_live(&key, sheet) => "live",
        true => "restart",
    };
    let is_set = keys.iter().any(|key| sheet.in_effect(key).is_some());
    let (value, is_default) = match now {
        Some(text) if is_set => (text, false),
        _ if pending.is_some() => ("(not set)".into(), true),
        _ => (setting.default.to_owned(), true),
    };
    Row { key, setting: Some(setting), title, value, is_default, pending, applies }
}

/// A setting that no table knows.
fn foreign(key: &str, text: &str) -> Row {
    Row {
        key: key.to_owned(),
        setting: None,
        title: key.to_owned(),
        value: shown(key, text),
        is_default: false,
        pending: None,
        applies: "",
    }
}

/// The columns.
pub fn columns() -> Vec<Column<Row>> {
    let column = Column::<Row>::left;
    vec![
        column("title", "Setting", Width::Fit { max: 28 }, 0, |row: &Row, _: &Ctx| {
            Cell::role(row.title.as_str(), if row.setting.is_some() { Role::Text } else { Role::Muted })
        }),
        column("value", "Value", Width::Flex { min: 20, max: 100 }, 0, |row: &Row, _: &Ctx| {
            Cell::role(row.value.as_str(), if row.is_default { Role::Muted } else { Role::Text })
        }),
        column("pending", "After the next start", Width::Fit { max: 40 }, 1, |row: &Row, _: &Ctx| {
            row.pending.as_ref().map_or_else(Cell::default, |text| Cell::role(text.as_str(), Role::Warning))
        }),
        column("applies", "Applies", Width::Fixed(7), 2, |row: &Row, _: &Ctx| {
            Cell::role(row.applies, if row.applies == "restart" { Role::Warning } else { Role::Muted })
        }),
    ]
}
