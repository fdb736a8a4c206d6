//! What `proxmux vm` and `proxmux ct` have in common.

use anyhow::Result;
use clap::Args;

use super::{
    change::ChangeArgs,
    fill::{self, FieldArgs},
    set,
};
use crate::{
    api::ids::{GuestKind, GuestRef, NodeName},
    shell::{Ask, Dialog, World},
    store::Store,
};

/// Arguments of `proxmux vm create` and `proxmux ct create`.
#[derive(Args, Debug)]
pub struct Create {
    #[command(flatten)]
    fields: FieldArgs,
    /// Begin with the settings of this guest; fields that are given go before them
    #[arg(long, value_name = "VMID", conflicts_with = "preset")]
    like: Option<u32>,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Fills the wizard in that creates such guests, fresh or like another one, and sends what comes of it.
///
/// # Errors
/// When a field is wrong, or the cluster refuses.
pub async fn create<A: Ask>(
    kind: GuestKind,
    args: Create,
    world: &World,
    store: &Store,
    wizard: fn(&Store, Option<NodeName>, Option<GuestRef>) -> Dialog<A>,
) -> Result<()> {
    let like = args.like.map(|vmid| set::find(store, kind, vmid)).transpose()?;
    let dialog = wizard(store, None, like.map(|guest| guest.reference()));
    fill::run(world, store, dialog, &args.fields, &args.change).await
}
