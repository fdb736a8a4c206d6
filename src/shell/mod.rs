//! The framework between widgets and features: views, layers, commands, effects, and the dialogs that every view needs.
//!
//! A [`View`] is a small program of its own: own state, own messages, own table of [`Command`]s. It never
//! does I/O; it emits [`Effect`]s through its [`Cx`]. [`Hosted`] forgets a view's type so that the app can stack them as
//! [`Layer`]s.

pub mod command;
pub mod confirm;
pub mod context;
pub mod copy;
pub mod dialog;
mod download;
pub mod effect;
pub mod layer;
mod leftover;
pub mod manual;
pub mod picker;
pub mod save;
pub mod view;
pub mod world;

pub use crate::store::SessionId;
pub use command::{Command, CommandInfo, Ready, always, needs};
pub use confirm::{Degree, Proposal};
pub use context::{Cx, Neighbour, Neighbours, Now, Scene};
pub use dialog::{Ask, Dialog};
pub use effect::{Effect, LayerId, Level, Open, Reply, TextEdit, Toast, Write};
pub use layer::{Hosted, Layer};
pub use picker::{Pick, Picker};
pub use view::View;
pub use world::{Connector, Entrance, Place, Policy, World};
