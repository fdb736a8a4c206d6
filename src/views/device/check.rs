//! Checks of values that forms share; each says why.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::ui::Values;

/// What may be a part of a property string.
pub fn part(text: &str, _: &Values) -> Result<(), String> {
    match text.chars().find(|c| matches!(c, ',' | '\n' | '\r')) {
        Some(_) => Err("must not hold a comma or a line break".into()),
        None => Ok(()),
    }
}

/// A word of a list that stands in a fact; where the fact isn't known everything is right.
fn known(word: &str, values: &Values, fact: &str, what: &str) -> Result<(), String> {
    let list = values.get(fact);
    if list.is_empty() || list.split(' ').any(|known| known == word) {
        return Ok(());
    }
    Err(format!("{} has no such {what}", values.get("node")))
}

/// A storage of the node that keeps disk images: one of the fact `storages`.
pub fn storage(text: &str, values: &Values) -> Result<(), String> {
    known(text, values, "storages", "active storage for disk images")
}

/// A bridge of the node: one of the fact `bridges`.
pub fn bridge(text: &str, values: &Values) -> Result<(), String> {
    known(text, values, "bridges", "bridge")
}

/// A DNS name, as the API demands for names of VMs.
pub fn name(text: &str, _: &Values) -> Result<(), String> {
    let label = |part: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !part.is_empty()
            && part.len() <= 63
            && part.chars().all(inner)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    if text.split('.').all(label) {
        return Ok(());
    }
    let mended: String = text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let mended = mended.trim_matches(['-', '.']).to_owned();
    let hint = if mended.is_empty() { String::new() } else { format!(", for example {mended}") };
    Err(format!("must be a DNS name: letters, digits, - and .{hint}"))
}

/// Tags between `;`, commas or blanks.
pub fn tags(text: &str, _: &Values) -> Result<(), String> {
    let inner = |c: char| c.is_ascii_alphanumeric() || "_.+-".contains(c);
    let good = |tag: &&str| tag.chars().all(inner) && tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    match text.split([';', ',', ' ']).filter(|tag| !tag.is_empty()).find(|tag| !good(tag)) {
        Some(bad) => Err(format!("{bad}: tags are letters, digits and _ . + -, and begin with a letter, digit or _")),
        None => Ok(()),
    }
}

/// The address of one network card.
pub fn mac(text: &str, _: &Values) -> Result<(), String> {
    let parts: Vec<&str> = text.split(':').collect();
    let hex = |part: &&str| part.len() == 2 && part.chars().all(|c| c.is_ascii_hexdigit());
    if parts.len() != 6 || !parts.iter().all(hex) {
        return Err("must be six pairs of hex digits, for example BC:24:11:00:00:01".into());
    }
    let first = u8::from_str_radix(parts[0], 16).unwrap_or(0);
    if first & 1 == 1 {
        return Err("is a multicast address: the second digit must be even".into());
    }
    Ok(())
}

/// Marks what the server lets only root@pam set; the fact `user` says who asks. A token of root@pam is not root@pam.
pub fn root_only(_: &str, values: &Values) -> Result<(), String> {
    match values.get("user") {
        "" | "root@pam" => Ok(()),
        user => Err(format!("only root@pam may set this, not {user}")),
    }
}

/// Stands behind what only root@pam may set, for everybody else.
pub fn root_hint(values: &Values) -> Option<String> {
    (!matches!(values.get("user"), "" | "root@pam")).then(|| "in part root@pam only".into())
}

/// An IPv4 address.
pub fn ip4(text: &str, _: &Values) -> Result<(), String> {
    text.parse::<Ipv4Addr>().map(drop).map_err(|_| "must be an IPv4 address, for example 10.0.0.1".into())
}

/// An IPv6 address.
pub fn ip6(text: &str, _: &Values) -> Result<(), String> {
    text.parse::<Ipv6Addr>().map(drop).map_err(|_| "must be an IPv6 address, for example fd00::1".into())
}

/// An address of either family.
pub fn address(text: &str, _: &Values) -> Result<(), String> {
    text.parse::<IpAddr>().map(drop).map_err(|_| format!("\"{text}\" is no IP address, for example 10.0.0.1"))
}

/// The bits of an address, as the upper part of 128, and how many there are.
fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

fn mask(prefix: u32) -> u128 {
    if prefix == 0 { 0 } else { u128::MAX << (128 - prefix) }
}

fn unbits(bits: u128, is_v4: bool) -> IpAddr {
    if is_v4 { IpAddr::V4(Ipv4Addr::from_bits((bits >> 96) as u32)) } else { IpAddr::V6(Ipv6Addr::from_bits(bits)) }
}

/// An address with the length of its network's prefix.
pub fn parse_cidr(text: &str) -> Option<(IpAddr, u32)> {
    let (address, prefix) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let digits = !prefix.is_empty() && prefix.len() <= 3 && prefix.chars().all(|c| c.is_ascii_digit());
    let prefix: u32 = prefix.parse().ok().filter(|_| digits)?;
    (prefix <= bits(address).1).then_some((address, prefix))
}

fn cidr(text: &str, v4: bool) -> Result<(), String> {
    let example = if v4 { "10.0.0.5/24" } else { "fd00::5/64" };
    let family = if v4 { "IPv4" } else { "IPv6" };
    let proposal = match text.parse::<IpAddr>() {
        Ok(address) if address.is_ipv4() == v4 => format!("{text}/{}", if v4 { 24 } else { 64 }),
        _ => example.to_owned(),
    };
    let Some((address, prefix)) = parse_cidr(text).filter(|(address, _)| address.is_ipv4() == v4) else {
        return Err(format!("must be an {family} address with its prefix, for example {proposal}"));
    };
    if prefix == 0 {
        return Err(format!("the prefix can't be 0, for example {}/{}", address, if v4 { 24 } else { 64 }));
    }
    // The first and last address of an IPv4 network belong to nobody.
    let (all, len) = bits(address);
    let host = !mask(prefix) & mask(len);
    if v4 && prefix < 31 && (all & host == 0 || all & host == host) {
        let first = unbits((all & mask(prefix)) + (1 << (128 - len)), v4);
        let what = if all & host == 0 { "the network itself" } else { "its broadcast address" };
        return Err(format!("is {what}, no address in it, for example {first}/{prefix}"));
    }
    Ok(())
}

/// An IPv4 address with its prefix, as in `10.0.0.5/24`.
pub fn cidr4(text: &str, _: &Values) -> Result<(), String> {
    cidr(text, true)
}

/// An IPv6 address with its prefix, as in `fd00::5/64`.
pub fn cidr6(text: &str, _: &Values) -> Result<(), String> {
    cidr(text, false)
}

/// A gateway must be another address in the network of `cidr`, or link-local; where that isn't known yet everything is
/// right.
pub fn in_network(gateway: &str, cidr: &str) -> Result<(), String> {
    let (Some((own, prefix)), Ok(gateway)) = (parse_cidr(cidr), gateway.parse::<IpAddr>()) else { return Ok(()) };
    if own == gateway {
        return Err("is the guest's own address".into());
    }
    if own.is_ipv4() != gateway.is_ipv4() {
        return Err(format!("is of the other family than {own}"));
    }
    let ((own, len), (other, _)) = (bits(own), bits(gateway));
    let link_local = matches!(gateway, IpAddr::V6(v6) if v6.is_unicast_link_local());
    if own & mask(prefix) == other & mask(prefix) || link_local {
        return Ok(());
    }
    let network = own & mask(prefix);
    let first = |n: u128| unbits(network + (n << (128 - len)), len == 32);
    let free = if first(1) == unbits(own, len == 32) { first(2) } else { first(1) };
    Err(format!("is not in the network {}/{prefix}, for example {free}", first(0)))
}

/// A number above zero, with decimals.
pub fn positive(text: &str, _: &Values) -> Result<(), String> {
    let plain = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    match text.parse::<f64>() {
        Ok(n) if plain && n > 0.0 => Ok(()),
        _ => Err("must be a number above 0, for example 12.5".into()),
    }
}

/// The size of a new disk in GiB.
pub fn size(text: &str, values: &Values) -> Result<(), String> {
    positive(text, values)?;
    match text.parse::<f64>() {
        Ok(n) if n <= 131_072.0 => Ok(()),
        _ => Err("must not be more than 131072 GiB".into()),
    }
}

/// Processors of the node, as in `0,5,8-11`.
pub fn cpu_set(text: &str, values: &Values) -> Result<(), String> {
    let node: Option<u32> = values.get("node.cpus").parse().ok();
    let number = |text: &str| text.parse::<u32>().ok().filter(|_| text.chars().all(|c| c.is_ascii_digit()));
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        match (number(from), number(to)) {
            (Some(from), Some(to)) if from <= to => match node {
                Some(cpus) if to >= cpus => {
                    return Err(format!("the node's processors are 0 to {}", cpus.saturating_sub(1)));
                }
                _ => {}
            },
            _ => return Err(format!("\"{part}\": must be a list like 0,5,8-11")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reasons_are_given() {
        let none = Values::default();
        assert!(name("web-01.example.com", &none).is_ok() && name("-x", &none).is_err());
        assert_eq!(
            name("my_vm 1", &none).unwrap_err(),
            "must be a DNS name: letters, digits, - and ., for example my-vm-1"
        );
        assert!(tags("web;prod a_1,b.c", &none).is_ok() && tags("-x", &none).is_err() && tags("a/b", &none).is_err());
        assert!(mac("BC:24:11:00:00:0a", &none).is_ok() && mac("BC:24:11:00:00", &none).is_err());
        assert!(mac("01:24:11:00:00:0a", &none).unwrap_err().contains("multicast"));
        assert!(positive("1.5", &none).is_ok() && positive("0", &none).is_err() && positive("1e5", &none).is_err());
        assert!(root_only("", &none).is_ok());
        assert!(root_only("", &Values::from_iter([("user", "root@pam!ci")])).is_err());
        let node = Values::from_iter([("node.cpus", "8")]);
        assert!(cpu_set("0,5-7", &node).is_ok() && cpu_set("", &node).is_err() && cpu_set("7-5", &node).is_err());
        assert_eq!(cpu_set("0-8", &node).unwrap_err(), "the node's processors are 0 to 7");
    }
    #[test]
    fn addresses() {
        let none = Values::default();
        assert!(cidr4("10.0.0.5/24", &none).is_ok() && cidr4("10.0.0.0/31", &none).is_ok());
        assert!(cidr6("fd00::5/64", &none).is_ok() && cidr4("10.0.0.5/32", &none).is_ok());
        for (text, why) in [
            ("10.0.0.5", "must be an IPv4 address with its prefix, for example 10.0.0.5/24"),
            ("10.0.0.5/33", "must be an IPv4 address with its prefix, for example 10.0.0.5/24"),
            ("10.0.0.5/+8", "must be an IPv4 address with its prefix, for example 10.0.0.5/24"),
            ("fd00::5/64", "must be an IPv4 address with its prefix, for example 10.0.0.5/24"),
            ("10.0.0.0/24", "is the network itself, no address in it, for example 10.0.0.1/24"),
            ("10.0.1.255/23", "is its broadcast address, no address in it, for example 10.0.0.1/23"),
            ("10.0.0.5/0", "the prefix can't be 0, for example 10.0.0.5/24"),
        ] {
            assert_eq!(cidr4(text, &none).unwrap_err(), why);
        }
        assert!(in_network("10.0.0.1", "10.0.0.5/24").is_ok() && in_network("10.0.0.1", "").is_ok());
        assert!(in_network("fe80::1", "fd00::5/64").is_ok() && in_network("fd00::1", "fd00::5/64").is_ok());
        assert_eq!(in_network("10.0.0.5", "10.0.0.5/24").unwrap_err(), "is the guest's own address");
        assert_eq!(
            in_network("10.0.1.1", "10.0.0.1/24").unwrap_err(),
            "is not in the network 10.0.0.0/24, for example 10.0.0.2"
        );
        assert_eq!(
            in_network("fd01::1", "fd00::5/64").unwrap_err(),
            "is not in the network fd00::/64, for example fd00::1"
        );
        assert!(in_network("fd00::1", "10.0.0.1/24").is_err());
    }
}
