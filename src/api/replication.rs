//! Replication of guests between nodes: jobs that belong to the cluster, and how they are doing on the guest's node.

use compact_str::CompactString;
use serde::Deserialize;

use super::{
    ids::{NodeName, VmId},
    json::loose,
    request::{Paged, Param, Request, part},
    task::LogLine,
};

/// `GET /cluster/replication`: all jobs that this user may see.
pub fn jobs() -> Request<Vec<Job>> {
    Request::get("/cluster/replication")
}

/// `GET /cluster/replication/{id}`: one job. An unknown one is answered with an error.
pub fn job(id: &str) -> Request<Job> {
    Request::get(format!("/cluster/replication/{}", part(id)))
}

/// `POST /cluster/replication`: a new job; its id is the guest's with a number behind it: `100-0`.
pub fn create(id: &str, target: &NodeName, settings: &[Param]) -> Request<()> {
    let mut request =
        Request::post("/cluster/replication").param("id", id).param("type", "local").param("target", target);
    request.wire.params.extend(settings.iter().cloned());
    request
}

/// `PUT /cluster/replication/{id}`: changes settings and removes others. The target never changes.
pub fn update(id: &str, settings: &[Param], delete: &[String], digest: &str) -> Request<()> {
    let mut request = Request::put(format!("/cluster/replication/{}", part(id)));
    request.wire.params.extend(settings.iter().cloned());
    let gone = Some(delete.join(",")).filter(|keys| !keys.is_empty());
    request.maybe("delete", gone).maybe("digest", Some(digest).filter(|d| !d.is_empty()))
}

/// `DELETE /cluster/replication/{id}`: marks a job for removal; it goes with its next run, together with the copies on the
/// target unless they are kept. `force` forgets it at once and cleans nothing up.
pub fn remove(id: &str, keep: bool, force: bool) -> Request<()> {
    Request::delete(format!("/cluster/replication/{}", part(id)))
        .maybe("keep", keep.then_some(1))
        .maybe("force", force.then_some(1))
}

/// `GET /nodes/{node}/replication`: how the jobs of a node are doing, or only those of one guest.
pub fn states(node: &NodeName, guest: Option<VmId>) -> Request<Vec<State>> {
    Request::get(node.path("replication")).maybe("guest", guest)
}

/// `GET /nodes/{node}/replication/{id}/status`: how one job is doing.
pub fn state(node: &NodeName, id: &str) -> Request<State> {
    Request::get(node.path(&format!("replication/{}/status", part(id))))
}

/// `GET /nodes/{node}/replication/{id}/log`: what its last run has said.
pub fn log(node: &NodeName, id: &str, start: u64, limit: u64) -> Request<Paged<LogLine>> {
    Request::<Vec<LogLine>>::get(node.path(&format!("replication/{}/log", part(id))))
        .param("start", start)
        .param("limit", limit)
        .paged()
}

/// `POST /nodes/{node}/replication/{id}/schedule_now`: runs it as soon as its node's scheduler looks again.
pub fn run_now(node: &NodeName, id: &str) -> Request<()> {
    Request::<serde_json::Value>::post(node.path(&format!("replication/{}/schedule_now", part(id)))).read_by(|_| Ok(()))
}

/// What a job is set to.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Job {
    /// `100-0`.
    #[serde(deserialize_with = "loose")]
    pub id: CompactString,
    /// The guest.
    #[serde(deserialize_with = "loose")]
    pub guest: Option<VmId>,
    /// The node that gets the copies.
    #[serde(deserialize_with = "loose")]
    pub target: CompactString,
    /// A calendar event; every 15 minutes without one.
    #[serde(deserialize_with = "loose")]
    pub schedule: CompactString,
    /// MB per second.
    #[serde(deserialize_with = "loose")]
    pub rate: Option<f64>,
    /// The user's words.
    #[serde(deserialize_with = "loose")]
    pub comment: CompactString,
    /// True: it does not run.
    #[serde(deserialize_with = "loose")]
    pub disable: bool,
    /// `local` or `full` once it is marked for removal.
    #[serde(deserialize_with = "loose")]
    pub remove_job: CompactString,
    /// Of the file that holds all jobs.
    #[serde(deserialize_with = "loose")]
    pub digest: CompactString,
}

impl Job {
    /// When it runs, as a calendar event.
    pub fn event(&self) -> &str {
        if self.schedule.is_empty() { "*/15" } else { &self.schedule }
    }
}

/// How a job is doing.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct State {
    /// The job.
    #[serde(deserialize_with = "loose")]
    pub id: CompactString,
    /// When it was last done well, in Unix seconds; 0: never.
    #[serde(deserialize_with = "loose")]
    pub last_sync: u64,
    /// When it was last tried.
    #[serde(deserialize_with = "loose")]
    pub last_try: u64,
    /// When it runs next.
    #[serde(deserialize_with = "loose")]
    pub next_sync: u64,
    /// Seconds that the last run took.
    #[serde(deserialize_with = "loose")]
    pub duration: Option<f64>,
    /// How often it has failed since it last went well.
    #[serde(deserialize_with = "loose")]
    pub fail_count: u32,
    /// Why it failed last.
    #[serde(deserialize_with = "loose")]
    pub error: String,
    /// There while it runs.
    #[serde(deserialize_with = "loose")]
    pub pid: Option<u32>,
}

/// True for storages that can replicate.
pub fn is_replicable(storage_type: &str) -> bool {
    storage_type == "zfspool"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::api::guest::param;

    #[test]
    fn endpoints_as_text() {
        let node = NodeName::from("pve1");
        for (text, wanted) in [
            (
                create("100-0", &"pve2".into(), &[param("schedule", "*/5")]).to_string(),
                "POST /cluster/replication id=100-0 type=local target=pve2 schedule=*/5",
            ),
            (
                update("100-0", &[param("disable", 1)], &["rate".into()], "d").to_string(),
                "PUT /cluster/replication/100-0 disable=1 delete=rate digest=d",
            ),
            (remove("100-0", true, false).to_string(), "DELETE /cluster/replication/100-0 keep=1"),
            (run_now(&node, "100-0").to_string(), "POST /nodes/pve1/replication/100-0/schedule_now"),
        ] {
            assert_eq!(text, wanted);
        }
    }

    #[test]
    fn a_state_as_the_server_tells_it() {
        let text = r#"{"id":"100-0","type":"local","guest":"100","jobnum":"0","vmtype":"qemu","target":"pve2",
            "source":"pve1","last_sync":1700000000,"last_try":1700000900,"next_sync":1700001800,"duration":3.51,
            "fail_count":2,"error":"command 'zfs' failed"}"#;
        let state: State = serde_json::from_str(text).unwrap();
        assert_eq!((state.fail_count, state.duration, state.pid), (2, Some(3.51), None));
        let job: Job = serde_json::from_str(text).unwrap();
        assert_eq!((job.guest.map(VmId::get), job.event(), job.rate), (Some(100), "*/15", None));
    }
}
