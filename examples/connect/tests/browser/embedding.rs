use std::net::SocketAddr;

use axum::Router;
use axum::extract::Path;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use http::StatusCode;
use tokio::net::TcpListener;
use tower_auth_store::core::{ConnectionBuilder, ProviderSpec, ProviderValues};
use tower_auth_store::{Connect, ConnectSession, Connector, CredentialStore, KeyRing, Owner, SqliteOptions};
use tower_auth_testing::{Account, ApiKeyProvider, OAuthProvider};

use crate::chromium::Chromium;

/// A page of an application that writes down what it is told.
const HOST: &str = "<!doctype html><html lang=\"en\"><title>An application</title><link rel=\"icon\" href=\"data:,\">\
    <script>window.heard=[];addEventListener('message',({origin,data})=>heard.push({origin,data}))</script>\
    <body><h1>An application</h1></body></html>";

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn serve(listener: TcpListener, router: Router) {
    tokio::spawn(async move { axum::serve(listener, router).await });
}

/// The page for a new session that tells `opener`.
fn open(connect: &Connect, opener: &str) -> Response {
    let session = ConnectSession::new(Owner::user("demo-user").unwrap()).opener_origin(opener);
    Redirect::to(connect.start_url(&connect.sign(&session).unwrap()).expose_secret()).into_response()
}

// SYS-U2, SYS-C12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_application_around_the_page_is_told_and_no_other() {
    let Some(chromium) = Chromium::find() else { return };
    let (pages, address) = listen().await;
    // Of another site than the provider's address, as it is elsewhere.
    let url = format!("http://localhost:{}", address.port());
    let (one, other) = (listen().await, listen().await);
    // The first host is two applications to a browser: one of the page's own site, and one of another.
    let (near, far) = (format!("http://localhost:{}", one.1.port()), format!("http://{}", one.1));
    let stranger = format!("http://localhost:{}", other.1.port());
    for (listener, _) in [one, other] {
        serve(listener, Router::new().route("/", get(|| async { Html(HOST) })));
    }

    let alice = Account::new("alice").name("Alice Example");
    let drive = OAuthProvider::builder().client("client", "secret").display_name("Acme Drive").account(alice);
    let drive = drive.listen().await.unwrap();
    let weather = ApiKeyProvider::builder().display_name("Weather Desk").listen().await.unwrap();
    let key = weather.issue(Account::new("demo"));
    let connector = |text: &str, values: ProviderValues| {
        let spec = ProviderSpec::from_toml(text).unwrap();
        Connector::new(spec).values(values).connection(ConnectionBuilder::allow_loopback_http)
    };
    let empty = || ProviderValues::new().env(|_| None);
    let client = || empty().value("client_id", "client").value("client_secret", "secret");
    let posted = drive
        .provider_toml("acme-post")
        .replace("kind = \"oauth2_code\"", "kind = \"oauth2_code\"\nresponse_mode = \"form_post\"")
        .replace("Acme Drive", "Acme Post");
    let backend = SqliteOptions::memory().open().await.unwrap();
    let store = CredentialStore::builder(backend, KeyRing::new("k1", &KeyRing::generate_key()).unwrap())
        .connector(connector(&drive.provider_toml("acme-drive"), client()))
        .connector(connector(&posted, client()))
        .connector(connector(&weather.provider_toml("weather-desk"), empty()))
        .open()
        .await
        .unwrap();
    let builder = |path: &str| Connect::builder(store.clone(), format!("{url}{path}")).application("An application");
    let framed = builder("/connect").allow_frame(&near).build().unwrap();
    let closed = builder("/closed").build().unwrap();
    for id in ["acme-drive", "acme-post"] {
        drive.add_redirect_uri(framed.callback_url(id));
    }
    let router = {
        let (framed, closed, near, far) = (framed.clone(), closed.clone(), near.clone(), far.clone());
        let opens = move |Path(whose): Path<String>| async move {
            match whose.as_str() {
                "near" => open(&framed, &near),
                "far" => open(&framed, &far),
                "closed" => open(&closed, &near),
                _ => StatusCode::NOT_FOUND.into_response(),
            }
        };
        Router::new().route("/open/{whose}", get(opens))
    };
    serve(pages, router.nest("/connect", framed.router()).nest("/closed", closed.router()));

    let args = [url.as_str(), key.expose_secret(), &near, &far, &stranger];
    let said = chromium.run("embedding.mjs", &args, "embedding").await;
    store.close().await;
    said.is_good();
}
