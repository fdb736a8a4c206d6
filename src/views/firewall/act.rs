//! What can be done on the pages of a firewall.

use super::{
    Firewall, Msg, Page,
    address::{EditAddress, What},
    entry::Entries,
    log::Log,
    option::EditOptions,
    place::{self, Place},
    rule::{Aim, EditRule},
};
use crate::{
    api::{
        Request,
        firewall::{self as api, Macro, Rule},
        guest,
    },
    shell::{Cx, Degree, Hosted, Level, Pick, Picker, Proposal, Write},
};

/// Services that most people need, in the order in which they are offered.
const COMMON: [&str; 12] =
    ["SSH", "Web", "HTTP", "HTTPS", "DNS", "Ping", "NTP", "SMTP", "IMAPS", "RDP", "PostgreSQL", "MySQL"];

impl Firewall {
    pub(super) fn ask_rule(&mut self, aim: Aim, rule: &Rule, cx: &mut Cx<'_, Msg>) {
        if !cx.refuses_changes() {
            cx.open(EditRule::dialog(&self.scope, &self.label, aim, rule, &self.rules, self.rule()));
        }
    }

    pub(super) fn add(&mut self, cx: &mut Cx<'_, Msg>) {
        if cx.refuses_changes() {
            return;
        }
        let what = match self.page {
            Page::Rules => {
                let new = Rule { kind: "in".into(), action: "ACCEPT".into(), enable: true, ..Rule::default() };
                return self.ask_rule(Aim::Add, &new, cx);
            }
            Page::Options => return,
            Page::Aliases => What::Alias(None),
            Page::Sets => What::Set(None),
        };
        cx.open(EditAddress::dialog(&self.scope, &self.label, what));
    }

    pub(super) fn insert_group(&mut self, cx: &mut Cx<'_, Msg>) {
        let new = Rule { kind: "group".into(), enable: true, ..Rule::default() };
        self.ask_rule(Aim::Add, &new, cx);
    }

    pub(super) fn services(&mut self, cx: &mut Cx<'_, Msg>) {
        if !cx.refuses_changes() {
            cx.send(api::macros(), Msg::Macros);
        }
    }

    /// Offers the common services first.
    pub(super) fn offer(&self, mut all: Vec<Macro>, cx: &mut Cx<'_, Msg>) {
        let rank = |m: &Macro| COMMON.iter().position(|name| *name == m.name).unwrap_or(COMMON.len());
        all.sort_by(|a, b| (rank(a), &a.name).cmp(&(rank(b), &b.name)));
        let picks = all.into_iter().map(|service| {
            let effect = cx.reply_effect(Msg::Service(service.name.to_string()));
            Pick::new(service.name.as_str(), move || effect).detail(service.descr)
        });
        let picks = picks.collect();
        cx.emit(Hosted::open(Picker::search("Which service is to be let in?", picks)));
    }

    pub(super) fn edit(&mut self, cx: &mut Cx<'_, Msg>) {
        if cx.refuses_changes() {
            return;
        }
        let what = match self.page {
            Page::Rules => {
                if let Some(rule) = self.rule().cloned() {
                    self.ask_rule(Aim::Edit(rule.pos), &rule, cx);
                }
                return;
            }
            Page::Options => {
                let focus = self.option_table.selected(&self.options).map(|r| r.option.key);
                return cx.open(EditOptions::dialog(&self.scope, &self.label, &self.config, focus));
            }
            Page::Aliases => self.alias_table.selected(&self.aliases).cloned().map(|a| What::Alias(Some(a))),
            Page::Sets => self.set_table.selected(&self.sets).cloned().map(|s| What::Set(Some(s))),
        };
        if let Some(what) = what {
            cx.open(EditAddress::dialog(&self.scope, &self.label, what));
        }
    }

    /// Enter: into a set, else the same as editing.
    pub(super) fn open_selected(&mut self, cx: &mut Cx<'_, Msg>) {
        match self.set_table.selected(&self.sets).filter(|_| self.page == Page::Sets) {
            Some(set) => cx.open(Entries::new(self.scope.clone(), self.label.clone(), set.name.to_string())),
            None => self.edit(cx),
        }
    }

    pub(super) fn copy(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(rule) = self.rule().cloned() {
            self.ask_rule(Aim::Add, &rule, cx);
        }
    }

    pub(super) fn propose(
        &mut self,
        label: String,
        request: Request<()>,
        degree: Degree,
        note: Option<String>,
        cx: &mut Cx<'_, Msg>,
    ) {
        self.follow = None;
        let label = format!("{label}: {}", self.label);
        let mut write: Write = cx.hear(label.clone(), request, Msg::Changed);
        write.guest = self.scope.guest();
        let mut proposal = Proposal::new(format!("{label}?"), vec![write]).degree(degree);
        proposal.notes.extend(note);
        cx.propose(proposal);
    }

    pub(super) fn switch(&mut self, cx: &mut Cx<'_, Msg>) {
        let Some(rule) = self.rule() else { return };
        let (verb, on) = if rule.enable { ("Disable", 0) } else { ("Enable", 1) };
        let set = [guest::param("enable", on)];
        let request = api::set_rule(&self.scope, rule.pos, &set, &[], &rule.digest);
        self.propose(format!("{verb} rule {}", rule.pos), request, Degree::Harmless, Some(rule.words()), cx);
    }

    pub(super) fn shift(&mut self, up: bool, cx: &mut Cx<'_, Msg>) {
        let Some(rule) = self.rule() else { return };
        let to = if up { rule.pos.checked_sub(1) } else { Some(rule.pos + 1) };
        let Some(to) = to.filter(|to| *to < self.rules.len() as u64) else {
            return cx.toast(Level::Info, if up { "It is the first one" } else { "It is the last one" });
        };
        let other = self.rules.iter().find(|r| r.pos == to).map(Rule::words).unwrap_or_default();
        let note = format!("{}; it changes places with {to}: {other}", rule.words());
        let request = place::request(&self.scope, rule, to);
        self.propose(format!("Move rule {} to {to}", rule.pos), request, Degree::Harmless, Some(note), cx);
        self.follow = Some(to);
    }

    pub(super) fn place(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(rule) = self.rule()
            && !cx.refuses_changes()
        {
            cx.open(Place::dialog(&self.scope, &self.label, rule, &self.rules));
        }
    }

    pub(super) fn remove(&mut self, cx: &mut Cx<'_, Msg>) {
        let scope = &self.scope;
        let (label, request, note) = match self.page {
            Page::Rules => {
                let Some(rule) = self.rule() else { return };
                let request = api::remove_rule(scope, rule.pos, &rule.digest);
                (format!("Remove rule {}", rule.pos), request, rule.words())
            }
            Page::Options => return,
            Page::Aliases => {
                let Some(alias) = self.alias_table.selected(&self.aliases) else { return };
                let request = api::remove_alias(scope, &alias.name, &alias.digest);
                let used = self.uses(&alias.name);
                (format!("Remove alias {}", alias.name), request, format!("{} {used}", alias.cidr))
            }
            Page::Sets => {
                let Some(set) = self.set_table.selected(&self.sets) else { return };
                let used = self.uses(&format!("+{}", set.name));
                let note = format!("With all addresses in it. {used}");
                (format!("Remove IP set {}", set.name), api::remove_set(scope, &set.name, true), note)
            }
        };
        self.propose(label, request, Degree::Careful, Some(note), cx);
    }

    /// Which rules here name an alias or a set. References may say whose it is: `dc/office`, `+guest/blk`.
    pub(super) fn uses(&self, name: &str) -> String {
        let bare = |text: &str| {
            let text = text.trim();
            (text.starts_with('+'), text.trim_start_matches('+').rsplit('/').next().unwrap_or_default().to_owned())
        };
        let wanted = bare(name);
        let names = |text: &str| text.split(',').any(|part| bare(part) == wanted);
        let users: Vec<String> =
            self.rules.iter().filter(|r| names(&r.source) || names(&r.dest)).map(|r| r.pos.to_string()).collect();
        match users.as_slice() {
            [] => String::new(),
            [one] => format!("Rule {one} names it and stops working."),
            many => format!("Rules {} name it and stop working.", many.join(", ")),
        }
    }

    pub(super) fn log(&mut self, cx: &mut Cx<'_, Msg>) {
        cx.open(Log::new(self.scope.clone(), self.label.clone()));
    }

    pub(super) fn open_menu(&mut self, cx: &mut Cx<'_, Msg>) {
        let letters: &[(&str, char)] = match self.page {
            Page::Rules => &[
                ("firewall.add", 'a'),
                ("firewall.service", 's'),
                ("firewall.group", 'i'),
                ("firewall.edit", 'e'),
                ("firewall.copy", 'c'),
                ("firewall.switch", 'p'),
                ("firewall.up", 'k'),
                ("firewall.down", 'j'),
                ("firewall.place", 't'),
                ("firewall.log", 'w'),
                ("firewall.remove", 'D'),
            ],
            Page::Options => &[("firewall.edit", 'e'), ("firewall.log", 'w')],
            _ => &[("firewall.add", 'a'), ("firewall.edit", 'e'), ("firewall.log", 'w'), ("firewall.remove", 'D')],
        };
        let menu = Picker::of_commands(self, self.label.clone(), letters, cx);
        cx.open(menu);
    }
}
