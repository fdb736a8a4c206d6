//! Snapshots of guests.

use compact_str::CompactString;
use serde::Deserialize;

use super::{
    guest::Config,
    ids::{GuestRef, Upid},
    json::loose,
    request::{Request, part},
};

/// `GET /nodes/{node}/{qemu|lxc}/{vmid}/snapshot`: all snapshots, and the present state as one named `current`.
pub fn list(guest: &GuestRef) -> Request<Vec<Snapshot>> {
    Request::get(guest.path("snapshot"))
}

/// `POST /nodes/{node}/{qemu|lxc}/{vmid}/snapshot`: `ram` also keeps the memory of a running VM; containers have no such
/// thing.
pub fn create(guest: &GuestRef, name: &str, description: Option<&str>, ram: bool) -> Request<Upid> {
    Request::post(guest.path("snapshot"))
        .param("snapname", name)
        .maybe("description", description.filter(|text| !text.is_empty()))
        .maybe("vmstate", ram.then_some(1))
}

/// `DELETE /nodes/{node}/{qemu|lxc}/{vmid}/snapshot/{snapname}`: what follows it goes on from its parent. `force` also
/// forgets a snapshot whose disks can't be mended any more.
pub fn delete(guest: &GuestRef, name: &str, force: bool) -> Request<Upid> {
    Request::delete(path(guest, name, "")).maybe("force", force.then_some(1))
}

/// `POST /nodes/{node}/{qemu|lxc}/{vmid}/snapshot/{snapname}/rollback`: what happened since is lost. A snapshot with
/// memory goes on running by itself; `start` starts the guest after any other.
pub fn rollback(guest: &GuestRef, name: &str, start: bool) -> Request<Upid> {
    Request::post(path(guest, name, "/rollback")).maybe("start", start.then_some(1))
}

/// `GET /nodes/{node}/{qemu|lxc}/{vmid}/snapshot/{snapname}/config`: the settings that it holds, and its own.
pub fn config(guest: &GuestRef, name: &str) -> Request<Config> {
    Request::get(path(guest, name, "/config"))
}

/// `PUT /nodes/{node}/{qemu|lxc}/{vmid}/snapshot/{snapname}/config`: replaces the description.
pub fn describe(guest: &GuestRef, name: &str, description: &str) -> Request<()> {
    Request::put(path(guest, name, "/config")).param("description", description)
}

fn path(guest: &GuestRef, name: &str, below: &str) -> String {
    guest.path(&format!("snapshot/{}{below}", part(name)))
}

/// Why a text can't be the name of a snapshot: a letter first, then letters, digits, `-` and `_`, 2 to 40 in all.
///
/// # Errors
/// What is wrong with it.
pub fn check_name(name: &str) -> Result<(), String> {
    let is_letter = |c: char| c.is_ascii_alphabetic();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.starts_with(is_letter) {
        return Err("must begin with a letter (a to z)".into());
    }
    if let Some(c) = name.chars().find(|c| !fits(*c)) {
        return Err(format!("can't hold \"{c}\": letters, digits, - and _ only"));
    }
    if !(2..=40).contains(&name.len()) {
        return Err("must have 2 to 40 characters".into());
    }
    if RESERVED.contains(&name) {
        return Err(format!("can't be \"{name}\": that name is reserved"));
    }
    Ok(())
}

/// Sections of a guest's file that are no snapshots.
const RESERVED: &[&str] = &["current", "pending", "cloudinit", "special"];

/// A snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// Its name; `current` is the present state.
    #[serde(deserialize_with = "loose")]
    pub name: CompactString,
    /// What the user wrote about it.
    #[serde(deserialize_with = "loose")]
    pub description: String,
    /// When it was made, in Unix seconds; the present state has none.
    #[serde(deserialize_with = "loose")]
    pub snaptime: Option<u64>,
    /// The snapshot that it follows.
    #[serde(deserialize_with = "loose")]
    pub parent: Option<CompactString>,
    /// True when it holds the memory, too.
    #[serde(deserialize_with = "loose")]
    pub vmstate: bool,
    /// True when the guest runs (present state only).
    #[serde(deserialize_with = "loose")]
    pub running: bool,
    /// `prepare` or `delete` while it is being made or removed, or when that broke off.
    #[serde(deserialize_with = "loose")]
    pub snapstate: Option<CompactString>,
}

impl Snapshot {
    /// How old it is at this time (Unix seconds), in seconds.
    pub fn age(&self, now: i64) -> Option<u64> {
        self.snaptime.filter(|_| !self.is_current()).map(|time| u64::try_from(now).unwrap_or(0).saturating_sub(time))
    }

    /// True for the entry that stands for the present state and is no snapshot.
    pub fn is_current(&self) -> bool {
        self.name == "current"
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::api::ids::{GuestKind, VmId};

    #[test]
    fn the_present_state_is_no_snapshot() {
        let request = list(&GuestRef::new("n", GuestKind::Ct, VmId::MIN));
        assert_eq!(request.to_string(), "GET /nodes/n/lxc/100/snapshot");
        let all = request
            .decode(
                br#"{"data":[{"name":"a","snaptime":"5","vmstate":1},{"name":"current","parent":"a","running":0}]}"#,
            )
            .unwrap();
        assert_eq!((all[0].snaptime, all[0].vmstate, all[0].is_current()), (Some(5), true, false));
        assert_eq!((all[1].parent.as_deref(), all[1].snaptime, all[1].is_current()), (Some("a"), None, true));
    }

    #[test]
    fn changes_as_text() {
        let vm = GuestRef::new("n", GuestKind::Vm, VmId::MIN);
        for (request, text) in [
            (
                create(&vm, "a1", Some("two words"), true),
                "POST /nodes/n/qemu/100/snapshot snapname=a1 description=two words vmstate=1",
            ),
            (create(&vm, "a1", Some(""), false), "POST /nodes/n/qemu/100/snapshot snapname=a1"),
            (delete(&vm, "a1", false), "DELETE /nodes/n/qemu/100/snapshot/a1"),
            (delete(&vm, "a1", true), "DELETE /nodes/n/qemu/100/snapshot/a1 force=1"),
            (rollback(&vm, "a1", true), "POST /nodes/n/qemu/100/snapshot/a1/rollback start=1"),
        ] {
            assert_eq!(request.to_string(), text);
        }
        assert_eq!(describe(&vm, "a1", "x").to_string(), "PUT /nodes/n/qemu/100/snapshot/a1/config description=x");
        assert_eq!(config(&vm, "a1").to_string(), "GET /nodes/n/qemu/100/snapshot/a1/config");
    }

    #[test]
    fn names() {
        for good in ["ab", "before-upgrade_2", "A1", &"x".repeat(40)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("a", "2 to 40"),
            ("1a", "begin with a letter"),
            ("-a", "begin with a letter"),
            ("a b", "can't hold \" \""),
            ("ä", "begin with a letter"),
            ("current", "reserved"),
            (&"x".repeat(41), "2 to 40"),
        ] {
            assert!(check_name(bad).unwrap_err().contains(why), "{bad}");
        }
    }
}
