//! The real way over TCP, TLS and HTTP: trust, odd answers, time-outs, and that nothing is sent twice.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use proxmux::api::{
    ApiError, Call, Client, Raw, Request, Transport,
    attachment::Meter,
    http::{Fingerprint, HttpTransport, Options, Trust},
    login::Credentials,
    sink::Sink,
};

use crate::server::{Reply, Server, raw, reply};

const OK: &str = r#"{"data":null}"#;

fn options() -> Options {
    Options { silence: Duration::from_millis(600), read: Duration::from_millis(1200), ..Options::default() }
}

fn transport_to(address: &str, trust: &Trust, options: Options) -> HttpTransport {
    HttpTransport::new(address.parse().unwrap(), trust, options).unwrap()
}

/// A transport that trusts exactly this server.
fn transport(server: &Server) -> HttpTransport {
    let pin = Trust::Pinned(Fingerprint::of(&server.leaf));
    transport_to(&server.address.to_string(), &pin, options())
}

async fn send(transport: &HttpTransport, request: Request<()>) -> Result<Raw, ApiError> {
    transport.send(Call { wire: request.wire, headers: vec![], into: None }).await
}

fn get(path: &str) -> Request<()> {
    Request::get(path)
}

fn post(path: &str) -> Request<()> {
    Request::post(path)
}

async fn trusting(server: &Server, trust: Trust) -> Result<Raw, ApiError> {
    send(&transport_to(&server.address.to_string(), &trust, options()), get("/version")).await
}

#[tokio::test]
async fn pinned_and_insecure() {
    let server = Server::start_as("elsewhere", |_| reply("200 OK", OK)).await;
    let right = Fingerprint::of(&server.leaf);
    let answer = trusting(&server, Trust::Pinned(right)).await.unwrap();
    assert_eq!((answer.status, answer.reason.as_str(), &answer.body[..]), (200, "OK", OK.as_bytes()));
    assert_eq!(trusting(&server, Trust::Insecure).await.unwrap().status, 200);
    assert_eq!(server.seen().len(), 2);

    let wrong = Fingerprint([7; 32]);
    let error = trusting(&server, Trust::Pinned(wrong)).await.unwrap_err();
    let ApiError::Untrusted { fingerprint, pinned, .. } = &error else { panic!("{error:?}") };
    assert_eq!((fingerprint.parse(), pinned.as_deref()), (Ok(right), Some(wrong.to_string().as_str())));
    assert_eq!(server.seen().len(), 2, "nothing may be sent");
}

#[tokio::test]
async fn a_copy_of_the_right_certificate_without_its_key_is_not_enough() {
    let real = Server::start(|_| reply("200 OK", OK)).await;
    let other_key = rcgen::KeyPair::generate().unwrap();
    let impostor = Server::start_with(real.leaf.clone(), &other_key, String::new(), |_| reply("200 OK", OK)).await;
    for trust in [Trust::Pinned(Fingerprint::of(&real.leaf)), Trust::Insecure] {
        let error = trusting(&impostor, trust).await.unwrap_err();
        assert!(matches!(&error, ApiError::NotSent(t) if t.contains("TLS")), "{error:?}");
    }
    assert_eq!((impostor.connections(), impostor.seen().len()), (2, 0));
}

#[tokio::test]
async fn unknown_certificates_are_shown_and_nothing_is_sent() {
    let server = Server::start(|_| reply("200 OK", OK)).await;
    let error = trusting(&server, Trust::System).await.unwrap_err();
    let ApiError::Untrusted { fingerprint, pinned: None, .. } = &error else { panic!("{error:?}") };
    assert_eq!(fingerprint.parse(), Ok(Fingerprint::of(&server.leaf)));
    assert_eq!((server.connections(), server.seen().len()), (1, 0));
}

#[tokio::test]
async fn a_file_of_authorities() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    let server = Server::start(|_| reply("200 OK", OK)).await;
    std::fs::write(&file, &server.authority).unwrap();
    assert_eq!(trusting(&server, Trust::CaFile(file.clone())).await.unwrap().status, 200);

    let other = Server::start(|_| reply("200 OK", OK)).await;
    let error = trusting(&other, Trust::CaFile(file.clone())).await.unwrap_err();
    // Both authorities carry the same name, so it is the signature that does not fit.
    assert!(matches!(error, ApiError::Untrusted { pinned: None, .. }), "{error:?}");

    let misnamed = Server::start_as("pve1.example.org", |_| reply("200 OK", OK)).await;
    std::fs::write(&file, &misnamed.authority).unwrap();
    let error = trusting(&misnamed, Trust::CaFile(file)).await.unwrap_err().to_string();
    assert!(error.contains("not made out to 127.0.0.1"), "{error}");
    assert_eq!(other.seen().len() + misnamed.seen().len(), 0);
}

#[tokio::test]
async fn requests_as_they_arrive() {
    let server = Server::start(|_| reply("200 OK", OK)).await;
    let transport = transport(&server);
    let wire = post("/nodes/a/qemu").param("name", "ä b").param("vmid", 100).wire;
    let headers = vec![("Cookie", "PVEAuthCookie=x%3A".into()), ("CSRFPreventionToken", "c".into())];
    transport.send(Call { wire, headers, into: None }).await.unwrap();
    send(&transport, post("/empty")).await.unwrap();
    send(&transport, get("/x").param("type", "vm")).await.unwrap();
    send(&transport, Request::delete("/x").param("purge", 1)).await.unwrap();
    let seen = server.seen();
    let has = |i: usize, h: &str| seen[i].headers.iter().any(|l| l.starts_with(h));
    assert_eq!(seen[0].line, "POST /api2/json/nodes/a/qemu HTTP/1.1");
    assert_eq!(seen[0].body, "name=%C3%A4+b&vmid=100");
    assert!(has(0, "content-length: 22") && has(0, "content-type: application/x-www-form-urlencoded"));
    assert!(has(0, "cookie: pveauthcookie=x%3a") && has(0, "csrfpreventiontoken: c"), "{seen:?}");
    assert!(has(1, "content-length: 0") && !has(1, "transfer-encoding"), "{:?}", seen[1]);
    assert_eq!(seen[2].line, "GET /api2/json/x?type=vm HTTP/1.1");
    assert_eq!(seen[3].line, "DELETE /api2/json/x?purge=1 HTTP/1.1");
    assert!(!has(2, "content-") && !has(3, "content-"), "{seen:?}");
    assert_eq!(server.connections(), 1, "connections are kept");
}

#[tokio::test]
async fn reasons_bodies_and_statuses() {
    let server = Server::start(|seen| match seen.line.split(' ').nth(1).unwrap() {
        "/api2/json/ticket" => reply("401 Authentication failed!", ""),
        "/api2/json/usual" => reply("401 Unauthorized", ""),
        "/api2/json/proxy" => reply("595 Connection refused", ""),
        "/api2/json/html" => reply("502 Bad Gateway", "<html><h1>502</h1>"),
        "/api2/json/page" => reply("200 OK", "<html>hello"),
        "/api2/json/moved" => raw("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"),
        "/api2/json/param" => reply(
            "400 Parameter verification failed.",
            r#"{"data":null,"message":"Parameter verification failed.\n","errors":{"vmid":"bad\n"}}"#,
        ),
        "/api2/json/chunks" => {
            raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{\"data\"\r\n6\r\n:null}\r\n0\r\n\r\n")
        }
        _ => reply("200 OK", ""),
    })
    .await;
    let client = Client::new(transport(&server));
    let text = async |path: &str| client.ask(get(path)).await.unwrap_err();
    assert_eq!(text("/ticket").await.to_string(), "Authentication failed!");
    assert_eq!(text("/usual").await.to_string(), "Unauthorized");
    let e = text("/proxy").await;
    assert_eq!((e.status(), e.to_string().as_str()), (Some(595), "Connection refused"));
    assert_eq!(text("/html").await.to_string(), "Bad Gateway");
    assert!(matches!(text("/page").await, ApiError::Garbled(t) if t.contains("<html>hello")));
    assert!(matches!(text("/empty").await, ApiError::Garbled(t) if t.contains("empty")));
    assert_eq!(text("/moved").await.status(), Some(302));
    assert_eq!(text("/param").await.to_string(), "Parameter verification failed. vmid: bad");
    client.ask(get("/chunks")).await.unwrap();
    assert!(server.seen().iter().all(|s| !s.line.contains("/other")), "redirects are not followed");
}

#[tokio::test]
async fn cut_off_and_overlong_answers() {
    let server = Server::start(|seen| match seen.line.split(' ').nth(1).unwrap() {
        "/api2/json/cut" => raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\":").then_hang_up(),
        "/api2/json/head" => raw("HTTP/1.1 200 O").then_hang_up(),
        "/api2/json/none" => raw("").then_hang_up(),
        "/api2/json/noise" => raw("SSH-2.0-OpenSSH\r\n\r\n").then_hang_up(),
        _ => reply("200 OK", &"x".repeat(1001)),
    })
    .await;
    let small = Options { body: 1000, ..options() };
    let pin = Trust::Pinned(Fingerprint::of(&server.leaf));
    for path in ["/cut", "/head", "/none", "/noise"] {
        for request in [post(path), get(path)] {
            let transport = transport_to(&server.address.to_string(), &pin, small.clone());
            let before = server.seen().len();
            let error = send(&transport, request).await.unwrap_err();
            assert!(matches!(&error, ApiError::Unsure(t) if t.contains("127.0.0.1:")), "{path}: {error:?}");
            assert!(!error.is_certainly_undone());
            assert_eq!(server.seen().len() - before, 1, "{path} was sent again");
        }
    }
    let transport = transport_to(&server.address.to_string(), &pin, small);
    let error = send(&transport, get("/long")).await.unwrap_err();
    assert!(matches!(&error, ApiError::Garbled(t) if t.contains("1000 bytes")), "{error:?}");
}

#[tokio::test]
async fn slow_answers() {
    let piece = |after: u64, text: &str| (Duration::from_millis(after), text.to_owned());
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n";
    let server = Server::start(move |seen| Reply {
        pieces: match seen.line.split(' ').nth(1).unwrap() {
            "/api2/json/never" => vec![piece(60_000, head)],
            "/api2/json/stops" => vec![piece(0, head), piece(0, "{\"da"), piece(60_000, "")],
            "/api2/json/drips" => {
                let mut pieces = vec![piece(0, head)];
                pieces.extend(OK.chars().map(|c| piece(120, &c.to_string())));
                pieces
            }
            "/api2/json/crawls" => {
                let mut pieces = vec![piece(0, "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n")];
                pieces.extend((0..90).map(|_| piece(80, " ")));
                pieces
            }
            _ => vec![piece(400, head), piece(400, OK)],
        },
        hang_up: false,
    })
    .await;
    let quick = Options { connect: Duration::from_millis(200), ..options() };
    let pin = Trust::Pinned(Fingerprint::of(&server.leaf));
    let transport = transport_to(&server.address.to_string(), &pin, quick);
    assert_eq!(send(&transport, get("/steady")).await.unwrap().body, OK);
    for (request, want) in [
        (get("/never"), "no answer"),
        (post("/never"), "no answer"),
        (get("/stops"), "after 4 bytes"),
        (get("/drips"), "not complete within 1.2 s"),
    ] {
        let start = Instant::now();
        let error = send(&transport, request).await.unwrap_err();
        assert!(matches!(&error, ApiError::Unsure(t) if t.contains(want)), "{want}: {error:?}");
        assert!(start.elapsed() < Duration::from_secs(4), "{want}: {:?}", start.elapsed());
    }
    // A write takes as long as bytes keep coming, but not for ever.
    assert_eq!(send(&transport, post("/drips")).await.unwrap().body, OK);
    let hasty = Options { silence: Duration::from_millis(300), ..options() };
    let hasty = transport_to(&server.address.to_string(), &pin, hasty);
    let error = send(&hasty, post("/crawls")).await.unwrap_err();
    assert!(matches!(&error, ApiError::Unsure(t) if t.contains("came too slowly")), "{error:?}");
    assert_eq!(server.seen().len(), 7);
}

#[tokio::test]
async fn servers_that_are_not_there() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let error =
        send(&transport_to(&address, &Trust::Insecure, options()), post("/x").secret("password", "hunter2")).await;
    assert_eq!(error, Err(ApiError::NotSent(format!("{address} refuses connections"))));

    let error = send(&transport_to("no-such-host.invalid", &Trust::Insecure, options()), get("/x")).await.unwrap_err();
    assert!(matches!(&error, ApiError::NotSent(t) if t.contains("no-such-host.invalid")), "{error:?}");

    // Something else than TLS, something that hangs up, and something that never says a word.
    for (says, hangs_up, want) in
        [("SSH-2.0-x\r\n", false, "TLS"), ("", true, "handshake"), ("", false, "within 0.3 s")]
    {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let mut open = vec![];
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::io::AsyncWriteExt::write_all(&mut stream, says.as_bytes()).await.unwrap();
                if hangs_up {
                    // Read the greeting first, so that hanging up is a clean end and not a reset.
                    let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 4096]).await;
                } else {
                    open.push(stream);
                }
            }
        });
        let quick = Options { connect: Duration::from_millis(300), ..options() };
        let error = send(&transport_to(&address, &Trust::Insecure, quick), get("/x")).await.unwrap_err();
        assert!(matches!(&error, ApiError::NotSent(t) if t.contains(want)), "{want}: {error:?}");
    }
}

/// Answers the first request of each connection, and hangs up on the second without an answer: what a client meets when
/// the server closes an idle connection just as the next request is on its way.
async fn closing_server() -> Server {
    let last = std::sync::Mutex::new(0);
    Server::start(move |seen| {
        let first = std::mem::replace(&mut *last.lock().unwrap(), seen.connection) != seen.connection;
        if first { reply("200 OK", OK) } else { raw("").then_hang_up() }
    })
    .await
}

#[tokio::test]
async fn a_read_over_a_connection_that_was_closed_meanwhile_goes_again() {
    let server = closing_server().await;
    let transport = transport(&server);
    send(&transport, get("/1")).await.unwrap();
    send(&transport, get("/2")).await.unwrap();
    let seen: Vec<_> = server.seen().iter().map(|s| (s.line.clone(), s.connection)).collect();
    let line = |n| format!("GET /api2/json/{n} HTTP/1.1");
    assert_eq!(seen, [(line(1), 1), (line(2), 1), (line(2), 2)]);
}

#[tokio::test]
async fn a_write_never_goes_again() {
    for request in [post("/2"), Request::put("/2"), Request::delete("/2")] {
        let server = closing_server().await;
        let transport = transport(&server);
        send(&transport, get("/1")).await.unwrap();
        let error = send(&transport, request).await.unwrap_err();
        assert!(matches!(&error, ApiError::Unsure(t) if t.contains("closed the connection")), "{error:?}");
        assert_eq!(server.seen().len(), 2);
    }
}

#[tokio::test]
async fn connections_that_the_server_closed_in_peace_are_not_used() {
    let server = Server::start(|_| reply("200 OK", OK).then_hang_up()).await;
    let transport = transport(&server);
    for _ in 0..3 {
        send(&transport, post("/x")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await; // the news of the end arrives
    }
    assert_eq!((server.seen().len(), server.connections()), (3, 3));
}

#[tokio::test]
async fn a_large_answer_is_streamed_into_a_file_and_a_refusal_is_not() {
    let server = Server::start(|request| match request.line.contains("/gone") {
        true => reply("500 no such file", r#"{"data":null,"message":"no such file\n"}"#),
        false => reply("200 OK", &"0123456789abcdef".repeat(6 << 16)),
    })
    .await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    // Six MiB where an answer may have one.
    let small = Options { body: 1 << 20, ..options() };
    let pin = Trust::Pinned(Fingerprint::of(&server.leaf));
    let transport = transport_to(&server.address.to_string(), &pin, small);
    assert!(send(&transport, get("/file")).await.is_err(), "an ordinary answer may not be that large");
    let client = Client::new(transport);
    client.login(Credentials::Token { id: "a@b!c".into(), secret: "s".into() }).await.unwrap();
    let sink = Sink::create(&path, Meter::default()).await.unwrap();
    client.save(get("/file").wire, &sink).await.unwrap();
    assert_eq!((sink.meter.sent(), std::fs::metadata(&path).unwrap().len()), (6 << 20, 6 << 20));

    // A refusal says why; the file stays empty.
    let path = dir.path().join("other");
    let sink = Sink::create(&path, Meter::default()).await.unwrap();
    let error = client.save(get("/gone").wire, &sink).await.unwrap_err();
    assert!(error.to_string().contains("no such file"), "{error}");
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);

    // Stopped in the middle.
    sink.meter.cancel();
    let error = client.save(get("/file").wire, &sink).await.unwrap_err();
    assert!(error.to_string().contains("stopped by you"), "{error}");
}

#[tokio::test]
async fn a_redirect_says_where_to() {
    let server = Server::start(|seen| {
        let to = if seen.line.contains("/long") { "x".repeat(5000) } else { "https://login.example/?a=1".into() };
        raw(&format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"))
    })
    .await;
    let transport = transport(&server);
    let client = Client::new(transport);
    let error = client.ask(get("/x")).await.unwrap_err().explained();
    let want = "redirects to https://login.example/?a=1. This is not a Proxmox VE API: check host and port.";
    assert!(error.ends_with(want), "{error}");
    assert!(client.ask(get("/long")).await.unwrap_err().explained().len() < 250);
}
