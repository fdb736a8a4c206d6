//! Presets in dialogs: the values of the last time, saved ones, saving and comparing.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::{
    Frame,
    layout::{Constraint, Rect},
    text::Line,
};

use super::{Ask, Dialog, Msg};
use crate::{
    preset::{self, Preset},
    shell::{
        effect::{Effect, Level},
        picker::{Pick, Picker},
        view::{Command, Cx, Hosted, Scene, View},
        world::World,
    },
    store::Store,
    ui::{Input, InputEvent, Role, WizardEvent, text},
};

/// The presets of a wizard, and what is wrong with files that can't be read.
pub type Listed = Result<(Vec<Preset>, Vec<String>), String>;

fn list(world: &World, wizard: &str) -> Listed {
    let Some(presets) = world.presets() else { return Ok((vec![], vec![])) };
    let (mut good, mut bad) = (vec![], vec![]);
    for (_, preset) in presets.list()? {
        match preset {
            Ok(preset) if preset.wizard == wizard => good.push(preset),
            Ok(_) => {}
            Err(why) => bad.push(why),
        }
    }
    Ok((good, bad))
}

/// Runs something that waits for files.
async fn in_background<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(run).await.unwrap_or_else(|_| Err("the work broke down".into()))
}

impl<A: Ask> Dialog<A> {
    /// Small dialogs have no use for presets.
    pub(super) fn has_presets(&self) -> bool {
        A::PRESETS || !self.wizard.is_single()
    }

    /// Asks for the saved ones.
    pub(super) fn presets(&mut self, cx: &mut Cx<'_, Msg<A::Msg>>) {
        cx.job(|world| {
            Box::pin(async move { Msg::<A::Msg>::Presets(in_background(move || list(&world, A::NAME)).await) })
        });
    }

    /// What was filled in, as a preset keeps it.
    fn kept(&self) -> Vec<(String, String)> {
        Preset::new("", A::NAME, self.wizard.changed().into_pairs()).values
    }

    /// The menu of what there is.
    pub(super) fn preset_menu(&mut self, listed: Listed, cx: &mut Cx<'_, Msg<A::Msg>>) {
        let (presets, bad) = match listed {
            Ok(found) => found,
            Err(why) => return cx.toast(Level::Error, format!("Presets: {why}")),
        };
        let values = self.kept();
        let mut picks = vec![];
        if let Some(last) = cx.store().remembered.get(A::NAME).cloned() {
            let load = cx.reply_effect(Msg::Fill(Ok(last)));
            picks.push(Pick::new("Load the values of the last one", move || load));
        }
        for preset in &presets {
            let load = cx.reply_effect(Msg::Fill(Ok(preset.values.clone())));
            let pick = Pick::new(format!("Load {}", preset.name), move || load);
            picks.push(pick.detail(format!("{} values", preset.values.len())));
        }
        let count = format!("{} values", values.len());
        picks.push(
            Pick::new("Save these values as a preset", {
                let values = values.clone();
                move || Hosted::open(Save::new(A::NAME, values))
            })
            .detail(count),
        );
        for Preset { name, values: saved, .. } in presets {
            let (title, values) = (format!("{name} | these values"), values.clone());
            let compare = move || Hosted::open(Picker::search(title, differences(&saved, &values)));
            picks.push(Pick::new(format!("Compare with {name}"), compare));
        }
        picks.extend(bad.into_iter().map(|why| {
            let mut pick = Pick::closing(why);
            pick.disabled = Some("mend or remove this file".into());
            pick
        }));
        cx.open(Picker::search(format!("Presets: {}", A::NAME), picks));
    }

    /// Fills fields in, each as if it were typed; what only one guest can have stays as it is.
    pub(super) fn fill(&mut self, values: &[(String, String)], cx: &mut Cx<'_, Msg<A::Msg>>) {
        let values: Vec<_> = values.iter().filter(|(key, _)| !preset::is_own(key)).collect();
        let mut unknown: Vec<&str> = vec![];
        for (key, value) in &values {
            if self.wizard.values().get(key) == value {
                continue;
            }
            if self.wizard.fill(key, value) {
                self.handle(WizardEvent::FieldChanged(key.clone()), cx);
            } else {
                unknown.push(key);
            }
        }
        // What has followed other fields meanwhile is put back.
        for (key, value) in &values {
            self.wizard.fill(key, value);
        }
        self.wizard.share();
        if !unknown.is_empty() {
            let words = format!("Unknown here, so left out: {}", unknown.join(", "));
            self.wizard.set_trouble(Some(words));
        }
    }
}

/// Lines for people: `cores: 2 | 4`.
fn differences(left: &[(String, String)], right: &[(String, String)]) -> Vec<Pick> {
    let found = preset::diff(left, right);
    if found.is_empty() {
        return vec![Pick::closing("Nothing differs.")];
    }
    let shown = |value: Option<String>| value.unwrap_or_else(|| "-".into());
    found.into_iter().map(|d| Pick::closing(format!("{}: {} | {}", d.key, shown(d.left), shown(d.right)))).collect()
}

/// Asks for the name of a preset and saves it. One that is there is never replaced without a word.
pub struct Save {
    wizard: &'static str,
    values: Vec<(String, String)>,
    input: Input,
    trouble: Option<String>,
    /// There is one of this name: the user may say that it is to be replaced.
    exists: Option<String>,
}

/// What it hears back: the name, and whether it was saved.
pub struct Saved(String, Result<bool, String>);

impl Save {
    fn new(wizard: &'static str, values: Vec<(String, String)>) -> Self {
        Self { wizard, values, input: Input::new(""), trouble: None, exists: None }
    }

    fn typed(&self) -> String {
        self.input.text().trim().to_owned()
    }

    fn save(&mut self, replace: bool, cx: &mut Cx<'_, Saved>) {
        let name = self.typed();
        if !preset::is_name(&name) {
            self.trouble = Some(format!("A name has {}.", preset::NAMES));
            return;
        }
        let preset = Preset::new(&name, self.wizard, self.values.clone());
        cx.job(move |world| {
            Box::pin(async move {
                let presets = world.presets().cloned();
                let saved = in_background(move || match presets {
                    Some(presets) => presets.save(&preset, replace),
                    None => Err("there is no place for presets".into()),
                });
                Saved(name, saved.await)
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
    const NAME: &'static str = "Save a preset";
    const DIALOG: bool = true;
    const COMMANDS: &'static [Command<Self>] = &[Command {
        id: "preset.replace",
        keys: "ctrl-o",
        title: "Replace the preset",
        footer: true,
        ready: |v, _| v.exists.is_some(),
        run: Self::replace,
    }];

    fn update(&mut self, Saved(name, result): Saved, cx: &mut Cx<'_, Saved>) {
        match result {
            Ok(true) => {
                let text = format!("Preset {name} saved; `proxmux preset export {name}` takes it along");
                cx.toast(Level::Ok, text);
                cx.close();
            }
            Ok(false) => {
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
        area.centered(Constraint::Length(64.min(area.width)), Constraint::Length(7.min(area.height)))
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let block = look.block(format!("Save a preset: {}", self.wizard), true);
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let line = |y: u16| Rect { y: inner.y + y, height: 1, ..inner };
        frame.render_widget(Line::styled("Name:", look.style(Role::Muted)), line(0));
        self.input.draw(frame, Rect { x: inner.x + 6, width: inner.width.saturating_sub(6), ..line(0) }, look, true);
        let count = self.values.len();
        let hint = format!("Enter: save {count} values, without ID, name, addresses and secrets   Esc: back");
        let role = if self.trouble.is_some() { Role::Warning } else { Role::Key };
        let words = self.trouble.clone().unwrap_or(hint);
        let wrapped = text::wrap(&text::clean(&words), usize::from(inner.width).max(10));
        for (y, words) in (2..inner.height).zip(wrapped) {
            frame.render_widget(Line::styled(words, look.style(role)), line(y));
        }
    }
}

/// Remembers what was sent for the next time.
pub(super) fn remember<A: Ask>(dialog: &Dialog<A>, cx: &mut Cx<'_, Msg<A::Msg>>) {
    if dialog.has_presets() {
        let values = dialog.wizard.values().into_pairs();
        cx.emit(Effect::Remember { session: cx.session(), what: A::NAME, values });
    }
}
