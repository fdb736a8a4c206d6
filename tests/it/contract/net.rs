//! Firewalls and replication, with every field that their dialogs have.

use proxmux::api::{
    Request, Wire,
    firewall::{self, Entry, Scope},
    guest::param,
    ids::{GuestKind, GuestRef, NodeName, VmId},
    replication,
};

fn wire<T>(request: Request<T>) -> Wire {
    request.wire
}

/// What a firewall of each kind can be asked.
fn of_firewall(scope: &Scope) -> Vec<Wire> {
    let rule = [
        param("type", "in"),
        param("action", "ACCEPT"),
        param("enable", 1),
        param("proto", "tcp"),
        param("dport", "22,8000:8100"),
        param("sport", "1024:65535"),
        param("source", "+blk"),
        param("dest", "10.0.0.0/8"),
        param("iface", "net0"),
        param("log", "nolog"),
        param("comment", "x"),
    ];
    let mut all = vec![
        wire(firewall::rules(scope)),
        wire(firewall::add_rule(scope, &rule, Some(2), "d")),
        wire(firewall::add_rule(
            scope,
            &[param("type", "in"), param("action", "DROP"), param("macro", "SSH")],
            None,
            "",
        )),
        wire(firewall::add_rule(scope, &[param("type", "group"), param("action", "web")], None, "")),
        wire(firewall::set_rule(
            scope,
            1,
            &[param("proto", "icmp"), param("icmp-type", "echo-request")],
            &["dport".into(), "log".into()],
            "d",
        )),
        wire(firewall::move_rule(scope, 1, 3, "d")),
        wire(firewall::remove_rule(scope, 1, "d")),
        wire(firewall::refs(scope)),
    ];
    if scope.has_options() {
        all.push(wire(firewall::options(scope)));
        let keys: &[(&str, &str)] = match scope {
            Scope::Guest(_) => &[
                ("enable", "1"),
                ("policy_in", "DROP"),
                ("policy_out", "REJECT"),
                ("dhcp", "0"),
                ("ndp", "1"),
                ("radv", "1"),
                ("macfilter", "0"),
                ("ipfilter", "1"),
                ("log_level_in", "info"),
                ("log_level_out", "nolog"),
            ],
            Scope::Node(_) => &[
                ("enable", "1"),
                ("nosmurfs", "1"),
                ("tcpflags", "1"),
                ("ndp", "0"),
                ("nf_conntrack_max", "262144"),
                ("nf_conntrack_tcp_timeout_established", "7875"),
                ("log_level_in", "err"),
                ("log_level_out", "err"),
                ("log_level_forward", "err"),
                ("smurf_log_level", "debug"),
                ("tcp_flags_log_level", "debug"),
                ("nftables", "0"),
            ],
            _ => &[
                ("enable", "1"),
                ("policy_in", "DROP"),
                ("policy_out", "ACCEPT"),
                ("policy_forward", "DROP"),
                ("ebtables", "1"),
                ("log_ratelimit", "enable=1,rate=1/second,burst=5"),
            ],
        };
        let set: Vec<_> = keys.iter().map(|(key, value)| param(key, value)).collect();
        all.push(wire(firewall::set_options(scope, &set, &[], "d")));
        let gone: Vec<String> = keys.iter().map(|(key, _)| (*key).to_owned()).collect();
        all.push(wire(firewall::set_options(scope, &[], &gone, "d")));
    }
    if scope.has_addresses() {
        let entry = Entry { cidr: "10.0.0.0/8".into(), digest: "d".into(), ..Entry::default() };
        all.extend([
            wire(firewall::aliases(scope)),
            wire(firewall::add_alias(scope, "office", "10.0.0.0/8", "x")),
            wire(firewall::set_alias(scope, "office", "10.0.0.0/8", "", Some("office2"), "d")),
            wire(firewall::remove_alias(scope, "office", "d")),
            wire(firewall::sets(scope)),
            wire(firewall::add_set(scope, "blk", "x", None)),
            wire(firewall::add_set(scope, "blk", "x", Some(("old", "d")))),
            wire(firewall::remove_set(scope, "blk", true)),
            wire(firewall::entries(scope, "blk")),
            wire(firewall::add_entry(scope, "blk", "10.0.0.0/8", "x", true)),
            wire(firewall::set_entry(scope, "blk", &entry, "x", false)),
            wire(firewall::remove_entry(scope, "blk", &entry)),
        ]);
    }
    if scope.has_log() {
        all.push(wire(firewall::log(scope, 0, 500, None, None)));
        all.push(wire(firewall::log(scope, 0, 500, Some(1), Some(2))));
    }
    all
}

/// All of them.
pub fn calls() -> Vec<Wire> {
    let node = NodeName::from("pve1");
    let vmid = VmId::new(101).expect("a guest id");
    let guest = |kind| Scope::Guest(GuestRef::new("pve1", kind, vmid));
    let scopes = [
        Scope::Cluster,
        Scope::Node(node.clone()),
        guest(GuestKind::Vm),
        guest(GuestKind::Ct),
        Scope::Group("web".into()),
    ];
    let mut all: Vec<Wire> = scopes.iter().flat_map(of_firewall).collect();
    let set = [param("schedule", "*/5"), param("rate", 10), param("comment", "x"), param("disable", 1)];
    all.extend([
        wire(firewall::macros()),
        wire(firewall::groups()),
        wire(replication::jobs()),
        wire(replication::job("101-0")),
        wire(replication::create("101-0", &"pve2".into(), &set)),
        wire(replication::update("101-0", &set, &[], "d")),
        wire(replication::update("101-0", &[], &["rate".into(), "disable".into()], "d")),
        wire(replication::remove("101-0", true, false)),
        wire(replication::remove("101-0", false, true)),
        wire(replication::states(&node, None)),
        wire(replication::states(&node, Some(vmid))),
        wire(replication::state(&node, "101-0")),
        wire(replication::log(&node, "101-0", 0, 500)),
        wire(replication::run_now(&node, "101-0")),
    ]);
    all
}
