//! The page on which whoever sits there signs in.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use bytes::Bytes;
use http::{Request, StatusCode};
use tower_auth_testing::{AuthorizationServer, Consent, Endpoint, Fault, TestClient};

use support::{authorize_url, basic, form, send, send_raw, text};

fn asking() -> AuthorizationServer {
    let client = TestClient::new("orders", "secret").redirect_uri("https://app.test/callback");
    AuthorizationServer::builder().client_with(client).consent(Consent::ask()).display_name("A & B").build().unwrap()
}

async fn page(server: &AuthorizationServer, url: &str) -> (StatusCode, String) {
    let response = send_raw(server, Request::get(url).body(Bytes::new()).unwrap()).await;
    (response.status(), String::from_utf8(response.body().to_vec()).unwrap())
}

#[tokio::test]
async fn without_accounts_the_user_types_a_name_and_the_hint_is_there_already() {
    let server = asking();
    let (status, html) = page(&server, &authorize_url(&server, "orders", "&login_hint=%22%3E")).await;
    assert_eq!(status, 200);
    let input = "<input id=\"account\" name=\"account\" autocomplete=\"username\" required value=\"&quot;&gt;\">";
    assert!(html.contains(input) && html.contains("Sign in to A &amp; B"), "{html}");
}

#[tokio::test]
async fn a_request_that_is_wrong_is_not_asked_about() {
    let server = asking();
    let (status, html) = page(&server, &authorize_url(&server, "unknown", "")).await;
    assert_eq!((status.as_u16(), html.as_str()), (400, "unknown client"));
    let unregistered = authorize_url(&server, "orders", "&redirect_uri=https%3A%2F%2Fevil.test%2F");
    assert_eq!(page(&server, &unregistered).await.0, 400);
    let url = authorize_url(&server, "orders", "").replace("response_type=code", "response_type=token");
    assert_eq!(page(&server, &url).await.0, 302);
}

#[tokio::test]
async fn an_answer_in_a_form_is_a_page_that_sends_itself() {
    let server = asking();
    let url = authorize_url(&server, "orders", "&state=%22%3E&response_mode=form_post");
    let (_, params) = url.split_once('?').unwrap();
    let decided = form(&server.authorization_url(), "", &format!("{params}&account=carol&decision=allow"));
    let answer = send_raw(&server, decided).await;
    assert_eq!(answer.status(), 200);
    let policy = answer.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'sha256-") && !policy.contains("form-action"), "{policy}");
    let html = String::from_utf8(answer.body().to_vec()).unwrap();
    assert!(html.contains("<form method=\"post\" action=\"https://app.test/callback\">"), "{html}");
    assert!(
        html.contains("name=\"state\" value=\"&quot;&gt;\">") && html.contains("name=\"code\" value=\"code-"),
        "{html}"
    );
}

#[tokio::test]
async fn a_pushed_request_is_used_up_by_the_decision_and_not_by_the_page() {
    let server = asking();
    let pushed = authorize_url(&server, "orders", "&state=xyz");
    let (_, params) = pushed.split_once('?').unwrap();
    let (_, answer) = send(&server, form(&server.pushed_authorization_url(), &basic("orders", "secret"), params)).await;
    let request_uri = text(&answer, "request_uri").replace(':', "%3A");
    let query = format!("client_id=orders&request_uri={request_uri}");
    for _ in 0..2 {
        let (status, html) = page(&server, &format!("{}?{query}", server.authorization_url())).await;
        assert!(status == 200 && html.contains("name=\"request_uri\"") && !html.contains("xyz"), "{html}");
    }
    let decide = || form(&server.authorization_url(), "", &format!("{query}&account=carol&decision=allow"));
    let redirect = send_raw(&server, decide()).await;
    assert!(redirect.headers()["location"].to_str().unwrap().contains("&state=xyz"));
    assert_eq!(send_raw(&server, decide()).await.status(), 400);
}

#[tokio::test]
async fn where_nobody_can_be_asked_the_answer_says_so() {
    let server = asking();
    let url = authorize_url(&server, "orders", "");
    assert_eq!(server.decide(&url, &Consent::ask()).unwrap().error(), Some("interaction_required"));
    assert!(server.approve(&url).unwrap().code().is_some(), "a test may still speak for the user");
}

#[tokio::test]
async fn the_page_meets_faults_as_every_answer_does() {
    let server = asking();
    server.fault(Endpoint::Authorization, Fault::status(StatusCode::SERVICE_UNAVAILABLE));
    let url = authorize_url(&server, "orders", "");
    assert_eq!(page(&server, &url).await.0, 503);
    assert_eq!(page(&server, &url).await.0, 200);
}
