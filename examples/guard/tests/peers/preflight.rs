use axum::Router;
use axum::response::Html;
use axum::routing::get;
use tokio::net::TcpListener;
use tower_auth_testing::AuthorizationServer;

use crate::browser::Browser;
use crate::support::{Guard, callers};

/// A page whose script calls `url` with a token, and writes into the title what it may know of the answer.
fn page(url: &str, token: &str) -> String {
    format!(
        "<script>
         const request = new XMLHttpRequest();
         try {{
           request.open('GET', {url:?}, false);
           request.setRequestHeader('Authorization', 'Bearer {token}');
           request.send();
           document.title = request.status + ' ' + (request.getResponseHeader('WWW-Authenticate') || 'no challenge');
         }} catch (error) {{ document.title = 'blocked'; }}
         </script>"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_lets_pages_of_named_origins_call_and_no_others() {
    let Some(browser) = Browser::start().await else { return };
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let text = format!(
        "{}[server]\nallow_plaintext_issuer = true\n[cors]\norigins = [\"http://127.0.0.1:{port}\"]\n",
        callers(&server.issuer())
    );
    let guard = Guard::start(&text);
    let url = format!("http://{}/me", guard.http);
    let good = page(&url, &server.mint().audience("orders").sign());
    let bad = page(&url, "x.y.z");
    let pages = Router::new().route("/good", get(|| async { Html(good) })).route("/bad", get(|| async { Html(bad) }));
    tokio::spawn(async move { axum::serve(listener, pages).await });

    browser.open(&format!("http://127.0.0.1:{port}/good")).await;
    assert_eq!(browser.title().await, "200 no challenge");
    browser.open(&format!("http://127.0.0.1:{port}/bad")).await;
    let title = browser.title().await;
    assert!(title.starts_with("401 Bearer realm=\"orders\", error=\"invalid_token\""), "{title}");
    // The same pages under another name are another origin.
    browser.open(&format!("http://localhost:{port}/good")).await;
    assert_eq!(browser.title().await, "blocked");
}
