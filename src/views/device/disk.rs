//! Disks: `local-lvm:32,discard=on,iothread=1` to make one, `local:0,import-from=nas:import/x.qcow2` to import one,
//! `local:100/vm-100-disk-0.qcow2,size=4G` as they are read back.

use super::{Device, Head, Prop, Properties, check, choices, items, plain, put, put_default, slot};
use crate::ui::{Choice, Choices, Form, Values, text};

/// A setting `scsiN`, `virtioN`, `sataN` or `ideN` that isn't a CD drive. Around it the fields look at `bus` and `scsihw`,
/// at `kind.STORAGE` (its type) and `free.STORAGE` (bytes).
pub const DISK: Device = Device {
    fields,
    head: Some(Head { read, write }),
    props: &[
        Prop::text("format", "format").when(takes_format),
        Prop::text("cache", "cache"),
        Prop::text("discard", "discard"),
        Prop::flag("iothread", "iothread", false).when(takes_io_thread),
        Prop::flag("ssd", "ssd", false).when(takes_ssd),
        Prop::flag("ro", "ro", false).when(takes_read_only),
        Prop::flag("backup", "backup", true),
        Prop::flag("replicate", "replicate", true),
        Prop::text("aio", "aio"),
        Prop::text("mbps_rd", "mbps_rd"),
        Prop::text("mbps_rd_max", "mbps_rd_max"),
        Prop::text("mbps_wr", "mbps_wr"),
        Prop::text("mbps_wr_max", "mbps_wr_max"),
        Prop::text("iops_rd", "iops_rd"),
        Prop::text("iops_rd_max", "iops_rd_max"),
        Prop::text("iops_wr", "iops_wr"),
        Prop::text("iops_wr_max", "iops_wr_max"),
    ],
};

/// Formats of disks that are files.
pub const FORMATS: &[(&str, &str)] =
    &[("qcow2", "qcow2 (snapshots)"), ("raw", "raw"), ("vmdk", "vmdk"), ("", "default of the storage")];

const CACHES: &[(&str, &str)] = &[
    ("", "none (default)"),
    ("none", "none"),
    ("writeback", "write back"),
    ("writethrough", "write through"),
    ("directsync", "direct sync"),
    ("unsafe", "write back, unsafe"),
];

/// The storage keeps disks as files whose format matters. On btrfs it does not: its own snapshots need the default.
pub fn keeps_files(values: &Values, storage: &str) -> bool {
    matches!(values.get(&format!("kind.{storage}")), "dir" | "nfs" | "cifs" | "cephfs" | "glusterfs")
}

fn is_new(values: &Values) -> bool {
    values.get("volume").is_empty()
}

fn takes_size(values: &Values) -> bool {
    is_new(values) && values.get("import").is_empty()
}

fn takes_format(values: &Values) -> bool {
    is_new(values) && keeps_files(values, values.get("storage"))
}

fn takes_io_thread(values: &Values) -> bool {
    let bus = values.get("bus");
    bus == "virtio" || (bus == "scsi" && values.get("scsihw") == "virtio-scsi-single")
}

fn takes_ssd(values: &Values) -> bool {
    values.get("bus") != "virtio"
}

fn takes_read_only(values: &Values) -> bool {
    matches!(values.get("bus"), "scsi" | "virtio")
}

/// Groups of a form that hold disks and volumes.
const GROUPS: [&str; 3] = ["disk", "rootfs", "mp"];

/// What all new disks and volumes of the form take on a storage, in GiB, and what is free there.
fn demand(values: &Values) -> Option<(f64, f64)> {
    let storage = values.get("storage");
    let free: f64 = values.get(&format!("free.{storage}")).parse().ok()?;
    let size = |v: &Values| v.get("size").parse::<f64>().unwrap_or(0.0);
    let disks = GROUPS.iter().flat_map(|group| items(values, group));
    let mut all: f64 = disks.filter(|disk| disk.get("storage") == storage).map(|disk| size(&disk)).sum();
    if all == 0.0 {
        all = size(values);
    }
    Some((all, free / f64::from(1 << 30)))
}

fn too_big(values: &Values) -> Option<String> {
    let (wanted, free) = demand(values)?;
    let words = || format!("{} has {} free", values.get("storage"), text::bytes((free * f64::from(1 << 30)) as u64));
    (wanted > free).then(words)
}

/// Thick volumes must fit; thin ones may be promised more than there is.
pub(super) fn check_size(_: &str, values: &Values) -> Result<(), String> {
    let storage = values.get("storage");
    let thick = values.get(&format!("thin.{storage}")) == "0" || values.get(&format!("kind.{storage}")) == "lvm";
    match too_big(values) {
        Some(why) if thick => Err(format!("is too much: {why}, and disks take their whole size there")),
        _ => Ok(()),
    }
}

/// Thin volumes are only warned about.
pub(super) fn warn_size(_: &str, values: &Values) -> Option<String> {
    too_big(values).map(|why| format!("is more than there is: {why}"))
}

/// What one should know before putting a disk there.
pub(super) fn warn_storage(storage: &str, values: &Values) -> Option<String> {
    let none = values.get(&format!("snap.{storage}")) == "no";
    none.then(|| format!("guests with disks on {storage} can't have snapshots"))
}

/// Files that are no qcow2 can't have snapshots.
pub fn warn_raw(format: &str, values: &Values, storage: &str) -> Option<String> {
    let needs = values.get(&format!("snap.{storage}")) == "qcow2" && !matches!(format, "" | "qcow2");
    needs.then(|| format!("no snapshots with {format} on {storage}: qcow2 can have them"))
}

fn warn_format(format: &str, values: &Values) -> Option<String> {
    warn_raw(format, values, values.get("storage"))
}

fn warn_cache(cache: &str, _: &Values) -> Option<String> {
    (cache == "unsafe").then(|| "what the guest has saved is lost when the node fails".into())
}

/// By its path only root@pam may import a file.
fn check_import(text: &str, values: &Values) -> Result<(), String> {
    match text.starts_with('/') {
        true => check::needs_root(text, values).map_err(|why| format!("{why}: take a volume with import content")),
        false if !text.contains(':') => Err("must be a volume like local:import/disk.qcow2".into()),
        false => Ok(()),
    }
}

/// Discard does nothing without a storage that can; an IO thread without the right controller neither.
fn fields(form: Form) -> Form {
    let limit = |form: Form, key: &str, label: &str, unit: &str| {
        form.text(key, label).unit(unit).placeholder("unlimited").check(check::positive).advanced()
    };
    let ops = |form: Form, key: &str, label: &str| {
        form.number(key, label, 1..=i64::from(u32::MAX)).unit("ops/s").placeholder("unlimited").advanced()
    };
    let form = form
        .select("bus", "Bus", plain(&slot::BUSES))
        .initial("scsi")
        .check(slot::check_bus)
        .select("storage", "Storage", Choices::Loading)
        .required()
        .check(check::part)
        .check(check::storage)
        .warn(warn_storage)
        .when(is_new)
        .text("size", "Size")
        .initial("32")
        .unit("GiB")
        .required()
        .check(check::size)
        .check(check_size)
        .warn(warn_size)
        .when(takes_size)
        .select("import", "Import from", Choices::Ready(vec![Choice::labelled("", "nothing (empty disk)")]))
        .free()
        .help("Copies an image from a storage with import content; the disk gets its size.")
        .check(check::part)
        .check(check_import)
        .when(is_new)
        .select("format", "Format", choices(FORMATS))
        .initial("qcow2")
        .warn(warn_format)
        .when(takes_format)
        .select("cache", "Cache", choices(CACHES))
        .warn(warn_cache)
        .select("discard", "Discard (TRIM)", choices(&[("", "no (default)"), ("on", "yes"), ("ignore", "no")]))
        .toggle("iothread", "IO thread")
        .initial("1")
        .when(takes_io_thread)
        .number("number", "Number", 0..=30)
        .placeholder("next free")
        .help("The number of the device on its bus.")
        .check(slot::check_number)
        .when(is_new)
        .advanced()
        .toggle("ssd", "SSD emulation")
        .when(takes_ssd)
        .advanced()
        .toggle("ro", "Read-only")
        .when(takes_read_only)
        .advanced()
        .toggle("backup", "Backup")
        .initial("1")
        .advanced()
        .toggle("replicate", "Replicate")
        .initial("1")
        .help("Off: replication jobs skip this disk.")
        .advanced()
        .select(
            "aio",
            "Async IO",
            choices(&[
                ("", "io_uring (default)"),
                ("io_uring", "io_uring"),
                ("native", "native"),
                ("threads", "threads"),
            ]),
        )
        .advanced();
    let form = limit(form, "mbps_rd", "Read limit", "MB/s");
    let form = limit(form, "mbps_rd_max", "Read burst", "MB/s");
    let form = limit(form, "mbps_wr", "Write limit", "MB/s");
    let form = limit(form, "mbps_wr_max", "Write burst", "MB/s");
    let form = ops(form, "iops_rd", "Read ops limit");
    let form = ops(form, "iops_rd_max", "Read ops burst");
    let form = ops(form, "iops_wr", "Write ops limit");
    ops(form, "iops_wr_max", "Write ops burst")
}

/// Storage and size of a volume that is yet to be made, as in `local-lvm:32`.
fn new_volume(file: &str) -> Option<(&str, &str)> {
    let (storage, size) = file.split_once(':')?;
    (!size.is_empty() && size.chars().all(|c| c.is_ascii_digit() || c == '.')).then_some((storage, size))
}

/// Reads a volume: one that is there into `volume`, the storage of one to be made into `storage`.
pub fn read_volume(text: &Properties, values: &mut Values, volume: &str, storage: &str) {
    let file = text.default_key("file").or_else(|| text.get("volume")).unwrap_or_default();
    let (there, wanted) = match new_volume(file) {
        Some((wanted, _)) => ("", wanted),
        None => (file, ""),
    };
    values.set(volume, there);
    values.set(storage, wanted);
}

fn read(text: &Properties, values: &mut Values) {
    read_volume(text, values, "volume", "storage");
    let import = text.get("import-from").unwrap_or_default();
    let size = match new_volume(text.default_key("file").unwrap_or_default()) {
        Some((_, size)) if import.is_empty() => size,
        _ => "",
    };
    values.set("import", import);
    values.set("size", size);
}

fn write(text: &mut Properties, new: &Values, before: &Values) {
    let storage = new.get("storage");
    if !before.get("volume").is_empty() && !text.is_empty() || storage.is_empty() {
        return;
    }
    let import = new.get("import");
    let size = if import.is_empty() { new.get("size") } else { "0" };
    let size = if size.is_empty() { "0" } else { size };
    let same = ["storage", "import", "size"].iter().all(|key| new.get(key) == before.get(key));
    if text.is_empty() || !same {
        put_default(text, "file", &format!("{storage}:{size}"));
        if import.is_empty() {
            text.remove("import-from");
        } else {
            put(text, "import-from", import);
        }
    }
}
