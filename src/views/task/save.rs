//! Saving a text to a file on this machine. A file that is there is never overwritten without a word.

use std::{io, path::PathBuf};

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::{
    Frame,
    layout::{Constraint, Rect},
    text::Line,
};

use crate::{
    shell::{Command, Cx, Level, Scene, View},
    store::Store,
    ui::{Input, InputEvent, Role, text},
};

/// What the dialog hears back.
pub enum Msg {
    /// The file was written, or why not.
    Written(PathBuf, io::Result<()>),
}

/// Asks for a file name and writes.
pub struct Save {
    input: Input,
    content: String,
    trouble: Option<String>,
    /// This file exists: the user may say that it is to be replaced.
    exists: Option<PathBuf>,
    writing: bool,
}

/// `~/x` is in the home directory.
fn path(typed: &str) -> PathBuf {
    let home = typed.strip_prefix("~/").and_then(|rest| Some(PathBuf::from(std::env::var_os("HOME")?).join(rest)));
    home.unwrap_or_else(|| PathBuf::from(typed))
}

async fn write(path: PathBuf, content: String, replace: bool) -> io::Result<()> {
    use tokio::io::AsyncWriteExt;
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true);
    // Without leave to replace, a file that appears meanwhile stays, too.
    let options = if replace { options.create(true).truncate(true) } else { options.create_new(true) };
    let mut file = options.open(path).await?;
    file.write_all(content.as_bytes()).await?;
    file.flush().await
}

impl Save {
    /// Asks where to write a text; `name` is a proposal.
    pub fn new(name: &str, content: String) -> Self {
        Self { input: Input::new(name), content, trouble: None, exists: None, writing: false }
    }

    fn save(&mut self, replace: bool, cx: &mut Cx<'_, Msg>) {
        let typed = self.input.text().trim().to_owned();
        if typed.is_empty() || self.writing {
            return;
        }
        self.writing = true;
        let (file, content) = (path(&typed), self.content.clone());
        cx.job(move |_| {
            Box::pin(async move {
                let outcome = write(file.clone(), content, replace).await;
                Msg::Written(file, outcome)
            })
        });
    }

    fn replace(&mut self, cx: &mut Cx<'_, Msg>) {
        if self.exists.as_ref().is_some_and(|file| *file == path(self.input.text().trim())) {
            self.save(true, cx);
        }
    }
}

impl View for Save {
    type Msg = Msg;
    const NAME: &'static str = "Save to a file";
    const DIALOG: bool = true;
    const COMMANDS: &'static [Command<Self>] = &[Command {
        id: "save.replace",
        keys: "ctrl-o",
        title: "Replace the file",
        footer: true,
        ready: |v, _| v.exists.is_some(),
        run: Self::replace,
    }];

    fn update(&mut self, Msg::Written(file, outcome): Msg, cx: &mut Cx<'_, Msg>) {
        self.writing = false;
        match outcome {
            Ok(()) => {
                let lines = self.content.lines().count();
                cx.toast(Level::Ok, format!("Saved {lines} lines to {}", file.display()));
                cx.close();
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.trouble =
                    Some(format!("{} is there already. Ctrl-o replaces it, or choose another name.", file.display()));
                self.exists = Some(file);
            }
            Err(error) => {
                self.trouble = Some(format!("{} can't be written: {error}. Choose another place.", file.display()))
            }
        }
    }

    fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, Msg>) -> bool {
        match key.code {
            KeyCode::Esc => cx.close(),
            KeyCode::Enter => self.save(false, cx),
            _ => match self.input.key(key) {
                InputEvent::Ignored => return false,
                InputEvent::Changed => (self.trouble, self.exists) = (None, None),
                InputEvent::Used => {}
            },
        }
        true
    }

    fn paste(&mut self, text: &str, _: &mut Cx<'_, Msg>) {
        self.input.paste(text);
    }

    fn crumb(&self, _: &Store) -> String {
        "Save".into()
    }

    fn place(&self, area: Rect) -> Rect {
        area.centered(Constraint::Length(76.min(area.width)), Constraint::Length(7.min(area.height)))
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let block = look.block("Save to a file on this machine", true);
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let line = |y: u16| Rect { y: inner.y + y, height: 1, ..inner };
        frame.render_widget(Line::styled("File:", look.style(Role::Muted)), line(0));
        self.input.draw(frame, Rect { x: inner.x + 6, width: inner.width.saturating_sub(6), ..line(0) }, look, true);
        let words = self.trouble.clone().unwrap_or_else(|| "Enter: save   Esc: back".into());
        let role = if self.trouble.is_some() { Role::Warning } else { Role::Key };
        let wrapped = text::wrap(&text::clean(&words), usize::from(inner.width).max(10));
        for (y, words) in (2..inner.height).zip(wrapped) {
            frame.render_widget(Line::styled(words, look.style(role)), line(y));
        }
    }
}
