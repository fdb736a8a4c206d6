//! Privileges that a change of a VM's configuration needs, key by key.

use std::collections::BTreeMap;

use super::drive::{self, Drive, Source, is_numbered};
use crate::sim::call::{Args, Fault, die};
use crate::sim::disk;
use crate::sim::guest::{need, need_space};
use crate::sim::property::Property;
use crate::sim::state::{Cluster, Guest};

/// What changing a key needs.
enum Need {
    Any(&'static [&'static str]),
    Root,
}

fn need_of(key: &str, cdrom: bool) -> Need {
    use Need::{Any, Root};
    let numbered = |prefix| is_numbered(key, prefix);
    match key {
        "affinity" | "cores" | "cpu" | "cpulimit" | "cpuunits" | "numa" | "smp" | "sockets" | "vcpus" => {
            Any(&["VM.Config.CPU"])
        }
        "allow-ksm" | "balloon" | "hugepages" | "keephugepages" | "memory" | "shares" => Any(&["VM.Config.Memory"]),
        "cicustom" | "cipassword" | "citype" | "ciupgrade" | "ciuser" | "nameserver" | "searchdomain" | "sshkeys" => {
            Any(&["VM.Config.Cloudinit", "VM.Config.Network"])
        }
        "acpi" | "amd-sev" | "arch" | "audio0" | "hotplug" | "intel-tdx" | "keyboard" | "kvm" | "machine" | "rng0"
        | "scsihw" | "spice_enhancements" | "tablet" | "vga" | "watchdog" => Any(&["VM.Config.HWType"]),
        "efidisk0" | "tpmstate0" | "vmstate" => Any(&["VM.Config.Disk"]),
        "agent" | "autostart" | "bios" | "boot" | "bootdisk" | "description" | "freeze" | "localtime"
        | "migrate_downtime" | "migrate_speed" | "name" | "onboot" | "ostype" | "protection" | "reboot" | "smbios1"
        | "startdate" | "startup" | "tags" | "tdf" | "template" | "vmgenid" | "vmstatestorage" => {
            Any(&["VM.Config.Options"])
        }
        _ if drive::bus(key).is_some() => Any(if cdrom { &["VM.Config.CDROM"] } else { &["VM.Config.Disk"] }),
        _ if numbered("unused") => Any(&["VM.Config.Disk"]),
        _ if numbered("net") || numbered("ipconfig") => Any(&["VM.Config.Network"]),
        _ if numbered("numa") => Any(&["VM.Config.CPU"]),
        _ if numbered("serial") || numbered("usb") || numbered("hostpci") || numbered("virtiofs") => {
            Any(&["VM.Config.HWType"])
        }
        _ => Root,
    }
}

/// May the caller change these keys of VM `vmid`? Everything is root@pam's.
pub fn check_keys(
    cluster: &Cluster,
    args: &Args,
    vmid: u32,
    pool: Option<&str>,
    keys: &[&str],
    settings: &BTreeMap<String, String>,
    guest: Option<&Guest>,
) -> Result<(), Fault> {
    if args.is_root() {
        return Ok(());
    }
    for key in keys {
        let cdrom = |text: &str| Drive::parse(text).is_cdrom();
        let old = guest.and_then(|guest| guest.get(key)).is_none_or(cdrom);
        let is_cdrom = old && settings.get(*key).is_none_or(|value| cdrom(value));
        match need_of(key, is_cdrom) {
            Need::Root => return Err(die(format!("only root can set '{key}' config"))),
            Need::Any(privs) => {
                if pool.is_some_and(|pool| need(cluster, args, &format!("/pool/{pool}"), privs).is_ok()) {
                    continue;
                }
                need(cluster, args, &format!("/vms/{vmid}"), privs)?;
            }
        }
        if let Some(value) = settings.get(*key) {
            let mapped = value.contains("mapping=") || value == "spice" || value == "host=spice";
            if (is_numbered(key, "usb") || is_numbered(key, "hostpci")) && !mapped {
                return Err(die(format!("only root can set '{key}' config for real devices")));
            }
            if is_numbered(key, "serial") && value != "socket" {
                return Err(die(format!("only root can set '{key}' config for real devices")));
            }
        }
    }
    Ok(())
}

/// Do the storages of the drives exist, are their names well formed, and may the caller take space there?
pub fn check_drives(
    cluster: &Cluster,
    args: &Args,
    node: &str,
    settings: &BTreeMap<String, String>,
) -> Result<(), Fault> {
    for (key, value) in settings.iter().filter(|(key, _)| drive::is_slot(key)) {
        let drive = Drive::parse(value);
        match drive.source() {
            Source::NoVolume => {
                if drive.file() == "cdrom" && !args.is_root() {
                    need(cluster, args, "/", &["Sys.Console"])?;
                }
            }
            Source::Path(path) if !args.is_root() => {
                return Err(Fault::new(
                    403,
                    format!("Permission check failed (only root can pass arbitrary filesystem paths: {path})"),
                ));
            }
            Source::Path(_) => {}
            Source::New(storage, _) | Source::CloudInit(storage) => {
                let place = cluster.storage_on(node, &storage)?;
                need_space(cluster, args, &storage)?;
                if !place.allows("images") {
                    return Err(die(format!("storage '{storage}' does not support content-type 'images'")));
                }
                if let Some(source) = drive.options.get("import-from") {
                    if source.starts_with('/') {
                        return Err(Fault::param(key, "import-from: only root can import from a path"));
                    }
                    let source = disk::appliance(source);
                    disk::check_volume(cluster, node, source)?;
                    if cluster.volume(node, source).is_none() {
                        return Err(die(format!("cannot import from '{source}' - volume does not exist")));
                    }
                }
            }
            Source::Volume(volid) => {
                disk::check_volume(cluster, node, &volid)?;
                if volid.contains(":iso/") && drive.options.get("media").is_none() {
                    return Err(Fault::param(key, "explicit media parameter is required for iso images"));
                }
                if !args.is_root() {
                    let store = volid.split(':').next().unwrap_or_default();
                    need(cluster, args, &format!("/storage/{store}"), &["Datastore.AllocateSpace", "Datastore.Audit"])?;
                }
            }
        }
    }
    Ok(())
}

/// May the caller use the bridges of the network devices?
pub fn check_networks(cluster: &Cluster, args: &Args, settings: &BTreeMap<String, String>) -> Result<(), Fault> {
    for (_, value) in settings.iter().filter(|(key, _)| is_numbered(key, "net")) {
        let net = Property::parse(value, "model");
        if let Some(bridge) = net.get("bridge") {
            let mut path = format!("/sdn/zones/localnetwork/{bridge}");
            if let Some(tag) = net.get("tag") {
                path += &format!("/{tag}");
            }
            need(cluster, args, &path, &["SDN.Use"])?;
        }
    }
    Ok(())
}
