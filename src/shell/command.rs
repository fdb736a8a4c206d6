//! Commands: what the user can do in a view, declared once for keys, footer, help, menus and documentation.

use std::borrow::Cow;

use super::{context::Cx, view::View};
use crate::store::Store;

/// Whether something can be done now; if not, what is in its way, as the end of a sentence: "no task is selected".
pub type Ready = Result<(), Cow<'static, str>>;

/// For what can be done at any time.
///
/// # Errors
/// None.
pub fn always<V>(_: &V, _: &Store) -> Ready {
    Ok(())
}

/// For what can be done while something holds.
///
/// # Errors
/// `otherwise`, when it does not.
pub fn needs(holds: bool, otherwise: &'static str) -> Ready {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

/// A key, a title and a method: feeds dispatch, footer, help, menus, palette and the documentation.
pub struct Command<V: View> {
    /// Its name in the configuration: `guest.start`.
    pub id: &'static str,
    /// Default keys, separated by blanks; empty for commands that are only in menus.
    pub keys: &'static str,
    /// What it does, in a word or three.
    pub title: &'static str,
    /// Whether the footer has it.
    pub footer: bool,
    /// Whether it can be done now.
    pub ready: fn(&V, &Store) -> Ready,
    /// Does it.
    pub run: fn(&mut V, &mut Cx<'_, V::Msg>),
}

/// What many views can do has the same key and the same title in all of them.
impl<V: View> Command<V> {
    const fn verb(
        id: &'static str,
        (keys, title): (&'static str, &'static str),
        ready: fn(&V, &Store) -> Ready,
        run: fn(&mut V, &mut Cx<'_, V::Msg>),
    ) -> Self {
        Self { id, keys, title, footer: true, ready, run }
    }

    /// Opens the menu of all that can be done.
    pub const fn menu(id: &'static str, ready: fn(&V, &Store) -> Ready, run: fn(&mut V, &mut Cx<'_, V::Msg>)) -> Self {
        Self::verb(id, ("m x", "Actions"), ready, run)
    }

    /// Adds something to the list.
    pub const fn add(id: &'static str, ready: fn(&V, &Store) -> Ready, run: fn(&mut V, &mut Cx<'_, V::Msg>)) -> Self {
        Self::verb(id, ("a", "Add"), ready, run)
    }

    /// Edits what is selected.
    pub const fn edit(id: &'static str, ready: fn(&V, &Store) -> Ready, run: fn(&mut V, &mut Cx<'_, V::Msg>)) -> Self {
        Self::verb(id, ("e", "Edit"), ready, run)
    }

    /// Switches what is selected on or off.
    pub const fn switch(
        id: &'static str,
        ready: fn(&V, &Store) -> Ready,
        run: fn(&mut V, &mut Cx<'_, V::Msg>),
    ) -> Self {
        Self::verb(id, ("p", "On or off"), ready, run)
    }

    /// Runs what is selected, whatever its schedule says.
    pub const fn run_now(
        id: &'static str,
        ready: fn(&V, &Store) -> Ready,
        run: fn(&mut V, &mut Cx<'_, V::Msg>),
    ) -> Self {
        Self::verb(id, ("R", "Run now"), ready, run)
    }

    /// Removes what is selected.
    pub const fn remove(
        id: &'static str,
        ready: fn(&V, &Store) -> Ready,
        run: fn(&mut V, &mut Cx<'_, V::Msg>),
    ) -> Self {
        Self::verb(id, ("delete", "Remove"), ready, run)
    }

    /// The footer has other things to tell.
    pub const fn unlisted(self) -> Self {
        Self { footer: false, ..self }
    }
}

/// A command as menus, help and documentation see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandInfo {
    /// Its name in the configuration.
    pub id: &'static str,
    /// Default keys.
    pub keys: &'static str,
    /// What it does.
    pub title: &'static str,
    /// Whether the footer has it.
    pub footer: bool,
    /// Whether it can be done now.
    pub ready: Ready,
}
