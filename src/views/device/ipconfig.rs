//! The addresses that cloud-init gives a network card: `ip=10.0.0.5/24,gw=10.0.0.1,ip6=auto`.

use super::{Device, Head, Prop, Properties, address, choices, put};
use crate::ui::{Form, Values};

/// A setting `ipconfigN`, for `netN`. The addresses are fields of their own: `ipv4` and `ipv6` say where they come from.
pub const IPCONFIG: Device = Device {
    fields,
    head: Some(Head { read, write }),
    props: &[Prop::text("gw", "gw").when(address::is_static4), Prop::text("gw6", "gw6").when(address::is_static6)],
};

fn fields(form: Form) -> Form {
    let form = form.select("ipv4", "IPv4", choices(&[("", "none"), ("dhcp", "DHCP"), ("static", "static")]));
    let form = address::static4(form).select(
        "ipv6",
        "IPv6",
        choices(&[("", "none"), ("auto", "SLAAC"), ("dhcp", "DHCP"), ("static", "static")]),
    );
    address::static6(form)
}

/// The key of the address, and the field that says where it comes from.
const FAMILIES: [(&str, &str); 2] = [("ip", "ipv4"), ("ip6", "ipv6")];

fn read(text: &Properties, values: &mut Values) {
    for (key, how) in FAMILIES {
        let (from, address) = match text.get(key).unwrap_or_default() {
            word @ ("" | "dhcp" | "auto") => (word, ""),
            address => ("static", address),
        };
        values.set(how, from);
        values.set(key, address);
    }
}

fn write(text: &mut Properties, new: &Values, before: &Values) {
    for (key, how) in FAMILIES {
        let of = |values: &Values| match values.get(how) {
            "static" => values.get(key).to_owned(),
            word => word.to_owned(),
        };
        let wanted = of(new);
        match wanted.is_empty() {
            _ if wanted == of(before) && !text.is_empty() => {}
            true => drop(text.remove(key)),
            false => put(text, key, &wanted),
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
        assert_eq!(IPCONFIG.to_text(&values, None), "ip=10.0.0.5/24,ip6=auto,gw=10.0.0.1");
        values.set("ipv4", "dhcp");
        assert_eq!(IPCONFIG.to_text(&values, Some(old)), "ip=dhcp,ip6=auto");
        values.set("ipv6", "");
        assert_eq!(IPCONFIG.to_text(&values, Some(old)), "ip=dhcp");
        assert_eq!(IPCONFIG.to_text(&Values::default(), None), "");
    }

    #[test]
    fn a_gateway_is_in_the_network() {
        let mut form = (IPCONFIG.fields)(Form::new());
        for (key, value) in [("ipv4", "static"), ("ip", "10.0.0.5/24"), ("gw", "10.0.1.1"), ("ipv6", "auto")] {
            form.set(key, value);
        }
        assert!(!form.validate());
        assert_eq!(form.errors()["gw"], "is not in 10.0.0.0/24: its first address is 10.0.0.1");
        form.set("gw", "10.0.0.1");
        assert!(form.validate(), "{:?}", form.errors());
    }
}
