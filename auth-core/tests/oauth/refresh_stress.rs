//! Many users of one refresh token.

use std::collections::BTreeMap;
use std::time::Duration;

use tower_auth_core::{RefreshToken, ScopeSet};
use tower_auth_testing::{AuthorizationServer, TestClient};

const USERS: usize = 1_000;

// THREAT-S7, R6749-6b
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_impatient_users_present_each_refresh_token_once() {
    let server = AuthorizationServer::builder().client_with(TestClient::new("orders", "s3cret")).build().unwrap();
    let first = server.issue_refresh_token("orders", "alice", ScopeSet::default());
    let cache = RefreshToken::new(server.token_url(), "orders", "s3cret", first)
        .http_client(server.http_client())
        .build()
        .unwrap()
        .cache_builder()
        .forced_refresh_limit(u32::MAX, Duration::ZERO)
        .build()
        .unwrap();
    let users: Vec<_> = (0..USERS)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move {
                for _ in 0..10 {
                    // Some wait for their token, some go away at any point of the exchange.
                    let patience = fastrand::usize(..40);
                    let leave = async {
                        for _ in 0..patience {
                            tokio::task::yield_now().await;
                        }
                    };
                    tokio::select! {
                        current = cache.current() => {
                            let generation = current.unwrap().generation;
                            if fastrand::usize(..20) == 0 {
                                cache.invalidate(generation);
                            }
                        }
                        () = leave => {}
                    }
                }
            })
        })
        .collect();
    for user in users {
        user.await.unwrap();
    }
    assert!(cache.token().await.is_ok(), "the family was revoked");
    let mut presented = BTreeMap::new();
    for request in server.requests() {
        *presented.entry(request.param("refresh_token").unwrap().to_owned()).or_insert(0) += 1;
    }
    assert!(presented.len() > 10, "only {} refreshes", presented.len());
    assert!(presented.values().all(|count| *count == 1), "{:?}", presented.values());
}
