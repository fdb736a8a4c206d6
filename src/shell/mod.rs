//! The framework between widgets and features: views, layers, commands, effects, and the dialogs that every view needs.
//!
//! A [`View`] is a small program of its own: own state, own messages, own table of [`Command`]s. It never
//! does I/O; it emits [`Effect`]s through its [`Cx`]. [`Hosted`] forgets a view's type so that the app can stack them as
//! [`Layer`]s.

pub mod confirm;
pub mod copy;
pub mod dialog;
mod download;
pub mod effect;
mod leftover;
pub mod manual;
pub mod picker;
pub mod save;
pub mod view;
pub mod world;

pub use crate::store::SessionId;
pub use confirm::{Degree, Proposal};
pub use dialog::{Ask, Dialog};
pub use effect::{Effect, LayerId, Level, Open, Reply, TextEdit, Toast, Write};
pub use picker::{Pick, Picker};
pub use view::{Command, CommandInfo, Cx, Hosted, Layer, Neighbour, Neighbours, Now, Scene, View};
pub use world::{Connector, Entrance, Place, Policy, World};
