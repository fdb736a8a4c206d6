//! Several forms as named steps, and a last page drawn by the caller (what will be sent). Nothing typed is ever lost by
//! moving about; wrong steps are marked, not locked.

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};
use ratatui::{Frame, buffer::Buffer};
use secrecy::SecretString;

use super::{Choices, Form, FormEvent, Key, Look, Millis, Outline, Role, Values, text};

/// From this width on the steps are a list at the left.
const WIDE: u16 = 100;
/// Width of that list.
const LIST: u16 = 24;

/// What a key or click did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WizardEvent {
    /// Not for the wizard; on the last page the caller may scroll with it.
    Ignored,
    /// Handled; draw again.
    Stay,
    /// Esc. `dirty`: something was typed, so ask before throwing it away.
    Cancelled {
        /// Something was typed or chosen.
        dirty: bool,
    },
    /// All steps are valid and the user wants it.
    Finish,
    /// Another step is shown; `len()` is the last page.
    StepEntered(usize),
    /// The field with this key has another value now.
    FieldChanged(String),
}

struct Step {
    title: String,
    form: Form,
    /// Left at least once: it is marked as right or wrong from then on.
    seen: bool,
}

/// The state of a wizard.
pub struct Wizard {
    steps: Vec<Step>,
    last_title: String,
    /// What all forms' conditions and checks see besides the steps' values.
    facts: Values,
    at: usize,
    /// One form and no last page.
    single: bool,
    /// What is wrong without any field being to blame.
    trouble: Option<String>,
    hits: Vec<(Rect, usize)>,
}

impl Default for Wizard {
    fn default() -> Self {
        Self {
            steps: Vec::new(),
            last_title: "Confirm".into(),
            facts: Values::default(),
            at: 0,
            single: false,
            trouble: None,
            hits: Vec::new(),
        }
    }
}

impl Wizard {
    /// A wizard without steps.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a step.
    pub fn step(mut self, title: &str, form: Form) -> Self {
        self.steps.push(Step { title: title.into(), form, seen: false });
        self.share();
        self
    }

    /// One form without steps and without a last page: an ordinary dialog.
    pub fn single(form: Form) -> Self {
        Self { single: true, ..Self::new().step("", form) }
    }

    /// True for one form without a last page.
    pub fn is_single(&self) -> bool {
        self.single
    }

    /// Shows above the page what is wrong without any field being to blame; `None` takes it away.
    pub fn set_trouble(&mut self, trouble: Option<String>) {
        self.trouble = trouble;
    }

    /// What [`Wizard::set_trouble`] said.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Names the last page; it is called "Confirm" otherwise.
    pub fn last(mut self, title: &str) -> Self {
        self.last_title = title.into();
        self
    }

    /// The number of steps without the last page.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// True when there is no step.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The step that is shown; [`Wizard::len`] is the last page.
    pub fn at(&self) -> usize {
        self.at
    }

    /// True while the last page is shown.
    pub fn is_on_last(&self) -> bool {
        self.at >= self.steps.len()
    }

    /// The form of a step.
    pub fn form(&self, step: usize) -> Option<&Form> {
        self.steps.get(step).map(|s| &s.form)
    }

    /// The form of a step, to change it. Call [`Wizard::share`] after setting values.
    pub fn form_mut(&mut self, step: usize) -> Option<&mut Form> {
        self.steps.get_mut(step).map(|s| &mut s.form)
    }

    /// The step that has a field with this key.
    pub fn step_of(&self, key: &str) -> Option<usize> {
        self.steps.iter().position(|s| s.form.has(key))
    }

    /// Sets the choices of all selects with this key.
    pub fn set_choices(&mut self, key: &str, choices: impl Into<Choices>) {
        let choices = choices.into();
        for step in &mut self.steps {
            step.form.set_choices(key, choices.clone());
        }
        self.share();
    }

    /// Sets a field's value wherever it is; false when no step has it.
    pub fn set(&mut self, key: &str, value: &str) -> bool {
        let known = self.steps.iter_mut().any(|s| s.form.set(key, value));
        self.share();
        known
    }

    /// Sets a field by its key, with as many items of its group as that needs; false when no step has it.
    pub fn fill(&mut self, key: &str, value: &str) -> bool {
        let known = self.steps.iter_mut().any(|s| s.form.fill(key, value));
        self.share();
        known
    }

    /// All fields of all steps.
    pub fn outline(&self) -> Vec<Outline> {
        self.steps.iter().flat_map(|s| s.form.outline()).collect()
    }

    /// What is wrong, by field.
    pub fn errors(&self) -> BTreeMap<String, String> {
        self.steps.iter().flat_map(|s| s.form.errors()).collect()
    }

    /// Sets a field's value and its default wherever it is; false when no step has it.
    pub fn set_initial(&mut self, key: &str, value: &str) -> bool {
        let known = self.steps.iter_mut().any(|s| s.form.set_initial(key, value));
        self.share();
        known
    }

    /// Sets a default that suits other values better; see [`Form::set_default`].
    pub fn set_default(&mut self, key: &str, value: &str) -> bool {
        self.steps.iter_mut().any(|s| s.form.set_default(key, value))
    }

    /// Sets a better default for a field of all items of a group; see [`Form::set_default`].
    pub fn set_default_of_items(&mut self, group: &str, key: &str, value: &str) -> bool {
        self.steps.iter_mut().any(|s| s.form.set_default_of_items(group, key, value))
    }

    /// Sets something that the conditions and checks of all steps see: what the cluster has, for example.
    pub fn set_fact(&mut self, key: impl AsRef<str>, value: impl AsRef<str>) {
        self.facts.set(key.as_ref(), value.as_ref());
    }

    /// Facts and the values of all steps.
    pub fn known(&self) -> Values {
        let mut values = self.values();
        values.extend(self.facts.clone());
        values
    }

    /// The values of all steps in order, without secrets.
    pub fn values(&self) -> Values {
        let mut values = Values::default();
        self.steps.iter().for_each(|s| values.extend(s.form.values()));
        values
    }

    /// The changed values of all steps; see [`Form::changed`].
    pub fn changed(&self) -> Values {
        let mut values = Values::default();
        self.steps.iter().for_each(|s| values.extend(s.form.changed()));
        values
    }

    /// The values of a group's items; see [`Form::group_values`].
    pub fn group_values(&self, key: &str) -> Vec<Values> {
        self.step_with_group(key).map(|s| s.form.group_values(key)).unwrap_or_default()
    }

    fn step_with_group(&self, key: &str) -> Option<&Step> {
        self.steps.iter().find(|s| s.form.has(key))
    }

    /// What was typed into a secret field.
    pub fn secret_of(&self, key: &str) -> Option<SecretString> {
        self.steps.iter().find_map(|s| s.form.secret_of(key))
    }

    /// True when something was typed or chosen in any step.
    pub fn is_dirty(&self) -> bool {
        self.steps.iter().any(|s| s.form.is_dirty())
    }

    /// True when all steps are right.
    pub fn is_valid(&self) -> bool {
        self.steps.iter().all(|s| s.form.is_valid())
    }

    /// Lets every form's conditions and checks see the values of the other steps.
    pub fn share(&mut self) {
        // Twice, because a condition may hang on a field whose own condition hangs on a third step.
        for _ in 0..2 {
            let values: Vec<Values> = self.steps.iter().map(|s| s.form.values()).collect();
            for (i, step) in self.steps.iter_mut().enumerate() {
                let mut context = Values::default();
                values.iter().enumerate().filter(|(j, _)| *j != i).for_each(|(_, v)| context.extend(v.clone()));
                context.extend(self.facts.clone());
                step.form.set_context(context);
            }
        }
    }

    /// Puts the server's errors beside their fields and goes to the first step that has one. Returns those that no
    /// field answers for.
    pub fn set_errors(&mut self, errors: BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut left = errors;
        let mut first = None;
        for (i, step) in self.steps.iter_mut().enumerate() {
            let before = left.len();
            left = step.form.set_errors(left);
            if left.len() < before {
                step.seen = true;
                first = first.or(Some(i));
            }
        }
        if let Some(step) = first {
            self.at = step;
        }
        left
    }

    /// Goes to a step ([`Wizard::len`]: the last page).
    pub fn go(&mut self, step: usize) -> WizardEvent {
        if self.single {
            return if step > self.at { self.finish() } else { WizardEvent::Stay };
        }
        let step = step.min(self.steps.len());
        if step == self.at {
            return WizardEvent::Stay;
        }
        if let Some(left) = self.steps.get_mut(self.at) {
            left.form.validate();
            left.seen = true;
        }
        // What was jumped over counts as seen on the last page: all marks are there then.
        if step == self.steps.len() {
            self.steps.iter_mut().for_each(|s| s.seen = true);
        }
        self.at = step;
        WizardEvent::StepEntered(step)
    }

    /// Finishes when all steps are right, else goes to the first wrong one.
    pub fn finish(&mut self) -> WizardEvent {
        for i in 0..self.steps.len() {
            self.steps[i].seen = true;
            if !self.steps[i].form.validate() {
                let moved = self.at != i;
                self.at = i;
                return if moved { WizardEvent::StepEntered(i) } else { WizardEvent::Stay };
            }
        }
        WizardEvent::Finish
    }

    /// Handles a key.
    pub fn key(&mut self, event: KeyEvent) -> WizardEvent {
        if event.kind == KeyEventKind::Release {
            return WizardEvent::Ignored;
        }
        let key = Key::from(event);
        let (none, ctrl, alt) =
            (key.mods().is_empty(), key.mods() == KeyModifiers::CONTROL, key.mods() == KeyModifiers::ALT);
        let choosing = self.steps.get(self.at).is_some_and(|s| s.form.is_choosing());
        if !choosing {
            match key.code() {
                KeyCode::PageDown if none => return self.go(self.at + 1),
                KeyCode::PageUp if none => return self.go(self.at.saturating_sub(1)),
                KeyCode::Char('n') if ctrl => return self.go(self.at + 1),
                KeyCode::Char('b') if ctrl => return self.go(self.at.saturating_sub(1)),
                KeyCode::Char('s') if ctrl => return self.finish(),
                KeyCode::Char(c @ '1'..='9') if alt || (none && self.is_on_last()) => {
                    return self.go(c as usize - '1' as usize);
                }
                KeyCode::Enter if none && self.is_on_last() => return self.finish(),
                KeyCode::Esc => return WizardEvent::Cancelled { dirty: self.is_dirty() },
                _ => {}
            }
        }
        let Some(step) = self.steps.get_mut(self.at) else { return WizardEvent::Ignored };
        let outcome = step.form.key(event);
        self.after_form(outcome)
    }

    fn after_form(&mut self, outcome: FormEvent) -> WizardEvent {
        match outcome {
            FormEvent::Ignored => WizardEvent::Ignored,
            FormEvent::Used => WizardEvent::Stay,
            FormEvent::Submit => self.go(self.at + 1),
            FormEvent::Changed(key) => {
                self.share();
                WizardEvent::FieldChanged(key)
            }
        }
    }

    /// Inserts pasted text into the field with the focus.
    pub fn paste(&mut self, pasted: &str) -> WizardEvent {
        let Some(step) = self.steps.get_mut(self.at) else { return WizardEvent::Ignored };
        let outcome = step.form.paste(pasted);
        self.after_form(outcome)
    }

    /// Handles the mouse, by what was drawn last.
    pub fn mouse(&mut self, event: MouseEvent) -> WizardEvent {
        let at = Position::new(event.column, event.row);
        let choosing = self.steps.get(self.at).is_some_and(|s| s.form.is_choosing());
        if event.kind == MouseEventKind::Down(MouseButton::Left)
            && !choosing
            && let Some((_, step)) = self.hits.iter().find(|(area, _)| area.contains(at))
        {
            return self.go(*step);
        }
        let Some(step) = self.steps.get_mut(self.at) else { return WizardEvent::Ignored };
        let outcome = step.form.mouse(event);
        self.after_form(outcome)
    }

    /// Draws the steps and the form; on the last page `last` draws into what is left. A list of choices may use all of
    /// `room`.
    pub fn draw(
        &mut self,
        frame: &mut Frame,
        area: Rect,
        room: Rect,
        look: &Look,
        now: Millis,
        last: impl FnOnce(&mut Frame, Rect),
    ) {
        self.hits.clear();
        if area.height < 3 || area.width < 10 {
            return;
        }
        let area = self.draw_trouble(frame.buffer_mut(), area, look);
        let hint = u16::from(area.height >= 10 || (self.single && area.height >= 4));
        let inner = Rect { height: area.height - hint, ..area };
        let page = if self.single {
            inner
        } else if area.width >= WIDE {
            self.draw_list(frame.buffer_mut(), Rect { width: LIST, ..inner }, look);
            Rect { x: inner.x + LIST + 2, width: inner.width - LIST - 2, ..inner }
        } else {
            self.draw_line(frame.buffer_mut(), Rect { height: 1, ..inner }, look);
            let gap = if inner.height > 8 { 2 } else { 1 };
            Rect { y: inner.y + gap, height: inner.height - gap, ..inner }
        };
        match self.steps.get_mut(self.at) {
            Some(step) => step.form.draw_fields(frame, page, look, now, true),
            None => last(frame, page),
        }
        if hint == 1 {
            let advanced = self.steps.get(self.at).is_some_and(|s| s.form.has_advanced());
            let mut hints = match (self.single, self.is_on_last()) {
                (true, _) => vec![("Ctrl-s", "go on"), ("Esc", "cancel")],
                (false, true) => vec![("PgUp", "back"), ("Ctrl-y", "copy"), ("Esc", "cancel")],
                (false, false) => vec![("PgDn", "next"), ("PgUp", "back"), ("Ctrl-s", "finish"), ("Esc", "cancel")],
            };
            if advanced {
                hints.insert(hints.len() - 1, ("F2", "advanced"));
            }
            let mut x = area.x;
            for (key, title) in hints {
                for (part, role) in [(key, Role::Key), (" ", Role::Muted), (title, Role::Muted), ("  ", Role::Muted)] {
                    let left = usize::from(area.right().saturating_sub(x));
                    (x, _) = frame.buffer_mut().set_stringn(x, area.bottom() - 1, part, left, look.style(role));
                }
            }
        }
        // Last, so that nothing is drawn over it.
        if let Some(step) = self.steps.get_mut(self.at) {
            step.form.draw_choices(frame, room, look, now);
        }
    }

    /// Draws what is wrong, in at most three lines, and returns what is left below.
    fn draw_trouble(&self, buffer: &mut Buffer, area: Rect, look: &Look) -> Rect {
        let Some(trouble) = &self.trouble else { return area };
        let lines = text::wrap(&text::clean(trouble), usize::from(area.width.saturating_sub(2).max(10)));
        let height = u16::try_from(lines.len()).unwrap_or(1).min(3).min(area.height / 2);
        for (y, line) in (area.y..area.y + height).zip(lines) {
            buffer.set_stringn(area.x + 1, y, line, usize::from(area.width - 1), look.style(Role::ErrorText));
        }
        Rect { y: area.y + height, height: area.height - height, ..area }
    }

    fn titles(&self) -> Vec<&str> {
        self.steps.iter().map(|s| s.title.as_str()).chain([self.last_title.as_str()]).collect()
    }

    /// Glyph and role of a step's state.
    fn mark(&self, step: usize, look: &Look) -> (&'static str, Role) {
        match self.steps.get(step) {
            Some(s) if s.seen && !(s.form.is_valid() && s.form.errors().is_empty()) => {
                (look.glyphs.warning, Role::Danger)
            }
            Some(s) if s.seen => (look.glyphs.ok, Role::Ok),
            _ => (" ", Role::Muted),
        }
    }

    fn draw_list(&mut self, buffer: &mut Buffer, area: Rect, look: &Look) {
        let titles: Vec<String> = self.titles().iter().map(|t| (*t).to_owned()).collect();
        for (i, (y, title)) in (area.y..area.bottom()).zip(titles).enumerate() {
            let line = Rect { y, height: 1, ..area };
            let (mark, role) = self.mark(i, look);
            let pointer = if i == self.at { look.glyphs.cursor } else { " " };
            let text =
                text::fit(&format!("{pointer}{} {title}", i + 1), usize::from(area.width - 3), look.glyphs.ellipsis);
            let style = look.style(if i == self.at { Role::TabActive } else { Role::Text });
            buffer.set_stringn(area.x, y, text, usize::from(area.width), style);
            buffer.set_stringn(area.right() - 2, y, mark, 1, look.style(role));
            self.hits.push((line, i));
        }
        for y in area.y..area.bottom() {
            buffer.set_stringn(area.right(), y, look.glyphs.vertical, 1, look.style(Role::Border));
        }
    }

    /// All titles on one line, or, where they don't fit, the step's own title and the marks of all.
    fn draw_line(&mut self, buffer: &mut Buffer, area: Rect, look: &Look) {
        let titles: Vec<String> = self.titles().iter().map(|t| (*t).to_owned()).collect();
        let parts: Vec<String> = titles
            .iter()
            .enumerate()
            .map(|(i, title)| {
                let mark = self.mark(i, look).0.trim();
                format!("{} {title}{}{mark}", i + 1, if mark.is_empty() { "" } else { " " })
            })
            .collect();
        let all: usize = parts.iter().map(|p| text::width(p) + 3).sum();
        let mut x = area.x;
        if all.saturating_sub(1) <= usize::from(area.width) {
            for (i, part) in parts.iter().enumerate() {
                let role = match (i == self.at, self.mark(i, look).1) {
                    (true, _) => Role::TabActive,
                    (false, Role::Danger) => Role::Danger,
                    _ => Role::Tab,
                };
                let start = x;
                (x, _) = buffer.set_stringn(x, area.y, format!(" {part} "), usize::from(area.width), look.style(role));
                self.hits.push((Rect { x: start, width: x - start, ..area }, i));
                x += 1;
            }
            return;
        }
        let title = format!("Step {} of {}: {}  ", self.at + 1, titles.len(), titles[self.at.min(titles.len() - 1)]);
        let title = text::cut(&title, usize::from(area.width).saturating_sub(titles.len()), look.glyphs.ellipsis);
        (x, _) = buffer.set_stringn(x, area.y, title, usize::from(area.width), look.style(Role::Title));
        for i in 0..titles.len() {
            if x >= area.right() {
                break;
            }
            let (mark, role) = match self.mark(i, look) {
                (" ", _) if i == self.at => (look.glyphs.cursor, Role::Accent),
                (" ", role) => ("-", role),
                mark => mark,
            };
            buffer.set_stringn(x, area.y, mark, 1, look.style(role));
            self.hits.push((Rect { x, width: 1, ..area }, i));
            x += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ui::{Depth, GlyphSet, svg};
    use ratatui::{Terminal, backend::TestBackend};

    fn wizard() -> Wizard {
        Wizard::new()
            .step(
                "General",
                Form::new().text("name", "Name").required().number("vmid", "VM id", 100..=999_999_999).required(),
            )
            .step("OS", Form::new().select("ostype", "Guest OS", ["l26", "win11"]).initial("l26"))
            .step(
                "System",
                Form::new()
                    .select("bios", "BIOS", ["seabios", "ovmf"])
                    .initial("seabios")
                    .toggle("tpm", "TPM")
                    .when(|v| v.get("ostype") == "win11")
                    .secret("password", "Password")
                    .text("args", "Arguments")
                    .advanced(),
            )
    }

    fn press(wizard: &mut Wizard, keys: &str) -> WizardEvent {
        keys.split(' ').map(|k| wizard.key(k.parse::<Key>().unwrap().event())).last().unwrap()
    }

    fn draw(wizard: &mut Wizard, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let look = Look::new(Depth::Mono, GlyphSet::Ascii);
        let draw_last = |f: &mut Frame, area: Rect| {
            f.buffer_mut().set_string(area.x, area.y, "qm create 100", look.style(Role::Text))
        };
        terminal.draw(|f| wizard.draw(f, f.area(), f.area(), &look, 0, draw_last)).unwrap();
        svg::plain(terminal.backend().buffer())
    }

    #[test]
    fn looks() {
        let mut wizard = wizard();
        press(&mut wizard, "w PgDn");
        insta::assert_snapshot!(draw(&mut wizard, 100, 10), @"
         1 General            ! | >Guest OS  l26      v
        >2 OS                   |
         3 System               |
         4 Confirm              |
                                |
                                |
                                |
                                |
                                |
        PgDn next  PgUp back  Ctrl-s finish  Esc cancel
        ");
        insta::assert_snapshot!(draw(&mut wizard, 60, 10), @"
         1 General !   2 OS   3 System   4 Confirm

        >Guest OS  l26      v






        PgDn next  PgUp back  Ctrl-s finish  Esc cancel
        ");
        insta::assert_snapshot!(draw(&mut wizard, 30, 6), @"
        Step 2 of 4: OS  !>--
        >Guest OS  l26      v
        ");
        press(&mut wizard, "PgDn PgDn");
        insta::assert_snapshot!(draw(&mut wizard, 60, 10), @"
         1 General !   2 OS +   3 System +   4 Confirm

        qm create 100






        PgUp back  Ctrl-y copy  Esc cancel
        ");
        for (width, height) in [(1, 1), (10, 3), (99, 4), (100, 3), (200, 60)] {
            draw(&mut wizard, width, height);
        }
    }

    #[test]
    fn moving_loses_nothing_and_finishing_needs_all_valid() {
        let mut wizard = wizard();
        assert_eq!(press(&mut wizard, "Esc"), WizardEvent::Cancelled { dirty: false });
        assert_eq!(press(&mut wizard, "w e b"), WizardEvent::FieldChanged("name".into()));
        assert_eq!(press(&mut wizard, "PgDn"), WizardEvent::StepEntered(1));
        assert_eq!(press(&mut wizard, "ctrl-n ctrl-n"), WizardEvent::StepEntered(3));
        assert!(wizard.is_on_last());
        assert_eq!(press(&mut wizard, "PgDn"), WizardEvent::Stay);
        assert_eq!(press(&mut wizard, "x"), WizardEvent::Ignored);
        // The number is missing: Enter goes there instead.
        assert_eq!(press(&mut wizard, "Enter"), WizardEvent::StepEntered(0));
        assert_eq!(wizard.form(0).unwrap().focused(), "vmid");
        assert_eq!(press(&mut wizard, "1 0 0 alt-3"), WizardEvent::StepEntered(2));
        assert_eq!(press(&mut wizard, "ctrl-b"), WizardEvent::StepEntered(1));
        assert_eq!(press(&mut wizard, "ctrl-s"), WizardEvent::Finish);
        assert_eq!(wizard.values().get("name"), "web");
        assert_eq!(press(&mut wizard, "Esc"), WizardEvent::Cancelled { dirty: true });
        assert_eq!(press(&mut wizard, "alt-4"), WizardEvent::StepEntered(3));
        assert_eq!(press(&mut wizard, "2"), WizardEvent::StepEntered(1));
    }

    #[test]
    fn enter_in_the_last_field_goes_on_and_esc_closes_popups_first() {
        let mut wizard = wizard();
        press(&mut wizard, "w Enter 1 0 0");
        assert_eq!(press(&mut wizard, "Enter"), WizardEvent::StepEntered(1));
        assert_eq!(press(&mut wizard, "Enter"), WizardEvent::Stay);
        assert_eq!(press(&mut wizard, "PgDn"), WizardEvent::Stay);
        assert_eq!(press(&mut wizard, "Esc"), WizardEvent::Stay);
        assert_eq!(press(&mut wizard, "PgDn"), WizardEvent::StepEntered(2));
    }

    #[test]
    fn steps_see_each_others_values() {
        let mut wizard = wizard();
        assert!(!wizard.values().contains("tpm"));
        press(&mut wizard, "PgDn Right");
        assert!(wizard.values().contains("tpm"));
        assert!(wizard.set("ostype", "l26"));
        assert!(!wizard.values().contains("tpm"));
    }

    #[test]
    fn server_errors_lead_to_their_step() {
        let mut wizard = wizard();
        press(&mut wizard, "w Tab 1 0 0 PgDn PgDn PgDn");
        let errors = [("bios", "no OVMF here"), ("vmid", "exists already"), ("pool", "no such pool")];
        let left = wizard.set_errors(errors.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        assert_eq!(left.into_keys().collect::<Vec<_>>(), ["pool"]);
        assert_eq!((wizard.at(), wizard.form(0).unwrap().focused().as_str()), (0, "vmid"));
        let screen = draw(&mut wizard, 100, 12);
        assert!(screen.contains("exists already") && screen.contains("1 General            !"), "{screen}");
    }
}
