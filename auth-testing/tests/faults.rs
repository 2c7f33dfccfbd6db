//! Each fault, in memory and over a socket.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use tower_auth_core::{BoxError, HttpClient, HttpTransport, TransportError, TransportErrorKind};
use tower_auth_testing::{AuthorizationServer, Endpoint, Fault, TestClient, TestClock};

use support::{basic, form, introspect, server, text};

const CC: &str = "grant_type=client_credentials";

fn request(server: &AuthorizationServer) -> Request<Bytes> {
    form(&server.token_url(), &basic("orders", "secret"), CC)
}

async fn with(server: &AuthorizationServer, http: &HttpClient, fault: Fault) -> Result<Response<Bytes>, BoxError> {
    server.fault(Endpoint::Token, fault);
    http.send(request(server)).await
}

fn transport() -> HttpClient {
    HttpTransport::new().allow_loopback_http().bundled_roots().build().unwrap()
}

/// What both forms of the server have in common.
async fn answers_go_wrong(server: &AuthorizationServer, http: &HttpClient) {
    let throttled = Fault::oauth_error(StatusCode::TOO_MANY_REQUESTS, "slow_down").retry_after(7);
    let response = with(server, http, throttled).await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (429, &"7".parse().unwrap()));
    assert_eq!(response.body(), r#"{"error":"slow_down"}"#);

    let page = with(server, http, Fault::html()).await.unwrap();
    assert!(page.body().starts_with(b"<!DOCTYPE html>"));
    let cut = with(server, http, Fault::truncated()).await.unwrap();
    assert!(cut.body().starts_with(b"{\"access_token\":\"") && !cut.body().ends_with(b"}"));
    let huge = with(server, http, Fault::huge(100_000)).await.unwrap();
    assert!(huge.body().len() > 100_000);
    let twice = with(server, http, Fault::duplicate_members()).await.unwrap();
    assert!(std::str::from_utf8(twice.body()).unwrap().matches("access_token").count() == 2);
    assert!(with(server, http, Fault::disconnect()).await.is_err());

    // Once is once.
    assert_eq!(http.send(request(server)).await.unwrap().status(), StatusCode::OK);
    let before = server.token_requests();
    server.fault(Endpoint::Token, Fault::status(StatusCode::BAD_GATEWAY).always());
    for _ in 0..3 {
        assert_eq!(http.send(request(server)).await.unwrap().status(), StatusCode::BAD_GATEWAY);
    }
    server.clear_faults();
    assert_eq!(http.send(request(server)).await.unwrap().status(), StatusCode::OK);
    assert_eq!(server.token_requests() - before, 4);
}

#[tokio::test]
async fn answers_go_wrong_in_memory() {
    let server = server(|builder| builder);
    answers_go_wrong(&server, &server.http_client()).await;
}

#[tokio::test]
async fn answers_go_wrong_over_a_socket() {
    let server = server(|builder| builder);
    let _listening = server.listen().await.unwrap();
    answers_go_wrong(&server, &transport()).await;
    let error = with(&server, &transport(), Fault::gzip()).await.unwrap_err();
    assert_eq!(TransportError::find(&*error).map(TransportError::kind), Some(TransportErrorKind::Encoded));
}

// THREAT-A4
#[tokio::test]
async fn delays_and_hangs_go_by_the_servers_clock() {
    let time = TestClock::new();
    let server = server(|builder| builder.clock(time.clock()));
    let start = |fault: Fault| {
        let (server, http) = (server.clone(), server.http_client());
        tokio::spawn(async move { with(&server, &http, fault).await.map(|response| response.status()) })
    };
    for (fault, seconds) in
        [(Fault::delay(Duration::from_secs(5)), 5), (Fault::status(StatusCode::OK).after(Duration::from_secs(5)), 5)]
    {
        let answer = start(fault);
        time.advance(Duration::from_secs(seconds - 1)).await;
        assert!(!answer.is_finished());
        time.advance(Duration::from_secs(1)).await;
        assert_eq!(answer.await.unwrap().unwrap(), StatusCode::OK);
    }
    let dripping = start(Fault::drip(1, Duration::from_secs(1)));
    time.advance(Duration::from_secs(100)).await;
    assert!(!dripping.is_finished(), "a token answer has more than 100 bytes");
    time.advance(Duration::from_secs(1000)).await;
    assert!(dripping.is_finished());
    let hanging = start(Fault::hang());
    time.advance(Duration::from_secs(1_000_000)).await;
    assert!(!hanging.is_finished());
    hanging.abort();
}

#[tokio::test]
async fn a_body_drips_over_a_socket() {
    let server = server(|builder| builder);
    let _listening = server.listen().await.unwrap();
    let whole = with(&server, &transport(), Fault::drip(64, Duration::from_millis(1))).await.unwrap();
    assert!(whole.body().ends_with(b"}"));
    let slow = HttpTransport::new().allow_loopback_http().total_timeout(Duration::from_millis(60)).build().unwrap();
    let error = with(&server, &slow, Fault::drip(1, Duration::from_millis(50))).await.unwrap_err();
    assert_eq!(TransportError::find(&*error).map(TransportError::kind), Some(TransportErrorKind::TimedOut));
}

#[tokio::test]
async fn a_lost_answer_has_had_its_effect_and_a_closed_connection_has_not() {
    let server = server(|builder| builder);
    let refresh = |token: &str| {
        let body = format!("grant_type=refresh_token&refresh_token={token}");
        let http = server.http_client();
        let request = form(&server.token_url(), &basic("orders", "secret"), &body);
        async move { http.send(request).await.map(|response| response.status().as_u16()) }
    };
    let token = server.issue_refresh_token("orders", "alice", "a".parse().unwrap());
    let token = token.expose_secret();
    server.fault(Endpoint::Token, Fault::disconnect());
    assert!(refresh(token).await.is_err());
    assert_eq!(introspect(&server, token).await["active"], true);
    server.fault(Endpoint::Token, Fault::lost_answer());
    assert!(refresh(token).await.is_err());
    assert_eq!(refresh(token).await.unwrap(), 400);
}

#[tokio::test]
async fn faults_of_one_endpoint_leave_the_others_alone() {
    let server = server(|builder| builder);
    server.fault(Endpoint::Jwks, Fault::status(StatusCode::INTERNAL_SERVER_ERROR).always());
    assert_eq!(support::get(&server, &server.jwks_url()).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(text(&support::token(&server, CC).await.1, "token_type"), "Bearer");
}

#[tokio::test]
async fn a_listening_server_stops_gracefully() {
    let server = server(|builder| builder);
    let listening = server.listen().await.unwrap();
    assert_eq!(server.issuer(), listening.url(""));
    let http = transport();
    server.fault(Endpoint::Token, Fault::delay(Duration::from_millis(80)));
    let under_way = tokio::spawn(http.send(request(&server)));
    while server.token_requests() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    listening.shutdown().await;
    assert_eq!(under_way.await.unwrap().unwrap().status(), StatusCode::OK);
    assert!(transport().send(request(&server)).await.is_err());

    // Dropping takes no new connection either.
    drop(server.listen().await.unwrap());
    tokio::task::yield_now().await;
    assert!(transport().send(request(&server)).await.is_err());
}

#[tokio::test]
async fn every_endpoint_is_recorded_and_can_fail() {
    let server = server(|builder| builder.open_registration());
    let base = server.issuer();
    for (endpoint, url) in [
        (Endpoint::Token, server.token_url()),
        (Endpoint::Jwks, server.jwks_url()),
        (Endpoint::OAuthMetadata, format!("{base}/.well-known/oauth-authorization-server")),
        (Endpoint::OpenIdMetadata, format!("{base}/.well-known/openid-configuration")),
        (Endpoint::Introspection, server.introspection_url()),
        (Endpoint::Revocation, server.revocation_url()),
        (Endpoint::Authorization, server.authorization_url()),
        (Endpoint::PushedAuthorization, server.pushed_authorization_url()),
        (Endpoint::DeviceAuthorization, server.device_authorization_url()),
        (Endpoint::Activation, format!("{base}/activate")),
        (Endpoint::Registration, server.registration_url()),
        (Endpoint::Unknown, format!("{base}/elsewhere")),
    ] {
        server.fault(endpoint, Fault::status(StatusCode::SERVICE_UNAVAILABLE).retry_after(5));
        let failed = support::send_raw(&server, form(&url, "", "a=b")).await;
        assert_eq!((failed.status().as_u16(), &failed.headers()["retry-after"]), (503, &"5".parse().unwrap()), "{url}");
        assert_ne!(support::send_raw(&server, form(&url, "", "a=b")).await.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(server.request_count(endpoint), 2, "{url}");
        assert_eq!(server.requests().last().map(|request| request.endpoint()), Some(endpoint), "{url}");
    }
}

#[tokio::test]
async fn a_code_whose_answer_got_lost_is_used_up() {
    let app = TestClient::public("app").redirect_uri("https://app.test/cb");
    let server = AuthorizationServer::builder().client_with(app).build().unwrap();
    let redirect = server.approve(&support::authorize_url(&server, "app", "")).unwrap();
    let code = redirect.code().unwrap();
    let body = format!("grant_type=authorization_code&client_id=app&code={code}&code_verifier={}", support::VERIFIER);
    server.fault(Endpoint::Token, Fault::lost_answer());
    assert!(server.http_client().send(form(&server.token_url(), "", &body)).await.is_err());
    let (status, answer) = support::public_token(&server, &body).await;
    assert_eq!((status.as_u16(), text(&answer, "error")), (400, "invalid_grant"));
}
