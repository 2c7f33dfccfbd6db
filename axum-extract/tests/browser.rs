//! What a script in a browser can do with a guarded service of another origin: preflight requests, challenges, metadata.
#![cfg(all(feature = "http", feature = "jwt"))]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it skips")]

use std::sync::{Arc, Mutex};

use axum::extract::{Query, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, Response};
use axum::{Router, routing};
use serde::Deserialize;
use tower_auth::ValidateLayer;
use tower_auth_axum::core::{RejectionBody, ResourceMetadata, Verifier};
use tower_auth_axum::{Bearer, Identity, core, resource_metadata_routes};
use tower_http::cors::CorsLayer;

use self::browser::Browser;
use self::support::Issuer;

#[path = "../../auth-core/tests/interop/browser.rs"]
mod browser;
mod support;

/// What came: method, path, and whether it had a credential.
type Seen = Arc<Mutex<Vec<(Method, String, bool)>>>;

async fn note(State(seen): State<Seen>, request: Request, next: Next) -> Response {
    let has_credential = request.headers().contains_key(AUTHORIZATION);
    seen.lock().unwrap().push((request.method().clone(), request.uri().path().to_owned(), has_credential));
    next.run(request).await
}

async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    origin
}

/// A page whose script asks `url` before the page is complete, and writes what it may see of the answer into the title.
async fn page(Query(ask): Query<Ask>) -> Html<String> {
    let Ask { url, headers } = ask;
    Html(format!(
        "<title>nothing</title><script>
        let seen;
        try {{
            const request = new XMLHttpRequest();
            request.open('GET', '{url}', false);
            for (const [name, value] of Object.entries({headers})) request.setRequestHeader(name, value);
            request.send();
            seen = request.status + ' ' + request.getResponseHeader('www-authenticate') + ' ' + request.responseText;
        }} catch (error) {{ seen = error.name; }}
        document.title = seen;
        </script>"
    ))
}

#[derive(Deserialize)]
struct Ask {
    url: String,
    headers: String,
}

/// What a script of `origin` sees of `url`.
async fn see(browser: &Browser, origin: &str, url: &str, headers: &serde_json::Value) -> String {
    let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    browser.open(&format!("{origin}/?url={}&headers={}", escape(url), escape(&headers.to_string()))).await;
    browser.title().await
}

/// The guarded service: by the layer, and by an extractor.
fn guarded(verifier: Verifier) -> Router {
    Router::new()
        .route("/layer", routing::get(|caller: Identity| async move { caller.subject().to_owned() }))
        .route_layer(ValidateLayer::new(verifier.clone()).write_bodies())
        .route("/extractor", routing::get(|caller: Bearer| async move { caller.subject().to_owned() }))
        .with_state(verifier)
}

// R9110-11.3a, R9728-3.2a, R9728-5.1a
#[tokio::test]
async fn a_script_of_an_allowed_origin_gets_in_and_sees_why_not() {
    let Some(browser) = Browser::start().await else { return };
    let issuer = Issuer::new();
    let pages = || Router::new().route("/", routing::get(page));
    let (ours, theirs) = (serve(pages()).await, serve(pages()).await);

    let metadata = ResourceMetadata::new("https://api.example.com").unwrap();
    let verifier = issuer.verifier().with_resource_metadata(metadata.url()).unwrap();
    let verifier = verifier.with_rejection_body(RejectionBody::Problem);
    let seen = Seen::default();
    let cors = CorsLayer::new()
        .allow_origin(ours.parse::<HeaderValue>().unwrap())
        .allow_methods([Method::GET])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, HeaderName::from_static("dpop")])
        .expose_headers([WWW_AUTHENTICATE, HeaderName::from_static("dpop-nonce")]);
    let api = guarded(verifier.clone())
        .layer(cors)
        .merge(resource_metadata_routes(metadata.clone()))
        .layer(from_fn_with_state(Arc::clone(&seen), note));
    let api = serve(api).await;

    let token = serde_json::json!({ "Authorization": issuer.bearer(), "DPoP": "x" });
    let wrong = serde_json::json!({ "Authorization": "Bearer abc" });
    for path in ["/layer", "/extractor"] {
        let url = format!("{api}{path}");
        seen.lock().unwrap().clear();
        assert_eq!(see(&browser, &ours, &url, &token).await, "200 null alice", "{path}");
        let came = std::mem::take(&mut *seen.lock().unwrap());
        assert_eq!(came, [(Method::OPTIONS, path.to_owned(), false), (Method::GET, path.to_owned(), true)]);

        let refused = see(&browser, &ours, &url, &wrong).await;
        assert!(refused.starts_with(r#"401 Bearer realm="orders", resource_metadata="https://"#), "{refused}");
        assert!(refused.contains(r#"error="invalid_token""#) && refused.contains(r#""status":401"#), "{refused}");
        let missing = see(&browser, &ours, &url, &serde_json::json!({})).await;
        assert!(missing.starts_with("401 Bearer realm=") && !missing.contains("error="), "{missing}");
        assert_eq!(see(&browser, &theirs, &url, &token).await, "NetworkError", "another origin");
    }

    // The metadata is for everybody, whatever headers their clients add.
    let document = see(
        &browser,
        &theirs,
        &format!("{api}{}", metadata.path()),
        &serde_json::json!({ "MCP-Protocol-Version": "2025-06-18" }),
    )
    .await;
    assert_eq!(document, format!("200 null {}", metadata.to_json()));

    // A guard around the layer for CORS refuses the browser's question, which never has a credential.
    let cors = CorsLayer::new().allow_origin(ours.parse::<HeaderValue>().unwrap()).allow_headers([AUTHORIZATION]);
    let mistaken =
        Router::new().route("/", routing::get(|| async { "reached" })).layer(cors).layer(ValidateLayer::new(verifier));
    let mistaken = serve(mistaken).await;
    let plain = serde_json::json!({ "Authorization": issuer.bearer() });
    assert_eq!(see(&browser, &ours, &mistaken, &plain).await, "NetworkError");
}
