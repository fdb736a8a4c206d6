//! A made-up cluster of any size. The same seed gives the same cluster.

use serde_json::{Value, json};

use super::crypto::Rng;

const ROLES: [(&str, &str, &str); 14] = [
    ("web", "qemu", "web;prod"),
    ("db", "qemu", "db;prod"),
    ("cache", "lxc", "prod"),
    ("ci-runner", "lxc", "ci"),
    ("mail", "qemu", "mail;prod"),
    ("proxy", "lxc", "web"),
    ("build", "qemu", "ci"),
    ("desktop", "qemu", "vdi"),
    ("monitor", "lxc", "ops"),
    ("k8s-worker", "qemu", "k8s;prod"),
    ("backup", "qemu", "ops"),
    ("staging", "lxc", "staging"),
    ("dev", "qemu", "dev"),
    ("dns", "lxc", "infra"),
];

/// The scenario data of a cluster with so many nodes and guests.
pub fn generate(nodes: u32, guests: u32, seed: u64) -> Value {
    let nodes = nodes.max(1);
    let mut rng = Rng::new(seed ^ 0x0070_726f_786d_7578);
    let width = nodes.to_string().len();
    let names: Vec<String> = (1..=nodes).map(|i| format!("pve{i:0width$}")).collect();
    let node_rows: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(i, name)| {
            json!({
                "name": name, "ip": format!("10.{}.{}.{}", 20 + i / 60_000, i / 240 % 250, i % 240 + 10),
                "up": 3.0 + rng.below(300) as f64 + rng.unit(), "cpus": 64, "sockets": 2,
                "memory": (512u64 + 256 * rng.below(3)) << 30
            })
        })
        .collect();
    let mut rows = Vec::with_capacity(guests as usize);
    let mut pools: [Vec<u32>; 3] = Default::default();
    for i in 0..guests {
        let vmid = 100 + i;
        let (role, kind, tags) = ROLES[rng.below(ROLES.len() as u64) as usize];
        let node = &names[rng.below(u64::from(nodes)) as usize];
        let (cores, memory) = (1 << rng.below(4), 1024u64 << rng.below(5));
        let size = 8u64 << rng.below(5);
        let mac = rng.mac("BC:24:11");
        let running = rng.below(100) < 82;
        let config = if kind == "qemu" {
            json!({
                "cores": cores, "memory": memory, "ostype": "l26", "scsihw": "virtio-scsi-single", "boot": "order=scsi0",
                "scsi0": format!("ceph:vm-{vmid}-disk-0,iothread=1,size={size}G"), "agent": "1", "onboot": "1",
                "net0": format!("virtio={mac},bridge=vmbr0,tag={}", 10 + rng.below(20)), "tags": tags
            })
        } else {
            json!({
                "cores": cores, "memory": memory, "swap": "512", "ostype": "debian", "arch": "amd64", "unprivileged": "1",
                "rootfs": format!("ceph:vm-{vmid}-disk-0,size={size}G"), "onboot": "1", "tags": tags,
                "net0": format!("name=eth0,bridge=vmbr0,hwaddr={mac},ip=dhcp,type=veth")
            })
        };
        let mut row = json!({
            "vmid": vmid, "kind": kind, "node": node, "name": format!("{role}-{i:05}"), "config": config,
            "agent": kind == "qemu", "cpu": rng.unit() * rng.unit() * 0.7, "mem": 0.2 + 0.7 * rng.unit(), "fill": 0.1 + 0.7 * rng.unit(),
            "net": [rng.unit() * 90_000.0, rng.unit() * 60_000.0], "io": [rng.unit() * 200_000.0, rng.unit() * 300_000.0]
        });
        if running {
            row["up"] = json!(rng.unit() * 60.0);
        }
        if let Some(pool) = pools.get_mut(rng.below(6) as usize) {
            pool.push(vmid);
        }
        rows.push(row);
    }
    let pool = |name: &str, vms: &Vec<u32>| json!({"poolid": name, "comment": format!("{name} guests"), "vms": vms});
    json!({
        "cluster": "generated",
        "version": {"release": "9.2", "version": "9.2.11", "repoid": "14a22df35955d97d"},
        "defaults": {
            "cpu_model": "AMD EPYC 9354 32-Core Processor", "swap": 8u64 << 30, "rootfs": 96u64 << 30, "rootused": 21u64 << 30,
            "kernel": "Linux 6.17.2-1-pve #1 SMP PREEMPT_DYNAMIC PMX 6.17.2-1 (2025-10-21T11:55Z)",
            "pveversion": "pve-manager/9.2.11/14a22df35955d97d", "level": "c",
            "load": {"cpu": 0.03, "mem": 0.04, "net": [400_000.0, 300_000.0]},
            "network": [
                {"iface": "eno1", "type": "eth", "method": "manual", "method6": "manual", "families": ["inet"], "active": 1, "exists": 1, "priority": 3},
                {"iface": "vmbr0", "type": "bridge", "method": "static", "method6": "manual", "families": ["inet"], "active": 1, "autostart": 1,
                 "bridge_ports": "eno1", "bridge_stp": "off", "bridge_fd": "0", "bridge_vlan_aware": 1, "priority": 4}
            ],
            "services": [
                {"service": "pveproxy", "name": "pveproxy", "desc": "PVE API Proxy Server", "state": "running", "active-state": "active", "unit-state": "enabled"},
                {"service": "pvedaemon", "name": "pvedaemon", "desc": "PVE API Daemon", "state": "running", "active-state": "active", "unit-state": "enabled"},
                {"service": "sshd", "name": "sshd", "desc": "OpenBSD Secure Shell server", "state": "running", "active-state": "active", "unit-state": "enabled"}
            ]
        },
        "node": node_rows,
        "storage": [
            {"storage": "local", "type": "dir", "path": "/var/lib/vz", "content": "iso,vztmpl,backup", "total": 96u64 << 30, "used": 21u64 << 30},
            {"storage": "ceph", "type": "rbd", "pool": "vms", "content": "images,rootdir", "krbd": 0,
             "total": (u64::from(guests) * 80).max(4096) << 30, "used": 1u64 << 30},
            {"storage": "backup", "type": "pbs", "server": "10.20.0.5", "datastore": "main", "username": "pve@pbs", "content": "backup",
             "total": 200u64 << 40, "used": 84u64 << 40}
        ],
        "volume": [
            {"volid": "local:iso/debian-13.1.0-amd64-netinst.iso", "size": 820_000_000u64, "age": 50.0},
            {"volid": "local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst", "size": 129_000_000u64, "age": 50.0}
        ],
        "guest": rows,
        "pool": [pool("prod", &pools[0]), pool("dev", &pools[1]), pool("infra", &pools[2])],
        "user": [
            {"userid": "root@pam", "password": "proxmux", "email": "root@example.invalid",
             "token": [{"tokenid": "demo", "privsep": 0, "secret": "5f1c0bd6-6f0b-4f2b-9a6e-0d8e3a3f7a11", "comment": "full rights"}]}
        ]
    })
}
