//! Guests of the simulated cluster in virtual time: the life of a VM and of a container, and what is refused.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use proxmux::sim::access::{Grant, Token, User};
use proxmux::sim::role::built_in_roles;
use proxmux::sim::state::{Load, Node, Storage, Volume};
use proxmux::sim::table::Table;
use proxmux::sim::{Answer, Call, Cluster, Simulator};
use serde_json::Value;

/// A simulator with a clock that only moves when told.
struct Lab {
    sim: Simulator,
    now: f64,
    auth: &'static str,
}

const ROOT: &str = "PVEAPIToken=root@pam!ci=secret-root";
const BOB: &str = "PVEAPIToken=bob@pve!ci=secret-bob";

fn user(secret: &str) -> User {
    let token = Token { secret: secret.into(), privsep: false, expire: 0, comment: None };
    User { enable: true, tokens: BTreeMap::from([("ci".to_owned(), token)]), ..User::default() }
}

fn storage(id: &str, pairs: &[(&str, &str)], total: u64) -> (String, Storage) {
    let config = pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    (id.to_owned(), Storage { id: id.into(), config, total, used: 0 })
}

impl Lab {
    fn new() -> Self {
        let now = 1_795_252_000.0;
        let mut cluster = Cluster::empty(Arc::new(Table::built_in().unwrap()), now, 7);
        for (id, name) in [(1, "pve1"), (2, "pve2")] {
            let node = Node {
                name: name.into(),
                ip: format!("10.0.0.{id}"),
                id,
                online: true,
                booted: now - 9000.0,
                cpus: 8,
                memory: 64 << 30,
                ..Node::default()
            };
            cluster.nodes.insert(name.into(), node);
        }
        cluster.local = "pve1".into();
        let all = "images,rootdir,iso,vztmpl,backup,snippets";
        cluster.storages.extend([
            storage(
                "local",
                &[("type", "dir"), ("path", "/var/lib/vz"), ("content", all), ("format", "qcow2")],
                500 << 30,
            ),
            storage("thick", &[("type", "lvm"), ("vgname", "vg"), ("content", "images,rootdir")], 20 << 30),
            storage(
                "nas",
                &[("type", "nfs"), ("server", "10.0.0.9"), ("export", "/x"), ("content", all), ("format", "qcow2")],
                900 << 30,
            ),
        ]);
        let template = Volume {
            volid: "local:vztmpl/debian-13.tar.zst".into(),
            content: "vztmpl".into(),
            size: 120 << 20,
            ..Volume::default()
        };
        cluster.add_volume("pve1", template);
        cluster.access.roles = built_in_roles();
        cluster.access.users.insert("root@pam".into(), user("secret-root"));
        cluster.access.users.insert("bob@pve".into(), user("secret-bob"));
        cluster.access.acl.push(Grant {
            path: "/".into(),
            kind: "user".into(),
            who: "root@pam".into(),
            role: "Administrator".into(),
            propagate: true,
        });
        cluster.access.acl.push(Grant {
            path: "/vms".into(),
            kind: "user".into(),
            who: "bob@pve".into(),
            role: "PVEAuditor".into(),
            propagate: true,
        });
        Self { sim: Simulator::new(cluster), now, auth: ROOT }
    }

    fn call(&mut self, method: &str, path: &str, form: &[(&str, &str)]) -> Answer {
        let mut call = Call::new(method, &format!("/api2/json{path}")).header("authorization", self.auth);
        if matches!(method, "GET" | "DELETE") {
            call.query = form.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join("&");
        } else {
            call = call.form(form);
        }
        self.sim.handle(call, self.now)
    }

    /// A call that answers data.
    fn ok(&mut self, method: &str, path: &str, form: &[(&str, &str)]) -> Value {
        let answer = self.call(method, path, form);
        assert_eq!(answer.status, 200, "{method} {path} {form:?}: {}", answer.reason);
        answer.data()
    }

    /// A call that is refused: status and reason.
    fn refused(&mut self, method: &str, path: &str, form: &[(&str, &str)]) -> (u16, String) {
        let answer = self.call(method, path, form);
        assert_ne!(answer.status, 200, "{method} {path} {form:?} was accepted");
        (answer.status, answer.reason)
    }

    /// A call that starts a task, which is followed to its end: exit status, log, seconds.
    fn task(&mut self, method: &str, path: &str, form: &[(&str, &str)]) -> (String, Vec<String>, f64) {
        let upid = self.ok(method, path, form).as_str().unwrap().to_owned();
        let begun = self.now;
        for _ in 0..2000 {
            self.sim.advance(self.now);
            let task = self.sim.cluster.tasks.find(&upid).unwrap();
            if let Some(exit) = task.exit() {
                return (exit.to_owned(), task.log.clone(), self.now - begun);
            }
            self.now += 0.25;
        }
        panic!("{method} {path}: the task never ends");
    }

    /// A task that must end well.
    fn done(&mut self, method: &str, path: &str, form: &[(&str, &str)]) -> (Vec<String>, f64) {
        let (exit, log, seconds) = self.task(method, path, form);
        assert_eq!(exit, "OK", "{method} {path} {form:?}: {log:?}");
        (log, seconds)
    }

    fn create(&mut self, vmid: &str, disk: &str) {
        let form = [
            ("vmid", vmid),
            ("name", "web"),
            ("scsi0", disk),
            ("net0", "virtio,bridge=vmbr0"),
            ("cores", "2"),
            ("memory", "2048"),
        ];
        self.done("POST", "/nodes/pve1/qemu", &form);
        let guest = self.sim.cluster.guest_mut(vmid.parse().unwrap()).unwrap();
        guest.obeys = true;
        guest.load = Load { cpu: 0.1, mem: 0.5, disk: 0.5, ..Load::default() };
    }

    fn config(&mut self, vmid: &str) -> Value {
        self.ok("GET", &format!("/nodes/pve1/qemu/{vmid}/config"), &[])
    }
}

const VM: &str = "/nodes/pve1/qemu/100";

#[test]
fn the_life_of_a_vm() {
    let mut lab = Lab::new();
    lab.create("100", "local:8,ssd=1");
    let config = lab.config("100");
    assert_eq!(config["scsi0"], "local:100/vm-100-disk-0.qcow2,size=8G,ssd=1");
    assert_eq!(config["boot"], "order=scsi0;net0");
    assert_eq!(config["cores"], 2);
    assert_eq!(config["memory"], "2048");
    assert!(config["net0"].as_str().unwrap().starts_with("virtio=BC:24:11:"));
    assert!(config["vmgenid"].is_string() && config["smbios1"].is_string() && config["digest"].is_string());

    let (_, seconds) = lab.done("POST", &format!("{VM}/status/start"), &[]);
    assert!((1.0..3.0).contains(&seconds), "a start took {seconds} s");
    lab.now += 100.0;
    let status = lab.ok("GET", &format!("{VM}/status/current"), &[]);
    assert_eq!(status["status"], "running");
    assert!(status["uptime"].as_u64().unwrap() >= 100 && status["cpu"].as_f64().unwrap() > 0.0);

    // Hardware of a running VM changes at its next start, its name at once.
    lab.ok("PUT", &format!("{VM}/config"), &[("cores", "4"), ("name", "web2")]);
    let pending = lab.ok("GET", &format!("{VM}/pending"), &[]);
    let cores = pending.as_array().unwrap().iter().find(|row| row["key"] == "cores").unwrap().clone();
    assert_eq!((&cores["value"], &cores["pending"]), (&2.into(), &4.into()));
    assert_eq!(lab.config("100")["cores"], 4);
    let current = lab.ok("GET", &format!("{VM}/config"), &[("current", "1")]);
    assert_eq!((&current["cores"], &current["name"]), (&2.into(), &"web2".into()));

    let (_, seconds) = lab.done("POST", &format!("{VM}/status/shutdown"), &[]);
    assert!(seconds >= 3.0, "a shutdown took only {seconds} s");
    assert_eq!(lab.ok("GET", &format!("{VM}/config"), &[("current", "1")])["cores"], 4);

    let (log, _) = lab.done("POST", &format!("{VM}/snapshot"), &[("snapname", "before")]);
    assert_eq!(log[0], "snapshotting 'drive-scsi0' (local:100/vm-100-disk-0.qcow2)");
    lab.ok("PUT", &format!("{VM}/config"), &[("cores", "8")]);
    lab.done("POST", &format!("{VM}/snapshot/before/rollback"), &[]);
    assert_eq!(lab.config("100")["cores"], 4);
    let list = lab.ok("GET", &format!("{VM}/snapshot"), &[]);
    let current = list.as_array().unwrap().iter().find(|row| row["name"] == "current").unwrap().clone();
    assert_eq!(current["parent"], "before");

    lab.sim.cluster.volume_mut("pve1", "local:100/vm-100-disk-0.qcow2").unwrap().used = Some(2 << 30);
    let (log, seconds) = lab.done("POST", &format!("{VM}/clone"), &[("newid", "101"), ("name", "copy"), ("full", "1")]);
    assert!(seconds > 4.0 && log.iter().filter(|line| line.starts_with("transferred ")).count() > 10);
    assert!(log.contains(&"transferred 8.0 GiB of 8.0 GiB (100.00%)".to_owned()));
    let copy = lab.config("101");
    assert_eq!(copy["scsi0"], "local:101/vm-101-disk-0.qcow2,size=8G,ssd=1");
    assert_ne!(copy["net0"], lab.config("100")["net0"]);

    lab.done("DELETE", VM, &[("purge", "1")]);
    assert_eq!(
        lab.refused("GET", &format!("{VM}/config"), &[]).1,
        "Configuration file 'nodes/pve1/qemu-server/100.conf' does not exist"
    );
    assert!(lab.sim.cluster.volume("pve1", "local:100/vm-100-disk-0.qcow2").is_none());
}

#[test]
fn a_taken_number_and_missing_things_are_refused() {
    let mut lab = Lab::new();
    lab.create("100", "local:1");
    let text = "unable to create VM 100 - VM 100 already exists on node 'pve1'";
    assert_eq!(lab.refused("POST", "/nodes/pve1/qemu", &[("vmid", "100")]), (500, text.into()));
    let text = "storage 'nostore' does not exist";
    assert_eq!(lab.refused("POST", "/nodes/pve1/qemu", &[("vmid", "101"), ("scsi0", "nostore:4")]), (500, text.into()));
    let (exit, _, _) =
        lab.task("POST", "/nodes/pve1/qemu", &[("vmid", "101"), ("ide2", "local:iso/x.iso,media=cdrom")]);
    assert_eq!(exit, "unable to create VM 101 - volume 'local:iso/x.iso' does not exist");
    assert!(lab.sim.cluster.guest(101).is_none(), "a failed create leaves nothing");
    let text = "unable to create VM 100: config file already exists";
    assert_eq!(lab.refused("POST", &format!("{VM}/clone"), &[("newid", "100")]).1, text);
}

#[test]
fn a_full_storage_leaves_nothing_behind() {
    let mut lab = Lab::new();
    let form = [("vmid", "100"), ("scsi0", "thick:12"), ("scsi1", "thick:12")];
    let (exit, _, _) = lab.task("POST", "/nodes/pve1/qemu", &form);
    assert!(
        exit.starts_with("unable to create VM 100 - lvcreate 'vg/vm-100-disk-1' error:")
            && exit.contains("insufficient free space"),
        "{exit}"
    );
    assert!(lab.sim.cluster.guest(100).is_none());
    assert_eq!(lab.sim.cluster.volumes_of("pve1", "thick").count(), 0);
    lab.create("100", "thick:12");
}

#[test]
fn a_locked_guest_refuses_changes_until_the_task_ends() {
    let mut lab = Lab::new();
    lab.create("100", "local:8");
    lab.sim.cluster.volume_mut("pve1", "local:100/vm-100-disk-0.qcow2").unwrap().used = Some(4 << 30);
    let upid = lab.ok("POST", "/nodes/pve1/vzdump", &[("vmid", "100"), ("storage", "nas"), ("compress", "zstd")]);
    lab.now += 5.0;
    assert_eq!(lab.ok("GET", &format!("{VM}/status/current"), &[])["lock"], "backup");
    assert_eq!(lab.refused("PUT", &format!("{VM}/config"), &[("cores", "2")]), (500, "VM is locked (backup)".into()));
    let (exit, _, _) = lab.task("POST", &format!("{VM}/status/start"), &[]);
    assert_eq!(exit, "VM is locked (backup)");
    // Stopping the task unlocks the guest.
    let path = format!("/nodes/pve1/tasks/{}", upid.as_str().unwrap());
    lab.ok("DELETE", &path, &[]);
    assert!(lab.ok("GET", &format!("{VM}/status/current"), &[]).get("lock").is_none());
    assert_eq!(lab.sim.cluster.volumes_of("pve1", "nas").count(), 0);
}

#[test]
fn privileges_are_asked_for() {
    let mut lab = Lab::new();
    lab.create("100", "local:1");
    lab.auth = BOB;
    assert_eq!(lab.config("100")["name"], "web");
    assert_eq!(
        lab.refused("POST", &format!("{VM}/status/start"), &[]).1,
        "Permission check failed (/vms/100, VM.PowerMgmt)"
    );
    assert_eq!(lab.refused("POST", "/nodes/pve1/qemu", &[("vmid", "101")]), (403, "Permission check failed".into()));
    let text = "Permission check failed (/vms/100, VM.Backup)";
    assert_eq!(lab.task("POST", "/nodes/pve1/vzdump", &[("vmid", "100")]).0, text);
    let text = "Permission check failed (/storage/nas, Datastore.AllocateSpace)";
    assert_eq!(lab.refused("POST", "/nodes/pve1/vzdump", &[("vmid", "100"), ("storage", "nas")]), (403, text.into()));
    lab.sim.cluster.access.acl.push(Grant {
        path: "/vms/100".into(),
        kind: "user".into(),
        who: "bob@pve".into(),
        role: "PVEVMUser".into(),
        propagate: true,
    });
    assert_eq!(
        lab.refused("PUT", &format!("{VM}/config"), &[("cores", "2")]).1,
        "Permission check failed (/vms/100, VM.Config.CPU)"
    );
    lab.done("POST", &format!("{VM}/status/start"), &[]);
}

#[test]
fn a_deaf_vm_times_out_and_can_be_stopped() {
    let mut lab = Lab::new();
    lab.create("100", "local:1");
    lab.sim.cluster.guest_mut(100).unwrap().obeys = false;
    lab.done("POST", &format!("{VM}/status/start"), &[]);
    let (exit, _, seconds) = lab.task("POST", &format!("{VM}/status/shutdown"), &[("timeout", "20")]);
    assert_eq!(exit, "VM quit/powerdown failed - got timeout");
    assert!((20.0..22.0).contains(&seconds));
    let upid = lab.ok("POST", &format!("{VM}/status/shutdown"), &[("timeout", "600")]);
    lab.done("POST", &format!("{VM}/status/stop"), &[("overrule-shutdown", "1")]);
    assert!(lab.sim.cluster.tasks.find(upid.as_str().unwrap()).unwrap().exit().is_some());
    assert_eq!(lab.ok("GET", &format!("{VM}/status/current"), &[])["status"], "stopped");
}

#[test]
fn hibernation_keeps_the_state_until_the_next_start() {
    let mut lab = Lab::new();
    lab.create("100", "local:1");
    lab.done("POST", &format!("{VM}/status/start"), &[]);
    lab.done("POST", &format!("{VM}/status/suspend"), &[("todisk", "1")]);
    let config = lab.config("100");
    assert_eq!(config["lock"], "suspended");
    assert!(config["vmstate"].as_str().unwrap().starts_with("local:100/vm-100-state-suspend-"));
    let (log, _) = lab.done("POST", &format!("{VM}/status/start"), &[]);
    assert_eq!(log[0], "Resuming suspended VM");
    assert!(lab.config("100").get("lock").is_none());
}

#[test]
fn disks_grow_move_and_leave() {
    let mut lab = Lab::new();
    lab.create("100", "local:4");
    lab.done("PUT", &format!("{VM}/resize"), &[("disk", "scsi0"), ("size", "+1G")]);
    let (exit, _, _) = lab.task("PUT", &format!("{VM}/resize"), &[("disk", "scsi0"), ("size", "2G")]);
    assert_eq!(exit, "shrinking disks is not supported");
    lab.done("POST", &format!("{VM}/move_disk"), &[("disk", "scsi0"), ("storage", "nas")]);
    let config = lab.config("100");
    assert_eq!(
        (&config["scsi0"], &config["unused0"]),
        (&"nas:100/vm-100-disk-0.qcow2,size=5G".into(), &"local:100/vm-100-disk-0.qcow2".into())
    );
    lab.ok("PUT", &format!("{VM}/config"), &[("delete", "unused0")]);
    lab.ok("PUT", &format!("{VM}/config"), &[("delete", "scsi0")]);
    assert_eq!(lab.config("100")["unused0"], "nas:100/vm-100-disk-0.qcow2");
    assert!(lab.sim.cluster.volume("pve1", "local:100/vm-100-disk-0.qcow2").is_none());
}

#[test]
fn a_template_has_linked_clones() {
    let mut lab = Lab::new();
    lab.create("100", "local:4");
    let text = "Linked clone feature is not supported for 'local:100/vm-100-disk-0.qcow2' (scsi0)";
    assert_eq!(lab.refused("POST", &format!("{VM}/clone"), &[("newid", "101"), ("full", "0")]).1, text);
    lab.done("POST", &format!("{VM}/template"), &[]);
    assert_eq!(lab.task("POST", &format!("{VM}/status/start"), &[]).0, "you can't start a vm if it's a template");
    lab.done("POST", &format!("{VM}/clone"), &[("newid", "101")]);
    assert_eq!(lab.config("101")["scsi0"], "local:100/base-100-disk-0.qcow2/101/vm-101-disk-0.qcow2,size=4G");
    let (exit, _, _) = lab.task("DELETE", VM, &[]);
    assert_eq!(exit, "base volume 'local:100/base-100-disk-0.qcow2' is still in use by linked cloned");
}

#[test]
fn backup_and_restore_give_the_same_vm() {
    let mut lab = Lab::new();
    lab.create("100", "local:4");
    let (log, seconds) = lab.done(
        "POST",
        "/nodes/pve1/vzdump",
        &[("vmid", "100"), ("storage", "nas"), ("compress", "zstd"), ("bwlimit", "400000")],
    );
    assert!(seconds > 8.0 && log.iter().any(|line| line.starts_with("INFO:  ") && line.contains("% (")));
    let volid = lab.sim.cluster.volumes_of("pve1", "nas").next().unwrap().volid.clone();
    assert!(volid.ends_with(".vma.zst"));
    let text = lab.ok("GET", "/nodes/pve1/vzdump/extractconfig", &[("volume", &volid)]);
    assert!(text.as_str().unwrap().contains("\nname: web\n"));
    let (log, _) = lab.done(
        "POST",
        "/nodes/pve1/qemu",
        &[("vmid", "105"), ("archive", &volid), ("unique", "1"), ("name", "again")],
    );
    assert!(log.iter().any(|line| line.starts_with("progress 100% (read ")));
    let (old, new) = (lab.config("100"), lab.config("105"));
    assert_eq!((&new["name"], &new["memory"]), (&"again".into(), &old["memory"]));
    assert_ne!(new["net0"], old["net0"]);
    let (exit, log, _) = lab.task("POST", "/nodes/pve1/vzdump", &[("vmid", "100,999"), ("storage", "nas")]);
    assert_eq!(exit, "job errors");
    assert!(log.contains(&"ERROR: Backup of VM 999 failed - unable to find VM '999'".to_owned()));
}

#[test]
fn vms_move_between_nodes() {
    let mut lab = Lab::new();
    lab.create("100", "nas:4");
    lab.done("POST", &format!("{VM}/status/start"), &[]);
    let checks = lab.ok("GET", &format!("{VM}/migrate"), &[]);
    assert_eq!(checks["allowed_nodes"][0], "pve2");
    assert_eq!(
        lab.refused("POST", &format!("{VM}/migrate"), &[("target", "pve2")]).1,
        "can't migrate running VM without --online"
    );
    let (log, seconds) = lab.done("POST", &format!("{VM}/migrate"), &[("target", "pve2"), ("online", "1")]);
    assert!(seconds > 2.0 && log.iter().any(|line| line.contains("migration active, transferred ")));
    let status = lab.ok("GET", "/nodes/pve2/qemu/100/status/current", &[]);
    assert_eq!((&status["status"], status.get("lock")), (&"running".into(), None));
}

#[test]
fn the_life_of_a_container() {
    let mut lab = Lab::new();
    let form = [
        ("vmid", "200"),
        ("ostemplate", "local:vztmpl/debian-13.tar.zst"),
        ("rootfs", "nas:4"),
        ("mp0", "local:1,mp=/data,backup=1"),
        ("net0", "name=eth0,bridge=vmbr0,ip=dhcp"),
        ("unprivileged", "1"),
        ("hostname", "ct"),
    ];
    lab.done("POST", "/nodes/pve1/lxc", &form);
    let config = lab.ok("GET", "/nodes/pve1/lxc/200/config", &[]);
    assert_eq!(config["mp0"], "local:200/vm-200-disk-0.raw,mp=/data,backup=1,size=1G");
    assert_eq!((&config["ostype"], &config["arch"], &config["swap"]), (&"debian".into(), &"amd64".into(), &512.into()));
    lab.done("POST", "/nodes/pve1/lxc/200/status/start", &[]);
    assert_eq!(lab.refused("POST", "/nodes/pve1/lxc/200/status/start", &[]), (500, "CT 200 already running".into()));
    assert_eq!(lab.refused("DELETE", "/nodes/pve1/lxc/200", &[]).1, "unable to destroy CT 200 - container is running");
    let (exit, _, _) = lab.task("POST", "/nodes/pve1/lxc/200/snapshot", &[("snapname", "s1")]);
    assert_eq!(exit, "snapshot feature is not available");
    lab.done("POST", "/nodes/pve1/lxc/200/status/reboot", &[]);
    lab.done("POST", "/nodes/pve1/lxc/200/status/shutdown", &[]);
    assert_eq!(lab.refused("POST", "/nodes/pve1/lxc/200/status/stop", &[]).1, "CT 200 not running");
    lab.done("POST", "/nodes/pve1/lxc/200/clone", &[("newid", "201"), ("hostname", "ct2"), ("full", "1")]);
    lab.done("DELETE", "/nodes/pve1/lxc/200", &[]);
    assert_eq!(lab.ok("GET", "/nodes/pve1/lxc", &[])[0]["name"], "ct2");
}

#[test]
fn an_agent_runs_commands() {
    let mut lab = Lab::new();
    lab.create("100", "local:1");
    assert_eq!(lab.refused("POST", &format!("{VM}/agent/ping"), &[]).1, "No QEMU guest agent configured");
    lab.ok("PUT", &format!("{VM}/config"), &[("agent", "1")]);
    assert_eq!(lab.refused("POST", &format!("{VM}/agent/ping"), &[]).1, "VM 100 is not running");
    lab.done("POST", &format!("{VM}/status/start"), &[]);
    assert_eq!(lab.refused("POST", &format!("{VM}/agent/ping"), &[]).1, "QEMU guest agent is not running");
    lab.sim.cluster.guest_mut(100).unwrap().agent = true;
    let form = [("command", "sh"), ("command", "-c"), ("command", "echo out; echo err >&2; exit 3")];
    let pid = lab.ok("POST", &format!("{VM}/agent/exec"), &form)["pid"].to_string();
    let status = lab.ok("GET", &format!("{VM}/agent/exec-status"), &[("pid", &pid)]);
    assert_eq!(
        (&status["exitcode"], &status["out-data"], &status["err-data"]),
        (&3.into(), &"out\n".into(), &"err\n".into())
    );
}
