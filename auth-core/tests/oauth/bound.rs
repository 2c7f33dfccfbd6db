//! Tokens that are bound to a DPoP key, from the authorization server of `tower-auth-testing` to its API.

use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::Value;
use tower::ServiceExt;
use tower_auth_core::jose::Algorithm;
use tower_auth_core::{
    AuthorizationCallback, AuthorizationErrorKind, AuthorizationRequest, ClientAuth, ClientCredentials, DeviceCode,
    DpopKey, JwtBearer, OAuthClient, OAuthClientBuilder, RefreshToken, StaticToken, Token, TokenCache, TokenErrorKind,
    TokenExchange, TokenKind, TokenResponse,
};
use tower_auth_testing::{
    AuthorizationServer, DpopNonce, Endpoint, Quirk, RecordedRequest, ResourceServer, TestClient, TestClock,
    TokenMinter,
};

const CALLBACK: &str = "https://app.example.com/callback";

fn server(time: &TestClock) -> AuthorizationServer {
    AuthorizationServer::builder()
        .client("orders", "s3cret")
        .client_with(TestClient::public("app").redirect_uri(CALLBACK))
        .clock(time.clock())
        .build()
        .unwrap()
}

fn described(server: &AuthorizationServer, id: &str, key: &DpopKey) -> OAuthClientBuilder {
    let client = OAuthClient::builder(id)
        .issuer(server.issuer())
        .authorization_endpoint(server.authorization_url())
        .token_endpoint(server.token_url())
        .pushed_authorization_request_endpoint(server.pushed_authorization_url())
        .http_client(server.http_client())
        .clock(server.clock())
        .dpop(key.clone());
    if id == "app" { client.client_auth(ClientAuth::None) } else { client.secret("s3cret") }
}

async fn login(
    server: &AuthorizationServer,
    request: &AuthorizationRequest,
    client: &OAuthClient,
) -> Result<TokenResponse, tower_auth_core::AuthorizationError> {
    let started = request.start().await.unwrap();
    let redirect = server.approve(&started.url.to_string()).unwrap();
    started.transaction.finish(client, &AuthorizationCallback::from_uri(redirect.location()).unwrap()).await
}

/// How an API that takes bound tokens alone answers.
async fn call(api: &ResourceServer, cache: &TokenCache) -> StatusCode {
    let mut request = Request::get("https://api.test/orders").body(Full::<bytes::Bytes>::default()).unwrap();
    cache.current().await.unwrap().credential.apply(&mut request).unwrap();
    api.clone().oneshot(request).await.unwrap().status()
}

fn posts(server: &AuthorizationServer, endpoint: Endpoint) -> Vec<RecordedRequest> {
    server.requests().into_iter().filter(|request| request.endpoint() == endpoint).collect()
}

fn nonce_of(request: &RecordedRequest) -> Option<String> {
    let claims: Value = serde_json::from_str(&request.proof_claims().unwrap()).unwrap();
    claims["nonce"].as_str().map(str::to_owned)
}

// R9449-5a
#[tokio::test]
async fn the_cache_of_every_grant_has_the_key_of_its_client() {
    let time = TestClock::new();
    let partner = TokenMinter::with_keys("https://partner.test", &[Algorithm::Es256], time.clock()).unwrap();
    let server = AuthorizationServer::builder()
        .client("orders", "s3cret")
        .client_with(TestClient::public("app").redirect_uri(CALLBACK))
        .user("johndoe", "A3ddj3w")
        .trust(&partner)
        .clock(time.clock())
        .build()
        .unwrap();
    let api = ResourceServer::builder().issuer(&server).require_dpop().build();
    let key = DpopKey::generate().unwrap();
    let client = || described(&server, "orders", &key);
    let subject = ask(ClientCredentials::over(client())).await;
    let assertion = partner.token().typ("JWT").subject("alice").audience(&server.issuer()).sign();
    let app = described(&server, "app", &key).build().unwrap();
    let request = AuthorizationRequest::new(&app, CALLBACK);
    let first = login(&server, &request, &app).await.unwrap();
    let second = login(&server, &request, &app).await.unwrap();
    let refresh = second.refresh_token().unwrap().clone();
    let code = DeviceCode::over(
        described(&server, "app", &key).device_authorization_endpoint(server.device_authorization_url()),
    );
    let device = code.build().unwrap();
    let authorization = device.start().await.unwrap();
    assert!(server.approve_device(authorization.user_code()));
    let waiting = tokio::spawn(async move { authorization.wait().await });
    time.advance(Duration::from_secs(5)).await;
    let confirmed = waiting.await.unwrap().unwrap();
    let caches = [
        ("device code", device.keep_alive(confirmed).cache_builder().build()),
        ("client credentials", ClientCredentials::over(client()).cached()),
        ("code", request.keep_alive(first).cached()),
        ("refresh token", RefreshToken::over(described(&server, "app", &key), refresh).cached()),
        ("token exchange", TokenExchange::over(client()).subject(StaticToken::new(subject.token().clone())).cached()),
        ("assertion", JwtBearer::over_source(client(), StaticToken::new(Token::new(assertion).unwrap())).cached()),
        #[cfg(feature = "password-grant")]
        ("password", tower_auth_core::Password::over(client(), "johndoe", "A3ddj3w").cached()),
    ];
    for (grant, cache) in caches {
        let cache = cache.unwrap();
        assert_eq!(cache.token().await.unwrap().kind(), TokenKind::Dpop, "{grant}");
        assert_eq!(call(&api, &cache).await, StatusCode::OK, "{grant}");
    }
}

async fn ask(grant: ClientCredentials) -> TokenResponse {
    grant.build().unwrap().request_token().await.unwrap()
}

// R9449-5a
#[tokio::test]
async fn a_public_clients_refresh_token_lives_on_with_its_key_alone() {
    let time = TestClock::new();
    let server = server(&time);
    let api = ResourceServer::builder().issuer(&server).require_dpop().build();
    let key = DpopKey::generate().unwrap();
    let client = described(&server, "app", &key).build().unwrap();
    let request = AuthorizationRequest::new(&client, CALLBACK);
    let refresh = login(&server, &request, &client).await.unwrap().refresh_token().unwrap().clone();
    let stored = key.to_pkcs8_pem().unwrap();

    let other = DpopKey::generate().unwrap();
    let thief = RefreshToken::over(described(&server, "app", &other), refresh.clone()).build().unwrap();
    let error = thief.request_token().await.unwrap_err();
    assert_eq!((error.kind(), error.oauth_error()), (TokenErrorKind::Refused, Some("invalid_grant")));

    let again = DpopKey::from_pkcs8_pem(Algorithm::Es256, &stored).unwrap();
    let cache = RefreshToken::over(described(&server, "app", &again), refresh).cached().unwrap();
    for _ in 0..3 {
        assert_eq!(call(&api, &cache).await, StatusCode::OK);
        time.advance(Duration::from_secs(3_600)).await;
    }
    for request in posts(&server, Endpoint::Token) {
        assert!(request.proof_claims().is_some(), "each token request has a proof");
    }
}

// R9449-10a
#[tokio::test]
async fn the_request_for_a_code_names_the_key_and_no_other_key_gets_tokens_for_it() {
    let time = TestClock::new();
    let server = server(&time);
    let key = DpopKey::generate().unwrap();
    let client = described(&server, "app", &key).build().unwrap();
    for pushed in [false, true] {
        server.clear_requests();
        let request = AuthorizationRequest::new(&client, CALLBACK);
        let request = if pushed { request.pushed() } else { request };
        let started = request.start().await.unwrap();
        let query = started.url.query().unwrap();
        match pushed {
            false => assert!(query.contains(&format!("dpop_jkt={}", key.thumbprint())), "{query}"),
            true => {
                assert!(!query.contains("dpop"), "{query}");
                let push = &posts(&server, Endpoint::PushedAuthorization)[0];
                assert_eq!(push.param("dpop_jkt"), Some(key.thumbprint()));
                assert!(push.proof_claims().is_some());
            }
        }
        login(&server, &request, &client).await.unwrap();

        // A replica with a key of its own would spend the code in vain.
        server.clear_requests();
        let replica = described(&server, "app", &DpopKey::generate().unwrap()).build().unwrap();
        let keyless = described(&server, "app", &key);
        let error = login(&server, &request, &replica).await.unwrap_err();
        assert_eq!(error.kind(), AuthorizationErrorKind::WrongClient);
        assert!(error.to_string().contains("DPoP key"), "{error}");
        assert_eq!(server.token_requests(), 0);
        // The same key from somewhere else is the same key.
        let stored = DpopKey::from_pkcs8_pem(Algorithm::Es256, &key.to_pkcs8_pem().unwrap()).unwrap();
        login(&server, &request, &keyless.dpop(stored).build().unwrap()).await.unwrap();
    }
    let plain = OAuthClient::builder("app").client_auth(ClientAuth::None);
    let plain = plain.authorization_endpoint(server.authorization_url()).token_endpoint(server.token_url());
    let plain = plain.http_client(server.http_client()).build().unwrap();
    let started = AuthorizationRequest::new(&plain, CALLBACK).start().await.unwrap();
    assert!(!started.url.query().unwrap().contains("dpop"));
}

// R9449-8a, R9449-4.2b
#[tokio::test]
async fn nonces_are_demanded_used_up_and_rotated_at_every_endpoint() {
    let time = TestClock::new();
    let server = server(&time);
    let key = DpopKey::generate().unwrap();
    let source = ClientCredentials::over(described(&server, "orders", &key)).build().unwrap();
    server.set_dpop_nonce(DpopNonce::OncePerProof);
    for requests in [2, 1, 1, 1] {
        server.clear_requests();
        source.request_token().await.unwrap();
        let nonces: Vec<_> = posts(&server, Endpoint::Token).iter().map(nonce_of).collect();
        assert_eq!(nonces.len(), requests, "the answer to each proof has the nonce of the next: {nonces:?}");
    }
    server.set_dpop_nonce(DpopNonce::Demanded);
    for requests in [2, 1] {
        server.clear_requests();
        source.request_token().await.unwrap();
        assert_eq!(server.token_requests(), requests);
    }
    let new = server.rotate_dpop_nonce();
    server.clear_requests();
    source.request_token().await.unwrap();
    let nonces: Vec<_> = posts(&server, Endpoint::Token).iter().map(nonce_of).collect();
    assert!(nonces.len() == 2 && nonces[0].as_deref() != Some(&new) && nonces[1].as_deref() == Some(&new));

    // A code is not lost over a nonce: the server refuses the proof before it looks at the code.
    let app = described(&server, "app", &DpopKey::generate().unwrap()).build().unwrap();
    let request = AuthorizationRequest::new(&app, CALLBACK).pushed();
    server.clear_requests();
    let started = request.start().await.unwrap();
    assert_eq!(posts(&server, Endpoint::PushedAuthorization).len(), 2);
    let redirect = server.approve(&started.url.to_string()).unwrap();
    server.rotate_dpop_nonce();
    let callback = AuthorizationCallback::from_uri(redirect.location()).unwrap();
    let response = started.transaction.finish(&app, &callback).await.unwrap();
    assert_eq!(server.token_requests(), 2);
    let cache = request.keep_alive(response).cached().unwrap();
    cache.token().await.unwrap();
    server.rotate_dpop_nonce();
    let _ = cache.invalidate(cache.current().await.unwrap().generation);
    cache.token().await.unwrap();
    assert_eq!(server.token_requests(), 4, "nor is a refresh token");
    assert_eq!(server.max_presentations(), 1, "which the server has seen once");
}

// R9449-5b
#[tokio::test]
async fn a_server_that_leaves_the_binding_out_is_refused_unless_bearer_is_allowed() {
    let time = TestClock::new();
    let server = server(&time);
    server.set_quirk(Quirk::BearerForDpop, true);
    let client = || described(&server, "orders", &DpopKey::generate().unwrap());
    let error = ClientCredentials::over(client()).cached().unwrap().token().await.unwrap_err();
    assert!(error.to_string().contains("not bound to the DPoP key"), "{error}");
    let cache = ClientCredentials::over(client().allow_bearer_with_dpop()).cached().unwrap();
    assert_eq!(cache.token().await.unwrap().kind(), TokenKind::Bearer);
    let api = ResourceServer::builder().issuer(&server).build();
    assert_eq!(call(&api, &cache).await, StatusCode::OK, "the cache allows what its client allows");
    // It takes bound ones all the same, and proves them.
    server.set_quirk(Quirk::BearerForDpop, false);
    let _ = cache.invalidate(cache.current().await.unwrap().generation);
    assert_eq!(cache.token().await.unwrap().kind(), TokenKind::Dpop);
    let strict = ResourceServer::builder().issuer(&server).require_dpop().build();
    assert_eq!(call(&strict, &cache).await, StatusCode::OK);
}
