use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Uri};
use serde_json::json;
use tower_auth_core::{
    AuthorizationCallback, AuthorizationErrorKind, AuthorizationRequest, AuthorizationTransaction, ClientAuth,
    HttpTransport, IssuerParameter, NativeLogin, OAuthClient, RefreshToken, Secret, TokenErrorKind,
};

use crate::browser::Browser;
use crate::provider::Provider;

const CALLBACK: &str = "https://app.example.test/callback";

impl Provider {
    fn client(&self, id: &str, auth: ClientAuth) -> OAuthClient {
        let builder = self.described(id).client_auth(auth);
        let builder = if auth == ClientAuth::None { builder } else { builder.secret(self.secret(id)) };
        builder.build().unwrap()
    }

    fn request(&self, client: &OAuthClient) -> AuthorizationRequest {
        self.announced(AuthorizationRequest::new(client, CALLBACK))
    }

    /// The metadata of this server says that it names itself in each answer.
    fn announced(&self, request: AuthorizationRequest) -> AuthorizationRequest {
        request.issuer_parameter(IssuerParameter::Required)
    }

    /// Where the user is sent in the end.
    async fn visit(&self, url: &Uri) -> AuthorizationCallback {
        let answer = self.test("authorize", json!({ "url": url.to_string() })).await;
        AuthorizationCallback::from_uri(answer["location"].as_str().unwrap_or_else(|| panic!("{answer}"))).unwrap()
    }
}

// R6749-4.1.3a, R7636-4.2a, R9207-2.4a, R6749-4.1.1a
#[tokio::test]
async fn a_confidential_client_gets_a_users_token() {
    let Some(server) = Provider::start() else { return };
    let client = server.client("app-confidential", ClientAuth::Basic);
    let request = server.request(&client).scopes(["openid", "offline_access", "read"]).prompt("consent");
    let started = request.start().await.unwrap();
    let callback = server.visit(&started.url).await;
    assert_eq!(callback.param("iss").unwrap().expose_secret(), server.issuer());
    let response = started.transaction.finish(&client, &callback).await.unwrap();
    assert!(response.refresh_token().is_some() && response.id_token().is_some());
    assert!(response.token().scope().unwrap().contains("read"));
}

// R8707-2b
#[tokio::test]
async fn the_resource_is_the_same_at_both_endpoints() {
    let Some(server) = Provider::start() else { return };
    let client = server.client("app-confidential", ClientAuth::Basic);
    let request = server.request(&client).scopes(["read"]).resource("urn:api:es256");
    let started = request.start().await.unwrap();
    let callback = server.visit(&started.url).await;
    let response = started.transaction.finish(&client, &callback).await.unwrap();
    let verifier = server.verifier("urn:api:es256").build().unwrap();
    let mut headers = http::HeaderMap::new();
    let bearer = format!("Bearer {}", response.token().secret().expose_secret());
    headers.insert(http::header::AUTHORIZATION, bearer.parse().unwrap());
    assert_eq!(verifier.verify(&headers).await.unwrap().subject(), "alice");
}

// R7636-4.5a, R6749-4.1.2a
#[tokio::test]
async fn a_code_is_good_once_and_for_its_own_proof_key() {
    let Some(server) = Provider::start() else { return };
    let client = server.client("app-confidential", ClientAuth::Basic);
    let request = server.request(&client).scopes(["read"]);
    let refused = |error: tower_auth_core::AuthorizationError| {
        assert_eq!(error.kind(), AuthorizationErrorKind::ExchangeFailed);
        let error = error.token_error().unwrap();
        (error.kind(), error.oauth_error().map(str::to_owned))
    };
    let invalid_grant = (TokenErrorKind::Refused, Some("invalid_grant".to_owned()));

    let started = request.start().await.unwrap();
    let callback = server.visit(&started.url).await;
    let copy = AuthorizationTransaction::from_secret_json(&started.transaction.to_secret_json()).unwrap();
    started.transaction.finish(&client, &callback).await.unwrap();
    assert_eq!(refused(copy.finish(&client, &callback).await.unwrap_err()), invalid_grant);

    let started = request.start().await.unwrap();
    let callback = server.visit(&started.url).await;
    let kept = started.transaction.to_secret_json().expose_secret().to_owned();
    let verifier = kept.split("\"code_verifier\":\"").nth(1).unwrap().split('"').next().unwrap();
    let changed = kept.replace(verifier, &"x".repeat(43));
    let thief = AuthorizationTransaction::from_secret_json(&changed.into()).unwrap();
    assert_eq!(refused(thief.finish(&client, &callback).await.unwrap_err()), invalid_grant);
}

// R9126-2.1a, R9126-2.2a, R9126-4a
#[tokio::test]
async fn a_request_is_pushed_where_the_server_demands_it() {
    let Some(server) = Provider::start() else { return };
    let client = server.client("app-par", ClientAuth::Body);
    let plain = server.request(&client).scopes(["read"]);
    let answer = server.test("authorize", json!({ "url": plain.start().await.unwrap().url.to_string() })).await;
    assert!(answer.to_string().contains("Pushed Authorization Request must be used"), "{answer}");

    let started = plain.pushed().start().await.unwrap();
    assert!(started.use_within.is_some_and(|time| !time.is_zero()));
    let callback = server.visit(&started.url).await;
    started.transaction.finish(&client, &callback).await.unwrap();
    let again = server.test("authorize", json!({ "url": started.url.to_string() })).await;
    assert!(again["location"].is_null() || again.to_string().contains("error"), "{again}");
}

// R9207-2.4a
#[tokio::test]
async fn a_user_who_says_no_is_told_apart() {
    let Some(server) = Provider::start() else { return };
    let client = server.client("app-confidential", ClientAuth::Basic);
    let started = server.request(&client).scopes(["read"]).login_hint("deny").start().await.unwrap();
    let callback = server.visit(&started.url).await;
    assert!(callback.param("iss").is_some() && callback.param("code").is_none());
    let error = started.transaction.finish(&client, &callback).await.unwrap_err();
    assert_eq!((error.kind(), error.oauth_error()), (AuthorizationErrorKind::Denied, Some("access_denied")));
    assert!(error.to_string().contains("the user said no"), "{error}");
    assert_eq!(server.token_requests().await, 0);
}

// R8252-6a, R8252-7.3a
#[tokio::test]
async fn a_native_app_logs_in_by_its_own_port() {
    let Some(server) = Provider::start() else { return };
    let server = Arc::new(server);
    let client = server.client("app-public", ClientAuth::None);
    let visitor = Arc::clone(&server);
    let http = HttpTransport::new().allow_loopback_http().build().unwrap();
    let login = NativeLogin::new(&client, move |url| {
        let (server, url, http) = (Arc::clone(&visitor), url.clone(), http.clone());
        tokio::spawn(async move {
            let answer = server.test("authorize", json!({ "url": url.to_string() })).await;
            let back = Request::get(answer["location"].as_str().unwrap()).body(Bytes::new()).unwrap();
            assert!(http.send(back).await.unwrap().status().is_success());
        });
        Ok(())
    });
    let login = login.scopes(["openid", "offline_access", "read"]);
    let login = login.configure(|request| server.announced(request).prompt("consent"));
    let response = login.login().await.unwrap();
    let first = response.refresh_token().unwrap().clone();

    // Kept alive: each refresh brings a new refresh token.
    let newest = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&newest);
    let cache = login.keep_alive(response).build().unwrap().cache_builder();
    let cache = cache.persist(move |response| {
        kept.lock().unwrap().push(response.refresh_token().unwrap().clone());
        async { Ok(()) }
    });
    let cache = cache.build().unwrap();
    let token = cache.token().await.unwrap();
    for _ in 0..2 {
        let generation = cache.current().await.unwrap().generation;
        let _ = cache.invalidate(generation);
        assert_ne!(cache.token().await.unwrap().secret(), token.secret());
    }
    let newest = newest.lock().unwrap().clone();
    assert!(newest.len() == 3 && newest[0] == first && newest[1] != newest[0] && newest[2] != newest[1]);

    // Somebody sends an old one: the whole family ends.
    let refresh = |token: &Secret| {
        let url = format!("{}/token", server.issuer());
        let source = RefreshToken::public(url, "app-public", token.clone()).allow_loopback_http().build().unwrap();
        async move { source.request_token().await }
    };
    for dead in [&newest[0], &newest[2]] {
        let error = refresh(dead).await.unwrap_err();
        assert_eq!((error.kind(), error.oauth_error()), (TokenErrorKind::Refused, Some("invalid_grant")));
    }
}

// R8252-6a, R8252-7.3a, R8252-P1, SYS-U2
#[tokio::test]
async fn a_browser_brings_the_answer_to_a_native_app() {
    let Some(server) = Provider::start() else { return };
    let Some(browser) = Browser::start().await else { return };
    let client = server.client("app-public", ClientAuth::None);
    for (hint, title) in [("alice", "You can close this window"), ("deny", "Access was not granted")] {
        let visitor = browser.clone();
        let login = NativeLogin::new(&client, move |url| {
            let (browser, url) = (visitor.clone(), url.to_string());
            tokio::spawn(async move { browser.open(&url).await });
            Ok(())
        });
        let login = login
            .scopes(["openid", "read"])
            .configure(|request| server.announced(request).prompt("login").login_hint(hint));
        let result = login.login().await;
        match hint {
            "deny" => assert_eq!(result.unwrap_err().kind(), AuthorizationErrorKind::Denied),
            _ => assert!(result.unwrap().id_token().is_some()),
        }
        assert_eq!(browser.title().await, title);
    }
}
