//! A service calls others, over HTTP and gRPC, on behalf of whoever called it. The caller's token is exchanged, never passed on.
//!
//! `cargo run -p on-behalf-of`
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program that shows what happens")]

mod orders;
mod stock;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower_auth::core::BoxError;
use tower_auth_testing::{AuthorizationServer, TestClient};

use self::stock::Stock;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let login = AuthorizationServer::builder().client_with(TestClient::new("orders", "s3cret")).build()?;
    let _listening = login.listen().await?;
    let stock = Stock::start(login.issuer()).await?;
    let orders = format!("{}/order", orders::start(&login, stock.clone()).await?);
    println!("1. `orders` listens at {orders}, `stock` behind it at {} and {}.", stock.http, stock.grpc);

    // A web page would have got these for its users.
    let token_of = |user: &str| login.mint().subject(user).client_id("web").audience(orders::AUDIENCE).sign();
    let (alice, bob) = (token_of("alice"), token_of("bob"));

    println!("\n2. Alice and Bob call `orders`, which asks `stock` in their names.");
    for (name, token) in [("alice", &alice), ("alice", &alice), ("bob", &bob)] {
        let (status, body) = get(&orders, Some(token)).await?;
        println!("   {name}: {} {body}", status.as_u16());
        expect(status == StatusCode::OK && body.matches(name).count() == 2, "a call on behalf of a user failed")?;
    }
    println!("   exchanges: {}, one for each of the two", login.token_requests());
    expect(login.token_requests() == 2, "one exchange for each caller was expected")?;

    println!("\n3. Nobody gets in without a token, and a token for `orders` is worth nothing at `stock`.");
    let (nobody, _) = get(&orders, None).await?;
    let (passed_on, _) = get(&format!("{}/level", stock.http), Some(&alice)).await?;
    println!("   nobody: {}; alice's token passed on: {}", nobody.as_u16(), passed_on.as_u16());
    let unauthorized = StatusCode::UNAUTHORIZED;
    expect((nobody, passed_on) == (unauthorized, unauthorized), "both should be refused")?;

    println!("\nDone.");
    Ok(())
}

async fn get(url: &str, token: Option<&str>) -> Result<(StatusCode, String), BoxError> {
    let mut request = Request::get(url);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request.body(Empty::<Bytes>::new())?).await?;
    let status = response.status();
    Ok((status, String::from_utf8_lossy(&response.into_body().collect().await?.to_bytes()).into_owned()))
}

fn expect(is_true: bool, otherwise: &str) -> Result<(), BoxError> {
    if is_true { Ok(()) } else { Err(otherwise.into()) }
}
