//! `proxmux ct`: containers without the screen.

use anyhow::Result;
use clap::Subcommand;

use super::{
    destroy::{self, Destroy},
    guest::{self, Create},
    set::{self, Set},
};
use crate::{api::ids::GuestKind, shell::World, store::Store, views::ct::create::CreateCt};

/// What can be done with containers.
#[derive(Subcommand, Debug)]
pub enum CtCommand {
    /// Create a container, by the fields and checks of the console's wizard
    #[command(after_help = "\
Examples:
  proxmux ct create hostname=web-01 ostemplate=local:vztmpl/debian-13.tar.zst ssh.keys=id_ed25519.pub start=1
  proxmux ct create hostname=dns ostemplate=local:vztmpl/alpine.tar.xz password=@pw password2=@pw \\
      net0.ip=10.0.0.5/24 net0.gw=10.0.0.1
  proxmux --dry-run ct create hostname=web-01 ostemplate=local:vztmpl/debian-13.tar.zst
  proxmux ct create --like 201 hostname=dns-2 ostemplate=local:vztmpl/alpine.tar.xz
  proxmux ct create --preset dns hostname=dns-2
  proxmux ct create --fields-help            all fields, with what can be chosen")]
    Create(Create),
    /// Change settings of a container, or list them
    #[command(after_help = "\
Examples:
  proxmux ct set 201                              list the settings with what waits
  proxmux ct set 201 cores=2 memory=1024          change two
  proxmux ct set 201 net0.tag=20 nameserver=      change a part of one, remove another
  proxmux --dry-run ct set 201 onboot=1           show the call, send nothing")]
    Set(Set),
    /// Remove containers with all their disks
    #[command(after_help = "\
Examples:
  proxmux ct destroy 204                            asks for the number before anything is lost
  proxmux ct destroy 204,205 purge=0 --yes          stay named in jobs
  proxmux ct destroy 204 destroy-unreferenced-disks=1
  proxmux --dry-run ct destroy 204                  show the call, send nothing")]
    Destroy(Destroy),
}

/// Runs the command.
///
/// # Errors
/// When a field is wrong, or the cluster refuses.
pub async fn run(command: CtCommand, world: &World, store: &Store) -> Result<()> {
    match command {
        CtCommand::Create(args) => guest::create(GuestKind::Ct, args, world, store, CreateCt::new).await,
        CtCommand::Destroy(args) => destroy::run(GuestKind::Ct, args, world, store).await,
        CtCommand::Set(args) => set::run(GuestKind::Ct, args, world, store).await,
    }
}
