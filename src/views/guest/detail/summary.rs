//! The first page about a guest: how it is right now.

use ratatui::text::{Line, Span};

use crate::{
    api::{
        cluster::{Guest, GuestStatus},
        guest::{Config, Status},
    },
    ui::{Chips, Look, Role, markdown, text},
};

/// What is known of a guest, as facts, gauges and notes.
pub fn lines(
    g: &Guest,
    live: Option<&Status>,
    config: Option<&Config>,
    addresses: &[String],
    tags: &dyn Chips,
    look: &Look,
    width: u16,
) -> Vec<Line<'static>> {
    let mut facts: Vec<(&str, String, Role)> = vec![];
    let mut add = |label, value: String, role| facts.push((label, value, role));
    let (word, role) = word(g, live, look);
    add("Status", word, role);
    let lock = live.map_or(&g.lock, |s| &s.lock);
    if let Some(lock) = lock {
        add("Lock", lock.to_string(), Role::Warning);
    }
    if let Some(ha) = &g.hastate {
        add("HA", ha.to_string(), Role::Accent);
    }
    add("Node", g.node.to_string(), Role::Text);
    if !g.tags.is_empty() {
        let words: Vec<String> = tags.chips(&g.tags).into_iter().map(|chip| chip.text).collect();
        add("Tags", words.join(" "), Role::Text);
    }
    if let Some(pool) = &g.pool {
        add("Pool", pool.to_string(), Role::Text);
    }
    let uptime = live.map_or(g.uptime, |s| s.uptime);
    if uptime > 0 {
        add("Uptime", text::duration(uptime), Role::Text);
    }
    if let Some(qemu) = live.and_then(|s| s.running_qemu.as_ref()) {
        add("QEMU", qemu.to_string(), Role::Text);
    }
    if let Some(machine) = live.and_then(|s| s.running_machine.as_ref()) {
        add("Machine", machine.to_string(), Role::Text);
    }
    for (n, address) in addresses.iter().enumerate() {
        add(if n == 0 { "Address" } else { "" }, address.clone(), Role::Text);
    }
    if let Some(ostype) = config.and_then(|c| c.get("ostype")) {
        add("OS type", ostype.to_owned(), Role::Text);
    }

    let mut lines = vec![Line::raw("")];
    let columns = if width >= 100 {
        3
    } else if width >= 60 {
        2
    } else {
        1
    };
    let cell = usize::from(width) / columns;
    for row in facts.chunks(columns) {
        let mut spans = vec![];
        for (label, value, role) in row {
            spans.push(Span::styled(format!(" {:<9}", label), look.style(Role::Muted)));
            let room = cell.saturating_sub(11);
            // Tags have colours, as long as they need not be cut.
            if *label == "Tags" && text::width(value) <= room {
                spans.extend(look.chips(&tags.chips(&g.tags)));
                spans.push(Span::raw(" ".repeat(room + 1 - text::width(value))));
                continue;
            }
            let value = text::fit(&text::clean(value), room, look.glyphs.ellipsis);
            spans.push(Span::styled(value + " ", look.style(*role)));
        }
        lines.push(Line::from(spans));
    }

    lines.push(Line::raw(""));
    let notes = |lines: &mut Vec<Line<'static>>| add_notes(lines, config, look, width);
    if live.is_none() && matches!(g.status, GuestStatus::Unknown | GuestStatus::Other(_)) {
        // Zeros would be taken for measured ones.
        let words = format!(" No figures: {} does not answer.", g.node);
        lines.push(Line::styled(text::clean(&words).into_owned(), look.style(Role::Warning)));
        notes(&mut lines);
        return lines;
    }
    let cpu = live.map_or(f64::from(g.cpu), |s| s.cpu);
    let (mem, maxmem) = live.map_or((g.mem, g.maxmem), |s| (s.mem, s.maxmem));
    let cpus = live.map_or(f64::from(g.maxcpu), |s| s.cpus);
    lines.push(gauge(look, "CPU", cpu, &format!("of {} processors", trim(cpus)), width));
    lines.push(gauge(look, "Memory", ratio(mem, maxmem), &of(mem, maxmem), width));
    if let Some(host) = live.and_then(|s| s.memhost).filter(|n| *n > 0) {
        lines.push(plain(look, "On host", &format!("{} of the node's memory", text::bytes(host))));
    }
    if let Some((swap, maxswap)) = live.map(|s| (s.swap, s.maxswap)).filter(|s| s.1 > 0) {
        lines.push(gauge(look, "Swap", ratio(swap, maxswap), &of(swap, maxswap), width));
    }
    let (disk, maxdisk) = live.map_or((g.disk, g.maxdisk), |s| (s.disk, s.maxdisk));
    if disk > 0 {
        lines.push(gauge(look, "Disk", ratio(disk, maxdisk), &of(disk, maxdisk), width));
    } else if maxdisk > 0 {
        lines.push(plain(look, "Disk", &text::bytes(maxdisk)));
    }
    let (netin, netout) = live.map_or((g.netin, g.netout), |s| (s.netin, s.netout));
    let bytes = |n: u64| text::bytes(n);
    lines.push(plain(look, "Network", &format!("{} in, {} out since the start", bytes(netin), bytes(netout))));
    let (read, write) = live.map_or((g.diskread, g.diskwrite), |s| (s.diskread, s.diskwrite));
    lines.push(plain(look, "Disk I/O", &format!("{} read, {} written since the start", bytes(read), bytes(write))));

    notes(&mut lines);
    lines
}

/// What somebody has written about the guest.
fn add_notes(lines: &mut Vec<Line<'static>>, config: Option<&Config>, look: &Look, width: u16) {
    if let Some(notes) = config.and_then(|c| c.get("description")) {
        lines.push(Line::raw(""));
        lines.push(Line::styled(" Notes", look.style(Role::Title)));
        for line in markdown::lines(notes, usize::from(width).saturating_sub(2), look) {
            let mut spans = vec![Span::raw(" ")];
            spans.extend(line.spans);
            lines.push(Line::from(spans).style(line.style));
        }
    }
}

fn word(g: &Guest, live: Option<&Status>, look: &Look) -> (String, Role) {
    let glyphs = &look.glyphs;
    if g.template {
        return (format!("{} template", glyphs.stopped), Role::Muted);
    }
    // A paused VM is "running" in the cluster's list; only its own status tells.
    match live.map_or_else(|| g.status.clone(), Status::state) {
        GuestStatus::Running => (format!("{} running", glyphs.running), Role::Running),
        GuestStatus::Paused => (format!("{} paused", glyphs.paused), Role::Paused),
        GuestStatus::Stopped => (format!("{} stopped", glyphs.stopped), Role::Stopped),
        other => (format!("{} {}", glyphs.unknown, other.as_str()), Role::Warning),
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn of(part: u64, whole: u64) -> String {
    format!("{} of {}", text::bytes(part), text::bytes(whole))
}

fn trim(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn plain(look: &Look, label: &str, value: &str) -> Line<'static> {
    Line::from(vec![
        Span::styled(format!(" {label:<9}"), look.style(Role::Muted)),
        Span::styled(value.to_owned(), look.style(Role::Text)),
    ])
}

/// One line: label, bar, percent, and what it is part of.
pub fn gauge(look: &Look, label: &str, share: f64, words: &str, width: u16) -> Line<'static> {
    // Label, percent and words come first; the bar takes what is left.
    let cells = usize::from(width).saturating_sub(9 + text::width(label).max(9) + text::width(words)).clamp(4, 40);
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    let full = (share * cells as f64).round() as usize;
    Line::from(vec![
        Span::styled(format!(" {label:<9}"), look.style(Role::Muted)),
        Span::styled(look.glyphs.bar_full.repeat(full), look.gauge(share)),
        Span::styled(look.glyphs.bar_empty.repeat(cells - full), look.style(Role::GaugeRest)),
        Span::styled(format!(" {:>5} ", text::percent1(share).trim()), look.gauge(share)),
        Span::styled(words.to_owned(), look.style(Role::Text)),
    ])
}
