//! What can be done right now, as lists: help and palette; and the question before leaving.

use super::{App, frame};
use crate::{
    shell::{CommandInfo, Effect, Hosted, LayerId, Pick, Picker},
    views,
};

/// A command of the app itself, valid in every view.
pub struct Global {
    /// Its name in the configuration.
    pub id: &'static str,
    /// Default keys.
    pub keys: &'static str,
    /// What it does.
    pub title: &'static str,
    /// Whether the footer has it.
    pub footer: bool,
}

const fn global(id: &'static str, keys: &'static str, title: &'static str, footer: bool) -> Global {
    Global { id, keys, title, footer }
}

/// The app's own commands.
pub const GLOBALS: &[Global] = &[
    global("app.help", "? f1", "Help", true),
    global("app.palette", ": ctrl-p", "Commands and guests", true),
    global("app.back", "esc", "Back", false),
    global("app.sessions", "ctrl-t", "Clusters: switch or open", false),
    global("app.fleet", "ctrl-g", "Guests of all open clusters", false),
    global("app.user", "f4", "You: password and login", false),
    global("app.password", "", "Change your password", false),
    global("app.api", "A", "API browser", false),
    global("app.requests", "@", "Requests of this session", false),
    global("app.refresh", "r ctrl-r", "Refresh now", false),
    global("app.tasklog", "L", "Log of the last task", false),
    global("app.messages", "!", "Messages so far", false),
    global("app.mouse", "M", "Mouse on or off", false),
    global("app.redraw", "ctrl-l", "Draw the screen anew", false),
    global("app.suspend", "ctrl-z", "Suspend to the shell", false),
    global("app.quit", "q", "Quit", true),
    global("app.leave", "ctrl-c", "Leave the console", false),
];

/// The commands of the tour, valid while there is one.
pub const TOUR: &[Global] = &[
    global("tutorial.skip", "f8", "Tour: skip this step", false),
    global("tutorial.leave", "f9", "Tour: end it", false),
];

impl App {
    /// The view that quitting leaves, while there is one behind it.
    pub(super) fn way_back(&self) -> Option<LayerId> {
        let stack = &self.roots[self.current].stack;
        stack.last().filter(|layer| stack.len() > 1 && !layer.is_dialog()).map(|layer| layer.id())
    }

    /// All commands that mean something right now: those of the view in front, then the app's own.
    pub(super) fn commands(&self) -> Vec<(Option<LayerId>, CommandInfo)> {
        let top = self.roots[self.current].stack.last();
        let own = top.map(|l| (l.id(), l.commands(self.store())));
        let own = own.into_iter().flat_map(|(id, list)| list.into_iter().map(move |c| (Some(id), c)));
        let tour = TOUR.iter().filter(|_| self.is_on_tour());
        let globals = GLOBALS.iter().chain(tour).map(|g| {
            let title = if g.id == "app.quit" && self.way_back().is_some() { "Back" } else { g.title };
            let info = CommandInfo { id: g.id, keys: g.keys, title, footer: g.footer, ready: Ok(()) };
            (None, info)
        });
        own.chain(globals).collect()
    }

    fn command_picks(&self, only_ready: bool) -> Vec<Pick> {
        let commands = self.commands().into_iter().filter(|(_, c)| c.ready.is_ok() || !only_ready);
        commands
            .map(|(layer, c)| {
                let keys = self.shared.keys.keys(c.id).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
                let mut pick = Pick::new(c.title, move || Effect::Run { layer, command: c.id.into() }).detail(keys);
                pick.disabled = c.ready.err().map(Into::into);
                pick
            })
            .collect()
    }

    pub(super) fn help(&self) -> Effect {
        let name = self.roots[self.current].stack.last().map_or("", |l| l.name());
        let mut picks = self.command_picks(false);
        picks.extend(frame::MOVES.iter().map(|(keys, what)| Pick::closing(*what).detail(*keys)));
        Hosted::open(Picker::search(format!("Keys: {name}"), picks))
    }

    pub(super) fn palette(&self) -> Effect {
        let mut picks = self.command_picks(true);
        picks.extend(views::TABS.iter().map(|tab| {
            let key = tab.key;
            Pick::new(format!("View: {}", tab.title), move || Effect::Run {
                layer: None,
                command: format!("tab.{key}"),
            })
            .detail(key.to_string())
        }));
        picks.extend(self.session_picks());
        picks.extend(views::jumps(self.store()));
        Hosted::open(Picker::search("Commands and guests", picks))
    }

    /// What concerns the user and his login.
    pub(super) fn user_menu(&self) -> Effect {
        let store = self.store();
        let global = |id: &'static str, letter: char, title: &str| {
            let pick = Pick::new(title, move || Effect::Run { layer: None, command: id.into() }).letter(letter);
            pick.detail(self.shared.keys.label(id))
        };
        let mut picks = vec![
            global("app.password", 'p', "Change your password"),
            global("app.sessions", 't', "Clusters: switch, open or close"),
            global("app.requests", 'r', "Requests of this session, and their script"),
            global("app.messages", 'm', "Messages so far"),
            global("app.api", 'a', "API browser"),
            global("app.help", 'h', "Help"),
            global("app.leave", 'q', "Leave the console"),
        ];
        if store.user.contains('!') {
            picks[0].disabled = Some("an API token has no password".into());
        }
        let who = if store.user.is_empty() { "nobody is logged in" } else { &store.user };
        Hosted::open(Picker::menu(format!("{who} at {}", store.address), picks))
    }

    /// Quits, but not in the middle of an upload without a question.
    pub(super) fn ask_to_leave(&self, todo: &mut Vec<Effect>) {
        let all = self.shared.sessions.iter().flat_map(|s| &s.store.transfers);
        let sending = all.filter(|t| t.is_running()).count();
        if sending == 0 {
            return todo.push(Effect::Quit);
        }
        let stay = Pick::closing("No, go on").letter('n');
        let leave = Pick::new("Yes, stop and quit", || Effect::Quit).letter('y');
        let files = if sending == 1 { "1 file is".into() } else { format!("{sending} files are") };
        let title = format!("{files} on the way. Quit, and stop that?");
        todo.push(Hosted::open(Picker::menu(title, vec![stay, leave])));
    }
}
