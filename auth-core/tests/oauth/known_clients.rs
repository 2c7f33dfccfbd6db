//! Client authentication against the authorization server of `tower-auth-testing`, which checks every proof.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use tower_auth_core::{
    AuthorizationCallback, AuthorizationError, AuthorizationRequest, BoxError, ClientAuth, ClientCredentials,
    OAuthClient, OAuthClientBuilder, RefreshToken, Secret, TokenError, TokenErrorKind, TokenResponse, TokenTypeHint,
};
use tower_auth_testing::{AuthorizationServer, Endpoint, Fault, Quirk, TestClient, TestClock};

const CALLBACK: &str = "https://app.example.com/callback";
const OLD: &str = "the-old-secret-of-at-least-thirty-two-bytes";
const NEW: &str = "the-new-secret-of-at-least-thirty-two-bytes";

fn server(time: &TestClock, client: TestClient) -> AuthorizationServer {
    AuthorizationServer::builder().client_with(client).clock(time.clock()).build().unwrap()
}

fn described(server: &AuthorizationServer) -> OAuthClientBuilder {
    OAuthClient::builder("orders")
        .issuer(server.issuer())
        .authorization_endpoint(server.authorization_url())
        .token_endpoint(server.token_url())
        .pushed_authorization_request_endpoint(server.pushed_authorization_url())
        .revocation_endpoint(server.revocation_url())
        .http_client(server.http_client())
        .clock(server.clock())
}

async fn ask(client: OAuthClientBuilder) -> Result<TokenResponse, TokenError> {
    ClientCredentials::over(client).build().unwrap().request_token().await
}

async fn is_refused(client: OAuthClientBuilder) -> bool {
    match ask(client).await {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(
                (error.kind(), error.oauth_error()),
                (TokenErrorKind::Misconfigured, Some("invalid_client")),
                "{error}"
            );
            true
        }
    }
}

async fn login(server: &AuthorizationServer, client: &OAuthClient) -> Result<TokenResponse, AuthorizationError> {
    let started = AuthorizationRequest::new(client, CALLBACK).start().await.unwrap();
    let redirect = server.approve(&started.url.to_string()).unwrap();
    started.transaction.finish(client, &AuthorizationCallback::from_uri(redirect.location()).unwrap()).await
}

// R6749-2.3a, R6749-2.3.1a
#[tokio::test]
async fn secrets_are_exchanged_while_the_client_runs() {
    for auth in [ClientAuth::Basic, ClientAuth::Body, ClientAuth::SecretJwt] {
        if auth == ClientAuth::SecretJwt && cfg!(not(feature = "jwt")) {
            continue;
        }
        let server = server(&TestClock::new(), TestClient::new("orders", OLD).client_secret_jwt());
        let client = described(&server).secrets([OLD, NEW]).client_auth(auth);
        let source = ClientCredentials::over(client).build().unwrap();
        for (secrets, requests) in [(&[OLD][..], 1), (&[OLD, NEW], 1), (&[NEW], 2), (&[NEW], 1), (&[OLD], 2)] {
            server.set_secrets("orders", secrets.iter().copied());
            server.clear_requests();
            source.request_token().await.unwrap();
            assert_eq!(server.token_requests(), requests, "{auth:?} {secrets:?}");
        }
        server.set_secrets("orders", ["another-secret-of-at-least-thirty-two-bytes"]);
        server.clear_requests();
        let error = source.request_token().await.unwrap_err();
        assert_eq!((error.oauth_error(), server.token_requests()), (Some("invalid_client"), 2));
    }
}

// SYS-A9, SYS-V12
#[tokio::test]
async fn a_source_of_secrets_is_asked_again_when_the_server_knows_the_next_one() {
    let time = TestClock::new();
    let server = server(&time, TestClient::new("orders", OLD));
    let vault = Arc::new(Mutex::new((OLD, 0)));
    let shared = Arc::clone(&vault);
    let client = described(&server).secret_source(move || {
        let mut vault = shared.lock().unwrap();
        vault.1 += 1;
        let secret = vault.0;
        async move { Ok::<_, BoxError>(Secret::from(secret)) }
    });
    let cache = ClientCredentials::over(client).cached().unwrap();
    cache.token().await.unwrap();
    // The token is renewed after most of an hour. Whoever exchanges secrets tells the vault first.
    vault.lock().unwrap().0 = NEW;
    server.set_secrets("orders", [NEW]);
    time.advance(Duration::from_secs(3_600)).await;
    cache.token().await.unwrap();
    assert_eq!(
        (server.token_requests(), vault.lock().unwrap().1),
        (2, 2),
        "an old secret is read anew before it is sent"
    );
    // Within the minute nothing is asked, until the server refuses.
    vault.lock().unwrap().0 = OLD;
    server.set_secrets("orders", [OLD]);
    let _ = cache.invalidate(cache.current().await.unwrap().generation);
    cache.token().await.unwrap();
    assert_eq!((server.token_requests(), vault.lock().unwrap().1), (4, 3));
}

// SYS-U6, R6749-2.3a
#[tokio::test]
async fn auto_tries_with_nothing_that_is_good_once_and_uses_what_it_remembers() {
    let registered = TestClient::new("orders", OLD).auth([ClientAuth::Body]).redirect_uri(CALLBACK);
    let server = server(&TestClock::new(), registered);
    let client = described(&server).secret(OLD).client_auth(ClientAuth::Auto);
    let built = client.clone().build().unwrap();
    let error = login(&server, &built).await.unwrap_err();
    assert_eq!(error.oauth_error(), Some("invalid_client"));
    assert_eq!(server.token_requests(), 1, "a code is not sent a second time");

    // Asking to revoke what does not exist finds the method out.
    built.revoke(&Secret::from("unknown"), None).await.unwrap();
    assert_eq!(server.request_count(Endpoint::Revocation), 2);
    login(&server, &built).await.unwrap();
    assert_eq!(server.token_requests(), 2);
}

// R7009-2.1a, R7009-2.2a, R7009-2.2b, R7009-2.2c
#[tokio::test]
async fn a_token_is_revoked_unless_the_server_says_that_it_still_exists() {
    let server = server(&TestClock::new(), TestClient::new("orders", OLD).redirect_uri(CALLBACK));
    let client = described(&server).secret(OLD).build().unwrap();
    let response = login(&server, &client).await.unwrap();
    let (access, refresh) = (response.token().secret(), response.refresh_token().unwrap());
    let renewed = |token: &Secret| {
        let source = RefreshToken::over(described(&server).secret(OLD), token.clone()).build().unwrap();
        async move { source.request_token().await }
    };

    server.fault(Endpoint::Revocation, Fault::status(StatusCode::SERVICE_UNAVAILABLE).retry_after(7));
    let error = client.revoke(refresh, Some(TokenTypeHint::RefreshToken)).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (TokenErrorKind::ServerError, Some(Duration::from_secs(7))));
    assert!(error.is_transient());
    let next = renewed(refresh).await.unwrap();
    server.set_quirk(Quirk::KeepsAccessTokens, true);
    let error = client.revoke(access, Some(TokenTypeHint::AccessToken)).await.unwrap_err();
    assert_eq!((error.kind(), error.oauth_error()), (TokenErrorKind::Misconfigured, Some("unsupported_token_type")));

    server.clear_requests();
    client.revoke(next.refresh_token().unwrap(), Some(TokenTypeHint::RefreshToken)).await.unwrap();
    let request = &server.requests()[0];
    assert_eq!(request.param("token"), Some(next.refresh_token().unwrap().expose_secret()));
    assert_eq!(request.param("token_type_hint"), Some("refresh_token"));
    assert!(request.header("authorization").unwrap().starts_with("Basic "));
    let error = renewed(next.refresh_token().unwrap()).await.unwrap_err();
    assert_eq!(error.oauth_error(), Some("invalid_grant"));
    client.revoke(&Secret::from("unknown"), None).await.unwrap();
    let stranger = described(&server).secret("wrong").build().unwrap();
    let error = stranger.revoke(refresh, None).await.unwrap_err();
    assert_eq!((error.kind(), error.oauth_error()), (TokenErrorKind::Misconfigured, Some("invalid_client")));
}

#[cfg(feature = "jwt")]
mod assertions {
    use serde_json::Value;
    use tower_auth_core::AssertionAudience;
    use tower_auth_core::StaticToken;
    use tower_auth_core::Token;
    use tower_auth_core::jose::{Algorithm, SigningKey};
    use tower_auth_testing::TokenMinter;

    use super::*;

    const ALGORITHMS: [Algorithm; 5] =
        [Algorithm::Es256, Algorithm::Es384, Algorithm::Rs256, Algorithm::Ps256, Algorithm::EdDsa];

    fn with_key(time: &TestClock, algorithm: Algorithm) -> (AuthorizationServer, Arc<SigningKey>) {
        let key = SigningKey::generate(algorithm).unwrap();
        let client = TestClient::without_secret("orders").private_key_jwt(key.public_jwk(Some("k1")).unwrap());
        (server(time, client.redirect_uri(CALLBACK)), Arc::new(key))
    }

    // R7523-2.2a, R7523-3a, R7523-3b
    #[tokio::test]
    async fn a_key_of_each_kind_is_known_until_it_is_replaced() {
        for algorithm in ALGORITHMS {
            let time = TestClock::new();
            let (server, key) = with_key(&time, algorithm);
            let client = described(&server).private_key(Arc::clone(&key)).key_id("k1");
            let source = ClientCredentials::over(client).build().unwrap();
            for _ in 0..3 {
                source.request_token().await.unwrap();
            }
            let next = SigningKey::generate(algorithm).unwrap();
            server.set_client_keys("orders", [next.public_jwk(Some("k2")).unwrap()]);
            assert_eq!(source.request_token().await.unwrap_err().oauth_error(), Some("invalid_client"));
            assert!(!is_refused(described(&server).private_key(next).key_id("k2")).await);
            assert!(is_refused(described(&server).private_key(Arc::clone(&key)).key_id("k2")).await, "the old key");
            server.set_client_keys("orders", [key.public_jwk(Some("k1")).unwrap()]);
            source.request_token().await.unwrap();
        }
    }

    // R7523-3a, R7523-3b, R7523bis-a, R7523bis-b
    #[tokio::test]
    async fn what_the_server_wants_of_an_assertion_is_what_it_gets() {
        let time = TestClock::new();
        let (server, key) = with_key(&time, Algorithm::Es256);
        let good = || described(&server).private_key(Arc::clone(&key));
        let endpoint = || good().assertion_audience(AssertionAudience::TokenEndpoint);
        let other = || good().assertion_audience(AssertionAudience::Custom("https://other.example".into()));
        let (past, future) = (TestClock::at(time.now()), TestClock::at(time.now()));
        past.wall_back(Duration::from_secs(600));
        future.wall_forward(Duration::from_secs(600));
        assert!(is_refused(good().clock(past.clock())).await, "expired");
        assert!(is_refused(good().clock(future.clock())).await, "not yet");
        assert!(is_refused(endpoint()).await && is_refused(other()).await);
        assert!(!is_refused(good()).await && !is_refused(good().assertion_typ("JWT")).await);
        server.set_quirk(Quirk::EndpointAudience, true);
        assert!(!is_refused(endpoint()).await && is_refused(other()).await);
        server.set_quirk(Quirk::StrictAssertionType, true);
        assert!(!is_refused(good()).await && is_refused(good().assertion_typ("JWT")).await);
    }

    // R7523bis-a, R7523-2.2a, R9126-2.1a, R7009-2.1a
    #[tokio::test]
    async fn the_issuer_is_the_audience_at_every_endpoint_and_no_assertion_comes_twice() {
        let time = TestClock::new();
        let (server, key) = with_key(&time, Algorithm::Es256);
        let client = described(&server).private_key(key).build().unwrap();
        let pushed = AuthorizationRequest::new(&client, CALLBACK).pushed();
        let started = pushed.start().await.unwrap();
        let redirect = server.approve(&started.url.to_string()).unwrap();
        let callback = AuthorizationCallback::from_uri(redirect.location()).unwrap();
        let response = started.transaction.finish(&client, &callback).await.unwrap();
        let refresh = response.refresh_token().unwrap().clone();
        let cache = pushed.keep_alive(response).cached().unwrap();
        cache.token().await.unwrap();
        let _ = cache.invalidate(cache.current().await.unwrap().generation);
        cache.token().await.unwrap();
        client.revoke(&refresh, Some(TokenTypeHint::RefreshToken)).await.unwrap();

        let mut seen = std::collections::HashSet::new();
        let posts = [Endpoint::PushedAuthorization, Endpoint::Token, Endpoint::Revocation];
        let requests: Vec<_> =
            server.requests().into_iter().filter(|request| posts.contains(&request.endpoint())).collect();
        assert_eq!(requests.len(), 4);
        for request in requests {
            let claims: Value = serde_json::from_str(&request.assertion_claims().unwrap()).unwrap();
            assert_eq!(claims["aud"], server.issuer(), "{:?}", request.endpoint());
            assert_eq!(request.params().iter().filter(|(name, _)| name == "client_id").count(), 1);
            assert!(seen.insert(claims["jti"].to_string()));
        }
    }

    // R7523-3b
    #[tokio::test]
    async fn whoever_saw_an_assertion_cannot_use_it() {
        let time = TestClock::new();
        let (server, key) = with_key(&time, Algorithm::Es256);
        ask(described(&server).private_key(key)).await.unwrap();
        let seen = server.requests()[0].param("client_assertion").unwrap().to_owned();
        let thief = described(&server).assertion(StaticToken::new(Token::new(seen).unwrap()));
        assert!(is_refused(thief).await);
    }

    // R7523-P1, R7523-2.2a
    #[tokio::test]
    async fn a_secret_signs_with_each_hash_and_no_other_secret_does() {
        let long = "0123456789abcdef".repeat(4);
        let time = TestClock::new();
        let server = server(&time, TestClient::new("orders", long.as_str()).auth([]).client_secret_jwt());
        for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
            let client = described(&server).client_auth(ClientAuth::SecretJwt).assertion_algorithm(algorithm);
            assert!(!is_refused(client.clone().secret(long.as_str())).await);
            assert!(is_refused(client.secret(long.to_uppercase())).await);
        }
        assert!(is_refused(described(&server).secret(long.as_str())).await, "the secret itself is not taken");
    }

    // R7523-2.2a
    #[tokio::test]
    async fn a_workload_is_known_by_the_token_of_its_platform() {
        let time = TestClock::new();
        let minter = || TokenMinter::with_keys("https://cluster.test", &[Algorithm::Rs256], time.clock()).unwrap();
        let (cluster, stranger) = (minter(), minter());
        let subject = "system:serviceaccount:shop:orders";
        let server = server(&time, TestClient::without_secret("orders").workload(&cluster, subject));
        let projected = |minter: &TokenMinter, subject: &str| {
            let token = minter.token().typ("JWT").subject(subject).audience(&server.issuer()).sign();
            described(&server).assertion(StaticToken::new(Token::new(token).unwrap()))
        };
        let source = ClientCredentials::over(projected(&cluster, subject)).build().unwrap();
        source.request_token().await.unwrap();
        source.request_token().await.unwrap();
        assert!(is_refused(projected(&cluster, "system:serviceaccount:shop:billing")).await);
        assert!(is_refused(projected(&stranger, subject)).await);
    }
}
