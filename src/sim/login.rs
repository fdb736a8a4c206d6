//! Logging in: tickets, second factors, passwords.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::access::{Factor, FactorKind};
use super::call::{Args, Fault, Outcome, decode_form, die, unescape};
use super::crypto::totp;
use super::router::Route;
use super::state::Cluster;
use super::ticket::LIFETIME;

/// Tickets, passwords and second factors.
pub const ROUTES: &[Route] = &[
    Route("GET", "/access/ticket", |_, _| Ok(().into())),
    Route("POST", "/access/ticket", login),
    Route("POST", "/access/vncticket", |_, _| Err(failure())),
    Route("PUT", "/access/password", password),
    Route("GET", "/access/users/{userid}/tfa", kinds),
    Route("PUT", "/access/users/{userid}/unlock-tfa", |_, _| Ok(json!(0).into())),
    Route("GET", "/access/tfa", factors),
    Route("GET", "/access/tfa/{userid}", factors_of),
    Route("POST", "/access/tfa/{userid}", add_factor),
    Route("GET", "/access/tfa/{userid}/{id}", factor),
    Route("PUT", "/access/tfa/{userid}/{id}", update_factor),
    Route("DELETE", "/access/tfa/{userid}/{id}", delete_factor),
];

fn failure() -> Fault {
    Fault::new(401, "authentication failure")
}

/// `POST /access/ticket`: a password, an old ticket or the second step of a login with two factors.
fn login(cluster: &mut Cluster, args: &Args) -> Outcome {
    let mut user = args.str("username").to_owned();
    if let Some(realm) = args.opt("realm")
        && !user.ends_with(&format!("@{realm}"))
    {
        user = format!("{user}@{realm}");
    }
    if super::format::userid(&user).is_err() || !cluster.user_active(&user) {
        return Err(failure());
    }
    let secret = args.str("password");
    if let Some(challenge) = args.opt("tfa-challenge") {
        let subject = cluster.read_ticket("PVE", challenge, 600.0).ok_or_else(failure)?;
        if !subject.starts_with("!tfa!") || !cluster.check_challenge_user(&user, challenge) {
            return Err(failure());
        }
        let (kind, value) = secret.split_once(':').ok_or_else(failure)?;
        if !use_factor(cluster, &user, kind, value) {
            return Err(failure());
        }
        return Ok(session(cluster, &user).into());
    }
    let renewed = cluster.read_ticket("PVE", secret, LIFETIME).is_some_and(|subject| subject == user);
    if !renewed {
        let good = cluster.access.users.get(&user).is_some_and(|u| u.password.as_deref() == Some(secret));
        if !good {
            return Err(failure());
        }
    }
    if let Some(path) = args.opt("path") {
        let privs = args.list("privs");
        if !privs.iter().all(|p| cluster.may(&user, path, p)) {
            return Err(failure());
        }
        return Ok(json!({"username": user}).into());
    }
    let challenge = if renewed { None } else { challenge(cluster, &user) };
    match challenge {
        None => Ok(session(cluster, &user).into()),
        Some(challenge) => {
            let json = challenge.to_string().replace(':', "%3A");
            let ticket = cluster.make_ticket("PVE", &format!("!tfa!{json}"));
            cluster.remember_challenge(&ticket, &user);
            Ok(json!({
                "username": user,
                "ticket": ticket,
                "CSRFPreventionToken": cluster.make_csrf(&user),
                "NeedTFA": 1
            })
            .into())
        }
    }
}

impl Cluster {
    /// A challenge is bound to its user by a note in the cluster's memory, as its text doesn't name the user.
    fn remember_challenge(&mut self, ticket: &str, user: &str) {
        let notes = self.extra.entry("tfa-challenges".into()).or_insert_with(|| json!({}));
        notes[ticket] = json!(user);
    }

    fn check_challenge_user(&self, user: &str, ticket: &str) -> bool {
        self.extra.get("tfa-challenges").is_some_and(|notes| notes[ticket] == json!(user))
    }
}

fn session(cluster: &Cluster, user: &str) -> Value {
    let mut out = json!({
        "username": user,
        "ticket": cluster.make_ticket("PVE", user),
        "CSRFPreventionToken": cluster.make_csrf(user),
        "cap": capabilities(cluster, user)
    });
    if let Some(name) = &cluster.name
        && cluster.may(user, "/", "Sys.Audit")
    {
        out["clustername"] = json!(name);
    }
    out
}

/// The effective privileges by area, as user interfaces want them.
fn capabilities(cluster: &Cluster, user: &str) -> Value {
    const AREAS: [(&str, &[&str]); 7] = [
        ("vms", &["VM.", "Permissions.Modify"]),
        ("access", &["User.", "Group.", "Permissions.Modify"]),
        ("storage", &["Datastore.", "Permissions.Modify"]),
        ("nodes", &["Sys.", "Permissions.Modify"]),
        ("sdn", &["SDN.", "Permissions.Modify"]),
        ("dc", &["Sys.Audit", "Sys.Modify", "SDN."]),
        ("mapping", &["Mapping.", "Permissions.Modify"]),
    ];
    let mut paths: Vec<&str> = vec!["/", "/nodes", "/access/groups", "/vms", "/storage", "/sdn", "/mapping"];
    paths.extend(cluster.access.acl.iter().map(|e| e.path.as_str()));
    paths.sort_unstable();
    paths.dedup();
    let mut out: BTreeMap<&str, Map<String, Value>> = AREAS.iter().map(|(a, _)| (*a, Map::new())).collect();
    for path in paths {
        let areas: &[&str] = match path.split('/').nth(1).unwrap_or("") {
            "" => &["dc"],
            "pool" => &["vms", "storage"],
            "vms" => &["vms"],
            "access" => &["access"],
            "storage" => &["storage"],
            "nodes" => &["nodes"],
            "sdn" => &["sdn"],
            "mapping" => &["mapping"],
            _ => &[],
        };
        for privilege in cluster.privs(user, path).keys() {
            for (area, starts) in AREAS.iter().filter(|(a, _)| areas.contains(a)) {
                if starts.iter().any(|s| privilege.starts_with(s))
                    && let Some(map) = out.get_mut(area)
                {
                    map.insert(privilege.clone(), json!(1));
                }
            }
        }
    }
    json!(out)
}

/// The second factors that a user has to choose from; `None` when there are none.
fn challenge(cluster: &Cluster, user: &str) -> Option<Value> {
    let mut out = Map::new();
    for factor in cluster.access.users.get(user)?.factors.iter().filter(|f| !f.disabled) {
        match &factor.kind {
            FactorKind::Totp { .. } => {
                out.insert("totp".into(), json!(true));
            }
            FactorKind::Recovery(keys) => {
                let left: Vec<usize> = keys.iter().enumerate().filter(|(_, k)| k.is_some()).map(|(i, _)| i).collect();
                out.insert("recovery".into(), json!(left));
            }
        }
    }
    (!out.is_empty()).then_some(Value::Object(out))
}

fn use_factor(cluster: &mut Cluster, user: &str, kind: &str, value: &str) -> bool {
    let now = cluster.now as u64;
    let Some(user) = cluster.access.users.get_mut(user) else { return false };
    for factor in user.factors.iter_mut().filter(|f| !f.disabled) {
        match &mut factor.kind {
            FactorKind::Totp { secret, digits, period, used } if kind == "totp" => {
                for time in [now, now.saturating_sub(*period), now + *period] {
                    let step = time / (*period).max(1);
                    if step > *used && totp(secret, time, *digits, *period).as_deref() == Some(value) {
                        *used = step;
                        return true;
                    }
                }
            }
            FactorKind::Recovery(keys) if kind == "recovery" => {
                if let Some(key) = keys.iter_mut().find(|k| k.as_deref() == Some(value)) {
                    *key = None;
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

/// Asks for the caller's own password where PVE does: everybody but root acting for somebody else.
fn confirm(cluster: &Cluster, args: &Args, key: &str) -> Result<(), Fault> {
    if args.is_root() && args.str("userid") != "root@pam" && key == "confirmation-password" {
        return Ok(());
    }
    let Some(given) = args.opt(key) else {
        if key == "password" && args.is_root() {
            return Ok(());
        }
        return Err(Fault::param(key, "password is required to modify user"));
    };
    let own = args.user().split('!').next().unwrap_or("");
    let good = cluster.access.users.get(own).is_some_and(|u| u.password.as_deref() == Some(given));
    if good { Ok(()) } else { Err(failure()) }
}

fn password(cluster: &mut Cluster, args: &Args) -> Outcome {
    confirm(cluster, args, "confirmation-password")?;
    let id = args.str("userid");
    let user = cluster.access.users.get_mut(id).ok_or_else(|| die(format!("no such user ('{id}')")))?;
    user.password = Some(args.str("password").to_owned());
    Ok(().into())
}

fn kinds(cluster: &mut Cluster, args: &Args) -> Outcome {
    let id = args.str("userid");
    let user = cluster.access.users.get(id).ok_or_else(|| die(format!("no such user ('{id}')")))?;
    let mut names: Vec<&str> = user.factors.iter().map(kind_of).collect();
    names.dedup();
    if args.flag("multiple") {
        return Ok(json!({"user": names}).into());
    }
    Ok(json!({"user": names.first()}).into())
}

fn kind_of(factor: &Factor) -> &'static str {
    match factor.kind {
        FactorKind::Totp { .. } => "totp",
        FactorKind::Recovery(_) => "recovery",
    }
}

fn entry(factor: &Factor) -> Value {
    let mut out = json!({"id": factor.id, "type": kind_of(factor), "created": factor.created});
    if kind_of(factor) == "totp" {
        out["description"] = json!(factor.description);
    }
    if factor.disabled {
        out["enable"] = json!(0);
    }
    out
}

fn factors(cluster: &mut Cluster, args: &Args) -> Outcome {
    let all = cluster.may_any(args.user(), "/access/groups", &["User.Modify", "Sys.Audit"]);
    let mut out = Vec::new();
    for (id, user) in &cluster.access.users {
        if !user.factors.is_empty() && (all || id == args.user()) {
            out.push(json!({"userid": id, "entries": user.factors.iter().map(entry).collect::<Vec<_>>()}));
        }
    }
    Ok(out.into())
}

fn factors_of(cluster: &mut Cluster, args: &Args) -> Outcome {
    let user = cluster.access.users.get(args.str("userid"));
    Ok(user.map(|u| u.factors.iter().map(entry).collect::<Vec<_>>()).unwrap_or_default().into())
}

fn no_entry(args: &Args) -> Fault {
    Fault::new(404, format!("no such tfa entry '{}'", args.str("id")))
}

fn factor(cluster: &mut Cluster, args: &Args) -> Outcome {
    let user = cluster.access.users.get(args.str("userid"));
    let found = user.and_then(|u| u.factors.iter().find(|f| f.id == args.str("id")));
    Ok(entry(found.ok_or_else(|| no_entry(args))?).into())
}

fn add_factor(cluster: &mut Cluster, args: &Args) -> Outcome {
    confirm(cluster, args, "password")?;
    let created = cluster.now as u64;
    let description = args.str("description").to_owned();
    let id = args.str("userid").to_owned();
    let answer = match args.str("type") {
        "totp" => {
            let uri = args.opt("totp").ok_or_else(|| Fault::param("totp", "missing otpauth url"))?;
            let query = decode_form(uri.split_once('?').map_or("", |(_, q)| q));
            let get = |key: &str| query.get(key).and_then(Value::as_str);
            let secret = get("secret").ok_or_else(|| die("failed to parse otpauth uri: missing secret"))?;
            let digits = get("digits").and_then(|d| d.parse().ok()).unwrap_or(6);
            let period = get("period").and_then(|d| d.parse().ok()).unwrap_or(30);
            let now = cluster.now as u64;
            let times = [now, now.saturating_sub(period), now + period];
            if !times.iter().any(|t| totp(secret, *t, digits, period).as_deref() == args.opt("value")) {
                return Err(die("failed to verify TOTP challenge"));
            }
            let kind = FactorKind::Totp { secret: secret.into(), digits, period, used: now / period };
            let factor = Factor { id: cluster.rng.uuid(), description, created, disabled: false, kind };
            let answer = json!({"id": factor.id});
            owner(cluster, &id)?.push(factor);
            answer
        }
        "recovery" => {
            if owner(cluster, &id)?.iter().any(|f| f.id == "recovery") {
                return Err(die("user already has recovery keys"));
            }
            let keys: Vec<String> =
                (0..10).map(|_| (0..4).map(|_| cluster.rng.hex(4)).collect::<Vec<_>>().join("-")).collect();
            let kind = FactorKind::Recovery(keys.iter().cloned().map(Some).collect());
            let factor = Factor { id: "recovery".into(), description, created, disabled: false, kind };
            owner(cluster, &id)?.insert(0, factor);
            json!({"id": "recovery", "recovery": keys})
        }
        other => return Err(die(format!("proxmux simulator: second factors of type '{other}' are not modelled"))),
    };
    Ok(answer.into())
}

fn owner<'a>(cluster: &'a mut Cluster, id: &str) -> Result<&'a mut Vec<Factor>, Fault> {
    let user = cluster.access.users.get_mut(id).ok_or_else(|| die(format!("no such user ('{}')", unescape(id))))?;
    Ok(&mut user.factors)
}

fn update_factor(cluster: &mut Cluster, args: &Args) -> Outcome {
    confirm(cluster, args, "password")?;
    let found = owner(cluster, args.str("userid"))?.iter_mut().find(|f| f.id == args.str("id"));
    let factor = found.ok_or_else(|| no_entry(args))?;
    if let Some(text) = args.opt("description") {
        factor.description = text.to_owned();
    }
    if let Some(on) = args.opt_flag("enable") {
        factor.disabled = !on;
    }
    Ok(().into())
}

fn delete_factor(cluster: &mut Cluster, args: &Args) -> Outcome {
    confirm(cluster, args, "password")?;
    let list = owner(cluster, args.str("userid"))?;
    let before = list.len();
    list.retain(|f| f.id != args.str("id"));
    if list.len() == before { Err(no_entry(args)) } else { Ok(().into()) }
}
