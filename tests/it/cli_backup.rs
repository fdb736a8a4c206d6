//! `proxmux backup`: the real program against the simulated cluster over HTTPS.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use proxmux::sim::fault::Effect as Trouble;
use serde_json::Value;

use crate::cli_history::Lab;

async fn lab() -> Lab {
    Lab::at_speed(2000.0).await
}

/// The newest backup of a guest on a storage.
async fn newest(lab: &Lab, guest: u32, storage: &str) -> String {
    let list = lab.json(&format!("backup list --guest {guest} --storage {storage} --json")).await;
    list[0]["volid"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_are_made_and_every_guest_has_its_result() {
    let lab = lab().await;
    let (code, out, _) = lab.run("--dry-run backup create --guest 101 storage=nas").await;
    assert_eq!(code, 0);
    assert!(out.starts_with("pvesh create /nodes/pve1/vzdump --vmid 101 --storage nas --mode snapshot"), "{out}");
    let before = newest(&lab, 101, "nas").await;

    let made = lab.json("backup create --guest 100,101 storage=nas --json").await;
    let guests = made[0]["guests"].as_array().unwrap();
    assert_eq!(made[0]["status"], "OK");
    assert_eq!((&guests[1]["vmid"], &guests[1]["success"]), (&Value::from(101), &Value::from(true)), "{made}");
    assert_ne!(newest(&lab, 101, "nas").await, before);

    // A guest that is locked fails, the other one does not.
    let (code, out, err) = lab.run("backup create --guest 102,112 storage=nas").await;
    assert_eq!(code, 3, "{out}{err}");
    assert!(out.contains("102 nextcloud: done in ") && out.contains("112 "), "{out}");
    assert!(out.contains("failed: VM is locked (backup)") && err.contains("job errors"), "{out}{err}");

    // Running guests are not shut down without a word.
    let (code, _, err) = lab.run("backup create --guest 101 storage=nas mode=stop").await;
    assert_eq!(code, 1);
    assert!(err.contains("it is shut down for its backup") && err.contains("add --yes"), "{err}");
    let (code, _, err) = lab.run("backup create --guest 101 storage=nas mode=stop --yes").await;
    assert_eq!(code, 0, "{err}");

    for (line, words) in [
        ("backup create --guest 99", "'--guest <ID,..>'"),
        ("backup create --guest 555", "there is no guest 555"),
        ("backup create --guest 101 storage=ceph", "storage: "),
        ("backup create --guest 101 storag=nas", "did you mean \"storage\"?"),
        ("backup create --guest 101 notes-template={{name}}", "{{name}} is unknown"),
        ("backup list --storage tape", "no storage tape keeps backups, or none that answers; there are "),
    ] {
        let (code, _, err) = lab.run(line).await;
        assert_eq!(code, 1, "{line}: {err}");
        assert!(err.contains(words), "{line}: {err}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_are_restored_to_new_guests_and_over_old_ones() {
    let lab = lab().await;
    let running = newest(&lab, 101, "nas").await;
    let (code, out, err) = lab.run(&format!("backup restore {running} vmid=150 name=copy unique=1")).await;
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("Restore VM 150 from ") && err.contains("In the backup: name homeassistant"), "{out}{err}");

    // Over a running guest: neither without the id, nor while it runs.
    let (code, _, err) = lab.run(&format!("backup restore {running} target=over --yes")).await;
    assert_eq!(code, 1);
    assert!(err.contains("typed: "), "{err}");
    let (code, _, err) = lab.run(&format!("backup restore {running} target=over typed=101 --yes")).await;
    assert_eq!(code, 1);
    assert!(err.contains("power: is required"), "{err}");
    // It is stopped first, and waited for.
    let (code, out, err) = lab.run(&format!("backup restore {running} target=over typed=101 power=stop --yes")).await;
    assert_eq!(code, 0, "{err}");
    let order: Vec<&str> = out.lines().filter(|l| l.contains(": done")).collect();
    assert!(order[0].starts_with("Stop VM 101") && order[1].starts_with("Restore VM 101"), "{out}");

    // Over one that is stopped: what is lost is told, and how long ago the backup was made.
    let stopped = newest(&lab, 209, "nas").await;
    let (code, _, err) = lab.run(&format!("backup restore {stopped} target=over typed=209")).await;
    assert_eq!(code, 1);
    assert!(err.contains("everything since the backup (88 d ago) is lost") && err.contains("add --yes"), "{err}");
    let (code, _, err) = lab.run(&format!("backup restore {stopped} target=over typed=209 --yes")).await;
    assert_eq!(code, 0, "{err}");

    let (code, out, _) = lab.run(&format!("backup show {stopped}")).await;
    assert_eq!(code, 0);
    assert!(out.contains("hostname: wiki-old\n"), "{out}");
    let (code, _, err) = lab.run("backup restore nas:backup/gone.vma vmid=160").await;
    assert_eq!(code, 1);
    assert!(err.contains("there is no backup nas:backup/gone.vma"), "{err}");
    let (code, out, _) = lab.run(&format!("backup restore {stopped} --fields-help")).await;
    assert_eq!(code, 0);
    for field in ["vmid ", "storage ", "unique ", "bwlimit ", "start ", "ha ", "name ", "memory ", "cores ", "swap "] {
        assert!(out.lines().any(|l| l.starts_with(field)), "{field}: {out}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_are_protected_noted_pruned_and_removed() {
    let lab = lab().await;
    let volume = newest(&lab, 101, "nas").await;
    let run = async |line: &str| lab.run(&format!("backup {line}")).await;
    assert_eq!(run(&format!("protect {volume}")).await.0, 0);
    let (code, out, _) = run(&format!("protect {volume}")).await;
    assert_eq!((code, out.trim()), (0, "Nothing to do: all of them are protected already"));
    let (code, _, err) = run(&format!("remove {volume} --yes")).await;
    assert_eq!(code, 1);
    assert!(err.contains("proxmux backup unprotect takes the protection away"), "{err}");
    let (code, _, err) = run(&format!("unprotect {volume}")).await;
    assert_eq!(code, 1);
    assert!(err.contains("add --yes"), "{err}");
    assert_eq!(run(&format!("unprotect {volume} --yes")).await.0, 0);

    assert_eq!(run(&format!("notes {volume} 'notes=before\\nthe move'")).await.0, 0);
    let list = lab.json("backup list --guest 101 --storage nas --json").await;
    assert_eq!(list[0]["notes"], "before\nthe move");

    let (code, out, _) = run("prune --guest 101 --storage nas keep-last=2").await;
    assert_eq!(code, 0);
    assert!(out.starts_with("Nothing to do: "), "{out}");
    let (code, _, err) = run("prune --guest 101 --storage nas keep-last=1").await;
    assert_eq!(code, 1);
    assert!(err.contains("removes 1, keeps 1") && err.contains("Goes: "), "{err}");
    assert_eq!(run("prune --guest 101 --storage nas keep-last=1 --yes").await.0, 0);
    assert_eq!(lab.json("backup list --guest 101 --storage nas --json").await.as_array().unwrap().len(), 1);

    let (code, _, err) = run(&format!("remove {volume} --yes")).await;
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("It is gone for ever") && err.contains("No good backup of guest 101 is left"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_made_changed_run_and_removed() {
    let lab = lab().await;
    let run = async |line: &str| lab.run(&format!("backup job {line}")).await;
    let (code, _, err) =
        run("create id=office 'schedule=sat *-1..7 15:00' selection=these vmid=104,200 storage=nas repeat-missed=1")
            .await;
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("The next runs: Sat ") && err.contains("It takes 2 guests: 104 gitea, 200 pihole"), "{err}");
    let (code, out, _) = run("list").await;
    assert_eq!(code, 0);
    assert!(out.contains("office  "), "{out}");

    let (code, _, err) = run("edit office 'schedule=mon..fri 02:30' retention=rules keep-last=3").await;
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("schedule: sat *-1..7 15:00 becomes mon..fri 02:30"), "{err}");
    let shown = lab.json("backup job show office --json").await;
    assert_eq!((&shown["schedule"], &shown["prune-backups"]), (&"mon..fri 02:30".into(), &"keep-last=3".into()));
    assert_eq!((shown["runs"].as_array().unwrap().len(), shown["guests"].as_array().unwrap().len()), (10, 2));
    assert_eq!(shown["repeat-missed"], "1");
    let (_, shown, _) = lab.run("backup job show office").await;
    assert!(shown.contains("takes VM 1") && !shown.contains("qemu") && !shown.contains("lxc"), "{shown}");

    let made = lab.json("backup job run office --json").await;
    assert_eq!(made[0]["guests"][0]["success"], true, "{made}");
    assert_eq!(run("disable office --yes").await.0, 0);
    let (code, out, _) = run("disable office").await;
    assert_eq!((code, out.trim()), (0, "Nothing to do: the job office is off already"));
    assert_eq!(run("enable office").await.0, 0);
    assert_eq!(run("remove office").await.0, 1);
    assert_eq!(run("remove office --yes").await.0, 0);
    for verb in ["show", "edit", "run", "enable", "disable", "remove"] {
        let (code, _, err) = run(&format!("{verb} office")).await;
        assert_eq!(code, 1, "{verb}");
        assert!(err.contains("there is no backup job office: there are backup-nightly"), "{verb}: {err}");
    }

    let (code, out, _) = run("next 'mon..fri 02:30' --count 5").await;
    assert_eq!((code, out.lines().count()), (0, 6), "{out}");
    let (code, _, err) = run("create 'schedule=sun 99:00' selection=all storage=nas").await;
    assert_eq!(code, 1);
    assert!(err.contains("schedule: ") && err.contains("99:00"), "{err}");
}

/// `proxmux backup list | head -1` must end without a word.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_has_to_read_to_the_end() {
    let lab = lab().await;
    for line in ["backup list --json", "snapshot list 100,101,102 --json", "task list --json"] {
        let mut command = lab.command(line);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let run = move || {
            let mut child = command.spawn().unwrap();
            let mut first = String::new();
            BufReader::with_capacity(1, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
            (first, child.wait_with_output().unwrap())
        };
        let (first, out) = tokio::task::spawn_blocking(run).await.unwrap();
        assert_eq!(first.trim(), "[", "{line}");
        assert_eq!(String::from_utf8_lossy(&out.stderr), "", "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_storage_that_is_away_does_not_hide_the_others() {
    let lab = lab().await;
    lab.server.with(|sim| sim.faults.add("/storage/pbs/content", None, Trouble::Status(500, "no route".into())));
    let (code, out, err) = lab.run("backup list").await;
    assert_eq!(code, 0);
    assert!(out.contains("nas:backup/") && err.contains("pbs on pve1: "), "{out}{err}");
}
