//! The configuration of a container.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sim::call::{Args, Fault, Outcome, die, split_list};
use crate::sim::disk;
use crate::sim::guest::{self, need, need_space};
use crate::sim::progress::Line;
use crate::sim::property::Property;
use crate::sim::qemu::drive::{is_amount, is_numbered};
use crate::sim::qemu::permission::check_networks;
use crate::sim::router::Route;
use crate::sim::state::{Cluster, Config, Guest, Kind};

/// The calls of this file.
pub const ROUTES: &[Route] = &[
    Route("GET", "/nodes/{node}/lxc/{vmid}/config", read),
    Route("PUT", "/nodes/{node}/lxc/{vmid}/config", change),
    Route("GET", "/nodes/{node}/lxc/{vmid}/pending", pending),
];

fn is_option(key: &str) -> bool {
    const PLAIN: &[&str] = &[
        "arch",
        "cmode",
        "console",
        "cores",
        "cpulimit",
        "cpuunits",
        "debug",
        "description",
        "entrypoint",
        "env",
        "features",
        "hookscript",
        "hostname",
        "lock",
        "memory",
        "nameserver",
        "onboot",
        "ostype",
        "parent",
        "protection",
        "rootfs",
        "searchdomain",
        "startup",
        "swap",
        "tags",
        "template",
        "timezone",
        "tty",
        "unprivileged",
    ];
    PLAIN.contains(&key) || ["mp", "net", "dev", "unused"].iter().any(|prefix| is_numbered(key, prefix))
}

/// `GET /nodes/{node}/lxc/{vmid}/config`
fn read(cluster: &mut Cluster, args: &Args) -> Outcome {
    let guest = cluster.guest_at(Kind::Lxc, args.node(), args.vmid())?;
    let config = match args.opt("snapshot") {
        Some(name) => {
            guest.snapshots.get(name).cloned().ok_or_else(|| die(format!("snapshot '{name}' does not exist")))?
        }
        None if args.flag("current") => guest.config.clone(),
        None => guest::folded(guest),
    };
    let mut answer = guest::config_json(Kind::Lxc, &config);
    answer.remove("parent").filter(|_| args.has("snapshot")).map(|parent| answer.insert("parent".into(), parent));
    answer.insert("digest".into(), json!(guest.digest()));
    Ok(Value::Object(answer).into())
}

/// `GET /nodes/{node}/lxc/{vmid}/pending`
fn pending(cluster: &mut Cluster, args: &Args) -> Outcome {
    let guest = cluster.guest_at(Kind::Lxc, args.node(), args.vmid())?;
    let mut rows = guest::pending_json(guest);
    rows.retain(|row| row["key"] != "parent");
    Ok(rows.into())
}

/// What changing a key needs, for all callers but root@pam.
fn privilege(key: &str) -> Option<&'static [&'static str]> {
    Some(match key {
        "cores" | "cpulimit" | "cpuunits" => &["VM.Config.CPU"],
        "memory" | "swap" => &["VM.Config.Memory"],
        "hostname" | "nameserver" | "searchdomain" => &["VM.Config.Network"],
        "rootfs" => &["VM.Config.Disk"],
        "hookscript" | "env" | "entrypoint" | "lock" => return None,
        _ if is_numbered(key, "net") => &["VM.Config.Network"],
        _ if is_numbered(key, "mp") || is_numbered(key, "unused") => &["VM.Config.Disk"],
        _ if is_numbered(key, "dev") => return None,
        _ => &["VM.Config.Options"],
    })
}

/// May the caller store these settings?
pub fn check_settings(
    cluster: &Cluster,
    args: &Args,
    vmid: u32,
    settings: &BTreeMap<String, String>,
    guest: Option<&Guest>,
) -> Result<(), Fault> {
    if args.is_root() {
        return Ok(());
    }
    if let Some(features) = settings.get("features") {
        let unprivileged = guest.is_none_or(|guest| guest.get("unprivileged") == Some("1"));
        super::check_features(args, Some(features), unprivileged)?;
    }
    for key in settings.keys() {
        match privilege(key) {
            None => {
                return Err(Fault::new(
                    403,
                    format!("Permission check failed (configuring {key} is only allowed for root@pam)"),
                ));
            }
            Some(privs) => {
                let in_pool =
                    args.opt("pool").is_some_and(|pool| guest::may(cluster, args, &format!("/pool/{pool}"), privs));
                if !in_pool {
                    need(cluster, args, &format!("/vms/{vmid}"), privs)?;
                }
            }
        }
    }
    check_networks(cluster, args, settings)
}

/// Do the storages of the mount points exist, and may the caller use them?
pub fn check_volumes(
    cluster: &Cluster,
    args: &Args,
    node: &str,
    settings: &BTreeMap<String, String>,
) -> Result<(), Fault> {
    for (key, value) in settings.iter().filter(|(key, _)| *key == "rootfs" || is_numbered(key, "mp")) {
        let volume = guest::mount_volume(value);
        match volume.split_once(':') {
            _ if volume.starts_with('/') => {
                if !args.is_root() {
                    return Err(Fault::new(
                        403,
                        "Permission check failed (mount point type bind is only allowed for root@pam)",
                    ));
                }
            }
            Some((storage, size)) => {
                let place = cluster.storage_on(node, storage)?;
                if !place.allows("rootdir") {
                    return Err(die(format!("storage '{storage}' does not support container directories")));
                }
                if is_amount(size) {
                    need_space(cluster, args, storage)?;
                }
            }
            None => return Err(Fault::param(key, format!("invalid format - unable to parse volume ID '{volume}'\n"))),
        }
    }
    Ok(())
}

/// Makes what the settings ask for and returns them as they are stored.
pub fn prepare(
    cluster: &mut Cluster,
    node: &str,
    vmid: u32,
    settings: &BTreeMap<String, String>,
) -> Result<(Config, Vec<Line>), String> {
    let mut values = Config::new();
    let mut lines = Vec::new();
    // The root file system comes first.
    let mut order: Vec<(&String, &String)> = settings.iter().collect();
    order.sort_by_key(|(key, _)| key.as_str() != "rootfs");
    for (key, value) in order {
        let stored = if key == "rootfs" || is_numbered(key, "mp") {
            match super::prepare_mount(cluster, node, vmid, key, value) {
                Ok((stored, made)) => {
                    lines.extend(made);
                    stored
                }
                Err(text) => {
                    for (_, volid) in guest::volumes(Kind::Lxc, &values) {
                        cluster.remove_volume(node, &volid);
                    }
                    return Err(text);
                }
            }
        } else if is_numbered(key, "net") {
            super::prepare_net(cluster, value)
        } else {
            match key.as_str() {
                "tags" => split_list(value).join(";"),
                "description" => format!("{}\n", value.trim_end_matches('\n')),
                "features" => {
                    let mut features = Property::parse(value, "");
                    features.normalise_booleans(&["force_rw_sys", "fuse", "keyctl", "mknod", "nesting"]);
                    features.print("", &[])
                }
                _ => value.clone(),
            }
        };
        values.insert(key.clone(), stored);
    }
    Ok((values, lines))
}

/// Is a change of `key` taken over by a running container?
fn is_live(key: &str) -> bool {
    const LIVE: &[&str] = &[
        "cores",
        "cpulimit",
        "cpuunits",
        "description",
        "hookscript",
        "hostname",
        "lock",
        "memory",
        "nameserver",
        "onboot",
        "protection",
        "searchdomain",
        "startup",
        "swap",
        "tags",
        "timezone",
    ];
    LIVE.contains(&key) || is_numbered(key, "net") || is_numbered(key, "mp") || is_numbered(key, "unused")
}

/// `PUT /nodes/{node}/lxc/{vmid}/config`
fn change(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    let settings = args.settings(&["delete", "digest", "node", "revert", "vmid"]);
    let (deletes, reverts) = (args.list("delete"), args.list("revert"));
    if settings.is_empty() && deletes.is_empty() && reverts.is_empty() {
        return Err(die("no options specified"));
    }
    for (list, name) in [(&deletes, "delete"), (&reverts, "revert")] {
        for key in list {
            if !is_option(key) {
                return Err(Fault::param(name, format!("unknown option '{key}'")));
            }
            if settings.contains_key(key) {
                return Err(Fault::param(name, format!("you can't use '-{key}' and -{name} {key}' at the same time")));
            }
        }
    }
    let guest = cluster.guest_at(Kind::Lxc, &node, vmid)?;
    check_settings(cluster, args, vmid, &settings, Some(guest))?;
    let touched: BTreeMap<String, String> = deletes.iter().map(|key| (key.clone(), String::new())).collect();
    check_settings(cluster, args, vmid, &touched, Some(guest))?;
    check_volumes(cluster, args, &node, &settings)?;
    for key in &deletes {
        if matches!(key.as_str(), "memory" | "swap" | "rootfs" | "ostype" | "arch" | "unprivileged") {
            return Err(die(format!("unable to delete required option '{key}'")));
        }
    }
    guest::check_digest(guest, args)?;
    guest::check_lock(guest).map_err(die)?;
    let guest = cluster.guest_at_mut(Kind::Lxc, &node, vmid)?;
    for key in &reverts {
        guest.pending.remove(key);
    }
    for key in deletes {
        delete(cluster, &node, vmid, &key).map_err(die)?;
    }
    let (values, _) = prepare(cluster, &node, vmid, &settings).map_err(die)?;
    let guest = cluster.guest_at_mut(Kind::Lxc, &node, vmid)?;
    for (key, value) in values {
        if guest.running && !is_live(&key) {
            guest.pending.insert(key, Some(value));
            continue;
        }
        let attached = guest::mount_volume(&value);
        if is_numbered(&key, "mp") {
            guest.config.retain(|key, value| !is_numbered(key, "unused") || *value != attached);
        }
        if let Some(old) = guest.config.insert(key.clone(), value)
            && (key == "rootfs" || is_numbered(&key, "mp"))
            && guest::mount_volume(&old) != attached
        {
            guest::detach(guest, &key, &old);
        }
    }
    Ok(Value::Null.into())
}

fn delete(cluster: &mut Cluster, node: &str, vmid: u32, key: &str) -> Result<(), String> {
    let guest = guest::in_task(cluster, Kind::Lxc, node, vmid)?;
    guest.pending.remove(key);
    let Some(value) = guest.config.get(key).cloned() else { return Ok(()) };
    // Mount points in use are only let go at the next stop.
    if guest.running && (!is_live(key) || is_numbered(key, "mp")) {
        guest.pending.insert(key.to_owned(), None);
        return Ok(());
    }
    if is_numbered(key, "unused") {
        if guest::in_snapshot(guest, &value) {
            return Err(format!("unable to remove unused volume '{value}' - it is still in use by a snapshot"));
        }
        disk::free(cluster, node, &value)?;
        guest::in_task(cluster, Kind::Lxc, node, vmid)?.config.remove(key);
        return Ok(());
    }
    guest.config.remove(key);
    guest::detach(guest, key, &value);
    Ok(())
}
