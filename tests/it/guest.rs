//! Guests: list, filter, marks, actions, detail.

use proxmux::sim::crypto::Rng;

use crate::harness::{Harness, Setup};

#[tokio::test(start_paused = true)]
async fn start_shows_the_call_sends_it_once_and_follows_the_task() {
    let mut h = Harness::new().await;
    h.press("/ 'kali' enter s").await;
    h.sees("Start VM 111 (kali)?");
    h.sees("POST /nodes/pve3/qemu/111/status/start");
    h.sees("pvesh create /nodes/pve3/qemu/111/status/start");
    assert_eq!(h.writes(), [""; 0]);
    h.press("y").await;
    assert_eq!(h.writes(), ["POST /nodes/pve3/qemu/111/status/start"]);
    assert!(h.footer().contains("Start VM 111 (kali): started"), "{}", h.footer());
    h.until("Start VM 111 (kali): done", 6.0).await;
    assert!(h.runs(111));
    h.until("● running", 1.0).await;
    assert!(h.selected().contains("kali"));
    h.wait(5.0).await;
    assert!(!h.footer().contains("kali"), "a success goes away by itself: {}", h.footer());
    assert_eq!(h.writes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn saying_no_sends_nothing() {
    let mut h = Harness::new().await;
    h.press("/ 'kali' enter s n s esc S").await;
    assert!(h.footer().contains("Shutdown: it is not running"), "{}", h.footer());
    h.press("esc / 'gitea' enter S enter").await;
    h.sees_not("Confirm");
    h.wait(10.0).await;
    assert_eq!(h.writes(), [""; 0], "Enter means no where something may be lost");
}

#[tokio::test(start_paused = true)]
async fn the_life_of_a_vm_by_the_action_menu() {
    let mut h = Harness::new().await;
    h.press("/ 'gitea' enter").await;
    let base = "POST /nodes/pve1/qemu/104/status";
    let steps = [
        ("m p y", "/suspend", "Pause VM 104 (gitea): done"),
        ("m u y", "/resume", "Resume VM 104 (gitea): done"),
        ("m r y", "/reboot", "Reboot VM 104 (gitea): done"),
        ("m R y", "/reset", "Reset VM 104 (gitea): done"),
        ("m h y", "/suspend todisk=1", "Hibernate VM 104 (gitea): done"),
        ("s y", "/start", "Start VM 104 (gitea): done"),
        ("S y", "/shutdown timeout=180", "Shutdown VM 104 (gitea): done"),
        ("s y", "/start", "Start VM 104 (gitea): done"),
        ("m x y", "/stop", "Stop VM 104 (gitea): done"),
    ];
    let mut wanted = vec![];
    for (keys, call, done) in steps {
        h.press(keys).await;
        wanted.push(format!("{base}{call}"));
        assert_eq!(h.writes(), wanted, "{}", h.screen());
        h.until(done, 60.0).await;
        h.wait(6.0).await;
        if call == "/suspend" {
            assert_eq!(h.sim(|s| s.cluster.guests[&104].qmp.clone()), "paused");
            h.press("enter").await;
            h.until("paused", 4.0).await;
            h.press("esc").await;
        }
        if call == "/suspend todisk=1" {
            h.sees("suspended");
        }
    }
    assert!(!h.runs(104));
}

#[tokio::test(start_paused = true)]
async fn containers_start_shut_down_and_reboot() {
    let mut h = Setup { tab: '3', ..Setup::default() }.go().await;
    h.press("/ 'wiki-old' enter s y").await;
    h.until("Start CT 209 (wiki-old): done", 20.0).await;
    h.press("m p").await;
    assert!(h.footer().contains("only VMs can do that"), "{}", h.footer());
    h.press("esc m r y").await;
    h.until("Reboot CT 209 (wiki-old): done", 60.0).await;
    h.wait(6.0).await;
    h.press("S y").await;
    h.until("Shutdown CT 209 (wiki-old): done", 60.0).await;
    let base = "POST /nodes/pve2/lxc/209/status";
    assert_eq!(h.writes(), ["/start", "/reboot", "/shutdown timeout=180"].map(|c| format!("{base}{c}")));
}

#[tokio::test(start_paused = true)]
async fn destroying_needs_the_id() {
    for (width, height) in [(120, 40), (80, 24)] {
        let mut h = Setup::default().sized(width, height).go().await;
        h.press("/ 'kali' enter delete").await;
        h.wait(0.5).await;
        h.sees("Destroy VM 111 (kali)");
        h.sees("1 disk");
        h.press("ctrl-s").await;
        h.sees("Destroy VM 111 (kali)?");
        h.sees("DELETE /nodes/pve3/qemu/111");
        h.sees("Deleted for ever: scsi0: ");
        h.sees("Backups stay.");
        h.press("enter y enter backspace '112' enter").await;
        assert!(h.footer().contains("Type 111 to confirm"), "{}", h.footer());
        h.sees("Destroy VM 111 (kali)?");
        assert_eq!(h.writes(), [""; 0]);
        h.press("backspace '1' enter").await;
        assert_eq!(h.writes(), ["DELETE /nodes/pve3/qemu/111 purge=1"]);
        h.until("Destroy VM 111 (kali): done", 10.0).await;
        h.until("0/15", 1.0).await;
        assert!(h.sim(|s| !s.cluster.guests.contains_key(&111)));
        h.press("esc / 'opnsense' enter delete").await;
        assert!(h.footer().contains("Destroy: it is running: shut it down"), "{}", h.footer());
    }
}

#[tokio::test(start_paused = true)]
async fn destroying_tells_what_goes_and_what_stands_against_it() {
    let mut h = Setup::default()
        .go_after(|sim| {
            let guests = &mut sim.cluster.guests;
            guests.get_mut(&111).unwrap().config.insert("protection".into(), "1".into());
        })
        .await;
    h.press("/ 'kali' enter delete").await;
    h.wait(0.5).await;
    h.sees("it is protected from removal: take that off first");
    h.press("ctrl-s").await;
    h.sees_not("DELETE");
    assert!(h.writes().is_empty());
    // 103 is managed by HA, has snapshots or not, and is named in jobs.
    h.press("esc esc / 'id:103' enter S y").await;
    h.until("Shutdown VM 103", 5.0).await;
    h.wait(90.0).await;
    h.press("delete").await;
    h.wait(0.5).await;
    h.sees("managed by HA");
    h.press("tab space ctrl-s").await;
    h.sees("it is managed by HA: the server refuses without this");
    h.press("space tab space ctrl-s").await;
    h.sees("Taken out of");
    h.sees("HA (");
    h.sees("purge=1 destroy-unreferenced-disks=1");
    h.sees("Also all other volumes with these numbers");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_within_a_time_and_a_stop_that_overrules_it() {
    let mut h = Harness::new().await;
    h.press("/ 'gitea' enter m f").await;
    h.sees("Shut down VM 104 (gitea)");
    h.press("ctrl-u '600' tab space ctrl-s").await;
    h.sees("POST /nodes/pve1/qemu/104/status/shutdown timeout=600");
    h.sees_not("forceStop");
    h.press("n space ctrl-s").await;
    h.sees("timeout=600 forceStop=1");
    h.sees("What still runs after 600 s is stopped");
    h.press("y").await;
    h.wait(0.7).await;
    h.press("m x").await;
    h.sees("The shutdown that is under way is ended first.");
    h.sees("status/stop overrule-shutdown=1");
    h.press("y").await;
    h.wait(5.0).await;
    assert!(!h.runs(104));
    h.sees("Shutdown VM 104 (gitea) failed: interrupted by signal");
}

#[tokio::test(start_paused = true)]
async fn bulk_shutdown_leaves_out_and_names_those_that_do_not_run() {
    let mut h = Harness::new().await;
    h.press("/ 'tag:test' enter * S").await;
    h.sees("Shutdown 3 guests?");
    for (id, name) in [(109, "truenas-test"), (111, "kali"), (112, "backup-restore-test")] {
        h.sees(&format!("Left out: {id} {name}: it is not running"));
    }
    h.press("y").await;
    let call = |node, id| format!("POST /nodes/{node}/qemu/{id}/status/shutdown timeout=180");
    assert_eq!(h.writes(), [call("pve1", 106), call("pve2", 107), call("pve3", 108)]);
    h.sees("tasks 3");
    h.wait(60.0).await;
    assert!([106, 107, 108].iter().all(|id| !h.runs(*id)));
    h.press("delete").await;
    h.wait(0.5).await;
    h.sees("6 guests with all their disks");
    h.press("ctrl-s").await;
    // A locked guest is allowed and said to be locked; the number of guests is part of what has to be typed.
    h.sees("Type 6 guests to confirm");
    h.sees("112 backup-restore-test: locked (backup)");
    h.press("'6' enter esc").await;
    assert_eq!(h.writes().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn vms_and_containers_each_keep_filter_marks_and_what_is_open() {
    let mut h = Harness::new().await;
    h.press("/ 'prod' enter").await;
    h.sees("opnsense");
    h.sees_not("kali");
    h.sees("7/16");
    h.press("space").await;
    h.sees("1 marked");
    let cursor = h.selected();
    h.press("3").await;
    h.sees("ci-runner-1");
    h.sees_not("prod  ");
    h.sees_not("marked");
    h.press("/ 'grafana' enter").await;
    h.sees_not("ci-runner-1");
    h.press("9 2").await;
    h.sees("7/16");
    h.sees("1 marked");
    assert_eq!(h.selected(), cursor);
    // A guest that is open stays on its tab.
    h.press("enter").await;
    h.sees("Summary");
    h.press("3").await;
    h.sees("/grafana");
    h.sees_not("Summary");
    h.press("2").await;
    h.sees("Summary");
    h.press("esc esc esc").await;
    h.sees("kali");
    h.press("/ 'node:pve3 status:running' enter").await;
    h.sees("k8s-worker2");
    h.sees("/node:pve3 status:running  1/16");
}

#[tokio::test(start_paused = true)]
async fn sorting_keeps_the_selected_guest() {
    let mut h = Harness::new().await;
    h.press("down down").await;
    assert!(h.selected().contains("nextcloud"));
    h.press("o").await;
    h.sees("ID▼");
    assert!(h.selected().contains("nextcloud"));
    h.press("o").await;
    h.sees("Name▲");
    assert!(h.selected().contains("nextcloud"));
    let screen = h.screen();
    let at = |name: &str| screen.find(name).unwrap();
    assert!(at("backup-restore-test") < at("debian-13-cloud") && at("debian-13-cloud") < at("win2022-ad"));
}

/// What makes other consoles shut down the wrong machine: rows move under a cursor that is a number.
#[tokio::test(start_paused = true)]
async fn the_selection_stays_on_its_guest_however_the_rows_move() {
    for seed in 0..6 {
        let mut rng = Rng::new(seed);
        let mut h = Harness::new().await;
        h.press("o o").await;
        h.sees("Name▲");
        let steps = 1 + rng.below(10);
        for _ in 0..steps {
            h.press("down").await;
        }
        let row = h.selected();
        let vmid: u32 = row.split_whitespace().next().unwrap().parse().unwrap();
        for round in 0..12 {
            h.sim(|sim| {
                let guests = &mut sim.cluster.guests;
                for guest in guests.values_mut() {
                    guest.config.insert("name".into(), format!("g-{}", rng.hex(6)));
                }
                let extra = guests[&vmid].clone();
                let id = 300 + round;
                guests.insert(id, proxmux::sim::state::Guest { vmid: id, ..extra });
                let others: Vec<u32> = guests.keys().copied().filter(|id| *id != vmid).collect();
                guests.remove(&others[rng.below(others.len() as u64) as usize]);
                sim.cluster.touch();
            });
            h.wait(5.5).await;
            let row = h.selected();
            assert!(row.contains(&format!(" {vmid} ")), "seed {seed}, round {round}: {row}");
        }
        h.press("m").await;
        h.sees(&format!("VM {vmid} g-"));
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_selected_guest_vanishes_the_next_action_asks_to_look_first() {
    for key in ["S", "s", "delete"] {
        let mut h = Harness::new().await;
        h.press("/ 'i' enter down down down").await;
        let vmid: u32 = h.selected().split_whitespace().next().unwrap().parse().unwrap();
        h.sim(|sim| {
            // The neighbour that slides under the cursor is made fit for the action.
            sim.cluster.guests.remove(&vmid);
            for guest in sim.cluster.guests.values_mut() {
                guest.running = key == "S";
                guest.config.remove("template");
            }
            sim.cluster.touch();
        });
        h.wait(6.0).await;
        h.press(key).await;
        assert!(h.footer().contains("The selected guest has gone"), "{key}: {}", h.screen());
        h.sees_not("Type");
        h.sees_not("Yes");
        h.press(key).await;
        h.sees("Esc");
        assert_eq!(h.writes(), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_guest_in_detail() {
    let mut h = Harness::new().await;
    h.press("/ 'nextcloud' enter enter").await;
    h.until("QEMU", 2.0).await;
    h.sees("Virtual machines > pve2 > VM 102 nextcloud");
    h.sees("of 4 processors");
    h.sees("Files for the family");
    h.press("shift-tab").await;
    h.sees("scsi1");
    h.sees("nas:102/vm-102-disk-0.qcow2,backup=0,size=500G");
    h.press("J").await;
    h.until("VM 103 mailcow", 1.0).await;
    h.sees("ceph:vm-103-disk-0");
    h.press("K K K").await;
    h.sees("VM 100 opnsense");
    h.press("tab").await;
    h.until("WAN on", 2.0).await;
    let screen = h.screen();
    let lines: Vec<&str> = screen.lines().map(str::trim).collect();
    let at = lines.iter().position(|l| *l == "Firewall").unwrap();
    assert_eq!(lines[at + 1], "WAN on net1, LAN on net0.");
    let asked = h.calls("GET /nodes/pve1/qemu/100/status/current").len();
    h.wait(9.5).await;
    assert_eq!(h.calls("GET /nodes/pve1/qemu/100/status/current").len(), asked + 3, "every 3 s while in front");
    h.press("esc").await;
    h.wait(9.5).await;
    assert_eq!(h.calls("GET /nodes/pve1/qemu/100/status/current").len(), asked + 3, "and not afterwards");
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_vanishes_or_moves_while_its_detail_is_open() {
    let mut h = Harness::new().await;
    h.press("/ 'kali' enter enter").await;
    h.sim(|sim| {
        sim.cluster.guests.get_mut(&111).unwrap().node = "pve1".into();
        sim.cluster.touch();
    });
    h.wait(9.0).await;
    h.sees("Virtual machines > pve1 > VM 111 kali");
    h.press("s").await;
    h.sees("POST /nodes/pve1/qemu/111/status/start");
    h.press("esc").await;
    h.sim(|sim| {
        sim.cluster.guests.remove(&111);
        sim.cluster.touch();
    });
    h.wait(9.0).await;
    h.sees("The guest is not in the cluster's list (any more).");
    h.press("s").await;
    assert!(h.footer().contains("Start: the guest is gone"), "{}", h.footer());
    assert_eq!(h.writes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_menu_has_everything_that_can_be_done_and_says_why_not() {
    let mut h = Harness::new().await;
    h.press("2 / 'kali' enter m").await;
    h.sees("VM 111 kali");
    for (title, aside) in [("Shutdown", "it is not running"), ("Snapshots", " n "), ("Edit", " e ")] {
        assert!(h.line(title).contains(aside), "{}", h.screen());
    }
    h.press("n").await;
    h.sees("Snapshots");
    h.press("esc enter").await;
    h.wait(1.0).await;
    h.press("m F").await;
    h.wait(1.0).await;
    h.sees("Firewall");
}

/// PVE answers 200 to a refusal that the task then reports.
#[tokio::test(start_paused = true)]
async fn a_failed_task_says_so_until_somebody_is_there() {
    let mut h = Harness::new().await;
    h.press("/ 'legacy-erp' enter S y").await;
    h.wait(200.0).await;
    let footer = h.footer();
    assert!(footer.contains("Shutdown VM 113 (legacy-erp) failed"), "{footer}");
    h.wait(600.0).await;
    assert_eq!(h.footer(), footer, "an error stays");
    h.press("L").await;
    h.until("TASK ERROR", 3.0).await;
    assert!(!h.footer().contains("failed"), "{}", h.footer());
}

#[tokio::test(start_paused = true)]
async fn a_locked_guest_is_refused_by_the_server_and_the_reason_is_shown() {
    let mut h = Harness::new().await;
    h.press("/ 'backup-restore' enter s").await;
    h.sees("112 is locked (backup): the server may refuse.");
    h.press("y").await;
    h.until("VM is locked (backup)", 5.0).await;
    assert!(!h.runs(112));
}

#[tokio::test(start_paused = true)]
async fn several_refusals_are_counted() {
    let mut h = Harness::new().await;
    let refusal = proxmux::sim::fault::Effect::Status(500, "no space left on device".into());
    h.trouble("/status/shutdown", None, refusal);
    h.press("/ 'k8s' enter * S y").await;
    h.wait(1.0).await;
    assert_eq!(h.writes().len(), 3);
    h.sees("no space left on device");
    h.sees("(+2 more errors)");
    h.press("down").await;
    h.sees_not("no space left");
}

/// The whole call is on the screen, however narrow that is.
#[tokio::test(start_paused = true)]
async fn no_character_of_a_call_is_cut_off() {
    for width in (40..90).step_by(3) {
        let mut h = Setup::default().sized(width, 24).go().await;
        h.press("/ 'kali' enter delete").await;
        h.wait(0.5).await;
        h.press("tab tab space ctrl-s").await;
        let screen: String = h.screen().chars().filter(|c| !c.is_whitespace() && *c != '│').collect();
        for text in [
            "DELETE/nodes/pve3/qemu/111purge=1destroy-unreferenced-disks=1",
            "pveshdelete/nodes/pve3/qemu/111--purge1--destroy-unreferenced-disks1",
        ] {
            assert!(screen.contains(text), "{width}: {}", h.screen());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_past_of_a_guest_as_graphs() {
    for (size, first, last) in [((120, 40), "CPU, last hour", "Memory on the host"), ((80, 24), "CPU, last hour", "")] {
        let mut h = Setup::default().sized(size.0, size.1).go().await;
        h.press("/ 'nextcloud' enter enter tab").await;
        h.until(first, 2.0).await;
        h.sees(last);
        if last.is_empty() {
            h.sees_not("Memory on the host");
            h.press("G").await;
            h.sees("Memory on the host");
        }
        h.press("w w").await;
        h.until("-7d", 1.0).await;
        h.press("p").await;
        h.sees("last week, peaks");
        h.wait(0.5).await;
        let calls = h.calls("GET /nodes/pve2/qemu/102/rrddata");
        assert!(calls.last().unwrap().ends_with("timeframe=week cf=MAX"), "{calls:?}");
        // Once a minute, not with every look at the live figures.
        h.wait(50.0).await;
        assert!(h.calls("GET /nodes/pve2/qemu/102/rrddata").len() <= calls.len() + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_guest_says_from_inside() {
    let mut h = Harness::new().await;
    h.press("/ 'nextcloud' enter enter").await;
    h.until("Address", 6.0).await;
    h.sees("(eth0)");
    // On the first page only the addresses are asked for.
    assert!(h.calls("GET /nodes/pve2/qemu/102/agent/get-osinfo").is_empty());
    h.press("tab tab").await;
    h.until("File systems", 2.0).await;
    for part in ["Host name", "nextcloud", "Debian GNU/Linux", "Time zone", "UTC", "Logged in", "127.0.0.1/8", "ext4"] {
        h.sees(part);
    }
    // The agent goes away.
    h.sim(|sim| sim.cluster.guests.get_mut(&102).unwrap().agent = false);
    h.until("QEMU guest agent is not running", 30.0).await;
    h.sees("install qemu-guest-agent inside");
    // A guest that is stopped is not asked; a container is asked by its node.
    h.press("esc").await;
    h.press("/").await;
    h.press("ctrl-u 'kali' enter enter tab tab").await;
    h.sees("nothing inside answers");
    assert!(h.calls("GET /nodes/pve3/qemu/111/agent").is_empty());
    h.press("esc 3").await;
    h.press("/").await;
    h.press("ctrl-u 'pihole' enter enter tab tab").await;
    h.until("bc:24", 3.0).await;
    h.sees_not("File systems");
}
