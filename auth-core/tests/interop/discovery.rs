//! Clients that know their issuer and nothing else of the server, and clients that register themselves.

use serde_json::json;
use tower_auth_core::{
    AuthorizationCallback, AuthorizationRequest, ClientAuth, ClientCredentials, ClientRegistration, OAuthClient,
    OAuthClientBuilder, TokenErrorKind, TokenTypeHint,
};

use crate::provider::Provider;

const CALLBACK: &str = "https://app.example.test/callback";

impl Provider {
    fn by_issuer(&self, id: &str, auth: ClientAuth) -> OAuthClientBuilder {
        let builder = OAuthClient::builder(id).issuer(self.issuer()).client_auth(auth).allow_loopback_http();
        if auth == ClientAuth::None { builder } else { builder.secret(self.secret(id)) }
    }

    async fn log_in(&self, client: &OAuthClient, request: AuthorizationRequest) {
        let started = request.start().await.unwrap();
        let answer = self.test("authorize", json!({ "url": started.url.to_string() })).await;
        let location = answer["location"].as_str().unwrap_or_else(|| panic!("{answer}"));
        let callback = AuthorizationCallback::from_uri(location).unwrap();
        let response = started.transaction.finish(client, &callback).await.unwrap();
        client.revoke(response.token().secret(), Some(TokenTypeHint::AccessToken)).await.unwrap();
    }
}

// R8414-3b, R9700-2.6a
#[tokio::test]
async fn the_token_endpoint_is_found() {
    let Some(server) = Provider::start() else { return };
    let described = server.by_issuer("cc-basic", ClientAuth::Basic);
    ClientCredentials::over(described.clone()).build().unwrap().request_token().await.unwrap();
    let metadata = described.build().unwrap().metadata().await.unwrap();
    assert_eq!(metadata.issuer(), server.issuer());
    assert!(metadata.announces_iss_parameter());
    // The same issuer written otherwise is another one.
    let other = OAuthClient::builder("cc-basic").secret(server.secret("cc-basic")).allow_loopback_http();
    let other = ClientCredentials::over(other.issuer(format!("{}/", server.issuer())));
    let error = other.build().unwrap().request_token().await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Misconfigured, "{error}");
}

// R8414-3b, R9207-2.4a, R9207-2.4b
#[tokio::test]
async fn users_log_in_where_the_metadata_says() {
    let Some(server) = Provider::start() else { return };
    for (id, auth, redirect_uri) in [
        ("app-confidential", ClientAuth::Basic, CALLBACK),
        ("app-public", ClientAuth::None, "http://127.0.0.1/callback"),
    ] {
        let client = server.by_issuer(id, auth).build().unwrap();
        let request = AuthorizationRequest::new(&client, redirect_uri).scopes(["read"]);
        server.log_in(&client, request).await;
    }
}

// R9126-2.1a
#[tokio::test]
async fn requests_are_pushed_where_the_metadata_says() {
    let Some(server) = Provider::start() else { return };
    let client = server.by_issuer("app-par", ClientAuth::Body).build().unwrap();
    server.log_in(&client, AuthorizationRequest::new(&client, CALLBACK).scopes(["read"]).pushed()).await;
}

#[tokio::test]
async fn a_client_registers_itself_and_gets_tokens() {
    let Some(server) = Provider::start() else { return };
    let registration = ClientRegistration::new("Orders").allow_loopback_http();
    let registered = registration.register(server.issuer()).await.unwrap();
    let source = ClientCredentials::over(registered.client()).build().unwrap();
    source.request_token().await.unwrap();
    if registered.registration_access_token().is_some() {
        let read = registration.read(&registered).await.unwrap();
        assert_eq!(read.client_id(), registered.client_id());
    }
    let public = registration.client_auth(ClientAuth::None).redirect_uri(CALLBACK);
    let client = public.register(server.issuer()).await.unwrap().client().build().unwrap();
    let request = AuthorizationRequest::new(&client, CALLBACK).scopes(["openid"]);
    server.log_in(&client, request).await;
}
