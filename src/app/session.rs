//! One cluster: its state, its tasks, and when to ask it again.

use std::time::Duration;

use super::{desk::Profile, tracker::Tracker, transfer::Transfers};
use crate::{
    api::{ApiError, backoff::Backoff},
    shell::{Effect, Neighbour, Neighbours, SessionId},
    store::{Phase, Store, Trouble},
};

/// A profile, a store, a tracker and a schedule.
pub struct Session {
    /// What views read.
    pub store: Store,
    /// The tasks that this console follows.
    pub tracker: Tracker,
    /// Files on their way to storages.
    pub transfers: Transfers,
    /// The profile that it was opened with.
    pub profile: Option<Profile>,
    /// It was closed: ids are places in the list, so it keeps its place, empty.
    pub closed: bool,
    interval: Duration,
    fetch_at: Option<Duration>,
    full_at: Duration,
    rights_wanted: bool,
    /// When to ask again what the user may do: somebody may have granted more, and tickets last for days.
    rights_at: Duration,
    fetching: Option<Duration>,
    probe_at: Option<Duration>,
    probing: bool,
    probe_helps: bool,
    backoff: Backoff,
}

impl Neighbours for Vec<Session> {
    fn all(&self) -> Vec<Neighbour<'_>> {
        self.iter().filter(|s| !s.closed).map(|s| Neighbour { title: s.title(), store: &s.store }).collect()
    }
}

impl Session {
    /// What changes seldom is asked this often.
    const FULL: Duration = Duration::from_secs(30);
    /// What the user may do is asked for this often.
    const RIGHTS: Duration = Duration::from_secs(300);
    /// So many paused guests are asked whether they still are.
    const PAUSED: usize = 8;
    /// During an outage a tiny request asks this often whether the server is back.
    const PROBE: Duration = Duration::from_secs(1);

    /// A session that nobody has logged in to.
    pub fn new(id: SessionId, address: String, interval: Duration) -> Self {
        Self {
            store: Store::new(id, address),
            tracker: Tracker::default(),
            transfers: Transfers::default(),
            profile: None,
            closed: false,
            interval,
            fetch_at: None,
            full_at: Duration::ZERO,
            rights_wanted: false,
            rights_at: Duration::ZERO,
            fetching: None,
            probe_at: None,
            probing: false,
            probe_helps: true,
            backoff: Backoff::random(),
        }
    }

    /// What it is called: its profile, else the cluster's name or the address.
    pub fn title(&self) -> String {
        let name = self.profile.as_ref().map_or_else(|| self.store.name(), |p| &p.name);
        if name.is_empty() { "new".into() } else { name.to_owned() }
    }

    /// A login has succeeded. What was known of another cluster, or as another user, is forgotten.
    pub fn signed_in(&mut self, user: String, address: String, now: Duration) {
        let known = !self.store.user.is_empty();
        if known && (self.store.user != user || self.store.address != address) {
            self.store.forget();
            self.tracker = Tracker::default();
        }
        self.store.user = user;
        self.store.address = address;
        self.store.phase = Phase::SignedIn;
        self.fetch_at = Some(now);
        self.full_at = now;
        self.rights_wanted = true;
        self.backoff.reset();
        if let Some(trouble) = &mut self.store.trouble {
            trouble.retry_at = Some(now);
        }
    }

    /// Asks for everything as soon as possible.
    pub fn refresh(&mut self, now: Duration) {
        if self.store.phase == Phase::SignedIn {
            self.fetch_at = Some(now);
        }
    }

    /// Asks for everything soon, but not more often than once a second: bulk work ends many tasks at once.
    pub fn refresh_soon(&mut self, now: Duration) {
        let earliest = self.store.updated.map_or(now, |at| (at + Duration::from_secs(1)).max(now));
        if self.store.phase == Phase::SignedIn && self.store.trouble.is_none() {
            self.fetch_at = Some(self.fetch_at.map_or(earliest, |at| at.min(earliest)));
        }
    }

    /// Whether it is time to ask what the user may do and how tags look: after the first lists, as that answer may be
    /// long, every few minutes, and when it has turned out to be otherwise.
    pub fn wants_rights(&mut self, now: Duration) -> bool {
        let due = std::mem::take(&mut self.rights_wanted) || self.rights_at <= now;
        if due {
            self.rights_at = now + Self::RIGHTS;
        }
        due
    }

    /// What the user may do is not what was known.
    pub fn rights_changed(&mut self, now: Duration) {
        self.rights_wanted = true;
        self.refresh_soon(now);
    }

    /// What to ask now.
    pub fn due(&mut self, now: Duration) -> Vec<Effect> {
        let id = self.store.session;
        let mut out = vec![];
        if self.store.phase != Phase::SignedIn {
            return out;
        }
        if self.fetching.is_none() && self.fetch_at.is_some_and(|at| at <= now) {
            let full = self.full_at <= now;
            if full {
                self.full_at = now + Self::FULL;
                let paused = self.store.paused().take(Self::PAUSED);
                out.extend(paused.map(|g| Effect::Peek { session: id, guest: g.reference() }));
            }
            self.fetching = Some(now);
            self.store.asking = Some(now);
            self.fetch_at = None;
            out.push(Effect::Fetch { session: id, full, known: self.store.resources.clone() });
        }
        if self.fetching.is_none() && !self.probing && self.probe_at.is_some_and(|at| at <= now) {
            self.probing = true;
            self.probe_at = None;
            out.push(Effect::Probe(id));
        }
        let polls = self.tracker.due(now).into_iter();
        out.extend(polls.map(|(upid, log_from)| Effect::Poll { session: id, upid, log_from }));
        out
    }

    /// When [`Session::due`] will have something to say.
    pub fn next_due(&self) -> Option<Duration> {
        if self.store.phase != Phase::SignedIn {
            return None;
        }
        let fetch = self.fetch_at.filter(|_| self.fetching.is_none());
        let probe = self.probe_at.filter(|_| self.fetching.is_none() && !self.probing);
        [fetch, probe, self.tracker.next_due()].into_iter().flatten().min()
    }

    /// The cluster has answered.
    pub fn fetch_succeeded(&mut self, now: Duration) {
        self.store.asking = None;
        self.fetching = None;
        self.store.updated = Some(now);
        if self.store.trouble.take().is_some() {
            // Coming back may have changed what is asked seldom.
            self.full_at = now;
        }
        self.backoff.reset();
        self.probe_at = None;
        self.probe_helps = true;
        self.fetch_at.get_or_insert(now + self.interval);
    }

    /// The cluster has not answered, or not well. The old data stays.
    pub fn fetch_failed(&mut self, error: ApiError, now: Duration) {
        self.fetching = None;
        self.store.asking = None;
        let since = self.store.trouble.as_ref().map_or(now, |t| t.since);
        let retry_at = if error.is_temporary() {
            let at = now + self.backoff.next();
            self.fetch_at = Some(at);
            if matches!(error, ApiError::NotSent(_) | ApiError::Unsure(_) | ApiError::Unanswered(_)) && self.probe_helps
            {
                self.probe_at = Some(now + Self::PROBE);
            }
            Some(at)
        } else if matches!(error, ApiError::LoginNeeded(_) | ApiError::Untrusted { .. }) || error.status() == Some(401)
        {
            self.store.phase = Phase::SignedOut;
            self.fetch_at = None;
            None
        } else {
            // A refusal does not go away by asking often.
            let at = now + Duration::from_secs(30);
            self.fetch_at = Some(at);
            Some(at)
        };
        self.store.trouble = Some(Trouble { error, since, retry_at });
    }

    /// Whether the server answers at all. If so the data is asked for at once; if that fails too, probing is no help.
    pub fn probed(&mut self, alive: bool, now: Duration) {
        self.probing = false;
        if alive {
            self.probe_helps = false;
            self.fetch_at = Some(now);
        } else {
            self.probe_helps = true;
            self.probe_at = Some(now + Self::PROBE);
        }
    }
}
