use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::value::RawValue;
use tower_auth_core::jose::Algorithm;
use tower_auth_core::{ClientAuth, ConfigError, ConfigErrorKind, ScopeSet, Secret};

use super::answer::Refusal;
use super::assertion::is_public_key;
use super::auth_method::AuthMethod;
use super::redirect::may_be_registered;
use crate::TokenMinter;

/// A client that an [`AuthorizationServer`](crate::AuthorizationServer) knows.
///
/// ```
/// use std::time::Duration;
/// use tower_auth_core::ClientAuth;
/// use tower_auth_testing::{AuthorizationServer, TestClient};
///
/// let orders = TestClient::new("orders", "secret")
///     .auth([ClientAuth::Body])
///     .scopes(["orders:read", "orders:write"])
///     .lifetime(Duration::from_secs(60))
///     .answer("expires_in", "\"60\"");
/// let server = AuthorizationServer::builder().client_with(orders).build()?;
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use = "a client is known to no server before it is given to one"]
pub struct TestClient {
    pub(super) id: String,
    pub(super) secrets: Vec<Secret>,
    pub(super) auth: Vec<AuthMethod>,
    /// Whether a method was named that needs more than its name.
    bare_method: bool,
    pub(super) redirect_uris: Vec<String>,
    pub(super) pkce_required: bool,
    pub(super) requires_pushed: bool,
    pub(super) requires_dpop: bool,
    pub(super) requires_certificate: bool,
    /// The subject of its certificate (RFC 4514).
    pub(super) tls_subject: Option<String>,
    /// The thumbprints of certificates that it made itself.
    pub(super) tls_thumbprints: Vec<String>,
    /// Public keys, each a JWK as JSON text.
    pub(super) keys: Vec<String>,
    /// The issuer and the subject of tokens that stand for it.
    pub(super) workload: Option<(TokenMinter, String)>,
    /// Registered names; `None`: all.
    pub(super) grants: Option<Vec<String>>,
    pub(super) gives_refresh_tokens: bool,
    pub(super) scopes: Vec<String>,
    pub(super) audience: String,
    pub(super) lifetime: Duration,
    /// Of its refresh tokens; `None`: for ever.
    pub(super) refresh_lifetime: Option<Duration>,
    /// Whether even the port of a loopback address is compared.
    pub(super) exact_redirect_uris: bool,
    pub(super) format: TokenFormat,
    pub(super) algorithm: Option<Algorithm>,
    pub(super) refreshable: bool,
    pub(super) answer: BTreeMap<String, Option<String>>,
}

/// What an access token looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenFormat {
    /// A signed JWT by the profile of RFC 9068.
    #[default]
    Jwt,
    /// A random text that says nothing.
    Opaque,
}

impl TestClient {
    /// A confidential client. It may authenticate by Basic or in the body, has every scope, and gets JWTs for the audience
    /// `test-audience` that live for an hour.
    pub fn new(id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        Self {
            id: id.into(),
            secrets: vec![secret.into()],
            auth: vec![AuthMethod::Basic, AuthMethod::Body],
            bare_method: false,
            redirect_uris: Vec::new(),
            pkce_required: true,
            requires_pushed: false,
            requires_dpop: false,
            requires_certificate: false,
            tls_subject: None,
            tls_thumbprints: Vec::new(),
            keys: Vec::new(),
            workload: None,
            grants: None,
            gives_refresh_tokens: true,
            scopes: Vec::new(),
            audience: "test-audience".to_owned(),
            lifetime: Duration::from_secs(3600),
            refresh_lifetime: None,
            exact_redirect_uris: false,
            format: TokenFormat::default(),
            algorithm: None,
            refreshable: false,
            answer: BTreeMap::new(),
        }
    }

    /// A client without a secret. It cannot use the client credentials grant.
    pub fn public(id: impl Into<String>) -> Self {
        Self { secrets: Vec::new(), auth: vec![AuthMethod::None], ..Self::new(id, "") }
    }

    /// A confidential client without a secret. It cannot authenticate before it is said how: [`private_key_jwt`](Self::private_key_jwt),
    /// [`workload`](Self::workload), [`tls_client_auth`](Self::tls_client_auth).
    pub fn without_secret(id: impl Into<String>) -> Self {
        Self { secrets: Vec::new(), auth: Vec::new(), ..Self::new(id, "") }
    }

    /// Lets it authenticate by assertions that its secret signs (`client_secret_jwt`), too. Only a secret at least as long as the hash can.
    pub fn client_secret_jwt(mut self) -> Self {
        self.auth.push(AuthMethod::SecretJwt);
        self
    }

    /// Lets it authenticate by assertions that the private half of `jwk` signs (`private_key_jwt`), too; `jwk` is a public key as JSON text. Several
    /// keys are good beside each other.
    ///
    /// ```
    /// use tower_auth_core::jose::{Algorithm, SigningKey};
    /// use tower_auth_testing::{AuthorizationServer, TestClient};
    ///
    /// let key = SigningKey::generate(Algorithm::Es256)?;
    /// let orders = TestClient::without_secret("orders").private_key_jwt(key.public_jwk(Some("k1"))?);
    /// let server = AuthorizationServer::builder().client_with(orders).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn private_key_jwt(mut self, jwk: impl Into<String>) -> Self {
        self.keys.push(jwk.into());
        if !self.auth.contains(&AuthMethod::PrivateKeyJwt) {
            self.auth.push(AuthMethod::PrivateKeyJwt);
        }
        self
    }

    /// Lets it authenticate by tokens that `issuer` signs for `subject`, too: the identity of a workload. They may be used again and again.
    ///
    /// ```
    /// use tower_auth_testing::{AuthorizationServer, TestClient, TokenMinter};
    ///
    /// let cluster = TokenMinter::new("https://cluster.test");
    /// let orders = TestClient::without_secret("orders").workload(&cluster, "system:serviceaccount:shop:orders");
    /// let server = AuthorizationServer::builder().client_with(orders).build()?;
    /// let projected = cluster.token().subject("system:serviceaccount:shop:orders").audience(&server.issuer()).sign();
    /// # Ok::<(), tower_auth_core::ConfigError>(())
    /// ```
    pub fn workload(mut self, issuer: &TokenMinter, subject: impl Into<String>) -> Self {
        self.workload = Some((issuer.clone(), subject.into()));
        self.auth.push(AuthMethod::Workload);
        self
    }

    /// Lets it authenticate by a certificate with the subject `distinguished_name` (RFC 4514: `CN=orders`), which the authority of the listening server
    /// signed (RFC 8705 section 2.1), too.
    pub fn tls_client_auth(mut self, distinguished_name: impl Into<String>) -> Self {
        self.tls_subject = Some(distinguished_name.into());
        self.auth.push(AuthMethod::TlsSubject);
        self
    }

    /// Lets it authenticate by a certificate of its own making, known by its SHA-256 thumbprint in base64url (RFC 8705 section 2.2), too. Several are
    /// good beside each other.
    pub fn self_signed_tls_client_auth(mut self, thumbprint: impl Into<String>) -> Self {
        self.tls_thumbprints.push(thumbprint.into());
        self.auth.push(AuthMethod::TlsSelfSigned);
        self
    }

    /// Refuses its token requests over connections without a client certificate: its tokens are to be bound to one (RFC 8705 section 3.4).
    pub fn require_certificate(mut self) -> Self {
        self.requires_certificate = true;
        self
    }

    /// Refuses its token requests without a DPoP proof (RFC 9449 section 5.2).
    pub fn require_dpop(mut self) -> Self {
        self.requires_dpop = true;
        self
    }

    /// The ways in which it may authenticate, in place of those so far: Basic and body to begin with.
    pub fn auth(mut self, methods: impl IntoIterator<Item = ClientAuth>) -> Self {
        self.auth.clear();
        for method in methods {
            match AuthMethod::of(&method) {
                Some(method) => self.auth.push(method),
                None => self.bare_method = true,
            }
        }
        self
    }

    /// Adds a redirect URI: absolute, without fragment. A request must name it letter by letter, but for the port of a literal loopback address
    /// (RFC 8252 section 7.3).
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }

    /// Compares redirect URIs letter by letter even where they are on a literal loopback address, as servers do that do not care for native apps.
    pub fn exact_redirect_uris(mut self) -> Self {
        self.exact_redirect_uris = true;
        self
    }

    /// Lets it ask for codes without a code challenge, as old servers do. One that it sends is checked all the same.
    pub fn pkce_optional(mut self) -> Self {
        self.pkce_required = false;
        self
    }

    /// Refuses its authorization requests that were not pushed (RFC 9126 section 6).
    pub fn require_pushed_requests(mut self) -> Self {
        self.requires_pushed = true;
        self
    }

    /// The grants that it may use, by the names that stand in `grant_type`, in place of all.
    pub fn grants<'a>(mut self, grants: impl IntoIterator<Item = &'a str>) -> Self {
        self.grants = Some(grants.into_iter().map(str::to_owned).collect());
        self
    }

    /// Leaves refresh tokens out of answers that would have one, but for those of the refresh token grant itself.
    pub fn without_refresh_tokens(mut self) -> Self {
        self.gives_refresh_tokens = false;
        self
    }

    /// The scopes that it may ask for, and gets if it asks for none.
    pub fn scopes<'a>(mut self, scopes: impl IntoIterator<Item = &'a str>) -> Self {
        self.scopes = scopes.into_iter().map(str::to_owned).collect();
        self
    }

    /// Whom its tokens are for if a request names no resource and no audience, in place of `test-audience`.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = audience.into();
        self
    }

    /// How long its access tokens are honoured. The answer says so in `expires_in`, unless [`answer`](Self::answer) or
    /// [`omit`](Self::omit) makes it say otherwise.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// How long a refresh token is honoured, from its own issue on, in place of for ever. The answer says so in `refresh_token_expires_in`.
    pub fn refresh_lifetime(mut self, lifetime: Duration) -> Self {
        self.refresh_lifetime = Some(lifetime);
        self
    }

    /// What its access tokens look like.
    pub fn format(mut self, format: TokenFormat) -> Self {
        self.format = format;
        self
    }

    /// The algorithm by which its tokens are signed, in place of the server's first.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// Adds a refresh token to the answers of the client credentials grant, as some servers do.
    pub fn with_refresh_tokens(mut self) -> Self {
        self.refreshable = true;
        self
    }

    /// Sets a member of the token answer to a JSON text, written as it is: odd servers are played with this.
    pub fn answer(mut self, member: impl Into<String>, json: impl Into<String>) -> Self {
        self.answer.insert(member.into(), Some(json.into()));
        self
    }

    /// Leaves a member of the token answer out.
    pub fn omit(mut self, member: impl Into<String>) -> Self {
        self.answer.insert(member.into(), None);
        self
    }

    /// The same client with another name and secret.
    pub(crate) fn renamed(self, id: String, secret: Secret) -> Self {
        Self { id, secrets: vec![secret], ..self }
    }

    pub(super) fn may_use(&self, method: AuthMethod) -> bool {
        self.auth.contains(&method)
    }

    /// Whether it can keep a secret.
    pub(super) fn is_confidential(&self) -> bool {
        self.auth.iter().any(|method| *method != AuthMethod::None)
    }

    pub(super) fn allowed_scope(&self) -> ScopeSet {
        ScopeSet::new(&self.scopes).expect("the builder checked the scopes")
    }

    pub(super) fn check_grant(&self, grant: &str) -> Result<(), Refusal> {
        match &self.grants {
            Some(grants) if !grants.iter().any(|own| own == grant) => {
                Err(Refusal::new("unauthorized_client", "the client may not use the grant"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn check(&self, signing: &[Algorithm]) -> Result<(), ConfigError> {
        let invalid = |what: String| Err(ConfigError::new(ConfigErrorKind::InvalidOption, what));
        ScopeSet::new(&self.scopes)?;
        for (member, json) in &self.answer {
            if json.as_ref().is_some_and(|json| serde_json::from_str::<&RawValue>(json).is_err()) {
                return invalid(format!("the answer's member {member:?} of the client {:?} is not JSON", self.id));
            }
        }
        if let Some(uri) = self.redirect_uris.iter().find(|uri| !may_be_registered(uri)) {
            return invalid(format!(
                "the redirect URI {uri:?} of the client {:?} is not absolute or has a fragment",
                self.id
            ));
        }
        if !self.keys.iter().all(|key| is_public_key(key)) {
            return invalid(format!("a key of the client {:?} is no public one", self.id));
        }
        if self.bare_method {
            return invalid(format!("a method of authentication of the client {:?} needs more than its name", self.id));
        }
        match self.algorithm {
            Some(algorithm) if !signing.contains(&algorithm) => {
                invalid(format!("the server has no key for the algorithm of the client {:?}", self.id))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for TestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClient")
            .field("id", &self.id)
            .field("auth", &self.auth)
            .field("scopes", &self.scopes)
            .field("lifetime", &self.lifetime)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}
