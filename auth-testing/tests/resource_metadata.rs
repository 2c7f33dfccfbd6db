//! Metadata of a protected resource, and step-up challenges.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_auth_core::{Challenge, HttpTransport};
use tower_auth_testing::{AuthorizationServer, Fault, ResourceServer, TestBody, TestClient, TestClock};

use support::{VERIFIER, authorize_url, now, public_token, text};

async fn send(api: &ResourceServer, url: &str, token: Option<&str>) -> Response<TestBody> {
    let mut request = Request::get(url);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    api.clone().oneshot(request.body(Full::new(Bytes::new())).unwrap()).await.unwrap()
}

async fn document(api: &ResourceServer, url: &str) -> Value {
    let response = send(api, url, None).await;
    assert_eq!(
        (response.status(), &response.headers()["content-type"]),
        (StatusCode::OK, &"application/json".parse().unwrap())
    );
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

fn param(response: &Response<TestBody>, name: &str) -> Option<String> {
    Challenge::from_headers(response.headers()).first()?.param(name).map(str::to_owned)
}

#[tokio::test]
async fn metadata_is_between_host_and_path_and_named_in_challenges() {
    let issuer = AuthorizationServer::builder().client("a", "b").build().unwrap();
    for (resource, url) in [
        ("https://api.test", "https://api.test/.well-known/oauth-protected-resource"),
        ("https://api.test/", "https://api.test/.well-known/oauth-protected-resource"),
        ("https://api.test/orders", "https://api.test/.well-known/oauth-protected-resource/orders"),
        ("https://api.test/orders?a=b", "https://api.test/.well-known/oauth-protected-resource/orders?a=b"),
    ] {
        let api = ResourceServer::builder().issuer(&issuer).scope("read").resource(resource).build();
        assert_eq!((api.resource().as_str(), api.metadata_url().as_str()), (resource, url));
        let document = document(&api, url).await;
        assert_eq!(text(&document, "resource"), resource);
        assert_eq!(document["authorization_servers"], json!(["https://login.test"]));
        assert_eq!(
            (&document["scopes_supported"], &document["bearer_methods_supported"]),
            (&json!(["read"]), &json!(["header"]))
        );
        assert_eq!((api.request_count(), api.refused_count()), (0, 0));
        for (token, status) in [(None, 401), (Some("unknown"), 401), (Some(issuer.mint().sign().as_str()), 403)] {
            let refused = send(&api, "https://api.test/orders", token).await;
            assert_eq!(
                (refused.status().as_u16(), param(&refused, "resource_metadata").as_deref()),
                (status, Some(url))
            );
        }
    }
}

#[tokio::test]
async fn metadata_is_published_on_request_alone() {
    let api = ResourceServer::builder().accept("good").build();
    let url = api.metadata_url();
    let refused = send(&api, &url, None).await;
    assert_eq!((refused.status(), param(&refused, "resource_metadata")), (StatusCode::UNAUTHORIZED, None));
}

#[tokio::test]
async fn metadata_can_lie_and_fail() {
    let api = ResourceServer::builder()
        .require_dpop()
        .metadata("resource", "\"https://evil.test\"")
        .metadata("authorization_servers", r#"["https://evil.test"]"#)
        .omit_metadata("bearer_methods_supported")
        .build();
    let document = document(&api, &api.metadata_url()).await;
    assert_eq!(text(&document, "resource"), "https://evil.test");
    assert_eq!(document["authorization_servers"], json!(["https://evil.test"]));
    assert_eq!(
        (document.get("bearer_methods_supported"), &document["dpop_bound_access_tokens_required"]),
        (None, &json!(true))
    );
    api.metadata_fault(Fault::html());
    let odd = send(&api, &api.metadata_url(), None).await;
    assert_eq!(odd.headers()["content-type"], "text/html; charset=utf-8");
}

#[tokio::test]
async fn on_a_socket_the_resource_is_the_listening_url() {
    let api = ResourceServer::builder().accept("good").publish_metadata().build();
    let listening = api.listen().await.unwrap();
    let http = HttpTransport::new().allow_loopback_http().bundled_roots().build().unwrap();
    let request = Request::get(api.metadata_url()).body(Bytes::new()).unwrap();
    assert!(api.metadata_url().starts_with(&listening.url("/.well-known/")));
    let response = http.send(request).await.unwrap();
    let document: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(text(&document, "resource"), listening.url(""));
    listening.shutdown().await;
}

#[tokio::test]
async fn an_api_asks_for_a_stronger_or_fresher_authentication() {
    let time = TestClock::new();
    let app = TestClient::public("app").redirect_uri("https://app.test/cb");
    let issuer = AuthorizationServer::builder().client_with(app).clock(time.clock()).build().unwrap();
    let api = ResourceServer::builder().issuer(&issuer).step_up(["mfa", "hw"], Some(Duration::from_secs(300))).build();
    let obtained = |more: &'static str| {
        let issuer = issuer.clone();
        async move {
            let redirect = issuer.approve(&authorize_url(&issuer, "app", more)).unwrap();
            let code = redirect.code().unwrap();
            let body = format!("grant_type=authorization_code&client_id=app&code={code}&code_verifier={VERIFIER}");
            text(&public_token(&issuer, &body).await.1, "access_token").to_owned()
        }
    };
    let url = "https://api.test/";
    let weak = obtained("").await;
    let refused = send(&api, url, Some(&weak)).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(param(&refused, "error").as_deref(), Some("insufficient_user_authentication"));
    assert_eq!(
        (param(&refused, "acr_values").as_deref(), param(&refused, "max_age").as_deref()),
        (Some("mfa hw"), Some("300"))
    );

    let strong = obtained("&acr_values=hw+other").await;
    assert_eq!(support::claims(&strong)["acr"], json!("hw"));
    assert_eq!(send(&api, url, Some(&strong)).await.status(), StatusCode::OK);
    time.advance(Duration::from_secs(300)).await;
    assert_eq!(send(&api, url, Some(&strong)).await.status(), StatusCode::OK);
    time.advance(Duration::from_secs(1)).await;
    let stale = send(&api, url, Some(&strong)).await;
    assert_eq!(param(&stale, "error").as_deref(), Some("insufficient_user_authentication"));

    let minted = |acr: &str| issuer.mint().claim("acr", acr).claim("auth_time", &now(&time)).sign();
    assert_eq!(send(&api, url, Some(&minted("mfa"))).await.status(), StatusCode::OK);
    assert_eq!(send(&api, url, Some(&minted("pwd"))).await.status(), StatusCode::UNAUTHORIZED);
    let any_age = ResourceServer::builder().issuer(&issuer).step_up(["mfa"], None).build();
    let refused = send(&any_age, url, Some(&issuer.mint().sign())).await;
    assert_eq!((param(&refused, "acr_values").as_deref(), param(&refused, "max_age")), (Some("mfa"), None));
}
