//! The API that wants a token.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tower::ServiceExt;
use tower_auth_core::{ConfigError, HttpTransport, Secret};
use tower_auth_testing::{
    AuthorizationServer, Fault, Flaw, ResourceServer, TestBody, TestClient, TestClock, TokenFormat,
};

fn issuer(time: &TestClock) -> AuthorizationServer {
    let opaque = TestClient::new("opaque", "s").format(TokenFormat::Opaque).lifetime(Duration::from_secs(60));
    let builder = AuthorizationServer::builder().client("jwt", "s").client_with(opaque);
    builder.clock(time.clock()).build().unwrap()
}

async fn send(api: &ResourceServer, authorization: Option<&str>) -> Response<TestBody> {
    let mut request = Request::post("https://api.test/orders?x=1");
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    api.clone().oneshot(request.body(Full::new(Bytes::from_static(b"sent"))).unwrap()).await.unwrap()
}

async fn status(api: &ResourceServer, token: &str) -> u16 {
    send(api, Some(&format!("Bearer {token}"))).await.status().as_u16()
}

fn challenge(response: &Response<TestBody>) -> Option<&str> {
    Some(response.headers().get("www-authenticate")?.to_str().unwrap())
}

async fn obtained(issuer: &AuthorizationServer, client: &str) -> String {
    let source = issuer.client_credentials(client).audience("orders").scopes(["read"]).build().unwrap();
    source.request_token().await.unwrap().token().secret().expose_secret().to_owned()
}

#[tokio::test]
async fn tokens_of_the_issuer_open_it_until_they_expire_or_are_revoked() {
    let time = TestClock::new();
    let issuer = issuer(&time);
    let api = ResourceServer::builder().issuer(&issuer).audience("orders").scope("read").build();
    let (jwt, opaque) = (obtained(&issuer, "jwt").await, obtained(&issuer, "opaque").await);
    assert_eq!((status(&api, &jwt).await, status(&api, &opaque).await), (200, 200));
    time.advance(Duration::from_secs(60)).await;
    assert_eq!((status(&api, &jwt).await, status(&api, &opaque).await), (200, 401));
    assert!(issuer.revoke(&Secret::from(jwt.as_str())));
    assert_eq!(status(&api, &jwt).await, 401);
    assert_eq!((api.request_count(), api.refused_count()), (5, 2));
}

#[tokio::test]
async fn minted_tokens_open_it_and_flawed_ones_do_not() {
    let issuer = issuer(&TestClock::new());
    let api = ResourceServer::builder().issuer(&issuer).audience("orders").build();
    assert_eq!(status(&api, &issuer.mint().audience("orders").sign()).await, 200);
    for flaw in Flaw::ALL {
        assert_eq!(status(&api, &issuer.mint().audience("orders").flaw(*flaw).sign()).await, 401, "{flaw:?}");
    }
}

#[tokio::test]
async fn refusals_say_why_by_the_book() {
    let issuer = issuer(&TestClock::new());
    let api = ResourceServer::builder().issuer(&issuer).scope("write").build();
    let none = send(&api, None).await;
    assert_eq!((none.status().as_u16(), challenge(&none)), (401, Some("Bearer realm=\"test\"")));
    for bad in ["Bearer unknown", "Bearer ", "Bearer"] {
        assert_eq!(send(&api, Some(bad)).await.status(), StatusCode::UNAUTHORIZED, "{bad}");
    }
    let unknown = send(&api, Some("bearer unknown")).await;
    assert_eq!(challenge(&unknown), Some("Bearer realm=\"test\", error=\"invalid_token\""));
    let narrow = send(&api, Some(&format!("Bearer {}", issuer.mint().scopes(["read"]).sign()))).await;
    let expected = "Bearer realm=\"test\", error=\"insufficient_scope\", scope=\"write\"";
    assert_eq!((narrow.status().as_u16(), challenge(&narrow)), (403, Some(expected)));
}

#[tokio::test]
async fn challenge_and_answer_can_be_chosen() {
    let api = ResourceServer::builder().accept("good").challenge("DPoP algs=\"ES256\"").build();
    assert_eq!(challenge(&send(&api, None).await), Some("DPoP algs=\"ES256\""));
    let api = ResourceServer::builder().accept("good").no_challenge().answer(StatusCode::CREATED, "made").build();
    assert_eq!(challenge(&send(&api, None).await), None);
    let response = send(&api, Some("Bearer good")).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "made");
}

#[tokio::test]
async fn it_can_turn_against_one_token_or_all() {
    let api = ResourceServer::builder().accept("one").accept("two").build();
    api.refuse("one");
    assert_eq!((status(&api, "one").await, status(&api, "two").await), (401, 200));
    api.refuse_all(true);
    assert_eq!(status(&api, "two").await, 401);
    api.refuse_all(false);
    assert_eq!((status(&api, "one").await, status(&api, "two").await), (401, 200));
    api.fault(Fault::status(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!((status(&api, "two").await, status(&api, "two").await), (503, 200));
}

// THREAT-L1
#[tokio::test]
async fn it_records_bodies_unless_it_answers_before_them() {
    let api = ResourceServer::builder().accept("sentinel").build();
    assert_eq!(status(&api, "sentinel").await, 200);
    let request = &api.requests()[0];
    assert_eq!((&request.body()[..], request.path()), (&b"sent"[..], "/orders"));
    assert_eq!(request.header("authorization"), Some("Bearer sentinel"));
    assert!(!format!("{api:?} {request:?}").contains("sentinel"));

    let hasty = ResourceServer::builder().accept("sentinel").answer_before_body().build();
    assert_eq!(status(&hasty, "sentinel").await, 200);
    assert!(hasty.requests()[0].body().is_empty());
}

#[tokio::test]
async fn it_listens_on_a_socket_too() -> Result<(), ConfigError> {
    let api = ResourceServer::builder().accept("good").build();
    let listening = api.listen().await.unwrap();
    let http = HttpTransport::new().allow_loopback_http().bundled_roots().build()?;
    let request = Request::post(listening.url("/orders")).header("authorization", "Bearer good");
    let response = http.send(request.body(Bytes::from_static(b"sent")).unwrap()).await.unwrap();
    assert_eq!((response.status(), &response.body()[..]), (StatusCode::OK, &b"{\"ok\":true}"[..]));
    assert_eq!(&api.requests()[0].body()[..], b"sent");
    listening.shutdown().await;
    Ok(())
}
