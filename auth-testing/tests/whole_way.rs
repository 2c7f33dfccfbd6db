//! From the client credentials grant through the cache to an API.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use tower::ServiceExt;
use tower_auth_core::{CacheState, ClientCredentials, TokenCache};
use tower_auth_testing::{AuthorizationServer, Endpoint, Fault, ResourceServer, TestClient, TestClock};

const HOUR: Duration = Duration::from_secs(3600);

async fn call(api: &ResourceServer, tokens: &TokenCache) -> StatusCode {
    let mut request = Request::get("https://api.test/").body(http_body_util::Empty::<Bytes>::new()).unwrap();
    tokens.current().await.unwrap().credential.apply(&mut request).unwrap();
    api.clone().oneshot(request).await.unwrap().status()
}

// THREAT-A8
#[tokio::test]
async fn a_token_is_renewed_ahead_and_never_used_after_its_end() {
    let time = TestClock::new();
    let server = AuthorizationServer::builder().client("orders", "secret").clock(time.clock()).build().unwrap();
    let api = ResourceServer::builder().issuer(&server).build();
    let tokens = server.client_credentials("orders").cached().unwrap();
    assert_eq!(server.token_requests(), 0, "nothing is asked before the first request");

    for _ in 0..10 {
        assert_eq!(call(&api, &tokens).await, StatusCode::OK);
    }
    assert_eq!(server.token_requests(), 1);

    // Five minutes before its end the old one serves and a new one is fetched beside it.
    time.advance(HOUR - Duration::from_secs(200)).await;
    assert_eq!(tokens.status().state, CacheState::Due);
    assert_eq!(call(&api, &tokens).await, StatusCode::OK);
    time.advance(Duration::ZERO).await;
    assert_eq!((server.token_requests(), tokens.status().state), (2, CacheState::Fresh));

    // Long after its end fifty requests wait for one exchange.
    time.advance(2 * HOUR).await;
    assert_eq!(tokens.status().state, CacheState::Expired);
    server.fault(Endpoint::Token, Fault::delay(Duration::from_secs(1)));
    let tokens = Arc::new(tokens);
    let waiting: Vec<_> = (0..50)
        .map(|_| {
            let (api, tokens) = (api.clone(), Arc::clone(&tokens));
            tokio::spawn(async move { call(&api, &tokens).await })
        })
        .collect();
    time.advance(Duration::from_secs(1)).await;
    for request in waiting {
        assert_eq!(request.await.unwrap(), StatusCode::OK);
    }
    assert_eq!((server.token_requests(), api.refused_count()), (3, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_second_tokens_over_real_sockets_are_renewed_in_time() {
    let client = TestClient::new("orders", "secret").lifetime(Duration::from_secs(2));
    let server = AuthorizationServer::builder().client_with(client).build().unwrap();
    let listening = server.listen().await.unwrap();
    let api = ResourceServer::builder().issuer(&server).build();
    let tokens =
        ClientCredentials::new(listening.url("/token"), "orders", "secret").allow_loopback_http().cached().unwrap();
    for _ in 0..60 {
        assert_eq!(call(&api, &tokens).await, StatusCode::OK);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let asked = server.token_requests();
    assert!((2..=4).contains(&asked), "{asked} token requests in three seconds");
    assert_eq!(api.refused_count(), 0);
    tokens.close().await;
    listening.shutdown().await;
}
