//! Checks of values that forms share; each says why.

use crate::ui::Values;

/// What may be a part of a property string.
pub fn part(text: &str, _: &Values) -> Result<(), String> {
    match text.chars().find(|c| matches!(c, ',' | '\n' | '\r')) {
        Some(_) => Err("must not hold a comma or a line break".into()),
        None => Ok(()),
    }
}

/// A word of a list that stands in a fact; where the fact isn't known everything is right.
fn known(word: &str, values: &Values, fact: &str, what: &str) -> Result<(), String> {
    let list = values.get(fact);
    if list.is_empty() || list.split(' ').any(|known| known == word) {
        return Ok(());
    }
    Err(format!("{} has no such {what}", values.get("node")))
}

/// A storage of the node that keeps disk images: one of the fact `storages`.
pub fn storage(text: &str, values: &Values) -> Result<(), String> {
    known(text, values, "storages", "active storage for disk images")
}

/// A storage of the node that keeps containers' volumes: one of the fact `storages`.
pub fn root_storage(text: &str, values: &Values) -> Result<(), String> {
    known(text, values, "storages", "active storage for containers")
}

/// What only root@pam may set: a warning for everybody else. The fact `user` says who is logged in.
pub fn root_only(text: &str, values: &Values) -> Option<String> {
    let user = values.get("user");
    if matches!(text, "" | "0") || user.is_empty() || user == "root@pam" {
        return None;
    }
    Some(format!("only root@pam may set this: {user} will be refused"))
}

/// A bridge of the node: one of the fact `bridges`.
pub fn bridge(text: &str, values: &Values) -> Result<(), String> {
    known(text, values, "bridges", "bridge")
}

/// A DNS name, as the API demands for names of VMs.
pub fn name(text: &str, _: &Values) -> Result<(), String> {
    let label = |part: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !part.is_empty()
            && part.len() <= 63
            && part.chars().all(inner)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    if text.split('.').all(label) {
        return Ok(());
    }
    let mended: String = text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let mended = mended.trim_matches(['-', '.']).to_owned();
    let hint = if mended.is_empty() { String::new() } else { format!(", for example {mended}") };
    Err(format!("must be a DNS name: letters, digits, - and .{hint}"))
}

/// Tags between `;`, commas or blanks.
pub fn tags(text: &str, _: &Values) -> Result<(), String> {
    let inner = |c: char| c.is_ascii_alphanumeric() || "_.+-".contains(c);
    let good = |tag: &&str| tag.chars().all(inner) && tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    match text.split([';', ',', ' ']).filter(|tag| !tag.is_empty()).find(|tag| !good(tag)) {
        Some(bad) => Err(format!("{bad}: tags are letters, digits and _ . + -, and begin with a letter, digit or _")),
        None => Ok(()),
    }
}

/// The address of one network card.
pub fn mac(text: &str, _: &Values) -> Result<(), String> {
    let parts: Vec<&str> = text.split(':').collect();
    let hex = |part: &&str| part.len() == 2 && part.chars().all(|c| c.is_ascii_hexdigit());
    if parts.len() != 6 || !parts.iter().all(hex) {
        return Err("must be six pairs of hex digits, for example BC:24:11:00:00:01".into());
    }
    let first = u8::from_str_radix(parts[0], 16).unwrap_or(0);
    if first & 1 == 1 {
        return Err("is a multicast address: the second digit must be even".into());
    }
    Ok(())
}

/// The same as a refusal: for what could be chosen otherwise. A token of root@pam is not root@pam.
pub fn needs_root(text: &str, values: &Values) -> Result<(), String> {
    match root_only(text, values) {
        Some(_) => Err(format!("only root@pam may set this, not {}", values.get("user"))),
        None => Ok(()),
    }
}

/// Stands behind what only root@pam may set, for everybody else.
pub fn root_hint(values: &Values) -> Option<String> {
    (!matches!(values.get("user"), "" | "root@pam")).then(|| "in part root@pam only".into())
}

/// A number above zero, with decimals.
pub fn positive(text: &str, _: &Values) -> Result<(), String> {
    let plain = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    match text.parse::<f64>() {
        Ok(n) if plain && n > 0.0 => Ok(()),
        _ => Err("must be a number above 0, for example 12.5".into()),
    }
}

/// The size of a new disk in GiB.
pub fn size(text: &str, values: &Values) -> Result<(), String> {
    positive(text, values)?;
    match text.parse::<f64>() {
        Ok(n) if n <= 131_072.0 => Ok(()),
        _ => Err("must not be more than 131072 GiB".into()),
    }
}

/// Processors of the node, as in `0,5,8-11`.
pub fn cpu_set(text: &str, values: &Values) -> Result<(), String> {
    let node: Option<u32> = values.get("node.cpus").parse().ok();
    let number = |text: &str| text.parse::<u32>().ok().filter(|_| text.chars().all(|c| c.is_ascii_digit()));
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        match (number(from), number(to)) {
            (Some(from), Some(to)) if from <= to => match node {
                Some(cpus) if to >= cpus => {
                    return Err(format!("the node's processors are 0 to {}", cpus.saturating_sub(1)));
                }
                _ => {}
            },
            _ => return Err(format!("\"{part}\": must be a list like 0,5,8-11")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reasons_are_given() {
        let none = Values::default();
        assert!(name("web-01.example.com", &none).is_ok() && name("-x", &none).is_err());
        assert_eq!(
            name("my_vm 1", &none).unwrap_err(),
            "must be a DNS name: letters, digits, - and ., for example my-vm-1"
        );
        assert!(tags("web;prod a_1,b.c", &none).is_ok() && tags("-x", &none).is_err() && tags("a/b", &none).is_err());
        assert!(mac("BC:24:11:00:00:0a", &none).is_ok() && mac("BC:24:11:00:00", &none).is_err());
        assert!(mac("01:24:11:00:00:0a", &none).unwrap_err().contains("multicast"));
        assert!(positive("1.5", &none).is_ok() && positive("0", &none).is_err() && positive("1e5", &none).is_err());
        assert!(needs_root("x", &none).is_ok());
        assert!(needs_root("x", &Values::from_iter([("user", "root@pam!ci")])).is_err());
        let node = Values::from_iter([("node.cpus", "8")]);
        assert!(cpu_set("0,5-7", &node).is_ok() && cpu_set("", &node).is_err() && cpu_set("7-5", &node).is_err());
        assert_eq!(cpu_set("0-8", &node).unwrap_err(), "the node's processors are 0 to 7");
    }
}
