//! Faults on demand: latency, dead nodes, pseudo errors, spoiled answers, expired tickets, the whole API away.

use super::call::{Answer, Call, Spoil};
use super::router::{Simulator, bare};
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

/// What can be ordered while the simulator runs.
pub const ORDERS: &str = "\
  slow 20s [METHOD] [PATH] [xN]   hold answers back
  595 | 596 | 599 | 500 ...       answer with this status (same filters)
  cut | garble | lost | away      spoil the answer; lost: done, but no answer; away: not done, no answer
  expired                         refuse the login (401)
  node NAME down | up             switch a node off or on
  clear                           end all faults";

/// Carries out an order of a person: `595 /nodes/pve2`, `lost POST /status/start x1`, `node pve3 down`, `clear`.
///
/// # Errors
/// When it can't be understood.
pub fn order(simulator: &mut Simulator, text: &str) -> Result<(), String> {
    let mut words = text.split_whitespace();
    let Some(verb) = words.next() else { return Ok(()) };
    let effect = match verb {
        "clear" => {
            simulator.faults.clear();
            return Ok(());
        }
        "node" => {
            let (Some(name), Some(state)) = (words.next(), words.next()) else {
                return Err("node NAME down|up".into());
            };
            if !simulator.cluster.nodes.contains_key(name) {
                return Err(format!("there is no node {name}"));
            }
            match state {
                "down" => simulator.cluster.node_down(name),
                "up" => simulator.cluster.node_up(name),
                _ => return Err(format!("\"{state}\": a node is down or up")),
            }
            return Ok(());
        }
        "slow" => {
            let seconds = words.next().and_then(|w| w.trim_end_matches('s').parse().ok());
            Effect::Slow(seconds.filter(|s: &f64| (0.0..=3600.0).contains(s)).ok_or("slow needs a time, like 20s")?)
        }
        "cut" => Effect::Cut,
        "garble" => Effect::Garble,
        "lost" => Effect::Lost,
        "away" => Effect::Away,
        "expired" => Effect::Expired,
        status => match status.parse() {
            Ok(status @ 400..=599) => Effect::Status(status, reason(status).into()),
            _ => return Err(format!("\"{status}\" is no fault")),
        },
    };
    let mut rule = Rule { method: String::new(), path: String::new(), left: None, effect };
    for word in words {
        match (word.strip_prefix('x').map(str::parse), word) {
            (Some(Ok(count)), _) => rule.left = Some(count),
            (_, "GET" | "POST" | "PUT" | "DELETE") => rule.method = word.into(),
            (_, path) if path.starts_with('/') => rule.path = path.into(),
            _ => return Err(format!("\"{word}\": neither a method, nor a path, nor a count like x1")),
        }
    }
    simulator.faults.add_rule(rule);
    Ok(())
}

/// The words of the real server's proxy.
fn reason(status: u16) -> &'static str {
    match status {
        500 => "internal error",
        503 => "Service Unavailable",
        595 => "No route to host",
        596 => "Connection timed out",
        599 => "Too many redirections",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sim::{scenario::Scenario, table::Table};

    #[test]
    fn orders() {
        let table = std::sync::Arc::new(Table::built_in().unwrap());
        let mut simulator = Simulator::new(Scenario::Homelab.build(table, 1_780_000_000.0, 7).unwrap().0);
        for text in ["slow 20s", "595 /nodes/pve2", "lost POST /status/start x1", "", "node pve3 down"] {
            order(&mut simulator, text).unwrap();
        }
        let rules = &simulator.faults.rules;
        assert_eq!(rules[0].effect, Effect::Slow(20.0));
        assert_eq!((rules[1].path.as_str(), rules[1].left), ("/nodes/pve2", None));
        assert_eq!((rules[2].method.as_str(), rules[2].left), ("POST", Some(1)));
        assert!(!simulator.cluster.nodes["pve3"].online);
        order(&mut simulator, "clear").unwrap();
        assert!(simulator.faults.rules.is_empty());
        for text in ["slow", "slow -1s", "200", "node pve9 down", "node pve1", "cut nodes", "explode"] {
            assert!(order(&mut simulator, text).is_err(), "{text}");
        }
    }
}
