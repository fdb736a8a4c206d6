//! What the lists of a firewall show.

use crate::{
    api::firewall::{Alias, Entry, Rule, Set},
    ui::{Cell, Column, Ctx, Role, Width},
};

/// Green lets through, red does not.
pub fn action_role(action: &str) -> Role {
    match action {
        "ACCEPT" => Role::Ok,
        "DROP" | "REJECT" => Role::Danger,
        _ => Role::Accent,
    }
}

fn muted_when_off(r: &Rule, text: &str) -> Cell {
    Cell::role(text, if r.enable { Role::Text } else { Role::Muted })
}

/// Protocol and ports in one: `tcp 22`, `udp 53 from 1024:`.
fn ports(r: &Rule) -> String {
    let mut words = r.proto.to_string();
    for (before, text) in [("", &r.dport), ("from ", &r.sport), ("type ", &r.icmp_type)] {
        if !text.is_empty() {
            words.push_str(&format!(" {before}{text}"));
        }
    }
    words.trim().to_owned()
}

/// Of the list of rules. It stands in the order in which they are tried, and can't be sorted otherwise.
pub fn rules() -> Vec<Column<Rule>> {
    let left = Column::<Rule>::left;
    vec![
        left("pos", "#", Width::Fixed(3), 0, |r: &Rule, _: &Ctx| muted_when_off(r, &r.pos.to_string())).right(),
        left("on", "On", Width::Fixed(3), 0, |r: &Rule, c: &Ctx| match r.enable {
            true => Cell::role(c.look.glyphs.ok, Role::Ok),
            false => Cell::role("off", Role::Muted),
        }),
        left("type", "Type", Width::Fixed(5), 0, |r: &Rule, _: &Ctx| muted_when_off(r, &r.kind)),
        left("action", "Action", Width::Fit { max: 16 }, 0, |r: &Rule, _: &Ctx| {
            Cell::role(r.action.as_str(), if r.enable { action_role(&r.action) } else { Role::Muted })
        }),
        left("macro", "Service", Width::Fit { max: 14 }, 0, |r: &Rule, _: &Ctx| muted_when_off(r, &r.service)),
        left("ports", "Ports", Width::Fit { max: 26 }, 1, |r: &Rule, _: &Ctx| muted_when_off(r, &ports(r))),
        left("source", "Source", Width::Fit { max: 32 }, 0, |r: &Rule, _: &Ctx| muted_when_off(r, &r.source)),
        left("dest", "Destination", Width::Fit { max: 32 }, 1, |r: &Rule, _: &Ctx| muted_when_off(r, &r.dest)),
        left("iface", "Device", Width::Fixed(6), 3, |r: &Rule, _: &Ctx| muted_when_off(r, &r.iface)),
        left("log", "Log", Width::Fixed(7), 4, |r: &Rule, _: &Ctx| {
            Cell::role(if r.log == "nolog" { "" } else { r.log.as_str() }, Role::Muted)
        }),
        left("comment", "Comment", Width::Flex { min: 10, max: 60 }, 2, |r: &Rule, _: &Ctx| {
            Cell::role(r.comment.replace('\n', " "), Role::Muted)
        }),
    ]
}

/// What a filter looks for in rules.
pub fn searched(r: &Rule, out: &mut String) {
    for (_, text) in r.settings() {
        out.push_str(text);
        out.push(' ');
    }
}

/// Of the list of aliases.
pub fn aliases() -> Vec<Column<Alias>> {
    let sorted = Column::<Alias>::sorted;
    vec![
        sorted(
            "name",
            "Alias",
            Width::Flex { min: 12, max: 40 },
            0,
            |a: &Alias, _: &Ctx| a.name.as_str().into(),
            |a, b| a.name.cmp(&b.name),
        ),
        sorted(
            "cidr",
            "Address",
            Width::Fit { max: 44 },
            0,
            |a: &Alias, _: &Ctx| a.cidr.as_str().into(),
            |a, b| a.cidr.cmp(&b.cidr),
        ),
        Column::left("comment", "Comment", Width::Flex { min: 16, max: 70 }, 1, |a: &Alias, _: &Ctx| {
            Cell::role(a.comment.as_str(), Role::Muted)
        }),
    ]
}

/// Of the list of IP sets.
pub fn sets() -> Vec<Column<Set>> {
    vec![
        Column::sorted(
            "name",
            "IP set",
            Width::Flex { min: 12, max: 40 },
            0,
            |s: &Set, _: &Ctx| s.name.as_str().into(),
            |a, b| a.name.cmp(&b.name),
        ),
        Column::left("use", "In rules", Width::Fit { max: 42 }, 1, |s: &Set, _: &Ctx| {
            Cell::role(format!("+{}", s.name), Role::Accent)
        }),
        Column::left("comment", "Comment", Width::Flex { min: 16, max: 70 }, 1, |s: &Set, _: &Ctx| {
            Cell::role(s.comment.as_str(), Role::Muted)
        }),
    ]
}

/// Of the addresses in a set.
pub fn entries() -> Vec<Column<Entry>> {
    vec![
        Column::sorted(
            "cidr",
            "Address",
            Width::Flex { min: 18, max: 46 },
            0,
            |e: &Entry, _: &Ctx| e.cidr.as_str().into(),
            |a, b| a.cidr.cmp(&b.cidr),
        ),
        Column::left("nomatch", "Exception", Width::Fixed(10), 0, |e: &Entry, _: &Ctx| {
            Cell::role(if e.nomatch { "not this" } else { "" }, Role::Warning)
        }),
        Column::left("comment", "Comment", Width::Flex { min: 16, max: 70 }, 1, |e: &Entry, _: &Ctx| {
            Cell::role(e.comment.as_str(), Role::Muted)
        }),
    ]
}
