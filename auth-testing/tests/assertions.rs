//! Client authentication by assertions, and secrets that change.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use tower_auth_core::jose::{Algorithm, SigningKey, TokenHeader};
use tower_auth_testing::{AuthorizationServer, Flaw, Quirk, TestClient, TestClock, TokenMinter};

use support::{basic, form, get, now, send, text, unique};

const SECRET: &str = "a-secret-of-64-bytes-is-long-enough-for-every-hash-that-there-is";

fn body(assertion: &str) -> String {
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    format!("grant_type=client_credentials&client_assertion_type={kind}&client_assertion={assertion}")
}

async fn try_with(server: &AuthorizationServer, assertion: &str) -> (u16, String) {
    let (status, answer) = send(server, form(&server.token_url(), "", &body(assertion))).await;
    (status.as_u16(), text(&answer, "error").to_owned())
}

fn refused() -> (u16, String) {
    (401, "invalid_client".to_owned())
}

fn claims(time: &TestClock) -> Value {
    let now = now(time);
    json!({ "iss": "app", "sub": "app", "aud": "https://login.test", "exp": now + 300, "iat": now, "jti": unique() })
}

fn signed(key: &SigningKey, claims: &Value) -> String {
    key.sign(&TokenHeader::new().typ("client-authentication+jwt").kid("k1"), claims).unwrap()
}

fn with_key(time: &TestClock, algorithm: Algorithm) -> (AuthorizationServer, SigningKey) {
    let key = SigningKey::generate(algorithm).unwrap();
    let client = TestClient::without_secret("app").private_key_jwt(key.public_jwk(Some("k1")).unwrap());
    let server = AuthorizationServer::builder().client_with(client).client("other", "s").clock(time.clock());
    (server.build().unwrap(), key)
}

#[tokio::test]
async fn a_private_key_of_every_kind_authenticates() {
    let time = TestClock::new();
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Rs256, Algorithm::Ps256, Algorithm::EdDsa] {
        let (server, key) = with_key(&time, algorithm);
        assert_eq!(try_with(&server, &signed(&key, &claims(&time))).await.0, 200, "{algorithm:?}");
        let request = &server.requests()[0];
        assert_eq!(request.client_id(), Some("app"));
        assert!(request.assertion_header().unwrap().contains("\"typ\":\"client-authentication+jwt\""));
        assert!(request.assertion_claims().unwrap().contains("\"aud\":\"https://login.test\""));
        let other = SigningKey::generate(algorithm).unwrap();
        assert_eq!(try_with(&server, &signed(&other, &claims(&time))).await, refused(), "{algorithm:?}");
    }
}

#[tokio::test]
async fn a_secret_authenticates_by_hmac_if_it_is_long_enough() {
    let time = TestClock::new();
    let client = TestClient::new("app", SECRET).auth([]).client_secret_jwt();
    let server = AuthorizationServer::builder().client_with(client).clock(time.clock()).build().unwrap();
    for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
        let key = SigningKey::from_hmac_secret(algorithm, SECRET.as_bytes()).unwrap();
        assert_eq!(try_with(&server, &signed(&key, &claims(&time))).await.0, 200, "{algorithm:?}");
    }
    let key = SigningKey::from_hmac_secret(Algorithm::Hs256, SECRET.to_uppercase().as_bytes()).unwrap();
    assert_eq!(try_with(&server, &signed(&key, &claims(&time))).await, refused());
    let (_, answer) =
        send(&server, form(&server.token_url(), &basic("app", SECRET), "grant_type=client_credentials")).await;
    assert_eq!(text(&answer, "error"), "invalid_client", "the secret itself is no method of the client's");

    server.set_secrets("app", ["short"]);
    let long = SigningKey::from_hmac_secret(Algorithm::Hs256, SECRET.as_bytes()).unwrap();
    assert_eq!(try_with(&server, &signed(&long, &claims(&time))).await, refused());
}

#[tokio::test]
async fn each_broken_assertion_is_refused() {
    let time = TestClock::new();
    let (server, key) = with_key(&time, Algorithm::Es256);
    let now = now(&time);
    let url = server.token_url();
    for (member, value) in [
        ("iss", json!("other")),
        ("iss", json!(null)),
        ("sub", json!("other")),
        ("sub", json!(null)),
        ("aud", json!(null)),
        ("aud", json!("https://login.test/")),
        ("aud", json!(url)),
        ("aud", json!(["https://login.test", url])),
        ("aud", json!([])),
        ("exp", json!(null)),
        ("exp", json!(now)),
        ("exp", json!(now + 301)),
        ("iat", json!(now + 61)),
        ("nbf", json!(now + 61)),
        ("jti", json!(null)),
        ("jti", json!("")),
        ("jti", json!("x".repeat(1000))),
    ] {
        let mut broken = claims(&time);
        match &value {
            Value::Null => drop(broken.as_object_mut().unwrap().remove(member)),
            value => broken[member] = value.clone(),
        }
        assert_eq!(try_with(&server, &signed(&key, &broken)).await, refused(), "{member} {value}");
    }
    let good = claims(&time);
    for header in [TokenHeader::new().typ("at+jwt"), TokenHeader::new().typ("dpop+jwt"), TokenHeader::new().kid("k2")] {
        assert_eq!(try_with(&server, &key.sign(&header, &good).unwrap()).await, refused());
    }
    let unsigned = format!("{}.", signed(&key, &good).rsplit_once('.').unwrap().0);
    for text in ["", "a.b.c", &unsigned] {
        assert_eq!(try_with(&server, text).await, refused(), "{text}");
    }
    assert_eq!(try_with(&server, &signed(&key, &good)).await.0, 200, "only the broken ones were refused");
    assert_eq!(try_with(&server, &signed(&key, &good)).await, refused(), "its jti came before");
    time.advance(Duration::from_secs(300)).await;
    assert_eq!(try_with(&server, &signed(&key, &good)).await, refused(), "it expired");
}

#[tokio::test]
async fn an_assertion_is_the_only_method_of_a_request() {
    let time = TestClock::new();
    let (server, key) = with_key(&time, Algorithm::Es256);
    let url = server.token_url();
    let assertion = || body(&signed(&key, &claims(&time)));
    let kind = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    for (request, error) in [
        (form(&url, &basic("other", "s"), &assertion()), "invalid_request"),
        (form(&url, "", &format!("{}&client_secret=s", assertion())), "invalid_request"),
        (form(&url, "", &format!("{}&client_id=other", assertion())), "invalid_client"),
        (form(&url, "", &assertion().replace("jwt-bearer", "saml2-bearer")), "invalid_client"),
        (form(&url, "", &format!("grant_type=client_credentials&client_id=app&{kind}")), "invalid_client"),
    ] {
        assert_eq!(text(&send(&server, request).await.1, "error"), error);
    }
    let named = form(&url, "", &format!("{}&client_id=app", assertion()));
    assert_eq!(send(&server, named).await.0.as_u16(), 200);
}

#[tokio::test]
async fn the_same_audience_holds_at_every_endpoint_unless_the_server_is_odd() {
    let time = TestClock::new();
    let (server, key) = with_key(&time, Algorithm::Es256);
    let push = |aud: &str| {
        let mut claims = claims(&time);
        claims["aud"] = json!(aud);
        let body = body(&signed(&key, &claims)).replace("grant_type", "x");
        form(&server.revocation_url(), "", &format!("{body}&token=unknown"))
    };
    assert_eq!(send(&server, push("https://login.test")).await.0.as_u16(), 200);
    for odd in [server.revocation_url(), server.token_url()] {
        server.set_quirk(Quirk::EndpointAudience, false);
        assert_eq!(send(&server, push(&odd)).await.0.as_u16(), 401, "{odd}");
        server.set_quirk(Quirk::EndpointAudience, true);
        assert_eq!(send(&server, push(&odd)).await.0.as_u16(), 200, "{odd}");
    }
    assert_eq!(send(&server, push("https://other.test")).await.0.as_u16(), 401);
}

#[tokio::test]
async fn a_server_may_insist_on_the_type() {
    let time = TestClock::new();
    let (server, key) = with_key(&time, Algorithm::Es256);
    for (typ, free, strict) in [("client-authentication+jwt", 200, 200), ("JWT", 200, 401)] {
        for (insists, status) in [(false, free), (true, strict)] {
            server.set_quirk(Quirk::StrictAssertionType, insists);
            let assertion = key.sign(&TokenHeader::new().typ(typ), &claims(&time)).unwrap();
            assert_eq!(try_with(&server, &assertion).await.0, status, "{typ} {insists}");
        }
    }
}

#[tokio::test]
async fn a_token_of_a_trusted_issuer_stands_for_its_workload() {
    let time = TestClock::new();
    let cluster = TokenMinter::with_keys("https://cluster.test", &[Algorithm::Rs256], time.clock()).unwrap();
    let client = TestClient::without_secret("app").workload(&cluster, "system:orders");
    let server = AuthorizationServer::builder().client_with(client).clock(time.clock()).build().unwrap();
    let token = || cluster.token().subject("system:orders").audience("https://login.test").typ("JWT");
    let good = token().sign();
    assert_eq!(try_with(&server, &good).await.0, 200);
    assert_eq!(try_with(&server, &good).await.0, 200, "a projected token is used again and again");
    assert_eq!(try_with(&server, &format!("{good}&client_id=app")).await.0, 200);
    for bad in [
        token().subject("system:admin"),
        token().audience("https://other.test"),
        token().claim("iss", "https://evil.test"),
    ] {
        let bad = bad.sign();
        assert_eq!(try_with(&server, &bad).await, refused());
        assert_eq!(try_with(&server, &format!("{bad}&client_id=app")).await, refused());
    }
    for flaw in [Flaw::Expired, Flaw::NoExpiry, Flaw::WrongKey, Flaw::UnknownKey, Flaw::Unsigned, Flaw::TamperedClaims]
    {
        assert_eq!(try_with(&server, &token().flaw(flaw).sign()).await, refused(), "{flaw:?}");
    }
    time.advance(Duration::from_secs(3600)).await;
    assert_eq!(try_with(&server, &good).await, refused());
}

#[tokio::test]
async fn secrets_and_keys_can_be_replaced_while_the_server_runs() {
    let server = support::server(|builder| builder);
    let with = |secret: &str| form(&server.token_url(), &basic("orders", secret), "grant_type=client_credentials");
    server.set_secrets("orders", ["secret", "newer"]);
    for secret in ["secret", "newer"] {
        assert_eq!(send(&server, with(secret)).await.0.as_u16(), 200, "{secret}");
    }
    server.set_secrets("orders", ["newer"]);
    assert_eq!(send(&server, with("secret")).await.0.as_u16(), 401);
    assert_eq!(send(&server, with("newer")).await.0.as_u16(), 200);

    let time = TestClock::new();
    let (server, old) = with_key(&time, Algorithm::Es256);
    let new = SigningKey::generate(Algorithm::Es256).unwrap();
    server.set_client_keys("app", [new.public_jwk(Some("k1")).unwrap()]);
    assert_eq!(try_with(&server, &signed(&old, &claims(&time))).await, refused());
    assert_eq!(try_with(&server, &signed(&new, &claims(&time))).await.0, 200);
}

#[tokio::test]
async fn the_methods_stand_in_the_metadata_and_keys_are_checked_by_build() {
    let (server, key) = with_key(&TestClock::new(), Algorithm::Es256);
    let (_, document) = get(&server, "https://login.test/.well-known/oauth-authorization-server").await;
    let methods = json!(["client_secret_basic", "client_secret_post", "private_key_jwt"]);
    assert_eq!(document["token_endpoint_auth_methods_supported"], methods);
    let algorithms = document["token_endpoint_auth_signing_alg_values_supported"].as_array().unwrap();
    assert!(algorithms.contains(&json!("ES256")) && !algorithms.contains(&json!("none")));
    for bad in ["", "{}", r#"{"kty":"oct","k":"AAAA"}"#] {
        let client = TestClient::without_secret("app").private_key_jwt(bad);
        assert!(AuthorizationServer::builder().client_with(client).build().is_err(), "{bad}");
    }
    let secret = TestClient::new("app", "s").private_key_jwt(key.public_jwk(None).unwrap());
    assert!(AuthorizationServer::builder().client_with(secret).build().is_ok());
}
