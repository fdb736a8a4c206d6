//! What `--json` prints: `docs/json.md` is made from what the program prints, and a shape that has lost a field fails.

use std::collections::{BTreeMap, BTreeSet};

use clap::CommandFactory;
use serde_json::Value;

use crate::pty::Simulator;

/// Keys below which every key is a name of the user's or of the server's.
const NAMES: &[&str] = &["settings", "values", "params"];

/// What prints the outcome of changes, which has one shape.
const CHANGES: &[&str] = &[
    "backup create",
    "backup job create",
    "backup job disable",
    "backup job edit",
    "backup job enable",
    "backup job remove",
    "backup job run",
    "backup notes",
    "backup protect",
    "backup prune",
    "backup remove",
    "backup restore",
    "backup unprotect",
    "ct create",
    "ct destroy",
    "ct set",
    "iso download",
    "iso rm",
    "iso upload",
    "permission add",
    "permission remove",
    "snapshot create",
    "snapshot delete",
    "snapshot edit",
    "snapshot prune",
    "snapshot rollback",
    "task stop",
    "template clone",
    "template convert",
    "template download",
    "vm create",
    "vm destroy",
    "vm set",
];

/// What prints something of its own: the command, what to run, and what to say about it.
const READS: &[(&str, &[&str], &str)] = &[
    ("config show", &["config show --json", "--profile lab config show --json"], ""),
    ("config check", &["config check --json", "--config BROKEN config check --json"], ""),
    ("profile list", &["profile list --json"], "`secret` says where it is kept."),
    (
        "profile test",
        &["profile test lab --json"],
        "`error` is a text when `ok` is false; `user` and `version` are null then.",
    ),
    ("check", &["check --json", "check --json --updates"], ""),
    ("vm set", &["vm set 100 --json", "vm set 102 --json"], "Without changes: all settings."),
    ("ct set", &["ct set 200 --json"], "Without changes: all settings."),
    ("snapshot list", &["snapshot list 102 --json", "snapshot list 111 --json"], ""),
    ("backup list", &["backup list --json"], ""),
    ("backup job list", &["backup job list --json"], "A job has the server's parameters, as text."),
    ("backup job show", &["backup job show backup-nightly --json"], ""),
    ("backup job next", &["backup job next 02:30 --json"], ""),
    ("iso list", &["iso list --json"], ""),
    ("template list", &["template list --json"], ""),
    ("permission list", &["permission list 104 --inherited --json", "permission list / --json"], ""),
    ("task list", &["task list --json"], ""),
    ("task wait", &["task wait UPID --json"], ""),
    (
        "api",
        &["api --search snapshot --json"],
        "With `--search`. A call prints the `data` that the server answers, as it came: of a task its UPID.",
    ),
    ("audit verify", &["audit verify --json"], ""),
    ("audit show", &["audit show --json"], ""),
    ("preset list", &["preset list --json"], ""),
    ("preset show", &["preset show web --json"], ""),
    ("preset diff", &["preset diff web db --json"], ""),
];

#[derive(Clone, Debug, Default)]
struct Shape {
    kinds: BTreeSet<&'static str>,
    /// Keys with how often they were there.
    keys: BTreeMap<String, (Shape, usize)>,
    objects: usize,
    items: Option<Box<Shape>>,
}

impl Shape {
    fn add(&mut self, value: &Value, names: bool) {
        match value {
            Value::Null => drop(self.kinds.insert("null")),
            Value::Bool(_) => drop(self.kinds.insert("true or false")),
            Value::Number(_) => drop(self.kinds.insert("number")),
            Value::String(_) => drop(self.kinds.insert("text")),
            Value::Array(list) => {
                let items = self.items.get_or_insert_default();
                list.iter().for_each(|item| items.add(item, false));
            }
            Value::Object(map) => {
                self.objects += 1;
                let mut seen = BTreeSet::new();
                for (key, value) in map {
                    let name = if names { "NAME" } else { key.as_str() };
                    let entry = self.keys.entry(name.to_owned()).or_default();
                    entry.0.add(value, NAMES.contains(&key.as_str()));
                    entry.1 += usize::from(seen.insert(name));
                }
            }
        }
    }

    fn text(&self, indent: usize) -> String {
        let mut parts: Vec<String> = vec![];
        if self.objects > 0 {
            let pad = " ".repeat(indent + 2);
            let lines = self.keys.iter().map(|(key, (shape, count))| {
                let optional = if *count < self.objects { "?" } else { "" };
                format!("{pad}{key}{optional}: {}", shape.text(indent + 2))
            });
            let lines: Vec<_> = lines.collect();
            parts.push(format!("{{\n{}\n{}}}", lines.join("\n"), " ".repeat(indent)));
        }
        if let Some(items) = &self.items {
            let inner = items.text(indent);
            parts.push(if inner.is_empty() { "[]".into() } else { format!("[{inner}]") });
        }
        parts.extend(self.kinds.iter().map(|k| (*k).to_owned()));
        parts.join(" | ")
    }
}

/// Every command that has `--json`.
fn commands() -> BTreeSet<String> {
    fn walk(command: &clap::Command, path: &str, out: &mut BTreeSet<String>) {
        if command.get_arguments().any(|a| a.get_long() == Some("json")) {
            out.insert(path.trim().to_owned());
        }
        command.get_subcommands().for_each(|sub| walk(sub, &format!("{path} {}", sub.get_name()), out));
    }
    let mut out = BTreeSet::new();
    walk(&proxmux::cli::Cli::command(), "", &mut out);
    out
}

#[test]
fn every_command_with_json_is_described() {
    let known: BTreeSet<String> =
        READS.iter().map(|(c, ..)| *c).chain(CHANGES.iter().copied()).chain(["simulate"]).map(str::to_owned).collect();
    assert_eq!(commands(), known, "docs/json.md should have exactly the commands with --json");
}

/// Runs a line of words; the JSON it prints.
fn ask(sim: &Simulator, line: &str, upid: &str, broken: &str) -> Value {
    let words: Vec<&str> = line
        .split(' ')
        .map(|word| match word {
            "UPID" => upid,
            "BROKEN" => broken,
            word => word,
        })
        .collect();
    let (code, out, err) = sim.run(&words);
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("{line}: {e}: code {code}\n{out}\n{err}"))
}

#[test]
fn the_page_is_what_the_program_prints() {
    let sim = Simulator::start(&["--speed", "20"]);
    let get = |key: &str| sim.ready[key].as_str().unwrap().to_owned();
    let dir = tempfile::tempdir().unwrap();
    let broken = dir.path().join("broken.toml");
    std::fs::write(&broken, "veiw = 1\n").unwrap();
    let broken = broken.to_str().unwrap();
    for (name, cores) in [("web", 2), ("db", 4)] {
        let file = dir.path().join(format!("{name}.toml"));
        std::fs::write(&file, format!("version = 1\nwizard = \"Create VM\"\n[values]\ncores = \"{cores}\"\n")).unwrap();
        let (code, _, err) = sim.run(&["preset", "import", file.to_str().unwrap()]);
        assert_eq!(code, 0, "{err}");
    }
    let host = get("url").trim_start_matches("https://").to_owned();
    let token = get("token");
    let add = ["profile", "add", "lab", "--host", &host, "--token", &token, "--secret-env", "PVE_TOKEN_SECRET"];
    let (code, _, err) = sim.run(&add);
    assert_eq!(code, 0, "{err}");

    // The outcome of changes: with a task, without, of several guests, and one that fails.
    let mut outcome = Shape::default();
    let mut upid = String::new();
    for line in [
        "snapshot create 111 snapname=first --yes --json",
        "vm set 111 cores=3 --yes --json",
        "backup create --guest 111,109 storage=nas --yes --json",
        "vm set 112 cores=1 --yes --json",
        "snapshot delete 111 first --yes --no-wait --json",
    ] {
        let value = ask(&sim, line, "", "");
        if let Some(found) = value.pointer("/0/upid").and_then(Value::as_str).filter(|_| upid.is_empty()) {
            upid = found.to_owned();
        }
        outcome.add(&value, false);
    }
    let mut call = Shape::default();
    call.add(&ask(&sim, "--dry-run vm set 111 cores=7 --json", "", ""), false);

    let mut page = String::from(
        "# What `--json` prints\n\n\
         <!-- Generated from what the program prints: PROXMUX_UPDATE_DOCS=1 cargo test --test it json -->\n\n\
         The shapes below only grow: a field keeps its name, its place and its meaning as long as the first number of\n\
         the version stays; new fields may come, so read by name and ignore what you don't know. JSON goes to standard\n\
         output, everything else to standard error; the exit code tells how it went also with `--json`. Times are seconds\n\
         since 1970 unless they are text, sizes are bytes. `?` marks fields that are not always there, `NAME` stands for any\n\
         name, `|` separates what may stand in a place.\n\n\
         ## Changes\n\n\
         Every command that changes something prints a list with an entry for each call:\n\n",
    );
    page.push_str(&format!("```text\n{}\n```\n\n", outcome.text(0)));
    page.push_str(
        "`upid` is there when the call started a task, `status` is how that ended (`OK`, `WARNINGS: 1`, or the error);\n\
         with `--no-wait` nobody has waited for it. `--dry-run` prints the call instead, one object for each:\n\n",
    );
    page.push_str(&format!("```text\n{}\n```\n\n", call.text(0)));
    let list: Vec<String> = CHANGES.iter().map(|c| format!("`{c}`")).collect();
    page.push_str(&format!("These are: {}.\n", list.join(", ")));
    for (command, lines, about) in READS {
        let mut shape = Shape::default();
        lines.iter().for_each(|line| shape.add(&ask(&sim, line, &upid, broken), false));
        let about = if about.is_empty() { String::new() } else { format!("{about}\n\n") };
        page.push_str(&format!("\n## `{command} --json`\n\n{about}```text\n{}\n```\n", shape.text(0)));
    }
    let mut ready = Shape::default();
    ready.add(&sim.ready, false);
    page.push_str(&format!(
        "\n## `simulate --json`\n\nOne line, once it listens.\n\n```text\n{}\n```\n",
        ready.text(0)
    ));

    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/json.md");
    if std::env::var_os("PROXMUX_UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    similar(&written, &page);
}

/// The first line that differs.
fn similar(written: &str, now: &str) {
    for (n, (a, b)) in written.lines().zip(now.lines()).enumerate() {
        assert_eq!(a, b, "docs/json.md:{}: run PROXMUX_UPDATE_DOCS=1 cargo test --test it json", n + 1);
    }
    assert_eq!(written.lines().count(), now.lines().count(), "docs/json.md is stale");
}
