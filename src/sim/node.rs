//! Nodes: list, status, time, DNS, services, statistics, hardware, power.

use serde_json::{Value, json};

use super::bulk;
use super::call::{Args, Fault, Outcome, Reply, die};
use super::console;
use super::crypto::digest;
use super::guest;
use super::load;
use super::resource::node_entry;
use super::router::Route;
use super::state::Cluster;
use super::task::Script;

/// Nodes.
pub const ROUTES: &[Route] = &[
    Route("GET", "/nodes", list),
    Route("GET", "/nodes/{node}/status", status),
    Route("POST", "/nodes/{node}/status", power),
    Route("GET", "/nodes/{node}/time", time),
    Route("PUT", "/nodes/{node}/time", set_time),
    Route("GET", "/nodes/{node}/dns", dns),
    Route("PUT", "/nodes/{node}/dns", set_dns),
    Route("GET", "/nodes/{node}/hosts", hosts),
    Route("POST", "/nodes/{node}/hosts", set_hosts),
    Route("GET", "/nodes/{node}/config", config),
    Route("PUT", "/nodes/{node}/config", set_config),
    Route("GET", "/nodes/{node}/subscription", subscription),
    Route("GET", "/nodes/{node}/services", services),
    Route("GET", "/nodes/{node}/services/{service}", |_, _| {
        Ok(json!([{"subdir": "state"}, {"subdir": "start"}, {"subdir": "stop"}, {"subdir": "restart"}, {"subdir": "reload"}]).into())
    }),
    Route("GET", "/nodes/{node}/services/{service}/state", service),
    Route("POST", "/nodes/{node}/services/{service}/start", |c, a| control(c, a, "start")),
    Route("POST", "/nodes/{node}/services/{service}/stop", |c, a| control(c, a, "stop")),
    Route("POST", "/nodes/{node}/services/{service}/restart", |c, a| control(c, a, "restart")),
    Route("POST", "/nodes/{node}/services/{service}/reload", |c, a| control(c, a, "reload")),
    Route("GET", "/nodes/{node}/rrddata", rrddata),
    Route("GET", "/nodes/{node}/netstat", netstat),
    Route("GET", "/nodes/{node}/report", report),
    Route("GET", "/nodes/{node}/syslog", syslog),
    Route("GET", "/nodes/{node}/journal", journal),
    Route("GET", "/nodes/{node}/certificates/info", certificates),
    Route("GET", "/nodes/{node}/capabilities/qemu/cpu", cpu_models),
    Route("GET", "/nodes/{node}/capabilities/qemu/machines", machines),
    Route("GET", "/nodes/{node}/capabilities/qemu/cpu-flags", cpu_flags),
    Route("GET", "/nodes/{node}/hardware/pci/{pci-id-or-mapping}/mdev", mediated),
    Route("GET", "/nodes/{node}/hardware/pci", |c, a| kept(c, a, "pci", json!([]))),
    Route("GET", "/nodes/{node}/hardware/usb", |c, a| kept(c, a, "usb", json!([]))),
    Route("GET", "/nodes/{node}/disks/list", |c, a| kept(c, a, "disks", json!([]))),
    Route("GET", "/nodes/{node}/disks/smart", smart),
    Route("GET", "/nodes/{node}/disks/lvm", |c, a| kept(c, a, "lvm", json!({"leaf": 0, "children": []}))),
    Route("GET", "/nodes/{node}/disks/lvmthin", |c, a| kept(c, a, "lvmthin", json!([]))),
    Route("GET", "/nodes/{node}/disks/directory", |c, a| kept(c, a, "directory", json!([]))),
    Route("GET", "/nodes/{node}/disks/zfs", zfs),
    Route("GET", "/nodes/{node}/apt/versions", versions),
    Route("GET", "/nodes/{node}/apt/update", |c, a| kept(c, a, "updates", json!([]))),
    Route("POST", "/nodes/{node}/apt/update", apt_update),
    Route("GET", "/nodes/{node}/apt/repositories", repositories),
    Route("POST", "/nodes/{node}/wakeonlan", wake),
    Route("POST", "/nodes/{node}/termproxy", terminal),
    Route("POST", "/nodes/{node}/vncshell", screen),
    Route("GET", "/nodes/{node}/vncwebsocket", |_, _| Err(console::bad_ticket())),
];

fn list(cluster: &mut Cluster, args: &Args) -> Outcome {
    let sums = load::sums(cluster);
    let rows = cluster.nodes.values().map(|node| {
        let audit = cluster.may(args.user(), &format!("/nodes/{}", node.name), "Sys.Audit");
        node_entry(cluster, node, sums.get(&node.name).copied().unwrap_or_default(), audit, true)
    });
    Ok(rows.collect::<Vec<_>>().into())
}

fn status(cluster: &mut Cluster, args: &Args) -> Outcome {
    let sums = load::sums(cluster);
    let node = &cluster.nodes[args.node()];
    let guests = sums.get(&node.name).copied().unwrap_or_default();
    let f = load::node(cluster, node, guests, cluster.now);
    let (total, used) = node.rootfs;
    let reserved = total / 20;
    let one = f.cpu * node.cpus as f64;
    let release = node.kernel.split_whitespace().nth(1).unwrap_or("");
    let sysname = node.kernel.split_whitespace().next().unwrap_or("Linux");
    let version = node.kernel.split_once(release).map_or("", |(_, v)| v.trim());
    let mode = node.extra.get("boot-info").cloned().unwrap_or(json!({"mode": "efi", "secureboot": 0}));
    Ok(json!({
        "uptime": (cluster.now - node.booted).max(0.0) as u64,
        "cpu": f.cpu, "wait": f.cpu * 0.02, "idle": 0,
        "loadavg": [format!("{one:.2}"), format!("{:.2}", one * 0.9), format!("{:.2}", one * 0.8)],
        "memory": {"total": node.memory, "used": f.mem, "free": (node.memory - f.mem) * 8 / 10, "available": node.memory - f.mem},
        "swap": {"total": node.swap, "used": node.swap / 50, "free": node.swap - node.swap / 50},
        "rootfs": {"total": total, "used": used, "free": total - used, "avail": (total - used).saturating_sub(reserved)},
        "ksm": {"shared": 0},
        "cpuinfo": {
            "model": node.cpu_model, "cpus": node.cpus, "cores": node.cpus.min(node.cpus / node.sockets.max(1)).max(1) / if node.cpus > 2 { 2 } else { 1 },
            "sockets": node.sockets, "mhz": "2000.000", "hvm": if node.cpus > 2 { "1" } else { "" }, "user_hz": 100, "flags": "fpu sse sse2",
            "vendor": "GenuineIntel", "family": "6"
        },
        "kversion": node.kernel,
        "current-kernel": {"sysname": sysname, "release": release, "version": version, "machine": "x86_64"},
        "boot-info": mode,
        "pveversion": node.pveversion
    })
    .into())
}

/// Seconds from the end of the last guest to the end of the node, and for which a node that reboots is away.
const DOWN: f64 = 5.0;
const AWAY: f64 = 45.0;

/// `POST /nodes/{node}/status`: the guests are shut down, then the node goes; after a reboot it comes back.
fn power(cluster: &mut Cluster, args: &Args) -> Outcome {
    let name = args.node().to_owned();
    let reboot = args.str("command") == "reboot";
    if cluster.guests.values().any(|g| g.node == name && g.running) {
        bulk::stop_guests(cluster, "root@pam", &name, &[]);
    }
    // the shutdown is no task of the API; a hidden one keeps its time
    let script = go_down(name.clone(), reboot, 180);
    cluster.start_task("root@pam", "", "nodepower", &name, script.quiet());
    Ok(().into())
}

/// Waits for the guests, at most so many seconds, and switches the node off.
fn go_down(name: String, reboot: bool, left: u32) -> Script {
    Script::new().wait(1.0).then(move |cluster, task| {
        if left > 0 && cluster.guests.values().any(|g| g.node == name && g.running) {
            task.next(go_down(name, reboot, left - 1));
            return Ok(());
        }
        let up = name.clone();
        let mut rest = Script::new().wait(DOWN).then(move |cluster, _| {
            cluster.node_down(&name);
            Ok(())
        });
        if reboot {
            rest = rest.wait(AWAY).then(move |cluster, _| {
                cluster.node_up(&up);
                Ok(())
            });
        }
        task.next(rest);
        Ok(())
    })
}

impl Cluster {
    /// A node goes offline: its guests end, and running tasks on it break off.
    pub fn node_down(&mut self, name: &str) {
        let running: Vec<String> = self.tasks.running().filter(|t| t.node == name).map(|t| t.upid.clone()).collect();
        for upid in running {
            self.stop_task(&upid);
        }
        if let Some(node) = self.nodes.get_mut(name) {
            node.online = false;
        }
        let ended: Vec<u32> = self.guests.values().filter(|g| g.node == name && g.running).map(|g| g.vmid).collect();
        for vmid in ended {
            guest::set_stopped(self, vmid);
        }
        self.touch();
    }

    /// A node comes back, freshly booted, and starts its guests with `onboot`.
    pub fn node_up(&mut self, name: &str) {
        let now = self.now;
        if let Some(node) = self.nodes.get_mut(name) {
            node.online = true;
            node.booted = now;
        }
        bulk::start_on_boot(self, name);
        self.touch();
    }
}

fn time(cluster: &mut Cluster, args: &Args) -> Outcome {
    let zone = cluster.nodes[args.node()].extra.get("timezone").and_then(Value::as_str).unwrap_or("Etc/UTC").to_owned();
    let now = cluster.now as i64;
    let offset = jiff::tz::TimeZone::get(&zone).ok().and_then(|tz| {
        let at = jiff::Timestamp::from_second(now).ok()?;
        Some(i64::from(tz.to_offset(at).seconds()))
    });
    Ok(json!({"timezone": zone, "time": now, "localtime": now + offset.unwrap_or(0)}).into())
}

fn extra<'a>(
    cluster: &'a mut Cluster,
    args: &Args,
) -> Result<&'a mut std::collections::BTreeMap<String, Value>, Fault> {
    let node = cluster.nodes.get_mut(args.node()).ok_or_else(|| die(format!("no such node '{}'", args.node())))?;
    Ok(&mut node.extra)
}

fn set_time(cluster: &mut Cluster, args: &Args) -> Outcome {
    extra(cluster, args)?.insert("timezone".into(), json!(args.str("timezone")));
    Ok(().into())
}

fn kept(cluster: &mut Cluster, args: &Args, key: &str, default: Value) -> Outcome {
    Ok(extra(cluster, args)?.get(key).cloned().unwrap_or(default).into())
}

fn dns(cluster: &mut Cluster, args: &Args) -> Outcome {
    kept(cluster, args, "dns", json!({"dns1": "10.0.0.1", "search": "example.invalid"}))
}

fn set_dns(cluster: &mut Cluster, args: &Args) -> Outcome {
    let settings = args.settings(&["node"]);
    extra(cluster, args)?.insert("dns".into(), json!(settings));
    Ok(().into())
}

fn hosts(cluster: &mut Cluster, args: &Args) -> Outcome {
    let all = cluster.nodes.values().map(|n| format!("{} {}.example.invalid {}\n", n.ip, n.name, n.name));
    let default = format!("127.0.0.1 localhost.localdomain localhost\n{}", all.collect::<String>());
    let text = extra(cluster, args)?.get("hosts").and_then(Value::as_str).map_or(default, str::to_owned);
    Ok(json!({"data": text, "digest": digest(&text)}).into())
}

fn set_hosts(cluster: &mut Cluster, args: &Args) -> Outcome {
    let current = hosts(cluster, args)?.data;
    if args.opt("digest").is_some_and(|d| current["digest"] != d) {
        return Err(die("detected modified configuration - file changed by other user? Try again."));
    }
    let text = args.str("data").to_owned();
    extra(cluster, args)?.insert("hosts".into(), json!(text));
    Ok(().into())
}

fn config(cluster: &mut Cluster, args: &Args) -> Outcome {
    let mut out = extra(cluster, args)?.get("config").cloned().unwrap_or(json!({}));
    if let Some(name) = args.opt("property") {
        out = json!({name: out[name]});
    }
    Ok(out.into())
}

fn set_config(cluster: &mut Cluster, args: &Args) -> Outcome {
    let (settings, delete) = (args.settings(&["node", "delete", "digest"]), args.list("delete"));
    let config = extra(cluster, args)?.entry("config".into()).or_insert_with(|| json!({}));
    for (key, value) in settings {
        config[key] = super::table::number(&value);
    }
    if let Some(map) = config.as_object_mut() {
        for key in delete {
            map.remove(&key);
        }
    }
    Ok(().into())
}

fn subscription(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = digest(args.node()).to_uppercase()[..32].to_owned();
    let none = json!({
        "status": "notfound", "message": "There is no subscription key", "serverid": id,
        "url": "https://www.proxmox.com/en/proxmox-virtual-environment/pricing"
    });
    kept(cluster, args, "subscription", none)
}

fn services(cluster: &mut Cluster, args: &Args) -> Outcome {
    let node = &cluster.nodes[args.node()];
    Ok(node.services.values().cloned().collect::<Vec<_>>().into())
}

fn service(cluster: &mut Cluster, args: &Args) -> Outcome {
    let name = args.str("service");
    let found = cluster.nodes[args.node()].services.get(name);
    Ok(found.cloned().ok_or_else(|| Fault::param("service", format!("no such service '{name}'")))?.into())
}

fn control(cluster: &mut Cluster, args: &Args, command: &'static str) -> Outcome {
    let (node, name) = (args.node().to_owned(), args.str("service").to_owned());
    service(cluster, args)?;
    let essential = ["pveproxy", "pvedaemon", "pve-cluster"].contains(&name.as_str());
    let (place, what) = (node.clone(), name.clone());
    let script = Script::new().wait(if command == "start" { 0.5 } else { 1.0 }).then(move |cluster, _| {
        if command == "stop" && essential {
            return Err(format!("invalid service cmd '{what} stop': refusing to stop essential service!"));
        }
        if let Some(service) = cluster.nodes.get_mut(&place).and_then(|n| n.services.get_mut(&what)) {
            let up = command != "stop";
            service["state"] = json!(if up { "running" } else { "dead" });
            service["active-state"] = json!(if up { "active" } else { "inactive" });
        }
        Ok(())
    });
    Ok(cluster.start_task(args.user(), &node, &format!("srv{command}"), &name, script).into())
}

fn rrddata(cluster: &mut Cluster, args: &Args) -> Outcome {
    let sums = load::sums(cluster);
    let node = &cluster.nodes[args.node()];
    let who = load::who(node);
    let guests = sums.get(&node.name).copied().unwrap_or_default();
    let points = load::moments(args.str("timeframe"), cluster.now).map(|time| {
        if (time as f64) < node.booted - 86_400.0 * 400.0 {
            return json!({"time": time});
        }
        let wave = load::wander(cluster.seed, who, time / 10);
        let f = load::node(cluster, node, guests, time as f64);
        let cpu = (f.cpu * (0.6 + 0.8 * wave)).min(0.99);
        let mem = f.mem as f64 * (0.95 + 0.1 * wave);
        json!({
            "time": time, "cpu": cpu, "maxcpu": node.cpus, "iowait": cpu * 0.03, "loadavg": cpu * node.cpus as f64,
            "memused": mem, "memtotal": node.memory, "memavailable": node.memory as f64 - mem,
            "swapused": node.swap / 50, "swaptotal": node.swap, "rootused": node.rootfs.1, "roottotal": node.rootfs.0,
            "netin": node.load.net.0 * (0.4 + wave), "netout": node.load.net.1 * (0.4 + wave), "arcsize": 0,
            "pressurecpusome": cpu * 2.0, "pressureiosome": cpu * 0.3, "pressureiofull": cpu * 0.2,
            "pressurememorysome": 0, "pressurememoryfull": 0
        })
    });
    Ok(points.collect::<Vec<_>>().into())
}

fn netstat(cluster: &mut Cluster, args: &Args) -> Outcome {
    let mut out = Vec::new();
    for guest in cluster.guests.values().filter(|g| g.node == args.node() && g.running) {
        let f = load::guest(cluster, guest, cluster.now);
        for key in guest.config.keys().filter(|k| k.starts_with("net")) {
            out.push(json!({"vmid": guest.vmid.to_string(), "dev": key, "in": f.netin.to_string(), "out": f.netout.to_string()}));
        }
    }
    Ok(out.into())
}

fn report(cluster: &mut Cluster, args: &Args) -> Outcome {
    let node = &cluster.nodes[args.node()];
    let head = "==== general system info ====";
    Ok(format!(
        "\n{head}\n\n# hostname\n{}\n\n# pveversion --verbose\n{}\n\n# uname -a\n{}\n",
        node.name, node.pveversion, node.kernel
    )
    .into())
}

/// Lines of a made-up system log: what the tasks of the node left there.
fn journal_lines(cluster: &Cluster, node: &str) -> Vec<String> {
    let mut out = Vec::new();
    for task in cluster.tasks.list.iter().filter(|t| t.node == node) {
        let line = |time: u64, text: String| {
            let at = jiff::Timestamp::from_second(time as i64).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
            format!("{} {node} pvedaemon[{}]: {text}", at.strftime("%b %d %H:%M:%S"), task.pid)
        };
        out.push(line(task.start, format!("<{}> starting task {}", task.user, task.upid)));
        if let Some((end, status)) = &task.end {
            out.push(line(*end, format!("<{}> end task {} {status}", task.user, task.upid)));
        }
    }
    out
}

fn syslog(cluster: &mut Cluster, args: &Args) -> Outcome {
    let lines = journal_lines(cluster, args.node());
    let (start, limit) = super::task_list::page(args, 50);
    let rows: Vec<Value> =
        lines.iter().enumerate().skip(start).take(limit).map(|(i, t)| json!({"n": i + 1, "t": t})).collect();
    Ok(Reply::from(rows).with("total", lines.len()))
}

fn journal(cluster: &mut Cluster, args: &Args) -> Outcome {
    let lines = journal_lines(cluster, args.node());
    let count = args.int("lastentries").unwrap_or(500).max(0) as usize;
    let from = lines.len().saturating_sub(count);
    let mut rows = vec![json!(format!("s=0;i={from}"))];
    rows.extend(lines[from..].iter().map(|l| json!(l)));
    rows.push(json!(format!("s=0;i={}", lines.len())));
    Ok(rows.into())
}

fn certificates(cluster: &mut Cluster, args: &Args) -> Outcome {
    let node = &cluster.nodes[args.node()];
    let before = node.booted as u64 / 86_400 * 86_400;
    let entry = |file: &str, subject: String| {
        json!({
            "filename": file, "fingerprint": node.fingerprint, "issuer": "/CN=Proxmox Virtual Environment/OU=simulated/O=PVE Cluster Manager CA",
            "subject": subject, "notbefore": before, "notafter": before + 63_072_000, "public-key-bits": 4096,
            "public-key-type": "rsaEncryption", "san": [node.ip, node.name],
            "pem": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
        })
    };
    let ca = entry("pve-root-ca.pem", "/CN=Proxmox Virtual Environment/OU=simulated/O=PVE Cluster Manager CA".into());
    let own = entry("pve-ssl.pem", format!("/OU=PVE Cluster Node/O=Proxmox Virtual Environment/CN={}", node.name));
    Ok(json!([ca, own]).into())
}

fn cpu_models(_: &mut Cluster, _: &Args) -> Outcome {
    let vendor = |name: &str| match name {
        n if n.starts_with("EPYC") || n.starts_with("Opteron") || n == "phenom" || n == "athlon" => "AuthenticAMD",
        n if n.starts_with("x86-64") || n.starts_with("kvm") || n.starts_with("qemu") || n == "host" || n == "max" => {
            "default"
        }
        _ => "GenuineIntel",
    };
    let arm = |n: &&&str| !n.starts_with("cortex") && !n.starts_with("neoverse");
    let models = super::format::CPU_MODELS.iter().filter(arm);
    let rows = models.map(|name| {
        let mut row = json!({"name": name, "vendor": vendor(name), "custom": 0});
        if name.starts_with("x86-64") {
            row["abstract"] = json!(1);
        }
        row
    });
    Ok(rows.collect::<Vec<_>>().into())
}

/// All nodes have equal processors.
fn cpu_flags(cluster: &mut Cluster, args: &Args) -> Outcome {
    const FLAGS: [(&str, &str); 6] = [
        ("aes", "Activate AES instruction set for HW acceleration."),
        ("md-clear", "Required to let the guest OS know if MDS is mitigated correctly"),
        ("pcid", "Meltdown fix cost reduction on Westmere, Sandy-, and IvyBridge Intel CPUs"),
        ("spec-ctrl", "Allows improved Spectre mitigation with Intel CPUs"),
        ("ssbd", "Protection for \"Speculative Store Bypass\" for Intel models"),
        ("pdpe1gb", "Allow guest OS to use 1GB size pages, if host HW supports it"),
    ];
    if args.opt("arch") == Some("aarch64") {
        return Ok(json!([]).into());
    }
    let nodes: Vec<&String> = cluster.nodes.keys().collect();
    let rows = FLAGS.iter().map(|(name, about)| json!({"name": name, "description": about, "supported-on": nodes}));
    Ok(rows.collect::<Vec<_>>().into())
}

/// The types of mediated devices stand beside the device in the scenario.
fn mediated(cluster: &mut Cluster, args: &Args) -> Outcome {
    let of = args.str("pci-id-or-mapping").to_owned();
    let devices = extra(cluster, args)?.get("pci").cloned().unwrap_or_default();
    let device = devices.as_array().into_iter().flatten().find(|device| device["id"] == json!(of));
    Ok(device.and_then(|device| device.get("types")).cloned().unwrap_or(json!([])).into())
}

fn machines(_: &mut Cluster, _: &Args) -> Outcome {
    let mut out = Vec::new();
    for (kind, prefix) in [("i440fx", "pc-i440fx"), ("q35", "pc-q35")] {
        for version in [
            "10.0+pve1",
            "10.0",
            "9.2+pve1",
            "9.2",
            "9.1",
            "9.0",
            "8.2",
            "8.1",
            "8.0",
            "7.2",
            "7.1",
            "7.0",
            "6.2",
            "6.1",
            "6.0",
        ] {
            out.push(json!({"id": format!("{prefix}-{version}"), "type": kind, "version": version}));
        }
    }
    Ok(out.into())
}

fn smart(cluster: &mut Cluster, args: &Args) -> Outcome {
    let disk = args.str("disk");
    let disks = extra(cluster, args)?.get("disks").cloned().unwrap_or_default();
    let known = disks.as_array().into_iter().flatten().any(|d| d["devpath"] == disk);
    if known {
        Ok(json!({"health": "PASSED", "type": "text", "text": "SMART overall-health: PASSED"}).into())
    } else {
        Err(die(format!("{disk} is not a valid block device")))
    }
}

fn zfs(cluster: &mut Cluster, args: &Args) -> Outcome {
    match extra(cluster, args)?.get("zfs") {
        Some(pools) => Ok(pools.clone().into()),
        None => Err(die("zfsutils-linux not installed")),
    }
}

fn versions(cluster: &mut Cluster, args: &Args) -> Outcome {
    let node = &cluster.nodes[args.node()];
    let kernel = node.kernel.split_whitespace().nth(1).unwrap_or("");
    let entry = |name: &str, version: &str| {
        json!({
            "Package": name, "Title": name, "Version": version, "OldVersion": version, "CurrentState": "Installed",
            "Arch": "amd64", "Origin": "Proxmox", "Priority": "optional", "Section": "admin", "Description": name
        })
    };
    let mut manager = entry("pve-manager", node.pveversion.split('/').nth(1).unwrap_or(""));
    manager["RunningKernel"] = json!(kernel);
    manager["ManagerVersion"] = json!(node.pveversion);
    let rest = [
        ("qemu-server", "9.2.6"),
        ("pve-container", "6.1.2"),
        ("libpve-storage-perl", "9.1.7"),
        ("pve-qemu-kvm", "10.0.2-4"),
    ];
    let mut out = vec![manager];
    out.extend(rest.iter().map(|(n, v)| entry(n, v)));
    Ok(out.into())
}

fn apt_update(cluster: &mut Cluster, args: &Args) -> Outcome {
    let node = args.node().to_owned();
    let script = Script::new()
        .log("starting apt-get update")
        .wait(1.5)
        .lines([
            "Hit:1 http://security.debian.org trixie-security InRelease",
            "Hit:2 http://ftp.debian.org/debian trixie InRelease",
            "Reading package lists...",
        ])
        .wait(1.0);
    Ok(cluster.start_task(args.user(), &node, "aptupdate", "", script).into())
}

fn repositories(cluster: &mut Cluster, args: &Args) -> Outcome {
    let default = json!({
        "digest": digest("repositories"), "errors": [], "infos": [], "standard-repos": [
            {"handle": "enterprise", "name": "Enterprise", "status": 0},
            {"handle": "no-subscription", "name": "No-Subscription", "status": 1}
        ],
        "files": [{"path": "/etc/apt/sources.list.d/proxmox.sources", "file-type": "sources", "digest": [], "repositories": [
            {"Enabled": true, "FileType": "sources", "Types": ["deb"], "URIs": ["http://download.proxmox.com/debian/pve"],
             "Suites": ["trixie"], "Components": ["pve-no-subscription"], "Options": []}]}]
    });
    kept(cluster, args, "repositories", default)
}

fn wake(cluster: &mut Cluster, args: &Args) -> Outcome {
    let config = extra(cluster, args)?.get("config").cloned().unwrap_or_default();
    match config["wakeonlan"].as_str() {
        Some(mac) => Ok(mac.to_owned().into()),
        None => Err(die(format!("No wake on LAN MAC address defined for '{}'!", args.node()))),
    }
}

/// `POST /nodes/{node}/termproxy`: a shell in text. Nobody can connect to it.
fn terminal(cluster: &mut Cluster, args: &Args) -> Outcome {
    let node = args.node().to_owned();
    let port = console::port(cluster);
    let command = format!("/usr/bin/termproxy {port} --path /nodes/{node} --perm Sys.Console");
    let upid = cluster.start_task(args.user(), &node, "vncshell", "", console::waiting(&command));
    let ticket = console::ticket(cluster);
    Ok(json!({"user": args.user(), "port": port.to_string(), "upid": upid, "ticket": ticket}).into())
}

/// `POST /nodes/{node}/vncshell`: a shell as a picture. Nobody can connect to it.
fn screen(cluster: &mut Cluster, args: &Args) -> Outcome {
    let node = args.node().to_owned();
    let port = console::port(cluster);
    let command = format!("/usr/bin/vncterm -rfbport {port} -timeout 10 -authpath /nodes/{node} -perm Sys.Console");
    let upid = cluster.start_task(args.user(), &node, "vncshell", "", console::waiting(&command));
    let letters: String = (0..8).map(|_| (b'!' + cluster.rng.below(90) as u8) as char).collect();
    let ticket = format!("{letters}:{}", console::ticket(cluster));
    let cert = console::certificate(cluster);
    Ok(json!({
        "user": args.user(), "port": port.to_string(), "upid": upid, "ticket": ticket, "password": letters, "cert": cert
    })
    .into())
}
