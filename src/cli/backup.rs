//! `proxmux backup`: backups and backup jobs without the screen.

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    change::{self, ChangeArgs},
    fill::{self, FieldArgs, NothingToDo},
    say,
};
use crate::{
    api::{
        backup,
        ids::{ContentKind, GuestKind, VmId},
        job::{self, Job},
        storage,
    },
    shell::{Degree, Proposal, World, Write},
    store::Store,
    ui::text,
    views::{
        backup::{change as changes, now, prune, restore, row::Row, stock},
        job::{column::selection, edit, run as runs, schedule},
    },
};

/// What can be done with backups.
#[derive(Subcommand, Debug)]
pub enum BackupCommand {
    /// List the backups of all storages
    #[command(after_help = "Examples:\n  proxmux backup list --guest 101\n  proxmux backup list --storage nas --json")]
    List(List),
    /// Back up guests now, by the fields of the console's dialog
    #[command(after_help = "\
Examples:
  proxmux backup create --guest 101 storage=nas mode=stop --yes
  proxmux backup create --guest 100,101,102 storage=pbs protected=1
  proxmux --dry-run backup create --guest 101    show the call, send nothing
  proxmux backup create --guest 101 --fields-help")]
    Create(Create),
    /// Restore a guest from a backup, by the fields of the console's wizard
    #[command(after_help = "\
Examples:
  proxmux backup restore nas:backup/vzdump-qemu-101-2026_11_16-10_31_38.vma.zst vmid=150 unique=1
  proxmux backup restore nas:backup/vzdump-qemu-113-2026_11_18-10_31_38.vma.zst target=over typed=113 --yes
  proxmux backup restore nas:backup/vzdump-qemu-101-2026_11_16-10_31_38.vma.zst target=over typed=101 power=shutdown --yes")]
    Restore(OfVolume),
    /// Show the guest's configuration in a backup
    #[command(after_help = "Examples:\n  proxmux backup show nas:backup/vzdump-qemu-101-2026_11_16-10_31_38.vma.zst")]
    Show(Volume),
    /// Change the notes of a backup (notes=TEXT)
    #[command(
        after_help = "Examples:\n  proxmux backup notes nas:backup/vzdump-qemu-101-2026_11_16-10_31_38.vma.zst notes='before the upgrade'"
    )]
    Notes(OfVolume),
    /// Protect backups from removal and pruning
    #[command(
        after_help = "Examples:\n  proxmux backup protect nas:backup/vzdump-qemu-101-2026_11_16-10_31_38.vma.zst"
    )]
    Protect(Volumes),
    /// Take the protection away
    #[command(
        after_help = "Examples:\n  proxmux backup unprotect nas:backup/vzdump-qemu-101-2026_11_16-10_31_38.vma.zst --yes"
    )]
    Unprotect(Volumes),
    /// Remove backups
    #[command(
        after_help = "Examples:\n  proxmux backup remove nas:backup/vzdump-qemu-101-2026_11_16-10_31_38.vma.zst\n  proxmux --dry-run backup remove nas:backup/vzdump-qemu-101-2026_11_16-10_31_38.vma.zst"
    )]
    Remove(Volumes),
    /// Remove the backups of a guest that rules don't keep (keep-last=3 keep-weekly=2)
    #[command(after_help = "Examples:\n  proxmux backup prune --guest 101 --storage nas keep-last=3 keep-weekly=2")]
    Prune(PruneArgs),
    /// Backup jobs
    #[command(subcommand)]
    Job(JobCommand),
}

/// What can be done with backup jobs.
#[derive(Subcommand, Debug)]
pub enum JobCommand {
    /// List the jobs
    #[command(after_help = "Examples:\n  proxmux backup job list\n  proxmux backup job list --json")]
    List(JsonArgs),
    /// Show a job with its next runs, its guests and their disks
    #[command(after_help = "Examples:\n  proxmux backup job show backup-nightly")]
    Show(JobId),
    /// Create a job, by the fields of the console's dialog
    #[command(
        after_help = "Examples:\n  proxmux backup job create schedule='sun 01:00' selection=these vmid=100,101 storage=nas"
    )]
    Create(JobCreate),
    /// Change a job; fields that are not named stay
    #[command(
        after_help = "Examples:\n  proxmux backup job edit backup-nightly schedule='sat 03:00'\n  proxmux backup job edit backup-nightly --fields-help"
    )]
    Edit(JobEdit),
    /// Run a job now
    #[command(after_help = "Examples:\n  proxmux backup job run backup-nightly")]
    Run(JobChange),
    /// Switch a job on
    #[command(after_help = "Examples:\n  proxmux backup job enable backup-nightly")]
    Enable(JobChange),
    /// Switch a job off
    #[command(after_help = "Examples:\n  proxmux backup job disable backup-nightly")]
    Disable(JobChange),
    /// Remove a job; its backups stay
    #[command(after_help = "Examples:\n  proxmux backup job remove backup-nightly --yes")]
    Remove(JobChange),
    /// Tell when a schedule comes due
    #[command(after_help = "Examples:\n  proxmux backup job next 'mon..fri 02:30' --count 5")]
    Next(NextArgs),
}

/// Arguments of `proxmux backup list`.
#[derive(Args, Debug)]
pub struct List {
    /// Only of this guest
    #[arg(long, value_name = "ID")]
    guest: Option<VmId>,
    /// Only on this storage
    #[arg(long, value_name = "NAME")]
    storage: Option<String>,
    #[command(flatten)]
    json: JsonArgs,
}

/// How lists are printed.
#[derive(Args, Debug)]
pub struct JsonArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `proxmux backup create`.
#[derive(Args, Debug)]
pub struct Create {
    /// The guests
    #[arg(long, value_name = "ID,..", value_delimiter = ',', required = true)]
    guest: Vec<VmId>,
    #[command(flatten)]
    fields: FieldArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// A backup and fields.
#[derive(Args, Debug)]
pub struct OfVolume {
    /// The backup, as `proxmux backup list` names it
    #[arg(value_name = "VOLUME")]
    volume: String,
    #[command(flatten)]
    fields: FieldArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// A backup.
#[derive(Args, Debug)]
pub struct Volume {
    /// The backup, as `proxmux backup list` names it
    #[arg(value_name = "VOLUME")]
    volume: String,
}

/// Some backups.
#[derive(Args, Debug)]
pub struct Volumes {
    /// The backups, as `proxmux backup list` names them
    #[arg(value_name = "VOLUME", required = true)]
    volumes: Vec<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Arguments of `proxmux backup prune`.
#[derive(Args, Debug)]
pub struct PruneArgs {
    /// The guest
    #[arg(long, value_name = "ID")]
    guest: VmId,
    /// The storage
    #[arg(long, value_name = "NAME")]
    storage: String,
    #[command(flatten)]
    fields: FieldArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// A job.
#[derive(Args, Debug)]
pub struct JobId {
    /// The job
    id: String,
    #[command(flatten)]
    json: JsonArgs,
}

/// Arguments of `proxmux backup job create`.
#[derive(Args, Debug)]
pub struct JobCreate {
    #[command(flatten)]
    fields: FieldArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Arguments of `proxmux backup job edit`.
#[derive(Args, Debug)]
pub struct JobEdit {
    /// The job
    id: String,
    #[command(flatten)]
    fields: FieldArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// A job and how it is changed.
#[derive(Args, Debug)]
pub struct JobChange {
    /// The job
    id: String,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Arguments of `proxmux backup job next`.
#[derive(Args, Debug)]
pub struct NextArgs {
    /// A calendar event, for example 'mon..fri 02:30'
    schedule: String,
    /// How many
    #[arg(long, default_value_t = 10)]
    count: u32,
    #[command(flatten)]
    json: JsonArgs,
}

/// Runs the command.
///
/// # Errors
/// When a field is wrong, something does not exist, or the cluster refuses.
pub async fn run(command: BackupCommand, world: &World, store: &Store) -> Result<()> {
    match command {
        BackupCommand::List(args) => list(args, world, store).await,
        BackupCommand::Create(args) => {
            let mut guests = vec![];
            for id in &args.guest {
                guests.push(store.guest(*id).with_context(|| format!("there is no guest {id}"))?);
            }
            fill::run(world, store, now::dialog(&guests, store), &args.fields, &args.change).await
        }
        BackupCommand::Restore(args) => {
            let row = find(world, store, &args.volume).await?;
            let wizard =
                restore::dialog(&row, store).context("it can't be told whether this is a VM or a container")?;
            fill::run(world, store, wizard, &args.fields, &args.change).await
        }
        BackupCommand::Show(args) => {
            let row = find(world, store, &args.volume).await?;
            let client = world.client(store.session)?;
            let config = client.ask(backup::extract_config(&row.node, &row.volid)).await?;
            for line in backup::readable(&config).lines() {
                say(text::clean(line));
            }
            Ok(())
        }
        BackupCommand::Notes(args) => {
            let row = find(world, store, &args.volume).await?;
            fill::run(world, store, changes::notes_dialog(&row), &args.fields, &args.change).await
        }
        BackupCommand::Protect(args) => protect(args, true, world, store).await,
        BackupCommand::Unprotect(args) => protect(args, false, world, store).await,
        BackupCommand::Remove(args) => {
            let all = rows(world, store, None, None).await?;
            let chosen = pick(&all, &args.volumes)?;
            let proposal = changes::remove(&chosen, &all, "proxmux backup unprotect").map_err(|why| anyhow!(why))?;
            change::run(world, store, proposal, &args.change).await
        }
        BackupCommand::Prune(args) => {
            let all = rows(world, store, Some(args.guest), Some(&args.storage)).await?;
            let row = all.first().with_context(|| format!("guest {} has no backup on {}", args.guest, args.storage))?;
            match fill::run(world, store, prune::dialog(row), &args.fields, &args.change).await {
                Err(error) if error.is::<NothingToDo>() => {
                    change::nothing("the rules keep all backups, or protection does", &args.change)
                }
                done => done,
            }
        }
        BackupCommand::Job(command) => jobs(command, world, store).await,
    }
}

/// The backups of all storages, or of one.
async fn rows(world: &World, store: &Store, guest: Option<VmId>, only: Option<&str>) -> Result<Vec<Row>> {
    let client = world.client(store.session)?;
    let mut rows = vec![];
    let mut places = stock::places(store);
    if let Some(only) = only
        && !places.iter().any(|(_, storage, ..)| storage.as_str() == only)
    {
        let mut names: Vec<&str> = places.iter().map(|(_, storage, ..)| storage.as_str()).collect();
        names.dedup();
        bail!("no storage {only} keeps backups, or none that answers; there are {}", names.join(", "));
    }
    places.retain(|(_, storage, ..)| only.is_none_or(|o| storage.as_str() == o));
    for (node, storage, kind, shared) in places {
        match client.ask(storage::content(&node, &storage, Some(ContentKind::Backup), guest)).await {
            Ok(volumes) => rows.extend(volumes.into_iter().map(|v| Row::new(v, &node, shared, &kind, store))),
            // One storage that is away must not hide the others.
            Err(error) => eprintln!("{storage} on {node}: {error}"),
        }
    }
    rows.retain(|r| guest.is_none() || r.vmid == guest);
    rows.sort_by(|a, b| a.vmid.cmp(&b.vmid).then(b.ctime.cmp(&a.ctime)));
    Ok(rows)
}

async fn find(world: &World, store: &Store, volume: &str) -> Result<Row> {
    let storage = volume.split_once(':').context("write the backup as STORAGE:backup/NAME")?.0;
    let all = rows(world, store, None, Some(storage)).await?;
    let found = all.into_iter().find(|r| r.volid.as_str() == volume);
    found.with_context(|| format!("there is no backup {volume}: proxmux backup list shows all"))
}

fn pick<'r>(all: &'r [Row], volumes: &[String]) -> Result<Vec<&'r Row>> {
    let find = |volume: &String| {
        let found = all.iter().find(|r| r.volid.as_str() == volume);
        found.with_context(|| format!("there is no backup {volume}: proxmux backup list shows all"))
    };
    volumes.iter().map(find).collect()
}

async fn list(args: List, world: &World, store: &Store) -> Result<()> {
    let rows = rows(world, store, args.guest, args.storage.as_deref()).await?;
    if args.json.json {
        let all: Vec<Value> = rows.iter().map(as_json).collect();
        say(format_args!("{:#}", Value::Array(all)));
        return Ok(());
    }
    for r in &rows {
        let id = r.vmid.map(|id| id.to_string()).unwrap_or_default();
        let mut flags = vec![];
        for (on, word) in [(r.protected, "protected"), (r.encrypted, "encrypted"), (r.verified == "ok", "verified")] {
            if on {
                flags.push(word);
            }
        }
        say(format_args!(
            "{id:>9}  {}  {:>9}  {}  {}  {}",
            text::local_time(r.unix()),
            text::bytes(r.size),
            r.volid,
            flags.join(","),
            text::clean(r.notes.lines().next().unwrap_or_default())
        ));
    }
    Ok(())
}

fn as_json(r: &Row) -> Value {
    json!({
        "volid": r.volid.as_str(), "node": r.node.as_str(), "storage": r.storage().as_str(), "shared": r.shared,
        "vmid": r.vmid.map(VmId::get), "type": r.kind.map(GuestKind::as_str), "name": r.name.as_str(), "exists": r.exists,
        "ctime": r.ctime, "size": r.size, "format": r.format.as_str(), "notes": r.notes, "protected": r.protected,
        "encrypted": r.encrypted, "verified": r.verified.as_str(),
    })
}

async fn protect(args: Volumes, on: bool, world: &World, store: &Store) -> Result<()> {
    let all = rows(world, store, None, None).await?;
    let proposal = changes::protection(&pick(&all, &args.volumes)?, on, Write::new);
    if proposal.writes.is_empty() {
        let why = if on { "all of them are protected already" } else { "none of them is protected" };
        return change::nothing(why, &args.change);
    }
    change::run(world, store, proposal, &args.change).await
}

async fn one_job(world: &World, store: &Store, id: &str) -> Result<Job> {
    let client = world.client(store.session)?;
    match client.ask(job::one(id)).await {
        // The server calls it a wrong parameter.
        Err(error) if error.status() == Some(400) => {
            let jobs = client.ask(job::list()).await?;
            let ids: Vec<&str> = jobs.iter().map(|j| j.id.as_str()).collect();
            let ids = if ids.is_empty() { "there are none".into() } else { format!("there are {}", ids.join(", ")) };
            bail!("there is no backup job {id}: {ids}")
        }
        answer => Ok(answer?),
    }
}

async fn jobs(command: JobCommand, world: &World, store: &Store) -> Result<()> {
    let client = world.client(store.session)?;
    match command {
        JobCommand::List(args) => {
            let jobs = client.ask(job::list()).await?;
            if args.json {
                say(format_args!("{:#}", Value::Array(jobs.iter().map(job_json).collect())));
                return Ok(());
            }
            for j in &jobs {
                let event = j.get("schedule").unwrap_or_default();
                let next =
                    j.next_run.map_or_else(|| "off".into(), |at| text::local_time(i64::try_from(at).unwrap_or(0)));
                let words = schedule::words(event).unwrap_or_else(|| event.to_owned());
                say(format_args!(
                    "{}  {words}  next {next}  {}  on {}",
                    j.id,
                    selection(j),
                    j.get("storage").unwrap_or("-")
                ));
            }
            Ok(())
        }
        JobCommand::Show(args) => {
            let found = one_job(world, store, &args.id).await?;
            let included = client.ask(job::included(&args.id)).await?;
            let runs = match found.get("schedule") {
                Some(event) => client.ask(job::next_runs(event, 10)).await?,
                None => vec![],
            };
            if args.json.json {
                let mut value = job_json(&found);
                value["runs"] = runs.iter().map(|r| Value::from(r.timestamp)).collect();
                value["guests"] = included.children.iter().map(guest_json).collect();
                say(format_args!("{value:#}"));
                return Ok(());
            }
            for (key, value) in &found.settings {
                say(format_args!("{key}: {}", text::clean(value)));
            }
            for run in runs {
                say(format_args!("runs {}", text::local_time(run.timestamp)));
            }
            for guest in included.children {
                let id = guest.id.map(|id| id.to_string()).unwrap_or_default();
                match GuestKind::from_api(&guest.kind) {
                    Some(kind) => say(format_args!("takes {kind} {id} {}", text::clean(&guest.name))),
                    None => say(format_args!("names guest {id}, which is not there any more")),
                }
                for volume in guest.children {
                    let sign = if volume.included { '+' } else { '-' };
                    say(format_args!(
                        "  {sign} {} {} ({})",
                        volume.id,
                        text::clean(&volume.name),
                        text::clean(&volume.reason)
                    ));
                }
            }
            Ok(())
        }
        JobCommand::Create(args) => {
            let jobs = client.ask(job::list()).await?;
            fill::run(world, store, edit::dialog(store, None, &jobs), &args.fields, &args.change).await
        }
        JobCommand::Edit(args) => {
            let found = one_job(world, store, &args.id).await?;
            fill::run(world, store, edit::dialog(store, Some(found), &[]), &args.fields, &args.change).await
        }
        JobCommand::Run(args) => {
            let found = one_job(world, store, &args.id).await?;
            let proposal = runs::now(&found, store);
            if proposal.writes.is_empty() {
                bail!(
                    "nothing to run: {}",
                    proposal.notes.first().map_or("the job takes no guest at the moment", |n| n)
                );
            }
            change::run(world, store, proposal, &args.change).await
        }
        JobCommand::Enable(args) => set_enabled(args, true, world, store).await,
        JobCommand::Disable(args) => set_enabled(args, false, world, store).await,
        JobCommand::Remove(args) => {
            let found = one_job(world, store, &args.id).await?;
            let write = Write::new(format!("Remove the backup job {}", found.id), job::remove(&found.id));
            let proposal = Proposal::new(format!("Remove the backup job {}?", found.id), vec![write])
                .degree(Degree::Careful)
                .note("The backups that it has made stay.");
            change::run(world, store, proposal, &args.change).await
        }
        JobCommand::Next(args) => {
            let runs = client.ask(job::next_runs(&args.schedule, args.count)).await?;
            if args.json.json {
                say(format_args!("{:#}", Value::Array(runs.iter().map(|r| Value::from(r.timestamp)).collect())));
                return Ok(());
            }
            if let Some(words) = schedule::words(&args.schedule) {
                say(format_args!("{words}"));
            }
            for run in runs {
                say(text::local_time(run.timestamp));
            }
            Ok(())
        }
    }
}

async fn set_enabled(args: JobChange, on: bool, world: &World, store: &Store) -> Result<()> {
    let found = one_job(world, store, &args.id).await?;
    if found.is_enabled() == on {
        let why = format!("the job {} is {} already", found.id, if on { "on" } else { "off" });
        return change::nothing(&why, &args.change);
    }
    let write = runs::switch(&found);
    let proposal = Proposal::new(format!("{}?", write.label), vec![write]);
    change::run(world, store, proposal, &args.change).await
}

fn job_json(j: &Job) -> Value {
    let mut value = json!({"id": j.id.as_str(), "next-run": j.next_run});
    for (key, text) in &j.settings {
        value[key.as_str()] = text.as_str().into();
    }
    value
}

fn guest_json(g: &job::IncludedGuest) -> Value {
    let volumes = g
        .children
        .iter()
        .map(|v| json!({"id": v.id.as_str(), "name": v.name, "included": v.included, "reason": v.reason}));
    json!({
        "vmid": g.id.map(VmId::get), "name": g.name.as_str(), "type": g.kind.as_str(),
        "volumes": volumes.collect::<Vec<Value>>(),
    })
}
