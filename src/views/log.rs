//! What can be done with every log and long text, whatever it is of.

use crate::{
    shell::{Command, Effect, View, needs},
    ui::Viewer,
    views::task::save::to_file,
};

/// A view of a log.
pub trait Log: View {
    /// Its text.
    fn viewer(&self) -> &Viewer;
    /// Its text, to move in.
    fn viewer_mut(&mut self) -> &mut Viewer;
    /// The name that is proposed for a file with it.
    fn file(&self) -> String;
}

/// Goes to the next line that reports an error.
pub const fn error<V: Log>() -> Command<V> {
    Command {
        id: "log.error",
        keys: "e",
        title: "Next error",
        footer: true,
        ready: |v, _| needs(!v.viewer().is_empty(), "there is no text"),
        run: |v, _| {
            v.viewer_mut().next_error();
        },
    }
}

/// Saves it to a file.
pub const fn save<V: Log>() -> Command<V> {
    Command {
        id: "log.save",
        keys: "W",
        title: "Save to a file",
        footer: true,
        ready: |v, _| needs(!v.viewer().is_empty(), "there is no text"),
        run: |v, cx| cx.open(to_file(&v.file(), v.viewer().text())),
    }
}

/// Copies it.
pub const fn copy<V: Log>() -> Command<V> {
    Command {
        id: "log.copy",
        keys: "y",
        title: "Copy",
        footer: true,
        ready: |v, _| needs(!v.viewer().is_empty(), "there is no text"),
        run: |v, cx| cx.emit(Effect::Copy(v.viewer().text())),
    }
}

/// A part of a file's name: what file systems don't like becomes a dash.
pub fn file_part(text: &str) -> String {
    text.replace(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'), "-")
}
