//! What a caller is answered: status, challenges, body.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::routing;
use tower_auth_axum::core::{JwtVerifier, Verifier};
use tower_auth_axum::{ApiKey, Auth, Basic, Bearer, RequiredScope, Scoped};
use tower_auth_testing::{AuthorizationServer, Endpoint, Fault, Flaw, TestClock};

use self::support::{API_KEY, Answer, BASIC, Issuer, WRONG_BASIC, api_key, basic, bearer, get, send};

struct ReadOrders;

impl RequiredScope for ReadOrders {
    const SCOPES: &'static [&'static str] = &["orders:read"];
}

struct WriteOrders;

impl RequiredScope for WriteOrders {
    const SCOPES: &'static [&'static str] = &["orders:write", "orders:read"];
}

/// One route for each extractor.
fn app(verifier: Verifier) -> Router {
    Router::new()
        .route("/bearer", routing::get(|caller: Bearer| async move { caller.subject().to_owned() }))
        .route("/basic", routing::get(|caller: Basic| async move { caller.subject().to_owned() }))
        .route("/key", routing::get(|caller: ApiKey| async move { caller.subject().to_owned() }))
        .route("/any", routing::get(|caller: Auth| async move { caller.subject().to_owned() }))
        .route("/read", routing::get(|caller: Scoped<ReadOrders>| async move { caller.subject().to_owned() }))
        .route("/write", routing::get(|caller: Scoped<WriteOrders>| async move { caller.subject().to_owned() }))
        .route("/any-write", routing::get(|_: Scoped<WriteOrders, Auth>| async {}))
        .with_state(verifier)
}

fn everything(issuer: &Issuer) -> Router {
    app(Verifier::any_of([issuer.verifier(), basic(), api_key()]).unwrap())
}

/// The rules for every refusal.
#[track_caller]
fn assert_refused(answer: &Answer, status: u16, challenges: &[&str], case: &str) {
    assert_eq!(answer.status, status, "{case}: {answer:?}");
    assert_eq!(answer.challenges(), challenges, "{case}");
    assert_eq!(answer.headers[CACHE_CONTROL], "no-store", "{case}");
    assert_eq!(answer.headers[CONTENT_TYPE], "text/plain; charset=utf-8", "{case}");
    assert!(!answer.body.is_empty() && answer.body.len() < 64, "{case}: {}", answer.body);
}

const BEARER: &str = r#"Bearer realm="orders""#;
const INVALID_REQUEST: &str = concat!(
    r#"Bearer realm="orders", error="invalid_request", "#,
    r#"error_description="The request must carry exactly one well-formed credential""#
);
const INVALID_TOKEN: &str =
    r#"Bearer realm="orders", error="invalid_token", error_description="The access token is not valid""#;
const EXPIRED: &str =
    r#"Bearer realm="orders", error="invalid_token", error_description="The access token has expired""#;
const INSUFFICIENT: &str = concat!(
    r#"Bearer realm="orders", error="insufficient_scope", "#,
    r#"error_description="The request needs more than was granted", scope="orders:read orders:write""#
);
const BASIC_CHALLENGE: &str = r#"Basic realm="orders", charset="UTF-8""#;
const KEY_CHALLENGE: &str = r#"ApiKey realm="orders""#;

// R9110-11.3a, R9110-11.4a, R6750-3a, R6750-3.1a, R6750-3.1b, R9068-4c
#[tokio::test]
async fn a_bearer_route_answers_each_credential_with_its_status_and_challenge() {
    let issuer = Issuer::new();
    let app = app(issuer.verifier());
    let good = issuer.bearer();
    let lower = good.replacen("Bearer", "bearer", 1);
    let expired = bearer(issuer.token().flaw(Flaw::Expired));
    let unsigned = bearer(issuer.token().flaw(Flaw::Unsigned));
    let tampered = bearer(issuer.token().flaw(Flaw::TamperedSignature));
    let foreign = bearer(issuer.token().audience("billing"));
    let other_kind = bearer(issuer.token().typ("JWT"));
    let bound = bearer(issuer.token().claim("cnf", &serde_json::json!({ "jkt": "x" })));
    let bound_challenge = concat!(
        r#"Bearer realm="orders", error="invalid_token", "#,
        r#"error_description="The access token needs a proof of possession""#
    );

    for accepted in [&good, &lower] {
        let answer = get(&app, "/bearer", Some(accepted)).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "alice"));
        assert!(answer.challenges().is_empty());
    }
    for (credential, status, challenge) in [
        (None, 401, BEARER),
        (Some("Negotiate YII="), 401, BEARER),
        (Some(BASIC), 401, BEARER),
        (Some("DPoP abc"), 401, BEARER),
        (Some(""), 401, BEARER),
        (Some("Bearer"), 400, INVALID_REQUEST),
        (Some("Bearer a b"), 400, INVALID_REQUEST),
        (Some("Bearer a, Bearer b"), 400, INVALID_REQUEST),
        (Some("Bearer abc"), 401, INVALID_TOKEN),
        (Some(expired.as_str()), 401, EXPIRED),
        (Some(unsigned.as_str()), 401, INVALID_TOKEN),
        (Some(tampered.as_str()), 401, INVALID_TOKEN),
        (Some(foreign.as_str()), 401, INVALID_TOKEN),
        (Some(other_kind.as_str()), 401, INVALID_TOKEN),
        (Some(bound.as_str()), 401, bound_challenge),
    ] {
        let answer = get(&app, "/bearer", credential).await;
        assert_refused(&answer, status, &[challenge], credential.unwrap_or("none"));
    }
}

// R7617-2d, R9110-11.3a, R9449-7.2b
#[tokio::test]
async fn every_route_challenges_with_what_it_takes() {
    let issuer = Issuer::new();
    let app = everything(&issuer);
    let good = issuer.bearer();
    let all = [BEARER, BASIC_CHALLENGE, KEY_CHALLENGE];
    for (path, challenges) in [
        ("/bearer", &[BEARER][..]),
        ("/basic", &[BASIC_CHALLENGE][..]),
        ("/key", &[KEY_CHALLENGE][..]),
        ("/any", &all[..]),
    ] {
        assert_refused(&get(&app, path, None).await, 401, challenges, path);
    }
    for (path, credential) in [("/bearer", BASIC), ("/basic", &good), ("/key", &good), ("/key", BASIC)] {
        let answer = get(&app, path, Some(credential)).await;
        assert_eq!((answer.status.as_u16(), answer.challenges().len()), (401, 1), "good, and of another kind: {path}");
    }
    assert_refused(&get(&app, "/any", Some(WRONG_BASIC)).await, 401, &all, "the error is in the scheme tried");
    assert_refused(
        &get(&app, "/any", Some("Bearer abc")).await,
        401,
        &[INVALID_TOKEN, BASIC_CHALLENGE, KEY_CHALLENGE],
        "the error is in the scheme tried",
    );
    assert_refused(&get(&app, "/basic", Some(WRONG_BASIC)).await, 401, &[BASIC_CHALLENGE], "wrong password");
    assert_refused(&send(&app, "/key", &[("x-api-key", "partner-1.x")]).await, 401, &[KEY_CHALLENGE], "wrong key");
}

// R9110-11.4a, R6750-2.1a, SYS-A12
#[tokio::test]
async fn each_extractor_accepts_its_own_kind_and_auth_accepts_all() {
    let issuer = Issuer::new();
    let app = everything(&issuer);
    let good = issuer.bearer();
    for (paths, line, subject) in [
        (["/bearer", "/any"], ("authorization", good.as_str()), "alice"),
        (["/basic", "/any"], ("authorization", BASIC), "batch"),
        (["/key", "/any"], ("x-api-key", API_KEY), "partner-1"),
    ] {
        for path in paths {
            let answer = send(&app, path, &[line]).await;
            assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, subject), "{path}");
        }
    }
}

// R6750-3.1c, R9110-11.6.2a, THREAT-T8
#[tokio::test]
async fn two_credentials_are_refused_in_both_orders() {
    let issuer = Issuer::new();
    let app = everything(&issuer);
    let good = issuer.bearer();
    let (good, other) = (("authorization", good.as_str()), ("Authorization", "Bearer other"));
    let key = ("x-api-key", API_KEY);
    for lines in
        [[good, other], [other, good], [good, good], [("authorization", BASIC), good], [good, key], [key, good]]
    {
        for path in ["/bearer", "/any"] {
            let answer = send(&app, path, &lines).await;
            assert_eq!(answer.status, 400, "{path} {lines:?}");
            assert_eq!(answer.challenges()[0], INVALID_REQUEST, "{path} {lines:?}");
        }
    }
}

// THREAT-T8
#[tokio::test]
async fn a_header_with_an_underscore_is_not_read() {
    let issuer = Issuer::new();
    let app = everything(&issuer);
    let good = issuer.bearer();
    assert_eq!(send(&app, "/bearer", &[("authorization_", &good)]).await.status, 401);
    assert_eq!(send(&app, "/key", &[("x_api_key", API_KEY)]).await.status, 401);
    let both = send(&app, "/key", &[("x_api_key", "wrong"), ("x-api-key", API_KEY)]).await;
    assert_eq!(both.status, StatusCode::OK);
}

// R21-5.2a, R6750-2.2a
#[tokio::test]
async fn a_token_in_the_query_is_not_read_and_does_no_harm() {
    let issuer = Issuer::new();
    let app = app(issuer.verifier());
    let token = issuer.token().sign();
    let path = format!("/bearer?access_token={token}");
    assert_refused(&get(&app, &path, None).await, 401, &[BEARER], "only in the query");
    let beside = get(&app, "/bearer?access_token=other", Some(&issuer.bearer())).await;
    assert_eq!((beside.status, beside.body.as_str()), (StatusCode::OK, "alice"));
}

// R6750-3.1a, R9110-11.4a
#[tokio::test]
async fn a_missing_scope_is_forbidden_and_named() {
    let issuer = Issuer::new();
    let app = everything(&issuer);
    let good = issuer.bearer();
    assert_eq!(get(&app, "/read", Some(&good)).await.body, "alice");
    assert_refused(&get(&app, "/write", Some(&good)).await, 403, &[INSUFFICIENT], "one of two");
    assert_refused(&get(&app, "/write", None).await, 401, &[BEARER], "unknown callers are not told of scopes");
    let writer = bearer(issuer.token().scopes(["x", "orders:write", "orders:read"]));
    assert_eq!(get(&app, "/write", Some(&writer)).await.status, StatusCode::OK);
    for near in ["orders:readwrite", "Orders:read", "orders"] {
        let answer = get(&app, "/read", Some(&bearer(issuer.token().scopes([near])))).await;
        assert_eq!(answer.status, 403, "{near}");
    }
    // The kinds that have no scopes have none of these either.
    assert_refused(&get(&app, "/any-write", Some(BASIC)).await, 403, &[BASIC_CHALLENGE], "no error of Bearer");
}

// THREAT-V16, R7662-2.3a
#[tokio::test]
async fn while_the_keys_cannot_be_had_nothing_is_said_of_a_token() {
    let time = TestClock::new();
    let server = AuthorizationServer::builder().clock(time.clock()).build().unwrap();
    for endpoint in [Endpoint::OAuthMetadata, Endpoint::OpenIdMetadata] {
        server.fault(endpoint, Fault::status(StatusCode::SERVICE_UNAVAILABLE).retry_after(7).always());
    }
    let verifier = JwtVerifier::issuer(server.issuer())
        .unwrap()
        .audience("orders")
        .http_client(server.http_client())
        .clock(time.clock())
        .build()
        .unwrap();
    let app = app(verifier);
    let good = bearer(server.mint().audience("orders"));

    let answer = get(&app, "/bearer", Some(&good)).await;
    assert_refused(&answer, 503, &[], "no keys");
    assert_eq!(answer.headers[RETRY_AFTER], "7");
    assert_eq!(get(&app, "/bearer", None).await.status, 401, "this much can be said");
    assert_eq!(get(&app, "/bearer", Some("Bearer abc")).await.status, 401, "and this");

    server.clear_faults();
    time.advance(std::time::Duration::from_secs(60)).await;
    assert_eq!(get(&app, "/bearer", Some(&good)).await.status, StatusCode::OK);
}

// R6750-3.1c, THREAT-T7
#[tokio::test]
async fn what_is_not_well_formed_is_a_bad_request_also_where_another_kind_is_wanted() {
    let app = everything(&Issuer::new());
    for (path, bad) in
        [("/basic", "Bearer a b"), ("/key", "Bearer a b"), ("/bearer", "Basic a:b"), ("/key", "Basic a:b")]
    {
        assert_eq!(get(&app, path, Some(bad)).await.status, 400, "{path} {bad}");
    }
    for (path, other) in [("/basic", "Bearer abc"), ("/bearer", BASIC), ("/key", BASIC)] {
        assert_eq!(get(&app, path, Some(other)).await.status, 401, "{path} {other}");
    }
}

// THREAT-V16
#[tokio::test]
async fn a_route_that_its_verifier_can_never_satisfy_is_a_mistake_of_the_service() {
    let issuer = Issuer::new();
    for (app, path, credential) in [
        (app(issuer.verifier()), "/basic", BASIC),
        (app(basic()), "/bearer", "Bearer abc"),
        (app(basic()), "/key", BASIC),
    ] {
        for credential in [Some(credential), None] {
            assert_refused(&get(&app, path, credential).await, 500, &[], path);
        }
    }
}
