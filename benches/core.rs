//! What a refresh costs, part by part, at three sizes: `cargo bench --bench core`.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    cmp::Ordering,
    hint::black_box,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crossterm::event::{KeyCode, KeyEvent};
use proxmux::{
    api::{
        ApiError, BoxFuture, Call, Raw, Transport,
        cluster::{self, Guest},
        http::{Fingerprint, Target, Trust},
        ids::VmId,
        login::Credentials,
    },
    app::{App, Msg, Options, headless::Headless, runner::perform},
    cli::console::keymap,
    shell::{Connector, Effect, Now, Policy, SessionId, World},
    sim::{self, Simulator, scenario::Scenario, table::Table as Methods},
    store::Store,
    ui::{Align, Cell, Column, Ctx, Depth, GlyphSet, Look, Table, Width},
    views::login::{Login, Start},
};
use ratatui::{Terminal, backend::TestBackend};

/// Nodes and guests.
const CLUSTERS: [(u32, u32); 3] = [(16, 50), (16, 1000), (50, 10_000)];
const START: f64 = 1_800_000_000.0;

/// The simulated cluster as a transport: no sockets, and a clock that stands still until it is moved.
struct Memory {
    simulator: Mutex<Simulator>,
    seconds: AtomicU32,
}

impl Memory {
    /// The load of all guests moves every ten seconds.
    fn move_load(&self) {
        self.seconds.fetch_add(10, Relaxed);
    }
}

impl Transport for Memory {
    fn send(&self, call: Call) -> BoxFuture<Result<Raw, ApiError>> {
        use secrecy::ExposeSecret;
        let path = format!("/api2/json{}", call.wire.path);
        let mut inner = sim::Call::new(&call.wire.method.to_string(), &path);
        inner.query = call.wire.encoded();
        let headers = call.headers.iter().map(|(k, v)| (k.to_lowercase(), v.expose_secret().to_owned()));
        inner.headers.extend(headers);
        let now = START + f64::from(self.seconds.load(Relaxed));
        let answer = self.simulator.lock().unwrap().handle(inner, now);
        let raw = Raw { status: answer.status, reason: answer.reason, body: Bytes::from(answer.body) };
        Box::pin(async move { Ok(raw) })
    }
}

struct One(Arc<Memory>);

impl Connector for One {
    fn transport(&self, _: &Target, _: &Trust) -> Result<Arc<dyn Transport>, ApiError> {
        Ok(self.0.clone())
    }
    fn pinned(&self, _: &Target) -> Result<Option<Fingerprint>, ApiError> {
        Ok(None)
    }
    fn pin(&self, _: &Target, _: Fingerprint) -> Result<(), ApiError> {
        Ok(())
    }
}

/// A simulated cluster and a token for it.
fn cluster_of(nodes: u32, guests: u32) -> (Arc<Memory>, Credentials) {
    let methods = Arc::new(Methods::built_in().unwrap());
    let (cluster, login) = Scenario::Generated { nodes, guests }.build(methods, START, 7).unwrap();
    let credentials = Credentials::Token { id: login.token, secret: login.secret.into() };
    let simulator = Mutex::new(Simulator::new(cluster));
    (Arc::new(Memory { simulator, seconds: AtomicU32::new(0) }), credentials)
}

/// The list of resources as the server sends it.
fn body(nodes: u32, guests: u32) -> Bytes {
    let (memory, credentials) = cluster_of(nodes, guests);
    let client = proxmux::api::Client::over(memory);
    let (wire, _) = cluster::resources().into_parts();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        client.login(credentials).await.unwrap();
        client.send(wire).await.unwrap()
    })
}

/// A console that has its first answer.
async fn console(memory: Arc<Memory>, credentials: Credentials, tab: char) -> Console {
    let options = Options {
        look: Look::new(Depth::True, GlyphSet::Unicode),
        keys: keymap().unwrap(),
        interval: Duration::from_secs(5),
        tab,
        mouse: false,
        notify: proxmux::app::Notify::Off,
        profiles: vec![],
        profile: None,
    };
    let start = Start {
        target: Some("127.0.0.1".parse().unwrap()),
        trust: Some(Trust::Insecure),
        credentials: Some(credentials),
        ..Start::default()
    };
    let app = App::new(options, "127.0.0.1".into(), Login::new(start));
    let world = World::new(Arc::new(One(memory)), Policy::default());
    let mut console = Headless::start(app, world, 120, 40, START as i64).await;
    console.settle(Duration::from_secs(10)).await;
    assert!(console.app.store().guest(VmId::new(100).unwrap()).is_some());
    let (world, now) = (console.world().clone(), console.now());
    Console { app: console.app, world, screen: Terminal::new(TestBackend::new(120, 40)).unwrap(), now }
}

fn columns() -> Vec<Column<Guest>> {
    fn column(id: &'static str, cell: fn(&Guest, &Ctx) -> Cell, sort: fn(&Guest, &Guest) -> Ordering) -> Column<Guest> {
        let width = Width::Flex { min: 5, max: 20 };
        Column { id, title: id, width, priority: 0, align: Align::Left, cell, sort: Some(sort) }
    }
    vec![
        column("id", |g, _| g.vmid.to_string().into(), |a, b| a.vmid.cmp(&b.vmid)),
        column("name", |g, _| g.name.as_str().into(), |a, b| a.name.cmp(&b.name)),
        column("cpu", |g, _| g.cpu.to_string().into(), |a, b| a.cpu.total_cmp(&b.cpu)),
    ]
}

fn table() -> Table<Guest, VmId> {
    Table::new(
        columns(),
        |g| g.vmid,
        |g, out| {
            out.push_str(&g.name);
            out.push(' ');
            out.push_str(g.node.as_str());
        },
    )
}

fn parts(c: &mut Criterion) {
    for (nodes, guests) in CLUSTERS {
        let body = body(nodes, guests);
        let request = cluster::resources();
        let resources = request.decode(&body).unwrap();

        let mut group = c.benchmark_group("decode");
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(guests), |b| b.iter(|| request.decode(black_box(&body))));
        group.finish();

        let mut group = c.benchmark_group("merge");
        let mut store = Store::new(SessionId(0), String::new());
        store.set_resources(resources.clone().into(), Duration::ZERO);
        let same = || Arc::new(resources.clone());
        group.bench_function(BenchmarkId::new("unchanged", guests), |b| {
            b.iter_batched(same, |r| store.set_resources(r, Duration::ZERO), BatchSize::LargeInput);
        });
        let mut store = Store::new(SessionId(0), String::new());
        group.bench_function(BenchmarkId::new("all changed", guests), |b| {
            let mut turn = 0;
            let moved = || {
                turn += 1;
                let mut new = resources.clone();
                new.guests.iter_mut().for_each(|g| g.uptime += turn);
                Arc::new(new)
            };
            b.iter_batched(moved, |r| store.set_resources(r, Duration::ZERO), BatchSize::LargeInput);
        });
        group.finish();

        let mut group = c.benchmark_group("table");
        for (name, sort, filter) in [("sort by name", "name", ""), ("sort by cpu", "cpu", ""), ("filter", "id", "web")]
        {
            let (mut table, mut generation) = (table().with_sort(sort, false), 0);
            table.set_filter(filter);
            group.bench_function(BenchmarkId::new(name, guests), |b| {
                b.iter(|| {
                    generation += 1;
                    table.sync(black_box(&resources.guests), generation);
                });
            });
        }
        group.finish();
    }
}

/// The app in front of a screen in memory.
struct Console {
    app: App,
    world: World,
    screen: Terminal<TestBackend>,
    now: Now,
}

impl Console {
    fn take(&mut self, msg: Msg) {
        self.app.update(msg, self.now);
        self.draw();
    }

    fn draw(&mut self) {
        let (app, now) = (&mut self.app, self.now);
        self.screen.draw(|frame| app.draw(frame, now)).unwrap();
    }
}

fn whole(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (nodes, guests) in CLUSTERS {
        for (name, tab) in [("guest list", '2'), ("dashboard", '1')] {
            let (memory, credentials) = cluster_of(nodes, guests);
            let mut console = runtime.block_on(console(memory.clone(), credentials, tab));
            let id = BenchmarkId::new(name, guests);
            c.benchmark_group("draw").bench_function(id.clone(), |b| b.iter(|| console.draw()));
            if tab == '2' {
                let keys = ['j', 'k'].map(|c| KeyEvent::from(KeyCode::Char(c)));
                let mut keys = keys.iter().cycle().copied();
                let mut group = c.benchmark_group("key");
                group.bench_function(id.clone(), |b| b.iter(|| console.take(Msg::Key(keys.next().unwrap()))));
                group.finish();
            }
            let fetch = |console: &Console| {
                let known = console.app.store().resources.clone();
                let fetch = Effect::Fetch { session: SessionId(0), full: false, known };
                runtime.block_on(perform(console.world.clone(), fetch)).unwrap()
            };
            c.benchmark_group("refresh").bench_function(id.clone(), |b| {
                b.iter(|| {
                    let msg = fetch(&console);
                    console.take(msg);
                });
            });
            // What a key has to wait for at worst: the part on the drawing thread.
            let mut group = c.benchmark_group("take in a refresh");
            group.bench_function(id, |b| {
                b.iter_custom(|times| {
                    let mut took = Duration::ZERO;
                    for _ in 0..times {
                        memory.move_load();
                        let msg = fetch(&console);
                        let start = Instant::now();
                        console.take(msg);
                        took += start.elapsed();
                    }
                    took
                });
            });
            group.finish();
        }
    }
}

/// A storage with 20,000 images: the list is read, moved through, and filtered letter by letter.
fn volumes(c: &mut Criterion) {
    const MANY: u64 = 20_000;
    let (memory, credentials) = cluster_of(3, 50);
    {
        let cluster = &mut memory.simulator.lock().unwrap().cluster;
        let keeps = |s: &&sim::state::Storage| s.config.get("content").is_some_and(|c| c.contains("iso"));
        let storage = cluster.storages.values().find(keeps).unwrap().id.clone();
        let node = cluster.local.clone();
        for n in 0..MANY {
            let volume = sim::state::Volume {
                volid: format!("{storage}:iso/image-{n:05}.iso"),
                content: "iso".into(),
                format: "iso".into(),
                size: n << 20,
                ctime: Some(START as u64 - n * 60),
                ..sim::state::Volume::default()
            };
            cluster.add_volume(&node, volume);
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut console = runtime.block_on(console(memory, credentials, '4'));
    console.draw();
    let text: String = console.screen.backend().buffer().content().iter().map(ratatui::buffer::Cell::symbol).collect();
    assert!(text.contains("image-00000.iso"), "{text}");
    let press = |console: &mut Console, code| console.take(Msg::Key(KeyEvent::from(code)));
    let mut group = c.benchmark_group("volumes");
    group.bench_function(BenchmarkId::new("key", MANY), |b| {
        let mut down = false;
        b.iter(|| {
            down = !down;
            press(&mut console, KeyCode::Char(if down { 'j' } else { 'k' }));
        });
    });
    press(&mut console, KeyCode::Char('/'));
    group.bench_function(BenchmarkId::new("letter of a filter", MANY), |b| {
        let mut typed = false;
        b.iter(|| {
            typed = !typed;
            press(&mut console, if typed { KeyCode::Char('7') } else { KeyCode::Backspace });
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = parts, whole, volumes
}
criterion_main!(benches);
