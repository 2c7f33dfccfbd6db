use std::fmt;
use std::io;
use std::sync::Arc;

use tower_auth_core::{ClientCredentials, Clock, ConfigError, HttpClient, ScopeSet, Secret};

use super::grants::Basis;
use super::service::InMemory;
use super::shared::{Parts, Shared};
use super::{AuthorizationServerBuilder, Quirk, RefreshPolicy};
use crate::listen::{ListeningServer, Port, Wire};
use crate::{Endpoint, Fault, Mint, RandomFaults, RecordedRequest, TokenMinter};

/// An authorization server for tests: in memory, or on a loopback socket.
///
/// Under its issuer it has `/authorize`, `/par`, `/device`, `/token` (authorization code, client credentials, device code, JWT
/// bearer, password, refresh token, token exchange), `/jwks`, `/introspect`, `/revoke`, `/register` and
/// both metadata documents. Faults can be [scripted](Self::fault), every request is [recorded](Self::requests), and a [`Quirk`] makes it odd.
///
/// ```
/// use std::time::Duration;
/// use tower_auth_testing::{AuthorizationServer, TestClock};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let time = TestClock::new();
/// let server = AuthorizationServer::builder().client("orders", "secret").clock(time.clock()).build()?;
/// let tokens = server.client_credentials("orders").cached()?;
///
/// let first = tokens.token().await?;
/// time.advance(Duration::from_secs(3600)).await;
/// let second = tokens.token().await?;
/// assert_ne!(first.secret(), second.secret());
/// assert_eq!(server.token_requests(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # What it checks
/// In this order, at the endpoints that take parameters:
///
/// 1. The method is `POST`.
/// 2. The body is form-encoded and correctly so; JSON and parameters in the URL only where the builder allows them.
/// 3. No parameter is there twice, but `resource` and `audience`.
/// 4. The client authenticates by one method, and by one that it may use. Ids and secrets in a Basic header are form-encoded
///    (RFC 6749 section 2.3.1), unless the client may use [`BasicRaw`](tower_auth_core::ClientAuth::BasicRaw).
///    An assertion (RFC 7523) is of its type, signed by a key or the secret of the client, with a secret as long as the hash; `iss` and `sub` are the
///    client, `aud` is the issuer and nothing else, `exp` at most 5 minutes ahead, `jti` new, `typ` absent, `JWT` or
///    `client-authentication+jwt`. A token of a foreign issuer is signed by it, for this issuer, and of the subject described.
///    A certificate of the connection is signed by the authority of the socket and has the client's subject, or has one of its thumbprints
///    (RFC 8705 section 2).
/// 5. A DPoP proof at the token endpoint, if there is one, is right in every point of RFC 9449 section 4.3: one header; `typ`, an asymmetric `alg`,
///    a public `jwk` and its signature; `htm`, `htu` without query and fragment, `iat` at most 5 minutes old, a new `jti` of 16 characters or more;
///    `nonce` where one is demanded.
/// 6. The grant is known, and the client may use it.
/// 7. Scopes are well-formed and the client's, resources known.
/// 8. A refresh token belongs to the client, and was neither used before nor revoked. One that comes a second time ends its whole family:
///    every token that descends from the same grant. A public client's is bound to the DPoP key that it was issued with.
/// 9. A device code belongs to the client, has not expired and was not used before. A poll before the interval has passed is told to slow
///    down, and the interval grows by 5 seconds.
/// 10. A code belongs to the client, was not used before and has not expired; `redirect_uri` is that of the authorization request, or
///     absent in both; the DPoP key is that of `dpop_jkt`, if the request had one; `code_verifier` is well-formed and fits the challenge, and absent
///     if there was none. A mistake of its own client uses a code up, a second use ends the family.
///
/// 11. An assertion is signed by a [trusted](AuthorizationServerBuilder::trust) issuer, or by the client itself, which then need not
///     authenticate; it is for the issuer or the token endpoint, neither expired nor made for something else, and its `jti`, if any, is new.
/// 12. A token in exchange is an active one of this server or a JWT of a trusted issuer, and of its type; `actor_token` comes with its type, and names
///     whom `may_act` allows. Resources are absolute URIs without fragment; scopes are not wider than the subject token's.
///
/// Registration, where the builder allows it: known grants with fitting response types, a redirect URI for codes, each with `https`, a literal
/// loopback address or a private-use scheme; a known method, for `private_key_jwt` with public keys by value.
///
/// A pushed request is checked as the authorization endpoint checks it, and has no `request_uri`. The one that it gets is good once, for its client,
/// until it expires; beside it nothing in the URL counts.
///
/// At the authorization endpoint: the client is known and the redirect URI one of its own, else there is no redirect. Then `response_type` is
/// `code`; there is a code challenge, with the method `S256`; scopes are the client's, resources known. What is wrong with these goes back to
/// the client, as does what the user says: [`approve`](Self::approve), [`deny`](Self::deny), or a decision on the page where users are
/// [asked](super::Consent::ask).
///
/// # Clone
/// Clones are one server.
#[derive(Clone)]
pub struct AuthorizationServer(Arc<Shared>);

impl AuthorizationServer {
    /// Describes a server.
    pub fn builder() -> AuthorizationServerBuilder {
        AuthorizationServerBuilder::new()
    }

    pub(super) fn from_parts(parts: Parts) -> Result<Self, ConfigError> {
        Ok(Self(Arc::new(Shared::new(parts)?)))
    }

    /// The server in memory, for whatever takes an HTTP client. A request for another origin fails, as if the host were unknown.
    #[must_use]
    pub fn http_client(&self) -> HttpClient {
        HttpClient::new(InMemory(Arc::clone(&self.0)))
    }

    /// Serves on a free loopback port too. Unless an issuer was given, the issuer is the listening URL from now on.
    ///
    /// # Errors
    /// When no port can be had.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O and time enabled.
    pub async fn listen(&self) -> io::Result<ListeningServer> {
        Ok(self.serve(Port::bind(Wire::Plain).await?))
    }

    /// As [`listen`](Self::listen), over TLS with a certificate of `ca` for `127.0.0.1` and `localhost`.
    ///
    /// # Errors
    /// When no port can be had, or the certificate cannot be made.
    ///
    /// # Panics
    /// As [`listen`](Self::listen).
    #[cfg(feature = "tls")]
    pub async fn listen_tls(&self, ca: &crate::TestCa) -> io::Result<ListeningServer> {
        Ok(self.serve(Port::bind(Wire::Tls(ca.acceptor()?)).await?))
    }

    /// As [`listen_tls`](Self::listen_tls), and asks clients for a certificate, without insisting (RFC 8705). One that `ca` signed is known by its subject,
    /// any other by its thumbprint; which of them is a client's is said by [`TestClient`](crate::TestClient). Tokens are bound to the certificate
    /// of the connection.
    ///
    /// Beside another listening socket the endpoints here stand in the metadata as `mtls_endpoint_aliases`.
    ///
    /// ```
    /// use tower_auth_core::HttpTransport;
    /// use tower_auth_testing::{AuthorizationServer, TestCa, TestClient};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let ca = TestCa::new();
    /// let orders = TestClient::without_secret("orders").tls_client_auth("CN=orders");
    /// let server = AuthorizationServer::builder().client_with(orders).build()?;
    /// let listening = server.listen_mtls(&ca).await?;
    /// let shown = ca.client_certificate("orders");
    /// let http = HttpTransport::new().only_roots(ca.pem()).client_certificate(shown.pem(), shown.key_pem()).build()?;
    ///
    /// let request = http::Request::post(listening.url("/token"))
    ///     .header("content-type", "application/x-www-form-urlencoded")
    ///     .body("grant_type=client_credentials&client_id=orders".into())?;
    /// assert_eq!(http.send(request).await?.status(), 200);
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As [`listen_tls`](Self::listen_tls).
    ///
    /// # Panics
    /// As [`listen`](Self::listen).
    #[cfg(feature = "tls")]
    pub async fn listen_mtls(&self, ca: &crate::TestCa) -> io::Result<ListeningServer> {
        let port = Port::bind(Wire::Tls(ca.asking_acceptor()?)).await?;
        self.0.listen_mtls_at(port.origin());
        Ok(self.answer_at(port))
    }

    pub(crate) fn serve(&self, port: Port) -> ListeningServer {
        self.0.listen_at(port.origin());
        self.answer_at(port)
    }

    fn answer_at(&self, port: Port) -> ListeningServer {
        let shared = Arc::clone(&self.0);
        port.serve(move |request| {
            let shared = Arc::clone(&shared);
            async move { shared.respond_over_socket(request).await }
        })
    }

    /// The client credentials grant of the client `id`, over this server in memory and on its clock. The client authenticates by the first of its
    /// methods that needs no more than a secret.
    ///
    /// # Panics
    /// When there is no such client.
    pub fn client_credentials(&self, id: &str) -> ClientCredentials {
        let client = self.0.client(id).expect("the client is one of the server's");
        let secret = client.secrets.first().cloned().unwrap_or_else(|| Secret::new(""));
        let auth = client.auth.iter().find_map(|method| method.on_the_clients_side()).unwrap_or_default();
        ClientCredentials::new(self.token_url(), id, secret)
            .client_auth(auth)
            .http_client(self.http_client())
            .clock(self.0.clock().clone())
            .allow_loopback_http()
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.0.minter.issuer()
    }

    /// The URL of the token endpoint: under the issuer, or under the socket once there is one.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("{}/token", self.0.base())
    }

    /// The URL of the key set.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        format!("{}/jwks", self.0.base())
    }

    /// The URL of the introspection endpoint.
    #[must_use]
    pub fn introspection_url(&self) -> String {
        format!("{}/introspect", self.0.base())
    }

    /// The URL of the revocation endpoint.
    #[must_use]
    pub fn revocation_url(&self) -> String {
        format!("{}/revoke", self.0.base())
    }

    /// Makes something go wrong at `endpoint`.
    pub fn fault(&self, endpoint: Endpoint, fault: Fault) {
        self.0.faults.add(endpoint, fault);
    }

    /// Makes things go wrong at `endpoint` by chance, in place of what was said of it before.
    pub fn random_faults(&self, endpoint: Endpoint, faults: RandomFaults) {
        self.0.faults.add_random(endpoint, faults);
    }

    /// Forgets the faults that have not happened yet, and those that come by chance.
    pub fn clear_faults(&self) {
        self.0.faults.clear();
    }

    /// The requests so far, oldest first: the last 10,000.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.0.recorder.all()
    }

    /// How many requests `endpoint` got, those that met a fault included.
    #[must_use]
    pub fn request_count(&self, endpoint: Endpoint) -> usize {
        self.0.recorder.count(endpoint)
    }

    /// How many requests the token endpoint got.
    #[must_use]
    pub fn token_requests(&self) -> usize {
        self.request_count(Endpoint::Token)
    }

    /// Forgets the requests so far, and counts from zero.
    pub fn clear_requests(&self) {
        self.0.recorder.clear();
    }

    /// Describes a token of this issuer, signed by its keys. It is known to no endpoint: a [`ResourceServer`](crate::ResourceServer) accepts
    /// it, introspection does not.
    pub fn mint(&self) -> Mint {
        self.0.minter.token()
    }

    /// The issuer's signing side.
    #[must_use]
    pub fn minter(&self) -> TokenMinter {
        self.0.minter.clone()
    }

    /// The key set as JSON text, for a verifier with static keys.
    #[must_use]
    pub fn jwks(&self) -> String {
        self.0.minter.jwks()
    }

    /// Signs by new keys from now on. The old ones stay in the key set if `keep_old` is true.
    pub fn rotate_keys(&self, keep_old: bool) {
        self.0.minter.rotate_keys(keep_old);
    }

    /// Takes a key out of the key set. False if there is no such key, or it is the last one that signs.
    pub fn retire_key(&self, kid: &str) -> bool {
        self.0.minter.retire_key(kid)
    }

    /// A refresh token of the client `client_id` for `subject`, as if the user had granted it.
    ///
    /// # Panics
    /// When there is no such client.
    #[must_use]
    pub fn issue_refresh_token(&self, client_id: &str, subject: &str, scope: ScopeSet) -> Secret {
        let client = self.0.client(client_id).expect("the client is one of the server's");
        let family = self.0.grants().new_family();
        let basis = Basis { client_id: client_id.to_owned(), subject: subject.to_owned(), scope, ..Basis::default() };
        Secret::from(self.0.new_refresh_token(&client, family, basis))
    }

    /// What becomes of refresh tokens that are used from now on.
    ///
    /// ```
    /// use tower_auth_testing::{AuthorizationServer, Endpoint, Fault, RefreshPolicy};
    ///
    /// let server = AuthorizationServer::builder().client("orders", "secret").build()?;
    /// let token = server.issue_refresh_token("orders", "alice", "orders:read".parse()?);
    /// server.set_refresh_policy(RefreshPolicy::Rotate);
    /// server.fault(Endpoint::Token, Fault::lost_answer());
    /// // … the code under test refreshes; its token is spent, and the answer is lost …
    /// assert!(server.presentations(&token) <= 1, "nobody may try it twice");
    /// # Ok::<(), tower_auth_core::ConfigError>(())
    /// ```
    pub fn set_refresh_policy(&self, policy: RefreshPolicy) {
        self.0.set_refresh_policy(policy);
    }

    pub(crate) fn refresh_policy(&self) -> RefreshPolicy {
        self.0.refresh_policy()
    }

    /// Makes the server odd from now on, or no longer.
    pub fn set_quirk(&self, quirk: Quirk, on: bool) {
        self.0.quirks.set(quirk, on);
    }

    /// The clock that it was built with.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.0.clock().clone()
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.0)
    }
}

impl fmt::Debug for AuthorizationServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationServer")
            .field("issuer", &self.issuer())
            .field("clients", &self.0.clients().keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
