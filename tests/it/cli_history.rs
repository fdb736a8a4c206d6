//! `proxmux snapshot` and `proxmux task`: the real program against the simulated cluster over HTTPS.

use std::sync::Arc;

use proxmux::sim::{
    Simulator,
    scenario::Scenario,
    server::{self, Server},
    table::Table,
};
use serde_json::Value;

use crate::cli_config::Place;

/// The simulated cluster, and the program with a login to it.
pub struct Lab {
    pub server: Server,
    login: proxmux::sim::scenario::Login,
    place: Place,
}

impl Lab {
    pub async fn new() -> Self {
        Self::at_speed(1.0).await
    }

    /// Tasks run so many times faster than real ones.
    pub async fn at_speed(speed: f64) -> Self {
        let table = Arc::new(Table::built_in().unwrap());
        let (mut cluster, login) = Scenario::Homelab.build(table, server::wall_clock(), 7).unwrap();
        cluster.speed = speed;
        let server = Server::start(Simulator::new(cluster), server::Options::default()).await.unwrap();
        Self { server, login, place: Place::new() }
    }

    /// Exit code, standard output, standard error.
    pub async fn run(&self, line: &str) -> (i32, String, String) {
        let mut command = self.command(line);
        let out = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
    }

    /// A word in single quotes may have blanks.
    pub fn command(&self, line: &str) -> std::process::Command {
        let parts = line.split('\'').enumerate();
        let words = parts.flat_map(|(i, part)| if i % 2 == 1 { vec![part] } else { part.split_whitespace().collect() });
        let mut command = self.place.command();
        command
            .args(words)
            .env("PVE_HOST", self.server.address.to_string())
            .env("PVE_FINGERPRINT", &self.server.fingerprint)
            .env("PVE_TOKEN_ID", &self.login.token)
            .env("PVE_TOKEN_SECRET", &self.login.secret);
        command
    }

    pub async fn json(&self, line: &str) -> Value {
        let (code, out, err) = self.run(line).await;
        assert_eq!(code, 0, "{line}: {err}");
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("{line}: {e}: {out}"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_from_the_command_line() {
    let lab = Lab::new().await;
    let (code, out, err) = lab.run("snapshot list 102").await;
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("pre-31-1") && out.contains("12d 00h") && out.contains("NOW"), "{out}");

    let (code, out, _) = lab.run("--dry-run snapshot create 102 snapname=later").await;
    assert_eq!((code, out.trim()), (0, "pvesh create /nodes/pve2/qemu/102/snapshot --snapname later"));
    let (code, _, err) = lab.run("snapshot create 102 snapname=pre-31").await;
    assert_eq!(code, 1);
    assert!(err.contains("is the name of a snapshot of 102 already"), "{err}");
    for (guest, why) in [(9000, "a template has no snapshots"), (203, "its storage has no snapshots")] {
        let (code, _, err) = lab.run(&format!("snapshot create {guest} snapname=later --yes")).await;
        assert_eq!(code, 1);
        assert!(err.contains("No snapshot can be made.") && err.contains(why), "{err}");
    }

    let made = lab.json("snapshot create 100,102 snapname=later --json").await;
    assert_eq!(made.as_array().unwrap().len(), 2);
    assert!(made.as_array().unwrap().iter().all(|m| m["status"] == "OK"), "{made}");
    let list = lab.json("snapshot list 100,102 --json").await;
    let names: Vec<&str> = list[1]["snapshots"].as_array().unwrap().iter().filter_map(|s| s["name"].as_str()).collect();
    assert_eq!(names, ["pre-31", "pre-31-1", "later", "current"]);

    // Something is lost, and nobody can be asked.
    let (code, _, err) = lab.run("snapshot delete 102 later").await;
    assert_eq!(code, 1);
    assert!(err.contains("add --yes"), "{err}");
    let (code, _, err) = lab.run("snapshot delete 102 nothing --yes").await;
    assert_eq!(code, 1);
    assert!(err.contains("it has pre-31, pre-31-1, later"), "{err}");
    let (code, _, err) = lab.run("snapshot prune 100,102 days=2 --yes").await;
    assert_eq!(code, 0, "{err}");
    // What has been done already is no mistake: this may run every night.
    let (code, out, _) = lab.run("snapshot prune 100,102 days=2 --yes").await;
    assert_eq!((code, out.trim()), (0, "Nothing to do: no snapshot is that old"));
    assert_eq!(lab.json("snapshot prune 100,102 days=2 --yes --json").await, Value::Array(vec![]));
    let (code, _, err) = lab.run("snapshot rollback 102 later --start --yes").await;
    assert_eq!(code, 0, "{err}");
    assert!(!err.contains("TASK"), "progress is for terminals: {err}");
    let list = lab.json("snapshot list 102 --json").await;
    assert_eq!(list[0]["snapshots"].as_array().unwrap().len(), 2, "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_from_the_command_line() {
    let lab = Lab::new().await;
    let failed = lab.json("task list --state error --type vzdump --json").await;
    let upid = failed[0]["upid"].as_str().unwrap().to_owned();
    assert_eq!(failed[0]["status"], "job errors");
    let (code, out, _) = lab.run(&format!("task log {upid}")).await;
    assert_eq!(code, 0);
    assert!(out.ends_with("TASK ERROR: job errors\n"), "{out}");
    let (code, out, err) = lab.run(&format!("task wait {upid}")).await;
    assert_eq!((code, out.trim()), (3, "Backup Job: job errors"));
    assert!(err.contains("1 of 1 tasks failed"), "{err}");

    let started = lab.json("snapshot create 102 snapname=later --no-wait --json").await;
    let upid = started[0]["upid"].as_str().unwrap().to_owned();
    let waited = lab.json(&format!("task wait {upid} --json")).await;
    assert_eq!((&waited[0]["status"], &waited[0]["success"]), (&Value::from("OK"), &Value::from(true)));
    // It has ended: nobody is asked, nothing is sent.
    let (code, out, err) = lab.run(&format!("task stop {upid}")).await;
    assert_eq!((code, out.trim()), (0, "VM 102 - Snapshot has ended: OK"), "{err}");

    let (code, _, err) = lab.run("task list --since yesterday").await;
    assert_eq!(code, 1);
    assert!(err.contains("write it like 24h"), "{err}");
    let (code, out, _) = lab.run("task list --guest 102 --since 1h").await;
    assert_eq!(code, 0);
    assert!(out.contains("VM 102 - Snapshot"), "{out}");
    for verb in ["log", "wait", "stop"] {
        let line = format!("task {verb} UPID:pve1:00000001:00000001:6B015FE7:qmstart:100:root@pam:");
        let (code, _, err) = lab.run(&line).await;
        assert_eq!(code, 1, "{verb}");
        assert!(err.contains("pve1 does not know this task"), "{verb}: {err}");
    }

    // One that runs is stopped, and its end is waited for.
    let started = lab.json("backup create --guest 104 storage=nas --no-wait --json").await;
    let upid = started[0]["upid"].as_str().unwrap().to_owned();
    let (code, _, err) = lab.run(&format!("task stop {upid}")).await;
    assert_eq!(code, 1);
    assert!(err.contains("add --yes"), "{err}");
    let (code, out, err) = lab.run(&format!("task stop {upid} --yes")).await;
    assert_eq!(code, 0, "{err}");
    assert!(out.ends_with("Backup has ended: interrupted by signal\n"), "{out}");
}
