//! Network devices of VMs: `virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1,tag=10`.

use super::{Device, Head, Prop, Properties, check, plain};
use crate::ui::{Choices, Form, Values};

/// A setting `netN`.
pub const NIC: Device = Device {
    fields,
    head: Some(Head { read, write }),
    props: &[
        Prop::text("bridge", "bridge"),
        Prop::flag("firewall", "firewall", false),
        Prop::text("tag", "tag"),
        Prop::flag("link_down", "link_down", false),
        Prop::text("mtu", "mtu").when(is_virtio),
        Prop::text("rate", "rate"),
        Prop::text("queues", "queues").when(is_virtio),
        Prop::text("trunks", "trunks"),
    ],
};

/// Models; the usual ones first.
const MODELS: [&str; 14] = [
    "virtio",
    "e1000",
    "e1000e",
    "rtl8139",
    "vmxnet3",
    "e1000-82540em",
    "e1000-82544gc",
    "e1000-82545em",
    "i82551",
    "i82557b",
    "i82559er",
    "ne2k_isa",
    "ne2k_pci",
    "pcnet",
];

fn is_virtio(values: &Values) -> bool {
    values.get("model") == "virtio"
}

fn check_vlan(text: &str, values: &Values) -> Result<(), String> {
    if values.get("bridge").is_empty() && !text.is_empty() {
        return Err("needs a bridge".into());
    }
    Ok(())
}

/// Two cards with one address can't talk in one network.
fn warn_mac(text: &str, values: &Values) -> Option<String> {
    let same = super::items(values, "net").iter().filter(|nic| nic.get("macaddr").eq_ignore_ascii_case(text)).count();
    (same > 1).then(|| "another card has this address, too".into())
}

fn check_trunks(text: &str, values: &Values) -> Result<(), String> {
    check_vlan(text, values)?;
    let tag = |tag: &str| tag.parse::<u16>().ok().filter(|tag| (1..=4094).contains(tag));
    let range = |part: &str| match part.split_once('-') {
        Some((from, to)) => tag(from).zip(tag(to)).is_some_and(|(from, to)| from <= to),
        None => tag(part).is_some(),
    };
    if text.split(';').all(range) { Ok(()) } else { Err("must be VLAN tags between ;, for example 10;20-30".into()) }
}

fn fields(form: Form) -> Form {
    form.select("bridge", "Bridge", Choices::Loading)
        .help("Without a bridge the guest reaches the network through the node (NAT).")
        .check(check::part)
        .check(check::bridge)
        .select("model", "Model", plain(&MODELS))
        .initial("virtio")
        .text("macaddr", "MAC address")
        .placeholder("automatic")
        .check(check::mac)
        .warn(warn_mac)
        .number("tag", "VLAN tag", 1..=4094)
        .placeholder("none")
        .check(check_vlan)
        .toggle("firewall", "Firewall")
        .initial("1")
        .text("trunks", "VLAN trunks")
        .placeholder("all")
        .help("The VLANs that the guest may tag by itself, for example 10;20-30.")
        .check(check_trunks)
        .advanced()
        .toggle("link_down", "Disconnected")
        .help("Like a pulled plug.")
        .advanced()
        .number("mtu", "MTU", 1..=65520)
        .placeholder("of the bridge")
        .help("1: the bridge's.")
        .when(is_virtio)
        .advanced()
        .text("rate", "Rate limit")
        .unit("MB/s")
        .placeholder("unlimited")
        .check(check::positive)
        .advanced()
        .number("queues", "Multiqueue", 1..=64)
        .placeholder("1")
        .help("At most the number of the guest's processors makes sense.")
        .when(is_virtio)
        .advanced()
}

/// The part that names the model: its key (`virtio=MAC`), `model=virtio`, or `virtio` alone.
fn read(text: &Properties, values: &mut Values) {
    let named = MODELS.iter().find_map(|model| Some((*model, text.get(model)?)));
    let model = text.default_key("model").or(named.map(|(model, _)| model)).unwrap_or_default();
    let mac = text.get("macaddr").or(named.map(|(_, mac)| mac)).unwrap_or_default();
    values.set("model", model);
    values.set("macaddr", mac);
}

fn write(text: &mut Properties, new: &Values, before: &Values) {
    let (model, mac) = (new.get("model"), new.get("macaddr"));
    if !text.is_empty() && model == before.get("model") && mac == before.get("macaddr") {
        return;
    }
    let own = |key: Option<&str>| key.is_none_or(|key| key == "model" || key == "macaddr" || MODELS.contains(&key));
    let head = if mac.is_empty() { model.to_owned() } else { format!("{model}={mac}") };
    let rest = text.iter().filter(|(key, _)| !own(*key));
    let rest = rest.map(|(key, value)| format!("{}={value}", key.unwrap_or_default()));
    let parts: Vec<String> = std::iter::once(head).chain(rest).collect();
    *text = Properties::parse(&parts.join(","));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_and_address_change_in_every_spelling() {
        for old in
            ["virtio=BC:24:11:00:00:01,bridge=vmbr0,x=y", "model=virtio,macaddr=BC:24:11:00:00:01,bridge=vmbr0,x=y"]
        {
            let mut values = NIC.from_text(old);
            assert_eq!((values.get("model"), values.get("macaddr")), ("virtio", "BC:24:11:00:00:01"));
            assert_eq!(NIC.to_text(&values, Some(old)), old);
            values.set("model", "e1000");
            assert_eq!(NIC.to_text(&values, Some(old)), "e1000=BC:24:11:00:00:01,bridge=vmbr0,x=y");
            values.set("macaddr", "");
            values.set("tag", "7");
            assert_eq!(NIC.to_text(&values, Some(old)), "e1000,bridge=vmbr0,x=y,tag=7");
        }
    }

    #[test]
    fn what_the_model_does_not_take_goes_with_it() {
        let old = "virtio=BC:24:11:00:00:01,bridge=vmbr0,mtu=9000,queues=4,trunks=1;2";
        let mut values = NIC.from_text(old);
        values.set("model", "e1000");
        assert_eq!(NIC.to_text(&values, Some(old)), "e1000=BC:24:11:00:00:01,bridge=vmbr0,trunks=1;2");
    }
}
