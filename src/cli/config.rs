//! `proxmux config`: show, check, edit and import the configuration.

use std::{fs, io::IsTerminal, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    Cli, profile, prompt, say,
    setup::{self, Setup, known},
};
use crate::{
    api::http::write_private,
    config::{self, ConfigFile, SecretSource, Value, edit, import, is_profile_name},
};

/// Arguments of `proxmux config`.
#[derive(Args, Debug)]
pub struct ConfigArgs {
    /// What to do.
    #[command(subcommand)]
    pub what: What,
}

/// What can be done with the configuration.
#[derive(Subcommand, Debug)]
pub enum What {
    /// Print every setting with the value that counts and who said it; secrets are only described
    #[command(after_help = "\
Examples:
  proxmux config show
  proxmux config show --profile lab --json
  PROXMUX_REFRESH=2 proxmux config show      see what a variable changes")]
    Show {
        /// Print JSON: { file, profile, settings: { NAME: { value, source, from } } }
        #[arg(long)]
        json: bool,
    },
    /// Look for mistakes in the file; each has its line and column
    #[command(after_help = "\
Examples:
  proxmux config check
  proxmux config check --json                for editors and scripts
  proxmux config check other.toml")]
    Check {
        /// Another file than the one that counts
        file: Option<PathBuf>,
        /// Print JSON: { file, ok, mistakes: [ { line, column, text } ] }
        #[arg(long)]
        json: bool,
    },
    /// Open a copy in $VISUAL or $EDITOR; it counts once it has no mistakes
    #[command(after_help = "\
Examples:
  proxmux config edit
  EDITOR='code --wait' proxmux config edit")]
    Edit,
    /// Print where the file is
    #[command(after_help = "\
Examples:
  proxmux config path
  cp \"$(proxmux config path)\" backup.toml")]
    Path,
    /// Make a profile of another tool's file: JSON ({ host, user, tokenId, tokenSecret }) or KEY=VALUE lines
    #[command(after_help = "\
Examples:
  proxmux config import ~/.config/proxmux/config.json --name home
  proxmux config import ~/.proxmox.conf --name lab

The file itself stays as it is. Its secret goes into a file that only you can read.")]
    Import {
        /// The file
        file: PathBuf,
        /// What the profile is to be called
        #[arg(long, value_name = "NAME", default_value = "imported")]
        name: String,
        /// Replace the settings of a profile that is there
        #[arg(long)]
        replace: bool,
    },
}

/// Runs the command.
///
/// # Errors
/// When the file holds mistakes or can't be used.
pub fn run(args: ConfigArgs, cli: &Cli) -> Result<()> {
    let path = cli.file.path();
    match args.what {
        What::Show { json } => show(&Setup::new(cli)?, json),
        What::Check { file, json } => check(file.unwrap_or(path), json),
        What::Edit => open_editor(&path),
        What::Path => {
            say(path.display());
            Ok(())
        }
        What::Import { file, name, replace } => take_over(&path, &file, &name, replace),
    }
}

fn show(setup: &Setup, as_json: bool) -> Result<()> {
    let Setup { file, settings } = setup;
    if as_json {
        let each = settings.iter().map(|(setting, chosen)| {
            let value = chosen.value.as_ref().map(Value::json);
            let entry = json!({ "value": value, "source": chosen.source.kind(), "from": chosen.source.to_string() });
            (setting.name.to_owned(), entry)
        });
        let settings_json: serde_json::Map<String, serde_json::Value> = each.collect();
        let profiles: Vec<&String> = file.config.profiles.keys().collect();
        let all = json!({
            "file": file.path, "exists": file.text.is_some(), "profile": settings.profile, "profiles": profiles,
            "settings": settings_json
        });
        say(format!("{all:#}"));
        return Ok(());
    }
    let there = if file.text.is_some() { "" } else { " (not there yet)" };
    say(format!("file     {}{there}", file.path.display()));
    say(format!("profile  {}", settings.profile.as_deref().unwrap_or("none")));
    say("");
    let rows: Vec<[String; 3]> = settings
        .iter()
        .map(|(setting, chosen)| {
            let value = chosen.value.as_ref().map_or_else(|| "-".into(), ToString::to_string);
            [setting.name.to_owned(), value, chosen.source.to_string()]
        })
        .collect();
    profile::print_table(&rows);
    for binding in &file.config.keys {
        say(format!("key {} = {} (line {})", binding.command, binding.keys.join(" "), binding.line));
    }
    Ok(())
}

fn check(path: PathBuf, as_json: bool) -> Result<()> {
    if !path.exists() {
        bail!("there is no configuration {}", path.display());
    }
    let outcome = setup::load(&path);
    if as_json {
        let mistakes = match &outcome {
            Ok(_) => vec![],
            Err(error) => match error.downcast_ref() {
                Some(config::FileError::Mistakes { mistakes, .. }) => {
                    mistakes.iter().map(|m| json!({ "line": m.line, "column": m.column, "text": m.text })).collect()
                }
                _ => vec![json!({ "line": null, "column": null, "text": error.to_string() })],
            },
        };
        say(format!("{:#}", json!({ "file": path, "ok": outcome.is_ok(), "mistakes": mistakes })));
    }
    let file = outcome?;
    if !as_json {
        let count = file.config.profiles.len();
        say(format!("{}: no mistakes, {count} profile{}", path.display(), if count == 1 { "" } else { "s" }));
    }
    Ok(())
}

/// What a new file begins with when it is opened in an editor.
fn template() -> String {
    format!(
        "\
# Configuration of proxmux. docs/guide/configuration.md explains every setting.
version = {}

[defaults]
# refresh = 5
# view = \"dashboard\"

# [profiles.lab]
# host = [\"pve1.example.com\", \"pve2.example.com\"]
# user = \"root@pam\"
# frame = \"light red\"

[keys]
# \"guest.start\" = \"f5\"
",
        config::VERSION
    )
}

/// The editor changes a copy: nothing that does not work ever replaces what does.
fn open_editor(path: &std::path::Path) -> Result<()> {
    let editor = ["VISUAL", "EDITOR"].iter().find_map(|name| setup::env(name).filter(|v| !v.trim().is_empty()));
    let editor = editor.unwrap_or_else(|| "vi".into());
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let copy = path.with_extension("toml.edited");
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => template(),
        Err(error) => return Err(error).with_context(|| format!("can't read {}", path.display())),
    };
    if !copy.exists() {
        write_private(&copy, text.as_bytes()).with_context(|| format!("can't write {}", copy.display()))?;
    } else {
        eprintln!("proxmux: going on with {}, which was left by an earlier edit", copy.display());
    }
    loop {
        let status = Command::new(program).args(words.clone()).arg(&copy).status();
        let status = status.with_context(|| format!("the editor {program} can't be started: set EDITOR"))?;
        if !status.success() {
            bail!("the editor ended with an error: {} is as it was, your copy is {}", path.display(), copy.display());
        }
        match setup::load(&copy) {
            Ok(file) => {
                let new = file.text.unwrap_or_default();
                let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
                write_private(&real, new.as_bytes()).with_context(|| format!("can't write {}", path.display()))?;
                fs::remove_file(&copy).with_context(|| format!("can't remove {}", copy.display()))?;
                say(if new == text { "nothing was changed" } else { "the changes count from now on" });
                return Ok(());
            }
            Err(error) => {
                eprintln!("proxmux: {error}");
                let again = std::io::stdin().is_terminal() && prompt::yes("Edit again?")?;
                if !again {
                    bail!("{} is as it was; your copy with the mistakes is {}", path.display(), copy.display());
                }
            }
        }
    }
}

fn take_over(path: &std::path::Path, from: &std::path::Path, name: &str, replace: bool) -> Result<()> {
    if !is_profile_name(name) {
        bail!("--name: a profile's name has at most 40 letters, digits, '-', '_' and '.'");
    }
    let text = fs::read_to_string(from).map_err(|e| super::unreadable(from.display(), &e))?;
    let imported = import::read(&text).map_err(|why| anyhow::anyhow!("{}: {why}", from.display()))?;
    let mut file: ConfigFile = setup::load(path)?;
    if file.config.profiles.contains_key(name) && !replace {
        bail!("there is a profile \"{name}\" already: choose another --name, or add --replace");
    }
    let mut settings = imported.settings;
    let vault = setup::vault();
    if let Some(secret) = &imported.secret {
        settings.push(("secret", Value::Secret(SecretSource::File(vault.plain_file(name)))));
        // First the secret: a profile that names a missing file would be of no use.
        vault.write_plain(name, secret)?;
    }
    let default = file.config.profiles.is_empty();
    file.change(&known(), |text| edit::put_profile(text, name, &settings, default))?;
    for note in &imported.notes {
        eprintln!("proxmux: {note}");
    }
    say(format!("profile \"{name}\" was added to {}", path.display()));
    if imported.secret.is_some() {
        say(format!("its secret is in {} (mode 600)", vault.plain_file(name).display()));
        #[cfg(unix)]
        if fs::metadata(from).is_ok_and(|m| std::os::unix::fs::PermissionsExt::mode(&m.permissions()) & 0o077 != 0) {
            say(format!(
                "others can read {}, which holds the same secret: chmod 600 '{}', or remove it",
                from.display(),
                from.display()
            ));
        }
    }
    say(format!("try it: proxmux profile test {name}"));
    Ok(())
}
