//! A web application's login, from a browser's point of view: against the certified authorization server, with Chromium.
#![cfg(all(feature = "http", feature = "authorization-code", feature = "jwt"))]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it skips")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::extract::{Query, RawQuery, State};
use axum::http::header::{COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use tower_auth_axum::core;
use tower_auth_axum::core::{
    AuthorizationCallback, AuthorizationError, AuthorizationRequest, ClientAuth, IssuerParameter, MemoryTransactions,
    OAuthClient, ReturnTo, TransactionStore,
};

use self::browser::Browser;
use self::provider::Provider;

#[path = "../../auth-core/tests/interop/browser.rs"]
mod browser;
#[path = "../../auth-core/tests/interop/provider.rs"]
mod provider;

struct App {
    client: OAuthClient,
    request: AuthorizationRequest,
    store: MemoryTransactions,
    sessions: AtomicU32,
}

#[derive(Deserialize)]
struct Login {
    return_to: Option<String>,
    hint: Option<String>,
}

/// Begins a login: a cookie ties it to this browser.
async fn login(State(app): State<Arc<App>>, Query(query): Query<Login>) -> Response {
    let mut request = app.request.clone();
    if let Some(place) = query.return_to.and_then(|place| ReturnTo::new(place).ok()) {
        request = request.return_to(place);
    }
    if let Some(hint) = query.hint {
        request = request.login_hint(hint);
    }
    // A service takes the id of its own session.
    let session = format!("session-{}", app.sessions.fetch_add(1, Ordering::Relaxed));
    let started = request.bound_to(session.as_str()).start().await.unwrap();
    let url = started.url.to_string();
    app.store.put(started.transaction).await.unwrap();
    let cookie = format!("login={session}; Path=/; HttpOnly; SameSite=Lax");
    (StatusCode::SEE_OTHER, [(LOCATION, url), (SET_COOKIE, cookie)]).into_response()
}

/// Ends it.
async fn callback(State(app): State<Arc<App>>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let cookies = headers.get(COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let session = cookies.split("; ").find_map(|cookie| cookie.strip_prefix("login=")).unwrap_or_default();
    match finish(&app, session, &query.unwrap_or_default()).await {
        Ok(place) => (StatusCode::SEE_OTHER, [(LOCATION, place)]).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, Html(format!("<title>{}</title>", error.code()))).into_response(),
    }
}

async fn finish(app: &App, session: &str, query: &str) -> Result<String, AuthorizationError> {
    let callback = AuthorizationCallback::from_query(query)?.bound_to(session);
    let transaction = callback.take_from(&app.store).await?;
    let place = transaction.return_to().map_or_else(|| "/".to_owned(), ToString::to_string);
    transaction.finish(&app.client, &callback).await?;
    Ok(place)
}

async fn serve(server: &Provider) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let issuer = server.issuer();
    let client = OAuthClient::builder("app-public")
        .client_auth(ClientAuth::None)
        .issuer(issuer)
        .authorization_endpoint(format!("{issuer}/auth"))
        .token_endpoint(format!("{issuer}/token"))
        .allow_loopback_http()
        .build()
        .unwrap();
    let request = AuthorizationRequest::new(&client, format!("{origin}/callback"))
        .issuer_parameter(IssuerParameter::Required)
        .scopes(["openid", "read"])
        .prompt("login");
    let app = Arc::new(App { client, request, store: MemoryTransactions::new(), sessions: AtomicU32::new(1) });
    let page = |title: &'static str| get(move || async move { Html(format!("<title>{title}</title>")) });
    let router = Router::new()
        .route("/", page("front"))
        .route("/orders", page("orders"))
        .route("/login", get(login))
        .route("/callback", get(callback))
        .with_state(app);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    origin
}

// SYS-U2, SYS-C13, THREAT-C1, THREAT-C4
#[tokio::test]
async fn a_browser_logs_in_comes_back_and_cannot_do_it_twice() {
    let Some(server) = Provider::start() else { return };
    let Some(browser) = Browser::start().await else { return };
    let origin = serve(&server).await;

    browser.open(&format!("{origin}/login?return_to=%2Forders%3Fpage%3D2")).await;
    assert_eq!(browser.url().await, format!("{origin}/orders?page=2"));
    assert_eq!(browser.title().await, "orders");
    assert_eq!(server.token_requests().await, 1);

    // A place that is not ours becomes the front page.
    for place in ["https://evil.example/", "//evil.example/", "/\\evil.example/", "/%09/evil.example"] {
        let place: String = place.bytes().map(|byte| format!("%{byte:02X}")).collect();
        browser.open(&format!("{origin}/login?return_to={place}")).await;
        assert_eq!(browser.url().await, format!("{origin}/"));
    }
    let requests = server.token_requests().await;

    browser.open(&format!("{origin}/login?hint=deny")).await;
    assert_eq!(browser.title().await, "authorization.denied");
    // The same answer once more.
    let answer = browser.url().await;
    browser.open(&answer).await;
    assert_eq!(browser.title().await, "authorization.unknown_state");
    assert_eq!(server.token_requests().await, requests);
}

// THREAT-C1, SYS-C13
#[tokio::test]
async fn an_answer_that_another_browser_brings_is_refused() {
    let Some(server) = Provider::start() else { return };
    let Some(browser) = Browser::start().await else { return };
    let origin = serve(&server).await;
    // Mallory begins a login and gets an answer, without coming back with it.
    let http = core::HttpTransport::new().allow_loopback_http().build().unwrap();
    let begin = http::Request::get(format!("{origin}/login")).body(bytes::Bytes::new()).unwrap();
    let begun = http.send(begin).await.unwrap();
    let url = begun.headers()[LOCATION].to_str().unwrap();
    let answer = server.test("authorize", serde_json::json!({ "url": url })).await;
    // The browser of Alice, which has a login of its own, is led to it.
    browser.open(&format!("{origin}/login")).await;
    let requests = server.token_requests().await;
    browser.open(answer["location"].as_str().unwrap()).await;
    assert_eq!(browser.title().await, "authorization.binding_mismatch");
    assert_eq!(server.token_requests().await, requests);
}
