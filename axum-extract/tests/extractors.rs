//! Options, results, claims, states, and verdicts that are there already.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use axum::extract::{FromRef, FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::middleware::{Next, from_extractor_with_state, from_fn_with_state};
use axum::response::Response;
use axum::{Router, routing};
use serde::Deserialize;
use tower_auth::ValidateLayer;
use tower_auth_axum::core::{Policy, RejectionKind, Verifier};
use tower_auth_axum::{
    ApiKey, Auth, AuthRejection, Basic, Bearer, HasVerifier, Identity, RequiredScope, Scoped, SubjectToken,
};
use tower_auth_testing::Flaw;

use self::support::{API_KEY, BASIC, Issuer, WRONG_BASIC, api_key, basic, bearer, get, send};

struct ReadOrders;

impl RequiredScope for ReadOrders {
    const SCOPES: &'static [&'static str] = &["orders:read"];
}

fn name(caller: Option<&str>) -> String {
    caller.unwrap_or("nobody").to_owned()
}

// R9110-11.4a, THREAT-V16
#[tokio::test]
async fn an_option_is_none_without_a_credential_and_a_bad_one_is_refused() {
    let issuer = Issuer::new();
    let verifier = Verifier::any_of([issuer.verifier(), basic(), api_key()]).unwrap();
    let app = Router::new()
        .route(
            "/bearer",
            routing::get(|one: Option<Bearer>| async move { name(one.as_ref().map(|one| one.subject())) }),
        )
        .route("/basic", routing::get(|one: Option<Basic>| async move { name(one.as_ref().map(|one| one.subject())) }))
        .route("/key", routing::get(|one: Option<ApiKey>| async move { name(one.as_ref().map(|one| one.subject())) }))
        .route("/any", routing::get(|one: Option<Auth>| async move { name(one.as_ref().map(|one| one.subject())) }))
        .route(
            "/read",
            routing::get(|one: Option<Scoped<ReadOrders>>| async move { name(one.as_ref().map(|one| one.subject())) }),
        )
        .with_state(verifier);
    let good = issuer.bearer();
    let expired = bearer(issuer.token().flaw(Flaw::Expired));
    let scopeless = bearer(issuer.token().scopes(["other"]));

    for path in ["/bearer", "/basic", "/key", "/any", "/read"] {
        let answer = get(&app, path, None).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "nobody"), "{path}");
        for (bad, status) in [
            ("", 401),
            ("Negotiate YII=", 401),
            ("Bearerabc", 401),
            ("Bearer", 400),
            (expired.as_str(), 401),
            (WRONG_BASIC, 401),
        ] {
            assert_eq!(get(&app, path, Some(bad)).await.status, status, "{path} {bad}");
        }
        let twice = [("authorization", good.as_str()), ("authorization", good.as_str())];
        assert_eq!(send(&app, path, &twice).await.status, 400, "{path}");
        assert_ne!(send(&app, path, &[("x-api-key", "wrong")]).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(get(&app, "/bearer", Some(&good)).await.body, "alice");
    assert_eq!(get(&app, "/any", Some(BASIC)).await.body, "batch");
    assert_eq!(send(&app, "/key", &[("x-api-key", API_KEY)]).await.body, "partner-1");
    assert_eq!(get(&app, "/bearer", Some(BASIC)).await.status, 401, "a credential was sent, and of another kind");
    assert_eq!(get(&app, "/read", Some(&good)).await.body, "alice");
    assert_eq!(get(&app, "/read", Some(&scopeless)).await.status, 403);
}

#[tokio::test]
async fn an_option_for_keys_in_a_header_of_their_own_overlooks_authorization() {
    let app = Router::new()
        .route("/", routing::get(|one: Option<ApiKey>| async move { name(one.as_ref().map(|one| one.subject())) }))
        .with_state(api_key());
    assert_eq!(get(&app, "/", Some("Bearer for-somebody-else")).await.body, "nobody");
    assert_eq!(send(&app, "/", &[("x-api-key", "")]).await.status, 400);
}

// THREAT-V16
#[tokio::test]
async fn an_option_that_could_never_be_some_is_a_mistake_of_the_service() {
    let app = Router::new().route("/", routing::get(|_: Option<Bearer>| async {})).with_state(basic());
    assert_eq!(get(&app, "/", None).await.status, 500);
}

#[tokio::test]
async fn a_handler_can_decide_itself_by_kind_code_and_status() {
    async fn handler(caller: Result<Bearer, AuthRejection>) -> Result<String, AuthRejection> {
        match caller {
            Ok(caller) => Ok(caller.subject().to_owned()),
            Err(refusal) if refusal.kind() == RejectionKind::Expired => {
                assert_eq!((refusal.code(), refusal.status().as_u16()), ("rejection.expired", 401));
                assert!(refusal.as_rejection().explain().contains("has expired"));
                Ok("come back with a new token".to_owned())
            }
            Err(refusal) => Err(refusal),
        }
    }
    let issuer = Issuer::new();
    let app = Router::new().route("/", routing::get(handler)).with_state(issuer.verifier());
    let expired = bearer(issuer.token().flaw(Flaw::Expired));
    assert_eq!(get(&app, "/", Some(&issuer.bearer())).await.body, "alice");
    assert_eq!(get(&app, "/", Some(&expired)).await.body, "come back with a new token");
    assert_eq!(get(&app, "/", None).await.status, 401);
}

// R6750-3.1a
#[tokio::test]
async fn a_handler_refuses_with_a_question_mark() {
    async fn handler(State(verifier): State<Verifier>, caller: Auth) -> Result<(), AuthRejection> {
        verifier.require(&caller, &Policy::new().scope("orders:admin"))?;
        Ok(())
    }
    let issuer = Issuer::new();
    let app = Router::new().route("/", routing::get(handler)).with_state(issuer.verifier());
    let answer = get(&app, "/", Some(&issuer.bearer())).await;
    assert_eq!(answer.status, 403);
    assert!(answer.challenges()[0].ends_with(r#"scope="orders:admin""#));
}

#[derive(Clone, Deserialize)]
struct Tenancy {
    tenant: u32,
    #[serde(default)]
    groups: Vec<String>,
}

// R9068-4c, R6750-3.1a
#[tokio::test]
async fn claims_that_do_not_fit_are_401_and_a_type_that_cannot_is_500() {
    async fn handler(caller: Bearer<Tenancy>) -> String {
        let own = caller.clone();
        format!("{}/{}/{}", caller.subject(), caller.claims().tenant, own.into_claims().groups.len())
    }
    let issuer = Issuer::new();
    let app = Router::new()
        .route("/", routing::get(handler))
        .route("/option", routing::get(|_: Option<Bearer<Tenancy>>| async {}))
        .route("/faulty", routing::get(|_: Bearer<Vec<u8>>| async {}))
        .with_state(issuer.verifier());
    let with = |tenant: serde_json::Value| bearer(issuer.token().claim("tenant", &tenant));

    let good = with(7.into());
    assert_eq!(get(&app, "/", Some(&good)).await.body, "alice/7/0");
    for bad in [issuer.bearer(), with("7".into()), with((-1).into()), with(serde_json::Value::Null)] {
        for path in ["/", "/option"] {
            let answer = get(&app, path, Some(&bad)).await;
            assert_eq!(answer.status, 401);
            let challenge =
                r#"Bearer realm="orders", error="invalid_token", error_description="The access token is not valid""#;
            assert_eq!(answer.challenges(), [challenge]);
        }
    }
    assert_eq!(get(&app, "/option", None).await.status, StatusCode::OK);
    let faulty = get(&app, "/faulty", Some(&good)).await;
    assert_eq!((faulty.status.as_u16(), faulty.challenges().len()), (500, 0));
}

#[derive(Clone)]
struct AppState {
    verifier: Verifier,
    partners: Partners,
}

/// A part of the state with a verifier of its own.
#[derive(Clone)]
struct Partners {
    verifier: Verifier,
}

impl FromRef<AppState> for Verifier {
    fn from_ref(state: &AppState) -> Self {
        state.verifier.clone()
    }
}

impl FromRef<Partners> for Verifier {
    fn from_ref(state: &Partners) -> Self {
        state.verifier.clone()
    }
}

// THREAT-V8
#[tokio::test]
async fn two_verifiers_in_one_app_do_not_mix() {
    let (own, partner) = (Issuer::new(), Issuer::named("https://login.partner.test"));
    let state = AppState { verifier: own.verifier(), partners: Partners { verifier: partner.verifier() } };
    assert_eq!(state.verifier().id(), state.verifier.id());
    async fn me(caller: Bearer) -> String {
        caller.issuer().unwrap().to_owned()
    }
    let partners = Router::new().route("/me", routing::get(me)).with_state(state.partners.clone());
    let app = Router::new().route("/me", routing::get(me)).nest("/partners", partners).with_state(state);

    assert_eq!(get(&app, "/me", Some(&own.bearer())).await.body, "https://login.test");
    assert_eq!(get(&app, "/partners/me", Some(&partner.bearer())).await.body, "https://login.partner.test");
    assert_eq!(get(&app, "/me", Some(&partner.bearer())).await.status, 401);
    assert_eq!(get(&app, "/partners/me", Some(&own.bearer())).await.status, 401);
}

/// A layer that verifies and, in order to show whether an extractor does so again, takes the credential away.
async fn verify(State(verifier): State<Verifier>, mut request: Request, next: Next) -> Result<Response, AuthRejection> {
    let verified = verifier.verify(request.headers()).await?;
    request.headers_mut().remove(AUTHORIZATION);
    request.extensions_mut().insert(verified);
    Ok(next.run(request).await)
}

fn callers() -> Router<Verifier> {
    Router::new()
        .route("/bearer", routing::get(|caller: Bearer| async move { caller.subject().to_owned() }))
        .route(
            "/option",
            routing::get(|one: Option<Bearer>| async move { name(one.as_ref().map(|one| one.subject())) }),
        )
        .route("/basic", routing::get(|caller: Basic| async move { caller.subject().to_owned() }))
        .route("/basic-option", routing::get(|one: Option<Basic>| async move { one.is_some().to_string() }))
        .route("/read", routing::get(|caller: Scoped<ReadOrders>| async move { caller.subject().to_owned() }))
        .route("/identity", routing::get(|caller: Identity| async move { caller.subject().to_owned() }))
        .route("/scoped-identity", routing::get(|_: Scoped<ReadOrders, Identity>| async {}))
}

// THREAT-V16
#[tokio::test]
async fn the_verdict_of_the_same_verifier_is_reused() {
    let issuer = Issuer::new();
    let verifier = Verifier::any_of([issuer.verifier(), basic()]).unwrap();
    let app = callers().with_state(verifier.clone()).route_layer(from_fn_with_state(verifier, verify));
    let good = issuer.bearer();
    for path in ["/bearer", "/option", "/read", "/identity"] {
        assert_eq!(get(&app, path, Some(&good)).await.body, "alice", "{path}");
    }
    assert_eq!(get(&app, "/scoped-identity", Some(&good)).await.status, StatusCode::OK);
    for path in ["/basic", "/basic-option"] {
        assert_eq!(get(&app, path, Some(&good)).await.status, 401, "a verdict of another kind: {path}");
        assert_eq!(get(&app, path, Some(BASIC)).await.status, StatusCode::OK, "{path}");
    }
}

// THREAT-V16, THREAT-K2
#[tokio::test]
async fn the_verdict_of_another_verifier_is_ignored() {
    let issuer = Issuer::new();
    // The same rules and keys, and another verifier all the same.
    let (outer, inner) = (issuer.verifier(), issuer.verifier());
    let app = callers().with_state(inner).route_layer(from_fn_with_state(outer, verify));
    let good = issuer.bearer();
    for path in ["/bearer", "/read"] {
        assert_eq!(get(&app, path, Some(&good)).await.status, 401, "{path}");
    }
    assert_eq!(get(&app, "/option", Some(&good)).await.body, "nobody", "nothing is left of the credential");
    assert_eq!(get(&app, "/identity", Some(&good)).await.body, "alice", "it takes any verdict");
    assert_eq!(get(&app, "/scoped-identity", Some(&good)).await.status, 500);
}

// THREAT-V16
#[tokio::test]
async fn an_identity_that_nobody_verified_is_denied_and_never_anonymous() {
    let issuer = Issuer::new();
    let app = callers().with_state(issuer.verifier());
    for credential in [Some(issuer.bearer()), None] {
        let answer = get(&app, "/identity", credential.as_deref()).await;
        assert_eq!((answer.status.as_u16(), answer.challenges().len()), (500, 0));
        assert_eq!(answer.body, "Authentication failed by a mistake of this service");
    }
}

// THREAT-V16
#[tokio::test]
async fn the_layer_of_the_family_leaves_its_verdict_to_the_extractors() {
    let issuer = Issuer::new();
    let verifier = Verifier::any_of([issuer.verifier(), basic()]).unwrap();
    let layer = ValidateLayer::new(verifier.clone()).strip_authorization();
    let app = callers().with_state(verifier).route_layer(layer);
    let good = issuer.bearer();
    for path in ["/bearer", "/option", "/read", "/identity"] {
        assert_eq!(get(&app, path, Some(&good)).await.body, "alice", "{path}");
        assert_eq!(get(&app, path, None).await.status, 401, "{path}");
    }
    let foreign = callers().with_state(issuer.verifier()).route_layer(ValidateLayer::new(issuer.verifier()));
    assert_eq!(get(&foreign, "/bearer", Some(&good)).await.body, "alice", "verified twice, by each");

    // The layer lets nobody in particular pass; the extractors do not take that for somebody.
    let lenient = ValidateLayer::new(issuer.verifier()).allow_missing();
    let app = callers().with_state(issuer.verifier()).route_layer(lenient);
    for (path, status) in [("/option", 200), ("/bearer", 401), ("/read", 401), ("/identity", 500)] {
        assert_eq!(get(&app, path, None).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn an_extractor_guards_routes_and_leaves_its_verdict_to_the_handler() {
    let issuer = Issuer::new();
    let app = Router::new()
        .route("/identity", routing::get(|caller: Identity| async move { caller.subject().to_owned() }))
        .route_layer(from_extractor_with_state::<Scoped<ReadOrders>, _>(issuer.verifier()));
    assert_eq!(get(&app, "/identity", Some(&issuer.bearer())).await.body, "alice");
    assert_eq!(get(&app, "/identity", None).await.status, 401);
    let scopeless = bearer(issuer.token().scopes(["other"]));
    assert_eq!(get(&app, "/identity", Some(&scopeless)).await.status, 403);
    assert_eq!(get(&app, "/absent", None).await.status, 404, "a route layer leaves unknown paths alone");
}

#[tokio::test]
async fn a_verdict_that_is_there_stays_there() {
    let issuer = Issuer::new();
    let (outer, inner) = (issuer.verifier(), issuer.verifier());
    let mut parts = Request::get("/").header(AUTHORIZATION, issuer.bearer()).body(()).unwrap().into_parts().0;
    let first = Auth::from_request_parts(&mut parts, &outer).await.unwrap().into_verified();
    let second = Auth::from_request_parts(&mut parts, &inner).await.unwrap().into_verified();
    let kept = Identity::from_request_parts(&mut parts, &()).await.unwrap().into_verified();
    assert_eq!((first.verifier(), second.verifier(), kept.verifier()), (outer.id(), inner.id(), outer.id()));
}

// THREAT-L1
#[tokio::test]
async fn the_callers_token_is_there_for_who_asked_the_verifier_to_keep_it() {
    async fn whole(caller: SubjectToken) -> String {
        let shown = format!("{caller:?}");
        assert!(!shown.contains(caller.token().secret().expose_secret()));
        format!("{} {}", caller.subject(), caller.token().secret().expose_secret())
    }
    let issuer = Issuer::new();
    let good = issuer.bearer();
    let token = good.strip_prefix("Bearer ").unwrap();
    for guarded in [false, true] {
        let verifier = issuer.keeping_verifier();
        let mut app = Router::new().route("/", routing::get(whole)).with_state(verifier.clone());
        if guarded {
            // The layer takes the token out of the request; its verdict has it still.
            app = app.route_layer(ValidateLayer::new(verifier).strip_authorization());
        }
        let answer = get(&app, "/", Some(&good)).await;
        assert_eq!((answer.status, answer.body), (StatusCode::OK, format!("alice {token}")), "{guarded}");
        assert_eq!(get(&app, "/", None).await.status, StatusCode::UNAUTHORIZED);
    }
    let app = Router::new().route("/", routing::get(whole)).with_state(issuer.verifier());
    assert_eq!(get(&app, "/", Some(&good)).await.status, StatusCode::INTERNAL_SERVER_ERROR);
}
