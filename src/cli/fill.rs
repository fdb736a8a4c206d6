//! Dialogs without a screen: the same fields, choices and checks, filled in with `KEY=VALUE` from the command line.

use std::{collections::VecDeque, io::Read};

use anyhow::{Context, Result, bail};
use clap::Args;

use super::{
    change::{self, ChangeArgs},
    say,
};
use crate::{
    app::{Msg, runner},
    shell::{Ask, Dialog, Effect, Level, Now, Proposal, Scene, World},
    store::Store,
    ui::{Depth, GlyphSet, Keymap, Look, Outline},
};

/// Fields of a dialog on the command line.
#[derive(Args, Clone, Debug, Default)]
pub struct FieldArgs {
    /// Fields as KEY=VALUE; KEY=@FILE reads the value from a file, KEY=@- from standard input (passwords only that way)
    #[arg(value_name = "KEY=VALUE")]
    pub fields: Vec<String>,
    /// Begin with the values of a preset; fields that are given go before it
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// List the fields with what can be chosen, and exit
    #[arg(long)]
    pub fields_help: bool,
    /// The command has options of its own in place of these arguments, so nobody is sent to `--fields-help`.
    #[arg(skip)]
    pub hidden: bool,
}

/// The fields ask for what is so already.
#[derive(Debug, thiserror::Error)]
#[error("nothing would change")]
pub struct NothingToDo;

/// Fills a dialog in, and makes the change that comes of it.
///
/// # Errors
/// When a field is wrong, the user says no, or the cluster refuses.
pub async fn run<A: Ask>(
    world: &World,
    store: &Store,
    dialog: Dialog<A>,
    fields: &FieldArgs,
    how: &ChangeArgs,
) -> Result<()> {
    match fill(world, store, dialog, fields).await? {
        Some(proposal) => change::run(world, store, proposal, how).await,
        None => Ok(()),
    }
}

/// Fills a dialog in and returns the change that comes of it; `None` when only the fields were listed.
///
/// # Errors
/// When a field is unknown or wrong: all of them are named.
pub async fn fill<A: Ask>(
    world: &World,
    store: &Store,
    mut dialog: Dialog<A>,
    args: &FieldArgs,
) -> Result<Option<Proposal>> {
    let mut unseen = Unseen { world, store, look: Look::new(Depth::Mono, GlyphSet::Ascii), keys: Keymap::new() };
    let effects = dialog.open_unseen(unseen.scene());
    unseen.settle(&mut dialog, effects).await?;
    if let Some(name) = &args.preset {
        let values = super::preset::values_for(name, A::NAME)?;
        let effects = dialog.load_unseen(&values, unseen.scene());
        unseen.settle(&mut dialog, effects).await?;
    }
    if args.fields_help {
        for field in dialog.parts().1.outline() {
            say(describe(&field));
        }
        return Ok(None);
    }
    for pair in &args.fields {
        let (key, value) = pair.split_once('=').with_context(|| format!("\"{pair}\": write it as KEY=VALUE"))?;
        let outline = dialog.parts().1.outline();
        let field = outline.iter().find(|f| f.key == key);
        let value = read(key, value, field.is_some_and(|f| f.secret))?;
        match dialog.fill_unseen(key, &value, unseen.scene()) {
            Some(effects) => unseen.settle(&mut dialog, effects).await?,
            None => bail!("there is no field \"{key}\"{}", nearest(key, &outline)),
        }
    }
    let (_, wizard) = dialog.parts();
    let given = |f: &Outline| f.there && args.fields.iter().any(|pair| pair.split('=').next() == Some(&f.key));
    if let Some(field) = wizard.outline().iter().find(|f| given(f) && f.stranger().is_some()) {
        let value = field.stranger().unwrap_or_default();
        bail!("not sent, because of\n  {}: \"{value}\" is none of {}", field.key, field.choices.join(", "));
    }
    if wizard.finish() != crate::ui::WizardEvent::Finish {
        // Every step marks its own mistakes.
        for step in 0..wizard.len() {
            wizard.form_mut(step).map(crate::ui::Form::validate);
        }
        let errors: Vec<String> = wizard.errors().iter().map(|(key, why)| format!("{key}: {why}")).collect();
        let hint = if args.hidden { "" } else { "\n(--fields-help lists all fields)" };
        bail!("not sent, because of\n  {}{hint}", errors.join("\n  "));
    }
    let trouble = wizard.trouble().map(str::to_owned);
    match dialog.proposal(store).filter(|p| !p.writes.is_empty()) {
        Some(proposal) => Ok(Some(proposal)),
        None => match trouble {
            Some(trouble) => bail!(trouble),
            None => Err(NothingToDo.into()),
        },
    }
}

/// A value as given, or from a file. Command lines can be read by everybody on the machine, so secrets are not taken.
fn read(key: &str, value: &str, secret: bool) -> Result<String> {
    let Some(file) = value.strip_prefix('@') else {
        if secret {
            bail!("{key} is a secret, which others could read on the command line: use {key}=@FILE or {key}=@-");
        }
        return Ok(value.to_owned());
    };
    let mut text = String::new();
    if file == "-" {
        std::io::stdin().read_to_string(&mut text).with_context(|| format!("{key}: can't read standard input"))?;
    } else {
        text = std::fs::read_to_string(file).map_err(|e| super::unreadable(format!("{key}: {file}"), &e))?;
    }
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

/// `name  Name, required: help`.
fn describe(field: &Outline) -> String {
    let mut text = format!("{:24} {}", field.key, field.label);
    for (holds, words) in [(field.required, ", required"), (field.secret, ", secret"), (!field.there, ", not used now")]
    {
        if holds {
            text.push_str(words);
        }
    }
    if !field.value.is_empty() {
        text.push_str(&format!(" [{}]", field.value));
    }
    if !field.choices.is_empty() {
        text.push_str(&format!("\n{:24}   one of {}", "", field.choices.join(", ")));
    }
    if !field.help.is_empty() {
        text.push_str(&format!("\n{:24}   {}", "", field.help));
    }
    text
}

/// `: did you mean "cores"?`, when something is near.
fn nearest(key: &str, fields: &[Outline]) -> String {
    let near = fields.iter().map(|f| (strsim::damerau_levenshtein(key, &f.key), &f.key)).min();
    match near {
        Some((distance, name)) if distance <= 3 => format!(": did you mean \"{name}\"? --fields-help lists all"),
        _ => ": --fields-help lists all".into(),
    }
}

/// What a dialog needs around it.
struct Unseen<'a> {
    world: &'a World,
    store: &'a Store,
    look: Look,
    keys: Keymap,
}

impl Unseen<'_> {
    fn scene(&self) -> Scene<'_> {
        let now = Now { unix: super::now(), ..Now::default() };
        Scene { store: self.store, look: &self.look, keys: &self.keys, now, neighbours: &() }
    }

    /// Carries out what the dialog wants until nothing is left: reads only.
    async fn settle<A: Ask>(&mut self, dialog: &mut Dialog<A>, effects: Vec<Effect>) -> Result<()> {
        let mut todo = VecDeque::from(effects);
        while let Some(effect) = todo.pop_front() {
            match effect {
                Effect::Toast(toast) if toast.level == Level::Error => bail!(toast.text),
                effect @ (Effect::Send { .. } | Effect::Job { .. }) => {
                    if let Some(Msg::Reply { reply, .. }) = runner::perform(self.world.clone(), effect).await {
                        todo.extend(dialog.reply_unseen(reply, self.scene()));
                    }
                }
                Effect::Reply { reply, .. } => todo.extend(dialog.reply_unseen(reply, self.scene())),
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn secrets_come_from_files() {
        assert_eq!(read("name", "web", false).unwrap(), "web");
        let error = read("password", "hunter2", true).unwrap_err().to_string();
        assert!(error.contains("password=@FILE") && !error.contains("hunter2"), "{error}");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hunter2\n").unwrap();
        assert_eq!(read("password", &format!("@{}", file.path().display()), true).unwrap(), "hunter2");
    }
}
