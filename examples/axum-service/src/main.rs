//! An axum service whose callers show access tokens, and an authorization server to try it with.
//!
//! ```text
//! cargo run -p axum-service            # serves, and prints what to call
//! cargo run -p axum-service -- --demo  # calls itself, prints the answers, and ends
//! ```
//!
//! What you would copy is in `app.rs`: a verifier, and extractors in the handlers.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

mod app;
mod demo;

use std::io;
use std::net::Ipv4Addr;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower_auth_axum::core::{BoxError, ConfigError};
use tower_auth_testing::{AuthorizationServer, TestClient};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let login = authorization_server()?;
    let _listening = login.listen().await?;

    let (base, serving) = start(&login).await?;
    if std::env::args().any(|argument| argument == "--demo") {
        print!("{}", demo::run(&base, &login).await?);
        return Ok(());
    }
    print_calls(&base, &login.token_url());
    tokio::select! {
        outcome = serving => outcome??,
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    Ok(())
}

/// Serves the app on a free port: where, and until when.
async fn start(login: &AuthorizationServer) -> Result<(String, JoinHandle<io::Result<()>>), BoxError> {
    let app = app::app(app::verifier(login.issuer())?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let base = format!("http://{}", listener.local_addr()?);
    Ok((base, tokio::spawn(async move { axum::serve(listener, app).await })))
}

/// Stands for the login of your organisation. It has two clients: one may read orders.
fn authorization_server() -> Result<AuthorizationServer, ConfigError> {
    AuthorizationServer::builder()
        .client_with(TestClient::new("reader", "secret").scopes(["orders:read"]))
        .client_with(TestClient::new("visitor", "secret").scopes(["greet"]))
        .build()
}

fn print_calls(base: &str, token_url: &str) {
    let audience = app::AUDIENCE;
    println!("Serving on {base}; ctrl-c ends it. In another terminal:");
    println!();
    println!(
        "  TOKEN=$(curl -s -u reader:secret -d grant_type=client_credentials -d audience={audience} {token_url} \\"
    );
    println!("    | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')");
    println!("  curl -i {base}/                                      # for everybody");
    println!("  curl -i {base}/me                                    # 401");
    println!("  curl -i -H \"Authorization: Bearer $TOKEN\" {base}/me");
    println!("  curl -i -H \"Authorization: Bearer $TOKEN\" {base}/orders");
    println!();
    println!("With the client `visitor` in place of `reader` the orders answer 403.");
}

#[cfg(test)]
mod tests {
    use super::*;

    // R6750-3.1a, R6750-3.1b, R9110-11.3a
    #[tokio::test]
    async fn the_demo_gets_the_answers_that_it_expects() {
        let login = authorization_server().unwrap();
        let _listening = login.listen().await.unwrap();
        let (base, _serving) = start(&login).await.unwrap();

        let report = demo::run(&base, &login).await.unwrap();
        assert!(report.contains("hello stranger") && report.contains("hello reader"), "{report}");
        assert!(report.contains(r#"403 Bearer realm="orders", error="insufficient_scope""#), "{report}");
    }
}
