//! The simulator's essentials: logging in, CSRF, permissions, parameter errors, tasks in virtual time, faults.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use proxmux::sim::fault::Effect;
use proxmux::sim::scenario::Scenario;
use proxmux::sim::table::Table;
use proxmux::sim::task::Script;
use proxmux::sim::{Answer, Call, Simulator};
use serde_json::{Value, json};

const NOW: f64 = 1_795_252_000.0;

struct Bench {
    sim: Simulator,
    now: f64,
}

struct Session {
    ticket: String,
    csrf: String,
}

impl Bench {
    fn new(scenario: Scenario) -> Self {
        let table = Arc::new(Table::built_in().unwrap());
        let (cluster, _) = scenario.build(table, NOW, 7).unwrap();
        Self { sim: Simulator::new(cluster), now: NOW }
    }

    fn homelab() -> Self {
        Self::new(Scenario::Homelab)
    }

    fn send(&mut self, call: Call) -> Answer {
        self.sim.handle(call, self.now)
    }

    fn login(&mut self, user: &str, password: &str) -> Session {
        let form = [("username", user), ("password", password)];
        let data = self.send(Call::new("POST", "/api2/json/access/ticket").form(&form)).data();
        let text = |key: &str| data[key].as_str().unwrap_or_default().to_owned();
        Session { ticket: text("ticket"), csrf: text("CSRFPreventionToken") }
    }

    fn call(&mut self, who: &Session, method: &str, path: &str, form: &[(&str, &str)]) -> Answer {
        let mut call = Call::new(method, &format!("/api2/json{path}"))
            .header("cookie", &format!("PVEAuthCookie={}", who.ticket))
            .header("csrfpreventiontoken", &who.csrf);
        if !form.is_empty() {
            call = call.form(form);
        }
        self.send(call)
    }

    fn root(&mut self) -> Session {
        self.login("root@pam", "proxmux")
    }
}

#[test]
fn table_holds_every_method() {
    assert_eq!(Table::built_in().unwrap().methods().len(), 661);
}

#[test]
fn login_and_refusals() {
    let mut b = Bench::homelab();
    let version = || Call::new("GET", "/api2/json/version");
    let answer = b.send(version());
    assert_eq!((answer.status, answer.reason.as_str(), answer.body.len()), (401, "No ticket", 0));
    let answer = b.send(version().header("authorization", "PVEAPIToken=root@pam!demo=wrong"));
    assert_eq!((answer.status, answer.reason.as_str()), (401, "Authentication failed!"));
    let root = b.root();
    assert_eq!(b.call(&root, "GET", "/version", &[]).data()["release"], "9.2");
    // a ticket lives two hours and can be renewed with itself before that
    b.now += 7000.0;
    let ticket = root.ticket.clone();
    let renewed = b.login("root@pam", &ticket);
    b.now += 300.0;
    assert_eq!(b.call(&root, "GET", "/version", &[]).status, 401);
    assert_eq!(b.call(&renewed, "GET", "/version", &[]).status, 200);
}

#[test]
fn writing_needs_the_csrf_token_of_a_ticket() {
    let mut b = Bench::homelab();
    let mut root = b.root();
    root.csrf = "00000000:AAAA".into();
    let answer = b.call(&root, "POST", "/pools", &[("poolid", "x1")]);
    assert_eq!((answer.status, answer.reason.as_str()), (401, "Permission denied - invalid csrf token"));
    let token = "PVEAPIToken=root@pam!demo=5f1c0bd6-6f0b-4f2b-9a6e-0d8e3a3f7a11";
    let call = Call::new("POST", "/api2/json/pools").header("authorization", token).form(&[("poolid", "x1")]);
    assert_eq!(b.send(call).status, 200);
}

#[test]
fn second_factor() {
    let mut b = Bench::homelab();
    let first = b.login("anna@pve", "annapass1");
    assert!(first.ticket.starts_with("PVE:!tfa!{\"recovery\"%3A[0,1],\"totp\"%3Atrue}:"), "{}", first.ticket);
    assert_eq!(b.call(&first, "GET", "/version", &[]).status, 401);
    let code = proxmux::sim::crypto::totp("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", NOW as u64, 6, 30).unwrap();
    let (good, key) = (format!("totp:{code}"), "recovery:1f2e-3d4c-5b6a-7988");
    let mut second = |value: &str| {
        let form = [("username", "anna@pve"), ("tfa-challenge", first.ticket.as_str()), ("password", value)];
        b.send(Call::new("POST", "/api2/json/access/ticket").form(&form)).status
    };
    assert_eq!(second("totp:000000"), 401);
    assert_eq!(second(&good), 200);
    assert_eq!(second(&good), 401, "a code works once");
    assert_eq!(second(key), 200);
    assert_eq!(second(key), 401, "a recovery key works once");
}

#[test]
fn permissions() {
    let mut b = Bench::homelab();
    let operator = b.login("operator@pve", "operator1");
    let auditor = b.login("auditor@pve", "auditor1");
    let count = |answer: Answer| answer.data().as_array().unwrap().len();
    assert_eq!(count(b.call(&auditor, "GET", "/cluster/resources?type=vm", &[])), 27);
    // the pools lab (4) and office (3): lists are filtered, not refused
    assert_eq!(count(b.call(&operator, "GET", "/cluster/resources?type=vm", &[])), 7);
    let answer = b.call(&auditor, "POST", "/nodes/pve1/qemu/100/status/stop", &[("timeout", "3")]);
    assert_eq!((answer.status, answer.reason.as_str()), (403, "Permission check failed (/vms/100, VM.PowerMgmt)"));
    let answer =
        b.call(&operator, "PUT", "/access/acl", &[("path", "/"), ("roles", "PVEAdmin"), ("users", "operator@pve")]);
    assert_eq!(answer.status, 403);
}

#[test]
fn parameter_errors() {
    let mut b = Bench::homelab();
    let root = b.root();
    let form = [("vmid", "5"), ("net0", "virtio,bridge=vmbr0,foo=1"), ("memory", "abc"), ("bogus", "1")];
    let answer = b.call(&root, "POST", "/nodes/pve1/qemu", &form);
    assert_eq!((answer.status, answer.reason.as_str()), (400, "Parameter verification failed."));
    let errors = answer.json()["errors"].clone();
    assert_eq!(errors["vmid"], "invalid format - value does not look like a valid VM ID\n");
    let unknown = "property is not defined in schema and the schema does not allow additional properties";
    assert_eq!(errors["bogus"], unknown);
    assert_eq!(errors["net0"], json!(format!("invalid format - format error\nnet0.foo: {unknown}\n")));
    assert!(errors["memory"].as_str().unwrap().contains("type check ('integer') failed - got 'abc'"), "{errors}");
    let answer = b.call(&root, "GET", "/nodes/pve9/status", &[]);
    assert!(answer.status == 500 && answer.reason.starts_with("hostname lookup 'pve9' failed"));
    let answer = b.call(&root, "GET", "/nodes/pve1/nope", &[]);
    assert_eq!((answer.status, answer.reason.as_str()), (501, "Method 'GET /nodes/pve1/nope' not implemented"));
}

#[test]
fn tasks_take_time_and_can_be_stopped() {
    let mut b = Bench::homelab();
    let root = b.root();
    let script =
        || Script::new().finally(|c| c.options.extend([("x".into(), "1".into())])).log("one").wait(5.0).log("two");
    let upid = b.sim.cluster.start_task("root@pam", "pve1", "test", "100", script());
    let status = |b: &mut Bench, upid: &str| -> Value {
        let path = format!("/nodes/pve1/tasks/{upid}/status");
        b.call(&root, "GET", &path, &[]).data()
    };
    assert_eq!(status(&mut b, &upid)["status"], "running");
    b.now += 4.9;
    assert_eq!(status(&mut b, &upid)["status"], "running");
    b.now += 0.2;
    assert_eq!(status(&mut b, &upid)["exitstatus"], "OK");
    let log = b.call(&root, "GET", &format!("/nodes/pve1/tasks/{upid}/log?start=1&limit=5"), &[]).json();
    assert_eq!(log, json!({"data": [{"n": 2, "t": "two"}, {"n": 3, "t": "TASK OK"}], "total": 3}));
    b.sim.cluster.options.remove("x");
    let upid = b.sim.cluster.start_task("root@pam", "pve1", "test", "100", script());
    b.now += 1.0;
    assert_eq!(b.call(&root, "DELETE", &format!("/nodes/pve1/tasks/{upid}"), &[]).status, 200);
    assert_eq!(status(&mut b, &upid)["exitstatus"], "interrupted by signal");
    assert_eq!(b.sim.cluster.options["x"], "1", "the clean-up ran");
}

#[test]
fn faults() {
    let mut b = Bench::homelab();
    let root = b.root();
    b.sim.faults.add("/cluster/resources", Some(1), Effect::Status(596, "Broken pipe".into()));
    assert_eq!(b.call(&root, "GET", "/cluster/resources", &[]).status, 596);
    assert_eq!(b.call(&root, "GET", "/cluster/resources", &[]).status, 200);
    b.sim.cluster.node_down("pve3");
    assert_eq!(b.call(&root, "GET", "/nodes/pve3/status", &[]).status, 595);
    let nodes = b.call(&root, "GET", "/nodes", &[]).data();
    let gone = nodes.as_array().unwrap().iter().find(|n| n["node"] == "pve3").unwrap();
    assert_eq!(gone["status"], "offline");
    let guests = b.call(&root, "GET", "/cluster/resources?type=vm", &[]).data();
    let unknown = guests.as_array().unwrap().iter().filter(|g| g["status"] == "unknown").count();
    assert_eq!(unknown, 7);
    assert_eq!(b.call(&root, "GET", "/cluster/status", &[]).data()[0]["quorate"], 1);
}

#[test]
fn a_node_reboots_with_its_guests() {
    let mut b = Bench::homelab();
    let root = b.root();
    let nodes = |b: &mut Bench| b.call(&root, "GET", "/nodes", &[]).data();
    let node = |rows: &Value| rows.as_array().unwrap().iter().find(|n| n["node"] == "pve3").unwrap().clone();
    let running = |b: &mut Bench| b.sim.cluster.guests.values().filter(|g| g.node == "pve3" && g.running).count();
    let before = running(&mut b);
    let boot: Vec<u32> = b
        .sim
        .cluster
        .guests
        .values()
        .filter(|g| g.node == "pve3" && g.get("onboot") == Some("1") && !g.is_template())
        .map(|g| g.vmid)
        .collect();
    assert!(before > 0 && !boot.is_empty());
    assert_eq!(b.call(&root, "POST", "/nodes/pve3/status", &[("command", "reboot")]).status, 200);
    assert_eq!(node(&nodes(&mut b))["status"], "online", "the guests go first");
    let tasks = b.call(&root, "GET", "/nodes/pve3/tasks?source=all&typefilter=stopall", &[]).data();
    assert_eq!(tasks.as_array().unwrap().len(), 1);
    let mut away = 0;
    for _ in 0..400 {
        b.now += 1.0;
        let seen = nodes(&mut b);
        away += i32::from(node(&seen)["status"] == "offline");
        if away > 0 && node(&seen)["status"] == "online" {
            break;
        }
    }
    assert!((40..60).contains(&away), "away for {away} s");
    b.now += 60.0;
    let uptime = node(&nodes(&mut b))["uptime"].as_u64().unwrap();
    assert!(uptime < 120, "{uptime}");
    assert!(boot.iter().all(|vmid| b.sim.cluster.guest(*vmid).unwrap().running));
    assert_eq!(running(&mut b), boot.len());
}

#[test]
fn commands_in_one_call_have_a_status_each() {
    let mut b = Bench::homelab();
    let root = b.root();
    let commands = r#"[{"method":"GET","path":"version"},{"method":"GET","path":"nothing"},{"method":"GET","path":"qemu/99999/config"}]"#;
    let answer = b.call(&root, "POST", "/nodes/pve1/execute", &[("commands", commands)]).data();
    assert_eq!(answer[0]["status"], 200);
    assert!(answer[0]["data"]["version"].is_string());
    assert_eq!(answer[1], json!({"status": 500, "message": "no handler for 'nodes/pve1/nothing'\n"}));
    assert_eq!(answer[2]["status"], 500);
    assert_eq!(b.call(&root, "POST", "/nodes/pve1/execute", &[("commands", "[{")]).status, 400);
}

#[test]
fn metrics_are_those_of_the_moment_or_of_half_an_hour() {
    let mut b = Bench::homelab();
    let root = b.root();
    let rows = |b: &mut Bench, query: &str| {
        let all = b.call(&root, "GET", &format!("/cluster/metrics/export{query}"), &[]).data()["data"].clone();
        all.as_array().unwrap().clone()
    };
    let now = rows(&mut b, "");
    assert!(now.iter().any(|r| r["id"] == "node/pve1" && r["metric"] == "cpu_current"));
    assert!(now.iter().all(|r| r["timestamp"] == now[0]["timestamp"]));
    let one = rows(&mut b, "?node-list=pve2");
    assert!(one.len() < now.len() && !one.iter().any(|r| r["id"] == "node/pve1"));
    assert!(rows(&mut b, "?history=1").len() > now.len() * 100);
}

#[test]
fn generated_clusters_are_the_same_for_a_seed_and_fast() {
    let list = || {
        let mut b = Bench::new(Scenario::Generated { nodes: 100, guests: 10_000 });
        let root = b.root();
        b.call(&root, "GET", "/cluster/resources", &[]).body
    };
    let (first, second) = (list(), list());
    assert_eq!(first, second);
    let all: Value = serde_json::from_slice(&first).unwrap();
    let guests = all["data"].as_array().unwrap().iter().filter(|e| e["type"] == "qemu" || e["type"] == "lxc").count();
    assert_eq!(guests, 10_000);
}

#[test]
fn load_moves_every_ten_seconds() {
    let mut b = Bench::homelab();
    let root = b.root();
    let body = |b: &mut Bench, after: f64| {
        b.now += after;
        let list = b.call(&root, "GET", "/cluster/resources?type=vm", &[]).data();
        let guest = list.as_array().unwrap().iter().find(|g| g["vmid"] == 102).unwrap().clone();
        (guest["cpu"].as_f64().unwrap(), guest["netin"].as_u64().unwrap())
    };
    let first = body(&mut b, 0.0);
    assert_eq!(first, body(&mut b, 1.0));
    let later = body(&mut b, 10.0);
    assert!(first.0 != later.0 && later.1 >= first.1, "{first:?} {later:?}");
    assert!((0.0..=1.0).contains(&later.0));
}
