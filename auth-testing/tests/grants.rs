//! The grants without a user: JWT bearer, token exchange; and the password grant.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use tower_auth_core::jose::{Algorithm, SigningKey, TokenHeader};
use tower_auth_testing::{AuthorizationServer, Flaw, Mint, TestClient, TestClock, TokenFormat, TokenMinter};

use support::{form, get, introspect, now, public_token, send, text, token, unique};

const BEARER: &str = "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer";
const EXCHANGE: &str = "grant_type=urn:ietf:params:oauth:grant-type:token-exchange";
const KINDS: &str = "urn:ietf:params:oauth:token-type:";

struct World {
    time: TestClock,
    partner: TokenMinter,
    server: AuthorizationServer,
}

fn world() -> World {
    let time = TestClock::new();
    let partner = TokenMinter::with_keys("https://partner.test", &[Algorithm::Es256], time.clock()).unwrap();
    let server = AuthorizationServer::builder()
        .client("orders", "secret")
        .client_with(TestClient::new("narrow", "secret").scopes(["a"]))
        .trust(&partner)
        .clock(time.clock())
        .build()
        .unwrap();
    World { time, partner, server }
}

impl World {
    fn assertion(&self) -> Mint {
        self.partner.token().typ("JWT").subject("alice").audience("https://login.test")
    }

    async fn bearer(&self, assertion: &str) -> (u16, Value) {
        let (status, answer) = token(&self.server, &format!("{BEARER}&assertion={assertion}")).await;
        (status.as_u16(), answer)
    }

    /// An exchange of an access token, with more parameters.
    async fn exchange(&self, subject: &str, more: &str) -> (u16, Value) {
        let body = format!("{EXCHANGE}&subject_token={subject}&subject_token_type={KINDS}access_token{more}");
        let (status, answer) = token(&self.server, &body).await;
        (status.as_u16(), answer)
    }
}

#[tokio::test]
async fn an_assertion_of_a_trusted_issuer_becomes_a_token() {
    let world = world();
    let assertion = world.assertion().sign();
    let (status, answer) = world.bearer(&format!("{assertion}&scope=a+b")).await;
    assert_eq!((status, text(&answer, "scope"), answer.get("refresh_token")), (200, "a b", None));
    let shown = introspect(&world.server, text(&answer, "access_token")).await;
    assert_eq!((&shown["sub"], &shown["client_id"]), (&json!("alice"), &json!("orders")));
    assert_eq!(text(&world.bearer(&assertion).await.1, "error"), "invalid_grant", "its jti came before");
    let again = world.assertion().without("jti").audience(&world.server.token_url()).sign();
    for _ in 0..2 {
        assert_eq!(world.bearer(&again).await.0, 200);
    }
}

#[tokio::test]
async fn each_broken_assertion_is_refused() {
    let world = world();
    let stranger = TokenMinter::with_keys("https://stranger.test", &[Algorithm::Es256], world.time.clock()).unwrap();
    let posing = TokenMinter::with_keys("https://partner.test", &[Algorithm::Es256], world.time.clock()).unwrap();
    for bad in [
        stranger.token().typ("JWT").audience("https://login.test").sign(),
        posing.token().typ("JWT").audience("https://login.test").sign(),
        world.server.mint().typ("JWT").audience("https://login.test").sign(),
        world.assertion().without("sub").sign(),
        world.assertion().without("iss").sign(),
        world.assertion().typ("at+jwt").sign(),
        world.assertion().typ("client-authentication+jwt").sign(),
        "a.b.c".to_owned(),
    ] {
        assert_eq!(text(&world.bearer(&bad).await.1, "error"), "invalid_grant", "{bad}");
    }
    for flaw in [
        Flaw::Expired,
        Flaw::NotYetValid,
        Flaw::NoExpiry,
        Flaw::WrongAudience,
        Flaw::NoAudience,
        Flaw::WrongIssuer,
        Flaw::WrongKey,
        Flaw::UnknownKey,
        Flaw::Unsigned,
        Flaw::TamperedSignature,
        Flaw::TamperedClaims,
        Flaw::UnknownCritical,
        Flaw::DuplicateClaim,
    ] {
        let bad = world.assertion().flaw(flaw).sign();
        assert_eq!(text(&world.bearer(&bad).await.1, "error"), "invalid_grant", "{flaw:?}");
    }
    assert_eq!(text(&world.bearer("").await.1, "error"), "invalid_request");
    let nobody = format!("{BEARER}&assertion={}", world.assertion().sign());
    assert_eq!(text(&public_token(&world.server, &nobody).await.1, "error"), "invalid_client");
}

#[tokio::test]
async fn a_client_may_issue_assertions_itself_and_need_no_other_proof() {
    let time = TestClock::new();
    let key = SigningKey::generate(Algorithm::Rs256).unwrap();
    let service = TestClient::without_secret("service@project").private_key_jwt(key.public_jwk(Some("k1")).unwrap());
    let server = AuthorizationServer::builder().client_with(service).clock(time.clock()).build().unwrap();
    let signed = |key: &SigningKey, sub: &str| {
        let aud = server.token_url();
        let claims =
            json!({ "iss": "service@project", "sub": sub, "aud": aud, "exp": now(&time) + 3600, "jti": unique() });
        format!("{BEARER}&assertion={}", key.sign(&TokenHeader::new().typ("JWT").kid("k1"), &claims).unwrap())
    };
    let (status, answer) = public_token(&server, &signed(&key, "alice")).await;
    assert_eq!((status.as_u16(), &support::claims(text(&answer, "access_token"))["sub"]), (200, &json!("alice")));
    let other = SigningKey::generate(Algorithm::Rs256).unwrap();
    assert_eq!(text(&public_token(&server, &signed(&other, "alice")).await.1, "error"), "invalid_client");
}

#[tokio::test]
async fn a_token_is_exchanged_for_another_audience() {
    let world = world();
    let (_, first) = token(&world.server, "grant_type=client_credentials&scope=a+b").await;
    let more = "&resource=https://a.test&resource=urn:b&audience=c&scope=a";
    let (status, answer) = world.exchange(text(&first, "access_token"), more).await;
    assert_eq!((status, text(&answer, "scope"), text(&answer, "token_type")), (200, "a", "Bearer"));
    assert_eq!(text(&answer, "issued_token_type"), format!("{KINDS}access_token"));
    let shown = introspect(&world.server, text(&answer, "access_token")).await;
    assert_eq!((&shown["sub"], &shown["aud"]), (&json!("orders"), &json!(["https://a.test", "urn:b", "c"])));
    let (_, same) = world.exchange(text(&first, "access_token"), "").await;
    assert_eq!((text(&same, "scope"), same.get("refresh_token")), ("a b", None));
    for own in [world.partner.token().subject("alice").sign(), world.server.mint().subject("alice").sign()] {
        let (_, answer) = world.exchange(&own, "").await;
        assert_eq!(support::claims(text(&answer, "access_token"))["sub"], json!("alice"));
    }
}

#[tokio::test]
async fn each_broken_exchange_is_refused() {
    let world = world();
    let (_, first) = token(&world.server, "grant_type=client_credentials&scope=a").await;
    let good = text(&first, "access_token");
    let actor = world.server.mint().subject("gateway").sign();
    for (subject, more, error) in [
        ("unknown", String::new(), "invalid_request"),
        ("", String::new(), "invalid_request"),
        (good, format!("&actor_token={actor}"), "invalid_request"),
        (good, format!("&actor_token_type={KINDS}access_token"), "invalid_request"),
        (good, format!("&actor_token=unknown&actor_token_type={KINDS}access_token"), "invalid_request"),
        (good, format!("&actor_token={actor}&actor_token_type={KINDS}saml2"), "invalid_request"),
        (good, format!("&requested_token_type={KINDS}saml2"), "invalid_request"),
        (good, "&resource=api".to_owned(), "invalid_target"),
        (good, "&resource=https://a.test/%23x".to_owned(), "invalid_target"),
        (good, "&scope=b".to_owned(), "invalid_scope"),
    ] {
        let (status, answer) = world.exchange(subject, &more).await;
        assert_eq!((status, text(&answer, "error")), (400, error), "{more}");
    }
    let body = format!("{EXCHANGE}&subject_token={good}");
    assert_eq!(text(&token(&world.server, &body).await.1, "error"), "invalid_request");
    // An access token is no id token, and the other way round.
    for kind in ["refresh_token", "saml1", "unknown"] {
        let body = format!("{EXCHANGE}&subject_token={good}&subject_token_type={KINDS}{kind}");
        assert_eq!(text(&token(&world.server, &body).await.1, "error"), "invalid_request", "{kind}");
    }
    for flaw in [Flaw::Expired, Flaw::WrongKey, Flaw::Unsigned, Flaw::WrongIssuer] {
        let bad = world.partner.token().flaw(flaw).sign();
        let body = format!("{EXCHANGE}&subject_token={bad}&subject_token_type={KINDS}jwt");
        assert_eq!(text(&token(&world.server, &body).await.1, "error"), "invalid_request", "{flaw:?}");
    }
    world.time.advance(Duration::from_secs(3600)).await;
    assert_eq!(text(&world.exchange(good, "").await.1, "error"), "invalid_request", "it expired");
}

#[tokio::test]
async fn whoever_acts_for_the_subject_stands_in_the_token() {
    let world = world();
    let alice = world.server.mint().subject("alice").claim("may_act", &json!({ "sub": "gateway" })).sign();
    let acting = |who: &str| {
        let token = world.server.mint().subject(who).sign();
        format!("&actor_token={token}&actor_token_type={KINDS}access_token")
    };
    let (_, first) = world.exchange(&alice, &acting("gateway")).await;
    let claims = support::claims(text(&first, "access_token"));
    assert_eq!((&claims["sub"], &claims["act"]), (&json!("alice"), &json!({ "sub": "gateway" })));
    let (_, second) = world.exchange(text(&first, "access_token"), &acting("backend")).await;
    let shown = introspect(&world.server, text(&second, "access_token")).await;
    assert_eq!(shown["act"], json!({ "sub": "backend", "act": { "sub": "gateway" } }));
    let (_, refused) = world.exchange(&alice, &acting("backend")).await;
    assert_eq!(text(&refused, "error"), "invalid_request");
    let (_, impersonated) = world.exchange(&alice, "").await;
    assert_eq!(support::claims(text(&impersonated, "access_token")).get("act"), None);
}

#[tokio::test]
async fn what_is_no_access_token_says_so() {
    let world = world();
    let alice = world.partner.token().subject("alice").scopes(["a"]).sign();
    for kind in ["jwt", "id_token", "refresh_token"] {
        let more = format!("&requested_token_type={KINDS}{kind}&audience=next");
        let (status, answer) = world.exchange(&alice, &more).await;
        assert_eq!((status, text(&answer, "token_type")), (200, "N_A"), "{kind}");
        assert_eq!(text(&answer, "issued_token_type"), format!("{KINDS}{kind}"));
        let issued = text(&answer, "access_token");
        if kind == "refresh_token" {
            let body = format!("grant_type=refresh_token&refresh_token={issued}");
            let (_, refreshed) = token(&world.server, &body).await;
            let shown = introspect(&world.server, text(&refreshed, "access_token")).await;
            assert_eq!((&shown["sub"], &shown["scope"]), (&json!("alice"), &json!("a")));
        } else {
            let claims = support::claims(issued);
            assert_eq!((&claims["sub"], &claims["aud"]), (&json!("alice"), &json!("next")));
            assert_eq!(introspect(&world.server, issued).await, json!({ "active": false }));
        }
    }
    let refresh = world.server.issue_refresh_token("orders", "bob", "a".parse().unwrap());
    let body = format!("{EXCHANGE}&subject_token={}&subject_token_type={KINDS}refresh_token", refresh.expose_secret());
    let (_, answer) = token(&world.server, &body).await;
    assert_eq!(support::claims(text(&answer, "access_token"))["sub"], json!("bob"));
}

#[tokio::test]
async fn an_exchange_can_be_scripted() {
    let world = world();
    let alice = world.partner.token().subject("alice").sign();
    world.server.script_exchange(r#"{"access_token":"PHM+","issued_token_type":"urn:x","token_type":"N_A"}"#);
    let (_, refused) = world.exchange("unknown", "").await;
    assert_eq!(text(&refused, "error"), "invalid_request", "a script does not spare the checks");
    assert_eq!(text(&world.exchange(&alice, "").await.1, "issued_token_type"), "urn:x");
    assert_eq!(text(&world.exchange(&alice, "").await.1, "token_type"), "Bearer");
}

#[tokio::test]
async fn users_with_a_password_turn_the_password_grant_on() {
    let client = TestClient::new("orders", "secret").scopes(["a"]).format(TokenFormat::Opaque);
    let server = AuthorizationServer::builder().client_with(client).user("alice", "p w").build().unwrap();
    let (status, answer) = token(&server, "grant_type=password&username=alice&password=p+w").await;
    assert_eq!((status.as_u16(), text(&answer, "scope")), (200, "a"));
    assert_eq!(introspect(&server, text(&answer, "access_token")).await["sub"], json!("alice"));
    let refresh = format!("grant_type=refresh_token&refresh_token={}", text(&answer, "refresh_token"));
    assert_eq!(token(&server, &refresh).await.0.as_u16(), 200);
    for (body, error) in [
        ("username=alice&password=wrong", "invalid_grant"),
        ("username=bob&password=p+w", "invalid_grant"),
        ("username=alice", "invalid_request"),
        ("password=p+w", "invalid_request"),
        ("username=alice&password=p+w&scope=b", "invalid_scope"),
    ] {
        assert_eq!(text(&token(&server, &format!("grant_type=password&{body}")).await.1, "error"), error, "{body}");
    }
    let grants = |document: &Value| document["grant_types_supported"].as_array().unwrap().contains(&json!("password"));
    let url = "https://login.test/.well-known/oauth-authorization-server";
    assert!(grants(&get(&server, url).await.1));
    let without = support::server(|builder| builder);
    assert!(!grants(&get(&without, url).await.1));
    let body = "grant_type=password&username=alice&password=p+w";
    assert_eq!(text(&token(&without, body).await.1, "error"), "unsupported_grant_type");
    let nobody = send(&server, form(&server.token_url(), "", body)).await;
    assert_eq!(text(&nobody.1, "error"), "invalid_client");
}
