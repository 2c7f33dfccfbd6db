//! What a verified caller must have, and what it is told if it has not.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::time::{Duration, UNIX_EPOCH};

use http::HeaderMap;
use serde_json::{Value, json};
use tower_auth_core::jose::{Algorithm, JwkSet};
use tower_auth_core::{
    ApiKeyVerifier, BasicVerifier, Challenge, ConfigErrorKind, JwtVerifier, Policy, Rejection, RejectionBody,
    RejectionKind, Scheme, ScopeSet, Secret, Verified, Verifier,
};
use tower_auth_testing::{TestClock, TokenMinter};

const KEY: &str = "partner-1.nq8Z0vJc5mWd2rXh7tKb";

/// A verifier of tokens and API keys, and who makes the tokens.
struct Setting {
    minter: TokenMinter,
    verifier: Verifier,
    time: TestClock,
}

impl Setting {
    fn new() -> Self {
        let time = TestClock::new();
        let minter = TokenMinter::with_keys("https://login.test", &[Algorithm::Es256], time.clock()).unwrap();
        let tokens = JwtVerifier::issuer(minter.issuer())
            .unwrap()
            .audience("orders")
            .realm("orders")
            .roles_claim("roles")
            .clock(time.clock())
            .jwks(JwkSet::parse(minter.jwks().as_bytes()).unwrap())
            .build()
            .unwrap();
        let digest = ApiKeyVerifier::digest(&Secret::from(KEY));
        let keys = ApiKeyVerifier::new().key("partner-1", digest).realm("orders").build().unwrap();
        Self { minter, verifier: Verifier::any_of([tokens, keys]).unwrap(), time }
    }

    /// The seconds since the epoch.
    fn now(&self) -> u64 {
        self.time.now().duration_since(UNIX_EPOCH).unwrap().as_secs()
    }

    /// A caller with these claims beside the usual ones.
    fn caller(&self, claims: &Value) -> Verified {
        let mint = self.minter.token().audience("orders").client_id("web");
        let mint = claims.as_object().unwrap().iter().fold(mint, |mint, (name, value)| mint.claim(name, value));
        self.verify("authorization", &format!("Bearer {}", mint.sign()))
    }

    /// A caller that has an API key only.
    fn partner(&self) -> Verified {
        self.verify("x-api-key", KEY)
    }

    fn verify(&self, name: &'static str, value: &str) -> Verified {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        self.verifier.try_verify(&headers).unwrap()
    }

    fn refusal(&self, caller: &Verified, policy: &Policy) -> Rejection {
        assert!(!policy.allows(caller), "{policy:?}");
        self.verifier.require(caller, policy).unwrap_err()
    }

    #[track_caller]
    fn assert_refused(&self, caller: &Verified, policy: &Policy, kind: RejectionKind) {
        assert_eq!(self.refusal(caller, policy).kind(), kind, "{policy:?}");
    }

    #[track_caller]
    fn assert_allowed(&self, caller: &Verified, policy: &Policy) {
        assert!(policy.allows(caller), "{policy:?}");
        self.verifier.require(caller, policy).unwrap();
    }
}

/// The parameters of the Bearer challenge.
fn bearer(refusal: &Rejection) -> Challenge {
    let text = refusal.challenges()[0].to_str().unwrap().to_owned();
    Challenge::parse(&text).remove(0)
}

#[test]
fn an_empty_policy_lets_in_every_verified_caller() {
    let setting = Setting::new();
    for caller in [setting.caller(&json!({})), setting.partner()] {
        setting.assert_allowed(&caller, &Policy::new());
        setting.assert_allowed(&caller, &Policy::all_of([]));
        setting.assert_allowed(&caller, &Policy::from(ScopeSet::default()));
    }
    assert!(Policy::new().is_empty() && !Policy::new().bound().is_empty());
}

// R6750-3.1a, R9700-2.3a
#[test]
fn all_scopes_or_one_of_several_are_demanded_and_named() {
    let setting = Setting::new();
    let reader = setting.caller(&json!({"scope": "orders:read profile"}));
    setting.assert_allowed(&reader, &Policy::new().scope("orders:read"));
    setting.assert_allowed(&reader, &Policy::new().scope("profile  orders:read"));
    setting.assert_allowed(&reader, &Policy::new().any_scope(["orders:write", "orders:read"]));

    let both = setting.refusal(&reader, &Policy::new().scope("orders:read orders:write").scope("x"));
    assert_eq!((both.kind(), both.status().as_u16()), (RejectionKind::InsufficientScope, 403));
    let challenge = bearer(&both);
    assert_eq!(challenge.param("error"), Some("insufficient_scope"));
    assert_eq!(challenge.param("scope"), Some("orders:read orders:write x"), "also those that were granted");
    assert_eq!(both.needed_scope(), Some(&"orders:read orders:write x".parse().unwrap()));

    let any = setting.refusal(&reader, &Policy::new().any_scope(["orders:write", "admin"]));
    assert_eq!(bearer(&any).param("scope"), Some("orders:write"), "the one that gives the least");
    let partner = setting.refusal(&setting.partner(), &Policy::new().scope("orders:read"));
    assert_eq!(partner.status(), 403);
    assert_eq!(bearer(&partner).param("error"), None, "the scheme that was tried knows no scopes");
}

#[test]
fn a_scope_stands_for_those_below_only_on_request() {
    let setting = Setting::new();
    let all = setting.caller(&json!({"scope": "orders"}));
    let read = Policy::new().scope("orders:read");
    setting.assert_refused(&all, &read, RejectionKind::InsufficientScope);
    let levels = read.clone().hierarchical_scopes(':');
    setting.assert_allowed(&all, &levels);
    setting.assert_allowed(&all, &Policy::new().hierarchical_scopes(':').any_scope(["x", "orders:write:own"]));
    setting.assert_allowed(&all, &Policy::new().and(read.clone()).hierarchical_scopes(':'));
    setting.assert_refused(&all, &read.clone().hierarchical_scopes('.'), RejectionKind::InsufficientScope);
    let own = Policy::new().and(read.hierarchical_scopes('.')).hierarchical_scopes(':');
    setting.assert_refused(&all, &own, RejectionKind::InsufficientScope);
    let narrow = setting.caller(&json!({"scope": "orders:read:own order"}));
    setting.assert_refused(&narrow, &levels, RejectionKind::InsufficientScope);
}

// R9110-11.4a
#[test]
fn roles_claims_issuers_and_clients_are_forbidden_without_a_reason() {
    let setting = Setting::new();
    let caller = setting
        .caller(&json!({"roles": ["clerk", "tester"], "tenant": "acme", "groups": ["a", "b"], "level": 3,
        "address": {"country": "DE"}}));
    for good in [
        Policy::new().role("clerk"),
        Policy::new().role("clerk").role("tester"),
        Policy::new().any_role(["manager", "tester"]),
        Policy::new().claim("tenant", "acme"),
        Policy::new().claim("groups", "b"),
        Policy::new().claim("/address/country", "DE"),
        Policy::new().claim_where("level", |level| level.as_i64().is_some_and(|level| level >= 3)),
        Policy::new().claim_where("level", |level| level.as_i64().map(|level| level >= 3)),
        Policy::new().any_issuer(["https://other", "https://login.test"]),
        Policy::new().any_client(["web"]),
        Policy::new().any_scheme([Scheme::Bearer, Scheme::Dpop]),
    ] {
        setting.assert_allowed(&caller, &good);
    }
    for bad in [
        Policy::new().role("Clerk"),
        Policy::new().role("clerk").role("manager"),
        Policy::new().any_role(["manager", ""]),
        Policy::new().claim("tenant", "acm"),
        Policy::new().claim("tenants", "acme"),
        Policy::new().claim("level", "3"),
        Policy::new().claim_where("level", |level| level.as_i64().map(|level| level > 3)),
        Policy::new().claim_where("absent", |_| true),
        Policy::new().claim_where("tenant", |tenant| tenant.as_bool()),
        Policy::new().any_issuer(["https://login.test/"]),
        Policy::new().any_client(["we"]),
    ] {
        let refusal = setting.refusal(&caller, &bad);
        assert_eq!((refusal.kind(), refusal.grpc_code()), (RejectionKind::Forbidden, 7), "{bad:?}");
        assert_eq!(bearer(&refusal).param("error"), None);
        assert_eq!(refusal.message(), "The caller may not do this");
    }
    for policy in [Policy::new().any_issuer(["https://login.test"]), Policy::new().any_client(["web"])] {
        setting.assert_refused(&setting.partner(), &policy, RejectionKind::Forbidden);
    }
}

// R9110-11.3a, R9449-7.2b
#[test]
fn a_caller_with_another_kind_of_credential_is_asked_for_the_right_one() {
    let setting = Setting::new();
    let tokens = Policy::new().any_scheme([Scheme::Bearer, Scheme::Dpop]);
    let refusal = setting.refusal(&setting.partner(), &tokens);
    assert_eq!((refusal.kind(), refusal.status().as_u16()), (RejectionKind::MissingCredential, 401));
    assert_eq!(refusal.challenges(), [r#"Bearer realm="orders""#]);
    let keys = setting.refusal(&setting.caller(&json!({})), &Policy::new().any_scheme([Scheme::ApiKey]));
    assert_eq!(keys.challenges(), [r#"ApiKey realm="orders""#]);
}

// R9449-7.1b
#[test]
fn a_token_that_must_be_bound_and_is_not_is_invalid() {
    let setting = Setting::new();
    let refusal = setting.refusal(&setting.caller(&json!({})), &Policy::new().bound());
    assert_eq!((refusal.kind(), refusal.status().as_u16()), (RejectionKind::BoundToken, 401));
    assert_eq!(bearer(&refusal).param("error"), Some("invalid_token"));
    setting.assert_refused(&setting.partner(), &Policy::new().bound(), RejectionKind::BoundToken);
}

#[test]
fn a_login_must_be_strong_and_new_enough_or_the_client_is_told_how() {
    let setting = Setting::new();
    let policy =
        Policy::new().acr_values(["gold", "silver"]).max_age(Duration::from_secs(300)).clock(setting.time.clock());
    let now = setting.now();
    for good in [
        json!({"acr": "gold", "auth_time": now - 300}),
        json!({"acr": "silver", "auth_time": now}),
        json!({"acr": "gold", "auth_time": now + 60}),
        json!({"acr": "gold", "auth_time": now as f64 - 0.5}),
    ] {
        setting.assert_allowed(&setting.caller(&good), &policy);
    }
    for bad in [
        json!({}),
        json!({"acr": "gold"}),
        json!({"auth_time": now}),
        json!({"acr": "bronze", "auth_time": now}),
        json!({"acr": "Gold", "auth_time": now}),
        json!({"acr": ["gold"], "auth_time": now}),
        json!({"acr": "gold", "auth_time": now - 301}),
        json!({"acr": "gold", "auth_time": now + 61}),
        json!({"acr": "gold", "auth_time": now.to_string()}),
        json!({"acr": "gold", "auth_time": null}),
    ] {
        let refusal = setting.refusal(&setting.caller(&bad), &policy);
        assert_eq!((refusal.status().as_u16(), refusal.grpc_code()), (401, 16), "{bad}");
        let challenge = bearer(&refusal);
        assert_eq!(challenge.param("error"), Some("insufficient_user_authentication"), "{bad}");
        assert_eq!(challenge.param("acr_values"), Some("gold silver"), "{bad}");
        assert_eq!(challenge.param("max_age"), Some("300"), "{bad}");
        assert_eq!(challenge.param("scope"), None, "{bad}");
    }
}

#[test]
fn a_step_up_names_all_that_the_next_login_needs() {
    let setting = Setting::new();
    let caller = setting.caller(&json!({"scope": "orders:read"}));
    let strong = Policy::new().acr_values(["gold", "silver"]);
    let both = strong.clone().and(Policy::new().acr_values(["silver", "bronze"]).max_age(Duration::from_secs(60)));
    let challenge = bearer(&setting.refusal(&caller, &both.max_age(Duration::from_secs(300))));
    assert_eq!((challenge.param("acr_values"), challenge.param("max_age")), (Some("silver"), Some("60")));

    let more = strong.clone().scope("orders:read orders:approve");
    let refusal = setting.refusal(&caller, &more);
    assert_eq!(refusal.kind(), RejectionKind::InsufficientAuthentication);
    assert_eq!(bearer(&refusal).param("scope"), Some("orders:approve orders:read"));
    let granted = setting.refusal(&caller, &strong.scope("orders:read"));
    assert_eq!(bearer(&granted).param("scope"), None, "nothing is lacking there");
}

#[test]
fn of_several_choices_the_nearest_is_told_and_of_several_lacks_the_farthest() {
    use RejectionKind::{BoundToken, Forbidden, InsufficientAuthentication, InsufficientScope, MissingCredential};

    let setting = Setting::new();
    let caller = setting.caller(&json!({"scope": "a"}));
    let lacks = [
        (Policy::new().scope("x"), InsufficientScope),
        (Policy::new().acr_values(["gold"]), InsufficientAuthentication),
        (Policy::new().bound(), BoundToken),
        (Policy::new().any_scheme([Scheme::ApiKey]), MissingCredential),
        (Policy::new().role("boss"), Forbidden),
    ];
    for (index, (near, kind)) in lacks.iter().enumerate() {
        for (far, farther) in &lacks[index..] {
            setting.assert_refused(&caller, &near.clone().or(far.clone()), *kind);
            setting.assert_refused(&caller, &far.clone().or(near.clone()), *kind);
            setting.assert_refused(&caller, &near.clone().and(far.clone()), *farther);
            setting.assert_refused(&caller, &Policy::all_of([far.clone(), near.clone()]), *farther);
        }
    }
    let first = Policy::any_of([Policy::new().role("boss"), Policy::new().scope("y"), Policy::new().scope("x")]);
    assert_eq!(bearer(&setting.refusal(&caller, &first)).param("scope"), Some("y"));
    setting.assert_allowed(&caller, &first.or(Policy::new().scope("a")));
}

// THREAT-V16, THREAT-V6
#[test]
fn who_must_not_be_let_in_is_refused_whatever_else_it_has_and_in_doubt_too() {
    let setting = Setting::new();
    let policy = Policy::new()
        .scope("a")
        .unless(Policy::new().role("suspended"))
        .unless(Policy::new().claim("state", "locked"))
        .unless(Policy::new().claim_where("blocked", |blocked| blocked.as_bool()));
    for good in [
        json!({"scope": "a"}),
        json!({"scope": "a", "state": "open", "blocked": false, "roles": ["clerk"]}),
        json!({"scope": "a", "state": ["open", "new"]}),
    ] {
        setting.assert_allowed(&setting.caller(&good), &policy);
    }
    for bad in [
        json!({"scope": "a", "roles": "suspended"}),
        json!({"scope": "a", "state": "locked"}),
        json!({"scope": "a", "state": ["open", "locked"]}),
        json!({"scope": "a", "state": ["open", 1]}),
        json!({"scope": "a", "state": {"is": "locked"}}),
        json!({"scope": "a", "state": null}),
        json!({"scope": "a", "blocked": true}),
        json!({"scope": "a", "blocked": "true"}),
        json!({"scope": "a", "blocked": 1}),
    ] {
        setting.assert_refused(&setting.caller(&bad), &policy, RejectionKind::Forbidden);
    }
    setting.assert_refused(&setting.caller(&json!({})), &policy, RejectionKind::InsufficientScope);
}

// THREAT-V16
#[test]
fn a_mistaken_policy_is_found_at_construction_and_lets_nobody_in() {
    let setting = Setting::new();
    let caller = setting.caller(&json!({"scope": "a"}));
    for (mistaken, kind) in [
        (Policy::new().scope("a\"b"), ConfigErrorKind::InvalidScope),
        (Policy::new().scope(" "), ConfigErrorKind::InvalidOption),
        (Policy::new().any_scope(["a", "b c"]), ConfigErrorKind::InvalidScope),
        (Policy::new().any_scope::<&str>([]), ConfigErrorKind::InvalidOption),
        (Policy::new().any_role::<&str>([]), ConfigErrorKind::InvalidOption),
        (Policy::new().any_scheme([]), ConfigErrorKind::InvalidOption),
        (Policy::new().any_issuer::<&str>([]), ConfigErrorKind::InvalidOption),
        (Policy::new().acr_values(["gold medal"]), ConfigErrorKind::InvalidOption),
        (Policy::new().acr_values(["a\r\n"]), ConfigErrorKind::InvalidOption),
        (Policy::new().hierarchical_scopes(' '), ConfigErrorKind::InvalidOption),
        (Policy::any_of([]), ConfigErrorKind::InvalidOption),
        (Policy::new().unless(Policy::new().scope("\\")), ConfigErrorKind::InvalidScope),
        (Policy::new().scope("a").and(Policy::new().scope("ä")), ConfigErrorKind::InvalidScope),
        (Policy::new().scope("\"").or(Policy::new().role("x")), ConfigErrorKind::InvalidScope),
    ] {
        assert_eq!(mistaken.check().unwrap_err().kind(), kind, "{mistaken:?}");
        assert!(!mistaken.is_empty());
        setting.assert_refused(&caller, &mistaken, RejectionKind::Misconfigured);
        setting.assert_refused(&caller, &mistaken.or(Policy::new()), RejectionKind::Misconfigured);
    }
    assert!(Policy::new().scope("a").role("b").unless(Policy::new().bound()).check().is_ok());
}

#[test]
fn letting_a_caller_in_allocates_nothing() {
    let setting = Setting::new();
    let claims = json!({"scope": "orders:read x", "roles": ["clerk"], "tenant": "acme", "acr": "gold", "auth_time": setting.now()});
    let caller = setting.caller(&claims);
    let policy = Policy::new()
        .hierarchical_scopes(':')
        .scope("orders:read:own")
        .any_role(["boss", "clerk"])
        .claim("tenant", "acme")
        .acr_values(["gold"])
        .max_age(Duration::from_secs(60))
        .clock(setting.time.clock())
        .any_client(["web"])
        .and(Policy::new().scope("y").or(Policy::new().scope("x")))
        .unless(Policy::new().claim("tenant", "evil"));
    setting.assert_allowed(&caller, &policy);
    let cost = allocation_counter::measure(|| setting.verifier.require(&caller, &policy).unwrap());
    assert_eq!(cost.count_total, 0);
}

// R6750-3c, THREAT-T7
#[test]
fn a_problem_tells_what_the_challenge_tells_and_no_more() {
    let setting = Setting::new();
    let verifier = setting.verifier.clone().with_rejection_body(RejectionBody::Problem);
    let caller = setting.caller(&json!({"scope": "a"}));
    let body = |policy: &Policy| {
        let response: http::Response<String> = verifier.require(&caller, policy).unwrap_err().to_full_response();
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["cache-control"], "no-store");
        serde_json::from_str::<Value>(response.body()).unwrap()
    };
    assert_eq!(
        body(&Policy::new().scope("b")),
        json!({"title": "Forbidden", "status": 403, "detail": "The request needs more than was granted",
            "error": "insufficient_scope", "scope": "b"})
    );
    assert_eq!(
        body(&Policy::new().acr_values(["gold"]).max_age(Duration::from_secs(60)).scope("b")),
        json!({"title": "Unauthorized", "status": 401, "detail": "The request needs a stronger or newer login",
            "error": "insufficient_user_authentication", "acr_values": "gold", "max_age": 60, "scope": "b"})
    );
    assert_eq!(
        body(&Policy::new().role("boss")),
        json!({"title": "Forbidden", "status": 403, "detail": "The caller may not do this"})
    );
    let empty: http::Response<String> = verifier
        .require(&caller, &Policy::new().role("boss"))
        .unwrap_err()
        .with_body(RejectionBody::Empty)
        .to_full_response();
    assert!(empty.body().is_empty() && !empty.headers().contains_key("content-type"));
}

// R6750-3b, R6750-3.1b
#[test]
fn the_scopes_to_ask_for_at_first_give_way_to_those_that_are_lacking() {
    let setting = Setting::new();
    let verifier = setting.verifier.clone().with_challenge_scope("b a").unwrap();
    let missing = verifier.try_verify(&HeaderMap::new()).unwrap_err();
    assert_eq!(missing.challenges(), [r#"Bearer realm="orders", scope="a b""#, r#"ApiKey realm="orders""#]);
    let mut headers = HeaderMap::new();
    headers.insert("authorization", "Bearer abc".parse().unwrap());
    let invalid = verifier.try_verify(&headers).unwrap_err();
    assert_eq!(
        (bearer(&invalid).param("error"), bearer(&invalid).param("scope")),
        (Some("invalid_token"), Some("a b"))
    );
    let lacking = verifier.require(&setting.caller(&json!({})), &Policy::new().scope("c")).unwrap_err();
    assert_eq!(bearer(&lacking).param("scope"), Some("c"));
    let text = lacking.challenges()[0].to_str().unwrap().to_owned();
    assert_eq!(text.matches("scope=").count(), 1, "{text}");
    assert!(setting.verifier.clone().with_challenge_scope("\"").is_err());
    assert!(setting.verifier.clone().with_challenge_scope("").is_err() && verifier.with_challenge_scope("c").is_err());
}

#[test]
fn the_kind_of_body_survives_composition() {
    let problem = |verifier: Verifier| verifier.with_rejection_body(RejectionBody::Problem);
    let users = || BasicVerifier::new().user("batch", "s3cret").build().unwrap();
    let keys = || ApiKeyVerifier::new().key("partner-1", ApiKeyVerifier::digest(&Secret::from(KEY))).build().unwrap();
    for verifier in [
        Verifier::any_of([problem(users()), keys()]).unwrap(),
        Verifier::any_of([users(), problem(keys())]).unwrap(),
        problem(Verifier::all_of([users(), keys()]).unwrap()),
    ] {
        let refusal = verifier.try_verify(&HeaderMap::new()).unwrap_err();
        assert_eq!(refusal.to_full_response::<String>().headers()["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn an_expiry_comes_when_the_credential_ends_and_never_for_one_without_end() {
    let setting = Setting::new();
    let caller = setting.caller(&json!({}));
    let left = caller.expires_at().unwrap().duration_since(setting.time.now()).unwrap();
    let clock = setting.time.clock();
    let mut expiry = tokio::spawn(caller.expiry(&clock));
    let endless = tokio::spawn(setting.partner().expiry(&clock));
    for _ in 0..left.as_secs() / 30 {
        setting.time.advance(Duration::from_secs(30)).await;
    }
    TestClock::settle().await;
    (&mut expiry).await.unwrap();
    assert!(!endless.is_finished());
    endless.abort();

    let slept = setting.caller(&json!({}));
    let expiry = tokio::spawn(slept.expiry(&clock));
    TestClock::settle().await;
    assert!(!expiry.is_finished());
    setting.time.wall_forward(left + Duration::from_secs(1));
    setting.time.advance(Duration::from_secs(30)).await;
    expiry.await.unwrap();
}
