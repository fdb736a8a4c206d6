//! IP addresses as guests are given them: `10.0.0.5/24` with a gateway in the same network. Checks for containers' network
//! devices and for cloud-init.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::ui::{Form, Values};

/// An address with its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    /// The address of the guest.
    pub address: IpAddr,
    /// How many leading bits name the network.
    pub prefix: u8,
}

fn bits(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

impl Cidr {
    /// Reads `10.0.0.5/24` or `2001:db8::5/64`.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let prefix = prefix.parse().ok().filter(|n| prefix.len() <= 3 && *n <= bits(address).1)?;
        Some(Self { address, prefix })
    }

    fn mask(&self) -> u128 {
        let all = bits(self.address).1;
        let ones = if all == 128 { u128::MAX } else { (1 << all) - 1 };
        ones & ones.checked_shl(u32::from(all - self.prefix)).unwrap_or(0)
    }

    fn nth(&self, n: u128) -> IpAddr {
        let value = (bits(self.address).0 & self.mask()) + n;
        match self.address {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(value).unwrap_or(u32::MAX))),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from_bits(value)),
        }
    }

    /// The network's own address: the first one.
    pub fn network(&self) -> IpAddr {
        self.nth(0)
    }

    /// The first address that a host can have.
    pub fn first(&self) -> IpAddr {
        if self.is_alone() { self.network() } else { self.nth(1) }
    }

    /// The network has no room for anybody else (or is a link between two).
    fn is_alone(&self) -> bool {
        bits(self.address).1 - self.prefix < 2
    }

    /// True when the address is of this network.
    pub fn contains(&self, other: IpAddr) -> bool {
        let ((own, of), (other, other_of)) = (bits(self.address), bits(other));
        of == other_of && own & self.mask() == other & self.mask()
    }

    fn is_broadcast(&self) -> bool {
        let (own, of) = bits(self.address);
        of == 32 && own | self.mask() == u128::from(u32::MAX)
    }
}

fn cidr(text: &str, v6: bool) -> Result<Cidr, String> {
    let example = if v6 { "2001:db8::10/64" } else { "192.168.1.10/24" };
    if let Ok(bare) = text.parse::<IpAddr>()
        && bare.is_ipv6() == v6
    {
        return Err(format!("needs the length of its network, for example {bare}/{}", if v6 { 64 } else { 24 }));
    }
    match Cidr::parse(text) {
        Some(cidr) if cidr.address.is_ipv6() == v6 => Ok(cidr),
        _ => Err(format!("must be an IPv{} address with its network, for example {example}", if v6 { 6 } else { 4 })),
    }
}

fn of_host(text: &str, v6: bool) -> Result<(), String> {
    let cidr = cidr(text, v6)?;
    if cidr.address.is_loopback() || cidr.address.is_unspecified() || cidr.address.is_multicast() {
        return Err("is no address that a guest can have".into());
    }
    if cidr.is_alone() {
        return Ok(());
    }
    if !v6 && cidr.address == cidr.network() {
        return Err(format!("is the network itself: the first address in it is {}", cidr.first()));
    }
    if cidr.is_broadcast() {
        return Err("is the broadcast address of its network".into());
    }
    Ok(())
}

/// The guest's IPv4 address with its network.
pub fn ip4(text: &str, _: &Values) -> Result<(), String> {
    of_host(text, false)
}

/// The guest's IPv6 address with its network.
pub fn ip6(text: &str, _: &Values) -> Result<(), String> {
    of_host(text, true)
}

fn gateway(text: &str, own: &str, v6: bool) -> Result<(), String> {
    let Some(address) = text.parse::<IpAddr>().ok().filter(|address| address.is_ipv6() == v6) else {
        return Err(format!("must be an IPv{} address", if v6 { 6 } else { 4 }));
    };
    let Some(own) = Cidr::parse(own) else { return Ok(()) };
    let link_local = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    if address == own.address {
        return Err("is the guest's own address".into());
    }
    // A guest with a network of its own (/32) reaches its gateway through the link.
    if own.prefix == bits(own.address).1 || link_local || own.contains(address) {
        return Ok(());
    }
    Err(format!("is not in {}/{}: its first address is {}", own.network(), own.prefix, own.first()))
}

/// The IPv4 gateway: in the network of the field `ip`.
pub fn gateway4(text: &str, values: &Values) -> Result<(), String> {
    gateway(text, values.get("ip"), false)
}

/// The IPv6 gateway: in the network of the field `ip6`, or a link-local address.
pub fn gateway6(text: &str, values: &Values) -> Result<(), String> {
    gateway(text, values.get("ip6"), true)
}

/// The IPv4 address is typed, says the field `ipv4`.
pub fn is_static4(values: &Values) -> bool {
    values.get("ipv4") == "static"
}

/// The IPv6 address is typed, says the field `ipv6`.
pub fn is_static6(values: &Values) -> bool {
    values.get("ipv6") == "static"
}

/// The fields for a typed IPv4 address: `ip`, `gw`.
pub fn static4(form: Form) -> Form {
    form.text("ip", "IPv4 address")
        .placeholder("192.168.1.10/24")
        .required()
        .check(ip4)
        .warn(warn_used)
        .when(is_static4)
        .text("gw", "IPv4 gateway")
        .placeholder("none")
        .check(gateway4)
        .when(is_static4)
}

/// The fields for a typed IPv6 address: `ip6`, `gw6`.
pub fn static6(form: Form) -> Form {
    form.text("ip6", "IPv6 address")
        .placeholder("2001:db8::10/64")
        .required()
        .check(ip6)
        .warn(warn_used)
        .when(is_static6)
        .text("gw6", "IPv6 gateway")
        .placeholder("none")
        .check(gateway6)
        .when(is_static6)
}

/// Another guest has this address in its configuration: the fact `used.ADDRESS` says which.
pub fn warn_used(text: &str, values: &Values) -> Option<String> {
    let address = Cidr::parse(text)?.address;
    let by = values.get(&format!("used.{address}"));
    (!by.is_empty()).then(|| format!("{by} has this address in its configuration"))
}

/// The addresses that a setting `netN` of a container or `ipconfigN` of a VM fixes.
pub fn fixed(setting: &str) -> Vec<IpAddr> {
    let parts = setting.split(',').filter_map(|part| part.split_once('='));
    let ours = parts.filter(|(key, _)| matches!(*key, "ip" | "ip6"));
    ours.filter_map(|(_, value)| Some(Cidr::parse(value)?.address)).collect()
}

/// IP addresses between blanks, commas or `;`; the link-local ones may name their interface.
pub fn list(text: &str, _: &Values) -> Result<(), String> {
    let bare = |word: &str| word.split_once('%').map_or(word.to_owned(), |(address, _)| address.to_owned());
    match words(text).find(|word| bare(word).parse::<IpAddr>().is_err()) {
        Some(bad) => Err(format!("\"{bad}\" is no IP address")),
        None => Ok(()),
    }
}

/// The words of a list between blanks, commas or `;`.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',', ';']).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_of_hosts() {
        let none = Values::default();
        for good in ["10.0.0.5/24", "10.0.0.0/31", "203.0.113.7/32", "10.1.0.0/8"] {
            assert_eq!(ip4(good, &none), Ok(()), "{good}");
        }
        assert_eq!(ip4("10.0.0.5", &none).unwrap_err(), "needs the length of its network, for example 10.0.0.5/24");
        assert_eq!(
            ip4("10.0.0.0/24", &none).unwrap_err(),
            "is the network itself: the first address in it is 10.0.0.1"
        );
        assert_eq!(ip4("10.0.0.255/24", &none).unwrap_err(), "is the broadcast address of its network");
        for bad in ["", "x", "10.0.0.5/33", "10.0.0/24", "::1/64", "127.0.0.1/8", "224.0.0.1/24", "0.0.0.0/0"] {
            assert!(ip4(bad, &none).is_err(), "{bad}");
        }
        assert_eq!(ip6("2001:db8::5/64", &none), Ok(()));
        assert!(ip6("2001:db8::5/129", &none).is_err() && ip6("10.0.0.5/24", &none).is_err());
    }

    #[test]
    fn gateways_are_in_the_network() {
        let at = |ip: &str| Values::from_iter([("ip", ip), ("ip6", ip)]);
        assert_eq!(gateway4("10.0.0.1", &at("10.0.0.5/24")), Ok(()));
        assert_eq!(
            gateway4("10.0.1.1", &at("10.0.0.5/24")).unwrap_err(),
            "is not in 10.0.0.0/24: its first address is 10.0.0.1"
        );
        assert_eq!(gateway4("10.0.0.5", &at("10.0.0.5/24")).unwrap_err(), "is the guest's own address");
        assert_eq!(gateway4("198.51.100.1", &at("203.0.113.7/32")), Ok(()));
        assert_eq!(gateway4("10.0.0.1", &at("")), Ok(()));
        assert_eq!(gateway6("fe80::1", &at("2001:db8::5/64")), Ok(()));
        assert!(gateway6("2001:db8:1::1", &at("2001:db8::5/64")).is_err() && gateway6("10.0.0.1", &at("")).is_err());
    }

    #[test]
    fn addresses_in_use_are_found() {
        assert_eq!(fixed("name=eth0,bridge=vmbr0,gw=10.0.0.1,ip=10.0.0.5/24,ip6=auto"), [IpAddr::from([10, 0, 0, 5])]);
        assert_eq!(fixed("ip=dhcp,ip6=2001:db8::5/64").len(), 1);
        let values = Values::from_iter([("used.10.0.0.5", "CT 101 (db)")]);
        assert_eq!(warn_used("10.0.0.5/24", &values).unwrap(), "CT 101 (db) has this address in its configuration");
        assert_eq!(warn_used("10.0.0.6/24", &values), None);
        assert!(list("10.0.0.1, 2001:db8::1 fe80::1%eth0", &values).is_ok() && list("10.0.0.1 dns", &values).is_err());
    }
}
