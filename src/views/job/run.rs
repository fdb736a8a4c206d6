//! Running a job now, and switching it on or off.

use std::collections::BTreeMap;

use crate::{
    api::{
        Param, backup,
        cluster::Guest,
        guest::param,
        ids::NodeName,
        job::{self as api, Job, Selection},
    },
    shell::{Degree, Proposal, Write},
    store::Store,
};

/// The calls that run a job now: one for each online node that has some of its guests.
pub fn now(job: &Job, store: &Store) -> Proposal {
    const NOT: [&str; 12] = [
        "schedule",
        "starttime",
        "dow",
        "enabled",
        "repeat-missed",
        "comment",
        "node",
        "vmid",
        "next-run",
        "id",
        "type",
        "pool",
    ];
    let mut params: Vec<Param> = vec![];
    match job.selection() {
        Selection::These(_) => params.push(param("vmid", job.get("vmid").unwrap_or_default())),
        Selection::Pool(pool) => params.push(param("pool", pool)),
        _ => {}
    }
    for (key, value) in job.settings.iter().filter(|(key, _)| !NOT.contains(&key.as_str())) {
        if key == "exclude-path" {
            params.extend(value.split(',').map(|path| param(key, path)));
        } else if !(key == "all" && value != "1") {
            params.push(param(key, value));
        }
    }
    // Only root@pam may say which job it is; with it, the run is listed as the job's last.
    if store.user == "root@pam" {
        params.push(param("job-id", &job.id));
    }
    let wanted = |g: &&Guest| match job.selection() {
        Selection::All => true,
        Selection::AllBut(ids) => !ids.contains(&g.vmid),
        Selection::These(ids) => ids.contains(&g.vmid),
        Selection::Pool(pool) => g.pool.as_deref() == Some(pool.as_str()),
    };
    let mut guests: BTreeMap<NodeName, usize> = BTreeMap::new();
    for guest in store.resources.guests.iter().filter(wanted) {
        *guests.entry(guest.node.clone()).or_default() += 1;
    }
    let only = job.get("node");
    let (mut writes, mut notes) = (vec![], vec![]);
    for (node, count) in guests.into_iter().filter(|(node, _)| only.is_none_or(|only| node.as_str() == only)) {
        if store.node(node.as_str()).is_some_and(|n| n.is_online()) {
            let label = format!("Backup job {} on {node}", job.id);
            notes.push(format!("{node}: {count} guests."));
            writes.push(Write::new(label, backup::start(&node, &params)));
        } else {
            notes.push(format!("{node} can't be reached: its {count} guests are left out."));
        }
    }
    let mut proposal = Proposal::new(format!("Run the backup job {} now?", job.id), writes);
    proposal.notes = notes;
    if job.get("mode") == Some("stop") {
        proposal =
            proposal.degree(Degree::Careful).note("Running guests are shut down for their backup and started again.");
    }
    proposal
}

/// Switches a job on or off.
pub fn switch(job: &Job) -> Write {
    let on = !job.is_enabled();
    let label = format!("Switch the backup job {} {}", job.id, if on { "on" } else { "off" });
    Write::new(label, api::update(&job.id, &[param("enabled", u8::from(on))], &[]))
}
