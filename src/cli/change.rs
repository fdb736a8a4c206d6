//! Changes from the command line: shown, confirmed, sent once through the same way out as the console's, and followed.

use std::{
    io::{BufRead, IsTerminal, Write as _},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Map, Value, json};

use super::{bar::Bar, say};
use crate::{
    api::{
        Wire,
        ids::{Upid, VmId},
        preview,
        progress::Progress,
        task::{self, LogLine, TaskState},
        vzdump::{GuestRun, Run, State},
    },
    shell::{Degree, Proposal, World, Write},
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
                true => say(preview::json(&write.wire)),
                false => say(preview::pvesh(&write.wire)),
            }
        }
        return Ok(());
    }
    confirm(&proposal, args)?;
    let mut outcomes = vec![];
    let mut failed = None;
    // What came of a single one is said by whoever called.
    let several = proposal.writes.len() > 1;
    let after = |pair: &[Write]| pair[1].needs_last || (pair[1].in_turn && pair[1].guest == pair[0].guest);
    let waits: Vec<bool> = proposal.writes.windows(2).map(after).chain([false]).collect();
    for (write, wait) in proposal.writes.into_iter().zip(waits) {
        // What the next one needs is waited for, whatever was asked for, and so is a guest that is locked meanwhile.
        let args = &ChangeArgs { no_wait: args.no_wait && !wait, ..args.clone() };
        let mut outcome = Map::new();
        outcome.insert("change".into(), write.label.clone().into());
        outcome.insert("call".into(), write.wire.to_string().into());
        if write.needs_last && failed.is_some() {
            tell(args, &format!("{}: not sent, because the change before it failed", write.label));
            outcome.insert("error".into(), "not sent: the change before it failed".into());
            outcomes.push(Value::Object(outcome));
            continue;
        }
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
        say(format_args!("{:#}", Value::Array(outcomes)));
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
        tell(args, &format!("{label}: done"));
        return Ok(());
    };
    outcome.insert("upid".into(), upid.as_str().into());
    if args.no_wait {
        tell(args, &format!("{label}: started\n{}", upid.as_str()));
        return Ok(());
    }
    // JSON is for scripts, which get the outcome only.
    let show = match (args.json, std::io::stderr().is_terminal()) {
        (true, _) => Show::Nothing,
        (false, true) => Show::Log,
        (false, false) => Show::Progress,
    };
    let state = follow(world, store, &upid, show).await?;
    outcome.insert("status".into(), state.to_string().into());
    let guests = if upid.kind() == "vzdump" { guests_of(world, store, &upid).await } else { vec![] };
    if !guests.is_empty() {
        outcome.insert("guests".into(), guests.iter().map(guest_json).collect());
    }
    if state.is_success() {
        tell(args, &format!("{label}: done ({state})"));
    }
    // One guest's result is that of the task.
    for guest in guests.iter().filter(|_| guests.len() > 1) {
        let id = guest.vmid.map(|id| id.to_string()).unwrap_or_default();
        tell(args, &text::clean(&format!("  {id} {}: {}", guest.name, guest.outcome())));
    }
    if state.is_success() { Ok(()) } else { Err(TaskFailed(format!("{label} failed: {state}")).into()) }
}

/// How a backup run went for each of its guests, as far as its log can be read.
async fn guests_of(world: &World, store: &Store, upid: &Upid) -> Vec<GuestRun> {
    const MOST: u64 = 20_000;
    let Ok(client) = world.client(store.session) else { return vec![] };
    match client.ask(task::log(upid, 0, MOST)).await {
        Ok(page) => Run::of(page.data.iter().map(|l| l.t.as_str())).guests,
        Err(error) => {
            tracing::debug!(%error, "log of a backup run");
            vec![]
        }
    }
}

fn guest_json(guest: &GuestRun) -> Value {
    let success = matches!(guest.state, State::Done(_));
    json!({
        "vmid": guest.vmid.map(VmId::get), "name": guest.name, "success": success, "outcome": guest.outcome(),
        "archive": guest.archive,
    })
}

/// What is shown of a task on standard error while it is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// Nothing: for scripts.
    Nothing,
    /// Its log, line by line, on a terminal with a bar for what tells how far it is.
    Log,
    /// How far it is: a bar on a terminal, else a line for every tenth.
    Progress,
}

/// What was heard of a task so far, on standard error.
struct Screen {
    show: Show,
    terminal: bool,
    meter: Meter,
    bar: Bar,
}

impl Screen {
    fn lines(&mut self, lines: &[LogLine]) {
        for line in lines {
            let tells = Progress::parse(&line.t).is_some();
            if self.show == Show::Log && !(tells && self.terminal) {
                self.bar.end(false);
                eprintln!("{}", text::clean(&line.t));
            }
        }
        let now = super::now();
        self.meter.feed(lines.iter().map(|l| l.t.as_str()), now);
        if self.show == Show::Log && !self.terminal {
            return;
        }
        match (self.meter.percent(), self.meter.words(now)) {
            (Some(percent), Some(words)) => self.bar.show(f64::from(percent) / 100.0, &words),
            _ if self.show == Show::Progress && self.terminal => self.bar.show(0.0, "running"),
            _ => {}
        }
    }
}

/// Waits for the end of a task.
///
/// # Errors
/// When the cluster refuses to tell, or the user presses Ctrl-C. While the cluster can't be reached the task goes on, and
/// so does the waiting.
pub async fn follow(world: &World, store: &Store, upid: &Upid, show: Show) -> Result<TaskState> {
    let stop = tokio::signal::ctrl_c();
    tokio::pin!(stop);
    let client = world.client(store.session)?;
    let (mut pace, mut from) = (PACE.0, 0);
    let bar = Bar::new(&task::describe(upid.kind(), upid.id()));
    let mut screen = Screen { show, terminal: std::io::stderr().is_terminal(), meter: Meter::default(), bar };
    loop {
        let status = client.ask(task::status(upid)).await;
        if show != Show::Nothing
            && let Ok(page) = client.ask(task::log(upid, from, 1000)).await
        {
            from = page.data.iter().map(|l| l.n).fold(from, u64::max);
            screen.lines(&page.data);
        }
        let state = match status {
            Ok(task) if !task.status.is_running() => Some(task.status),
            Ok(_) => None,
            Err(error) if error.is_temporary() => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(state) = state {
            screen.bar.end(show == Show::Log);
            if let Some(left) = world.task_ended(upid, &state).await {
                eprintln!("{left}");
            }
            return Ok(state);
        }
        tokio::select! {
            () = tokio::time::sleep(pace) => {}
            signal = &mut stop => {
                signal.context("can't listen for Ctrl-C")?;
                screen.bar.end(false);
                bail!(
                    "no longer waiting (Ctrl-C). The task goes on: `proxmux task wait '{upid}'` waits again, `proxmux task stop '{upid}'` stops it",
                    upid = upid.as_str()
                );
            }
        }
        pace = (pace * 2).min(PACE.1);
    }
}

/// There is nothing to change, which is no mistake: says why.
///
/// # Errors
/// None; what this returns ends a command.
pub fn nothing(why: &str, args: &ChangeArgs) -> Result<()> {
    match args.json {
        true => say("[]"),
        false => say(format_args!("Nothing to do: {why}")),
    }
    Ok(())
}

fn tell(args: &ChangeArgs, text: &str) {
    if !args.json {
        say(text);
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
