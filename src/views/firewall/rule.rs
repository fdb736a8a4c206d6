//! The dialogs for a rule and for a security group among the rules.

use crate::{
    api::{
        ApiError, Param,
        firewall::{self as api, Group, Macro, Ref, Rule, Scope},
        guest::{self, Config, param},
    },
    shell::{Ask, Cx, Dialog, Proposal, Write, dialog},
    store::Store,
    ui::{Choice, Choices, Form, Values, Wizard},
};

/// Words for how loud a rule is logged.
pub const LOG_LEVELS: [&str; 9] = ["nolog", "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// What the dialog hears back.
pub enum Msg {
    /// The services.
    Macros(Result<Vec<Macro>, ApiError>),
    /// What sources and destinations can name.
    Refs(Result<Vec<Ref>, ApiError>),
    /// The security groups.
    Groups(Result<Vec<Group>, ApiError>),
    /// The guest's settings: its network devices.
    Config(Result<Config, ApiError>),
    /// The rules as somebody else has left them.
    Fresh(Result<Vec<Rule>, ApiError>),
}

/// What is done with the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aim {
    /// A new one.
    Add,
    /// The one at this position.
    Edit(u64),
}

/// Asks for a rule.
pub struct EditRule {
    scope: Scope,
    label: String,
    aim: Aim,
    /// As it was when the dialog was opened.
    before: Rule,
    digest: String,
    is_group: bool,
}

fn is_port_proto(values: &Values) -> bool {
    values.get("macro").is_empty()
        && matches!(values.get("proto"), "tcp" | "udp" | "udplite" | "sctp" | "dccp" | "6" | "17")
}

fn is_icmp(values: &Values) -> bool {
    values.get("macro").is_empty() && matches!(values.get("proto"), "icmp" | "icmpv6" | "ipv6-icmp")
}

/// Ports are numbers, names and ranges, separated by commas.
fn check_ports(text: &str, _: &Values) -> Result<(), String> {
    for part in text.split(',') {
        let ends: Vec<&str> = part.split(':').collect();
        let good = |end: &&str| match end.parse::<u32>() {
            Ok(number) => number <= 65_535,
            Err(_) => end.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') && !end.is_empty(),
        };
        if ends.len() > 2 || !ends.iter().all(good) {
            return Err("write ports as 22, 8000:8100 or a service's name, separated by commas".into());
        }
    }
    Ok(())
}

fn form(scope: &Scope, rule: &Rule, aim: &Aim, places: &[(String, String)]) -> Form {
    let kinds: &[(&str, &str)] = match scope {
        Scope::Guest(_) => &[("in", "in: to the guest"), ("out", "out: from the guest")],
        _ => &[("in", "in"), ("out", "out"), ("forward", "forward")],
    };
    let kinds: Vec<Choice> = kinds.iter().map(|k| Choice::from(*k)).collect();
    let optional = |words: &[&str], nothing: &str| {
        let mut all = vec![Choice::labelled("", nothing)];
        all.extend(words.iter().map(|w| Choice::new(*w)));
        all
    };
    let mut form = Form::new()
        .select("type", "Direction", kinds)
        .initial(&rule.kind)
        .required()
        .select(
            "action",
            "Action",
            [
                ("ACCEPT", "ACCEPT: let it through"),
                ("DROP", "DROP: without an answer"),
                ("REJECT", "REJECT: with an answer"),
            ]
            .map(Choice::from)
            .to_vec(),
        )
        .initial(&rule.action)
        .required()
        .toggle("enable", "Enabled")
        .initial(if rule.enable { "1" } else { "0" })
        .select("macro", "Service", Choices::Loading)
        .initial(&rule.service)
        .free()
        .help("Sets protocol and ports. Empty: give them below.")
        .select(
            "proto",
            "Protocol",
            optional(&["tcp", "udp", "icmp", "icmpv6", "sctp", "esp", "gre", "igmp", "ospf", "vrrp"], "any"),
        )
        .initial(&rule.proto)
        .free()
        .when(|v| v.get("macro").is_empty())
        .text("dport", "Destination port")
        .initial(&rule.dport)
        .placeholder("any")
        .check(check_ports)
        .when(is_port_proto)
        .help("22, 8000:8100 or a service's name, separated by commas.")
        .text("sport", "Source port")
        .initial(&rule.sport)
        .placeholder("any")
        .check(check_ports)
        .when(is_port_proto)
        .text("icmp-type", "ICMP type")
        .initial(&rule.icmp_type)
        .placeholder("any")
        .when(is_icmp)
        .help("For example echo-request.")
        .select("source", "Source", Choices::Loading)
        .initial(&rule.source)
        .free()
        .help("Address, network, range, alias or +set; several separated by commas. Empty: from anywhere.")
        .select("dest", "Destination", Choices::Loading)
        .initial(&rule.dest)
        .free()
        .help("The same. Empty: to anywhere.")
        .select("iface", "Device", optional(&[], "all"))
        .initial(&rule.iface)
        .free()
        .help("Only packets of this network device.")
        .select("log", "Log", optional(&LOG_LEVELS, "no"))
        .initial(&rule.log)
        .text("comment", "Comment")
        .initial(&rule.comment);
    if *aim == Aim::Add {
        form = position(form, places);
    }
    form
}

fn group_form(rule: &Rule, aim: &Aim, places: &[(String, String)]) -> Form {
    let mut form = Form::new()
        .select("action", "Security group", Choices::Loading)
        .initial(&rule.action)
        .required()
        .help("Its rules are tried here, in their order.")
        .toggle("enable", "Enabled")
        .initial(if rule.enable { "1" } else { "0" })
        .select("iface", "Device", vec![Choice::labelled("", "all")])
        .initial(&rule.iface)
        .free()
        .text("comment", "Comment")
        .initial(&rule.comment);
    if *aim == Aim::Add {
        form = position(form, places);
    }
    form
}

/// Where a new rule goes: the first one that fits counts.
fn position(form: Form, places: &[(String, String)]) -> Form {
    if places.len() < 2 {
        return form;
    }
    let choices: Vec<Choice> = places.iter().map(|(pos, words)| Choice::labelled(pos, words)).collect();
    form.select("pos", "Place", choices).initial(&places[0].0).help("The first rule that fits a packet decides.")
}

impl EditRule {
    /// The dialog for a rule of a firewall with these rules. `at` is the selected one, before which a new one may go.
    pub fn dialog(
        scope: &Scope,
        label: &str,
        aim: Aim,
        rule: &Rule,
        rules: &[Rule],
        at: Option<&Rule>,
    ) -> Dialog<Self> {
        let mut places = vec![("0".to_owned(), "first".to_owned())];
        if let Some(at) = at.filter(|at| at.pos > 0) {
            places.push((at.pos.to_string(), format!("before {} ({})", at.pos, at.words())));
        }
        if !rules.is_empty() {
            places.push((rules.len().to_string(), "last".to_owned()));
        }
        let is_group = rule.kind == "group";
        let form = match is_group {
            true => group_form(rule, &aim, &places),
            false => form(scope, rule, &aim, &places),
        };
        let digest = rules.first().map(|r| r.digest.to_string()).unwrap_or_default();
        let (scope, label, before) = (scope.clone(), label.to_owned(), rule.clone());
        let mut wizard = Wizard::single(form);
        wizard.share();
        Dialog::new(Self { scope, label, aim, before, digest, is_group }, wizard)
    }

    /// The settings that the form has a field for, as it has them.
    fn wanted(&self, values: &Values) -> Vec<(&'static str, String)> {
        let keys: &[&'static str] = match self.is_group {
            true => &["action", "iface", "comment"],
            false => &[
                "type",
                "action",
                "macro",
                "proto",
                "dport",
                "sport",
                "icmp-type",
                "source",
                "dest",
                "iface",
                "log",
                "comment",
            ],
        };
        keys.iter().map(|key| (*key, values.get(key).trim().to_owned())).collect()
    }

    fn added(&self, values: &Values) -> Vec<Param> {
        let mut all: Vec<Param> = if self.is_group { vec![param("type", "group")] } else { vec![] };
        let wanted = self.wanted(values).into_iter().filter(|(_, text)| !text.is_empty());
        all.extend(wanted.map(|(key, text)| param(key, text)));
        all.push(param("enable", u8::from(values.is_on("enable"))));
        all
    }

    /// What differs from the rule as it was: new values, and settings that go.
    fn changed(&self, values: &Values) -> (Vec<Param>, Vec<String>) {
        let before: std::collections::BTreeMap<_, _> = self.before.settings().into_iter().collect();
        let (mut set, mut gone) = (vec![], vec![]);
        for (key, text) in self.wanted(values) {
            match before.get(key).copied().unwrap_or_default() {
                old if old == text => {}
                _ if text.is_empty() => gone.push(key.to_owned()),
                _ => set.push(param(key, text)),
            }
        }
        if values.is_on("enable") != self.before.enable {
            set.push(param("enable", u8::from(values.is_on("enable"))));
        }
        (set, gone)
    }

    /// Somebody else has changed the rules: the rule is looked for, and nothing of what was typed is lost.
    fn fresh(&mut self, rules: &[Rule], wizard: &mut Wizard) {
        self.digest = rules.first().map(|r| r.digest.to_string()).unwrap_or_default();
        let Aim::Edit(pos) = self.aim else {
            let words =
                "Somebody else has changed these rules meanwhile. Nothing was sent: send it again if it still fits.";
            return wizard.set_trouble(Some(words.into()));
        };
        let same = |r: &&Rule| r.settings() == self.before.settings() && r.enable == self.before.enable;
        // The same rule may stand there twice: the nearest one is meant.
        let found = rules.iter().filter(same).min_by_key(|r| r.pos.abs_diff(pos));
        let words = match found {
            Some(rule) => {
                self.aim = Aim::Edit(rule.pos);
                format!(
                    "Somebody else has changed these rules meanwhile. Nothing was sent; this rule has position {} now: send it again.",
                    rule.pos
                )
            }
            None => {
                self.aim = Aim::Add;
                "Somebody else has changed or removed this rule meanwhile. Nothing was sent: sending now adds it as a new rule at the top.".into()
            }
        };
        wizard.set_trouble(Some(words));
    }
}

impl Ask for EditRule {
    type Msg = Msg;
    const NAME: &'static str = "Firewall rule";

    fn title(&self) -> String {
        let what = if self.is_group { "security group" } else { "rule" };
        match self.aim {
            Aim::Add => format!("Add a {what}: {}", self.label),
            Aim::Edit(pos) => format!("Edit {what} {pos}: {}", self.label),
        }
    }

    fn opened(&mut self, _: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        if self.is_group {
            cx.send(api::groups(), Msg::Groups);
        } else {
            cx.send(api::macros(), Msg::Macros);
            cx.send(api::refs(&self.scope), Msg::Refs);
        }
        if let Scope::Guest(guest) = &self.scope {
            cx.send(guest::config(guest, &guest::Which::Pending), Msg::Config);
        }
    }

    fn update(&mut self, msg: Msg, wizard: &mut Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) {
        match msg {
            Msg::Macros(Ok(mut all)) => {
                all.sort_by(|a, b| a.name.cmp(&b.name));
                let mut choices = vec![Choice::labelled("", "none")];
                choices.extend(all.iter().map(|m| Choice::new(m.name.as_str()).detail(m.descr.clone())));
                wizard.set_choices("macro", choices);
            }
            Msg::Macros(Err(error)) => wizard.set_choices("macro", Choices::Failed(error.to_string())),
            Msg::Refs(Ok(all)) => {
                let mut choices = vec![Choice::labelled("", "any")];
                choices.extend(all.iter().map(|r| {
                    let kind = if r.kind == "ipset" { "IP set" } else { "alias" };
                    let whose = if r.scope == "dc" { " of the cluster" } else { "" };
                    Choice::new(r.reference.as_str()).detail(format!("{kind}{whose} {}", r.comment).trim().to_owned())
                }));
                wizard.set_choices("source", choices.clone());
                wizard.set_choices("dest", choices);
            }
            Msg::Refs(Err(error)) => {
                // An address can be typed nevertheless.
                for key in ["source", "dest"] {
                    wizard.set_choices(key, Choices::Failed(error.to_string()));
                }
            }
            Msg::Groups(Ok(all)) => {
                let choices: Vec<Choice> =
                    all.iter().map(|g| Choice::new(g.group.as_str()).detail(g.comment.to_string())).collect();
                if choices.is_empty() {
                    wizard.set_trouble(Some("The cluster has no security groups.".into()));
                }
                wizard.set_choices("action", choices);
            }
            Msg::Groups(Err(error)) => wizard.set_choices("action", Choices::Failed(error.to_string())),
            Msg::Config(Ok(config)) => {
                let mut choices = vec![Choice::labelled("", "all")];
                choices.extend(config.numbered("net").into_iter().map(|(n, text)| {
                    let off = if text.contains("firewall=1") { "" } else { ", its firewall is off" };
                    let bridge = text.split(',').find_map(|p| p.strip_prefix("bridge=")).unwrap_or("no bridge");
                    Choice::new(format!("net{n}")).detail(format!("{bridge}{off}"))
                }));
                wizard.set_choices("iface", choices);
            }
            Msg::Config(Err(error)) => tracing::debug!(%error, "network devices of a guest"),
            Msg::Fresh(Ok(rules)) => self.fresh(&rules, wizard),
            Msg::Fresh(Err(error)) => wizard.set_trouble(Some(error.explained())),
        }
        let _ = cx;
    }

    fn proposal(&self, wizard: &Wizard, _: &Store) -> Option<Proposal> {
        let values = wizard.known();
        let mut rule = Rule { pos: 0, ..Rule::default() };
        for (key, text) in self.wanted(&values) {
            match key {
                "type" => rule.kind = text.into(),
                "action" => rule.action = text.into(),
                "macro" => rule.service = text.into(),
                "proto" => rule.proto = text.into(),
                "dport" => rule.dport = text.into(),
                "source" => rule.source = text.into(),
                "dest" => rule.dest = text.into(),
                "iface" => rule.iface = text.into(),
                _ => {}
            }
        }
        if self.is_group {
            rule.kind = "group".into();
        }
        let (label, request) = match self.aim {
            Aim::Add => {
                let pos = values.get("pos").parse().ok();
                let request = api::add_rule(&self.scope, &self.added(&values), pos, &self.digest);
                (format!("Add rule \"{}\": {}", rule.words(), self.label), request)
            }
            Aim::Edit(pos) => {
                let (set, gone) = self.changed(&values);
                if set.is_empty() && gone.is_empty() {
                    return None;
                }
                let request = api::set_rule(&self.scope, pos, &set, &gone, &self.digest);
                (format!("Change rule {pos}: {}", self.label), request)
            }
        };
        let mut write = Write::new(label.clone(), request);
        if let Some(vmid) = self.scope.guest() {
            write = write.on_guest(vmid);
        }
        let mut proposal = Proposal::new(format!("{label}?"), vec![write]);
        if let Aim::Edit(_) = self.aim {
            proposal = proposal.note(format!("{} becomes {}", self.before.words(), rule.words()));
        }
        if !values.is_on("enable") {
            proposal = proposal.note("The rule is off: it has no effect until it is enabled.");
        }
        Some(proposal)
    }

    fn refused(&mut self, error: &ApiError, _: &Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) -> bool {
        let conflict = api::is_conflict(&error.to_string());
        if conflict {
            cx.send(api::rules(&self.scope), Msg::Fresh);
        }
        conflict
    }

    fn field_of_text(&self, text: &str, _: &Values) -> Option<String> {
        ["source", "dest", "dport", "sport", "proto", "macro", "iface"]
            .into_iter()
            .find(|key| text.contains(&format!("{key}:")))
            .map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_as_the_server_takes_them() {
        let values = Values::default();
        for good in ["22", "80,443", "8000:8100", "ssh,https", "0:65535"] {
            assert_eq!(check_ports(good, &values), Ok(()), "{good}");
        }
        for bad in ["abc def", "1:2:3", "65536", "80,,81", ":", "a_b"] {
            assert!(check_ports(bad, &values).is_err(), "{bad}");
        }
    }
}
