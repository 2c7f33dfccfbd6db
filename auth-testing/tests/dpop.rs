//! DPoP at both servers.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_auth_core::jose::{Algorithm, SigningKey, TokenHeader};
use tower_auth_core::{Challenge, HttpTransport};
use tower_auth_testing::{
    AuthorizationServer, DpopNonce, Quirk, ResourceServer, TestBody, TestClient, TestClock, TokenFormat,
};

use support::{VERIFIER, authorize_url, basic, form, get, introspect, now, proof, send, send_raw, text, with_proof};

const CC: &str = "grant_type=client_credentials";
const API: &str = "https://api.test/orders";

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

fn server(time: &TestClock) -> AuthorizationServer {
    AuthorizationServer::builder()
        .client("orders", "secret")
        .client_with(TestClient::public("app").redirect_uri("https://app.test/cb"))
        .client_with(TestClient::new("bound", "secret").require_dpop())
        .clock(time.clock())
        .build()
        .unwrap()
}

/// A token request of `orders` with a proof.
fn asked(server: &AuthorizationServer, proof: &str) -> Request<Bytes> {
    with_proof(form(&server.token_url(), &basic("orders", "secret"), CC), proof)
}

fn at_token(server: &AuthorizationServer, time: &TestClock, key: &SigningKey) -> String {
    proof(key, time, "POST", &server.token_url(), |_| {})
}

async fn call(api: &ResourceServer, authorization: &str, proof: Option<&str>) -> Response<TestBody> {
    let mut request = Request::get(format!("{API}?page=2")).header("authorization", authorization);
    if let Some(proof) = proof {
        request = request.header("dpop", proof);
    }
    api.clone().oneshot(request.body(Full::new(Bytes::new())).unwrap()).await.unwrap()
}

fn ath(token: &str) -> Value {
    json!(URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes())))
}

/// A proof for the API and `token`, changed by `change`.
fn at_api(time: &TestClock, key: &SigningKey, token: &str, change: impl FnOnce(&mut Value)) -> String {
    proof(key, time, "GET", API, |claims| {
        claims["ath"] = ath(token);
        change(claims);
    })
}

fn error(response: &Response<TestBody>) -> (u16, String) {
    let challenges: Vec<_> = Challenge::from_headers(response.headers());
    assert_eq!(challenges.len(), 1);
    assert!(challenges[0].scheme().eq_ignore_ascii_case("dpop"), "{challenges:?}");
    assert!(challenges[0].param("algs").unwrap().contains("ES256"));
    (response.status().as_u16(), challenges[0].param("error").unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_proof_binds_the_token_to_its_key() {
    let time = TestClock::new();
    let (server, key) = (server(&time), key());
    let (status, answer) = send(&server, asked(&server, &at_token(&server, &time, &key))).await;
    assert_eq!((status, text(&answer, "token_type")), (StatusCode::OK, "DPoP"));
    let token = text(&answer, "access_token");
    let jkt = json!({ "jkt": key.thumbprint().unwrap() });
    assert_eq!(support::claims(token)["cnf"], jkt);
    let shown = introspect(&server, token).await;
    assert_eq!((&shown["cnf"], text(&shown, "token_type")), (&jkt, "DPoP"));
    let request = &server.requests()[0];
    assert!(request.proof_header().unwrap().contains("dpop+jwt"));
    assert!(request.proof_claims().unwrap().contains(&server.token_url()));
}

#[tokio::test]
async fn each_broken_proof_is_refused() {
    let time = TestClock::new();
    let (server, key) = (server(&time), key());
    let (now, url) = (now(&time), server.token_url());
    let api = ResourceServer::builder().issuer(&server).build();
    let (_, answer) = send(&server, asked(&server, &at_token(&server, &time, &key))).await;
    let token = text(&answer, "access_token");
    for (member, value) in [
        ("htm", json!("GET ")),
        ("htm", json!("post")),
        ("htm", json!("get")),
        ("htm", json!(null)),
        ("htu", json!("https://login.test/")),
        ("htu", json!(format!("{url}?a=b"))),
        ("htu", json!(format!("{API}?page=2"))),
        ("htu", json!(format!("{url}#a"))),
        ("htu", json!(format!("{url}/"))),
        ("htu", json!("/token")),
        ("htu", json!(null)),
        ("iat", json!(now - 301)),
        ("iat", json!(now + 61)),
        ("iat", json!("now")),
        ("iat", json!(null)),
        ("jti", json!("short")),
        ("jti", json!("x".repeat(1000))),
        ("jti", json!(null)),
    ] {
        let change = |claims: &mut Value| match &value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(member)),
            value => claims[member] = value.clone(),
        };
        let (status, answer) = send(&server, asked(&server, &proof(&key, &time, "POST", &url, change))).await;
        assert_eq!((status.as_u16(), text(&answer, "error")), (400, "invalid_dpop_proof"), "{member} {value}");
        let refused = call(&api, &format!("DPoP {token}"), Some(&at_api(&time, &key, token, change))).await;
        assert_eq!(error(&refused), (401, "invalid_dpop_proof".to_owned()), "{member} {value}");
    }
}

#[tokio::test]
async fn each_broken_header_of_a_proof_is_refused() {
    let time = TestClock::new();
    let (server, key) = (server(&time), key());
    let jwk: Value = serde_json::from_str(&key.public_jwk(None).unwrap()).unwrap();
    let other: Value = serde_json::from_str(&self::key().public_jwk(None).unwrap()).unwrap();
    let mut private = jwk.clone();
    private["d"] = json!(URL_SAFE_NO_PAD.encode([7; 32]));
    let header = |typ: &str, jwk: &Value| TokenHeader::new().typ(typ).field("jwk", jwk).unwrap();
    let claims = || json!({ "htm": "POST", "htu": server.token_url(), "iat": now(&time), "jti": support::unique() });
    let hmac = SigningKey::from_hmac_secret(Algorithm::Hs256, &[7; 32]).unwrap();
    let secret = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode([7; 32]) });
    for (why, bad) in [
        ("typ", key.sign(&header("JWT", &jwk), &claims()).unwrap()),
        ("no jwk", key.sign(&TokenHeader::new().typ("dpop+jwt"), &claims()).unwrap()),
        ("another's jwk", key.sign(&header("dpop+jwt", &other), &claims()).unwrap()),
        ("private jwk", key.sign(&header("dpop+jwt", &private), &claims()).unwrap()),
        ("symmetric", hmac.sign(&header("dpop+jwt", &secret), &claims()).unwrap()),
        ("no JWT", "abc".to_owned()),
    ] {
        let (status, answer) = send(&server, asked(&server, &bad)).await;
        assert_eq!((status.as_u16(), text(&answer, "error")), (400, "invalid_dpop_proof"), "{why}");
    }
    let good = || key.sign(&header("dpop+jwt", &jwk), &claims()).unwrap();
    let twice = with_proof(asked(&server, &good()), &good());
    assert_eq!(text(&send(&server, twice).await.1, "error"), "invalid_dpop_proof");
    let once = good();
    assert_eq!(send(&server, asked(&server, &once)).await.0, StatusCode::OK);
    assert_eq!(text(&send(&server, asked(&server, &once)).await.1, "error"), "invalid_dpop_proof", "a replay");
}

#[tokio::test]
async fn a_server_demands_its_newest_nonce() {
    let time = TestClock::new();
    let (server, key) = (server(&time), key());
    server.set_dpop_nonce(DpopNonce::Demanded);
    let nonce = |response: &Response<Bytes>| response.headers()["dpop-nonce"].to_str().unwrap().to_owned();
    let with = |nonce: &str| {
        let proof = proof(&key, &time, "POST", &server.token_url(), |claims| claims["nonce"] = json!(nonce));
        asked(&server, &proof)
    };
    let refused = send_raw(&server, asked(&server, &at_token(&server, &time, &key))).await;
    let first = nonce(&refused);
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert!(String::from_utf8_lossy(refused.body()).contains("use_dpop_nonce"));
    for _ in 0..2 {
        let accepted = send_raw(&server, with(&first)).await;
        assert_eq!((accepted.status(), nonce(&accepted)), (StatusCode::OK, first.clone()));
        assert_eq!(accepted.headers()["cache-control"], "no-store");
    }
    let second = server.rotate_dpop_nonce();
    assert_eq!(text(&send(&server, with(&first)).await.1, "error"), "use_dpop_nonce");
    assert_eq!(send(&server, with(&second)).await.0, StatusCode::OK);

    server.set_dpop_nonce(DpopNonce::OncePerProof);
    let mut next = nonce(&send_raw(&server, with("old")).await);
    for _ in 0..2 {
        let accepted = send_raw(&server, with(&next)).await;
        assert_eq!(accepted.status(), StatusCode::OK);
        assert_eq!(text(&send(&server, with(&next)).await.1, "error"), "use_dpop_nonce");
        next = nonce(&accepted);
    }
    server.set_dpop_nonce(DpopNonce::Off);
    let free = send_raw(&server, asked(&server, &at_token(&server, &time, &key))).await;
    assert!(free.status() == StatusCode::OK && !free.headers().contains_key("dpop-nonce"));
}

#[tokio::test]
async fn a_public_clients_refresh_token_is_bound_and_a_confidential_ones_is_not() {
    let time = TestClock::new();
    let (server, key) = (server(&time), key());
    let url = server.token_url();
    let prove = |key: &SigningKey| proof(key, &time, "POST", &url, |_| {});
    let code = server.approve(&authorize_url(&server, "app", "")).unwrap().code().unwrap().to_owned();
    let body = format!("grant_type=authorization_code&client_id=app&code={code}&code_verifier={VERIFIER}");
    let (_, answer) = send(&server, with_proof(form(&url, "", &body), &prove(&key))).await;
    let refresh = format!("grant_type=refresh_token&client_id=app&refresh_token={}", text(&answer, "refresh_token"));
    let (_, bare) = send(&server, form(&url, "", &refresh)).await;
    assert_eq!(text(&bare, "error"), "invalid_grant");
    let (_, foreign) = send(&server, with_proof(form(&url, "", &refresh), &prove(&self::key()))).await;
    assert_eq!(text(&foreign, "error"), "invalid_grant");
    let (status, answer) = send(&server, with_proof(form(&url, "", &refresh), &prove(&key))).await;
    assert_eq!((status, text(&answer, "token_type")), (StatusCode::OK, "DPoP"));

    let token = server.issue_refresh_token("orders", "alice", "a".parse().unwrap());
    let mut token = token.expose_secret().to_owned();
    for key in [self::key(), self::key()] {
        let body = format!("grant_type=refresh_token&refresh_token={token}");
        let request = with_proof(form(&url, &basic("orders", "secret"), &body), &prove(&key));
        let (status, answer) = send(&server, request).await;
        assert_eq!((status, text(&answer, "token_type")), (StatusCode::OK, "DPoP"));
        token = text(&answer, "refresh_token").to_owned();
    }
}

#[tokio::test]
async fn a_code_is_bound_by_dpop_jkt_or_a_pushed_proof() {
    let time = TestClock::new();
    let (server, key) = (server(&time), key());
    let url = server.token_url();
    let jkt = key.thumbprint().unwrap();
    let exchange = |code: &str, key: Option<&SigningKey>| {
        let body = format!("grant_type=authorization_code&client_id=app&code={code}&code_verifier={VERIFIER}");
        let request = form(&url, "", &body);
        let request = match key {
            Some(key) => with_proof(request, &proof(key, &time, "POST", &url, |_| {})),
            None => request,
        };
        let server = server.clone();
        async move { send(&server, request).await.0.as_u16() }
    };
    let direct = || {
        let url = authorize_url(&server, "app", &format!("&dpop_jkt={jkt}"));
        server.approve(&url).unwrap().code().unwrap().to_owned()
    };
    assert_eq!(exchange(&direct(), None).await, 400);
    assert_eq!(exchange(&direct(), Some(&self::key())).await, 400);
    assert_eq!(exchange(&direct(), Some(&key)).await, 200);

    let par = server.pushed_authorization_url();
    let query = authorize_url(&server, "app", "").split_once('?').unwrap().1.to_owned();
    let pushed = |more: &str| {
        let request = form(&par, "", &format!("{query}{more}"));
        with_proof(request, &proof(&key, &time, "POST", &par, |_| {}))
    };
    let other = self::key().thumbprint().unwrap();
    let (_, refused) = send(&server, pushed(&format!("&dpop_jkt={other}"))).await;
    assert_eq!(text(&refused, "error"), "invalid_dpop_proof");
    for more in [String::new(), format!("&dpop_jkt={jkt}")] {
        for (key, status) in [(&self::key(), 400), (&key, 200)] {
            let (_, answer) = send(&server, pushed(&more)).await;
            let request_uri = text(&answer, "request_uri");
            let front = format!("{}?client_id=app&request_uri={request_uri}", server.authorization_url());
            let code = server.approve(&front).unwrap().code().unwrap().to_owned();
            assert_eq!(exchange(&code, Some(key)).await, status);
        }
    }
}

#[tokio::test]
async fn a_server_may_answer_bearer_and_a_client_be_bound_to_dpop() {
    let time = TestClock::new();
    let (server, key) = (server(&time), key());
    server.set_quirk(Quirk::BearerForDpop, true);
    let (_, answer) = send(&server, asked(&server, &at_token(&server, &time, &key))).await;
    assert_eq!(text(&answer, "token_type"), "Bearer");
    assert!(support::claims(text(&answer, "access_token")).get("cnf").is_none());

    let (status, answer) = send(&server, form(&server.token_url(), &basic("bound", "secret"), CC)).await;
    assert_eq!((status.as_u16(), text(&answer, "error")), (400, "invalid_dpop_proof"));
    let (_, document) = get(&server, "https://login.test/.well-known/oauth-authorization-server").await;
    assert!(document["dpop_signing_alg_values_supported"].as_array().unwrap().contains(&json!("ES256")));
}

#[tokio::test]
async fn an_api_takes_a_bound_token_by_its_key_alone() {
    let time = TestClock::new();
    let key = key();
    for format in [TokenFormat::Jwt, TokenFormat::Opaque] {
        let client = TestClient::new("orders", "secret").format(format);
        let server = AuthorizationServer::builder().client_with(client).clock(time.clock()).build().unwrap();
        let api = ResourceServer::builder().issuer(&server).build();
        let (_, answer) = send(&server, asked(&server, &at_token(&server, &time, &key))).await;
        let token = text(&answer, "access_token");
        let dpop = format!("DPoP {token}");
        let good = || at_api(&time, &key, token, |_| {});
        assert_eq!(call(&api, &dpop, Some(&good())).await.status(), StatusCode::OK);
        let once = good();
        assert_eq!(call(&api, &dpop, Some(&once)).await.status(), StatusCode::OK);
        assert_eq!(error(&call(&api, &dpop, Some(&once)).await), (401, "invalid_dpop_proof".to_owned()), "a replay");
        assert_eq!(error(&call(&api, &dpop, None).await), (401, "invalid_dpop_proof".to_owned()));
        let stranger = at_api(&time, &self::key(), token, |_| {});
        assert_eq!(error(&call(&api, &dpop, Some(&stranger)).await), (401, "invalid_token".to_owned()));
        for other in [ath("another"), json!(null)] {
            let proof = at_api(&time, &key, token, |claims| claims["ath"] = other);
            assert_eq!(error(&call(&api, &dpop, Some(&proof)).await), (401, "invalid_dpop_proof".to_owned()));
        }
        let as_bearer = call(&api, &format!("Bearer {token}"), Some(&good())).await;
        assert_eq!(as_bearer.status(), StatusCode::UNAUTHORIZED);
        let unbound = server.mint().sign();
        let proof = at_api(&time, &key, &unbound, |_| {});
        assert_eq!(
            error(&call(&api, &format!("DPoP {unbound}"), Some(&proof)).await),
            (401, "invalid_token".to_owned())
        );
        let minted = server.mint().claim("cnf", &json!({ "jkt": key.thumbprint().unwrap() })).sign();
        let proof = at_api(&time, &key, &minted, |_| {});
        assert_eq!(call(&api, &format!("DPoP {minted}"), Some(&proof)).await.status(), StatusCode::OK);
        time.advance(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn an_api_may_require_dpop_and_its_own_nonce() {
    let time = TestClock::new();
    let key = key();
    let api =
        ResourceServer::builder().accept("good").require_dpop().dpop_nonce(DpopNonce::Demanded).clock(time.clock());
    let api = api.build();
    assert_eq!(error(&call(&api, "Bearer good", None).await), (401, String::new()));
    let bare = api.clone().oneshot(Request::get(API).body(Full::new(Bytes::new())).unwrap()).await.unwrap();
    assert_eq!(error(&bare), (401, String::new()));
    let asked = call(&api, "DPoP good", Some(&at_api(&time, &key, "good", |_| {}))).await;
    assert_eq!(error(&asked), (401, "use_dpop_nonce".to_owned()));
    let nonce = asked.headers()["dpop-nonce"].clone();
    let with = |nonce: &str| at_api(&time, &key, "good", |claims| claims["nonce"] = json!(nonce));
    let accepted = call(&api, "DPoP good", Some(&with(nonce.to_str().unwrap()))).await;
    assert_eq!((accepted.status(), &accepted.headers()["dpop-nonce"]), (StatusCode::OK, &nonce));
    let newer = api.rotate_dpop_nonce();
    let old = call(&api, "DPoP good", Some(&with(nonce.to_str().unwrap()))).await;
    assert_eq!(error(&old), (401, "use_dpop_nonce".to_owned()));
    assert_eq!(call(&api, "DPoP good", Some(&with(&newer))).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn proofs_are_for_the_socket_that_they_came_over() {
    let time = TestClock::new();
    let key = key();
    let api = ResourceServer::builder().accept("good").clock(time.clock()).build();
    let listening = api.listen().await.unwrap();
    let http = HttpTransport::new().allow_loopback_http().bundled_roots().build().unwrap();
    for (htu, status) in [(listening.url("/x"), 200), (listening.url("/y"), 401), (API.to_owned(), 401)] {
        let proof = proof(&key, &time, "GET", &htu, |claims| claims["ath"] = ath("good"));
        let request = Request::get(listening.url("/x?a=b")).header("authorization", "DPoP good").header("dpop", proof);
        let response = http.send(request.body(Bytes::new()).unwrap()).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{htu}");
    }
    listening.shutdown().await;
}

#[tokio::test]
async fn a_proof_for_an_issuer_with_a_path_names_the_endpoint_as_it_is() {
    let time = TestClock::new();
    let key = key();
    let builder = AuthorizationServer::builder().issuer("https://login.test/tenant").client("orders", "secret");
    let server = builder.clock(time.clock()).build().unwrap();
    assert_eq!(server.token_url(), "https://login.test/tenant/token");
    let asking = |htu: &str| asked(&server, &proof(&key, &time, "POST", htu, |_| {}));
    assert_eq!(send(&server, asking("https://LOGIN.test:443/tenant/token")).await.0, StatusCode::OK);
    assert_eq!(send(&server, asking("https://login.test/token")).await.0, StatusCode::BAD_REQUEST);

    let listening = server.listen().await.unwrap();
    let http = HttpTransport::new().allow_loopback_http().bundled_roots().build().unwrap();
    for (htu, status) in [(listening.url("/tenant/token"), 200), ("https://login.test/tenant/token".to_owned(), 400)] {
        assert_eq!(http.send(asking(&htu)).await.unwrap().status().as_u16(), status, "{htu}");
    }
    listening.shutdown().await;
}
