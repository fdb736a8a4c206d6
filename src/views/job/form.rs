//! The fields of a backup job, and the settings that they make.

use super::schedule;
use crate::{
    api::{
        cluster::Guest,
        job::{self, Job},
    },
    store::Store,
    ui::{Choice, Form, Values},
    views::backup::{field, setting},
};

/// Settings that the form can make besides those of [`setting::MANAGED`].
const OWN: [&str; 9] = ["schedule", "comment", "enabled", "repeat-missed", "node", "all", "vmid", "exclude", "pool"];

/// True when the guests are named one by one.
pub fn takes_these(values: &Values) -> bool {
    values.get("selection") == "these"
}

fn takes_all_but(values: &Values) -> bool {
    values.get("selection") == "but"
}

fn takes_pool(values: &Values) -> bool {
    values.get("selection") == "pool"
}

/// The server's verdict about a schedule is a fact.
fn check_schedule(text: &str, values: &Values) -> Result<(), String> {
    if values.get("schedule.bad") == text { Err(values.get("schedule.why").to_owned()) } else { Ok(()) }
}

fn schedule_words(values: &Values) -> Option<String> {
    let event = values.get("schedule").trim();
    // What is chosen from the list says itself what it means.
    let proposed = schedule::PROPOSALS.iter().any(|(proposal, _)| *proposal == event);
    schedule::words(event).filter(|_| !proposed)
}

fn next_words(values: &Values) -> Option<String> {
    let known = values.is_on("enabled") && values.get("schedule.good") == values.get("schedule").trim();
    known.then(|| format!("next run {}", values.get("schedule.next")))
}

fn result_words(values: &Values) -> Option<String> {
    Some(values.get("selection.result").to_owned()).filter(|words| !words.is_empty())
}

fn is_free(text: &str, values: &Values) -> Result<(), String> {
    let taken = values.get("jobs").split(' ').any(|id| id == text);
    let good = text.len() > 1
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    match (taken, good) {
        (true, _) => Err("there is a job with this id already".into()),
        (_, false) => Err("two or more letters, digits, - and _, beginning with a letter".into()),
        _ => Ok(()),
    }
}

/// The fields for a new job, or for one that exists.
pub fn form(store: &Store, old: Option<&Job>) -> Form {
    let guests =
        |g: &Guest| Choice::labelled(g.vmid.to_string(), format!("{} {}", g.vmid, g.name)).detail(g.node.to_string());
    let guests: Vec<Choice> = store.resources.guests.iter().map(guests).collect();
    let mut nodes = vec![Choice::labelled("", "all nodes")];
    nodes.extend(store.resources.nodes.iter().map(|n| Choice::new(n.node.as_str())));
    let pools: Vec<Choice> = store.resources.pools.iter().map(|p| Choice::new(p.as_str())).collect();
    let schedules = schedule::PROPOSALS.map(|(event, words)| Choice::new(event).detail(words));
    let form = Form::new()
        .select("schedule", "Schedule", schedules.to_vec())
        .free()
        .initial("21:00")
        .required()
        .check(check_schedule)
        .hint(schedule_words)
        .help("A calendar event: [weekdays] [date] time, for example mon..fri 02:30 or */15. The server checks it.")
        .select(
            "selection",
            "Guests",
            [("all", "all"), ("these", "these"), ("but", "all but these"), ("pool", "those of a pool")]
                .map(Choice::from)
                .to_vec(),
        )
        .initial("these")
        .hint(result_words)
        .multi("vmid", "Take", guests.clone())
        .required()
        .when(takes_these)
        .multi("exclude", "Leave out", guests)
        .required()
        .when(takes_all_but)
        .select("pool", "Pool", pools)
        .required()
        .when(takes_pool)
        .select("node", "Node", nodes)
        .help("Only the guests that are on this node when the job runs.");
    let form = field::retention(field::general(form), "storage")
        .text("comment", "Comment")
        .toggle("enabled", "Enabled")
        .initial("1")
        .hint(next_words)
        .toggle("repeat-missed", "Repeat missed")
        .help("Runs as soon as possible when the node was off at its time.");
    let form = if old.is_none() {
        form.text("id", "Job ID").placeholder("made by the server").check(is_free).advanced()
    } else {
        form
    };
    field::advanced(form)
}

/// The values of the fields for a job.
pub fn values_of(job: &Job) -> Vec<(String, String)> {
    let get = |key: &str| job.get(key).map(str::to_owned);
    let mut all = setting::values_of(get);
    let selection = match job.selection() {
        job::Selection::All => "all",
        job::Selection::AllBut(_) => "but",
        job::Selection::These(_) => "these",
        job::Selection::Pool(_) => "pool",
    };
    all.push(("selection".into(), selection.into()));
    for (key, absent) in [
        ("schedule", ""),
        ("comment", ""),
        ("enabled", "1"),
        ("repeat-missed", "0"),
        ("node", ""),
        ("vmid", ""),
        ("exclude", ""),
        ("pool", ""),
    ] {
        all.push((key.into(), get(key).unwrap_or_else(|| absent.into())));
    }
    all
}

/// All settings that the fields stand for.
pub fn settings(values: &Values) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = vec![];
    let mut add = |key: &str, value: &str| {
        if !value.is_empty() {
            all.push((key.to_owned(), value.to_owned()));
        }
    };
    add("schedule", values.get("schedule").trim());
    match values.get("selection") {
        "these" => add("vmid", values.get("vmid")),
        "but" => {
            add("all", "1");
            add("exclude", values.get("exclude"));
        }
        "pool" => add("pool", values.get("pool")),
        _ => add("all", "1"),
    }
    add("node", values.get("node"));
    add("comment", values.get("comment"));
    add("enabled", if values.is_on("enabled") { "1" } else { "0" });
    add("repeat-missed", if values.is_on("repeat-missed") { "1" } else { "" });
    all.extend(setting::settings(values));
    all
}

/// What has to be set and what has to be removed so that a job becomes like these settings. Settings that no field stands
/// for stay as they are.
pub fn changes(job: &Job, wanted: &[(String, String)]) -> (Vec<(String, String)>, Vec<String>) {
    // A setting that is not there means the same as its default.
    let silent = |key: &str, value: &str| {
        job.get(key).is_none() && matches!((key, value), ("enabled", "1") | ("mode", "snapshot") | ("compress", "0"))
    };
    let differs =
        |(key, value): &&(String, String)| job.get(key).map(sorted) != Some(sorted(value)) && !silent(key, value);
    let set = wanted.iter().filter(differs).cloned().collect();
    let managed = setting::MANAGED.iter().chain(&OWN);
    let gone =
        managed.filter(|key| job.get(key).is_some_and(|v| !v.is_empty()) && !wanted.iter().any(|(k, _)| k == *key));
    let mut delete: Vec<String> = gone
        .filter(|key| {
            !matches!(
                (**key, job.get(key)),
                ("all" | "protected" | "repeat-missed", Some("0")) | ("remove" | "stdexcludes", Some("1"))
            )
        })
        .map(|key| (*key).to_owned())
        .collect();
    delete.sort();
    (set, delete)
}

/// Settings of settings come in any order.
fn sorted(text: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = text.split(',').collect();
    parts.sort_unstable();
    parts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn job(json: &str) -> Job {
        serde_json::from_str(json).unwrap()
    }

    fn unchanged(job: &Job) -> (Vec<(String, String)>, Vec<String>) {
        let mut form = form(&Store::default(), Some(job));
        for (key, value) in values_of(job) {
            assert!(form.set_initial(&key, &value), "{key}");
        }
        changes(job, &settings(&form.values()))
    }

    #[test]
    fn a_job_that_is_left_alone_does_not_change() {
        for text in [
            r#"{"id":"a","vmid":"100,101","mode":"snapshot","prune-backups":{"keep-weekly":"2","keep-last":"3"},
                "schedule":"sun 01:00","enabled":1,"mailto":"a@b.c","comment":"weekly","notes-template":"{{guestname}}",
                "notification-mode":"legacy-sendmail","mailnotification":"failure","storage":"local","compress":"zstd"}"#,
            r#"{"id":"b","all":1,"storage":"nas","schedule":"*/6:00","fleecing":{"enabled":1,"storage":"ssd"},
                "exclude":"102","repeat-missed":1,"enabled":0,"script":"/usr/local/bin/hook"}"#,
            r#"{"id":"c","pool":"dev","storage":"nas","schedule":"daily","prune-backups":{"keep-all":"1"}}"#,
        ] {
            let job = job(text);
            assert_eq!(unchanged(&job), (vec![], vec![]), "{text}");
        }
    }

    #[test]
    fn another_selection_removes_the_old_one() {
        let job = job(r#"{"id":"a","vmid":"100","storage":"nas","schedule":"daily","script":"/x"}"#);
        let mut form = form(&Store::default(), Some(&job));
        for (key, value) in values_of(&job) {
            form.set_initial(&key, &value);
        }
        form.set("selection", "all");
        let (set, delete) = changes(&job, &settings(&form.values()));
        assert_eq!(set, [("all".to_owned(), "1".to_owned())]);
        assert_eq!(delete, ["vmid"]);
    }
}
