//! Network devices of containers: `name=eth0,bridge=vmbr0,firewall=1,ip=10.0.0.5/24,gw=10.0.0.1,ip6=auto,type=veth`.

use super::{Device, Head, Prop, Properties, address, check, choices, put};
use crate::ui::{Choices, Form, Values};

/// A setting `netN` of a container. The addresses are fields of their own: `ipv4` and `ipv6` say where they come from.
pub const CT_NIC: Device = Device {
    fields,
    head: Some(Head { read, write }),
    props: &[
        Prop::text("name", "name"),
        Prop::text("bridge", "bridge"),
        Prop::text("hwaddr", "hwaddr"),
        Prop::flag("firewall", "firewall", false),
        Prop::text("tag", "tag"),
        Prop::text("gw", "gw").when(address::is_static4),
        Prop::text("gw6", "gw6").when(address::is_static6),
        Prop::flag("link_down", "link_down", false),
        Prop::text("mtu", "mtu"),
        Prop::text("rate", "rate"),
        Prop::text("trunks", "trunks"),
        Prop::flag("host-managed", "host-managed", false),
    ],
};

/// Names of interfaces as Linux and the API take them.
fn check_name(text: &str, values: &Values) -> Result<(), String> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !text.chars().all(good) || text.len() > 15 {
        return Err("must be up to 15 letters, digits and - _ ., for example eth0".into());
    }
    let same = super::items(values, "net").iter().filter(|nic| nic.get("name") == text).count();
    if same > 1 { Err("is the name of another device, too".into()) } else { Ok(()) }
}

fn check_tag(text: &str, values: &Values) -> Result<(), String> {
    if values.get("bridge").is_empty() && !text.is_empty() {
        return Err("needs a bridge".into());
    }
    Ok(())
}

fn check_trunks(text: &str, _: &Values) -> Result<(), String> {
    let good = |tag: &str| tag.parse::<u16>().is_ok_and(|tag| (1..=4094).contains(&tag));
    if text.split(';').all(good) { Ok(()) } else { Err("must be VLAN tags between ;, for example 10;20".into()) }
}

fn fields(form: Form) -> Form {
    let form = form
        .text("name", "Name")
        .initial("eth0")
        .required()
        .help("What the interface is called inside the container.")
        .check(check_name)
        .select("bridge", "Bridge", Choices::Loading)
        .check(check::part)
        .check(check::bridge)
        .select(
            "ipv4",
            "IPv4",
            choices(&[("dhcp", "DHCP"), ("static", "static"), ("manual", "left to the container"), ("", "none")]),
        )
        .initial("dhcp");
    let form = address::static4(form).select(
        "ipv6",
        "IPv6",
        choices(&[
            ("", "none"),
            ("auto", "SLAAC"),
            ("dhcp", "DHCP"),
            ("static", "static"),
            ("manual", "left to the container"),
        ]),
    );
    let form = address::static6(form);
    form.number("tag", "VLAN tag", 1..=4094)
        .placeholder("none")
        .check(check_tag)
        .toggle("firewall", "Firewall")
        .initial("1")
        .text("hwaddr", "MAC address")
        .placeholder("automatic")
        .check(check::mac)
        .advanced()
        .toggle("link_down", "Disconnected")
        .help("Like a pulled plug.")
        .advanced()
        .number("mtu", "MTU", 64..=65535)
        .placeholder("of the bridge")
        .advanced()
        .text("rate", "Rate limit")
        .unit("MB/s")
        .placeholder("unlimited")
        .check(check::positive)
        .advanced()
        .text("trunks", "VLAN trunks")
        .placeholder("all")
        .help("VLAN tags that pass through, between ;.")
        .check(check_trunks)
        .advanced()
        .toggle("host-managed", "Managed by the node")
        .help(
            "The node sets the address, for containers without network tools of their own, such as application images.",
        )
        .advanced()
}

/// Where an address comes from, and the address.
const PARTS: [(&str, &str); 2] = [("ipv4", "ip"), ("ipv6", "ip6")];

fn read(text: &Properties, values: &mut Values) {
    for (mode, key) in PARTS {
        let (from, address) = match text.get(key).unwrap_or_default() {
            word @ ("" | "dhcp" | "auto" | "manual") => (word, ""),
            address => ("static", address),
        };
        values.set(mode, from);
        values.set(key, address);
    }
}

fn write(text: &mut Properties, new: &Values, before: &Values) {
    // In the usual order, where there is none yet.
    if text.is_empty() {
        for key in ["name", "bridge"].into_iter().filter(|key| !new.get(key).is_empty()) {
            put(text, key, new.get(key));
        }
    }
    for (mode, key) in PARTS {
        let of = |values: &Values| match values.get(mode) {
            "static" => values.get(key).to_owned(),
            word => word.to_owned(),
        };
        let (wanted, old) = (of(new), of(before));
        if wanted.is_empty() && !old.is_empty() {
            text.remove(key);
        } else if !wanted.is_empty() && (wanted != old || text.get(key).is_none()) {
            put(text, key, &wanted);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_come_and_go() {
        let old = "name=eth0,bridge=vmbr0,firewall=1,gw=10.99.0.1,hwaddr=BC:24:11:EF:2A:8B,ip=10.99.0.20/24,type=veth";
        let mut values = CT_NIC.from_text(old);
        assert_eq!((values.get("ipv4"), values.get("ip"), values.get("ipv6")), ("static", "10.99.0.20/24", ""));
        assert_eq!(CT_NIC.to_text(&values, Some(old)), old);
        values.set("ipv4", "dhcp");
        values.set("ipv6", "auto");
        assert_eq!(
            CT_NIC.to_text(&values, Some(old)),
            "name=eth0,bridge=vmbr0,firewall=1,hwaddr=BC:24:11:EF:2A:8B,ip=dhcp,type=veth,ip6=auto"
        );
        values.set("ipv4", "");
        values.set("ipv6", "");
        assert_eq!(
            CT_NIC.to_text(&values, Some(old)),
            "name=eth0,bridge=vmbr0,firewall=1,hwaddr=BC:24:11:EF:2A:8B,type=veth"
        );
    }

    #[test]
    fn new_ones_are_written_in_the_usual_order() {
        let mut form = CT_NIC.edit("name=eth0,bridge=vmbr0,ip=dhcp", Values::default());
        assert!(form.set("ipv4", "static") && form.set("ip", "10.0.0.5/24") && form.set("gw", "10.0.1.1"));
        assert!(!form.validate());
        assert!(form.errors()["gw"].contains("10.0.0.1"));
        form.set("gw", "10.0.0.1");
        assert!(form.validate());
        form.set("ipv6", "dhcp");
        assert_eq!(CT_NIC.to_text(&form.values(), None), "name=eth0,bridge=vmbr0,ip=10.0.0.5/24,ip6=dhcp,gw=10.0.0.1");
    }

    #[test]
    fn names_are_unique() {
        let values = Values::from_iter([("net0.name", "eth0"), ("net1.name", "eth0"), ("net2.name", "lan")]);
        assert!(check_name("eth0", &values).is_err() && check_name("lan", &values).is_ok());
        assert!(check_name("a b", &values).is_err() && check_name("sixteen-letters-", &values).is_err());
        assert!(check_trunks("10;20", &values).is_ok() && check_trunks("10,20", &values).is_err());
    }
}
