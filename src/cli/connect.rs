//! How to reach a server and as whom, from the command line and the environment.

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;
use thiserror::Error;

use crate::{
    api::{
        Credentials,
        http::{Fingerprint, Options, Proxy, Target, Trust, target::TargetError},
    },
    config::{
        Effective, SecretSource, Source, Value,
        secret::{self, token_id, user_id},
        setting,
    },
};

/// The options of every command that talks to a server. Secrets are no options, since every user of a machine can read
/// its command lines.
#[derive(Args, Clone, Debug, Default, PartialEq)]
#[command(next_help_heading = "Connection")]
pub struct ConnectArgs {
    /// The server, like pve1, pve1:8006 or https://pve1:8006; several nodes of a cluster separated by commas
    /// [env: PVE_HOST]
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
    /// What counts after environment and file were asked, too.
    #[arg(skip)]
    pub counts: Effective,
}

/// What is missing or contradictory, and what to set.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConnectError {
    /// A server's address that is none.
    #[error("{0}: {1}")]
    Host(String, TargetError),
    /// A user without realm, or an id that is none.
    #[error("{0} is not valid: {1}")]
    User(String, String),
    /// A fingerprint that is none.
    #[error(
        "{0} is not valid: a fingerprint is the SHA-256 of the certificate in hexadecimal (`pvenode cert info` shows it)"
    )]
    Fingerprint(String),
    /// Half of a login.
    #[error("{0}")]
    Incomplete(String),
}

/// A resolved connection.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The servers of one cluster, the first to be tried first. Empty: nobody named one.
    pub targets: Vec<Target>,
    /// How they prove themselves.
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
    /// Where the profile keeps the missing secret.
    pub kept: Option<Kept>,
    /// Time-outs and proxy.
    pub options: Options,
}

/// A secret that is yet to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Whose: `user@realm` or `user@realm!token`.
    pub login: String,
    /// Where it is.
    pub source: SecretSource,
}

impl Kept {
    /// The login, once the secret is there.
    pub fn with(self, secret: SecretString) -> Credentials {
        if self.login.contains('!') {
            Credentials::Token { id: self.login, secret }
        } else {
            Credentials::Password { user: self.login, password: secret }
        }
    }
}

impl ConnectArgs {
    /// The settings that the command line gives.
    pub fn settings(&self) -> Vec<(&'static str, Value)> {
        let text = |value: &String| Value::Text(value.clone());
        let ca = self.ca_file.as_ref().map(|file| Value::Text(file.to_string_lossy().into_owned()));
        let all = [
            ("host", self.host.as_ref().map(text)),
            ("user", self.user.as_ref().map(text)),
            ("fingerprint", self.fingerprint.as_ref().map(text)),
            ("ca_file", ca),
            ("timeout", self.timeout.map(Value::Whole)),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Puts the connection together from the settings that count; `env` gives secrets and proxies and is passed as a
    /// function so that tests can make one up. Empty variables count as unset.
    ///
    /// # Errors
    /// When something is not valid, or a login is only half there.
    pub fn resolve(
        &self,
        settings: &Effective,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Connection, ConnectError> {
        let env = |name: &str| env(name).filter(|value| !value.trim().is_empty());
        let label = |name: &str| settings.source(name).map(Source::name).unwrap_or_default();
        let outside = |name: &str| settings.source(name).is_some_and(Source::is_outside);

        let port = settings.whole("port").and_then(|n| u16::try_from(n).ok()).unwrap_or(8006);
        let hosts = settings.get("host").map(Value::list).unwrap_or_default();
        let hosts =
            hosts.iter().flat_map(|text| text.split(',')).filter(|text| !text.trim().is_empty() || hosts.len() == 1);
        let targets: Vec<Target> = hosts
            .map(|text| Target::with_port(text, port).map_err(|e| ConnectError::Host(label("host"), e)))
            .collect::<Result<_, _>>()?;

        // Who trusts by an option means this and nothing else; in the file there is only one of the two.
        let ca_goes_first = settings.source("ca_file").is_some_and(|s| matches!(s, Source::Flag(_)));
        let ca = || {
            let home = std::env::home_dir();
            settings.text("ca_file").map(|file| Trust::CaFile(setting::path(file, home)))
        };
        let trust = match (self.insecure, settings.text("fingerprint")) {
            (true, _) => Some(Trust::Insecure),
            (_, Some(text)) if !ca_goes_first => {
                let fingerprint: Fingerprint =
                    text.parse().map_err(|_| ConnectError::Fingerprint(label("fingerprint")))?;
                Some(Trust::Pinned(fingerprint))
            }
            _ => ca(),
        };

        let login = login(settings, env)?;
        if login.from_profile
            && matches!(settings.source("host"), Some(Source::Env(_)))
            && !own_targets(settings, port).iter().any(|own| targets.contains(own))
        {
            let profile = settings.profile.as_deref().unwrap_or_default();
            return Err(ConnectError::Incomplete(format!(
                "PVE_HOST names {}, but the login is that of profile {profile}, which is for another server: unset PVE_HOST, or use --host if you mean it",
                targets.first().map(ToString::to_string).unwrap_or_default()
            )));
        }
        let mut options =
            Options { proxy: targets.first().and_then(|t| Proxy::from_env(t, env)), ..Options::default() };
        if let Some(silence) = setting::seconds(settings.get("timeout")) {
            options.silence = silence;
            options.read = options.read.max(options.silence);
        }
        debug_assert!(!login.from_profile || !outside("user") || login.user.is_some());
        Ok(Connection {
            insecure: trust == Some(Trust::Insecure),
            trust_is_default: trust.is_none(),
            trust: trust.unwrap_or_default(),
            targets,
            user: login.user,
            credentials: login.credentials,
            kept: login.kept,
            options,
        })
    }
}

/// The addresses of the profile itself.
pub fn own_targets(settings: &Effective, port: u16) -> Vec<Target> {
    let own = settings.own.get("host").map(|given| given.value.list()).unwrap_or_default();
    own.iter().filter_map(|text| Target::with_port(text, port).ok()).collect()
}

#[derive(Default)]
struct Login {
    user: Option<String>,
    credentials: Option<Credentials>,
    kept: Option<Kept>,
    /// Its secret is the profile's.
    from_profile: bool,
}

/// Who logs in. A token goes before a password when the environment holds both, as it is the more deliberate choice.
/// A profile's secret is only used for the profile's own user or token.
fn login(settings: &Effective, env: impl Fn(&str) -> Option<String>) -> Result<Login, ConnectError> {
    let secret = |name: &str| env(name).map(SecretString::from);
    let own_user = user_id(&settings.own);
    let own_token = token_id(&settings.own);
    let profile = settings.source("user").filter(|s| !s.is_outside());
    let given = settings.text("user").filter(|_| profile.is_none());
    let (mut user, mut token) = match given {
        Some(text) => {
            let source = settings.source("user").map(Source::name).unwrap_or_default();
            let mut text = text.trim().to_owned();
            if let (false, Some(realm)) = (text.contains('@'), settings.text("realm")) {
                text = format!("{text}@{realm}");
            }
            check_user(&source, &text)?;
            match text.split_once('!') {
                Some((user, _)) => (Some((source.clone(), user.to_owned())), Some((source, text.clone()))),
                None => (Some((source, text)), None),
            }
        }
        None => (None, None),
    };
    if token.is_none()
        && let Some(id) = env("PVE_TOKEN_ID")
    {
        let source = "PVE_TOKEN_ID".to_owned();
        let id = id.trim().to_owned();
        let owner = user.as_ref().map(|(_, user)| user.clone()).or_else(|| own_user.clone());
        let full = match (owner, id.contains('!')) {
            (_, true) => id,
            (Some(user), false) if !id.contains('@') => format!("{user}!{id}"),
            (None, false) if !id.contains('@') => {
                let why = format!("the token \"{id}\" needs its user: write user@realm!{id}, or set PVE_USER");
                return Err(ConnectError::User(source, why));
            }
            _ => return Err(ConnectError::User(source, format!("\"{id}\" is not of the form user@realm!name"))),
        };
        check_user(&source, &full)?;
        let owner = full.split('!').next().unwrap_or_default().to_owned();
        match &user {
            Some((by, user)) if *user != owner => {
                return Err(ConnectError::Incomplete(format!(
                    "{by} says {user}, but the token in PVE_TOKEN_ID belongs to {owner}: unset one of them"
                )));
            }
            _ => user = Some((source.clone(), owner)),
        }
        token = Some((source, full));
    }
    // The profile's own login counts when nobody else is named, or the same.
    let by_profile = || format!("profile {}", settings.profile.as_deref().unwrap_or_default());
    let same = |login: &str| user.as_ref().is_none_or(|(_, user)| login.split('!').next() == Some(user));
    if token.is_none()
        && let Some(own) = own_token.as_ref().filter(|own| same(own) && given.is_none())
    {
        user = user.or_else(|| Some((by_profile(), own.split('!').next().unwrap_or_default().to_owned())));
        token = Some((by_profile(), own.clone()));
    }
    if user.is_none() {
        user = own_user.clone().map(|own| (by_profile(), own));
    }
    let kept = |login: &str| {
        let own = own_token.as_ref().or(own_user.as_ref()).is_some_and(|own| own == login);
        let source = secret::source(&settings.own).filter(|_| own)?;
        Some(Kept { login: login.to_owned(), source: source.clone() })
    };
    if let Some((source, id)) = token {
        if let Some(secret) = secret("PVE_TOKEN_SECRET") {
            let credentials = Some(Credentials::Token { id: id.clone(), secret });
            return Ok(Login { user: Some(id), credentials, ..Login::default() });
        }
        return match kept(&id).filter(|kept| kept.source != SecretSource::Prompt) {
            Some(kept) => Ok(Login { user: Some(id), kept: Some(kept), from_profile: true, ..Login::default() }),
            None => Err(ConnectError::Incomplete(format!(
                "{source} names the token {id}, but its secret is missing: set PVE_TOKEN_SECRET, or say in a profile where it is kept (secret = ...)"
            ))),
        };
    }
    if env("PVE_TOKEN_SECRET").is_some() && env("PVE_PASSWORD").is_none() {
        return Err(ConnectError::Incomplete(
            "PVE_TOKEN_SECRET is set, but not which token it belongs to: set PVE_TOKEN_ID to user@realm!name".into(),
        ));
    }
    let user = user.map(|(_, user)| user);
    match (user, secret("PVE_PASSWORD")) {
        (Some(user), Some(password)) => {
            let credentials = Some(Credentials::Password { user: user.clone(), password });
            Ok(Login { user: Some(user), credentials, ..Login::default() })
        }
        (None, Some(_)) => {
            let why = "PVE_PASSWORD is set, but not for whom: use --user or set PVE_USER, for example root@pam";
            Err(ConnectError::Incomplete(why.into()))
        }
        (user, None) => {
            let kept = user.as_deref().and_then(kept).filter(|_| own_token.is_none());
            Ok(Login { user, from_profile: kept.is_some(), kept, ..Login::default() })
        }
    }
}

/// `user@realm` or `user@realm!name`, as the server takes them. The user's part may hold an `@` itself.
fn check_user(source: &str, text: &str) -> Result<(), ConnectError> {
    let fail = |why: &str| Err(ConnectError::User(source.to_owned(), format!("\"{text}\" {why}")));
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
        let env = |name: &str| {
            let pair = |w: &str| w.split_once('=').filter(|(n, _)| *n == name).map(|(_, v)| v.to_owned());
            environment.split_whitespace().find_map(pair)
        };
        let (config, mistakes) = crate::config::read(FILE, &super::super::setup::known());
        assert_eq!(mistakes, []);
        let profile = env("PROFILE");
        let settings = Effective::new(&config, profile.as_deref(), &args.settings(), env).unwrap();
        args.resolve(&settings, env)
    }

    const FILE: &str = "
        [profiles.two]
        host = [\"n1\", \"n2:1\"]
        port = 443
        user = \"bob\"
        realm = \"pve\"
        secret = { env = \"X\" }
        fingerprint = \"3333333333333333333333333333333333333333333333333333333333333333\"
        [profiles.token]
        host = \"n3\"
        token = \"ci@pve!con\"
        secret = \"stored\"
        ca_file = \"/ca.pem\"
        timeout = 9
    ";

    #[test]
    fn profiles_give_what_nobody_else_gives() {
        let c = resolve("", "PROFILE=two").unwrap();
        assert_eq!(c.targets.iter().map(ToString::to_string).collect::<Vec<_>>(), ["n1:443", "n2:1"]);
        assert_eq!((c.user.as_deref(), c.trust), (Some("bob@pve"), Trust::Pinned(Fingerprint([0x33; 32]))));
        assert_eq!(c.kept, Some(Kept { login: "bob@pve".into(), source: SecretSource::Env("X".into()) }));
        let c = resolve("", "PROFILE=token").unwrap();
        assert_eq!((c.user.as_deref(), &c.trust), (Some("ci@pve!con"), &Trust::CaFile("/ca.pem".into())));
        assert_eq!((c.kept.unwrap().source, c.options.silence.as_secs()), (SecretSource::Stored, 9));
        let c =
            resolve("--fingerprint 1111111111111111111111111111111111111111111111111111111111111111", "PROFILE=token");
        assert_eq!(c.unwrap().trust, Trust::Pinned(Fingerprint([0x11; 32])));
        let c = resolve("--ca-file x.pem", "PROFILE=two").unwrap();
        assert_eq!(c.trust, Trust::CaFile("x.pem".into()));
        let c = resolve("", "PROFILE=two PVE_PASSWORD=pw").unwrap();
        assert!(
            matches!(&c.credentials, Some(Credentials::Password { user, .. }) if user == "bob@pve") && c.kept.is_none()
        );
    }

    #[test]
    fn a_profiles_secret_is_only_for_its_own_login_and_server() {
        let c = resolve("--user alice@pam", "PROFILE=two").unwrap();
        assert_eq!((c.user.as_deref(), c.kept), (Some("alice@pam"), None));
        let c = resolve("--user bob@pve", "PROFILE=two").unwrap();
        assert_eq!(c.kept.map(|k| k.login).as_deref(), Some("bob@pve"));
        let c = resolve("--user root@pam", "PROFILE=token").unwrap();
        assert_eq!((c.user.as_deref(), c.kept), (Some("root@pam"), None));
        let why = error("", "PROFILE=two PVE_HOST=other");
        assert!(why.contains("PVE_HOST names other:443") && why.contains("unset PVE_HOST"), "{why}");
        assert!(resolve("", "PROFILE=two PVE_HOST=n2:1").is_ok());
        assert!(resolve("--host other", "PROFILE=two").is_ok(), "an option is meant");
        assert!(resolve("", "PROFILE=two PVE_HOST=other PVE_PASSWORD=x").is_ok(), "a secret from the same place");
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
            (c.targets.first().map(ToString::to_string).as_deref(), c.user.as_deref()),
            (Some("a:8006"), Some("x@pve"))
        );
        let Some(Credentials::Password { user, password }) = &c.credentials else { panic!("{c:?}") };
        assert_eq!((user.as_str(), password.expose_secret()), ("x@pve", "pw"));
        let c = resolve("", "PVE_HOST=b:1 PVE_USER=root@pam PVE_PASSWORD=").unwrap();
        assert_eq!(
            (c.targets.first().map(ToString::to_string).as_deref(), c.user.as_deref()),
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
        assert_eq!((c.targets.len(), &c.trust, c.options.silence.as_secs()), (0, &Trust::Insecure, 7));
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
