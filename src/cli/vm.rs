//! `proxmux vm`: virtual machines without the screen.

use anyhow::Result;
use clap::Subcommand;

use super::{
    destroy::{self, Destroy},
    guest::{self, Create},
    set::{self, Set},
};
use crate::{api::ids::GuestKind, shell::World, store::Store, views::vm::create::CreateVm};

/// What can be done with VMs.
#[derive(Subcommand, Debug)]
pub enum VmCommand {
    /// Create a VM, by the fields and checks of the console's wizard
    #[command(after_help = "\
Examples:
  proxmux vm create name=web-01 disk0.size=8 cd.image=local:iso/debian-13.iso start=1
  proxmux --dry-run vm create name=web-01    show the call, send nothing
  proxmux vm create --preset web name=web-02 with the values of a preset
  proxmux vm create --like 104 name=web-02   with the settings of VM 104
  proxmux vm create --fields-help            all fields, with what can be chosen")]
    Create(Create),
    /// Change settings of a VM, or list them
    #[command(after_help = "\
Examples:
  proxmux vm set 104                              list the settings with what waits
  proxmux vm set 104 cores=4 memory=8192          change two
  proxmux vm set 104 scsi0.cache=writeback tags=  change a part of one, remove another
  proxmux vm set 104 --revert memory              drop what waits for the next start
  proxmux --dry-run vm set 104 onboot=1           show the call, send nothing")]
    Set(Set),
    /// Remove VMs with all their disks
    #[command(after_help = "\
Examples:
  proxmux vm destroy 104                            asks for the number before anything is lost
  proxmux vm destroy 104,105 purge=0 --yes          stay named in jobs
  proxmux vm destroy 104 destroy-unreferenced-disks=1
  proxmux --dry-run vm destroy 104                  show the call, send nothing")]
    Destroy(Destroy),
}

/// Runs the command.
///
/// # Errors
/// When a field is wrong, or the cluster refuses.
pub async fn run(command: VmCommand, world: &World, store: &Store) -> Result<()> {
    match command {
        VmCommand::Create(args) => guest::create(GuestKind::Vm, args, world, store, CreateVm::new).await,
        VmCommand::Destroy(args) => destroy::run(GuestKind::Vm, args, world, store).await,
        VmCommand::Set(args) => set::run(GuestKind::Vm, args, world, store).await,
    }
}
