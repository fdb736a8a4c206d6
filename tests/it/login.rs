//! Logging in: password, second factor, token, certificates, and what happens when a login ends.

use std::time::Duration;

use proxmux::{
    api::{
        http::{Fingerprint, Trust},
        login::Credentials,
    },
    sim::{access::User, crypto},
    views::login::Start,
};

use crate::harness::{BEGIN, CERTIFICATE, HOST, Harness, Setup, password};

const LOGIN: &str = "POST /access/ticket";
const TOTP: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

fn code(h: &Harness) -> String {
    crypto::totp(TOTP, h.console.now().unix as u64, 6, 30).unwrap()
}

/// Nobody vouches for the certificate, and nothing is said about it on the command line.
fn untrusting(pinned: Option<Fingerprint>) -> Setup {
    let start = Start { trust: None, ..Setup::login_of("root@pam").start };
    Setup { start, pinned, ..Setup::default() }
}

#[tokio::test(start_paused = true)]
async fn a_typed_password() {
    let mut h = Setup::login_of("root@pam").go().await;
    h.sees("Log in to Proxmox VE");
    h.sees(HOST);
    h.sees("Linux PAM standard authentication");
    h.press("'proxmux'").await;
    h.sees_not("proxmux'");
    assert!(!h.line("Password").contains("proxmux"), "{}", h.screen());
    assert_eq!(h.calls(LOGIN), [""; 0]);
    h.press("enter").await;
    h.sees("opnsense");
    h.sees("root@pam");
    assert_eq!(h.calls(LOGIN), ["POST /access/ticket username=root@pam password=********"]);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_and_then_the_right_one() {
    let mut h = Setup::login_of("root@pam").go().await;
    h.press("'oops' enter").await;
    h.sees("Logging in");
    h.wait(3.1).await;
    h.sees("authentication failure");
    h.sees("Check user, realm and password");
    h.press("'proxmux' enter").await;
    h.sees("opnsense");
    assert_eq!(h.calls(LOGIN).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn another_user_and_realm() {
    let mut h = Setup { start: Start { user: None, ..Setup::login_of("x").start }, ..Setup::default() }.go().await;
    h.press("'operator' tab right").await;
    h.sees("Proxmox VE authentication server");
    h.press("tab 'operator1' enter").await;
    assert_eq!(h.calls(LOGIN), ["POST /access/ticket username=operator@pve password=********"]);
    h.sees("operator@pve");
}

#[tokio::test(start_paused = true)]
async fn everything_typed_by_hand() {
    let mut h = Setup { start: Start::default(), ..Setup::default() }.go().await;
    h.sees("pve1.example.com");
    h.press("'http://x' enter").await;
    h.sees("only https");
    h.press("ctrl-u 'pve1.home.example' enter").await;
    h.sees("Nobody vouches");
    h.press("y").await;
    h.press("'root' tab tab 'proxmux' enter").await;
    h.sees("opnsense");
}

#[tokio::test(start_paused = true)]
async fn totp_wrong_then_right() {
    let mut h = Setup::login_of("anna@pve").go().await;
    h.press("'annapass1' enter").await;
    h.sees("Code of the authenticator app");
    h.sees("anna@pve: the password is right.");
    h.press("'000000' enter").await;
    h.wait(3.1).await;
    h.sees("Type the next code");
    let code = code(&h);
    h.press(&format!("'{code}' enter")).await;
    h.until("opnsense", 1.0).await;
    h.sees("anna@pve");
    assert!(!h.lab.log.lock().unwrap().iter().any(|c| c.contains(&code)), "codes are secret");
}

#[tokio::test(start_paused = true)]
async fn a_recovery_key() {
    let mut h = Setup::login_of("anna@pve").go().await;
    h.press("'annapass1' enter tab").await;
    h.sees("Recovery key");
    h.press("'1f2e-3d4c-5b6a-7988' enter").await;
    h.until("opnsense", 1.0).await;
    // It works once.
    let mut again = Setup::login_of("anna@pve").go().await;
    again.lab.sim.lock().unwrap().cluster.access = h.sim(|s| s.cluster.access.clone());
    again.press("'annapass1' enter tab '1f2e-3d4c-5b6a-7988' enter").await;
    again.wait(3.1).await;
    again.sees("Recovery key");
    again.sees_not("opnsense");
}

#[tokio::test(start_paused = true)]
async fn two_enters_send_a_code_once() {
    let mut h = Setup::login_of("anna@pve").go().await;
    h.press("'annapass1' enter").await;
    h.sim(|sim| sim.faults.latency = 2.0);
    let code = code(&h);
    let before = h.calls(LOGIN).len();
    h.press(&format!("'{code}' enter '{code}' enter enter")).await;
    h.wait(30.0).await;
    assert_eq!(h.calls(LOGIN).len(), before + 1);
    h.sees("opnsense");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_certificate_is_shown_once_and_pinned() {
    let mut h = untrusting(None).go().await;
    h.sees("Nobody vouches for this server's certificate.");
    h.sees("A1:A1:A1");
    assert!(h.lab.log.lock().unwrap().is_empty(), "nothing is sent before the user has accepted it");
    h.press("y").await;
    h.sees("Password");
    assert_eq!(h.lab.pins.lock().unwrap().get(HOST), Some(&CERTIFICATE));
    h.press("'proxmux' enter").await;
    h.sees("opnsense");
    // The next time nobody is asked.
    let h = untrusting(Some(CERTIFICATE)).go().await;
    h.sees("Password");
    h.sees_not("certificate");
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_not_accepted() {
    let mut h = untrusting(None).go().await;
    h.press("n").await;
    h.sees("Not connected: the certificate was not accepted.");
    assert!(h.lab.pins.lock().unwrap().is_empty() && h.lab.log.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_changed_certificate_is_refused() {
    let old = Fingerprint([7; 32]);
    // Also one that was given on the command line.
    let given =
        Setup { start: Start { trust: Some(Trust::Pinned(old)), ..Setup::default().start }, ..Setup::default() };
    for (setup, title) in [
        (untrusting(Some(old)), "THE CERTIFICATE OF THIS SERVER HAS CHANGED."),
        (given, "THIS IS NOT THE CERTIFICATE WHOSE FINGERPRINT WAS GIVEN."),
    ] {
        let mut h = setup.sized(80, 24).go().await;
        h.sees(title);
        h.sees("Enter accept and pin   Esc leave it");
        h.press("enter 'x' space").await;
        h.sees(title);
        h.press("'beef' enter").await;
        h.sees("\"beef\" is not how it ends: compare once more.");
        h.sees("____");
        h.press("n").await;
        h.sees("Not connected");
        assert!(h.lab.log.lock().unwrap().is_empty(), "neither password nor anything else is sent");
        assert_ne!(h.lab.pins.lock().unwrap().get(HOST), Some(&CERTIFICATE));
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_changes_in_the_middle() {
    let mut h = Harness::new().await;
    *h.lab.certificate.lock().unwrap() = Fingerprint([0xB2; 32]);
    let before = h.lab.log.lock().unwrap().len();
    h.wait(6.0).await;
    h.sees("THIS IS NOT THE CERTIFICATE WHOSE FINGERPRINT WAS GIVEN.");
    h.sees("B2:B2:B2");
    // One key is not enough for a change that may be an attack.
    h.press("y enter 'b1b1' enter").await;
    h.sees("THIS IS NOT THE CERTIFICATE WHOSE FINGERPRINT WAS GIVEN.");
    assert_eq!(h.lab.log.lock().unwrap().len(), before);
    h.press("'b2b2' enter").await;
    h.wait(6.0).await;
    h.sees("opnsense");
    h.sees_not("data is");
}

#[tokio::test(start_paused = true)]
async fn a_token() {
    let token = |secret: &str| Credentials::Token { id: "root@pam!demo".into(), secret: secret.to_owned().into() };
    let start = |secret| Start { credentials: Some(token(secret)), user: None, ..Setup::default().start };
    let good = start("5f1c0bd6-6f0b-4f2b-9a6e-0d8e3a3f7a11");
    let mut h = Setup { start: good, ..Setup::default() }.go().await;
    h.sees("opnsense");
    h.sees("root@pam!demo");
    assert_eq!(h.calls(LOGIN), [""; 0]);
    h.press("/ 'kali' enter s y").await;
    h.until("Start VM 111 (kali): done", 6.0).await;

    let mut h = Setup { start: start("wrong"), ..Setup::default() }.go().await;
    h.wait(3.1).await;
    h.sees("Log in to Proxmox VE");
    h.sees("Authentication failed!");
    let asked = h.lab.log.lock().unwrap().len();
    h.wait(60.0).await;
    assert_eq!(h.lab.log.lock().unwrap().len(), asked, "a bad token is not tried again and again");
    h.press("'root' ").await;
}

#[tokio::test(start_paused = true)]
async fn a_given_password_that_is_wrong_can_be_typed_again() {
    let start = Start { credentials: Some(password("root@pam", "old")), ..Setup::default().start };
    let mut h = Setup { start, ..Setup::default() }.go().await;
    h.wait(3.1).await;
    h.sees("authentication failure");
    h.press("'proxmux' enter").await;
    h.sees("opnsense");
}

#[tokio::test(start_paused = true)]
async fn an_expired_ticket_is_renewed_silently() {
    let mut h = Harness::new().await;
    h.wait(2.0).await;
    let now = BEGIN as f64 + 2.5;
    h.wait(1.0).await;
    h.sim(|sim| sim.cluster.access.tickets_since = now + 1.0);
    h.wait(20.0).await;
    h.sees("opnsense");
    h.sees_not("Log in");
    h.sees_not("data is");
    assert_eq!(h.calls(LOGIN).len(), 2);
    // Also when a change is the first to notice.
    h.sim(|sim| sim.cluster.access.tickets_since = sim.cluster.now.floor() + 1.0);
    h.wait(1.0).await;
    h.press("/ 'kali' enter s y").await;
    h.until("Start VM 111 (kali): done", 10.0).await;
    assert_eq!(h.writes().len(), 2, "the first was refused unread: {:?}", h.writes());
    let starts = h.sim(|s| {
        s.cluster.tasks.list.iter().filter(|t| t.kind == "qmstart" && t.id == "111" && t.start > BEGIN as u64).count()
    });
    assert_eq!(starts, 1);
}

#[tokio::test(start_paused = true)]
async fn a_long_day() {
    let mut h = Setup { interval: Duration::from_secs(120), ..Setup::default() }.go().await;
    h.wait(5.0 * 3600.0).await;
    h.sees("opnsense");
    h.sees_not("Log in");
    let logins = h.calls(LOGIN).len();
    assert!((5..=7).contains(&logins), "{logins} logins in five hours");
}

#[tokio::test(start_paused = true)]
async fn a_password_that_was_changed_meanwhile() {
    let mut h = Harness::new().await;
    h.press("down down enter").await;
    h.wait(3.0).await;
    h.sim(|sim| {
        sim.cluster.access.users.get_mut("root@pam").unwrap().password = Some("another".into());
        sim.cluster.access.tickets_since = sim.cluster.now.floor() + 1.0;
    });
    h.wait(20.0).await;
    h.sees("no longer accepts the password");
    let logins = h.calls(LOGIN).len();
    h.wait(120.0).await;
    assert_eq!(h.calls(LOGIN).len(), logins, "a refused password is not tried again: accounts get locked by that");
    h.press("'another' enter").await;
    h.until("VM 102 nextcloud", 1.0).await;
    h.sees_not("Log in");
    h.wait(6.0).await;
    h.sees_not("data is");
}

#[tokio::test(start_paused = true)]
async fn a_session_with_a_second_factor_ends_with_its_ticket() {
    let mut h = Setup::login_of("anna@pve").go().await;
    h.press("'annapass1' enter").await;
    let first = code(&h);
    h.press(&format!("'{first}' enter")).await;
    h.until("opnsense", 1.0).await;
    h.wait(40.0).await;
    h.sim(|sim| sim.cluster.access.tickets_since = sim.cluster.now.floor() + 1.0);
    h.wait(20.0).await;
    h.sees("Log in to Proxmox VE");
    h.sees("second factor");
    h.press("'annapass1' enter").await;
    let next = code(&h);
    h.press(&format!("'{next}' enter")).await;
    h.until("opnsense", 1.0).await;
}

#[tokio::test(start_paused = true)]
async fn a_disabled_user() {
    let mut h = Setup::as_user("former@pve", "formerpass1").go().await;
    h.wait(3.1).await;
    h.sees("authentication failure");
    h.press("esc").await;
    assert!(h.quits());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_not_there() {
    let start = Start { target: Some("nowhere:8006".parse().unwrap()), ..Setup::login_of("root@pam").start };
    let mut h = Setup { start, ..Setup::default() }.go().await;
    h.set_away(true);
    h.press("up up up ctrl-u 'nowhere' enter").await;
    h.sees("nowhere:8006 refuses connections");
    h.sees("Check host name, port and network");
    h.set_away(false);
    h.press("up up up ctrl-u 'pve1.home.example' enter").await;
    // The trust that was given was meant for the other server.
    h.sees("Nobody vouches for this server's certificate");
    h.press("y").await;
    h.press("'proxmux' enter").await;
    h.sees("opnsense");
}

#[tokio::test(start_paused = true)]
async fn a_password_typed_after_a_failure_is_not_shown() {
    let mut h = Setup::login_of("root@pam").go_after(|sim| sim.faults.latency = 60.0).await;
    h.wait(35.0).await;
    h.sees("Nothing was changed by it: try again");
    h.sees_not("may have acted on it");
    h.sim(|sim| sim.faults.latency = 0.0);
    h.press("'proxmux'").await;
    h.sees_not("8006proxmux");
    h.sees("•••");
    h.press("enter").await;
    h.press("enter").await;
    h.sees("opnsense");
}

#[tokio::test(start_paused = true)]
async fn waiting_can_be_given_up() {
    let mut h = Setup::login_of("root@pam").go().await;
    h.sim(|sim| sim.faults.latency = 25.0);
    h.press("'proxmux' enter").await;
    h.sees("Logging in");
    h.press("esc").await;
    h.sees("Password");
    h.wait(90.0).await;
    h.sees_not("opnsense");
    h.sees("Password");
}

#[tokio::test(start_paused = true)]
async fn few_rights_show_few_guests_and_refusals_say_what_is_missing() {
    let mut h = Setup::as_user("operator@pve", "operator1").go().await;
    h.sees_not("opnsense");
    h.press("1 9 2 1").await;
    // Somebody without any rights.
    let nobody = User { enable: true, password: Some("nothing12".into()), ..User::default() };
    let mut h = Setup::as_user("nobody@pve", "nothing12")
        .go_after(|sim| drop(sim.cluster.access.users.insert("nobody@pve".into(), nobody)))
        .await;
    h.sees("no VMs");
    h.sees_not("waiting");
    h.press("9").await;
    h.sees("no tasks");
    h.press("2 c").await;
    assert_eq!(h.writes(), [""; 0]);
    let mut h = Setup::as_user("auditor@pve", "auditor1").go().await;
    h.press("/ 'kali' enter s").await;
    h.sees("you lack VM.PowerMgmt on /vms/111");
    assert_eq!(h.writes(), [""; 0]);
}
