//! PCI devices: `0000:01:00.0,pcie=1` (one function), `0000:01:00` (all of them), `mapping=gpu,mdev=nvidia-63`.

use super::{Device, Head, Prop, Properties, check, choices, put, put_default, without_bare};
use crate::{
    api::hardware,
    ui::{Choice, Choices, Form, Values},
};

/// A setting `hostpciN`. Around it the fields look at `machine.type`.
pub const PCI: Device = Device {
    fields,
    head: Some(Head { read, write }),
    props: &[
        Prop::text("pci.mdev", "mdev"),
        Prop::flag("pci.pcie", "pcie", false),
        Prop::flag("pci.rombar", "rombar", true),
        Prop::flag("pci.vga", "x-vga", false),
        Prop::flag("pci.igd", "legacy-igd", false),
        Prop::text("pci.romfile", "romfile"),
        Prop::text("pci.vendor", "vendor-id"),
        Prop::text("pci.product", "device-id"),
        Prop::text("pci.subvendor", "sub-vendor-id"),
        Prop::text("pci.subproduct", "sub-device-id"),
    ],
};

const KINDS: &[(&str, &str)] = &[("mapping", "mapped device"), ("device", "raw device")];

fn is_mapped(values: &Values) -> bool {
    values.get("pci.kind") == "mapping"
}

fn is_raw(values: &Values) -> bool {
    values.get("pci.kind") == "device"
}

fn check_kind(kind: &str, values: &Values) -> Result<(), String> {
    match kind {
        "device" => check::needs_root(kind, values).map_err(|why| format!("{why}; a mapping can be used instead")),
        _ => Ok(()),
    }
}

/// `0000:01:00.0`, `01:00.0`, `0000:01:00`; several with `;`.
fn check_address(text: &str, _: &Values) -> Result<(), String> {
    let hex = |part: &str, len: usize| part.len() == len && part.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    let good = |address: &str| {
        let (device, function) = address.split_once('.').unwrap_or((address, "0"));
        let parts: Vec<&str> = device.split(':').collect();
        let (domain, bus, slot) = match parts[..] {
            [bus, slot] => ("0000", bus, slot),
            [domain, bus, slot] => (domain, bus, slot),
            _ => return false,
        };
        hex(domain, domain.len().max(4)) && hex(bus, 2) && hex(slot, 2) && hex(function, 1)
    };
    if text.split(';').all(good) {
        Ok(())
    } else {
        Err("must be an address like 0000:01:00.0, in small letters".into())
    }
}

fn check_pcie(on: &str, values: &Values) -> Result<(), String> {
    let machine = values.get("machine.type");
    let other = values.contains("machine.type") && !machine.contains("q35") && !machine.starts_with("virt");
    if on == "1" && other { Err("needs the machine q35".into()) } else { Ok(()) }
}

fn check_igd(on: &str, values: &Values) -> Result<(), String> {
    if on == "1" && values.is_on("pci.pcie") {
        return Err("goes only without PCI-Express".into());
    }
    Ok(())
}

fn check_id(text: &str, _: &Values) -> Result<(), String> {
    let digits = text.strip_prefix("0x").unwrap_or_default();
    if digits.len() == 4 && digits.chars().all(|c| c.is_ascii_hexdigit()) {
        return Ok(());
    }
    Err("must be 0x and four hex digits, for example 0x10de".into())
}

fn check_mdev(text: &str, values: &Values) -> Result<(), String> {
    if values.is_on("pci.all") {
        return Err("is one function; not with all functions".into());
    }
    match text.find(['/', '.', ':', ',']) {
        Some(_) => Err("must not hold / . : or a comma".into()),
        None => Ok(()),
    }
}

fn check_rom(text: &str, values: &Values) -> Result<(), String> {
    check::needs_root(text, values)?;
    match text.find([',', ';', '/']) {
        Some(_) => Err("must be the name of a file in /usr/share/kvm".into()),
        None => Ok(()),
    }
}

fn fields(form: Form) -> Form {
    let id = |form: Form, key: &str, label: &str| {
        form.text(key, label).placeholder("the device's own").check(check_id).advanced()
    };
    let form = form
        .select("pci.kind", "PCI device", choices(KINDS))
        .initial("mapping")
        .required()
        .help("A mapping works on every node that has one. Only root@pam may pass on raw devices.")
        .hint(check::root_hint)
        .check(check_kind)
        .select("pci.mapping", "Mapping", Choices::Loading)
        .free()
        .required()
        .check(check::part)
        .when(is_mapped)
        .select("pci.device", "Device", Choices::Loading)
        .free()
        .required()
        .help("All devices of its IOMMU group leave the node for the VM.")
        .check(check_address)
        .when(is_raw)
        .toggle("pci.all", "All functions")
        .help("The graphics card and its sound, for example.")
        .when(is_raw)
        .select("pci.mdev", "Mediated type", Choices::Ready(vec![Choice::labelled("", "none (the whole device)")]))
        .free()
        .help("A slice of the device, where its driver can make them.")
        .check(check_mdev)
        .toggle("pci.vga", "Primary GPU")
        .help("The guest shows itself there; the console of the node stays dark.")
        .toggle("pci.pcie", "PCI-Express")
        .check(check_pcie)
        .advanced()
        .toggle("pci.rombar", "ROM-Bar")
        .initial("1")
        .help("Shows the device's firmware to the guest.")
        .advanced()
        .toggle("pci.igd", "Legacy IGD")
        .help("Intel's processor graphics as the only screen; for machine i440fx.")
        .check(check_igd)
        .advanced()
        .text("pci.romfile", "ROM file")
        .placeholder("the device's own")
        .help("A file in /usr/share/kvm of the node.")
        .check(check_rom)
        .advanced();
    let form = id(form, "pci.vendor", "Vendor ID");
    let form = id(form, "pci.product", "Device ID");
    let form = id(form, "pci.subvendor", "Sub-vendor ID");
    id(form, "pci.subproduct", "Sub-device ID")
}

/// A single address without its function: all functions.
fn is_all(host: &str) -> bool {
    !host.is_empty() && !host.contains(['.', ';'])
}

fn read(text: &Properties, values: &mut Values) {
    let (host, mapping) = (text.default_key("host").unwrap_or_default(), text.get("mapping").unwrap_or_default());
    let kind = match (host, mapping) {
        ("", "") => "",
        ("", _) => "mapping",
        _ => "device",
    };
    let all = is_all(host);
    values.set("pci.kind", kind);
    values.set("pci.mapping", mapping);
    values.set("pci.device", if all { format!("{host}.0") } else { host.to_owned() });
    values.set("pci.all", if all { "1" } else { "0" });
}

fn write(text: &mut Properties, new: &Values, before: &Values) {
    let of = |values: &Values| match values.get("pci.kind") {
        "mapping" => ("mapping", values.get("pci.mapping").to_owned()),
        "device" => {
            let device = values.get("pci.device");
            let whole = values.is_on("pci.all") && !device.contains(';');
            let host = if whole { device.split('.').next().unwrap_or(device) } else { device };
            ("host", host.to_owned())
        }
        _ => ("", String::new()),
    };
    let (key, value) = of(new);
    if value.is_empty() || (!text.is_empty() && of(before) == (key, value.clone())) {
        return;
    }
    if key == "mapping" {
        text.remove("host");
        *text = without_bare(text);
        put(text, "mapping", &value);
    } else {
        text.remove("mapping");
        put_default(text, "host", &value);
    }
}

/// The node's devices, those that can be passed on most often first.
pub fn offer(devices: &[hardware::Pci]) -> Choices {
    let mut devices: Vec<&hardware::Pci> = devices.iter().collect();
    devices.sort_by(|a, b| a.id.cmp(&b.id));
    let list = devices.into_iter().map(|pci| {
        let name = |name: &Option<_>, number: &str| name.as_deref().unwrap_or(number).to_owned();
        let mut words = vec![name(&pci.vendor_name, &pci.vendor), name(&pci.device_name, &pci.device)];
        words.push(match pci.iommugroup {
            ..0 => "no IOMMU group".into(),
            group => format!("IOMMU group {group}"),
        });
        if pci.mdev {
            words.push("mediated".into());
        }
        Choice::new(pci.id.as_str()).detail(words.join(", "))
    });
    Choices::Ready(list.collect())
}

/// The types of mediated devices that a device can make.
pub fn offer_types(types: &[hardware::Mediated]) -> Choices {
    let mut list = vec![Choice::labelled("", "none (the whole device)")];
    list.extend(types.iter().map(|kind| {
        let name = kind.name.as_deref().unwrap_or_default();
        let more = kind.description.lines().next().unwrap_or_default();
        let words = [name, &format!("{} left", kind.available), more];
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        Choice::new(kind.kind.as_str()).detail(words.join(", "))
    }));
    Choices::Ready(list)
}

/// The device whose mediated types are to be asked for: an address with its function, or a mapping.
pub fn asks_types_of(values: &Values) -> Option<String> {
    let of = match values.get("pci.kind") {
        "mapping" => values.get("pci.mapping"),
        _ => values.get("pci.device"),
    };
    (!of.is_empty() && !of.contains(';') && (is_mapped(values) || of.contains('.'))).then(|| of.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn functions_mappings_and_the_rest() {
        let old = "0000:01:00,pcie=1,x=y";
        let mut values = PCI.from_text(old);
        assert_eq!((values.get("pci.device"), values.is_on("pci.all")), ("0000:01:00.0", true));
        values.set("pci.all", "0");
        assert_eq!(PCI.to_text(&values, Some(old)), "0000:01:00.0,pcie=1,x=y");
        values.set("pci.kind", "mapping");
        values.set("pci.mapping", "gpu");
        values.set("pci.mdev", "nvidia-63");
        values.set("pci.rombar", "0");
        assert_eq!(PCI.to_text(&values, Some(old)), "pcie=1,x=y,mapping=gpu,mdev=nvidia-63,rombar=0");
        assert_eq!(PCI.to_text(&values, None), "mapping=gpu,mdev=nvidia-63,pcie=1,rombar=0");
        let several = "host=0000:01:00.0;0000:02:00.0";
        assert_eq!(PCI.to_text(&PCI.from_text(several), Some(several)), several);
    }

    #[test]
    fn reasons_are_given() {
        let none = Values::default();
        for good in ["0000:01:00.0", "01:00", "00000:0a:1f.7", "0000:01:00.0;0000:01:00.1"] {
            assert!(check_address(good, &none).is_ok(), "{good}");
        }
        for bad in ["", "01", "0000:01:00.10", "0000:1:00.0", "0000:0G:00.0", "01:00.0;"] {
            assert!(check_address(bad, &none).is_err(), "{bad}");
        }
        let i440 = Values::from_iter([("machine.type", "")]);
        assert!(check_pcie("1", &i440).is_err() && check_pcie("0", &i440).is_ok() && check_pcie("1", &none).is_ok());
        assert!(check_id("0x10de", &none).is_ok() && check_id("10de", &none).is_err());
    }
}
