//! The dialog for one row: its form, with the choices that it needs, and the change that comes of it.

use std::sync::Arc;

use super::{
    Editing,
    change::{self, Mine, Subject},
    setting::{NEW, Setting},
    sheet::{self, Sheet},
    supply::{self, Heard, Question, Supply},
};
use crate::{
    api::{ApiError, guest::param},
    shell::{
        Cx, Effect, LayerId, Proposal,
        dialog::{Ask, Dialog, Msg},
    },
    store::Store,
    ui::{Values, Wizard},
    views::device::{self, used::Addresses},
};

/// Edits a row, or makes a new device.
pub struct EditSetting {
    editor: LayerId,
    subject: Subject,
    /// As it was loaded.
    before: Arc<Sheet>,
    /// With the volume to be attached under [`NEW`], if there is one.
    sheet: Arc<Sheet>,
    setting: &'static Setting,
    key: String,
    volume: Option<String>,
    around: Values,
    supply: Supply,
    addresses: Addresses,
}

impl EditSetting {
    /// The dialog for a setting; [`NEW`] makes a new device, of an unused volume if one is given. `fields` were changed
    /// before, when somebody else's change came between.
    pub fn dialog(editing: &Editing, store: &Store, mine: Mine) -> Option<Dialog<Self>> {
        let Mine::Form { key, setting, volume, fields } = mine else { return None };
        let sheet = match &volume {
            Some(volume) => Arc::new(editing.sheet.with(NEW, volume)),
            None => editing.sheet.clone(),
        };
        let mut around = supply::around(&sheet, &key, &editing.subject, store);
        if matches!(key.as_str(), "efidisk0" | "tpmstate0") {
            for (name, value) in [("bios", "ovmf"), ("efi.add", "1"), ("tpm.add", "1")] {
                around.set(name, value);
            }
        }
        let mut wizard = setting.wizard(&key, &sheet, &around);
        wizard.set_choices("boot", supply::bootable(&sheet));
        for (name, value) in &fields {
            wizard.set(name, value);
        }
        let (editor, subject) = (editing.editor, editing.subject.clone());
        let before = editing.sheet.clone();
        let addresses = Addresses::but_of(subject.guest.vmid);
        Some(Dialog::new(
            Self { editor, subject, before, sheet, setting, key, volume, around, supply: Supply::default(), addresses },
            wizard,
        ))
    }

    fn is_new(&self) -> bool {
        self.key == NEW || (self.setting.add && self.sheet.wanted(&self.key).is_none())
    }

    /// The settings as the form has them.
    fn texts(&self, wizard: &Wizard) -> Option<Vec<(String, String)>> {
        let mut texts = self.setting.texts(&self.key, &self.sheet, &self.around, wizard);
        if self.key == NEW {
            let place = self.setting.place(&self.sheet, &wizard.known())?;
            texts.iter_mut().filter(|(key, _)| key == NEW).for_each(|(key, _)| key.clone_from(&place));
        }
        Some(texts)
    }

    fn ask(questions: Vec<Question>, cx: &mut Cx<'_, Msg<Heard>>) {
        for question in questions {
            match question {
                Question::Storages(request) => cx.send(request, Heard::Storages),
                Question::Networks(request) => cx.send(request, Heard::Networks),
                Question::Volumes(kind, storage, request) => {
                    cx.send(request, move |answer| Heard::Volumes(kind, storage, answer));
                }
            }
        }
    }
}

impl Ask for EditSetting {
    type Msg = Heard;
    const NAME: &'static str = "Edit setting";

    fn title(&self) -> String {
        let verb = match (&self.volume, self.is_new()) {
            (Some(volume), _) => format!("Attach {volume}"),
            (None, true) => format!("Add {}", self.setting.title),
            (None, false) => format!("Edit {}", self.setting.title),
        };
        let root = if self.setting.root { " (root@pam only)" } else { "" };
        let key = if self.is_new() { String::new() } else { format!(" {}", self.key) };
        let key = if matches!(self.setting.key, super::setting::Key::One(_)) { String::new() } else { key };
        format!("{verb}{key}: {}{root}", self.subject.label())
    }

    fn opened(&mut self, wizard: &mut Wizard, cx: &mut Cx<'_, Msg<Heard>>) {
        Self::ask(supply::questions(wizard, &self.subject), cx);
        device::supply::ask(wizard, &self.subject.guest.node, cx, Heard::Hardware);
    }

    fn changed(&mut self, key: &str, wizard: &mut Wizard, cx: &mut Cx<'_, Msg<Heard>>) {
        device::supply::changed(key, wizard, &self.subject.guest.node, cx, Heard::Hardware);
        self.addresses.look(&wizard.values(), cx, Heard::Used);
    }

    fn update(&mut self, heard: Heard, wizard: &mut Wizard, cx: &mut Cx<'_, Msg<Heard>>) {
        match heard {
            Heard::Used(came) => {
                self.addresses.came(came, wizard, cx, Heard::Used);
                wizard.share();
            }
            heard => Self::ask(self.supply.heard(heard, wizard, &self.subject), cx),
        }
    }

    fn proposal(&self, wizard: &Wizard, _: &Store) -> Option<Proposal> {
        let mut change = self.sheet.change(self.texts(wizard)?);
        if let Some(secret) = wizard.secret_of("cipassword") {
            use secrecy::ExposeSecret;
            change.set.push(param("cipassword", secret.expose_secret()));
        }
        // What stood in for the place of a new device is no setting.
        change.delete.retain(|key| key != NEW);
        let title = match (self.is_new(), change.set.first()) {
            (true, Some(first)) => format!("Add {}", first.name),
            _ => format!("Change {}", self.setting.title),
        };
        change::propose(&self.subject, &self.sheet, &title, &change)
    }

    fn field_of(&self, parameter: &str, values: &Values) -> String {
        if self.setting.plain.contains(&parameter) || values.contains(parameter) {
            return parameter.to_owned();
        }
        // The server names the setting; the first field of its form answers for it.
        let first = ["storage", "efi.storage", "tpm.storage", "ci.storage", "bridge", "cd.image", "cd.source"];
        let first = first.into_iter().find(|field| values.contains(field));
        match (first, values.iter().next()) {
            (Some(field), _) => field.to_owned(),
            (None, Some((field, _))) => field.to_owned(),
            (None, None) => parameter.to_owned(),
        }
    }

    fn field_of_text(&self, text: &str, values: &Values) -> Option<String> {
        let text = text.to_lowercase();
        let storage = ["storage", "efi.storage", "tpm.storage"].into_iter().find(|field| values.contains(field));
        storage.filter(|_| text.contains("storage") || text.contains("space")).map(str::to_owned)
    }

    fn refused(&mut self, error: &ApiError, wizard: &Wizard, cx: &mut Cx<'_, Msg<Heard>>) -> bool {
        if !sheet::is_conflict(error) {
            return false;
        }
        let mine = Mine::Form {
            key: self.key.clone(),
            setting: self.setting,
            volume: self.volume.clone(),
            fields: wizard.changed().into_pairs(),
        };
        cx.emit(Effect::Reply { to: self.editor, reply: Box::new(super::Msg::Conflict(mine, self.before.clone())) });
        cx.close();
        true
    }
}
