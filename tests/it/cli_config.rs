//! Configuration and profiles through the real program: what it prints, which exit code it ends with, what it writes,
//! and that no secret gets out.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_proxmux");

/// A folder of its own, and nothing of the user's environment.
pub struct Place {
    dir: tempfile::TempDir,
}

pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Place {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.dir.path());
        command.env("PROXMUX_CONFIG_DIR", self.dir.path()).stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, &[], "")
    }

    pub fn run_with(&self, args: &[&str], env: &[(&str, &str)], input: &str) -> Ran {
        let mut command = self.command();
        command
            .args(args)
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It may end without reading.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
    }
}

impl Ran {
    #[track_caller]
    pub fn good(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    #[track_caller]
    pub fn fails(self, code: i32, want: &str) -> Self {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert!(self.err.contains(want), "no \"{want}\" in: {}", self.err);
        self
    }
}

/// `proxmux simulate`, ended when this is dropped.
pub struct Cluster {
    child: Child,
    pub ready: Value,
}

impl Cluster {
    pub fn start() -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["simulate", "--json", "--listen", "127.0.0.1:0", "--login-delay", "0ms"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, ready: serde_json::from_str(&line).unwrap() }
    }

    pub fn get(&self, key: &str) -> &str {
        self.ready[key].as_str().unwrap()
    }

    pub fn host(&self) -> &str {
        self.get("url").trim_start_matches("https://")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn config_shows_values_and_who_said_them() {
    let place = Place::new();
    place.write("config.toml", "[defaults]\nrefresh = 9\nview = \"vms\"\n[profiles.lab]\nhost = [\"a\", \"b\"]\nrefresh = 8\nsecret = { env = \"X\" }\n");
    let env = [("PROXMUX_VIEW", "lxc"), ("PVE_PASSWORD", "hunter2"), ("PVE_USER", "u@pam")];
    let show = |args: &[&str]| -> Value {
        serde_json::from_str(&place.run_with(&[&["config", "show", "--json"], args].concat(), &env, "").good()).unwrap()
    };
    let of = |all: &Value, name: &str| {
        let s = &all["settings"][name];
        (s["value"].clone(), s["source"].as_str().unwrap().to_owned())
    };
    let all = show(&[]);
    assert_eq!(all["profile"], "lab", "the only profile counts");
    assert_eq!(of(&all, "refresh"), (8.into(), "profile".into()));
    assert_eq!(of(&all, "view"), ("lxc".into(), "environment".into()));
    assert_eq!(of(&all, "host"), (serde_json::json!(["a", "b"]), "profile".into()));
    assert_eq!(of(&all, "timeout"), (30.into(), "built-in".into()));
    assert!(!all.to_string().contains("hunter2"));
    let all = show(&["--refresh", "7", "--host", "b"]);
    assert_eq!((of(&all, "refresh"), of(&all, "host")), ((7.into(), "flag".into()), ("b".into(), "flag".into())));
    let all = show(&["--host", "elsewhere"]);
    assert_eq!((&all["profile"], of(&all, "refresh")), (&Value::Null, (9.into(), "defaults".into())));
    let plain = place.run_with(&["config", "show"], &env, "").good();
    assert!(plain.lines().any(|l| l.starts_with("view") && l.ends_with("environment (PROXMUX_VIEW)")), "{plain}");
    assert!(plain.contains("in the variable PVE_PASSWORD") && !plain.contains("hunter2"));
}

#[test]
fn config_mistakes_stop_every_start_with_code_1() {
    let place = Place::new();
    let path = place.write("config.toml", "[profiles.lab]\nhots = \"a\"\n[defaults]\nrefresh = 0\n");
    let before = fs::read(&path).unwrap();
    for args in [&["config", "check"][..], &[], &["demo"], &["profile", "list"], &["print", "vms"], &["config", "show"]]
    {
        let ran =
            place.run(args).fails(1, "config.toml:2:1: [profiles.lab] has no setting \"hots\"; did you mean \"host\"?");
        assert!(ran.err.contains("config.toml:4:11: refresh"), "{}", ran.err);
    }
    let ran = place.run(&["config", "check", "--json"]);
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &json["ok"], &json["mistakes"][0]["line"]), (1, &false.into(), &2.into()));
    assert_eq!(fs::read(&path).unwrap(), before);
    for (text, want) in [
        ("[keys]\n\"guest.start\" = \"q\"\n\"app.quit\" = \"hyper-x\"", ":3:14:"),
        ("[keys]\n\"guest.strat\" = \"s\"", "did you mean \"guest.start\"?"),
        ("[keys]\n\"guest.start\" = \"S\"", "key S is used by guest.shutdown and guest.start"),
        ("[theme]\ndanger = \"no colour\"", ":2:10:"),
        ("[theme]\ndagner = \"red\"", "did you mean \"danger\"?"),
        ("[defaults]\nview = \"vm\"", "did you mean \"vms\"?"),
    ] {
        place.write("config.toml", text);
        place.run(&["config", "check"]).fails(1, want);
    }
    place
        .run(&["--config", "/no/such/file.toml", "--host", "127.0.0.1:1"])
        .fails(1, "there is no configuration /no/such/file.toml");
    place.write("config.toml", "[profiles.lab]\nhost = \"a\"\n[profiles.prod]\nhost = \"b\"\n");
    place.run(&["--profile", "lba"]).fails(1, "did you mean \"lab\"?");
    assert!(place.run(&["config", "check"]).good().contains("no mistakes, 2 profiles"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    place.run(&["profile", "list"]).fails(1, "chmod go-w");
}

#[test]
fn config_profiles_come_and_go_and_comments_stay() {
    let place = Place::new();
    let path = place.write("config.toml", "# mine\n[defaults] # all\nrefresh = 9\n");
    place.run(&["profile", "add", "lab"]).fails(1, "which server?");
    place.run(&["profile", "add", "a b", "--host", "x"]).fails(1, "letters, digits");
    place.run(&["profile", "add", "lab", "--host", "http://x"]).fails(1, "only https");
    place
        .run(&["profile", "add", "lab", "--host", "a,b:1", "--user", "root@pam", "--read-only", "--frame", "red"])
        .good();
    place
        .run(&["profile", "add", "ci", "--host", "c", "--token", "x@pve!t", "--secret-command", "pass", "show", "-x"])
        .good();
    place.run(&["profile", "add", "lab", "--frame", "blue"]).good();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# mine\n") && text.contains("[defaults] # all"), "{text}");
    assert!(text.contains("frame = \"blue\"") && text.contains("host = [\"a\", \"b:1\"]"), "{text}");
    let list: Value = serde_json::from_str(&place.run(&["profile", "list", "--json"]).good()).unwrap();
    let names: Vec<_> =
        list.as_array().unwrap().iter().map(|p| (p["name"].as_str().unwrap(), p["default"] == true)).collect();
    assert_eq!(names, [("ci", false), ("lab", true)]);
    assert_eq!((&list[1]["read_only"], &list[0]["login"]), (&true.into(), &"x@pve!t".into()));
    assert!(!list.to_string().contains("show"), "arguments of commands are not shown");
    place.run(&["profile", "rm", "ci"]).fails(1, "nothing was removed");
    place.run(&["profile", "rm", "ci", "--yes"]).good();
    place.run(&["profile", "rm", "ci", "--yes"]).fails(1, "there is no profile \"ci\"");
    // What is kept in a keyring that can't be reached is not forgotten silently.
    place.run(&["profile", "add", "kept", "--host", "a", "--keyring"]).good();
    let ran = place.run(&["profile", "rm", "kept", "--yes"]);
    assert!(ran.err.contains("stays in the system's keyring") && ran.err.contains("user kept"), "{}", ran.err);
    ran.good();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn config_edit_never_replaces_what_works_by_what_does_not() {
    let place = Place::new();
    let path = place.write("config.toml", "[profiles.lab]\nhost = \"a\"\n");
    let edit = |script: &str| {
        let editor = place.write("editor", &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(&editor, fs::Permissions::from_mode(0o700)).unwrap();
        place.run_with(&["config", "edit"], &[("EDITOR", editor.to_str().unwrap())], "")
    };
    edit("sed -i s/host/hots/ \"$1\"").fails(1, "did you mean \"host\"?");
    assert!(fs::read_to_string(&path).unwrap().contains("host ="));
    // The copy with the mistake waits for the next try.
    edit("sed -i s/hots/host/ \"$1\"; echo 'user = \"u@pam\"' >> \"$1\"").good();
    assert!(fs::read_to_string(&path).unwrap().contains("u@pam") && !place.path("config.toml.edited").exists());
    edit("exit 3").fails(1, "is as it was");
    place.run_with(&["config", "edit"], &[("EDITOR", "/no/such/editor")], "").fails(2, "set EDITOR");
}

#[test]
fn config_imports_other_tools_and_migrates() {
    let place = Place::new();
    let json = place.write(
        "old/config.json",
        r#"{"host":"https://pve1:8006","user":"root@pam","tokenId":"mux","tokenSecret":"hunter2-json"}"#,
    );
    let out = place.run(&["config", "import", json.to_str().unwrap(), "--name", "home"]).good();
    let secret = place.path("secrets/home.secret");
    assert_eq!(fs::read_to_string(&secret).unwrap(), "hunter2-json\n");
    assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!out.contains("hunter2") && !fs::read_to_string(place.path("config.toml")).unwrap().contains("hunter2"));
    place.run(&["config", "import", json.to_str().unwrap(), "--name", "home"]).fails(1, "--replace");
    let bad = place.write("bad.conf", "what is this\n");
    place
        .run(&["config", "import", bad.to_str().unwrap(), "--name", "x"])
        .fails(1, "line 1 is not of the form KEY=VALUE");
    place.run(&["config", "import", "/no/such/file", "--name", "x"]).fails(1, "there is no such file");

    let old = "# old\n[profile.lab]\nserver = \"a\"\nusername = \"root@pam\"\n";
    place.write("config.toml", old);
    place.run(&["profile", "list"]).good();
    assert_eq!(fs::read_to_string(place.path("config.toml.v0.bak")).unwrap(), old);
    assert!(fs::read_to_string(place.path("config.toml")).unwrap().contains("[profiles.lab]"));
}

#[test]
fn check_looks_at_everything() {
    let cluster = Cluster::start();
    let place = Place::new();
    let env = |secret: &'static str| {
        [
            ("PVE_HOST", cluster.host().to_owned()),
            ("PVE_TOKEN_ID", cluster.get("token").to_owned()),
            ("PVE_TOKEN_SECRET", if secret.is_empty() { cluster.get("secret").to_owned() } else { secret.to_owned() }),
            ("PVE_FINGERPRINT", cluster.get("fingerprint").to_owned()),
        ]
    };
    let run = |args: &[&str], secret: &'static str| {
        let env = env(secret);
        let env: Vec<(&str, &str)> = env.iter().map(|(n, v)| (*n, v.as_str())).collect();
        place.run_with(&[&["check"], args].concat(), &env, "")
    };
    let ran = run(&["--json"], "");
    let all: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}{}", ran.out, ran.err));
    let state = |name: &str| {
        let found = all["checks"].as_array().unwrap().iter().find(|c| c["name"] == name);
        found.map(|c| c["state"].as_str().unwrap().to_owned())
    };
    for name in ["reachable", "tls", "clock", "login", "version"] {
        assert_eq!(state(name).as_deref(), Some("ok"), "{name}: {all:#}");
    }
    assert!(state("quorum").is_some() && state("storages").is_some(), "{all:#}");
    assert!(all["privileges"].as_array().unwrap().len() > 20);
    let text = run(&["--for", "look"], "");
    assert!(text.out.contains("see guests") && text.out.contains("to administer"), "{}{}", text.out, text.err);
    run(&[], "wrong").fails(3, "Check user, realm and password, or the token");
    let fingerprint = "00".repeat(32);
    run(&["--fingerprint", &fingerprint], "").fails(3, "certificate");
    place.run(&["check", "--host", "127.0.0.1:1", "--user", "root@pam"]).fails(3, "refuses connections");
    place.run(&["check"]).fails(1, "no server");
    assert!(
        place.run(&["check", "--pveum", "--for", "operate"]).good().contains("pveum role add ProxmuxOperate --privs '")
    );
}

#[test]
fn config_several_nodes_stand_in_for_each_other() {
    let cluster = Cluster::start();
    let place = Place::new();
    let profile = |hosts: &str| {
        let text = format!(
            "[profiles.lab]\nhost = [{hosts}]\nfingerprint = \"{}\"\ntoken = \"{}\"\nsecret = {{ env = \"S\" }}\n",
            cluster.get("fingerprint"),
            cluster.get("token")
        );
        place.write("config.toml", &text);
    };
    let env = [("S", cluster.get("secret"))];
    profile(&format!("\"127.0.0.1:1\", \"{}\"", cluster.host()));
    let out = place.run_with(&["profile", "test", "lab"], &env, "").good();
    assert!(out.contains("logged in as"), "{out}");
    assert!(place.run_with(&["print", "vms"], &env, "").good().contains("running"));
    profile("\"127.0.0.1:1\", \"127.0.0.1:2\"");
    place.run_with(&["profile", "test", "lab"], &env, "").fails(3, "none of the 2 addresses answers");
}

#[test]
fn completions_and_manual() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(place.run(&["completions", shell]).good().contains("profile"), "{shell}");
    }
    assert!(place.run(&["man"]).good().contains("EXIT") || place.run(&["man"]).good().contains("Exit codes"));
    place.run(&["completions", "tcsh"]).fails(1, "possible values");
    let help = place.run(&["--help"]).good();
    for word in ["Connection:", "Configuration:", "Console:", "Examples:", "Exit codes:"] {
        assert!(help.contains(word), "{word}: {help}");
    }
}

/// Every file below a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let each = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    each.flat_map(|p| if p.is_dir() { files(&p) } else { vec![p] }).collect()
}

#[test]
fn config_secrets_stay_where_they_are_kept() {
    let cluster = Cluster::start();
    let (place, secret) = (Place::new(), cluster.get("secret").to_owned());
    let passphrase = "marked passphrase";
    let connect = format!(
        "host = \"{}\"\nfingerprint = \"{}\"\ntoken = \"{}\"\n",
        cluster.host(),
        cluster.get("fingerprint"),
        cluster.get("token")
    );
    let file = place.write("kept.secret", &format!("{secret}\n"));
    let loose = place.write("loose.secret", &format!("{secret}\n"));
    fs::set_permissions(&loose, fs::Permissions::from_mode(0o644)).unwrap();
    let mut text = String::new();
    let mut add = |name: &str, source: &str| text.push_str(&format!("[profiles.{name}]\n{connect}secret = {source}\n"));
    add("env", "{ env = \"MARKED\" }");
    add("file", &format!("{{ file = \"{}\" }}", file.display()));
    add("command", &format!("{{ command = [\"cat\", \"{}\"] }}", file.display()));
    add("stored", "\"stored\"");
    add("loose", &format!("{{ file = \"{}\" }}", loose.display()));
    add("broken", &format!("{{ command = [\"sh\", \"-c\", \"cat {0}; cat {0} >&2; exit 3\"] }}", file.display()));
    add("wrong", "{ env = \"WRONG\" }");
    add("keyring", "\"keyring\"");
    let password = format!(
        "[profiles.password]\nhost = \"{}\"\nfingerprint = \"{}\"\nuser = \"{}\"\n",
        cluster.host(),
        cluster.get("fingerprint"),
        cluster.get("user")
    );
    place.write("config.toml", &format!("{text}{password}"));
    let log = place.path("proxmux.log");
    let env = [
        ("MARKED", secret.as_str()),
        ("WRONG", "marked-wrong-secret"),
        ("PROXMUX_PASSPHRASE", passphrase),
        ("RUST_BACKTRACE", "1"),
    ];
    let mut said = String::new();
    let mut run = |args: &[&str], input: &str| {
        let ran = place.run_with(&[args, &["-vv", "--log-file", log.to_str().unwrap()]].concat(), &env, input);
        said.push_str(&ran.out);
        said.push_str(&ran.err);
        ran
    };
    run(&["profile", "secret", "stored"], &format!("{secret}\n")).good();
    for name in ["env", "file", "command", "stored"] {
        let out = run(&["profile", "test", name], "").good();
        assert!(out.contains("logged in as") && out.contains("Proxmox VE"), "{out}");
        run(&["--profile", name, "print", "vms"], "").good();
        run(&["profile", "test", name, "--json"], "").good();
    }
    run(&["profile", "test", "password"], &format!("{}\n", cluster.get("password"))).good();
    run(&["profile", "test", "loose"], "").fails(1, &format!("chmod 600 '{}'", loose.display()));
    run(&["profile", "test", "broken"], "").fails(1, "ended with status 3");
    run(&["profile", "test", "wrong"], "").fails(3, "Check user, realm and password, or the token");
    run(&["profile", "test", "keyring"], "").fails(1, "built without the keyring");
    run(&["config", "show", "--profile", "stored"], "").good();
    run(&["profile", "list"], "").good();
    let ran = place
        .run_with(&["profile", "test", "stored"], &[("PROXMUX_PASSPHRASE", "another")], "")
        .fails(1, "the passphrase is wrong");
    said.push_str(&ran.err);

    let allowed = [file, loose];
    for marked in [secret.as_str(), cluster.get("password"), passphrase, "marked-wrong-secret"] {
        // The demo's password is the program's own name, which is everywhere.
        if marked.len() < 10 {
            continue;
        }
        assert!(!said.contains(marked), "a secret was printed");
        for path in files(place.dir.path()).into_iter().filter(|p| !allowed.contains(p)) {
            let content = fs::read(&path).unwrap();
            let found = content.windows(marked.len()).any(|w| w == marked.as_bytes());
            assert!(!found, "a secret is in {}", path.display());
        }
    }
    assert!(fs::read_to_string(&log).unwrap().len() > 100, "nothing was logged");
}
