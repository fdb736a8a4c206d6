//! Realms: where users come from and how their passwords are checked.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::call::{Args, Fault, Outcome, die};
use super::crypto::digest;
use super::router::Route;
use super::state::Cluster;

/// Realms.
pub const ROUTES: &[Route] = &[
    Route("GET", "/access/domains", realms),
    Route("POST", "/access/domains", create_realm),
    Route("GET", "/access/domains/{realm}", realm),
    Route("PUT", "/access/domains/{realm}", update_realm),
    Route("DELETE", "/access/domains/{realm}", delete_realm),
];

fn realms(cluster: &mut Cluster, _: &Args) -> Outcome {
    let entry = |(id, config): (&String, &BTreeMap<String, String>)| {
        let mut out = json!({"realm": id, "type": config.get("type")});
        for key in ["comment", "default", "tfa"] {
            if let Some(value) = config.get(key) {
                out[key] = if key == "default" { json!(1) } else { json!(value) };
            }
        }
        out
    };
    let shown = cluster.access.realms.iter();
    Ok(shown.map(entry).collect::<Vec<_>>().into())
}

fn find_realm<'a>(cluster: &'a mut Cluster, id: &str) -> Result<&'a mut BTreeMap<String, String>, Fault> {
    cluster.access.realms.get_mut(id).ok_or_else(|| die(format!("domain '{id}' does not exist")))
}

fn realm(cluster: &mut Cluster, args: &Args) -> Outcome {
    let config = find_realm(cluster, args.str("realm"))?.clone();
    let text = if cluster.access.realms.len() <= 2 { String::new() } else { format!("{:?}", cluster.access.realms) };
    let mut out: Map<String, Value> = config.into_iter().map(|(k, v)| (k, super::table::number(&v))).collect();
    out.insert("digest".into(), json!(digest(&text)));
    Ok(Value::Object(out).into())
}

fn create_realm(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("realm");
    if cluster.access.realms.contains_key(id) {
        return Err(die(format!("add auth server failed: domain '{id}' already exists")));
    }
    let required: &[&str] = match args.str("type") {
        "ldap" => &["server1", "base_dn", "user_attr"],
        "ad" => &["server1", "domain"],
        "openid" => &["issuer-url", "client-id"],
        _ => &[],
    };
    if let Some(missing) = required.iter().find(|key| !args.has(key)) {
        return Err(die(format!("missing value for required option '{missing}'")));
    }
    cluster.access.realms.insert(id.to_owned(), args.settings(&["realm", "password"]));
    Ok(().into())
}

fn update_realm(cluster: &mut Cluster, args: &Args) -> Outcome {
    let delete = args.list("delete");
    let config = find_realm(cluster, args.str("realm"))?;
    config.extend(args.settings(&["realm", "delete", "digest", "password"]));
    for key in delete {
        config.remove(&key);
    }
    if config.get("default").is_some_and(|v| v == "0") {
        config.remove("default");
    }
    Ok(().into())
}

fn delete_realm(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("realm");
    if matches!(id, "pam" | "pve") {
        return Err(die(format!("delete auth server failed: domain '{id}' is a built-in realm and cannot be deleted")));
    }
    if cluster.access.realms.remove(id).is_none() {
        return Err(die(format!("delete auth server failed: domain '{id}' does not exist")));
    }
    Ok(().into())
}
