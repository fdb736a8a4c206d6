//! Changes that wait to be sent: a few at a time, and those on the same guest that ask for it one after the other. A pure
//! state machine, like the tracker.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use crate::{
    api::{
        Wire,
        ids::{Upid, VmId},
    },
    shell::{SessionId, Write},
    store::Sending,
};

/// What a guest's next change waits for.
enum Turn {
    /// The answer to the one that was sent in its turn.
    Sent,
    /// The end of its task.
    Works(Upid),
}

/// A change that was sent and has no answer yet.
struct Sent {
    session: SessionId,
    label: String,
    guest: Option<VmId>,
    wire: Wire,
    /// The next one on the same guest waits for it.
    in_turn: bool,
    since: Duration,
}

/// Everything that the user has confirmed and the server has not answered yet.
#[derive(Default)]
pub struct Outbox {
    waiting: VecDeque<(SessionId, Write)>,
    /// What is on its way, oldest first.
    sent: Vec<Sent>,
    turns: HashMap<(SessionId, VmId), Turn>,
}

impl Outbox {
    /// Changes that are on their way to a cluster at the same time: bulk work must not flood the server. One cluster that
    /// hangs holds no other up.
    pub const AT_ONCE: usize = 4;

    /// Takes a confirmed change, or gives it back when the very same call still waits for its answer: it would be made
    /// twice.
    #[must_use]
    pub fn push(&mut self, session: SessionId, write: Write) -> Option<Write> {
        let sent = self.sent.iter().any(|s| s.session == session && s.wire == write.wire);
        if sent || self.waiting.iter().any(|(of, w)| *of == session && w.wire == write.wire) {
            return Some(write);
        }
        self.waiting.push_back((session, write));
        None
    }

    /// What may be sent now, in order.
    pub fn due(&mut self, now: Duration) -> Vec<(SessionId, Write)> {
        let mut out = vec![];
        let mut i = 0;
        while i < self.waiting.len() {
            let (session, write) = &self.waiting[i];
            let session = *session;
            let turn = write.guest.filter(|_| write.in_turn).map(|vmid| (session, vmid));
            let full = self.sent.iter().filter(|s| s.session == session).count() >= Self::AT_ONCE;
            if full || turn.is_some_and(|turn| self.turns.contains_key(&turn)) {
                i += 1;
                continue;
            }
            self.sent.push(Sent {
                session,
                label: write.label.clone(),
                guest: write.guest,
                wire: write.wire.clone(),
                in_turn: turn.is_some(),
                since: now,
            });
            if let Some(turn) = turn {
                self.turns.insert(turn, Turn::Sent);
            }
            out.extend(self.waiting.remove(i));
        }
        out
    }

    /// A change was answered, with a task or without. The guest whose next change had to wait for that.
    pub fn answered(&mut self, session: SessionId, wire: &Wire, task: Option<&Upid>) -> Option<VmId> {
        let i = self.sent.iter().position(|s| s.session == session && s.wire == *wire)?;
        let sent = self.sent.remove(i);
        let vmid = sent.guest.filter(|_| sent.in_turn)?;
        match task {
            Some(upid) => drop(self.turns.insert((session, vmid), Turn::Works(upid.clone()))),
            None => drop(self.turns.remove(&(session, vmid))),
        }
        Some(vmid)
    }

    /// A change was refused, or nobody knows whether it was made. What needs it is given up: the labels of that.
    pub fn refused(&mut self, session: SessionId, wire: &Wire) -> Vec<String> {
        self.answered(session, wire, None).map_or_else(Vec::new, |vmid| self.give_up(session, vmid))
    }

    /// What waits for an answer of one cluster, the newest last; before it what is yet to be sent.
    pub fn sending(&self, session: SessionId) -> Vec<Sending> {
        let waiting = self.waiting.iter().filter(|(of, _)| *of == session).map(|(_, write)| Sending {
            label: write.label.clone(),
            guest: write.guest,
            since: None,
        });
        let sent = self.sent.iter().filter(|sent| sent.session == session).map(|sent| Sending {
            label: sent.label.clone(),
            guest: sent.guest,
            since: Some(sent.since),
        });
        waiting.chain(sent).collect()
    }

    /// What was sent and has no answer yet, in words.
    pub fn unanswered(&self) -> Vec<String> {
        self.sent.iter().map(|sent| sent.label.clone()).collect()
    }

    /// A task has ended, well or not. What needs its success is given up when there was none: the labels of that.
    pub fn ended(&mut self, session: SessionId, task: &Upid, success: bool) -> Vec<String> {
        let of_task = |turn: &Turn| matches!(turn, Turn::Works(upid) if upid == task);
        let over: Vec<VmId> = self
            .turns
            .iter()
            .filter(|((of, _), turn)| *of == session && of_task(turn))
            .map(|((_, vmid), _)| *vmid)
            .collect();
        self.turns.retain(|(of, _), turn| *of != session || !of_task(turn));
        if success { vec![] } else { over.into_iter().flat_map(|vmid| self.give_up(session, vmid)).collect() }
    }

    fn give_up(&mut self, session: SessionId, vmid: VmId) -> Vec<String> {
        let mut labels = vec![];
        // What comes after something that needs nobody has another one to wait for.
        let mut needed = true;
        self.waiting.retain(|(of, write)| {
            let in_row = *of == session && write.guest == Some(vmid) && write.in_turn;
            needed &= !in_row || write.needs_last;
            let dropped = needed && in_row;
            if dropped {
                labels.push(write.label.clone());
            }
            !dropped
        });
        labels
    }

    /// Forgets what waits for one session, and tells how much that was.
    pub fn drop_of(&mut self, session: SessionId) -> usize {
        let before = self.waiting.len();
        self.waiting.retain(|(of, _)| *of != session);
        self.turns.retain(|(of, _), _| *of != session);
        self.sent.iter_mut().filter(|sent| sent.session == session).for_each(|sent| sent.in_turn = false);
        before - self.waiting.len()
    }

    /// Forgets a session that was closed: answers to what was sent will not come here any more.
    pub fn forget(&mut self, session: SessionId) {
        self.drop_of(session);
        self.sent.retain(|sent| sent.session != session);
    }

    /// How many changes of a session wait to be sent.
    pub fn waiting_of(&self, session: SessionId) -> usize {
        self.waiting.iter().filter(|(of, _)| *of == session).count()
    }

    /// Changes that nobody has sent yet.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// True when every change has its answer.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.sent.is_empty()
    }

    /// Forgets what was not sent, for example after a login as somebody else. Says how many that were.
    pub fn clear(&mut self) -> usize {
        self.turns.clear();
        self.sent.iter_mut().for_each(|sent| sent.in_turn = false);
        std::mem::take(&mut self.waiting).len()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::api::{Request, ids::Upid};

    const S: SessionId = SessionId(0);

    fn request(label: &str) -> Request<()> {
        Request::delete(format!("/{label}"))
    }

    fn wire(label: &str) -> Wire {
        request(label).wire
    }

    fn write(label: &str, guest: u32) -> Write {
        Write::new(label, request(label)).on_guest(VmId::new(guest).unwrap())
    }

    fn sent(outbox: &mut Outbox) -> Vec<String> {
        outbox.due(Duration::ZERO).into_iter().map(|(_, w)| w.label).collect()
    }

    #[test]
    fn four_at_a_time() {
        let mut outbox = Outbox::default();
        for n in 0..6 {
            assert!(outbox.push(S, write(&n.to_string(), 100)).is_none());
        }
        assert_eq!(sent(&mut outbox), ["0", "1", "2", "3"]);
        assert_eq!((sent(&mut outbox).len(), outbox.waiting()), (0, 2));
        outbox.answered(S, &wire("0"), None);
        assert_eq!(sent(&mut outbox), ["4"]);
        for label in ["1", "2", "3", "4"] {
            outbox.answered(S, &wire(label), None);
        }
        assert_eq!(sent(&mut outbox), ["5"]);
        outbox.answered(S, &wire("5"), None);
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_cluster_that_hangs_holds_no_other_up() {
        let mut outbox = Outbox::default();
        for n in 0..6 {
            assert!(outbox.push(S, write(&n.to_string(), 100)).is_none());
        }
        assert!(outbox.push(SessionId(1), write("other", 100)).is_none());
        assert_eq!(sent(&mut outbox), ["0", "1", "2", "3", "other"]);
        assert_eq!((outbox.drop_of(S), outbox.waiting()), (2, 0));
    }

    #[test]
    fn one_after_the_other_on_a_guest() {
        let upid: Upid = "UPID:n:00000001:00000001:6B015FE7:qmdelsnapshot:100:root@pam:".parse().unwrap();
        let mut outbox = Outbox::default();
        for (label, guest) in [("a1", 100), ("a2", 100), ("b1", 101), ("a3", 100)] {
            assert!(outbox.push(S, write(label, guest).in_turn()).is_none());
        }
        assert!(outbox.push(S, write("at once", 100)).is_none());
        assert_eq!(sent(&mut outbox), ["a1", "b1", "at once"]);
        outbox.answered(S, &wire("at once"), None);
        assert_eq!(sent(&mut outbox).len(), 0, "another change's answer does not count");
        outbox.answered(S, &wire("a1"), Some(&upid));
        assert_eq!(sent(&mut outbox).len(), 0, "its task runs");
        outbox.ended(SessionId(1), &upid, true);
        assert_eq!(sent(&mut outbox).len(), 0, "another cluster's task is not this one");
        outbox.ended(S, &upid, false);
        assert_eq!(sent(&mut outbox), ["a2"]);
        outbox.answered(S, &wire("a2"), None);
        assert_eq!(sent(&mut outbox), ["a3"], "what failed at once does not hold up the rest");
    }

    #[test]
    fn what_needs_a_success_is_given_up_without_one() {
        let upid: Upid = "UPID:n:00000001:00000001:6B015FE7:qmshutdown:100:root@pam:".parse().unwrap();
        let mut outbox = Outbox::default();
        let both = |outbox: &mut Outbox| {
            assert!(outbox.push(S, write("stop", 100).in_turn()).is_none());
            assert!(outbox.push(S, write("replace", 100).after_success()).is_none());
            assert_eq!(sent(outbox), ["stop"]);
        };
        both(&mut outbox);
        outbox.answered(S, &wire("stop"), Some(&upid));
        assert_eq!(outbox.ended(S, &upid, false), ["replace"]);
        assert!(outbox.is_empty());
        both(&mut outbox);
        assert_eq!(outbox.refused(S, &wire("stop")), ["replace"]);
        assert!(outbox.is_empty());
        both(&mut outbox);
        outbox.answered(S, &wire("stop"), Some(&upid));
        assert!(outbox.ended(S, &upid, true).is_empty());
        assert_eq!(sent(&mut outbox), ["replace"]);
    }

    #[test]
    fn the_same_call_is_not_sent_twice_at_a_time() {
        let mut outbox = Outbox::default();
        assert!(outbox.push(S, write("start", 100)).is_none());
        assert!(outbox.push(S, write("start", 100)).is_some(), "it waits");
        assert_eq!(sent(&mut outbox), ["start"]);
        assert!(outbox.push(S, write("start", 100)).is_some(), "it is on its way");
        assert!(outbox.push(SessionId(1), write("start", 100)).is_none(), "another cluster");
        assert!(outbox.push(S, write("stop", 100)).is_none(), "another call");
        let shown = outbox.sending(S).into_iter().map(|s| (s.label, s.since.is_some()));
        assert_eq!(shown.collect::<Vec<_>>(), [("stop".into(), false), ("start".into(), true)]);
        assert_eq!(outbox.unanswered(), ["start"]);
        outbox.answered(S, &wire("start"), None);
        assert!(outbox.push(S, write("start", 100)).is_none(), "it was answered");
    }
}
