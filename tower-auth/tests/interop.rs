//! Bound tokens of a certified authorization server that others wrote, and its protected resource.
#![cfg(all(feature = "http", feature = "authorization-code", feature = "dpop"))]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it skips")]

#[path = "../../auth-core/tests/interop/provider.rs"]
mod provider;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt};
use tower_auth::AuthLayer;
use tower_auth::core;
use tower_auth::core::jose::Algorithm;
use tower_auth::core::{
    AuthorizationCallback, AuthorizationRequest, ClientAuth, DpopKey, IssuerParameter, OAuthClient, OAuthClientBuilder,
    RefreshToken, TokenCache, TokenErrorKind, TokenKind, TokenResponse,
};

use self::provider::Provider;

const CALLBACK: &str = "http://127.0.0.1:9/callback";

impl Provider {
    fn public(&self, key: &DpopKey) -> OAuthClientBuilder {
        self.described("app-public").client_auth(ClientAuth::None).dpop(key.clone())
    }

    /// The tokens of `alice`, for `key`.
    async fn login(&self, client: &OAuthClient, request: &AuthorizationRequest) -> TokenResponse {
        let started = request.start().await.unwrap();
        let answer = self.test("authorize", json!({ "url": started.url.to_string() })).await;
        let location = answer["location"].as_str().unwrap_or_else(|| panic!("{answer}"));
        let callback = AuthorizationCallback::from_uri(location).unwrap();
        started.transaction.finish(client, &callback).await.unwrap()
    }

    /// Who the server's protected resource says that the token's user is.
    async fn me(&self, cache: &TokenCache) -> Result<String, StatusCode> {
        let api = AuthLayer::new(cache, [self.issuer()]).unwrap();
        let api = api.layer(Client::builder(TokioExecutor::new()).build_http());
        let request = Request::get(format!("{}/me", self.issuer())).body(Full::<Bytes>::default()).unwrap();
        let response = api.oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        match status {
            StatusCode::OK => {
                let claims: Value = serde_json::from_slice(&body).unwrap();
                Ok(claims["sub"].as_str().unwrap().to_owned())
            }
            other => Err(other),
        }
    }
}

fn request(client: &OAuthClient) -> AuthorizationRequest {
    AuthorizationRequest::new(client, CALLBACK)
        .scopes(["openid", "offline_access"])
        .prompt("consent")
        .issuer_parameter(IssuerParameter::Required)
}

// R9449-5a, R9449-7.1a, R9449-8a, R9449-10a
#[tokio::test]
async fn a_bound_token_goes_from_the_login_to_the_api_and_through_a_restart() {
    let Some(server) = Provider::start() else { return };
    server.configure(json!({ "dpop_nonce": true })).await;
    for pushed in [false, true] {
        let key = DpopKey::generate().unwrap();
        let client = server.public(&key).build().unwrap();
        let request = if pushed { request(&client).pushed() } else { request(&client) };
        let response = server.login(&client, &request).await;
        assert_eq!(response.token().kind(), TokenKind::Dpop);

        // The cache has the key of the client.
        let cache = request.keep_alive(response.clone()).cached().unwrap();
        assert_eq!(server.me(&cache).await.as_deref(), Ok("alice"));
        let first = cache.current().await.unwrap();
        let _ = cache.invalidate(first.generation);
        assert_eq!(server.me(&cache).await.as_deref(), Ok("alice"), "after a refresh");
        assert_ne!(cache.current().await.unwrap().generation, first.generation);

        // A new process has what was stored: the key, and the refresh token of another login.
        let refresh = server.login(&client, &request).await.refresh_token().unwrap().clone();
        let stored = key.to_pkcs8_pem().unwrap();
        let thief = RefreshToken::over(server.public(&DpopKey::generate().unwrap()), refresh.clone()).build().unwrap();
        let error = thief.request_token().await.unwrap_err();
        assert_eq!((error.kind(), error.oauth_error()), (TokenErrorKind::Refused, Some("invalid_grant")));
        let again = DpopKey::from_pkcs8_pem(Algorithm::Es256, &stored).unwrap();
        let cache = RefreshToken::over(server.public(&again), refresh).cached().unwrap();
        assert_eq!(server.me(&cache).await.as_deref(), Ok("alice"), "after a restart");
    }
}

// R9449-10a
#[tokio::test]
async fn a_bound_token_and_a_bound_code_are_nothing_to_others() {
    let Some(server) = Provider::start() else { return };
    let key = DpopKey::generate().unwrap();
    let client = server.public(&key).build().unwrap();
    let response = server.login(&client, &request(&client)).await;
    let other = DpopKey::generate().unwrap();
    let stolen = response.token().clone();
    let cache = TokenCache::builder(core::StaticToken::new(stolen.clone())).dpop(other.clone()).build().unwrap();
    assert_eq!(server.me(&cache).await, Err(StatusCode::UNAUTHORIZED), "another key");
    let as_bearer = TokenCache::builder(core::StaticToken::new(stolen.with_kind(TokenKind::Bearer))).build().unwrap();
    assert_eq!(server.me(&as_bearer).await, Err(StatusCode::UNAUTHORIZED), "as Bearer");

    // The server ties the code to the key that the request named.
    for (prover, status) in [(&key, StatusCode::OK), (&other, StatusCode::BAD_REQUEST)] {
        let started = request(&client).start().await.unwrap();
        assert!(started.url.query().unwrap().contains(&format!("dpop_jkt={}", key.thumbprint())));
        let answer = server.test("authorize", json!({ "url": started.url.to_string() })).await;
        let kept: Value = serde_json::from_str(started.transaction.to_secret_json().expose_secret()).unwrap();
        let url = format!("{}/token", server.issuer());
        let form = format!(
            "grant_type=authorization_code&client_id=app-public&code={}&redirect_uri={CALLBACK}&code_verifier={}",
            answer["params"]["code"].as_str().unwrap(),
            kept["code_verifier"].as_str().unwrap()
        );
        let exchange = Request::post(&url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header(DpopKey::HEADER, prover.proof(&http::Method::POST, &url.parse().unwrap(), None, None).unwrap())
            .body(Bytes::from(form))
            .unwrap();
        assert_eq!(server.http().send(exchange).await.unwrap().status(), status);
    }
}
