//! What the incoming layer requires of whom, and what its refusals look like.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::convert::Infallible;
use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{Method, Request, Response};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_auth::core::jose::{Algorithm, JwkSet};
use tower_auth::core::{
    ApiKeyVerifier, Challenge, JwtVerifier, Policy, RejectionBody, Scheme, Secret, Verified, Verifier,
};
use tower_auth::{Validate, ValidateLayer};
use tower_auth_testing::{Mint, TestClock, TokenMinter};

const KEY: &str = "partner-1.nq8Z0vJc5mWd2rXh7tKb";

struct Issuer {
    minter: TokenMinter,
    time: TestClock,
}

impl Issuer {
    fn new() -> Self {
        let time = TestClock::new();
        Self { minter: TokenMinter::with_keys("https://login.test", &[Algorithm::Es256], time.clock()).unwrap(), time }
    }

    fn verifier(&self) -> Verifier {
        JwtVerifier::issuer(self.minter.issuer())
            .unwrap()
            .audience("orders")
            .realm("orders")
            .roles_claim("roles")
            .clock(self.time.clock())
            .jwks(JwkSet::parse(self.minter.jwks().as_bytes()).unwrap())
            .build()
            .unwrap()
    }

    fn token(&self) -> Mint {
        self.minter.token().audience("orders").subject("alice").scopes(["orders:read"])
    }
}

fn api_keys() -> Verifier {
    let digest = ApiKeyVerifier::digest(&Secret::from(KEY));
    ApiKeyVerifier::new().key("partner-1", digest).realm("orders").build().unwrap()
}

fn request(method: Method, path: &str, lines: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

fn with_token(method: Method, path: &str, mint: Mint) -> Request<()> {
    request(method, path, &[("authorization", &format!("Bearer {}", mint.sign()))])
}

fn echo() -> impl Service<Request<()>, Response = Response<String>, Error = Infallible, Future: Send> + Clone {
    service_fn(|request: Request<()>| async move {
        let subject = request.extensions().get::<Verified>().map(|user| user.subject().to_owned());
        Ok::<_, Infallible>(Response::new(subject.unwrap_or_else(|| "nobody".to_owned())))
    })
}

async fn answer<A, S>(layer: &ValidateLayer<A>, request: Request<()>) -> Response<String>
where
    ValidateLayer<A>: Layer<Echo, Service = S>,
    S: Service<Request<()>, Response = Response<String>, Error = Infallible>,
{
    layer.layer(Echo).oneshot(request).await.unwrap()
}

/// [`echo`] with a name.
#[derive(Clone)]
struct Echo;

impl Service<Request<()>> for Echo {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response<String>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        Box::pin(echo().oneshot(request))
    }
}

fn challenges(response: &Response<String>) -> Vec<Challenge> {
    Challenge::from_headers(response.headers())
}

// R6750-3.1a, R9700-2.3a, R9110-11.4a
#[tokio::test]
async fn a_policy_is_required_of_every_request() {
    let issuer = Issuer::new();
    let layer = ValidateLayer::new(issuer.verifier())
        .require(Policy::new().any_role(["manager", "clerk"]))
        .unwrap()
        .require_scope("orders:read")
        .unwrap();
    let clerk = issuer.token().claim("roles", &["clerk"]);
    assert_eq!(answer(&layer, with_token(Method::GET, "/", clerk)).await.body(), "alice");
    let nobody = answer(&layer, with_token(Method::GET, "/", issuer.token())).await;
    assert_eq!(nobody.status(), 403);
    assert_eq!(challenges(&nobody)[0].param("error"), None);
    let scopeless = issuer.token().claim("roles", &["clerk"]).scopes(["x"]);
    let refused = answer(&layer, with_token(Method::GET, "/", scopeless)).await;
    assert_eq!(refused.status(), 403);
    assert_eq!(challenges(&refused)[0].param("scope"), Some("orders:read"));
    assert!(ValidateLayer::new(issuer.verifier()).require(Policy::new().scope("\"")).is_err());
    assert!(ValidateLayer::new(issuer.verifier()).require_scope("").is_ok(), "no scope is nothing to require");
}

#[tokio::test]
async fn a_login_that_is_too_old_is_asked_for_again() {
    let issuer = Issuer::new();
    let recent = Policy::new().acr_values(["phr"]).max_age(Duration::from_secs(300)).clock(issuer.time.clock());
    let layer = ValidateLayer::new(issuer.verifier()).require(recent).unwrap();
    let login = issuer.time.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let token = || issuer.token().claim("acr", "phr").claim("auth_time", &login).lifetime(Duration::from_secs(3600));
    assert_eq!(answer(&layer, with_token(Method::GET, "/", token())).await.body(), "alice");
    issuer.time.advance(Duration::from_secs(301)).await;
    let refused = answer(&layer, with_token(Method::GET, "/", token())).await;
    assert_eq!(refused.status(), 401);
    assert_eq!(
        refused.headers()[WWW_AUTHENTICATE],
        concat!(
            r#"Bearer realm="orders", error="insufficient_user_authentication", "#,
            r#"error_description="The request needs a stronger or newer login", acr_values="phr", max_age="300""#
        )
    );
    let mut grpc = with_token(Method::POST, "/", token());
    grpc.headers_mut().insert(CONTENT_TYPE, "application/grpc".parse().unwrap());
    assert_eq!(answer(&layer, grpc).await.headers()["grpc-status"], "16");
}

// THREAT-V16
#[tokio::test]
async fn each_request_can_require_something_of_its_own_in_addition() {
    let issuer = Issuer::new();
    let (read, write) = (Policy::new(), Policy::new().scope("orders:write"));
    let layer = ValidateLayer::new(issuer.verifier())
        .require_scope("orders:read")
        .unwrap()
        .require_by(move |request| match request.method() {
            Some(&Method::GET) => read.clone(),
            _ => write.clone(),
        })
        .allow_missing();
    let writer = || issuer.token().scopes(["orders:read", "orders:write"]);
    assert_eq!(answer(&layer, with_token(Method::GET, "/", issuer.token())).await.status(), 200);
    assert_eq!(answer(&layer, with_token(Method::POST, "/", writer())).await.status(), 200);
    assert_eq!(answer(&layer, with_token(Method::POST, "/", issuer.token())).await.status(), 403);
    let only_write = issuer.token().scopes(["orders:write"]);
    assert_eq!(answer(&layer, with_token(Method::POST, "/", only_write)).await.status(), 403);
    assert_eq!(answer(&layer, request(Method::GET, "/", &[])).await.status(), 401);

    let by_path = ValidateLayer::new(issuer.verifier()).allow_missing().require_by(|request| {
        match request.uri().map(http::Uri::path) {
            Some("/open") => Policy::new(),
            // Whatever is mistaken is closed.
            _ => Policy::new().scope("\""),
        }
    });
    assert_eq!(answer(&by_path, request(Method::GET, "/open", &[])).await.body(), "nobody");
    assert_eq!(answer(&by_path, request(Method::GET, "/else", &[])).await.status(), 401);
    assert_eq!(answer(&by_path, with_token(Method::GET, "/else", issuer.token())).await.status(), 500);
}

// THREAT-V16, R6750-3.1b
#[tokio::test]
async fn only_who_sends_nothing_at_the_places_that_are_looked_at_is_nobody() {
    let issuer = Issuer::new();
    let tokens = ValidateLayer::new(issuer.verifier()).allow_missing();
    let keys = ValidateLayer::new(api_keys()).allow_missing();
    let both = ValidateLayer::new(Verifier::any_of([issuer.verifier(), api_keys()]).unwrap()).allow_missing();
    for (layer, name, value, status) in [
        (&tokens, "authorization", "Digest a=b", 401),
        (&tokens, "authorization", "", 401),
        (&tokens, "x-api-key", "for somebody else", 200),
        (&keys, "authorization", "Digest for-somebody-else", 200),
        (&keys, "x-api-key", "", 400),
        (&keys, "x-api-key", "wrong", 401),
        (&both, "authorization", "Digest a=b", 401),
        (&both, "x-api-key", "wrong", 401),
        (&both, "x-other", "a", 200),
    ] {
        let answered = answer(layer, request(Method::GET, "/", &[(name, value)])).await;
        assert_eq!(answered.status(), status, "{name}: {value:?}");
        assert_eq!(answered.body() == "nobody", status == 200, "{name}: {value:?}");
    }
}

// R9110-11.3a, R9449-7.2b, R9110-11.6.1a
#[tokio::test]
async fn refusals_challenge_with_every_scheme_and_are_not_cached() {
    let issuer = Issuer::new();
    let layer = ValidateLayer::new(Verifier::any_of([issuer.verifier(), api_keys()]).unwrap());
    let missing = answer(&layer, request(Method::GET, "/", &[])).await;
    assert_eq!(missing.status(), 401);
    let lines: Vec<_> = missing.headers().get_all(WWW_AUTHENTICATE).iter().collect();
    assert_eq!(lines, [r#"Bearer realm="orders""#, r#"ApiKey realm="orders""#]);
    let forged = answer(&layer, request(Method::GET, "/", &[("authorization", "Bearer abc")])).await;
    assert_eq!(challenges(&forged)[0].param("error"), Some("invalid_token"));
    assert_eq!(challenges(&forged)[1].param("error"), None);
    let tokens_only = layer.require(Policy::new().any_scheme([Scheme::Bearer])).unwrap();
    let partner = answer(&tokens_only, request(Method::GET, "/", &[("x-api-key", KEY)])).await;
    assert_eq!(partner.status(), 401);
    assert_eq!(challenges(&partner).len(), 1);
    for refused in [missing, forged, partner] {
        assert_eq!(refused.headers()[CACHE_CONTROL], "no-store");
    }
}

#[tokio::test]
async fn refusals_have_a_body_on_request_and_never_for_head_or_grpc() {
    let issuer = Issuer::new();
    let plain = ValidateLayer::new(issuer.verifier());
    let bare = answer(&plain, request(Method::GET, "/", &[])).await;
    assert!(bare.body().is_empty() && !bare.headers().contains_key(CONTENT_TYPE));

    let text = answer(&plain.write_bodies(), request(Method::GET, "/", &[])).await;
    assert_eq!((text.status().as_u16(), text.body().as_str()), (401, "Authentication is required"));
    assert_eq!(text.headers()[CONTENT_TYPE], "text/plain; charset=utf-8");

    let verifier = issuer.verifier().with_rejection_body(RejectionBody::Problem);
    let layer = ValidateLayer::new(verifier).require_scope("orders:write").unwrap().write_bodies();
    let problem = answer(&layer, with_token(Method::GET, "/", issuer.token())).await;
    assert_eq!(problem.headers()[CONTENT_TYPE], "application/problem+json");
    assert_eq!(problem.headers()[CACHE_CONTROL], "no-store");
    let body: serde_json::Value = serde_json::from_str(problem.body()).unwrap();
    assert_eq!((&body["status"], &body["scope"]), (&403.into(), &"orders:write".into()));

    let head = answer(&layer, with_token(Method::HEAD, "/", issuer.token())).await;
    assert_eq!((head.status().as_u16(), head.body().as_str()), (403, ""));
    assert_eq!(head.headers(), problem.headers());
    let grpc = answer(&layer, request(Method::POST, "/", &[("content-type", "application/grpc")])).await;
    assert_eq!((grpc.status().as_u16(), grpc.body().as_str()), (200, ""));
}

#[test]
fn the_service_of_each_kind_of_layer_can_be_named() {
    fn is_clone<T: Clone + Send + Sync>() {}
    is_clone::<Validate<Echo>>();
    is_clone::<ValidateLayer<tower_auth::WrittenBodies>>();
}
