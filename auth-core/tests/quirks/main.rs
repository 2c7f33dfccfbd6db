//! The ways in which real providers depart from the standards: one endpoint per way, which takes the odd request and nothing
//! else, and answers as oddly.
#![cfg(all(feature = "provider", feature = "http"))]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by it, and says what came instead")]

mod answers;
mod captures;
mod client_proof;
mod consent;
mod docs;
mod fields;
mod lifetimes;
mod log;
mod logins;
mod placement;
mod renewal;
mod script;
mod token_request;

use std::time::{Duration, SystemTime};

use http::Request;
use tower_auth_core::{
    Connection, ConnectionBuilder, Lifetime, ProviderSpec, ProviderValues, TokenError, TokenResponse,
};
use tower_auth_testing::TestClock;

use crate::script::{Script, shown};

/// A provider with the method `method`, whose API is at a fixed place.
fn acme(method: &str) -> String {
    format!("id = \"acme\"\nbase_url = \"https://api.acme.test\"\n\n[[auth]]\n{method}\n")
}

fn values(given: &[(&str, &str)]) -> ProviderValues {
    given.iter().fold(ProviderValues::new().env(|_| None), |all, (name, value)| all.value(*name, *value))
}

/// The usual pair, and `more`.
fn pair<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[("client_id", "id"), ("client_secret", "s3cret+/%:")], more].concat()
}

fn builder(file: &str, given: &[(&str, &str)], server: &Script, time: &TestClock) -> ConnectionBuilder {
    let spec = ProviderSpec::from_toml(file).unwrap_or_else(|errors| panic!("{errors}\n{file}"));
    let filled = spec.fill(&values(given)).unwrap_or_else(|errors| panic!("{errors}"));
    filled.connect().http_client(server.http()).clock(time.clock())
}

fn connect(file: &str, given: &[(&str, &str)], server: &Script, time: &TestClock) -> Connection {
    builder(file, given, server, time).build().unwrap()
}

/// A request to the API, as it leaves.
async fn api(connection: &Connection) -> String {
    let base = connection.base_url().unwrap();
    let mut request = Request::get(format!("{base}/items?page=2")).body(bytes::Bytes::new()).unwrap();
    connection.credential().await.unwrap().apply(&mut request).unwrap();
    shown(&request)
}

/// The only header of a request to the API.
async fn authorization(connection: &Connection) -> String {
    let text = api(connection).await;
    let (head, rest) = text.split_once('\n').unwrap();
    assert_eq!(head, "GET https://api.acme.test/items?page=2");
    rest.strip_prefix("authorization: ").unwrap_or(rest).trim_end().to_owned()
}

/// What the first token request of the description fails with.
async fn refusal(connection: &Connection) -> TokenError {
    connection.credential().await.unwrap_err()
}

/// Sends a person to the provider, who comes back with `query` behind the state. The URL, and what came of it.
#[cfg(feature = "authorization-code")]
async fn sign_in(
    connection: &Connection,
    query: &str,
) -> (String, Result<TokenResponse, tower_auth_core::AuthorizationError>) {
    let login = connection.login("https://app.test/callback").unwrap();
    let started = login.start().await.unwrap();
    let state = started.url.split(['&', '?']).find_map(|pair| pair.strip_prefix("state=")).unwrap().to_owned();
    let callback = login.callback(&format!("{query}&state={state}")).unwrap();
    let result = login.finish(started.transaction, &callback).await;
    (started.url.replace(&state, "STATE"), result)
}

/// The lifetime of the last token, in seconds.
fn lifetime(connection: &Connection) -> Option<u64> {
    match connection.response().unwrap().lifetime() {
        Lifetime::For(lifetime) => Some(lifetime.as_secs()),
        _ => None,
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn captured(connection: &Connection, name: &str) -> Option<String> {
    connection.captured().get(name).map(|value| value.expose_secret().to_owned())
}

/// Seconds since 1970 on a clock of tests.
fn unix(time: &TestClock) -> u64 {
    time.now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}
