//! What stands around every view: who and where, tabs, breadcrumbs, keys and messages.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Style},
    text::{Line, Span},
    widgets::{Clear, Paragraph},
};

use super::{App, message::Shown};
use crate::{
    shell::{LayerId, Level},
    store::{Phase, Store},
    ui::{Look, Role, text, theme::reduce},
    views,
};

/// What a click outside the view means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hit {
    /// A tab.
    Tab(char),
    /// A command in the footer.
    Command(Option<LayerId>, String),
}

/// Movement keys, which every list has; for the help.
pub const MOVES: &[(&str, &str)] = &[
    ("j k up down", "Move"),
    ("g G Home End", "First, last"),
    ("PgUp PgDn ctrl-u ctrl-d", "Page, half page"),
    ("Enter", "Open"),
    ("Space v *", "Mark one, a range, all"),
    ("o", "Sort by the next column, or the other way"),
    ("/", "Filter"),
    ("1-9", "Choose a view"),
];

const SMALLEST: (u16, u16) = (40, 10);

/// Draws the whole screen.
pub fn draw(app: &mut App, frame: &mut Frame) {
    let area = frame.area();
    app.cramped = area.width < SMALLEST.0 || area.height < SMALLEST.1;
    if app.cramped {
        let (w, h) = SMALLEST;
        let asks = app.roots[app.current].stack.last().is_some_and(|layer| layer.is_dialog());
        let text = [
            format!("Too small: {}x{}, need {w}x{h}", area.width, area.height),
            if asks { "A dialog waits: no key reaches it.".into() } else { String::new() },
            format!("{}: leave", app.shared.keys.label("app.leave")),
        ];
        let lines: Vec<Line> = text.into_iter().filter(|t| !t.is_empty()).map(Line::from).collect();
        frame.render_widget(Paragraph::new(lines), area);
        return;
    }
    let lesson = app.lesson(area.width);
    let lines = u16::try_from(long_message(app, area).len()).unwrap_or(1).max(1);
    let [header, tabs, body, crumbs, tour, footer] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(1),
        Constraint::Length(u16::try_from(lesson.len()).unwrap_or(0)),
        Constraint::Length(lines),
    ])
    .areas(area);

    app.hits.clear();
    draw_header(app, frame, header);
    draw_tabs(app, frame, tabs);
    let scene = app.shared.scene();
    let stack = &mut app.roots[app.current].stack;
    // Everything below the topmost full view is covered by it.
    let first = stack.iter().rposition(|l| !l.is_dialog()).unwrap_or(0);
    let space = Rect { height: body.height + crumbs.height, ..body };
    for layer in &mut stack[first..] {
        if layer.is_dialog() {
            let place = layer.place(space);
            frame.render_widget(Clear, place);
            layer.draw(frame, place, &scene);
        } else {
            layer.draw(frame, body, &scene);
            let (crumb, status) = (layer.crumb(scene.store), layer.status(scene.store));
            draw_crumbs(&crumb, &status, scene.store, scene.look, frame, crumbs, scene.now.mono);
        }
    }
    app.draw_lesson(lesson, frame, tour);
    draw_footer(app, frame, footer);
}

fn state(store: &Store, look: &Look) -> (Style, String) {
    if store.phase == Phase::SignedOut && store.updated.is_none() {
        return (look.style(Role::Muted), format!("{} not connected", look.glyphs.unknown));
    }
    if store.trouble.is_some() {
        return (look.style(Role::Danger), format!("{} offline", look.glyphs.failed));
    }
    let nodes = &store.resources.nodes;
    if nodes.is_empty() {
        let words = if store.updated.is_some() { "no nodes to see" } else { "connecting" };
        return (look.style(Role::Muted), words.into());
    }
    let online = nodes.iter().filter(|n| n.is_online()).count();
    let quorate = store.cluster.as_ref().is_none_or(|c| c.quorate);
    let style = match (quorate, online == nodes.len()) {
        (false, _) => Role::Danger,
        (true, false) => Role::Warning,
        (true, true) => Role::Ok,
    };
    let word = if quorate { "" } else { " NO QUORUM" };
    let glyph = if online == nodes.len() && quorate { look.glyphs.running } else { look.glyphs.warning };
    (look.style(style), format!("{glyph} {online}/{} nodes{word}", nodes.len()))
}

fn draw_header(app: &mut App, frame: &mut Frame, area: Rect) {
    let (store, look) = (app.store(), &app.shared.look);
    let mut left = vec![Span::styled(" proxmux ", look.style(Role::Header))];
    left.push(Span::styled(format!("{} ", look.glyphs.arrow), look.style(Role::Muted)));
    let session = &app.shared.sessions[app.shared.front];
    let name = text::clean(store.name()).into_owned();
    let name = match &session.profile {
        Some(profile) if profile.name != name => format!("{} ({name})", profile.name),
        _ => name,
    };
    let frame_colour = session.profile.as_ref().and_then(|p| p.frame).map(|c| reduce(c, look.theme.depth()));
    match frame_colour.filter(|c| *c != Color::Reset) {
        // The colour that tells clusters apart, where the eye looks first.
        Some(colour) => left.push(Span::styled(format!(" {name} "), Style::new().fg(Color::Black).bg(colour).bold())),
        None => left.push(Span::styled(name, look.style(Role::Title))),
    }
    let (open, place) = app.open_sessions();
    if open > 1 {
        let count = format!(" {}/{open}", place + 1);
        left.push(Span::styled(count, look.style(Role::Accent)));
    }
    let mut user = None;
    if !store.user.is_empty() {
        let words = Span::styled(format!("  {}", text::clean(&store.user)), look.style(Role::Muted));
        let cells = |spans: &[Span]| u16::try_from(spans.iter().map(Span::width).sum::<usize>()).unwrap_or(u16::MAX);
        user = Some((cells(&left), u16::try_from(words.width()).unwrap_or(u16::MAX)));
        left.push(words);
    }
    let (style, words) = state(store, look);
    left.push(Span::styled(format!("  {words}"), style));
    // Warnings keep their place at the right, whatever else has to go.
    let mut right = vec![];
    if store.insecure {
        right.push(Span::styled("INSECURE: certificate not verified", look.style(Role::Danger)));
        right.push(Span::raw("  "));
    }
    for (on, words) in [(store.read_only, "READ-ONLY"), (store.dry_run, "DRY RUN")] {
        if on {
            right.push(Span::styled(words, look.style(Role::Warning)));
            right.push(Span::raw("  "));
        }
    }
    let warned = !right.is_empty();
    let online = || store.resources.nodes.iter().filter(|n| n.is_online());
    let cpus: f64 = online().map(|n| f64::from(n.maxcpu)).sum();
    if cpus > 0.0 && area.width >= if warned { 120 } else { 76 } {
        // PVE's figure of a node is already the share of the whole node.
        let cpu = online().map(|n| f64::from(n.cpu) * f64::from(n.maxcpu)).sum::<f64>() / cpus;
        let (used, all) = online().fold((0u64, 0u64), |(u, a), n| (u + n.mem, a + n.maxmem));
        let mem = if all > 0 { used as f64 / all as f64 } else { 0.0 };
        right.push(Span::styled("CPU ", look.style(Role::Muted)));
        right.push(Span::styled(text::percent(cpu), look.gauge(cpu)));
        right.push(Span::styled("  MEM ", look.style(Role::Muted)));
        right.push(Span::styled(text::percent(mem), look.gauge(mem)));
    }
    let running = store.running_tasks();
    if running > 0 {
        right.push(Span::styled(format!("  tasks {running}"), look.style(Role::Accent)));
    }
    right.push(Span::raw(" "));
    let (left, right) = (Line::from(left), Line::from(right));
    let room = u16::try_from(right.width()).unwrap_or(0).min(area.width);
    let [l, r] = Layout::horizontal([Constraint::Min(0), Constraint::Length(room)]).areas(area);
    frame.render_widget(left, l);
    frame.render_widget(right, r);
    if let Some((x, width)) = user {
        let place = Rect { x: area.x.saturating_add(x), width, ..area }.intersection(l);
        app.hits.push((place, Hit::Command(None, "app.user".into())));
    }
}

/// Tabs stand with air around them, without where it is narrow, and at last only the current one has its title.
fn draw_tabs(app: &mut App, frame: &mut Frame, area: Rect) {
    let airy = |tab: &views::Tab| format!(" {} {} ", tab.key, tab.title);
    let tight = |tab: &views::Tab| format!("{} {}", tab.key, tab.title);
    let current = app.tab;
    let least = |tab: &views::Tab| if tab.key == current { tight(tab) } else { tab.key.to_string() };
    let fits = |label: &dyn Fn(&views::Tab) -> String| {
        views::TABS.iter().map(|tab| text::width(&label(tab)) + 1).sum::<usize>() <= usize::from(area.width)
    };
    let label: &dyn Fn(&views::Tab) -> String = match (fits(&airy), fits(&tight)) {
        (true, _) => &airy,
        (false, true) => &tight,
        (false, false) => &least,
    };
    let mut x = area.x;
    for tab in views::TABS {
        let label = label(tab);
        let width = u16::try_from(text::width(&label)).unwrap_or(0);
        let place = Rect { x, width, ..area }.intersection(area);
        let role = if tab.key == current { Role::TabActive } else { Role::Tab };
        frame.render_widget(Span::styled(label, app.shared.look.style(role)), place);
        app.hits.push((place, Hit::Tab(tab.key)));
        x += width + 1;
    }
}

/// What is wrong with the data, in three parts: before the error, the error, and what happens next.
fn trouble(store: &Store, now: std::time::Duration) -> Option<(String, String, String)> {
    if let Some(trouble) = &store.trouble {
        let age = store.updated.map(|at| now.saturating_sub(at).as_secs());
        let age = age.map_or_else(String::new, |s| format!("data is {} old, ", text::duration(s)));
        let next = trouble.retry_at.map(|at| at.saturating_sub(now).as_secs());
        let next = next.map_or_else(String::new, |s| format!(" (next try in {s} s, r: now)"));
        return Some((age, trouble.error.to_string(), next));
    }
    if let Some(waited) = store.slow_for(now) {
        return Some((format!("no answer for {}", text::duration(waited.as_secs())), String::new(), String::new()));
    }
    let error = store.tasks_error.as_ref()?;
    Some(("tasks: ".into(), error.to_string(), String::new()))
}

/// Where the user is, or, if there is not enough room for both, what is wrong.
fn draw_crumbs(
    crumb: &str,
    status: &str,
    store: &Store,
    look: &Look,
    frame: &mut Frame,
    area: Rect,
    now: std::time::Duration,
) {
    let right = Line::styled(format!("{status} "), look.style(Role::Muted));
    let room = u16::try_from(right.width()).unwrap_or(0).min(area.width);
    let [l, r] = Layout::horizontal([Constraint::Min(0), Constraint::Length(room)]).areas(area);
    let mut left = vec![Span::styled(format!(" {}", text::clean(crumb)), look.style(Role::Muted))];
    if let Some((before, error, after)) = trouble(store, now) {
        let error = text::clean(&error);
        let fixed = text::width(&before) + text::width(&after) + 2;
        let free = usize::from(l.width);
        if left[0].width() + fixed + text::width(&error) > free {
            left.clear();
        }
        let error = text::cut(&error, free.saturating_sub(fixed).max(8), look.glyphs.ellipsis);
        left.push(Span::styled(format!("  {before}{error}{after}"), look.style(Role::Warning)));
    }
    frame.render_widget(Line::from(left), l);
    frame.render_widget(right, r);
}

/// The newest error, else the newest message.
pub(super) fn shown_toast(app: &App) -> Option<&Shown> {
    app.toasts.iter().max_by_key(|shown| shown.toast.level == Level::Error)
}

/// The message that matters most, else what waits for an answer, else the progress of the newest followed task.
fn message(app: &App) -> Option<(String, Style)> {
    let look = &app.shared.look;
    let errors = app.toasts.iter().filter(|shown| shown.toast.level == Level::Error).count();
    if let Some(Shown { toast, .. }) = shown_toast(app) {
        let (glyph, role) = match toast.level {
            Level::Ok => (look.glyphs.ok, Role::Ok),
            Level::Info => (look.glyphs.bullet, Role::Accent),
            Level::Warning => (look.glyphs.warning, Role::Warning),
            Level::Error => (look.glyphs.failed, Role::ErrorText),
        };
        let more = if errors > 1 { format!(" (+{} more errors)", errors - 1) } else { String::new() };
        return Some((format!("{glyph} {}{more}", text::clean(&toast.text)), look.style(role)));
    }
    let store = app.store();
    let sent = store.sending.iter().rev().find_map(|s| Some((&s.label, s.since?)));
    let more = (store.followed.len() + sent.map_or(0, |_| store.sending.len())).saturating_sub(1);
    let more = if more > 0 { format!(" (+{more})") } else { String::new() };
    if let Some((label, since)) = sent {
        let waited = app.shared.now.mono.saturating_sub(since);
        let waited = if waited < Store::SLOW { String::new() } else { format!(" {} s", waited.as_secs()) };
        let words = format!("{}: sending{}{waited}{more}", text::clean(label), look.glyphs.ellipsis);
        return Some((words, look.style(Role::Accent)));
    }
    let task = store.followed.last()?;
    let done = match (task.unknown, task.percent) {
        (true, _) => " ?".into(),
        (false, Some(p)) => format!(" {p:.0} %"),
        (false, None) => format!(" {}", look.glyphs.ellipsis),
    };
    Some((format!("{}{done}{more}", text::clean(&task.label)), look.style(Role::Accent)))
}

/// An error that needs more than one line: what to do stands at its end, so it must not be cut. Nothing else goes beyond
/// its line. The views above make room, so that the age of the data stays in sight.
fn long_message(app: &App, area: Rect) -> Vec<Line<'static>> {
    if !app.toasts.iter().any(|shown| shown.toast.level == Level::Error) {
        return vec![];
    }
    let room = usize::from(area.width);
    let Some((words, style)) = message(app).filter(|(m, _)| text::width(m) > room) else { return vec![] };
    let most = usize::from(area.height / 2);
    text::wrap(&words, room).into_iter().take(most).map(|line| Line::styled(line, style)).collect()
}

fn draw_footer(app: &mut App, frame: &mut Frame, area: Rect) {
    let look = app.shared.look.clone();
    if area.height > 1 {
        frame.render_widget(Clear, area);
        frame.render_widget(Paragraph::new(long_message(app, frame.area())), area);
        return;
    }
    let message = message(app);
    let matters = app.toasts.iter().any(|shown| matches!(shown.toast.level, Level::Error | Level::Warning));
    let most = if matters { area.width } else { area.width / 2 };
    let room = message.as_ref().map_or(0, |(m, _)| u16::try_from(text::width(m)).unwrap_or(u16::MAX).min(most));
    let [keys, right] = Layout::horizontal([Constraint::Min(0), Constraint::Length(room)]).areas(area);
    if let Some((words, style)) = message {
        // The result stands at the end.
        let words = text::cut_middle(&words, usize::from(room), look.glyphs.ellipsis).into_owned();
        frame.render_widget(Span::styled(words, style), right);
    }
    let mut x = keys.x + 1;
    let dialog = app.roots[app.current].stack.last().is_some_and(|l| l.is_dialog());
    let width_of = |key: &str, title: &str| u16::try_from(text::width(key) + text::width(title) + 3).unwrap_or(0);
    // Whoever sees nothing else must see how to get help.
    const HELP: &str = "app.help";
    let mut kept = if dialog { 0 } else { width_of(&app.shared.keys.label(HELP), "Help") };
    for (layer, command) in app.commands() {
        if !command.footer || command.ready.is_err() || (dialog && layer.is_none()) {
            continue;
        }
        let key = app.shared.keys.label(command.id);
        let width = width_of(&key, command.title);
        if command.id == HELP {
            kept = 0;
        }
        if key.is_empty() || x + width + kept > keys.right() + 1 {
            continue;
        }
        let place = Rect { x, width: width - 2, ..keys };
        let line = Line::from(vec![
            Span::styled(key, look.style(Role::Key)),
            Span::styled(format!(" {}", command.title), look.style(Role::Muted)),
        ]);
        frame.render_widget(line, place);
        app.hits.push((place, Hit::Command(layer, command.id.to_owned())));
        x += width;
    }
}
