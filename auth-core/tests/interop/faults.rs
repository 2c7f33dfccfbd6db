use std::time::Duration;

use serde_json::json;
use tower_auth_core::TokenErrorKind;

use crate::provider::Provider;

// SYS-L3, SYS-L4, THREAT-A8
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_second_tokens_under_load_are_renewed_ahead_and_nobody_waits() {
    let Some(server) = Provider::start() else { return };
    server.configure(json!({ "token_delay_ms": 100 })).await;
    let cache = server.grant("cc-short").cached().unwrap();
    cache.ready().await.unwrap();
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move {
                let mut misses = 0;
                for _ in 0..500 {
                    misses += usize::from(cache.try_current().is_none());
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                misses
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 0, "a usable token is always there");
    }
    // Five seconds and more of tokens that are renewed after 1.4 to 1.5 seconds.
    let requests = server.token_requests().await;
    assert!((3..=8).contains(&requests), "{requests}");
}

// THREAT-A4
#[tokio::test]
async fn an_endpoint_that_fails_is_left_alone_and_then_asked_again() {
    let Some(server) = Provider::start() else { return };
    server.configure(json!({ "token_fail": { "times": 1, "status": 503, "retry_after": 1 } })).await;
    let cache = server.grant("cc-basic").cached().unwrap();
    let error = cache.token().await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (TokenErrorKind::ServerError, Some(Duration::from_secs(1))));
    let error = cache.token().await.unwrap_err();
    let wait = error.retry_in().unwrap();
    assert!(wait <= Duration::from_secs(2), "{wait:?}");
    tokio::time::sleep(wait + Duration::from_millis(20)).await;
    cache.token().await.unwrap();
}

// THREAT-A4
#[tokio::test]
async fn an_endpoint_that_is_too_slow_is_given_up() {
    let Some(server) = Provider::start() else { return };
    server.configure(json!({ "token_delay_ms": 3_000 })).await;
    let source = server.grant("cc-basic").build().unwrap();
    let cache = source.cache_builder().exchange_timeout(Duration::from_millis(300)).build().unwrap();
    assert_eq!(cache.token().await.unwrap_err().kind(), TokenErrorKind::TimedOut);
}
