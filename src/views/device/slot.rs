//! Places on the buses: which names disks and drives get.

use super::items;
use crate::ui::Values;

/// Buses for disks.
pub const BUSES: [&str; 4] = ["scsi", "virtio", "sata", "ide"];

/// How many devices a bus takes.
pub fn room(bus: &str) -> usize {
    match bus {
        "scsi" => 31,
        "virtio" => 16,
        "sata" => 6,
        "ide" => 4,
        _ => 0,
    }
}

/// Where the CD drive goes: machines without IDE have it at the SCSI controller.
pub fn cd(values: &Values) -> &'static str {
    if values.get("arch") == "aarch64" || values.get("machine.type").starts_with("virt") { "scsi2" } else { "ide2" }
}

/// Where the second CD drive goes, with the drivers for Windows.
pub const DRIVERS: &str = "ide0";

/// A second drive with drivers is wanted.
pub fn has_drivers(values: &Values) -> bool {
    values.get("ostype").starts_with('w') && !values.get("drivers").is_empty()
}

/// Where the drive with cloud-init's data goes.
pub fn cloud(values: &Values) -> &'static str {
    match cd(values) {
        "ide2" if has_drivers(values) => "sata0",
        "ide2" => "ide0",
        _ => "scsi3",
    }
}

fn media(values: &Values) -> Vec<String> {
    let mut taken = vec![cd(values).to_owned()];
    if has_drivers(values) {
        taken.push(DRIVERS.into());
    }
    taken
}

/// The places that are taken before any disk of the form: those of the form's own drives, or what the fact `taken` says
/// of a guest that exists.
fn drives(values: &Values) -> Vec<String> {
    if values.contains("taken") {
        return values.get("taken").split_whitespace().map(str::to_owned).collect();
    }
    let mut taken = media(values);
    if values.is_on("ci.add") {
        taken.push(cloud(values).into());
    }
    taken
}

/// The device names of the disks in a form, in their order: numbers that were asked for first, then the next free ones.
/// `None` for a disk that has no place.
pub fn of_disks(values: &Values) -> Vec<Option<String>> {
    let mut taken = drives(values);
    let disks = items(values, "disk");
    let mut names: Vec<Option<String>> = disks
        .iter()
        .map(|disk| {
            let number: usize = disk.get("number").parse().ok()?;
            let name = format!("{}{number}", disk.get("bus"));
            (number < room(disk.get("bus")) && !taken.contains(&name)).then(|| {
                taken.push(name.clone());
                name
            })
        })
        .collect();
    for (name, disk) in names.iter_mut().zip(&disks).filter(|(_, disk)| disk.get("number").is_empty()) {
        let bus = disk.get("bus");
        *name = (0..room(bus)).map(|n| format!("{bus}{n}")).find(|free| !taken.contains(free));
        taken.extend(name.clone());
    }
    names
}

/// The network devices of a form, in their order.
pub fn of_nics(values: &Values) -> Vec<String> {
    (0..items(values, "net").len()).map(|n| format!("net{n}")).collect()
}

/// All that the guest could boot from, in the order that is usual: disk, CD, network.
pub fn bootable(values: &Values) -> Vec<String> {
    let mut devices: Vec<String> = of_disks(values).into_iter().flatten().take(1).collect();
    devices.push(cd(values).into());
    devices.extend(of_nics(values).into_iter().take(1));
    devices
}

/// Every device of the form that can be booted from.
pub fn all(values: &Values) -> Vec<String> {
    let mut devices: Vec<String> = of_disks(values).into_iter().flatten().collect();
    devices.extend(media(values));
    devices.extend(of_nics(values));
    devices
}

/// The bus must have room for all its disks.
pub fn check_bus(bus: &str, values: &Values) -> Result<(), String> {
    if values.get("arch") == "aarch64" && bus == "ide" {
        return Err("an ARM guest has no IDE".into());
    }
    let disks = items(values, "disk").iter().filter(|disk| disk.get("bus") == bus).count();
    let drives = drives(values).iter().filter(|name| name.starts_with(bus)).count();
    if disks + drives > room(bus) {
        return Err(format!("{bus} has room for {} devices", room(bus)));
    }
    Ok(())
}

/// The number must be on the bus and nobody else's.
pub fn check_number(number: &str, values: &Values) -> Result<(), String> {
    let bus = values.get("bus");
    let Ok(n) = number.parse::<usize>() else { return Ok(()) };
    if n >= room(bus) {
        return Err(format!("{bus} goes from 0 to {}", room(bus).saturating_sub(1)));
    }
    let name = format!("{bus}{n}");
    let same = |disk: &&Values| disk.get("bus") == bus && disk.get("number") == number;
    if drives(values).contains(&name) || items(values, "disk").iter().filter(same).count() > 1 {
        return Err(format!("{name} is taken"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut values = Values::from_iter([
            ("ostype", "win11"),
            ("drivers", "x"),
            ("disk0.bus", "ide"),
            ("disk0.number", ""),
            ("disk1.bus", "ide"),
            ("disk1.number", "1"),
            ("disk2.bus", "scsi"),
        ]);
        let names: Vec<_> = of_disks(&values).into_iter().flatten().collect();
        assert_eq!(names, ["ide3", "ide1", "scsi0"]);
        assert!(check_bus("ide", &values).is_ok());
        values.set("disk3.bus", "ide");
        assert_eq!(of_disks(&values)[3], None);
        assert!(check_bus("ide", &values).is_err());
        values.set("bus", "ide");
        assert_eq!(check_number("2", &values).unwrap_err(), "ide2 is taken");
        assert_eq!(check_number("4", &values).unwrap_err(), "ide goes from 0 to 3");
    }
}
