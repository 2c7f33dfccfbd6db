//! Routes with policies of their own, and what callers are answered who do not meet them.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::LazyLock;
use std::time::Duration;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::{Router, routing};
use tower_auth_axum::core::{Challenge, Policy, RejectionBody, Scheme, Verifier};
use tower_auth_axum::{Auth, AuthRejection, Bearer, Permitted, RequiredPolicy};

use self::support::{API_KEY, Answer, BASIC, Issuer, api_key, basic, bearer, get, send};

macro_rules! policies {
    ($($name:ident: $policy:expr;)*) => {
        $(
            struct $name;

            impl RequiredPolicy for $name {
                fn policy() -> &'static Policy {
                    static POLICY: LazyLock<Policy> = LazyLock::new(|| $policy);
                    &POLICY
                }
            }
        )*
    };
}

policies! {
    AnyScope: Policy::new().any_scope(["orders:read", "orders:write"]);
    Levels: Policy::new().hierarchical_scopes(':').scope("orders:read:own");
    Manager: Policy::new().role("manager");
    Strong: Policy::new().acr_values(["phr"]).max_age(Duration::from_secs(300));
    Tenant: Policy::new().claim("tenant", "acme").unless(Policy::new().claim("state", "locked"));
    TokensOnly: Policy::new().any_scheme([Scheme::Bearer, Scheme::Dpop]);
    Mistaken: Policy::new().scope("\"");
}

/// One route for each policy.
fn app(verifier: Verifier) -> Router {
    Router::new()
        .route("/any", routing::get(|caller: Permitted<AnyScope>| async move { caller.subject().to_owned() }))
        .route("/levels", routing::get(|_: Permitted<Levels, Bearer>| async {}))
        .route("/manager", routing::get(|_: Permitted<Manager>| async {}))
        .route("/strong", routing::get(|_: Permitted<Strong>| async {}))
        .route("/tenant", routing::get(|_: Permitted<Tenant>| async {}))
        .route("/tokens", routing::get(|_: Permitted<TokensOnly>| async {}))
        .route("/mistaken", routing::get(|_: Permitted<Mistaken>| async {}))
        .route(
            "/option",
            routing::get(|caller: Option<Permitted<Manager>>| async move {
                caller.map_or_else(|| "nobody".to_owned(), |caller| caller.subject().to_owned())
            }),
        )
        .route(
            "/result",
            routing::get(|caller: Result<Permitted<Manager>, AuthRejection>| async move {
                caller
                    .map_or_else(|refusal| refusal.code().to_owned(), |caller| caller.into_inner().subject().to_owned())
            }),
        )
        .route(
            "/both",
            routing::get(
                |caller: Permitted<Manager, Permitted<AnyScope, Auth>>| async move { caller.subject().to_owned() },
            ),
        )
        .with_state(verifier)
}

fn challenge(answer: &Answer) -> Challenge {
    Challenge::from_headers(&answer.headers).remove(0)
}

// R6750-3.1a, R9700-2.3a, R9110-11.4a
#[tokio::test]
async fn a_route_is_for_those_who_meet_its_policy() {
    let issuer = Issuer::new();
    let app = app(issuer.verifier());
    for (path, claims, status) in [
        ("/any", serde_json::json!({"scope": "orders:write"}), 200),
        ("/any", serde_json::json!({"scope": "orders"}), 403),
        ("/levels", serde_json::json!({"scope": "orders"}), 200),
        ("/levels", serde_json::json!({"scope": "orders:read"}), 200),
        ("/levels", serde_json::json!({"scope": "orders:write"}), 403),
        ("/manager", serde_json::json!({"roles": ["clerk", "manager"]}), 200),
        ("/manager", serde_json::json!({"roles": ["clerk"]}), 403),
        ("/tenant", serde_json::json!({"tenant": "acme"}), 200),
        ("/tenant", serde_json::json!({"tenant": "other"}), 403),
        ("/tenant", serde_json::json!({"tenant": "acme", "state": "locked"}), 403),
        ("/tokens", serde_json::json!({}), 200),
        ("/mistaken", serde_json::json!({}), 500),
        ("/both", serde_json::json!({"roles": ["manager"], "scope": "orders:read"}), 200),
        ("/both", serde_json::json!({"roles": ["manager"], "scope": "x"}), 403),
        ("/both", serde_json::json!({"roles": [], "scope": "orders:read"}), 403),
    ] {
        let mint =
            claims.as_object().unwrap().iter().fold(issuer.token(), |mint, (name, value)| mint.claim(name, value));
        let answer = get(&app, path, Some(&bearer(mint))).await;
        assert_eq!(answer.status, status, "{path} {claims}");
        assert_eq!(get(&app, path, None).await.status, 401, "{path}");
    }
}

// R6750-3.1a
#[tokio::test]
async fn a_refusal_tells_what_the_client_can_do() {
    let issuer = Issuer::new();
    let app = app(issuer.verifier());
    let plain = issuer.bearer();
    let lacking = get(&app, "/any", Some(&bearer(issuer.token().scopes(["x"])))).await;
    assert_eq!(challenge(&lacking).param("error"), Some("insufficient_scope"));
    assert_eq!(challenge(&lacking).param("scope"), Some("orders:read"));
    let weak = get(&app, "/strong", Some(&plain)).await;
    assert_eq!(weak.status, 401);
    assert_eq!(challenge(&weak).param("error"), Some("insufficient_user_authentication"));
    assert_eq!(challenge(&weak).param("acr_values"), Some("phr"));
    assert_eq!(challenge(&weak).param("max_age"), Some("300"));
    let forbidden = get(&app, "/manager", Some(&plain)).await;
    assert_eq!((forbidden.status.as_u16(), challenge(&forbidden).param("error")), (403, None));
}

// R9110-11.3a, R9449-7.2b
#[tokio::test]
async fn a_caller_with_another_kind_of_credential_is_challenged_for_the_right_one() {
    let issuer = Issuer::new();
    let app = app(Verifier::any_of([issuer.verifier(), basic(), api_key()]).unwrap());
    for refused in [get(&app, "/tokens", Some(BASIC)).await, send(&app, "/tokens", &[("x-api-key", API_KEY)]).await] {
        assert_eq!(refused.status, 401);
        assert_eq!(refused.challenges(), [r#"Bearer realm="orders""#]);
    }
    assert_eq!(get(&app, "/tokens", None).await.challenges().len(), 3, "nothing is known of this caller");
    assert_eq!(get(&app, "/manager", Some(BASIC)).await.status, 403);
}

// THREAT-V16
#[tokio::test]
async fn options_and_results_of_policies() {
    let issuer = Issuer::new();
    let app = app(issuer.verifier());
    let manager = bearer(issuer.token().claim("roles", &["manager"]));
    assert_eq!(get(&app, "/option", None).await.body, "nobody");
    assert_eq!(get(&app, "/option", Some(&manager)).await.body, "alice");
    assert_eq!(get(&app, "/option", Some(&issuer.bearer())).await.status, 403);
    assert_eq!(get(&app, "/option", Some("Digest a=b")).await.status, 401);
    assert_eq!(get(&app, "/result", Some(&manager)).await.body, "alice");
    assert_eq!(get(&app, "/result", Some(&issuer.bearer())).await.body, "rejection.forbidden");
    assert_eq!(get(&app, "/result", None).await.body, "rejection.missing_credential");
}

#[tokio::test]
async fn bodies_are_problems_or_nothing_by_choice_of_the_verifier() {
    let issuer = Issuer::new();
    let problems = app(issuer.verifier().with_rejection_body(RejectionBody::Problem));
    let missing = get(&problems, "/any", None).await;
    assert_eq!(missing.headers[CONTENT_TYPE], "application/problem+json");
    assert_eq!(missing.headers[CACHE_CONTROL], "no-store");
    assert_eq!(missing.body, r#"{"title":"Unauthorized","status":401,"detail":"Authentication is required"}"#);
    let lacking = get(&problems, "/any", Some(&bearer(issuer.token().scopes(["x"])))).await;
    let body: serde_json::Value = serde_json::from_str(&lacking.body).unwrap();
    assert_eq!((&body["error"], &body["scope"]), (&"insufficient_scope".into(), &"orders:read".into()));

    let silent = app(issuer.verifier().with_rejection_body(RejectionBody::Empty));
    let missing = get(&silent, "/any", None).await;
    assert_eq!((missing.status.as_u16(), missing.body.as_str()), (401, ""));
    assert!(!missing.headers.contains_key(CONTENT_TYPE));
}
