use super::*;
use crate::{
    shell::Now,
    ui::{Depth, Form, GlyphSet, Keymap},
};

/// Can't send anything, and says why as soon as something is typed.
struct Never(&'static str);

impl Ask for Never {
    type Msg = ();
    const NAME: &'static str = "Never";

    fn title(&self) -> String {
        Self::NAME.into()
    }

    fn update(&mut self, (): (), wizard: &mut Wizard, _: &mut Cx<'_, Msg<()>>) {
        wizard.set_trouble(Some(self.0.into()));
    }

    fn changed(&mut self, _: &str, wizard: &mut Wizard, cx: &mut Cx<'_, Msg<()>>) {
        if !wizard.values().get("name").is_empty() {
            self.update((), wizard, cx);
        }
    }

    fn proposal(&self, _: &Wizard, _: &Store) -> Option<Proposal> {
        None
    }

    fn refused(&mut self, error: &ApiError, _: &Wizard, _: &mut Cx<'_, Msg<()>>) -> bool {
        matches!(error, ApiError::Unsure(_))
    }
}

type Step = fn(&mut Dialog<Never>, &mut Cx<'_, Msg<()>>);

/// What stands in the dialog after all that.
fn said(steps: &[Step]) -> String {
    let mut dialog = Dialog::new(Never("not on Sundays"), Wizard::single(Form::new().text("name", "Name")));
    let (store, keys) = (Store::default(), Keymap::new());
    let look = Look::new(Depth::Mono, GlyphSet::Ascii);
    let scene = Scene { store: &store, look: &look, keys: &keys, now: Now::default(), neighbours: &() };
    for step in steps {
        dialog.unseen(scene, step);
    }
    dialog.wizard.trouble().unwrap_or_default().to_owned()
}

fn refuse(dialog: &mut Dialog<Never>, cx: &mut Cx<'_, Msg<()>>) {
    dialog.answered(crate::api::version::get().wire, Err(ApiError::NotSent("no way".into())), cx);
}

fn finish(dialog: &mut Dialog<Never>, cx: &mut Cx<'_, Msg<()>>) {
    dialog.finish(cx);
}

fn type_name(dialog: &mut Dialog<Never>, cx: &mut Cx<'_, Msg<()>>) {
    dialog.wizard.set("name", "web");
    dialog.handle(WizardEvent::FieldChanged("name".into()), cx);
}

#[test]
fn the_reason_why_nothing_is_sent_is_the_present_one() {
    assert_eq!(said(&[finish]), "Nothing would change.");
    // Why nothing can be sent stays.
    assert_eq!(said(&[type_name, finish]), "not on Sundays");
    // What the server has said to an earlier change is no such reason.
    assert!(said(&[refuse]).contains("no way"));
    assert_eq!(said(&[refuse, finish]), "Nothing would change.");
    assert_eq!(said(&[refuse, type_name, finish]), "not on Sundays");
    // Nor is what the dialog itself makes of a refusal.
    let dealt: Step = |dialog, cx| {
        dialog.answered(crate::api::version::get().wire, Err(ApiError::Unsure("lost".into())), cx);
        View::update(dialog, Msg::Own(()), cx);
    };
    assert_eq!(said(&[dealt]), "not on Sundays");
    assert_eq!(said(&[dealt, finish]), "Nothing would change.");
}
