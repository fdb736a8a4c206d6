//! Roles: named sets of privileges, those that come with PVE included.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::access::join;
use super::call::{Args, Fault, Outcome, die};
use super::permission::PRIVILEGES;
use super::router::Route;
use super::state::Cluster;

/// Roles.
pub const ROUTES: &[Route] = &[
    Route("GET", "/access/roles", roles),
    Route("POST", "/access/roles", create_role),
    Route("GET", "/access/roles/{roleid}", role),
    Route("PUT", "/access/roles/{roleid}", update_role),
    Route("DELETE", "/access/roles/{roleid}", delete_role),
];

fn roles(cluster: &mut Cluster, _: &Args) -> Outcome {
    let access = &cluster.access;
    let entry = |(id, privs): (&String, &BTreeSet<String>)| {
        let mut out = json!({"roleid": id, "privs": join(privs)});
        if access.special.contains(id) {
            out["special"] = json!(1);
        }
        out
    };
    Ok(access.roles.iter().map(entry).collect::<Vec<_>>().into())
}

fn find_role<'a>(cluster: &'a mut Cluster, id: &str) -> Result<&'a mut BTreeSet<String>, Fault> {
    cluster.access.roles.get_mut(id).ok_or_else(|| die(format!("role '{id}' does not exist")))
}

fn role(cluster: &mut Cluster, args: &Args) -> Outcome {
    let privs = find_role(cluster, args.str("roleid"))?;
    Ok(Value::Object(privs.iter().map(|p| (p.clone(), json!(1))).collect()).into())
}

fn create_role(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("roleid");
    if id.starts_with("PVE") {
        return Err(Fault::param("roleid", "Invalid role ID - names starting with 'PVE' are reserved"));
    }
    if cluster.access.roles.contains_key(id) {
        return Err(die(format!("create role failed: role '{id}' already exists")));
    }
    cluster.access.roles.insert(id.to_owned(), args.list("privs").into_iter().collect());
    Ok(().into())
}

fn update_role(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("roleid");
    if cluster.access.special.contains(id) {
        return Err(die(format!("update role failed: auto-generated role '{id}' cannot be modified")));
    }
    let privs = find_role(cluster, id)?;
    if args.has("privs") {
        if !args.flag("append") {
            privs.clear();
        }
        privs.extend(args.list("privs"));
    }
    Ok(().into())
}

fn delete_role(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("roleid");
    if cluster.access.special.contains(id) {
        return Err(die(format!("auto-generated role '{id}' cannot be deleted")));
    }
    find_role(cluster, id)?;
    cluster.access.roles.remove(id);
    cluster.access.acl.retain(|e| e.role != id);
    Ok(().into())
}

/// The roles that come with PVE, by name.
pub fn built_in_roles() -> BTreeMap<String, BTreeSet<String>> {
    let starting = |starts: &[&str]| -> BTreeSet<String> {
        let all = PRIVILEGES.iter();
        all.filter(|p| starts.iter().any(|s| p.starts_with(s))).map(|p| (*p).to_owned()).collect()
    };
    let admin: BTreeSet<String> = PRIVILEGES.iter().map(|p| (*p).to_owned()).collect();
    let mut pve_admin = admin.clone();
    for not in [
        "Mapping.Modify",
        "Permissions.Modify",
        "Realm.Allocate",
        "Sys.AccessNetwork",
        "Sys.Incoming",
        "Sys.Modify",
        "Sys.PowerMgmt",
    ] {
        pve_admin.remove(not);
    }
    let list = |names: &[&str]| names.iter().map(|p| (*p).to_owned()).collect::<BTreeSet<_>>();
    let mut out = BTreeMap::new();
    let mut add = |name: &str, privs: BTreeSet<String>| out.insert(name.to_owned(), privs);
    add("Administrator", admin);
    add("NoAccess", BTreeSet::new());
    add("PVEAdmin", pve_admin);
    add(
        "PVEAuditor",
        list(&[
            "Datastore.Audit",
            "Mapping.Audit",
            "Pool.Audit",
            "SDN.Audit",
            "Sys.Audit",
            "VM.Audit",
            "VM.GuestAgent.Audit",
        ]),
    );
    add("PVEDatastoreAdmin", starting(&["Datastore."]));
    add("PVEDatastoreUser", list(&["Datastore.AllocateSpace", "Datastore.Audit"]));
    add("PVEMappingAdmin", starting(&["Mapping."]));
    add("PVEMappingUser", list(&["Mapping.Audit", "Mapping.Use"]));
    add("PVEPoolAdmin", starting(&["Pool."]));
    add("PVEPoolUser", list(&["Pool.Audit"]));
    add("PVESDNAdmin", starting(&["SDN."]));
    add("PVESDNUser", list(&["SDN.Audit", "SDN.Use"]));
    add("PVESysAdmin", list(&["Sys.Audit", "Sys.Console", "Sys.Syslog"]));
    add("PVETemplateUser", list(&["VM.Audit", "VM.Clone"]));
    add("PVEUserAdmin", list(&["Group.Allocate", "Realm.AllocateUser", "User.Modify"]));
    add("PVEVMAdmin", starting(&["VM."]));
    add(
        "PVEVMUser",
        list(&[
            "VM.Audit",
            "VM.Backup",
            "VM.Config.CDROM",
            "VM.Config.Cloudinit",
            "VM.Console",
            "VM.GuestAgent.Audit",
            "VM.GuestAgent.FileRead",
            "VM.GuestAgent.FileSystemMgmt",
            "VM.GuestAgent.FileWrite",
            "VM.PowerMgmt",
        ]),
    );
    out
}
