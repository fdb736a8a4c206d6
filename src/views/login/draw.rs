//! How the login looks.

use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::Paragraph,
};

use super::{FIELDS, Field, Login, PROOF, Stage};
use crate::{
    api::login::FactorKind,
    shell::Scene,
    ui::{Look, Role, text},
};

impl Login {
    fn line<'a>(&self, label: &'a str, look: &Look, focused: bool) -> Span<'a> {
        let role = if focused { Role::Accent } else { Role::Muted };
        Span::styled(label, look.style(role))
    }

    pub(super) fn paint(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
        let look = scene.look;
        let block = look.block("Log in to Proxmox VE", true);
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
        let row = |n: u16| Rect { y: inner.y + n.min(inner.height.saturating_sub(1)), height: 1, ..inner };
        self.rows.clear();
        let room = usize::from(inner.width);
        let wrapped = |words: &str, role: Role| -> Vec<Line<'static>> {
            text::wrap(&text::clean(words), room).into_iter().map(|l| Line::styled(l, look.style(role))).collect()
        };
        let below = |from: u16| Rect { y: inner.y + from, height: inner.height.saturating_sub(from), ..inner };
        let mut end = None;
        match &self.stage {
            Stage::Waiting(what) => {
                let words = format!("{what} to {} {}", self.server.text(), look.glyphs.ellipsis);
                frame.render_widget(Line::styled(words, look.style(Role::Text)), row(1));
                frame.render_widget(Line::styled("Esc: another server", look.style(Role::Muted)), row(3));
                if let Some(error) = &self.error {
                    frame.render_widget(Paragraph::new(wrapped(error, Role::ErrorText)), below(5));
                }
            }
            Stage::Certificate { fingerprint, detail, changed, typed } => {
                let mut lines = vec![];
                let title = match (changed, self.fingerprint_was_given()) {
                    (true, true) => "THIS IS NOT THE CERTIFICATE WHOSE FINGERPRINT WAS GIVEN.",
                    (true, false) => "THE CERTIFICATE OF THIS SERVER HAS CHANGED.",
                    (false, _) => "Nobody vouches for this server's certificate.",
                };
                lines.extend(wrapped(title, if *changed { Role::Danger } else { Role::Warning }));
                lines.extend(wrapped(&format!("{}: {detail}", self.server.text()), Role::Text));
                lines.push(Line::raw(""));
                lines.extend(wrapped("Its SHA-256 fingerprint:", Role::Muted));
                lines.extend(wrapped(&fingerprint[..fingerprint.len().min(48)], Role::Accent));
                lines.extend(wrapped(fingerprint.get(48..).unwrap_or(""), Role::Accent));
                lines.push(Line::raw(""));
                let advice = "Compare it with `pvenode cert info` on the server. Accepting pins this certificate: another one will be refused.";
                lines.extend(wrapped(advice, Role::Text));
                let accept = match changed {
                    true => {
                        let words = format!("If it was renewed on purpose, type its last {PROOF} characters:");
                        lines.extend(wrapped(&words, Role::Danger));
                        vec![
                            Span::styled(format!("{typed:_<PROOF$}"), look.style(Role::Input)),
                            Span::styled("   Enter", look.style(Role::Key)),
                        ]
                    }
                    false => vec![Span::styled("y", look.style(Role::Key))],
                };
                let leave = [
                    Span::styled(" accept and pin   ", look.style(Role::Text)),
                    Span::styled(if *changed { "Esc" } else { "n" }, look.style(Role::Key)),
                    Span::styled(" leave it", look.style(Role::Text)),
                ];
                lines.push(Line::from_iter(accept.into_iter().chain(leave)));
                lines.extend(self.error.iter().flat_map(|error| wrapped(error, Role::ErrorText)));
                frame.render_widget(Paragraph::new(lines), inner);
            }
            Stage::Consent(words, scroll) => {
                let lines: Vec<Line> = words
                    .lines()
                    .flat_map(|line| if line.is_empty() { vec![Line::raw("")] } else { wrapped(line, Role::Text) })
                    .collect();
                let room = inner.height.saturating_sub(3);
                let most = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_sub(room);
                let from = (*scroll).min(most);
                let head = format!("{} says before you log in:", self.server.text());
                frame.render_widget(Line::styled(head, look.style(Role::Muted)), row(0));
                frame.render_widget(
                    Paragraph::new(lines).scroll((from, 0)),
                    Rect { y: inner.y + 1, height: room, ..inner },
                );
                let more = if from < most { format!("   Down: {} more lines", most - from) } else { String::new() };
                let hint = format!("Enter: agree   Esc: leave it{more}");
                frame.render_widget(Line::styled(hint, look.style(Role::Muted)), row(inner.height.saturating_sub(1)));
                end = Some(most);
            }
            Stage::Passphrase(profile) => {
                let who = format!("The secret of profile {} is stored encrypted.", text::clean(profile));
                frame.render_widget(Line::styled(who, look.style(Role::Text)), row(1));
                frame.render_widget(self.line("Passphrase", look, true), row(3));
                let mut place = row(4);
                place.width = place.width.min(40);
                self.code.draw(frame, place, look, true);
                frame.render_widget(Line::styled("Enter: open it   Esc: back", look.style(Role::Muted)), row(6));
                if let Some(error) = &self.error {
                    frame.render_widget(Paragraph::new(wrapped(error, Role::ErrorText)), below(8));
                }
            }
            Stage::Form => {
                const LABEL: u16 = 11;
                for (n, (field, label)) in FIELDS.iter().zip(["Server", "User", "Realm", "Password"]).enumerate() {
                    let line = row(1 + n as u16);
                    let focused = self.focus == *field;
                    frame.render_widget(self.line(label, look, focused), line);
                    let place = Rect { x: line.x + LABEL, width: line.width.saturating_sub(LABEL), ..line };
                    self.rows.push((line, *field));
                    match field {
                        Field::Server => self.server.draw(frame, place, look, focused),
                        Field::User => self.user.draw(frame, place, look, focused),
                        Field::Password => self.password.draw(frame, place, look, focused),
                        Field::Realm => {
                            let realm = self.realms.get(self.realm);
                            let comment = realm.and_then(|r| r.comment.as_deref()).unwrap_or("");
                            let words = format!("{} {}", self.realm_name(), text::clean(comment));
                            let role = if focused { Role::InputFocused } else { Role::Text };
                            let more = if self.realms.len() > 1 { "  (←/→)" } else { "" };
                            frame.render_widget(
                                Line::from(vec![
                                    Span::styled(words, look.style(role)),
                                    Span::styled(more, look.style(Role::Muted)),
                                ]),
                                place,
                            );
                        }
                    }
                }
                let enter = if self.connected_to.is_some() && self.client.is_some() { "log in" } else { "connect" };
                let others = scene.neighbours.all().len() > 1;
                let leave = match (scene.store.updated.is_some(), others) {
                    (true, _) => "look at the old data",
                    (false, true) => "back to the other cluster",
                    (false, false) => "quit",
                };
                let hint = format!("Enter: {enter}   Tab: next field   Esc: {leave}");
                frame.render_widget(Line::styled(hint, look.style(Role::Muted)), row(6));
                if let Some(error) = &self.error {
                    frame.render_widget(Paragraph::new(wrapped(error, Role::ErrorText)), below(8));
                }
            }
            Stage::Factor(challenge) => {
                let name = |kind: FactorKind| match kind {
                    FactorKind::Totp => "Code of the authenticator app",
                    FactorKind::Recovery => "Recovery key",
                    FactorKind::Yubico => "Yubikey OTP",
                };
                let who = format!("{}: the password is right.", text::clean(challenge.user()));
                frame.render_widget(Line::styled(who, look.style(Role::Text)), row(1));
                let kind = challenge.kinds().get(self.factor).copied().unwrap_or(FactorKind::Totp);
                frame.render_widget(self.line(name(kind), look, true), row(3));
                let mut place = row(4);
                place.width = place.width.min(40);
                self.code.draw(frame, place, look, true);
                let more = if challenge.kinds().len() > 1 { "   Tab: another kind" } else { "" };
                let send = if self.judging { "Checking the code" } else { "Enter: send" };
                let hint = format!("{send}{more}   Esc: back");
                frame.render_widget(Line::styled(hint, look.style(Role::Muted)), row(6));
                if let Some(error) = &self.error {
                    frame.render_widget(Paragraph::new(wrapped(error, Role::ErrorText)), below(8));
                }
            }
        }
        // No further than its end.
        if let (Some(end), Stage::Consent(_, scroll)) = (end, &mut self.stage) {
            *scroll = (*scroll).min(end);
        }
    }
}
