//! The real program in a pseudo-terminal: what it shows, that it gives the terminal back, and that it is quiet.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::tty::Tty;

const PROGRAM: &str = env!("CARGO_BIN_EXE_proxmux");
const SECOND: Duration = Duration::from_secs(1);

/// A configuration folder of its own, so that no test sees the user's.
fn config() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// The console on the simulated homelab, once its guests are there.
fn demo(args: &[&str], env: &[(&str, &str)], columns: u16, lines: u16) -> Tty {
    let config = config();
    let env = [&[("PROXMUX_CONFIG_DIR", config.path().to_str().unwrap())], env].concat();
    let mut tty = Tty::start(PROGRAM, &[args, &["demo"]].concat(), &env, columns, lines);
    tty.expect("nodes");
    tty.settle(SECOND / 4);
    tty
}

/// `proxmux simulate`, ended when this is dropped.
pub struct Simulator {
    child: Child,
    /// What it said once it listened.
    pub ready: serde_json::Value,
    /// The configuration of the commands that are run.
    pub config: tempfile::TempDir,
}

impl Simulator {
    pub fn start(args: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["simulate", "--json", "--listen", "127.0.0.1:0"]).args(args);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, ready: serde_json::from_str(&line).unwrap(), config: config() }
    }

    fn console(&self, args: &[&str]) -> Tty {
        let get = |key: &str| self.ready[key].as_str().unwrap();
        let host = get("url").trim_start_matches("https://");
        let config = config();
        let env = [
            ("PVE_HOST", host),
            ("PVE_TOKEN_ID", get("token")),
            ("PVE_TOKEN_SECRET", get("secret")),
            ("PVE_FINGERPRINT", get("fingerprint")),
            ("PROXMUX_CONFIG_DIR", config.path().to_str().unwrap()),
        ];
        Tty::start(PROGRAM, args, &env, 100, 30)
    }
}

impl Simulator {
    /// Runs a command against it: exit code, output, errors.
    pub fn run(&self, args: &[&str]) -> (i32, String, String) {
        let output = self.command(args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    }

    /// A command against it, with nothing to read.
    pub fn command(&self, args: &[&str]) -> Command {
        let get = |key: &str| self.ready[key].as_str().unwrap();
        let mut command = Command::new(PROGRAM);
        command
            .args(args)
            .env("PVE_HOST", get("url").trim_start_matches("https://"))
            .env("PVE_TOKEN_ID", get("token"))
            .env("PVE_TOKEN_SECRET", get("secret"))
            .env("PVE_FINGERPRINT", get("fingerprint"))
            .env("PROXMUX_CONFIG_DIR", self.config.path())
            .stdin(Stdio::null());
        command
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Nothing of the console is left in the terminal.
fn assert_restored(tty: &Tty) {
    let screen = tty.screen();
    assert!(!screen.alternate_screen(), "the alternate screen was not left");
    assert!(!screen.hide_cursor(), "the cursor is still hidden");
    assert!(!screen.bracketed_paste(), "pasting is still bracketed");
    assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None, "the mouse is still captured");
    assert!(!tty.is_raw(), "the terminal is still in raw mode");
}

/// The parameters of every sequence that sets colours or styles.
fn styles(raw: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(raw);
    let sequences = text.split("\x1b[").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
        rest[end..].starts_with('m').then(|| rest[..end].to_owned())
    });
    sequences.collect()
}

fn is_colour(style: &str) -> bool {
    style.split(';').filter_map(|n| n.parse::<u32>().ok()).any(|n| matches!(n, 30..=38 | 40..=48 | 58 | 90..=107))
}

#[test]
fn shows_filters_quits_and_gives_the_terminal_back() {
    let mut tty = demo(&[], &[], 120, 40);
    assert!(tty.screen().alternate_screen() && tty.screen().hide_cursor() && tty.is_raw());
    assert!(tty.text().contains("Guests") && styles(&tty.raw).iter().any(|s| is_colour(s)));
    tty.send("2");
    tty.expect("Virtual machines");
    let rows = |tty: &Tty| tty.text().lines().filter(|l| l.contains("running")).count();
    let all = rows(&tty);
    assert!(all > 3, "{}", tty.text());
    tty.send("/id:10");
    tty.expect("/id:10");
    tty.settle(SECOND / 4);
    assert!(rows(&tty) < all, "{}", tty.text());
    tty.send("\x1b");
    assert!(tty.wait(SECOND * 5, |s| !s.contents().contains("id:10")).is_some(), "{}", tty.text());
    tty.send("q");
    assert_eq!(tty.wait_end(SECOND * 3).expect("it did not quit").exit_code(), 0);
    assert_restored(&tty);
    assert_eq!(tty.text().trim(), "", "something is left on the ordinary screen");
}

#[test]
fn the_tour_goes_on_with_what_is_done() {
    let config = config();
    let env = [("PROXMUX_CONFIG_DIR", config.path().to_str().unwrap())];
    let mut tty = Tty::start(PROGRAM, &["demo", "--tutorial"], &env, 80, 24);
    tty.expect("Tour 1/14");
    tty.send("2");
    tty.expect("Tour 2/14");
    tty.send("\x1b[19~");
    tty.expect("Tour 4/14");
    tty.send("/kali\r");
    tty.expect("Tour 5/14");
    tty.send("sy");
    tty.expect("Tour 6/14");
    tty.send("L");
    tty.expect("Tour 7/14");
    tty.send("\x1b[20~");
    assert!(tty.wait(SECOND * 5, |s| !s.contents().contains("Tour")).is_some(), "{}", tty.text());
    tty.send("\x03");
    assert!(tty.wait_end(SECOND * 3).is_some());
    assert_restored(&tty);
}

#[test]
fn signals_end_it_with_the_terminal_restored() {
    for name in ["TERM", "HUP", "INT", "QUIT"] {
        let mut tty = demo(&[], &[], 80, 24);
        tty.signal(name);
        tty.wait_end(SECOND * 3).unwrap_or_else(|| panic!("SIG{name} did not end it"));
        assert_restored(&tty);
    }
}

fn is_stopped(tty: &Tty) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", tty.pid())).unwrap();
    stat.rsplit_once(") ").unwrap().1.starts_with('T')
}

#[test]
fn suspends_and_comes_back() {
    let mut tty = demo(&["--view", "vms"], &[], 100, 30);
    let before = tty.text();
    for _ in 0..2 {
        tty.send("\x1a");
        let end = Instant::now() + SECOND * 5;
        while !is_stopped(&tty) {
            assert!(Instant::now() < end, "Ctrl-Z did not stop it");
            tty.listen(SECOND / 50);
        }
        tty.listen(SECOND / 5);
        assert_restored(&tty);
        // Whatever the shell writes meanwhile is gone afterwards.
        tty.write_over("$ ls\r\nleftover\r\n");
        tty.signal("CONT");
        tty.expect("Virtual machines");
        tty.settle(SECOND / 4);
        assert!(tty.screen().alternate_screen() && tty.is_raw() && !tty.text().contains("leftover"), "{}", tty.text());
        assert_eq!(first_column(&tty.text()), first_column(&before), "the screen was not drawn in full");
    }
    tty.send("j/web");
    tty.expect("/web");
    tty.send("\x1b");
    assert!(tty.wait(SECOND * 5, |s| !s.contents().contains("/web")).is_some(), "{}", tty.text());
    tty.send("q");
    assert!(tty.wait_end(SECOND * 3).is_some());
    assert_restored(&tty);
}

#[test]
fn a_stop_from_outside_gives_the_terminal_back_and_takes_it_again() {
    let mut tty = demo(&["--view", "vms"], &[], 100, 30);
    let before = tty.text();
    for name in ["TSTP", "STOP"] {
        tty.signal(name);
        let end = Instant::now() + SECOND * 5;
        while !is_stopped(&tty) {
            assert!(Instant::now() < end, "SIG{name} did not stop it");
            tty.listen(SECOND / 50);
        }
        tty.listen(SECOND / 5);
        if name == "TSTP" {
            assert_restored(&tty);
        } else {
            // Nobody can do anything about this one: a shell mends the modes itself.
            tty.make_sane();
            tty.write_over("\x1b[?1049l\x1b[?25h");
        }
        tty.write_over("$ ls\r\nleftover\r\n");
        tty.signal("CONT");
        tty.expect("Virtual machines");
        tty.settle(SECOND / 4);
        assert!(tty.screen().alternate_screen() && tty.screen().hide_cursor() && tty.is_raw(), "SIG{name}");
        assert!(!tty.text().contains("leftover"), "{}", tty.text());
        assert_eq!(first_column(&tty.text()), first_column(&before), "the screen was not drawn in full");
        tty.send("j/web");
        tty.expect("/web");
        tty.send("\x1b");
        assert!(tty.wait(SECOND * 5, |s| !s.contents().contains("/web")).is_some(), "{}", tty.text());
        tty.send("gg");
        tty.settle(SECOND / 4);
    }
    tty.send("q");
    assert!(tty.wait_end(SECOND * 3).is_some());
    assert_restored(&tty);
}

#[test]
fn leaving_with_an_unanswered_change_says_so_in_the_shell() {
    let simulator = Simulator::start(&["--fault", "slow 20s POST"]);
    let mut tty = simulator.console(&["--view", "vms"]);
    tty.expect("nodes");
    tty.send("/kali\r");
    tty.settle(SECOND / 2);
    tty.send("sy");
    tty.expect("sending");
    tty.send("\x03");
    assert!(tty.wait(SECOND, |s| !s.alternate_screen()).is_some(), "the terminal is not given back at once");
    let said = "Start VM 111 (kali) was sent, but not answered yet: see the cluster's task list.";
    let flat = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(tty.wait_end(SECOND * 5).is_some());
    assert!(flat(tty.text()).contains(said), "{}", tty.text());
    assert_restored(&tty);
}

#[test]
fn a_refusal_that_comes_after_leaving_is_told_in_the_shell() {
    let simulator = Simulator::start(&["--latency", "800ms", "--fault", "500 POST /status/start"]);
    let mut tty = simulator.console(&["--view", "vms"]);
    tty.expect("nodes");
    tty.send("/kali\r");
    tty.settle(SECOND / 2);
    tty.send("sy");
    tty.expect("sending");
    tty.send("\x03");
    assert!(tty.wait_end(SECOND * 5).is_some());
    assert!(tty.text().contains("Start VM 111 (kali): internal error"), "{}", tty.text());
    assert!(!tty.text().contains("not answered yet"), "{}", tty.text());
    assert_restored(&tty);
}

/// The beginning of every line: what does not move by itself.
fn first_column(text: &str) -> Vec<String> {
    text.lines().skip(1).take(20).map(|l| l.chars().take(20).collect::<String>().trim_end().to_owned()).collect()
}

#[test]
fn follows_the_size_of_the_window() {
    let mut tty = demo(&["--view", "vms"], &[], 120, 40);
    tty.resize(60, 15);
    assert!(tty.wait(SECOND * 5, |s| s.rows(0, 60).nth(14).is_some_and(|l| l.contains("Help"))).is_some());
    tty.resize(30, 8);
    tty.expect("Too small: 30x8, need 40x10");
    tty.resize(100, 30);
    tty.expect("Virtual machines");
    assert!(!tty.text().contains("Too small"));
    tty.send("q");
    assert!(tty.wait_end(SECOND * 3).is_some());
}

#[test]
fn half_a_sequence_stops_nothing_and_is_whole_later() {
    let mut tty = demo(&["--view", "vms"], &[], 120, 40);
    tty.send("/web");
    tty.expect("/web");
    // A slow line cuts sequences: this is the beginning of a paste.
    tty.send("\x1b[200~-dat");
    tty.settle(SECOND / 4);
    tty.resize(30, 8);
    tty.expect("Too small: 30x8, need 40x10");
    tty.resize(100, 30);
    tty.expect("Virtual machines");
    assert!(!tty.text().contains("-dat"));
    tty.send("abase\x1b[201~");
    tty.expect("/web-database");
    // What comes at once is taken at once, more than fits into one read, too.
    tty.send(format!("{}x", "\x1b[D\x1b[C".repeat(4000)));
    tty.expect("/web-databasex");
    tty.send("\x03");
    assert!(tty.wait_end(SECOND * 3).is_some());
    assert_restored(&tty);
}

#[test]
fn without_colours_when_asked() {
    for (args, env) in [(&[][..], &[("NO_COLOR", "1")][..]), (&["--color", "mono"][..], &[][..])] {
        let mut tty = demo(args, env, 100, 30);
        tty.send("2jj/web");
        tty.expect("/web");
        let coloured: Vec<_> = styles(&tty.raw).into_iter().filter(|s| is_colour(s)).collect();
        assert!(coloured.is_empty(), "{args:?} {env:?}: {coloured:?}");
    }
}

#[test]
fn ascii_only_when_asked() {
    let mut tty = demo(&["--ascii"], &[], 100, 30);
    for keys in ["2j", "\r", "q", "9", "?"] {
        tty.send(keys);
        tty.settle(SECOND / 4);
    }
    let other: String = String::from_utf8_lossy(&tty.raw).chars().filter(|c| !c.is_ascii()).collect();
    assert!(other.is_empty(), "{other:?}");
}

#[test]
fn an_unreachable_server_leaves_the_login_alive() {
    let config = config();
    let env = [
        ("PVE_HOST", "127.0.0.1:1"),
        ("PVE_TOKEN_ID", "root@pam!ci"),
        ("PVE_TOKEN_SECRET", "secret-of-a-token"),
        ("PROXMUX_CONFIG_DIR", config.path().to_str().unwrap()),
    ];
    let mut tty = Tty::start(PROGRAM, &[], &env, 100, 30);
    tty.expect("refuses connections");
    tty.send("\x1b[B");
    tty.settle(SECOND / 4);
    assert!(!String::from_utf8_lossy(&tty.raw).contains("secret-of-a-token"));
    tty.send("\x03");
    assert!(tty.wait_end(SECOND * 3).is_some(), "{}", tty.text());
    assert_restored(&tty);
}

#[test]
fn without_a_terminal_it_says_so() {
    let config = config();
    let run = |args: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.args(args).stdin(Stdio::null()).env("PROXMUX_CONFIG_DIR", config.path());
        command.env_remove("PVE_HOST").output().unwrap()
    };
    let out = run(&["demo"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!((out.status.code(), out.stdout.len()), (Some(2), 0), "{said}");
    assert!(said.contains("must be a terminal"), "{said}");
    let help = run(&["--help"]);
    let said = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(help.status.success() && said.contains("proxmux demo") && said.contains("PVE_HOST"), "{said}");
    let wrong = run(&["--view", "nonsense", "--host", "127.0.0.1:1"]);
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(wrong.status.code() == Some(1) && said.contains("dashboard"), "{said}");
}

#[test]
fn quitting_waits_for_no_answer() {
    let simulator = Simulator::start(&["--latency", "20s"]);
    let mut tty = simulator.console(&["--view", "vms"]);
    tty.expect("waiting for the first answer");
    tty.listen(SECOND / 2);
    let asked = Instant::now();
    tty.send("q");
    tty.wait_end(SECOND * 5).expect("it did not quit");
    assert!(asked.elapsed() < SECOND, "{:?}", asked.elapsed());
    assert_restored(&tty);
}

#[test]
fn unchanged_data_writes_nothing() {
    let simulator = Simulator::start(&["--scenario", "generated", "--guests", "60", "--frozen"]);
    for view in ["vms", "dashboard", "tasks"] {
        let mut tty = simulator.console(&["--view", view, "--refresh", "1"]);
        tty.expect("nodes");
        tty.listen(SECOND * 2);
        let before = tty.raw.len();
        let bytes = tty.listen(SECOND * 4);
        assert_eq!(bytes, 0, "{view}: {:?}", String::from_utf8_lossy(&tty.raw[before..]));
    }
}

#[test]
fn the_users_editor_has_the_terminal_and_changes_settings() {
    let editor = [("VISUAL", ""), ("EDITOR", "sed -i 's/^cores: 4$/cores: 6/'")];
    let mut tty = demo(&[], &editor, 120, 40);
    tty.send("2");
    tty.expect("opnsense");
    tty.send("e");
    tty.expect("Processors");
    tty.send("E");
    tty.expect("cores: 4 -> 6");
    assert!(tty.is_raw() && tty.screen().alternate_screen(), "the console has its terminal again");
    tty.send("y");
    tty.expect("1 waiting for the next start");
    tty.send("\x03");
    assert!(tty.wait_end(SECOND * 3).is_some(), "it did not quit: {}", tty.text());
    assert_restored(&tty);
}

#[test]
fn settings_are_changed_from_the_command_line() {
    let sim = Simulator::start(&[]);
    let (code, out, err) = sim.run(&["vm", "set", "102"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("memory: 8192 -> 12288\n") && out.contains("sockets: 1\n"), "{out}");
    let (code, out, err) = sim.run(&["--dry-run", "vm", "set", "100", "cores=6", "scsi0.cache=writeback", "tags="]);
    assert_eq!(code, 0, "{err}");
    assert!(
        out.contains("--cores 6 --scsi0 local-lvm:vm-100-disk-0,discard=on,iothread=1,size=20G,cache=writeback"),
        "{out}"
    );
    assert!(out.contains("--delete tags"), "{out}");
    let (_, out, _) = sim.run(&["vm", "set", "100", "--json"]);
    let before: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&before["settings"]["cores"]["value"], &before["settings"]["tags"]["value"]),
        (&"4".into(), &"infra;prod".into())
    );
    // The real thing; then again with the digest of what was there before.
    let (code, out, err) = sim.run(&["vm", "set", "100", "onboot=0", "startup.order=5"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("done") && err.contains("startup: order=1,up=30 -> order=5,up=30"), "{out} {err}");
    let (code, _, err) = sim.run(&["vm", "set", "100", "cores=8", "--digest", before["digest"].as_str().unwrap()]);
    assert!(code != 0 && err.contains("somebody else has changed"), "{code} {err}");
    for (args, why) in [
        (&["vm", "set", "100", "memroy=1"][..], "did you mean memory?"),
        (&["vm", "set", "100", "memory=1"], "must be from 16"),
        (&["vm", "set", "100", "cipassword=hunter2"], "others could read"),
        (&["vm", "set", "200", "cores=1"], "use `proxmux ct set`"),
        (&["vm", "set", "99999", "cores=1"], "there is no guest 99999"),
    ] {
        let (code, _, err) = sim.run(args);
        assert!(code == 1 && err.contains(why), "{args:?}: {code} {err}");
    }
    let (code, _, err) = sim.run(&["vm", "set", "100", "cores=4"]);
    assert!(code == 0 && err.contains("nothing would change"), "{code} {err}");
}
