//! Files on their way to storages, or from there: how far they are; stop them, start failed ones again, or let the node
//! fetch them.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
};

use crate::{
    api::{
        ApiError,
        attachment::{Attachment, Meter},
    },
    shell::{Command, Cx, Degree, Effect, Level, Proposal, Ready, Scene, View, Write, needs},
    store::{Store, Transfer},
    ui::{Look, Role, chart, text},
    views::image::offer::LetFetch,
};

/// Lines that the strip above the list of tasks takes at most.
const STRIP: usize = 4;

/// How many lines the strip above the list of tasks needs.
pub fn strip_height(store: &Store) -> u16 {
    u16::try_from(store.transfers.len().min(STRIP)).unwrap_or(0)
}

/// Draws the transfers above the list of tasks, the newest ones last.
pub fn draw_strip(frame: &mut Frame, area: Rect, scene: &Scene) {
    let all = &scene.store.transfers;
    let hidden = all.len().saturating_sub(usize::from(area.height));
    for (line, transfer) in (area.y..area.bottom()).zip(&all[hidden..]) {
        draw_one(frame, Rect { y: line, height: 1, ..area }, transfer, false, scene.look);
    }
}

/// What is known of one in words: `42 %  1.2 GiB of 3 GiB  12 MiB/s  2m left`.
pub fn describe(t: &Transfer) -> String {
    if let Some(error) = &t.error {
        return error.to_string();
    }
    let offer = t.wire.file.as_ref().and_then(|f| f.offer.as_ref());
    let comes = t.wire.saved_file().is_some();
    match offer {
        None if comes && t.sent == 0 => return "waiting for the first bytes".into(),
        Some(offer) if t.sent == 0 => return format!("lies ready at {}, nobody has come yet", offer.address()),
        None if t.sent == 0 => return format!("waiting, {}", text::bytes_short(t.total)),
        _ => {}
    }
    let share = (t.sent as f64 / t.total.max(1) as f64 * 100.0).floor();
    let mut words = match t.total {
        // Archives are made on the way: nobody knows how long they get.
        0 => text::bytes_short(t.sent),
        total => format!("{share:.0} %  {} of {}", text::bytes_short(t.sent), text::bytes_short(total)),
    };
    if t.sent >= t.total && !comes {
        words.push_str(if offer.is_some() { "  fetched" } else { "  the server takes it in" });
        return words;
    }
    if let Some(rate) = t.rate {
        words.push_str(&format!("  {}", text::rate(rate)));
    }
    if let Some(eta) = t.eta {
        words.push_str(&format!("  {} left", text::duration(eta)));
    }
    words
}

fn draw_one(frame: &mut Frame, area: Rect, t: &Transfer, selected: bool, look: &Look) {
    let (glyph, role) = match t.error {
        Some(_) => (look.glyphs.failed, Role::Danger),
        None if t.wire.saved_file().is_some() => (look.glyphs.sort_down, Role::Accent),
        None => (look.glyphs.sort_up, Role::Accent),
    };
    let label = text::fit(&text::clean(&t.label), (usize::from(area.width) / 3).max(16), look.glyphs.ellipsis);
    let base = if selected { look.style(Role::Selected) } else { look.style(Role::Text) };
    let words = describe(t);
    let mut spans = vec![Span::styled(format!(" {glyph} "), look.style(role)), Span::styled(label, base)];
    let used: usize = spans.iter().map(Span::width).sum();
    let bar = if t.is_running() && t.total > 0 && area.width >= 100 { 16 } else { 0 };
    spans.push(Span::raw(" ".repeat(bar + 2)));
    let room = usize::from(area.width).saturating_sub(used + bar + 3);
    spans.push(Span::styled(
        text::cut(&text::clean(&words), room, look.glyphs.ellipsis).into_owned(),
        look.style(if t.is_running() { Role::Muted } else { Role::ErrorText }),
    ));
    frame.render_widget(Line::from(spans), area);
    if bar > 0 {
        let place = Rect { x: area.x + used as u16 + 1, width: bar as u16, ..area };
        let share = t.sent as f64 / t.total.max(1) as f64;
        chart::draw_bar(frame.buffer_mut(), place, share, look.style(Role::Accent), look);
    }
}

/// All transfers.
#[derive(Default)]
pub struct Transfers {
    at: usize,
}

impl Transfers {
    fn selected<'s>(&self, store: &'s Store) -> Option<&'s Transfer> {
        store.transfers.get(self.at.min(store.transfers.len().saturating_sub(1)))
    }

    fn is_running(&self, store: &Store) -> Ready {
        needs(self.selected(store).is_some_and(Transfer::is_running), "no transfer that runs is selected")
    }

    fn has_failed(&self, store: &Store) -> Ready {
        needs(self.selected(store).is_some_and(|t| !t.is_running()), "no transfer that has stopped is selected")
    }

    fn sends(&self, store: &Store) -> Ready {
        self.has_failed(store)?;
        let transfer = self.selected(store);
        needs(transfer.is_some_and(|t| t.wire.is_write()), "it is a download already")?;
        // A node would get the same wrong bytes.
        let unfit = transfer.is_some_and(|t| matches!(t.error, Some(ApiError::Unfit(_))));
        needs(!unfit, "it would get the same bytes, which are not the expected ones")
    }

    fn stop(&mut self, cx: &mut Cx<'_, ()>) {
        if let Some(file) = self.selected(cx.store()).and_then(|t| t.wire.file.as_ref()) {
            // Nothing on the server changes: it throws the part away that it has.
            file.meter.cancel();
            cx.toast(Level::Info, format!("{}: stopping", file.name));
        }
    }

    fn fetch(&mut self, cx: &mut Cx<'_, ()>) {
        if cx.refuses_changes() {
            return;
        }
        if let Some(dialog) = self.selected(cx.store()).and_then(|t| LetFetch::open(&t.wire)) {
            cx.open(dialog);
        }
    }

    fn again(&mut self, cx: &mut Cx<'_, ()>) {
        let Some(t) = self.selected(cx.store()) else { return };
        if let Some(file) = t.wire.saved_file().cloned() {
            let mut wire = t.wire.clone();
            wire.file = Some(Attachment { meter: Meter::default(), ..file.clone() });
            cx.emit(Effect::Dismiss { session: cx.session(), file });
            cx.emit(Effect::Download { session: cx.session(), label: t.label.clone(), wire });
            return;
        }
        // Every offer has a path of its own.
        if t.wire.body_file().is_none() {
            return self.fetch(cx);
        }
        if let Some(write) = repeat(t) {
            let mut proposal = Proposal::new(format!("{} again?", t.label), vec![write]).degree(Degree::Careful);
            proposal = proposal.note("It begins from the first byte: the server keeps nothing of a broken upload.");
            if t.error.as_ref().is_some_and(|e| !e.is_certainly_undone()) {
                proposal = proposal.note("The file may have arrived nevertheless: look into the storage first.");
            }
            cx.propose(proposal);
        }
    }

    fn dismiss(&mut self, cx: &mut Cx<'_, ()>) {
        if let Some(file) = self.selected(cx.store()).and_then(|t| t.wire.file.clone()) {
            cx.emit(Effect::Dismiss { session: cx.session(), file });
        }
    }
}

/// The same upload once more, with a count of its own.
fn repeat(t: &Transfer) -> Option<Write> {
    let old = t.wire.file.as_ref()?;
    let mut wire = t.wire.clone();
    wire.file = Some(Attachment { meter: Meter::default(), ..old.clone() });
    Some(Write {
        label: t.label.clone(),
        wire,
        guest: None,
        then: None,
        place: None,
        in_turn: false,
        needs_last: false,
    })
}

impl View for Transfers {
    type Msg = ();
    const NAME: &'static str = "Transfers";
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "transfer.stop",
            keys: "x",
            title: "Stop",
            footer: true,
            ready: Self::is_running,
            run: Self::stop,
        },
        Command {
            id: "transfer.again",
            keys: "a",
            title: "Start again",
            footer: true,
            ready: Self::has_failed,
            run: Self::again,
        },
        Command {
            id: "transfer.fetch",
            keys: "f",
            title: "Let the node fetch it",
            footer: true,
            ready: Self::sends,
            run: Self::fetch,
        },
        Command {
            id: "transfer.dismiss",
            keys: "delete",
            title: "Forget",
            footer: true,
            ready: Self::has_failed,
            run: Self::dismiss,
        },
    ];

    fn update(&mut self, (): (), _: &mut Cx<'_, ()>) {}

    fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, ()>) -> bool {
        let last = cx.store().transfers.len().saturating_sub(1);
        match key.code {
            KeyCode::Down | KeyCode::Char('j') => self.at = (self.at + 1).min(last),
            KeyCode::Up | KeyCode::Char('k') => self.at = self.at.min(last).saturating_sub(1),
            _ => return false,
        }
        true
    }

    fn crumb(&self, _: &Store) -> String {
        "Tasks > Transfers".into()
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let all = &scene.store.transfers;
        self.at = self.at.min(all.len().saturating_sub(1));
        if all.is_empty() {
            let words = " No file is on its way. Uploads begin in the lists of images and storages (u).";
            frame.render_widget(Line::styled(words, scene.look.style(Role::Muted)), Rect { height: 1, ..area });
            return;
        }
        let mut y = area.y;
        for (i, transfer) in all.iter().enumerate() {
            if y >= area.bottom() {
                return;
            }
            draw_one(frame, Rect { y, height: 1, ..area }, transfer, i == self.at, scene.look);
            y += 1;
            // The selected one says all that is known about its end.
            let error = transfer.error.as_ref().filter(|_| i == self.at);
            for line in
                error.map(|e| text::wrap(&text::clean(&e.explained()), usize::from(area.width) - 5)).unwrap_or_default()
            {
                if y < area.bottom() {
                    let line = Line::styled(format!("    {line}"), scene.look.style(Role::ErrorText));
                    frame.render_widget(line, Rect { y, height: 1, ..area });
                    y += 1;
                }
            }
        }
    }
}
