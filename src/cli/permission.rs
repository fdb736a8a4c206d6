//! `proxmux permission`: who may do what with one object, without the screen.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    change::{self, ChangeArgs},
    fill::{self, FieldArgs},
    say,
};
use crate::{
    api::{acl, ids::VmId},
    shell::{Degree, Proposal, World, Write},
    store::Store,
    ui::text,
    views::permission::{
        Known,
        grant::Grant,
        row::{self, Origin},
    },
};

/// What can be done with permissions.
#[derive(Subcommand, Debug)]
pub enum PermissionCommand {
    /// List who has which role on a path
    #[command(after_help = "\
Examples:
  proxmux permission list 104                   of guest 104: the same as /vms/104
  proxmux permission list /storage/nas --inherited
  proxmux permission list / --json")]
    List {
        /// The path, or a guest's number
        path: String,
        /// Also what reaches it from paths above and from its pool
        #[arg(long)]
        inherited: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Give a user, a group or a token a role on a path, by the fields of the console's dialog
    #[command(after_help = "\
Examples:
  proxmux permission add 104 users=alice@pve roles=PVEVMUser
  proxmux permission add /storage/nas kind=group groups=ops roles=PVEDatastoreUser propagate=0
  proxmux permission add 104 --fields-help")]
    Add(Add),
    /// Take a role away
    #[command(after_help = "Examples:\n  proxmux permission remove 104 alice@pve PVEVMUser")]
    Remove(Remove),
}

/// Arguments of `proxmux permission add`.
#[derive(Args, Debug)]
pub struct Add {
    /// The path, or a guest's number
    path: String,
    #[command(flatten)]
    fields: FieldArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Arguments of `proxmux permission remove`.
#[derive(Args, Debug)]
pub struct Remove {
    /// The path, or a guest's number
    path: String,
    /// The user, group or token
    who: String,
    /// The role
    role: String,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Runs the command.
///
/// # Errors
/// When an argument is wrong, or the cluster refuses.
pub async fn run(command: PermissionCommand, world: &World, store: &Store) -> Result<()> {
    match command {
        PermissionCommand::List { path, inherited, json } => list(world, store, &full(&path)?, inherited, json).await,
        PermissionCommand::Add(args) => {
            let path = full(&args.path)?;
            let known = known(world, store, &path).await?;
            fill::run(world, store, Grant::open(&path, &path, known), &args.fields, &args.change).await
        }
        PermissionCommand::Remove(args) => remove(world, store, args).await,
    }
}

/// A guest's number stands for its path.
fn full(path: &str) -> Result<String> {
    if let Ok(vmid) = path.parse::<VmId>() {
        return Ok(format!("/vms/{vmid}"));
    }
    match path.strip_prefix('/') {
        Some(_) => Ok(if path == "/" { path.to_owned() } else { path.trim_end_matches('/').to_owned() }),
        None => bail!("\"{path}\" is neither a path like /storage/nas nor the number of a guest"),
    }
}

async fn known(world: &World, store: &Store, path: &str) -> Result<Known> {
    let client = world.client(store.session)?;
    let guest = path.strip_prefix("/vms/").and_then(|id| store.guest(id.parse().ok()?));
    let pool = guest.and_then(|g| g.pool.as_ref()).map(|pool| format!("/pool/{pool}"));
    Ok(Known {
        entries: client.ask(acl::list()).await?,
        roles: client.ask(acl::roles()).await?,
        groups: client.ask(acl::groups()).await?,
        pool,
    })
}

async fn list(world: &World, store: &Store, path: &str, inherited: bool, as_json: bool) -> Result<()> {
    let rows = row::arrange(&known(world, store, path).await?, path, inherited);
    if as_json {
        let rows = rows.iter().map(|r| {
            json!({
                "path": r.entry.path.as_str(), "kind": r.entry.kind.as_str(), "who": r.entry.who.as_str(),
                "role": r.entry.role.as_str(), "propagate": r.entry.propagate,
                "inherited": r.origin != Origin::Here, "replaced_by": r.replaced,
            })
        });
        say(format_args!("{:#}", Value::Array(rows.collect())));
        return Ok(());
    }
    for r in &rows {
        let e = &r.entry;
        let propagate = if e.propagate { "" } else { "  not below" };
        let replaced = r.replaced.as_ref().map(|by| format!("  replaced by {by}")).unwrap_or_default();
        let who = text::clean(&e.who);
        say(format_args!("{:5}  {who:32}  {:24}  {}{propagate}{replaced}", e.kind.as_str(), e.role, e.path));
    }
    Ok(())
}

async fn remove(world: &World, store: &Store, args: Remove) -> Result<()> {
    let path = full(&args.path)?;
    let all = world.client(store.session)?.ask(acl::list()).await?;
    let found: Vec<_> = all.iter().filter(|e| e.path == path && e.who == args.who && e.role == args.role).collect();
    if found.is_empty() {
        bail!("{} has no {} on {path}: see `proxmux permission list {path} --inherited`", args.who, args.role);
    }
    let writes = found.into_iter().map(|e| {
        let label = format!("Take {} from {} {} on {path}", e.role, e.kind.as_str(), e.who);
        Write::new(label, acl::revoke(e))
    });
    let title = format!("Take {} from {} on {path}?", args.role, args.who);
    let proposal = Proposal::new(title, writes.collect()).degree(Degree::Careful);
    change::run(world, store, proposal, &args.change).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn paths() {
        assert_eq!(full("104").unwrap(), "/vms/104");
        assert_eq!(full("/storage/nas/").unwrap(), "/storage/nas");
        assert_eq!(full("/").unwrap(), "/");
        assert!(full("nas").is_err());
    }
}
