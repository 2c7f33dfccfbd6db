use std::fmt;
#[cfg(feature = "jwt")]
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::ClientRegistration;
use crate::http::{Endpoint, HttpClient, PlaintextOptions};
#[cfg(feature = "jwt")]
use crate::jose::SigningKey;
use crate::oauth::{ClientAuth, OAuthClient, OAuthClientBuilder};
use crate::{Clock, Secret};

/// A client that an authorization server has registered (RFC 7591 section 3.2.1). Made by [`ClientRegistration::register`].
///
/// What must outlast the program is to be kept: the id, the secret, and the access token and URL by which the registration can be managed.
#[derive(Clone)]
pub struct RegisteredClient {
    pub(super) issuer: String,
    pub(super) client_id: String,
    pub(super) secret: Option<Secret>,
    pub(super) secret_expires_at: Option<SystemTime>,
    pub(super) access_token: Option<Secret>,
    pub(super) management: Option<Endpoint>,
    pub(super) auth: ClientAuth,
    #[cfg(feature = "jwt")]
    pub(super) key: Option<(Arc<SigningKey>, Option<String>)>,
    pub(super) origins: Vec<String>,
    pub(super) http: Option<HttpClient>,
    pub(super) clock: Clock,
    pub(super) timeout: Duration,
    pub(super) plaintext: PlaintextOptions,
}

impl RegisteredClient {
    /// The issuer of the server that registered it.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The client id.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The client secret, if the client authenticates by one.
    #[must_use]
    pub fn client_secret(&self) -> Option<&Secret> {
        self.secret.as_ref()
    }

    /// When the secret ends; `None` if it does not.
    #[must_use]
    pub fn client_secret_expires_at(&self) -> Option<SystemTime> {
        self.secret_expires_at
    }

    /// How the client proves who it is: as it asked for, or as the server decided.
    #[must_use]
    pub fn client_auth(&self) -> ClientAuth {
        self.auth
    }

    /// What [`ClientRegistration::read`] and [`delete`](ClientRegistration::delete) need, if the server lets clients manage themselves
    /// (RFC 7592): its bearer can change the client.
    #[must_use]
    pub fn registration_access_token(&self) -> Option<&Secret> {
        self.access_token.as_ref()
    }

    /// Where the registration can be managed. It stands for nothing without the access token.
    #[must_use]
    pub fn registration_client_uri(&self) -> Option<&http::Uri> {
        self.management.as_ref().map(Endpoint::uri)
    }

    /// Describes the OAuth client that this is, with the transport, the clock and the allowances of the registration.
    pub fn client(&self) -> OAuthClientBuilder {
        let mut client = OAuthClient::builder(&self.client_id)
            .issuer(&self.issuer)
            .client_auth(self.auth)
            .clock(self.clock.clone())
            .timeout(self.timeout)
            .with_plaintext(self.plaintext.clone());
        if let Some(secret) = &self.secret {
            client = client.secret(secret.clone());
        }
        #[cfg(feature = "jwt")]
        if let Some((key, kid)) = self.key.as_ref().filter(|_| self.auth == ClientAuth::PrivateKeyJwt) {
            client = client.private_key(Arc::clone(key));
            if let Some(kid) = kid {
                client = client.key_id(kid);
            }
        }
        if let Some(http) = &self.http {
            client = client.http_client(http.clone());
        }
        self.origins.iter().fold(client, OAuthClientBuilder::allow_endpoint_origin)
    }

    /// Whether the secret has ended at `now`.
    pub(in crate::oauth) fn is_over(&self, now: SystemTime) -> bool {
        self.secret_expires_at.is_some_and(|end| end <= now)
    }
}

impl ClientRegistration {
    /// A client without anything that the server said of it yet.
    pub(super) fn blank(&self, issuer: &str, client_id: String) -> RegisteredClient {
        RegisteredClient {
            issuer: issuer.to_owned(),
            client_id,
            secret: None,
            secret_expires_at: None,
            access_token: None,
            management: None,
            auth: self.auth,
            #[cfg(feature = "jwt")]
            key: self.key.clone(),
            origins: self.origins.clone(),
            http: self.http.clone(),
            clock: self.clock.clone(),
            timeout: self.timeout,
            plaintext: self.plaintext.clone(),
        }
    }
}

impl fmt::Debug for RegisteredClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisteredClient")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("auth", &self.auth)
            .field("secret_expires_at", &self.secret_expires_at)
            .finish_non_exhaustive()
    }
}
