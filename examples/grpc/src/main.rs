//! A tonic service whose callers show access tokens, a client that gets them, and an authorization server to try both with.
//!
//! ```text
//! cargo run -p grpc             # the client calls the service, and the program ends
//! cargo run -p grpc -- --serve  # only serves, and prints where
//! ```
//!
//! What you would copy is in `service.rs` and `client.rs`. No protoc is needed.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

mod client;
mod service;

use tower_auth_testing::{AuthorizationServer, TestClient};
use tower_auth_tonic::core::{BoxError, ConfigError};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let login = authorization_server()?;
    let _listening = login.listen().await?;

    let (origin, serving) = service::start(service::verifier(login.issuer())?)?;
    if std::env::args().any(|argument| argument == "--serve") {
        println!("Serving on {origin}, with tokens of {}; ctrl-c ends it.", login.token_url());
        tokio::select! {
            outcome = serving => return outcome,
            stopped = tokio::signal::ctrl_c() => return Ok(stopped?),
        }
    }
    tokio::spawn(serving);
    print!("{}", client::run(&origin, &login).await?);
    Ok(())
}

/// Stands for the login of your organisation. It has two clients: one may watch.
fn authorization_server() -> Result<AuthorizationServer, ConfigError> {
    AuthorizationServer::builder()
        .client_with(TestClient::new("operator", "secret").scopes(["health:watch"]))
        .client_with(TestClient::new("visitor", "secret").scopes(["greet"]))
        .build()
}

#[cfg(test)]
mod tests {
    use tower_auth_testing::Endpoint;

    use super::*;

    // GRPC-1, GRPC-3, GRPC-9
    #[tokio::test]
    async fn the_client_gets_the_answers_that_it_expects() {
        let login = authorization_server().unwrap();
        let _listening = login.listen().await.unwrap();
        let (origin, serving) = service::start(service::verifier(login.issuer()).unwrap()).unwrap();
        tokio::spawn(serving);

        let report = client::run(&origin, &login).await.unwrap();
        assert_eq!(report.lines().count(), 5, "{report}");
        // One each for the visitor and the operator, and one in place of the dead token.
        assert_eq!(login.request_count(Endpoint::Token), 3);
    }
}
