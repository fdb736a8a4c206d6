//! Named formats of parameters (`pve-vmid`, `dns-name`, `pve-storage-id`, ...): one table of checks.

use super::call::split_list;
use super::pattern::matches;

type Check = fn(&str) -> Result<(), String>;

/// Names of formats and how to check them. What isn't listed is accepted.
const FORMATS: &[(&str, Check)] = &[
    ("pve-vmid", vmid),
    ("pve-node", |v| dns_label(v, "node")),
    ("pve-storage-id", storage_id),
    ("pve-storage-content", content),
    ("pve-storage-path", |v| rule(v.starts_with('/'), "value does not look like a valid absolute path")),
    ("pve-configid", configid),
    ("pve-poolid", poolid),
    ("pve-userid", userid),
    ("pve-groupid", |v| named(v, "group name")),
    ("pve-roleid", |v| named(v, "role name")),
    ("pve-realm", |v| rule(matches(r"[A-Za-z][A-Za-z0-9.\-_]+", v), "value does not look like a valid realm")),
    ("pve-priv", privilege),
    ("dns-name", dns_name),
    ("mac-addr", mac),
    ("ip", |v| rule(v.parse::<std::net::IpAddr>().is_ok(), "value does not look like a valid IP address")),
    ("ipv4", |v| rule(v.parse::<std::net::Ipv4Addr>().is_ok(), "value does not look like a valid IPv4 address")),
    ("ipv6", |v| rule(v.parse::<std::net::Ipv6Addr>().is_ok(), "value does not look like a valid IPv6 address")),
    ("CIDR", |v| rule(is_cidr(v), &format!("value does not look like a valid CIDR network '{v}'"))),
    ("CIDRv4", |v| rule(is_cidr(v) && v.contains('.'), "value does not look like a valid IPv4 network")),
    ("CIDRv6", |v| rule(is_cidr(v) && v.contains(':'), "value does not look like a valid IPv6 network")),
    ("ipv4mask", |v| rule(v.parse::<std::net::Ipv4Addr>().is_ok(), "value does not look like a valid IP netmask")),
    ("email", email),
    ("email-opt", |v| if v.is_empty() { Ok(()) } else { email(v) }),
    ("email-or-username", |v| if v.contains('@') { email(v) } else { Ok(()) }),
    ("pve-tag", |v| rule(matches(r"(?^i:[a-z0-9_][a-z0-9_\-\+\.]*)", v), "invalid characters in tag")),
    ("pve-iface", |v| {
        rule(
            matches(r"[a-zA-Z][a-zA-Z0-9_]{1,20}([:\.]\d+)?", v) && v.len() >= 2,
            &format!("invalid network interface name '{v}'"),
        )
    }),
    ("pve-bridge-id", |v| rule(matches(r"[-_.\w\d]+", v), "invalid bridge name")),
    ("pve-calendar-event", calendar),
    ("pve-vm-cpu-conf", cpu),
    ("pve-volume-id", |v| {
        rule(
            v.split_once(':').is_some_and(|(s, n)| !s.is_empty() && !n.is_empty()),
            &format!("unable to parse volume ID '{v}'"),
        )
    }),
    ("pve-command-batch", commands),
    ("disk-size", |v| rule(matches(r"\d+(\.\d+)?[KMGT]?", v), "unable to parse disk size")),
    ("pve-ha-resource-or-vm-id", |v| {
        rule(matches(r"((vm|ct):)?\d+", v), "value does not look like a valid ha resource id")
    }),
    ("prune-backups", prune),
    ("pve-startup-order", |v| {
        rule(matches(r"((order|up|down)=)?\d+(,((order|up|down)=)?\d+)*|any", v), "unable to parse startup options")
    }),
];

/// A JSON list of commands with a method and a path.
fn commands(text: &str) -> Result<(), String> {
    let list = serde_json::from_str::<serde_json::Value>(text)
        .map_err(|_| format!("commands param did not contain valid JSON: {text}"))?;
    let good = |command: &serde_json::Value| {
        let method = command["method"].as_str().unwrap_or_default();
        command["path"].is_string() && matches!(method, "GET" | "POST" | "PUT" | "DELETE")
    };
    let all = list.as_array().is_some_and(|list| list.iter().all(good));
    rule(all, "commands is not a valid array of commands: Parameter verification failed.")
}

/// Checks `text` against the format `name`; `-list` formats item by item, `-opt` ones may be empty.
pub fn check(name: &str, text: &str) -> Result<(), String> {
    if let Some((_, check)) = FORMATS.iter().find(|(n, _)| *n == name) {
        return check(text);
    }
    if let Some(item) = name.strip_suffix("-list")
        && let Some((_, check)) = FORMATS.iter().find(|(n, _)| *n == item)
    {
        return split_list(text).iter().try_for_each(|part| check(part));
    }
    if let Some(item) = name.strip_suffix("-opt") {
        return if text.is_empty() { Ok(()) } else { check(item, text) };
    }
    Ok(())
}

fn rule(good: bool, text: &str) -> Result<(), String> {
    if good { Ok(()) } else { Err(text.to_owned()) }
}

fn vmid(text: &str) -> Result<(), String> {
    rule(matches(r"[1-9][0-9]{2,8}", text), "value does not look like a valid VM ID")
}

fn dns_label(text: &str, what: &str) -> Result<(), String> {
    let good = matches(r"[a-zA-Z0-9]([a-zA-Z0-9\-]*[a-zA-Z0-9])?", text);
    rule(good, &format!("value does not look like a valid {what} name"))
}

/// A storage id: letter first, at least two characters.
fn storage_id(text: &str) -> Result<(), String> {
    let good = matches(r"(?^i:[a-z][a-z0-9\-_.]*[a-z0-9])", text);
    rule(good, &format!("storage ID '{text}' contains illegal characters"))
}

fn content(text: &str) -> Result<(), String> {
    const ALL: [&str; 8] = ["images", "rootdir", "vztmpl", "iso", "backup", "snippets", "import", "none"];
    rule(ALL.contains(&text), &format!("invalid content type '{text}'"))
}

fn configid(text: &str) -> Result<(), String> {
    rule(matches(r"[A-Za-z][A-Za-z0-9_-]+", text), &format!("invalid configuration ID '{text}'"))
}

fn poolid(text: &str) -> Result<(), String> {
    let good = matches(r"[A-Za-z0-9.\-_]+(/[A-Za-z0-9.\-_]+){0,2}", text);
    rule(good, &format!("pool name '{text}' contains invalid characters"))
}

/// `name@realm`.
pub fn userid(text: &str) -> Result<(), String> {
    if text.chars().count() < 3 {
        return Err(format!("user name '{text}' is too short"));
    }
    if text.len() > 64 {
        return Err(format!("user name '{text}' is too long ({} > 64)", text.len()));
    }
    let good = matches(r"[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+", text);
    rule(good, "value does not look like a valid user name")
}

fn named(text: &str, what: &str) -> Result<(), String> {
    rule(matches(r"[A-Za-z0-9.\-_]+", text), &format!("{what} '{text}' contains invalid characters"))
}

fn privilege(text: &str) -> Result<(), String> {
    rule(super::permission::PRIVILEGES.contains(&text), &format!("invalid privilege '{text}'"))
}

fn dns_name(text: &str) -> Result<(), String> {
    let label = r"[a-zA-Z0-9]([a-zA-Z0-9\-]*[a-zA-Z0-9])?";
    let good = matches(&format!(r"{label}(\.{label})*"), text);
    rule(good, "value does not look like a valid DNS name")
}

fn mac(text: &str) -> Result<(), String> {
    let good = matches(r"[a-fA-F0-9][02468aceACE][:][a-fA-F0-9]{2}(:[a-fA-F0-9]{2}){4}", text);
    rule(good, "value does not look like a valid unicast MAC address")
}

fn email(text: &str) -> Result<(), String> {
    rule(
        matches(r"[\w+\-~]+(\.[\w+\-~]+)*@[a-zA-Z0-9\-]+(\.[a-zA-Z0-9\-]+)*", text),
        "value does not look like a valid email address",
    )
}

/// `10.0.0.0/8`, `fd00::/64`.
pub fn is_cidr(text: &str) -> bool {
    let Some((ip, bits)) = text.split_once('/') else { return false };
    let Ok(bits) = bits.parse::<u32>() else { return false };
    match ip.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(_)) => (8..=32).contains(&bits),
        Ok(std::net::IpAddr::V6(_)) => (8..=128).contains(&bits),
        Err(_) => false,
    }
}

fn cpu(text: &str) -> Result<(), String> {
    let model = text.split(',').find_map(|p| match p.split_once('=') {
        None => Some(p),
        Some(("cputype", v)) => Some(v),
        Some(_) => None,
    });
    let Some(model) = model else { return Ok(()) };
    let good = model.starts_with("custom-") || CPU_MODELS.contains(&model);
    rule(good, &format!("Built-in cputype '{model}' is not defined (missing 'custom-' prefix?)"))
}

/// CPU models of QEMU 10 as PVE offers them.
pub const CPU_MODELS: &[&str] = &[
    "486",
    "Broadwell",
    "Broadwell-IBRS",
    "Broadwell-noTSX",
    "Broadwell-noTSX-IBRS",
    "Cascadelake-Server",
    "Cascadelake-Server-noTSX",
    "Cascadelake-Server-v2",
    "Cascadelake-Server-v4",
    "Cascadelake-Server-v5",
    "Conroe",
    "Cooperlake",
    "Cooperlake-v2",
    "EPYC",
    "EPYC-Genoa",
    "EPYC-IBPB",
    "EPYC-Milan",
    "EPYC-Milan-v2",
    "EPYC-Rome",
    "EPYC-Rome-v2",
    "EPYC-Rome-v3",
    "EPYC-Rome-v4",
    "EPYC-Turin",
    "EPYC-v3",
    "EPYC-v4",
    "GraniteRapids",
    "Haswell",
    "Haswell-IBRS",
    "Haswell-noTSX",
    "Haswell-noTSX-IBRS",
    "Icelake-Client",
    "Icelake-Client-noTSX",
    "Icelake-Server",
    "Icelake-Server-noTSX",
    "Icelake-Server-v3",
    "Icelake-Server-v4",
    "Icelake-Server-v5",
    "Icelake-Server-v6",
    "IvyBridge",
    "IvyBridge-IBRS",
    "KnightsMill",
    "Nehalem",
    "Nehalem-IBRS",
    "Opteron_G1",
    "Opteron_G2",
    "Opteron_G3",
    "Opteron_G4",
    "Opteron_G5",
    "Penryn",
    "SandyBridge",
    "SandyBridge-IBRS",
    "SapphireRapids",
    "SapphireRapids-v2",
    "SierraForest",
    "Skylake-Client",
    "Skylake-Client-IBRS",
    "Skylake-Client-noTSX-IBRS",
    "Skylake-Client-v4",
    "Skylake-Server",
    "Skylake-Server-IBRS",
    "Skylake-Server-noTSX-IBRS",
    "Skylake-Server-v4",
    "Skylake-Server-v5",
    "Westmere",
    "Westmere-IBRS",
    "athlon",
    "core2duo",
    "coreduo",
    "host",
    "kvm32",
    "kvm64",
    "max",
    "pentium",
    "pentium2",
    "pentium3",
    "phenom",
    "qemu32",
    "qemu64",
    "x86-64-v2",
    "x86-64-v2-AES",
    "x86-64-v3",
    "x86-64-v4",
    "cortex-a35",
    "cortex-a53",
    "cortex-a55",
    "cortex-a57",
    "cortex-a72",
    "cortex-a76",
    "neoverse-n1",
    "neoverse-n2",
    "neoverse-v1",
];

fn prune(text: &str) -> Result<(), String> {
    let keys = ["keep-all", "keep-last", "keep-hourly", "keep-daily", "keep-weekly", "keep-monthly", "keep-yearly"];
    for part in text.split(',').filter(|p| !p.is_empty()) {
        let key = part.split('=').next().unwrap_or("");
        if !keys.contains(&key) {
            return Err(format!(
                "format error\n\u{1}{key}: property is not defined in schema and the schema does not allow additional properties"
            ));
        }
    }
    Ok(())
}

fn calendar(text: &str) -> Result<(), String> {
    super::calendar::Event::parse(text).map(|_| ()).map_err(|e| format!("invalid calendar event '{text}' - {e}\n"))
}
