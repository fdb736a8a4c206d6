//! Marked secrets through the paths on which they travel (the sources of logins are in `cli_config.rs`), and a search for
//! them in everything that comes out: terminal, output, log, audit trail and its exports, presets, all files.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use proxmux::{
    api::{Request, http::Target, login::Credentials},
    shell::Place as Somewhere,
    views::login::Start,
};

use crate::{
    cli_config::{Cluster, Place},
    harness::Setup,
    tty::Tty,
};

const MARKED: &str = "Marked-Secret-4711";

/// Every file below a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let each = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    each.flat_map(|p| if p.is_dir() { files(&p) } else { vec![p] }).collect()
}

fn holds(bytes: &[u8]) -> bool {
    bytes.windows(MARKED.len()).any(|w| w == MARKED.as_bytes())
}

#[track_caller]
fn nowhere_below(dir: &Path, but: &[PathBuf]) {
    for path in files(dir).into_iter().filter(|p| !but.contains(p)) {
        assert!(!holds(&fs::read(&path).unwrap()), "a secret is in {}", path.display());
    }
}

#[test]
fn secret_typed_into_the_login_goes_to_the_server_only() {
    let (cluster, place) = (Cluster::start(), Place::new());
    let (config, log) = (place.path("config"), place.path("proxmux.log"));
    let state = place.path("state");
    let env = [
        ("PVE_HOST", cluster.host()),
        ("PVE_USER", "root@pam"),
        ("PVE_FINGERPRINT", cluster.get("fingerprint")),
        ("PROXMUX_CONFIG_DIR", config.to_str().unwrap()),
        ("PROXMUX_STATE_DIR", state.to_str().unwrap()),
    ];
    let mut tty =
        Tty::start(env!("CARGO_BIN_EXE_proxmux"), &["-vv", "--log-file", log.to_str().unwrap()], &env, 100, 30);
    tty.expect("Password");
    tty.settle(Duration::from_millis(300));
    tty.send(MARKED);
    tty.settle(Duration::from_millis(300));
    assert!(!tty.text().contains(MARKED), "it is on the screen");
    tty.send("\r");
    tty.expect("authentication failure");
    tty.send("\x1b");
    tty.settle(Duration::from_millis(300));
    assert!(!holds(&tty.raw), "it was written to the terminal");
    assert!(fs::metadata(&log).unwrap().len() > 100, "nothing was logged");
    nowhere_below(&place.path(""), &[]);
}

#[test]
fn secret_of_a_change_is_in_no_output_and_no_file() {
    let (cluster, place) = (Cluster::start(), Place::new());
    let given = place.write("given", &format!("{MARKED}\n"));
    let log = place.path("proxmux.log");
    let env = [
        ("PVE_HOST", cluster.host()),
        ("PVE_TOKEN_ID", cluster.get("token")),
        ("PVE_TOKEN_SECRET", cluster.get("secret")),
        ("PVE_FINGERPRINT", cluster.get("fingerprint")),
        ("RUST_BACKTRACE", "1"),
    ];
    let (password, again) = (format!("password=@{}", given.display()), format!("password2=@{}", given.display()));
    let cloud = format!("cipassword=@{}", given.display());
    let mut said = String::new();
    let mut run = |args: &[&str]| {
        let ran = place.run_with(&[args, &["-vv", "--log-file", log.to_str().unwrap()]].concat(), &env, "");
        said.push_str(&ran.out);
        said.push_str(&ran.err);
        ran
    };
    // Never on the command line, and the refusal does not repeat it.
    let bare = format!("cipassword={MARKED}");
    let refused = run(&["vm", "set", "104", &bare]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    for way in [&["--dry-run"][..], &[]] {
        let mut run = |args: &[&str]| run(&[way, args].concat());
        run(&["vm", "set", "104", &cloud, "--yes", "--json"]);
        run(&["vm", "set", "104", &cloud, "--yes"]);
        run(&["ct", "create", "hostname=x", "ostemplate=local:vztmpl/none.tar.zst", &password, &again, "--yes"]);
        run(&["api", "put", "/access/password", "userid=root@pam", &password, "--yes"]);
    }
    run(&["audit", "verify"]).good();
    let shown = run(&["audit", "show", "--json"]).good();
    assert!(shown.contains("cipassword"), "the change was written down, without its secret: {shown}");
    for format in ["pvesh", "curl"] {
        run(&["audit", "export", "--format", format]).good();
    }
    assert!(!said.contains(MARKED), "a secret was printed:\n{said}");
    assert!(fs::metadata(&log).unwrap().len() > 100, "nothing was logged");
    nowhere_below(&place.path(""), &[given]);
}

#[test]
fn secret_of_the_login_is_in_no_picture_and_no_report() {
    let (cluster, place) = (Cluster::start(), Place::new());
    let (log, state) = (place.path("proxmux.log"), place.path("state"));
    let connect = [
        ("PVE_HOST", cluster.host()),
        ("PVE_FINGERPRINT", cluster.get("fingerprint")),
        ("PROXMUX_STATE_DIR", state.to_str().unwrap()),
        ("RUST_BACKTRACE", "1"),
    ];
    let token = [("PVE_TOKEN_ID", cluster.get("token")), ("PVE_TOKEN_SECRET", cluster.get("secret"))];
    let password = [("PVE_USER", cluster.get("user")), ("PVE_PASSWORD", cluster.get("password"))];
    let secret = cluster.get("secret");
    let mut said = String::new();
    for login in [&token[..], &password] {
        let env = [&connect[..], login].concat();
        for args in [
            &["print", "dashboard", "--format", "svg"][..],
            &["print", "vms", "--format", "ansi"],
            &["print", "tasks", "--format", "text"],
            &["check"],
            &["check", "--json", "--for", "administer"],
            &["config", "show"],
            &["config", "show", "--json"],
            &["api", "get", "/access/users", "--json"],
            &["task", "list", "--json"],
            &["vm", "set", "111", "cores=3", "--json"],
            &["vm", "set", "99999", "cores=3"],
            &["audit", "export", "--format", "curl"],
        ] {
            let ran = place.run_with(&[args, &["-vv", "--log-file", log.to_str().unwrap()]].concat(), &env, "");
            said.push_str(&ran.out);
            said.push_str(&ran.err);
        }
    }
    assert!(said.len() > 10_000 && fs::metadata(&log).unwrap().len() > 1000, "too little was said: {said}");
    assert!(!said.contains(secret), "a secret was printed");
    for path in files(&place.path("")) {
        let bytes = fs::read(&path).unwrap();
        let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
        assert!(!found, "a secret is in {}", path.display());
    }
    // The ticket of the password's login is as good as the password.
    assert!(!said.contains("PVE:root@pam") && !fs::read_to_string(&log).unwrap().contains("PVE:root@pam"));
}

#[tokio::test(start_paused = true)]
async fn secret_fields_of_a_wizard_are_in_no_preset_and_on_no_page() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = Setup { presets: Some(dir.path().to_owned()), tab: '3', ..Setup::default() }.go().await;
    h.press(&format!("c down down 'x' alt-2 '{MARKED}' down '{MARKED}'")).await;
    for page in 1..=9 {
        h.press(&format!("alt-{page}")).await;
        h.sees_not(MARKED);
    }
    h.press("f6 'Save' enter 'kept' enter").await;
    h.until("Preset kept saved", 2.0).await;
    assert_eq!(files(dir.path()).len(), 1);
    nowhere_below(dir.path(), &[]);
    // What is copied is for somebody else's eyes, too.
    h.press("alt-9 ctrl-y").await;
    h.sees_not(MARKED);
}

#[test]
fn secret_values_survive_no_formatting() {
    // A crash prints what a value's Debug says.
    let credentials = Credentials::Password { user: "root@pam".into(), password: MARKED.into() };
    let target: Target = "pve1.example".parse().unwrap();
    let start = Start { target: Some(target.clone()), credentials: Some(credentials.clone()), ..Start::default() };
    let place = Somewhere {
        target,
        trust: None,
        user: None,
        credentials: Some(credentials.clone()),
        read_only: false,
        profile: None,
    };
    let wire = Request::<()>::post("/access/ticket").secret("password", MARKED).wire;
    let all = [
        format!("{credentials:?} {credentials:#?}"),
        format!("{start:?} {start:#?}"),
        format!("{place:?}"),
        format!("{wire:?} {wire}"),
    ];
    for text in all {
        assert!(!text.contains(MARKED), "{text}");
    }
}
