use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::guarded_http::GuardedHttp;
use crate::oauth::metadata::{Kept, MetadataCache};
use crate::oauth::{ClientRegistration, OAuthClient, OAuthClientBuilder, RegisteredClient};
use crate::{Clock, TokenError, TokenErrorKind};

/// A client of one issuer.
#[derive(Clone)]
pub(super) struct IssuerClient {
    /// Makes more like it, which share what is known of the server.
    pub(super) builder: OAuthClientBuilder,
    pub(super) client: OAuthClient,
}

/// Our clients, by issuer: those that were registered beforehand, and those that are registered on demand.
pub(super) struct IssuerClients {
    pub(super) known: BTreeMap<String, IssuerClient>,
    /// Issuers that the program named.
    pub(super) named: Vec<String>,
    pub(super) accepts: Option<Arc<Accepts>>,
    pub(super) registration: Option<ClientRegistration>,
    pub(super) on_registration: Option<Arc<OnRegistration>>,
    pub(super) registered: Mutex<BTreeMap<String, Arc<Kept<Registered>>>>,
}

pub(super) type Accepts = dyn Fn(&str) -> bool + Send + Sync;
pub(super) type OnRegistration = dyn Fn(&RegisteredClient) + Send + Sync;

#[derive(Clone)]
pub(super) struct Registered {
    of: RegisteredClient,
    client: IssuerClient,
}

/// With how many issuers a client registers itself at the most.
const MAX_REGISTERED: usize = 1000;

impl IssuerClients {
    /// The issuer among `servers` to go to: the first of which we have a client, else the first with which one may be registered.
    pub(super) fn choose<'a>(&self, servers: &'a [String]) -> Option<&'a String> {
        let known = servers.iter().find(|issuer| self.known.contains_key(*issuer));
        known.or_else(|| servers.iter().find(|issuer| self.registration.is_some() && self.allows(issuer)))
    }

    fn allows(&self, issuer: &String) -> bool {
        self.named.contains(issuer) || self.accepts.as_ref().is_some_and(|accepts| accepts(issuer))
    }

    /// The client of `issuer`, which was chosen.
    pub(super) async fn of(&self, issuer: &str, clock: &Clock, http: &GuardedHttp) -> Result<IssuerClient, TokenError> {
        if let Some(client) = self.known.get(issuer) {
            return Ok(client.clone());
        }
        let Some(registration) = &self.registration else {
            let message = format!("there is no client of the authorization server {issuer:?}");
            return Err(TokenError::new(TokenErrorKind::Misconfigured, message));
        };
        let kept = self.slot(issuer)?;
        // The program vouches for the servers that it names; others must not lead into its network.
        let registration = match self.named.iter().any(|named| named == issuer) {
            true => registration.clone(),
            false => registration.clone().or_http_client(http.open()),
        };
        let ended = kept.known().is_some_and(|registered| registered.of.is_over(clock.wall()));
        let life = if ended { Duration::ZERO } else { Duration::MAX };
        let limit = registration.longest();
        let found = Arc::clone(&kept);
        let fetch = |_| async move {
            // Somebody else may have registered anew while this call waited for its turn.
            if let Some(known) = found.known().filter(|known| !known.of.is_over(clock.wall())) {
                return Ok(known);
            }
            let registered = registration.register(issuer).await?;
            tracing::info!(issuer, client_id = registered.client_id(), "a client was registered");
            if let Some(tell) = &self.on_registration {
                tell(&registered);
            }
            let client = IssuerClient::new(registered.client(), issuer).map_err(|error| {
                TokenError::new(TokenErrorKind::Misconfigured, "the registered client cannot be used")
                    .with_source(error)
            })?;
            Ok(Registered { of: registered, client })
        };
        Ok(kept.get(clock, life, limit, fetch).await?.client)
    }

    fn slot(&self, issuer: &str) -> Result<Arc<Kept<Registered>>, TokenError> {
        let mut registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = registered.get(issuer) {
            return Ok(Arc::clone(kept));
        }
        if registered.len() >= MAX_REGISTERED {
            registered.retain(|_, kept| kept.known().is_some());
        }
        if registered.len() >= MAX_REGISTERED {
            let message = "there are too many authorization servers to register a client with one more";
            return Err(TokenError::new(TokenErrorKind::Misconfigured, message));
        }
        Ok(Arc::clone(registered.entry(issuer.to_owned()).or_default()))
    }
}

impl IssuerClient {
    /// A client of `issuer` as `builder` describes it.
    pub(super) fn new(builder: OAuthClientBuilder, issuer: &str) -> Result<Self, crate::ConfigError> {
        let builder = builder.issuer(issuer);
        let metadata = Arc::new(MetadataCache::new(builder.server_discovery(issuer)));
        let builder = builder.shared_metadata(metadata);
        Ok(Self { client: builder.clone().build()?, builder })
    }
}
