//! Against the authorization server of `tower-auth-testing`, with everything that it can do wrong.

use http::Uri;
use tower_auth_core::{
    AuthorizationCallback, AuthorizationError, AuthorizationErrorKind, AuthorizationRequest, ClientAuth,
    IssuerParameter, OAuthClient, OAuthClientBuilder, TokenErrorKind, TokenResponse,
};
use tower_auth_testing::{AuthorizationServer, Consent, Endpoint, Quirk, TestClient, TestClock};

use super::support::{CALLBACK, MINUTE};

fn server(time: &TestClock) -> AuthorizationServer {
    let public = TestClient::public("app").redirect_uri(CALLBACK).scopes(["a", "b"]);
    let pushing = TestClient::new("web", "s3cret").redirect_uri(CALLBACK).scopes(["a"]).require_pushed_requests();
    AuthorizationServer::builder().client_with(public).client_with(pushing).clock(time.clock()).build().unwrap()
}

fn described(server: &AuthorizationServer, id: &str) -> OAuthClientBuilder {
    OAuthClient::builder(id)
        .issuer(server.issuer())
        .authorization_endpoint(server.authorization_url())
        .token_endpoint(server.token_url())
        .pushed_authorization_request_endpoint(format!("{}/par", server.issuer()))
        .http_client(server.http_client())
        .clock(server.clock())
}

fn public(server: &AuthorizationServer) -> OAuthClient {
    described(server, "app").client_auth(ClientAuth::None).build().unwrap()
}

async fn login(
    server: &AuthorizationServer,
    request: &AuthorizationRequest,
    client: &OAuthClient,
    consent: &Consent,
) -> Result<TokenResponse, AuthorizationError> {
    let started = request.start().await.unwrap();
    let redirect = server.decide(&started.url.to_string(), consent).unwrap();
    started.transaction.finish(client, &AuthorizationCallback::from_uri(redirect.location()).unwrap()).await
}

// R6749-4.1.3a, R7636-4.2a, R9207-2.4a, R9207-2.4b, R9207-2.4c, R6749-4.1.2a
#[tokio::test]
async fn what_a_server_does_wrong_in_its_redirect_costs_no_token_request() {
    use AuthorizationErrorKind::{Denied, IssuerMismatch, StateMismatch};
    let server = server(&TestClock::new());
    let client = public(&server);
    let plain = AuthorizationRequest::new(&client, CALLBACK).scopes(["a", "b"]);
    let required = plain.clone().issuer_parameter(IssuerParameter::Required);
    let unexpected = plain.clone().issuer_parameter(IssuerParameter::Unexpected);
    for (quirk, request, outcome) in [
        (None, &required, None),
        (None, &plain, None),
        (None, &unexpected, Some(IssuerMismatch)),
        (Some(Quirk::MissingIss), &required, Some(IssuerMismatch)),
        (Some(Quirk::WrongIss), &required, Some(IssuerMismatch)),
        (Some(Quirk::WrongIss), &plain, Some(IssuerMismatch)),
        (Some(Quirk::UnannouncedIss), &plain, None),
        (Some(Quirk::UnannouncedIss), &unexpected, None),
        (Some(Quirk::MissingState), &required, Some(StateMismatch)),
        (Some(Quirk::WrongState), &required, Some(StateMismatch)),
    ] {
        for (consent, fine) in [(Consent::approve(), None), (Consent::deny(), Some(Denied))] {
            if let Some(quirk) = quirk {
                server.set_quirk(quirk, true);
            }
            let before = server.token_requests();
            let result = login(&server, request, &client, &consent).await;
            let expected = outcome.or(fine);
            assert_eq!(result.err().map(|error| error.kind()), expected, "{quirk:?}");
            assert_eq!(server.token_requests() - before, usize::from(expected.is_none()), "{quirk:?}");
            if let Some(quirk) = quirk {
                server.set_quirk(quirk, false);
            }
        }
    }
}

// R9126-2.1a, R9126-4a
#[tokio::test]
async fn a_pushed_request_is_used_once_and_in_time() {
    let time = TestClock::new();
    let server = server(&time);
    let client = described(&server, "web").secret("s3cret").build().unwrap();
    let plain = AuthorizationRequest::new(&client, CALLBACK).scopes(["a"]);
    let refused = login(&server, &plain, &client, &Consent::approve()).await;
    assert_eq!(refused.unwrap_err().kind(), AuthorizationErrorKind::ProviderError);

    let pushed = plain.pushed();
    login(&server, &pushed, &client, &Consent::approve()).await.unwrap();
    assert_eq!(server.request_count(Endpoint::PushedAuthorization), 1);
    let started = pushed.start().await.unwrap();
    let url = started.url.to_string();
    server.approve(&url).unwrap();
    let again = server.approve(&url);
    assert!(again.is_err() || again.unwrap().code().is_none(), "the server takes a reference once");
    let late = pushed.start().await.unwrap();
    time.tick(late.use_within.unwrap());
    let late = server.approve(&late.url.to_string());
    assert!(late.is_err() || late.unwrap().code().is_none());
}

// R6749-4.1.2a, R9700-2.2.2a
#[tokio::test]
async fn a_public_clients_grant_survives_rotation() {
    let time = TestClock::new();
    let server = server(&time);
    let client = public(&server);
    let request = AuthorizationRequest::new(&client, CALLBACK).scopes(["a", "b"]);
    let narrowed = Consent::approve().subject("alice").only("a".parse().unwrap());
    let response = login(&server, &request, &client, &narrowed).await.unwrap();
    assert_eq!(response.token().scope().unwrap().to_string(), "a", "what was granted, not what was asked for");
    let cache = request.keep_alive(response).cached().unwrap();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..4 {
        let token = cache.token().await.unwrap();
        assert!(seen.insert(token.secret().expose_secret().to_owned()));
        assert_eq!(token.scope().unwrap().to_string(), "a");
        time.advance(120 * MINUTE).await;
    }
    assert_eq!(server.max_presentations(), 1, "no refresh token is sent twice");
}

// R7636-4.5a
#[tokio::test]
async fn a_code_that_was_put_into_another_login_is_useless() {
    let server = server(&TestClock::new());
    let client = public(&server);
    let request = AuthorizationRequest::new(&client, CALLBACK);
    let victim = request.start().await.unwrap();
    let stolen = server.approve(&victim.url.to_string()).unwrap();
    let own = request.start().await.unwrap();
    let state = |url: &Uri| super::support::query(url)["state"].clone();
    let forged = stolen.location().replace(&state(&victim.url), &state(&own.url));
    let callback = AuthorizationCallback::from_uri(&forged).unwrap();
    let error = own.transaction.finish(&client, &callback).await.unwrap_err();
    assert_eq!(error.kind(), AuthorizationErrorKind::ExchangeFailed);
    let error = error.token_error().unwrap();
    assert_eq!((error.kind(), error.oauth_error()), (TokenErrorKind::Refused, Some("invalid_grant")));
}
