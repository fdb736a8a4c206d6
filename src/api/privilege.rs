//! Which privilege a change needs, and whether the user has it: to say so before the server refuses.

use super::{
    access::Permissions,
    request::{Method, Wire},
};

/// What a change needs: one of these privileges on this path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Any of these is enough.
    pub any: &'static [&'static str],
    /// The path in the access control list: `/vms/100`.
    pub path: String,
}

impl std::fmt::Display for Need {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} on {}", self.any.join(" or "), self.path)
    }
}

/// A change: method (`*`: any), path (`{guest}` is `qemu` or `lxc`, `**` the rest), the path of the list, privileges.
type Rule = (&'static str, &'static str, &'static str, &'static [&'static str]);

const CONFIG: &[&str] = &[
    "VM.Config.Disk",
    "VM.Config.CDROM",
    "VM.Config.CPU",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.HWType",
    "VM.Config.Options",
    "VM.Config.Cloudinit",
];

/// The first one that fits counts. What is not here is left to the server, as are further checks that it makes.
const RULES: &[Rule] = &[
    ("POST", "/nodes/{node}/{guest}", "/vms/{vmid}", &["VM.Allocate"]),
    ("POST", "/nodes/{node}/{guest}/{vmid}/status/{what}", "/vms/{vmid}", &["VM.PowerMgmt"]),
    (
        "POST",
        "/nodes/{node}/{guest}/{vmid}/snapshot/{name}/rollback",
        "/vms/{vmid}",
        &["VM.Snapshot", "VM.Snapshot.Rollback"],
    ),
    ("*", "/nodes/{node}/{guest}/{vmid}/snapshot/**", "/vms/{vmid}", &["VM.Snapshot"]),
    ("POST", "/nodes/{node}/{guest}/{vmid}/clone", "/vms/{vmid}", &["VM.Clone"]),
    ("POST", "/nodes/{node}/{guest}/{vmid}/migrate", "/vms/{vmid}", &["VM.Migrate"]),
    ("POST", "/nodes/{node}/{guest}/{vmid}/template", "/vms/{vmid}", &["VM.Allocate"]),
    ("*", "/nodes/{node}/{guest}/{vmid}/config", "/vms/{vmid}", CONFIG),
    ("PUT", "/nodes/{node}/{guest}/{vmid}/resize", "/vms/{vmid}", &["VM.Config.Disk"]),
    ("POST", "/nodes/{node}/{guest}/{vmid}/move_disk", "/vms/{vmid}", &["VM.Config.Disk"]),
    ("POST", "/nodes/{node}/{guest}/{vmid}/move_volume", "/vms/{vmid}", &["VM.Config.Disk"]),
    ("POST", "/nodes/{node}/{guest}/{vmid}/termproxy", "/vms/{vmid}", &["VM.Console"]),
    ("POST", "/nodes/{node}/{guest}/{vmid}/vncproxy", "/vms/{vmid}", &["VM.Console"]),
    ("POST", "/nodes/{node}/{guest}/{vmid}/spiceproxy", "/vms/{vmid}", &["VM.Console"]),
    ("*", "/nodes/{node}/{guest}/{vmid}/firewall/**", "/vms/{vmid}", &["VM.Config.Network"]),
    ("DELETE", "/nodes/{node}/{guest}/{vmid}", "/vms/{vmid}", &["VM.Allocate"]),
    ("POST", "/nodes/{node}/status", "/nodes/{node}", &["Sys.PowerMgmt"]),
    ("*", "/nodes/{node}/network/**", "/nodes/{node}", &["Sys.Modify"]),
    ("POST", "/nodes/{node}/storage/{storage}/upload", "/storage/{storage}", &["Datastore.AllocateTemplate"]),
    ("POST", "/nodes/{node}/storage/{storage}/download-url", "/storage/{storage}", &["Datastore.AllocateTemplate"]),
    ("*", "/cluster/backup/**", "/", &["Sys.Modify"]),
    ("POST", "/storage", "/storage", &["Datastore.Allocate"]),
    ("*", "/storage/{storage}", "/storage", &["Datastore.Allocate"]),
];

/// What a change needs, as far as it is known here.
pub fn needed(wire: &Wire) -> Option<Need> {
    if wire.method == Method::Get {
        return None;
    }
    if wire.path == "/access/acl" {
        return wire.get("path").map(|path| Need { any: grants(path), path: path.to_owned() });
    }
    // A restore over a guest that is there takes other privileges than a new guest.
    if wire.get("archive").or(wire.get("restore")).is_some() {
        return None;
    }
    let parts: Vec<&str> = wire.path.split('/').filter(|p| !p.is_empty()).collect();
    RULES.iter().filter(|rule| rule.0 == "*" || rule.0 == wire.method.as_str()).find_map(|(_, path, list, any)| {
        let found = fits(path, &parts)?;
        let fill = |piece: &str| match piece.strip_prefix('{').and_then(|n| n.strip_suffix('}')) {
            Some(name) => {
                let there = found.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
                there.or_else(|| wire.get(name)).unwrap_or_default().to_owned()
            }
            None => piece.to_owned(),
        };
        let path = list.split('/').map(fill).collect::<Vec<_>>().join("/");
        Some(Need { any, path })
    })
}

/// Who may change what others may do on a path. All but the first may hand on only what they have themselves.
fn grants(path: &str) -> &'static [&'static str] {
    match path.trim_start_matches('/').split_once('/') {
        Some(("vms", _)) => &["Permissions.Modify", "VM.Allocate"],
        Some(("storage", _)) => &["Permissions.Modify", "Datastore.Allocate"],
        Some(("pool", _)) => &["Permissions.Modify", "Pool.Allocate"],
        _ => &["Permissions.Modify"],
    }
}

/// What a privilege allows, in a few words; `None` for one that is not known here.
pub fn meaning(privilege: &str) -> Option<(&'static str, &'static str)> {
    MEANINGS.iter().find(|(name, _)| *name == privilege).copied()
}

/// The privileges of Proxmox VE 9.
const MEANINGS: &[(&str, &str)] = &[
    ("Datastore.Allocate", "create, change and remove a storage; delete any volume on it"),
    ("Datastore.AllocateSpace", "take space: disks, backups"),
    ("Datastore.AllocateTemplate", "upload and download ISO images and container templates"),
    ("Datastore.Audit", "see a storage and what it keeps"),
    ("Group.Allocate", "create, change and remove groups"),
    ("Mapping.Audit", "see mappings of devices"),
    ("Mapping.Modify", "create, change and remove mappings of devices"),
    ("Mapping.Use", "use mapped devices"),
    ("Permissions.Modify", "change what others may do"),
    ("Pool.Allocate", "create, change and remove pools"),
    ("Pool.Audit", "see a pool"),
    ("Realm.Allocate", "create, change and remove realms"),
    ("Realm.AllocateUser", "give a user to a realm"),
    ("SDN.Allocate", "create, change and remove networks of the cluster"),
    ("SDN.Audit", "see networks of the cluster"),
    ("SDN.Use", "attach guests to networks and bridges"),
    ("Sys.AccessNetwork", "let a node fetch files from other machines"),
    ("Sys.Audit", "see nodes, settings of the cluster and HA"),
    ("Sys.Console", "open a shell on a node"),
    ("Sys.Incoming", "take guests in from another cluster"),
    ("Sys.Modify", "change nodes, networks, the cluster's settings and backup jobs"),
    ("Sys.PowerMgmt", "shut down, restart and wake nodes"),
    ("Sys.Syslog", "read the logs of nodes"),
    ("User.Modify", "create, change and remove users"),
    ("VM.Allocate", "create and remove guests"),
    ("VM.Audit", "see a guest and its settings"),
    ("VM.Backup", "back up and restore"),
    ("VM.Clone", "clone a guest or a template"),
    ("VM.Config.CDROM", "insert and eject media"),
    ("VM.Config.CPU", "change processors"),
    ("VM.Config.Cloudinit", "change cloud-init settings"),
    ("VM.Config.Disk", "add, change and remove disks"),
    ("VM.Config.HWType", "change emulated hardware"),
    ("VM.Config.Memory", "change memory"),
    ("VM.Config.Network", "change network cards and the firewall"),
    ("VM.Config.Options", "change all other settings"),
    ("VM.Console", "use the console"),
    ("VM.GuestAgent.Audit", "ask the guest agent"),
    ("VM.GuestAgent.FileRead", "read files through the guest agent"),
    ("VM.GuestAgent.FileSystemMgmt", "freeze, thaw and trim file systems"),
    ("VM.GuestAgent.FileWrite", "write files through the guest agent"),
    ("VM.GuestAgent.Unrestricted", "run anything through the guest agent"),
    ("VM.Migrate", "move a guest to another node"),
    ("VM.PowerMgmt", "start, stop, reset, pause"),
    ("VM.Replicate", "change replication"),
    ("VM.Snapshot", "take and delete snapshots"),
    ("VM.Snapshot.Rollback", "roll back to a snapshot"),
];

/// The values of the placeholders when the path is of this form.
fn fits<'p>(form: &'static str, parts: &[&'p str]) -> Option<Vec<(&'static str, &'p str)>> {
    let (mut found, mut rest) = (vec![], parts);
    for piece in form.split('/').filter(|p| !p.is_empty()) {
        if piece == "**" {
            return Some(found);
        }
        let (first, others) = rest.split_first()?;
        match piece.strip_prefix('{').and_then(|n| n.strip_suffix('}')) {
            Some("guest") if !matches!(*first, "qemu" | "lxc") => return None,
            Some(name) => found.push((name, *first)),
            None if piece != *first => return None,
            None => {}
        }
        rest = others;
    }
    rest.is_empty().then_some(found)
}

/// Whether the server's list of one's own permissions has a privilege on a path: there itself, or on the nearest path
/// above, if it propagates.
pub fn has(permissions: &Permissions, privilege: &str, path: &str) -> bool {
    if let Some(here) = permissions.get(path) {
        return here.contains_key(privilege);
    }
    let mut above = path;
    while above != "/" {
        above = match above.rfind('/') {
            Some(0) | None => "/",
            Some(i) => &above[..i],
        };
        if let Some(there) = permissions.get(above) {
            return there.get(privilege).is_some_and(|p| p.0);
        }
    }
    false
}

/// Privilege and path in the words of a refusal: `Permission check failed (/vms/100, VM.PowerMgmt)`.
pub fn named(message: &str) -> Option<Need403> {
    let inner = message.split_once("Permission check failed (")?.1.split(')').next()?;
    let (path, privileges) = inner.split_once(", ")?;
    path.starts_with('/').then(|| Need403 { privileges: privileges.replace('|', " or "), path: path.to_owned() })
}

/// What a server said was missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need403 {
    /// One of these: `VM.Audit or VM.Console`.
    pub privileges: String,
    /// On this path.
    pub path: String,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::api::{Request, access};

    fn need(request: Request<()>) -> Option<String> {
        needed(&request.wire).map(|n| n.to_string())
    }

    #[test]
    fn what_changes_need() {
        for (request, want) in [
            (Request::post("/nodes/a/qemu/100/status/start"), Some("VM.PowerMgmt on /vms/100")),
            (Request::delete("/nodes/a/lxc/200"), Some("VM.Allocate on /vms/200")),
            (
                Request::post("/nodes/a/lxc/200/snapshot/x/rollback"),
                Some("VM.Snapshot or VM.Snapshot.Rollback on /vms/200"),
            ),
            (Request::post("/nodes/a/lxc/200/snapshot"), Some("VM.Snapshot on /vms/200")),
            (Request::delete("/nodes/a/qemu/1/snapshot/x"), Some("VM.Snapshot on /vms/1")),
            (Request::delete("/nodes/a/network/vmbr0"), Some("Sys.Modify on /nodes/a")),
            (Request::put("/nodes/a/network"), Some("Sys.Modify on /nodes/a")),
            (Request::post("/nodes/a/status"), Some("Sys.PowerMgmt on /nodes/a")),
            (
                Request::put("/access/acl").param("path", "/vms/100"),
                Some("Permissions.Modify or VM.Allocate on /vms/100"),
            ),
            (Request::put("/access/acl").param("path", "/vms"), Some("Permissions.Modify on /vms")),
            (Request::post("/storage"), Some("Datastore.Allocate on /storage")),
            (Request::delete("/storage/nas"), Some("Datastore.Allocate on /storage")),
            (Request::post("/cluster/backup"), Some("Sys.Modify on /")),
            (Request::post("/nodes/a/qemu").param("vmid", "100"), Some("VM.Allocate on /vms/100")),
            (Request::post("/nodes/a/lxc").param("vmid", "100").param("restore", "1"), None),
            (Request::get("/nodes/a/qemu/100/status/current"), None),
            (Request::delete("/nodes/a/tasks/UPID"), None),
        ] {
            let call = request.to_string();
            assert_eq!(need(request).as_deref(), want, "{call}");
        }
    }

    #[test]
    fn permissions_propagate_and_are_overridden_below() {
        let all = access::permissions()
            .decode(
                br#"{"data":{"/":{"Sys.Audit":1},"/vms":{"VM.Audit":1,"VM.PowerMgmt":0},"/vms/100":{"VM.Console":1},
                    "/storage":{"Datastore.Audit":1}}}"#,
            )
            .unwrap();
        for (privilege, path, want) in [
            ("Sys.Audit", "/", true),
            ("Sys.Audit", "/nodes/a", true),
            ("VM.Audit", "/vms", true),
            ("VM.Audit", "/vms/101", true),
            ("VM.PowerMgmt", "/vms", true),
            ("VM.PowerMgmt", "/vms/101", false),
            ("VM.Console", "/vms/100", true),
            ("VM.Audit", "/vms/100", false),
            ("VM.Audit", "/pool/x", false),
            ("Datastore.Audit", "/storage/nas", true),
        ] {
            assert_eq!(has(&all, privilege, path), want, "{privilege} on {path}");
        }
        assert!(!has(&Permissions::default(), "VM.Audit", "/vms/1"));
    }

    #[test]
    fn refusals_name_what_is_missing() {
        let found = named("Permission check failed (/vms/100, VM.Audit|VM.Console)").unwrap();
        assert_eq!((found.path.as_str(), found.privileges.as_str()), ("/vms/100", "VM.Audit or VM.Console"));
        assert_eq!(named("Permission check failed (URI 'x' not available with API token, need proper ticket.)"), None);
        assert_eq!(named("Permission check failed"), None);
    }
}
