//! How to reach a server and as whom, from the command line and the environment.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use secrecy::SecretString;
use thiserror::Error;

use crate::api::{
    Credentials,
    http::{Fingerprint, Options, Proxy, Target, Trust, target::TargetError},
};

/// The options of every command that talks to a server. Secrets are no options, since every user of a machine can read
/// its command lines.
#[derive(Args, Clone, Debug, Default, PartialEq)]
#[command(next_help_heading = "Connection")]
pub struct ConnectArgs {
    /// The server, like pve1, pve1:8006 or https://pve1:8006 [env: PVE_HOST]
    #[arg(long, value_name = "HOST[:PORT]", global = true)]
    pub host: Option<String>,
    /// The user with realm, like root@pam, or a token's id, like root@pam!ci [env: PVE_USER; the secret comes from
    /// PVE_PASSWORD or PVE_TOKEN_SECRET]
    #[arg(long, value_name = "USER@REALM", global = true)]
    pub user: Option<String>,
    /// Trust exactly the certificate with this SHA-256 [env: PVE_FINGERPRINT]
    #[arg(long, value_name = "SHA256", global = true, conflicts_with_all = ["ca_file", "insecure"])]
    pub fingerprint: Option<String>,
    /// Trust also the authorities in this PEM file, like a copy of /etc/pve/pve-root-ca.pem
    #[arg(long, value_name = "FILE", global = true, conflicts_with = "insecure")]
    pub ca_file: Option<PathBuf>,
    /// Trust any certificate: whoever is on the way can read and change everything
    #[arg(long, global = true)]
    pub insecure: bool,
    /// How many seconds the server may keep silent
    #[arg(long, value_name = "SECONDS", global = true, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: Option<u64>,
}

/// What is missing or contradictory, and what to set.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConnectError {
    /// A server's address that is none.
    #[error("{0}: {1}")]
    Host(&'static str, TargetError),
    /// A user without realm, or an id that is none.
    #[error("{0} is not valid: {1}")]
    User(&'static str, String),
    /// A fingerprint that is none.
    #[error(
        "{0} is not valid: a fingerprint is the SHA-256 of the certificate in hexadecimal (`pvenode cert info` shows it)"
    )]
    Fingerprint(&'static str),
    /// Half of a login.
    #[error("{0}")]
    Incomplete(String),
}

/// A resolved connection.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The server.
    /// `None`: nobody named one.
    pub target: Option<Target>,
    /// How it proves itself.
    pub trust: Trust,
    /// True when nobody said whom to trust: then a certificate that the user once accepted
    /// counts, which the login looks up.
    pub trust_is_default: bool,
    /// True with `--insecure`: worth a visible warning.
    pub insecure: bool,
    /// `user@realm` or `user@realm!token`, as far as known.
    pub user: Option<String>,
    /// User and secret, when both are known; otherwise somebody has to be asked.
    pub credentials: Option<Credentials>,
    /// Time-outs and proxy.
    pub options: Options,
}

impl ConnectArgs {
    /// Puts the options together: the command line first, then the environment, which is passed as a function so that
    /// tests can make one up. Empty variables count as unset.
    ///
    /// # Errors
    /// When the server is missing, something is not valid, or a login is only half there.
    pub fn resolve(&self, env: impl Fn(&str) -> Option<String>) -> Result<Connection, ConnectError> {
        let env = |name: &str| env(name).filter(|value| !value.trim().is_empty());
        let pick = |option: &Option<String>, flag: &'static str, variable: &'static str| match option {
            Some(value) => Some((flag, value.clone())),
            None => env(variable).map(|value| (variable, value)),
        };

        let target = match pick(&self.host, "--host", "PVE_HOST") {
            Some((source, host)) => Some(host.parse::<Target>().map_err(|e| ConnectError::Host(source, e))?),
            None => None,
        };

        let trust = if self.insecure {
            Some(Trust::Insecure)
        } else if let Some(file) = &self.ca_file {
            Some(Trust::CaFile(file.clone()))
        } else if let Some((source, text)) = pick(&self.fingerprint, "--fingerprint", "PVE_FINGERPRINT") {
            let fingerprint: Fingerprint = text.parse().map_err(|_| ConnectError::Fingerprint(source))?;
            Some(Trust::Pinned(fingerprint))
        } else {
            None
        };

        let (user, credentials) = login(pick(&self.user, "--user", "PVE_USER"), env)?;
        let mut options =
            Options { proxy: target.as_ref().and_then(|t| Proxy::from_env(t, env)), ..Options::default() };
        if let Some(seconds) = self.timeout {
            options.silence = Duration::from_secs(seconds);
            options.read = options.read.max(options.silence);
        }
        Ok(Connection {
            insecure: trust == Some(Trust::Insecure),
            trust_is_default: trust.is_none(),
            trust: trust.unwrap_or_default(),
            target,
            user,
            credentials,
            options,
        })
    }
}

/// Who logs in. A token goes before a password when the environment holds both, as it is the more deliberate choice.
fn login(
    user: Option<(&'static str, String)>,
    env: impl Fn(&str) -> Option<String>,
) -> Result<(Option<String>, Option<Credentials>), ConnectError> {
    let secret = |name: &str| env(name).map(SecretString::from);
    let (mut user, mut token) = match user {
        Some((source, text)) => {
            let text = text.trim().to_owned();
            check_user(source, &text)?;
            match text.split_once('!') {
                Some((user, _)) => (Some((source, user.to_owned())), Some((source, text.clone()))),
                None => (Some((source, text)), None),
            }
        }
        None => (None, None),
    };
    if token.is_none()
        && let Some(id) = env("PVE_TOKEN_ID")
    {
        let id = id.trim().to_owned();
        let full = match (&user, id.contains('!')) {
            (_, true) => id,
            (Some((_, user)), false) if !id.contains('@') => format!("{user}!{id}"),
            (None, false) if !id.contains('@') => {
                let why = format!("the token \"{id}\" needs its user: write user@realm!{id}, or set PVE_USER");
                return Err(ConnectError::User("PVE_TOKEN_ID", why));
            }
            _ => {
                return Err(ConnectError::User("PVE_TOKEN_ID", format!("\"{id}\" is not of the form user@realm!name")));
            }
        };
        check_user("PVE_TOKEN_ID", &full)?;
        let owner = full.split('!').next().unwrap_or_default().to_owned();
        match &user {
            Some((source, user)) if *user != owner => {
                return Err(ConnectError::Incomplete(format!(
                    "{source} says {user}, but the token in PVE_TOKEN_ID belongs to {owner}: unset one of them"
                )));
            }
            _ => user = Some(("PVE_TOKEN_ID", owner)),
        }
        token = Some(("PVE_TOKEN_ID", full));
    }
    if let Some((source, id)) = token {
        let Some(secret) = secret("PVE_TOKEN_SECRET") else {
            return Err(ConnectError::Incomplete(format!(
                "{source} names the token {id}, but its secret is missing: set PVE_TOKEN_SECRET"
            )));
        };
        return Ok((Some(id.clone()), Some(Credentials::Token { id, secret })));
    }
    if env("PVE_TOKEN_SECRET").is_some() && env("PVE_PASSWORD").is_none() {
        return Err(ConnectError::Incomplete(
            "PVE_TOKEN_SECRET is set, but not which token it belongs to: set PVE_TOKEN_ID to user@realm!name".into(),
        ));
    }
    let user = user.map(|(_, user)| user);
    let credentials = match (&user, secret("PVE_PASSWORD")) {
        (Some(user), Some(password)) => Some(Credentials::Password { user: user.clone(), password }),
        (None, Some(_)) => {
            let why = "PVE_PASSWORD is set, but not for whom: use --user or set PVE_USER, for example root@pam";
            return Err(ConnectError::Incomplete(why.into()));
        }
        (_, None) => None,
    };
    Ok((user, credentials))
}

/// `user@realm` or `user@realm!name`, as the server takes them. The user's part may hold an `@` itself.
fn check_user(source: &'static str, text: &str) -> Result<(), ConnectError> {
    let fail = |why: &str| Err(ConnectError::User(source, format!("\"{text}\" {why}")));
    let (user, name) = match text.split_once('!') {
        Some((user, name)) => (user, Some(name)),
        None => (text, None),
    };
    if text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, ':' | '/')) {
        return fail("holds characters that no user id has");
    }
    match user.rsplit_once('@') {
        Some((user, realm)) if !user.is_empty() && !realm.is_empty() => {}
        _ => return fail("has no realm: write it like root@pam or alice@pve"),
    }
    match name {
        Some(name) if name.is_empty() || name.contains(['!', '=']) => fail("has no proper token name after the !"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::Parser;
    use secrecy::ExposeSecret;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        connect: ConnectArgs,
    }

    /// Resolves `arguments` (split at blanks) with an environment of `NAME=value` words.
    fn resolve(arguments: &str, environment: &str) -> Result<Connection, ConnectError> {
        let args = Cli::try_parse_from(["proxmux"].into_iter().chain(arguments.split_whitespace())).unwrap().connect;
        args.resolve(|name| {
            let pair = |w: &str| w.split_once('=').filter(|(n, _)| *n == name).map(|(_, v)| v.to_owned());
            environment.split_whitespace().find_map(pair)
        })
    }

    fn error(arguments: &str, environment: &str) -> String {
        resolve(arguments, environment).unwrap_err().to_string()
    }

    fn token(c: &Connection) -> (&str, &str) {
        match &c.credentials {
            Some(Credentials::Token { id, secret }) => (id, secret.expose_secret()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_goes_first() {
        let c = resolve("--host a --user x@pve", "PVE_HOST=b:1 PVE_USER=root@pam PVE_PASSWORD=pw").unwrap();
        assert_eq!(
            (c.target.as_ref().map(ToString::to_string).as_deref(), c.user.as_deref()),
            (Some("a:8006"), Some("x@pve"))
        );
        let Some(Credentials::Password { user, password }) = &c.credentials else { panic!("{c:?}") };
        assert_eq!((user.as_str(), password.expose_secret()), ("x@pve", "pw"));
        let c = resolve("", "PVE_HOST=b:1 PVE_USER=root@pam PVE_PASSWORD=").unwrap();
        assert_eq!(
            (c.target.as_ref().map(ToString::to_string).as_deref(), c.user.as_deref()),
            (Some("b:1"), Some("root@pam"))
        );
        assert!(c.credentials.is_none());
    }

    #[test]
    fn trust() {
        let (one, two) = ("11".repeat(32), "22".repeat(32));
        let trust = |arguments: &str| {
            let c = resolve(&format!("--host a {arguments}"), &format!("PVE_FINGERPRINT={one}")).unwrap();
            assert!(!c.trust_is_default);
            (c.trust, c.insecure)
        };
        assert_eq!(trust(""), (Trust::Pinned(Fingerprint([0x11; 32])), false));
        assert_eq!(trust(&format!("--fingerprint {two}")), (Trust::Pinned(Fingerprint([0x22; 32])), false));
        assert_eq!(trust("--ca-file x.pem"), (Trust::CaFile("x.pem".into()), false));
        assert_eq!(trust("--insecure"), (Trust::Insecure, true));
        assert!(error("--host a --fingerprint AB", "").contains("--fingerprint is not valid"));
        assert!(error("--host a", "PVE_FINGERPRINT=AB").contains("PVE_FINGERPRINT is not valid"));
        assert!(Cli::try_parse_from(["proxmux", "--insecure", "--ca-file", "x"]).is_err());
    }

    #[test]
    fn tokens() {
        let c = resolve("--host a", "PVE_TOKEN_ID=root@pam!ci PVE_TOKEN_SECRET=s PVE_PASSWORD=pw PVE_USER=root@pam");
        let c = c.unwrap();
        assert_eq!((token(&c), c.user.as_deref()), (("root@pam!ci", "s"), Some("root@pam!ci")));
        let c = resolve("--host a --user bob@pve", "PVE_TOKEN_ID=ci PVE_TOKEN_SECRET=s PVE_USER=root@pam").unwrap();
        assert_eq!(token(&c), ("bob@pve!ci", "s"));
        let c = resolve("--host a --user bob@pve!x", "PVE_TOKEN_SECRET=s PVE_TOKEN_ID=root@pam!ci").unwrap();
        assert_eq!(token(&c), ("bob@pve!x", "s"));
        assert!(!format!("{c:?}").contains("\"s\""));
    }

    #[test]
    fn without_a_server_the_rest_is_kept() {
        let c = resolve("--insecure --timeout 7", "PVE_TOKEN_ID=root@pam!ci PVE_TOKEN_SECRET=s").unwrap();
        assert_eq!((&c.target, &c.trust, c.options.silence.as_secs()), (&None, &Trust::Insecure, 7));
        assert_eq!(token(&c).0, "root@pam!ci");
    }

    #[test]
    fn messages_say_what_to_set() {
        for (arguments, environment, want) in [
            ("--host http://a", "", "--host: \"http://a\" is not a server address: only https"),
            ("", "PVE_HOST=a:x", "PVE_HOST: \"a:x\" is not a server address"),
            ("--host a --user root", "", "--user is not valid: \"root\" has no realm"),
            ("--host a", "PVE_USER=root", "PVE_USER is not valid"),
            ("--host a", "PVE_PASSWORD=pw", "not for whom: use --user or set PVE_USER"),
            ("--host a", "PVE_TOKEN_ID=ci PVE_TOKEN_SECRET=s", "write user@realm!ci, or set PVE_USER"),
            ("--host a", "PVE_TOKEN_ID=root@pam PVE_TOKEN_SECRET=s", "not of the form user@realm!name"),
            ("--host a", "PVE_TOKEN_ID=root@pam!ci", "set PVE_TOKEN_SECRET"),
            ("--host a --user a@pam!b", "PVE_PASSWORD=pw", "set PVE_TOKEN_SECRET"),
            ("--host a", "PVE_TOKEN_SECRET=s", "set PVE_TOKEN_ID"),
            (
                "--host a --user bob@pve",
                "PVE_TOKEN_ID=root@pam!ci PVE_TOKEN_SECRET=s",
                "belongs to root@pam: unset one",
            ),
        ] {
            let text = error(arguments, environment);
            assert!(text.contains(want), "{arguments} {environment}: {text}");
        }
    }

    #[test]
    fn time_outs_and_proxies() {
        let c = resolve("--host a --timeout 300", "HTTPS_PROXY=http://p:1").unwrap();
        assert_eq!((c.options.silence.as_secs(), c.options.read.as_secs()), (300, 300));
        assert!(c.options.proxy.is_some());
        assert_eq!(resolve("--host a", "").unwrap().options.silence.as_secs(), 30);
        assert!(resolve("--host localhost", "HTTPS_PROXY=http://p:1").unwrap().options.proxy.is_none());
        assert!(Cli::try_parse_from(["proxmux", "--timeout", "0"]).is_err());
    }
}
