//! Growing and moving the disks of guests.

use serde_json::Value;

use super::call::{Args, Fault, Outcome, die};
use super::clone::{check_room, rsync};
use super::disk::{self, Purpose};
use super::guest::{self, in_task};
use super::progress;
use super::property::{Property, parse_size, print_size};
use super::qemu::drive::{self, Drive, is_numbered};
use super::router::Route;
use super::state::{Cluster, Guest, Kind};
use super::task::Script;

/// The calls of this file.
pub const ROUTES: &[Route] = &[
    Route("PUT", "/nodes/{node}/qemu/{vmid}/resize", |c, a| resize(c, a, Kind::Qemu)),
    Route("PUT", "/nodes/{node}/lxc/{vmid}/resize", |c, a| resize(c, a, Kind::Lxc)),
    Route("POST", "/nodes/{node}/qemu/{vmid}/move_disk", |c, a| relocate(c, a, Kind::Qemu)),
    Route("POST", "/nodes/{node}/lxc/{vmid}/move_volume", |c, a| relocate(c, a, Kind::Lxc)),
];

/// The volume in a slot or mount point.
fn volume_of(kind: Kind, value: &str) -> String {
    match kind {
        Kind::Qemu => Drive::parse(value).file().to_owned(),
        Kind::Lxc => guest::mount_volume(value),
    }
}

/// Puts another volume or size into the value of a slot or mount point.
fn rewrite(kind: Kind, key: &str, value: &str, volid: Option<&str>, size: u64) -> String {
    let bare = if kind == Kind::Qemu { "file" } else { "volume" };
    let mut property = Property::parse(value, bare);
    if let Some(volid) = volid {
        property.set(bare, volid);
        property.remove("format");
    }
    property.set("size", print_size(size));
    property.print(bare, if kind == Kind::Lxc && key != "rootfs" { &["mp"] } else { &[] })
}

/// `PUT .../resize`
fn resize(cluster: &mut Cluster, args: &Args, kind: Kind) -> Outcome {
    let (node, vmid, key) = (args.node().to_owned(), args.vmid(), args.str("disk").to_owned());
    let skiplock = kind == Kind::Qemu && guest::skiplock(args)?;
    let guest = cluster.guest_at(kind, &node, vmid)?;
    guest::check_digest(guest, args)?;
    if !skiplock {
        guest::check_lock(guest).map_err(die)?;
    }
    let wanted = args.str("size").to_owned();
    let task_node = node.clone();
    let script = Script::new().then(move |cluster, task| {
        let guest = in_task(cluster, kind, &node, vmid)?;
        if !skiplock {
            guest::check_lock(guest)?;
        }
        let word = if kind == Kind::Qemu { "disk" } else { "mountpoint" };
        let Some(value) = guest.config.get(&key).cloned() else {
            return Err(format!("{word} '{key}' does not exist"));
        };
        let volid = volume_of(kind, &value);
        if kind == Kind::Qemu && Drive::parse(&value).is_cdrom() {
            return Err("can't resize a cdrom".into());
        }
        if guest::in_snapshot(guest, &volid) && volid.ends_with(".qcow2") && guest.kind == Kind::Lxc {
            return Err("can't resize volume with snapshots".into());
        }
        let old = cluster
            .volume(&node, &volid)
            .map(|volume| volume.size)
            .ok_or_else(|| format!("volume '{volid}' does not exist"))?;
        let amount =
            parse_size(wanted.trim_start_matches('+')).ok_or_else(|| format!("invalid size string '{wanted}'"))?;
        let new = if wanted.starts_with('+') { old + amount } else { amount };
        if new < old {
            return Err("shrinking disks is not supported".into());
        }
        if new == old {
            return Ok(());
        }
        let store = volid.split(':').next().unwrap_or_default();
        let place = cluster.storage_on(&node, store).map_err(|fault| fault.message)?.clone();
        let free = disk::free_space(cluster, &node, &place);
        if !disk::is_thin(&place) && new - old > free {
            let name = volid.rsplit(['/', ':']).next().unwrap_or_default();
            return Err(disk::no_space(&place, name, new - old, free));
        }
        if let Some(volume) = cluster.volume_mut(&node, &volid) {
            volume.size = new;
            if !disk::is_thin(&place) {
                volume.used = Some(new);
            }
        }
        let running = {
            let guest = in_task(cluster, kind, &node, vmid)?;
            let text = rewrite(kind, &key, &value, None, new);
            guest.config.insert(key, text);
            guest.running
        };
        if place.is_file() && !(running && kind == Kind::Qemu) {
            task.log("Image resized.");
        }
        if kind == Kind::Lxc {
            let path = cluster.volume_path(&volid);
            let blocks = new / 4096;
            if !running {
                task.log("e2fsck 1.47.2 (1-Jan-2025)");
                for (pass, what) in [
                    "Checking inodes, blocks, and sizes",
                    "Checking directory structure",
                    "Checking directory connectivity",
                    "Checking reference counts",
                    "Checking group summary information",
                ]
                .iter()
                .enumerate()
                {
                    task.log(format!("Pass {}: {what}", pass + 1));
                }
            }
            if !running {
                let old = old / 4096;
                task.log(format!(
                    "{path}: {}/{} files (0.3% non-contiguous), {}/{old} blocks",
                    old / 300 + 11,
                    old / 4,
                    old / 20
                ));
            }
            task.log("resize2fs 1.47.2 (1-Jan-2025)");
            if !running {
                task.log(format!("Resizing the filesystem on {path} to {blocks} (4k) blocks."));
            }
            task.log(format!("The filesystem on {path} is now {blocks} (4k) blocks long."));
        }
        Ok(())
    });
    Ok(cluster.start_task(args.user(), &task_node, "resize", &vmid.to_string(), script).into())
}

/// `POST .../move_disk` and `.../move_volume`
fn relocate(cluster: &mut Cluster, args: &Args, kind: Kind) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    let key = args.str(if kind == Kind::Qemu { "disk" } else { "volume" }).to_owned();
    if args.has("target-vmid") {
        return reassign(cluster, args, kind, &key);
    }
    let Some(storage) = args.opt("storage").map(str::to_owned) else {
        return Err(Fault::param("storage", "Either specify storage or target-vmid"));
    };
    let guest = cluster.guest_at(kind, &node, vmid)?;
    guest::check_lock(guest).map_err(die)?;
    guest::check_digest(guest, args)?;
    let word = if kind == Kind::Qemu { "disk" } else { "mountpoint" };
    let value = guest.get(&key).map(str::to_owned).ok_or_else(|| die(format!("{word} '{key}' does not exist")))?;
    let volid = volume_of(kind, &value);
    let running = guest.running;
    if kind == Kind::Qemu && Drive::parse(&value).is_cdrom() {
        return Err(die("you can't move a cdrom".to_string()));
    }
    if kind == Kind::Lxc && running {
        return Err(die("cannot move volumes of a running container".to_string()));
    }
    let delete = args.flag("delete");
    if delete && guest::in_snapshot(guest, &volid) {
        return Err(die(format!(
            "you can't move a {} with snapshots and delete the source",
            if kind == Kind::Qemu { "disk" } else { "volume" }
        )));
    }
    let place = cluster.storage_on(&node, &storage)?.clone();
    let content = if kind == Kind::Qemu { "images" } else { "rootdir" };
    if !place.allows(content) {
        return Err(die(format!("storage '{storage}' does not support content-type '{content}'")));
    }
    guest::need_space(cluster, args, &storage)?;
    let old = cluster.volume(&node, &volid).cloned().ok_or_else(|| die(format!("volume '{volid}' does not exist")))?;
    let source_store = volid.split(':').next().unwrap_or_default().to_owned();
    let wanted = args.opt("format").map(str::to_owned);
    if source_store == storage && wanted.as_ref().is_none_or(|format| *format == old.format) {
        return Err(die(match kind {
            Kind::Qemu => "you can't move to the same storage with same format".to_owned(),
            Kind::Lxc => format!("you can't move to the same storage '{storage}'"),
        }));
    }
    let lock = if kind == Kind::Qemu { "move" } else { "disk" };
    let limit = args.num("bwlimit").map(|limit| limit as u64);
    let task_node = node.clone();
    let script = Script::new().then(move |cluster, task| {
        let guest = in_task(cluster, kind, &node, vmid)?;
        guest::check_lock(guest)?;
        let used = old.used.unwrap_or(old.size);
        check_room(cluster, &node, &place, used, &volid)?;
        let format = wanted.or(Some(old.format)).filter(|format| disk::check_format(&place, format).is_ok());
        let made = disk::allocate(cluster, &node, &storage, vmid, Purpose::Disk(kind), format.as_deref(), old.size)?;
        if let Some(volume) = cluster.volume_mut(&node, &made.volid) {
            volume.used = Some(used);
        }
        if kind == Kind::Lxc {
            guest::take_lock(cluster, kind, &node, vmid, lock)?;
        }
        let seconds = progress::copy_seconds(old.size, used, limit);
        let new = made.volid.clone();
        // A move that was stopped leaves no half copy.
        let (clean_node, clean) = (node.clone(), new.clone());
        let mut script = Script::new().finally(move |cluster| {
            cluster.unlock(vmid, lock);
            if guest::used_by(cluster, &clean, None).is_none() {
                cluster.remove_volume(&clean_node, &clean);
            }
        });
        if kind == Kind::Qemu {
            script = script
                .log(format!(
                    "copying volume '{volid}' from current storage '{source_store}' to target storage '{storage}'"
                ))
                .log(format!("create full clone of drive {key} ({volid})"))
                .lines(made.lines)
                .log(format!("allocated target volume '{new}'"));
            script = if running {
                script
                    .log(format!("drive mirror is starting for drive-{key}"))
                    .and(progress::script(progress::mirror(&key, old.size, seconds.max(1.0))))
                    .log("all 'mirror' jobs are ready")
                    .log(format!("mirror-{key}: Completing block job..."))
                    .log(format!("mirror-{key}: Completed successfully."))
                    .log(format!("mirror-{key}: mirror-job finished"))
            } else {
                script.and(progress::script(progress::copy(old.size, seconds)))
            };
        } else {
            script = script.lines(made.lines).and(rsync(used, seconds));
        }
        task.next(script.then(move |cluster, task| {
            let guest = in_task(cluster, kind, &node, vmid)?;
            let value = guest.config.get(&key).cloned().ok_or_else(|| format!("{word} '{key}' does not exist"))?;
            guest.config.insert(key.clone(), rewrite(kind, &key, &value, Some(&new), old.size));
            if !delete {
                guest::add_unused(&mut guest.config, &volid);
                return Ok(());
            }
            if kind == Kind::Qemu {
                task.log(format!("removing source volume '{volid}' after successful copy"));
            }
            disk::free(cluster, &node, &volid)
        }));
        Ok(())
    });
    let word = if kind == Kind::Qemu { "qmmove" } else { "move_volume" };
    Ok(cluster.start_task(args.user(), &task_node, word, &vmid.to_string(), script).into())
}

/// Gives a disk to another guest of the same kind and node.
fn reassign(cluster: &mut Cluster, args: &Args, kind: Kind, key: &str) -> Outcome {
    let (node, vmid, key) = (args.node().to_owned(), args.vmid(), key.to_owned());
    let target = args.int("target-vmid").and_then(|id| u32::try_from(id).ok()).unwrap_or(0);
    let slot = args.opt(if kind == Kind::Qemu { "target-disk" } else { "target-volume" }).unwrap_or(&key).to_owned();
    if args.has("storage") {
        return Err(Fault::param("storage", "either set storage or target-vmid, but not both"));
    }
    if target == vmid {
        return Err(Fault::param("target-vmid", "must be different than source VMID to reassign disk"));
    }
    cluster.need(args, &format!("/vms/{target}"), &["VM.Config.Disk"])?;
    let taker = cluster.guest(target).filter(|guest| guest.kind == kind);
    let taker = taker.ok_or_else(|| die(super::state::missing_guest(kind, &node, target)))?;
    if taker.node != node {
        return Err(die("Both guests must be on the same node"));
    }
    if taker.config.contains_key(&slot) {
        return Err(die(format!("Target disk key '{slot}' is already in use for VM '{target}'")));
    }
    let giver: &Guest = cluster.guest_at(kind, &node, vmid)?;
    guest::check_digest(giver, args)?;
    guest::check_lock(giver).map_err(die)?;
    guest::check_lock(taker).map_err(die)?;
    let value =
        giver.get(&key).map(str::to_owned).ok_or_else(|| die(format!("Disk '{key}' for VM {vmid} does not exist")))?;
    let volid = volume_of(kind, &value);
    if kind == Kind::Qemu && (Drive::parse(&value).is_cdrom() || drive::is_cloudinit_volume(&volid)) {
        return Err(die("Can't move a CD-ROM drive to another VM"));
    }
    if giver.running && !is_numbered(&key, "unused") {
        return Err(die("Cannot move disk of running VM to another one"));
    }
    if guest::in_snapshot(giver, &volid) {
        return Err(die(format!("Can't move disk '{key}' - it is used by a snapshot")));
    }
    let task_node = node.clone();
    let script = Script::new().then(move |cluster, task| {
        task.log(format!("moving disk '{key}' from VM '{vmid}' to '{target}'"));
        let Some(mut volume) = cluster.remove_volume(&node, &volid) else {
            return Err(format!("volume '{volid}' does not exist"));
        };
        let store = volid.split(':').next().unwrap_or_default().to_owned();
        let made =
            disk::allocate(cluster, &node, &store, target, Purpose::Disk(kind), Some(&volume.format), volume.size)?;
        volume.volid = made.volid.clone();
        volume.vmid = Some(target);
        let size = volume.size;
        cluster.add_volume(&node, volume);
        in_task(cluster, kind, &node, vmid)?.config.remove(&key);
        let text = if is_numbered(&slot, "unused") {
            made.volid.clone()
        } else {
            rewrite(kind, &slot, &value, Some(&made.volid), size)
        };
        in_task(cluster, kind, &node, target)?.config.insert(slot.clone(), text);
        task.log(format!("renamed volume to '{}'", made.volid));
        Ok(())
    });
    let id = format!("{vmid}-{target}");
    let word = if kind == Kind::Qemu { "qmmove" } else { "move_volume" };
    let upid = cluster.start_task(args.user(), &task_node, word, &id, script);
    Ok(Value::String(upid).into())
}
