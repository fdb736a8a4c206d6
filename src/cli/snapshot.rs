//! `proxmux snapshot`: snapshots without the screen.

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    change::{self, ChangeArgs},
    fill::{self, FieldArgs, NothingToDo},
    now, say,
};
use crate::{
    api::{
        cluster::Guest,
        guest::{self, Which},
        ids::VmId,
        snapshot::{self as api, Snapshot},
    },
    shell::World,
    store::Store,
    ui::{GlyphSet, text},
    views::snapshot::{
        prune::{Prune, deletion},
        rollback::{self, Rollback},
        take::{Describe, Take},
        tree,
    },
};

/// What can be done with snapshots.
#[derive(Subcommand, Debug)]
pub enum SnapshotCommand {
    /// List the snapshots of guests as trees
    #[command(after_help = "Examples:\n  proxmux snapshot list 102\n  proxmux snapshot list 100,102 --json")]
    List {
        /// The guests' numbers
        #[arg(value_name = "VMID", required = true, value_delimiter = ',')]
        guests: Vec<VmId>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a snapshot of one guest or of many
    #[command(after_help = "\
Examples:
  proxmux snapshot create 102 snapname=before-31 description=\"before the upgrade\" vmstate=1
  proxmux --dry-run snapshot create 100,102 snapname=monday")]
    Create(Fields),
    /// Change the description of a snapshot
    #[command(after_help = "Examples:\n  proxmux snapshot edit 102 before-31 description='before the upgrade'")]
    Edit {
        /// The guest's number
        guest: VmId,
        /// The snapshot's name
        name: String,
        /// What to write.
        #[command(flatten)]
        fields: FieldArgs,
        /// How it is made.
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Roll a guest back: what happened since is lost
    #[command(after_help = "Examples:\n  proxmux snapshot rollback 102 before-31 --start")]
    Rollback {
        /// The guest's number
        guest: VmId,
        /// The snapshot's name
        name: String,
        /// Start the guest afterwards
        #[arg(long)]
        start: bool,
        /// How it is made.
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Delete snapshots of a guest, one after the other
    #[command(after_help = "Examples:\n  proxmux snapshot delete 102 before-30 before-31")]
    Delete {
        /// The guest's number
        guest: VmId,
        /// The snapshots' names
        #[arg(required = true)]
        names: Vec<String>,
        /// Also where their disks can't be cleaned up
        #[arg(long)]
        force: bool,
        /// How it is made.
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Delete old snapshots of one guest or of many
    #[command(after_help = "Examples:\n  proxmux snapshot prune 100,102,104 days=30 prefix=auto")]
    Prune(Fields),
}

/// Guests and the fields of a dialog.
#[derive(Args, Debug)]
pub struct Fields {
    /// The guests' numbers, separated by commas
    #[arg(value_name = "VMID[,VMID...]")]
    guests: Guests,
    #[command(flatten)]
    fields: FieldArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Guests' numbers, separated by commas.
#[derive(Clone, Debug)]
pub struct Guests(pub Vec<VmId>);

impl std::str::FromStr for Guests {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let one = |part: &str| part.trim().parse().map_err(|_| format!("\"{part}\" is not the number of a guest"));
        text.split(',').map(one).collect::<Result<_, _>>().map(Self)
    }
}

fn known(store: &Store, vmid: VmId) -> Result<&Guest> {
    store.guest(vmid).with_context(|| format!("there is no guest {vmid}, or none that you may see"))
}

fn all<'s>(store: &'s Store, vmids: &[VmId]) -> Result<Vec<&'s Guest>> {
    vmids.iter().map(|vmid| known(store, *vmid)).collect()
}

async fn listed(world: &World, store: &Store, guest: &Guest) -> Result<Vec<Snapshot>> {
    let mut list = world.client(store.session)?.ask(api::list(&guest.reference())).await?;
    // The server's order is that of its hash tables; "current" has no time and stays last.
    list.sort_by_key(|s| (s.is_current(), s.snaptime));
    Ok(list)
}

/// One that is there.
fn find<'l>(list: &'l [Snapshot], guest: &Guest, name: &str) -> Result<&'l Snapshot> {
    match list.iter().find(|s| s.name == name && !s.is_current()) {
        Some(found) => Ok(found),
        None => {
            let names: Vec<&str> = list.iter().filter(|s| !s.is_current()).map(|s| s.name.as_str()).collect();
            let names =
                if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) };
            bail!("{} has no snapshot \"{name}\": {names}", guest.label())
        }
    }
}

/// Runs the command.
///
/// # Errors
/// When something named is not there, a field is wrong, or the cluster refuses.
pub async fn run(command: SnapshotCommand, world: &World, store: &Store) -> Result<()> {
    let (proposal, change) = match command {
        SnapshotCommand::List { guests, json } => return list(world, store, &guests, json).await,
        SnapshotCommand::Create(args) => {
            let dialog = Take::of(&all(store, &args.guests.0)?);
            (fill::fill(world, store, dialog, &args.fields).await?, args.change)
        }
        SnapshotCommand::Prune(args) => {
            let dialog = Prune::of(&all(store, &args.guests.0)?, now());
            match fill::fill(world, store, dialog, &args.fields).await {
                Err(error) if error.is::<NothingToDo>() => {
                    return change::nothing("no snapshot is that old", &args.change);
                }
                filled => (filled?, args.change),
            }
        }
        SnapshotCommand::Edit { guest, name, fields, change } => {
            let guest = known(store, guest)?;
            let list = listed(world, store, guest).await?;
            let dialog = Describe::of(guest.reference(), guest.label(), find(&list, guest, &name)?);
            (fill::fill(world, store, dialog, &fields).await?, change)
        }
        SnapshotCommand::Rollback { guest, name, start, change } => {
            let guest = known(store, guest)?;
            let list = listed(world, store, guest).await?;
            find(&list, guest, &name)?;
            let config = world.client(store.session)?.ask(guest::config(&guest.reference(), &Which::Pending)).await?;
            let zfs = rollback::is_on_zfs(&config, store);
            let ask = Rollback::new(guest.reference(), guest.label(), &list, &name, now(), zfs);
            (ask.map(|ask| ask.change(start, store)), change)
        }
        SnapshotCommand::Delete { guest, names, force, change } => {
            let guest = known(store, guest)?;
            let list = listed(world, store, guest).await?;
            for name in &names {
                find(&list, guest, name)?;
            }
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            (Some(deletion(&guest.reference(), &guest.label(), &names, force)), change)
        }
    };
    match proposal {
        Some(proposal) => change::run(world, store, proposal, &change).await,
        None => Ok(()),
    }
}

async fn list(world: &World, store: &Store, guests: &[VmId], as_json: bool) -> Result<()> {
    let mut out = vec![];
    for guest in all(store, guests)? {
        let list = listed(world, store, guest).await?;
        if as_json {
            let entry = |s: &Snapshot| {
                json!({
                    "name": s.name.as_str(), "description": s.description, "snaptime": s.snaptime,
                    "parent": s.parent.as_deref(), "vmstate": s.vmstate, "current": s.is_current(),
                })
            };
            let entries: Vec<Value> = tree::arrange(&list).iter().map(|r| entry(&r.snapshot)).collect();
            out.push(json!({"vmid": guest.vmid.to_string().parse::<u32>().ok(), "name": guest.name.as_str(), "snapshots": entries}));
            continue;
        }
        say(guest.label());
        for row in tree::arrange(&list) {
            let s = &row.snapshot;
            let name = if s.is_current() { "NOW" } else { &s.name };
            let age = s.age(now()).map_or_else(String::new, text::duration);
            let ram = if s.vmstate { "RAM" } else { "" };
            let words = if s.is_current() {
                String::new()
            } else {
                text::clean(&s.description.replace('\n', " ")).into_owned()
            };
            let line = format!("  {:<32} {age:>8}  {ram:<3}  {words}", format!("{}{name}", row.lines(GlyphSet::Ascii)));
            say(line.trim_end());
        }
    }
    if as_json {
        say(format_args!("{:#}", Value::Array(out)));
    }
    Ok(())
}
