//! `proxmux vm`: virtual machines without the screen.

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{
    change::{self, ChangeArgs},
    fill::{self, FieldArgs},
};
use crate::{shell::World, store::Store, views::vm::create::CreateVm};

/// What can be done with VMs.
#[derive(Subcommand, Debug)]
pub enum VmCommand {
    /// Create a VM, by the fields and checks of the console's wizard
    #[command(after_help = "\
Examples:
  proxmux vm create name=web-01 disk0.size=8 cd.image=local:iso/debian-13.iso start=1
  proxmux --dry-run vm create name=web-01    show the call, send nothing
  proxmux vm create --fields-help            all fields, with what can be chosen")]
    Create(Create),
}

/// Arguments of `proxmux vm create`.
#[derive(Args, Debug)]
pub struct Create {
    #[command(flatten)]
    fields: FieldArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Runs the command.
///
/// # Errors
/// When a field is wrong, or the cluster refuses.
pub async fn run(command: VmCommand, world: &World, store: &Store) -> Result<()> {
    match command {
        VmCommand::Create(args) => {
            let dialog = CreateVm::new(store, None);
            match fill::fill(world, store, dialog, &args.fields).await? {
                Some(proposal) => change::run(world, store, proposal, &args.change).await,
                None => Ok(()),
            }
        }
    }
}
