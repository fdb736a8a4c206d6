//! `proxmux iso`: ISO images and other files on storages, without the screen.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use tokio::time::Instant;

use super::{
    bar::Bar,
    change::{self, ChangeArgs, TaskFailed},
    fill::{self, FieldArgs},
    say,
};
use crate::{
    api::{
        cluster::Guest,
        ids::{ContentKind, VolId},
        storage,
    },
    shell::{Ask, Dialog, Proposal, World},
    store::{Store, Transfer},
    ui::{
        progress::{Progress, Unit},
        text,
    },
    views::{
        image::{download::Download, offer::LetFetch, target, upload::Upload},
        task::transfer,
        volume::{place, remove, shelf::Item, usage},
    },
};

/// What can be done with images.
#[derive(Subcommand, Debug)]
pub enum IsoCommand {
    /// List the ISO images of all storages
    #[command(after_help = "Examples:\n  proxmux iso list\n  proxmux iso list --json")]
    List(List),
    /// Send a file of this machine to a storage
    #[command(after_help = "\
Examples:
  proxmux iso upload debian-13.iso                 to the storage with the most room
  proxmux iso upload disk.qcow2 --storage nas      the name tells what kind of file it is
  proxmux iso upload big.iso --by-node             the node fetches it from here, and goes on after a broken connection
A sum is taken from SHA256SUMS (or FILE.sha256) beside the file, if there is one.")]
    Upload(UploadArgs),
    /// Let a node fetch a file from a web server
    #[command(
        after_help = "Examples:\n  proxmux iso download https://example.org/debian-13.iso --storage nas\n  proxmux iso download https://example.org/disk.img.zst --compression zst"
    )]
    Download(DownloadArgs),
    /// Remove an image or another volume
    #[command(after_help = "Examples:\n  proxmux iso rm nas:iso/debian-12.iso")]
    Rm(Rm),
}

/// Arguments of `proxmux iso list`.
#[derive(Args, Debug)]
pub struct List {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `proxmux iso upload`.
#[derive(Args, Debug)]
pub struct UploadArgs {
    /// The file
    file: PathBuf,
    #[command(flatten)]
    place: PlaceArgs,
    /// Let the node fetch the file: this machine listens for it, on a secret path, for one fetch
    #[arg(long)]
    by_node: bool,
    /// Where to listen for the node, as ADDRESS:PORT; the address on the way to the server and some port otherwise
    #[arg(long, requires = "by_node", value_name = "ADDRESS:PORT")]
    listen: Option<std::net::SocketAddr>,
    /// Don't encrypt what the node fetches
    #[arg(long, requires = "by_node")]
    plain: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Arguments of `proxmux iso download`.
#[derive(Args, Debug)]
pub struct DownloadArgs {
    /// The address
    url: String,
    #[command(flatten)]
    place: PlaceArgs,
    /// Don't check the web server's certificate
    #[arg(long)]
    no_verify: bool,
    /// Unpack on arrival: gz, lzo, zst or bz2
    #[arg(long)]
    compression: Option<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Where a file goes and what it must be.
#[derive(Args, Debug)]
pub struct PlaceArgs {
    /// The storage, or STORAGE@NODE where nodes have their own
    #[arg(long)]
    storage: Option<String>,
    /// What kind of file: iso, vztmpl or import; the name tells otherwise
    #[arg(long)]
    kind: Option<String>,
    /// What it shall be called there
    #[arg(long)]
    name: Option<String>,
    /// MD5, SHA-1 or SHA-2 sum in hex digits
    #[arg(long)]
    checksum: Option<String>,
}

/// Arguments of `proxmux iso rm`.
#[derive(Args, Debug)]
pub struct Rm {
    /// The volume, for example local:iso/debian.iso
    volume: VolId,
    /// The node, where nodes have their own storages of this name
    #[arg(long)]
    node: Option<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Runs the command.
///
/// # Errors
/// When a file or an argument is wrong, or the cluster refuses.
pub async fn run(command: IsoCommand, world: &World, store: &Store) -> Result<()> {
    match command {
        IsoCommand::List(args) => list(world, store, ContentKind::Iso, args.json).await,
        IsoCommand::Upload(args) => {
            let path = args.file.to_string_lossy().into_owned();
            let kind = kind(&args.place, &path)?;
            check_storage(store, args.place.storage.as_deref(), kind)?;
            let mut fields = vec![format!("path={path}"), format!("content={kind}")];
            args.place.add_to(&mut fields);
            let Some(proposal) = fill::fill(world, store, Upload::open(store, kind, None), &of(fields)).await? else {
                return Ok(());
            };
            if !args.by_node {
                return send(world, store, proposal, &args.change).await;
            }
            let dialog = proposal.writes.first().and_then(|write| LetFetch::open(&write.wire));
            let dialog = dialog.context("there is no file to fetch")?;
            let mut fields = vec![];
            if let Some(listen) = args.listen {
                fields.extend([format!("host={}", listen.ip()), format!("port={}", listen.port())]);
            }
            if args.plain {
                fields.push("tls=0".into());
            }
            make(world, store, dialog, fields, &args.change).await
        }
        IsoCommand::Download(args) => {
            let kind = kind(&args.place, &crate::api::image::name_in_url(&args.url))?;
            check_storage(store, args.place.storage.as_deref(), kind)?;
            let mut fields = vec![format!("content={kind}"), format!("url={}", args.url)];
            args.place.add_to(&mut fields);
            fields.extend(args.compression.iter().map(|c| format!("compression={c}")));
            if args.no_verify {
                fields.push("verify=0".into());
            }
            let dialog = Download::open(store, kind, None);
            make(world, store, dialog, fields, &args.change).await
        }
        IsoCommand::Rm(args) => rm(world, store, args).await,
    }
}

fn kind(args: &PlaceArgs, name: &str) -> Result<ContentKind> {
    match &args.kind {
        Some(word) => ContentKind::from_api(word).with_context(|| format!("--kind {word}: iso, vztmpl or import")),
        None => Ok(crate::api::image::kind_of(name).unwrap_or(ContentKind::Iso)),
    }
}

/// A storage that is named must be there, within reach, and keep such files.
pub(super) fn check_storage(store: &Store, named: Option<&str>, kind: ContentKind) -> Result<()> {
    let Some(named) = named else { return Ok(()) };
    let fits: Vec<String> = target::choices(store, Some(kind)).into_iter().map(|c| c.value).collect();
    match target::place(store, named) {
        None => bail!("--storage {named}: there is none within reach; {kind} files can go to {}", fits.join(", ")),
        Some(place) if !place.keeps(kind) => {
            bail!("--storage {named} keeps no {kind} files, only {}: take {}", place.content, fits.join(", "))
        }
        Some(_) => Ok(()),
    }
}

impl PlaceArgs {
    fn add_to(&self, fields: &mut Vec<String>) {
        for (key, value) in [("storage", &self.storage), ("filename", &self.name), ("checksum", &self.checksum)] {
            fields.extend(value.iter().map(|v| format!("{key}={v}")));
        }
    }
}

/// Fills a dialog in and makes the change; files show how far they are.
async fn make<A: Ask>(
    world: &World,
    store: &Store,
    dialog: Dialog<A>,
    fields: Vec<String>,
    args: &ChangeArgs,
) -> Result<()> {
    match fill::fill(world, store, dialog, &of(fields)).await? {
        Some(proposal) => send(world, store, proposal, args).await,
        None => Ok(()),
    }
}

fn of(fields: Vec<String>) -> FieldArgs {
    FieldArgs { fields, hidden: true, ..FieldArgs::default() }
}

/// Makes the change of a proposal and shows how far its file is. Ctrl-C stops it; the server keeps no part. A file that
/// lies ready for the node keeps the program here until it was fetched.
async fn send(world: &World, store: &Store, proposal: Proposal, args: &ChangeArgs) -> Result<()> {
    let Some((label, wire)) = proposal.writes.first().map(|w| (w.label.clone(), w.wire.clone())) else {
        bail!("nothing would change");
    };
    let change = change::run(world, store, proposal, args);
    let Some(file) = wire.file.clone() else { return change.await };
    let change = async {
        change.await?;
        if file.offer.is_some() && !world.policy.dry_run {
            file.meter.over().await.map_err(|why| TaskFailed(format!("{label}: {why}")))?;
        }
        Ok(())
    };
    tokio::pin!(change);
    let mut look = tokio::time::interval(Duration::from_millis(200));
    let (start, mut progress) = (Instant::now(), Progress::new(Unit::Bytes, Some(file.size)));
    // The task has a bar of its own once the file is there; a fetch is shown by the node's task from the beginning.
    let mut bar = (!args.json && file.offer.is_none()).then(|| Bar::new(&label));
    loop {
        tokio::select! {
            done = &mut change => {
                if let (Ok(()), Some(bar)) = (&done, &mut bar) {
                    let size = text::bytes_short(file.size);
                    bar.show(1.0, &format!("100 %  {size} of {size}"));
                }
                return done;
            }
            signal = tokio::signal::ctrl_c() => {
                signal.context("can't listen for Ctrl-C")?;
                file.meter.cancel();
            }
            _ = look.tick(), if bar.is_some() => {
                let millis = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
                let (sent, total) = (file.meter.sent(), file.size);
                progress.update(sent, millis);
                if sent == 0 {
                    continue;
                }
                let (rate, eta) = (progress.rate(millis), progress.eta(millis));
                let shown =
                    Transfer { label: label.clone(), wire: wire.clone(), sent, total, rate, eta, error: None };
                if let Some(bar) = &mut bar {
                    bar.show(sent as f64 / total.max(1) as f64, &transfer::describe(&shown));
                }
                if sent >= total {
                    bar = None;
                }
            }
        }
    }
}

/// Reads the volumes of a kind from all storages. Storages that can't be listed are named on standard error.
pub(super) async fn volumes(world: &World, store: &Store, kind: ContentKind) -> Result<Vec<Item>> {
    let client = world.client(store.session)?;
    let mut items = vec![];
    for place in place::all(store).iter().filter(|p| p.keeps(kind)) {
        let Some(node) = &place.ask else {
            eprintln!("{}: can't be reached", place.storage);
            continue;
        };
        match client.ask(storage::content(node, &place.storage, Some(kind), None)).await {
            Ok(list) => items.extend(list.into_iter().map(|volume| Item {
                volume,
                node: node.clone(),
                shared: place.shared,
                place: place.where_is(),
                users: None,
            })),
            Err(error) => eprintln!("{}: {error}", place.storage),
        }
    }
    items.sort_by(|a, b| a.volume.volid.cmp(&b.volume.volid));
    Ok(items)
}

/// Prints the volumes of a kind.
pub(super) async fn list(world: &World, store: &Store, kind: ContentKind, as_json: bool) -> Result<()> {
    let items = volumes(world, store, kind).await?;
    if as_json {
        let rows = items.iter().map(|i| {
            json!({
                "volid": i.volume.volid.as_str(), "size": i.volume.size, "ctime": i.volume.ctime,
                "format": i.volume.format.as_str(), "node": i.node.as_str(), "shared": i.shared,
            })
        });
        say(format_args!("{:#}", serde_json::Value::Array(rows.collect())));
        return Ok(());
    }
    let width = items.iter().map(|i| i.volume.volid.as_str().len()).max().unwrap_or(0);
    for i in &items {
        let date = i.volume.ctime.and_then(|t| i64::try_from(t).ok()).map(text::local_time).unwrap_or_default();
        let size = i.volume.size.map(text::bytes).unwrap_or_default();
        say(format_args!("{:width$}  {size:>10}  {date}  {}", text::clean(i.volume.volid.as_str()), i.place));
    }
    Ok(())
}

async fn rm(world: &World, store: &Store, args: Rm) -> Result<()> {
    let kind = args.volume.kind();
    let mut items = volumes(world, store, kind).await?;
    items.retain(|i| i.volume.volid == args.volume && args.node.as_ref().is_none_or(|n| i.node.as_str() == n));
    match items.len() {
        0 => bail!("{} is not there", args.volume),
        1 => {}
        _ => bail!("{} is on several nodes: say which one with --node", args.volume),
    }
    let guests = store.resources.guests.iter().map(Guest::reference).collect();
    let usage = usage::scan(world.clone(), store.session, guests).await;
    let item = &mut items[0];
    item.users = Some(usage.of(&item.volume.volid, &item.node, item.shared));
    if let Some(why) = remove::refuse(item, store) {
        bail!(why);
    }
    match remove::proposal(&[item], &usage.unread, store) {
        Some(proposal) => change::run(world, store, proposal, &args.change).await,
        None => bail!("nothing would change"),
    }
}
