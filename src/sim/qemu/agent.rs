//! The QEMU guest agent: what a well-behaved Linux guest answers. Processes and files live in [`Guest::extra`].

use serde_json::{Map, Value, json};

use super::drive::is_numbered;
use super::status::agent_enabled;
use crate::sim::call::{Args, Fault, Outcome, die};
use crate::sim::guest;
use crate::sim::property::Property;
use crate::sim::router::Route;
use crate::sim::state::{Cluster, Guest, Kind};

/// The calls of this file.
pub const ROUTES: &[Route] = &[
    Route("GET", "/nodes/{node}/qemu/{vmid}/agent", index),
    Route("POST", "/nodes/{node}/qemu/{vmid}/agent", |c, a| answer(c, a, a.str("command"))),
    Route("POST", "/nodes/{node}/qemu/{vmid}/agent/fsfreeze-freeze", named),
    Route("POST", "/nodes/{node}/qemu/{vmid}/agent/fsfreeze-status", named),
    Route("POST", "/nodes/{node}/qemu/{vmid}/agent/fsfreeze-thaw", named),
    Route("POST", "/nodes/{node}/qemu/{vmid}/agent/fstrim", named),
    Route("GET", "/nodes/{node}/qemu/{vmid}/agent/get-fsinfo", named),
    Route("GET", "/nodes/{node}/qemu/{vmid}/agent/get-host-name", named),
    Route("GET", "/nodes/{node}/qemu/{vmid}/agent/get-memory-block-info", named),
    Route("GET", "/nodes/{node}/qemu/{vmid}/agent/get-memory-blocks", named),
    Route("GET", "/nodes/{node}/qemu/{vmid}/agent/get-osinfo", named),
    Route("GET", "/nodes/{node}/qemu/{vmid}/agent/get-time", named),
    Route("GET", "/nodes/{node}/qemu/{vmid}/agent/get-timezone", named),
    Route("GET", "/nodes/{node}/qemu/{vmid}/agent/get-users", named),
    Route("GET", "/nodes/{node}/qemu/{vmid}/agent/get-vcpus", named),
    Route("GET", "/nodes/{node}/qemu/{vmid}/agent/info", named),
    Route("GET", "/nodes/{node}/qemu/{vmid}/agent/network-get-interfaces", named),
    Route("POST", "/nodes/{node}/qemu/{vmid}/agent/ping", named),
    Route("POST", "/nodes/{node}/qemu/{vmid}/agent/shutdown", named),
    Route("POST", "/nodes/{node}/qemu/{vmid}/agent/suspend-disk", named),
    Route("POST", "/nodes/{node}/qemu/{vmid}/agent/suspend-hybrid", named),
    Route("POST", "/nodes/{node}/qemu/{vmid}/agent/suspend-ram", named),
    Route("POST", "/nodes/{node}/qemu/{vmid}/agent/set-user-password", set_password),
    Route("POST", "/nodes/{node}/qemu/{vmid}/agent/exec", exec),
    Route("GET", "/nodes/{node}/qemu/{vmid}/agent/exec-status", exec_status),
    Route("GET", "/nodes/{node}/qemu/{vmid}/agent/file-read", file_read),
    Route("POST", "/nodes/{node}/qemu/{vmid}/agent/file-write", file_write),
];

const COMMANDS: &[&str] = &[
    "exec",
    "exec-status",
    "file-read",
    "file-write",
    "fsfreeze-freeze",
    "fsfreeze-status",
    "fsfreeze-thaw",
    "fstrim",
    "get-fsinfo",
    "get-host-name",
    "get-memory-block-info",
    "get-memory-blocks",
    "get-osinfo",
    "get-time",
    "get-timezone",
    "get-users",
    "get-vcpus",
    "info",
    "network-get-interfaces",
    "ping",
    "set-user-password",
    "shutdown",
    "suspend-disk",
    "suspend-hybrid",
    "suspend-ram",
];

/// Commands of the agent itself, as `info` lists them.
const SUPPORTED: &[&str] = &[
    "guest-get-cpustats",
    "guest-get-diskstats",
    "guest-ssh-remove-authorized-keys",
    "guest-ssh-add-authorized-keys",
    "guest-ssh-get-authorized-keys",
    "guest-get-devices",
    "guest-get-osinfo",
    "guest-get-timezone",
    "guest-get-users",
    "guest-get-host-name",
    "guest-exec",
    "guest-exec-status",
    "guest-get-memory-block-info",
    "guest-set-memory-blocks",
    "guest-get-memory-blocks",
    "guest-set-user-password",
    "guest-get-fsinfo",
    "guest-get-disks",
    "guest-set-vcpus",
    "guest-get-vcpus",
    "guest-network-get-interfaces",
    "guest-suspend-hybrid",
    "guest-suspend-ram",
    "guest-suspend-disk",
    "guest-fstrim",
    "guest-fsfreeze-thaw",
    "guest-fsfreeze-freeze-list",
    "guest-fsfreeze-freeze",
    "guest-fsfreeze-status",
    "guest-file-flush",
    "guest-file-seek",
    "guest-file-write",
    "guest-file-read",
    "guest-file-close",
    "guest-file-open",
    "guest-shutdown",
    "guest-info",
    "guest-set-time",
    "guest-get-time",
    "guest-ping",
    "guest-sync",
    "guest-sync-delimited",
];

/// `GET /nodes/{node}/qemu/{vmid}/agent`
fn index(_: &mut Cluster, _: &Args) -> Outcome {
    Ok(COMMANDS.iter().map(|name| json!({"name": name})).collect::<Vec<Value>>().into())
}

/// The guest, when its agent answers.
fn reach<'a>(cluster: &'a mut Cluster, args: &Args) -> Result<&'a mut Guest, Fault> {
    let guest = cluster.guest_at_mut(Kind::Qemu, args.node(), args.vmid())?;
    if !agent_enabled(guest) {
        return Err(die("No QEMU guest agent configured"));
    }
    if !guest.running {
        return Err(die(format!("VM {} is not running", guest.vmid)));
    }
    if !guest.agent || guest.qmp == "paused" {
        return Err(die("QEMU guest agent is not running"));
    }
    Ok(guest)
}

/// The commands whose name is the end of the path.
fn named(cluster: &mut Cluster, args: &Args) -> Outcome {
    let command = args.path.rsplit('/').next().unwrap_or_default().to_owned();
    answer(cluster, args, &command)
}

fn answer(cluster: &mut Cluster, args: &Args, command: &str) -> Outcome {
    let now = cluster.now;
    let figures = cluster.guest(args.vmid()).map(|guest| guest::figures(cluster, guest)).unwrap_or_default();
    let guest = reach(cluster, args)?;
    let frozen = guest.extra.get("frozen") == Some(&json!(true));
    let disks: Vec<(String, u64)> = guest
        .config
        .iter()
        .filter(|(key, value)| super::drive::bus(key).is_some() && !super::drive::Drive::parse(value).is_cdrom())
        .map(|(key, value)| (key.clone(), super::config::drive_size(value)))
        .collect();
    let result = match command {
        "ping" => json!({}),
        "info" => {
            let deaf = ["guest-suspend-hybrid", "guest-suspend-ram", "guest-suspend-disk", "guest-shutdown"];
            let command = |name: &&str| json!({"name": name, "enabled": *name != "guest-get-devices", "success-response": !deaf.contains(name)});
            json!({"version": "7.2.22", "supported_commands": SUPPORTED.iter().map(command).collect::<Vec<_>>()})
        }
        "get-osinfo" => os_info(guest),
        "get-host-name" => json!({"host-name": guest.name()}),
        "get-time" => json!((now * 1e9) as i64),
        "get-timezone" => json!({"zone": "UTC", "offset": 0}),
        "get-users" if guest.load.cpu > 0.3 => json!([{"user": "admin", "login-time": guest.started + 60.0}]),
        "get-users" => json!([]),
        "get-vcpus" => {
            (0..guest.cpus()).map(|n| json!({"logical-id": n, "online": true, "can-offline": n > 0})).collect()
        }
        "get-memory-block-info" => json!({"size": 134_217_728}),
        "get-memory-blocks" => {
            (0..guest.maxmem() >> 27).map(|n| json!({"phys-index": n, "online": true, "can-offline": n > 1})).collect()
        }
        "get-fsinfo" => file_systems(guest, &disks),
        "network-get-interfaces" => interfaces(guest, figures.netin, figures.netout),
        "fsfreeze-status" => json!(if frozen { "frozen" } else { "thawed" }),
        "fsfreeze-freeze" => {
            guest.extra.insert("frozen".into(), json!(true));
            json!(disks.len().max(1))
        }
        "fsfreeze-thaw" => {
            guest.extra.remove("frozen");
            json!(if frozen { disks.len().max(1) } else { 0 })
        }
        "fstrim" => {
            let paths: Vec<Value> = disks
                .iter()
                .take(1)
                .map(|(_, size)| json!({"path": "/", "trimmed": size / 10, "minimum": 0}))
                .collect();
            json!({"paths": paths})
        }
        "suspend-ram" | "suspend-hybrid" => {
            guest.qmp = "suspended".into();
            Value::Null
        }
        "shutdown" | "suspend-disk" => {
            let (vmid, node) = (guest.vmid, guest.node.clone());
            let script = super::power::stop_script(&node, vmid, true);
            cluster.start_task("root@pam", &node, "qmstop", &vmid.to_string(), script);
            Value::Null
        }
        other => return Err(die(format!("Agent error: The command guest-{other} has not been found"))),
    };
    Ok(json!({"result": result}).into())
}

fn os_info(guest: &Guest) -> Value {
    if let Some(info) = guest.extra.get("osinfo") {
        return info.clone();
    }
    if guest.get("ostype").is_some_and(|kind| kind.starts_with("win")) {
        return json!({
            "id": "mswindows", "name": "Microsoft Windows", "pretty-name": "Windows Server 2022 Standard", "version": "Microsoft Windows Server 2022",
            "version-id": "2022", "kernel-release": "20348", "kernel-version": "10.0", "machine": "x86_64", "variant": "server", "variant-id": "server",
        });
    }
    json!({
        "id": "debian", "name": "Debian GNU/Linux", "pretty-name": "Debian GNU/Linux 12 (bookworm)", "version-id": "12",
        "kernel-release": "6.1.0-56-cloud-amd64", "kernel-version": "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)", "machine": "x86_64",
    })
}

fn file_systems(guest: &Guest, disks: &[(String, u64)]) -> Value {
    let used = guest.load.disk.max(0.15);
    let row = |(at, (slot, size)): (usize, &(String, u64))| {
        let letter = (b'a' + at.min(25) as u8) as char;
        let (bus, number) = super::drive::bus(slot).unwrap_or(("scsi", 0));
        let mount = if at == 0 { "/".to_owned() } else { format!("/srv/data{at}") };
        json!({
            "name": format!("sd{letter}1"), "mountpoint": mount, "type": "ext4", "total-bytes": size * 98 / 100, "used-bytes": (*size as f64 * used) as u64,
            "total-bytes-privileged": size,
            "disk": [{"bus-type": bus, "bus": 0, "target": 0, "unit": number, "dev": format!("/dev/sd{letter}1"), "serial": format!("drive-{slot}"),
                "pci-controller": {"domain": 0, "bus": 0, "slot": 5, "function": 0}}],
        })
    };
    disks.iter().enumerate().map(row).collect()
}

fn interfaces(guest: &Guest, received: u64, sent: u64) -> Value {
    let statistics = |received: u64, sent: u64| json!({"rx-bytes": received, "rx-packets": received / 800, "rx-errs": 0, "rx-dropped": 0, "tx-bytes": sent, "tx-packets": sent / 700, "tx-errs": 0, "tx-dropped": 0});
    let address = |ip: &str, prefix: u32| json!({"ip-address": ip, "prefix": prefix, "ip-address-type": if ip.contains(':') { "ipv6" } else { "ipv4" }});
    let mut rows = vec![json!({
        "name": "lo", "hardware-address": "00:00:00:00:00:00", "statistics": statistics(0, 0),
        "ip-addresses": [address("127.0.0.1", 8), address("::1", 128)],
    })];
    for (key, value) in guest.config.iter().filter(|(key, _)| is_numbered(key, "net")) {
        let index: u32 = key[3..].parse().unwrap_or(0);
        let net = Property::parse(value, "model");
        let mac = net
            .pairs()
            .find(|(_, value)| value.matches(':').count() == 5)
            .map(|(_, mac)| mac.to_lowercase())
            .unwrap_or_default();
        let configured = guest.get(&format!("ipconfig{index}")).map(|text| Property::parse(text, "ip"));
        let fixed = configured.as_ref().and_then(|ip| ip.get("ip")).and_then(|ip| ip.split_once('/'));
        let (ip, prefix) = match fixed {
            Some((ip, bits)) => (ip.to_owned(), bits.parse().unwrap_or(24)),
            None => (format!("10.0.{}.{}", 20 + index, 10 + guest.vmid % 240), 24),
        };
        rows.push(json!({
            "name": format!("eth{index}"), "hardware-address": mac,
            "statistics": if index == 0 { statistics(received, sent) } else { statistics(0, 0) },
            "ip-addresses": [address(&ip, prefix), address(&link_local(&mac), 64)],
        }));
    }
    Value::Array(rows)
}

/// The IPv6 link-local address that a MAC address gives.
fn link_local(mac: &str) -> String {
    let bytes: Vec<u8> = mac.split(':').filter_map(|part| u8::from_str_radix(part, 16).ok()).collect();
    match bytes.as_slice() {
        [a, b, c, d, e, f] => format!(
            "fe80::{:x}:{:x}:{:x}:{:x}",
            u16::from(a ^ 2) << 8 | u16::from(*b),
            u16::from(*c) << 8 | 0xff,
            0xfe00 | u16::from(*d),
            u16::from(*e) << 8 | u16::from(*f)
        ),
        _ => "fe80::1".into(),
    }
}

/// `POST .../agent/set-user-password`
fn set_password(cluster: &mut Cluster, args: &Args) -> Outcome {
    reach(cluster, args)?;
    if args.str("password").len() < 5 {
        return Err(Fault::param("password", "value must be at least 5 characters long"));
    }
    Ok(json!({"result": {}}).into())
}

/// `POST .../agent/exec`: a few commands give plausible output, unknown programs are missing.
fn exec(cluster: &mut Cluster, args: &Args) -> Outcome {
    let command = args.array("command");
    let input = args.str("input-data").to_owned();
    let guest = reach(cluster, args)?;
    let name = guest.name();
    let Some((exit, out, err)) = run(&name, &command, &input) else {
        // The real server can't put the typographic quotes of this message into its reason line and breaks off.
        return Err(Fault::new(596, "Broken pipe"));
    };
    let table = guest.extra.entry("agent-processes".into()).or_insert_with(|| json!({}));
    let pid = 100 + table.as_object().map_or(0, Map::len) * 4 + 13;
    table[pid.to_string()] = json!({"exit": exit, "out": out, "err": err});
    Ok(json!({"pid": pid}).into())
}

/// Exit code, output and error output of a command; `None` when there is no such program.
fn run(host: &str, command: &[String], input: &str) -> Option<(i64, String, String)> {
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    let program = words.first()?.rsplit('/').next()?;
    let rest = words.get(1..).unwrap_or_default();
    let good = |out: String| Some((0, out, String::new()));
    match program {
        "sh" | "bash" if rest.first() == Some(&"-c") => {
            let (mut out, mut err, mut code) = (String::new(), String::new(), 0);
            for part in rest.get(1)?.split([';', '\n']).map(str::trim).filter(|part| !part.is_empty()) {
                let (part, to_err) = part.strip_suffix(">&2").map_or((part, false), |part| (part.trim(), true));
                if let Some(number) = part.strip_prefix("exit") {
                    code = number.trim().parse().unwrap_or(0);
                    break;
                }
                let words: Vec<String> = part.split_whitespace().map(str::to_owned).collect();
                match run(host, &words, input) {
                    Some((exit, o, e)) => {
                        code = exit;
                        if to_err { err += &o } else { out += &o }
                        err += &e;
                    }
                    None => {
                        code = 127;
                        err += &format!("sh: 1: {}: not found\n", words[0]);
                    }
                }
            }
            Some((code, out, err))
        }
        "echo" => good(format!("{}\n", rest.join(" "))),
        "cat" if rest.is_empty() => good(input.to_owned()),
        "cat" => match rest[0] {
            "/etc/hostname" => good(format!("{host}\n")),
            path => Some((1, String::new(), format!("cat: {path}: No such file or directory\n"))),
        },
        "hostname" => good(format!("{host}\n")),
        "whoami" => good("root\n".into()),
        "id" => good("uid=0(root) gid=0(root) groups=0(root)\n".into()),
        "true" => good(String::new()),
        "false" => Some((1, String::new(), String::new())),
        "uname" => good(format!("Linux {host} 6.1.0-56-cloud-amd64 #1 SMP x86_64 GNU/Linux\n")),
        "uptime" => good(" 09:12:01 up 3 days,  4:10,  0 users,  load average: 0.08, 0.03, 0.01\n".into()),
        "ls" => good("bin\nboot\ndev\netc\nhome\nlib\nopt\nproc\nroot\nrun\nsbin\nsys\ntmp\nusr\nvar\n".into()),
        "df" => good("Filesystem     1K-blocks    Used Available Use% Mounted on\n/dev/sda1       32894736 5210104  25988332  17% /\n".into()),
        "sleep" => good(String::new()),
        _ => None,
    }
}

/// `GET .../agent/exec-status`
fn exec_status(cluster: &mut Cluster, args: &Args) -> Outcome {
    let guest = reach(cluster, args)?;
    let found = guest.extra.get("agent-processes").and_then(|table| table.get(args.str("pid")));
    let Some(process) = found else { return Err(die("Agent error: Invalid parameter 'pid'")) };
    let mut answer = json!({"exited": 1, "exitcode": process["exit"]});
    // Both streams are told as soon as one of them was cut or has content, the empty one without its data.
    for (from, data, cut) in [("out", "out-data", "out-truncated"), ("err", "err-data", "err-truncated")] {
        if process[from].as_str().is_some_and(|text| !text.is_empty()) {
            answer[data] = process[from].clone();
            answer[cut] = json!(0);
        }
    }
    Ok(answer.into())
}

/// `GET .../agent/file-read`
fn file_read(cluster: &mut Cluster, args: &Args) -> Outcome {
    let path = args.str("file").to_owned();
    let guest = reach(cluster, args)?;
    let stored =
        guest.extra.get("agent-files").and_then(|files| files.get(&path)).and_then(Value::as_str).map(str::to_owned);
    let known = match path.as_str() {
        "/etc/hostname" => Some(format!("{}\n", guest.name())),
        "/etc/os-release" => Some(
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nID=debian\n"
                .into(),
        ),
        _ => None,
    };
    match stored.or(known) {
        Some(content) => Ok(json!({"content": content, "bytes-read": content.len()}).into()),
        None => Err(die(format!("Agent error: failed to open file '{path}' (mode: 'r'): No such file or directory"))),
    }
}

/// `POST .../agent/file-write`
fn file_write(cluster: &mut Cluster, args: &Args) -> Outcome {
    use base64::Engine;
    let path = args.str("file").to_owned();
    let mut content = args.str("content").to_owned();
    if args.opt_flag("encode") == Some(false) {
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(&content)
            .map_err(|_| die("Agent error: Invalid base64 data"))?;
        content = String::from_utf8_lossy(&bytes).into_owned();
    }
    let guest = reach(cluster, args)?;
    let files = guest.extra.entry("agent-files".into()).or_insert_with(|| json!({}));
    files[&path] = json!(content);
    Ok(Value::Null.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_shell_command_has_output_errors_and_a_code() {
        let command: Vec<String> = ["/bin/sh", "-c", "echo out; echo err >&2; exit 3"].map(str::to_owned).into();
        assert_eq!(run("web", &command, ""), Some((3, "out\n".into(), "err\n".into())));
        assert_eq!(run("web", &["/no/such".to_owned()], ""), None);
    }

    #[test]
    fn link_local_addresses_come_from_the_mac() {
        assert_eq!(link_local("bc:24:11:aa:00:40"), "fe80::be24:11ff:feaa:40");
    }
}
