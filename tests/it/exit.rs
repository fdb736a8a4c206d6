//! Exit codes as scripts see them, by real processes: 0 done, 1 the user's to mend, 2 this machine, 3 the cluster.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    cli_config::{Cluster, Place},
    pty::Simulator,
};

#[test]
fn exit_codes_are_what_the_help_says() {
    let sim = Simulator::start(&["--speed", "20"]);
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("no/such/folder/log");
    let cut = dir.path().join("cut.toml");
    fs::write(&cut, "version = 1\n[profiles.lab\n").unwrap();
    let (cut, missing) = (cut.to_str().unwrap(), missing.to_str().unwrap());
    for (code, args) in [
        (0, &["--help"][..]),
        (0, &["check"]),
        (0, &["vm", "set", "111", "cores=3"]),
        (0, &["--dry-run", "vm", "set", "111", "cores=8"]),
        (0, &["snapshot", "create", "111", "snapname=first"]),
        (0, &["api", "create", "/nodes/pve3/qemu/111/status/start", "--yes"]),
        // The arguments, the files that they name, the configuration.
        (1, &["--no-such-option"]),
        (1, &["vm", "set", "111", "cores=many"]),
        (1, &["vm", "set", "99999", "cores=1"]),
        (1, &["--profile", "nobody", "check"]),
        (1, &["--config", cut, "check"]),
        (1, &["--config", "/no/such/file", "check"]),
        (1, &["--ca-file", "/no/such/file", "check"]),
        (1, &["preset", "import", "/no/such/file"]),
        (1, &["config", "import", "/no/such/file", "--name", "x"]),
        (1, &["api", "put", "/access/password", "userid=x@pve", "password@=/no/such/file"]),
        (1, &["vm", "delete"]),
        (1, &["snapshot", "delete", "111", "first"]),
        (1, &["task", "log", "UPID:pve1:00000001:00000001:00000001:qmstart:1:root@pam:"]),
        // This machine.
        (2, &["--log-file", missing, "check"]),
        (2, &["demo"]),
        // The cluster: not reached, refused, a task that failed.
        (3, &["--host", "127.0.0.1:9", "check"]),
        (3, &["api", "get", "/nodes/nowhere/status"]),
        (3, &["vm", "set", "112", "cores=1"]),
        (3, &["api", "create", "/nodes/pve3/qemu/111/status/start", "--yes"]),
    ] {
        let (got, out, err) = sim.run(args);
        assert_eq!(got, code, "{args:?}\n{out}\n{err}");
        assert!(code == 0 || err.trim().len() > 10, "{args:?} says nothing: {err}");
    }
    let refused = sim.command(&["check"]).env("PVE_TOKEN_SECRET", "wrong").output().unwrap();
    assert_eq!(refused.status.code(), Some(3));
}

#[test]
fn ctrl_c_while_waiting_leaves_the_task_and_says_how_to_go_on() {
    let sim = Simulator::start(&["--speed", "0.05"]);
    let mut command = sim.command(&["snapshot", "create", "111", "snapname=slow"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It waits once the task is known to the cluster.
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while !sim.run(&["task", "list", "--state", "running"]).1.contains("Snapshot") {
        assert!(std::time::Instant::now() < end, "the task has not begun");
    }
    std::thread::sleep(Duration::from_secs(1));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let mut said = String::new();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    while lines.read_line(&mut said).unwrap() > 0 {}
    assert_eq!(child.wait().unwrap().code(), Some(1), "{said}");
    assert!(said.contains("The task goes on") && said.contains("proxmux task wait 'UPID:"), "{said}");
    assert!(sim.run(&["task", "list", "--state", "running"]).1.contains("Snapshot"), "the task was stopped");
}

#[test]
fn bad_input_is_the_users_to_mend_and_nothing_is_overwritten() {
    let (cluster, place) = (Cluster::start(), Place::new());
    let env = [("PVE_HOST", cluster.host()), ("PVE_FINGERPRINT", cluster.get("fingerprint"))];
    // Each with the text of the configuration and what the message has to hold.
    for (text, words) in [
        ("version = 1\n[defaults]\nveiw = 'vms'\n", &["config.toml:3:1", "did you mean \"view\"", "veiw"][..]),
        ("version = 1\n[defaults]\nrefresh = 'soon'\n", &["config.toml:3:", "a whole number from 1 to 3600"]),
        ("version = 1\n[defaults]\naudit_syslog = 'here'\n", &["config.toml:3:", "unix:/dev/log"]),
        ("version = 1\n[defaults]\nupdate_url = 'ftp://x'\n", &["config.toml:3:", "https://"]),
        ("version = 99\n", &["version", "99"]),
        ("\u{0}", &["config.toml:1:"]),
    ] {
        let file = place.write("config.toml", text);
        for args in [&["check"][..], &["config", "check"], &["profile", "add", "x", "--host", "h"]] {
            let ran = place.run_with(args, &env, "");
            assert_eq!(ran.code, 1, "{args:?}: {}", ran.err);
            for word in words {
                assert!(ran.err.contains(word), "{args:?}: no \"{word}\" in {}", ran.err);
            }
            assert_eq!(fs::read_to_string(&file).unwrap(), text, "{args:?} has overwritten it");
        }
        fs::remove_file(file).unwrap();
    }
    let broken = place.write("schema.json", "{broken");
    let ran = place.run_with(&["simulate", "--listen", "127.0.0.1:0", "--schema", broken.to_str().unwrap()], &env, "");
    assert!(ran.code == 1 && ran.err.contains("no description of the API"), "{} {}", ran.code, ran.err);
    assert_eq!(fs::read_to_string(&broken).unwrap(), "{broken");
    let ran = place.run_with(&["simulate", "--listen", "127.0.0.1:0", "--schema", "/no/such/file"], &env, "");
    assert!(ran.code == 1 && ran.err.contains("there is no such file"), "{} {}", ran.code, ran.err);
    // Files that others may change or read.
    let file = place.write("config.toml", "version = 1\n");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let ran = place.run_with(&["check"], &env, "");
    assert!(ran.code == 1 && ran.err.contains("chmod go-w"), "{} {}", ran.code, ran.err);
    let secret = place.write("secret", "hunter2\n");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let text = format!(
        "version = 1\n[profiles.lab]\nhost = '{}'\nuser = 'root@pam'\nsecret = {{ file = '{}' }}\n",
        cluster.host(),
        secret.display()
    );
    let file = place.write("config.toml", &text);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let ran = place.run_with(&["--profile", "lab", "check"], &[], "");
    assert!(ran.code == 1 && ran.err.contains("chmod 600 '"), "{} {}", ran.code, ran.err);
    fs::remove_file(&secret).unwrap();
    let ran = place.run_with(&["--profile", "lab", "check"], &[], "");
    assert!(ran.code == 1 && ran.err.contains("can't be read"), "{} {}", ran.code, ran.err);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

/// The lines that a syslog gets, as RFC 5424 says: priority, version, time, host, program, process, then the line.
#[test]
fn a_syslog_gets_every_line_of_the_trail() {
    let sim = Simulator::start(&["--speed", "20"]);
    let socket = sim.config.path().join("log.sock");
    let syslog = UnixDatagram::bind(&socket).unwrap();
    syslog.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let text = format!("version = 1\n[defaults]\naudit_syslog = \"unix:{}\"\n", socket.display());
    fs::write(sim.config.path().join("config.toml"), text).unwrap();
    let (code, _, err) = sim.run(&["snapshot", "create", "111", "snapname=first"]);
    assert_eq!(code, 0, "{err}");
    let trail = fs::read_to_string(sim.config.path().join("state/audit.jsonl")).unwrap();
    assert_eq!(trail.lines().count(), 3, "{trail}");
    for line in trail.lines() {
        let mut buffer = [0; 8192];
        let n = syslog.recv(&mut buffer).expect("a line did not come");
        let message = std::str::from_utf8(&buffer[..n]).unwrap();
        let parts: Vec<&str> = message.splitn(8, ' ').collect();
        let [priority, time, host, program, pid, id, data, rest] = parts[..] else { panic!("{message}") };
        assert_eq!((priority, program, id, data), ("<109>1", "proxmux", "-", "-"), "{message}");
        assert!(time.parse::<jiff::Timestamp>().is_ok() && pid.parse::<u32>().is_ok(), "{message}");
        assert!(!host.is_empty(), "{message}");
        assert_eq!(rest, line);
    }
    // A syslog that is gone holds nothing up: the file is what counts.
    drop(syslog);
    let (code, _, err) = sim.run(&["snapshot", "delete", "111", "first", "--yes"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(sim.run(&["audit", "verify"]).0, 0);
}

/// Levels, times in ISO 8601, only for its owner, and said where.
#[test]
fn verbose_without_a_file_logs_into_the_state_folder() {
    let sim = Simulator::start(&[]);
    let (code, _, err) = sim.run(&["-v", "check"]);
    let log = sim.config.path().join("state/proxmux.log");
    assert!(code == 0 && err.contains(log.to_str().unwrap()), "{code} {err}");
    let text = fs::read_to_string(&log).unwrap();
    assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(text.contains("DEBUG") && text.contains("INFO"), "{text}");
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let time = line.split_whitespace().next().unwrap();
        assert!(time.parse::<jiff::Timestamp>().is_ok(), "no time in: {line}");
    }
    let secret = sim.ready["secret"].as_str().unwrap();
    assert!(!text.contains(secret), "{text}");
    let (_, _, err) = sim.run(&["check"]);
    assert!(!err.contains("proxmux.log"), "{err}");
}

/// Loads the script of a shell in that shell, and lets it complete `profi`, and the values of an option.
#[test]
fn completions_load_in_the_shells_that_are_there() {
    let place = Place::new();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_proxmux"));
    let folder = program.parent().unwrap().to_str().unwrap();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap());
    for (shell, file, args, script) in [
        (
            "bash",
            "p.bash",
            &["--norc", "-c"][..],
            "source FILE && COMP_WORDS=(proxmux profi) COMP_CWORD=1 && _proxmux proxmux profi proxmux; echo ${COMPREPLY[@]}",
        ),
        ("bash", "p.bash", &["--norc", "-c"], "source FILE && complete -p proxmux"),
        (
            "zsh",
            "_proxmux",
            &["-fc"],
            "autoload -Uz compinit; fpath=(DIR $fpath); compinit -u -D; print $_comps[proxmux]; autoload +X _proxmux",
        ),
        ("fish", "p.fish", &["--no-config", "-c"], "source FILE; complete -C 'proxmux profi'"),
        (
            "fish",
            "p.fish",
            &["--no-config", "-c"],
            "source FILE; test (complete -C 'proxmux --color ' | string join ,) = 16,256,auto,mono,truecolor; and echo pro",
        ),
        (
            "fish",
            "p.fish",
            &["--no-config", "-c"],
            "source FILE; complete -C 'proxmux --ascii --color mono pro'; complete -C 'proxmux demo --color tr' | grep truecolor",
        ),
    ] {
        if Command::new(shell).arg("--version").output().is_err() {
            println!("skipped: {shell} is not installed");
            continue;
        }
        let file = place.write(file, &place.run(&["completions", shell]).good());
        let script = script.replace("FILE", file.to_str().unwrap()).replace("DIR", place.path("").to_str().unwrap());
        let ran = Command::new(shell)
            .args(args)
            .arg(&script)
            .env("PATH", &path)
            .env("HOME", place.path(""))
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success() && err.trim().is_empty(), "{shell}: {out}\n{err}");
        assert!(out.contains("pro"), "{shell}: {out}\n{err}");
    }
}
