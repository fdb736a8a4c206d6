//! The layers: who may use whom. Each rule names the offending line.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A layer and what it may use besides itself.
const LAYERS: &[(&str, &[&str])] = &[
    ("api", &[]),
    ("config", &["api", "audit"]),
    ("sim", &[]),
    ("ui", &[]),
    ("ssh_key", &[]),
    ("store", &["api"]),
    ("audit", &["api"]),
    ("preset", &["api"]),
    ("shell", &["api", "ui", "store", "audit", "preset"]),
    ("views", &["shell", "ui", "store", "api", "ssh_key"]),
    ("app", &["views", "shell", "ui", "store", "api"]),
];

fn sources() -> Vec<PathBuf> {
    fn walk(dir: &Path, out: &mut Vec<PathBuf>) {
        let mut entries: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|e| e == "rs") {
                out.push(path);
            }
        }
    }
    let mut out = vec![];
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut out);
    out
}

/// `src/api/http/tls.rs` is in the layer `api`.
fn layer(path: &Path) -> String {
    let rest = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let first = rest.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// Is it a file of tests only?
fn is_test(path: &Path) -> bool {
    path.file_name().is_some_and(|n| n == "tests.rs") || path.components().any(|c| c.as_os_str() == "tests")
}

/// The lines of a file with their numbers, up to its tests, comments left out.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().enumerate().take_while(|(_, line)| !line.starts_with("#[cfg(test)]"));
    let code = lines.filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.map(|(n, line)| (n + 1, line.to_owned())).collect()
}

fn place(path: &Path, line: usize) -> String {
    let path = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
    format!("{}:{line}", path.display())
}

fn complain(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// The modules of this crate that a piece of code names: after `crate::`, alone or in braces.
fn used(code: &str) -> Vec<(usize, String)> {
    let mut out = vec![];
    for (at, _) in code.match_indices("crate::") {
        if at > 0 && code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        let Some(list) = rest.strip_prefix('{') else {
            out.push((at, name(rest)));
            continue;
        };
        // The first word of every item at depth one.
        let (mut depth, mut fresh) = (1, true);
        for (i, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => fresh = true,
                c if depth == 1 && fresh && !c.is_whitespace() => {
                    fresh = false;
                    out.push((at + "crate::{".len() + i, name(&list[i..])));
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    out
}

#[test]
fn the_reader_of_uses_works() {
    let names = |code: &str| used(code).into_iter().map(|(_, name)| name).collect::<Vec<_>>();
    assert_eq!(names("use crate::api::http;"), ["api"]);
    assert_eq!(
        names("use crate::{api::{A, b::C}, shell,\n ui::{X}};\nlet x = crate::sim::Y;"),
        ["api", "shell", "ui", "sim"]
    );
    assert_eq!(names("pub(crate) fn x() {} mycrate::no"), [""; 0]);
}

#[test]
fn layers_use_only_what_is_below_them() {
    let mut wrong = vec![];
    for path in sources() {
        let layer = layer(&path);
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else { continue };
        let lines = code(&path);
        let text: String = lines.iter().map(|(_, line)| format!("{line}\n")).collect();
        for (at, name) in used(&text) {
            if name != layer && !allowed.contains(&name.as_str()) {
                let (number, line) = &lines[text[..at].matches('\n').count()];
                wrong.push(format!("{}: {layer} must not use {name}: {}", place(&path, *number), line.trim()));
            }
        }
    }
    complain(&wrong);
}

#[test]
fn only_the_app_lets_writes_out() {
    let mut wrong = vec![];
    for path in sources().into_iter().filter(|p| layer(p) == "views") {
        for (number, line) in code(&path) {
            if line.contains("Effect::Write") || line.contains("ConfirmedWrite") {
                wrong.push(format!("{}: views propose, they don't send: {}", place(&path, number), line.trim()));
            }
        }
    }
    complain(&wrong);
}

#[test]
fn no_unwrap_no_print() {
    let mut wrong = vec![];
    for path in sources() {
        let layer = layer(&path);
        if is_test(&path) || layer == "main" {
            continue;
        }
        for (number, line) in code(&path) {
            let found =
                [".unwrap()", ".expect(", "println!", "print!(", "dbg!("].into_iter().filter(|w| line.contains(w));
            let found = found.filter(|w| layer != "cli" || !w.contains("print"));
            wrong.extend(found.map(|word| format!("{}: {word} in {}", place(&path, number), line.trim())));
        }
    }
    complain(&wrong);
}

#[test]
fn no_file_is_longer_than_700_lines() {
    let long = sources().into_iter().filter(|p| !is_test(p)).filter_map(|path| {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        (lines > 700).then(|| format!("{} lines: split it", place(&path, lines)))
    });
    complain(&long.collect::<Vec<_>>());
}
