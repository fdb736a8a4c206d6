#![allow(clippy::unwrap_used)]
//! The client against a scripted server in memory, with a paused clock.

use std::collections::HashSet;

use futures_util::future::join_all;
use tokio::time::{advance, sleep};

use super::*;
use crate::api::{
    login::FactorKind,
    request::Method,
    transport::{BoxFuture, Raw},
};

/// A small server: it gives out tickets, judges them, and notes what it saw.
#[derive(Default)]
struct Book {
    password: String,
    factor: bool,
    tickets: u32,
    valid: HashSet<String>,
    /// `path` or `path!` for a write, with what the headers held.
    seen: Vec<String>,
    logins: u32,
    renewals: u32,
    in_flight: usize,
    most_in_flight: usize,
    /// What happens to the next calls that are no logins.
    fate: Option<ApiError>,
    login_fate: Option<ApiError>,
    method_says_401: bool,
    /// This path is on a node that does not take tickets.
    stray: Option<&'static str>,
}

#[derive(Clone)]
struct Server(Arc<Mutex<Book>>);

fn raw(status: u16, body: impl Into<String>) -> Raw {
    Raw { status, reason: String::new(), body: Bytes::from(body.into()) }
}

impl Server {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Book { password: "pw".into(), ..Book::default() })))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap()
    }

    /// All tickets given so far become invalid.
    fn expire(&self) {
        self.book().valid.clear();
    }

    /// Logins, renewals, and other calls so far.
    fn counts(&self) -> (u32, u32, usize) {
        let book = self.book();
        (book.logins, book.renewals, book.seen.len())
    }

    fn client(&self) -> Client {
        Client::new(self.clone())
    }

    async fn logged_in(&self) -> Client {
        let client = self.client();
        let login = client.login(password("pw")).await.unwrap();
        assert!(matches!(login, Login::Done));
        client
    }
}

fn password(text: &str) -> Credentials {
    Credentials::Password { user: "root@pam".into(), password: text.into() }
}

impl Book {
    fn ticket(&mut self) -> Raw {
        self.tickets += 1;
        let n = self.tickets;
        self.valid.insert(format!("PVE:root@pam:{n}"));
        raw(
            200,
            format!(
                r#"{{"data":{{"username":"root@pam","ticket":"PVE:root@pam:{n}","CSRFPreventionToken":"csrf{n}"}}}}"#
            ),
        )
    }

    fn log_in(&mut self, wire: &Wire) -> Result<Raw, ApiError> {
        let given = wire.get("password").unwrap().to_owned();
        if self.valid.contains(&given) {
            self.renewals += 1;
        } else {
            self.logins += 1;
        }
        if let Some(error) = &self.login_fate {
            return Err(error.clone());
        }
        let challenge = "PVE:!tfa!{\"totp\"%3Atrue}:1::S";
        Ok(match wire.get("tfa-challenge") {
            Some(c) if c == challenge && given == "totp:123456" => self.ticket(),
            None if self.valid.contains(&given) => self.ticket(),
            None if given == self.password && self.factor => raw(
                200,
                serde_json::json!({"data": {"username": "root@pam", "ticket": challenge, "NeedTFA": 1}}).to_string(),
            ),
            None if given == self.password => self.ticket(),
            _ => raw(401, r#"{"data":null,"message":"authentication failure\n"}"#),
        })
    }

    fn answer(&mut self, call: &Call) -> Result<Raw, ApiError> {
        if call.wire.path == "/access/ticket" {
            assert!(call.headers.is_empty());
            return self.log_in(&call.wire);
        }
        let header = |name| call.headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.expose_secret().to_owned());
        let (cookie, csrf) = (header("Cookie"), header("CSRFPreventionToken"));
        self.seen.push(format!(
            "{} {} {}",
            call.wire,
            cookie.as_deref().or(header("Authorization").as_deref()).unwrap_or("-"),
            csrf.as_deref().unwrap_or("-")
        ));
        if let Some(error) = &self.fate {
            return Err(error.clone());
        }
        if self.method_says_401 {
            return Ok(raw(401, r#"{"data":null,"message":"authentication failure\n"}"#));
        }
        if self.stray.is_some_and(|path| call.wire.path == path) {
            return Ok(raw(401, ""));
        }
        if call.wire.path == "/access/domains" {
            return Ok(raw(200, r#"{"data":[]}"#));
        }
        let ticket = cookie.as_deref().and_then(|c| c.strip_prefix("PVEAuthCookie="));
        let ticket = ticket.map(|t| percent_encoding::percent_decode_str(t).decode_utf8().unwrap().into_owned());
        let valid = ticket.is_some_and(|t| self.valid.contains(&t));
        let signed = call.wire.method == Method::Get || csrf.is_some();
        Ok(if valid && signed { raw(200, r#"{"data":null}"#) } else { raw(401, "") })
    }
}

impl Transport for Server {
    fn send(&self, call: Call) -> BoxFuture<Result<Raw, ApiError>> {
        let server = self.clone();
        Box::pin(async move {
            {
                let mut book = server.book();
                book.in_flight += 1;
                book.most_in_flight = book.most_in_flight.max(book.in_flight);
            }
            sleep(Duration::from_millis(50)).await;
            let answer = server.book().answer(&call);
            sleep(Duration::from_millis(50)).await;
            server.book().in_flight -= 1;
            answer
        })
    }
}

fn read() -> Request<()> {
    Request::get("/x")
}

fn write() -> Request<()> {
    Request::post("/x")
}

#[tokio::test(start_paused = true)]
async fn csrf_goes_with_writes_only() {
    let server = Server::new();
    let client = server.logged_in().await;
    client.ask(read()).await.unwrap();
    for request in [write(), Request::put("/x"), Request::delete("/x")] {
        client.ask(request).await.unwrap();
    }
    let seen = server.book().seen.clone();
    assert_eq!(
        seen,
        [
            "GET /x PVEAuthCookie=PVE%3Aroot%40pam%3A1 -",
            "POST /x PVEAuthCookie=PVE%3Aroot%40pam%3A1 csrf1",
            "PUT /x PVEAuthCookie=PVE%3Aroot%40pam%3A1 csrf1",
            "DELETE /x PVEAuthCookie=PVE%3Aroot%40pam%3A1 csrf1",
        ]
    );
    assert_eq!(client.user().as_deref(), Some("root@pam"));
}

#[tokio::test(start_paused = true)]
async fn tokens_need_no_login_and_no_csrf() {
    let server = Server::new();
    let client = server.client();
    let token = Credentials::Token { id: "root@pam!ci".into(), secret: "s-3-c".into() };
    assert!(!format!("{token:?}").contains("s-3-c"));
    assert!(matches!(client.login(token).await, Ok(Login::Done)));
    let e = client.ask(write()).await.unwrap_err();
    assert_eq!(e.status(), Some(401));
    let book = server.book();
    assert_eq!((book.logins, book.seen.as_slice()), (0, &["POST /x PVEAPIToken=root@pam!ci=s-3-c -".to_owned()][..]));
}

#[tokio::test(start_paused = true)]
async fn wrong_passwords_are_refused() {
    let server = Server::new();
    let client = server.client();
    let e = client.login(password("no")).await.unwrap_err();
    assert_eq!((e.status(), e.to_string().as_str()), (Some(401), "authentication failure"));
    assert_eq!(client.user(), None);
    client.ask(read()).await.unwrap_err();
    assert_eq!(server.book().seen, ["GET /x - -"]);
}

#[tokio::test(start_paused = true)]
async fn an_old_ticket_is_renewed_once_while_others_go_on() {
    let server = Server::new();
    let client = server.logged_in().await;
    advance(RENEW_AFTER - Duration::from_secs(1)).await;
    client.ask(read()).await.unwrap();
    assert_eq!(server.book().renewals, 0);
    advance(Duration::from_secs(1)).await;
    let all = join_all((0..5).map(|_| client.ask(read()))).await;
    assert!(all.iter().all(Result::is_ok));
    client.ask(write()).await.unwrap();
    let book = server.book();
    assert_eq!((book.renewals, book.logins), (1, 1));
    let with = |ticket: &str| book.seen.iter().filter(|s| s.contains(ticket)).count();
    assert_eq!((with("%3A1 "), with("%3A2 ")), (1 + 4, 1 + 1), "{:?}", book.seen);
    assert!(book.seen.last().unwrap().ends_with("csrf2"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_renewal_is_tried_again_later() {
    let server = Server::new();
    let client = server.logged_in().await;
    advance(RENEW_AFTER).await;
    server.book().login_fate = Some(ApiError::NotSent("no route".into()));
    for _ in 0..3 {
        client.ask(read()).await.unwrap();
    }
    assert_eq!(server.book().renewals, 1);
    server.book().login_fate = None;
    advance(RENEW_AGAIN).await;
    client.ask(read()).await.unwrap();
    client.ask(read()).await.unwrap();
    let (logins, renewals, _) = server.counts();
    assert_eq!((renewals, logins), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn ten_lost_calls_cause_one_login_and_are_sent_once_more() {
    let server = Server::new();
    let client = server.logged_in().await;
    server.expire();
    let calls = (0..10).map(|i| {
        let client = client.clone();
        async move { if i % 2 == 0 { client.ask(write()).await } else { client.ask(read()).await } }
    });
    let all = join_all(calls).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    let book = server.book();
    assert_eq!((book.logins, book.renewals, book.seen.len()), (2, 0, 20));
}

#[tokio::test(start_paused = true)]
async fn a_changed_password_ends_the_login_with_one_attempt() {
    let server = Server::new();
    let client = server.logged_in().await;
    server.expire();
    server.book().password = "other".into();
    let all = join_all((0..10).map(|_| client.ask(write()))).await;
    assert!(all.iter().all(|r| matches!(r, Err(ApiError::LoginNeeded(_)))), "{all:?}");
    assert!(matches!(client.ask(read()).await, Err(ApiError::LoginNeeded(_))));
    assert_eq!(server.counts(), (2, 0, 10));
    assert_eq!(client.user(), None);
    // The login dialog still gets the realms, and a new login repairs everything.
    client.ask(access::domains()).await.unwrap();
    client.login(password("other")).await.unwrap();
    client.ask(write()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_login_that_fails_for_a_while_is_shared_and_then_repeated() {
    let server = Server::new();
    let client = server.logged_in().await;
    server.expire();
    server.book().login_fate = Some(ApiError::Unsure("no answer".into()));
    let all = join_all((0..10).map(|_| client.ask(write()))).await;
    for e in all {
        let e = e.unwrap_err();
        assert!(matches!(&e, ApiError::NotSent(text) if text.contains("no answer")), "{e:?}");
    }
    assert_eq!(server.book().logins, 2);
    server.book().login_fate = None;
    client.ask(write()).await.unwrap();
    assert_eq!(server.book().logins, 3);
}

#[tokio::test(start_paused = true)]
async fn a_second_401_is_the_answer() {
    let server = Server::new();
    let client = server.logged_in().await;
    server.expire();
    // The new ticket does not last either.
    let expirer = server.clone();
    let spoil = tokio::spawn(async move {
        sleep(Duration::from_millis(201)).await; // 100 ms for the call, 100 ms for the login
        expirer.expire();
    });
    let e = client.ask(write()).await.unwrap_err();
    spoil.await.unwrap();
    assert_eq!((e.status(), server.counts()), (Some(401), (2, 0, 2)));
}

/// Its clock is wrong, for example. Logging in again would not help, and must not end the session with the others.
#[tokio::test(start_paused = true)]
async fn a_node_that_takes_no_tickets_does_not_end_the_login() {
    let server = Server::new();
    let client = server.logged_in().await;
    server.book().stray = Some("/nodes/lost/status");
    let e = client.ask(Request::<()>::get("/nodes/lost/status")).await.unwrap_err();
    assert!(e.explained().contains("does not take the cluster's tickets. Check its clock"), "{}", e.explained());
    client.ask(Request::<()>::get("/nodes/good/status")).await.unwrap();
    assert_eq!(server.book().logins, 1);
}

#[tokio::test(start_paused = true)]
async fn a_401_of_the_method_itself_is_no_lost_ticket() {
    let server = Server::new();
    let client = server.logged_in().await;
    server.book().method_says_401 = true;
    let e = client.ask(Request::<()>::put("/access/password")).await.unwrap_err();
    assert_eq!((e.status(), server.counts()), (Some(401), (1, 0, 1)));
}

#[tokio::test(start_paused = true)]
async fn second_factors() {
    let server = Server::new();
    server.book().factor = true;
    let client = server.client();
    let Login::NeedsSecondFactor(challenge) = client.login(password("pw")).await.unwrap() else {
        panic!("no challenge")
    };
    assert_eq!((challenge.user(), challenge.kinds()), ("root@pam", &[FactorKind::Totp][..]));
    assert_eq!(client.user(), None);
    let factor = |code: &str| Factor { kind: FactorKind::Totp, code: code.into() };
    assert_eq!(client.second_factor(&challenge, factor("000000")).await.unwrap_err().status(), Some(401));
    client.second_factor(&challenge, factor("123 456")).await.unwrap();
    client.ask(write()).await.unwrap();
    // Renewal works without another code, a lost ticket does not.
    advance(RENEW_AFTER).await;
    client.ask(read()).await.unwrap();
    assert_eq!(server.book().renewals, 1);
    server.expire();
    let before = server.book().logins;
    let e = client.ask(write()).await.unwrap_err();
    assert!(matches!(&e, ApiError::LoginNeeded(why) if why.contains("second factor")), "{e}");
    assert_eq!(server.book().logins, before);
}

#[tokio::test(start_paused = true)]
async fn a_second_factor_that_was_set_up_meanwhile_ends_the_login() {
    let server = Server::new();
    let client = server.logged_in().await;
    server.book().factor = true;
    server.expire();
    assert!(matches!(client.ask(read()).await, Err(ApiError::LoginNeeded(_))));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_repeated_when_it_is_unsure() {
    let server = Server::new();
    let client = server.logged_in().await;
    for error in [ApiError::Unsure("cut".into()), ApiError::NotSent("refused".into())] {
        server.book().seen.clear();
        server.book().fate = Some(error.clone());
        assert_eq!(client.ask(write()).await, Err(error.clone()));
        let error = unanswered(error);
        assert_eq!(client.ask(read()).await, Err(error), "a read has changed nothing");
        assert_eq!(server.book().seen.len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn reads_are_bounded_and_writes_pass_them() {
    let server = Server::new();
    let client = server.logged_in().await;
    let start = Instant::now();
    let reads = join_all((0..3 * READS).map(|_| client.ask(read())));
    let write = async {
        client.ask(write()).await.unwrap();
        start.elapsed()
    };
    let (reads, took) = tokio::join!(reads, write);
    assert!(reads.iter().all(Result::is_ok));
    assert_eq!(took, Duration::from_millis(100));
    assert_eq!(start.elapsed(), Duration::from_millis(300));
    assert_eq!(server.book().most_in_flight, READS + 1);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_does_not_block_the_login_of_others() {
    let server = Server::new();
    let client = server.logged_in().await;
    server.expire();
    let dropped = tokio::time::timeout(Duration::from_millis(150), client.ask(read())).await;
    assert!(dropped.is_err(), "it should have been dropped in the middle of its login");
    client.ask(read()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn secrets_are_not_shown() {
    let server = Server::new();
    let client = server.logged_in().await;
    let shown = format!("{client:?} {:?}", client.headers(true).await.unwrap());
    assert!(shown.contains("root@pam") && !shown.contains("PVE%3A") && !shown.contains("csrf1"), "{shown}");
}
