//! Keys: no two commands that are valid at the same time share one, and none is a key that terminals keep for themselves.

use std::collections::BTreeMap;

use proxmux::{
    app::{GLOBALS, Global, TOUR, frame::MOVES},
    ui::Key,
    views,
};

/// A view's own command on a key of the app's, on purpose: view, key, command.
const SHADOWS: &[(&str, &str, &str)] = &[];

/// Keys of a view's raw input that a command of it shares on purpose: none may be hidden by movement.
const MOVEMENT: &str = "j k g G up down home end pgup pgdn / space v * o";

/// The app's own commands, those of the tour included.
fn globals() -> impl Iterator<Item = &'static Global> {
    GLOBALS.iter().chain(TOUR)
}

fn keys(text: &str) -> Vec<Key> {
    text.split(' ').filter(|k| !k.is_empty()).map(|k| k.parse().unwrap_or_else(|e| panic!("{e}"))).collect()
}

#[test]
fn every_default_key_parses_and_ids_are_unique_per_view() {
    for (view, commands) in views::command_tables() {
        let mut ids = BTreeMap::new();
        for command in &commands {
            keys(command.keys);
            assert!(ids.insert(command.id, ()).is_none(), "{view}: {} twice", command.id);
            assert!(!command.title.is_empty() && command.id.contains('.'), "{view}: {}", command.id);
        }
    }
    globals().for_each(|g| drop(keys(g.keys)));
    proxmux::cli::console::keymap().unwrap();
}

#[test]
fn no_two_commands_that_are_valid_at_the_same_time_share_a_key() {
    let mut wrong = vec![];
    let tabs: Vec<(Key, String)> = views::TABS.iter().map(|t| (Key::char(t.key), format!("tab {}", t.title))).collect();
    for (view, commands) in views::command_tables() {
        let mut taken: BTreeMap<String, String> = BTreeMap::new();
        let own = commands.iter().flat_map(|c| keys(c.keys).into_iter().map(|k| (k, c.id.to_owned())));
        let globals = globals().flat_map(|g| keys(g.keys).into_iter().map(|k| (k, g.id.to_owned())));
        for (key, id) in own.chain(globals).chain(tabs.clone()) {
            if let Some(other) = taken.insert(key.to_string(), id.clone())
                && !SHADOWS.contains(&(view, key.to_string().as_str(), other.as_str()))
            {
                wrong.push(format!("{view}: {key} is {other} and {id}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn movement_hides_no_command() {
    let moves = keys(MOVEMENT);
    let mut wrong = vec![];
    for (view, commands) in views::command_tables() {
        for command in commands {
            let hidden = keys(command.keys).into_iter().filter(|k| moves.contains(k));
            wrong.extend(hidden.map(|k| format!("{view}: {} never hears {k}", command.id)));
        }
    }
    for global in globals() {
        let hidden = keys(global.keys).into_iter().filter(|k| moves.contains(k));
        wrong.extend(hidden.map(|k| format!("{} never hears {k}", global.id)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(MOVES.iter().all(|(keys, what)| !keys.is_empty() && !what.is_empty()));
}

/// Ctrl-S and Ctrl-Q stop and start terminals, Ctrl-A and Ctrl-B are the prefixes of screen and tmux: a command needs
/// another key besides.
#[test]
fn no_command_is_only_on_a_key_that_terminals_keep() {
    let kept = keys("ctrl-s ctrl-q ctrl-a ctrl-b");
    let all =
        views::command_tables().into_iter().flat_map(|(_, commands)| commands.into_iter().map(|c| (c.id, c.keys)));
    for (id, text) in all.chain(globals().map(|g| (g.id, g.keys))) {
        let keys = keys(text);
        assert!(keys.is_empty() || keys.iter().any(|k| !kept.contains(k)), "{id} is only on {text}");
    }
}
