//! Another password for oneself.

use secrecy::ExposeSecret;

use crate::{
    api::{
        ApiError,
        access::{self, Realm},
    },
    shell::{Ask, Cx, Dialog, Level, Proposal, Write, dialog},
    store::Store,
    ui::{Form, Values, Wizard},
};

/// What the dialog hears back.
pub enum Msg {
    /// The realms: not every one of them keeps passwords itself.
    Realms(Result<Vec<Realm>, ApiError>),
}

/// Changes the password of whoever is logged in.
pub struct ChangePassword {
    user: String,
    /// Why the server can't do it.
    refused: Option<String>,
}

const NEW: &str = "password";
const PRESENT: &str = "confirmation-password";

impl ChangePassword {
    /// A dialog for the user of this session.
    ///
    /// # Errors
    /// When nobody is logged in, or a token, which has no password.
    pub fn open(store: &Store) -> Result<Dialog<Self>, String> {
        let user = store.user.clone();
        if user.is_empty() {
            return Err("Nobody is logged in".into());
        }
        if let Some((owner, _)) = user.split_once('!') {
            return Err(format!(
                "An API token may not change passwords: log in as {owner} with the present password (ctrl-t, Open)"
            ));
        }
        let form = Form::new()
            .secret(PRESENT, "Present password")
            .required()
            .secret(NEW, "New password")
            .at_least(8)
            .required()
            .help("8 to 64 characters.")
            .secret("password2", "Once more")
            .repeats(NEW)
            .required();
        Ok(Dialog::new(Self { user, refused: None }, Wizard::single(form)))
    }

    fn realm(&self) -> &str {
        self.user.rsplit_once('@').map_or("", |(_, realm)| realm)
    }
}

/// Whose passwords Proxmox VE can change.
fn refusal(realm: &str, kind: &str) -> Option<String> {
    let why = match kind {
        "pam" | "pve" => return None,
        "openid" => "its users log in at an OpenID provider",
        _ => "its passwords are kept in a directory outside of Proxmox VE",
    };
    Some(format!("Passwords of the realm {realm} ({kind}) can't be changed here: {why}."))
}

impl Ask for ChangePassword {
    type Msg = Msg;
    const NAME: &'static str = "Change password";

    fn title(&self) -> String {
        format!("Change the password of {}", self.user)
    }

    fn opened(&mut self, _: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        cx.send(access::domains(), Msg::Realms);
    }

    fn update(&mut self, Msg::Realms(answer): Msg, wizard: &mut Wizard, _: &mut Cx<'_, dialog::Msg<Msg>>) {
        // Without an answer the server has the last word.
        let Ok(realms) = answer else { return };
        let found = realms.iter().find(|realm| realm.realm == self.realm());
        self.refused = found.and_then(|realm| refusal(&realm.realm, &realm.kind));
        if self.refused.is_some() {
            wizard.set_trouble(self.refused.clone());
        }
    }

    fn proposal(&self, wizard: &Wizard, _: &Store) -> Option<Proposal> {
        if self.refused.is_some() {
            return None;
        }
        let (new, present) = (wizard.secret_of(NEW)?, wizard.secret_of(PRESENT)?);
        if new.expose_secret().is_empty() || present.expose_secret().is_empty() {
            return None;
        }
        let label = format!("Change the password of {}", self.user);
        let write = Write::new(label.clone(), access::change_password(&self.user, &new, &present));
        let mut proposal = Proposal::new(format!("{label}?"), vec![write]);
        if self.realm() == "pam" {
            let note = "pam: the password changes on the node that you are connected to, not on the others.";
            proposal = proposal.note(note);
        }
        Some(proposal.note("API tokens of this user stay as they are."))
    }

    fn field_of_text(&self, text: &str, _: &Values) -> Option<String> {
        // A wrong present password is a failed login in the server's eyes.
        text.contains("authentication failure").then(|| PRESENT.to_owned())
    }

    fn done(&mut self, _: &Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        cx.toast(Level::Ok, "Password changed. Change it where you keep it, too");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_realms_that_keep_passwords() {
        assert_eq!((refusal("pam", "pam"), refusal("pve", "pve")), (None, None));
        assert!(refusal("corp", "ldap").unwrap().contains("directory"));
        assert!(refusal("sso", "openid").unwrap().contains("OpenID"));
        let mut store = Store::new(Default::default(), "a".into());
        assert!(ChangePassword::open(&store).is_err());
        store.user = "root@pam!ci".into();
        assert!(ChangePassword::open(&store).err().unwrap().contains("log in as root@pam"));
        store.user = "root@pam".into();
        assert!(ChangePassword::open(&store).is_ok());
    }
}
