//! The other side, which is not part of what the example shows: an authorization server and an API on loopback sockets.

use std::io;

use reqwest::StatusCode;
use tower_auth::core::BoxError;
use tower_auth_testing::{AuthorizationServer, Endpoint, Fault, ListeningServer, ResourceServer};

pub(crate) struct Servers {
    /// The URL of the token endpoint.
    pub(crate) token_url: String,
    /// The origin of the API.
    pub(crate) api: String,
    issuer: AuthorizationServer,
    resource: ResourceServer,
    /// They stop when these are dropped.
    _listening: [ListeningServer; 2],
}

impl Servers {
    pub(crate) async fn start() -> Result<Self, BoxError> {
        let issuer = AuthorizationServer::builder().client("orders", "correct horse").build()?;
        let resource = ResourceServer::builder().issuer(&issuer).build();
        Ok(Self::listen(issuer, resource).await?)
    }

    async fn listen(issuer: AuthorizationServer, resource: ResourceServer) -> io::Result<Self> {
        let (tokens, api) = (issuer.listen().await?, resource.listen().await?);
        Ok(Self { token_url: tokens.url("/token"), api: api.url(""), issuer, resource, _listening: [tokens, api] })
    }

    pub(crate) fn token_requests(&self) -> usize {
        self.issuer.token_requests()
    }

    /// Makes the API refuse the token that it saw last.
    pub(crate) fn refuse_the_token(&self) {
        let requests = self.resource.requests();
        let last = requests.last().and_then(|request| request.header("authorization"));
        if let Some(token) = last.and_then(|value| value.strip_prefix("Bearer ")) {
            self.resource.refuse(token);
        }
    }

    /// Makes the token endpoint fail from now on.
    pub(crate) fn stop_issuing(&self) {
        self.issuer.fault(Endpoint::Token, Fault::status(StatusCode::SERVICE_UNAVAILABLE).always());
    }
}
