//! Addresses that cloud-init gives a network card: `ipconfig0=ip=10.0.0.5/24,gw=10.0.0.1,ip6=auto`.

use super::{Device, Prop, address, choices};
use crate::ui::{Form, Values};

/// A setting `ipconfigN`.
pub const IPCONFIG: Device = Device {
    fields,
    head: None,
    props: &[
        Prop::text("ip", "ip"),
        Prop::text("gw", "gw").when(is_static),
        Prop::text("ip6", "ip6"),
        Prop::text("gw6", "gw6").when(is_static6),
    ],
};

fn is_static(values: &Values) -> bool {
    values.get("ip").contains('/')
}

fn is_static6(values: &Values) -> bool {
    values.get("ip6").contains('/')
}

fn check4(text: &str, values: &Values) -> Result<(), String> {
    if text == "dhcp" { Ok(()) } else { address::ip4(text, values) }
}

fn check6(text: &str, values: &Values) -> Result<(), String> {
    if matches!(text, "dhcp" | "auto") { Ok(()) } else { address::ip6(text, values) }
}

fn fields(form: Form) -> Form {
    form.select("ip", "IPv4", choices(&[("", "none"), ("dhcp", "DHCP")]))
        .free()
        .help("DHCP, or type an address with its prefix: 10.0.0.5/24.")
        .check(check4)
        .warn(address::warn_used)
        .text("gw", "Gateway (IPv4)")
        .placeholder("none")
        .check(address::gateway4)
        .when(is_static)
        .select("ip6", "IPv6", choices(&[("", "none"), ("auto", "SLAAC"), ("dhcp", "DHCP")]))
        .free()
        .help("SLAAC, DHCP, or type an address with its prefix: fd00::5/64.")
        .check(check6)
        .warn(address::warn_used)
        .text("gw6", "Gateway (IPv6)")
        .placeholder("none")
        .check(address::gateway6)
        .when(is_static6)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_and_gateways() {
        let old = "ip=10.99.0.30/24,gw=10.99.0.1,future=1";
        let mut values = IPCONFIG.from_text(old);
        assert_eq!(IPCONFIG.to_text(&values, Some(old)), old);
        values.set("ip", "dhcp");
        assert_eq!(IPCONFIG.to_text(&values, Some(old)), "ip=dhcp,future=1");
        let none = Values::default();
        assert!(check4("10.0.0.5", &none).is_err() && check4("10.0.0.5/33", &none).is_err());
        assert!(check6("fd00::5/64", &none).is_ok() && check6("auto", &none).is_ok() && check6("x", &none).is_err());
    }
}
