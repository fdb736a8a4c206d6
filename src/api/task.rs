//! Tasks: what the server works on after it has answered with a task id.

use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Deserializer};

use super::{
    ids::{NodeName, Upid, VmId},
    json::loose,
    request::{Paged, Request},
};

/// `GET /nodes/{node}/tasks/{upid}/status`
pub fn status(upid: &Upid) -> Request<Task> {
    Request::get(upid.path("status"))
}

/// `GET /nodes/{node}/tasks/{upid}/log`: `limit` lines from the 0-based line `start` on (`limit` 0 means all); `total`
/// is how many there are so far.
pub fn log(upid: &Upid, start: u64, limit: u64) -> Request<Paged<LogLine>> {
    Request::<Vec<LogLine>>::get(upid.path("log")).param("start", start).param("limit", limit).paged()
}

/// `GET /nodes/{node}/tasks`: newest first; `total` is how many fit the filter, and is missing when there are none.
pub fn list(node: &NodeName, filter: &Filter) -> Request<Paged<Task>> {
    Request::<Vec<Task>>::get(node.path("tasks"))
        .maybe("start", filter.start)
        .maybe("limit", filter.limit)
        .maybe("vmid", filter.vmid)
        .maybe("typefilter", filter.kind.as_deref())
        .maybe("userfilter", filter.user.as_deref())
        .maybe("source", filter.source.map(Source::as_str))
        .maybe("errors", filter.errors.then_some(1))
        .maybe("since", filter.since)
        .maybe("until", filter.until)
        .maybe("statusfilter", filter.status.as_deref())
        .paged()
}

/// `DELETE /nodes/{node}/tasks/{upid}`: asks the task to stop; it cleans up and ends with an error.
pub fn stop(upid: &Upid) -> Request<()> {
    Request::delete(upid.path(""))
}

/// Which tasks [`list`] shall give; nothing set means the newest 50 that have ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// How many to leave out at the beginning.
    pub start: Option<u64>,
    /// How many at most.
    pub limit: Option<u64>,
    /// Only those about this guest.
    pub vmid: Option<VmId>,
    /// Only those whose type holds this text, for example `vzdump`.
    pub kind: Option<String>,
    /// Only those of users whose name holds this text.
    pub user: Option<String>,
    /// Ended, running or both.
    pub source: Option<Source>,
    /// Only those that ended with an error.
    pub errors: bool,
    /// Only those that started at or after this time, in Unix seconds.
    pub since: Option<u64>,
    /// Only those that started at or before this time, in Unix seconds.
    pub until: Option<u64>,
    /// Only those with one of these results: a comma separated list of `ok`, `warning`, `error`, `unknown`.
    pub status: Option<String>,
}

/// Where [`list`] looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Tasks that have ended.
    Archive,
    /// Tasks that run, and those that ended just now.
    Active,
    /// Both.
    All,
}

impl Source {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Active => "active",
            Self::All => "all",
        }
    }
}

/// A task, from its status or from a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub upid: Upid,
    /// The node that runs it.
    pub node: NodeName,
    /// Its type, for example `qmstart`.
    pub kind: CompactString,
    /// What it is about: mostly a guest's number; may be empty.
    pub id: CompactString,
    /// Who started it; with a token: `user@realm!token`.
    pub user: CompactString,
    /// When it started, in Unix seconds.
    pub starttime: u64,
    /// When it ended, in Unix seconds. A task's own status does not tell.
    pub endtime: Option<u64>,
    /// How it is or how it ended.
    pub status: TaskState,
}

impl Task {
    /// What it does, for people: `VM 100 - Start`.
    pub fn description(&self) -> String {
        describe(&self.kind, &self.id)
    }

    /// The guest that it is about, when its id is a number of one.
    pub fn vmid(&self) -> Option<VmId> {
        self.id.parse().ok()
    }
}

/// How a task is or how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TaskState {
    /// Not ended yet.
    Running,
    /// Ended well.
    Ok,
    /// Ended well, with this many warnings in its log.
    Warnings(u32),
    /// Ended with this error.
    Failed(CompactString),
    /// Ended, but nobody knows how: it was killed, or its node went down.
    #[default]
    Unknown,
}

impl TaskState {
    /// The state that a list's `status` or a status's `exitstatus` means.
    pub fn from_api(text: &str) -> Self {
        match text.trim() {
            "" | "unexpected status" | "unknown" | "stopped" => Self::Unknown,
            "OK" => Self::Ok,
            "RUNNING" | "running" => Self::Running,
            other => match other.strip_prefix("WARNINGS:") {
                Some(number) => Self::Warnings(number.trim().parse().unwrap_or(1)),
                None => Self::Failed(other.into()),
            },
        }
    }

    /// True until it has ended.
    pub fn is_running(&self) -> bool {
        *self == Self::Running
    }

    /// True when it has done what it should, warnings or not.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Ok | Self::Warnings(_))
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running => f.pad("running"),
            Self::Ok => f.pad("OK"),
            Self::Warnings(n) => f.pad(&compact_str::format_compact!("WARNINGS: {n}")),
            Self::Failed(text) => f.pad(text),
            Self::Unknown => f.pad("unknown"),
        }
    }
}

impl<'de> Deserialize<'de> for Task {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Row {
            upid: Upid,
            #[serde(default, deserialize_with = "loose")]
            node: Option<NodeName>,
            #[serde(default, rename = "type", deserialize_with = "loose")]
            kind: Option<CompactString>,
            #[serde(default, deserialize_with = "loose")]
            id: Option<CompactString>,
            #[serde(default, deserialize_with = "loose")]
            user: Option<CompactString>,
            #[serde(default, deserialize_with = "loose")]
            tokenid: Option<CompactString>,
            #[serde(default, deserialize_with = "loose")]
            starttime: Option<u64>,
            #[serde(default, deserialize_with = "loose")]
            endtime: Option<u64>,
            #[serde(default, deserialize_with = "loose")]
            status: Option<CompactString>,
            #[serde(default, deserialize_with = "loose")]
            exitstatus: Option<CompactString>,
        }
        let row = Row::deserialize(deserializer)?;
        let status = match (&row.exitstatus, &row.status) {
            (Some(text), _) | (None, Some(text)) => TaskState::from_api(text),
            (None, None) if row.endtime.is_none() => TaskState::Running,
            (None, None) => TaskState::Unknown,
        };
        let mut user = row.user.unwrap_or_else(|| row.upid.user().into());
        if let Some(token) = row.tokenid.filter(|_| !user.contains('!')) {
            user = compact_str::format_compact!("{user}!{token}");
        }
        Ok(Self {
            node: row.node.unwrap_or_else(|| row.upid.node()),
            kind: row.kind.unwrap_or_else(|| row.upid.kind().into()),
            id: row.id.unwrap_or_else(|| row.upid.id().into()),
            user,
            starttime: row.starttime.unwrap_or_else(|| row.upid.started()),
            endtime: row.endtime,
            status,
            upid: row.upid,
        })
    }
}

/// A line of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct LogLine {
    /// Its number, from 1 on.
    #[serde(deserialize_with = "loose")]
    pub n: u64,
    /// The line without its end.
    #[serde(deserialize_with = "loose")]
    pub t: String,
}

/// Task types with what they are about and what they do. An empty subject stands for tasks without an id.
const TYPES: &[(&str, &str, &str)] = &[
    ("acmedeactivate", "ACME Account", "Deactivate"),
    ("acmenewcert", "SRV", "Order Certificate"),
    ("acmerefresh", "ACME Account", "Refresh"),
    ("acmeregister", "ACME Account", "Register"),
    ("acmerenew", "SRV", "Renew Certificate"),
    ("acmerevoke", "SRV", "Revoke Certificate"),
    ("acmeupdate", "ACME Account", "Update"),
    ("aptupdate", "", "Update package database"),
    ("auth-realm-sync", "Realm", "Sync"),
    ("auth-realm-sync-test", "Realm", "Sync Preview"),
    ("bulk-migrate", "", "Bulk migrate guests"),
    ("bulk-shutdown", "", "Bulk shutdown guests"),
    ("bulk-start", "", "Bulk start guests"),
    ("bulk-suspend", "", "Bulk suspend guests"),
    ("cephcreatemds", "Ceph Metadata Server", "Create"),
    ("cephcreatemgr", "Ceph Manager", "Create"),
    ("cephcreatemon", "Ceph Monitor", "Create"),
    ("cephcreateosd", "Ceph OSD", "Create"),
    ("cephcreatepool", "Ceph Pool", "Create"),
    ("cephdestroyfs", "CephFS", "Destroy"),
    ("cephdestroymds", "Ceph Metadata Server", "Destroy"),
    ("cephdestroymgr", "Ceph Manager", "Destroy"),
    ("cephdestroymon", "Ceph Monitor", "Destroy"),
    ("cephdestroyosd", "Ceph OSD", "Destroy"),
    ("cephdestroypool", "Ceph Pool", "Destroy"),
    ("cephfscreate", "CephFS", "Create"),
    ("cephsetflags", "", "Change global Ceph flags"),
    ("cephsetpool", "Ceph Pool", "Edit"),
    ("clustercreate", "", "Create Cluster"),
    ("clusterjoin", "", "Join Cluster"),
    ("dircreate", "Directory Storage", "Create"),
    ("dirremove", "Directory", "Remove"),
    ("diskinit", "Disk", "Initialize with GPT"),
    ("download", "File", "Download"),
    ("hamigrate", "HA", "Migrate"),
    ("hashutdown", "HA", "Shutdown"),
    ("hastart", "HA", "Start"),
    ("hastop", "HA", "Stop"),
    ("imgcopy", "", "Copy data"),
    ("imgdel", "", "Erase data"),
    ("lvmcreate", "LVM Storage", "Create"),
    ("lvmremove", "Volume Group", "Remove"),
    ("lvmthincreate", "LVM-Thin Storage", "Create"),
    ("lvmthinremove", "Thinpool", "Remove"),
    ("migrateall", "", "Bulk migrate VMs and Containers"),
    ("move_volume", "CT", "Move Volume"),
    ("pbs-download", "VM/CT", "File Restore Download"),
    ("prunebackups", "Storage", "Prune backups"),
    ("pull_file", "CT", "Pull file"),
    ("push_file", "CT", "Push file"),
    ("qmclone", "VM", "Clone"),
    ("qmconfig", "VM", "Configure"),
    ("qmcreate", "VM", "Create"),
    ("qmdelsnapshot", "VM", "Delete Snapshot"),
    ("qmdestroy", "VM", "Destroy"),
    ("qmigrate", "VM", "Migrate"),
    ("qmmove", "VM", "Move disk"),
    ("qmpause", "VM", "Pause"),
    ("qmreboot", "VM", "Reboot"),
    ("qmreset", "VM", "Reset"),
    ("qmrestore", "VM", "Restore"),
    ("qmresume", "VM", "Resume"),
    ("qmrollback", "VM", "Rollback"),
    ("qmshutdown", "VM", "Shutdown"),
    ("qmsnapshot", "VM", "Snapshot"),
    ("qmstart", "VM", "Start"),
    ("qmstop", "VM", "Stop"),
    ("qmsuspend", "VM", "Hibernate"),
    ("qmtemplate", "VM", "Convert to template"),
    ("reloadnetworkall", "", "Reload network configuration on all nodes"),
    ("resize", "VM/CT", "Resize"),
    ("spiceproxy", "VM/CT", "Console (Spice)"),
    ("spiceshell", "", "Shell (Spice)"),
    ("srvreload", "SRV", "Reload"),
    ("srvrestart", "SRV", "Restart"),
    ("srvstart", "SRV", "Start"),
    ("srvstop", "SRV", "Stop"),
    ("startall", "", "Bulk start VMs and Containers"),
    ("stopall", "", "Bulk shutdown VMs and Containers"),
    ("suspendall", "", "Suspend all VMs"),
    ("unknownimgdel", "", "Destroy image from unknown guest"),
    ("vncproxy", "VM/CT", "Console"),
    ("vncshell", "", "Shell"),
    ("vzclone", "CT", "Clone"),
    ("vzcreate", "CT", "Create"),
    ("vzdelsnapshot", "CT", "Delete Snapshot"),
    ("vzdestroy", "CT", "Destroy"),
    ("vzdump", "VM/CT", "Backup"),
    ("vzmigrate", "CT", "Migrate"),
    ("vzmount", "CT", "Mount"),
    ("vzreboot", "CT", "Reboot"),
    ("vzrestore", "CT", "Restore"),
    ("vzresume", "CT", "Resume"),
    ("vzrollback", "CT", "Rollback"),
    ("vzshutdown", "CT", "Shutdown"),
    ("vzsnapshot", "CT", "Snapshot"),
    ("vzstart", "CT", "Start"),
    ("vzstop", "CT", "Stop"),
    ("vzsuspend", "CT", "Suspend"),
    ("vztemplate", "CT", "Convert to template"),
    ("vzumount", "CT", "Unmount"),
    ("wipedisk", "Device", "Wipe Disk"),
    ("zfscreate", "ZFS Storage", "Create"),
    ("zfsremove", "ZFS Pool", "Remove"),
];

/// What a task of this type and id does, in the web interface's words: `describe("qmstart", "100")` is `VM 100 - Start`.
pub fn describe(kind: &str, id: &str) -> String {
    if (kind, id) == ("vzdump", "") {
        return "Backup Job".into();
    }
    match TYPES.iter().find(|(name, ..)| *name == kind) {
        Some((_, subject, action)) if !subject.is_empty() && !id.is_empty() => format!("{subject} {id} - {action}"),
        Some((_, _, action)) => (*action).into(),
        None if id.is_empty() => kind.into(),
        None => format!("{kind} {id}"),
    }
}

/// The known types with what they do: `("qmstart", "VM: Start")`.
pub fn kinds() -> impl Iterator<Item = (&'static str, String)> {
    let words = |subject: &str, action: &str| match subject {
        "" => action.to_owned(),
        subject => format!("{subject}: {action}"),
    };
    TYPES.iter().map(move |(kind, subject, action)| (*kind, words(subject, action)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const UPID: &str = "UPID:pve1:00007D61:00097EA9:6B015FE7:qmsnapshot:101:root@pam!ci:";

    #[test]
    fn endpoints_as_text() {
        let upid = Upid::parse("UPID:n:00000001:00000002:00000003:qmstart:100:root@pam:").unwrap();
        let path = "/nodes/n/tasks/UPID%3An%3A00000001%3A00000002%3A00000003%3Aqmstart%3A100%3Aroot%40pam%3A";
        assert_eq!(status(&upid).to_string(), format!("GET {path}/status"));
        assert_eq!(log(&upid, 50, 500).to_string(), format!("GET {path}/log start=50 limit=500"));
        assert_eq!(stop(&upid).to_string(), format!("DELETE {path}"));
        assert_eq!(list(&"n".into(), &Filter::default()).to_string(), "GET /nodes/n/tasks");
        let filter = Filter {
            source: Some(Source::All),
            errors: true,
            vmid: VmId::new(100),
            limit: Some(5),
            ..Filter::default()
        };
        assert_eq!(list(&"n".into(), &filter).to_string(), "GET /nodes/n/tasks limit=5 vmid=100 source=all errors=1");
    }

    #[test]
    fn states() {
        let task = |rest: &str| -> Task { serde_json::from_str(&format!("{{\"upid\":\"{UPID}\"{rest}}}")).unwrap() };
        for (rest, state) in [
            (r#","status":"running""#, TaskState::Running),
            (r#","status":"RUNNING""#, TaskState::Running),
            ("", TaskState::Running),
            (r#","endtime":5"#, TaskState::Unknown),
            (r#","status":"stopped","exitstatus":"OK""#, TaskState::Ok),
            (r#","status":"stopped""#, TaskState::Unknown),
            (r#","endtime":5,"status":"WARNINGS: 3""#, TaskState::Warnings(3)),
            (r#","endtime":"5","status":"unexpected status""#, TaskState::Unknown),
            (r#","endtime":5,"status":"no such disk""#, TaskState::Failed("no such disk".into())),
        ] {
            assert_eq!(task(rest).status, state, "{rest}");
        }
        let bare = task("");
        assert_eq!((bare.node.as_str(), &*bare.kind, &*bare.id), ("pve1", "qmsnapshot", "101"));
        assert_eq!((&*bare.user, bare.starttime), ("root@pam!ci", 0x6B01_5FE7));
        assert_eq!(&*task(r#","user":"root@pam","tokenid":"ci""#).user, "root@pam!ci");
        assert_eq!(bare.description(), "VM 101 - Snapshot");
    }

    #[test]
    fn descriptions() {
        for (kind, id, text) in [
            ("qmstart", "100", "VM 100 - Start"),
            ("vzdump", "", "Backup Job"),
            ("vzdump", "100", "VM/CT 100 - Backup"),
            ("vncshell", "", "Shell"),
            ("imgdel", "200@local", "Erase data"),
            ("download", "x.iso", "File x.iso - Download"),
            ("aptupdate", "", "Update package database"),
            ("newthing", "7", "newthing 7"),
            ("newthing", "", "newthing"),
        ] {
            assert_eq!(describe(kind, id), text);
        }
        assert!(TYPES.is_sorted_by_key(|(name, ..)| name), "keep the table in order");
    }
}
