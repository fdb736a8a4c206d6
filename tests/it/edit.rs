//! The editor of guests' settings.

use proxmux::{
    app::Msg,
    shell::Effect,
    sim::state::{Guest, Kind},
};

use serde_json::json;

use crate::harness::{Harness, Setup};

/// Changes without their digests, which depend on everything.
fn writes(h: &Harness) -> Vec<String> {
    let writes = h.writes();
    assert!(writes.iter().all(|w| w.contains(" digest=") || !w.contains("/config")), "{writes:?}");
    writes.into_iter().map(|w| w.split(" digest=").next().unwrap().to_owned()).collect()
}

fn config(h: &Harness, vmid: u32, key: &str) -> String {
    h.sim(|s| s.cluster.guests[&vmid].config.get(key).cloned().unwrap_or_default())
}

/// The editor of a guest, by its name.
async fn editor(h: &mut Harness, name: &str) {
    h.press(&format!("/ '{name}' enter e")).await;
    h.until("Setting", 2.0).await;
}

/// Answers what the user's editor would.
async fn in_editor(h: &mut Harness, change: impl FnOnce(&str) -> Result<String, String>) {
    let at = h.console.for_terminal.iter().position(|e| matches!(e, Effect::EditText(_))).expect("a text to edit");
    let Effect::EditText(edit) = h.console.for_terminal.remove(at) else { unreachable!() };
    let reply = (edit.then)(change(&edit.text));
    h.feed(Msg::Reply { to: edit.to, reply }).await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_shown_and_reverted() {
    let mut h = Harness::new().await;
    editor(&mut h, "nextcloud").await;
    let line = h.line("Memory");
    assert!(line.contains("8192 MiB") && line.contains("12288 MiB") && line.contains("restart"), "{line}");
    let line = h.line("Processors");
    assert!(line.contains("1 x 4 cores") && line.contains("1 x 6 cores"), "{line}");
    assert!(h.line("Hard disk (scsi1)").contains("live"), "disks come and go while it runs");
    h.sees("2 waiting for the next start");
    insta::assert_snapshot!(h.screen().lines().skip(2).collect::<Vec<_>>().join("\n"));
    h.press("u").await;
    h.sees("memory: 12288 -> 8192 (as it is now)");
    h.press("y").await;
    assert_eq!(writes(&h), ["PUT /nodes/pve2/qemu/102/config revert=memory"]);
    h.until("1 waiting for the next start", 5.0).await;
    h.press("U y").await;
    assert_eq!(writes(&h)[1], "PUT /nodes/pve2/qemu/102/config revert=cores");
    h.wait(2.0).await;
    h.sees_not("waiting");
}

#[tokio::test(start_paused = true)]
async fn a_row_is_edited_with_its_form() {
    let mut h = Setup::default().sized(80, 24).go().await;
    editor(&mut h, "opnsense").await;
    insta::assert_snapshot!("a_row_is_edited_hardware", h.screen().lines().skip(2).collect::<Vec<_>>().join("\n"));
    h.press("enter ctrl-u '8192' ctrl-s").await;
    h.sees("memory: 4096 -> 8192");
    h.sees("It waits for the next start");
    h.sees("PUT /nodes/pve1/qemu/100/config memory=8192");
    h.press("y").await;
    assert_eq!(writes(&h), ["PUT /nodes/pve1/qemu/100/config memory=8192"]);
    h.until("memory: 4096 -> 8192", 5.0).await;
    // Ballooning off, with the same form.
    h.press("enter f2 down space ctrl-s y").await;
    assert_eq!(writes(&h)[1], "PUT /nodes/pve1/qemu/100/config balloon=0");
    assert_eq!(config(&h, 100, "balloon"), "0");
    // A stopped one has it at once.
    h.press("esc").await;
    h.press("/ ctrl-u 'kali' enter e").await;
    h.until("Setting", 2.0).await;
    assert!(h.line("Memory").contains(" now"), "{}", h.screen());
    h.press("enter ctrl-u '1024' ctrl-s").await;
    h.sees_not("It waits");
    h.press("y").await;
    assert_eq!(config(&h, 111, "memory"), "1024");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_when_nothing_changed() {
    let mut h = Harness::new().await;
    editor(&mut h, "opnsense").await;
    for _ in 0..10 {
        h.press("enter").await;
        h.sees("Cancel".to_lowercase().as_str());
        h.press("ctrl-s").await;
        h.sees("Nothing would change.");
        h.press("esc down").await;
    }
    assert_eq!(h.writes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn settings_of_other_tools_survive_byte_for_byte() {
    let net = "virtio=BC:24:11:F2:21:06,bridge=vmbr0,queues=2,trunks=1;2,firewall=1";
    let mut h = Setup::default()
        .go_after(|sim| {
            let guest = sim.cluster.guests.get_mut(&100).unwrap();
            guest.config.insert("net0".into(), net.into());
            guest.config.insert("args".into(), "-device x,y=\"1 2\"".into());
            guest.config.insert("x-tool".into(), "kept, = \"so\"".into());
            guest.config.insert("unused3".into(), "local-lvm:vm-100-disk-9".into());
        })
        .await;
    editor(&mut h, "opnsense").await;
    h.sees("Unused disk (unused3)");
    h.press("/ 'net0' enter enter").await;
    h.press("down down down '42' ctrl-s").await;
    h.sees(&format!("net0: {net} -> {net},tag=42"));
    h.press("y").await;
    h.wait(1.0).await;
    assert_eq!(writes(&h), [format!("PUT /nodes/pve1/qemu/100/config net0={net},tag=42")]);
    h.press("esc tab tab").await;
    h.sees("x-tool");
    h.press("/ 'x-tool' enter").await;
    h.sees("belongs to another tool: kept as it is");
    h.press("enter").await;
    h.sees("it belongs to another tool");
    h.press("/ ctrl-u 'Name' enter enter ctrl-u 'fw-01' ctrl-s y").await;
    h.wait(1.0).await;
    assert_eq!(writes(&h)[1], "PUT /nodes/pve1/qemu/100/config name=fw-01");
    for (key, value) in [
        ("args", "-device x,y=\"1 2\""),
        ("x-tool", "kept, = \"so\""),
        ("unused3", "local-lvm:vm-100-disk-9"),
        ("name", "fw-01"),
    ] {
        assert_eq!(config(&h, 100, key), value);
    }
}

#[tokio::test(start_paused = true)]
async fn a_foreign_edit_is_shown_and_mine_made_again() {
    let mut h = Harness::new().await;
    editor(&mut h, "opnsense").await;
    h.press("enter ctrl-u '8192' ctrl-s").await;
    h.sim(|sim| {
        let guest = sim.cluster.guests.get_mut(&100).unwrap();
        guest.config.insert("tags".into(), "infra;theirs".into());
        guest.config.insert("onboot".into(), "0".into());
        sim.cluster.touch();
    });
    h.press("y").await;
    h.until("Somebody else was faster", 5.0).await;
    insta::assert_snapshot!(h.screen().lines().skip(2).take(34).collect::<Vec<_>>().join("\n"));
    for text in ["- infra;prod", "+ infra;theirs", "Memory: memory = 8192"] {
        h.sees(text);
    }
    assert_eq!((writes(&h).len(), config(&h, 100, "memory").as_str()), (1, "4096"), "nothing of theirs is overwritten");
    // The form comes back with what was typed, on top of their state.
    h.press("enter").await;
    h.sees("Edit Memory");
    h.sees("8192");
    h.press("ctrl-s y").await;
    h.wait(1.0).await;
    let all = h.writes();
    assert_eq!(all.len(), 2);
    assert_ne!(all[0], all[1], "another digest");
    assert_eq!(config(&h, 100, "tags"), "infra;theirs");
    let pending = h.sim(|s| s.cluster.guests[&100].pending.get("memory").cloned());
    assert_eq!(pending, Some(Some("8192".into())));
}

#[tokio::test(start_paused = true)]
async fn a_foreign_edit_stops_a_removal_too() {
    let mut h = Harness::new().await;
    editor(&mut h, "opnsense").await;
    h.press("/ 'net1' enter delete").await;
    h.sees("Remove Network device (net1)");
    h.sim(|sim| {
        sim.cluster.guests.get_mut(&100).unwrap().config.insert("cores".into(), "8".into());
        sim.cluster.touch();
    });
    h.press("y").await;
    h.until("Somebody else was faster", 5.0).await;
    h.sees("+ 8");
    h.press("enter").await;
    h.sees("Remove Network device (net1)");
    h.press("y").await;
    h.wait(1.0).await;
    assert_eq!((config(&h, 100, "net1").as_str(), config(&h, 100, "cores").as_str()), ("", "8"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_parameter_lands_at_its_field() {
    let mut h = Harness::new().await;
    editor(&mut h, "opnsense").await;
    h.press("tab tab / 'Hook' enter enter").await;
    h.press("enter 'odd' enter ctrl-s y").await;
    h.wait(1.0).await;
    assert_eq!(writes(&h).len(), 1);
    // The dialog is still there with what was typed, and the field says what is wrong.
    h.sees("Edit Hook script");
    let screen = h.screen();
    let lines: Vec<&str> = screen.lines().collect();
    let field = lines.iter().position(|l| l.contains("Hook script  odd")).unwrap_or_else(|| panic!("{screen}"));
    assert!(lines[field + 1].contains("invalid format"), "{screen}");
    assert_eq!(config(&h, 100, "hookscript"), "");
    h.press("esc y").await;
    h.sees_not("invalid format");
}

#[tokio::test(start_paused = true)]
async fn disks_are_added_grown_moved_detached_and_deleted() {
    let mut h = Harness::new().await;
    editor(&mut h, "kali").await;
    // The next free place on the bus.
    h.press("a 'hard disk' enter").await;
    h.sees("Add Hard disk: VM 111 (kali)");
    h.press("down enter 'ceph' enter down ctrl-u '8' ctrl-s").await;
    h.sees("POST /nodes/pve3/qemu/111/config");
    h.press("y").await;
    h.until("done", 20.0).await;
    h.until("Hard disk (scsi1)", 5.0).await;
    assert!(writes(&h)[0].starts_with("POST /nodes/pve3/qemu/111/config scsi1=ceph:8"), "{:?}", writes(&h));
    let volume = config(&h, 111, "scsi1").split(',').next().unwrap().to_owned();
    // Grown by 4 GiB.
    h.press("/ 'scsi1' enter + ctrl-u '4' ctrl-s").await;
    h.sees("scsi1: 8G -> 8G + 4 GiB");
    h.press("y").await;
    h.wait(5.0).await;
    assert_eq!(writes(&h)[1], "PUT /nodes/pve3/qemu/111/resize disk=scsi1 size=+4G");
    assert!(config(&h, 111, "scsi1").contains("size=12G"), "{}", config(&h, 111, "scsi1"));
    // Moved to files.
    h.press("V enter 'nas' enter down right ctrl-s").await;
    h.sees("POST /nodes/pve3/qemu/111/move_disk disk=scsi1 storage=nas");
    h.press("y").await;
    h.wait(200.0).await;
    assert!(config(&h, 111, "scsi1").starts_with("nas:111/"), "{}", config(&h, 111, "scsi1"));
    assert!(!h.sim(|s| s.cluster.guests[&111].config.values().any(|v| v.starts_with(&volume))));
    // Detached: the volume stays.
    h.press("delete").await;
    h.sees("stays as an unused disk");
    h.press("y").await;
    h.wait(1.0).await;
    assert_eq!(config(&h, 111, "scsi1"), "");
    let unused = config(&h, 111, "unused0");
    assert!(unused.starts_with("nas:111/"), "{unused}");
    // Attached again, to another bus.
    h.press("/ ctrl-u 'unused0' enter enter").await;
    h.sees(&format!("Attach {unused}"));
    h.press("enter 'virtio' enter ctrl-s").await;
    h.sees("virtio0: (not set) -> ");
    h.press("y").await;
    h.wait(3.0).await;
    assert!(config(&h, 111, "virtio0").starts_with(&unused), "{:?}", writes(&h));
    assert_eq!(config(&h, 111, "unused0"), "");
    // Away for good: the id is typed.
    h.press("/ ctrl-u 'virtio0' enter m D").await;
    h.sees("is deleted with everything on it");
    h.press("'111' enter").await;
    h.wait(3.0).await;
    assert!(h.writes().last().unwrap().contains("delete=virtio0 force=1"), "{:?}", h.writes());
    assert!(!h.sim(|s| s.cluster.guests[&111].config.values().any(|v| v.starts_with(&unused))));
}

#[tokio::test(start_paused = true)]
async fn a_disk_is_given_to_another_guest() {
    let mut h = Setup::default()
        .go_after(|sim| {
            let mut guest = Guest::new(150, Kind::Qemu, "pve3");
            guest.config.insert("name".into(), "heir".into());
            guest.config.insert("scsi0".into(), "none,media=cdrom".into());
            sim.cluster.guests.insert(150, guest);
            sim.cluster.touch();
        })
        .await;
    editor(&mut h, "kali").await;
    h.press("/ 'scsi0' enter m g").await;
    h.press("enter 'heir' enter").await;
    h.press("ctrl-s").await;
    h.sees("target-vmid=150 target-disk=scsi1");
    h.press("y").await;
    h.wait(5.0).await;
    assert!(config(&h, 150, "scsi1").contains("vm-150-disk"), "{:?} {}", h.writes(), h.screen());
    assert_eq!(config(&h, 111, "scsi0"), "");
}

#[tokio::test(start_paused = true)]
async fn cds_are_changed_and_ejected() {
    let mut h = Harness::new().await;
    editor(&mut h, "opnsense").await;
    h.press("/ 'ide2' enter enter enter 'iso' enter down enter 'debian' enter ctrl-s").await;
    h.sees("takes it over at once");
    h.press("y").await;
    h.wait(1.0).await;
    assert!(config(&h, 100, "ide2").starts_with("nas:iso/debian"), "{:?} {}", h.writes(), h.screen());
    h.press("m j").await;
    h.sees("-> none,media=cdrom");
    h.press("y").await;
    h.wait(1.0).await;
    assert_eq!(config(&h, 100, "ide2"), "none,media=cdrom");
}

#[tokio::test(start_paused = true)]
async fn options_go_back_to_their_defaults() {
    let mut h = Harness::new().await;
    editor(&mut h, "opnsense").await;
    h.press("tab tab / 'Start at boot' enter enter space ctrl-s").await;
    h.sees("onboot: 1 -> (removed)");
    h.press("y").await;
    h.press("/ ctrl-u 'Hotplug' enter enter enter 'memory' space esc ctrl-s").await;
    h.sees("hotplug: (not set) -> network,disk,usb,memory");
    h.press("y").await;
    h.press("/ ctrl-u 'Boot order' enter enter enter space esc ctrl-s y").await;
    h.press("/ ctrl-u 'ostype' enter delete").await;
    h.sees("Go back to the default");
    h.press("y").await;
    h.wait(1.0).await;
    assert_eq!(
        writes(&h),
        [
            "PUT /nodes/pve1/qemu/100/config delete=onboot",
            "PUT /nodes/pve1/qemu/100/config hotplug=network,disk,usb,memory",
            "PUT /nodes/pve1/qemu/100/config boot=order=scsi0;net0",
            "PUT /nodes/pve1/qemu/100/config delete=ostype",
        ]
    );
}

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGR1bW15 me@desk";

#[tokio::test(start_paused = true)]
async fn cloud_init_is_edited_and_shown() {
    let mut h = Harness::new().await;
    editor(&mut h, "gitea").await;
    h.press("tab").await;
    insta::assert_snapshot!(h.screen().lines().skip(2).take(14).collect::<Vec<_>>().join("\n"));
    h.press("down enter 'hunter2' ctrl-s").await;
    h.sees("cipassword: ");
    h.sees_not("hunter2");
    h.press("y").await;
    h.press("/ 'SSH' enter enter").await;
    h.press(&format!("ctrl-u '{KEY}' ctrl-s")).await;
    h.sees(KEY);
    h.press("y").await;
    // Another guest has this one.
    h.sim(|s| drop(s.cluster.guests.get_mut(&111).unwrap().config.insert("ipconfig0".into(), "ip=10.0.0.7/24".into())));
    h.press("/ ctrl-u 'net0' enter enter down ctrl-u '10.0.0.7/24'").await;
    h.until("VM 111 (kali) has this address in its configuration", 5.0).await;
    h.press("ctrl-u '10.0.0.5/24' down ctrl-u '10.0.0.1' ctrl-s y").await;
    h.wait(1.0).await;
    let all = writes(&h);
    assert_eq!(all[0], "PUT /nodes/pve1/qemu/104/config cipassword=********");
    assert_eq!(all[1], format!("PUT /nodes/pve1/qemu/104/config sshkeys={}", encoded(KEY)));
    assert!(all[2].contains("ipconfig0=ip=10.0.0.5/24,gw=10.0.0.1"), "{all:?} {}", h.screen());
    h.press("R").await;
    h.sees("PUT /nodes/pve1/qemu/104/cloudinit");
    h.press("y").await;
    h.wait(1.0).await;
    h.press("D").await;
    h.until("#cloud-config", 2.0).await;
    h.sees("me@desk");
    h.press("tab").await;
    h.until("10.0.0.5", 2.0).await;
    h.press("tab").await;
    h.until("instance-id", 2.0).await;
}

fn encoded(key: &str) -> String {
    key.replace(' ', "%20").replace('@', "%40")
}

#[tokio::test(start_paused = true)]
async fn containers_have_their_own_pages() {
    for (width, height) in [(80, 24), (120, 40)] {
        let mut h = Setup { tab: '3', ..Setup::default() }.sized(width, height).go().await;
        editor(&mut h, "pihole2").await;
        insta::assert_snapshot!(
            format!("containers_have_their_own_pages_{width}"),
            h.screen().lines().skip(2).collect::<Vec<_>>().join("\n")
        );
        h.press("enter ctrl-u '1024' ctrl-s").await;
        h.sees("takes it over at once");
        h.press("y").await;
        // A volume of its own.
        h.press("a 'mount' enter enter 'ceph' enter down ctrl-u '4' down '/data' ctrl-s").await;
        h.sees("lxc/201/config mp0=");
        h.press("y").await;
        h.wait(3.0).await;
        assert!(config(&h, 201, "mp0").contains("mp=/data"), "{:?} {}", h.writes(), h.screen());
        // Network: a static address.
        h.press("tab enter").await;
        h.press("down down enter 'static' enter down '10.10.10.53/24' down '10.10.10.1' ctrl-s").await;
        h.sees("ip=10.10.10.53/24");
        h.press("y").await;
        // DNS, options.
        h.press("tab / 'servers' enter enter '10.10.10.1' ctrl-s y esc").await;
        h.press("tab / 'Features' enter enter space ctrl-s").await;
        h.sees("features: nesting=1 -> (removed)");
        h.sees("It waits for the next start");
        h.press("y").await;
        h.wait(1.0).await;
        let all = writes(&h);
        assert_eq!(all[0], "PUT /nodes/pve3/lxc/201/config memory=1024");
        assert!(all[2].contains("ip=10.10.10.53/24,gw=10.10.10.1") || all[2].contains("gw=10.10.10.1"), "{all:?}");
        assert!(all[2].contains("hwaddr=BC:24:11:0A:96:DA"), "the address of the card stays: {all:?}");
        assert_eq!(all[3], "PUT /nodes/pve3/lxc/201/config nameserver=10.10.10.1");
        assert_eq!(all[4], "PUT /nodes/pve3/lxc/201/config delete=features");
        assert_eq!(all.len(), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn settings_are_edited_as_text() {
    let mut h = Harness::new().await;
    editor(&mut h, "opnsense").await;
    h.press("E").await;
    in_editor(&mut h, |text| {
        assert!(text.contains("description: # Firewall\n|\n|WAN on `net1`"), "{text}");
        assert!(text.contains("# meta: creation-qemu"), "{text}");
        Ok(text.replace("cores: 4", "cores: 6").replace("tags: infra;prod\n", "") + "tablet: 0\n")
    })
    .await;
    for text in
        ["cores: 4 -> 6", "tablet: (not set) -> 0", "tags: infra;prod -> (removed)", "wait for the next start: cores"]
    {
        h.sees(text);
    }
    h.press("y").await;
    h.wait(1.0).await;
    assert_eq!(writes(&h), ["PUT /nodes/pve1/qemu/100/config cores=6 tablet=0 delete=tags"]);
    // A mistake is named, and nothing sent.
    h.press("E").await;
    in_editor(&mut h, |text| Ok(text.replace("memory: ", "memroy: "))).await;
    h.sees("no such setting; did you mean memory?");
    h.press("E").await;
    in_editor(&mut h, |_| Err("the editor (vi) ended with 1: nothing was changed".into())).await;
    h.sees("the editor (vi) ended with 1");
    h.press("E").await;
    in_editor(&mut h, |text| Ok(text.to_owned())).await;
    h.sees("Nothing would change");
    // Notes have the editor to themselves.
    h.press("tab tab / 'Notes' enter enter").await;
    in_editor(&mut h, |text| Ok(text.replace("Firewall", "Gateway"))).await;
    h.press("y").await;
    h.wait(1.0).await;
    assert!(config(&h, 100, "description").starts_with("# Gateway\n\nWAN"), "{}", config(&h, 100, "description"));
    assert_eq!(h.writes().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn read_only_mode_lets_look_but_not_touch() {
    let mut h = Setup { read_only: true, ..Setup::default() }.go().await;
    editor(&mut h, "nextcloud").await;
    for keys in ["enter", "a", "u", "E", "U"] {
        h.press(keys).await;
        h.sees("Read-only mode");
        h.press("esc").await;
        if !h.screen().contains("Hardware") {
            h.press("e").await;
            h.wait(1.0).await;
        }
    }
    assert_eq!(h.writes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn settings_that_can_not_be_read_say_why() {
    let mut h = Harness::new().await;
    h.trouble("/pending", None, proxmux::sim::fault::Effect::Status(595, "No route to host".into()));
    h.press("/ 'opnsense' enter e").await;
    h.wait(1.0).await;
    h.sees("No route to host");
    h.no_trouble();
    h.press("r").await;
    h.until("Hard disk (scsi0)", 5.0).await;
}

#[tokio::test(start_paused = true)]
async fn certificates_of_an_efi_disk_are_enrolled() {
    let mut h = Harness::new().await;
    editor(&mut h, "win11-office").await;
    h.press("G up enter f2").await;
    h.sees("Certificates");
    h.press("down enter 'all of them' enter ctrl-s").await;
    h.sees("ms-cert=2023k");
    h.press("y").await;
    assert!(
        writes(&h)[0].ends_with("efidisk0=ceph:vm-105-disk-1,efitype=4m,pre-enrolled-keys=1,size=528K,ms-cert=2023k"),
        "{:?}",
        writes(&h)
    );
}

#[tokio::test(start_paused = true)]
async fn types_of_mediated_devices_are_offered() {
    let mut h = Harness::new().await;
    h.sim(|sim| {
        let types = json!([{"type": "nvidia-63", "description": "GRID P4-1Q, 1 GiB", "available": 3}]);
        let gpu = json!([{"id": "0000:01:00.0", "class": "0x030000", "vendor": "0x10de", "device": "0x1bb3", "iommugroup": 7,
            "device_name": "Tesla P4", "vendor_name": "NVIDIA", "mdev": 1, "types": types}]);
        sim.cluster.nodes.get_mut("pve3").unwrap().extra.insert("pci".into(), gpu);
    });
    editor(&mut h, "kali").await;
    h.press("a 'PCI' enter enter 'raw' enter down enter 'Tesla' enter").await;
    h.wait(0.5).await;
    assert_eq!(h.calls("GET /nodes/pve3/hardware/pci/0000").len(), 1, "{}", h.screen());
    h.press("down enter 'P4-1Q' enter ctrl-s").await;
    h.sees("hostpci0=0000:01:00.0,mdev=nvidia-63");
}
