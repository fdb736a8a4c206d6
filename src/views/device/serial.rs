//! Serial and parallel ports: `serial0=socket` (for consoles), `serial1=/dev/ttyS0`, `parallel0=/dev/parport0`.

use super::{Device, Head, Prop, Properties, check, choices};
use crate::ui::{Form, Values};

/// A setting `serialN`.
pub const SERIAL: Device = Device { fields, head: Some(Head { read, write }), props: &[] };

/// A setting `parallelN`: root@pam's.
pub const PARALLEL: Device =
    Device { fields: parallel_fields, head: None, props: &[Prop::bare("parallel.path", "path")] };

fn is_device(values: &Values) -> bool {
    values.get("serial.kind") == "device"
}

fn check_kind(kind: &str, values: &Values) -> Result<(), String> {
    if kind == "device" { check::needs_root(kind, values) } else { Ok(()) }
}

fn check_path(text: &str, _: &Values) -> Result<(), String> {
    match text.strip_prefix("/dev/") {
        Some(rest) if !rest.is_empty() && !rest.contains([',', '=', ' ']) => Ok(()),
        _ => Err("must be a device of the node, for example /dev/ttyS0".into()),
    }
}

fn check_parallel(text: &str, _: &Values) -> Result<(), String> {
    let number = text.strip_prefix("/dev/parport").or_else(|| text.strip_prefix("/dev/usb/lp"));
    match number {
        Some(digits) if !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()) => Ok(()),
        _ => Err("must be a port of the node, for example /dev/parport0 or /dev/usb/lp0".into()),
    }
}

fn fields(form: Form) -> Form {
    form.select("serial.kind", "Serial port", choices(&[("socket", "socket (console)"), ("device", "the node's port")]))
        .initial("socket")
        .required()
        .help("A socket is what text consoles are connected to. Only root@pam may pass on ports of the node.")
        .hint(check::root_hint)
        .check(check_kind)
        .text("serial.path", "Device")
        .required()
        .placeholder("/dev/ttyS0")
        .help("A VM with a port of the node can't be migrated.")
        .check(check_path)
        .when(is_device)
}

fn parallel_fields(form: Form) -> Form {
    form.text("parallel.path", "Parallel port")
        .required()
        .placeholder("/dev/parport0")
        .help("Only root@pam may pass on ports of the node.")
        .hint(check::root_hint)
        .check(check::needs_root)
        .check(check_parallel)
}

fn read(text: &Properties, values: &mut Values) {
    let (kind, path) = match text.bare().unwrap_or_default() {
        "" => ("", ""),
        "socket" => ("socket", ""),
        path => ("device", path),
    };
    values.set("serial.kind", kind);
    values.set("serial.path", path);
}

fn write(text: &mut Properties, new: &Values, before: &Values) {
    let of = |values: &Values| match values.get("serial.kind") {
        "device" => values.get("serial.path").to_owned(),
        kind => kind.to_owned(),
    };
    let wanted = of(new);
    if !wanted.is_empty() && (text.is_empty() || wanted != of(before)) {
        let _ = text.set_bare(&wanted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports() {
        let mut values = SERIAL.from_text("/dev/ttyS0");
        assert_eq!((values.get("serial.kind"), values.get("serial.path")), ("device", "/dev/ttyS0"));
        values.set("serial.kind", "socket");
        assert_eq!(SERIAL.to_text(&values, Some("/dev/ttyS0")), "socket");
        assert_eq!(SERIAL.to_text(&values, None), "socket");
        assert_eq!(PARALLEL.to_text(&PARALLEL.from_text("/dev/parport0"), None), "/dev/parport0");
        let none = Values::default();
        assert!(check_path("/dev/", &none).is_err() && check_path("/dev/serial/by-id/x", &none).is_ok());
        assert!(check_parallel("/dev/parport", &none).is_err() && check_parallel("/dev/usb/lp1", &none).is_ok());
    }
}
