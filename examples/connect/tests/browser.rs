//! The page in a browser, as a person uses it: `interop/browser/connect.mjs` has the steps.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod ports;

use std::path::PathBuf;
use std::process::Stdio;

use connect::args::Args;
use connect::emulated::Emulated;
use connect::{app, storage};
use tokio::process::Command;
use tower_auth_store::Connect;

// SYS-U2, SYS-V12, SYS-C10, SYS-C11, SYS-C12, SYS-C14, SYS-C24
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_connect_test_reconnect_and_end_their_accounts_in_a_browser() {
    let Some(harness) = std::env::var_os("TOWER_AUTH_BROWSER").map(PathBuf::from) else {
        assert!(std::env::var_os("TOWER_AUTH_REQUIRE").is_none(), "TOWER_AUTH_BROWSER is not set");
        println!("skipped: TOWER_AUTH_BROWSER is not set");
        return;
    };
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

    let pictures = match std::env::var_os("TOWER_AUTH_PICTURES") {
        Some(kept) => PathBuf::from(kept),
        None => PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("connect-pictures"),
    };
    let output = Command::new("node")
        .arg(harness.join("connect.mjs"))
        .args([&url, emulated.api_key.as_ref().unwrap()])
        .arg(&pictures)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}{}pictures: {}", String::from_utf8_lossy(&output.stderr), pictures.display());
    store.close().await;
    running.await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(output.status.success() && said.contains("all passed"), "{said}");
}
