use std::fmt;
use std::io;
use std::time::Duration;

use tower_auth_core::{Clock, Secret};

use super::OAuthProvider;
use crate::listen::{Port, Wire};
use crate::{
    Account, AuthorizationServer, AuthorizationServerBuilder, Consent, RefreshPolicy, TestClient, TokenFormat,
};

/// Describes an [`OAuthProvider`].
#[must_use = "a description does nothing before `listen`"]
pub struct OAuthProviderBuilder {
    client_id: String,
    client_secret: Secret,
    client: TestClient,
    server: AuthorizationServerBuilder,
    display_name: String,
    reuse_grace: Duration,
    port: u16,
}

/// The client where none is given.
const DEFAULT_CLIENT: (&str, &str) = ("emulated-client", "emulated-secret");

const DEFAULT_NAME: &str = "Emulated provider";

impl OAuthProviderBuilder {
    pub(super) fn new() -> Self {
        let (id, secret) = DEFAULT_CLIENT;
        Self {
            client_id: id.to_owned(),
            client_secret: Secret::new(secret),
            client: TestClient::new(id, secret).format(TokenFormat::Opaque).exact_redirect_uris(),
            server: AuthorizationServer::builder().account_api().consent(Consent::ask()),
            display_name: DEFAULT_NAME.to_owned(),
            reuse_grace: Duration::ZERO,
            port: 0,
        }
    }

    /// The client, in place of `emulated-client` with the secret `emulated-secret`. It authenticates by Basic or in the body.
    pub fn client(mut self, id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        self.client_id = id.into();
        self.client_secret = secret.into();
        self
    }

    /// Adds a redirect URI of the client, which a request must name letter by letter. More can be
    /// [added later](OAuthProvider::add_redirect_uri).
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.client = self.client.redirect_uri(uri);
        self
    }

    /// The scopes that the client may ask for, and gets if it asks for none. Any by default.
    pub fn scopes<'a>(mut self, scopes: impl IntoIterator<Item = &'a str>) -> Self {
        self.client = self.client.scopes(scopes);
        self
    }

    /// Adds an account that can sign in. With none, whoever sits at the page types a name.
    pub fn account(mut self, account: impl Into<Account>) -> Self {
        self.server = self.server.account(account);
        self
    }

    /// Shows no page: the account `id` signs in and allows what is asked, at once.
    pub fn auto_approve(mut self, id: impl Into<String>) -> Self {
        self.server = self.server.consent(Consent::approve().subject(id));
        self
    }

    /// How long access tokens are good, in place of an hour.
    pub fn access_lifetime(mut self, lifetime: Duration) -> Self {
        self.client = self.client.lifetime(lifetime);
        self
    }

    /// How long a refresh token is good, in place of for ever. Answers say so in `refresh_token_expires_in`.
    pub fn refresh_lifetime(mut self, lifetime: Duration) -> Self {
        self.client = self.client.refresh_lifetime(lifetime);
        self
    }

    /// Issues no refresh tokens.
    pub fn without_refresh_tokens(mut self) -> Self {
        self.client = self.client.without_refresh_tokens();
        self
    }

    /// What becomes of refresh tokens that are used, in place of [`RefreshPolicy::Rotate`].
    pub fn refresh_policy(mut self, policy: RefreshPolicy) -> Self {
        self.server = self.server.refresh_policy(policy);
        self
    }

    /// How long a spent refresh token may come again without an end of its family: each time it gets new tokens. Not at all by default.
    pub fn reuse_grace(mut self, grace: Duration) -> Self {
        self.reuse_grace = grace;
        self.server = self.server.reuse_grace(grace);
        self
    }

    /// What people call it, on its page and in its description.
    pub fn display_name(mut self, name: impl Into<String>) -> Self {
        self.display_name = name.into();
        self
    }

    /// Where it takes the time from: lifetimes, the grace, and delays.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.server = self.server.clock(clock);
        self
    }

    /// The port, in place of a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Changes what the client is beside this.
    pub fn configure_client(mut self, change: impl FnOnce(TestClient) -> TestClient) -> Self {
        self.client = change(self.client);
        self
    }

    /// Changes what the authorization server is beside this.
    ///
    /// ```
    /// use tower_auth_testing::{OAuthProvider, Quirk};
    ///
    /// let odd = OAuthProvider::builder().configure_server(|server| server.quirk(Quirk::KeepsAccessTokens).accept_json_bodies());
    /// ```
    pub fn configure_server(
        mut self,
        change: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder,
    ) -> Self {
        self.server = change(self.server);
        self
    }

    /// Takes the port and serves, on the current runtime.
    ///
    /// # Errors
    /// When the port cannot be had; those of [`AuthorizationServerBuilder::build`] as the source of an error of the kind `InvalidInput`.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O and time enabled.
    pub async fn listen(self) -> io::Result<OAuthProvider> {
        let client = self.client.renamed(self.client_id.clone(), self.client_secret.clone());
        let server = self.server.client_with(client).display_name(&self.display_name).build();
        let server = server.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let listening = server.serve(Port::bind_at(Wire::Plain, self.port).await?);
        Ok(OAuthProvider {
            server,
            listening,
            client_id: self.client_id,
            client_secret: self.client_secret,
            display_name: self.display_name,
            reuse_grace: self.reuse_grace,
        })
    }
}

impl fmt::Debug for OAuthProviderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthProviderBuilder")
            .field("client_id", &self.client_id)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}
