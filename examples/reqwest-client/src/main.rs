//! Calls an API with reqwest. The tokens come from an authorization server by client credentials, renew themselves, and are
//! replaced when the API refuses one.
//!
//! ```text
//! cargo run -p reqwest-client
//! ```
//!
//! It needs no network: [`servers`] plays the authorization server and the API. What you would copy is in this file, and in
//! `Cargo.toml` the features `http`, `oauth` and `reqwest` of `tower-auth`; add a TLS feature of reqwest, such as `rustls`.
#![allow(clippy::print_stdout, reason = "an example says what it does")]

mod servers;

use reqwest_middleware::ClientWithMiddleware;
use tower_auth::core::{BoxError, ClientCredentials, Secret};
use tower_auth::{AuthLayer, NotRecovered};

use self::servers::Servers;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let servers = Servers::start().await?;
    let client = client(&servers.token_url, &servers.api)?;
    let orders = format!("{}/orders", servers.api);

    println!("Two calls, one token:");
    println!("  {}", client.get(&orders).send().await?.status());
    println!("  {}", client.post(&orders).json(&["a book", "a pen"]).send().await?.status());
    println!("  token requests: {}", servers.token_requests());

    println!("The API refuses the token; the call is sent again with a new one:");
    servers.refuse_the_token();
    println!("  {}", client.post(&orders).json(&["a lamp"]).send().await?.status());
    println!("  token requests: {}", servers.token_requests());

    println!("It refuses that one too, and the authorization server is down; the refusal comes with the reason:");
    servers.refuse_the_token();
    servers.stop_issuing();
    let response = client.get(&orders).send().await?;
    println!("  {}", response.status());
    if let Some(NotRecovered::RefreshFailed(error)) = response.extensions().get() {
        println!("  {error}");
        println!("  worth another try later: {}", error.is_transient());
    }
    Ok(())
}

/// The client that the rest of a program uses. A clone of it shares tokens and connections.
fn client(token_url: &str, api: &str) -> Result<ClientWithMiddleware, BoxError> {
    // In a program of yours: `Secret::env("ORDERS_SECRET")?`.
    let secret = Secret::from("correct horse");
    let tokens = ClientCredentials::new(token_url, "orders", secret)
        .allow_loopback_http() // for this example; a real token URL is https
        .cached()?;
    // The servers are on this machine, whatever proxy it has.
    let reqwest = reqwest::Client::builder().no_proxy();
    Ok(AuthLayer::new(tokens, [api])?.reqwest(reqwest)?)
}
