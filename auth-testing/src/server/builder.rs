use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use http::Uri;
use serde_json::value::RawValue;
use tower_auth_core::jose::Algorithm;
use tower_auth_core::{Clock, ConfigError, ConfigErrorKind, Secret};

use super::policy::Policy;
use super::register::Registration;
use super::shared::Parts;
use super::{Account, AuthorizationServer, Consent, Quirk, RefreshPolicy, TestClient, TokenFormat};
use crate::{DpopNonce, TokenMinter};

/// Describes an [`AuthorizationServer`].
#[must_use = "a description does nothing before `build`"]
pub struct AuthorizationServerBuilder {
    issuer: Option<String>,
    clients: Vec<TestClient>,
    resources: BTreeMap<String, TokenFormat>,
    algorithms: Vec<Algorithm>,
    clock: Clock,
    policy: Policy,
    refresh: RefreshPolicy,
    consent: Consent,
    quirks: Vec<Quirk>,
    metadata: BTreeMap<String, Option<String>>,
}

/// The issuer where none is given: a name that no resolver knows (RFC 6761 section 6.2).
const DEFAULT_ISSUER: &str = "https://login.test";

impl AuthorizationServerBuilder {
    pub(super) fn new() -> Self {
        Self {
            issuer: None,
            clients: Vec::new(),
            resources: BTreeMap::new(),
            algorithms: vec![Algorithm::Es256],
            clock: Clock::system(),
            policy: Policy::default(),
            refresh: RefreshPolicy::default(),
            consent: Consent::default(),
            quirks: Vec::new(),
            metadata: BTreeMap::new(),
        }
    }

    /// The issuer, under which the endpoints are; it may have a path. If none is given it is `https://login.test` in memory and
    /// the server's own URL once it listens on a socket.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Adds a confidential client with every default of [`TestClient::new`].
    pub fn client(self, id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        self.client_with(TestClient::new(id, secret))
    }

    /// Adds a client.
    pub fn client_with(mut self, client: TestClient) -> Self {
        self.clients.push(client);
        self
    }

    /// Adds a resource (RFC 8707) whose tokens have the given format, whatever the client's is. Once there is one, a request for another
    /// is refused with `invalid_target`; with none, every resource is accepted.
    pub fn resource(mut self, resource: impl Into<String>, format: TokenFormat) -> Self {
        self.resources.insert(resource.into(), format);
        self
    }

    /// The algorithms that it has a key for, in place of ES256; the first is the default.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Where it takes the time from: lifetimes and delays.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Takes JSON objects beside forms at the token endpoint.
    pub fn accept_json_bodies(mut self) -> Self {
        self.policy.json_bodies = true;
        self
    }

    /// Takes parameters in the URL at the token endpoint, as the standard forbids (RFC 6749 section 2.3.1).
    pub fn accept_query_params(mut self) -> Self {
        self.policy.query_params = true;
        self
    }

    /// Lets refresh tokens be used again and again instead of rotating them.
    pub fn keep_refresh_tokens(self) -> Self {
        self.refresh_policy(RefreshPolicy::Keep)
    }

    /// What becomes of refresh tokens that are used.
    pub fn refresh_policy(mut self, policy: RefreshPolicy) -> Self {
        self.refresh = policy;
        self
    }

    /// How long a refresh token may come again after its rotation without an end of its family, as some servers allow for clients whose
    /// answer got lost. Each time it gets a new one. Not at all by default.
    pub fn reuse_grace(mut self, grace: Duration) -> Self {
        self.policy.reuse_grace = grace;
        self
    }

    /// Lets whoever has an access token with this scope introspect others by it, beside the confidential clients (RFC 7662 section 2.1).
    pub fn introspection_scope(mut self, scope: impl Into<String>) -> Self {
        self.policy.introspection_scope = Some(scope.into());
        self
    }

    /// How long authorization codes are good, in place of a minute.
    pub fn code_lifetime(mut self, lifetime: Duration) -> Self {
        self.policy.code_lifetime = lifetime;
        self
    }

    /// How long a device waits between polls, in place of 5 seconds; whole seconds. Each poll before that adds 5 seconds.
    pub fn device_interval(mut self, interval: Duration) -> Self {
        self.policy.device_interval = interval;
        self
    }

    /// How long the codes of a device are good, in place of 10 minutes.
    pub fn device_lifetime(mut self, lifetime: Duration) -> Self {
        self.policy.device_lifetime = lifetime;
        self
    }

    /// How long a pushed authorization request is good, in place of a minute.
    pub fn pushed_request_lifetime(mut self, lifetime: Duration) -> Self {
        self.policy.request_lifetime = lifetime;
        self
    }

    /// Refuses authorization requests that were not pushed, and says so in the metadata (RFC 9126 section 5).
    pub fn require_pushed_requests(mut self) -> Self {
        self.policy.requires_pushed = true;
        self
    }

    /// Demands a nonce in DPoP proofs (RFC 9449 section 8).
    pub fn dpop_nonce(mut self, policy: DpopNonce) -> Self {
        self.policy.dpop_nonce = policy;
        self
    }

    /// Takes assertions that `issuer` signs (RFC 7523), and its tokens in exchange (RFC 8693).
    ///
    /// ```
    /// use tower_auth_testing::{AuthorizationServer, TokenMinter};
    ///
    /// let partner = TokenMinter::new("https://partner.test");
    /// let server = AuthorizationServer::builder().client("orders", "secret").trust(&partner).build()?;
    /// let assertion = partner.token().typ("JWT").subject("alice").audience(&server.issuer()).sign();
    /// # Ok::<(), tower_auth_core::ConfigError>(())
    /// ```
    pub fn trust(mut self, issuer: &TokenMinter) -> Self {
        self.policy.trusted.push(issuer.clone());
        self
    }

    /// Adds a user with a password. Once there is one the server knows the password grant (RFC 6749 section 4.3), which nobody should use.
    ///
    /// ```
    /// use tower_auth_testing::AuthorizationServer;
    ///
    /// let server = AuthorizationServer::builder().client("old", "secret").user("alice", "password").build()?;
    /// # Ok::<(), tower_auth_core::ConfigError>(())
    /// ```
    pub fn user(mut self, name: impl Into<String>, password: impl Into<Secret>) -> Self {
        self.policy.users.insert(name.into(), password.into());
        self
    }

    /// Lets everybody register clients (RFC 7591).
    ///
    /// ```
    /// use tower_auth_testing::AuthorizationServer;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let server = AuthorizationServer::builder().open_registration().build()?;
    /// let request = http::Request::post(server.registration_url())
    ///     .header("content-type", "application/json")
    ///     .body(r#"{"redirect_uris":["https://app.test/callback"]}"#.into())?;
    /// assert_eq!(server.http_client().send(request).await?.status(), 201);
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// # }).unwrap();
    /// ```
    pub fn open_registration(mut self) -> Self {
        self.policy.registration = Registration::Everybody;
        self
    }

    /// Lets whoever has the initial access token `token` register clients.
    pub fn registration_token(mut self, token: impl Into<Secret>) -> Self {
        self.policy.registration = Registration::Holder(token.into());
        self
    }

    /// What the user says to whoever comes to the authorization endpoint over HTTP, in place of [`Consent::approve`].
    pub fn consent(mut self, consent: Consent) -> Self {
        self.consent = consent;
        self
    }

    /// Adds an account that can sign in where users are [asked](Consent::ask). With none, whoever sits there types a name.
    pub fn account(mut self, account: impl Into<Account>) -> Self {
        self.policy.accounts.push(account.into());
        self
    }

    /// Has an API of its own: `GET /api/me` under the issuer says whose Bearer token it is, or 401. A resource server beside it is a
    /// [`ResourceServer`](crate::ResourceServer).
    ///
    /// ```
    /// use tower_auth_testing::{Account, AuthorizationServer};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let server = AuthorizationServer::builder().account(Account::new("alice").name("Alice Example")).account_api().build()?;
    /// let request = http::Request::get("https://login.test/api/me")
    ///     .header("authorization", format!("Bearer {}", server.mint().subject("alice").sign()))
    ///     .body("".into())?;
    /// let answer = server.http_client().send(request).await?;
    /// assert!(answer.body().starts_with(br#"{"id":"alice","name":"Alice Example""#));
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// # }).unwrap();
    /// ```
    pub fn account_api(mut self) -> Self {
        self.policy.account_api = true;
        self
    }

    /// What people call the server, on the page where they sign in.
    pub fn display_name(mut self, name: impl Into<String>) -> Self {
        self.policy.display_name = Some(name.into());
        self
    }

    /// Makes the server odd.
    pub fn quirk(mut self, quirk: Quirk) -> Self {
        self.quirks.push(quirk);
        self
    }

    /// Sets a member of both metadata documents to a JSON text, such as a wrong `issuer`.
    pub fn metadata(mut self, member: impl Into<String>, json: impl Into<String>) -> Self {
        self.metadata.insert(member.into(), Some(json.into()));
        self
    }

    /// Leaves a member of both metadata documents out.
    pub fn omit_metadata(mut self, member: impl Into<String>) -> Self {
        self.metadata.insert(member.into(), None);
        self
    }

    /// The server.
    ///
    /// # Errors
    /// When the issuer is not a URL with a host and without query and fragment; a client is there twice, has a broken scope, a redirect URI that
    /// is relative or has a fragment, a member that is not JSON, a key that is not public, a method of authentication with another way to describe it, or an algorithm that the server has no key for; or there is no algorithm, or a symmetric one.
    pub fn build(self) -> Result<AuthorizationServer, ConfigError> {
        let issuer = self.issuer.as_deref().unwrap_or(DEFAULT_ISSUER);
        let path = issuer_path(issuer)?;
        let mut clients = BTreeMap::new();
        for client in self.clients {
            client.check(&self.algorithms)?;
            let id = client.id.clone();
            if clients.insert(id.clone(), client).is_some() {
                return Err(invalid(ConfigErrorKind::InvalidOption, &format!("the client {id:?} is there twice")));
            }
        }
        for (member, json) in &self.metadata {
            if json.as_ref().is_some_and(|json| serde_json::from_str::<&RawValue>(json).is_err()) {
                let message = format!("the member {member:?} of the metadata is not JSON");
                return Err(invalid(ConfigErrorKind::InvalidOption, &message));
            }
        }
        let server = AuthorizationServer::from_parts(Parts {
            issuer: issuer.to_owned(),
            issuer_is_given: self.issuer.is_some(),
            path,
            clients,
            resources: self.resources,
            algorithms: self.algorithms,
            clock: self.clock,
            policy: self.policy,
            refresh: self.refresh,
            consent: self.consent,
            metadata: self.metadata,
        })?;
        self.quirks.into_iter().for_each(|quirk| server.set_quirk(quirk, true));
        Ok(server)
    }
}

/// The path of an issuer, without a slash at its end.
fn issuer_path(issuer: &str) -> Result<String, ConfigError> {
    let refused = || invalid(ConfigErrorKind::InvalidUrl, "the issuer is not a URL without query and fragment");
    let uri: Uri = issuer.parse().map_err(|_| refused())?;
    let has_host = uri.scheme().is_some() && uri.host().is_some_and(|host| !host.is_empty());
    if !has_host || issuer.contains(['#', '?']) {
        return Err(refused());
    }
    Ok(uri.path().trim_end_matches('/').to_owned())
}

fn invalid(kind: ConfigErrorKind, message: &str) -> ConfigError {
    ConfigError::new(kind, message)
}

impl fmt::Debug for AuthorizationServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationServerBuilder")
            .field("issuer", &self.issuer)
            .field("clients", &self.clients)
            .finish_non_exhaustive()
    }
}
