//! `proxmux task`: tasks without the screen.

use std::{io::IsTerminal, time::Duration};

use anyhow::{Result, anyhow, bail};
use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{
    change::{self, ChangeArgs, Show},
    now, say,
};
use crate::{
    api::{
        ApiError,
        ids::{NodeName, Upid, VmId},
        task::{self as api, Filter, Source, Task},
    },
    shell::World,
    store::Store,
    ui::text,
    views::task::{history::parse_time, stop_proposal},
};

/// What can be done with tasks.
#[derive(Subcommand, Debug)]
pub enum TaskCommand {
    /// List tasks of all nodes, newest first
    #[command(
        after_help = "Examples:\n  proxmux task list --state error --since 24h\n  proxmux task list --guest 101 --type vzdump --json"
    )]
    List(List),
    /// Print the log of a task
    #[command(
        after_help = "Examples:\n  proxmux task log UPID:pve1:0000C350:0004F0D2:6741A3B0:vzdump:101:root@pam:\n  proxmux task log --follow UPID:pve1:0000C350:0004F0D2:6741A3B0:vzdump:101:root@pam:"
    )]
    Log {
        /// The task's id
        upid: Upid,
        /// Go on until the task ends
        #[arg(long, short)]
        follow: bool,
    },
    /// Wait for the end of tasks; the exit code is 3 when one failed
    #[command(after_help = "Examples:\n  proxmux task wait UPID:pve1:0000C350:0004F0D2:6741A3B0:vzdump:101:root@pam:")]
    Wait {
        /// The tasks' ids
        #[arg(required = true)]
        upids: Vec<Upid>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Ask a task to stop
    #[command(after_help = "Examples:\n  proxmux task stop UPID:pve1:0000C350:0004F0D2:6741A3B0:vzdump:101:root@pam:")]
    Stop {
        /// The task's id
        upid: Upid,
        /// How it is made.
        #[command(flatten)]
        change: ChangeArgs,
    },
}

/// Which tasks to list.
#[derive(Args, Debug)]
pub struct List {
    /// Only of this node
    #[arg(long)]
    node: Option<String>,
    /// Only about this guest
    #[arg(long, value_name = "VMID")]
    guest: Option<VmId>,
    /// Only of this type, like vzdump or qmstart
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Only of users whose names hold this text (not --user, which says who logs in)
    #[arg(long, value_name = "TEXT")]
    by: Option<String>,
    /// Only with this result
    #[arg(long, value_parser = ["running", "ok", "warning", "error", "unknown"])]
    state: Option<String>,
    /// Only those that started since: 24h, 7d, 2026-11-21 or "2026-11-21 08:30"
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only those that started until
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// At most so many of each node
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// When the cluster refuses, or a task that was waited for failed.
pub async fn run(command: TaskCommand, world: &World, store: &Store) -> Result<()> {
    match command {
        TaskCommand::List(args) => list(args, world, store).await,
        TaskCommand::Log { upid, follow } => log(world, store, &upid, follow).await,
        TaskCommand::Wait { upids, json } => wait(world, store, &upids, json).await,
        TaskCommand::Stop { upid, change } => stop(world, store, &upid, &change).await,
    }
}

/// The server calls a task that it does not know a wrong parameter.
fn unknown(error: ApiError, upid: &Upid) -> anyhow::Error {
    match error.status() {
        Some(400) => anyhow!("{} does not know this task, or not any more: proxmux task list shows all", upid.node()),
        _ => error.into(),
    }
}

/// Stops a task that is running, and waits for its end.
async fn stop(world: &World, store: &Store, upid: &Upid, args: &ChangeArgs) -> Result<()> {
    let what = api::describe(upid.kind(), upid.id());
    let task = world.client(store.session)?.ask(api::status(upid)).await.map_err(|e| unknown(e, upid))?;
    let state = if task.status.is_running() {
        change::run(world, store, stop_proposal(upid, &what), args).await?;
        if args.no_wait || world.policy.dry_run || args.json {
            return Ok(());
        }
        change::follow(world, store, upid, Show::Nothing).await?
    } else {
        if args.json {
            say(format_args!("{:#}", json!([{"upid": upid.as_str(), "status": task.status.to_string()}])));
            return Ok(());
        }
        task.status
    };
    say(format_args!("{what} has ended: {}", text::clean(&state.to_string())));
    Ok(())
}

fn entry(task: &Task) -> Value {
    json!({
        "upid": task.upid.as_str(), "node": task.node.as_str(), "type": task.kind.as_str(), "id": task.id.as_str(),
        "user": task.user.as_str(), "starttime": task.starttime, "endtime": task.endtime,
        "status": task.status.to_string(),
    })
}

async fn list(args: List, world: &World, store: &Store) -> Result<()> {
    let time = |flag: &str, text: &Option<String>| match text {
        Some(text) => match parse_time(text, now(), &TimeZone::system()) {
            Ok(time) => Ok(Some(time)),
            Err(why) => bail!("{flag} {text}: {why}"),
        },
        None => Ok(None),
    };
    let running = args.state.as_deref() == Some("running");
    let filter = Filter {
        limit: Some(args.limit),
        vmid: args.guest,
        kind: args.kind,
        user: args.by,
        source: Some(match (running, &args.state) {
            (true, _) => Source::Active,
            (false, Some(_)) => Source::Archive,
            (false, None) => Source::All,
        }),
        since: time("--since", &args.since)?,
        until: time("--until", &args.until)?,
        status: args.state.filter(|_| !running),
        ..Filter::default()
    };
    let client = world.client(store.session)?;
    let known = store.resources.nodes.iter().map(|n| n.node.clone());
    let nodes: Vec<NodeName> = match &args.node {
        Some(node) => vec![NodeName::from(node.as_str())],
        None => known.collect(),
    };
    let (mut tasks, mut failed) = (vec![], None);
    for node in &nodes {
        match client.ask(api::list(node, &filter)).await {
            Ok(page) => tasks.extend(page.data),
            // One node that is away must not hide what the others know.
            Err(error) if nodes.len() > 1 => {
                eprintln!("{node}: {}", error.explained());
                failed = Some(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    tasks.sort_by(|a: &Task, b: &Task| b.starttime.cmp(&a.starttime).then_with(|| b.upid.cmp(&a.upid)));
    if args.json {
        say(format_args!("{:#}", Value::Array(tasks.iter().map(entry).collect())));
    } else {
        for task in &tasks {
            let start = text::local_time(i64::try_from(task.starttime).unwrap_or(0));
            let what = task.description();
            say(format_args!(
                "{start}  {:<10} {:<28} {:<20} {}",
                task.node,
                what,
                task.user,
                text::clean(&task.status.to_string())
            ));
            say(format_args!("    {}", task.upid));
        }
    }
    match failed {
        Some(error) if tasks.is_empty() => Err(error.into()),
        _ => Ok(()),
    }
}

async fn log(world: &World, store: &Store, upid: &Upid, follow: bool) -> Result<()> {
    const PAGE: u64 = 1000;
    let client = world.client(store.session)?;
    let mut from = 0;
    loop {
        // Status first: lines that are read after the end was seen are all there will ever be.
        let status = client.ask(api::status(upid)).await.map_err(|e| unknown(e, upid))?;
        let running = status.status.is_running();
        loop {
            let page = client.ask(api::log(upid, from, PAGE)).await?;
            let count = page.data.len() as u64;
            for line in page.data {
                say(text::clean(&line.t));
            }
            from += count;
            if count < PAGE {
                break;
            }
        }
        if !running || !follow {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn wait(world: &World, store: &Store, upids: &[Upid], as_json: bool) -> Result<()> {
    let (mut out, mut failed) = (vec![], 0);
    let show = if std::io::stderr().is_terminal() { Show::Progress } else { Show::Nothing };
    for upid in upids {
        let state = change::follow(world, store, upid, show).await.map_err(|e| match e.downcast::<ApiError>() {
            Ok(refused) => unknown(refused, upid),
            Err(other) => other,
        })?;
        failed += usize::from(!state.is_success());
        if as_json {
            out.push(json!({"upid": upid.as_str(), "status": state.to_string(), "success": state.is_success()}));
        } else {
            say(format_args!("{}: {}", api::describe(upid.kind(), upid.id()), text::clean(&state.to_string())));
        }
    }
    if as_json {
        say(format_args!("{:#}", Value::Array(out)));
    }
    if failed > 0 {
        return Err(change::TaskFailed(format!("{failed} of {} tasks failed", upids.len())).into());
    }
    Ok(())
}
