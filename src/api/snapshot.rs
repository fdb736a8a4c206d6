//! Snapshots of guests.

use compact_str::CompactString;
use serde::Deserialize;

use super::{ids::GuestRef, json::loose, request::Request};

/// `GET /nodes/{node}/{qemu|lxc}/{vmid}/snapshot`: all snapshots, and the present state as one named `current`.
pub fn list(guest: &GuestRef) -> Request<Vec<Snapshot>> {
    Request::get(guest.path("snapshot"))
}

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
}

impl Snapshot {
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
}
