//! What can be done right now, as lists: help and palette.

use super::{App, GLOBALS, frame};
use crate::{
    shell::{CommandInfo, Effect, Hosted, LayerId, Pick, Picker},
    views,
};

impl App {
    /// All commands that mean something right now: those of the view in front, then the app's own.
    pub(super) fn commands(&self) -> Vec<(Option<LayerId>, CommandInfo)> {
        let top = self.roots[self.current].stack.last();
        let own = top.map(|l| (l.id(), l.commands(self.store())));
        let own = own.into_iter().flat_map(|(id, list)| list.into_iter().map(move |c| (Some(id), c)));
        let globals = GLOBALS.iter().map(|g| {
            let info = CommandInfo { id: g.id, keys: g.keys, title: g.title, footer: g.footer, ready: true };
            (None, info)
        });
        own.chain(globals).collect()
    }

    fn command_picks(&self, only_ready: bool) -> Vec<Pick> {
        let commands = self.commands().into_iter().filter(|(_, c)| c.ready || !only_ready);
        commands
            .map(|(layer, c)| {
                let keys = self.shared.keys.keys(c.id).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
                let mut pick = Pick::new(c.title, move || Effect::Run { layer, command: c.id.into() }).detail(keys);
                pick.disabled = (!c.ready).then(|| "not possible here".into());
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
}
