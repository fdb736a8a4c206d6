//! One method of the API: its documentation, a form for its parameters, and the call that comes out.

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyEvent, MouseEvent};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::Paragraph,
};

use super::{AnswerView, form, role};
use crate::{
    api::{
        ApiError, Request,
        schema::{Answer, MethodDoc, Parameter},
    },
    shell::{Command, Cx, Degree, Level, Proposal, Scene, View, always, copy},
    store::Store,
    ui::{Form, FormEvent, Role, Viewer, text},
};

/// Columns from which the documentation stands beside the form.
const WIDE: u16 = 100;

/// What this view hears back.
pub enum Msg {
    /// A change was answered.
    Written(Result<Answer, ApiError>),
}

/// The view of one method.
pub struct MethodView {
    doc: MethodDoc,
    form: Form,
    /// Complaints that belong to no field.
    error: Option<String>,
    /// The documentation in place of the form.
    manual: Option<Viewer>,
    leaving: bool,
}

impl MethodView {
    /// A method with an empty form.
    pub fn new(doc: MethodDoc, store: &Store) -> Self {
        let form = form::form(&doc, store);
        Self { doc, form, error: None, manual: None, leaving: false }
    }

    fn request(&self) -> Request<Answer> {
        self.doc.request(&form::values(&self.doc, &self.form))
    }

    fn send(&mut self, cx: &mut Cx<'_, Msg>) {
        self.error = None;
        if self.doc.is_upload() {
            self.error = Some("A file goes along with this call: upload it from the list of ISO images.".into());
            return;
        }
        if self.doc.is_stream() {
            self.error = Some("This call opens a websocket for a console; it has no answer to show.".into());
            return;
        }
        if !self.form.validate() {
            return;
        }
        let wrong = form::problems(&self.doc, &self.form);
        if !wrong.is_empty() {
            self.complain(wrong);
            return;
        }
        let request = self.request();
        if !request.wire.is_write() {
            cx.open(AnswerView::asking(request));
            return;
        }
        let what = format!("{} {}", request.wire.method, request.wire.path);
        let about = self.doc.description.lines().next().unwrap_or_default().to_owned();
        let write = cx.hear(short(&request), request, Msg::Written);
        let mut proposal = Proposal::new(format!("Send {what}?"), vec![write]).degree(Degree::Careful);
        if !about.is_empty() {
            proposal = proposal.note(about);
        }
        cx.propose(proposal);
    }

    /// Puts errors beside their fields; the others above the form.
    fn complain(&mut self, errors: BTreeMap<String, String>) {
        let placed = errors.into_iter().map(|(name, why)| (form::field_of(&self.doc, &self.form, &name), why));
        let rest = self.form.set_errors(placed.collect());
        let rest: Vec<String> = rest.into_iter().map(|(name, why)| format!("{name}: {why}")).collect();
        if !rest.is_empty() {
            self.error = Some(rest.join("; "));
        }
    }

    fn copy(&mut self, cx: &mut Cx<'_, Msg>) {
        copy::menu(vec![self.request().wire], cx);
    }

    fn show_manual(&mut self, _: &mut Cx<'_, Msg>) {
        self.manual = match self.manual {
            Some(_) => None,
            None => Some(Viewer::of(&manual(&self.doc)).wrapped()),
        };
    }

    /// A guest's node is known.
    fn follow_guest(&mut self, key: &str, store: &Store) {
        let vmid = self.form.values().get("vmid").parse::<u32>().ok().filter(|_| key == "vmid");
        let guest = vmid.and_then(|id| store.resources.guests.iter().find(|g| g.vmid.get() == id));
        if let Some(guest) = guest
            && self.doc.path.contains("{node}")
        {
            self.form.set("node", guest.node.as_str());
        }
    }

    /// The parameter whose field has the focus.
    fn focused(&self) -> Option<&Parameter> {
        let key = self.form.focused();
        let name = key.split_once(']').map_or(key.clone(), |(name, _)| format!("{name}]"));
        self.doc.parameters.iter().find(|p| p.name == name)
    }

    /// Documentation of the method and of the field with the focus, for the side.
    fn side(&self, width: u16, look: &crate::ui::Look) -> Vec<Line<'static>> {
        let room = usize::from(width).max(10);
        let mut lines = vec![];
        let mut add = |content: &str, role: Role| {
            for line in content.lines().flat_map(|l| text::wrap(&text::clean(l), room)) {
                lines.push(Line::styled(line, look.style(role)));
            }
        };
        if let Some(p) = self.focused() {
            add(&p.name, Role::Title);
            add(&p.rule(), Role::Accent);
            add(
                if p.description.is_empty() { "The server says no more about it." } else { &p.description },
                Role::Text,
            );
            if let Some(typetext) = &p.typetext {
                add(typetext, Role::Muted);
            }
            p.keys.iter().for_each(|key| add(key, Role::Muted));
            add(" ", Role::Text);
        }
        add(&format!("{} {}", self.doc.method, self.doc.path), Role::Title);
        add(&self.doc.description, Role::Text);
        add(&format!("May call: {}", self.doc.permission), Role::Muted);
        if !self.doc.token {
            add("Not with an API token.", Role::Warning);
        }
        if !self.doc.returns.is_empty() {
            add(&format!("Answers: {}", self.doc.returns), Role::Muted);
        }
        lines
    }
}

/// A call's name for messages, which have little room: its method and the end of its path.
fn short(request: &Request<Answer>) -> String {
    let wire = &request.wire;
    let path = percent_encoding::percent_decode_str(&wire.path).decode_utf8_lossy();
    let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
    match parts.as_slice() {
        [.., above, last] if parts.len() > 3 => format!("{} .../{above}/{last}", wire.method),
        _ => format!("{} {path}", wire.method),
    }
}

/// All that the server says about a method, as text.
pub fn manual(doc: &MethodDoc) -> String {
    let mut out = format!("{} {}\n\n", doc.method, doc.path);
    if !doc.description.is_empty() {
        out.push_str(&format!("{}\n\n", doc.description.trim()));
    }
    out.push_str(&format!("May call: {}\n", doc.permission));
    if !doc.token {
        out.push_str("Not with an API token.\n");
    }
    if !doc.returns.is_empty() {
        out.push_str(&format!("Answers: {}\n", doc.returns));
    }
    for p in &doc.parameters {
        let must = if p.in_path {
            " (in the path)"
        } else if p.required {
            " (required)"
        } else {
            ""
        };
        out.push_str(&format!("\n{}{must}\n    {}\n", p.name, p.rule()));
        p.description.lines().for_each(|line| out.push_str(&format!("    {line}\n")));
        p.keys.iter().for_each(|key| out.push_str(&format!("      {key}\n")));
    }
    out
}

impl View for MethodView {
    type Msg = Msg;
    const NAME: &'static str = "API method";
    const COMMANDS: &'static [Command<Self>] = &[
        Command { id: "apicall.send", keys: "f5 ctrl-s", title: "Send", footer: true, ready: always, run: Self::send },
        Command {
            id: "apicall.manual",
            keys: "ctrl-o",
            title: "Documentation",
            footer: true,
            ready: always,
            run: Self::show_manual,
        },
        Command {
            id: "apicall.copy",
            keys: "ctrl-y",
            title: "Copy the call",
            footer: true,
            ready: always,
            run: Self::copy,
        },
    ];

    fn update(&mut self, msg: Msg, cx: &mut Cx<'_, Msg>) {
        let Msg::Written(answer) = msg;
        match answer {
            // The task's own messages tell about tasks; nothing at all needs no page.
            Ok(answer) if answer.data.is_null() || answer.data.is_string() && answer.upid().is_some() => {}
            Ok(answer) => cx.open(AnswerView::of(format!("{} {}", self.doc.method, self.doc.path), answer)),
            Err(ApiError::Refused(refusal)) if !refusal.errors.is_empty() => self.complain(refusal.errors),
            Err(error) => self.error = Some(error.explained()),
        }
    }

    fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, Msg>) -> bool {
        if let Some(manual) = &mut self.manual {
            let used = manual.key(key);
            let leaves = !used && key.code == KeyCode::Esc;
            if leaves {
                self.manual = None;
            }
            return used || leaves;
        }
        match self.form.key(key) {
            FormEvent::Ignored if key.code == KeyCode::Esc && self.form.is_dirty() && !self.leaving => {
                self.leaving = true;
                cx.toast(Level::Info, "What was typed is not sent. Esc again to leave");
                return true;
            }
            FormEvent::Ignored => return false,
            FormEvent::Submit => self.send(cx),
            FormEvent::Changed(key) => self.follow_guest(&key, cx.store()),
            FormEvent::Used => {}
        }
        self.leaving = false;
        true
    }

    fn mouse(&mut self, event: MouseEvent, cx: &mut Cx<'_, Msg>) {
        if let Some(manual) = &mut self.manual {
            manual.mouse(event);
        } else if self.form.mouse(event) == FormEvent::Submit {
            self.send(cx);
        }
    }

    fn paste(&mut self, text: &str, _: &mut Cx<'_, Msg>) {
        match &mut self.manual {
            Some(manual) => drop(manual.paste(text)),
            None => drop(self.form.paste(text)),
        }
    }

    fn crumb(&self, _: &Store) -> String {
        format!("API > {} {}", self.doc.method, self.doc.path)
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        if let Some(manual) = &mut self.manual {
            manual.draw(frame, area, look);
            return;
        }
        let wide = area.width >= WIDE;
        let call = self.request().wire.to_string();
        let call = text::wrap(&text::clean(&call), usize::from(area.width).max(12) - 2);
        let call_height = u16::try_from(call.len()).unwrap_or(1).min(4);
        let error = self.error.as_deref().map(|e| text::wrap(&text::clean(e), usize::from(area.width).max(12) - 2));
        let error = error.unwrap_or_default();
        let error_height = u16::try_from(error.len()).unwrap_or(1).min(4);
        let [head, top, body, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(error_height),
            Constraint::Min(3),
            Constraint::Length(call_height + 1),
        ])
        .areas(area);
        let title = Line::from(vec![
            Span::styled(format!(" {} ", self.doc.method), look.style(role(self.doc.method))),
            Span::styled(self.doc.path.clone(), look.style(Role::Title)),
        ]);
        frame.render_widget(Paragraph::new(title), head);
        let red = |line: &String| Line::styled(format!(" {line}"), look.style(Role::ErrorText));
        frame.render_widget(Paragraph::new(error.iter().map(red).collect::<Vec<_>>()), top);

        let (left, right) = if wide {
            let [left, right] =
                Layout::horizontal([Constraint::Percentage(55), Constraint::Percentage(45)]).areas(body);
            (left, right)
        } else {
            let about = if body.height >= 14 { 5 } else { 0 };
            let [left, right] = Layout::vertical([Constraint::Min(3), Constraint::Length(about)]).areas(body);
            (left, right)
        };
        let block = look.block("Parameters", true);
        let inner = block.inner(left);
        frame.render_widget(block, left);
        self.form.draw_fields(frame, inner, look, scene.now.millis(), true);
        if right.height > 2 {
            let block = look.block("Documentation (ctrl-o)", false);
            let inner = block.inner(right);
            frame.render_widget(block, right);
            frame.render_widget(Paragraph::new(self.side(inner.width, look)), inner);
        }
        let mut lines = vec![Line::styled(" The call:", look.style(Role::Muted))];
        lines.extend(call.iter().take(4).map(|l| Line::styled(format!(" {l}"), look.style(Role::Accent))));
        frame.render_widget(Paragraph::new(lines), foot);
        self.form.draw_choices(frame, area, look, scene.now.millis());
    }
}
