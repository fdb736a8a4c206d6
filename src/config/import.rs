//! Settings of other tools: a JSON file of one server, and files of `KEY=VALUE` lines.

use secrecy::SecretString;

use super::setting::{Kind, Value};

/// What another tool's file says.
#[derive(Debug, Default)]
pub struct Imported {
    /// Settings of a profile.
    pub settings: Vec<(&'static str, Value)>,
    /// The password, or the token's secret.
    pub secret: Option<SecretString>,
    /// Lines that mean nothing here, and what was left out on purpose.
    pub notes: Vec<String>,
}

#[derive(Default)]
struct Found {
    host: Option<String>,
    port: Option<String>,
    user: Option<String>,
    realm: Option<String>,
    token: Option<String>,
    token_secret: Option<String>,
    password: Option<String>,
    fingerprint: Option<String>,
    notes: Vec<String>,
}

/// Reads a file: JSON if it looks like it, else `KEY=VALUE` lines.
///
/// # Errors
/// When it holds nothing that can be used; the text says what is missing. It never repeats a value.
pub fn read(text: &str) -> Result<Imported, String> {
    let mut found = Found::default();
    if text.trim_start().starts_with('{') {
        let json: serde_json::Value = serde_json::from_str(text)
            .map_err(|e| format!("it is not valid JSON (line {}, column {})", e.line(), e.column()))?;
        for (key, value) in json.as_object().into_iter().flatten() {
            match value {
                serde_json::Value::String(value) => found.take(key, value.clone()),
                serde_json::Value::Number(number) => found.take(key, number.to_string()),
                serde_json::Value::Bool(yes) => found.take(key, yes.to_string()),
                _ => found.notes.push(format!("\"{key}\" means nothing here")),
            }
        }
    } else {
        for (n, line) in text.lines().enumerate() {
            let line = line.trim();
            let line = line.strip_prefix("export ").unwrap_or(line).trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line.split_once('=') {
                Some((key, value)) if key.trim().chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
                    found.take(key.trim(), unquote(value.trim()));
                }
                _ => return Err(format!("line {} is not of the form KEY=VALUE", n + 1)),
            }
        }
    }
    found.finish()
}

/// A value as a shell would read it, without expanding anything.
fn unquote(value: &str) -> String {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote) {
            return rest.split(quote).next().unwrap_or_default().to_owned();
        }
    }
    value.split(" #").next().unwrap_or_default().trim_end().to_owned()
}

impl Found {
    fn take(&mut self, key: &str, value: String) {
        if value.is_empty() {
            return;
        }
        // tokenId, TOKEN_ID, PVE_TOKEN_ID and PROXMOX_API_TOKEN_ID are the same.
        let plain = key.to_lowercase().replace(['_', '-'], "");
        let plain = ["proxmox", "pve", "pm"].iter().find_map(|p| plain.strip_prefix(p)).unwrap_or(&plain);
        let plain = plain.strip_prefix("api").filter(|p| !p.is_empty()).unwrap_or(plain);
        let slot = match plain {
            "host" | "hostname" | "server" | "url" | "endpoint" | "address" | "ip" => &mut self.host,
            "port" => &mut self.port,
            "user" | "username" | "login" => &mut self.user,
            "realm" => &mut self.realm,
            "tokenid" | "tokenname" => &mut self.token,
            "tokensecret" | "tokenvalue" | "secret" | "tokenkey" => &mut self.token_secret,
            "token" => return self.token_line(value),
            "password" | "pass" | "passwd" => &mut self.password,
            "fingerprint" | "certfingerprint" => &mut self.fingerprint,
            "verifyssl" | "insecure" | "tlsinsecure" | "verifytls" | "verify" => {
                self.notes.push(format!(
                    "{key} was left out: certificates are verified always, and a new one is shown once and pinned"
                ));
                return;
            }
            _ => {
                self.notes.push(format!("{key} means nothing here"));
                return;
            }
        };
        *slot = Some(value);
    }

    /// `user@realm!name=secret`, as it stands in a header, or only one half of it.
    fn token_line(&mut self, value: String) {
        match value.split_once('=') {
            Some((id, secret)) => {
                self.token = Some(id.to_owned());
                self.token_secret = Some(secret.to_owned());
            }
            None if value.contains('!') => self.token = Some(value),
            None => self.token_secret = Some(value),
        }
    }

    fn finish(self) -> Result<Imported, String> {
        let mut out = Imported { notes: self.notes, ..Imported::default() };
        let host = self.host.ok_or("it names no server (host)")?;
        // What follows the address (`/api2/json`) means nothing here.
        let host = host.trim().trim_end_matches('/').to_owned();
        let mut add = |name: &'static str, kind: Kind, text: String| -> Result<(), String> {
            let value = kind.parse(&text).map_err(|why| format!("{name}: {why}"))?;
            out.settings.push((name, value));
            Ok(())
        };
        add("host", Kind::Hosts, host)?;
        if let Some(port) = self.port.filter(|p| p != "8006") {
            add("port", Kind::Whole(1, 65535), port)?;
        }
        let user = self.user.map(|user| match (&self.realm, user.contains('@')) {
            (Some(realm), false) => format!("{user}@{realm}"),
            (None, false) => format!("{user}@pam"),
            _ => user,
        });
        // root@pam!name in the user's place is a token, too.
        let (user, token) = match user {
            Some(both) if both.contains('!') => (None, Some(both)),
            user => (user, self.token),
        };
        match (token, user) {
            (Some(token), _) if token.contains('!') => add("token", Kind::Token, token)?,
            (Some(token), Some(user)) => add("token", Kind::Token, format!("{user}!{token}"))?,
            (Some(_), None) => return Err("it names a token, but not whose it is (user)".into()),
            (None, Some(user)) => add("user", Kind::User, user)?,
            (None, None) => {}
        }
        if let Some(fingerprint) = self.fingerprint {
            add("fingerprint", Kind::Fingerprint, fingerprint)?;
        }
        let is_token = out.settings.iter().any(|(name, _)| *name == "token");
        out.secret = if is_token { self.token_secret } else { self.password }.map(SecretString::from);
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use secrecy::ExposeSecret;

    use super::*;

    fn brief(text: &str) -> (Vec<String>, Option<String>, usize) {
        let i = read(text).unwrap();
        assert!(!format!("{i:?}").contains("hunter2"));
        let settings = i.settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (settings, i.secret.map(|s| s.expose_secret().to_owned()), i.notes.len())
    }

    #[test]
    fn the_older_tool() {
        let json = r#"{ "host": "https://pve1:8006", "user": "root@pam", "tokenId": "mux", "tokenSecret": "hunter2" }"#;
        let want = ["host=https://pve1:8006".to_owned(), "token=root@pam!mux".into()];
        assert_eq!(brief(json), (want.to_vec(), Some("hunter2".into()), 0));
    }

    #[test]
    fn lines_of_shell_variables() {
        let text = "# mine\nexport PROXMOX_HOST='pve1'\nPROXMOX_PORT=443 # odd\nPROXMOX_USER=bob\nPROXMOX_REALM=\"pve\"\n\
                    PROXMOX_PASSWORD=\"hunter2 #x\"\nPROXMOX_VERIFY_SSL=false\nNODE=pve1\n";
        let want = ["host=pve1", "port=443", "user=bob@pve"].map(str::to_owned);
        assert_eq!(brief(text), (want.to_vec(), Some("hunter2 #x".into()), 2));
        let text = "PVE_URL=https://pve1:8006/api2/json\nPVE_TOKEN=root@pam!x=hunter2\nPVE_PORT=8006";
        let want = ["host=https://pve1:8006/api2/json", "token=root@pam!x"].map(str::to_owned);
        assert_eq!(brief(text), (want.to_vec(), Some("hunter2".into()), 0));
        assert_eq!(brief("HOST=a\nUSER=root").0, ["host=a", "user=root@pam"]);
    }

    #[test]
    fn what_cant_be_used_says_why() {
        for (text, want) in [
            ("", "names no server"),
            ("USER=root", "names no server"),
            ("{ \"host\": hunter2", "not valid JSON (line 1"),
            ("hunter2", "line 1 is not of the form KEY=VALUE"),
            ("HOST=a\nTOKEN_ID=x\nTOKEN_SECRET=hunter2", "not whose it is"),
            ("HOST=http://a", "only https"),
        ] {
            let why = read(text).unwrap_err();
            assert!(why.contains(want) && !why.contains("hunter2"), "{text}: {why}");
        }
    }
}
