//! Clients that know nothing but their issuer, against the authorization server of `tower-auth-testing`.

use tower_auth_core::{
    AuthorizationCallback, AuthorizationErrorKind, AuthorizationRequest, ClientAuth, ClientCredentials, OAuthClient,
    TokenErrorKind, TokenTypeHint,
};
use tower_auth_testing::{
    AuthorizationServer, AuthorizationServerBuilder, Consent, Endpoint, Quirk, TestClient, TestClock,
};

use super::support::{CALLBACK, query};

fn server(change: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder) -> AuthorizationServer {
    let public = TestClient::public("app").redirect_uri(CALLBACK).scopes(["a"]);
    let pushing = TestClient::new("web", "s3cret").redirect_uri(CALLBACK).scopes(["a"]).require_pushed_requests();
    let builder = AuthorizationServer::builder().client_with(public).client_with(pushing);
    change(builder.clock(TestClock::new().clock())).build().unwrap()
}

fn client(server: &AuthorizationServer, id: &str) -> OAuthClient {
    let builder =
        OAuthClient::builder(id).issuer(server.issuer()).http_client(server.http_client()).clock(server.clock());
    let builder = if id == "app" { builder.client_auth(ClientAuth::None) } else { builder.secret("s3cret") };
    builder.build().unwrap()
}

/// How a whole login ends.
async fn login(server: &AuthorizationServer, id: &str, pushed: bool) -> Result<(), AuthorizationErrorKind> {
    let client = client(server, id);
    let request = AuthorizationRequest::new(&client, CALLBACK).scopes(["a"]);
    let request = if pushed { request.pushed() } else { request };
    let started = request.start().await.map_err(|error| error.kind())?;
    let redirect = server.decide(&started.url.to_string(), &Consent::approve()).unwrap();
    let callback = AuthorizationCallback::from_uri(redirect.location()).unwrap();
    let response = started.transaction.finish(&client, &callback).await.map_err(|error| error.kind())?;
    client.revoke(response.token().secret(), Some(TokenTypeHint::AccessToken)).await.unwrap();
    Ok(())
}

// R8414-3a, R8414-3b, R9700-2.6a
#[tokio::test]
async fn every_endpoint_of_a_login_is_found_wherever_the_document_is() {
    for quirk in [None, Some(Quirk::OpenIdMetadataOnly), Some(Quirk::InsertedOpenIdMetadataOnly)] {
        for issuer in ["https://login.test", "https://login.test/tenant"] {
            let server = server(|builder| builder.issuer(issuer));
            if let Some(quirk) = quirk {
                server.set_quirk(quirk, true);
            }
            assert_eq!(login(&server, "app", false).await, Ok(()), "{quirk:?} {issuer}");
            assert_eq!(login(&server, "web", true).await, Ok(()), "{quirk:?} {issuer}");
        }
    }
}

// R9126-5a
#[tokio::test]
async fn a_server_that_wants_pushed_requests_gets_them_unasked() {
    let server = server(AuthorizationServerBuilder::require_pushed_requests);
    let client = client(&server, "web");
    let started = AuthorizationRequest::new(&client, CALLBACK).scopes(["a"]).start().await.unwrap();
    assert_eq!(query(&started.url).keys().collect::<Vec<_>>(), ["client_id", "request_uri"]);
    assert_eq!(login(&server, "web", false).await, Ok(()));
    // The same server without that rule is sent a plain request.
    server.set_metadata("require_pushed_authorization_requests", Some("false"));
    let client = self::client(&server, "app");
    let started = AuthorizationRequest::new(&client, CALLBACK).scopes(["a"]).start().await.unwrap();
    assert!(query(&started.url).contains_key("code_challenge"));
}

// R9207-2.4a, R9207-2.4b, R9207-2.4c
#[tokio::test]
async fn what_the_metadata_announces_decides_about_iss() {
    let server = server(|builder| builder);
    assert_eq!(login(&server, "app", false).await, Ok(()));
    for quirk in [Quirk::MissingIss, Quirk::WrongIss] {
        server.set_quirk(quirk, true);
        assert_eq!(login(&server, "app", false).await, Err(AuthorizationErrorKind::IssuerMismatch), "{quirk:?}");
        server.set_quirk(quirk, false);
    }
    server.set_quirk(Quirk::UnannouncedIss, true);
    assert_eq!(login(&server, "app", false).await, Ok(()));
    server.set_quirk(Quirk::UnannouncedIss, false);
    // It is sent, and the metadata says nothing of it.
    server.set_metadata("authorization_response_iss_parameter_supported", None);
    assert_eq!(login(&server, "app", false).await, Err(AuthorizationErrorKind::IssuerMismatch));
}

// THREAT-C2, R7636-4.2b
#[tokio::test]
async fn a_server_that_does_not_list_our_proof_key_method_is_refused_before_the_user_is_sent() {
    let server = server(|builder| builder);
    for (listed, ends) in [
        (Some(r#"["plain"]"#), Err(AuthorizationErrorKind::PkceUnsupported)),
        (Some("[]"), Err(AuthorizationErrorKind::PkceUnsupported)),
        (Some(r#"["plain","S256"]"#), Ok(())),
        (None, Ok(())),
    ] {
        server.set_metadata("code_challenge_methods_supported", listed);
        assert_eq!(login(&server, "app", false).await, ends, "{listed:?}");
    }
}

// R8414-3.3a, THREAT-T4
#[tokio::test]
async fn tampered_metadata_gets_neither_the_user_nor_a_secret() {
    for (member, json) in [
        ("issuer", r#""https://evil.test""#),
        ("token_endpoint", r#""https://evil.test/token""#),
        ("token_endpoint", r#""http://login.test/token""#),
    ] {
        let server = server(|builder| builder);
        server.set_metadata(member, Some(json));
        assert_eq!(login(&server, "app", false).await, Err(AuthorizationErrorKind::StartFailed), "{member} {json}");
        let source = ClientCredentials::over(
            OAuthClient::builder("web").secret("s3cret").issuer(server.issuer()).http_client(server.http_client()),
        );
        let error = source.build().unwrap().request_token().await.unwrap_err();
        assert!(matches!(error.kind(), TokenErrorKind::Misconfigured | TokenErrorKind::Unparsable), "{error}");
        assert_eq!(server.request_count(Endpoint::Token), 0);
    }
}

#[tokio::test]
async fn a_public_client_needs_no_mention_among_the_ways_to_authenticate() {
    let server = server(|builder| builder);
    server.set_metadata("token_endpoint_auth_methods_supported", Some(r#"["client_secret_basic"]"#));
    server.set_metadata("revocation_endpoint_auth_methods_supported", Some(r#"["client_secret_basic"]"#));
    assert_eq!(login(&server, "app", false).await, Ok(()));
}
