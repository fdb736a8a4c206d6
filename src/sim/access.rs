//! Access control: users, groups, roles, realms, tokens, ACL, second factors, tickets.

use std::collections::{BTreeMap, BTreeSet};

use super::router::Route;

/// A user.
#[derive(Clone, Debug, Default)]
pub struct User {
    /// `email`, `firstname`, `lastname`, `comment`, `keys`.
    pub info: BTreeMap<String, String>,
    /// May the user log in?
    pub enable: bool,
    /// End of the account in seconds since the epoch, 0 for never.
    pub expire: i64,
    /// Password; `None` as long as none was set.
    pub password: Option<String>,
    /// Groups.
    pub groups: BTreeSet<String>,
    /// API tokens by name.
    pub tokens: BTreeMap<String, Token>,
    /// Second factors.
    pub factors: Vec<Factor>,
}

/// An API token.
#[derive(Clone, Debug, Default)]
pub struct Token {
    /// The secret, a UUID.
    pub secret: String,
    /// Are its rights separated from the user's?
    pub privsep: bool,
    /// End in seconds since the epoch, 0 for never.
    pub expire: i64,
    /// Comment.
    pub comment: Option<String>,
}

/// A second factor.
#[derive(Clone, Debug)]
pub struct Factor {
    /// A UUID, or `recovery`.
    pub id: String,
    /// Description.
    pub description: String,
    /// Creation in seconds since the epoch.
    pub created: u64,
    /// Switched off?
    pub disabled: bool,
    /// What it is.
    pub kind: FactorKind,
}

/// Kinds of second factors that the simulator knows.
#[derive(Clone, Debug)]
pub enum FactorKind {
    /// A time based one-time password.
    Totp {
        /// Base32 secret.
        secret: String,
        /// Digits of a code.
        digits: u32,
        /// Seconds that a code is valid.
        period: u64,
        /// The last time step that was used, so that a code works only once.
        used: u64,
    },
    /// Recovery keys, `None` when used.
    Recovery(Vec<Option<String>>),
}

/// A line of the ACL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// `/vms/100`.
    pub path: String,
    /// `user`, `group` or `token`.
    pub kind: String,
    /// User, group or token id.
    pub who: String,
    /// Role.
    pub role: String,
    /// Does it hold below the path?
    pub propagate: bool,
}

/// Everything about users and their rights.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Users by `name@realm`.
    pub users: BTreeMap<String, User>,
    /// Comments of groups by name.
    pub groups: BTreeMap<String, Option<String>>,
    /// Privileges of roles by name.
    pub roles: BTreeMap<String, BTreeSet<String>>,
    /// Roles that came with PVE.
    pub special: BTreeSet<String>,
    /// Realms by name, with their configuration including `type`.
    pub realms: BTreeMap<String, BTreeMap<String, String>>,
    /// The ACL.
    pub acl: Vec<Grant>,
    /// Signs tickets.
    pub key: Vec<u8>,
    /// Tickets older than this moment are not accepted any more (a fault that expires all of them).
    pub tickets_since: f64,
}

impl Access {
    /// A token.
    pub fn token(&self, user: &str, token: &str) -> Option<&Token> {
        self.users.get(user)?.tokens.get(token)
    }

    /// The groups of a user.
    pub fn groups_of(&self, user: &str) -> BTreeSet<String> {
        self.users.get(user).map(|u| u.groups.clone()).unwrap_or_default()
    }
}

/// Calls of this noun.
pub const ROUTES: &[Route] = &[];
