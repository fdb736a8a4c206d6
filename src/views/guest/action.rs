//! What can be done with guests: one table for keys, menus, bulk work and dialogs.

use super::{
    power::Shutdown,
    remove::{self, Remove},
};
use crate::{
    api::{
        Request,
        cluster::{Guest, GuestStatus},
        guest as api,
        ids::{GuestKind, GuestRef, Upid, VmId},
        vm,
    },
    shell::{Command, Cx, Degree, Effect, Hosted, Level, Pick, Picker, Proposal, Ready, View, Write},
    store::Store,
};

/// One thing that can be done with a guest.
pub struct Action {
    /// Command id.
    pub id: &'static str,
    /// Default keys.
    pub keys: &'static str,
    /// The letter in the action menu.
    pub letter: char,
    /// What it is called.
    pub title: &'static str,
    /// Whether the footer has it.
    pub footer: bool,
    /// How hard it is to confirm for one guest.
    pub degree: Hardness,
    /// Why it can't be done with a guest, if it can't.
    pub refuse: fn(&Guest) -> Option<&'static str>,
    /// The call.
    pub request: fn(&GuestRef, &Store) -> Request<Upid>,
    /// What will happen that one should know.
    pub note: fn(&Guest, &Store) -> Option<String>,
    /// The dialog that asks for more than yes or no.
    pub ask: Option<fn(&[&Guest]) -> Effect>,
}

/// How hard an action is to confirm.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Hardness {
    /// Nothing is lost.
    Harmless,
    /// Something running may lose its work.
    Careful,
    /// Data is gone for ever: the id must be typed.
    Typed,
}

fn running(g: &Guest) -> bool {
    matches!(g.status, GuestStatus::Running | GuestStatus::Paused)
}

fn only_running(g: &Guest) -> Option<&'static str> {
    (!running(g)).then_some("it is not running")
}

fn only_stopped(g: &Guest) -> Option<&'static str> {
    match g {
        _ if g.template => Some("it is a template"),
        _ if running(g) => Some("it is already running"),
        _ if g.status == GuestStatus::Unknown => Some("its node can't be reached"),
        _ => None,
    }
}

fn only_running_vm(g: &Guest) -> Option<&'static str> {
    if g.kind == GuestKind::Vm { only_running(g) } else { Some("only VMs can do that") }
}

fn no_note(_: &Guest, _: &Store) -> Option<String> {
    None
}

fn ha_note(g: &Guest, _: &Store) -> Option<String> {
    g.hastate
        .as_ref()
        .map(|s| format!("Managed by HA (state {s}): the cluster is asked to do it, and does it in a moment."))
}

/// Whether a shutdown of a guest is under way, which a stop has to end first.
fn shuts_down(vmid: VmId, store: &Store) -> bool {
    let is = |upid: &Upid| matches!(upid.kind(), "qmshutdown" | "vzshutdown");
    let own = store.followed.iter().any(|f| f.guest == Some(vmid) && is(&f.upid));
    own || store.tasks.iter().any(|t| t.status.is_running() && is(&t.upid) && t.upid.id() == vmid.to_string())
}

fn stop_note(g: &Guest, store: &Store) -> Option<String> {
    let first = if shuts_down(g.vmid, store) { "The shutdown that is under way is ended first. " } else { "" };
    Some(format!("{first}Unsaved data in the guest is lost, as if the power failed."))
}

/// For guests of several clusters, of which only this is said; the dialog for those of one knows more.
fn destroy_note(g: &Guest, _: &Store) -> Option<String> {
    let what = format!("{} {} ({})", g.kind.label(), g.vmid, g.name);
    Some(format!(
        "All disks of {what} are deleted; it is removed from backup jobs, replication, HA and permissions. Its backups stay."
    ))
}

/// How many seconds a guest has for a clean shutdown.
const SHUTDOWN: u32 = 180;

/// All actions, in the order of the menu.
pub const ACTIONS: [Action; 10] = [
    Action {
        id: "guest.start",
        keys: "s",
        letter: 's',
        title: "Start",
        footer: true,
        degree: Hardness::Harmless,
        refuse: only_stopped,
        request: |g, _| api::start(g),
        note: ha_note,
        ask: None,
    },
    Action {
        id: "guest.shutdown",
        keys: "S",
        letter: 'd',
        title: "Shutdown",
        footer: true,
        degree: Hardness::Careful,
        refuse: only_running,
        request: |g, _| api::shutdown(g, Some(SHUTDOWN), false),
        note: ha_note,
        ask: None,
    },
    Action {
        id: "guest.shutdown-within",
        keys: "",
        letter: 'f',
        title: "Shutdown within, then stop",
        footer: false,
        degree: Hardness::Careful,
        refuse: only_running,
        request: |g, _| api::shutdown(g, Some(SHUTDOWN), true),
        note: ha_note,
        ask: Some(|guests| Hosted::open(Shutdown::open(guests))),
    },
    Action {
        id: "guest.reboot",
        keys: "",
        letter: 'r',
        title: "Reboot",
        footer: false,
        degree: Hardness::Careful,
        refuse: only_running,
        request: |g, _| api::reboot(g, None),
        note: no_note,
        ask: None,
    },
    Action {
        id: "guest.stop",
        keys: "",
        letter: 'x',
        title: "Stop (pull the plug)",
        footer: false,
        degree: Hardness::Careful,
        refuse: only_running,
        request: |g, s| api::stop(g, shuts_down(g.vmid, s)),
        note: stop_note,
        ask: None,
    },
    Action {
        id: "guest.reset",
        keys: "",
        letter: 'R',
        title: "Reset",
        footer: false,
        degree: Hardness::Careful,
        refuse: only_running_vm,
        request: |g, _| vm::reset(g),
        note: |_, _| Some("Unsaved data in the guest is lost, as with a reset button.".into()),
        ask: None,
    },
    Action {
        id: "guest.pause",
        keys: "",
        letter: 'p',
        title: "Pause",
        footer: false,
        degree: Hardness::Careful,
        refuse: only_running_vm,
        request: |g, _| vm::pause(g),
        note: no_note,
        ask: None,
    },
    Action {
        id: "guest.resume",
        keys: "",
        letter: 'u',
        title: "Resume",
        footer: false,
        degree: Hardness::Harmless,
        refuse: only_running_vm,
        request: |g, _| api::resume(g),
        note: no_note,
        ask: None,
    },
    Action {
        id: "guest.hibernate",
        keys: "",
        letter: 'h',
        title: "Hibernate (RAM to disk)",
        footer: false,
        degree: Hardness::Careful,
        refuse: only_running_vm,
        request: |g, _| vm::hibernate(g, None),
        note: no_note,
        ask: None,
    },
    Action {
        id: "guest.destroy",
        keys: "delete",
        letter: 'D',
        title: "Destroy",
        footer: false,
        degree: Hardness::Typed,
        refuse: remove::refuse,
        request: |g, _| api::destroy(g, true, false),
        note: destroy_note,
        ask: Some(|guests| Hosted::open(Remove::open(guests))),
    },
];

/// A view that knows which guests are meant.
pub trait Targets: View {
    /// The marked guests, or the selected one.
    fn targets<'s>(&self, store: &'s Store) -> Vec<&'s Guest>;
    /// Why there is none.
    const NONE: &'static str = "no guest is selected";
    /// Which of the view's other commands its menu has, too.
    const MORE: &'static [&'static str] = &[];
    /// The user must first see what is selected now.
    fn unsure(&mut self) -> Option<&'static str> {
        None
    }
}

/// The command for one action, for any view with guests.
pub const fn command<V: Targets, const N: usize>() -> Command<V> {
    Command {
        id: ACTIONS[N].id,
        keys: ACTIONS[N].keys,
        title: ACTIONS[N].title,
        footer: ACTIONS[N].footer,
        ready: ready::<V, N>,
        run: run::<V, N>,
    }
}

fn ready<V: Targets, const N: usize>(view: &V, store: &Store) -> Ready {
    possible(&ACTIONS[N], view.targets(store), V::NONE)
}

/// An action can be done with one of these guests at least.
///
/// # Errors
/// Why it can't be done with the last of them, or that there is none.
pub fn possible<'g>(action: &Action, guests: impl IntoIterator<Item = &'g Guest>, none: &'static str) -> Ready {
    let mut why = none;
    for guest in guests {
        match (action.refuse)(guest) {
            None => return Ok(()),
            Some(reason) => why = reason,
        }
    }
    Err(why.into())
}

/// Why something can't be done with a guest: its state, or a missing privilege.
pub fn refusal(action: &Action, guest: &Guest, store: &Store) -> Option<String> {
    let state = (action.refuse)(guest).map(str::to_owned);
    state.or_else(|| Some(format!("you lack {}", store.lacks(&(action.request)(&guest.reference(), store).wire)?)))
}

fn run<V: Targets, const N: usize>(view: &mut V, cx: &mut Cx<'_, V::Msg>) {
    if let Some(why) = view.unsure() {
        cx.toast(Level::Warning, why);
        return;
    }
    let guests = view.targets(cx.store());
    let able = guests.iter().any(|g| refusal(&ACTIONS[N], g, cx.store()).is_none());
    if let (Some(ask), true) = (ACTIONS[N].ask, able) {
        if !cx.refuses_changes() {
            cx.emit(ask(&guests));
        }
        return;
    }
    match propose(&ACTIONS[N], &guests, cx.store()) {
        Some(proposal) => cx.propose(proposal),
        None => {
            let why = guests.iter().find_map(|g| refusal(&ACTIONS[N], g, cx.store()));
            cx.toast(Level::Warning, format!("{}: {}", ACTIONS[N].title, why.unwrap_or_default()));
        }
    }
}

/// The proposal to do something with guests; those with which it can't be done are left out and named.
pub fn propose(action: &Action, guests: &[&Guest], store: &Store) -> Option<Proposal> {
    let why_not = |g: &Guest| refusal(action, g, store);
    let (able, unable): (Vec<&Guest>, Vec<&Guest>) = guests.iter().partition(|g| why_not(g).is_none());
    let (first, rest) = able.split_first()?;
    let verb = action.title.split(" (").next().unwrap_or(action.title);
    let label = |g: &Guest| format!("{verb} {} {} ({})", g.kind.label(), g.vmid, g.name);
    let title = if rest.is_empty() { label(first) } else { format!("{verb} {} guests", able.len()) };
    let writes =
        able.iter().map(|g| Write::new(label(g), (action.request)(&g.reference(), store)).on_guest(g.vmid)).collect();
    let degree = match action.degree {
        Hardness::Typed if rest.is_empty() => Degree::Typed(first.vmid.to_string()),
        Hardness::Typed => Degree::Typed(format!("{} guests", able.len())),
        Hardness::Careful => Degree::Careful,
        Hardness::Harmless => Degree::Harmless,
    };
    let mut proposal = Proposal::new(format!("{title}?"), writes).degree(degree);
    proposal.notes.extend(grouped(&able, action.note, store));
    let locked = able.iter().filter_map(|g| Some((g, g.lock.as_ref()?)));
    proposal.notes.extend(locked.map(|(g, lock)| format!("{} is locked ({lock}): the server may refuse.", g.vmid)));
    let left_out =
        unable.iter().map(|g| format!("Left out: {} {}: {}", g.vmid, g.name, why_not(g).unwrap_or_default()));
    proposal.notes.extend(left_out);
    Some(proposal)
}

/// What is to be known of each guest; guests of which the same is to be known stand together.
fn grouped(guests: &[&Guest], note: fn(&Guest, &Store) -> Option<String>, store: &Store) -> Vec<String> {
    let mut groups: Vec<(String, Vec<&Guest>)> = vec![];
    for g in guests {
        let Some(text) = note(g, store) else { continue };
        match groups.iter_mut().find(|(known, _)| *known == text) {
            Some((_, those)) => those.push(g),
            None => groups.push((text, vec![g])),
        }
    }
    let told = groups.into_iter().map(|(text, those)| {
        // What concerns all needs no names, and a text that names its guest has them already.
        let named = those.iter().all(|g| text.contains(&g.vmid.to_string()));
        if those.len() == guests.len() || named {
            return text;
        }
        let names: Vec<String> = those.iter().map(|g| format!("{} {}", g.vmid, g.name)).collect();
        format!("{}: {text}", names.join(", "))
    });
    told.collect()
}

/// The action menu of a view.
pub fn menu<V: Targets>(view: &V, cx: &mut Cx<'_, V::Msg>) {
    let guests = view.targets(cx.store());
    let title = match guests.as_slice() {
        [] => return,
        [one] => format!("{} {} {}", one.kind.label(), one.vmid, one.name),
        many => format!("{} guests", many.len()),
    };
    let layer = cx.id;
    let picks = ACTIONS.iter().map(|action| {
        let effect = move || Effect::Run { layer: Some(layer), command: action.id.into() };
        let mut pick = Pick::new(action.title, effect).detail(cx.scene.keys.label(action.id));
        pick.letter = Some(action.letter);
        let reasons: Vec<_> = guests.iter().map(|g| refusal(action, g, cx.store())).collect();
        if reasons.iter().all(Option::is_some) {
            pick.disabled = reasons.into_iter().next().flatten();
        }
        pick
    });
    let mut picks: Vec<Pick> = picks.collect();
    // The same letters as outside of the menu, as far as they are free in it.
    for mut pick in Picker::commands(view, V::MORE, cx) {
        pick.letter = pick.letter.filter(|letter| picks.iter().all(|other| other.letter != Some(*letter)));
        picks.push(pick);
    }
    cx.open(Picker::menu(title, picks));
}
