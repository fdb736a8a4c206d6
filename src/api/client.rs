//! Sends requests as a logged-in user: adds the proof of who asks, renews it in time, and logs in again when it was lost.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::Semaphore, time::Instant};

use super::{
    access,
    error::{ApiError, NOT_THAT_NODE, Result, interpret},
    login::{Challenge, Credentials, Factor, Login},
    request::{Request, Wire},
    sink::Sink,
    transport::{Call, Raw, Transport},
    version,
};

/// How many reads are in flight at most.
pub const READS: usize = 8;
/// The age at which a ticket is renewed; the server drops it after two hours.
pub const RENEW_AFTER: Duration = Duration::from_secs(3600);
/// The pause after a renewal that failed while the ticket is still good.
const RENEW_AGAIN: Duration = Duration::from_secs(60);

/// Headers as a transport takes them.
pub type Headers = Vec<(&'static str, SecretString)>;

/// A connection to one cluster as one user. Clones share everything.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    transport: Arc<dyn Transport>,
    state: Mutex<State>,
    /// Held while a login or renewal is under way, so that there is only one.
    login: tokio::sync::Mutex<()>,
    reads: Semaphore,
}

struct State {
    auth: Auth,
    /// Counts the changes of `auth`: tells a call whether its ticket has been replaced meanwhile.
    serial: u64,
    /// Counts silent logins that failed for a passing reason, and the last one's error.
    failures: u64,
    failed: Option<ApiError>,
}

enum Auth {
    None,
    Token { id: String, header: SecretString },
    Ticket(Session),
    Ended(String),
}

struct Session {
    user: String,
    ticket: SecretString,
    cookie: SecretString,
    csrf: SecretString,
    renew_at: Instant,
    /// Absent after a login with a second factor, which can't be repeated silently.
    password: Option<SecretString>,
}

/// Headers, and the serial of the ticket that they carry (`None` for tokens and calls without a login).
struct Proof {
    headers: Headers,
    ticket: Option<u64>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("user", &self.user()).finish_non_exhaustive()
    }
}

impl Client {
    /// A client that is not logged in.
    pub fn new(transport: impl Transport) -> Self {
        Self::over(Arc::new(transport))
    }

    /// The same over a transport that others use, too.
    pub fn over(transport: Arc<dyn Transport>) -> Self {
        let state = State { auth: Auth::None, serial: 0, failures: 0, failed: None };
        let inner = Inner {
            transport,
            state: Mutex::new(state),
            login: tokio::sync::Mutex::new(()),
            reads: Semaphore::new(READS),
        };
        Self { inner: Arc::new(inner) }
    }

    /// `user@realm` or `user@realm!token` that calls are made as; `None` before a login and after its end.
    pub fn user(&self) -> Option<String> {
        match &self.state().auth {
            Auth::Token { id, .. } => Some(id.clone()),
            Auth::Ticket(session) => Some(session.user.clone()),
            Auth::None | Auth::Ended(_) => None,
        }
    }

    /// True when calls are made with an API token, for which some calls are not available.
    pub fn uses_token(&self) -> bool {
        matches!(self.state().auth, Auth::Token { .. })
    }

    /// Logs in. A token is only taken over: whether it is good shows with the first call.
    ///
    /// # Errors
    /// [`ApiError::Refused`] with status 401 when the server does not accept user and password, or what the transport says.
    pub async fn login(&self, credentials: Credentials) -> Result<Login> {
        match credentials {
            Credentials::Token { id, secret } => {
                let header = format!("PVEAPIToken={id}={}", secret.expose_secret()).into();
                self.state().replace(Auth::Token { id, header });
                Ok(Login::Done)
            }
            Credentials::Password { user, password } => {
                let _one = self.inner.login.lock().await;
                let answer = self.ask_openly(access::ticket(&user, &password)).await?;
                if answer.need_tfa {
                    return Ok(Login::NeedsSecondFactor(Challenge::new(answer.username, answer.ticket)));
                }
                let session = Session::new(answer, Some(password))?;
                self.state().replace(Auth::Ticket(session));
                Ok(Login::Done)
            }
        }
    }

    /// Completes a login with a second factor. After a wrong code it may be called again with the same challenge.
    ///
    /// # Errors
    /// [`ApiError::Refused`] with status 401 when the code is wrong or the challenge is too old.
    pub async fn second_factor(&self, challenge: &Challenge, factor: Factor) -> Result<()> {
        let _one = self.inner.login.lock().await;
        let request = access::ticket_with_factor(challenge.user(), challenge.ticket(), &factor.answer());
        let session = Session::new(self.ask_openly(request).await?, None)?;
        self.state().replace(Auth::Ticket(session));
        Ok(())
    }

    /// The user has another password: silent logins take it. A login that can't be repeated silently stays one.
    pub fn set_password(&self, new: SecretString) {
        if let Auth::Ticket(Session { password: Some(password), .. }) = &mut self.state().auth {
            *password = new;
        }
    }

    /// Forgets ticket, token and password. The server is not told: it has no call for that.
    pub fn logout(&self) {
        self.state().replace(Auth::None);
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// As [`Client::send`], and [`ApiError::Garbled`].
    pub async fn ask<T>(&self, request: Request<T>) -> Result<T> {
        let (wire, decode) = request.into_parts();
        decode(&self.send(wire).await?)
    }

    /// Sends a request and returns the bytes of a successful answer. Reads wait for one of [`READS`] places, writes never
    /// wait. Nothing is sent twice, except once after a 401 that the server gave before looking at the request.
    ///
    /// # Errors
    /// [`ApiError::LoginNeeded`] when the login has ended and the user has to log in again, else what the transport or
    /// the server says.
    pub async fn send(&self, wire: Wire) -> Result<Bytes> {
        self.send_into(wire, None).await
    }

    /// Sends a read and streams the answer into a file, however large it is.
    ///
    /// # Errors
    /// As [`Client::send`], and [`ApiError::Broken`] when the file can't be written.
    pub async fn save(&self, wire: Wire, sink: &Sink) -> Result<()> {
        let body = self.send_into(wire, Some(sink.clone())).await?;
        if !body.is_empty() {
            // This transport has handed it over in one piece.
            sink.begin().await?;
            sink.write(&body).await?;
        }
        sink.finish().await
    }

    async fn send_into(&self, wire: Wire, into: Option<Sink>) -> Result<Bytes> {
        // What is saved takes long, and must not hold up what the screen waits for.
        let _place = if wire.is_write() || into.is_some() { None } else { self.inner.reads.acquire().await.ok() };
        tracing::debug!(%wire, "asking");
        if is_open(&wire) {
            return interpret(self.carry(Call { wire, headers: vec![], into: None }).await?);
        }
        let write = wire.is_write();
        let proof = self.proof(write).await?;
        let raw = self.carry(Call { wire: wire.clone(), headers: proof.headers, into: into.clone() }).await?;
        match proof.ticket {
            Some(serial) if is_lost_ticket(&raw) => {
                // Another node may refuse what the one that gave the ticket takes: its clock is wrong, or its keys are old.
                if wire.path.starts_with("/nodes/") && self.takes_ticket().await {
                    return interpret(raw).map_err(of_the_node);
                }
                tracing::debug!(%wire, "the ticket was refused, logging in again");
                self.log_in_again(serial).await?;
                let headers = self.state().proof(write)?.headers;
                interpret(self.carry(Call { wire, headers, into }).await?)
            }
            _ => interpret(raw),
        }
    }

    /// Whether the server itself still takes the ticket.
    async fn takes_ticket(&self) -> bool {
        let Ok(proof) = self.state().proof(false) else { return false };
        let (wire, _) = version::get().into_parts();
        let answer = self.carry(Call { wire, headers: proof.headers, into: None }).await;
        answer.is_ok_and(|raw| raw.status == 200)
    }

    /// Sends a call once. What changes nothing had no effect either when its answer did not come.
    async fn carry(&self, call: Call) -> Result<Raw> {
        let harmless = !call.wire.is_write() || call.wire.path == "/access/ticket";
        let answer = self.inner.transport.send(call).await;
        if harmless { answer.map_err(unanswered) } else { answer }
    }

    /// A page outside of the API, such as the server's manual, as text. It needs no login.
    ///
    /// # Errors
    /// What the transport or the server says, and [`ApiError::Garbled`] when it is no text.
    pub async fn page(&self, path: &str) -> Result<String> {
        let body = interpret(self.inner.transport.page(path).await.map_err(unanswered)?)?;
        String::from_utf8(body.into()).map_err(|_| ApiError::Garbled(format!("{path} is no text")))
    }

    /// The headers that prove who asks, for what does not go through [`Client::send`]: uploads and consoles.
    ///
    /// # Errors
    /// [`ApiError::LoginNeeded`] when the login has ended.
    pub async fn headers(&self, write: bool) -> Result<Headers> {
        Ok(self.proof(write).await?.headers)
    }

    async fn proof(&self, write: bool) -> Result<Proof> {
        self.renew_if_due().await;
        self.state().proof(write)
    }

    /// Sends without credentials and reads the answer.
    async fn ask_openly<T>(&self, request: Request<T>) -> Result<T> {
        let (wire, decode) = request.into_parts();
        decode(&interpret(self.carry(Call { wire, headers: vec![], into: None }).await?)?)
    }

    /// Renews an old ticket. The call that notices first does it, the others go on with the old ticket.
    async fn renew_if_due(&self) {
        if self.state().due().is_none() {
            return;
        }
        let Ok(_one) = self.inner.login.try_lock() else { return };
        let Some((serial, user, ticket)) = self.state().due() else { return };
        let answer = self.ask_openly(access::ticket(&user, &ticket)).await;
        let mut state = self.state();
        if state.serial != serial {
            return;
        }
        let Auth::Ticket(old) = &mut state.auth else { return };
        let fresh = match answer {
            Ok(answer) if !answer.need_tfa => Session::new(answer, old.password.clone()),
            Ok(_) => Err(ApiError::Garbled("a second factor was asked for".into())),
            Err(error) => Err(error),
        };
        match fresh {
            Ok(session) => state.replace(Auth::Ticket(session)),
            Err(error) => {
                // The old ticket may last for another hour; when it does not, the 401 leads to a new login.
                tracing::warn!(%error, "the ticket could not be renewed");
                old.renew_at = Instant::now() + RENEW_AGAIN;
            }
        }
    }

    /// Replaces the ticket of that serial by a login with the kept password. Calls that come together share one login.
    async fn log_in_again(&self, serial: u64) -> Result<()> {
        let failures = self.state().failures;
        let _one = self.inner.login.lock().await;
        let kept = {
            let state = self.state();
            if state.serial != serial {
                return Ok(()); // somebody was faster; whether well or not, the next proof tells
            }
            if state.failures != failures
                && let Some(error) = &state.failed
            {
                return Err(error.clone());
            }
            match &state.auth {
                Auth::Ticket(s) => s.password.clone().map(|p| (s.user.clone(), p)),
                _ => None,
            }
        };
        let Some((user, password)) = kept else {
            return Err(self.end(serial, "the ticket has expired, and a new one needs the second factor".into()));
        };
        let fresh = match self.ask_openly(access::ticket(&user, &password)).await {
            Ok(answer) if answer.need_tfa => {
                return Err(self.end(serial, format!("the server now wants a second factor from {user}")));
            }
            Ok(answer) => Session::new(answer, Some(password)),
            Err(error) => Err(error),
        };
        match fresh {
            Ok(session) => {
                let mut state = self.state();
                if state.serial == serial {
                    state.replace(Auth::Ticket(session));
                }
                Ok(())
            }
            Err(ApiError::Refused(r)) if matches!(r.status, 400 | 401 | 403) => {
                Err(self.end(serial, format!("the server no longer accepts the password of {user}")))
            }
            Err(error) => {
                // The call itself was refused unread, so whatever became of the login, the call was not executed.
                let error = match error {
                    ApiError::Untrusted { .. } => error,
                    other => ApiError::NotSent(format!("the ticket has expired and logging in again failed: {other}")),
                };
                let mut state = self.state();
                state.failures += 1;
                state.failed = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Ends the login, so that later calls fail at once instead of troubling the server with a hopeless ticket.
    fn end(&self, serial: u64, why: String) -> ApiError {
        let mut state = self.state();
        if state.serial == serial {
            state.replace(Auth::Ended(why.clone()));
        }
        ApiError::LoginNeeded(why)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn replace(&mut self, auth: Auth) {
        self.auth = auth;
        self.serial += 1;
        self.failed = None;
    }

    fn proof(&self, write: bool) -> Result<Proof> {
        Ok(match &self.auth {
            Auth::None => Proof { headers: vec![], ticket: None },
            Auth::Token { header, .. } => Proof { headers: vec![("Authorization", header.clone())], ticket: None },
            Auth::Ticket(s) => {
                let mut headers = vec![("Cookie", s.cookie.clone())];
                if write {
                    headers.push(("CSRFPreventionToken", s.csrf.clone()));
                }
                Proof { headers, ticket: Some(self.serial) }
            }
            Auth::Ended(why) => return Err(ApiError::LoginNeeded(why.clone())),
        })
    }

    /// Serial, user and ticket of a session that is old enough to be renewed.
    fn due(&self) -> Option<(u64, String, SecretString)> {
        match &self.auth {
            Auth::Ticket(s) if Instant::now() >= s.renew_at => Some((self.serial, s.user.clone(), s.ticket.clone())),
            _ => None,
        }
    }
}

impl Session {
    fn new(answer: access::Ticket, password: Option<SecretString>) -> Result<Self> {
        let Some(csrf) = answer.csrf.filter(|_| !answer.need_tfa) else {
            return Err(ApiError::Garbled("the login's answer holds no CSRF token".into()));
        };
        let cookie = utf8_percent_encode(answer.ticket.expose_secret(), NON_ALPHANUMERIC);
        Ok(Self {
            cookie: format!("PVEAuthCookie={cookie}").into(),
            user: answer.username,
            ticket: answer.ticket,
            csrf,
            renew_at: Instant::now() + RENEW_AFTER,
            password,
        })
    }
}

/// Calls that anybody may make. They go without credentials, so that the login dialog works after a login has ended.
fn is_open(wire: &Wire) -> bool {
    matches!(wire.path.as_str(), "/access/domains" | "/access/ticket")
}

/// A call that changes nothing has had no effect, whatever became of it.
fn unanswered(error: ApiError) -> ApiError {
    match error {
        ApiError::Unsure(why) => ApiError::Unanswered(why),
        other => other,
    }
}

/// A 401 for the ticket itself has an empty body; one with a message comes from the called method and is its answer
/// (a wrong confirmation password, say).
/// A login would not help: only this node refuses.
fn of_the_node(error: ApiError) -> ApiError {
    match error {
        ApiError::Refused(mut refusal) if refusal.status == 401 => {
            refusal.message = NOT_THAT_NODE.into();
            ApiError::Refused(refusal)
        }
        other => other,
    }
}

fn is_lost_ticket(raw: &Raw) -> bool {
    #[derive(serde::Deserialize)]
    struct Body {
        message: String,
    }
    raw.status == 401 && !serde_json::from_slice::<Body>(&raw.body).is_ok_and(|b| !b.message.trim().is_empty())
}

#[cfg(test)]
mod tests;
