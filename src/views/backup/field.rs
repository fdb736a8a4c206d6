//! The fields that a backup made now and a backup job have in common, and the parameters that they make.

use std::collections::BTreeSet;

use crate::{
    api::{cluster::Guest, ids::NodeName},
    store::Store,
    ui::{Choice, Choices, Form, Values, Wizard, text},
};

/// The rules of retention: the field, the API's word, the label.
pub(super) const KEEP: [(&str, &str, &str); 6] = [
    ("keep-last", "keep-last", "Keep last"),
    ("keep-hourly", "keep-hourly", "Keep hourly"),
    ("keep-daily", "keep-daily", "Keep daily"),
    ("keep-weekly", "keep-weekly", "Keep weekly"),
    ("keep-monthly", "keep-monthly", "Keep monthly"),
    ("keep-yearly", "keep-yearly", "Keep yearly"),
];

/// True when the chosen storage is a Proxmox Backup Server.
pub fn is_pbs(values: &Values) -> bool {
    values.get(&format!("kind.{}", values.get("storage"))) == "pbs"
}

fn is_file(values: &Values) -> bool {
    !is_pbs(values)
}

fn has_rules(values: &Values) -> bool {
    values.get("retention") == "rules"
}

pub(super) fn has_fleecing(values: &Values) -> bool {
    values.is_on("fleecing.enabled")
}

fn default_limit(values: &Values) -> Option<String> {
    let limit = values.get("bwlimit.default");
    (values.get("bwlimit").is_empty() && !limit.is_empty()).then(|| format!("the node's default: {limit} KiB/s"))
}

fn is_mail(values: &Values) -> bool {
    values.get("notification-mode") != "notification-system"
}

fn mode_words(values: &Values) -> Option<String> {
    Some(
        match values.get("mode") {
            "snapshot" => "they go on running",
            "suspend" => "they are paused meanwhile",
            "stop" => "they are shut down meanwhile",
            _ => return None,
        }
        .into(),
    )
}

fn need_words(values: &Values) -> Option<String> {
    let storage = values.get("storage");
    let number = |fact: &str| values.get(fact).parse::<u64>().ok();
    match number(&format!("need.{storage}")) {
        Some(need) => Some(format!("about {} needed", text::bytes_short(need))),
        // Without an earlier backup nobody knows more than how large the disks are.
        None => Some(format!("at most {} needed", text::bytes_short(number("need.most")?))),
    }
}

fn warn_full(_: &str, values: &Values) -> Option<String> {
    let storage = values.get("storage");
    let free: u64 = values.get(&format!("free.{storage}")).parse().ok()?;
    let need: u64 = values.get(&format!("need.{storage}")).parse().ok()?;
    (need > free).then(|| "it may run full: the last backups of these guests took more than is free".into())
}

/// Template variables are replaced by the server; an unknown one is refused there.
fn check_template(text: &str, _: &Values) -> Result<(), String> {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else { return Err("{{ is never closed".into()) };
        if !["cluster", "guestname", "node", "vmid"].contains(&name) {
            return Err(format!(
                "{{{{{name}}}}} is unknown: use {{{{guestname}}}}, {{{{vmid}}}}, {{{{node}}}}, {{{{cluster}}}}"
            ));
        }
        rest = after;
    }
    Ok(())
}

/// Lets the fields know a guest for which [`expand`] shows what a template becomes.
pub fn set_example(wizard: &mut Wizard, guest: &Guest, store: &Store) {
    let cluster = store.cluster.as_ref().and_then(|c| c.name.as_deref()).unwrap_or("standalone node");
    for (name, value) in [
        ("vmid", guest.vmid.to_string()),
        ("guestname", guest.name.to_string()),
        ("node", guest.node.to_string()),
        ("cluster", cluster.to_owned()),
    ] {
        wizard.set_fact(format!("example.{name}"), value);
    }
}

/// What a template becomes for one guest: `example.vmid`, `example.guestname` and so on are facts.
pub fn expand(template: &str, values: &Values) -> String {
    let mut text = template.to_owned();
    for name in ["cluster", "guestname", "node", "vmid"] {
        text = text.replace(&format!("{{{{{name}}}}}"), values.get(&format!("example.{name}")));
    }
    text.replace("\\n", " / ").replace("\\\\", "\\")
}

/// Rules that keep nothing are a mistake.
pub fn keeps_something(text: &str, values: &Values) -> Result<(), String> {
    let any = KEEP.iter().any(|(key, ..)| values.get(key).parse::<u32>().is_ok_and(|n| n > 0));
    if text == "rules" && !any {
        Err("give at least one number below, or nothing would be kept".into())
    } else {
        Ok(())
    }
}

/// What the server says that the rules would do.
pub fn preview(values: &Values) -> Option<String> {
    Some(values.get("prune.preview").to_owned()).filter(|words| !words.is_empty())
}

fn check_mail(text: &str, _: &Values) -> Result<(), String> {
    let bad = text
        .split([',', ' '])
        .filter(|a| !a.is_empty())
        .find(|a| a.contains('@') && (a.starts_with('@') || a.ends_with('@')));
    bad.map_or(Ok(()), |address| Err(format!("{address} is no address")))
}

/// Storage, mode, compression, notes, protection.
pub fn general(form: Form) -> Form {
    form.select("storage", "Storage", Choices::Loading)
        .required()
        .help("Where the backup goes. Backup Servers keep only what has changed since the last one.")
        .hint(need_words)
        .warn(warn_full)
        .select(
            "mode",
            "Mode",
            [("snapshot", "Snapshot"), ("suspend", "Suspend"), ("stop", "Stop")].map(Choice::from).to_vec(),
        )
        .initial("snapshot")
        .hint(mode_words)
        .help("Snapshot: no downtime; containers need a storage with snapshots. Suspend: paused; containers are copied first and paused for the rest. Stop: shut down, saved, started again; the most consistent.")
        .select(
            "compress",
            "Compression",
            [("zstd", "ZSTD (fast and good)"), ("gzip", "GZIP (good)"), ("lzo", "LZO (fast)"), ("0", "none")]
                .map(Choice::from)
                .to_vec(),
        )
        .initial("zstd")
        .when(is_file)
        .text("notes-template", "Notes")
        .initial("{{guestname}}")
        .check(check_template)
        .help("{{guestname}}, {{vmid}}, {{node}} and {{cluster}} are replaced; \\n begins a new line.")
        .toggle("protected", "Protected")
        .help("Can't be removed or pruned until the protection is taken away.")
}

/// What happens to older backups. `initial`: `none`, `storage`, `all` or `rules`.
pub fn retention(form: Form, initial: &str) -> Form {
    let form = form
        .select(
            "retention",
            "Older backups",
            [
                ("none", "remove nothing"),
                ("storage", "as the storage says"),
                ("all", "keep all"),
                ("rules", "by rules"),
            ]
            .map(Choice::from)
            .to_vec(),
        )
        .initial(initial)
        .check(keeps_something)
        .hint(preview)
        .help("Applied to each guest's backups of the same kind after a successful backup; protected ones stay.");
    numbers(form)
}

/// How many backups of which spans stay, when `retention` is `rules`.
pub fn numbers(mut form: Form) -> Form {
    for (key, _, label) in KEEP {
        form = form.number(key, label, 0..=9999).when(has_rules);
    }
    form
}

/// Notifications and everything for experts.
pub fn advanced(form: Form) -> Form {
    form.select(
        "notification-mode",
        "Notification",
        [
            ("", "automatic"),
            ("notification-system", "the notification system's targets"),
            ("legacy-sendmail", "an e-mail to these addresses"),
        ]
        .map(Choice::from)
        .to_vec(),
    )
    .advanced()
    .text("mailto", "E-mail to")
    .placeholder("nobody")
    .check(check_mail)
    .when(is_mail)
    .advanced()
    .select("mailnotification", "E-mail when", [("", "always"), ("failure", "it failed")].map(Choice::from).to_vec())
    .when(is_mail)
    .advanced()
    .number("bwlimit", "Bandwidth limit", 0..=100_000_000)
    .unit("KiB/s")
    .placeholder("none")
    .hint(default_limit)
    .help("For reading the guest's disks. Needs Sys.Modify on /.")
    .advanced()
    .number("zstd", "ZSTD threads", 0..=256)
    .placeholder("1")
    .help("0: half of the node's cores.")
    .when(|v| is_file(v) && v.get("compress") == "zstd")
    .advanced()
    .number("pigz", "GZIP threads", 0..=256)
    .placeholder("0")
    .help("More than 0 uses pigz in place of gzip.")
    .when(|v| is_file(v) && v.get("compress") == "gzip")
    .advanced()
    .toggle("fleecing.enabled", "Fleecing")
    .help("VMs only: what a guest overwrites during the backup goes to a local storage first, so that a slow backup storage does not slow the guest down.")
    .advanced()
    .select("fleecing.storage", "Fleecing storage", Choices::Loading)
    .required()
    .when(has_fleecing)
    .advanced()
    .select(
        "pbs-change-detection-mode",
        "Changed files",
        [
            ("", "default"),
            ("legacy", "read all, one archive"),
            ("data", "read all, data and metadata apart"),
            ("metadata", "compare metadata, read only what changed"),
        ]
        .map(Choice::from)
        .to_vec(),
    )
    .help("Containers on a Backup Server only.")
    .when(is_pbs)
    .advanced()
    .number("performance.max-workers", "IO workers", 1..=256)
    .placeholder("16")
    .help("VMs only: how many requests are read at the same time.")
    .advanced()
    .number("performance.pbs-entries-max", "Entries in memory", 1..=100_000_000)
    .placeholder("1048576")
    .help("Containers on a Backup Server only.")
    .when(is_pbs)
    .advanced()
    .number("ionice", "IO priority", 0..=8)
    .placeholder("7")
    .help("With the BFQ scheduler; 8: only when idle.")
    .advanced()
    .number("lockwait", "Wait for the lock", 0..=100_000)
    .unit("min")
    .placeholder("180")
    .help("One backup run at a time on each node: how long to wait for another one.")
    .advanced()
    .number("stopwait", "Wait for the stop", 0..=100_000)
    .unit("min")
    .placeholder("10")
    .advanced()
    .text("exclude-path", "Leave out files")
    .placeholder("none")
    .help("Containers only: patterns such as /var/cache/*, separated by commas.")
    .advanced()
    .toggle("stdexcludes", "Leave out temporary files")
    .initial("1")
    .help("Containers only.")
    .advanced()
}

/// Offers the storages that all these nodes (all nodes when empty) can back up to, and those for fleecing.
pub fn offer_storages(wizard: &mut Wizard, store: &Store, nodes: &BTreeSet<NodeName>) {
    let online = store.resources.nodes.iter().filter(|n| n.is_online()).map(|n| n.node.clone());
    let nodes: BTreeSet<NodeName> = if nodes.is_empty() { online.collect() } else { nodes.clone() };
    let mut choices: Vec<(u64, Choice)> = vec![];
    let mut fleecing: Vec<Choice> = vec![];
    let mut names: Vec<_> = store.resources.storages.iter().map(|s| s.storage.clone()).collect();
    names.dedup();
    for name in names {
        let here: Vec<_> = store
            .resources
            .storages
            .iter()
            .filter(|s| s.storage == name && nodes.contains(&s.node) && s.status != "unknown")
            .collect();
        let keeps = |word: &str| here.iter().all(|s| s.content.split(',').any(|w| w == word));
        let (true, Some(first)) = (here.len() == nodes.len(), here.first()) else { continue };
        let free = here.iter().map(|s| s.maxdisk.saturating_sub(s.disk)).min().unwrap_or(0);
        let kind = if first.plugintype == name.as_str() { String::new() } else { format!("{}, ", first.plugintype) };
        let detail = format!("{kind}{} free{}", text::bytes(free), if first.shared { ", shared" } else { "" });
        if keeps("images") {
            fleecing.push(Choice::new(name.as_str()).detail(detail.clone()));
        }
        if keeps("backup") {
            wizard.set_fact(format!("kind.{name}"), first.plugintype.as_str());
            wizard.set_fact(format!("free.{name}"), free.to_string());
            let rank = if first.plugintype == "pbs" { u64::MAX } else { free + u64::from(first.shared) };
            choices.push((rank, Choice::new(name.as_str()).detail(detail)));
        }
    }
    choices.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    let list: Vec<Choice> = choices.into_iter().map(|(_, c)| c).collect();
    if let Some(best) = list.first() {
        wizard.set_default("storage", &best.value.clone());
    }
    let none = |what: &str| Choices::Failed(format!("no storage that these nodes share keeps {what}"));
    wizard.set_choices("storage", if list.is_empty() { none("backups") } else { Choices::Ready(list) });
    wizard.set_choices(
        "fleecing.storage",
        if fleecing.is_empty() { none("disk images") } else { Choices::Ready(fleecing) },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_checked_and_expanded() {
        let facts = Values::from_iter([("example.vmid", "101"), ("example.guestname", "web")]);
        assert_eq!(expand("{{vmid}}: {{guestname}}\\nx", &facts), "101: web / x");
        assert!(check_template("{{vm}}", &facts).is_err_and(|e| e.contains("{{vm}}")));
        assert!(check_template("{{vmid", &facts).is_err());
        assert_eq!(check_template("{{vmid}} {{cluster}}", &facts), Ok(()));
    }

    #[test]
    fn rules_must_keep_something() {
        let rules = |key: &'static str, n: &'static str| Values::from_iter([("retention", "rules"), (key, n)]);
        assert!(keeps_something("rules", &rules("keep-last", "0")).is_err());
        assert!(keeps_something("rules", &rules("keep-yearly", "1")).is_ok());
    }
}
