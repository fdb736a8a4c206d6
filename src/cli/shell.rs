//! `proxmux completions` and `proxmux man`: what shells and `man` want to know, made from the command line itself.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;

/// Arguments of `proxmux completions`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  proxmux completions bash > ~/.local/share/bash-completion/completions/proxmux
  proxmux completions zsh > ~/.zfunc/_proxmux
  proxmux completions fish > ~/.config/fish/completions/proxmux.fish")]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Arguments of `proxmux man`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  proxmux man | man -l -\n  proxmux man --dir ~/.local/share/man/man1")]
pub struct ManArgs {
    /// Write a page for every subcommand into this folder
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
}

/// Prints the script that completes commands and options.
///
/// # Errors
/// Never, apart from what ends the program anyway.
pub fn completions(args: &CompletionArgs) -> Result<()> {
    let mut script = vec![];
    clap_complete::generate(args.shell, &mut Cli::command(), "proxmux", &mut script);
    match args.shell {
        Shell::Fish => write_out(with_waiting_options(&String::from_utf8_lossy(&script)).as_bytes()),
        _ => write_out(&script),
    }
}

/// The script for fish asks `argparse` which subcommand is typed. An option that still waits for its value is an error for
/// it, and files are offered for the value then: that option is left out of the question.
fn with_waiting_options(script: &str) -> String {
    let first = "    set -e cmd[1]\n";
    script.replacen(first, &format!("{first}    string match -q -- '-*' \"$cmd[-1]\"; and set -e cmd[-1]\n"), 1)
}

/// Prints the manual, or writes all its pages.
///
/// # Errors
/// When a page can't be written.
pub fn man(args: &ManArgs) -> Result<()> {
    let mut command = Cli::command();
    command.build();
    let Some(dir) = &args.dir else {
        return write_out(&page(&command, "proxmux")?);
    };
    std::fs::create_dir_all(dir).with_context(|| format!("can't make the folder {}", dir.display()))?;
    pages(&command, "proxmux", dir)
}

fn pages(command: &clap::Command, name: &str, dir: &Path) -> Result<()> {
    let file = dir.join(format!("{name}.1"));
    std::fs::write(&file, page(command, name)?).with_context(|| format!("can't write {}", file.display()))?;
    for sub in command.get_subcommands().filter(|s| s.get_name() != "help") {
        pages(sub, &format!("{name}-{}", sub.get_name()), dir)?;
    }
    Ok(())
}

fn page(command: &clap::Command, name: &str) -> Result<Vec<u8>> {
    let mut out = vec![];
    clap_mangen::Man::new(command.clone()).title(name).render(&mut out).context("the manual can't be made")?;
    Ok(out)
}

fn write_out(bytes: &[u8]) -> Result<()> {
    use std::io::Write;
    match std::io::stdout().write_all(bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.context("can't write to standard output"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Every command that does something, with its path of names.
    fn leaves(command: &clap::Command, path: &str, out: &mut Vec<(String, bool)>) {
        let subs: Vec<_> = command.get_subcommands().filter(|s| s.get_name() != "help").collect();
        for sub in &subs {
            leaves(sub, &format!("{path} {}", sub.get_name()), out);
        }
        if subs.is_empty() {
            let help = command.get_after_help().or(command.get_after_long_help()).map(ToString::to_string);
            out.push((path.to_owned(), help.is_some_and(|h| h.contains("Examples:"))));
        }
    }

    #[test]
    fn every_command_has_examples() {
        let mut all = vec![];
        leaves(&Cli::command(), "proxmux", &mut all);
        let without: Vec<_> = all.iter().filter(|(_, has)| !has).map(|(path, _)| path).collect();
        assert!(all.len() > 10 && without.is_empty(), "no examples: {without:#?}");
    }

    #[test]
    fn pages_and_scripts_name_the_commands() {
        let dir = tempfile::tempdir().unwrap();
        man(&ManArgs { dir: Some(dir.path().to_owned()) }).unwrap();
        let page = std::fs::read_to_string(dir.path().join("proxmux-profile-add.1")).unwrap();
        assert!(page.contains("secret") && page.contains("Examples"), "{page}");
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = vec![];
            clap_complete::generate(shell, &mut Cli::command(), "proxmux", &mut script);
            assert!(String::from_utf8(script).unwrap().contains("completions"));
        }
    }
}
