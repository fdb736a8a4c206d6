//! Saving something under a name. What is there under that name is never replaced without a word.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::{
    Frame,
    layout::{Constraint, Rect},
    text::Line,
};

use super::{
    command::{Command, needs},
    context::{Cx, Scene},
    effect::Level,
    view::View,
    world::World,
};
use crate::{
    api::BoxFuture,
    store::Store,
    ui::{Input, InputEvent, Role, text},
};

/// How it went, when nothing stood in the way.
pub enum Outcome {
    /// It is saved: what to tell.
    Kept(String),
    /// Something of this name is there, and was not to be replaced.
    Exists,
}

/// Saves under a name; `true`: replaces what is there. The error says what is wrong, and what to do.
type Keep = Arc<dyn Fn(World, String, bool) -> BoxFuture<Result<Outcome, String>> + Send + Sync>;

/// What the dialog hears back: the name, and how it went.
pub struct Saved(String, Result<Outcome, String>);

/// Asks for a name and saves.
pub struct Save {
    title: String,
    hint: String,
    input: Input,
    keep: Keep,
    trouble: Option<String>,
    /// There is one of this name: the user may say that it is to be replaced.
    exists: Option<String>,
    saving: bool,
}

impl Save {
    /// A dialog with a title, a proposal for the name, and what saves under it.
    pub fn new(
        title: impl Into<String>,
        name: &str,
        keep: impl Fn(World, String, bool) -> BoxFuture<Result<Outcome, String>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            title: title.into(),
            hint: "save".into(),
            input: Input::new(name),
            keep: Arc::new(keep),
            trouble: None,
            exists: None,
            saving: false,
        }
    }

    /// What Enter does, in a few words.
    pub fn hint(self, words: impl Into<String>) -> Self {
        Self { hint: words.into(), ..self }
    }

    fn typed(&self) -> String {
        self.input.text().trim().to_owned()
    }

    fn save(&mut self, replace: bool, cx: &mut Cx<'_, Saved>) {
        let name = self.typed();
        if name.is_empty() || self.saving {
            return;
        }
        self.saving = true;
        let keep = self.keep.clone();
        cx.job(move |world| {
            Box::pin(async move {
                let outcome = keep(world, name.clone(), replace).await;
                Saved(name, outcome)
            })
        });
    }

    fn replace(&mut self, cx: &mut Cx<'_, Saved>) {
        if self.exists.as_ref().is_some_and(|name| *name == self.typed()) {
            self.save(true, cx);
        }
    }
}

impl View for Save {
    type Msg = Saved;
    const NAME: &'static str = "Save";
    const DIALOG: bool = true;
    const COMMANDS: &'static [Command<Self>] = &[Command {
        id: "save.replace",
        keys: "ctrl-o",
        title: "Replace what is there",
        footer: true,
        ready: |v, _| needs(v.exists.is_some(), "nothing is in the way"),
        run: Self::replace,
    }];

    fn update(&mut self, Saved(name, outcome): Saved, cx: &mut Cx<'_, Saved>) {
        self.saving = false;
        match outcome {
            Ok(Outcome::Kept(words)) => {
                cx.toast(Level::Ok, words);
                cx.close();
            }
            Ok(Outcome::Exists) => {
                self.trouble = Some(format!("{name} is there already. Ctrl-o replaces it, or choose another name."));
                self.exists = Some(name);
            }
            Err(why) => self.trouble = Some(why),
        }
    }

    fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, Saved>) -> bool {
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

    fn paste(&mut self, text: &str, _: &mut Cx<'_, Saved>) {
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
        let block = look.block(self.title.as_str(), true);
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let line = |y: u16| Rect { y: inner.y + y, height: 1, ..inner };
        frame.render_widget(Line::styled("Name:", look.style(Role::Muted)), line(0));
        self.input.draw(frame, Rect { x: inner.x + 6, width: inner.width.saturating_sub(6), ..line(0) }, look, true);
        let words = self.trouble.clone().unwrap_or_else(|| format!("Enter: {}   Esc: back", self.hint));
        let role = if self.trouble.is_some() { Role::Warning } else { Role::Key };
        let wrapped = text::wrap(&text::clean(&words), usize::from(inner.width).max(10));
        for (y, words) in (2..inner.height).zip(wrapped) {
            frame.render_widget(Line::styled(words, look.style(role)), line(y));
        }
    }
}
