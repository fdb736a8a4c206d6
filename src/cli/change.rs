//! Changes from the command line: shown, confirmed, sent once through the same way out as the console's, and followed.

use std::{
    io::{BufRead, IsTerminal, Write as _},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Map, Value};

use super::bar::Bar;
use crate::{
    api::{
        ApiError, Wire,
        ids::Upid,
        preview, progress,
        task::{self, LogLine, TaskState},
    },
    shell::{Degree, Proposal, World},
    store::Store,
    ui::text,
    views::task::meter::Meter,
};

/// How long a task is left alone between two questions, at first and at most.
const PACE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));

/// How a change is made.
#[derive(Args, Clone, Debug, Default)]
pub struct ChangeArgs {
    /// Don't ask, not even before something is lost
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// Don't wait for the end of the task
    #[arg(long)]
    pub no_wait: bool,
    /// Wait for the end of the task (the default)
    #[arg(long, conflicts_with = "no_wait")]
    pub wait: bool,
    /// Print the outcome as JSON
    #[arg(long)]
    pub json: bool,
}

/// A task ended badly, or its end is unknown.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TaskFailed(pub String);

/// Makes the changes of a proposal one after another, and prints what came of them.
///
/// # Errors
/// When the user says no, the server refuses, or a task fails.
pub async fn run(world: &World, store: &Store, proposal: Proposal, args: &ChangeArgs) -> Result<()> {
    let dry = world.policy.dry_run;
    if dry {
        for write in &proposal.writes {
            match args.json {
                true => println!("{}", preview::json(&write.wire)),
                false => println!("{}", preview::pvesh(&write.wire)),
            }
        }
        return Ok(());
    }
    confirm(&proposal, args)?;
    let mut outcomes = vec![];
    let mut failed = None;
    // What came of a single one is said by whoever called.
    let several = proposal.writes.len() > 1;
    for write in proposal.writes {
        let mut outcome = Map::new();
        outcome.insert("change".into(), write.label.clone().into());
        outcome.insert("call".into(), write.wire.to_string().into());
        let result = one(world, store, &write.label, &write.wire, args, &mut outcome).await;
        if let Err(error) = result {
            outcome.insert("error".into(), format!("{error:#}").into());
            if !args.json && several {
                eprintln!("{}: {}", write.label, super::explain(&error));
            }
            failed = failed.or(Some(error));
        }
        outcomes.push(Value::Object(outcome));
    }
    if args.json {
        println!("{:#}", Value::Array(outcomes));
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

async fn one(
    world: &World,
    store: &Store,
    label: &str,
    wire: &Wire,
    args: &ChangeArgs,
    outcome: &mut Map<String, Value>,
) -> Result<()> {
    #[derive(serde::Deserialize)]
    struct Answer {
        data: Value,
    }
    let body = world.write(store.session, label, wire).await?;
    let data = serde_json::from_slice::<Answer>(&body).map(|a| a.data).unwrap_or_default();
    let upid = data.as_str().and_then(|text| Upid::parse(text).ok());
    let Some(upid) = upid else {
        outcome.insert("answer".into(), data);
        say(args, &format!("{label}: done"));
        return Ok(());
    };
    outcome.insert("upid".into(), upid.as_str().into());
    if args.no_wait {
        say(args, &format!("{label}: started\n{}", upid.as_str()));
        return Ok(());
    }
    // JSON is for scripts, which get the outcome only.
    let show = if args.json { Show::Nothing } else { Show::Progress(Bar::new(label)) };
    let state = follow(world, store, &upid, show).await?;
    outcome.insert("status".into(), state.to_string().into());
    if !state.is_success() {
        return Err(TaskFailed(format!("{label} failed: {state}")).into());
    }
    say(args, &format!("{label}: done ({state})"));
    Ok(())
}

/// What is shown on standard error while a task runs.
pub enum Show {
    /// Nothing.
    Nothing,
    /// Its log.
    Log,
    /// How far it is; on a terminal with the other lines of its log.
    Progress(Bar),
}

impl Show {
    fn lines(&mut self, lines: &[LogLine], meter: &mut Meter) {
        let bar = match self {
            Self::Nothing => return,
            Self::Log => None,
            Self::Progress(bar) => Some(bar),
        };
        let Some(bar) = bar else {
            return lines.iter().for_each(|line| eprintln!("{}", text::clean(&line.t)));
        };
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
        let now = now.unwrap_or_default();
        for line in lines {
            if progress::Progress::parse(&line.t).is_some() {
                meter.feed([line.t.as_str()].into_iter(), now);
            } else if std::io::stderr().is_terminal() {
                bar.end(false);
                eprintln!("{}", text::clean(&line.t));
            }
        }
        if let (Some(percent), Some(words)) = (meter.percent(), meter.words(now)) {
            bar.show(f64::from(percent) / 100.0, &words);
        }
    }
}

/// Waits for the end of a task, and shows on standard error what is wanted of it.
///
/// # Errors
/// When the cluster refuses to tell. While it can't be reached the task goes on, and so does the waiting.
pub async fn follow(world: &World, store: &Store, upid: &Upid, mut show: Show) -> Result<TaskState, ApiError> {
    let client = world.client(store.session)?;
    let (mut pace, mut from, mut meter) = (PACE.0, 0, Meter::default());
    loop {
        let status = client.ask(task::status(upid)).await;
        if !matches!(show, Show::Nothing)
            && let Ok(page) = client.ask(task::log(upid, from, 500)).await
        {
            from = page.data.iter().fold(from, |from, line| from.max(line.n));
            show.lines(&page.data, &mut meter);
        }
        match status {
            Ok(task) if !task.status.is_running() => {
                drop(show);
                if let Some(left) = world.task_ended(upid, &task.status).await {
                    eprintln!("{left}");
                }
                return Ok(task.status);
            }
            Ok(_) => {}
            Err(error) if error.is_temporary() => {}
            Err(error) => return Err(error),
        }
        tokio::time::sleep(pace).await;
        pace = (pace * 2).min(PACE.1);
    }
}

fn say(args: &ChangeArgs, text: &str) {
    if !args.json {
        println!("{text}");
    }
}

/// Shows what will happen and asks, unless told not to.
///
/// # Errors
/// When the answer is no, or nobody can be asked.
pub fn confirm(proposal: &Proposal, args: &ChangeArgs) -> Result<()> {
    let mut out = std::io::stderr();
    if !args.json {
        writeln!(out, "{}", proposal.title)?;
        for note in &proposal.notes {
            writeln!(out, "  {note}")?;
        }
        for write in &proposal.writes {
            match write.wire.body_file() {
                // pvesh can't send files.
                Some(_) => writeln!(out, "  {}", write.wire)?,
                None => writeln!(out, "  {}", preview::pvesh(&write.wire))?,
            }
        }
    }
    let word = match &proposal.degree {
        _ if args.yes => return Ok(()),
        Degree::Harmless => return Ok(()),
        Degree::Careful => "yes",
        Degree::Typed(word) => word,
    };
    if !std::io::stdin().is_terminal() {
        bail!("{}: nobody can be asked here; add --yes when it is meant", proposal.title);
    }
    write!(out, "Type {word} to go on: ")?;
    out.flush()?;
    let mut typed = String::new();
    std::io::stdin().lock().read_line(&mut typed)?;
    if typed.trim() != word {
        bail!("nothing was sent");
    }
    Ok(())
}
