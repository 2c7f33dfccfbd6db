//! Both sides of DPoP: `AuthLayer` proves, `ValidateLayer` checks.
#![cfg(feature = "dpop")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_auth::core::{
    BoxError, DpopKey, DpopProofs, JwtVerifier, SourceRequest, Token, TokenCache, TokenKind, TokenResponse, Verified,
    Verifier,
};
use tower_auth::{AuthLayer, ValidateLayer};
use tower_auth_testing::{AuthorizationServer, TestClock};

const API: &str = "https://api.test";

/// An issuer, a client with a key, and the headers of what came to the API and left it.
#[derive(Clone)]
struct World {
    time: TestClock,
    issuer: AuthorizationServer,
    key: DpopKey,
    came: Arc<Mutex<Vec<HeaderMap>>>,
    left: Arc<Mutex<Vec<(StatusCode, HeaderMap)>>>,
}

impl World {
    fn new() -> Self {
        let time = TestClock::new();
        let issuer = AuthorizationServer::builder().client("app", "secret").clock(time.clock()).build().unwrap();
        let key = DpopKey::generate().unwrap().with_clock(time.clock());
        Self { time, issuer, key, came: Arc::default(), left: Arc::default() }
    }

    fn proofs(&self) -> DpopProofs {
        DpopProofs::new(API).unwrap().clock(self.time.clock())
    }

    fn verifier(&self, proofs: DpopProofs) -> Verifier {
        let tokens = JwtVerifier::issuer(self.issuer.issuer()).unwrap().audience("orders");
        let tokens = tokens.http_client(self.issuer.http_client()).clock(self.time.clock()).build().unwrap();
        tokens.with_dpop(proofs).unwrap()
    }

    fn cache(&self) -> TokenCache {
        let (issuer, jkt) = (self.issuer.clone(), self.key.thumbprint().to_owned());
        let source = move |_: SourceRequest| {
            let token = issuer.mint().audience("orders").claim("cnf", &json!({ "jkt": jkt })).sign();
            let token = Token::new(token).unwrap().with_kind(TokenKind::Dpop);
            async move { Ok(TokenResponse::new(token).expires_in(Duration::from_secs(300))) }
        };
        TokenCache::builder(source).clock(self.time.clock()).dpop(self.key.clone()).build().unwrap()
    }

    /// The client, the API's guard, and the API behind it, which may be cached if nobody objects.
    fn client(
        &self,
        layer: ValidateLayer,
    ) -> impl Service<Request<Full<Bytes>>, Response = Response<Full<Bytes>>, Error = BoxError> + Clone {
        let api = service_fn(|request: Request<_>| async move {
            let subject = request.extensions().get::<Verified>().unwrap().subject().to_owned();
            let response = Response::builder().header(CACHE_CONTROL, "public, max-age=60");
            Ok::<_, Infallible>(response.body(Full::from(subject)).unwrap())
        });
        let (guarded, world) = (layer.layer(api), self.clone());
        let watched = service_fn(move |request: Request<_>| {
            let (guarded, world) = (guarded.clone(), world.clone());
            async move {
                world.came.lock().unwrap().push(request.headers().clone());
                let response: Response<Full<Bytes>> = guarded.oneshot(request).await?;
                world.left.lock().unwrap().push((response.status(), response.headers().clone()));
                Ok::<_, Infallible>(response)
            }
        });
        AuthLayer::new(self.cache(), [API]).unwrap().layer(watched)
    }

    fn sends(&self) -> usize {
        std::mem::take(&mut *self.came.lock().unwrap()).len()
    }

    fn answers(&self) -> Vec<(StatusCode, HeaderMap)> {
        std::mem::take(&mut *self.left.lock().unwrap())
    }
}

async fn call<S>(client: &mut S) -> StatusCode
where
    S: Service<Request<Full<Bytes>>, Response = Response<Full<Bytes>>, Error = BoxError>,
{
    let request = Request::post("https://api.test/orders?page=2").body(Full::from("body")).unwrap();
    client.ready().await.unwrap().call(request).await.unwrap().status()
}

// R9449-4.3a, R9449-4.3b, R9449-4.3c, R9449-4.3d, R9449-7.1a, R9700-2.2a
#[tokio::test]
async fn what_the_outgoing_layer_proves_the_incoming_one_accepts() {
    let world = World::new();
    let mut client = world.client(ValidateLayer::new(world.verifier(world.proofs().required())));
    for _ in 0..3 {
        assert_eq!(call(&mut client).await, StatusCode::OK);
    }
    assert_eq!(world.sends(), 3);
    for (_, headers) in world.answers() {
        assert!(!headers.contains_key("dpop-nonce"));
        assert_eq!(headers[CACHE_CONTROL], "public, max-age=60");
    }
}

// R9449-8a, R9449-8b
#[tokio::test]
async fn a_nonce_costs_one_more_send_once_and_is_renewed_by_answers() {
    let world = World::new();
    let lifetime = Duration::from_secs(60);
    let mut client =
        world.client(ValidateLayer::new(world.verifier(world.proofs().require_nonce().nonce_lifetime(lifetime))));
    assert_eq!(call(&mut client).await, StatusCode::OK);
    assert_eq!(world.sends(), 2);
    let answers = world.answers();
    assert_eq!(answers[0].0, StatusCode::UNAUTHORIZED);
    assert_eq!(answers[0].1.get_all("dpop-nonce").iter().count(), 1);
    assert_eq!(answers[0].1[CACHE_CONTROL], "no-store");
    assert!(!answers[1].1.contains_key("dpop-nonce"), "the client has the newest");

    // A client that keeps calling is never asked again.
    for _ in 0..4 {
        world.time.tick(lifetime);
        assert_eq!(call(&mut client).await, StatusCode::OK);
        assert_eq!(world.sends(), 1);
        let answers = world.answers();
        assert_eq!(answers[0].1.get_all("dpop-nonce").iter().count(), 1);
        assert_eq!(answers[0].1[CACHE_CONTROL], "no-store", "it is one client's alone");
    }
    // One that was silent for longer is, once.
    world.time.tick(2 * lifetime);
    assert_eq!(call(&mut client).await, StatusCode::OK);
    assert_eq!(world.sends(), 2);
}

// R9449-11.1a, THREAT-V10
#[tokio::test]
async fn what_was_captured_on_the_way_is_worth_nothing() {
    let world = World::new();
    let layer = ValidateLayer::new(world.verifier(world.proofs()));
    let mut client = world.client(layer.clone());
    assert_eq!(call(&mut client).await, StatusCode::OK);
    let captured = world.came.lock().unwrap()[0].clone();
    let api = layer.layer(service_fn(|_| async { Ok::<_, Infallible>(Response::new(String::new())) }));
    let again = |uri: &str, change: &dyn Fn(&mut HeaderMap)| {
        let mut request = Request::post(uri).body(()).unwrap();
        *request.headers_mut() = captured.clone();
        change(request.headers_mut());
        let api = api.clone();
        async move { api.oneshot(request).await.unwrap() }
    };
    let replayed = again("/orders", &|_| {}).await;
    assert_eq!(replayed.status(), StatusCode::UNAUTHORIZED);
    let challenges: Vec<_> = replayed.headers().get_all("www-authenticate").iter().collect();
    assert_eq!(challenges.len(), 2);
    assert!(challenges[1].to_str().unwrap().contains(r#"error="invalid_dpop_proof""#), "{challenges:?}");
    assert_eq!(again("/admin", &|_| {}).await.status(), StatusCode::UNAUTHORIZED);
    let as_bearer = |headers: &mut HeaderMap| {
        let token = headers[AUTHORIZATION].to_str().unwrap().replace("DPoP ", "Bearer ");
        headers.insert(AUTHORIZATION, token.parse().unwrap());
        headers.remove("dpop");
    };
    assert_eq!(again("/orders", &as_bearer).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(again("/orders", &|headers| drop(headers.remove("dpop"))).await.status(), StatusCode::UNAUTHORIZED);
}

// R9449-8b
#[tokio::test]
async fn the_proof_is_taken_out_with_the_token_if_the_layer_is_to_strip() {
    let world = World::new();
    for strips in [false, true] {
        let layer = ValidateLayer::new(world.verifier(world.proofs()));
        let layer = if strips { layer.strip_authorization() } else { layer };
        let seen = Arc::new(Mutex::new(HeaderMap::new()));
        let keep = Arc::clone(&seen);
        let api = layer.layer(service_fn(move |request: Request<_>| {
            *keep.lock().unwrap() = request.headers().clone();
            async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) }
        }));
        let mut client = AuthLayer::new(world.cache(), [API]).unwrap().layer(api);
        assert_eq!(call(&mut client).await, StatusCode::OK);
        let seen = seen.lock().unwrap();
        assert_eq!((seen.contains_key("dpop"), seen.contains_key(AUTHORIZATION)), (!strips, !strips));
    }
}
