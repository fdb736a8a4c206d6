//! USB devices: `host=1a86:55d4,usb3=1` (whatever has this number), `host=1-2.4` (whatever is at this port),
//! `mapping=dongle`, `spice`.

use super::{Device, Head, Prop, Properties, check, choices, put, put_default, without_bare};
use crate::{
    api::{hardware, property},
    ui::{Choice, Choices, Form, Values},
};

/// A setting `usbN`.
pub const USB: Device =
    Device { fields, head: Some(Head { read, write }), props: &[Prop::flag("usb.usb3", "usb3", false)] };

const KINDS: &[(&str, &str)] = &[
    ("mapping", "mapped device"),
    ("device", "device by its number"),
    ("port", "whatever is at a port"),
    ("spice", "SPICE channel"),
];

fn is_mapped(values: &Values) -> bool {
    values.get("usb.kind") == "mapping"
}

fn is_device(values: &Values) -> bool {
    values.get("usb.kind") == "device"
}

fn is_port(values: &Values) -> bool {
    values.get("usb.kind") == "port"
}

fn check_kind(kind: &str, values: &Values) -> Result<(), String> {
    match kind {
        "device" | "port" => {
            check::needs_root(kind, values).map_err(|why| format!("{why}; a mapping can be used instead"))
        }
        _ => Ok(()),
    }
}

fn is_number(text: &str) -> bool {
    let hex = |part: &str| {
        let part = part.strip_prefix("0x").unwrap_or(part);
        part.len() == 4 && part.chars().all(|c| c.is_ascii_hexdigit())
    };
    text.split_once(':').is_some_and(|(vendor, product)| hex(vendor) && hex(product))
}

fn check_device(text: &str, _: &Values) -> Result<(), String> {
    if is_number(text) { Ok(()) } else { Err("must be vendor and product in hex digits, for example 1a86:55d4".into()) }
}

fn is_path(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    text.split_once('-').is_some_and(|(bus, path)| digits(bus) && path.split('.').all(digits))
}

fn check_port(text: &str, _: &Values) -> Result<(), String> {
    if is_path(text) { Ok(()) } else { Err("must be a bus and a path of ports, for example 1-2 or 2-1.4".into()) }
}

fn fields(form: Form) -> Form {
    form.select("usb.kind", "USB device", choices(KINDS))
        .initial("mapping")
        .required()
        .help("A mapping works on every node that has one. By number or port only root@pam may pass devices on.")
        .hint(check::root_hint)
        .check(check_kind)
        .select("usb.mapping", "Mapping", Choices::Loading)
        .free()
        .required()
        .check(check::part)
        .when(is_mapped)
        .select("usb.device", "Device", Choices::Loading)
        .free()
        .required()
        .help("The VM gets the device wherever it is plugged in. It can't be migrated while it runs.")
        .check(check_device)
        .when(is_device)
        .select("usb.port", "Port", Choices::Loading)
        .free()
        .required()
        .help("The VM gets whatever is plugged in there. It can't be migrated while it runs.")
        .check(check_port)
        .when(is_port)
        .toggle("usb.usb3", "USB 3")
        .help("Old guests only; from machine version 7.1 on all controllers can do USB 3.")
}

fn host(text: &Properties) -> &str {
    text.default_key("host").unwrap_or_default()
}

fn read(text: &Properties, values: &mut Values) {
    let (host, mapping) = (host(text), text.get("mapping").unwrap_or_default());
    let kind = match host {
        "" if mapping.is_empty() => "",
        "" => "mapping",
        text if text.eq_ignore_ascii_case("spice") => "spice",
        text if is_path(text) => "port",
        _ => "device",
    };
    values.set("usb.kind", kind);
    values.set("usb.mapping", mapping);
    values.set("usb.device", if kind == "device" { host } else { "" });
    values.set("usb.port", if kind == "port" { host } else { "" });
}

fn write(text: &mut Properties, new: &Values, before: &Values) {
    let of = |values: &Values| match values.get("usb.kind") {
        "mapping" => ("mapping", values.get("usb.mapping").to_owned()),
        "device" => ("host", values.get("usb.device").to_owned()),
        "port" => ("host", values.get("usb.port").to_owned()),
        "spice" => ("host", "spice".to_owned()),
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
        if text.is_empty() && value != "spice" {
            put(text, "host", &value);
        } else {
            put_default(text, "host", &value);
        }
    }
}

/// The node's devices by their number (`ports` false) or by the port that they are at. Hubs are left out.
pub fn offer(devices: &[hardware::Usb], ports: bool) -> Choices {
    let name = |usb: &hardware::Usb| {
        let words = [usb.manufacturer.as_deref().unwrap_or(""), usb.product.as_deref().unwrap_or("")];
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    };
    let bare = |number: &str| number.strip_prefix("0x").unwrap_or(number).to_owned();
    let devices = devices.iter().filter(|usb| usb.class != 9);
    let list = devices.filter_map(|usb| {
        let number = format!("{}:{}", bare(&usb.vendid), bare(&usb.prodid));
        let port = usb.usbpath.as_deref().map(|path| format!("{}-{path}", usb.busnum));
        let detail = |more: &str| [name(usb).as_str(), more].join(", ").trim_matches([',', ' ']).to_owned();
        if ports {
            Some(Choice::new(port?).detail(detail(&number)))
        } else {
            let port = port.map(|port| format!("port {port}")).unwrap_or_default();
            Some(Choice::new(number).detail(detail(&port)))
        }
    });
    Choices::Ready(list.collect())
}

/// The device of a mapping on a node in words, for lists: `1a86:55d4 at 1-2`.
pub fn mapped(entry: &str) -> String {
    let entry = property::Properties::parse(entry);
    let id = entry.get("id").unwrap_or_default();
    entry.get("path").map_or_else(|| id.to_owned(), |path| format!("{id} at {path}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn kinds_change_and_the_rest_stays() {
        let old = "host=1a86:55d4,usb3=1,x=y";
        let mut values = USB.from_text(old);
        assert_eq!((values.get("usb.kind"), values.get("usb.device")), ("device", "1a86:55d4"));
        values.set("usb.kind", "port");
        values.set("usb.port", "2-1.4");
        assert_eq!(USB.to_text(&values, Some(old)), "host=2-1.4,usb3=1,x=y");
        values.set("usb.kind", "mapping");
        values.set("usb.mapping", "dongle");
        assert_eq!(USB.to_text(&values, Some(old)), "usb3=1,x=y,mapping=dongle");
        values.set("usb.usb3", "0");
        assert_eq!(USB.to_text(&values, None), "mapping=dongle");
        values.set("usb.kind", "spice");
        assert_eq!(USB.to_text(&values, None), "spice");
        assert_eq!(USB.to_text(&values, Some("mapping=dongle,x=y")), "spice,x=y");
        assert_eq!(USB.from_text("SPICE").get("usb.kind"), "spice");
    }

    #[test]
    fn what_only_root_may_do_is_said_beforehand() {
        let mut form = (USB.fields)(Form::new());
        form.set_context(Values::from_iter([("user", "ops@pve")]));
        form.set("usb.kind", "device");
        form.set("usb.device", "1a86:55d4");
        assert!(!form.validate());
        assert!(form.errors()["usb.kind"].contains("only root@pam"), "{:?}", form.errors());
        form.set_context(Values::from_iter([("user", "root@pam")]));
        assert!(form.validate(), "{:?}", form.errors());
        form.set("usb.device", "1a86");
        assert!(!form.validate());
    }

    #[test]
    fn devices_of_a_node() {
        let list: Vec<hardware::Usb> = serde_json::from_str(
            r#"[{"busnum":1,"usbpath":"2","vendid":"0x1a86","prodid":"0x55d4","product":"Dongle","manufacturer":"ITEAD"},
            {"busnum":1,"class":9,"vendid":"0x1d6b","prodid":"0x0002"},{"busnum":2,"vendid":"0x1","prodid":"0x2"}]"#,
        )
        .unwrap();
        let Choices::Ready(devices) = offer(&list, false) else { panic!() };
        assert_eq!((devices.len(), devices[0].value.as_str()), (2, "1a86:55d4"));
        assert_eq!(devices[0].detail, "ITEAD Dongle, port 1-2");
        let Choices::Ready(ports) = offer(&list, true) else { panic!() };
        assert_eq!((ports.len(), ports[0].value.as_str()), (1, "1-2"));
    }
}
