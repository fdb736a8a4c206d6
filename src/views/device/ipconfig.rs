//! The addresses that cloud-init gives a network card: `ip=10.0.0.5/24,gw=10.0.0.1,ip6=auto`.

use super::{Device, Head, Properties, check, choices, put};
use crate::ui::{Form, Values};

/// A setting `ipconfigN`, for `netN`.
pub const IPCONFIG: Device = Device { fields, head: Some(Head { read, write }), props: &[] };

fn is_static(values: &Values) -> bool {
    values.get("ip.how") == "static"
}

fn is_static6(values: &Values) -> bool {
    values.get("ip6.how") == "static"
}

fn check_gateway(text: &str, values: &Values) -> Result<(), String> {
    check::ip4(text, values)?;
    check::in_network(text, values.get("ip.address"))
}

fn check_gateway6(text: &str, values: &Values) -> Result<(), String> {
    check::ip6(text, values)?;
    check::in_network(text, values.get("ip6.address"))
}

fn fields(form: Form) -> Form {
    form.select("ip.how", "IPv4", choices(&[("", "none"), ("dhcp", "DHCP"), ("static", "static")]))
        .text("ip.address", "IPv4 address")
        .placeholder("10.0.0.5/24")
        .required()
        .check(check::cidr4)
        .when(is_static)
        .text("ip.gateway", "IPv4 gateway")
        .placeholder("none")
        .check(check_gateway)
        .when(is_static)
        .select("ip6.how", "IPv6", choices(&[("", "none"), ("auto", "SLAAC"), ("dhcp", "DHCP"), ("static", "static")]))
        .text("ip6.address", "IPv6 address")
        .placeholder("fd00::5/64")
        .required()
        .check(check::cidr6)
        .when(is_static6)
        .text("ip6.gateway", "IPv6 gateway")
        .placeholder("none")
        .check(check_gateway6)
        .when(is_static6)
}

/// The form's two families: key of the address, of the gateway, and the prefix of the fields.
const FAMILIES: [(&str, &str, &str); 2] = [("ip", "gw", "ip"), ("ip6", "gw6", "ip6")];

fn read(text: &Properties, values: &mut Values) {
    for (ip, gateway, field) in FAMILIES {
        let (how, address) = match text.get(ip).unwrap_or_default() {
            word @ ("" | "dhcp" | "auto") => (word, ""),
            address => ("static", address),
        };
        values.set(format!("{field}.how"), how);
        values.set(format!("{field}.address"), address);
        values.set(format!("{field}.gateway"), text.get(gateway).unwrap_or_default());
    }
}

fn write(text: &mut Properties, new: &Values, before: &Values) {
    for (ip, gateway, field) in FAMILIES {
        let of = |values: &Values| {
            let how = values.get(&format!("{field}.how"));
            match how {
                "static" => (
                    values.get(&format!("{field}.address")).to_owned(),
                    values.get(&format!("{field}.gateway")).to_owned(),
                ),
                _ => (how.to_owned(), String::new()),
            }
        };
        let (wanted, old) = (of(new), of(before));
        for (key, value, before) in [(ip, wanted.0, old.0), (gateway, wanted.1, old.1)] {
            match value.is_empty() {
                _ if value == before && !text.is_empty() => {}
                true => drop(text.remove(key)),
                false => put(text, key, &value),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn static_and_automatic() {
        let old = "ip=10.0.0.5/24,gw=10.0.0.1,ip6=auto";
        let mut values = IPCONFIG.from_text(old);
        assert_eq!(IPCONFIG.to_text(&values, Some(old)), old);
        assert_eq!(IPCONFIG.to_text(&values, None), old);
        values.set("ip.how", "dhcp");
        assert_eq!(IPCONFIG.to_text(&values, Some(old)), "ip=dhcp,ip6=auto");
        values.set("ip6.how", "");
        assert_eq!(IPCONFIG.to_text(&values, Some(old)), "ip=dhcp");
        assert_eq!(IPCONFIG.to_text(&Values::default(), None), "");
    }

    #[test]
    fn a_gateway_is_in_the_network() {
        let mut form = (IPCONFIG.fields)(Form::new());
        for (key, value) in
            [("ip.how", "static"), ("ip.address", "10.0.0.5/24"), ("ip.gateway", "10.0.1.1"), ("ip6.how", "auto")]
        {
            form.set(key, value);
        }
        assert!(!form.validate());
        assert_eq!(form.errors()["ip.gateway"], "is not in the network 10.0.0.0/24, for example 10.0.0.1");
        form.set("ip.gateway", "10.0.0.1");
        assert!(form.validate(), "{:?}", form.errors());
    }
}
