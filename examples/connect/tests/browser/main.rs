//! The page in a browser, as a person uses it. The steps are in `interop/browser`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by the one, and says by the other what it skips"
)]

mod chromium;
mod embedding;
mod fleet;
#[path = "../ports/mod.rs"]
mod ports;
mod replicas;

use connect::args::Args;
use connect::emulated::Emulated;
use connect::{app, storage};
use tower_auth_store::Connect;

use chromium::Chromium;

// SYS-U2, SYS-V12, SYS-C10, SYS-C11, SYS-C12, SYS-C14, SYS-C24
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_connect_test_reconnect_and_end_their_accounts_in_a_browser() {
    let Some(chromium) = Chromium::find() else { return };
    let folder = std::env::temp_dir().join(format!("tower-auth-connect-test-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let page = format!("{url}/connect");
    let emulated = Emulated::start(ports::free_ports(), &page).await.unwrap();
    let database = folder.join("connect.db");
    let args = Args::parse(["--database".into(), database.into_os_string()]).unwrap().unwrap();
    let connectors = emulated.connectors().unwrap();
    let store = storage::open(&args, connectors, &[format!("{url}/connected")]).await.unwrap();
    let connect = Connect::builder(store.clone(), &page).application("Example application").build().unwrap();
    emulated.allow(&connect);
    let running = tokio::spawn(store.run());
    let router = app::router(store.clone(), connect, &url);
    tokio::spawn(async move { axum::serve(listener, router).await });

    let said = chromium.run("connect.mjs", &[&url, emulated.api_key.as_ref().unwrap()], "one").await;
    store.close().await;
    running.await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    said.is_good();
}
