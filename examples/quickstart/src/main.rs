//! The main job in one command: a client gets a token from an authorization server, calls a guarded axum API and a guarded tonic
//! service, rides through an expiry without a pause, and recovers from a refused token.
//!
//! `cargo run --bin quickstart`
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program that shows what happens")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "measures what a user would feel")]

mod clients;
mod services;

use std::time::{Duration, Instant};

use tower_auth::core::{BoxError, ClientCredentials, TokenCache};
use tower_auth_testing::{AuthorizationServer, TestClient};

use self::clients::{ApiClient, HealthClient};
use self::services::{COOLDOWN, Services};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    println!("1. An authorization server, an axum API and a tonic service start on loopback ports.");
    let orders = TestClient::new("orders-client", "s3cret").audience("orders").scopes(["orders:read"]);
    let server = AuthorizationServer::builder().client_with(orders.lifetime(Duration::from_secs(2))).build()?;
    let _listening = server.listen().await?;
    let services = Services::start(server.issuer()).await?;
    println!("   issuer {}, API {}, gRPC {}", server.issuer(), services.http, services.grpc);

    println!("\n2. A call without a credential is refused, and told what is wanted.");
    let refused = ApiClient::anonymous(&services).me().await?;
    println!("   {}, WWW-Authenticate: {}", refused.status, refused.challenge);

    println!("\n3. The same call through `AuthLayer`: the first one waits for a token, the others do not.");
    let tokens = ClientCredentials::new(server.token_url(), "orders-client", "s3cret")
        .scopes(["orders:read"])
        .allow_loopback_http()
        .cached()?;
    let api = ApiClient::new(&services, &tokens)?;
    for _ in 0..3 {
        let answer = api.me().await?;
        println!("   {}, {:?}, in {:.1?}", answer.status, answer.body, answer.took);
    }
    let health = HealthClient::new(&services, &tokens).await?;
    println!("   gRPC health with the same token: {}", health.check().await?);
    println!("   token requests so far: {}", server.token_requests());

    println!("\n4. Tokens live 2 seconds here. Five seconds of HTTP and gRPC calls, through several expiries:");
    let ride = ride(&api, &health).await?;
    println!("   {} calls, none refused, none sent twice; the longest took {:.1?}", ride.calls, ride.longest);
    println!("   token requests so far: {}", server.token_requests());

    println!(
        "\n5. The authorization server retires its signing key, and the services learn of it. The token that the client"
    );
    println!("   still holds is refused: a new token is fetched, and the request is sent a second time.");
    fresh_token(&api, &tokens).await?;
    let (before, old) = (server.token_requests(), tokens.current().await?.generation);
    server.rotate_keys(false);
    tokio::time::sleep(COOLDOWN).await;
    services.meet_the_new_key(&server).await?;
    let answer = api.me().await?;
    let new = tokens.current().await?.generation;
    println!("   {}, {:?}, sent {} times; token generation {old} -> {new}", answer.status, answer.body, answer.sends);
    println!(
        "   gRPC health: {}; token requests for that: {}",
        health.check().await?,
        server.token_requests() - before
    );
    if (answer.status, answer.sends) != (http::StatusCode::OK, 2) {
        return Err("the refused request was not recovered".into());
    }

    println!("\nDone. The cache is {:?} and ready: {}.", tokens.status().state, tokens.status().is_ready());
    Ok(())
}

struct Ride {
    calls: u32,
    longest: Duration,
}

/// Calls both services for five seconds and fails at the first refusal.
async fn ride(api: &ApiClient, health: &HealthClient) -> Result<Ride, BoxError> {
    let end = Instant::now() + Duration::from_secs(5);
    let mut ride = Ride { calls: 0, longest: Duration::ZERO };
    while Instant::now() < end {
        let (answer, serving) = tokio::join!(api.me(), health.check());
        let answer = answer?;
        serving?;
        if (answer.status, answer.sends) != (http::StatusCode::OK, 1) {
            return Err(format!("a call got {} after {} sends", answer.status, answer.sends).into());
        }
        ride.longest = ride.longest.max(answer.took);
        ride.calls += 2;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(ride)
}

/// Waits until the cache holds a token that was just fetched, so that the next step is about nothing else.
async fn fresh_token(api: &ApiClient, tokens: &TokenCache) -> Result<(), BoxError> {
    let old = tokens.current().await?.generation;
    while tokens.current().await?.generation == old {
        api.me().await?;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}
