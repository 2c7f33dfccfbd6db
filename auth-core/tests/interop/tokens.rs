use std::time::Duration;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use tower_auth_core::{RejectionKind, TokenCache, Verifier};

use crate::provider::Provider;

async fn headers(cache: &TokenCache) -> HeaderMap {
    let mut headers = HeaderMap::new();
    assert!(cache.current().await.unwrap().credential.apply_to_headers(&mut headers));
    headers
}

async fn verify(verifier: &Verifier, headers: &HeaderMap) -> Result<(), RejectionKind> {
    verifier.verify(headers).await.map(|_| ()).map_err(|rejection| rejection.kind())
}

// R9068-2.1a, R9068-4a, R9068-4b, R8414-3.3a
#[tokio::test]
async fn its_tokens_of_every_algorithm_are_accepted_for_their_audience_only() {
    let Some(server) = Provider::start() else { return };
    for algorithm in ["rs256", "ps256", "es256", "es384", "eddsa"] {
        let audience = format!("urn:api:{algorithm}");
        let cache = server.grant("cc-basic").resource(&audience).scopes(["read"]).cached().unwrap();
        let headers = headers(&cache).await;
        let verifier = server.verifier(&audience).build().unwrap();
        let principal = verifier.verify(&headers).await.unwrap();
        assert_eq!((principal.subject(), principal.client_id()), ("cc-basic", Some("cc-basic")));
        assert_eq!(principal.issuer(), Some(server.issuer()));
        assert!(principal.has_scope("read") && !principal.has_scope("write"));
        let other = server.verifier("urn:api:other").build().unwrap();
        assert_eq!(verify(&other, &headers).await, Err(RejectionKind::WrongAudience));
    }
}

// R9068-4b, THREAT-K3
#[tokio::test]
async fn keys_are_rotated_while_the_verifier_serves() {
    let Some(server) = Provider::start() else { return };
    let grant = || server.grant("cc-basic").resource("urn:api:es256").cached().unwrap();
    let cooldown = Duration::from_millis(300);
    let verifier = server.verifier("urn:api:es256").jwks_cooldown(cooldown).build().unwrap();
    let old = headers(&grant()).await;
    assert_eq!(verify(&verifier, &old).await, Ok(()));

    server.rotate_keys(true).await;
    tokio::time::sleep(cooldown).await;
    let new = headers(&grant()).await;
    assert_eq!(verify(&verifier, &new).await, Ok(()), "an unknown key id is looked up");
    assert_eq!(verify(&verifier, &old).await, Ok(()), "the old key is still published");

    server.rotate_keys(false).await;
    tokio::time::sleep(cooldown).await;
    let newest = headers(&grant()).await;
    assert_eq!(verify(&verifier, &newest).await, Ok(()));
    tokio::time::sleep(cooldown).await;
    assert_eq!(verify(&verifier, &old).await, Err(RejectionKind::UnknownKey));
}

// R7515-5.2a
#[tokio::test]
async fn an_opaque_token_is_not_taken_for_a_jwt() {
    let Some(server) = Provider::start() else { return };
    let opaque = headers(&server.grant("cc-basic").cached().unwrap()).await;
    assert!(opaque.contains_key(AUTHORIZATION));
    let verifier = server.verifier("urn:api:es256").build().unwrap();
    assert_eq!(verify(&verifier, &opaque).await, Err(RejectionKind::Malformed));
}
