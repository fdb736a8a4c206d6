//! The access control list: who has which role where, and what that comes to.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use serde::Deserialize;

use super::{json::loose, request::Request};

/// Whom an entry is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `user@realm`.
    #[default]
    User,
    /// A group of users.
    Group,
    /// `user@realm!token`.
    Token,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::User, Self::Group, Self::Token];

    /// `user`, `group` or `token`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Token => "token",
        }
    }

    /// The parameter that names such in a change.
    pub fn parameter(self) -> &'static str {
        match self {
            Self::User => "users",
            Self::Group => "groups",
            Self::Token => "tokens",
        }
    }
}

/// A line of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
pub struct Entry {
    /// Where it holds: `/vms/100`.
    pub path: CompactString,
    /// Whom it is about.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The user, group or token.
    #[serde(rename = "ugid")]
    pub who: CompactString,
    /// The role that they have there.
    #[serde(rename = "roleid")]
    pub role: CompactString,
    /// Whether it holds for what lies below as well.
    #[serde(default, deserialize_with = "loose")]
    pub propagate: bool,
}

/// A user, with the tokens when they were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct User {
    /// `user@realm`.
    pub userid: CompactString,
    /// What somebody wrote about the user.
    pub comment: Option<String>,
    /// First and last name, as far as they are known.
    pub firstname: Option<String>,
    /// See there.
    pub lastname: Option<String>,
    /// The groups that the user is in, comma separated.
    #[serde(deserialize_with = "loose")]
    pub groups: CompactString,
    /// The user's tokens.
    pub tokens: Option<Vec<Token>>,
}

/// A user's token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Token {
    /// The part behind `!`.
    pub tokenid: CompactString,
    /// What somebody wrote about it.
    pub comment: Option<String>,
    /// True when it has rights of its own only, within those of its user.
    #[serde(deserialize_with = "loose")]
    pub privsep: bool,
}

/// A group of users.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Group {
    /// Its name.
    pub groupid: CompactString,
    /// What somebody wrote about it.
    pub comment: Option<String>,
    /// Its members, comma separated.
    #[serde(deserialize_with = "loose")]
    pub users: CompactString,
}

impl Group {
    /// Whether a user is a member.
    pub fn has(&self, user: &str) -> bool {
        self.users.split(',').any(|member| member.trim() == user)
    }
}

/// A role: a name for some privileges.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Role {
    /// Its name.
    pub roleid: CompactString,
    /// Its privileges, comma separated.
    #[serde(deserialize_with = "loose")]
    pub privs: String,
    /// True for those that every server has.
    #[serde(deserialize_with = "loose")]
    pub special: bool,
}

impl Role {
    /// Its privileges.
    pub fn privileges(&self) -> impl Iterator<Item = &str> {
        self.privs.split(',').map(str::trim).filter(|p| !p.is_empty())
    }
}

/// `GET /access/acl`: the list, as far as the user may change it (all of it with `Sys.Audit` on `/access`).
pub fn list() -> Request<Vec<Entry>> {
    Request::get("/access/acl")
}

/// `GET /access/users`: the users that one may see, with their tokens.
pub fn users() -> Request<Vec<User>> {
    Request::get("/access/users").flag("full", true)
}

/// `GET /access/groups`: the groups that one may see.
pub fn groups() -> Request<Vec<Group>> {
    Request::get("/access/groups")
}

/// `GET /access/roles`: all roles.
pub fn roles() -> Request<Vec<Role>> {
    Request::get("/access/roles")
}

/// `PUT /access/acl`: adds an entry, or changes whether it propagates.
pub fn grant(entry: &Entry) -> Request<()> {
    Request::put("/access/acl")
        .param("path", &entry.path)
        .param("roles", &entry.role)
        .param(entry.kind.parameter(), &entry.who)
        .flag("propagate", entry.propagate)
}

/// `PUT /access/acl`: removes an entry. Answers the same when there was none.
pub fn revoke(entry: &Entry) -> Request<()> {
    Request::put("/access/acl")
        .param("path", &entry.path)
        .param("roles", &entry.role)
        .param(entry.kind.parameter(), &entry.who)
        .flag("delete", true)
}

/// A path and those above it, the deepest last: `/`, `/vms`, `/vms/100`.
pub fn chain(path: &str) -> Vec<String> {
    let mut chain = vec!["/".to_owned()];
    for part in path.split('/').filter(|p| !p.is_empty()) {
        let above = chain.last().map_or("", |last| last.trim_end_matches('/'));
        chain.push(format!("{above}/{part}"));
    }
    chain
}

/// The roles of a user or token on a path. Deeper entries take the place of those above, a user's own take the place
/// of those of the user's groups on the same path, and `NoAccess` of all others.
fn roles_on<'e>(entries: &'e [Entry], groups: &[Group], who: &str, path: &str) -> BTreeSet<&'e str> {
    let mut roles = BTreeSet::new();
    for step in chain(path) {
        let holds = |e: &&Entry| e.path == step && (e.propagate || step == path);
        let own = |e: &&Entry| e.kind != Kind::Group && e.who == who;
        let group = |e: &&Entry| e.kind == Kind::Group && groups.iter().any(|g| g.groupid == e.who && g.has(who));
        let here = |wanted: &dyn Fn(&&Entry) -> bool| -> BTreeSet<&'e str> {
            entries.iter().filter(holds).filter(|e| wanted(e)).map(|e| e.role.as_str()).collect()
        };
        let found = Some(here(&own)).filter(|r| !r.is_empty()).unwrap_or_else(|| here(&group));
        if !found.is_empty() {
            roles = found;
        }
    }
    roles
}

/// What the entries give a user or token on a path. What a pool gives (`pool`: its path) counts for its members too.
pub fn privileges(
    entries: &[Entry],
    roles: &[Role],
    groups: &[Group],
    who: &str,
    path: &str,
    pool: Option<&str>,
) -> BTreeSet<String> {
    let mut names = roles_on(entries, groups, who, path);
    names.extend(pool.into_iter().flat_map(|pool| roles_on(entries, groups, who, pool)));
    if names.contains("NoAccess") {
        return BTreeSet::new();
    }
    let by_name: BTreeMap<&str, &Role> = roles.iter().map(|r| (r.roleid.as_str(), r)).collect();
    let given = names.iter().filter_map(|name| by_name.get(name)).flat_map(|role| role.privileges());
    given.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn entry(path: &str, kind: Kind, who: &str, role: &str, propagate: bool) -> Entry {
        Entry { path: path.into(), kind, who: who.into(), role: role.into(), propagate }
    }

    fn role(name: &str, privs: &str) -> Role {
        Role { roleid: name.into(), privs: privs.into(), special: true }
    }

    #[test]
    fn endpoints_as_text() {
        let e = entry("/vms/100", Kind::Token, "a@pve!ci", "PVEVMUser", false);
        assert_eq!(grant(&e).to_string(), "PUT /access/acl path=/vms/100 roles=PVEVMUser tokens=a@pve!ci propagate=0");
        assert_eq!(
            revoke(&Entry { kind: Kind::Group, who: "ops".into(), ..e }).to_string(),
            "PUT /access/acl path=/vms/100 roles=PVEVMUser groups=ops delete=1"
        );
        assert_eq!(list().to_string(), "GET /access/acl");
        assert_eq!(users().to_string(), "GET /access/users full=1");
    }

    #[test]
    fn paths_above() {
        assert_eq!(chain("/"), ["/"]);
        assert_eq!(chain("/pool/dev/web"), ["/", "/pool", "/pool/dev", "/pool/dev/web"]);
    }

    #[test]
    fn deeper_entries_replace_and_no_access_wins() {
        let roles = [role("Admin", "VM.Audit,VM.PowerMgmt"), role("Auditor", "VM.Audit"), role("NoAccess", "")];
        let groups = [Group { groupid: "ops".into(), users: "a@pve,b@pve".into(), comment: None }];
        let at = |entries: &[Entry], who: &str, pool: Option<&str>| {
            privileges(entries, &roles, &groups, who, "/vms/100", pool).into_iter().collect::<Vec<_>>().join(" ")
        };
        let mut list = vec![entry("/", Kind::User, "a@pve", "Admin", true)];
        assert_eq!(at(&list, "a@pve", None), "VM.Audit VM.PowerMgmt");
        list.push(entry("/vms/100", Kind::User, "a@pve", "Auditor", true));
        assert_eq!(at(&list, "a@pve", None), "VM.Audit", "replaced");
        // A group's entry stands back behind the user's own on the same path, not behind one further up.
        list[1] = entry("/vms", Kind::User, "a@pve", "Auditor", false);
        assert_eq!(at(&list, "a@pve", None), "VM.Audit VM.PowerMgmt", "not propagated");
        list.push(entry("/vms", Kind::Group, "ops", "Auditor", true));
        assert_eq!(at(&list, "a@pve", None), "VM.Audit", "a group's entry further down");
        assert_eq!(at(&list, "b@pve", None), "VM.Audit");
        list.push(entry("/pool/dev", Kind::User, "b@pve", "Admin", true));
        assert_eq!(at(&list, "b@pve", Some("/pool/dev")), "VM.Audit VM.PowerMgmt");
        list.push(entry("/vms/100", Kind::User, "b@pve", "NoAccess", true));
        assert_eq!(at(&list, "b@pve", Some("/pool/dev")), "");
    }

    #[test]
    fn lenient_users() {
        let body = br#"{"data":[{"userid":"a@pve","groups":"","tokens":null,"expire":0,"enable":1},
            {"userid":"root@pam","tokens":[{"tokenid":"ci","privsep":0,"expire":0}]}]}"#;
        let users = users().decode(body).unwrap();
        assert_eq!(users[1].tokens.as_ref().unwrap()[0].tokenid, "ci");
        assert_eq!(users[0].tokens, None);
    }
}
