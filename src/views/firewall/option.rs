//! The options of a firewall: what each means, what it is, and the dialog that changes them.

use crate::{
    api::{
        ApiError, Param,
        firewall::{self as api, Scope},
        guest::{Config, param},
    },
    shell::{Ask, Cx, Dialog, Proposal, Write, dialog},
    store::Store,
    ui::{Cell, Choice, Column, Ctx, Form, Role, Width, Wizard},
    views::firewall::rule::LOG_LEVELS,
};

/// What an option can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// On or off, with what it is when nobody has said.
    Switch(bool),
    /// What happens with packets that no rule fits.
    Policy(&'static str),
    /// How loud dropped packets are logged.
    Log,
    /// A whole number within bounds.
    Number(i64, i64),
    /// A text.
    Text,
}

/// An option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The API's name.
    pub key: &'static str,
    /// What it is called here.
    pub title: &'static str,
    /// What it can be.
    pub kind: Kind,
    /// What it does.
    pub help: &'static str,
}

const fn option(key: &'static str, title: &'static str, kind: Kind, help: &'static str) -> Setting {
    Setting { key, title, kind, help }
}

const GUEST: &[Setting] = &[
    option(
        "enable",
        "Firewall",
        Kind::Switch(false),
        "Whether this guest's rules count. The cluster's must be on, too.",
    ),
    option("policy_in", "Input policy", Kind::Policy("DROP"), "For what comes in and no rule fits."),
    option("policy_out", "Output policy", Kind::Policy("ACCEPT"), "For what goes out and no rule fits."),
    option("dhcp", "DHCP", Kind::Switch(false), "Lets the guest ask for its address."),
    option("ndp", "NDP", Kind::Switch(true), "Neighbour discovery of IPv6."),
    option("radv", "Router advertisement", Kind::Switch(false), "Lets the guest announce itself as an IPv6 router."),
    option("macfilter", "MAC filter", Kind::Switch(true), "Drops packets with another MAC address than the device's."),
    option(
        "ipfilter",
        "IP filter",
        Kind::Switch(false),
        "Only addresses of the IP sets ipfilter-net0, ... may be used.",
    ),
    option("log_level_in", "Log of input", Kind::Log, "For what comes in and is dropped."),
    option("log_level_out", "Log of output", Kind::Log, "For what goes out and is dropped."),
];

const NODE: &[Setting] = &[
    option("enable", "Firewall", Kind::Switch(true), "Whether this node's rules count. The cluster's must be on, too."),
    option("nosmurfs", "SMURFS filter", Kind::Switch(true), "Drops packets whose source is a broadcast address."),
    option("tcpflags", "TCP flags filter", Kind::Switch(false), "Drops impossible combinations of TCP flags."),
    option("ndp", "NDP", Kind::Switch(true), "Neighbour discovery of IPv6."),
    option(
        "nf_conntrack_max",
        "Connections",
        Kind::Number(32_768, 2_147_483_647),
        "Most connections that are tracked.",
    ),
    option(
        "nf_conntrack_tcp_timeout_established",
        "Timeout of connections",
        Kind::Number(7_875, 2_147_483_647),
        "Seconds after which a silent TCP connection is forgotten.",
    ),
    option("log_level_in", "Log of input", Kind::Log, "For what comes in and is dropped."),
    option("log_level_out", "Log of output", Kind::Log, "For what goes out and is dropped."),
    option("log_level_forward", "Log of forwarding", Kind::Log, "For what is passed on and dropped."),
    option("smurf_log_level", "Log of SMURFS", Kind::Log, "For what the SMURFS filter drops."),
    option("tcp_flags_log_level", "Log of TCP flags", Kind::Log, "For what the TCP flags filter drops."),
    option("nftables", "nftables", Kind::Switch(false), "The new implementation (a technology preview)."),
];

const CLUSTER: &[Setting] = &[
    option("enable", "Firewall", Kind::Switch(false), "The main switch: without it nothing is filtered anywhere."),
    option("policy_in", "Input policy", Kind::Policy("DROP"), "For what comes to nodes and no rule fits."),
    option("policy_out", "Output policy", Kind::Policy("ACCEPT"), "For what leaves nodes and no rule fits."),
    option("policy_forward", "Forward policy", Kind::Policy("ACCEPT"), "For what nodes pass on and no rule fits."),
    option("ebtables", "ebtables", Kind::Switch(true), "Rules below IP for the whole cluster."),
    option("log_ratelimit", "Limit of the log", Kind::Text, "For example enable=1,rate=1/second,burst=5."),
];

/// The options that a firewall has.
pub fn of(scope: &Scope) -> &'static [Setting] {
    match scope {
        Scope::Guest(_) => GUEST,
        Scope::Node(_) => NODE,
        Scope::Cluster => CLUSTER,
        Scope::Group(_) => &[],
    }
}

/// An option with what it is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The option.
    pub option: Setting,
    /// Its value, if it is set.
    pub value: Option<String>,
}

/// What counts when nothing is set.
fn default_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Switch(true) => "yes",
        Kind::Switch(false) => "no",
        Kind::Policy(word) => word,
        Kind::Log => "nolog",
        Kind::Number(..) => "the kernel's",
        Kind::Text => "the server's",
    }
}

impl Row {
    /// What it is, in words.
    pub fn words(&self) -> String {
        match (&self.value, self.option.kind) {
            (None, kind) => format!("{} (default)", default_words(kind)),
            (Some(value), Kind::Switch(_)) => if value == "1" { "yes" } else { "no" }.into(),
            (Some(value), _) => value.clone(),
        }
    }

    /// True when a switch is on, set or by default.
    pub fn is_on(&self) -> bool {
        match (&self.value, self.option.kind) {
            (Some(value), _) => value == "1",
            (None, kind) => kind == Kind::Switch(true),
        }
    }
}

/// All options of a firewall as they are set.
pub fn rows(scope: &Scope, config: &Config) -> Vec<Row> {
    of(scope).iter().map(|o| Row { option: *o, value: config.get(o.key).map(str::to_owned) }).collect()
}

/// The columns of their list.
pub fn columns() -> Vec<Column<Row>> {
    vec![
        Column::left("title", "Option", Width::Fit { max: 26 }, 0, |r: &Row, _: &Ctx| r.option.title.into()),
        Column::left("value", "Value", Width::Fit { max: 30 }, 0, |r: &Row, _: &Ctx| match r.value {
            None => Cell::role(r.words(), Role::Muted),
            Some(_) => Cell::role(r.words(), super::column::action_role(&r.words())),
        }),
        Column::left("help", "What it does", Width::Flex { min: 20, max: 90 }, 1, |r: &Row, _: &Ctx| {
            Cell::role(r.option.help, Role::Muted)
        }),
    ]
}

/// What the dialog hears back.
pub enum Msg {
    /// The options as somebody else has left them.
    Fresh(Result<Config, ApiError>),
}

/// Asks for options.
pub struct EditOptions {
    scope: Scope,
    label: String,
    before: Config,
}

impl EditOptions {
    /// The dialog for all options, with the focus on one.
    pub fn dialog(scope: &Scope, label: &str, before: &Config, focus: Option<&str>) -> Dialog<Self> {
        let mut form = Form::new();
        for o in of(scope) {
            let old = before.get(o.key).unwrap_or_default();
            let unset = Choice::labelled("", format!("{} (default)", default_words(o.kind)));
            let choices = |words: &[(&str, &str)]| {
                std::iter::once(unset.clone()).chain(words.iter().map(|w| Choice::from(*w))).collect::<Vec<_>>()
            };
            form = match o.kind {
                Kind::Switch(_) => form.select(o.key, o.title, choices(&[("1", "yes"), ("0", "no")])),
                Kind::Policy(_) => {
                    // Nothing that is only passed on can be answered.
                    let most = if o.key == "policy_forward" { 2 } else { 3 };
                    let words = ["ACCEPT", "DROP", "REJECT"].map(|w| (w, w));
                    form.select(o.key, o.title, choices(&words[..most]))
                }
                Kind::Log => form.select(o.key, o.title, choices(&LOG_LEVELS.map(|w| (w, w)))),
                Kind::Number(least, most) => form.number(o.key, o.title, least..=most),
                Kind::Text => form.text(o.key, o.title),
            };
            form = form.initial(old).help(o.help);
        }
        if let Some(key) = focus {
            form.focus(key);
        }
        let ask = Self { scope: scope.clone(), label: label.to_owned(), before: before.clone() };
        Dialog::new(ask, Wizard::single(form))
    }

    fn changed(&self, wizard: &Wizard) -> (Vec<Param>, Vec<String>) {
        let values = wizard.values();
        let (mut set, mut gone) = (vec![], vec![]);
        for o in of(&self.scope) {
            let (new, old) = (values.get(o.key), self.before.get(o.key).unwrap_or_default());
            if new == old {
                continue;
            }
            if new.is_empty() {
                gone.push(o.key.to_owned());
            } else {
                set.push(param(o.key, new));
            }
        }
        (set, gone)
    }
}

impl Ask for EditOptions {
    type Msg = Msg;
    const NAME: &'static str = "Firewall options";

    fn title(&self) -> String {
        format!("Options: {}", self.label)
    }

    fn update(&mut self, Msg::Fresh(answer): Msg, wizard: &mut Wizard, _: &mut Cx<'_, dialog::Msg<Msg>>) {
        let words = match answer {
            Ok(config) => {
                // Fields that were left alone follow.
                let typed = wizard.changed();
                for o in of(&self.scope) {
                    let new = config.get(o.key).unwrap_or_default();
                    if typed.get(o.key).is_empty() && self.before.get(o.key).unwrap_or_default() != new {
                        wizard.set_initial(o.key, new);
                    }
                }
                self.before = config;
                "Somebody else has changed this firewall meanwhile. Nothing was sent: look at the options again, then send them.".into()
            }
            Err(error) => error.explained(),
        };
        wizard.set_trouble(Some(words));
    }

    fn proposal(&self, wizard: &Wizard, _: &Store) -> Option<Proposal> {
        let (set, gone) = self.changed(wizard);
        if set.is_empty() && gone.is_empty() {
            return None;
        }
        let label = format!("Change options: {}", self.label);
        let request = api::set_options(&self.scope, &set, &gone, &self.before.digest);
        let mut proposal = Proposal::new(format!("{label}?"), vec![Write::new(label, request)]);
        let values = wizard.values();
        for o in of(&self.scope) {
            let row = |value: &str| Row { option: *o, value: Some(value.to_owned()).filter(|v| !v.is_empty()) };
            let (old, new) = (row(self.before.get(o.key).unwrap_or_default()), row(values.get(o.key)));
            if old.value != new.value {
                proposal = proposal.note(format!("{}: {} becomes {}", o.title, old.words(), new.words()));
            }
        }
        let now_on = |key: &str| values.get(key) == "1" && self.before.get(key) != Some("1");
        if now_on("enable") {
            let policy = Some(values.get("policy_in")).filter(|p| !p.is_empty()).unwrap_or("DROP");
            proposal = proposal
                .note(format!("From now on the rules count; what comes in and fits none of them: {policy}."))
                .degree(crate::shell::Degree::Careful);
        }
        Some(proposal)
    }

    fn refused(&mut self, error: &ApiError, _: &Wizard, cx: &mut Cx<'_, dialog::Msg<Msg>>) -> bool {
        let conflict = api::is_conflict(&error.to_string());
        if conflict {
            cx.send(api::options(&self.scope), Msg::Fresh);
        }
        conflict
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_not_set_has_a_default() {
        let row =
            |value: Option<&str>, kind| Row { option: option("x", "X", kind, ""), value: value.map(str::to_owned) };
        assert_eq!(
            (row(None, Kind::Switch(true)).words().as_str(), row(None, Kind::Switch(true)).is_on()),
            ("yes (default)", true)
        );
        assert_eq!(
            (row(Some("0"), Kind::Switch(true)).words().as_str(), row(Some("0"), Kind::Switch(true)).is_on()),
            ("no", false)
        );
        assert_eq!(row(None, Kind::Policy("DROP")).words(), "DROP (default)");
        assert_eq!(row(Some("REJECT"), Kind::Policy("DROP")).words(), "REJECT");
    }
}
