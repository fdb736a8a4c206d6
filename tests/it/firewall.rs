//! The firewall of a guest: its rules, options, aliases, IP sets and log, also while somebody else is at it.

use proxmux::sim::fault::Effect as Trouble;
use serde_json::{Value, json};

use crate::harness::{Harness, Setup};

/// The firewall of Nextcloud (VM 102) with three rules, an IP set and a log.
async fn opened(setup: Setup) -> Harness {
    let mut h = setup.go().await;
    let file = json!({"rules": [
        {"type": "in", "action": "ACCEPT", "enable": 1, "proto": "tcp", "dport": "22", "source": "10.0.0.0/8",
         "comment": "from inside", "log": "info"},
        {"type": "in", "action": "DROP", "enable": 0, "macro": "SMB"},
        {"type": "out", "action": "REJECT", "enable": 1, "dest": "+blk"},
    ], "ipset": {"blk": {"comment": "unwanted", "entries": [{"cidr": "192.0.2.0/24"}]}}});
    h.sim(|sim| sim.cluster.extra.insert("firewall/guest/102".into(), file));
    h.press("/ 'nextcloud' enter enter F").await;
    h.until("from inside", 3.0).await;
    h
}

async fn nextcloud(width: u16, height: u16) -> Harness {
    opened(Setup::default().sized(width, height)).await
}

/// The dialog of the first rule, with another port typed.
async fn port_typed() -> Harness {
    let mut h = nextcloud(80, 24).await;
    h.press("e").await;
    h.until("Edit rule 0", 2.0).await;
    h.press("tab tab tab tab tab ctrl-u '2222'").await;
    h
}

/// Somebody else changes the firewall.
fn meanwhile(h: &Harness, change: impl FnOnce(&mut Value)) {
    h.sim(|sim| change(sim.cluster.extra.get_mut("firewall/guest/102").unwrap()));
}

/// What the cluster has, in the order in which it counts.
fn rules(h: &Harness) -> Vec<Value> {
    let file = h.sim(|sim| sim.cluster.extra.get("firewall/guest/102").cloned());
    file.and_then(|f| f["rules"].as_array().cloned()).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn the_rules_stand_in_their_order_with_what_keeps_them_from_counting() {
    for size in [(80, 24), (120, 40)] {
        let h = nextcloud(size.0, size.1).await;
        h.sees("It is switched off: none of this counts");
        h.sees("The cluster's firewall is switched off");
        let at = |text: &str| h.screen().lines().position(|l| l.contains(text)).unwrap();
        assert!(at("10.0.0.0/8") < at("SMB") && at("SMB") < at("REJECT"), "{}", h.screen());
        assert!(h.line("SMB").contains("off"), "{}", h.screen());
        assert!(h.line("10.0.0.0/8").contains("tcp 22"), "{}", h.screen());
    }
    let h = nextcloud(120, 40).await;
    h.sees("+blk");
}

#[tokio::test(start_paused = true)]
async fn a_service_is_let_in_with_two_choices() {
    let mut h = nextcloud(80, 24).await;
    h.press("s").await;
    h.until("Which service is to be let in?", 2.0).await;
    h.sees("Secure shell traffic");
    h.press("'https' enter").await;
    h.until("Add a rule: VM 102 (nextcloud)", 2.0).await;
    h.sees("HTTPS");
    h.press("ctrl-s").await;
    h.sees("POST /nodes/pve2/qemu/102/firewall/rules type=in action=ACCEPT macro=HTTPS enable=1 pos=0 digest=");
    h.press("y").await;
    h.until(": done", 3.0).await;
    h.until("HTTPS", 3.0).await;
    let first = rules(&h)[0].clone();
    assert_eq!((first["macro"].as_str(), first["enable"].as_i64()), (Some("HTTPS"), Some(1)));
    assert_eq!(rules(&h).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn an_edit_sends_only_what_was_changed_and_what_is_emptied_is_deleted() {
    let mut h = nextcloud(120, 40).await;
    h.press("e").await;
    h.until("Edit rule 0", 2.0).await;
    h.sees("Destination port");
    // Ports that can't be any are refused here.
    h.press("tab tab tab tab tab ctrl-u 'abc def' ctrl-s").await;
    h.sees("write ports as 22, 8000:8100");
    h.press("ctrl-u '22,8022'").await;
    h.press("tab tab tab tab tab").await;
    h.press("ctrl-s").await;
    h.until("Change rule 0", 2.0).await;
    h.sees("becomes in ACCEPT tcp port 22,8022 from 10.0.0.0/8");
    h.press("y").await;
    h.until(": done", 3.0).await;
    let calls = h.writes();
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert!(calls[0].starts_with("PUT /nodes/pve2/qemu/102/firewall/rules/0 dport=22,8022 digest="), "{calls:?}");
    assert_eq!(rules(&h)[0]["dport"], "22,8022");
}

#[tokio::test(start_paused = true)]
async fn rules_are_moved_switched_copied_and_removed() {
    let mut h = nextcloud(80, 24).await;
    // Down by one: the first changes places with the second.
    h.press("J").await;
    h.sees("Move rule 0 to 1: VM 102 (nextcloud)?");
    h.press("enter").await;
    h.until(": done", 3.0).await;
    assert_eq!(rules(&h)[0]["macro"], "SMB");
    assert_eq!(rules(&h)[1]["dport"], "22");
    h.wait(1.0).await;
    // The cursor has gone with it.
    h.wait(5.0).await;
    h.press("p").await;
    h.until("Disable rule 1", 2.0).await;
    h.press("enter").await;
    h.until("(nextcloud): done", 3.0).await;
    assert_eq!(rules(&h)[1]["enable"], 0);
    // Anywhere else by the menu.
    h.wait(5.0).await;
    h.press("G m t").await;
    h.until("Move rule 2", 2.0).await;
    h.press("'0:' enter ctrl-s").await;
    h.until("Move rule 2 to 0", 2.0).await;
    h.press("enter").await;
    h.until("(nextcloud): done", 3.0).await;
    assert_eq!(rules(&h)[0]["action"], "REJECT");
    h.wait(5.0).await;
    h.press("g c").await;
    h.until("Add a rule", 2.0).await;
    h.press("ctrl-s").await;
    h.sees("type=out action=REJECT dest=+blk enable=1 pos=0");
    h.press("esc esc").await;
    h.wait(5.0).await;
    h.press("delete").await;
    h.until("Remove rule 0", 2.0).await;
    h.press("y").await;
    h.until("(nextcloud): done", 3.0).await;
    assert_eq!(rules(&h).len(), 2);
    assert!(h.writes().iter().all(|call| call.contains("digest=")), "{:?}", h.writes());
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_somebody_else_has_moved_is_found_again_and_nothing_typed_is_lost() {
    let mut h = port_typed().await;
    // A rule comes before it.
    meanwhile(&h, |file| {
        let new = json!({"type": "in", "action": "ACCEPT", "enable": 1, "macro": "Ping"});
        file["rules"].as_array_mut().unwrap().insert(0, new);
    });
    h.press("ctrl-s y").await;
    h.wait(1.0).await;
    h.sees("this rule has position 1 now");
    h.sees("2222");
    h.press("ctrl-s").await;
    h.until("Change rule 1", 2.0).await;
    h.press("y").await;
    h.until("(nextcloud): done", 3.0).await;
    assert_eq!(rules(&h)[1]["dport"], "2222");
    assert_eq!(rules(&h)[0]["macro"], "Ping");
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_is_gone_becomes_a_new_one_only_when_it_is_sent_again() {
    let mut h = port_typed().await;
    meanwhile(&h, |file| drop(file["rules"].as_array_mut().unwrap().remove(0)));
    h.press("ctrl-s y").await;
    h.wait(1.0).await;
    h.sees("changed or removed this rule meanwhile");
    assert_eq!(rules(&h).len(), 2);
    // In the list, too: what is gone can't be removed.
    h.press("ctrl-s").await;
    h.until("Add rule", 2.0).await;
    h.press("y").await;
    h.until(": done", 3.0).await;
    assert_eq!((rules(&h).len(), rules(&h)[0]["dport"].as_str()), (3, Some("2222")));
    h.wait(5.0).await;
    h.press("G delete").await;
    h.until("Remove rule 2", 2.0).await;
    meanwhile(&h, |file| drop(file["rules"].as_array_mut().unwrap().pop()));
    h.press("y").await;
    h.until("detected", 3.0).await;
    h.wait(1.0).await;
    assert_eq!(rules(&h).len(), 2, "nothing else was removed");
}

#[tokio::test(start_paused = true)]
async fn options_say_what_they_do_and_only_changed_ones_are_sent() {
    let mut h = nextcloud(80, 24).await;
    h.press("tab").await;
    h.sees("DROP (default)");
    h.sees("Input policy");
    h.press("e").await;
    h.until("Options: VM 102 (nextcloud)", 2.0).await;
    // The firewall on, and its input policy.
    h.press("right tab right right ctrl-s").await;
    h.sees("Firewall: no (default) becomes yes");
    h.sees("From now on the rules count");
    h.press("y").await;
    h.until(": done", 3.0).await;
    h.wait(2.0).await;
    h.sees_not("It is switched off");
    let calls = h.writes();
    assert!(
        calls[0].starts_with("PUT /nodes/pve2/qemu/102/firewall/options enable=1 policy_in=DROP digest="),
        "{calls:?}"
    );

    // Somebody else is faster: the field that was left alone follows.
    h.wait(1.0).await;
    h.press("e").await;
    h.until("Options: VM 102 (nextcloud)", 2.0).await;
    meanwhile(&h, |file| file["options"]["dhcp"] = json!(1));
    h.press("left ctrl-s y").await;
    h.wait(1.0).await;
    h.sees("Somebody else has changed this firewall meanwhile");
    h.press("ctrl-s").await;
    h.sees("PUT /nodes/pve2/qemu/102/firewall/options");
    assert!(!h.screen().contains("dhcp="), "{}", h.screen());
    h.press("y").await;
    h.wait(2.0).await;
    let options = h.sim(|sim| sim.cluster.extra["firewall/guest/102"]["options"].clone());
    assert_eq!((options["dhcp"].clone(), options["enable"].as_i64()), (json!(1), None));
}

#[tokio::test(start_paused = true)]
async fn aliases_and_ip_sets_with_what_is_in_them() {
    let mut h = nextcloud(120, 40).await;
    h.press("tab tab a").await;
    h.until("Add alias", 2.0).await;
    h.press("'office' tab '10.1.2.300' tab ctrl-s").await;
    h.sees("must be an address or a network");
    h.press("ctrl-u '10.1.2.3' ctrl-s").await;
    h.sees("POST /nodes/pve2/qemu/102/firewall/aliases name=office cidr=10.1.2.3");
    h.press("y").await;
    h.until("10.1.2.3", 3.0).await;
    h.wait(5.0).await;
    h.press("e").await;
    h.until("Edit alias", 2.0).await;
    h.press("tab tab 'the office' ctrl-s y").await;
    h.until(": done", 3.0).await;
    h.until("the office", 3.0).await;

    h.wait(5.0).await;
    h.press("tab").await;
    h.sees("unwanted");
    h.sees("+blk");
    h.press("enter").await;
    h.until("192.0.2.0/24", 2.0).await;
    h.press("a").await;
    h.until("Add address of the set blk", 2.0).await;
    h.press("'192.0.2.7' enter tab space ctrl-s").await;
    h.sees("POST /nodes/pve2/qemu/102/firewall/ipset/blk cidr=192.0.2.7 nomatch=1");
    h.press("y").await;
    h.until("not this", 3.0).await;
    h.wait(5.0).await;
    h.press("G delete").await;
    h.sees("DELETE /nodes/pve2/qemu/102/firewall/ipset/blk/192.0.2.7");
    h.press("y").await;
    h.until("blk: VM 102 (nextcloud): done", 3.0).await;
    h.press("esc delete").await;
    // The rule that names it is told.
    h.sees("Rule 2 names it and stops working");
    h.press("esc").await;
}

#[tokio::test(start_paused = true)]
async fn a_security_group_is_inserted() {
    let mut h = nextcloud(80, 24).await;
    h.sim(|sim| {
        sim.cluster.extra.insert("firewall/cluster".into(), json!({"groups": {"web": {"comment": "web servers"}}}))
    });
    h.press("i").await;
    h.until("Add a security group", 2.0).await;
    h.wait(1.0).await;
    h.press("enter").await;
    h.sees("web servers");
    h.press("enter ctrl-s").await;
    h.sees("type=group action=web enable=1 pos=0");
    h.press("y").await;
    h.until(": done", 3.0).await;
    assert_eq!((rules(&h)[0]["type"].as_str(), rules(&h)[0]["action"].as_str()), (Some("group"), Some("web")));
}

#[tokio::test(start_paused = true)]
async fn the_log_says_that_there_is_none_and_a_node_that_is_away_is_named() {
    let mut h = nextcloud(80, 24).await;
    h.press("w").await;
    h.until("nothing was logged", 2.0).await;
    h.press("t").await;
    h.until("last hour", 2.0).await;
    assert!(h.calls("GET /nodes/pve2/qemu/102/firewall/log").iter().any(|call| call.contains("since=")));
    h.press("esc").await;
    h.trouble("/firewall/rules", None, Trouble::Status(595, "No route to host".into()));
    h.wait(6.0).await;
    h.sees("No route to host");
    h.sees("from inside");
    h.no_trouble();
    h.wait(6.0).await;
    h.sees_not("No route to host");
}

#[tokio::test(start_paused = true)]
async fn a_log_whose_span_comes_round_again_before_an_answer_has_each_line_once() {
    let mut h = nextcloud(80, 24).await;
    meanwhile(&h, |file| {
        file["log"] = json!(["102 6 tap102i0-IN DROP: the first", "102 6 tap102i0-IN DROP: the second"])
    });
    h.trouble("/firewall/log", None, Trouble::Slow(1.0));
    h.press("w t t t t").await;
    h.sees("live");
    h.until("the second", 3.0).await;
    h.wait(5.0).await;
    h.sees("1-2/2");
    assert_eq!(h.screen().matches("the first").count(), 1, "{}", h.screen());
    // What is added is read on from there.
    meanwhile(&h, |file| file["log"].as_array_mut().unwrap().push(json!("102 6 tap102i0-IN DROP: the third")));
    h.until("the third", 5.0).await;
    h.sees("1-3/3");
}

#[tokio::test(start_paused = true)]
async fn read_only_mode_changes_nothing() {
    let mut h = opened(Setup { read_only: true, ..Setup::default() }).await;
    for key in ["a", "s", "e", "p", "c", "i", "delete"] {
        h.press(key).await;
        h.sees("Read-only mode");
        h.press("esc").await;
        if !h.screen().contains("from inside") {
            h.press("F").await;
            h.until("from inside", 3.0).await;
        }
    }
    assert!(h.writes().is_empty());
}
