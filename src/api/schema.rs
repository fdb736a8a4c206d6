//! The API as the server itself describes it: every method with its parameters, limits and documentation. The server
//! has it in a page of its manual, a JavaScript file that holds the description as JSON.

mod call;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use thiserror::Error;

use super::request::{Method, Request, part};
pub use call::{Answer, any, split_list};

/// Where servers keep the description, outside of the API; it needs no login.
pub const PAGE: &str = "/pve-docs/api-viewer/apidoc.js";

/// A description that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the description of the API can't be read: {0}")]
pub struct SchemaError(pub String);

/// All methods of a server, ordered by path and method.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// The methods.
    pub methods: Vec<MethodDoc>,
}

/// One method.
#[derive(Clone, Debug, PartialEq)]
pub struct MethodDoc {
    /// The HTTP method.
    pub method: Method,
    /// The path with placeholders: `/nodes/{node}/qemu/{vmid}/config`.
    pub path: String,
    /// The server's name of it: `vm_config`.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Those of the path in its order, then the required ones, then the others.
    pub parameters: Vec<Parameter>,
    /// What it answers, in a few words.
    pub returns: String,
    /// Who may call it.
    pub permission: String,
    /// Whether API tokens may call it.
    pub token: bool,
    /// Whether it takes parameters that are not described.
    pub open: bool,
}

/// What a parameter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `1` or `0`.
    Boolean,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Text.
    Text,
    /// Several texts: the parameter is sent once for each.
    List,
}

/// One parameter of a method.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name; `net[n]` stands for `net0`, `net1` and so on.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Whether it has to be given.
    pub required: bool,
    /// Whether it is a part of the path.
    pub in_path: bool,
    /// Whether its value must never be shown.
    pub secret: bool,
    /// What it means.
    pub description: String,
    /// What the server takes when it is not given.
    pub default: Option<String>,
    /// The values that are allowed; empty: any.
    pub choices: Vec<String>,
    /// The least number.
    pub minimum: Option<f64>,
    /// The largest number.
    pub maximum: Option<f64>,
    /// How many characters at least.
    pub min_length: Option<u64>,
    /// How many characters at most.
    pub max_length: Option<u64>,
    /// A regular expression in Perl's dialect.
    pub pattern: Option<String>,
    /// The server's name of the format.
    pub format: Option<String>,
    /// The keys of a property string, a line each.
    pub keys: Vec<String>,
    /// How the value is written, in the words of the server.
    pub typetext: Option<String>,
    /// Another parameter that has to be given with it.
    pub requires: Option<String>,
}

/// True for parameters that hold passwords, keys and the like, whatever the method.
pub fn is_secret(path: &str, name: &str) -> bool {
    let name = name.to_lowercase();
    let public = name.contains("public") || name.contains("sshkeys");
    let tells = ["password", "secret", "passphrase", "keyring", "ticket", "tfa-challenge", "encryption-key", "otp"];
    let alone = ["key", "apikey", "api-key", "cipassword", "value", "totp", "token", "header", "data"];
    let places = ["/certificates/custom", "/tfa", "/subscription", "/acme/plugins", "/metrics", "/notifications"];
    !public
        && (tells.iter().any(|t| name.contains(t))
            || (alone.contains(&name.as_str()) && places.iter().any(|p| path.contains(p))))
}

impl Schema {
    /// Reads the page, or the JSON alone. What follows the JSON (the program of the manual) is left aside.
    ///
    /// # Errors
    /// When there is no such JSON in it, or no method in the JSON.
    pub fn parse(page: &str) -> Result<Self, SchemaError> {
        let roots: Vec<Value> =
            serde_json::from_str(json_part(page)?).map_err(|e| SchemaError(format!("it is not valid JSON: {e}")))?;
        let mut methods = vec![];
        for root in &roots {
            walk(root, &mut methods);
        }
        if methods.is_empty() {
            return Err(SchemaError("there is no method in it".into()));
        }
        methods.sort_by(|a, b| a.path.cmp(&b.path).then(a.method.as_str().cmp(b.method.as_str())));
        Ok(Self { methods })
    }

    /// The method for a path as it is called (`/nodes/pve1/qemu/100/config`), and the values of its placeholders. The
    /// last placeholder takes all the rest, since volumes hold slashes.
    pub fn resolve(&self, method: Method, path: &str) -> Option<(&MethodDoc, Vec<(String, String)>)> {
        let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
        let found = self.methods.iter().filter(|m| m.method == method);
        let found = found.filter_map(|m| m.matches(&parts).map(|(literal, values)| (literal, m, values)));
        found.max_by_key(|(literal, ..)| *literal).map(|(_, m, values)| (m, values))
    }
}

/// The JSON in the page: `const apiSchema = [..]` and then a program, or nothing but JSON.
///
/// # Errors
/// When there is none, or when it is cut off.
pub fn json_part(page: &str) -> Result<&str, SchemaError> {
    let start = match page.trim_start().starts_with('[') {
        true => page.find('['),
        false => page.find("apiSchema").or_else(|| page.find("pveapi")).and_then(|at| {
            let open = page[at..].find('[')? + at;
            page[at..open].trim_end().ends_with('=').then_some(open)
        }),
    };
    let Some(start) = start else {
        return Err(SchemaError("the page does not hold one".into()));
    };
    let mut values = serde_json::Deserializer::from_str(&page[start..]).into_iter::<serde::de::IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => Ok(&page[start..start + values.byte_offset()]),
        Some(Err(e)) => Err(SchemaError(format!("it is not valid JSON: {e}"))),
        None => Err(SchemaError("it is empty".into())),
    }
}

fn walk(node: &Value, out: &mut Vec<MethodDoc>) {
    let path = text(node, "path");
    for (verb, info) in node["info"].as_object().into_iter().flatten() {
        let method = match verb.as_str() {
            "GET" => Method::Get,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            _ => continue,
        };
        let parameters = parameters(&path, &info["parameters"]);
        out.push(MethodDoc {
            method,
            parameters,
            name: text(info, "name"),
            description: text(info, "description"),
            returns: returns(&info["returns"]),
            permission: permission(&info["permissions"]),
            token: truthy(info.get("allowtoken"), true),
            open: truthy(info["parameters"].get("additionalProperties"), false),
            path: path.clone(),
        });
    }
    for child in node["children"].as_array().into_iter().flatten() {
        walk(child, out);
    }
}

/// The parameters of a method. Alternatives are put together, those of a choice as optional ones.
fn parameters(path: &str, spec: &Value) -> Vec<Parameter> {
    let mut found = BTreeMap::new();
    collect(spec, false, &mut found);
    let places: Vec<&str> = placeholders(path).collect();
    let mut list: Vec<Parameter> =
        found.iter().map(|(name, (spec, optional))| parameter(path, name, spec, *optional)).collect();
    // A placeholder that nobody describes still has to be filled.
    for name in places.iter().filter(|p| !found.contains_key(**p)) {
        list.push(parameter(path, name, &Map::new(), false));
    }
    list.sort_by_key(|p| {
        (places.iter().position(|n| *n == p.name).unwrap_or(usize::MAX), !p.required, natural(&p.name))
    });
    list
}

fn collect(spec: &Value, optional: bool, out: &mut BTreeMap<String, (Map<String, Value>, bool)>) {
    for (name, spec) in spec["properties"].as_object().into_iter().flatten() {
        let merged = spec.as_object().cloned().unwrap_or_default();
        out.entry(name.clone()).or_insert((merged, optional));
    }
    spec["allOf"].as_array().into_iter().flatten().for_each(|part| collect(part, optional, out));
    spec["oneOf"].as_array().into_iter().flatten().for_each(|part| collect(part, true, out));
    if let Some(name) = spec["type-property"].as_str() {
        let schema = spec["type-property-schema"].as_object().cloned().unwrap_or_default();
        out.entry(name.to_owned()).or_insert((schema, optional));
    }
}

fn parameter(path: &str, name: &str, spec: &Map<String, Value>, optional: bool) -> Parameter {
    let whole = Value::Object(spec.clone());
    // Where the meaning depends on another parameter, the first description stands for all.
    let spec = whole["oneOf"].as_array().and_then(|list| list.first()).unwrap_or(&whole);
    let in_path = placeholders(path).any(|p| p == name);
    let some = |key: &str| Some(text(spec, key)).filter(|t| !t.is_empty());
    let number = |key: &str| spec[key].as_f64().or_else(|| spec[key].as_str()?.parse().ok());
    let length = |key: &str| spec[key].as_u64().or_else(|| spec[key].as_str()?.parse().ok());
    let kind = match spec["type"].as_str() {
        Some("boolean") => Kind::Boolean,
        Some("integer") => Kind::Integer,
        Some("number") => Kind::Number,
        Some("array") => Kind::List,
        _ => Kind::Text,
    };
    let mut description = text(spec, "description");
    if let Some(more) = some("verbose_description") {
        description = more;
    }
    Parameter {
        name: name.to_owned(),
        kind,
        required: in_path || !(optional || truthy(whole.get("optional"), truthy(spec.get("optional"), false))),
        in_path,
        secret: !in_path && is_secret(path, name),
        description: description.trim().to_owned(),
        default: some("default"),
        choices: spec["enum"].as_array().into_iter().flatten().map(plain).collect(),
        minimum: number("minimum"),
        maximum: number("maximum"),
        min_length: length("minLength"),
        max_length: length("maxLength"),
        pattern: some("pattern"),
        format: spec["format"].as_str().map(str::to_owned),
        keys: spec["format"].as_object().into_iter().flatten().map(|(key, spec)| key_line(key, spec)).collect(),
        typetext: some("typetext"),
        requires: some("requires"),
    }
}

/// A key of a property string: `cache: none|writeback - the cache mode`.
fn key_line(key: &str, spec: &Value) -> String {
    let choices: Vec<String> = spec["enum"].as_array().into_iter().flatten().map(plain).collect();
    let kind = if choices.is_empty() { text(spec, "type") } else { choices.join("|") };
    let default = spec.get("default").map(|d| format!(", default {}", plain(d))).unwrap_or_default();
    let must = if truthy(spec.get("optional"), false) { "" } else { ", required" };
    let about = text(spec, "description");
    let about = about.lines().next().filter(|l| !l.is_empty()).map(|l| format!(" - {l}")).unwrap_or_default();
    format!("{key}: {kind}{must}{default}{about}")
}

/// The names between braces of a path, in order.
pub fn placeholders(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|p| p.strip_prefix('{')?.strip_suffix('}'))
}

/// `net2` before `net10`.
fn natural(name: &str) -> (String, u64) {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    (stem.to_owned(), name[stem.len()..].parse().unwrap_or(0))
}

fn returns(spec: &Value) -> String {
    let keys = |spec: &Value| {
        let names: Vec<&str> = spec["properties"].as_object().into_iter().flatten().map(|(k, _)| k.as_str()).collect();
        if names.is_empty() { String::new() } else { format!(" with {}", names.join(", ")) }
    };
    match spec["type"].as_str() {
        None => String::new(),
        Some("null") => "nothing".into(),
        Some("array") => match spec["items"]["type"].as_str() {
            Some("object") => format!("a list of objects{}", keys(&spec["items"])),
            Some(kind) => format!("a list: {kind}"),
            None => "a list".into(),
        },
        Some("object") => format!("an object{}", keys(spec)),
        Some("string") if spec["format"] == "pve-task-upid" => "the id of a task".into(),
        Some(kind) => kind.to_owned(),
    }
}

/// Who may call a method: `VM.Audit on /vms/{vmid}`.
fn permission(spec: &Value) -> String {
    if spec.as_object().is_none_or(Map::is_empty) {
        return "only root@pam".into();
    }
    let mut said = match spec["user"].as_str() {
        Some("world") => vec!["everybody, without a login".to_owned()],
        Some("all") => vec!["everybody who is logged in".to_owned()],
        Some(other) => vec![other.to_owned()],
        None => vec![],
    };
    if let Some(check) = spec["check"].as_array().filter(|c| !c.is_empty()) {
        said.push(check_text(check));
    }
    let more = text(spec, "description");
    if !more.is_empty() {
        said.push(more);
    }
    if said.is_empty() { "only root@pam".into() } else { said.join(". ") }
}

fn check_text(check: &[Value]) -> String {
    let names = |v: &Value, any: bool| {
        let names: Vec<String> = v.as_array().into_iter().flatten().map(plain).collect();
        names.join(if any { " or " } else { " and " })
    };
    let any = check.iter().position(|v| v == "any").is_some_and(|at| truthy(check.get(at + 1), false));
    let parts = |word: &str| {
        let inner = check.iter().skip(1).filter_map(Value::as_array);
        let parts: Vec<String> = inner.map(|c| check_text(c)).filter(|t| !t.is_empty()).collect();
        if parts.len() > 1 { format!("({})", parts.join(word)) } else { parts.concat() }
    };
    match check.first().and_then(Value::as_str).unwrap_or("") {
        "and" => parts(" and "),
        "or" => parts(" or "),
        "perm" => {
            let path = check.get(1).map(plain).unwrap_or_default();
            format!("{} on {path}", check.get(2).map(|v| names(v, any)).unwrap_or_default())
        }
        "userid-param" => match check.get(1).map(plain).unwrap_or_default().as_str() {
            "self" => "the user itself".into(),
            other => format!("{other} of the user"),
        },
        "userid-group" => {
            format!("{} on a group of the user", check.get(1).map(|v| names(v, any)).unwrap_or_default())
        }
        "perm-modify" => format!("the right to change permissions on {}", check.get(1).map(plain).unwrap_or_default()),
        "explicit" => check.get(1).map(|v| names(v, any)).unwrap_or_default(),
        other => other.to_owned(),
    }
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).map(plain).unwrap_or_default()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn truthy(value: Option<&Value>, default: bool) -> bool {
    match value {
        None => default,
        Some(Value::Bool(b)) => *b,
        Some(Value::String(s)) => !matches!(s.as_str(), "" | "0"),
        Some(other) => other.as_f64().map_or(default, |n| n != 0.0),
    }
}

impl MethodDoc {
    fn matches(&self, parts: &[&str]) -> Option<(usize, Vec<(String, String)>)> {
        let names: Vec<&str> = self.path.split('/').filter(|p| !p.is_empty()).collect();
        if parts.len() < names.len() {
            return None;
        }
        let (mut literal, mut values) = (0, vec![]);
        for (i, name) in names.iter().enumerate() {
            let last = i + 1 == names.len();
            match name.strip_prefix('{').and_then(|n| n.strip_suffix('}')) {
                Some(name) if last => values.push((name.to_owned(), parts[i..].join("/"))),
                Some(name) => values.push((name.to_owned(), parts[i].to_owned())),
                None if *name == parts[i] && (!last || parts.len() == names.len()) => literal += 1,
                None => return None,
            }
        }
        Some((literal * 100 + usize::from(parts.len() == names.len()), values))
    }

    /// The parameter for a name: `net3` is found as `net[n]`.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let indexed = |p: &&Parameter| stem.len() < name.len() && p.name.strip_suffix("[n]") == Some(stem);
        self.parameters.iter().find(|p| p.name == name).or_else(|| self.parameters.iter().find(indexed))
    }

    /// Whether the server only takes it as a form with a file in it.
    pub fn is_upload(&self) -> bool {
        self.method == Method::Post && self.path.ends_with("/upload")
    }

    /// Whether a websocket is wanted in place of an answer.
    pub fn is_stream(&self) -> bool {
        self.path.ends_with("/vncwebsocket")
    }

    /// The request with these values; names of lists may stand more than once.
    pub fn request(&self, values: &[(String, String)]) -> Request<Answer> {
        let mut path = String::new();
        for piece in self.path.split('/').filter(|p| !p.is_empty()) {
            path.push('/');
            match piece.strip_prefix('{').and_then(|n| n.strip_suffix('}')) {
                Some(name) => {
                    // Without a value the placeholder stays, and no transport takes such a path.
                    match values.iter().find(|(n, v)| n == name && !v.is_empty()) {
                        Some((_, value)) => path.push_str(&part(value).to_string()),
                        None => path.push_str(piece),
                    }
                }
                None => path.push_str(piece),
            }
        }
        let mut request = any(self.method, path);
        let places: Vec<&str> = placeholders(&self.path).collect();
        for (name, value) in values.iter().filter(|(name, _)| !places.contains(&name.as_str())) {
            let secret = self.parameter(name).map_or_else(|| is_secret(&self.path, name), |p| p.secret);
            request = if secret { request.secret(name, value.as_str()) } else { request.param(name, value) };
        }
        request
    }
}
