use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::value::RawValue;
use tower_auth_core::jose::Algorithm;
use tower_auth_core::{ClientAuth, ConfigError, ConfigErrorKind, ScopeSet, Secret};

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
    pub(super) secret: Option<Secret>,
    pub(super) auth: Vec<ClientAuth>,
    pub(super) scopes: Vec<String>,
    pub(super) audience: String,
    pub(super) lifetime: Duration,
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
            secret: Some(secret.into()),
            auth: vec![ClientAuth::Basic, ClientAuth::Body],
            scopes: Vec::new(),
            audience: "test-audience".to_owned(),
            lifetime: Duration::from_secs(3600),
            format: TokenFormat::default(),
            algorithm: None,
            refreshable: false,
            answer: BTreeMap::new(),
        }
    }

    /// A client without a secret. It cannot use the client credentials grant.
    pub fn public(id: impl Into<String>) -> Self {
        Self { secret: None, auth: vec![ClientAuth::None], ..Self::new(id, "") }
    }

    /// The ways in which it may authenticate, in place of Basic and body.
    pub fn auth(mut self, methods: impl IntoIterator<Item = ClientAuth>) -> Self {
        self.auth = methods.into_iter().collect();
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

    pub(super) fn check(&self, signing: &[Algorithm]) -> Result<(), ConfigError> {
        let invalid = |what: String| Err(ConfigError::new(ConfigErrorKind::InvalidOption, what));
        ScopeSet::new(&self.scopes)?;
        for (member, json) in &self.answer {
            if json.as_ref().is_some_and(|json| serde_json::from_str::<&RawValue>(json).is_err()) {
                return invalid(format!("the answer's member {member:?} of the client {:?} is not JSON", self.id));
            }
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
