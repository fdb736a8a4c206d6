//! Tickets, CSRF tokens and the recognition of who calls.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::call::{Call, unescape};
use super::crypto::hmac_sha256;
use super::state::Cluster;

/// Seconds that a ticket lives.
pub const LIFETIME: f64 = 7200.0;

impl Cluster {
    /// A ticket: `PREFIX:subject:HEXTIME::signature`.
    pub fn make_ticket(&self, prefix: &str, subject: &str) -> String {
        let head = format!("{prefix}:{subject}:{:08X}", self.now as u64);
        let signature = STANDARD.encode(hmac_sha256(&self.access.key, head.as_bytes()));
        format!("{head}::{signature}")
    }

    /// The subject of a ticket that is signed, begins with `prefix` and is at most `lifetime` seconds old.
    pub fn read_ticket(&self, prefix: &str, ticket: &str, lifetime: f64) -> Option<String> {
        let (head, signature) = ticket.rsplit_once("::")?;
        let expected = STANDARD.encode(hmac_sha256(&self.access.key, head.as_bytes()));
        if expected != signature {
            return None;
        }
        let rest = head.strip_prefix(prefix)?.strip_prefix(':')?;
        let (subject, time) = rest.rsplit_once(':')?;
        let time = u64::from_str_radix(time, 16).ok()? as f64;
        let age = self.now - time;
        let good = age <= lifetime && age > -300.0 && time >= self.access.tickets_since.floor();
        good.then(|| subject.to_owned())
    }

    /// A CSRF prevention token of a user: `HEXTIME:signature`.
    pub fn make_csrf(&self, user: &str) -> String {
        let time = format!("{:08X}", self.now as u64);
        format!("{time}:{}", self.csrf_signature(&time, user))
    }

    fn csrf_signature(&self, time: &str, user: &str) -> String {
        STANDARD_NO_PAD.encode(hmac_sha256(&self.access.key, format!("csrf:{time}:{user}").as_bytes()))
    }

    fn csrf_ok(&self, user: &str, token: &str) -> bool {
        let Some((time, signature)) = token.split_once(':') else { return false };
        let Ok(made) = u64::from_str_radix(time, 16) else { return false };
        let age = self.now - made as f64;
        age <= LIFETIME && age > -300.0 && signature == self.csrf_signature(time, user)
    }

    /// May a user log in now: exists, enabled, not expired?
    pub fn user_active(&self, user: &str) -> bool {
        let found = self.access.users.get(user);
        found.is_some_and(|u| u.enable && (u.expire == 0 || u.expire as f64 > self.now))
    }
}

/// Who calls: `user@realm`, `user@realm!token`, or nobody for calls open to the world. The error is the 401's reason.
pub fn authenticate(cluster: &mut Cluster, call: &Call, world: bool) -> Result<String, String> {
    let failed = || "Authentication failed!".to_owned();
    let authorization = call.get_header("authorization").unwrap_or("");
    if let Some(token) = authorization.strip_prefix("PVEAPIToken").and_then(|t| t.strip_prefix(['=', ' '])) {
        if world {
            return Ok(String::new());
        }
        let (id, secret) = token.trim().split_once('=').ok_or_else(failed)?;
        let (user, name) = id.split_once('!').ok_or_else(failed)?;
        let now = cluster.now;
        let good = cluster
            .access
            .token(user, name)
            .is_some_and(|t| t.secret == secret && (t.expire == 0 || t.expire as f64 > now));
        return if good && cluster.user_active(user) { Ok(id.to_owned()) } else { Err(failed()) };
    }
    if world {
        return Ok(String::new());
    }
    let cookies = call.get_header("cookie").unwrap_or("");
    let cookie = cookies.split(';').find_map(|c| c.trim().strip_prefix("PVEAuthCookie="));
    let ticket = cookie.or_else(|| authorization.strip_prefix("PVEAuthCookie="));
    let Some(ticket) = ticket.filter(|t| !t.is_empty()) else { return Err("No ticket".into()) };
    let ticket = unescape(ticket);
    let user = cluster.read_ticket("PVE", &ticket, LIFETIME).filter(|u| cluster.user_active(u)).ok_or_else(failed)?;
    if call.method != "GET" && call.upload.is_none() {
        let token = call.get_header("csrfpreventiontoken").unwrap_or("");
        if !cluster.csrf_ok(&user, token) {
            return Err("Permission denied - invalid csrf token".into());
        }
    }
    Ok(user)
}
