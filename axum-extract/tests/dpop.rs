//! Tokens that are bound to a DPoP key, through extractors.
#![cfg(feature = "dpop")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::{Router, routing};
use serde_json::json;
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt};
use tower_auth::core::{DpopKey, SourceRequest, Token, TokenCache, TokenKind, TokenResponse};
use tower_auth::{AuthLayer, ValidateLayer};
use tower_auth_axum::core::{BoxError, DpopProofs, Scheme, Verifier};
use tower_auth_axum::{Auth, Bearer, Identity};

use self::support::{Issuer, bearer, get, send};

const API: &str = "https://api.test";

struct World {
    issuer: Issuer,
    key: DpopKey,
}

impl World {
    fn new() -> Self {
        let issuer = Issuer::new();
        let key = DpopKey::generate().unwrap().with_clock(issuer.time.clock());
        Self { issuer, key }
    }

    fn proofs(&self) -> DpopProofs {
        DpopProofs::new(API).unwrap().clock(self.issuer.time.clock())
    }

    fn verifier(&self, proofs: DpopProofs) -> Verifier {
        self.issuer.verifier().with_dpop(proofs).unwrap()
    }

    fn token(&self) -> String {
        self.issuer.token().claim("cnf", &json!({ "jkt": self.key.thumbprint() })).sign()
    }

    /// Sends with a proof, as a client does that has the key.
    fn client(&self, app: Router) -> BoxCloneSyncService<Request<Body>, Response, BoxError> {
        let token = self.token();
        let source = move |_: SourceRequest| {
            let token = Token::new(token.clone()).unwrap().with_kind(TokenKind::Dpop);
            async move { Ok(TokenResponse::new(token).expires_in(Duration::from_secs(300))) }
        };
        let cache = TokenCache::builder(source).clock(self.issuer.time.clock()).dpop(self.key.clone()).build().unwrap();
        let layer = AuthLayer::new(cache, [API]).unwrap();
        let app = app.map_request(|request: Request<_>| request.map(Body::new));
        BoxCloneSyncService::new(layer.layer(app).map_err(Into::into).map_response(|response: Response| response))
    }
}

async fn call(client: &BoxCloneSyncService<Request<Body>, Response, BoxError>, path: &str) -> (u16, HeaderMap) {
    let request = Request::get(format!("{API}{path}")).body(Body::empty()).unwrap();
    let response = client.clone().oneshot(request).await.unwrap();
    (response.status().as_u16(), response.headers().clone())
}

fn app(verifier: Verifier) -> Router {
    let nested = Router::new()
        .route("/orders", routing::get(|caller: Bearer| async move { caller.subject().to_owned() }))
        .with_state(verifier.clone());
    Router::new()
        .route("/", routing::get(|caller: Auth| async move { caller.scheme().as_str() }))
        .route("/bearer", routing::get(|caller: Bearer| async move { caller.scheme().as_str() }))
        .with_state(verifier)
        .nest("/nested/{tenant}", nested)
}

// R9449-4.3a, R9449-7.2a, R9700-2.2a
#[tokio::test]
async fn extractors_take_a_bound_token_with_its_proof_and_never_without() {
    let world = World::new();
    let app = app(world.verifier(world.proofs()));
    let client = world.client(app.clone());
    for path in ["/", "/bearer", "/bearer?page=2", "/nested/a/orders"] {
        assert_eq!(call(&client, path).await.0, 200, "{path}");
    }
    assert_eq!(get(&app, "/", Some(&world.issuer.bearer())).await.body, Scheme::Bearer.as_str());
    let stolen = get(&app, "/", Some(&format!("Bearer {}", world.token()))).await;
    assert_eq!(stolen.status, 401);
    assert!(stolen.challenges()[0].starts_with("Bearer") && stolen.challenges()[0].contains("invalid_token"));
    assert!(!stolen.challenges()[1].contains("error"), "{stolen:?}");
}

// R9449-7.1b, R9449-7.2b
#[tokio::test]
async fn the_challenges_offer_both_schemes_and_tell_the_error_in_the_one_that_was_tried() {
    let world = World::new();
    let app = app(world.verifier(world.proofs()));
    for path in ["/", "/bearer", "/nested/a/orders"] {
        let missing = get(&app, path, None).await;
        let [bearer, dpop] = missing.challenges()[..] else { panic!("{missing:?}") };
        assert_eq!((missing.status.as_u16(), bearer), (401, r#"Bearer realm="orders""#));
        assert!(dpop.starts_with(r#"DPoP realm="orders", algs=""#) && dpop.contains("ES256"), "{dpop}");
        assert!(!dpop.contains("error"), "{dpop}");

        let token = format!("DPoP {}", world.token());
        for lines in [
            &[("authorization", &*token)][..],
            &[("authorization", &token), ("dpop", "nonsense")],
            &[("authorization", &token), ("dpop", "a.b.c"), ("dpop", "a.b.c")],
        ] {
            let refused = send(&app, path, lines).await;
            let [bearer, dpop] = refused.challenges()[..] else { panic!("{refused:?}") };
            assert!(matches!(refused.status.as_u16(), 400 | 401), "{refused:?}");
            assert!(!bearer.contains("error") && dpop.contains("algs=\""), "{refused:?}");
            assert!(dpop.contains("error=\"invalid_dpop_proof\"") || refused.status == 400, "{dpop}");
        }
    }
    let required = self::app(world.verifier(world.proofs().required()));
    let plain = get(&required, "/", Some(&bearer(world.issuer.token()))).await;
    assert_eq!(plain.status, 401);
    let missing = get(&required, "/", None).await;
    assert!(matches!(missing.challenges()[..], [only] if only.starts_with("DPoP")), "{missing:?}");
}

/// What the guide shows.
async fn tell_nonce(caller: Auth, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    caller.as_ref().tell_client(response.headers_mut());
    response
}

// R9449-8b, R9449-7.1b
#[tokio::test]
async fn a_nonce_is_told_with_refusals_and_the_next_one_with_good_answers() {
    let world = World::new();
    let verifier = world.verifier(world.proofs().require_nonce().nonce_lifetime(Duration::from_secs(60)));
    let by_hand = Router::new()
        .route("/", routing::get(|caller: Auth| async move { caller.subject().to_owned() }))
        .route_layer(from_fn_with_state(verifier.clone(), tell_nonce))
        .with_state(verifier.clone());
    let by_layer = Router::new()
        .route("/", routing::get(|caller: Identity| async move { caller.subject().to_owned() }))
        .route_layer(ValidateLayer::new(verifier.clone()));
    for app in [by_hand, by_layer] {
        let client = world.client(app);
        // Refused once, told the nonce, and sent again.
        let (status, headers) = call(&client, "/").await;
        assert_eq!(status, 200);
        assert!(!headers.contains_key("dpop-nonce"), "nothing new is to be told");
        world.issuer.time.advance(Duration::from_secs(60)).await;
        let (status, headers) = call(&client, "/").await;
        assert_eq!(status, 200);
        if let Some(nonce) = headers.get("dpop-nonce") {
            assert!(!nonce.is_empty());
            assert_eq!(headers["cache-control"], "no-store");
        } else {
            panic!("the ending nonce was accepted, and the next one is not told: {headers:?}");
        }
        assert_eq!(call(&client, "/").await.0, 200);
    }
    let app = app(verifier);
    let bare = world.client(app.clone());
    assert_eq!(call(&bare, "/").await.0, 200);
}
