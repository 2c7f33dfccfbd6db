//! Crates that keep a token and put it on requests, set up so that their cached path can be measured.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::http::headers::Headers;
use azure_core::http::policies::auth::BearerTokenAuthorizationPolicy;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{AsyncRawResponse, Context, Request, StatusCode};
use azure_core::time::OffsetDateTime;
use google_cloud_auth::credentials::{Credentials, mds};
use huskarl::authorizer::HttpAuthorizer;
use huskarl::cache::{GrantTokenSource, InMemoryRefreshTokenStore, InMemoryTokenCache};
use huskarl::core::client_auth::ClientSecret;
use huskarl::core::secrets::{ProvidedSecret, SecretString};
use huskarl::grant::client_credentials::{ClientCredentialsGrant, ClientCredentialsGrantParameters};
use huskarl_reqwest::ReqwestClient;
use middle::BasicClientCredentialAuthorizer;

use crate::{TokenServer, token};

/// `middle`, which renews in a task of the runtime it was made on.
///
/// # Panics
/// When it cannot be set up.
pub async fn middle(server: &TokenServer) -> BasicClientCredentialAuthorizer {
    let url = format!("{}/token", server.address()).parse().expect("a URL");
    BasicClientCredentialAuthorizer::basic_builder("client", "secret", url).build().await.expect("middle has a token")
}

/// `huskarl`'s cache before its grant of client credentials.
///
/// # Panics
/// When it cannot be set up.
pub async fn huskarl(server: &TokenServer) -> HttpAuthorizer {
    let http = ReqwestClient::builder().build().await.expect("a client");
    let grant = ClientCredentialsGrant::builder()
        .client_id("client")
        .http_client(http)
        .client_auth(ClientSecret::new(ProvidedSecret::new(SecretString::new("secret"))))
        .token_endpoint(format!("{}/token", server.address()).parse().expect("a URL"))
        .build();
    let source = GrantTokenSource::builder()
        .grant(grant)
        .grant_parameters(ClientCredentialsGrantParameters::builder().build())
        .refresh_store(InMemoryRefreshTokenStore::default())
        .build();
    HttpAuthorizer::builder().cache(InMemoryTokenCache::builder().source(source).build()).build()
}

/// `google-cloud-auth` with the metadata server of a virtual machine.
///
/// # Panics
/// When it cannot be set up.
#[must_use]
pub fn google(server: &TokenServer) -> Credentials {
    let builder = mds::Builder::default().with_endpoint(server.address()).with_universe_domain("googleapis.com");
    builder.build().expect("credentials")
}

/// `azure_core`'s policy for bearer tokens, and the policy that it is followed by.
#[must_use]
pub fn azure() -> (BearerTokenAuthorizationPolicy, Vec<Arc<dyn Policy>>) {
    let policy = BearerTokenAuthorizationPolicy::new(Arc::new(LongLived), ["https://api.example.com/.default"]);
    (policy, vec![Arc::new(NoOp)])
}

/// A credential whose token lasts for a day.
#[derive(Debug)]
struct LongLived;

#[async_trait]
impl TokenCredential for LongLived {
    async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        Ok(AccessToken::new(token(), OffsetDateTime::now_utc() + Duration::from_secs(86_400)))
    }
}

/// Answers at once.
#[derive(Debug)]
struct NoOp;

#[allow(elided_lifetimes_in_paths, reason = "as the trait writes it")]
#[async_trait]
impl Policy for NoOp {
    async fn send(&self, _: &Context, _: &mut Request, _: &[Arc<dyn Policy>]) -> PolicyResult {
        Ok(AsyncRawResponse::from_bytes(StatusCode::Ok, Headers::new(), Vec::new()))
    }
}
