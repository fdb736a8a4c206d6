//! Firewall rules, options, aliases, IP sets and groups of cluster, nodes and guests. Nothing is filtered.

use serde_json::{Map, Value, json};

use super::call::{Args, Fault, Outcome, die};
use super::crypto::digest;
use super::router::Route;
use super::state::Cluster;
use super::task_list::log_page;

/// Firewalls.
pub const ROUTES: &[Route] = &[
    Route("GET", "/cluster/firewall", |_, _| {
        names(&["aliases", "groups", "ipset", "macros", "options", "refs", "rules"])
    }),
    Route("GET", "/cluster/firewall/rules", rules),
    Route("POST", "/cluster/firewall/rules", add),
    Route("GET", "/cluster/firewall/rules/{pos}", rule),
    Route("PUT", "/cluster/firewall/rules/{pos}", update),
    Route("DELETE", "/cluster/firewall/rules/{pos}", remove),
    Route("GET", "/cluster/firewall/options", options),
    Route("PUT", "/cluster/firewall/options", set_options),
    Route("GET", "/cluster/firewall/groups", groups),
    Route("POST", "/cluster/firewall/groups", add_group),
    Route("GET", "/cluster/firewall/groups/{group}", rules),
    Route("POST", "/cluster/firewall/groups/{group}", add),
    Route("DELETE", "/cluster/firewall/groups/{group}", remove_group),
    Route("GET", "/cluster/firewall/groups/{group}/{pos}", rule),
    Route("PUT", "/cluster/firewall/groups/{group}/{pos}", update),
    Route("DELETE", "/cluster/firewall/groups/{group}/{pos}", remove),
    Route("GET", "/cluster/firewall/aliases", aliases),
    Route("POST", "/cluster/firewall/aliases", add_alias),
    Route("GET", "/cluster/firewall/aliases/{name}", alias),
    Route("PUT", "/cluster/firewall/aliases/{name}", update_alias),
    Route("DELETE", "/cluster/firewall/aliases/{name}", remove_alias),
    Route("GET", "/cluster/firewall/ipset", ipsets),
    Route("POST", "/cluster/firewall/ipset", add_ipset),
    Route("GET", "/cluster/firewall/ipset/{name}", ipset),
    Route("POST", "/cluster/firewall/ipset/{name}", add_entry),
    Route("DELETE", "/cluster/firewall/ipset/{name}", remove_ipset),
    Route("GET", "/cluster/firewall/ipset/{name}/{cidr}", entry),
    Route("PUT", "/cluster/firewall/ipset/{name}/{cidr}", update_entry),
    Route("DELETE", "/cluster/firewall/ipset/{name}/{cidr}", remove_entry),
    Route("GET", "/cluster/firewall/macros", macros),
    Route("GET", "/cluster/firewall/refs", refs),
    Route("GET", "/nodes/{node}/firewall", |_, _| names(&["rules", "options", "log"])),
    Route("GET", "/nodes/{node}/firewall/rules", rules),
    Route("POST", "/nodes/{node}/firewall/rules", add),
    Route("GET", "/nodes/{node}/firewall/rules/{pos}", rule),
    Route("PUT", "/nodes/{node}/firewall/rules/{pos}", update),
    Route("DELETE", "/nodes/{node}/firewall/rules/{pos}", remove),
    Route("GET", "/nodes/{node}/firewall/options", options),
    Route("PUT", "/nodes/{node}/firewall/options", set_options),
    Route("GET", "/nodes/{node}/firewall/log", log),
    Route("GET", "/nodes/{node}/qemu/{vmid}/firewall", guest_index),
    Route("GET", "/nodes/{node}/qemu/{vmid}/firewall/rules", rules),
    Route("POST", "/nodes/{node}/qemu/{vmid}/firewall/rules", add),
    Route("GET", "/nodes/{node}/qemu/{vmid}/firewall/rules/{pos}", rule),
    Route("PUT", "/nodes/{node}/qemu/{vmid}/firewall/rules/{pos}", update),
    Route("DELETE", "/nodes/{node}/qemu/{vmid}/firewall/rules/{pos}", remove),
    Route("GET", "/nodes/{node}/qemu/{vmid}/firewall/options", options),
    Route("PUT", "/nodes/{node}/qemu/{vmid}/firewall/options", set_options),
    Route("GET", "/nodes/{node}/qemu/{vmid}/firewall/aliases", aliases),
    Route("POST", "/nodes/{node}/qemu/{vmid}/firewall/aliases", add_alias),
    Route("GET", "/nodes/{node}/qemu/{vmid}/firewall/aliases/{name}", alias),
    Route("PUT", "/nodes/{node}/qemu/{vmid}/firewall/aliases/{name}", update_alias),
    Route("DELETE", "/nodes/{node}/qemu/{vmid}/firewall/aliases/{name}", remove_alias),
    Route("GET", "/nodes/{node}/qemu/{vmid}/firewall/ipset", ipsets),
    Route("POST", "/nodes/{node}/qemu/{vmid}/firewall/ipset", add_ipset),
    Route("GET", "/nodes/{node}/qemu/{vmid}/firewall/ipset/{name}", ipset),
    Route("POST", "/nodes/{node}/qemu/{vmid}/firewall/ipset/{name}", add_entry),
    Route("DELETE", "/nodes/{node}/qemu/{vmid}/firewall/ipset/{name}", remove_ipset),
    Route("GET", "/nodes/{node}/qemu/{vmid}/firewall/ipset/{name}/{cidr}", entry),
    Route("PUT", "/nodes/{node}/qemu/{vmid}/firewall/ipset/{name}/{cidr}", update_entry),
    Route("DELETE", "/nodes/{node}/qemu/{vmid}/firewall/ipset/{name}/{cidr}", remove_entry),
    Route("GET", "/nodes/{node}/qemu/{vmid}/firewall/refs", refs),
    Route("GET", "/nodes/{node}/qemu/{vmid}/firewall/log", log),
    Route("GET", "/nodes/{node}/lxc/{vmid}/firewall", guest_index),
    Route("GET", "/nodes/{node}/lxc/{vmid}/firewall/rules", rules),
    Route("POST", "/nodes/{node}/lxc/{vmid}/firewall/rules", add),
    Route("GET", "/nodes/{node}/lxc/{vmid}/firewall/rules/{pos}", rule),
    Route("PUT", "/nodes/{node}/lxc/{vmid}/firewall/rules/{pos}", update),
    Route("DELETE", "/nodes/{node}/lxc/{vmid}/firewall/rules/{pos}", remove),
    Route("GET", "/nodes/{node}/lxc/{vmid}/firewall/options", options),
    Route("PUT", "/nodes/{node}/lxc/{vmid}/firewall/options", set_options),
    Route("GET", "/nodes/{node}/lxc/{vmid}/firewall/aliases", aliases),
    Route("POST", "/nodes/{node}/lxc/{vmid}/firewall/aliases", add_alias),
    Route("GET", "/nodes/{node}/lxc/{vmid}/firewall/aliases/{name}", alias),
    Route("PUT", "/nodes/{node}/lxc/{vmid}/firewall/aliases/{name}", update_alias),
    Route("DELETE", "/nodes/{node}/lxc/{vmid}/firewall/aliases/{name}", remove_alias),
    Route("GET", "/nodes/{node}/lxc/{vmid}/firewall/ipset", ipsets),
    Route("POST", "/nodes/{node}/lxc/{vmid}/firewall/ipset", add_ipset),
    Route("GET", "/nodes/{node}/lxc/{vmid}/firewall/ipset/{name}", ipset),
    Route("POST", "/nodes/{node}/lxc/{vmid}/firewall/ipset/{name}", add_entry),
    Route("DELETE", "/nodes/{node}/lxc/{vmid}/firewall/ipset/{name}", remove_ipset),
    Route("GET", "/nodes/{node}/lxc/{vmid}/firewall/ipset/{name}/{cidr}", entry),
    Route("PUT", "/nodes/{node}/lxc/{vmid}/firewall/ipset/{name}/{cidr}", update_entry),
    Route("DELETE", "/nodes/{node}/lxc/{vmid}/firewall/ipset/{name}/{cidr}", remove_entry),
    Route("GET", "/nodes/{node}/lxc/{vmid}/firewall/refs", refs),
    Route("GET", "/nodes/{node}/lxc/{vmid}/firewall/log", log),
];

fn names(names: &[&str]) -> Outcome {
    Ok(names.iter().map(|n| json!({"name": n})).collect::<Vec<_>>().into())
}

fn guest_index(_: &mut Cluster, _: &Args) -> Outcome {
    names(&["rules", "aliases", "ipset", "refs", "options"])
}

/// The name of the firewall file that a call is about.
fn scope(args: &Args) -> String {
    if let Some(group) = args.opt("group").filter(|_| args.template.starts_with("/cluster/firewall/groups")) {
        return format!("firewall/group/{group}");
    }
    match (args.has("vmid"), args.has("node")) {
        (true, _) => format!("firewall/guest/{}", args.str("vmid")),
        (false, true) => format!("firewall/node/{}", args.node()),
        _ => "firewall/cluster".into(),
    }
}

const EMPTY: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

fn part<'a>(cluster: &'a Cluster, args: &Args, key: &str) -> Option<&'a Value> {
    cluster.extra.get(&scope(args)).and_then(|file| file.get(key))
}

fn part_mut<'a>(cluster: &'a mut Cluster, args: &Args, key: &str, empty: Value) -> &'a mut Value {
    let file = cluster.extra.entry(scope(args)).or_insert_with(|| json!({}));
    if file[key].is_null() {
        file[key] = empty;
    }
    &mut file[key]
}

fn sum(cluster: &Cluster, args: &Args) -> String {
    match cluster.extra.get(&scope(args)) {
        None => EMPTY.into(),
        Some(file) => digest(&file.to_string()),
    }
}

fn check_digest(cluster: &Cluster, args: &Args) -> Result<(), Fault> {
    match args.opt("digest") {
        Some(d) if d != sum(cluster, args) => {
            Err(die("detected modified configuration - file changed by other user? Try again."))
        }
        _ => Ok(()),
    }
}

fn list<'a>(cluster: &'a Cluster, args: &Args) -> &'a [Value] {
    part(cluster, args, "rules").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn need_group(cluster: &Cluster, args: &Args) -> Result<(), Fault> {
    let Some(group) = args.opt("group").filter(|_| args.template.starts_with("/cluster/firewall/groups")) else {
        return Ok(());
    };
    let known = cluster.extra.get("firewall/cluster").is_some_and(|f| f["groups"].get(group).is_some());
    if known { Ok(()) } else { Err(die(format!("no such security group '{group}'"))) }
}

fn rules(cluster: &mut Cluster, args: &Args) -> Outcome {
    need_group(cluster, args)?;
    let digest = sum(cluster, args);
    let rows = list(cluster, args).iter().enumerate().map(|(pos, rule)| {
        let mut row = rule.clone();
        row["pos"] = json!(pos);
        row["digest"] = json!(digest);
        row
    });
    Ok(rows.collect::<Vec<_>>().into())
}

fn position(cluster: &Cluster, args: &Args) -> Result<usize, Fault> {
    let pos = args.int("pos").unwrap_or(0).max(0) as usize;
    if pos < list(cluster, args).len() { Ok(pos) } else { Err(die(format!("no rule at position {pos}"))) }
}

fn rule(cluster: &mut Cluster, args: &Args) -> Outcome {
    let pos = position(cluster, args)?;
    let mut row = list(cluster, args)[pos].clone();
    row["pos"] = json!(pos.to_string());
    row["digest"] = json!(sum(cluster, args));
    Ok(row.into())
}

const NOT_IN_RULE: [&str; 8] = ["node", "vmid", "pos", "digest", "group", "moveto", "delete", "name"];

/// Ports are numbers, ranges or names, separated by commas.
fn check_ports(args: &Args) -> Result<(), Fault> {
    for key in ["dport", "sport"] {
        let Some(text) = args.opt(key) else { continue };
        let good = text
            .split(',')
            .all(|p| !p.is_empty() && p.chars().all(|c| c.is_ascii_alphanumeric() || c == ':' || c == '-'));
        if !good {
            return Err(Fault::param(
                key,
                format!("invalid format - invalid port '{}'\n", text.split(',').next().unwrap_or("")),
            ));
        }
    }
    Ok(())
}

fn fill(rule: &mut Value, args: &Args) {
    for (key, value) in args.settings(&NOT_IN_RULE) {
        rule[&key] = if key == "enable" { super::table::number(&value) } else { json!(value) };
    }
    if let Some(address) = rule["source"].as_str().or(rule["dest"].as_str())
        && !address.starts_with('+')
    {
        let version = if address.contains(':') { 6 } else { 4 };
        rule["ipversion"] = json!(version);
    }
}

fn add(cluster: &mut Cluster, args: &Args) -> Outcome {
    need_group(cluster, args)?;
    check_digest(cluster, args)?;
    check_ports(args)?;
    if args.str("type") == "group" {
        let known =
            cluster.extra.get("firewall/cluster").is_some_and(|f| f["groups"].get(args.str("action")).is_some());
        if !known {
            return Err(Fault::param("action", format!("security group '{}' does not exist", args.str("action"))));
        }
    }
    let mut rule = json!({"enable": 0});
    fill(&mut rule, args);
    let pos = args.int("pos").unwrap_or(0).max(0) as usize;
    if let Some(list) = part_mut(cluster, args, "rules", json!([])).as_array_mut() {
        list.insert(pos.min(list.len()), rule);
    }
    Ok(().into())
}

fn update(cluster: &mut Cluster, args: &Args) -> Outcome {
    check_digest(cluster, args)?;
    check_ports(args)?;
    let pos = position(cluster, args)?;
    let Some(list) = part_mut(cluster, args, "rules", json!([])).as_array_mut() else { return Ok(().into()) };
    if let Some(to) = args.int("moveto") {
        let rule = list.remove(pos);
        let to = to.max(0) as usize;
        // the target counts in the list as it was before
        let to = if to > pos { to - 1 } else { to };
        list.insert(to.min(list.len()), rule);
        return Ok(().into());
    }
    fill(&mut list[pos], args);
    if let Some(map) = list[pos].as_object_mut() {
        for key in args.list("delete") {
            map.remove(&key);
        }
    }
    Ok(().into())
}

fn remove(cluster: &mut Cluster, args: &Args) -> Outcome {
    check_digest(cluster, args)?;
    let pos = position(cluster, args)?;
    if let Some(list) = part_mut(cluster, args, "rules", json!([])).as_array_mut() {
        list.remove(pos);
    }
    Ok(().into())
}

fn options(cluster: &mut Cluster, args: &Args) -> Outcome {
    let mut out = part(cluster, args, "options").cloned().unwrap_or(json!({}));
    out["digest"] = json!(sum(cluster, args));
    Ok(out.into())
}

fn set_options(cluster: &mut Cluster, args: &Args) -> Outcome {
    check_digest(cluster, args)?;
    let table = cluster.table.clone();
    let method = table.method("PUT", &args.template);
    let options = part_mut(cluster, args, "options", json!({}));
    for (key, value) in args.settings(&["node", "vmid", "delete", "digest"]) {
        options[&key] = method.map_or_else(|| json!(value), |m| table.typed(m, &key, &value));
    }
    if let Some(map) = options.as_object_mut() {
        for key in args.list("delete") {
            map.remove(&key);
        }
    }
    Ok(().into())
}

/// The rows of a named part (`aliases`, `ipset`, `groups`), each with its name and the digest.
fn named(cluster: &Cluster, args: &Args, key: &str, id: &str) -> Vec<Value> {
    let digest = sum(cluster, args);
    let rows = part(cluster, args, key).and_then(Value::as_object).into_iter().flatten();
    rows.map(|(name, row)| {
        let mut row = row.clone();
        if let Some(map) = row.as_object_mut() {
            map.remove("entries");
        }
        row[id] = json!(name);
        row["digest"] = json!(digest);
        row
    })
    .collect()
}

fn groups(cluster: &mut Cluster, args: &Args) -> Outcome {
    Ok(named(cluster, args, "groups", "group").into())
}

fn add_named(cluster: &mut Cluster, args: &Args, key: &str, id: &str, row: Value) -> Outcome {
    let name = args.str(id).to_owned();
    // a group's own parameter must not choose its rule file here
    let file = Args { params: args.params.clone(), template: "/".into(), ..Args::default() };
    let part = part_mut(cluster, &file, key, json!({}));
    if let Some(old) = args.opt("rename") {
        let mut moved =
            part.as_object_mut().and_then(|m| m.remove(old)).ok_or_else(|| die(format!("'{old}' does not exist")))?;
        if let Some(comment) = args.opt("comment") {
            moved["comment"] = json!(comment);
        }
        part[&name] = moved;
        return Ok(().into());
    }
    if part.get(&name).is_some() {
        return Err(Fault::param(
            "name",
            format!("{} '{name}' already exists", if key == "ipset" { "IPSet" } else { key.trim_end_matches('s') }),
        ));
    }
    part[&name] = row;
    Ok(().into())
}

fn with_comment(args: &Args, mut row: Value) -> Value {
    if let Some(comment) = args.opt("comment") {
        row["comment"] = json!(comment);
    }
    row
}

fn add_group(cluster: &mut Cluster, args: &Args) -> Outcome {
    let row = with_comment(args, json!({}));
    let known = cluster.extra.get("firewall/cluster").is_some_and(|f| f["groups"].get(args.str("group")).is_some());
    if known && !args.has("rename") {
        return Err(die(format!("Security group '{}' already exists", args.str("group"))));
    }
    add_named(cluster, args, "groups", "group", row)
}

fn remove_group(cluster: &mut Cluster, args: &Args) -> Outcome {
    need_group(cluster, args)?;
    if !list(cluster, args).is_empty() {
        return Err(die(format!("Security group '{}' is not empty", args.str("group"))));
    }
    if let Some(file) = cluster.extra.get_mut("firewall/cluster")
        && let Some(map) = file["groups"].as_object_mut()
    {
        map.remove(args.str("group"));
    }
    Ok(().into())
}

fn aliases(cluster: &mut Cluster, args: &Args) -> Outcome {
    Ok(named(cluster, args, "aliases", "name").into())
}

fn add_alias(cluster: &mut Cluster, args: &Args) -> Outcome {
    let cidr = args.str("cidr");
    let version = if cidr.contains(':') { 6 } else { 4 };
    let row = with_comment(args, json!({"cidr": cidr, "ipversion": version}));
    add_named(cluster, args, "aliases", "name", row)
}

fn alias(cluster: &mut Cluster, args: &Args) -> Outcome {
    let found = named(cluster, args, "aliases", "name").into_iter().find(|a| a["name"] == args.str("name"));
    Ok(found.ok_or_else(|| die(format!("no such alias '{}'", args.str("name"))))?.into())
}

fn update_alias(cluster: &mut Cluster, args: &Args) -> Outcome {
    check_digest(cluster, args)?;
    alias(cluster, args)?;
    let aliases = part_mut(cluster, args, "aliases", json!({}));
    let row = with_comment(args, aliases[args.str("name")].clone());
    let map = aliases.as_object_mut();
    if let Some(map) = map {
        map.remove(args.str("name"));
    }
    let name = args.opt("rename").unwrap_or(args.str("name"));
    aliases[name] = row;
    if let Some(cidr) = args.opt("cidr") {
        aliases[name]["cidr"] = json!(cidr);
    }
    Ok(().into())
}

fn remove_alias(cluster: &mut Cluster, args: &Args) -> Outcome {
    check_digest(cluster, args)?;
    alias(cluster, args)?;
    if let Some(map) = part_mut(cluster, args, "aliases", json!({})).as_object_mut() {
        map.remove(args.str("name"));
    }
    Ok(().into())
}

fn ipsets(cluster: &mut Cluster, args: &Args) -> Outcome {
    Ok(named(cluster, args, "ipset", "name").into())
}

fn add_ipset(cluster: &mut Cluster, args: &Args) -> Outcome {
    let row = with_comment(args, json!({"entries": []}));
    add_named(cluster, args, "ipset", "name", row)
}

fn set_of<'a>(cluster: &'a mut Cluster, args: &Args) -> Result<&'a mut Vec<Value>, Fault> {
    let name = args.str("name").to_owned();
    let set = part_mut(cluster, args, "ipset", json!({})).get_mut(&name);
    let entries = set.and_then(|s| s["entries"].as_array_mut());
    entries.ok_or_else(|| die(format!("no such IPSet '{name}'")))
}

fn ipset(cluster: &mut Cluster, args: &Args) -> Outcome {
    let digest = sum(cluster, args);
    let rows = set_of(cluster, args)?.iter().map(|row| {
        let mut row = row.clone();
        row["digest"] = json!(digest);
        row
    });
    Ok(rows.collect::<Vec<_>>().into())
}

fn add_entry(cluster: &mut Cluster, args: &Args) -> Outcome {
    let cidr = args.str("cidr").to_owned();
    let mut row = with_comment(args, json!({"cidr": cidr}));
    if args.flag("nomatch") {
        row["nomatch"] = json!(1);
    }
    let entries = set_of(cluster, args)?;
    if entries.iter().any(|e| e["cidr"] == cidr.as_str()) {
        return Err(Fault::param("cidr", format!("address '{cidr}' already exists")));
    }
    entries.push(row);
    Ok(().into())
}

fn entry_of<'a>(cluster: &'a mut Cluster, args: &Args) -> Result<&'a mut Value, Fault> {
    let (set, cidr) = (args.str("name").to_owned(), args.str("cidr").to_owned());
    let found = set_of(cluster, args)?.iter_mut().find(|e| e["cidr"] == cidr.as_str());
    found.ok_or_else(|| die(format!("no such entry '{cidr}' in IPSet '{set}'")))
}

fn entry(cluster: &mut Cluster, args: &Args) -> Outcome {
    let digest = sum(cluster, args);
    let mut row = entry_of(cluster, args)?.clone();
    row["digest"] = json!(digest);
    Ok(row.into())
}

fn update_entry(cluster: &mut Cluster, args: &Args) -> Outcome {
    check_digest(cluster, args)?;
    let row = entry_of(cluster, args)?;
    *row = with_comment(args, json!({"cidr": row["cidr"]}));
    if args.flag("nomatch") {
        row["nomatch"] = json!(1);
    }
    Ok(().into())
}

fn remove_entry(cluster: &mut Cluster, args: &Args) -> Outcome {
    check_digest(cluster, args)?;
    let cidr = args.str("cidr").to_owned();
    set_of(cluster, args)?.retain(|e| e["cidr"] != cidr.as_str());
    Ok(().into())
}

fn remove_ipset(cluster: &mut Cluster, args: &Args) -> Outcome {
    if !set_of(cluster, args)?.is_empty() && !args.flag("force") {
        return Err(die(format!("IPSet '{}' is not empty", args.str("name"))));
    }
    if let Some(map) = part_mut(cluster, args, "ipset", json!({})).as_object_mut() {
        map.remove(args.str("name"));
    }
    Ok(().into())
}

fn refs(cluster: &mut Cluster, args: &Args) -> Outcome {
    let mut out = Vec::new();
    let own = scope(args);
    let files = [("firewall/cluster".to_owned(), "dc"), (own.clone(), "guest")];
    for (file, scope) in files.iter().take(if own == "firewall/cluster" { 1 } else { 2 }) {
        for (key, kind, mark) in [("ipset", "ipset", "+"), ("aliases", "alias", "")] {
            let rows = cluster.extra.get(file).and_then(|f| f[key].as_object()).into_iter().flatten();
            for (name, row) in rows.filter(|_| args.opt("type").is_none_or(|t| t == kind)) {
                let mut entry: Map<String, Value> = Map::new();
                entry.insert("type".into(), json!(kind));
                entry.insert("name".into(), json!(name));
                entry.insert("ref".into(), json!(format!("{mark}{name}")));
                entry.insert("scope".into(), json!(scope));
                if let Some(comment) = row["comment"].as_str() {
                    entry.insert("comment".into(), json!(comment));
                }
                out.push(Value::Object(entry));
            }
        }
    }
    Ok(out.into())
}

fn macros(_: &mut Cluster, _: &Args) -> Outcome {
    const ALL: [(&str, &str); 16] = [
        ("HTTP", "Hypertext Transfer Protocol (WWW)"),
        ("HTTPS", "Hypertext Transfer Protocol (WWW) over SSL"),
        ("SSH", "Secure shell traffic"),
        ("DNS", "Domain Name System traffic (upd and tcp)"),
        ("Ping", "ICMP echo request"),
        ("NTP", "Network Time Protocol (ntpd)"),
        ("SMTP", "Simple Mail Transfer Protocol"),
        ("IMAPS", "IMAP over SSL"),
        ("MySQL", "MySQL server"),
        ("PostgreSQL", "PostgreSQL server"),
        ("RDP", "Microsoft Remote Desktop Protocol traffic"),
        ("SMB", "Microsoft SMB traffic"),
        ("Syslog", "Syslog protocol (RFC 5424) traffic"),
        ("VNC", "VNC traffic for VNC display's 0 - 99"),
        ("Web", "WWW traffic (HTTP and HTTPS)"),
        ("OpenVPN", "OpenVPN traffic"),
    ];
    Ok(ALL.iter().map(|(name, text)| json!({"macro": name, "descr": text})).collect::<Vec<_>>().into())
}

fn log(cluster: &mut Cluster, args: &Args) -> Outcome {
    log_page(part(cluster, args, "log"), args)
}
