//! Presets in dialogs: the values of the last time, saved ones, saving and comparing.

use super::{Ask, Dialog, Msg};
use crate::{
    preset::{self, Preset},
    shell::{
        context::Cx,
        effect::{Effect, Level},
        layer::Hosted,
        picker::{Pick, Picker},
        save::{Outcome, Save},
        world::World,
    },
    ui::WizardEvent,
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
                move || Hosted::open(save(A::NAME, values))
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

/// Asks for the name of a preset and saves it.
fn save(wizard: &'static str, values: Vec<(String, String)>) -> Save {
    let count = values.len();
    let dialog = Save::new(format!("Save a preset: {wizard}"), "", move |world, name, replace| {
        let preset = Preset::new(&name, wizard, values.clone());
        Box::pin(async move {
            if !preset::is_name(&name) {
                return Err(format!("A name has {}.", preset::NAMES));
            }
            let presets = world.presets().cloned().ok_or("there is no place for presets")?;
            let kept = in_background(move || presets.save(&preset, replace)).await?;
            let words = format!("Preset {name} saved; `proxmux preset export {name}` takes it along");
            Ok(if kept { Outcome::Kept(words) } else { Outcome::Exists })
        })
    });
    dialog.hint(format!("save {count} values, without ID, name, addresses and secrets"))
}

/// Remembers what was sent for the next time.
pub(super) fn remember<A: Ask>(dialog: &Dialog<A>, cx: &mut Cx<'_, Msg<A::Msg>>) {
    if dialog.has_presets() {
        let values = dialog.wizard.values().into_pairs();
        cx.emit(Effect::Remember { session: cx.session(), what: A::NAME, values });
    }
}
