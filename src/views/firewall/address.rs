//! The dialogs for aliases, IP sets and the addresses in them.

use crate::{
    api::{
        ApiError,
        firewall::{self as api, Alias, Entry, Ref, Scope, Set},
    },
    shell::{Ask, Cx, Dialog, Proposal, Write, dialog},
    store::Store,
    ui::{Choice, Choices, Form, Values, Wizard},
};

/// What the dialog hears back.
pub enum Msg {
    /// What an address can be besides itself.
    Refs(Result<Vec<Ref>, ApiError>),
    /// As somebody else has left it; the digest, if it is still there.
    Fresh(Result<Option<String>, ApiError>),
}

/// What is asked for.
#[derive(Clone, Debug)]
pub enum What {
    /// An alias; the old one when it is edited.
    Alias(Option<Alias>),
    /// An IP set.
    Set(Option<Set>),
    /// An address in the set of this name.
    Entry(String, Option<Entry>),
}

/// Asks for an alias, an IP set, or an address in one.
pub struct EditAddress {
    scope: Scope,
    label: String,
    what: What,
}

fn check_name(name: &str, _: &Values) -> Result<(), String> {
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_alphabetic());
    if first && (2..=64).contains(&name.len()) && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
        Ok(())
    } else {
        Err("2 to 64 characters: a letter, then letters, digits, - and _".into())
    }
}

fn check_cidr(text: &str, _: &Values) -> Result<(), String> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
    let most = match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(_)) => 32,
        Ok(std::net::IpAddr::V6(_)) => 128,
        Err(_) => return Err("must be an address or a network, such as 10.0.0.5 or 10.0.0.0/8".into()),
    };
    match bits.map(str::parse::<u8>) {
        None => Ok(()),
        Some(Ok(bits)) if bits <= most => Ok(()),
        Some(_) => Err(format!("the part behind the / must be from 0 to {most}")),
    }
}

/// Addresses in sets may also be aliases.
fn check_entry(text: &str, values: &Values) -> Result<(), String> {
    let alias = text.strip_prefix("dc/").or_else(|| text.strip_prefix("guest/")).unwrap_or(text);
    if check_name(alias, values).is_ok() { Ok(()) } else { check_cidr(text, values) }
}

fn form(what: &What) -> Form {
    let name = |old: &str| {
        Form::new().text("name", "Name").initial(old).required().check(check_name).help("Rules call it by this name.")
    };
    match what {
        What::Alias(old) => {
            let old = old.clone().unwrap_or_default();
            name(&old.name)
                .text("cidr", "Address")
                .initial(&old.cidr)
                .required()
                .check(check_cidr)
                .help("An address, or a network as 10.0.0.0/8.")
                .text("comment", "Comment")
                .initial(&old.comment)
        }
        What::Set(old) => {
            let old = old.clone().unwrap_or_default();
            name(&old.name).text("comment", "Comment").initial(&old.comment)
        }
        What::Entry(_, old) => {
            let form = match old {
                // The address is its name: another address is another entry.
                Some(old) => Form::new().note(&format!("Address {}", old.cidr)),
                None => Form::new()
                    .select("cidr", "Address", Choices::Loading)
                    .free()
                    .required()
                    .check(check_entry)
                    .help("An address, a network as 10.0.0.0/8, or an alias."),
            };
            let old = old.clone().unwrap_or_default();
            form.toggle("nomatch", "Exception")
                .initial(if old.nomatch { "1" } else { "0" })
                .help("Not this one, although a network in the set holds it.")
                .text("comment", "Comment")
                .initial(&old.comment)
        }
    }
}

impl EditAddress {
    /// The dialog.
    pub fn dialog(scope: &Scope, label: &str, what: What) -> Dialog<Self> {
        let form = form(&what);
        Dialog::new(Self { scope: scope.clone(), label: label.to_owned(), what }, Wizard::single(form))
    }

    fn noun(&self) -> &'static str {
        match self.what {
            What::Alias(_) => "alias",
            What::Set(_) => "IP set",
            What::Entry(..) => "address",
        }
    }

    fn is_new(&self) -> bool {
        matches!(self.what, What::Alias(None) | What::Set(None) | What::Entry(_, None))
    }

    fn set_digest(&mut self, digest: String) {
        match &mut self.what {
            What::Alias(Some(old)) => old.digest = digest.into(),
            What::Set(Some(old)) => old.digest = digest.into(),
            What::Entry(_, Some(old)) => old.digest = digest.into(),
            _ => {}
        }
    }
}

impl Ask for EditAddress {
    type Msg = Msg;
    const NAME: &'static str = "Firewall address";

    fn title(&self) -> String {
        let verb = if self.is_new() { "Add" } else { "Edit" };
        match &self.what {
            What::Entry(set, _) => format!("{verb} {} of the set {set}: {}", self.noun(), self.label),
            _ => format!("{verb} {}: {}", self.noun(), self.label),
        }
    }

    fn opened(&mut self, _: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        if matches!(self.what, What::Entry(_, None)) {
            cx.send(api::refs(&self.scope), Msg::Refs);
        }
    }

    fn update(&mut self, msg: Msg, wizard: &mut Wizard, _: &mut Cx<'_, dialog::Msg<Msg>>) {
        match msg {
            Msg::Refs(Ok(all)) => {
                let aliases = all.iter().filter(|r| r.kind == "alias");
                let choices: Vec<Choice> = aliases
                    .map(|r| Choice::new(r.reference.as_str()).detail(format!("alias {}", r.comment)))
                    .collect();
                wizard.set_choices("cidr", choices);
            }
            Msg::Refs(Err(error)) => wizard.set_choices("cidr", Choices::Failed(error.to_string())),
            Msg::Fresh(answer) => wizard.set_trouble(Some(match answer {
                Ok(Some(digest)) => {
                    self.set_digest(digest);
                    "Somebody else has changed this firewall meanwhile. Nothing was sent: send it again if it still fits.".into()
                }
                Ok(None) => format!("Somebody else has removed this {} meanwhile. Nothing was sent.", self.noun()),
                Err(error) => error.explained(),
            })),
        }
    }

    fn proposal(&self, wizard: &Wizard, _: &Store) -> Option<Proposal> {
        let values = wizard.values();
        let (name, cidr, comment) = (values.get("name"), values.get("cidr").trim(), values.get("comment").trim());
        let scope = &self.scope;
        let (label, request) = match &self.what {
            What::Alias(None) => (format!("Add alias {name}"), api::add_alias(scope, name, cidr, comment)),
            What::Alias(Some(old)) => {
                if (name, cidr, comment) == (old.name.as_str(), old.cidr.as_str(), old.comment.as_str()) {
                    return None;
                }
                let rename = (name != old.name).then_some(name);
                let request = api::set_alias(scope, &old.name, cidr, comment, rename, &old.digest);
                (format!("Change alias {}", old.name), request)
            }
            What::Set(None) => (format!("Add IP set {name}"), api::add_set(scope, name, comment, None)),
            What::Set(Some(old)) => {
                if (name, comment) == (old.name.as_str(), old.comment.as_str()) {
                    return None;
                }
                let request = api::add_set(scope, name, comment, Some((&old.name, &old.digest)));
                (format!("Change IP set {}", old.name), request)
            }
            What::Entry(set, None) => (
                format!("Add {cidr} to the IP set {set}"),
                api::add_entry(scope, set, cidr, comment, values.is_on("nomatch")),
            ),
            What::Entry(set, Some(old)) => {
                if (values.is_on("nomatch"), comment) == (old.nomatch, old.comment.as_str()) {
                    return None;
                }
                let request = api::set_entry(scope, set, old, comment, values.is_on("nomatch"));
                (format!("Change {} in the IP set {set}", old.cidr), request)
            }
        };
        let label = format!("{label}: {}", self.label);
        let mut proposal = Proposal::new(format!("{label}?"), vec![Write::new(label, request)]);
        let renamed = match &self.what {
            What::Alias(Some(old)) => (name != old.name).then(|| old.name.to_string()),
            What::Set(Some(old)) => (name != old.name).then(|| format!("+{}", old.name)),
            _ => None,
        };
        if let Some(old) = renamed {
            proposal = proposal.note(format!("Rules that name {old} don't follow: change them, too."));
        }
        Some(proposal)
    }

    fn refused(&mut self, error: &ApiError, _: &Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) -> bool {
        if !api::is_conflict(&error.to_string()) {
            return false;
        }
        match self.what.clone() {
            What::Alias(Some(old)) => cx.send(api::aliases(&self.scope), move |answer| {
                let found = |list: Vec<Alias>| list.into_iter().find(|a| a.name == old.name);
                Msg::Fresh(answer.map(|list| found(list).map(|a| a.digest.into())))
            }),
            What::Set(Some(old)) => cx.send(api::sets(&self.scope), move |answer| {
                let found = |list: Vec<Set>| list.into_iter().find(|s| s.name == old.name);
                Msg::Fresh(answer.map(|list| found(list).map(|s| s.digest.into())))
            }),
            What::Entry(set, Some(old)) => cx.send(api::entries(&self.scope, &set), move |answer| {
                let found = |list: Vec<Entry>| list.into_iter().find(|e| e.cidr == old.cidr);
                Msg::Fresh(answer.map(|list| found(list).map(|e| e.digest.into())))
            }),
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names() {
        let values = Values::default();
        for good in ["10.0.0.1", "10.0.0.0/8", "2001:db8::/32", "::1"] {
            assert_eq!(check_cidr(good, &values), Ok(()), "{good}");
        }
        for bad in ["10.0.0", "10.0.0.0/33", "x", "1.2.3.4/", "::/129"] {
            assert!(check_cidr(bad, &values).is_err(), "{bad}");
        }
        assert_eq!(check_entry("dc/office", &values), Ok(()));
        assert!(check_name("1x", &values).is_err() && check_name("web-1", &values).is_ok());
    }
}
