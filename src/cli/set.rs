//! `proxmux vm set` and `proxmux ct set`: settings of a guest without the screen, by the same checks as the editor's.

use std::io::Read;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;

use super::{
    change::{self, ChangeArgs},
    say,
};
use crate::{
    api::{
        cluster::{Guest, GuestStatus},
        guest::{self, Which, param},
        ids::{GuestKind, VmId},
    },
    shell::{Degree, World},
    store::Store,
    views::guest::edit::{
        change::{Subject, propose},
        setting::number,
        sheet::{Sheet, is_conflict},
        text,
    },
};

/// Arguments of `set`.
#[derive(Args, Debug)]
pub struct Set {
    /// The guest's number
    #[arg(value_name = "ID")]
    guest: u32,
    /// Settings as KEY=VALUE; KEY= removes one, KEY.PART=VALUE changes a part of one (scsi0.cache=writeback), KEY=@FILE
    /// and KEY=@- read the value (passwords only that way). Without any, the settings are listed
    #[arg(value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Drop what waits for the next start of these settings (all of it: --revert all)
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    revert: Vec<String>,
    /// The digest that the settings must still have: refuse when somebody has changed them since
    #[arg(long)]
    digest: Option<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Runs the command for a guest of this kind.
///
/// # Errors
/// When a setting is wrong, or the cluster refuses.
pub async fn run(kind: GuestKind, args: Set, world: &World, store: &Store) -> Result<()> {
    let known = find(store, kind, args.guest)?;
    let id = known.vmid;
    let client = world.client(store.session)?;
    let reference = known.reference();
    let raw = match kind {
        GuestKind::Vm => vec![],
        GuestKind::Ct => client.ask(guest::config(&reference, &Which::Current)).await?.raw,
    };
    let mut sheet = Sheet::new(client.ask(guest::pending(&reference)).await?, raw);
    if let Some(digest) = args.digest {
        sheet.digest = digest;
    }
    let subject = Subject {
        guest: reference,
        name: known.name.to_string(),
        running: matches!(known.status, GuestStatus::Running | GuestStatus::Paused),
        user: store.user.clone(),
    };
    if args.settings.is_empty() && args.revert.is_empty() {
        list(&sheet, args.change.json);
        return Ok(());
    }
    let mut texts = vec![];
    let mut secret = None;
    for pair in &args.settings {
        let (key, value) = pair.split_once('=').with_context(|| format!("\"{pair}\": write it as KEY=VALUE"))?;
        if key == "cipassword" && !value.is_empty() {
            if !value.starts_with('@') {
                bail!(
                    "cipassword is a secret, which others could read on the command line: use cipassword=@FILE or @-"
                );
            }
            secret = Some(read(key, value)?);
            continue;
        }
        texts.push(text::assign(kind, &sheet, key, &read(key, value)?).map_err(|why| anyhow!("{key}: {why}"))?);
    }
    let mut change = sheet.change(texts);
    change.set.extend(secret.map(|secret| param("cipassword", secret)));
    change.revert = match args.revert.iter().any(|key| key == "all") {
        true => sheet.waiting(),
        false => args.revert,
    };
    let title = match change.set.len() + change.delete.len() + change.revert.len() {
        1 => "Change a setting".to_owned(),
        n => format!("Change {n} settings"),
    };
    let destroys = change.delete.iter().any(|key| number(key, "unused").is_some());
    let Some(mut proposal) = propose(&subject, &sheet, &title, &change) else {
        // It is as wanted already: nobody has to do anything.
        eprintln!("nothing would change");
        return Ok(());
    };
    if destroys {
        proposal = proposal.degree(Degree::Typed(id.to_string())).note("Removing an unused disk deletes its data.");
    }
    let outcome = change::run(world, store, proposal, &args.change).await;
    outcome.map_err(|error| match error.downcast_ref() {
        Some(api) if is_conflict(api) => error.context("somebody else has changed the settings meanwhile: try again"),
        _ => error,
    })
}

/// A guest of this kind by its number.
///
/// # Errors
/// When there is none, or it is of the other kind.
pub fn find(store: &Store, kind: GuestKind, number: u32) -> Result<&Guest> {
    let id = VmId::new(number).ok_or_else(|| anyhow!("{number} is no guest's number"))?;
    let known = store.guest(id).ok_or_else(|| anyhow!("there is no guest {id}, or none that you may see"))?;
    if known.kind != kind {
        let other = if known.kind == GuestKind::Vm { "vm" } else { "ct" };
        bail!("{id} is a {}: use `proxmux {other} set`", known.kind.label());
    }
    Ok(known)
}

/// A value as given, or from a file.
fn read(key: &str, value: &str) -> Result<String> {
    let Some(file) = value.strip_prefix('@') else { return Ok(value.to_owned()) };
    let mut text = String::new();
    if file == "-" {
        std::io::stdin().read_to_string(&mut text).with_context(|| format!("{key}: can't read standard input"))?;
    } else {
        text = std::fs::read_to_string(file).with_context(|| format!("{key}: can't read {file}"))?;
    }
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

/// All settings: what holds, and what waits.
fn list(sheet: &Sheet, json: bool) {
    if json {
        let one = |key: &str| {
            let entry = serde_json::json!({
                "value": sheet.in_effect(key), "pending": sheet.wanted(key).filter(|_| sheet.waits(key)),
                "delete": sheet.waits(key) && sheet.wanted(key).is_none(),
            });
            (key.to_owned(), entry)
        };
        let all: serde_json::Map<String, serde_json::Value> = sheet.keys().map(one).collect();
        say(format_args!("{:#}", serde_json::json!({ "digest": sheet.digest, "settings": all })));
        return;
    }
    for key in sheet.keys() {
        let shown = |text: Option<&str>| {
            let line = text.unwrap_or("(not set)").replace(['\n', '\0'], " ");
            crate::ui::text::clean(&line).into_owned()
        };
        match sheet.waits(key) {
            true => say(format_args!("{key}: {} -> {}", shown(sheet.in_effect(key)), shown(sheet.wanted(key)))),
            false => say(format_args!("{key}: {}", shown(sheet.in_effect(key)))),
        }
    }
    sheet.raw.iter().for_each(|(key, value)| say(format_args!("{key}: {value}")));
}
