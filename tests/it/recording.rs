//! Recorded answers of a real server are understood.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proxmux::api::firewall::Scope;
use proxmux::api::ids::{GuestKind, GuestRef, NodeName, StorageId, Upid, VmId, VolId};
use proxmux::api::{
    ApiError, Raw, access, acl, agent, backup, cloudinit, cluster, disk, error, firewall, guest, job, lxc, network,
    node, privilege, progress::Progress, property::Properties, replication, rrd, snapshot, storage, task, version, vm,
};
use serde_json::Value;

use crate::schema::data_folder;

/// A recorded exchange with the path as far as it is known.
struct Recording {
    name: String,
    method: String,
    path: String,
    status: u16,
    reason: String,
    body: Value,
}

fn recordings(what: &str) -> Option<Vec<Recording>> {
    let folder = data_folder(what)?.join("recordings");
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).expect("a folder of recordings").flatten().map(|entry| entry.path()).collect();
    files.sort();
    let all: Vec<_> = files
        .iter()
        .filter_map(|file| {
            let whole: Value = serde_json::from_slice(&std::fs::read(file).expect("a file")).expect("JSON");
            let response = whole.get("response")?.as_object()?;
            Some(Recording {
                name: file.file_stem()?.to_string_lossy().into_owned(),
                method: whole["request"]["method"].as_str()?.to_owned(),
                path: plain(&whole["request"]["path"]).strip_prefix("/api2/json")?.to_owned(),
                status: response["status"].as_u64()?.try_into().ok()?,
                reason: response.get("reason").and_then(Value::as_str).unwrap_or_default().to_owned(),
                body: response.get("body").cloned().unwrap_or_default(),
            })
        })
        .collect();
    assert!(!all.is_empty(), "no recordings in {}", folder.display());
    Some(all)
}

/// Text, or a list of texts and references; a reference stands for one part of a path.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(plain).collect(),
        _ => "ref".into(),
    }
}

impl Recording {
    fn bytes(&self) -> Bytes {
        match &self.body {
            Value::Null => Bytes::new(),
            Value::String(text) => text.clone().into(),
            json => json.to_string().into(),
        }
    }

    fn fits(&self, method: &str, path: &str) -> bool {
        let own = self.path.split('/');
        self.method == method
            && own.clone().count() == path.split('/').count()
            && own.zip(path.split('/')).all(|(own, name)| {
                own == name || name.starts_with('{') || name == "qemu|lxc" && matches!(own, "qemu" | "lxc")
            })
    }
}

/// Decodes an answer and tells how many rows it got from a list.
type Decode = fn(&[u8]) -> Result<Option<usize>, ApiError>;

fn n() -> NodeName {
    "pve1".into()
}

fn s() -> StorageId {
    "local".into()
}

fn g() -> GuestRef {
    GuestRef::new("pve1", GuestKind::Vm, VmId::MIN)
}

fn ct() -> GuestRef {
    GuestRef::new("pve1", GuestKind::Ct, VmId::MIN)
}

fn u() -> Upid {
    "UPID:pve1:00007D61:00097EA9:6B015FE7:qmsnapshot:101:root@pam:".parse().expect("a task id")
}

/// Endpoint, decoder, and how many recordings there must be at least.
const ENDPOINTS: &[(&str, &str, Decode, usize)] = &[
    ("GET", "/access/domains", |b| access::domains().decode(b).map(|l| Some(l.len())), 2),
    ("POST", "/access/ticket", |b| access::ticket("a@pve", &"x".into()).decode(b).map(|_| None), 5),
    ("GET", "/access/permissions", |b| access::permissions().decode(b).map(|_| None), 3),
    (
        "GET",
        "/access/acl",
        |b| {
            acl::list().decode(b).map(|l| {
                assert!(l.iter().any(|e| e.kind == acl::Kind::Token) && l.iter().all(|e| e.propagate));
                Some(l.len())
            })
        },
        2,
    ),
    ("PUT", "/access/acl", |b| acl::grant(&acl::Entry::default()).decode(b).map(|()| None), 3),
    ("GET", "/access/users", |b| acl::users().decode(b).map(|l| Some(l.len())), 2),
    ("GET", "/access/groups", |b| acl::groups().decode(b).map(|l| Some(l.len())), 1),
    (
        "GET",
        "/access/roles",
        |b| {
            acl::roles().decode(b).map(|l| {
                let all = l.iter().flat_map(acl::Role::privileges);
                let strangers: Vec<&str> = all.filter(|p| privilege::meaning(p).is_none()).collect();
                assert!(strangers.is_empty(), "nobody says what these allow: {strangers:?}");
                Some(l.len())
            })
        },
        1,
    ),
    ("GET", "/version", |b| version::get().decode(b).map(|v| v.major().map(|_| 0)), 2),
    ("GET", "/nodes/{}/version", |b| version::of_node(&n()).decode(b).map(|v| v.major().map(|_| 0)), 1),
    (
        "GET",
        "/cluster/resources",
        |b| {
            cluster::resources()
                .decode(b)
                .map(|r| Some(r.guests.len() + r.nodes.len() + r.storages.len() + r.pools.len()))
        },
        8,
    ),
    ("GET", "/cluster/status", |b| cluster::status().decode(b).map(|s| Some(s.nodes.len())), 1),
    ("GET", "/cluster/tasks", |b| cluster::tasks().decode(b).map(|t| Some(t.len())), 1),
    ("GET", "/cluster/nextid", |b| cluster::next_id(None).decode(b).map(|_| None), 2),
    ("GET", "/cluster/options", |b| cluster::options().decode(b).map(|_| None), 2),
    ("GET", "/cluster/log", |b| cluster::log(5).decode(b).map(|l| Some(l.len())), 0),
    ("GET", "/nodes", |b| node::list().decode(b).map(|l| Some(l.len())), 3),
    ("GET", "/nodes/{}/status", |b| node::status(&n()).decode(b).map(|_| None), 2),
    (
        "GET",
        "/nodes/{}/rrddata",
        |b| node::rrddata(&n(), rrd::Timeframe::Hour, rrd::Consolidation::Average).decode(b).map(|l| Some(l.len())),
        2,
    ),
    ("GET", "/nodes/{}/network", |b| network::list(&n(), None).decode(b).map(|l| Some(l.data.len())), 3),
    (
        "GET",
        "/nodes/{}/tasks",
        |b| {
            task::list(&n(), &task::Filter::default()).decode(b).map(|l| {
                assert!(l.total.is_some() || l.data.is_empty(), "the total is missing");
                Some(l.data.len())
            })
        },
        9,
    ),
    ("GET", "/nodes/{}/tasks/{}/status", |b| task::status(&u()).decode(b).map(|_| None), 100),
    (
        "GET",
        "/nodes/{}/tasks/{}/log",
        |b| {
            task::log(&u(), 0, 0).decode(b).map(|l| {
                assert!(l.total.is_some(), "the total is missing");
                Some(l.data.len())
            })
        },
        100,
    ),
    ("DELETE", "/nodes/{}/tasks/{}", |b| task::stop(&u()).decode(b).map(|()| None), 1),
    ("GET", "/nodes/{}/qemu", |b| vm::list(&n(), false).decode(b).map(|l| Some(l.len())), 5),
    ("POST", "/nodes/{}/qemu", |b| vm::create(&n(), VmId::MIN, &[]).decode(b).map(checked), 10),
    ("GET", "/nodes/{}/lxc", |b| lxc::list(&n()).decode(b).map(|l| Some(l.len())), 1),
    ("POST", "/nodes/{}/lxc", |b| lxc::create(&n(), VmId::MIN, &[]).decode(b).map(checked), 4),
    ("GET", "/nodes/{}/lxc/{}/interfaces", |b| agent::interfaces(&ct()).decode(b).map(|l| Some(l.len())), 1),
    (
        "GET",
        "/nodes/{}/qemu/{}/agent/network-get-interfaces",
        |b| {
            agent::interfaces(&g()).decode(b).map(|l| {
                assert!(l.iter().any(|i| !i.is_loopback() && i.ip_addresses.iter().any(|a| !a.is_link_local())));
                Some(l.len())
            })
        },
        1,
    ),
    ("GET", "/nodes/{}/qemu/{}/agent/get-host-name", |b| agent::host_name(&g()).decode(b).map(|_| None), 1),
    ("GET", "/nodes/{}/qemu/{}/agent/get-fsinfo", |b| agent::file_systems(&g()).decode(b).map(|l| Some(l.len())), 1),
    ("GET", "/nodes/{}/qemu/{}/agent/get-users", |b| agent::users(&g()).decode(b).map(|l| Some(l.len())), 1),
    (
        "GET",
        "/nodes/{}/qemu|lxc/{}/status/current",
        |b| {
            guest::status(&g()).decode(b).map(|s| {
                assert!(s.vmid.is_some() && !s.name.is_empty() && s.cpus > 0.0, "{s:?}");
                None
            })
        },
        15,
    ),
    (
        "GET",
        "/nodes/{}/qemu|lxc/{}/config",
        |b| {
            guest::config(&g(), &guest::Which::Pending).decode(b).map(|c| {
                assert!(!c.values.is_empty());
                None
            })
        },
        4,
    ),
    (
        "PUT",
        "/nodes/{}/qemu|lxc/{}/config",
        |b| guest::set_config(&g(), &guest::Change::default()).decode(b).map(|()| None),
        18,
    ),
    (
        "POST",
        "/nodes/{}/qemu/{}/config",
        |b| vm::set_config(&g(), &guest::Change::default()).decode(b).map(|upid| upid.and_then(checked)),
        4,
    ),
    ("PUT", "/nodes/{}/qemu|lxc/{}/resize", |b| disk::resize(&g(), "scsi0", "+1G", None).decode(b).map(checked), 1),
    (
        "POST",
        "/nodes/{}/qemu/{}/move_disk",
        |b| disk::move_to(&g(), "scsi0", &disk::Move::default()).decode(b).map(checked),
        1,
    ),
    (
        "POST",
        "/nodes/{}/lxc/{}/move_volume",
        |b| disk::move_to(&g(), "mp0", &disk::Move::default()).decode(b).map(checked),
        1,
    ),
    (
        "GET",
        "/nodes/{}/qemu/{}/cloudinit/dump",
        |b| cloudinit::dump(&g(), cloudinit::Part::User).decode(b).map(|_| None),
        1,
    ),
    ("GET", "/nodes/{}/qemu|lxc/{}/pending", |b| guest::pending(&g()).decode(b).map(|l| Some(l.len())), 4),
    (
        "GET",
        "/nodes/{}/qemu|lxc/{}/rrddata",
        |b| guest::rrddata(&g(), rrd::Timeframe::Day, rrd::Consolidation::Max).decode(b).map(|l| Some(l.len())),
        4,
    ),
    (
        "GET",
        "/nodes/{}/qemu|lxc/{}/feature",
        |b| guest::feature(&g(), guest::Feature::Snapshot, None).decode(b).map(|_| None),
        2,
    ),
    ("GET", "/nodes/{}/qemu|lxc/{}/snapshot", |b| snapshot::list(&g()).decode(b).map(|l| Some(l.len())), 3),
    ("POST", "/nodes/{}/qemu|lxc/{}/status/start", |b| guest::start(&g()).decode(b).map(checked), 16),
    ("POST", "/nodes/{}/qemu|lxc/{}/status/stop", |b| guest::stop(&g(), false).decode(b).map(checked), 6),
    ("POST", "/nodes/{}/qemu|lxc/{}/status/shutdown", |b| guest::shutdown(&g(), None, false).decode(b).map(checked), 3),
    ("POST", "/nodes/{}/qemu|lxc/{}/status/reboot", |b| guest::reboot(&g(), None).decode(b).map(checked), 3),
    ("POST", "/nodes/{}/qemu|lxc/{}/status/suspend", |b| guest::suspend(&g()).decode(b).map(checked), 1),
    ("POST", "/nodes/{}/qemu|lxc/{}/status/resume", |b| guest::resume(&g()).decode(b).map(checked), 1),
    ("POST", "/nodes/{}/qemu/{}/status/reset", |b| vm::reset(&g()).decode(b).map(checked), 1),
    ("DELETE", "/nodes/{}/qemu|lxc/{}", |b| guest::destroy(&g(), false, false).decode(b).map(checked), 3),
    ("GET", "/storage", |b| storage::list(None).decode(b).map(|l| Some(l.len())), 2),
    ("GET", "/storage/{}", |b| storage::config(&s()).decode(b).map(|_| None), 1),
    ("GET", "/nodes/{}/storage", |b| storage::of_node(&n(), None, false).decode(b).map(|l| Some(l.len())), 2),
    ("GET", "/nodes/{}/storage/{}/status", |b| storage::status(&n(), &s()).decode(b).map(|_| None), 2),
    (
        "GET",
        "/nodes/{}/storage/{}/content",
        |b| {
            storage::content(&n(), &s(), None, None).decode(b).map(|volumes| {
                for volume in &volumes {
                    assert!(VolId::parse(volume.volid.as_str()).is_ok() && volume.size.is_some(), "{volume:?}");
                    let told = volume.kind();
                    let guessed = volume.volid.kind();
                    assert!(told == guessed || told.as_str() == "rootdir", "{volume:?} looks like {guessed}");
                    assert_eq!(volume.vmid.or(volume.volid.owner()), volume.volid.owner(), "{volume:?}");
                }
                Some(volumes.len())
            })
        },
        5,
    ),
    (
        "GET",
        "/nodes/{}/storage/{}/rrddata",
        |b| {
            storage::rrddata(&n(), &s(), rrd::Timeframe::Hour, rrd::Consolidation::Average)
                .decode(b)
                .map(|l| Some(l.len()))
        },
        1,
    ),
];

/// Backups and backup jobs.
const BACKUPS: &[(&str, &str, Decode, usize)] = &[
    ("POST", "/nodes/{}/vzdump", |b| backup::start(&n(), &[]).decode(b).map(|u| u.and_then(checked)), 4),
    (
        "GET",
        "/nodes/{}/vzdump/defaults",
        |b| {
            backup::defaults(&n(), None).decode(b).map(|d| {
                assert_eq!((d.mode.as_str(), d.prune.as_str(), d.remove), ("snapshot", "keep-all=1", true));
                None
            })
        },
        1,
    ),
    (
        "GET",
        "/nodes/{}/vzdump/extractconfig",
        |b| {
            backup::extract_config(&n(), &VolId::default()).decode(b).map(|text| {
                let settings = backup::settings(&text);
                assert!(settings.iter().any(|(key, value)| key == "name" && value == "bk"), "{settings:?}");
                Some(settings.len())
            })
        },
        1,
    ),
    (
        "GET",
        "/nodes/{}/storage/{}/prunebackups",
        |b| backup::prune_preview(&n(), &s(), &backup::Prune::default()).decode(b).map(|l| Some(l.len())),
        0,
    ),
    (
        "DELETE",
        "/nodes/{}/storage/{}/prunebackups",
        |b| backup::prune(&n(), &s(), &backup::Prune::default()).decode(b).map(checked),
        1,
    ),
    (
        "DELETE",
        "/nodes/{}/storage/{}/content/{}",
        |b| backup::remove(&n(), &VolId::default()).decode(b).map(|u| u.and_then(checked)),
        2,
    ),
    (
        "PUT",
        "/nodes/{}/storage/{}/content/{}",
        |b| backup::set(&n(), &VolId::default(), None, Some(true)).decode(b).map(|()| None),
        2,
    ),
    (
        "GET",
        "/cluster/backup",
        |b| {
            job::list().decode(b).map(|jobs| {
                assert!(jobs.iter().all(|j| !j.id.is_empty() && j.get("schedule").is_some()), "{jobs:?}");
                assert!(
                    jobs.iter().any(|j| j.get("prune-backups").is_some_and(|r| r.contains("keep-last=3"))),
                    "{jobs:?}"
                );
                Some(jobs.len())
            })
        },
        1,
    ),
    ("GET", "/cluster/backup/{}", |b| job::one("x").decode(b).map(|_| None), 1),
    ("GET", "/cluster/backup/{}/included_volumes", |b| job::included("x").decode(b).map(|i| Some(i.children.len())), 0),
    (
        "GET",
        "/cluster/backup-info/not-backed-up",
        |b| {
            job::uncovered().decode(b).map(|l| {
                assert!(l.iter().all(|u| u.vmid.is_some()), "{l:?}");
                Some(l.len())
            })
        },
        1,
    ),
    (
        "GET",
        "/cluster/jobs/schedule-analyze",
        |b| {
            job::next_runs("x", 3).decode(b).map(|l| {
                assert!(l.iter().all(|run| run.timestamp > 1_700_000_000), "{l:?}");
                Some(l.len())
            })
        },
        1,
    ),
];

/// A task id that came in an answer is a real one.
/// Firewalls and replication.
const FIREWALLS: &[(&str, &str, Decode, usize)] = &[
    ("GET", "/cluster/firewall/rules", |b| rules(b, &Scope::Cluster), 1),
    ("GET", "/nodes/{}/firewall/rules", |b| rules(b, &Scope::Node(n())), 2),
    ("GET", "/nodes/{}/qemu|lxc/{}/firewall/rules", |b| rules(b, &Scope::Guest(g())), 4),
    ("GET", "/cluster/firewall/groups/{}", |b| rules(b, &Scope::Group("web".into())), 1),
    (
        "GET",
        "/nodes/{}/qemu|lxc/{}/firewall/options",
        |b| firewall::options(&Scope::Guest(g())).decode(b).map(|_| None),
        1,
    ),
    ("GET", "/nodes/{}/firewall/options", |b| firewall::options(&Scope::Node(n())).decode(b).map(|_| None), 1),
    ("GET", "/cluster/firewall/groups", |b| firewall::groups().decode(b).map(|l| Some(l.len())), 1),
    ("GET", "/cluster/firewall/aliases", |b| firewall::aliases(&Scope::Cluster).decode(b).map(|l| Some(l.len())), 1),
    ("GET", "/cluster/firewall/macros", |b| firewall::macros().decode(b).map(|l| Some(l.len())), 1),
    ("GET", "/cluster/firewall/refs", |b| firewall::refs(&Scope::Cluster).decode(b).map(|l| Some(l.len())), 1),
    ("GET", "/nodes/{}/qemu|lxc/{}/firewall/log", |b| log(b, &Scope::Guest(g())), 1),
    ("GET", "/nodes/{}/firewall/log", |b| log(b, &Scope::Node(n())), 1),
    ("GET", "/cluster/replication", |b| replication::jobs().decode(b).map(|l| Some(l.len())), 1),
    ("GET", "/nodes/{}/replication", |b| replication::states(&n(), None).decode(b).map(|l| Some(l.len())), 1),
];

fn rules(body: &[u8], scope: &Scope) -> Result<Option<usize>, ApiError> {
    let rules = firewall::rules(scope).decode(body)?;
    // Every rule has a digest to be guarded by, and an action.
    Ok(Some(rules.iter().filter(|r| r.digest.len() == 40 && !r.action.is_empty() && !r.kind.is_empty()).count()))
}

fn log(body: &[u8], scope: &Scope) -> Result<Option<usize>, ApiError> {
    firewall::log(scope, 0, 3, None, None).decode(body).map(|page| Some(page.data.len()))
}

fn checked(upid: Upid) -> Option<usize> {
    assert_eq!(Upid::parse(upid.as_str()).as_ref(), Ok(&upid));
    None
}

#[test]
fn answers_are_decoded() {
    let Some(all) = recordings("decoding of recorded answers") else { return };
    let mut counts = BTreeMap::new();
    let mut wrong = vec![];
    for (method, path, decode, floor) in ENDPOINTS.iter().chain(BACKUPS).chain(FIREWALLS) {
        let mut count = 0;
        for recording in all.iter().filter(|r| (200..300).contains(&r.status) && r.fits(method, path)) {
            match decode(&recording.bytes()) {
                Ok(rows) => {
                    count += 1;
                    let wanted = recording.body["data"].as_array().map(|list| {
                        let known = |row: &&Value| {
                            *path != "/cluster/resources" || {
                                let kinds = ["qemu", "lxc", "node", "storage", "pool"];
                                row["type"].as_str().is_some_and(|kind| kinds.contains(&kind))
                            }
                        };
                        list.iter().filter(known).count()
                    });
                    if let (Some(rows), Some(wanted)) = (rows, wanted)
                        && rows != wanted
                    {
                        wrong.push(format!("{}: {rows} of {wanted} rows", recording.name));
                    }
                }
                Err(error) => wrong.push(format!("{}: {error}", recording.name)),
            }
        }
        println!("{count:4} {method} {path}");
        if count < *floor {
            wrong.push(format!("{method} {path}: only {count} decoded, at least {floor} expected"));
        }
        counts.insert((method, path), count);
    }
    println!("{:4} answers decoded", counts.values().sum::<usize>());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn refusals_are_understood() {
    let Some(all) = recordings("recorded refusals") else { return };
    let mut by_status: BTreeMap<u16, usize> = BTreeMap::new();
    for recording in all.iter().filter(|r| r.status >= 300) {
        let raw = Raw { status: recording.status, reason: recording.reason.clone(), body: recording.bytes() };
        let Err(ApiError::Refused(refusal)) = error::interpret(raw) else {
            panic!("{} is not understood as a refusal", recording.name)
        };
        *by_status.entry(refusal.status).or_default() += 1;
        let told = recording.body["message"].as_str().filter(|text| !text.trim().is_empty());
        assert_eq!(refusal.message, told.unwrap_or(&recording.reason).trim(), "{}", recording.name);
        assert!(!refusal.message.is_empty(), "{}: no text", recording.name);
        let errors = recording.body["errors"].as_object();
        assert_eq!(refusal.errors.len(), errors.map_or(0, |map| map.len()), "{}", recording.name);
        for (name, text) in &refusal.errors {
            assert!(!text.is_empty() && !text.ends_with('\n'), "{}: {name}: {text:?}", recording.name);
        }
        let error = ApiError::Refused(refusal);
        assert!(!error.to_string().is_empty());
        // Only a failure in the server's own words may go without advice: "VM 160 already exists".
        assert!(!error.advice().is_empty() || error.status().is_some_and(|s| s >= 500), "{error}");
    }
    println!("{} refusals understood: {by_status:?}", by_status.values().sum::<usize>());
    assert!(by_status.values().sum::<usize>() >= 150, "only {by_status:?}");
    for status in [400, 401, 403, 500, 501] {
        assert!(by_status.contains_key(&status), "none with status {status}");
    }
}

/// Calls `found` with every text in a value and the key that it stands at.
fn texts(key: &str, value: &Value, found: &mut impl FnMut(&str, &str)) {
    match value {
        Value::String(text) => found(key, text),
        Value::Array(list) => list.iter().for_each(|item| texts(key, item, found)),
        Value::Object(map) => map.iter().for_each(|(key, item)| texts(key, item, found)),
        _ => {}
    }
}

#[test]
fn task_ids_are_read() {
    let Some(all) = recordings("recorded task ids") else { return };
    let mut ids = BTreeSet::new();
    for recording in &all {
        texts("", &recording.body, &mut |_, text| {
            if text.starts_with("UPID:") {
                let upid = Upid::parse(text).unwrap_or_else(|e| panic!("{}: {e}", recording.name));
                assert!(upid.started() > 1_700_000_000 && upid.node() == "pve1", "{upid}");
                assert!(!task::describe(upid.kind(), upid.id()).starts_with(upid.kind()), "{upid} has no description");
                ids.insert(upid);
            }
        });
    }
    println!("{} task ids read", ids.len());
    assert!(ids.len() >= 100);
}

#[test]
fn settings_are_written_back_unchanged() {
    let Some(all) = recordings("recorded settings") else { return };
    let mut values = BTreeSet::new();
    for recording in all.iter().filter(|r| r.path.ends_with("/config") || r.path.ends_with("/pending")) {
        texts("", &recording.body["data"], &mut |_, text| {
            values.insert(text.to_owned());
        });
    }
    for value in &values {
        assert_eq!(Properties::parse(value).to_string(), *value);
    }
    println!("{} values of settings written back", values.len());
    assert!(values.len() >= 100);
    let disk = values.iter().find(|value| value.contains(":101/vm-101-disk-1.qcow2,")).expect("a disk");
    let disk = Properties::parse(disk);
    let volume: VolId = disk.default_key("file").and_then(|text| text.parse().ok()).expect("a volume");
    assert_eq!((volume.owner().map(VmId::get), disk.get("iothread")), (Some(101), Some("1")));
}

/// Every guest of a recorded backup run ends one way or the other.
#[test]
fn backup_runs_are_read_guest_by_guest() {
    use proxmux::api::vzdump::{Run, State};
    let Some(all) = recordings("recorded logs") else { return };
    let (mut good, mut bad) = (0, 0);
    for recording in all.iter().filter(|r| r.path.ends_with("/log") && r.name.contains("vzdump")) {
        let lines = recording.body["data"].as_array().cloned().unwrap_or_default();
        let lines: Vec<&str> =
            lines.iter().filter_map(|l| l["t"].as_str()).map(|l| l.to_owned().leak() as &str).collect();
        let run = Run::of(lines.iter().copied());
        assert!(run.over, "{}", recording.name);
        for guest in &run.guests {
            let ended = matches!(guest.state, State::Done(_) | State::Failed(_));
            assert!(ended && guest.vmid.is_some(), "{}: {guest:?}", recording.name);
            if matches!(guest.state, State::Done(_)) {
                assert!(!guest.name.is_empty() && !guest.size.is_empty() && !guest.archive.is_empty(), "{guest:?}");
            }
        }
        let (g, b) = run.counts();
        (good, bad) = (good + g, bad + b);
    }
    println!("{good} guests backed up, {bad} not");
    assert!(good >= 6 && bad >= 1, "{good} {bad}");
}

#[test]
fn progress_lines_are_read() {
    let Some(all) = recordings("recorded logs") else { return };
    // Lines with a percent sign that tell no progress.
    let other = ["zero data", "sparse bytes", "space reduction", "speedup is"];
    let mut read = 0;
    for recording in all.iter().filter(|r| r.path.ends_with("/log")) {
        texts("", &recording.body["data"], &mut |key, line| {
            if key != "t" {
                return;
            }
            match Progress::parse(line) {
                Some(progress) => {
                    read += 1;
                    assert!(progress.percent.is_some() || progress.done.is_some(), "{line}");
                }
                None => assert!(
                    !line.contains('%') || other.iter().any(|text| line.contains(text)),
                    "{}: no progress seen in {line:?}",
                    recording.name
                ),
            }
        });
    }
    println!("{read} progress lines read");
    assert!(read >= 200);
}
