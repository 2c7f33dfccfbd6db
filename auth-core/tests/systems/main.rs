//! Five systems that must work, requirement by requirement, by their provider files.
//!
//! What belongs to a store of credentials or to its pages is not here; the comment above a test says where a line is split.
#![cfg(all(feature = "provider", feature = "http", feature = "authorization-code"))]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by it")]

mod alloy;
mod alloy_automation;
mod aluma;
mod alumio;
mod alvys;
#[path = "../quirks/script.rs"]
#[allow(dead_code, reason = "shared with the quirks")]
mod script;

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tower_auth_core::{ConfigErrors, Connection, ConnectionBuilder, HttpClient, ProviderSpec, ProviderValues};
use tower_auth_testing::TestClock;

use crate::script::shown;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A provider file of the project.
fn file(path: &str) -> String {
    std::fs::read_to_string(format!("{FOLDER}/{path}")).unwrap()
}

fn read(text: &str) -> ProviderSpec {
    ProviderSpec::from_toml(text).unwrap_or_else(|errors| panic!("{errors}"))
}

fn values(given: &[(&str, &str)]) -> ProviderValues {
    given.iter().fold(ProviderValues::new().env(|_| None), |all, (name, value)| all.value(*name, *value))
}

/// The lines of what is wrong with `given`.
fn mistakes(spec: &ProviderSpec, given: &[(&str, &str)]) -> Vec<String> {
    let errors: ConfigErrors = spec.fill(&values(given)).unwrap_err();
    errors.to_string().lines().map(str::to_owned).collect()
}

fn builder(text: &str, given: &[(&str, &str)], http: HttpClient, time: &TestClock) -> ConnectionBuilder {
    let filled = read(text).fill(&values(given)).unwrap_or_else(|errors| panic!("{errors}"));
    filled.connect().http_client(http).clock(time.clock())
}

fn connect(text: &str, given: &[(&str, &str)], http: HttpClient, time: &TestClock) -> Connection {
    builder(text, given, http, time).build().unwrap()
}

/// A request to the API, as it leaves.
async fn api(connection: &Connection, path: &str) -> String {
    let base = connection.base_url().unwrap_or_else(|| "https://api.test".to_owned());
    let mut request = Request::get(format!("{base}{path}")).body(Bytes::new()).unwrap();
    connection.credential().await.unwrap().apply(&mut request).unwrap();
    shown(&request)
}

/// The `Authorization` of a request to the API.
async fn authorization(connection: &Connection) -> String {
    let text = api(connection, "/").await;
    text.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap().to_owned()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
