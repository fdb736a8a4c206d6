//! The whole console over a simulated cluster, in one thread and on a paused clock: no sockets, no sleeping. What is
//! tested is the program's own app, runner, client and views; only TLS and HTTP are replaced, by [`Line`].

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use proxmux::{
    api::{
        ApiError, BoxFuture, Call, Raw, Transport, Wire,
        attachment::Attachment,
        http::{Fingerprint, Target, Trust},
        login::Credentials,
    },
    app::{App, Msg, Notify, Options, desk::Profile, headless::Headless},
    audit::Audit,
    cli::console,
    preset::Presets,
    shell::{Connector, Entrance, Place, Policy, World},
    sim::{self, Simulator, call::Spoil, fault::Effect as Trouble, scenario::Scenario, table::Table},
    store::Store,
    ui::{Depth, GlyphSet, Key, Look, Role, svg},
    views::login::{Login, Start},
};
use ratatui::buffer::Buffer;
use secrecy::{ExposeSecret, SecretString};
use sha2::Digest as _;
use tokio::time::{Instant, sleep};

/// The moment at which every story begins, in Unix seconds.
pub const BEGIN: i64 = 1_780_000_000;
/// A server holds an answer back this long before the HTTPS transport gives up.
const SILENCE: Duration = Duration::from_secs(30);

static TABLE: LazyLock<Arc<Table>> = LazyLock::new(|| Arc::new(Table::built_in().unwrap()));

/// The cluster at the other end, and everything that happened to it.
pub struct Lab {
    pub sim: Mutex<Simulator>,
    /// Calls that reached it, as `POST /nodes/pve1/qemu/100/status/start timeout=3`, secrets masked.
    pub log: Mutex<Vec<String>>,
    /// Nobody listens on its port.
    pub refuses: Mutex<bool>,
    /// Its certificate.
    pub certificate: Mutex<Fingerprint>,
    /// Certificates that the user has accepted.
    pub pins: Mutex<HashMap<String, Fingerprint>>,
    /// Who has logged in where.
    pub users: Mutex<HashMap<String, String>>,
    /// Where the console keeps what it can have again.
    pub cache: Option<PathBuf>,
    start: Instant,
}

impl Lab {
    fn clock(&self) -> f64 {
        BEGIN as f64 + self.start.elapsed().as_secs_f64()
    }
}

/// The way to the cluster in place of TLS and HTTP, with the outcomes that those would have.
struct Line {
    lab: Arc<Lab>,
    target: Target,
    trust: Trust,
}

impl Line {
    fn trusted(&self) -> Result<(), ApiError> {
        let real = *self.lab.certificate.lock().unwrap();
        let pinned = match &self.trust {
            Trust::Insecure | Trust::CaFile(_) => return Ok(()),
            Trust::Pinned(pin) if *pin == real => return Ok(()),
            Trust::Pinned(pin) => Some(pin.to_string()),
            Trust::System => None,
        };
        let detail = if pinned.is_some() { "it is another one than pinned" } else { "its signer is not known" };
        Err(ApiError::Untrusted { fingerprint: real.to_string(), detail: detail.into(), pinned })
    }
}

impl Transport for Line {
    fn send(&self, call: Call) -> BoxFuture<Result<Raw, ApiError>> {
        let (lab, target, trusted) = (self.lab.clone(), self.target.clone(), self.trusted());
        Box::pin(async move {
            if *lab.refuses.lock().unwrap() {
                return Err(ApiError::NotSent(format!("{target} refuses connections")));
            }
            trusted?;
            lab.log.lock().unwrap().push(call.wire.to_string());
            let mut there = sim::Call::new(call.wire.method.as_str(), &format!("/api2/json{}", call.wire.path));
            for (name, value) in &call.headers {
                there = there.header(name, value.expose_secret());
            }
            if let Some(file) = call.wire.file.as_ref().filter(|_| call.wire.is_write()) {
                there.upload = Some(carry(&lab, &call.wire, file).await?);
            } else if matches!(there.method.as_str(), "POST" | "PUT") {
                there.body = call.wire.encoded().into_bytes();
                there = there.header("content-type", "application/x-www-form-urlencoded");
            } else {
                there.query = call.wire.encoded();
            }
            let answer = {
                let now = lab.clock();
                lab.sim.lock().unwrap().handle(there, now)
            };
            // The real server holds every 401 back for three seconds.
            let wait = answer.delay + if answer.status == 401 { 3.0 } else { 0.0 };
            if wait > SILENCE.as_secs_f64() {
                sleep(SILENCE).await;
                return Err(ApiError::Unsure(format!("no answer from {target} within 30 s")));
            }
            sleep(Duration::from_secs_f64(wait)).await;
            match answer.spoil {
                Spoil::Hang => Err(ApiError::Unsure(format!("{target} closed the connection before answering"))),
                Spoil::Cut => {
                    let half = answer.body.len() / 2;
                    Err(ApiError::Unsure(format!("the answer of {target} was cut off after {half} bytes")))
                }
                Spoil::None => {
                    Ok(Raw { status: answer.status, reason: answer.reason.clone(), body: answer.body.into() })
                }
            }
        })
    }

    fn page(&self, path: &str) -> BoxFuture<Result<Raw, ApiError>> {
        let (lab, target, trusted) = (self.lab.clone(), self.target.clone(), self.trusted());
        let call = sim::Call::new("GET", path);
        Box::pin(async move {
            if *lab.refuses.lock().unwrap() {
                return Err(ApiError::NotSent(format!("{target} refuses connections")));
            }
            trusted?;
            lab.log.lock().unwrap().push(format!("GET {}", call.path));
            let now = lab.clock();
            let answer = lab.sim.lock().unwrap().handle(call, now);
            Ok(Raw { status: answer.status, reason: answer.reason, body: answer.body.into() })
        })
    }
}

/// Takes a file over the line: a quarter of it each second.
async fn carry(lab: &Lab, wire: &Wire, file: &Attachment) -> Result<sim::call::Upload, ApiError> {
    let data = std::fs::read(&file.path).map_err(|e| ApiError::NotSent(e.to_string()))?;
    file.meter.reset();
    for _ in 0..4 {
        tokio::select! {
            () = sleep(Duration::from_secs(1)) => {}
            () = file.meter.cancelled() => return Err(ApiError::Broken("stopped by you".into())),
        }
        if *lab.refuses.lock().unwrap() {
            let sent = file.meter.sent() * 100 / file.size;
            return Err(ApiError::Broken(format!("the connection broke after {sent} % of {}", file.name)));
        }
        file.meter.add(file.size / 4);
    }
    file.meter.add(file.size % 4);
    let sum: String = sha2::Sha256::digest(&data).iter().map(|b| format!("{b:02x}")).collect();
    Ok(sim::call::Upload {
        fields: wire.params.iter().map(|p| (p.name.clone(), p.value.clone())).collect(),
        filename: file.name.clone(),
        size: file.size,
        sums: [("sha256".to_owned(), sum)].into(),
        head: data[..data.len().min(64)].to_vec(),
    })
}

/// Lines to the lab, whatever the address, and pins in memory. Other clusters have addresses and profiles of their own.
struct Lines(Arc<Lab>, Vec<(Second, Arc<Lab>, sim::scenario::Login)>);

impl Connector for Lines {
    fn transport(&self, target: &Target, trust: &Trust) -> Result<Arc<dyn Transport>, ApiError> {
        let other = self.1.iter().find(|(second, ..)| second.target() == *target);
        let lab = other.map_or(&self.0, |(_, lab, _)| lab).clone();
        Ok(Arc::new(Line { lab, target: target.clone(), trust: trust.clone() }))
    }
    fn enter(&self, profile: &str, passphrase: Option<SecretString>) -> BoxFuture<Result<Entrance, ApiError>> {
        let found = self.1.iter().find(|(second, ..)| second.name == profile);
        if let Some(right) = found.and_then(|(second, ..)| second.passphrase)
            && passphrase.as_ref().is_none_or(|typed| typed.expose_secret() != right)
        {
            let why = passphrase.map(|_| "the passphrase is wrong, or the stored secret was changed".to_owned());
            return Box::pin(async move { Ok(Entrance::Sealed(why)) });
        }
        let place = found.map(|(second, _, login)| Place {
            target: second.target(),
            trust: Some(Trust::Pinned(CERTIFICATE)),
            user: Some(login.user.clone()),
            credentials: (!second.asks).then(|| password(&login.user, &login.password)),
            read_only: second.read_only,
            profile: Some(second.name.into()),
        });
        let place = place.map(|place| Entrance::Open(Box::new(place)));
        Box::pin(async move { place.ok_or_else(|| ApiError::NotSent("profile: the file is gone".into())) })
    }
    fn last_user(&self, target: &Target) -> Option<String> {
        self.0.users.lock().unwrap().get(&target.to_string()).cloned()
    }
    fn remember_user(&self, target: &Target, user: &str) {
        self.0.users.lock().unwrap().insert(target.to_string(), user.to_owned());
    }
    fn pinned(&self, target: &Target) -> Result<Option<Fingerprint>, ApiError> {
        Ok(self.0.pins.lock().unwrap().get(&target.to_string()).copied())
    }
    fn pin(&self, target: &Target, fingerprint: Fingerprint) -> Result<(), ApiError> {
        self.0.pins.lock().unwrap().insert(target.to_string(), fingerprint);
        Ok(())
    }
    fn cache_dir(&self) -> Option<PathBuf> {
        self.0.cache.clone()
    }
}

/// Another cluster, with a profile.
#[derive(Clone)]
pub struct Second {
    pub name: &'static str,
    pub scenario: Scenario,
    pub read_only: bool,
    /// Its password is not kept anywhere.
    pub asks: bool,
    /// Its secret is stored encrypted with this.
    pub passphrase: Option<&'static str>,
}

impl Second {
    pub fn new(name: &'static str, scenario: Scenario) -> Self {
        Self { name, scenario, read_only: false, asks: false, passphrase: None }
    }

    fn target(&self) -> Target {
        format!("{}.example:8006", self.name).parse().unwrap()
    }

    fn profile(&self) -> Profile {
        let address = self.target().to_string();
        Profile { name: self.name.into(), address, read_only: self.read_only, ..Profile::default() }
    }
}

/// How a story begins.
pub struct Setup {
    pub scenario: Scenario,
    pub size: (u16, u16),
    pub tab: char,
    pub read_only: bool,
    pub dry_run: bool,
    pub interval: Duration,
    pub start: Start,
    pub notify: Notify,
    /// The certificate that was accepted for the server in an earlier life.
    pub pinned: Option<Fingerprint>,
    /// A folder for what the console keeps; nothing is kept without.
    pub cache: Option<PathBuf>,
    /// A folder for the audit trail.
    pub audit: Option<PathBuf>,
    /// A folder for presets.
    pub presets: Option<PathBuf>,
    /// Where the user's SSH keys are.
    pub ssh: Option<PathBuf>,
    /// Other clusters, each with a profile.
    pub others: Vec<Second>,
    /// With the guided tour.
    pub tutorial: bool,
}

pub const HOST: &str = "pve1.home.example:8006";
pub const CERTIFICATE: Fingerprint = Fingerprint([0xA1; 32]);

impl Default for Setup {
    /// The homelab in a usual terminal, seen by its administrator, who is logged in.
    fn default() -> Self {
        Self {
            scenario: Scenario::Homelab,
            size: (120, 40),
            tab: '2',
            read_only: false,
            dry_run: false,
            interval: Duration::from_secs(5),
            pinned: None,
            notify: Notify::Off,
            cache: None,
            audit: None,
            presets: None,
            ssh: None,
            others: vec![],
            tutorial: false,
            start: Start {
                target: Some(HOST.parse().unwrap()),
                trust: Some(Trust::Pinned(CERTIFICATE)),
                user: Some("root@pam".into()),
                credentials: Some(password("root@pam", "proxmux")),
                read_only: false,
                profile: None,
            },
        }
    }
}

pub fn password(user: &str, password: &str) -> Credentials {
    Credentials::Password { user: user.into(), password: password.into() }
}

impl Setup {
    /// Logged in as somebody else.
    pub fn as_user(user: &str, secret: &str) -> Self {
        let start =
            Start { user: Some(user.into()), credentials: Some(password(user, secret)), ..Self::default().start };
        Self { start, ..Self::default() }
    }

    /// Nobody has logged in: the user types the password.
    pub fn login_of(user: &str) -> Self {
        let start = Start { user: Some(user.into()), credentials: None, ..Self::default().start };
        Self { start, ..Self::default() }
    }

    pub fn sized(self, width: u16, height: u16) -> Self {
        Self { size: (width, height), ..self }
    }

    pub async fn go(self) -> Harness {
        self.go_after(|_| {}).await
    }

    /// Changes the cluster before the console sees it.
    pub async fn go_after(self, change: impl FnOnce(&mut Simulator)) -> Harness {
        let (cluster, _) = self.scenario.build(TABLE.clone(), BEGIN as f64, 7).unwrap();
        let mut sim = Simulator::new(cluster);
        change(&mut sim);
        let lab = |sim, pinned: Option<Fingerprint>, cache| {
            Arc::new(Lab {
                sim: Mutex::new(sim),
                log: Mutex::default(),
                refuses: Mutex::new(false),
                certificate: Mutex::new(CERTIFICATE),
                pins: Mutex::new(pinned.map(|pin| (HOST.to_owned(), pin)).into_iter().collect()),
                users: Mutex::default(),
                cache,
                start: Instant::now(),
            })
        };
        let mut seconds = vec![];
        for second in &self.others {
            let (cluster, login) = second.scenario.build(TABLE.clone(), BEGIN as f64, 8).unwrap();
            seconds.push((second.clone(), lab(Simulator::new(cluster), None, None), login));
        }
        let others = seconds.iter().map(|(_, lab, _)| lab.clone()).collect();
        let lab = lab(sim, self.pinned, self.cache);
        let options = Options {
            look: Look::new(Depth::True, GlyphSet::Unicode),
            keys: console::keymap().unwrap(),
            interval: self.interval,
            tab: self.tab,
            mouse: true,
            notify: self.notify,
            profiles: self.others.iter().map(Second::profile).collect(),
            profile: None,
        };
        let address = self.start.target.as_ref().map(ToString::to_string).unwrap_or_default();
        let mut app = App::new(options, address, Login::new(self.start));
        let policy = Policy { read_only: self.read_only, dry_run: self.dry_run };
        app.set_policy(policy);
        if self.tutorial {
            app.begin_tutorial();
        }
        let mut world = World::new(Arc::new(Lines(lab.clone(), seconds)), policy).with_ssh_folder(self.ssh);
        if let Some(dir) = self.presets {
            world = world.with_presets(Presets::new(dir));
        }
        if let Some(dir) = self.audit {
            world = world.with_audit(Audit::new(dir));
        }
        let console = Headless::start(app, world, self.size.0, self.size.1, BEGIN).await;
        let mut this = Harness { console, lab, others };
        this.wait(0.01).await;
        this
    }
}

/// A console and the cluster that it looks at.
pub struct Harness {
    pub console: Headless,
    pub lab: Arc<Lab>,
    /// The clusters of [`Setup::others`].
    pub others: Vec<Arc<Lab>>,
}

impl Harness {
    /// The administrator looks at the VMs of the homelab.
    pub async fn new() -> Self {
        Setup::default().go().await
    }

    /// Presses keys, separated by blanks; what stands between quotes (`'a b'`) is typed.
    pub async fn press(&mut self, keys: &str) {
        for (i, part) in keys.split('\'').enumerate() {
            if i % 2 == 1 {
                for c in part.chars() {
                    self.console.press(Key::char(c).event()).await;
                }
            } else {
                for key in part.split_whitespace() {
                    let key: Key = key.parse().unwrap();
                    self.console.press(key.event()).await;
                }
            }
        }
    }

    /// Lets seconds pass.
    pub async fn wait(&mut self, seconds: f64) {
        self.console.pass(Duration::from_secs_f64(seconds)).await;
    }

    /// Lets time pass until the screen shows a text.
    pub async fn until(&mut self, text: &str, at_most: f64) {
        let end = Instant::now() + Duration::from_secs_f64(at_most);
        while !self.screen().contains(text) {
            assert!(Instant::now() < end, "\"{text}\" did not come within {at_most} s:\n{}", self.screen());
            self.wait(0.1).await;
        }
    }

    pub fn screen(&self) -> String {
        svg::plain(self.console.screen())
    }

    /// The row under the cursor of a list.
    pub fn selected(&self) -> String {
        let (buffer, bg) = (self.buffer(), Look::new(Depth::True, GlyphSet::Unicode).style(Role::Selected).bg);
        let y = (2..buffer.area.height).find(|y| Some(buffer[(6, *y)].bg) == bg);
        let y = y.unwrap_or_else(|| panic!("nothing is selected:\n{}", self.screen()));
        self.screen().lines().nth(usize::from(y)).unwrap_or_default().to_owned()
    }

    pub fn buffer(&self) -> &Buffer {
        self.console.screen()
    }

    /// A line of the screen that holds a text.
    pub fn line(&self, text: &str) -> String {
        let screen = self.screen();
        let found = screen.lines().find(|l| l.contains(text)).map(str::to_owned);
        found.unwrap_or_else(|| panic!("no \"{text}\" on the screen:\n{screen}"))
    }

    /// Also a text that is wrapped counts as seen.
    #[track_caller]
    pub fn sees(&self, text: &str) {
        let screen = self.screen();
        let flat = screen.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(screen.contains(text) || flat.contains(text), "no \"{text}\" on the screen:\n{}", self.screen());
    }

    #[track_caller]
    pub fn sees_not(&self, text: &str) {
        assert!(!self.screen().contains(text), "\"{text}\" on the screen:\n{}", self.screen());
    }

    /// The last line of the screen: keys, messages, progress.
    pub fn footer(&self) -> String {
        self.screen().lines().last().unwrap_or_default().to_owned()
    }

    pub fn store(&self) -> &Store {
        self.console.app.store()
    }

    pub fn quits(&self) -> bool {
        self.console.app.quit
    }

    /// Calls that reached the cluster and begin so.
    pub fn calls(&self, begin: &str) -> Vec<String> {
        self.lab.log.lock().unwrap().iter().filter(|c| c.starts_with(begin)).cloned().collect()
    }

    /// Changes that reached the cluster; logins are none.
    pub fn writes(&self) -> Vec<String> {
        let log = self.lab.log.lock().unwrap();
        log.iter().filter(|c| !c.starts_with("GET ") && !c.starts_with("POST /access/ticket")).cloned().collect()
    }

    /// Looks into the cluster, or changes it behind the console's back.
    pub fn sim<T>(&self, look: impl FnOnce(&mut Simulator) -> T) -> T {
        let now = self.lab.clock();
        let mut sim = self.lab.sim.lock().unwrap();
        sim.advance(now);
        look(&mut sim)
    }

    /// Makes the next `count` calls (all when `None`) whose path holds `path` go wrong.
    pub fn trouble(&self, path: &str, count: Option<u32>, trouble: Trouble) {
        self.sim(|sim| sim.faults.add(path, count, trouble));
    }

    pub fn no_trouble(&self) {
        self.sim(|sim| sim.faults.clear());
    }

    /// The whole API is gone, or back.
    pub fn set_away(&self, away: bool) {
        *self.lab.refuses.lock().unwrap() = away;
    }

    pub async fn resize(&mut self, width: u16, height: u16) {
        self.console.resize(width, height).await;
    }

    pub async fn feed(&mut self, msg: Msg) {
        self.console.feed(msg).await;
    }

    /// Clicks the first place on the screen that shows a text.
    pub async fn click(&mut self, text: &str) {
        use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
        let screen = self.screen();
        let found =
            screen.lines().enumerate().find_map(|(y, line)| line.split_once(text).map(|(before, _)| (before, y)));
        let (before, y) = found.unwrap_or_else(|| panic!("no \"{text}\" on the screen:\n{screen}"));
        let (column, row) = (proxmux::ui::text::width(before) as u16, y as u16);
        let kind = MouseEventKind::Down(MouseButton::Left);
        self.feed(Msg::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })).await;
    }

    /// Is a guest running, as the cluster itself knows?
    pub fn runs(&self, vmid: u32) -> bool {
        self.sim(|sim| sim.cluster.guests[&vmid].running)
    }
}
