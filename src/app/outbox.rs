//! Changes that wait to be sent: a few at a time, and those on the same guest that ask for it one after the other. A pure
//! state machine, like the tracker.

use std::collections::{HashMap, VecDeque};

use crate::{
    api::ids::{Upid, VmId},
    shell::{SessionId, Write},
};

/// What a guest's next change waits for.
enum Turn {
    /// The answer to this one.
    Sent(String),
    /// The end of its task.
    Works(Upid),
}

/// Everything that the user has confirmed and the server has not answered yet.
#[derive(Default)]
pub struct Outbox {
    waiting: VecDeque<(SessionId, Write)>,
    /// How many are on their way to each cluster: one that hangs holds no other up.
    sent: HashMap<SessionId, usize>,
    turns: HashMap<(SessionId, VmId), Turn>,
}

impl Outbox {
    /// Changes that are on their way at the same time: bulk work must not flood the server.
    pub const AT_ONCE: usize = 4;

    /// Takes a confirmed change.
    pub fn push(&mut self, session: SessionId, write: Write) {
        self.waiting.push_back((session, write));
    }

    /// What may be sent now, in order.
    pub fn due(&mut self) -> Vec<(SessionId, Write)> {
        let mut out = vec![];
        let mut i = 0;
        while i < self.waiting.len() {
            let (session, write) = &self.waiting[i];
            let session = *session;
            let turn = write.guest.filter(|_| write.in_turn).map(|vmid| (session, vmid));
            let full = self.sent.get(&session).is_some_and(|sent| *sent >= Self::AT_ONCE);
            if full || turn.is_some_and(|turn| self.turns.contains_key(&turn)) {
                i += 1;
                continue;
            }
            if let Some(turn) = turn {
                self.turns.insert(turn, Turn::Sent(write.label.clone()));
            }
            *self.sent.entry(session).or_default() += 1;
            out.extend(self.waiting.remove(i));
        }
        out
    }

    /// A change was answered, with a task or without.
    pub fn answered(&mut self, session: SessionId, guest: Option<VmId>, label: &str, task: Option<&Upid>) {
        if let Some(sent) = self.sent.get_mut(&session) {
            *sent = sent.saturating_sub(1);
        }
        let Some(key) = guest.map(|vmid| (session, vmid)) else { return };
        if matches!(self.turns.get(&key), Some(Turn::Sent(sent)) if sent == label) {
            match task {
                Some(upid) => drop(self.turns.insert(key, Turn::Works(upid.clone()))),
                None => drop(self.turns.remove(&key)),
            }
        }
    }

    /// A change was refused, or nobody knows whether it was made. What needs it is given up: the labels of that.
    pub fn refused(&mut self, session: SessionId, guest: Option<VmId>, label: &str) -> Vec<String> {
        let in_turn = guest
            .is_some_and(|vmid| matches!(self.turns.get(&(session, vmid)), Some(Turn::Sent(sent)) if sent == label));
        self.answered(session, guest, label, None);
        guest.filter(|_| in_turn).map_or_else(Vec::new, |vmid| self.give_up(session, vmid))
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
        let needs = |(of, write): &(SessionId, Write)| *of == session && write.guest == Some(vmid) && write.needs_last;
        let labels = self.waiting.iter().filter(|w| needs(w)).map(|(_, write)| write.label.clone()).collect();
        self.waiting.retain(|w| !needs(w));
        labels
    }

    /// Forgets what waits for one session, and tells how much that was.
    pub fn drop_of(&mut self, session: SessionId) -> usize {
        let before = self.waiting.len();
        self.waiting.retain(|(of, _)| *of != session);
        self.turns.retain(|(of, _), _| *of != session);
        before - self.waiting.len()
    }

    /// Forgets a session that was closed: answers to what was sent will not come here any more.
    pub fn forget(&mut self, session: SessionId) {
        self.drop_of(session);
        self.sent.remove(&session);
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
        self.waiting.is_empty() && self.sent.values().all(|sent| *sent == 0)
    }

    /// Forgets what was not sent, for example after a login as somebody else. Says how many that were.
    pub fn clear(&mut self) -> usize {
        self.turns.clear();
        std::mem::take(&mut self.waiting).len()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::api::{Request, ids::Upid};

    const S: SessionId = SessionId(0);

    fn write(label: &str, guest: u32) -> Write {
        let request: Request<()> = Request::delete(format!("/{label}"));
        Write::new(label, request).on_guest(VmId::new(guest).unwrap())
    }

    fn sent(outbox: &mut Outbox) -> Vec<String> {
        outbox.due().into_iter().map(|(_, w)| w.label).collect()
    }

    #[test]
    fn four_at_a_time() {
        let mut outbox = Outbox::default();
        for n in 0..6 {
            outbox.push(S, write(&n.to_string(), 100));
        }
        assert_eq!(sent(&mut outbox), ["0", "1", "2", "3"]);
        assert_eq!((sent(&mut outbox).len(), outbox.waiting()), (0, 2));
        outbox.answered(S, VmId::new(100), "0", None);
        assert_eq!(sent(&mut outbox), ["4"]);
        for label in ["1", "2", "3", "4"] {
            outbox.answered(S, VmId::new(100), label, None);
        }
        assert_eq!(sent(&mut outbox), ["5"]);
        outbox.answered(S, VmId::new(100), "5", None);
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_cluster_that_hangs_holds_no_other_up() {
        let mut outbox = Outbox::default();
        for n in 0..6 {
            outbox.push(S, write(&n.to_string(), 100));
        }
        outbox.push(SessionId(1), write("other", 100));
        assert_eq!(sent(&mut outbox), ["0", "1", "2", "3", "other"]);
        assert_eq!((outbox.drop_of(S), outbox.waiting()), (2, 0));
    }

    #[test]
    fn one_after_the_other_on_a_guest() {
        let upid: Upid = "UPID:n:00000001:00000001:6B015FE7:qmdelsnapshot:100:root@pam:".parse().unwrap();
        let mut outbox = Outbox::default();
        for (label, guest) in [("a1", 100), ("a2", 100), ("b1", 101), ("a3", 100)] {
            outbox.push(S, write(label, guest).in_turn());
        }
        outbox.push(S, write("at once", 100));
        assert_eq!(sent(&mut outbox), ["a1", "b1", "at once"]);
        outbox.answered(S, VmId::new(100), "at once", None);
        assert_eq!(sent(&mut outbox).len(), 0, "another change's answer does not count");
        outbox.answered(S, VmId::new(100), "a1", Some(&upid));
        assert_eq!(sent(&mut outbox).len(), 0, "its task runs");
        outbox.ended(SessionId(1), &upid, true);
        assert_eq!(sent(&mut outbox).len(), 0, "another cluster's task is not this one");
        outbox.ended(S, &upid, false);
        assert_eq!(sent(&mut outbox), ["a2"]);
        outbox.answered(S, VmId::new(100), "a2", None);
        assert_eq!(sent(&mut outbox), ["a3"], "what failed at once does not hold up the rest");
    }

    #[test]
    fn what_needs_a_success_is_given_up_without_one() {
        let upid: Upid = "UPID:n:00000001:00000001:6B015FE7:qmshutdown:100:root@pam:".parse().unwrap();
        let mut outbox = Outbox::default();
        let both = |outbox: &mut Outbox| {
            outbox.push(S, write("stop", 100).in_turn());
            outbox.push(S, write("replace", 100).after_success());
            assert_eq!(sent(outbox), ["stop"]);
        };
        both(&mut outbox);
        outbox.answered(S, VmId::new(100), "stop", Some(&upid));
        assert_eq!(outbox.ended(S, &upid, false), ["replace"]);
        assert!(outbox.is_empty());
        both(&mut outbox);
        assert_eq!(outbox.refused(S, VmId::new(100), "stop"), ["replace"]);
        assert!(outbox.is_empty());
        both(&mut outbox);
        outbox.answered(S, VmId::new(100), "stop", Some(&upid));
        assert!(outbox.ended(S, &upid, true).is_empty());
        assert_eq!(sent(&mut outbox), ["replace"]);
    }
}
