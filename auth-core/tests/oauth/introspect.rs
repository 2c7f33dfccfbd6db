//! Tokens that are looked up at the server (RFC 7662).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, RETRY_AFTER};
use http::{Method, Request, Response};
use tower_auth_core::{
    BodyFormat, ClientAuth, ConfigErrorKind, OAuthClient, OAuthClientBuilder, Secret, SourceRequest, Token, TokenCache,
    TokenErrorKind, TokenResponse, TokenTypeHint, TransportError, TransportErrorKind,
};
use tower_auth_testing::{AuthorizationServer, Fault, TestClient, TestClock};

use super::endpoint::{Endpoint, URL, basic, form, response};

const INTROSPECT: &str = "https://login.example.com/introspect?v=1";
const ACTIVE: &str = r#"{"active":true,"sub":"alice"}"#;

fn described(endpoint: &Endpoint) -> OAuthClientBuilder {
    let client = OAuthClient::builder("orders").token_endpoint(URL).introspection_endpoint(INTROSPECT);
    client.http_client(endpoint.http.clone())
}

fn with_secret(endpoint: &Endpoint) -> OAuthClient {
    described(endpoint).secret("client-sentinel").build().unwrap()
}

async fn ask(client: &OAuthClient) -> Result<bool, tower_auth_core::TokenError> {
    client.introspect(&Secret::from("token-sentinel"), None).await.map(|answer| answer.is_active())
}

// R7662-2.1a
#[test]
fn the_endpoint_is_https_and_a_client_needs_no_other() {
    let endpoint = Endpoint::json(200, ACTIVE);
    let at = |url: &str| {
        let client = OAuthClient::builder("orders").secret("s3cret").introspection_endpoint(url);
        client.http_client(endpoint.http.clone()).build()
    };
    assert!(at("https://login.example.com/introspect").is_ok());
    assert_eq!(at("http://login.example.com/introspect").unwrap_err().kind(), ConfigErrorKind::InsecureUrl);
    assert_eq!(at("http://127.0.0.1/introspect").unwrap_err().kind(), ConfigErrorKind::InsecureUrl);
    assert_eq!(at("https://login.example.com/i#x").unwrap_err().kind(), ConfigErrorKind::InvalidUrl);
}

// R7662-2.1a
#[tokio::test]
async fn without_an_endpoint_nothing_is_sent() {
    let endpoint = Endpoint::granting();
    let client = OAuthClient::builder("orders").token_endpoint(URL).secret("s3cret").http_client(endpoint.http.clone());
    let error = ask(&client.build().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Misconfigured);
    assert!(error.to_string().contains("the introspection endpoint is not known"), "{error}");
    assert!(endpoint.seen().is_empty());
}

// R7662-2.1a
#[tokio::test]
async fn a_form_holds_the_token_and_a_hint_and_the_client_proves_itself() {
    for (method, in_header, in_body) in [
        (ClientAuth::Basic, true, false),
        (ClientAuth::BasicRaw, true, false),
        (ClientAuth::Body, false, true),
        (ClientAuth::Both, true, true),
    ] {
        let endpoint = Endpoint::json(200, ACTIVE);
        let client = described(&endpoint).secret("client-sentinel").client_auth(method).build().unwrap();
        let answer = client.introspect(&Secret::from("t+k"), Some(TokenTypeHint::AccessToken)).await.unwrap();
        assert!(answer.is_active());
        assert_eq!(answer.json(), ACTIVE);
        let request = endpoint.only_request();
        assert_eq!((request.method(), request.uri().to_string().as_str()), (&Method::POST, INTROSPECT));
        assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
        assert_eq!(request.headers()["accept"], "application/json");
        assert!(!request.headers().contains_key("accept-encoding"));
        let form = form(&request);
        assert_eq!((form["token"].as_str(), form["token_type_hint"].as_str()), ("t+k", "access_token"));
        assert!(!form.contains_key("grant_type") && !form.contains_key("scope"));
        assert_eq!((basic(&request).is_some(), form.contains_key("client_secret")), (in_header, in_body), "{method:?}");
    }
    let endpoint = Endpoint::json(200, ACTIVE);
    let public = described(&endpoint).client_auth(ClientAuth::None).build().unwrap();
    ask(&public).await.unwrap();
    let sent = form(&endpoint.only_request());
    assert_eq!(sent.keys().collect::<Vec<_>>(), ["client_id", "token"]);
}

// R7662-2.1a
#[cfg(feature = "jwt")]
#[tokio::test]
async fn an_assertion_proves_the_client_too() {
    use tower_auth_core::StaticToken;
    use tower_auth_core::jose::{Algorithm, SigningKey};
    let endpoint = Endpoint::json(200, ACTIVE);
    let described = || described(&endpoint).issuer("https://login.example.com");
    let by_key = described().private_key(SigningKey::generate(Algorithm::Es256).unwrap()).build().unwrap();
    let by_secret = described().secret("s".repeat(32)).client_auth(ClientAuth::SecretJwt).build().unwrap();
    let by_platform = described().assertion(StaticToken::new(Token::new("a.b.c").unwrap())).build().unwrap();
    for client in [by_key, by_secret, by_platform] {
        ask(&client).await.unwrap();
        let sent = form(&endpoint.only_request());
        assert_eq!(sent["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        assert!(sent["client_assertion"].split('.').count() == 3 && !sent.contains_key("client_secret"));
    }
}

// R7662-2.1a
#[tokio::test]
async fn secrets_are_tried_in_order_and_what_worked_is_remembered() {
    let endpoint = Endpoint::judging(|request| match basic(request) {
        Some((_, secret)) if secret == "new" => response(200, "application/json", ACTIVE),
        _ => response(401, "application/json", r#"{"error":"invalid_client"}"#),
    });
    let client = described(&endpoint).secrets(["old", "new"]).build().unwrap();
    assert!(ask(&client).await.unwrap());
    assert_eq!(endpoint.seen().len(), 2);
    assert!(ask(&client).await.unwrap());
    assert_eq!(endpoint.seen().len(), 1);
    let body_only = Endpoint::judging(|request| match form(request).contains_key("client_secret") {
        true => response(200, "application/json", ACTIVE),
        false => response(401, "application/json", r#"{"error":"invalid_client"}"#),
    });
    let client = described(&body_only).secret("s3cret").client_auth(ClientAuth::Auto).build().unwrap();
    assert!(ask(&client).await.unwrap());
    assert_eq!(body_only.seen().len(), 2);
}

// R7662-2.1a, THREAT-L2
#[tokio::test]
async fn a_callers_token_is_never_written_into_a_url() {
    for format in [BodyFormat::InsecureQuery, BodyFormat::Json] {
        let endpoint = Endpoint::json(200, ACTIVE);
        let client = described(&endpoint).secret("s3cret").body_format(format).build().unwrap();
        ask(&client).await.unwrap();
        let request = endpoint.only_request();
        assert_eq!(request.uri().to_string(), INTROSPECT);
        assert_eq!(form(&request)["token"], "token-sentinel");
    }
}

// R7662-2.2a
#[tokio::test]
async fn active_is_the_json_value_true_and_nothing_that_looks_like_it() {
    for (body, active) in [
        (ACTIVE, true),
        (" { \"active\" : true } ", true),
        ("{\"\\u0061ctive\":true}", true),
        ("\u{feff}{\"active\":true}", true),
        (r#"{"active":true,"error":"stale"}"#, true),
        (r#"{"active":false}"#, false),
        (r#"{"active":false,"error":"invalid_token"}"#, false),
        (r#"{"active":"true"}"#, false),
        (r#"{"active":1}"#, false),
        (r#"{"active":[true]}"#, false),
        (r#"{"active":null}"#, false),
        (r#"{"Active":true}"#, false),
        (r#"{"sub":"alice"}"#, false),
        ("{}", false),
    ] {
        let answer = with_secret(&Endpoint::json(200, body)).introspect(&Secret::from("t"), None).await.unwrap();
        assert_eq!(answer.is_active(), active, "{body}");
        assert!(serde_json::from_str::<serde_json::Value>(answer.json()).is_ok(), "{body}");
        assert!(!format!("{answer:?}").contains("alice"));
    }
}

// R7662-2.3a, THREAT-A5
#[tokio::test]
async fn whatever_else_comes_says_nothing_of_the_token() {
    use TokenErrorKind::{Misconfigured, Refused, ServerError, Throttled, Unparsable};
    let huge = || format!(r#"{{"active":true,"x":"{}"}}"#, "x".repeat(64 * 1024));
    let deep = || format!(r#"{{"active":true,"x":{}{}}}"#, "[".repeat(16), "]".repeat(16));
    let many = || format!(r#"{{"active":true,"x":[{}]}}"#, vec!["1"; 1000].join(","));
    for (status, content_type, body, kind) in [
        (200, "application/json", String::new(), Unparsable),
        (200, "application/json", "[]".into(), Unparsable),
        (200, "application/json", "true".into(), Unparsable),
        (200, "application/json", r#"{"active":true"#.into(), Unparsable),
        (200, "application/json", r#"{"active":true,"active":false}"#.into(), Unparsable),
        (200, "application/json", r#"{"active":true,"x":{"a":1,"\u0061":2}}"#.into(), Unparsable),
        (200, "application/json", huge(), Unparsable),
        (200, "application/json", deep(), Unparsable),
        (200, "application/json", many(), Unparsable),
        (200, "application/json", r#"{"error":"invalid_request"}"#.into(), Misconfigured),
        (200, "text/html", "<html>active: true</html>".into(), Unparsable),
        (200, "application/x-www-form-urlencoded", "active=true".into(), Unparsable),
        (200, "application/token-introspection+jwt", "eyJhIjoxfQ.eyJhIjoxfQ.eA".into(), Unparsable),
        (201, "application/json", ACTIVE.into(), Misconfigured),
        (204, "application/json", String::new(), Misconfigured),
        (302, "application/json", ACTIVE.into(), Misconfigured),
        (400, "application/json", ACTIVE.into(), Misconfigured),
        (401, "application/json", r#"{"active":true}"#.into(), Misconfigured),
        (401, "application/json", r#"{"error":"invalid_client"}"#.into(), Misconfigured),
        (403, "application/json", ACTIVE.into(), Refused),
        (404, "text/html", "<html>".into(), Misconfigured),
        (408, "application/json", ACTIVE.into(), ServerError),
        (429, "application/json", ACTIVE.into(), Throttled),
        (500, "application/json", ACTIVE.into(), ServerError),
        (503, "text/html", "<html>".into(), ServerError),
    ] {
        let text = body.clone();
        let endpoint = Endpoint::new(move || {
            let answer = Response::builder().status(status).header("content-type", content_type);
            Ok(answer.body(Bytes::from(text.clone())).unwrap())
        });
        let error = ask(&with_secret(&endpoint)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status} {}: {error}", body.get(..60).unwrap_or(&body));
        assert_eq!(endpoint.seen().len(), 1, "asked once");
    }
}

// R7662-2.3a, THREAT-A4, THREAT-A5
#[tokio::test]
async fn faults_on_the_way_are_told_apart() {
    let unavailable =
        Endpoint::new(|| Ok(Response::builder().status(503).header(RETRY_AFTER, "120").body(Bytes::new()).unwrap()));
    let error = ask(&with_secret(&unavailable)).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (TokenErrorKind::ServerError, Some(Duration::from_secs(120))));
    for (kind, expected) in [
        (TransportErrorKind::Protocol, TokenErrorKind::Unreachable),
        (TransportErrorKind::TooLarge, TokenErrorKind::Unparsable),
        (TransportErrorKind::Encoded, TokenErrorKind::Unparsable),
        (TransportErrorKind::TimedOut, TokenErrorKind::TimedOut),
    ] {
        let broken = Endpoint::new(move || Err(TransportError::new(kind, "x").into()));
        assert_eq!(ask(&with_secret(&broken)).await.unwrap_err().kind(), expected, "{kind:?}");
    }
    // An HTTP client of somebody else's may hand a compressed body through.
    let zipped = Endpoint::new(|| {
        let answer = Response::builder().header(CONTENT_ENCODING, "gzip");
        Ok(answer.body(Bytes::from_static(b"\x1f\x8b\x08\x00")).unwrap())
    });
    assert_eq!(ask(&with_secret(&zipped)).await.unwrap_err().kind(), TokenErrorKind::Unparsable);
}

// R7662-2.3a, THREAT-A4
#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_given_up() {
    let time = TestClock::new();
    let server = server(&time);
    for fault in [Fault::hang(), Fault::drip(1, Duration::from_secs(1))] {
        server.fault(tower_auth_testing::Endpoint::Introspection, fault);
        let client = client(&server).clock(time.clock()).timeout(Duration::from_secs(5)).build().unwrap();
        let asked = tokio::spawn(async move { ask(&client).await });
        for _ in 0..6 {
            time.advance(Duration::from_secs(1)).await;
        }
        assert_eq!(asked.await.unwrap().unwrap_err().kind(), TokenErrorKind::TimedOut);
    }
}

// THREAT-L2, R7662-2.3a
#[tokio::test]
async fn messages_name_the_endpoint_and_what_to_do_and_no_secret() {
    let told = |status: u16, body: &'static str| async move {
        let endpoint = Endpoint::json(status, body);
        let error = ask(&with_secret(&endpoint)).await.unwrap_err();
        let mut text = format!("{error} {error:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(next) = source {
            text.push_str(&format!(" {next} {next:?}"));
            source = next.source();
        }
        assert!(!text.contains("sentinel"), "{text}");
        error.to_string()
    };
    let echo = r#"{"error":"invalid_client","error_description":"client-sentinel token-sentinel b3JkZXJzOmNsaWVudC1zZW50aW5lbA=="}"#;
    assert!(told(401, echo).await.contains("check client id, secret and the authentication method (currently basic)"));
    let text = told(404, "").await;
    assert!(
        text.contains(
            "has no introspection endpoint at this URL (status 404): check the URL of the introspection endpoint"
        ),
        "{text}"
    );
    assert!(told(302, "").await.contains("put the final URL of the introspection endpoint into the configuration"));
    assert!(
        told(200, "<html>token-sentinel")
            .await
            .contains("an HTML page (status 200), not JSON: is the URL of the introspection endpoint right?")
    );
    assert!(told(500, "token-sentinel").await.contains("failed (status 500): try again later"));
}

// R7662-2.2a, R7662-2.1a
#[tokio::test]
async fn a_server_tells_active_from_revoked_expired_and_unknown() {
    let time = TestClock::new();
    let server = server(&time);
    let client = client(&server).clock(time.clock()).build().unwrap();
    let issue = || async { server.client_credentials("orders").build().unwrap().request_token().await.unwrap() };
    let active = async |token: &Secret| client.introspect(token, None).await.unwrap().is_active();
    let (first, second) = (issue().await, issue().await);
    assert!(active(first.token().secret()).await && active(second.token().secret()).await);
    assert!(!active(&Secret::from("never-issued")).await);
    assert!(server.revoke(first.token().secret()));
    assert!(!active(first.token().secret()).await && active(second.token().secret()).await);
    time.advance(Duration::from_secs(24 * 3600)).await;
    assert!(!active(second.token().secret()).await);
}

// R8414-2a, R8414-2b, THREAT-T4, R7662-2.1a
#[tokio::test]
async fn the_endpoint_is_found_by_the_issuers_metadata() {
    let at = |endpoint: &'static str, methods: &'static str| {
        Endpoint::routed(move |request| {
            Ok(if request.uri().path().starts_with("/.well-known") {
                let body = format!(
                    r#"{{"issuer":"https://login.example.com","introspection_endpoint":"{endpoint}"{methods}}}"#
                );
                Response::builder().header("content-type", "application/json").body(Bytes::from(body)).unwrap()
            } else {
                response(200, "application/json", ACTIVE)
            })
        })
    };
    let client = |endpoint: &Endpoint| {
        let client = OAuthClient::builder("orders").issuer("https://login.example.com").secret("s3cret");
        client.http_client(endpoint.http.clone()).build().unwrap()
    };
    let good = at("https://login.example.com/look-up", "");
    assert!(ask(&client(&good)).await.unwrap());
    assert_eq!(good.seen().last().unwrap().uri().path(), "/look-up");
    for (endpoint, methods, expected) in [
        ("https://elsewhere.example/look-up", "", "is not used"),
        (
            "https://login.example.com/look-up",
            r#","introspection_endpoint_auth_methods_supported":["private_key_jwt"]"#,
            "takes clients that authenticate by private_key_jwt",
        ),
    ] {
        let hostile = at(endpoint, methods);
        let error = ask(&client(&hostile)).await.unwrap_err();
        assert_eq!(error.kind(), TokenErrorKind::Misconfigured);
        assert!(error.to_string().contains(expected), "{error}");
        assert!(hostile.seen().iter().all(|request| request.uri().path().starts_with("/.well-known")));
    }
}

/// A cache of tokens `bearer-1`, `bearer-2`, …, and how many there were.
fn numbered(time: &TestClock) -> (TokenCache, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let source = move |_: SourceRequest| {
        let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
        async move { Ok(TokenResponse::new(Token::new(format!("bearer-sentinel-{number}")).unwrap())) }
    };
    (TokenCache::builder(source).clock(time.clock()).build().unwrap(), count)
}

fn bearer(request: &Request<Bytes>) -> String {
    request.headers()["authorization"].to_str().unwrap().to_owned()
}

fn by_token(endpoint: &Endpoint, tokens: TokenCache) -> OAuthClient {
    described(endpoint).client_auth(ClientAuth::None).introspection_tokens(tokens).build().unwrap()
}

// R7662-2.1a
#[tokio::test]
async fn a_request_has_a_bearer_token_in_place_of_the_clients_proof() {
    let (tokens, count) = numbered(&TestClock::new());
    let endpoint = Endpoint::json(200, ACTIVE);
    let client = by_token(&endpoint, tokens);
    for _ in 0..3 {
        assert!(ask(&client).await.unwrap());
    }
    for request in endpoint.seen() {
        assert_eq!(bearer(&request), "Bearer bearer-sentinel-1");
        assert!(request.headers()["authorization"].is_sensitive());
        assert_eq!(form(&request).keys().collect::<Vec<_>>(), ["token"], "and no client id");
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

// R7662-2.1a
#[tokio::test]
async fn a_bearer_token_that_is_refused_is_renewed_and_asked_with_once_more() {
    let (tokens, count) = numbered(&TestClock::new());
    let endpoint = Endpoint::judging(|request| match bearer(request).as_str() {
        "Bearer bearer-sentinel-1" => response(401, "application/json", r#"{"error":"invalid_token"}"#),
        _ => response(200, "application/json", ACTIVE),
    });
    let client = by_token(&endpoint, tokens);
    assert!(ask(&client).await.unwrap());
    assert_eq!((endpoint.seen().len(), count.load(Ordering::SeqCst)), (2, 2));
    assert!(ask(&client).await.unwrap());
    assert_eq!((endpoint.seen().len(), count.load(Ordering::SeqCst)), (1, 2));
}

// R7662-2.1a, R7662-2.3a, THREAT-L2, THREAT-C7
#[tokio::test]
async fn an_endpoint_that_refuses_every_bearer_token_costs_two_requests_and_one_renewal() {
    let (tokens, count) = numbered(&TestClock::new());
    let endpoint = Endpoint::judging(|request| {
        let told = format!(r#"{{"error":"invalid_token","error_description":"bad {}"}}"#, bearer(request));
        Response::builder().status(401).body(Bytes::from(told)).unwrap()
    });
    let client = by_token(&endpoint, tokens);
    let error = ask(&client).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("sentinel"), "{error}");
    assert_eq!((endpoint.seen().len(), count.load(Ordering::SeqCst)), (2, 2));
    for _ in 0..5 {
        assert!(ask(&client).await.is_err());
    }
    assert_eq!((endpoint.seen().len(), count.load(Ordering::SeqCst)), (5, 2), "one each, and no renewal in vain");
}

// R7662-2.3a
#[tokio::test]
async fn without_a_bearer_token_nothing_is_sent() {
    let endpoint = Endpoint::json(200, ACTIVE);
    let tokens = TokenCache::new(|_: SourceRequest| async {
        Err::<TokenResponse, _>(tower_auth_core::TokenError::new(TokenErrorKind::Refused, "no token today"))
    });
    let error = ask(&by_token(&endpoint, tokens)).await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Refused);
    assert!(endpoint.seen().is_empty());
}

fn server(time: &TestClock) -> AuthorizationServer {
    let builder = AuthorizationServer::builder().client_with(TestClient::new("orders", "orders-secret"));
    builder.clock(time.clock()).build().unwrap()
}

fn client(server: &AuthorizationServer) -> OAuthClientBuilder {
    let client = OAuthClient::builder("orders").secret("orders-secret");
    client.introspection_endpoint(server.introspection_url()).http_client(server.http_client())
}
