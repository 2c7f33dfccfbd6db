use std::fmt;
use std::time::Duration;

use tower_auth_core::{ScopeSet, Secret};

use super::OAuthProviderBuilder;
use super::description::{oauth_description, rotation_of};
use crate::{AuthorizationServer, Endpoint, Fault, ListeningServer, RandomFaults, RecordedRequest, RefreshReport};

/// A provider with accounts, a page to sign in, tokens and an API, on a loopback port over plain HTTP: for other processes, for browsers, and for
/// tests that count what reaches a provider while everything else falls over.
///
/// | path | what is there |
/// |---|---|
/// | `/authorize` | the page on which people sign in, and allow or deny: HTML without script |
/// | `/token` | the grants `authorization_code`, `refresh_token`, `client_credentials`, and those of the [`AuthorizationServer`] beside |
/// | `/revoke`, `/introspect` | for the client's own tokens (RFC 7009), for any (RFC 7662) |
/// | `/api/me` | whose access token it is: `{"id":"alice","name":"Alice Example","scope":"…"}`, or 401 |
/// | `/.well-known/oauth-authorization-server` | metadata (RFC 8414) |
///
/// ```
/// use http::Request;
/// use tower_auth_core::HttpTransport;
/// use tower_auth_testing::{Account, OAuthProvider};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let provider = OAuthProvider::builder().account(Account::new("alice").name("Alice Example")).listen().await?;
/// let http = HttpTransport::new().allow_loopback_http().build()?;
///
/// // As if alice had signed in:
/// let token = provider.issue_refresh_token("alice", "read".parse()?);
/// let refresh = format!(
///     "grant_type=refresh_token&client_id={}&client_secret={}&refresh_token={}",
///     provider.client_id(),
///     provider.client_secret().expose_secret(),
///     token.expose_secret(),
/// );
/// let request = Request::post(provider.token_url()).header("content-type", "application/x-www-form-urlencoded");
/// let answer = http.send(request.body(refresh.into())?).await?;
/// let answer: serde_json::Value = serde_json::from_slice(answer.body())?;
///
/// let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap_or_default());
/// let me = http.send(Request::get(provider.url("/api/me")).header("authorization", bearer).body("".into())?).await?;
/// assert_eq!(me.body(), r#"{"id":"alice","name":"Alice Example","scope":"read"}"#);
///
/// let report = provider.report();
/// assert_eq!((report.rotations, report.max_presentations, report.families_revoked), (1, 1, 0));
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// # }).unwrap();
/// ```
///
/// Whoever speaks to it must allow plain HTTP to loopback addresses. Dropping it stops it gracefully, as it does a [`ListeningServer`].
#[must_use = "the provider stops when this is dropped"]
pub struct OAuthProvider {
    pub(super) server: AuthorizationServer,
    pub(super) listening: ListeningServer,
    pub(super) client_id: String,
    pub(super) client_secret: Secret,
    pub(super) display_name: String,
    pub(super) reuse_grace: Duration,
}

impl OAuthProvider {
    /// Describes a provider.
    pub fn builder() -> OAuthProviderBuilder {
        OAuthProviderBuilder::new()
    }

    /// `http://127.0.0.1:port`, followed by `path`, which begins with a slash or is empty.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        self.listening.url(path)
    }

    /// The URL of the authorization endpoint.
    #[must_use]
    pub fn authorize_url(&self) -> String {
        self.server.authorization_url()
    }

    /// The URL of the token endpoint.
    #[must_use]
    pub fn token_url(&self) -> String {
        self.server.token_url()
    }

    /// The URL of the revocation endpoint.
    #[must_use]
    pub fn revoke_url(&self) -> String {
        self.server.revocation_url()
    }

    /// The id of its client.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The secret of its client.
    #[must_use]
    pub fn client_secret(&self) -> &Secret {
        &self.client_secret
    }

    /// Adds a redirect URI of the client, such as that of a process that has just got its port.
    ///
    /// # Panics
    /// When it is not absolute or has a fragment.
    pub fn add_redirect_uri(&self, uri: impl Into<String>) {
        self.server.add_redirect_uri(&self.client_id, uri);
    }

    /// A description of it in the format of provider files, called `id`: the method `oauth2_code` with the fields `client_id` and `client_secret`, a
    /// verification, a probe that keeps `account_name` (and `account_id`), how it rotates, and where tokens are revoked.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_auth_testing::OAuthProvider;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let provider = OAuthProvider::builder().reuse_grace(Duration::from_secs(30)).listen().await?;
    /// let description = provider.provider_toml("acme");
    /// assert!(description.contains("id = \"acme\"") && description.contains("reuse_grace = \"30s\""));
    /// assert!(description.contains(&provider.token_url()));
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn provider_toml(&self, id: &str) -> String {
        oauth_description(self, id, rotation_of(self.server.refresh_policy()))
    }

    /// A refresh token of the client for `account`, as if the user had granted it.
    #[must_use]
    pub fn issue_refresh_token(&self, account: &str, scope: ScopeSet) -> Secret {
        self.server.issue_refresh_token(&self.client_id, account, scope)
    }

    /// Revokes everything that `account` granted, as people do in the settings of theirs. How many grants with refresh tokens there were.
    pub fn revoke_account(&self, account: &str) -> usize {
        self.server.revoke_subject(account)
    }

    /// What became of the refresh tokens so far.
    #[must_use]
    pub fn report(&self) -> RefreshReport {
        self.server.refresh_report()
    }

    /// Makes something go wrong at `endpoint`; the API is [`Endpoint::Resource`].
    pub fn fault(&self, endpoint: Endpoint, fault: Fault) {
        self.server.fault(endpoint, fault);
    }

    /// Makes things go wrong at `endpoint` by chance, in place of what was said of it before.
    pub fn random_faults(&self, endpoint: Endpoint, faults: RandomFaults) {
        self.server.random_faults(endpoint, faults);
    }

    /// Forgets the faults that have not happened yet, and those that come by chance.
    pub fn clear_faults(&self) {
        self.server.clear_faults();
    }

    /// The requests so far, oldest first: the last 10,000.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.server.requests()
    }

    /// How many requests `endpoint` got, those that met a fault included.
    #[must_use]
    pub fn request_count(&self, endpoint: Endpoint) -> usize {
        self.server.request_count(endpoint)
    }

    /// The authorization server within, for everything else: who consents, odd answers, revocation of single tokens, other clients' tokens.
    #[must_use]
    pub fn server(&self) -> &AuthorizationServer {
        &self.server
    }

    /// Takes no new connection, and waits until the requests under way are answered.
    ///
    /// # Cancel safety
    /// Dropping the future stops the wait, not the shutdown.
    pub async fn shutdown(self) {
        self.listening.shutdown().await;
    }
}

impl fmt::Debug for OAuthProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthProvider")
            .field("address", &self.listening.address())
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}
