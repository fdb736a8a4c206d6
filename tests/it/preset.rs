//! Presets: values of wizards that are kept, loaded, compared; and guests like other guests.

use std::{fs, path::Path};

use crate::harness::{Harness, Setup};

async fn keeping(dir: &Path) -> Harness {
    Setup { presets: Some(dir.to_owned()), ..Setup::default() }.go().await
}

#[tokio::test(start_paused = true)]
async fn values_are_saved_loaded_and_compared() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = keeping(dir.path()).await;
    h.press("c down down 'web-02' alt-5 down ctrl-u '3' alt-6 ctrl-u '4096' f6").await;
    h.sees("Save these values as a preset");
    h.press("enter '../x' enter").await;
    h.sees("A name has letters, digits");
    h.press("ctrl-u 'web' enter").await;
    h.until("Preset web saved", 2.0).await;
    let text = fs::read_to_string(dir.path().join("web.toml")).unwrap();
    assert!(text.contains("\"cores\" = \"3\"") && text.contains("\"memory\" = \"4096\""), "{text}");
    assert!(!text.contains("web-02") && !text.contains("vmid"), "{text}");
    // Never replaced without a word.
    h.press("alt-6 ctrl-u '8192' f6").await;
    h.sees("Compare with web");
    h.press("'Save' enter 'web' enter").await;
    h.sees("web is there already");
    h.press("esc f6 'Compare' enter").await;
    h.sees("memory: 4096 | 8192");
    h.press("esc esc y").await;
    // In a new wizard.
    h.press("c f6 'Load web' enter alt-9").await;
    h.sees("cores=3");
    h.sees("memory=4096");
    h.sees("vmid=114");
    h.sees_not("name=web-02");
    assert!(h.writes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_broken_file_is_named_and_harms_nobody() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("old.toml"), "version = 1\nwizard = \"Create VM\"\n[values]\ncores = 4\n").unwrap();
    fs::write(dir.path().join("odd.toml"), "version = 1\nwizard = \"Create VM\"\n[values]\nfoo = \"4\"\n").unwrap();
    let mut h = keeping(dir.path()).await;
    h.press("c f6").await;
    h.sees("line 4, column 9");
    h.press("'Load odd' enter").await;
    h.sees("Unknown here, so left out: foo");
}

#[tokio::test(start_paused = true)]
async fn a_vm_like_another_one() {
    let mut h = Harness::new().await;
    h.press("/ 'gitea' enter =").await;
    h.wait(0.5).await;
    h.sees("Create a virtual machine");
    h.press("alt-9").await;
    h.wait(0.5).await;
    let config = h.sim(|sim| sim.cluster.guests[&104].config.clone());
    let cores = config.get("cores").unwrap().to_owned();
    for part in [format!("cores={cores}"), "vmid=114".into(), "POST /nodes/pve1/qemu".into()] {
        h.sees(&part);
    }
    let screen = h.screen();
    assert!(!screen.contains("name=gitea"), "{screen}");
    let mac = config.get("net0").unwrap().split(['=', ',']).nth(1).unwrap().to_owned();
    assert!(!screen.contains(&mac), "{screen}");
    h.press("enter").await;
    h.until("Create VM 114: done", 15.0).await;
    let made = h.sim(|sim| sim.cluster.guests[&114].config.clone());
    for key in ["memory", "ostype", "scsihw"] {
        assert_eq!(made.get(key), config.get(key), "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_like_another_one_wants_its_template() {
    let mut h = Setup { tab: '3', ..Setup::default() }.go().await;
    h.press("=").await;
    h.wait(0.5).await;
    h.sees("Create a container");
    h.press("alt-9").await;
    h.wait(0.5).await;
    h.sees("Something is missing");
}
