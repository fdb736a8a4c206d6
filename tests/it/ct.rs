//! The create-container wizard.

use proxmux::sim::{
    fault::Effect as Trouble,
    state::{Guest, Kind},
};

use crate::harness::{Harness, Setup};

const DEFAULT: &str = "POST /nodes/pve1/lxc vmid=114 ostemplate=nas:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst \
    hostname=web-77 unprivileged=1 features=nesting=1 rootfs=ceph:8 memory=512 swap=512 \
    net0=name=eth0,bridge=vmbr0,ip=dhcp,firewall=1 password=******** start=1";

async fn on_lxc(setup: Setup) -> Harness {
    Setup { tab: '3', ..setup }.go().await
}

/// Fills in what is needed, and stands on the last page.
async fn filled_in(h: &mut Harness) {
    h.press("c down down 'web-77' pgdn 'secret' tab 'secret' pgdn enter 'debian-13' enter alt-9 s").await;
    h.sees("This will be sent:");
}

#[tokio::test(start_paused = true)]
async fn by_template_to_a_running_container() {
    let mut h = on_lxc(Setup::default()).await;
    filled_in(&mut h).await;
    insta::assert_snapshot!(h.screen().lines().skip(2).collect::<Vec<_>>().join("\n"));
    assert_eq!(h.writes(), [""; 0], "nothing is sent before the last page");
    h.press("enter").await;
    assert_eq!(h.writes(), [DEFAULT]);
    h.until("Create CT 114 (web-77): done", 20.0).await;
    h.wait(6.0).await;
    assert!(h.runs(114), "start=1 starts it");
    let config = h.sim(|s| s.cluster.guests[&114].config.clone());
    assert_eq!((config["ostype"].as_str(), config["features"].as_str()), ("debian", "nesting=1"));
    h.until("114  web-77", 6.0).await;
    h.wait(60.0).await;
    assert_eq!(h.writes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_same_in_a_small_terminal() {
    let mut h = on_lxc(Setup::default().sized(80, 24)).await;
    h.press("c").await;
    insta::assert_snapshot!(h.screen().lines().skip(2).collect::<Vec<_>>().join("\n"));
    h.press("esc").await;
    filled_in(&mut h).await;
    h.press("enter").await;
    assert_eq!(h.writes(), [DEFAULT]);
    h.until("Create CT 114 (web-77): done", 20.0).await;
}

#[tokio::test(start_paused = true)]
async fn a_template_is_downloaded_while_the_rest_is_filled_in() {
    let mut h = on_lxc(Setup::default()).await;
    h.press("c down down 'files' alt-3 down enter 'catalogue' enter down enter 'fedora' enter").await;
    h.sees("fedora-42-default");
    // Which storage: the shared one is proposed.
    h.press("down").await;
    h.sees("nas");
    h.press("down space").await;
    let call = "POST /nodes/pve1/aplinfo storage=nas template=fedora-42-default_20250428_amd64.tar.xz";
    h.sees(call);
    assert_eq!(h.writes(), [""; 0], "the call is only shown");
    h.press("y").await;
    assert_eq!(h.writes(), [call]);
    h.until("on its way", 6.0).await;
    // The other pages can be filled in, but nothing is created without a template.
    h.press("alt-5 ctrl-u '2' ctrl-s").await;
    h.sees("is required");
    assert_eq!(h.writes().len(), 1);
    h.until("nas:vztmpl/fedora-42-default_20250428_a", 90.0).await;
    h.sees_not("on its way");
    h.press("alt-9").await;
    h.sees("hostname=files");
    h.sees("cores=2");
    h.sees("Nobody can log in");
    h.press("enter").await;
    assert!(h.writes()[1].starts_with(
        "POST /nodes/pve1/lxc vmid=114 ostemplate=nas:vztmpl/fedora-42-default_20250428_amd64.tar.xz hostname=files"
    ));
    h.until("Create CT 114 (files): done", 30.0).await;
}

#[tokio::test(start_paused = true)]
async fn an_image_of_a_registry_becomes_the_template() {
    let mut h = on_lxc(Setup::default().sized(80, 24)).await;
    h.press("c down down 'app' alt-3 down enter 'registry' enter down 'docker.io/library/nginx'").await;
    h.sees("needs a tag, for example docker.io/library/nginx:latest");
    h.press("':1.27' down down down space").await;
    h.sees("oci-registry-pull reference=docker.io/library/nginx:1.27");
    h.press("y").await;
    h.until("nas:vztmpl/nginx_1.27.tar", 60.0).await;
    h.press("alt-9").await;
    h.sees("ostemplate=nas:vztmpl/nginx_1.27.tar");
}

#[tokio::test(start_paused = true)]
async fn a_download_that_fails_says_why() {
    let mut h = on_lxc(Setup::default()).await;
    h.sim(|s| s.cluster.extra.insert("download-hosts".into(), serde_json::json!(["mirror.example"])));
    h.press("c alt-3 down enter 'catalogue' enter down enter 'fedora' enter down down space y").await;
    h.until("The template could not be fetched: download failed", 20.0).await;
    h.sees_not("on its way");
}

#[tokio::test(start_paused = true)]
async fn a_fixed_address_is_checked_against_its_network_and_the_other_guests() {
    let mut h = on_lxc(Setup::default()).await;
    let taken = h.sim(|s| {
        let mut guest = Guest::new(600, Kind::Lxc, "pve2");
        guest.config.insert("hostname".into(), "ns1".into());
        guest.config.insert("net0".into(), "name=eth0,bridge=vmbr0,ip=10.10.10.60/24".into());
        s.cluster.guests.insert(600, guest);
        s.cluster.touch();
        "10.10.10.60/24"
    });
    h.until("ns1", 15.0).await;
    h.press("c down down 'web-77' alt-3 enter 'debian-13' enter alt-6 down down").await;
    assert!(!h.calls("GET /nodes/pve2/lxc/600/config").iter().any(|_| true), "configurations are read when needed");
    h.press("enter 'static' enter down '10.10.10.61'").await;
    h.sees("needs the length of its network");
    h.press("'/24' down '10.10.11.1'").await;
    h.sees("is not in 10.10.10.0/24: its first address is 10.10.10.1");
    h.press(&format!("ctrl-u '10.10.10.1' up ctrl-u '{taken}'")).await;
    h.until("CT 600 (ns1) has this address in its configuration", 5.0).await;
    h.press("ctrl-u '10.10.10.61/24' down down enter 'slaac' enter alt-7 'home.example' down '10.10.10.1 x'").await;
    h.sees("\"x\" is no IP address");
    h.press("backspace backspace alt-9").await;
    h.sees("net0=name=eth0,bridge=vmbr0,ip=10.10.10.61/24,ip6=auto,firewall=1,gw=10.10.10.1");
    h.sees("searchdomain=home.example");
    h.sees("nameserver=10.10.10.1");
    h.press("enter").await;
    h.until("Create CT 114 (web-77): done", 20.0).await;
}

#[tokio::test(start_paused = true)]
async fn refusals_land_at_their_fields() {
    let mut h = on_lxc(Setup::default()).await;
    filled_in(&mut h).await;
    h.sim(|sim| {
        sim.cluster.guests.insert(114, Guest::new(114, Kind::Lxc, "pve2"));
        sim.cluster.touch();
    });
    h.press("enter").await;
    assert_eq!(h.writes().len(), 1);
    h.sees("already exists");
    assert!(h.line("CT ID*").contains('▌'), "the field has the focus: {}", h.screen());
    h.press("ctrl-u '115' alt-9").await;
    h.sim(|sim| drop(sim.cluster.storages.remove("ceph")));
    h.press("enter").await;
    assert_eq!(h.writes().len(), 2);
    h.sees("storage 'ceph' does not exist");
    assert!(h.line("Storage*").contains('▌'), "{}", h.screen());
}

#[tokio::test(start_paused = true)]
async fn an_unsure_creation_is_not_sent_again_by_itself() {
    let mut h = on_lxc(Setup::default()).await;
    filled_in(&mut h).await;
    h.trouble("/nodes/pve1/lxc", Some(1), Trouble::Lost);
    h.press("enter").await;
    h.wait(30.0).await;
    assert_eq!(h.writes(), [DEFAULT]);
    h.sees("look into the task list before trying again");
    h.sees("hostname=web-77");
    assert!(h.sim(|s| s.cluster.guests.contains_key(&114)));
}

#[tokio::test(start_paused = true)]
async fn passwords_are_typed_twice_and_names_are_unique() {
    let mut h = on_lxc(Setup::default()).await;
    h.press("c down down 'ci-runner-1'").await;
    h.sees("CT 207 has this name, too; ci-runner-2 is free");
    h.press("alt-2 'abc'").await;
    h.sees("must have at least 5 characters");
    h.press("'de' tab 'abcd' pgdn pgup").await;
    h.sees("is not the same as above");
    h.sees_not("abcd");
}

#[tokio::test(start_paused = true)]
async fn keys_are_found_and_made() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".ssh");
    let mut h = on_lxc(Setup { ssh: Some(folder.clone()), ..Setup::default() }).await;
    h.press("c down down 'web-77' alt-2 down down down down space").await;
    h.sees("ED25519");
    h.press("e").await;
    h.until("id_ed25519 was made", 10.0).await;
    h.sees("id_ed25519.pub");
    let line = std::fs::read_to_string(folder.join("id_ed25519.pub")).unwrap();
    h.press("up 'ssh-ed25519 AAAA'").await;
    h.sees("is no public key");
    h.press("ctrl-u alt-3 enter 'debian-13' enter alt-9").await;
    h.sees(&format!("ssh-public-keys={}", line.trim().split(' ').next().unwrap()));
    h.sees_not("Nobody can log in");
    h.press("enter").await;
    assert!(h.writes()[0].contains(&format!("ssh-public-keys={}", line.trim())), "{:?}", h.writes());
    // The next time it is there to be chosen.
    let mut h = on_lxc(Setup { ssh: Some(folder), ..Setup::default() }).await;
    h.press("c alt-2 down down enter").await;
    h.sees("id_ed25519.pub");
    h.sees("SHA256:");
}

#[tokio::test(start_paused = true)]
async fn what_only_root_may_set_is_said_before() {
    let mut h = on_lxc(Setup { tab: '3', ..Setup::default() }).await;
    h.press("c f2 down down down down down space").await;
    h.sees_not("will be refused");
    let mut h = on_lxc(Setup::as_user("operator@pve", "operator1")).await;
    h.press("c down down down down space f2 down space").await;
    h.sees("only root@pam may set this: operator@pve will be refused");
}
