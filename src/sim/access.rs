//! Access control: users, groups, roles, realms, tokens, ACL, second factors, tickets.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::call::{Args, Fault, Outcome, die};
use super::permission::{Privs, changers};
use super::router::Route;
use super::state::Cluster;

/// A user.
#[derive(Clone, Debug, Default)]
pub struct User {
    /// `email`, `firstname`, `lastname`, `comment`, `keys`.
    pub info: BTreeMap<String, String>,
    /// May the user log in?
    pub enable: bool,
    /// End of the account in seconds since the epoch, 0 for never.
    pub expire: i64,
    /// Password; `None` as long as none was set.
    pub password: Option<String>,
    /// Groups.
    pub groups: BTreeSet<String>,
    /// API tokens by name.
    pub tokens: BTreeMap<String, Token>,
    /// Second factors.
    pub factors: Vec<Factor>,
}

/// An API token.
#[derive(Clone, Debug, Default)]
pub struct Token {
    /// The secret, a UUID.
    pub secret: String,
    /// Are its rights separated from the user's?
    pub privsep: bool,
    /// End in seconds since the epoch, 0 for never.
    pub expire: i64,
    /// Comment.
    pub comment: Option<String>,
}

/// A second factor.
#[derive(Clone, Debug)]
pub struct Factor {
    /// A UUID, or `recovery`.
    pub id: String,
    /// Description.
    pub description: String,
    /// Creation in seconds since the epoch.
    pub created: u64,
    /// Switched off?
    pub disabled: bool,
    /// What it is.
    pub kind: FactorKind,
}

/// Kinds of second factors that the simulator knows.
#[derive(Clone, Debug)]
pub enum FactorKind {
    /// A time based one-time password.
    Totp {
        /// Base32 secret.
        secret: String,
        /// Digits of a code.
        digits: u32,
        /// Seconds that a code is valid.
        period: u64,
        /// The last time step that was used, so that a code works only once.
        used: u64,
    },
    /// Recovery keys, `None` when used.
    Recovery(Vec<Option<String>>),
}

/// A line of the ACL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// `/vms/100`.
    pub path: String,
    /// `user`, `group` or `token`.
    pub kind: String,
    /// User, group or token id.
    pub who: String,
    /// Role.
    pub role: String,
    /// Does it hold below the path?
    pub propagate: bool,
}

/// Everything about users and their rights.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Users by `name@realm`.
    pub users: BTreeMap<String, User>,
    /// Comments of groups by name.
    pub groups: BTreeMap<String, Option<String>>,
    /// Privileges of roles by name.
    pub roles: BTreeMap<String, BTreeSet<String>>,
    /// Roles that came with PVE.
    pub special: BTreeSet<String>,
    /// Realms by name, with their configuration including `type`.
    pub realms: BTreeMap<String, BTreeMap<String, String>>,
    /// The ACL.
    pub acl: Vec<Grant>,
    /// Signs tickets.
    pub key: Vec<u8>,
    /// Tickets older than this moment are not accepted any more (a fault that expires all of them).
    pub tickets_since: f64,
}

impl Access {
    /// A token.
    pub fn token(&self, user: &str, token: &str) -> Option<&Token> {
        self.users.get(user)?.tokens.get(token)
    }

    /// The groups of a user.
    pub fn groups_of(&self, user: &str) -> BTreeSet<String> {
        self.users.get(user).map(|u| u.groups.clone()).unwrap_or_default()
    }
}

/// Users, groups, roles, realms, ACL and permissions.
pub const ROUTES: &[Route] = &[
    Route("GET", "/access", index),
    Route("GET", "/access/users", users),
    Route("POST", "/access/users", create_user),
    Route("GET", "/access/users/{userid}", user),
    Route("PUT", "/access/users/{userid}", update_user),
    Route("DELETE", "/access/users/{userid}", delete_user),
    Route("GET", "/access/users/{userid}/token", tokens),
    Route("GET", "/access/users/{userid}/token/{tokenid}", token),
    Route("POST", "/access/users/{userid}/token/{tokenid}", create_token),
    Route("PUT", "/access/users/{userid}/token/{tokenid}", update_token),
    Route("DELETE", "/access/users/{userid}/token/{tokenid}", delete_token),
    Route("GET", "/access/groups", groups),
    Route("POST", "/access/groups", create_group),
    Route("GET", "/access/groups/{groupid}", group),
    Route("PUT", "/access/groups/{groupid}", update_group),
    Route("DELETE", "/access/groups/{groupid}", delete_group),
    Route("GET", "/access/acl", acl),
    Route("PUT", "/access/acl", update_acl),
    Route("GET", "/access/permissions", permissions),
];

fn index(_: &mut Cluster, _: &Args) -> Outcome {
    let names = ["users", "groups", "roles", "acl", "domains", "openid", "tfa", "ticket", "password"];
    Ok(names.iter().map(|n| json!({"subdir": n})).collect::<Vec<_>>().into())
}

fn token_entry(id: &str, token: &Token) -> Value {
    let mut out = json!({"tokenid": id, "expire": token.expire, "privsep": u8::from(token.privsep)});
    if let Some(comment) = &token.comment {
        out["comment"] = json!(comment);
    }
    out
}

fn realm_type(cluster: &Cluster, user: &str) -> Option<String> {
    let realm = user.split_once('@')?.1;
    cluster.access.realms.get(realm)?.get("type").cloned()
}

fn user_entry(cluster: &Cluster, id: &str, user: &User) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("enable".into(), json!(u8::from(user.enable)));
    out.insert("expire".into(), json!(user.expire));
    out.insert("email".into(), json!(""));
    for (key, value) in &user.info {
        out.insert(key.clone(), json!(value));
    }
    if !user.info.contains_key("email") && id.ends_with("@pam") && id != "root@pam" {
        out.remove("email");
    }
    if user.factors.iter().any(|f| !f.disabled) {
        out.insert("keys".into(), json!("x"));
    }
    if let Some(kind) = realm_type(cluster, id) {
        out.insert("realm-type".into(), json!(kind));
    }
    out
}

fn users(cluster: &mut Cluster, args: &Args) -> Outcome {
    let all = cluster.may_any(args.user(), "/access/groups", &["User.Modify", "Sys.Audit"]);
    let mut out = Vec::new();
    for (id, user) in &cluster.access.users {
        let mine = id == args.user().split('!').next().unwrap_or("");
        let grouped = || {
            user.groups
                .iter()
                .any(|g| cluster.may_any(args.user(), &format!("/access/groups/{g}"), &["User.Modify", "Sys.Audit"]))
        };
        if !(all || mine || grouped()) || args.opt_flag("enabled").is_some_and(|on| on != user.enable) {
            continue;
        }
        let mut entry = user_entry(cluster, id, user);
        entry.insert("userid".into(), json!(id));
        if args.flag("full") {
            entry.insert("groups".into(), json!(join(&user.groups)));
            let tokens: Vec<Value> = user.tokens.iter().map(|(id, t)| token_entry(id, t)).collect();
            entry.insert("tokens".into(), if tokens.is_empty() { Value::Null } else { json!(tokens) });
        }
        out.push(Value::Object(entry));
    }
    Ok(out.into())
}

pub(super) fn join(set: &BTreeSet<String>) -> String {
    set.iter().map(String::as_str).collect::<Vec<_>>().join(",")
}

fn no_user(id: &str) -> Fault {
    die(format!("no such user ('{id}')"))
}

fn user(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("userid");
    let user = cluster.access.users.get(id).ok_or_else(|| no_user(id))?;
    let mut out = user_entry(cluster, id, user);
    out.remove("realm-type");
    out.insert("groups".into(), json!(user.groups));
    let tokens: Map<String, Value> = user
        .tokens
        .iter()
        .map(|(id, token)| {
            let mut entry = token_entry(id, token);
            if let Some(map) = entry.as_object_mut() {
                map.remove("tokenid");
            }
            (id.clone(), entry)
        })
        .collect();
    if !tokens.is_empty() {
        out.insert("tokens".into(), Value::Object(tokens));
    }
    Ok(Value::Object(out).into())
}

const USER_INFO: [&str; 5] = ["comment", "email", "firstname", "lastname", "keys"];

fn set_user(cluster: &mut Cluster, args: &Args, id: &str) -> Result<(), Fault> {
    let groups: Vec<String> = args.list("groups");
    let known: Vec<String> = groups.into_iter().filter(|g| cluster.access.groups.contains_key(g)).collect();
    let Some(user) = cluster.access.users.get_mut(id) else { return Err(no_user(id)) };
    for key in USER_INFO {
        match args.opt(key) {
            Some("") => {
                user.info.remove(key);
            }
            Some(value) => {
                user.info.insert(key.into(), value.into());
            }
            None => {}
        }
    }
    if let Some(on) = args.opt_flag("enable") {
        user.enable = on;
    }
    if let Some(end) = args.int("expire") {
        user.expire = end;
    }
    if args.has("groups") {
        if !args.flag("append") {
            user.groups.clear();
        }
        user.groups.extend(known);
    }
    Ok(())
}

fn create_user(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("userid");
    if cluster.access.users.contains_key(id) {
        return Err(die(format!("create user failed: user '{id}' already exists")));
    }
    let user = User { enable: true, password: args.opt("password").map(str::to_owned), ..User::default() };
    cluster.access.users.insert(id.to_owned(), user);
    set_user(cluster, args, id)?;
    Ok(().into())
}

fn update_user(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("userid");
    if !cluster.access.users.contains_key(id) {
        return Err(die(format!("update user failed: no such user ('{id}')")));
    }
    set_user(cluster, args, id)?;
    Ok(().into())
}

fn delete_user(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("userid");
    if args.user() == id {
        return Err(Fault::param("userid", "unable to delete own user"));
    }
    if id == "root@pam" {
        return Err(die("unable to delete user 'root@pam'"));
    }
    cluster.access.users.remove(id);
    let prefix = format!("{id}!");
    cluster.access.acl.retain(|e| e.kind == "group" || e.who != id && !e.who.starts_with(&prefix));
    Ok(().into())
}

fn tokens(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("userid");
    let user = cluster.access.users.get(id).ok_or_else(|| no_user(id))?;
    Ok(user.tokens.iter().map(|(id, t)| token_entry(id, t)).collect::<Vec<_>>().into())
}

fn find_token<'a>(cluster: &'a mut Cluster, args: &Args) -> Result<&'a mut Token, Fault> {
    let (user, id) = (args.str("userid"), args.str("tokenid"));
    let found = cluster.access.users.get_mut(user).and_then(|u| u.tokens.get_mut(id));
    found.ok_or_else(|| die(format!("no such token '{id}' for user '{user}'")))
}

fn token_info(token: &Token) -> Value {
    let mut out = json!({"expire": token.expire, "privsep": u8::from(token.privsep)});
    if let Some(comment) = &token.comment {
        out["comment"] = json!(comment);
    }
    out
}

fn token(cluster: &mut Cluster, args: &Args) -> Outcome {
    Ok(token_info(find_token(cluster, args)?).into())
}

fn create_token(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (user, id) = (args.str("userid"), args.str("tokenid"));
    let secret = cluster.rng.uuid();
    let owner = cluster.access.users.get_mut(user).ok_or_else(|| no_user(user))?;
    if owner.tokens.contains_key(id) {
        return Err(Fault::param("tokenid", "Token already exists."));
    }
    let token = Token {
        secret: secret.clone(),
        privsep: args.opt_flag("privsep").unwrap_or(true),
        expire: args.int("expire").unwrap_or(0),
        comment: args.opt("comment").map(str::to_owned),
    };
    let mut info = token_info(&token);
    // the info repeats what was sent, as text
    for key in ["privsep", "expire"] {
        if let Some(value) = args.opt(key) {
            info[key] = json!(value);
        }
    }
    if !args.has("expire")
        && let Some(map) = info.as_object_mut()
    {
        map.remove("expire");
    }
    owner.tokens.insert(id.to_owned(), token);
    Ok(json!({"full-tokenid": format!("{user}!{id}"), "value": secret, "info": info}).into())
}

fn update_token(cluster: &mut Cluster, args: &Args) -> Outcome {
    let secret = cluster.rng.uuid();
    let token = find_token(cluster, args)?;
    if let Some(comment) = args.opt("comment") {
        token.comment = Some(comment.to_owned());
    }
    if let Some(on) = args.opt_flag("privsep") {
        token.privsep = on;
    }
    if let Some(end) = args.int("expire") {
        token.expire = end;
    }
    let regenerate = args.flag("regenerate");
    if regenerate {
        token.secret = secret.clone();
    }
    let mut info = token_info(token);
    for key in ["privsep", "expire"] {
        if let Some(value) = args.opt(key) {
            info[key] = json!(value);
        }
    }
    if regenerate {
        info["value"] = json!(secret);
        info["full-tokenid"] = json!(format!("{}!{}", args.str("userid"), args.str("tokenid")));
    }
    Ok(info.into())
}

fn delete_token(cluster: &mut Cluster, args: &Args) -> Outcome {
    find_token(cluster, args)?;
    let (user, id) = (args.str("userid"), args.str("tokenid"));
    if let Some(user) = cluster.access.users.get_mut(user) {
        user.tokens.remove(id);
    }
    let full = format!("{user}!{id}");
    cluster.access.acl.retain(|e| e.who != full);
    Ok(().into())
}

fn members(cluster: &Cluster, group: &str) -> Vec<String> {
    let all = cluster.access.users.iter();
    all.filter(|(_, u)| u.groups.contains(group)).map(|(id, _)| id.clone()).collect()
}

fn groups(cluster: &mut Cluster, args: &Args) -> Outcome {
    let privs = ["Sys.Audit", "Group.Allocate", "User.Modify"];
    let mut out = Vec::new();
    for (id, comment) in &cluster.access.groups {
        if cluster.may_any(args.user(), &format!("/access/groups/{id}"), &privs) {
            let mut entry = json!({"groupid": id, "users": members(cluster, id).join(",")});
            if let Some(comment) = comment {
                entry["comment"] = json!(comment);
            }
            out.push(entry);
        }
    }
    Ok(out.into())
}

fn create_group(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("groupid");
    if cluster.access.groups.contains_key(id) {
        return Err(die(format!("create group failed: group '{id}' already exists")));
    }
    cluster.access.groups.insert(id.to_owned(), args.opt("comment").map(str::to_owned));
    Ok(().into())
}

fn find_group<'a>(cluster: &'a mut Cluster, id: &str, what: &str) -> Result<&'a mut Option<String>, Fault> {
    cluster.access.groups.get_mut(id).ok_or_else(|| die(format!("{what}group '{id}' does not exist")))
}

fn group(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("groupid");
    let comment = find_group(cluster, id, "")?.clone();
    let mut out = json!({"members": members(cluster, id)});
    if let Some(comment) = comment {
        out["comment"] = json!(comment);
    }
    Ok(out.into())
}

fn update_group(cluster: &mut Cluster, args: &Args) -> Outcome {
    let comment = find_group(cluster, args.str("groupid"), "update group failed: ")?;
    if let Some(text) = args.opt("comment") {
        *comment = Some(text.to_owned());
    }
    Ok(().into())
}

fn delete_group(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("groupid");
    find_group(cluster, id, "delete group failed: ")?;
    cluster.access.groups.remove(id);
    cluster.access.users.values_mut().for_each(|u| {
        u.groups.remove(id);
    });
    cluster.access.acl.retain(|e| e.kind != "group" || e.who != id);
    Ok(().into())
}

fn acl(cluster: &mut Cluster, args: &Args) -> Outcome {
    let mut out = Vec::new();
    for e in &cluster.access.acl {
        if cluster.may_any(args.user(), &e.path, changers(&e.path)) || cluster.may(args.user(), "/access", "Sys.Audit")
        {
            let flag = u8::from(e.propagate);
            out.push(json!({"path": e.path, "type": e.kind, "ugid": e.who, "roleid": e.role, "propagate": flag}));
        }
    }
    Ok(out.into())
}

/// Paths that may stand in the ACL.
fn is_acl_path(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        [""] => path == "/",
        ["access" | "nodes" | "pool" | "sdn" | "storage" | "vms" | "mapping"] => true,
        ["access", "groups" | "realm", ..] => parts.len() <= 3,
        ["nodes" | "storage", _] => true,
        ["vms", id] => id.parse::<u32>().is_ok_and(|id| id >= 100),
        ["pool", ..] => parts.len() <= 4,
        ["sdn", "zones" | "controllers" | "dns" | "ipams" | "fabrics", ..] => parts.len() <= 5,
        ["mapping", "pci" | "usb" | "dir" | "hwrng", ..] => parts.len() <= 3,
        ["mapping", "notifications", ..] => parts.len() <= 3,
        _ => false,
    }
}

/// Who may change the ACL of an object without `Permissions.Modify` may hand on no more than what he has himself.
fn only_own(cluster: &Cluster, own: &Privs, role: &str, delete: bool, propagate: bool) -> Result<(), Fault> {
    let verb = if delete { "remove" } else { "add" };
    let refuse = |with: &str, needs: &str| {
        Err(Fault::param("role", format!("Cannot {verb} role '{role}'{with} - requires 'Permissions.Modify'{needs}")))
    };
    for name in cluster.access.roles.get(role).into_iter().flatten() {
        match own.get(name) {
            None => return refuse("", " or superset of privileges."),
            Some(false) if propagate && !delete => {
                return refuse(" with propagation", " or propagated superset of privileges.");
            }
            Some(_) => {}
        }
    }
    if role == "NoAccess" { refuse("", "") } else { Ok(()) }
}

fn update_acl(cluster: &mut Cluster, args: &Args) -> Outcome {
    let path = match args.str("path").trim_end_matches('/') {
        "" => "/".to_owned(),
        path => path.to_owned(),
    };
    if !(args.has("users") || args.has("groups") || args.has("tokens")) {
        let text = "either 'users', 'groups' or 'tokens' is required.";
        let mut fault = Fault::param("users", text);
        fault.errors.insert("groups".into(), text.into());
        fault.errors.insert("tokens".into(), text.into());
        return Err(fault);
    }
    if !path.starts_with('/') || !is_acl_path(&path) {
        return Err(Fault::param("path", format!("invalid ACL path '{path}'")));
    }
    let delete = args.flag("delete");
    let propagate = args.opt_flag("propagate").unwrap_or(true);
    let mut acl = cluster.access.acl.clone();
    let own = cluster.privs(args.user(), &path);
    for role in args.list("roles") {
        if !delete && !cluster.access.roles.contains_key(&role) {
            return Err(die(format!("ACL update failed: role '{role}' does not exist")));
        }
        if !own.contains_key("Permissions.Modify") {
            only_own(cluster, &own, &role, delete, propagate)?;
        }
        for (kind, list) in [("group", "groups"), ("user", "users"), ("token", "tokens")] {
            for who in args.list(list) {
                if !delete {
                    let known = match kind {
                        "group" => cluster.access.groups.contains_key(&who),
                        "user" => cluster.access.users.contains_key(&who),
                        _ => who.split_once('!').is_some_and(|(u, t)| cluster.access.token(u, t).is_some()),
                    };
                    if !known {
                        return Err(die(format!("ACL update failed: {kind} '{who}' does not exist")));
                    }
                }
                acl.retain(|e| !(e.path == path && e.kind == kind && e.who == who && e.role == role));
                if !delete {
                    acl.push(Grant { path: path.clone(), kind: kind.into(), who, role: role.clone(), propagate });
                }
            }
        }
    }
    cluster.access.acl = acl;
    Ok(().into())
}

fn permissions(cluster: &mut Cluster, args: &Args) -> Outcome {
    let own = args.user().split('!').next().unwrap_or("").to_owned();
    let who = args.opt("userid").unwrap_or(args.user()).to_owned();
    if who != args.user() && who.split('!').next() != Some(own.as_str()) {
        cluster.need(args, "/access", &["Sys.Audit"])?;
    }
    let mut paths: BTreeSet<String> = BTreeSet::new();
    match args.opt("path") {
        Some(path) => {
            paths.insert(path.to_owned());
        }
        None => {
            for path in ["/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms"] {
                paths.insert(path.into());
            }
            for pool in cluster.pools.values() {
                paths.extend(pool.vms.iter().map(|vmid| format!("/vms/{vmid}")));
            }
            paths.extend(cluster.access.acl.iter().map(|e| e.path.clone()));
        }
    }
    let mut out = Map::new();
    for path in paths {
        let privs = cluster.privs(&who, &path);
        if !privs.is_empty() || args.has("path") {
            let privs: Map<String, Value> = privs.into_iter().map(|(p, flag)| (p, json!(u8::from(flag)))).collect();
            out.insert(path, Value::Object(privs));
        }
    }
    Ok(Value::Object(out).into())
}
