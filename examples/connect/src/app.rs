//! The application around the page: it knows its user, opens the page for them, and calls APIs with what they connected.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, LOCATION};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::{ServiceBuilder, ServiceExt};
use tower_auth::{ProviderLayer, ReplayBody};
use tower_auth_store::{Connect, ConnectSession, CredentialInfo, CredentialStore, ListQuery, Owner, StoreError};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f4f6f8;color:#14181f}\
    main{max-width:56rem;margin:3rem auto;padding:0 1rem}table{border-collapse:collapse;width:100%;background:#fff}\
    th,td{text-align:left;padding:.6rem .8rem;border:1px solid #d8dee6;vertical-align:top}code{word-break:break-all}\
    button{font:inherit;margin-top:1.5rem;padding:.6rem 1.2rem;border:0;border-radius:.5rem;background:#2b57d6;color:#fff}";

/// The application's state.
#[derive(Clone)]
struct App {
    store: CredentialStore,
    connect: Connect,
    /// Who sits there: an application of your own has signed somebody in.
    user: Owner,
    http: Client<HttpConnector, ReplayBody<Empty<Bytes>>>,
    connected: Arc<str>,
}

/// The application with the page under `/connect`. `url` is where browsers find it.
///
/// # Panics
/// Never: the demo user has a name.
pub fn router(store: CredentialStore, connect: Connect, url: &str) -> Router {
    let app = App {
        store,
        user: Owner::user("demo-user").expect("the name is not empty"),
        http: Client::builder(TokioExecutor::new()).build_http(),
        connected: format!("{url}/connected").into(),
        connect: connect.clone(),
    };
    Router::new()
        .route("/", get(home))
        .route("/manage", post(manage))
        .route("/connected", get(connected))
        .with_state(app)
        .nest("/connect", connect.router())
}

/// Opens the page for whoever is signed in.
async fn manage(State(app): State<App>) -> Response {
    let session = ConnectSession::new(app.user.clone()).redirect_uri(&*app.connected);
    match app.connect.sign(&session) {
        Ok(token) => {
            let location = app.connect.start_url(&token);
            let headers = [(LOCATION, location.expose_secret().to_owned()), (CACHE_CONTROL, "no-store".to_owned())];
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        Err(error) => failed(&error),
    }
}

/// Where the page sends its users when they have connected something.
async fn connected(Query(params): Query<Vec<(String, String)>>) -> Response {
    match params.iter().any(|(name, _)| name == "error") {
        true => Redirect::to("/?outcome=failed").into_response(),
        false => Redirect::to("/?outcome=connected").into_response(),
    }
}

/// What the user has connected, and what the APIs say.
async fn home(State(app): State<App>, Query(params): Query<Vec<(String, String)>>) -> Response {
    let page = match app.store.list(&app.user, ListQuery::new()).await {
        Ok(page) => page,
        Err(error) => return failed(&error),
    };
    let mut rows = String::new();
    for credential in &page.credentials {
        let answer = match call(&app, credential).await {
            Ok(answer) => answer,
            Err(error) => error.to_string(),
        };
        rows.push_str(&format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td><td><code>{}</code></td></tr>",
            escape(&credential.label),
            escape(&credential.connector),
            credential.status,
            escape(&answer)
        ));
    }
    let said = match params.iter().find(|(name, _)| name == "outcome").map(|(_, value)| value.as_str()) {
        Some("connected") => "<p role=\"status\">Connected.</p>",
        Some("failed") => "<p role=\"status\">Nothing was connected.</p>",
        _ => "",
    };
    let table = if rows.is_empty() {
        "<p>Nothing is connected yet.</p>".to_owned()
    } else {
        format!(
            "<table><thead><tr><th>Name</th><th>Service</th><th>Status</th><th>What its API says</th></tr></thead><tbody>{rows}</tbody></table>"
        )
    };
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <link rel=\"icon\" href=\"/connect/assets/connect.svg\"><title>Example application</title><style>{STYLE}</style><main><h1>Example application</h1>{said}{table}\
         <form method=\"post\" action=\"/manage\"><button>Manage connections</button></form></main></html>"
    ))
    .into_response()
}

/// Asks the API of a credential who it is. The layer renews the token, and sends once more after a 401.
async fn call(app: &App, credential: &CredentialInfo) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let stored = app.store.stored(&app.user, credential.id);
    let connection = stored.connection().await?;
    let layer = ProviderLayer::new(&connection)?;
    let path = if credential.connector == "weather-desk" { "/api/v1/me" } else { "/api/me" };
    let mut request = Request::get(path).body(Empty::<Bytes>::new())?;
    // The store's tokens in place of the connection's own: whoever else uses the credential shares them.
    let tokens = app.store.tokens(&app.user, credential.id)?;
    request.extensions_mut().insert(tower_auth::RequestCredentials(tokens.into()));
    let response = ServiceBuilder::new().layer(layer).service(app.http.clone()).oneshot(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    Ok(format!("{status}: {}", String::from_utf8_lossy(&body).chars().take(200).collect::<String>()))
}

fn failed(error: &StoreError) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
