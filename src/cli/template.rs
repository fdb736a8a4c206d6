//! `proxmux template`: templates of guests and of containers, without the screen.

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    change::ChangeArgs,
    fill::{self, FieldArgs},
    iso, say,
};
use crate::{
    api::{
        cluster::Guest,
        ids::{ContentKind, VmId},
        image::{self, Appliance},
    },
    shell::World,
    store::Store,
    ui::text,
    views::{
        image::catalogue::Fetch,
        template::{clone::CloneGuest, convert::Convert},
    },
};

/// What can be done with templates.
#[derive(Subcommand, Debug)]
pub enum TemplateCommand {
    /// List templates: of guests, as files, or those that can be had
    #[command(after_help = "Examples:\n  proxmux template list\n  proxmux template list --available --json")]
    List(List),
    /// Let a node fetch a container template of the catalogue
    #[command(after_help = "Examples:\n  proxmux template download debian-13-standard --storage nas")]
    Download(DownloadArgs),
    /// Make a template of a stopped guest
    #[command(after_help = "Examples:\n  proxmux template convert 9001")]
    Convert(ConvertArgs),
    /// Clone a guest or a template, by the fields of the console's dialog
    #[command(after_help = "\
Examples:
  proxmux template clone 9000 name=web-01 start=1
  proxmux template clone 9000 name=node-## count=3 full=1 storage=fast
  proxmux template clone 9000 --fields-help")]
    Clone(CloneArgs),
}

/// Arguments of `proxmux template list`.
#[derive(Args, Debug)]
pub struct List {
    /// Container templates on the storages
    #[arg(long, conflicts_with = "available")]
    files: bool,
    /// Container templates of the catalogue
    #[arg(long)]
    available: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `proxmux template download`.
#[derive(Args, Debug)]
pub struct DownloadArgs {
    /// The template, or how its package begins: debian-13
    template: String,
    /// The storage, or STORAGE@NODE where nodes have their own
    #[arg(long)]
    storage: Option<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Arguments of `proxmux template convert`.
#[derive(Args, Debug)]
pub struct ConvertArgs {
    /// The guest's id
    vmid: VmId,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Arguments of `proxmux template clone`.
#[derive(Args, Debug)]
pub struct CloneArgs {
    /// The guest's id
    vmid: VmId,
    #[command(flatten)]
    fields: FieldArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Runs the command.
///
/// # Errors
/// When an argument is wrong, or the cluster refuses.
pub async fn run(command: TemplateCommand, world: &World, store: &Store) -> Result<()> {
    match command {
        TemplateCommand::List(args) if args.files => iso::list(world, store, ContentKind::Vztmpl, args.json).await,
        TemplateCommand::List(args) if args.available => available(world, store, args.json).await,
        TemplateCommand::List(args) => {
            list(store, args.json);
            Ok(())
        }
        TemplateCommand::Download(args) => download(world, store, args).await,
        TemplateCommand::Convert(args) => {
            let dialog = Convert::open(guest(store, args.vmid)?);
            fill::run(world, store, dialog, &FieldArgs { hidden: true, ..FieldArgs::default() }, &args.change).await
        }
        TemplateCommand::Clone(args) => {
            let dialog = CloneGuest::open(store, guest(store, args.vmid)?);
            fill::run(world, store, dialog, &args.fields, &args.change).await
        }
    }
}

fn guest(store: &Store, vmid: VmId) -> Result<&Guest> {
    store.guest(vmid).with_context(|| format!("there is no guest {vmid}, or you may not see it"))
}

fn list(store: &Store, as_json: bool) {
    let templates = || store.resources.guests.iter().filter(|g| g.template);
    if as_json {
        let rows = templates().map(|g| {
            json!({
                "vmid": g.vmid.get(), "name": g.name.as_str(), "kind": g.kind.as_str(), "node": g.node.as_str(),
                "tags": g.tags().collect::<Vec<_>>(), "disk": g.maxdisk, "memory": g.maxmem,
            })
        });
        say(format_args!("{:#}", Value::Array(rows.collect())));
        return;
    }
    for g in templates() {
        say(format_args!("{:>9}  {}  {:30}  {:12}  {}", g.vmid, g.kind.label(), text::clean(&g.name), g.node, g.tags));
    }
}

async fn catalogue(world: &World, store: &Store) -> Result<Vec<Appliance>> {
    let node = store.resources.nodes.iter().find(|n| n.is_online()).context("no node is online")?;
    let mut list = world.client(store.session)?.ask(image::catalogue(&node.node)).await?;
    list.sort_by(|a, b| (&a.section, &a.package, &a.version).cmp(&(&b.section, &b.package, &b.version)));
    Ok(list)
}

async fn available(world: &World, store: &Store, as_json: bool) -> Result<()> {
    let list = catalogue(world, store).await?;
    if as_json {
        let rows = list.iter().map(|a| {
            json!({
                "template": a.template.as_str(), "section": a.section.as_str(), "package": a.package.as_str(),
                "version": a.version.as_str(), "os": a.os.as_str(), "headline": a.headline,
            })
        });
        say(format_args!("{:#}", Value::Array(rows.collect())));
        return Ok(());
    }
    for a in &list {
        say(format_args!("{:14}  {:60}  {}", a.section, a.template, text::clean(&a.headline)));
    }
    Ok(())
}

async fn download(world: &World, store: &Store, args: DownloadArgs) -> Result<()> {
    iso::check_storage(store, args.storage.as_deref(), ContentKind::Vztmpl)?;
    let list = catalogue(world, store).await?;
    let wanted = args.template.as_str();
    let exact: Vec<&Appliance> = list.iter().filter(|a| a.template == wanted).collect();
    let like: Vec<&Appliance> = list.iter().filter(|a| a.template.starts_with(wanted)).collect();
    let found = if exact.is_empty() { like } else { exact };
    let appliance = match found.as_slice() {
        [one] => *one,
        [] => bail!("the catalogue has no template {wanted}: see `proxmux template list --available`"),
        many => {
            let names: Vec<&str> = many.iter().map(|a| a.template.as_str()).collect();
            bail!("{wanted} may mean\n  {}", names.join("\n  "));
        }
    };
    let fields = args.storage.iter().map(|s| format!("storage={s}")).collect();
    let fields = FieldArgs { fields, hidden: true, ..FieldArgs::default() };
    fill::run(world, store, Fetch::open(store, appliance), &fields, &args.change).await
}
