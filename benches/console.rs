//! What a user feels, measured on the real program in a pseudo-terminal against a simulated cluster in a process of its
//! own: `cargo bench --bench console` (about ten minutes), or with `-- --quick` (about two).
//!
//! Further options, for looking at one thing: `--guests 10000`, `--view vms`, `--only start,keys,idle,frozen,outage`,
//! `--program FILE`.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../tests/it/tty.rs"]
mod tty;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use tty::Tty;

const SIZE: (u16, u16) = (120, 40);

/// The program: of this build, or with `--program` of another one.
fn program() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| option("--program").unwrap_or_else(|| env!("CARGO_BIN_EXE_proxmux").into()))
}

/// The value of an option of this run.
fn option(name: &str) -> Option<String> {
    let mut args = std::env::args().skip_while(|a| a != name);
    args.nth(1)
}

/// Nodes and guests.
const CLUSTERS: [(u32, u32); 3] = [(16, 50), (16, 1000), (50, 10_000)];

/// How long and how often.
struct Plan {
    starts: usize,
    keys: usize,
    idle: Duration,
    outages: usize,
    guests: Option<u32>,
    view: Option<String>,
    only: Option<String>,
}

impl Plan {
    fn from_args() -> Self {
        let quick = std::env::args().any(|a| a == "--quick");
        let (starts, keys, idle, outages) = if quick { (5, 100, 20, 1) } else { (15, 400, 60, 3) };
        let guests = option("--guests").map(|g| g.parse().unwrap());
        let (view, only) = (option("--view"), option("--only"));
        Self { starts, keys, idle: Duration::from_secs(idle), outages, guests, view, only }
    }

    fn wants(&self, part: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.split(',').any(|p| p == part))
    }
}

/// `proxmux simulate` in a process of its own, ended when this is dropped.
struct Simulator {
    child: Child,
    ready: serde_json::Value,
    log: PathBuf,
}

impl Simulator {
    fn start(cluster: (u32, u32), listen: &str, frozen: bool, log: &Path) -> Self {
        let mut command = Command::new(program());
        let (nodes, guests) = (cluster.0.to_string(), cluster.1.to_string());
        command.args(["simulate", "--json", "--scenario", "generated", "--listen", listen]);
        command.args(["--nodes", &nodes, "--guests", &guests, "--access-log"]).arg(log);
        command.args(frozen.then_some("--frozen"));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, ready: serde_json::from_str(&line).unwrap(), log: log.to_owned() }
    }

    fn get(&self, key: &str) -> &str {
        self.ready[key].as_str().unwrap()
    }

    fn address(&self) -> String {
        self.get("url").trim_start_matches("https://").to_owned()
    }

    /// The console on it, with the token in the environment.
    fn console(&self, view: &str, config: &Path, more: &[&str]) -> Tty {
        let (config, host) = (config.to_str().unwrap(), self.address());
        let env = [
            ("PVE_HOST", host.as_str()),
            ("PVE_TOKEN_ID", self.get("token")),
            ("PVE_TOKEN_SECRET", self.get("secret")),
            ("PVE_FINGERPRINT", self.get("fingerprint")),
            ("PROXMUX_CONFIG_DIR", config),
            ("COLORTERM", "truecolor"),
        ];
        let args = [&["--view", view, "--refresh", "5"], more].concat();
        Tty::start(program(), &args, &env, SIZE.0, SIZE.1)
    }

    /// Requests so far, those among them for the resources, and connections.
    fn requests(&self) -> (usize, usize, usize) {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let peers: std::collections::HashSet<&str> = text.lines().filter_map(|l| l.split(' ').nth(1)).collect();
        (text.lines().count(), text.lines().filter(|l| l.contains("/cluster/resources ")).count(), peers.len())
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn half_of(mut values: Vec<f64>) -> f64 {
    share_of(&mut values, 0.5)
}

fn share_of(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(((values.len() as f64 * share).ceil() as usize).max(1) - 1).copied().unwrap_or(f64::NAN)
}

/// A guest's row: glyph columns, then its number and its name.
fn guest_of(line: &str) -> Option<u32> {
    let mut words = line.split_whitespace();
    let vmid = words.next()?.parse().ok()?;
    words.next().filter(|name| name.contains("-0")).map(|_| vmid)
}

fn lines(screen: &vt100::Screen) -> impl Iterator<Item = String> + '_ {
    screen.rows(0, SIZE.0)
}

fn has_guests(view: &str, screen: &vt100::Screen) -> bool {
    match view {
        // The dashboard names its busiest guests.
        "dashboard" => screen.contents().contains("-0") && screen.contents().contains("Busiest guests ("),
        _ => lines(screen).filter(|l| guest_of(l).is_some()).count() > 10,
    }
}

/// The number of the guest under the cursor: its row has a background.
fn selected(screen: &vt100::Screen) -> Option<u32> {
    let selected = |row: &u16| screen.cell(*row, 4).is_some_and(|c| c.bgcolor() != vt100::Color::Default);
    let row = (2..SIZE.1 - 2).find(selected)?;
    lines(screen).nth(usize::from(row)).and_then(|l| guest_of(&l))
}

fn starts(simulator: &Simulator, view: &str, config: &Path, times: usize) -> f64 {
    let mut took = vec![];
    for _ in 0..times {
        let mut tty = simulator.console(view, config, &[]);
        let at = tty.wait(Duration::from_secs(20), |s| has_guests(view, s)).expect("no guests came");
        took.push((at - tty.started).as_secs_f64());
        tty.send("q");
        tty.wait_end(Duration::from_secs(5));
    }
    half_of(took)
}

/// When keys come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// At any moment, while the console refreshes by itself every 5 s.
    Any,
    /// In the 80 ms after `r`, while a refresh is fetched, decoded and drawn.
    InRefresh,
}

/// A program that only says what it hears: what a key takes without any work, on this machine and at this moment.
fn echo() -> Tty {
    let mut echo = Tty::start("sh", &["-c", "stty raw -echo; exec cat"], &[], SIZE.0, SIZE.1);
    while !echo.is_raw() {
        echo.listen(Duration::from_millis(10));
    }
    echo.listen(Duration::from_millis(100));
    echo
}

/// Milliseconds from each key until the change that it should make is in the output; and from each key before it, to
/// [`echo`], until that one is there.
fn keys(tty: &mut Tty, view: &str, count: usize, when: When) -> [Vec<f64>; 2] {
    let mut rng = StdRng::seed_from_u64(7);
    let (mut took, mut bare) = (vec![], vec![]);
    let mut echo = echo();
    while took.len() < count {
        if when == When::InRefresh {
            // The one before has long come to its end.
            tty.listen(Duration::from_millis(150));
            tty.send("r");
            tty.listen(Duration::from_micros(rng.random_range(0..80_000)));
        } else {
            tty.listen(Duration::from_millis(rng.random_range(5..120)));
        }
        let sent = echo.send("\x08x");
        let at = echo.next(Duration::from_secs(5)).expect("the echo was not heard");
        bare.push(at.saturating_duration_since(sent).as_secs_f64() * 1e3);
        let before = selected(tty.screen());
        let key = match (view, rng.random_range(0..12)) {
            // Another list comes in front.
            ("dashboard", _) => "\t",
            (_, 0) => "\x04",
            (_, 1) => "G",
            (_, 2) => "g",
            (_, n) if n % 2 == 0 => "k",
            _ => "j",
        };
        if view == "dashboard" {
            let old = tty.screen().contents_formatted();
            let sent = tty.send(key);
            let at =
                tty.wait(Duration::from_secs(5), |s| s.contents_formatted() != old).expect("a key was not answered");
            took.push((at - sent).as_secs_f64() * 1e3);
            continue;
        }
        let sent = tty.send(key);
        match tty.wait(Duration::from_millis(400), |s| selected(s) != before) {
            Some(at) => took.push(at.saturating_duration_since(sent).as_secs_f64() * 1e3),
            // Nothing can change at the ends of the list.
            None => assert!(matches!(key, "k" | "g" | "G" | "\x04" | "j"), "{key:?} was not answered"),
        }
    }
    [took, bare]
}

/// Milliseconds from each letter of a filter until it stands in the filter line.
fn filter_keys(tty: &mut Tty, count: usize) -> Vec<f64> {
    let mut took = vec![];
    for word in ["web", "db-0", "prod", "pve1", "ci"].iter().cycle().take(count.div_ceil(4)) {
        tty.send("/");
        tty.wait(Duration::from_secs(5), |s| lines(s).any(|l| l.trim_start().starts_with('/'))).unwrap();
        let mut typed = String::from("/");
        for c in word.chars() {
            typed.push(c);
            let sent = tty.send(c.to_string());
            let shown = |s: &vt100::Screen| lines(s).any(|l| l.trim_start().starts_with(&typed));
            let at = tty.wait(Duration::from_secs(5), shown).expect("a letter was not shown");
            took.push((at - sent).as_secs_f64() * 1e3);
            tty.listen(Duration::from_millis(17));
        }
        tty.send("\x1b");
        tty.listen(Duration::from_millis(150));
    }
    took
}

/// Processor seconds of a process so far.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    // The 14th and 15th field of the whole line, in ticks of 10 ms.
    fields[11..13].iter().map(|f| f.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

/// Figures of `/proc/PID/NAME` in MB (the files are in KiB).
fn memory(pid: u32, file: &str, key: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let found = text.lines().filter(|l| l.starts_with(key)).filter_map(|l| l.split_whitespace().nth(1));
    found.filter_map(|n| n.parse::<f64>().ok()).sum::<f64>() / 1024.0
}

struct Idle {
    cpu: f64,
    bytes: usize,
    per_refresh: f64,
    connections: usize,
    rss: f64,
    pss: f64,
    private: f64,
    peak: f64,
}

fn idle(simulator: &Simulator, tty: &mut Tty, time: Duration) -> Idle {
    tty.listen(Duration::from_secs(7));
    let (pid, before, (requests, refreshes, _)) = (tty.pid(), cpu_seconds(tty.pid()), simulator.requests());
    let bytes = tty.listen(time);
    let cpu = cpu_seconds(pid) - before;
    let (all, resources, connections) = simulator.requests();
    Idle {
        cpu,
        bytes,
        per_refresh: (all - requests) as f64 / (resources - refreshes).max(1) as f64,
        connections,
        rss: memory(pid, "status", "VmRSS"),
        pss: memory(pid, "smaps_rollup", "Pss:"),
        private: memory(pid, "smaps_rollup", "Private_"),
        peak: memory(pid, "status", "VmHWM"),
    }
}

/// Seconds from the moment that the server answers again until the list is marked as current.
fn outages(cluster: (u32, u32), config: &Path, times: usize) -> (f64, f64) {
    let log = config.join("outage.log");
    let mut simulator = Simulator::start(cluster, "127.0.0.1:0", false, &log);
    let address = simulator.address();
    // The restarted server has another certificate, so that this measurement can't pin it.
    let mut tty = simulator.console("vms", config, &["--insecure"]);
    tty.wait(Duration::from_secs(20), |s| has_guests("vms", s)).expect("no guests came");
    let stale = |s: &vt100::Screen| s.contents().contains(" old, ");
    let (mut killed, mut stopped) = (vec![], vec![]);
    for turn in 0..times {
        drop(simulator);
        tty.wait(Duration::from_secs(20), stale).expect("the outage was not noticed");
        tty.listen(Duration::from_millis(8_000 + 370 * turn as u64));
        simulator = Simulator::start(cluster, &address, false, &log);
        let back = Instant::now();
        let at = tty.wait(Duration::from_secs(40), |s| !stale(s)).expect("the list did not come back");
        killed.push(at.saturating_duration_since(back).as_secs_f64());
        tty.listen(Duration::from_secs(2));

        tty::signal(simulator.child.id(), "STOP");
        tty.listen(Duration::from_secs(12));
        let asked = simulator.requests().1;
        tty::signal(simulator.child.id(), "CONT");
        let back = Instant::now();
        while simulator.requests().1 == asked && back.elapsed() < Duration::from_secs(40) {
            tty.listen(Duration::from_millis(2));
        }
        tty.wait(Duration::from_secs(40), |s| !stale(s)).expect("the list did not come back");
        stopped.push(back.elapsed().as_secs_f64());
        tty.listen(Duration::from_secs(2));
    }
    (half_of(killed), half_of(stopped))
}

/// How often and how long the machine itself takes the processor away from a loop that does nothing else, in five
/// seconds: a key can't be answered faster than that, whoever answers it.
fn pauses() -> (usize, f64) {
    let (start, mut last) = (Instant::now(), Instant::now());
    let (mut count, mut longest) = (0, 0.0_f64);
    while start.elapsed() < Duration::from_secs(5) {
        let now = Instant::now();
        let gap = (now - last).as_secs_f64() * 1e3;
        count += usize::from(gap > 3.0);
        longest = longest.max(gap);
        last = now;
    }
    (count, longest)
}

fn load() -> String {
    fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').take(2).collect::<Vec<_>>().join(" ")
}

fn main() {
    let plan = Plan::from_args();
    let dir = tempfile::tempdir().unwrap();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("{cores} processors, load {} at the start", load());
    println!("{}, {}x{}, a refresh every 5 s", program(), SIZE.0, SIZE.1);
    let (count, longest) = pauses();
    println!("pauses of the machine itself in 5 s: {count} above 3 ms, the longest {longest:.1} ms");
    for (nodes, guests) in CLUSTERS.into_iter().filter(|c| plan.guests.is_none_or(|g| g == c.1)) {
        for view in ["vms", "dashboard"].into_iter().filter(|v| plan.view.as_deref().is_none_or(|w| w == *v)) {
            println!("\n{guests} guests, {nodes} nodes, {view} (load {})", load());
            measure(&plan, (nodes, guests), view, dir.path());
        }
    }
}

fn measure(plan: &Plan, cluster: (u32, u32), view: &str, dir: &Path) {
    let log = dir.join(format!("{}-{view}.log", cluster.1));
    let simulator = Simulator::start(cluster, "127.0.0.1:0", false, &log);
    if plan.wants("start") {
        println!("  first guest rows     {:8.3} s", starts(&simulator, view, dir, plan.starts));
    }
    if plan.wants("idle") {
        let _ = fs::remove_file(&log);
        let simulator = Simulator::start(cluster, "127.0.0.1:0", false, &log);
        let mut tty = simulator.console(view, dir, &[]);
        tty.wait(Duration::from_secs(20), |s| has_guests(view, s)).expect("no guests came");
        let i = idle(&simulator, &mut tty, plan.idle);
        let minute = 60.0 / plan.idle.as_secs_f64();
        println!("  idle minute          {:8.2} s of processor time", i.cpu * minute);
        println!("                       {:8.1} KB to the terminal", i.bytes as f64 * minute / 1e3);
        println!(
            "  memory               {:8.1} MB resident, {:.1} proportional, {:.1} private, {:.1} at most",
            i.rss, i.pss, i.private, i.peak
        );
        println!("  requests a refresh   {:8.2} over {} connections", i.per_refresh, i.connections);
    }
    if plan.wants("keys") {
        let mut tty = simulator.console(view, dir, &[]);
        tty.wait(Duration::from_secs(20), |s| has_guests(view, s)).expect("no guests came");
        for (words, when) in [("at any moment", When::Any), ("in a refresh", When::InRefresh)] {
            let [mut took, mut bare] = keys(&mut tty, view, plan.keys, when);
            println!(
                "  key, {words:15} {:8.2} ms, 99 %: {:.2} ms, slowest {:.2} ms of {}",
                share_of(&mut took, 0.5),
                share_of(&mut took, 0.99),
                share_of(&mut took, 1.0),
                took.len()
            );
            println!(
                "    an echo meanwhile  {:8.2} ms, 99 %: {:.2} ms, slowest {:.2} ms",
                share_of(&mut bare, 0.5),
                share_of(&mut bare, 0.99),
                share_of(&mut bare, 1.0)
            );
        }
        if view == "vms" {
            let mut took = filter_keys(&mut tty, plan.keys / 4);
            println!(
                "  filter letter        {:8.2} ms, 99 %: {:.2} ms",
                share_of(&mut took, 0.5),
                share_of(&mut took, 0.99)
            );
        }
    }
    drop(simulator);
    if plan.wants("frozen") {
        let log = dir.join(format!("{}-{view}-frozen.log", cluster.1));
        let simulator = Simulator::start(cluster, "127.0.0.1:0", true, &log);
        let mut tty = simulator.console(view, dir, &[]);
        tty.wait(Duration::from_secs(20), |s| has_guests(view, s)).expect("no guests came");
        let i = idle(&simulator, &mut tty, plan.idle / 2);
        let minute = 120.0 / plan.idle.as_secs_f64();
        println!(
            "  idle, nothing moves  {:8.2} s of processor time, {} bytes to the terminal",
            i.cpu * minute,
            i.bytes
        );
    }
    if view == "vms" && plan.wants("outage") {
        let (killed, stopped) = outages(cluster, dir, plan.outages);
        println!(
            "  after an outage      {killed:8.2} s (server restarted), {stopped:.2} s (server stopped and continued)"
        );
    }
}
