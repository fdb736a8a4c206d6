//! Backups: `vzdump` of one or many guests, its defaults, and the configuration inside a backup.

use serde_json::{Value, json};

use super::call::{Args, Fault, Outcome, die};
use super::disk;
use super::guest::{self, in_task};
use super::progress;
use super::property::{Property, print_size};
use super::qemu::drive::{self, is_numbered};
use super::qemu::{power, status};
use super::router::Route;
use super::stamp;
use super::state::{Cluster, Guest, Kind, Volume};
use super::task::{Running, Script};

/// The calls of this file.
pub const ROUTES: &[Route] = &[
    Route("POST", "/nodes/{node}/vzdump", vzdump),
    Route("GET", "/nodes/{node}/vzdump/defaults", defaults),
    Route("GET", "/nodes/{node}/vzdump/extractconfig", extract_config),
];

/// What a backup task was asked to do.
#[derive(Clone)]
pub struct Plan {
    /// Where it runs.
    pub node: String,
    /// The guests, those that don't exist included.
    pub vmids: Vec<u32>,
    /// The storage of the backups.
    pub storage: String,
    /// `snapshot`, `suspend` or `stop`.
    pub mode: String,
    /// `0`, `gzip`, `lzo` or `zstd`.
    pub compress: String,
    /// Read limit in KiB/s.
    pub limit: Option<u64>,
    /// Template of the notes.
    pub notes: Option<String>,
    /// Mark backups as protected?
    pub protected: bool,
    /// Retention rules to apply afterwards.
    pub prune: Option<String>,
    /// The options as the first line of the log repeats them.
    pub title: String,
}

/// `POST /nodes/{node}/vzdump`
fn vzdump(cluster: &mut Cluster, args: &Args) -> Outcome {
    if !args.is_root() {
        for key in ["dumpdir", "script", "tmpdir", "performance", "job-id"] {
            if args.has(key) {
                return Err(Fault::param(key, "Only root may set this option."));
            }
        }
        if args.has("bwlimit") || args.has("ionice") {
            cluster.need(args, "/", &["Sys.Modify"])?;
        }
    }
    let (all, pool) = (args.flag("all"), args.opt("pool"));
    let named = args.list("vmid");
    if named.is_empty() && !all && pool.is_none() && !args.flag("stop") {
        if args.has("exclude") {
            return Err(Fault::param("exclude", "option 'exclude' requires option 'all'"));
        }
        return Err(Fault::param("vmid", "property is missing"));
    }
    if all && !named.is_empty() {
        return Err(Fault::param("all", "option conflicts with option 'vmid'"));
    }
    let mut plan = Plan::new(cluster, args, &named);
    // Guests of other nodes are left to those nodes.
    plan.vmids.retain(|vmid| cluster.guest(*vmid).is_none_or(|guest| guest.node == plan.node));
    if plan.vmids.is_empty() && !all {
        return Ok(Value::String("OK".into()).into());
    }
    let (user_args, asked) = (args.clone(), all);
    if let Some(storage) = args.opt("storage") {
        guest::need_space(cluster, args, storage)?;
    }
    let id = if plan.vmids.len() == 1 { plan.vmids[0].to_string() } else { String::new() };
    // The right to back up each guest is asked for inside the task; `all` leaves out what isn't allowed.
    let script = Script::new().then(move |cluster, task| {
        let mut allowed = Vec::new();
        for vmid in &plan.vmids {
            match cluster.need(&user_args, &format!("/vms/{vmid}"), &["VM.Backup"]) {
                Ok(()) => allowed.push(*vmid),
                Err(_) if asked => {}
                Err(fault) => return Err(fault.message),
            }
        }
        plan.vmids = allowed;
        task.next(plan.script());
        Ok(())
    });
    Ok(cluster.start_task(args.user(), args.node(), "vzdump", &id, script).into())
}

impl Plan {
    /// The plan of a call; without names, of all guests of the node or of a pool.
    pub fn new(cluster: &Cluster, args: &Args, named: &[String]) -> Self {
        let node = args.node().to_owned();
        let exclude = args.list("exclude");
        let pool = args.opt("pool").and_then(|id| cluster.pools.get(id));
        let vmids: Vec<u32> = if named.is_empty() {
            let here = cluster.guests.values().filter(|guest| guest.node == node);
            let wanted = here
                .filter(|guest| args.opt("pool").is_none() || pool.is_some_and(|pool| pool.vms.contains(&guest.vmid)));
            wanted.map(|guest| guest.vmid).filter(|vmid| !exclude.contains(&vmid.to_string())).collect()
        } else {
            named.iter().filter_map(|id| id.parse().ok()).collect()
        };
        let mut parts: Vec<String> = named.to_vec();
        for (key, value) in args.settings(&["vmid", "node"]) {
            let plain =
                !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=,:@+%".contains(c));
            parts.push(if plain {
                format!("--{key} {value}")
            } else {
                format!("--{key} '{}'", value.replace('\'', "'\\''"))
            });
        }
        parts.push(format!("--node {node}"));
        let storage = args.opt("storage").unwrap_or("local").to_owned();
        let from_storage =
            cluster.storages.get(&storage).and_then(|storage| storage.config.get("prune-backups")).cloned();
        let prune = args
            .opt("prune-backups")
            .map(str::to_owned)
            .or(from_storage)
            .filter(|_| args.opt_flag("remove").unwrap_or(true));
        Self {
            node,
            vmids,
            storage,
            mode: args.opt("mode").unwrap_or("snapshot").to_owned(),
            compress: args.opt("compress").unwrap_or("0").to_owned(),
            limit: args.num("bwlimit").map(|limit| limit as u64).filter(|limit| *limit > 0),
            notes: args.opt("notes-template").map(str::to_owned),
            protected: args.flag("protected"),
            prune,
            title: parts.join(" "),
        }
    }

    /// The task: guest after guest, then the summary.
    pub fn script(self) -> Script {
        Script::new().then(move |cluster, task| {
            let problem = match cluster.storages.get(&self.storage) {
                None => {
                    let id = &self.storage;
                    let missing = format!("storage '{id}' does not exist");
                    Some(format!("could not activate storage '{id}': {missing} could not get storage information for '{id}': {missing}"))
                }
                Some(storage) if !storage.enabled() => {
                    let id = &self.storage;
                    Some(format!("could not get storage information for '{id}': storage '{id}' is disabled"))
                }
                Some(storage) if !storage.allows("backup") => {
                    let id = &self.storage;
                    Some(format!("could not get storage information for '{id}': can't use storage '{id}' for backup - content type 'backup' not configured"))
                }
                _ => None,
            };
            if let Some(text) = problem {
                task.log("INFO: notified via target `mail-to-root`");
                return Err(text);
            }
            task.log(format!("INFO: starting new backup job: vzdump {}", self.title));
            let vmids = self.vmids.clone();
            task.next(self.go_on(vmids, 0));
            Ok(())
        })
    }

    /// The guests that are left, `failed` of the earlier ones having failed.
    fn go_on(self, mut left: Vec<u32>, failed: usize) -> Script {
        if left.is_empty() {
            return Script::new().then(move |_, task| {
                let good = failed == 0;
                task.log(format!("INFO: Backup job finished {}", if good { "successfully" } else { "with errors" }));
                task.log("INFO: notified via target `mail-to-root`");
                if good { Ok(()) } else { Err("job errors".into()) }
            });
        }
        let vmid = left.remove(0);
        Script::new().then(move |cluster, task| {
            match self.guest(cluster, task, vmid) {
                Ok(script) => task.next(script.and(self.go_on(left, failed))),
                Err(text) => {
                    task.log(format!("ERROR: Backup of VM {vmid} failed - {text}"));
                    task.log(format!("INFO: Failed at {}", stamp::date_time(cluster.now)));
                    task.next(self.go_on(left, failed + 1));
                }
            }
            Ok(())
        })
    }

    fn guest(&self, cluster: &mut Cluster, task: &mut Running, vmid: u32) -> Result<Script, String> {
        let Some(guest) = cluster.guest(vmid).filter(|guest| guest.node == self.node).cloned() else {
            return Err(format!("unable to find VM '{vmid}'"));
        };
        let begun = cluster.now;
        task.log(format!("INFO: Starting Backup of VM {vmid} ({})", guest.kind.word()));
        task.log(format!("INFO: Backup started at {}", stamp::date_time(begun)));
        task.log(format!("INFO: status = {}", guest.status()));
        let mode = if guest.running { self.mode.clone() } else { "stop".to_owned() };
        let limit = self.limit.map(|kib| format!("INFO: bandwidth limit: {kib} KiB/s"));
        let name = match guest.kind {
            Kind::Qemu => format!("INFO: VM Name: {}", guest.name()),
            Kind::Lxc => format!("INFO: CT Name: {}", guest.name()),
        };
        let what = self.included(&guest);
        let mode_lines: Vec<String> = std::iter::once(format!("INFO: backup mode: {mode}"))
            .chain(limit)
            .chain(std::iter::once("INFO: ionice priority: 7".to_owned()))
            .collect();
        let skipped = self.skipped(&guest);
        // Running VMs are described before the mode, all others after it.
        if guest.running && guest.kind == Kind::Qemu {
            task.log(name);
            what.iter().for_each(|(_, line)| task.log(line.clone()));
            mode_lines.into_iter().for_each(|line| task.log(line));
        } else {
            mode_lines.into_iter().for_each(|line| task.log(line));
            task.log(name);
            what.iter().for_each(|(_, line)| task.log(line.clone()));
        }
        skipped.into_iter().for_each(|line| task.log(line));
        if !guest.snapshots.is_empty() && guest.kind == Kind::Qemu {
            task.log("INFO: snapshots found (not included into backup)");
        }
        guest::check_lock(&guest)?;
        let suffix = match (guest.kind, self.compress.as_str()) {
            (Kind::Qemu, "zstd") => "vma.zst",
            (Kind::Qemu, "gzip") => "vma.gz",
            (Kind::Qemu, "lzo" | "1") => "vma.lzo",
            (Kind::Qemu, _) => "vma",
            (_, "zstd") => "tar.zst",
            (_, "gzip") => "tar.gz",
            (_, "lzo" | "1") => "tar.lzo",
            _ => "tar",
        };
        // Two backups of a guest within a second would have one name.
        let mut at = begun;
        let pbs = self.kind_pbs(cluster);
        let suffix = match guest.kind {
            Kind::Qemu if pbs => "pbs-vm",
            Kind::Lxc if pbs => "pbs-ct",
            _ => suffix,
        };
        let volid = loop {
            let volid = if pbs {
                let kind = if guest.kind == Kind::Qemu { "vm" } else { "ct" };
                format!("{}:backup/{kind}/{vmid}/{}", self.storage, stamp::utc(at))
            } else {
                format!("{}:backup/vzdump-{}-{vmid}-{}.{suffix}", self.storage, guest.kind.word(), stamp::file(at))
            };
            if cluster.volume(&self.node, &volid).is_none() {
                break volid;
            }
            at += 1.0;
        };
        let path = match volid.split_once(":backup/") {
            Some((_, snapshot)) if pbs => snapshot.to_owned(),
            _ => cluster.volume_path(&volid),
        };
        if mode == "stop" && guest.running {
            task.log("INFO: stopping virtual guest");
        }
        task.log(format!("INFO: creating {} archive '{path}'", if pbs { "Proxmox Backup Server" } else { "vzdump" }));
        let mut total = 0u64;
        let mut used = 0u64;
        for (volid, _) in &what {
            if let Some(volume) = cluster.volume(&self.node, volid) {
                total += volume.size;
                used += volume.used.unwrap_or(volume.size);
            }
        }
        let place = cluster.storage_on(&self.node, &self.storage).map_err(|fault| fault.message)?.clone();
        let packed = match self.compress.as_str() {
            "0" => used,
            "zstd" => used * 45 / 100,
            _ => used / 2,
        } + 4096;
        let free = disk::free_space(cluster, &self.node, &place);
        let warn_efi = guest.kind == Kind::Qemu && !guest.running;
        if warn_efi {
            task.log("INFO: starting kvm to execute backup task");
            // A template's process needs no processors of its own.
            let ready = if guest.is_template() { Ok(()) } else { self.start_check(cluster, task, vmid) };
            if let Err(text) = ready {
                task.log(format!("ERROR: {text}"));
                task.log("INFO: aborting backup job");
                task.log(format!("ERROR: VM {vmid} not running"));
                task.log(format!("VM {vmid} not running"));
                return Err(text);
            }
        }
        guest::take_lock(cluster, guest.kind, &self.node, vmid, "backup")?;
        let ended = self.clone();
        if guest.kind == Kind::Qemu && !guest.running && total > 0 {
            // A stopped VM is backed up by a process that does not run its system.
            guest::set_running(cluster, vmid);
            in_task(cluster, guest.kind, &self.node, vmid)?.qmp = "prelaunch".into();
        }
        let script = Script::new().finally(move |cluster| {
            guest::set_stopped_if(cluster, vmid, "prelaunch");
            cluster.unlock(vmid, "backup");
        });
        let body = match guest.kind {
            Kind::Qemu => self.vm_body(cluster, &guest, &mode, &path, (total, used)),
            Kind::Lxc => container_body(used.max(2_078_720), self.limit),
        };
        if packed > free {
            let text = "vma_queue_write: write error - No space left on device".to_owned();
            guest::set_stopped_if(cluster, vmid, "prelaunch");
            cluster.unlock(vmid, "backup");
            return Err(text);
        }
        let kvm =
            (guest.kind == Kind::Qemu && !guest.running).then(|| "INFO: stopping kvm after backup task".to_owned());
        let script = script.last_words(move |cluster| {
            let why = "interrupted by signal";
            let mut lines = vec![format!("ERROR: {why}"), "INFO: aborting backup job".into()];
            lines.extend(kvm);
            lines.push(format!("ERROR: Backup of VM {vmid} failed - {why}"));
            lines.push(format!("INFO: Failed at {}", stamp::date_time(cluster.now)));
            lines.push(format!("ERROR: Backup job failed - {why}"));
            lines.push("INFO: notified via target `mail-to-root`".into());
            lines
        });
        let stops = mode == "stop" && guest.running;
        let script = if stops {
            script.wait(guest::seconds_of_shutdown(&guest)).then(move |cluster, _| {
                if cluster.guest(vmid).is_some_and(|guest| guest.kind == Kind::Lxc) {
                    guest::set_stopped(cluster, vmid);
                }
                Ok(())
            })
        } else {
            script
        };
        let kind = guest.kind;
        Ok(script.and(body).then(move |cluster, task| {
            ended.finish(cluster, task, &guest, &volid, suffix, packed, begun)?;
            if stops && kind == Kind::Lxc {
                task.log("INFO: restarting vm");
                guest::set_running(cluster, vmid);
                let seconds = (cluster.now - begun).round().max(1.0);
                task.log(format!("INFO: guest is online again after {seconds} seconds"));
            }
            task.log(format!("INFO: Finished Backup of VM {vmid} ({})", stamp::duration(cluster.now - begun)));
            task.log(format!("INFO: Backup finished at {}", stamp::date_time(cluster.now)));
            Ok(())
        }))
    }

    fn kind_pbs(&self, cluster: &Cluster) -> bool {
        cluster.storages.get(&self.storage).is_some_and(|storage| storage.kind() == "pbs")
    }

    /// The checks of a start, as a stopped VM is started for its backup.
    fn start_check(&self, cluster: &mut Cluster, task: &mut Running, vmid: u32) -> Result<(), String> {
        power::before_start(cluster, task, &self.node, vmid)
    }

    /// Volumes that go into the backup, with the line about each.
    fn included(&self, guest: &Guest) -> Vec<(String, String)> {
        let mut out = Vec::new();
        for (key, volid) in guest::volumes(guest.kind, &guest.config) {
            if is_numbered(&key, "unused")
                || key == "vmstate"
                || drive::is_cloudinit_volume(&volid) && guest.kind == Kind::Lxc
            {
                continue;
            }
            let value = guest.get(&key).unwrap_or_default();
            match guest.kind {
                Kind::Qemu => {
                    let drive = drive::Drive::parse(value);
                    if drive.options.flag("backup", true) {
                        out.push((
                            volid.clone(),
                            format!("INFO: include disk '{key}' '{volid}' {}", print_size(drive.size())),
                        ));
                    }
                }
                Kind::Lxc => {
                    let mount = Property::parse(value, "volume");
                    if key == "rootfs" || mount.flag("backup", false) {
                        let at = mount.get("mp").unwrap_or("/");
                        out.push((volid.clone(), format!("INFO: including mount point {key} ('{at}') in backup")));
                    }
                }
            }
        }
        out
    }

    fn skipped(&self, guest: &Guest) -> Vec<String> {
        let mut out = Vec::new();
        for (key, volid) in guest::volumes(guest.kind, &guest.config) {
            if is_numbered(&key, "unused") && guest.kind == Kind::Qemu {
                out.push(format!("INFO: skip unused drive '{volid}' (not included into backup)"));
            }
        }
        if guest.kind == Kind::Lxc {
            for (key, value) in guest.config.iter().filter(|(key, _)| is_numbered(key, "mp")) {
                let mount = Property::parse(value, "volume");
                if !mount.flag("backup", false) {
                    let why =
                        if mount.get("volume").is_some_and(|v| v.starts_with('/')) { "bind mount" } else { "disabled" };
                    out.push(format!(
                        "INFO: excluding {why} point {key} ('{}') from backup ({why})",
                        mount.get("mp").unwrap_or_default()
                    ));
                }
            }
        }
        out
    }

    fn vm_body(
        &self,
        cluster: &mut Cluster,
        guest: &Guest,
        mode: &str,
        archive: &str,
        (total, used): (u64, u64),
    ) -> Script {
        let mut script = Script::new();
        if total == 0 {
            let stem = archive.split_once(".vma").map_or(archive, |(stem, _)| stem);
            return script.lines(["INFO: backup contains no disks", "INFO: starting diskless backup"]).log(format!(
                "INFO: /usr/bin/vma create -v -c {stem}.tmp/qemu-server.conf exec:zstd --threads=1 > {stem}.vma.dat"
            ));
        }
        if guest.running && mode != "stop" && status::agent_enabled(guest) {
            let line = if guest.agent {
                "INFO: issuing guest-agent 'fs-freeze' command"
            } else {
                "INFO: skipping guest filesystem freeze - agent configured but not running?"
            };
            script = script.log(line);
            if guest.agent {
                script = script.wait(0.3).log("INFO: issuing guest-agent 'fs-thaw' command");
            }
        }
        script = script
            .log("INFO: starting backup via QMP command")
            .log(format!("INFO: started backup task '{}'", cluster.rng.uuid()));
        if guest.running {
            script = script.log("INFO: resuming VM again");
        }
        let seconds = match self.limit {
            Some(kib) => total as f64 / (kib as f64 * 1024.0),
            // Zeros are read at memory speed.
            None => used as f64 / (progress::DISK_RATE / 2.0) + total as f64 / (16.0 * 1_073_741_824.0),
        };
        script = script.and(progress::script(progress::backup(total, used, seconds)));
        if !guest.running {
            script = script.log("INFO: stopping kvm after backup task");
        }
        script
    }

    #[allow(clippy::too_many_arguments)]
    fn finish(
        &self,
        cluster: &mut Cluster,
        task: &mut Running,
        guest: &Guest,
        volid: &str,
        suffix: &str,
        packed: u64,
        begun: f64,
    ) -> Result<(), String> {
        // The guest may have been destroyed meanwhile; its backup holds what it was.
        let shown = match packed {
            0..1_024_000 => format!("{}KB", packed >> 10),
            1_024_000..1_048_576_000 => format!("{}MB", packed >> 20),
            _ => format!("{:.2}GB", packed as f64 / 1_073_741_824.0),
        };
        task.log(format!("INFO: archive file size: {shown}"));
        let notes = self.notes.as_ref().map(|template| self.fill(cluster, template, guest));
        if notes.is_some() {
            task.log("INFO: adding notes to backup");
        }
        if self.protected {
            task.log("INFO: marking backup as protected");
        }
        let mut content = guest.clone();
        content.config.remove("lock");
        content.snapshots.clear();
        content.running = false;
        let volume = Volume {
            volid: volid.to_owned(),
            content: "backup".into(),
            format: suffix.into(),
            size: packed,
            used: None,
            vmid: Some(guest.vmid),
            ctime: Some(begun as u64),
            notes,
            protected: self.protected,
            subtype: Some(guest.kind.word().into()),
            backup: Some(Box::new(content)),
            ..Volume::default()
        };
        cluster.add_volume(&self.node, volume);
        if let Some(rules) = &self.prune {
            self.prune(cluster, task, guest, rules);
        }
        guest::set_stopped_if(cluster, guest.vmid, "prelaunch");
        cluster.unlock(guest.vmid, "backup");
        cluster.touch();
        in_task(cluster, guest.kind, &self.node, guest.vmid).map(|_| ())
    }

    fn fill(&self, cluster: &Cluster, template: &str, guest: &Guest) -> String {
        template
            .replace("{{guestname}}", &guest.name())
            .replace("{{vmid}}", &guest.vmid.to_string())
            .replace("{{node}}", &self.node)
            .replace("{{cluster}}", cluster.name.as_deref().unwrap_or("standalone node"))
            .replace("\\n", "\n")
            .replace("\\\\", "\\")
    }

    /// Removes what `keep-last` does not keep; calendar rules keep everything here.
    fn prune(&self, cluster: &mut Cluster, task: &mut Running, guest: &Guest, rules: &str) {
        let rules_map = Property::parse(rules, "");
        let only_last = rules_map.pairs().count() == 1;
        let Some(keep) =
            rules_map.get("keep-last").and_then(|v| v.parse::<usize>().ok()).filter(|keep| only_last && *keep > 0)
        else {
            return;
        };
        task.log(format!("INFO: prune older backups with retention: {rules}"));
        let prefix = format!("{}:backup/vzdump-{}-{}-", self.storage, guest.kind.word(), guest.vmid);
        let mut found: Vec<(u64, String)> = cluster
            .volumes_of(&self.node, &self.storage)
            .filter(|volume| volume.volid.starts_with(&prefix) && !volume.protected)
            .map(|volume| (volume.ctime.unwrap_or(0), volume.volid.clone()))
            .collect();
        found.sort();
        let over = found.len().saturating_sub(keep);
        for (_, volid) in &found[..over] {
            task.log(format!("INFO: removing backup '{volid}'"));
            cluster.remove_volume(&self.node, volid);
        }
        task.log(format!("INFO: pruned {over} backup(s) not covered by keep-retention policy"));
    }
}

fn container_body(used: u64, limit: Option<u64>) -> Script {
    let seconds = progress::copy_seconds(used, used, limit).max(0.3) * 2.0;
    let amount = super::property::human(used as f64, 1).replace(' ', "");
    Script::new().wait(seconds).log(format!(
        "INFO: Total bytes written: {used} ({amount}, {}MiB/s)",
        (used as f64 / seconds / 1_048_576.0).round()
    ))
}

/// `GET /nodes/{node}/vzdump/defaults`
fn defaults(cluster: &mut Cluster, args: &Args) -> Outcome {
    let storage = args.opt("storage").unwrap_or("local");
    let mut answer = json!({
        "all": 0, "bwlimit": 0, "compress": "0", "fleecing": {"enabled": 0}, "ionice": 7, "lockwait": 180, "mailnotification": "always", "mode": "snapshot",
        "notification-mode": "auto", "performance": {"max-workers": 16, "pbs-entries-max": 1_048_576}, "pigz": 0, "prune-backups": "keep-all=1", "quiet": 0,
        "remove": 1, "stdexcludes": 1, "stop": 0, "stopwait": 10, "zstd": 1,
    });
    if args.has("storage") {
        guest::need(cluster, args, &format!("/storage/{storage}"), &["Datastore.Audit", "Datastore.AllocateSpace"])?;
        let found = cluster.storage(storage)?;
        answer["storage"] = json!(storage);
        if found.is_file() {
            answer["dumpdir"] = json!(format!("{}/dump", found.path()));
        }
        if let Some(rules) = found.config.get("prune-backups") {
            answer["prune-backups"] = json!(rules);
        }
    } else {
        answer["storage"] = json!("local");
        answer["dumpdir"] = json!("/var/lib/vz/dump");
    }
    Ok(answer.into())
}

/// `GET /nodes/{node}/vzdump/extractconfig`
fn extract_config(cluster: &mut Cluster, args: &Args) -> Outcome {
    let volid = args.str("volume");
    let store = volid.split(':').next().unwrap_or_default();
    cluster.storage_on(args.node(), store)?;
    guest::need(
        cluster,
        args,
        &format!("/storage/{store}"),
        &["Datastore.Allocate", "Datastore.AllocateSpace", "Datastore.Audit"],
    )?;
    let volume = cluster.volume(args.node(), volid);
    let missing = || die(format!("unable to find backup '{volid}'"));
    let held = volume.and_then(|volume| volume.backup.as_deref()).ok_or_else(missing)?;
    Ok(Value::String(held_text(held)).into())
}

/// The text of the configuration in a backup, with the notes about its disks.
pub fn held_text(held: &Guest) -> String {
    let mut text = guest::config_text(&held.config);
    if held.kind == Kind::Qemu {
        for (slot, volid) in
            guest::volumes(Kind::Qemu, &held.config).into_iter().filter(|(slot, _)| drive::is_slot(slot))
        {
            if !drive::Drive::parse(&held.config[&slot]).options.flag("backup", true) {
                continue;
            }
            let store = volid.split(':').next().unwrap_or_default();
            let name = volid.rsplit(['/', ':']).next().unwrap_or_default();
            let format = name.split_once('.').map_or("raw", |(_, end)| end);
            text += &format!("#qmdump#map:{slot}:drive-{slot}:{store}:{format}:\n");
        }
    }
    text
}
