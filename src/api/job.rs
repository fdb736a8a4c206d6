//! Backup jobs: what is backed up when, what they take, and what none of them takes.

use compact_str::CompactString;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{
    backup::text_of,
    ids::VmId,
    json::{self, loose},
    request::{Param, Request, part},
};

/// `GET /cluster/backup`: all jobs, those that are switched on with their next run.
pub fn list() -> Request<Vec<Job>> {
    Request::get("/cluster/backup")
}

/// `GET /cluster/backup/{id}`: one job as it is now.
pub fn one(id: &str) -> Request<Job> {
    Request::get(path(id, ""))
}

/// `POST /cluster/backup`
pub fn create(params: &[Param]) -> Request<()> {
    let mut request = Request::post("/cluster/backup");
    request.wire.params.extend(params.iter().cloned());
    request
}

/// `PUT /cluster/backup/{id}`: changes the given settings and removes those in `delete`; the others stay.
pub fn update(id: &str, params: &[Param], delete: &[String]) -> Request<()> {
    let mut request = Request::put(path(id, ""));
    request.wire.params.extend(params.iter().cloned());
    request.maybe("delete", (!delete.is_empty()).then(|| delete.join(",")))
}

/// `DELETE /cluster/backup/{id}`: the backups that it has made stay.
pub fn remove(id: &str) -> Request<()> {
    Request::delete(path(id, ""))
}

/// `GET /cluster/backup/{id}/included_volumes`: the guests of a job, and which of their volumes it takes.
pub fn included(id: &str) -> Request<Included> {
    Request::get(path(id, "/included_volumes"))
}

/// `GET /cluster/backup-info/not-backed-up`: the guests that no job takes.
pub fn uncovered() -> Request<Vec<Uncovered>> {
    Request::get("/cluster/backup-info/not-backed-up")
}

/// `GET /cluster/jobs/schedule-analyze`: when a schedule comes due next; refuses what is no schedule.
pub fn next_runs(schedule: &str, count: u32) -> Request<Vec<Run>> {
    Request::get("/cluster/jobs/schedule-analyze").param("schedule", schedule).param("iterations", count)
}

fn path(id: &str, rest: &str) -> String {
    format!("/cluster/backup/{}{rest}", part(id))
}

/// A backup job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: CompactString,
    /// When it runs next, in Unix seconds; `None` when it is switched off.
    pub next_run: Option<u64>,
    /// Its settings, in alphabetical order: name and text. Settings of settings are property strings.
    pub settings: Vec<(CompactString, String)>,
}

impl Job {
    /// The text of a setting, for example `schedule`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.settings.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// False when it is switched off.
    pub fn is_enabled(&self) -> bool {
        self.get("enabled") != Some("0")
    }

    /// The guests that it names.
    pub fn vmids(&self) -> impl Iterator<Item = VmId> {
        self.ids("vmid")
    }

    /// The guests that it leaves out, when it takes all others.
    pub fn excluded(&self) -> impl Iterator<Item = VmId> {
        self.ids("exclude")
    }

    fn ids(&self, key: &str) -> impl Iterator<Item = VmId> {
        json::split(self.get(key).unwrap_or_default()).filter_map(|id| id.parse().ok())
    }

    /// Which guests it takes.
    pub fn selection(&self) -> Selection {
        match self.get("pool") {
            Some(pool) if !pool.is_empty() => Selection::Pool(pool.into()),
            _ if self.get("all") == Some("1") && self.excluded().next().is_some() => {
                Selection::AllBut(self.excluded().collect())
            }
            _ if self.get("all") == Some("1") => Selection::All,
            _ => Selection::These(self.vmids().collect()),
        }
    }
}

/// Which guests a job takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of the cluster, or of its node.
    All,
    /// All but these.
    AllBut(Vec<VmId>),
    /// These.
    These(Vec<VmId>),
    /// Those of a pool.
    Pool(CompactString),
}

impl<'de> Deserialize<'de> for Job {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut job = Self::default();
        for (key, value) in Map::<String, Value>::deserialize(deserializer)? {
            let text = text_of(&value);
            match key.as_str() {
                "id" => job.id = text.into(),
                "next-run" => job.next_run = text.parse().ok(),
                "type" => {}
                _ => job.settings.push((key.into(), text)),
            }
        }
        job.settings.sort();
        Ok(job)
    }
}

/// The guests of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Included {
    /// The guests.
    pub children: Vec<IncludedGuest>,
}

/// A guest of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct IncludedGuest {
    /// Its number.
    #[serde(deserialize_with = "loose")]
    pub id: Option<VmId>,
    /// Its name.
    #[serde(deserialize_with = "loose")]
    pub name: CompactString,
    /// `qemu`, `lxc`, or `unknown` when it has been destroyed.
    #[serde(rename = "type", deserialize_with = "loose")]
    pub kind: CompactString,
    /// Its volumes.
    pub children: Vec<IncludedVolume>,
}

/// A volume of a guest of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct IncludedVolume {
    /// The guest's setting that names it, for example `scsi0`.
    #[serde(deserialize_with = "loose")]
    pub id: CompactString,
    /// Its name.
    #[serde(deserialize_with = "loose")]
    pub name: String,
    /// True when it is backed up.
    #[serde(deserialize_with = "loose")]
    pub included: bool,
    /// Why, or why not.
    #[serde(deserialize_with = "loose")]
    pub reason: String,
}

/// A guest that no job takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Uncovered {
    /// Its number.
    #[serde(deserialize_with = "loose")]
    pub vmid: Option<VmId>,
    /// Its name; empty when it has none.
    #[serde(deserialize_with = "loose")]
    pub name: CompactString,
    /// `qemu` or `lxc`.
    #[serde(rename = "type", deserialize_with = "loose")]
    pub kind: CompactString,
}

/// A moment at which a schedule comes due.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Run {
    /// Unix seconds.
    #[serde(deserialize_with = "loose")]
    pub timestamp: i64,
    /// The same for people, in UTC.
    #[serde(deserialize_with = "loose")]
    pub utc: String,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::api::guest::param;

    #[test]
    fn endpoints_as_text() {
        for (request, text) in [
            (list().to_string(), "GET /cluster/backup"),
            (one("a/b").to_string(), "GET /cluster/backup/a%2Fb"),
            (create(&[param("all", 1)]).to_string(), "POST /cluster/backup all=1"),
            (
                update("j", &[param("pool", "p")], &["all".into(), "vmid".into()]).to_string(),
                "PUT /cluster/backup/j pool=p delete=all,vmid",
            ),
            (remove("j").to_string(), "DELETE /cluster/backup/j"),
            (included("j").to_string(), "GET /cluster/backup/j/included_volumes"),
            (uncovered().to_string(), "GET /cluster/backup-info/not-backed-up"),
            (next_runs("daily", 10).to_string(), "GET /cluster/jobs/schedule-analyze schedule=daily iterations=10"),
        ] {
            assert_eq!(request, text);
        }
    }

    #[test]
    fn selections() {
        let job = |json: &str| serde_json::from_str::<Job>(json).unwrap();
        let id = |n| VmId::new(n).unwrap();
        let first = job(
            r#"{"id":"a","vmid":"100,101","prune-backups":{"keep-last":"3"},"next-run":17,"enabled":1,"type":"vzdump"}"#,
        );
        assert_eq!(first.selection(), Selection::These(vec![id(100), id(101)]));
        assert_eq!((first.next_run, first.is_enabled()), (Some(17), true));
        assert_eq!((first.get("prune-backups"), first.get("type")), (Some("keep-last=3"), None));
        assert_eq!(job(r#"{"id":"a","all":1,"exclude":"102"}"#).selection(), Selection::AllBut(vec![id(102)]));
        assert_eq!(job(r#"{"id":"a","all":"1","enabled":0}"#).selection(), Selection::All);
        assert_eq!(job(r#"{"id":"a","pool":"dev"}"#).selection(), Selection::Pool("dev".into()));
    }
}
