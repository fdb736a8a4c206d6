//! `proxmux check`: everything that should be in order before work begins, from the way to the server to each privilege.

use std::{
    fmt::Write as _,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::{connect::ConnectArgs, connector, prompt, say, setup, update};
use crate::{
    api::{
        ApiError, Client, Credentials, Transport, access,
        access::Permissions,
        cluster,
        http::{HttpTransport, Options, Proxy, Trust},
        login, privilege, version,
    },
    shell::Connector,
};

/// Arguments of `proxmux check`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  proxmux check --profile lab
  proxmux check --json | jq '.privileges[] | select(.state != \"ok\")'
  proxmux check --for look                  is it enough to look at everything?
  proxmux check --pveum --for operate       print the commands that make a role and a token for it

Exit code 0: nothing failed (there may be warnings); 1: something is missing on the command line; 3: the cluster, or a
privilege that --for asks for.")]
pub struct CheckArgs {
    /// Print JSON: { ok, checks: [ { name, state, text, advice } ], privileges: [ { feature, state, missing, role } ] }
    #[arg(long)]
    pub json: bool,
    /// What the login is meant for: then a privilege that is missing for it is an error
    #[arg(long = "for", value_enum, value_name = "WORK")]
    pub work: Option<Work>,
    /// Also ask the page of the setting update_url whether there is a newer proxmux; nobody is asked without this option
    #[arg(long)]
    pub updates: bool,
    /// Print the pveum commands that make a role with the least privileges for --for, a user and a token; asks no server
    #[arg(long)]
    pub pveum: bool,
}

/// What somebody may want to do; each includes the ones before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Work {
    /// See everything
    Look,
    /// Start and stop guests, use consoles, make snapshots and backups
    Operate,
    /// Create, change, clone, migrate and destroy guests
    Manage,
    /// Change storages, nodes, users and the cluster
    Administer,
}

impl Work {
    const fn word(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Operate => "operate",
            Self::Manage => "manage",
            Self::Administer => "administer",
        }
    }

    /// Roles that every cluster has, which are enough.
    fn roles(self) -> &'static str {
        match self {
            Self::Look => "PVEAuditor on /",
            Self::Operate => "PVEAuditor on /, PVEVMUser on /vms, PVEDatastoreUser on /storage",
            Self::Manage => {
                "PVEAuditor on /, PVEVMAdmin on /vms, PVEDatastoreAdmin on /storage, PVESDNUser on /sdn, PVEPoolAdmin on /pool"
            }
            Self::Administer => "Administrator on /",
        }
    }
}

/// A feature and what it needs.
struct Feature {
    name: &'static str,
    work: Work,
    path: &'static str,
    privileges: &'static [&'static str],
}

const fn feature(name: &'static str, work: Work, path: &'static str, privileges: &'static [&'static str]) -> Feature {
    Feature { name, work, path, privileges }
}

const FEATURES: &[Feature] = &[
    feature("see guests", Work::Look, "/vms", &["VM.Audit"]),
    feature("see nodes", Work::Look, "/nodes", &["Sys.Audit"]),
    feature("see storages", Work::Look, "/storage", &["Datastore.Audit"]),
    feature("see pools", Work::Look, "/pool", &["Pool.Audit"]),
    feature("start and stop guests", Work::Operate, "/vms", &["VM.PowerMgmt"]),
    feature("consoles of guests", Work::Operate, "/vms", &["VM.Console"]),
    feature("snapshots", Work::Operate, "/vms", &["VM.Snapshot", "VM.Snapshot.Rollback"]),
    feature("back up guests", Work::Operate, "/vms", &["VM.Backup"]),
    feature("space for disks and backups", Work::Operate, "/storage", &["Datastore.AllocateSpace"]),
    feature("create and destroy guests", Work::Manage, "/vms", &["VM.Allocate"]),
    feature(
        "change the hardware of guests",
        Work::Manage,
        "/vms",
        &[
            "VM.Config.CDROM",
            "VM.Config.CPU",
            "VM.Config.Cloudinit",
            "VM.Config.Disk",
            "VM.Config.HWType",
            "VM.Config.Memory",
            "VM.Config.Network",
            "VM.Config.Options",
        ],
    ),
    feature("clone guests", Work::Manage, "/vms", &["VM.Clone"]),
    feature("migrate guests", Work::Manage, "/vms", &["VM.Migrate"]),
    feature("ask the guest agent", Work::Manage, "/vms", &["VM.GuestAgent.Audit"]),
    feature("use bridges", Work::Manage, "/sdn/zones/localnetwork", &["SDN.Use"]),
    feature("upload images and templates", Work::Manage, "/storage", &["Datastore.AllocateTemplate"]),
    feature("manage pools", Work::Manage, "/pool", &["Pool.Allocate"]),
    feature("add and remove storages", Work::Administer, "/storage", &["Datastore.Allocate"]),
    feature("change nodes and cluster", Work::Administer, "/", &["Sys.Modify"]),
    feature("shells of nodes", Work::Administer, "/nodes", &["Sys.Console"]),
    feature("shut down nodes", Work::Administer, "/nodes", &["Sys.PowerMgmt"]),
    feature("users, groups and tokens", Work::Administer, "/access", &["User.Modify"]),
    feature("permissions", Work::Administer, "/", &["Permissions.Modify"]),
    feature("hardware mappings", Work::Administer, "/mapping", &["Mapping.Audit", "Mapping.Modify", "Mapping.Use"]),
];

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Ok,
    Warning,
    Failed,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

struct Outcome {
    name: &'static str,
    state: State,
    text: String,
    advice: String,
}

/// A feature with what is missing for it.
struct Right {
    feature: &'static Feature,
    missing: Vec<&'static str>,
    /// It is there on some objects below the path.
    partly: bool,
}

#[derive(Default)]
struct Report {
    checks: Vec<Outcome>,
    rights: Vec<Right>,
    /// The first error of the server, which makes the exit code.
    error: Option<ApiError>,
}

impl Report {
    fn add(&mut self, name: &'static str, state: State, text: impl Into<String>, advice: impl Into<String>) {
        self.checks.push(Outcome { name, state, text: text.into(), advice: advice.into() });
    }

    fn fail(&mut self, name: &'static str, error: ApiError) {
        self.add(name, State::Failed, error.to_string(), error.advice());
        self.error.get_or_insert(error);
    }
}

/// Looks at everything and prints what was found.
///
/// # Errors
/// When something failed.
pub async fn run(args: CheckArgs, connect: &ConnectArgs) -> Result<()> {
    if args.pveum {
        say(pveum(args.work.unwrap_or(Work::Operate)).trim_end());
        return Ok(());
    }
    let mut report = look(connect).await?;
    if args.updates {
        newer(&mut report, connect.counts.text("update_url")).await;
    }
    let lacking: Vec<&Right> = report
        .rights
        .iter()
        .filter(|r| args.work.is_some_and(|w| r.feature.work <= w) && !r.missing.is_empty())
        .collect();
    let ok = lacking.is_empty() && report.checks.iter().all(|c| c.state != State::Failed);
    if args.json {
        say(format!("{:#}", as_json(&report, ok)));
    } else {
        say(as_text(&report).trim_end());
    }
    if let Some(error) = report.error {
        return Err(error.into());
    }
    if let (Some(work), Some(right)) = (args.work, lacking.first()) {
        let more = if lacking.len() > 1 { format!(" and {} more", lacking.len() - 1) } else { String::new() };
        let text = format!(
            "to {} lacks {} on {}{more}; enough would be {}, or what `proxmux check --pveum --for {}` prints",
            work.word(),
            right.missing.join(", "),
            right.feature.path,
            work.roles(),
            work.word()
        );
        return Err(
            ApiError::Refused(crate::api::Refusal { status: 403, message: text, errors: Default::default() }).into()
        );
    }
    if !ok {
        bail!("something is not in order: see above");
    }
    Ok(())
}

async fn look(args: &ConnectArgs) -> Result<Report> {
    let (mut start, connection) = setup::connection(args).await?;
    let Some(target) = start.target.clone() else { bail!("no server: give --host or --profile, or set PVE_HOST") };
    let mut report = Report::default();
    let connector =
        connector::HttpsConnector::new(connector::config_dir().join("known_hosts.toml"), connection.options.clone());
    let trust = match start.trust.clone() {
        Some(trust) => trust,
        None => connector.pinned(&target)?.map_or(Trust::System, Trust::Pinned),
    };

    // Reachability, TLS and clock: one call that needs no login.
    let mut answers = 0;
    for node in if connection.targets.is_empty() { vec![target.clone()] } else { connection.targets.clone() } {
        let trust = if node == target { trust.clone() } else { connector.trust_of(&node, &trust)? };
        let options =
            Options { proxy: Proxy::from_env(&node, setup::env), nodes: vec![], ..connection.options.clone() };
        let began = std::time::Instant::now();
        match HttpTransport::new(node.clone(), &trust, options)?.clock().await {
            Ok(date) => {
                answers += 1;
                report.add(
                    "reachable",
                    State::Ok,
                    format!("{node} answers within {} ms", began.elapsed().as_millis()),
                    "",
                );
                let (state, text) = match &trust {
                    Trust::System => {
                        (State::Ok, "the certificate is signed by an authority that this machine knows".to_owned())
                    }
                    Trust::CaFile(file) => {
                        (State::Ok, format!("the certificate is signed by an authority in {}", file.display()))
                    }
                    Trust::Pinned(_) => (State::Ok, "the certificate is the pinned one".into()),
                    Trust::Insecure => (State::Warning, "the certificate was not verified (--insecure)".into()),
                };
                report.add(
                    "tls",
                    state,
                    text,
                    if state == State::Ok {
                        ""
                    } else {
                        "Pin it with --fingerprint, or name its authority with --ca-file."
                    },
                );
                let here = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64);
                match date {
                    Some(there) => clock(&mut report, there - here),
                    None => report.add("clock", State::Warning, "the server does not tell its time", ""),
                }
            }
            Err(error @ ApiError::Untrusted { .. }) => {
                answers += 1;
                report.add("reachable", State::Ok, format!("{node} answers"), "");
                if node == target {
                    report.fail("tls", error);
                } else {
                    report.add("tls", State::Warning, format!("{node}: {error}"), error.advice());
                }
            }
            Err(error) => report.add("reachable", State::Warning, error.to_string(), error.advice()),
        }
    }
    if answers == 0 {
        let first = report.checks.remove(0);
        report.fail("reachable", ApiError::NotSent(first.text));
        return Ok(report);
    }
    if report.error.is_some() {
        return Ok(report);
    }

    if start.credentials.is_none() {
        let Some(user) = start.user.clone() else { bail!("no user: give --user, or write user = ... into a profile") };
        let password = prompt::secret(&format!("Password of {user}"))?;
        start.credentials = Some(Credentials::Password { user, password });
    }
    let transport: Arc<dyn Transport> = connector.transport(&target, &trust)?;
    let client = Client::over(transport);
    let Some(credentials) = start.credentials else { return Ok(report) };
    let is_token = matches!(credentials, Credentials::Token { .. });
    match client.login(credentials).await {
        Ok(login::Login::Done) => {}
        Ok(login::Login::NeedsSecondFactor(challenge)) => {
            let text = format!("{}: the password is right, but a second factor is needed", challenge.user());
            report.add("login", State::Warning, text, "Log in with the console, or use an API token for scripts.");
            return Ok(report);
        }
        Err(error) => {
            report.fail("login", error);
            return Ok(report);
        }
    }
    // A token is only looked at by the first call that needs it.
    match client.ask(version::get()).await {
        Ok(version) => {
            let kind = if is_token { "token" } else { "user" };
            report.add("login", State::Ok, format!("{kind} {}", client.user().unwrap_or_default()), "");
            let old = version.major().is_some_and(|major| major < 8);
            let (state, advice) =
                if old { (State::Warning, "proxmux is made for Proxmox VE 8 and 9.") } else { (State::Ok, "") };
            report.add("version", state, format!("Proxmox VE {}", version.version), advice);
        }
        Err(error) => {
            report.fail(if error.status() == Some(401) { "login" } else { "version" }, error);
            return Ok(report);
        }
    }
    match client.ask(cluster::status()).await {
        Ok(status) => quorum(&mut report, &status),
        Err(error) => report.add("quorum", State::Warning, error.to_string(), error.advice()),
    }
    match client.ask(cluster::resources()).await {
        Ok(resources) => storages(&mut report, &resources.storages),
        Err(error) => report.fail("storages", error),
    }
    match client.ask(access::permissions()).await {
        Ok(permissions) => report.rights = rights(&permissions),
        Err(error) => report.fail("privileges", error),
    }
    Ok(report)
}

/// Whether there is a newer proxmux. That the page can't be asked is no fault of the cluster.
async fn newer(report: &mut Report, url: Option<&str>) {
    let Some(url) = url else {
        let advice = "proxmux asks nobody by itself: set update_url in [defaults], or PROXMUX_UPDATE_URL";
        return report.add("update", State::Warning, "it is not known where to ask for the newest version", advice);
    };
    match update::ask(url).await {
        Ok(update::Found::Newest) => {
            report.add("update", State::Ok, format!("{} is the newest version", update::OWN), "");
        }
        Ok(update::Found::Newer(version)) => {
            let text = format!("{version} is there, this is {}", update::OWN);
            report.add("update", State::Warning, text, "Upgrade it the way you installed it, and read its CHANGELOG");
        }
        Err(why) => report.add("update", State::Warning, why, "Is update_url right, and may this machine reach it?"),
    }
}

/// Tickets carry the server's time: a clock that is far off makes logins fail and logs useless.
fn clock(report: &mut Report, skew: i64) {
    let text = match skew {
        -2..=2 => "both clocks agree".to_owned(),
        s if s > 0 => format!("the server's clock is {s} s ahead"),
        s => format!("the server's clock is {} s behind", -s),
    };
    let (state, advice) = match skew.abs() {
        0..=30 => (State::Ok, ""),
        31..=300 => (State::Warning, "Let both synchronise their time (chrony)."),
        _ => (State::Failed, "Set the time: tickets and certificates depend on it (`timedatectl`, chrony)."),
    };
    report.add("clock", state, text, advice);
}

fn quorum(report: &mut Report, status: &cluster::ClusterStatus) {
    let online = status.nodes.iter().filter(|n| n.online).count();
    let nodes = format!("{online} of {} nodes are up", status.nodes.len());
    let off: Vec<&str> = status.nodes.iter().filter(|n| !n.online).map(|n| n.name.as_str()).collect();
    match (&status.name, status.quorate) {
        (_, false) => report.add(
            "quorum",
            State::Failed,
            format!("there is NO quorum: {nodes}"),
            "Nothing can be changed until more nodes are up (`pvecm status`).",
        ),
        (None, _) => report.add("quorum", State::Ok, "a single node, no cluster", ""),
        (Some(name), _) if off.is_empty() => report.add("quorum", State::Ok, format!("cluster {name}: {nodes}"), ""),
        (Some(name), _) => report.add(
            "quorum",
            State::Warning,
            format!("cluster {name}: {nodes}"),
            format!("Down: {}.", off.join(", ")),
        ),
    }
}

fn storages(report: &mut Report, storages: &[cluster::Storage]) {
    if storages.is_empty() {
        report.add("storages", State::Warning, "no storage to see", "Datastore.Audit on /storage shows them.");
        return;
    }
    let name =
        |s: &cluster::Storage| if s.shared { s.storage.to_string() } else { format!("{} on {}", s.storage, s.node) };
    let mut away: Vec<String> = storages.iter().filter(|s| s.status != "available").map(name).collect();
    let full = |s: &&cluster::Storage| s.maxdisk > 0 && s.disk as f64 / s.maxdisk as f64 > 0.9;
    let mut tight: Vec<String> = storages.iter().filter(full).map(name).collect();
    for list in [&mut away, &mut tight] {
        list.sort();
        list.dedup();
    }
    let mut names: Vec<String> = storages.iter().map(name).collect();
    names.sort();
    names.dedup();
    let count = names.len();
    if away.is_empty() && tight.is_empty() {
        report.add("storages", State::Ok, format!("{count} storages, all available, none nearly full"), "");
    }
    if !away.is_empty() {
        report.add(
            "storages",
            State::Warning,
            format!("not available: {}", away.join(", ")),
            "`pvesm status` on the node says why.",
        );
    }
    if !tight.is_empty() {
        report.add(
            "storages",
            State::Warning,
            format!("more than 90 % full: {}", tight.join(", ")),
            "Thin storages that run full stop their guests.",
        );
    }
}

fn rights(permissions: &Permissions) -> Vec<Right> {
    FEATURES
        .iter()
        .map(|feature| {
            let missing = feature.privileges.iter().copied().filter(|p| !privilege::has(permissions, p, feature.path));
            let missing: Vec<&str> = missing.collect();
            let below = format!("{}/", feature.path.trim_end_matches('/'));
            let mut deeper = permissions.iter().filter(|(path, _)| path.starts_with(&below));
            let partly = !missing.is_empty() && deeper.any(|(_, list)| missing.iter().all(|p| list.contains_key(*p)));
            Right { feature, missing, partly }
        })
        .collect()
}

/// For programs.
fn as_json(report: &Report, ok: bool) -> serde_json::Value {
    let checks: Vec<_> = report
        .checks
        .iter()
        .map(|c| json!({ "name": c.name, "state": c.state.word(), "text": c.text, "advice": c.advice }))
        .collect();
    let rights: Vec<_> = report
        .rights
        .iter()
        .map(|r| {
            let state = if r.missing.is_empty() { "ok" } else if r.partly { "partly" } else { "missing" };
            let missing: Vec<_> = r.missing.iter().map(|p| json!({ "privilege": p, "path": r.feature.path })).collect();
            let work = r.feature.work;
            json!({ "feature": r.feature.name, "work": work.word(), "state": state, "missing": missing, "role": work.roles() })
        })
        .collect();
    json!({ "ok": ok, "checks": checks, "privileges": rights })
}

fn as_text(report: &Report) -> String {
    let mut out = String::new();
    for c in &report.checks {
        let _ = writeln!(out, "{:<8} {:<10} {}", c.state.word(), c.name, c.text);
        if !c.advice.is_empty() {
            let _ = writeln!(out, "{:<19} {}", "", c.advice);
        }
    }
    let mut last = None;
    for r in &report.rights {
        let work = r.feature.work;
        if last != Some(work) {
            let lacking = report.rights.iter().any(|r| r.feature.work == work && !r.missing.is_empty());
            let enough = if lacking { format!("   (enough: {})", work.roles()) } else { String::new() };
            let _ = writeln!(out, "\nto {}{enough}", work.word());
            last = Some(work);
        }
        let state = if r.missing.is_empty() {
            "ok"
        } else if r.partly {
            "partly"
        } else {
            "missing"
        };
        let missing = if r.missing.is_empty() {
            String::new()
        } else {
            format!("{} on {}", r.missing.join(", "), r.feature.path)
        };
        let _ = writeln!(out, "{}", format!("{state:<8} {:<30} {missing}", r.feature.name).trim_end());
    }
    out
}

/// The commands that make a role with nothing more than is needed, a user and a token.
fn pveum(work: Work) -> String {
    let features = FEATURES.iter().filter(|f| f.work <= work);
    let mut privileges: Vec<&str> = features.flat_map(|f| f.privileges).copied().collect();
    privileges.sort_unstable();
    privileges.dedup();
    let (word, list) = (work.word(), privileges.join(" "));
    let role = format!("Proxmux{}{}", word[..1].to_uppercase(), &word[1..]);
    format!(
        "\
# Least privilege for: {word}. Run on a node as root; replace / by /pool/NAME or /vms/100 to narrow it down.
pveum role add {role} --privs '{list}'
pveum user add proxmux@pve --comment 'proxmux ({word})'
pveum acl modify / --users proxmux@pve --roles {role}
pveum user token add proxmux@pve console --privsep 1 --comment 'proxmux ({word})'
pveum acl modify / --tokens 'proxmux@pve!console' --roles {role}
"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn permissions(text: &str) -> Permissions {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn privileges_are_inherited_unless_the_path_says_otherwise() {
        let p = permissions(r#"{"/":{"VM.Audit":1,"Sys.Audit":0},"/vms/100":{"VM.PowerMgmt":1},"/storage":{}}"#);
        assert!(
            privilege::has(&p, "VM.Audit", "/vms")
                && !privilege::has(&p, "Sys.Audit", "/nodes")
                && privilege::has(&p, "Sys.Audit", "/")
        );
        assert!(!privilege::has(&p, "VM.Audit", "/storage"), "what is said about the path itself counts");
        let all = rights(&p);
        let right = |name: &str| all.iter().find(|r| r.feature.name == name).unwrap();
        assert!(right("see guests").missing.is_empty());
        assert!(right("start and stop guests").partly && right("start and stop guests").missing == ["VM.PowerMgmt"]);
        assert!(!right("snapshots").partly && right("snapshots").missing.len() == 2);
        assert!(rights(&permissions("{}")).iter().all(|r| !r.missing.is_empty()));
    }

    #[test]
    fn clocks() {
        for (skew, state, text) in [
            (1, State::Ok, "agree"),
            (-20, State::Ok, "20 s behind"),
            (90, State::Warning, "90 s ahead"),
            (-4000, State::Failed, "4000 s behind"),
        ] {
            let mut report = Report::default();
            clock(&mut report, skew);
            assert!(report.checks[0].state == state && report.checks[0].text.contains(text), "{skew}");
        }
    }

    #[test]
    fn commands_for_a_role() {
        let text = pveum(Work::Look);
        assert!(
            text.contains("role add ProxmuxLook --privs 'Datastore.Audit Pool.Audit Sys.Audit VM.Audit'"),
            "{text}"
        );
        assert!(pveum(Work::Manage).contains("VM.Allocate") && !pveum(Work::Manage).contains("Sys.Modify"));
    }
}
