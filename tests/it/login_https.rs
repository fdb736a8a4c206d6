//! The real transport and client against the simulated cluster over TLS on loopback: every login, and every way in
//! which an answer can go wrong, with the simulator counting what was done.

use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use proxmux::{
    api::{
        ApiError, Client, Request, cluster, guest,
        http::{Fingerprint, HttpTransport, Options, Trust},
        ids::{GuestKind, GuestRef, Upid, VmId},
        login::{Credentials, Factor, FactorKind, Login},
        task, version,
    },
    sim::{
        Simulator, crypto,
        fault::{Effect, Rule},
        scenario::Scenario,
        server::{self, Server},
        table::Table,
    },
};

static TABLE: LazyLock<Arc<Table>> = LazyLock::new(|| Arc::new(Table::built_in().unwrap()));

async fn start_with(delay_401: Duration) -> Server {
    let (cluster, _) = Scenario::Homelab.build(TABLE.clone(), server::wall_clock(), 7).unwrap();
    let options = server::Options { delay_401, ..server::Options::default() };
    Server::start(Simulator::new(cluster), options).await.unwrap()
}

async fn start() -> Server {
    start_with(Duration::ZERO).await
}

fn client(server: &Server) -> Client {
    let pin = Trust::Pinned(server.fingerprint.parse().unwrap());
    client_with(server, &pin)
}

fn client_with(server: &Server, trust: &Trust) -> Client {
    let options = Options {
        connect: Duration::from_millis(900),
        silence: Duration::from_millis(900),
        read: Duration::from_secs(2),
        ..Options::default()
    };
    Client::new(HttpTransport::new(server.address.to_string().parse().unwrap(), trust, options).unwrap())
}

fn password(user: &str, password: &str) -> Credentials {
    Credentials::Password { user: user.into(), password: password.into() }
}

async fn root(server: &Server) -> Client {
    let client = client(server);
    assert!(matches!(client.login(password("root@pam", "proxmux")).await, Ok(Login::Done)));
    client
}

fn kali() -> GuestRef {
    GuestRef { node: "pve3".into(), kind: GuestKind::Vm, vmid: VmId::new(111).unwrap() }
}

/// How often the cluster began to start the VM.
fn starts(server: &Server) -> usize {
    server.with(|sim| {
        sim.cluster
            .tasks
            .list
            .iter()
            .filter(|t| t.kind == "qmstart" && t.id == "111" && t.start + 60 > sim.cluster.now as u64)
            .count()
    })
}

async fn wait_for(client: &Client, upid: &Upid) {
    let end = Instant::now() + Duration::from_secs(10);
    while client.ask(task::status(upid)).await.unwrap().status.is_running() {
        assert!(Instant::now() < end, "the task does not end");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_ticket_with_csrf_token_reads_and_writes() {
    let server = start().await;
    let client = root(&server).await;
    assert_eq!(client.user().as_deref(), Some("root@pam"));
    let resources = client.ask(cluster::resources()).await.unwrap();
    assert_eq!((resources.nodes.len(), resources.guests.len()), (3, 27));
    let upid = client.ask(guest::start(&kali())).await.unwrap();
    wait_for(&client, &upid).await;
    assert_eq!(starts(&server), 1);
    assert!(server.with(|sim| sim.cluster.guests[&111].running));
}

#[tokio::test]
async fn a_token_needs_neither() {
    let server = start().await;
    let client = client(&server);
    let secret = "5f1c0bd6-6f0b-4f2b-9a6e-0d8e3a3f7a11";
    client.login(Credentials::Token { id: "root@pam!demo".into(), secret: secret.into() }).await.unwrap();
    assert!(client.uses_token());
    client.ask(guest::start(&kali())).await.unwrap();
    assert_eq!(starts(&server), 1);
    client.login(Credentials::Token { id: "root@pam!demo".into(), secret: "wrong".into() }).await.unwrap();
    let error = client.ask(version::get()).await.unwrap_err();
    assert_eq!(error.status(), Some(401), "{error:?}");
}

#[tokio::test]
async fn a_wrong_password_after_the_servers_pause() {
    let server = start_with(Duration::from_millis(300)).await;
    let client = client(&server);
    let begin = Instant::now();
    let error = client.login(password("root@pam", "wrong")).await.unwrap_err();
    assert!(begin.elapsed() >= Duration::from_millis(300));
    assert_eq!((error.status(), error.to_string().as_str()), (Some(401), "authentication failure"));
    assert_eq!(client.user(), None);
    let error = client.login(password("former@pve", "formerpass1")).await.unwrap_err();
    assert_eq!(error.status(), Some(401));
}

#[tokio::test]
async fn totp_and_recovery() {
    let server = start().await;
    let client = client(&server);
    let Ok(Login::NeedsSecondFactor(challenge)) = client.login(password("anna@pve", "annapass1")).await else {
        panic!("no second factor was asked for")
    };
    assert_eq!(challenge.kinds(), [FactorKind::Totp, FactorKind::Recovery]);
    let factor = |kind, code: &str| Factor { kind, code: code.into() };
    let error = client.second_factor(&challenge, factor(FactorKind::Totp, "000000")).await.unwrap_err();
    assert_eq!(error.status(), Some(401));
    assert_eq!(client.user(), None, "half a login is none");
    let now = server::wall_clock() as u64;
    let code = crypto::totp("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", now, 6, 30).unwrap();
    client.second_factor(&challenge, factor(FactorKind::Totp, &code)).await.unwrap();
    assert_eq!(client.user().as_deref(), Some("anna@pve"));
    client.ask(version::get()).await.unwrap();

    let key = "1f2e-3d4c-5b6a-7988";
    for (try_, works) in [(1, true), (2, false)] {
        let client = self::client(&server);
        let Ok(Login::NeedsSecondFactor(challenge)) = client.login(password("anna@pve", "annapass1")).await else {
            panic!("no second factor was asked for")
        };
        let answer = client.second_factor(&challenge, factor(FactorKind::Recovery, key)).await;
        assert_eq!(answer.is_ok(), works, "try {try_}: {answer:?}");
    }
}

#[tokio::test]
async fn an_expired_ticket_leads_to_one_silent_login_and_one_change() {
    let server = start().await;
    let client = root(&server).await;
    server.with(|sim| sim.faults.add("/cluster/resources", Some(1), Effect::Expired));
    client.ask(cluster::resources()).await.unwrap();
    // Old tickets are not accepted any more, as after two hours; a change is the first to notice.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    server.with(|sim| sim.cluster.access.tickets_since = server::wall_clock().floor());
    client.ask(guest::start(&kali())).await.unwrap();
    assert_eq!(starts(&server), 1);
    // Ten at once share one login.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    server.with(|sim| sim.cluster.access.tickets_since = server::wall_clock().floor());
    let all = futures_util::future::join_all((0..10).map(|_| client.ask(version::get()))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
}

#[tokio::test]
async fn an_expired_ticket_and_a_changed_password_end_the_login() {
    let server = start().await;
    let client = root(&server).await;
    server.with(|sim| {
        sim.cluster.access.users.get_mut("root@pam").unwrap().password = Some("another".into());
        sim.faults.add("/version", None, Effect::Expired);
    });
    let error = client.ask(version::get()).await.unwrap_err();
    assert!(matches!(&error, ApiError::LoginNeeded(_)), "{error:?}");
    assert!(!error.to_string().contains("proxmux"));
    server.with(|sim| sim.faults.clear());
    client.login(password("root@pam", "another")).await.unwrap();
    client.ask(version::get()).await.unwrap();
}

#[tokio::test]
async fn certificates() {
    let server = start().await;
    let error = client_with(&server, &Trust::System).login(password("root@pam", "proxmux")).await.unwrap_err();
    let ApiError::Untrusted { fingerprint, pinned: None, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*fingerprint, server.fingerprint);
    let wrong = Trust::Pinned(Fingerprint([9; 32]));
    let error = client_with(&server, &wrong).login(password("root@pam", "proxmux")).await.unwrap_err();
    assert!(matches!(&error, ApiError::Untrusted { pinned: Some(_), .. }), "{error:?}");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    std::fs::write(&file, &server.certificate_pem).unwrap();
    client_with(&server, &Trust::CaFile(file)).login(password("root@pam", "proxmux")).await.unwrap();
    client_with(&server, &Trust::Insecure).login(password("root@pam", "proxmux")).await.unwrap();
}

#[tokio::test]
async fn refusals_as_the_server_means_them() {
    let server = start().await;
    let client = root(&server).await;
    for (status, reason) in [
        (595, "No route to host"),
        (596, "Connection timed out"),
        (599, "Too many redirections"),
        (500, "got timeout"),
        (503, "Service Unavailable"),
    ] {
        server.with(|sim| sim.faults.add("/version", Some(1), Effect::Status(status, reason.into())));
        let error = client.ask(version::get()).await.unwrap_err();
        assert_eq!((error.status(), error.to_string().as_str()), (Some(status), reason));
        assert!(error.is_temporary());
        client.ask(version::get()).await.unwrap();
    }
    let bad: Request<Upid> = Request::post("/nodes/pve1/qemu").param("vmid", 12).param("bogus", 1);
    let Err(ApiError::Refused(refusal)) = client.ask(bad).await else { panic!("it was accepted") };
    assert_eq!(refusal.status, 400);
    assert!(refusal.errors.contains_key("vmid") && refusal.errors.contains_key("bogus"), "{refusal:?}");
    let taken: Request<Upid> = Request::post("/nodes/pve1/qemu").param("vmid", 100);
    let error = client.ask(taken).await.unwrap_err();
    assert!(error.to_string().contains("VM 100 already exists"), "{error}");
}

/// Whatever happens to the answer of a change, it is sent once, and the outcome is called unsure.
#[tokio::test]
async fn changes_are_sent_once_whatever_happens_to_the_answer() {
    for (effect, done) in
        [(Effect::Lost, 1), (Effect::Cut, 1), (Effect::Slow(3.0), 1), (Effect::Away, 0), (Effect::Garble, 1)]
    {
        let server = start().await;
        let client = root(&server).await;
        let rule = Rule { method: "POST".into(), path: "/status/start".into(), left: Some(1), effect: effect.clone() };
        server.with(|sim| sim.faults.add_rule(rule));
        let error = client.ask(guest::start(&kali())).await.expect_err(&format!("{effect:?}"));
        assert!(matches!(error, ApiError::Unsure(_) | ApiError::Garbled(_)), "{effect:?}: {error:?}");
        assert!(!error.is_certainly_undone(), "{effect:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(starts(&server), done, "{effect:?}");
        client.ask(version::get()).await.unwrap();
    }
}

#[tokio::test]
async fn reads_with_spoiled_answers() {
    let server = start().await;
    let client = root(&server).await;
    let path = "/cluster/resources";
    server.with(|sim| sim.faults.add(path, Some(1), Effect::Cut));
    let error = client.ask(cluster::resources()).await.unwrap_err();
    assert!(matches!(&error, ApiError::Unanswered(t) if t.contains("cut off")), "{error:?}");
    server.with(|sim| sim.faults.add(path, Some(1), Effect::Garble));
    assert!(matches!(client.ask(cluster::resources()).await, Err(ApiError::Garbled(_))));
    server.with(|sim| sim.faults.add(path, Some(1), Effect::Slow(5.0)));
    let begin = Instant::now();
    assert!(matches!(client.ask(cluster::resources()).await, Err(ApiError::Unanswered(_))));
    assert!(begin.elapsed() < Duration::from_secs(4));
    server.with(|sim| sim.faults.latency = 0.2);
    let begin = Instant::now();
    client.ask(cluster::resources()).await.unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(200));
    server.with(|sim| sim.faults.add("", None, Effect::Away));
    assert!(matches!(client.ask(version::get()).await, Err(ApiError::Unanswered(_))));
    server.with(|sim| sim.faults.clear());
    client.ask(version::get()).await.unwrap();
    let address = server.address;
    drop(server);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let trust = Trust::Insecure;
    let gone = HttpTransport::new(address.to_string().parse().unwrap(), &trust, Options::default()).unwrap();
    let error = Client::new(gone).ask(version::get()).await.unwrap_err();
    assert!(matches!(&error, ApiError::NotSent(t) if t.contains("refuses connections")), "{error:?}");
}
