//! The features: one noun, one file. A view reads the store, asks the API, and proposes changes; nothing else.

pub mod api;
pub mod backup;
pub mod ct;
pub mod dashboard;
pub mod device;
pub mod fact;
pub mod firewall;
pub mod fleet;
pub mod guest;
pub mod image;
pub mod job;
pub mod log;
pub mod login;
pub mod message;
pub mod password;
pub mod permission;
pub mod replication;
pub mod requests;
pub mod snapshot;
pub mod storage;
pub mod task;
pub mod template;
pub mod vm;
pub mod volume;

use crate::{
    api::{
        ApiError,
        ids::{ContentKind, GuestKind, Upid},
    },
    shell::{CommandInfo, Dialog, Effect, Hosted, Layer, LayerId, Pick, View},
    store::Store,
};

/// A tab: a root view of its own, with all that is opened from there.
pub struct Tab {
    /// The digit that chooses it.
    pub key: char,
    /// Its name.
    pub title: &'static str,
    /// Makes its root view.
    pub root: fn(LayerId) -> Box<dyn Layer>,
}

/// The tabs. The digits are those of the finished console, so they never move.
pub const TABS: &[Tab] = &[
    Tab { key: '1', title: "Dashboard", root: |id| Hosted::boxed(id, dashboard::Dashboard::default()) },
    Tab { key: '2', title: "VMs", root: |id| Hosted::boxed(id, guest::Guests::of(GuestKind::Vm)) },
    Tab { key: '3', title: "LXC", root: |id| Hosted::boxed(id, guest::Guests::of(GuestKind::Ct)) },
    Tab { key: '4', title: "ISO", root: |id| Hosted::boxed(id, volume::Volumes::of_kind(ContentKind::Iso)) },
    Tab { key: '5', title: "Templates", root: |id| Hosted::boxed(id, template::Templates::default()) },
    Tab { key: '6', title: "Backups", root: |id| Hosted::boxed(id, backup::Backups::default()) },
    Tab { key: '7', title: "Jobs", root: |id| Hosted::boxed(id, job::Jobs::default()) },
    Tab { key: '8', title: "Storage", root: |id| Hosted::boxed(id, storage::Storages::default()) },
    Tab { key: '9', title: "Tasks", root: |id| Hosted::boxed(id, task::Tasks::default()) },
];

/// Opens the log of a task; a backup run's with its guests one by one.
pub fn open_task(upid: Upid) -> Effect {
    if upid.kind() == "vzdump" {
        return Hosted::open(backup::run::Run::new(upid));
    }
    Hosted::open(task::log::TaskLog::new(upid))
}

/// Opens the list of what the console has said.
pub fn messages(lines: Vec<String>) -> Effect {
    Hosted::open(message::Messages::new(lines))
}

/// Opens the list of the guests of all open clusters.
pub fn open_fleet() -> Effect {
    Hosted::open(fleet::Fleet::default())
}

/// Opens the API browser.
pub fn open_api() -> Effect {
    Hosted::open(api::Browser::default())
}

/// Opens the list of the last calls.
pub fn open_requests() -> Effect {
    Hosted::open(requests::Requests::default())
}

/// Opens the dialog for another password, or says why there is none.
///
/// # Errors
/// A text for the user.
pub fn open_password(store: &Store) -> Result<Effect, String> {
    password::ChangePassword::open(store).map(Hosted::open)
}

/// Opens the login after the session has ended by itself.
pub fn login_again(error: ApiError) -> Effect {
    Hosted::open(login::Login::again(error))
}

/// What the palette can jump to: every guest.
pub fn jumps(store: &Store) -> Vec<Pick> {
    let guests = store.resources.guests.iter().map(|g| {
        let reference = g.reference();
        let title = format!("{} {} {}", g.kind.label(), g.vmid, g.name);
        Pick::new(title, move || Hosted::open(guest::detail::Detail::new(reference))).detail(g.node.to_string())
    });
    guests.collect()
}

/// Every view's name and commands, for key maps and documentation.
pub fn command_tables() -> Vec<(&'static str, Vec<CommandInfo>)> {
    fn table<V: View>() -> (&'static str, Vec<CommandInfo>) {
        (V::NAME, Hosted::<V>::command_table().collect())
    }
    vec![
        table::<dashboard::Dashboard>(),
        table::<guest::Guests>(),
        table::<guest::detail::Detail>(),
        table::<Dialog<guest::power::Shutdown>>(),
        table::<Dialog<guest::remove::Remove>>(),
        table::<Dialog<guest::tag::Tags>>(),
        table::<guest::edit::Editor>(),
        table::<Dialog<guest::edit::ask::EditSetting>>(),
        table::<Dialog<guest::edit::volume::Resize>>(),
        table::<Dialog<guest::edit::volume::Move>>(),
        table::<Dialog<guest::edit::volume::Give>>(),
        table::<guest::edit::dump::Dump>(),
        table::<guest::edit::conflict::Conflict>(),
        table::<volume::Volumes>(),
        table::<storage::Storages>(),
        table::<template::Templates>(),
        table::<Dialog<template::clone::CloneGuest>>(),
        table::<Dialog<template::convert::Convert>>(),
        table::<Dialog<template::describe::Describe>>(),
        table::<image::catalogue::Catalogue>(),
        table::<Dialog<image::catalogue::Fetch>>(),
        table::<Dialog<image::oci::OciPull>>(),
        table::<Dialog<image::download::Download>>(),
        table::<Dialog<image::upload::Upload>>(),
        table::<Dialog<image::offer::LetFetch>>(),
        table::<fact::Facts>(),
        table::<fleet::Fleet>(),
        table::<backup::Backups>(),
        table::<backup::shown::Shown>(),
        table::<backup::files::Files>(),
        table::<backup::run::Run>(),
        table::<firewall::Firewall>(),
        table::<firewall::entry::Entries>(),
        table::<firewall::log::Log>(),
        table::<Dialog<firewall::rule::EditRule>>(),
        table::<Dialog<firewall::option::EditOptions>>(),
        table::<Dialog<firewall::address::EditAddress>>(),
        table::<Dialog<firewall::place::Place>>(),
        table::<replication::Replication>(),
        table::<replication::log::Log>(),
        table::<Dialog<replication::edit::EditJob>>(),
        table::<Dialog<replication::edit::RemoveJob>>(),
        table::<job::Jobs>(),
        table::<job::detail::Detail>(),
        table::<snapshot::Snapshots>(),
        table::<snapshot::settings::Settings>(),
        table::<Dialog<snapshot::take::Take>>(),
        table::<Dialog<snapshot::take::Describe>>(),
        table::<Dialog<snapshot::rollback::Rollback>>(),
        table::<Dialog<snapshot::prune::Prune>>(),
        table::<permission::Permissions>(),
        table::<Dialog<permission::grant::Grant>>(),
        table::<task::Tasks>(),
        table::<message::Messages>(),
        table::<task::log::TaskLog>(),
        table::<task::history::History>(),
        table::<crate::shell::save::Save>(),
        table::<task::transfer::Transfers>(),
        table::<Dialog<vm::create::CreateVm>>(),
        table::<Dialog<ct::create::CreateCt>>(),
        table::<api::Browser>(),
        table::<api::MethodView>(),
        table::<api::AnswerView>(),
        table::<requests::Requests>(),
        table::<Dialog<password::ChangePassword>>(),
        table::<login::Login>(),
        table::<crate::shell::confirm::Confirm>(),
        table::<crate::shell::picker::Picker>(),
    ]
}
