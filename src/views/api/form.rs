//! A form for any method, made from its description, and the values that come out of it.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;

use crate::{
    api::{
        ids::GuestKind,
        schema::{Kind, MethodDoc, Parameter, split_list},
    },
    store::Store,
    ui::{Choice, Form},
};

/// With more optional parameters than this, they are folded away until F2.
const FOLD: usize = 12;

/// The key of the field for parameters that the server does not describe.
const MORE: &str = "(more)";

/// The form: what the path needs, what is required, then the rest. Choices that the cluster knows are offered.
pub fn form(doc: &MethodDoc, store: &Store) -> Form {
    let fold = doc.parameters.iter().filter(|p| !p.required).count() > FOLD;
    let mut form = Form::new();
    for p in &doc.parameters {
        form = field(form, doc, p, store);
        if !p.name.ends_with("[n]") {
            form = form.help(&help(p));
        }
        if let Some(default) = p.default.as_deref().filter(|_| p.kind != Kind::Boolean) {
            form = form.placeholder(default);
        }
        if p.required {
            form = form.required();
        } else if fold {
            form = form.advanced();
        }
    }
    if doc.open {
        form =
            form.text(MORE, "more").help("Further parameters as NAME=VALUE, separated by blanks; quotes keep blanks");
    }
    if doc.parameters.is_empty() && !doc.open {
        form = form.note("This call takes no parameters.");
    }
    form
}

fn field(form: Form, doc: &MethodDoc, p: &Parameter, store: &Store) -> Form {
    let name = p.name.as_str();
    if let Some(stem) = name.strip_suffix("[n]") {
        let help = help(p);
        let stem = stem.to_owned();
        return form.group(name, name, 0..=32, move |n| {
            Form::new()
                .number("n", &stem, 0..=255)
                .initial(&n.to_string())
                .required()
                .text("value", "Value")
                .required()
                .help(&help)
        });
    }
    if p.secret {
        return form.secret(name, name);
    }
    if let Some(known) = known(doc, p, store).filter(|k| !k.is_empty()) {
        let only = known.len() == 1;
        let first = known[0].value.clone();
        let form = form.select(name, name, known).free();
        return if only && p.required { form.initial(&first) } else { form };
    }
    let optional = |mut choices: Vec<Choice>| {
        if !p.required {
            let default = p.default.as_ref().map(|d| format!("not set (default {d})"));
            choices.insert(0, Choice::labelled("", default.unwrap_or_else(|| "not set".into())));
        }
        choices
    };
    match p.kind {
        Kind::Boolean => {
            let choices = vec![Choice::labelled("1", "yes"), Choice::labelled("0", "no")];
            form.select(name, name, optional(choices))
        }
        _ if !p.choices.is_empty() && p.kind != Kind::List => {
            form.select(name, name, optional(p.choices.iter().map(Choice::new).collect()))
        }
        Kind::Integer => {
            let bound = |n: Option<f64>, other: i64| n.map_or(other, |n| n as i64);
            let range = bound(p.minimum, i64::MIN)..=bound(p.maximum, i64::MAX);
            form.number(name, name, range)
        }
        _ => form.text(name, name),
    }
}

/// What the cluster has to offer for a parameter: its nodes, guests, storages and pools.
fn known(doc: &MethodDoc, p: &Parameter, store: &Store) -> Option<Vec<Choice>> {
    let resources = &store.resources;
    let format = p.format.as_deref().unwrap_or_default();
    Some(match p.name.as_str() {
        "node" | "target" if p.name == "node" || format == "pve-node" => {
            resources.nodes.iter().map(|n| Choice::new(n.node.as_str())).collect()
        }
        "vmid" if p.in_path => {
            let kind = if doc.path.contains("/qemu/") {
                Some(GuestKind::Vm)
            } else if doc.path.contains("/lxc/") {
                Some(GuestKind::Ct)
            } else {
                None
            };
            let guests = resources.guests.iter().filter(|g| kind.is_none_or(|k| k == g.kind));
            guests
                .map(|g| {
                    Choice::labelled(g.vmid.to_string(), format!("{} {}", g.vmid, g.name)).detail(g.node.to_string())
                })
                .collect()
        }
        "storage" if p.in_path || format == "pve-storage-id" => {
            let mut names: Vec<String> = resources.storages.iter().map(|s| s.storage.to_string()).collect();
            names.dedup();
            names.into_iter().map(Choice::new).collect()
        }
        "pool" | "poolid" => resources.pools.iter().map(|p| Choice::new(p.as_str())).collect(),
        "upid" => {
            let tasks = store.tasks.iter().take(50);
            tasks.map(|t| Choice::labelled(t.upid.to_string(), t.description()).detail(t.status.to_string())).collect()
        }
        _ => return None,
    })
}

/// The rule, then the first sentence of the description.
fn help(p: &Parameter) -> String {
    let about = p.description.lines().next().unwrap_or_default();
    let rule = p.rule();
    if about.is_empty() { rule } else { format!("{about} ({rule})") }
}

/// The values to send, in the order of the description; what is empty is left out. Secrets are among them.
pub fn values(doc: &MethodDoc, form: &Form) -> Vec<(String, String)> {
    let plain = form.values();
    let mut out = vec![];
    for p in &doc.parameters {
        if let Some(stem) = p.name.strip_suffix("[n]") {
            for item in form.group_values(&p.name).iter().filter(|i| !i.get("value").is_empty()) {
                out.push((format!("{stem}{}", item.get("n")), item.get("value").to_owned()));
            }
        } else if p.secret {
            let secret = form.secret_of(&p.name);
            out.extend(secret.map(|s| (p.name.clone(), s.expose_secret().to_owned())));
        } else {
            let value = plain.get(&p.name);
            if value.is_empty() {
                continue;
            }
            if p.kind == Kind::List {
                out.extend(split_list(value).into_iter().map(|item| (p.name.clone(), item)));
            } else {
                out.push((p.name.clone(), value.to_owned()));
            }
        }
    }
    if doc.open {
        let more = split_list(plain.get(MORE));
        out.extend(more.iter().filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())));
    }
    out
}

/// What the description forbids, by the name of the field.
pub fn problems(doc: &MethodDoc, form: &Form) -> BTreeMap<String, String> {
    let mut wrong = BTreeMap::new();
    for (name, value) in values(doc, form) {
        let Some(p) = doc.parameter(&name) else { continue };
        if let Some(problem) = p.problem(&value) {
            wrong.insert(field_of(doc, form, &name), problem);
        }
    }
    for p in doc.parameters.iter().filter(|p| p.secret && p.required && form.secret_of(&p.name).is_none()) {
        wrong.insert(p.name.clone(), "is required".into());
    }
    let more = if doc.open { form.values().get(MORE).to_owned() } else { String::new() };
    if let Some(odd) = split_list(&more).into_iter().find(|pair| !pair.contains('=')) {
        wrong.insert(MORE.into(), format!("\"{odd}\" is not of the form NAME=VALUE"));
    }
    wrong
}

/// The field that shows a parameter's error: `net1` is in the item of `net[n]` whose number is 1.
pub fn field_of(doc: &MethodDoc, form: &Form, name: &str) -> String {
    if form.has(name) && doc.parameters.iter().any(|p| p.name == name) {
        return name.to_owned();
    }
    let Some(p) = doc.parameter(name).filter(|p| p.name.ends_with("[n]")) else { return name.to_owned() };
    let number = &name[p.name.len() - 3..];
    let item = form.group_values(&p.name).iter().position(|item| item.get("n") == number);
    item.map_or_else(|| p.name.clone(), |i| format!("{}{i}.value", p.name))
}
