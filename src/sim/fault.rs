//! Faults on demand: latency, dead nodes, pseudo errors, spoiled answers, expired tickets, the whole API away.

use super::call::{Answer, Call, Spoil};
use super::router::bare;
use super::state::Cluster;

/// What a fault does.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Waits so many seconds before the answer.
    Slow(f64),
    /// Answers with a status and reason and an empty body, without doing anything: 595, 596, 599, 500, 503.
    Status(u16, String),
    /// Does the call, then breaks the connection in the middle of the body.
    Cut,
    /// Does the call, then answers something that isn't JSON.
    Garble,
    /// Does nothing and breaks the connection.
    Away,
    /// Does the call, then breaks the connection before the answer: the client can't know what happened.
    Lost,
    /// Refuses the login of the call: 401.
    Expired,
}

/// A fault and the calls that it hits.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Only this HTTP method; empty for all.
    pub method: String,
    /// Only paths that contain this text; empty for all.
    pub path: String,
    /// How many calls it still hits; `None` for all.
    pub left: Option<u32>,
    /// What it does.
    pub effect: Effect,
}

/// The faults in force.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    rules: Vec<Rule>,
    /// Seconds of latency of every answer.
    pub latency: f64,
}

impl Faults {
    /// Adds a fault for the next `count` calls (all when `None`) whose path contains `path`.
    pub fn add(&mut self, path: &str, count: Option<u32>, effect: Effect) {
        self.add_rule(Rule { method: String::new(), path: path.into(), left: count, effect });
    }

    /// Adds a fault.
    pub fn add_rule(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    /// Removes all faults.
    pub fn clear(&mut self) {
        self.rules.clear();
        self.latency = 0.0;
    }

    fn matching(&self, call: &Call) -> Option<usize> {
        self.rules.iter().position(|rule| {
            rule.left != Some(0)
                && (rule.method.is_empty() || rule.method == call.method)
                && call.path.contains(&rule.path)
        })
    }

    /// The answer of a fault that keeps the call from being done.
    pub(crate) fn before(&mut self, _cluster: &mut Cluster, call: &Call) -> Option<Answer> {
        let at = self.matching(call)?;
        let answer = match &self.rules[at].effect {
            Effect::Status(status, reason) => bare(*status, reason),
            Effect::Expired => bare(401, "Authentication failed!"),
            Effect::Away => Answer { spoil: Spoil::Hang, ..bare(0, "") },
            _ => return None,
        };
        self.use_up(at);
        Some(Answer { delay: self.latency, ..answer })
    }

    /// The answer of a call after faults have spoiled it.
    pub(crate) fn after(&mut self, call: &Call, mut answer: Answer) -> Answer {
        answer.delay += self.latency;
        let Some(at) = self.matching(call) else { return answer };
        match &self.rules[at].effect {
            Effect::Slow(seconds) => answer.delay += seconds,
            Effect::Cut => answer.spoil = Spoil::Cut,
            Effect::Lost => answer.spoil = Spoil::Hang,
            Effect::Garble => answer.body = b"<html>\xff\xfe{\"data\": [oops".to_vec(),
            _ => {}
        }
        self.use_up(at);
        answer
    }

    fn use_up(&mut self, at: usize) {
        if let Some(left) = &mut self.rules[at].left {
            *left -= 1;
        }
    }
}
