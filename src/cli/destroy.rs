//! `proxmux vm destroy` and `proxmux ct destroy`: guests are removed, with all that is asked in the console's dialog.

use anyhow::Result;
use clap::Args;

use super::{
    change::ChangeArgs,
    fill::{self, FieldArgs},
    set,
    snapshot::Guests,
};
use crate::{api::ids::GuestKind, shell::World, store::Store, views::guest::remove::Remove};

/// Arguments of `destroy`.
#[derive(Args, Debug)]
pub struct Destroy {
    /// The guests' numbers, separated by commas
    #[arg(value_name = "VMID[,VMID...]")]
    guests: Guests,
    #[command(flatten)]
    fields: FieldArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Runs the command.
///
/// # Errors
/// When a guest can't be removed, the user says no, or the cluster refuses.
pub async fn run(kind: GuestKind, args: Destroy, world: &World, store: &Store) -> Result<()> {
    let guests = args.guests.0.iter().map(|vmid| set::find(store, kind, vmid.get())).collect::<Result<Vec<_>>>()?;
    fill::run(world, store, Remove::open(&guests), &args.fields, &args.change).await
}
