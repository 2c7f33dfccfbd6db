//! The authorization endpoint and the code grant.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::json;
use tower_auth_core::HttpTransport;
use tower_auth_testing::{AuthorizationServer, Consent, Endpoint, Quirk, TestClient, TestClock};

use support::{VERIFIER, authorize_url, basic, form, get, introspect, public_token, send, send_raw, text};

const CALLBACK: &str = "https://app.test/callback";

fn app() -> TestClient {
    TestClient::public("app").redirect_uri(CALLBACK).scopes(["a", "b"])
}

fn server() -> AuthorizationServer {
    let web = TestClient::new("orders", "secret").redirect_uri(CALLBACK);
    AuthorizationServer::builder().client_with(app()).client_with(web).build().unwrap()
}

fn code(server: &AuthorizationServer, more: &str) -> String {
    server.approve(&authorize_url(server, "app", more)).unwrap().code().unwrap().to_owned()
}

fn exchange(code: &str) -> String {
    format!("grant_type=authorization_code&client_id=app&code={code}&code_verifier={VERIFIER}")
}

#[tokio::test]
async fn a_code_becomes_tokens_of_the_user_who_consented() {
    let server = server();
    let alice = Consent::approve().subject("alice").only("b".parse().unwrap());
    let url = authorize_url(&server, "app", "&state=a%20b&scope=a%20b&resource=https://api.test");
    let redirect = server.decide(&url, &alice).unwrap();
    assert_eq!((redirect.state(), redirect.iss()), (Some("a b"), Some("https://login.test")));
    assert!(redirect.location().starts_with(&format!("{CALLBACK}?code=")));
    let (status, answer) = public_token(&server, &exchange(redirect.code().unwrap())).await;
    assert_eq!((status, text(&answer, "scope"), text(&answer, "token_type")), (StatusCode::OK, "b", "Bearer"));
    let shown = introspect(&server, text(&answer, "access_token")).await;
    assert_eq!((&shown["sub"], &shown["aud"]), (&json!("alice"), &json!(["https://api.test"])));
    let refresh = format!("grant_type=refresh_token&client_id=app&refresh_token={}", text(&answer, "refresh_token"));
    assert_eq!(text(&public_token(&server, &refresh).await.1, "scope"), "b");
    assert_eq!(server.requests()[0].param("state"), Some("a b"));
    assert_eq!(server.request_count(Endpoint::Authorization), 1);
}

#[tokio::test]
async fn a_code_that_comes_twice_ends_what_came_from_it() {
    let server = server();
    let code = code(&server, "");
    let (_, answer) = public_token(&server, &exchange(&code)).await;
    let (status, again) = public_token(&server, &exchange(&code)).await;
    assert_eq!((status.as_u16(), text(&again, "error")), (400, "invalid_grant"));
    assert_eq!(introspect(&server, text(&answer, "access_token")).await, json!({ "active": false }));
    let refresh = format!("grant_type=refresh_token&client_id=app&refresh_token={}", text(&answer, "refresh_token"));
    assert_eq!(text(&public_token(&server, &refresh).await.1, "error"), "invalid_grant");
}

#[tokio::test]
async fn a_code_is_bound_to_client_redirect_uri_and_verifier() {
    let server = server();
    let named = format!("&redirect_uri={CALLBACK}");
    let good = |code: &str| exchange(code);
    for (asked, body) in [
        ("", good("unknown")),
        ("", good("").replace("code=&", "")),
        ("", format!("{}{named}", good("CODE"))),
        (named.as_str(), good("CODE")),
        (&named, format!("{}{named}/", good("CODE"))),
        ("", good("CODE").replace(VERIFIER, &VERIFIER.to_lowercase())),
        ("", good("CODE").replace(VERIFIER, "short")),
        ("", good("CODE").split("&code_verifier").next().unwrap().to_owned()),
    ] {
        let code = code(&server, asked);
        let (status, answer) = public_token(&server, &body.replace("CODE", &code)).await;
        let error = if body.contains("code=") { "invalid_grant" } else { "invalid_request" };
        assert_eq!((status.as_u16(), text(&answer, "error")), (400, error), "{body}");
        if body.contains("CODE") {
            // A mistake of its own client uses a code up.
            let proper = if asked.is_empty() { good(&code) } else { format!("{}{named}", good(&code)) };
            assert_eq!(text(&public_token(&server, &proper).await.1, "error"), "invalid_grant");
        }
    }
    // Another client's mistake does not.
    let code = code(&server, &named);
    let stolen = format!("grant_type=authorization_code&code={code}&code_verifier={VERIFIER}{named}");
    let (_, answer) = send(&server, form(&server.token_url(), &basic("orders", "secret"), &stolen)).await;
    assert_eq!(text(&answer, "error"), "invalid_grant");
    assert_eq!(public_token(&server, &format!("{}{named}", good(&code))).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_code_lives_a_minute() {
    let time = TestClock::new();
    let server = AuthorizationServer::builder().client_with(app()).clock(time.clock()).build().unwrap();
    for (age, status) in [(59, 200), (60, 400)] {
        let code = code(&server, "");
        time.advance(Duration::from_secs(age)).await;
        assert_eq!(public_token(&server, &exchange(&code)).await.0.as_u16(), status);
    }
}

#[tokio::test]
async fn a_client_or_redirect_uri_that_is_not_known_gets_no_redirect() {
    let server = server();
    for url in [
        authorize_url(&server, "nobody", ""),
        authorize_url(&server, "app", "&redirect_uri=https://evil.test/callback"),
        authorize_url(&server, "app", &format!("&redirect_uri={CALLBACK}/")),
        authorize_url(&server, "app", "&state=a&state=b"),
        authorize_url(&server, "app", "&state=%zz"),
        server.token_url(),
        "https://other.test/authorize?client_id=app".to_owned(),
        "nonsense".to_owned(),
    ] {
        assert!(server.approve(&url).is_err(), "{url}");
    }
    let (status, _) = get(&server, &authorize_url(&server, "nobody", "")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn other_mistakes_of_a_request_go_back_to_the_client() {
    let server = server();
    let bare = |query: &str| format!("{}?client_id=app&state=s{query}", server.authorization_url());
    let challenge = |method: &str| format!("&response_type=code&code_challenge={}{method}", support::CHALLENGE);
    for (url, error) in [
        (bare(""), "invalid_request"),
        (bare("&response_type=token"), "unsupported_response_type"),
        (bare("&response_type=code"), "invalid_request"),
        (bare(&challenge("")), "invalid_request"),
        (bare(&challenge("&code_challenge_method=plain")), "invalid_request"),
        (bare("&response_type=code&code_challenge=abc&code_challenge_method=S256"), "invalid_request"),
        (bare("&response_type=code&code_challenge_method=S256"), "invalid_request"),
        (authorize_url(&server, "app", "&state=s&scope=c"), "invalid_scope"),
        (authorize_url(&server, "app", "&state=s&scope=%22"), "invalid_scope"),
        (authorize_url(&server, "app", "&state=s&request=x"), "request_not_supported"),
        (authorize_url(&server, "app", "&state=s&response_mode=fragment"), "invalid_request"),
    ] {
        let redirect = server.approve(&url).unwrap();
        assert_eq!((redirect.error(), redirect.code()), (Some(error), None), "{url}");
        assert_eq!((redirect.state(), redirect.iss()), (Some("s"), Some("https://login.test")), "{url}");
    }
    let busy = server.decide(&authorize_url(&server, "app", ""), &Consent::error("temporarily_unavailable")).unwrap();
    assert_eq!(busy.error(), Some("temporarily_unavailable"));
}

#[tokio::test]
async fn an_answer_may_come_in_a_form() {
    let server = server();
    let url = authorize_url(&server, "app", "&state=s%22%3E&response_mode=form_post");
    let redirect = server.approve(&url).unwrap();
    let code = redirect.code().unwrap();
    assert_eq!(redirect.location(), CALLBACK);
    assert!(redirect.form().unwrap().starts_with(&format!("code={code}&state=s%22%3E&iss=")));
    assert_eq!(server.deny(&url).unwrap().error(), Some("access_denied"));
}

#[tokio::test]
async fn a_client_may_be_kept_from_a_grant_and_from_refresh_tokens() {
    let server = AuthorizationServer::builder()
        .client_with(app().grants(["refresh_token"]))
        .client_with(TestClient::public("once").redirect_uri(CALLBACK).without_refresh_tokens())
        .build()
        .unwrap();
    let redirect = server.approve(&authorize_url(&server, "app", "")).unwrap();
    assert_eq!(redirect.error(), Some("unauthorized_client"));
    let (_, answer) = public_token(&server, &exchange("x")).await;
    assert_eq!(text(&answer, "error"), "unauthorized_client");
    let redirect = server.approve(&authorize_url(&server, "once", "")).unwrap();
    let body = exchange(redirect.code().unwrap()).replace("client_id=app", "client_id=once");
    let (status, answer) = public_token(&server, &body).await;
    assert_eq!((status, answer.get("refresh_token")), (StatusCode::OK, None));
}

#[tokio::test]
async fn pkce_can_be_left_to_the_client() {
    let server = AuthorizationServer::builder().client_with(app().pkce_optional()).build().unwrap();
    let plain = format!("{}?response_type=code&client_id=app", server.authorization_url());
    let code = || server.approve(&plain).unwrap().code().unwrap().to_owned();
    let body = format!("grant_type=authorization_code&client_id=app&code={}", code());
    assert_eq!(public_token(&server, &body).await.0, StatusCode::OK);
    // A verifier without a challenge: somebody took the challenge out.
    assert_eq!(text(&public_token(&server, &exchange(&code())).await.1, "error"), "invalid_grant");
}

#[tokio::test]
async fn redirects_can_be_odd() {
    let server = server();
    let url = authorize_url(&server, "app", "&state=s");
    let seen = || {
        let redirect = server.approve(&url).unwrap();
        (redirect.state().map(str::to_owned), redirect.iss().map(str::to_owned))
    };
    let some = |text: &str| Some(text.to_owned());
    let promised = "authorization_response_iss_parameter_supported";
    let metadata = format!("{}/.well-known/openid-configuration", server.issuer());
    for (quirk, iss, promise) in [
        (Quirk::MissingIss, None, json!(true)),
        (Quirk::WrongIss, some("https://another-issuer.test"), json!(true)),
        (Quirk::UnannouncedIss, None, json!(null)),
    ] {
        server.set_quirk(quirk, true);
        assert_eq!(seen(), (some("s"), iss));
        assert_eq!(get(&server, &metadata).await.1[promised], promise);
        server.set_quirk(quirk, false);
        assert_eq!(seen(), (some("s"), some("https://login.test")));
    }
    server.set_quirk(Quirk::WrongState, true);
    assert!(seen().0.is_some_and(|state| state != "s"));
    server.set_quirk(Quirk::MissingState, true);
    assert_eq!(seen().0, None);
}

#[tokio::test]
async fn a_native_client_may_listen_on_any_loopback_port() {
    let client = TestClient::public("app").redirect_uri("http://127.0.0.1/cb");
    let server = AuthorizationServer::builder().client_with(client).build().unwrap();
    let at = |uri: &str| authorize_url(&server, "app", &format!("&redirect_uri={uri}"));
    let redirect = server.approve(&at("http://127.0.0.1:49152/cb")).unwrap();
    assert_eq!(redirect.uri().unwrap().port_u16(), Some(49152));
    let body = |port: u16| format!("{}&redirect_uri=http://127.0.0.1:{port}/cb", exchange(redirect.code().unwrap()));
    assert_eq!(public_token(&server, &body(49152)).await.0, StatusCode::OK);
    assert!(server.approve(&at("http://localhost:49152/cb")).is_err());
    // The port of the exchange is that of the request.
    let code = server.approve(&at("http://127.0.0.1:1/cb")).unwrap().code().unwrap().to_owned();
    let other = format!("{}&redirect_uri=http://127.0.0.1:2/cb", exchange(&code));
    assert_eq!(text(&public_token(&server, &other).await.1, "error"), "invalid_grant");
}

#[tokio::test]
async fn a_browser_gets_a_redirect_over_http() {
    let server = server();
    let url = authorize_url(&server, "app", "");
    let response = send_raw(&server, Request::get(&url).body(Bytes::new()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(
        (&response.headers()["cache-control"], &response.headers()["referrer-policy"]),
        (&"no-store".parse().unwrap(), &"no-referrer".parse().unwrap())
    );
    assert!(response.headers()["location"].to_str().unwrap().contains("code="));
    let put = send_raw(&server, Request::put(&url).body(Bytes::new()).unwrap()).await;
    assert_eq!(put.status(), StatusCode::METHOD_NOT_ALLOWED);

    server.set_consent(Consent::deny());
    let listening = server.listen().await.unwrap();
    let http = HttpTransport::new().allow_loopback_http().bundled_roots().build().unwrap();
    let url = authorize_url(&server, "app", "");
    assert!(url.starts_with(&listening.url("/authorize")));
    let response = http.send(Request::get(&url).body(Bytes::new()).unwrap()).await.unwrap();
    let location = response.headers()["location"].to_str().unwrap();
    assert!(response.status() == StatusCode::FOUND && location.contains("error=access_denied"), "{location}");
    assert!(location.contains("iss=http%3A%2F%2F127.0.0.1"), "{location}");
    listening.shutdown().await;
}

#[test]
fn redirect_uris_are_checked_by_build() {
    for bad in ["/cb", "https://app.test/#x"] {
        let client = TestClient::public("app").redirect_uri(bad);
        assert!(AuthorizationServer::builder().client_with(client).build().is_err(), "{bad}");
    }
}
