//! Another password for oneself.

use proxmux::views::login::Start;

use crate::harness::{Harness, Setup};

async fn dialog(user: &str, secret: &str) -> Harness {
    let mut h = Setup::as_user(user, secret).go().await;
    h.wait(0.5).await;
    h.press("f4").await;
    h.sees(user);
    h.press("p").await;
    h.wait(0.2).await;
    h.sees(&format!("Change the password of {user}"));
    h
}

#[tokio::test(start_paused = true)]
async fn it_is_proved_with_the_present_one_and_holds_from_then_on() {
    let mut h = dialog("operator@pve", "operator1").await;
    h.press("'operator1' tab 'new-secret-2' tab 'new-secret-2' ctrl-s").await;
    h.sees("PUT /access/password userid=operator@pve password=******** confirmation-password=********");
    h.sees_not("new-secret-2");
    h.press("y").await;
    h.wait(1.0).await;
    h.sees("Password changed. Change it where you keep it, too");
    assert_eq!(
        h.writes(),
        ["PUT /access/password userid=operator@pve password=******** confirmation-password=********"]
    );
    // The ticket is lost: the silent login takes the new one.
    h.trouble("/cluster/resources", Some(1), proxmux::sim::fault::Effect::Expired);
    h.wait(30.0).await;
    h.sees_not("Password");
    h.sees("operator@pve");
    assert!(h.store().trouble.is_none(), "{}", h.screen());
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_stands_at_its_field() {
    let mut h = dialog("operator@pve", "operator1").await;
    h.press("'operator1' tab 'short' tab 'other' ctrl-s").await;
    h.sees("8");
    assert!(h.writes().is_empty());
    h.press("esc y").await;
    let mut h = dialog("operator@pve", "operator1").await;
    h.press("'not-mine-1' tab 'new-secret-2' tab 'new-secret-2' ctrl-s y").await;
    h.wait(4.0).await;
    h.sees("Change the password of operator@pve");
    h.sees("authentication failure");
}

#[tokio::test(start_paused = true)]
async fn root_is_told_that_it_is_one_nodes_password() {
    let mut h = dialog("root@pam", "proxmux").await;
    h.press("'proxmux' tab 'new-secret-2' tab 'new-secret-2' ctrl-s").await;
    h.sees("on the node that you are connected to");
}

#[tokio::test(start_paused = true)]
async fn a_directory_keeps_its_own_passwords() {
    let setup = Setup::as_user("operator@corp", "operator1");
    let mut h = setup
        .go_after(|sim| {
            let realm = [("type", "ldap"), ("comment", "Corporate")];
            let realm = realm.map(|(k, v)| (k.to_owned(), v.to_owned())).into_iter().collect();
            sim.cluster.access.realms.insert("corp".into(), realm);
            let user = sim.cluster.access.users["operator@pve"].clone();
            sim.cluster.access.users.insert("operator@corp".into(), user);
        })
        .await;
    h.wait(0.5).await;
    h.press(": 'Change your password' enter").await;
    h.wait(0.5).await;
    h.sees("Passwords of the realm corp (ldap) can't be changed here");
    h.press("'operator1' tab 'new-secret-2' tab 'new-secret-2' ctrl-s").await;
    h.sees_not("PUT /access/password");
    assert!(h.writes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_name_is_remembered_for_its_server_and_the_text_of_the_server_comes_first() {
    let nobody =
        || Setup { start: Start { user: None, credentials: None, ..Setup::default().start }, ..Setup::default() };
    let mut h = nobody().go().await;
    h.press("'operator' tab right tab 'operator1' enter").await;
    h.wait(0.5).await;
    h.sees("operator@pve");
    assert_eq!(h.lab.users.lock().unwrap().values().collect::<Vec<_>>(), ["operator@pve"]);
    // A wrong password is remembered for nobody.
    let mut h = nobody().go().await;
    h.press("'anna' tab right tab 'wrong' enter").await;
    h.wait(4.0).await;
    assert!(h.lab.users.lock().unwrap().is_empty());

    let text = "Only for staff.\nAll is recorded.";
    for written in [text.to_owned(), "T25seSBmb3Igc3RhZmYuCkFsbCBpcyByZWNvcmRlZC4=".to_owned()] {
        let mut h = nobody().go_after(|sim| drop(sim.cluster.options.insert("consent-text".into(), written))).await;
        h.sees("Only for staff.");
        h.sees("All is recorded.");
        h.sees_not("Password");
        h.press("esc").await;
        h.sees("was not agreed to");
        h.press("enter").await;
        h.sees("Only for staff.");
        h.press("enter 'root' tab tab 'proxmux' enter").await;
        h.wait(0.5).await;
        h.sees("opnsense");
    }
}
