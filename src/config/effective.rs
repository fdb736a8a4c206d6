//! Which value counts, and who said so: command line, environment, profile, defaults of the file, built in.

use std::{collections::BTreeMap, fmt};

use super::{
    Config, Section,
    secret::SecretSource,
    setting::{Kind, SETTINGS, Setting, Value},
};

/// Who said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An option of the command line.
    Flag(&'static str),
    /// An environment variable.
    Env(&'static str),
    /// A profile of the file.
    Profile {
        /// Its name.
        name: String,
        /// The line.
        line: usize,
    },
    /// `[defaults]` of the file.
    Defaults {
        /// The line.
        line: usize,
    },
    /// Nobody: what is built in.
    BuiltIn,
    /// Nobody, and nothing is built in.
    Unset,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "command line ({flag})"),
            Self::Env(name) => write!(f, "environment ({name})"),
            Self::Profile { name, line } => write!(f, "profile {name} (line {line})"),
            Self::Defaults { line } => write!(f, "[defaults] (line {line})"),
            Self::BuiltIn => f.write_str("built in"),
            Self::Unset => f.write_str("not set"),
        }
    }
}

impl Source {
    /// True when the command line or the environment said it, not the file.
    pub fn is_outside(&self) -> bool {
        matches!(self, Self::Flag(_) | Self::Env(_))
    }

    /// The option, the variable or the profile, for messages.
    pub fn name(&self) -> String {
        match self {
            Self::Flag(name) | Self::Env(name) => (*name).to_owned(),
            Self::Profile { name, .. } => format!("profile {name}"),
            other => other.to_string(),
        }
    }

    /// A word for programs: `flag`, `environment`, `profile`, `defaults`, `built-in`, `unset`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Flag(_) => "flag",
            Self::Env(_) => "environment",
            Self::Profile { .. } => "profile",
            Self::Defaults { .. } => "defaults",
            Self::BuiltIn => "built-in",
            Self::Unset => "unset",
        }
    }
}

/// A value and who said it.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// The value; `None` with [`Source::Unset`].
    pub value: Option<Value>,
    /// Who said it.
    pub source: Source,
}

/// Every setting with the value that counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effective {
    /// The profile in use.
    pub profile: Option<String>,
    /// What that profile itself says.
    pub own: Section,
    values: BTreeMap<&'static str, Chosen>,
}

impl Effective {
    /// Decides. `flags` are settings that the command line gives; `env` looks up variables, of which empty ones count
    /// as unset.
    ///
    /// # Errors
    /// When a variable's value can't be used: the text names the variable and what would be right.
    pub fn new(
        config: &Config,
        profile: Option<&str>,
        flags: &[(&'static str, Value)],
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let empty = Section::new();
        let section = profile.and_then(|name| config.profiles.get(name)).map_or(&empty, |p| &p.settings);
        let env = |name: &'static str| env(name).filter(|v| !v.trim().is_empty()).map(|v| (name, v));
        let choose = |setting: &'static Setting| -> Result<Chosen, String> {
            if let Some((_, value)) = flags.iter().find(|(name, _)| *name == setting.name) {
                return Ok(Chosen { value: Some(value.clone()), source: Source::Flag(setting.flag) });
            }
            if let Some((name, text)) = setting.env.iter().find_map(|name| env(name)) {
                // The connection's own variables have better words for what is wrong with them.
                let value = match setting.kind {
                    Kind::Secret => Value::Secret(SecretSource::Env(name.into())),
                    Kind::Hosts | Kind::User | Kind::Token | Kind::Fingerprint => Value::Text(text.trim().to_owned()),
                    kind => kind.parse(&text).map_err(|why| format!("{name}: {why}"))?,
                };
                return Ok(Chosen { value: Some(value), source: Source::Env(name) });
            }
            if let (Some(given), Some(name)) = (section.get(setting.name), profile) {
                let source = Source::Profile { name: name.into(), line: given.line };
                return Ok(Chosen { value: Some(given.value.clone()), source });
            }
            if let Some(given) = config.defaults.get(setting.name) {
                let source = Source::Defaults { line: given.line };
                return Ok(Chosen { value: Some(given.value.clone()), source });
            }
            let value = setting.default.map(|text| setting.kind.parse(text)).transpose()?;
            let source = if value.is_some() { Source::BuiltIn } else { Source::Unset };
            Ok(Chosen { value, source })
        };
        let values = SETTINGS.iter().map(|s| Ok((s.name, choose(s)?))).collect::<Result<_, String>>()?;
        Ok(Self { profile: profile.map(str::to_owned), own: section.clone(), values })
    }

    /// All settings in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Setting, &Chosen)> {
        SETTINGS.iter().filter_map(|s| Some((s, self.values.get(s.name)?)))
    }

    /// The value that counts.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)?.value.as_ref()
    }

    /// Who said it.
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.values.get(name).map(|chosen| &chosen.source)
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.text()
    }

    /// A truth; `false` when it is unset.
    pub fn truth(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Value::Truth(true)))
    }

    /// A number.
    pub fn whole(&self, name: &str) -> Option<u64> {
        match self.get(name) {
            Some(Value::Whole(n)) => Some(*n),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::{Given, Profile};

    fn config() -> Config {
        let given = |value, line| Given { value, line };
        let mut config = Config::default();
        config.defaults.insert("refresh", given(Value::Whole(10), 2));
        config.defaults.insert("timeout", given(Value::Whole(60), 3));
        let mut profile = Profile::default();
        profile.settings.insert("refresh", given(Value::Whole(20), 6));
        profile.settings.insert("host", given(Value::List(vec!["a".into(), "b".into()]), 7));
        config.profiles.insert("p".into(), profile);
        config
    }

    #[test]
    fn command_line_environment_profile_defaults_built_in() {
        let config = config();
        let env = |name: &str| match name {
            "PROXMUX_REFRESH" => Some("30".to_owned()),
            "PVE_HOST" => Some(" ".into()),
            "PVE_PASSWORD" => Some("hunter2".into()),
            _ => None,
        };
        let none = |_: &str| None;
        let flags = [("refresh", Value::Whole(40))];
        let pick =
            |e: &Effective, name: &str| (e.get(name).map(ToString::to_string), e.source(name).unwrap().to_string());
        let both = |value: &str, source: &str| (Some(value.to_owned()), source.to_owned());

        let e = Effective::new(&config, Some("p"), &flags, env).unwrap();
        assert_eq!(pick(&e, "refresh"), both("40", "command line (--refresh)"));
        assert_eq!(pick(&e, "host"), both("a, b", "profile p (line 7)"), "a blank variable counts as unset");
        assert_eq!(pick(&e, "secret"), both("in the variable PVE_PASSWORD", "environment (PVE_PASSWORD)"));
        assert!(!format!("{e:?}").contains("hunter2"));
        let e = Effective::new(&config, Some("p"), &[], env).unwrap();
        assert_eq!(pick(&e, "refresh"), both("30", "environment (PROXMUX_REFRESH)"));
        let e = Effective::new(&config, Some("p"), &[], none).unwrap();
        assert_eq!(pick(&e, "refresh"), both("20", "profile p (line 6)"));
        assert_eq!(pick(&e, "timeout"), both("60", "[defaults] (line 3)"));
        let e = Effective::new(&config, None, &[], none).unwrap();
        assert_eq!(pick(&e, "refresh"), both("10", "[defaults] (line 2)"));
        assert_eq!(pick(&e, "view"), both("dashboard", "built in"));
        assert_eq!(pick(&e, "host"), (None, "not set".into()));
    }

    #[test]
    fn variables_are_checked() {
        let env = |name: &str| (name == "PROXMUX_REFRESH").then(|| "often".to_owned());
        let why = Effective::new(&Config::default(), None, &[], env).unwrap_err();
        assert_eq!(why, "PROXMUX_REFRESH: it must be a whole number from 1 to 3600");
    }

    #[test]
    fn every_default_is_valid() {
        for setting in SETTINGS {
            if let Some(text) = setting.default {
                setting.kind.parse(text).unwrap_or_else(|why| panic!("{}: {why}", setting.name));
            }
        }
    }
}
