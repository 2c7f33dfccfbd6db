//! The metadata of an authorization server, fetched from endpoints in memory.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tower_auth_core::{BoxError, HttpClient, ServerEndpoint, ServerMetadata, TokenError, TokenErrorKind};
use tower_auth_testing::TestClock;

use crate::endpoint::Endpoint;

const ISSUER: &str = "https://login.example.com/a";
const GOOD: &str = r#"{"issuer":"https://login.example.com/a","token_endpoint":"https://login.example.com/t"}"#;

fn answer(status: u16, content_type: &str, body: impl Into<Bytes>) -> Response<Bytes> {
    Response::builder().status(status).header("content-type", content_type).body(body.into()).unwrap()
}

fn json(body: impl Into<Bytes>) -> Response<Bytes> {
    answer(200, "application/json; charset=utf-8", body)
}

/// What comes of the same answer everywhere.
async fn fetched(
    respond: impl Fn(&Request<Bytes>) -> Response<Bytes> + Clone + Send + Sync + 'static,
) -> Result<ServerMetadata, TokenError> {
    ServerMetadata::discover(ISSUER, &Endpoint::judging(respond).http).await
}

async fn kind_of(body: impl Into<Bytes>) -> TokenErrorKind {
    let body = body.into();
    fetched(move |_| json(body.clone())).await.unwrap_err().kind()
}

// R8414-3a, R8414-3b
#[tokio::test]
async fn every_place_is_tried_in_order_and_the_issuer_rule_holds_in_each() {
    let paths = [
        "/.well-known/oauth-authorization-server/a",
        "/.well-known/openid-configuration/a",
        "/a/.well-known/openid-configuration",
    ];
    for (at, place) in paths.into_iter().enumerate() {
        let only = |body: &'static str| {
            Endpoint::judging(move |request: &Request<Bytes>| match request.uri().path() == place {
                true => json(body),
                false => answer(404, "text/html", "no"),
            })
        };
        let server = only(GOOD);
        let metadata = ServerMetadata::discover(ISSUER, &server.http).await.unwrap();
        assert_eq!(metadata.issuer(), ISSUER);
        let token = metadata.endpoint(ServerEndpoint::Token, &[]).unwrap().unwrap();
        assert_eq!(token.to_string(), "https://login.example.com/t");
        let seen: Vec<_> = server.seen().iter().map(|request| request.uri().path().to_owned()).collect();
        assert_eq!(seen, paths[..=at]);
        let error = ServerMetadata::discover(ISSUER, &only(r#"{"issuer":"https://login.example.com"}"#).http)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), TokenErrorKind::Misconfigured);
        assert!(error.to_string().contains("write the issuer as it writes itself"), "{error}");
    }
}

// R8414-3.3a, THREAT-T5
#[tokio::test]
async fn the_issuer_is_compared_code_point_by_code_point() {
    assert!(fetched(|_| json(r#"{"issuer":"https:\/\/login.example.com/\u0061"}"#)).await.is_ok());
    for other in [
        "https://login.example.com/a/",
        "https://login.example.com/A",
        "https://Login.example.com/a",
        "https://login.example.com:443/a",
        "https://login.example.com/%61",
        "https://login.example.com/\u{430}",
        "http://login.example.com/a",
        "",
    ] {
        assert_eq!(kind_of(format!(r#"{{"issuer":"{other}"}}"#)).await, TokenErrorKind::Misconfigured, "{other}");
    }
}

// R8414-2a
#[tokio::test]
async fn an_issuer_is_https_without_query_and_fragment() {
    let server = Endpoint::judging(|_| json(GOOD));
    for bad in
        ["http://login.example.com", "https://a?b", "https://a?", "https://a#b", "https://u@a", "a", "", "file:///a"]
    {
        let error = ServerMetadata::discover(bad, &server.http).await.unwrap_err();
        assert_eq!(error.kind(), TokenErrorKind::Misconfigured, "{bad}");
    }
    assert!(server.seen().is_empty());
}

// R8414-3.2a, THREAT-A5
#[tokio::test]
async fn only_one_strict_json_object_with_status_200_is_metadata() {
    for bad in [
        "",
        "[]",
        "{}",
        "null",
        "<html>",
        r#"{"issuer":1}"#,
        r#"{"issuer":"https://login.example.com/a","issuer":"https://login.example.com/a"}"#,
        r#"{"issuer":"https://login.example.com/a","token_endpoint":["https://login.example.com/t"]}"#,
        r#"{"issuer":"https://login.example.com/a","token_endpoint":"http://login.example.com/t"}"#,
        r#"{"issuer":"https://login.example.com/a","scopes_supported":"a"}"#,
        r#"{"issuer":"https://login.example.com/a","mtls_endpoint_aliases":[]}"#,
        r#"{"issuer":"https://login.example.com/a","require_pushed_authorization_requests":"true"}"#,
    ] {
        assert_eq!(kind_of(bad).await, TokenErrorKind::Unparsable, "{bad}");
    }
    assert_eq!(kind_of("[".repeat(100_000)).await, TokenErrorKind::Unparsable);
    assert_eq!(kind_of(&b"\"\xff\""[..]).await, TokenErrorKind::Unparsable);
    for content_type in ["text/html", "text/plain", "application/jwt", ""] {
        assert!(fetched(move |_| answer(200, content_type, GOOD)).await.is_err(), "{content_type}");
    }
    for status in [201, 204, 301, 400, 404, 429, 500, 503] {
        assert!(fetched(move |_| answer(status, "application/json", GOOD)).await.is_err(), "{status}");
    }
}

// THREAT-A5
#[tokio::test]
async fn a_document_of_more_than_256_kib_or_a_compressed_one_is_refused() {
    let padded = |size: usize| {
        let head = r#"{"issuer":"https://login.example.com/a","x":""#;
        format!("{head}{}\"}}", "x".repeat(size - head.len() - 2))
    };
    let largest = padded(256 * 1024);
    assert!(fetched(move |_| json(largest.clone())).await.is_ok());
    assert_eq!(kind_of(padded(256 * 1024 + 1)).await, TokenErrorKind::Unparsable);
    let encoded = fetched(|_| {
        let mut response = json(GOOD);
        response.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        response
    });
    assert_eq!(encoded.await.unwrap_err().kind(), TokenErrorKind::Unparsable);
}

// THREAT-A4
#[tokio::test]
async fn a_server_in_trouble_is_not_asked_elsewhere() {
    let server = Endpoint::judging(|_| {
        let mut response = answer(503, "text/plain", "");
        response.headers_mut().insert("retry-after", "7".parse().unwrap());
        response
    });
    let error = ServerMetadata::discover(ISSUER, &server.http).await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::ServerError);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    assert_eq!(server.seen().len(), 1);
    let throttled = fetched(|_| answer(429, "text/plain", "")).await.unwrap_err();
    assert_eq!(throttled.kind(), TokenErrorKind::Throttled);
}

// THREAT-A4
#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    let time = TestClock::new();
    let hanging = HttpClient::new(tower::service_fn(|_: Request<Bytes>| {
        std::future::pending::<Result<Response<Bytes>, BoxError>>()
    }));
    let discovery = ServerMetadata::discovery(ISSUER).http_client(hanging).clock(time.clock());
    let asking = tokio::spawn(async move { discovery.fetch().await });
    time.advance(Duration::from_secs(14)).await;
    assert!(!asking.is_finished());
    time.advance(Duration::from_secs(2)).await;
    assert_eq!(asking.await.unwrap().unwrap_err().kind(), TokenErrorKind::TimedOut);
}

// R8414-6.1a
#[tokio::test]
async fn no_redirect_is_followed_to_the_metadata() {
    for target in ["https://evil.example/metadata", "https://login.example.com/elsewhere"] {
        let server = Endpoint::judging(move |_: &Request<Bytes>| {
            Response::builder().status(302).header("location", target).body(Bytes::new()).unwrap()
        });
        ServerMetadata::discover(ISSUER, &server.http).await.unwrap_err();
        assert!(server.seen().iter().all(|request| request.uri().host() == Some("login.example.com")));
        assert!(server.seen().iter().all(|request| request.uri().path() != "/elsewhere"));
    }
}
