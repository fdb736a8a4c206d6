//! The widget kit: pure state and drawing. It knows nothing of Proxmox, does no input or output and has no clock;
//! time comes in as an argument (unix seconds for what people read, milliseconds for what moves).
//!
//! All draw functions take a [`Look`] (styles by role, glyphs); views ask for roles, never for colours.

pub mod chart;
pub mod chip;
pub mod filter;
pub mod form;
pub mod glyph;
pub mod input;
pub mod keymap;
pub mod markdown;
pub mod pane;
pub mod progress;
pub mod scroll;
pub mod svg;
pub mod table;
pub mod text;
pub mod theme;
pub mod tree;
pub mod viewer;
pub mod wizard;

pub use chart::{Gauge, Graph};
pub use chip::{Chip, Chips};
pub use filter::Filter;
pub use form::{Choice, Choices, Form, FormEvent, Outline, Values, When};
pub use glyph::{GlyphSet, Glyphs};
pub use input::{Input, InputEvent};
pub use keymap::{Key, Keymap};
pub use pane::Pane;
pub use progress::Progress;
pub use scroll::Scroll;
pub(crate) use table::draw_scrollbar;
pub use table::{Align, Cell, Column, Ctx, Table, TableEvent, Width};
pub use theme::{Depth, Look, Role, Theme};
pub use tree::Tree;
pub use viewer::Viewer;
pub use wizard::{Wizard, WizardEvent};

/// A point in time for things that move (double clicks, spinners, rates): milliseconds since any fixed start.
pub type Millis = u64;
