//! Logging in: realms, tickets and one's own permissions.

use std::{
    collections::{BTreeMap, HashMap, hash_map::RandomState},
    fmt,
    hash::BuildHasher,
    sync::Arc,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use compact_str::CompactString;
use secrecy::{ExposeSecret, SecretString};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

use super::{
    error::{ApiError, Result},
    request::{Method, Request, Wire},
};

/// Where users come from, as the login dialog offers it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Realm {
    /// Its id, the part after `@` in a user id.
    pub realm: String,
    /// `pam`, `pve`, `ldap`, `ad` or `openid`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// What people call it.
    #[serde(default)]
    pub comment: Option<String>,
    /// True for the realm that a login dialog offers first.
    #[serde(default, deserialize_with = "truth")]
    pub default: bool,
    /// The kind of second factor that the realm itself demands (`oath` or `yubico`).
    #[serde(default)]
    pub tfa: Option<String>,
}

/// The answer to a login.
#[derive(Clone, Debug, Deserialize)]
pub struct Ticket {
    /// `user@realm`, as the server writes it.
    pub username: String,
    /// The ticket, or with [`Ticket::need_tfa`] the challenge for the second step.
    pub ticket: SecretString,
    /// What proves that a write was meant; missing in the first of two steps.
    #[serde(rename = "CSRFPreventionToken", default)]
    pub csrf: Option<SecretString>,
    /// True when a second factor has to follow.
    #[serde(rename = "NeedTFA", default, deserialize_with = "truth")]
    pub need_tfa: bool,
    /// The cluster's name, if there is a cluster and the user may see it.
    #[serde(default)]
    pub clustername: Option<String>,
}

/// The privileges on a path, each with whether it propagates to what lies below.
pub type Privileges = BTreeMap<CompactString, Propagate>;

/// Privileges by path. The server names every guest that is in a pool, mostly with the same privileges, so equal ones
/// are kept once.
#[derive(Clone, Debug, Default)]
pub struct Permissions(BTreeMap<CompactString, Arc<Privileges>>);

impl Permissions {
    /// What the server says about this very path.
    pub fn get(&self, path: &str) -> Option<&Privileges> {
        self.0.get(path).map(AsRef::as_ref)
    }

    /// No path has any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Privileges)> {
        self.0.iter().map(|(path, privileges)| (path.as_str(), privileges.as_ref()))
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Paths;
        impl<'de> Visitor<'de> for Paths {
            type Value = Permissions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("privileges by path")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Permissions, A::Error> {
                let (mut all, mut kinds) = (BTreeMap::new(), HashMap::<u64, Arc<Privileges>>::new());
                let hashes = RandomState::new();
                while let Some((path, privileges)) = map.next_entry::<CompactString, Privileges>()? {
                    let known =
                        kinds.entry(hashes.hash_one(&privileges)).or_insert_with(|| Arc::new(privileges.clone()));
                    let same = **known == privileges;
                    all.insert(path, if same { known.clone() } else { Arc::new(privileges) });
                }
                Ok(Permissions(all))
            }
        }
        deserializer.deserialize_map(Paths)
    }
}

/// Whether a privilege holds for the paths below as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub struct Propagate(#[serde(deserialize_with = "truth")] pub bool);

/// `GET /access/domains`: the realms. Needs no login.
pub fn domains() -> Request<Vec<Realm>> {
    Request::get("/access/domains")
}

/// The text that a server wants to be agreed to before a login: it stands in its start page only, mostly in base64.
pub fn consent(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("consentText").or_else(|| page.split_once("ConsentText"))?;
    let rest = rest.trim_start_matches(['\'', '"']).trim_start().strip_prefix(':')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let written = rest[1..].split(quote).next()?;
    let decoded = STANDARD.decode(written).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    Some(decoded.unwrap_or_else(|| written.to_owned())).filter(|text| !text.trim().is_empty())
}

/// `PUT /access/password`: gives `user@realm` another password of 8 to 64 characters. Whoever changes his own proves it
/// with the present one. In the realm `pam` it holds on the answering node only.
pub fn change_password(user: &str, new: &SecretString, present: &SecretString) -> Request<()> {
    Request::put("/access/password")
        .param("userid", user)
        .secret("password", new.expose_secret())
        .secret("confirmation-password", present.expose_secret())
}

/// Whose password a call changes, and to which one.
pub fn new_password(wire: &Wire) -> (Option<&str>, Option<&str>) {
    if wire.method == Method::Put && wire.path == "/access/password" {
        (wire.get("userid"), wire.get("password"))
    } else {
        (None, None)
    }
}

/// `POST /access/ticket`: logs `user@realm` in with a password, or renews with a valid ticket in the password's place.
pub fn ticket(user: &str, password: &SecretString) -> Request<Ticket> {
    Request::<Ticket>::post("/access/ticket")
        .param("username", user)
        .secret("password", password.expose_secret())
        .read_by(read_ticket)
}

/// `POST /access/ticket`: the second step of a login. `answer` is `totp:123456` or the like.
pub fn ticket_with_factor(user: &str, challenge: &SecretString, answer: &SecretString) -> Request<Ticket> {
    Request::<Ticket>::post("/access/ticket")
        .param("username", user)
        .secret("tfa-challenge", challenge.expose_secret())
        .secret("password", answer.expose_secret())
        .read_by(read_ticket)
}

/// `GET /access/permissions`: what the logged-in user or token may do, on which path.
pub fn permissions() -> Request<Permissions> {
    Request::get("/access/permissions")
}

/// Reads a login answer. The decoder's own message may quote a piece of the ticket, so it is replaced.
fn read_ticket(body: &[u8]) -> Result<Ticket> {
    #[derive(Deserialize)]
    struct Envelope {
        data: Ticket,
    }
    serde_json::from_slice::<Envelope>(body).map(|e| e.data).map_err(|error| {
        if body.first() == Some(&b'{') {
            ApiError::Garbled("the login's answer holds no usable ticket".into())
        } else {
            ApiError::garbled(body, &error)
        }
    })
}

/// The API's booleans: 0/1 as number or text, sometimes real ones.
fn truth<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Bool(b) => b,
        Value::Number(n) => n.as_f64().is_some_and(|n| n != 0.0),
        Value::String(s) => matches!(s.as_str(), "1" | "true" | "yes" | "on"),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn endpoints_as_text() {
        let password = SecretString::from("hunter2");
        assert_eq!(domains().to_string(), "GET /access/domains");
        assert_eq!(permissions().to_string(), "GET /access/permissions");
        let first = ticket("root@pam", &password);
        assert_eq!(first.to_string(), "POST /access/ticket username=root@pam password=********");
        let second = ticket_with_factor("a@pve", &"PVE:!tfa!{}".into(), &"totp:123456".into());
        assert_eq!(second.to_string(), "POST /access/ticket username=a@pve tfa-challenge=******** password=********");
        assert_eq!(second.wire.get("password"), Some("totp:123456"));
    }

    #[test]
    fn lenient_realms() {
        let body = br#"{"data":[{"type":"pve","comment":"x","realm":"pve","default":"1"},
            {"realm":"pam","type":"pam","default":1},{"realm":"ad","type":"ad","tfa":"oath","default":null}]}"#;
        let realms = domains().decode(body).unwrap();
        let brief: Vec<_> = realms.iter().map(|r| (r.realm.as_str(), r.default, r.tfa.as_deref())).collect();
        assert_eq!(brief, [("pve", true, None), ("pam", true, None), ("ad", false, Some("oath"))]);
    }

    #[test]
    fn tickets_and_permissions() {
        let request = ticket("root@pam", &"x".into());
        let body = br#"{"data":{"username":"root@pam","ticket":"PVE:t","NeedTFA":"1"}}"#;
        let t = request.decode(body).unwrap();
        assert!(t.need_tfa && t.csrf.is_none() && !format!("{t:?}").contains("PVE:t"));
        let e = request.decode(br#"{"data":"PVE:secret"}"#).unwrap_err();
        assert!(!e.to_string().contains("secret"), "{e}");
        let p = permissions().decode(br#"{"data":{"/vms":{"VM.Audit":1,"VM.Console":0}}}"#).unwrap();
        let vms = p.get("/vms").unwrap();
        assert_eq!((vms["VM.Audit"].0, vms["VM.Console"].0), (true, false));
    }
}
