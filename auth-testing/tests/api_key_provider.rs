//! A provider whose API wants a key.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use http::{HeaderName, StatusCode};
use serde_json::json as value;
use tower_auth_core::{ProviderSpec, ProviderValues};
use tower_auth_testing::{Account, ApiKeyProvider, Fault};

use support::loopback::{get, json};

async fn provider(header: Option<&'static str>) -> ApiKeyProvider {
    let builder = ApiKeyProvider::builder();
    match header {
        Some(name) => builder.header(HeaderName::from_static(name)),
        None => builder,
    }
    .listen()
    .await
    .unwrap()
}

async fn status(provider: &ApiKeyProvider, header: &str, credential: &str) -> u16 {
    get(&provider.url("/api/v1/me"), Some((header, credential))).await.status().as_u16()
}

#[tokio::test]
async fn a_key_opens_its_account_from_its_place_alone() {
    let bearer = provider(None).await;
    let key = bearer.issue(Account::new("alice").name("Alice Example"));
    let credential = format!("Bearer {}", key.expose_secret());
    let answer = get(&bearer.url("/api/v1/me"), Some(("authorization", &credential))).await;
    assert_eq!(json(&answer), value!({ "id": "alice", "name": "Alice Example" }));
    let bare = get(&bearer.url("/api/v1/me"), None).await;
    assert_eq!((bare.status().as_u16(), bare.headers()["www-authenticate"].to_str().unwrap()), (401, "Bearer"));
    for (header, credential) in [
        ("x-api-key", key.expose_secret()),
        ("authorization", key.expose_secret()),
        ("authorization", "Bearer key-0"),
        ("authorization", "Basic eDp5"),
    ] {
        assert_eq!(status(&bearer, header, credential).await, 401, "{header}");
    }

    let headed = provider(Some("x-api-key")).await;
    let key = headed.issue("bob");
    assert_eq!(status(&headed, "x-api-key", key.expose_secret()).await, 200);
    assert_eq!(status(&headed, "authorization", &format!("Bearer {}", key.expose_secret())).await, 401);
    assert_eq!(get(&headed.url("/elsewhere"), None).await.status(), 404);
    assert_eq!(headed.request_count(), 3);
}

#[tokio::test]
async fn keys_are_rotated_deleted_and_restricted() {
    let provider = provider(Some("x-api-key")).await;
    let (first, other) = (provider.issue("alice"), provider.issue("alice"));
    let second = provider.rotate(&first).unwrap();
    assert_eq!(status(&provider, "x-api-key", first.expose_secret()).await, 401);
    assert_eq!(status(&provider, "x-api-key", second.expose_secret()).await, 200);
    assert!(provider.restrict(&second));
    assert_eq!(status(&provider, "x-api-key", second.expose_secret()).await, 403);
    assert!(provider.delete(&second) && !provider.delete(&second));
    assert_eq!(status(&provider, "x-api-key", second.expose_secret()).await, 401);
    assert_eq!(status(&provider, "x-api-key", other.expose_secret()).await, 200);
    assert!(provider.rotate(&first).is_none() && !provider.restrict(&first));
}

#[tokio::test]
async fn faults_come_before_answers() {
    let provider = provider(Some("x-api-key")).await;
    let key = provider.issue("alice");
    provider.fault(Fault::status(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(status(&provider, "x-api-key", key.expose_secret()).await, 503);
    assert_eq!(status(&provider, "x-api-key", key.expose_secret()).await, 200);
}

#[tokio::test]
async fn the_description_leads_to_the_account_until_the_key_is_deleted() {
    for header in [None, Some("x-api-key")] {
        let provider = provider(header).await;
        let key = provider.issue(Account::new("alice").name("Alice Example"));
        let spec = ProviderSpec::from_toml(&provider.provider_toml("crm")).unwrap();
        let values = ProviderValues::new().env(|_| None).value("api_key", key.clone());
        let connection = spec.fill(&values).unwrap().connect().allow_loopback_http().build().unwrap();
        connection.verify().await.unwrap();
        let found = connection.probe().await.unwrap();
        assert_eq!(found["account_name"].expose_secret(), "Alice Example");
        assert!(provider.delete(&key));
        assert!(connection.verify().await.is_err());
    }
}
