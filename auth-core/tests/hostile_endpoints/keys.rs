//! Tokens of callers that must never be mixed up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use http::{HeaderMap, Request, Response};
use tower_auth_core::{BoxError, HttpClient, JwtVerifier, SubjectToken, TokenExchange};
use tower_auth_testing::{AuthorizationServer, TestClock};

use super::peer::pairs;

/// Callers, two of them the same person with two tokens.
async fn callers(time: &TestClock) -> Vec<SubjectToken> {
    let login = AuthorizationServer::builder().client("orders", "s3cret").clock(time.clock()).build().unwrap();
    let verifier = JwtVerifier::issuer(login.issuer())
        .unwrap()
        .audience("orders")
        .http_client(login.http_client())
        .clock(time.clock())
        .keep_subject_token()
        .build()
        .unwrap();
    let mut callers = Vec::new();
    for subject in ["alice", "alice", "alic", "alice ", "ALICE"] {
        let token =
            login.mint().subject(subject).client_id("web").audience("orders").lifetime(Duration::from_secs(600)).sign();
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        callers.push(verifier.verify(&headers).await.unwrap().subject_token().unwrap().clone());
    }
    callers
}

/// An endpoint whose tokens tell for what they were asked, and by which request.
fn telling(asked: &Arc<AtomicUsize>) -> HttpClient {
    let asked = Arc::clone(asked);
    HttpClient::new(tower::service_fn(move |request: Request<Bytes>| {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        let pairs = pairs(request.body());
        let all =
            |name: &str| pairs.iter().filter(|pair| pair.0 == name).map(|pair| &*pair.1).collect::<Vec<_>>().join(",");
        let signature = all("subject_token").rsplit('.').next().unwrap().to_owned();
        let body = format!(
            r#"{{"access_token":"{signature}.{number}","scope":"{}","expires_in":300,"issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}}"#,
            all("scope")
        );
        std::future::ready(Ok::<_, BoxError>(Response::new(body.into())))
    }))
}

// THREAT-K1, R8693-P1
#[tokio::test]
async fn a_token_is_shared_exactly_by_those_who_ask_the_same_for_the_same_caller_and_tenant() {
    const TENANTS: &[Option<&str>] = &[None, Some(""), Some("a"), Some("a "), Some("A"), Some("a\0"), Some("\0")];
    const SCOPES: &[&[&str]] = &[&[], &["a", "b"], &["a"], &["ab"]];
    let time = TestClock::new();
    let callers = callers(&time).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let grant = TokenExchange::new("https://login.example.com/token", "orders", "s3cret")
        .http_client(telling(&asked))
        .clock(time.clock());
    let targets: Vec<_> = SCOPES
        .iter()
        .flat_map(|scopes| ["stock", "stoc"].map(|audience| (*scopes, audience)))
        .map(|(scopes, audience)| {
            grant.clone().scopes(scopes.iter().copied()).audience(audience).on_behalf_of().unwrap()
        })
        .collect();

    let keys: Vec<_> = (0..targets.len())
        .flat_map(|target| (0..callers.len()).map(move |caller| (target, caller)))
        .flat_map(|(target, caller)| TENANTS.iter().map(move |tenant| (target, caller, *tenant)))
        .collect();
    let mut lookups = keys.repeat(3);
    Rng::with_seed(5).shuffle(&mut lookups);
    let mut known = BTreeMap::new();
    for (target, caller, tenant) in lookups {
        let token = match tenant {
            None => targets[target].tokens_for(&callers[caller]),
            Some(tenant) => targets[target].tokens_for_tenant(&callers[caller], tenant),
        };
        let token = token.unwrap().token().await.unwrap().secret().expose_secret().to_owned();
        let signature = callers[caller].secret().expose_secret().rsplit('.').next().unwrap();
        assert!(token.starts_with(signature), "{target} {caller} {tenant:?}");
        assert_eq!(*known.entry((target, caller, tenant)).or_insert_with(|| token.clone()), token);
    }
    assert_eq!(asked.load(Ordering::Relaxed), keys.len());
    let tokens: std::collections::BTreeSet<_> = known.values().collect();
    assert_eq!((known.len(), tokens.len()), (keys.len(), keys.len()));
}
