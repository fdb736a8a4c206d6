//! The official description of the API, and whether a request agrees with it.

use std::{collections::BTreeMap, path::PathBuf};

use percent_encoding::percent_decode_str;
use proxmux::api::Wire;
use serde_json::Value;

use crate::pattern::compile;

/// The folder with official data, or `None` after a line that says what is skipped.
pub fn data_folder(what: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("PROXMUX_PVE_DATA").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: PROXMUX_PVE_DATA is not set ({what})");
    }
    folder
}

/// Every method of the API.
pub struct Schema {
    methods: Vec<(String, String, Value)>,
}

impl Schema {
    /// Reads `api-schema.json` from the folder that `PROXMUX_PVE_DATA` names.
    pub fn load(what: &str) -> Option<Self> {
        let text = std::fs::read(data_folder(what)?.join("api-schema.json")).expect("api-schema.json can be read");
        let tree: Value = serde_json::from_slice(&text).expect("api-schema.json is JSON");
        let mut methods = vec![];
        collect(&tree, &mut methods);
        assert!(methods.len() > 500, "api-schema.json has only {} methods", methods.len());
        Some(Self { methods })
    }

    /// The path with names in braces that a request goes to.
    pub fn template(&self, wire: &Wire) -> Option<&str> {
        self.find(wire).map(|(path, ..)| path)
    }

    fn find(&self, wire: &Wire) -> Option<(&str, BTreeMap<String, String>, &Value)> {
        let parts: Vec<&str> = wire.path.split('/').collect();
        let mut found: Vec<_> = self
            .methods
            .iter()
            .filter(|(method, ..)| method == wire.method.as_str())
            .filter_map(|(_, path, info)| {
                let names: Vec<&str> = path.split('/').collect();
                if names.len() != parts.len() {
                    return None;
                }
                let mut values = BTreeMap::new();
                for (name, part) in names.iter().zip(&parts) {
                    if let Some(name) = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                        values.insert(name.to_owned(), percent_decode_str(part).decode_utf8().ok()?.into_owned());
                    } else if name != part {
                        return None;
                    }
                }
                Some((path.as_str(), values, info))
            })
            .collect();
        // A literal part is closer than a name.
        found.sort_by_key(|(_, values, _)| values.len());
        found.into_iter().next()
    }

    /// Whether the official server would accept the request as well formed.
    ///
    /// # Errors
    /// Every disagreement: unknown path, method or parameter, wrong type, value out of range, missing parameter.
    pub fn check(&self, wire: &Wire) -> Result<(), String> {
        let (_, path_values, info) = self.find(wire).ok_or_else(|| format!("{wire}: no such method and path"))?;
        let none = serde_json::Map::new();
        let properties = info["parameters"]["properties"].as_object().unwrap_or(&none);
        let mut given = path_values;
        let mut wrong = vec![];
        for param in &wire.params {
            let old = given.insert(param.name.clone(), param.value.clone());
            let array = lookup(properties, &param.name).is_some_and(|spec| spec["type"] == "array");
            if old.is_some() && !array {
                wrong.push(format!("{}: stands twice", param.name));
            }
        }
        for (name, value) in &given {
            match lookup(properties, name) {
                Some(spec) => {
                    check_value(name, value, spec, &mut wrong);
                    if let Some(other) = spec["requires"].as_str().filter(|other| !given.contains_key(*other)) {
                        wrong.push(format!("{name}: requires {other}"));
                    }
                }
                None => wrong.push(format!("{name}: no such parameter")),
            }
        }
        for (name, spec) in properties {
            if !truth(&spec["optional"]) && !name.ends_with("[n]") && !given.contains_key(name) {
                wrong.push(format!("{name}: is missing"));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(format!("{wire}: {}", wrong.join("; "))) }
    }
}

fn collect(tree: &Value, methods: &mut Vec<(String, String, Value)>) {
    for node in tree.as_array().into_iter().flatten() {
        for (method, info) in node["info"].as_object().into_iter().flatten() {
            methods.push((method.clone(), node["path"].as_str().unwrap_or_default().to_owned(), info.clone()));
        }
        collect(&node["children"], methods);
    }
}

fn truth(value: &Value) -> bool {
    value == &Value::Bool(true) || value.as_u64() == Some(1) || value.as_str() == Some("1")
}

/// The description of a parameter; `net0` is described as `net[n]`.
fn lookup<'a>(properties: &'a serde_json::Map<String, Value>, name: &str) -> Option<&'a Value> {
    properties.get(name).or_else(|| {
        let prefix = name.trim_end_matches(|c: char| c.is_ascii_digit());
        if prefix.len() == name.len() { None } else { properties.get(&format!("{prefix}[n]")) }
    })
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn check_value(name: &str, value: &str, spec: &Value, wrong: &mut Vec<String>) {
    let mut complain = |what: String| wrong.push(format!("{name}: \"{value}\" {what}"));
    match spec["type"].as_str() {
        Some("boolean") if !matches!(value, "0" | "1") => complain("is not 0 or 1".into()),
        Some(kind @ ("integer" | "number")) => {
            let parsed: Option<f64> = match kind {
                "integer" => value.parse::<i64>().ok().map(|n| n as f64),
                _ => value.parse().ok(),
            };
            match parsed {
                None => complain(format!("is not of type {kind}")),
                Some(n) => {
                    if number(&spec["minimum"]).is_some_and(|min| n < min) {
                        complain(format!("is less than {}", spec["minimum"]));
                    }
                    if number(&spec["maximum"]).is_some_and(|max| n > max) {
                        complain(format!("is more than {}", spec["maximum"]));
                    }
                }
            }
        }
        _ => {}
    }
    if number(&spec["maxLength"]).is_some_and(|max| value.chars().count() as f64 > max) {
        complain(format!("is longer than {}", spec["maxLength"]));
    }
    if number(&spec["minLength"]).is_some_and(|min| (value.chars().count() as f64) < min) {
        complain(format!("is shorter than {}", spec["minLength"]));
    }
    if let Some(words) = spec["enum"].as_array()
        && !words
            .iter()
            .any(|word| word.as_str() == Some(value) || number(word).is_some_and(|word| value.parse() == Ok(word)))
    {
        complain("is none of the allowed words".into());
    }
    if let Some(pattern) = spec["pattern"].as_str()
        && !compile(pattern).unwrap_or_else(|e| panic!("pattern of {name}: {e}")).is_match(value)
    {
        complain(format!("does not match {pattern}"));
    }
    match &spec["format"] {
        Value::Object(keys) => check_properties(name, value, keys, wrong),
        Value::String(format) => {
            if let Some(pattern) = named_format(format)
                && !compile(pattern).expect("own pattern").is_match(value)
            {
                complain(format!("is not in the format {format}"));
            }
        }
        _ => {}
    }
}

/// Formats that the server checks in code.
fn named_format(format: &str) -> Option<&'static str> {
    Some(match format {
        "pve-vmid" => "[1-9][0-9]{2,8}",
        "pve-node" | "dns-name" => "[a-zA-Z0-9]([a-zA-Z0-9\\-.]*[a-zA-Z0-9])?",
        "pve-storage-id" => "[a-zA-Z][a-zA-Z0-9\\-_.]*[a-zA-Z0-9]",
        "pve-configid" => "[a-zA-Z][a-zA-Z0-9_\\-]+",
        "pve-vmid-list" => "[1-9][0-9]{2,8}([,; ][1-9][0-9]{2,8})*",
        "pve-configid-list" => "[a-zA-Z][a-zA-Z0-9_\\-]+([,; ]+[a-zA-Z][a-zA-Z0-9_\\-]+)*",
        "pve-storage-content" => "images|rootdir|iso|vztmpl|backup|snippets|import|none",
        "pve-storage-content-list" => {
            "(images|rootdir|iso|vztmpl|backup|snippets|import|none)(,(images|rootdir|iso|vztmpl|backup|snippets|import|none))*"
        }
        "pve-task-status-type-list" => "(ok|error|warning|unknown)(,(ok|error|warning|unknown))*",
        "disk-size" => "\\d+(\\.\\d+)?[KMGT]?",
        "pve-volume-id" => "[a-zA-Z][a-zA-Z0-9\\-_.]*:.+",
        "mac-addr" => "[a-fA-F0-9]{2}(:[a-fA-F0-9]{2}){5}",
        _ => return None,
    })
}

fn check_properties(name: &str, value: &str, keys: &serde_json::Map<String, Value>, wrong: &mut Vec<String>) {
    let mut seen = vec![];
    for part in value.split(',').filter(|part| !part.trim().is_empty()) {
        let (key, value) = match part.split_once('=') {
            Some((key, value)) => (key, value),
            None => match keys.iter().find(|(_, spec)| truth(&spec["default_key"])) {
                Some((key, _)) => (key.as_str(), part),
                None => return wrong.push(format!("{name}: \"{part}\" has no key")),
            },
        };
        let Some(spec) = keys.get(key) else { return wrong.push(format!("{name}.{key}: no such property")) };
        seen.push(key.to_owned());
        seen.extend(spec["keyAlias"].as_str().map(str::to_owned));
        let spec = match spec["alias"].as_str() {
            Some(alias) => {
                seen.push(alias.to_owned());
                keys.get(alias).unwrap_or(spec)
            }
            None => spec,
        };
        let value = if spec["type"] == "boolean" {
            match value {
                "on" | "yes" | "true" => "1",
                "off" | "no" | "false" => "0",
                other => other,
            }
        } else {
            value
        };
        check_value(&format!("{name}.{key}"), value, spec, wrong);
    }
    for (key, spec) in keys {
        if spec["type"].is_string() && !truth(&spec["optional"]) && !seen.contains(key) {
            wrong.push(format!("{name}.{key}: is missing"));
        }
    }
}
