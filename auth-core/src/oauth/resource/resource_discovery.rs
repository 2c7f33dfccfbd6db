use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::guarded_http::GuardedHttp;
use super::issuer_clients::IssuerClients;
use super::{DiscoveredResource, ProtectedResourceMetadata, ResourceDiscoveryBuilder};
use crate::error::printable;
use crate::oauth::metadata::Kept;
use crate::{Challenge, Clock, TokenError, TokenErrorKind};

/// The way from an API that refused a request to the authorization server whose tokens it takes (RFC 9728), for programs that
/// do not know their APIs beforehand, such as clients of the Model Context Protocol.
///
/// ```no_run
/// # #[cfg(feature = "http")]
/// # async fn example(refused: http::Response<()>) -> Result<(), Box<dyn std::error::Error>> {
/// use tower_auth_core::{Challenge, OAuthClient, ResourceDiscovery};
///
/// let discovery = ResourceDiscovery::builder()
///     .client("https://login.example.com", OAuthClient::builder("assistant").secret("correct horse"))
///     .build()?;
///
/// // The API answered 401 with `WWW-Authenticate: Bearer resource_metadata="…"`.
/// let challenges = Challenge::from_headers(refused.headers());
/// let challenge = challenges.iter().find(|challenge| challenge.param("resource_metadata").is_some());
/// let api = discovery.discover("https://api.example.com/mcp", challenge).await?;
/// let tokens = api.client_credentials().scopes(api.scopes()).cached()?;
/// # Ok(())
/// # }
/// ```
///
/// # Rules
/// - Only servers that the builder allows are used, and each by a client of its own.
/// - Metadata is used if it is about the very resource that is asked for ([`ResourceMetadataRequest::fetch`](crate::ResourceMetadataRequest::fetch)). It is kept
///   for an hour; a challenge has it fetched again, but not twice within a minute.
/// - A resource stays with the authorization server that was chosen first. If its metadata no longer names that one, there is an error
///   and no other server, until the program calls [`forget`](Self::forget): what was granted there is not taken elsewhere.
///
/// # Clone
/// Clones share everything.
#[derive(Clone)]
pub struct ResourceDiscovery(Arc<Parts>);

pub(super) struct Parts {
    pub(super) clients: IssuerClients,
    pub(super) identifiers: BTreeMap<String, String>,
    pub(super) http: GuardedHttp,
    pub(super) clock: Clock,
    pub(super) timeout: Duration,
    pub(super) loopback: bool,
    pub(super) resources: Mutex<BTreeMap<String, Arc<Resource>>>,
}

/// What is known of the resource at one URL.
#[derive(Default)]
pub(super) struct Resource {
    metadata: Kept<ProtectedResourceMetadata>,
    /// The server that was chosen.
    issuer: Mutex<Option<String>>,
}

/// How long metadata is believed, and for how long in spite of a challenge.
const LIFE: Duration = Duration::from_secs(3600);
const LIFE_AFTER_CHALLENGE: Duration = Duration::from_secs(60);

/// How many resources are known at the most. None is dropped for another: the choice of its server would be lost.
const MAX_RESOURCES: usize = 10_000;

impl ResourceDiscovery {
    /// Describes a discovery.
    pub fn builder() -> ResourceDiscoveryBuilder {
        ResourceDiscoveryBuilder::default()
    }

    pub(super) fn from_parts(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The authorization server for the resource at `url`, the URL that is requested, and a client there. `challenge` is the one that came
    /// with a refusal: its `resource_metadata` says where the metadata is, its `scope` what is missing.
    ///
    /// # Errors
    /// - [`Misconfigured`](TokenErrorKind::Misconfigured): the resource has no metadata or that of another; it names no server that is allowed, or
    ///   not the one any more that was chosen before; the server registers no clients.
    /// - Those of [`ResourceMetadataRequest::fetch`](crate::ResourceMetadataRequest::fetch) and [`ClientRegistration::register`](crate::ClientRegistration::register).
    ///
    /// # Cancel safety
    /// Nothing is lost with the future but a registration under way.
    pub async fn discover(&self, url: &str, challenge: Option<&Challenge>) -> Result<DiscoveredResource, TokenError> {
        let parts = &*self.0;
        let mut request =
            ProtectedResourceMetadata::request(url).clock(parts.clock.clone()).guarded_http(parts.http.clone());
        if let Some(identifier) = parts.identifiers.get(url) {
            request = request.identifier(identifier);
        }
        if parts.loopback {
            request = request.allow_loopback_http();
        }
        if let Some(announced) = challenge.and_then(|challenge| challenge.param("resource_metadata")) {
            request = request.announced_at(announced);
        }
        let resource = self.resource(url)?;
        let life = if challenge.is_some() { LIFE_AFTER_CHALLENGE } else { LIFE };
        let fetch = |limit| async move { request.timeout(limit).fetch().await };
        let metadata = resource.metadata.get(&parts.clock, life, parts.timeout, fetch).await?;
        let issuer = self.choose(&resource, &metadata)?;
        let client = parts.clients.of(&issuer, &parts.clock, &parts.http).await?;
        let asked = challenge.and_then(|challenge| challenge.param("scope"));
        let scopes = match asked {
            Some(scope) => scope.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect(),
            None => metadata.scopes().unwrap_or_default().to_vec(),
        };
        Ok(DiscoveredResource { metadata, issuer, client, scopes })
    }

    /// Forgets the resource at `url`, and so which server was chosen for it. Tokens that were obtained stay what they are.
    pub fn forget(&self, url: &str) {
        self.resources().remove(url);
    }

    fn resource(&self, url: &str) -> Result<Arc<Resource>, TokenError> {
        let mut resources = self.resources();
        if let Some(resource) = resources.get(url) {
            return Ok(Arc::clone(resource));
        }
        if resources.len() >= MAX_RESOURCES {
            resources.retain(|_, resource| resource.metadata.known().is_some());
        }
        if resources.len() >= MAX_RESOURCES {
            let message = "there are too many resources to discover one more: forget those that are no longer used";
            return Err(TokenError::new(TokenErrorKind::Misconfigured, message));
        }
        Ok(Arc::clone(resources.entry(url.to_owned()).or_default()))
    }

    /// The server of `resource`: the one that was chosen, if the metadata still names it, else a choice that lasts.
    fn choose(&self, resource: &Resource, metadata: &ProtectedResourceMetadata) -> Result<String, TokenError> {
        let servers = metadata.authorization_servers();
        let named = || printable(&servers.join(", "), 300);
        let refuse = |message| Err(TokenError::new(TokenErrorKind::Misconfigured, message));
        let mut chosen = resource.issuer.lock().unwrap_or_else(PoisonError::into_inner);
        match &*chosen {
            Some(issuer) if servers.contains(issuer) => Ok(issuer.clone()),
            Some(issuer) => refuse(format!(
                "the resource {:?} no longer names its authorization server {issuer:?} but {:?}: if that is right, forget the \
                 resource, and have access granted again",
                metadata.resource(),
                named(),
            )),
            None => match self.0.clients.choose(servers) {
                Some(issuer) => Ok(chosen.insert(issuer.clone()).clone()),
                None => refuse(format!(
                    "the resource {:?} takes tokens of {:?}, and none of these authorization servers is allowed",
                    metadata.resource(),
                    named(),
                )),
            },
        }
    }

    fn resources(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Resource>>> {
        self.0.resources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ResourceDiscovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceDiscovery")
            .field("issuers", &self.0.clients.known.keys().collect::<Vec<_>>())
            .field("resources", &self.resources().len())
            .finish_non_exhaustive()
    }
}
