//! Addresses that cloud-init gives a network card: `ipconfig0=ip=10.0.0.5/24,gw=10.0.0.1,ip6=auto`.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Device, Prop};
use crate::ui::{Choice, Choices, Form, Values};

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

/// `10.0.0.5/24`, and what it is besides.
pub fn cidr4(text: &str) -> Option<(Ipv4Addr, u32)> {
    let (address, bits) = text.split_once('/')?;
    Some((address.parse().ok()?, bits.parse().ok().filter(|bits| *bits <= 32)?))
}

/// `fd00::5/64`.
pub fn cidr6(text: &str) -> Option<(Ipv6Addr, u32)> {
    let (address, bits) = text.split_once('/')?;
    Some((address.parse().ok()?, bits.parse().ok().filter(|bits| *bits <= 128)?))
}

fn check4(text: &str, _: &Values) -> Result<(), String> {
    if text == "dhcp" || cidr4(text).is_some() {
        return Ok(());
    }
    Err("must be dhcp, or an address with its prefix such as 10.0.0.5/24".into())
}

fn check6(text: &str, _: &Values) -> Result<(), String> {
    if matches!(text, "dhcp" | "auto") || cidr6(text).is_some() {
        return Ok(());
    }
    Err("must be dhcp, auto, or an address with its prefix such as fd00::5/64".into())
}

fn check_gateway(text: &str, values: &Values) -> Result<(), String> {
    let Ok(gateway) = text.parse::<Ipv4Addr>() else {
        return Err("must be an address such as 10.0.0.1, without a prefix".into());
    };
    match cidr4(values.get("ip")) {
        Some((own, _)) if own == gateway => Err("is the guest's own address".into()),
        Some((own, bits)) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            if u32::from(own) & mask == u32::from(gateway) & mask {
                return Ok(());
            }
            Err(format!("is not in the network of {}", values.get("ip")))
        }
        None => Ok(()),
    }
}

fn check_gateway6(text: &str, _: &Values) -> Result<(), String> {
    // Routers are often named by their link-local address, which is in no network of the guest.
    text.parse::<Ipv6Addr>().map(drop).map_err(|_| "must be an address such as fd00::1, without a prefix".into())
}

fn kinds(list: &[(&str, &str)]) -> Choices {
    Choices::Ready(list.iter().map(|(value, label)| Choice::labelled(*value, *label)).collect())
}

fn fields(form: Form) -> Form {
    form.select("ip", "IPv4", kinds(&[("", "none"), ("dhcp", "DHCP")]))
        .free()
        .help("DHCP, or type an address with its prefix: 10.0.0.5/24.")
        .check(check4)
        .text("gw", "Gateway (IPv4)")
        .placeholder("none")
        .check(check_gateway)
        .when(is_static)
        .select("ip6", "IPv6", kinds(&[("", "none"), ("auto", "SLAAC"), ("dhcp", "DHCP")]))
        .free()
        .help("SLAAC, DHCP, or type an address with its prefix: fd00::5/64.")
        .check(check6)
        .text("gw6", "Gateway (IPv6)")
        .placeholder("none")
        .check(check_gateway6)
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
        assert!(check_gateway("10.99.0.1", &values).is_ok());
        assert_eq!(check_gateway("10.98.0.1", &values).unwrap_err(), "is not in the network of 10.99.0.30/24");
        assert!(check_gateway("10.99.0.30", &values).unwrap_err().contains("own"));
        values.set("ip", "dhcp");
        assert_eq!(IPCONFIG.to_text(&values, Some(old)), "ip=dhcp,future=1");
        let none = Values::default();
        assert!(check4("10.0.0.5", &none).is_err() && check4("10.0.0.5/33", &none).is_err());
        assert!(check6("fd00::5/64", &none).is_ok() && check6("auto", &none).is_ok() && check6("x", &none).is_err());
        let all = Values::from_iter([("ip", "10.0.0.5/0")]);
        assert!(check_gateway("192.168.0.1", &all).is_ok());
    }
}
