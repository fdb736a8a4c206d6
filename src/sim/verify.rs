//! Parameter verification: holds the arguments of a call against the table and refuses in the server's words.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::{Fault, as_text, truth};
use super::format;
use super::pattern;
use super::table::{Method, Spec, Table};

const UNKNOWN: &str = "property is not defined in schema and the schema does not allow additional properties";
const MISSING: &str = "property is missing and it is not optional";

/// Verified parameters by name: texts and lists of texts.
pub type Params = BTreeMap<String, Value>;

/// Checks all parameters of a call and brings them into one form; 400 with a text per bad parameter otherwise.
pub fn verify(table: &Table, method: &Method, raw: &BTreeMap<String, Value>) -> Result<Params, Fault> {
    let mut out = Params::new();
    let mut errors = BTreeMap::new();
    for (name, value) in raw {
        if value.is_null() {
            continue;
        }
        match table.spec(method, name) {
            None if method.open => {
                out.insert(name.clone(), json!(as_text(value)));
            }
            None => {
                errors.insert(name.clone(), UNKNOWN.to_owned());
            }
            Some(spec) => match check(spec, value) {
                Ok(value) => {
                    out.insert(name.clone(), value);
                }
                Err(text) => {
                    errors.insert(name.clone(), text);
                }
            },
        }
    }
    for (name, spec) in table.specs(method) {
        if !name.ends_with("[n]") && !is_optional(spec) && raw.get(name).is_none_or(Value::is_null) {
            errors.insert(name.to_owned(), MISSING.to_owned());
        }
        let needs = spec.get("requires").and_then(Value::as_str);
        if let Some(needs) = needs
            && raw.contains_key(name)
            && !raw.contains_key(needs)
        {
            errors.insert(needs.to_owned(), format!("missing property - '{name}' requires this property"));
        }
    }
    if errors.is_empty() {
        return Ok(out);
    }
    let mut fault = Fault::new(400, "Parameter verification failed.");
    fault.errors = errors;
    Err(fault)
}

fn is_optional(spec: &Spec) -> bool {
    // a parameter whose optional is a text is so for the command line only
    spec.get("optional").is_some_and(|v| v.as_i64() == Some(1) || v.as_bool() == Some(true))
}

/// One parameter: brought into text form and checked.
fn check(spec: &Spec, value: &Value) -> Result<Value, String> {
    let kind = spec.get("type").and_then(Value::as_str).unwrap_or("string");
    let format = spec.get("format");
    if kind == "array" {
        let items: Vec<Value> = match value {
            Value::Array(items) => items.clone(),
            one => vec![one.clone()],
        };
        let inner = spec.get("items").and_then(Value::as_object);
        let mut out = Vec::new();
        for item in items {
            out.push(match inner {
                Some(inner) => check(inner, &item)?,
                None => json!(as_text(&item)),
            });
        }
        return Ok(Value::Array(out));
    }
    if let Value::Object(_) = value {
        return Err(format!("type check ('{kind}') failed - got HASH"));
    }
    if let Value::Array(_) = value
        && !format.and_then(Value::as_str).is_some_and(|f| f.ends_with("-list"))
    {
        return Err(format!("type check ('{kind}') failed - got ARRAY"));
    }
    let text = as_text(value);
    scalar(spec, kind, &text)?;
    Ok(json!(text))
}

/// A text held against type, limits, pattern and format.
fn scalar(spec: &Spec, kind: &str, text: &str) -> Result<(), String> {
    let fail = || Err(format!("type check ('{kind}') failed - got '{text}'"));
    match kind {
        "integer" if text.strip_prefix(['-', '+']).unwrap_or(text).parse::<u64>().is_err() => return fail(),
        "number" if text.parse::<f64>().is_err() => return fail(),
        "boolean" if text != "0" && text != "1" => return fail(),
        _ => {}
    }
    if kind == "integer" || kind == "number" {
        let value: f64 = text.parse().unwrap_or(0.0);
        let limit = |key: &str| spec.get(key).and_then(Value::as_f64);
        // a VMID that is a number but too small is a matter of its format
        if let Some(min) = limit("minimum").filter(|min| value < *min) {
            if spec.get("format").and_then(Value::as_str) == Some("pve-vmid") {
                return Err("invalid format - value does not look like a valid VM ID\n".into());
            }
            return Err(format!("value must have a minimum value of {min}"));
        }
        if let Some(max) = limit("maximum").filter(|max| value > *max) {
            return Err(format!("value must have a maximum value of {max}"));
        }
    }
    if let Some(name) = spec.get("format") {
        match name {
            Value::String(name) => format::check(name, text).map_err(|e| format!("invalid format - {e}\n"))?,
            Value::Object(keys) => property_string(keys, text).map_err(|e| format!("invalid format - {e}"))?,
            _ => {}
        }
    }
    let chars = text.chars().count() as u64;
    if let Some(max) = spec.get("maxLength").and_then(Value::as_u64).filter(|max| chars > *max) {
        return Err(format!("value may only be {max} characters long"));
    }
    if let Some(min) = spec.get("minLength").and_then(Value::as_u64).filter(|min| chars < *min) {
        return Err(format!("value must be at least {min} characters long"));
    }
    if let Some(rule) = spec.get("pattern").and_then(Value::as_str)
        && !pattern::matches(rule, text)
    {
        return Err("value does not match the regex pattern".into());
    }
    if let Some(Value::Array(values)) = spec.get("enum") {
        let values: Vec<String> = values.iter().map(as_text).collect();
        if !values.iter().any(|v| v == text) {
            let all = values.join(", ");
            return Err(format!("value '{text}' does not have a value in the enumeration '{all}'"));
        }
    }
    Ok(())
}

/// Takes a property string apart by its keys: bare value, aliases and key aliases resolved, nothing checked.
/// The error is the server's text.
pub fn split_properties(keys: &Spec, text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut out = BTreeMap::new();
    let bare = keys.iter().find(|(_, spec)| spec.get("default_key").is_some_and(|v| v.as_i64() != Some(0)));
    for part in text.split(',').filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some((key, value)) => {
                let mut name = key;
                let mut hops = 0;
                while let Some(spec) = keys.get(name).and_then(Value::as_object).filter(|_| hops < 4) {
                    if let Some(class) = spec.get("keyAlias").and_then(Value::as_str) {
                        out.insert(class.to_owned(), name.to_owned());
                    }
                    match spec.get("alias").and_then(Value::as_str) {
                        Some(alias) => name = alias,
                        None => break,
                    }
                    hops += 1;
                }
                if out.insert(name.to_owned(), value.to_owned()).is_some() {
                    return Err(format!("duplicate key in comma-separated list property: {name}\n"));
                }
            }
            None => {
                let Some((name, _)) = bare else {
                    return Err("value without key, but schema does not define a default key\n".into());
                };
                if out.insert(name.clone(), part.to_owned()).is_some() {
                    return Err(format!("duplicate key in comma-separated list property: {name}\n"));
                }
            }
        }
    }
    Ok(out)
}

/// Checks a property string; the error names the key inside, as the server does with the parameter before it.
fn property_string(keys: &Spec, text: &str) -> Result<(), String> {
    let parts = split_properties(keys, text)?;
    let mut errors = String::new();
    for (name, value) in &parts {
        match keys.get(name).and_then(Value::as_object) {
            None => errors += &format!("\u{1}{name}: {UNKNOWN}\n"),
            Some(spec) => {
                let kind = spec.get("type").and_then(Value::as_str).unwrap_or("string");
                let text = match (kind, truth(value)) {
                    ("boolean", Some(on)) => u8::from(on).to_string(),
                    _ => value.clone(),
                };
                if let Err(e) = scalar(spec, kind, &text) {
                    errors += &format!("\u{1}{name}: {e}\n");
                }
            }
        }
    }
    for (name, spec) in keys {
        let Some(spec) = spec.as_object() else { continue };
        let virtual_key = spec.contains_key("alias");
        if !virtual_key && !is_optional(spec) && !parts.contains_key(name) {
            errors += &format!("\u{1}{name}: {MISSING}\n");
        }
        let needs = spec.get("requires").and_then(Value::as_str);
        if let Some(needs) = needs
            && parts.contains_key(name)
            && !parts.contains_key(needs)
        {
            errors += &format!("\u{1}{needs}: missing property - '{name}' requires this property\n");
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(format!("format error\n{errors}")) }
}

/// Puts the parameter's name before the keys of its property string errors.
pub fn name_errors(fault: &mut Fault) {
    for (name, text) in &mut fault.errors {
        if text.contains('\u{1}') {
            *text = text.replace('\u{1}', &format!("{name}."));
        }
    }
}
