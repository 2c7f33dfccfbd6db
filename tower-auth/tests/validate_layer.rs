//! The incoming layer: who gets in, and what the others are answered.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use tokio_test::{assert_pending, assert_ready};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_auth::ValidateLayer;
use tower_auth::core::jose::{Algorithm, JwkSet, SigningKey, TokenHeader};
use tower_auth::core::{ApiKeyVerifier, BasicVerifier, HttpClient, JwtVerifier, Secret, Verified, Verifier};
use tower_auth_testing::TestClock;
use tower_test::mock::{self, Handle, Mock};

const ISSUER: &str = "https://login.example.com";
const NOW: u64 = 1_767_225_600;

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::EdDsa).unwrap()
}

fn key_set(key: &SigningKey) -> String {
    format!("{{\"keys\":[{}]}}", key.public_jwk(Some("k1")).unwrap())
}

fn token(key: &SigningKey) -> String {
    let claims = serde_json::json!({
        "iss": ISSUER, "sub": "alice", "aud": "orders", "exp": NOW + 600, "iat": NOW, "jti": "1", "client_id": "web",
        "scope": "orders:read",
    });
    key.sign(&TokenHeader::new().typ("at+jwt").kid("k1"), &claims).unwrap()
}

fn builder() -> JwtVerifier {
    JwtVerifier::issuer(ISSUER).unwrap().audience("orders").realm("orders").clock(TestClock::new().clock())
}

fn fixed(key: &SigningKey) -> Verifier {
    builder().jwks(JwkSet::parse(key_set(key).as_bytes()).unwrap()).build().unwrap()
}

fn request(authorization: Option<&str>) -> Request<()> {
    let mut request = Request::get("/orders?access_token=x").body(()).unwrap();
    if let Some(value) = authorization {
        request.headers_mut().insert("authorization", value.parse().unwrap());
    }
    request
}

fn bearer(key: &SigningKey) -> Request<()> {
    request(Some(&format!("Bearer {}", token(key))))
}

/// Answers what it sees: the subject, and whether credentials are there.
fn echo() -> impl Service<Request<()>, Response = Response<String>, Error = Infallible, Future: Send> + Clone {
    service_fn(|request: Request<()>| async move {
        let subject = request.extensions().get::<Verified>().map(|user| user.subject().to_owned());
        let has = |name: &str| request.headers().contains_key(name);
        Ok::<_, Infallible>(Response::new(format!(
            "{} {}",
            subject.unwrap_or_else(|| "nobody".to_owned()),
            has("authorization") || has("x-api-key")
        )))
    })
}

async fn answer(layer: &ValidateLayer, request: Request<()>) -> Response<String> {
    layer.layer(echo()).oneshot(request).await.unwrap()
}

// R6750-2.1a, R9110-11.6.2b
#[tokio::test]
async fn an_accepted_request_reaches_the_service_with_its_verdict_and_as_it_came() {
    let key = key();
    let layer = ValidateLayer::new(fixed(&key));
    assert_eq!(answer(&layer, bearer(&key)).await.body(), "alice true");
    let stripped = layer.strip_authorization();
    assert_eq!(answer(&stripped, bearer(&key)).await.body(), "alice false");
    let digest = ApiKeyVerifier::digest(&Secret::from("abc"));
    let api_key = ApiKeyVerifier::new().key("partner", digest).build().unwrap();
    let mut request = request(None);
    request.headers_mut().insert("x-api-key", "abc".parse().unwrap());
    assert_eq!(answer(&ValidateLayer::new(api_key).strip_authorization(), request).await.body(), "partner false");
}

// R9110-11.3a, R9110-11.4a, R6750-3.1b, R9110-11.6.2a, R21-5.2a, THREAT-T8, THREAT-V16
#[tokio::test]
async fn a_refused_request_is_answered_by_the_layer() {
    let key = key();
    let layer = ValidateLayer::new(fixed(&key));
    let missing = answer(&layer, request(None)).await;
    assert_eq!(missing.status(), 401);
    assert_eq!(missing.headers()["www-authenticate"], r#"Bearer realm="orders""#);
    assert_eq!(missing.body(), "");
    let forged = answer(&layer, bearer(&self::key())).await;
    assert_eq!(forged.status(), 401);
    assert!(forged.headers()["www-authenticate"].to_str().unwrap().contains(r#"error="invalid_token""#));
    let mut twice = bearer(&key);
    twice.headers_mut().append("authorization", "Bearer x".parse().unwrap());
    assert_eq!(answer(&layer, twice).await.status(), 400);
}

// R6750-3.1a, R9700-2.3a
#[tokio::test]
async fn a_required_scope_must_have_been_granted() {
    let key = key();
    let layer = ValidateLayer::new(fixed(&key)).require_scope("orders:read").unwrap();
    assert_eq!(answer(&layer, bearer(&key)).await.status(), 200);
    let refused = answer(&layer.require_scope("orders:admin").unwrap(), bearer(&key)).await;
    assert_eq!(refused.status(), 403);
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains(r#"scope="orders:admin orders:read""#), "{challenge}");
    assert!(ValidateLayer::new(fixed(&key)).require_scope("a\"b").is_err());
}

// THREAT-V16
#[tokio::test]
async fn a_missing_credential_passes_on_request_but_a_bad_one_never() {
    let key = key();
    let layer = ValidateLayer::new(fixed(&key)).allow_missing();
    assert_eq!(answer(&layer, request(None)).await.body(), "nobody false");
    for foreign in ["Digest a=b", "Negotiate YII=", "Basic QTpi", ""] {
        assert_eq!(answer(&layer, request(Some(foreign))).await.status(), 401, "{foreign:?} claims to be somebody");
    }
    assert_eq!(answer(&layer, bearer(&key)).await.body(), "alice true");
    assert_eq!(answer(&layer, bearer(&self::key())).await.status(), 401);
    assert_eq!(answer(&layer, request(Some("Bearer "))).await.status(), 400);
    let scoped = layer.require_scope("orders:read").unwrap();
    assert_eq!(answer(&scoped, request(None)).await.status(), 401, "nobody has no scope");
}

// GRPC-3, GRPC-4, GRPC-10
#[tokio::test]
async fn grpc_requests_are_refused_with_status_200_and_a_grpc_status() {
    let key = key();
    let layer = ValidateLayer::new(fixed(&key)).require_scope("orders:admin").unwrap();
    let grpc = |mut request: Request<()>, content_type: &str| {
        request.headers_mut().insert("content-type", content_type.parse().unwrap());
        request
    };
    for (content_type, answered) in [
        ("application/grpc", "application/grpc"),
        ("application/grpc+proto", "application/grpc"),
        ("Application/gRPC;x=y", "application/grpc"),
        ("application/grpc-web+proto", "application/grpc-web+proto"),
    ] {
        let refused = answer(&layer, grpc(request(None), content_type)).await;
        assert_eq!(refused.status(), 200, "{content_type}");
        assert_eq!(refused.headers()["content-type"], answered);
        assert_eq!(refused.headers()["grpc-status"], "16");
        assert_eq!(refused.headers()["grpc-message"], "Authentication is required");
    }
    let denied = answer(&layer, grpc(bearer(&key), "application/grpc")).await;
    assert_eq!((denied.status().as_u16(), &denied.headers()["grpc-status"]), (200, &"7".parse().unwrap()));
    assert_eq!(answer(&layer, grpc(request(None), "application/json")).await.status(), 401);
}

// THREAT-V16
#[tokio::test]
async fn a_verdict_of_another_verifier_is_removed_and_one_of_the_same_is_used() {
    let key = key();
    let ours = fixed(&key);
    let foreign = BasicVerifier::new().user("root", "s3cret").build().unwrap();
    let pair = tower_auth::core::Basic::new("root", "s3cret").unwrap().header_text();
    let root = foreign.try_verify(request(Some(pair.expose_secret())).headers()).unwrap();
    let alice = ours.try_verify(bearer(&key).headers()).unwrap();
    let with = |verified: &Verified, mut request: Request<()>| {
        request.extensions_mut().insert(verified.clone());
        request
    };
    let layer = ValidateLayer::new(ours);
    assert_eq!(answer(&layer, with(&root, request(None))).await.status(), 401);
    assert_eq!(answer(&layer, with(&root, bearer(&key))).await.body(), "alice true");
    assert_eq!(answer(&layer.clone().allow_missing(), with(&root, request(None))).await.body(), "nobody false");
    assert_eq!(answer(&layer, with(&alice, request(None))).await.body(), "alice false", "verified above");
}

type Inner = Mock<Request<()>, Response<()>>;

type Outer = mock::Spawn<tower_auth::Validate<Inner>>;

fn spawn(layer: &ValidateLayer) -> (Outer, Handle<Request<()>, Response<()>>) {
    let (inner, handle) = mock::pair();
    (mock::Spawn::new(layer.layer(inner)), handle)
}

#[tokio::test]
async fn readiness_and_errors_are_those_of_the_inner_service() {
    let key = key();
    let (mut service, mut handle) = spawn(&ValidateLayer::new(fixed(&key)));
    handle.allow(0);
    assert_pending!(service.poll_ready());
    handle.allow(1);
    assert!(service.is_woken());
    assert_ready!(service.poll_ready()).unwrap();
    let response = tokio::spawn(service.call(bearer(&key)));
    let (_, answer) = handle.next_request().await.unwrap();
    answer.send_error("inner failure");
    assert_eq!(response.await.unwrap().unwrap_err().to_string(), "inner failure");
    handle.send_error("gone");
    assert_eq!(assert_ready!(service.poll_ready()).unwrap_err().to_string(), "gone");
}

#[tokio::test]
async fn a_refusal_leaves_the_inner_service_ready_and_uncalled() {
    let key = key();
    let (mut service, mut handle) = spawn(&ValidateLayer::new(fixed(&key)));
    handle.allow(1);
    assert_ready!(service.poll_ready()).unwrap();
    assert_eq!(service.call(request(None)).await.unwrap().status(), 401);
    assert_ready!(service.poll_ready()).unwrap();
    let response = tokio::spawn(service.call(bearer(&key)));
    handle.next_request().await.unwrap().1.send_response(Response::new(()));
    assert_eq!(response.await.unwrap().unwrap().status(), 200);
}

/// Keys that come when they are released.
fn slow_keys(body: String) -> (HttpClient, Arc<tokio::sync::Notify>, Arc<AtomicUsize>) {
    let (release, asked) = (Arc::new(tokio::sync::Notify::new()), Arc::new(AtomicUsize::new(0)));
    let (gate, count, body) = (Arc::clone(&release), Arc::clone(&asked), Arc::new(Mutex::new(body)));
    let service = service_fn(move |_: Request<Bytes>| {
        let (gate, count, body) = (Arc::clone(&gate), Arc::clone(&count), Arc::clone(&body));
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            gate.notified().await;
            Ok::<_, Infallible>(Response::new(Bytes::from(body.lock().unwrap().clone())))
        }
    });
    (HttpClient::new(service), release, asked)
}

// THREAT-A3
#[tokio::test]
async fn a_request_that_waits_for_keys_takes_the_ready_service_along_and_a_clone_waits_for_its_own() {
    let key = key();
    let (http, release, asked) = slow_keys(key_set(&key));
    let verifier = builder().jwks_uri("https://login.example.com/keys").http_client(http).build().unwrap();
    let (mut service, mut handle) = spawn(&ValidateLayer::new(verifier));
    handle.allow(1);
    assert_ready!(service.poll_ready()).unwrap();
    let response = tokio::spawn(service.call(bearer(&key)));
    TestClock::settle().await;
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // The mock panics if a service is called that was not polled ready itself.
    handle.allow(0);
    assert_pending!(service.poll_ready());
    let mut clone = service.clone();
    assert_pending!(clone.poll_ready());
    release.notify_one();
    let (sent, answer) = handle.next_request().await.unwrap();
    assert_eq!(sent.extensions().get::<Verified>().unwrap().subject(), "alice");
    answer.send_response(Response::new(()));
    assert_eq!(response.await.unwrap().unwrap().status(), 200);
}

// THREAT-V16, GRPC-7
#[tokio::test]
async fn keys_that_cannot_be_had_are_a_503_or_unavailable() {
    let key = key();
    let (http, release, _) = slow_keys("no keys".to_owned());
    let verifier = builder().jwks_uri("https://login.example.com/keys").http_client(http).build().unwrap();
    let layer = ValidateLayer::new(verifier);
    release.notify_one();
    let refused = answer(&layer, bearer(&key)).await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after") && !refused.headers().contains_key("www-authenticate"));
    let mut grpc = bearer(&key);
    grpc.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    assert_eq!(answer(&layer, grpc).await.headers()["grpc-status"], "14");
}

#[test]
fn services_and_futures_cross_threads_and_show_no_credential() {
    fn assert_send<T: Send>(_: &T) {}
    let key = key();
    let mut service = ValidateLayer::new(fixed(&key)).layer(echo());
    assert_send(&service);
    let future = service.call(bearer(&key));
    assert_send(&future);
    let shown = format!("{future:?} {:?}", ValidateLayer::new(fixed(&key)));
    assert!(shown.contains("admitted") && !shown.contains("Bearer e"), "{shown}");
}

#[test]
fn the_usual_case_boxes_nothing_of_its_own() {
    let key = key();
    let verifier = fixed(&key);
    let accepted = bearer(&key);
    let alone = allocation_counter::measure(|| drop(verifier.try_verify(accepted.headers()).unwrap()));
    let mut service = ValidateLayer::new(verifier)
        .layer(service_fn(|_: Request<()>| std::future::ready(Ok::<_, Infallible>(Response::new(())))));
    let mut one = Some(bearer(&key));
    let layered = allocation_counter::measure(|| drop(service.call(one.take().unwrap())));
    // The extensions of a request are a map of boxes.
    assert!(layered.count_total <= alone.count_total + 3, "{} after {}", layered.count_total, alone.count_total);
}
