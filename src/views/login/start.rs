//! Where a login leads to, and connecting without a screen.

use crate::{
    api::{
        ApiError,
        access::{self, Realm},
        client::Client,
        http::{Target, Trust},
        login::{Credentials, Login as Outcome},
    },
    shell::{Place, World},
};

/// What is known before anybody has typed anything.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// The server, if given.
    pub target: Option<Target>,
    /// How it must prove itself, if given.
    pub trust: Option<Trust>,
    /// `user@realm`, if given.
    pub user: Option<String>,
    /// Password or token, if given by the environment.
    pub credentials: Option<Credentials>,
    /// Nothing may be changed there.
    pub read_only: bool,
    /// The profile of the configuration that this comes from.
    pub profile: Option<String>,
}

/// What connecting came to.
pub struct Connected {
    pub(super) client: Client,
    pub(super) place: Place,
    pub(super) how: How,
}

/// How far connecting has come.
pub(super) enum How {
    /// Logged in with what was given.
    In(Outcome),
    /// Nothing was given.
    Ask(Counter),
}

/// What a server says to whoever wants to log in.
#[derive(Default)]
pub(super) struct Counter {
    /// These realms can be logged in to.
    pub(super) realms: Vec<Realm>,
    /// To be agreed to before.
    pub(super) consent: Option<String>,
    /// Who did it last time.
    pub(super) last: Option<String>,
}

impl Start {
    /// What is needed to connect to this server.
    pub(super) fn place(&self, target: Target) -> Place {
        let Self { trust, user, credentials, read_only, profile, .. } = self.clone();
        // What was given is meant for the server that was given: a mistyped name must not get the password.
        if self.target.as_ref().is_some_and(|given| *given != target) {
            return Place { target, trust: None, user, credentials: None, read_only, profile: None };
        }
        Place { target, trust, user, credentials, read_only, profile }
    }
}

/// Connects without a screen, with what is given.
///
/// # Errors
/// When the server can't be reached, is not trusted, or refuses the login.
pub async fn connect_at_once(world: &World, start: &Start) -> Result<Connected, ApiError> {
    let target = start.target.clone().ok_or_else(|| ApiError::NotSent("no server is named".into()))?;
    connect(world, start.place(target)).await
}

pub(super) async fn connect(world: &World, place: Place) -> Result<Connected, ApiError> {
    let trust = match place.trust.clone() {
        Some(trust) => trust,
        None => world.connector().pinned(&place.target)?.map_or(Trust::System, Trust::Pinned),
    };
    let client = Client::over(world.connector().transport(&place.target, &trust)?);
    let how = match place.credentials.clone() {
        Some(credentials) => How::In(client.login(credentials).await?),
        None => {
            let (realms, page) = tokio::join!(client.ask(access::domains()), client.page("/"));
            // Without a start page there is nothing to agree to; whether there is a server, the realms tell.
            let consent = page.ok().and_then(|page| access::consent(&page));
            How::Ask(Counter { realms: realms?, consent, last: world.connector().last_user(&place.target) })
        }
    };
    Ok(Connected { client, place, how })
}
