//! Getting in: the certificate, who the user is, the password, the second factor.

mod start;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::{
    Frame,
    layout::{Constraint, Position, Rect},
    text::{Line, Span},
    widgets::Paragraph,
};
use secrecy::ExposeSecret;

use crate::{
    api::{
        ApiError,
        access::Realm,
        client::Client,
        http::{Fingerprint, Target, Trust},
        login::{Challenge, Credentials, Factor, FactorKind, Login as Outcome},
    },
    shell::{Cx, Effect, Place, Scene, View},
    store::Store,
    ui::{Input, InputEvent, Role, text},
};
pub use start::{Connected, Start, connect_at_once};
use start::{How, connect};

/// What the login hears back.
pub enum Msg {
    /// Where the profile leads to.
    Entered(Box<Result<Place, ApiError>>),
    /// The place of the session that has ended.
    Remembered(Option<Place>),
    /// The server has answered, or not.
    Connected(Box<Result<Connected, ApiError>>),
    /// The password was judged.
    LoggedIn(Attempt, Result<Outcome, ApiError>),
    /// The second factor was judged.
    Factored(Attempt, Result<(), ApiError>),
    /// The certificate was pinned.
    Pinned(Result<(), ApiError>),
}

/// Which press of Enter an answer belongs to. Answers to one that was given up don't count.
type Attempt = u32;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Server,
    User,
    Realm,
    Password,
}

const FIELDS: [Field; 4] = [Field::Server, Field::User, Field::Realm, Field::Password];

enum Stage {
    /// Waiting for an answer; the text says for which.
    Waiting(&'static str),
    /// The user decides about a certificate.
    Certificate { fingerprint: String, detail: String, changed: bool, typed: String },
    /// The user types.
    Form,
    /// The user types a second factor.
    Factor(Challenge),
}

/// The login dialog.
pub struct Login {
    start: Start,
    again: Option<ApiError>,
    /// A profile that is yet to be looked up.
    profile: Option<String>,
    stage: Stage,
    error: Option<String>,
    server: Input,
    user: Input,
    password: Input,
    code: Input,
    factor: usize,
    realms: Vec<Realm>,
    realm: usize,
    focus: Field,
    client: Option<(Client, Place)>,
    rows: Vec<(Rect, Field)>,
    /// Which answer is awaited: earlier ones (from another server that was typed meanwhile) don't count.
    connected_to: Option<String>,
    /// A connection that was made before there was a screen.
    made: Option<Connected>,
    attempt: Attempt,
    /// A second factor is being judged: it must not be sent twice.
    judging: bool,
}

/// How many characters of a changed certificate's fingerprint must be typed.
const PROOF: usize = 4;

/// Somebody who types its end has looked at the fingerprint.
fn proves(typed: &str, fingerprint: &str) -> bool {
    let bare: String = fingerprint.chars().filter(char::is_ascii_hexdigit).collect();
    typed.len() == PROOF && bare.to_lowercase().ends_with(&typed.to_lowercase())
}

impl Connected {
    /// Whom to ask.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The server.
    pub fn target(&self) -> &Target {
        &self.place.target
    }

    /// User and client of a finished login.
    pub fn into_session(self) -> (String, (Client, Place)) {
        (self.client.user().unwrap_or_default(), (self.client, self.place))
    }

    /// The second factor that is still missing.
    pub fn challenge(&self) -> Option<&Challenge> {
        match &self.how {
            How::In(Outcome::NeedsSecondFactor(challenge)) => Some(challenge),
            _ => None,
        }
    }
}

impl Login {
    /// The login at the start.
    pub fn new(mut start: Start) -> Self {
        // A token's id is no user to log in as.
        start.user = start.user.and_then(|u| Some(u.split('!').next()?.to_owned()));
        let server = start.target.as_ref().map(ToString::to_string).unwrap_or_default();
        let user = start.user.as_deref().unwrap_or_default();
        let name = user.rsplit_once('@').map_or(user, |(name, _)| name);
        Self {
            server: Input::new(&server).with_placeholder("pve1.example.com"),
            user: Input::new(name).with_placeholder("root"),
            password: Input::secret(),
            code: Input::secret(),
            factor: 0,
            realms: vec![],
            realm: 0,
            focus: Field::Server,
            stage: Stage::Form,
            error: None,
            client: None,
            rows: vec![],
            again: None,
            profile: None,
            connected_to: None,
            made: None,
            attempt: 0,
            judging: false,
            start,
        }
    }

    /// The login to a profile of the configuration.
    pub fn to_profile(profile: String) -> Self {
        Self { profile: Some(profile), ..Self::new(Start::default()) }
    }

    /// A login that has nothing left to ask: the connection is there.
    pub fn over(start: Start, connected: Connected) -> Self {
        Self { made: Some(connected), ..Self::new(start) }
    }

    /// The login after the session has ended; it remembers where that was.
    pub fn again(error: ApiError) -> Self {
        Self { again: Some(error), ..Self::new(Start::default()) }
    }

    /// True when the server's certificate is not looked at.
    pub fn is_insecure(&self) -> bool {
        self.start.trust == Some(Trust::Insecure)
    }

    fn realm_name(&self) -> String {
        let given = self.start.user.as_deref().and_then(|u| u.rsplit_once('@')).map(|(_, realm)| realm);
        let chosen = self.realms.get(self.realm).map(|r| r.realm.as_str());
        chosen.or(given).unwrap_or("pam").to_owned()
    }

    fn full_user(&self) -> String {
        let name = self.user.text();
        if name.contains('@') { name.to_owned() } else { format!("{name}@{}", self.realm_name()) }
    }

    fn connect(&mut self, cx: &mut Cx<'_, Msg>) {
        let target: Target = match self.server.text().parse() {
            Ok(target) => target,
            Err(error) => {
                self.error = Some(error.to_string());
                self.stage = Stage::Form;
                self.focus = Field::Server;
                return;
            }
        };
        self.error = None;
        self.client = None;
        self.connected_to = Some(target.to_string());
        self.stage = Stage::Waiting("Connecting");
        let place = self.start.place(target);
        cx.job(move |world| Box::pin(async move { Msg::Connected(Box::new(connect(&world, place).await)) }));
    }

    fn sign_in(&mut self, cx: &mut Cx<'_, Msg>) {
        let Some((client, _)) = &self.client else { return self.connect(cx) };
        let (client, user) = (client.clone(), self.full_user());
        if self.user.is_empty() {
            self.focus = Field::User;
            self.error = Some("Type a user name.".into());
            return;
        }
        let password = self.password.to_secret();
        if password.expose_secret().is_empty() {
            self.focus = Field::Password;
            self.error = Some("Type the password.".into());
            return;
        }
        self.error = None;
        self.stage = Stage::Waiting("Logging in");
        let credentials = Credentials::Password { user, password };
        self.attempt += 1;
        let attempt = self.attempt;
        cx.job(move |_| Box::pin(async move { Msg::LoggedIn(attempt, client.login(credentials).await) }));
    }

    fn send_factor(&mut self, cx: &mut Cx<'_, Msg>) {
        let (Stage::Factor(challenge), Some((client, _))) = (&self.stage, &self.client) else { return };
        let Some(&kind) = challenge.kinds().get(self.factor) else { return };
        if self.judging {
            return;
        }
        if self.code.is_empty() {
            self.error = Some("Type the code.".into());
            return;
        }
        let (challenge, client, code) = (challenge.clone(), client.clone(), self.code.to_secret());
        self.error = None;
        self.code.clear();
        self.judging = true;
        self.attempt += 1;
        let attempt = self.attempt;
        cx.job(move |_| {
            Box::pin(
                async move { Msg::Factored(attempt, client.second_factor(&challenge, Factor { kind, code }).await) },
            )
        });
    }

    fn succeeded(&mut self, cx: &mut Cx<'_, Msg>) {
        let Some((client, place)) = self.client.take() else { return };
        self.password.clear();
        let user = client.user().unwrap_or_else(|| self.full_user());
        let place = Place { user: Some(user.clone()), ..place };
        let session = cx.session();
        // The client must be in place before anybody asks through it.
        cx.emit(Effect::SignedIn { session, user, client: Box::new((client, place)) });
        cx.close();
    }

    fn outcome(&mut self, outcome: Outcome, cx: &mut Cx<'_, Msg>) {
        match outcome {
            Outcome::Done => self.succeeded(cx),
            Outcome::NeedsSecondFactor(challenge) => {
                self.factor = 0;
                self.judging = false;
                self.code.clear();
                if challenge.kinds().is_empty() {
                    let kinds = challenge.unsupported().join(", ");
                    self.error = Some(format!(
                        "This user's only second factor is {kinds}, which needs a browser. Add TOTP or recovery keys in the web UI, or use an API token."
                    ));
                    self.stage = Stage::Form;
                } else {
                    self.stage = Stage::Factor(challenge);
                }
            }
        }
    }

    fn failed(&mut self, error: ApiError) {
        if let ApiError::Untrusted { fingerprint, detail, pinned } = error {
            self.stage = Stage::Certificate { fingerprint, detail, changed: pinned.is_some(), typed: String::new() };
            return;
        }
        self.error = Some(error.explained());
        self.stage = Stage::Form;
    }

    /// Shows the form with the cursor in the first field that is still missing.
    fn ask_user(&mut self) {
        self.stage = Stage::Form;
        self.focus = if self.user.is_empty() { Field::User } else { Field::Password };
    }

    fn form_key(&mut self, key: KeyEvent, cx: &mut Cx<'_, Msg>) {
        let at = FIELDS.iter().position(|f| *f == self.focus).unwrap_or(0);
        let step = |by: usize| FIELDS[(at + by) % FIELDS.len()];
        match key.code {
            // After a session has ended the old data is still worth looking at.
            KeyCode::Esc if cx.store().updated.is_some() => cx.close(),
            // Back to another cluster, if one is open.
            KeyCode::Esc => cx.emit(Effect::Run { layer: None, command: "session.back".into() }),
            KeyCode::Tab | KeyCode::Down => self.focus = step(1),
            KeyCode::BackTab | KeyCode::Up => self.focus = step(FIELDS.len() - 1),
            KeyCode::Enter if self.focus == Field::Server => self.connect(cx),
            KeyCode::Enter if self.focus == Field::Password || !self.password.is_empty() => {
                if self.connected_to.as_deref() == self.server_text().as_deref() {
                    self.sign_in(cx)
                } else {
                    self.connect(cx)
                }
            }
            KeyCode::Enter => self.focus = step(1),
            KeyCode::Left | KeyCode::Right | KeyCode::Char(' ') if self.focus == Field::Realm => {
                let n = self.realms.len().max(1);
                self.realm = (self.realm + if key.code == KeyCode::Left { n - 1 } else { 1 }) % n;
            }
            _ => {
                let used = match self.focus {
                    Field::Server => self.server.key(key),
                    Field::User => self.user.key(key),
                    Field::Password => self.password.key(key),
                    Field::Realm => InputEvent::Ignored,
                };
                if used == InputEvent::Changed {
                    self.error = None;
                }
            }
        }
    }

    fn server_text(&self) -> Option<String> {
        self.server.text().parse::<Target>().ok().map(|t| t.to_string())
    }

    fn line<'a>(&self, label: &'a str, look: &crate::ui::Look, focused: bool) -> Span<'a> {
        let role = if focused { Role::Accent } else { Role::Muted };
        Span::styled(label, look.style(role))
    }
}

impl View for Login {
    type Msg = Msg;
    const NAME: &'static str = "Login";
    const DIALOG: bool = true;

    fn opened(&mut self, cx: &mut Cx<'_, Msg>) {
        if let Some(profile) = self.profile.take() {
            self.stage = Stage::Waiting("Getting the login");
            cx.job(move |world| {
                let entered = world.connector().enter(&profile);
                Box::pin(async move { Msg::Entered(Box::new(entered.await)) })
            });
        } else if self.again.is_some() {
            let session = cx.session();
            self.stage = Stage::Waiting("Connecting");
            cx.job(move |world| Box::pin(async move { Msg::Remembered(world.place(session)) }));
        } else if let Some(connected) = self.made.take() {
            self.connected_to = Some(connected.place.target.to_string());
            self.update(Msg::Connected(Box::new(Ok(connected))), cx);
        } else if self.start.target.is_some() {
            self.connect(cx);
        }
    }

    fn update(&mut self, msg: Msg, cx: &mut Cx<'_, Msg>) {
        match msg {
            Msg::Entered(result) => match *result {
                Ok(place) => {
                    let Place { target, trust, user, credentials, read_only, profile } = place;
                    let target = Some(target);
                    *self = Self::new(Start { target, trust, user, credentials, read_only, profile });
                    self.connect(cx);
                }
                Err(error) => self.failed(error),
            },
            Msg::Remembered(place) => {
                let error = self.again.take();
                if let Some(place) = place {
                    let credentials = match &error {
                        // Only a certificate stood in the way: go on with the same token or password.
                        Some(ApiError::Untrusted { .. }) => place.credentials,
                        _ => None,
                    };
                    let user = place.user.filter(|u| !u.contains('!'));
                    let Place { target, trust, read_only, profile, .. } = place;
                    let target = Some(target);
                    let start = Start { target, trust, user, credentials, read_only, profile };
                    *self = Self::new(start);
                }
                match error {
                    Some(error @ ApiError::Untrusted { .. }) => self.failed(error),
                    error => {
                        self.connect(cx);
                        self.error = error.map(|e| e.explained());
                    }
                }
            }
            Msg::Connected(result) => match *result {
                Ok(Connected { client, place, how }) => {
                    if self.connected_to.as_deref() != Some(place.target.to_string().as_str()) {
                        return;
                    }
                    self.client = Some((client, place));
                    match how {
                        How::In(outcome) => self.outcome(outcome, cx),
                        How::Ask(realms) => {
                            let wanted = self.realm_name();
                            let default = realms.iter().position(|r| r.default).unwrap_or(0);
                            let by_name = |name: &str| realms.iter().position(|r| r.realm == name);
                            self.realm =
                                if self.start.user.is_some() { by_name(&wanted) } else { None }.unwrap_or(default);
                            self.realms = realms;
                            self.ask_user();
                        }
                    }
                }
                // It was given up.
                Err(_) if self.connected_to.is_none() => {}
                Err(error) => {
                    // A given password was refused: let the user type another.
                    if matches!(self.start.credentials, Some(Credentials::Password { .. }))
                        && error.status() == Some(401)
                    {
                        self.start.credentials = None;
                        self.connect(cx);
                        self.error = Some(error.explained());
                        return;
                    }
                    self.failed(error);
                }
            },
            Msg::LoggedIn(attempt, _) | Msg::Factored(attempt, _) if attempt != self.attempt => {}
            Msg::LoggedIn(_, Ok(outcome)) => self.outcome(outcome, cx),
            Msg::LoggedIn(_, Err(error)) => {
                self.password.clear();
                self.failed(error);
                self.focus = Field::Password;
            }
            Msg::Factored(_, Ok(())) => self.succeeded(cx),
            Msg::Factored(_, Err(error)) => {
                self.judging = false;
                self.error = Some(format!("{error}. Type the next code."));
            }
            Msg::Pinned(Ok(())) => self.connect(cx),
            Msg::Pinned(Err(error)) => self.failed(error),
        }
    }

    fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, Msg>) -> bool {
        if key.modifiers.contains(KeyModifiers::CONTROL) && matches!(key.code, KeyCode::Char('c' | 'l' | 'z')) {
            return false;
        }
        match &mut self.stage {
            Stage::Waiting(_) => match key.code {
                KeyCode::Esc => {
                    self.connected_to = None;
                    self.attempt += 1;
                    self.ask_user();
                    self.focus = Field::Server;
                }
                _ => return true,
            },
            Stage::Certificate { fingerprint, changed, typed, .. } => match key.code {
                // A changed certificate may be an attack: one key is not enough.
                KeyCode::Char(c) if *changed && c.is_ascii_hexdigit() && typed.len() < PROOF => typed.push(c),
                KeyCode::Backspace => drop(typed.pop()),
                KeyCode::Enter | KeyCode::Char('y') if *changed == (key.code == KeyCode::Enter) => {
                    if *changed && !proves(typed, fingerprint) {
                        typed.clear();
                        return true;
                    }
                    let (Ok(target), Ok(pin)) =
                        (self.server.text().parse::<Target>(), fingerprint.parse::<Fingerprint>())
                    else {
                        return true;
                    };
                    self.stage = Stage::Waiting("Connecting");
                    // From now on the pin decides, also over a fingerprint that was given.
                    self.start.trust = None;
                    cx.job(move |world| Box::pin(async move { Msg::Pinned(world.connector().pin(&target, pin)) }));
                }
                KeyCode::Char('n') | KeyCode::Esc => {
                    self.error = Some("Not connected: the certificate was not accepted.".into());
                    self.stage = Stage::Form;
                    self.focus = Field::Server;
                }
                _ => {}
            },
            Stage::Form => self.form_key(key, cx),
            Stage::Factor(challenge) => match key.code {
                KeyCode::Esc => {
                    self.error = None;
                    self.attempt += 1;
                    self.ask_user();
                }
                KeyCode::Enter => self.send_factor(cx),
                KeyCode::Tab | KeyCode::Down | KeyCode::Up => {
                    self.factor = (self.factor + 1) % challenge.kinds().len().max(1)
                }
                _ => drop(self.code.key(key)),
            },
        }
        true
    }

    fn paste(&mut self, text: &str, _: &mut Cx<'_, Msg>) {
        let _ = match (&self.stage, self.focus) {
            (Stage::Factor(_), _) => self.code.paste(text),
            (Stage::Form, Field::Server) => self.server.paste(text),
            (Stage::Form, Field::User) => self.user.paste(text),
            (Stage::Form, Field::Password) => self.password.paste(text),
            _ => InputEvent::Ignored,
        };
    }

    fn mouse(&mut self, event: MouseEvent, _: &mut Cx<'_, Msg>) {
        if event.kind == MouseEventKind::Down(MouseButton::Left) {
            let at = Position::new(event.column, event.row);
            if let Some((_, field)) = self.rows.iter().find(|(area, _)| area.contains(at)) {
                self.focus = *field;
            }
        }
    }

    fn crumb(&self, _: &Store) -> String {
        "Log in".into()
    }

    fn place(&self, area: Rect) -> Rect {
        area.centered(Constraint::Length(72.min(area.width)), Constraint::Length(14.min(area.height)))
    }

    fn draw(&mut self, frame: &mut Frame, area: Rect, scene: &Scene) {
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
                let title = if *changed {
                    "THE CERTIFICATE OF THIS SERVER HAS CHANGED."
                } else {
                    "Nobody vouches for this server's certificate."
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
                    true => vec![
                        Span::styled(
                            format!("If it was renewed on purpose, type its last {PROOF} characters: "),
                            look.style(Role::Danger),
                        ),
                        Span::styled(format!("{typed:_<PROOF$}"), look.style(Role::Input)),
                        Span::styled("   Enter", look.style(Role::Key)),
                    ],
                    false => vec![Span::styled("y", look.style(Role::Key))],
                };
                let leave = [
                    Span::styled(" accept and pin   ", look.style(Role::Text)),
                    Span::styled(if *changed { "Esc" } else { "n" }, look.style(Role::Key)),
                    Span::styled(" leave it", look.style(Role::Text)),
                ];
                if *changed {
                    lines.push(Line::from(accept));
                    lines.push(Line::from(leave[1..].to_vec()));
                } else {
                    lines.push(Line::from_iter(accept.into_iter().chain(leave)));
                }
                frame.render_widget(Paragraph::new(lines), inner);
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
                let hint = if self.connected_to.is_some() && self.client.is_some() {
                    "Enter: log in   Tab: next field   Esc: quit"
                } else {
                    "Enter: connect   Tab: next field   Esc: quit"
                };
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
    }
}
