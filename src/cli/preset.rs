//! `proxmux preset`: named values of the wizards.

use std::{io::Write as _, path::PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clap::Subcommand;

use crate::preset::{self, Preset, Presets};

/// What can be done with presets.
#[derive(Subcommand, Debug)]
pub enum PresetCommand {
    /// List all presets
    #[command(after_help = "\
Examples:
  proxmux preset list
  proxmux preset list --json")]
    List {
        /// Print JSON: a list of {name, wizard, values}, or {name, error} for a file that can't be read
        #[arg(long)]
        json: bool,
    },
    /// Show the values of a preset
    #[command(after_help = "\
Examples:
  proxmux preset show web
  proxmux preset show web --json")]
    Show {
        /// Its name
        name: String,
        /// Print JSON: {name, wizard, values}
        #[arg(long)]
        json: bool,
    },
    /// Write a preset to a file, or to standard output
    #[command(after_help = "\
Examples:
  proxmux preset export web                print it
  proxmux preset export web web.toml       a file that is there is not replaced")]
    Export {
        /// Its name
        name: String,
        /// The file
        file: Option<PathBuf>,
    },
    /// Take a preset from a file; anything secret in it is left out
    #[command(after_help = "\
Examples:
  proxmux preset import web.toml
  proxmux preset import web.toml --name web-2")]
    Import {
        /// The file
        file: PathBuf,
        /// Its name here; else that of the file
        #[arg(long)]
        name: Option<String>,
        /// Replace one of the same name
        #[arg(long)]
        replace: bool,
    },
    /// Remove a preset
    #[command(after_help = "\
Examples:
  proxmux preset rm web")]
    Rm {
        /// Its name
        name: String,
    },
    /// Compare two presets
    #[command(after_help = "\
Examples:
  proxmux preset diff web db
  proxmux preset diff web db --json")]
    Diff {
        /// The first
        left: String,
        /// The second
        right: String,
        /// Print JSON: a list of {key, left, right}; null where one has no value
        #[arg(long)]
        json: bool,
    },
}

/// The presets of this user.
pub fn presets() -> Presets {
    Presets::new(super::connector::config_dir().join("presets"))
}

/// The values of a preset for a dialog of this name.
///
/// # Errors
/// When there is none, or it belongs to another dialog.
pub fn values_for(name: &str, wizard: &str) -> Result<Vec<(String, String)>> {
    let preset = presets().load(name).map_err(|why| anyhow!(why))?;
    if preset.wizard != wizard {
        bail!("the preset {name} belongs to \"{}\", not to \"{wizard}\"", preset.wizard);
    }
    Ok(preset.values)
}

fn json(preset: &Preset) -> serde_json::Value {
    let values: serde_json::Map<_, _> =
        preset.values.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
    serde_json::json!({"name": preset.name, "wizard": preset.wizard, "values": values})
}

fn print(value: &serde_json::Value) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Runs the command.
///
/// # Errors
/// When there is no such preset, or a file is in the way.
pub fn run(command: PresetCommand) -> Result<()> {
    let all = presets();
    let load = |name: &str| all.load(name).map_err(|why| anyhow!(why));
    match command {
        PresetCommand::List { json: true } => {
            let list = all.list().map_err(|why| anyhow!(why))?;
            let shown = list.iter().map(|(name, preset)| match preset {
                Ok(preset) => json(preset),
                Err(why) => serde_json::json!({"name": name, "error": why}),
            });
            print(&shown.collect::<Vec<_>>().into())
        }
        PresetCommand::List { json: false } => {
            let list = all.list().map_err(|why| anyhow!(why))?;
            if list.is_empty() {
                eprintln!("No presets yet: F6 in a wizard saves one in {}", all.dir().display());
            }
            for (name, preset) in list {
                match preset {
                    Ok(preset) => println!("{name:24} {:20} {} values", preset.wizard, preset.values.len()),
                    Err(why) => println!("{name:24} can't be used: {why}"),
                }
            }
            Ok(())
        }
        PresetCommand::Show { name, json: true } => print(&json(&load(&name)?)),
        PresetCommand::Show { name, json: false } => {
            let preset = load(&name)?;
            println!("{name}: {}", preset.wizard);
            for (key, value) in &preset.values {
                println!("  {key:24} {}", crate::ui::text::clean(value));
            }
            Ok(())
        }
        PresetCommand::Export { name, file } => {
            let text = load(&name)?.to_toml();
            let Some(file) = file else {
                print!("{text}");
                return Ok(());
            };
            let made = std::fs::OpenOptions::new().write(true).create_new(true).open(&file);
            let mut out = made.with_context(|| format!("{} can't be made", file.display()))?;
            out.write_all(text.as_bytes()).with_context(|| format!("{} can't be written", file.display()))
        }
        PresetCommand::Import { file, name, replace } => {
            let text = std::fs::read_to_string(&file).map_err(|e| super::unreadable(file.display(), &e))?;
            let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
            let name = name.unwrap_or(stem);
            let preset = Preset::parse(&name, &text).map_err(|why| anyhow!("{}, {why}", file.display()))?;
            if !all.save(&preset, replace).map_err(|why| anyhow!(why))? {
                bail!("there is a preset {name} already: --replace replaces it, --name takes another name");
            }
            eprintln!("Preset {name} for \"{}\", {} values", preset.wizard, preset.values.len());
            Ok(())
        }
        PresetCommand::Rm { name } => {
            all.remove(&name).map_err(|why| anyhow!(why))?;
            eprintln!("Preset {name} removed");
            Ok(())
        }
        PresetCommand::Diff { left, right, json } => {
            let found = preset::diff(&load(&left)?.values, &load(&right)?.values);
            if json {
                let shown = found.iter().map(|d| serde_json::json!({"key": d.key, "left": d.left, "right": d.right}));
                return print(&shown.collect::<Vec<_>>().into());
            }
            let or_none = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
            for d in &found {
                println!("{:24} {} | {}", d.key, or_none(&d.left), or_none(&d.right));
            }
            if found.is_empty() {
                eprintln!("Nothing differs");
            }
            Ok(())
        }
    }
}
