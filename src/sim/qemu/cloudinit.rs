//! Cloud-init data of a VM as text: what `GET .../cloudinit/dump` shows.

use crate::sim::property::Property;
use crate::sim::qemu::drive::is_numbered;
use serde_json::{Map, Value};

/// Keys of a config that go into the cloud-init drive.
pub fn is_key(key: &str) -> bool {
    matches!(
        key,
        "cicustom" | "cipassword" | "citype" | "ciupgrade" | "ciuser" | "nameserver" | "searchdomain" | "sshkeys"
    ) || is_numbered(key, "ipconfig")
}

/// The network part, version 1 as the NoCloud format has it.
pub fn network(config: &Map<String, Value>) -> String {
    let mut out = String::from("version: 1\nconfig:\n");
    for index in 0..32 {
        let Some(net) = text(config, &format!("net{index}")) else { continue };
        let mac = Property::parse(net, "model")
            .pairs()
            .find(|(_, v)| v.matches(':').count() == 5)
            .map(|(_, v)| v.to_ascii_lowercase());
        out += &format!(
            "    - type: physical\n      name: eth{index}\n      mac_address: '{}'\n      subnets:\n",
            mac.unwrap_or_default()
        );
        let ip = Property::parse(text(config, &format!("ipconfig{index}")).unwrap_or("ip=dhcp"), "ip");
        subnet(&mut out, ip.get("ip"), ip.get("gw"), false);
        subnet(&mut out, ip.get("ip6"), ip.get("gw6"), true);
    }
    let servers: Vec<&str> = text(config, "nameserver").unwrap_or_default().split_whitespace().collect();
    let domains: Vec<&str> = text(config, "searchdomain").unwrap_or_default().split_whitespace().collect();
    if !servers.is_empty() || !domains.is_empty() {
        out += "    - type: nameserver\n";
        for (title, entries) in [("address", servers), ("search", domains)] {
            if !entries.is_empty() {
                out += &format!("      {title}:\n");
                for entry in entries {
                    out += &format!("      - '{entry}'\n");
                }
            }
        }
    }
    out
}

fn subnet(out: &mut String, ip: Option<&str>, gateway: Option<&str>, six: bool) {
    let Some(ip) = ip else { return };
    match ip {
        "dhcp" => *out += if six { "      - type: dhcp6\n" } else { "      - type: dhcp4\n" },
        "auto" => *out += "      - type: ipv6_slaac\n",
        cidr => {
            let (address, bits) = cidr.split_once('/').unwrap_or((cidr, "32"));
            if six {
                *out += &format!("      - type: static6\n        address: '{cidr}'\n");
            } else {
                *out += &format!(
                    "      - type: static\n        address: '{address}'\n        netmask: '{}'\n",
                    netmask(bits)
                );
            }
            if let Some(gateway) = gateway {
                *out += &format!("        gateway: '{gateway}'\n");
            }
        }
    }
}

fn netmask(bits: &str) -> String {
    let bits: u32 = bits.parse().unwrap_or(32).min(32);
    let mask = if bits == 0 { 0 } else { u32::MAX << (32 - bits) };
    std::net::Ipv4Addr::from(mask).to_string()
}

/// The user part.
pub fn user(config: &Map<String, Value>, fallback_name: &str) -> String {
    let name = text(config, "name").unwrap_or(fallback_name);
    let mut out = format!("#cloud-config\nhostname: {name}\nmanage_etc_hosts: true\n");
    if let Some(domain) = text(config, "searchdomain") {
        out += &format!("fqdn: {name}.{}\n", domain.split_whitespace().next().unwrap_or_default());
    } else {
        out += &format!("fqdn: {name}\n");
    }
    if let Some(user) = text(config, "ciuser") {
        out += &format!("user: {user}\n");
    }
    if config.contains_key("cipassword") {
        out += "password: $5$rounds=5000$simulated$\n";
    }
    if let Some(keys) = text(config, "sshkeys") {
        out += "ssh_authorized_keys:\n";
        let keys = percent_encoding::percent_decode_str(keys).decode_utf8_lossy().into_owned();
        for key in keys.lines().filter(|line| !line.trim().is_empty()) {
            out += &format!("  - {key}\n");
        }
    }
    out += "chpasswd:\n  expire: False\nusers:\n  - default\n";
    let upgrade = config.get("ciupgrade").is_none_or(|v| v.as_str() != Some("0") && v.as_i64() != Some(0));
    if upgrade {
        out += "package_upgrade: true\n";
    }
    out
}

/// The meta part.
pub fn meta(instance: &str) -> String {
    format!("instance-id: {instance}\n")
}

fn text<'a>(config: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    config.get(key).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn network_has_addresses_and_name_servers() {
        let Value::Object(config) = json!({
            "net0": "virtio=BC:24:11:00:00:03,bridge=vmbr0", "ipconfig0": "ip=10.99.0.30/24,gw=10.99.0.1",
            "nameserver": "10.99.0.1", "searchdomain": "example.invalid",
        }) else {
            unreachable!()
        };
        assert_eq!(
            network(&config),
            "version: 1\nconfig:\n    - type: physical\n      name: eth0\n      mac_address: 'bc:24:11:00:00:03'\n      subnets:\n      \
             - type: static\n        address: '10.99.0.30'\n        netmask: '255.255.255.0'\n        gateway: '10.99.0.1'\n    \
             - type: nameserver\n      address:\n      - '10.99.0.1'\n      search:\n      - 'example.invalid'\n"
        );
    }
}
