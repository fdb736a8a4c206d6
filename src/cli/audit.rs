//! `proxmux audit`: checks, shows and exports the trail of changes.

use std::{
    collections::HashMap,
    io::{self, Write as _},
    path::PathBuf,
};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};

use super::connector;
use crate::{
    api::preview,
    audit::{self, Event, Line, Outcome, Report},
    ui::text,
};

/// Arguments of `proxmux audit`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  proxmux audit verify
  proxmux audit show --by root@pam --last 20
  proxmux audit export --format pvesh > again.sh

The setting audit_syslog (PROXMUX_AUDIT_SYSLOG), unix:/dev/log or udp:HOST:514, sends every line to a syslog, too.")]
pub struct AuditArgs {
    /// The folder of the trail, in place of the usual one
    #[arg(long, value_name = "FOLDER", global = true)]
    pub trail: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: AuditCommand,
}

/// What can be done with the trail.
#[derive(Subcommand, Debug)]
pub enum AuditCommand {
    /// Check that no line was altered, added or cut away
    #[command(after_help = "Examples:\n  proxmux audit verify\n  proxmux audit verify --json")]
    Verify {
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// List the changes
    #[command(after_help = "Examples:\n  proxmux audit show --by root@pam --last 20")]
    Show {
        /// Which changes.
        #[command(flatten)]
        filter: Filter,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Write the lines, or the accepted changes as a script
    #[command(after_help = "Examples:\n  proxmux audit export --format pvesh --since 2026-11-21 > again.sh")]
    Export {
        /// Which changes.
        #[command(flatten)]
        filter: Filter,
        /// What to write
        #[arg(long, value_enum, default_value = "json")]
        format: Format,
    },
    /// Put the trail aside, as it is, and begin a new one
    #[command(after_help = "Examples:\n  proxmux audit restart")]
    Restart,
}

/// Which changes.
#[derive(Args, Debug, Default)]
pub struct Filter {
    /// Only those of this user
    #[arg(long = "by", value_name = "USER@REALM")]
    pub by: Option<String>,
    /// Only those since this day or time, like 2026-11-21 or 2026-11-21T15:00
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only the newest so many
    #[arg(long, value_name = "N")]
    pub last: Option<usize>,
}

/// What `export` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The lines as they are.
    Json,
    /// `pvesh` lines, to be run on a node; secrets are shell variables.
    Pvesh,
    /// `curl` lines; secrets are shell variables.
    Curl,
}

/// Runs the subcommand.
///
/// # Errors
/// When the trail can't be read, or is not as it was written.
pub fn run(args: AuditArgs) -> Result<()> {
    let dir = args.trail.unwrap_or_else(connector::state_dir);
    let unreadable = |error: io::Error| super::unreadable(format!("the audit trail in {}", dir.display()), &error);
    match args.command {
        AuditCommand::Verify { json } => {
            let report = audit::verify(&dir).map_err(unreadable)?;
            print(&verdict(&report, json))?;
            sound(&report)
        }
        AuditCommand::Show { filter, json } => {
            let (lines, report) = audit::read_all(&dir).map_err(unreadable)?;
            print(&show(&lines, &filter, json)?)?;
            sound(&report)
        }
        AuditCommand::Export { filter, format } => {
            let (lines, report) = audit::read_all(&dir).map_err(unreadable)?;
            print(&export(&lines, &filter, format)?)?;
            sound(&report)
        }
        AuditCommand::Restart => {
            let aside = audit::restart(&dir).with_context(|| format!("can't put {} aside", dir.display()))?;
            print(&format!("The trail is now in {}; the next change begins a new one.\n", aside.display()))
        }
    }
}

/// A trail that is not as it was written is an error whatever was asked.
fn sound(report: &Report) -> Result<()> {
    match &report.problem {
        None => Ok(()),
        Some(problem) => bail!(
            "the audit trail was cut or altered: {problem}. It is left as it is; `proxmux audit restart` puts it aside"
        ),
    }
}

fn verdict(report: &Report, json: bool) -> String {
    if json {
        let problem = report
            .problem
            .as_ref()
            .map(|p| serde_json::json!({"file": p.file.display().to_string(), "line": p.line, "why": p.why}));
        let (files, lines, first) = (report.files, report.lines, report.first);
        let all = serde_json::json!({
            "ok": problem.is_none(), "files": files, "lines": lines, "first": first, "problem": problem
        });
        return format!("{all:#}\n");
    }
    if report.problem.is_some() {
        return format!("{} lines are as they were written, up to the first that is not.\n", report.lines);
    }
    let older = if report.first > 1 {
        format!(" It begins with line {}: older files are gone.", report.first)
    } else {
        String::new()
    };
    format!("{} lines in {} files: all as they were written.{older}\n", report.lines, report.files)
}

/// A change with its answer and the end of its task.
struct Change<'a> {
    write: &'a Line,
    answer: Option<&'a Line>,
    task: Option<&'a Line>,
}

impl Change<'_> {
    fn outcome(&self) -> String {
        let Some(answer) = self.answer else { return "unknown".into() };
        match (answer.outcome, self.task) {
            (_, Some(task)) => task.status.clone().unwrap_or_default(),
            (Some(Outcome::Accepted), None) if answer.upid.is_some() => "task started".into(),
            (Some(Outcome::Accepted), None) => "done".into(),
            (Some(Outcome::Refused), _) => "refused".into(),
            (Some(Outcome::NotSent), _) => "not sent".into(),
            _ => "unsure".into(),
        }
    }
}

fn changes<'a>(lines: &'a [Line], filter: &Filter) -> Result<Vec<Change<'a>>> {
    if let Some(since) = &filter.since
        && !(since.len() >= 10 && since.as_bytes()[4] == b'-' && since.as_bytes()[7] == b'-')
    {
        bail!("--since {since}: write it like 2026-11-21 or 2026-11-21T15:00 (UTC)");
    }
    let answers: HashMap<u64, &Line> =
        lines.iter().filter(|l| l.event == Event::Answer).filter_map(|l| Some((l.write?, l))).collect();
    let tasks: HashMap<&str, &Line> =
        lines.iter().filter(|l| l.event == Event::Task).filter_map(|l| Some((l.upid.as_deref()?, l))).collect();
    let wanted = |l: &&Line| {
        l.event == Event::Write
            && filter.by.as_ref().is_none_or(|by| l.user.as_ref() == Some(by))
            && filter.since.as_ref().is_none_or(|since| l.time.as_str() >= since.as_str())
    };
    let made = lines.iter().filter(wanted).map(|write| {
        let answer = answers.get(&write.n).copied();
        let task = answer.and_then(|a| tasks.get(a.upid.as_deref()?).copied());
        Change { write, answer, task }
    });
    let mut made: Vec<Change> = made.collect();
    if let Some(last) = filter.last {
        made.drain(..made.len().saturating_sub(last));
    }
    Ok(made)
}

fn show(lines: &[Line], filter: &Filter, json: bool) -> Result<String> {
    let made = changes(lines, filter)?;
    let call = |c: &Change| c.write.wire().map(|w| w.to_string()).unwrap_or_default();
    if json {
        let list: Vec<serde_json::Value> = made
            .iter()
            .map(|c| {
                serde_json::json!({
                    "n": c.write.n, "time": c.write.time, "user": c.write.user, "profile": c.write.profile, "server": c.write.server,
                    "label": c.write.label, "call": call(c), "outcome": c.outcome(),
                    "error": c.answer.and_then(|a| a.error.as_ref()), "upid": c.answer.and_then(|a| a.upid.as_ref()),
                    "ms": c.answer.and_then(|a| a.ms),
                })
            })
            .collect();
        return Ok(format!("{:#}\n", serde_json::Value::from(list)));
    }
    let mut out = String::new();
    for c in &made {
        let ms = c.answer.and_then(|a| a.ms).map(|ms| format!(", {ms} ms")).unwrap_or_default();
        let of = |field: &Option<String>| text::clean(field.as_deref().unwrap_or_default()).into_owned();
        let time = c.write.time.get(..19).unwrap_or(&c.write.time);
        let (user, server) = (of(&c.write.user), of(&c.write.server));
        out.push_str(&format!(
            "{time}Z  {user} on {server}  {} ({}{ms})\n",
            of(&c.write.label),
            text::clean(&c.outcome())
        ));
        out.push_str(&format!("    {}\n", text::clean(&call(c))));
        if let Some(error) = c.answer.and_then(|a| a.error.as_ref()) {
            out.push_str(&format!("    {}\n", text::clean(error)));
        }
    }
    Ok(out)
}

fn export(lines: &[Line], filter: &Filter, format: Format) -> Result<String> {
    let made = changes(lines, filter)?;
    if format == Format::Json {
        let kept = made.iter().flat_map(|c| [Some(c.write), c.answer, c.task]).flatten();
        let texts: Result<Vec<String>, _> = kept.map(serde_json::to_string).collect();
        return Ok(texts?.into_iter().map(|line| line + "\n").collect());
    }
    let mut out =
        String::from("#!/bin/sh\n# Changes that were accepted. Secrets are variables: set them before.\nset -e\n");
    let accepted = made.iter().filter(|c| c.answer.is_some_and(|a| a.outcome == Some(Outcome::Accepted)));
    for c in accepted {
        let Some(wire) = c.write.wire() else { continue };
        let words = format!("{} {}", c.write.time, c.write.label.as_deref().unwrap_or_default());
        out.push_str(&format!("# {}\n", text::clean(&words)));
        out.push_str(&match format {
            Format::Curl => preview::curl(&wire, c.write.server.as_deref().unwrap_or("localhost:8006")),
            _ => preview::pvesh(&wire),
        });
        out.push('\n');
    }
    Ok(out)
}

fn print(text: &str) -> Result<()> {
    io::stdout().write_all(text.as_bytes()).context("can't write to standard output")
}
