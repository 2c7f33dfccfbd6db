use std::sync::Arc;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::routing::get;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Request, StatusCode};
use tower_auth_axum::Bearer;
use tower_auth_bench::block_on;
use tower_auth_bench::incoming::Issuer;
use tower_auth_bench::resource_peers::{JsonWebToken, PeerClaims, tower_oauth2_resource_server};
use tower_auth_core::jose::Algorithm;
use tower_http::validate_request::ValidateRequestHeaderLayer;

const ALGORITHMS: [(&str, Algorithm); 4] = [
    ("RS256", Algorithm::Rs256),
    ("ES256", Algorithm::Es256),
    ("EdDSA", Algorithm::EdDsa),
    ("HS256", Algorithm::Hs256),
];

/// The first is the floor.
pub(crate) fn variants() -> Vec<&'static str> {
    vec![
        "floor: no auth",
        "ours: RS256, memo",
        "ours: ES256, memo",
        "ours: EdDSA, memo",
        "ours: HS256, memo",
        "ours: RS256, no memo",
        "ours: ES256, no memo",
        "ours: EdDSA, no memo",
        "ours: HS256, no memo",
        "design: a layer that does nothing",
        "design: an extractor that does nothing",
        "design: tower-http `ValidateRequestHeader`",
        "peer: jsonwebtoken by hand, RS256",
        "peer: jsonwebtoken by hand, ES256",
        "peer: jsonwebtoken by hand, EdDSA",
        "peer: jsonwebtoken by hand, HS256",
        "peer: tower-oauth2-resource-server, RS256",
        "peer: tower-oauth2-resource-server, ES256",
        "peer: tower-oauth2-resource-server, EdDSA",
    ]
}

/// Says where and with which token, and serves until it is killed.
pub(crate) fn serve(variant: &str) {
    // The floor gets an issuer and a token too: a token costs its bytes, and each call of the kernel is cheaper in a process of one thread.
    let algorithm =
        ALGORITHMS.iter().find(|(name, _)| variant.contains(name)).map_or(Algorithm::Rs256, |(_, one)| *one);
    let issuer = Issuer::new(algorithm);
    let token = issuer.token(1);
    let app = app(variant, &issuer, &token);
    block_on(async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("http://{} {token}", listener.local_addr().unwrap());
        axum::serve(axum::serve::ListenerExt::tap_io(listener, |stream| drop(stream.set_nodelay(true))), app)
            .await
            .unwrap();
    });
}

fn app(variant: &str, issuer: &Issuer, token: &str) -> Router {
    let plain = || Router::new().route("/", get(|| async { "hello" }));
    if variant.starts_with("ours: ") {
        let verifier = if variant.ends_with("no memo") { issuer.verifier() } else { issuer.remembering_verifier() };
        return Router::new().route("/", get(bearer)).with_state::<()>(verifier);
    }
    if variant.starts_with("peer: jsonwebtoken") {
        let peer = Arc::new(JsonWebToken::new(issuer));
        return Router::new().route("/", get(by_hand)).with_state::<()>(peer);
    }
    if variant.starts_with("peer: tower-oauth2-resource-server") {
        return plain().layer(tower_oauth2_resource_server(issuer).into_layer());
    }
    match variant {
        "floor: no auth" => plain(),
        "design: a layer that does nothing" => plain().layer(tower::layer::layer_fn(|service| {
            tower::util::MapRequest::new(service, |request: Request<_>| request)
        })),
        "design: an extractor that does nothing" => Router::new().route("/", get(nothing)),
        #[allow(deprecated, reason = "as simple as a check can be")]
        "design: tower-http `ValidateRequestHeader`" => plain().layer(ValidateRequestHeaderLayer::bearer(token)),
        _ => panic!("an unknown variant: {variant}"),
    }
}

async fn bearer(user: Bearer) -> &'static str {
    std::hint::black_box(user.subject());
    "hello"
}

async fn by_hand(user: ByHand) -> &'static str {
    std::hint::black_box(user.0.sub.len());
    "hello"
}

async fn nothing(_: Nothing) -> &'static str {
    "hello"
}

/// What axum itself takes for one that looks at the header.
struct Nothing;

impl FromRequestParts<()> for Nothing {
    type Rejection = StatusCode;

    async fn from_request_parts(_: &mut Parts, (): &()) -> Result<Self, StatusCode> {
        Ok(Self)
    }
}

/// What a service without a crate for it would write.
struct ByHand(PeerClaims);

impl FromRequestParts<Arc<JsonWebToken>> for ByHand {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, peer: &Arc<JsonWebToken>) -> Result<Self, StatusCode> {
        let token = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let data = peer.decode_by_id(token.ok_or(StatusCode::UNAUTHORIZED)?).ok_or(StatusCode::UNAUTHORIZED)?;
        Ok(Self(data.claims))
    }
}
