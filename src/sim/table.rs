//! The table of all API methods with their parameters, and the way from a path to a method.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// The table built into the program: every method of the API of PVE 9.2 (made by `tools/sim-table.py`).
const BUILT_IN: &str = include_str!("../../assets/sim/methods.json");

/// One parameter, as the schema describes it: `type`, `optional`, `enum`, `minimum`, `format`, ...
pub type Spec = Map<String, Value>;

/// One method of the API.
#[derive(Clone, Debug, Default)]
pub struct Method {
    /// `GET`, `POST`, `PUT`, `DELETE`.
    pub method: String,
    /// `/nodes/{node}/qemu/{vmid}/config`.
    pub path: String,
    /// Parameters by name; indexed ones as `net[n]`.
    pub params: HashMap<String, usize>,
    /// The permission check: `{"user": ..}`, `{"check": [..]}` or nothing (root only).
    pub permissions: Option<Value>,
    /// May API tokens call it?
    pub token: bool,
    /// Does the call go to the node named in the path?
    pub to_node: bool,
    /// Are parameters allowed that the table doesn't know?
    pub open: bool,
}

#[derive(Default)]
struct Branch {
    literal: HashMap<String, Branch>,
    any: Option<Box<Branch>>,
    methods: HashMap<String, usize>,
}

/// All methods, with a tree to find them.
#[derive(Default)]
pub struct Table {
    specs: Vec<Spec>,
    methods: Vec<Method>,
    root: Branch,
    /// The text that the table was made from, when that was the official schema.
    source: Option<String>,
}

impl Table {
    /// The built-in table.
    pub fn built_in() -> Result<Self, String> {
        let raw: Value = serde_json::from_str(BUILT_IN).map_err(|e| format!("built-in method table: {e}"))?;
        let mut table = Table::default();
        for spec in raw["specs"].as_array().into_iter().flatten() {
            table.specs.push(spec.as_object().cloned().unwrap_or_default());
        }
        for entry in raw["methods"].as_array().into_iter().flatten() {
            let params = entry["a"].as_object().into_iter().flatten();
            let index = |v: &Value| v.as_u64().unwrap_or(0) as usize;
            table.add(Method {
                method: text(&entry["m"]),
                path: text(&entry["p"]),
                params: params.map(|(name, at)| (name.clone(), index(at))).collect(),
                permissions: entry.get("c").cloned(),
                token: entry.get("t").is_none(),
                to_node: entry.get("n").is_some(),
                open: entry.get("x").is_some(),
            });
        }
        Ok(table)
    }

    /// A table from the official schema (`apidoc`): a tree of `{path, info: {METHOD: ..}, children}`.
    pub fn from_schema(schema: &str) -> Result<Self, String> {
        let raw: Value = serde_json::from_str(schema).map_err(|e| format!("API schema: {e}"))?;
        let roots = raw.as_array().ok_or("API schema: not a list of paths")?;
        let mut table = Table::default();
        for root in roots {
            table.walk(root);
        }
        if table.methods.is_empty() {
            return Err("API schema: no method found in it".into());
        }
        table.source = Some(schema.trim().to_owned());
        Ok(table)
    }

    /// The page of the manual that holds the schema: JSON in a piece of JavaScript, as the real server has it. Without
    /// the official schema it is made from the table, which knows no descriptions.
    pub fn apidoc(&self) -> String {
        let made = || Value::from(self.tree("", 0)).to_string();
        let schema = self.source.clone().unwrap_or_else(made);
        format!("const apiSchema = {schema}\n;\n\nExt.onReady(function() {{ /* the viewer */ }});\n")
    }

    /// The part of the schema below a path of so many pieces.
    fn tree(&self, above: &str, depth: usize) -> Vec<Value> {
        let below =
            |m: &&Method| m.path == above || m.path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'));
        let mut names: Vec<&str> = self
            .methods
            .iter()
            .filter(below)
            .filter_map(|m| m.path.split('/').nth(depth + 1))
            .filter(|name| !name.is_empty())
            .collect();
        names.sort_unstable();
        names.dedup();
        let node = |name: &str| {
            let path = format!("{above}/{name}");
            let info: Map<String, Value> =
                self.methods.iter().filter(|m| m.path == path).map(|m| (m.method.clone(), self.describe(m))).collect();
            let children = self.tree(&path, depth + 1);
            let mut node = json!({"path": path, "text": name, "leaf": u8::from(children.is_empty()), "info": info});
            if !children.is_empty() {
                node["children"] = children.into();
            }
            node
        };
        names.into_iter().map(node).collect()
    }

    fn describe(&self, method: &Method) -> Value {
        let properties: Map<String, Value> =
            self.specs(method).map(|(name, spec)| (name.to_owned(), Value::Object(spec.clone()))).collect();
        let last = method.path.rsplit('/').find(|part| !part.starts_with('{')).unwrap_or("");
        let mut info = json!({
            "method": method.method, "name": last, "description": "", "allowtoken": u8::from(method.token),
            "parameters": {"additionalProperties": u8::from(method.open), "properties": properties},
            "permissions": method.permissions,
        });
        if method.to_node {
            info["proxyto"] = "node".into();
        }
        info
    }

    fn walk(&mut self, node: &Value) {
        for info in node["info"].as_object().into_iter().flatten().map(|(_, info)| info) {
            let mut params = HashMap::new();
            for (name, spec) in properties(&info["parameters"]) {
                params.insert(name, self.specs.len());
                self.specs.push(spec);
            }
            let permissions = info.get("permissions").filter(|p| p.get("user").or(p.get("check")).is_some());
            self.add(Method {
                method: text(&info["method"]),
                path: text(&node["path"]),
                params,
                permissions: permissions.cloned(),
                token: truthy(info.get("allowtoken"), true),
                to_node: info.get("proxyto").is_some(),
                open: truthy(info["parameters"].get("additionalProperties"), false),
            });
        }
        for child in node["children"].as_array().into_iter().flatten() {
            self.walk(child);
        }
    }

    fn add(&mut self, method: Method) {
        let mut branch = &mut self.root;
        for part in method.path.split('/').filter(|part| !part.is_empty()) {
            branch = if part.starts_with('{') {
                branch.any.get_or_insert_default()
            } else {
                branch.literal.entry(part.into()).or_default()
            };
        }
        branch.methods.insert(method.method.clone(), self.methods.len());
        self.methods.push(method);
    }

    /// All methods.
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    /// The method for a decoded path split at its slashes, and the values of the path's parameters.
    pub fn find(&self, method: &str, parts: &[String]) -> Option<(&Method, Vec<(String, String)>)> {
        let at = *find(&self.root, parts, method)?;
        let found = &self.methods[at];
        let names: Vec<&str> = found.path.split('/').filter(|part| !part.is_empty()).collect();
        let mut values = Vec::new();
        for (i, name) in names.iter().enumerate() {
            if let Some(name) = name.strip_prefix('{').and_then(|n| n.strip_suffix('}')) {
                let last = i + 1 == names.len();
                let value = if last { parts[i..].join("/") } else { parts[i].clone() };
                values.push((name.to_owned(), value));
            }
        }
        Some((found, values))
    }

    /// A method by its template.
    pub fn method(&self, method: &str, path: &str) -> Option<&Method> {
        self.methods.iter().find(|m| m.method == method && m.path == path)
    }

    /// The specification of a parameter of a method; `net3` is found as `net[n]`.
    pub fn spec<'a>(&'a self, method: &Method, name: &str) -> Option<&'a Spec> {
        if let Some(at) = method.params.get(name) {
            return self.specs.get(*at);
        }
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let number: u32 = name[stem.len()..].parse().ok()?;
        if name[stem.len()..] != number.to_string() || number >= count_of(stem, &method.path) {
            return None;
        }
        method.params.get(&format!("{stem}[n]")).and_then(|at| self.specs.get(*at))
    }

    /// All parameters of a method.
    pub fn specs<'a>(&'a self, method: &'a Method) -> impl Iterator<Item = (&'a str, &'a Spec)> {
        method.params.iter().filter_map(|(name, at)| Some((name.as_str(), self.specs.get(*at)?)))
    }

    /// A configuration text as JSON: a number where the parameter is one, a string otherwise.
    pub fn typed(&self, method: &Method, key: &str, value: &str) -> Value {
        let kind = self.spec(method, key).and_then(|spec| spec.get("type")?.as_str());
        match kind {
            Some("integer" | "boolean") => value.parse::<i64>().map_or_else(|_| value.into(), Value::from),
            Some("number") => number(value),
            _ => value.into(),
        }
    }
}

/// A number as JSON, whole when it is one; a text that is none stays a text.
pub fn number(text: &str) -> Value {
    match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(whole), _) => whole.into(),
        (_, Ok(number)) => number.into(),
        _ => text.into(),
    }
}

/// How many of `net[n]`, `scsi[n]`, ... there are.
fn count_of(stem: &str, path: &str) -> u32 {
    match stem {
        "ide" | "serial" => 4,
        "sata" => 6,
        "scsi" => 31,
        "virtio" | "hostpci" => 16,
        "net" | "ipconfig" => 32,
        "unused" | "mp" | "dev" => 256,
        "usb" => 14,
        "parallel" => 3,
        "numa" | "link" => 8,
        "virtiofs" => 10,
        _ if path.contains("acmedomain") => 6,
        "acmedomain" => 6,
        _ => 32,
    }
}

fn find<'a>(branch: &'a Branch, parts: &[String], method: &str) -> Option<&'a usize> {
    let Some((first, rest)) = parts.split_first() else {
        return branch.methods.get(method);
    };
    if let Some(found) = branch.literal.get(first).and_then(|next| find(next, rest, method)) {
        return Some(found);
    }
    let any = branch.any.as_deref()?;
    if let Some(found) = find(any, rest, method) {
        return Some(found);
    }
    // volume ids and networks contain slashes: a parameter at the end of a path takes the rest of it
    let ends = any.literal.is_empty() && any.any.is_none();
    if ends { any.methods.get(method) } else { None }
}

/// The parameters of a method; alternatives (`allOf`, `oneOf`) are put together, those of a choice as optional ones.
fn properties(parameters: &Value) -> HashMap<String, Spec> {
    let own = parameters["properties"].as_object().into_iter().flatten();
    let mut out: HashMap<String, Spec> =
        own.map(|(name, spec)| (name.clone(), spec.as_object().cloned().unwrap_or_default())).collect();
    for part in parameters["allOf"].as_array().into_iter().flatten() {
        out.extend(properties(part));
    }
    for part in parameters["oneOf"].as_array().into_iter().flatten() {
        for (name, mut spec) in properties(part) {
            spec.insert("optional".into(), 1.into());
            if out.contains_key(&name) {
                spec.remove("enum");
            }
            out.insert(name, spec);
        }
    }
    // what tells the alternatives apart is a parameter, too
    if let Some(name) = parameters["type-property"].as_str() {
        let spec = parameters["type-property-schema"].as_object().cloned().unwrap_or_default();
        out.insert(name.to_owned(), spec);
    }
    out
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("").to_owned()
}

fn truthy(value: Option<&Value>, default: bool) -> bool {
    match value {
        None => default,
        Some(Value::Bool(b)) => *b,
        Some(other) => other.as_i64().map_or(default, |n| n != 0),
    }
}
