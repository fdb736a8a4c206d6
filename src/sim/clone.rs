//! Clones and templates of VMs and containers, and what a guest's disks allow.

use serde_json::{Value, json};

use super::call::{Args, Fault, Outcome, die};
use super::disk::{self, Purpose};
use super::guest::{self, in_task};
use super::progress;
use super::property::{Property, print_size};
use super::qemu::drive::{self, Drive, is_numbered};
use super::router::Route;
use super::snapshot;
use super::state::{Cluster, Config, Guest, Kind};
use super::task::Script;

/// The calls of this file.
pub const ROUTES: &[Route] = &[
    Route("POST", "/nodes/{node}/qemu/{vmid}/clone", |c, a| clone(c, a, Kind::Qemu)),
    Route("POST", "/nodes/{node}/lxc/{vmid}/clone", |c, a| clone(c, a, Kind::Lxc)),
    Route("POST", "/nodes/{node}/qemu/{vmid}/template", template_vm),
    Route("POST", "/nodes/{node}/lxc/{vmid}/template", template_container),
    Route("GET", "/nodes/{node}/qemu/{vmid}/feature", |c, a| feature(c, a, Kind::Qemu)),
    Route("GET", "/nodes/{node}/lxc/{vmid}/feature", |c, a| feature(c, a, Kind::Lxc)),
];

/// `POST .../clone`
fn clone(cluster: &mut Cluster, args: &Args, kind: Kind) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    let newid = args.int("newid").and_then(|id| u32::try_from(id).ok()).unwrap_or(0);
    super::qemu::check_pool(cluster, args)?;
    let guest = cluster.guest_at(kind, &node, vmid)?.clone();
    let full = args.opt_flag("full").unwrap_or(!guest.is_template());
    let word = kind.short();
    if let Some(storage) = args.opt("storage") {
        if !full {
            return Err(Fault::param("storage", "parameter 'storage' not allowed for linked clones"));
        }
        let place = cluster.storage_on(&node, storage)?;
        let content = if kind == Kind::Qemu { "images" } else { "rootdir" };
        if !place.allows(content) {
            return Err(die(format!("storage '{storage}' does not support content-type '{content}'")));
        }
        guest::need_space(cluster, args, storage)?;
    }
    if args.has("format") && !full {
        return Err(Fault::param("format", "parameter 'format' not allowed for linked clones"));
    }
    if let Some(target) = args.opt("target").filter(|target| *target != node) {
        if !cluster.nodes.contains_key(target) {
            return Err(die(format!("no such cluster node '{target}'")));
        }
        let local = guest::volumes(kind, &guest.config).into_iter().map(|(_, volid)| volid);
        for volid in local {
            // With VMs only the place of the source counts.
            let wanted = args.opt("storage").filter(|_| kind == Kind::Lxc);
            let store = wanted.unwrap_or(volid.split(':').next().unwrap_or_default());
            if !cluster.storage(store)?.shared() {
                return Err(die(format!("Can't clone VM to node '{target}' (VM uses local storage)")));
            }
        }
    }
    guest::check_lock(&guest).map_err(die)?;
    let source = match args.opt("snapname") {
        None => guest.config.clone(),
        Some(name) => {
            guest.snapshots.get(name).cloned().ok_or_else(|| die(format!("snapshot '{name}' does not exist")))?
        }
    };
    if kind == Kind::Lxc && guest.running && args.opt("snapname").is_none() && !full {
        return Err(die(format!("cannot create linked clone of running container '{vmid}'")));
    }
    if kind == Kind::Lxc && guest.running && args.opt("snapname").is_none() && full {
        return Err(die("Cannot do full clones on a running container without snapshots"));
    }
    if !full {
        check_linkable(cluster, &guest, &source)?;
    }
    if guest::taken(cluster, newid).is_some() {
        return Err(die(format!("unable to create {word} {newid}: config file already exists")));
    }
    let target = args.opt("target").unwrap_or(&node).to_owned();
    let mut new = Guest::new(newid, kind, &target);
    new.config.insert("lock".into(), "clone".into());
    cluster.guests.insert(newid, new);
    if let Some(guest) = cluster.guest_mut(vmid) {
        guest.config.insert("lock".into(), "clone".into());
    }
    let job = Job {
        kind,
        node: node.clone(),
        vmid,
        newid,
        full,
        storage: args.opt("storage").map(str::to_owned),
        format: args.opt("format").map(str::to_owned),
        limit: args.num("bwlimit").map(|limit| limit as u64),
        name: args.opt(if kind == Kind::Qemu { "name" } else { "hostname" }).map(str::to_owned),
        description: args.opt("description").map(str::to_owned),
        pool: args.opt("pool").map(str::to_owned),
        live: guest.running && !args.has("snapname"),
    };
    // Unlocks the source and removes a clone that was not finished.
    let script = Script::new().finally(move |cluster| {
        cluster.unlock(vmid, "clone");
        if let Some(guest) = cluster.guest(newid).filter(|guest| guest.lock() == Some("clone")) {
            let (node, volumes) = (guest.node.clone(), guest::volumes(kind, &guest.config));
            for (_, volid) in volumes {
                cluster.remove_volume(&node, &volid);
            }
            guest::forget(cluster, newid);
        }
    });
    let script = script.then(move |cluster, task| {
        if kind == Kind::Qemu {
            task.log(format!("creating a clone of VM {vmid} with ID {newid}"));
        }
        task.next(job.script(cluster, &source)?);
        Ok(())
    });
    let word = if kind == Kind::Qemu { "qmclone" } else { "vzclone" };
    Ok(cluster.start_task(args.user(), &node, word, &vmid.to_string(), script).into())
}

/// Linked clones need base volumes.
fn check_linkable(cluster: &Cluster, guest: &Guest, config: &Config) -> Result<(), Fault> {
    let mut disks = guest::volumes(guest.kind, config);
    disks.sort();
    for (key, volid) in
        disks.iter().filter(|(key, volid)| !is_numbered(key, "unused") && !drive::is_cloudinit_volume(volid))
    {
        if !is_base(volid) || !linkable(cluster, guest, volid) {
            return Err(die(match guest.kind {
                Kind::Qemu => format!("Linked clone feature is not supported for '{volid}' ({key})"),
                Kind::Lxc => format!("Linked clone feature for '{volid}' is not available"),
            }));
        }
    }
    Ok(())
}

fn is_base(volid: &str) -> bool {
    volid.rsplit(['/', ':']).next().is_some_and(|name| name.starts_with("base"))
}

fn linkable(cluster: &Cluster, guest: &Guest, volid: &str) -> bool {
    let storage = cluster.storages.get(volid.split(':').next().unwrap_or_default());
    let format = cluster.volume(&guest.node, volid).map_or("raw", |volume| volume.format.as_str());
    storage.is_some_and(|storage| disk::can_link(storage, format))
}

/// A clone being made.
struct Job {
    kind: Kind,
    node: String,
    vmid: u32,
    newid: u32,
    full: bool,
    storage: Option<String>,
    format: Option<String>,
    limit: Option<u64>,
    name: Option<String>,
    description: Option<String>,
    pool: Option<String>,
    live: bool,
}

impl Job {
    fn script(self, cluster: &mut Cluster, source: &Config) -> Result<Script, String> {
        let mut config: Config = source.clone();
        const NOT_CLONED: &[&str] = &[
            "lock",
            "parent",
            "running-nets-host-mtu",
            "runningcpu",
            "runningmachine",
            "snaptime",
            "template",
            "vmstate",
        ];
        config.retain(|key, _| !NOT_CLONED.contains(&key.as_str()) && !is_numbered(key, "unused"));
        let mut script = Script::new();
        let keys: Vec<String> = config.keys().cloned().collect();
        for key in keys {
            let value = config[&key].clone();
            if is_numbered(&key, "net") {
                let value = self.fresh_mac(cluster, &value);
                config.insert(key, value);
            } else if self.kind == Kind::Qemu && drive::is_slot(&key) {
                let drive = Drive::parse(&value);
                let Some(volid) = drive.volume().map(str::to_owned) else { continue };
                if drive.is_cdrom() && !drive.is_cloudinit() {
                    continue;
                }
                script = script.and(self.copy(cluster, &mut config, &key, &volid, "file")?);
            } else if self.kind == Kind::Lxc && (key == "rootfs" || is_numbered(&key, "mp")) {
                let volid = guest::mount_volume(&value);
                if volid.starts_with('/') {
                    return Err(format!("unable to clone mountpoint '{key}' (type bind)"));
                }
                script = script.and(self.copy(cluster, &mut config, &key, &volid, "volume")?);
            }
        }
        if let Some(text) = &self.description {
            let end = if self.kind == Kind::Lxc { "\n" } else { "" };
            config.insert("description".into(), format!("{text}{end}"));
        }
        self.identity(cluster, &mut config);
        Ok(script.then(move |cluster, _| {
            let old = cluster.guest(self.vmid).cloned();
            let guest = in_task_any(cluster, self.newid)?;
            guest.config = config;
            if let Some(old) = old {
                guest.load = old.load;
                guest.obeys = old.obeys;
                guest.agent = old.agent;
            }
            guest::join_pool(cluster, self.newid, self.pool.as_deref());
            cluster.touch();
            Ok(())
        }))
    }

    /// Names and ids of its own.
    fn identity(&self, cluster: &mut Cluster, config: &mut Config) {
        let key = if self.kind == Kind::Qemu { "name" } else { "hostname" };
        let prefix = if self.kind == Kind::Qemu { "Copy-of-VM" } else { "Copy-of-CT" };
        let old = config.get(key).cloned().unwrap_or_else(|| self.vmid.to_string());
        config.insert(key.into(), self.name.clone().unwrap_or_else(|| format!("{prefix}-{old}")));
        if self.kind == Kind::Qemu {
            if config.contains_key("vmgenid") {
                config.insert("vmgenid".into(), cluster.rng.uuid());
            }
            if let Some(old) = config.get("smbios1").cloned() {
                let mut smbios = Property::parse(&old, "uuid");
                smbios.set("uuid", cluster.rng.uuid());
                let rest: Vec<String> = smbios.pairs().map(|(key, value)| format!("{key}={value}")).collect();
                config.insert("smbios1".into(), rest.join(","));
            }
        }
    }

    fn fresh_mac(&self, cluster: &mut Cluster, value: &str) -> String {
        match self.kind {
            Kind::Qemu => {
                let (first, rest) = value.split_once(',').map_or((value, ""), |(first, rest)| (first, rest));
                let model = first.split('=').next().unwrap_or("virtio");
                let mac = guest::new_mac(cluster);
                if rest.is_empty() { format!("{model}={mac}") } else { format!("{model}={mac},{rest}") }
            }
            Kind::Lxc => {
                let mut net = Property::parse(value, "name");
                net.remove("hwaddr");
                super::lxc::prepare_net(cluster, &net.print("", &["name"]))
            }
        }
    }

    /// Copies (or links) one disk and puts the copy into the configuration.
    fn copy(
        &self,
        cluster: &mut Cluster,
        config: &mut Config,
        key: &str,
        volid: &str,
        bare: &str,
    ) -> Result<Script, String> {
        let old =
            cluster.volume(&self.node, volid).cloned().ok_or_else(|| format!("volume '{volid}' does not exist"))?;
        let what = if self.kind == Kind::Qemu { "drive" } else { "mountpoint" };
        let mut script = Script::new();
        let new = if drive::is_cloudinit_volume(volid) {
            let store = self.storage.as_deref().unwrap_or(volid.split(':').next().unwrap_or_default());
            let made = disk::allocate(
                cluster,
                &self.node,
                store,
                self.newid,
                Purpose::CloudInit,
                Some(&old.format),
                old.size,
            )?;
            script = script.log(format!("create full clone of {what} {key} ({volid})")).lines(made.lines);
            made.volid
        } else if !self.full {
            let made = disk::link(cluster, &self.node, volid, self.newid)?;
            script = script.log(format!("create linked clone of {what} {key} ({volid})")).lines(made.lines).wait(0.2);
            made.volid
        } else {
            let store = self.storage.as_deref().unwrap_or(volid.split(':').next().unwrap_or_default()).to_owned();
            let wanted = self.format.clone().or_else(|| Some(old.format.clone()).filter(|format| format != "subvol"));
            let place = cluster.storage(&store).map_err(|fault| fault.message)?.clone();
            let wanted = wanted.filter(|format| disk::check_format(&place, format).is_ok());
            let used = old.used.unwrap_or(old.size);
            let purpose = Purpose::Disk(self.kind);
            check_room(cluster, &self.node, &place, used, volid)?;
            let made = disk::allocate(cluster, &self.node, &store, self.newid, purpose, wanted.as_deref(), old.size)?;
            if let Some(volume) = cluster.volume_mut(&self.node, &made.volid) {
                volume.used = Some(used);
            }
            script = script.log(format!("create full clone of {what} {key} ({volid})")).lines(made.lines);
            let seconds = progress::copy_seconds(old.size, used, self.limit);
            if self.kind == Kind::Lxc {
                script = script.and(rsync(used, seconds));
            } else {
                script = script.log(format!("allocated target volume '{}'", made.volid));
                if self.live && key != "tpmstate0" {
                    script = script.log(format!("drive mirror is starting for drive-{key}"));
                    script = script.and(progress::script(progress::mirror(key, old.size, seconds.max(1.0))));
                    script = script
                        .log("all 'mirror' jobs are ready")
                        .log(format!("mirror-{key}: Cancelling block job"))
                        .log(format!("mirror-{key}: Done."));
                } else if old.size >= 1 << 20 {
                    script = script.and(progress::script(progress::copy(old.size, seconds)));
                }
            }
            made.volid
        };
        // Known to the unfinished guest, so that a stopped task can clean up.
        let mut property = Property::parse(&config[key], bare);
        property.set(bare, new);
        if property.get("size").is_some() {
            property.set("size", print_size(old.size));
        }
        property.remove("format");
        let required: &[&str] = if self.kind == Kind::Lxc && key != "rootfs" { &["mp"] } else { &[] };
        let text = property.print(bare, required);
        config.insert(key.to_owned(), text.clone());
        if let Some(guest) = cluster.guest_mut(self.newid) {
            guest.config.insert(key.to_owned(), text);
        }
        Ok(script)
    }
}

/// Is there room for the data of a copy?
pub fn check_room(
    cluster: &Cluster,
    node: &str,
    storage: &super::state::Storage,
    used: u64,
    volid: &str,
) -> Result<(), String> {
    let free = disk::free_space(cluster, node, storage);
    if used <= free {
        return Ok(());
    }
    let path = cluster.volume_path(volid);
    Err(format!(
        "copy failed: command '/usr/bin/qemu-img convert -p -n {path} ...' failed: qemu-img: error while writing: No space left on device"
    ))
}

/// What rsync prints at the end of copying a container's files.
pub fn rsync(used: u64, seconds: f64) -> Script {
    let files = used / 65536 + 2;
    Script::new().wait(seconds).lines([
        String::new(),
        format!("Number of files: {files} (dir: {})", files / 8 + 2),
        "Number of created files: 0".into(),
        "Number of deleted files: 0".into(),
        format!("Number of regular files transferred: {}", files - 2),
        format!("Total file size: {used} bytes"),
        format!("Total transferred file size: {used} bytes"),
        format!("Literal data: {used} bytes"),
        "Matched data: 0 bytes".into(),
        "File list size: 0".into(),
        "File list generation time: 0.001 seconds".into(),
        "File list transfer time: 0.000 seconds".into(),
        format!("Total bytes sent: {}", used + 93),
        "Total bytes received: 23".into(),
        String::new(),
        format!("sent {} bytes  received 23 bytes  {:.2} bytes/sec", used + 93, (used + 116) as f64 / seconds.max(0.5)),
        format!("total size is {used}  speedup is {:.2}", if used == 0 { 0.0 } else { 1.0 }),
    ])
}

fn in_task_any(cluster: &mut Cluster, vmid: u32) -> Result<&mut Guest, String> {
    cluster.guest_mut(vmid).ok_or_else(|| format!("guest {vmid} is gone"))
}

/// `POST /nodes/{node}/qemu/{vmid}/template`
fn template_vm(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    let guest = cluster.guest_at(Kind::Qemu, &node, vmid)?;
    check_template(guest)?;
    let only = args.opt("disk").map(str::to_owned);
    if let Some(disk) = &only
        && !guest.config.contains_key(disk)
    {
        return Err(Fault::param("disk", format!("disk '{disk}' does not exist")));
    }
    let task_node = node.clone();
    let script = Script::new().then(move |cluster, _| convert(cluster, Kind::Qemu, &node, vmid, only.as_deref()));
    Ok(cluster.start_task(args.user(), &task_node, "qmtemplate", &vmid.to_string(), script).into())
}

/// `POST /nodes/{node}/lxc/{vmid}/template`: answers nothing, although it is a task as well.
fn template_container(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    check_template(cluster.guest_at(Kind::Lxc, &node, vmid)?)?;
    let task_node = node.clone();
    let script = Script::new().wait(0.3).then(move |cluster, _| convert(cluster, Kind::Lxc, &node, vmid, None));
    cluster.start_task(args.user(), &task_node, "vztemplate", &vmid.to_string(), script);
    Ok(Value::Null.into())
}

fn check_template(guest: &Guest) -> Result<(), Fault> {
    guest::check_lock(guest).map_err(die)?;
    let word = guest.kind.short();
    if !guest.snapshots.is_empty() {
        return Err(die(format!("unable to create template, because {word} contains snapshots")));
    }
    if guest.is_template() {
        return Err(die("you can't convert a template to a template"));
    }
    if guest.running {
        return Err(die(format!("you can't convert a {word} to template if {word} is running")));
    }
    Ok(())
}

fn convert(cluster: &mut Cluster, kind: Kind, node: &str, vmid: u32, only: Option<&str>) -> Result<(), String> {
    let guest = in_task(cluster, kind, node, vmid)?;
    guest::check_lock(guest)?;
    let volumes = guest::volumes(kind, &guest.config);
    for (key, volid) in volumes {
        let skip =
            is_numbered(&key, "unused") || drive::is_cloudinit_volume(&volid) || only.is_some_and(|only| only != key);
        if skip {
            continue;
        }
        let renamed = disk::make_base(cluster, node, &volid);
        let guest = in_task(cluster, kind, node, vmid)?;
        if let Some(value) = guest.config.get_mut(&key) {
            *value = value.replacen(&volid, &renamed, 1);
        }
    }
    if only.is_none() {
        in_task(cluster, kind, node, vmid)?.config.insert("template".into(), "1".into());
    }
    cluster.touch();
    Ok(())
}

/// `GET .../feature`
fn feature(cluster: &mut Cluster, args: &Args, kind: Kind) -> Outcome {
    let cluster: &Cluster = cluster;
    let guest = cluster.guest_at(kind, args.node(), args.vmid())?;
    let config = match args.opt("snapname") {
        Some(name) => guest.snapshots.get(name).ok_or_else(|| die(format!("snapshot '{name}' does not exist")))?,
        None => &guest.config,
    };
    let disks = guest::volumes(kind, config);
    let counts = |key: &str, volid: &str| !is_numbered(key, "unused") && !drive::is_cloudinit_volume(volid);
    let disks: Vec<&String> = disks.iter().filter(|(key, volid)| counts(key, volid)).map(|(_, volid)| volid).collect();
    let has = match args.str("feature") {
        "snapshot" => snapshot::possible(cluster, guest, config),
        "clone" => disks.iter().all(|volid| is_base(volid) && linkable(cluster, guest, volid)),
        _ => true,
    };
    let mut answer = json!({"hasFeature": u8::from(has)});
    if kind == Kind::Qemu {
        let shared = |volid: &&String| {
            cluster.storages.get(volid.split(':').next().unwrap_or_default()).is_some_and(|s| s.shared())
        };
        let everywhere = disks.iter().all(shared);
        let nodes: Vec<&String> = cluster.nodes.keys().filter(|node| everywhere || **node == guest.node).collect();
        answer["nodes"] = json!(nodes);
    }
    Ok(answer.into())
}
