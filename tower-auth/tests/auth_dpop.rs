//! Credentials that are made of each request: DPoP tokens against an API that checks their proofs, and signers of a test's own.
#![cfg(feature = "dpop")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt};
use tower_auth::core::jose::{Jwk, Jws, MAX_TOKEN_LEN, VerifyingKey};
use tower_auth::core::{
    Credential, DpopKey, RequestSigner, SigningError, SigningErrorKind, SigningRequest, SourceRequest, Token,
    TokenCache, TokenKind, TokenResponse,
};
use tower_auth::{AuthError, AuthErrorKind, AuthLayer, ExistingCredential, NotRecovered};
use tower_auth_testing::{AuthorizationServer, DpopNonce, RecordedRequest, ResourceServer, TestClock};

use self::support::*;

const API: &str = "https://api.test";

/// An issuer of tokens that are bound to a key, and the API that takes them.
struct World {
    time: TestClock,
    issuer: AuthorizationServer,
    key: DpopKey,
    issued: Arc<Mutex<Vec<String>>>,
}

impl World {
    fn new() -> Self {
        let time = TestClock::new();
        let issuer = AuthorizationServer::builder().client("app", "secret").clock(time.clock()).build().unwrap();
        Self { time, issuer, key: DpopKey::generate().unwrap(), issued: Arc::default() }
    }

    fn api(&self) -> ResourceServer {
        ResourceServer::builder().issuer(&self.issuer).require_dpop().build()
    }

    fn cache(&self) -> TokenCache {
        let (issuer, issued, jkt) = (self.issuer.clone(), Arc::clone(&self.issued), self.key.thumbprint().to_owned());
        let source = move |_: SourceRequest| {
            let count = issued.lock().unwrap().len();
            let token = issuer.mint().claim("cnf", &json!({"jkt": jkt})).claim("n", &count).sign();
            issued.lock().unwrap().push(token.clone());
            async move {
                let token = Token::new(token).unwrap().with_kind(TokenKind::Dpop);
                Ok(TokenResponse::new(token).expires_in(Duration::from_secs(3_600)))
            }
        };
        TokenCache::builder(source).clock(self.time.clock()).dpop(self.key.clone()).build().unwrap()
    }

    fn issued(&self) -> usize {
        self.issued.lock().unwrap().len()
    }
}

/// The claims of each proof that the API got, in order, each signed by the key in its own header.
fn proofs(api: &ResourceServer) -> Vec<Value> {
    let proof = |request: &RecordedRequest| {
        let headers = request.headers();
        assert_eq!(headers.get_all("dpop").iter().count(), 1);
        assert_eq!(headers.get_all("authorization").iter().count(), 1);
        assert!(!headers.contains_key("proxy-authorization"));
        let header: Value = serde_json::from_str(&request.proof_header().unwrap()).unwrap();
        let jwk = Jwk::parse(header["jwk"].to_string().as_bytes()).unwrap();
        claims(headers, Some(&VerifyingKey::from_jwk(&jwk).unwrap()))
    };
    api.requests().iter().map(proof).collect()
}

fn claims(headers: &HeaderMap, key: Option<&VerifyingKey>) -> Value {
    let mut buffer = Vec::new();
    let jws = Jws::parse(headers["dpop"].to_str().unwrap(), MAX_TOKEN_LEN, &mut buffer).unwrap();
    if let Some(key) = key {
        jws.verify(key).unwrap();
    }
    serde_json::from_slice(jws.payload()).unwrap()
}

fn reason<R>(response: &Response<R>) -> Option<&'static str> {
    response.extensions().get::<NotRecovered>().map(NotRecovered::as_str)
}

fn refused(error: &tower_auth::core::BoxError) -> &AuthError {
    error.downcast_ref::<AuthError>().unwrap()
}

// R9449-7.1a, R9449-4.2b, R9449-4.2d
#[tokio::test]
async fn each_request_gets_the_token_under_its_scheme_and_a_proof_of_its_own() {
    let world = World::new();
    let api = world.api();
    let mut client = AuthLayer::new(world.cache(), [API]).unwrap().layer(api.clone());
    for _ in 0..3 {
        let response = call(&mut client, request("https://api.test/orders?page=2", full("body"))).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
    let ids: HashSet<_> = proofs(&api).iter().map(|proof| proof["jti"].to_string()).collect();
    assert_eq!((ids.len(), world.issued()), (3, 1));
    for (proof, seen) in proofs(&api).iter().zip(api.requests()) {
        assert_eq!(proof["htu"], "https://api.test/orders");
        assert_eq!(proof["htm"], "POST");
        assert!(seen.headers()["authorization"].to_str().unwrap().starts_with("DPoP "));
        assert_eq!(seen.body(), "body");
    }
}

// R9449-7.1a
#[tokio::test]
async fn a_path_alone_is_proven_for_the_origin_that_the_layer_was_given() {
    let world = World::new();
    let seen = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&seen);
    let api = tower::service_fn(move |request: Request<_>| {
        *keep.lock().unwrap() = Some(request.headers().clone());
        async { Ok::<_, std::convert::Infallible>(Response::new(full(""))) }
    });
    let layer = AuthLayer::new(world.cache(), ["https://API.test:8443"]).unwrap();
    layer.layer(api).oneshot(request("/echo.Echo/Say?x", full(""))).await.unwrap();
    let headers = seen.lock().unwrap().take().unwrap();
    assert_eq!(claims(&headers, None)["htu"], "https://api.test:8443/echo.Echo/Say");
}

// R9449-8a, R9449-4.2b, THREAT-C7
#[tokio::test]
async fn a_demanded_nonce_costs_one_more_send_once_and_is_taken_from_every_answer() {
    let world = World::new();
    let api = world.api();
    api.set_dpop_nonce(DpopNonce::OncePerProof);
    let mut client = AuthLayer::new(world.cache(), [API]).unwrap().layer(api.clone());
    for _ in 0..3 {
        let response = call(&mut client, request(API, full("body"))).await.unwrap();
        assert_eq!((response.status(), reason(&response)), (StatusCode::OK, None));
    }
    // The first call twice; the nonce for the next proof came with each 200.
    let proofs = proofs(&api);
    assert_eq!((proofs.len(), world.issued()), (4, 1));
    assert!(proofs[0].get("nonce").is_none());
    let nonces: HashSet<_> = proofs[1..].iter().map(|proof| proof["nonce"].to_string()).collect();
    assert_eq!(nonces.len(), 3);
    let ids: HashSet<_> = proofs.iter().map(|proof| proof["jti"].to_string()).collect();
    assert_eq!(ids.len(), 4);
    assert!(api.requests().iter().all(|request| request.body() == "body"));
}

/// The answer to a request with the `number` of the sends before it: an error by `script`, and always a new nonce.
async fn answer(
    request: Request<tower_auth::ReplayBody<Stream>>,
    script: &[&str],
    number: usize,
) -> Result<Response<http_body_util::Full<Bytes>>, std::convert::Infallible> {
    http_body_util::BodyExt::collect(request.into_body()).await.unwrap();
    let response = Response::builder().header("dpop-nonce", format!("nonce-{number}"));
    let response = match script.get(number).or(script.last()).copied().unwrap_or_default() {
        "" => response,
        error => response.status(401).header("www-authenticate", format!("DPoP error=\"{error}\"")),
    };
    Ok(response.body(full("answer")).unwrap())
}

// R9449-8a, THREAT-C7
#[tokio::test]
async fn a_call_costs_one_send_one_more_for_a_nonce_and_one_more_for_a_token_and_never_four() {
    const NONCE: &str = "use_dpop_nonce";
    const TOKEN: &str = "invalid_token";
    for (script, sends, tokens, status, why) in [
        (&[NONCE][..], 2, 1, 401, Some("signature_refused")),
        (&[NONCE, ""], 2, 1, 200, None),
        (&[TOKEN], 2, 2, 401, Some("refused_again")),
        (&[TOKEN, ""], 2, 2, 200, None),
        (&[NONCE, TOKEN, ""], 3, 2, 200, None),
        (&[TOKEN, NONCE, ""], 3, 2, 200, None),
        (&[NONCE, TOKEN, NONCE], 3, 2, 401, Some("signature_refused")),
        (&[NONCE, TOKEN, TOKEN], 3, 2, 401, Some("refused_again")),
        (&[TOKEN, NONCE, NONCE], 3, 2, 401, Some("signature_refused")),
        (&[TOKEN, NONCE, TOKEN], 3, 2, 401, Some("refused_again")),
        (&["invalid_dpop_proof"], 1, 1, 401, None),
        (&["insufficient_user_authentication"], 1, 1, 401, None),
    ] {
        let world = World::new();
        let count = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&count);
        let api = tower::service_fn(move |request| answer(request, script, counter.fetch_add(1, Ordering::SeqCst)));
        let layer = AuthLayer::new(world.cache(), [API]).unwrap();
        let response = layer.layer(api).oneshot(request(API, Stream::of(&["a", "b"]))).await.unwrap();
        assert_eq!((response.status().as_u16(), reason(&response)), (status, why), "{script:?}");
        assert_eq!((count.load(Ordering::SeqCst), world.issued()), (sends, tokens), "{script:?}");
    }
}

// R9449-8a, THREAT-C7
#[tokio::test]
async fn without_recovery_and_with_an_open_body_a_nonce_is_kept_for_the_next_request() {
    for recovery in [false, true] {
        let world = World::new();
        let api = world.api();
        api.set_dpop_nonce(DpopNonce::Demanded);
        let layer = AuthLayer::new(world.cache(), [API]).unwrap();
        let layer = if recovery { layer.replay_limit(0) } else { layer.without_recovery() };
        let client = layer.layer(api.clone());
        let response = client.clone().oneshot(request(API, Stream::of(&["abc"]))).await.unwrap();
        let why = recovery.then_some("body_not_replayable");
        assert_eq!((response.status(), reason(&response)), (StatusCode::UNAUTHORIZED, why));
        let response = client.oneshot(request(API, Stream::of(&["abc"]))).await.unwrap();
        assert_eq!((response.status(), api.request_count()), (StatusCode::OK, 2));
    }
}

// R9449-5b
#[tokio::test]
async fn a_bearer_token_is_not_sent_where_a_key_was_given_unless_that_is_allowed() {
    let world = World::new();
    let builder = || TokenCache::builder(Numbered::default()).clock(world.time.clock()).dpop(world.key.clone());
    let api = Api::accepting(|_| true);
    let layer = AuthLayer::new(builder().build().unwrap(), [API]).unwrap();
    let error = layer.layer(api.clone()).oneshot(request(API, full(""))).await.unwrap_err();
    assert_eq!(refused(&error).kind(), AuthErrorKind::NoToken);
    let text = std::error::Error::source(refused(&error).token_error().unwrap()).unwrap().to_string();
    assert!(text.contains("allow_bearer"), "{text}");
    assert!(api.seen().is_empty());

    let layer = AuthLayer::new(builder().allow_bearer().build().unwrap(), [API]).unwrap();
    layer.layer(api.clone()).oneshot(request(API, full(""))).await.unwrap();
    assert_eq!(api.tokens(), ["Bearer token-1"]);
}

#[tokio::test]
async fn a_dpop_token_without_its_key_is_not_sent() {
    let source =
        |_: SourceRequest| async { Ok(TokenResponse::new(Token::new("t").unwrap().with_kind(TokenKind::Dpop))) };
    let api = Api::accepting(|_| true);
    let layer = AuthLayer::new(TokenCache::new(source), [API]).unwrap();
    let error = layer.layer(api.clone()).oneshot(request(API, full(""))).await.unwrap_err();
    let text = std::error::Error::source(refused(&error).token_error().unwrap()).unwrap().to_string();
    assert!(text.contains("TokenCacheBuilder::dpop"), "{text}");
    assert!(api.seen().is_empty());
}

#[tokio::test]
async fn a_cache_whose_server_takes_up_dpop_goes_on_with_proofs() {
    let world = World::new();
    let calls = AtomicUsize::new(0);
    let source = move |_: SourceRequest| {
        let kind = if calls.fetch_add(1, Ordering::SeqCst) == 0 { TokenKind::Bearer } else { TokenKind::Dpop };
        let token = Token::new(kind.scheme()).unwrap().with_kind(kind);
        async move { Ok(TokenResponse::new(token).expires_in(Duration::from_secs(3_600))) }
    };
    let cache = TokenCache::builder(source).clock(world.time.clock()).dpop(world.key.clone()).allow_bearer();
    let api = ResourceServer::builder().accept("DPoP").clock(world.time.clock()).require_dpop().build();
    api.set_dpop_nonce(DpopNonce::Demanded);
    let layer = AuthLayer::new(cache.build().unwrap(), [API]).unwrap();
    let response = layer.layer(api.clone()).oneshot(request(API, full("body"))).await.unwrap();
    assert_eq!((response.status(), api.request_count()), (StatusCode::OK, 3));
}

#[tokio::test]
async fn the_callers_own_credential_wins_or_loses_as_configured() {
    let world = World::new();
    let cache = world.cache();
    cache.ready().await.unwrap();
    let own = || Request::get(API).header("authorization", "Bearer own").body(full("")).unwrap();
    for (policy, seen) in [(ExistingCredential::Keep, "Bearer own"), (ExistingCredential::Replace, "DPoP ")] {
        let api = Api::accepting(|_| true);
        let layer = AuthLayer::new(&cache, [API]).unwrap().existing_credential(policy);
        layer.layer(api.clone()).oneshot(own()).await.unwrap();
        assert!(api.tokens()[0].starts_with(seen), "{:?}", api.tokens());
        assert_eq!(api.seen()[0].headers.contains_key("dpop"), policy == ExistingCredential::Replace);
    }
    let layer = AuthLayer::new(&cache, [API]).unwrap().existing_credential(ExistingCredential::Refuse);
    let error = layer.layer(Api::accepting(|_| true)).oneshot(own()).await.unwrap_err();
    assert_eq!(refused(&error).kind(), AuthErrorKind::ExistingCredential);
}

/// Signs by counting the bytes of the body.
struct Counting {
    signed: Arc<AtomicUsize>,
    fails: bool,
}

impl RequestSigner for Counting {
    fn is_present_in(&self, headers: &HeaderMap) -> bool {
        headers.contains_key("x-count")
    }

    fn needs_body(&self) -> bool {
        true
    }

    fn sign(&self, request: &mut SigningRequest<'_>) -> Result<(), SigningError> {
        self.signed.fetch_add(1, Ordering::SeqCst);
        if self.fails {
            return Err(SigningError::new(SigningErrorKind::Key, "the key is locked away"));
        }
        assert_eq!((request.method(), request.target().path()), (&Method::POST, "/x"));
        let count = request.body()?.len();
        request.headers_mut().insert("x-count", HeaderValue::from(count));
        Ok(())
    }

    fn observe(&self, _: &Uri, status: StatusCode, headers: &HeaderMap) -> bool {
        status == StatusCode::UNAUTHORIZED && headers.contains_key("www-authenticate")
    }
}

fn counting(fails: bool) -> (Credential, Arc<AtomicUsize>) {
    let signed = Arc::new(AtomicUsize::new(0));
    (Credential::signer(Counting { signed: Arc::clone(&signed), fails }), signed)
}

/// What makes the credential tells it from the caller's own by the headers that it sets, whether there is a token yet or not.
#[cfg(feature = "provider")]
#[tokio::test]
async fn the_callers_own_signature_is_told_before_there_is_a_token_too() {
    let own = || Request::post("https://api.test/x").header("x-count", "own").body(full("body")).unwrap();
    let other = || Request::post("https://api.test/x").header("authorization", "Basic x").body(full("body")).unwrap();
    for is_warm in [false, true] {
        let layer = async |policy| {
            let (credential, _) = counting(false);
            let source = |_: SourceRequest| async { Ok(TokenResponse::new(Token::new("t").unwrap())) };
            let cache = TokenCache::builder(source).present(move |_| Ok(credential.clone())).build().unwrap();
            if is_warm {
                cache.ready().await.unwrap();
            }
            AuthLayer::new(&cache, [API]).unwrap().existing_credential(policy)
        };
        for (policy, count) in [(ExistingCredential::Keep, "own"), (ExistingCredential::Replace, "4")] {
            let api = Api::accepting(|_| true);
            layer(policy).await.layer(api.clone()).oneshot(own()).await.unwrap();
            assert_eq!(api.seen()[0].headers["x-count"], count, "{policy:?}, warm: {is_warm}");
        }
        let api = Api::accepting(|_| true);
        let error = layer(ExistingCredential::Refuse).await.layer(api).oneshot(own()).await.unwrap_err();
        assert_eq!(refused(&error).kind(), AuthErrorKind::ExistingCredential);
        let api = Api::accepting(|_| true);
        layer(ExistingCredential::Keep).await.layer(api.clone()).oneshot(other()).await.unwrap();
        let headers = &api.seen()[0].headers;
        assert_eq!(
            (&headers["x-count"], &headers["authorization"]),
            (&"4".parse().unwrap(), &"Basic x".parse().unwrap())
        );
    }
}

#[tokio::test]
async fn a_signer_sees_a_whole_body_and_a_stream_is_read_for_it_up_to_the_limit() {
    let (credential, signed) = counting(false);
    let api = Api::accepting(|_| true);
    let layer = AuthLayer::new(credential, [API]).unwrap().replay_limit(6);
    let client = layer.layer(api.clone());
    let uri = "https://api.test/x";
    client.clone().oneshot(request(uri, full("longer than the limit, and known"))).await.unwrap();
    layer.layer(api.clone()).oneshot(request(uri, Stream::of(&["abc", "def"]))).await.unwrap();
    layer.layer(api.clone()).oneshot(request(uri, http_body_util::Empty::<Bytes>::new())).await.unwrap();
    let counts: Vec<_> = api.seen().iter().map(|seen| seen.headers["x-count"].to_str().unwrap().to_owned()).collect();
    assert_eq!(counts, ["32", "6", "0"]);
    assert_eq!(api.seen()[1].body, "abcdef");
    assert_eq!(api.seen()[1].trailers.as_ref().unwrap()["x-check"], "sum");
    assert_eq!(signed.load(Ordering::SeqCst), 3);

    let error = layer.layer(api.clone()).oneshot(request(uri, Stream::of(&["abc", "defg"]))).await.unwrap_err();
    assert_eq!(refused(&error).kind(), AuthErrorKind::NotSigned);
    assert_eq!(refused(&error).signing_error().unwrap().kind(), SigningErrorKind::Body);
    assert_eq!((api.seen().len(), signed.load(Ordering::SeqCst)), (3, 3));
}

#[tokio::test]
async fn a_signer_may_ask_for_one_more_send_and_one_that_fails_sends_nothing() {
    let (credential, signed) = counting(false);
    let api = Api::accepting(|_| false);
    let layer = AuthLayer::new(credential, [API]).unwrap();
    let response = layer.layer(api.clone()).oneshot(request("https://api.test/x", Stream::of(&["a"]))).await.unwrap();
    assert_eq!((response.status(), reason(&response)), (StatusCode::UNAUTHORIZED, Some("signature_refused")));
    assert_eq!((api.seen().len(), signed.load(Ordering::SeqCst)), (2, 2));
    assert!(api.seen().iter().all(|seen| seen.body == "a"));

    let (credential, _) = counting(true);
    let layer = AuthLayer::new(credential, [API]).unwrap();
    let error = layer.layer(api.clone()).oneshot(request("https://api.test/x", full(""))).await.unwrap_err();
    assert_eq!(refused(&error).code(), "auth.not_signed");
    let source = std::error::Error::source(refused(&error)).unwrap().to_string();
    assert_eq!(source, "the key is locked away [signing.key]");
    assert_eq!(api.seen().len(), 2);
}
