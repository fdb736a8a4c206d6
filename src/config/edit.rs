//! Changes a file's text so that comments and order survive.

use toml_edit::{Array, DocumentMut, Item, Table, TableLike, Value, value};

use super::{VERSION, secret::SecretSource, setting};

/// What a setting of a profile is written as.
pub fn written(given: &setting::Value) -> Value {
    match given {
        setting::Value::Text(text) => text.as_str().into(),
        setting::Value::List(list) => Array::from_iter(list.iter().map(String::as_str)).into(),
        setting::Value::Whole(n) => i64::try_from(*n).unwrap_or(i64::MAX).into(),
        setting::Value::Truth(yes) => (*yes).into(),
        setting::Value::Secret(source) => {
            let mut table = toml_edit::InlineTable::new();
            match source {
                SecretSource::Prompt => return "prompt".into(),
                SecretSource::Stored => return "stored".into(),
                SecretSource::Keyring => return "keyring".into(),
                SecretSource::Env(name) => table.insert("env", name.as_str().into()),
                SecretSource::File(path) => table.insert("file", path.to_string_lossy().as_ref().into()),
                SecretSource::Command { argv, timeout } => {
                    table.insert("command", Array::from_iter(argv.iter().map(String::as_str)).into());
                    if *timeout != SecretSource::TIMEOUT {
                        let seconds = i64::try_from(timeout.as_secs()).unwrap_or(30);
                        table.insert("timeout", seconds.into());
                    }
                    None
                }
            };
            table.into()
        }
    }
}

const HEAD: &str = "\
# Configuration of proxmux. `proxmux config show` says which value counts and why, `proxmux config check` finds mistakes.

";

fn parse(text: &str) -> Result<DocumentMut, String> {
    let text = if text.trim().is_empty() { format!("{HEAD}version = {VERSION}\n") } else { text.to_owned() };
    text.parse::<DocumentMut>().map_err(|e| format!("this is not valid TOML: {}", e.message()))
}

/// Adds a profile, or replaces the settings of one that is there.
///
/// # Errors
/// When the text is not TOML, or `profiles` is no table.
pub fn put_profile(
    text: &str,
    name: &str,
    settings: &[(&str, setting::Value)],
    default: bool,
) -> Result<String, String> {
    let mut document = parse(text)?;
    if default {
        set_default(&mut document, name);
    }
    let profiles = document.entry("profiles").or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let profiles = profiles.as_table_like_mut().ok_or("profiles is no table")?;
    if !profiles.contains_key(name) {
        let mut table = Table::new();
        table.decor_mut().set_prefix("\n");
        profiles.insert(name, Item::Table(table));
    }
    let profile = profiles.get_mut(name).and_then(Item::as_table_like_mut).ok_or("the profile is no table")?;
    for (key, given) in settings {
        // What is written behind a value belongs to the line, not to the value.
        let decor = profile.get(key).and_then(Item::as_value).map(|v| v.decor().clone());
        let mut new = written(given);
        if let Some(decor) = decor {
            *new.decor_mut() = decor;
        }
        profile.insert(key, Item::Value(new));
    }
    Ok(document.to_string())
}

fn set_default(document: &mut DocumentMut, name: &str) {
    if let Some(Item::Value(old)) = document.get_mut("default_profile") {
        let decor = old.decor().clone();
        *old = name.into();
        *old.decor_mut() = decor;
    } else {
        let alone = !document.iter().any(|(_, item)| item.is_value());
        document.insert("default_profile", value(name));
        // A comment at the top of the file stays there.
        let first = document.iter_mut().find_map(|(_, item)| item.as_table_mut().filter(|t| !t.is_implicit()));
        if let (true, Some(table)) = (alone, first)
            && let Some(top) = table.decor().prefix().and_then(|p| p.as_str()).map(str::to_owned)
        {
            table.decor_mut().set_prefix("\n");
            if let Some(mut key) = document.key_mut("default_profile") {
                key.leaf_decor_mut().set_prefix(top);
            }
        }
    }
}

/// Takes a profile away, and the mention of it as the default one.
///
/// # Errors
/// When the text is not TOML, or there is no such profile.
pub fn remove_profile(text: &str, name: &str) -> Result<String, String> {
    let mut document = parse(text)?;
    let profiles = document.get_mut("profiles").and_then(Item::as_table_like_mut);
    if profiles.and_then(|profiles| profiles.remove(name)).is_none() {
        return Err(format!("there is no profile \"{name}\""));
    }
    if document.get("default_profile").and_then(Item::as_str) == Some(name) {
        document.remove("default_profile");
    }
    Ok(document.to_string())
}

/// Names of version 0 and what they are called since version 1.
const RENAMED: &[(&str, &str)] = &[
    ("server", "host"),
    ("hosts", "host"),
    ("username", "user"),
    ("token_id", "token"),
    ("interval", "refresh"),
    ("readonly", "read_only"),
    ("colour", "frame"),
];

/// Gives an entry another name; comments above it stay.
fn rename(table: &mut dyn TableLike, old: &str, new: &str) {
    if table.contains_key(new) {
        return;
    }
    let decor = table.key(old).map(|key| key.leaf_decor().clone());
    if let Some(item) = table.remove(old) {
        table.insert(new, item);
        if let (Some(decor), Some(mut key)) = (decor, table.key_mut(new)) {
            *key.leaf_decor_mut() = decor;
        }
    }
}

/// Version 0 had no number, `[profile.NAME]`, and other names for some settings.
fn from_0(document: &mut DocumentMut) {
    let root = document.as_table_mut();
    rename(root, "profile", "profiles");
    let is_name = root.get("default").is_some_and(Item::is_str);
    rename(root, "default", if is_name { "default_profile" } else { "defaults" });
    let settings = |section: &mut dyn TableLike| {
        for (old, new) in RENAMED {
            rename(section, old, new);
        }
        for (old, new) in [
            ("token_file", "file"),
            ("password_file", "file"),
            ("token_command", "command"),
            ("password_command", "command"),
        ] {
            if let Some(Item::Value(source)) = section.remove(old)
                && !section.contains_key("secret")
            {
                let mut table = toml_edit::InlineTable::new();
                // A command was one text; blanks separated its arguments.
                let source = match source.as_str() {
                    Some(line) if new == "command" => Array::from_iter(line.split_whitespace()).into(),
                    _ => source,
                };
                table.insert(new, source);
                section.insert("secret", value(table));
            }
        }
    };
    if let Some(defaults) = document.get_mut("defaults").and_then(Item::as_table_like_mut) {
        settings(defaults);
    }
    if let Some(profiles) = document.get_mut("profiles").and_then(Item::as_table_like_mut) {
        for (_, profile) in profiles.iter_mut() {
            if let Some(profile) = profile.as_table_like_mut() {
                settings(profile);
            }
        }
    }
}

/// Steps from each version to the next.
const MIGRATIONS: [fn(&mut DocumentMut); VERSION as usize] = [from_0];

/// Brings an older file's text to the present version.
///
/// # Errors
/// When the text is not TOML.
pub fn migrate(text: &str, version: u64) -> Result<String, String> {
    let mut document = parse(text)?;
    for step in MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(usize::MAX)) {
        step(&mut document);
    }
    let number = i64::try_from(VERSION).unwrap_or(1);
    match document.get_mut("version") {
        Some(item) => *item = value(number),
        None => {
            document.insert("version", value(number));
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn comments_and_order_survive() {
        let text = "# mine\nversion = 1 # keep\n\n# the lab\n[profiles.lab]\nhost = \"a\" # old\n# about the user\nuser = \"root@pam\"\n";
        let list = setting::Value::List(vec!["a".into(), "b".into()]);
        let new = put_profile(text, "lab", &[("host", list)], true).unwrap();
        assert_eq!(
            new,
            "# mine\nversion = 1 # keep\ndefault_profile = \"lab\"\n\n# the lab\n[profiles.lab]\nhost = [\"a\", \"b\"] # old\n# about the user\nuser = \"root@pam\"\n"
        );
        let back = remove_profile(&put_profile(text, "two", &[], true).unwrap(), "two").unwrap();
        assert_eq!(back, text);
        assert!(remove_profile(text, "x").is_err());
    }

    #[test]
    fn a_comment_at_the_top_stays_there() {
        let text = put_profile("# mine\n[defaults] # all\nrefresh = 9\n", "lab", &[], true).unwrap();
        assert_eq!(text, "# mine\ndefault_profile = \"lab\"\n\n[defaults] # all\nrefresh = 9\n\n[profiles.lab]\n");
    }

    #[test]
    fn the_first_profile_makes_a_file() {
        let argv = ["pass".to_owned(), "show x".into()].to_vec();
        let secret = setting::Value::Secret(SecretSource::Command { argv, timeout: SecretSource::TIMEOUT });
        let text =
            put_profile("", "lab", &[("secret", secret), ("read_only", setting::Value::Truth(true))], true).unwrap();
        let want = "version = 1\ndefault_profile = \"lab\"\n\n[profiles.lab]\nsecret = { command = [\"pass\", \"show x\"] }\nread_only = true\n";
        assert_eq!(text, format!("{HEAD}{want}"));
    }

    #[test]
    fn version_0_is_migrated() {
        let old = "# old\ndefault = \"lab\"\n\n[profile.lab] # here\nserver = \"a\"\nusername = \"root@pam\"\ninterval = 3 # s\npassword_command = \"pass show x\"\n";
        let new = migrate(old, 0).unwrap();
        let table: toml::Table = new.parse().unwrap();
        let lab = &table["profiles"]["lab"];
        assert_eq!((table["version"].as_integer(), table["default_profile"].as_str()), (Some(1), Some("lab")));
        assert_eq!(
            (lab["host"].as_str(), lab["user"].as_str(), lab["refresh"].as_integer()),
            (Some("a"), Some("root@pam"), Some(3))
        );
        assert_eq!(lab["secret"]["command"].as_array().unwrap().len(), 3);
        assert!(new.contains("# old") && new.contains("[profiles.lab] # here"), "{new}");
    }
}
