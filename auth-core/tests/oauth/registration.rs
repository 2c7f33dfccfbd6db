//! Clients that register themselves.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, Request, Response};
use tower_auth_core::{
    ClientAuth, ClientCredentials, ClientRegistration, RegisteredClient, TokenError, TokenErrorKind,
};
use tower_auth_testing::{AuthorizationServer, AuthorizationServerBuilder};

use crate::endpoint::{Endpoint, response};

const ISSUER: &str = "https://login.example.com";
const TOKEN: &str = "registration-sentinel";

fn server(change: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder) -> AuthorizationServer {
    change(AuthorizationServer::builder()).build().unwrap()
}

fn registration(server: &AuthorizationServer) -> ClientRegistration {
    ClientRegistration::new("Orders").http_client(server.http_client()).clock(server.clock())
}

#[tokio::test]
async fn a_client_registers_itself_and_gets_tokens() {
    let server = server(AuthorizationServerBuilder::open_registration);
    for auth in [ClientAuth::Basic, ClientAuth::Body] {
        let described = registration(&server).client_auth(auth).scopes(["a", "b"]).member("contacts", r#"["a@b"]"#);
        let registered = described.register(&server.issuer()).await.unwrap();
        assert_eq!((registered.issuer(), registered.client_auth()), (server.issuer().as_str(), auth));
        assert!(registered.client_secret().is_some() && registered.client_secret_expires_at().is_none());
        let source = ClientCredentials::over(registered.client()).scopes(["a"]).build().unwrap();
        source.request_token().await.unwrap();
        let other = described.register(&server.issuer()).await.unwrap();
        assert_ne!(registered.client_id(), other.client_id());
        let shown = format!("{registered:?} {described:?}");
        assert!(!shown.contains(registered.client_secret().unwrap().expose_secret()), "{shown}");
    }
    let public = registration(&server).client_auth(ClientAuth::None).redirect_uri("https://app.test/callback");
    let public = public.register(&server.issuer()).await.unwrap();
    assert!(public.client_secret().is_none());
    public.client().build().unwrap();
}

#[cfg(feature = "jwt")]
#[tokio::test]
async fn the_public_part_of_a_key_is_registered_and_the_private_one_stays() {
    use tower_auth_core::jose::{Algorithm, SigningKey};

    let server = server(AuthorizationServerBuilder::open_registration);
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let registered = registration(&server).private_key(key, Some("one")).register(&server.issuer()).await.unwrap();
    assert!(registered.client_secret().is_none());
    let sent = server.requests().iter().find(|request| request.uri().path() == "/register").unwrap().body().clone();
    let sent: serde_json::Value = serde_json::from_slice(&sent).unwrap();
    assert_eq!(sent["jwks"]["keys"][0]["kid"], "one");
    assert!(sent["jwks"]["keys"][0].get("d").is_none());
    ClientCredentials::over(registered.client()).build().unwrap().request_token().await.unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_register_everybody_says_what_it_wants() {
    let closed = server(|builder| builder.client("orders", "s3cret"));
    let error = registration(&closed).register(&closed.issuer()).await.unwrap_err();
    assert!(error.to_string().contains("no registration endpoint"), "{error}");
    let server = server(|builder| builder.registration_token(TOKEN));
    let error = registration(&server).register(&server.issuer()).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (TokenErrorKind::Misconfigured, Some(401)));
    registration(&server).initial_access_token(TOKEN).register(&server.issuer()).await.unwrap();
    let bad = registration(&server).initial_access_token(TOKEN).redirect_uri("http://app.test/callback");
    let error = bad.register(&server.issuer()).await.unwrap_err();
    assert_eq!((error.kind(), error.oauth_error()), (TokenErrorKind::Misconfigured, Some("invalid_redirect_uri")));
}

/// A server that gives `status` and `answer` to every registration, and what it was asked.
fn scripted(status: u16, answer: &'static str) -> (Endpoint, ClientRegistration) {
    let endpoint = Endpoint::judging(move |request: &Request<Bytes>| -> Response<Bytes> {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/.well-known/oauth-authorization-server") => response(
                200,
                "application/json",
                r#"{"issuer":"https://login.example.com","registration_endpoint":"https://login.example.com/register"}"#,
            ),
            (&Method::POST, _) => response(status, "application/json", answer),
            (&Method::DELETE, _) => response(204, "text/plain", ""),
            _ => response(200, "application/json", r#"{"client_id":"c1","client_secret":"rotated-secret"}"#),
        }
    });
    let registration = ClientRegistration::new("Orders").http_client(endpoint.http.clone());
    (endpoint, registration)
}

async fn answered(status: u16, answer: &'static str) -> Result<RegisteredClient, TokenError> {
    scripted(status, answer).1.initial_access_token(TOKEN).register(ISSUER).await
}

#[tokio::test]
async fn what_the_server_decided_is_what_counts() {
    let client = answered(
        201,
        r#"{"client_id":"c1","client_secret":"s","client_secret_expires_at":4102444800,"token_endpoint_auth_method":"client_secret_post"}"#,
    );
    let client = client.await.unwrap();
    assert_eq!(client.client_auth(), ClientAuth::Body);
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(4_102_444_800);
    assert_eq!(client.client_secret_expires_at(), Some(end));
    let public = answered(201, r#"{"client_id":"c1","token_endpoint_auth_method":"none"}"#).await.unwrap();
    assert_eq!(public.client_auth(), ClientAuth::None);
}

// THREAT-L2, THREAT-T7
#[tokio::test]
async fn an_answer_that_is_no_registration_is_refused_without_its_words() {
    for (status, answer, kind) in [
        (201, "", TokenErrorKind::Unparsable),
        (201, "<html>registration-sentinel", TokenErrorKind::Unparsable),
        (201, r#"{"client_id":"a","client_id":"b","client_secret":"s"}"#, TokenErrorKind::Unparsable),
        (201, r#"{"client_secret":"registration-sentinel"}"#, TokenErrorKind::Unparsable),
        (201, r#"{"client_id":"c1"}"#, TokenErrorKind::Unparsable),
        (
            201,
            r#"{"client_id":"c1","client_secret":"s","token_endpoint_auth_method":"private_key_jwt"}"#,
            TokenErrorKind::Unparsable,
        ),
        (202, r#"{"client_id":"c1","client_secret":"s"}"#, TokenErrorKind::Unparsable),
        (302, "", TokenErrorKind::Misconfigured),
        (
            400,
            r#"{"error":"invalid_client_metadata","error_description":"registration-sentinel\r\n no"}"#,
            TokenErrorKind::Misconfigured,
        ),
        (403, "", TokenErrorKind::Misconfigured),
        (429, "", TokenErrorKind::Throttled),
        (503, "", TokenErrorKind::ServerError),
    ] {
        let error = answered(status, answer).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status} {answer}: {error}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("sentinel") && !error.to_string().contains(['\r', '\n']), "{shown}");
    }
}

const MANAGED: &str = r#"{"client_id":"c1","client_secret":"first-secret","registration_access_token":"manage-it",
    "registration_client_uri":"https://login.example.com/register/c1"}"#;

#[tokio::test]
async fn a_registration_can_be_read_and_ended() {
    let (endpoint, registration) = scripted(201, MANAGED);
    let client = registration.register(ISSUER).await.unwrap();
    endpoint.seen();
    let read = registration.read(&client).await.unwrap();
    assert_eq!(read.client_secret().unwrap().expose_secret(), "rotated-secret");
    assert_eq!(read.registration_access_token().unwrap().expose_secret(), "manage-it");
    registration.delete(&read).await.unwrap();
    let seen = endpoint.seen();
    assert_eq!(seen.iter().map(|request| request.method().as_str()).collect::<Vec<_>>(), ["GET", "DELETE"]);
    for request in &seen {
        assert_eq!(request.uri(), "https://login.example.com/register/c1");
        assert_eq!(request.headers()["authorization"], "Bearer manage-it");
    }
    // A server that does not let clients manage themselves.
    let (endpoint, registration) = scripted(201, r#"{"client_id":"c1","client_secret":"s"}"#);
    let client = registration.register(ISSUER).await.unwrap();
    endpoint.seen();
    assert_eq!(registration.delete(&client).await.unwrap_err().kind(), TokenErrorKind::Misconfigured);
    assert!(endpoint.seen().is_empty());
}

// THREAT-T4
#[tokio::test]
async fn the_access_token_of_the_registration_goes_to_no_other_origin() {
    let elsewhere = r#"{"client_id":"c1","client_secret":"s","registration_access_token":"manage-it",
        "registration_client_uri":"https://evil.example/register/c1"}"#;
    let (_, registration) = scripted(201, elsewhere);
    assert_eq!(registration.register(ISSUER).await.unwrap_err().kind(), TokenErrorKind::Misconfigured);
    let allowed = registration.allow_endpoint_origin("https://evil.example").register(ISSUER).await.unwrap();
    assert_eq!(allowed.registration_client_uri().unwrap(), "https://evil.example/register/c1");
}

#[tokio::test]
async fn mistakes_are_found_before_anything_is_sent() {
    let (endpoint, registration) = scripted(201, MANAGED);
    for bad in [
        registration.clone().member("scope", "\"a\""),
        registration.clone().member("x", "{"),
        registration.clone().member("x", "1").member("x", "2"),
        registration.clone().scopes(["a b"]),
        registration.clone().initial_access_token("a\nb"),
    ] {
        let error = bad.register(ISSUER).await.unwrap_err();
        assert_eq!(error.kind(), TokenErrorKind::Misconfigured, "{error}");
        assert!(endpoint.seen().iter().all(|request| request.method() == Method::GET), "{bad:?}");
    }
}
