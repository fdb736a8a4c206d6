//! All settings as one text, for the user's own editor: `key: value` lines; what goes on in further lines begins with `|`.

use std::collections::BTreeMap;

use super::{
    form::{encode_keys, key_lines},
    row,
    setting::{Key, Setting, Tab},
    sheet::Sheet,
};
use crate::{
    api::{ids::GuestKind, property::Properties},
    ui::Values,
};

/// The settings as text, in the order of the pages.
pub fn write(kind: GuestKind, name: &str, sheet: &Sheet) -> String {
    let mut text = format!(
        "# {name}\n# One setting a line; remove a line to go back to the default. Lines that begin with | go on with the\n\
         # value above. Only what you change is sent, after you have seen it. An empty file changes nothing.\n\n"
    );
    let mut fixed = String::new();
    for (key, value) in ordered(kind, sheet) {
        if row::find(kind, key, &value).is_none_or(|setting| setting.fixed && !is_volume(setting)) {
            fixed += &entry("# ", key, &value);
        } else {
            text += &entry("", key, &value);
        }
    }
    for (key, value) in &sheet.raw {
        fixed += &entry("# ", key, value);
    }
    if !fixed.is_empty() {
        text += &format!("\n# Not changed here:\n{fixed}");
    }
    text
}

/// Disks have no form of their own, but a line can be removed or changed.
fn is_volume(setting: &Setting) -> bool {
    setting.tab == Tab::Hardware
}

fn entry(before: &str, key: &str, value: &str) -> String {
    let mut lines = value.split('\n');
    let mut text = format!("{before}{key}: {}\n", lines.next().unwrap_or_default());
    lines.for_each(|line| text += &format!("{before}|{line}\n"));
    text
}

/// Settings as they will be, with their texts as people write them.
fn ordered(kind: GuestKind, sheet: &Sheet) -> Vec<(&str, String)> {
    let place = |key: &str, value: &str| {
        let found = row::find(kind, key, value);
        row::settings(kind).iter().position(|s| found.is_some_and(|found| std::ptr::eq(found, s))).unwrap_or(usize::MAX)
    };
    let mut all: Vec<(&str, String)> =
        sheet.keys().filter_map(|key| Some((key, plain(key, sheet.wanted(key)?)))).collect();
    all.sort_by_cached_key(|(key, value)| (place(key, value), (*key).to_owned()));
    all
}

/// A value as people write it.
fn plain(key: &str, value: &str) -> String {
    match key {
        "sshkeys" => key_lines(value).join("\n"),
        "env" => value.replace('\0', "\n"),
        "description" => value.trim_end_matches('\n').to_owned(),
        _ => value.to_owned(),
    }
}

/// A value as the API wants it.
fn coded(key: &str, value: &str) -> String {
    match key {
        "sshkeys" => encode_keys(&key_lines(value)),
        "env" => value.replace('\n', "\0"),
        _ => value.to_owned(),
    }
}

/// What an edited text changes: settings with their new texts, empty for those to be removed.
///
/// # Errors
/// What is wrong, with the line.
pub fn read(kind: GuestKind, sheet: &Sheet, text: &str) -> Result<Vec<(String, String)>, String> {
    let mut found: BTreeMap<&str, (usize, String)> = BTreeMap::new();
    let mut last = None;
    for (n, line) in text.lines().enumerate().map(|(n, line)| (n + 1, line)) {
        if let Some(more) = line.strip_prefix('|') {
            let Some((_, value)) = last.and_then(|key| found.get_mut(key)) else {
                return Err(format!("line {n}: there is no setting above that | could go on with"));
            };
            value.push('\n');
            value.push_str(more);
            continue;
        }
        last = None;
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((key, value)) = line.split_once(':') else {
            return Err(format!("line {n}: must be \"setting: value\""));
        };
        let (key, value) = (key.trim(), value.strip_prefix(' ').unwrap_or(value));
        if found.insert(key, (n, value.to_owned())).is_some() {
            return Err(format!("line {n}: {key} stands twice"));
        }
        last = Some(key);
    }
    if found.is_empty() {
        return Ok(vec![]);
    }
    let mut changed = vec![];
    for (key, (n, value)) in &found {
        let old = sheet.wanted(key).map(|old| plain(key, old));
        if old.as_deref() == Some(value) {
            continue;
        }
        check(kind, sheet, key, &coded(key, value)).map_err(|why| format!("line {n}: {key}: {why}"))?;
        changed.push(((*key).to_owned(), coded(key, value)));
    }
    let gone = ordered(kind, sheet).into_iter().filter(|(key, value)| {
        !found.contains_key(key) && row::find(kind, key, value).is_some_and(|s| !s.fixed || is_volume(s))
    });
    changed.extend(gone.map(|(key, _)| (key.to_owned(), String::new())));
    Ok(changed)
}

/// A setting with its new text, from `KEY=VALUE` or, for a part of a property string, `KEY.PART=VALUE`. An empty value
/// removes setting or part.
///
/// # Errors
/// Why it can't have that text.
pub fn assign(kind: GuestKind, sheet: &Sheet, key: &str, value: &str) -> Result<(String, String), String> {
    let is_setting = |key: &str| row::find(kind, key, value).is_some();
    let (key, text) = match key.split_once('.') {
        Some((main, part)) if is_setting(main) => {
            let mut text = Properties::parse(sheet.wanted(main).unwrap_or_default());
            if value.is_empty() {
                text.remove(part);
            } else {
                text.set(part, value).map_err(|why| why.to_string())?;
            }
            (main, text.to_string())
        }
        _ => (key, coded(key, value)),
    };
    check(kind, sheet, key, &text)?;
    Ok((key.to_owned(), text))
}

/// Whether a setting may have this text, as far as its form can tell.
///
/// # Errors
/// Why not.
pub fn check(kind: GuestKind, sheet: &Sheet, key: &str, text: &str) -> Result<(), String> {
    let Some(setting) = row::find(kind, key, text) else {
        return Err(match near(kind, key) {
            Some(near) => format!("no such setting; did you mean {near}?"),
            None => "no such setting".into(),
        });
    };
    if setting.fixed && !is_volume(setting) {
        return Err("can't be changed here".into());
    }
    if let Key::Numbered(prefix, room) = setting.key
        && super::setting::number(key, prefix).is_some_and(|n| n as usize >= room)
    {
        return Err(format!("goes from {prefix}0 to {prefix}{}", room - 1));
    }
    // Secrets can't be put into forms.
    if text.is_empty() || !setting.has_form() || key == "cipassword" || setting.fixed {
        return Ok(());
    }
    let main = match setting.key {
        Key::One(main) => main,
        _ => key,
    };
    let bus = super::setting::bus(key).unwrap_or_default();
    let around = Values::from_iter([("bus", bus), ("bios", "ovmf"), ("efi.add", "1"), ("tpm.add", "1"), ("taken", "")]);
    let around =
        if bus.is_empty() && !key.starts_with("efi") && !key.starts_with("tpm") { Values::default() } else { around };
    let mut wizard = setting.wizard(main, &sheet.with(key, text), &around);
    let Some(form) = wizard.form_mut(0) else { return Ok(()) };
    if form.validate() {
        return Ok(());
    }
    let errors = form.errors();
    Err(errors.values().next().cloned().unwrap_or_else(|| "is wrong".into()))
}

/// A setting whose name is nearly this one.
fn near(kind: GuestKind, key: &str) -> Option<&'static str> {
    let names = row::settings(kind).iter().filter_map(|setting| match setting.key {
        Key::One(name) | Key::Numbered(name, _) => Some(name),
        Key::Drive(_) => None,
    });
    let letters = |text: &str| {
        let mut letters: Vec<char> = text.chars().filter(|c| c.is_alphabetic()).collect();
        letters.sort_unstable();
        letters
    };
    let wanted = letters(key);
    // The same letters in another order, or one more or less.
    names.into_iter().find(|name| {
        let own = letters(name);
        let common = own.iter().filter(|c| wanted.contains(c)).count();
        own == wanted || (own.len().abs_diff(wanted.len()) <= 1 && common + 1 >= own.len().max(wanted.len()))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::api::guest::Pending;

    fn sheet(list: &[(&str, &str)]) -> Sheet {
        let entries = list.iter().map(|(key, value)| Pending {
            key: (*key).into(),
            value: Some((*value).into()),
            ..Pending::default()
        });
        Sheet::new(entries.collect(), vec![("lxc.cap.drop".into(), "sys_time".into())])
    }

    const VM: &[(&str, &str)] = &[
        ("memory", "2048"),
        ("net0", "virtio=BC:24:11:00:00:01,bridge=vmbr0,odd=1"),
        ("description", "# Title\n\nText: with colon\n"),
        ("sshkeys", "ssh-ed25519%20AAAA%20a%0Assh-rsa%20AAAA%20b%0A"),
        ("meta", "creation-qemu=10"),
        ("x-tool", "kept = \"so\""),
        ("unused0", "local:100/vm-100-disk-3.qcow2"),
    ];

    #[test]
    fn an_unchanged_text_changes_nothing() {
        let sheet = sheet(VM);
        let text = write(GuestKind::Vm, "VM 100", &sheet);
        assert!(text.contains("description: # Title\n|\n|Text: with colon\n"), "{text}");
        assert!(text.contains("sshkeys: ssh-ed25519 AAAA a\n|ssh-rsa AAAA b\n"), "{text}");
        assert!(text.contains("# x-tool: kept") && text.contains("# lxc.cap.drop: sys_time"), "{text}");
        assert_eq!(read(GuestKind::Vm, &sheet, &text).unwrap(), []);
        assert_eq!(read(GuestKind::Vm, &sheet, "# nothing\n").unwrap(), []);
    }

    #[test]
    fn an_edited_text_is_the_smallest_change() {
        let sheet = sheet(VM);
        let text = write(GuestKind::Vm, "VM 100", &sheet)
            .replace("memory: 2048", "memory: 4096")
            .replace("unused0: local:100/vm-100-disk-3.qcow2\n", "")
            .replace("|Text", "|More text")
            + "cores: 4\n";
        let mut changed = read(GuestKind::Vm, &sheet, &text).unwrap();
        changed.sort();
        let expected =
            [("cores", "4"), ("description", "# Title\n\nMore text: with colon"), ("memory", "4096"), ("unused0", "")];
        assert_eq!(changed, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn single_settings_and_their_parts_are_assigned() {
        let sheet = sheet(VM);
        let to = |key: &str, value: &str| assign(GuestKind::Vm, &sheet, key, value);
        let net = "virtio=BC:24:11:00:00:01,bridge=vmbr1,odd=1";
        assert_eq!(to("net0.bridge", "vmbr1").unwrap(), ("net0".into(), net.into()));
        assert_eq!(to("net0.odd", "").unwrap().1, "virtio=BC:24:11:00:00:01,bridge=vmbr0");
        assert_eq!(to("memory", "").unwrap(), ("memory".into(), String::new()));
        assert_eq!(to("sshkeys", "ssh-rsa AAAA x\n").unwrap().1, "ssh-rsa%20AAAA%20x");
        assert_eq!(to("net0.tag", "5000").unwrap_err(), "must be from 1 to 4094");
        assert_eq!(to("memroy", "1").unwrap_err(), "no such setting; did you mean memory?");
        assert!(to("net0.bridge", "a,b").is_err());
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let sheet = sheet(&[("memory", "2048")]);
        for (text, why) in [
            ("memory 4096", "line 1: must be \"setting: value\""),
            ("|x", "line 1: there is no setting above that | could go on with"),
            ("\nmemroy: 1", "line 2: memroy: no such setting; did you mean memory?"),
            ("memory: 1\nmemory: 2", "line 2: memory stands twice"),
            ("memory: 8", "line 1: memory: must be from 16 to 4194304"),
            ("net0: virtio,bridge=vmbr0,tag=5000", "line 1: net0: must be from 1 to 4094"),
            ("net32: virtio", "line 1: net32: goes from net0 to net31"),
            ("lock: backup", "line 1: lock: can't be changed here"),
            ("name: a_b", "line 1: name: must be a DNS name: letters, digits, - and ., for example a-b"),
        ] {
            assert_eq!(read(GuestKind::Vm, &sheet, text).unwrap_err(), why, "{text}");
        }
        assert!(read(GuestKind::Vm, &sheet, "memory: 2048\nscsi1: local:8,discard=on").is_ok());
        assert!(read(GuestKind::Vm, &sheet, "memory: 2048\nefidisk0: local:1,efitype=4m").is_ok());
    }
}
