//! Getting in: the certificate, who the user is, the password, the second factor.

mod draw;
mod start;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::{
    Frame,
    layout::{Constraint, Position, Rect},
};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    api::{
        ApiError,
        access::Realm,
        client::Client,
        http::{Fingerprint, Target, Trust},
        login::{Challenge, Credentials, Factor, Login as Outcome},
    },
    shell::{Cx, Effect, Entrance, Place, Scene, View},
    store::Store,
    ui::{Input, InputEvent},
};
pub use start::{Connected, Start, connect_at_once};
use start::{How, connect};

/// What the login hears back.
pub enum Msg {
    /// Where the profile leads to.
    Entered(Box<Result<Entrance, ApiError>>),
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
    /// The user reads what has to be agreed to, from this line on.
    Consent(String, u16),
    /// The user types the passphrase of a profile's stored secret.
    Passphrase(String),
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
    /// What was agreed to.
    agreed: Option<String>,
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
            agreed: None,
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

    /// Looks a profile of the configuration up, with the passphrase of its secret if that is known.
    fn enter(&mut self, passphrase: Option<SecretString>, cx: &mut Cx<'_, Msg>) {
        let Some(profile) = self.profile.clone() else { return };
        self.stage = Stage::Waiting("Getting the login");
        cx.job(move |world| {
            let entered = world.connector().enter(&profile, passphrase);
            Box::pin(async move { Msg::Entered(Box::new(entered.await)) })
        });
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
        let (target, name) = (self.connected_to.clone(), self.full_user());
        cx.job(move |world| {
            Box::pin(async move {
                let outcome = client.login(credentials).await;
                if let (Ok(_), Some(Ok(target))) = (&outcome, target.map(|text| text.parse::<Target>())) {
                    world.connector().remember_user(&target, &name);
                }
                Msg::LoggedIn(attempt, outcome)
            })
        });
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
            self.error = None;
            return;
        }
        self.error = Some(error.explained());
        if self.server_text().is_some() {
            // What is typed next is likely the password, which must not stand in the open as the server's name.
            self.ask_user();
        } else {
            self.stage = Stage::Form;
            self.focus = Field::Server;
        }
    }

    /// True when the fingerprint that the server's certificate is held against was given, and not accepted once.
    fn fingerprint_was_given(&self) -> bool {
        matches!(self.start.trust, Some(Trust::Pinned(_)))
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
}

impl View for Login {
    type Msg = Msg;
    const NAME: &'static str = "Login";
    const DIALOG: bool = true;

    fn opened(&mut self, cx: &mut Cx<'_, Msg>) {
        if self.profile.is_some() {
            self.enter(None, cx);
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
                Ok(Entrance::Sealed(why)) => {
                    self.error = why;
                    self.code.clear();
                    self.stage = Stage::Passphrase(self.profile.clone().unwrap_or_default());
                }
                Ok(Entrance::Open(place)) => {
                    let Place { target, trust, user, credentials, read_only, profile } = *place;
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
                        How::Ask(start::Counter { realms, consent, last }) => {
                            if let Some(last) = last.filter(|_| self.start.user.is_none() && self.user.is_empty()) {
                                self.user.set(last.rsplit_once('@').map_or(last.as_str(), |(name, _)| name));
                                self.start.user = Some(last);
                            }
                            let wanted = self.realm_name();
                            // A password is of no use in a realm that asks another server in a browser.
                            let takes_password = |r: &Realm| r.kind != "openid";
                            let default = realms.iter().position(|r| r.default && takes_password(r));
                            let default = default.or_else(|| realms.iter().position(takes_password)).unwrap_or(0);
                            let by_name = |name: &str| realms.iter().position(|r| r.realm == name);
                            self.realm =
                                if self.start.user.is_some() { by_name(&wanted) } else { None }.unwrap_or(default);
                            self.realms = realms;
                            self.ask_user();
                            if let Some(text) = consent.filter(|text| self.agreed.as_ref() != Some(text)) {
                                self.stage = Stage::Consent(text, 0);
                            }
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
                KeyCode::Char(c) if *changed && c.is_ascii_hexdigit() && typed.len() < PROOF => {
                    self.error = None;
                    typed.push(c);
                }
                KeyCode::Backspace => drop(typed.pop()),
                KeyCode::Enter | KeyCode::Char('y') if *changed == (key.code == KeyCode::Enter) => {
                    if *changed && !proves(typed, fingerprint) {
                        self.error = Some(format!("\"{typed}\" is not how it ends: compare once more."));
                        typed.clear();
                        return true;
                    }
                    let (Ok(target), Ok(pin)) =
                        (self.server.text().parse::<Target>(), fingerprint.parse::<Fingerprint>())
                    else {
                        return true;
                    };
                    self.error = None;
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
            Stage::Consent(text, scroll) => match key.code {
                KeyCode::Enter => {
                    self.agreed = Some(std::mem::take(text));
                    self.ask_user();
                }
                KeyCode::Down | KeyCode::Char('j') => *scroll = scroll.saturating_add(1),
                KeyCode::Up | KeyCode::Char('k') => *scroll = scroll.saturating_sub(1),
                KeyCode::PageDown | KeyCode::Char(' ') => *scroll = scroll.saturating_add(8),
                KeyCode::PageUp => *scroll = scroll.saturating_sub(8),
                KeyCode::Esc => {
                    self.connected_to = None;
                    self.client = None;
                    self.error = Some("Not logged in: the text of the server was not agreed to.".into());
                    self.stage = Stage::Form;
                    self.focus = Field::Server;
                }
                _ => {}
            },
            Stage::Passphrase(_) => match key.code {
                KeyCode::Enter if !self.code.is_empty() => {
                    let passphrase = self.code.to_secret();
                    self.code.clear();
                    self.error = None;
                    self.enter(Some(passphrase), cx);
                }
                KeyCode::Enter => self.error = Some("Type the passphrase.".into()),
                KeyCode::Esc => cx.emit(Effect::Run { layer: None, command: "session.back".into() }),
                _ => drop(self.code.key(key)),
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
            (Stage::Factor(_) | Stage::Passphrase(_), _) => self.code.paste(text),
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
        self.paint(frame, area, scene);
    }
}
