//! Consoles of guests as far as the API answers go, and small calls to running VMs: keys and the monitor.
//! Nobody can connect to them: the tasks end as they do when no client comes.

use serde_json::{Value, json};

use super::call::{Args, Fault, Outcome, die};
use super::guest;
use super::property::Property;
use super::qemu::drive::is_numbered;
use super::router::Route;
use super::state::{Cluster, Kind};
use super::task::Script;

/// The calls of this file.
pub const ROUTES: &[Route] = &[
    Route("POST", "/nodes/{node}/qemu/{vmid}/vncproxy", |c, a| vnc(c, a, Kind::Qemu)),
    Route("POST", "/nodes/{node}/lxc/{vmid}/vncproxy", |c, a| vnc(c, a, Kind::Lxc)),
    Route("POST", "/nodes/{node}/qemu/{vmid}/termproxy", |c, a| term(c, a, Kind::Qemu)),
    Route("POST", "/nodes/{node}/lxc/{vmid}/termproxy", |c, a| term(c, a, Kind::Lxc)),
    Route("POST", "/nodes/{node}/qemu/{vmid}/spiceproxy", spice_vm),
    Route("POST", "/nodes/{node}/lxc/{vmid}/spiceproxy", spice_container),
    Route("GET", "/nodes/{node}/qemu/{vmid}/vncwebsocket", |c, a| websocket(c, a, Kind::Qemu)),
    Route("GET", "/nodes/{node}/lxc/{vmid}/vncwebsocket", |c, a| websocket(c, a, Kind::Lxc)),
    Route("PUT", "/nodes/{node}/qemu/{vmid}/sendkey", sendkey),
    Route("POST", "/nodes/{node}/qemu/{vmid}/monitor", monitor),
];

/// A ticket of the form `PVEVNC:TIME::SIGNATURE`.
pub(super) fn ticket(cluster: &mut Cluster) -> String {
    let signature = cluster.rng.hex(342);
    format!("PVEVNC:{:08X}::{signature}==", cluster.now as u64)
}

pub(super) fn certificate(cluster: &Cluster) -> String {
    match cluster.extra.get("ca-certificate").and_then(Value::as_str) {
        Some(pem) => pem.to_owned(),
        None => "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUSimulated\n-----END CERTIFICATE-----\n".into(),
    }
}

/// The console's task: waits for a client that never comes.
pub(super) fn waiting(what: &str) -> Script {
    Script::new().wait(10.0).fail(format!("command '{what}' failed: exit code 1"))
}

pub(super) fn port(cluster: &Cluster) -> u16 {
    let taken = cluster.tasks.running().filter(|task| matches!(task.kind.as_str(), "vncproxy" | "vncshell")).count();
    5900 + taken as u16
}

/// `POST .../vncproxy`
fn vnc(cluster: &mut Cluster, args: &Args, kind: Kind) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    cluster.guest_at(kind, &node, vmid)?;
    let port = port(cluster);
    let command = match kind {
        Kind::Qemu => format!("/bin/nc6 -l -p {port} -w 10 -e '/usr/sbin/qm vncproxy {vmid} 2>/dev/null'"),
        Kind::Lxc => format!("/usr/bin/vncterm -rfbport {port} -timeout 10 -authpath /vms/{vmid} -perm VM.Console"),
    };
    let upid = cluster.start_task(args.user(), &node, "vncproxy", &vmid.to_string(), waiting(&command));
    let mut ticket = ticket(cluster);
    let mut answer = json!({"user": args.user(), "port": port.to_string(), "upid": upid, "cert": certificate(cluster)});
    if kind == Kind::Qemu || args.flag("websocket") {
        let letters: String = (0..8).map(|_| (b'!' + cluster.rng.below(90) as u8) as char).collect();
        answer["password"] = json!(letters);
        ticket = format!("{letters}:{ticket}");
    }
    answer["ticket"] = json!(ticket);
    Ok(answer.into())
}

/// `POST .../termproxy`
fn term(cluster: &mut Cluster, args: &Args, kind: Kind) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    let guest = cluster.guest_at(kind, &node, vmid)?;
    if kind == Kind::Qemu {
        let vga = guest.get("vga").map(|vga| Property::parse(vga, "type"));
        let from_vga = vga.as_ref().and_then(|vga| vga.get("type")).filter(|kind| is_numbered(kind, "serial"));
        let serial = args.opt("serial").or(from_vga);
        let first = guest.config.keys().find(|key| is_numbered(key, "serial")).map(String::as_str);
        match serial.or(first) {
            Some(serial) if guest.get(serial) == Some("socket") => {}
            Some(serial) => return Err(die(format!("unable to find serial interface '{serial}'"))),
            None => return Err(die("unable to find a serial interface")),
        }
    }
    let port = port(cluster);
    let command =
        format!("/usr/bin/termproxy {port} --path /vms/{vmid} --perm VM.Console --vncticket-endpoint --verify-port");
    let upid = cluster.start_task(args.user(), &node, "vncproxy", &vmid.to_string(), waiting(&command));
    let ticket = ticket(cluster);
    Ok(json!({"user": args.user(), "port": port.to_string(), "upid": upid, "ticket": ticket}).into())
}

/// `POST /nodes/{node}/qemu/{vmid}/spiceproxy`
fn spice_vm(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    let guest = cluster.guest_at(Kind::Qemu, &node, vmid)?;
    let vga = guest.get("vga").map(|vga| Property::parse(vga, "type"));
    let spice =
        vga.as_ref().and_then(|vga| vga.get("type")).is_some_and(|kind| kind.starts_with("qxl") || kind == "virtio");
    if !guest.running || !spice {
        return Err(die("no spice port"));
    }
    let title = format!("VM {vmid} - {}", guest.name());
    cluster.start_task(args.user(), &node, "spiceproxy", &vmid.to_string(), Script::new());
    let secret = cluster.rng.hex(40);
    let (time, password) = (cluster.now as u64, cluster.rng.hex(40));
    let ca = certificate(cluster).replace('\n', "\\n");
    Ok(json!({
        "type": "spice", "title": title, "host": format!("pvespiceproxy:{time:08X}:{vmid}:{node}:61000::{secret}"), "tls-port": 61000,
        "proxy": format!("http://{}:3128", args.opt("proxy").unwrap_or(&node)), "password": password, "ca": ca,
        "host-subject": format!("OU=PVE Cluster Node,O=Proxmox Virtual Environment,CN={node}.example.invalid"), "delete-this-file": 1,
        "toggle-fullscreen": "Shift+F11", "release-cursor": "Ctrl+Alt+R", "secure-attention": "Ctrl+Alt+Ins",
    })
    .into())
}

/// `POST /nodes/{node}/lxc/{vmid}/spiceproxy`: the terminal program behind it is not installed by default.
fn spice_container(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (node, vmid) = (args.node().to_owned(), args.vmid());
    cluster.guest_at(Kind::Lxc, &node, vmid)?;
    let script = Script::new().fail("command '/usr/bin/spiceterm' failed: No such file or directory");
    cluster.start_task(args.user(), &node, "spiceproxy", &vmid.to_string(), script);
    Err(die("Timeout while waiting for port '61000' to get ready!"))
}

/// `GET .../vncwebsocket`: tickets of the simulator lead nowhere.
fn websocket(cluster: &mut Cluster, args: &Args, kind: Kind) -> Outcome {
    cluster.guest_at(kind, args.node(), args.vmid())?;
    Err(bad_ticket())
}

/// What a socket says to a ticket that isn't its own.
pub(super) fn bad_ticket() -> Fault {
    Fault::new(401, "permission denied - invalid PVEVNC ticket")
}

/// `PUT /nodes/{node}/qemu/{vmid}/sendkey`
fn sendkey(cluster: &mut Cluster, args: &Args) -> Outcome {
    guest::skiplock(args)?;
    let guest = cluster.guest_at(Kind::Qemu, args.node(), args.vmid())?;
    if !guest.running {
        return Err(die(format!("VM {} not running", guest.vmid)));
    }
    let known = args
        .str("key")
        .split('-')
        .all(|key| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
    if !known {
        return Err(die(format!(
            "VM {} qmp command 'human-monitor-command' failed - unknown key: '{}'",
            guest.vmid,
            args.str("key")
        )));
    }
    Ok(Value::Null.into())
}

/// `POST /nodes/{node}/qemu/{vmid}/monitor`: what QEMU's monitor prints.
fn monitor(cluster: &mut Cluster, args: &Args) -> Outcome {
    let guest = cluster.guest_at(Kind::Qemu, args.node(), args.vmid())?;
    let command = args.str("command").trim();
    let reading = command.starts_with("info") || command == "help";
    if !reading && !args.is_root() {
        cluster.need(args, &format!("/vms/{}", guest.vmid), &["Sys.Modify"])?;
    }
    if !guest.running {
        return Err(die(format!("VM {} not running", guest.vmid)));
    }
    let text = match command {
        "info status" => format!("VM status: {}\r\n", if guest.qmp == "paused" { "paused" } else { "running" }),
        "info version" => "10.0.2pve-qemu-kvm_10.0.2-4\r\n".to_owned(),
        "info name" => format!("{}\r\n", guest.name()),
        "info uuid" => {
            let smbios = guest.get("smbios1").map(|text| Property::parse(text, "uuid"));
            format!("{}\r\n", smbios.as_ref().and_then(|text| text.get("uuid")).unwrap_or("none"))
        }
        "info balloon" => format!("balloon: actual={0} max_mem={0}\r\n", guest.maxmem() >> 20),
        "info cpus" => (0..guest.cpus())
            .map(|n| format!("{} CPU #{n}: thread_id={}\r\n", if n == 0 { '*' } else { ' ' }, guest.pid as u64 + n + 5))
            .collect(),
        "info block" => {
            let drives = guest.config.iter().filter(|(key, _)| super::qemu::drive::bus(key).is_some());
            drives
                .map(|(key, value)| {
                    format!(
                        "drive-{key}: {}\r\n    Attached to:      {key}\r\n",
                        value.split(',').next().unwrap_or_default()
                    )
                })
                .collect()
        }
        "help" => {
            "help|? [cmd] -- show the help\r\ninfo [subcommand] -- show various information about the system state\r\n"
                .to_owned()
        }
        "" => String::new(),
        other => format!("unknown command: '{}'\r\n", other.split_whitespace().next().unwrap_or_default()),
    };
    Ok(text.into())
}
