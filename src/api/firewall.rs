//! Firewalls: rules, options, aliases, IP sets and logs, alike for the cluster, its nodes, its guests and its security
//! groups.

use compact_str::CompactString;
use serde::Deserialize;

use super::{
    guest::{Config, param},
    ids::{GuestRef, NodeName, VmId},
    json::loose,
    request::{Paged, Param, Request, part},
    task::LogLine,
};

/// Whose firewall it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole cluster's.
    Cluster,
    /// A node's.
    Node(NodeName),
    /// A guest's.
    Guest(GuestRef),
    /// A security group: only rules.
    Group(String),
}

impl Scope {
    /// The path of something of it, for example `rules`.
    fn path(&self, below: &str) -> String {
        match self {
            Self::Cluster => format!("/cluster/firewall/{below}"),
            Self::Node(node) => node.path(&format!("firewall/{below}")),
            Self::Guest(guest) => guest.path(&format!("firewall/{below}")),
            // Its rules lie directly below it.
            Self::Group(group) => {
                format!("/cluster/firewall/groups/{}{}", part(group), below.strip_prefix("rules").unwrap_or_default())
            }
        }
    }

    fn rule(&self, pos: u64) -> String {
        self.path(&format!("rules/{pos}"))
    }

    /// True where there are options: everywhere but in groups.
    pub fn has_options(&self) -> bool {
        !matches!(self, Self::Group(_))
    }

    /// True where there are aliases and IP sets.
    pub fn has_addresses(&self) -> bool {
        matches!(self, Self::Cluster | Self::Guest(_))
    }

    /// True where there is a log.
    pub fn has_log(&self) -> bool {
        matches!(self, Self::Node(_) | Self::Guest(_))
    }

    /// The guest, if it is one's.
    pub fn guest(&self) -> Option<VmId> {
        match self {
            Self::Guest(guest) => Some(guest.vmid),
            _ => None,
        }
    }
}

/// All rules, in the order in which they are tried.
///
/// `GET /cluster/firewall/rules`
/// `GET /cluster/firewall/groups/{group}`
/// `GET /nodes/{node}/firewall/rules`
/// `GET /nodes/{node}/{qemu|lxc}/{vmid}/firewall/rules`
pub fn rules(scope: &Scope) -> Request<Vec<Rule>> {
    Request::get(scope.path("rules"))
}

/// A new rule, at `pos` or at the top.
///
/// `POST /cluster/firewall/rules`
/// `POST /cluster/firewall/groups/{group}`
/// `POST /nodes/{node}/firewall/rules`
/// `POST /nodes/{node}/{qemu|lxc}/{vmid}/firewall/rules`
pub fn add_rule(scope: &Scope, settings: &[Param], pos: Option<u64>, digest: &str) -> Request<()> {
    guarded(with(Request::post(scope.path("rules")), settings).maybe("pos", pos), digest)
}

/// Changes settings of a rule and removes others.
///
/// `PUT /cluster/firewall/rules/{pos}`
/// `PUT /cluster/firewall/groups/{group}/{pos}`
/// `PUT /nodes/{node}/firewall/rules/{pos}`
/// `PUT /nodes/{node}/{qemu|lxc}/{vmid}/firewall/rules/{pos}`
pub fn set_rule(scope: &Scope, pos: u64, settings: &[Param], delete: &[String], digest: &str) -> Request<()> {
    let gone = Some(delete.join(",")).filter(|keys| !keys.is_empty());
    guarded(with(Request::put(scope.rule(pos)), settings).maybe("delete", gone), digest)
}

/// Moves a rule before the one that has the position `to` now; the number of rules moves it to the end.
pub fn move_rule(scope: &Scope, pos: u64, to: u64, digest: &str) -> Request<()> {
    set_rule(scope, pos, &[param("moveto", to)], &[], digest)
}

/// Removes a rule.
///
/// `DELETE /cluster/firewall/rules/{pos}`
/// `DELETE /cluster/firewall/groups/{group}/{pos}`
/// `DELETE /nodes/{node}/firewall/rules/{pos}`
/// `DELETE /nodes/{node}/{qemu|lxc}/{vmid}/firewall/rules/{pos}`
pub fn remove_rule(scope: &Scope, pos: u64, digest: &str) -> Request<()> {
    guarded(Request::delete(scope.rule(pos)), digest)
}

/// The options that are set; others have their defaults.
///
/// `GET /cluster/firewall/options`
/// `GET /nodes/{node}/firewall/options`
/// `GET /nodes/{node}/{qemu|lxc}/{vmid}/firewall/options`
pub fn options(scope: &Scope) -> Request<Config> {
    Request::get(scope.path("options"))
}

/// Sets options, and gives others their defaults back.
///
/// `PUT /cluster/firewall/options`
/// `PUT /nodes/{node}/firewall/options`
/// `PUT /nodes/{node}/{qemu|lxc}/{vmid}/firewall/options`
pub fn set_options(scope: &Scope, settings: &[Param], delete: &[String], digest: &str) -> Request<()> {
    let gone = Some(delete.join(",")).filter(|keys| !keys.is_empty());
    guarded(with(Request::put(scope.path("options")), settings).maybe("delete", gone), digest)
}

/// Names for addresses.
///
/// `GET /cluster/firewall/aliases`
/// `GET /nodes/{node}/{qemu|lxc}/{vmid}/firewall/aliases`
pub fn aliases(scope: &Scope) -> Request<Vec<Alias>> {
    Request::get(scope.path("aliases"))
}

/// A new alias.
///
/// `POST /cluster/firewall/aliases`
/// `POST /nodes/{node}/{qemu|lxc}/{vmid}/firewall/aliases`
pub fn add_alias(scope: &Scope, name: &str, cidr: &str, comment: &str) -> Request<()> {
    Request::post(scope.path("aliases")).param("name", name).param("cidr", cidr).maybe("comment", filled(comment))
}

/// Another address, comment or name for an alias.
///
/// `PUT /cluster/firewall/aliases/{name}`
/// `PUT /nodes/{node}/{qemu|lxc}/{vmid}/firewall/aliases/{name}`
pub fn set_alias(
    scope: &Scope,
    name: &str,
    cidr: &str,
    comment: &str,
    rename: Option<&str>,
    digest: &str,
) -> Request<()> {
    let request = Request::put(scope.path(&format!("aliases/{}", part(name))));
    guarded(request.param("cidr", cidr).param("comment", comment).maybe("rename", rename), digest)
}

/// Removes an alias; rules that name it stop working.
///
/// `DELETE /cluster/firewall/aliases/{name}`
/// `DELETE /nodes/{node}/{qemu|lxc}/{vmid}/firewall/aliases/{name}`
pub fn remove_alias(scope: &Scope, name: &str, digest: &str) -> Request<()> {
    guarded(Request::delete(scope.path(&format!("aliases/{}", part(name)))), digest)
}

/// Sets of addresses.
///
/// `GET /cluster/firewall/ipset`
/// `GET /nodes/{node}/{qemu|lxc}/{vmid}/firewall/ipset`
pub fn sets(scope: &Scope) -> Request<Vec<Set>> {
    Request::get(scope.path("ipset"))
}

/// A new, empty set. With `rename` the set of that name gets this name and comment instead.
///
/// `POST /cluster/firewall/ipset`
/// `POST /nodes/{node}/{qemu|lxc}/{vmid}/firewall/ipset`
pub fn add_set(scope: &Scope, name: &str, comment: &str, rename: Option<(&str, &str)>) -> Request<()> {
    let request = Request::post(scope.path("ipset")).param("name", name);
    match rename {
        None => request.maybe("comment", filled(comment)),
        Some((old, digest)) => guarded(request.param("comment", comment).param("rename", old), digest),
    }
}

/// Removes a set; one that is not empty only with `force`.
///
/// `DELETE /cluster/firewall/ipset/{name}`
/// `DELETE /nodes/{node}/{qemu|lxc}/{vmid}/firewall/ipset/{name}`
pub fn remove_set(scope: &Scope, name: &str, force: bool) -> Request<()> {
    Request::delete(scope.path(&format!("ipset/{}", part(name)))).maybe("force", force.then_some(1))
}

/// What is in a set.
///
/// `GET /cluster/firewall/ipset/{name}`
/// `GET /nodes/{node}/{qemu|lxc}/{vmid}/firewall/ipset/{name}`
pub fn entries(scope: &Scope, set: &str) -> Request<Vec<Entry>> {
    Request::get(scope.path(&format!("ipset/{}", part(set))))
}

/// Puts an address into a set; with `nomatch` it is an exception of the set.
///
/// `POST /cluster/firewall/ipset/{name}`
/// `POST /nodes/{node}/{qemu|lxc}/{vmid}/firewall/ipset/{name}`
pub fn add_entry(scope: &Scope, set: &str, cidr: &str, comment: &str, nomatch: bool) -> Request<()> {
    Request::post(scope.path(&format!("ipset/{}", part(set))))
        .param("cidr", cidr)
        .maybe("comment", filled(comment))
        .maybe("nomatch", nomatch.then_some(1))
}

/// Changes comment and exception of an address in a set.
///
/// `PUT /cluster/firewall/ipset/{name}/{cidr}`
/// `PUT /nodes/{node}/{qemu|lxc}/{vmid}/firewall/ipset/{name}/{cidr}`
pub fn set_entry(scope: &Scope, set: &str, old: &Entry, comment: &str, nomatch: bool) -> Request<()> {
    let request = Request::put(scope.path(&format!("ipset/{}/{}", part(set), part(&old.cidr))));
    guarded(request.param("comment", comment).param("nomatch", u8::from(nomatch)), &old.digest)
}

/// Takes an address out of a set.
///
/// `DELETE /cluster/firewall/ipset/{name}/{cidr}`
/// `DELETE /nodes/{node}/{qemu|lxc}/{vmid}/firewall/ipset/{name}/{cidr}`
pub fn remove_entry(scope: &Scope, set: &str, entry: &Entry) -> Request<()> {
    let path = scope.path(&format!("ipset/{}/{}", part(set), part(&entry.cidr)));
    guarded(Request::delete(path), &entry.digest)
}

/// What rules can name as source and destination here: IP sets and aliases of this firewall and of the cluster's.
///
/// `GET /cluster/firewall/refs`
/// `GET /nodes/{node}/{qemu|lxc}/{vmid}/firewall/refs`
pub fn refs(scope: &Scope) -> Request<Vec<Ref>> {
    match scope {
        Scope::Guest(_) => Request::get(scope.path("refs")),
        // Nodes and groups have no addresses of their own.
        _ => Request::get(Scope::Cluster.path("refs")),
    }
}

/// `GET /cluster/firewall/macros`: services by name, with the ports that they need.
pub fn macros() -> Request<Vec<Macro>> {
    Request::get("/cluster/firewall/macros")
}

/// `GET /cluster/firewall/groups`: the security groups.
pub fn groups() -> Request<Vec<Group>> {
    Request::get("/cluster/firewall/groups")
}

/// What it has logged, from line `start` on; or what was logged between two moments (Unix seconds).
///
/// `GET /nodes/{node}/firewall/log`
/// `GET /nodes/{node}/{qemu|lxc}/{vmid}/firewall/log`
pub fn log(scope: &Scope, start: u64, limit: u64, since: Option<u64>, until: Option<u64>) -> Request<Paged<LogLine>> {
    Request::<Vec<LogLine>>::get(scope.path("log"))
        .param("start", start)
        .param("limit", limit)
        .maybe("since", since)
        .maybe("until", until)
        .paged()
}

fn with<T>(mut request: Request<T>, settings: &[Param]) -> Request<T> {
    request.wire.params.extend(settings.iter().cloned());
    request
}

/// The server refuses when somebody else has changed the file since.
fn guarded<T>(request: Request<T>, digest: &str) -> Request<T> {
    request.maybe("digest", filled(digest))
}

fn filled(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// True for the answer to a change of something that somebody else has changed meanwhile.
pub fn is_conflict(message: &str) -> bool {
    message.contains("detected modified configuration") || message.contains("no rule at position")
}

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Rule {
    /// Its place, from 0 on: the first one that fits counts.
    #[serde(deserialize_with = "loose")]
    pub pos: u64,
    /// `in`, `out`, `forward`, or `group` for a security group.
    #[serde(rename = "type", deserialize_with = "loose")]
    pub kind: CompactString,
    /// `ACCEPT`, `DROP`, `REJECT`, or the group's name.
    #[serde(deserialize_with = "loose")]
    pub action: CompactString,
    /// False: it is skipped.
    #[serde(deserialize_with = "loose")]
    pub enable: bool,
    /// The service that sets protocol and ports.
    #[serde(rename = "macro", deserialize_with = "loose")]
    pub service: CompactString,
    /// `net0` of a guest, or a device of a node.
    #[serde(deserialize_with = "loose")]
    pub iface: CompactString,
    /// Address, network, range, alias, or `+set`.
    #[serde(deserialize_with = "loose")]
    pub source: CompactString,
    /// The same.
    #[serde(deserialize_with = "loose")]
    pub dest: CompactString,
    /// `tcp`, `udp`, `icmp`, ...
    #[serde(deserialize_with = "loose")]
    pub proto: CompactString,
    /// Ports, names of services, ranges with `:`.
    #[serde(deserialize_with = "loose")]
    pub dport: CompactString,
    /// The same.
    #[serde(deserialize_with = "loose")]
    pub sport: CompactString,
    /// With protocol `icmp`.
    #[serde(rename = "icmp-type", deserialize_with = "loose")]
    pub icmp_type: CompactString,
    /// `nolog`, `info`, `err`, ...
    #[serde(deserialize_with = "loose")]
    pub log: CompactString,
    /// The user's words.
    #[serde(deserialize_with = "loose")]
    pub comment: CompactString,
    /// Of the file that holds all rules.
    #[serde(deserialize_with = "loose")]
    pub digest: CompactString,
}

impl Rule {
    /// The settings with the names that the API has for them; empty ones are not set.
    pub fn settings(&self) -> [(&'static str, &str); 12] {
        [
            ("type", &self.kind),
            ("action", &self.action),
            ("macro", &self.service),
            ("iface", &self.iface),
            ("source", &self.source),
            ("dest", &self.dest),
            ("proto", &self.proto),
            ("dport", &self.dport),
            ("sport", &self.sport),
            ("icmp-type", &self.icmp_type),
            ("log", &self.log),
            ("comment", &self.comment),
        ]
    }

    /// `in ACCEPT SSH from 10.0.0.0/8`, for questions and messages.
    pub fn words(&self) -> String {
        let mut words = if self.kind == "group" {
            format!("group {}", self.action)
        } else {
            format!("{} {}", self.kind, self.action)
        };
        let mut add = |before: &str, text: &str| {
            if !text.is_empty() {
                words.push_str(&format!(" {before}{text}"));
            }
        };
        add("", &self.service);
        add("", &self.proto);
        add("port ", &self.dport);
        add("from ", &self.source);
        add("to ", &self.dest);
        add("on ", &self.iface);
        words
    }
}

/// A name for an address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Alias {
    /// The name.
    #[serde(deserialize_with = "loose")]
    pub name: CompactString,
    /// Address or network.
    #[serde(deserialize_with = "loose")]
    pub cidr: CompactString,
    /// The user's words.
    #[serde(deserialize_with = "loose")]
    pub comment: CompactString,
    /// Of the file.
    #[serde(deserialize_with = "loose")]
    pub digest: CompactString,
}

/// A set of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Set {
    /// Its name; rules call it `+name`.
    #[serde(deserialize_with = "loose")]
    pub name: CompactString,
    /// The user's words.
    #[serde(deserialize_with = "loose")]
    pub comment: CompactString,
    /// Of the file.
    #[serde(deserialize_with = "loose")]
    pub digest: CompactString,
}

/// An address in a set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// Address, network or alias.
    #[serde(deserialize_with = "loose")]
    pub cidr: CompactString,
    /// The user's words.
    #[serde(deserialize_with = "loose")]
    pub comment: CompactString,
    /// True: it is an exception of the set.
    #[serde(deserialize_with = "loose")]
    pub nomatch: bool,
    /// Of the file.
    #[serde(deserialize_with = "loose")]
    pub digest: CompactString,
}

/// A security group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Group {
    /// Its name.
    #[serde(deserialize_with = "loose")]
    pub group: CompactString,
    /// The user's words.
    #[serde(deserialize_with = "loose")]
    pub comment: CompactString,
}

/// A service that the server knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Macro {
    /// For example `SSH`.
    #[serde(rename = "macro", deserialize_with = "loose")]
    pub name: CompactString,
    /// What it is.
    #[serde(deserialize_with = "loose")]
    pub descr: String,
}

/// Something that rules can name as source or destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Ref {
    /// `alias` or `ipset`.
    #[serde(rename = "type", deserialize_with = "loose")]
    pub kind: CompactString,
    /// Its name.
    #[serde(deserialize_with = "loose")]
    pub name: CompactString,
    /// What a rule has to hold: `+set`, `alias`.
    #[serde(rename = "ref", deserialize_with = "loose")]
    pub reference: CompactString,
    /// `dc` or `guest`.
    #[serde(deserialize_with = "loose")]
    pub scope: CompactString,
    /// The user's words.
    #[serde(deserialize_with = "loose")]
    pub comment: CompactString,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::api::ids::GuestKind;

    #[test]
    fn endpoints_as_text() {
        let guest = Scope::Guest(GuestRef::new("n", GuestKind::Ct, VmId::MIN));
        let group = Scope::Group("web".into());
        let entry = Entry { cidr: "10.0.0.0/8".into(), digest: "d".into(), ..Entry::default() };
        for (text, wanted) in [
            (rules(&Scope::Cluster).to_string(), "GET /cluster/firewall/rules"),
            (rules(&Scope::Node("n".into())).to_string(), "GET /nodes/n/firewall/rules"),
            (rules(&group).to_string(), "GET /cluster/firewall/groups/web"),
            (move_rule(&group, 2, 0, "d").to_string(), "PUT /cluster/firewall/groups/web/2 moveto=0 digest=d"),
            (
                add_rule(&guest, &[param("type", "in"), param("action", "DROP")], Some(3), "d").to_string(),
                "POST /nodes/n/lxc/100/firewall/rules type=in action=DROP pos=3 digest=d",
            ),
            (
                set_rule(&guest, 1, &[param("enable", 0)], &["dport".into(), "log".into()], "d").to_string(),
                "PUT /nodes/n/lxc/100/firewall/rules/1 enable=0 delete=dport,log digest=d",
            ),
            (remove_rule(&guest, 1, "d").to_string(), "DELETE /nodes/n/lxc/100/firewall/rules/1 digest=d"),
            (
                remove_entry(&guest, "blk", &entry).to_string(),
                "DELETE /nodes/n/lxc/100/firewall/ipset/blk/10.0.0.0%2F8 digest=d",
            ),
            (refs(&Scope::Node("n".into())).to_string(), "GET /cluster/firewall/refs"),
        ] {
            assert_eq!(text, wanted);
        }
    }

    #[test]
    fn rules_in_words() {
        let rule = |json: &str| serde_json::from_str::<Rule>(json).unwrap();
        let ssh = rule(
            r#"{"pos":"1","type":"in","action":"ACCEPT","enable":1,"proto":"tcp","dport":"22","source":"10.0.0.0/8"}"#,
        );
        assert_eq!((ssh.words().as_str(), ssh.pos), ("in ACCEPT tcp port 22 from 10.0.0.0/8", 1));
        let web = rule(r#"{"type":"group","action":"web","iface":"net0"}"#);
        assert_eq!((web.words().as_str(), web.enable), ("group web on net0", false));
    }
}
