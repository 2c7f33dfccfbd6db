use std::fmt;
#[cfg(feature = "jwt")]
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::RegisteredClient;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::http::{Dangerous, HttpClient, PlaintextOptions};
#[cfg(feature = "jwt")]
use crate::jose::SigningKey;
use crate::oauth::{ClientAuth, ServerDiscovery, ServerMetadata};
use crate::{Clock, ScopeSet, Secret, TokenError};

/// A client that registers itself with an authorization server (RFC 7591): what it says of itself there.
///
/// With a redirect URI it is a client for users' authorizations, with the grants `authorization_code` and `refresh_token`; without one it
/// acts in its own name, with `client_credentials`.
///
/// ```no_run
/// # #[cfg(feature = "http")]
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use tower_auth_core::{ClientCredentials, ClientRegistration};
///
/// let registered = ClientRegistration::new("Orders").register("https://login.example.com").await?;
/// let tokens = ClientCredentials::over(registered.client()).scopes(["orders:read"]).cached()?;
/// # Ok(())
/// # }
/// ```
///
/// Each call of [`register`](Self::register) makes a new client. Keep what it gives with the secrets of the program.
#[derive(Clone)]
#[must_use = "a description does nothing before `register`"]
pub struct ClientRegistration {
    name: String,
    redirect_uris: Vec<String>,
    grant_types: Option<Vec<String>>,
    scopes: Vec<String>,
    members: Vec<(String, String)>,
    pub(super) auth: ClientAuth,
    #[cfg(feature = "jwt")]
    pub(super) key: Option<(Arc<SigningKey>, Option<String>)>,
    pub(super) initial_token: Option<Secret>,
    software_statement: Option<Secret>,
    pub(super) origins: Vec<String>,
    pub(super) http: Option<HttpClient>,
    pub(super) clock: Clock,
    pub(super) timeout: Duration,
    pub(super) plaintext: PlaintextOptions,
}

/// Members that have a method here.
const TAKEN: &[&str] = &[
    "client_name",
    "redirect_uris",
    "grant_types",
    "response_types",
    "scope",
    "token_endpoint_auth_method",
    "jwks",
    "software_statement",
];

impl ClientRegistration {
    /// A client that is called `name` before users (`client_name`).
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            redirect_uris: Vec::new(),
            grant_types: None,
            scopes: Vec::new(),
            members: Vec::new(),
            auth: ClientAuth::default(),
            #[cfg(feature = "jwt")]
            key: None,
            initial_token: None,
            software_statement: None,
            origins: Vec::new(),
            http: None,
            clock: Clock::system(),
            timeout: Duration::from_secs(15),
            plaintext: PlaintextOptions::default(),
        }
    }

    /// Where users come back to. May be repeated.
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }

    /// How the client will prove who it is (`token_endpoint_auth_method`). Default [`ClientAuth::Basic`]; [`ClientAuth::None`] for a program
    /// that cannot keep a secret.
    pub fn client_auth(mut self, auth: ClientAuth) -> Self {
        self.auth = auth;
        self
    }

    /// The private key of [`ClientAuth::PrivateKeyJwt`], which is chosen by this, and the id under which the server will know it. Its public
    /// part is registered (`jwks`).
    #[cfg(feature = "jwt")]
    pub fn private_key(mut self, key: impl Into<Arc<SigningKey>>, kid: Option<&str>) -> Self {
        self.key = Some((key.into(), kid.map(str::to_owned)));
        self.client_auth(ClientAuth::PrivateKeyJwt)
    }

    /// Grants other than those that follow from the redirect URIs.
    pub fn grant_types<I>(mut self, grants: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.grant_types = Some(grants.into_iter().map(Into::into).collect());
        self
    }

    /// Scopes that the client may ask for. May be repeated.
    pub fn scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Any other member of the client's metadata, as JSON text: `"contacts"`, `r#"["a@example.com"]"#`.
    pub fn member(mut self, name: impl Into<String>, json: impl Into<String>) -> Self {
        self.members.push((name.into(), json.into()));
        self
    }

    /// The token with which the server lets clients register, if it does not let everybody (RFC 7591 section 3).
    pub fn initial_access_token(mut self, token: impl Into<Secret>) -> Self {
        self.initial_token = Some(token.into());
        self
    }

    /// What somebody whom the server trusts says of this software, signed (RFC 7591 section 2.3).
    pub fn software_statement(mut self, jwt: impl Into<Secret>) -> Self {
        self.software_statement = Some(jwt.into());
        self
    }

    /// Allows the server's endpoints to be on `origin` (`https://host[:port]`) too. May be repeated. The registered client is allowed the
    /// same.
    pub fn allow_endpoint_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// Sends requests by `http`, those of the registered client too. Default: a default transport of its own (feature `http`).
    pub fn http_client(mut self, http: HttpClient) -> Self {
        self.http = Some(http);
        self
    }

    /// Takes the time from `clock`.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How long the server may take for its metadata, and for the registration itself. Default 15 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Allows a server over plain `http` on a literal loopback address (`127.0.0.0/8`, `[::1]`).
    pub fn allow_loopback_http(mut self) -> Self {
        self.plaintext.loopback = true;
        self
    }

    /// Options that weaken the protection.
    pub fn dangerous(self) -> Dangerous<Self> {
        Dangerous::new(self)
    }

    /// Registers a new client at the registration endpoint in the metadata of `issuer`.
    ///
    /// # Errors
    /// - [`Misconfigured`](crate::TokenErrorKind::Misconfigured): the server has no registration endpoint, or not on its own origin; it refused what the
    ///   client says of itself, or wants an [initial access token](Self::initial_access_token); an option cannot be used, and the source is a
    ///   [`ConfigError`].
    /// - [`Unparsable`](crate::TokenErrorKind::Unparsable): the answer is no registration.
    /// - Those of [`ServerDiscovery::fetch`], and the transient kinds.
    ///
    /// # Cancel safety
    /// After the future was dropped there may be a client at the server of which nobody knows. It harms nothing.
    pub async fn register(&self, issuer: &str) -> Result<RegisteredClient, TokenError> {
        self.register_at(&self.discovery(issuer).fetch().await?).await
    }

    /// Asks the server for the registration as it is now (RFC 7592 section 2.1). The server may have changed the secret or the access
    /// token: keep what comes.
    ///
    /// # Errors
    /// [`Misconfigured`](crate::TokenErrorKind::Misconfigured): the server does not let this client manage its registration, or it is gone. Otherwise as
    /// [`register`](Self::register).
    ///
    /// # Cancel safety
    /// A secret that the server changed with this request is lost with the future.
    pub async fn read(&self, client: &RegisteredClient) -> Result<RegisteredClient, TokenError> {
        self.read_again(client).await
    }

    /// Ends the registration (RFC 7592 section 2.3), and with it the client's tokens.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    ///
    /// # Cancel safety
    /// After the future was dropped the client may or may not exist any more.
    pub async fn delete(&self, client: &RegisteredClient) -> Result<(), TokenError> {
        self.end(client).await
    }

    pub(super) fn discovery(&self, issuer: &str) -> ServerDiscovery {
        let discovery = ServerMetadata::discovery(issuer)
            .clock(self.clock.clone())
            .timeout(self.timeout)
            .plaintext(self.plaintext.clone());
        match &self.http {
            Some(http) => discovery.http_client(http.clone()),
            None => discovery,
        }
    }

    /// How long a registration may take, the metadata of the server included.
    pub(in crate::oauth) fn longest(&self) -> Duration {
        self.timeout.saturating_mul(2)
    }

    /// Sends by `http` if no other client was given.
    pub(in crate::oauth) fn or_http_client(mut self, http: &HttpClient) -> Self {
        self.http.get_or_insert_with(|| http.clone());
        self
    }

    /// The client metadata (RFC 7591 section 2).
    pub(super) fn body(&self) -> Result<Vec<u8>, ConfigError> {
        let invalid = |message: String| ConfigError::new(ConfigErrorKind::InvalidOption, message);
        let [method, ..] = self.auth.registered_names() else {
            return Err(invalid("this way to authenticate has no name that could be registered".to_owned()));
        };
        let by_code = !self.redirect_uris.is_empty();
        let grants = self.grant_types.clone().unwrap_or_else(|| {
            let grants: &[&str] =
                if by_code { &["authorization_code", "refresh_token"] } else { &["client_credentials"] };
            grants.iter().map(|&grant| grant.to_owned()).collect()
        });
        let mut body = Map::new();
        for (name, text) in &self.members {
            if TAKEN.contains(&name.as_str()) || body.contains_key(name) {
                return Err(invalid(format!("the member {name:?} of the client's metadata is set twice")));
            }
            let value = serde_json::from_str::<Value>(text)
                .map_err(|_| invalid(format!("the member {name:?} of the client's metadata is no JSON")))?;
            body.insert(name.clone(), value);
        }
        let mut set = |name: &str, value| body.insert(name.to_owned(), value);
        if !self.name.is_empty() {
            set("client_name", json!(self.name));
        }
        if by_code {
            set("redirect_uris", json!(self.redirect_uris));
        }
        set(
            "response_types",
            json!(if grants.iter().any(|grant| grant == "authorization_code") { &["code"][..] } else { &[] }),
        );
        set("grant_types", json!(grants));
        set("token_endpoint_auth_method", json!(method));
        if !self.scopes.is_empty() {
            set("scope", json!(ScopeSet::new(&self.scopes)?.to_string()));
        }
        #[cfg(feature = "jwt")]
        if let Some((key, kid)) = &self.key {
            let unusable = |_| invalid("the key of the client (private_key) has no public part to register".to_owned());
            let jwk = key.public_jwk(kid.as_deref()).map_err(unusable)?;
            let jwk = serde_json::from_str::<Value>(&jwk)
                .map_err(|_| invalid("the key of the client (private_key) cannot be written as JSON".to_owned()))?;
            set("jwks", json!({ "keys": [jwk] }));
        }
        if let Some(statement) = &self.software_statement {
            set("software_statement", json!(statement.expose_secret()));
        }
        Ok(Value::Object(body).to_string().into_bytes())
    }

    /// What nobody may see of a request.
    pub(super) fn secrets(&self) -> impl Iterator<Item = Secret> {
        self.initial_token.iter().chain(&self.software_statement).cloned()
    }
}

impl Dangerous<ClientRegistration> {
    /// Allows plain `http` to `origin` (`http://host[:port]`), where something else protects the way.
    ///
    /// # Security
    /// The client's new secret crosses the network as it is.
    pub fn allow_plaintext(self, origin: impl Into<String>) -> ClientRegistration {
        let mut registration = self.into_inner();
        registration.plaintext.origins.push(origin.into());
        registration
    }
}

impl fmt::Debug for ClientRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientRegistration")
            .field("name", &self.name)
            .field("redirect_uris", &self.redirect_uris)
            .field("auth", &self.auth)
            .finish_non_exhaustive()
    }
}
