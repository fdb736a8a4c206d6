//! Who may do what: roles collected along ACL paths, and the permission checks of the method table.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::call::{Args, Fault};
use super::state::Cluster;

/// All privileges, sorted.
pub const PRIVILEGES: &[&str] = &[
    "Datastore.Allocate",
    "Datastore.AllocateSpace",
    "Datastore.AllocateTemplate",
    "Datastore.Audit",
    "Group.Allocate",
    "Mapping.Audit",
    "Mapping.Modify",
    "Mapping.Use",
    "Permissions.Modify",
    "Pool.Allocate",
    "Pool.Audit",
    "Realm.Allocate",
    "Realm.AllocateUser",
    "SDN.Allocate",
    "SDN.Audit",
    "SDN.Use",
    "Sys.AccessNetwork",
    "Sys.Audit",
    "Sys.Console",
    "Sys.Incoming",
    "Sys.Modify",
    "Sys.PowerMgmt",
    "Sys.Syslog",
    "User.Modify",
    "VM.Allocate",
    "VM.Audit",
    "VM.Backup",
    "VM.Clone",
    "VM.Config.CDROM",
    "VM.Config.CPU",
    "VM.Config.Cloudinit",
    "VM.Config.Disk",
    "VM.Config.HWType",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.Options",
    "VM.Console",
    "VM.GuestAgent.Audit",
    "VM.GuestAgent.FileRead",
    "VM.GuestAgent.FileSystemMgmt",
    "VM.GuestAgent.FileWrite",
    "VM.GuestAgent.Unrestricted",
    "VM.Migrate",
    "VM.PowerMgmt",
    "VM.Replicate",
    "VM.Snapshot",
    "VM.Snapshot.Rollback",
];

/// Privileges of a path with their propagate flag.
pub type Privs = BTreeMap<String, bool>;

impl Cluster {
    /// The privileges that a user or token has on a path.
    pub fn privs(&self, auth: &str, path: &str) -> Privs {
        if auth == "root@pam" {
            return PRIVILEGES.iter().map(|p| ((*p).to_owned(), true)).collect();
        }
        let (user, token) = match auth.split_once('!') {
            Some((user, token)) => (user, Some(token)),
            None => (auth, None),
        };
        let Some(token) = token else { return self.privs_of(user, path) };
        let separate = self.access.token(user, token).is_some_and(|t| t.privsep);
        let of_user = self.privs(user, path);
        if !separate {
            return of_user;
        }
        let mut own = self.privs_of(auth, path);
        own.retain(|name, _| of_user.contains_key(name));
        own
    }

    fn privs_of(&self, auth: &str, path: &str) -> Privs {
        let mut out = self.privs_at(auth, path);
        for pool in self.pools_around(path) {
            for (name, _) in self.privs_at(auth, &format!("/pool/{pool}")) {
                out.entry(name).or_insert(true);
            }
        }
        out
    }

    /// Pools whose ACL counts for a guest or storage path.
    fn pools_around(&self, path: &str) -> Vec<&str> {
        let Some((area, id)) = path.trim_start_matches('/').split_once('/') else { return Vec::new() };
        match area {
            "vms" => id.parse().ok().and_then(|id| self.pool_of(id)).into_iter().collect(),
            "storage" => {
                self.pools.iter().filter(|(_, p)| p.storages.contains(id)).map(|(name, _)| name.as_str()).collect()
            }
            _ => Vec::new(),
        }
    }

    fn privs_at(&self, auth: &str, path: &str) -> Privs {
        let mut roles: BTreeMap<&str, bool> = BTreeMap::new();
        let groups = self.access.groups_of(auth);
        for (prefix, last) in prefixes(path) {
            let at = |who: &dyn Fn(&str, &str) -> bool| {
                let mut found = BTreeMap::new();
                for entry in self.access.acl.iter().filter(|e| e.path == prefix && who(&e.kind, &e.who)) {
                    if last || entry.propagate {
                        found.insert(entry.role.as_str(), entry.propagate);
                    }
                }
                found
            };
            let direct = at(&|kind, who| kind != "group" && who == auth);
            if !direct.is_empty() {
                roles = direct;
                continue;
            }
            let by_group = at(&|kind, who| kind == "group" && groups.contains(who));
            if !by_group.is_empty() {
                roles = by_group;
            }
        }
        let mut out = Privs::new();
        if roles.contains_key("NoAccess") {
            return out;
        }
        for (role, propagate) in roles {
            for name in self.access.roles.get(role).into_iter().flatten() {
                let flag = out.entry(name.clone()).or_insert(false);
                *flag |= propagate;
            }
        }
        out
    }

    /// Has the user one privilege on a path?
    pub fn may(&self, auth: &str, path: &str, privilege: &str) -> bool {
        auth == "root@pam" || self.privs(auth, path).contains_key(privilege)
    }

    /// Has the user any of the privileges on a path?
    pub fn may_any(&self, auth: &str, path: &str, privs: &[&str]) -> bool {
        if auth == "root@pam" {
            return true;
        }
        let own = self.privs(auth, path);
        privs.iter().any(|p| own.contains_key(*p))
    }

    /// Refuses with 403 unless the caller has all the privileges on a path.
    pub fn need(&self, args: &Args, path: &str, privs: &[&str]) -> Result<(), Fault> {
        let own = self.privs(args.user(), path);
        match privs.iter().find(|p| !own.contains_key(**p)) {
            Some(missing) => Err(Fault::forbidden(path, &[missing])),
            None => Ok(()),
        }
    }

    /// Refuses with 403 unless the caller has any of the privileges on a path.
    pub fn need_any(&self, args: &Args, path: &str, privs: &[&str]) -> Result<(), Fault> {
        if self.may_any(args.user(), path, privs) { Ok(()) } else { Err(Fault::forbidden(path, privs)) }
    }

    /// The check that the method table names for a call.
    pub fn check_permissions(&self, permissions: Option<&Value>, args: &Args) -> Result<(), Fault> {
        if args.is_root() {
            return Ok(());
        }
        let Some(permissions) = permissions else { return Err(refused()) };
        if matches!(permissions["user"].as_str(), Some("all" | "world")) {
            return Ok(());
        }
        self.check(&permissions["check"], args)
    }

    fn check(&self, rule: &Value, args: &Args) -> Result<(), Fault> {
        let Some(parts) = rule.as_array() else { return Err(refused()) };
        let word = |i: usize| parts.get(i).and_then(Value::as_str).unwrap_or("");
        let words = |i: usize| -> Vec<&str> {
            parts.get(i).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
        };
        let option = |name: &str| parts.iter().position(|p| p.as_str() == Some(name)).and_then(|i| parts.get(i + 1));
        match word(0) {
            "and" => parts[1..].iter().try_for_each(|part| self.check(part, args)),
            "or" => {
                if parts[1..].iter().any(|part| self.check(part, args).is_ok()) {
                    Ok(())
                } else {
                    Err(refused())
                }
            }
            "perm" => {
                if let Some(name) = option("require_param").and_then(Value::as_str)
                    && !args.has(name)
                {
                    return Err(refused());
                }
                let path = fill(word(1), args);
                if option("any").is_some() {
                    self.need_any(args, &path, &words(2))
                } else {
                    self.need(args, &path, &words(2))
                }
            }
            "perm-modify" => {
                let path = fill(word(1), args);
                self.need_any(args, &path, changers(&path))
            }
            "userid-param" => {
                let user = args.str("userid");
                if word(1) == "self" {
                    return if user == args.user() { Ok(()) } else { Err(refused()) };
                }
                let realm = user.split_once('@').map_or("", |(_, realm)| realm);
                self.need(args, &format!("/access/realm/{realm}"), &[word(1)])
            }
            "userid-group" => {
                let privs = words(1);
                if self.may_any(args.user(), "/access/groups", &privs) {
                    return Ok(());
                }
                let mut groups: BTreeSet<String> = self.access.groups_of(args.str("userid"));
                if parts.len() > 2 {
                    groups.extend(args.list("groups"));
                }
                if groups.iter().any(|g| self.may_any(args.user(), &format!("/access/groups/{g}"), &privs)) {
                    return Ok(());
                }
                Err(Fault::forbidden("/access/groups", &privs))
            }
            _ => Err(refused()),
        }
    }
}

/// Any of these privileges on a path is enough to change who may do what there.
pub fn changers(path: &str) -> &'static [&'static str] {
    match path.trim_start_matches('/').split_once('/') {
        Some(("storage", _)) => &["Permissions.Modify", "Datastore.Allocate"],
        Some(("vms", _)) => &["Permissions.Modify", "VM.Allocate"],
        Some(("pool", _)) => &["Permissions.Modify", "Pool.Allocate"],
        _ => &["Permissions.Modify"],
    }
}

/// `Permission check failed` without a path.
pub fn refused() -> Fault {
    Fault::new(403, "Permission check failed")
}

/// `{vmid}` in a path of a check replaced by the parameter.
fn fill(template: &str, args: &Args) -> String {
    let mut out = template.to_owned();
    while let Some((start, end)) = out.find('{').and_then(|s| out[s..].find('}').map(|e| (s, s + e))) {
        let value = args.str(&out[start + 1..end]).to_owned();
        out.replace_range(start..=end, &value);
    }
    out
}

/// `/a/b` as `/`, `/a`, `/a/b`, the last one marked.
fn prefixes(path: &str) -> Vec<(String, bool)> {
    let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
    let mut out = vec![("/".to_owned(), parts.is_empty())];
    for i in 0..parts.len() {
        out.push((format!("/{}", parts[..=i].join("/")), i + 1 == parts.len()));
    }
    out
}
