//! Gives a user, a group or a token a role on one object.

use super::{Known, warnings};
use crate::{
    api::{
        ApiError,
        acl::{self, Entry, Kind, User},
    },
    shell::{Ask, Cx, Dialog, Proposal, dialog},
    store::Store,
    ui::{Choice, Choices, Form, Values, Wizard, text},
};

/// What the dialog hears back.
pub enum Msg {
    /// The users that may be seen, with their tokens.
    Users(Result<Vec<User>, ApiError>),
    /// The groups that may be seen.
    Groups(Result<Vec<acl::Group>, ApiError>),
    /// All roles.
    Roles(Result<Vec<acl::Role>, ApiError>),
    /// The list, when it was not known before.
    Listed(Result<Vec<Entry>, ApiError>),
}

/// Adds an entry to the access control list.
pub struct Grant {
    path: String,
    what: String,
    known: Known,
}

impl Grant {
    /// The dialog for a path that the user knows as `what`.
    pub fn open(path: &str, what: &str, known: Known) -> Dialog<Self> {
        let form = Form::new()
            .select("kind", "Who", [("user", "a user"), ("group", "a group of users"), ("token", "an API token")])
            .initial("user")
            .select("users", "User", Choices::Loading)
            .free()
            .required()
            .when(|v| v.get("kind") == "user")
            .check(check_user)
            .help("user@realm. Users that you may not see can be typed.")
            .select("groups", "Group", Choices::Loading)
            .free()
            .required()
            .when(|v| v.get("kind") == "group")
            .help("Groups that you may not see can be typed.")
            .select("tokens", "Token", Choices::Loading)
            .free()
            .required()
            .when(|v| v.get("kind") == "token")
            .check(check_token)
            .help("user@realm!name. What its user may do limits it, whatever it is given.")
            .select("roles", "Role", Choices::Loading)
            .free()
            .required()
            .help("What it allows stands beside it, and in full on the next page.")
            .toggle("propagate", "Propagate")
            .initial("1")
            .help("It holds for everything below this path as well.");
        Dialog::new(Self { path: path.into(), what: what.into(), known }, Wizard::single(form))
    }

    fn entry(&self, values: &Values) -> Option<Entry> {
        let kind = Kind::ALL.into_iter().find(|k| k.as_str() == values.get("kind"))?;
        let (who, role) = (values.get(kind.parameter()).trim(), values.get("roles").trim());
        (!who.is_empty() && !role.is_empty()).then(|| Entry {
            path: self.path.as_str().into(),
            kind,
            who: who.into(),
            role: role.into(),
            propagate: values.is_on("propagate"),
        })
    }

    fn offer_roles(&self, wizard: &mut Wizard) {
        let mut roles: Vec<&acl::Role> = self.known.roles.iter().collect();
        roles.sort_by_key(|r| !fits(r, &self.path));
        let choice = |r: &acl::Role| Choice::new(r.roleid.as_str()).detail(brief(r, area(&self.path)));
        let choices: Vec<Choice> = roles.into_iter().map(choice).collect();
        wizard.set_choices("roles", choices);
    }

    fn offer_groups(&self, wizard: &mut Wizard) {
        let choice = |g: &acl::Group| {
            let members = g.users.split(',').filter(|u| !u.is_empty()).count();
            let comment = g.comment.as_deref().unwrap_or_default();
            Choice::new(g.groupid.as_str()).detail(format!("{}  {comment}", text::counted(members, "member")))
        };
        wizard.set_choices("groups", self.known.groups.iter().map(choice).collect::<Vec<_>>());
    }
}

fn check_user(user: &str, _: &Values) -> Result<(), String> {
    match user.split_once('@') {
        Some((name, realm)) if !name.is_empty() && !realm.is_empty() && !realm.contains('!') => Ok(()),
        _ => Err("user@realm, for example alice@pve".into()),
    }
}

fn check_token(token: &str, values: &Values) -> Result<(), String> {
    match token.split_once('!') {
        Some((user, name)) if check_user(user, values).is_ok() && !name.is_empty() => Ok(()),
        _ => Err("user@realm!name, for example alice@pve!ci".into()),
    }
}

/// How the privileges begin that count on such a path: `VM.` for guests, `Datastore.` for storages.
fn area(path: &str) -> &'static str {
    match path.split('/').nth(1).unwrap_or_default() {
        "vms" => "VM.",
        "storage" => "Datastore.",
        "pool" => "Pool.",
        "sdn" => "SDN.",
        "nodes" => "Sys.",
        _ => "",
    }
}

/// Whether a role holds anything that counts on such a path.
fn fits(role: &acl::Role, path: &str) -> bool {
    role.privileges().any(|p| p.starts_with(area(path)))
}

/// The privileges of a role, those of an area first, and areas named once: `VM.Audit .Console Sys.Audit`.
fn brief(role: &acl::Role, first: &str) -> String {
    let mut all: Vec<&str> = role.privileges().collect();
    all.sort_by_key(|p| !p.starts_with(first));
    let mut words: Vec<String> = vec![];
    let mut area = "";
    for privilege in all {
        let (of, name) = privilege.split_once('.').unwrap_or(("", privilege));
        if of == area {
            words.push(format!(".{name}"));
        } else {
            words.push(privilege.to_owned());
            area = of;
        }
    }
    if words.is_empty() { "nothing at all".into() } else { words.join(" ") }
}

/// A comment, or the name of the person.
fn about(user: &User) -> String {
    let name = [&user.firstname, &user.lastname].into_iter().flatten().map(String::as_str);
    let words = name.chain(user.comment.as_deref()).filter(|w| !w.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

impl Ask for Grant {
    type Msg = Msg;
    const NAME: &'static str = "Add permission";

    fn title(&self) -> String {
        format!("Permission on {}", self.path)
    }

    fn opened(&mut self, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        cx.send(acl::users(), Msg::Users);
        if self.known.roles.is_empty() {
            cx.send(acl::roles(), Msg::Roles);
            cx.send(acl::groups(), Msg::Groups);
            cx.send(acl::list(), Msg::Listed);
        } else {
            self.offer_roles(wizard);
            self.offer_groups(wizard);
        }
    }

    fn update(&mut self, msg: Msg, wizard: &mut Wizard, _: &mut Cx<'_, dialog::Msg<Msg>>) {
        let failed = |error: &ApiError| Choices::Failed(error.to_string());
        match msg {
            Msg::Users(Ok(users)) => {
                let tokens = users.iter().flat_map(|u| {
                    u.tokens.iter().flatten().map(move |t| {
                        let own = if t.privsep { "rights of its own" } else { "all rights of its user: needs none" };
                        let comment = t.comment.as_deref().unwrap_or_default();
                        Choice::new(format!("{}!{}", u.userid, t.tokenid)).detail(format!("{own}  {comment}"))
                    })
                });
                wizard.set_choices("tokens", tokens.collect::<Vec<_>>());
                let users: Vec<Choice> =
                    users.iter().map(|u| Choice::new(u.userid.as_str()).detail(about(u))).collect();
                wizard.set_choices("users", users);
            }
            Msg::Users(Err(error)) => {
                wizard.set_choices("users", failed(&error));
                wizard.set_choices("tokens", failed(&error));
            }
            Msg::Groups(Ok(groups)) => {
                self.known.groups = groups;
                self.offer_groups(wizard);
            }
            Msg::Groups(Err(error)) => wizard.set_choices("groups", failed(&error)),
            Msg::Roles(Ok(roles)) => {
                self.known.roles = roles;
                self.offer_roles(wizard);
            }
            Msg::Roles(Err(error)) => wizard.set_choices("roles", failed(&error)),
            Msg::Listed(Ok(entries)) => self.known.entries = entries,
            // Only the warnings need it.
            Msg::Listed(Err(_)) => {}
        }
    }

    fn proposal(&self, wizard: &Wizard, store: &Store) -> Option<Proposal> {
        let entry = self.entry(&wizard.values())?;
        let label = format!("Give {} {} on {}", entry.who, entry.role, self.path);
        let write = crate::shell::Write::new(label.clone(), acl::grant(&entry));
        let mut proposal = Proposal::new(format!("{label} ({})?", self.what), vec![write]);
        if let Some(gives) = self.known.of_role(&entry.role) {
            proposal = proposal.note(format!("{} allows: {gives}.", entry.role));
        }
        let same =
            |e: &&Entry| (e.kind, &e.who, &e.role, &e.path) == (entry.kind, &entry.who, &entry.role, &entry.path);
        if let Some(old) = self.known.entries.iter().find(same) {
            let change = match (old.propagate, entry.propagate) {
                (true, false) => "It is there already; it will no longer propagate.",
                (false, true) => "It is there already; it will propagate.",
                _ => "It is there already: nothing changes.",
            };
            proposal = proposal.note(change);
        }
        let mut changed: Vec<Entry> = self.known.entries.iter().filter(|e| !same(e)).cloned().collect();
        changed.push(entry.clone());
        let lost = warnings(&self.known, &changed, &self.path, store, std::slice::from_ref(&entry));
        if !lost.is_empty() {
            proposal = proposal.note("It takes the place of what was inherited from above:");
            proposal.notes.extend(lost);
        }
        Some(proposal)
    }

    fn field_of(&self, parameter: &str, _: &Values) -> String {
        // A refusal about the role calls it by another name than the parameter.
        if parameter == "role" { "roles".into() } else { parameter.to_owned() }
    }

    fn field_of_text(&self, text: &str, values: &Values) -> Option<String> {
        if text.contains("role '") {
            return Some("roles".into());
        }
        let kind = Kind::ALL.into_iter().find(|k| k.as_str() == values.get("kind"))?;
        text.contains("does not exist").then(|| kind.parameter().to_owned())
    }
}
