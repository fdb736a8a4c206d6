//! Changes that need input: one host for all dialogs and wizards. A feature describes what it asks for ([`Ask`]); the
//! host shows it, sends once, and brings the server's complaints to their fields.

mod preset;
#[cfg(test)]
mod tests;

use std::{cell::Cell, collections::BTreeMap};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent};
use ratatui::{
    Frame,
    layout::{Constraint, Rect},
    text::{Line, Span},
    widgets::{Clear, Paragraph},
};

use super::{
    command::{Command, always, needs},
    confirm::Proposal,
    context::{Cx, Scene},
    copy,
    effect::{Effect, LayerId, Reply, Write},
    layer::Hosted,
    picker::{Pick, Picker},
    view::View,
};
use crate::{
    api::{ApiError, Wire, preview},
    store::Store,
    ui::{Look, Role, Values, Wizard, WizardEvent, text},
};

/// Widest dialog of one page.
const WIDEST: u16 = 84;

/// What a dialog hears back.
pub enum Msg<M> {
    /// Something for what it asks.
    Own(M),
    /// Changes were confirmed; so many answers are awaited.
    Confirmed(usize),
    /// A change was answered.
    Answered(Wire, Result<(), ApiError>),
    /// Throw away what was typed.
    Leave,
    /// The presets that there are.
    Presets(preset::Listed),
    /// Fill these values in, or say why there are none.
    Fill(Result<Vec<(String, String)>, String>),
}

impl<M> From<M> for Msg<M> {
    fn from(own: M) -> Self {
        Self::Own(own)
    }
}

/// What a dialog asks for, and the change that comes of it.
pub trait Ask: Sized + Send + 'static {
    /// What it hears back: lists for its pickers, checks. Send with `cx.send(request, MyMsg::Came)`.
    type Msg: Send + 'static;
    /// Its name, for help and documentation.
    const NAME: &'static str;
    /// Switches of the last page: a key, the field, its label.
    const SWITCHES: &'static [(char, &'static str, &'static str)] = &[];
    /// True when the change takes long to be sent (files): the dialog does not wait for the answer.
    const DETACHED: bool = false;
    /// True when its values are worth keeping as presets; wizards with several pages always have them.
    const PRESETS: bool = false;

    /// The title of the frame.
    fn title(&self) -> String;
    /// It is on the screen: ask for what the pickers offer.
    fn opened(&mut self, _wizard: &mut Wizard, _cx: &mut Cx<'_, Msg<Self::Msg>>) {}
    /// An answer.
    fn update(&mut self, msg: Self::Msg, wizard: &mut Wizard, cx: &mut Cx<'_, Msg<Self::Msg>>);
    /// The field with this key has another value now.
    fn changed(&mut self, _key: &str, _wizard: &mut Wizard, _cx: &mut Cx<'_, Msg<Self::Msg>>) {}
    /// The store has news.
    fn refreshed(&mut self, _wizard: &mut Wizard, _cx: &mut Cx<'_, Msg<Self::Msg>>) {}
    /// The change that these values make; `None` while something is missing, or when nothing would change.
    fn proposal(&self, wizard: &Wizard, store: &Store) -> Option<Proposal>;
    /// What is worth reading below the calls of the last page.
    fn appendix(&self) -> Vec<String> {
        vec![]
    }
    /// All changes were accepted; the dialog goes.
    fn done(&mut self, _wizard: &Wizard, _cx: &mut Cx<'_, Msg<Self::Msg>>) {}
    /// The field that answers for a parameter of the call.
    fn field_of(&self, parameter: &str, _values: &Values) -> String {
        parameter.to_owned()
    }
    /// The field that a complaint is about which names no parameter.
    fn field_of_text(&self, _text: &str, _values: &Values) -> Option<String> {
        None
    }
    /// The server refused a change. True when that is dealt with otherwise than by showing it in the dialog.
    fn refused(&mut self, _error: &ApiError, _wizard: &Wizard, _cx: &mut Cx<'_, Msg<Self::Msg>>) -> bool {
        false
    }
}

/// The host of an [`Ask`]: a dialog of one page that leads to the confirmation, or a wizard that fills the screen and
/// shows the calls on its last page.
pub struct Dialog<A: Ask> {
    ask: A,
    wizard: Wizard,
    /// Changes that are on their way.
    sending: usize,
    /// Changes that were accepted while others were not: they are not sent again.
    done: Vec<Wire>,
    /// The server has refused the last change, and nothing was typed since: what is said is about that, and no reason why
    /// there is nothing to send.
    was_refused: bool,
    scroll: u16,
    /// Lines of the last page that don't fit.
    beyond: u16,
    /// Where lists of choices may be drawn: the whole content but its last line, as [`View::place`] was told.
    room: Cell<Rect>,
}

impl<A: Ask> Dialog<A> {
    /// Asks with this wizard ([`Wizard::single`] for one page).
    pub fn new(ask: A, wizard: Wizard) -> Self {
        Self { ask, wizard, sending: 0, done: vec![], was_refused: false, scroll: 0, beyond: 0, room: Cell::default() }
    }

    /// What it asks for, and the fields.
    pub fn parts(&mut self) -> (&mut A, &mut Wizard) {
        (&mut self.ask, &mut self.wizard)
    }

    /// What would be sent now: without what has already been accepted.
    pub fn proposal(&self, store: &Store) -> Option<Proposal> {
        let mut proposal = self.ask.proposal(&self.wizard, store)?;
        proposal.writes.retain(|w| !self.done.contains(&w.wire));
        Some(proposal)
    }

    // ---- without a screen: the command line fills the same dialogs in ----

    /// See [`View::opened`].
    pub fn open_unseen(&mut self, scene: Scene) -> Vec<Effect> {
        self.unseen(scene, View::opened)
    }

    /// See [`View::update`]; messages of other dialogs are dropped.
    pub fn reply_unseen(&mut self, reply: Reply, scene: Scene) -> Vec<Effect> {
        self.unseen(scene, |dialog, cx| {
            if let Ok(msg) = reply.downcast() {
                View::update(dialog, *msg, cx);
            }
        })
    }

    /// Sets a field as if it were typed; `None` when there is no such field.
    pub fn fill_unseen(&mut self, key: &str, value: &str, scene: Scene) -> Option<Vec<Effect>> {
        self.wizard.fill(key, value).then(|| {
            self.unseen(scene, |dialog, cx| {
                dialog.handle(WizardEvent::FieldChanged(key.to_owned()), cx);
            })
        })
    }

    /// Fills a preset in; see [`Dialog::fill_unseen`].
    pub fn load_unseen(&mut self, values: &[(String, String)], scene: Scene) -> Vec<Effect> {
        self.unseen(scene, |dialog, cx| dialog.fill(values, cx))
    }

    fn unseen(&mut self, scene: Scene, act: impl FnOnce(&mut Self, &mut Cx<'_, Msg<A::Msg>>)) -> Vec<Effect> {
        let mut effects = vec![];
        act(self, &mut Cx::new(LayerId::NONE, scene, &mut effects));
        effects
    }

    fn finish(&mut self, cx: &mut Cx<'_, Msg<A::Msg>>) {
        if self.sending > 0 || cx.refuses_changes() {
            return;
        }
        // Nothing is sent before the last page has shown the calls.
        if !self.wizard.is_single() && !self.wizard.is_on_last() {
            self.wizard.go(self.wizard.len());
            return;
        }
        // Why nothing can be sent may be written there already.
        let said = self.wizard.trouble().filter(|_| !self.was_refused).map(str::to_owned);
        self.wizard.set_trouble(None);
        let Some(mut proposal) = self.proposal(cx.store()).filter(|p| !p.writes.is_empty()) else {
            self.wizard.set_trouble(Some(said.unwrap_or_else(|| "Nothing would change.".into())));
            return;
        };
        // What goes in turn may take long: the dialog does not wait for it.
        let mut heard = 0;
        for write in proposal.writes.iter_mut().filter(|w| !w.in_turn) {
            listen::<A::Msg>(write, cx);
            heard += 1;
        }
        if self.wizard.is_single() {
            proposal.yes = Some(cx.reply_effect(Msg::Confirmed(heard)));
            cx.propose(proposal);
        } else {
            self.confirmed(heard, cx);
            cx.send_confirmed(proposal);
        }
    }

    /// So many answers are awaited; without any there is nothing left to do here.
    fn confirmed(&mut self, awaited: usize, cx: &mut Cx<'_, Msg<A::Msg>>) {
        self.sending = awaited;
        if awaited == 0 {
            cx.close();
        }
    }

    fn answered(&mut self, wire: Wire, result: Result<(), ApiError>, cx: &mut Cx<'_, Msg<A::Msg>>) {
        self.sending = self.sending.saturating_sub(1);
        self.was_refused |= result.is_err();
        match result {
            Ok(()) => self.done.push(wire),
            Err(error) if self.ask.refused(&error, &self.wizard, cx) => return,
            Err(error) => self.refused(&error),
        }
        let left = self.proposal(cx.store()).map_or(0, |p| p.writes.len());
        if self.sending == 0 && left == 0 && self.wizard.trouble().is_none() && !self.done.is_empty() {
            preset::remember(self, cx);
            self.ask.done(&self.wizard, cx);
            cx.close();
        }
    }

    fn refused(&mut self, error: &ApiError) {
        let (mut errors, values) = (BTreeMap::new(), self.wizard.known());
        if let ApiError::Refused(refusal) = error {
            for (parameter, why) in &refusal.errors {
                errors.insert(self.ask.field_of(parameter, &values), why.clone());
            }
            if errors.is_empty()
                && let Some(field) = self.ask.field_of_text(&refusal.message, &values)
            {
                errors.insert(field, refusal.message.clone());
            }
        }
        let left = self.wizard.set_errors(errors);
        let rest: Vec<String> = left.iter().map(|(key, why)| format!("{key}: {why}")).collect();
        self.wizard.set_trouble(Some(if rest.is_empty() { error.explained() } else { rest.join("; ") }));
    }

    fn cancel(&mut self, dirty: bool, cx: &mut Cx<'_, Msg<A::Msg>>) {
        if !dirty {
            cx.close();
            return;
        }
        let leave = cx.reply_effect(Msg::Leave);
        let (stay, go) = match self.sending {
            0 => ("No, go on", "Yes, throw it away"),
            _ => ("No, wait for the answer", "Yes: the answer comes as a message"),
        };
        let keep = Pick::closing(stay).letter('n');
        let throw = Pick::new(go, move || leave).letter('y');
        let question = if self.sending > 0 {
            "Leave? The call is on its way all the same."
        } else {
            "Leave? What was typed is lost."
        };
        cx.emit(Hosted::open(Picker::menu(question, vec![keep, throw])));
    }

    fn handle(&mut self, event: WizardEvent, cx: &mut Cx<'_, Msg<A::Msg>>) -> bool {
        match event {
            WizardEvent::Ignored => return false,
            WizardEvent::Stay => {}
            WizardEvent::StepEntered(_) => self.scroll = 0,
            WizardEvent::Cancelled { dirty } => self.cancel(dirty, cx),
            WizardEvent::Finish => self.finish(cx),
            WizardEvent::FieldChanged(key) => {
                self.wizard.set_trouble(None);
                self.was_refused = false;
                self.ask.changed(&key, &mut self.wizard, cx);
                self.wizard.share();
            }
        }
        true
    }

    fn copy(&mut self, cx: &mut Cx<'_, Msg<A::Msg>>) {
        let proposal = self.proposal(cx.store());
        let wires: Vec<Wire> = proposal.into_iter().flat_map(|p| p.writes).map(|w| w.wire).collect();
        copy::menu(wires, cx);
    }

    fn key_on_last(&mut self, key: KeyEvent) -> bool {
        match key.code {
            KeyCode::Down | KeyCode::Char('j') => self.scroll = (self.scroll + 1).min(self.beyond),
            KeyCode::Up | KeyCode::Char('k') => self.scroll = self.scroll.saturating_sub(1),
            KeyCode::Char(c) => {
                let Some((_, field, _)) = A::SWITCHES.iter().find(|(key, ..)| *key == c) else { return false };
                let value = if self.wizard.values().is_on(field) { "0" } else { "1" };
                self.wizard.set(field, value);
            }
            _ => return false,
        }
        true
    }

    /// The calls, their parameters line by line, and the same as `pvesh` lines.
    fn last_page(&self, store: &Store, width: usize, look: &Look) -> Vec<Line<'static>> {
        let mut head = vec![Span::styled("This will be sent:", look.style(Role::Title))];
        for (key, field, label) in A::SWITCHES {
            let mark = if self.wizard.values().is_on(field) { "[x]" } else { "[ ]" };
            head.push(Span::styled(format!("   {key}"), look.style(Role::Key)));
            head.push(Span::styled(format!(" {mark} {label}"), look.style(Role::Muted)));
        }
        let mut lines = vec![Line::from(head), Line::raw("")];
        let Some(proposal) = self.proposal(store) else {
            lines.push(Line::styled("Something is missing: see the marked steps.", look.style(Role::ErrorText)));
            return lines;
        };
        if !self.wizard.is_valid() {
            let words = "Not yet: the marked steps have mistakes.";
            lines[0] = Line::styled(words, look.style(Role::ErrorText));
        }
        for note in proposal.notes.iter().chain(&proposal.lacks(store)) {
            for part in text::wrap(&text::clean(note), width) {
                lines.push(Line::styled(part, look.style(Role::Warning)));
            }
        }
        for Write { wire, .. } in &proposal.writes {
            lines.push(Line::styled(format!("{} {}", wire.method, wire.path), look.style(Role::Accent)));
            for p in &wire.params {
                let shown = format!("{}={}", p.name, text::clean(p.shown()));
                for (i, part) in text::wrap(&shown, width.saturating_sub(4).max(10)).into_iter().enumerate() {
                    let indent = if i == 0 { "  " } else { "    " };
                    lines.push(Line::from(vec![Span::raw(indent), Span::styled(part, look.style(Role::Text))]));
                }
            }
            lines.push(Line::raw(""));
            for part in text::wrap(&preview::pvesh(wire), width) {
                lines.push(Line::styled(part, look.style(Role::Muted)));
            }
            lines.push(Line::raw(""));
        }
        for line in self.ask.appendix() {
            for part in text::wrap(&text::clean(&line), width) {
                lines.push(Line::styled(part, look.style(Role::Muted)));
            }
        }
        lines
    }

    fn draw_last(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let lines = self.last_page(scene.store, usize::from(area.width).max(20), look);
        let height = area.height.saturating_sub(1);
        self.beyond = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_sub(height);
        self.scroll = self.scroll.min(self.beyond);
        frame.render_widget(Paragraph::new(lines).scroll((self.scroll, 0)), Rect { height, ..area });
        let more = self.beyond - self.scroll;
        let words = match (self.sending, more) {
            (1.., _) => "Sending".to_owned() + look.glyphs.ellipsis,
            (0, 0) => "Enter: send".to_owned(),
            (0, more) => format!("Enter: send   (+{more} lines: j/k)"),
        };
        let place = Rect { y: area.y + height, height: area.height - height, ..area };
        frame.render_widget(Line::styled(words, look.style(Role::Key)), place);
    }
}

/// The key that goes on with a form.
fn is_send(key: KeyEvent) -> bool {
    key.code == KeyCode::Char('s')
}

/// Lets the dialog hear what comes of a change.
fn listen<M: Send + 'static>(write: &mut Write, cx: &Cx<'_, Msg<M>>) {
    let (id, wire) = (cx.id, write.wire.clone());
    write.then = Some((
        id,
        Box::new(move |answer: Result<bytes::Bytes, ApiError>| {
            Box::new(Msg::<M>::Answered(wire, answer.map(drop))) as Reply
        }),
    ));
}

impl<A: Ask> View for Dialog<A> {
    type Msg = Msg<A::Msg>;
    const NAME: &'static str = A::NAME;
    const DIALOG: bool = true;
    const COMMANDS: &'static [Command<Self>] = &[
        Command {
            id: "dialog.copy",
            keys: "ctrl-y",
            title: "Copy the call",
            footer: true,
            ready: always,
            run: Self::copy,
        },
        Command {
            id: "dialog.presets",
            keys: "f6",
            title: "Presets",
            footer: true,
            ready: |d, _| needs(d.has_presets(), "this dialog has none"),
            run: Self::presets,
        },
    ];

    fn opened(&mut self, cx: &mut Cx<'_, Self::Msg>) {
        self.ask.opened(&mut self.wizard, cx);
        self.wizard.share();
    }

    fn refreshed(&mut self, cx: &mut Cx<'_, Self::Msg>) {
        let said = self.wizard.trouble().map(str::to_owned);
        self.ask.refreshed(&mut self.wizard, cx);
        self.was_refused &= self.wizard.trouble() == said.as_deref();
        self.wizard.share();
    }

    fn update(&mut self, msg: Self::Msg, cx: &mut Cx<'_, Self::Msg>) {
        match msg {
            Msg::Own(msg) => {
                self.ask.update(msg, &mut self.wizard, cx);
                self.wizard.share();
            }
            Msg::Confirmed(_) if A::DETACHED => cx.close(),
            Msg::Confirmed(changes) => self.confirmed(changes, cx),
            Msg::Answered(wire, result) => self.answered(wire, result, cx),
            Msg::Leave => cx.close(),
            Msg::Presets(listed) => self.preset_menu(listed, cx),
            Msg::Fill(Ok(values)) => self.fill(&values, cx),
            Msg::Fill(Err(why)) => self.wizard.set_trouble(Some(why)),
        }
    }

    fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, Self::Msg>) -> bool {
        if self.sending > 0 {
            // What was sent is what is shown, until the answer has come.
            if key.code == KeyCode::Esc {
                self.cancel(true, cx);
            }
            return !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) || is_send(key);
        }
        let event = self.wizard.key(key);
        if event == WizardEvent::Ignored && self.wizard.is_on_last() {
            return self.key_on_last(key);
        }
        self.handle(event, cx)
    }

    fn mouse(&mut self, event: MouseEvent, cx: &mut Cx<'_, Self::Msg>) {
        if self.sending == 0 {
            let event = self.wizard.mouse(event);
            self.handle(event, cx);
        }
    }

    fn paste(&mut self, text: &str, cx: &mut Cx<'_, Self::Msg>) {
        if self.sending == 0 {
            let event = self.wizard.paste(text);
            self.handle(event, cx);
        }
    }

    fn crumb(&self, _: &Store) -> String {
        A::NAME.into()
    }

    fn place(&self, area: Rect) -> Rect {
        self.room.set(Rect { height: area.height.saturating_sub(1), ..area });
        if !self.wizard.is_single() {
            return area;
        }
        let width = WIDEST.min(area.width);
        let form = self.wizard.form(0).map_or(0, |form| form.height(width.saturating_sub(2)));
        // The frame, the line of keys, and room for a message.
        let height =
            form.saturating_add(if self.wizard.trouble().is_some() { 6 } else { 3 }).clamp(8, area.height.max(8));
        area.centered(Constraint::Length(width), Constraint::Length(height.min(area.height)))
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let title = text::clean(&self.ask.title()).into_owned();
        let block =
            look.block(text::cut(&title, usize::from(area.width.saturating_sub(6)), look.glyphs.ellipsis), true);
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let mut page = None;
        let room = self.room.get();
        self.wizard.draw(frame, inner, room, look, scene.now.millis(), |_, area| page = Some(area));
        if self.sending > 0 && self.wizard.is_single() {
            let line = Rect { y: inner.bottom().saturating_sub(1), height: 1.min(inner.height), ..inner };
            frame.render_widget(Clear, line);
            let words = format!(" Sending{}  Esc: leave it to itself", look.glyphs.ellipsis);
            frame.render_widget(Line::styled(words, look.style(Role::Accent)), line);
        }
        if let Some(area) = page {
            self.draw_last(frame, area, scene);
        }
    }
}
