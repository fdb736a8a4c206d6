//! From what a caller asks for to what is stored: new volumes, MAC addresses, the server's order of keys.

use std::collections::BTreeMap;

use super::drive::{self, Drive, Source, is_numbered};
use crate::sim::disk::{self, Purpose};
use crate::sim::guest;
use crate::sim::progress::{self, Line};
use crate::sim::property::{Property, print_size};
use crate::sim::state::{Cluster, Config, Kind};

/// Makes what the settings ask for (volumes, MAC addresses) and returns them as they are stored, with the lines and
/// the seconds that it took. Frees what it made when something fails.
pub fn prepare(
    cluster: &mut Cluster,
    node: &str,
    vmid: u32,
    settings: &BTreeMap<String, String>,
    default_storage: Option<&str>,
) -> Result<(Config, Vec<Line>), String> {
    let mut values = Config::new();
    let mut lines: Vec<Line> = Vec::new();
    let mut made: Vec<String> = Vec::new();
    for (key, value) in settings {
        let result = if drive::is_slot(key) {
            prepare_drive(cluster, node, vmid, key, value, default_storage, &mut lines, &mut made)
        } else if is_numbered(key, "net") {
            Ok(prepare_net(cluster, value))
        } else {
            Ok(prepare_plain(key, value))
        };
        match result {
            Ok(value) => {
                values.insert(key.clone(), value);
            }
            Err(text) => {
                for volid in made {
                    cluster.remove_volume(node, &volid);
                }
                return Err(text);
            }
        }
    }
    Ok((values, lines))
}

#[allow(clippy::too_many_arguments)]
fn prepare_drive(
    cluster: &mut Cluster,
    node: &str,
    vmid: u32,
    key: &str,
    value: &str,
    default_storage: Option<&str>,
    lines: &mut Vec<Line>,
    made: &mut Vec<String>,
) -> Result<String, String> {
    let mut drive = Drive::parse(value);
    let start = lines.last().map_or(0.0, |(at, _)| *at);
    let result = match drive.source() {
        Source::NoVolume | Source::Path(_) => drive,
        Source::CloudInit(storage) => {
            let place = cluster.storage(&storage).map_err(|fault| fault.message)?;
            // Cloud-init drives are qcow2 files where files are possible.
            let format = if place.is_file() { "qcow2" } else { "raw" };
            let volume = disk::allocate(cluster, node, &storage, vmid, Purpose::CloudInit, Some(format), 4 << 20)?;
            made.push(volume.volid.clone());
            lines.extend(volume.lines.into_iter().map(|line| (start, line)));
            let shown = volume.volid.clone();
            drive.options.set("file", volume.volid);
            drive.options.set("media", "cdrom");
            drive.options.remove("format");
            lines.push((start, format!("{key}: successfully created disk '{shown},media=cdrom'")));
            drive
        }
        Source::New(storage, gib) => {
            let storage = if storage.is_empty() { default_storage.unwrap_or_default().to_owned() } else { storage };
            let import = drive.options.remove("import-from");
            let size = match (key, &import) {
                ("efidisk0", None) => 540_672,
                ("tpmstate0", None) => 4 << 20,
                (_, Some(source)) => {
                    let source = disk::appliance(source);
                    let volume =
                        cluster.volume(node, source).ok_or_else(|| format!("volume '{source}' does not exist"))?;
                    // An image file holds some tables beside the whole MiB of the disk.
                    if volume.content == "import" && volume.size > 1 << 20 {
                        volume.size >> 20 << 20
                    } else {
                        volume.size
                    }
                }
                _ => (gib * 1_073_741_824.0) as u64,
            };
            if size == 0 {
                return Err(format!("{key}: invalid size '{gib}'"));
            }
            let format = drive.options.remove("format");
            let format = if key == "tpmstate0" { format.or(Some("raw".into())) } else { format };
            let volume =
                disk::allocate(cluster, node, &storage, vmid, Purpose::Disk(Kind::Qemu), format.as_deref(), size)?;
            made.push(volume.volid.clone());
            lines.extend(volume.lines.into_iter().map(|line| (start, line)));
            let mut end = start;
            if key == "efidisk0" && import.is_none() {
                let whole = "transferred 528.0 KiB of 528.0 KiB (100.00%)";
                let keys = if drive.options.flag("pre-enrolled-keys", false) { ".ms" } else { "" };
                lines.push((start, "transferred 0.0 B of 528.0 KiB (0.00%)".into()));
                lines.push((start, whole.into()));
                lines.push((start, whole.into()));
                if !keys.is_empty() {
                    lines.push((
                        start,
                        "INFO: reading raw edk2 varstore from /usr/share/pve-edk2-firmware//OVMF_VARS_4M.ms.fd".into(),
                    ));
                    lines.push((start, "INFO: var store range: 0x64 -> 0x40000".into()));
                }
            }
            if let Some(source) = import {
                let used = cluster.volume(node, &source).and_then(|v| v.used).unwrap_or(size);
                if let Some(volume) = cluster.volume_mut(node, &volume.volid) {
                    volume.used = Some(used);
                }
                let seconds = progress::copy_seconds(size, used, None);
                lines.extend(progress::copy(size, seconds).into_iter().map(|(at, line)| (start + at, line)));
                end = start + seconds;
            }
            drive.options.set("file", volume.volid);
            drive.options.set("size", print_size(size));
            lines.push((end, format!("{key}: successfully created disk '{}'", drive.print())));
            drive
        }
        Source::Volume(volid) => {
            let volume = cluster.volume(node, &volid).ok_or_else(|| format!("volume '{volid}' does not exist"))?;
            let size = print_size(volume.size);
            if drive.options.get("media") != Some("cdrom") || volume.content == "iso" {
                drive.options.set("size", size);
            }
            drive
        }
    };
    Ok(result.print())
}

/// A network device with its model first and a MAC address of its own.
pub fn prepare_net(cluster: &mut Cluster, value: &str) -> String {
    const MODELS: &[&str] = &[
        "e1000",
        "e1000-82540em",
        "e1000-82544gc",
        "e1000-82545em",
        "e1000e",
        "i82551",
        "i82557b",
        "i82559er",
        "ne2k_isa",
        "ne2k_pci",
        "pcnet",
        "rtl8139",
        "virtio",
        "vmxnet3",
    ];
    let mut net = Property::parse(value, "model");
    let short = net.pairs().find(|(key, _)| MODELS.contains(key)).map(|(k, v)| (k.to_owned(), v.to_owned()));
    let (model, mac) = match short {
        Some((model, mac)) => {
            net.remove(&model);
            (model, Some(mac))
        }
        None => (net.remove("model").unwrap_or_else(|| "virtio".into()), net.remove("macaddr")),
    };
    let mac = mac.map(|mac| mac.to_uppercase()).unwrap_or_else(|| guest::new_mac(cluster));
    net.normalise_booleans(&["firewall", "link_down"]);
    let rest = net.print("", &[]);
    if rest.is_empty() { format!("{model}={mac}") } else { format!("{model}={mac},{rest}") }
}

fn prepare_plain(key: &str, value: &str) -> String {
    match key {
        "tags" => crate::sim::call::split_list(value).join(";"),
        "description" => value.trim_end_matches('\n').to_owned(),
        _ => value.to_owned(),
    }
}
