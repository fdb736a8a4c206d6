//! The features: one noun, one file. A view reads the store, asks the API, and proposes changes; nothing else.

pub mod api;
pub mod ct;
pub mod dashboard;
pub mod device;
pub mod guest;
pub mod login;
pub mod snapshot;
pub mod task;
pub mod vm;

use crate::{
    api::{ApiError, ids::Upid},
    shell::{CommandInfo, Dialog, Effect, Hosted, Layer, LayerId, Pick, View},
    store::Store,
};

/// A tab: its key, its name, and which root view serves it.
pub struct Tab {
    /// The digit that chooses it.
    pub key: char,
    /// Its name.
    pub title: &'static str,
    /// The root view, counted from 0.
    pub root: usize,
}

/// The tabs. The digits are those of the finished console, so they never move.
pub const TABS: &[Tab] = &[
    Tab { key: '1', title: "Dashboard", root: 0 },
    Tab { key: '2', title: "VMs", root: 1 },
    Tab { key: '3', title: "LXC", root: 1 },
    Tab { key: '9', title: "Tasks", root: 2 },
];

/// How many root views there are.
pub const ROOTS: usize = 3;

/// Makes a root view. VMs and containers share one, so that the filter stays when switching between them.
pub fn root(root: usize, id: LayerId) -> Box<dyn Layer> {
    match root {
        0 => Hosted::boxed(id, dashboard::Dashboard::default()),
        1 => Hosted::boxed(id, guest::Guests::default()),
        _ => Hosted::boxed(id, task::Tasks::default()),
    }
}

/// Opens the log of a task.
pub fn open_task(upid: Upid) -> Effect {
    Hosted::open(task::log::TaskLog::new(upid))
}

/// Opens the API browser.
pub fn open_api() -> Effect {
    Hosted::open(api::Browser::default())
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
        table::<snapshot::Snapshots>(),
        table::<snapshot::settings::Settings>(),
        table::<task::Tasks>(),
        table::<task::log::TaskLog>(),
        table::<Dialog<vm::create::CreateVm>>(),
        table::<Dialog<ct::create::CreateCt>>(),
        table::<api::Browser>(),
        table::<api::MethodView>(),
        table::<api::AnswerView>(),
        table::<login::Login>(),
        table::<crate::shell::confirm::Confirm>(),
        table::<crate::shell::picker::Picker>(),
    ]
}
