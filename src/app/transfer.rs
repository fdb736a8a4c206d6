//! Files on their way to storages: how far they are, and which ones did not arrive.

use std::{path::PathBuf, time::Duration};

use super::App;
use crate::{
    api::{ApiError, Wire, attachment::Attachment},
    shell::{Level, SessionId, Toast},
    store::Transfer,
    ui::{
        progress::{Progress, Unit},
        text,
    },
};

/// How often running transfers are looked at.
const PACE: Duration = Duration::from_millis(500);

/// What came of fetching a file.
pub struct Downloaded {
    /// From which cluster.
    pub session: SessionId,
    /// What it was fetched for.
    pub label: String,
    /// What it was to be saved as.
    pub file: Attachment,
    /// Where it is now.
    pub result: Result<PathBuf, ApiError>,
}

struct Going {
    shown: Transfer,
    file: Attachment,
    progress: Progress,
}

/// All transfers of one session.
#[derive(Default)]
pub struct Transfers {
    list: Vec<Going>,
    next: Duration,
}

impl Transfers {
    /// A confirmed upload leaves, or a file begins to come.
    pub fn add(&mut self, label: &str, wire: &Wire, now: Duration) {
        let Some(file) = wire.file.clone() else { return };
        let shown = Transfer {
            label: label.to_owned(),
            wire: wire.clone(),
            sent: 0,
            total: file.size,
            rate: None,
            eta: None,
            error: None,
        };
        // Another try takes the place of the one that failed.
        let fetched = file.offer.is_some();
        let same = |g: &Going| fetched && g.file.path == file.path && g.file.name == file.name;
        self.list.retain(|g| g.shown.is_running() || g.shown.label != shown.label && !same(g));
        let progress = Progress::new(Unit::Bytes, Some(file.size).filter(|size| *size > 0));
        self.list.push(Going { shown, file, progress });
        self.next = now;
    }

    /// It has arrived, or it has not. What only lies ready ends later.
    pub fn ended(&mut self, file: &Attachment, error: Option<&ApiError>) {
        if file.offer.is_some() && error.is_none() {
            return;
        }
        let Some(at) = self.list.iter().position(|g| g.file.meter.is(&file.meter)) else { return };
        match error {
            Some(error) => self.list[at].shown.error = Some(error.clone()),
            None => drop(self.list.remove(at)),
        }
    }

    /// Stops all.
    pub fn stop(&self) {
        self.list.iter().for_each(|g| g.file.meter.cancel());
    }

    /// The user has seen that it did not arrive.
    pub fn dismiss(&mut self, file: &Attachment) {
        self.list.retain(|g| g.shown.is_running() || !g.file.meter.is(&file.meter));
    }

    /// Whether it is time to look at them again.
    pub fn is_due(&self, now: Duration) -> bool {
        self.next_due().is_some_and(|at| at <= now)
    }

    /// When to look at them again.
    pub fn next_due(&self) -> Option<Duration> {
        self.list.iter().any(|g| g.shown.is_running()).then_some(self.next)
    }

    /// How they are now, oldest first.
    pub fn shown(&mut self, now: Duration) -> Vec<Transfer> {
        self.next = now + PACE;
        let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        self.list.retain(|g| g.file.meter.ended() != Some(Ok(())));
        for going in self.list.iter_mut().filter(|g| g.shown.is_running()) {
            if let Some(Err(why)) = going.file.meter.ended() {
                // The node was to fetch it already.
                going.shown.error = Some(ApiError::Unfit(why));
            }
            going.shown.sent = going.file.meter.sent();
            going.progress.update(going.shown.sent, millis);
            going.shown.rate = going.progress.rate(millis).filter(|_| going.shown.sent > 0);
            going.shown.eta = going.progress.eta(millis);
        }
        self.list.iter().map(|g| g.shown.clone()).collect()
    }
}

impl App {
    /// Changes the transfers of a session, and shows how they are now.
    pub(super) fn uploads(&mut self, id: SessionId, change: impl FnOnce(&mut Transfers, Duration)) {
        let now = self.shared.now.mono;
        if let Some(session) = self.shared.sessions.get_mut(id.0 as usize) {
            change(&mut session.transfers, now);
            session.store.transfers = session.transfers.shown(now);
            self.dirty = true;
        }
    }

    /// A file has come, or it has not: nothing of it is left then.
    pub(super) fn downloaded(&mut self, Downloaded { session: id, label, file, result }: Downloaded) {
        let stopped = file.meter.is_cancelled();
        self.uploads(id, |transfers, _| {
            // Who stops it has no use for a reminder.
            transfers.ended(&file, result.as_ref().err().filter(|_| !stopped));
        });
        let toast = match result {
            Ok(path) => {
                let size = text::bytes_short(file.meter.sent());
                Toast::new(Level::Ok, format!("Saved {} ({size})", path.display()))
            }
            Err(_) if stopped => Toast::new(Level::Info, format!("{label}: stopped, nothing of it was kept")),
            Err(error) => Toast::new(Level::Error, format!("{label}: {}", error.explained())),
        };
        self.toast(toast);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::api::{attachment::Offer, ids::ContentKind, image};

    #[test]
    fn from_the_first_byte_to_the_end() {
        let file =
            Attachment { path: "x".into(), name: "x.iso".into(), size: 1000, meter: Default::default(), offer: None };
        let call = image::upload(&"n".into(), &"local".into(), ContentKind::Iso, None, file.clone());
        let mut all = Transfers::default();
        let at = Duration::from_secs;
        assert_eq!(all.next_due(), None);
        all.add("Upload x.iso", &call.wire, at(1));
        assert_eq!(all.shown(at(1))[0].sent, 0);
        assert!(!all.is_due(at(1)) && all.is_due(at(2)));
        file.meter.add(500);
        let half = &all.shown(at(6))[0];
        assert_eq!((half.sent, half.rate, half.eta), (500, Some(100.0), Some(5)));
        all.ended(&file, Some(&ApiError::NotSent("broken".into())));
        assert_eq!((all.next_due(), all.shown(at(7)).len()), (None, 1));
        let again = Attachment { meter: Default::default(), ..file };
        let call = image::upload(&"n".into(), &"local".into(), ContentKind::Iso, None, again.clone());
        all.add("Upload x.iso", &call.wire, at(8));
        assert_eq!(all.shown(at(8)).len(), 1);
        all.ended(&again, None);
        assert!(all.shown(at(9)).is_empty());
    }

    #[test]
    fn what_lies_ready_ends_when_it_was_fetched() {
        let offer = Offer {
            host: [127, 0, 0, 1].into(),
            port: 1,
            secret: "s".into(),
            tls: false,
            patience: Duration::from_secs(60),
        };
        let file = Attachment {
            path: "x".into(),
            name: "x.iso".into(),
            size: 1000,
            meter: Default::default(),
            offer: Some(Box::new(offer)),
        };
        let call = image::upload(&"n".into(), &"local".into(), ContentKind::Iso, None, file.clone());
        let mut all = Transfers::default();
        let at = Duration::from_secs;
        all.add("Let n fetch x.iso", &call.wire, at(1));
        all.ended(&file, None);
        assert_eq!(all.shown(at(2)).len(), 1, "the node has only just been told");
        let other = all.list[0].file.clone();
        all.list[0].file = Attachment { meter: Default::default(), ..other };
        all.list[0].file.meter.finish(Err("nobody came".into()));
        assert!(all.shown(at(3))[0].error.is_some());
        all.list[0].file = file.clone();
        file.meter.finish(Ok(()));
        assert!(all.shown(at(4)).is_empty());
    }
}
