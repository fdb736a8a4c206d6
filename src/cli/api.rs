//! `proxmux api`: any method of the API from the command line, as `pvesh` does it on a node.

use std::io::{Read, Write as _};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;

use super::change::{self, ChangeArgs, TaskFailed};
use crate::{
    api::{
        Method,
        ids::Upid,
        preview,
        schema::{self, Answer, MethodDoc, is_secret},
    },
    shell::{Degree, Proposal, World, Write, manual},
    store::Store,
    ui::text,
    views::api::manual_text,
};

/// Arguments of `proxmux api`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  proxmux api get /nodes
  proxmux api get /nodes/pve1/qemu/100/config current=1 --json
  proxmux api create /nodes/pve1/qemu/100/status/start --yes
  proxmux api put /access/password userid=bob@pve password@=new-password.txt
  proxmux api --search 'snapshot rollback'
  proxmux api post /nodes/{node}/qemu/{vmid}/clone --usage

Methods are get, post, put and delete, or pvesh's create and set. A change shows its call and asks first.
NAME@=FILE takes a value from a file, NAME@=- from standard input; passwords and keys are only taken so.")]
pub struct ApiArgs {
    /// get, post, put or delete; create and set mean post and put
    #[arg(value_name = "METHOD", required_unless_present = "search", conflicts_with = "search", value_parser = method)]
    pub method: Option<Method>,
    /// The path, like /nodes/pve1/status
    #[arg(value_name = "PATH", required_unless_present = "search")]
    pub path: Option<String>,
    /// Parameters; the same name again makes a list
    #[arg(value_name = "NAME=VALUE")]
    pub values: Vec<String>,
    /// List the methods whose path, description or parameters hold all these words
    #[arg(long, value_name = "WORDS")]
    pub search: Option<String>,
    /// Show what the server says about the method instead of calling it
    #[arg(long, conflicts_with = "search")]
    pub usage: bool,
    /// How a change is made, and JSON for any answer.
    #[command(flatten)]
    pub change: ChangeArgs,
}

fn method(text: &str) -> Result<Method, String> {
    Ok(match text.to_lowercase().as_str() {
        "get" => Method::Get,
        "post" | "create" => Method::Post,
        "put" | "set" => Method::Put,
        "delete" => Method::Delete,
        _ => return Err("use get, post (or create), put (or set), or delete".into()),
    })
}

/// Runs the call, or searches.
///
/// # Errors
/// When something is missing, the user says no, or the cluster does.
pub async fn run(args: ApiArgs, world: &World, store: &Store) -> Result<()> {
    let json = args.change.json;
    if let Some(words) = &args.search {
        let manual = manual::load(world, store.session, false).await?;
        return search(&manual.schema.methods, words, json);
    }
    let (Some(verb), Some(path)) = (args.method, args.path.as_deref()) else { bail!("give METHOD and PATH") };
    if args.usage {
        let manual = manual::load(world, store.session, false).await?;
        let found = manual.schema.methods.iter().find(|m| m.method == verb && m.path == path.trim_end_matches('/'));
        let found = found.or_else(|| manual.schema.resolve(verb, path).map(|(m, _)| m));
        let found = found.with_context(|| format!("{verb} {path}: this server has no such method"))?;
        return print(&manual_text(found));
    }
    let mut request = schema::any(verb, encoded(path));
    for pair in &args.values {
        let (name, value) = value(path, pair)?;
        request = if is_secret(path, &name) { request.secret(&name, value) } else { request.param(&name, value) };
    }
    if world.policy.dry_run {
        let shown = if json { preview::json(&request.wire) } else { preview::pvesh(&request.wire) };
        return print(&format!("{shown}\n"));
    }
    if !request.wire.is_write() {
        return show(&world.client(store.session)?.ask(request).await?, json);
    }
    let label = format!("{verb} {path}");
    let wire = request.wire.clone();
    let write = Write::new(label.clone(), request);
    let proposal = Proposal::new(format!("Send {label}?"), vec![write]).degree(Degree::Careful);
    if !world.policy.read_only {
        change::confirm(&proposal, &args.change)?;
    }
    let answer = Answer::of(&world.write(store.session, &label, &wire).await?)?;
    show(&answer, json)?;
    if let Some(Ok(upid)) = answer.upid().map(Upid::parse).filter(|_| !args.change.no_wait) {
        let state = change::follow(world, store, &upid, change::Show::Log).await?;
        if !state.is_success() {
            return Err(TaskFailed(format!("{label} failed: {state}")).into());
        }
    }
    Ok(())
}

/// `NAME=VALUE` or `NAME@=FILE`. Every user of a machine can read its command lines, so secrets come from files.
fn value(path: &str, pair: &str) -> Result<(String, String)> {
    let (name, value) = pair.split_once('=').with_context(|| format!("\"{pair}\" is not of the form NAME=VALUE"))?;
    if let Some(name) = name.strip_suffix('@') {
        let text = if value == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("can't read standard input")?;
            text
        } else {
            std::fs::read_to_string(value).map_err(|e| super::unreadable(format!("{value} (for {name})"), &e))?
        };
        let text = text.strip_suffix('\n').unwrap_or(&text);
        return Ok((name.to_owned(), text.strip_suffix('\r').unwrap_or(text).to_owned()));
    }
    if is_secret(path, name) {
        bail!(
            "{name} is secret, and command lines can be read by others: use {name}@=FILE, or {name}@=- for standard input"
        );
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// A path as people write it, encoded piece by piece; what is encoded already stays.
fn encoded(path: &str) -> String {
    let pieces = path.split('/').filter(|p| !p.is_empty()).map(|piece| {
        let is_encoded = piece.contains('%');
        format!("/{}", if is_encoded { piece.to_owned() } else { crate::api::request::part(piece).to_string() })
    });
    let path: String = pieces.collect();
    if path.is_empty() { "/".into() } else { path }
}

fn search(methods: &[MethodDoc], words: &str, json: bool) -> Result<()> {
    let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
    let hit = |m: &&MethodDoc| {
        let names: Vec<&str> = m.parameters.iter().map(|p| p.name.as_str()).collect();
        let hay = format!("{} {} {} {} {}", m.method, m.path, m.name, m.description, names.join(" ")).to_lowercase();
        words.iter().all(|w| hay.contains(w))
    };
    let found: Vec<&MethodDoc> = methods.iter().filter(hit).collect();
    if json {
        let list: Vec<Value> = found
            .iter()
            .map(|m| serde_json::json!({"method": m.method.as_str(), "path": m.path, "description": m.description}))
            .collect();
        return print(&format!("{:#}\n", Value::from(list)));
    }
    if found.is_empty() {
        bail!("none of the server's {} methods holds all these words", methods.len());
    }
    let wide = found.iter().map(|m| m.path.len()).max().unwrap_or(0);
    let mut out = String::new();
    for m in found {
        let about = m.description.lines().next().unwrap_or_default();
        out.push_str(format!("{:6} {:wide$}  {}", m.method, m.path, text::clean(about)).trim_end());
        out.push('\n');
    }
    print(&out)
}

fn show(answer: &Answer, json: bool) -> Result<()> {
    if json {
        return print(&format!("{:#}\n", answer.data));
    }
    print(&plain(&answer.data))
}

fn print(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("can't write to standard output")
}

/// An answer for people: a list of objects as a table, the rest line by line.
pub fn plain(value: &Value) -> String {
    let rows = value.as_array().filter(|list| !list.is_empty() && list.iter().all(Value::is_object));
    match rows {
        Some(rows) => table(rows),
        None => {
            let mut out = String::new();
            lines(value, 0, &mut out);
            out
        }
    }
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(s)) => text::clean(s.lines().next().unwrap_or_default()).into_owned(),
        Some(other) => other.to_string(),
    }
}

fn table(rows: &[Value]) -> String {
    const FIRST: [&str; 8] = ["id", "vmid", "name", "node", "storage", "volid", "type", "status"];
    let mut names: Vec<&str> = rows.iter().filter_map(Value::as_object).flatten().map(|(k, _)| k.as_str()).collect();
    names.sort_by_key(|n| (FIRST.iter().position(|f| f == n).unwrap_or(FIRST.len()), *n));
    names.dedup();
    let mut grid: Vec<Vec<String>> = vec![names.iter().map(|n| (*n).to_owned()).collect()];
    grid.extend(rows.iter().map(|row| names.iter().map(|n| cell(row.get(n))).collect()));
    let widths: Vec<usize> =
        (0..names.len()).map(|i| grid.iter().map(|r| text::width(&r[i])).max().unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(c, w)| text::pad(c, *w)).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    grid.iter().map(line).collect()
}

fn lines(value: &Value, depth: usize, out: &mut String) {
    let pad = "  ".repeat(depth);
    match value {
        Value::Object(map) => map.iter().for_each(|(key, child)| line(key, child, depth, out)),
        Value::Array(list) => {
            for (i, item) in list.iter().enumerate() {
                match item {
                    Value::Object(_) | Value::Array(_) => line(&i.to_string(), item, depth, out),
                    scalar => out.push_str(&format!("{pad}{}\n", cell(Some(scalar)))),
                }
            }
        }
        Value::Null => {}
        Value::String(s) => s.lines().for_each(|l| out.push_str(&format!("{pad}{}\n", text::clean(l)))),
        other => out.push_str(&format!("{pad}{other}\n")),
    }
}

fn line(key: &str, value: &Value, depth: usize, out: &mut String) {
    let pad = "  ".repeat(depth);
    let nested = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::String(s) => s.trim_end().contains('\n'),
        _ => false,
    };
    if nested {
        out.push_str(&format!("{pad}{key}:\n"));
        lines(value, depth + 1, out);
    } else {
        out.push_str(&format!("{pad}{key}: {}\n", cell(Some(value))));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn answers_for_people() {
        let list = json!([{"name": "b", "vmid": 101, "x": {"y": 1}}, {"vmid": 100, "name": "aä"}]);
        assert_eq!(plain(&list), "vmid  name  x\n101   b     {\"y\":1}\n100   aä\n");
        let object = json!({"a": {"b": [1, "two"]}, "text": "one\ntwo", "n": null});
        assert_eq!(plain(&object), "a:\n  b:\n    1\n    two\nn: \ntext:\n  one\n  two\n");
        assert_eq!(
            (plain(&json!(null)), plain(&json!("x\u{1b}[0m"))),
            (String::new(), "x\u{fffd}[0m\n".replace('\u{fffd}', plain(&json!("\u{1b}")).trim_end()))
        );
        assert_eq!(plain(&json!([])), "");
    }

    #[test]
    fn paths_and_values() {
        assert_eq!(encoded("nodes/a/"), "/nodes/a");
        assert_eq!(encoded("/nodes/a/storage/l/content/l:iso%2Fx"), "/nodes/a/storage/l/content/l:iso%2Fx");
        assert_eq!(encoded("/access/users/a@pve"), "/access/users/a%40pve");
        assert_eq!(encoded("/"), "/");
        assert_eq!(value("/x", "a=b=c").unwrap(), ("a".into(), "b=c".into()));
        assert!(value("/x", "a").unwrap_err().to_string().contains("NAME=VALUE"));
        let refused = value("/access/users", "password=hunter2").unwrap_err().to_string();
        assert!(refused.contains("password@=FILE") && !refused.contains("hunter2"), "{refused}");
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("p");
        std::fs::write(&file, "hunter2\n").unwrap();
        let pair = format!("password@={}", file.display());
        assert_eq!(value("/access/users", &pair).unwrap().1, "hunter2");
        assert!(
            value("/x", "a@=/no/such/file").unwrap_err().to_string().contains("/no/such/file (for a) can't be read")
        );
        assert_eq!(method("SET"), Ok(Method::Put));
        assert!(method("head").is_err());
    }
}
