//! Volumes of guests on storages: finding names and formats, making, copying and freeing them, with the lines that
//! the tools print.

use super::call::Fault;
use super::guest;
use super::property::print_size;
use super::qemu::drive::is_amount;
use super::state::{Cluster, Kind, Storage, Volume};

/// The file that a volume is in: `store:import/x.ova/disk.vmdk` is a part of an appliance.
pub fn appliance(volid: &str) -> &str {
    volid.find(".ova/").map_or(volid, |at| &volid[..at + 4])
}

/// What a new volume is for; decides its name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Purpose<'a> {
    /// `vm-100-disk-N`, or a file system of a container.
    Disk(Kind),
    /// `vm-100-cloudinit`.
    CloudInit,
    /// `vm-100-state-NAME`.
    State(&'a str),
    /// A file name that the caller chose.
    Named(&'a str),
}

/// Bytes free on a storage.
pub fn free_space(cluster: &Cluster, node: &str, storage: &Storage) -> u64 {
    let (total, used) = cluster.room(node, storage);
    total - used
}

/// Are volumes of this storage allocated as they fill?
pub fn is_thin(storage: &Storage) -> bool {
    match storage.kind() {
        "lvm" | "iscsi" | "iscsidirect" => false,
        "zfspool" | "zfs" => storage.config.get("sparse").is_some_and(|v| v == "1"),
        _ => true,
    }
}

/// The format of a new disk: what was asked for, or the storage's default.
pub fn format_of(storage: &Storage, wanted: Option<&str>) -> String {
    let chain = storage.config.get("snapshot-as-volume-chain").is_some_and(|v| v == "1");
    if !(storage.is_file() || storage.kind() == "lvm" && chain) {
        return "raw".into();
    }
    let default = storage.config.get("format").map_or(if chain { "qcow2" } else { "raw" }, String::as_str);
    wanted.unwrap_or(default).to_owned()
}

/// Can this kind of storage hold the format?
pub fn check_format(storage: &Storage, format: &str) -> Result<(), String> {
    let fits = match storage.kind() {
        "dir" | "nfs" | "cifs" | "cephfs" => matches!(format, "raw" | "qcow2" | "vmdk" | "subvol"),
        "btrfs" | "zfspool" => matches!(format, "raw" | "subvol"),
        "lvm" => matches!(format, "raw" | "qcow2"),
        _ => format == "raw",
    };
    if fits { Ok(()) } else { Err(format!("unsupported format '{format}'")) }
}

/// Can a snapshot be made of a volume of this format on this storage?
pub fn can_snapshot(storage: &Storage, format: &str) -> bool {
    match storage.kind() {
        "zfspool" | "zfs" | "lvmthin" | "rbd" | "btrfs" => true,
        "dir" | "nfs" | "cifs" => format == "qcow2",
        "lvm" => format == "qcow2",
        _ => false,
    }
}

/// Can a linked clone be made of a base volume here?
pub fn can_link(storage: &Storage, format: &str) -> bool {
    match storage.kind() {
        "zfspool" | "zfs" | "lvmthin" | "rbd" => true,
        "dir" | "nfs" | "cifs" => format == "qcow2" || format == "vmdk",
        _ => false,
    }
}

/// Chooses the name of a new volume.
fn name(cluster: &Cluster, node: &str, storage: &Storage, vmid: u32, format: &str, purpose: Purpose<'_>) -> String {
    let file = storage.is_file();
    let full = |stem: &str| match (file, format) {
        (true, "subvol") => format!("{}:{vmid}/{stem}.subvol", storage.id),
        (true, _) => format!("{}:{vmid}/{stem}.{format}", storage.id),
        (false, "qcow2") => format!("{}:{stem}.qcow2", storage.id),
        (false, _) => format!("{}:{stem}", storage.id),
    };
    let stem = match purpose {
        Purpose::Named(file) if storage.is_file() => return format!("{}:{vmid}/{file}", storage.id),
        Purpose::Named(file) => return format!("{}:{file}", storage.id),
        Purpose::CloudInit => format!("vm-{vmid}-cloudinit"),
        Purpose::State(snapshot) => format!("vm-{vmid}-state-{snapshot}"),
        Purpose::Disk(_) => {
            let tag = if format == "subvol" { "subvol" } else { "vm" };
            // Numbers are shared by all prefixes and formats.
            let taken: std::collections::BTreeSet<u32> = cluster
                .volumes_of(node, &storage.id)
                .filter(|volume| volume.vmid == Some(vmid))
                .filter_map(|volume| disk_number(&volume.volid, vmid))
                .collect();
            let free = (0..).find(|n| !taken.contains(n)).unwrap_or(0);
            format!("{tag}-{vmid}-disk-{free}")
        }
    };
    full(&stem)
}

/// N of `vm-100-disk-N`, `base-100-disk-N`, `subvol-100-disk-N`.
fn disk_number(volid: &str, vmid: u32) -> Option<u32> {
    let file = volid.rsplit(['/', ':']).next()?;
    let rest = file.split_once(&format!("-{vmid}-disk-"))?.1;
    rest.split('.').next()?.parse().ok()
}

/// A volume that was made, and what the tools printed.
#[derive(Clone, Debug)]
pub struct Made {
    /// Its id.
    pub volid: String,
    /// Log lines.
    pub lines: Vec<String>,
}

/// Makes an empty volume of `size` bytes.
pub fn allocate(
    cluster: &mut Cluster,
    node: &str,
    storage: &str,
    vmid: u32,
    purpose: Purpose<'_>,
    format: Option<&str>,
    size: u64,
) -> Result<Made, String> {
    let place = cluster.storage_on(node, storage).map_err(|fault| fault.message)?.clone();
    let container = purpose == Purpose::Disk(Kind::Lxc);
    let content = if container { "rootdir" } else { "images" };
    if !place.allows(content) {
        return Err(format!("storage '{storage}' does not support content-type '{content}'"));
    }
    let format = match (container, place.kind()) {
        (true, "zfspool" | "btrfs") => "subvol".to_owned(),
        (true, _) => "raw".to_owned(),
        _ => format_of(&place, format),
    };
    check_format(&place, &format)?;
    let volid = name(cluster, node, &place, vmid, &format, purpose);
    if cluster.volume(node, &volid).is_some() {
        return Err(format!("disk image '{}' already exists", cluster.volume_path(&volid)));
    }
    let free = free_space(cluster, node, &place);
    let last = volid.rsplit(['/', ':']).next().unwrap_or_default().to_owned();
    if free < 1 << 20 || (!is_thin(&place) && size > free) {
        return Err(no_space(&place, &last, size, free));
    }
    let used = if is_thin(&place) { if format == "qcow2" { 196_616 + size / 8192 } else { 0 } } else { size };
    let volume = Volume {
        volid: volid.clone(),
        content: content.into(),
        format: format.clone(),
        size,
        used: Some(used),
        vmid: Some(vmid),
        ctime: Some(cluster.now as u64),
        ..Volume::default()
    };
    cluster.add_volume(node, volume);
    let mut lines = Vec::new();
    let at = cluster.volume_path(&volid);
    match place.kind() {
        "lvm" => lines.push(format!("  Logical volume \"{last}\" created.")),
        "lvmthin" => lines.push(format!("  Logical volume \"{last}\" created.")),
        "zfspool" | "zfs" | "rbd" => {}
        _ if format == "subvol" => {}
        _ => lines.push(formatting(&at, &format, size, None)),
    }
    if container && format == "raw" {
        lines.extend(filesystem(cluster, size));
    }
    Ok(Made { volid, lines })
}

/// What a storage says when it is full.
pub fn no_space(storage: &Storage, name: &str, size: u64, free: u64) -> String {
    let option = |key: &str| storage.config.get(key).cloned().unwrap_or_else(|| "pve".into());
    match storage.kind() {
        "lvm" => format!(
            "lvcreate '{vg}/{name}' error:   Volume group \"{vg}\" has insufficient free space ({} extents): {} required.",
            free >> 22,
            size.div_ceil(1 << 22),
            vg = option("vgname")
        ),
        "lvmthin" => format!(
            "lvcreate '{vg}/{name}' error:   Cannot create new thin volume, free space in thin pool {vg}/{} reached threshold.",
            option("thinpool"),
            vg = option("vgname")
        ),
        "zfspool" | "zfs" => format!("zfs error: cannot create '{}/{name}': out of space", option("pool")),
        "rbd" => format!("rbd create '{name}' error: rbd: create error: (28) No space left on device"),
        _ => format!(
            "unable to create image: qemu-img: {}/{name}: Could not resize file: No space left on device",
            storage.path()
        ),
    }
}

/// `Formatting '/path', fmt=qcow2 ...` as qemu-img prints it.
pub fn formatting(path: &str, format: &str, size: u64, backing: Option<&str>) -> String {
    match (format, backing) {
        ("qcow2", None) => format!(
            "Formatting '{path}', fmt=qcow2 cluster_size=65536 extended_l2=off preallocation=metadata compression_type=zlib size={size} lazy_refcounts=off refcount_bits=16"
        ),
        ("qcow2", Some(base)) => format!(
            "Formatting '{path}', fmt=qcow2 cluster_size=131072 extended_l2=on preallocation=metadata compression_type=zlib size={size} backing_file={base} backing_fmt=qcow2 lazy_refcounts=off refcount_bits=16"
        ),
        ("vmdk", _) => format!("Formatting '{path}', fmt=vmdk size={size} compat6=off hwversion=undefined"),
        _ => format!("Formatting '{path}', fmt=raw size={size} preallocation=off"),
    }
}

/// What mkfs prints for the root file system of a container.
fn filesystem(cluster: &mut Cluster, size: u64) -> Vec<String> {
    let blocks = size / 4096;
    let backups: Vec<String> = [
        32768u64, 98304, 163_840, 229_376, 294_912, 819_200, 884_736, 1_605_632, 2_654_208, 4_096_000, 7_962_624,
        11_239_424, 20_480_000, 23_887_872,
    ]
    .into_iter()
    .filter(|block| *block < blocks)
    .map(|block| block.to_string())
    .collect();
    vec![
        format!("Creating filesystem with {blocks} 4k blocks and {} inodes", blocks / 4),
        format!("Filesystem UUID: {}", cluster.rng.uuid()),
        "Superblock backups stored on blocks: ".into(),
        format!("\t{}", backups.join(", ")),
    ]
}

/// Makes a linked clone of the base volume `base` for `vmid`.
pub fn link(cluster: &mut Cluster, node: &str, base: &str, vmid: u32) -> Result<Made, String> {
    let parent = cluster.volume(node, base).cloned().ok_or_else(|| format!("volume '{base}' does not exist"))?;
    let store = base.split(':').next().unwrap_or_default();
    let place = cluster.storage_on(node, store).map_err(|fault| fault.message)?.clone();
    let plain = name(cluster, node, &place, vmid, &parent.format, Purpose::Disk(Kind::Qemu));
    let (_, own) = plain.split_once(':').unwrap_or(("", &plain));
    let (_, base_name) = base.split_once(':').unwrap_or(("", base));
    let volid = format!("{store}:{base_name}/{own}");
    let base_file = base_name.rsplit('/').next().unwrap_or(base_name);
    let own_file = own.rsplit('/').next().unwrap_or(own);
    let mut lines = Vec::new();
    if place.is_file() {
        let owner = parent.vmid.unwrap_or(0);
        let backing = format!("../{owner}/{base_file}");
        lines.push(format!("clone {owner}/{base_file}: images, {own_file}, {vmid} to {own_file} (base={backing})"));
        lines.push(formatting(&cluster.volume_path(&volid), &parent.format, parent.size, Some(&backing)));
    }
    let volume = Volume {
        volid: volid.clone(),
        content: "images".into(),
        format: parent.format.clone(),
        size: parent.size,
        used: Some(327_680),
        vmid: Some(vmid),
        parent: Some(base_name.to_owned()),
        ctime: Some(cluster.now as u64),
        ..Volume::default()
    };
    cluster.add_volume(node, volume);
    Ok(Made { volid, lines })
}

/// Frees a volume; refused while linked clones are based on it.
pub fn free(cluster: &mut Cluster, node: &str, volid: &str) -> Result<(), String> {
    check_base(cluster, node, volid)?;
    cluster.remove_volume(node, volid);
    Ok(())
}

/// `base volume '...' is still in use by linked cloned` while there are linked clones.
pub fn check_base(cluster: &Cluster, node: &str, volid: &str) -> Result<(), String> {
    let store = volid.split(':').next().unwrap_or_default();
    // The id of a linked clone starts with that of its base.
    let prefix = format!("{volid}/");
    if cluster.volumes_of(node, store).any(|volume| volume.volid.starts_with(&prefix)) {
        return Err(format!("base volume '{volid}' is still in use by linked cloned"));
    }
    Ok(())
}

/// Turns a disk into a base volume: `vm-120-disk-0` becomes `base-120-disk-0`. Returns the new id.
pub fn make_base(cluster: &mut Cluster, node: &str, volid: &str) -> String {
    let Some(mut volume) = cluster.remove_volume(node, volid) else { return volid.to_owned() };
    let at = volid.rfind("vm-").or_else(|| volid.rfind("subvol-"));
    let renamed = match at {
        Some(at) if volid[at..].starts_with("vm-") => format!("{}base-{}", &volid[..at], &volid[at + 3..]),
        Some(at) => format!("{}basevol-{}", &volid[..at], &volid[at + 7..]),
        None => volid.to_owned(),
    };
    volume.volid = renamed.clone();
    cluster.add_volume(node, volume);
    renamed
}

/// Checks a volume id that a configuration names: its storage, its spelling and (with `exists`) that it is there.
pub fn check_volume(cluster: &Cluster, node: &str, volid: &str) -> Result<(), Fault> {
    let (store, name) = volid.split_once(':').unwrap_or(("", volid));
    let storage = cluster.storage_on(node, store)?;
    let known = name.contains('/') || is_amount(name) || !storage.is_file();
    if known { Ok(()) } else { Err(super::call::die(format!("unable to parse directory volume name '{name}'"))) }
}

/// The size of a volume as a drive's `size=` shows it.
pub fn shown_size(cluster: &Cluster, node: &str, volid: &str) -> Option<String> {
    cluster.volume(node, volid).map(|volume| print_size(volume.size))
}

/// Frees all volumes of a configuration that no other guest uses.
pub fn free_all(cluster: &mut Cluster, node: &str, vmid: u32, volids: &[String]) -> Result<(), String> {
    for volid in volids {
        let owner = cluster.volume(node, volid).and_then(|volume| volume.vmid);
        if owner.is_some_and(|owner| owner == vmid) && guest::used_by(cluster, volid, Some(vmid)).is_none() {
            free(cluster, node, volid)?;
        }
    }
    Ok(())
}
