//! The documentation is true where a machine can tell: the key tables are those of the code, the coverage table has
//! every row once, and links lead somewhere.
//!
//! `PROXMUX_UPDATE_DOCS=1 cargo test docs` writes what is generated.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use proxmux::{app, views};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A generated page is as it would be generated now. With `PROXMUX_UPDATE_DOCS` set it is written instead, at once, as
/// other tests read it meanwhile.
fn fresh(path: &str, wanted: &str) {
    let file = root().join(path);
    if fs::read_to_string(&file).is_ok_and(|found| found == wanted) {
        return;
    }
    assert!(
        std::env::var_os("PROXMUX_UPDATE_DOCS").is_some(),
        "{path} is stale: run PROXMUX_UPDATE_DOCS=1 cargo test docs"
    );
    let new = file.with_extension("md.new");
    fs::write(&new, wanted).unwrap();
    fs::rename(&new, &file).unwrap();
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Keys as a cell of a table: each one in code quotes.
fn keys(text: &str) -> String {
    let each: Vec<String> = text.split(' ').filter(|k| !k.is_empty()).map(|k| format!("`{k}`")).collect();
    if each.is_empty() { "(menu)".into() } else { each.join(" ").replace('|', "\\|") }
}

/// docs/keys.md as it should be.
fn keys_page() -> String {
    let mut page = String::from(
        "# Keys\n\n\
         <!-- Generated from the command tables: PROXMUX_UPDATE_DOCS=1 cargo test docs -->\n\n\
         The default keys. `?` shows those of the view in front, `:` finds a command by its name. Commands marked\n\
         (menu) have no key of their own: they are in the action menu (`m`) and in the palette (`:`). The last column\n\
         is the name of the command.\n\n",
    );
    let rows = |page: &mut String, rows: Vec<[String; 3]>| {
        page.push_str("| Keys | What | Command |\n|---|---|---|\n");
        for [keys, what, id] in rows {
            let _ = writeln!(page, "| {keys} | {what} | {id} |");
        }
        page.push('\n');
    };
    page.push_str("## Everywhere\n\n");
    let globals = app::GLOBALS.iter().chain(app::TOUR).map(|g| [keys(g.keys), g.title.into(), format!("`{}`", g.id)]);
    rows(&mut page, globals.collect());

    page.push_str("## Views\n\n| Key | View |\n|---|---|\n");
    for tab in views::TABS {
        let _ = writeln!(page, "| `{}` | {} |", tab.key, tab.title);
    }
    page.push_str("\n## Lists\n\n| Keys | What |\n|---|---|\n");
    for (keys, what) in app::frame::MOVES {
        let _ = writeln!(page, "| {} | {what} |", self::keys(keys));
    }
    page.push('\n');

    for (name, commands) in views::command_tables() {
        if commands.is_empty() {
            continue;
        }
        let _ = writeln!(page, "## {name}\n");
        let commands = commands.iter().map(|c| [keys(c.keys), c.title.into(), format!("`{}`", c.id)]);
        rows(&mut page, commands.collect());
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

#[test]
fn docs_keys_are_fresh() {
    fresh("docs/keys.md", &keys_page());
}

/// The table of settings in the guide, as it should be.
fn settings_table() -> String {
    use proxmux::config::{SETTINGS, setting::Place};
    let mut table =
        String::from("| Setting | Where | Option | Variable | Default | What |\n|---|---|---|---|---|---|\n");
    for s in SETTINGS {
        let code = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
        let place = match s.place {
            Place::Profile => "profile",
            Place::Both => "profile, defaults",
            Place::Defaults => "defaults",
        };
        let env: Vec<String> = s.env.iter().map(|name| code(name)).collect();
        let default = code(s.default.unwrap_or_default());
        let (flag, env, about) = (code(s.flag), env.join(" "), s.about.replace('|', "\\|"));
        let _ = writeln!(table, "| `{}` | {place} | {flag} | {env} | {default} | {about} |", s.name);
    }
    table
}

#[test]
fn docs_settings_are_those_of_the_code() {
    let path = "docs/guide/configuration.md";
    let page = read(path);
    let (before, rest) = page.split_once("<!-- settings -->\n").expect("no place for the settings");
    let after = rest.find("\nFor the login").map(|i| &rest[i..]).expect("no end of the settings");
    let wanted = format!("{before}<!-- settings -->\n\n{}{after}", settings_table());
    fresh(path, &wanted);
}

#[test]
fn docs_name_every_command_once_and_with_a_title() {
    let tables = views::command_tables();
    for (name, commands) in &tables {
        for command in commands {
            assert!(!command.title.is_empty(), "{name}: {} has no title", command.id);
            let same = commands.iter().filter(|c| c.id == command.id).count();
            assert_eq!(same, 1, "{name}: {} stands there {same} times", command.id);
        }
    }
    let all: Vec<_> = tables.iter().flat_map(|(_, commands)| commands).collect();
    assert!(all.len() > 20, "only {} commands", all.len());
}

/// How many rows each section of docs/coverage.md has: Y1, Y2 ...
const ROWS: [usize; 19] = [18, 28, 14, 16, 10, 8, 10, 11, 4, 1, 21, 8, 18, 10, 7, 24, 5, 12, 9];

/// The rows of docs/coverage.md: id, feature, state.
fn coverage() -> Vec<(String, String, String)> {
    let page = read("docs/coverage.md");
    let rows = page.lines().filter(|line| line.starts_with("| Y"));
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 3, "not three cells: {line}");
        (cells[0].to_owned(), cells[1].to_owned(), cells[2].to_owned())
    })
    .collect()
}

#[test]
fn docs_coverage_has_every_row_once() {
    let wanted = ROWS.iter().enumerate().flat_map(|(i, &rows)| (1..=rows).map(move |row| format!("Y{}.{row}", i + 1)));
    let wanted: Vec<String> = wanted.collect();
    assert_eq!(wanted.len(), 234);
    let found: Vec<String> = coverage().into_iter().map(|(id, ..)| id).collect();
    assert_eq!(found, wanted);
}

#[test]
fn docs_coverage_says_yes_no_or_what_is_missing() {
    let mut counts = BTreeMap::new();
    for (id, feature, state) in coverage() {
        assert!(feature.len() > 2, "{id} has no text");
        let word = match state.as_str() {
            "yes" => "yes",
            "no" => "no",
            partly => {
                let missing = partly.strip_prefix("partly: ").unwrap_or_else(|| panic!("{id}: \"{state}\""));
                assert!(missing.len() > 5, "{id} does not say what is missing");
                "partly"
            }
        };
        *counts.entry(word).or_insert(0) += 1;
    }
    let count = |word| counts.get(word).copied().unwrap_or(0);
    let (yes, partly, no) = (count("yes"), count("partly"), count("no"));
    let summary = format!("**{yes} yes, {partly} partly, {no} no** of {} rows.", yes + partly + no);
    let page = read("docs/coverage.md");
    let lines = page.split_inclusive('\n').map(|line| match line.ends_with(" rows.\n") && line.starts_with("**") {
        true => format!("{summary}\n"),
        false => line.to_owned(),
    });
    let wanted: String = lines.collect();
    assert!(wanted.contains(&summary), "docs/coverage.md has no line with the sum");
    fresh("docs/coverage.md", &wanted);
}

/// All Markdown files of the project, as paths relative to its root.
fn pages() -> Vec<PathBuf> {
    let mut found = vec![];
    for folder in ["", "docs", "docs/guide"] {
        for entry in fs::read_dir(root().join(folder)).unwrap().flatten() {
            let path = Path::new(folder).join(entry.file_name());
            if path.extension().is_some_and(|e| e == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn docs_link_to_files_that_are_there() {
    let pages = pages();
    assert!(pages.len() >= 8, "{pages:?}");
    let mut dead = vec![];
    for page in &pages {
        let folder = page.parent().unwrap_or(Path::new(""));
        for part in read(page).split("](").skip(1) {
            let link = part.split([')', '#', ' ']).next().unwrap_or_default();
            let is_file = !link.is_empty() && !link.contains("://") && !link.starts_with("mailto:");
            if is_file && !root().join(folder).join(link).exists() {
                dead.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
}

/// Paths of our own sources that a page names in code quotes exist.
#[test]
fn docs_name_sources_that_are_there() {
    let mut dead = vec![];
    for page in pages() {
        for quoted in read(&page).split('`').skip(1).step_by(2) {
            let is_source = ["src/", "tests/", "tools/", "docs/", "assets/", "benches/", "screenshots/"];
            let plain = !quoted.contains(['{', '*', '<', ' ', '$', '\n', '…']);
            if plain && is_source.iter().any(|s| quoted.starts_with(s)) && !root().join(quoted).exists() {
                dead.push(format!("{}: {quoted}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "named, but not there:\n{}", dead.join("\n"));
}

#[test]
fn docs_readme_has_the_two_commands_and_every_option() {
    let readme = read("README.md");
    for command in ["cargo run --release -- demo", "cargo test"] {
        assert!(readme.lines().any(|line| line.trim() == command), "README.md lacks `{command}` on a line of its own");
    }
    let guide = pages().into_iter().map(read).collect::<String>();
    let mut command = <proxmux::cli::Cli as clap::CommandFactory>::command();
    command.build();
    let all = std::iter::once(&command).chain(command.get_subcommands().filter(|c| c.get_name() != "help"));
    for part in all {
        for option in part.get_arguments().filter_map(|a| a.get_long()).filter(|o| !matches!(*o, "help" | "version")) {
            let option = format!("--{option}");
            assert!(guide.contains(&option), "no page mentions {option} of {}", part.get_name());
        }
    }
    for code in [proxmux::cli::USER_ERROR, proxmux::cli::SYSTEM_ERROR, proxmux::cli::API_ERROR] {
        assert!(readme.contains(&format!("| {code} |")), "README.md lacks exit code {code}");
    }
}
